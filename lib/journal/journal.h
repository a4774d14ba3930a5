/* journal: what the daemon has promised, on disk. SQLite behind one worker, group commit in front.
 *
 * Every request is a struct that embeds struct journal_op, belongs to the caller and stays
 * untouched until its callback, which comes exactly once, on the loop, after COMMIT, never from
 * inside the call. What queues up while a batch runs becomes the next batch; the ops of a batch run
 * in order of their start in one transaction.
 *
 * A full disk, a failed fsync or damage found at run time is no error of an op: the batch is rolled
 * back, the journal says so (journal_condition), and it tries the batch again until it succeeds or
 * the journal is closed (ERR_CANCELED). Callers stop taking in work meanwhile; nothing they handed
 * over is lost. An op's err is then only about itself: ERR_NOTFOUND, ERR_STATE, ERR_NOMEM.
 *
 * Strings and bodies handed in are copied by the start call unless a comment says borrowed. What
 * comes out stands in an arena of the op: free it with the op's _free function. */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "domain/item.h"
#include "domain/record.h"

struct journal;
struct db;

#define JOURNAL_CODE_SIZE 64 /* of a dossier or procedure, terminator included */
#define JOURNAL_BODY_MAX                                                                           \
    (1u << 20) /* bytes of one record; the portal takes no more in one call                        \
                */

struct journal_options {
    const char *path;         /* the database file; PATH-lock beside it is held for life */
    uint64_t window_bytes;    /* see journal_window_full */
    uint64_t low_water_bytes; /* free space of the file system below which the condition is FULL */
    uint64_t cache_bytes;     /* SQLite's page cache */
    bool losing_control;     /* tests only: doubt forgotten, INFLIGHT found at start counts as never
                                sent */
    bool synchronous_normal; /* tests only: the control that must lose under a power cut */
    int64_t whole_check_bytes; /* tests only: up to so many bytes all is checked before the journal
                                  is open; 0: 256 MB */
};

enum journal_condition { JOURNAL_OK, JOURNAL_FULL, JOURNAL_FAULT };

/* Opens, migrates, checks and recovers (INFLIGHT found becomes UNSURE); synchronous, before the
 * loop turns. ERR_BUSY names the holder's pid, ERR_SCHEMA a newer file (left as it is), ERR_CORRUPT
 * a damaged one (never replaced), ERR_NOTFOUND a folder that is not there, ERR_DENIED one that may
 * not be written. */
MUST_CHECK int journal_open(struct loop *loop, struct log *log, struct metrics *metrics,
                            const struct journal_options *options, struct journal **out,
                            struct errmsg *msg);
/* The process is about to stop: a batch that the disk refuses from now on is cancelled
 * (ERR_CANCELED) instead of tried again, so that nobody waits for room in vain. Before
 * journal_close. */
void journal_give_up(struct journal *j);
/* Commits what was started before; cancels it (ERR_CANCELED) only when the disk refuses it. Then
 * checkpoints (TRUNCATE) and calls closed. An op started meanwhile is committed or cancelled, but
 * it ends. */
void journal_close(struct journal *j, void (*closed)(void *ctx), void *ctx);

enum journal_condition journal_condition(const struct journal *j);
const char *journal_condition_text(const struct journal *j); /* for status; "" when OK */
bool journal_window_full(
    const struct journal *j); /* uncommitted bytes exceed the window, or not OK */
/* Called on the loop when the window opens again or the condition changes. One listener. */
void journal_on_change(struct journal *j, void (*changed)(void *ctx), void *ctx);
/* Milliseconds since the worker last finished a batch while one was due; 0 when idle. For the
 * watchdog. */
uint64_t journal_worker_age_ms(const struct journal *j);
/* The last batches' commit time in milliseconds (moving average), for claiming ahead. */
double journal_commit_ms(const struct journal *j);

struct journal_numbers {
    uint64_t file_bytes, wal_bytes, free_bytes; /* of the file system */
    uint64_t batches, ops, checkpoints, waiting_ops, uncommitted_bytes;
};
void journal_numbers(const struct journal *j, struct journal_numbers *out);

/* Items by flow, kind and state, in memory, as of the last commit. flow is journal_flow_id's
 * answer. */
uint64_t journal_tally(const struct journal *j, int64_t flow, enum item_kind kind,
                       enum item_state state);

/* The stable number of a flow's name, made when new. Synchronous: at start and reload only, before
 * its flow runs. */
MUST_CHECK int journal_flow_id(struct journal *j, const char *name, int64_t *out,
                               struct errmsg *msg);

/* ---- the base of every request ---- */

