/* ctl_lag: how long things took, from the journal's file: dvcsyncctl lag. */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/spread.h"
#include "daemon/ctl_sheet.h"
#include "domain/vntime.h"
#include "journal/lag.h"

#define GROUPS_MAX 1000 /* what comes after them counts as one */
#define ARENA_BYTES ((size_t)1 << 20)
#define OTHERS "(others)"
#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S 86400

enum part { PART_STORED, PART_DELIVERED, PART_TOTAL, PARTS };

static const struct {
    const char *name, *definition;
} parts[PARTS] = {
    [PART_STORED] = {"to_journal", "from the time that the source tells to the storing in the "
                                   "journal; only what its source tells a time for"},
    [PART_DELIVERED] = {"to_sink", "from the storing to the sink's acknowledgement"},
    [PART_TOTAL] = {"whole", "from the time that the source tells to the acknowledgement"},
};

/* What is counted. */
enum unit { UNIT_DOSSIER, UNIT_SNAPSHOT, UNIT_STEP, UNITS };

static const struct {
    const char *name, *fact, *definition;
} units[UNITS] = {
    [UNIT_DOSSIER] =
        {"dossier", "Dossiers",
         "each dossier of a flow of which something was acknowledged counts once, with the "
         "times of the slowest of its snapshots and steps"},
    [UNIT_SNAPSHOT] = {"snapshot", "Their snapshots",
                       "each acknowledged state of a dossier; not one that a newer state replaced "
                       "before it was sent"},
    [UNIT_STEP] = {"step", "Their steps", "each acknowledged step of the processing"},
};

enum by { BY_FLOW, BY_AGENCY, BY_HOUR };

static const struct {
    const char *word, *title;
} bys[] = {
    [BY_FLOW] = {"flow", "Flow"}, [BY_AGENCY] = {"agency", "Agency"}, [BY_HOUR] = {"hour", "Hour"}};

#define BYS (sizeof(bys) / sizeof(bys[0]))

/* Columns of the histogram: each takes what is longer than the one before allows. */
static const struct {
    uint64_t upto_s;
    struct sheet_column column;
} bounds[] = {
    {MINUTE_S, {"upto_1m", "<=1m", SHEET_NUMBER}},
    {5 * MINUTE_S, {"upto_5m", "<=5m", SHEET_NUMBER}},
    {15 * MINUTE_S, {"upto_15m", "<=15m", SHEET_NUMBER}},
    {HOUR_S, {"upto_1h", "<=1h", SHEET_NUMBER}},
    {4 * HOUR_S, {"upto_4h", "<=4h", SHEET_NUMBER}},
    {DAY_S, {"upto_1d", "<=1d", SHEET_NUMBER}},
    {3 * DAY_S, {"upto_3d", "<=3d", SHEET_NUMBER}},
    {7 * DAY_S, {"upto_7d", "<=7d", SHEET_NUMBER}},
    {UINT64_MAX, {"over_7d", ">7d", SHEET_NUMBER}},
};

#define BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

struct measure {
    struct spread spread;
    uint64_t counts[BOUNDS];
};

struct group {
    const char *name;                       /* in the arena */
    struct measure *measures[UNITS][PARTS]; /* NULL: none of it */
};

/* When something happened, was stored, was acknowledged. */
struct times {
    int64_t source_s, stored_s, delivered_s; /* source: 0 not told */
};

struct lag_report {
    const struct config *config;
    enum by by;
    struct arena arena;
    void *tree; /* struct group by name */
    struct group groups[GROUPS_MAX + 1];
    size_t n;
    uint64_t counted[UNITS];
    uint64_t timeless, ahead, elsewhere;
    /* the dossier that is being read */
    int64_t subject;
    struct group *group; /* of the slowest of it; NULL before the first dossier */
    struct times slowest;
};

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct group *)left)->name, ((const struct group *)right)->name);
}

/* NULL without memory. */
static struct group *group_of(struct lag_report *r, const char *name)
{
    struct group key = {.name = name};
    struct group **found = tfind(&key, &r->tree, by_name);
    struct group *fresh = &r->groups[r->n];

    if (found != NULL) {
        return *found;
    }
    if (r->n >= GROUPS_MAX && strcmp(name, OTHERS) != 0) {
        return group_of(r, OTHERS);
    }
    fresh->name = arena_strdup(&r->arena, name);
    if (fresh->name == NULL || tsearch(fresh, &r->tree, by_name) == NULL) {
        return NULL;
    }
    r->n++;
    return fresh;
}

static const char *group_name(const struct lag_report *r, const struct lag_item *item,
                              const struct times *t, char hour[8])
{
    int64_t at_s = t->source_s != 0 ? t->source_s : t->stored_s;

    if (r->by == BY_AGENCY) {
        return item->agency[0] != '\0' ? item->agency : "(unknown)";
    }
    if (r->by == BY_HOUR) {
        return vntime_format(at_s, "HH", hour, 8) > 0 ? hour : "(unknown)";
    }
    return item->flow;
}

