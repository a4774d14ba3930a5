#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sync/names.h"

static void an_unknown_code_has_no_name(void **state)
{
    struct names n;

    (void)state;
    names_init(&n);
    assert_null(names_find(&n, RECORD_AGENCY, "H56.31"));
    assert_int_equal(names_level(&n, "1.001193"), 0);
    names_free(&n);
}

/* Reads a dictionary anew: pairs of code and name, in order of code, NULL at the end. */
static void read_anew(struct names *n, enum record_kind kind, const char *const *pairs)
{
    names_begin(n);
    for (; pairs[0] != NULL; pairs += 2) {
        assert_int_equal(names_add(n, pairs[0], pairs[1]), 0);
    }
    names_commit(n, kind);
}

static void names_are_found_in_their_own_dictionary(void **state)
{
    static const char *const agencies[] = {"H56", "the province", "H56.31", "a department", NULL};
    static const char *const sectors[] = {"G15", "a sector", NULL};
    static const char *const procedures[] = {"1.001193", "a procedure", NULL};
    struct names n;

    (void)state;
    names_init(&n);
    read_anew(&n, RECORD_AGENCY, agencies);
    read_anew(&n, RECORD_SECTOR, sectors);
    read_anew(&n, RECORD_PROCEDURE, procedures);
    assert_string_equal(names_find(&n, RECORD_PROCEDURE, "1.001193"), "a procedure");
    assert_null(names_find(&n, RECORD_SERVICE, "1.001193"));
    assert_string_equal(names_find(&n, RECORD_AGENCY, "H56.31"), "a department");
    assert_string_equal(names_find(&n, RECORD_SECTOR, "G15"), "a sector");
    assert_null(names_find(&n, RECORD_SECTOR, "H56"));
    assert_null(names_find(&n, RECORD_AGENCY, "H56.3"));
    assert_null(names_find(&n, RECORD_AGENCY, "H57"));
    assert_true(names_has(&n, RECORD_AGENCY, "H56"));
    assert_true(names_has(&n, RECORD_AGENCY, "a department"));
    assert_false(names_has(&n, RECORD_AGENCY, "a sector"));
    assert_false(names_has(&n, RECORD_SERVICE, "H56"));
    names_free(&n);
}

static void the_old_reading_answers_until_the_new_one_is_whole(void **state)
{
    static const char *const first[] = {"H56", "old", NULL};
    static const char *const sectors[] = {"G15", "stays", NULL};
    struct names n;

    (void)state;
    names_init(&n);
    read_anew(&n, RECORD_AGENCY, first);
    read_anew(&n, RECORD_SECTOR, sectors);
    names_begin(&n);
    assert_int_equal(names_add(&n, "H57", "new"), 0);
    assert_string_equal(names_find(&n, RECORD_AGENCY, "H56"), "old");
    assert_null(names_find(&n, RECORD_AGENCY, "H57"));
    assert_int_equal(n.changes, 2);
    names_commit(&n, RECORD_AGENCY);
    assert_int_equal(n.changes, 3); /* who wrote with the old one knows */
    assert_null(names_find(&n, RECORD_AGENCY, "H56"));
    assert_string_equal(names_find(&n, RECORD_AGENCY, "H57"), "new");
    assert_string_equal(names_find(&n, RECORD_SECTOR, "G15"), "stays");
    names_free(&n);
}

static void a_reading_that_broke_off_leaves_nothing_behind(void **state)
{
    static const char *const first[] = {"H56", "old", NULL};
    static const char *const second[] = {"H58", "newer", NULL};
    struct names n;

    (void)state;
    names_init(&n);
    read_anew(&n, RECORD_AGENCY, first);
    names_begin(&n);
    assert_int_equal(names_add(&n, "H57", "half"), 0);
    read_anew(&n, RECORD_AGENCY, second);
    assert_null(names_find(&n, RECORD_AGENCY, "H57"));
    assert_string_equal(names_find(&n, RECORD_AGENCY, "H58"), "newer");
    names_free(&n);
}

static void the_level_follows_from_the_services(void **state)
{
    static const char *const services[] = {"1.001193.000.00.00.H56",
                                           "a",
                                           "1.0011935.000.00.00.H56",
                                           "b",
                                           "2.000815.000.00.00.H56",
                                           "c",
                                           "3.000001.01",
                                           "Cấp phép trực tuyến một phần",
                                           "3.000002.01",
                                           "Cấp phép trực tuyến một phần",
                                           "3.000002.02",
                                           "Cấp phép trực tuyến toàn trình",
                                           NULL};
    struct names n;

    (void)state;
    names_init(&n);
    read_anew(&n, RECORD_SERVICE, services);
    assert_int_equal(names_level(&n, "1.001193"), 4);
    assert_int_equal(names_level(&n, "1.00119"), 2); /* a longer code is another procedure */
    assert_int_equal(names_level(&n, "2.000815"), 4);
    assert_int_equal(names_level(&n, "2.000816"), 2);
    assert_int_equal(names_level(&n, "9"), 2);
    assert_int_equal(names_level(&n, "3.000001"), 3); /* as its only service is called */
    assert_int_equal(names_level(&n, "3.000002"), 4); /* the higher of two */
    names_free(&n);
}

static void thousands_are_all_found(void **state)
{
    struct names n;
    char code[32];

    (void)state;
    names_init(&n);
    names_begin(&n);
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(code, sizeof(code), "H%05d", i);
        assert_int_equal(names_add(&n, code, code), 0);
    }
    names_commit(&n, RECORD_AGENCY);
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(code, sizeof(code), "H%05d", i);
        assert_string_equal(names_find(&n, RECORD_AGENCY, code), code);
    }
    names_free(&n);
}

static void a_dictionary_has_an_end(void **state)
{
    static char name[4096];
    struct names n;
    char code[32];
    int err = 0;

    (void)state;
    names_init(&n);
    names_begin(&n);
    memset(name, 'x', sizeof(name) - 1);
    for (int i = 0; i < 3000 && err == 0; i++) {
        (void)snprintf(code, sizeof(code), "H%05d", i);
        err = names_add(&n, code, name);
    }
    assert_int_equal(err, ERR_NOMEM);
    names_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_code_has_no_name),
        cmocka_unit_test(names_are_found_in_their_own_dictionary),
        cmocka_unit_test(the_old_reading_answers_until_the_new_one_is_whole),
        cmocka_unit_test(a_reading_that_broke_off_leaves_nothing_behind),
        cmocka_unit_test(the_level_follows_from_the_services),
        cmocka_unit_test(thousands_are_all_found),
        cmocka_unit_test(a_dictionary_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
