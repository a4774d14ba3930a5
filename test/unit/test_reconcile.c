/* Walks in a whole engine, on virtual time: adopting dossiers that were there before us, and
 * reading open ones back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fake_world.h"

#define A "000.00.12.H56-251120-0001"
#define B "000.00.12.H56-251120-0002"
#define C "000.00.12.H56-251120-0003"
#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS UINT64_C(3600000)

/* The old connector has brought this one, with all its steps. */
static void deliver_behind_our_back(struct fake_world *w, const char *code)
{
    struct fake_dossier *d = fake_source_find(w->onestop, code);
    struct fake_entry *e = fake_ledger_entry(&w->portal->ledger, code);
    char body[512];

    for (size_t i = 0; i <= d->n_steps; i++) {
        struct record record;

        fake_source_record(w->onestop, d, i, RECORD_DOSSIER, body, sizeof(body), &record);
        fake_ledger_accept(&w->portal->ledger, e, &record, false,
                           i == 0 ? d->status : d->steps[i - 1].status, 0);
    }
}

static void go_live(struct fake_world *w, struct config *next)
{
    struct errmsg msg = {""};

    *next = w->config;
    next->flows[0].mode = FLOW_LIVE;
    assert_int_equal(engine_reload(w->engine, next, &msg), 0);
}

static void adopt(struct fake_world *w)
{
    assert_int_equal(engine_adopt(w->engine, "dossiers", "tester"), 0);
    for (int i = 0; i < 3600 && fake_world_flow_status(w, "dossiers")->adopting; i++) {
        fake_world_run(w, 1000);
    }
    assert_false(fake_world_flow_status(w, "dossiers")->adopting);
}

static void adopting_needs_a_flow_that_observes(void **state)
{
    struct fake_world *w = *state;

    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(engine_adopt(w->engine, "dossiers", "tester"), ERR_STATE);
    assert_int_equal(engine_adopt(w->engine, "nothing", "tester"), ERR_NOTFOUND);
}

static void what_was_there_is_never_sent(void **state)
{
    struct fake_world *w = *state;
    struct config *next = malloc(sizeof(*next));
    uint64_t effects;

    assert_non_null(next);
    w->config.flows[0].mode = FLOW_OBSERVE;
    for (int i = 0; i < 300; i++) {
        char code[64];

        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
        for (int k = 0; k < 3; k++) {
            char key[32];

            (void)snprintf(key, sizeof(key), "%d-%d", i, k);
            fake_source_step(w->onestop, code, key, 4);
        }
        deliver_behind_our_back(w, code);
    }
    effects = w->portal->ledger.effects;
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    adopt(w);
    assert_int_equal(w->portal->looks, 300);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->adopt_done, 300);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->adopt_total, 300);
    go_live(w, next);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->sends, 0);
    assert_int_equal(w->portal->ledger.effects, effects);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_ADOPTED), 900);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_ADOPTED), 300);
    fake_world_stop(w);
    free(next);
}

static void what_was_not_there_is_sent_as_new_with_its_steps(void **state)
{
    struct fake_world *w = *state;
    struct config *next = malloc(sizeof(*next));

    assert_non_null(next);
    w->config.flows[0].mode = FLOW_OBSERVE;
    fake_source_put(w->onestop, A, 4, "a");
    fake_source_step(w->onestop, A, "1", 4);
    fake_source_put(w->onestop, B, 4, "b");
    fake_source_step(w->onestop, B, "2", 4);
    deliver_behind_our_back(w, B);
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    adopt(w);
    go_live(w, next);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->portal->sends, 2);
    assert_false(w->portal->log[w->portal->n_log - 2].updating);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(w->portal->ledger.repeats, 0);
    fake_world_stop(w);
    free(next);
}

static void another_state_at_the_portal_is_corrected_by_an_update(void **state)
{
    struct fake_world *w = *state;
    struct config *next = malloc(sizeof(*next));

    assert_non_null(next);
    w->config.flows[0].mode = FLOW_OBSERVE;
    fake_source_put(w->onestop, A, 4, "a");
    fake_source_step(w->onestop, A, "1", 4);
    deliver_behind_our_back(w, A);
    fake_source_put(w->onestop, A, 9, "b"); /* the old connector missed this one */
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    adopt(w);
    go_live(w, next);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->portal->sends, 1);
    assert_true(w->portal->log[w->portal->n_log - 1].updating);
    assert_int_equal(fake_ledger_find(&w->portal->ledger, A)->status, 9);
    assert_int_equal(w->portal->ledger.repeats, 0);
    fake_world_stop(w);
    free(next);
}

