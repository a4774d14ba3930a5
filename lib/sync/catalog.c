#include "sync/catalog.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash_point.h"
#include "base/text.h"
#include "domain/vntime.h"
#include "sync/catalog_impl.h"
#include "sync/policy.h"

#define STAGE_BYTES (2u << 20)
#define WANTED_PAGE 200
#define DAY_S 86400

/* Names first, since details may be filled from them. */
static const enum record_kind dictionaries[] = {RECORD_AGENCY, RECORD_SECTOR, RECORD_SERVICE,
                                                RECORD_PROCEDURE};
#define DICTIONARIES (sizeof(dictionaries) / sizeof(dictionaries[0]))

static void pump(struct catalog *c);
static void next_names(struct catalog *c);
static void rest(struct catalog *c);

static void timer_fired(struct loop_timer *timer)
{
    struct catalog *c = CONTAINER_OF(timer, struct catalog, timer);

    if (c->step == CATALOG_REST && c->local_due) {
        c->step = CATALOG_LOCAL;
    } else if (c->step == CATALOG_REST) {
        c->now = true;
    }
    pump(c);
}

static void pump_task(struct loop_task *task)
{
    pump(CONTAINER_OF(task, struct catalog, pump));
}

void catalog_init(struct catalog *c, const struct flow_env *env, const char *name, int64_t flow,
                  struct party *source, struct party *sink, struct names *names)
{
    memset(c, 0, sizeof(*c));
    c->env = env;
    c->name = name;
    c->flow = flow;
    c->source = source;
    c->sink = sink;
    c->names = names;
    c->at_minute = -1;
    loop_timer_init(&c->timer, timer_fired);
    loop_task_init(&c->pump, pump_task);
    for (size_t i = 0; i < CATALOG_DETAILS_MAX; i++) {
        c->details[i].catalog = c;
    }
}

void catalog_configure(struct catalog *c, const struct config *config,
                       const struct config_flow *flow)
{
    c->first_ms = config->retry_first_ms;
    c->cap_ms = config->retry_cap_ms;
    c->every_ms = flow->every_ms;
    c->refresh_ms = flow->refresh_ms;
    c->shrink_percent = flow->shrink_percent;
    c->at_minute = -1;
    if (flow->at[0] != '\0') {
        c->at_minute = atoi(flow->at) * 60 + atoi(flow->at + 3); /* HH:MM, checked by config */
    }
    c->off = flow->mode == FLOW_OFF;
    c->live = flow->mode == FLOW_LIVE;
    catalog_kick(c);
}

void catalog_now(struct catalog *c)
{
    c->now = true;
    catalog_kick(c);
}

void catalog_kick(struct catalog *c)
{
    loop_defer(c->env->loop, &c->pump);
}

bool catalog_idle(const struct catalog *c)
{
    return c->off || (c->step == CATALOG_REST && c->first_known && !c->now && !c->local_due &&
                      c->failures == 0);
}

bool catalog_names_known(const struct catalog *c)
{
    return c->off || c->loaded_names;
}

static void rest(struct catalog *c)
{
    uint64_t wait_ms = c->every_ms;
    int64_t wall_s = loop_wall_s(c->env->loop);

    if (c->failures > 0) {
        wait_ms = policy_backoff_ms(c->first_ms, c->cap_ms, c->failures, loop_random(c->env->loop));
    } else if (c->at_minute >= 0) {
        int64_t at_s = vntime_day_start(wall_s) + c->at_minute * 60;

        at_s += at_s <= wall_s ? DAY_S : 0;
        wait_ms = (uint64_t)(at_s - wall_s) * 1000;
    }
    c->step = CATALOG_REST;
    if (!c->stopping) {
        loop_timer_start(c->env->loop, &c->timer, wait_ms);
    }
    catalog_kick(c);
}

void catalog_fail(struct catalog *c, const char *what, const char *why)
{
    (void)snprintf(c->trouble, sizeof(c->trouble), "%s: %.200s", what, why);
    if (!c->stopping) {
        c->failures++;
        flow_say(c->env, LOG_LEVEL_WARN, "catalog_failed", c->name,
                 "%s; the catalogue stays as it was", c->trouble);
    }
    rest(c);
}

const char *catalog_words(const struct errmsg *why, int err)
{
    return why->text[0] != '\0' ? why->text : err_text(err);
}

/* ---- list and stage ---- */

static enum record_kind kind_of(const struct catalog *c)
{
    return dictionaries[c->kind];
}

static void stage_done(struct journal_op *op)
{
    struct catalog *c = CONTAINER_OF(op, struct catalog, stage.op);

    CRASH_POINT(catalog_list_staged);
    mirror_stage_free(&c->stage);
    if (op->err != 0) {
        catalog_fail(c, "stage", op->why.text);
        return;
    }
    if (kind_of(c) == RECORD_PROCEDURE) {
        c->step = CATALOG_WANTED;
        c->wanted_after[0] = '\0';
        c->details_failed = 0;
    } else {
        c->step = CATALOG_SWAP;
    }
    catalog_kick(c);
}

