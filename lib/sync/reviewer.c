#include "sync/reviewer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/policy.h"
#include "sync/reviewer_impl.h"

#define SWEEP_LOOK_MS 500
/* Sources that were not read whole by then are named; the result is what it is. */
#define SWEEP_MAX_MS UINT64_C(7200000)
#define LOOK_AGAIN_MS 1000
#define REST_FIRST_MS 5000
#define REST_CAP_MS 600000

static void pump(struct reviewer *r);

static void pump_task(struct loop_task *task)
{
    pump(CONTAINER_OF(task, struct reviewer, pump));
}

static void timer_fired(struct loop_timer *timer)
{
    pump(CONTAINER_OF(timer, struct reviewer, timer));
}

void reviewer_init(struct reviewer *r, const struct flow_env *env)
{
    memset(r, 0, sizeof(*r));
    r->env = env;
    loop_timer_init(&r->timer, timer_fired);
    reviewer_night_init(r);
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

void reviewer_refused(struct reviewer *r, const struct journal_op *op, const char *what)
{
    uint64_t ms = policy_span_ms(REST_FIRST_MS, REST_CAP_MS, ++r->fails);

    r->rest_until_ms = loop_now_ms(r->env->loop) + ms;
    if (op->err == ERR_CANCELED) {
        return; /* the journal is closing */
    }
    flow_say(r->env, LOG_LEVEL_WARN, "reconcile_failed", "reconcile",
             "%s: %s; again in %" PRIu64 " s", what, op->why.text, ms / 1000);
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
    reviewer_night_arm(r);
    reviewer_kick(r);
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

/* So that status, metrics and the journal tell the same of it, whoever began it. */
static void take_status(struct reviewer *r, const struct review_row *row,
                        const struct review_numbers *numbers)
{
    r->status = (struct reviewer_status){.running = row->ended_ms == 0,
                                         .id = row->id,
                                         .fix = row->fix,
                                         .begun_ms = row->begun_ms,
                                         .ended_ms = row->ended_ms,
                                         .numbers = *numbers,
                                         .nightly_ms = r->status.nightly_ms};
    memcpy(r->status.scope, row->scope, sizeof(r->status.scope));
}

static void take_job(struct reviewer *r, const struct review_row *row,
                     const struct review_numbers *numbers)
{
    r->job = *row;
    r->cancel = false;
    r->ending = false;
    r->braked = false;
    r->fails = 0;
    r->rest_until_ms = 0;
    r->second_ms = 0;
    r->page_read = false;
    r->page.n = 0;
    r->next = 0;
    r->sweeping = false;
    take_status(r, row, numbers);
    reviewer_kick(r);
}

void reviewer_begun(struct reviewer *r, const struct review_begin *b)
{
    const struct review_numbers none = {.compared = 0};
    struct review_row row = {.id = b->id,
                             .what = b->what,
                             .fix = b->fix,
                             .yes = b->yes,
                             .begun_ms = b->now_ms,
                             .sweep = b->sweep ? 1 : 0};

    if (r->stopping || r->job.id != 0) {
        return; /* the next start goes on with it */
    }
    memcpy(row.scope, b->scope, sizeof(row.scope));
    memcpy(row.who, b->who, sizeof(row.who));
    take_job(r, &row, &none);
    flow_say(r->env, LOG_LEVEL_NOTICE, "reconcile_begun", "reconcile", "%s%s", b->scope,
             b->fix ? ", what can be mended is" : "");
}

static void running_known(struct journal_op *op)
{
    struct reviewer *r = CONTAINER_OF(op, struct reviewer, running_op.op);
    const struct review_row *row = &r->running_op.row;

    r->ops--;
    if (op->err != 0) {
        r->unasked = true;
        reviewer_refused(r, op, "whether one runs is not known");
        reviewer_kick(r);
        return;
    }
    r->ready = true;
    r->status.nightly_ms = r->running_op.nightly_ms;
    if (row->id != 0 && row->ended_ms != 0 && r->status.id == 0) {
        take_status(r, row, &r->running_op.numbers);
    } else if (row->id != 0 && row->ended_ms == 0 && r->job.id == 0) {
        take_job(r, row, &r->running_op.numbers);
        flow_say(r->env, LOG_LEVEL_NOTICE, "reconcile_resumed", "reconcile", "%s goes on",
                 r->job.scope);
    }
    reviewer_kick(r);
}

static void ask_running(struct reviewer *r)
{
    r->unasked = false;
    r->running_op.op.done = running_known;
    r->ops++;
    review_running(r->env->journal, &r->running_op);
}

void reviewer_start(struct reviewer *r)
{
    ask_running(r);
    reviewer_night_arm(r);
}

int reviewer_cancel(struct reviewer *r, const char *who)
{
    if (r->job.id == 0 || r->ending) {
        return ERR_STATE;
    }
    r->cancel = true;
    r->rest_until_ms = 0;
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

            n += p != NULL && (p->full_sweeps == r->sweeps_before[i][k] || p->n_appending > 0);
        }
    }
    return n;
}

