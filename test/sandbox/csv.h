/* csv: a table read whole from a file, with a line of column names first. RFC 4180 quoting. */
#ifndef CSV_H
#define CSV_H

#include <stddef.h>

#define CSV_COLUMNS_MAX 16
#define CSV_FILE_MAX ((size_t)64 * 1024 * 1024) /* bytes */

struct csv {
    char *text;         /* owned; the cells point into it */
    const char **cells; /* owned; rows * columns of them */
    size_t columns;
    size_t rows; /* the line of names not counted */
    const char *names[CSV_COLUMNS_MAX];
};

/* 0, or -1 with the reason on standard error; *csv needs no initialisation. */
int csv_load(struct csv *csv, const char *path);
void csv_free(struct csv *csv);

/* The index of a column, -1 when there is none. */
int csv_column(const struct csv *csv, const char *name);
/* A cell, "" for a row that is too short. */
const char *csv_cell(const struct csv *csv, size_t row, int column);

/* Reads a whole file, NUL-terminated, from malloc; NULL with errno when it can't. */
char *csv_read_file(const char *path, size_t max_bytes, size_t *len);

#endif
