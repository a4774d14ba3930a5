/* opencps_query: one call of GET /dossiers, as a value (provincial-systems.md 1.1). Pure; any
 * thread. */
#ifndef ADAPTER_OPENCPS_QUERY_H
#define ADAPTER_OPENCPS_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define OPENCPS_STATUS_SIZE 256 /* bytes of a dossierStatus with its NUL */
#define OPENCPS_PAGE_MAX 1000   /* rows of a page, adapter.h */

enum opencps_date {
    OPENCPS_SUBMIT,
    OPENCPS_RECEIVE,
    OPENCPS_RELEASE,
    OPENCPS_FINISH,
    OPENCPS_DATES
};

/* systemId 0 is the province, 5 the national side. A list shows one of them only, and 0 when it is
 * not told. */
#define OPENCPS_SYSTEMS 2
extern const unsigned OPENCPS_SYSTEM_IDS[OPENCPS_SYSTEMS];

struct opencps_query {
    bool dated; /* date, from_s and to_s hold */
    enum opencps_date date;
    int64_t from_s, to_s;             /* local midnights of the first and the last day */
    char status[OPENCPS_STATUS_SIZE]; /* "" any */
    unsigned system;                  /* index in OPENCPS_SYSTEM_IDS */
    uint32_t start, end;              /* rows; end is exclusive and above start */
    bool count_only;                  /* asked for its total: its row is not a result */
};

/* The path and query of the call, appended: "/dossiers?start=0&end=200&systemId=0...". end is
 * always sent: without it, and with 0, OpenCPS answers with everything that it has. */
void opencps_query_path(const struct opencps_query *query, struct buf *out);

#endif
