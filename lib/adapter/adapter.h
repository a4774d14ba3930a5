/* adapter: the one contract between the engine and any system, portal or provincial.
 *
 * An adapter is an instance of a table of verbs. All calls are asynchronous on the loop thread:
 * each request struct belongs to the caller, stays untouched until its callback, and the callback
 * comes exactly once and never from inside the call, cancellation included. What a verb delivers
 * (rows, records) is borrowed for the time of the callback. An adapter keeps nothing durable:
 * cursors go through the journal. A verb that an adapter lacks is NULL in its table. */
#ifndef ADAPTER_ADAPTER_H
#define ADAPTER_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "config/config.h"
#include "domain/record.h"
#include "http/client.h"
#include "http/server.h"

/* What a system can do; the engine asks these and never a name. */
enum adapter_cap {
    ADAPTER_IDEMPOTENT = 1, /* writing the same twice is harmless: no doubt to resolve */
    ADAPTER_LOOKUP = 2,     /* can tell whether it holds a code */
    ADAPTER_ATOMIC = 4,     /* a refused call of several steps stored none of them */
    ADAPTER_ACK = 8,        /* wants to be told that rows are safe */
    ADAPTER_ANSWERS = 16,   /* a source whose clients wait for the sink's answer: can't observe */
    ADAPTER_APART = 32, /* a source that lists records other than dossiers by poll.kind, apart from
                           them, and wants no acknowledgement of those */
    ADAPTER_DECISIONS = 64, /* detail gives decisions that published procedures (RECORD_DECISION) */
    ADAPTER_COUNTS = 128    /* a sink that counts calls: takes snapshots without their steps; its
                               look-up only decides what becomes of a doubt, without a call */
};

#define ADAPTER_STEPS_MAX 10 /* steps of one dossier in a call (national-portal.md section 2) */

/* One row of a list: enough to see whether anything changed. */
struct adapter_row {
    const char *id; /* the source's own id, for detail and ack */
    uint8_t hash[RECORD_HASH_BYTES];
};

/* poll: the next page of what may have changed. */
struct adapter_poll {
    /* in */
    enum record_kind kind; /* what is asked for: RECORD_DOSSIER, ... */
    const char *cursor;    /* as last committed; "" at first */
    bool full;             /* an operator asked for a complete sweep: start one with this poll */
    void (*done)(struct adapter_poll *poll);
    /* out */
    int err; /* 0, ERR_REMOTE, ERR_DENIED (the account is not let in, and nothing else), ERR_CONFIG,
                ERR_FORMAT, ERR_CANCELED */
    struct errmsg why;
    const struct adapter_row *rows; /* at most 1,000 */
    size_t n_rows;
    const char *next_cursor; /* "" or equal to cursor: nothing to store */
    bool more;               /* another poll at once; false: wait for the interval */
    bool full_done;          /* a complete sweep (all that is open) ended with this page */
    bool first_reading;      /* nothing was read before it, and the records came with the rows, so
                                that a detail makes no call */
    void *impl;
};

/* detail: the full record behind a row, with its steps; or one catalogue record by code. */
struct adapter_detail {
    /* in */
    enum record_kind kind; /* RECORD_DOSSIER (with steps), RECORD_PROCEDURE, RECORD_RATING, ... */
    const char *id;
    bool want_raw; /* for a person: also what the source showed */
    void (*done)(struct adapter_detail *detail);
    /* out */
    int err; /* 0, ERR_NOTFOUND (gone: nothing owed), ERR_UNSUPPORTED (not to be sent at all:
                nothing owed), others: owed */
    struct errmsg why;
    const struct record *records; /* the snapshot first, then steps oldest first */
    size_t n_records;
    bool inactive;   /* catalogue records: withdrawn at the source */
    const char *raw; /* the record as the source showed it, also when it can't be mapped; NULL: not
                        wanted, or nothing to show */
    size_t raw_len;
    void *impl;
};

/* What became of a call at a peer: the classes of design.md's reply table. Stored in
 * attempt.outcome. */
enum outcome_class {
    OUTCOME_NONE = 0,
    OUTCOME_DONE = 1,      /* a success reply was read */
    OUTCOME_UNSURE = 2,    /* the peer may have it */
    OUTCOME_TRANSIENT = 3, /* nothing happened */
    OUTCOME_PERMANENT = 4, /* refused for good */
    OUTCOME_BACKOFF = 5,   /* refused, reason unknown */
    OUTCOME_AUTH = 6,      /* refused on the newest session */
    OUTCOME_EXISTS = 7,    /* "đã tồn tại" */
    OUTCOME_MISSING = 8,   /* "không tồn tại" */
    OUTCOME_CONFIG = 9,    /* redirect, trust failure: the endpoint must pause */
    OUTCOME_LOGIN = 10,    /* login refused: the endpoint must pause, nothing happened */
    OUTCOME_CANCELED = 11, /* ended by us before anything left */
    OUTCOME_HELD = 12      /* not sent: the record can't be mapped (see adapter_check) */
};
const char *outcome_name(enum outcome_class c); /* "done", "unsure", ... */

