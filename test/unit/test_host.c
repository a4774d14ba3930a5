/* Systems that push at us, in a whole engine on virtual time: what is taken in, who waits how long,
 * and what they are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fake_client.h"
#include "lib/fake_world.h"

#define A "000.00.12.H56-251120-0001"
#define B "000.00.12.H56-251120-0002"
#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS UINT64_C(3600000)

struct host_test {
    struct fake_world w;
    struct fake_peer *gateway;
    struct fake_client clients[8];
    size_t n;
};

/* The portal's only source is one whose clients wait for its answers. */
static int setup(void **state)
{
    static struct host_test t;

    memset(&t, 0, sizeof(t));
    fake_world_init(&t.w);
    t.gateway = fake_world_peer(&t.w, "gateway");
    t.gateway->listens = true;
    t.gateway->no_poll_verb = true;
    t.gateway->caps = ADAPTER_ANSWERS;
    t.w.config.sources[1] = (struct config_source){.name = "gateway", .max_in_flight = 4};
    t.w.config.n_sources = 2;
    t.w.config.flows[0].from = "gateway";
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct host_test *t = *state;

    fake_world_free(&t->w);
    return 0;
}

static struct fake_client *client(struct host_test *t)
{
    struct fake_client *c = &t->clients[t->n++];

    assert_true(t->n <= 8);
    fake_client_init(c, t->gateway);
    return c;
}

static struct fake_client *push(struct host_test *t, const char *code, int status, const char *text,
                                uint64_t wait_ms)
{
    struct fake_client *c = client(t);

    fake_source_put(t->gateway, code, status, text);
    fake_client_add(c, code, true);
    fake_client_offer(c, wait_ms);
    return c;
}

static void assert_oracle(struct host_test *t)
{
    const struct fake_ledger *l = &t->w.portal->ledger;

    assert_int_equal(fake_world_lost(&t->w, t->gateway, t->w.portal, "dossiers"), 0);
    assert_int_equal(l->duplicated + l->disorder + l->damaged, 0);
    assert_true(t->w.portal->most_per_code <= 1);
}

static void assert_answer(const struct fake_client *c, enum item_state state, const char *words)
{
    assert_int_equal(c->done, 1);
    assert_int_equal(c->settled, 1);
    assert_int_equal(c->offer.err, 0);
    assert_int_equal(c->fates[0].state, state);
    assert_string_equal(c->fates[0].words, words);
}

/* ---- waiting ---- */

static void an_offer_is_answered_with_the_portals_own_words(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c;

    fake_world_start(&t->w);
    fake_world_run(&t->w, 1000);
    c = push(t, A, 4, "a", 5000);
    assert_int_equal(c->done, 0); /* never from inside the call */
    fake_world_run(&t->w, 10);
    assert_int_equal(c->done, 1);
    assert_int_equal(c->settled, 0);
    fake_world_run(&t->w, 190);
    assert_answer(c, ITEM_DONE, "success");
    assert_string_equal(c->fates[0].code, "0");
    assert_oracle(t);
}

static void a_push_is_stored_and_its_call_begun_after_one_commit(void **state)
{
    struct host_test *t = *state;
    struct journal_numbers before;
    struct journal_numbers after;

    fake_world_start(&t->w);
    fake_world_run(&t->w, 1000);
    journal_numbers(t->w.journal, &before);
    (void)push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 10);
    journal_numbers(t->w.journal, &after);
    assert_int_equal(t->w.portal->sends, 1);
    assert_int_equal(after.batches - before.batches, 1);
}

static void a_refusal_is_told_as_it_was_said(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c;

    fake_world_start(&t->w);
    fake_peer_answer(t->w.portal, A, FAKE_PERMANENT, 1);
    c = push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 1000);
    assert_answer(c, ITEM_HELD, "a field is not valid");
    assert_int_equal(c->fates[0].hold, HOLD_REFUSED);
    assert_string_equal(c->fates[0].code, "-1");
}

static void what_cannot_be_sent_is_answered_at_once(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c;

    t->w.portal->unmapped[7] = true;
    fake_world_start(&t->w);
    c = push(t, A, 7, "a", 5000);
    fake_world_run(&t->w, 10);
    assert_answer(c, ITEM_HELD, "");
    assert_int_equal(c->fates[0].hold, HOLD_UNMAPPED_STATUS);
    assert_non_null(strstr(c->fates[0].reason, "status.csv"));
}

