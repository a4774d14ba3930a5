#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fault_vfs.h"
#include "lib/journal_fixture.h"

#define CODE "H56.31.25-251118-0007"

/* Appends and tells what became of each. */
static struct fixture_appended append(struct fixture *f, const struct fixture_record *records,
                                      size_t n, bool steps_by_content, struct journal_fate *fates)
{
    struct journal_append a;
    struct fixture_appended appended;

    journal_append_init(&a, f->flow);
    a.now_ms = fixture_wall_ms(f);
    a.fates = fates;
    a.steps_by_content = steps_by_content;
    memset(fates, 0xA5, n * sizeof(*fates));
    for (size_t i = 0; i < n; i++) {
        fixture_add(&a, &records[i]);
    }
    assert_int_equal(FIXTURE_RUN(f, journal_append, &a), 0);
    appended = (struct fixture_appended){a.stored, a.unchanged, a.replaced, a.held};
    journal_append_free(&a);
    return appended;
}

static struct journal_fate snapshot_fate(struct fixture *f, const char *content, int status)
{
    const struct fixture_record r = {.code = CODE, .content = content, .status = status};
    struct journal_fate fate;

    (void)append(f, &r, 1, false, &fate);
    return fate;
}

static struct journal_fate outcome(struct fixture *f, int64_t item)
{
    struct journal_outcome o;

    memset(&o, 0xA5, sizeof(o));
    o.item = item;
    assert_int_equal(FIXTURE_RUN(f, journal_outcome, &o), 0);
    return o.fate;
}

/* ---- what append tells ---- */

static void what_is_new_waits(void **state)
{
    static const struct fixture_record records[] = {
        {.code = "B", .content = "a", .status = 2},
        {.code = "A", .content = "a", .hold = HOLD_UNMAPPED_STATUS},
        {.code = "B", .step = "s1", .status = 2, .at_s = 1},
    };
    struct fixture f;
    struct journal_fate fates[3];

    (void)state;
    fixture_open(&f);
    (void)append(&f, records, 3, false, fates);
    assert_int_equal(fates[0].item, fixture_item(&f, "B", 0));
    assert_int_equal(fates[0].state, ITEM_PENDING);
    assert_string_equal(fates[0].reason, "");
    assert_string_equal(fates[0].words, "");
    assert_int_equal(fates[1].item, fixture_item(&f, "A", 0));
    assert_int_equal(fates[1].state, ITEM_HELD);
    assert_int_equal(fates[1].hold, HOLD_UNMAPPED_STATUS);
    assert_string_equal(fates[1].reason, "held by the test");
    assert_int_equal(fates[2].item, fixture_item(&f, "B", 1));
    assert_int_equal(fates[2].state, ITEM_PENDING);
    fixture_end(&f);
}

static void of_two_in_one_request_the_older_follows_the_newer(void **state)
{
    static const struct fixture_record records[] = {
        {.code = CODE, .content = "a", .status = 2},
        {.code = CODE, .content = "b", .status = 4},
    };
    struct fixture f;
    struct journal_fate fates[2];

    (void)state;
    fixture_open(&f);
    (void)append(&f, records, 2, false, fates);
    assert_int_equal(fates[0].item, fixture_item(&f, CODE, 1));
    assert_int_equal(fates[1].item, fates[0].item);
    assert_int_equal(fates[0].state, ITEM_PENDING);
    fixture_end(&f);
}

static void the_same_again_is_told_what_the_portal_said(void **state)
{
    struct fixture f;
    struct journal_fate fate;

    (void)state;
    fixture_open(&f);
    (void)snapshot_fate(&f, "a", 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
    fate = snapshot_fate(&f, "a", 2);
    assert_int_equal(fate.item, fixture_item(&f, CODE, 0));
    assert_int_equal(fate.state, ITEM_DONE);
    assert_string_equal(fate.code, "0");
    assert_string_equal(fate.words, "words of the portal");
    (void)snapshot_fate(&f, "b", 4);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_HELD);
    fate = snapshot_fate(&f, "b", 4);
    assert_int_equal(fate.state, ITEM_HELD);
    assert_int_equal(fate.hold, HOLD_REFUSED);
    assert_string_equal(fate.reason, "refused");
    assert_string_equal(fate.code, "-1");
    fate = snapshot_fate(&f, "a", 2); /* back to what the portal holds */
    assert_int_equal(fate.item, fixture_item(&f, CODE, 0));
    assert_int_equal(fate.state, ITEM_DONE);
    assert_string_equal(fate.code, "0");
    assert_string_equal(fixture_states(&f, CODE), "DS");
    fixture_end(&f);
}

