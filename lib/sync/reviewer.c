#include "sync/reviewer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/vntime.h"
#include "sync/reviewer_impl.h"

#define DAY_S INT64_C(86400)
#define SWEEP_LOOK_MS 500
/* Sources that were not read whole by then are named; the result is what it is. */
#define SWEEP_MAX_MS UINT64_C(7200000)
#define LOOK_AGAIN_MS 1000
#define NIGHT_MAX_MS UINT64_C(3600000) /* the wall clock may be set: looked at once an hour */

struct reviewer_nightly {
    struct review_begin begin;
    struct reviewer *reviewer;
    int64_t flows[CONFIG_MAX_FLOWS];
};

static void pump(struct reviewer *r);

static void pump_task(struct loop_task *task)
{
    pump(CONTAINER_OF(task, struct reviewer, pump));
}

static void timer_fired(struct loop_timer *timer)
{
    pump(CONTAINER_OF(timer, struct reviewer, timer));
}

static void night_fired(struct loop_timer *timer);

void reviewer_init(struct reviewer *r, const struct flow_env *env)
{
    memset(r, 0, sizeof(*r));
    r->env = env;
    r->at_minute = -1;
    loop_timer_init(&r->timer, timer_fired);
    loop_timer_init(&r->night, night_fired);
    loop_task_init(&r->pump, pump_task);
    for (size_t i = 0; i < REVIEWER_SLOTS; i++) {
        r->slots[i].reviewer = r;
        review_store_init(&r->slots[i].store);
    }
}

struct reviewer_flow *reviewer_add(struct reviewer *r, int64_t id, const char *name,
                                   struct party *sink)
{
    struct reviewer_flow *f = &r->flows[r->n_flows++];

    f->id = id;
    f->name = name;
    f->sink = sink;
    return f;
}

void reviewer_kick(struct reviewer *r)
{
    loop_defer(r->env->loop, &r->pump);
}

/* ---- nightly ---- */

/* Milliseconds until that minute of the day comes next. */
static uint64_t until_night_ms(const struct reviewer *r)
{
    int64_t wall_s = loop_wall_s(r->env->loop);
    int64_t at_s = vntime_day_start(wall_s) + r->at_minute * 60;

    at_s += at_s <= wall_s ? DAY_S : 0;
    return (uint64_t)(at_s - wall_s) * 1000;
}

static void arm_night(struct reviewer *r)
{
    uint64_t ms;

    loop_timer_stop(&r->night);
    if (r->at_minute < 0 || r->stopping) {
        return;
    }
    ms = until_night_ms(r);
    loop_timer_start(r->env->loop, &r->night, ms < NIGHT_MAX_MS ? ms : NIGHT_MAX_MS);
}

void reviewer_configure(struct reviewer *r, const struct config *config)
{
    const char *at = config->reconcile_at != NULL ? config->reconcile_at : "";

    r->grace_ms = config->reconcile_grace_ms;
    r->interval_us = config->reconcile_rate > 0 ? UINT64_C(60000000) / config->reconcile_rate : 0;
    r->sample = config->reconcile_sample;
    r->n_pairs = 0;
    for (size_t i = 0; i < config->reconcile_tolerate.n; i++) {
        const char *text = config->reconcile_tolerate.items[i];

        /* Checked when the configuration was read. */
        r->n_pairs += difference_pair_parse(text, &r->pairs[r->n_pairs]) == 0;
    }
    r->at_minute = at[0] != '\0' ? atoi(at) * 60 + atoi(at + 3) : -1; /* HH:MM, checked too */
    arm_night(r);
    reviewer_kick(r);
}

static void night_begun(struct journal_op *op)
{
    struct reviewer_nightly *n = CONTAINER_OF(op, struct reviewer_nightly, begin.op);
    struct reviewer *r = n->reviewer;

    r->ops--;
    if (op->err == 0) {
        reviewer_begun(r, &n->begin);
    } else if (op->err != ERR_CANCELED) {
        flow_say(r->env, LOG_LEVEL_WARN, "reconcile_skipped", "reconcile",
                 "the nightly one was not begun: %s", op->why.text);
    }
    r->nightly = NULL;
    free(n);
    reviewer_kick(r);
}

