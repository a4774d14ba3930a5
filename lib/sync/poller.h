/* poller: brings what changed from one source of a flow into the journal. Two phases: rows with
 * hashes, then details of what the journal has not seen like this; rows, records and the cursor in
 * one transaction. Where the flow has several sources each dossier is merged first (merge.h), and
 * stored with its row alone; the cursor still comes after all of them. A source that wants to know
 * is told of safe rows after COMMIT, in mode live only: otherwise it is read no further than its
 * first page. */
#ifndef SYNC_POLLER_H
#define SYNC_POLLER_H

#include "base/arena.h"
#include "sync/ack.h"
#include "sync/flow.h"
#include "sync/merge.h"

#define POLLER_DETAILS_MAX 64

struct poller;

/* An append under way. */
struct poller_append {
    struct journal_append append;
    struct poller *poller;
    struct poller_take *take; /* of a merged dossier, NULL else */
    bool followed;            /* by the pusher's claim */
};

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
    POLLER_DETAILS, /* asks for details and appends */
    POLLER_ACK      /* waits for the page's commit, then until its rows are acknowledged */
};

struct poller {
    const struct flow_env *env; /* borrowed, as are the names and parties */
    const char *name;           /* the flow's */
    const char *source_name;
    int64_t flow;
    enum record_kind kind; /* of details */
    struct party *source;
    struct party *sink;  /* its check judges records; may be NULL */
    struct merge *merge; /* the flow has several sources; NULL else */
    int rank;
    int64_t born_flow; /* see journal_append */
    uint64_t every_ms;
    uint32_t details_max;
    bool off, live;

    enum poller_step step;
    char cursor[512];
    bool cursor_known;
    bool want_page; /* told to poll, and no page was asked for since */
    bool want_full;
    bool want_owed;       /* rows that are owed have come: read them before the next poll's time */
    uint64_t poll_due_ms; /* monotonic: when the next page is due */
    uint64_t paced_ms;    /* monotonic: until then a page waits for the sink; 0 it does not */
    uint64_t taken_ms;    /* monotonic: when the sink took something last */
    bool paced;           /* it waits now */
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
    bool *safe; /* stored, and not owed */
    size_t n_rows, next_row, running;
    uint32_t taking;  /* dossiers between their detail and their append */
    bool page_failed; /* an append of the page was not stored */
    uint64_t acked_before;
    uint32_t stale_pages; /* in a row, without a row that was not known like this */
    bool owed_page;       /* the rows are owed ones: no cursor belongs to them */
    bool all_new;         /* of this round's pages nothing was known so far */
    bool more, full_done, moved;
    bool ack_queued; /* the page's rows are handed to ack */
    bool new_round;
    char next_cursor[512];
    struct poller_append *append; /* being filled; owned */
    uint32_t n_appending;         /* started, not yet committed */
    struct poller_detail details[POLLER_DETAILS_MAX];
    uint64_t busy_details; /* bit per slot */

    bool acks;
    struct ack ack;

    bool (*appending)(void *ctx); /* both as in host.h */
    void (*appended)(void *ctx, bool replaced, bool followed);
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
/* The flow has several sources, and this one's word has a rank. Before it runs. */
void poller_merge(struct poller *p, struct merge *merge);
/* Of a source that wants to be told; intake: only what the sink has. Before it runs. */
void poller_acknowledge(struct poller *p, bool intake);
void poller_configure(struct poller *p, const struct config *config,
                      const struct config_flow *flow);
/* Polls now, or right behind the round at work: what it has read may be older than the order.
 * full: a complete sweep. */
void poller_now(struct poller *p, bool full);
/* Rows whose detail is owed were stored by somebody else: reads them now. */
void poller_owed(struct poller *p);
/* The journal's window may have opened, or the source works again. */
void poller_kick(struct poller *p);
/* A place at the source may be free: for its acknowledgements at once, not behind the others. */
void poller_room(struct poller *p);
/* The sink took something. */
void poller_taken(struct poller *p);
void poller_stop(struct poller *p, void (*stopped)(void *ctx), void *ctx);
bool poller_idle(const struct poller *p);
/* Reads, or was told to and has not begun. */
bool poller_busy(const struct poller *p);
/* Takes it out of the loop's lists, however far it had come. */
void poller_free(struct poller *p);

#endif