struct journal_op {
    void (*done)(struct journal_op *op); /* set by the caller before starting */
    void *ctx;                           /* the caller's */
    int err;                             /* out */
    struct errmsg why;                   /* out */
    /* the journal's own */
    struct list link;
    int (*run)(struct db *db, struct journal_op *op);
    void (*undo)(struct journal_op *op); /* after a rollback: forget what run put out */
    bool writes;
    bool patient; /* while much is done, it waits for more to share its commit */
    size_t bytes;
};

/* ---- polling: rows, cursors ---- */

#define JOURNAL_ROWS_MAX 1000

/* Which rows changed since they were stored. */
struct journal_compare {
    struct journal_op op;
    const char *source;     /* borrowed until done */
    const char *const *ids; /* borrowed until done */
    const uint8_t (*hashes)[RECORD_HASH_BYTES];
    size_t n;
    /* out */
    bool changed[JOURNAL_ROWS_MAX];
    bool owed[JOURNAL_ROWS_MAX]; /* its detail is still owed, changed or not */
};
void journal_compare(struct journal *j, struct journal_compare *c);

/* Rows whose detail is still owed, the least tried first. */
struct journal_owed {
    struct journal_op op;
    const char *source; /* borrowed until done */
    size_t limit;
    struct arena arena; /* out */
    const char **ids;
    uint8_t (*hashes)[RECORD_HASH_BYTES];
    size_t n;
};
void journal_owed(struct journal *j, struct journal_owed *o);
void journal_owed_free(struct journal_owed *o);

struct journal_cursor {
    struct journal_op op;
    const char *source; /* borrowed until done */
    char value[512];    /* out; "" when none */
};
void journal_cursor(struct journal *j, struct journal_cursor *c);

/* ---- append ---- */

/* A record with what the sink's check said of it. */
struct journal_record {
    struct record record; /* copied by journal_append_add */
    int status;           /* national, 0 none */
    enum hold_why hold;
    uint32_t flags;
    const char *reason; /* of hold; copied */
    bool solo;          /* a step that is never sent together with others */
    /* Flows with several sources: who said it, and what it said by itself (record is then what all
     * say together). NULL source: the flow has one source. Copied. */
    const char *source;
    int rank;
    const char *part; /* snapshots; NULL: nothing to keep */
    size_t part_len;
    int64_t part_at_s; /* the source's time of part; record.at_s is that of all together */
    /* the journal's own */
    int64_t item; /* that holds it */
    struct journal_record *next;
};

/* What became of a record, or of an item. */
struct journal_fate {
    int64_t item; /* that holds it, or an equal one that was there: its successors followed */
    enum item_state state;
    enum hold_why hold;
    char reason[300];
    char code[16], words[304]; /* of its last attempt that ended; "" none */
};

struct journal_row {
    const char *id; /* copied */
    uint8_t hash[RECORD_HASH_BYTES];
    bool owed;
    const char *why;          /* of owed; copied; may be NULL */
    const char *code;         /* whose row it is; copied; NULL: not told, what is known stays */
    struct journal_row *next; /* the journal's */
};

/* Records, the rows they came from and the cursor, in ONE transaction: the rules of "The item" in
 * the design decide what each record becomes. */
struct journal_append {
    struct journal_op op;
    int64_t flow;
    uint64_t now_ms; /* wall */
    /* A dossier that is new here but known in this flow (intake) is there at the sink: isUpdating
     * True from the first. 0 none. */
    int64_t born_flow;
    /* A step of another source with the same time, national status and digest is the same step. */
    bool steps_by_content;
    /* No person waits for its end: while much is done it may be stored 20 ms later. */
    bool patient;
    /* Snapshots go to the sink once more though it acknowledged the same: it has lost or changed
     * what it was sent. What is open already stays as it is. */
    bool again;
    /* The caller's, one per record in the order of journal_append_add; filled in the transaction.
     * NULL: not wanted. */
    struct journal_fate *fates;
    /* out */
    uint32_t stored, unchanged, replaced, held;
    /* the journal's own */
    struct arena arena;
    struct journal_record *records, **records_end;
    struct journal_row *rows, **rows_end;
    const char *source;
    const char *cursor;
    size_t bytes;
};
/* Fill: init, add any number, then start. The adders copy into the op's arena; ERR_NOMEM,
 * ERR_TOOBIG beyond 16 MB or JOURNAL_BODY_MAX, ERR_INVAL for a record without a code (or with one
 * of JOURNAL_CODE_SIZE or more) and for a step without a key. */
void journal_append_init(struct journal_append *a, int64_t flow);
MUST_CHECK int journal_append_add(struct journal_append *a, const struct journal_record *record);
MUST_CHECK int journal_append_row(struct journal_append *a, const char *source,
                                  const struct journal_row *row);