static void swept(struct journal_op *op)
{
    struct reviewer *r = CONTAINER_OF(op, struct reviewer, swept_op.op);

    r->ops--;
    r->telling = false;
    r->page_read = false;
    if (op->err == 0) {
        r->sweeping = false;
        r->job.sweep = 2;
        r->fails = 0;
    } else {
        reviewer_refused(r, op, "that the sources were read is not kept");
    }
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
    r->swept_op.id = r->job.id;
    r->swept_op.unread = left;
    r->swept_op.op.done = swept;
    r->telling = true;
    r->ops++;
    review_swept(r->env->journal, &r->swept_op);
}

/* ---- the end ---- */

static void say_end(struct reviewer *r)
{
    const struct review_numbers *n = &r->status.numbers;

    if (r->end_op.braked) {
        flow_say(r->env, LOG_LEVEL_ERROR, "reconcile_braked", "reconcile",
                 "%s was stopped: the portal does not find %" PRIu64 " of %" PRIu64
                 " dossiers; none of them was put in (--yes puts them in all the same)",
                 r->job.scope, r->page.absent, r->page.asked);
    }
    flow_say(r->env, n->differences > 0 ? LOG_LEVEL_WARN : LOG_LEVEL_NOTICE, "reconciled",
             "reconcile",
             "%s %s: %" PRIu64 " dossiers compared, %" PRIu64 " differ or are not known, %" PRIu64
             " put right",
             r->job.scope,
             r->end_op.canceled ? "was cancelled"
             : r->end_op.braked ? "was stopped"
                                : "has ended",
             n->compared, n->differences, n->mended);
}

static void ended(struct journal_op *op)
{
    struct reviewer *r = CONTAINER_OF(op, struct reviewer, end_op.op);

    r->ops--;
    r->ending = false;
    if (op->err == 0 || op->err == ERR_STATE) {
        bool whole = op->err == 0 && !r->end_op.canceled && !r->end_op.braked;

        if (whole && strcmp(r->job.who, REVIEW_NIGHTLY) == 0) {
            r->status.nightly_ms = r->end_op.now_ms;
        }
        if (op->err == 0) {
            r->status.numbers = r->end_op.numbers;
        }
        say_end(r);
        r->job.id = 0;
        r->fails = 0;
        r->sweeping = false;
        r->status.running = false;
        r->status.ended_ms = r->end_op.now_ms;
        r->status.trouble[0] = '\0';
    } else {
        reviewer_refused(r, op, "its end is not kept");
    }
    reviewer_kick(r);
}

static void end(struct reviewer *r)
{
    r->ending = true;
    memset(&r->end_op, 0, sizeof(r->end_op));
    r->end_op.id = r->job.id;
    r->end_op.canceled = r->cancel;
    r->end_op.braked = r->braked && !r->cancel;
    memcpy(r->end_op.who, r->cancel_who, sizeof(r->end_op.who));
    r->end_op.now_ms = (uint64_t)loop_wall_ms(r->env->loop);
    r->end_op.op.done = ended;
    r->ops++;
    review_end(r->env->journal, &r->end_op);
}

/* ---- pages ---- */

static void page_done(struct journal_op *op)
{
    struct reviewer *r = CONTAINER_OF(op, struct reviewer, page.op);

    r->ops--;
    r->paging = false;
    r->next = 0;
    /* Nothing but what is being compared: what follows from that is known only then. */
    r->page_read = op->err == 0 && (r->page.n > 0 || r->page.more || r->page.n_busy == 0);
    if (op->err != 0) {
        r->page.n = 0;
        reviewer_refused(r, op, "what is to be compared can't be read");
    }
    reviewer_kick(r);
}

