#include "adapter/opencps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/record.h"
#include "lib/fake_opencps.h"

/* What the callbacks saw: their results are borrowed. */
static struct {
    int sent, listed;
    size_t records; /* of the detail */
    size_t n_rows;
    char row_codes[8][64];
    uint8_t row_hash[RECORD_HASH_BYTES]; /* of the last row */
} seen;
static struct arena arena;

static void detailed(struct adapter_detail *detail)
{
    seen.records = detail->n_records;
}

static void sent(struct adapter_send *send)
{
    (void)send;
    seen.sent++;
}

static void row(struct adapter_list *list, const struct record *record, const char *name,
                bool active)
{
    (void)list;
    (void)active;
    assert_true(name[0] != '\0');
    assert_true(seen.n_rows < 8);
    snprintf(seen.row_codes[seen.n_rows++], 64, "%s", record->code);
    memcpy(seen.row_hash, record->hash, RECORD_HASH_BYTES);
}

static void listed(struct adapter_list *list)
{
    (void)list;
    seen.listed++;
}

static int setup(void **state)
{
    memset(&seen, 0, sizeof(seen));
    return fake_opencps_setup(state);
}

static struct record procedure(const char *code, int sectors)
{
    struct procedure p;
    struct record record;
    struct errmsg msg = {""};

    procedure_init(&p);
    p.code = code;
    p.name = "Đăng ký khai sinh";
    p.sectors = sectors;
    p.active = true;
    assert_int_equal(record_from_procedure(&p, &arena, &record, &msg), 0);
    return record;
}

static enum outcome_class put(struct fake_opencps *rig, const char *code, bool updating)
{
    struct record record = procedure(code, 1);
    struct adapter_send send = {.kind = RECORD_PROCEDURE,
                                .code = code,
                                .updating = updating,
                                .records = &record,
                                .n_records = 1,
                                .done = sent};
    int before = seen.sent;

    rig->a->ops->send(rig->a, &send);
    assert_int_equal(seen.sent, before);
    fake_loop_settle(&rig->loop);
    assert_int_equal(seen.sent, before + 1);
    return send.outcome.class;
}

static void procedures_are_put_and_posted(void **state)
{
    struct fake_opencps *rig = *state;

    arena_init(&arena, 4 << 20);
    fake_opencps_once(rig, "POST", "/serviceinfos", 200, "{\"serviceCode\":\"1.001193\"}");
    fake_opencps_once(rig, "PUT", "/serviceinfos/1.001193", 200, "{\"serviceCode\":\"1.001193\"}");
    fake_opencps_once(rig, "PUT", "/serviceinfos/1.001193", 404, "");
    fake_opencps_once(rig, "POST", "/serviceinfos", 409, "");
    fake_opencps_once(rig, "PUT", "/serviceinfos/1.001193", 200, "{\"serviceCode\":\"2.000001\"}");
    fake_opencps_once(rig, "PUT", "/serviceinfos/1.001193", 500, "");
    assert_int_equal(put(rig, "1.001193", false), OUTCOME_DONE);
    assert_string_equal(fake_http_request(rig->http, 0)->url, FAKE_OPENCPS_URL "/serviceinfos");
    assert_non_null(strstr(fake_http_request(rig->http, 0)->body, "&serviceCode=1.001193&"));
    assert_non_null(strstr(fake_http_header(rig->http, 0, "Content-Type"),
                           "application/x-www-form-urlencoded"));
    assert_int_equal(put(rig, "1.001193", true), OUTCOME_DONE);
    assert_int_equal(put(rig, "1.001193", true), OUTCOME_MISSING);
    assert_int_equal(put(rig, "1.001193", false), OUTCOME_EXISTS);
    assert_int_equal(put(rig, "1.001193", true), OUTCOME_UNSURE); /* it speaks of another one */
    assert_int_equal(put(rig, "1.001193", true), OUTCOME_UNSURE);
    arena_free(&arena);
}

