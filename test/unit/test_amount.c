#include "domain/amount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void sums_are_read_as_people_write_them(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } sums[] = {
        {"0", 0},          {"8000", 8000},         {" 8000 ", 8000},       {"10.000", 10000},
        {"10,000", 10000}, {"1.500.000", 1500000}, {"1 500 000", 1500000}, {"100.000\n", 100000},
        {"000123", 123},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
        int64_t value = -1;

        assert_int_equal(amount_parse(sums[i].text, &value), 0);
        assert_int_equal(value, sums[i].value);
    }
}

static void what_is_no_number_is_not_guessed(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "Không",
        "8000 đồng",
        "8.000 đồng/bản",
        "10.5",
        "10.00",
        "1.0000",
        ".000",
        "1.",
        "1..000",
        "1.000,000",
        "-5",
        "8000-9000",
        "1 00 000",
        "1234.567",
        "99999999999999999999",
        "10.000,",
        "5 %",
        "1.000 000",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t value = 7;

        assert_int_equal(amount_parse(texts[i], &value), ERR_FORMAT);
        assert_int_equal(value, 7);
    }
}

static void a_sum_for_each_of_something_is_told_from_one_sum(void **state)
{
    (void)state;
    assert_true(amount_unit_is_plain(""));
    assert_true(amount_unit_is_plain(" Đồng "));
    assert_true(amount_unit_is_plain("đồng"));
    assert_true(amount_unit_is_plain("VNĐ"));
    assert_true(amount_unit_is_plain("vnd"));
    assert_false(amount_unit_is_plain("Đồng/bản"));
    assert_false(amount_unit_is_plain("USD"));
    assert_false(amount_unit_is_plain("\xff"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_read_as_people_write_them),
        cmocka_unit_test(what_is_no_number_is_not_guessed),
        cmocka_unit_test(a_sum_for_each_of_something_is_told_from_one_sum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
