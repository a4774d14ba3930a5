#include "domain/item.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void moves_are_those_of_the_table(void **state)
{
    /* columns: PENDING INFLIGHT UNSURE HELD DONE ADOPTED SUPERSEDED DROPPED */
    static const char *const table[ITEM_STATES] = {
        [ITEM_PENDING] = ".x.x.xx.",    [ITEM_INFLIGHT] = "x.xxx.x.", [ITEM_UNSURE] = "x.xx..x.",
        [ITEM_HELD] = "x.x..xxx",       [ITEM_DONE] = "........",     [ITEM_ADOPTED] = "x.......",
        [ITEM_SUPERSEDED] = "........", [ITEM_DROPPED] = "x.......",
    };

    (void)state;
    for (unsigned from = 0; from < ITEM_STATES; from++) {
        for (unsigned to = 0; to < ITEM_STATES; to++) {
            assert_int_equal(item_move_legal((enum item_state)from, (enum item_state)to),
                             table[from][to] == 'x');
        }
    }
}

static void what_may_be_at_the_peer_is_never_sent_directly(void **state)
{
    (void)state;
    assert_false(item_move_legal(ITEM_UNSURE, ITEM_INFLIGHT));
    assert_false(item_move_legal(ITEM_HELD, ITEM_INFLIGHT));
    for (unsigned from = 0; from < ITEM_STATES; from++) {
        assert_int_equal(item_move_legal((enum item_state)from, ITEM_INFLIGHT),
                         from == ITEM_PENDING);
        assert_int_equal(item_move_legal((enum item_state)from, ITEM_DONE), from == ITEM_INFLIGHT);
    }
}

static void every_open_state_can_be_superseded(void **state)
{
    (void)state;
    for (unsigned from = 0; from < ITEM_STATES; from++) {
        assert_int_equal(item_move_legal((enum item_state)from, ITEM_SUPERSEDED),
                         item_open((enum item_state)from));
    }
}

#define MODEL "test/model/item.pml"

static char *read_model(void)
{
    FILE *f = fopen(MODEL, "r");
    char *text = calloc(1, 65536);

    assert_non_null(f);
    assert_non_null(text);
    assert_in_range(fread(text, 1, 65535, f), 1, 65534);
    (void)fclose(f);
    return text;
}

/* The line "#define FROM_<state> ..." of the model. */
static void model_row(const char *model, enum item_state from, char row[256])
{
    char name[64];
    const char *at;

    (void)snprintf(name, sizeof(name), "#define FROM_%s ", item_state_name(from));
    at = strstr(model, name);
    if (at == NULL) {
        fail_msg("%s has no row %s", MODEL, name);
        return;
    }
    (void)snprintf(row, 256, "%.*s", (int)strcspn(at, "\n"), at);
}

static void the_model_has_the_same_moves(void **state)
{
    char *model = read_model();

    (void)state;
    for (unsigned from = 0; from < ITEM_STATES; from++) {
        char row[256], bit[64], number[64];

        (void)snprintf(number, sizeof(number), "#define %s %u\n",
                       item_state_name((enum item_state)from), from);
        assert_non_null(strstr(model, number));
        model_row(model, (enum item_state)from, row);
        for (unsigned to = 0; to < ITEM_STATES; to++) {
            (void)snprintf(bit, sizeof(bit), "BIT(%s)", item_state_name((enum item_state)to));
            assert_int_equal(item_move_legal((enum item_state)from, (enum item_state)to),
                             strstr(row, bit) != NULL);
        }
    }
    free(model);
}

static void numbers_outside_the_list_move_nowhere(void **state)
{
    (void)state;
    assert_false(item_move_legal(ITEM_STATES, ITEM_PENDING));
    assert_false(item_move_legal(ITEM_PENDING, ITEM_STATES));
    assert_false(item_move_legal((enum item_state) - 1, ITEM_PENDING));
    assert_false(item_move_legal(ITEM_PENDING, (enum item_state)40));
    assert_false(item_open(ITEM_STATES));
}

static void states_have_names_that_read_back_in_any_case(void **state)
{
    enum item_state parsed = ITEM_DONE;

    (void)state;
    for (unsigned i = 0; i < ITEM_STATES; i++) {
        assert_int_equal(item_state_parse(item_state_name((enum item_state)i), &parsed), 0);
        assert_int_equal(parsed, i);
    }
    assert_int_equal(item_state_parse("Unsure", &parsed), 0);
    assert_int_equal(parsed, ITEM_UNSURE);
    assert_int_equal(item_state_parse("", &parsed), ERR_INVAL);
    assert_int_equal(item_state_parse("PENDING ", &parsed), ERR_INVAL);
    assert_string_equal(item_state_name(ITEM_STATES), "unknown");
}

static void reasons_have_names_that_read_back(void **state)
{
    enum hold_why parsed = HOLD_NONE;

    (void)state;
    for (unsigned i = 0; i < HOLD_WHYS; i++) {
        assert_non_null(hold_why_name((enum hold_why)i));
        assert_int_equal(hold_why_parse(hold_why_name((enum hold_why)i), &parsed), 0);
        assert_int_equal(parsed, i);
        assert_int_equal(hold_is_missing_map((enum hold_why)i),
                         i == HOLD_UNMAPPED_STATUS || i == HOLD_UNMAPPED_PROCEDURE);
    }
    assert_int_equal(hold_why_parse("because", &parsed), ERR_INVAL);
    assert_string_equal(hold_why_name(HOLD_WHYS), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_are_those_of_the_table),
        cmocka_unit_test(what_may_be_at_the_peer_is_never_sent_directly),
        cmocka_unit_test(every_open_state_can_be_superseded),
        cmocka_unit_test(the_model_has_the_same_moves),
        cmocka_unit_test(numbers_outside_the_list_move_nowhere),
        cmocka_unit_test(states_have_names_that_read_back_in_any_case),
        cmocka_unit_test(reasons_have_names_that_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
