/* usage: an event of a dossier as the usage measurement system (EMC) counts it
 * (national-portal.md section 12). Pure; any thread. */
#ifndef DOMAIN_USAGE_H
#define DOMAIN_USAGE_H

#include <stdbool.h>

#include "domain/dossier.h"

/* status: national 4 is only "processing", so 4 (assigned) is never sent. */
enum usage_status { USAGE_OTHER, USAGE_RECEIVED, USAGE_PROCESSING, USAGE_RETURNED };

/* All are EMC's own numbers. */
struct usage {
    enum usage_status status;
    int reception; /* formsReception: 1 online, 2 direct */
    int payments;  /* formsPayments: 0 none, 1 online, 2 direct */
    int level;     /* 0 nothing of it is online or not known, 3 partial, 4 full */
    int portal;    /* isFromDVCQG: 1 submitted at the national portal */
    int post;      /* isDVCBC: 0 direct, 1 by post */
};

/* Of a national status; USAGE_OTHER of any number that is none. */
enum usage_status usage_status(int national);

/* level: 4 or 3 when the procedure has a service (full, partial), else 2 or 0. fees: the dossier
 * has some that cost something. */
void usage_of(const struct dossier *d, int national, int level, bool fees, struct usage *out);

#endif
