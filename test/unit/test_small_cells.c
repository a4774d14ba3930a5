#include "domain/small_cells.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COLUMNS 3
#define ROWS_MAX 4
#define CELLS_MAX (COLUMNS * ROWS_MAX)
#define VALUE_MAX 40

#define CLASSES 3
#define SUMS_MAX (COLUMNS * CLASSES)

static const struct cells_family received = {.total = 0, .parts = {1, 2}, .n = 2};

/* "12 <5 .": what a reader sees of a table with received = online + direct. */
static const char *shown_text(const int64_t *values, size_t rows, char *out, size_t size)
{
    enum cell_shown shown[CELLS_MAX];
    size_t used = 0;

    small_cells_hide(values, rows, COLUMNS, NULL, 0, &received, 1, shown);
    out[0] = '\0';
    for (size_t i = 0; i < rows * COLUMNS; i++) {
        char number[24];

        (void)snprintf(number, sizeof(number), "%lld", (long long)values[i]);
        used += (size_t)snprintf(out + used, size - used, "%s%s",
                                 i == 0             ? ""
                                 : i % COLUMNS == 0 ? "|"
                                                    : " ",
                                 shown[i] == CELL_SMALL     ? "<5"
                                 : shown[i] == CELL_COVERED ? "."
                                                            : number);
    }
    return out;
}

