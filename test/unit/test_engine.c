/* The whole engine on virtual time: crashes, stops, reloads, idleness, and a flow that it was not built for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "lib/fake_world.h"

#define A "000.00.12.H56-251120-0001"
#define B "000.00.12.H56-251120-0002"
#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS UINT64_C(3600000)

/* ---- a seeded source of changes ---- */

struct generator {
    uint64_t seed;
    uint32_t dossiers, changes, steps;
};

static uint32_t roll(struct generator *g, uint32_t below)
{
    g->seed = g->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(g->seed >> 33) % below;
}

/* A new dossier, another snapshot of one, or a step of one. Statuses stay where each leads to each. */
static void change_something(struct fake_world *w, struct generator *g)
{
    char code[64];
    char text[64];
    uint32_t what = roll(g, 10);
    uint32_t which = what < 3 || g->dossiers == 0 ? g->dossiers++ : roll(g, g->dossiers);

    (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04u", which);
    if (what < 6 || fake_source_find(w->onestop, code) == NULL) {
        (void)snprintf(text, sizeof(text), "change %u", what == 5 ? 1 : g->changes);
        g->changes++;
        fake_source_put(w->onestop, code, 4 + (int)roll(g, 2), text);
    } else {
        (void)snprintf(text, sizeof(text), "step-%u", g->steps++);
        fake_source_step(w->onestop, code, text, 4);
    }
}

static void assert_oracle(struct fake_world *w, uint64_t seed)
{
    const struct fake_ledger *l = &w->portal->ledger;
    uint64_t lost = fake_world_lost(w, w->onestop, w->portal, "dossiers");

    uint64_t duplicated = fake_world_duplicated(w, w->portal);

    if (w->crashes == 0) {
        duplicated += l->duplicated; /* a crash may lose an answer that the sink saw leave */
    }
    if (lost + duplicated + l->disorder + l->damaged > 0 || w->portal->most_per_code > 1) {
        fail_msg("seed %llu: lost %llu, duplicated %llu, out of order %llu, damaged %llu, at once %u",
                 (unsigned long long)seed, (unsigned long long)lost,
                 (unsigned long long)duplicated, (unsigned long long)l->disorder,
                 (unsigned long long)l->damaged, w->portal->most_per_code);
    }
}

/* Changes all the while, lost answers of every kind, and the process dying at any point. */
static void run_with_crashes(struct fake_world *w, uint64_t seed, unsigned crashes)
{
    struct generator g = {.seed = seed};

    w->portal->seed = seed;
    w->portal->chaos_after = 8;
    w->portal->chaos_before = 5;
    w->portal->chaos_transient = 5;
    w->loop.seed = seed;
    w->config.retry_first_ms = 2000;
    w->config.retry_cap_ms = 20000;
    w->config.sources[0].poll_every_ms = 3000;
    fake_world_start(w);
    for (unsigned i = 0; i < crashes; i++) {
        uint32_t rounds = 1 + roll(&g, 6);

        for (uint32_t k = 0; k < rounds; k++) {
            uint32_t n = roll(&g, 8);

            for (uint32_t c = 0; c < n; c++) {
                change_something(w, &g);
            }
            fake_world_run(w, roll(&g, 4000));
        }
        for (uint32_t turns = roll(&g, 12); turns > 0; turns--) {
            fake_loop_turn(&w->loop);
        }
        fake_world_crash(w, roll(&g, 3));
        fake_world_start(w);
    }
    w->portal->seed = 0;
    (void)fake_world_settle(w, 2 * HOUR_MS);
}

/* More of them on request: DVCSYNC_TEST_SEEDS=500 make check. */
static uint64_t seeds(uint64_t usual)
{
    const char *wanted = getenv("DVCSYNC_TEST_SEEDS");

    return wanted != NULL ? strtoull(wanted, NULL, 10) : usual;
}

static void dying_at_any_point_loses_and_repeats_nothing(void **state)
{
    uint64_t excused = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= seeds(12); seed++) {
        struct fake_world *w = NULL;

        assert_int_equal(fake_world_setup((void **)&w), 0);
        run_with_crashes(w, seed, 15);
        assert_oracle(w, seed);
        assert_int_equal(fake_world_open_items(w, "dossiers"), 0);
        excused += w->portal->ledger.repeats;
        (void)fake_world_teardown((void **)&w);
    }
    assert_true(excused > 0); /* else the test proves nothing: no answer was ever lost in time */
}

