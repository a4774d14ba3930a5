/* names: what the catalogue mirror says about codes, in memory, for adapters that must fill in a
 * name: agencies, sectors, procedures, and whether a procedure has a service. Filled from the
 * mirror at start and after each swap. Loop thread. */
#ifndef SYNC_NAMES_H
#define SYNC_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "domain/record.h"

struct name_row {
    const char *code, *name;
};

/* One dictionary: rows in order of code, as they were added. */
struct name_table {
    struct arena arena;
    struct name_row *rows; /* owned */
    size_t n, capacity;
};

struct names {
    struct name_table agencies, sectors, services, procedures;
    struct name_table fresh; /* being read; takes its kind's place whole */
    uint64_t changes;        /* dictionaries that took their place */
};

void names_init(struct names *n);
void names_free(struct names *n);
/* A dictionary (RECORD_AGENCY, _SECTOR, _SERVICE, _PROCEDURE) is read anew: begin, add rows in
 * order of code, commit. Until then the old one answers: a call built meanwhile must not see half a
 * list. */
void names_begin(struct names *n);
MUST_CHECK int names_add(struct names *n, const char *code, const char *name);
void names_commit(struct names *n, enum record_kind kind);
/* NULL when not known. */
const char *names_find(const struct names *n, enum record_kind kind, const char *code);
/* Whether text is a code or a name of that dictionary. */
bool names_has(const struct names *n, enum record_kind kind, const char *text);
/* 4 or 3 when services of the procedure are known, by what their names say (domain/level.h), 2 when
 * there are services but none of it, 0 when no services are known. */
int names_level(const struct names *n, const char *procedure_code);

#endif