static void a_late_answer_says_that_it_waits(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c;
    int64_t begun_ms;

    t->w.portal->down = true;
    fake_world_start(&t->w);
    fake_world_run(&t->w, 1000);
    begun_ms = loop_wall_ms(&t->w.loop.loop);
    c = push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 4900);
    assert_int_equal(c->done, 1);
    assert_int_equal(c->settled, 0);
    fake_world_run(&t->w, 200);
    assert_int_equal(c->settled, 1);
    assert_in_range(c->settled_ms - begun_ms, 5000, 5020);
    assert_int_equal(c->fates[0].state, ITEM_PENDING);
    t->w.portal->down = false;
    assert_true(fake_world_settle(&t->w, HOUR_MS));
    assert_int_equal(c->settled, 1);
    assert_oracle(t);
}

static void a_client_that_left_is_settled_on_the_next_turn(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c;

    t->w.portal->down = true;
    fake_world_start(&t->w);
    c = push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 100);
    t->gateway->host->ops->hurry(t->gateway->host, &c->offer);
    assert_int_equal(c->settled, 0);
    fake_world_run(&t->w, 1);
    assert_int_equal(c->settled, 1);
    assert_int_equal(fake_world_open_items(&t->w, "dossiers"), 1);
}

static void a_waiter_follows_what_took_its_records_place(void **state)
{
    struct host_test *t = *state;
    struct fake_client *first;
    struct fake_client *second;

    fake_world_start(&t->w);
    fake_world_run(&t->w, 100);
    assert_int_equal(engine_pause(t->w.engine, "portal", "tester", ""), 0);
    first = push(t, A, 4, "a", 8000);
    fake_world_run(&t->w, 1000);
    second = push(t, A, 4, "b", 8000);
    fake_world_run(&t->w, 2000);
    assert_int_equal(first->settled + second->settled, 0);
    assert_int_equal(engine_resume(t->w.engine, "portal", "tester"), 0);
    fake_world_run(&t->w, 500);
    assert_answer(first, ITEM_DONE, "success");
    assert_answer(second, ITEM_DONE, "success");
    assert_int_equal(t->w.portal->sends, 1);
    assert_oracle(t);
}

static void a_successor_that_is_held_settles_the_older_one(void **state)
{
    struct host_test *t = *state;
    struct fake_client *first;

    t->w.portal->unmapped[7] = true;
    t->w.portal->down = true;
    fake_world_start(&t->w);
    first = push(t, A, 4, "a", 8000);
    fake_world_run(&t->w, 100);
    (void)push(t, A, 7, "b", 8000);
    fake_world_run(&t->w, 100);
    assert_int_equal(first->settled, 1);
    assert_int_equal(first->fates[0].state, ITEM_HELD);
    assert_int_equal(first->fates[0].hold, HOLD_UNMAPPED_STATUS);
}

/* The older one is on its way: what is wrong with the newer one is not its answer. */
static void a_held_successor_says_nothing_of_what_is_on_its_way(void **state)
{
    struct host_test *t = *state;
    struct fake_client *first;
    struct fake_client *second;

    t->w.portal->unmapped[7] = true;
    t->w.portal->latency_ms = 2000;
    fake_world_start(&t->w);
    first = push(t, A, 4, "a", 9000);
    fake_world_run(&t->w, 500);
    second = push(t, A, 7, "b", 9000);
    fake_world_run(&t->w, 500);
    assert_answer(second, ITEM_HELD, "");
    assert_int_equal(first->settled, 0);
    fake_world_run(&t->w, 2000);
    assert_answer(first, ITEM_DONE, "success");
}

/* It ends without success and gives way to one that is held already: no further call will tell. */
static void who_gave_way_to_a_held_one_is_told_at_once(void **state)
{
    struct host_test *t = *state;
    struct fake_client *first;

    t->w.portal->unmapped[7] = true;
    t->w.portal->latency_ms = 2000;
    fake_peer_answer(t->w.portal, A, FAKE_UNSURE_BEFORE, 1);
    fake_world_start(&t->w);
    first = push(t, A, 4, "a", 60000);
    fake_world_run(&t->w, 500);
    (void)push(t, A, 7, "b", 60000);
    fake_world_run(&t->w, 3000);
    assert_int_equal(first->settled, 1);
    assert_int_equal(first->fates[0].state, ITEM_HELD);
    assert_int_equal(first->fates[0].hold, HOLD_UNMAPPED_STATUS);
}

