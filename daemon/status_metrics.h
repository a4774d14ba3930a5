/* status_metrics: /metrics: the counters of the process, followed by gauges made from one look at
 * its state.
 *
 * The gauges live for one answer only, so that a flow that a reload removed leaves no stale series.
 * Labels come from the configuration. Loop thread. */
#ifndef STATUS_METRICS_H
#define STATUS_METRICS_H

#include "base/metrics.h"
#include "daemon/status_json.h"

/* Prometheus' text format 0.0.4. 0 or the error of out; ERR_NOMEM. */
MUST_CHECK int status_metrics_render(const struct status_view *v, const struct metrics *metrics,
                                     struct buf *out);

#endif
