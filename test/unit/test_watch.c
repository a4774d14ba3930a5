/* Dossiers at risk and silent agencies, watched by the whole engine on virtual time. The clock
 * begins on Thursday, 2025-11-20 14:00. */
#include "sync/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "domain/vntime.h"
#include "lib/fake_world.h"

#define A "000.00.12.H56-251120-0001"
#define B "000.00.12.H56-251120-0002"
#define STEP_MS UINT64_C(5000) /* a look is not more often */
#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS UINT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

static int64_t vn(const char *text)
{
    int64_t at_s = 0;

    assert_int_equal(vntime_parse(text, "yyyy-MM-dd HH:mm", &at_s), 0);
    return at_s;
}

static int setup(void **state)
{
    struct fake_world *w;

    if (fake_world_setup(state) != 0) {
        return -1;
    }
    w = *state;
    w->config.risk_hours = 8;
    w->config.silent_days = 2;
    w->config.silent_until_ms = 30 * DAY_MS;
    return calendar_plain(&w->config.calendar);
}

static int teardown(void **state)
{
    struct fake_world *w = *state;
    struct calendar *cal = w->config.calendar;
    int rc = fake_world_teardown(state);

    calendar_free(cal);
    return rc;
}

/* What the watch told while time went by: the kinds, each followed by a blank. */
struct told {
    char kinds[400];
};

static bool is_ours(const char *event)
{
    return strncmp(event, "at_risk", 7) == 0 || strncmp(event, "silent", 6) == 0 ||
           strncmp(event, "calendar", 8) == 0;
}

static void run(struct fake_world *w, uint64_t ms, struct told *told)
{
    for (uint64_t at_ms = 0; at_ms < ms; at_ms += STEP_MS) {
        uint64_t before = w->events;

        fake_world_run(w, STEP_MS);
        if (w->events != before && is_ours(w->last_event)) {
            size_t used = strlen(told->kinds);
            int length = (int)strcspn(w->last_event, " ");

            (void)snprintf(told->kinds + used, sizeof(told->kinds) - used, "%.*s ", length,
                           w->last_event);
        }
    }
}

static const struct engine_deadlines *deadlines(struct fake_world *w)
{
    return &fake_world_status(w)->deadlines;
}

static void a_dossier_that_waits_near_its_date_is_at_risk(void **state)
{
    struct fake_world *w = *state;
    struct told told = {""};

    fake_world_start(w);
    run(w, MINUTE_MS, &told);
    assert_true(deadlines(w)->risk_known);
    assert_int_equal(deadlines(w)->at_risk, 0);
    fake_peer_answer(w->portal, NULL, FAKE_TRANSIENT, 1000);
    fake_source_put(w->onestop, A, 4, "a");
    fake_source_promise(w->onestop, A, vn("2025-11-21 09:00"));
    fake_source_put(w->onestop, B, 4, "a");
    fake_source_promise(w->onestop, B, vn("2025-11-21 16:00")); /* in 10 working hours */
    run(w, 4 * MINUTE_MS, &told);
    assert_int_equal(deadlines(w)->at_risk, 0); /* it may be on its way */
    assert_string_equal(told.kinds, "");
    run(w, 4 * MINUTE_MS, &told);
    assert_int_equal(deadlines(w)->at_risk, 1);
    assert_int_equal(deadlines(w)->risk_first_s, vn("2025-11-21 09:00"));
    assert_string_equal(told.kinds, "at_risk ");
    assert_int_equal(fake_world_status(w)->verdict, ENGINE_DEGRADED);
    /* two working hours on, the other one is near too: time alone tells it */
    run(w, 2 * HOUR_MS, &told);
    assert_int_equal(deadlines(w)->at_risk, 2);
    assert_string_equal(told.kinds, "at_risk ");
    fake_peer_obey(w->portal);
    run(w, 2 * HOUR_MS, &told);
    assert_int_equal(deadlines(w)->at_risk, 0);
    assert_int_equal(deadlines(w)->passed, 0);
    assert_string_equal(told.kinds, "at_risk at_risk_over ");
}

