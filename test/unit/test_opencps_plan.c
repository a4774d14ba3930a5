#include "adapter/opencps_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "domain/vntime.h"

#define POLL_MS UINT64_C(30000)
#define SWEEP_MS UINT64_C(300000)
#define SLOW_MS UINT64_C(3600000)
#define CALLS_MAX 4000

static int64_t at(const char *text)
{
    int64_t s = 0;

    assert_int_equal(vntime_parse(text, "yyyy-MM-dd HH:mm", &s), 0);
    return s;
}

/* A site that answers by a table of totals, and what it was asked. */
struct site {
    struct opencps_plan *plan;
    uint64_t now_ms;
    int64_t wall_s;
    char cursor[64];
    char asked[CALLS_MAX][160];
    size_t n;
    int64_t (*total)(struct site *site, const struct opencps_query *q, size_t call);
    bool full_done;
    int err;
    struct errmsg why;
};

static void path_of(const struct opencps_query *q, char out[160])
{
    struct buf path;

    buf_init(&path, 4096);
    opencps_query_path(q, &path);
    assert_int_equal(buf_error(&path), 0);
    snprintf(out, 160, "%s", buf_text(&path));
    buf_free(&path);
}

/* One poll; false when there is nothing more before the interval. */
static bool poll_once(struct site *site, bool full)
{
    struct opencps_progress progress;
    struct opencps_query q;
    struct opencps_query again;

    site->err = opencps_plan_begin(site->plan, site->cursor, full, site->now_ms, site->wall_s);
    assert_int_equal(site->err, 0);
    if (!opencps_plan_next(site->plan, site->now_ms, &q)) {
        opencps_plan_idle(site->plan, site->now_ms, &progress);
        assert_false(progress.more);
        return false;
    }
    assert_true(opencps_plan_next(site->plan, site->now_ms, &again));
    assert_memory_equal(&q, &again, sizeof(q));
    assert_true(q.end > q.start);
    assert_true(q.end - q.start <= OPENCPS_PAGE_MAX);
    assert_true(site->n < CALLS_MAX);
    path_of(&q, site->asked[site->n++]);
    memset(&site->why, 0, sizeof(site->why));
    site->err = opencps_plan_answer(site->plan, site->total(site, &q, site->n), 0, site->now_ms,
                                    &progress, &site->why);
    if (site->err != 0) {
        return false;
    }
    snprintf(site->cursor, sizeof(site->cursor), "%s", progress.cursor);
    site->full_done = site->full_done || progress.full_done;
    return progress.more;
}

/* A poll and all that follow it at once; the number of calls. */
static size_t round_of(struct site *site, bool full)
{
    size_t before = site->n;

    while (poll_once(site, full)) {
        full = false;
    }
    return site->n - before;
}

static void pass(struct site *site, uint64_t ms)
{
    site->now_ms += ms;
    site->wall_s += (int64_t)(ms / 1000);
}

static size_t count(const struct site *site, size_t from, const char *part)
{
    size_t n = 0;

    for (size_t i = from; i < site->n; i++) {
        n += strstr(site->asked[i], part) != NULL;
    }
    return n;
}

static int64_t total_three(struct site *site, const struct opencps_query *q, size_t call)
{
    (void)site;
    (void)call;
    return q->system == 0 ? 3 : 0;
}

static int64_t total_none(struct site *site, const struct opencps_query *q, size_t call)
{
    (void)site;
    (void)q;
    (void)call;
    return 0;
}

static void site_open(struct site *site, const char *cursor, int64_t start_from_s)
{
    static const char *const small[] = {"waiting", "paying"};
    static const char *const big[] = {"processing"};
    struct opencps_plan_settings settings = {.page_size = 100,
                                             .poll_every_ms = POLL_MS,
                                             .sweep_every_ms = SWEEP_MS,
                                             .slow_sweep_every_ms = SLOW_MS,
                                             .full_sweep_at_s = 5400,
                                             .start_from_s = start_from_s};

    memset(site, 0, sizeof(*site));
    site->plan = opencps_plan_new(&settings);
    assert_non_null(site->plan);
    assert_int_equal(opencps_plan_set_states(site->plan, OPENCPS_SMALL, small, 2), 0);
    assert_int_equal(opencps_plan_set_states(site->plan, OPENCPS_BIG, big, 1), 0);
    site->now_ms = 1000000;
    site->wall_s = at("2026-11-20 14:00");
    site->total = total_three;
    snprintf(site->cursor, sizeof(site->cursor), "%s", cursor);
}

