/* The status sockets with a real journal, a real loop and an engine of the test's own. */
#include "daemon/status_routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "codec/json.h"
#include "daemon/loop_uv.h"
#include "daemon/status.h"
#include "daemon/status_metrics.h"
#include "daemon/status_order.h"
#include "daemon/status_read.h"
#include "sync/catalog.h"

#define CODE "H56.31.25-251118-0007"
#define PATIENCE_S 10

/* ---- the engine of the test ---- */

struct engine {
    struct engine_status status;
    unsigned kicks, pauses, polls;
    bool full;
    char who[ROUTES_WHO];
    char reason[300];
    struct engine_probe *probe; /* waits for the test */
    struct engine_try *try;     /* likewise */
    struct engine_reconcile *reconcile;
    struct journal *journal;
};

const char *breaker_name(enum breaker_state state)
{
    return state == BREAKER_CLOSED ? "closed" : "open";
}

const char *engine_verdict_name(enum engine_verdict v)
{
    return v == ENGINE_OK ? "ok" : "degraded";
}

int engine_open(const struct engine_env *env, const struct config *config, struct engine **out,
                struct errmsg *msg)
{
    (void)env;
    (void)config;
    (void)out;
    return err_set(msg, ERR_UNSUPPORTED, "not in this test");
}

void engine_start(struct engine *e)
{
    (void)e;
}

int engine_reload(struct engine *e, const struct config *config, struct errmsg *msg)
{
    (void)e;
    (void)config;
    return err_set(msg, ERR_UNSUPPORTED, "not in this test");
}

void engine_close(struct engine *e, void (*closed)(void *ctx), void *ctx)
{
    (void)e;
    closed(ctx);
}

void engine_status(struct engine *e, struct engine_status *out)
{
    *out = e->status;
}

int engine_pause(struct engine *e, const char *endpoint, const char *who, const char *reason)
{
    if (strcmp(endpoint, "portal") != 0) {
        return ERR_NOTFOUND;
    }
    e->pauses++;
    (void)snprintf(e->who, sizeof(e->who), "%s", who);
    (void)snprintf(e->reason, sizeof(e->reason), "%s", reason);
    return 0;
}

int engine_resume(struct engine *e, const char *endpoint, const char *who)
{
    return engine_pause(e, endpoint, who, "");
}

int engine_poll(struct engine *e, const char *source, bool full)
{
    (void)source;
    e->polls++;
    e->full = full;
    return 0;
}

int engine_catalog(struct engine *e, const char *flow)
{
    (void)e;
    return strcmp(flow, "catalog") == 0 ? 0 : ERR_NOTFOUND;
}

int engine_catalog_heal(struct engine *e, const char *flow, struct catalog_heal *heal)
{
    (void)e;
    if (strcmp(flow, "catalog") != 0) {
        return ERR_NOTFOUND;
    }
    heal->stored = (uint32_t)heal->n;
    heal->done(heal);
    return 0;
}

int engine_adopt(struct engine *e, const char *flow, const char *who)
{
    (void)e;
    (void)flow;
    (void)who;
    return ERR_STATE;
}

void engine_reconcile(struct engine *e, struct engine_reconcile *reconcile)
{
    e->reconcile = reconcile;
}

int engine_reconcile_cancel(struct engine *e, const char *who)
{
    (void)e;
    (void)who;
    return ERR_STATE;
}

void engine_kick(struct engine *e)
{
    e->kicks++;
}

void engine_probe(struct engine *e, struct engine_probe *probe)
{
    e->probe = probe;
}

void engine_try(struct engine *e, struct engine_try *try)
{
    e->try = try;
}

struct journal *engine_journal(struct engine *e)
{
    return e->journal;
}

/* ---- the process of the test ---- */

struct fixture {
    uv_loop_t uv;
    struct loop_uv *loop_uv;
    struct loop *loop;
    struct log log;
    struct metrics *metrics;
    struct events *events;
    struct config *config;
    struct journal *journal;
    struct engine engine;
    struct status status;
    unsigned closed;
    const char *reload_errors[2];
    size_t n_reload_errors;
    void (*reload_done)(void *ctx, const char *const *errors, size_t n);
    void *reload_ctx;
    char dir[64];
    char status_path[108], control_path[108];
    char answer[262144];
    const char *body; /* of the last answer */
    struct json *json;
};

static const struct config *give_config(void *ctx)
{
    return ((struct fixture *)ctx)->config;
}

