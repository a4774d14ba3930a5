/* The commands that set the world up, change it and drive the daemon. */
#include <stdio.h>
#include <string.h>

#include "replay/replay.h"

static const char *not_running(struct replay *r)
{
    return r->world.engine == NULL ? replay_wrong(r, "the daemon does not run") : NULL;
}

/* ---- configuration, before the start ---- */

static const char *set_mode(struct replay *r, struct config_flow *flow, const char *name)
{
    static const char *const names[] = {"live", "observe", "off"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(names[i], name) == 0) {
            flow->mode = (enum flow_mode)i;
            return NULL;
        }
    }
    return replay_wrong(r, "no mode %s; live, observe or off", name);
}

static const char *config_number(struct replay *r, const char *key, uint64_t n)
{
    struct config *c = &r->world.config;
    const struct {
        const char *key;
        uint32_t *value;
    } keys[] = {{"max_in_flight", &c->portal.max_in_flight},
                {"dossier_rate", &c->portal.dossier_rate},
                {"catalog_rate", &c->portal.catalog_rate},
                {"seen_rate", &c->portal.seen_rate},
                {"give_up_attempts", &c->give_up_attempts}};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].key, key) == 0) {
            *keys[i].value = (uint32_t)n;
            return NULL;
        }
    }
    return replay_wrong(r, "no number %s", key);
}

static const char *config_duration(struct replay *r, const char *key, uint64_t ms)
{
    struct config *c = &r->world.config;
    const struct {
        const char *key;
        uint64_t *value;
    } keys[] = {{"poll_every", &c->sources[0].poll_every_ms},
                {"retry_first", &c->retry_first_ms},
                {"retry_cap", &c->retry_cap_ms},
                {"give_up_after", &c->give_up_after_ms},
                {"keep_payload", &c->keep_payload_ms},
                {"shutdown_timeout", &c->shutdown_timeout_ms}};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].key, key) == 0) {
            *keys[i].value = ms;
            return NULL;
        }
    }
    return replay_wrong(r, "no duration %s", key);
}

static const char *do_config(struct replay *r, const struct words *w)
{
    struct config_flow *flow = &r->world.config.flows[0];
    uint64_t n;

    if (r->world.engine != NULL) {
        return replay_wrong(r, "config comes before start; see reload");
    }
    if (strcmp(w->w[1], "mode") == 0) {
        return set_mode(r, flow, w->w[2]);
    }
    if (strcmp(w->w[1], "steps_in_doubt") == 0) {
        flow->steps_in_doubt = strcmp(w->w[2], "ask") == 0 ? STEPS_ASK : STEPS_RESEND;
        return NULL;
    }
    if (replay_number(w->w[2], &n)) {
        return config_number(r, w->w[1], n);
    }
    if (replay_duration(w->w[2], &n)) {
        return config_duration(r, w->w[1], n);
    }
    return replay_wrong(r, "neither a number nor a duration: %s", w->w[2]);
}

static const char *do_flow(struct replay *r, const struct words *w)
{
    static const struct {
        const char *name;
        enum flow_kind kind;
    } kinds[] = {{"catalog", FLOW_CATALOG}, {"seen", FLOW_SEEN}, {"status", FLOW_STATUS}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, w->w[1]) == 0) {
            struct config_flow *flow =
                fake_world_flow(&r->world, kinds[i].name, kinds[i].kind, "portal",
                                kinds[i].kind == FLOW_SEEN ? "" : "onestop");

            flow->every_ms = kinds[i].kind == FLOW_STATUS ? 30000 : flow->every_ms;
            r->world.onestop->caps = ADAPTER_IDEMPOTENT;
            r->world.onestop->upserts = true;
            return NULL;
        }
    }
    return replay_wrong(r, "no flow %s; catalog, seen or status", w->w[1]);
}

/* ---- the source ---- */

/* source dossier CODE status N [text], source step CODE KEY status N, portal status CODE N [text]
 */
static const char *put(struct replay *r, struct fake_peer *p, const struct words *w)
{
    uint64_t status;

    if (strcmp(w->w[1], "dossier") == 0 && w->n >= 5 && replay_number(w->w[4], &status)) {
        fake_source_put(p, w->w[2], (int)status, w->n > 5 ? w->rest_of[5] : "");
        return NULL;
    }
    if (strcmp(w->w[1], "step") == 0 && w->n >= 6 && replay_number(w->w[5], &status)) {
        fake_source_step(p, w->w[2], w->w[3], (int)status);
        return NULL;
    }
    return replay_wrong(r, "dossier CODE status N [TEXT], or step CODE KEY status N");
}

