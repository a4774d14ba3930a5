/* The poller in a whole engine, on virtual time: what is asked of a source, when, and what becomes
 * of its troubles. */
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
#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS UINT64_C(3600000)

static void put_many(struct fake_world *w, int n)
{
    char code[64];

    for (int i = 0; i < n; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
    }
}

static void details_are_asked_only_for_changed_rows(void **state)
{
    struct fake_world *w = *state;

    w->onestop->every_row = true; /* a source that can't say what changed */
    w->onestop->page_size = 7;
    put_many(w, 50);
    fake_world_start(w);
    fake_world_run(w, 10 * MINUTE_MS);
    assert_int_equal(w->onestop->details, 50);
    assert_true(w->onestop->polls >= 20 * 8);
    fake_source_put(w->onestop, "000.00.12.H56-251120-0033", 9, "b");
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(w->onestop->details, 51);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(w->portal->ledger.repeats, 0);
}

/* The journal's answer would come behind the commit at work. */
static void what_is_all_new_is_read_on_while_a_commit_hangs(void **state)
{
    struct fake_world *w = *state;

    w->onestop->first_reading = true;
    w->onestop->page_size = 10;
    put_many(w, 100);
    fake_world_start(w);
    while (w->onestop->details < 10) {
        fake_world_run(w, 1);
    }
    w->loop.hold_work = true;
    fake_world_run(w, 5000);
    assert_int_equal(w->onestop->polls, 10);
    assert_int_equal(w->onestop->details, 100);
    w->loop.hold_work = false;
    assert_true(fake_world_settle(w, MINUTE_MS));
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(w->portal->ledger.effects, 100);
}

static void behind_what_is_new_known_pages_are_compared_again(void **state)
{
    struct fake_world *w = *state;

    w->onestop->every_row = true;
    w->onestop->first_reading = true;
    w->onestop->page_size = 10;
    put_many(w, 200);
    fake_world_start(w);
    fake_world_run(w, 10 * MINUTE_MS);
    assert_int_equal(w->onestop->details, 200);
    for (int i = 0; i < 10; i++) { /* the first page */
        char code[64];

        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 9, "b");
    }
    fake_world_run(w, 10 * MINUTE_MS);
    assert_in_range(w->onestop->details, 210, 240);
    assert_int_equal(w->portal->ledger.effects, 210);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(w->portal->ledger.repeats, 0);
}

static void pages_follow_at_once_and_polls_at_their_interval(void **state)
{
    struct fake_world *w = *state;

    w->onestop->page_size = 10;
    put_many(w, 95);
    fake_world_start(w);
    fake_world_run(w, 20000);
    assert_int_equal(w->onestop->polls, 10);
    fake_world_run(w, 10 * MINUTE_MS);
    assert_in_range(w->onestop->polls, 10 + 19, 10 + 21);
}

static void the_cursor_survives_a_restart(void **state)
{
    struct fake_world *w = *state;

    put_many(w, 30);
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    fake_world_stop(w);
    fake_source_put(w->onestop, A, 9, "b");
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(w->onestop->details, 31);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->rows_seen, 1);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
}

static void a_failed_detail_is_owed_and_the_others_go_on(void **state)
{
    struct fake_world *w = *state;

    put_many(w, 20);
    fake_source_fail(w->onestop, A, ERR_REMOTE, 3);
    fake_world_start(w);
    fake_world_run(w, 20000);
    assert_int_equal(w->portal->ledger.effects, 19);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->owed, 1);
    assert_false(fake_world_status(w)->idle);
    assert_true(fake_world_settle(w, 10 * MINUTE_MS));
    assert_int_equal(w->portal->ledger.effects, 20);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->owed, 0);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->detail_failures, 3);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
}

static void a_record_that_was_not_judged_for_want_of_memory_is_owed_and_not_held(void **state)
{
    struct fake_world *w = *state;

    put_many(w, 5);
    w->portal->checks_fail = 2;
    fake_world_start(w);
    fake_world_run(w, 20000);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->owed, 2);
    assert_true(fake_world_settle(w, 10 * MINUTE_MS));
    assert_int_equal(w->portal->ledger.effects, 5);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
}

