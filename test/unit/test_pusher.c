/* The pusher in a whole engine, on virtual time: what is sent, in which order, and what follows from each answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fake_world.h"

#define A "000.00.12.H56-251120-0001"
#define B "000.00.12.H56-251120-0002"
#define C "000.00.12.H56-251120-0003"
#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS UINT64_C(3600000)

/* Changes are polled at the next half minute. */
static void let_it_work(struct fake_world *w)
{
    fake_world_run(w, MINUTE_MS);
}

static void put_steps(struct fake_world *w, const char *code, int from, int n, int status)
{
    for (int i = from; i < from + n; i++) {
        char key[32];

        (void)snprintf(key, sizeof(key), "key-%03d", i);
        fake_source_step(w->onestop, code, key, status);
        fake_world_run(w, w->engine != NULL ? 0 : 1000);
    }
}

static void assert_oracle(struct fake_world *w)
{
    const struct fake_ledger *l = &w->portal->ledger;

    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(l->duplicated, 0);
    assert_int_equal(l->disorder, 0);
    assert_int_equal(l->damaged, 0);
    assert_true(w->portal->most_per_code <= 1);
}

static const struct fake_logged *logged(const struct fake_world *w, size_t i)
{
    assert_true(i < w->portal->n_log);
    return &w->portal->log[i];
}

/* ---- order ---- */

static void many_dossiers_with_steps_arrive_once_and_in_order(void **state)
{
    struct fake_world *w = *state;

    for (int i = 0; i < 100; i++) {
        char code[64];

        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "first");
        put_steps(w, code, 1000 * i, 25, 4);
    }
    fake_world_start(w);
    assert_true(fake_world_settle(w, 10 * MINUTE_MS));
    assert_oracle(w);
    assert_int_equal(w->portal->ledger.effects, 100 + 2500);
    assert_int_equal(w->portal->ledger.repeats, 0);
    assert_int_equal(w->portal->sends, 100 + 300); /* 1 + ceil(25 / 10) for each */
    assert_true(w->portal->most_in_flight <= 8);
    assert_int_equal(w->portal->looks, 0);
}

static void steps_go_in_tens_behind_their_snapshot(void **state)
{
    static const size_t sizes[] = {1, 10, 10, 5};
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "first");
    put_steps(w, A, 0, 25, 4);
    fake_world_start(w);
    let_it_work(w);
    assert_int_equal(w->portal->n_log, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(logged(w, i)->n, sizes[i]);
        assert_int_equal(logged(w, i)->kind, i == 0 ? RECORD_DOSSIER : RECORD_STEP);
    }
    assert_oracle(w);
}

static void a_new_snapshot_overtakes_waiting_steps(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "first");
    put_steps(w, A, 0, 30, 4);
    fake_peer_answer_steps(w->portal, A, FAKE_HANG_AFTER, 1);
    fake_world_start(w);
    let_it_work(w);
    assert_int_equal(w->portal->n_log, 2); /* the snapshot, and ten steps without an answer */
    fake_source_put(w->onestop, A, 9, "second");
    let_it_work(w);
    assert_int_equal(w->portal->n_log, 2); /* one call at a time */
    fake_peer_let_go(w->portal);
    let_it_work(w);
    assert_int_equal(logged(w, 2)->kind, RECORD_DOSSIER);
    assert_true(logged(w, 2)->updating);
    assert_int_equal(logged(w, 3)->kind, RECORD_STEP);
    assert_int_equal(w->portal->n_log, 5);
    assert_oracle(w);
}

static void what_decides_a_deadline_goes_first(void **state)
{
    struct fake_world *w = *state;
    char code[64];

    w->config.portal.dossier_rate = 1;
    for (int i = 0; i < 20; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, i < 15 ? 4 : 9, "first");
    }
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_oracle(w);
    for (size_t i = 0; i < 5; i++) {
        assert_true(strcmp(logged(w, i)->code, "000.00.12.H56-251120-0015") >= 0);
    }
}

