/* Requests on the status and control sockets, behind the HTTP library: paths, queries, orders.
 *
 * Every request is answered once; with JSON or plain text; an order is carried out on the control
 * socket only.
 *
 * Input: a byte (1: POST, 2: control socket), the path, 0x1F, the query, 0x1F, the body. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "codec/json.h"
#include "codec/record.h"
#include "config/config.h"
#include "daemon/status_order.h"
#include "daemon/status_routes.h"
#include "fuzz/fuzz.h"
#include "journal/journal.h"
#include "lib/fake_loop.h"
#include "sync/catalog.h"

#define QUERIES 8
#define PATIENCE_MS 60000
#define CODE "000.00.31.H00-251118-0007"
#define INPUTS_A_JOURNAL 500 /* orders change it: then a new one */

struct engine {
    struct engine_status status;
    struct engine_probe *probe;
    struct engine_try *try;
    struct catalog_heal *heal;
    struct engine_reconcile *reconcile;
    struct journal *journal;
    unsigned orders;
};

static struct fake_loop loop;
static struct metrics *metrics;
static struct events *events;
static const struct config *config;
static struct engine engine;
static struct routes routes;
static struct log no_log;

/* The request at work. */
static struct {
    char *names[QUERIES], *values[QUERIES];
    size_t n;
    unsigned answers, status;
} asked;

/* ---- in place of the HTTP library ---- */

const char *http_call_query(const struct http_call *call, const char *name)
{
    (void)call;
    for (size_t i = 0; i < asked.n; i++) {
        if (strcmp(asked.names[i], name) == 0) {
            return asked.values[i];
        }
    }
    return NULL;
}

const char *http_call_header(const struct http_call *call, const char *name)
{
    (void)call;
    (void)name;
    return NULL;
}

void http_call_add_header(struct http_call *call, const char *name, const char *value)
{
    (void)call;
    (void)name;
    (void)value;
}

void http_answer(struct http_call *call, unsigned status, const char *content_type,
                 const char *text, size_t n)
{
    struct json *root = NULL;
    struct errmsg why = {0};

    (void)call;
    asked.answers++;
    asked.status = status;
    FUZZ_CHECK(asked.answers == 1, "%u answers", asked.answers);
    FUZZ_CHECK(status >= 200 && status <= 599, "%u", status);
    FUZZ_CHECK(text_is_utf8(text, n), "%.*s", (int)n, text);
    if (strstr(content_type, "json") != NULL) {
        FUZZ_CHECK(json_parse(text, n, &root, &why) == 0, "%s: %.*s", why.text, (int)n, text);
    }
    json_free(root);
}

void http_answer_problem(struct http_call *call, unsigned status, const char *detail)
{
    FUZZ_CHECK(detail[0] != '\0' && text_is_utf8(detail, strlen(detail)), "%s", detail);
    http_answer(call, status, "text/plain", detail, strlen(detail));
}

/* ---- in place of the engine ---- */

const char *breaker_name(enum breaker_state state)
{
    return state == BREAKER_CLOSED ? "closed" : "open";
}

const char *engine_verdict_name(enum engine_verdict v)
{
    return v == ENGINE_OK ? "ok" : "degraded";
}

void engine_status(struct engine *e, struct engine_status *out)
{
    *out = e->status;
}

int engine_pause(struct engine *e, const char *endpoint, const char *who, const char *reason)
{
    (void)who;
    (void)reason;
    e->orders++;
    return strcmp(endpoint, "portal") == 0 ? 0 : ERR_NOTFOUND;
}

int engine_resume(struct engine *e, const char *endpoint, const char *who)
{
    return engine_pause(e, endpoint, who, "");
}

int engine_poll(struct engine *e, const char *source, bool full)
{
    (void)full;
    e->orders++;
    return strcmp(source, "a") == 0 ? 0 : ERR_NOTFOUND;
}

int engine_catalog(struct engine *e, const char *flow)
{
    (void)flow;
    e->orders++;
    return 0;
}

int engine_catalog_heal(struct engine *e, const char *flow, struct catalog_heal *heal)
{
    (void)flow;
    e->orders++;
    e->heal = heal;
    return 0;
}

