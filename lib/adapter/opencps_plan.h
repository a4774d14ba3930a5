/* opencps_plan: what to ask OpenCPS next, so that no change stays unseen (design.md, Polling).
 *
 * OpenCPS has no "changed since". The plan keeps lists of what is due: the first pages of today's
 * windows at every poll, whole windows of yesterday and today and the small states every sweep, the
 * big states in slices paced over the slow interval, everything open nightly and on request. The
 * first reading goes by days of submission and keeps its place in a cursor. Pure: the adapter asks
 * next, makes the call, and reports what came; no clock, no network. Loop thread. */
#ifndef ADAPTER_OPENCPS_PLAN_H
#define ADAPTER_OPENCPS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapter/opencps_query.h"
#include "base/err.h"

#define OPENCPS_STATUSES_MAX 128 /* states of one site that are swept */

struct opencps_plan_settings {
    uint32_t page_size; /* 1..OPENCPS_PAGE_MAX */
    uint64_t poll_every_ms;
    uint64_t sweep_every_ms;
    uint64_t slow_sweep_every_ms;
    int32_t full_sweep_at_s; /* seconds after local midnight */
    int64_t start_from_s;    /* 0: everything */
};

struct opencps_plan; /* opaque */

/* NULL without memory. */
struct opencps_plan *opencps_plan_new(const struct opencps_plan_settings *settings);
void opencps_plan_free(struct opencps_plan *plan);
/* From a reload. What is due already stays. */
void opencps_plan_change(struct opencps_plan *plan, const struct opencps_plan_settings *settings);

/* The states that are swept: small ones whole at every sweep, big ones in slices; others only by
 * the nightly and by the complete sweep, which take all three. Copied; a state in two lists counts
 * once. ERR_NOMEM, ERR_TOOBIG. */
enum opencps_sweep { OPENCPS_SMALL, OPENCPS_BIG, OPENCPS_OTHER, OPENCPS_SWEEPS };
MUST_CHECK int opencps_plan_set_states(struct opencps_plan *plan, enum opencps_sweep sweep,
                                       const char *const *states, size_t n);

/* Begins a poll whose last committed cursor is given; a cursor other than the plan's moves the plan
 * there. full starts a complete sweep. */
MUST_CHECK int opencps_plan_begin(struct opencps_plan *plan, const char *cursor, bool full,
                                  uint64_t now_ms, int64_t wall_s);
/* What to ask now: true and *out, or false when nothing is due before the next interval. Asking
 * twice without an answer gives the same query. */
bool opencps_plan_next(struct opencps_plan *plan, uint64_t now_ms, struct opencps_query *out);

/* What a poll may say after its page. */
struct opencps_progress {
    const char *cursor; /* borrowed until the plan is called again */
    bool more;
    bool full_done;
};

/* The page of the last query came: the list's total and its own rows. ERR_REMOTE with the reason
 * when the answer can't be believed (a site that had rows shows none). */
MUST_CHECK int opencps_plan_answer(struct opencps_plan *plan, int64_t total, size_t rows,
                                   uint64_t now_ms, struct opencps_progress *out,
                                   struct errmsg *msg);
/* It did not come. own: the peer answered this very query badly, so that others go first for a
 * while. */
void opencps_plan_failed(struct opencps_plan *plan, bool own, uint64_t now_ms);
/* Where the plan stands when nothing was asked. */
void opencps_plan_idle(struct opencps_plan *plan, uint64_t now_ms, struct opencps_progress *out);

#endif