static void a_promise_that_passes_is_told_apart(void **state)
{
    struct fake_world *w = *state;
    struct told told = {""};

    fake_peer_answer(w->portal, NULL, FAKE_TRANSIENT, 100000);
    fake_source_put(w->onestop, A, 4, "a");
    fake_source_promise(w->onestop, A, vn("2025-11-20 15:00"));
    fake_world_start(w);
    run(w, 50 * MINUTE_MS, &told);
    assert_int_equal(deadlines(w)->at_risk, 1);
    assert_int_equal(deadlines(w)->passed, 0);
    run(w, 20 * MINUTE_MS, &told);
    assert_int_equal(deadlines(w)->at_risk, 0);
    assert_int_equal(deadlines(w)->passed, 1);
    assert_string_equal(told.kinds, "at_risk at_risk_over ");
}

/* However often it comes and goes: one line a period. */
static void a_condition_that_flaps_is_told_once_a_period(void **state)
{
    struct fake_world *w = *state;
    struct told told = {""};

    fake_world_start(w);
    for (int i = 0; i < 4; i++) {
        char text[16];

        (void)snprintf(text, sizeof(text), "%d", i);
        fake_peer_answer(w->portal, NULL, FAKE_TRANSIENT, 1000);
        fake_source_put(w->onestop, A, 4, text);
        fake_source_promise(w->onestop, A, vn("2025-11-21 09:00"));
        run(w, 7 * MINUTE_MS, &told);
        fake_peer_obey(w->portal);
        assert_int_equal(fake_world_act(w, JOURNAL_RETRY, A, ITEM_PENDING, NULL), 0);
        run(w, 3 * MINUTE_MS, &told);
    }
    run(w, HOUR_MS, &told);
    assert_int_equal(deadlines(w)->at_risk, 0);
    /* 40 minutes hold at most three periods of 15 minutes, and the end */
    assert_true(strlen(told.kinds) <= strlen("at_risk at_risk_over at_risk at_risk_over "));
    assert_int_equal(strncmp(told.kinds, "at_risk ", 8), 0);
    assert_string_equal(told.kinds + strlen(told.kinds) - 13, "at_risk_over ");
}

static void an_observing_flow_puts_nothing_at_risk(void **state)
{
    struct fake_world *w = *state;
    struct told told = {""};

    w->config.flows[0].mode = FLOW_OBSERVE;
    fake_source_put(w->onestop, A, 4, "a");
    fake_source_promise(w->onestop, A, vn("2025-11-21 09:00"));
    fake_world_start(w);
    run(w, 20 * MINUTE_MS, &told);
    assert_true(deadlines(w)->risk_known);
    assert_int_equal(deadlines(w)->at_risk, 0);
    assert_string_equal(told.kinds, "");
}

static void slow_polls(struct fake_world *w)
{
    for (size_t i = 0; i < w->config.n_sources; i++) {
        w->config.sources[i].poll_every_ms = 10 * MINUTE_MS;
        w->config.sources[i].sweep_every_ms = HOUR_MS;
    }
}

