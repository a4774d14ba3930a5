/* Dossiers at risk, as the journal counts and lists them. */
#include "journal/risk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/journal_fixture.h"

#define HOUR_S INT64_C(3600)
#define MINUTE_MS UINT64_C(60000)

static int64_t now_s(const struct fixture *f)
{
    return (int64_t)(fixture_wall_ms(f) / 1000);
}

static void ask(struct fixture *f, struct journal_risk *r)
{
    memset(r, 0xA5, sizeof(*r));
    r->flows[0] = f->flow;
    r->n_flows = 1;
    r->now_ms = fixture_wall_ms(f);
    r->horizon_s = now_s(f) + 8 * HOUR_S;
    assert_int_equal(FIXTURE_RUN(f, journal_risk, r), 0);
}

static void put(struct fixture *f, const char *code, int64_t promised_s)
{
    const struct fixture_record record = {
        .code = code, .content = "a", .status = 4, .promised_s = promised_s};

    assert_int_equal(fixture_append(f, &record, 1).stored, 1);
}

static void a_dossier_is_judged_by_three_times(void **state)
{
    const uint64_t now_ms = UINT64_C(1000000000000);
    const int64_t now = (int64_t)(now_ms / 1000);
    const uint64_t long_ago_ms = now_ms - 3600000;

    (void)state;
    assert_int_equal(risk_judge(now + 100, long_ago_ms, now + 100, now_ms), RISK_AHEAD);
    assert_int_equal(risk_judge(now + 101, long_ago_ms, now + 100, now_ms), RISK_NONE);
    assert_int_equal(risk_judge(now + 1, long_ago_ms, now + 100, now_ms), RISK_AHEAD);
    assert_int_equal(risk_judge(now, long_ago_ms, now + 100, now_ms), RISK_PASSED);
    /* on its way: nobody could be faster */
    assert_int_equal(risk_judge(now + 50, now_ms - RISK_GRACE_MS + 1, now + 100, now_ms),
                     RISK_YOUNG);
    assert_int_equal(risk_judge(now + 50, now_ms - RISK_GRACE_MS, now + 100, now_ms), RISK_AHEAD);
    /* it came when the promised date had gone by: the delivery can't keep it */
    assert_int_equal(risk_judge(now - 3600, long_ago_ms, now + 100, now_ms), RISK_NONE);
    assert_int_equal(risk_judge(now - 3599, long_ago_ms, now + 100, now_ms), RISK_PASSED);
}

static void what_is_open_and_near_is_counted(void **state)
{
    struct fixture f;
    struct journal_risk r;
    int64_t begin_s;

    (void)state;
    fixture_open(&f);
    begin_s = now_s(&f);
    put(&f, "NEAR", begin_s + 4 * HOUR_S);
    put(&f, "NEARER", begin_s + HOUR_S);
    put(&f, "FAR", begin_s + 30 * HOUR_S);
    put(&f, "FARTHER", begin_s + 300 * HOUR_S);
    put(&f, "NEVER", 0);
    ask(&f, &r);
    assert_int_equal(r.ahead, 0);
    assert_int_equal(r.young, 2);
    fake_loop_advance(&f.loop, 6 * MINUTE_MS);
    ask(&f, &r);
    assert_int_equal(r.ahead, 2);
    assert_int_equal(r.young, 0);
    assert_int_equal(r.passed, 0);
    assert_int_equal(r.first_s, begin_s + HOUR_S);
    assert_int_equal(r.next_promised_s, begin_s + 30 * HOUR_S);
    fake_loop_advance(&f.loop, 60 * MINUTE_MS);
    ask(&f, &r);
    assert_int_equal(r.ahead, 1);
    assert_int_equal(r.passed, 1);
    assert_int_equal(r.first_s, begin_s + 4 * HOUR_S);
    r.n_flows = 0;
    assert_int_equal(FIXTURE_RUN(&f, journal_risk, &r), 0);
    assert_int_equal(r.ahead + r.passed + r.young, 0);
    (void)fixture_deliver_all(&f);
    ask(&f, &r);
    assert_int_equal(r.ahead + r.passed + r.young, 0);
    assert_int_equal(r.next_promised_s, 0);
    fixture_end(&f);
}

/* A hold is no excuse: it is at risk until it is acknowledged. And a step counts like a snapshot.
 */
static void what_is_held_or_a_step_is_at_risk(void **state)
{
    struct fixture f;
    struct journal_risk r;
    const struct fixture_record held = {.code = "HELD",
                                        .content = "a",
                                        .status = 4,
                                        .hold = HOLD_INVALID,
                                        .promised_s = FIXTURE_FIRST_S};
    struct fixture_record record = held;

    (void)state;
    fixture_open(&f);
    put(&f, "STEP", now_s(&f) + 5 * HOUR_S);
    (void)fixture_deliver_all(&f);
    record.promised_s = now_s(&f) + 6 * HOUR_S;
    (void)fixture_append(&f, &record, 1);
    fake_loop_advance(&f.loop, 6 * MINUTE_MS);
    ask(&f, &r);
    assert_int_equal(r.ahead, 1);
    (void)fixture_step(&f, "STEP", "s1", 1, 4);
    fake_loop_advance(&f.loop, 6 * MINUTE_MS);
    ask(&f, &r);
    assert_int_equal(r.ahead, 2);
    (void)fixture_deliver_all(&f);
    ask(&f, &r);
    assert_int_equal(r.ahead, 1);
    fixture_end(&f);
}

