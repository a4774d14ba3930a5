/* The catalogue in a whole engine, on virtual time: read whole, swapped, handed to the province,
 * compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fake_world.h"
#include "sync/catalog.h"

#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS UINT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

static const char *code_of(int i)
{
    static char code[32];

    (void)snprintf(code, sizeof(code), "1.%06d", i);
    return code;
}

static void put_procedures(struct fake_world *w, int from, int n, const char *text)
{
    for (int i = from; i < from + n; i++) {
        fake_catalog_put(w->portal, RECORD_PROCEDURE, code_of(i), "a procedure", text);
    }
}

/* A portal with a small catalogue, read daily at 01:00 into the mirror and handed to the province.
 */
static int setup(void **state)
{
    struct fake_world *w;

    if (fake_world_setup(state) != 0) {
        return -1;
    }
    w = *state;
    w->config.n_flows = 0;
    fake_world_flow(w, "catalog", FLOW_CATALOG, "portal", "onestop")->at = "01:00";
    w->onestop->caps = ADAPTER_IDEMPOTENT;
    w->onestop->latency_ms = 20;
    w->portal->poll_latency_ms = 20;
    fake_catalog_put(w->portal, RECORD_AGENCY, "H56", "the province", "");
    fake_catalog_put(w->portal, RECORD_SECTOR, "G15", "a sector", "");
    fake_catalog_put(w->portal, RECORD_SERVICE, "1.000001.H56", "a service", "");
    put_procedures(w, 0, 30, "first");
    return 0;
}

static void read_again(struct fake_world *w)
{
    assert_int_equal(engine_catalog(w->engine, "catalog"), 0);
    fake_world_run(w, 3 * MINUTE_MS);
}

static void op_done(struct journal_op *op)
{
    *(bool *)op->ctx = true;
}

static void agree(struct fake_world *w, struct mirror_agreement *a)
{
    bool done = false;

    memset(a, 0, sizeof(*a));
    a->op.done = op_done;
    a->op.ctx = &done;
    a->limit = 10;
    mirror_agreement(w->journal, a);
    fake_world_run(w, 10);
    assert_true(done);
    assert_int_equal(a->op.err, 0);
}

static const struct fake_entry *at_province(struct fake_world *w, int i)
{
    const struct fake_entry *e = fake_ledger_find(&w->onestop->ledger, code_of(i));

    assert_non_null(e);
    return e;
}

static void an_empty_mirror_fills_at_the_start(void **state)
{
    struct fake_world *w = *state;
    struct mirror_agreement a;

    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->portal->lists, 4);
    assert_int_equal(w->portal->catalog_details, 30);
    assert_int_equal(w->onestop->ledger.effects, 30);
    assert_int_equal(w->onestop->ledger.repeats, 0);
    agree(w, &a);
    assert_int_equal(a.portal, 30);
    assert_int_equal(a.local, 30);
    assert_int_equal(a.equal, 30);
    assert_int_equal(a.agencies, 1);
    assert_int_equal(a.sectors, 1);
    assert_int_equal(a.services, 1);
    for (int d = 0; d < MIRROR_DIFFERENCES; d++) {
        assert_int_equal(a.counts[d], 0);
    }
    mirror_agreement_free(&a);
}

static void an_unchanged_second_reading_asks_no_details_and_makes_no_items(void **state)
{
    struct fake_world *w = *state;
    uint64_t items;

    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    items = fake_world_count(w, "catalog", ITEM_SNAPSHOT, ITEM_DONE);
    read_again(w);
    assert_int_equal(w->portal->lists, 8);
    assert_int_equal(w->portal->catalog_details, 30);
    assert_int_equal(w->onestop->sends, 30);
    assert_int_equal(fake_world_count(w, "catalog", ITEM_SNAPSHOT, ITEM_DONE), items);
    assert_int_equal(fake_world_open_items(w, "catalog"), 0);
    assert_int_equal(w->events, 4); /* the first reading's; nothing is said of the second */
}

static void it_is_read_once_a_night(void **state)
{
    struct fake_world *w = *state;

    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS); /* it is 14:02 in Viet Nam */
    assert_int_equal(w->portal->lists, 4);
    fake_world_run(w, 10 * HOUR_MS);
    assert_int_equal(w->portal->lists, 4);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->lists, 8);
    fake_world_run(w, DAY_MS);
    assert_int_equal(w->portal->lists, 12);
}

static void a_restart_does_not_read_again(void **state)
{
    struct fake_world *w = *state;

    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    fake_world_stop(w);
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->lists, 4);
}