static const char *do_source(struct replay *r, const struct words *w)
{
    struct fake_peer *p = r->world.onestop;
    uint64_t n;

    if (strcmp(w->w[1], "down") == 0 || strcmp(w->w[1], "up") == 0) {
        p->down = w->w[1][0] == 'd';
        return NULL;
    }
    if (strcmp(w->w[1], "forgets") == 0 && w->n == 3) {
        fake_source_remove(p, w->w[2]);
        return NULL;
    }
    if (strcmp(w->w[1], "fails") == 0 && w->n == 4 && replay_number(w->w[3], &n)) {
        fake_source_fail(p, w->w[2], ERR_REMOTE, (uint32_t)n);
        return NULL;
    }
    return put(r, p, w);
}

/* ---- the portal ---- */

/* sink answers ANSWER N|always [CODE] [steps|snapshots] */
static const char *sink_answers(struct replay *r, const struct words *w)
{
    struct fake_peer *p = r->world.portal;
    enum fake_answer answer;
    uint64_t times = 0;
    const char *code = NULL;
    char only = 0;

    if (w->n < 4 || !fake_answer_parse(w->w[2], &answer) ||
        (strcmp(w->w[3], "always") != 0 && !replay_number(w->w[3], &times))) {
        return replay_wrong(r, "sink answers ANSWER N|always [CODE] [steps|snapshots]");
    }
    for (size_t i = 4; i < w->n; i++) {
        if (strcmp(w->w[i], "steps") == 0 || strcmp(w->w[i], "snapshots") == 0) {
            only = w->w[i][1];
        } else {
            code = w->w[i];
        }
    }
    if (only == 't') {
        fake_peer_answer_steps(p, code, answer, (uint32_t)times);
    } else if (only == 'n') {
        fake_peer_answer_snapshots(p, code, answer, (uint32_t)times);
    } else {
        fake_peer_answer(p, code, answer, (uint32_t)times);
    }
    return NULL;
}

/* sink looks ANSWER N|always */
static const char *sink_looks(struct replay *r, const struct words *w)
{
    static const char *const names[] = {"truly", "unknown", "refused", "login", "down"};
    uint64_t times = UINT32_MAX;

    for (int i = 0; i < 5 && w->n >= 3; i++) {
        if (strcmp(names[i], w->w[2]) == 0) {
            if (w->n > 3 && strcmp(w->w[3], "always") != 0 && !replay_number(w->w[3], &times)) {
                break;
            }
            r->world.portal->look = (enum fake_look)i;
            r->world.portal->look_times = (uint32_t)times;
            return NULL;
        }
    }
    return replay_wrong(r, "sink looks truly|unknown|refused|login|down [N|always]");
}

/* Somebody else has brought what the source shows now. */
static const char *sink_holds(struct replay *r, const struct words *w)
{
    struct fake_world *world = &r->world;
    struct fake_dossier *d = w->n == 3 ? fake_source_find(world->onestop, w->w[2]) : NULL;
    char body[512];

    for (size_t i = 0; d != NULL && i <= d->n_steps; i++) {
        struct record record;

        fake_source_record(world->onestop, d, i, RECORD_DOSSIER, body, sizeof(body), &record);
        fake_ledger_accept(&world->portal->ledger,
                           fake_ledger_entry(&world->portal->ledger, d->code), &record, false,
                           i == 0 ? d->status : d->steps[i - 1].status,
                           (uint64_t)loop_wall_ms(&world->loop.loop));
    }
    return d != NULL ? NULL : replay_wrong(r, "sink holds CODE, one that the source has");
}

static const char *sink_forgets(struct replay *r, const struct words *w)
{
    if (w->n != 3) {
        return replay_wrong(r, "sink forgets CODE");
    }
    fake_ledger_entry(&r->world.portal->ledger, w->w[2])->there = false;
    return NULL;
}

static const char *sink_down(struct replay *r, const struct words *w)
{
    r->world.portal->down = strcmp(w->w[1], "down") == 0;
    return NULL;
}

static const char *sink_obeys(struct replay *r, const struct words *w)
{
    (void)w;
    fake_peer_obey(r->world.portal);
    return NULL;
}

