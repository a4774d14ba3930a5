/* engine_flow: builds a flow of its parts, by its kind, and speaks to all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/engine_impl.h"

/* ---- what the parts tell each other ---- */

static bool records_come(void *ctx)
{
    struct flow *f = ctx;

    return f->has_pusher && pusher_follow(&f->pusher);
}

static void records_stored(void *ctx, bool replaced, bool followed)
{
    struct flow *f = ctx;

    if (f->has_pusher && !followed) {
        pusher_kick(&f->pusher);
    }
    if (replaced) {
        waits_look(&f->waits);
    }
}

static void catalog_stored(void *ctx)
{
    records_stored(ctx, false, false);
}

static void call_ended(void *ctx, const struct pusher_news *news)
{
    struct flow *f = ctx;

    waits_tell(&f->waits, news);
    for (size_t i = 0; i < f->n_sources; i++) {
        if (f->sources[i].has_poller) {
            poller_taken(&f->sources[i].poller);
        }
    }
    for (size_t i = 0; i < f->n_sources && f->kind == FLOW_INTAKE && news->settled; i++) {
        if (f->sources[i].has_poller && f->sources[i].poller.acks) {
            ack_delivered(&f->sources[i].poller.ack, news->code);
        }
    }
}

static void looks_ended(void *ctx)
{
    engine_check_closed(((struct flow *)ctx)->engine);
}

static void set_live(void *ctx)
{
    engine_set_live(((struct flow *)ctx)->engine);
}

/* ---- kinds ---- */

/* What flows of a kind deliver, where it is one thing after the other. */
static const enum record_kind delivered[] = {
    [FLOW_DOSSIERS] = RECORD_DOSSIER, [FLOW_CATALOG] = RECORD_PROCEDURE,
    [FLOW_STATUS] = RECORD_STATUS,    [FLOW_INTAKE] = RECORD_DOSSIER,
    [FLOW_RATINGS] = RECORD_RATING,   [FLOW_QUESTIONS] = RECORD_QUESTION,
    [FLOW_PAYMENTS] = RECORD_PAYMENT, [FLOW_USAGE] = RECORD_DOSSIER,
};

enum record_kind engine_flow_record(enum flow_kind kind)
{
    return delivered[kind];
}

static int needs(const struct config_flow *c, const struct party *party, bool there,
                 const char *verb, struct errmsg *msg)
{
    return there ? 0
                 : err_set(msg, ERR_CONFIG, "flow %s: endpoint %s can't %s", c->name,
                           party->endpoint.name, verb);
}

/* Whose word counts how much where several know one dossier. */
static int rank_of(const struct config *config, const struct party *party)
{
    const struct config_source *source = config_source_find(config, party->endpoint.name);

    if (source != NULL && source->rank > 0) {
        return (int)source->rank;
    }
    return party->adapter->rank > 0 ? party->adapter->rank : 1;
}

static int observable(const struct config_flow *c, const struct party *party, struct errmsg *msg)
{
    return c->mode == FLOW_OBSERVE && (party->adapter->caps & ADAPTER_ANSWERS) != 0
               ? err_set(msg, ERR_CONFIG,
                         "flow %s: source %s answers its clients, so it can not observe", c->name,
                         party->endpoint.name)
               : 0;
}

static void build_poller(struct flow *f, struct flow_source *s, struct party *sink,
                         enum record_kind kind)
{
    struct engine *e = f->engine;

    bool apart = (s->party->adapter->caps & ADAPTER_APART) != 0 && kind != RECORD_DOSSIER;

    poller_init(&s->poller, &e->flow_env, f->name, f->id, kind, s->party, sink);
    s->poller.appending = records_come;
    s->poller.appended = records_stored;
    s->poller.ctx = f;
    if (apart) { /* rows and places of its own */
        (void)snprintf(s->place, sizeof(s->place), "%s.%s", s->party->adapter->name, f->name);
        s->poller.source_name = s->place;
    }
    if ((s->party->adapter->caps & ADAPTER_ACK) != 0 && s->party->adapter->ops->ack != NULL &&
        !apart) {
        poller_acknowledge(&s->poller, f->kind == FLOW_INTAKE);
    }
    s->has_poller = true;
}