static void an_unchanged_push_waits_on_the_item_that_holds_it(void **state)
{
    struct host_test *t = *state;
    struct fake_client *first;
    struct fake_client *again;

    t->w.portal->latency_ms = 2000;
    fake_world_start(&t->w);
    first = push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 500);
    again = push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 500);
    assert_int_equal(again->done, 1);
    assert_int_equal(again->fates[0].item, first->fates[0].item);
    assert_int_equal(again->fates[0].state, ITEM_INFLIGHT);
    fake_world_run(&t->w, 1500);
    assert_answer(first, ITEM_DONE, "success");
    assert_answer(again, ITEM_DONE, "success");
    assert_int_equal(t->w.portal->sends, 1);
}

static void equal_content_that_was_delivered_is_answered_at_once(void **state)
{
    struct host_test *t = *state;
    struct fake_client *again;

    fake_world_start(&t->w);
    (void)push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 1000);
    again = push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 1);
    assert_answer(again, ITEM_DONE, "success");
    assert_int_equal(t->w.portal->sends, 1);
}

/* A is delivered, B waits, A comes again: B will never be sent. */
static void a_return_to_what_the_portal_has_settles_who_waits_for_the_other(void **state)
{
    struct host_test *t = *state;
    struct fake_client *other;
    struct fake_client *back;

    fake_world_start(&t->w);
    (void)push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 1000);
    t->w.portal->down = true;
    assert_int_equal(engine_pause(t->w.engine, "portal", "tester", ""), 0);
    other = push(t, A, 4, "b", 9000);
    fake_world_run(&t->w, 100);
    back = push(t, A, 4, "a", 9000);
    fake_world_run(&t->w, 100);
    assert_answer(back, ITEM_DONE, "success");
    assert_answer(other, ITEM_DONE, "success");
    assert_int_equal(t->w.portal->sends, 1);
}

static void a_person_who_holds_it_ends_the_wait(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c;
    uint32_t moved = 0;

    t->w.portal->down = true;
    fake_world_start(&t->w);
    c = push(t, A, 4, "a", 60000);
    fake_world_run(&t->w, 1000);
    assert_int_equal(fake_world_act(&t->w, JOURNAL_HOLD, A, ITEM_PENDING, &moved), 0);
    assert_int_equal(moved, 1);
    fake_world_run(&t->w, 1500);
    assert_int_equal(c->settled, 1);
    assert_int_equal(c->fates[0].state, ITEM_HELD);
    assert_int_equal(c->fates[0].hold, HOLD_PERSON);
}

static void what_a_person_gave_up_is_not_said_to_wait(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c;
    struct fake_client *again;
    uint32_t moved = 0;

    t->w.portal->down = true;
    fake_world_start(&t->w);
    c = push(t, A, 4, "a", 60000);
    fake_world_run(&t->w, 1000);
    assert_int_equal(fake_world_act(&t->w, JOURNAL_DROP, A, ITEM_PENDING, &moved), 0);
    assert_int_equal(moved, 1);
    fake_world_run(&t->w, 1500);
    assert_answer(c, ITEM_HELD, "");
    again = push(t, A, 4, "a", 60000);
    fake_world_run(&t->w, 100);
    assert_answer(again, ITEM_HELD, "");
    assert_non_null(strstr(again->fates[0].reason, "given up"));
}

/* A client repeats its POST: the portal said "exists" of the step, and that is an end. */
static void a_step_that_the_portal_had_already_is_delivered_for_who_comes_again(void **state)
{
    struct host_test *t = *state;
    struct fake_client *again;

    fake_world_start(&t->w);
    (void)push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 1000);
    fake_peer_answer_steps(t->w.portal, A, FAKE_EXISTS, 1);
    fake_source_step(t->gateway, A, "key", 4);
    (void)push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 1000);
    again = push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 100);
    assert_int_equal(again->settled, 1);
    assert_int_equal(again->fates[1].state, ITEM_DONE);
}

static void steps_are_waited_for_one_by_one(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c = client(t);

    fake_world_start(&t->w);
    fake_source_put(t->gateway, A, 4, "a");
    for (int i = 0; i < 12; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "key-%02d", i);
        fake_source_step(t->gateway, A, key, 4);
    }
    fake_client_add(c, A, true);
    fake_client_offer(c, 5000);
    fake_world_run(&t->w, 150);
    assert_int_equal(c->fates[0].state, ITEM_DONE);
    assert_int_equal(c->settled, 0);
    fake_world_run(&t->w, 1000);
    assert_int_equal(c->settled, 1);
    for (size_t i = 0; i < 13; i++) {
        assert_int_equal(c->fates[i].state, ITEM_DONE);
    }
    assert_int_equal(t->w.portal->sends, 3);
    assert_oracle(t);
}

