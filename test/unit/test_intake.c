#include "adapter/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec/record.h"
#include "lib/fake_http.h"
#include "lib/push_world.h"

#define UUID "0f0c6d6e-5d9b-4d53-9e0a-1f4b2c3d4e5f"
#define NOTICE                                                                                     \
    "{\"MaHoSo\":\"G22.99-251118-020175\",\"MaTTHC\":\"2.000033\",\"MaSoThue\":\"0001234567\","    \
    "\"NgayNopHoSo\":\"20251118081500\",\"TenThuongNhan\":\"Công ty A\",\"DiaChiDoanhNghiep\":"   \
    "{\"MaTinh\":\"02\"},\"DienThoai\":\"\",\"TepDonDangKy\":\"JVBERi0=\",\"TaiLieuNop\":"         \
    "[{\"TenTepDinhKem\":\"tl.pdf\",\"Base64\":\"JVBERi0=\"}]}"
#define DOSSIER(code)                                                                              \
    "{\"MaHoSo\":\"" code                                                                          \
    "\",\"MaTTHC\":\"1.001193\",\"KenhThucHien\":\"2\",\"NoiNopHoSo\":\"1\","                      \
    "\"TrangThaiHoSo\":\"1\",\"NgayNopHoSo\":\"20251118081512\",\"ChuHoSo\":\"Nguyễn Văn A\"}"
#define DONE "{\"error_code\":0,\"message\":\"Thành công\"}"

struct fixture {
    struct push_world w;
    struct fake_http *http;
    struct adapter *a;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    push_world_open(&f->w, "intake");
    f->http = fake_http_new(f->w.loop);
    f->w.env.http = fake_http_client(f->http);
    f->w.source->url = "https://tinh.example.vn/tep";
    *state = f;
    return 0;
}

static void begin(struct fixture *f)
{
    struct errmsg msg = {0};

    assert_int_equal(intake_open(&f->w.env, f->w.source, &f->a, &msg), 0);
    assert_int_equal(f->a->ops->listen(f->a, &f->w.host, &msg), 0);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->a != NULL) {
        push_world_unlisten(&f->w, f->a);
        f->a->ops->cancel(f->a);
        f->a->ops->free(f->a);
    }
    fake_http_free(f->http);
    push_world_close(&f->w);
    free(f);
    return 0;
}

static void has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("no %s in %s", part, text);
    }
}

static const char *post(struct fixture *f, const char *path, const char *body)
{
    return push_call(&f->w, "POST", path, "", body);
}

/* ---- taking ---- */

static void a_notice_becomes_a_dossier_and_is_done_when_the_province_has_it(void **state)
{
    struct fixture *f = *state;
    const char *body;

    f->w.answer.there = LOOKUP_ABSENT;
    begin(f);
    assert_string_equal(post(f, "/addtthcKhuyenMai", NOTICE), DONE);
    assert_int_equal(f->w.n_records, 1);
    assert_string_equal(f->w.asked, "G22.99-251118-020175");
    body = f->w.records[0].body;
    assert_string_equal(f->w.records[0].code, "G22.99-251118-020175");
    has(body, "\"status\":\"1\"");
    has(body, "\"status_map\":\"national\"");
    has(body, "\"entry\":\"1\"");
    has(body, "\"channel\":\"2\"");
    has(body, "\"applicant_type\":\"2\"");
    has(body, "\"applicant_name\":\"Công ty A\"");
    /* keys in order of bytes, files as they came */
    has(body,
        "\"extra\":\"{\\\"DiaChiDoanhNghiep\\\":{\\\"MaTinh\\\":\\\"02\\\"},\\\"TaiLieuNop\\\":");
    has(body, "\\\"Base64\\\":\\\"JVBERi0=\\\"");
}

static void what_the_province_does_not_have_yet_is_to_be_repeated(void **state)
{
    struct fixture *f = *state;

    f->w.settle = PUSH_IN_TIME;
    f->w.fate.state = ITEM_PENDING;
    begin(f);
    has(post(f, "/addtthcKhuyenMai", NOTICE), "\"error_code\":-1");
    f->w.answer = (struct adapter_ask){.known = true, .open = true, .status = 1};
    f->w.fate.state = ITEM_DONE;
    assert_string_equal(post(f, "/addtthcKhuyenMai", NOTICE), DONE);
    f->w.fate.state = ITEM_HELD;
    has(post(f, "/addtthcKhuyenMai", NOTICE), "\"error_code\":-1");
    assert_int_equal(f->w.n_offers, 3);
}

