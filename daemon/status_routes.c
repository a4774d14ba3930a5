#include "daemon/status_routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/status_act.h"
#include "daemon/status_heal.h"
#include "daemon/status_person.h"
#include "daemon/status_read.h"
#include "daemon/status_reconcile.h"
#include "daemon/status_try.h"

#define ACTS(verb, name)                                                                           \
    {"POST", "/v1/records/{}:" name, act_record, true, verb},                                      \
    {                                                                                              \
        "POST", "/v1/queue:" name, act_queue, true, verb                                           \
    }

static const struct route routes[] = {
    {"GET", "/v1/status", read_status, false, 0},
    {"GET", "/v1/health/live", read_live, false, 0},
    {"GET", "/v1/health/ready", read_ready, false, 0},
    {"GET", "/metrics", read_metrics, false, 0},
    {"GET", "/v1/queue", read_queue, false, 0},
    {"GET", "/v1/records/{}", read_record, false, 0},
    {"GET", "/v1/dossiers/{}", read_dossier, false, 0},
    {"GET", "/v1/endpoints/{}", read_endpoint, false, 0},
    {"GET", "/v1/catalog", read_catalog, false, 0},
    {"GET", "/v1/reconcile", read_reconcile, false, 0},
    {"GET", "/v1/config", read_config, false, 0},
    {"GET", "/v1/events", read_events, false, 0},
    ACTS(JOURNAL_RETRY, "retry"),
    ACTS(JOURNAL_RELEASE, "release"),
    ACTS(JOURNAL_HOLD, "hold"),
    ACTS(JOURNAL_DROP, "drop"),
    ACTS(JOURNAL_DELIVERED, "resolve-delivered"),
    ACTS(JOURNAL_RESEND, "resolve-resend"),
    {"POST", "/v1/endpoints/{}:pause", act_pause, true, 0},
    {"POST", "/v1/endpoints/{}:resume", act_resume, true, 0},
    {"POST", "/v1/endpoints/{}:test", act_test, true, 0},
    {"POST", "/v1/sources/{}:poll", act_poll, true, 0},
    {"POST", "/v1/sources/{}:try", act_try, true, 0},
    {"POST", "/v1/flows/{}:adopt", act_adopt, true, 0},
    {"POST", "/v1/flows/{}:catalog", act_catalog, true, 0},
    {"POST", "/v1/flows/{}:heal", act_heal, true, 0},
    {"POST", "/v1/reconcile", act_reconcile, true, 0},
    {"POST", "/v1/reconcile:cancel", act_reconcile_cancel, true, 0},
    {"POST", "/v1/reload", act_reload, true, 0},
    {"POST", "/v1/log-level", act_log_level, true, 0},
    {"POST", "/v1/journal:backup", act_backup, true, 0},
    {"POST", "/v1/persons:find", act_person, true, PERSON_FIND},
    {"POST", "/v1/persons:export", act_person, true, PERSON_EXPORT},
    {"POST", "/v1/persons:erase", act_person, true, PERSON_ERASE},
};

#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

const struct route *route_at(size_t index)
{
    return index < N_ROUTES ? &routes[index] : NULL;
}

/* ---- finding ---- */

static bool matches(const char *pattern, const char *path, char name[ROUTES_NAME])
{
    const char *hole = strstr(pattern, "{}");
    size_t before;
    size_t after;
    size_t length = strlen(path);

    name[0] = '\0';
    if (hole == NULL) {
        return strcmp(pattern, path) == 0;
    }
    before = (size_t)(hole - pattern);
    after = strlen(hole + 2);
    if (length <= before + after || length - before - after >= ROUTES_NAME ||
        strncmp(pattern, path, before) != 0 || strcmp(hole + 2, path + length - after) != 0) {
        return false;
    }
    memcpy(name, path + before, length - before - after);
    name[length - before - after] = '\0';
    return strchr(name, '/') == NULL;
}

const struct route *route_find(const char *method, const char *path, char name[ROUTES_NAME],
                               bool *other_method)
{
    *other_method = false;
    if (strcmp(method, "HEAD") == 0) {
        method = "GET"; /* the server leaves the body out */
    }
    for (size_t i = 0; i < N_ROUTES; i++) {
        if (matches(routes[i].pattern, path, name)) {
            if (strcmp(routes[i].method, method) == 0) {
                return &routes[i];
            }
            *other_method = true;
        }
    }
    return NULL;
}

void routes_init(struct routes *r, const struct status_env *env)
{
    memset(r, 0, sizeof(*r));
    r->env = *env;
}

void routes_detach(struct routes *r)
{
    r->env.engine = NULL;
}

