/* store: what the ideal writes: the daemon's own tables (lib/journal/schema.sql), the rows that the
 * daemon leaves of a delivered dossier and nothing else (same_rows.sh compares), WAL and
 * synchronous = FULL, one worker thread that commits all that is queued at a time.
 *
 * A job goes in with store_put and comes back by store_take once its rows are committed; fd can be
 * read when some are back. put and take: one thread. */
#ifndef BENCH_STORE_H
#define BENCH_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "bench/facts.h"

struct store;

enum store_what {
    STORE_APPEND, /* subject, item, body, figures, row of the source */
    STORE_CURSOR, /* how far the source is read */
    STORE_INTENT, /* item and subject in flight, a row of the attempt */
    STORE_FINISH  /* what became of it */
};

/* What a call's row tells when it has ended. */
struct store_answer {
    char words[160];                   /* the portal's */
    uint8_t request[32], response[32]; /* digests of what left and what came */
    unsigned took_ms;
};

/* One dossier or one page's cursor; the caller's. */
struct store_job {
    enum store_what what;
    const char *code; /* borrowed until it is finished */
    const char *body;
    size_t len;
    struct facts facts;
    size_t offset;              /* of STORE_CURSOR */
    struct store_answer answer; /* of STORE_FINISH */
    uint8_t hash[32];
    int64_t subject, item, attempt; /* the store's */
    struct store_job *next;
    void *ctx;
};

/* Makes the file at path (it must not be there). 0 or -1 with the reason on standard error. */
int store_open(struct store **out, const char *path);
int store_fd(const struct store *s);
void store_put(struct store *s, struct store_job *job);
/* A list by next, in order; NULL when none is back. */
struct store_job *store_take(struct store *s);
/* One job in a transaction of its own, on the caller's thread, while the worker has nothing. */
void store_now(struct store *s, struct store_job *job);
/* Commits of the worker so far. */
uint64_t store_commits(struct store *s);
void store_close(struct store *s);

#endif