static void the_list_gives_national_codes_and_writes_go_to_the_sites_own(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_list l = {.kind = RECORD_PROCEDURE, .row = row, .done = listed};
    struct record record;
    struct adapter_check check = {.record = &record};

    arena_init(&arena, 4 << 20);
    rig->config.sources[0].page_size = 2;
    fake_opencps_reload(rig);
    fake_opencps_answer(
        rig, "/serviceinfos?start=0&end=2",
        "{\"total\":3,\"data\":[{\"serviceCode\":\"1.001193.000.00.00.H56\",\"serviceName\":\"A\"},"
        "{\"serviceCode\":\"TTHC-NOIBO-07\",\"serviceName\":\"B\"}]}");
    fake_opencps_answer(
        rig, "/serviceinfos?start=2&end=4",
        "{\"total\":3,\"data\":[{\"serviceCode\":\"2.000001\",\"serviceName\":\"C\"}]}");
    fake_opencps_answer(
        rig, "/serviceinfos/1.001193.000.00.00.H56",
        "{\"serviceCode\":\"1.001193.000.00.00.H56\",\"serviceName\":\"A\",\"active\":true}");
    fake_opencps_once(rig, NULL, "/serviceinfos/2.000001", 500, ""); /* one slip is made good */
    fake_opencps_answer(rig, "/serviceinfos/2.000001",
                        "{\"serviceCode\":\"2.000001\",\"serviceName\":\"Đăng ký khai "
                        "sinh\",\"active\":true,\"maxLevel\":2}");
    rig->a->ops->list(rig->a, &l);
    fake_loop_settle(&rig->loop);
    assert_int_equal(seen.listed, 1);
    assert_int_equal(l.err, 0);
    record = procedure("2.000001", 3);
    rig->a->ops->check(rig->a, &check);
    assert_true(check.has_held_hash);
    assert_memory_equal(check.held_hash, seen.row_hash, sizeof(check.held_hash)); /* agreement */
    assert_int_equal(l.n_rows, 3);
    assert_string_equal(seen.row_codes[0], "1.001193");
    assert_string_equal(seen.row_codes[1], "TTHC-NOIBO-07");
    fake_opencps_once(rig, "PUT", "/serviceinfos/1.001193.000.00.00.H56", 200,
                      "{\"serviceCode\":\"1.001193.000.00.00.H56\"}");
    assert_int_equal(put(rig, "1.001193", true), OUTCOME_DONE);
    assert_non_null(
        strstr(fake_http_request(rig->http, 5)->body, "serviceCode=1.001193.000.00.00.H56&"));
    arena_free(&arena);
}

static void a_withdrawn_procedure_is_switched_off(void **state)
{
    struct fake_opencps *rig = *state;
    struct record record;
    struct adapter_send send = {.kind = RECORD_PROCEDURE,
                                .code = "1.001193",
                                .updating = true,
                                .withdrawn = true,
                                .records = &record,
                                .n_records = 1,
                                .done = sent};

    arena_init(&arena, 4 << 20);
    record = procedure("1.001193", 1);
    fake_opencps_answer(rig, "/serviceinfos/1.001193", "{\"serviceCode\":\"1.001193\"}");
    rig->a->ops->send(rig->a, &send);
    fake_loop_settle(&rig->loop);
    assert_int_equal(send.outcome.class, OUTCOME_DONE);
    assert_non_null(strstr(fake_http_request(rig->http, 0)->body, "&active=false"));
    arena_free(&arena);
}

static void a_list_that_changes_concludes_nothing(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_list l = {.kind = RECORD_PROCEDURE, .row = row, .done = listed};

    rig->config.sources[0].page_size = 1;
    fake_opencps_reload(rig);
    fake_opencps_answer(
        rig, "start=0&end=1",
        "{\"total\":2,\"data\":[{\"serviceCode\":\"1.001193\",\"serviceName\":\"A\"}]}");
    fake_opencps_answer(
        rig, "start=1&end=2",
        "{\"total\":3,\"data\":[{\"serviceCode\":\"1.001194\",\"serviceName\":\"B\"}]}");
    rig->a->ops->list(rig->a, &l);
    fake_loop_settle(&rig->loop);
    assert_int_equal(l.err, ERR_REMOTE);
    l.kind = RECORD_SECTOR;
    rig->a->ops->list(rig->a, &l);
    fake_loop_settle(&rig->loop);
    assert_int_equal(l.err, ERR_UNSUPPORTED);
}

static void a_procedures_detail_is_what_the_site_holds(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_detail d = {.kind = RECORD_PROCEDURE, .id = "1.001193", .done = detailed};

    fake_opencps_answer(
        rig, "/serviceinfos/1.001193",
        "{\"serviceCode\":\"1.001193\",\"serviceName\":\"A\",\"active\":true,\"maxLevel\":4}");
    rig->a->ops->detail(rig->a, &d);
    fake_loop_settle(&rig->loop);
    assert_int_equal(d.err, 0);
    assert_int_equal(seen.records, 1);
}

static void the_check_says_what_is_lost(void **state)
{
    struct fake_opencps *rig = *state;
    struct record record;
    struct adapter_check check = {.record = &record};

    arena_init(&arena, 4 << 20);
    record = procedure("1.001193", 3);
    rig->a->ops->check(rig->a, &check);
    assert_int_equal(check.hold, HOLD_NONE);
    assert_non_null(strstr(check.reason, "3 sectors"));
    record = procedure("TTHC-1", 1);
    rig->a->ops->check(rig->a, &check);
    assert_int_equal(check.hold, HOLD_INVALID);
    record.kind = RECORD_DOSSIER;
    rig->a->ops->check(rig->a, &check);
    assert_int_equal(check.hold, HOLD_INVALID);
    arena_free(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_opencps_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(procedures_are_put_and_posted),
        TEST(the_list_gives_national_codes_and_writes_go_to_the_sites_own),
        TEST(a_withdrawn_procedure_is_switched_off),
        TEST(a_list_that_changes_concludes_nothing),
        TEST(a_procedures_detail_is_what_the_site_holds),
        TEST(the_check_says_what_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
