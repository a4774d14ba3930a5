/* The whole engine on virtual time, with a seeded source of changes, lost answers and crashes:
 * nothing is lost, nothing is sent twice, and the oracle that says so can lose. */
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

/* A new dossier, another snapshot of one, or a step of one. Statuses stay where each leads to each.
 */
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
        fail_msg(
            "seed %llu: lost %llu, duplicated %llu, out of order %llu, damaged %llu, at once %u",
            (unsigned long long)seed, (unsigned long long)lost, (unsigned long long)duplicated,
            (unsigned long long)l->disorder, (unsigned long long)l->damaged,
            w->portal->most_per_code);
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

/* The same small day, ended after each of its turns in turn, three ways: the last turns reach the
 * disk or not. */
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
            bound +=
                e->contents[k].accepted; /* one call each at most; steps that came together share */
        }
    }
    assert_int_equal(w->portal->looks, 0);
    assert_true(w->portal->sends <= bound);
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
