/* The whole engine on virtual time: stops, reloads, idleness, and a flow that it was not
 * built for. */
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

static void assert_oracle(struct fake_world *w)
{
    const struct fake_ledger *l = &w->portal->ledger;

    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(l->duplicated + l->disorder + l->damaged, 0);
    assert_true(w->portal->most_per_code <= 1);
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
    assert_oracle(w);
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
    assert_int_equal(journal_open(&w->loop.loop, NULL, w->metrics, &options, &second, &msg),
                     ERR_BUSY);
    assert_non_null(strstr(msg.text, "in use"));
}

/* ---- observe ---- */

static void observing_makes_no_writing_call(void **state)
{
    struct fake_world *w = *state;

    w->config.flows[0].mode = FLOW_OBSERVE;
    fake_world_start(w);
    for (int i = 0; i < 100; i++) {
        char code[64];
        char text[32];

        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i % 40);
        (void)snprintf(text, sizeof(text), "%d", i);
        fake_source_put(w->onestop, code, 4, text);
        fake_source_step(w->onestop, code, text, 4);
        fake_world_run(w, 10000);
    }
    assert_int_equal(w->portal->sends, 0);
    assert_int_equal(w->portal->looks, 0);
    assert_true(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_PENDING) > 10);
    w->config.flows[0].mode = FLOW_LIVE;
    fake_world_stop(w);
    fake_world_start(w);
    assert_true(fake_world_settle(w, HOUR_MS));
    assert_oracle(w);
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
    assert_oracle(w);
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