static void several_dossiers_in_one_offer_are_told_apart(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c = client(t);

    fake_world_start(&t->w);
    fake_peer_answer(t->w.portal, B, FAKE_PERMANENT, 1);
    fake_source_put(t->gateway, A, 4, "a");
    fake_source_put(t->gateway, B, 4, "b");
    fake_client_add(c, A, true);
    fake_client_add(c, B, true);
    fake_client_offer(c, 5000);
    fake_world_run(&t->w, 1000);
    assert_int_equal(c->settled, 1);
    assert_int_equal(c->fates[0].state, ITEM_DONE);
    assert_int_equal(c->fates[1].state, ITEM_HELD);
}

static void without_waiting_settled_does_not_come(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c;

    fake_world_start(&t->w);
    c = push(t, A, 4, "a", 0);
    fake_world_run(&t->w, MINUTE_MS);
    assert_int_equal(c->done, 1);
    assert_int_equal(c->settled, 0);
    assert_int_not_equal(c->fates[0].item, 0);
    assert_oracle(t);
}

/* ---- refusals ---- */

static void a_flow_that_is_off_takes_nothing(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c;

    t->w.config.flows[0].mode = FLOW_OFF;
    fake_world_start(&t->w);
    c = push(t, A, 4, "a", 5000);
    assert_int_equal(c->done, 0);
    fake_world_run(&t->w, 10);
    assert_int_equal(c->done, 1);
    assert_int_equal(c->settled, 0);
    assert_int_equal(c->offer.err, ERR_BUSY);
    assert_int_equal(fake_world_status(&t->w)->sources[0].refused, 1);
    assert_int_equal(fake_world_open_items(&t->w, "dossiers"), 0);
}

static void a_paused_source_is_heard_no_more(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c;

    fake_world_start(&t->w);
    fake_world_run(&t->w, 100);
    assert_int_equal(engine_pause(t->w.engine, "gateway", "tester", ""), 0);
    c = push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 10);
    assert_int_equal(c->offer.err, ERR_BUSY);
    assert_int_equal(engine_resume(t->w.engine, "gateway", "tester"), 0);
    c = push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 1000);
    assert_answer(c, ITEM_DONE, "success");
}

static void one_system_pushes_into_one_flow(void **state)
{
    struct host_test *t = *state;
    struct errmsg msg = {""};

    (void)fake_world_flow(&t->w, "again", FLOW_DOSSIERS, "gateway", "portal");
    assert_int_equal(fake_world_open(&t->w, &msg), ERR_CONFIG);
    assert_non_null(strstr(msg.text, "goes into another flow already"));
    fake_world_run(&t->w, 100);
    assert_int_equal(t->gateway->unlistened, 1);
}

static void while_observing_only_who_does_not_wait_is_stored(void **state)
{
    struct host_test *t = *state;
    struct fake_client *waits;
    struct fake_client *does_not;

    t->gateway->caps = 0; /* the publish queue of a system that is polled too, say */
    t->w.config.flows[0].mode = FLOW_OBSERVE;
    fake_world_start(&t->w);
    waits = push(t, A, 4, "a", 5000);
    does_not = push(t, B, 4, "b", 0);
    fake_world_run(&t->w, MINUTE_MS);
    assert_int_equal(waits->offer.err, ERR_BUSY);
    assert_int_equal(does_not->offer.err, 0);
    assert_int_equal(does_not->fates[0].state, ITEM_PENDING);
    assert_int_equal(t->w.portal->sends, 0);
    assert_int_equal(fake_world_open_items(&t->w, "dossiers"), 1);
}

static void while_the_journal_is_behind_nothing_is_taken(void **state)
{
    struct host_test *t = *state;
    struct fake_client *first;
    struct fake_client *second;

    t->w.options.window_bytes = 1;
    fake_world_start(&t->w);
    fake_world_run(&t->w, 100);
    t->w.loop.hold_work = true;
    first = push(t, A, 4, "a", 5000);
    fake_world_run(&t->w, 100);
    second = push(t, B, 4, "b", 5000);
    fake_world_run(&t->w, 100);
    assert_int_equal(first->done, 0); /* not committed, not answered */
    assert_int_equal(second->done, 1);
    assert_int_equal(second->offer.err, ERR_BUSY);
    t->w.loop.hold_work = false;
    fake_world_run(&t->w, 1000);
    assert_answer(first, ITEM_DONE, "success");
}