static void describe(void *ctx, struct status_process *out)
{
    (void)ctx;
    memset(out, 0, sizeof(*out));
    out->version = "9.9";
    out->config_path = "/etc/dvcsync/dvcsyncd.conf";
    out->reload_error = "";
    out->log_level = "info";
    out->rss_kb = 1024;
    out->open_fds = 12;
    out->uptime_s = 61;
}

static int start_reload(void *ctx, const char *who,
                        void (*done)(void *done_ctx, const char *const *errors, size_t n),
                        void *done_ctx)
{
    struct fixture *f = ctx;

    (void)snprintf(f->engine.who, sizeof(f->engine.who), "%s", who);
    f->reload_done = done;
    f->reload_ctx = done_ctx;
    return 0;
}

static double seconds_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void write_config(struct fixture *f)
{
    char path[128];
    struct config_faults *faults = calloc(1, sizeof(*faults));
    FILE *out;

    assert_non_null(faults);
    (void)snprintf(path, sizeof(path), "%s/d.conf", f->dir);
    out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out,
            "state_dir = \"%s\"\nstatus_socket = \"%s\"\ncontrol_socket = \"%s\"\n"
            "portal { adapter_url = \"https://portal.example/x\" agency_code = \"H56\" "
            "username = \"sample\" }\n"
            "source onestop { profile = \"opencps\" url = \"https://onestop.example/\" }\n"
            "flow dossiers { from = \"onestop\" to = \"portal\" }\n",
            f->dir, f->status_path, f->control_path);
    fclose(out);
    if (config_load(path, &f->config, faults) != 0) {
        fail_msg("%s", faults->texts[0]);
    }
    unlink(path);
    free(faults);
}

