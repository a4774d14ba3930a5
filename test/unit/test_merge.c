/* Several sources of one flow, in a whole engine on virtual time: what they say of one dossier
 * becomes one record. */
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

struct merge_test {
    struct fake_world w;
    struct fake_peer *gateway; /* rank 3; the polled source has 1 */
    struct fake_client clients[8];
    size_t n;
};

static void second_source(struct merge_test *t)
{
    t->w.config.flows[0].also_from.items[0] = "gateway";
    t->w.config.flows[0].also_from.n = 1;
}

/* A province that is polled, and software of it that pushes as well. */
static int setup(void **state)
{
    static struct merge_test t;

    memset(&t, 0, sizeof(t));
    fake_world_init(&t.w);
    t.gateway = fake_world_peer(&t.w, "gateway");
    t.gateway->listens = true;
    t.gateway->no_poll_verb = true;
    t.gateway->caps = ADAPTER_ANSWERS;
    t.gateway->rank = 3;
    t.gateway->canonical = true;
    t.w.onestop->canonical = true;
    t.w.portal->canonical = true;
    t.w.config.sources[1] = (struct config_source){.name = "gateway", .max_in_flight = 4};
    t.w.config.n_sources = 2;
    second_source(&t);
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct merge_test *t = *state;

    fake_world_free(&t->w);
    return 0;
}

static struct fake_client *client(struct merge_test *t)
{
    struct fake_client *c = &t->clients[t->n++];

    assert_true(t->n <= 8);
    fake_client_init(c, t->gateway);
    return c;
}

static struct fake_client *push(struct merge_test *t, const char *code, int status,
                                const char *text)
{
    struct fake_client *c = client(t);

    fake_source_put(t->gateway, code, status, text);
    fake_client_add(c, code, true);
    fake_client_offer(c, 5000);
    return c;
}

/* The newest record of a dossier, all sources together. */
static const char *body_of(struct merge_test *t, const char *code)
{
    struct fake_client *c = client(t);

    t->n--; /* only for the moment */
    fake_client_ask(c, code);
    fake_world_run(&t->w, 10);
    assert_int_equal(c->answered, 1);
    return c->body;
}

static void assert_files(const char *body, bool onestop, bool gateway)
{
    assert_int_equal(strstr(body, "\"onestop\"") != NULL, onestop);
    assert_int_equal(strstr(body, "\"gateway\"") != NULL, gateway);
}

static void two_sources_of_one_dossier_make_one_effect_and_keep_each_others_files(void **state)
{
    struct merge_test *t = *state;
    struct fake_client *c;

    fake_source_put(t->w.onestop, A, 4, "a");
    fake_world_start(&t->w);
    assert_int_equal(engine_pause(t->w.engine, "portal", "tester", ""), 0);
    fake_world_run(&t->w, 1000);
    c = push(t, A, 4, "a");
    fake_world_run(&t->w, 1000);
    assert_int_equal(engine_resume(t->w.engine, "portal", "tester"), 0);
    fake_world_run(&t->w, 1000);
    assert_int_equal(c->settled, 1);
    assert_int_equal(c->fates[0].state, ITEM_DONE);
    assert_int_equal(t->w.portal->sends, 1);
    assert_int_equal(t->w.portal->ledger.effects, 1);
    assert_files(body_of(t, A), true, true);
    fake_world_run(&t->w, HOUR_MS);
    assert_int_equal(t->w.portal->sends, 1);
}

static void each_source_changes_only_what_it_said(void **state)
{
    struct merge_test *t = *state;
    const char *body;

    fake_source_put(t->w.onestop, A, 4, "from the province");
    fake_world_start(&t->w);
    fake_world_run(&t->w, 1000);
    (void)push(t, A, 5, "");
    fake_world_run(&t->w, 1000);
    body = body_of(t, A);
    assert_files(body, true, true);
    assert_non_null(strstr(body, "\"status\":\"5\""));  /* the later word */
    assert_non_null(strstr(body, "from the province")); /* the gateway knows none */
    fake_source_put(t->w.onestop, A, 6, "again");
    fake_world_run(&t->w, MINUTE_MS);
    body = body_of(t, A);
    assert_files(body, true, true);
    assert_non_null(strstr(body, "\"status\":\"6\""));
    assert_non_null(strstr(body, "again"));
    assert_int_equal(fake_world_state(&t->w, A, NULL), ITEM_DONE);
}

