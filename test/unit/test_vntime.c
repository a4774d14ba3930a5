#include "domain/vntime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_S INT64_C(3600)
#define DAY_S (24 * HOUR_S)
/* 2025-11-20 00:00:00 in Viet Nam, a Thursday */
#define THURSDAY_S INT64_C(1763571600)

static int64_t parsed(const char *text, const char *pattern)
{
    int64_t at_s = -1;

    assert_int_equal(vntime_parse(text, pattern, &at_s), 0);
    return at_s;
}

static int64_t portal(const char *text)
{
    int64_t at_s = -1;

    assert_int_equal(vntime_parse_portal(text, &at_s), 0);
    return at_s;
}

static void portal_times_are_hanoi_time(void **state)
{
    char out[VNTIME_PORTAL_SIZE];

    (void)state;
    assert_int_equal(portal("20251120000000"), THURSDAY_S);
    assert_int_equal(portal("19700101070001"), 1);
    vntime_format_portal(THURSDAY_S + 3723, out);
    assert_string_equal(out, "20251120010203");
}

static void no_time_is_empty_text_both_ways(void **state)
{
    char out[40] = "x";
    int64_t at_s = 9;

    (void)state;
    assert_int_equal(vntime_parse("", "yyyy", &at_s), 0);
    assert_int_equal(at_s, 0);
    at_s = 9;
    assert_int_equal(vntime_parse(NULL, "yyyy", &at_s), 0);
    assert_int_equal(at_s, 0);
    vntime_format_portal(0, out);
    assert_string_equal(out, "");
    strcpy(out, "x");
    vntime_format_rfc3339(0, out, sizeof(out));
    assert_string_equal(out, "");
    assert_int_equal(vntime_format(0, "yyyy", out, sizeof(out)), 0);
}

static void every_day_of_three_centuries_reads_back(void **state)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t expected_s = INT64_C(-25567) * DAY_S - 7 * HOUR_S;

    (void)state;
    for (int year = 1900; year <= 2200; year++) {
        for (int month = 1; month <= 12; month++) {
            int length = lengths[month - 1];

            if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
                length = 29;
            }
            for (int day = 1; day <= length; day++) {
                char text[32];
                char back[32];

                (void)snprintf(text, sizeof(text), "%04d%02d%02d", year, month, day);
                assert_int_equal(parsed(text, "yyyyMMdd"), expected_s);
                assert_int_equal(vntime_day_start(expected_s + DAY_S - 1), expected_s);
                assert_int_equal(vntime_format(expected_s + DAY_S - 1, "yyyyMMdd", back, 32), 8);
                assert_string_equal(back, text);
                expected_s += DAY_S;
            }
        }
    }
    assert_int_equal(expected_s, INT64_C(84371) * DAY_S - 7 * HOUR_S);
}

static void dates_that_do_not_exist_are_refused(void **state)
{
    static const char *const texts[] = {
        "20260230000000",  "20250229000000",  "21000229000000",
        "20251301000000",  "20250001000000",  "20250100000000",
        "20250132000000",  "20250101240000",  "20250101006000",
        "20250101000060",  "18991231235959",  "22010101000000",
        "2025010100000",   "202501010000000", "2025-1-01000000",
        " 20250101000000", "20250101000000 ", "x",
        "-0250101000000",  "00000000000000",
    };
    int64_t at_s = 5;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(vntime_parse_portal(texts[i], &at_s), ERR_FORMAT);
    }
    assert_int_equal(portal("20240229000000"), portal("20240228000000") + DAY_S);
    assert_int_equal(portal("20000229000000"), portal("20000301000000") - DAY_S);
}

