#include "domain/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "domain/vntime.h"

#define HEADER "kind,first,last,days,hours,instead_of,basis\n"
#define HOURS "hours,2024-12-01,,mon-fri,07:30-11:30 13:30-17:30,,\n"
#define WEEK HEADER "covered,2025-01-01,2026-12-31,,,,test\n" HOURS
#define HOUR_S INT64_C(3600)

static struct calendar *good(const char *text)
{
    struct errmsg msg = {""};
    struct calendar *cal = NULL;

    if (calendar_parse("c.csv", text, strlen(text), &cal, &msg) != 0) {
        fail_msg("%s", msg.text);
    }
    assert_non_null(cal);
    return cal;
}

static void bad(const char *text, const char *message)
{
    struct errmsg msg = {""};
    struct calendar *cal = (struct calendar *)&msg;

    assert_int_equal(calendar_parse("c.csv", text, strlen(text), &cal, &msg), ERR_CONFIG);
    assert_null(cal);
    assert_string_equal(msg.text, message);
}

/* The calendar that is shipped. */
static struct calendar *shipped(void)
{
    struct errmsg msg = {""};
    struct calendar *cal = NULL;

    if (calendar_load("conf/calendar.csv", &cal, &msg) != 0) {
        fail_msg("%s", msg.text);
    }
    return cal;
}

/* "2026-02-13 17:30", or a day alone. */
static int64_t vn(const char *text)
{
    int64_t at_s = 0;
    const char *pattern = strlen(text) == 10 ? "yyyy-MM-dd" : "yyyy-MM-dd HH:mm";

    assert_int_equal(vntime_parse(text, pattern, &at_s), 0);
    return at_s;
}

static void assert_time(int64_t at_s, const char *expected)
{
    char text[32] = "";

    (void)vntime_format(at_s, "yyyy-MM-dd HH:mm", text, sizeof(text));
    assert_string_equal(text, expected);
}

static bool worked(const struct calendar *cal, const char *day)
{
    bool out = false;

    assert_int_equal(calendar_is_working_day(cal, vn(day), &out), 0);
    return out;
}

static int64_t plus_days(const struct calendar *cal, const char *at, int n)
{
    int64_t out_s = 0;

    assert_int_equal(calendar_add_days(cal, vn(at), n, &out_s), 0);
    return out_s;
}

static int64_t term(const struct calendar *cal, const char *at, int n)
{
    int64_t out_s = 0;

    assert_int_equal(calendar_term_end(cal, vn(at), n, &out_s), 0);
    return out_s;
}

static int64_t days(const struct calendar *cal, const char *from, const char *to)
{
    int64_t out = -99;

    assert_int_equal(calendar_days_between(cal, vn(from), vn(to), &out), 0);
    return out;
}

static int64_t seconds(const struct calendar *cal, const char *from, const char *to)
{
    int64_t out_s = -99;

    assert_int_equal(calendar_seconds_between(cal, vn(from), vn(to), &out_s), 0);
    return out_s;
}

static int64_t plus_seconds(const struct calendar *cal, const char *at, int64_t seconds_more)
{
    int64_t out_s = -99;

    assert_int_equal(calendar_add_seconds(cal, vn(at), seconds_more, &out_s), 0);
    return out_s;
}

static void the_shipped_file_knows_tet(void **state)
{
    struct calendar *cal = shipped();

    (void)state;
    assert_true(worked(cal, "2025-01-24"));
    assert_false(worked(cal, "2025-01-27"));
    assert_false(worked(cal, "2025-01-31"));
    assert_true(worked(cal, "2025-02-03"));
    assert_true(worked(cal, "2026-02-13"));
    assert_false(worked(cal, "2026-02-16"));
    assert_false(worked(cal, "2026-02-20"));
    assert_true(worked(cal, "2026-02-23"));
    /* five working days from the Friday before Tet end on the Friday after it */
    assert_time(term(cal, "2026-02-13 16:00", 5), "2026-02-28 00:00");
    assert_time(plus_seconds(cal, "2026-02-13 16:30", 2 * HOUR_S), "2026-02-23 08:30");
    assert_int_equal(seconds(cal, "2026-02-13 16:30", "2026-02-23 08:30"), 2 * HOUR_S);
    calendar_free(cal);
}