static void what_the_province_has_is_a_duplicate_but_for_supplements(void **state)
{
    static const struct {
        struct adapter_ask answer;
        bool taken;
    } rows[] = {
        {{.known = true, .acknowledged = true, .status = 4}, false},
        {{.known = true, .acknowledged = true, .status = 5}, true},
        {{.known = true, .acknowledged = true, .acked_status = 5}, true},
        {{.there = LOOKUP_THERE, .there_status = 2}, false},
        {{.there = LOOKUP_THERE, .there_status = 5}, true},
        {{.there = LOOKUP_UNKNOWN}, true},
    };
    struct fixture *f = *state;

    begin(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned before = f->w.n_offers;

        f->w.answer = rows[i].answer;
        if (rows[i].taken) {
            assert_string_equal(post(f, "/addtthcKhuyenMai", NOTICE), DONE);
        } else {
            assert_string_equal(
                post(f, "/addtthcKhuyenMai", NOTICE),
                "{\"error_code\":1,\"message\":\"G22.99-251118-020175| đã tồn tại\"}");
        }
        assert_int_equal(f->w.n_offers, before + (rows[i].taken ? 1 : 0));
    }
}

static void dossiers_in_general_and_amended_notices_are_taken(void **state)
{
    struct fixture *f = *state;

    begin(f);
    assert_string_equal(
        post(f, "/nhanhoso",
             "{\"service\":\"NhanHoSo\",\"isUpdating\":\"False\",\"data\":[" DOSSIER(
                 "G22.99-251118-020176") "," DOSSIER("G22.99-251118-020177") "]}"),
        DONE);
    assert_int_equal(f->w.n_asks, 2);
    assert_int_equal(f->w.n_offers, 1);
    assert_int_equal(f->w.n_records, 2);
    has(f->w.records[1].body, "\"applicant_name\":\"Nguyễn Văn A\"");
    assert_string_equal(
        post(f, "/nhanhsdvcqg",
             "{\"isUpdating\":\"True\",\"data\":{\"MaHoSoQG\":\"G22.99-251118-020178\","
             "\"ThongTinSuaDoi\":{\"a\":\"b\"},\"LyDoDieuChinh\":\"Đổi ngày\"}}"),
        DONE);
    has(f->w.records[2].body, "ThongTinSuaDoi");
    has(post(f, "/nhanhsdvcqg", "{\"service\":\"NhanChungTuThueDat\",\"data\":{}}"),
        "\"error_code\":-1");
}

static void faults_are_named(void **state)
{
    static const char *const rows[][3] = {
        {"/addtthcKhuyenMai", "{\"MaHoSo\":\"x\"}", "MaHoSo"},
        {"/addtthcKhuyenMai", "{\"MaTTHC\":\"1.001193\"}", "MaHoSo"},
        {"/addtthcKhuyenMai", "{\"MaHoSo\":\"G22.99-251118-020175\"}", "MaTTHC"},
        {"/addtthcKhuyenMai", "{\"MaHoSo\":\"G22.99-251118-020175\",\"MaTTHC\":\"2.000033\"}",
         "MaSoThue"},
        {"/nhanhoso", "{\"data\":[]}", "data"},
        {"/nhanhoso", "{}", "data"},
        {"/nhanhoso", "{\"data\":[" DOSSIER("G22.99-251118-020176") ",5]}", "data[1]"},
        {"/search/call", "{}", "masohoso"},
    };
    struct fixture *f = *state;

    begin(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *text = post(f, rows[i][0], rows[i][1]);

        has(text, "\"error_code\":-1");
        has(text, rows[i][2]);
    }
    assert_int_equal(f->w.n_offers, 0);
    assert_string_equal(post(f, "/nhanhoso", "{\"data\":"), "request body incorrect");
    assert_int_equal(f->w.status, 500);
    assert_string_equal(post(f, "/nhanhoso", "[1]"), "request body incorrect");
    (void)post(f, "/else", "{}");
    assert_int_equal(f->w.status, 404);
    (void)push_call(&f->w, "GET", "/nhanhoso", "", "");
    assert_int_equal(f->w.status, 405);
}

