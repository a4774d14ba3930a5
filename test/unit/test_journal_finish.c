#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/journal_fixture.h"

static void an_acknowledged_snapshot_is_what_the_peer_holds(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 4);
    call = fixture_claim_one(&f);
    fake_loop_advance(&f.loop, 1500);
    fixture_decide(&f, &finish, call, ITEM_DONE);
    finish.took_ms = 1400;
    finish.repeats = 1;
    finish.response[0] = 0xAB;
    assert_int_equal(fixture_finish(&f, &finish, call), ITEM_DONE);
    assert_true(finish.settled);
    assert_false(finish.ready);
    assert_int_equal(fixture_number(&f,
                                    "SELECT present + acked_status + (acked_item = newest_item) "
                                    "FROM subject"),
                     1 + 4 + 1);
    assert_string_equal(fixture_text(&f,
                                     "SELECT verb || ' ' || outcome || ' ' || http || ' ' || code "
                                     "|| ' ' || words || ' ' || repeats || ' ' || took_ms || ' ' "
                                     "|| substr(hex(response), 1, 4) FROM attempt"),
                        "1 1 200 0 words of the portal 1 1400 AB00");
    assert_int_equal(fixture_number(&f, "SELECT ended_ms - begun_ms FROM attempt"), 1500);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"),
                     1); /* of the newest it stays */
    fixture_end(&f);
}

static void nothing_happened_means_pending_again(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    call = fixture_claim_one(&f);
    fixture_decide(&f, &finish, call, ITEM_PENDING);
    finish.charge = false;
    finish.due_ms = 0;
    assert_int_equal(fixture_finish(&f, &finish, call), ITEM_PENDING);
    assert_true(finish.ready);
    assert_false(finish.settled);
    call = fixture_claim_one(&f);
    assert_int_equal(call->items[0].attempts, 0);
    (void)fixture_end_call(&f, call, ITEM_PENDING);
    fake_loop_advance(&f.loop, 30000);
    call = fixture_claim_one(&f);
    assert_int_equal(call->items[0].attempts, 1); /* that one was charged */
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void equal_answers_are_counted_and_the_last_is_remembered(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    for (uint32_t same = 1; same <= 4; same++) {
        call = fixture_claim_one(&f);
        assert_int_equal(call->items[0].same, same - 1);
        assert_string_equal(call->last_answer, same > 1 ? "-1 words of the portal" : "");
        fixture_decide(&f, &finish, call, ITEM_PENDING);
        finish.same = same;
        (void)fixture_finish(&f, &finish, call);
        fake_loop_advance(&f.loop, 30000);
    }
    call = fixture_claim_one(&f);
    fixture_decide(&f, &finish, call, ITEM_HELD);
    finish.hold = HOLD_REPEATED;
    assert_int_equal(fixture_finish(&f, &finish, call), ITEM_HELD);
    assert_int_equal(fixture_number(&f, "SELECT hold FROM item"), HOLD_REPEATED);
    assert_string_equal(fixture_text(&f, "SELECT reason FROM item"), "refused");
    fixture_claim_none(&f);
    fixture_end(&f);
}

static void a_newer_snapshot_takes_over_when_the_call_fails(void **state)
{
    static const enum item_state failures[] = {ITEM_PENDING, ITEM_UNSURE, ITEM_HELD};

    (void)state;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        struct fixture f;
        struct journal_call *call;

        fixture_open(&f);
        (void)fixture_snapshot(&f, "A", "a", 2);
        call = fixture_claim_one(&f);
        (void)fixture_snapshot(&f, "A", "b", 4);
        assert_int_equal(fixture_end_call(&f, call, failures[i]), ITEM_SUPERSEDED);
        assert_string_equal(fixture_states(&f, "A"), "SP");
        assert_int_equal(fixture_number(&f, "SELECT doubt FROM subject"),
                         failures[i] == ITEM_UNSURE);
        fixture_check(&f);
        assert_int_equal(fixture_deliver_all(&f), failures[i] == ITEM_UNSURE ? 2 : 1);
        assert_string_equal(fixture_states(&f, "A"), "SD");
        fixture_end(&f);
    }
}

