#include "lib/fake_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "fake_world: %s: %s\n", what, why);
    abort();
}

static struct fake_world *world_of(struct loop *loop)
{
    struct fake_loop *f = CONTAINER_OF(loop, struct fake_loop, loop);

    return CONTAINER_OF(f, struct fake_world, loop);
}

static void write_log(void *ctx, enum log_level level, const char *event, const char *message,
                      const struct log_field *fields, size_t n)
{
    struct fake_world *w = ctx;

    (void)fields;
    (void)n;
    (void)fprintf(stderr, "%10llu %s %s %s\n",
                  (unsigned long long)(w->loop.now_ms - FAKE_LOOP_START_MS), log_level_name(level),
                  event, message);
}

static void heard(void *ctx, enum log_level level, const char *kind, const char *text)
{
    struct fake_world *w = ctx;

    (void)level;
    w->events++;
    (void)snprintf(w->last_event, sizeof(w->last_event), "%s %s", kind, text);
}

struct fake_peer *fake_world_peer(struct fake_world *w, const char *name)
{
    for (size_t i = 0; i < w->n_peers; i++) {
        if (strcmp(w->peers[i].name, name) == 0) {
            return &w->peers[i];
        }
    }
    if (w->n_peers == WORLD_PEERS) {
        die("peer", "too many");
    }
    fake_peer_init(&w->peers[w->n_peers], name, &w->loop.loop);
    return &w->peers[w->n_peers++];
}

struct config_flow *fake_world_flow(struct fake_world *w, const char *name, enum flow_kind kind,
                                    const char *from, const char *to)
{
    struct config_flow *f = &w->config.flows[w->config.n_flows++];

    *f = (struct config_flow){.name = name,
                              .kind = kind,
                              .mode = FLOW_LIVE,
                              .from = from,
                              .to = to,
                              .at = "",
                              .every_ms = 86400000,
                              .refresh_ms = UINT64_C(30) * 86400000,
                              .shrink_percent = 80};
    return f;
}

void fake_world_init(struct fake_world *w)
{
    struct config *c = &w->config;

    memset(w, 0, sizeof(*w));
    fake_loop_init(&w->loop);
    w->log = (struct log){.level = LOG_LEVEL_DEBUG, .ctx = w, .write = write_log};
    w->metrics = metrics_new();
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/dvcsync-world-XXXXXX");
    if (w->metrics == NULL || mkdtemp(w->dir) == NULL) {
        die("init", "no memory or no folder");
    }
    (void)snprintf(w->path, sizeof(w->path), "%s/journal-0", w->dir);
    w->options = (struct journal_options){.window_bytes = 4u << 20, .cache_bytes = 1u << 20};
    c->state_dir = w->dir;
    c->shutdown_timeout_ms = 20000;
    c->keep_payload_ms = UINT64_C(7) * 86400000;
    c->keep_history_ms = UINT64_C(90) * 86400000;
    c->retry_first_ms = 30000;
    c->retry_cap_ms = 3600000;
    c->give_up_after_ms = UINT64_C(5) * 86400000;
    c->give_up_attempts = 10;
    c->has_portal = true;
    c->portal.name = "portal";
    c->portal.max_in_flight = 8;
    c->sources[0] =
        (struct config_source){.name = "onestop", .poll_every_ms = 30000, .max_in_flight = 4};
    c->n_sources = 1;
    (void)fake_world_flow(w, "dossiers", FLOW_DOSSIERS, "onestop", "portal");
    w->portal = fake_world_peer(w, "portal");
    w->onestop = fake_world_peer(w, "onestop");
    w->portal->latency_ms = 100;
    w->onestop->poll_latency_ms = 20;
}

static int open_fake(const struct adapter_env *env, const char *endpoint, struct adapter **out,
                     struct errmsg *msg)
{
    struct fake_world *w = world_of(env->loop);

    for (size_t i = 0; i < w->n_peers; i++) {
        if (strcmp(w->peers[i].name, endpoint) == 0) {
            *out = fake_adapter_open(&w->peers[i], env->config);
            return 0;
        }
    }
    return err_set(msg, ERR_NOTFOUND, "no peer %s", endpoint);
}