static void fill_engine(struct fixture *f)
{
    struct engine_flow_status *flow = &f->engine.status.flows[0];
    struct engine_endpoint_status *portal = &f->engine.status.endpoints[0];
    struct errmsg msg = {""};

    f->engine.journal = f->journal;
    f->engine.status.ready = true;
    f->engine.status.n_flows = 1;
    strcpy(flow->name, "dossiers");
    strcpy(flow->from, "onestop");
    strcpy(flow->to, "portal");
    assert_int_equal(journal_flow_id(f->journal, "dossiers", &flow->flow_id, &msg), 0);
    flow->counts[ITEM_SNAPSHOT][ITEM_PENDING] = 3;
    flow->counts[ITEM_STEP][ITEM_UNSURE] = 2;
    flow->counts[ITEM_STEP][ITEM_HELD] = 1;
    flow->held[HOLD_REFUSED] = 1;
    flow->oldest_ms = UINT64_C(1763622000000);
    flow->lag_ms = 42500;
    flow->behind = 7;
    flow->behind_ms = UINT64_C(1763622000000);
    flow->behind_lag_ms = 3600500;
    f->engine.status.n_endpoints = 1;
    strcpy(portal->name, "portal");
    portal->max_in_flight = 8;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct journal_options options = {.window_bytes = 4u << 20, .cache_bytes = 1u << 20};
    struct errmsg msg = {""};
    struct status_env env;
    char path[128];

    assert_non_null(f);
    strcpy(f->dir, "/tmp/status_routes.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->status_path, sizeof(f->status_path), "%s/status.sock", f->dir);
    (void)snprintf(f->control_path, sizeof(f->control_path), "%s/control.sock", f->dir);
    (void)snprintf(path, sizeof(path), "%s/journal.db", f->dir);
    options.path = path;
    assert_int_equal(uv_loop_init(&f->uv), 0);
    assert_int_equal(loop_uv_open(&f->uv, &f->loop_uv), 0);
    f->loop = loop_uv_loop(f->loop_uv);
    f->metrics = metrics_new();
    f->events = events_new(f->loop);
    write_config(f);
    assert_int_equal(journal_open(f->loop, NULL, f->metrics, &options, &f->journal, &msg), 0);
    fill_engine(f);
    env = (struct status_env){.uv = &f->uv,
                              .loop = f->loop,
                              .log = &f->log,
                              .metrics = f->metrics,
                              .journal = f->journal,
                              .engine = &f->engine,
                              .events = f->events,
                              .config = give_config,
                              .describe = describe,
                              .reload = start_reload,
                              .ctx = f};
    if (status_open(&f->status, &env, &msg) != 0) {
        fail_msg("%s", msg.text);
    }
    *state = f;
    return 0;
}

static void on_closed(void *ctx)
{
    ((struct fixture *)ctx)->closed++;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    json_free(f->json);
    if (f->closed == 0) {
        status_close(&f->status, on_closed, f);
    }
    while (f->closed == 0) {
        uv_run(&f->uv, UV_RUN_ONCE);
    }
    journal_close(f->journal, on_closed, f);
    while (f->closed == 1) {
        uv_run(&f->uv, UV_RUN_ONCE);
    }
    assert_int_equal(f->status.routes.waiting, 0);
    loop_uv_close(f->loop_uv);
    uv_run(&f->uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->uv), 0);
    config_free(f->config);
    events_free(f->events);
    metrics_free(f->metrics);
    (void)snprintf(command, sizeof(command), "rm -r %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* ---- a client ---- */

static int send_request(const char *socket_path, const char *method, const char *path,
                        const char *body)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char request[2048];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int n =
        snprintf(request, sizeof(request),
                 "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                 method, path, strlen(body), body);

    strcpy(address.sun_path, socket_path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, request, (size_t)n, 0), n);
    return fd;
}

/* Turns the loop until the answer is whole; gives its status, the body in f->body and, when it is
 * JSON, in f->json. */
static unsigned read_answer(struct fixture *f, int fd)
{
    double until = seconds_now() + PATIENCE_S;
    struct errmsg msg = {""};
    size_t have = 0;
    ssize_t n = -1;

    while (n != 0) {
        uv_run(&f->uv, UV_RUN_NOWAIT);
        n = recv(fd, f->answer + have, sizeof(f->answer) - 1 - have, 0);
        have += n > 0 ? (size_t)n : 0;
        assert_true(n >= 0 || errno == EAGAIN);
        if (seconds_now() > until) {
            fail_msg("no answer");
        }
    }
    close(fd);
    f->answer[have] = '\0';
    f->body = strstr(f->answer, "\r\n\r\n");
    assert_non_null(f->body);
    f->body += 4;
    json_free(f->json);
    f->json = NULL;
    if (f->body[0] == '{') {
        assert_int_equal(json_parse(f->body, strlen(f->body), &f->json, &msg), 0);
    }
    return (unsigned)strtoul(f->answer + strlen("HTTP/1.1 "), NULL, 10);
}

static unsigned get(struct fixture *f, const char *path)
{
    return read_answer(f, send_request(f->status_path, "GET", path, ""));
}

static unsigned order(struct fixture *f, const char *path, const char *body)
{
    return read_answer(f, send_request(f->control_path, "POST", path, body));
}

static const char *text_at(struct fixture *f, const char *pointer)
{
    static char digits[24];
    const char *text = json_text(json_at(f->json, pointer), digits);

    return text != NULL ? text : "(not there)";
}

static void on_append(struct journal_op *op)
{
    *(bool *)op->ctx = true;
}

static void store_snapshot(struct fixture *f, const char *code, const char *body)
{
    struct journal_record record = {.status = 4};
    struct journal_append append;
    bool done = false;

    record.record.kind = RECORD_DOSSIER;
    record.record.code = code;
    record.record.local_no = "";
    record.record.step_key = "";
    record.record.at_s = 1763622000;
    record.record.body = body;
    record.record.body_len = strlen(body);
    memset(record.record.hash, body[0], sizeof(record.record.hash));
    journal_append_init(&append, f->engine.status.flows[0].flow_id);
    append.now_ms = (uint64_t)loop_wall_ms(f->loop);
    append.op.done = on_append;
    append.op.ctx = &done;
    assert_int_equal(journal_append_add(&append, &record), 0);
    journal_append(f->journal, &append);
    while (!done) {
        uv_run(&f->uv, UV_RUN_ONCE);
    }
    assert_int_equal(append.op.err, 0);
    journal_append_free(&append);
}

/* ---- the table ---- */

static void every_order_needs_the_control_socket_and_no_question_does(void **state)
{
    (void)state;
    for (size_t i = 0; route_at(i) != NULL; i++) {
        assert_int_equal(route_at(i)->needs_control, strcmp(route_at(i)->method, "POST") == 0);
    }
}

static void a_path_is_found_with_its_variable_part(void **state)
{
    char name[ROUTES_NAME];
    char path[300];
    bool other;

    (void)state;
    assert_non_null(route_find("GET", "/v1/records/17", name, &other));
    assert_string_equal(name, "17");
    assert_int_equal(route_find("POST", "/v1/records/17:drop", name, &other)->arg, JOURNAL_DROP);
    assert_string_equal(name, "17");
    assert_int_equal(route_find("POST", "/v1/queue:resolve-resend", name, &other)->arg,
                     JOURNAL_RESEND);
    assert_non_null(route_find("HEAD", "/v1/status", name, &other));
    assert_null(route_find("PUT", "/v1/status", name, &other));
    assert_true(other);
    assert_null(route_find("GET", "/v1/records/", name, &other));
    assert_false(other);
    assert_null(route_find("GET", "/v1/dossiers/a/b", name, &other));
    assert_null(route_find("POST", "/v1/records/:drop", name, &other));
    (void)snprintf(path, sizeof(path), "/v1/dossiers/%0200d", 1);
    assert_null(route_find("GET", path, name, &other));
}

static void an_order_is_one_object_with_known_keys(void **state)
{
    struct errmsg msg = {""};
    struct order o;
    static const char good[] = "{\"reason\":\"x\\ny\",\"dry_run\":true,\"hold\":\"refused\"}";
    static const char *const bad[] = {"[]",
                                      "{\"dry-run\":true}",
                                      "{\"reason\":1}",
                                      "{\"full\":\"yes\"}",
                                      "{\"state\":\"a state that is far too long\"}",
                                      "{\"reason\":\"a\",\"reason\":\"b\"}",
                                      "{",
                                      "{} x"};

    (void)state;
    assert_int_equal(order_parse("", 0, &o, &msg), 0);
    assert_int_equal(order_parse(good, strlen(good), &o, &msg), 0);
    assert_true(o.dry_run);
    assert_false(o.full);
    assert_string_equal(o.hold, "refused");
    assert_null(strchr(o.reason, '\n'));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(order_parse(bad[i], strlen(bad[i]), &o, &msg), ERR_FORMAT);
        assert_true(msg.text[0] != '\0');
    }
}

