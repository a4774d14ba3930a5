#include "adapter/portal_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"

/* Folded, as struct portal_settings holds them. */
static const struct config_portal config = {
    .permanent_text = {{"không hợp lệ", "không đúng", "bắt buộc", "vượt quá"}, 4},
    .auth_error_text = {{"phiên làm việc", "session", "token", "chưa đăng nhập", "đăng nhập lại"},
                        5},
    .exists_text = {{"đã tồn tại"}, 1},
    .missing_text = {{"không tồn tại", "chưa được đồng bộ"}, 2},
};

/* As the HTTP client leaves a request. */
static struct http_req answer(long status)
{
    struct http_req http = {.result = HTTP_ANSWERED, .status = status, .took_ms = 12};

    return http;
}

static struct outcome judge_as(const struct config_portal *c, enum portal_call_kind kind,
                               const struct http_req *http, const char *body, size_t n)
{
    struct outcome out = {0};
    struct portal_reply reply;

    portal_reply_read(&reply, body, n);
    portal_reply_judge(c, kind, http, &reply, &out);
    portal_reply_free(&reply);
    return out;
}

static struct outcome judge(enum portal_call_kind kind, long status, const char *body)
{
    struct http_req http = answer(status);

    return judge_as(&config, kind, &http, body, strlen(body));
}

static enum outcome_class push(const char *body)
{
    return judge(PORTAL_PUSH, 200, body).class;
}

static enum outcome_class push_code(const char *code, const char *message)
{
    char body[512];

    (void)snprintf(body, sizeof(body), "{\"error_code\":%s,\"message\":\"%s\"}", code, message);
    return push(body);
}

