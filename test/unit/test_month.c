/* What one dossier counts for in a month: each figure by hand, with its edges. */
#include "domain/month.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "domain/vntime.h"

/* An item that was stored nobody knows when. */
#define KNOWN(k, s, n, at, changed)                                                                \
    {                                                                                              \
        .kind = (k), .state = (s), .status = (n), .at_s = (at), .changed_ms = (changed)            \
    }

static int64_t at(const char *text)
{
    int64_t at_s = 0;

    assert_int_equal(vntime_parse(text, "yyyy-MM-dd HH:mm:ss", &at_s), 0);
    assert_true(at_s != 0);
    return at_s;
}

/* "received online on_time": the figures that are not 0, in the order of the list; "x2" behind
 * those that are 2. */
static const char *counted(const char *now, const struct month_dossier *d)
{
    static char text[400];
    struct month_counts c = {{0}};
    struct month m;
    size_t used = 0;

    assert_int_equal(month_parse("2026-10", &m), 0);
    month_count(&m, at(now), d, &c);
    text[0] = '\0';
    for (unsigned i = 0; i < MONTH_FIGURES; i++) {
        assert_true(c.n[i] == 0 || c.n[i] == 1);
        if (c.n[i] == 1) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? " " : "",
                                     month_figure_name((enum month_figure)i));
        }
    }
    return text;
}

/* Online, received on the 10th at 8, promised for the 20th at 17. */
static struct month_dossier dossier(int status)
{
    return (struct month_dossier){
        .flow = "dossiers",
        .figures = {.procedure = "1.001193",
                    .sector = "",
                    .agency = "H22",
                    .channel = 2,
                    .submitted_s = at("2026-10-09 20:00:00"),
                    .received_s = at("2026-10-10 08:00:00")},
        .status = status,
        .promised_s = at("2026-10-20 17:00:00"),
        .first_promised_s = at("2026-10-20 17:00:00"),
    };
}

#define LATER "2026-12-01 00:00:00"

