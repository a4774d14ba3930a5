/* watch: what working days and hours are watched for: dossiers at risk and silent agencies.
 *
 * Lives in the engine, on the loop. Looks at most once a minute, and asks the journal only when
 * items came or moved, or when time alone changes the answer; what follows from time is computed in
 * memory. Tells the beginning and the end of each condition, at most one line in WATCH_PERIOD_MS.
 */
#ifndef SYNC_WATCH_H
#define SYNC_WATCH_H

#include "domain/calendar.h"
#include "journal/risk.h"
#include "journal/silence.h"
#include "sync/flow.h"

#define WATCH_LOOK_MS UINT64_C(60000)
#define WATCH_PERIOD_MS UINT64_C(900000)
#define WATCH_CALENDAR_S (INT64_C(30) * 86400) /* so long before a calendar ends it is told */

/* A condition, and what was told of it last. */
struct watch_alarm {
    bool told;        /* the condition, as it was told */
    uint64_t next_ms; /* no line before this */
};

struct watch {
    const struct flow_env *env; /* borrowed */
    struct calendar *cal;       /* held; NULL: nothing is watched */
    uint32_t risk_hours, silent_days;
    uint64_t silent_until_ms;
    void (*ended)(void *ctx); /* an op has ended; ops tells how many are left */
    void *ctx;
    uint32_t ops;
    bool stopped;
    uint64_t look_ms; /* not before this */

    /* the flows that bring dossiers to a sink */
    int64_t flows[CONFIG_MAX_FLOWS];
    bool live[CONFIG_MAX_FLOWS];
    size_t n_flows;

    struct journal_risk risk_op;
    bool risk_asking;
    uint64_t risk_mark;   /* of the tallies that were asked about */
    int64_t risk_again_s; /* when time changes the answer; 0 now */

    struct silence_arrivals arrivals_op;
    int64_t arrivals_flows[CONFIG_MAX_FLOWS]; /* the worker reads them while it is asked */
    bool arrivals_asking;
    uint64_t arrivals_mark;
    struct silence_arrivals arrivals; /* the last that ended well: its agencies */
    int64_t silence_again_s;
    char silent_names[120]; /* the first of them, ", " between */

    struct watch_alarm risk_alarm, silence_alarm, calendar_alarm;
    struct engine_deadlines status;
};

/* ended is called whenever ops has fallen. */
void watch_init(struct watch *w, const struct flow_env *env, void (*ended)(void *ctx), void *ctx);
/* At open and at each reload; config's calendar may be NULL in tests. */
void watch_configure(struct watch *w, const struct config *config);
/* Which flows there are: forget, then each. */
void watch_forget_flows(struct watch *w);
void watch_flow(struct watch *w, int64_t id, bool live);
/* Every few seconds. */
void watch_tick(struct watch *w);
/* Begins nothing any more. */
void watch_stop(struct watch *w);
/* When no op is left. */
void watch_free(struct watch *w);

#endif
