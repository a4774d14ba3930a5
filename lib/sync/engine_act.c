/* engine_act: what operators ask for, and the small things that the engine keeps in the journal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/engine_impl.h"

/* ---- small things kept ---- */

void engine_op_ended(struct engine *e)
{
    e->small_ops--;
    engine_check_closed(e);
}

struct small_op {
    struct engine *engine;
    union {
        struct journal_fact fact;
        struct journal_audit audit;
    } op;
};

/* Only while the journal closes: what was asked for holds until the restart, and no longer. */
static void not_kept(struct engine *e, const char *what, const struct journal_op *op)
{
    if (op->err != 0) {
        flow_say(&e->flow_env, LOG_LEVEL_ERROR, "not_kept", "engine",
                 "%s could not be kept in the journal: %s", what,
                 op->why.text[0] != '\0' ? op->why.text : err_text(op->err));
    }
}

static void fact_stored(struct journal_op *op)
{
    struct small_op *s = CONTAINER_OF(op, struct small_op, op.fact.op);
    struct engine *e = s->engine;

    not_kept(e, "a pause", op);
    free(s);
    engine_op_ended(e);
}

static void audit_stored(struct journal_op *op)
{
    struct small_op *s = CONTAINER_OF(op, struct small_op, op.audit.op);
    struct engine *e = s->engine;

    not_kept(e, "an operator's action", op);
    free(s);
    engine_op_ended(e);
}

static struct small_op *small_op_new(struct engine *e)
{
    struct small_op *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        abort(); /* a small fixed allocation */
    }
    s->engine = e;
    e->small_ops++;
    return s;
}

void engine_keep_fact(struct engine *e, const char *prefix, const char *name, const char *value)
{
    struct small_op *s = small_op_new(e);

    (void)snprintf(s->op.fact.name, sizeof(s->op.fact.name), "%s%s", prefix, name);
    (void)snprintf(s->op.fact.value, sizeof(s->op.fact.value), "%s", value);
    s->op.fact.op.done = fact_stored;
    journal_fact_set(e->env.journal, &s->op.fact);
}

static void keep_audit(struct engine *e, const char *who, const char *verb, const char *object,
                       const char *reason)
{
    struct small_op *s = small_op_new(e);

    (void)snprintf(s->op.audit.who, sizeof(s->op.audit.who), "%s", who);
    (void)snprintf(s->op.audit.verb, sizeof(s->op.audit.verb), "%s", verb);
    (void)snprintf(s->op.audit.object, sizeof(s->op.audit.object), "%s", object);
    (void)snprintf(s->op.audit.reason, sizeof(s->op.audit.reason), "%s", reason);
    s->op.audit.now_ms = (uint64_t)loop_wall_ms(e->env.loop);
    s->op.audit.op.done = audit_stored;
    journal_audit(e->env.journal, &s->op.audit);
}

/* ---- operators ---- */

int engine_pause(struct engine *e, const char *endpoint, const char *who, const char *reason)
{
    struct party *party = engine_party(e, endpoint);

    if (party == NULL) {
        return ERR_NOTFOUND;
    }
    party_pause(&e->flow_env, party, reason[0] != '\0' ? reason : "asked by an operator");
    keep_audit(e, who, "pause", endpoint, reason);
    return 0;
}

int engine_resume(struct engine *e, const char *endpoint, const char *who)
{
    struct party *party = engine_party(e, endpoint);

    if (party == NULL) {
        return ERR_NOTFOUND;
    }
    endpoint_resume(&party->endpoint);
    engine_keep_fact(e, "pause:", endpoint, "");
    keep_audit(e, who, "resume", endpoint, "");
    flow_say(&e->flow_env, LOG_LEVEL_NOTICE, "endpoint_resumed", endpoint, "resumed");
    engine_kick(e);
    return 0;
}

int engine_poll(struct engine *e, const char *source, bool full)
{
    int err = ERR_NOTFOUND;

    for (size_t i = 0; i < e->n_flows; i++) {
        for (size_t k = 0; k < e->flows[i]->n_sources; k++) {
            struct flow_source *s = &e->flows[i]->sources[k];

            if (s->has_poller && strcmp(s->poller.source_name, source) == 0) {
                poller_now(&s->poller, full);
                err = 0;
            }
        }
    }
    return err;
}

static struct flow *flow_find(struct engine *e, const char *name)
{
    for (size_t i = 0; i < e->n_flows; i++) {
        if (strcmp(e->flows[i]->name, name) == 0) {
            return e->flows[i];
        }
    }
    return NULL;
}

int engine_catalog(struct engine *e, const char *flow)
{
    struct flow *f = flow_find(e, flow);

    if (f == NULL || !f->has_catalog) {
        return ERR_NOTFOUND;
    }
    catalog_now(&f->catalog);
    return 0;
}

int engine_catalog_heal(struct engine *e, const char *flow, struct catalog_heal *heal)
{
    struct flow *f = flow_find(e, flow);

    if (f == NULL || !f->has_catalog) {
        return ERR_NOTFOUND;
    }
    catalog_heal(&f->catalog, heal);
    return 0;
}

int engine_adopt(struct engine *e, const char *flow, const char *who)
{
    struct flow *f = flow_find(e, flow);

    if (f == NULL || f->kind != FLOW_DOSSIERS || !f->has_walk) {
        return ERR_NOTFOUND;
    }
    if (f->mode != FLOW_OBSERVE || f->walk.walking) {
        return ERR_STATE;
    }
    f->adopt_total = journal_tally(e->env.journal, f->id, ITEM_SNAPSHOT, ITEM_PENDING) +
                     journal_tally(e->env.journal, f->id, ITEM_SNAPSHOT, ITEM_HELD);
    walk_start(&f->walk, f->id);
    keep_audit(e, who, "adopt", flow, "");
    return 0;
}

struct journal *engine_journal(struct engine *e)
{
    return e->env.journal;
}
