#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "journal/upkeep.h"
#include "lib/journal_fixture.h"

#define CODE "H56.31.25-251118-0007"
#define DAY_MS UINT64_C(86400000)

static void know(struct fixture *f, struct journal_known *k, const char *code)
{
    memset(k, 0xA5, sizeof(*k));
    k->flow = f->flow;
    (void)snprintf(k->code, sizeof(k->code), "%s", code);
    k->want_body = true;
    k->want_parts = true;
    k->want_marks = true;
    assert_int_equal(FIXTURE_RUN(f, journal_known, k), 0);
}

static struct fixture_record part(const char *content, const char *source, int rank, int64_t at_s,
                                  const char *text)
{
    return (struct fixture_record){
        .code = CODE,
        .content = content,
        .status = 4,
        .source = source,
        .rank = rank,
        .part = text,
        .part_at_s = at_s,
    };
}

/* ---- one dossier ---- */

static void a_code_that_nobody_named_is_unknown(void **state)
{
    struct fixture f;
    struct journal_known k;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    know(&f, &k, CODE);
    assert_false(k.known);
    assert_string_equal(k.portal_no, "");
    assert_null(k.body);
    assert_int_equal(k.n_parts, 0);
    journal_known_free(&k);
    k.flow = f.flow + 1;
    (void)snprintf(k.code, sizeof(k.code), "A");
    assert_int_equal(FIXTURE_RUN(&f, journal_known, &k), 0);
    assert_false(k.known); /* in another flow */
    journal_known_free(&k);
    fixture_end(&f);
}

static void what_is_not_acknowledged_is_not_there(void **state)
{
    struct fixture f;
    struct journal_known k;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 2);
    know(&f, &k, CODE);
    assert_true(k.known && k.open);
    assert_false(k.acknowledged);
    assert_int_equal(k.status, 2);
    assert_string_equal(k.portal_no, CODE);
    assert_string_equal(k.local_no, "");
    assert_non_null(strstr(k.body, "\"content\":\"a\""));
    assert_int_equal(k.body_len, strlen(k.body));
    journal_known_free(&k);
    (void)fixture_deliver_all(&f);
    (void)fixture_snapshot(&f, CODE, "b", 4);
    call = fixture_claim_one(&f);
    know(&f, &k, CODE);
    assert_true(k.acknowledged && k.open);
    assert_int_equal(k.acked_status, 2);
    assert_int_equal(k.status, 4);
    assert_non_null(strstr(k.body, "\"content\":\"b\""));
    journal_known_free(&k);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    know(&f, &k, CODE);
    assert_true(k.acknowledged && !k.open);
    assert_int_equal(k.acked_status, 4);
    journal_known_free(&k);
    fixture_end(&f);
}

static void either_number_finds_it(void **state)
{
    static const struct fixture_record records[] = {
        {.code = "P1", .content = "a", .local_no = "L1"},
        {.code = "P2", .content = "a", .local_no = "P1"},
    };
    struct fixture f;
    struct journal_known k;

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, records, 2);
    know(&f, &k, "L1");
    assert_string_equal(k.portal_no, "P1");
    assert_string_equal(k.local_no, "L1");
    journal_known_free(&k);
    know(&f, &k, "P1"); /* the portal's number comes first */
    assert_string_equal(k.portal_no, "P1");
    journal_known_free(&k);
    fixture_end(&f);
}

static void the_sinks_own_number_is_kept(void **state)
{
    static const char *const numbers[] = {"L-1", "", CODE};
    static const char *const kept[] = {"L-1", "L-1", ""};
    struct fixture f;
    struct journal_known k;

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 3; i++) {
        const char content[] = {(char)('a' + i), '\0'};
        struct journal_call *call;
        struct journal_finish finish;

        (void)fixture_snapshot(&f, CODE, content, 4);
        call = fixture_claim_one(&f);
        fixture_decide(&f, &finish, call, ITEM_DONE);
        (void)snprintf(finish.local_no, sizeof(finish.local_no), "%s", numbers[i]);
        (void)fixture_finish(&f, &finish, call);
        know(&f, &k, CODE);
        assert_string_equal(k.local_no, kept[i]);
        journal_known_free(&k);
    }
    fixture_end(&f);
}

