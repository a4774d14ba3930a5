/* life_catalog: the codes that dossiers refer to, read from test/data.
 *
 * procedures.csv: code,name,sector_code,sector_name,level,agency; agencies.csv: code,name,level.
 * Immutable once loaded; any thread. */
#ifndef LIFE_CATALOG_H
#define LIFE_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/csv.h"

#define LIFE_CATALOG_MAX 60000 /* rows of a file; more are refused (indexes are 16 bits) */

struct life_procedure {
    const char *code;
    const char *name;
    const char *sector_code; /* "" for many */
    const char *sector_name;
    const char *agency; /* name of the ministry or body that published it */
    bool commune;       /* done by communes */
    bool department;    /* done by departments of the province */
};

struct life_agency {
    const char *code;
    const char *name;
    bool commune;
};

struct life_catalog {
    struct life_procedure *procedures;
    size_t n_procedures;
    struct life_agency *agencies; /* communes and departments; the province itself is left out */
    size_t n_agencies;
    uint16_t *of_commune; /* procedures done by communes */
    size_t n_of_commune;
    uint16_t *of_department; /* procedures done by departments */
    size_t n_of_department;
    struct csv text[2]; /* what the names point into */
};

/* Loads both files. 0, or -1 with the reason on standard error and nothing to free. */
int life_catalog_load(struct life_catalog *c, const char *procedures, const char *agencies);
void life_catalog_free(struct life_catalog *c);

#endif
