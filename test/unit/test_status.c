#include "domain/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* national-portal.md 6.3, written down a second time. */
static const char *const table[STATUS_LAST + 1] = {
    "",     "2 3 5 7 ", "4 5 6 7 8 9 10 ", "", "4 5 6 7 8 9 ", "1 2 4 7 8 3 ", "2 4 7 8 9 ",
    "8 4 ", "",         "10 5 4 ",         ""};

static bool in_table(int from, int to)
{
    char word[16];

    (void)snprintf(word, sizeof(word), "%d ", to);
    for (const char *at = table[from]; *at != '\0'; at = strchr(at, ' ') + 1) {
        if (strncmp(at, word, strlen(word)) == 0) {
            return true;
        }
    }
    return false;
}

static void moves_are_those_of_the_protocol_page(void **state)
{
    (void)state;
    for (int from = STATUS_FIRST; from <= STATUS_LAST; from++) {
        for (int to = STATUS_FIRST; to <= STATUS_LAST; to++) {
            assert_int_equal(status_move_legal(from, to), from == to || in_table(from, to));
        }
    }
}

static void the_first_push_may_carry_any_status(void **state)
{
    (void)state;
    for (int to = STATUS_FIRST; to <= STATUS_LAST; to++) {
        assert_true(status_move_legal(STATUS_UNMAPPED, to));
        assert_true(status_path_exists(STATUS_UNMAPPED, to));
    }
}

static void numbers_outside_the_list_move_nowhere(void **state)
{
    static const int outside[] = {-1, 11, 32, 1000, -2147483647};

    (void)state;
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        for (int status = 0; status <= STATUS_LAST; status++) {
            assert_false(status_move_legal(outside[i], status));
            assert_false(status_move_legal(status, outside[i]));
            assert_false(status_path_exists(outside[i], status));
            assert_false(status_path_exists(status, outside[i]));
        }
        assert_false(status_valid(outside[i]));
        assert_false(status_final(outside[i]));
        assert_false(status_decides_deadline(outside[i]));
        assert_string_equal(status_name(outside[i]), "unmapped");
    }
    assert_false(status_valid(0));
    assert_false(status_move_legal(1, 0));
    assert_false(status_path_exists(0, 0));
}

/* Walks instead of spreading: another way to the same answer. */
static bool walk(int from, int to, unsigned seen)
{
    if (from == to) {
        return true;
    }
    for (int next = STATUS_FIRST; next <= STATUS_LAST; next++) {
        if (in_table(from, next) && (seen & (1U << next)) == 0 &&
            walk(next, to, seen | (1U << next))) {
            return true;
        }
    }
    return false;
}

static void a_path_is_a_chain_of_moves(void **state)
{
    (void)state;
    for (int from = STATUS_FIRST; from <= STATUS_LAST; from++) {
        for (int to = STATUS_FIRST; to <= STATUS_LAST; to++) {
            assert_int_equal(status_path_exists(from, to), walk(from, to, 1U << from));
        }
    }
    assert_true(status_path_exists(1, 9));   /* over 2: a jump */
    assert_false(status_path_exists(10, 4)); /* what was returned stays so */
    assert_false(status_path_exists(3, 2));
    assert_false(status_path_exists(8, 9));
}

static void final_statuses_lead_nowhere(void **state)
{
    (void)state;
    for (int from = STATUS_FIRST; from <= STATUS_LAST; from++) {
        bool leads = false;

        for (int to = STATUS_FIRST; to <= STATUS_LAST; to++) {
            leads = leads || (to != from && status_move_legal(from, to));
        }
        assert_int_equal(status_final(from), !leads);
    }
}

static void statuses_that_decide_a_deadline_are_the_six(void **state)
{
    static const bool expected[STATUS_LAST + 1] = {
        [2] = true, [3] = true, [5] = true, [8] = true, [9] = true, [10] = true};

    (void)state;
    for (int status = 0; status <= STATUS_LAST; status++) {
        assert_int_equal(status_decides_deadline(status), expected[status]);
    }
}

static void every_status_has_its_own_name(void **state)
{
    (void)state;
    for (int a = 0; a <= STATUS_LAST; a++) {
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(status_name(a), status_name(b));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_are_those_of_the_protocol_page),
        cmocka_unit_test(the_first_push_may_carry_any_status),
        cmocka_unit_test(numbers_outside_the_list_move_nowhere),
        cmocka_unit_test(a_path_is_a_chain_of_moves),
        cmocka_unit_test(final_statuses_lead_nowhere),
        cmocka_unit_test(statuses_that_decide_a_deadline_are_the_six),
        cmocka_unit_test(every_status_has_its_own_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
