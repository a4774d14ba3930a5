/* calls: HTTP calls with libcurl's multi interface on epoll, and nothing else: what the baselines
 * of make bench use in the daemon's client's place. One thread. */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include <stdbool.h>
#include <stddef.h>

struct calls;

/* One call; the caller's, untouched from calls_start until done. */
struct call {
    const char *url;
    const char *body; /* NULL: GET; borrowed */
    size_t len;
    void (*done)(struct call *call);
    void *ctx; /* the caller's */
    /* out, valid in done */
    long status; /* 0: no answer */
    char *reply; /* terminated; freed after done */
    size_t reply_len;
};

/* dstcode may be NULL. 0 or -1. */
int calls_new(struct calls **out, size_t most_at_a_time);
void calls_free(struct calls *c);
/* ERR: -1 when most_at_a_time are under way or curl refuses. */
int calls_start(struct calls *c, struct call *call);
size_t calls_under_way(const struct calls *c);
/* Calls ready(ctx) whenever fd can be read. One fd. */
int calls_watch(struct calls *c, int fd, void (*ready)(void *ctx), void *ctx);
/* Turns until going(ctx) says no. */
int calls_run(struct calls *c, bool (*going)(void *ctx), void *ctx);

/* ---- the portal's words ---- */

/* Logs in at URL/mapi/login of the sandbox; the session in out. 0 or -1 with the reason. */
int calls_login(const char *portal, char *out, size_t size);
/* Whether a reply of the portal says success. Parses it as the daemon must. */
bool calls_accepted(const struct call *call);
/* The same; the reply's words too. */
bool calls_answer(const struct call *call, char *words, size_t size);

#endif