static void a_reading_cut_short_begins_again_at_the_start(void **state)
{
    struct fake_world *w = *state;

    w->config.portal.catalog_rate = 5;
    fake_world_start(w);
    fake_world_run(w, 3000);
    assert_true(w->portal->catalog_details > 0 && w->portal->catalog_details < 30);
    fake_world_stop(w);
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->onestop->ledger.effects, 30);
    fake_world_crash(w, 0);
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->onestop->ledger.effects, 30);
}

static void a_crash_at_any_moment_of_the_first_reading_is_made_good(void **state)
{
    (void)state;
    for (unsigned turns = 5; turns < 200; turns += 13) {
        struct fake_world *w = NULL;

        assert_int_equal(setup((void **)&w), 0);
        fake_world_start(w);
        for (unsigned i = 0; i < turns; i++) {
            uint64_t next_ms = loop_next_ms(&w->loop.loop);

            if (fake_loop_idle(&w->loop) && next_ms < HOUR_MS) {
                w->loop.now_ms += next_ms;
                w->loop.wall_ms += (int64_t)next_ms;
            }
            fake_loop_turn(&w->loop);
        }
        fake_world_crash(w, turns % 3);
        fake_world_start(w);
        fake_world_run(w, 5 * MINUTE_MS);
        assert_int_equal(w->onestop->ledger.effects, 30);
        assert_int_equal(fake_world_duplicated(w, w->onestop), 0);
        (void)fake_world_teardown((void **)&w);
    }
}

static void what_is_new_or_renamed_or_old_is_read_again(void **state)
{
    struct fake_world *w = *state;

    w->config.flows[0].refresh_ms = 6 * HOUR_MS;
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    put_procedures(w, 100, 2, "new");
    fake_catalog_put(w->portal, RECORD_PROCEDURE, code_of(3), "another name", "second");
    fake_catalog_put(w->portal, RECORD_PROCEDURE, code_of(4), "a procedure",
                     "changed under its name");
    read_again(w);
    assert_int_equal(w->portal->catalog_details, 33);
    assert_int_equal(w->onestop->ledger.effects, 33);
    fake_world_run(w, 12 * HOUR_MS); /* the next night they are older than `refresh` */
    assert_int_equal(w->portal->catalog_details, 33 + 32);
    assert_int_equal(w->onestop->ledger.effects, 34);
    assert_int_equal(w->onestop->ledger.repeats, 0);
}

static void a_list_that_shrank_too_much_changes_nothing(void **state)
{
    struct fake_world *w = *state;
    struct mirror_agreement a;

    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    w->portal->list_cut = 20;
    fake_catalog_put(w->portal, RECORD_PROCEDURE, code_of(3), "another name", "second");
    read_again(w);
    assert_non_null(strstr(fake_world_flow_status(w, "catalog")->trouble, "80 %"));
    assert_int_equal(fake_world_status(w)->verdict, ENGINE_DEGRADED);
    agree(w, &a);
    assert_int_equal(a.portal, 30);
    mirror_agreement_free(&a);
    assert_int_equal(w->onestop->ledger.effects, 30);
    w->portal->list_cut = 0;
    fake_world_run(w, 2 * HOUR_MS);
    assert_string_equal(fake_world_flow_status(w, "catalog")->trouble, "");
    assert_int_equal(w->onestop->ledger.effects, 31);
}

static void a_list_that_broke_off_changes_nothing(void **state)
{
    struct fake_world *w = *state;

    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    w->portal->lists_fail = 3;
    put_procedures(w, 100, 1, "new");
    assert_int_equal(engine_catalog(w->engine, "catalog"), 0);
    fake_world_run(w, 10 * MINUTE_MS); /* it comes back by itself */
    assert_int_equal(w->onestop->ledger.effects, 31);
    assert_string_equal(fake_world_flow_status(w, "catalog")->trouble, "");
}

static void withdrawn_is_only_what_two_lists_miss(void **state)
{
    struct fake_world *w = *state;
    struct mirror_agreement a;

    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    fake_catalog_remove(w->portal, RECORD_PROCEDURE, code_of(7));
    read_again(w);
    assert_int_equal(w->onestop->sends, 30);
    assert_false(at_province(w, 7)->withdrawn);
    read_again(w);
    assert_int_equal(w->onestop->sends, 31);
    assert_true(w->onestop->log[w->onestop->n_log - 1].withdrawn);
    assert_true(at_province(w, 7)->withdrawn);
    read_again(w);
    assert_int_equal(w->onestop->sends, 31); /* said once */
    agree(w, &a);
    assert_int_equal(a.portal, 29);
    assert_int_equal(a.local, 29);
    assert_int_equal(a.equal, 29);
    mirror_agreement_free(&a);
    fake_catalog_put(w->portal, RECORD_PROCEDURE, code_of(7), "a procedure", "first"); /* back */
    read_again(w);
    assert_int_equal(w->onestop->sends, 32);
    assert_false(at_province(w, 7)->withdrawn);
}

