#include "domain/small_cells.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define COVER_LEAST (SMALL_CELLS_LIMIT + 1) /* one less is still not small */
#define NO_ROW SIZE_MAX
#define JOINED 0 /* the set of the classes whose sums are hidden; the others have their own */

/* Rows whose numbers add up to one that the reader knows: which set each class is in. */
struct sets {
    unsigned of[SMALL_CELLS_CLASSES];
};

struct table {
    const int64_t *values;
    enum cell_shown *shown;
    size_t rows, columns;
    const unsigned *classes; /* NULL: all are 0 */
    unsigned n_sets;
    struct sets totals, parts;
    const struct cells_family *family; /* the one in work */
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

static unsigned class_of(const struct table *t, size_t row)
{
    return t->classes != NULL ? t->classes[row] : 0;
}

static bool in_set(const struct table *t, const struct sets *sets, size_t row, unsigned set)
{
    return sets->of[class_of(t, row)] == set;
}

static void cover(const struct table *t, size_t row)
{
    *total_shown(t, row) = CELL_COVERED;
    mark_parts(t, row, CELL_COVERED);
}

static void cover_all(const struct table *t, const struct sets *sets, unsigned set)
{
    for (size_t row = 0; row < t->rows; row++) {
        if (in_set(t, sets, row, set)) {
            cover(t, row);
        }
    }
}

static bool has_small(const struct table *t, size_t row)
{
    bool any = is_small(total_of(t, row));

    for (size_t i = 0; i < t->family->n; i++) {
        any = any || is_small(t->values[row * t->columns + t->family->parts[i]]);
    }
    return any;
}

/* Rows with something small: their parts go, and totals that are small themselves. */
static void hide_small(const struct table *t)
{
    for (size_t row = 0; row < t->rows; row++) {
        if (has_small(t, row)) {
            bool small = is_small(total_of(t, row));

            *total_shown(t, row) = small ? CELL_SMALL : CELL_SHOWN;
            mark_parts(t, row, small ? CELL_SMALL : CELL_COVERED);
        }
    }
}

/* The row of a set, in no class `but`, with the least total of at least `least` that still shows
 * its total, or its parts. */
static size_t next_row(const struct table *t, const struct sets *sets, unsigned set, unsigned but,
                       int64_t least)
{
    size_t best = NO_ROW;

    for (size_t row = 0; row < t->rows; row++) {
        bool free = sets == &t->parts ? parts_shown(t, row) : *total_shown(t, row) == CELL_SHOWN;

        if (free && in_set(t, sets, row, set) && class_of(t, row) != but &&
            total_of(t, row) >= least && (best == NO_ROW || total_of(t, row) < total_of(t, best))) {
            best = row;
        }
    }
    return best;
}

/* The small totals follow from their sum when there is one, or when all are 1 or all are 4. */
static bool totals_follow(const struct table *t, unsigned set)
{
    int64_t n = 0;
    int64_t sum = 0;

    for (size_t row = 0; row < t->rows; row++) {
        if (in_set(t, &t->totals, row, set) && *total_shown(t, row) == CELL_SMALL) {
            n++;
            sum += total_of(t, row);
        }
    }
    return n == 1 || (n > 0 && (sum == n || sum == n * (SMALL_CELLS_LIMIT - 1)));
}

/* Rows of a set, in no class `but`, that hide their total, or their parts. */
static size_t hidden_rows(const struct table *t, const struct sets *sets, unsigned set,
                          unsigned but)
{
    size_t n = 0;

    for (size_t row = 0; row < t->rows; row++) {
        bool hidden = sets == &t->parts ? !parts_shown(t, row) : *total_shown(t, row) != CELL_SHOWN;

        n += hidden && in_set(t, sets, row, set) && class_of(t, row) != but;
    }
    return n;
}

static void hide_family(const struct table *t)
{
    hide_small(t);
    for (unsigned set = 0; set < t->n_sets; set++) {
        if (totals_follow(t, set)) {
            size_t row = next_row(t, &t->totals, set, SMALL_CELLS_CLASSES, COVER_LEAST);

            if (row == NO_ROW) {
                cover_all(t, &t->totals, set);
            } else {
                cover(t, row);
            }
        }
    }
    for (unsigned set = 0; set < t->n_sets && t->family->n > 0; set++) {
        if (hidden_rows(t, &t->parts, set, SMALL_CELLS_CLASSES) == 1) {
            size_t row = next_row(t, &t->parts, set, SMALL_CELLS_CLASSES, 1);

            if (row == NO_ROW) {
                cover_all(t, &t->parts, set);
            } else {
                mark_parts(t, row, CELL_COVERED);
            }
        }
    }
}

/* ---- sums of classes ---- */

/* A table of its own: a row for each class, a column for the total and each part. */
struct sums {
    struct table table;
    struct cells_family family;
    int64_t values[SMALL_CELLS_CLASSES * (1 + SMALL_CELLS_PARTS)];
    enum cell_shown shown[SMALL_CELLS_CLASSES * (1 + SMALL_CELLS_PARTS)];
};

static void add_up(const struct table *t, unsigned n_classes, struct sums *s)
{
    size_t n = t->family->n;

    memset(s, 0, sizeof(*s));
    s->family.n = n;
    s->table = (struct table){.values = s->values,
                              .shown = s->shown,
                              .rows = n_classes,
                              .columns = 1 + n,
                              .n_sets = 1,
                              .family = &s->family};
    for (size_t i = 0; i < n; i++) {
        s->family.parts[i] = 1 + i;
    }
    for (size_t row = 0; row < t->rows; row++) {
        int64_t *sum = &s->values[class_of(t, row) * (1 + n)];

        sum[0] += total_of(t, row);
        for (size_t i = 0; i < n; i++) {
            sum[1 + i] += t->values[row * t->columns + t->family->parts[i]];
        }
    }
}

/* A class whose own sum is hidden for being small: a row of another class must be hidden too, else
 * all rows that are shown tell the sum. There is none when the class is all that there is. */
static void cover_class(const struct table *t, const struct sums *s, unsigned class)
{
    if (is_small(total_of(&s->table, class)) && hidden_rows(t, &t->totals, JOINED, class) == 0) {
        size_t row = next_row(t, &t->totals, JOINED, class, COVER_LEAST);

        if (row != NO_ROW) {
            cover(t, row);
        } else if (next_row(t, &t->totals, JOINED, class, 1) != NO_ROW) {
            cover_all(t, &t->totals, JOINED);
        }
    }
    if (t->family->n > 0 && has_small(&s->table, class) &&
        hidden_rows(t, &t->parts, JOINED, class) == 0) {
        size_t row = next_row(t, &t->parts, JOINED, class, 1);

        if (row != NO_ROW) {
            mark_parts(t, row, CELL_COVERED);
        }
    }
}

static void hide_by_class(struct table *t, unsigned n_classes)
{
    struct sums s;

    add_up(t, n_classes, &s);
    hide_family(&s.table);
    t->n_sets = n_classes + 1;
    for (unsigned i = 0; i < n_classes; i++) {
        bool total = *total_shown(&s.table, i) == CELL_SHOWN;
        bool parts = s.family.n == 0 ? total : parts_shown(&s.table, i);

        t->totals.of[i] = total ? i + 1 : JOINED;
        t->parts.of[i] = parts ? i + 1 : JOINED;
    }
    hide_family(t);
    for (unsigned i = 0; i < n_classes; i++) {
        cover_class(t, &s, i);
    }
}

void small_cells_hide(const int64_t *values, size_t rows, size_t columns, const unsigned *classes,
                      unsigned n_classes, const struct cells_family *families, size_t n_families,
                      enum cell_shown *shown)
{
    assert(n_classes <= SMALL_CELLS_CLASSES);
    for (size_t i = 0; i < rows * columns; i++) {
        shown[i] = CELL_SHOWN;
    }
    for (size_t i = 0; i < n_families; i++) {
        struct table t = {.values = values,
                          .shown = shown,
                          .rows = rows,
                          .columns = columns,
                          .classes = classes,
                          .n_sets = 1,
                          .family = &families[i]};

        if (classes == NULL) {
            hide_family(&t);
        } else {
            hide_by_class(&t, n_classes);
        }
    }
}
