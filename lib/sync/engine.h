/* engine: the flows of a configuration, run. Knows flows, sources and sinks, and nothing of wires.
 *
 * Built from a configuration and lent a loop, a journal and an HTTP client; makes the adapters
 * itself. Everything on the loop thread. Two engines fit in one process. */
#ifndef SYNC_ENGINE_H
#define SYNC_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "adapter/adapter.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "config/config.h"
#include "journal/journal.h"
#include "journal/mirror.h"
#include "journal/review.h"

struct engine;

struct engine_env {
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    struct journal *journal;
    struct http_client *http;
    /* Makes the adapter of an endpoint: adapter_open, or a test's own. */
    int (*open_adapter)(const struct adapter_env *env, const char *endpoint, struct adapter **out,
                        struct errmsg *msg);
    /* Opens a listener for an adapter (see adapter_env); NULL: nothing is listened to. */
    int (*serve)(void *ctx, const struct http_server_options *options, struct http_server **out,
                 struct errmsg *msg);
    void *serve_ctx;
    /* Told of every state change that a person may want to follow (events): one short line,
     * borrowed. May be NULL. */
    void (*event)(void *ctx, enum log_level level, const char *kind, const char *text);
    void *event_ctx;
    bool forget_doubt; /* tests only: the losing control */
};

/* Checks and builds; nothing runs yet. config is borrowed until the next reload or the close. */
MUST_CHECK int engine_open(const struct engine_env *env, const struct config *config,
                           struct engine **out, struct errmsg *msg);
/* Starts polling and sending. */
void engine_start(struct engine *e);
/* Takes a new configuration: all or nothing. On failure the old one runs on. */
MUST_CHECK int engine_reload(struct engine *e, const struct config *config, struct errmsg *msg);
/* Stops taking in, returns unbegun intents, waits for calls in flight at most shutdown_timeout,
 * then cancels them; then closed is called and the engine is gone. A second call ends the wait. */
void engine_close(struct engine *e, void (*closed)(void *ctx), void *ctx);

/* ---- what the faces show; plain copies, no journal access ---- */

#define ENGINE_NAME 64

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
const char *breaker_name(enum breaker_state state);

struct engine_endpoint_status {
    char name[ENGINE_NAME];
    bool paused;
    char pause_reason[200]; /* "" when not paused */
    uint64_t paused_since_ms;
    enum breaker_state breaker;
    uint64_t open_until_ms; /* wall */
    uint32_t in_flight, window, max_in_flight;
    uint32_t logins_refused; /* in a row, with nothing that went well between */
    uint64_t calls, failures;
    uint64_t last_success_ms, last_failure_ms; /* wall, 0 never */
    char last_failure[200];
    struct adapter_note notes[ADAPTER_NOTES_MAX]; /* the adapter's own numbers */
    size_t n_notes;
};

/* One source of a flow that has any; of several each. */
struct engine_source_status {
    char flow[ENGINE_NAME], name[ENGINE_NAME];
    bool polls, listens;
    int rank;              /* of its word where several know one dossier */
    bool polling;          /* reads, or was told to and has not begun */
    uint64_t last_poll_ms; /* wall */
    uint64_t rows_seen, rows_changed, details, detail_failures;
    uint64_t acks, ack_failures; /* rows acknowledged, calls that failed */
    uint64_t taken, refused;     /* offers */
    uint32_t waiting;            /* clients that wait for the sink */
    char trouble[240];           /* of the last poll, "" none */
};
#define ENGINE_SOURCES_MAX (CONFIG_MAX_FLOWS + CONFIG_MAX_SOURCES)

struct engine_flow_status {
    char name[ENGINE_NAME];
    char from[ENGINE_NAME], to[ENGINE_NAME];
    enum flow_kind kind;
    enum flow_mode mode;
    int64_t flow_id;
    uint64_t counts[3][ITEM_STATES]; /* [enum item_kind][state] */
    uint64_t held[HOLD_WHYS];        /* as of the last summary */
    uint64_t oldest_ms;              /* wall time since when the oldest waits; 0 none */
    uint64_t lag_ms;                 /* age of the oldest waiting item now; 0 none */
    uint64_t behind;                 /* that wait behind a held one; as of the last summary */
    uint64_t behind_ms;              /* wall time at which the oldest of them was stored; 0 none */
    uint64_t behind_lag_ms;          /* its age now */
    uint64_t last_delivery_ms;       /* wall */
    uint64_t delivered, calls, lookups, unsure, refused; /* since start */
    /* of all sources together; times are the latest */
    uint64_t last_poll_ms;       /* wall */
    uint64_t last_full_sweep_ms; /* wall; 0 not since start */
    uint64_t full_sweeps;        /* complete sweeps since start */
    bool sweeping;
    uint64_t rows_seen, rows_changed, details, detail_failures, owed;
    uint64_t catalog_read_ms; /* catalog: last complete list; 0 never since start */
    char trouble[240];        /* last poll or catalogue trouble, "" none */
    bool adopting;
    uint64_t adopt_done, adopt_total;
    bool idle; /* nothing due, nothing in flight, nothing owed */
};

/* What is watched by working days and hours; see sync/watch.h. */
struct engine_deadlines {
    char calendar[240];     /* its file; "" none: Monday to Friday, no holidays */
    int64_t calendar_end_s; /* of the days that it covers; 0: no file */
    bool covered;           /* today is */
    uint32_t risk_hours;    /* 0 off */
    bool risk_known;        /* else the numbers below are not */
    uint64_t at_risk, passed;
    int64_t risk_first_s; /* promised date of the first that is at risk; 0 none */
    uint32_t silent_days; /* 0 off */
    bool silence_known;
    uint64_t agencies, silent, closed; /* that have sent before; among them */
    uint64_t silence_unknown;          /* last sent on a day that the calendar does not cover */
};

