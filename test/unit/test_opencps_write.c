#include "adapter/opencps_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void national(struct procedure *p)
{
    procedure_init(p);
    p->code = "1.001193";
    p->name = "Đăng ký khai sinh";
    p->kind = "TTHC";
    p->status = "1";
    p->publisher = "G15";
    p->sector_code = "G15-TP01";
    p->sector_name = "Hộ tịch";
    p->steps_text = "Bước 1<br>Bước 2 & 3";
    p->components_text = "Tờ khai";
    p->level = 4;
    p->sectors = 1;
    p->active = true;
}

static void the_table_of_fields_is_in_byte_order(void **state)
{
    (void)state;
    for (size_t i = 1; i < OPENCPS_SERVICE_FIELDS; i++) {
        assert_true(strcmp(OPENCPS_SERVICE[i - 1].name, OPENCPS_SERVICE[i].name) < 0);
    }
}

static void a_form_carries_every_field_encoded(void **state)
{
    struct procedure p;
    struct buf form;

    (void)state;
    national(&p);
    buf_init(&form, OPENCPS_FORM_MAX);
    assert_int_equal(opencps_form(&p, "1.001193.000.00.00.H56", "Bộ Tư pháp", &form), 0);
    assert_non_null(strstr(buf_text(&form), "serviceCode=1.001193.000.00.00.H56&"));
    assert_non_null(strstr(buf_text(&form), "&processText=B%C6%B0%E1%BB%9Bc+1%3Cbr%3EB"));
    assert_non_null(strstr(buf_text(&form), "+%26+3&"));
    assert_non_null(
        strstr(buf_text(&form), "administrationCode=G15&administrationName=B%E1%BB%99+T"));
    assert_non_null(strstr(buf_text(&form), "&feeText=&"));
    assert_non_null(strstr(buf_text(&form), "&maxLevel=4&active=true"));
    buf_free(&form);
}

static void a_withdrawn_procedure_is_written_inactive(void **state)
{
    struct procedure p;
    struct buf form;

    (void)state;
    national(&p);
    p.active = false;
    p.level = 0;
    buf_init(&form, OPENCPS_FORM_MAX);
    assert_int_equal(opencps_form(&p, p.code, "", &form), 0);
    assert_non_null(strstr(buf_text(&form), "&active=false"));
    assert_null(strstr(buf_text(&form), "maxLevel"));
    buf_free(&form);
}

static void reducing_keeps_what_opencps_holds_and_nothing_else(void **state)
{
    struct procedure p;
    struct procedure out;
    struct procedure again;
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    national(&p);
    p.agencies = 12;
    p.forms = 2;
    assert_int_equal(opencps_reduce(&p, &a, &out), 0);
    assert_string_equal(out.name, p.name);
    assert_string_equal(out.components_text, "Tờ khai");
    assert_string_equal(out.kind, "");
    assert_int_equal(out.agencies, 0);
    assert_int_equal(out.level, 4);
    assert_true(out.active);
    assert_int_equal(opencps_reduce(&out, &a, &again), 0);
    assert_memory_equal(&out, &again, sizeof(out));
    arena_free(&a);
}

static void what_is_lost_is_said(void **state)
{
    char text[300];
    struct procedure p;
    char *steps = malloc(3 * 70000 + 1);

    (void)state;
    assert_non_null(steps);
    national(&p);
    opencps_lacks(&p, text, sizeof(text));
    assert_string_equal(text, "");
    p.sectors = 3;
    p.agencies = 12;
    p.forms = 1;
    for (size_t i = 0; i < 70000; i++) {
        memcpy(steps + 3 * i, "ế", 3);
    }
    steps[3 * 70000] = '\0';
    p.steps_text = steps;
    opencps_lacks(&p, text, sizeof(text));
    assert_string_equal(
        text, "OpenCPS cannot hold: 3 sectors (the first is kept), 12 implementing agencies, "
              "1 form templates, processText over 65535 characters");
    opencps_lacks(&p, text, 60);
    assert_true(strlen(text) < 60);
    free(steps);
}

