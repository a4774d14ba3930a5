/* witness: what the journal had committed, told by another file than the journal's own.
 *
 * SQLite takes a write-ahead log up to its first frame that does not add up, and none at all for an
 * empty one: a log that somebody deleted, cut or exchanged leaves an older journal that looks sound
 * and would send again what was sent. The lock file therefore holds the last attempt's and the last
 * item's id, written after each commit without a sync: it may lag behind the journal, and is never
 * ahead of it. Used by the journal only: at start, and on its worker. */
#ifndef JOURNAL_WITNESS_H
#define JOURNAL_WITNESS_H

#include <stdint.h>

#include "base/err.h"

struct db;

#define WITNESS_AT 32 /* of the lock file; before it stands the process's number */

struct witness {
    int64_t attempt, item; /* 0: none yet */
};

/* What the lock file says, zeros when it says nothing. */
void witness_read(int fd, struct witness *w);
/* At each opening. ERR_CORRUPT: the journal lacks what was committed. A copy that is opened for the
 * first time is older by nature: it begins anew. */
MUST_CHECK int witness_check(struct witness *w, struct db *db, int fd);
/* After a commit. What fails is told again after the next. */
void witness_note(struct witness *w, struct db *db, int fd);

#endif
