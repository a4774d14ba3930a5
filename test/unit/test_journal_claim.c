#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/journal_fixture.h"

#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)

/* The codes of the calls that a claim gives, in order, with spaces; all are put back. */
static const char *claim_order(struct fixture *f, size_t max)
{
    static char order[1024];
    struct journal_call *calls[256];
    struct journal_claim c;
    size_t n;

    fixture_claim_init(f, &c);
    c.max = max;
    n = fixture_claim(f, &c, calls, 256);
    order[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        struct journal_finish finish;
        size_t len = strlen(order);

        (void)snprintf(order + len, sizeof(order) - len, "%s%s", i > 0 ? " " : "", calls[i]->code);
        fixture_decide(f, &finish, calls[i], ITEM_PENDING);
        finish.withdrawn = true;
        finish.due_ms = 0;
        (void)fixture_finish(f, &finish, calls[i]);
    }
    return order;
}

static void a_call_carries_what_was_stored(void **state)
{
    static const struct fixture_record r = {
        .code = "H56.1", .content = "a", .status = 4, .at_s = 5, .promised_s = 1764000000};
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, &r, 1);
    call = fixture_claim_one(&f);
    assert_int_equal(call->verb, JOURNAL_SEND);
    assert_int_equal(call->kind, RECORD_DOSSIER);
    assert_int_equal(call->flow, f.flow);
    assert_int_equal(call->status, 4);
    assert_int_equal(call->promised_s, 1764000000);
    assert_int_equal(call->records[0].promised_s, 1764000000);
    assert_int_equal(call->records[0].at_s, FIXTURE_FIRST_S + 5);
    assert_string_equal(call->records[0].body,
                        "{\"code\":\"H56.1\",\"content\":\"a\",\"step\":\"\"}");
    assert_int_equal(call->records[0].body_len, strlen(call->records[0].body));
    assert_int_equal(call->items[0].id, fixture_item(&f, "H56.1", 0));
    assert_int_equal(call->items[0].created_ms, fixture_wall_ms(&f));
    assert_false(call->items[0].was_unsure);
    assert_string_equal(call->last_answer, "");
    /* The intent is committed. */
    assert_string_equal(fixture_states(&f, "H56.1"), "I");
    assert_int_equal(fixture_number(&f,
                                    "SELECT count(*) FROM attempt WHERE ended_ms IS NULL AND "
                                    "first_item = %lld AND updating = 0",
                                    (long long)call->items[0].id),
                     1);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void of_one_dossier_one_call_at_a_time(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    call = fixture_claim_one(&f);
    assert_int_equal(call->kind, RECORD_DOSSIER); /* before its steps */
    fixture_claim_none(&f);
    (void)fixture_step(&f, "A", "s2", 2, 4);
    (void)fixture_snapshot(&f, "A", "b", 4);
    fixture_claim_none(&f);
    fixture_check(&f);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    call = fixture_claim_one(&f);
    assert_int_equal(call->kind, RECORD_DOSSIER); /* the newer snapshot overtakes waiting steps */
    (void)fixture_end_call(&f, call, ITEM_DONE);
    call = fixture_claim_one(&f);
    assert_int_equal(call->n, 2);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void what_decides_a_deadline_goes_first_then_the_older(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "N1", "a", 4);
    fake_loop_advance(&f.loop, 1000);
    (void)fixture_snapshot(&f, "N2", "a", 4);
    fake_loop_advance(&f.loop, 1000);
    (void)fixture_snapshot(&f, "U1", "a", 9); /* result ready */
    fake_loop_advance(&f.loop, 1000);
    (void)fixture_snapshot(&f, "U2", "a", 5);
    assert_string_equal(claim_order(&f, 256), "U1 U2 N1 N2");
    assert_string_equal(claim_order(&f, 3), "U1 U2 N1");
    assert_string_equal(claim_order(&f, 1), "U1");
    fake_loop_advance(&f.loop, HOUR_MS - 2500); /* N1 is older than an hour now: it joins them */
    assert_string_equal(claim_order(&f, 256), "N1 U1 U2 N2");
    fixture_end(&f);
}

static void what_is_promised_within_a_working_day_goes_first(void **state)
{
    /* The wall stands on a Thursday, 14:00 in Viet Nam. */
    const int64_t now_s = FAKE_LOOP_WALL_MS / 1000;
    const struct fixture_record records[] = {
        {.code = "later", .content = "a", .status = 4, .promised_s = now_s + 5 * 86400},
        {.code = "soon", .content = "a", .status = 4, .promised_s = now_s + 20 * 3600},
        {.code = "past", .content = "a", .status = 4, .promised_s = now_s - 3600},
        {.code = "none", .content = "a", .status = 4},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, records, 4);
    assert_string_equal(claim_order(&f, 2), "soon past");
    fixture_end(&f);
}

