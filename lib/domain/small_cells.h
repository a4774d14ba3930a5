/* small cells: which numbers of a table must not be published, so that none under 5 can be read or
 * computed.
 *
 * The table's rows are groups. Its columns form families: a total and the parts that add up to it
 * (received = online + direct), or a total alone. A row that has a number from 1 to 4 in a family
 * shows none of the parts there, and not the total when that is under 5. Where one row alone would
 * be hidden so, or the hidden totals would follow from their sum, the next small row is hidden with
 * it; where there is none, the family of all rows.
 *
 * Rows may be in classes (all agencies of one level). The reader knows the sums of each column over
 * the rows of each class, but for those that this same rule hides in a table of the classes, and
 * the sum over all. Rows of a class whose sum is shown are hidden as a table of their own; those of
 * classes whose sums are hidden stand in for each other, so that neither a class with one row nor
 * the hidden sum itself can be computed.
 *
 * Then any hidden number from 1 to 4 could as well be one more or one less: some other hidden row
 * makes up for it. Pure; any thread. */
#ifndef DOMAIN_SMALL_CELLS_H
#define DOMAIN_SMALL_CELLS_H

#include <stddef.h>
#include <stdint.h>

#define SMALL_CELLS_LIMIT 5
#define SMALL_CELLS_PARTS 4
#define SMALL_CELLS_CLASSES 8

enum cell_shown {
    CELL_SHOWN,
    CELL_SMALL,  /* under 5: "<5" */
    CELL_COVERED /* hidden, whatever it is */
};

/* Columns by number; no column is in two families. */
struct cells_family {
    size_t total;
    size_t parts[SMALL_CELLS_PARTS];
    size_t n; /* parts; 0: the total stands alone */
};

/* values[row * columns + column], none negative, shown likewise (out). classes: of each row, under
 * n_classes, which is at most SMALL_CELLS_CLASSES; NULL: there are none, only the sum of all. */
void small_cells_hide(const int64_t *values, size_t rows, size_t columns, const unsigned *classes,
                      unsigned n_classes, const struct cells_family *families, size_t n_families,
                      enum cell_shown *shown);

#endif