/* The same small day, ended after each of its turns in turn, three ways: the last turns reach the disk or not. */
static void a_crash_at_each_turn_of_a_small_day(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 120; turn++) {
        struct fake_world *w = NULL;

        assert_int_equal(fake_world_setup((void **)&w), 0);
        w->config.retry_first_ms = 1000;
        w->config.sources[0].poll_every_ms = 2000;
        fake_source_put(w->onestop, A, 4, "a");
        fake_source_step(w->onestop, A, "1", 4);
        fake_source_step(w->onestop, A, "2", 4);
        fake_source_put(w->onestop, B, 4, "b");
        fake_peer_answer(w->portal, B, FAKE_UNSURE_AFTER, 1);
        fake_world_start(w);
        for (unsigned i = 0; i < turn; i++) {
            uint64_t next_ms = loop_next_ms(&w->loop.loop);

            if (next_ms > 0 && next_ms < HOUR_MS && fake_loop_idle(&w->loop)) {
                w->loop.now_ms += next_ms;
                w->loop.wall_ms += (int64_t)next_ms;
            }
            fake_loop_turn(&w->loop);
        }
        fake_source_put(w->onestop, A, 9, "c");
        fake_world_crash(w, turn % 3);
        fake_world_start(w);
        assert_true(fake_world_settle(w, HOUR_MS));
        assert_oracle(w, turn);
        (void)fake_world_teardown((void **)&w);
    }
}

static void under_ask_no_step_is_ever_repeated(void **state)
{
    (void)state;
    for (uint64_t seed = 101; seed <= 100 + seeds(6); seed++) {
        struct fake_world *w = NULL;

        assert_int_equal(fake_world_setup((void **)&w), 0);
        w->config.flows[0].steps_in_doubt = STEPS_ASK;
        w->portal->ledger.step_twins = true;
        run_with_crashes(w, seed, 10);
        assert_oracle(w, seed);
        assert_int_equal(w->portal->ledger.twins, 0);
        (void)fake_world_teardown((void **)&w);
    }
}

/* The oracle can lose: with doubt forgotten it must find what was sent twice. */
static void with_doubt_forgotten_the_oracle_finds_duplicates(void **state)
{
    uint64_t duplicated = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct fake_world *w = NULL;

        assert_int_equal(fake_world_setup((void **)&w), 0);
        w->forget_doubt = true;
        w->options.losing_control = true;
        run_with_crashes(w, seed, 10);
        duplicated += fake_world_duplicated(w, w->portal);
        (void)fake_world_teardown((void **)&w);
    }
    assert_true(duplicated > 0);
}

static void what_a_call_costs_is_bounded(void **state)
{
    struct fake_world *w = *state;
    struct generator g = {.seed = 7};
    uint64_t bound = 0;

    w->config.sources[0].poll_every_ms = 3000;
    fake_world_start(w);
    for (int i = 0; i < 400; i++) {
        change_something(w, &g);
        fake_world_run(w, 1000);
    }
    assert_true(fake_world_settle(w, HOUR_MS));
    assert_oracle(w, 7);
    for (size_t i = 0; i < w->portal->ledger.n; i++) {
        const struct fake_entry *e = w->portal->ledger.entries[i];

        for (size_t k = 0; k < e->n_contents; k++) {
            bound += e->contents[k].accepted; /* one call each at most; steps that came together share */
        }
    }
    assert_int_equal(w->portal->looks, 0);
    assert_true(w->portal->sends <= bound);
}

/* ---- idleness ---- */

static void file_digest(const struct fake_world *w, const char *tail, uint8_t out[DIGEST_BYTES])
{
    static char bytes[8u << 20];
    char name[160];
    size_t n = 0;
    FILE *f;

    (void)snprintf(name, sizeof(name), "%s%s", w->path, tail);
    f = fopen(name, "rb");
    if (f != NULL) {
        n = fread(bytes, 1, sizeof(bytes), f);
        (void)fclose(f);
    }
    assert_int_equal(digest_sha256(bytes, n, out), 0);
}