static void numbers_of_a_query_are_whole_and_fit(void **state)
{
    int64_t n;

    (void)state;
    assert_int_equal(read_number(NULL, 7, &n), 0);
    assert_int_equal(n, 7);
    assert_int_equal(read_number("120", 7, &n), 0);
    assert_int_equal(n, 120);
    assert_int_equal(read_number("-1", 7, &n), ERR_FORMAT);
    assert_int_equal(read_number("1a", 7, &n), ERR_FORMAT);
    assert_int_equal(read_number("99999999999999999999", 7, &n), ERR_FORMAT);
}

/* ---- questions ---- */

static void status_shows_flows_endpoints_and_journal(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get(f, "/v1/status"), 200);
    assert_string_equal(text_at(f, "/schema"), "1");
    assert_string_equal(text_at(f, "/verdict"), "ok");
    assert_string_equal(text_at(f, "/flows/0/counts/snapshots/PENDING"), "3");
    assert_string_equal(text_at(f, "/flows/0/waiting"), "5");
    assert_string_equal(text_at(f, "/flows/0/held/refused"), "1");
    assert_string_equal(text_at(f, "/flows/0/oldest"), "2025-11-20T14:00:00+07:00");
    assert_string_equal(text_at(f, "/flows/0/lag_s"), "42");
    assert_string_equal(text_at(f, "/flows/0/behind_held"), "7");
    assert_string_equal(text_at(f, "/flows/0/behind_held_s"), "3600");
    assert_string_equal(text_at(f, "/flows/0/behind_held_oldest"), "2025-11-20T14:00:00+07:00");
    assert_true(json_is_null(json_at(f->json, "/flows/0/last_delivery")));
    assert_string_equal(text_at(f, "/endpoints/0/breaker"), "closed");
    assert_string_equal(text_at(f, "/journal/condition"), "ok");
    assert_string_equal(text_at(f, "/rss_kb"), "1024");
}

static void readiness_is_a_status_code(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get(f, "/v1/health/live"), 200);
    assert_int_equal(get(f, "/v1/health/ready"), 200);
    f->engine.status.ready = false;
    assert_int_equal(get(f, "/v1/health/ready"), 503);
    assert_string_equal(text_at(f, "/ready"), "false");
}

static void metrics_have_series_of_what_is_configured(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get(f, "/metrics"), 200);
    assert_non_null(strstr(
        f->body, "dvcsync_items{flow=\"dossiers\",kind=\"snapshot\",state=\"PENDING\"} 3\n"));
    assert_non_null(strstr(f->body, "dvcsync_held{flow=\"dossiers\",reason=\"refused\"} 1\n"));
    assert_non_null(strstr(f->body, "dvcsync_behind_held{flow=\"dossiers\"} 7\n"));
    assert_non_null(strstr(f->body, "dvcsync_endpoint_up{endpoint=\"portal\"} 1\n"));
    assert_non_null(strstr(f->body, "process_resident_memory_bytes 1048576\n"));
    f->engine.status.n_flows = 0;
    assert_int_equal(get(f, "/metrics"), 200);
    assert_null(strstr(f->body, "dvcsync_items{"));
}

