/* process: what the daemon's process tells of itself: since when it runs, its memory and its open
 * files, and how late its loop was. On the loop's thread; procfs answers from memory. */
#ifndef PROCESS_H
#define PROCESS_H

#include "base/loop.h"
#include "base/metrics.h"
#include "daemon/status_json.h"

/* Private but for its size. */
struct process {
    struct loop *loop;      /* borrowed */
    int64_t started_ms;     /* wall */
    uint64_t started_at_ms; /* monotonic */
    struct metric *lag_seconds;
    double lag_now_s, lag_before_s; /* longest of this window and of the one before */
    uint64_t lag_window;            /* its number */
};

/* The process counts as started now; the metric of the lag stands in metrics. */
void process_begin(struct process *p, struct loop *loop, struct metrics *metrics);
/* For loop_uv_watch_lag; ctx is the struct process. */
void process_observe_lag(void *ctx, double lag_s);
/* Fills in all but what is about the configuration and the log. */
void process_describe(const struct process *p, struct status_process *out);

#endif
