/* upkeep: retention, checkpoints, backup and checks of the journal. Requests follow journal.h's
 * rules. */
#ifndef JOURNAL_UPKEEP_H
#define JOURNAL_UPKEEP_H

#include "journal/journal.h"

/* One idle chunk: bodies whose subject is final and settled for keep_payload, attempts older than
 * keep_history. Writes nothing when there is nothing to remove. */
struct upkeep_retention {
    struct journal_op op;
    uint64_t now_ms;
    uint64_t keep_payload_ms, keep_history_ms;
    size_t limit;
    uint32_t bodies, attempts; /* out: removed, each at most limit */
    bool more;                 /* out: the limit ended it */
};
void upkeep_retention(struct journal *j, struct upkeep_retention *r);

/* A copy that opens by itself (VACUUM INTO); path must not exist, and does only when the copy is
 * complete, marked and synced. Until then it is PATH.part, which must not exist either; what fails
 * is removed. ERR_EXISTS, ERR_FULL, ERR_IO; the text names the step. */
struct upkeep_backup {
    struct journal_op op;
    char path[512];
    uint64_t now_ms; /* the copy's mark says when it was made, see restore.h */
};
void upkeep_backup(struct journal *j, struct upkeep_backup *b);

/* integrity_check and the digest of every body, without a running daemon or beside it (own
 * read-only connection). A name that ends in .part is a finding: an unfinished copy. Findings go to
 * `found`, one a line. Synchronous: for dvcsyncctl.
 * ERR_CORRUPT when anything was found. */
MUST_CHECK int upkeep_check(const char *path, void (*found)(void *ctx, const char *text), void *ctx,
                            struct errmsg *msg);

/* Walks the audit chain of a journal; ERR_CORRUPT names the first row that breaks it, or that rows
 * at the end are missing. Who also removes them from SQLite's own count cuts the end off unseen:
 * head (may be NULL) is to be compared with what the log said of it. Synchronous. */
MUST_CHECK int upkeep_audit_verify(const char *path, uint64_t *rows,
                                   struct journal_audit_head *head, struct errmsg *msg);

#endif