static void hides_small_numbers_and_what_tells_them(void **state)
{
    static const struct {
        int64_t values[CELLS_MAX];
        size_t rows;
        const char *shown;
    } tables[] = {
        {{20, 15, 5, 30, 10, 20}, 2, "20 15 5|30 10 20"}, /* nothing is small */
        {{20, 20, 0, 30, 30, 0}, 2, "20 20 0|30 30 0"},   /* none is not small */
        /* 3 in person: known from 20 - 17, and from the column's sum. */
        {{20, 17, 3, 30, 10, 20}, 2, "20 . .|30 . ."},
        {{20, 17, 3, 30, 10, 20, 50, 40, 10}, 3, "20 . .|30 . .|50 40 10"},
        {{20, 17, 3, 30, 28, 2, 50, 40, 10}, 3, "20 . .|30 . .|50 40 10"},
        /* Whole groups that are small: one, of which the sum would tell; two; two that are 1. */
        {{4, 4, 0, 30, 30, 0, 40, 40, 0}, 3, "<5 <5 <5|. . .|40 40 0"},
        {{4, 4, 0, 3, 0, 3, 40, 40, 0}, 3, "<5 <5 <5|<5 <5 <5|40 40 0"},
        {{1, 1, 0, 1, 0, 1, 40, 40, 0}, 3, "<5 <5 <5|<5 <5 <5|. . ."},
        {{4, 4, 0, 4, 0, 4, 40, 40, 0}, 3, "<5 <5 <5|<5 <5 <5|. . ."},
        /* 5 does not cover 1: one more there is one less than nothing here. */
        {{1, 1, 0, 5, 5, 0, 6, 6, 0}, 3, "<5 <5 <5|5 5 0|. . ."},
        /* Nothing is there to cover it: neither where it is nor how much. */
        {{3, 3, 0, 0, 0, 0}, 2, ". . .|. . ."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        char text[200];

        assert_string_equal(shown_text(tables[i].values, tables[i].rows, text, sizeof(text)),
                            tables[i].shown);
    }
}

/* ---- a reader who computes ---- */

struct reader {
    const int64_t *values;
    const enum cell_shown *shown;
    size_t rows;
    const unsigned *classes;
    int64_t class_sums[SUMS_MAX];
    enum cell_shown class_shown[SUMS_MAX];
    int64_t guess[CELLS_MAX];
    int64_t sums[COLUMNS];
    uint64_t seen[CELLS_MAX]; /* bits of the values that a cell had in any solution */
    uint64_t seen_sums[SUMS_MAX];
    unsigned long tries;
};

/* What the guess makes of the class's sum; fits: it is what the reader knows of it. */
static int64_t guessed_sum(const struct reader *r, size_t i, bool *fits)
{
    int64_t sum = 0;

    for (size_t row = 0; row < r->rows; row++) {
        sum += r->classes[row] == i / COLUMNS ? r->guess[row * COLUMNS + i % COLUMNS] : 0;
    }
    *fits = *fits &&
            (r->class_shown[i] == CELL_SHOWN
                 ? sum == r->class_sums[i]
                 : r->class_shown[i] != CELL_SMALL || (sum < 5 && (sum > 0 || i % COLUMNS > 0)));
    return sum;
}

static void take_solution(struct reader *r)
{
    int64_t sums[SUMS_MAX];
    bool fits = true;

    for (size_t c = 0; c < COLUMNS; c++) {
        int64_t sum = 0;

        for (size_t i = 0; i < r->rows; i++) {
            sum += r->guess[i * COLUMNS + c];
        }
        fits = fits && sum == r->sums[c];
    }
    for (size_t i = 0; i < SUMS_MAX; i++) {
        sums[i] = guessed_sum(r, i, &fits);
    }
    for (size_t i = 0; i < r->rows * COLUMNS && fits; i++) {
        r->seen[i] |= UINT64_C(1) << r->guess[i];
    }
    for (size_t i = 0; i < SUMS_MAX && fits; i++) {
        r->seen_sums[i] |= UINT64_C(1) << sums[i];
    }
}

/* Values of the cells from `row` on that fit all that is shown; the total follows from its parts.
 */
static void solve(struct reader *r, size_t row)
{
    size_t at = row * COLUMNS;

    if (++r->tries > 2000000) {
        return;
    }
    if (row == r->rows) {
        take_solution(r);
        return;
    }
    for (int64_t a = 0; a <= r->sums[1]; a++) {
        for (int64_t b = 0; b <= r->sums[2]; b++) {
            const int64_t guess[COLUMNS] = {a + b, a, b};
            bool fits = true;

            for (size_t c = 0; c < COLUMNS && fits; c++) {
                int64_t left = r->sums[c];

                for (size_t i = 0; i < row; i++) {
                    left -= r->guess[i * COLUMNS + c];
                }
                fits = guess[c] <= left && (r->shown[at + c] == CELL_SHOWN
                                                ? guess[c] == r->values[at + c]
                                                : r->shown[at + c] != CELL_SMALL ||
                                                      (guess[c] < 5 && (guess[c] > 0 || c > 0)));
            }
            if (fits) {
                memcpy(&r->guess[at], guess, sizeof(guess));
                solve(r, row + 1);
            }
        }
    }
}

/* Numbers that a simple generator makes, so that a failure can be made again. */
static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void make_table(uint32_t *seed, int64_t *values, size_t rows)
{
    static const uint32_t spreads[] = {3, 7, 12};

    for (size_t i = 0; i < rows; i++) {
        uint32_t spread = spreads[next(seed) % 3];

        for (size_t c = 1; c < COLUMNS; c++) {
            values[i * COLUMNS + c] = (int64_t)(next(seed) % spread);
        }
        values[i * COLUMNS] = values[i * COLUMNS + 1] + values[i * COLUMNS + 2];
    }
}

static void add_up(struct reader *r)
{
    for (size_t i = 0; i < r->rows * COLUMNS; i++) {
        r->sums[i % COLUMNS] += r->values[i];
        r->class_sums[r->classes[i / COLUMNS] * COLUMNS + i % COLUMNS] += r->values[i];
    }
}

/* Of so many numbers, how many are small; none of them has but one solution. */
static unsigned check_small(int n, const char *what, const int64_t *values, const uint64_t *seen,
                            size_t cells, const char *shown)
{
    unsigned small = 0;

    for (size_t i = 0; i < cells; i++) {
        bool is_small = values[i] > 0 && values[i] < 5;

        assert_true((seen[i] >> values[i] & 1) != 0); /* what is shown is true */
        if (is_small && (seen[i] & (seen[i] - 1)) == 0) {
            fail_msg("table %d, %s %zu is %lld: %s", n, what, i, (long long)values[i], shown);
        }
        small += is_small;
    }
    return small;
}

/* The sums of classes are told as in a table of their own. Where all is of one class, its sum is
 * that of all, which is told anyhow. */
static void no_small_number_can_be_computed(void **state)
{
    uint32_t seed = 20261122;
    unsigned small = 0;
    unsigned small_sums = 0;

    (void)state;
    for (int n = 0; n < 6000; n++) {
        int64_t values[CELLS_MAX];
        unsigned classes[ROWS_MAX] = {0};
        unsigned used = 0;
        enum cell_shown shown[CELLS_MAX];
        struct reader r = {
            .values = values, .shown = shown, .rows = 2 + next(&seed) % 2, .classes = classes};
        char text[200];

        make_table(&seed, values, r.rows);
        for (size_t i = 0; i < r.rows; i++) {
            classes[i] = n % 2 == 0 ? 0 : next(&seed) % CLASSES;
            used |= values[i * COLUMNS] > 0 ? 1u << classes[i] : 0;
        }
        add_up(&r);
        small_cells_hide(r.class_sums, CLASSES, COLUMNS, NULL, 0, &received, 1, r.class_shown);
        small_cells_hide(values, r.rows, COLUMNS, n % 2 == 0 ? NULL : classes, CLASSES, &received,
                         1, shown);
        if (n % 2 == 0) { /* one class: its sums are those of all */
            memset(r.class_shown, 0, sizeof(r.class_shown));
        }
        solve(&r, 0);
        assert_true(r.tries < 2000000);
        (void)shown_text(values, r.rows, text, sizeof(text));
        small += check_small(n, "cell", values, r.seen, r.rows * COLUMNS, text);
        if ((used & (used - 1)) != 0) {
            small_sums += check_small(n, "sum", r.class_sums, r.seen_sums, SUMS_MAX, text);
        }
    }
    assert_true(small > 600);
    assert_true(small_sums > 300);
}

static void the_only_group_is_the_whole(void **state)
{
    static const int64_t values[COLUMNS] = {3, 3, 0};
    char text[60];

    (void)state;
    assert_string_equal(shown_text(values, 1, text, sizeof(text)), ". . .");
}

/* A total without parts. */
static void single_columns_are_covered_too(void **state)
{
    static const struct cells_family alone = {.total = 0};
    static const int64_t one[] = {3, 0, 9, 6};
    static const int64_t two[] = {3, 2, 9, 6};
    enum cell_shown shown[4];

    (void)state;
    small_cells_hide(one, 4, 1, NULL, 0, &alone, 1, shown);
    assert_int_equal(shown[0], CELL_SMALL);
    assert_int_equal(shown[1], CELL_SHOWN);
    assert_int_equal(shown[2], CELL_SHOWN);
    assert_int_equal(shown[3], CELL_COVERED);
    small_cells_hide(two, 4, 1, NULL, 0, &alone, 1, shown);
    assert_int_equal(shown[0], CELL_SMALL);
    assert_int_equal(shown[1], CELL_SMALL);
    assert_int_equal(shown[2], CELL_SHOWN);
    assert_int_equal(shown[3], CELL_SHOWN);
}

/* The sums of each class are known: what hides in one can't be made up for in another. */
static void each_class_covers_its_own(void **state)
{
    static const struct cells_family alone = {.total = 0};
    static const unsigned classes[] = {0, 1, 0, 1};
    static const int64_t values[] = {3, 2, 9, 8};
    enum cell_shown shown[4];

    (void)state;
    small_cells_hide(values, 4, 1, classes, 2, &alone, 1, shown);
    assert_int_equal(shown[0], CELL_SMALL);
    assert_int_equal(shown[1], CELL_SMALL);
    assert_int_equal(shown[2], CELL_COVERED);
    assert_int_equal(shown[3], CELL_COVERED);
}

/* The sum of a class with one row is the row. It is hidden too, and made up for in another. */
static void a_class_of_one_row_is_covered_by_another(void **state)
{
    static const unsigned classes[] = {0, 1, 1};
    static const int64_t values[] = {3, 2, 1, 20, 10, 10, 30, 15, 15};
    static const int64_t sums[] = {3, 2, 1, 50, 25, 25};
    static const int64_t two[] = {11, 9, 2, 20, 10, 10, 30, 15, 15};
    enum cell_shown shown[9];

    (void)state;
    small_cells_hide(values, 3, COLUMNS, classes, 2, &received, 1, shown);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(shown[i], i < 3 ? CELL_SMALL : i < 6 ? CELL_COVERED : CELL_SHOWN);
    }
    small_cells_hide(sums, 2, COLUMNS, NULL, 0, &received, 1, shown); /* the table of classes */
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(shown[i], i < 3 ? CELL_SMALL : CELL_COVERED);
    }
    small_cells_hide(two, 3, COLUMNS, classes, 2, &received, 1, shown); /* a small part alone */
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(shown[i], i < 6 && i % 3 != 0 ? CELL_COVERED : CELL_SHOWN);
    }
}

