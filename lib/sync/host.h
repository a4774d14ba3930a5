/* host: what the engine does for one source that pushes at us, in one flow: takes its records into
 * the journal, says what became of them, and reads for it what the journal, the mirror or the sink
 * knows. The engine's side of struct adapter_host. Loop thread. */
#ifndef SYNC_HOST_H
#define SYNC_HOST_H

#include "journal/mirror.h"
#include "sync/flow.h"
#include "sync/merge.h"
#include "sync/poller.h"
#include "sync/waits.h"

#define HOST_OFFERS_MAX 4096 /* open ones, those that wait for the sink included */
#define HOST_CALLS_MAX 512   /* questions under way */

struct host {
    struct adapter_host base;
    const struct flow_env *env; /* borrowed, as are all below */
    const char *name;           /* the flow's */
    const char *source_name;
    int64_t flow;
    int64_t born_flow; /* see journal_append */
    /* Intake: the flow in which the sink tells of its own dossiers, and so where they stand; 0: it
     * does not. Payments: the flow of the dossiers that they are for. */
    int64_t told_flow;
    int rank;
    const struct party *source; /* paused: nothing is taken from it */
    struct party *sink;
    struct merge *merge;   /* the flow has several sources; NULL else */
    struct waits *waits;   /* of the flow */
    struct poller *poller; /* of the same source, for what is owed; NULL none */
    enum flow_mode mode;
    bool stopping;

    struct list offers; /* struct host_offer */
    struct list calls;  /* struct host_call: asks, relays, rows */
    uint32_t n_offers, n_calls;
    struct loop_timer timer; /* for calls that wait for a place at the sink */
    struct loop_task pump;
    /* Records are with the journal. Whether the pusher's claim follows them. */
    bool (*appending)(void *ctx);
    /* Records were stored: the pusher may find work, unless it followed. replaced: others gave way
     * to them. */
    void (*appended)(void *ctx, bool replaced, bool followed);
    void *ctx;
    void (*stopped)(void *ctx);
    void *stopped_ctx;

    uint64_t taken, refused; /* offers */
    uint32_t waiting;        /* offers that wait for the sink */
};

void host_init(struct host *h, const struct flow_env *env, const char *name, int64_t flow,
               const struct party *source, struct party *sink, struct waits *waits);
/* A place at the sink may be free, or it works again. */
void host_kick(struct host *h);
/* Takes nothing more and lets nobody wait any longer; what is under way ends. stopped is called
 * once, later. */
void host_stop(struct host *h, void (*stopped)(void *ctx), void *ctx);
/* Takes it out of the loop's lists. After stopped, or before it was ever used. */
void host_free(struct host *h);

#endif
