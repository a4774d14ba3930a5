/* engine_reconcile: whose dossiers can be reconciled, and the order to do so. */
#include <stdio.h>
#include <string.h>

#include "sync/engine_impl.h"

/* A dossier was put in again, or owed rows were read: its flow has work. */
static void work_put_in(void *ctx, int64_t flow)
{
    struct engine *e = ctx;

    for (size_t i = 0; i < e->n_flows && e->running; i++) {
        if (e->flows[i]->id == flow) {
            engine_flow_kick(e->flows[i]);
        }
    }
}

void engine_reviewer_init(struct engine *e)
{
    reviewer_init(&e->reviewer, &e->flow_env);
    e->reviewer.mended = work_put_in;
    e->reviewer.ctx = e;
}

static void add_flow(struct engine *e, struct flow *f, struct party *sink)
{
    struct reviewer_flow *r = reviewer_add(&e->reviewer, f->id, f->name, sink);

    for (size_t i = 0; i < f->n_sources && i < REVIEWER_SOURCES; i++) {
        r->sources[i].party = f->sources[i].party;
        r->sources[i].poller = f->sources[i].has_poller ? &f->sources[i].poller : NULL;
        r->n_sources++;
    }
}

void engine_reviewer_link(struct engine *e)
{
    for (size_t i = 0; i < e->n_flows; i++) {
        struct flow *f = e->flows[i];
        struct party *sink = f->kind == FLOW_DOSSIERS ? engine_party(e, f->to) : NULL;

        if (sink != NULL && sink->adapter->ops->lookup != NULL &&
            (sink->adapter->caps & ADAPTER_LOOKUP) != 0) {
            add_flow(e, f, sink);
        }
    }
    reviewer_configure(&e->reviewer, e->config);
}

static void begun(struct journal_op *op)
{
    struct engine_reconcile *q = CONTAINER_OF(op, struct engine_reconcile, begin.op);
    struct engine *e = q->engine;

    q->err = op->err;
    q->why = op->why;
    if (op->err == 0) {
        reviewer_begun(&e->reviewer, &q->begin);
    }
    q->done(q);
    engine_op_ended(e);
}

void engine_reconcile(struct engine *e, struct engine_reconcile *q)
{
    q->engine = e;
    q->begin.op.done = begun;
    reviewer_fill(&e->reviewer, &q->begin, q->flows);
    e->small_ops++;
    review_begin(e->env.journal, &q->begin);
}

int engine_reconcile_cancel(struct engine *e, const char *who)
{
    return reviewer_cancel(&e->reviewer, who);
}
