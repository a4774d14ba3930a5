#include "daemon/status_act.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "codec/json.h"
#include "daemon/status_order.h"
#include "daemon/status_read.h"
#include "journal/upkeep.h"

/* False: the body is wrong and the call is answered. */
static bool read_order(const struct route_call *call, struct order *out)
{
    struct errmsg msg = {""};
    int err = order_parse(call->http->body, call->http->body_len, out, &msg);

    if (err != 0) {
        route_fail(call->http, err, msg.text);
    }
    return err == 0;
}

/* One line in the log and one event for every order. */
void act_say(struct routes *r, const char *who, const char *text)
{
    const struct log_field fields[] = {{"DVC_WHO", who}};
    char line[240];

    log_line(r->env.log, LOG_LEVEL_NOTICE, "operator", fields, 1, "%s: %s", who, text);
    (void)snprintf(line, sizeof(line), "%s: %s", who, text);
    events_add(r->env.events, LOG_LEVEL_NOTICE, "operator", line);
}

static void answer_done(struct http_call *http)
{
    static const char text[] = "{\"schema\":1,\"done\":true}\n";

    http_answer(http, 200, "application/json", text, sizeof(text) - 1);
}

/* ---- audit of what the engine or the journal does not audit itself ---- */

static void on_audit(struct journal_op *op)
{
    struct journal_audit *a = CONTAINER_OF(op, struct journal_audit, op);
    struct routes *r = op->ctx;

    if (op->err != 0 && op->err != ERR_CANCELED) {
        log_plain(r->env.log, LOG_LEVEL_ERROR, "audit_failed", "%s by %s is not in the audit: %s",
                  a->verb, a->who, op->why.text);
    }
    free(a);
}

static void audit(struct routes *r, const char *who, const char *verb, const char *object,
                  const char *reason)
{
    struct journal_audit *a = calloc(1, sizeof(*a));

    if (a == NULL) {
        log_plain(r->env.log, LOG_LEVEL_ERROR, "audit_failed",
                  "%s by %s is not in the audit: out of memory", verb, who);
        return;
    }
    (void)snprintf(a->who, sizeof(a->who), "%s", who);
    (void)snprintf(a->verb, sizeof(a->verb), "%s", verb);
    (void)snprintf(a->object, sizeof(a->object), "%s", object);
    (void)snprintf(a->reason, sizeof(a->reason), "%s", reason);
    a->now_ms = (uint64_t)loop_wall_ms(r->env.loop);
    a->op.done = on_audit;
    a->op.ctx = r;
    journal_audit(r->env.journal, a);
}

void act_note(struct routes *r, const char *who, const char *verb, const char *object,
              const char *reason, const char *line)
{
    if (verb != NULL) {
        audit(r, who, verb, object, reason);
    }
    act_say(r, who, line);
}

/* ---- items ---- */

static const char *const act_names[] = {
    [JOURNAL_RETRY] = "retry",
    [JOURNAL_RELEASE] = "release",
    [JOURNAL_HOLD] = "hold",
    [JOURNAL_DROP] = "drop",
    [JOURNAL_DELIVERED] = "resolve as delivered",
    [JOURNAL_RESEND] = "resolve by sending again",
};

struct act_request {
    struct pending pending;
    struct journal_act act;
};

static void on_act(struct journal_op *op)
{
    struct act_request *q = CONTAINER_OF(op, struct act_request, act.op);
    struct routes *r = q->pending.routes;
    struct http_call *http = pending_end(&q->pending);

    if (op->err == 0 && !q->act.dry_run) {
        char text[160];

        (void)snprintf(text, sizeof(text), "%s: %" PRIu32 " of %" PRIu32 " item%s",
                       act_names[q->act.verb], q->act.moved, q->act.matched,
                       text_plural(q->act.matched));
        act_say(r, q->pending.who, text);
        if (r->env.engine != NULL) {
            engine_kick(r->env.engine);
        }
    }
    if (http != NULL && op->err != 0) {
        route_fail(http, op->err, op->why.text);
    } else if (http != NULL) {
        struct buf out;

        buf_init(&out, ROUTES_ANSWER_BYTES);
        route_answer(http, 200, status_json_act(&q->act, &out), &out);
    }
    free(q);
}