static void site_close(struct site *site)
{
    for (size_t i = 0; i < site->n; i++) {
        assert_non_null(strstr(site->asked[i], "&end="));
        assert_null(strstr(site->asked[i], "&end=0"));
        assert_non_null(strstr(site->asked[i], "?start="));
    }
    opencps_plan_free(site->plan);
}

static void the_first_reading_goes_by_days_oldest_first_and_then_lives(void **state)
{
    struct site site;

    (void)state;
    site_open(&site, "", at("2026-11-18 00:00"));
    assert_true(poll_once(&site, false));
    assert_string_equal(site.asked[0],
                        "/dossiers?start=0&end=100&systemId=0&fromSubmitDate=18%2F11%2F2026"
                        "&toSubmitDate=18%2F11%2F2026");
    assert_string_equal(site.cursor, "backfill 0 2026-11-19");
    assert_true(poll_once(&site, false));
    assert_true(poll_once(&site, false));
    assert_string_equal(site.cursor, "backfill 5 2026-11-18");
    round_of(&site, false);
    assert_string_equal(site.cursor, "live");
    site_close(&site);
}

static int64_t total_250(struct site *site, const struct opencps_query *q, size_t call)
{
    (void)site;
    (void)call;
    return q->system == 0 ? 250 : 0;
}

static void a_restart_goes_on_at_the_page(void **state)
{
    struct site site;

    (void)state;
    site_open(&site, "", at("2026-11-15 00:00"));
    site.total = total_250;
    poll_once(&site, false);
    assert_string_equal(site.cursor, "backfill 0 2026-11-15 100 250");
    site_close(&site);

    site_open(&site, "backfill 0 2026-11-15 100 250", at("2026-11-15 00:00"));
    site.total = total_250;
    poll_once(&site, false);
    assert_non_null(strstr(site.asked[0], "start=100&end=200&"));
    assert_string_equal(site.cursor, "backfill 0 2026-11-15 200 250");
    poll_once(&site, false);
    assert_string_equal(site.cursor, "backfill 0 2026-11-16");
    site_close(&site);
}

static void a_cursor_that_was_not_committed_is_taken_up_again(void **state)
{
    struct site site;

    (void)state;
    site_open(&site, "", at("2026-11-15 00:00"));
    site.total = total_250;
    poll_once(&site, false);
    snprintf(site.cursor, sizeof(site.cursor), "%s", "");
    poll_once(&site, false);
    assert_string_equal(site.asked[0], site.asked[1]);
    site_close(&site);
}

static int64_t total_only_2025_03(struct site *site, const struct opencps_query *q, size_t call)
{
    (void)site;
    (void)call;
    return q->system == 0 && (!q->dated || (q->from_s <= at("2025-03-05 00:00") &&
                                            q->to_s >= at("2025-03-05 00:00")))
               ? 7
               : 0;
}

static void empty_years_and_months_cost_a_few_calls(void **state)
{
    struct site site;

    (void)state;
    site_open(&site, "", 0);
    site.total = total_only_2025_03;
    while (strncmp(site.cursor, "live", 4) != 0) {
        assert_true(poll_once(&site, false));
    }
    assert_in_range(site.n, 40, 260);
    assert_int_equal(count(&site, 0, "fromSubmitDate=05%2F03%2F2025&toSubmitDate=05"), 1);
    assert_int_equal(count(&site, 0, "fromSubmitDate=01%2F01%2F2010&toSubmitDate=31%2F12%2F2010"),
                     2);
    assert_string_equal(site.cursor, "live");
    site_close(&site);
}

/* Day 15 has 250, then 240 rows: moving until the sixth call. */
static int64_t total_moving(struct site *site, const struct opencps_query *q, size_t call)
{
    (void)site;
    return q->from_s != at("2026-11-15 00:00") || q->system != 0 ? 5
           : call < 9                                            ? 300 - (int64_t)call
                                                                 : 290;
}

