#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/restore.h"
#include "journal/upkeep.h"
#include "sync/engine_impl.h"

#define RESTORED_FRESH_MS UINT64_C(86400000)
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

struct party *engine_party(struct engine *e, const char *name)
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

static void party_was_paused(void *ctx, struct party *party)
{
    engine_keep_fact(ctx, "pause:", party->endpoint.name, party->endpoint.pause_reason);
}

void engine_kick(struct engine *e)
{
    for (size_t i = 0; i < e->n_flows && e->running; i++) {
        engine_flow_kick(e->flows[i]);
    }
    if (e->running) {
        reviewer_kick(&e->reviewer);
    }
}

static void room_task(struct loop_task *task)
{
    struct engine *e = CONTAINER_OF(task, struct engine, room);

    if (e->closing) {
        return;
    }
    for (size_t i = 0; i < e->n_parties; i++) {
        party_round(&e->parties[i]);
    }
    e->first_in_room++;
    for (size_t i = 0; i < e->n_flows; i++) {
        engine_flow_room(e->flows[(e->first_in_room + i) % e->n_flows]);
    }
    reviewer_kick(&e->reviewer);
    for (size_t i = 0; i < e->n_flows; i++) {
        engine_flow_room_at_last(e->flows[i]);
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

    if (name[0] == '\0' || engine_party(e, name) != NULL) {
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

/* ---- which flows may send ---- */

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

void engine_set_live(struct engine *e)
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

/* ---- open, start ---- */

static const char *mirror_name(void *ctx, enum record_kind kind, const char *code)
{
    return names_find(&((struct engine *)ctx)->names, kind, code);
}

static int mirror_level(void *ctx, const char *procedure_code)
{
    return names_level(&((struct engine *)ctx)->names, procedure_code);
}

static uint64_t mirror_changes(void *ctx)
{
    return ((struct engine *)ctx)->names.changes;
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
                                          .mirror_changes = mirror_changes,
                                          .mirror_ctx = e,
                                          .serve = env->serve,
                                          .serve_ctx = env->serve_ctx};
    names_init(&e->names);
    engine_reviewer_init(e);
    engine_watch_init(e);
    loop_timer_init(&e->upkeep, upkeep_fired);
    loop_timer_init(&e->deadline, deadline_fired);
    loop_task_init(&e->room, room_task);
    loop_task_init(&e->finish, finish_task);
    return e;
}

static void engine_free(struct engine *e)
{
    for (size_t i = 0; i < e->n_flows; i++) {
        engine_flow_free(e->flows[i]);
    }
    for (size_t i = 0; i < e->n_parties; i++) {
        e->parties[i].adapter->ops->free(e->parties[i].adapter);
    }
    names_free(&e->names);
    reviewer_free(&e->reviewer);
    watch_free(&e->watch);
    free(e->retention);
    free(e);
}

/* What the flows need, opened once for all of them. */
static int open_parties(struct engine *e, const struct config *config, struct errmsg *msg)
{
    int err = 0;

    for (size_t i = 0; i < config->n_flows && err == 0; i++) {
        const struct config_flow *c = &config->flows[i];

        err = party_open(e, c->from, msg);
        err = err == 0 ? party_open(e, c->to, msg) : err;
        for (size_t k = 0; k < c->also_from.n && err == 0; k++) {
            err = party_open(e, c->also_from.items[k], msg);
        }
    }
    return err;
}

int engine_open(const struct engine_env *env, const struct config *config, struct engine **out,
                struct errmsg *msg)
{
    struct engine *e = engine_new(env, config);
    int err = e != NULL ? 0 : err_set(msg, ERR_NOMEM, "engine");

    if (err < 0) {
        return err;
    }
    err = open_parties(e, config, msg);
    for (size_t i = 0; i < config->n_flows && err == 0; i++) {
        err = engine_flow_open(e, &config->flows[i], msg);
    }
    if (err < 0) {
        engine_free(e);
        return err;
    }
    engine_flows_link(e);
    err = engine_listen(e, msg);
    if (err < 0) {
        e->closing = true;
        engine_unlisten(e); /* those that were opened end on later turns, and the rest with them */
        return err;
    }
    engine_reviewer_link(e);
    engine_set_live(e);
    *out = e;
    return 0;
}

struct pause_read {
    struct engine *engine;
    struct party *party;
    struct journal_fact fact;
};

/* A journal that began as a copy may lack what its sources told before: they are asked for
 * everything, at every start of the first day. */
static void read_all_again(struct engine *e)
{
    uint64_t at_ms = journal_restored(e->env.journal)->at_ms;

    for (size_t i = 0; i < e->n_flows; i++) {
        for (size_t k = 0; k < e->flows[i]->n_sources; k++) {
            struct flow_source *s = &e->flows[i]->sources[k];

            if (s->has_poller && (uint64_t)loop_wall_ms(e->env.loop) < at_ms + RESTORED_FRESH_MS) {
                poller_now(&s->poller, true);
            }
        }
    }
}

static void begin(struct engine *e)
{
    e->running = true;
    read_all_again(e);
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
    reviewer_start(&e->reviewer);
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
    engine_op_ended(e);
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

/* Only what runs can take new values. */
static int check_flow(const struct engine *e, const struct config_flow *c, struct errmsg *msg)
{
    for (size_t k = 0; k < e->n_flows; k++) {
        if (strcmp(e->flows[k]->name, c->name) == 0) {
            return engine_flow_check(e->flows[k], c, msg);
        }
    }
    return err_set(msg, ERR_CONFIG, "flow %s is new: a restart starts it", c->name);
}

int engine_reload(struct engine *e, const struct config *config, struct errmsg *msg)
{
    size_t done = 0;
    int err = 0;

    for (size_t i = 0; i < config->n_flows && err == 0; i++) {
        err = check_flow(e, &config->flows[i], msg);
    }
    if (err < 0) {
        return err;
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

        engine_flow_configure(e->flows[i], c != NULL ? c : &gone);
    }
    reviewer_configure(&e->reviewer, config);
    watch_configure(&e->watch, config);
    engine_set_live(e);
    return 0;
}

/* ---- upkeep ---- */

static void summed(struct journal_op *op)
{
    struct engine *e = CONTAINER_OF(op, struct engine, summing_op.op);

    if (op->err == 0) {
        e->summary = e->summing_op;
    }
    e->summing = false;
    engine_op_ended(e);
}

static void retained(struct journal_op *op)
{
    struct upkeep_state *u = CONTAINER_OF(op, struct upkeep_state, op.op);
    struct engine *e = u->engine;

    u->running = false;
    if (u->op.bodies == RETENTION_ROWS || u->op.attempts == RETENTION_ROWS) {
        e->retention_due_ms = 0; /* more of it: the next idle moment */
    }
    engine_op_ended(e);
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
        e->summing_op.op.done = summed;
        journal_summary(e->env.journal, &e->summing_op);
    }
    /* On a disk that is nearly full it is wanted most: what it frees is used again. */
    if (!e->retention->running && loop_now_ms(e->env.loop) >= e->retention_due_ms &&
        journal_condition(e->env.journal) != JOURNAL_FAULT) {
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
    engine_watch_run(e);
    loop_timer_start(e->env.loop, &e->upkeep, UPKEEP_MS);
}

static void upkeep_fired(struct loop_timer *timer)
{
    start_upkeep(CONTAINER_OF(timer, struct engine, upkeep));
}

/* ---- close ---- */

static bool quiet(const struct engine *e)
{
    bool looking = false;

    for (size_t i = 0; i < e->n_flows; i++) {
        looking = looking || e->flows[i]->waits.looking > 0;
    }
    return !looking && e->open_listeners == 0 && e->open_parts == 0 && e->small_ops == 0 &&
           e->probes == 0 && e->watch.ops == 0;
}

/* What counts has ended: is it the last? */
void engine_check_closed(struct engine *e)
{
    if (e->closing && quiet(e)) {
        loop_defer(e->env.loop, &e->finish);
    }
}

static void finish_task(struct loop_task *task)
{
    struct engine *e = CONTAINER_OF(task, struct engine, finish);
    void (*closed)(void *ctx) = e->closed;
    void *ctx = e->closed_ctx;

    if (!quiet(e)) {
        return; /* something was started meanwhile; its end comes back here */
    }
    loop_timer_stop(&e->deadline);
    loop_task_cancel(&e->room);
    engine_free(e);
    if (closed != NULL) {
        closed(ctx);
    }
}

static void part_stopped(void *ctx)
{
    struct engine *e = ctx;

    e->open_parts--;
    engine_check_closed(e);
}

/* What is begun later ends the same way: see engine_close_parts. */
static void cancel_adapters(struct engine *e)
{
    e->hurried = true;
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

/* Nobody brings anything any more: what works inside may stop. */
void engine_close_parts(struct engine *e)
{
    if (e->parts_closing || e->open_listeners > 0) {
        return;
    }
    e->parts_closing = true;
    for (size_t i = 0; i < e->n_flows; i++) {
        e->open_parts += engine_flow_parts(e->flows[i]);
    }
    /* One part more, so that parts that stop at once do not end the engine under our hands. */
    e->open_parts += 2;
    reviewer_stop(&e->reviewer, part_stopped, e);
    for (size_t i = 0; i < e->n_flows; i++) {
        engine_flow_stop(e->flows[i], part_stopped, e);
    }
    if (e->hurried) {
        cancel_adapters(e);
    }
    part_stopped(e);
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
    watch_stop(&e->watch);
    journal_on_change(e->env.journal, NULL, NULL);
    loop_timer_start(e->env.loop, &e->deadline, e->config->shutdown_timeout_ms);
    engine_unlisten(e);
}