enum engine_verdict { ENGINE_OK, ENGINE_DEGRADED, ENGINE_FAILING };
const char *engine_verdict_name(enum engine_verdict v); /* "ok" */

struct engine_status {
    enum engine_verdict verdict;
    char reasons[8][240];
    size_t n_reasons;
    struct engine_flow_status flows[CONFIG_MAX_FLOWS];
    size_t n_flows;
    struct engine_source_status sources[ENGINE_SOURCES_MAX]; /* in order of flows */
    size_t n_sources;
    struct engine_endpoint_status endpoints[CONFIG_MAX_SOURCES + 1];
    size_t n_endpoints;
    struct engine_reconcile_status {
        bool running;
        int64_t id; /* of the running one, or of the last one; 0 none is kept */
        char scope[96];
        bool fix;
        bool sweeping;               /* reads the sources whole */
        uint64_t begun_ms, ended_ms; /* wall; ended 0: it runs */
        uint64_t compared, differences, mended;
        uint64_t lookups;    /* since it was begun, or gone on with after a start */
        char trouble[200];   /* what it waits for; "" nothing */
        bool nightly;        /* one is made every night */
        uint64_t nightly_ms; /* wall: when the last of them ended whole; 0 none is known */
    } reconcile;
    struct engine_deadlines deadlines;
    uint64_t orphaned; /* items of flows that are no longer configured */
    bool ready;        /* journal fine and every live flow's adapters open */
    bool idle;         /* every flow idle */
};
void engine_status(struct engine *e, struct engine_status *out);

/* ---- operators ---- */

/* who stands in the audit. Answers come at once; the audit row follows. ERR_NOTFOUND: no such
 * endpoint. */
MUST_CHECK int engine_pause(struct engine *e, const char *endpoint, const char *who,
                            const char *reason);
MUST_CHECK int engine_resume(struct engine *e, const char *endpoint, const char *who);
/* Polls now; full: a complete sweep. */
MUST_CHECK int engine_poll(struct engine *e, const char *source, bool full);
/* Reads the catalogue now. */
MUST_CHECK int engine_catalog(struct engine *e, const char *flow);
/* Has records of the catalogue sent once more; heal->done comes later. ERR_NOTFOUND: no flow. */
struct catalog_heal;
MUST_CHECK int engine_catalog_heal(struct engine *e, const char *flow, struct catalog_heal *heal);
/* Starts adopting: every dossier of the flow journaled before now is looked up. ERR_STATE unless
 * the flow observes. */
MUST_CHECK int engine_adopt(struct engine *e, const char *flow, const char *who);
/* Begins to compare dossiers with the portal and their source. One at a time: ERR_BUSY; ERR_INVAL:
 * no flow that can be compared. Answers once, later, when it is committed; then it runs by itself
 * until its end, whatever stops in between. */
struct engine_reconcile {
    struct review_begin begin; /* in: what, sample, code, from_s, to_s, scope, fix, sweep, who */
    void (*done)(struct engine_reconcile *reconcile);
    void *ctx;
    int err; /* out */
    struct errmsg why;
    /* the engine's own */
    struct engine *engine;
    int64_t flows[CONFIG_MAX_FLOWS];
};
void engine_reconcile(struct engine *e, struct engine_reconcile *reconcile);
/* Ends it; what was found so far is kept. ERR_STATE: none runs. */
MUST_CHECK int engine_reconcile_cancel(struct engine *e, const char *who);
/* After an operator changed items (journal_act): look for work again. */
void engine_kick(struct engine *e);

/* One read-only call to an endpoint ("portal": log in and look up a code that can't exist; a
 * source: one poll without the journal). The text says what worked and where it broke. Answers
 * once, later. */
struct engine_probe {
    char endpoint[ENGINE_NAME];
    void (*done)(struct engine_probe *probe);
    void *ctx;
    bool ok;
    char text[600];
};
void engine_probe(struct engine *e, struct engine_probe *probe);

/* One reading of a source for a person: the rows of its first page, their records and what the sink
 * would be sent. By an adapter of its own, so that nothing of the running flow is touched: not the
 * journal, not the cursor, nothing is acknowledged, nothing sent. */
#define ENGINE_TRY_ROWS 50
struct engine_try_row { /* borrowed for the callback */
    const char *id;
    const char *raw; /* as the source showed it; NULL: its adapter can't tell */
    size_t raw_len;
    int err; /* of the record */
    struct errmsg why;
    const struct record *records;       /* the snapshot first */
    const struct adapter_check *checks; /* what the sink says of each; NULL: there is no sink */
    size_t n_records;
    struct {
        bool made;
        int err; /* 0: text is the body */
        struct errmsg why;
        const char *text;
    } calls[2]; /* of the snapshot, and of the first steps */
};
struct engine_try {
    char source[ENGINE_NAME];
    unsigned rows; /* 1..ENGINE_TRY_ROWS */
    void (*row)(struct engine_try *try, const struct engine_try_row *row);
    void (*done)(struct engine_try *try); /* once, later */
    void *ctx;
    /* out */
    int err; /* 0; ERR_NOTFOUND no such source; ERR_UNSUPPORTED can't be polled; of the poll */
    struct errmsg why;
    size_t n_listed; /* rows of the page */
    bool more;
};
void engine_try(struct engine *e, struct engine_try *try);

/* The journal, for lists and acts of the faces. */
struct journal *engine_journal(struct engine *e);

#endif