MUST_CHECK int journal_append_cursor(struct journal_append *a, const char *source,
                                     const char *cursor);
void journal_append(struct journal *j, struct journal_append *a);
void journal_append_free(struct journal_append *a);

/* ---- claim, finish ---- */

enum journal_verb { JOURNAL_SEND = 1, JOURNAL_LOOKUP = 2 };

#define JOURNAL_CALL_ITEMS 10

struct journal_call_item {
    int64_t id;
    uint32_t attempts; /* charged before this one */
    uint32_t same;
    uint32_t flags; /* enum item_flag */
    int64_t created_ms;
    bool was_unsure;
    uint32_t solo; /* items that may go in one call with it: 0 any number, 1 none */
};

/* One call to make; its intent is committed. Owned by whoever got it from a claim:
 * journal_call_free. */
struct journal_call {
    struct list link; /* the owner's */
    int64_t attempt;
    int64_t subject;
    int64_t flow;
    enum journal_verb verb;
    enum record_kind kind;
    char code[64];
    bool updating;
    uint32_t flips;
    bool resnapped;
    bool has_snapshot; /* steps: the newest snapshot is kept and can go before them */
    int status;        /* national, of the newest item of the call */
    int64_t promised_s;
    char last_answer[320]; /* code and words of the attempt before, for "equal answers"; "" none */
    size_t n;
    struct journal_call_item items[JOURNAL_CALL_ITEMS];
    struct record records[JOURNAL_CALL_ITEMS]; /* bodies live in arena */
    struct arena arena;
};
void journal_call_free(struct journal_call *call);

#define JOURNAL_CLAIM_MAX 256

/* Takes due work and commits the intents: items INFLIGHT, attempt rows written, one call a subject.
 */
struct journal_claim {
    struct journal_op op;
    int64_t flow;
    enum record_kind snapshot_kind; /* what a snapshot of this flow is: RECORD_DOSSIER,
                                       RECORD_PROCEDURE, RECORD_STATUS */
    bool lookup;                    /* the sink can look up */
    bool idempotent;                /* doubt needs no look-up */
    bool ask;                       /* steps_in_doubt = ask: doubtful steps become HELD instead */
    uint64_t now_ms;                /* wall */
    uint64_t back_ms; /* the wall clock was set back by so much: due times go with it */
    uint64_t
        due_cap_ms; /* longest legal delay: later due times are cut to now + cap (clock jumps) */
    size_t max;     /* calls, 1..JOURNAL_CLAIM_MAX */
    size_t max_ask; /* step calls under ask */
    /* out */
    struct list calls; /* struct journal_call */
    size_t n;
    size_t step_calls; /* among them */
    bool waits;        /* steps under ask found no free slot: claim again when a call has ended */
    bool full;         /* as many as asked: there may be more */
    uint64_t next_due_ms; /* wall time of the next delayed subject; 0 none */
    uint32_t held;        /* items that became HELD (damaged, in doubt) */
};
void journal_claim(struct journal *j, struct journal_claim *c);

/* What becomes of a call's items and of its subject. */
struct journal_finish {
    struct journal_op op;
    /* in: the call's identity */
    int64_t attempt;
    int64_t subject;
    enum journal_verb verb;
    size_t n;
    int64_t items[JOURNAL_CALL_ITEMS];
    /* the attempt row */
    uint64_t ended_ms;
    int outcome; /* enum outcome_class as a number */
    int http;
    char code[16];
    char words[304];
    uint8_t request[RECORD_HASH_BYTES], response[RECORD_HASH_BYTES];
    uint32_t repeats, took_ms;
    /* the decision, equal for all items */
    enum item_state to; /* a look-up: PENDING or UNSURE or HELD */
    uint64_t due_ms;    /* wall; of PENDING and UNSURE */
    enum hold_why hold;
    char reason[300];
    bool charge;      /* counts as an attempt of the item */
    uint32_t same;    /* equal unexplained answers in a row, this one included */
    uint32_t solo;    /* from now on at most so many items a call; 0 leave */
    int present;      /* subject: -1 leave, 0, 1 */
    int doubt;        /* subject: -1 leave, 0, 1 */
    bool flip;        /* count a flip; DONE resets it */
    bool resnap;      /* put a copy of the newest snapshot before the steps */
    int status;       /* national status found when the call was built; -1 leave */
    uint32_t flags;   /* enum item_flag to add */
    bool has_content; /* snapshots: what the call carried had this digest, which becomes the item's
                       */
    uint8_t content[RECORD_HASH_BYTES];
    char local_no[JOURNAL_CODE_SIZE]; /* the sink's own number of what it created; "" leave */
    bool withdrawn; /* the intent was never begun (clean stop): the attempt row goes */
    /* out */
    bool settled;           /* the subject has nothing open */
    enum item_state became; /* may be SUPERSEDED instead of `to` */
    bool ready;             /* the subject can be claimed at once */
};
void journal_finish_init(struct journal_finish *f, const struct journal_call *call);
void journal_finish(struct journal *j, struct journal_finish *f);

