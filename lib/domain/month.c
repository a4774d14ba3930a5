#include "domain/month.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/vntime.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS INT64_C(86400000)

enum {
    STATUS_NEW = 1,
    STATUS_REFUSED = 3,
    STATUS_SUPPLEMENT = 5,
    STATUS_WITHDRAWN = 7,
    STATUS_STOPPED = 8,
    STATUS_FINISHED = 9,
    STATUS_RETURNED = 10
};

static const struct {
    const char *name, *title, *definition;
} figures[MONTH_FIGURES] = {
#define X(name, title, definition) [MONTH_##name] = {#name, title, definition},
    MONTH_FIGURES_LIST(X)
#undef X
};

const char *month_figure_name(enum month_figure figure)
{
    return figures[figure].name;
}

const char *month_figure_title(enum month_figure figure)
{
    return figures[figure].title;
}

const char *month_figure_definition(enum month_figure figure)
{
    return figures[figure].definition;
}

int month_parse(const char *text, struct month *out)
{
    int64_t from_s = 0;
    char next[24];
    char year[24];
    int y;
    int m;

    memset(out, 0, sizeof(*out));
    if (strlen(text) != 7 || vntime_parse(text, "yyyy-MM", &from_s) != 0) {
        return ERR_FORMAT;
    }
    y = atoi(text);
    m = atoi(text + 5);
    if (y < 2000 || y > 2199) {
        return ERR_FORMAT;
    }
    (void)snprintf(next, sizeof(next), "%04d-%02d", m == 12 ? y + 1 : y, m == 12 ? 1 : m + 1);
    (void)snprintf(year, sizeof(year), "%04d-01", y);
    memcpy(out->name, text, 8);
    out->from_s = from_s;
    return vntime_parse(next, "yyyy-MM", &out->until_s) == 0 &&
                   vntime_parse(year, "yyyy-MM", &out->year_s) == 0
               ? 0
               : ERR_FORMAT;
}

static bool within(const struct month *m, int64_t at_s)
{
    return at_s >= m->from_s && at_s < m->until_s;
}

static int64_t latest_date(const struct figures *f)
{
    int64_t at_s = f->finished_s > f->returned_s ? f->finished_s : f->returned_s;

    return at_s > f->refused_s ? at_s : f->refused_s;
}

bool month_needs_items(const struct month *m, const struct month_dossier *d)
{
    return within(m, d->figures.received_s) || latest_date(&d->figures) == 0 ||
           latest_date(&d->figures) >= m->from_s ||
           (d->status < STATUS_STOPPED && d->status != STATUS_REFUSED);
}

/* ---- the end ---- */

static bool same_end(int status, int end)
{
    return status == end || (end >= STATUS_FINISHED && status >= STATUS_FINISHED);
}

/* The source's earliest word of such an end; 0 none. */
static int64_t told_s(const struct month_dossier *d, int end)
{
    int64_t at_s = 0;

    for (size_t i = 0; i < d->n_items; i++) {
        const struct month_item *item = &d->items[i];

        if (item->at_s != 0 && same_end(item->status, end) && (at_s == 0 || item->at_s < at_s)) {
            at_s = item->at_s;
        }
    }
    return at_s;
}

/* The status that it ended with; 0: it has not ended. Dates are national: where the status is not
 * mapped, they still tell. */
static int end_of(const struct month_dossier *d)
{
    const struct figures *f = &d->figures;

    switch (d->status) {
    case STATUS_FINISHED:
    case STATUS_RETURNED:
    case STATUS_STOPPED:
    case STATUS_REFUSED:
        return d->status;
    case STATUS_WITHDRAWN:
        return f->received_s != 0 ? STATUS_WITHDRAWN : 0;
    case 0:
        return f->finished_s != 0 || f->returned_s != 0 ? STATUS_FINISHED : 0;
    default:
        return 0;
    }
}

/* 0: not known. */
static int64_t end_s(const struct month_dossier *d, int end)
{
    const struct figures *f = &d->figures;

    if (end >= STATUS_FINISHED && f->finished_s != 0) {
        return f->finished_s;
    }
    if (end >= STATUS_FINISHED && f->returned_s != 0) {
        return f->returned_s;
    }
    if ((end == STATUS_STOPPED || end == STATUS_REFUSED) && f->refused_s != 0) {
        return f->refused_s;
    }
    return told_s(d, end);
}

/* Seconds in status 5 up to a time: from each word of it to the next word of another status. */
static int64_t supplement_s(const struct month_dossier *d, int64_t until_s)
{
    int64_t since_s = 0;
    int64_t sum_s = 0;

    for (size_t i = 0; i < d->n_items && d->items[i].at_s < until_s; i++) {
        const struct month_item *item = &d->items[i];

        if (item->at_s == 0 || item->status == 0) {
            continue;
        }
        if (item->status == STATUS_SUPPLEMENT && since_s == 0) {
            since_s = item->at_s;
        } else if (item->status != STATUS_SUPPLEMENT && since_s != 0) {
            sum_s += item->at_s - since_s;
            since_s = 0;
        }
    }
    return since_s != 0 ? sum_s + until_s - since_s : sum_s;
}

/* The last second that is in time; 0: none was promised. */
static int64_t deadline_s(const struct month_dossier *d, int64_t until_s)
{
    int64_t first_s = d->first_promised_s != 0 ? d->first_promised_s : d->promised_s;
    int64_t held_s = supplement_s(d, until_s);

    if (first_s == 0) {
        return 0;
    }
    return held_s > 0 && first_s + held_s > d->promised_s ? first_s + held_s
           : d->promised_s != 0                           ? d->promised_s
                                                          : first_s;
}