/* A step is refused, the promised date goes by, and what comes later waits behind that step. */
static void hold_a_step_and_let_more_come(struct fixture *f)
{
    const struct fixture_record changed = {
        .code = "A", .content = "b", .status = 5, .promised_s = now_s(f) + 5 * HOUR_S};

    put(f, "A", now_s(f) + 5 * HOUR_S);
    (void)fixture_deliver_all(f);
    (void)fixture_step(f, "A", "s1", 1, 4);
    assert_int_equal(fixture_end_call(f, fixture_claim_one(f), ITEM_HELD), ITEM_HELD);
    fake_loop_advance(&f->loop, 6 * 60 * MINUTE_MS);
    (void)fixture_step(f, "A", "s2", 2, 4);
    (void)fixture_append(f, &changed, 1);
    (void)fixture_deliver_all(f);
    fixture_claim_none(f);
}

struct listed {
    char text[400];
};

static int on_row(void *ctx, const struct risk_row *row)
{
    struct listed *l = ctx;
    size_t used = strlen(l->text);

    (void)snprintf(l->text + used, sizeof(l->text) - used, "%s %s %d %s %d/%d %d %d;", row->flow,
                   row->code, row->risk, row->agency, row->status, row->acked_status,
                   (int)row->open, row->hold);
    return 0;
}

static int stop_at_once(void *ctx, const struct risk_row *row)
{
    (void)ctx;
    (void)row;
    return ERR_CANCELED;
}

static void the_list_tells_the_same_from_the_file(void **state)
{
    struct fixture f;
    struct listed l = {""};
    struct errmsg msg = {""};
    struct fixture_record held = {
        .code = "B", .content = "b", .status = 9, .hold = HOLD_UNMAPPED_STATUS};

    (void)state;
    fixture_open(&f);
    put(&f, "C", now_s(&f) + 300 * HOUR_S);
    put(&f, "B", now_s(&f) + 4 * HOUR_S);
    (void)fixture_deliver_all(&f);
    put(&f, "A", now_s(&f) + HOUR_S);
    held.promised_s = now_s(&f) + 4 * HOUR_S;
    (void)fixture_append(&f, &held, 1);
    fixture_tamper(&f,
                   "INSERT OR REPLACE INTO figure SELECT id, '', '', 'H56.1', 2, 2, 0, 0, 0, 0, 0, "
                   "0, 0, 0, 0, -1, -1, -1 FROM subject WHERE code = 'A'");
    fake_loop_advance(&f.loop, 90 * MINUTE_MS);
    assert_int_equal(
        risk_list(f.path, now_s(&f) + 8 * HOUR_S, fixture_wall_ms(&f), on_row, &l, &msg), 0);
    assert_string_equal(l.text, "dossiers A 3 H56.1 4/0 1 0;dossiers B 2  9/4 1 1;");
    assert_int_equal(
        risk_list(f.path, now_s(&f) + 8 * HOUR_S, fixture_wall_ms(&f), stop_at_once, NULL, &msg),
        ERR_CANCELED);
    fixture_end(&f);
}

/* The held step was stored before the promised date; what came after it does not hide it. */
static void what_waits_behind_a_held_item_is_at_risk_with_it(void **state)
{
    struct fixture f;
    struct journal_risk r;
    struct listed l = {""};
    struct errmsg msg = {""};

    (void)state;
    fixture_open(&f);
    hold_a_step_and_let_more_come(&f);
    ask(&f, &r);
    assert_int_equal(r.passed, 1);
    assert_int_equal(r.young, 0);
    assert_int_equal(risk_list(f.path, r.horizon_s, r.now_ms, on_row, &l, &msg), 0);
    assert_string_equal(l.text, "dossiers A 3  5/5 2 4;");
    fixture_end(&f);
}

static void a_file_of_another_version_is_refused(void **state)
{
    struct fixture f;
    struct errmsg msg = {""};

    (void)state;
    fixture_open(&f);
    fixture_tamper(&f, "PRAGMA user_version = 2");
    assert_int_equal(risk_list(f.path, 1, 1, stop_at_once, NULL, &msg), ERR_SCHEMA);
    assert_non_null(strstr(msg.text, "is of schema version 2"));
    fixture_tamper(&f, "PRAGMA user_version = 3");
    assert_int_equal(risk_list("no-such-file", 1, 1, stop_at_once, NULL, &msg), ERR_IO);
    fixture_end(&f);
}

/* The index holds what is open and promised, and nothing else. */
static void the_index_is_small(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 20; i++) {
        char code[16];

        (void)snprintf(code, sizeof(code), "D%02d", i);
        put(&f, code, i % 2 == 0 ? 0 : now_s(&f) + i * HOUR_S);
    }
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM subject INDEXED BY subject_promised "
                                        "WHERE settled = 0 AND promised > 0"),
                     10);
    (void)fixture_deliver_all(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM subject INDEXED BY subject_promised "
                                        "WHERE settled = 0 AND promised > 0"),
                     0);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dossier_is_judged_by_three_times),
        cmocka_unit_test(what_is_open_and_near_is_counted),
        cmocka_unit_test(what_is_held_or_a_step_is_at_risk),
        cmocka_unit_test(the_list_tells_the_same_from_the_file),
        cmocka_unit_test(what_waits_behind_a_held_item_is_at_risk_with_it),
        cmocka_unit_test(a_file_of_another_version_is_refused),
        cmocka_unit_test(the_index_is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