static void an_idle_hour_writes_nothing(void **state)
{
    struct fake_world *w = *state;
    struct journal_numbers before;
    struct journal_numbers after;
    uint8_t file[2][DIGEST_BYTES];
    uint8_t wal[2][DIGEST_BYTES];
    uint64_t wakes;

    for (int i = 0; i < 50; i++) {
        char code[64];

        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
    }
    fake_world_start(w);
    fake_world_run(w, 20 * MINUTE_MS);
    assert_true(fake_world_status(w)->idle);
    journal_numbers(w->journal, &before);
    file_digest(w, "", file[0]);
    file_digest(w, "-wal", wal[0]);
    wakes = w->loop.wakes;
    fake_world_run(w, HOUR_MS);
    journal_numbers(w->journal, &after);
    file_digest(w, "", file[1]);
    file_digest(w, "-wal", wal[1]);
    assert_memory_equal(file[0], file[1], DIGEST_BYTES);
    assert_memory_equal(wal[0], wal[1], DIGEST_BYTES);
    assert_int_equal(before.wal_bytes, after.wal_bytes);
    assert_int_equal(before.file_bytes, after.file_bytes);
    assert_true(w->loop.wakes - wakes < 12000); /* a few a second at most, polls included */
    assert_int_equal(w->portal->sends, 50);
}

/* ---- the journal in trouble ---- */

static void a_stalled_disk_stops_sending_and_loses_nothing(void **state)
{
    struct fake_world *w = *state;
    uint64_t sends;

    fake_source_put(w->onestop, A, 4, "a");
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    w->loop.hold_work = true;
    fake_source_put(w->onestop, A, 9, "b");
    fake_source_put(w->onestop, B, 4, "b");
    sends = w->portal->sends;
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->sends, sends); /* no intent, no call */
    w->loop.hold_work = false;
    fake_world_run(w, 2 * MINUTE_MS);
    assert_oracle(w, 0);
    assert_int_equal(w->portal->sends, sends + 2);
}

/* ---- two daemons ---- */

static void one_journal_has_one_daemon(void **state)
{
    struct fake_world *w = *state;
    struct journal *second = NULL;
    struct journal_options options;
    struct errmsg msg = {""};

    fake_world_start(w);
    options = w->options;
    assert_int_equal(journal_open(&w->loop.loop, NULL, w->metrics, &options, &second, &msg), ERR_BUSY);
    assert_non_null(strstr(msg.text, "in use"));
}

/* ---- observe ---- */

static void observing_makes_no_writing_call(void **state)
{
    struct fake_world *w = *state;
    struct generator g = {.seed = 3};

    w->config.flows[0].mode = FLOW_OBSERVE;
    fake_world_start(w);
    for (int i = 0; i < 100; i++) {
        change_something(w, &g);
        fake_world_run(w, 10000);
    }
    assert_int_equal(w->portal->sends, 0);
    assert_int_equal(w->portal->looks, 0);
    assert_true(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_PENDING) > 10);
    w->config.flows[0].mode = FLOW_LIVE;
    fake_world_stop(w);
    fake_world_start(w);
    assert_true(fake_world_settle(w, HOUR_MS));
    assert_oracle(w, 3);
    assert_int_equal(w->portal->ledger.repeats, 0);
}

static void observing_ages_nothing(void **state)
{
    struct fake_world *w = *state;

    w->config.flows[0].mode = FLOW_OBSERVE;
    w->config.give_up_after_ms = HOUR_MS;
    w->config.give_up_attempts = 1;
    fake_source_put(w->onestop, A, 4, "a");
    fake_world_start(w);
    fake_world_run(w, 5 * HOUR_MS);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_PENDING);
}

/* ---- reload ---- */

static void a_reload_takes_new_values(void **state)
{
    struct fake_world *w = *state;
    struct config *next = malloc(sizeof(*next));
    struct errmsg msg = {""};

    assert_non_null(next);
    w->config.flows[0].mode = FLOW_OBSERVE;
    fake_source_put(w->onestop, A, 4, "a");
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    *next = w->config;
    next->flows[0].mode = FLOW_LIVE;
    next->portal.max_in_flight = 2;
    assert_int_equal(engine_reload(w->engine, next, &msg), 0);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_DONE);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->mode, FLOW_LIVE);
    assert_int_equal(w->portal->configured, 1);
    assert_ptr_equal(w->onestop->config, next);
    fake_world_stop(w);
    free(next);
}

