/* salvage: a new journal from what can still be read of a damaged one.
 *
 * The damaged files are never written. What waited becomes in doubt, cursors and rows of sources
 * are not taken over, so that the daemon reads its sources fully again and looks up what it can't
 * be sure of (restore.h). Synchronous: for dvcsyncctl, while no daemon runs. */
#ifndef JOURNAL_SALVAGE_H
#define JOURNAL_SALVAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum salvage_table {
    SALVAGE_FLOW,
    SALVAGE_SUBJECT,
    SALVAGE_ITEM,
    SALVAGE_BODY,
    SALVAGE_PART,
    SALVAGE_ATTEMPT,
    SALVAGE_AUDIT,
    SALVAGE_FACT,
    SALVAGE_FIGURE,
    SALVAGE_MARK,
    SALVAGE_TABLES
};
const char *salvage_table_name(enum salvage_table table);

struct salvage_report {
    uint64_t saved[SALVAGE_TABLES];
    uint64_t
        spoiled[SALVAGE_TABLES]; /* rows that were found and make no sense, digests that fail */
    uint64_t orphans;            /* items without their dossier: read again from the source */
    uint64_t bodiless;           /* open items whose body is gone: held until it is read again */
    uint64_t distrusted;         /* dossiers whose state may be older than the peer's */
    uint32_t bad_pages, unreadable;
    bool log_cut;        /* the last changes were lost with the write-ahead log */
    bool audit_unbroken; /* the chain goes on; else it begins anew and old rows stand beside */
};

struct salvage_flows {
    const char *names[64];
    size_t n;
};

/* flows: the names in the configuration, so that a lost table of flows can be told from its index.
 * fresh must not exist; it does only when it is complete and synced. Rows of a broken audit go into
 * FRESH.audit.jsonl, which must not exist either. Until then all of it stands in the folder
 * FRESH.part, made here; what fails leaves nothing, and touches nothing that was there. The
 * daemon's lock beside damaged is held throughout (made when it is missing, and left). ERR_EXISTS,
 * ERR_NOTFOUND, ERR_DENIED, ERR_SCHEMA (made by a newer version: install that), ERR_BUSY (a daemon
 * or another recovery has it), ERR_FULL, ERR_IO, ERR_NOMEM. */
MUST_CHECK int salvage_journal(const char *damaged, const char *fresh,
                               const struct salvage_flows *flows, uint64_t now_ms,
                               struct salvage_report *report, struct errmsg *msg);

#endif