static void calls_keep_to_the_pace(void **state)
{
    struct fake_world *w = *state;
    char code[64];

    w->config.portal.dossier_rate = 2;
    for (int i = 0; i < 400; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "first");
    }
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_in_range(w->portal->sends, 118, 122);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_in_range(w->portal->sends, 358, 362);
}

static void the_window_is_kept(void **state)
{
    struct fake_world *w = *state;
    char code[64];

    w->config.portal.max_in_flight = 3;
    for (int i = 0; i < 50; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "first");
    }
    fake_world_start(w);
    let_it_work(w);
    assert_int_equal(w->portal->most_in_flight, 3);
    assert_oracle(w);
}

/* ---- repeats ---- */

static void back_to_what_the_portal_holds_makes_no_call(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    fake_world_start(w);
    let_it_work(w);
    assert_int_equal(w->portal->sends, 1);
    w->portal->down = true;
    fake_source_put(w->onestop, B, 4, "keeps the breaker open");
    let_it_work(w);
    fake_source_put(w->onestop, A, 4, "b");
    let_it_work(w);
    fake_source_put(w->onestop, A, 4, "a");
    let_it_work(w);
    fake_peer_obey(w->portal);
    w->portal->down = false;
    fake_world_run(w, 2 * HOUR_MS);
    assert_int_equal(fake_ledger_find(&w->portal->ledger, A)->n_contents, 1);
    assert_int_equal(w->portal->ledger.repeats, 0);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_SUPERSEDED), 1);
    assert_oracle(w);
}

static void of_many_changes_during_an_outage_the_last_is_sent(void **state)
{
    struct fake_world *w = *state;
    char text[32];

    fake_source_put(w->onestop, A, 4, "a");
    fake_world_start(w);
    let_it_work(w);
    w->portal->down = true;
    for (int i = 0; i < 20; i++) {
        (void)snprintf(text, sizeof(text), "change %d", i);
        fake_source_put(w->onestop, A, 4, text);
        let_it_work(w);
    }
    w->portal->down = false;
    fake_world_run(w, 2 * HOUR_MS);
    assert_int_equal(w->portal->ledger.effects, 2);
    assert_oracle(w);
}

/* ---- doubt ---- */

static void a_lost_answer_is_looked_up_and_sent_as_an_update(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_UNSURE_AFTER, 1);
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->portal->n_log, 3);
    assert_false(logged(w, 0)->updating);
    assert_int_equal(logged(w, 1)->verb, 'l');
    assert_true(logged(w, 2)->updating);
    assert_int_equal(w->portal->ledger.repeats, 1); /* excused: its answer was lost */
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_DONE);
    assert_oracle(w);
}

static void a_lost_call_is_looked_up_and_sent_as_new(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_UNSURE_BEFORE, 1);
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->portal->n_log, 3);
    assert_int_equal(logged(w, 1)->verb, 'l');
    assert_false(logged(w, 2)->updating);
    assert_int_equal(w->portal->ledger.effects, 1);
    assert_int_equal(w->portal->ledger.repeats, 0);
    assert_oracle(w);
}

static void a_look_up_that_fails_leaves_the_doubt(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_UNSURE_BEFORE, 1);
    w->portal->look = FAKE_LOOK_UNKNOWN;
    w->portal->look_times = UINT32_MAX;
    fake_world_start(w);
    fake_world_run(w, 4 * HOUR_MS);
    assert_int_equal(w->portal->sends, 1);
    assert_in_range(w->portal->looks, 5, 40);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_UNSURE);
    w->portal->look_times = 0;
    fake_world_run(w, 2 * HOUR_MS);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_DONE);
    assert_oracle(w);
}