/* ---- operators ---- */

enum journal_act_verb {
    JOURNAL_RETRY,     /* PENDING, UNSURE: due now */
    JOURNAL_RELEASE,   /* HELD -> PENDING, or UNSURE if in doubt */
    JOURNAL_HOLD,      /* PENDING, UNSURE -> HELD by a person */
    JOURNAL_DROP,      /* HELD -> DROPPED (PENDING and UNSURE go through HELD) */
    JOURNAL_DELIVERED, /* HELD -> ADOPTED */
    JOURNAL_RESEND     /* HELD, ADOPTED, DROPPED -> PENDING unless something newer exists */
};

struct journal_act {
    struct journal_op op;
    enum journal_act_verb verb;
    /* which: one item, or (id 0) all of a flow (0 any) in `state` with `hold` (HOLD_NONE any) */
    int64_t id;
    int64_t flow;
    enum item_state state;
    enum hold_why hold;
    char code[64]; /* "" any */
    char who[64];
    char reason[300]; /* DROP and DELIVERED need one: ERR_INVAL */
    uint64_t now_ms;
    bool dry_run; /* count only */
    /* out */
    uint32_t matched, moved;
};
void journal_act(struct journal *j, struct journal_act *a);

/* Records an operator's action that is not about items (pause, resume, reload, adopt). Copied. */
struct journal_audit {
    struct journal_op op;
    char who[64], verb[32], object[128], reason[300];
    uint64_t now_ms;
};
void journal_audit(struct journal *j, struct journal_audit *a);

/* The end of the audit's chain, as of the last commit: who has it from elsewhere can tell that rows
 * were cut off. */
struct journal_audit_head {
    int64_t row; /* 0: none */
    uint8_t chain[RECORD_HASH_BYTES];
};
struct journal_audit_head journal_audit_head(const struct journal *j);

/* ---- adopt, seen ---- */

/* Subjects of a flow in order of id, with what is open. For adopt (everything journaled) and seen
 * (not final). */
struct journal_subjects {
    struct journal_op op;
    int64_t flow;
    int64_t after;           /* subject id */
    uint64_t until_ms;       /* created before; 0 any */
    uint64_t seen_before_ms; /* seen: last look older than this; 0: no seen filter */
    bool open_only;          /* not final */
    size_t limit;            /* <= 500 */
    /* out */
    struct arena arena;
    struct journal_subject {
        int64_t id;
        const char *code;
        int status; /* newest snapshot's */
        bool adopted;
    } * rows;
    size_t n;
};
void journal_subjects(struct journal *j, struct journal_subjects *s);
void journal_subjects_free(struct journal_subjects *s);

/* What a look-up said of a dossier that was journaled while the flow observed: its old steps and
 * snapshots are settled as design.md's "Starting in a province" says. */
struct journal_adopt {
    struct journal_op op;
    int64_t subject;
    bool there;
    int shown_status;  /* 0 not shown */
    uint64_t until_ms; /* what was stored before this is old; later changes flow */
    uint64_t now_ms;
    uint32_t adopted, pending; /* out: items */
};
void journal_adopt(struct journal *j, struct journal_adopt *a);

struct journal_seen {
    struct journal_op op;
    char code[64];
    bool there;
    int status;
    uint64_t now_ms;
    bool differs; /* out: status shown differs from the acknowledged one */
};
void journal_seen(struct journal *j, struct journal_seen *s);

/* ---- what a flow knows of a code ---- */

/* The fate of one item now, successors followed. op.err ERR_NOTFOUND. */
struct journal_outcome {
    struct journal_op op;
    int64_t item;
    struct journal_fate fate; /* out */
};
void journal_outcome(struct journal *j, struct journal_outcome *o);