static void begin_nightly(struct reviewer *r)
{
    struct reviewer_nightly *n = r->nightly == NULL ? calloc(1, sizeof(*n)) : NULL;

    if (n == NULL) {
        return; /* the last one's begin still waits for the disk, or no memory: tomorrow */
    }
    n->reviewer = r;
    n->begin.what = REVIEW_SAMPLE;
    n->begin.sample = r->sample;
    (void)snprintf(n->begin.scope, sizeof(n->begin.scope), "sample %u", r->sample);
    (void)snprintf(n->begin.who, sizeof(n->begin.who), "dvcsyncd, nightly");
    reviewer_fill(r, &n->begin, n->flows);
    n->begin.op.done = night_begun;
    r->nightly = n;
    r->ops++;
    review_begin(r->env->journal, &n->begin);
}

static void night_fired(struct loop_timer *timer)
{
    struct reviewer *r = CONTAINER_OF(timer, struct reviewer, night);
    uint64_t left_ms = until_night_ms(r);

    /* The timer was armed for that minute, or for an hour's look before it. */
    if (left_ms > UINT64_C(86400000) - 60000 && r->ready && r->n_flows > 0 && r->job.id == 0) {
        begin_nightly(r);
    }
    arm_night(r);
}

/* ---- begin, go on ---- */

void reviewer_fill(const struct reviewer *r, struct review_begin *b,
                   int64_t flows[CONFIG_MAX_FLOWS])
{
    for (size_t i = 0; i < r->n_flows; i++) {
        flows[i] = r->flows[i].id;
    }
    b->flows = flows;
    b->n_flows = r->n_flows;
    b->now_ms = (uint64_t)loop_wall_ms(r->env->loop);
    b->random = loop_random(r->env->loop);
}

static void take_job(struct reviewer *r, const struct review_row *row)
{
    r->job = *row;
    r->cancel = false;
    r->ending = false;
    r->page_read = false;
    r->page.n = 0;
    r->next = 0;
    r->sweeping = false;
    memset(&r->status, 0, sizeof(r->status));
    r->status.running = true;
    r->status.id = row->id;
    r->status.fix = row->fix;
    r->status.begun_ms = row->begun_ms;
    memcpy(r->status.scope, row->scope, sizeof(r->status.scope));
    reviewer_kick(r);
}

void reviewer_begun(struct reviewer *r, const struct review_begin *b)
{
    struct review_row row = {.id = b->id,
                             .what = b->what,
                             .fix = b->fix,
                             .begun_ms = b->now_ms,
                             .sweep = b->sweep ? 1 : 0};

    if (r->stopping || r->job.id != 0) {
        return; /* the next start goes on with it */
    }
    memcpy(row.scope, b->scope, sizeof(row.scope));
    memcpy(row.who, b->who, sizeof(row.who));
    take_job(r, &row);
    flow_say(r->env, LOG_LEVEL_NOTICE, "reconcile_begun", "reconcile", "%s%s", b->scope,
             b->fix ? ", what can be mended is" : "");
}

static void running_known(struct journal_op *op)
{
    struct reviewer *r = CONTAINER_OF(op, struct reviewer, running_op.op);

    r->ops--;
    r->ready = op->err == 0;
    if (op->err == 0 && r->running_op.row.id != 0 && r->job.id == 0) {
        take_job(r, &r->running_op.row);
        flow_say(r->env, LOG_LEVEL_NOTICE, "reconcile_resumed", "reconcile", "%s goes on",
                 r->job.scope);
    }
    reviewer_kick(r);
}

void reviewer_start(struct reviewer *r)
{
    r->running_op.op.done = running_known;
    r->ops++;
    review_running(r->env->journal, &r->running_op);
    arm_night(r);
}

int reviewer_cancel(struct reviewer *r, const char *who)
{
    if (r->job.id == 0 || r->ending) {
        return ERR_STATE;
    }
    r->cancel = true;
    (void)snprintf(r->cancel_who, sizeof(r->cancel_who), "%s", who);
    reviewer_kick(r);
    return 0;
}

/* ---- the sources, read whole ---- */

/* One that shows what it has; a queue is empty when it was read. */
static struct poller *swept_poller(struct reviewer_flow *f, size_t i)
{
    struct poller *p = f->sources[i].poller;