struct outcome {
    enum outcome_class class;
    bool transport;     /* the trouble is the endpoint's (connect, 5xx, 429...), not the record's */
    bool alert;         /* worth an operator's eye though transient (TLS handshake) */
    enum hold_why hold; /* OUTCOME_HELD: why; words says it for a person */
    int http;           /* status, 0 none */
    char code[16];      /* error_code as it stood */
    char words[304];    /* the peer's or curl's words, printable, personal data masked */
    uint32_t retry_after_s; /* 0 none */
    uint32_t repeats;       /* calls made again inside after a renewed session */
    uint32_t took_ms;
    uint8_t request[RECORD_HASH_BYTES];  /* digest of the body that left, without the session */
    uint8_t response[RECORD_HASH_BYTES]; /* digest of the body that came; zero when none */
    int status;        /* snapshots: the national status that the call carried; 0 none */
    char local_no[64]; /* the number that the sink gave to what it created; "" none */
    bool has_content;  /* snapshots: content is set */
    uint8_t content[RECORD_HASH_BYTES]; /* held_hash of what the call carried */
};

/* check: the domain check of a record for this sink, pure and synchronous; made when a record is
 * stored and again when its call is built. */
struct adapter_check {
    /* in */
    const struct record *record;
    bool by_content; /* a step too will be known by held_hash, not by its record's own */
    /* out */
    int err;            /* 0, or ERR_NOMEM: not judged, nothing below counts; ask again later */
    int status;         /* national status 1..10 for dossiers and steps; 0 none */
    enum hold_why hold; /* HOLD_NONE: may be sent */
    uint32_t flags;     /* enum item_flag */
    /* Digest of a snapshot as this sink would hold it, mapped and without volatile parts: where it
     * is equal, a second call would change nothing. For catalogue records reason then names what
     * the sink can't hold. */
    bool has_held_hash;
    uint8_t held_hash[RECORD_HASH_BYTES];
    char reason[300]; /* for a person: what is wrong, which file to edit; no personal data */
};

/* Of one record in a call that carried several dossiers; what struct outcome says of a call alone.
 * A record with a hold was left out of the call, the outcome is about the others. */
struct adapter_sent {
    enum hold_why hold;
    char reason[300];
    int status;
    bool has_content;
    uint8_t content[RECORD_HASH_BYTES];
};

/* send: one snapshot, or 1..10 consecutive steps of one dossier, or one catalogue record; or, where
 * the adapter has a batch, up to so many snapshots of different dossiers (code is then the
 * first's).
 */
struct adapter_send {
    /* in: borrowed until done */
    enum record_kind kind;
    const char *code;
    bool updating;  /* snapshots: isUpdating */
    bool withdrawn; /* catalogue records: no longer in the catalogue, to be switched off, never
                       deleted */
    bool consented; /* released by a person (ITEM_FLAG_CONSENTED): only a missing map holds it */
    const struct record *records; /* kind, code, body are set */
    size_t n_records;
    struct adapter_sent *sent; /* the caller's, n_records; used when records are of more than one
                                  dossier */
    void (*done)(struct adapter_send *send);
    /* out */
    struct outcome outcome;
    void *impl;
};

enum lookup_answer {
    LOOKUP_UNKNOWN,
    LOOKUP_THERE,
    LOOKUP_ABSENT,
    LOOKUP_REFUSED, /* for good */
    LOOKUP_ASK      /* nobody can know: a person decides whether it is sent again */
};

struct adapter_lookup {
    /* in */
    const char *code;
    bool consented; /* of a snapshot in doubt: a person has released it */
    void (*done)(struct adapter_lookup *lookup);
    /* out */
    enum lookup_answer answer;
    int status; /* as shown, 0 when it shows none */
    struct outcome outcome;
    void *impl;
};

/* What a local product shows of a procedure beside its record; -1: its wire does not show it. */
struct adapter_shown {
    int level;     /* maxLevel: 4 full, 3 partial, up to 2 information only */
    int processes; /* how many agencies have a process for it */
    int eforms;    /* how many form templates it has */
};
#define ADAPTER_SHOWN_NOTHING ((struct adapter_shown){-1, -1, -1})