static int build_source(struct flow *f, const struct config_flow *c, const char *name,
                        struct party *sink, struct errmsg *msg)
{
    struct flow_source *s = &f->sources[f->n_sources];
    struct party *party = engine_party(f->engine, name);
    const struct adapter_ops *ops = party->adapter->ops;
    bool polls = ops->poll != NULL && ops->detail != NULL;
    bool listens = ops->listen != NULL && c->kind != FLOW_STATUS;
    int err = needs(c, party, polls || listens, "be polled, nor does it push", msg);

    err = err == 0 ? observable(c, party, msg) : err;
    if (err < 0) {
        return err;
    }
    s->flow = f;
    s->party = party;
    if (polls) {
        build_poller(f, s, sink, delivered[c->kind]);
    }
    if (listens) {
        host_init(&s->host, &f->engine->flow_env, f->name, f->id, party, sink, &f->waits);
        s->host.poller = polls ? &s->poller : NULL;
        s->host.appending = records_come;
        s->host.appended = records_stored;
        s->host.ctx = f;
        s->has_host = true;
    }
    f->n_sources++;
    return 0;
}

static void build_merge(struct flow *f, const struct party *sink)
{
    const struct party *first = f->sources[0].party;

    merge_init(&f->merge, &f->engine->flow_env, f->id, sink, first->adapter->name,
               rank_of(f->engine->config, first));
    for (size_t i = 0; i < f->n_sources && f->n_sources > 1; i++) {
        struct flow_source *s = &f->sources[i];

        if (s->has_poller) {
            poller_merge(&s->poller, &f->merge);
        }
        if (s->has_host) {
            s->host.merge = &f->merge;
        }
    }
}

static int build_dossiers(struct flow *f, const struct config_flow *c, struct party *sink,
                          struct errmsg *msg)
{
    struct engine *e = f->engine;
    size_t n = 1 + c->also_from.n;
    int err = sink != NULL ? needs(c, sink, sink->adapter->ops->send != NULL, "be written to", msg)
                           : err_set(msg, ERR_CONFIG, "flow %s: no `to`", c->name);

    if (err == 0 && n > FLOW_SOURCES_MAX) {
        err = err_set(msg, ERR_CONFIG, "flow %s: more than %d sources", c->name, FLOW_SOURCES_MAX);
    }
    f->sources = err == 0 ? calloc(n, sizeof(*f->sources)) : NULL;
    if (err == 0 && f->sources == NULL) {
        err = err_set(msg, ERR_NOMEM, "flow %s", c->name);
    }
    for (size_t i = 0; i < n && err == 0; i++) {
        err = build_source(f, c, i == 0 ? c->from : c->also_from.items[i - 1], sink, msg);
    }
    if (err < 0) {
        return err;
    }
    build_merge(f, sink);
    pusher_init(&f->pusher, &e->flow_env, f->name, f->id, sink, delivered[c->kind]);
    f->pusher.ended = call_ended;
    f->pusher.ctx = f;
    f->has_pusher = true;
    if (sink->adapter->ops->lookup != NULL && c->kind == FLOW_DOSSIERS) {
        walk_init(&f->walk, &e->flow_env, f->name, sink, true);
        f->walk.ended = set_live;
        f->walk.ctx = f;
        f->has_walk = true;
    }
    return 0;
}

static int build_catalog(struct flow *f, const struct config_flow *c, struct party *sink,
                         struct errmsg *msg)
{
    struct engine *e = f->engine;
    struct party *source = engine_party(e, c->from);
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
    f->catalog.appended = catalog_stored;
    f->catalog.named = set_live;
    f->catalog.ctx = f;
    f->has_catalog = true;
    if (sink != NULL) {
        pusher_init(&f->pusher, &e->flow_env, f->name, f->id, sink, RECORD_PROCEDURE);
        f->has_pusher = true;
    }
    return 0;
}