/* The fakes open no sockets: that there is one is all that is asked. */
static int no_sockets(void *ctx, const struct http_server_options *options,
                      struct http_server **out, struct errmsg *msg)
{
    (void)ctx;
    (void)options;
    *out = NULL;
    return err_set(msg, ERR_UNSUPPORTED, "a fake world has no sockets");
}

static void remove_files(const char *path)
{
    static const char *const tails[] = {"", "-wal", "-shm", ".lock"};
    char name[160];

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, tails[i]);
        (void)unlink(name);
    }
}

static void closed(void *ctx)
{
    ((struct fake_world *)ctx)->closed = true;
}

static void close_journal(struct fake_world *w)
{
    w->closed = false;
    journal_close(w->journal, closed, w);
    while (!w->closed) {
        fake_loop_turn(&w->loop);
    }
    w->journal = NULL;
}

int fake_world_open(struct fake_world *w, struct errmsg *msg)
{
    struct engine_env env = {.loop = &w->loop.loop,
                             .metrics = w->metrics,
                             .open_adapter = open_fake,
                             .serve = no_sockets,
                             .event = heard,
                             .event_ctx = w,
                             .forget_doubt = w->forget_doubt};
    struct log *log = getenv("DVCSYNC_TEST_LOG") != NULL ? &w->log : NULL;
    int err;

    w->options.path = w->path;
    err = journal_open(&w->loop.loop, log, w->metrics, &w->options, &w->journal, msg);
    if (err < 0) {
        w->journal = NULL;
        return err;
    }
    env.log = log;
    env.journal = w->journal;
    err = engine_open(&env, &w->config, &w->engine, msg);
    if (err < 0) {
        w->engine = NULL;
        close_journal(w);
    }
    return err;
}

void fake_world_start(struct fake_world *w)
{
    struct errmsg msg = {""};

    if (fake_world_open(w, &msg) < 0) {
        die("start", msg.text);
    }
    engine_start(w->engine);
}

void fake_world_stop_begin(struct fake_world *w)
{
    w->closed = false;
    engine_close(w->engine, closed, w);
}

void fake_world_stop(struct fake_world *w)
{
    fake_world_stop_begin(w);
    for (unsigned s = 0; !w->closed; s++) {
        if (s > 3600) {
            die("stop", "the engine does not end");
        }
        fake_loop_advance(&w->loop, 100);
    }
    w->engine = NULL;
    close_journal(w);
}

static void copy_file(const char *from, const char *to, const char *tail)
{
    char source[160];
    char target[160];
    char buffer[65536];
    size_t n;
    FILE *in;
    FILE *out;

    (void)snprintf(source, sizeof(source), "%s%s", from, tail);
    (void)snprintf(target, sizeof(target), "%s%s", to, tail);
    in = fopen(source, "rb");
    if (in == NULL) {
        return; /* no WAL */
    }
    out = fopen(target, "wb");
    if (out == NULL) {
        die("crash", target);
    }
    while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0) {
        if (fwrite(buffer, 1, n, out) != n) {
            die("crash", target);
        }
    }
    (void)fclose(in);
    if (fclose(out) != 0) {
        die("crash", target);
    }
}

void fake_world_crash(struct fake_world *w, unsigned turns)
{
    char next[128];

    for (size_t i = 0; i < w->n_peers; i++) {
        fake_adapter_cut(&w->peers[i]);
    }
    for (unsigned i = 0; i < turns; i++) {
        fake_loop_turn(&w->loop);
    }
    (void)snprintf(next, sizeof(next), "%s/journal-%u", w->dir, ++w->generation);
    copy_file(w->path, next, "");
    copy_file(w->path, next, "-wal");
    /* What is left of the old process ends out of sight, without time passing. */
    w->closed = false;
    engine_close(w->engine, closed, w);
    if (!w->closed) {
        engine_close(w->engine, closed, w);
    }
    for (unsigned i = 0; !w->closed; i++) {
        if (i > 100000) {
            die("crash", "the engine does not end");
        }
        fake_loop_turn(&w->loop);
    }
    w->engine = NULL;
    close_journal(w);
    remove_files(w->path);
    memcpy(w->path, next, sizeof(w->path));
    w->crashes++;
}