static void a_gateway_cannot_observe(void **state)
{
    struct host_test *t = *state;
    struct errmsg msg = {""};
    struct config next;

    t->w.config.flows[0].mode = FLOW_OBSERVE;
    assert_int_equal(fake_world_open(&t->w, &msg), ERR_CONFIG);
    assert_non_null(strstr(msg.text, "flow dossiers: source gateway answers its clients, so it can "
                                     "not observe"));
    t->w.config.flows[0].mode = FLOW_LIVE;
    fake_world_start(&t->w);
    next = t->w.config;
    next.flows[0].mode = FLOW_OBSERVE;
    assert_int_equal(engine_reload(t->w.engine, &next, &msg), ERR_CONFIG);
}

static void a_listener_that_cannot_open_fails_the_start(void **state)
{
    struct host_test *t = *state;
    struct errmsg msg = {""};

    t->gateway->listen_fails = true;
    assert_int_equal(fake_world_open(&t->w, &msg), ERR_BUSY);
    assert_non_null(strstr(msg.text, "endpoint gateway: the address is in use"));
    fake_world_run(&t->w, 100); /* what was built ends by itself */
    t->gateway->listen_fails = false;
    fake_world_start(&t->w);
    assert_int_equal(t->gateway->listened, 1);
}

static void a_stop_answers_who_waits_and_loses_nothing(void **state)
{
    struct host_test *t = *state;
    struct fake_client *waits;
    struct fake_client *fresh;

    t->w.portal->down = true;
    fake_world_start(&t->w);
    waits = push(t, A, 4, "a", 60000);
    fake_world_run(&t->w, 100);
    fresh = push(t, B, 4, "b", 60000);
    fake_world_stop(&t->w);
    assert_int_equal(waits->settled, 1);
    assert_int_equal(fresh->done + fresh->settled, 2);
    assert_int_equal(t->gateway->unlistened, 1);
    t->w.portal->down = false;
    fake_world_start(&t->w);
    assert_true(fake_world_settle(&t->w, HOUR_MS));
    assert_oracle(t);
    assert_int_equal(t->w.portal->ledger.effects, 2);
}

/* ---- questions ---- */

static void what_the_journal_knows_is_not_asked_of_the_portal(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c = client(t);

    fake_world_start(&t->w);
    (void)push(t, A, 4, "a", 0);
    fake_world_run(&t->w, 20);
    fake_client_ask(c, A);
    assert_int_equal(c->answered, 0);
    fake_world_run(&t->w, 20);
    assert_int_equal(c->answered, 1);
    assert_true(c->ask.known);
    assert_true(c->ask.open);
    assert_false(c->ask.acknowledged);
    assert_non_null(strstr(c->body, "status=4 a"));
    fake_world_run(&t->w, 1000);
    fake_client_ask(c, A);
    fake_world_run(&t->w, 10);
    assert_true(c->ask.acknowledged);
    assert_int_equal(c->ask.acked_status, 4);
    assert_false(c->ask.open);
    assert_int_equal(t->w.portal->looks, 0);
}

/* Given up, and its content gone: as good as unknown, but for who takes money once. */
static void what_left_nothing_is_known_to_who_must_not_take_it_twice(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c = client(t);
    uint32_t moved = 0;

    t->w.config.keep_payload_ms = 1000;
    t->w.portal->down = true;
    fake_world_start(&t->w);
    (void)push(t, A, 0, "a", 0);
    fake_world_run(&t->w, 1000);
    assert_int_equal(fake_world_act(&t->w, JOURNAL_DROP, A, ITEM_PENDING, &moved), 0);
    assert_int_equal(moved, 1);
    fake_world_run(&t->w, HOUR_MS);
    fake_client_ask(c, A);
    fake_world_run(&t->w, 10000);
    assert_int_equal(c->answered, 1);
    assert_false(c->ask.known);
    c->ask.want_marks = true;
    fake_client_ask(c, A);
    fake_world_run(&t->w, 100);
    assert_int_equal(c->answered, 2);
    assert_true(c->ask.known);
    assert_string_equal(c->body, "");
    assert_int_equal(c->ask.n_marks, 0);
}

