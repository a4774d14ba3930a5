/* Batches in a whole engine, on virtual time: several dossiers in one call, and what becomes of
 * each when the call is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fake_world.h"

#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS UINT64_C(3600000)

static const char *code_of(int i)
{
    static char codes[4][64];
    static int at;

    at = (at + 1) % 4;
    (void)snprintf(codes[at], sizeof(codes[at]), "000.00.12.H56-251120-%04d", i);
    return codes[at];
}

static void put_many(struct fake_world *w, int from, int n, const char *text)
{
    for (int i = from; i < from + n; i++) {
        fake_source_put(w->onestop, code_of(i), 4, text);
    }
}

static int setup(void **state)
{
    struct fake_world *w;

    if (fake_world_setup(state) != 0) {
        return -1;
    }
    w = *state;
    w->portal->batch = 8;
    w->config.portal.max_in_flight = 2;
    return 0;
}

static void assert_oracle(struct fake_world *w)
{
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(fake_world_duplicated(w, w->portal), 0);
    assert_int_equal(w->portal->ledger.disorder + w->portal->ledger.damaged, 0);
    assert_true(w->portal->most_per_code <= 1);
}

static void dossiers_share_calls(void **state)
{
    struct fake_world *w = *state;

    put_many(w, 0, 80, "a");
    fake_world_start(w);
    assert_true(fake_world_settle(w, HOUR_MS));
    assert_oracle(w);
    assert_int_equal(w->portal->ledger.effects, 80);
    assert_int_equal(w->portal->most_together, 8);
    assert_true(w->portal->sends <= 25);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->delivered, 80);
}

static void one_bad_dossier_is_found_and_the_others_delivered(void **state)
{
    struct fake_world *w = *state;
    enum hold_why hold = HOLD_NONE;

    fake_peer_answer(w->portal, code_of(3), FAKE_PERMANENT, 0);
    put_many(w, 0, 8, "a");
    w->config.flows[0].mode = FLOW_OBSERVE; /* so that all eight are there when it begins */
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    fake_world_stop(w);
    w->config.flows[0].mode = FLOW_LIVE;
    fake_world_start(w);
    assert_true(fake_world_settle(w, HOUR_MS));
    assert_oracle(w);
    assert_int_equal(w->portal->most_together, 8);
    assert_int_equal(w->portal->ledger.effects, 7);
    assert_int_equal(w->portal->ledger.repeats, 0);
    assert_int_equal(fake_world_state(w, code_of(3), &hold), ITEM_HELD);
    assert_int_equal(hold, HOLD_REFUSED);
    assert_true(w->portal->sends <= 10);
}

static void what_a_refused_batch_had_stored_is_sent_again_with_an_excuse(void **state)
{
    struct fake_world *w = *state;

    fake_peer_answer(w->portal, code_of(0), FAKE_PART, 1);
    put_many(w, 0, 8, "a");
    fake_world_start(w);
    assert_true(fake_world_settle(w, HOUR_MS));
    assert_oracle(w);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_DONE), 8);
}

static void an_atomic_sink_needs_no_look_ups(void **state)
{
    struct fake_world *w = *state;

    w->portal->caps |= ADAPTER_ATOMIC;
    fake_peer_answer(w->portal, code_of(3), FAKE_PERMANENT, 0);
    put_many(w, 0, 8, "a");
    fake_world_start(w);
    assert_true(fake_world_settle(w, HOUR_MS));
    assert_oracle(w);
    assert_int_equal(w->portal->looks, 0);
    assert_int_equal(w->portal->ledger.effects, 7);
}

static void new_and_known_dossiers_do_not_share(void **state)
{
    struct fake_world *w = *state;

    put_many(w, 0, 4, "a");
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    put_many(w, 0, 8, "b");
    fake_world_run(w, 2 * MINUTE_MS);
    assert_oracle(w);
    for (size_t i = 0; i < w->portal->n_log; i++) {
        assert_int_equal(w->portal->log[i].outcome, OUTCOME_DONE);
    }
    assert_int_equal(w->portal->ledger.effects, 12);
}