static void list_row(struct adapter_list *list, const struct record *record, const char *name,
                     bool active)
{
    struct catalog *c = CONTAINER_OF(list, struct catalog, list);
    const struct record *body = record->body_len > 0 ? record : NULL;

    if (list->err == 0 && mirror_stage_add(&c->stage, record->code, name, body, active) < 0) {
        list->err = err_set(&list->why, ERR_TOOBIG, "the list is larger than allowed");
    }
}

static void list_done(struct adapter_list *list)
{
    struct catalog *c = CONTAINER_OF(list, struct catalog, list);

    CRASH_POINT(catalog_list_read);
    party_read(c->env, c->source, list->err, &list->why);
    if (list->err != 0 || c->stopping) {
        mirror_stage_free(&c->stage);
        catalog_fail(c, "list", catalog_words(&list->why, list->err));
        return;
    }
    c->stage.op.done = stage_done;
    mirror_stage(c->env->journal, &c->stage);
}

/* 0: the party may be called; else a timer is armed and the step is tried again. */
bool catalog_must_wait(struct catalog *c, struct party *party)
{
    uint64_t wait_ms = party_wait_ms(party, LANE_CATALOG, c, loop_now_ms(c->env->loop));

    if (wait_ms > 0) {
        loop_timer_start(c->env->loop, &c->timer, wait_ms < 1000 ? wait_ms : 1000);
    }
    return wait_ms > 0;
}

static void start_list(struct catalog *c)
{
    if (catalog_must_wait(c, c->source)) {
        return;
    }
    c->step = CATALOG_WAIT;
    mirror_stage_init(&c->stage, kind_of(c), true);
    memset(&c->list, 0, sizeof(c->list));
    c->list.kind = kind_of(c);
    c->list.row = list_row;
    c->list.done = list_done;
    endpoint_begin(&c->source->endpoint, LANE_CATALOG, loop_now_ms(c->env->loop));
    c->source->adapter->ops->list(c->source->adapter, &c->list);
}

/* ---- details ---- */

static void wanted_done(struct journal_op *op)
{
    struct catalog *c = CONTAINER_OF(op, struct catalog, wanted.op);

    if (op->err != 0) {
        catalog_fail(c, "compare", op->why.text);
        return;
    }
    c->next_wanted = 0;
    c->wanted_full = c->wanted.n == WANTED_PAGE;
    c->step = CATALOG_DETAILS;
    mirror_stage_init(&c->stage, RECORD_PROCEDURE, false);
    catalog_kick(c);
}

static void ask_wanted(struct catalog *c)
{
    uint64_t wall_ms = (uint64_t)loop_wall_ms(c->env->loop);

    c->step = CATALOG_WAIT;
    c->wanted.op.done = wanted_done;
    c->wanted.kind = RECORD_PROCEDURE;
    c->wanted.refresh_before_ms = wall_ms > c->refresh_ms ? wall_ms - c->refresh_ms : 0;
    c->wanted.limit = WANTED_PAGE;
    c->wanted.after = c->wanted_after;
    mirror_wanted(c->env->journal, &c->wanted);
}

static void detail_done(struct adapter_detail *detail)
{
    struct catalog_detail *d = CONTAINER_OF(detail, struct catalog_detail, detail);
    struct catalog *c = d->catalog;

    CRASH_POINT(catalog_detail_read);
    party_read(c->env, c->source, detail->err, &detail->why);
    d->busy = false;
    c->running--;
    if (detail->err == 0 && detail->n_records == 1) {
        c->n_details++;
        /* The list's name stays: list and detail disagree in some names for years. */
        if (mirror_stage_add(&c->stage, d->code, "", &detail->records[0], !detail->inactive) < 0) {
            c->details_failed++;
        }
    } else {
        c->details_failed++;
        (void)snprintf(c->trouble, sizeof(c->trouble), "%s: %.160s", d->code,
                       catalog_words(&detail->why, detail->err));
    }
    catalog_kick(c);
}

static void start_detail(struct catalog *c)
{
    struct catalog_detail *d = c->details;

    while (d->busy) {
        d++;
    }
    memset(&d->detail, 0, sizeof(d->detail));
    d->busy = true;
    c->running++;
    (void)snprintf(d->code, sizeof(d->code), "%s", c->wanted.codes[c->next_wanted++]);
    d->detail.kind = RECORD_PROCEDURE;
    d->detail.id = d->code;
    d->detail.done = detail_done;
    endpoint_begin(&c->source->endpoint, LANE_CATALOG, loop_now_ms(c->env->loop));
    c->source->adapter->ops->detail(c->source->adapter, &d->detail);
}