    return p != NULL && !p->acks && !p->off ? p : NULL;
}

static void order_sweep(struct reviewer *r)
{
    r->sweeping = true;
    r->sweep_until_ms = loop_now_ms(r->env->loop) + SWEEP_MAX_MS;
    for (size_t i = 0; i < r->n_flows; i++) {
        for (size_t k = 0; k < r->flows[i].n_sources; k++) {
            struct poller *p = swept_poller(&r->flows[i], k);

            if (p != NULL) {
                r->sweeps_before[i][k] = p->full_sweeps;
                poller_now(p, true);
            }
        }
    }
}

static uint32_t unswept(struct reviewer *r)
{
    uint32_t n = 0;

    for (size_t i = 0; i < r->n_flows; i++) {
        for (size_t k = 0; k < r->flows[i].n_sources; k++) {
            struct poller *p = swept_poller(&r->flows[i], k);

            n += p != NULL && (p->full_sweeps == r->sweeps_before[i][k] || p->appending > 0);
        }
    }
    return n;
}

static void swept(struct journal_op *op)
{
    struct reviewer *r = CONTAINER_OF(op, struct reviewer, swept_op.op);

    r->ops--;
    r->sweeping = false;
    r->telling = false;
    r->job.sweep = op->err == 0 ? 2 : r->job.sweep;
    r->page_read = false;
    reviewer_kick(r);
}

/* Nothing else is left to be done. */
static void run_sweep(struct reviewer *r)
{
    uint32_t left;

    if (!r->sweeping) {
        order_sweep(r);
    }
    left = unswept(r);
    if (left > 0 && loop_now_ms(r->env->loop) < r->sweep_until_ms) {
        loop_timer_start(r->env->loop, &r->timer, SWEEP_LOOK_MS);
        return;
    }
    r->job.sweep = 2;
    r->swept_op.id = r->job.id;
    r->swept_op.unread = left;
    r->swept_op.op.done = swept;
    r->telling = true;
    r->ops++;
    review_swept(r->env->journal, &r->swept_op);
}

/* ---- the end ---- */

static void ended(struct journal_op *op)
{
    struct reviewer *r = CONTAINER_OF(op, struct reviewer, end_op.op);
    const struct reviewer_status *s = &r->status;

    r->ops--;
    if (op->err == 0 || op->err == ERR_STATE) {
        flow_say(r->env, s->differences > 0 ? LOG_LEVEL_WARN : LOG_LEVEL_NOTICE, "reconciled",
                 "reconcile",
                 "%s %s: %" PRIu64 " dossiers compared, %" PRIu64
                 " differ or are not known, %" PRIu64 " put right",
                 r->job.scope, r->end_op.canceled ? "was cancelled" : "has ended", s->compared,
                 s->differences, s->mended);
        r->job.id = 0;
        r->status.running = false;
        r->status.ended_ms = r->end_op.now_ms;
        r->status.trouble[0] = '\0';
    }
    r->ending = false;
    reviewer_kick(r);
}

static void end(struct reviewer *r)
{
    r->ending = true;
    memset(&r->end_op, 0, sizeof(r->end_op));
    r->end_op.id = r->job.id;
    r->end_op.canceled = r->cancel;
    memcpy(r->end_op.who, r->cancel_who, sizeof(r->end_op.who));
    r->end_op.now_ms = (uint64_t)loop_wall_ms(r->env->loop);
    r->end_op.op.done = ended;
    r->ops++;
    review_end(r->env->journal, &r->end_op);
}

/* ---- pages and slots ---- */

static void page_done(struct journal_op *op)
{
    struct reviewer *r = CONTAINER_OF(op, struct reviewer, page.op);

    r->ops--;
    r->paging = false;
    r->next = 0;
    r->page_read = op->err == 0;
    if (op->err != 0) {
        r->page.n = 0;
    }
    reviewer_kick(r);
}

static void read_page(struct reviewer *r)
{
    r->paging = true;
    r->page_read = false; /* the worker fills it: none of its rows before it is done */
    memset(&r->page, 0, sizeof(r->page));
    r->page.id = r->job.id;
    r->page.late_before_ms = r->job.begun_ms > r->grace_ms ? r->job.begun_ms - r->grace_ms : 0;
    r->page.op.done = page_done;
    r->ops++;
    review_page(r->env->journal, &r->page);
}