void fake_world_free(struct fake_world *w)
{
    if (w->engine != NULL) {
        fake_world_stop(w);
    }
    remove_files(w->path);
    (void)rmdir(w->dir);
    for (size_t i = 0; i < w->n_peers; i++) {
        fake_peer_free(&w->peers[i]);
    }
    metrics_free(w->metrics);
}

int fake_world_setup(void **state)
{
    struct fake_world *w = malloc(sizeof(*w));

    if (w == NULL) {
        return -1;
    }
    fake_world_init(w);
    *state = w;
    return 0;
}

int fake_world_teardown(void **state)
{
    fake_world_free(*state);
    free(*state);
    return 0;
}

void fake_world_run(struct fake_world *w, uint64_t ms)
{
    fake_loop_advance(&w->loop, ms);
}

bool fake_world_settle(struct fake_world *w, uint64_t max_ms)
{
    for (uint64_t ms = 0; ms < max_ms; ms += 1000) {
        fake_loop_advance(&w->loop, 1000);
        if (ms >= 6000 && fake_world_status(w)->idle) { /* the summary is made every 5 seconds */
            return true;
        }
    }
    return fake_world_status(w)->idle;
}

/* ---- what it shows ---- */

const struct engine_status *fake_world_status(struct fake_world *w)
{
    engine_status(w->engine, &w->status);
    return &w->status;
}

const struct engine_flow_status *fake_world_flow_status(struct fake_world *w, const char *flow)
{
    engine_status(w->engine, &w->status);
    for (size_t i = 0; i < w->status.n_flows; i++) {
        if (strcmp(w->status.flows[i].name, flow) == 0) {
            return &w->status.flows[i];
        }
    }
    die("no flow", flow);
    return NULL;
}

uint64_t fake_world_count(struct fake_world *w, const char *flow, enum item_kind kind,
                          enum item_state state)
{
    return fake_world_flow_status(w, flow)->counts[kind][state];
}

uint64_t fake_world_open_items(struct fake_world *w, const char *flow)
{
    const struct engine_flow_status *s = fake_world_flow_status(w, flow);
    uint64_t n = 0;

    for (int state = 0; state < ITEM_STATES; state++) {
        if (item_open((enum item_state)state)) {
            n += s->counts[ITEM_SNAPSHOT][state] + s->counts[ITEM_STEP][state];
        }
    }
    return n;
}

static void op_done(struct journal_op *op)
{
    *(bool *)op->ctx = true;
}

static void wait_for(struct fake_world *w, const bool *done)
{
    for (unsigned i = 0; !*done; i++) {
        if (i > 100000) {
            die("journal", "no answer");
        }
        fake_loop_turn(&w->loop);
    }
}

void fake_world_life(struct fake_world *w, const char *code, struct journal_life *life)
{
    bool done = false;

    memset(life, 0, sizeof(*life));
    (void)snprintf(life->code, sizeof(life->code), "%s", code);
    life->op.done = op_done;
    life->op.ctx = &done;
    journal_life(w->journal, life);
    wait_for(w, &done);
}

enum item_state fake_world_state(struct fake_world *w, const char *code, enum hold_why *hold)
{
    struct journal_life life;
    enum item_state state = ITEM_STATES;

    fake_world_life(w, code, &life);
    for (size_t i = 0; i < life.n_items && life.op.err == 0; i++) {
        if (life.items[i].kind == ITEM_SNAPSHOT) {
            state = life.items[i].state;
            if (hold != NULL) {
                *hold = life.items[i].hold;
            }
        }
    }
    journal_life_free(&life);
    return state;
}

int fake_world_act(struct fake_world *w, enum journal_act_verb verb, const char *code,
                   enum item_state state, uint32_t *moved)
{
    struct journal_act act = {.verb = verb, .state = state};
    bool done = false;