static void details_staged(struct journal_op *op)
{
    struct catalog *c = CONTAINER_OF(op, struct catalog, stage.op);

    CRASH_POINT(catalog_details_staged);
    mirror_stage_free(&c->stage);
    if (op->err != 0) {
        catalog_fail(c, "stage", op->why.text);
        return;
    }
    if (!c->wanted_full && c->details_failed > 0) {
        flow_say(c->env, LOG_LEVEL_WARN, "catalog_details", c->name,
                 "%u detail%s could not be read, the last: %s", c->details_failed,
                 text_plural(c->details_failed), c->trouble);
    }
    c->step = c->wanted_full ? CATALOG_WANTED : CATALOG_SWAP;
    catalog_kick(c);
}

static void end_details(struct catalog *c)
{
    if (c->wanted.n > 0) {
        (void)snprintf(c->wanted_after, sizeof(c->wanted_after), "%s",
                       c->wanted.codes[c->wanted.n - 1]);
    }
    mirror_wanted_free(&c->wanted);
    c->step = CATALOG_WAIT;
    c->stage.op.done = details_staged;
    mirror_stage(c->env->journal, &c->stage);
}

static void run_details(struct catalog *c)
{
    while (!c->stopping && c->next_wanted < c->wanted.n && c->running < CATALOG_DETAILS_MAX &&
           !catalog_must_wait(c, c->source)) {
        start_detail(c);
    }
    if (c->running == 0 && (c->stopping || c->next_wanted >= c->wanted.n)) {
        end_details(c);
    }
}

/* ---- swap, names ---- */

static void swap_done(struct journal_op *op)
{
    struct catalog *c = CONTAINER_OF(op, struct catalog, swap.op);

    CRASH_POINT(catalog_swapped);
    if (op->err != 0) {
        catalog_fail(c, "swap", op->why.text);
        return;
    }
    if (c->swap.added + c->swap.changed + c->swap.withdrawn + c->swap.returned > 0) {
        flow_say(c->env, LOG_LEVEL_NOTICE, "catalog_changed", c->name,
                 "kind %d: %" PRIu64 " listed, %u new, %u changed, %u withdrawn, %u back",
                 (int)c->swap.kind, c->swap.listed, c->swap.added, c->swap.changed,
                 c->swap.withdrawn, c->swap.returned);
    }
    c->page_after[0] = '\0';
    c->step = CATALOG_NAMES;
    names_begin(c->names);
    catalog_kick(c);
}

static void ask_swap(struct catalog *c)
{
    c->swap.op.done = swap_done;
    c->swap.kind = kind_of(c);
    c->swap.shrink_percent = c->shrink_percent;
    c->swap.now_ms = (uint64_t)loop_wall_ms(c->env->loop);
    c->step = CATALOG_WAIT;
    mirror_swap(c->env->journal, &c->swap);
}

/* The names of a dictionary are in memory; procedures are the last. At start all are read in a row,
 * later each after its own list. */
static void names_read(struct catalog *c, bool last)
{
    if (c->loaded_names && last) {
        c->handed = 0;
        catalog_begin_decisions(c);
    } else if (c->loaded_names) {
        c->kind++;
        c->step = CATALOG_LIST;
    } else if (last) {
        c->loaded_names = true;
        c->kind = 0;
        c->step = CATALOG_REST;
        c->named(c->ctx);
    } else {
        c->kind++;
        names_begin(c->names);
        next_names(c);
        return;
    }
    catalog_kick(c);
}

static void names_done(struct journal_op *op)
{
    struct catalog *c = CONTAINER_OF(op, struct catalog, page.op);
    bool last = c->page.n < CATALOG_PAGE_ROWS;
    int err = op->err;

    for (size_t i = 0; i < c->page.n && err == 0; i++) {
        if (c->page.rows[i].active) {
            err = names_add(c->names, c->page.rows[i].code, c->page.rows[i].name);
        }
        (void)snprintf(c->page_after, sizeof(c->page_after), "%s", c->page.rows[i].code);
    }
    mirror_list_free(&c->page);
    if (err != 0) {
        catalog_fail(c, "names", catalog_words(&op->why, err));
        return;
    }
    if (!last) {
        next_names(c);
        return;
    }
    names_commit(c->names, kind_of(c));
    c->page_after[0] = '\0';
    names_read(c, kind_of(c) == RECORD_PROCEDURE);
}

static void next_names(struct catalog *c)
{
    c->step = CATALOG_WAIT;
    c->page.op.done = names_done;
    c->page.kind = kind_of(c);
    (void)snprintf(c->page.after, sizeof(c->page.after), "%s", c->page_after);
    c->page.limit = CATALOG_PAGE_ROWS;
    c->page.with_body = false;
    mirror_list(c->env->journal, &c->page);
}

