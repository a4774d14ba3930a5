/* salvage_pages: the rows that still stand in a damaged SQLite file, page by page.
 *
 * Needs no header, no schema and no b-tree above the leaves: every leaf page of a table is read by
 * itself, as it is in the write-ahead log when that has it. Pages that were freed hold nothing
 * (secure_delete). Never writes. Private to journal/; for dvcsyncctl, no daemon runs. */
#ifndef JOURNAL_SALVAGE_PAGES_H
#define JOURNAL_SALVAGE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SALVAGE_PAGE_MAX 8192 /* DB_PAGE_BYTES; files of before have pages of 4096 */
#define SALVAGE_COLUMNS 24

enum salvage_type { SALVAGE_NULL, SALVAGE_INTEGER, SALVAGE_REAL, SALVAGE_TEXT, SALVAGE_BLOB };

struct salvage_value {
    enum salvage_type type;
    int64_t integer;
    const char *bytes; /* borrowed for the time of the callback */
    size_t n;
};

struct salvage_row {
    bool keyed;    /* of a table without rowid, or an entry of an index */
    int64_t rowid; /* 0 when keyed */
    size_t n;
    struct salvage_value values[SALVAGE_COLUMNS];
    uint32_t page;
};

struct salvage_pages {
    int file, wal; /* descriptors, -1 none */
    int64_t file_n, wal_n;
    size_t page; /* bytes */
    uint32_t n_pages;
    uint32_t *in_wal;    /* frame number by page, 0 none */
    bool *bad;           /* by page: something on it was no row */
    bool wal_cut;        /* frames of the log could not be used: the last changes are missing */
    uint32_t unreadable; /* reads that the disk refused */
    uint32_t bad_pages;  /* leaves with something that is no row */
    uint32_t overflows;  /* cells of the page being read that went on elsewhere */
};

/* Opens both files, finds the size of their pages and judges the log. ERR_NOTFOUND, ERR_DENIED,
 * ERR_TOOBIG (over 256 GB), ERR_NOMEM. */
MUST_CHECK int salvage_pages_open(struct salvage_pages *p, const char *path, struct errmsg *msg);
void salvage_pages_close(struct salvage_pages *p);

/* Every row of every leaf. A callback that returns non-zero ends it with that. What is no row is
 * skipped and marks its page as bad; the callback may do so too (salvage_pages_doubt). */
int salvage_pages_each(struct salvage_pages *p, int (*row)(void *ctx, const struct salvage_row *r),
                       void *ctx);
void salvage_pages_doubt(struct salvage_pages *p, uint32_t page);

#endif