static void the_shipped_file_knows_the_other_holidays(void **state)
{
    static const char *const off[] = {"2025-01-01", "2025-04-07", "2025-04-30", "2025-05-01",
                                      "2025-05-02", "2025-09-01", "2025-09-02", "2026-01-01",
                                      "2026-01-02", "2026-04-27", "2026-04-30", "2026-05-01",
                                      "2026-08-31", "2026-09-01", "2026-09-02"};
    static const char *const on[] = {"2025-01-02", "2025-04-08", "2025-04-26", "2025-04-29",
                                     "2025-05-05", "2025-09-03", "2025-12-31", "2026-01-05",
                                     "2026-01-10", "2026-04-28", "2026-05-04", "2026-08-22",
                                     "2026-08-28", "2026-09-03", "2026-11-23"};
    struct calendar *cal = shipped();

    (void)state;
    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        if (worked(cal, off[i])) {
            fail_msg("%s is worked", off[i]);
        }
    }
    for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
        if (!worked(cal, on[i])) {
            fail_msg("%s is not worked", on[i]);
        }
    }
    calendar_free(cal);
}

static void the_shipped_file_does_not_guess(void **state)
{
    struct calendar *cal = shipped();
    bool out = true;
    int64_t out_s = 7;

    (void)state;
    assert_false(calendar_covers(cal, vn("2024-12-31")));
    assert_true(calendar_covers(cal, vn("2025-01-01")));
    assert_true(calendar_covers(cal, vn("2026-11-23 23:59")));
    assert_false(calendar_covers(cal, vn("2026-11-24")));
    assert_int_equal(calendar_is_working_day(cal, vn("2027-02-06"), &out), CALENDAR_NOT_COVERED);
    assert_true(out);
    assert_int_equal(calendar_term_end(cal, vn("2026-11-20"), 5, &out_s), CALENDAR_NOT_COVERED);
    assert_int_equal(out_s, 7);
    calendar_free(cal);
}

static void a_moved_day_has_the_hours_of_the_one_it_replaces(void **state)
{
    struct calendar *cal = good(HEADER "covered,2026-08-01,2026-09-30,,,,test\n"
                                       "hours,2026-01-01,,tue-fri,07:30-11:30 13:30-17:30,,\n"
                                       "hours,2026-01-01,,mon,08:00-12:00,,\n"
                                       "holiday,2026-09-01,2026-09-02,,,,test\n"
                                       "moved,2026-08-22,,,,2026-08-31,test\n"
                                       "moved,2026-08-23,,,09:00-10:00,,\"worked in addition\"\n");

    (void)state;
    assert_int_equal(seconds(cal, "2026-08-22", "2026-08-23"), 4 * HOUR_S);
    assert_int_equal(seconds(cal, "2026-08-23", "2026-08-24"), 1 * HOUR_S);
    assert_int_equal(seconds(cal, "2026-08-24", "2026-08-25"), 4 * HOUR_S);
    assert_int_equal(seconds(cal, "2026-08-25", "2026-08-26"), 8 * HOUR_S);
    assert_int_equal(seconds(cal, "2026-08-31", "2026-09-03"), 0);
    /* Friday 28 August to Thursday 3 September: no working day between */
    assert_time(plus_days(cal, "2026-08-28 09:15", 1), "2026-09-03 09:15");
    assert_time(plus_days(cal, "2026-09-03 09:15", -1), "2026-08-28 09:15");
    /* Friday 21, Saturday 22 and Sunday 23 are worked, Monday too */
    assert_int_equal(days(cal, "2026-08-21 12:00", "2026-08-24 00:00"), 3);
    calendar_free(cal);
}