void engine_reconcile(struct engine *e, struct engine_reconcile *reconcile)
{
    e->orders++;
    e->reconcile = reconcile;
}

int engine_reconcile_cancel(struct engine *e, const char *who)
{
    (void)who;
    e->orders++;
    return ERR_STATE;
}

int engine_adopt(struct engine *e, const char *flow, const char *who)
{
    (void)flow;
    (void)who;
    e->orders++;
    return ERR_STATE;
}

void engine_kick(struct engine *e)
{
    (void)e;
}

void engine_probe(struct engine *e, struct engine_probe *probe)
{
    e->orders++;
    e->probe = probe;
}

void engine_try(struct engine *e, struct engine_try *try)
{
    e->orders++;
    e->try = try;
}

struct journal *engine_journal(struct engine *e)
{
    return e->journal;
}

/* What the engine would say later. */
static void answer_orders(void)
{
    if (engine.probe != NULL) {
        struct engine_probe *probe = engine.probe;

        engine.probe = NULL;
        probe->ok = true;
        probe->done(probe);
    }
    if (engine.try != NULL) {
        struct engine_try *try = engine.try;
        const struct engine_try_row row = {.id = "7", .raw = "{\"a\":1}", .raw_len = 7};

        engine.try = NULL;
        try->row(try, &row);
        try->n_listed = 1;
        try->done(try);
    }
    if (engine.heal != NULL) {
        struct catalog_heal *heal = engine.heal;

        engine.heal = NULL;
        heal->stored = (uint32_t)heal->n;
        heal->done(heal);
    }
    if (engine.reconcile != NULL) {
        struct engine_reconcile *reconcile = engine.reconcile;

        engine.reconcile = NULL;
        reconcile->done(reconcile);
    }
}

/* ---- the process ---- */

static const struct config *give_config(void *ctx)
{
    (void)ctx;
    return config;
}

static void describe(void *ctx, struct status_process *out)
{
    (void)ctx;
    memset(out, 0, sizeof(*out));
    out->version = "9.9";
    out->config_path = "/etc/dvcsync/dvcsyncd.conf";
    out->reload_error = "";
    out->log_level = "info";
}

static int no_reload(void *ctx, const char *who,
                     void (*done)(void *done_ctx, const char *const *errors, size_t n),
                     void *done_ctx)
{
    (void)ctx;
    (void)who;
    (void)done;
    (void)done_ctx;
    engine.orders++;
    return ERR_BUSY;
}

static void note(struct journal_op *op)
{
    *(unsigned *)op->ctx += 1;
}

static void note_closed(void *ctx)
{
    *(unsigned *)ctx += 1;
}

static void store(int64_t flow)
{
    struct journal_append a;
    struct journal_record entry = {.status = 4};
    struct errmsg why = {0};
    struct dossier d;
    struct arena arena;
    unsigned done = 0;

    arena_init(&arena, 1u << 20);
    dossier_init(&d);
    d.code = CODE;
    d.procedure_code = "1.001193";
    d.status = "4";
    d.applicant_name = "Nguyễn Văn A";
    d.changed_s = INT64_C(1763433000);
    FUZZ_CHECK(record_from_dossier(&d, &arena, &entry.record, &why) == 0, "%s", why.text);
    journal_append_init(&a, flow);
    a.now_ms = (uint64_t)loop_wall_ms(&loop.loop);
    FUZZ_CHECK(journal_append_add(&a, &entry) == 0, "add");
    a.op.done = note;
    a.op.ctx = &done;
    journal_append(engine.journal, &a);
    fake_loop_settle(&loop);
    FUZZ_CHECK(done == 1, "append");
    journal_append_free(&a);
    arena_free(&arena);
}