static void an_equal_one_that_waits_needs_no_call(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    call = fixture_claim_one(&f);
    (void)fixture_snapshot(&f, "A", "b", 4);
    (void)fixture_snapshot(&f, "A", "a", 2); /* back, while A is on its way */
    assert_string_equal(fixture_states(&f, "A"), "ISP");
    (void)fixture_end_call(&f, call, ITEM_DONE);
    assert_string_equal(fixture_states(&f, "A"), "DSS");
    fixture_claim_none(&f);
    assert_int_equal(fixture_number(&f, "SELECT newest_item = acked_item FROM subject"), 1);
    fixture_end(&f);
}

static void what_a_person_dropped_takes_nothing_over(void **state)
{
    static const enum item_state ends[] = {ITEM_PENDING, ITEM_UNSURE, ITEM_HELD, ITEM_DONE};
    static const char *const states[] = {"PX", "UX", "HX", "DX"};

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct journal_act act = {.verb = JOURNAL_DROP, .who = "0 root", .reason = "wrong"};
        struct fixture f;
        struct journal_call *call;

        fixture_open(&f);
        (void)fixture_snapshot(&f, "A", "a", 2);
        call = fixture_claim_one(&f);
        (void)fixture_snapshot(&f, "A", "b", 4);
        act.id = fixture_item(&f, "A", 1);
        act.now_ms = fixture_wall_ms(&f);
        assert_int_equal(FIXTURE_RUN(&f, journal_act, &act), 0);
        if (i == 1) {
            journal_call_free(call);
            fixture_crash(&f); /* as in doubt as an answer that never came */
        } else {
            assert_int_equal(fixture_end_call(&f, call, ends[i]), ends[i]);
        }
        assert_string_equal(fixture_states(&f, "A"), states[i]);
        assert_int_equal(fixture_number(&f, "SELECT newest_item FROM subject"),
                         fixture_item(&f, "A", 0));
        fixture_check(&f);
        assert_int_equal(fixture_number(&f, "SELECT item FROM body"), fixture_item(&f, "A", 0));
        fixture_end(&f);
    }
}

static void what_waited_is_held_when_no_way_leads_to_it_any_more(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 10); /* final */
    call = fixture_claim_one(&f);
    assert_int_equal(fixture_snapshot(&f, "A", "b", 4).held, 0); /* nothing is acknowledged yet */
    (void)fixture_end_call(&f, call, ITEM_DONE);
    assert_string_equal(fixture_states(&f, "A"), "DH");
    assert_int_equal(fixture_number(&f, "SELECT hold FROM item WHERE state = 3"), HOLD_NO_PATH);
    fixture_claim_none(&f);
    fixture_end(&f);
}

static void after_a_success_the_rest_has_waited_since_its_own_arrival(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 4);
    fake_loop_advance(&f.loop, 5000);
    (void)fixture_snapshot(&f, "A", "b", 4); /* takes the place, and the time of waiting with it */
    assert_int_equal(fixture_number(&f, "SELECT since_ms FROM subject"), FAKE_LOOP_WALL_MS);
    call = fixture_claim_one(&f);
    fake_loop_advance(&f.loop, 5000);
    (void)fixture_step(&f, "A", "s1", 1, 4);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    assert_int_equal(fixture_number(&f, "SELECT since_ms FROM subject"), FAKE_LOOP_WALL_MS + 10000);
    fixture_end(&f);
}

static void exists_and_not_there_flip_what_the_next_call_says(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    call = fixture_claim_one(&f);
    assert_false(call->updating);
    assert_int_equal(call->flips, 0);
    fixture_decide(&f, &finish, call, ITEM_PENDING);
    finish.due_ms = 0;
    finish.present = 1;
    finish.flip = true;
    (void)fixture_finish(&f, &finish, call);
    call = fixture_claim_one(&f);
    assert_true(call->updating);
    assert_int_equal(call->flips, 1);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    assert_int_equal(fixture_number(&f, "SELECT flips FROM subject"), 0); /* a success ends it */
    fixture_end(&f);
}

