/* engine_impl: the engine's inside, shared by engine.c (build, run, stop) and engine_status.c (what
 * faces show). */
#ifndef SYNC_ENGINE_IMPL_H
#define SYNC_ENGINE_IMPL_H

#include "sync/catalog.h"
#include "sync/engine.h"
#include "sync/poller.h"
#include "sync/pusher.h"
#include "sync/reconcile.h"

#define ENGINE_PARTIES (CONFIG_MAX_SOURCES + 1)

/* What runs of a flow; which parts are there depends on its kind. */
struct flow {
    struct engine *engine;
    char name[ENGINE_NAME];
    char from[ENGINE_NAME], to[ENGINE_NAME];
    enum flow_kind kind;
    enum flow_mode mode;
    int64_t id;
    bool has_poller, has_pusher, has_catalog, has_walk;
    struct poller poller;
    struct pusher pusher;
    struct catalog catalog;
    struct walk walk; /* seen, or adopt of a dossiers flow */
    uint64_t adopt_total;
    uint32_t parts_open;     /* that have not stopped */
    uint64_t delivered_seen; /* pusher's count when the catalogue last compared */
};

struct engine {
    struct engine_env env;
    struct flow_env flow_env;
    struct adapter_env adapter_env;
    const struct config *config;
    struct party parties[ENGINE_PARTIES];
    size_t n_parties;
    struct flow *flows[CONFIG_MAX_FLOWS]; /* owned */
    size_t n_flows;
    struct names names;
    bool running;
    uint32_t starting; /* pauses that are still being read; it runs when all are known */

    struct journal_summary summary;
    bool summing;
    struct loop_timer upkeep;       /* summary, retention */
    struct loop_task room;          /* a call ended: pump everyone */
    struct upkeep_state *retention; /* owned */
    uint64_t retention_due_ms;

    /* closing */
    bool closing;
    uint32_t open_parts;
    struct loop_timer deadline;
    struct loop_task finish;
    void (*closed)(void *ctx);
    void *closed_ctx;
    uint32_t small_ops; /* facts and audits under way */
    uint32_t probes;
};

#endif