static void a_newer_snapshot_takes_over_the_doubt(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_UNSURE_AFTER, 1);
    w->portal->look = FAKE_LOOK_UNKNOWN;
    w->portal->look_times = UINT32_MAX;
    fake_world_start(w);
    let_it_work(w);
    fake_source_put(w->onestop, A, 4, "b");
    let_it_work(w);
    assert_int_equal(w->portal->sends, 1); /* still nobody knows whether it is there */
    w->portal->look_times = 0;
    fake_world_run(w, 2 * HOUR_MS);
    assert_int_equal(w->portal->sends, 2);
    assert_true(logged(w, w->portal->n_log - 1)->updating);
    assert_int_equal(w->portal->ledger.effects, 2);
    assert_oracle(w);
}

static void without_look_ups_doubt_is_an_update_and_not_there_flips(void **state)
{
    struct fake_world *w = *state;

    w->portal->caps = 0;
    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_UNSURE_BEFORE, 1);
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->portal->looks, 0);
    assert_int_equal(w->portal->n_log, 3);
    assert_true(logged(w, 1)->updating);
    assert_int_equal(logged(w, 1)->outcome, OUTCOME_MISSING);
    assert_false(logged(w, 2)->updating);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_DONE);
    assert_oracle(w);
}

static void a_look_up_that_is_refused_for_good_counts_as_none(void **state)
{
    struct fake_world *w = *state;

    w->portal->look = FAKE_LOOK_REFUSED;
    w->portal->look_times = UINT32_MAX;
    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_UNSURE_AFTER, 1);
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->portal->looks, 1);
    assert_true(logged(w, 2)->updating);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_DONE);
    assert_oracle(w);
}

static void an_idempotent_sink_needs_no_look_up(void **state)
{
    struct fake_world *w = *state;

    w->portal->caps = ADAPTER_LOOKUP | ADAPTER_IDEMPOTENT;
    w->portal->upserts = true;
    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_UNSURE_AFTER, 1);
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->portal->looks, 0);
    assert_int_equal(w->portal->sends, 2);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_DONE);
    assert_oracle(w);
}

static void doubtful_steps_are_sent_again(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    put_steps(w, A, 0, 3, 4);
    fake_peer_answer_steps(w->portal, A, FAKE_UNSURE_AFTER, 1);
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->portal->sends, 3);
    assert_int_equal(w->portal->ledger.repeats, 3);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_DONE), 3);
    assert_oracle(w);
}

static void a_newer_step_never_overtakes_a_doubtful_one(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    put_steps(w, A, 0, 3, 4);
    fake_peer_answer_text(w->portal, "key-000", FAKE_UNSURE_BEFORE, 3);
    fake_world_start(w);
    let_it_work(w);
    put_steps(w, A, 3, 3, 4);
    fake_world_run(w, 2 * HOUR_MS);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_DONE), 6);
    assert_int_equal(w->portal->ledger.repeats, 0);
    assert_oracle(w);
}

static void under_ask_a_doubtful_step_waits_for_a_person(void **state)
{
    struct fake_world *w = *state;
    enum hold_why hold = HOLD_NONE;
    uint32_t moved = 0;

    w->config.flows[0].steps_in_doubt = STEPS_ASK;
    fake_source_put(w->onestop, A, 4, "a");
    put_steps(w, A, 0, 3, 4);
    fake_peer_answer_steps(w->portal, A, FAKE_UNSURE_AFTER, 1);
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_HELD), 3);
    fake_source_put(w->onestop, A, 9, "b"); /* a newer snapshot passes */
    put_steps(w, A, 3, 1, 9);               /* a later step does not */
    let_it_work(w);
    assert_int_equal(fake_world_state(w, A, &hold), ITEM_DONE);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_PENDING), 1);
    assert_int_equal(fake_world_act(w, JOURNAL_DELIVERED, A, ITEM_HELD, &moved), 0);
    assert_int_equal(moved, 3);
    let_it_work(w);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_DONE), 1);
    assert_int_equal(w->portal->ledger.repeats, 0);
    assert_oracle(w);
}