static int build_seen(struct flow *f, const struct config_flow *c, struct errmsg *msg)
{
    struct party *source = engine_party(f->engine, c->from);
    int err = needs(c, source, source->adapter->ops->lookup != NULL, "look codes up", msg);

    if (err == 0) {
        walk_init(&f->walk, &f->engine->flow_env, f->name, source, false);
        f->walk.ended = set_live;
        f->walk.ctx = f;
        f->has_walk = true;
    }
    return err;
}

static int build(struct flow *f, const struct config_flow *c, struct errmsg *msg)
{
    struct party *sink = c->to[0] != '\0' ? engine_party(f->engine, c->to) : NULL;

    switch (c->kind) {
    case FLOW_DOSSIERS:
    case FLOW_STATUS:
    case FLOW_INTAKE:
    case FLOW_RATINGS:
    case FLOW_QUESTIONS:
    case FLOW_PAYMENTS:
    case FLOW_USAGE:
        return build_dossiers(f, c, sink, msg);
    case FLOW_CATALOG:
        return build_catalog(f, c, sink, msg);
    case FLOW_SEEN:
        return build_seen(f, c, msg);
    }
    return err_set(msg, ERR_CONFIG, "flow %s: unknown kind", c->name);
}

int engine_flow_open(struct engine *e, const struct config_flow *c, struct errmsg *msg)
{
    struct flow *f = calloc(1, sizeof(*f));
    int err = f != NULL ? 0 : err_set(msg, ERR_NOMEM, "flow %s", c->name);

    if (err < 0) {
        return err;
    }
    f->engine = e;
    f->kind = c->kind;
    (void)snprintf(f->name, sizeof(f->name), "%s", c->name);
    (void)snprintf(f->from, sizeof(f->from), "%s", c->from);
    (void)snprintf(f->to, sizeof(f->to), "%s", c->to);
    waits_init(&f->waits, &e->flow_env);
    f->waits.ended = looks_ended;
    f->waits.ctx = f;
    err = journal_flow_id(e->env.journal, c->name, &f->id, msg);
    err = err == 0 ? build(f, c, msg) : err;
    if (err < 0) {
        engine_flow_free(f);
        return err;
    }
    engine_flow_configure(f, c);
    e->flows[e->n_flows++] = f;
    return 0;
}

/* The flow that brings what this flow's sink tells. */
static int64_t told_flow(const struct engine *e, const struct flow *f)
{
    for (size_t i = 0; i < e->n_flows; i++) {
        const struct flow *other = e->flows[i];

        for (size_t k = 0; k < other->n_sources && other->kind == FLOW_DOSSIERS; k++) {
            if (strcmp(other->sources[k].party->endpoint.name, f->to) == 0) {
                return other->id;
            }
        }
    }
    return 0;
}

/* 0: there is none. */
static int64_t first_flow(const struct engine *e, enum flow_kind kind)
{
    for (size_t i = 0; i < e->n_flows; i++) {
        if (e->flows[i]->kind == kind) {
            return e->flows[i]->id;
        }
    }
    return 0;
}

void engine_flows_link(struct engine *e)
{
    int64_t intake = first_flow(e, FLOW_INTAKE);
    int64_t dossiers = first_flow(e, FLOW_DOSSIERS); /* payments ask what they cost */

    for (size_t i = 0; i < e->n_flows; i++) {
        struct flow *f = e->flows[i];

        for (size_t k = 0; k < f->n_sources && f->kind == FLOW_DOSSIERS; k++) {
            f->sources[k].poller.born_flow = intake;
            f->sources[k].host.born_flow = intake;
        }
        for (size_t k = 0; k < f->n_sources && f->kind == FLOW_INTAKE; k++) {
            f->sources[k].host.told_flow = told_flow(e, f);
        }
        for (size_t k = 0; k < f->n_sources && f->kind == FLOW_PAYMENTS; k++) {
            f->sources[k].host.told_flow = dossiers;
        }
    }
}