static void an_accident_in_one_list_withdraws_nothing(void **state)
{
    struct fake_world *w = *state;

    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    for (int i = 0; i < 3; i++) {
        fake_catalog_remove(w->portal, RECORD_PROCEDURE, code_of(7));
        read_again(w);
        fake_catalog_put(w->portal, RECORD_PROCEDURE, code_of(7), "a procedure", "first");
        read_again(w);
    }
    assert_int_equal(w->onestop->sends, 30);
}

static void a_detail_that_fails_keeps_the_others_and_is_asked_again(void **state)
{
    struct fake_world *w = *state;

    w->portal->catalog[5].fail_times = 2;
    fake_world_start(w);
    fake_world_run(w, 10 * MINUTE_MS);
    assert_int_equal(w->onestop->ledger.effects, 30);
    assert_int_equal(w->onestop->ledger.repeats, 0);
    assert_string_equal(fake_world_flow_status(w, "catalog")->trouble, "");
}

static void a_detail_that_always_fails_is_not_hammered(void **state)
{
    struct fake_world *w = *state;

    w->portal->catalog[5].fail_times = UINT32_MAX;
    fake_world_start(w);
    fake_world_run(w, 6 * HOUR_MS);
    assert_int_equal(w->onestop->ledger.effects, 29);
    assert_true(w->portal->lists < 4 * 30);
    assert_string_not_equal(fake_world_flow_status(w, "catalog")->trouble, "");
}

static void a_portal_that_is_down_at_the_start_is_read_when_it_is_back(void **state)
{
    struct fake_world *w = *state;

    w->portal->down = true;
    fake_world_start(w);
    fake_world_run(w, 6 * HOUR_MS);
    assert_true(w->portal->lists < 60);
    w->portal->down = false;
    fake_world_run(w, 2 * HOUR_MS);
    assert_int_equal(w->onestop->ledger.effects, 30);
}

static void the_province_is_compared_after_it_has_taken_them(void **state)
{
    struct fake_world *w = *state;
    struct mirror_agreement a;

    w->onestop->down = true;
    fake_world_start(w);
    fake_world_run(w, 10 * MINUTE_MS);
    agree(w, &a);
    assert_int_equal(a.portal, 30);
    assert_int_equal(a.local, 0);
    mirror_agreement_free(&a);
    w->onestop->down = false;
    fake_world_run(w, 2 * HOUR_MS);
    agree(w, &a);
    assert_int_equal(a.local, 30);
    assert_int_equal(a.equal, 30);
    mirror_agreement_free(&a);
    assert_true(fake_world_status(w)->idle);
}

static void what_the_province_refuses_shows_in_the_agreement(void **state)
{
    struct fake_world *w = *state;
    struct mirror_agreement a;

    fake_peer_answer(w->onestop, code_of(9), FAKE_PERMANENT, 0);
    fake_world_start(w);
    fake_world_run(w, 5 * MINUTE_MS);
    agree(w, &a);
    assert_int_equal(a.portal, 30);
    assert_int_equal(a.local, 29);
    assert_int_equal(a.counts[MIRROR_PORTAL_ONLY], 1);
    assert_string_equal(a.rows[MIRROR_PORTAL_ONLY][0].code, code_of(9));
    mirror_agreement_free(&a);
    assert_int_equal(fake_world_count(w, "catalog", ITEM_SNAPSHOT, ITEM_HELD), 1);
}

static void what_somebody_tampered_with_shows_in_the_agreement(void **state)
{
    struct fake_world *w = *state;
    struct mirror_agreement a;

    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    fake_ledger_find(&w->onestop->ledger, code_of(1))->sent_hash[0] ^= 1;
    fake_ledger_find(&w->onestop->ledger, code_of(2))->there = false;
    fake_ledger_entry(&w->onestop->ledger, "9.999999")->there = true;
    read_again(w);
    agree(w, &a);
    assert_int_equal(a.counts[MIRROR_DIFFERS], 1);
    assert_int_equal(a.counts[MIRROR_PORTAL_ONLY], 1);
    assert_int_equal(a.counts[MIRROR_LOCAL_ONLY], 1);
    assert_int_equal(a.equal, 28);
    mirror_agreement_free(&a);
}

