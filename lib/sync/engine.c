#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/upkeep.h"
#include "sync/engine_impl.h"

#define UPKEEP_MS 5000
#define RETENTION_MS 600000
#define RETENTION_ROWS 500

struct upkeep_state {
    struct engine *engine;
    struct upkeep_retention op;
    bool running;
};

static void start_upkeep(struct engine *e);

/* ---- parties ---- */

static struct party *party_find(struct engine *e, const char *name)
{
    for (size_t i = 0; i < e->n_parties; i++) {
        if (strcmp(e->parties[i].endpoint.name, name) == 0) {
            return &e->parties[i];
        }
    }
    return NULL;
}

static void party_configure(struct engine *e, struct party *party)
{
    const struct config *config = e->config;
    const struct config_source *source = config_source_find(config, party->endpoint.name);
    uint32_t per_minute[ENDPOINT_LANES] = {0, 0, 0};
    uint32_t max = config->portal.max_in_flight;

    if (source != NULL) {
        per_minute[LANE_DOSSIER] = source->rate * 60;
        max = source->max_in_flight;
    } else {
        per_minute[LANE_DOSSIER] = config->portal.dossier_rate * 60;
        per_minute[LANE_CATALOG] = config->portal.catalog_rate * 60;
        per_minute[LANE_LOOK] = config->portal.seen_rate;
    }
    endpoint_configure(&party->endpoint, max, per_minute, config->retry_first_ms,
                       config->retry_cap_ms);
}

static void op_ended(struct engine *e)
{
    e->small_ops--;
    if (e->closing && e->open_parts == 0 && e->small_ops == 0 && e->probes == 0) {
        loop_defer(e->env.loop, &e->finish);
    }
}

struct small_op {
    struct engine *engine;
    union {
        struct journal_fact fact;
        struct journal_audit audit;
    } op;
};

static void fact_stored(struct journal_op *op)
{
    struct small_op *s = CONTAINER_OF(op, struct small_op, op.fact.op);
    struct engine *e = s->engine;

    free(s);
    op_ended(e);
}

