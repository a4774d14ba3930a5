/* salvage_mend: makes a journal of rows that were saved with holes between them. Private to
 * journal/. */
#ifndef JOURNAL_SALVAGE_MEND_H
#define JOURNAL_SALVAGE_MEND_H

#include "journal/salvage.h"
#include "journal/sqlite.h"

/* In a transaction, on a connection that has the temporary tables old_audit and suspect. Marks the
 * journal as salvaged (restore.h). audit_path: made, and synced, for the rows of a broken audit. */
MUST_CHECK int salvage_mend(struct db *db, const char *audit_path,
                            const struct salvage_flows *flows, uint64_t now_ms,
                            struct salvage_report *report);

#endif