static void an_owed_detail_survives_a_crash(void **state)
{
    struct fake_world *w = *state;

    put_many(w, 5);
    fake_source_fail(w->onestop, A, ERR_FORMAT, 2);
    fake_world_start(w);
    fake_world_run(w, 20000);
    fake_world_crash(w, 0);
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(w->portal->ledger.effects, 5);
}

static void a_detail_that_always_fails_holds_up_nobody(void **state)
{
    struct fake_world *w = *state;

    put_many(w, 5);
    fake_source_fail(w->onestop, A, ERR_FORMAT, UINT32_MAX);
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_true(fake_world_flow_status(w, "dossiers")->detail_failures <= 130); /* once a poll */
    fake_source_put(w->onestop, B, 9, "b");
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(fake_ledger_find(&w->portal->ledger, B)->status, 9);
}

static void what_is_gone_is_owed_no_more(void **state)
{
    struct fake_world *w = *state;

    put_many(w, 3);
    fake_source_remove(w->onestop, A);
    fake_source_fail(w->onestop, B, ERR_UNSUPPORTED, UINT32_MAX); /* a test agency's */
    fake_world_start(w);
    fake_world_run(w, 10 * MINUTE_MS);
    assert_int_equal(w->portal->ledger.effects, 1);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->owed, 0);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->detail_failures, 0);
}

static void a_source_in_trouble_is_asked_less_and_less(void **state)
{
    struct fake_world *w = *state;

    put_many(w, 3);
    w->onestop->down = true;
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_in_range(w->onestop->polls, 5, 60);
    assert_string_not_equal(fake_world_flow_status(w, "dossiers")->trouble, "");
    assert_int_equal(fake_world_status(w)->verdict, ENGINE_DEGRADED);
    w->onestop->down = false;
    fake_world_run(w, 2 * HOUR_MS);
    assert_int_equal(w->portal->ledger.effects, 3);
    assert_string_equal(fake_world_flow_status(w, "dossiers")->trouble, "");
    assert_int_equal(fake_world_status(w)->verdict, ENGINE_OK);
}

static void a_page_that_is_not_understood_moves_no_cursor(void **state)
{
    struct fake_world *w = *state;

    put_many(w, 3);
    w->onestop->polls_fail = 4;
    w->onestop->poll_err = ERR_FORMAT;
    fake_world_start(w);
    fake_world_run(w, 30 * MINUTE_MS);
    assert_int_equal(w->portal->ledger.effects, 3);
}

static void a_refused_source_is_asked_again(void **state)
{
    struct fake_world *w = *state;

    put_many(w, 3);
    w->onestop->polls_fail = 2;
    w->onestop->poll_err = ERR_DENIED;
    fake_world_start(w);
    fake_world_run(w, 30 * MINUTE_MS);
    assert_int_equal(w->portal->ledger.effects, 3);
}

static const struct engine_endpoint_status *endpoint_of(struct fake_world *w, const char *name)
{
    const struct engine_status *s = fake_world_status(w);

    for (size_t i = 0; i < s->n_endpoints; i++) {
        if (strcmp(s->endpoints[i].name, name) == 0) {
            return &s->endpoints[i];
        }
    }
    fail_msg("no endpoint %s", name);
    return NULL;
}

static void a_refused_source_is_named_until_it_lets_us_in(void **state)
{
    struct fake_world *w = *state;

    put_many(w, 3);
    w->onestop->polls_fail = 1;
    w->onestop->poll_err = ERR_DENIED;
    fake_world_start(w);
    fake_world_run(w, 1000);
    assert_int_equal(endpoint_of(w, "onestop")->logins_refused, 1);
    assert_int_equal(endpoint_of(w, "portal")->logins_refused, 0);
    assert_non_null(strstr(fake_world_status(w)->reasons[0], "endpoint onestop refuses the login"));
    fake_world_run(w, 30 * MINUTE_MS);
    assert_int_equal(endpoint_of(w, "onestop")->logins_refused, 0);
    assert_int_equal(fake_world_status(w)->verdict, ENGINE_OK);
}

