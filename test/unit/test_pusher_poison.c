/* Records that are always refused, among good ones, in a whole engine on virtual time; and a login
 * that is refused for ever. POISON is the number of poisoned records of the flood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fake_world.h"

#define SECOND_MS UINT64_C(1000)
#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS UINT64_C(3600000)
#define POISON_CODE "000.00.12.H56-251120-77777"
#define GOOD 300
#define LATE 100 /* good ones that come during the flood */
#define BATCH 10

static const char *code_of(const char *series, unsigned i)
{
    static char codes[4][64];
    static unsigned at;

    at = (at + 1) % 4;
    (void)snprintf(codes[at], sizeof(codes[at]), "000.00.12.%s-251120-%05u", series, i);
    return codes[at];
}

static void assert_oracle(struct fake_world *w)
{
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(fake_world_duplicated(w, w->portal), 0);
    assert_int_equal(w->portal->ledger.disorder + w->portal->ledger.damaged, 0);
}

static struct fake_world *new_world(void)
{
    void *state = NULL;

    assert_int_equal(fake_world_setup(&state), 0);
    return state;
}

static void end_world(struct fake_world *w)
{
    void *state = w;

    assert_int_equal(fake_world_teardown(&state), 0);
}

/* All that the source holds is read before the first call. */
static void read_then_go(struct fake_world *w)
{
    w->config.flows[0].mode = FLOW_OBSERVE;
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    fake_world_stop(w);
    w->config.flows[0].mode = FLOW_LIVE;
    fake_world_start(w);
}

/* ---- N17 ---- */

/* Ten in one call, the k-th is bad. At a portal that stores what came before it, and at one that
 * stores nothing; with words that say so for good, and with none that anybody knows. */
static void part_of_a_call(unsigned k, bool atomic, enum fake_answer answer)
{
    struct fake_world *w = new_world();
    enum hold_why hold = HOLD_NONE;

    w->portal->batch = BATCH;
    w->portal->caps |= atomic ? ADAPTER_ATOMIC : 0;
    for (unsigned i = 0; i < BATCH; i++) {
        fake_source_put(w->onestop, code_of("H56", i), 4, "a");
    }
    fake_peer_answer(w->portal, code_of("H56", k), answer, 0);
    read_then_go(w);
    fake_world_run(w, HOUR_MS / 2);
    assert_int_equal(w->portal->most_together, BATCH);
    assert_int_equal(w->portal->ledger.effects, BATCH - 1);
    assert_int_equal(fake_world_state(w, code_of("H56", k), &hold), ITEM_HELD);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_DONE), BATCH - 1);
    assert_true(w->portal->sends <= 40);
    assert_oracle(w);
    fake_peer_obey(w->portal);
    assert_int_equal(fake_world_act(w, JOURNAL_RELEASE, "", ITEM_HELD, NULL), 0);
    assert_true(fake_world_settle(w, HOUR_MS));
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_DONE), BATCH);
    assert_oracle(w);
    end_world(w);
}

static void a_bad_record_at_each_place_of_a_call(void **state)
{
    (void)state;
    for (unsigned k = 0; k < BATCH; k++) {
        part_of_a_call(k, false, FAKE_PERMANENT);
        part_of_a_call(k, true, FAKE_PERMANENT);
        part_of_a_call(k, false, FAKE_BACKOFF);
        part_of_a_call(k, true, FAKE_BACKOFF);
    }
}

/* ---- N18 ---- */

/* From the first call to the last beginning of a good one. */
static uint64_t good_span_ms(const struct fake_world *w)
{
    uint64_t last_ms = 0;

    assert_true(w->portal->n_log > 0);
    for (size_t i = 0; i < w->portal->n_log; i++) {
        const struct fake_logged *l = &w->portal->log[i];

        last_ms = strcmp(l->code, POISON_CODE) != 0 ? l->at_ms : last_ms;
    }
    return last_ms - w->portal->log[0].at_ms;
}

static uint64_t deliver_all(enum fake_answer answer)
{
    struct fake_world *w = new_world();
    uint64_t span_ms;

    w->config.portal.max_in_flight = 4;
    w->config.retry_first_ms = 100; /* so that it comes again while the others are sent */
    w->config.retry_cap_ms = 400;
    for (unsigned i = 0; i < GOOD; i++) {
        fake_source_put(w->onestop, code_of("H56", i), 4, "a");
        fake_source_step(w->onestop, code_of("H56", i), code_of("key", i), 4);
    }
    fake_source_put(w->onestop, POISON_CODE, 4, "a");
    fake_source_step(w->onestop, POISON_CODE, "key", 4);
    fake_peer_answer(w->portal, POISON_CODE, answer, 0);
    read_then_go(w);
    fake_world_run(w, 10 * MINUTE_MS);
    assert_int_equal(fake_world_state(w, POISON_CODE, NULL),
                     answer == FAKE_DONE ? ITEM_DONE : ITEM_HELD);
    /* Only its own steps wait. */
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_PENDING),
                     answer == FAKE_DONE ? 0 : 1);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_DONE),
                     answer == FAKE_DONE ? GOOD + 1 : GOOD);
    span_ms = good_span_ms(w);
    fake_peer_obey(w->portal);
    assert_int_equal(fake_world_act(w, JOURNAL_RELEASE, "", ITEM_HELD, NULL), 0);
    assert_true(fake_world_settle(w, HOUR_MS));
    assert_oracle(w);
    end_world(w);
    return span_ms;
}