void routes_dispatch(struct routes *r, struct http_call *call, bool control, const char *who)
{
    char name[ROUTES_NAME];
    bool other_method;
    const struct route *route = route_find(call->method, call->path, name, &other_method);

    if (route == NULL && other_method) {
        http_answer_problem(call, 405, "This path takes another method.");
    } else if (route == NULL) {
        http_answer_problem(call, 404, "There is no such path.");
    } else if (route->needs_control && !control) {
        http_answer_problem(call, 403, "This is an order: use the control socket.");
    } else if (r->env.engine == NULL) {
        http_answer_problem(call, 503, "The service is stopping.");
    } else {
        const struct route_call found = {r, call, name, who, control, route->arg};

        route->handle(&found);
    }
}

/* ---- answering later ---- */

static void on_deadline(struct loop_timer *timer)
{
    struct pending *p = CONTAINER_OF(timer, struct pending, deadline);
    struct http_call *http = p->http;

    p->http = NULL;
    http_answer_problem(http, 503,
                        p->acts
                            ? "The answer takes longer than expected. The order stands and will "
                              "be carried out; look at the status."
                            : "The answer takes longer than expected; look at the status.");
}

bool pending_begin(struct pending *p, const struct route_call *call, bool acts)
{
    struct routes *r = call->routes;

    if (r->waiting >= ROUTES_WAITING_MAX + (call->control ? ROUTES_RESERVED : 0)) {
        http_answer_problem(call->http, 503, "Too many requests wait for the journal; try again.");
        return false;
    }
    r->waiting++;
    p->routes = r;
    p->http = call->http;
    p->acts = acts;
    (void)snprintf(p->who, sizeof(p->who), "%s", call->who);
    loop_timer_init(&p->deadline, on_deadline);
    loop_timer_start(r->env.loop, &p->deadline, ROUTES_WAIT_MS);
    return true;
}

void *pending_new(const struct route_call *call, size_t size, bool acts)
{
    void *request = calloc(1, size);

    if (request == NULL) {
        route_fail(call->http, ERR_NOMEM, "");
        return NULL;
    }
    if (!pending_begin(request, call, acts)) {
        free(request);
        return NULL;
    }
    return request;
}

struct http_call *pending_end(struct pending *p)
{
    struct http_call *http = p->http;

    loop_timer_stop(&p->deadline);
    p->routes->waiting--;
    p->http = NULL;
    return http;
}

/* ---- answers ---- */

void route_answer_as(struct http_call *http, unsigned status, const char *type, int err,
                     struct buf *out)
{
    if (err == 0) {
        http_answer(http, status, type, buf_text(out), out->len);
    } else {
        route_fail(http, err, "the answer");
    }
    buf_free(out);
}

void route_answer(struct http_call *http, unsigned status, int err, struct buf *out)
{
    route_answer_as(http, status, status < 400 ? "application/json" : "application/problem+json",
                    err, out);
}

void route_fail(struct http_call *http, int err, const char *why)
{
    static const struct {
        int err;
        unsigned status;
    } statuses[] = {{ERR_NOTFOUND, 404},    {ERR_STATE, 409}, {ERR_EXISTS, 409},   {ERR_INVAL, 400},
                    {ERR_FORMAT, 400},      {ERR_BUSY, 409},  {ERR_CANCELED, 503}, {ERR_NOMEM, 503},
                    {ERR_UNSUPPORTED, 409}, {ERR_CONFIG, 422}};
    char detail[sizeof(struct errmsg) + 64];
    unsigned status = 500;

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i].err == err) {
            status = statuses[i].status;
        }
    }
    (void)snprintf(detail, sizeof(detail), "%s: %s", err_text(err), why);
    http_answer_problem(http, status, why[0] != '\0' ? detail : err_text(err));
}

void route_view(struct routes *r, struct status_view *out)
{
    const struct status_env *env = &r->env;

    engine_status(env->engine, &r->snapshot);
    out->now_ms = loop_wall_ms(env->loop);
    out->engine = &r->snapshot;
    journal_numbers(env->journal, &out->journal);
    out->condition = journal_condition(env->journal);
    out->condition_text = journal_condition_text(env->journal);
    out->window_full = journal_window_full(env->journal);
    out->restored = journal_restored(env->journal);
    out->audit = journal_audit_head(env->journal);
    out->worker_age_ms = journal_worker_age_ms(env->journal);
    out->commit_ms = journal_commit_ms(env->journal);
    env->describe(env->ctx, &out->process);
}

int route_flow(struct routes *r, const char *name, int64_t *out)
{
    *out = 0;
    if (name[0] == '\0') {
        return 0;
    }
    engine_status(r->env.engine, &r->snapshot);
    for (size_t i = 0; i < r->snapshot.n_flows; i++) {
        if (strcmp(r->snapshot.flows[i].name, name) == 0) {
            *out = r->snapshot.flows[i].flow_id;
            return 0;
        }
    }
    return ERR_NOTFOUND;
}