static void a_poll_on_request_comes_at_once(void **state)
{
    struct fake_world *w = *state;
    uint64_t polls;

    w->config.sources[0].poll_every_ms = HOUR_MS;
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    polls = w->onestop->polls;
    fake_source_put(w->onestop, A, 4, "a");
    assert_int_equal(engine_poll(w->engine, "nowhere", false), ERR_NOTFOUND);
    assert_int_equal(engine_poll(w->engine, "onestop", false), 0);
    fake_world_run(w, 1000);
    assert_int_equal(w->onestop->polls, polls + 1);
    assert_int_equal(w->portal->sends, 1);
}

static void a_poll_ordered_in_the_middle_of_a_round_follows_it(void **state)
{
    struct fake_world *w = *state;
    uint64_t polls;

    w->config.sources[0].poll_every_ms = HOUR_MS;
    put_many(w, 3);
    w->onestop->poll_latency_ms = 5000; /* a page read now is as old as its request */
    fake_world_start(w);
    fake_world_run(w, 1000);
    polls = w->onestop->polls;
    assert_true(fake_world_status(w)->sources[0].polling);
    assert_int_equal(engine_poll(w->engine, "onestop", false), 0);
    assert_int_equal(w->onestop->polls, polls);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(w->onestop->polls, polls + 1);
    assert_false(fake_world_status(w)->sources[0].polling);
}

static void a_complete_sweep_lists_everything_and_is_counted(void **state)
{
    struct fake_world *w = *state;

    w->onestop->page_size = 10;
    put_many(w, 35);
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->full_sweeps, 0);
    assert_int_equal(engine_poll(w->engine, "onestop", true), 0);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->full_sweeps, 1);
    assert_int_equal(w->onestop->full_polls, 1);
    assert_int_equal(w->onestop->details, 35); /* nothing had changed */
    assert_int_equal(w->portal->ledger.repeats, 0);
}

static void a_full_window_stops_intake_until_the_disk_has_caught_up(void **state)
{
    struct fake_world *w = *state;
    struct journal_numbers n;

    w->options.window_bytes = 256u << 10;
    w->onestop->pad_bytes = 60000;
    w->onestop->page_size = 1000;
    w->config.sources[0].max_in_flight = 2;
    put_many(w, 100);
    fake_world_start(w);
    fake_world_run(w, 100);
    w->loop.hold_work = true; /* the disk hangs */
    fake_world_run(w, 10 * MINUTE_MS);
    journal_numbers(w->journal, &n);
    assert_true(w->onestop->details < 100);
    assert_true(n.uncommitted_bytes < 2u << 20);
    w->loop.hold_work = false;
    fake_world_run(w, 10 * MINUTE_MS);
    assert_int_equal(w->portal->ledger.effects, 100);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
}

static void intake_does_not_wait_for_the_portal(void **state)
{
    struct fake_world *w = *state;

    w->portal->down = true;
    put_many(w, 500);
    fake_world_start(w);
    fake_world_run(w, 5 * MINUTE_MS);
    assert_int_equal(w->onestop->details, 500);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_PENDING), 500);
}

#define MANY 2000 /* much more than is read ahead of a sink */

static void start_with_many(struct fake_world *w, uint64_t portal_latency_ms)
{
    w->onestop->page_size = 200;
    w->onestop->poll_latency_ms = 1;
    w->portal->latency_ms = portal_latency_ms;
    put_many(w, MANY);
    fake_world_start(w);
}

static void what_a_sink_takes_is_read_for_it_no_faster(void **state)
{
    struct fake_world *w = *state;
    uint64_t most = 0;

    start_with_many(w, 10); /* takes more than a thousand in a second */
    while (w->portal->ledger.effects < MANY) {
        uint64_t waiting;

        fake_world_run(w, 50);
        waiting = fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_PENDING);
        most = waiting > most ? waiting : most;
        assert_true(w->loop.now_ms < FAKE_LOOP_START_MS + MINUTE_MS);
    }
    assert_in_range(most, 800, 1400);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(w->portal->ledger.repeats, 0);
}

static void a_page_waits_for_a_slow_sink_a_second_at_most(void **state)
{
    struct fake_world *w = *state;

    start_with_many(w, 5000);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(w->onestop->details, MANY);
    assert_true(w->portal->ledger.effects < 1000);
}

static void a_page_waits_for_no_sink_that_takes_nothing(void **state)
{
    struct fake_world *w = *state;

    start_with_many(w, 10 * MINUTE_MS); /* answers, but much later */
    fake_world_run(w, 10000);
    assert_int_equal(w->onestop->details, MANY);
}

