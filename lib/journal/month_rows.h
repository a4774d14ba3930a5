/* month_rows: what a journal knows for a month's figures, read beside a running daemon or without
 * one.
 *
 * Own read-only connection, a short read transaction for each page of dossiers, synchronous: for
 * reports of dvcsyncctl, never for the loop. */
#ifndef JOURNAL_MONTH_ROWS_H
#define JOURNAL_MONTH_ROWS_H

#include <stddef.h>

#include "base/err.h"
#include "domain/month.h"
#include "domain/record.h"

/* A row of the mirror that is not withdrawn, borrowed for the time of the callback. */
struct month_row {
    const char *code, *name;
    const char *parent; /* of a service: its procedure; of a procedure: its sector */
    const char *extra;  /* of an agency: CAPDONVI */
    int level;          /* of a procedure, as in domain/procedure.h */
};

struct month_reader {
    const char *path;
    struct month month;
    /* Names of the flows whose dossiers count. Of one that stands in several, the row of the
     * earliest counts and no other. */
    const char *const *flows;
    size_t n_flows;
    /* A callback that returns non-zero ends the reading with that error. */
    int (*dossier)(void *ctx, const struct month_dossier *dossier);
    void *ctx;
};

/* Every dossier that may count for the month or for its year, in no order that means anything.
 * ERR_NOTFOUND, ERR_DENIED, ERR_CORRUPT, ERR_IO; ERR_SCHEMA: of before there were figures. */
MUST_CHECK int month_rows_read(const struct month_reader *r, struct errmsg *msg);

/* From when on there is something to count. */
struct month_begin {
    int64_t began_s;    /* the journal's first record of any kind; 0 none */
    int64_t received_s; /* the earliest receipt of a dossier of these flows; 0 none */
    int64_t bare;       /* dossiers of these flows that have no figures (an older version's) */
};
MUST_CHECK int month_rows_begin(const char *path, const char *const *flows, size_t n_flows,
                                struct month_begin *out, struct errmsg *msg);

/* The active rows of one kind in the catalogue's mirror. */
MUST_CHECK int month_rows_mirror(const char *path, enum record_kind kind,
                                 int (*row)(void *ctx, const struct month_row *row), void *ctx,
                                 struct errmsg *msg);

#endif