static const char *sink_lets_go(struct replay *r, const struct words *w)
{
    (void)w;
    fake_peer_let_go(r->world.portal);
    return NULL;
}

/* sink is CAPABILITY...: "plain" can nothing */
static const char *sink_is(struct replay *r, const struct words *w)
{
    static const struct {
        const char *name;
        unsigned caps;
    } names[] = {{"plain", 0},
                 {"lookup", ADAPTER_LOOKUP},
                 {"idempotent", ADAPTER_IDEMPOTENT},
                 {"atomic", ADAPTER_ATOMIC}};
    unsigned caps = 0;

    for (size_t i = 2; i < w->n; i++) {
        bool known = false;

        for (size_t k = 0; k < 4; k++) {
            if (strcmp(names[k].name, w->w[i]) == 0) {
                caps |= names[k].caps;
                known = true;
            }
        }
        if (!known) {
            return replay_wrong(r, "sink is plain|lookup|idempotent|atomic...");
        }
    }
    r->world.portal->caps = caps;
    return NULL;
}

static const char *sink_map(struct replay *r, const struct words *w)
{
    uint64_t status;

    if (w->n != 4 || !replay_number(w->w[3], &status) || status > 15) {
        return replay_wrong(r, "map lacks|has status N");
    }
    r->world.portal->unmapped[status] = strcmp(w->w[1], "lacks") == 0;
    return NULL;
}

static const char *do_portal(struct replay *r, const struct words *w)
{
    return put(r, r->world.portal, w);
}

static const char *do_catalog(struct replay *r, const struct words *w)
{
    struct fake_peer *p = r->world.portal;

    if (strcmp(w->w[1], "procedure") == 0 && w->n >= 4) {
        fake_catalog_put(p, RECORD_PROCEDURE, w->w[2], w->w[3], w->n > 4 ? w->rest_of[4] : "");
        return NULL;
    }
    if (strcmp(w->w[1], "drops") == 0 && w->n == 3) {
        fake_catalog_remove(p, RECORD_PROCEDURE, w->w[2]);
        return NULL;
    }
    if (strcmp(w->w[1], "read") == 0) {
        const char *why = not_running(r);

        return why != NULL || engine_catalog(r->world.engine, "catalog") == 0
                   ? why
                   : replay_wrong(r, "no flow catalog");
    }
    return replay_wrong(r, "catalog procedure CODE NAME [TEXT], catalog drops CODE, catalog read");
}

static const char *do_sink(struct replay *r, const struct words *w)
{
    static const struct {
        const char *name;
        const char *(*run)(struct replay *r, const struct words *w);
    } verbs[] = {{"answers", sink_answers}, {"looks", sink_looks},     {"holds", sink_holds},
                 {"forgets", sink_forgets}, {"down", sink_down},       {"up", sink_down},
                 {"obeys", sink_obeys},     {"lets-go", sink_lets_go}, {"is", sink_is}};

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, w->w[1]) == 0) {
            return verbs[i].run(r, w);
        }
    }
    return replay_wrong(r, "the sink does not do %s", w->w[1]);
}

/* ---- the daemon ---- */

static const char *do_start(struct replay *r, const struct words *w)
{
    (void)w;
    if (r->world.engine != NULL) {
        return replay_wrong(r, "the daemon runs already");
    }
    fake_world_start(&r->world);
    return NULL;
}

static const char *do_stop(struct replay *r, const struct words *w)
{
    const char *why = not_running(r);

    (void)w;
    if (why == NULL) {
        fake_world_stop(&r->world);
    }
    return why;
}

static const char *do_crash(struct replay *r, const struct words *w)
{
    const char *why = not_running(r);

    (void)w;
    if (why == NULL) {
        fake_world_crash(&r->world, 0);
    }
    return why;
}

static const char *do_advance(struct replay *r, const struct words *w)
{
    uint64_t ms;

    if (!replay_duration(w->w[1], &ms)) {
        return replay_wrong(r, "no duration: %s", w->w[1]);
    }
    fake_world_run(&r->world, ms);
    return NULL;
}