/* list: a whole catalogue dictionary, streamed. */
struct adapter_list {
    /* in */
    enum record_kind
        kind; /* RECORD_PROCEDURE (codes and names), RECORD_SERVICE, RECORD_SECTOR, RECORD_AGENCY */
    /* Per record, in order. RECORD_PROCEDURE rows carry code, name in body's place (see row_name)
     * and, when the system lists whole records, body and hash. */
    void (*row)(struct adapter_list *list, const struct record *record, const char *name,
                bool active);
    struct adapter_shown shown; /* of the row that is handed over; the adapter's from the first row
                                   on, the caller's ADAPTER_SHOWN_NOTHING before */
    void (*done)(struct adapter_list *list);
    /* out */
    int err; /* 0: complete. Anything else: nothing may be concluded */
    struct errmsg why;
    size_t n_rows;
    void *impl;
};

/* ack: rows are safe (after COMMIT only). */
struct adapter_ack {
    const char *const *ids;
    size_t n_ids;
    void (*done)(struct adapter_ack *ack);
    int err;
    struct errmsg why;
    void *impl;
};

/* ---- systems that push at us: gateway, publish, a watched folder, the portal's intake ---- */

/* What became of one offered record. */
struct adapter_fate {
    int64_t item;          /* that holds the record, or an equal one; 0: nothing was stored */
    enum item_state state; /* DONE, ADOPTED: the sink has it; HELD: a person must look */
    enum hold_why hold;
    bool overruled; /* several sources: the status that counts is another one's, of a later time */
    char reason[300]; /* of HELD */
    char code[16];    /* the sink's own answer, where one was read: error_code */
    char words[304];  /* and words */
};

/* offer: records to be made durable. Belongs to the adapter until its last callback. */
struct adapter_offer {
    /* in: borrowed until done */
    const struct record *records; /* a dossier's snapshot before its steps; several dossiers may
                                     stand in one offer */
    size_t n_records;             /* 0..1000 */
    const char *const *owed;      /* ids of rows whose detail is to be read (publish): stored as
                                     owed, asked for at once */
    size_t n_owed;
    uint64_t wait_ms;           /* how long settled may take; 0: settled does not come */
    struct adapter_fate *fates; /* n_records of the adapter's, in order of the records; may be NULL
                                   when wait_ms is 0 */
    void (*done)(struct adapter_offer *offer); /* once, later: committed, or refused */
    /* Once, after a done without error: every fate is DONE, ADOPTED or HELD, or wait_ms is over (a
     * record that was replaced counts as what took its place). */
    void (*settled)(struct adapter_offer *offer);
    /* out, of done */
    int err; /* 0: committed, fates are as of the commit. ERR_BUSY: nothing is taken in now (window,
                disk, flow off or observing a source that waits for answers): nothing was stored.
                ERR_INVAL, ERR_TOOBIG: not storable. ERR_CANCELED: the process stops */
    struct errmsg why;
    void *impl; /* the host's */
};

/* ask: what is known of a dossier; answers from the journal, and from the sink's look-up only where
 * the journal knows nothing of it. */
struct adapter_ask {
    /* in */
    const char *code;
    bool want_marks; /* for who must know it for ever: known then also without content */
    void (*done)(struct adapter_ask *ask);
    /* out */
    int err;           /* 0; ERR_CANCELED */
    bool known;        /* the journal has a snapshot of it in this flow */
    bool acknowledged; /* and the sink has acknowledged it: acked_status is what it holds */
    int acked_status;
    int status;       /* national status of the newest snapshot, or (intake) as the sink tells it
                         in its own flow; 0 unmapped */
    bool open;        /* something of it is still to be delivered */
    const char *body; /* canonical newest snapshot where it is kept, else NULL; borrowed; of what is
                         not known (intake): as the sink tells it in its own flow */
    size_t body_len;
    enum lookup_answer there; /* not known: as the sink says; LOOKUP_UNKNOWN when it can't be asked
                                 now */
    int there_status;         /* 0 not shown */
    const uint8_t (*marks)[FIGURES_MARK_BYTES]; /* of the newest snapshot, also when its content is
                                                   gone; borrowed */
    size_t n_marks;
    void *impl;
};

/* relay: a reading service of the sink, in its own words. */
struct adapter_relay {
    /* in */
    const char *service; /* LayThuTuc, ... */
    const char *request; /* JSON object of its parameters, without session, madonvi, service */
    void (*done)(struct adapter_relay *relay);
    /* out */
    int err; /* 0: reply is complete JSON of the sink; ERR_REMOTE: it does not answer; ERR_FORMAT:
                its answer is of no use, which says nothing of the sink; ERR_DENIED */
    struct errmsg why;
    const char *reply; /* borrowed for the callback */
    size_t reply_len;
    void *impl;
};

/* rows: what the catalogue's mirror holds of one kind, or one record. */
struct adapter_rows {
    /* in */
    enum record_kind kind;
    const char *code; /* NULL: all that are active */
    void (*row)(struct adapter_rows *rows, const struct record *record, const char *name);
    void (*done)(struct adapter_rows *rows);
    /* out */
    int err;
    size_t n_rows;
    void *impl;
};

