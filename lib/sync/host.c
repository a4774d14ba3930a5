#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash_point.h"
#include "sync/host_impl.h"
#include "sync/pusher.h"

enum offer_step {
    OFFER_REFUSED, /* done is next, with an error */
    OFFER_TAKING,  /* being merged, or about to be appended */
    OFFER_STORING, /* the append is under way */
    OFFER_WAITING, /* for the sink */
    OFFER_SETTLED  /* settled is next */
};

struct host_offer {
    struct list link;
    struct host *host;
    struct adapter_offer *offer; /* the adapter's */
    enum offer_step step;
    bool hurried;
    bool merging;  /* job is begun */
    bool followed; /* by the pusher's claim */
    struct merge_job job;
    struct journal_append append;
    struct journal_fate *fates; /* owned; n_early of the job, then n_records */
    struct wait *waits;         /* owned; n_records */
    size_t n_open;              /* of them still in the table */
    struct loop_timer over;     /* wait_ms */
    struct loop_task task;
};

static void offer_store(struct host_offer *o);

/* ---- ends ---- */

/* Others may have its dossiers now. */
static void end_merge(struct host_offer *o)
{
    if (o->merging) {
        o->merging = false;
        merge_end(&o->job);
    }
}

static void drop_waits(struct host_offer *o)
{
    for (size_t i = 0; o->waits != NULL && i < o->offer->n_records; i++) {
        if (o->waits[i].fate != NULL) {
            waits_remove(o->host->waits, &o->waits[i]);
            o->waits[i].fate = NULL;
        }
    }
    o->n_open = 0;
}

static void offer_free(struct host_offer *o)
{
    struct host *h = o->host;

    drop_waits(o);
    loop_timer_stop(&o->over);
    loop_task_cancel(&o->task);
    list_remove(&o->link);
    h->n_offers--;
    free(o->fates);
    free(o->waits);
    free(o);
    host_check_stopped(h);
}

static void settle(struct host_offer *o)
{
    if (o->step == OFFER_WAITING) {
        o->step = OFFER_SETTLED;
        o->host->waiting--;
        drop_waits(o);
        loop_defer(o->host->env->loop, &o->task);
    }
}

static void refuse(struct host_offer *o, int err, const char *why)
{
    end_merge(o);
    o->step = OFFER_REFUSED;
    o->offer->err = err_set(&o->offer->why, err, "%s", why);
    loop_defer(o->host->env->loop, &o->task);
}

static void task_run(struct loop_task *task)
{
    struct host_offer *o = CONTAINER_OF(task, struct host_offer, task);
    struct adapter_offer *offer = o->offer;

    if (o->step == OFFER_TAKING) {
        offer_store(o);
    } else if (o->step == OFFER_REFUSED) {
        o->host->refused++;
        offer_free(o);
        offer->done(offer); /* gone after it */
    } else if (o->step == OFFER_SETTLED) {
        offer_free(o);
        CRASH_POINT(offer_settled);
        offer->settled(offer); /* gone after it */
    }
}

static void over(struct loop_timer *timer)
{
    settle(CONTAINER_OF(timer, struct host_offer, over));
}

/* ---- waiting ---- */

static void one_settled(struct wait *wait)
{
    struct host_offer *o = wait->ctx;

    wait->fate = NULL; /* it is out of the table */
    o->n_open--;
    if (o->n_open == 0) {
        settle(o);
    }
}

static void copy_fates(struct host_offer *o)
{
    struct adapter_offer *offer = o->offer;
    const struct journal_fate *from = o->fates + o->job.n_early;

    for (size_t i = 0; i < offer->n_records && offer->fates != NULL; i++) {
        waits_take_fate(&offer->fates[i], &from[i]);
    }
}

/* Who finds the table full does not wait: its answer is that of the commit. */
static void begin_waits(struct host_offer *o)
{
    struct adapter_offer *offer = o->offer;
    bool full = false;

    if (offer->fates == NULL) {
        return;
    }
    o->waits = calloc(offer->n_records + 1, sizeof(*o->waits));
    for (size_t i = 0; o->waits != NULL && i < offer->n_records && !full; i++) {
        const struct record *r = &offer->records[i];
        struct wait *w = &o->waits[i];

        if (waits_settled(&offer->fates[i])) {
            continue;
        }
        (void)snprintf(w->code, sizeof(w->code), "%s", r->code);
        w->step = r->kind == RECORD_STEP;
        w->settled = one_settled;
        w->ctx = o;
        w->fate = &offer->fates[i];
        full = !waits_add(o->host->waits, w);
        w->fate = full ? NULL : w->fate;
        o->n_open += !full;
    }
    if (full) {
        drop_waits(o);
    }
}

