/* province_search: GET /dossiers, its filters and its window of rows.
 *
 * Parameters as in provincial-systems.md 1.1: start and end are row offsets (end exclusive; missing
 * or 0 means everything), dates dd/MM/yyyy stand for whole local days, both inclusive; systemId is
 * 0 unless given and hides the others. Rows come in the order of dossierId. */
#ifndef PROVINCE_SEARCH_H
#define PROVINCE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/life.h"
#include "sandbox/serve.h"

struct search {
    size_t start;
    size_t end;                     /* SIZE_MAX: everything */
    uint32_t steps;                 /* one bit for each life_step that fits */
    uint16_t from[LIFE_DATE_COUNT]; /* local days; 0 no bound */
    uint16_t to[LIFE_DATE_COUNT];
    const char *agency;     /* code, NULL any; borrowed from the request */
    const char *dossier_no; /* NULL any; borrowed from the request */
    uint8_t system;
};

/* Reads the query. 0, or -1 for a date or number that is none. */
int search_parse(struct search *s, struct serve_req *req);

/* Finds all that fit: *total counts them, rows (from malloc, owned by the caller) lists the n of
 * them in the window. 0, or -1 when memory is out. */
int search_run(const struct search *s, const struct life *w, size_t *total, uint32_t **rows,
               size_t *n);

#endif
