/* The pusher in a whole engine, on virtual time: what follows from each answer. */
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

/* More of them than there are slots: each call that ends makes room for the next. */
static void under_ask_all_released_steps_go_without_a_pause(void **state)
{
    struct fake_world *w = *state;
    char code[64];
    uint32_t moved = 0;

    w->config.flows[0].steps_in_doubt = STEPS_ASK;
    for (int i = 0; i < 30; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
        put_steps(w, code, 0, 1, 4);
        fake_peer_answer_steps(w->portal, code, FAKE_UNSURE_BEFORE, 1);
    }
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_HELD), 30);
    assert_int_equal(fake_world_act(w, JOURNAL_RELEASE, "", ITEM_HELD, &moved), 0);
    assert_int_equal(moved, 30);
    fake_world_run(w, 10000);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_DONE), 30);
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
    assert_int_equal(logged(w, w->portal->n_log - 2)->verb,
                     'l'); /* still in doubt: looked up first */
    assert_oracle(w);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, fake_world_setup, fake_world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        WORLD(under_ask_all_released_steps_go_without_a_pause),
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
        WORLD(a_missing_map_holds_and_release_after_its_correction_sends),
        WORLD(a_release_is_consent),
        WORLD(what_nobody_can_settle_for_days_is_given_to_a_person),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
