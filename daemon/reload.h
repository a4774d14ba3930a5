/* reload: a new configuration for a running process: read off the loop, checked as a whole, taken
 * or refused.
 *
 * Embedded in the process; one at a time. Loop thread. */
#ifndef RELOAD_H
#define RELOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "config/config.h"

struct reload {
    struct loop_work work;
    bool running;
    const char *path;      /* borrowed while it runs */
    struct config *config; /* read, not taken yet */
    struct config_faults *faults;
    int err;
    struct errmsg why;
    /* Takes a configuration that is right in itself: 0, then it is the receiver's; else what
     * hinders it. */
    int (*take)(void *ctx, struct config *config, struct errmsg *msg);
    /* The end: the errors, borrowed; n is 0 when it was taken. */
    void (*ended)(void *ctx, const char *const *errors, size_t n);
    void *ctx;
};

/* take, ended and ctx are set. ended comes once, later. ERR_BUSY when one runs, ERR_NOMEM: it does
 * not come. */
MUST_CHECK int reload_start(struct reload *r, struct loop *loop, const char *path);

#endif
