#include "daemon/app.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "base/metrics.h"
#include "daemon/events.h"
#include "daemon/evidence_key.h"
#include "daemon/logging.h"
#include "daemon/loop_uv.h"
#include "daemon/notify.h"
#include "daemon/process.h"
#include "daemon/reload.h"
#include "daemon/signals.h"
#include "daemon/status.h"
#include "http/client.h"
#include "sync/engine.h"

#define RECOVERY_PAGE "/usr/share/doc/dvcsync/recovery.md"
#define JOURNAL_NAME "journal.db"
#define OPEN_GRACE_MS UINT64_C(600000)    /* for checking and migrating a big journal */
#define WORKER_BOUND_MS UINT64_C(60000)   /* a batch that takes longer is stuck */
#define BACKUP_BOUND_MS UINT64_C(1800000) /* unless it is a backup */
#define STOP_GRACE_MS UINT64_C(5000)      /* beyond shutdown_timeout */
#define CONNECTIONS_KEPT 64

struct app {
    struct app_options options;
    struct logging logging;
    uv_loop_t uv;
    struct loop_uv *loop_uv;
    struct loop *loop;
    struct metrics *metrics;
    struct events *events;
    struct config *config;
    struct journal *journal;
    struct http_client *http;
    struct engine *engine;
    struct status status;
    struct signals signals;
    struct notify notify;
    struct reload reload;
    struct process process;

    size_t started; /* stages that run */
    bool stopping;
    int exit_code;
    struct loop_timer deadline; /* of the stop */

    int64_t config_loaded_ms; /* wall */
    uint64_t generation;
    char reload_error[400];
    char reload_who[ROUTES_WHO];
    void (*reload_done)(void *ctx, const char *const *errors, size_t n);
    void *reload_done_ctx;

    struct engine_status scratch;
};

static struct log *app_log(struct app *a)
{
    return &a->logging.log;
}

/* ---- what the faces ask ---- */

static void describe_process(void *ctx, struct status_process *out)
{
    struct app *a = ctx;

    process_describe(&a->process, out);
    out->config_path = a->options.config_path;
    out->config_loaded_ms = a->config_loaded_ms;
    out->generation = a->generation;
    out->reload_error = a->reload_error;
    out->log_level = log_level_name(a->logging.log.level);
}

static const struct config *current_config(void *ctx)
{
    return ((struct app *)ctx)->config;
}

static const char *endpoint_word(const struct engine_endpoint_status *e)
{
    return e->paused ? "paused" : e->breaker == BREAKER_CLOSED ? "ok" : "does not answer";
}

/* "portal ok, onestop ok, 14 waiting, 2 held, oldest 42 s" */
static void describe_line(void *ctx, char *out, size_t size)
{
    struct app *a = ctx;
    struct engine_status *s = &a->scratch;
    uint64_t waiting = 0;
    uint64_t held = 0;
    uint64_t behind = 0;
    uint64_t oldest_ms = 0;
    struct buf line;

    buf_init(&line, size - 1);
    engine_status(a->engine, s);
    for (size_t i = 0; i < s->n_flows; i++) {
        const struct engine_flow_status *f = &s->flows[i];

        for (unsigned k = ITEM_SNAPSHOT; k <= ITEM_STEP; k++) {
            waiting += f->counts[k][ITEM_PENDING] + f->counts[k][ITEM_INFLIGHT] +
                       f->counts[k][ITEM_UNSURE];
            held += f->counts[k][ITEM_HELD];
        }
        oldest_ms = f->lag_ms > oldest_ms ? f->lag_ms : oldest_ms;
        behind += f->behind;
    }
    buf_printf(&line, "%s: %" PRIu64 " waiting, %" PRIu64 " held, oldest %" PRIu64 " s",
               engine_verdict_name(s->verdict), waiting, held, oldest_ms / 1000);
    if (behind > 0) {
        buf_printf(&line, ", %" PRIu64 " waiting behind held ones", behind);
    }
    for (size_t i = 0; i < s->n_endpoints; i++) {
        buf_printf(&line, ", %s %s", s->endpoints[i].name, endpoint_word(&s->endpoints[i]));
    }
    (void)snprintf(out, size, "%s", buf_text(&line)); /* what did not fit is left out */
    buf_free(&line);
}

static bool work_goes_on(void *ctx)
{
    struct app *a = ctx;
    uint64_t bound_ms = a->status.routes.backup_since_ms != 0 ? BACKUP_BOUND_MS : WORKER_BOUND_MS;

    return journal_worker_age_ms(a->journal) < bound_ms;
}