static void full_tells_that_there_may_be_more(void **state)
{
    struct fixture f;
    struct journal_claim c;
    struct journal_call *calls[256];
    size_t n;

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 5; i++) {
        char code[16];

        (void)snprintf(code, sizeof(code), "A%d", i);
        (void)fixture_snapshot(&f, code, "a", 4);
    }
    fixture_claim_init(&f, &c);
    c.max = 3;
    n = fixture_claim(&f, &c, calls, 256);
    assert_int_equal(n, 3);
    assert_true(c.full);
    for (size_t i = 0; i < n; i++) {
        (void)fixture_end_call(&f, calls[i], ITEM_DONE);
    }
    fixture_claim_init(&f, &c);
    c.max = 3;
    n = fixture_claim(&f, &c, calls, 256);
    assert_int_equal(n, 2);
    assert_false(c.full);
    for (size_t i = 0; i < n; i++) {
        (void)fixture_end_call(&f, calls[i], ITEM_DONE);
    }
    fixture_end(&f);
}

static void a_delayed_item_waits_for_its_time(void **state)
{
    struct fixture f;
    struct journal_claim c;
    struct journal_call *calls[1];
    uint64_t due_ms;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 9);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_PENDING);
    due_ms = fixture_wall_ms(&f) + 30000;
    fixture_claim_init(&f, &c);
    assert_int_equal(fixture_claim(&f, &c, calls, 1), 0);
    assert_int_equal(c.next_due_ms, due_ms);
    fixture_check(&f);
    fake_loop_advance(&f.loop, 29999);
    fixture_claim_none(&f);
    fake_loop_advance(&f.loop, 1);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
    fixture_claim_init(&f, &c);
    assert_int_equal(fixture_claim(&f, &c, calls, 1), 0);
    assert_int_equal(c.next_due_ms, 0);
    fixture_end(&f);
}

static void a_clock_set_back_does_not_delay_for_days(void **state)
{
    struct fixture f;
    struct journal_claim c;
    struct journal_call *calls[1];

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 9);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_PENDING);
    fake_loop_jump_wall(&f.loop, -30 * INT64_C(86400000));
    fixture_claim_init(&f, &c);
    c.due_cap_ms = HOUR_MS;
    assert_int_equal(fixture_claim(&f, &c, calls, 1), 0);
    assert_int_equal(c.next_due_ms, fixture_wall_ms(&f) + HOUR_MS);
    fake_loop_advance(&f.loop, HOUR_MS);
    fixture_claim_init(&f, &c);
    c.due_cap_ms = HOUR_MS;
    assert_int_equal(fixture_claim(&f, &c, calls, 1), 1);
    (void)fixture_end_call(&f, calls[0], ITEM_DONE);
    fixture_end(&f);
}

/* A delay of half a minute stays one when the clock is set back by a day. */
static void due_times_go_back_with_the_clock(void **state)
{
    struct fixture f;
    struct journal_claim c;
    struct journal_call *calls[1];

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 9);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_PENDING);
    fake_loop_jump_wall(&f.loop, -24 * INT64_C(3600000));
    fixture_claim_init(&f, &c);
    c.back_ms = 24 * HOUR_MS;
    assert_int_equal(fixture_claim(&f, &c, calls, 1), 0);
    assert_int_equal(c.next_due_ms, fixture_wall_ms(&f) + 30000);
    fake_loop_advance(&f.loop, 30000);
    fixture_claim_init(&f, &c);
    assert_int_equal(fixture_claim(&f, &c, calls, 1), 1);
    (void)fixture_end_call(&f, calls[0], ITEM_DONE);
    fixture_end(&f);
}

static void a_new_snapshot_need_not_wait_for_the_delay_of_the_old_one(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_PENDING);
    fixture_claim_none(&f);
    (void)fixture_snapshot(&f, "A", "b", 4);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
    fixture_end(&f);
}

/* ---- steps ---- */

