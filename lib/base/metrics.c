#include "base/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define MAX_LABELS 4
#define MAX_BOUNDS 32
/* All series of a process; more means a label with unbounded values, and those are left out. */
#define MAX_ARENA_BYTES ((size_t)4 * 1024 * 1024)

struct metric {
    struct metric *next;         /* of the same family */
    const struct family *family; /* NULL: counts into nothing */
    struct metric_label labels[MAX_LABELS];
    size_t n_labels;
    double value;     /* histogram: sum */
    uint64_t *counts; /* histogram: observations in each bucket, one more than bounds */
};

/* All series of one name. */
struct family {
    struct family *next;
    enum metric_kind kind;
    const char *name; /* borrowed constants */
    const char *help;
    const double *bounds;
    size_t n_bounds;
    struct metric *first, *last;
};

struct metrics {
    struct arena arena; /* everything below */
    struct family *first, *last;
};

/* Never written to: every change asks for the family first. */
static const struct metric nothing;

static const char *const type_names[] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
};

struct metrics *metrics_new(void)
{
    struct metrics *m = calloc(1, sizeof(*m));

    if (m != NULL) {
        arena_init(&m->arena, MAX_ARENA_BYTES);
    }
    return m;
}

void metrics_free(struct metrics *m)
{
    if (m == NULL) {
        return;
    }
    arena_free(&m->arena);
    free(m);
}

static struct family *family_get(struct metrics *m, enum metric_kind kind, const char *name,
                                 const char *help, const double *bounds, size_t n_bounds)
{
    struct family *family;

    for (family = m->first; family != NULL; family = family->next) {
        if (strcmp(family->name, name) == 0) {
            assert(family->kind == kind); /* one name, one kind */
            return family;
        }
    }
    family = arena_alloc(&m->arena, sizeof(*family));
    if (family == NULL) {
        return NULL;
    }
    family->kind = kind;
    family->name = name;
    family->help = help;
    family->bounds = bounds;
    family->n_bounds = n_bounds < MAX_BOUNDS ? n_bounds : MAX_BOUNDS;
    if (m->last != NULL) {
        m->last->next = family;
    } else {
        m->first = family;
    }
    m->last = family;
    return family;
}

static bool same_labels(const struct metric *metric, const struct metric_label *labels, size_t n)
{
    if (metric->n_labels != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(metric->labels[i].name, labels[i].name) != 0 ||
            strcmp(metric->labels[i].value, labels[i].value) != 0) {
            return false;
        }
    }
    return true;
}

/* NULL beyond the ceiling; what was allocated until then stays in the arena, unused. */
static struct metric *metric_new(struct arena *arena, const struct family *family,
                                 const struct metric_label *labels, size_t n)
{
    struct metric *metric = arena_alloc(arena, sizeof(*metric));

    if (metric == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        metric->labels[i].name = arena_strdup(arena, labels[i].name);
        metric->labels[i].value = arena_strdup(arena, labels[i].value);
        if (metric->labels[i].name == NULL || metric->labels[i].value == NULL) {
            return NULL;
        }
    }
    if (family->kind == METRIC_HISTOGRAM) {
        metric->counts = arena_alloc(arena, (family->n_bounds + 1) * sizeof(metric->counts[0]));
        if (metric->counts == NULL) {
            return NULL;
        }
    }
    metric->n_labels = n;
    metric->family = family;
    return metric;
}

struct metric *metrics_get(struct metrics *m, enum metric_kind kind, const char *name,
                           const char *help, const struct metric_label *labels, size_t n_labels,
                           const double *bounds, size_t n_bounds)
{
    struct family *family;
    struct metric *metric;

    assert(n_labels <= MAX_LABELS && n_bounds <= MAX_BOUNDS);
    family = m != NULL ? family_get(m, kind, name, help, bounds, n_bounds) : NULL;
    if (family == NULL) {
        return (struct metric *)&nothing;
    }
    for (metric = family->first; metric != NULL; metric = metric->next) {
        if (same_labels(metric, labels, n_labels)) {
            return metric;
        }
    }
    metric = metric_new(&m->arena, family, labels, n_labels);
    if (metric == NULL) {
        return (struct metric *)&nothing;
    }
    if (family->last != NULL) {
        family->last->next = metric;
    } else {
        family->first = metric;
    }
    family->last = metric;
    return metric;
}