static void the_queue_comes_in_pages(void **state)
{
    struct fixture *f = *state;

    store_snapshot(f, "H56.31.25-251118-0001", "a");
    store_snapshot(f, "H56.31.25-251118-0002", "b");
    store_snapshot(f, "H56.31.25-251118-0003", "c");
    assert_int_equal(get(f, "/v1/queue?limit=2&flow=dossiers&state=open"), 200);
    assert_int_equal(json_size(json_at(f->json, "/items")), 2);
    assert_string_equal(text_at(f, "/items/0/state"), "PENDING");
    assert_string_equal(text_at(f, "/items/0/kind"), "snapshot");
    assert_string_equal(text_at(f, "/next"), "2");
    assert_int_equal(get(f, "/v1/queue?limit=2&after=2"), 200);
    assert_int_equal(json_size(json_at(f->json, "/items")), 1);
    assert_true(json_is_null(json_at(f->json, "/next")));
    assert_int_equal(get(f, "/v1/queue?code=H56.31.25-251118-0002"), 200);
    assert_int_equal(json_size(json_at(f->json, "/items")), 1);
}

static void a_wrong_question_is_told_why(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get(f, "/v1/queue?state=LOST"), 400);
    assert_int_equal(get(f, "/v1/queue?hold=mood"), 400);
    assert_int_equal(get(f, "/v1/queue?limit=many"), 400);
    assert_int_equal(get(f, "/v1/queue?flow=unknown"), 400);
    assert_int_equal(get(f, "/v1/records/0"), 400);
    assert_int_equal(get(f, "/v1/records/12345"), 404);
    assert_int_equal(get(f, "/v1/dossiers/" CODE), 404);
    assert_int_equal(get(f, "/v1/endpoints/unknown"), 404);
    assert_int_equal(get(f, "/v2/status"), 404);
    assert_non_null(strstr(f->answer, "application/problem+json"));
    assert_string_equal(text_at(f, "/status"), "404");
    assert_int_equal(read_answer(f, send_request(f->status_path, "DELETE", "/v1/status", "")), 405);
}

static void events_are_followed_by_their_id(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < EVENTS_MAX + 5; i++) {
        events_add(f->events, LOG_LEVEL_WARN, "poll_failed", "onestop: no answer");
    }
    assert_int_equal(get(f, "/v1/events?limit=2"), 200);
    assert_string_equal(text_at(f, "/events/0/id"), "6");
    assert_string_equal(text_at(f, "/events/1/level"), "warn");
    assert_int_equal(get(f, "/v1/events?after=2"), 200);
    assert_string_equal(text_at(f, "/missed"), "true");
    assert_int_equal(get(f, "/v1/events?after=1005"), 200);
    assert_int_equal(json_size(json_at(f->json, "/events")), 0);
    assert_string_equal(text_at(f, "/last"), "1005");
    assert_string_equal(text_at(f, "/missed"), "false");
}

static void the_configuration_and_the_catalogue_are_shown(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get(f, "/v1/config"), 200);
    assert_string_equal(text_at(f, "/config/portal/agency_code/value"), "H56");
    assert_int_equal(get(f, "/v1/catalog?limit=5"), 200);
    assert_string_equal(text_at(f, "/differences/local_only/count"), "0");
    assert_string_equal(text_at(f, "/publish_days"), "5");
    assert_string_equal(text_at(f, "/calendar"), "");
    assert_string_equal(text_at(f, "/overdue_known"), "true");
    assert_true(json_is_null(json_at(f->json, "/read")));
}

/* ---- orders ---- */

static void an_order_on_the_status_socket_is_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        read_answer(f, send_request(f->status_path, "POST", "/v1/endpoints/portal:pause", "")),
        403);
    assert_int_equal(f->engine.pauses, 0);
}

