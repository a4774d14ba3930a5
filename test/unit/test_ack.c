/* Sources that want to be told, and flow intake, in a whole engine on virtual time: which rows are
 * acknowledged, and when. */
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

static int setup(void **state)
{
    struct fake_world *w;

    if (fake_world_setup(state) != 0) {
        return -1;
    }
    w = *state;
    w->onestop->caps = ADAPTER_ACK;
    w->onestop->queue = true;
    return 0;
}

/* The portal's own dossiers come down to a province that may be written to twice. */
static int setup_intake(void **state)
{
    struct fake_world *w;

    if (fake_world_setup(state) != 0) {
        return -1;
    }
    w = *state;
    w->config.n_flows = 0;
    (void)fake_world_flow(w, "intake", FLOW_INTAKE, "portal", "onestop");
    w->config.portal.intake_every_ms = 30000;
    w->portal->caps = ADAPTER_ACK;
    w->portal->queue = true;
    w->portal->poll_latency_ms = 20;
    w->onestop->caps = ADAPTER_IDEMPOTENT;
    w->onestop->upserts = true;
    w->onestop->latency_ms = 50;
    return 0;
}

static void put_many(struct fake_peer *p, int n)
{
    char code[64];

    for (int i = 0; i < n; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(p, code, 4, "a");
    }
}

/* One turn of the loop; time passes only when nothing else is to do. */
static void turn_once(struct fake_world *w)
{
    uint64_t next_ms = loop_next_ms(&w->loop.loop);

    if (next_ms > 0 && next_ms < HOUR_MS && fake_loop_idle(&w->loop)) {
        w->loop.now_ms += next_ms;
        w->loop.wall_ms += (int64_t)next_ms;
    }
    fake_loop_turn(&w->loop);
}

static void rows_are_acknowledged_after_commit_only(void **state)
{
    struct fake_world *w = *state;

    put_many(w->onestop, 3);
    fake_world_start(w);
    while (w->onestop->details < 3) {
        turn_once(w);
    }
    w->loop.hold_work = true; /* the disk stalls before the rows are stored */
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(w->onestop->acked_calls, 0);
    w->loop.hold_work = false;
    fake_world_run(w, 1000);
    assert_int_equal(w->onestop->acked_rows, 3);
    assert_int_equal(w->onestop->acked_calls, 1);
    assert_int_equal(fake_world_status(w)->sources[0].acks, 3);
}

static void a_queue_is_drained_page_by_page(void **state)
{
    struct fake_world *w = *state;

    w->onestop->page_size = 10;
    put_many(w->onestop, 95);
    fake_world_start(w);
    fake_world_run(w, 20000);
    assert_int_equal(w->onestop->acked_rows, 95);
    assert_int_equal(w->onestop->polls, 10);
    assert_int_equal(w->onestop->details, 95);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
}

static void an_observer_sees_only_the_head(void **state)
{
    struct fake_world *w = *state;

    w->config.flows[0].mode = FLOW_OBSERVE;
    w->onestop->page_size = 10;
    put_many(w->onestop, 95);
    fake_world_start(w);
    fake_world_run(w, 20000);
    assert_int_equal(w->onestop->polls, 1);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->onestop->acked_calls, 0);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_PENDING), 10);
    assert_in_range(w->onestop->polls, 115, 125);
    fake_world_stop(w);
    w->config.flows[0].mode = FLOW_LIVE;
    fake_world_start(w);
    assert_true(fake_world_settle(w, HOUR_MS));
    assert_int_equal(w->onestop->acked_rows, 95);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
}

static void what_is_owed_is_not_acknowledged(void **state)
{
    struct fake_world *w = *state;

    put_many(w->onestop, 5);
    fake_source_fail(w->onestop, A, ERR_FORMAT, 3);
    fake_world_start(w);
    fake_world_run(w, 20000);
    assert_int_equal(w->onestop->acked_rows, 4);
    assert_false(fake_source_find(w->onestop, A)->acked);
    fake_world_run(w, 10 * MINUTE_MS);
    assert_int_equal(w->onestop->acked_rows, 5);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
}