/* ---- the portal ---- */

/* What became of the snapshots with such a status. */
struct told {
    int64_t stored_ms;       /* when the journal first had one, 0 unknown */
    int64_t acknowledged_ms; /* when the portal first acknowledged one, 0 not yet */
    bool before;             /* it had it already, nobody knows since when */
};

/* end 0: any status but 1. */
static struct told told_of(const struct month_dossier *d, int end)
{
    struct told told = {0, 0, false};
    bool again = false;

    for (size_t i = 0; i < d->n_items; i++) {
        const struct month_item *item = &d->items[i];
        bool fits = end != 0 ? same_end(item->status, end) : item->status != STATUS_NEW;

        if (item->kind != ITEM_SNAPSHOT || !fits) {
            continue;
        }
        if (told.stored_ms == 0 || item->stored_ms < told.stored_ms) {
            told.stored_ms = item->stored_ms;
        }
        told.before = told.before || item->state == ITEM_ADOPTED;
        if (item->state == ITEM_DONE &&
            (told.acknowledged_ms == 0 || item->changed_ms < told.acknowledged_ms)) {
            told.acknowledged_ms = item->changed_ms;
            again = item->again;
        }
    }
    told.before = told.before || again;
    return told;
}

/* ---- counting ---- */

static void count_received(const struct month_dossier *d, struct month_counts *c)
{
    const struct figures *f = &d->figures;
    struct told told = told_of(d, 0);
    int64_t late_ms = told.acknowledged_ms - f->received_s * 1000;

    c->n[MONTH_received]++;
    c->n[f->channel == 2 ? MONTH_online : MONTH_direct]++;
    c->n[MONTH_by_post] += f->channel == 3;
    c->n[MONTH_no_channel] += f->channel == 0;
    if (told.before) {
        c->n[MONTH_there_before]++;
    } else if (told.acknowledged_ms == 0) {
        c->n[MONTH_not_there]++;
    } else if (late_ms > DAY_MS) {
        c->n[MONTH_after_day]++;
        c->n[MONTH_read_late] += told.stored_ms - f->received_s * 1000 > DAY_MS;
    } else {
        c->n[MONTH_within_hour] += late_ms <= HOUR_MS;
        c->n[MONTH_within_day]++;
    }
}

/* The portal heard of the end after the last second that is in time, or has not yet. */
static bool heard_late(const struct month_dossier *d, const struct told *told, int64_t until_s,
                       int64_t now_s)
{
    if (told->before) {
        return false;
    }
    return told->acknowledged_ms != 0 ? told->acknowledged_ms > until_s * 1000 + 999
                                      : !d->unsent && now_s > until_s;
}

static void count_settled(const struct month_dossier *d, int end, int64_t at_s, int64_t now_s,
                          struct month_counts *c)
{
    int64_t until_s = deadline_s(d, at_s);
    struct told told = told_of(d, end);
    bool late = heard_late(d, &told, until_s, now_s);

    c->n[MONTH_settled]++;
    c->n[MONTH_stopped] += end == STATUS_STOPPED;
    c->n[MONTH_withdrawn] += end == STATUS_WITHDRAWN;
    c->n[MONTH_refused] += end == STATUS_REFUSED;
    if (until_s == 0) {
        c->n[MONTH_no_promise]++;
    } else if (at_s > until_s) {
        c->n[MONTH_overdue]++;
    } else {
        c->n[MONTH_on_time]++;
        c->n[MONTH_put_off] += d->moved > 0;
        c->n[MONTH_late_by_sync] += late;
        c->n[MONTH_end_read_late] += late && told.stored_ms > until_s * 1000 + 999;
    }
}

static void count_waiting(const struct month_dossier *d, int64_t at_s, struct month_counts *c)
{
    int64_t until_s = deadline_s(d, at_s);

    c->n[MONTH_waiting]++;
    c->n[until_s == 0     ? MONTH_waiting_no_promise
         : until_s < at_s ? MONTH_waiting_overdue
                          : MONTH_waiting_in_time]++;
}

void month_count(const struct month *m, int64_t now_s, const struct month_dossier *d,
                 struct month_counts *counts)
{
    int64_t received_s = d->figures.received_s;
    int64_t close_s = m->until_s < now_s ? m->until_s : now_s;
    int end = end_of(d);
    int64_t at_s = end != 0 ? end_s(d, end) : 0;

    if (within(m, received_s)) {
        count_received(d, counts);
    }
    if (end != 0 && at_s == 0) {
        counts->n[MONTH_no_end_date] += received_s != 0 && received_s < close_s;
    } else if (end != 0 && within(m, at_s)) {
        count_settled(d, end, at_s, now_s, counts);
    }
    /* A withdrawal before any receipt never waited for the agency. */
    if (received_s != 0 && received_s < close_s && (end == 0 || at_s >= close_s)) {
        count_waiting(d, close_s, counts);
    }
}

void month_add(struct month_counts *to, const struct month_counts *from)
{
    for (size_t i = 0; i < MONTH_FIGURES; i++) {
        to->n[i] += from->n[i];
    }
}

bool month_in_year(const struct month *m, const struct figures *f)
{
    return f->received_s >= m->year_s && f->received_s < m->until_s;
}