static void under_ask_a_released_step_is_sent_again(void **state)
{
    struct fake_world *w = *state;
    uint32_t moved = 0;

    w->config.flows[0].steps_in_doubt = STEPS_ASK;
    fake_source_put(w->onestop, A, 4, "a");
    put_steps(w, A, 0, 2, 4);
    fake_peer_answer_steps(w->portal, A, FAKE_UNSURE_BEFORE, 1);
    fake_world_start(w);
    let_it_work(w);
    assert_int_equal(fake_world_act(w, JOURNAL_RELEASE, A, ITEM_HELD, &moved), 0);
    assert_int_equal(moved, 2);
    let_it_work(w);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_DONE), 2);
    assert_int_equal(w->portal->ledger.repeats, 0);
    assert_oracle(w);
}

/* ---- refusals ---- */

static void exists_flips_once_to_an_update(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    fake_ledger_entry(&w->portal->ledger, A)->there = true; /* somebody else was here */
    fake_world_start(w);
    let_it_work(w);
    assert_int_equal(w->portal->n_log, 2);
    assert_int_equal(logged(w, 0)->outcome, OUTCOME_EXISTS);
    assert_true(logged(w, 1)->updating);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_DONE);
    assert_oracle(w);
}

static void exists_twice_needs_a_person(void **state)
{
    struct fake_world *w = *state;
    enum hold_why hold = HOLD_NONE;

    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_EXISTS, 0);
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->sends, 2);
    assert_int_equal(fake_world_state(w, A, &hold), ITEM_HELD);
    assert_int_equal(hold, HOLD_FLIPPED);
    fake_peer_obey(w->portal);
    fake_source_put(w->onestop, A, 4, "b"); /* a machine's hold gives way */
    let_it_work(w);
    assert_int_equal(w->portal->sends > 2, true);
}

static void not_there_flips_once_to_a_new_one(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    fake_world_start(w);
    let_it_work(w);
    fake_ledger_find(&w->portal->ledger, A)->there = false; /* the portal forgot it */
    fake_source_put(w->onestop, A, 9, "b");
    let_it_work(w);
    assert_int_equal(w->portal->n_log, 3);
    assert_true(logged(w, 1)->updating);
    assert_int_equal(logged(w, 1)->outcome, OUTCOME_MISSING);
    assert_false(logged(w, 2)->updating);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_DONE);
    assert_oracle(w);
}

static void there_and_not_there_in_turn_needs_a_person(void **state)
{
    struct fake_world *w = *state;
    enum hold_why hold = HOLD_NONE;

    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_EXISTS, 1);
    fake_world_start(w); /* exists, then by the rules not there */
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->sends, 2);
    assert_int_equal(fake_world_state(w, A, &hold), ITEM_HELD);
    assert_int_equal(hold, HOLD_FLIPPED);
}

static void a_step_without_its_dossier_brings_the_snapshot_once(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    fake_world_start(w);
    let_it_work(w);
    fake_ledger_find(&w->portal->ledger, A)->there = false;
    put_steps(w, A, 0, 12, 4);
    let_it_work(w);
    assert_int_equal(w->portal->n_log, 5); /* snapshot; steps refused; snapshot, ten, two */
    assert_int_equal(logged(w, 1)->outcome, OUTCOME_MISSING);
    assert_int_equal(logged(w, 2)->kind, RECORD_DOSSIER);
    assert_false(logged(w, 2)->updating);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_DONE), 12);
    assert_oracle(w);
}

static void a_dossier_missing_for_its_steps_again_needs_a_person(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    put_steps(w, A, 0, 12, 4);
    fake_peer_answer_steps(w->portal, A, FAKE_MISSING, 0);
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_true(w->portal->sends < 10);
    assert_true(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_HELD) >= 1);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_DONE), 0);
    /* The portal contradicts itself here, and gets the snapshot once more than it needs. */
    assert_int_equal(w->portal->ledger.repeats, 1);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
}

static void a_late_step_of_a_dossier_whose_body_is_gone_does_not_spin(void **state)
{
    struct fake_world *w = *state;

    w->config.keep_payload_ms = HOUR_MS;
    fake_source_put(w->onestop, A, 10, "a");
    fake_world_start(w);
    fake_world_run(w, 3 * HOUR_MS); /* final, settled, and its body removed */
    fake_ledger_find(&w->portal->ledger, A)->there = false;
    put_steps(w, A, 0, 1, 10);
    fake_world_run(w, HOUR_MS);
    assert_true(w->portal->sends < 10);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_HELD), 1);
}

