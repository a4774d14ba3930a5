/* The pusher in a whole engine, on virtual time: what is sent, when and in which order. */
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

static void put_many(struct fake_world *w, int n)
{
    for (int i = 0; i < n; i++) {
        char code[64];

        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "first");
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

    w->config.portal.dossier_rate = 2;
    put_many(w, 400);
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_in_range(w->portal->sends, 118, 122);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_in_range(w->portal->sends, 358, 362);
}

static void the_window_is_kept(void **state)
{
    struct fake_world *w = *state;

    w->config.portal.max_in_flight = 3;
    put_many(w, 50);
    fake_world_start(w);
    let_it_work(w);
    assert_int_equal(w->portal->most_in_flight, 3);
    assert_oracle(w);
}

/* A thousand dossiers, a hundred of them begun. */
static void begin_catching_up(struct fake_world *w, uint32_t in_flight, uint64_t latency_ms)
{
    w->config.portal.max_in_flight = in_flight;
    w->portal->latency_ms = latency_ms;
    w->onestop->page_size = 1000;
    put_many(w, 1000);
    fake_world_start(w);
    while (w->portal->sends < 100) {
        fake_world_run(w, 10);
    }
}

/* Now and then one commit takes ten times as long as the others: it stores a page. */
static void a_long_commit_does_not_starve_the_wire(void **state)
{
    struct fake_world *w = *state;
    uint64_t sent = 0;

    begin_catching_up(w, 16, 20);
    for (int i = 0; i < 4; i++) {
        fake_world_run(w, 100);
        sent = w->portal->sends;
        w->loop.hold_work = true;
        fake_world_run(w, 100);
        sent = w->portal->sends - sent;
        w->loop.hold_work = false;
    }
    assert_in_range(sent, 64, 96); /* 16 every 20 ms */
    assert_true(fake_world_settle(w, MINUTE_MS));
    assert_oracle(w);
}

/* Three sources, all with more than the sink takes at once. */
static void flows_at_one_sink_take_turns(void **state)
{
    static const char *const names[] = {"dossiers", "second", "third"};
    struct fake_world *w = *state;
    struct fake_peer *peers[] = {w->onestop, fake_world_peer(w, "second"),
                                 fake_world_peer(w, "third")};

    w->config.portal.max_in_flight = 4;
    w->portal->latency_ms = 20;
    for (int i = 0; i < 3; i++) {
        if (i > 0) {
            w->config.sources[i] = w->config.sources[0];
            w->config.sources[i].name = names[i];
            (void)fake_world_flow(w, names[i], FLOW_DOSSIERS, names[i], "portal");
        }
        for (int n = 0; n < 400; n++) {
            char code[64];

            (void)snprintf(code, sizeof(code), "000.00.12.H56-25112%d-%04d", i, n);
            fake_source_put(peers[i], code, 4, "first");
        }
    }
    w->config.n_sources = 3;
    fake_world_start(w);
    while (w->portal->sends < 600) {
        fake_world_run(w, 10);
    }
    for (int i = 0; i < 3; i++) {
        assert_in_range(fake_world_count(w, names[i], ITEM_SNAPSHOT, ITEM_DONE), 100, 300);
    }
    assert_true(fake_world_settle(w, MINUTE_MS));
    assert_int_equal(w->portal->most_in_flight, 4);
    assert_int_equal(w->portal->ledger.effects, 1200);
}

/* What stands ahead can't be overtaken, and a crash would leave it UNSURE. */
static void few_stand_ahead_again_when_the_portal_slows_down(void **state)
{
    struct fake_world *w = *state;

    begin_catching_up(w, 8, 10);
    w->loop.hold_work = true;
    fake_world_run(w, 300);
    w->loop.hold_work = false;
    fake_world_run(w, 10);
    assert_in_range(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_INFLIGHT), 24, 300);
    w->portal->latency_ms = 2000;
    fake_world_run(w, MINUTE_MS);
    assert_in_range(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_INFLIGHT), 8, 16);
    w->portal->latency_ms = 10;
    assert_true(fake_world_settle(w, MINUTE_MS));
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
    assert_in_range(w->portal->sends, 5, 300); /* a probe every few minutes */
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
    assert_true(w->portal->sends <=
                8 * 20); /* a window's worth after each wait, waits up to an hour */
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
        WORLD(a_long_commit_does_not_starve_the_wire),
        WORLD(flows_at_one_sink_take_turns),
        WORLD(few_stand_ahead_again_when_the_portal_slows_down),
        WORLD(back_to_what_the_portal_holds_makes_no_call),
        WORLD(of_many_changes_during_an_outage_the_last_is_sent),
        WORLD(an_outage_costs_few_calls_and_no_attempts),
        WORLD(retry_after_is_kept),
        WORLD(a_redirect_pauses_and_the_pause_survives_a_restart),
        WORLD(a_persons_pause_stops_and_resume_starts),
        WORLD(a_refused_login_cools_the_endpoint_down),
        WORLD(three_refused_sessions_in_a_row_pause_the_endpoint),
        WORLD(a_clean_stop_returns_what_was_not_begun),
        WORLD(the_deadline_ends_a_call_that_hangs),
        WORLD(a_second_stop_does_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