static void a_refused_call_of_several_steps_goes_on_one_by_one(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    (void)fixture_step(&f, "A", "s2", 2, 4);
    (void)fixture_step(&f, "A", "s3", 3, 4);
    call = fixture_claim_one(&f);
    assert_int_equal(call->n, 3);
    fixture_decide(&f, &finish, call, ITEM_UNSURE);
    finish.due_ms = 0;
    finish.solo = 1;
    assert_int_equal(fixture_finish(&f, &finish, call), ITEM_UNSURE);
    assert_string_equal(fixture_states(&f, "A"), "uuu");
    (void)fixture_step(&f, "A", "s4", 4, 4);
    for (int i = 0; i < 3; i++) {
        call = fixture_claim_one(&f);
        assert_int_equal(call->n, 1);
        assert_int_equal(call->items[0].id, fixture_item(&f, "A", i));
        assert_true(call->items[0].was_unsure);
        (void)fixture_end_call(&f, call, ITEM_DONE);
    }
    assert_int_equal(fixture_deliver_all(&f), 1);
    assert_string_equal(fixture_states(&f, "A"), "dddd");
    fixture_end(&f);
}

static void a_step_that_the_peer_has_already_is_superseded(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    (void)fixture_step(&f, "A", "s2", 2, 4);
    call = fixture_claim_one(&f);
    fixture_decide(&f, &finish, call, ITEM_UNSURE);
    finish.due_ms = 0;
    finish.solo = 1;
    (void)fixture_finish(&f, &finish, call);
    call = fixture_claim_one(&f);
    fixture_decide(&f, &finish, call, ITEM_DONE);
    finish.to = ITEM_SUPERSEDED;
    assert_int_equal(fixture_finish(&f, &finish, call), ITEM_SUPERSEDED);
    assert_string_equal(fixture_states(&f, "A"), "su");
    fixture_check(&f);
    assert_int_equal(fixture_deliver_all(&f), 1);
    fixture_end(&f);
}

/* ---- a step refused because the dossier is unknown ---- */

static void refuse_for_want_of_the_dossier(struct fixture *f)
{
    struct journal_call *call = fixture_claim_one(f);
    struct journal_finish finish;

    assert_int_equal(call->kind, RECORD_STEP);
    fixture_decide(f, &finish, call, ITEM_PENDING);
    finish.due_ms = 0;
    finish.present = 0;
    finish.resnap = true;
    (void)fixture_finish(f, &finish, call);
}

static void the_snapshot_is_put_before_a_step_once(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_deliver_all(&f);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    refuse_for_want_of_the_dossier(&f);
    assert_string_equal(fixture_states(&f, "A"), "DpP");
    fixture_check(&f);
    assert_int_equal(fixture_snapshot(&f, "A", "a", 2).unchanged, 1);
    call = fixture_claim_one(&f);
    assert_int_equal(call->kind, RECORD_DOSSIER);
    assert_false(call->updating);
    assert_string_equal(call->records[0].body, "{\"code\":\"A\",\"content\":\"a\",\"step\":\"\"}");
    (void)fixture_end_call(&f, call, ITEM_DONE);
    /* The step is still refused: the engine learns that it was tried, and holds it. */
    call = fixture_claim_one(&f);
    assert_int_equal(call->kind, RECORD_STEP);
    assert_true(call->resnapped);
    (void)fixture_end_call(&f, call, ITEM_HELD);
    fixture_end(&f);
}