static void midnight_begins_a_day_in_hanoi(void **state)
{
    struct calendar *cal = good(WEEK);
    bool out = false;

    (void)state;
    /* 16:59:59 UTC is the last second of the local day */
    assert_int_equal(calendar_is_working_day(cal, vn("2026-03-07") - 1, &out), 0);
    assert_true(out); /* a Friday */
    assert_int_equal(calendar_is_working_day(cal, vn("2026-03-07"), &out), 0);
    assert_false(out);
    assert_int_equal(days(cal, "2026-03-06 23:59", "2026-03-09 00:00"), 1);
    assert_int_equal(days(cal, "2026-03-06 00:00", "2026-03-06 23:59"), 0);
    assert_int_equal(days(cal, "2026-03-09 00:00", "2026-03-06 23:59"), -1);
    /* the day of the beginning does not count: Monday to Friday give the next Monday's end */
    assert_time(term(cal, "2026-03-02 00:00", 5), "2026-03-10 00:00");
    assert_time(term(cal, "2026-03-02 23:59", 5), "2026-03-10 00:00");
    assert_time(term(cal, "2026-03-01 08:00", 5), "2026-03-07 00:00"); /* begun on a Sunday */
    assert_time(term(cal, "2026-03-02 08:00", 1), "2026-03-04 00:00");
    calendar_free(cal);
}

static void hours_are_counted_within_their_parts(void **state)
{
    struct calendar *cal = good(WEEK);
    bool out = false;

    (void)state;
    assert_int_equal(seconds(cal, "2026-03-02 07:00", "2026-03-02 18:00"), 8 * HOUR_S);
    assert_int_equal(seconds(cal, "2026-03-02 11:30", "2026-03-02 13:30"), 0);
    assert_int_equal(seconds(cal, "2026-03-02 11:00", "2026-03-02 14:00"), HOUR_S);
    assert_int_equal(seconds(cal, "2026-03-06 17:00", "2026-03-09 08:00"), HOUR_S);
    assert_int_equal(seconds(cal, "2026-03-09 08:00", "2026-03-06 17:00"), -HOUR_S);
    assert_int_equal(seconds(cal, "2026-03-02 09:00", "2026-03-02 09:00"), 0);
    assert_time(plus_seconds(cal, "2026-03-02 07:30", 8 * HOUR_S), "2026-03-02 17:30");
    assert_time(plus_seconds(cal, "2026-03-02 07:30", 4 * HOUR_S), "2026-03-02 11:30");
    assert_time(plus_seconds(cal, "2026-03-02 17:30", 60), "2026-03-03 07:31");
    assert_time(plus_seconds(cal, "2026-03-07 12:00", 8 * HOUR_S), "2026-03-09 17:30");
    assert_time(plus_seconds(cal, "2026-03-09 07:30", -8 * HOUR_S), "2026-03-06 07:30");
    assert_time(plus_seconds(cal, "2026-03-09 07:30", -60), "2026-03-06 17:29");
    assert_time(plus_seconds(cal, "2026-03-07 12:34", 0), "2026-03-07 12:34");
    assert_int_equal(calendar_is_working_time(cal, vn("2026-03-02 07:30"), &out), 0);
    assert_true(out);
    assert_int_equal(calendar_is_working_time(cal, vn("2026-03-02 11:30"), &out), 0);
    assert_false(out);
    calendar_free(cal);
}

static void a_year_s_end_is_no_border_but_where_cover_ends(void **state)
{
    struct calendar *cal = good(HEADER "covered,2025-01-01,2025-12-31,,,,one\n"
                                       "covered,2026-01-01,2026-01-31,,,,two\n"
                                       "covered,2026-03-01,2026-12-31,,,,three\n" HOURS
                                       "holiday,2026-01-01,,,,,test\n");
    int64_t out_s = 7;
    int64_t first_s;
    int64_t end_s;

    (void)state;
    assert_time(plus_days(cal, "2025-12-31 10:00", 1), "2026-01-02 10:00");
    assert_int_equal(seconds(cal, "2025-12-31 16:30", "2026-01-02 08:30"), 2 * HOUR_S);
    /* February is not covered: nothing reaches over it */
    assert_int_equal(calendar_add_days(cal, vn("2026-01-30"), 1, &out_s), CALENDAR_NOT_COVERED);
    assert_int_equal(calendar_add_seconds(cal, vn("2026-01-30 17:00"), 1801, &out_s),
                     CALENDAR_NOT_COVERED);
    assert_int_equal(calendar_add_seconds(cal, vn("2026-03-02"), -1, &out_s), CALENDAR_NOT_COVERED);
    assert_int_equal(calendar_seconds_between(cal, vn("2026-01-30"), vn("2026-03-02"), &out_s),
                     CALENDAR_NOT_COVERED);
    assert_int_equal(calendar_days_between(cal, vn("2026-01-30"), vn("2026-03-02"), &out_s),
                     CALENDAR_NOT_COVERED);
    assert_int_equal(out_s, 7);
    calendar_span(cal, &first_s, &end_s);
    assert_time(first_s, "2025-01-01 00:00");
    assert_time(end_s, "2027-01-01 00:00");
    calendar_free(cal);
}