/* Changes arrive before, during and after: no old step is sent, every later change is. */
static void changes_go_on_while_the_daemon_takes_over(void **state)
{
    struct fake_world *w = *state;
    struct config *next = malloc(sizeof(*next));
    char code[64];
    char key[32];

    assert_non_null(next);
    w->config.flows[0].mode = FLOW_OBSERVE;
    w->config.portal.seen_rate = 120; /* two look-ups a second: it takes minutes */
    w->config.sources[0].poll_every_ms = 5000;
    for (int i = 0; i < 200; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
        (void)snprintf(key, sizeof(key), "old-%d", i);
        fake_source_step(w->onestop, code, key, 4);
        deliver_behind_our_back(w, code);
    }
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(engine_adopt(w->engine, "dossiers", "tester"), 0);
    fake_world_run(w, 1500);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", (i * 37) % 200);
        if (i % 3 == 0) {
            fake_source_put(w->onestop, code, 4, "b");
        }
        if (i % 3 < 2) {
            (void)snprintf(key, sizeof(key), "new-%d", i);
            fake_source_step(w->onestop, code, key, 4);
        }
        fake_world_run(w, 700);
        if (i == 180) {
            go_live(w, next);
        }
    }
    assert_false(fake_world_flow_status(w, "dossiers")->adopting);
    assert_true(fake_world_settle(w, HOUR_MS));
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(w->portal->ledger.disorder, 0);
    for (size_t i = 0; i < w->portal->ledger.n_list; i++) {
        assert_false(w->portal->ledger.list[i].step); /* no step that was there before went again */
    }
    assert_int_equal(w->portal->ledger.repeats, 0);
    fake_world_stop(w);
    free(next);
}

static void going_live_waits_until_adopting_has_ended(void **state)
{
    struct fake_world *w = *state;
    struct config *next = malloc(sizeof(*next));
    char code[64];

    assert_non_null(next);
    w->config.flows[0].mode = FLOW_OBSERVE;
    w->config.portal.seen_rate = 60;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
        deliver_behind_our_back(w, code);
    }
    fake_source_put(w->onestop, C, 4, "not there");
    fake_ledger_entry(&w->portal->ledger, C)->there = false;
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(engine_adopt(w->engine, "dossiers", "tester"), 0);
    fake_world_run(w, 10000);
    go_live(w, next);
    fake_world_run(w, 30000);
    assert_int_equal(w->portal->sends, 0);
    fake_world_run(w, 3 * MINUTE_MS);
    assert_false(fake_world_flow_status(w, "dossiers")->adopting);
    assert_int_equal(w->portal->sends, 1);
    fake_world_stop(w);
    free(next);
}

static void a_refused_login_ends_the_asking_for_a_while(void **state)
{
    struct fake_world *w = *state;

    w->config.flows[0].mode = FLOW_OBSERVE;
    fake_source_put(w->onestop, A, 4, "a");
    deliver_behind_our_back(w, A);
    w->portal->look = FAKE_LOOK_LOGIN;
    w->portal->look_times = UINT32_MAX;
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(engine_adopt(w->engine, "dossiers", "tester"), 0);
    fake_world_run(w, 6 * HOUR_MS);
    assert_true(w->portal->looks < 20);
    w->portal->look_times = 0;
    fake_world_run(w, 2 * HOUR_MS);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_ADOPTED);
}

static void a_look_up_without_an_answer_is_asked_again_and_not_at_once(void **state)
{
    struct fake_world *w = *state;
    uint64_t looks;

    w->config.flows[0].mode = FLOW_OBSERVE;
    fake_source_put(w->onestop, A, 4, "a");
    fake_source_put(w->onestop, B, 4, "b");
    deliver_behind_our_back(w, A);
    deliver_behind_our_back(w, B);
    w->portal->look = FAKE_LOOK_UNKNOWN;
    w->portal->look_times = UINT32_MAX;
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(engine_adopt(w->engine, "dossiers", "tester"), 0);
    fake_world_run(w, HOUR_MS);
    looks = w->portal->looks;
    assert_in_range(looks, 4, 1000); /* it does not hammer */
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_ADOPTED), 0);
    assert_true(fake_world_flow_status(w, "dossiers")->adopting);
    w->portal->look_times = 0;
    fake_world_run(w, HOUR_MS);
    assert_false(fake_world_flow_status(w, "dossiers")->adopting);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_ADOPTED), 2);
}