/* Starts the act with what is filled in; filter has been checked. */
static void start_act(const struct route_call *call, const struct journal_act *act)
{
    struct act_request *q = pending_new(call, sizeof(*q), true);

    if (q == NULL) {
        return;
    }
    q->act = *act;
    q->act.verb = (enum journal_act_verb)call->arg;
    q->act.now_ms = (uint64_t)loop_wall_ms(call->routes->env.loop);
    (void)snprintf(q->act.who, sizeof(q->act.who), "%s", call->who);
    q->act.op.done = on_act;
    journal_act(call->routes->env.journal, &q->act);
}

void act_record(const struct route_call *call)
{
    struct journal_act act = {.id = 0};
    struct order order;

    if (!read_order(call, &order)) {
        return;
    }
    if (read_number(call->name, 0, &act.id) != 0 || act.id == 0) {
        http_answer_problem(call->http, 400, "The id of an item is a whole number above 0.");
        return;
    }
    act.dry_run = order.dry_run;
    (void)snprintf(act.reason, sizeof(act.reason), "%s", order.reason);
    start_act(call, &act);
}

void act_queue(const struct route_call *call)
{
    struct journal_act act = {.id = 0};
    struct order order;

    if (!read_order(call, &order)) {
        return;
    }
    if (order.state[0] == '\0' || item_state_parse(order.state, &act.state) != 0) {
        http_answer_problem(call->http, 400,
                            "\"state\" names the state of the items that are meant.");
        return;
    }
    if (order.hold[0] != '\0' && hold_why_parse(order.hold, &act.hold) != 0) {
        http_answer_problem(call->http, 400, "There is no such reason of a hold.");
        return;
    }
    if (route_flow(call->routes, order.flow, &act.flow) != 0) {
        http_answer_problem(call->http, 404, "There is no flow of that name.");
        return;
    }
    act.dry_run = order.dry_run;
    (void)snprintf(act.code, sizeof(act.code), "%s", order.code);
    (void)snprintf(act.reason, sizeof(act.reason), "%s", order.reason);
    start_act(call, &act);
}

/* ---- the engine ---- */

/* Answers an order that the engine took or refused at once. */
static void answer_engine(const struct route_call *call, int err, const char *what)
{
    char text[160];

    if (err != 0) {
        route_fail(call->http, err, call->name);
        return;
    }
    (void)snprintf(text, sizeof(text), "%s %s", what, call->name);
    act_say(call->routes, call->who, text);
    answer_done(call->http);
}

void act_pause(const struct route_call *call)
{
    struct order order;

    if (read_order(call, &order)) {
        const char *reason = order.reason[0] != '\0' ? order.reason : "asked for by an operator";

        answer_engine(call, engine_pause(call->routes->env.engine, call->name, call->who, reason),
                      "pause");
    }
}

void act_resume(const struct route_call *call)
{
    struct order order;

    if (read_order(call, &order)) {
        answer_engine(call, engine_resume(call->routes->env.engine, call->name, call->who),
                      "resume");
    }
}

void act_poll(const struct route_call *call)
{
    struct order order;

    if (read_order(call, &order)) {
        answer_engine(call, engine_poll(call->routes->env.engine, call->name, order.full),
                      order.full ? "poll everything of" : "poll");
    }
}

void act_adopt(const struct route_call *call)
{
    struct order order;

    if (read_order(call, &order)) {
        answer_engine(call, engine_adopt(call->routes->env.engine, call->name, call->who), "adopt");
    }
}

void act_catalog(const struct route_call *call)
{
    struct order order;

    if (read_order(call, &order)) {
        answer_engine(call, engine_catalog(call->routes->env.engine, call->name),
                      "read the catalogue of");
    }
}

/* ---- a probe ---- */

struct probe_request {
    struct pending pending;
    struct engine_probe probe;
};

static void on_probe(struct engine_probe *probe)
{
    struct probe_request *q = CONTAINER_OF(probe, struct probe_request, probe);
    struct http_call *http = pending_end(&q->pending);

    if (http != NULL) {
        struct json_writer w;
        struct buf out;

        buf_init(&out, ROUTES_ANSWER_BYTES);
        json_write_begin(&w, &out);
        json_object_open(&w, NULL);
        json_integer_out(&w, "schema", STATUS_SCHEMA);
        json_string(&w, "endpoint", probe->endpoint);
        json_bool(&w, "ok", probe->ok);
        json_string(&w, "text", probe->text);
        json_object_close(&w);
        route_answer(http, 200, buf_error(&out), &out);
    }
    free(q);
}

