#include "daemon/status_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "daemon/status_metrics.h"
#include "domain/term.h"

#define DEFAULT_LIMIT 100
#define LIST_MAX 1000
#define CATALOG_MAX 500

int read_number(const char *text, int64_t fallback, int64_t *out)
{
    int64_t value = 0;

    if (text == NULL || text[0] == '\0') {
        *out = fallback;
        return 0;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || value > (INT64_MAX - 9) / 10) {
            return ERR_FORMAT;
        }
        value = value * 10 + (*p - '0');
    }
    *out = value;
    return 0;
}

/* limit= of a query, cut to max. ERR_FORMAT. */
static int read_limit(struct http_call *http, size_t max, size_t *out)
{
    int64_t limit;
    int err = read_number(http_call_query(http, "limit"), DEFAULT_LIMIT, &limit);

    *out = err != 0 || limit < 1 ? 1 : (uint64_t)limit > max ? max : (size_t)limit;
    return err;
}

/* ---- from memory ---- */

static struct buf answer_buf(void)
{
    struct buf out;

    buf_init(&out, ROUTES_ANSWER_BYTES);
    return out;
}

void read_status(const struct route_call *call)
{
    struct buf out = answer_buf();
    struct status_view view;
    int err;

    route_view(call->routes, &view);
    err = status_json_status(&view, &out);
    route_answer(call->http, 200, err, &out);
}

void read_live(const struct route_call *call)
{
    static const char text[] = "{\"schema\":1,\"live\":true}\n";

    http_answer(call->http, 200, "application/json", text, sizeof(text) - 1);
}

void read_ready(const struct route_call *call)
{
    struct engine_status *s = &call->routes->snapshot;
    struct buf out = answer_buf();
    int err;

    engine_status(call->routes->env.engine, s);
    err = status_json_ready(s, &out);
    route_answer_as(call->http, s->ready ? 200 : 503, "application/json", err, &out);
}

void read_metrics(const struct route_call *call)
{
    struct buf out = answer_buf();
    struct status_view view;
    int err;

    route_view(call->routes, &view);
    err = status_metrics_render(&view, call->routes->env.metrics, &out);
    route_answer_as(call->http, 200, "text/plain; version=0.0.4; charset=utf-8", err, &out);
}

void read_config(const struct route_call *call)
{
    const struct status_env *env = &call->routes->env;
    struct status_process process;
    struct buf config = answer_buf();
    struct buf out = answer_buf();
    int err = config_dump_json(env->config(env->ctx), &config);

    env->describe(env->ctx, &process);
    if (err == 0) {
        struct json_writer w;

        json_write_begin(&w, &out);
        json_object_open(&w, NULL);
        json_integer_out(&w, "schema", STATUS_SCHEMA);
        json_string(&w, "file", process.config_path);
        json_raw(&w, "config", buf_text(&config), config.len);
        json_object_close(&w);
        err = buf_error(&out);
    }
    buf_free(&config);
    route_answer(call->http, 200, err, &out);
}

void read_events(const struct route_call *call)
{
    int64_t after;
    size_t limit;
    struct buf out;

    if (read_number(http_call_query(call->http, "after"), 0, &after) != 0 ||
        read_limit(call->http, EVENTS_MAX, &limit) != 0) {
        http_answer_problem(call->http, 400, "after and limit are whole numbers.");
        return;
    }
    out = answer_buf();
    route_answer(call->http, 200,
                 status_json_events(call->routes->env.events, (uint64_t)after, limit, &out), &out);
}

void read_endpoint(const struct route_call *call)
{
    struct engine_status *s = &call->routes->snapshot;

    engine_status(call->routes->env.engine, s);
    for (size_t i = 0; i < s->n_endpoints; i++) {
        if (strcmp(s->endpoints[i].name, call->name) == 0) {
            struct buf out = answer_buf();
            int err = status_json_endpoint(&s->endpoints[i], &out);

            route_answer(call->http, 200, err, &out);
            return;
        }
    }
    http_answer_problem(call->http, 404, "There is no endpoint of that name.");
}

/* ---- a page of the journal ---- */

struct list_request {
    struct pending pending;
    struct journal_list list;
};

static void on_list(struct journal_op *op)
{
    struct list_request *q = CONTAINER_OF(op, struct list_request, list.op);
    struct http_call *http = pending_end(&q->pending);

    if (http != NULL && op->err != 0) {
        route_fail(http, op->err, op->why.text);
    } else if (http != NULL) {
        struct buf out = answer_buf();

        route_answer(http, 200, status_json_list(&q->list, &out), &out);
    }
    journal_list_free(&q->list);
    free(q);
}

static const char *query_text(struct http_call *http, const char *name)
{
    const char *text = http_call_query(http, name);

    return text != NULL ? text : "";
}