static void what_began_at_the_portal_is_an_update_from_the_first(void **state)
{
    struct fixture f;
    struct errmsg msg = {""};
    int64_t intake;
    struct journal_call *calls[2];
    struct journal_claim c;
    struct journal_known k;

    (void)state;
    fixture_open(&f);
    assert_int_equal(journal_flow_id(f.journal, "intake", &intake, &msg), 0);
    for (int i = 0; i < 3; i++) {
        const struct fixture_record r = {.code = i == 2 ? "B" : "A", .content = "a", .status = 2};
        struct journal_append a;

        journal_append_init(&a, i == 0 ? intake : f.flow);
        a.now_ms = fixture_wall_ms(&f);
        a.born_flow = i == 0 ? 0 : intake;
        fixture_add(&a, &r);
        assert_int_equal(FIXTURE_RUN(&f, journal_append, &a), 0);
        journal_append_free(&a);
    }
    know(&f, &k, "A");
    assert_false(k.acknowledged); /* there, but nothing of ours */
    journal_known_free(&k);
    fixture_claim_init(&f, &c);
    assert_int_equal(fixture_claim(&f, &c, calls, 2), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(calls[i]->updating, strcmp(calls[i]->code, "A") == 0);
        (void)fixture_end_call(&f, calls[i], ITEM_DONE);
    }
    fixture_end(&f);
}

/* ---- what its sources said ---- */

static void each_source_keeps_its_last_word(void **state)
{
    struct fixture f;
    struct journal_known k;
    struct fixture_record r = part("a", "poll", 1, 10, "poll 1");

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_append(&f, &r, 1).stored, 1);
    r = part("ab", "gateway", 3, 5, "gateway");
    assert_int_equal(fixture_append(&f, &r, 1).stored, 1);
    r = part("ab", "poll", 1, 20, "poll 2"); /* together they say what is known */
    assert_int_equal(fixture_append(&f, &r, 1).unchanged, 1);
    r = part("ab", "publish", 2, 15, "publish");
    (void)fixture_append(&f, &r, 1);
    know(&f, &k, CODE);
    assert_int_equal(k.n_parts, 3);
    assert_string_equal(k.parts[0].source, "gateway");
    assert_int_equal(k.parts[0].rank, 3);
    assert_true(k.parts[0].at_s == FIXTURE_FIRST_S + 5);
    assert_string_equal(k.parts[0].body, "gateway");
    assert_string_equal(k.parts[1].source, "publish");
    assert_string_equal(k.parts[2].body, "poll 2");
    assert_int_equal(k.parts[2].body_len, strlen("poll 2"));
    assert_true(k.parts[2].at_s == FIXTURE_FIRST_S + 20);
    journal_known_free(&k);
    fixture_end(&f);
}

static void a_later_source_may_bring_the_provinces_number(void **state)
{
    struct fixture f;
    struct journal_known k;
    struct fixture_record r = part("a", "gateway", 3, 10, "gateway");

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, &r, 1);
    r = part("b", "poll", 1, 20, "poll");
    r.local_no = "L-1";
    (void)fixture_append(&f, &r, 1);
    r = part("c", "gateway", 3, 30, "gateway 2");
    (void)fixture_append(&f, &r, 1);
    know(&f, &k, "L-1");
    assert_string_equal(k.portal_no, CODE);
    journal_known_free(&k);
    fixture_end(&f);
}

static void one_source_leaves_no_parts(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 2);
    (void)fixture_step(&f, CODE, "s1", 1, 2);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM part"), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM item WHERE source IS NOT NULL"), 0);
    fixture_end(&f);
}

static void count_finding(void *ctx, const char *text)
{
    (void)text;
    (*(int *)ctx)++;
}

static void what_is_damaged_counts_as_not_said(void **state)
{
    struct fixture f;
    struct journal_known k;
    struct errmsg msg;
    struct fixture_record r = part("a", "poll", 1, 10, "poll");
    int findings = 0;

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, &r, 1);
    r = part("a", "gateway", 3, 10, "gateway");
    (void)fixture_append(&f, &r, 1);
    fixture_tamper(&f, "UPDATE part SET body = x'00' WHERE source = 'gateway'");
    fixture_tamper(&f, "UPDATE body SET body = x'00'");
    know(&f, &k, CODE);
    assert_null(k.body);
    assert_int_equal(k.n_parts, 1);
    assert_string_equal(k.parts[0].source, "poll");
    journal_known_free(&k);
    assert_int_equal(upkeep_check(f.path, count_finding, &findings, &msg), ERR_CORRUPT);
    assert_int_equal(findings, 2);
    fixture_end(&f);
}