static void one_poisoned_record_hardly_slows_the_others(void **state)
{
    uint64_t base_ms = deliver_all(FAKE_DONE);

    (void)state;
    assert_true(base_ms > 0);
    assert_true(deliver_all(FAKE_PERMANENT) * 95 <= base_ms * 100);
    assert_true(deliver_all(FAKE_BACKOFF) * 95 <= base_ms * 100);
}

/* ---- N19 ---- */

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* The 95th of 100 times from a change in the source to its call; the late ones come all along. */
static uint64_t late_p95_ms(unsigned poison, uint64_t *calls)
{
    struct fake_world *w = new_world();
    uint64_t put_ms[LATE];
    uint64_t waited_ms[LATE];
    size_t n = 0;

    for (unsigned i = 0; i < poison; i++) {
        fake_source_put(w->onestop, code_of("P", i), 4, "poison");
    }
    fake_peer_answer_text(w->portal, "poison", FAKE_BACKOFF, 0);
    read_then_go(w);
    for (unsigned i = 0; i < LATE; i++) {
        put_ms[i] = (uint64_t)w->loop.wall_ms;
        fake_source_put(w->onestop, code_of("H56", i), 4, "good");
        fake_world_run(w, 7 * SECOND_MS);
    }
    fake_world_run(w, HOUR_MS);
    for (size_t i = 0; i < w->portal->n_log; i++) {
        const struct fake_logged *l = &w->portal->log[i];

        if (strstr(l->code, "H56") != NULL && l->outcome == OUTCOME_DONE) {
            assert_true(n < LATE);
            waited_ms[n++] = l->at_ms - put_ms[strtoul(strrchr(l->code, '-') + 1, NULL, 10)];
        }
    }
    assert_int_equal(n, LATE); /* none starves */
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_HELD), poison);
    *calls = w->portal->sends;
    assert_oracle(w);
    end_world(w);
    qsort(waited_ms, n, sizeof(waited_ms[0]), compare);
    return waited_ms[n * 95 / 100];
}

static void a_flood_of_poison_starves_nobody(void **state)
{
    const char *asked = getenv("POISON");
    unsigned poison = asked != NULL ? (unsigned)strtoul(asked, NULL, 10) : 400;
    uint64_t calls = 0;
    uint64_t base_ms = late_p95_ms(0, &calls);
    uint64_t flood_ms = late_p95_ms(poison, &calls);

    (void)state;
    print_message("p95 of good ones %llu ms, with %u poisoned %llu ms\n",
                  (unsigned long long)base_ms, poison, (unsigned long long)flood_ms);
    assert_true(flood_ms < 2 * base_ms);
    assert_true(calls <=
                LATE + 5 * (uint64_t)poison); /* five equal answers, and a person is asked */
}

/* ---- N15 ---- */

/* Calls that begin while a login is under way share it (test_portal_session), so that many calls of
 * one moment are one login. */
static unsigned logins(const struct fake_world *w, uint64_t until_ms)
{
    unsigned n = 0;
    uint64_t ends_ms = 0;

    for (size_t i = 0; i < w->portal->n_log; i++) {
        const struct fake_logged *l = &w->portal->log[i];

        if (l->at_ms < until_ms && l->at_ms >= ends_ms) {
            n++;
            ends_ms = l->at_ms + w->portal->latency_ms;
        }
    }
    return n;
}

static void a_login_that_fails_for_ever_is_not_hammered(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct fake_world *w = new_world();
        uint64_t begun_ms;

        w->loop.seed = seed;
        for (unsigned i = 0; i < 50; i++) {
            fake_source_put(w->onestop, code_of("H56", i), 4, "a");
        }
        fake_peer_answer(w->portal, NULL, FAKE_LOGIN, 0);
        fake_world_start(w);
        begun_ms = (uint64_t)w->loop.wall_ms;
        fake_world_run(w, 2 * HOUR_MS);
        assert_in_range(logins(w, begun_ms + HOUR_MS), 3, 12);
        assert_in_range(logins(w, begun_ms + 2 * HOUR_MS), 3, 15);
        assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_PENDING), 50);
        assert_true(fake_world_status(w)->verdict != ENGINE_OK);
        assert_non_null(strstr(fake_world_status(w)->reasons[0], "portal refuses the login"));
        fake_peer_obey(w->portal);
        fake_world_run(w, 2 * HOUR_MS);
        assert_int_equal(fake_world_status(w)->verdict, ENGINE_OK);
        assert_oracle(w);
        end_world(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_record_at_each_place_of_a_call),
        cmocka_unit_test(one_poisoned_record_hardly_slows_the_others),
        cmocka_unit_test(a_flood_of_poison_starves_nobody),
        cmocka_unit_test(a_login_that_fails_for_ever_is_not_hammered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