/* Seconds between, 0 for a clock that was ahead. */
static uint64_t between(int64_t from_s, int64_t to_s)
{
    return to_s > from_s ? (uint64_t)(to_s - from_s) : 0;
}

static uint64_t whole_of(const struct times *t)
{
    return between(t->source_s != 0 ? t->source_s : t->stored_s, t->delivered_s);
}

static int measure_add(struct group *group, enum unit unit, enum part part, uint64_t lag_s)
{
    struct measure **m = &group->measures[unit][part];
    size_t bound = 0;

    if (*m == NULL) {
        *m = calloc(1, sizeof(**m));
    }
    if (*m == NULL) {
        return ERR_NOMEM;
    }
    while (lag_s > bounds[bound].upto_s) {
        bound++;
    }
    (*m)->counts[bound]++;
    spread_add(&(*m)->spread, lag_s);
    return 0;
}

static int count(struct lag_report *r, struct group *group, enum unit unit, const struct times *t)
{
    int err = measure_add(group, unit, PART_DELIVERED, between(t->stored_s, t->delivered_s));

    r->counted[unit]++;
    if (t->source_s != 0 && err == 0) {
        err = measure_add(group, unit, PART_STORED, between(t->source_s, t->stored_s));
        err = err == 0 ? measure_add(group, unit, PART_TOTAL, whole_of(t)) : err;
    }
    return err;
}

/* The dossier that was read last is complete. */
static int count_dossier(struct lag_report *r)
{
    return r->group != NULL ? count(r, r->group, UNIT_DOSSIER, &r->slowest) : 0;
}

static int on_item(void *ctx, const struct lag_item *item)
{
    struct lag_report *r = ctx;
    const struct config_flow *flow = config_flow_find(r->config, item->flow);
    const struct times t = {item->source_s, (int64_t)(item->stored_ms / 1000),
                            (int64_t)(item->delivered_ms / 1000)};
    struct group *group;
    char hour[8];
    int err = 0;

    if (flow == NULL || flow->kind != FLOW_DOSSIERS) {
        r->elsewhere++;
        return 0;
    }
    group = group_of(r, group_name(r, item, &t, hour));
    if (group == NULL) {
        return ERR_NOMEM;
    }
    r->timeless += t.source_s == 0;
    r->ahead += t.source_s > t.stored_s;
    if (item->subject != r->subject) {
        err = count_dossier(r);
        r->group = NULL;
        r->subject = item->subject;
    }
    if (r->group == NULL || whole_of(&t) > whole_of(&r->slowest)) {
        r->group = group;
        r->slowest = t;
    }
    return err == 0 ? count(r, group, item->kind == ITEM_STEP ? UNIT_STEP : UNIT_SNAPSHOT, &t)
                    : err;
}

/* ---- showing ---- */

/* A row for each measure that has something, begun with what it is; `put` writes its end. */
static void put_rows(const struct lag_report *r, struct sheet *s,
                     void (*put)(struct sheet *s, const struct measure *m))
{
    for (size_t i = 0; i < r->n * UNITS * PARTS; i++) {
        const struct group *group = &r->groups[i / (UNITS * PARTS)];
        size_t unit = i / PARTS % UNITS;
        size_t part = i % PARTS;

        if (group->measures[unit][part] != NULL) {
            sheet_text(s, group->name);
            sheet_text(s, units[unit].name);
            sheet_text(s, parts[part].name);
            sheet_number(s, (int64_t)group->measures[unit][part]->spread.n);
            put(s, group->measures[unit][part]);
        }
    }
}

static void put_percentiles(struct sheet *s, const struct measure *m)
{
    ctl_sheet_age(s, spread_percentile(&m->spread, 50));
    ctl_sheet_age(s, spread_percentile(&m->spread, 90));
    ctl_sheet_age(s, spread_percentile(&m->spread, 99));
    ctl_sheet_age(s, m->spread.max);
}

static void put_counts(struct sheet *s, const struct measure *m)
{
    for (size_t i = 0; i < BOUNDS; i++) {
        sheet_number(s, (int64_t)m->counts[i]);
    }
}

static void put_facts(const struct lag_report *r, struct sheet *s, const char *since)
{
    sheet_fact(s, "since", "Stored since", since);
    for (int unit = 0; unit < UNITS; unit++) {
        sheet_fact_number(s, units[unit].name, units[unit].fact, (int64_t)r->counted[unit]);
    }
    sheet_fact_number(s, "without_time", "Snapshots and steps without a time of their source",
                      (int64_t)r->timeless);
    sheet_fact_number(s, "ahead", "With a source's clock ahead of ours, counted as 0",
                      (int64_t)r->ahead);
    sheet_fact_number(s, "other_flows",
                      "Of flows that bring no dossiers to the portal, not counted",
                      (int64_t)r->elsewhere);
    for (int unit = 0; unit < UNITS; unit++) {
        sheet_note(s, units[unit].name, units[unit].definition);
    }
    for (int part = 0; part < PARTS; part++) {
        sheet_note(s, parts[part].name, parts[part].definition);
    }
    if (r->by == BY_HOUR) {
        sheet_note(s, "hour", "hour of the day of the source's time, else of the storing");
    }
    sheet_note(s, "",
               "What was old when it was first read, as at the first reading of a source, "
               "counts with its age, unless --since leaves it out. What is not acknowledged yet "
               "has no row: risk and queue list it.");
}