static void a_refused_reload_changes_nothing(void **state)
{
    struct fake_world *w = *state;
    struct config *next = malloc(sizeof(*next));
    struct errmsg msg = {""};

    assert_non_null(next);
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    *next = w->config;
    next->flows[0].mode = FLOW_OFF;
    w->portal->refuses_config = true; /* the second that is asked */
    assert_int_equal(engine_reload(w->engine, next, &msg), ERR_CONFIG);
    assert_string_not_equal(msg.text, "");
    assert_ptr_equal(w->onestop->config, &w->config);
    assert_ptr_equal(w->portal->config, &w->config);
    assert_int_equal(fake_world_flow_status(w, "dossiers")->mode, FLOW_LIVE);
    fake_source_put(w->onestop, A, 4, "a");
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(w->portal->sends, 1);
    free(next);
}

static void a_reload_with_a_new_flow_asks_for_a_restart(void **state)
{
    struct fake_world *w = *state;
    struct config *next = malloc(sizeof(*next));
    struct errmsg msg = {""};

    assert_non_null(next);
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    *next = w->config;
    next->flows[0].name = "others";
    assert_int_equal(engine_reload(w->engine, next, &msg), ERR_CONFIG);
    assert_non_null(strstr(msg.text, "restart"));
    free(next);
}

static void a_flow_taken_away_leaves_its_items_orphaned(void **state)
{
    struct fake_world *w = *state;
    struct config *next = malloc(sizeof(*next));
    struct errmsg msg = {""};

    assert_non_null(next);
    w->portal->down = true;
    fake_source_put(w->onestop, A, 4, "a");
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    *next = w->config;
    next->n_flows = 0;
    assert_int_equal(engine_reload(w->engine, next, &msg), 0);
    w->portal->down = false;
    fake_world_run(w, 2 * HOUR_MS);
    assert_int_equal(w->portal->ledger.effects, 0);
    assert_int_equal(fake_world_status(w)->orphaned, 1);
    assert_int_equal(fake_world_status(w)->verdict, ENGINE_DEGRADED);
    assert_int_equal(engine_reload(w->engine, &w->config, &msg), 0); /* the name returns */
    fake_world_run(w, 2 * HOUR_MS);
    assert_int_equal(w->portal->ledger.effects, 1);
    assert_int_equal(fake_world_status(w)->orphaned, 0);
    free(next);
}

/* ---- building ---- */

static void what_cannot_work_is_refused_at_the_start(void **state)
{
    struct fake_world *w = *state;
    struct errmsg msg = {""};

    w->config.flows[0].to = "nowhere";
    assert_int_equal(fake_world_open(w, &msg), ERR_NOTFOUND);
    assert_non_null(strstr(msg.text, "nowhere"));
    w->config.flows[0].to = "";
    assert_int_equal(fake_world_open(w, &msg), ERR_CONFIG);
    w->config.flows[0].to = "portal";
    w->portal->no_list_verb = true;
    (void)fake_world_flow(w, "catalog", FLOW_CATALOG, "portal", "");
    assert_int_equal(fake_world_open(w, &msg), ERR_CONFIG);
    assert_non_null(strstr(msg.text, "portal"));
}

static void an_operator_may_be_faster_than_the_start(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    fake_world_start(w);
    assert_int_equal(engine_pause(w->engine, "portal", "tester", "wait"), 0);
    fake_world_run(w, MINUTE_MS);
    assert_true(fake_world_status(w)->ready);
    assert_int_equal(w->portal->sends, 0);
    assert_int_equal(engine_resume(w->engine, "portal", "tester"), 0);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(w->portal->sends, 1);
}

static void without_flows_it_runs_and_does_nothing(void **state)
{
    struct fake_world *w = *state;

    w->config.n_flows = 0;
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_true(fake_world_status(w)->ready);
    assert_true(fake_world_status(w)->idle);
    assert_int_equal(fake_world_status(w)->verdict, ENGINE_OK);
}