static void audit_stored(struct journal_op *op)
{
    struct small_op *s = CONTAINER_OF(op, struct small_op, op.audit.op);
    struct engine *e = s->engine;

    free(s);
    op_ended(e);
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

static void keep_fact(struct engine *e, const char *prefix, const char *name, const char *value)
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

static void party_was_paused(void *ctx, struct party *party)
{
    keep_fact(ctx, "pause:", party->endpoint.name, party->endpoint.pause_reason);
}

static void kick_flow(struct flow *f)
{
    if (f->has_poller) {
        poller_kick(&f->poller);
    }
    if (f->has_pusher) {
        pusher_kick(&f->pusher);
    }
    if (f->has_catalog) {
        catalog_kick(&f->catalog);
    }
    if (f->has_walk) {
        walk_kick(&f->walk);
    }
}

void engine_kick(struct engine *e)
{
    for (size_t i = 0; i < e->n_flows && e->running; i++) {
        kick_flow(e->flows[i]);
    }
}

static void room_task(struct loop_task *task)
{
    struct engine *e = CONTAINER_OF(task, struct engine, room);

    /* Whoever waits for a place at a shared party. */
    for (size_t i = 0; i < e->n_flows && !e->closing; i++) {
        struct flow *f = e->flows[i];

        if (f->has_poller) {
            poller_kick(&f->poller);
        }
        if (f->has_pusher) {
            pusher_room(&f->pusher);
        }
        if (f->has_catalog && f->catalog.step != CATALOG_REST) {
            catalog_kick(&f->catalog);
        }
        if (f->has_walk && f->walk.walking) {
            walk_kick(&f->walk);
        }
    }
}

static void party_has_room(void *ctx)
{
    struct engine *e = ctx;

    loop_defer(e->env.loop, &e->room);
}

static int party_open(struct engine *e, const char *name, struct errmsg *msg)
{
    struct party *party;
    int err;

    if (name[0] == '\0' || party_find(e, name) != NULL) {
        return 0;
    }
    if (e->n_parties == ENGINE_PARTIES) {
        return err_set(msg, ERR_TOOBIG, "more than %d endpoints", ENGINE_PARTIES);
    }
    party = &e->parties[e->n_parties];
    memset(party, 0, sizeof(*party));
    endpoint_init(&party->endpoint, name);
    party->paused = party_was_paused;
    party->room = party_has_room;
    party->ctx = e;
    err = e->env.open_adapter(&e->adapter_env, name, &party->adapter, msg);
    if (err < 0) {
        return err_wrap(msg, err, "endpoint %s", name);
    }
    e->n_parties++;
    party_configure(e, party);
    return 0;
}

/* ---- flows ---- */

static void records_stored(void *ctx)
{
    struct flow *f = ctx;

    if (f->has_pusher) {
        pusher_kick(&f->pusher);
    }
}

/* What is sent is filled up with names from the mirror: nothing leaves before they are in memory,
 * or a restart would send another content. */
static bool names_known(const struct engine *e)
{
    for (size_t i = 0; i < e->n_flows; i++) {
        if (e->flows[i]->has_catalog && !catalog_names_known(&e->flows[i]->catalog)) {
            return false;
        }
    }
    return true;
}

static void set_live(struct engine *e)
{
    bool known = names_known(e);

    for (size_t i = 0; i < e->n_flows; i++) {
        struct flow *f = e->flows[i];

        /* Going live waits until adopting has ended: nothing old may be sent meanwhile. */
        if (f->has_pusher) {
            f->pusher.live = f->mode == FLOW_LIVE && known &&
                             !(f->has_walk && f->walk.adopts && f->walk.walking);
        }
    }
    engine_kick(e);
}

static void walk_ended(void *ctx)
{
    set_live(((struct flow *)ctx)->engine);
}

static void names_read(void *ctx)
{
    set_live(((struct flow *)ctx)->engine);
}

static int needs(const struct config_flow *c, const struct party *party, bool there,
                 const char *verb, struct errmsg *msg)
{
    return there ? 0
                 : err_set(msg, ERR_CONFIG, "flow %s: endpoint %s can't %s", c->name,
                           party->endpoint.name, verb);
}

static int build_dossiers(struct flow *f, const struct config_flow *c, struct party *source,
                          struct party *sink, struct errmsg *msg)
{
    struct engine *e = f->engine;
    bool status = c->kind == FLOW_STATUS;
    int err = needs(c, source, source->adapter->ops->poll && source->adapter->ops->detail,
                    "be polled", msg);

    if (err == 0) {
        err = needs(c, sink, sink->adapter->ops->send != NULL, "be written to", msg);
    }
    if (err < 0) {
        return err;
    }
    poller_init(&f->poller, &e->flow_env, f->name, f->id, status ? RECORD_STATUS : RECORD_DOSSIER,
                source, sink);
    f->poller.appended = records_stored;
    f->poller.ctx = f;
    f->has_poller = true;
    pusher_init(&f->pusher, &e->flow_env, f->name, f->id, sink,
                status ? RECORD_STATUS : RECORD_DOSSIER);
    f->has_pusher = true;
    if (sink->adapter->ops->lookup != NULL) {
        walk_init(&f->walk, &e->flow_env, f->name, sink, true);
        f->walk.ended = walk_ended;
        f->walk.ctx = f;
        f->has_walk = true;
    }
    return 0;
}

static int build_catalog(struct flow *f, const struct config_flow *c, struct party *source,
                         struct party *sink, struct errmsg *msg)
{
    struct engine *e = f->engine;
    int err = needs(c, source, source->adapter->ops->list && source->adapter->ops->detail,
                    "list a catalogue", msg);

    if (err == 0 && sink != NULL) {
        err = needs(c, sink, sink->adapter->ops->send && sink->adapter->ops->check,
                    "take procedures", msg);
    }
    if (err < 0) {
        return err;
    }
    catalog_init(&f->catalog, &e->flow_env, f->name, f->id, source, sink, &e->names);
    f->catalog.appended = records_stored;
    f->catalog.named = names_read;
    f->catalog.ctx = f;
    f->has_catalog = true;
    if (sink != NULL) {
        pusher_init(&f->pusher, &e->flow_env, f->name, f->id, sink, RECORD_PROCEDURE);
        f->has_pusher = true;
    }
    return 0;
}

static int build_seen(struct flow *f, const struct config_flow *c, struct party *source,
                      struct errmsg *msg)
{
    int err = needs(c, source, source->adapter->ops->lookup != NULL, "look codes up", msg);

    if (err == 0) {
        walk_init(&f->walk, &f->engine->flow_env, f->name, source, false);
        f->walk.ended = walk_ended;
        f->walk.ctx = f;
        f->has_walk = true;
    }
    return err;
}

static void flow_configure(struct flow *f, const struct config_flow *c)
{
    const struct config *config = f->engine->config;

    f->mode = c->mode;
    if (f->has_poller) {
        poller_configure(&f->poller, config, c);
    }
    if (f->has_pusher) {
        pusher_configure(&f->pusher, config, c);
    }
    if (f->has_catalog) {
        catalog_configure(&f->catalog, config, c);
    }
    if (f->kind == FLOW_SEEN) {
        f->walk.every_ms = c->every_ms;
        f->walk.live = c->mode != FLOW_OFF;
    }
}

static int flow_open(struct engine *e, const struct config_flow *c, struct errmsg *msg)
{
    struct flow *f = calloc(1, sizeof(*f));
    struct party *source = party_find(e, c->from);
    struct party *sink = c->to[0] != '\0' ? party_find(e, c->to) : NULL;
    int err = f != NULL ? 0 : err_set(msg, ERR_NOMEM, "flow %s", c->name);

    if (err < 0) {
        return err;
    }
    f->engine = e;
    f->kind = c->kind;
    (void)snprintf(f->name, sizeof(f->name), "%s", c->name);
    (void)snprintf(f->from, sizeof(f->from), "%s", c->from);
    (void)snprintf(f->to, sizeof(f->to), "%s", c->to);
    err = journal_flow_id(e->env.journal, c->name, &f->id, msg);
    if (err == 0) {
        switch (c->kind) {
        case FLOW_DOSSIERS:
        case FLOW_STATUS:
            err = sink != NULL ? build_dossiers(f, c, source, sink, msg)
                               : err_set(msg, ERR_CONFIG, "flow %s: no `to`", c->name);
            break;
        case FLOW_CATALOG:
            err = build_catalog(f, c, source, sink, msg);
            break;
        case FLOW_SEEN:
            err = build_seen(f, c, source, msg);
            break;
        }
    }
    if (err < 0) {
        free(f);
        return err;
    }
    flow_configure(f, c);
    e->flows[e->n_flows++] = f;
    return 0;
}

/* ---- open, start ---- */

static const char *mirror_name(void *ctx, enum record_kind kind, const char *code)
{
    return names_find(&((struct engine *)ctx)->names, kind, code);
}

static int mirror_level(void *ctx, const char *procedure_code)
{
    return names_level(&((struct engine *)ctx)->names, procedure_code);
}

static void journal_changed(void *ctx)
{
    engine_kick(ctx);
}

static void deadline_fired(struct loop_timer *timer);
static void finish_task(struct loop_task *task);
static void upkeep_fired(struct loop_timer *timer);

static struct engine *engine_new(const struct engine_env *env, const struct config *config)
{
    struct engine *e = calloc(1, sizeof(*e));
    struct upkeep_state *u = calloc(1, sizeof(*u));

    if (e == NULL || u == NULL) {
        free(e);
        free(u);
        return NULL;
    }
    e->env = *env;
    e->config = config;
    e->retention = u;
    u->engine = e;
    e->flow_env = (struct flow_env){.loop = env->loop,
                                    .log = env->log,
                                    .metrics = env->metrics,
                                    .journal = env->journal,
                                    .event = env->event,
                                    .event_ctx = env->event_ctx,
                                    .forget_doubt = env->forget_doubt,
                                    .log_codes = config->log_dossier_code};
    e->adapter_env = (struct adapter_env){.loop = env->loop,
                                          .http = env->http,
                                          .log = env->log,
                                          .metrics = env->metrics,
                                          .config = config,
                                          .mirror_name = mirror_name,
                                          .mirror_level = mirror_level,
                                          .mirror_ctx = e};
    names_init(&e->names);
    loop_timer_init(&e->upkeep, upkeep_fired);
    loop_timer_init(&e->deadline, deadline_fired);
    loop_task_init(&e->room, room_task);
    loop_task_init(&e->finish, finish_task);
    return e;
}

/* Nothing of it may be left in the loop's lists, however far it had come. */
static void flow_free(struct flow *f)
{
    if (f->has_poller) {
        loop_task_cancel(&f->poller.pump);
        loop_timer_stop(&f->poller.timer);
    }
    if (f->has_pusher) {
        loop_task_cancel(&f->pusher.pump);
        loop_timer_stop(&f->pusher.timer);
    }
    if (f->has_catalog) {
        loop_task_cancel(&f->catalog.pump);
        loop_timer_stop(&f->catalog.timer);
    }
    if (f->has_walk) {
        loop_task_cancel(&f->walk.pump);
        loop_timer_stop(&f->walk.timer);
    }
    free(f);
}

static void engine_free(struct engine *e)
{
    for (size_t i = 0; i < e->n_flows; i++) {
        flow_free(e->flows[i]);
    }
    for (size_t i = 0; i < e->n_parties; i++) {
        e->parties[i].adapter->ops->free(e->parties[i].adapter);
    }
    names_free(&e->names);
    free(e->retention);
    free(e);
}

int engine_open(const struct engine_env *env, const struct config *config, struct engine **out,
                struct errmsg *msg)
{
    struct engine *e = engine_new(env, config);
    int err = e != NULL ? 0 : err_set(msg, ERR_NOMEM, "engine");

    if (err < 0) {
        return err;
    }
    for (size_t i = 0; i < config->n_flows && err == 0; i++) {
        err = party_open(e, config->flows[i].from, msg);
        if (err == 0) {
            err = party_open(e, config->flows[i].to, msg);
        }
    }
    for (size_t i = 0; i < config->n_flows && err == 0; i++) {
        err = flow_open(e, &config->flows[i], msg);
    }
    if (err < 0) {
        engine_free(e);
        return err;
    }
    set_live(e);
    *out = e;
    return 0;
}

struct pause_read {
    struct engine *engine;
    struct party *party;
    struct journal_fact fact;
};

static void begin(struct engine *e)
{
    e->running = true;
    engine_kick(e);
    for (size_t i = 0; i < e->n_flows; i++) {
        struct flow *f = e->flows[i];
        const char *target = f->kind == FLOW_SEEN ? f->from : "";

        /* seen walks over what the flow to that party delivered */
        for (size_t k = 0; k < e->n_flows && target[0] != '\0'; k++) {
            if (e->flows[k]->kind == FLOW_DOSSIERS && strcmp(e->flows[k]->to, target) == 0) {
                walk_start(&f->walk, e->flows[k]->id);
            }
        }
    }
    start_upkeep(e);
}

/* Pauses survive a restart. */
static void pause_known(struct journal_op *op)
{
    struct pause_read *r = CONTAINER_OF(op, struct pause_read, fact.op);
    struct engine *e = r->engine;

    if (op->err == 0 && r->fact.value[0] != '\0') {
        endpoint_pause(&r->party->endpoint, r->fact.value, loop_wall_ms(e->env.loop));
        flow_say(&e->flow_env, LOG_LEVEL_WARN, "endpoint_paused", r->party->endpoint.name,
                 "still paused: %s", r->fact.value);
    }
    free(r);
    op_ended(e);
    e->starting--;
    if (e->starting == 0 && !e->closing) {
        begin(e);
    }
}

void engine_start(struct engine *e)
{
    journal_on_change(e->env.journal, journal_changed, e);
    for (size_t i = 0; i < e->n_parties; i++) {
        struct pause_read *r = calloc(1, sizeof(*r));

        if (r == NULL) {
            abort(); /* a small fixed allocation at start */
        }
        r->engine = e;
        r->party = &e->parties[i];
        (void)snprintf(r->fact.name, sizeof(r->fact.name), "pause:%s", e->parties[i].endpoint.name);
        r->fact.op.done = pause_known;
        e->small_ops++;
        e->starting++;
        journal_fact_get(e->env.journal, &r->fact);
    }
    if (e->n_parties == 0) {
        begin(e); /* nothing to do, and the faces say so */
    }
}

/* ---- reload ---- */

int engine_reload(struct engine *e, const struct config *config, struct errmsg *msg)
{
    size_t done = 0;
    int err = 0;

    for (size_t i = 0; i < config->n_flows; i++) {
        bool known = false;

        for (size_t k = 0; k < e->n_flows; k++) {
            known = known || strcmp(e->flows[k]->name, config->flows[i].name) == 0;
        }
        if (!known) {
            return err_set(msg, ERR_CONFIG, "flow %s is new: a restart starts it",
                           config->flows[i].name);
        }
    }
    for (done = 0; done < e->n_parties && err == 0; done++) {
        struct adapter *a = e->parties[done].adapter;

        err = a->ops->reconfigure(a, config, msg);
    }
    if (err < 0) {
        for (size_t i = 0; i + 1 < done; i++) {
            struct errmsg unused = {""};
            int back =
                e->parties[i].adapter->ops->reconfigure(e->parties[i].adapter, e->config, &unused);

            if (back < 0) {
                abort(); /* it ran with these values a moment ago */
            }
        }
        return err;
    }
    e->config = config;
    e->adapter_env.config = config;
    e->flow_env.log_codes = config->log_dossier_code;
    for (size_t i = 0; i < e->n_parties; i++) {
        party_configure(e, &e->parties[i]);
    }
    for (size_t i = 0; i < e->n_flows; i++) {
        const struct config_flow *c = config_flow_find(config, e->flows[i]->name);
        struct config_flow gone = {.name = e->flows[i]->name,
                                   .mode = FLOW_OFF,
                                   .from = "",
                                   .to = "",
                                   .at = "",
                                   .every_ms = 86400000};

        flow_configure(e->flows[i], c != NULL ? c : &gone);
    }
    set_live(e);
    return 0;
}

/* ---- upkeep ---- */

static void summed(struct journal_op *op)
{
    struct engine *e = CONTAINER_OF(op, struct engine, summary.op);

    e->summing = false;
    op_ended(e);
}

static void retained(struct journal_op *op)
{
    struct upkeep_state *u = CONTAINER_OF(op, struct upkeep_state, op.op);
    struct engine *e = u->engine;

    u->running = false;
    if (u->op.bodies == RETENTION_ROWS || u->op.attempts == RETENTION_ROWS) {
        e->retention_due_ms = 0; /* more of it: the next idle moment */
    }
    op_ended(e);
}

static void run_retention(struct engine *e)
{
    struct upkeep_state *u = e->retention;

    e->retention_due_ms = loop_now_ms(e->env.loop) + RETENTION_MS;
    u->running = true;
    u->op.now_ms = (uint64_t)loop_wall_ms(e->env.loop);
    u->op.keep_payload_ms = e->config->keep_payload_ms;
    u->op.keep_history_ms = e->config->keep_history_ms;
    u->op.limit = RETENTION_ROWS;
    u->op.op.done = retained;
    e->small_ops++;
    upkeep_retention(e->env.journal, &u->op);
}

static void start_upkeep(struct engine *e)
{
    if (!e->summing) {
        e->summing = true;
        e->small_ops++;
        e->summary.op.done = summed;
        journal_summary(e->env.journal, &e->summary);
    }
    if (!e->retention->running && loop_now_ms(e->env.loop) >= e->retention_due_ms &&
        journal_condition(e->env.journal) == JOURNAL_OK) {
        run_retention(e);
    }
    /* The catalogue compares again once its sink has taken what was handed to it. */
    for (size_t i = 0; i < e->n_flows; i++) {
        struct flow *f = e->flows[i];

        if (f->has_catalog && f->has_pusher && f->pusher.delivered != f->delivered_seen &&
            pusher_idle(&f->pusher)) {
            f->delivered_seen = f->pusher.delivered;
            catalog_delivered(&f->catalog);
        }
    }
    loop_timer_start(e->env.loop, &e->upkeep, UPKEEP_MS);
}

static void upkeep_fired(struct loop_timer *timer)
{
    start_upkeep(CONTAINER_OF(timer, struct engine, upkeep));
}

/* ---- close ---- */

static void finish_task(struct loop_task *task)
{
    struct engine *e = CONTAINER_OF(task, struct engine, finish);
    void (*closed)(void *ctx) = e->closed;
    void *ctx = e->closed_ctx;

    if (e->open_parts > 0 || e->small_ops > 0 || e->probes > 0) {
        return; /* something was started meanwhile; its end comes back here */
    }
    loop_task_cancel(&e->room);
    engine_free(e);
    closed(ctx);
}

static void part_stopped(void *ctx)
{
    struct engine *e = ctx;

    e->open_parts--;
    if (e->open_parts == 0) {
        loop_timer_stop(&e->deadline);
        if (e->small_ops == 0 && e->probes == 0) {
            loop_defer(e->env.loop, &e->finish);
        }
    }
}

static void cancel_adapters(struct engine *e)
{
    for (size_t i = 0; i < e->n_parties; i++) {
        e->parties[i].adapter->ops->cancel(e->parties[i].adapter);
    }
}

static void deadline_fired(struct loop_timer *timer)
{
    struct engine *e = CONTAINER_OF(timer, struct engine, deadline);

    flow_say(&e->flow_env, LOG_LEVEL_WARN, "stop_deadline", "engine",
             "calls still in flight at the deadline are ended; their items are in doubt");
    cancel_adapters(e);
}

void engine_close(struct engine *e, void (*closed)(void *ctx), void *ctx)
{
    if (e->closing) {
        cancel_adapters(e);
        return;
    }
    e->closing = true;
    e->running = false;
    e->closed = closed;
    e->closed_ctx = ctx;
    loop_timer_stop(&e->upkeep);
    journal_on_change(e->env.journal, NULL, NULL);
    for (size_t i = 0; i < e->n_flows; i++) {
        struct flow *f = e->flows[i];

        e->open_parts += (uint32_t)f->has_poller + f->has_pusher + f->has_catalog + f->has_walk;
    }
    loop_timer_start(e->env.loop, &e->deadline, e->config->shutdown_timeout_ms);
    /* One part more, so that parts that stop at once do not end the engine under our hands. */
    e->open_parts++;
    for (size_t i = 0; i < e->n_flows; i++) {
        struct flow *f = e->flows[i];

        if (f->has_poller) {
            poller_stop(&f->poller, part_stopped, e);
        }
        if (f->has_catalog) {
            catalog_stop(&f->catalog, part_stopped, e);
        }
        if (f->has_walk) {
            walk_stop(&f->walk, part_stopped, e);
        }
        if (f->has_pusher) {
            pusher_stop(&f->pusher, part_stopped, e);
        }
    }
    part_stopped(e);
}

/* ---- operators ---- */

int engine_pause(struct engine *e, const char *endpoint, const char *who, const char *reason)
{
    struct party *party = party_find(e, endpoint);

    if (party == NULL) {
        return ERR_NOTFOUND;
    }
    party_pause(&e->flow_env, party, reason[0] != '\0' ? reason : "asked by an operator");
    keep_audit(e, who, "pause", endpoint, reason);
    return 0;
}

int engine_resume(struct engine *e, const char *endpoint, const char *who)
{
    struct party *party = party_find(e, endpoint);

    if (party == NULL) {
        return ERR_NOTFOUND;
    }
    endpoint_resume(&party->endpoint);
    keep_fact(e, "pause:", endpoint, "");
    keep_audit(e, who, "resume", endpoint, "");
    flow_say(&e->flow_env, LOG_LEVEL_NOTICE, "endpoint_resumed", endpoint, "resumed");
    engine_kick(e);
    return 0;
}

int engine_poll(struct engine *e, const char *source, bool full)
{
    int err = ERR_NOTFOUND;

    for (size_t i = 0; i < e->n_flows; i++) {
        if (e->flows[i]->has_poller && strcmp(e->flows[i]->from, source) == 0) {
            poller_now(&e->flows[i]->poller, full);
            err = 0;
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
