/* listener: what the adapters that only listen share (gateway, intake, payments): from the opening
 * of the instance to its end, over listen.h. Such an adapter has a struct listener as its first
 * member. Loop thread. */
#ifndef ADAPTER_LISTENER_H
#define ADAPTER_LISTENER_H

#include "adapter/listen.h"

struct listener {
    struct adapter adapter;
    struct adapter_env env;
    char *name;                         /* owned */
    const struct config_source *source; /* follows reloads */
    struct listen *listen;              /* NULL: not listening */
    struct adapter_host *host;          /* borrowed while listening */
    struct loop_task not_listening;
    bool stopping;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* size bytes, zero but for the listener in front; rank: where the section says none. ERR_CONFIG
 * when its keys can't be used, ERR_NOMEM. */
MUST_CHECK int listener_new(const struct adapter_env *env, const struct config_source *source,
                            const struct adapter_ops *ops, size_t size, int rank,
                            struct listener **out, struct errmsg *msg);
/* Frees the whole block; it listens no more. */
void listener_free(struct listener *l);

/* The verb listen, with the owner's hooks. Errors as of listen_open. */
MUST_CHECK int listener_open(struct listener *l, struct adapter_host *host,
                             const struct listen_hooks *hooks, struct errmsg *msg);
/* The verb unlisten: from now on it is stopping. The owner ends what it can and calls
 * listener_idle. */
void listener_stop(struct listener *l, void (*stopped)(void *ctx), void *ctx);
/* Whenever something ended: with nothing open any more, a listener that is stopping goes; what
 * waits for that may free the adapter. */
void listener_idle(struct listener *l, bool idle);

/* The verb reconfigure, as a whole or as a part of the owner's. */
MUST_CHECK int listener_reconfigure(struct adapter *a, const struct config *config,
                                    struct errmsg *msg);

/* False: the call was answered: 503 while it is stopping, 401 without an account. */
bool listener_lets_in(struct listener *l, struct http_call *call);
/* Which of the paths is POSTed to ("" is none of them); n: none, and the call was answered. */
size_t listener_route(struct http_call *call, const char *const *paths, size_t n);
/* What the wire does with a body that is no JSON object (section 8). */
void listener_answer_malformed(struct listener *l, struct http_call *call);

#endif