static void a_poisoned_record_between_good_ones_stops_nobody_else(void **state)
{
    struct fake_world *w = *state;
    enum hold_why hold = HOLD_NONE;
    char code[64];

    for (int i = 0; i < 30; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
        put_steps(w, code, 100 * i, 2, 4);
    }
    fake_peer_answer_snapshots(w->portal, "000.00.12.H56-251120-0015", FAKE_PERMANENT, 0);
    fake_world_start(w);
    fake_world_run(w, 10 * MINUTE_MS);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_DONE), 29);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_DONE), 58);
    assert_int_equal(fake_world_state(w, "000.00.12.H56-251120-0015", &hold), ITEM_HELD);
    assert_int_equal(hold, HOLD_REFUSED);
    assert_int_equal(fake_world_status(w)->verdict, ENGINE_DEGRADED);
    fake_peer_obey(w->portal);
    fake_source_put(w->onestop, "000.00.12.H56-251120-0015", 4, "corrected");
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(fake_world_open_items(w, "dossiers"), 0);
    assert_oracle(w);
}

static void a_poisoned_step_is_found_alone_and_stops_the_later_ones(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    put_steps(w, A, 0, 10, 4);
    fake_peer_answer_text(w->portal, "key-004", FAKE_PERMANENT, 0);
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_DONE), 4);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_HELD), 1);
    assert_int_equal(w->portal->ledger.repeats, 0);
    fake_source_put(w->onestop, A, 9, "b");
    let_it_work(w);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_DONE);
    fake_peer_obey(w->portal);
    assert_int_equal(fake_world_act(w, JOURNAL_RELEASE, A, ITEM_HELD, NULL), 0);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_DONE), 10);
    assert_oracle(w);
}

static void a_part_of_a_refused_call_is_not_stored_twice_unnoticed(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    put_steps(w, A, 0, 5, 4);
    fake_peer_answer_steps(w->portal, A, FAKE_PART, 1);
    fake_world_start(w);
    fake_world_run(w, 10 * MINUTE_MS);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_DONE), 5);
    assert_int_equal(w->portal->sends, 2 + 5); /* each alone now */
    assert_int_equal(w->portal->ledger.repeats, 1);
}

static void an_atomic_sink_leaves_no_doubt_about_a_refused_call(void **state)
{
    struct fake_world *w = *state;

    w->portal->caps = ADAPTER_LOOKUP | ADAPTER_ATOMIC;
    w->config.flows[0].steps_in_doubt = STEPS_ASK;
    fake_source_put(w->onestop, A, 4, "a");
    put_steps(w, A, 0, 5, 4);
    fake_peer_answer_steps(w->portal, A, FAKE_PERMANENT, 1);
    fake_world_start(w);
    fake_world_run(w, 10 * MINUTE_MS);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_DONE), 5);
    assert_int_equal(w->portal->ledger.repeats, 0);
    assert_oracle(w);
}

static void five_equal_unexplained_refusals_need_a_person(void **state)
{
    struct fake_world *w = *state;
    enum hold_why hold = HOLD_NONE;

    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_BACKOFF, 0);
    fake_world_start(w);
    fake_world_run(w, 6 * HOUR_MS);
    assert_int_equal(w->portal->sends, 5);
    assert_int_equal(fake_world_state(w, A, &hold), ITEM_HELD);
    assert_int_equal(hold, HOLD_REPEATED);
}

/* ---- the endpoint ---- */