/* Friday and Monday go by without a word: silent from Tuesday on. */
static void an_agency_is_silent_after_two_working_days(void **state)
{
    struct fake_world *w = *state;
    struct told told = {""};

    slow_polls(w);
    fake_source_put(w->onestop, A, 4, "a");
    fake_source_agency(w->onestop, A, "H56.1");
    fake_source_put(w->onestop, B, 4, "a");
    fake_source_agency(w->onestop, B, "H56.2");
    fake_world_start(w);
    run(w, 20 * MINUTE_MS, &told);
    assert_true(deadlines(w)->silence_known);
    assert_int_equal(deadlines(w)->agencies, 2);
    assert_int_equal(deadlines(w)->silent, 0);
    run(w, DAY_MS, &told); /* Friday */
    fake_source_put(w->onestop, B, 9, "b");
    run(w, 3 * DAY_MS + 8 * HOUR_MS, &told); /* Monday 22:20 */
    assert_int_equal(deadlines(w)->silent, 0);
    assert_string_equal(told.kinds, "");
    run(w, 2 * HOUR_MS, &told); /* Tuesday 00:20 */
    assert_int_equal(deadlines(w)->silent, 1);
    assert_string_equal(told.kinds, "silent ");
    assert_non_null(strstr(w->last_event, "1 agencies have sent nothing for 2 working days: "
                                          "H56.1; dvcsyncctl silent"));
    run(w, 10 * HOUR_MS, &told);
    fake_source_put(w->onestop, A, 9, "b");
    fake_source_put(w->onestop, B, 10, "c");
    run(w, 20 * MINUTE_MS, &told);
    assert_int_equal(deadlines(w)->silent, 0);
    assert_string_equal(told.kinds, "silent silent_over ");
}

/* A restart knows at once what the process before it had counted. */
static void silence_outlives_a_restart(void **state)
{
    struct fake_world *w = *state;
    struct told told = {""};

    slow_polls(w);
    fake_source_put(w->onestop, A, 4, "a");
    fake_source_agency(w->onestop, A, "H56.1");
    fake_world_start(w);
    run(w, 20 * MINUTE_MS, &told);
    fake_world_stop(w);
    fake_loop_jump_wall(&w->loop, (int64_t)(6 * DAY_MS));
    fake_world_start(w);
    run(w, MINUTE_MS, &told);
    assert_int_equal(deadlines(w)->silent, 1);
    fake_world_stop(w);
    fake_loop_jump_wall(&w->loop, (int64_t)(30 * DAY_MS));
    fake_world_start(w);
    run(w, MINUTE_MS, &told);
    assert_int_equal(deadlines(w)->silent, 0);
    assert_int_equal(deadlines(w)->closed, 1);
    assert_string_equal(told.kinds, "silent ");
}