void act_test(const struct route_call *call)
{
    struct probe_request *q;
    struct order order;

    if (!read_order(call, &order)) {
        return;
    }
    q = pending_new(call, sizeof(*q), false);
    if (q == NULL) {
        return;
    }
    /* A peer may take its whole request_timeout; the network's deadlines end a probe, not ours. */
    loop_timer_stop(&q->pending.deadline);
    (void)snprintf(q->probe.endpoint, sizeof(q->probe.endpoint), "%s", call->name);
    q->probe.done = on_probe;
    engine_probe(call->routes->env.engine, &q->probe);
}

/* ---- the process ---- */

struct reload_request {
    struct pending pending;
};

static void on_reloaded(void *ctx, const char *const *errors, size_t n)
{
    struct reload_request *q = ctx;
    struct http_call *http = pending_end(&q->pending);

    if (http != NULL && n == 0) {
        answer_done(http);
    } else if (http != NULL) {
        struct buf out;

        buf_init(&out, ROUTES_ANSWER_BYTES);
        route_answer(http, 422,
                     status_json_problem(422, "The configuration was refused; the old one runs on.",
                                         errors, n, &out),
                     &out);
    }
    free(q);
}

void act_reload(const struct route_call *call)
{
    struct routes *r = call->routes;
    struct reload_request *q;
    struct order order;
    int err;

    if (!read_order(call, &order)) {
        return;
    }
    q = pending_new(call, sizeof(*q), true);
    if (q == NULL) {
        return;
    }
    err = r->env.reload(r->env.ctx, call->who, on_reloaded, q);
    if (err != 0) {
        route_fail(pending_end(&q->pending), err, "a reload");
        free(q);
        return;
    }
    audit(r, call->who, "reload", "configuration", order.reason);
}

void act_log_level(const struct route_call *call)
{
    struct routes *r = call->routes;
    enum log_level level;
    struct order order;
    char text[64];

    if (!read_order(call, &order)) {
        return;
    }
    if (log_level_parse(order.level, &level) != 0) {
        http_answer_problem(call->http, 400, "\"level\" is error, warn, notice, info or debug.");
        return;
    }
    r->env.log->level = level;
    audit(r, call->who, "log-level", order.level, order.reason);
    (void)snprintf(text, sizeof(text), "log level %s until the next reload", order.level);
    act_say(r, call->who, text);
    answer_done(call->http);
}

struct backup_request {
    struct pending pending;
    struct upkeep_backup backup;
};

static void on_backup(struct journal_op *op)
{
    struct backup_request *q = CONTAINER_OF(op, struct backup_request, backup.op);
    struct routes *r = q->pending.routes;
    struct http_call *http = pending_end(&q->pending);

    r->backup_since_ms = 0;
    act_say(r, q->pending.who,
            op->err == 0 ? "backup of the journal is done" : "backup of the journal failed");
    if (http != NULL && op->err != 0) {
        route_fail(http, op->err, op->why.text);
    } else if (http != NULL) {
        answer_done(http);
    }
    free(q);
}

void act_backup(const struct route_call *call)
{
    struct routes *r = call->routes;
    struct backup_request *q;
    struct order order;

    if (!read_order(call, &order)) {
        return;
    }
    if (order.path[0] != '/') {
        http_answer_problem(call->http, 400,
                            "\"path\" is the absolute path of a file that is not there yet.");
        return;
    }
    if (r->backup_since_ms != 0) {
        http_answer_problem(call->http, 409, "A backup is under way.");
        return;
    }
    q = pending_new(call, sizeof(*q), true);
    if (q == NULL) {
        return;
    }
    loop_timer_stop(&q->pending.deadline); /* a big journal takes minutes */
    r->backup_since_ms = loop_now_ms(r->env.loop);
    (void)snprintf(q->backup.path, sizeof(q->backup.path), "%s", order.path);
    q->backup.now_ms = (uint64_t)loop_wall_ms(r->env.loop);
    q->backup.op.done = on_backup;
    audit(r, call->who, "backup", "journal", order.path);
    upkeep_backup(r->env.journal, &q->backup);
}