/* A gateway placed before a running system: the journal has a step and no snapshot. */
static void of_a_dossier_with_steps_alone_the_portal_is_asked(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c = client(t);

    fake_world_start(&t->w);
    fake_source_put(t->gateway, A, 4, "a");
    fake_source_step(t->gateway, A, "key", 4);
    fake_client_add(c, A, true);
    c->records[0] = c->records[1];
    c->offer.n_records = 1;
    c->n = 1;
    fake_client_offer(c, 5000);
    fake_world_run(&t->w, 1000);
    assert_int_equal(c->settled, 1);
    fake_client_ask(c, A);
    fake_world_run(&t->w, 1000);
    assert_int_equal(c->answered, 1);
    assert_false(c->ask.known);
    assert_int_equal(t->w.portal->looks, 1);
}

static void what_it_does_not_know_is_looked_up(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c = client(t);

    fake_world_start(&t->w);
    fake_client_ask(c, B);
    fake_world_run(&t->w, 1000);
    assert_int_equal(c->answered, 1);
    assert_false(c->ask.known);
    assert_int_equal(c->ask.there, LOOKUP_ABSENT);
    assert_int_equal(engine_pause(t->w.engine, "portal", "tester", ""), 0);
    fake_client_ask(c, B);
    fake_world_run(&t->w, 50);
    assert_int_equal(c->answered, 2);
    assert_int_equal(c->ask.there, LOOKUP_UNKNOWN);
    assert_int_equal(t->w.portal->looks, 1);
}

/* Intake: the province's own flow tells where its dossiers stand (5 waits for a supplement). */
static void where_a_dossier_stands_the_province_tells_itself(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c;

    t->w.config.flows[0].from = "onestop";
    (void)fake_world_flow(&t->w, "intake", FLOW_INTAKE, "gateway", "onestop");
    t->w.onestop->caps = ADAPTER_IDEMPOTENT;
    t->w.onestop->no_lookup_verb = true;
    fake_world_start(&t->w);
    c = push(t, A, 1, "a", 5000);
    fake_world_run(&t->w, 1000);
    assert_int_equal(c->fates[0].state, ITEM_DONE);
    fake_source_put(t->w.onestop, A, 5, "a");
    fake_source_put(t->w.onestop, B, 4, "b");
    fake_world_run(&t->w, HOUR_MS);
    fake_client_ask(c, A);
    fake_world_run(&t->w, 50);
    assert_true(c->ask.known && c->ask.acknowledged);
    assert_int_equal(c->ask.status, 5);
    fake_client_ask(c, B);
    fake_world_run(&t->w, 50);
    assert_false(c->ask.known);
    assert_int_equal(c->ask.there, LOOKUP_THERE);
    assert_int_equal(c->ask.there_status, 4);
    fake_client_ask(c, "000.00.12.H56-251120-0009");
    fake_world_run(&t->w, 50);
    assert_int_equal(c->answered, 3);
    assert_int_equal(c->ask.there, LOOKUP_UNKNOWN);
}

static void look_ups_keep_their_pace_and_give_up_in_time(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c[6];

    t->w.config.portal.seen_rate = 60; /* one a second */
    fake_world_start(&t->w);
    for (int i = 0; i < 6; i++) {
        c[i] = client(t);
        fake_client_ask(c[i], B);
    }
    fake_world_run(&t->w, 4000);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(c[i]->answered, 1);
    }
    assert_in_range(t->w.portal->looks, 3, 4);
    assert_int_equal(c[5]->ask.there, LOOKUP_UNKNOWN);
}

static void services_are_relayed_while_the_portal_answers(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c = client(t);

    fake_world_start(&t->w);
    fake_client_relay(c, "LayThuTuc");
    fake_world_run(&t->w, 1000);
    assert_int_equal(c->answered, 1);
    assert_int_equal(c->relay.err, 0);
    assert_string_equal(c->reply, "{\"service\":\"LayThuTuc\"}");
    assert_int_equal(engine_pause(t->w.engine, "portal", "tester", ""), 0);
    fake_client_relay(c, "LayThuTuc");
    fake_world_run(&t->w, 1);
    assert_int_equal(c->answered, 2);
    assert_int_equal(c->relay.err, ERR_REMOTE);
    assert_int_equal(t->w.portal->relays, 1);
}

