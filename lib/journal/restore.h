/* restore: a journal that began as a copy, from a backup or salvaged from a damaged file.
 *
 * The peer may hold more than the copy says: what the lost journal sent after the copy was made is
 * not in it. The copy carries a mark; the first opening finds it. From then on what the sources
 * tell of the time before that opening is in doubt, as if its answer had been lost: steps are
 * UNSURE, dossiers that are new are looked up first. */
#ifndef JOURNAL_RESTORE_H
#define JOURNAL_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct journal;
struct db;

/* What is noted of the latest: "backup" or "salvage", when the copy was made, when opened (ms). */
#define RESTORE_FACT "journal.restored"

struct journal_restored {
    bool fresh;           /* this opening is the first */
    bool salvaged;        /* by `journal recover`, else from a backup */
    uint64_t at_ms;       /* wall time of the first opening; 0: this journal is no copy */
    uint64_t copied_ms;   /* when the copy was made */
    uint64_t steps_doubt; /* at the first opening: UNSURE steps, and dossiers to be looked up */
    uint64_t dossiers_doubt;
};
/* Of the latest restore. */
const struct journal_restored *journal_restored(const struct journal *j);

/* ---- for the journal itself; worker or before the loop ---- */

/* Marks a copy that nobody has opened: what waits in it is in doubt. In a transaction. */
MUST_CHECK int restore_mark(struct db *copy, uint64_t now_ms, bool salvaged);
/* 1: a copy that nobody has opened yet; 0: none; negative: failed. */
MUST_CHECK int restore_marked(struct db *db);
/* At every opening, in its transaction: finds the mark, or what was noted of it before. */
MUST_CHECK int restore_open(struct db *db, uint64_t now_ms, struct journal_restored *out);
/* The latest one, as it was noted: for a report's connection, which takes no mark. Afterwards
 * restore_doubts tells of it. at_ms 0: none. */
MUST_CHECK int restore_noted(struct db *db, struct journal_restored *out);
/* What a source tells of that time may have been sent by the journal that was lost. */
bool restore_doubts(const struct db *db, int64_t at_s);

#endif
