#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/journal_fixture.h"

/* ---- doubt ---- */

static struct journal_call *claim_with(struct fixture *f, bool lookup, bool idempotent)
{
    struct journal_claim c;
    struct journal_call *calls[1];

    fixture_claim_init(f, &c);
    c.lookup = lookup;
    c.idempotent = idempotent;
    assert_int_equal(fixture_claim(f, &c, calls, 1), 1);
    return calls[0];
}

static void put_in_doubt(struct fixture *f)
{
    (void)fixture_snapshot(f, "A", "a", 2);
    (void)fixture_end_call(f, fixture_claim_one(f), ITEM_UNSURE);
    fake_loop_advance(&f->loop, 30000);
}

static void a_snapshot_in_doubt_is_looked_up(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    put_in_doubt(&f);
    call = claim_with(&f, true, false);
    assert_int_equal(call->verb, JOURNAL_LOOKUP);
    assert_true(call->items[0].was_unsure);
    assert_string_equal(fixture_states(&f, "A"), "U"); /* a look-up is no call of the item */
    fixture_check(&f);
    fixture_decide(&f, &finish, call, ITEM_PENDING); /* not there */
    finish.due_ms = 0;
    finish.doubt = 0;
    finish.present = 0;
    (void)fixture_finish(&f, &finish, call);
    call = claim_with(&f, true, false);
    assert_int_equal(call->verb, JOURNAL_SEND);
    assert_false(call->updating);
    assert_int_equal(call->items[0].attempts, 2);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void doubt_belongs_to_the_dossier_and_not_to_the_item(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    put_in_doubt(&f);
    (void)fixture_snapshot(&f, "A", "b", 4); /* was never sent, yet must be looked up first */
    call = claim_with(&f, true, false);
    assert_int_equal(call->verb, JOURNAL_LOOKUP);
    assert_string_equal(fixture_states(&f, "A"), "SP");
    fixture_decide(&f, &finish, call, ITEM_UNSURE); /* it did not know */
    (void)fixture_finish(&f, &finish, call);
    assert_string_equal(fixture_states(&f, "A"), "SP");
    fixture_check(&f);
    fixture_claim_none(&f); /* the look-up is delayed */
    fake_loop_advance(&f.loop, 30000);
    call = claim_with(&f, true, false);
    fixture_decide(&f, &finish, call, ITEM_PENDING);
    finish.due_ms = 0;
    finish.doubt = 0;
    finish.present = 1;
    (void)fixture_finish(&f, &finish, call);
    call = claim_with(&f, true, false);
    assert_true(call->updating);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

/* A acknowledged, B in doubt: "there" tells that the peer has the dossier, not which of the two. */
static void what_was_acknowledged_before_a_doubt_is_sent_again(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
    (void)fixture_snapshot(&f, "A", "b", 4);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_UNSURE);
    fake_loop_advance(&f.loop, 30000);
    call = claim_with(&f, true, false);
    fixture_decide(&f, &finish, call, ITEM_PENDING);
    finish.due_ms = 0;
    finish.doubt = 0;
    finish.present = 1;
    (void)fixture_finish(&f, &finish, call);
    (void)fixture_snapshot(&f, "A", "a", 2);
    assert_string_equal(fixture_states(&f, "A"), "DSP");
    call = claim_with(&f, true, false);
    assert_true(call->updating);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

/* A flip told about a time before the doubt: it is no ground to hold what follows it. */
static void doubt_forgets_flips(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    call = fixture_claim_one(&f);
    fixture_decide(&f, &finish, call, ITEM_PENDING); /* "exists" */
    finish.due_ms = 0;
    finish.present = 1;
    finish.doubt = 0;
    finish.flip = true;
    (void)fixture_finish(&f, &finish, call);
    assert_int_equal(fixture_number(&f, "SELECT flips FROM subject"), 1);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_UNSURE);
    assert_int_equal(fixture_number(&f, "SELECT flips FROM subject"), 0);
    fixture_end(&f);
}

static void without_a_look_up_doubt_goes_as_an_update(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    put_in_doubt(&f);
    call = claim_with(&f, false, false);
    assert_int_equal(call->verb, JOURNAL_SEND);
    assert_true(call->updating);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void an_idempotent_sink_just_gets_it_again(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    put_in_doubt(&f);
    call = claim_with(&f, true, true);
    assert_int_equal(call->verb, JOURNAL_SEND);
    assert_false(call->updating);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void put_steps_in_doubt(struct fixture *f, int n)
{
    char key[16];

    for (int i = 1; i <= n; i++) {
        (void)snprintf(key, sizeof(key), "s%d", i);
        (void)fixture_step(f, "A", key, i, 4);
    }
    (void)fixture_end_call(f, fixture_claim_one(f), ITEM_UNSURE);
    fake_loop_advance(&f->loop, 30000);
}

static void a_step_in_doubt_is_sent_again_apart_from_fresh_ones(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    put_steps_in_doubt(&f, 2);
    (void)fixture_step(&f, "A", "s3", 3, 4);
    call = fixture_claim_one(&f);
    assert_int_equal(call->verb, JOURNAL_SEND);
    assert_int_equal(call->n, 2);
    assert_true(call->items[0].was_unsure);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    call = fixture_claim_one(&f);
    assert_int_equal(call->n, 1);
    assert_false(call->items[0].was_unsure);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

/* A claim under steps_in_doubt = ask. */
static size_t claim_asking(struct fixture *f, size_t max_ask, struct journal_call **call,
                           struct journal_claim *c)
{
    fixture_claim_init(f, c);
    c->ask = true;
    c->max_ask = max_ask;
    return fixture_claim(f, c, call, 1);
}

static void under_ask_a_step_in_doubt_waits_for_a_person(void **state)
{
    struct journal_act act = {.verb = JOURNAL_RELEASE, .who = "0 root"};
    struct fixture f;
    struct journal_claim c;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    put_steps_in_doubt(&f, 2);
    assert_int_equal(claim_asking(&f, 8, &call, &c), 0);
    assert_int_equal(c.held, 1);
    assert_string_equal(fixture_states(&f, "A"), "hu"); /* the second waits behind the first */
    assert_int_equal(fixture_number(&f, "SELECT hold FROM item WHERE state = 3"), HOLD_IN_DOUBT);
    fixture_check(&f);
    act.id = fixture_item(&f, "A", 0);
    act.now_ms = fixture_wall_ms(&f);
    assert_int_equal(FIXTURE_RUN(&f, journal_act, &act), 0);
    assert_string_equal(fixture_states(&f, "A"), "uu");
    assert_int_equal(claim_asking(&f, 8, &call, &c), 1);
    assert_int_equal(call->n, 1); /* consent was given to the first only */
    assert_true((call->items[0].flags & ITEM_FLAG_CONSENTED) != 0);
    (void)fixture_end_call(&f, call, ITEM_UNSURE); /* in doubt again: that consent is used up */
    fake_loop_advance(&f.loop, 30000);
    assert_int_equal(claim_asking(&f, 8, &call, &c), 0);
    assert_string_equal(fixture_states(&f, "A"), "hu");
    fixture_end(&f);
}

static void under_ask_steps_begin_only_into_free_slots(void **state)
{
    struct fixture f;
    struct journal_claim c;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_step(&f, "A", "s1", 1, 4);
    (void)fixture_step(&f, "B", "s1", 1, 4);
    assert_int_equal(claim_asking(&f, 0, &call, &c), 0);
    assert_false(c.full); /* or the caller would turn for ever */
    assert_true(c.waits);
    assert_int_equal(claim_asking(&f, 1, &call, &c), 1);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    assert_int_equal(claim_asking(&f, 1, &call, &c), 1);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_in_doubt_is_looked_up),
        cmocka_unit_test(doubt_belongs_to_the_dossier_and_not_to_the_item),
        cmocka_unit_test(what_was_acknowledged_before_a_doubt_is_sent_again),
        cmocka_unit_test(doubt_forgets_flips),
        cmocka_unit_test(without_a_look_up_doubt_goes_as_an_update),
        cmocka_unit_test(an_idempotent_sink_just_gets_it_again),
        cmocka_unit_test(a_step_in_doubt_is_sent_again_apart_from_fresh_ones),
        cmocka_unit_test(under_ask_a_step_in_doubt_waits_for_a_person),
        cmocka_unit_test(under_ask_steps_begin_only_into_free_slots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