/* ---- all parts ---- */

static bool same_sources(const struct flow *f, const struct config_flow *c)
{
    bool same = f->n_sources == 1 + c->also_from.n;

    for (size_t i = 1; i < f->n_sources && same; i++) {
        same = strcmp(f->sources[i].party->endpoint.name, c->also_from.items[i - 1]) == 0;
    }
    return same || f->n_sources == 0;
}

int engine_flow_check(const struct flow *f, const struct config_flow *c, struct errmsg *msg)
{
    int err = 0;

    if (strcmp(f->from, c->from) != 0 || strcmp(f->to, c->to) != 0 || f->kind != c->kind ||
        !same_sources(f, c)) {
        return err_set(msg, ERR_CONFIG,
                       "flow %s has other systems now (kind, from, also_from, to): a restart takes "
                       "them",
                       f->name);
    }
    for (size_t i = 0; i < f->n_sources && err == 0; i++) {
        err = observable(c, f->sources[i].party, msg);
    }
    return err;
}

static void source_configure(struct flow_source *s, const struct config_flow *c)
{
    const struct config *config = s->flow->engine->config;
    int rank = rank_of(config, s->party);

    if (s->has_poller) {
        s->poller.rank = rank;
        poller_configure(&s->poller, config, c);
    }
    s->host.rank = rank;
    s->host.mode = c->mode;
}

void engine_flow_configure(struct flow *f, const struct config_flow *c)
{
    const struct config *config = f->engine->config;

    f->mode = c->mode;
    for (size_t i = 0; i < f->n_sources; i++) {
        source_configure(&f->sources[i], c);
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

static void kick_sources(struct flow *f)
{
    for (size_t i = 0; i < f->n_sources; i++) {
        if (f->sources[i].has_poller) {
            poller_room(&f->sources[i].poller);
        }
        if (f->sources[i].has_host) {
            host_kick(&f->sources[i].host);
        }
    }
}

void engine_flow_kick(struct flow *f)
{
    kick_sources(f);
    waits_look(&f->waits); /* an operator may have moved what they wait for */
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

void engine_flow_room(struct flow *f)
{
    kick_sources(f);
    if (f->has_pusher && !f->pusher.yields) {
        pusher_room(&f->pusher);
    }
    if (f->has_catalog && f->catalog.step != CATALOG_REST) {
        catalog_kick(&f->catalog);
    }
    if (f->has_walk && f->walk.walking) {
        walk_kick(&f->walk);
    }
}

void engine_flow_room_at_last(struct flow *f)
{
    if (f->has_pusher && f->pusher.yields) {
        pusher_room(&f->pusher);
    }
}

uint32_t engine_flow_parts(const struct flow *f)
{
    uint32_t n = (uint32_t)f->has_pusher + f->has_catalog + f->has_walk;

    for (size_t i = 0; i < f->n_sources; i++) {
        n += (uint32_t)f->sources[i].has_poller;
    }
    return n;
}

void engine_flow_stop(struct flow *f, void (*stopped)(void *ctx), void *ctx)
{
    for (size_t i = 0; i < f->n_sources; i++) {
        if (f->sources[i].has_poller) {
            poller_stop(&f->sources[i].poller, stopped, ctx);
        }
    }
    if (f->has_catalog) {
        catalog_stop(&f->catalog, stopped, ctx);
    }
    if (f->has_walk) {
        walk_stop(&f->walk, stopped, ctx);
    }
    if (f->has_pusher) {
        pusher_stop(&f->pusher, stopped, ctx);
    }
}

void engine_flow_free(struct flow *f)
{
    for (size_t i = 0; i < f->n_sources; i++) {
        if (f->sources[i].has_poller) {
            poller_free(&f->sources[i].poller);
        }
        if (f->sources[i].has_host) {
            host_free(&f->sources[i].host);
        }
    }
    waits_stop(&f->waits);
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
    free(f->sources);
    free(f);
}
