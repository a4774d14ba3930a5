#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/journal_fixture.h"

static void list_init_any(struct journal_list *l)
{
    memset(l, 0xA5, sizeof(*l));
    l->flow = 0;
    l->state = -1;
    l->hold = 0;
    l->code[0] = '\0';
    l->after = 0;
    l->limit = 100;
}

static size_t list_count(struct fixture *f, struct journal_list *l)
{
    size_t n;

    assert_int_equal(FIXTURE_RUN(f, journal_list, l), 0);
    n = l->n;
    journal_list_free(l);
    return n;
}

static void some_of_everything(struct fixture *f)
{
    static const struct fixture_record records[] = {
        {.code = "A", .content = "a", .status = 2},
        {.code = "A", .step = "s1", .status = 2, .at_s = 1},
        {.code = "B", .content = "a", .hold = HOLD_UNMAPPED_STATUS},
        {.code = "C", .content = "a", .hold = HOLD_INVALID},
        {.code = "D", .content = "a", .status = 9},
    };
    struct journal_call *calls[2];
    struct journal_claim c;

    (void)fixture_append(f, records, 5);
    fixture_claim_init(f, &c);
    assert_int_equal(fixture_claim(f, &c, calls, 2), 2);
    for (int i = 0; i < 2; i++) {
        (void)fixture_end_call(f, calls[i],
                               strcmp(calls[i]->code, "D") == 0 ? ITEM_UNSURE : ITEM_DONE);
    }
}

static void a_row_tells_all_of_its_item(void **state)
{
    struct fixture f;
    struct journal_list l;
    const struct journal_item_row *row;

    (void)state;
    fixture_open(&f);
    some_of_everything(&f);
    list_init_any(&l);
    (void)snprintf(l.code, sizeof(l.code), "A");
    assert_int_equal(FIXTURE_RUN(&f, journal_list, &l), 0);
    assert_int_equal(l.n, 2);
    assert_false(l.more);
    row = &l.rows[0];
    assert_int_equal(row->id, fixture_item(&f, "A", 0));
    assert_string_equal(row->flow, FIXTURE_FLOW);
    assert_string_equal(row->code, "A");
    assert_int_equal(row->kind, ITEM_SNAPSHOT);
    assert_int_equal(row->state, ITEM_DONE);
    assert_int_equal(row->status, 2);
    assert_int_equal(row->at_s, FIXTURE_FIRST_S);
    assert_int_equal(row->created_ms, fixture_wall_ms(&f));
    assert_string_equal(row->step_key, "");
    assert_string_equal(row->reason, "");
    assert_int_equal(strlen(row->digest), 12);
    row = &l.rows[1];
    assert_string_equal(row->step_key, "s1");
    assert_int_equal(row->kind, ITEM_STEP);
    journal_list_free(&l);
    fixture_end(&f);
}

static void lists_are_filtered(void **state)
{
    struct fixture f;
    struct journal_list l;

    (void)state;
    fixture_open(&f);
    some_of_everything(&f);
    list_init_any(&l);
    assert_int_equal(list_count(&f, &l), 5);
    l.state = -2;
    assert_int_equal(list_count(&f, &l), 4); /* open */
    l.state = ITEM_DONE;
    assert_int_equal(list_count(&f, &l), 1);
    l.state = ITEM_UNSURE;
    assert_int_equal(list_count(&f, &l), 1);
    l.state = ITEM_HELD;
    assert_int_equal(list_count(&f, &l), 2);
    l.hold = HOLD_INVALID;
    assert_int_equal(list_count(&f, &l), 1);
    l.flow = f.flow + 1;
    assert_int_equal(list_count(&f, &l), 0);
    l.flow = f.flow;
    assert_int_equal(list_count(&f, &l), 1);
    (void)snprintf(l.code, sizeof(l.code), "B");
    assert_int_equal(list_count(&f, &l), 0);
    l.hold = HOLD_NONE;
    assert_int_equal(list_count(&f, &l), 1);
    l.state = -2;
    assert_int_equal(list_count(&f, &l), 1);
    fixture_end(&f);
}