static void an_outage_costs_few_calls_and_no_attempts(void **state)
{
    struct fake_world *w = *state;
    struct journal_life life;
    char code[64];

    w->portal->down = true;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
    }
    fake_world_start(w);
    fake_world_run(w, 6 * HOUR_MS);
    assert_in_range(w->portal->sends, 5, 60);
    assert_int_equal(fake_world_status(w)->endpoints[1].breaker == BREAKER_CLOSED &&
                         fake_world_status(w)->endpoints[0].breaker == BREAKER_CLOSED,
                     false);
    assert_int_equal(fake_world_status(w)->verdict, ENGINE_FAILING); /* the oldest waits too long */
    w->portal->down = false;
    fake_world_run(w, 2 * HOUR_MS);
    assert_int_equal(fake_world_open_items(w, "dossiers"), 0);
    fake_world_life(w, "000.00.12.H56-251120-0000", &life);
    assert_true(life.items[0].attempts <= 1);
    journal_life_free(&life);
    assert_oracle(w);
}

static void retry_after_is_kept(void **state)
{
    struct fake_world *w = *state;

    w->portal->retry_after_s = 600;
    fake_source_put(w->onestop, A, 4, "a");
    fake_source_put(w->onestop, B, 4, "b");
    fake_peer_answer(w->portal, A, FAKE_BUSY, 1);
    w->config.portal.max_in_flight = 1;
    fake_world_start(w);
    fake_world_run(w, 9 * MINUTE_MS);
    assert_int_equal(w->portal->sends, 1);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->portal->sends, 3);
    assert_oracle(w);
}

static void a_redirect_pauses_and_the_pause_survives_a_restart(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_CONFIG, 1);
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->sends, 1);
    assert_int_equal(fake_world_status(w)->verdict, ENGINE_FAILING);
    fake_world_stop(w);
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->sends, 1);
    fake_world_crash(w, 0);
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->sends, 1);
    assert_int_equal(engine_resume(w->engine, "portal", "tester"), 0);
    let_it_work(w);
    assert_int_equal(w->portal->sends, 2);
    assert_oracle(w);
    fake_world_stop(w);
    fake_world_start(w);
    fake_source_put(w->onestop, B, 4, "b");
    let_it_work(w);
    assert_int_equal(w->portal->sends, 3);
}

static void a_persons_pause_stops_and_resume_starts(void **state)
{
    struct fake_world *w = *state;

    fake_world_start(w);
    let_it_work(w);
    assert_int_equal(engine_pause(w->engine, "nowhere", "tester", "x"), ERR_NOTFOUND);
    assert_int_equal(engine_pause(w->engine, "portal", "tester", "maintenance"), 0);
    fake_source_put(w->onestop, A, 4, "a");
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->sends, 0);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_PENDING), 1);
    assert_int_equal(engine_resume(w->engine, "portal", "tester"), 0);
    let_it_work(w);
    assert_int_equal(w->portal->sends, 1);
}

static void a_refused_login_cools_the_endpoint_down(void **state)
{
    struct fake_world *w = *state;
    char code[64];

    for (int i = 0; i < 20; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
    }
    fake_peer_answer(w->portal, NULL, FAKE_LOGIN, 0);
    fake_world_start(w);
    fake_world_run(w, 6 * HOUR_MS);
    assert_true(w->portal->sends <= 8 * 20); /* a window's worth after each wait, waits up to an hour */
    fake_peer_obey(w->portal);
    fake_world_run(w, 2 * HOUR_MS);
    assert_int_equal(fake_world_open_items(w, "dossiers"), 0);
    assert_oracle(w);
}

static void three_refused_sessions_in_a_row_pause_the_endpoint(void **state)
{
    struct fake_world *w = *state;
    char code[64];

    w->config.portal.max_in_flight = 1;
    for (int i = 0; i < 20; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
    }
    fake_peer_answer(w->portal, NULL, FAKE_AUTH, 0);
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->sends, 3);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_HELD), 3);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_PENDING), 17);
    fake_peer_obey(w->portal);
    assert_int_equal(engine_resume(w->engine, "portal", "tester"), 0);
    assert_int_equal(fake_world_act(w, JOURNAL_RELEASE, "", ITEM_HELD, NULL), 0);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(fake_world_open_items(w, "dossiers"), 0);
}