static void patterns_read_what_the_provinces_write(void **state)
{
    static const struct {
        const char *text, *pattern;
        int64_t at_s;
    } rows[] = {
        {"20/11/2025", "dd/MM/yyyy", THURSDAY_S},
        {"20/11/2025 01:02:03", "dd/MM/yyyy HH:mm:ss", THURSDAY_S + 3723},
        {"5/1/2025", "d/M/yyyy", 1736010000},
        {"15/11/2025", "d/M/yyyy", THURSDAY_S - 5 * DAY_S},
        {"251120", "yyMMdd", THURSDAY_S},
        {"2025", "yyyy", 1735664400},
        {"2025-11-20T00:00:00.123", "yyyy-MM-ddTHH:mm:ss.SSS", THURSDAY_S},
        {"2025-11-20T00:00:00.1", "yyyy-MM-ddTHH:mm:ss.S", THURSDAY_S},
        {"2025-11-20T00:00:00.123456789", "yyyy-MM-ddTHH:mm:ss.S", THURSDAY_S},
        {"2025-11-19T17:00:00Z", "yyyy-MM-ddTHH:mm:ssZ", THURSDAY_S},
        {"2025-11-20T00:00:00+07:00", "yyyy-MM-ddTHH:mm:ssZ", THURSDAY_S},
        {"2025-11-20T00:00:00+0700", "yyyy-MM-ddTHH:mm:ssZ", THURSDAY_S},
        {"2025-11-19T12:00:00-05:00", "yyyy-MM-ddTHH:mm:ssZ", THURSDAY_S},
        {"1763571600000", "epoch_ms", THURSDAY_S},
        {"1763571600999", "epoch_ms", THURSDAY_S},
        {"1763571600", "epoch_s", THURSDAY_S},
        {"-1", "epoch_ms", -1},
        {"-1000", "epoch_ms", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(parsed(rows[i].text, rows[i].pattern), rows[i].at_s);
    }
}

static void what_a_pattern_does_not_say_is_refused(void **state)
{
    static const struct {
        const char *text, *pattern;
    } rows[] = {
        {"20-11-2025", "dd/MM/yyyy"},
        {"20/11/2025 ", "dd/MM/yyyy"},
        {"20/11/25", "dd/MM/yyyy"},
        {"/11/2025", "d/M/yyyy"},
        {"2025-11-20T00:00:00", "yyyy-MM-ddTHH:mm:ssZ"},
        {"2025-11-20T00:00:00+7", "yyyy-MM-ddTHH:mm:ssZ"},
        {"2025-11-20T00:00:00+07:", "yyyy-MM-ddTHH:mm:ssZ"},
        {"2025-11-20T00:00:00+15:00", "yyyy-MM-ddTHH:mm:ssZ"},
        {"2025-11-20T00:00:00+07:60", "yyyy-MM-ddTHH:mm:ssZ"},
        {"2025-11-20T00:00:00ZZ", "yyyy-MM-ddTHH:mm:ssZZ"},
        {"20.1234567890", "dd.SSSSSSSSSS"},
        {"20.", "dd.S"},
        {"12:00", "HH:mm"}, /* no year */
        {"025", "yyy"},
        {"020", "ddd"},
        {"", "x"},
        {"1763571600000", "epoch_s"},
        {"99999999999999999999", "epoch_ms"},
        {"-", "epoch_s"},
        {"12a", "epoch_ms"},
        {"1.5", "epoch_s"},
    };
    int64_t at_s;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int expected = rows[i].text[0] == '\0' ? 0 : ERR_FORMAT;

        assert_int_equal(vntime_parse(rows[i].text, rows[i].pattern, &at_s), expected);
        assert_int_equal(at_s, 0);
    }
}

