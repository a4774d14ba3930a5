/* csv: rows of comma-separated values, as the map files hold them.
 *
 * RFC 4180 with what people's tools make of it: LF or CRLF, a byte order mark in front, blank lines
 * and lines that begin with '#' skipped, white space round unquoted values dropped. Bounded: a file
 * that is not CSV at all costs no memory. Any thread; a reader belongs to one at a time. */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include <stddef.h>

#include "base/err.h"

#define CSV_MAX_COLUMNS 16
#define CSV_FIELD_SIZE 512 /* bytes of a value with its NUL */

/* Private to csv.c but for line. */
struct csv {
    const char *at, *end; /* borrowed */
    unsigned line;        /* of at, from 1 */
};

struct csv_row {
    unsigned line;                              /* where it begins */
    size_t n;                                   /* columns */
    char text[CSV_MAX_COLUMNS][CSV_FIELD_SIZE]; /* UTF-8 without NUL */
};

/* text need not be terminated and must stay until the last csv_next. */
void csv_init(struct csv *csv, const char *text, size_t len);

/* The next row. ERR_NOTFOUND at the end. ERR_FORMAT when the row can't be read: row->line and
 * *fault (a constant) tell where and why, and the reader goes on with the line after it. */
MUST_CHECK int csv_next(struct csv *csv, struct csv_row *row, const char **fault);

#endif