static void retain(struct fixture *f)
{
    struct upkeep_retention r;

    memset(&r, 0xA5, sizeof(r));
    r.now_ms = fixture_wall_ms(f);
    r.keep_payload_ms = 7 * DAY_MS;
    r.keep_history_ms = 30 * DAY_MS;
    r.limit = 100;
    assert_int_equal(FIXTURE_RUN(f, upkeep_retention, &r), 0);
}

static void parts_go_with_the_bodies(void **state)
{
    struct fixture f;
    struct fixture_record r = part("a", "poll", 1, 10, "poll");

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, &r, 1);
    (void)fixture_deliver_all(&f);
    fake_loop_advance(&f.loop, 8 * DAY_MS);
    retain(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM part"), 1); /* not final */
    r = part("b", "poll", 1, 20, "poll");
    r.status = 10;
    (void)fixture_append(&f, &r, 1);
    (void)fixture_deliver_all(&f);
    retain(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM part"), 1);
    fake_loop_advance(&f.loop, 8 * DAY_MS);
    retain(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM part"), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 0);
    fixture_check(&f);
    assert_int_equal(fixture_append(&f, &r, 1).unchanged, 1); /* said again: kept again */
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM part"), 1);
    fixture_check(&f);
    fake_loop_advance(&f.loop, 8 * DAY_MS);
    retain(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM part"), 0);
    fixture_end(&f);
}

static void a_part_has_its_limit(void **state)
{
    static char large[JOURNAL_BODY_MAX + 1];
    struct journal_append a;
    struct journal_record r = {
        .record = {.kind = RECORD_DOSSIER, .code = CODE, .body = "{}", .body_len = 2},
        .source = "poll",
        .part = large,
        .part_len = sizeof(large),
    };

    (void)state;
    journal_append_init(&a, 1);
    assert_int_equal(journal_append_add(&a, &r), ERR_TOOBIG);
    r.part_len--;
    assert_int_equal(journal_append_add(&a, &r), 0);
    assert_true(a.bytes > JOURNAL_BODY_MAX);
    journal_append_free(&a);
}

/* ---- what the sink has for good ---- */

static void delivered_is_acknowledged_with_nothing_open(void **state)
{
    static const char *const codes[] = {"done", "open", "step open", "unknown", "held", "done"};
    static const bool expected[] = {true, false, false, false, false, true};
    struct journal_delivered d = {.codes = codes, .n = 6};
    struct fixture f;
    const struct fixture_record held = {
        .code = "held", .content = "a", .hold = HOLD_UNMAPPED_STATUS};

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "done", "a", 2);
    (void)fixture_snapshot(&f, "open", "a", 2);
    (void)fixture_snapshot(&f, "step open", "a", 2);
    (void)fixture_append(&f, &held, 1);
    (void)fixture_deliver_all(&f);
    (void)fixture_snapshot(&f, "open", "b", 2);
    (void)fixture_step(&f, "step open", "s", 1, 2);
    d.flow = f.flow;
    assert_int_equal(FIXTURE_RUN(&f, journal_delivered, &d), 0);
    for (size_t i = 0; i < d.n; i++) {
        assert_int_equal(d.delivered[i], expected[i]);
    }
    d.flow++;
    assert_int_equal(FIXTURE_RUN(&f, journal_delivered, &d), 0);
    assert_false(d.delivered[0]);
    d.n = JOURNAL_ROWS_MAX + 1;
    assert_int_equal(FIXTURE_RUN(&f, journal_delivered, &d), ERR_TOOBIG);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_that_nobody_named_is_unknown),
        cmocka_unit_test(what_is_not_acknowledged_is_not_there),
        cmocka_unit_test(either_number_finds_it),
        cmocka_unit_test(the_sinks_own_number_is_kept),
        cmocka_unit_test(what_began_at_the_portal_is_an_update_from_the_first),
        cmocka_unit_test(each_source_keeps_its_last_word),
        cmocka_unit_test(a_later_source_may_bring_the_provinces_number),
        cmocka_unit_test(one_source_leaves_no_parts),
        cmocka_unit_test(what_is_damaged_counts_as_not_said),
        cmocka_unit_test(parts_go_with_the_bodies),
        cmocka_unit_test(a_part_has_its_limit),
        cmocka_unit_test(delivered_is_acknowledged_with_nothing_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
