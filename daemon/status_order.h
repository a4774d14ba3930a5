/* status_order: the body of an order on the control socket: one JSON object with known keys.
 *
 * Every order takes the same object and uses what it needs; a key that no order knows is an error,
 * so that a misspelt "dry_run" changes nothing. Pure. */
#ifndef STATUS_ORDER_H
#define STATUS_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct order {
    char reason[300];
    char state[16], hold[32], flow[64], code[64]; /* which items; "" any */
    char level[16];
    char path[512];
    char what[16], sample[8], month[8]; /* reconcile: which dossiers */
    char rows[8];                       /* how many, decimal; "" the verb's own number */
    bool dry_run, full, fix, yes;
};

/* An empty body is an empty object. ERR_FORMAT, ERR_NOMEM, with a text for the person who sent it.
 */
MUST_CHECK int order_parse(const char *body, size_t n, struct order *out, struct errmsg *msg);

#endif