/* ---- the end of a reading ---- */

void catalog_finished(struct catalog *c)
{
    /* What could be read is in the mirror; the rest is asked again soon, later each time. */
    c->failures = c->details_failed > 0 ? c->failures + 1 : 0;
    if (c->failures == 0) {
        c->trouble[0] = '\0';
    }
    rest(c);
}

/* A reading that a stop cuts short leaves this empty, and the next start reads again. */
static void set_whole(struct catalog *c, const char *value, void (*done)(struct journal_op *op))
{
    c->step = CATALOG_WAIT;
    c->fact.op.done = done;
    (void)snprintf(c->fact.name, sizeof(c->fact.name), "catalog-whole-%" PRId64, c->flow);
    (void)snprintf(c->fact.value, sizeof(c->fact.value), "%s", value);
    journal_fact_set(c->env->journal, &c->fact);
}

static void whole_set(struct journal_op *op)
{
    struct catalog *c = CONTAINER_OF(op, struct catalog, fact.op);

    CRASH_POINT(catalog_whole);
    if (op->err != 0) {
        catalog_fail(c, "the end of the reading", catalog_words(&op->why, op->err));
        return;
    }
    catalog_finished(c);
}

/* All is read, handed over and compared. */
void catalog_end_reading(struct catalog *c)
{
    if (c->details_failed > 0) {
        catalog_finished(c);
    } else {
        set_whole(c, "1", whole_set);
    }
}

/* ---- the start ---- */

static void first_done(struct journal_op *op)
{
    struct catalog *c = CONTAINER_OF(op, struct catalog, fact.op);

    c->step = CATALOG_REST;
    c->first_known = true;
    if (op->err != 0 || c->stopping) {
        catalog_kick(c);
        return;
    }
    if (c->fact.value[0] == '\0') {
        c->now = true; /* an empty or half-read mirror fills at start, not at the nightly hour */
        catalog_kick(c);
    } else {
        rest(c);
    }
}

static void ask_first(struct catalog *c)
{
    c->step = CATALOG_WAIT;
    c->fact.op.done = first_done;
    (void)snprintf(c->fact.name, sizeof(c->fact.name), "catalog-whole-%" PRId64, c->flow);
    journal_fact_get(c->env->journal, &c->fact);
}

static void reading_begun(struct journal_op *op)
{
    struct catalog *c = CONTAINER_OF(op, struct catalog, fact.op);

    if (op->err != 0) {
        catalog_fail(c, "the start of a reading", catalog_words(&op->why, op->err));
        return;
    }
    c->step = CATALOG_LIST;
    catalog_kick(c);
}

static void pump_rest(struct catalog *c)
{
    if (c->off) {
        return;
    }
    if (!c->loaded_names) {
        c->kind = 0;
        names_begin(c->names);
        next_names(c);
    } else if (!c->first_known) {
        ask_first(c);
    } else if (c->now) {
        c->now = false;
        c->kind = 0;
        set_whole(c, "", reading_begun);
    }
}

static void pump(struct catalog *c)
{
    if (c->stopping && c->step != CATALOG_DETAILS && c->step != CATALOG_DECISIONS &&
        c->step != CATALOG_WAIT) {
        c->step = CATALOG_REST;
    }
    switch (c->step) {
    case CATALOG_REST:
        if (!c->stopping) {
            pump_rest(c);
        }
        break;
    case CATALOG_LIST:
        start_list(c);
        break;
    case CATALOG_WANTED:
        ask_wanted(c);
        break;
    case CATALOG_DETAILS:
        run_details(c);
        break;
    case CATALOG_SWAP:
        ask_swap(c);
        break;
    case CATALOG_NAMES:
        next_names(c);
        break;
    case CATALOG_DECISIONS:
        catalog_run_decisions(c);
        break;
    case CATALOG_HAND:
        if (c->sink != NULL) {
            catalog_ask_hand(c);
        } else {
            c->read_ms = (uint64_t)loop_wall_ms(c->env->loop);
            catalog_end_reading(c);
        }
        break;
    case CATALOG_LOCAL:
        catalog_read_local(c);
        break;
    case CATALOG_WAIT:
        break;
    }
    if (c->stopped != NULL && c->step == CATALOG_REST && c->healing == 0) {
        void (*stopped)(void *ctx) = c->stopped;

        c->stopped = NULL;
        stopped(c->stopped_ctx);
    }
}

void catalog_stop(struct catalog *c, void (*stopped)(void *ctx), void *ctx)
{
    c->stopping = true;
    c->stopped = stopped;
    c->stopped_ctx = ctx;
    loop_timer_stop(&c->timer);
    catalog_kick(c);
}
