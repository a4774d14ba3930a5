/* dossiers: each dossier's newest snapshot and its steps, read beside a running daemon or without
 * one: what `dvcsyncctl compare` builds calls from.
 *
 * Own read-only connection, pages of some dossiers, each a short read of its own, so that the
 * daemon's log can be folded meanwhile. Synchronous: for dvcsyncctl, never for the loop. */
#ifndef JOURNAL_DOSSIERS_H
#define JOURNAL_DOSSIERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "domain/item.h"

#define DOSSIERS_STEPS_MAX 4096 /* of a dossier */

/* Borrowed for the time of the callback. */
struct dossiers_item {
    enum item_state state;
    int status;   /* national, 0 unmapped */
    int64_t at_s; /* the source's time */
    bool consented;
    const char *body; /* canonical; NULL: not kept any more */
    size_t body_len;
};

struct dossiers_row {
    const char *flow, *code;
    struct dossiers_item snapshot;
    const struct dossiers_item *steps; /* in the source's order */
    size_t n_steps;
};

/* Every dossier with a snapshot, in order of id; records of other kinds that a flow carries come
 * too. What a callback returns but 0 ends the reading and is its result. ERR_NOTFOUND, ERR_DENIED,
 * ERR_SCHEMA, ERR_CORRUPT, ERR_IO, ERR_TOOBIG (steps), ERR_NOMEM. */
MUST_CHECK int dossiers_read(const char *path, int (*row)(void *ctx, const struct dossiers_row *r),
                             void *ctx, struct errmsg *msg);

#endif