static void an_order_about_an_item_stands_in_its_life_with_the_peer(void **state)
{
    struct fixture *f = *state;
    char uid[32];

    store_snapshot(f, CODE, "a");
    assert_int_equal(order(f, "/v1/records/1:drop", ""), 400); /* without a reason */
    assert_int_equal(order(f, "/v1/records/1:release", ""), 409);
    assert_int_equal(f->engine.kicks, 0);
    assert_int_equal(order(f, "/v1/records/1:hold", "{\"reason\":\"asked by phone\"}"), 200);
    assert_string_equal(text_at(f, "/moved"), "1");
    assert_int_equal(f->engine.kicks, 1);
    assert_int_equal(get(f, "/v1/dossiers/" CODE), 200);
    assert_string_equal(text_at(f, "/items/0/state"), "HELD");
    assert_string_equal(text_at(f, "/items/0/hold"), "person");
    assert_string_equal(text_at(f, "/audits/0/verb"), "hold");
    assert_string_equal(text_at(f, "/audits/0/reason"), "asked by phone");
    (void)snprintf(uid, sizeof(uid), "uid %u", (unsigned)getuid());
    assert_int_equal(strncmp(text_at(f, "/audits/0/who"), uid, strlen(uid)), 0);
    assert_int_equal(get(f, "/v1/records/1"), 200);
    assert_string_equal(text_at(f, "/code"), CODE);
}

static void an_order_about_many_can_be_tried_first(void **state)
{
    struct fixture *f = *state;

    store_snapshot(f, "H56.31.25-251118-0001", "a");
    store_snapshot(f, "H56.31.25-251118-0002", "b");
    assert_int_equal(order(f, "/v1/queue:hold", "{}"), 400); /* which? */
    assert_int_equal(order(f, "/v1/queue:hold", "{\"state\":\"PENDING\",\"dry_run\":true}"), 200);
    assert_string_equal(text_at(f, "/matched"), "2");
    assert_string_equal(text_at(f, "/moved"), "0");
    assert_int_equal(f->engine.kicks, 0);
    assert_int_equal(
        order(f, "/v1/queue:hold", "{\"state\":\"PENDING\",\"code\":\"H56.31.25-251118-0002\"}"),
        200);
    assert_string_equal(text_at(f, "/moved"), "1");
    assert_int_equal(order(f, "/v1/queue:hold", "{\"state\":\"PENDING\",\"flow\":\"none\"}"), 404);
}

static void orders_reach_the_engine(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(order(f, "/v1/endpoints/portal:pause", "{\"reason\":\"works\"}"), 200);
    assert_string_equal(f->engine.reason, "works");
    assert_int_equal(order(f, "/v1/endpoints/other:pause", ""), 404);
    assert_int_equal(order(f, "/v1/endpoints/portal:resume", ""), 200);
    assert_int_equal(order(f, "/v1/sources/onestop:poll", "{\"full\":true}"), 200);
    assert_true(f->engine.full);
    assert_int_equal(order(f, "/v1/flows/catalog:catalog", ""), 200);
    assert_int_equal(order(f, "/v1/flows/catalog:heal",
                           "{\"codes\":[\"1.000001\",\"1.000002\"],\"reason\":\"x\"}"),
                     200);
    assert_string_equal(text_at(f, "/stored"), "2");
    assert_int_equal(order(f, "/v1/flows/none:heal", "{\"codes\":[\"1.000001\"]}"), 404);
    assert_int_equal(order(f, "/v1/flows/catalog:heal", "{}"), 400);
    assert_int_equal(order(f, "/v1/flows/catalog:heal", "{\"codes\":[]}"), 400);
    assert_int_equal(order(f, "/v1/flows/catalog:heal", "{\"codes\":[\"../x\"]}"), 400);
    assert_int_equal(order(f, "/v1/flows/catalog:heal", "{\"codes\":[1]}"), 400);
    assert_int_equal(
        order(f, "/v1/flows/catalog:heal", "{\"codes\":[\"1.000001\"],\"dry_run\":true}"), 400);
    assert_int_equal(order(f, "/v1/flows/dossiers:adopt", ""), 409);
    assert_int_equal(order(f, "/v1/log-level", "{\"level\":\"debug\"}"), 200);
    assert_int_equal(f->log.level, LOG_LEVEL_DEBUG);
    assert_int_equal(order(f, "/v1/log-level", "{\"level\":\"loud\"}"), 400);
    assert_int_equal(order(f, "/v1/journal:backup", "{\"path\":\"relative\"}"), 400);
    assert_int_equal(get(f, "/v1/events?limit=1"), 200);
    assert_string_equal(text_at(f, "/events/0/kind"), "operator");
}

