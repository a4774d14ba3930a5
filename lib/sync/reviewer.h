/* reviewer: reconciles dossiers: asks the portal and the source of each, compares with the journal,
 * keeps the verdict, and mends what may be mended.
 *
 * One per engine, one reconciliation at a time. What is to be compared and what was found stands in
 * the journal (journal/review.h), so that a stop, or a crash, costs the calls that were on their
 * way. The portal is asked in its lane of look-ups and no faster than `rate`; a source like its
 * poller does.
 *
 * A dossier that the portal does not find is put in as a first one only when it was not found
 * twice, REVIEWER_SECOND_MS apart: the second looks come when all else is compared. Then it is
 * known how many are lost, and when they are too many nothing of them is put in. Loop thread. */
#ifndef SYNC_REVIEWER_H
#define SYNC_REVIEWER_H

#include "journal/review.h"
#include "sync/flow.h"
#include "sync/poller.h"

#define REVIEWER_SLOTS 8
#define REVIEWER_SOURCES 16
#define REVIEWER_SECOND_MS UINT64_C(300000)
/* From so many on, when they are more than so many of a hundred that the portal was asked for; and
 * the same of a few, where it is most of them. */
#define REVIEWER_LOST_MIN 50
#define REVIEWER_LOST_PERCENT 5
#define REVIEWER_LOST_FEW_MIN 10
#define REVIEWER_LOST_FEW_PERCENT 50

struct reviewer;

/* A flow whose dossiers can be compared. */
struct reviewer_flow {
    int64_t id;
    const char *name;
    struct party *sink;
    struct {
        struct party *party;
        struct poller *poller; /* NULL: it only pushes */
    } sources[REVIEWER_SOURCES];
    size_t n_sources;
};

enum reviewer_step {
    REVIEWER_FREE,
    REVIEWER_BEFORE, /* reads what the journal says */
    REVIEWER_SOURCE, /* waits for a place at a source */
    REVIEWER_TELLS,  /* the source was asked */
    REVIEWER_PORTAL, /* waits for a place at the portal */
    REVIEWER_LOOKS,  /* the portal was asked */
    REVIEWER_AFTER,  /* reads again what the journal says */
    REVIEWER_STORES,
    REVIEWER_RESTS /* waits until it is compared again */
};

/* One dossier at work. */
struct reviewer_slot {
    struct reviewer *reviewer;
    enum reviewer_step step;
    struct review_todo todo;
    const struct reviewer_flow *flow;
    struct review_look look;
    struct review_state before;
    struct difference_facts facts;
    int source_status;
    size_t next_row; /* of look.rows; behind them (what the journal does not know) of the sources */
    size_t source;   /* of flow.sources: whom to ask now */
    uint64_t due_ms; /* not before; monotonic */
    uint32_t tries;  /* of the call at hand */
    uint32_t again;  /* it moved while it was compared, so often */
    uint32_t fails;  /* the journal refused what it needs, so often */
    bool portal_asked, told; /* told: a source answered */
    struct adapter_detail detail;
    struct adapter_lookup lookup;
    struct arena keys; /* of the steps as the source tells them */
    const char **key_list;
    size_t n_keys;
    struct review_store store;
};

struct reviewer_status {
    bool running;
    int64_t id; /* of the running or the last one; 0 none is kept */
    char scope[96];
    bool fix;
    bool sweeping;
    uint64_t begun_ms, ended_ms; /* wall; ended 0: it runs */
    struct review_numbers numbers;
    uint64_t lookups;    /* since it was begun, or gone on with after a start */
    char trouble[200];   /* what it waits for; "" nothing */
    uint64_t nightly_ms; /* wall: when the last nightly one ended whole; 0 none is known */
};

struct reviewer {
    const struct flow_env *env; /* borrowed */
    struct reviewer_flow flows[CONFIG_MAX_FLOWS];
    size_t n_flows;

    uint64_t interval_us, free_at_us; /* of look-ups */
    uint64_t grace_ms;
    struct difference_pair pairs[CONFIG_MAX_LIST];
    size_t n_pairs;
    int at_minute; /* of the day; -1 never */
    uint32_t sample;

    bool ready, stopping;
    bool unasked;          /* the journal is still to be asked whether one runs */
    struct review_row job; /* id 0: none */
    bool cancel;
    char cancel_who[64];
    bool ending, braked;
    uint32_t fails;         /* of the journal, in a row */
    uint64_t rest_until_ms; /* after them; monotonic */
    uint64_t second_ms;     /* the second looks, not before; monotonic, 0 not known yet */
    struct review_page page;
    size_t next; /* of the page */
    bool paging, page_read;
    uint32_t ops; /* of the journal, under way */
    uint32_t calls;
    struct reviewer_slot slots[REVIEWER_SLOTS];
    struct review_running running_op;
    struct review_swept swept_op;
    struct review_second second_op;
    struct review_end end_op;
    struct reviewer_nightly *nightly; /* owned while it is being begun */

    bool sweeping, telling; /* telling: swept_op or second_op is under way */
    uint64_t sweep_until_ms;
    uint64_t sweeps_before[CONFIG_MAX_FLOWS][REVIEWER_SOURCES];

    struct loop_timer timer;
    struct loop_timer night;
    struct loop_task pump;
    struct reviewer_status status;
    /* A flow has work that was put in again. */
    void (*mended)(void *ctx, int64_t flow);
    void *ctx;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

void reviewer_init(struct reviewer *r, const struct flow_env *env);
/* Of a flow whose sink can be asked; names and parties borrowed. Before it runs. */
struct reviewer_flow *reviewer_add(struct reviewer *r, int64_t id, const char *name,
                                   struct party *sink);
void reviewer_configure(struct reviewer *r, const struct config *config);
/* Goes on with what a stop or a crash left unfinished. */
void reviewer_start(struct reviewer *r);
/* Fills in whose dossiers can be compared. */
void reviewer_fill(const struct reviewer *r, struct review_begin *b,
                   int64_t flows[CONFIG_MAX_FLOWS]);
/* A begin has been committed: runs it. */
void reviewer_begun(struct reviewer *r, const struct review_begin *b);
/* ERR_STATE: none runs. */
MUST_CHECK int reviewer_cancel(struct reviewer *r, const char *who);
void reviewer_kick(struct reviewer *r);
void reviewer_stop(struct reviewer *r, void (*stopped)(void *ctx), void *ctx);
/* Out of the loop's lists, however far it had come. */
void reviewer_free(struct reviewer *r);
void reviewer_status(const struct reviewer *r, struct reviewer_status *out);

#endif