static void patterns_write_too(void **state)
{
    static const struct {
        const char *pattern, *text;
    } rows[] = {
        {"dd/MM/yyyy HH:mm:ss", "20/11/2025 01:02:03"},
        {"d/M/yy", "20/11/25"},
        {"H:m:s", "1:2:3"},
        {"yyyy-MM-ddTHH:mm:ss.SSS", "2025-11-20T01:02:03.000"},
        {"epoch_ms", "1763575323000"},
        {"epoch_s", "1763575323"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[64];
        size_t n = strlen(rows[i].text);

        assert_int_equal(vntime_format(THURSDAY_S + 3723, rows[i].pattern, out, sizeof(out)), n);
        assert_string_equal(out, rows[i].text);
        for (size_t size = 1; size <= n; size++) { /* whole or nothing */
            assert_int_equal(vntime_format(THURSDAY_S + 3723, rows[i].pattern, out, size), 0);
            assert_string_equal(out, "");
        }
    }
}

static void what_can_not_be_written_gives_nothing(void **state)
{
    char out[64];

    (void)state;
    assert_int_equal(vntime_format(THURSDAY_S, "yyyyZ", out, sizeof(out)), 0);
    assert_int_equal(vntime_format(THURSDAY_S, "SSSSSSSSSS", out, sizeof(out)), 0);
    assert_int_equal(vntime_format(INT64_MAX, "yyyy", out, sizeof(out)), 0);
    assert_int_equal(vntime_format(INT64_MIN, "epoch_ms", out, sizeof(out)), 0);
    assert_int_equal(vntime_format(THURSDAY_S, "yyyy", NULL, 0), 0);
    vntime_format_portal(INT64_MAX, out);
    assert_string_equal(out, "");
}

static void rfc3339_carries_the_offset(void **state)
{
    char out[26];

    (void)state;
    vntime_format_rfc3339(THURSDAY_S + 3723, out, sizeof(out));
    assert_string_equal(out, "2025-11-20T01:02:03+07:00");
    vntime_format_rfc3339(THURSDAY_S, out, 25);
    assert_string_equal(out, "");
}

static void days_begin_at_local_midnight(void **state)
{
    (void)state;
    assert_int_equal(vntime_day_start(THURSDAY_S), THURSDAY_S);
    assert_int_equal(vntime_day_start(THURSDAY_S - 1), THURSDAY_S - DAY_S);
    assert_int_equal(vntime_day_start(0), -7 * HOUR_S);
    assert_true(vntime_day_start(INT64_MAX) > 0);
    assert_true(vntime_day_start(INT64_MIN) < 0);
}

/* The same by looking at each quarter of an hour. */
static int64_t working_slowly(int64_t from_s, int64_t to_s)
{
    int64_t worked_s = 0;

    for (int64_t at_s = from_s; at_s < to_s; at_s += 900) {
        int64_t since_s = at_s - THURSDAY_S + 3 * DAY_S; /* since a Monday */
        int64_t minute = (since_s % DAY_S) / 60;
        bool weekday = since_s / DAY_S % 7 < 5;
        bool hours = (minute >= 450 && minute < 690) || (minute >= 810 && minute < 1050);

        worked_s += weekday && hours ? 900 : 0;
    }
    return worked_s;
}

static void working_time_skips_nights_noons_and_weekends(void **state)
{
    (void)state;
    assert_int_equal(vntime_working_seconds(THURSDAY_S, THURSDAY_S + DAY_S), 8 * HOUR_S);
    assert_int_equal(vntime_working_seconds(THURSDAY_S, THURSDAY_S + 7 * DAY_S), 40 * HOUR_S);
    assert_int_equal(vntime_working_seconds(THURSDAY_S + 2 * DAY_S, THURSDAY_S + 4 * DAY_S), 0);
    assert_int_equal(vntime_working_seconds(THURSDAY_S + 8 * HOUR_S, THURSDAY_S + 8 * HOUR_S + 61),
                     61);
    for (int64_t from_s = 0; from_s < 9 * DAY_S; from_s += 11 * 900) {
        for (int64_t to_s = from_s; to_s < 16 * DAY_S; to_s += 23 * 900) {
            int64_t a_s = THURSDAY_S + from_s;
            int64_t b_s = THURSDAY_S + to_s;

            assert_int_equal(vntime_working_seconds(a_s, b_s), working_slowly(a_s, b_s));
            assert_int_equal(vntime_working_seconds(b_s, a_s), -working_slowly(a_s, b_s));
        }
    }
}

static void working_time_over_all_time_is_finite(void **state)
{
    (void)state;
    assert_true(vntime_working_seconds(INT64_MIN, INT64_MAX) > 0);
    assert_true(vntime_working_seconds(INT64_MAX, INT64_MIN) < 0);
    assert_true(vntime_working_seconds(-10 * DAY_S, 0) > 0);
}

static void random_text_and_patterns_do_no_harm(void **state)
{
    static const char letters[] = "0123456789yMdHmsSZT:-+/. ";
    uint32_t seed = 3;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        char text[12] = "";
        char pattern[12] = "";
        char out[16];
        int64_t at_s = 1;

        for (size_t i = 0; i < 11; i++) {
            seed = seed * 1664525 + 1013904223;
            text[i] = letters[(seed >> 24) % 25];
            pattern[i] = letters[(seed >> 16) % 25];
        }
        if (vntime_parse(text, pattern, &at_s) != 0) {
            assert_int_equal(at_s, 0);
        }
        (void)vntime_format((int64_t)seed, pattern, out, sizeof(out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(portal_times_are_hanoi_time),
        cmocka_unit_test(no_time_is_empty_text_both_ways),
        cmocka_unit_test(every_day_of_three_centuries_reads_back),
        cmocka_unit_test(dates_that_do_not_exist_are_refused),
        cmocka_unit_test(patterns_read_what_the_provinces_write),
        cmocka_unit_test(what_a_pattern_does_not_say_is_refused),
        cmocka_unit_test(patterns_write_too),
        cmocka_unit_test(what_can_not_be_written_gives_nothing),
        cmocka_unit_test(rfc3339_carries_the_offset),
        cmocka_unit_test(days_begin_at_local_midnight),
        cmocka_unit_test(working_time_skips_nights_noons_and_weekends),
        cmocka_unit_test(working_time_over_all_time_is_finite),
        cmocka_unit_test(random_text_and_patterns_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