static bool is_histogram(const struct metric *metric)
{
    return metric->family->kind == METRIC_HISTOGRAM;
}

void metric_add(struct metric *metric, double by)
{
    if (metric->family == NULL || is_histogram(metric)) {
        return;
    }
    if (metric->family->kind == METRIC_COUNTER && !(by >= 0)) {
        return; /* a counter that falls reads as a restart */
    }
    metric->value += by;
}

void metric_set(struct metric *metric, double value)
{
    if (metric->family != NULL && !is_histogram(metric)) {
        metric->value = value;
    }
}

static uint64_t observations(const struct metric *metric)
{
    uint64_t total = 0;

    for (size_t i = 0; i <= metric->family->n_bounds; i++) {
        total += metric->counts[i];
    }
    return total;
}

double metric_value(const struct metric *metric)
{
    if (metric->family != NULL && is_histogram(metric)) {
        return (double)observations(metric);
    }
    return metric->value;
}

void metric_observe(struct metric *metric, double value)
{
    size_t bucket = 0;

    if (metric->family == NULL || !is_histogram(metric) || isnan(value)) {
        return;
    }
    while (bucket < metric->family->n_bounds && value > metric->family->bounds[bucket]) {
        bucket++;
    }
    metric->counts[bucket]++;
    metric->value += value;
}

struct number {
    char text[32];
};

/* The shortest form that reads back as the same number. */
static struct number number(double value)
{
    struct number n;

    if (isnan(value)) {
        (void)snprintf(n.text, sizeof(n.text), "NaN");
    } else if (isinf(value)) {
        (void)snprintf(n.text, sizeof(n.text), value > 0 ? "+Inf" : "-Inf");
    } else {
        (void)snprintf(n.text, sizeof(n.text), "%.15g", value);
        if (strtod(n.text, NULL) < value || strtod(n.text, NULL) > value) {
            (void)snprintf(n.text, sizeof(n.text), "%.17g", value);
        }
    }
    return n;
}

/* Text with a backslash before backslashes and quotes, and line feeds as \n; quotes only in labels.
 */
static void put_escaped(struct buf *out, const char *text, bool quotes)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            buf_puts(out, "\\n");
        } else {
            if (*text == '\\' || (quotes && *text == '"')) {
                buf_putc(out, '\\');
            }
            buf_putc(out, *text);
        }
    }
}

/* One line; le is NULL outside buckets. */
static void put_sample(struct buf *out, const struct metric *metric, const char *suffix,
                       const char *le, const char *value)
{
    const char *separator = "{";

    buf_puts(out, metric->family->name);
    buf_puts(out, suffix);
    for (size_t i = 0; i < metric->n_labels; i++) {
        buf_printf(out, "%s%s=\"", separator, metric->labels[i].name);
        put_escaped(out, metric->labels[i].value, true);
        buf_putc(out, '"');
        separator = ",";
    }
    if (le != NULL) {
        buf_printf(out, "%sle=\"%s\"", separator, le);
    }
    if (le != NULL || metric->n_labels > 0) {
        buf_putc(out, '}');
    }
    buf_printf(out, " %s\n", value);
}

static void put_histogram(struct buf *out, const struct metric *metric)
{
    const struct family *family = metric->family;
    uint64_t below = 0;

    for (size_t i = 0; i < family->n_bounds; i++) {
        below += metric->counts[i];
        put_sample(out, metric, "_bucket", number(family->bounds[i]).text,
                   number((double)below).text);
    }
    below += metric->counts[family->n_bounds];
    put_sample(out, metric, "_bucket", "+Inf", number((double)below).text);
    put_sample(out, metric, "_sum", NULL, number(metric->value).text);
    put_sample(out, metric, "_count", NULL, number((double)below).text);
}

int metrics_render(const struct metrics *m, struct buf *out)
{
    for (const struct family *family = m->first; family != NULL; family = family->next) {
        if (family->first == NULL) {
            continue; /* its first series found no memory */
        }
        buf_printf(out, "# HELP %s ", family->name);
        put_escaped(out, family->help, false);
        buf_printf(out, "\n# TYPE %s %s\n", family->name, type_names[family->kind]);
        for (const struct metric *metric = family->first; metric != NULL; metric = metric->next) {
            if (family->kind == METRIC_HISTOGRAM) {
                put_histogram(out, metric);
            } else {
                put_sample(out, metric, "", NULL, number(metric->value).text);
            }
        }
    }
    return buf_error(out);
}