static void the_same_again_waits_for_the_call_in_flight(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_fate fate;

    (void)state;
    fixture_open(&f);
    (void)snapshot_fate(&f, "a", 2);
    call = fixture_claim_one(&f);
    fate = snapshot_fate(&f, "a", 2);
    assert_int_equal(fate.item, call->items[0].id);
    assert_int_equal(fate.state, ITEM_INFLIGHT);
    assert_string_equal(fate.code, ""); /* that attempt has not ended */
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void a_known_step_is_told_what_the_portal_said_of_its_call(void **state)
{
    static const struct fixture_record steps[] = {
        {.code = CODE, .step = "s1", .at_s = 1, .status = 2},
        {.code = CODE, .step = "s2", .at_s = 2, .status = 2},
        {.code = CODE, .step = "s3", .at_s = 3, .status = 2},
    };
    struct fixture f;
    struct journal_fate fates[3];

    (void)state;
    fixture_open(&f);
    (void)append(&f, steps, 3, false, fates);
    assert_int_equal(fates[1].state, ITEM_PENDING);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
    assert_int_equal(append(&f, steps, 3, false, fates).unchanged, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fates[i].item, fixture_item(&f, CODE, i));
        assert_int_equal(fates[i].state, ITEM_DONE);
        assert_string_equal(fates[i].words, "words of the portal");
    }
    fixture_end(&f);
}

/* A batch that did not commit has told nothing; the next try tells it all. */
static void what_was_rolled_back_is_told_again(void **state)
{
    static const struct fixture_record r = {.code = CODE, .content = "a", .status = 2};
    struct journal_append a;
    struct journal_fate fate;
    struct fault_vfs v;
    struct fixture f;

    (void)state;
    fault_vfs_install(&v);
    fixture_open(&f);
    journal_append_init(&a, f.flow);
    a.now_ms = fixture_wall_ms(&f);
    a.fates = &fate;
    fixture_add(&a, &r);
    memset(&fate, 0xA5, sizeof(fate));
    v.write_code = SQLITE_FULL;
    fixture_expect(&f, &a.op);
    journal_append(f.journal, &a);
    fake_loop_settle(&f.loop);
    assert_false(fixture_ended(&a.op));
    assert_int_equal(journal_condition(f.journal), JOURNAL_FULL);
    assert_int_equal(fate.item, 0);
    v.write_code = SQLITE_OK;
    fake_loop_advance(&f.loop, 1000);
    assert_int_equal(fixture_wait_ended(&a.op), 0);
    assert_int_equal(fate.item, fixture_item(&f, CODE, 0));
    assert_int_equal(fate.state, ITEM_PENDING);
    journal_append_free(&a);
    fixture_end(&f);
    fault_vfs_remove(&v);
}

/* ---- what became of an item ---- */

static void a_waiter_follows_the_successors(void **state)
{
    struct fixture f;
    struct journal_fate fate;
    int64_t first;

    (void)state;
    fixture_open(&f);
    first = snapshot_fate(&f, "a", 2).item;
    (void)snapshot_fate(&f, "b", 4);
    (void)snapshot_fate(&f, "c", 4);
    fate = outcome(&f, first);
    assert_int_equal(fate.item, fixture_item(&f, CODE, 2));
    assert_int_equal(fate.state, ITEM_PENDING);
    (void)fixture_deliver_all(&f);
    fate = outcome(&f, first);
    assert_int_equal(fate.state, ITEM_DONE);
    assert_string_equal(fate.code, "0");
    fixture_end(&f);
}

/* A step that the peer has already has no successor: it is its own end. */
static void what_the_peer_holds_already_is_an_end(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;
    struct journal_fate fate;

    (void)state;
    fixture_open(&f);
    (void)fixture_step(&f, CODE, "s1", 1, 2);
    call = fixture_claim_one(&f);
    fixture_decide(&f, &finish, call, ITEM_DONE);
    finish.to = ITEM_SUPERSEDED;
    (void)fixture_finish(&f, &finish, call);
    fate = outcome(&f, fixture_item(&f, CODE, 0));
    assert_int_equal(fate.item, fixture_item(&f, CODE, 0));
    assert_int_equal(fate.state, ITEM_SUPERSEDED);
    assert_string_equal(fate.words, "words of the portal");
    fixture_end(&f);
}