static void a_dossier_larger_than_a_record_is_refused_in_clear_words(void **state)
{
    struct fixture *f = *state;
    size_t size = (size_t)3 << 20;
    char *body = malloc(size);
    int n;

    assert_non_null(body);
    f->w.source->body_limit_bytes = (uint64_t)8 << 20;
    begin(f);
    n = snprintf(body, size,
                 "{\"MaHoSo\":\"G22.99-251118-020175\",\"MaTTHC\":\"2.000033\",\"MaSoThue\":"
                 "\"0001234567\",\"TepDonDangKy\":\"");
    memset(body + n, 'A', size - (size_t)n - 10);
    strcpy(body + size - 10, "\"}");
    has(post(f, "/addtthcKhuyenMai", body), "1 MiB");
    assert_int_equal(f->w.n_offers, 0);
    f->w.offer_err = ERR_BUSY;
    (void)post(f, "/addtthcKhuyenMai", NOTICE);
    assert_int_equal(f->w.status, 503);
    free(body);
}

/* A disk that does not answer: the portal is told in time, nothing stays behind. */
static void who_can_not_be_stored_in_time_is_told_to_come_again(void **state)
{
    struct fixture *f = *state;

    f->w.source->answer_timeout_ms = 30;
    f->w.commit_ms = 120;
    begin(f);
    has(post(f, "/addtthcKhuyenMai", NOTICE), "gửi lại sau");
    assert_int_equal(f->w.status, 503);
    assert_int_equal(f->w.n_hurried, 0);
    push_turns(&f->w, 200); /* stored after all: nobody waits for the province */
    assert_int_equal(f->w.n_hurried, 1);
    f->w.offer_err = ERR_CANCELED;
    has(post(f, "/addtthcKhuyenMai", NOTICE), "gửi lại sau");
    push_turns(&f->w, 200);
    f->w.offer_err = ERR_INVAL; /* found too late to be said */
    has(post(f, "/addtthcKhuyenMai", NOTICE), "gửi lại sau");
    push_turns(&f->w, 200);
    assert_int_equal(f->w.n_offers, 3);
}

/* The journal is asked first what it knows: that may be what does not answer. */
static void who_can_not_be_asked_about_in_time_is_told_to_come_again(void **state)
{
    struct fixture *f = *state;

    f->w.source->answer_timeout_ms = 30;
    f->w.ask_ms = 120;
    begin(f);
    has(post(f, "/addtthcKhuyenMai", NOTICE), "gửi lại sau");
    assert_int_equal(f->w.status, 503);
    push_turns(&f->w, 200);
    assert_int_equal(f->w.n_asks, 1);
    assert_int_equal(f->w.n_offers, 0); /* who was told no has stored nothing */
}

/* ---- looking up and files ---- */

static void a_look_up_shows_where_a_dossier_stands_and_nobody(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg = {0};
    struct record record;
    struct arena arena;
    struct dossier d;
    const char *text;

    arena_init(&arena, 1 << 20);
    dossier_init(&d);
    d.code = "H56-251118-0007";
    d.procedure_code = "1.001193";
    d.agency_name = "UBND xã Y";
    d.applicant_name = "Nguyễn Văn A";
    assert_int_equal(record_from_dossier(&d, &arena, &record, &msg), 0);
    begin(f);
    f->w.answer = (struct adapter_ask){
        .known = true, .status = 4, .body = record.body, .body_len = record.body_len};
    text =
        post(f, "/search/call",
             "{\"madonvi\":\"000.00.00.G22\",\"service\":\"x\",\"masohoso\":\"H56-251118-0007\"}");
    has(text, "\"MaHoSo\":\"H56-251118-0007\"");
    has(text, "\"TrangThaiHoSo\":\"4\"");
    has(text, "UBND xã Y");
    assert_null(strstr(text, "Nguyễn"));
    /* Not born at the portal: the province's own flow knows it. */
    f->w.answer = (struct adapter_ask){
        .there = LOOKUP_THERE, .there_status = 2, .body = record.body, .body_len = record.body_len};
    text = post(f, "/search/call", "{\"masohoso\":\"H56-251118-0007\"}");
    has(text, "\"TrangThaiHoSo\":\"2\"");
    has(text, "UBND xã Y");
    f->w.answer = (struct adapter_ask){.known = false};
    assert_string_equal(post(f, "/search/call", "{\"masohoso\":\"H56-251118-0009\"}"),
                        "{\"error_code\":\"-1\",\"message\":\"Không tìm thấy hồ sơ\"}");
    arena_free(&arena);
}