/* Two small rows hide each other, but all other rows would tell their class's small sum. */
static void a_small_sum_of_hidden_rows_is_covered_too(void **state)
{
    static const struct cells_family alone = {.total = 0};
    static const unsigned classes[] = {0, 0, 1, 1};
    static const int64_t values[] = {1, 2, 9, 8};
    enum cell_shown shown[4];

    (void)state;
    small_cells_hide(values, 4, 1, classes, 2, &alone, 1, shown);
    assert_int_equal(shown[0], CELL_SMALL);
    assert_int_equal(shown[1], CELL_SMALL);
    assert_int_equal(shown[2], CELL_SHOWN);
    assert_int_equal(shown[3], CELL_COVERED);
}

static void a_table_without_rows_has_nothing_to_hide(void **state)
{
    enum cell_shown shown[1] = {CELL_COVERED};

    (void)state;
    small_cells_hide(NULL, 0, COLUMNS, NULL, 0, &received, 1, shown);
    assert_int_equal(shown[0], CELL_COVERED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hides_small_numbers_and_what_tells_them),
        cmocka_unit_test(no_small_number_can_be_computed),
        cmocka_unit_test(single_columns_are_covered_too),
        cmocka_unit_test(each_class_covers_its_own),
        cmocka_unit_test(a_class_of_one_row_is_covered_by_another),
        cmocka_unit_test(a_small_sum_of_hidden_rows_is_covered_too),
        cmocka_unit_test(the_only_group_is_the_whole),
        cmocka_unit_test(a_table_without_rows_has_nothing_to_hide),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
