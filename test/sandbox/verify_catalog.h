/* verify_catalog: the two catalogues compared, and what dossiers need of the portal's. One thread.
 */
#ifndef VERIFY_CATALOG_H
#define VERIFY_CATALOG_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "sandbox/verify_journal.h"
#include "sandbox/verify_report.h"

#define CATALOG_MAX 60000 /* procedures on either side; more are refused */

struct catalog_entry {
    char code[64];
    cJSON *record; /* owned */
};

/* Sorted by code once loaded. */
struct catalog_side {
    struct catalog_entry *entries;
    size_t n;
    size_t room;
};

struct verify_catalog {
    struct catalog_side province; /* serviceinfos, whole */
    struct catalog_side portal;   /* of each procedure LINHVUCTHUCHIEN only */
    struct verify_journal *journal;
    struct report *report;
};

/* Reads both catalogues and reports where they or the journal's mirror differ. 0, or -1 with the
 * reason on standard error; catalog_close in both cases. */
int catalog_compare(struct verify_catalog *c, const char *province, const char *portal,
                    struct verify_journal *journal, struct report *report);
void catalog_close(struct verify_catalog *c);

/* The portal's record of a procedure, as far as it is kept; NULL for none. */
const cJSON *catalog_procedure(const struct verify_catalog *c, const char *code);

#endif
