/* metrics: counters, gauges and histograms in memory, printed in Prometheus' text format 0.0.4.
 *
 * Created at start, changed by plain calls on the loop thread, rendered on request. Label values
 * come from the configuration (flow, endpoint, state, outcome), never from a peer, so that their
 * number is bounded. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metrics;
struct metric;

/* NULL without memory. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *m); /* frees every metric; NULL is fine */

struct metric_label {
    const char *name;
    const char *value;
};

/* The metric with this name and these labels, made when it is not there yet. name and help are
 * constants; labels are copied (at most 4). bounds (ascending, at most 32, borrowed constants) for
 * histograms only. Never NULL: without memory, beyond 4 MB of series or when m is NULL a metric
 * that counts into nothing is returned. */
struct metric *metrics_get(struct metrics *m, enum metric_kind kind, const char *name,
                           const char *help, const struct metric_label *labels, size_t n_labels,
                           const double *bounds, size_t n_bounds);
/* Counters and gauges; a counter ignores what would make it fall. */
void metric_add(struct metric *metric, double by);
void metric_set(struct metric *metric, double value);
/* The value; for a histogram the number of observations. */
double metric_value(const struct metric *metric);
/* Histograms. NaN is not counted. */
void metric_observe(struct metric *metric, double value);

/* All of it, grouped by name with HELP and TYPE. 0 or the error of out. */
int metrics_render(const struct metrics *m, struct buf *out);

#endif
