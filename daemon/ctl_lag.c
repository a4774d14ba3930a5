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

enum part { PART_STORED, PART_DELIVERED, PART_TOTAL, PARTS };

static const struct {
    const char *name, *definition;
} parts[PARTS] = {
    [PART_STORED] = {"to_journal", "from the time that the source tells to the storing in the "
                                   "journal; only what its source tells a time for"},
    [PART_DELIVERED] = {"to_sink", "from the storing to the sink's acknowledgement"},
    [PART_TOTAL] = {"whole", "from the time that the source tells to the acknowledgement"},
};

enum by { BY_FLOW, BY_AGENCY, BY_HOUR };

static const char *const by_words[] = {
    [BY_FLOW] = "flow", [BY_AGENCY] = "agency", [BY_HOUR] = "hour", NULL};

struct group {
    const char *name; /* in the arena */
    struct spread *parts[PARTS];
};

struct lag_report {
    const struct config *config;
    enum by by;
    struct arena arena;
    void *tree; /* struct group by name */
    struct group groups[GROUPS_MAX + 1];
    size_t n;
    uint64_t items, timeless, ahead, elsewhere;
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
    if (r->n == GROUPS_MAX && strcmp(name, OTHERS) != 0) {
        return group_of(r, OTHERS);
    }
    fresh->name = arena_strdup(&r->arena, name);
    for (int part = 0; part < PARTS; part++) {
        fresh->parts[part] = calloc(1, sizeof(struct spread));
        if (fresh->parts[part] == NULL) {
            fresh->name = NULL;
        }
    }
    if (fresh->name == NULL || tsearch(fresh, &r->tree, by_name) == NULL) {
        return NULL;
    }
    r->n++;
    return fresh;
}

static const char *group_name(const struct lag_report *r, const struct lag_item *item, char hour[8])
{
    int64_t at_s = item->source_s != 0 ? item->source_s : (int64_t)(item->stored_ms / 1000);

    if (r->by == BY_AGENCY) {
        return item->agency[0] != '\0' ? item->agency : "(unknown)";
    }
    if (r->by == BY_HOUR) {
        return vntime_format(at_s, "HH", hour, 8) > 0 ? hour : "(unknown)";
    }
    return item->flow;
}

static int on_item(void *ctx, const struct lag_item *item)
{
    struct lag_report *r = ctx;
    const struct config_flow *flow = config_flow_find(r->config, item->flow);
    int64_t stored_s = (int64_t)(item->stored_ms / 1000);
    int64_t delivered_s = (int64_t)(item->delivered_ms / 1000);
    struct group *group;
    char hour[8];

    if (flow == NULL || flow->kind != FLOW_DOSSIERS) {
        r->elsewhere++;
        return 0;
    }
    group = group_of(r, group_name(r, item, hour));
    if (group == NULL) {
        return ERR_NOMEM;
    }
    r->items++;
    spread_add(group->parts[PART_DELIVERED],
               delivered_s > stored_s ? (uint64_t)(delivered_s - stored_s) : 0);
    if (item->source_s == 0) {
        r->timeless++;
        return 0;
    }
    r->ahead += item->source_s > stored_s;
    spread_add(group->parts[PART_STORED],
               stored_s > item->source_s ? (uint64_t)(stored_s - item->source_s) : 0);
    spread_add(group->parts[PART_TOTAL],
               delivered_s > item->source_s ? (uint64_t)(delivered_s - item->source_s) : 0);
    return 0;
}

static void put_group(struct sheet *s, const struct group *group)
{
    static const unsigned percents[] = {50, 90, 99};

    for (int part = 0; part < PARTS; part++) {
        const struct spread *spread = group->parts[part];

        sheet_text(s, group->name);
        sheet_text(s, parts[part].name);
        sheet_number(s, (int64_t)spread->n);
        for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
            if (spread->n > 0) {
                ctl_sheet_age(s, spread_percentile(spread, percents[i]));
            } else {
                sheet_empty(s);
            }
        }
        if (spread->n > 0) {
            ctl_sheet_age(s, spread->max);
        } else {
            sheet_empty(s);
        }
    }
}

static int show(struct lag_report *r, enum sheet_format format, const char *since)
{
    const struct sheet_column columns[] = {
        {by_words[r->by], NULL, SHEET_WORDS}, {"part", "from, to", SHEET_WORDS},
        {"items", NULL, SHEET_NUMBER},        {"p50_s", "p50", SHEET_NUMBER},
        {"p90_s", "p90", SHEET_NUMBER},       {"p99_s", "p99", SHEET_NUMBER},
        {"max_s", "max", SHEET_NUMBER},
    };
    struct sheet s;
    struct buf out;

    buf_init(&out, CTL_TEXT_BYTES);
    qsort(r->groups, r->n, sizeof(r->groups[0]), by_name);
    sheet_begin(&s, format, "lag", "How long dossiers and their steps took", &out);
    sheet_fact(&s, "since", "Stored since", since);
    sheet_fact_number(&s, "items", "Delivered items", (int64_t)r->items);
    sheet_fact_number(&s, "without_time", "Without a time of their source", (int64_t)r->timeless);
    sheet_fact_number(&s, "ahead", "With a source's clock ahead of ours, counted as 0",
                      (int64_t)r->ahead);
    sheet_fact_number(&s, "other_flows",
                      "Of flows that bring no dossiers to the portal, not counted",
                      (int64_t)r->elsewhere);
    sheet_table(&s, "lag", "Lag", columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < r->n; i++) {
        put_group(&s, &r->groups[i]);
    }
    for (int part = 0; part < PARTS; part++) {
        sheet_note(&s, parts[part].name, parts[part].definition);
    }
    sheet_note(&s, "p50, p90, p99",
               "so many per cent of the items took no longer; above two minutes told at most 1.6 % "
               "too long, never too short");
    if (r->by == BY_HOUR) {
        sheet_note(&s, "hour", "hour of the day of the source's time, else of the storing");
    }
    sheet_note(&s, "",
               "What was old when it was first read, as at the first reading of a source, "
               "counts with its age; --since leaves it out.");
    return ctl_sheet_print(&s, CTL_OK);
}

static void nothing(void *node)
{
    (void)node; /* it lives in the report */
}

static void lag_report_free(struct lag_report *r)
{
    tdestroy(r->tree, nothing);
    for (size_t i = 0; i <= GROUPS_MAX; i++) {
        for (int part = 0; part < PARTS; part++) {
            free(r->groups[i].parts[part]);
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

    for (int i = 0; by != NULL && by_words[i] != NULL; i++) {
        if (strcmp(by, by_words[i]) == 0) {
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
        if (err == ERR_NOMEM && msg.text[0] == '\0') {
            (void)err_set(&msg, err, "out of memory");
        }
        exit_code = err == 0
                        ? show(r, format, since_s != 0 ? c->options[CTL_SINCE] : "the beginning")
                        : ctl_sheet_failed(err, &msg);
    }
    buf_free(&path);
    lag_report_free(r);
    return exit_code;
}