static int show(struct ctl *c, struct lag_report *r, enum sheet_format format)
{
    const char *since = c->options[CTL_SINCE];
    struct sheet_column columns[4 + BOUNDS] = {
        {bys[r->by].word, bys[r->by].title, SHEET_WORDS},
        {"of", "Of", SHEET_WORDS},
        {"part", "Part", SHEET_WORDS},
        {"count", "Count", SHEET_NUMBER},
    };
    const struct sheet_column percentiles[] = {
        columns[0],
        columns[1],
        columns[2],
        columns[3],
        {"p50_s", "p50", SHEET_NUMBER},
        {"p90_s", "p90", SHEET_NUMBER},
        {"p99_s", "p99", SHEET_NUMBER},
        {"max_s", "Longest", SHEET_NUMBER},
    };
    struct sheet s;
    struct buf out;

    for (size_t i = 0; i < BOUNDS; i++) {
        columns[4 + i] = bounds[i].column;
    }
    buf_init(&out, CTL_TEXT_BYTES);
    qsort(r->groups, r->n, sizeof(r->groups[0]), by_name);
    sheet_begin(&s, format, "lag", "How long dossiers and their steps took", &out);
    put_facts(r, &s, since != NULL ? since : "the beginning");
    sheet_table(&s, "lag", "Lag", percentiles, sizeof(percentiles) / sizeof(percentiles[0]));
    put_rows(r, &s, put_percentiles);
    sheet_note(&s, "p50, p90, p99",
               "so many per cent of them took no longer; above two minutes told at most 1.6 % "
               "too long, never too short");
    sheet_table(&s, "histogram", "Histogram", columns, sizeof(columns) / sizeof(columns[0]));
    put_rows(r, &s, put_counts);
    sheet_note(&s, "<=1m to >7d",
               "how many took up to and with so long, and longer than the column before says: "
               "each counts in one column, and the columns of a row add up to its count");
    return ctl_sheet_output(c, &s, CTL_OK);
}

static void nothing(void *node)
{
    (void)node; /* it lives in the report */
}

static void lag_report_free(struct lag_report *r)
{
    tdestroy(r->tree, nothing);
    for (size_t i = 0; i <= GROUPS_MAX; i++) {
        for (size_t k = 0; k < (size_t)UNITS * PARTS; k++) {
            free(r->groups[i].measures[k / PARTS][k % PARTS]);
        }
    }
    arena_free(&r->arena);
    free(r);
}

/* --by and --since. */
static int take_options(struct ctl *c, struct lag_report *r, int64_t *since_s)
{
    const char *by = c->options[CTL_BY];
    const char *since = c->options[CTL_SINCE];

    for (size_t i = 0; by != NULL && i < BYS; i++) {
        if (strcmp(by, bys[i].word) == 0) {
            r->by = (enum by)i;
            by = NULL;
        }
    }
    if (by != NULL) {
        return ctl_complain(CTL_USAGE, "--by %s: agency, hour and flow are known", by);
    }
    if (since != NULL && (vntime_parse(since, "yyyy-MM-dd", since_s) != 0 || *since_s < 0)) {
        return ctl_complain(CTL_USAGE, "--since %s is no date; write it as 2026-11-01", since);
    }
    return CTL_OK;
}

int ctl_lag(struct ctl *c)
{
    struct lag_report *r = calloc(1, sizeof(*r));
    enum sheet_format format = SHEET_TEXT;
    struct errmsg msg = {""};
    int64_t since_s = 0;
    struct buf path;
    int exit_code;

    if (r == NULL) {
        return ctl_complain(CTL_UNKNOWN, "out of memory");
    }
    arena_init(&r->arena, ARENA_BYTES);
    buf_init(&path, 1); /* until there is one */
    exit_code = ctl_sheet_format(c, &format);
    exit_code = exit_code == CTL_OK ? take_options(c, r, &since_s) : exit_code;
    if (exit_code == CTL_OK) {
        exit_code = ctl_need_config(c);
        exit_code = exit_code == CTL_OK ? ctl_find_journal(c, &path) : exit_code;
    }
    if (exit_code == CTL_OK) {
        int err;

        r->config = c->config;
        err = lag_items(buf_text(&path), (uint64_t)since_s * 1000, on_item, r, &msg);
        err = err == 0 ? count_dossier(r) : err;
        if (err == ERR_NOMEM && msg.text[0] == '\0') {
            (void)err_set(&msg, err, "out of memory");
        }
        exit_code = err == 0 ? show(c, r, format) : ctl_sheet_failed(err, &msg);
    }
    buf_free(&path);
    lag_report_free(r);
    return exit_code;
}