static void steps_go_oldest_first_and_at_most_ten(void **state)
{
    struct fixture f;
    struct journal_call *call;
    char key[16];

    (void)state;
    fixture_open(&f);
    for (int i = 25; i > 0; i--) { /* stored in the wrong order */
        (void)snprintf(key, sizeof(key), "s%d", i);
        (void)fixture_step(&f, "A", key, i, 4);
    }
    for (int first = 1; first <= 25; first += JOURNAL_CALL_ITEMS) {
        call = fixture_claim_one(&f);
        assert_int_equal(call->kind, RECORD_STEP);
        assert_int_equal(call->n, first <= 20 ? 10 : 5);
        for (size_t i = 0; i < call->n; i++) {
            assert_int_equal(call->records[i].at_s, FIXTURE_FIRST_S + first + (int64_t)i);
        }
        fixture_check(&f);
        (void)fixture_end_call(&f, call, ITEM_DONE);
    }
    fixture_claim_none(&f);
    fixture_end(&f);
}

static void a_step_that_goes_alone_parts_the_others(void **state)
{
    static const struct fixture_record steps[] = {
        {.code = "A", .step = "s1", .at_s = 1, .status = 2},
        {.code = "A", .step = "s2", .at_s = 2, .status = 2},
        {.code = "A", .step = "answer", .at_s = 3, .status = 2, .solo = true},
        {.code = "A", .step = "s4", .at_s = 4, .status = 2},
        {.code = "A", .step = "s5", .at_s = 5, .status = 2},
    };
    static const size_t expected[] = {2, 1, 2};
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, steps, 5);
    for (size_t i = 0; i < 3; i++) {
        struct journal_call *call = fixture_claim_one(&f);

        assert_int_equal(call->n, expected[i]);
        assert_int_equal(call->items[0].solo, i == 1 ? 1 : 0);
        (void)fixture_end_call(&f, call, ITEM_DONE);
    }
    fixture_claim_none(&f);
    fixture_end(&f);
}

/* After a refused call of many: fewer, and fewer still; never more again. */
static void a_call_has_no_more_items_than_each_of_them_allows(void **state)
{
    static const uint32_t limits[] = {4, 7, 2, 1}; /* as refused calls set them */
    static const size_t allowed[] = {4, 4, 2, 1};
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 8; i++) {
        char key[8];

        (void)snprintf(key, sizeof(key), "s%d", i);
        (void)fixture_step(&f, "A", key, i, 2);
    }
    call = fixture_claim_one(&f);
    assert_int_equal(call->n, 8);
    for (size_t i = 0; i < 4; i++) {
        struct journal_finish finish;

        fixture_decide(&f, &finish, call, ITEM_PENDING);
        finish.due_ms = 0;
        finish.solo = limits[i];
        (void)fixture_finish(&f, &finish, call);
        call = fixture_claim_one(&f);
        assert_int_equal(call->n, allowed[i]);
        assert_int_equal(call->items[0].solo, allowed[i]);
    }
    (void)fixture_end_call(&f, call, ITEM_DONE);
    call = fixture_claim_one(&f);
    assert_int_equal(call->n, 1); /* the second was in the call of two */
    (void)fixture_end_call(&f, call, ITEM_DONE);
    call = fixture_claim_one(&f);
    assert_int_equal(call->n, 2);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void a_held_step_stops_the_later_ones_but_no_snapshot(void **state)
{
    static const struct fixture_record steps[] = {
        {.code = "A", .step = "s1", .status = 2, .at_s = 1},
        {.code = "A", .step = "s2", .at_s = 2, .hold = HOLD_UNMAPPED_STATUS},
        {.code = "A", .step = "s3", .status = 4, .at_s = 3},
    };
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, steps, 3);
    call = fixture_claim_one(&f);
    assert_int_equal(call->n, 1); /* up to the held one */
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_claim_none(&f);
    (void)fixture_snapshot(&f, "A", "a", 4);
    call = fixture_claim_one(&f);
    assert_int_equal(call->kind, RECORD_DOSSIER);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_claim_none(&f);
    assert_string_equal(fixture_states(&f, "A"), "dhpD");
    fixture_end(&f);
}

static void a_held_snapshot_stops_the_steps_that_came_after_it(void **state)
{
    static const struct fixture_record held = {
        .code = "A", .content = "b", .hold = HOLD_UNMAPPED_STATUS};
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_deliver_all(&f);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    (void)fixture_append(&f, &held, 1);
    (void)fixture_step(&f, "A", "s2", 2, 4);
    call = fixture_claim_one(&f);
    assert_int_equal(call->n, 1); /* s1 came before it */
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_claim_none(&f);
    (void)fixture_snapshot(&f, "A", "c", 4);
    assert_int_equal(fixture_deliver_all(&f), 2);
    assert_string_equal(fixture_states(&f, "A"), "DdSdD");
    fixture_end(&f);
}