static void times_of_no_calendar_are_not_covered(void **state)
{
    static const int64_t times[] = {INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX - 1, INT64_MAX};
    struct calendar *cal;
    int64_t out_s = 7;
    bool out;

    (void)state;
    assert_int_equal(calendar_plain(&cal), 0);
    assert_true(calendar_is_plain(cal));
    assert_string_equal(calendar_path(cal), "");
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        assert_int_equal(calendar_is_working_day(cal, times[i], &out), CALENDAR_NOT_COVERED);
        assert_int_equal(calendar_add_days(cal, times[i], 1, &out_s), CALENDAR_NOT_COVERED);
        assert_int_equal(calendar_add_seconds(cal, times[i], 1, &out_s), CALENDAR_NOT_COVERED);
        assert_int_equal(calendar_seconds_between(cal, times[i], vn("2026-03-02"), &out_s),
                         CALENDAR_NOT_COVERED);
        assert_int_equal(calendar_days_between(cal, vn("2026-03-02"), times[i], &out_s),
                         CALENDAR_NOT_COVERED);
    }
    assert_int_equal(calendar_add_seconds(cal, vn("2026-03-02"), INT64_MIN, &out_s),
                     CALENDAR_NOT_COVERED);
    assert_int_equal(calendar_add_days(cal, vn("2026-03-02"), INT32_MIN, &out_s),
                     CALENDAR_NOT_COVERED);
    assert_int_equal(out_s, 7);
    calendar_free(cal);
}

static void the_plain_calendar_is_the_one_of_vntime(void **state)
{
    struct calendar *cal;
    int64_t from_s = vn("2026-01-01 00:10");

    (void)state;
    assert_int_equal(calendar_plain(&cal), 0);
    for (int64_t to_s = from_s; to_s < from_s + 15 * 86400; to_s += 1237) {
        int64_t out_s = -1;

        assert_int_equal(calendar_seconds_between(cal, from_s, to_s, &out_s), 0);
        assert_int_equal(out_s, vntime_working_seconds(from_s, to_s));
    }
    calendar_free(cal);
}

static void all_faults_come_at_once_with_their_lines(void **state)
{
    (void)state;
    bad("", "c.csv:1: the file has no header line; begin it with the names of the columns");
    bad("kind,first,last,days,hours,basis\n",
        "c.csv:1: column \"instead_of\" is missing; add it to the header line");
    bad(HEADER "covered,2026-01-01,2026-12-31,,,,\n"
               "vacation,2026-01-01,,,,,x\n"
               "holiday,2026-02-30,,,,,x\n"
               "hours,2026-01-01,,mon-fry,07:30-11:30,,\n"
               "holiday,2026-02-20,2026-02-16,,,,x\n",
        "c.csv:2: basis is empty; a row of kind covered needs it\n"
        "c.csv:3: unknown kind \"vacation\"; covered, hours, holiday and moved are known\n"
        "c.csv:4: first \"2026-02-30\" is no date from 2000 to 2199; write it as 2026-02-16\n"
        "c.csv:5: days \"mon-fry\" is not valid; write mon-fri or mon wed sat\n"
        "c.csv:6: last is before first; correct the dates");
    bad(HEADER "hours,2026-01-01,,mon,25:00-26:00,,\n"
               "hours,2026-01-01,,mon,08:00-07:00,,\n"
               "hours,2026-01-01,,mon,08:00-10:00 09:00-12:00,,\n",
        "c.csv:2: hours \"25:00-26:00\" is not valid; write 07:30-11:30 13:30-17:30, at most 4 "
        "parts in order\n"
        "c.csv:3: hours \"08:00-07:00\" is not valid; write 07:30-11:30 13:30-17:30, at most 4 "
        "parts in order\n"
        "c.csv:4: hours \"08:00-10:00 09:00-12:00\" is not valid; write 07:30-11:30 13:30-17:30, "
        "at most 4 parts in order");
    bad(HEADER "holiday,2026-01-01,,mon,,,x\n"
               "moved,2026-01-10,,,,,x\n",
        "c.csv:2: days means nothing in a row of kind holiday; empty it\n"
        "c.csv:3: neither instead_of nor hours is given; fill one of them");
}