static void what_cannot_be_mapped_stays_out_of_the_call(void **state)
{
    struct fake_world *w = *state;
    enum hold_why hold = HOLD_NONE;

    w->config.flows[0].mode = FLOW_OBSERVE;
    put_many(w, 0, 4, "a");
    fake_source_put(w->onestop, code_of(4), 7, "a");
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    fake_world_stop(w);
    w->portal->unmapped[7] = true; /* the map was changed since */
    w->config.flows[0].mode = FLOW_LIVE;
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(w->portal->ledger.effects, 4);
    assert_int_equal(fake_world_state(w, code_of(4), &hold), ITEM_HELD);
    assert_int_equal(hold, HOLD_UNMAPPED_STATUS);
    assert_oracle(w);
}

static void a_lost_answer_leaves_each_in_doubt(void **state)
{
    struct fake_world *w = *state;

    fake_peer_answer(w->portal, NULL, FAKE_UNSURE_AFTER, 2);
    put_many(w, 0, 16, "a");
    fake_world_start(w);
    assert_true(fake_world_settle(w, HOUR_MS));
    assert_oracle(w);
    assert_true(w->portal->looks > 0);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_DONE), 16);
}

static void a_sink_that_is_away_costs_no_item_anything(void **state)
{
    struct fake_world *w = *state;

    w->portal->down = true;
    put_many(w, 0, 40, "a");
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    w->portal->down = false;
    assert_true(fake_world_settle(w, HOUR_MS));
    assert_oracle(w);
    assert_int_equal(w->portal->ledger.repeats, 0);
    assert_int_equal(w->portal->most_together, 8);
}

/* The seeded day of test_engine_crash, in batches. */
static void dying_at_any_point_loses_and_repeats_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct fake_world *w = NULL;
        int next = 0;

        assert_int_equal(setup((void **)&w), 0);
        w->portal->seed = seed;
        w->portal->chaos_after = 8;
        w->portal->chaos_before = 5;
        w->portal->chaos_transient = 5;
        w->loop.seed = seed;
        w->config.retry_first_ms = 2000;
        w->config.retry_cap_ms = 20000;
        w->config.sources[0].poll_every_ms = 3000;
        fake_world_start(w);
        for (unsigned i = 0; i < 10; i++) {
            put_many(w, next, 11, "a");
            put_many(w, next / 2, 5, i % 2 == 0 ? "b" : "c");
            next += 11;
            fake_world_run(w, 500 + 731 * i);
            fake_peer_answer(w->portal, code_of(next - 4), FAKE_PERMANENT, 1);
            fake_world_run(w, 2500);
            for (unsigned turns = i; turns > 0; turns--) {
                fake_loop_turn(&w->loop);
            }
            fake_world_crash(w, i % 3);
            fake_world_start(w);
        }
        w->portal->seed = 0;
        fake_peer_obey(w->portal);
        (void)fake_world_settle(w, 2 * HOUR_MS);
        assert_oracle(w);
        (void)fake_world_teardown((void **)&w);
    }
}

#define BATCH(test) cmocka_unit_test_setup_teardown(test, setup, fake_world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BATCH(dossiers_share_calls),
        BATCH(one_bad_dossier_is_found_and_the_others_delivered),
        BATCH(what_a_refused_batch_had_stored_is_sent_again_with_an_excuse),
        BATCH(an_atomic_sink_needs_no_look_ups),
        BATCH(new_and_known_dossiers_do_not_share),
        BATCH(what_cannot_be_mapped_stays_out_of_the_call),
        BATCH(a_lost_answer_leaves_each_in_doubt),
        BATCH(a_sink_that_is_away_costs_no_item_anything),
        cmocka_unit_test(dying_at_any_point_loses_and_repeats_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