static void a_file_of_the_province_is_handed_through(void **state)
{
    static const char *const bad[] = {"/downloadfile/../../etc/passwd", "/downloadfile/",
                                      "/downloadfile/" UUID "x", "/downloadfile",
                                      "/downloadfile/0f0c6d6e-5d9b-4d53-9e0a-1f4b2c3d4e5g"};
    struct fixture *f = *state;

    fake_http_once(f->http, (struct fake_http_match){.method = "GET", .url = UUID},
                   (struct fake_http_answer){.status = 200, .body = "%PDF-1.7"});
    fake_http_once(f->http, (struct fake_http_match){.url = UUID},
                   (struct fake_http_answer){.status = 404});
    fake_http_once(f->http, (struct fake_http_match){.url = UUID},
                   (struct fake_http_answer){.result = HTTP_UNKNOWN});
    begin(f);
    assert_string_equal(push_call(&f->w, "GET", "/downloadfile/" UUID, "", ""), "%PDF-1.7");
    assert_string_equal(fake_http_request(f->http, 0)->url, "https://tinh.example.vn/tep/" UUID);
    (void)push_call(&f->w, "GET", "/downloadfile/" UUID, "", "");
    assert_int_equal(f->w.status, 404);
    (void)push_call(&f->w, "GET", "/downloadfile/" UUID, "", "");
    assert_int_equal(f->w.status, 502);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)push_call(&f->w, "GET", bad[i], "", "");
        assert_int_equal(f->w.status, 404);
    }
    assert_int_equal(fake_http_count(f->http), 3);
}

static void an_end_cancels_files_under_way(void **state)
{
    struct fixture *f = *state;
    static const char get[] = "GET /downloadfile/" UUID " HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd;

    fake_http_once(f->http, (struct fake_http_match){.url = UUID},
                   (struct fake_http_answer){.hold = true});
    begin(f);
    fd = push_dial(&f->w);
    push_put(fd, get, strlen(get));
    push_turns(&f->w, 20);
    assert_int_equal(fake_http_in_flight(f->http), 1);
    push_world_unlisten(&f->w, f->a);
    f->a->ops->free(f->a);
    f->a = NULL;
    assert_true(push_get(&f->w, fd));
    assert_int_equal(f->w.status, 502);
    close(fd);
}

static void accounts_guard_every_path(void **state)
{
    struct fixture *f = *state;
    char path[128];

    f->w.source->accounts_file = push_world_file(&f->w, "accounts", "cong:mat-khau\n", path);
    begin(f);
    (void)post(f, "/nhanhoso", "{}");
    assert_int_equal(f->w.status, 401);
    (void)push_call(&f->w, "GET", "/downloadfile/" UUID, "", "");
    assert_int_equal(f->w.status, 401);
    has(push_call(&f->w, "POST", "/addtthcKhuyenMai", "Authorization: Bearer mat-khau\r\n", NOTICE),
        "\"error_code\":0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_notice_becomes_a_dossier_and_is_done_when_the_province_has_it),
        T(what_the_province_does_not_have_yet_is_to_be_repeated),
        T(what_the_province_has_is_a_duplicate_but_for_supplements),
        T(dossiers_in_general_and_amended_notices_are_taken),
        T(faults_are_named),
        T(who_can_not_be_stored_in_time_is_told_to_come_again),
        T(who_can_not_be_asked_about_in_time_is_told_to_come_again),
        T(a_dossier_larger_than_a_record_is_refused_in_clear_words),
        T(a_look_up_shows_where_a_dossier_stands_and_nobody),
        T(a_file_of_the_province_is_handed_through),
        T(an_end_cancels_files_under_way),
        T(accounts_guard_every_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