static void what_contradicts_is_a_fault(void **state)
{
    (void)state;
    bad(HEADER HOURS,
        "c.csv:3: no row of kind covered; add one for the time that is known as a whole");
    bad(HEADER "covered,2024-11-01,2024-12-31,,,,x\n" HOURS,
        "c.csv:2: no hours hold on 2024-11-01; add a row of kind hours");
    bad(WEEK "hours,2026-06-01,,fri sat,08:00-11:00,,\n",
        "c.csv:4: holds on 2026-06-05 like line 3; end one before the other begins");
    bad(WEEK "covered,2026-12-31,2027-01-31,,,,x\n",
        "c.csv:4: 2026-12-31 is covered by another row too; end one before the other begins");
    bad(WEEK "holiday,2027-01-01,,,,,x\n",
        "c.csv:4: 2027-01-01 is not covered; add a row of kind covered or remove this");
    bad(WEEK "holiday,2026-02-16,2026-02-20,,,,x\nholiday,2026-02-20,,,,,x\n",
        "c.csv:5: 2026-02-20 stands in another row too; remove one");
    bad(WEEK "moved,2026-08-21,,,,2026-08-31,x\nmoved,2026-08-22,,,,2026-08-30,x\n",
        "c.csv:4: 2026-08-21 is worked anyway; first is the day that is worked instead\n"
        "c.csv:5: 2026-08-30 is not worked anyway; instead_of is the day that becomes free");
}

static void a_file_that_is_none_is_refused(void **state)
{
    struct errmsg msg = {""};
    struct calendar *cal = NULL;

    (void)state;
    assert_int_equal(calendar_load("conf/no-such-calendar.csv", &cal, &msg), ERR_NOTFOUND);
    assert_int_equal(calendar_load("conf", &cal, &msg), ERR_INVAL);
    assert_string_equal(msg.text, "conf: not a regular file");
    assert_null(cal);
    calendar_free(NULL);
}

static void each_holder_frees(void **state)
{
    struct calendar *cal = good(WEEK);
    struct calendar *second = calendar_hold(cal);

    (void)state;
    calendar_free(cal);
    assert_true(worked(second, "2026-03-02"));
    calendar_free(second);
}

/* ---- against a slow reference: one flag for each minute of two years ---- */

#define MINUTES (730 * 24 * 60)

/* Minutes of 2025 and 2026 that are worked, by rules written a second time. */
static bool *reference(unsigned seed)
{
    bool *minutes = calloc(MINUTES, sizeof(bool));

    assert_non_null(minutes);
    for (int m = 0; m < MINUTES; m++) {
        int day = m / 1440; /* 2025-01-01, a Wednesday, is 0 */
        int minute = m % 1440;
        int weekday = (day + 2) % 7;
        bool hours = (minute >= 450 && minute < 690) || (minute >= 810 && minute < 1050);

        minutes[m] = weekday < 5 && hours;
        if (weekday < 5 && day % 17 == (int)(seed % 17)) {
            minutes[m] = false; /* a holiday, see calendar_of */
        }
        if (weekday == 5 && day % 14 == 3) {
            minutes[m] = minute >= 480 && minute < 600; /* a Saturday worked in addition */
        }
    }
    return minutes;
}

static struct calendar *calendar_of(unsigned seed)
{
    char *text = malloc(65536);
    size_t used;
    struct calendar *cal;

