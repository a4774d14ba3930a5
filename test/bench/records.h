/* records: the full records of a province that a figure reads, one JSON text a line of a file.
 *
 * The sandbox's province makes them once (bench.sh); mapped, so that they cost whoever serves or
 * sends them nothing but the copy. Immutable once opened. */
#ifndef BENCH_RECORDS_H
#define BENCH_RECORDS_H

#include <stddef.h>

struct record_line {
    const char *text; /* not terminated */
    size_t len;
};

struct records {
    char *map;
    size_t bytes;
    struct record_line *lines; /* [n] */
    size_t n;
};

/* At most max lines of the file (0 all). 0, or -1 with the reason on standard error. */
int records_open(struct records *r, const char *path, size_t max);
void records_close(struct records *r);

#endif