static void a_probe_answers_when_it_ends(void **state)
{
    struct fixture *f = *state;
    int fd = send_request(f->control_path, "POST", "/v1/endpoints/portal:test", "");

    while (f->engine.probe == NULL) {
        uv_run(&f->uv, UV_RUN_ONCE);
    }
    assert_string_equal(f->engine.probe->endpoint, "portal");
    f->engine.probe->ok = true;
    strcpy(f->engine.probe->text, "logged in");
    f->engine.probe->done(f->engine.probe);
    assert_int_equal(read_answer(f, fd), 200);
    assert_string_equal(text_at(f, "/ok"), "true");
    assert_string_equal(text_at(f, "/text"), "logged in");
}

static void a_reconciliation_is_begun_with_one_scope_and_read_when_there_is_one(void **state)
{
    static const char *const bad[] = {"{}",
                                      "{\"what\":\"all\"}",
                                      "{\"what\":\"sample\"}",
                                      "{\"what\":\"sample\",\"sample\":\"0\"}",
                                      "{\"what\":\"sample\",\"sample\":\"100001\"}",
                                      "{\"what\":\"sample\",\"sample\":\"-1\"}",
                                      "{\"what\":\"month\",\"month\":\"2026-13\"}",
                                      "{\"what\":\"month\",\"month\":\"2026\"}",
                                      "{\"what\":\"dossier\"}"};
    struct fixture *f = *state;
    struct engine_reconcile *q;
    int fd;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(order(f, "/v1/reconcile", bad[i]), 400);
        assert_null(f->engine.reconcile);
    }
    assert_int_equal(get(f, "/v1/reconcile"), 404); /* none was made yet */
    assert_int_equal(get(f, "/v1/reconcile?after=x"), 400);
    assert_int_equal(order(f, "/v1/reconcile:cancel", ""), 409);
    fd = send_request(f->control_path, "POST", "/v1/reconcile",
                      "{\"what\":\"month\",\"month\":\"2026-12\",\"fix\":true}");
    while (f->engine.reconcile == NULL) {
        uv_run(&f->uv, UV_RUN_ONCE);
    }
    q = f->engine.reconcile;
    assert_int_equal(q->begin.what, REVIEW_MONTH);
    assert_string_equal(q->begin.scope, "month 2026-12");
    assert_true(q->begin.fix);
    assert_int_equal(q->begin.from_s, 1796058000); /* 2026-12-01 00:00 +07:00 */
    assert_int_equal(q->begin.to_s, 1796058000 + 31 * 86400);
    q->begin.id = 7;
    q->done(q);
    assert_int_equal(read_answer(f, fd), 200);
    assert_string_equal(text_at(f, "/id"), "7");
}

static void a_source_is_tried_and_what_it_shows_is_masked(void **state)
{
    static const char body[] = "{\"code\":\"000.00.00.H00-261110-0001\",\"applicant_name\":"
                               "\"Nguyen Van A\",\"received_s\":1762736400}";
    static const char raw[] = "{\"ten\":\"Nguyen Van A\",\"cccd\":\"000123456789\",\"luc\":"
                              "\"20261110080000\",\"thu\":\"a.b@example.vn\"}";
    const struct record record = {
        .kind = RECORD_DOSSIER, .body = body, .body_len = sizeof(body) - 1};
    const struct adapter_check check = {.status = 4, .hold = HOLD_INVALID, .reason = "no"};
    const struct engine_try_row row = {.id = "1",
                                       .raw = raw,
                                       .raw_len = sizeof(raw) - 1,
                                       .records = &record,
                                       .checks = &check,
                                       .n_records = 1,
                                       .calls = {{true, 0, {""}, "Nguyen Van A"}}};
    struct fixture *f = *state;
    int fd = send_request(f->control_path, "POST", "/v1/sources/onestop:try", "{\"rows\":\"7\"}");

    while (f->engine.try == NULL) {
        uv_run(&f->uv, UV_RUN_ONCE);
    }
    assert_string_equal(f->engine.try->source, "onestop");
    assert_int_equal(f->engine.try->rows, 7);
    f->engine.try->row(f->engine.try, &row);
    f->engine.try->n_listed = 1;
    f->engine.try->done(f->engine.try);
    assert_int_equal(read_answer(f, fd), 200);
    assert_string_equal(text_at(f, "/ok"), "true");
    assert_string_equal(text_at(f, "/rows/0/raw"),
                        "{\"ten\":\"***\",\"cccd\":\"***\",\"luc\":\"20261110080000\",\"thu\":"
                        "\"***\"}");
    assert_non_null(strstr(text_at(f, "/rows/0/records/0/body"), "1762736400"));
    assert_string_equal(text_at(f, "/rows/0/records/0/verdict"), "invalid");
    assert_string_equal(text_at(f, "/rows/0/calls/0/body"), "***");
    assert_null(strstr(f->body, "Nguyen"));
    assert_int_equal(order(f, "/v1/sources/onestop:try", "{\"rows\":\"0\"}"), 400);
}