/* ---- reload ---- */

static int take_config(void *ctx, struct config *config, struct errmsg *msg)
{
    struct app *a = ctx;
    int err;

    if (a->stopping) {
        return err_set(msg, ERR_CANCELED, "the service is stopping");
    }
    err = config_reload_allowed(a->config, config, msg);
    if (err == 0) {
        http_client_uv_renew(a->http); /* certificates behind the same paths may be others */
        err = engine_reload(a->engine, config, msg);
    }
    if (err != 0) {
        return err;
    }
    config_free(a->config);
    a->config = config;
    a->logging.log.level = config->log_level;
    a->config_loaded_ms = loop_wall_ms(a->loop);
    a->generation++;
    return 0;
}

static void reload_ended(void *ctx, const char *const *errors, size_t n)
{
    struct app *a = ctx;
    void (*done)(void *, const char *const *, size_t) = a->reload_done;

    if (a->stopping) { /* the events may be gone; who asked is told all the same */
        if (done != NULL) {
            done(a->reload_done_ctx, errors, n);
        }
        return;
    }
    (void)snprintf(a->reload_error, sizeof(a->reload_error), "%s", n > 0 ? errors[0] : "");
    if (n == 0) {
        log_plain(app_log(a), LOG_LEVEL_NOTICE, "reloaded",
                  "configuration %" PRIu64 " taken, asked by %s", a->generation, a->reload_who);
        events_add(a->events, LOG_LEVEL_NOTICE, "reloaded", "a new configuration was taken");
    } else {
        events_add(a->events, LOG_LEVEL_ERROR, "reload_refused", errors[0]);
    }
    for (size_t i = 0; i < n; i++) {
        log_plain(app_log(a), LOG_LEVEL_ERROR, "reload_refused",
                  "the new configuration is refused, the old one runs on: %s", errors[i]);
    }
    notify_ready();
    a->reload_done = NULL;
    if (done != NULL) {
        done(a->reload_done_ctx, errors, n);
    }
}

static int ask_reload(void *ctx, const char *who,
                      void (*done)(void *done_ctx, const char *const *errors, size_t n),
                      void *done_ctx)
{
    struct app *a = ctx;
    int err = reload_start(&a->reload, a->loop, a->options.config_path);

    if (err != 0) {
        return err;
    }
    notify_reloading();
    a->reload_done = done;
    a->reload_done_ctx = done_ctx;
    (void)snprintf(a->reload_who, sizeof(a->reload_who), "%s", who);
    return 0;
}

static void on_hup(void *ctx)
{
    struct app *a = ctx;
    int err = a->stopping ? ERR_CANCELED : ask_reload(a, "signal HUP", NULL, NULL);

    if (err != 0) {
        log_plain(app_log(a), LOG_LEVEL_WARN, "reload_refused", "signal HUP is left out: %s",
                  err_text(err));
    }
}

/* ---- the list of what starts, and its reverse ---- */

static void stop_next(struct app *a);

/* A stage has stopped. */
static void on_stopped(void *ctx)
{
    stop_next(ctx);
}

static int start_loop(struct app *a, struct errmsg *msg)
{
    int err = loop_uv_open(&a->uv, &a->loop_uv);

    if (err != 0) {
        return err_set(msg, err, "%s", err_text(err));
    }
    a->loop = loop_uv_loop(a->loop_uv);
    return 0;
}

static void stop_loop(struct app *a)
{
    loop_timer_stop(&a->deadline);
    loop_uv_close(a->loop_uv);
    on_stopped(a);
}