static void adopting_survives_an_outage_and_a_stop(void **state)
{
    struct fake_world *w = *state;
    char code[64];

    w->config.flows[0].mode = FLOW_OBSERVE;
    w->config.portal.seen_rate = 60;
    for (int i = 0; i < 50; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
        deliver_behind_our_back(w, code);
    }
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(engine_adopt(w->engine, "dossiers", "tester"), 0);
    assert_int_equal(engine_adopt(w->engine, "dossiers", "tester"),
                     ERR_STATE); /* one is under way */
    fake_world_run(w, 20000);
    w->portal->down = true;
    fake_world_run(w, 10 * MINUTE_MS);
    fake_world_stop(w);
    w->portal->down = false;
    fake_world_start(w);
    fake_world_run(w, 1000);
    adopt(w); /* asked for again: what is adopted is not looked up again */
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_ADOPTED), 50);
    assert_true(w->portal->looks < 50 + 40);
}

static void look_ups_keep_to_their_pace(void **state)
{
    struct fake_world *w = *state;
    char code[64];

    w->config.flows[0].mode = FLOW_OBSERVE;
    w->config.portal.seen_rate = 60;
    for (int i = 0; i < 500; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
    }
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(engine_adopt(w->engine, "dossiers", "tester"), 0);
    fake_world_run(w, 5 * MINUTE_MS);
    assert_in_range(w->portal->looks, 290, 305);
}

/* ---- seen ---- */

static void open_dossiers_are_read_back_as_often_as_asked(void **state)
{
    struct fake_world *w = *state;
    struct journal_life life;

    (void)fake_world_flow(w, "seen", FLOW_SEEN, "portal", "");
    w->config.flows[1].every_ms = 6 * HOUR_MS;
    fake_source_put(w->onestop, A, 4, "a");
    fake_source_put(w->onestop, B, 10, "b"); /* final: nobody asks */
    fake_world_start(w);
    fake_world_run(w, 5 * HOUR_MS);
    assert_int_equal(w->portal->looks, 1);
    fake_world_run(w, 24 * HOUR_MS);
    assert_in_range(w->portal->looks, 4, 5);
    fake_world_life(w, A, &life);
    assert_true(life.seen_at_ms > 0);
    assert_true(life.seen_there);
    assert_int_equal(life.seen_status, 4);
    journal_life_free(&life);
    assert_int_equal(w->portal->sends, 2); /* looking changes nothing */
}

static void a_seen_flow_that_is_off_asks_nothing(void **state)
{
    struct fake_world *w = *state;
    struct config *next = malloc(sizeof(*next));
    struct errmsg msg = {""};

    assert_non_null(next);
    (void)fake_world_flow(w, "seen", FLOW_SEEN, "portal", "");
    w->config.flows[1].every_ms = HOUR_MS;
    w->config.flows[1].mode = FLOW_OFF;
    fake_source_put(w->onestop, A, 4, "a");
    fake_world_start(w);
    fake_world_run(w, 3 * HOUR_MS);
    assert_int_equal(w->portal->looks, 0);
    *next = w->config;
    next->flows[1].mode = FLOW_LIVE;
    assert_int_equal(engine_reload(w->engine, next, &msg), 0);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->looks, 1);
    fake_world_stop(w);
    free(next);
}

static void a_stop_during_a_walk_ends(void **state)
{
    struct fake_world *w = *state;
    char code[64];

    w->config.flows[0].mode = FLOW_OBSERVE;
    w->config.portal.seen_rate = 600;
    w->portal->latency_ms = 3000;
    for (int i = 0; i < 50; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
        deliver_behind_our_back(w, code);
    }
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(engine_adopt(w->engine, "dossiers", "tester"), 0);
    fake_world_run(w, 2000);
    assert_true(w->portal->in_flight > 0);
    fake_world_stop(w);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, fake_world_setup, fake_world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(adopting_needs_a_flow_that_observes),
        WORLD(what_was_there_is_never_sent),
        WORLD(what_was_not_there_is_sent_as_new_with_its_steps),
        WORLD(another_state_at_the_portal_is_corrected_by_an_update),
        WORLD(changes_go_on_while_the_daemon_takes_over),
        WORLD(going_live_waits_until_adopting_has_ended),
        WORLD(a_refused_login_ends_the_asking_for_a_while),
        WORLD(a_look_up_without_an_answer_is_asked_again_and_not_at_once),
        WORLD(adopting_survives_an_outage_and_a_stop),
        WORLD(look_ups_keep_to_their_pace),
        WORLD(open_dossiers_are_read_back_as_often_as_asked),
        WORLD(a_seen_flow_that_is_off_asks_nothing),
        WORLD(a_stop_during_a_walk_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
