/* audit: the chain of the operators' actions: a row's chain is the digest of the row before and of
 * itself, so that a change anywhere breaks all that follows.
 *
 * The digest is of one line of text, which whoever has it can digest himself:
 *
 *   ["audit",ID,AT_MS,2,"VERB","OBJECT'S SEAL","ACTOR'S SEAL","CHAIN OF THE ROW BEFORE"]
 *
 * The seals are the digests of ["object","SALT","OBJECT"] and of ["sealed","SALT","WHO","REASON"],
 * each with a salt of its own: the line proves the chain and names nobody, and the one who keeps
 * the salts can open the one without the other.
 *
 * Two older forms are checked, and only within the journal: rows with one salt have the object
 * itself in the line, and no 2 before the verb; rows of version 2 have none, and their digest is of
 * the fields themselves. On a connection of the worker or a reader. */
#ifndef JOURNAL_AUDIT_H
#define JOURNAL_AUDIT_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/digest.h"

struct db;

#define AUDIT_LINE_BYTES ((size_t)16384)

/* What audit_chain reads, in order. The time as a number: with more behind it a row of one form
 * could be read as one of another. */
#define AUDIT_COLUMNS                                                                              \
    "id, CAST(CAST(at_ms AS INTEGER) AS TEXT), who, verb, object, reason, chain, salt "

/* The digest that the row after `chain` must carry, into chain. stmt stands on AUDIT_COLUMNS. line
 * (may be NULL; cleared first) gets the row's line, nothing for a row of an older form. */
MUST_CHECK int audit_chain(sqlite3_stmt *stmt, uint8_t chain[DIGEST_BYTES], struct buf *line);
/* What opens the seal of the row's object, into line; nothing for a row of an older form. */
MUST_CHECK int audit_object(sqlite3_stmt *stmt, struct buf *line);
/* 1: the table has salts; 0: a file that no daemon of version 3 has opened; negative: failed. */
MUST_CHECK int audit_has_salt(struct db *db);
/* At start: the end of the chain into db->audit. */
MUST_CHECK int audit_load(struct db *db);
/* One more row. In a transaction. */
MUST_CHECK int audit_add(struct db *db, uint64_t now_ms, const char *who, const char *verb,
                         const char *object, const char *reason);

#endif