static void without_any_snapshot_a_step_is_sent_as_it_is(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    call = fixture_claim_one(&f);
    assert_int_equal(call->kind, RECORD_STEP);
    assert_false(call->has_snapshot);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_deliver_all(&f);
    (void)fixture_step(&f, "A", "s2", 2, 4);
    call = fixture_claim_one(&f);
    assert_true(call->has_snapshot);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

/* ---- damage ---- */

static void a_damaged_body_is_held_and_never_sent(void **state)
{
    struct fixture f;
    struct journal_claim c;
    struct journal_call *calls[2];

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_snapshot(&f, "B", "a", 2);
    fixture_tamper(&f, "UPDATE body SET body = replace(body, 'code', 'c0de') WHERE item = %lld",
                   (long long)fixture_item(&f, "A", 0));
    fixture_claim_init(&f, &c);
    assert_int_equal(fixture_claim(&f, &c, calls, 2), 1); /* others do not wait */
    assert_string_equal(calls[0]->code, "B");
    assert_int_equal(c.held, 1);
    (void)fixture_end_call(&f, calls[0], ITEM_DONE);
    assert_string_equal(fixture_states(&f, "A"), "H");
    assert_int_equal(fixture_number(&f, "SELECT hold FROM item WHERE state = 3"), HOLD_DAMAGED);
    fixture_check(&f);
    assert_int_equal(fixture_snapshot(&f, "A", "a", 2).stored, 1); /* the source repairs it */
    assert_int_equal(fixture_deliver_all(&f), 1);
    assert_string_equal(fixture_states(&f, "A"), "SD");
    fixture_end(&f);
}

static void a_damaged_step_is_repaired_by_its_source(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    (void)fixture_step(&f, "A", "s2", 2, 2);
    fixture_tamper(&f, "UPDATE body SET body = x'00' WHERE item = %lld",
                   (long long)fixture_item(&f, "A", 1));
    assert_int_equal(fixture_deliver_all(&f), 1); /* s1 goes alone */
    assert_string_equal(fixture_states(&f, "A"), "dh");
    fixture_check(&f);
    assert_int_equal(fixture_step(&f, "A", "s2", 2, 2).replaced, 1);
    assert_string_equal(fixture_states(&f, "A"), "dp");
    assert_int_equal(fixture_deliver_all(&f), 1);
    fixture_end(&f);
}

static void other_flows_are_not_touched(void **state)
{
    struct fixture f;
    struct journal_append a;
    struct errmsg msg = {""};
    int64_t other = 0;
    static const struct fixture_record r = {.code = "A", .content = "other", .status = 2};

    (void)state;
    fixture_open(&f);
    assert_int_equal(journal_flow_id(f.journal, "intake", &other, &msg), 0);
    assert_int_not_equal(other, f.flow);
    journal_append_init(&a, other);
    a.now_ms = fixture_wall_ms(&f);
    fixture_add(&a, &r);
    assert_int_equal(FIXTURE_RUN(&f, journal_append, &a), 0);
    journal_append_free(&a);
    fixture_claim_none(&f);
    assert_int_equal(journal_tally(f.journal, other, ITEM_SNAPSHOT, ITEM_PENDING), 1);
    assert_int_equal(journal_tally(f.journal, f.flow, ITEM_SNAPSHOT, ITEM_PENDING), 0);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_carries_what_was_stored),
        cmocka_unit_test(of_one_dossier_one_call_at_a_time),
        cmocka_unit_test(what_decides_a_deadline_goes_first_then_the_older),
        cmocka_unit_test(what_is_promised_within_a_working_day_goes_first),
        cmocka_unit_test(full_tells_that_there_may_be_more),
        cmocka_unit_test(a_delayed_item_waits_for_its_time),
        cmocka_unit_test(a_clock_set_back_does_not_delay_for_days),
        cmocka_unit_test(due_times_go_back_with_the_clock),
        cmocka_unit_test(a_new_snapshot_need_not_wait_for_the_delay_of_the_old_one),
        cmocka_unit_test(steps_go_oldest_first_and_at_most_ten),
        cmocka_unit_test(a_step_that_goes_alone_parts_the_others),
        cmocka_unit_test(a_call_has_no_more_items_than_each_of_them_allows),
        cmocka_unit_test(a_held_step_stops_the_later_ones_but_no_snapshot),
        cmocka_unit_test(a_held_snapshot_stops_the_steps_that_came_after_it),
        cmocka_unit_test(without_any_snapshot_a_step_is_sent_as_it_is),
        cmocka_unit_test(a_damaged_body_is_held_and_never_sent),
        cmocka_unit_test(a_damaged_step_is_repaired_by_its_source),
        cmocka_unit_test(other_flows_are_not_touched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
