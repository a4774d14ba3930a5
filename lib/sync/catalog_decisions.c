/* catalog_decisions: the decisions that procedures name (IDQUYETDINHCONGBO), where the portal's
 * bridge answers LayQDCB. Each is asked for once: what the mirror has stays. One that fails is
 * asked for again with the next reading and keeps nothing else back. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sync/catalog_impl.h"

#define DECISIONS_MAX 2000 /* of one reading */

static void end(struct catalog *c)
{
    mirror_undecided_free(&c->undecided);
    if (c->decisions_failed > 0) {
        flow_say(c->env, LOG_LEVEL_WARN, "catalog_details", c->name,
                 "%" PRIu32 " decisions could not be read, the last: %s", c->decisions_failed,
                 c->trouble);
        c->trouble[0] = '\0';
    }
    c->step = CATALOG_HAND;
    catalog_kick(c);
}

static void next(struct catalog *c)
{
    c->next_undecided++;
    c->step = CATALOG_DECISIONS;
    catalog_kick(c);
}

static void failed(struct catalog *c, const char *id, const char *why)
{
    c->decisions_failed++;
    (void)snprintf(c->trouble, sizeof(c->trouble), "%.60s: %.160s", id, why);
}

static void put_done(struct journal_op *op)
{
    struct catalog *c = CONTAINER_OF(op, struct catalog, put.op);

    if (op->err != 0) {
        failed(c, c->put.record.code, op->why.text);
    }
    mirror_put_free(&c->put);
    next(c);
}

static void detail_done(struct adapter_detail *detail)
{
    struct catalog_detail *d = CONTAINER_OF(detail, struct catalog_detail, detail);
    struct catalog *c = d->catalog;
    int err = detail->err;

    party_read(c->env, c->source, err == ERR_NOTFOUND ? 0 : err, &detail->why);
    d->busy = false;
    c->running--;
    if (err == 0 && detail->n_records == 1) {
        err = mirror_put_init(&c->put, &detail->records[0], d->code);
        if (err == 0) {
            c->put.now_ms = (uint64_t)loop_wall_ms(c->env->loop);
            c->put.op.done = put_done;
            mirror_put(c->env->journal, &c->put);
            return;
        }
        mirror_put_free(&c->put);
    }
    failed(c, d->code, catalog_words(&detail->why, err));
    next(c);
}

void catalog_run_decisions(struct catalog *c)
{
    struct catalog_detail *d = c->details; /* none is busy: the details have ended */

    if (c->stopping || c->next_undecided >= c->undecided.n) {
        end(c);
        return;
    }
    if (catalog_must_wait(c, c->source)) {
        return;
    }
    c->step = CATALOG_WAIT;
    memset(&d->detail, 0, sizeof(d->detail));
    d->busy = true;
    c->running++;
    (void)snprintf(d->code, sizeof(d->code), "%s", c->undecided.ids[c->next_undecided]);
    d->detail.kind = RECORD_DECISION;
    d->detail.id = d->code;
    d->detail.done = detail_done;
    endpoint_begin(&c->source->endpoint, LANE_CATALOG, loop_now_ms(c->env->loop));
    c->source->adapter->ops->detail(c->source->adapter, &d->detail);
}

static void undecided_done(struct journal_op *op)
{
    struct catalog *c = CONTAINER_OF(op, struct catalog, undecided.op);

    if (op->err != 0) {
        catalog_fail(c, "decisions", catalog_words(&op->why, op->err));
        return;
    }
    c->step = CATALOG_DECISIONS;
    catalog_kick(c);
}

void catalog_begin_decisions(struct catalog *c)
{
    if ((c->source->adapter->caps & ADAPTER_DECISIONS) == 0) {
        c->step = CATALOG_HAND;
        return;
    }
    c->step = CATALOG_WAIT;
    c->next_undecided = 0;
    c->decisions_failed = 0;
    c->undecided.limit = DECISIONS_MAX;
    c->undecided.op.done = undecided_done;
    mirror_undecided(c->env->journal, &c->undecided);
}
