/* integrity: what the list of integrity is made from, read beside a running daemon or without one.
 *
 * Own read-only connection, pages of some hundred rows, each a short read of its own, so that the
 * daemon's log can be folded meanwhile. Synchronous: for dvcsyncctl, never for the loop. */
#ifndef JOURNAL_INTEGRITY_H
#define JOURNAL_INTEGRITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* All borrowed for the time of the call. */
struct integrity_dossier {
    int64_t subject;
    const char *flow, *code;
    int status; /* national, of the newest snapshot; 0 unmapped */
    int64_t at_s;
    const char *procedure; /* raw */
    int channel;           /* 1 in person, 2 online, 3 post, 0 unknown */
    int results;
    int moved;        /* how often the promised date was put off when it had passed */
    int supplements;  /* rounds that the source lists */
    int rounds;       /* times that its steps went over to status 5 */
    const char *body; /* newest snapshot, canonical; NULL: not kept any more */
    size_t body_len;
};

/* Dossiers that were received, finished, returned or last changed in from_s <= t < until_s (until_s
 * 0: all), in order of id. Of one that stands in several flows, the row in the first of `flows`
 * counts, then those of other flows, and no other row. What a callback returns but 0 ends the
 * reading and is its result.
 * ERR_NOTFOUND, ERR_DENIED, ERR_SCHEMA, ERR_CORRUPT, ERR_IO. */
MUST_CHECK int integrity_dossiers(const char *path, const char *const *flows, size_t n_flows,
                                  int64_t from_s, int64_t until_s,
                                  int (*dossier)(void *ctx, const struct integrity_dossier *d),
                                  void *ctx, struct errmsg *msg);

/* Each dossier of that time with a result that another dossier has too, once for each such result.
 * Keeps 24 bytes for each result in the journal. ERR_TOOBIG over 16 million, ERR_NOMEM. */
MUST_CHECK int integrity_shared(const char *path, int64_t from_s, int64_t until_s,
                                int (*shared)(void *ctx, const char *flow, const char *code,
                                              const char *other),
                                void *ctx, struct errmsg *msg);

/* Procedures of the mirror, withdrawn ones too, as canonical records. */
MUST_CHECK int integrity_procedures(const char *path,
                                    int (*procedure)(void *ctx, const char *code, const char *body,
                                                     size_t n),
                                    void *ctx, struct errmsg *msg);

#endif