    (void)snprintf(act.code, sizeof(act.code), "%s", code);
    (void)snprintf(act.who, sizeof(act.who), "tester");
    (void)snprintf(act.reason, sizeof(act.reason), "a test");
    act.now_ms = (uint64_t)loop_wall_ms(&w->loop.loop);
    act.op.done = op_done;
    act.op.ctx = &done;
    journal_act(w->journal, &act);
    wait_for(w, &done);
    if (moved != NULL) {
        *moved = act.moved;
    }
    engine_kick(w->engine);
    return act.op.err;
}

/* ---- oracle ---- */

/* HELD with a reason, or a step that waits behind one that is. */
static bool held_somewhere(const struct journal_life *life, const struct record *record)
{
    enum item_kind kind = record_item_kind(record->kind);
    bool waits = false;
    bool held = false;

    for (size_t i = 0; i < life->n_items && life->op.err == 0; i++) {
        const struct journal_item_row *item = &life->items[i];
        bool same = kind == ITEM_SNAPSHOT || strcmp(item->step_key, record->step_key) == 0;

        if (item->kind != kind) {
            continue;
        }
        waits = waits || (same && item_open(item->state));
        held = held ||
               (item->state == ITEM_HELD && item->reason[0] != '\0' && (same || kind == ITEM_STEP));
    }
    return waits && held;
}

uint64_t fake_world_lost(struct fake_world *w, struct fake_peer *source, struct fake_peer *sink,
                         const char *flow)
{
    enum record_kind kind = RECORD_DOSSIER;
    size_t size = 512 + source->pad_bytes;
    char *body = malloc(size);
    uint64_t lost = 0;

    if (body == NULL) {
        die("oracle", "no memory");
    }
    for (size_t i = 0; i < w->config.n_flows; i++) {
        if (strcmp(w->config.flows[i].name, flow) == 0 && w->config.flows[i].kind == FLOW_STATUS) {
            kind = RECORD_STATUS;
        }
    }
    for (size_t i = 0; i < source->n_dossiers; i++) {
        const struct fake_dossier *d = &source->dossiers[i];
        struct journal_life life;
        bool read = false;

        for (size_t k = 0; k <= d->n_steps && !d->gone; k++) {
            struct record record;

            fake_source_record(source, d, k, kind, body, size, &record);
            if (fake_ledger_has(&sink->ledger, &record)) {
                continue;
            }
            if (!read) {
                fake_world_life(w, d->code, &life);
                read = true;
            }
            lost += !held_somewhere(&life, &record);
        }
        if (read) {
            journal_life_free(&life);
        }
    }
    free(body);
    return lost;
}

static bool is_of(const struct journal_life *life, int64_t item, const struct fake_repeat *r)
{
    char hex[DIGEST_HEX_SIZE];

    digest_hex(r->digest, hex);
    for (size_t i = 0; i < life->n_items; i++) {
        if (life->items[i].id == item) {
            if (!r->step) {
                /* Any snapshot in doubt: A, a lost B, A again must be sent, for B may have come. */
                return life->items[i].kind == ITEM_SNAPSHOT;
            }
            return life->items[i].kind == ITEM_STEP &&
                   strncmp(hex, life->items[i].digest, strlen(life->items[i].digest)) == 0;
        }
    }
    return false;
}

static bool excused(const struct journal_life *life, const struct fake_repeat *r)
{
    for (size_t i = 0; i < life->n_attempts; i++) {
        const struct journal_attempt_row *a = &life->attempts[i];
        bool since = a->ended_ms >= r->before_ms && a->begun_ms <= r->at_ms;

        if (a->verb != JOURNAL_SEND || !since || a->outcome != (int)OUTCOME_UNSURE) {
            continue;
        }
        for (int64_t item = a->first_item; item <= a->last_item; item++) {
            if (is_of(life, item, r)) {
                return true;
            }
        }
    }
    return false;
}

uint64_t fake_world_duplicated(struct fake_world *w, const struct fake_peer *sink)
{
    uint64_t duplicated = 0;

    for (size_t i = 0; i < sink->ledger.n_list; i++) {
        struct journal_life life;

        fake_world_life(w, sink->ledger.list[i].code, &life);
        duplicated += life.op.err != 0 || !excused(&life, &sink->ledger.list[i]);
        journal_life_free(&life);
    }
    return duplicated;
}