static void a_failed_acknowledgement_comes_again_with_the_next_page(void **state)
{
    struct fake_world *w = *state;

    w->onestop->page_size = 2;
    w->onestop->acks_fail = 2;
    put_many(w->onestop, 4);
    fake_world_start(w);
    fake_world_run(w, 10000);
    assert_int_equal(w->onestop->acked_rows, 0);
    assert_int_equal(w->onestop->polls, 1); /* it does not go round and round meanwhile */
    fake_world_run(w, 3 * MINUTE_MS);
    assert_int_equal(w->onestop->acked_rows, 4);
    /* Whatever a queue shows is read, though its row looks as before: a step may have come. */
    assert_int_equal(w->onestop->details, 8);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(fake_world_status(w)->sources[0].ack_failures, 2);
}

static void a_queue_that_forgets_what_it_was_told_is_not_asked_without_rest(void **state)
{
    struct fake_world *w = *state;

    w->onestop->page_size = 2;
    w->onestop->acks_forgotten = true;
    put_many(w->onestop, 4);
    fake_world_start(w);
    fake_world_run(w, 10 * MINUTE_MS);
    assert_in_range(w->onestop->polls, 2, 60); /* about the interval's, not the wire's speed */
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 2); /* never shown */
}

static void a_crash_between_commit_and_acknowledgement_repeats_nothing(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 40; turn++) {
        struct fake_world *w = NULL;

        assert_int_equal(setup((void **)&w), 0);
        w->config.retry_first_ms = 1000;
        put_many(w->onestop, 3);
        fake_world_start(w);
        for (unsigned i = 0; i < turn; i++) {
            turn_once(w);
        }
        fake_world_crash(w, turn % 3);
        fake_world_start(w);
        assert_true(fake_world_settle(w, HOUR_MS));
        assert_int_equal(w->onestop->acked_rows, 3);
        assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
        assert_int_equal(fake_world_duplicated(w, w->portal), 0);
        (void)fake_world_teardown((void **)&w);
    }
}

/* ---- intake ---- */

static void intake_is_acknowledged_when_the_province_has_it(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->portal, A, 1, "born there");
    fake_source_put(w->portal, B, 1, "and so was this");
    fake_peer_answer(w->onestop, B, FAKE_TRANSIENT, 0);
    fake_world_start(w);
    fake_world_run(w, 5000);
    assert_true(fake_source_find(w->portal, A)->acked); /* promptly, not at the next poll */
    assert_false(fake_source_find(w->portal, B)->acked);
    fake_world_run(w, HOUR_MS);
    assert_false(fake_source_find(w->portal, B)->acked);
    fake_peer_obey(w->onestop);
    fake_world_run(w, HOUR_MS);
    assert_true(fake_source_find(w->portal, B)->acked);
    assert_int_equal(fake_world_lost(w, w->portal, w->onestop, "intake"), 0);
    assert_int_equal(w->portal->details, 2);
}

static void intake_with_steps_waits_for_all_of_them(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->portal, A, 1, "born there");
    fake_source_step(w->portal, A, "paid", 1);
    fake_peer_answer_steps(w->onestop, A, FAKE_TRANSIENT, 2);
    fake_world_start(w);
    fake_world_run(w, 200);
    assert_int_equal(w->onestop->ledger.effects, 1);
    assert_int_equal(w->portal->acked_calls, 0);
    fake_world_run(w, HOUR_MS);
    assert_true(fake_source_find(w->portal, A)->acked);
    assert_int_equal(w->onestop->ledger.effects, 2);
}