static void a_page_waits_for_no_sink_that_does_not_answer(void **state)
{
    struct fake_world *w = *state;

    w->portal->down = true;
    start_with_many(w, 10);
    fake_world_run(w, 10000);
    assert_int_equal(w->onestop->details, MANY);
}

static void details_run_side_by_side_within_their_limit(void **state)
{
    struct fake_world *w = *state;

    w->config.sources[0].max_in_flight = 3;
    put_many(w, 50);
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(w->onestop->most_in_flight, 3);
    assert_int_equal(w->onestop->details, 50);
}

static void the_pace_of_a_source_is_kept(void **state)
{
    struct fake_world *w = *state;

    w->config.sources[0].rate = 2;
    put_many(w, 300);
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_in_range(w->onestop->details + w->onestop->polls, 116, 124);
}

static void a_paused_source_is_left_alone(void **state)
{
    struct fake_world *w = *state;
    uint64_t polls;

    put_many(w, 3);
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(engine_pause(w->engine, "onestop", "tester", "maintenance"), 0);
    polls = w->onestop->polls;
    fake_source_put(w->onestop, A, 9, "b");
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->onestop->polls, polls);
    assert_int_equal(engine_resume(w->engine, "onestop", "tester"), 0);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(fake_ledger_find(&w->portal->ledger, A)->status, 9);
}

static void a_stop_in_the_middle_of_a_page_loses_nothing(void **state)
{
    struct fake_world *w = *state;

    put_many(w, 100);
    w->onestop->poll_latency_ms = 500;
    fake_world_start(w);
    fake_world_run(w, 5200);
    assert_true(w->onestop->details > 0 && w->onestop->details < 100);
    fake_world_stop(w);
    fake_world_start(w);
    fake_world_run(w, 5 * MINUTE_MS);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(w->portal->ledger.effects, 100);
    assert_int_equal(w->portal->ledger.repeats, 0);
}

static void a_flow_that_is_off_asks_nothing(void **state)
{
    struct fake_world *w = *state;

    w->config.flows[0].mode = FLOW_OFF;
    put_many(w, 3);
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->onestop->polls, 0);
    assert_int_equal(w->portal->sends, 0);
    assert_true(fake_world_status(w)->idle);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, fake_world_setup, fake_world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(details_are_asked_only_for_changed_rows),
        WORLD(what_is_all_new_is_read_on_while_a_commit_hangs),
        WORLD(behind_what_is_new_known_pages_are_compared_again),
        WORLD(pages_follow_at_once_and_polls_at_their_interval),
        WORLD(the_cursor_survives_a_restart),
        WORLD(a_failed_detail_is_owed_and_the_others_go_on),
        WORLD(a_record_that_was_not_judged_for_want_of_memory_is_owed_and_not_held),
        WORLD(an_owed_detail_survives_a_crash),
        WORLD(a_detail_that_always_fails_holds_up_nobody),
        WORLD(what_is_gone_is_owed_no_more),
        WORLD(a_source_in_trouble_is_asked_less_and_less),
        WORLD(a_page_that_is_not_understood_moves_no_cursor),
        WORLD(a_refused_source_is_asked_again),
        WORLD(a_refused_source_is_named_until_it_lets_us_in),
        WORLD(a_poll_on_request_comes_at_once),
        WORLD(a_poll_ordered_in_the_middle_of_a_round_follows_it),
        WORLD(a_complete_sweep_lists_everything_and_is_counted),
        WORLD(a_full_window_stops_intake_until_the_disk_has_caught_up),
        WORLD(intake_does_not_wait_for_the_portal),
        WORLD(what_a_sink_takes_is_read_for_it_no_faster),
        WORLD(a_page_waits_for_a_slow_sink_a_second_at_most),
        WORLD(a_page_waits_for_no_sink_that_takes_nothing),
        WORLD(a_page_waits_for_no_sink_that_does_not_answer),
        WORLD(details_run_side_by_side_within_their_limit),
        WORLD(the_pace_of_a_source_is_kept),
        WORLD(a_paused_source_is_left_alone),
        WORLD(a_stop_in_the_middle_of_a_page_loses_nothing),
        WORLD(a_flow_that_is_off_asks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