static void an_item_that_is_not_there_is_named(void **state)
{
    struct journal_outcome o = {.item = 4711};
    struct fixture f;

    (void)state;
    fixture_open(&f);
    assert_int_equal(FIXTURE_RUN(&f, journal_outcome, &o), ERR_NOTFOUND);
    assert_string_equal(o.op.why.text, "no item 4711");
    fixture_end(&f);
}

/* ---- steps of several sources ---- */

static void one_step_of_two_sources_is_one(void **state)
{
    static const struct fixture_record polled[] = {
        {.code = CODE, .step = "p1", .at_s = 1, .status = 2, .digest = "x", .source = "poll"},
        {.code = CODE, .step = "p2", .at_s = 2, .status = 4, .digest = "y", .source = "poll"},
        {.code = CODE, .step = "p3", .at_s = 2, .status = 4, .digest = "y", .source = "poll"},
    };
    static const struct fixture_record pushed[] = {
        {.code = CODE, .step = "g1", .at_s = 1, .status = 2, .digest = "x", .source = "gateway"},
        {.code = CODE, .step = "g2", .at_s = 2, .status = 2, .digest = "x", .source = "gateway"},
        {.code = CODE, .step = "g3", .at_s = 1, .status = 4, .digest = "x", .source = "gateway"},
        {.code = CODE, .step = "g4", .at_s = 1, .status = 2, .digest = "y", .source = "gateway"},
    };
    struct fixture f;
    struct journal_fate fates[4];

    (void)state;
    fixture_open(&f);
    /* two of one source are two, however alike */
    assert_int_equal(append(&f, polled, 3, true, fates).stored, 3);
    assert_int_equal(append(&f, pushed, 4, true, fates).stored, 3);
    assert_int_equal(fates[0].item, fixture_item(&f, CODE, 0)); /* the poll's */
    assert_int_equal(fates[1].item, fixture_item(&f, CODE, 3));
    assert_int_equal(fates[2].item, fixture_item(&f, CODE, 4));
    assert_int_equal(append(&f, pushed, 4, true, fates).unchanged, 4);
    assert_int_equal(fates[0].item, fixture_item(&f, CODE, 0));
    assert_int_equal(append(&f, polled, 3, true, fates).unchanged, 3);
    assert_int_equal(fates[2].item, fixture_item(&f, CODE, 2)); /* by its key, not by its like */
    assert_string_equal(fixture_text(&f, "SELECT group_concat(source) FROM item"),
                        "poll,poll,poll,gateway,gateway,gateway");
    fixture_end(&f);
}

static void without_the_wish_equal_steps_are_two(void **state)
{
    static const struct fixture_record steps[] = {
        {.code = CODE, .step = "p1", .at_s = 1, .status = 2, .digest = "x", .source = "poll"},
        {.code = CODE, .step = "g1", .at_s = 1, .status = 2, .digest = "x", .source = "gateway"},
    };
    struct fixture f;
    struct journal_fate fates[2];

    (void)state;
    fixture_open(&f);
    assert_int_equal(append(&f, steps, 2, false, fates).stored, 2);
    fixture_end(&f);
}

/* Stored while the flow had one source: nobody knows who said it. */
static void a_step_that_nobody_signed_is_found_too(void **state)
{
    static const struct fixture_record old = {
        .code = CODE, .step = "p1", .at_s = 1, .status = 2, .digest = "x"};
    static const struct fixture_record pushed = {
        .code = CODE, .step = "g1", .at_s = 1, .status = 2, .digest = "x", .source = "gateway"};
    struct fixture f;
    struct journal_fate fate;

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, &old, 1);
    assert_int_equal(append(&f, &pushed, 1, true, &fate).unchanged, 1);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_waits),
        cmocka_unit_test(of_two_in_one_request_the_older_follows_the_newer),
        cmocka_unit_test(the_same_again_is_told_what_the_portal_said),
        cmocka_unit_test(the_same_again_waits_for_the_call_in_flight),
        cmocka_unit_test(a_known_step_is_told_what_the_portal_said_of_its_call),
        cmocka_unit_test(what_was_rolled_back_is_told_again),
        cmocka_unit_test(a_waiter_follows_the_successors),
        cmocka_unit_test(what_the_peer_holds_already_is_an_end),
        cmocka_unit_test(an_item_that_is_not_there_is_named),
        cmocka_unit_test(one_step_of_two_sources_is_one),
        cmocka_unit_test(without_the_wish_equal_steps_are_two),
        cmocka_unit_test(a_step_that_nobody_signed_is_found_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
