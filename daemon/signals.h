/* signals: TERM and INT stop, HUP reloads. SIGPIPE is main's.
 *
 * Embedded in the process; its memory must live until closed. Loop thread only. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <uv.h>

#include "base/err.h"

#define SIGNALS_N 3

struct signals {
    uv_signal_t handles[SIGNALS_N];
    unsigned open;
    void (*stop)(void *ctx); /* each TERM or INT: the receiver counts them */
    void (*reload)(void *ctx);
    void *ctx;
    void (*closed)(void *ctx);
};

/* stop, reload and ctx are set. On failure the handles close by themselves on the next turn. */
MUST_CHECK int signals_open(struct signals *s, uv_loop_t *uv, struct errmsg *msg);
/* closed gets ctx, on a later turn. */
void signals_close(struct signals *s, void (*closed)(void *ctx));

#endif