static const char *do_reload(struct replay *r, const struct words *w)
{
    struct errmsg msg = {""};
    const char *why = not_running(r);
    struct config *next;

    if (why != NULL || w->n != 3 || strcmp(w->w[1], "mode") != 0) {
        return why != NULL ? why : replay_wrong(r, "reload mode live|observe|off");
    }
    why = set_mode(r, &r->world.config.flows[0], w->w[2]);
    next = &r->spare[r->reloads++ % 2];
    *next = r->world.config;
    return why != NULL || engine_reload(r->world.engine, next, &msg) == 0
               ? why
               : replay_wrong(r, "the reload was refused: %s", msg.text);
}

static const char *do_adopt(struct replay *r, const struct words *w)
{
    const char *why = not_running(r);

    (void)w;
    return why != NULL || engine_adopt(r->world.engine, "dossiers", "replay") == 0
               ? why
               : replay_wrong(r, "adopt was refused; it needs mode observe");
}

static const char *do_poll(struct replay *r, const struct words *w)
{
    const char *why = not_running(r);

    (void)w;
    return why != NULL || engine_poll(r->world.engine, "onestop", false) == 0
               ? why
               : replay_wrong(r, "poll was refused");
}

static const char *do_pause(struct replay *r, const struct words *w)
{
    const char *why = not_running(r);
    int err;

    if (why != NULL) {
        return why;
    }
    err = strcmp(w->w[0], "pause") == 0
              ? engine_pause(r->world.engine, w->w[1], "replay", "the scenario says so")
              : engine_resume(r->world.engine, w->w[1], "replay");
    return err == 0 ? NULL : replay_wrong(r, "no endpoint %s", w->w[1]);
}

/* retry|release|hold|drop|delivered|resend CODE, on every item of it that the verb speaks of */
static const char *do_act(struct replay *r, const struct words *w)
{
    static const struct {
        const char *name;
        enum journal_act_verb verb;
        enum item_state state;
    } verbs[] = {
        {"retry", JOURNAL_RETRY, ITEM_PENDING},      {"release", JOURNAL_RELEASE, ITEM_HELD},
        {"hold", JOURNAL_HOLD, ITEM_PENDING},        {"drop", JOURNAL_DROP, ITEM_HELD},
        {"delivered", JOURNAL_DELIVERED, ITEM_HELD}, {"resend", JOURNAL_RESEND, ITEM_HELD}};
    const char *why = not_running(r);

    for (size_t i = 0; why == NULL && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, w->w[0]) == 0) {
            uint32_t moved = 0;
            int err = fake_world_act(&r->world, verbs[i].verb, w->w[1], verbs[i].state, &moved);

            return err == 0 && moved > 0
                       ? NULL
                       : replay_wrong(r, "%s moved %u items: %s", w->w[0], moved, err_text(err));
        }
    }
    return why;
}

static const char *do_mark(struct replay *r, const struct words *w)
{
    const struct fake_peer *p = r->world.portal;

    (void)w;
    r->sends_mark = p->sends;
    r->looks_mark = p->looks;
    r->effects_mark = p->ledger.effects;
    r->repeats_mark = p->ledger.repeats;
    r->log_mark = p->n_log;
    return NULL;
}

static const struct {
    const char *name;
    size_t min_words;
    const char *(*run)(struct replay *r, const struct words *w);
} commands[] = {
    {"config", 3, do_config},     {"flow", 2, do_flow},     {"source", 2, do_source},
    {"sink", 2, do_sink},         {"portal", 2, do_portal}, {"catalog", 2, do_catalog},
    {"map", 4, sink_map},         {"start", 1, do_start},   {"restart", 1, do_start},
    {"stop", 1, do_stop},         {"crash", 1, do_crash},   {"advance", 2, do_advance},
    {"reload", 3, do_reload},     {"adopt", 1, do_adopt},   {"poll", 1, do_poll},
    {"pause", 2, do_pause},       {"resume", 2, do_pause},  {"retry", 2, do_act},
    {"release", 2, do_act},       {"hold", 2, do_act},      {"drop", 2, do_act},
    {"delivered", 2, do_act},     {"resend", 2, do_act},    {"mark", 1, do_mark},
    {"expect", 2, replay_expect},
};

const char *replay_command(struct replay *r, const struct words *words)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, words->w[0]) == 0) {
            return words->n >= commands[i].min_words
                       ? commands[i].run(r, words)
                       : replay_wrong(r, "%s needs %zu words at least", words->w[0],
                                      commands[i].min_words);
        }
    }
    return replay_wrong(r, "no command %s", words->w[0]);
}
