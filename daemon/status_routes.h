/* status_routes: what may be asked over the status and control sockets, as a table.
 *
 * status.c accepts and knows the peer; here a request finds its handler, and handlers that ask the
 * journal answer later. A request waits at most ROUTES_WAIT_MS for the journal and only so many
 * wait at a time, so that neither a slow disk nor a hostile client piles them up. Loop thread only.
 */
#ifndef STATUS_ROUTES_H
#define STATUS_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/events.h"
#include "daemon/status_json.h"
#include "http/server.h"

#define ROUTES_NAME 128 /* the variable part of a path, with its NUL */
#define ROUTES_WHO 80   /* "uid 1000 (name)" */
#define ROUTES_WAIT_MS 10000
#define ROUTES_WAITING_MAX 4 /* requests that wait for the journal or a probe */
#define ROUTES_RESERVED 4    /* and so many more for the control socket */
#define ROUTES_ANSWER_BYTES ((size_t)8 << 20)

/* What the process lends. All borrowed. */
struct status_env {
    struct uv_loop_s *uv;
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    struct journal *journal;
    struct engine *engine;
    struct events *events;
    const struct config *(*config)(void *ctx);
    void (*describe)(void *ctx, struct status_process *out);
    /* Loads the configuration anew. done comes once, later; errors are borrowed: n of them, 0 when
     * it was taken. ERR_BUSY while one is under way, ERR_NOMEM: done is never called. */
    int (*reload)(void *ctx, const char *who,
                  void (*done)(void *done_ctx, const char *const *errors, size_t n),
                  void *done_ctx);
    void *ctx;
};

struct routes {
    struct status_env env; /* engine becomes NULL at the end */
    unsigned waiting;
    uint64_t backup_since_ms;      /* monotonic; 0: no backup or erasure runs */
    struct engine_status snapshot; /* scratch of one answer: too big for the stack */
};

void routes_init(struct routes *r, const struct status_env *env);
/* The engine goes away: acts that the journal still ends tell it nothing. */
void routes_detach(struct routes *r);
/* Answers, now or later. control: the request came over the control socket; who is copied. */
void routes_dispatch(struct routes *r, struct http_call *call, bool control, const char *who);

/* ---- for the handlers ---- */

struct route_call {
    struct routes *routes;
    struct http_call *http;
    const char *name; /* the variable part, "" when the route has none; valid inside the handler */
    const char *who;  /* as name */
    bool control;
    int arg; /* the route's */
};

struct route {
    const char *method;
    const char *pattern; /* at most one "{}": a segment without '/' */
    void (*handle)(const struct route_call *call);
    bool needs_control;
    int arg;
};

/* NULL: 404, or 405 when *other_method. name gets the variable part. */
const struct route *route_find(const char *method, const char *path, char name[ROUTES_NAME],
                               bool *other_method);
/* The table, for tests and documentation; NULL past the end. */
const struct route *route_at(size_t index);

/* A request that is answered later. The first member of the handler's own struct. */
struct pending {
    struct routes *routes;
    struct http_call *http; /* NULL: answered already, the deadline was over */
    struct loop_timer deadline;
    char who[ROUTES_WHO];
    bool acts; /* what was asked happens even after the deadline */
};

/* The handler's struct, all zero but for the pending one, which is begun; from malloc. NULL: there
 * was no memory or too many wait, the call is answered (503). */
void *pending_new(const struct route_call *call, size_t size, bool acts);
/* False: too many wait, the call is answered (503) and p is not begun. */
bool pending_begin(struct pending *p, const struct route_call *call, bool acts);
/* To be called once, when the answer is there. NULL: nobody waits for it any more. */
struct http_call *pending_end(struct pending *p);

/* Sends what was written into out and frees it; err is the writer's. */
void route_answer(struct http_call *http, unsigned status, int err, struct buf *out);
/* The same as another type than JSON or a problem. */
void route_answer_as(struct http_call *http, unsigned status, const char *type, int err,
                     struct buf *out);
/* A failed request as a problem: ERR_NOTFOUND 404, ERR_STATE 409... */
void route_fail(struct http_call *http, int err, const char *why);
/* Gathers all that status and metrics show. The result's engine is the scratch of routes. */
void route_view(struct routes *r, struct status_view *out);
/* The number of a configured flow, 0 for "". ERR_NOTFOUND. */
MUST_CHECK int route_flow(struct routes *r, const char *name, int64_t *out);

#endif