/* NULL, or what is wrong. */
static const char *read_filters(const struct route_call *call, struct journal_list *l)
{
    const char *state = query_text(call->http, "state");
    const char *hold = query_text(call->http, "hold");
    const char *code = query_text(call->http, "code");
    enum item_state one_state;
    enum hold_why why = HOLD_NONE;

    l->state = strcasecmp(state, "open") == 0 ? -2 : -1;
    if (state[0] != '\0' && l->state == -1) {
        if (item_state_parse(state, &one_state) != 0) {
            return "There is no such state; use open, PENDING, INFLIGHT, UNSURE, HELD, DONE, "
                   "ADOPTED, "
                   "SUPERSEDED or DROPPED.";
        }
        l->state = (int)one_state;
    }
    if (hold[0] != '\0' && hold_why_parse(hold, &why) != 0) {
        return "There is no such reason of a hold.";
    }
    l->hold = (int)why;
    if (strlen(code) >= sizeof(l->code)) {
        return "The code is too long.";
    }
    (void)snprintf(l->code, sizeof(l->code), "%s", code);
    if (read_number(http_call_query(call->http, "after"), 0, &l->after) != 0 ||
        read_limit(call->http, LIST_MAX, &l->limit) != 0) {
        return "after and limit are whole numbers.";
    }
    if (route_flow(call->routes, query_text(call->http, "flow"), &l->flow) != 0) {
        return "There is no flow of that name.";
    }
    return NULL;
}

void read_queue(const struct route_call *call)
{
    struct list_request *q = calloc(1, sizeof(*q));
    const char *wrong;

    if (q == NULL) {
        route_fail(call->http, ERR_NOMEM, "");
        return;
    }
    wrong = read_filters(call, &q->list);
    if (wrong != NULL) {
        http_answer_problem(call->http, 400, wrong);
        free(q);
        return;
    }
    if (!pending_begin(&q->pending, call, false)) {
        free(q);
        return;
    }
    q->list.op.done = on_list;
    journal_list(call->routes->env.journal, &q->list);
}

/* ---- the life of an item or a code ---- */

struct life_request {
    struct pending pending;
    struct journal_life life;
};

static void on_life(struct journal_op *op)
{
    struct life_request *q = CONTAINER_OF(op, struct life_request, life.op);
    const struct status_env *env = &q->pending.routes->env;
    struct http_call *http = pending_end(&q->pending);

    if (http != NULL && op->err != 0) {
        route_fail(http, op->err, op->why.text);
    } else if (http != NULL) {
        const struct config_flow *flow = config_flow_find(env->config(env->ctx), q->life.flow);
        struct buf out = answer_buf();

        route_answer(http, 200, status_json_life(&q->life, flow, &out), &out);
    }
    journal_life_free(&q->life);
    free(q);
}

static void ask_life(const struct route_call *call, int64_t id, const char *code)
{
    struct life_request *q = pending_new(call, sizeof(*q), false);

    if (q == NULL) {
        return;
    }
    q->life.id = id;
    (void)snprintf(q->life.code, sizeof(q->life.code), "%s", code);
    q->life.op.done = on_life;
    journal_life(call->routes->env.journal, &q->life);
}

void read_record(const struct route_call *call)
{
    int64_t id;

    if (read_number(call->name, 0, &id) != 0 || id == 0) {
        http_answer_problem(call->http, 400, "The id of an item is a whole number above 0.");
        return;
    }
    ask_life(call, id, "");
}

void read_dossier(const struct route_call *call)
{
    if (strlen(call->name) >= sizeof(((struct journal_life *)NULL)->code)) {
        http_answer_problem(call->http, 400, "The code is too long.");
        return;
    }
    ask_life(call, 0, call->name);
}

/* ---- agreement of the catalogues ---- */

struct catalog_request {
    struct pending pending;
    struct routes *routes;
    struct mirror_agreement agreement;
};

static void on_agreement(struct journal_op *op)
{
    struct catalog_request *q = CONTAINER_OF(op, struct catalog_request, agreement.op);
    struct http_call *http = pending_end(&q->pending);

    if (http != NULL && op->err != 0) {
        route_fail(http, op->err, op->why.text);
    } else if (http != NULL) {
        struct status_env *env = &q->routes->env;
        struct buf out = answer_buf();
        int err = status_json_agreement(&q->agreement, env->config(env->ctx),
                                        loop_wall_s(env->loop), &out);

        route_answer(http, 200, err, &out);
    }
    mirror_agreement_free(&q->agreement);
    free(q);
}

/* 0: the calendar does not cover the days before now. */
static uint64_t overdue_before_ms(const struct routes *r)
{
    const struct config *config = r->env.config(r->env.ctx);
    int64_t before_s;
    int rc = term_over_before(config->calendar, (int)config->publish_days, loop_wall_s(r->env.loop),
                              &before_s);

    return rc == 0 ? (uint64_t)before_s * 1000 : 0;
}

void read_catalog(const struct route_call *call)
{
    struct routes *r = call->routes;
    struct catalog_request *q;
    size_t limit;

    if (read_limit(call->http, CATALOG_MAX, &limit) != 0) {
        http_answer_problem(call->http, 400, "limit is a whole number.");
        return;
    }
    q = pending_new(call, sizeof(*q), false);
    if (q == NULL) {
        return;
    }
    q->routes = r;
    q->agreement.limit = limit;
    q->agreement.overdue_before_ms = overdue_before_ms(r);
    q->agreement.op.done = on_agreement;
    mirror_agreement(r->env.journal, &q->agreement);
}
