#include "domain/codes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void dossier_codes_of_every_style_are_accepted(void **state)
{
    static const char *const good[] = {
        "000.00.12.H56-230118-0001", "H22.14.09-251118-0007",
        "G22.99-251225-020175",      "G09.20-20260609-0092637",
        "H38.22-251118-0042",        "H56-251118-0042",
        "H26.170-251118-00042",      "H56.1.2.3.4.5.6.7.8-240229-0001",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(code_is_dossier(good[i]));
    }
}

static void other_dossier_codes_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "H56",
        "H56-251118",
        "H56-251118-",
        "H56-251118-001",
        "H56-251118-00000001",
        "H56-2511181-0001", /* seven digits of date */
        "H56-251318-0001",  /* month 13 */
        "H56-250229-0001",  /* no leap year */
        "H56-20250229-0001",
        "H56-00000101-0001",
        "h56-251118-0001",
        "H5-251118-0001",
        "H56.-251118-0001",
        "H56.1234-251118-0001",
        "000.00.12.H56.1-251118-0001",
        "00.00.12.H56-251118-0001",
        "H56-251118-0001 ",
        " H56-251118-0001",
        "H56-251118-0001\n",
        "H56.12-251118-000\xC4\x91",
        "H56.1.2.3.4.5.6.7.8.9.10.11.12.13.14-251118-0000001", /* 51 characters */
        "H56.123.123.123.123.123.123.123.123.123.123.123.123.123-251118-0001",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(code_is_dossier(bad[i]));
    }
}

static void fifty_characters_are_the_limit(void **state)
{
    const char *fifty = "H56.100.100.100.100.100.100.100.100-251118-0000001";

    (void)state;
    assert_int_equal(strlen(fifty), 50);
    assert_true(code_is_dossier(fifty));
    assert_false(code_is_dossier("H56.100.100.100.100.100.100.100.100.1-251118-000001"));
}

static void procedure_codes_are_a_digit_and_six(void **state)
{
    (void)state;
    assert_true(code_is_procedure("1.001193"));
    assert_true(code_is_procedure("3.000181"));
    assert_false(code_is_procedure("1.00119"));
    assert_false(code_is_procedure("1.0011934"));
    assert_false(code_is_procedure("11.001193"));
    assert_false(code_is_procedure("1,001193"));
    assert_false(code_is_procedure("1.001193.000.00.00.H56"));
    assert_false(code_is_procedure(""));
}

static void agency_codes_come_in_two_orders(void **state)
{
    static const char *const good[] = {"000.00.00.H22", "000.00.12.H56", "H22",
                                       "H26.107",       "G09.20",        "H56.1.2.3.4.5.6.7"};
    static const char *const bad[] = {"",
                                      "H",
                                      "H2",
                                      "H22.",
                                      "H22.1234",
                                      "h22",
                                      "H22.a",
                                      "000.00.00",
                                      "0.0.0.H22",
                                      "H22.1.2.3.4.5.6.7.8",
                                      "000.00.00.H22.1"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(code_is_agency(good[i]));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(code_is_agency(bad[i]));
    }
}

static void the_national_part_of_a_procedure_code_is_found(void **state)
{
    char out[CODE_MAX];

    (void)state;
    assert_int_equal(code_procedure_national("1.001193", out), 0);
    assert_string_equal(out, "1.001193");
    assert_int_equal(code_procedure_national("1.001193.000.00.00.H56", out), 0);
    assert_string_equal(out, "1.001193");
    assert_int_equal(code_procedure_national("1.001193.01", out), ERR_FORMAT); /* a service */
    assert_int_equal(code_procedure_national("1.001193.", out), ERR_FORMAT);
    assert_int_equal(code_procedure_national("1.001193x", out), ERR_FORMAT);
    assert_int_equal(code_procedure_national("1.001193.000.00.00.H56.02", out), ERR_FORMAT);
    assert_int_equal(code_procedure_national("TTHC-12", out), ERR_FORMAT);
    assert_int_equal(code_procedure_national("", out), ERR_FORMAT);
}

static void both_orders_have_one_normal_form(void **state)
{
    static const struct {
        const char *code, *normal;
    } rows[] = {
        {"000.31.25.H56", "H56.25.31"},
        {"H56.25.31", "H56.25.31"},
        {"000.00.00.H22", "H22"},
        {"H22", "H22"},
        {"H22.00", "H22"},
        {"000.00.12.H56", "H56.12"},
        {"H56.012", "H56.12"},
        {"001.05.12.H56", "H56.12.5.1"},
        {"H56.12.05.001", "H56.12.5.1"},
        {"H26.170", "H26.170"},
        {"H05", "H05"},
        {"H99.999.999.999.999.999.999.999", "H99.999.999.999.999.999.999.999"},
    };
    char out[CODE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(code_agency_normal(rows[i].code, out), 0);
        assert_string_equal(out, rows[i].normal);
        assert_int_equal(code_agency_normal(rows[i].normal, out), 0); /* normal stays normal */
        assert_string_equal(out, rows[i].normal);
    }
    assert_int_equal(code_agency_normal("H", out), ERR_FORMAT);
    assert_int_equal(code_agency_normal("", out), ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dossier_codes_of_every_style_are_accepted),
        cmocka_unit_test(other_dossier_codes_are_refused),
        cmocka_unit_test(fifty_characters_are_the_limit),
        cmocka_unit_test(procedure_codes_are_a_digit_and_six),
        cmocka_unit_test(agency_codes_come_in_two_orders),
        cmocka_unit_test(the_national_part_of_a_procedure_code_is_found),
        cmocka_unit_test(both_orders_have_one_normal_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