static void what_the_province_refuses_stays_at_the_portal(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->portal, A, 1, "refused");
    fake_source_put(w->portal, B, 1, "taken");
    fake_peer_answer(w->onestop, A, FAKE_PERMANENT, 0);
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(fake_world_state(w, A, NULL), ITEM_HELD);
    assert_false(fake_source_find(w->portal, A)->acked);
    assert_true(fake_source_find(w->portal, B)->acked);
    assert_int_equal(w->portal->acked_calls, 1);
}

static void intake_survives_a_restart_before_its_acknowledgement(void **state)
{
    struct fake_world *w = *state;

    fake_source_put(w->portal, A, 1, "born there");
    w->portal->acks_fail = 1;
    fake_world_start(w);
    fake_world_run(w, 2000);
    assert_int_equal(w->onestop->ledger.effects, 1);
    fake_world_crash(w, 0);
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_true(fake_source_find(w->portal, A)->acked);
    assert_int_equal(w->onestop->sends, 1);
}

/* A dossier that came down is there at the portal: what the province says of it later is an update.
 */
static void what_was_born_at_the_portal_goes_back_as_an_update(void **state)
{
    struct fake_world *w = *state;
    struct record born = {.kind = RECORD_DOSSIER};

    (void)fake_world_flow(w, "dossiers", FLOW_DOSSIERS, "onestop", "portal");
    fake_source_put(w->portal, A, 1, "born there");
    {
        char body[512];

        fake_source_record(w->portal, fake_source_find(w->portal, A), 0, RECORD_DOSSIER, body,
                           sizeof(body), &born);
        fake_ledger_accept(&w->portal->ledger, fake_ledger_entry(&w->portal->ledger, A), &born,
                           false, 1, 0);
    }
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    fake_source_put(w->onestop, A, 2, "received");
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->portal->sends, 1);
    assert_true(w->portal->log[0].updating);
    assert_int_equal(fake_ledger_find(&w->portal->ledger, A)->status, 2);
}

/* The portal takes dossiers of another flow, more than it ever has places for. */
static void acknowledgements_find_a_place_beside_a_backlog(void **state)
{
    struct fake_world *w = *state;
    struct fake_peer *other = fake_world_peer(w, "other");

    (void)fake_world_flow(w, "backlog", FLOW_DOSSIERS, "other", "portal");
    w->config.sources[1] = w->config.sources[0];
    w->config.sources[1].name = "other";
    w->config.n_sources = 2;
    w->config.portal.max_in_flight = 2;
    w->portal->latency_ms = 200;
    for (int i = 0; i < 1000; i++) {
        char code[64];

        (void)snprintf(code, sizeof(code), "000.00.12.H56-251121-%04d", i);
        fake_source_put(other, code, 4, "a");
    }
    fake_world_start(w);
    fake_world_run(w, 5000);
    fake_source_put(w->portal, A, 4, "a");
    fake_world_run(w, 32000);
    assert_true(fake_source_find(w->portal, A)->acked);
    assert_true(w->portal->sends < 900);
}

#define ACK(test) cmocka_unit_test_setup_teardown(test, setup, fake_world_teardown)
#define INTAKE(test) cmocka_unit_test_setup_teardown(test, setup_intake, fake_world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ACK(rows_are_acknowledged_after_commit_only),
        ACK(a_queue_is_drained_page_by_page),
        ACK(an_observer_sees_only_the_head),
        ACK(what_is_owed_is_not_acknowledged),
        ACK(a_failed_acknowledgement_comes_again_with_the_next_page),
        ACK(a_queue_that_forgets_what_it_was_told_is_not_asked_without_rest),
        cmocka_unit_test(a_crash_between_commit_and_acknowledgement_repeats_nothing),
        INTAKE(intake_is_acknowledged_when_the_province_has_it),
        INTAKE(intake_with_steps_waits_for_all_of_them),
        INTAKE(what_the_province_refuses_stays_at_the_portal),
        INTAKE(intake_survives_a_restart_before_its_acknowledgement),
        INTAKE(what_was_born_at_the_portal_goes_back_as_an_update),
        INTAKE(acknowledgements_find_a_place_beside_a_backlog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