/* Another flow has more for the portal than it ever takes at once. */
static void a_relay_finds_a_place_beside_a_backlog(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c = client(t);

    t->w.config.portal.max_in_flight = 2;
    t->w.portal->latency_ms = 50;
    (void)fake_world_flow(&t->w, "backlog", FLOW_DOSSIERS, "onestop", "portal");
    for (int i = 0; i < 500; i++) {
        char code[64];

        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(t->w.onestop, code, 4, "first");
    }
    fake_world_start(&t->w);
    while (t->w.portal->sends < 50) {
        fake_world_run(&t->w, 10);
    }
    for (int i = 1; i <= 3; i++) {
        fake_client_relay(c, "LayThuTuc");
        fake_world_run(&t->w, 150); /* for a place, and for the answer */
        assert_int_equal(c->answered, i);
        assert_int_equal(c->relay.err, 0);
    }
    assert_true(fake_world_settle(&t->w, MINUTE_MS));
    assert_int_equal(t->w.portal->ledger.effects, 500);
}

static void the_mirror_is_read_whole_or_by_code(void **state)
{
    struct host_test *t = *state;
    struct fake_client *all = client(t);
    struct fake_client *one = client(t);

    (void)fake_world_flow(&t->w, "catalog", FLOW_CATALOG, "portal", "");
    fake_catalog_put(t->w.portal, RECORD_AGENCY, "H56", "the province", "");
    fake_catalog_put(t->w.portal, RECORD_AGENCY, "H56.1", "an agency", "");
    fake_world_start(&t->w);
    fake_world_run(&t->w, MINUTE_MS);
    fake_client_rows(all, RECORD_AGENCY, NULL);
    fake_client_rows(one, RECORD_AGENCY, "H56.1");
    fake_world_run(&t->w, 100);
    assert_string_equal(all->names, "H56 the province;H56.1 an agency;");
    assert_string_equal(one->names, "H56.1 an agency;");
    assert_int_equal(one->rows.n_rows, 1);
}

/* ---- a source that is polled too ---- */

static void a_notice_is_read_at_once_and_not_twice(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c = client(t);
    uint64_t polls;

    t->w.config.flows[0].from = "onestop";
    t->w.config.sources[0].poll_every_ms = HOUR_MS;
    t->w.onestop->listens = true;
    c->peer = t->w.onestop;
    fake_world_start(&t->w);
    fake_world_run(&t->w, MINUTE_MS);
    polls = t->w.onestop->polls;
    fake_source_put(t->w.onestop, A, 4, "a");
    fake_client_owe(c, A);
    fake_client_offer(c, 0);
    fake_world_run(&t->w, 1000);
    assert_int_equal(c->offer.err, 0);
    assert_int_equal(fake_world_state(&t->w, A, NULL), ITEM_DONE);
    assert_int_equal(t->w.onestop->polls, polls); /* the poll keeps its own time */
    fake_world_run(&t->w, 2 * HOUR_MS);
    assert_true(t->w.onestop->polls > polls);
    assert_int_equal(t->w.portal->sends, 1);
    assert_int_equal(fake_world_flow_status(&t->w, "dossiers")->owed, 0);
}

static void a_notice_needs_somebody_who_reads(void **state)
{
    struct host_test *t = *state;
    struct fake_client *c = client(t);

    fake_world_start(&t->w);
    fake_client_owe(c, A);
    fake_client_offer(c, 0);
    fake_world_run(&t->w, 10);
    assert_int_equal(c->offer.err, ERR_INVAL);
}

static void probed(struct engine_probe *probe)
{
    *(bool *)probe->ctx = true;
}

static void a_source_that_only_pushes_cannot_be_probed(void **state)
{
    struct host_test *t = *state;
    bool done = false;
    struct engine_probe probe = {.endpoint = "gateway", .done = probed, .ctx = &done};

    t->gateway->no_lookup_verb = true;
    fake_world_start(&t->w);
    engine_probe(t->w.engine, &probe);
    fake_world_run(&t->w, 10);
    assert_true(done && probe.ok);
    assert_non_null(strstr(probe.text, "only pushes"));
}

static void status_counts_what_was_pushed(void **state)
{
    struct host_test *t = *state;
    const struct engine_status *s;

    t->w.portal->down = true;
    fake_world_start(&t->w);
    (void)push(t, A, 4, "a", 5000);
    (void)push(t, B, 4, "a", 5000);
    fake_world_run(&t->w, 100);
    s = fake_world_status(&t->w);
    assert_int_equal(s->n_sources, 1);
    assert_string_equal(s->sources[0].name, "gateway");
    assert_string_equal(s->sources[0].flow, "dossiers");
    assert_true(s->sources[0].listens && !s->sources[0].polls);
    assert_int_equal(s->sources[0].taken, 2);
    assert_int_equal(s->sources[0].waiting, 2);
    assert_string_equal(s->endpoints[0].notes[0].name, "relays");
}