static void a_refused_reload_answers_with_every_fault(void **state)
{
    static const char *const errors[] = {"d.conf:3: mode: unknown word", "d.conf:9: url: missing"};
    struct fixture *f = *state;
    int fd = send_request(f->control_path, "POST", "/v1/reload", "");

    while (f->reload_done == NULL) {
        uv_run(&f->uv, UV_RUN_ONCE);
    }
    f->reload_done(f->reload_ctx, errors, 2);
    assert_int_equal(read_answer(f, fd), 422);
    assert_string_equal(text_at(f, "/errors/1"), errors[1]);
    assert_string_equal(text_at(f, "/detail"), errors[0]);
}

static void only_so_many_requests_wait(void **state)
{
    struct fixture *f = *state;
    int fds[ROUTES_WAITING_MAX + ROUTES_RESERVED];
    struct engine_probe *probes[ROUTES_WAITING_MAX + ROUTES_RESERVED];

    for (size_t i = 0; i < ROUTES_WAITING_MAX + ROUTES_RESERVED; i++) {
        f->engine.probe = NULL;
        fds[i] = send_request(f->control_path, "POST", "/v1/endpoints/portal:test", "");
        while (f->engine.probe == NULL) {
            uv_run(&f->uv, UV_RUN_ONCE);
        }
        probes[i] = f->engine.probe;
    }
    assert_int_equal(get(f, "/v1/queue"), 503);
    assert_int_equal(order(f, "/v1/endpoints/portal:test", ""), 503);
    assert_int_equal(get(f, "/v1/status"), 200); /* needs no journal */
    for (size_t i = 0; i < ROUTES_WAITING_MAX + ROUTES_RESERVED; i++) {
        probes[i]->done(probes[i]);
        assert_int_equal(read_answer(f, fds[i]), 200);
    }
    assert_int_equal(get(f, "/v1/queue"), 200);
}

static void an_answer_that_comes_after_the_end_hurts_nobody(void **state)
{
    struct fixture *f = *state;
    int fd = send_request(f->control_path, "POST", "/v1/endpoints/portal:test", "");

    while (f->engine.probe == NULL) {
        uv_run(&f->uv, UV_RUN_ONCE);
    }
    status_close(&f->status, on_closed, f);
    while (f->closed == 0) {
        uv_run(&f->uv, UV_RUN_ONCE);
    }
    assert_int_equal(read_answer(f, fd), 503);
    f->engine.probe->done(f->engine.probe);
    assert_int_equal(f->status.routes.waiting, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_needs_the_control_socket_and_no_question_does),
        cmocka_unit_test(a_path_is_found_with_its_variable_part),
        cmocka_unit_test(an_order_is_one_object_with_known_keys),
        cmocka_unit_test(numbers_of_a_query_are_whole_and_fit),
        cmocka_unit_test_setup_teardown(status_shows_flows_endpoints_and_journal, setup, teardown),
        cmocka_unit_test_setup_teardown(readiness_is_a_status_code, setup, teardown),
        cmocka_unit_test_setup_teardown(metrics_have_series_of_what_is_configured, setup, teardown),
        cmocka_unit_test_setup_teardown(the_queue_comes_in_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_reconciliation_is_begun_with_one_scope_and_read_when_there_is_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_question_is_told_why, setup, teardown),
        cmocka_unit_test_setup_teardown(events_are_followed_by_their_id, setup, teardown),
        cmocka_unit_test_setup_teardown(the_configuration_and_the_catalogue_are_shown, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_order_on_the_status_socket_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(an_order_about_an_item_stands_in_its_life_with_the_peer,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_order_about_many_can_be_tried_first, setup, teardown),
        cmocka_unit_test_setup_teardown(orders_reach_the_engine, setup, teardown),
        cmocka_unit_test_setup_teardown(a_probe_answers_when_it_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_source_is_tried_and_what_it_shows_is_masked, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_refused_reload_answers_with_every_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(only_so_many_requests_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_that_comes_after_the_end_hurts_nobody, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
