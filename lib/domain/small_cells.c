#include "domain/small_cells.h"

#include <stdbool.h>

#define COVER_LEAST (SMALL_CELLS_LIMIT + 1) /* one less is still not small */
#define NO_ROW SIZE_MAX

struct table {
    const int64_t *values;
    enum cell_shown *shown;
    size_t rows, columns;
    const unsigned *classes;
    const struct cells_family *family; /* the one in work, in this class: */
    unsigned class;
};

static bool is_small(int64_t value)
{
    return value > 0 && value < SMALL_CELLS_LIMIT;
}

static int64_t total_of(const struct table *t, size_t row)
{
    return t->values[row * t->columns + t->family->total];
}

static enum cell_shown *total_shown(const struct table *t, size_t row)
{
    return &t->shown[row * t->columns + t->family->total];
}

static void mark_parts(const struct table *t, size_t row, enum cell_shown as)
{
    for (size_t i = 0; i < t->family->n; i++) {
        t->shown[row * t->columns + t->family->parts[i]] = as;
    }
}

static bool parts_shown(const struct table *t, size_t row)
{
    return t->shown[row * t->columns + t->family->parts[0]] == CELL_SHOWN;
}

static bool in_class(const struct table *t, size_t row)
{
    return t->classes[row] == t->class;
}

static void hide_all(const struct table *t)
{
    for (size_t row = 0; row < t->rows; row++) {
        if (in_class(t, row)) {
            *total_shown(t, row) = CELL_COVERED;
            mark_parts(t, row, CELL_COVERED);
        }
    }
}

/* Rows with something small; their parts go, and totals that are small themselves. */
static size_t hide_small(const struct table *t)
{
    size_t n = 0;

    for (size_t row = 0; row < t->rows; row++) {
        bool small = is_small(total_of(t, row));
        bool any = small;

        for (size_t i = 0; i < t->family->n; i++) {
            any = any || is_small(t->values[row * t->columns + t->family->parts[i]]);
        }
        if (any && in_class(t, row)) {
            *total_shown(t, row) = small ? CELL_SMALL : CELL_SHOWN;
            mark_parts(t, row, small ? CELL_SMALL : CELL_COVERED);
            n++;
        }
    }
    return n;
}

/* The row with the least total of at least `least` that still shows its parts, or its total. */
static size_t next_row(const struct table *t, int64_t least, bool by_parts)
{
    size_t best = NO_ROW;

    for (size_t row = 0; row < t->rows; row++) {
        bool free = by_parts ? parts_shown(t, row) : *total_shown(t, row) == CELL_SHOWN;

        if (free && in_class(t, row) && total_of(t, row) >= least &&
            (best == NO_ROW || total_of(t, row) < total_of(t, best))) {
            best = row;
        }
    }
    return best;
}

/* The small totals follow from their sum when there is one, or when all are 1 or all are 4. */
static bool totals_follow(const struct table *t)
{
    int64_t n = 0;
    int64_t sum = 0;

    for (size_t row = 0; row < t->rows; row++) {
        if (in_class(t, row) && *total_shown(t, row) == CELL_SMALL) {
            n++;
            sum += total_of(t, row);
        }
    }
    return n == 1 || (n > 0 && (sum == n || sum == n * (SMALL_CELLS_LIMIT - 1)));
}

static void hide_family(const struct table *t)
{
    size_t hidden = hide_small(t);
    size_t row;

    if (hidden > 0 && totals_follow(t)) {
        row = next_row(t, COVER_LEAST, false);
        if (row == NO_ROW) {
            hide_all(t);
            return;
        }
        hidden += t->family->n > 0 && parts_shown(t, row);
        *total_shown(t, row) = CELL_COVERED;
        mark_parts(t, row, CELL_COVERED);
    }
    if (hidden == 1 && t->family->n > 0) {
        row = next_row(t, 1, true);
        if (row == NO_ROW) {
            hide_all(t);
            return;
        }
        mark_parts(t, row, CELL_COVERED);
    }
}

void small_cells_hide(const int64_t *values, size_t rows, size_t columns, const unsigned *classes,
                      unsigned n_classes, const struct cells_family *families, size_t n_families,
                      enum cell_shown *shown)
{
    for (size_t i = 0; i < rows * columns; i++) {
        shown[i] = CELL_SHOWN;
    }
    for (size_t i = 0; i < n_families * n_classes; i++) {
        struct table t = {.values = values,
                          .shown = shown,
                          .rows = rows,
                          .columns = columns,
                          .classes = classes,
                          .family = &families[i / n_classes],
                          .class = (unsigned)(i % n_classes)};

        hide_family(&t);
    }
}