/* ---- heal ---- */

static void healed(struct catalog_heal *heal)
{
    heal->n = 0; /* seen */
}

/* Orders the procedures to be sent again; the result. */
static struct catalog_heal *heal(struct fake_world *w, const int *numbers, size_t n)
{
    static struct catalog_heal order;

    memset(&order, 0, sizeof(order));
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(order.codes[order.n++], sizeof(order.codes[0]), "%s", code_of(numbers[i]));
    }
    order.done = healed;
    assert_int_equal(engine_catalog_heal(w->engine, "catalog", &order), 0);
    assert_int_equal(order.n, n); /* never from inside the call */
    fake_world_run(w, 5 * MINUTE_MS);
    assert_int_equal(order.n, 0);
    return &order;
}

static void what_the_province_lost_is_sent_again_when_ordered(void **state)
{
    static const int codes[] = {1, 2, 7};
    static const int unknown[] = {99};
    struct fake_world *w = *state;
    struct mirror_agreement a;
    struct catalog_heal *done;

    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    fake_catalog_remove(w->portal, RECORD_PROCEDURE, code_of(7));
    read_again(w);
    read_again(w);
    fake_ledger_find(&w->onestop->ledger, code_of(1))->there = false;
    fake_ledger_find(&w->onestop->ledger, code_of(2))->there = false;
    fake_ledger_find(&w->onestop->ledger, code_of(7))->withdrawn = false;
    read_again(w);
    assert_int_equal(w->onestop->sends, 31); /* reading alone sends nothing that was acknowledged */
    agree(w, &a);
    assert_int_equal(a.equal, 27);
    mirror_agreement_free(&a);
    done = heal(w, codes, 3);
    assert_int_equal(done->err, 0);
    assert_int_equal(done->stored, 3);
    assert_int_equal(done->unknown, 0);
    agree(w, &a); /* compared again after the delivery */
    assert_int_equal(a.equal, 29);
    assert_int_equal(a.counts[MIRROR_WITHDRAWN_OPEN], 0);
    mirror_agreement_free(&a);
    assert_true(at_province(w, 7)->withdrawn);
    assert_int_equal(fake_world_open_items(w, "catalog"), 0);
    done = heal(w, unknown, 1);
    assert_int_equal(done->err, 0);
    assert_int_equal(done->unknown, 1);
    assert_int_equal(done->stored, 0);
}

static void what_is_on_its_way_is_not_doubled_by_an_order(void **state)
{
    static const int codes[] = {1, 2};
    struct fake_world *w = *state;
    struct catalog_heal *done;

    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    w->onestop->down = true;
    done = heal(w, codes, 2);
    assert_int_equal(done->stored, 2);
    done = heal(w, codes, 2);
    assert_int_equal(done->stored, 0);
    assert_int_equal(done->unchanged, 2);
    assert_int_equal(fake_world_open_items(w, "catalog"), 2);
    w->onestop->down = false;
    fake_world_run(w, 2 * HOUR_MS);
    assert_int_equal(fake_world_open_items(w, "catalog"), 0);
    assert_int_equal(w->onestop->ledger.repeats, 2); /* each once */
}

static void a_flow_that_observes_takes_no_such_order(void **state)
{
    static const int codes[] = {1};
    struct fake_world *w = *state;
    struct catalog_heal order = {.n = 1, .done = healed};

    w->config.flows[0].mode = FLOW_OBSERVE;
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(heal(w, codes, 1)->err, ERR_STATE);
    assert_int_equal(engine_catalog_heal(w->engine, "nothing", &order), ERR_NOTFOUND);
}

static void a_stop_waits_for_an_order_under_way(void **state)
{
    struct fake_world *w = *state;
    struct catalog_heal order = {.n = 1, .done = healed};

    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    (void)snprintf(order.codes[0], sizeof(order.codes[0]), "%s", code_of(1));
    assert_int_equal(engine_catalog_heal(w->engine, "catalog", &order), 0);
    fake_world_stop(w);
    assert_int_equal(order.n, 0);
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(fake_world_open_items(w, "catalog"), 0);
}

/* ---- decisions ---- */

