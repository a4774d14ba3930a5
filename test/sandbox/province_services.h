/* province_services: the province's own catalogue of procedures, OpenCPS's serviceinfos.
 *
 * At the start it holds most of the national procedures, a part of them with an old name and all
 * without texts, and a few of its own: work for the catalogue's flow. Not thread-safe: the province
 * holds its lock around every call. */
#ifndef PROVINCE_SERVICES_H
#define PROVINCE_SERVICES_H

#include <stddef.h>
#include <stdint.h>

#include "sandbox/life_catalog.h"
#include "sandbox/province_page.h"

#define SERVICES_MAX 20000 /* procedures held; more are refused */
#define SERVICE_FIELDS 18

struct service {
    char *fields[SERVICE_FIELDS]; /* owned, never NULL; in the order of the form's names */
    unsigned processes;           /* agencies with a process: serviceConfigs */
    unsigned eforms;              /* fileTemplates */
    int64_t modified_s;
};

struct services {
    struct service *rows; /* sorted by code */
    size_t n;
    size_t room;
};

/* Why a write was refused. */
enum services_result {
    SERVICES_OK,
    SERVICES_EXISTS,
    SERVICES_MISSING,
    SERVICES_BAD,
    SERVICES_FULL
};

/* 0, or -1 when memory is out. */
int services_init(struct services *s, const struct life_catalog *c, uint64_t seed, int64_t now_s);
void services_free(struct services *s);

/* The index of a code, SIZE_MAX for none. */
size_t services_find(const struct services *s, const char *code);

/* Writes a form (application/x-www-form-urlencoded). code NULL: POST, a new procedure; else PUT,
 * where fields that the form leaves out stay as they are. *at is the index written. */
enum services_result services_write(struct services *s, const char *code, const char *form,
                                    int64_t now_s, size_t *at);

/* Makes the province's record of a code differ from the portal's by a kind: local_only (a code that
 * the portal has not), portal_only and overdue (it is gone), withdrawn_open (it is open), renamed,
 * sector, agency, content (in the named field; "" feeText), level, process, eform. 1 planted, 0 it
 * can't differ so (no such code, not online, no such kind), -1 when memory is out. */
int services_plant(struct services *s, const char *kind, const char *code, const char *field,
                   int64_t now_s);

/* A row of the list: no texts. */
void services_row(struct page *p, const struct services *s, size_t i);
/* All fields, without braces or root. */
void services_detail(struct page *p, const struct services *s, size_t i);

#endif