/* A snapshot that came to its end by being stored (held, or what the sink has already) ends the
 * wait for older ones of its dossier. */
static void tell_others(struct host_offer *o)
{
    const struct journal_fate *fates = o->fates + o->job.n_early;

    for (size_t i = 0; i < o->offer->n_records; i++) {
        const struct journal_fate *f = &fates[i];
        const struct record *r = &o->offer->records[i];
        const struct pusher_news news = {.code = r->code,
                                         .items = &f->item,
                                         .n = 1,
                                         .became = f->state,
                                         .hold = f->hold,
                                         .reason = f->reason,
                                         .answer = f->code,
                                         .words = f->words,
                                         .stored = true};

        if (r->kind != RECORD_STEP && f->item != 0 && f->state != ITEM_PENDING) {
            waits_tell(o->host->waits, &news);
        }
    }
}

/* The records may be gone after done, and the offer too where nobody waits. */
static void committed(struct host_offer *o)
{
    struct adapter_offer *offer = o->offer;
    struct host *h = o->host;

    CRASH_POINT(offer_committed);
    h->taken++;
    copy_fates(o);
    tell_others(o);
    if (offer->n_owed > 0) {
        poller_owed(h->poller);
    }
    if (offer->wait_ms == 0) {
        offer_free(o);
        offer->done(offer);
        return;
    }
    begin_waits(o);
    o->step = OFFER_WAITING;
    h->waiting++;
    if (o->n_open == 0 || o->hurried || h->stopping) {
        settle(o);
    } else {
        loop_timer_start(h->env->loop, &o->over, offer->wait_ms);
    }
    offer->done(offer); /* may hurry it */
}

/* ---- storing ---- */

static void append_done(struct journal_op *op)
{
    struct host_offer *o = CONTAINER_OF(op, struct host_offer, append.op);
    struct host *h = o->host;
    uint32_t stored = o->append.stored + o->append.replaced;
    bool followed = o->followed;
    struct errmsg why = op->why;
    int err = op->err;

    journal_append_free(&o->append);
    end_merge(o);
    if (err == 0) {
        committed(o); /* o may be gone; nothing of the flow has moved yet */
    } else {
        refuse(o, err, why.text);
    }
    if (err == 0 && stored > 0) {
        h->appended(h->ctx, false, followed);
    }
}

static int add_owed(struct host_offer *o)
{
    int err = 0;

    for (size_t i = 0; i < o->offer->n_owed && err == 0; i++) {
        struct journal_row row = {
            .id = o->offer->owed[i], .owed = true, .why = "told by the source"};

        err = journal_append_row(&o->append, o->host->source_name, &row);
    }
    return err;
}

static int add_records(struct host_offer *o)
{
    int err = 0;

    if (o->merging) {
        err = merge_add(&o->job, &o->append);
    }
    for (size_t i = 0; i < o->offer->n_records && o->offer->fates != NULL && err == 0; i++) {
        o->offer->fates[i].overruled = o->merging && o->job.overruled[i];
    }
    if (o->merging) {
        return err;
    }
    for (size_t i = 0; i < o->offer->n_records && err == 0; i++) {
        struct flow_judged judged;

        err = flow_judge(o->host->sink, &o->offer->records[i], false, &judged);
        err = err == 0 ? journal_append_add(&o->append, &judged.stored) : err;
    }
    return err;
}

/* Judged and handed to the journal. */
static void offer_store(struct host_offer *o)
{
    struct host *h = o->host;
    size_t n = o->offer->n_records + o->job.n_early;
    int err;

    journal_append_init(&o->append, h->flow);
    o->fates = calloc(n + 1, sizeof(*o->fates));
    err = o->fates != NULL ? add_records(o) : ERR_NOMEM;
    err = err == 0 ? add_owed(o) : err;
    if (err < 0) {
        journal_append_free(&o->append);
        refuse(o, err == ERR_NOMEM ? ERR_BUSY : err, err_text(err));
        return;
    }
    o->step = OFFER_STORING;
    o->append.fates = o->fates;
    o->append.born_flow = h->born_flow;
    o->append.now_ms = (uint64_t)loop_wall_ms(h->env->loop);
    o->append.op.done = append_done;
    CRASH_POINT(offer_append_before);
    journal_append(h->env->journal, &o->append);
    o->followed = h->appending(h->ctx);
}

