/* verify_dossier: the judgement over one dossier. One thread.
 *
 * Counts into a struct report: what agrees, what is lost, what was delivered twice without an
 * excuse, what came out of order (the meanings stand in the design's section on the oracle). */
#ifndef VERIFY_DOSSIER_H
#define VERIFY_DOSSIER_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "sandbox/verify_catalog.h"
#include "sandbox/verify_journal.h"
#include "sandbox/verify_ledger.h"
#include "sandbox/verify_report.h"

struct judge {
    struct verify_ledger *ledger;
    struct verify_journal *journal;
    struct verify_catalog *catalog;
    struct report *report;
    const struct verify_product *product; /* NULL: OpenCPS */
    uint64_t with_files;                  /* snapshots that list files */
    uint64_t without_files;               /* and that agree but for all their files */
    uint64_t held_seen;                   /* HELD items of dossiers that the province knows */
};

/* Judges one line of the province's dump. 0, or -1 when the journal can't be read. */
int judge_dossier(struct judge *j, const cJSON *line);

/* After the last line: dossiers that only the ledger knows, files, the journal as a whole. 0, or -1
 * when the journal can't be read. */
int judge_rest(struct judge *j);

#endif