static void too_long_a_text_is_cut_on_a_character(void **state)
{
    struct procedure p;
    struct procedure out;
    struct arena a;
    char *steps = malloc(3 * 70000 + 1);

    (void)state;
    assert_non_null(steps);
    for (size_t i = 0; i < 70000; i++) {
        memcpy(steps + 3 * i, "ế", 3);
    }
    steps[3 * 70000] = '\0';
    arena_init(&a, 1 << 20);
    national(&p);
    p.steps_text = steps;
    assert_int_equal(opencps_reduce(&p, &a, &out), 0);
    assert_int_equal(strlen(out.steps_text), 3 * OPENCPS_TEXT_MAX);
    arena_free(&a);
    free(steps);
}

static enum outcome_class of_status(long status, const char *body, uint32_t retry_after_s,
                                    bool parsed, struct outcome *out)
{
    struct http_req req;

    memset(&req, 0, sizeof(req));
    buf_init(&req.response, 65536);
    buf_puts(&req.response, body);
    req.result = HTTP_ANSWERED;
    req.status = status;
    req.retry_after_s = retry_after_s;
    req.body = "serviceCode=1";
    req.body_len = strlen(req.body);
    opencps_outcome(&req, parsed, out);
    buf_free(&req.response);
    return out->class;
}

static void answers_have_their_classes(void **state)
{
    static const uint8_t zero[RECORD_HASH_BYTES];
    struct outcome out;

    (void)state;
    assert_int_equal(of_status(200, "{}", 0, true, &out), OUTCOME_DONE);
    assert_false(out.transport);
    assert_memory_not_equal(out.request, zero, sizeof(zero));
    assert_memory_not_equal(out.response, zero, sizeof(zero));
    assert_int_equal(of_status(200, "{", 0, false, &out), OUTCOME_UNSURE);
    assert_int_equal(of_status(302, "", 0, false, &out), OUTCOME_CONFIG);
    assert_int_equal(of_status(401, "", 0, false, &out), OUTCOME_AUTH);
    assert_int_equal(of_status(403, "", 0, false, &out), OUTCOME_AUTH);
    assert_int_equal(of_status(404, "", 0, false, &out), OUTCOME_MISSING);
    assert_int_equal(of_status(408, "", 0, false, &out), OUTCOME_UNSURE);
    assert_int_equal(of_status(409, "", 0, false, &out), OUTCOME_EXISTS);
    assert_int_equal(of_status(400, "Mã thủ tục Đã tồn tại", 0, false, &out), OUTCOME_EXISTS);
    assert_int_equal(of_status(400, "không hợp lệ", 0, false, &out), OUTCOME_PERMANENT);
    assert_int_equal(of_status(429, "", 7, false, &out), OUTCOME_TRANSIENT);
    assert_int_equal(out.retry_after_s, 7);
    assert_true(out.transport);
    assert_int_equal(of_status(503, "", 0, false, &out), OUTCOME_UNSURE);
    assert_int_equal(of_status(503, "", 3, false, &out), OUTCOME_TRANSIENT);
    assert_int_equal(of_status(500, "so 000123456789", 0, false, &out), OUTCOME_UNSURE);
    assert_null(strstr(out.words, "000123456789"));
    assert_int_equal(out.http, 500);
}

static void transfers_without_an_answer_have_their_classes(void **state)
{
    static const struct {
        enum http_result result;
        enum outcome_class class;
    } rows[] = {
        {HTTP_NOT_SENT, OUTCOME_TRANSIENT}, {HTTP_TRUST, OUTCOME_CONFIG},
        {HTTP_UNKNOWN, OUTCOME_UNSURE},     {HTTP_MISUSE, OUTCOME_CONFIG},
        {HTTP_CANCELED, OUTCOME_CANCELED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_req req;
        struct outcome out;

        memset(&req, 0, sizeof(req));
        req.result = rows[i].result;
        req.curl_code = 35;
        strcpy(req.why, "handshake");
        opencps_outcome(&req, false, &out);
        assert_int_equal(out.class, rows[i].class);
        assert_string_equal(out.words, "handshake");
        assert_int_equal(out.alert, rows[i].result == HTTP_NOT_SENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_fields_is_in_byte_order),
        cmocka_unit_test(a_form_carries_every_field_encoded),
        cmocka_unit_test(a_withdrawn_procedure_is_written_inactive),
        cmocka_unit_test(reducing_keeps_what_opencps_holds_and_nothing_else),
        cmocka_unit_test(what_is_lost_is_said),
        cmocka_unit_test(too_long_a_text_is_cut_on_a_character),
        cmocka_unit_test(answers_have_their_classes),
        cmocka_unit_test(transfers_without_an_answer_have_their_classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