static uint32_t at_work(const struct reviewer *r)
{
    uint32_t n = 0;

    for (size_t i = 0; i < REVIEWER_SLOTS; i++) {
        n += r->slots[i].step != REVIEWER_FREE;
    }
    return n;
}

/* What stands before the next call, for who asks why nothing moves. */
static void tell_trouble(struct reviewer *r, const struct reviewer_slot *s)
{
    const struct party *party =
        s->step == REVIEWER_SOURCE ? s->flow->sources[s->source].party : s->flow->sink;
    const struct endpoint *e = &party->endpoint;

    if (e->paused) {
        (void)snprintf(r->status.trouble, sizeof(r->status.trouble), "%s is paused", e->name);
    } else if (e->breaker != BREAKER_CLOSED) {
        (void)snprintf(r->status.trouble, sizeof(r->status.trouble), "%s does not answer: %.100s",
                       e->name, e->last_failure);
    } else {
        r->status.trouble[0] = '\0';
    }
}

static void run_slots(struct reviewer *r)
{
    uint64_t wait_ms = UINT64_MAX;

    for (size_t i = 0; i < REVIEWER_SLOTS; i++) {
        struct reviewer_slot *s = &r->slots[i];
        uint64_t ms;

        if (s->step == REVIEWER_FREE && !r->cancel && r->page_read && r->next < r->page.n) {
            reviewer_one_begin(r, s, &r->page.rows[r->next++]);
        }
        ms = reviewer_one_go_on(r, s);
        if (ms > 0) {
            tell_trouble(r, s);
            wait_ms = ms < wait_ms ? ms : wait_ms;
        }
    }
    if (wait_ms != UINT64_MAX || at_work(r) > 0) {
        loop_timer_start(r->env->loop, &r->timer,
                         wait_ms < LOOK_AGAIN_MS ? wait_ms : LOOK_AGAIN_MS);
    }
}

/* Slots that wait for a place only. */
static void drop_waiting(struct reviewer *r)
{
    for (size_t i = 0; i < REVIEWER_SLOTS; i++) {
        struct reviewer_slot *s = &r->slots[i];

        if (s->step != REVIEWER_FREE && !reviewer_one_busy(s)) {
            reviewer_one_free(s);
        }
    }
}

static void run_job(struct reviewer *r)
{
    run_slots(r);
    if (r->paging || r->telling || at_work(r) > 0 ||
        (r->page_read && r->next < r->page.n && !r->cancel)) {
        return;
    }
    if (r->cancel) {
        end(r);
    } else if (!r->page_read || r->page.n > 0 || r->page.more) {
        read_page(r);
    } else if (r->page.sweeps) {
        run_sweep(r);
    } else {
        end(r);
    }
}

static void pump(struct reviewer *r)
{
    if (r->stopping || r->cancel) {
        drop_waiting(r);
    }
    if (!r->stopping && r->job.id != 0 && !r->ending &&
        journal_condition(r->env->journal) == JOURNAL_OK) {
        run_job(r);
    } else if (!r->stopping && r->job.id != 0 && !r->ending) {
        loop_timer_start(r->env->loop, &r->timer, LOOK_AGAIN_MS);
    }
    if (r->stopped != NULL && r->ops == 0 && r->calls == 0) {
        void (*stopped)(void *ctx) = r->stopped;

        r->stopped = NULL;
        stopped(r->stopped_ctx);
    }
}

void reviewer_stop(struct reviewer *r, void (*stopped)(void *ctx), void *ctx)
{
    r->stopping = true;
    r->stopped = stopped;
    r->stopped_ctx = ctx;
    loop_timer_stop(&r->timer);
    loop_timer_stop(&r->night);
    reviewer_kick(r);
}

void reviewer_free(struct reviewer *r)
{
    loop_task_cancel(&r->pump);
    loop_timer_stop(&r->timer);
    loop_timer_stop(&r->night);
}

void reviewer_status(const struct reviewer *r, struct reviewer_status *out)
{
    *out = r->status;
    out->sweeping = r->sweeping;
}
