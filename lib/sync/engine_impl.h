/* engine_impl: the engine's inside, shared by engine.c (open, run, reload, close), engine_flow.c
 * (how flows are built), engine_listen.c (who pushes), engine_act.c (operators) and
 * engine_status.c (what faces show). */
#ifndef SYNC_ENGINE_IMPL_H
#define SYNC_ENGINE_IMPL_H

#include "sync/catalog.h"
#include "sync/engine.h"
#include "sync/host.h"
#include "sync/merge.h"
#include "sync/poller.h"
#include "sync/pusher.h"
#include "sync/reconcile.h"
#include "sync/reviewer.h"
#include "sync/waits.h"
#include "sync/watch.h"

#define ENGINE_PARTIES (CONFIG_MAX_SOURCES + 1)
/* As many as can be merged of one dossier. */
#define FLOW_SOURCES_MAX 16

/* One source of a flow: polled, listened to, or both. */
struct flow_source {
    struct flow *flow;
    struct party *party;
    bool has_poller, has_host;
    bool listening;
    char place[2 * ENGINE_NAME]; /* under which a poller apart keeps its rows; "" its source's */
    struct poller poller;
    struct host host;
};

/* What runs of a flow; which parts are there depends on its kind. */
struct flow {
    struct engine *engine;
    char name[ENGINE_NAME];
    char from[ENGINE_NAME], to[ENGINE_NAME];
    enum flow_kind kind;
    enum flow_mode mode;
    int64_t id;
    struct flow_source *sources; /* owned; dossiers, status, intake */
    size_t n_sources;
    struct merge merge; /* where there are several */
    struct waits waits; /* clients of its hosts */
    bool has_pusher, has_catalog, has_walk;
    struct pusher pusher;
    struct catalog catalog;
    struct walk walk; /* seen, or adopt of a dossiers flow */
    uint64_t adopt_total;
    uint64_t delivered_seen; /* pusher's count when the catalogue last compared */
};

struct engine {
    struct engine_env env;
    struct flow_env flow_env;
    struct adapter_env adapter_env;
    const struct config *config;
    struct party parties[ENGINE_PARTIES];
    bool listening[ENGINE_PARTIES]; /* that take what is pushed at them */
    size_t n_parties;
    struct flow *flows[CONFIG_MAX_FLOWS]; /* owned */
    size_t n_flows;
    struct names names;
    struct reviewer reviewer;
    bool running;
    uint32_t starting; /* pauses that are still being read; it runs when all are known */

    struct journal_summary summing_op; /* the worker writes into it */
    struct journal_summary summary;    /* the last that ended well: what the loop reads */
    bool summing;
    struct watch watch;
    struct loop_timer upkeep;       /* summary, retention, watch */
    struct loop_task room;          /* a call ended: pump everyone */
    size_t first_in_room;           /* the flow that is first this time */
    struct upkeep_state *retention; /* owned */
    uint64_t retention_due_ms;

    /* closing: first the listeners, then everything else */
    bool closing, parts_closing;
    bool hurried; /* nobody waits for calls in flight any more */
    uint32_t open_listeners;
    uint32_t open_parts;
    struct loop_timer deadline;
    struct loop_task finish;
    void (*closed)(void *ctx); /* NULL: it was never open */
    void *closed_ctx;
    uint32_t small_ops; /* facts and audits under way */
    uint32_t probes;
};

/* ---- engine.c ---- */

struct party *engine_party(struct engine *e, const char *name); /* NULL: not known */
/* Sets which flows may send, and looks for work. */
void engine_set_live(struct engine *e);

/* Something that a close waits for has ended. */
void engine_check_closed(struct engine *e);

/* Nobody brings anything any more: what works inside may stop. */
void engine_close_parts(struct engine *e);

/* ---- engine_listen.c ---- */

/* Every source of a flow that pushes; an adapter pushes into one flow. */
MUST_CHECK int engine_listen(struct engine *e, struct errmsg *msg);
/* Listeners and their hosts; clients that wait are answered with what is known. The parts are next.
 */
void engine_unlisten(struct engine *e);

/* ---- engine_reconcile.c ---- */

void engine_reviewer_init(struct engine *e);
/* When all flows are built: whose dossiers can be compared. */
void engine_reviewer_link(struct engine *e);

/* ---- engine_act.c ---- */

void engine_keep_fact(struct engine *e, const char *prefix, const char *name, const char *value);
void engine_op_ended(struct engine *e); /* a small op; small_ops was counted up for it */

/* ---- engine_watch.c ---- */

void engine_watch_init(struct engine *e);
void engine_watch_run(struct engine *e);

/* ---- engine_flow.c ---- */

/* Builds a flow whose parties are open and adds it. */
MUST_CHECK int engine_flow_open(struct engine *e, const struct config_flow *c, struct errmsg *msg);
/* What flows of a kind deliver; RECORD_NONE for those that deliver nothing. */
enum record_kind engine_flow_record(enum flow_kind kind);
/* When all are built: what one knows of another. */
void engine_flows_link(struct engine *e);
/* Whether a flow could go on with these values: its systems must be the same. */
MUST_CHECK int engine_flow_check(const struct flow *f, const struct config_flow *c,
                                 struct errmsg *msg);
void engine_flow_configure(struct flow *f, const struct config_flow *c);
void engine_flow_kick(struct flow *f);
/* A call has ended somewhere: whoever waits for a place at a shared party. */
void engine_flow_room(struct flow *f);
/* Of one that let the others go first; after theirs. */
void engine_flow_room_at_last(struct flow *f);
/* Stops every part; calls stopped once for each. Returns how many that are. */
uint32_t engine_flow_parts(const struct flow *f);
void engine_flow_stop(struct flow *f, void (*stopped)(void *ctx), void *ctx);
/* Nothing of it may be left in the loop's lists, however far it had come. */
void engine_flow_free(struct flow *f);

#endif