/* N09: every way to write the code. Without a text only zero is a success. */
static void only_a_whole_zero_is_a_success(void **state)
{
    static const struct {
        const char *code;
        enum outcome_class class;
    } rows[] = {
        {"0", OUTCOME_DONE},
        {"-0", OUTCOME_DONE},
        {"\"0\"", OUTCOME_DONE},
        {"\"00\"", OUTCOME_DONE},
        {"\"000\"", OUTCOME_DONE},
        {"\" 0 \"", OUTCOME_DONE},
        {"\"0\\n\"", OUTCOME_DONE},
        {"\"+0\"", OUTCOME_DONE},
        {"\"-0\"", OUTCOME_DONE},
        {"0e0", OUTCOME_DONE},
        {"0.0", OUTCOME_DONE},
        {"-1", OUTCOME_BACKOFF},
        {"\"-1\"", OUTCOME_BACKOFF},
        {"\"-01\"", OUTCOME_BACKOFF},
        {"1", OUTCOME_BACKOFF},
        {"\"1\"", OUTCOME_BACKOFF},
        {"3", OUTCOME_BACKOFF},
        {"\"3\"", OUTCOME_BACKOFF},
        {"-3", OUTCOME_BACKOFF},
        {"\"-3\"", OUTCOME_BACKOFF},
        {"99", OUTCOME_BACKOFF},
        {"\"99999\"", OUTCOME_BACKOFF},
        {"500", OUTCOME_BACKOFF},
        {"null", OUTCOME_UNSURE},
        {"true", OUTCOME_UNSURE},
        {"false", OUTCOME_UNSURE},
        {"\"true\"", OUTCOME_UNSURE},
        {"\"\"", OUTCOME_UNSURE},
        {"\" \"", OUTCOME_UNSURE},
        {"\"0x0\"", OUTCOME_UNSURE},
        {"\"0.0\"", OUTCOME_UNSURE},
        {"\"0,0\"", OUTCOME_UNSURE},
        {"\"0 0\"", OUTCOME_UNSURE},
        {"\"0L\"", OUTCOME_UNSURE},
        {"\"OK\"", OUTCOME_UNSURE},
        {"\"O\"", OUTCOME_UNSURE},
        {"\"\xEF\xBC\x90\"", OUTCOME_UNSURE}, /* a full-width zero */
        {"\"00000000000000000000000001\"", OUTCOME_UNSURE},
        {"\"99999999999999999999\"", OUTCOME_UNSURE},
        {"1e999", OUTCOME_UNSURE},
        {"-1e999", OUTCOME_UNSURE},
        {"0.5", OUTCOME_UNSURE},
        {"9007199254740993", OUTCOME_UNSURE},
        {"00", OUTCOME_UNSURE},
        {"0x0", OUTCOME_UNSURE},
        {"+0", OUTCOME_UNSURE},
        {"NaN", OUTCOME_UNSURE},
        {"[0]", OUTCOME_UNSURE},
        {"{}", OUTCOME_UNSURE},
        {"[]", OUTCOME_UNSURE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum outcome_class class = push_code(rows[i].code, "");

        if (class != rows[i].class) {
            fail_msg("error_code %s gave %s, not %s", rows[i].code, outcome_name(class),
                     outcome_name(rows[i].class));
        }
    }
    assert_int_equal(push("{}"), OUTCOME_UNSURE);
    assert_int_equal(push("{\"message\":\"Thành công\"}"), OUTCOME_UNSURE);
    assert_int_equal(push("{\"Error_Code\":0}"), OUTCOME_UNSURE);
    assert_int_equal(push("{\"error_code\":0,\"error_code\":-1}"), OUTCOME_UNSURE);
    assert_int_equal(push("{\"error_code\":0}"), OUTCOME_DONE);
    assert_int_equal(push("\xEF\xBB\xBF {\"error_code\": \"00\",\r\n \"message\": null }\r\n"),
                     OUTCOME_DONE);
}

static void texts_decide_as_the_table_says(void **state)
{
    static const struct {
        const char *code;
        const char *message;
        enum outcome_class class;
    } rows[] = {
        {"0", "Thành công", OUTCOME_DONE},
        {"\"0\"", "Đồng bộ hồ sơ thành công", OUTCOME_DONE},
        {"0", "CẬP NHẬT TIẾN ĐỘ THÀNH CÔNG", OUTCOME_DONE},
        {"0", "Tha\u0300nh co\u0302ng", OUTCOME_DONE}, /* decomposed */
        {"0", "  ", OUTCOME_DONE},
        {"0", "OK", OUTCOME_DONE},
        {"0", "Hồ sơ đã tồn tại", OUTCOME_EXISTS},
        {"3", "Hồ sơ ĐÃ TỒN TẠI", OUTCOME_EXISTS},
        {"\"-3\"", "H56-1| đã tồn tại", OUTCOME_EXISTS},
        {"1", "đã tồn tại", OUTCOME_EXISTS},
        {"-1", "Hồ sơ đã tồn tại, không hợp lệ", OUTCOME_EXISTS},
        {"0", "Hồ sơ không tồn tại", OUTCOME_MISSING},
        {"-1", "Hồ sơ không tồn tại", OUTCOME_MISSING},
        {"-1", "Hồ sơ chưa được đồng bộ", OUTCOME_MISSING},
        {"5", "Hồ sơ chưa được đồng bộ", OUTCOME_MISSING},
        {"-1", "Mã TTHC không hợp lệ", OUTCOME_PERMANENT},
        {"-1", "Trường MaTTHC bắt buộc", OUTCOME_PERMANENT},
        {"-1", "GhiChu vượt quá 2000 ký tự", OUTCOME_PERMANENT},
        {"2", "Mã TTHC không hợp lệ", OUTCOME_BACKOFF}, /* the text counts with -1 only */
        {"-1", "Lỗi hệ thống", OUTCOME_BACKOFF},
        {"-1", "", OUTCOME_BACKOFF},
        {"-1", "Thành công", OUTCOME_BACKOFF},
        {"-1", "Phiên làm việc không hợp lệ", OUTCOME_AUTH},
        {"-1", "Phiên làm việc không tồn tại", OUTCOME_AUTH},
        {"401", "Invalid token", OUTCOME_AUTH},
        {"-1", "Bạn chưa đăng nhập", OUTCOME_AUTH},
        {"-1", "Phiên bản thủ tục không hợp lệ", OUTCOME_PERMANENT}, /* not about a session */
        {"-1", "Thủ tục đã hết hạn", OUTCOME_BACKOFF},
        {"0", "Đồng bộ không thành công", OUTCOME_UNSURE},
        {"0", "Chưa thành công", OUTCOME_UNSURE},
        {"0", "Thất bại", OUTCOME_UNSURE},
        {"0", "Có lỗi xảy ra", OUTCOME_UNSURE},
        {"0", "Mã TTHC không hợp lệ", OUTCOME_UNSURE},
        {"0", "Phiên làm việc đã hết", OUTCOME_UNSURE},
        {"0", "Internal server error", OUTCOME_UNSURE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum outcome_class class = push_code(rows[i].code, rows[i].message);

        if (class != rows[i].class) {
            fail_msg("%s \"%s\" gave %s, not %s", rows[i].code, rows[i].message,
                     outcome_name(class), outcome_name(rows[i].class));
        }
    }
}

static void a_strict_portal_must_say_success(void **state)
{
    struct config_portal strict = config;
    struct http_req http = answer(200);
    const char *vague = "{\"error_code\":0,\"message\":\"Đã nhận\"}";
    const char *proven = "{\"error_code\":0,\"message\":\"Thành công\"}";

    (void)state;
    strict.strict_success_text = true;
    assert_int_equal(judge_as(&strict, PORTAL_PUSH, &http, vague, strlen(vague)).class,
                     OUTCOME_UNSURE);
    assert_int_equal(judge_as(&config, PORTAL_PUSH, &http, vague, strlen(vague)).class,
                     OUTCOME_DONE);
    assert_int_equal(judge_as(&strict, PORTAL_PUSH, &http, proven, strlen(proven)).class,
                     OUTCOME_DONE);
}

static void what_is_no_reply_leaves_a_push_in_doubt(void **state)
{
    static const char *const bodies[] = {
        "",
        " ",
        "null",
        "0",
        "\"thành công\"",
        "[]",
        "[{\"error_code\":0}]",
        "<html>502</html>",
        "{\"error_code\":0}{\"error_code\":0}",
        "{\"error_code\":0} x",
        "{'error_code':0}",
        "{\"error_code\":0,\"message\":[]}",
        "{\"error_code\":0,\"message\":{\"MaHoSo\":\"\"}}",
        "{\"error_code\":0,\"message\":true}",
        "{\"error_code\":0,\"message\":\"\\u0000\"}",
        "{\"error_code\":0,\"message\":\"\xFF\"}",
        "{\"result\":[]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct outcome out = judge(PORTAL_PUSH, 200, bodies[i]);

        if (out.class != OUTCOME_UNSURE || out.transport || out.words[0] == '\0') {
            fail_msg("%s gave %s \"%s\"", bodies[i], outcome_name(out.class), out.words);
        }
    }
    assert_int_equal(judge(PORTAL_PUSH, 204, "").class, OUTCOME_UNSURE);
}

/* Cut at each byte, whole and wrapped once more: a success only with its last byte. */
static void a_cut_reply_is_never_a_success(void **state)
{
    static const char *const bodies[] = {
        "{\"error_code\":0,\"message\":\"Đồng bộ hồ sơ thành công\"}",
        "{\"error_code\":\"00\"}",
        "{\"message\":\"{\\\"error_code\\\":0,\\\"message\\\":\\\"Thành công\\\"}\"}",
        "\"{\\\"error_code\\\":0,\\\"message\\\":\\\"Thành công\\\"}\"",
        "{\"error_code\":0,\"message\":\"{\\\"error_code\\\":\\\"0\\\"}\"}",
    };
    struct http_req http = answer(200);

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        size_t whole = strlen(bodies[i]);

        for (size_t n = 0; n < whole; n++) {
            struct outcome out = judge_as(&config, PORTAL_PUSH, &http, bodies[i], n);

            assert_int_equal(out.class, OUTCOME_UNSURE);
            out = judge_as(&config, PORTAL_READ, &http, bodies[i], n);
            assert_int_equal(out.class, OUTCOME_TRANSIENT);
        }
        assert_int_equal(judge_as(&config, PORTAL_PUSH, &http, bodies[i], whole).class,
                         OUTCOME_DONE);
    }
}

static void a_wrapped_reply_is_read_and_never_believed_half(void **state)
{
    static const struct {
        const char *body;
        enum outcome_class class;
    } rows[] = {
        {"{\"message\":\"{\\\"error_code\\\":\\\"-3\\\",\\\"message\\\":\\\"Hồ sơ đã tồn "
         "tại\\\"}\"}",
         OUTCOME_EXISTS},
        {"{\"error_code\":0,\"message\":\"{\\\"error_code\\\":-1,\\\"message\\\":\\\"Lỗi\\\"}\"}",
         OUTCOME_BACKOFF},
        {"{\"error_code\":-1,\"message\":\"{\\\"error_code\\\":0}\"}", OUTCOME_UNSURE},
        {"{\"error_code\":true,\"message\":\"{\\\"error_code\\\":0}\"}", OUTCOME_UNSURE},
        {"{\"error_code\":0,\"message\":\"{\\\"result\\\":[]}\"}", OUTCOME_DONE},
        {"{\"message\":\"{\\\"result\\\":[]}\"}", OUTCOME_UNSURE},
        {"{\"error_code\":0,\"message\":\"{\\\"error_code\\\":0\"}", OUTCOME_UNSURE},
        {"{\"error_code\":0,\"message\":\"{\\\"detail\\\":\\\"thành công\\\"}\"}", OUTCOME_UNSURE},
        {"{\"error_code\":0,\"message\":\"{thành công}\"}", OUTCOME_UNSURE},
        {"{\"error_code\":0,\"message\":\"[7] thành công\"}", OUTCOME_DONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum outcome_class class = push(rows[i].body);

        if (class != rows[i].class) {
            fail_msg("%s gave %s", rows[i].body, outcome_name(class));
        }
    }
    assert_int_equal(judge(PORTAL_READ, 200, "{\"message\":\"{\\\"result\\\":[{}]}\"}").class,
                     OUTCOME_DONE);
    assert_int_equal(judge(PORTAL_READ, 200, "{\"message\":\"{\\\"result\\\":[]}\"}").class,
                     OUTCOME_TRANSIENT);
}

static void http_statuses_follow_the_table(void **state)
{
    static const struct {
        long status;
        uint32_t retry_after_s;
        enum outcome_class push, read, login;
        bool transport;
    } rows[] = {
        {301, 0, OUTCOME_CONFIG, OUTCOME_CONFIG, OUTCOME_CONFIG, true},
        {307, 0, OUTCOME_CONFIG, OUTCOME_CONFIG, OUTCOME_CONFIG, true},
        {400, 0, OUTCOME_PERMANENT, OUTCOME_PERMANENT, OUTCOME_LOGIN, false},
        {401, 0, OUTCOME_AUTH, OUTCOME_AUTH, OUTCOME_LOGIN, false},
        {403, 0, OUTCOME_AUTH, OUTCOME_AUTH, OUTCOME_LOGIN, false},
        {404, 0, OUTCOME_PERMANENT, OUTCOME_PERMANENT, OUTCOME_LOGIN, false},
        {408, 0, OUTCOME_UNSURE, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true},
        {413, 0, OUTCOME_PERMANENT, OUTCOME_PERMANENT, OUTCOME_LOGIN, false},
        {429, 0, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true},
        {429, 9, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true},
        {500, 0, OUTCOME_UNSURE, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true},
        {502, 0, OUTCOME_UNSURE, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true},
        {503, 0, OUTCOME_UNSURE, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true},
        {503, 7, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true},
        {504, 7, OUTCOME_UNSURE, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true},
        {100, 0, OUTCOME_UNSURE, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true},
        {600, 0, OUTCOME_UNSURE, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true},
        {0, 0, OUTCOME_UNSURE, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true},
    };
    const char *success = "{\"error_code\":0,\"message\":\"Thành công\"}";

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_req http = answer(rows[i].status);
        struct outcome out;

        http.retry_after_s = rows[i].retry_after_s;
        out = judge_as(&config, PORTAL_PUSH, &http, success, strlen(success));
        assert_int_equal(out.class, rows[i].push);
        assert_int_equal(out.transport, rows[i].transport);
        assert_int_equal(out.retry_after_s, rows[i].retry_after_s);
        assert_int_equal(out.http, rows[i].status);
        assert_int_equal(out.took_ms, 12);
        out = judge_as(&config, PORTAL_READ, &http, "<html>", 6);
        assert_int_equal(out.class, rows[i].read);
        out = judge_as(&config, PORTAL_LOGIN, &http, "", 0);
        assert_int_equal(out.class, rows[i].login);
        assert_true(out.transport);
    }
}

static void a_redirect_says_what_to_correct(void **state)
{
    struct outcome out = judge(PORTAL_PUSH, 302, "{\"error_code\":0,\"message\":\"Tốt\"}");

    (void)state;
    assert_int_equal(out.class, OUTCOME_CONFIG);
    assert_string_equal(out.words,
                        "HTTP status 302: redirects are not followed, correct adapter_url");
}

static void a_refusal_in_words_counts_under_4xx_too(void **state)
{
    (void)state;
    assert_int_equal(
        judge(PORTAL_PUSH, 409, "{\"error_code\":-3,\"message\":\"Hồ sơ đã tồn tại\"}").class,
        OUTCOME_EXISTS);
    assert_int_equal(
        judge(PORTAL_PUSH, 404, "{\"error_code\":-1,\"message\":\"Hồ sơ không tồn tại\"}").class,
        OUTCOME_MISSING);
    assert_int_equal(judge(PORTAL_PUSH, 400, "{\"error_code\":-1,\"message\":\"Lỗi\"}").class,
                     OUTCOME_PERMANENT);
    assert_int_equal(
        judge(PORTAL_PUSH, 500, "{\"error_code\":-3,\"message\":\"Hồ sơ đã tồn tại\"}").class,
        OUTCOME_UNSURE);
}

static void transport_results_follow_the_table(void **state)
{
    static const struct {
        enum http_result result;
        int curl_code;
        enum outcome_class push, read, login;
        bool transport, alert;
    } rows[] = {
        {HTTP_NOT_SENT, 7, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true, false},
        {HTTP_NOT_SENT, 28, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true, false},
        {HTTP_NOT_SENT, 35, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true, true},
        {HTTP_TRUST, 60, OUTCOME_CONFIG, OUTCOME_CONFIG, OUTCOME_CONFIG, true, false},
        {HTTP_MISUSE, 3, OUTCOME_CONFIG, OUTCOME_CONFIG, OUTCOME_CONFIG, true, false},
        {HTTP_UNKNOWN, 52, OUTCOME_UNSURE, OUTCOME_TRANSIENT, OUTCOME_TRANSIENT, true, false},
        {HTTP_CANCELED, 0, OUTCOME_CANCELED, OUTCOME_CANCELED, OUTCOME_CANCELED, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_req http = {.result = rows[i].result, .curl_code = rows[i].curl_code};
        struct outcome out;

        (void)snprintf(http.why, sizeof(http.why), "curl says why");
        out = judge_as(&config, PORTAL_PUSH, &http, "", 0);
        assert_int_equal(out.class, rows[i].push);
        assert_int_equal(out.transport, rows[i].transport);
        assert_int_equal(out.alert, rows[i].alert);
        assert_int_equal(out.http, 0);
        assert_string_equal(out.words, "curl says why");
        assert_int_equal(judge_as(&config, PORTAL_READ, &http, "", 0).class, rows[i].read);
        assert_int_equal(judge_as(&config, PORTAL_LOGIN, &http, "", 0).class, rows[i].login);
    }
}

static void a_read_is_judged_by_its_code_alone(void **state)
{
    (void)state;
    assert_int_equal(judge(PORTAL_READ, 200, "{\"error_code\":0,\"message\":\"Có lỗi\"}").class,
                     OUTCOME_DONE);
    assert_int_equal(
        judge(PORTAL_READ, 200, "{\"error_code\":-1,\"message\":\"Mã không hợp lệ\"}").class,
        OUTCOME_PERMANENT);
    assert_int_equal(
        judge(PORTAL_READ, 200, "{\"error_code\":-1,\"message\":\"Chưa đăng nhập\"}").class,
        OUTCOME_AUTH);
    assert_int_equal(judge(PORTAL_READ, 200, "{\"error_code\":-1}").class, OUTCOME_BACKOFF);
}

static void any_refused_login_is_one(void **state)
{
    (void)state;
    assert_int_equal(judge(PORTAL_LOGIN, 200, "{\"error_code\":-1,\"message\":\"Sai\"}").class,
                     OUTCOME_LOGIN);
    assert_int_equal(judge(PORTAL_LOGIN, 200, "{\"error_code\":0,\"session\":\"x\"}").class,
                     OUTCOME_DONE);
}

static void words_are_masked_printable_and_bounded(void **state)
{
    char body[2200] = "{\"error_code\":-1,\"message\":\"CCCD 000199000457 của a.b@example.vn\\n";
    struct outcome out;

    (void)state;
    for (int i = 0; i < 400; i++) {
        strcat(body, "ễ");
    }
    strcat(body, "\"}");
    out = judge(PORTAL_PUSH, 200, body);
    assert_null(strstr(out.words, "000199000457"));
    assert_null(strstr(out.words, "example"));
    assert_null(strchr(out.words, '\n'));
    assert_true(strlen(out.words) > 250);
    assert_string_equal(out.words + strlen(out.words) - strlen("ễ"), "ễ");
    assert_string_equal(out.code, "-1");
}

static void the_response_digest_is_of_the_bytes_that_came(void **state)
{
    static const uint8_t none[RECORD_HASH_BYTES];
    const char *body = "{\"error_code\":0}";
    uint8_t digest[RECORD_HASH_BYTES];
    struct outcome out;

    (void)state;
    assert_int_equal(digest_sha256(body, strlen(body), digest), 0);
    out = judge(PORTAL_PUSH, 200, body);
    assert_memory_equal(out.response, digest, sizeof(digest));
    out = judge(PORTAL_PUSH, 200, "");
    assert_memory_equal(out.response, none, sizeof(none));
}

static void every_class_has_a_name(void **state)
{
    (void)state;
    for (int c = OUTCOME_NONE; c <= OUTCOME_HELD; c++) {
        assert_string_not_equal(outcome_name((enum outcome_class)c), "unknown");
    }
    assert_string_equal(outcome_name((enum outcome_class)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_whole_zero_is_a_success),
        cmocka_unit_test(texts_decide_as_the_table_says),
        cmocka_unit_test(a_strict_portal_must_say_success),
        cmocka_unit_test(what_is_no_reply_leaves_a_push_in_doubt),
        cmocka_unit_test(a_cut_reply_is_never_a_success),
        cmocka_unit_test(a_wrapped_reply_is_read_and_never_believed_half),
        cmocka_unit_test(http_statuses_follow_the_table),
        cmocka_unit_test(a_redirect_says_what_to_correct),
        cmocka_unit_test(a_refusal_in_words_counts_under_4xx_too),
        cmocka_unit_test(transport_results_follow_the_table),
        cmocka_unit_test(a_read_is_judged_by_its_code_alone),
        cmocka_unit_test(any_refused_login_is_one),
        cmocka_unit_test(words_are_masked_printable_and_bounded),
        cmocka_unit_test(the_response_digest_is_of_the_bytes_that_came),
        cmocka_unit_test(every_class_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