static void long_lists_come_in_pages_without_gap_or_repeat(void **state)
{
    static const int states[] = {-1, -2, ITEM_PENDING};
    struct fixture f;
    char key[16];

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 23; i++) {
        (void)snprintf(key, sizeof(key), "s%02d", i);
        (void)fixture_step(&f, i % 2 == 0 ? "A" : "B", key, i, 4);
    }
    for (size_t s = 0; s < 3; s++) {
        struct journal_list l;
        int64_t after = 0;
        int seen = 0;
        bool more = true;

        while (more) {
            list_init_any(&l);
            l.state = states[s];
            l.after = after;
            l.limit = 5;
            assert_int_equal(FIXTURE_RUN(&f, journal_list, &l), 0);
            for (size_t i = 0; i < l.n; i++, seen++) {
                (void)snprintf(key, sizeof(key), "s%02d", seen);
                assert_string_equal(l.rows[i].step_key, key);
                after = l.rows[i].id;
            }
            more = l.more;
            assert_int_equal(more, seen < 23);
            journal_list_free(&l);
        }
        assert_int_equal(seen, 23);
    }
    fixture_end(&f);
}

static void a_limit_has_its_limit(void **state)
{
    struct fixture f;
    struct journal_list l;

    (void)state;
    fixture_open(&f);
    list_init_any(&l);
    l.limit = SIZE_MAX;
    assert_int_equal(list_count(&f, &l), 0);
    assert_int_equal(l.limit, 1000);
    fixture_end(&f);
}

/* ---- life ---- */

static void the_life_of_a_code_is_told_in_order(void **state)
{
    struct journal_act act = {.verb = JOURNAL_HOLD, .who = "0 root", .reason = "wait for the map"};
    struct journal_seen seen = {.code = "A", .there = true, .status = 2};
    struct journal_life l;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    some_of_everything(&f);
    (void)fixture_snapshot(&f, "A", "b", 4);
    act.id = fixture_item(&f, "A", 2);
    act.now_ms = fixture_wall_ms(&f);
    assert_int_equal(FIXTURE_RUN(&f, journal_act, &act), 0);
    seen.now_ms = 12345;
    assert_int_equal(FIXTURE_RUN(&f, journal_seen, &seen), 0);
    memset(&l, 0xA5, sizeof(l));
    l.id = 0;
    (void)snprintf(l.code, sizeof(l.code), "A");
    assert_int_equal(FIXTURE_RUN(&f, journal_life, &l), 0);
    assert_string_equal(l.flow, FIXTURE_FLOW);
    assert_string_equal(l.subject_code, "A");
    assert_int_equal(l.present, 1);
    assert_int_equal(l.acked_status, 2);
    assert_int_equal(l.status, 4);
    assert_int_equal(l.n_items, 3);
    assert_int_equal(l.items[2].state, ITEM_HELD);
    assert_string_equal(l.items[2].reason, "wait for the map");
    assert_int_equal(l.n_attempts, 1);
    assert_int_equal(l.attempts[0].verb, JOURNAL_SEND);
    assert_int_equal(l.attempts[0].first_item, l.items[0].id);
    assert_int_equal(l.attempts[0].http, 200);
    assert_string_equal(l.attempts[0].words, "words of the portal");
    assert_int_equal(strlen(l.attempts[0].request), 64);
    assert_int_equal(l.n_audits, 1);
    assert_string_equal(l.audits[0].verb, "hold");
    assert_int_equal(l.seen_at_ms, 12345);
    assert_int_equal(l.seen_status, 2);
    assert_true(l.seen_there);
    assert_false(l.truncated);
    journal_life_free(&l);
    fixture_end(&f);
}

