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

/* What a system can do; the engine asks these and never a name. */
enum adapter_cap {
    ADAPTER_IDEMPOTENT = 1, /* writing the same twice is harmless: no doubt to resolve */
    ADAPTER_LOOKUP = 2,     /* can tell whether it holds a code */
    ADAPTER_ATOMIC = 4,     /* a refused call of several steps stored none of them */
    ADAPTER_ACK = 8         /* wants to be told that rows are safe */
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
    const char *cursor; /* as last committed; "" at first */
    bool full;          /* an operator asked for a complete sweep: start one with this poll */
    void (*done)(struct adapter_poll *poll);
    /* out */
    int err; /* 0, ERR_REMOTE, ERR_DENIED (auth), ERR_FORMAT, ERR_CANCELED */
    struct errmsg why;
    const struct adapter_row *rows; /* at most 1,000 */
    size_t n_rows;
    const char *next_cursor; /* "" or equal to cursor: nothing to store */
    bool more;               /* another poll at once; false: wait for the interval */
    bool full_done;          /* a complete sweep (all that is open) ended with this page */
    void *impl;
};

/* detail: the full record behind a row, with its steps; or one catalogue record by code. */
struct adapter_detail {
    /* in */
    enum record_kind kind; /* RECORD_DOSSIER (with steps), RECORD_PROCEDURE */
    const char *id;
    void (*done)(struct adapter_detail *detail);
    /* out */
    int err; /* 0, ERR_NOTFOUND (gone: nothing owed), ERR_UNSUPPORTED (not to be sent at all:
                nothing owed), others: owed */
    struct errmsg why;
    const struct record *records; /* the snapshot first, then steps oldest first */
    size_t n_records;
    bool inactive; /* catalogue records: withdrawn at the source */
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
    int status;       /* snapshots: the national status that the call carried; 0 none */
    bool has_content; /* snapshots: content is set */
    uint8_t content[RECORD_HASH_BYTES]; /* held_hash of what the call carried */
};

/* check: the domain check of a record for this sink, pure and synchronous; made when a record is
 * stored and again when its call is built. */
struct adapter_check {
    /* in */
    const struct record *record;
    /* out */
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

/* send: one snapshot, or 1..10 consecutive steps of one dossier, or one catalogue record. */
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
    void (*done)(struct adapter_send *send);
    /* out */
    struct outcome outcome;
    void *impl;
};

enum lookup_answer { LOOKUP_UNKNOWN, LOOKUP_THERE, LOOKUP_ABSENT, LOOKUP_REFUSED /* for good */ };

struct adapter_lookup {
    /* in */
    const char *code;
    void (*done)(struct adapter_lookup *lookup);
    /* out */
    enum lookup_answer answer;
    int status; /* as shown, 0 when it shows none */
    struct outcome outcome;
    void *impl;
};

/* list: a whole catalogue dictionary, streamed. */
struct adapter_list {
    /* in */
    enum record_kind
        kind; /* RECORD_PROCEDURE (codes and names), RECORD_SERVICE, RECORD_SECTOR, RECORD_AGENCY */
    /* Per record, in order. RECORD_PROCEDURE rows carry code, name in body's place (see row_name)
     * and, when the system lists whole records, body and hash. */
    void (*row)(struct adapter_list *list, const struct record *record, const char *name,
                bool active);
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

struct adapter;

struct adapter_ops {
    const char *profile;
    void (*poll)(struct adapter *a, struct adapter_poll *poll);
    void (*detail)(struct adapter *a, struct adapter_detail *detail);
    void (*ack)(struct adapter *a, struct adapter_ack *ack);
    void (*check)(struct adapter *a, struct adapter_check *check);
    void (*send)(struct adapter *a, struct adapter_send *send);
    void (*lookup)(struct adapter *a, struct adapter_lookup *lookup);
    void (*list)(struct adapter *a, struct adapter_list *list);
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
};

/* What the process lends an adapter. */
struct adapter_env {
    struct loop *loop;
    struct http_client *http;
    struct log *log;
    struct metrics *metrics;
    const struct config *config; /* until reconfigure */
    /* Name of an agency or a sector from the catalogue mirror, for what a source leaves empty; kept
     * in memory by the engine; NULL when not known. */
    const char *(*mirror_name)(void *ctx, enum record_kind kind, const char *code);
    /* 4 when the catalogue has a service for the procedure, 2 when it has none, 0 when no services
     * are known yet. */
    int (*mirror_level)(void *ctx, const char *procedure_code);
    void *mirror_ctx;
};

/* registry.c: makes the adapter of a configured endpoint ("portal" or a source's name). */
MUST_CHECK int adapter_open(const struct adapter_env *env, const char *endpoint,
                            struct adapter **out, struct errmsg *msg);
/* Known profiles, NULL-terminated, for configuration checks and help. */
const char *const *adapter_profiles(void);

#endif