static void a_stop_right_after_the_start_ends(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->onestop, A, 4, "a");
    for (unsigned turns = 0; turns < 40; turns++) {
        fake_world_start(w);
        for (unsigned i = 0; i < turns; i++) {
            fake_loop_turn(&w->loop);
        }
        fake_world_stop(w);
    }
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_oracle(w, 0);
    assert_int_equal(w->portal->ledger.effects, 1);
}

/* ---- a flow that nobody thought of: the portal's status, to the province ---- */

static void statuses_flow_from_the_portal_to_the_province(void **state)
{
    struct fake_world *w = *state;
    struct fake_peer *citizen = fake_world_peer(w, "citizen");

    (void)fake_world_flow(w, "status", FLOW_STATUS, "portal", "citizen");
    w->config.flows[1].every_ms = 30000;
    citizen->caps = ADAPTER_IDEMPOTENT;
    citizen->upserts = true;
    citizen->latency_ms = 50;
    fake_source_put(w->portal, A, 7, "asks to withdraw");
    fake_source_put(w->portal, B, 1, "new");
    fake_peer_answer(citizen, A, FAKE_UNSURE_AFTER, 1);
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    fake_source_put(w->portal, B, 5, "paid");
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(fake_world_lost(w, w->portal, citizen, "status"), 0);
    assert_int_equal(citizen->ledger.effects, 3);
    assert_int_equal(citizen->ledger.duplicated, 0);
    assert_int_equal(citizen->looks, 0);
    assert_int_equal(citizen->log[0].kind, RECORD_STATUS);
    assert_int_equal(w->portal->sends, 0); /* the other flow has nothing to do with it */
}

/* ---- probes ---- */

static void probed(struct engine_probe *probe)
{
    *(bool *)probe->ctx = true;
}

static void a_probe_says_where_it_broke(void **state)
{
    struct fake_world *w = *state;
    bool done = false;
    struct engine_probe probe = {.endpoint = "portal", .done = probed, .ctx = &done};

    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    engine_probe(w->engine, &probe);
    assert_false(done);
    fake_world_run(w, 1000);
    assert_true(done && probe.ok);
    done = false;
    w->portal->down = true;
    engine_probe(w->engine, &probe);
    fake_world_run(w, 1000);
    assert_true(done && !probe.ok);
    assert_non_null(strstr(probe.text, "connect failed"));
    done = false;
    (void)snprintf(probe.endpoint, sizeof(probe.endpoint), "nowhere");
    engine_probe(w->engine, &probe);
    fake_world_run(w, 1000);
    assert_true(done && !probe.ok);
    assert_int_equal(w->portal->sends, 0);
}

static void a_probe_under_way_does_not_stop_the_stop(void **state)
{
    struct fake_world *w = *state;
    bool done = false;
    struct engine_probe probe = {.endpoint = "portal", .done = probed, .ctx = &done};

    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    engine_probe(w->engine, &probe);
    fake_world_stop(w);
    assert_true(done);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, fake_world_setup, fake_world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dying_at_any_point_loses_and_repeats_nothing),
        cmocka_unit_test(a_crash_at_each_turn_of_a_small_day),
        cmocka_unit_test(under_ask_no_step_is_ever_repeated),
        cmocka_unit_test(with_doubt_forgotten_the_oracle_finds_duplicates),
        WORLD(what_a_call_costs_is_bounded),
        WORLD(an_idle_hour_writes_nothing),
        WORLD(a_stalled_disk_stops_sending_and_loses_nothing),
        WORLD(one_journal_has_one_daemon),
        WORLD(observing_makes_no_writing_call),
        WORLD(observing_ages_nothing),
        WORLD(a_reload_takes_new_values),
        WORLD(a_refused_reload_changes_nothing),
        WORLD(a_reload_with_a_new_flow_asks_for_a_restart),
        WORLD(a_flow_taken_away_leaves_its_items_orphaned),
        WORLD(what_cannot_work_is_refused_at_the_start),
        WORLD(an_operator_may_be_faster_than_the_start),
        WORLD(without_flows_it_runs_and_does_nothing),
        WORLD(a_stop_right_after_the_start_ends),
        WORLD(statuses_flow_from_the_portal_to_the_province),
        WORLD(a_probe_says_where_it_broke),
        WORLD(a_probe_under_way_does_not_stop_the_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