    assert_non_null(text);
    used = (size_t)snprintf(text, 65536, "%s", WEEK);
    for (int day = 0; day < 730; day++) {
        char date[16];
        int weekday = (day + 2) % 7;

        (void)vntime_format(vn("2025-01-01") + day * 86400, "yyyy-MM-dd", date, sizeof(date));
        if (weekday < 5 && day % 17 == (int)(seed % 17)) {
            used += (size_t)snprintf(text + used, 65536 - used, "holiday,%s,,,,,x\n", date);
        }
        if (weekday == 5 && day % 14 == 3) {
            used +=
                (size_t)snprintf(text + used, 65536 - used, "moved,%s,,,08:00-10:00,,x\n", date);
        }
    }
    cal = good(text);
    free(text);
    return cal;
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static void check_pair(const struct calendar *cal, const bool *minutes, int64_t base_s, int a,
                       int b)
{
    int low = a < b ? a : b;
    int high = a < b ? b : a;
    int64_t expected_s = 0;
    int64_t out_s = -1;
    int64_t back_s = -1;

    for (int m = low; m < high; m++) {
        expected_s += minutes[m] ? 60 : 0;
    }
    expected_s = a <= b ? expected_s : -expected_s;
    assert_int_equal(
        calendar_seconds_between(cal, base_s + (int64_t)a * 60, base_s + (int64_t)b * 60, &out_s),
        0);
    assert_int_equal(out_s, expected_s);
    /* going so far from a gives a time with as many seconds between, never beyond b */
    assert_int_equal(calendar_add_seconds(cal, base_s + (int64_t)a * 60, out_s, &back_s), 0);
    assert_true(a <= b ? back_s <= base_s + (int64_t)b * 60 : back_s >= base_s + (int64_t)b * 60);
    assert_int_equal(calendar_seconds_between(cal, base_s + (int64_t)a * 60, back_s, &out_s), 0);
    assert_int_equal(out_s, expected_s);
}

static void check_days(const struct calendar *cal, const bool *minutes, int64_t base_s, int a,
                       int n)
{
    int day = a / 1440;
    int64_t out_s = -1;
    int64_t out = -1;

    for (int left = n; left > 0;) {
        bool any = false;

        day++;
        for (int m = day * 1440; m < (day + 1) * 1440; m++) {
            any = any || minutes[m];
        }
        left -= any;
    }
    assert_int_equal(calendar_add_days(cal, base_s + (int64_t)a * 60, n, &out_s), 0);
    assert_int_equal(out_s, base_s + ((int64_t)day * 1440 + a % 1440) * 60);
    assert_int_equal(calendar_days_between(cal, base_s + (int64_t)a * 60, out_s, &out), 0);
    assert_int_equal(out, n);
    assert_int_equal(calendar_term_end(cal, base_s + (int64_t)a * 60, n, &out_s), 0);
    assert_int_equal(out_s, base_s + ((int64_t)day + 1) * 86400);
}

static void all_answers_agree_with_a_slow_reference(void **state)
{
    const char *given = getenv("SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    uint64_t random = seed;
    bool *minutes = reference(seed);
    struct calendar *cal = calendar_of(seed);
    int64_t base_s = vn("2025-01-01");

    (void)state;
    print_message("seed %u\n", seed);
    for (int i = 0; i < 2000; i++) {
        int a = (int)(next(&random) % MINUTES);
        int b = i % 2 == 0 ? (int)(next(&random) % MINUTES)
                           : (int)(next(&random) % 20000) + (a < 20000 ? 0 : a - 20000);

        check_pair(cal, minutes, base_s, a, b);
        check_days(cal, minutes, base_s, a % (MINUTES / 2), (int)(next(&random) % 40) + 1);
    }
    calendar_free(cal);
    free(minutes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_file_knows_tet),
        cmocka_unit_test(the_shipped_file_knows_the_other_holidays),
        cmocka_unit_test(the_shipped_file_does_not_guess),
        cmocka_unit_test(a_moved_day_has_the_hours_of_the_one_it_replaces),
        cmocka_unit_test(midnight_begins_a_day_in_hanoi),
        cmocka_unit_test(hours_are_counted_within_their_parts),
        cmocka_unit_test(a_year_s_end_is_no_border_but_where_cover_ends),
        cmocka_unit_test(times_of_no_calendar_are_not_covered),
        cmocka_unit_test(the_plain_calendar_is_the_one_of_vntime),
        cmocka_unit_test(all_faults_come_at_once_with_their_lines),
        cmocka_unit_test(what_contradicts_is_a_fault),
        cmocka_unit_test(a_file_that_is_none_is_refused),
        cmocka_unit_test(each_holder_frees),
        cmocka_unit_test(all_answers_agree_with_a_slow_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