/* One dossier of a flow, with what its sources last said of it. */
struct journal_known {
    struct journal_op op;
    int64_t flow;
    char code[JOURNAL_CODE_SIZE]; /* portal_no, or local_no */
    bool want_body;
    bool want_parts;
    bool want_marks;
    /* out */
    bool known;
    bool snapshot;     /* one was stored, though it may not be kept any more */
    bool acknowledged; /* acked_status is what the sink holds */
    int acked_status, status;
    bool open; /* something is PENDING, INFLIGHT, UNSURE or HELD */
    struct arena arena;
    const char *portal_no, *local_no; /* "" none */
    const char *body;                 /* newest snapshot; NULL when not kept or not wanted */
    size_t body_len;
    struct journal_part {
        const char *source;
        int rank;
        int64_t at_s; /* the source's time */
        const char *body;
        size_t body_len;
    } * parts; /* highest rank first */
    size_t n_parts;
    uint8_t (*marks)[FIGURES_MARK_BYTES]; /* as its newest snapshot had them; they outlive it */
    size_t n_marks;
};
void journal_known(struct journal *j, struct journal_known *k);
void journal_known_free(struct journal_known *k);

/* Which codes the sink has for good: acknowledged, nothing open. For acknowledging intake. */
struct journal_delivered {
    struct journal_op op;
    int64_t flow;
    const char *const *codes; /* borrowed until done */
    size_t n;
    bool delivered[JOURNAL_ROWS_MAX]; /* out */
};
void journal_delivered(struct journal *j, struct journal_delivered *d);

/* ---- facts ---- */

struct journal_fact {
    struct journal_op op;
    char name[96];
    char value[512]; /* in for set, out for get ("" when none) */
};
void journal_fact_get(struct journal *j, struct journal_fact *f);
void journal_fact_set(struct journal *j, struct journal_fact *f); /* "" removes */

/* ---- lists: pages, copied out ---- */

struct journal_item_row {
    int64_t id;
    const char *flow;
    const char *code;
    enum item_kind kind;
    enum item_state state;
    enum hold_why hold;
    int status;
    int64_t at_s;
    uint64_t created_ms, changed_ms, due_ms;
    uint32_t attempts, flags;
    int64_t successor;
    const char *step_key; /* "" for snapshots */
    const char *reason;   /* "" none */
    const char *digest;   /* first 12 hex digits of the content hash */
};

struct journal_attempt_row {
    int64_t id;
    enum journal_verb verb;
    int64_t first_item, last_item;
    uint32_t items;
    bool updating;
    uint64_t begun_ms, ended_ms; /* ended 0: in flight */
    int outcome, http;
    const char *code, *words;
    uint32_t repeats, took_ms;
    const char *request, *response; /* hex, "" none */
};

struct journal_list {
    struct journal_op op;
    /* in: filters; 0, -1 or "" mean any */
    int64_t flow;
    int state; /* enum item_state or -1; -2: all open */
    int hold;  /* enum hold_why or 0 */
    char code[64];
    int64_t after; /* item id */
    size_t limit;  /* 1..1000 */
    /* out */
    struct arena arena;
    struct journal_item_row *rows;
    size_t n;
    bool more;
};
void journal_list(struct journal *j, struct journal_list *l);
void journal_list_free(struct journal_list *l);

/* One item with its attempts (op.err ERR_NOTFOUND), or the whole life of a code in all flows: items
 * oldest first, attempts in order. */
struct journal_life {
    struct journal_op op;
    int64_t id;    /* an item, or 0 */
    char code[64]; /* a dossier or procedure, when id is 0 */
    /* out */
    struct arena arena;
    struct journal_item_row *items;
    size_t n_items;
    struct journal_attempt_row *attempts;
    size_t n_attempts;
    /* the subject */
    const char *flow, *subject_code;
    int present, doubt, acked_status, status;
    int64_t promised_s;
    uint64_t since_ms;
    /* what the portal showed; seen_at_ms 0: never looked */
    uint64_t seen_at_ms;
    int seen_status;
    bool seen_there;
    struct journal_audit_row {
        uint64_t at_ms;
        const char *who, *verb, *object, *reason;
    } * audits; /* of the items of this life */
    size_t n_audits;
    bool truncated; /* more than 1,000 items or attempts */
};
void journal_life(struct journal *j, struct journal_life *l);
void journal_life_free(struct journal_life *l);

/* Held items by flow and reason, what waits behind them, and the oldest waiting item of each flow.
 */
struct journal_summary {
    struct journal_op op;
    /* out */
    struct {
        int64_t flow;
        uint64_t held[HOLD_WHYS];
        uint64_t oldest_ms; /* wall time since when the oldest open subject waits; 0 none */
        uint64_t behind;    /* items of subjects with which nothing can be done but for a person */
        uint64_t behind_ms; /* wall time at which the oldest of them was stored; 0 none */
        uint64_t orphaned;
    } flows[32];
    size_t n;
    uint64_t owed_rows;
};
void journal_summary(struct journal *j, struct journal_summary *s);

#endif