static void a_local_number_is_no_code_of_another_dossier(void **state)
{
    struct merge_test *t = *state;
    struct fake_client *c = client(t);

    fake_world_start(&t->w);
    fake_source_put(t->gateway, A, 4, "a");
    fake_client_add(c, A, false);
    c->records[0].local_no = B;
    fake_client_offer(c, 5000);
    fake_world_run(&t->w, 1000);
    assert_int_equal(c->fates[0].state, ITEM_DONE);
    fake_source_put(t->w.onestop, B, 4, "b");
    fake_world_run(&t->w, HOUR_MS);
    assert_int_equal(t->w.portal->ledger.effects, 2);
}

static void offers_of_one_dossier_take_their_turns(void **state)
{
    struct merge_test *t = *state;
    struct fake_client *c[4];

    fake_source_put(t->w.onestop, A, 4, "a");
    fake_world_start(&t->w);
    for (int i = 0; i < 4; i++) { /* while the poll of the same dossier is under way */
        char text[16];

        (void)snprintf(text, sizeof(text), "push %d", i);
        c[i] = push(t, A, 4, text);
        fake_loop_turn(&t->w.loop);
    }
    fake_world_run(&t->w, 5000);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(c[i]->settled, 1);
        assert_int_equal(c[i]->fates[0].state, ITEM_DONE);
    }
    assert_files(body_of(t, A), true, true);
    assert_true(t->w.portal->most_per_code <= 1);
}

static void an_offer_of_several_waits_for_all_of_them(void **state)
{
    struct merge_test *t = *state;
    struct fake_client *both = client(t);
    struct fake_client *turned = client(t);

    fake_world_start(&t->w);
    fake_source_put(t->gateway, A, 4, "a");
    fake_source_put(t->gateway, B, 4, "b");
    fake_client_add(both, A, false);
    fake_client_add(both, B, false);
    fake_client_add(turned, B, false);
    fake_client_add(turned, A, false);
    fake_client_add(turned, B, false);
    fake_client_offer(both, 5000);
    fake_client_offer(turned, 5000);
    fake_world_run(&t->w, 2000);
    assert_int_equal(both->settled + turned->settled, 2);
    assert_int_equal(t->w.portal->sends, 2);
}

static void the_same_step_of_two_sources_is_sent_once(void **state)
{
    struct merge_test *t = *state;

    fake_source_put(t->w.onestop, A, 4, "a");
    fake_source_step(t->w.onestop, A, "action-1", 4);
    fake_source_put(t->gateway, A, 4, "a");
    fake_source_step(t->gateway, A, "of the client", 4);
    fake_world_start(&t->w);
    fake_world_run(&t->w, 2000);
    {
        struct fake_client *c = client(t);

        fake_client_add(c, A, true);
        fake_client_offer(c, 5000);
        fake_world_run(&t->w, 2000);
        assert_int_equal(c->settled, 1);
        assert_int_equal(c->fates[1].state, ITEM_DONE);
    }
    assert_int_equal(fake_world_count(&t->w, "dossiers", ITEM_STEP, ITEM_DONE), 1);
}

/* What was stored while the flow had one source counts as that source's word. */
static void what_one_source_brought_before_stays_when_a_second_comes(void **state)
{
    struct merge_test *t = *state;

    t->w.config.flows[0].also_from.n = 0;
    fake_source_put(t->w.onestop, A, 4, "a");
    fake_world_start(&t->w);
    fake_world_run(&t->w, MINUTE_MS);
    assert_int_equal(t->w.portal->sends, 1);
    fake_world_stop(&t->w);
    second_source(t);
    fake_world_start(&t->w);
    fake_world_run(&t->w, 1000);
    (void)push(t, A, 5, "");
    fake_world_run(&t->w, 1000);
    assert_files(body_of(t, A), true, true);
    (void)push(t, A, 6, "");
    fake_world_run(&t->w, 1000);
    assert_files(body_of(t, A), true, true);
    assert_int_equal(t->w.portal->sends, 3);
}