static void open_world(void)
{
    char path[512];
    char lock[sizeof(path) + 8];
    const struct journal_options options = {
        .path = path, .window_bytes = 4u << 20, .cache_bytes = 1u << 20};
    struct status_env env = {.loop = &loop.loop,
                             .log = &no_log,
                             .events = events,
                             .engine = &engine,
                             .config = give_config,
                             .describe = describe,
                             .reload = no_reload};
    struct errmsg why = {0};

    (void)snprintf(path, sizeof(path), "%s/journal.db", fuzz_dir());
    (void)remove(path);
    (void)snprintf(lock, sizeof(lock), "%s.lock", path);
    (void)remove(lock); /* it tells of the journal of the input before */
    FUZZ_CHECK(journal_open(&loop.loop, NULL, metrics, &options, &engine.journal, &why) == 0, "%s",
               why.text);
    engine.status.n_flows = 1;
    strcpy(engine.status.flows[0].name, "dossiers");
    strcpy(engine.status.flows[0].from, "a");
    strcpy(engine.status.flows[0].to, "portal");
    engine.status.n_endpoints = 1;
    strcpy(engine.status.endpoints[0].name, "portal");
    FUZZ_CHECK(journal_flow_id(engine.journal, "dossiers", &engine.status.flows[0].flow_id, &why) ==
                   0,
               "%s", why.text);
    store(engine.status.flows[0].flow_id);
    env.journal = engine.journal;
    env.metrics = metrics;
    routes_init(&routes, &env);
}

static void close_world(void)
{
    unsigned closed = 0;

    journal_close(engine.journal, note_closed, &closed);
    fake_loop_settle(&loop);
    FUZZ_CHECK(closed == 1, "close");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fake_loop_init(&loop);
    metrics = metrics_new();
    events = events_new(&loop.loop);
    no_log.level = LOG_LEVEL_ERROR;
    FUZZ_CHECK(metrics != NULL && events != NULL, "no memory");
    events_add(events, LOG_LEVEL_WARN, "test", "an event");
    config = fuzz_config("portal {\n adapter_url = \"https://p.example.vn/x\"\n agency_code = "
                         "\"H00\"\n username = \"sample\"\n password_file = \"@\"\n}\n"
                         "source a {\n url = \"https://a.example.vn\"\n}\n"
                         "flow dossiers {\n from = a\n to = portal\n}\n");
    open_world();
    return 0;
}

/* ---- one request ---- */

static void read_query(char *text)
{
    char *rest = text;

    asked.n = 0;
    while (rest != NULL && asked.n < QUERIES) {
        char *pair = strsep(&rest, "&");
        char *value = strchr(pair, '=');

        if (value != NULL) {
            *value = '\0';
        }
        asked.names[asked.n] = pair;
        asked.values[asked.n++] = value != NULL ? value + 1 : pair + strlen(pair);
    }
}

/* It would write where the body says. */
static bool writes_a_file(const char *path)
{
    return strstr(path, "backup") != NULL || strstr(path, "export") != NULL;
}

static void ask(struct http_call *call, bool control)
{
    bool get = strcmp(call->method, "GET") == 0;
    unsigned before = engine.orders;

    asked.answers = 0;
    routes_dispatch(&routes, call, control, "uid 0 (test)");
    answer_orders();
    fake_loop_settle(&loop);
    fake_loop_advance(&loop, PATIENCE_MS);
    FUZZ_CHECK(asked.answers == 1, "%u answers to %s", asked.answers, call->path);
    FUZZ_CHECK(routes.waiting == 0, "%u wait", routes.waiting);
    FUZZ_CHECK(control || engine.orders == before, "an order without the control socket: %s",
               call->path);
    FUZZ_CHECK(!get || control || engine.orders == before, "%s", call->path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned inputs;
    struct fuzz_in in = {data, size};
    struct http_call call = {.peer = ""};
    uint8_t how = fuzz_byte(&in);
    char *path = fuzz_word(&in);
    char *query = fuzz_word(&in);
    char *body = fuzz_text(&in);
    struct errmsg why = {0};
    struct order order;

    call.method = (how & 1) != 0 ? "POST" : "GET";
    call.path = path;
    call.body = body;
    call.body_len = in.n;
    read_query(query);
    if (order_parse(body, in.n, &order, &why) != 0) {
        FUZZ_CHECK(why.text[0] != '\0' && text_is_utf8(why.text, strlen(why.text)), "%s", why.text);
    }
    if (text_is_utf8(path, strlen(path)) && !writes_a_file(path)) {
        ask(&call, (how & 2) != 0);
    }
    if ((how & 2) != 0 && ++inputs % INPUTS_A_JOURNAL == 0) {
        close_world();
        open_world();
    }
    free(path);
    free(query);
    free(body);
    return 0;
}