static void months_are_those_of_vietnam(void **state)
{
    static const char *const bad[] = {"",        "2026",    "2026-13",  "2026-00", "2026-1",
                                      "1999-12", "2200-01", "2026-10-", "2026/10", "26-10-1"};
    struct month m;

    (void)state;
    assert_int_equal(month_parse("2026-10", &m), 0);
    assert_int_equal(m.from_s, INT64_C(1790787600)); /* 2026-09-30T17:00:00Z */
    assert_int_equal(m.until_s, at("2026-11-01 00:00:00"));
    assert_int_equal(m.year_s, at("2026-01-01 00:00:00"));
    assert_string_equal(m.name, "2026-10");
    assert_int_equal(month_parse("2026-12", &m), 0);
    assert_int_equal(m.until_s, at("2027-01-01 00:00:00"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(month_parse(bad[i], &m), ERR_FORMAT);
    }
}

static void receipt_decides_the_month(void **state)
{
    struct month_dossier d = dossier(2);

    (void)state;
    d.promised_s = at("2026-12-20 17:00:00");
    d.first_promised_s = d.promised_s;
    assert_string_equal(counted(LATER, &d), "received online waiting waiting_in_time not_there");
    d.figures.received_s = at("2026-10-01 00:00:00");
    assert_string_equal(counted(LATER, &d), "received online waiting waiting_in_time not_there");
    d.figures.received_s = at("2026-10-31 23:59:59");
    assert_string_equal(counted(LATER, &d), "received online waiting waiting_in_time not_there");
    d.figures.received_s = at("2026-09-30 23:59:59");
    assert_string_equal(counted(LATER, &d), "waiting waiting_in_time");
    d.figures.received_s = at("2026-11-01 00:00:00");
    assert_string_equal(counted(LATER, &d), "");
    d.figures.received_s = 0; /* submitted only: not counted */
    assert_string_equal(counted(LATER, &d), "");
}

static void what_is_not_online_is_direct(void **state)
{
    struct month_dossier d = dossier(10);

    (void)state;
    d.figures.finished_s = at("2026-11-10 08:00:00");
    d.figures.channel = 1;
    assert_string_equal(counted(LATER, &d), "received direct waiting waiting_overdue not_there");
    d.figures.channel = 3;
    assert_string_equal(counted(LATER, &d),
                        "received direct by_post waiting waiting_overdue not_there");
    d.figures.channel = 0;
    assert_string_equal(counted(LATER, &d),
                        "received direct no_channel waiting waiting_overdue not_there");
}

static void the_end_is_that_of_processing(void **state)
{
    static const struct month_item known[] = {
        KNOWN(ITEM_SNAPSHOT, ITEM_DONE, 10, 0, INT64_C(1791600000000)), /* 2026-10-10 */
    };
    struct month_dossier d = dossier(10);

    (void)state;
    d.items = known;
    d.n_items = 1;
    d.figures.finished_s = at("2026-10-20 17:00:00"); /* the last second */
    d.figures.returned_s = at("2026-10-25 09:00:00");
    assert_non_null(strstr(counted(LATER, &d), "settled on_time"));
    d.figures.finished_s++;
    assert_non_null(strstr(counted(LATER, &d), "settled overdue"));
    d.figures.returned_s = at("2026-10-15 09:00:00"); /* before it was finished: no matter */
    assert_non_null(strstr(counted(LATER, &d), "settled overdue"));
    d.figures.finished_s = 0;
    assert_non_null(strstr(counted(LATER, &d), "settled on_time"));
    d.figures.finished_s = at("2026-09-30 23:59:59");
    assert_null(strstr(counted(LATER, &d), "settled"));
    assert_null(strstr(counted(LATER, &d), "waiting"));
    d.figures.finished_s = at("2026-11-01 00:00:00"); /* at the month's end it waited */
    assert_null(strstr(counted(LATER, &d), "settled"));
    assert_non_null(strstr(counted(LATER, &d), "waiting waiting_overdue"));
    d.status = 4; /* put back to work: its date tells nothing any more */
    d.figures.finished_s = at("2026-10-15 09:00:00");
    assert_non_null(strstr(counted(LATER, &d), "waiting waiting_overdue"));
}

static void without_a_date_the_earliest_word_of_the_end_counts(void **state)
{
    struct month_item items[] = {
        KNOWN(ITEM_STEP, ITEM_DONE, 9, at("2026-10-18 10:00:00"), 0),
        KNOWN(ITEM_SNAPSHOT, ITEM_SUPERSEDED, 9, at("2026-10-19 10:00:00"), 0),
        KNOWN(ITEM_SNAPSHOT, ITEM_PENDING, 10, at("2026-10-22 10:00:00"), 0),
    };
    struct month_dossier d = dossier(10);

    (void)state;
    d.items = items;
    d.n_items = 3;
    assert_string_equal(counted(LATER, &d),
                        "received online settled on_time late_by_sync not_there");
    items[0].at_s = 0;
    items[1].at_s = 0;
    assert_string_equal(counted(LATER, &d), "received online settled overdue not_there");
    d.n_items = 0;
    assert_string_equal(counted(LATER, &d), "received online not_there no_end_date");
    d.figures.received_s = at("2026-11-05 08:00:00");
    assert_string_equal(counted(LATER, &d), "");
}

static void refusals_and_withdrawals_end_a_dossier_too(void **state)
{
    struct month_item items[] = {KNOWN(ITEM_STEP, ITEM_DONE, 7, at("2026-10-12 10:00:00"), 0),
                                 KNOWN(ITEM_STEP, ITEM_DONE, 7, at("2026-10-13 10:00:00"), 0)};
    struct month_dossier d = dossier(8);

    (void)state;
    d.figures.refused_s = at("2026-10-11 10:00:00");
    assert_string_equal(counted(LATER, &d),
                        "received online settled on_time stopped late_by_sync not_there");
    d.status = 3; /* refused at reception: never received */
    d.figures.received_s = 0;
    d.promised_s = 0;
    d.first_promised_s = 0;
    assert_string_equal(counted(LATER, &d), "settled no_promise refused");
    d.status = 7; /* withdrawn before anybody received it */
    d.figures.refused_s = 0;
    d.items = items;
    d.n_items = 2;
    assert_string_equal(counted(LATER, &d), "");
    d.figures.received_s = at("2026-10-10 08:00:00");
    assert_string_equal(counted(LATER, &d),
                        "received online settled no_promise withdrawn not_there");
    items[0].at_s = at("2026-09-12 10:00:00");
    assert_string_equal(counted(LATER, &d), "received online not_there");
}

static void without_a_promise_nothing_is_late(void **state)
{
    struct month_dossier d = dossier(9);

    (void)state;
    d.promised_s = 0;
    d.first_promised_s = 0;
    d.figures.finished_s = at("2026-10-15 09:00:00");
    assert_string_equal(counted(LATER, &d), "received online settled no_promise not_there");
    d.status = 4;
    assert_string_equal(counted(LATER, &d), "received online waiting waiting_no_promise not_there");
    d.first_promised_s = at("2026-10-12 09:00:00"); /* it was taken back later */
    assert_string_equal(counted(LATER, &d), "received online waiting waiting_overdue not_there");
}

static void time_of_supplements_is_not_counted(void **state)
{
    struct month_item items[] = {
        KNOWN(ITEM_STEP, ITEM_DONE, 2, at("2026-10-10 08:00:00"), 0),
        KNOWN(ITEM_STEP, ITEM_DONE, 5, at("2026-10-12 08:00:00"), 0),
        KNOWN(ITEM_SNAPSHOT, ITEM_SUPERSEDED, 5, at("2026-10-13 08:00:00"), 0), /* still */
        KNOWN(ITEM_STEP, ITEM_DONE, 4, at("2026-10-14 08:00:00"), 0),           /* two days */
        KNOWN(ITEM_STEP, ITEM_DONE, 5, at("2026-10-15 08:00:00"), 0),
        KNOWN(ITEM_STEP, ITEM_DONE, 4, at("2026-10-16 08:00:00"), 0), /* and a third */
    };
    struct month_dossier d = dossier(9);

    (void)state;
    d.items = items;
    d.n_items = 6;
    d.figures.finished_s = at("2026-10-23 17:00:00"); /* three days after the promise */
    assert_non_null(strstr(counted(LATER, &d), "settled on_time"));
    d.figures.finished_s++;
    assert_non_null(strstr(counted(LATER, &d), "settled overdue"));
    d.promised_s = at("2026-10-24 17:00:00"); /* put off further: that counts */
    assert_non_null(strstr(counted(LATER, &d), "settled on_time"));
    d.promised_s = at("2026-10-22 17:00:00"); /* put off by less: the three days count, once */
    assert_non_null(strstr(counted(LATER, &d), "settled overdue"));
    d.promised_s = at("2026-10-20 17:00:00");
    d.n_items = 5; /* it is with the citizen: the clock stands */
    d.status = 5;
    assert_non_null(strstr(counted(LATER, &d), "waiting waiting_in_time"));
    d.n_items = 1; /* nobody ever asked for one */
    assert_non_null(strstr(counted(LATER, &d), "waiting waiting_overdue"));
}

static void what_the_portal_hears_late_is_late_by_synchronisation(void **state)
{
    struct month_item items[] = {
        KNOWN(ITEM_SNAPSHOT, ITEM_DONE, 4, 1, at("2026-10-10 09:00:00") * 1000),
        KNOWN(ITEM_SNAPSHOT, ITEM_DONE, 9, 2, at("2026-10-20 17:00:00") * 1000 + 999),
        KNOWN(ITEM_SNAPSHOT, ITEM_DONE, 10, 3, at("2026-10-29 17:00:00") * 1000),
    };
    struct month_dossier d = dossier(10);

    (void)state;
    d.figures.finished_s = at("2026-10-19 17:00:00");
    d.items = items;
    d.n_items = 3;
    assert_string_equal(counted(LATER, &d),
                        "received online settled on_time within_hour within_day");
    items[1].changed_ms++;
    assert_string_equal(counted(LATER, &d),
                        "received online settled on_time late_by_sync within_hour within_day");
    d.n_items = 1; /* not heard yet: late from the promised date on */
    assert_null(strstr(counted("2026-10-20 17:00:00", &d), "late_by_sync"));
    assert_non_null(strstr(counted("2026-10-20 17:00:01", &d), "late_by_sync"));
    d.n_items = 2;
    items[1].state = ITEM_ADOPTED; /* the older connector told it: nobody knows when */
    assert_null(strstr(counted(LATER, &d), "late_by_sync"));
    items[1].state = ITEM_DONE;
    d.figures.finished_s = at("2026-10-21 17:00:00"); /* late anyhow: that is overdue and no more */
    assert_string_equal(counted(LATER, &d),
                        "received online settled overdue within_hour within_day");
}

static void delivery_is_measured_from_the_receipt(void **state)
{
    struct month_item items[] = {
        KNOWN(ITEM_SNAPSHOT, ITEM_DONE, 1, 1,
              at("2026-10-09 21:00:00") * 1000),                             /* not received yet */
        KNOWN(ITEM_STEP, ITEM_DONE, 2, 2, at("2026-10-10 08:01:00") * 1000), /* no snapshot */
        KNOWN(ITEM_SNAPSHOT, ITEM_SUPERSEDED, 2, 2, at("2026-10-10 08:01:00") * 1000),
        KNOWN(ITEM_SNAPSHOT, ITEM_DONE, 4, 3, at("2026-10-10 09:00:00") * 1000),
    };
    struct month_dossier d = dossier(4);

    (void)state;
    d.promised_s = 0;
    d.first_promised_s = 0;
    d.items = items;
    d.n_items = 4;
#define WAITS "received online waiting waiting_no_promise "
    assert_string_equal(counted(LATER, &d), WAITS "within_hour within_day");
    items[3].changed_ms++;
    assert_string_equal(counted(LATER, &d), WAITS "within_day");
    items[3].changed_ms = at("2026-10-11 08:00:00") * 1000;
    assert_string_equal(counted(LATER, &d), WAITS "within_day");
    items[3].changed_ms++;
    assert_string_equal(counted(LATER, &d), WAITS "after_day");
    items[3].changed_ms = at("2026-10-10 07:00:00") * 1000; /* the clocks differ */
    assert_string_equal(counted(LATER, &d), WAITS "within_hour within_day");
    items[3].state = ITEM_HELD;
    assert_string_equal(counted(LATER, &d), WAITS "not_there");
    items[3].state = ITEM_ADOPTED;
    assert_string_equal(counted(LATER, &d), WAITS "there_before");
#undef WAITS
}

static void what_was_read_late_is_shown_apart(void **state)
{
    struct month_item items[] = {
        KNOWN(ITEM_SNAPSHOT, ITEM_SUPERSEDED, 4, 1, at("2026-10-12 08:00:00") * 1000),
        KNOWN(ITEM_SNAPSHOT, ITEM_DONE, 9, 2, at("2026-10-21 08:00:00") * 1000),
    };
    struct month_dossier d = dossier(9);

    (void)state;
    d.figures.finished_s = at("2026-10-19 17:00:00");
    d.items = items;
    d.n_items = 2;
#define LATE "received online settled on_time late_by_sync "
    items[0].stored_ms = at("2026-10-11 08:00:00") * 1000;
    items[1].stored_ms = at("2026-10-20 17:00:00") * 1000 + 999;
    assert_string_equal(counted(LATER, &d), LATE "after_day");
    items[0].stored_ms++; /* stored more than a day after the receipt */
    assert_string_equal(counted(LATER, &d), LATE "after_day read_late");
    items[1].stored_ms++; /* and the end after the promised date */
    assert_string_equal(counted(LATER, &d), LATE "end_read_late after_day read_late");
#undef LATE
}

/* After a restore nobody knows when the portal had it first. */
static void what_was_delivered_again_was_there_before(void **state)
{
    struct month_item items[] = {
        KNOWN(ITEM_SNAPSHOT, ITEM_DONE, 4, 1, at("2026-10-30 08:00:00") * 1000),
        KNOWN(ITEM_SNAPSHOT, ITEM_DONE, 4, 2, at("2026-10-10 08:10:00") * 1000),
    };
    struct month_dossier d = dossier(4);

    (void)state;
    d.items = items;
    d.n_items = 1;
    items[0].again = true;
    assert_non_null(strstr(counted(LATER, &d), " there_before"));
    d.status = 9;
    items[0].status = 9;
    d.figures.finished_s = at("2026-10-19 17:00:00");
    assert_string_equal(counted(LATER, &d), "received online settled on_time there_before");
    d.n_items = 2; /* another was acknowledged before all that */
    items[1].status = 9;
    assert_string_equal(counted(LATER, &d),
                        "received online settled on_time within_hour within_day");
}

/* Its dossiers are the old connector's to deliver. */
static void a_flow_that_observes_is_not_late(void **state)
{
    struct month_dossier d = dossier(9);

    (void)state;
    d.figures.finished_s = at("2026-10-19 17:00:00");
    assert_string_equal(counted(LATER, &d),
                        "received online settled on_time late_by_sync not_there");
    d.unsent = true;
    assert_string_equal(counted(LATER, &d), "received online settled on_time not_there");
}

static void a_month_that_is_not_over_ends_now(void **state)
{
    struct month_dossier d = dossier(4);

    (void)state;
    assert_non_null(strstr(counted("2026-10-20 17:00:00", &d), "waiting waiting_in_time"));
    assert_non_null(strstr(counted("2026-10-20 17:00:01", &d), "waiting waiting_overdue"));
    d.figures.received_s = at("2026-10-20 18:00:00"); /* after now: the source's clock is ahead */
    assert_string_equal(counted("2026-10-20 17:00:00", &d), "received online not_there");
}

static void a_late_promise_is_shown(void **state)
{
    struct month_dossier d = dossier(9);

    (void)state;
    d.figures.finished_s = at("2026-10-15 09:00:00");
    d.moved = 1;
    assert_non_null(strstr(counted(LATER, &d), "on_time late_by_sync put_off"));
    d.figures.finished_s = at("2026-10-25 09:00:00");
    assert_null(strstr(counted(LATER, &d), "put_off"));
}

static void dates_tell_the_end_where_the_status_has_no_map(void **state)
{
    struct month_dossier d = dossier(0);

    (void)state;
    assert_non_null(strstr(counted(LATER, &d), "waiting"));
    d.figures.returned_s = at("2026-10-15 09:00:00");
    assert_non_null(strstr(counted(LATER, &d), "settled on_time"));
}

static void items_are_read_only_where_they_matter(void **state)
{
    struct month_dossier d = dossier(10);
    struct month m;

    (void)state;
    assert_int_equal(month_parse("2026-10", &m), 0);
    d.figures.finished_s = at("2026-10-12 08:00:00");
    assert_true(month_needs_items(&m, &d));
    d.figures.received_s = at("2026-03-10 08:00:00");
    assert_true(month_needs_items(&m, &d));
    d.figures.finished_s = at("2026-03-12 08:00:00");
    assert_false(month_needs_items(&m, &d));
    d.status = 4;
    assert_true(month_needs_items(&m, &d));
    d.status = 3;
    assert_false(month_needs_items(&m, &d));
    d.status = 8;
    d.figures.finished_s = 0; /* its end is in an item */
    assert_true(month_needs_items(&m, &d));
}

static void the_year_ends_with_the_month(void **state)
{
    struct month_dossier d = dossier(4);
    struct month m;

    (void)state;
    assert_int_equal(month_parse("2026-10", &m), 0);
    assert_true(month_in_year(&m, &d.figures));
    d.figures.received_s = at("2026-01-01 00:00:00");
    assert_true(month_in_year(&m, &d.figures));
    d.figures.received_s--;
    assert_false(month_in_year(&m, &d.figures));
    d.figures.received_s = at("2026-10-31 23:59:59");
    assert_true(month_in_year(&m, &d.figures));
    d.figures.received_s++;
    assert_false(month_in_year(&m, &d.figures));
    d.figures.received_s = 0;
    assert_false(month_in_year(&m, &d.figures));
}

static void every_figure_has_its_definition(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MONTH_FIGURES; i++) {
        assert_true(strlen(month_figure_name((enum month_figure)i)) > 3);
        assert_true(strlen(month_figure_title((enum month_figure)i)) > 3);
        assert_true(strlen(month_figure_definition((enum month_figure)i)) > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(months_are_those_of_vietnam),
        cmocka_unit_test(receipt_decides_the_month),
        cmocka_unit_test(what_is_not_online_is_direct),
        cmocka_unit_test(the_end_is_that_of_processing),
        cmocka_unit_test(without_a_date_the_earliest_word_of_the_end_counts),
        cmocka_unit_test(refusals_and_withdrawals_end_a_dossier_too),
        cmocka_unit_test(without_a_promise_nothing_is_late),
        cmocka_unit_test(time_of_supplements_is_not_counted),
        cmocka_unit_test(what_the_portal_hears_late_is_late_by_synchronisation),
        cmocka_unit_test(delivery_is_measured_from_the_receipt),
        cmocka_unit_test(what_was_read_late_is_shown_apart),
        cmocka_unit_test(what_was_delivered_again_was_there_before),
        cmocka_unit_test(a_flow_that_observes_is_not_late),
        cmocka_unit_test(a_month_that_is_not_over_ends_now),
        cmocka_unit_test(a_late_promise_is_shown),
        cmocka_unit_test(dates_tell_the_end_where_the_status_has_no_map),
        cmocka_unit_test(items_are_read_only_where_they_matter),
        cmocka_unit_test(the_year_ends_with_the_month),
        cmocka_unit_test(every_figure_has_its_definition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
