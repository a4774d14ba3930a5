/* survey: the records that a journal keeps, read beside a running daemon or without one.
 *
 * Own read-only connection, one read transaction, synchronous: for reports of dvcsyncctl, never for
 * the loop. */
#ifndef JOURNAL_SURVEY_H
#define JOURNAL_SURVEY_H

#include <stddef.h>

#include "base/err.h"
#include "domain/item.h"
#include "domain/record.h"

/* Borrowed for the time of the callback. */
struct survey_item {
    const char *flow;
    const char *code;
    enum item_kind kind;
    enum item_state state;
    enum hold_why hold;
    const char *body; /* canonical record */
    size_t body_len;
};

/* Every item whose body is kept: the newest snapshot of each dossier, and steps that are not
 * settled. A callback that returns non-zero ends the reading with that error. ERR_NOTFOUND,
 * ERR_DENIED, ERR_CORRUPT, ERR_IO. */
MUST_CHECK int survey_items(const char *path,
                            int (*item)(void *ctx, const struct survey_item *item), void *ctx,
                            struct errmsg *msg);

/* The active records of one kind in the catalogue's mirror. */
MUST_CHECK int survey_mirror(const char *path, enum record_kind kind,
                             int (*row)(void *ctx, const char *code, const char *name), void *ctx,
                             struct errmsg *msg);

#endif