static int start_memory(struct app *a, struct errmsg *msg)
{
    a->metrics = metrics_new();
    a->events = events_new(a->loop);
    if (a->metrics == NULL || a->events == NULL) {
        metrics_free(a->metrics);
        events_free(a->events);
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    process_begin(&a->process, a->loop, a->metrics);
    loop_uv_watch_lag(a->loop_uv, process_observe_lag, &a->process);
    return 0;
}

static void stop_memory(struct app *a)
{
    loop_uv_watch_lag(a->loop_uv, NULL, NULL);
    events_free(a->events);
    metrics_free(a->metrics);
    on_stopped(a);
}

static int start_config(struct app *a, struct errmsg *msg)
{
    struct config_faults *faults = calloc(1, sizeof(*faults));
    int err;

    if (faults == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    err = config_load(a->options.config_path, &a->config, faults);
    for (size_t i = 0; err != 0 && i < faults->n && i < CONFIG_MAX_FAULTS; i++) {
        log_plain(app_log(a), LOG_LEVEL_ERROR, "config_fault", "%s", faults->texts[i]);
    }
    if (err != 0) {
        err_set(msg, err, "the configuration %s %s", a->options.config_path,
                err == ERR_CONFIG ? "has faults" : "can't be read");
    } else {
        a->logging.log.level = a->config->log_level;
        a->config_loaded_ms = loop_wall_ms(a->loop);
        a->generation = 1;
    }
    free(faults);
    return err;
}

static void stop_config(struct app *a)
{
    config_free(a->config);
    on_stopped(a);
}

static int start_journal(struct app *a, struct errmsg *msg)
{
    char path[4096];
    const struct journal_options options = {
        .path = path,
        .window_bytes = a->config->journal_window_bytes,
        .low_water_bytes = a->config->journal_low_water_bytes,
        .cache_bytes = a->config->journal_cache_bytes,
        .losing_control = a->options.losing_control,
        .synchronous_normal = a->options.normal_control,
    };
    int err;

    (void)snprintf(path, sizeof(path), "%s/" JOURNAL_NAME, a->config->state_dir);
    notify_extend(OPEN_GRACE_MS, "opening the journal");
    err = journal_open(a->loop, app_log(a), a->metrics, &options, &a->journal, msg);
    if (err == ERR_CORRUPT || err == ERR_SCHEMA) {
        log_plain(app_log(a), LOG_LEVEL_ERROR, "journal_damaged",
                  "the journal was left as it is; the way back: " RECOVERY_PAGE);
    }
    if (err == 0) {
        evidence_key_tell(app_log(a), a->config->state_dir);
    }
    return err;
}

static void stop_journal(struct app *a)
{
    journal_close(a->journal, on_stopped, a);
}

static int start_http(struct app *a, struct errmsg *msg)
{
    return http_client_uv_open(&a->uv, a->loop, CONNECTIONS_KEPT, &a->http, msg);
}

static void stop_http(struct app *a)
{
    http_client_uv_close(a->http, on_stopped, a);
}

/* Listeners of adapters stand on the process's own loop. */
static int serve(void *ctx, const struct http_server_options *options, struct http_server **out,
                 struct errmsg *msg)
{
    struct app *a = ctx;

    return http_server_open(&a->uv, a->loop, app_log(a), options, out, msg);
}

static int start_engine(struct app *a, struct errmsg *msg)
{
    const struct engine_env env = {
        .loop = a->loop,
        .log = app_log(a),
        .metrics = a->metrics,
        .journal = a->journal,
        .http = a->http,
        .open_adapter = adapter_open,
        .serve = serve,
        .serve_ctx = a,
        .event = events_add,
        .event_ctx = a->events,
        .forget_doubt = a->options.losing_control,
    };

    return engine_open(&env, a->config, &a->engine, msg);
}

static void stop_engine(struct app *a)
{
    engine_close(a->engine, on_stopped, a);
}

static int start_status(struct app *a, struct errmsg *msg)
{
    const struct status_env env = {
        .uv = &a->uv,
        .loop = a->loop,
        .log = app_log(a),
        .metrics = a->metrics,
        .journal = a->journal,
        .engine = a->engine,
        .events = a->events,
        .config = current_config,
        .describe = describe_process,
        .reload = ask_reload,
        .ctx = a,
    };

    return status_open(&a->status, &env, msg);
}

static void stop_status(struct app *a)
{
    status_close(&a->status, on_stopped, a);
}

static void on_term(void *ctx);

static int start_signals(struct app *a, struct errmsg *msg)
{
    a->signals.stop = on_term;
    a->signals.reload = on_hup;
    a->signals.ctx = a;
    return signals_open(&a->signals, &a->uv, msg);
}

static void stop_signals(struct app *a)
{
    signals_close(&a->signals, on_stopped);
}

static int start_work(struct app *a, struct errmsg *msg)
{
    const struct notify_env env = {
        .loop = a->loop,
        .log = app_log(a),
        .describe = describe_line,
        .healthy = work_goes_on,
        .ctx = a,
    };

    (void)msg;
    engine_start(a->engine);
    notify_open(&a->notify, &env);
    log_plain(app_log(a), LOG_LEVEL_NOTICE, "started",
              "dvcsyncd " DVCSYNC_VERSION " runs with %zu flows", a->config->n_flows);
    return 0;
}

static void stop_work(struct app *a)
{
    notify_close(&a->notify);
    on_stopped(a);
}

/* In order of starting; stopped from the last to the first. A stop ends with on_stopped, at once or
 * later. Signals come early so that a second one is still heard while the rest stops. */
static const struct stage {
    const char *name;
    int (*start)(struct app *a, struct errmsg *msg);
    void (*stop)(struct app *a);
} stages[] = {
    {"loop", start_loop, stop_loop},
    {"memory", start_memory, stop_memory},
    {"configuration", start_config, stop_config},
    {"signals", start_signals, stop_signals},
    {"journal", start_journal, stop_journal},
    {"http client", start_http, stop_http},
    {"engine", start_engine, stop_engine},
    {"sockets", start_status, stop_status},
    {"work", start_work, stop_work},
};

#define N_STAGES (sizeof(stages) / sizeof(stages[0]))

static void stop_next(struct app *a)
{
    if (a->started > 0) {
        a->started--;
        stages[a->started].stop(a);
    }
}

/* What could not be finished in time is in the journal as begun, so the next start takes it for
 * doubtful: leaving now loses nothing. */
static void leave_at_once(struct app *a, const char *why)
{
    log_plain(app_log(a), LOG_LEVEL_ERROR, "stop_forced", "%s: leaving at once", why);
    _exit(APP_FAILED);
}

static void on_deadline(struct loop_timer *timer)
{
    leave_at_once(CONTAINER_OF(timer, struct app, deadline), "the stop takes too long");
}

static void on_term(void *ctx)
{
    struct app *a = ctx;

    if (a->stopping) {
        leave_at_once(a, "a second signal");
    }
    a->stopping = true;
    log_plain(app_log(a), LOG_LEVEL_NOTICE, "stopping", "stopping: waiting for calls under way");
    notify_stopping();
    if (a->journal != NULL) {
        journal_give_up(a->journal);
    }
    loop_timer_start(a->loop, &a->deadline, a->config->shutdown_timeout_ms + STOP_GRACE_MS);
    stop_next(a);
}

int app_exit_of(int err)
{
    /* Starting again by itself helps against none of these but the first. */
    static const struct {
        int err;
        int code;
    } codes[] = {
        {ERR_BUSY, APP_BUSY},      {ERR_DENIED, APP_DENIED}, {ERR_CONFIG, APP_CONFIG},
        {ERR_CORRUPT, APP_CONFIG}, {ERR_SCHEMA, APP_CONFIG}, {ERR_NOTFOUND, APP_CONFIG},
        {ERR_INVAL, APP_CONFIG},   {ERR_FORMAT, APP_CONFIG}, {ERR_UNSUPPORTED, APP_CONFIG}};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (err == codes[i].err) {
            return codes[i].code;
        }
    }
    return APP_FAILED;
}

static void start_all(struct app *a)
{
    struct errmsg msg = {""};
    int err = 0;

    while (a->started < N_STAGES && err == 0) {
        err = stages[a->started].start(a, &msg);
        if (err == 0) {
            a->started++;
        }
    }
    if (err != 0) {
        if (msg.text[0] == '\0') {
            err_set(&msg, err, "%s: %s", stages[a->started].name, err_text(err));
        }
        log_plain(app_log(a), LOG_LEVEL_ERROR, "start_failed", "not started: %s", msg.text);
        a->stopping = true;
        a->exit_code = app_exit_of(err);
        stop_next(a);
    }
}

int app_run(const struct app_options *options)
{
    struct app *a = calloc(1, sizeof(*a));
    int exit_code;
    int rc;

    if (a == NULL) {
        fputs("dvcsyncd: not started: out of memory\n", stderr);
        return APP_FAILED;
    }
    a->options = *options;
    a->exit_code = APP_OK;
    a->reload.take = take_config;
    a->reload.ended = reload_ended;
    a->reload.ctx = a;
    loop_timer_init(&a->deadline, on_deadline);
    logging_init(&a->logging, LOG_LEVEL_INFO);
    rc = uv_loop_init(&a->uv);
    if (rc != 0) {
        log_plain(app_log(a), LOG_LEVEL_ERROR, "start_failed", "libuv: %s", uv_strerror(rc));
        free(a);
        return APP_FAILED;
    }
    start_all(a);
    uv_run(&a->uv,
           UV_RUN_DEFAULT); /* until the last stage has stopped and every handle has closed */
    rc = uv_loop_close(&a->uv);
    assert(rc == 0);
    exit_code = a->exit_code;
    log_plain(app_log(a), LOG_LEVEL_NOTICE, "stopped", "stopped with exit code %d", exit_code);
    free(a);
    return exit_code;
}