static void one_item_is_told_with_its_calls_only(void **state)
{
    struct fixture f;
    struct journal_life l;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    (void)fixture_step(&f, "A", "s2", 2, 2);
    (void)fixture_step(&f, "A", "s3", 3, 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
    call = fixture_claim_one(&f);
    assert_int_equal(call->n, 3);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    memset(&l, 0xA5, sizeof(l));
    l.id = fixture_item(&f, "A", 2); /* neither first nor last of its call */
    assert_int_equal(FIXTURE_RUN(&f, journal_life, &l), 0);
    assert_int_equal(l.n_items, 1);
    assert_string_equal(l.items[0].step_key, "s2");
    assert_int_equal(l.n_attempts, 1);
    assert_int_equal(l.attempts[0].items, 3);
    assert_string_equal(l.subject_code, "A");
    journal_life_free(&l);
    l.id = 4711;
    assert_int_equal(FIXTURE_RUN(&f, journal_life, &l), ERR_NOTFOUND);
    journal_life_free(&l);
    l.id = 0;
    (void)snprintf(l.code, sizeof(l.code), "nobody's");
    assert_int_equal(FIXTURE_RUN(&f, journal_life, &l), ERR_NOTFOUND);
    assert_non_null(strstr(l.op.why.text, "nobody's"));
    journal_life_free(&l);
    fixture_end(&f);
}

static void an_item_is_told_with_its_own_flow(void **state)
{
    static const struct fixture_record r = {.code = "A", .content = "other", .status = 5};
    struct fixture f;
    struct journal_append a;
    struct journal_life l;
    struct errmsg msg = {""};
    int64_t other = 0;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    assert_int_equal(journal_flow_id(f.journal, "intake", &other, &msg), 0);
    journal_append_init(&a, other);
    a.now_ms = fixture_wall_ms(&f);
    fixture_add(&a, &r);
    assert_int_equal(FIXTURE_RUN(&f, journal_append, &a), 0);
    journal_append_free(&a);
    memset(&l, 0, sizeof(l));
    l.id = fixture_item(&f, "A", 1);
    assert_int_equal(FIXTURE_RUN(&f, journal_life, &l), 0);
    assert_string_equal(l.flow, "intake");
    assert_int_equal(l.status, 5);
    journal_life_free(&l);
    l.id = 0;
    (void)snprintf(l.code, sizeof(l.code), "A");
    assert_int_equal(FIXTURE_RUN(&f, journal_life, &l), 0);
    assert_int_equal(l.n_items, 2); /* of all flows */
    journal_life_free(&l);
    fixture_end(&f);
}

static void a_dossier_is_found_by_the_provinces_number_too(void **state)
{
    struct journal_record r = {.status = 2};
    struct fixture f;
    struct journal_append a;
    struct journal_life l;

    (void)state;
    fixture_open(&f);
    journal_append_init(&a, f.flow);
    a.now_ms = fixture_wall_ms(&f);
    r.record.kind = RECORD_DOSSIER;
    r.record.code = "000.00.12.H56-230118-0001";
    r.record.local_no = "MC-17";
    r.record.body = "{}";
    r.record.body_len = 2;
    assert_int_equal(journal_append_add(&a, &r), 0);
    assert_int_equal(FIXTURE_RUN(&f, journal_append, &a), 0);
    journal_append_free(&a);
    memset(&l, 0, sizeof(l));
    (void)snprintf(l.code, sizeof(l.code), "MC-17");
    assert_int_equal(FIXTURE_RUN(&f, journal_life, &l), 0);
    assert_string_equal(l.subject_code, "000.00.12.H56-230118-0001");
    assert_int_equal(l.n_items, 1);
    journal_life_free(&l);
    fixture_end(&f);
}

/* ---- sums and facts ---- */

static void the_summary_counts_what_is_held_and_what_waits_longest(void **state)
{
    struct fixture f;
    struct journal_summary s;
    uint64_t first_ms;

    (void)state;
    fixture_open(&f);
    first_ms = fixture_wall_ms(&f);
    some_of_everything(&f);
    fake_loop_advance(&f.loop, 5000);
    (void)fixture_snapshot(&f, "E", "a", 2);
    memset(&s, 0xA5, sizeof(s));
    assert_int_equal(FIXTURE_RUN(&f, journal_summary, &s), 0);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.flows[0].flow, f.flow);
    assert_int_equal(s.flows[0].held[HOLD_UNMAPPED_STATUS], 1);
    assert_int_equal(s.flows[0].held[HOLD_INVALID], 1);
    assert_int_equal(s.flows[0].held[HOLD_REFUSED], 0);
    assert_int_equal(s.flows[0].oldest_ms, first_ms);
    assert_int_equal(s.owed_rows, 0);
    fixture_end(&f);
}