/* What a source that is gone had said can't be told from the row: each page is compared. */
static void known_rows_of_a_merged_flow_are_never_taken_again(void **state)
{
    struct merge_test *t = *state;
    struct fake_world *w = &t->w;

    w->onestop->first_reading = true;
    w->onestop->every_row = true;
    w->onestop->page_size = 5;
    for (int i = 0; i < 40; i++) {
        char code[64];

        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 4, "a");
    }
    fake_world_start(w);
    fake_world_run(w, 3 * 60000);
    assert_int_equal(w->onestop->details, 40);
    for (int i = 0; i < 5; i++) { /* the first page */
        char code[64];

        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        fake_source_put(w->onestop, code, 9, "b");
    }
    fake_world_run(w, 3 * 60000);
    assert_int_equal(w->onestop->details, 45);
}

static void what_cannot_be_merged_is_owed(void **state)
{
    struct merge_test *t = *state;
    struct fake_client *c;

    fake_source_put(t->w.onestop, A, 4, "a");
    fake_world_start(&t->w);
    fake_world_run(&t->w, 1000);
    t->gateway->canonical = false; /* bytes that nobody here wrote */
    c = push(t, A, 4, "b");
    fake_world_run(&t->w, 1000);
    assert_int_equal(c->done, 1);
    assert_int_equal(c->offer.err, ERR_FORMAT);
    t->w.onestop->canonical = false;
    fake_source_put(t->w.onestop, B, 4, "b");
    fake_world_run(&t->w, MINUTE_MS);
    t->gateway->canonical = true;
    c = push(t, B, 4, "c");
    fake_world_run(&t->w, 1000);
    assert_int_equal(c->offer.err, ERR_FORMAT); /* and the dossier is free again */
    c = push(t, B, 4, "d");
    fake_world_run(&t->w, 1000);
    assert_int_equal(c->done, 1);
}

static void other_sources_need_a_restart(void **state)
{
    struct merge_test *t = *state;
    struct errmsg msg = {""};
    struct config next;

    fake_world_start(&t->w);
    next = t->w.config;
    assert_int_equal(engine_reload(t->w.engine, &next, &msg), 0);
    next.flows[0].also_from.n = 0;
    assert_int_equal(engine_reload(t->w.engine, &next, &msg), ERR_CONFIG);
    assert_non_null(strstr(msg.text, "flow dossiers"));
    assert_non_null(strstr(msg.text, "restart"));
    assert_int_equal(engine_reload(t->w.engine, &t->w.config, &msg), 0);
    fake_source_put(t->w.onestop, A, 4, "a");
    assert_int_equal(engine_poll(t->w.engine, "onestop", false), 0);
    assert_int_equal(engine_poll(t->w.engine, "gateway", false), ERR_NOTFOUND);
    fake_world_run(&t->w, 1000);
    assert_int_equal(t->w.portal->sends, 1);
}

static void a_crash_at_each_turn_keeps_what_both_said(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 60; turn++) {
        struct merge_test *t = NULL;
        struct fake_client *c;
        bool promised;

        assert_int_equal(setup((void **)&t), 0);
        t->w.portal->canonical = false; /* the oracle knows a step by its bytes */
        t->w.config.retry_first_ms = 1000;
        t->w.config.sources[0].poll_every_ms = 2000;
        fake_source_put(t->w.onestop, A, 4, "a");
        fake_source_step(t->w.onestop, A, "1", 4);
        fake_world_start(&t->w);
        c = push(t, A, 4, "a");
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
        assert_int_equal(fake_world_state(&t->w, A, NULL), ITEM_DONE);
        assert_int_equal(fake_world_count(&t->w, "dossiers", ITEM_STEP, ITEM_DONE), 1);
        assert_int_equal(fake_world_duplicated(&t->w, t->w.portal), 0);
        if (promised) {
            assert_files(body_of(t, A), true, true);
        }
        (void)teardown((void **)&t);
    }
}

#define MERGE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MERGE(two_sources_of_one_dossier_make_one_effect_and_keep_each_others_files),
        MERGE(each_source_changes_only_what_it_said),
        MERGE(a_local_number_is_no_code_of_another_dossier),
        MERGE(offers_of_one_dossier_take_their_turns),
        MERGE(an_offer_of_several_waits_for_all_of_them),
        MERGE(the_same_step_of_two_sources_is_sent_once),
        MERGE(what_one_source_brought_before_stays_when_a_second_comes),
        MERGE(what_cannot_be_merged_is_owed),
        MERGE(known_rows_of_a_merged_flow_are_never_taken_again),
        MERGE(other_sources_need_a_restart),
        cmocka_unit_test(a_crash_at_each_turn_keeps_what_both_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