static void merged(struct merge_job *job)
{
    struct host_offer *o = CONTAINER_OF(job, struct host_offer, job);

    if (job->err != 0) {
        refuse(o, job->err == ERR_NOMEM ? ERR_BUSY : job->err,
               job->why.text[0] != '\0' ? job->why.text : err_text(job->err));
    } else {
        offer_store(o);
    }
}

/* ---- offers ---- */

/* Why nothing of it can be taken in now; NULL when it can. */
static const char *busy(const struct host *h, const struct adapter_offer *offer)
{
    if (h->stopping) {
        return "the daemon is stopping";
    }
    if (h->mode == FLOW_OFF) {
        return "the flow is off";
    }
    if (h->source->endpoint.paused) {
        return "the source is paused";
    }
    if (h->mode == FLOW_OBSERVE && offer->wait_ms > 0) {
        return "the flow only observes and can't answer for the other side";
    }
    if (h->n_offers > HOST_OFFERS_MAX) {
        return "too many records are being taken in";
    }
    if (journal_condition(h->env->journal) != JOURNAL_OK) {
        return journal_condition_text(h->env->journal);
    }
    return journal_window_full(h->env->journal) ? "the journal is behind" : NULL;
}

static void offer(struct adapter_host *base, struct adapter_offer *offer)
{
    struct host *h = CONTAINER_OF(base, struct host, base);
    struct host_offer *o = calloc(1, sizeof(*o));
    const char *why;

    if (o == NULL) {
        abort(); /* a small fixed allocation; nothing was promised yet */
    }
    o->host = h;
    o->offer = offer;
    offer->impl = o;
    offer->err = 0;
    loop_timer_init(&o->over, over);
    loop_task_init(&o->task, task_run);
    list_push(&h->offers, &o->link);
    h->n_offers++;
    why = busy(h, offer);
    if (why != NULL) {
        refuse(o, h->stopping ? ERR_CANCELED : ERR_BUSY, why);
    } else if (offer->n_owed > 0 && h->poller == NULL) {
        refuse(o, ERR_INVAL, "nobody reads the details of this source");
    } else if (h->merge != NULL && offer->n_records > 0) {
        o->step = OFFER_TAKING;
        o->merging = true;
        o->job.records = offer->records;
        o->job.n_records = offer->n_records;
        o->job.source = h->source_name;
        o->job.rank = h->rank;
        o->job.ready = merged;
        merge_start(h->merge, &o->job);
    } else {
        o->step = OFFER_TAKING;
        loop_defer(h->env->loop, &o->task);
    }
}

static void hurry(struct adapter_host *base, struct adapter_offer *offer)
{
    struct host_offer *o = offer->impl;

    (void)base;
    o->hurried = true;
    settle(o);
}

/* ---- the host ---- */

static const struct adapter_host_ops ops = {
    .offer = offer, .hurry = hurry, .ask = host_ask, .relay = host_relay, .rows = host_rows};

static void timer_fired(struct loop_timer *timer)
{
    host_pump_calls(CONTAINER_OF(timer, struct host, timer));
}

static void pump_task(struct loop_task *task)
{
    struct host *h = CONTAINER_OF(task, struct host, pump);

    host_pump_calls(h);
    host_check_stopped(h);
}

void host_init(struct host *h, const struct flow_env *env, const char *name, int64_t flow,
               const struct party *source, struct party *sink, struct waits *waits)
{
    memset(h, 0, sizeof(*h));
    h->base.ops = &ops;
    h->env = env;
    h->name = name;
    h->flow = flow;
    h->source = source;
    h->source_name = source->adapter->name;
    h->sink = sink;
    h->waits = waits;
    list_init(&h->offers);
    list_init(&h->calls);
    loop_timer_init(&h->timer, timer_fired);
    loop_task_init(&h->pump, pump_task);
}

void host_kick(struct host *h)
{
    if (h->n_calls > 0 || h->stopping) {
        loop_defer(h->env->loop, &h->pump);
    }
}

void host_check_stopped(struct host *h)
{
    if (h->stopped != NULL && h->n_offers + h->n_calls == 0) {
        void (*stopped)(void *ctx) = h->stopped;

        h->stopped = NULL;
        stopped(h->stopped_ctx);
    }
}

void host_stop(struct host *h, void (*stopped)(void *ctx), void *ctx)
{
    h->stopping = true;
    h->stopped = stopped;
    h->stopped_ctx = ctx;
    loop_timer_stop(&h->timer);
    for (struct list *l = h->offers.next; l != &h->offers; l = l->next) {
        settle(CONTAINER_OF(l, struct host_offer, link));
    }
    host_kick(h);
}

void host_free(struct host *h)
{
    loop_timer_stop(&h->timer);
    loop_task_cancel(&h->pump);
}