/* What the engine does for a system that pushes; one per flow and source. All calls are
 * asynchronous, callbacks never from inside the call. */
struct adapter_host {
    const struct adapter_host_ops {
        void (*offer)(struct adapter_host *host, struct adapter_offer *offer);
        /* The client is gone: settled comes on the next turn instead of after wait_ms. */
        void (*hurry)(struct adapter_host *host, struct adapter_offer *offer);
        void (*ask)(struct adapter_host *host, struct adapter_ask *ask);
        void (*relay)(struct adapter_host *host, struct adapter_relay *relay);
        void (*rows)(struct adapter_host *host, struct adapter_rows *rows);
    } * ops;
};

/* Small numbers that an adapter shows in status, for instance answers from a stale cache. */
struct adapter_note {
    const char *name; /* "stale_answers"; snake_case, for JSON and metrics */
    uint64_t value;
};
#define ADAPTER_NOTES_MAX 8

struct adapter;

struct adapter_ops {
    const char *profile;
    void (*poll)(struct adapter *a, struct adapter_poll *poll);
    void (*detail)(struct adapter *a, struct adapter_detail *detail);
    void (*ack)(struct adapter *a, struct adapter_ack *ack);
    void (*check)(struct adapter *a, struct adapter_check *check);
    void (*send)(struct adapter *a, struct adapter_send *send);
    /* What send would write, without session; nothing leaves and nothing is kept. ERR_INVAL: it
     * can't be sent, ERR_TOOBIG, ERR_NOMEM; msg says why. */
    int (*preview)(struct adapter *a, const struct adapter_send *send, struct buf *out,
                   struct errmsg *msg);
    void (*lookup)(struct adapter *a, struct adapter_lookup *lookup);
    void (*list)(struct adapter *a, struct adapter_list *list);
    void (*relay)(struct adapter *a, struct adapter_relay *relay);
    /* Begins to take what the system pushes; host is borrowed until unlisten has ended. Once,
     * before anything else is asked. ERR_CONFIG, ERR_BUSY (address in use), ERR_DENIED. */
    int (*listen)(struct adapter *a, struct adapter_host *host, struct errmsg *msg);
    /* Takes nothing more; who waits is answered. stopped comes once, later. */
    void (*unlisten)(struct adapter *a, void (*stopped)(void *ctx), void *ctx);
    /* Fills notes, at most ADAPTER_NOTES_MAX; returns how many. */
    size_t (*notes)(struct adapter *a, struct adapter_note notes[ADAPTER_NOTES_MAX]);
    /* Ends what is in flight: every open request still gets its callback (canceled or unsure) on a
     * later turn. */
    void (*cancel)(struct adapter *a);
    /* New configuration and maps from a reload; borrowed until the next one. Calls in flight finish
     * with the old values. ERR_CONFIG when it can't take them (kept as it was). */
    int (*reconfigure)(struct adapter *a, const struct config *config, struct errmsg *msg);
    /* After cancel and all callbacks. */
    void (*free)(struct adapter *a);
};

struct adapter {
    const struct adapter_ops *ops;
    const char *name; /* the endpoint's name in the configuration, owned */
    unsigned caps;    /* enum adapter_cap */
    unsigned batch;   /* snapshots of different dossiers in a call, all with the same isUpdating; 0
                         and 1: one */
    int rank;         /* of its word when several sources know one dossier: gateway 3, poll 1 */
};

/* What the process lends an adapter. */
struct adapter_env {
    struct loop *loop;
    struct http_client *http;
    struct log *log;
    struct metrics *metrics;
    const struct config *config; /* until reconfigure */
    /* Name of an agency, a sector or a procedure from the catalogue mirror, for what a source
     * leaves empty; kept in memory by the engine; NULL when not known. */
    const char *(*mirror_name)(void *ctx, enum record_kind kind, const char *code);
    /* 4 or 3 when the catalogue has a service for the procedure (full, partial), 2 when it has
     * none, 0 when no services are known yet. */
    int (*mirror_level)(void *ctx, const char *procedure_code);
    /* Moves with each change of those names; NULL: there are none. */
    uint64_t (*mirror_changes)(void *ctx);
    void *mirror_ctx;
    /* Opens a listener on the process's loop: http_server_open with the loop filled in. NULL where
     * there is none (command line): listen is never called then. */
    int (*serve)(void *ctx, const struct http_server_options *options, struct http_server **out,
                 struct errmsg *msg);
    void *serve_ctx;
};

/* registry.c: makes the adapter of a configured endpoint ("portal" or a source's name). */
MUST_CHECK int adapter_open(const struct adapter_env *env, const char *endpoint,
                            struct adapter **out, struct errmsg *msg);

#endif
