/* catalog_book: both catalogues as a journal's file holds them, side by side, and their history.
 *
 * For dvcsyncctl: reads the file beside whoever writes it, page by page, and changes nothing.
 * Blocks. Callbacks get borrowed rows; one that returns other than 0 ends the visit with that.
 * Errors: ERR_SCHEMA (db_open_report), ERR_CORRUPT, ERR_IO. */
#ifndef JOURNAL_CATALOG_BOOK_H
#define JOURNAL_CATALOG_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "domain/item.h"
#include "domain/record.h"

/* When the portal's list of procedures and of services, and the province's list were last complete,
 * wall; 0 never. */
struct book_times {
    uint64_t portal_ms, services_ms, local_ms;
};
MUST_CHECK int catalog_book_times(const char *path, struct book_times *out, struct errmsg *msg);

/* One procedure that either side knows, in order of code. */
struct book_row {
    const char *code;
    struct {
        bool there, open;
        const char *name, *body;
        size_t body_len;
        uint64_t first_ms, changed_ms;
    } portal;
    struct {
        bool there, open;
        const char *name, *body; /* body NULL: not kept */
        size_t body_len;
        int level, processes, eforms; /* -1 not shown */
    } local;
    bool equal_digest; /* what the province can hold of the portal's and what it shows */
    bool on_its_way;   /* an item of it is open */
    bool held;         /* and a person must look at it */
};
MUST_CHECK int catalog_book_rows(const char *path,
                                 int (*row)(void *ctx, const struct book_row *row), void *ctx,
                                 struct errmsg *msg);

/* The active records of a kind in the portal's mirror, in order of parent and code. */
struct book_record {
    const char *code, *name, *body;
    size_t body_len;
};
MUST_CHECK int catalog_book_records(const char *path, enum record_kind kind,
                                    int (*row)(void *ctx, const struct book_record *row), void *ctx,
                                    struct errmsg *msg);

enum book_side { BOOK_PORTAL = 1, BOOK_LOCAL = 2 };
/* Stored in catalog_change. */
enum book_what {
    BOOK_CHANGED = 1,
    BOOK_ADDED = 2,  /* first seen */
    BOOK_CLOSED = 3, /* withdrawn, switched off */
    BOOK_OPENED = 4, /* published again, switched on */
    BOOK_REMOVED = 5 /* gone from the list; the portal's are withdrawn instead */
};

struct book_change {
    uint64_t at_ms;
    enum book_side side;
    enum record_kind kind; /* RECORD_PROCEDURE, RECORD_SERVICE */
    enum book_what what;
    const char *code, *name, *fields; /* name: the latest, "" not known; fields of BOOK_CHANGED */
};
/* Oldest first. code NULL: all; a service counts with its procedure. */
MUST_CHECK int catalog_book_changes(const char *path, uint64_t since_ms, const char *code,
                                    int (*row)(void *ctx, const struct book_change *row), void *ctx,
                                    struct errmsg *msg);

#endif