/* ---- crashes ---- */

static void a_crash_at_each_turn_loses_nothing_that_was_answered(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 40; turn++) {
        struct host_test *t = NULL;
        struct fake_client *c;
        bool promised;

        assert_int_equal(setup((void **)&t), 0);
        t->w.config.retry_first_ms = 1000;
        fake_world_start(&t->w);
        fake_world_run(&t->w, 10);
        c = push(t, A, 4, "a", 5000);
        for (unsigned i = 0; i < turn; i++) {
            uint64_t next_ms = loop_next_ms(&t->w.loop.loop);

            if (next_ms > 0 && next_ms < HOUR_MS && fake_loop_idle(&t->w.loop)) {
                t->w.loop.now_ms += next_ms;
                t->w.loop.wall_ms += (int64_t)next_ms;
            }
            fake_loop_turn(&t->w.loop);
        }
        promised = c->done == 1 && c->offer.err == 0;
        fake_world_crash(&t->w, turn % 3);
        fake_world_start(&t->w);
        assert_true(fake_world_settle(&t->w, HOUR_MS));
        if (promised) {
            assert_int_equal(fake_world_lost(&t->w, t->gateway, t->w.portal, "dossiers"), 0);
        }
        assert_int_equal(fake_world_duplicated(&t->w, t->w.portal), 0);
        (void)teardown((void **)&t);
    }
}

#define HOST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOST(an_offer_is_answered_with_the_portals_own_words),
        HOST(a_push_is_stored_and_its_call_begun_after_one_commit),
        HOST(a_refusal_is_told_as_it_was_said),
        HOST(what_cannot_be_sent_is_answered_at_once),
        HOST(a_late_answer_says_that_it_waits),
        HOST(a_client_that_left_is_settled_on_the_next_turn),
        HOST(a_waiter_follows_what_took_its_records_place),
        HOST(a_successor_that_is_held_settles_the_older_one),
        HOST(a_held_successor_says_nothing_of_what_is_on_its_way),
        HOST(who_gave_way_to_a_held_one_is_told_at_once),
        HOST(an_unchanged_push_waits_on_the_item_that_holds_it),
        HOST(equal_content_that_was_delivered_is_answered_at_once),
        HOST(a_return_to_what_the_portal_has_settles_who_waits_for_the_other),
        HOST(a_person_who_holds_it_ends_the_wait),
        HOST(what_a_person_gave_up_is_not_said_to_wait),
        HOST(a_step_that_the_portal_had_already_is_delivered_for_who_comes_again),
        HOST(steps_are_waited_for_one_by_one),
        HOST(several_dossiers_in_one_offer_are_told_apart),
        HOST(without_waiting_settled_does_not_come),
        HOST(a_flow_that_is_off_takes_nothing),
        HOST(a_paused_source_is_heard_no_more),
        HOST(one_system_pushes_into_one_flow),
        HOST(while_observing_only_who_does_not_wait_is_stored),
        HOST(while_the_journal_is_behind_nothing_is_taken),
        HOST(a_gateway_cannot_observe),
        HOST(a_listener_that_cannot_open_fails_the_start),
        HOST(a_stop_answers_who_waits_and_loses_nothing),
        HOST(what_the_journal_knows_is_not_asked_of_the_portal),
        HOST(what_left_nothing_is_known_to_who_must_not_take_it_twice),
        HOST(of_a_dossier_with_steps_alone_the_portal_is_asked),
        HOST(what_it_does_not_know_is_looked_up),
        HOST(where_a_dossier_stands_the_province_tells_itself),
        HOST(look_ups_keep_their_pace_and_give_up_in_time),
        HOST(services_are_relayed_while_the_portal_answers),
        HOST(a_relay_finds_a_place_beside_a_backlog),
        HOST(the_mirror_is_read_whole_or_by_code),
        HOST(a_notice_is_read_at_once_and_not_twice),
        HOST(a_notice_needs_somebody_who_reads),
        HOST(a_source_that_only_pushes_cannot_be_probed),
        HOST(status_counts_what_was_pushed),
        cmocka_unit_test(a_crash_at_each_turn_loses_nothing_that_was_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