/* Items that no agency's time was counted of yet, more than one op counts, as after a migration. */
static void add_uncounted_items(struct fake_world *w)
{
    static const char items[] =
        "DELETE FROM agency_seen;"
        "INSERT INTO item (subject, kind, state, hash, created_ms, changed_ms) WITH RECURSIVE "
        "k (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM k WHERE n < 50000) "
        "SELECT s.id, 1, 6, zeroblob(32), 1, 1 FROM k, (SELECT min(id) AS id FROM subject) s;"
        "INSERT INTO tally (flow, kind, state, n) SELECT flow, 1, 6, 50000 FROM subject "
        "WHERE id = (SELECT min(id) FROM subject) "
        "ON CONFLICT DO UPDATE SET n = n + excluded.n;";
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, items, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Started, with pages of items that were never counted, and one of them counted. */
static void start_uncounted(struct fake_world *w, struct told *told)
{
    slow_polls(w);
    fake_source_put(w->onestop, A, 4, "a");
    fake_source_agency(w->onestop, A, "H56.1");
    fake_world_start(w);
    run(w, MINUTE_MS, told);
    fake_world_stop(w);
    add_uncounted_items(w);
    fake_world_start(w);
    run(w, STEP_MS, told);
    assert_false(deadlines(w)->silence_known);
}

static void many_items_are_counted_a_page_a_tick(void **state)
{
    struct fake_world *w = *state;
    struct told told = {""};

    start_uncounted(w, &told);
    run(w, 3 * STEP_MS, &told); /* long before the next look */
    assert_true(deadlines(w)->silence_known);
    assert_int_equal(deadlines(w)->silent, 0);
}

/* Switched off while pages of a first count were still to come. */
static void who_is_not_asked_about_is_not_silent(void **state)
{
    struct fake_world *w = *state;
    struct config *quiet = malloc(sizeof(*quiet));
    struct errmsg msg = {""};
    struct told told = {""};

    assert_non_null(quiet);
    start_uncounted(w, &told);
    *quiet = w->config;
    quiet->silent_days = 0;
    assert_int_equal(engine_reload(w->engine, quiet, &msg), 0);
    run(w, 20 * STEP_MS, &told);
    assert_int_equal(deadlines(w)->silent, 0);
    assert_false(deadlines(w)->silence_known);
    fake_world_stop(w);
    free(quiet);
}

static struct calendar *short_calendar(const char *last)
{
    char text[300];
    struct errmsg msg = {""};
    struct calendar *cal = NULL;

    (void)snprintf(text, sizeof(text),
                   "kind,first,last,days,hours,instead_of,basis\ncovered,2025-01-01,%s,,,,test\n"
                   "hours,2025-01-01,,mon-fri,07:30-11:30 13:30-17:30,,\n",
                   last);
    if (calendar_parse("c.csv", text, strlen(text), &cal, &msg) != 0) {
        fail_msg("%s", msg.text);
    }
    return cal;
}

static void days_that_are_not_covered_are_not_guessed(void **state)
{
    struct fake_world *w = *state;
    struct calendar *plain = w->config.calendar;
    struct config later;
    struct told told = {""};
    struct errmsg msg = {""};

    w->config.calendar = short_calendar("2025-11-20");
    fake_world_start(w);
    run(w, 20 * MINUTE_MS, &told);
    assert_true(deadlines(w)->covered);
    assert_false(deadlines(w)->risk_known); /* the eight hours end tomorrow */
    assert_string_equal(told.kinds, "calendar_ends ");
    assert_string_equal(deadlines(w)->calendar, "c.csv");
    assert_int_equal(deadlines(w)->calendar_end_s, vn("2025-11-21 00:00"));
    /* a reload with what follows */
    later = w->config;
    later.calendar = short_calendar("2026-12-31");
    assert_int_equal(engine_reload(w->engine, &later, &msg), 0);
    run(w, MINUTE_MS, &told);
    assert_true(deadlines(w)->risk_known);
    assert_string_equal(told.kinds, "calendar_ends calendar_goes_on ");
    fake_peer_answer(w->portal, NULL, FAKE_TRANSIENT, 100000);
    fake_source_put(w->onestop, A, 4, "a");
    fake_source_promise(w->onestop, A, vn("2025-11-21 09:00"));
    run(w, 20 * MINUTE_MS, &told);
    assert_int_equal(deadlines(w)->at_risk, 1);
    assert_string_equal(told.kinds, "calendar_ends calendar_goes_on at_risk ");
    fake_world_stop(w);
    calendar_free(later.calendar);
    calendar_free(w->config.calendar);
    w->config.calendar = plain;
}

/* How often a histogram of the flow has observed something, and the sum. */
static void observed(struct fake_world *w, const char *name, unsigned *n, double *sum)
{
    struct buf out;
    char line[96];
    const char *at;

    buf_init(&out, 1u << 20);
    assert_int_equal(metrics_render(w->metrics, &out), 0);
    (void)snprintf(line, sizeof(line), "%s_count{flow=\"dossiers\"} ", name);
    at = strstr(buf_text(&out), line);
    assert_non_null(at);
    *n = (unsigned)strtoul(at + strlen(line), NULL, 10);
    (void)snprintf(line, sizeof(line), "%s_sum{flow=\"dossiers\"} ", name);
    at = strstr(buf_text(&out), line);
    assert_non_null(at);
    *sum = strtod(at + strlen(line), NULL);
    buf_free(&out);
}

static void a_delivery_counts_in_three_histograms_of_lag(void **state)
{
    struct fake_world *w = *state;
    unsigned n;
    double intake;
    double delivery;
    double whole;

    fake_source_put(w->onestop, A, 4, "a");
    fake_loop_advance(&w->loop, 7 * MINUTE_MS); /* nobody reads it yet */
    fake_peer_answer(w->portal, NULL, FAKE_TRANSIENT, 1);
    fake_world_start(w);
    fake_world_run(w, 10 * MINUTE_MS);
    observed(w, "dvcsync_intake_lag_seconds", &n, &intake);
    assert_int_equal(n, 1);
    assert_true(intake >= 420 && intake < 480);
    observed(w, "dvcsync_delivery_lag_seconds", &n, &delivery);
    assert_int_equal(n, 1);
    assert_true(delivery > 0 && delivery < 120);
    observed(w, "dvcsync_whole_lag_seconds", &n, &whole);
    assert_int_equal(n, 1);
    assert_true(whole >= intake + delivery - 1 && whole <= intake + delivery + 1);
}

/* With nothing that moves and nothing that time changes, the journal is not asked at all. */
static void an_idle_hour_asks_the_journal_nothing(void **state)
{
    struct fake_world *w = *state;
    struct journal_numbers numbers[4];

    fake_source_put(w->onestop, A, 4, "a");
    fake_source_agency(w->onestop, A, "H56.1");
    fake_source_promise(w->onestop, A, vn("2025-11-28 09:00"));
    fake_world_start(w);
    fake_world_run(w, 20 * MINUTE_MS);
    journal_numbers(w->journal, &numbers[0]);
    fake_world_run(w, HOUR_MS);
    journal_numbers(w->journal, &numbers[1]);
    fake_world_stop(w);
    w->config.risk_hours = 0;
    w->config.silent_days = 0;
    fake_world_start(w);
    fake_world_run(w, 20 * MINUTE_MS);
    journal_numbers(w->journal, &numbers[2]);
    fake_world_run(w, HOUR_MS);
    journal_numbers(w->journal, &numbers[3]);
    assert_int_equal(numbers[1].ops - numbers[0].ops, numbers[3].ops - numbers[2].ops);
    assert_int_equal(numbers[1].wal_bytes, numbers[0].wal_bytes);
}

/* A hold for weeks is asked about when something comes, and not every minute. */
static void what_waits_for_long_is_not_asked_about_again(void **state)
{
    struct fake_world *w = *state;
    struct journal_numbers numbers[4];

    fake_peer_answer(w->portal, A, FAKE_PERMANENT, 1);
    fake_source_put(w->onestop, A, 4, "a");
    fake_source_promise(w->onestop, A, vn("2025-12-20 09:00"));
    fake_world_start(w);
    fake_world_run(w, 20 * MINUTE_MS);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_SNAPSHOT, ITEM_HELD), 1);
    journal_numbers(w->journal, &numbers[0]);
    fake_world_run(w, HOUR_MS);
    journal_numbers(w->journal, &numbers[1]);
    fake_world_stop(w);
    w->config.risk_hours = 0;
    fake_world_start(w);
    fake_world_run(w, 20 * MINUTE_MS);
    journal_numbers(w->journal, &numbers[2]);
    fake_world_run(w, HOUR_MS);
    journal_numbers(w->journal, &numbers[3]);
    assert_int_equal(numbers[1].ops - numbers[0].ops, numbers[3].ops - numbers[2].ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_dossier_that_waits_near_its_date_is_at_risk, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_promise_that_passes_is_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_condition_that_flaps_is_told_once_a_period, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_observing_flow_puts_nothing_at_risk, setup, teardown),
        cmocka_unit_test_setup_teardown(an_agency_is_silent_after_two_working_days, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(silence_outlives_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(days_that_are_not_covered_are_not_guessed, setup, teardown),
        cmocka_unit_test_setup_teardown(many_items_are_counted_a_page_a_tick, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_not_asked_about_is_not_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(a_delivery_counts_in_three_histograms_of_lag, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_idle_hour_asks_the_journal_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_for_long_is_not_asked_about_again, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