static void a_day_that_moves_is_read_again_and_waits_after_three_times(void **state)
{
    struct site site;

    (void)state;
    site_open(&site, "", at("2026-11-15 00:00"));
    site.total = total_moving;
    assert_int_equal(round_of(&site, false), 9); /* three pages, three times */
    assert_string_equal(site.cursor, "backfill 0 2026-11-15");
    pass(&site, POLL_MS);
    assert_true(round_of(&site, false) > 3);
    assert_string_equal(site.cursor, "live");
    site_close(&site);
}

static void live_after_a_restart_everything_is_due_at_once(void **state)
{
    struct site site;

    (void)state;
    site_open(&site, "live", 0);
    round_of(&site, false);
    assert_string_equal(site.asked[0], "/dossiers?start=0&end=1&systemId=0");
    assert_int_equal(count(&site, 0, "20%2F11%2F2026&"), 8);
    assert_int_equal(count(&site, 0, "from"), 8 + 8 + 4);
    assert_int_equal(count(&site, 0, "fromFinishDate=13%2F11%2F2026"), 2);
    assert_int_equal(count(&site, 0, "fromFinishDate=21%2F10%2F2026"), 2);
    assert_int_equal(count(&site, 0, "status=waiting"), 2);
    assert_int_equal(count(&site, 0, "status=processing"), 2);
    assert_string_equal(site.cursor, "live");
    site_close(&site);
}

static void a_poll_between_looks_at_todays_first_pages_only(void **state)
{
    struct site site;
    size_t before;

    (void)state;
    site_open(&site, "live", 0);
    round_of(&site, false);
    pass(&site, POLL_MS);
    before = site.n;
    assert_int_equal(round_of(&site, false), 8);
    assert_int_equal(count(&site, before, "fromReceiveDate=20%2F11%2F2026"), 2);
    assert_int_equal(round_of(&site, false),
                     8); /* an operator's poll does not wait for the interval */
    site_close(&site);
}

static int64_t total_grows(struct site *site, const struct opencps_query *q, size_t call)
{
    (void)call;
    return q->dated && q->date == OPENCPS_RECEIVE && q->system == 0 &&
                   q->from_s == at("2026-11-20 00:00")
               ? (site->now_ms > 1000000 ? 260 : 250)
               : 2;
}

static void a_total_that_moved_brings_the_rest_of_its_window(void **state)
{
    struct site site;
    size_t before;

    (void)state;
    site_open(&site, "live", 0);
    site.total = total_grows;
    round_of(&site, false);
    pass(&site, POLL_MS);
    before = site.n;
    assert_int_equal(round_of(&site, false), 8 + 2);
    assert_int_equal(count(&site, before, "start=200&end=300&systemId=0&fromReceiveDate=20"), 1);
    pass(&site, POLL_MS);
    assert_int_equal(round_of(&site, false), 8);
    site_close(&site);
}

static void sweeps_come_at_their_interval(void **state)
{
    struct site site;
    size_t before;

    (void)state;
    site_open(&site, "live", 0);
    round_of(&site, false);
    pass(&site, SWEEP_MS);
    before = site.n;
    assert_int_equal(round_of(&site, false), 1 + 16 + 4);
    assert_int_equal(count(&site, before, "19%2F11%2F2026&"), 8);
    assert_int_equal(count(&site, before, "status=processing"), 0);
    site_close(&site);
}

static int64_t total_big(struct site *site, const struct opencps_query *q, size_t call)
{
    (void)site;
    (void)call;
    return strcmp(q->status, "processing") == 0 && q->system == 0 ? 24000 : 1;
}

static void big_states_are_paced_over_the_slow_interval(void **state)
{
    struct site site;
    size_t begun;
    size_t most = 0;

    (void)state;
    site_open(&site, "live", 0);
    site.total = total_big;
    round_of(&site, false);
    pass(&site, SLOW_MS);
    begun = site.n;
    for (int i = 0; i < 120; i++) { /* one slow interval */
        size_t before = site.n;
        size_t pages;

        round_of(&site, false);
        pages = count(&site, before, "status=processing");
        most = pages > most ? pages : most;
        pass(&site, POLL_MS);
    }
    assert_int_equal(count(&site, begun, "status=processing"), 241);
    assert_in_range(most, 2, 5);
    site_close(&site);
}

