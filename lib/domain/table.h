/* table: a file of named columns that an operator writes, taken apart with all its faults at once.
 *
 * CSV as base/csv.h reads it; the first row names the columns, in any order. Each fault is noted as
 * "PATH:LINE: what; remedy", newline between, as many as fit, then "and N more". For the maps, the
 * calendar and the facts of the catalogue. A table belongs to one thread. */
#ifndef DOMAIN_TABLE_H
#define DOMAIN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/csv.h"

struct table_column {
    const char *name; /* NULL: this file can't have it */
    bool required;    /* in the header */
};

struct table {
    const char *path;                   /* borrowed; stands in messages */
    const struct table_column *columns; /* borrowed; a column's number is its place here */
    size_t n_columns;
    /* private but for fields.line and csv.line */
    struct csv csv;
    struct csv_row fields;      /* the row that is read */
    size_t at[CSV_MAX_COLUMNS]; /* place in fields plus one; 0: the file has no such column */
    size_t width;               /* of the header */
    struct errmsg faults;       /* as many lines as fit */
    unsigned shown, more;       /* faults in the text; faults left out */
};

/* The text of a regular file of at most max bytes, into out (initialised here; free it). Blocks.
 * ERR_NOTFOUND, ERR_DENIED, ERR_IO, ERR_INVAL, ERR_TOOBIG, ERR_NOMEM. */
MUST_CHECK int table_load(const char *path, size_t max, struct buf *out, struct errmsg *msg);
/* Room for a row a line: a quoted value may hold several lines, but no line holds two rows. */
size_t table_lines(const char *text, size_t len);

/* n_columns at most CSV_MAX_COLUMNS. */
void table_init(struct table *t, const char *path, const struct table_column *columns,
                size_t n_columns);
/* Calls row for each row that has as many values as the header; none when the header has faults.
 * text need not be terminated. What row returns ends the reading when it is not 0, and is returned;
 * faults of the file are noted and no error here. */
MUST_CHECK int table_read(struct table *t, const char *text, size_t len, int (*row)(void *ctx),
                          void *ctx);
/* Of the row that is read; "" when the file has no such column. Valid until the next row. */
const char *table_field(const struct table *t, size_t column);
/* A date yyyy-MM-dd as local midnight; *out_s stays when it is empty. False after a fault. */
bool table_date(struct table *t, size_t column, int64_t *out_s);

void table_fault(struct table *t, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A value of the file as messages show it: printable, and cut. */
struct table_shown {
    char text[48];
};
struct table_shown table_show(const char *value);
/* ERR_CONFIG with all faults in msg, 0 without any. */
MUST_CHECK int table_end(const struct table *t, struct errmsg *msg);

#endif