/* ---- holds ---- */

static void a_missing_map_holds_and_release_after_its_correction_sends(void **state)
{
    struct fake_world *w = *state;
    enum hold_why hold = HOLD_NONE;
    struct journal_life life;

    w->portal->unmapped[4] = true;
    fake_source_put(w->onestop, A, 4, "a");
    put_steps(w, A, 0, 2, 4);
    fake_source_put(w->onestop, B, 2, "b");
    fake_world_start(w);
    let_it_work(w);
    assert_int_equal(fake_world_state(w, A, &hold), ITEM_HELD);
    assert_int_equal(hold, HOLD_UNMAPPED_STATUS);
    assert_int_equal(w->portal->sends, 1);
    assert_int_equal(fake_world_act(w, JOURNAL_RELEASE, A, ITEM_HELD, NULL), 0);
    let_it_work(w);
    assert_int_equal(fake_world_state(w, A, &hold), ITEM_HELD); /* consent maps nothing */
    w->portal->unmapped[4] = false;
    assert_int_equal(fake_world_act(w, JOURNAL_RELEASE, A, ITEM_HELD, NULL), 0);
    let_it_work(w);
    assert_int_equal(fake_world_open_items(w, "dossiers"), 0);
    assert_oracle(w);
    fake_world_life(w, A, &life);
    assert_int_equal(life.acked_status, 4); /* the status that was sent, not "unmapped" */
    journal_life_free(&life);
}

static void a_release_is_consent(void **state)
{
    struct fake_world *w = *state;
    enum hold_why hold = HOLD_NONE;

    w->portal->unwanted[4] = true;
    fake_source_put(w->onestop, A, 4, "a");
    fake_world_start(w);
    let_it_work(w);
    assert_int_equal(fake_world_state(w, A, &hold), ITEM_HELD);
    assert_int_equal(hold, HOLD_INVALID);
    assert_int_equal(fake_world_act(w, JOURNAL_RELEASE, A, ITEM_HELD, NULL), 0);
    let_it_work(w);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_DONE);
    assert_true(logged(w, 0)->consented);
}

static void what_nobody_can_settle_for_days_is_given_to_a_person(void **state)
{
    struct fake_world *w = *state;
    enum hold_why hold = HOLD_NONE;

    w->config.retry_cap_ms = 10 * MINUTE_MS;
    w->config.give_up_after_ms = 4 * HOUR_MS;
    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_UNSURE_BEFORE, 1);
    w->portal->look = FAKE_LOOK_UNKNOWN;
    w->portal->look_times = UINT32_MAX;
    fake_world_start(w);
    fake_world_run(w, 4 * HOUR_MS);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_UNSURE);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(fake_world_state(w, A, &hold), ITEM_HELD);
    assert_int_equal(hold, HOLD_EXPIRED);
    w->portal->look_times = 0;
    assert_int_equal(fake_world_act(w, JOURNAL_RELEASE, A, ITEM_HELD, NULL), 0);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_DONE);
    assert_int_equal(logged(w, w->portal->n_log - 2)->verb, 'l'); /* still in doubt: looked up first */
    assert_oracle(w);
}

/* ---- stop ---- */

static void a_clean_stop_returns_what_was_not_begun(void **state)
{
    struct fake_world *w = *state;
    char code[64];

    for (int i = 0; i < 100; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
    }
    w->portal->latency_ms = 2000;
    fake_world_start(w);
    fake_world_run(w, 5000);
    assert_true(w->portal->in_flight > 0);
    fake_world_stop(w);
    fake_world_start(w);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_UNSURE), 0);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_INFLIGHT), 0);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_DONE),
                     w->portal->ledger.effects);
    fake_world_run(w, 5 * MINUTE_MS);
    assert_int_equal(w->portal->looks, 0);
    assert_int_equal(w->portal->ledger.repeats, 0);
    assert_int_equal(w->portal->sends, 100);
    assert_oracle(w);
}