static int64_t total_shrinks(struct site *site, const struct opencps_query *q, size_t call)
{
    (void)site;
    (void)call;
    if (strcmp(q->status, "processing") != 0 || q->system != 0) {
        return 1;
    }
    return q->start == 0 ? 250 : 240;
}

static void rows_that_left_a_big_list_are_made_good_by_stepping_back(void **state)
{
    struct site site;

    (void)state;
    site_open(&site, "live", 0);
    site.total = total_shrinks;
    round_of(&site, false);
    assert_int_equal(count(&site, 0, "start=0&end=100&systemId=0&status=processing"), 1);
    assert_int_equal(count(&site, 0, "start=100&end=200&systemId=0&status=processing"), 1);
    assert_int_equal(count(&site, 0, "start=190&end=290&systemId=0&status=processing"), 1);
    site_close(&site);
}

static void the_night_reads_everything_open_once(void **state)
{
    struct site site;
    size_t before;

    (void)state;
    site_open(&site, "live", 0);
    round_of(&site, false);
    pass(&site, 11 * UINT64_C(3600000)); /* 01:00 */
    round_of(&site, false);
    before = site.n;
    pass(&site, 40 * UINT64_C(60000));
    round_of(&site, false);
    assert_int_equal(count(&site, before, "status=processing"), 2);
    assert_int_equal(count(&site, before, "fromFinishDate=14%2F11%2F2026"), 2);
    before = site.n;
    pass(&site, POLL_MS);
    round_of(&site, false);
    assert_int_equal(count(&site, before, "fromFinishDate=14%2F11%2F2026"), 0);
    site_close(&site);
}

static void a_complete_sweep_says_when_it_ended(void **state)
{
    static const char *const others[] = {"merging"};
    struct site site;
    size_t before;

    (void)state;
    site_open(&site, "live", 0);
    assert_int_equal(opencps_plan_set_states(site.plan, OPENCPS_OTHER, others, 1), 0);
    round_of(&site, false);
    assert_false(site.full_done);
    pass(&site, POLL_MS);
    before = site.n;
    round_of(&site, true);
    assert_true(site.full_done);
    assert_int_equal(count(&site, before, "status=merging"), 2);
    assert_int_equal(count(&site, before, "fromReleaseDate=13%2F11%2F2026"), 2);
    site_close(&site);
}

static void a_site_that_lost_its_rows_is_not_believed(void **state)
{
    struct site site;

    (void)state;
    site_open(&site, "live", 0);
    site.total = total_none;
    round_of(&site, false);
    assert_int_equal(site.err, ERR_REMOTE);
    assert_non_null(strstr(site.why.text, "group_id"));
    assert_int_equal(site.n, 2); /* neither system shows any */
    pass(&site, POLL_MS);
    round_of(&site, true);
    assert_int_equal(site.err, ERR_REMOTE);
    assert_false(site.full_done);
    site.total = total_three;
    pass(&site, POLL_MS);
    round_of(&site, false);
    assert_int_equal(site.err, 0);
    assert_true(site.full_done);
    site_close(&site);
}

static void a_window_that_lost_its_rows_asks_for_the_whole_site(void **state)
{
    struct site site;

    (void)state;
    site_open(&site, "live", 0);
    round_of(&site, false);
    site.total = total_none;
    pass(&site, POLL_MS);
    round_of(&site, false);
    assert_int_equal(site.err, ERR_REMOTE);
    site_close(&site);
}

static void an_empty_day_of_the_first_reading_is_believed_after_the_check_only(void **state)
{
    struct site site;

    (void)state;
    site_open(&site, "backfill 0 2026-11-15", at("2026-11-15 00:00"));
    site.total = total_none;
    round_of(&site, false);
    assert_int_equal(site.err, ERR_REMOTE);
    assert_string_equal(site.cursor, "backfill 0 2026-11-15");
    site.total = total_three;
    pass(&site, POLL_MS);
    round_of(&site, false);
    assert_string_equal(site.cursor, "live");
    assert_int_equal(count(&site, 3, "systemId=0&fromSubmitDate=15%2F11%2F2026"), 1);
    site_close(&site);
}