static void the_summary_counts_what_waits_behind_a_held_item(void **state)
{
    struct fixture f;
    struct journal_summary s;
    struct journal_call *call;
    uint64_t second_ms;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_deliver_all(&f);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    assert_int_equal(fixture_end_call(&f, fixture_claim_one(&f), ITEM_HELD), ITEM_HELD);
    assert_int_equal(FIXTURE_RUN(&f, journal_summary, &s), 0);
    assert_int_equal(s.flows[0].behind, 0); /* the held one itself is not behind */
    fake_loop_advance(&f.loop, 5000);
    second_ms = fixture_wall_ms(&f);
    (void)fixture_step(&f, "A", "s2", 2, 2);
    fake_loop_advance(&f.loop, 5000);
    (void)fixture_step(&f, "A", "s3", 3, 2);
    (void)fixture_snapshot(&f, "B", "a", 2); /* waits for nobody */
    assert_int_equal(FIXTURE_RUN(&f, journal_summary, &s), 0);
    assert_int_equal(s.flows[0].held[HOLD_REFUSED], 1);
    assert_int_equal(s.flows[0].behind, 2);
    assert_int_equal(s.flows[0].behind_ms, second_ms);
    /* A newer snapshot overtakes the held step, and while it is on its way the daemon is at it. */
    (void)fixture_deliver_all(&f);
    (void)fixture_snapshot(&f, "A", "b", 4);
    assert_int_equal(FIXTURE_RUN(&f, journal_summary, &s), 0);
    assert_int_equal(s.flows[0].behind, 0);
    call = fixture_claim_one(&f);
    assert_int_equal(FIXTURE_RUN(&f, journal_summary, &s), 0);
    assert_int_equal(s.flows[0].behind, 0);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    assert_int_equal(FIXTURE_RUN(&f, journal_summary, &s), 0);
    assert_int_equal(s.flows[0].behind, 2);
    assert_int_equal(s.flows[0].behind_ms, second_ms);
    assert_int_equal(s.flows[0].oldest_ms, 0);
    fixture_end(&f);
}

static void facts_outlive_a_restart(void **state)
{
    struct fixture f;
    struct journal_fact fact;

    (void)state;
    fixture_open(&f);
    memset(&fact, 0xA5, sizeof(fact));
    (void)snprintf(fact.name, sizeof(fact.name), "pause-portal");
    assert_int_equal(FIXTURE_RUN(&f, journal_fact_get, &fact), 0);
    assert_string_equal(fact.value, "");
    (void)snprintf(fact.value, sizeof(fact.value), "login refused");
    assert_int_equal(FIXTURE_RUN(&f, journal_fact_set, &fact), 0);
    fixture_crash(&f);
    fact.value[0] = '\0';
    assert_int_equal(FIXTURE_RUN(&f, journal_fact_get, &fact), 0);
    assert_string_equal(fact.value, "login refused");
    fact.value[0] = '\0';
    assert_int_equal(FIXTURE_RUN(&f, journal_fact_set, &fact), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM fact WHERE name = 'pause-portal'"),
                     0);
    fixture_tamper(&f, "INSERT INTO fact VALUES ('pause-portal', hex(zeroblob(400)))");
    assert_int_equal(FIXTURE_RUN(&f, journal_fact_get, &fact), ERR_TOOBIG);
    fixture_end(&f);
}

static void flows_keep_their_numbers(void **state)
{
    struct fixture f;
    struct errmsg msg = {""};
    int64_t id = 0;
    int64_t again = 0;
    char name[16];
    int err = 0;

    (void)state;
    fixture_open(&f);
    assert_int_equal(journal_flow_id(f.journal, "catalog", &id, &msg), 0);
    fixture_restart(&f);
    assert_int_equal(journal_flow_id(f.journal, "catalog", &again, &msg), 0);
    assert_int_equal(id, again);
    for (int i = 0; i < 70 && err == 0; i++) {
        (void)snprintf(name, sizeof(name), "flow%d", i);
        err = journal_flow_id(f.journal, name, &id, &msg);
    }
    assert_int_equal(err, ERR_TOOBIG);
    assert_int_equal(journal_tally(f.journal, 1000, ITEM_STEP, ITEM_DONE), 0);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_tells_all_of_its_item),
        cmocka_unit_test(lists_are_filtered),
        cmocka_unit_test(long_lists_come_in_pages_without_gap_or_repeat),
        cmocka_unit_test(a_limit_has_its_limit),
        cmocka_unit_test(the_life_of_a_code_is_told_in_order),
        cmocka_unit_test(one_item_is_told_with_its_calls_only),
        cmocka_unit_test(an_item_is_told_with_its_own_flow),
        cmocka_unit_test(a_dossier_is_found_by_the_provinces_number_too),
        cmocka_unit_test(the_summary_counts_what_is_held_and_what_waits_longest),
        cmocka_unit_test(the_summary_counts_what_waits_behind_a_held_item),
        cmocka_unit_test(facts_outlive_a_restart),
        cmocka_unit_test(flows_keep_their_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