static void the_deadline_ends_a_call_that_hangs(void **state)
{
    struct fake_world *w = *state;
    uint64_t before_ms;

    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_HANG_AFTER, 1);
    fake_world_start(w);
    let_it_work(w);
    before_ms = w->loop.now_ms;
    fake_world_stop(w);
    assert_in_range(w->loop.now_ms - before_ms, 20000, 21000);
    fake_world_start(w);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_UNSURE);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_DONE);
    assert_oracle(w);
}

static void a_second_stop_does_not_wait(void **state)
{
    struct fake_world *w = *state;
    uint64_t before_ms;

    fake_source_put(w->onestop, A, 4, "a");
    fake_peer_answer(w->portal, A, FAKE_HANG, 1);
    fake_world_start(w);
    let_it_work(w);
    before_ms = w->loop.now_ms;
    fake_world_stop_begin(w);
    fake_world_run(w, 100);
    assert_false(w->closed);
    fake_world_stop(w);
    assert_true(w->loop.now_ms - before_ms < 1000);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, fake_world_setup, fake_world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(many_dossiers_with_steps_arrive_once_and_in_order),
        WORLD(steps_go_in_tens_behind_their_snapshot),
        WORLD(a_new_snapshot_overtakes_waiting_steps),
        WORLD(what_decides_a_deadline_goes_first),
        WORLD(calls_keep_to_the_pace),
        WORLD(the_window_is_kept),
        WORLD(back_to_what_the_portal_holds_makes_no_call),
        WORLD(of_many_changes_during_an_outage_the_last_is_sent),
        WORLD(a_lost_answer_is_looked_up_and_sent_as_an_update),
        WORLD(a_lost_call_is_looked_up_and_sent_as_new),
        WORLD(a_look_up_that_fails_leaves_the_doubt),
        WORLD(a_newer_snapshot_takes_over_the_doubt),
        WORLD(without_look_ups_doubt_is_an_update_and_not_there_flips),
        WORLD(a_look_up_that_is_refused_for_good_counts_as_none),
        WORLD(an_idempotent_sink_needs_no_look_up),
        WORLD(doubtful_steps_are_sent_again),
        WORLD(a_newer_step_never_overtakes_a_doubtful_one),
        WORLD(under_ask_a_doubtful_step_waits_for_a_person),
        WORLD(under_ask_a_released_step_is_sent_again),
        WORLD(exists_flips_once_to_an_update),
        WORLD(exists_twice_needs_a_person),
        WORLD(not_there_flips_once_to_a_new_one),
        WORLD(there_and_not_there_in_turn_needs_a_person),
        WORLD(a_step_without_its_dossier_brings_the_snapshot_once),
        WORLD(a_dossier_missing_for_its_steps_again_needs_a_person),
        WORLD(a_late_step_of_a_dossier_whose_body_is_gone_does_not_spin),
        WORLD(a_poisoned_record_between_good_ones_stops_nobody_else),
        WORLD(a_poisoned_step_is_found_alone_and_stops_the_later_ones),
        WORLD(a_part_of_a_refused_call_is_not_stored_twice_unnoticed),
        WORLD(an_atomic_sink_leaves_no_doubt_about_a_refused_call),
        WORLD(five_equal_unexplained_refusals_need_a_person),
        WORLD(an_outage_costs_few_calls_and_no_attempts),
        WORLD(retry_after_is_kept),
        WORLD(a_redirect_pauses_and_the_pause_survives_a_restart),
        WORLD(a_persons_pause_stops_and_resume_starts),
        WORLD(a_refused_login_cools_the_endpoint_down),
        WORLD(three_refused_sessions_in_a_row_pause_the_endpoint),
        WORLD(a_missing_map_holds_and_release_after_its_correction_sends),
        WORLD(a_release_is_consent),
        WORLD(what_nobody_can_settle_for_days_is_given_to_a_person),
        WORLD(a_clean_stop_returns_what_was_not_begun),
        WORLD(the_deadline_ends_a_call_that_hangs),
        WORLD(a_second_stop_does_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
