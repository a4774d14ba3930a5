/* poller: brings what changed from a source into the journal. Two phases: rows with hashes, then
 * details of what the journal has not seen like this; rows, records and the cursor in one
 * transaction. */
#ifndef SYNC_POLLER_H
#define SYNC_POLLER_H

#include "base/arena.h"
#include "sync/flow.h"

#define POLLER_DETAILS_MAX 64

struct poller;

struct poller_detail {
    struct adapter_detail detail;
    struct poller *poller;
    size_t row; /* index into the page */
};

enum poller_step {
    POLLER_IDLE,    /* waits for its time */
    POLLER_CURSOR,  /* reads the cursor */
    POLLER_OWED,    /* asks the journal what is owed */
    POLLER_PAGE,    /* asks the source for a page */
    POLLER_COMPARE, /* asks the journal which rows are new */
    POLLER_DETAILS  /* asks for details and appends */
};

struct poller {
    const struct flow_env *env; /* borrowed, as are the names and parties */
    const char *name;           /* the flow's */
    const char *source_name;
    int64_t flow;
    enum record_kind kind; /* of details */
    struct party *source;
    struct party *sink; /* its check judges records; may be NULL */
    uint64_t every_ms;
    uint32_t details_max;
    bool off;

    enum poller_step step;
    char cursor[512];
    bool cursor_known;
    bool want_full;
    bool waits_for_window;
    bool stopping;
    uint32_t failures; /* polls failed in a row */
    struct loop_timer timer;
    struct loop_task pump;

    struct journal_cursor cursor_op;
    struct journal_owed owed;
    struct journal_compare compare;
    struct adapter_poll poll;

    /* the page at work */
    struct arena arena;
    const char **ids;
    uint8_t (*hashes)[RECORD_HASH_BYTES];
    bool *changed;
    size_t n_rows, next_row, running;
    bool owed_page; /* the rows are owed ones: no cursor belongs to them */
    bool more, full_done;
    char next_cursor[512];
    struct journal_append *append; /* being filled; owned */
    uint32_t appending;            /* started, not yet committed */
    struct poller_detail details[POLLER_DETAILS_MAX];
    uint64_t busy_details; /* bit per slot */

    void (*appended)(void *ctx); /* records were stored: the pusher may find work */
    void *ctx;
    void (*stopped)(void *ctx);
    void *stopped_ctx;

    uint64_t rows_seen, rows_changed, n_details, detail_failures;
    uint64_t last_poll_ms, last_full_ms, full_sweeps, polls_failed;
    char trouble[240];
    struct log_limit trouble_log;
    struct log_limit detail_log;
};

void poller_init(struct poller *p, const struct flow_env *env, const char *name, int64_t flow,
                 enum record_kind kind, struct party *source, struct party *sink);
void poller_configure(struct poller *p, const struct config *config,
                      const struct config_flow *flow);
/* Polls now; full: a complete sweep. */
void poller_now(struct poller *p, bool full);
/* The journal's window may have opened, or the source works again. */
void poller_kick(struct poller *p);
void poller_stop(struct poller *p, void (*stopped)(void *ctx), void *ctx);
bool poller_idle(const struct poller *p);

#endif
