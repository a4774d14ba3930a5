#include "base/spread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define MANY 20000

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static void none_is_nothing(void **state)
{
    static const struct spread s;

    (void)state;
    assert_int_equal(spread_percentile(&s, 50), 0);
    assert_int_equal(spread_percentile(&s, 100), 0);
}

static void small_numbers_are_exact(void **state)
{
    static struct spread s;

    (void)state;
    for (uint64_t i = 1; i <= 100; i++) {
        spread_add(&s, i);
    }
    assert_int_equal(s.n, 100);
    assert_int_equal(spread_percentile(&s, 1), 1);
    assert_int_equal(spread_percentile(&s, 50), 50);
    assert_int_equal(spread_percentile(&s, 90), 90);
    assert_int_equal(spread_percentile(&s, 99), 99);
    assert_int_equal(spread_percentile(&s, 100), 100);
}

static void one_number_is_all_percentiles(void **state)
{
    static struct spread s;

    (void)state;
    spread_add(&s, 123456789);
    assert_int_equal(spread_percentile(&s, 1), 123456789);
    assert_int_equal(spread_percentile(&s, 100), 123456789);
}

static void the_greatest_is_exact_however_great(void **state)
{
    static struct spread s;

    (void)state;
    spread_add(&s, 5);
    spread_add(&s, UINT64_MAX);
    assert_int_equal(spread_percentile(&s, 50), 5);
    assert_true(spread_percentile(&s, 51) == UINT64_MAX);
    assert_true(s.max == UINT64_MAX);
}

/* Against the sorted numbers themselves: never too small, at most 1/64 too large. */
static void percentiles_are_near_the_sorted_numbers(void **state)
{
    static struct spread s;
    static uint64_t numbers[MANY];
    const char *given = getenv("SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    uint64_t random = seed;

    (void)state;
    print_message("seed %u\n", seed);
    for (size_t i = 0; i < MANY; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        numbers[i] = (random >> 32) >> (random % 31);
        spread_add(&s, numbers[i]);
    }
    qsort(numbers, MANY, sizeof(numbers[0]), compare);
    for (unsigned percent = 1; percent <= 100; percent++) {
        uint64_t exact = numbers[MANY / 100 * percent - 1];
        uint64_t told = spread_percentile(&s, percent);

        if (told < exact || told > exact + exact / 64) {
            fail_msg("p%u: %lu instead of %lu", percent, (unsigned long)told, (unsigned long)exact);
        }
    }
    assert_int_equal(spread_percentile(&s, 100), numbers[MANY - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_nothing),
        cmocka_unit_test(small_numbers_are_exact),
        cmocka_unit_test(one_number_is_all_percentiles),
        cmocka_unit_test(the_greatest_is_exact_however_great),
        cmocka_unit_test(percentiles_are_near_the_sorted_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
