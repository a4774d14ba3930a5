/* evidence: all that the journal can prove about one dossier, read beside a running daemon or
 * without one.
 *
 * Own read-only connection, one read transaction, synchronous: for dvcsyncctl, never for the loop.
 * No record is among it: digests, states, times, codes, and what the peer answered (numbers and
 * addresses masked when it was stored). What sources call a dossier or a row is given by its
 * digest: a file's name may be a person's. */
#ifndef JOURNAL_EVIDENCE_H
#define JOURNAL_EVIDENCE_H

#include "journal/journal.h"
#include "journal/witness.h"

#define EVIDENCE_KEY_NAME "evidence.key" /* the key that signs, in the state directory */
#define EVIDENCE_AUDIT_ROWS 10000        /* of the audit, the last ones */

/* Texts are "" when unknown, digests lower case hex, "" none. Borrowed for the time of the call. */

/* The dossier in one flow. */
struct evidence_subject {
    int64_t id;
    const char *flow, *code;
    const char *local_no; /* digest of the province's number */
    int present, doubt, acked_status, status;
    int64_t acked_item, newest_item, at_s, promised_s, settled_s;
    const char *acked_digest;
    uint64_t seen_at_ms; /* 0: the portal was never asked */
    int seen_status;
    bool seen_there;
};

/* What a source last showed of it. */
struct evidence_row {
    const char *source, *digest;
    const char *id; /* digest of the source's */
    bool owed;
};

/* What a source of a flow with several last said of it. */
struct evidence_part {
    int64_t subject;
    const char *source, *digest;
    int rank;
    int64_t at_s;
};

struct evidence_item {
    int64_t id, subject, successor, at_s;
    enum item_kind kind;
    enum item_state state;
    enum hold_why hold;
    int status;
    uint64_t created_ms, changed_ms;
    uint32_t attempts;
    const char *digest; /* of the record's content */
    const char *body;   /* of the stored record; "" when it is not kept */
    const char *step;   /* of the source's identity of a step */
    const char *source;
};

struct evidence_audit {
    int64_t row;
    const char *line;   /* whose digest is the row's chain; "" of a row of an older form */
    const char *object; /* opens its object's seal; "" unless the row is about the dossier */
    const char *chain;  /* after the row */
};

struct evidence_end {
    const char *program; /* version of the daemon that opened the journal last */
    int64_t schema;
    int64_t first_row;       /* of the audit's rows given; 0 none */
    const char *first_chain; /* before it */
    int64_t rows_about;      /* rows of the audit that name the dossier, */
    int64_t rows_left_out;   /* and those of them before first_row */
    struct journal_audit_head head;
    int64_t attempts_ever, items_ever; /* as the journal counts them */
    bool has_witness;
    struct witness witness; /* as the lock file says */
    const char *restored;   /* what is noted of a restore, "" none */
};

/* Called in this order: begin; for each flow subject, parts, items, attempts; rows; audit; end.
 * What is not 0 ends the reading and is its result. */
struct evidence_visitor {
    int (*begin)(void *ctx, const char *code); /* the portal's number */
    int (*subject)(void *ctx, const struct evidence_subject *s);
    int (*part)(void *ctx, const struct evidence_part *p);
    int (*item)(void *ctx, const struct evidence_item *i);
    /* items: ids of what it carried */
    int (*attempt)(void *ctx, const struct journal_attempt_row *a, const int64_t *items, size_t n);
    int (*row)(void *ctx, const struct evidence_row *r);
    int (*audit)(void *ctx, const struct evidence_audit *a);
    int (*end)(void *ctx, const struct evidence_end *e);
    void *ctx;
};

/* code: the portal's number or the province's. ERR_NOTFOUND: no such dossier, or no such file;
 * ERR_INVAL: the province's number of several dossiers; ERR_SCHEMA: a file of another version;
 * ERR_CORRUPT, ERR_DENIED, ERR_IO. */
MUST_CHECK int evidence_read(const char *path, const char *code,
                             const struct evidence_visitor *visitor, struct errmsg *msg);

#endif