static void after_a_step_went_through_the_snapshot_may_go_again(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_deliver_all(&f);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    refuse_for_want_of_the_dossier(&f);
    assert_int_equal(fixture_deliver_all(&f), 2);
    (void)fixture_step(&f, "A", "s2", 2, 4);
    call = fixture_claim_one(&f);
    assert_false(call->resnapped);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void without_a_snapshot_to_put_before_it_the_step_is_held_next_time(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    refuse_for_want_of_the_dossier(&f);
    assert_string_equal(fixture_states(&f, "A"), "p");
    call = fixture_claim_one(&f);
    assert_true(call->resnapped); /* no endless turn */
    (void)fixture_end_call(&f, call, ITEM_HELD);
    fixture_end(&f);
}

/* ---- intents that were never begun ---- */

static void a_withdrawn_intent_leaves_no_trace(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    (void)fixture_step(&f, "A", "s2", 2, 2);
    call = fixture_claim_one(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM attempt_item"), 2);
    fixture_decide(&f, &finish, call, ITEM_PENDING);
    finish.withdrawn = true;
    finish.charge = false;
    finish.due_ms = 0;
    (void)fixture_finish(&f, &finish, call);
    assert_string_equal(fixture_states(&f, "A"), "pp");
    assert_int_equal(fixture_number(&f, "SELECT (SELECT count(*) FROM attempt) + "
                                        "(SELECT count(*) FROM attempt_item)"),
                     0);
    fixture_check(&f);
    assert_int_equal(fixture_deliver_all(&f), 1);
    fixture_end(&f);
}

static void a_withdrawn_look_up_leaves_the_doubt(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_UNSURE);
    fake_loop_advance(&f.loop, 30000);
    call = fixture_claim_one(&f);
    assert_int_equal(call->verb, JOURNAL_LOOKUP);
    fixture_decide(&f, &finish, call, ITEM_PENDING);
    finish.withdrawn = true;
    finish.charge = false;
    finish.due_ms = 0;
    (void)fixture_finish(&f, &finish, call);
    fixture_check(&f);
    call = fixture_claim_one(&f);
    assert_int_equal(call->verb, JOURNAL_LOOKUP);
    fixture_decide(&f, &finish, call, ITEM_PENDING);
    finish.doubt = 0;
    finish.present = 0;
    finish.due_ms = 0;
    (void)fixture_finish(&f, &finish, call);
    assert_int_equal(fixture_deliver_all(&f), 1);
    fixture_end(&f);
}

static void a_look_up_may_end_in_a_persons_hands(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_UNSURE);
    fake_loop_advance(&f.loop, 30000);
    call = fixture_claim_one(&f);
    fixture_decide(&f, &finish, call, ITEM_HELD);
    finish.hold = HOLD_EXPIRED;
    assert_int_equal(fixture_finish(&f, &finish, call), ITEM_HELD);
    assert_string_equal(fixture_states(&f, "A"), "H");
    assert_int_equal(fixture_number(&f, "SELECT doubt FROM subject"), 1);
    fixture_end(&f);
}

static void a_look_up_answers_for_the_snapshot_that_came_meanwhile(void **state)
{
    struct fixture f;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_UNSURE);
    fake_loop_advance(&f.loop, 30000);
    call = fixture_claim_one(&f);
    (void)fixture_snapshot(&f, "A", "b", 4);
    fixture_decide(&f, &finish, call, ITEM_PENDING);
    finish.doubt = 0;
    finish.present = 1;
    finish.due_ms = 0;
    (void)fixture_finish(&f, &finish, call);
    assert_string_equal(fixture_states(&f, "A"), "SP");
    assert_true(finish.ready);
    call = fixture_claim_one(&f);
    assert_int_equal(call->verb, JOURNAL_SEND);
    assert_true(call->updating);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void a_call_that_nobody_knows_is_not_found(void **state)
{
    struct fixture f;
    struct journal_finish finish;

    (void)state;
    fixture_open(&f);
    memset(&finish, 0, sizeof(finish));
    finish.subject = 4711;
    finish.verb = JOURNAL_SEND;
    assert_int_equal(FIXTURE_RUN(&f, journal_finish, &finish), ERR_NOTFOUND);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_acknowledged_snapshot_is_what_the_peer_holds),
        cmocka_unit_test(nothing_happened_means_pending_again),
        cmocka_unit_test(equal_answers_are_counted_and_the_last_is_remembered),
        cmocka_unit_test(a_newer_snapshot_takes_over_when_the_call_fails),
        cmocka_unit_test(an_equal_one_that_waits_needs_no_call),
        cmocka_unit_test(what_a_person_dropped_takes_nothing_over),
        cmocka_unit_test(what_waited_is_held_when_no_way_leads_to_it_any_more),
        cmocka_unit_test(after_a_success_the_rest_has_waited_since_its_own_arrival),
        cmocka_unit_test(exists_and_not_there_flip_what_the_next_call_says),
        cmocka_unit_test(a_refused_call_of_several_steps_goes_on_one_by_one),
        cmocka_unit_test(a_step_that_the_peer_has_already_is_superseded),
        cmocka_unit_test(the_snapshot_is_put_before_a_step_once),
        cmocka_unit_test(after_a_step_went_through_the_snapshot_may_go_again),
        cmocka_unit_test(without_a_snapshot_to_put_before_it_the_step_is_held_next_time),
        cmocka_unit_test(a_withdrawn_intent_leaves_no_trace),
        cmocka_unit_test(a_withdrawn_look_up_leaves_the_doubt),
        cmocka_unit_test(a_look_up_may_end_in_a_persons_hands),
        cmocka_unit_test(a_look_up_answers_for_the_snapshot_that_came_meanwhile),
        cmocka_unit_test(a_call_that_nobody_knows_is_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