static void read_page(struct reviewer *r)
{
    r->paging = true;
    r->page_read = false; /* the worker fills it: none of its rows before it is done */
    memset(&r->page, 0, sizeof(r->page));
    r->page.id = r->job.id;
    for (size_t i = 0; i < REVIEWER_SLOTS; i++) {
        if (r->slots[i].step != REVIEWER_FREE) {
            r->page.busy[r->page.n_busy++] = r->slots[i].todo;
        }
    }
    r->page.late_before_ms = r->job.begun_ms > r->grace_ms ? r->job.begun_ms - r->grace_ms : 0;
    r->page.op.done = page_done;
    r->ops++;
    review_page(r->env->journal, &r->page);
}

/* ---- the second looks ---- */

static void second_done(struct journal_op *op)
{
    struct reviewer *r = CONTAINER_OF(op, struct reviewer, second_op.op);

    r->ops--;
    r->telling = false;
    r->page_read = false;
    if (op->err == 0) {
        r->fails = 0;
        r->second_ms = 0;
    } else {
        reviewer_refused(r, op, "what is looked for once more is not kept");
    }
    reviewer_kick(r);
}

static bool too_many_lost(const struct reviewer *r)
{
    uint64_t percent =
        r->page.absent >= REVIEWER_LOST_MIN ? REVIEWER_LOST_PERCENT : REVIEWER_LOST_FEW_PERCENT;

    return !r->job.yes && r->page.absent >= REVIEWER_LOST_FEW_MIN &&
           r->page.absent * 100 > r->page.asked * percent;
}

/* How long until the second looks, and never longer, however the clock was set. */
static uint64_t left_ms(const struct reviewer *r)
{
    uint64_t wall_ms = (uint64_t)loop_wall_ms(r->env->loop);
    uint64_t age_ms = wall_ms > r->page.absent_ms ? wall_ms - r->page.absent_ms : 0;

    return age_ms < REVIEWER_SECOND_MS ? REVIEWER_SECOND_MS - age_ms : 0;
}

/* Nothing else is left to be done. */
static void run_second(struct reviewer *r)
{
    uint64_t now_ms = loop_now_ms(r->env->loop);

    if (too_many_lost(r)) {
        r->braked = true;
        end(r);
        return;
    }
    if (r->second_ms == 0) {
        r->second_ms = now_ms + left_ms(r);
    }
    if (now_ms < r->second_ms) {
        (void)snprintf(r->status.trouble, sizeof(r->status.trouble),
                       "%" PRIu64 " that the portal did not find are looked for once more, "
                       "%d minutes behind the first look",
                       r->page.absent, (int)(REVIEWER_SECOND_MS / 60000));
        loop_timer_start(r->env->loop, &r->timer, r->second_ms - now_ms);
        return;
    }
    r->status.trouble[0] = '\0';
    r->second_op.id = r->job.id;
    r->second_op.op.done = second_done;
    r->telling = true;
    r->ops++;
    review_second(r->env->journal, &r->second_op);
}

/* ---- slots ---- */

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
            if (s->step != REVIEWER_RESTS) {
                tell_trouble(r, s);
            }
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
    uint32_t busy;

    run_slots(r);
    busy = at_work(r);
    if (r->paging || r->telling || (r->page_read && r->next < r->page.n && !r->cancel)) {
        return;
    }
    /* Some may rest for long: the others go on with the next page. */
    if (busy > 0 && (r->cancel || !r->page_read || busy == REVIEWER_SLOTS)) {
        return;
    }
    if (r->cancel) {
        end(r);
    } else if (!r->page_read || r->page.n > 0 || r->page.more) {
        read_page(r);
    } else if (r->page.sweeps) {
        run_sweep(r);
    } else if (r->page.absent > 0) {
        run_second(r);
    } else {
        end(r);
    }
}

/* Whether the journal is left alone for a while. */
static bool rests(struct reviewer *r)
{
    uint64_t now_ms = loop_now_ms(r->env->loop);

    if (journal_condition(r->env->journal) == JOURNAL_OK && now_ms >= r->rest_until_ms) {
        return false;
    }
    loop_timer_start(r->env->loop, &r->timer, LOOK_AGAIN_MS);
    return true;
}

static void pump(struct reviewer *r)
{
    if (r->stopping || r->cancel) {
        drop_waiting(r);
    }
    if (!r->stopping && r->unasked && !rests(r)) {
        ask_running(r);
    }
    if (!r->stopping && r->job.id != 0 && !r->ending && !rests(r)) {
        run_job(r);
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