static void a_site_without_rows_becomes_live_without_alarm(void **state)
{
    struct site site;

    (void)state;
    site_open(&site, "", at("2026-11-15 00:00"));
    site.total = total_none;
    round_of(&site, false);
    assert_int_equal(site.err, 0);
    assert_string_equal(site.cursor, "live empty");
    site_close(&site);
}

static void a_list_that_fails_lets_the_others_go_first(void **state)
{
    struct site site;
    struct opencps_query first;
    struct opencps_query q;

    (void)state;
    site_open(&site, "live", 0);
    round_of(&site, false);
    pass(&site, POLL_MS);
    assert_int_equal(opencps_plan_begin(site.plan, "live", false, site.now_ms, site.wall_s), 0);
    assert_true(opencps_plan_next(site.plan, site.now_ms, &first));
    opencps_plan_failed(site.plan, true, site.now_ms);
    assert_int_equal(opencps_plan_begin(site.plan, "live", false, site.now_ms, site.wall_s), 0);
    assert_true(opencps_plan_next(site.plan, site.now_ms, &q));
    assert_memory_not_equal(&first, &q, sizeof(q));
    opencps_plan_failed(site.plan, false, site.now_ms); /* no answer at all: nobody's fault */
    assert_int_equal(opencps_plan_begin(site.plan, "live", false, site.now_ms, site.wall_s), 0);
    assert_true(opencps_plan_next(site.plan, site.now_ms, &first));
    assert_memory_equal(&first, &q, sizeof(q));
    site_close(&site);
}

static void a_new_day_is_a_new_window(void **state)
{
    struct site site;
    size_t before;

    (void)state;
    site_open(&site, "live", 0);
    round_of(&site, false);
    pass(&site, 10 * UINT64_C(3600000));
    before = site.n;
    round_of(&site, false);
    assert_int_equal(count(&site, before, "toSubmitDate=21%2F11%2F2026"), 2);
    assert_int_equal(count(&site, before, "toSubmitDate=20%2F11%2F2026"), 2);
    site_close(&site);
}

static void statuses_are_encoded(void **state)
{
    struct opencps_query q = {.status = "chờ & xử lý", .end = 5};
    char text[160];

    (void)state;
    path_of(&q, text);
    assert_null(strstr(text, "& "));
    assert_non_null(strstr(text, "status=ch%E1%BB%9D"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_reading_goes_by_days_oldest_first_and_then_lives),
        cmocka_unit_test(a_restart_goes_on_at_the_page),
        cmocka_unit_test(a_cursor_that_was_not_committed_is_taken_up_again),
        cmocka_unit_test(empty_years_and_months_cost_a_few_calls),
        cmocka_unit_test(a_day_that_moves_is_read_again_and_waits_after_three_times),
        cmocka_unit_test(live_after_a_restart_everything_is_due_at_once),
        cmocka_unit_test(a_poll_between_looks_at_todays_first_pages_only),
        cmocka_unit_test(a_total_that_moved_brings_the_rest_of_its_window),
        cmocka_unit_test(sweeps_come_at_their_interval),
        cmocka_unit_test(big_states_are_paced_over_the_slow_interval),
        cmocka_unit_test(rows_that_left_a_big_list_are_made_good_by_stepping_back),
        cmocka_unit_test(the_night_reads_everything_open_once),
        cmocka_unit_test(a_complete_sweep_says_when_it_ended),
        cmocka_unit_test(a_site_that_lost_its_rows_is_not_believed),
        cmocka_unit_test(a_window_that_lost_its_rows_asks_for_the_whole_site),
        cmocka_unit_test(an_empty_day_of_the_first_reading_is_believed_after_the_check_only),
        cmocka_unit_test(a_site_without_rows_becomes_live_without_alarm),
        cmocka_unit_test(a_list_that_fails_lets_the_others_go_first),
        cmocka_unit_test(a_new_day_is_a_new_window),
        cmocka_unit_test(statuses_are_encoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