static void decisions_are_asked_for_once_and_only_where_they_are_answered(void **state)
{
    struct fake_world *w = *state;
    uint64_t details;

    fake_catalog_put(w->portal, RECORD_DECISION, "9123", "528/QĐ-UBND", "");
    w->portal->bodies_json = true;
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->portal->catalog_details, 30);
    fake_world_stop(w);
    w->portal->caps |= ADAPTER_DECISIONS;
    fake_world_start(w);
    read_again(w);
    details = w->portal->catalog_details;
    assert_int_equal(details, 31);
    read_again(w);
    assert_int_equal(w->portal->catalog_details, details);
}

static void a_decision_that_is_not_there_keeps_nothing_back(void **state)
{
    struct fake_world *w = *state;

    w->portal->bodies_json = true;
    w->portal->caps |= ADAPTER_DECISIONS;
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(w->onestop->ledger.effects, 30);
    assert_string_equal(fake_world_flow_status(w, "catalog")->trouble, "");
    assert_true(fake_world_status(w)->idle);
    read_again(w); /* asked again with the next reading */
    assert_int_equal(w->portal->catalog_details, 32);
}

static void a_mirror_alone_needs_no_sink(void **state)
{
    struct fake_world *w = *state;
    struct mirror_agreement a;

    w->config.flows[0].to = "";
    fake_world_start(w);
    fake_world_run(w, 2 * MINUTE_MS);
    agree(w, &a);
    assert_int_equal(a.portal, 30);
    mirror_agreement_free(&a);
    assert_int_equal(w->onestop->sends, 0);
    assert_true(fake_world_status(w)->idle);
}

static void observing_hands_over_but_sends_nothing(void **state)
{
    struct fake_world *w = *state;

    w->config.flows[0].mode = FLOW_OBSERVE;
    fake_world_start(w);
    fake_world_run(w, 5 * MINUTE_MS);
    assert_int_equal(w->onestop->sends, 0);
    assert_int_equal(fake_world_count(w, "catalog", ITEM_SNAPSHOT, ITEM_PENDING), 30);
}

static void the_pace_of_the_catalogue_is_kept(void **state)
{
    struct fake_world *w = *state;

    w->config.portal.catalog_rate = 5;
    put_procedures(w, 100, 600, "more");
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_in_range(w->portal->catalog_details + w->portal->lists, 290, 303);
}

static void thousands_are_read_and_agree(void **state)
{
    struct fake_world *w = *state;
    struct mirror_agreement a;

    put_procedures(w, 100, 2170, "more");
    fake_world_start(w);
    fake_world_run(w, 10 * MINUTE_MS);
    agree(w, &a);
    assert_int_equal(a.portal, 2200);
    assert_int_equal(a.equal, 2200);
    mirror_agreement_free(&a);
    assert_int_equal(w->portal->catalog_details, 2200);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, setup, fake_world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(an_empty_mirror_fills_at_the_start),
        WORLD(an_unchanged_second_reading_asks_no_details_and_makes_no_items),
        WORLD(it_is_read_once_a_night),
        WORLD(a_restart_does_not_read_again),
        WORLD(a_reading_cut_short_begins_again_at_the_start),
        cmocka_unit_test(a_crash_at_any_moment_of_the_first_reading_is_made_good),
        WORLD(what_is_new_or_renamed_or_old_is_read_again),
        WORLD(a_list_that_shrank_too_much_changes_nothing),
        WORLD(a_list_that_broke_off_changes_nothing),
        WORLD(withdrawn_is_only_what_two_lists_miss),
        WORLD(an_accident_in_one_list_withdraws_nothing),
        WORLD(a_detail_that_fails_keeps_the_others_and_is_asked_again),
        WORLD(a_detail_that_always_fails_is_not_hammered),
        WORLD(a_portal_that_is_down_at_the_start_is_read_when_it_is_back),
        WORLD(the_province_is_compared_after_it_has_taken_them),
        WORLD(what_the_province_refuses_shows_in_the_agreement),
        WORLD(what_somebody_tampered_with_shows_in_the_agreement),
        WORLD(what_the_province_lost_is_sent_again_when_ordered),
        WORLD(what_is_on_its_way_is_not_doubled_by_an_order),
        WORLD(a_flow_that_observes_takes_no_such_order),
        WORLD(a_stop_waits_for_an_order_under_way),
        WORLD(decisions_are_asked_for_once_and_only_where_they_are_answered),
        WORLD(a_decision_that_is_not_there_keeps_nothing_back),
        WORLD(a_mirror_alone_needs_no_sink),
        WORLD(observing_hands_over_but_sends_nothing),
        WORLD(the_pace_of_the_catalogue_is_kept),
        WORLD(thousands_are_read_and_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
