/* pusher: sends what the journal holds of one flow. Claims ahead, calls within the endpoint's
 * window and pace, lets the policy judge each outcome and the journal store it. Snapshots of
 * different dossiers share a call where the sink takes a batch. */
#ifndef SYNC_PUSHER_H
#define SYNC_PUSHER_H

#include "sync/flow.h"
#include "sync/policy.h"

/* What became of the items of a call, after COMMIT; borrowed for the callback. */
struct pusher_news {
    const char *code; /* whose */
    bool step;
    const int64_t *items; /* n, oldest first */
    size_t n;
    enum item_state became;
    enum hold_why hold;
    const char *reason, *answer, *words; /* of a hold; the sink's code and words */
    bool settled;                        /* nothing of the dossier is open any more */
    bool stored; /* no call has ended: the record came to its end by being stored */
};

struct pusher {
    const struct flow_env *env; /* borrowed, as are name and sink */
    const char *name;
    int64_t flow;
    struct party *sink;
    enum record_kind snapshot_kind;
    enum endpoint_lane lane;
    struct policy policy;
    uint64_t due_cap_ms;
    int64_t clock_ms; /* the wall clock less the monotonic one, at the last claim; 0 none yet */
    bool live;        /* false: observes or is off */

    struct list ready;                      /* struct journal_call: intent committed, not begun */
    struct list calls;                      /* struct pusher_call: in flight */
    uint32_t n_ready, n_calls, n_finishing; /* n_finishing: dossiers */
    struct journal_claim claim;
    bool claiming;
    bool more;           /* there may be due work */
    bool waits_for_slot; /* and when a call ends (steps under ask) */
    bool yields;         /* others wait for a place: they go first, then the pump task */
    bool stopping;
    uint32_t ended_since_claim; /* dossiers, while it is under way */
    uint32_t peak, peak_before; /* the most of these, of this second and the one before */
    uint64_t peak_since_ms;
    struct loop_timer timer;
    struct loop_task pump;
    void (*ended)(void *ctx, const struct pusher_news *news); /* may be NULL */
    void *ctx;
    void (*stopped)(void *ctx);
    void *stopped_ctx;

    uint64_t delivered, sent, lookups, unsure, refused, last_delivery_ms;
    struct metric *outcomes[OUTCOME_HELD + 1];
    struct metric *call_seconds;
    struct metric *lag_seconds, *intake_lag_seconds, *whole_lag_seconds;
    struct log_limit held_log;
};

void pusher_init(struct pusher *p, const struct flow_env *env, const char *name, int64_t flow,
                 struct party *sink, enum record_kind snapshot_kind);
/* New values from a reload. */
void pusher_configure(struct pusher *p, const struct config *config,
                      const struct config_flow *flow);
/* There may be due work, or room, or a party that works again. */
void pusher_kick(struct pusher *p);
/* What was just handed to the journal may be due once it is stored. Whether a claim stands behind
 * it now: both in one commit then, and nobody need kick for it. */
bool pusher_follow(struct pusher *p);
/* A place at the shared party may be free: begins what waits for one. */
void pusher_room(struct pusher *p);
/* Withdraws what was not begun and waits for what is in flight; stopped is called once, later. */
void pusher_stop(struct pusher *p, void (*stopped)(void *ctx), void *ctx);
/* Nothing in flight, nothing that could be called now or later without a person. */
bool pusher_idle(const struct pusher *p);

#endif
