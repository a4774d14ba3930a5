#include "adapter/portal_call.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/portal_bridge.h"
#include "base/crash_point.h"
#include "base/digest.h"

static void send_now(struct portal_call *call);

static void task_run(struct loop_task *task)
{
    struct portal_call *call = CONTAINER_OF(task, struct portal_call, task);

    call->done(call); /* may release call */
}

void portal_call_end(struct portal_call *call, enum outcome_class class, const char *words)
{
    call->outcome.class = class;
    portal_reply_words(words, call->outcome.words);
    loop_defer(call->portal->env.loop, &call->task);
}

static void get_session(struct portal_call *call)
{
    if (portal_session_current(&call->portal->session) != 0) {
        send_now(call);
        return;
    }
    portal_session_wait(&call->portal->session, &call->wait);
}

static void session_ready(struct portal_wait *wait, const struct outcome *trouble)
{
    struct portal_call *call = CONTAINER_OF(wait, struct portal_call, wait);
    uint32_t repeats = call->outcome.repeats;
    uint8_t request[RECORD_HASH_BYTES];

    if (call->canceled) {
        call->outcome.class = OUTCOME_CANCELED;
        call->outcome.transport = false;
        call->done(call);
        return;
    }
    if (trouble == NULL && call->portal->session.usable) {
        send_now(call); /* fresh, however short a life the configuration gives it */
        return;
    }
    if (trouble == NULL) {
        get_session(call); /* forgotten meanwhile by a reload */
        return;
    }
    memcpy(request, call->outcome.request, sizeof(request));
    call->outcome = *trouble;
    memcpy(call->outcome.request, request, sizeof(request));
    call->outcome.repeats = repeats;
    call->done(call);
}

/* A refusal for the session: nothing happened, so the call may be made again. */
static bool repeat(struct portal_call *call)
{
    struct portal_session *session = &call->portal->session;
    bool newest = call->generation == session->generation;

    if (call->canceled) {
        call->outcome.class = OUTCOME_CANCELED;
        return false;
    }
    if ((newest && call->logged_in) || call->outcome.repeats >= PORTAL_REPEATS_MAX) {
        return false;
    }
    if (newest) {
        call->logged_in = true;
        portal_session_refused(session, call->generation);
    }
    call->outcome.repeats++;
    portal_reply_free(&call->reply);
    get_session(call);
    return true;
}

static void parse_run(struct adapter_parse *parse)
{
    struct portal_call *call = CONTAINER_OF(parse, struct portal_call, parse);

    portal_reply_read(&call->reply, call->http.response.data, call->http.response.len);
    if (call->read_rows != NULL && call->reply.object != NULL) {
        call->read_rows(call);
    }
}

/* Only such a success may be kept: no more goes into its judgement than bytes and settings. */
static bool plain_push(const struct portal_call *call)
{
    const struct http_req *http = &call->http;

    return call->kind == PORTAL_PUSH && call->settings == call->portal->settings &&
           http->result == HTTP_ANSWERED && http->status == 200 && http->retry_after_s == 0 &&
           http->response.len > 0 && http->response.len <= PORTAL_SUCCESS_BYTES;
}

static void keep_success(const struct portal_call *call)
{
    struct portal *portal = call->portal;

    if (plain_push(call) && call->outcome.class == OUTCOME_DONE) {
        portal->success.n = call->http.response.len;
        memcpy(portal->success.reply, call->http.response.data, portal->success.n);
        portal->success.outcome = call->outcome;
    }
}

/* False: these bytes are to be judged. */
static bool known_success(struct portal_call *call)
{
    const struct portal *portal = call->portal;
    const struct outcome *known = &portal->success.outcome;
    struct outcome *out = &call->outcome;

    if (!plain_push(call) || call->http.response.len != portal->success.n ||
        memcmp(call->http.response.data, portal->success.reply, portal->success.n) != 0) {
        return false;
    }
    out->class = known->class;
    out->transport = known->transport;
    out->alert = known->alert;
    out->http = known->http;
    out->retry_after_s = known->retry_after_s;
    memcpy(out->code, known->code, sizeof(out->code));
    memcpy(out->words, known->words, sizeof(out->words));
    memcpy(out->response, known->response, sizeof(out->response));
    out->took_ms = portal_reply_took(&call->http);
    return true;
}

static void parse_done(struct adapter_parse *parse)
{
    struct portal_call *call = CONTAINER_OF(parse, struct portal_call, parse);

    portal_reply_judge(&call->settings->config, call->kind, &call->http, &call->reply,
                       &call->outcome);
    keep_success(call);
    if (call->outcome.class == OUTCOME_AUTH && repeat(call)) {
        return;
    }
    call->done(call); /* may release call */
}

static void http_done(struct http_req *req)
{
    struct portal_call *call = req->ctx;

    call->in_http = false;
    CRASH_POINT(portal_answered);
    if (known_success(call)) {
        call->done(call); /* may release call */
        return;
    }
    adapter_parse_start(call->portal->env.loop, &call->parse, req->response.len, parse_run,
                        parse_done);
}

/* The session in front (section 1.4), then what was built once and digested. */
static int compose_direct(struct portal_call *call)
{
    struct buf *body = &call->body;

    buf_clear(body);
    buf_puts(body, "{\"session\":");
    buf_put_json(body, call->portal->session.token);
    buf_putc(body, ',');
    buf_put(body, call->rest.data + 1, call->rest.len - 1);
    call->http.method = "POST";
    call->http.url = call->settings->urls[call->endpoint];
    call->http.body = body->data;
    call->http.body_len = body->len;
    return buf_error(body);
}

static void wipe(struct buf *b)
{
    if (b->data != NULL) {
        explicit_bzero(b->data, b->capacity);
    }
    buf_free(b);
}

/* Section 11: pushes are POST with a bare body, readings are GET. */
static int compose_bridge(struct portal_call *call)
{
    const char *token = call->portal->session.token;
    bool post = call->rest.len > 0;

    buf_clear(&call->url);
    buf_puts(&call->url, call->settings->urls[call->endpoint]);
    buf_putc(&call->url, '/');
    buf_put(&call->url, call->path.data, call->path.len);
    wipe(&call->bearer);
    if (token[0] != '\0') {
        buf_puts(&call->bearer, "Bearer ");
        buf_puts(&call->bearer, token);
        call->headers[PORTAL_HEADERS] =
            (struct http_header){"Authorization", buf_text(&call->bearer)};
    }
    call->http.method = post ? "POST" : "GET";
    call->http.url = buf_text(&call->url);
    call->http.body = post ? call->rest.data : NULL;
    call->http.body_len = call->rest.len;
    return buf_error(&call->url) != 0 ? buf_error(&call->url) : buf_error(&call->bearer);
}

static void send_now(struct portal_call *call)
{
    struct portal_settings *settings = call->settings;
    struct http_req *req = &call->http;
    int err;

    call->generation = call->portal->session.generation;
    http_req_free(req);
    http_req_init(req);
    memcpy(call->headers, settings->headers, sizeof(settings->headers));
    call->headers[PORTAL_HEADERS] = (struct http_header){"Authorization", NULL};
    err = portal_is_bridge(&settings->config) ? compose_bridge(call) : compose_direct(call);
    req->headers = call->headers;
    req->n_headers = PORTAL_HEADERS + 1;
    req->limits = settings->limits;
    req->limits.response_bytes = call->response_bytes;
    req->tls = &settings->tls;
    req->done = http_done;
    req->ctx = call;
    if (err == 0) {
        call->in_http = true;
        CRASH_POINT(portal_send_before);
        err = http_send(call->portal->env.http, req);
        CRASH_POINT(portal_handed);
    }
    if (err != 0) {
        call->in_http = false;
        portal_call_end(call, OUTCOME_TRANSIENT, err_text(err));
    }
}

struct portal_request portal_call_request(struct portal_call *call)
{
    return (struct portal_request){.body = &call->rest, .path = &call->path};
}

void portal_call_start(struct portal_call *call)
{
    const struct buf *sent = call->rest.len > 0 ? &call->rest : &call->path;

    if (buf_error(&call->rest) != 0 || buf_error(&call->path) != 0 ||
        digest_sha256(sent->data, sent->len, call->outcome.request) != 0) {
        portal_call_end(call, OUTCOME_TRANSIENT, err_text(ERR_NOMEM));
        return;
    }
    get_session(call);
}

void portal_call_again(struct portal_call *call)
{
    portal_reply_free(&call->reply);
    memset(&call->outcome, 0, sizeof(call->outcome));
    call->logged_in = false;
}

static struct portal_call *call_alloc(struct portal *portal)
{
    struct list *link = list_shift(&portal->spare);
    struct portal_call *call;

    if (link != NULL) {
        portal->n_spare--;
        return CONTAINER_OF(link, struct portal_call, link);
    }
    call = calloc(1, sizeof(*call));
    if (call == NULL) {
        abort(); /* a small fixed block, without which no callback could ever be made */
    }
    buf_init(&call->rest, PORTAL_BODY_MAX);
    buf_init(&call->path, PORTAL_PATH_MAX);
    buf_init(&call->body, PORTAL_BATCH_BODY_MAX + 8 * PORTAL_SESSION_MAX);
    buf_init(&call->url, PORTAL_URL_MAX);
    buf_init(&call->bearer, PORTAL_SESSION_MAX + 16);
    return call;
}

struct portal_call *portal_call_new(struct portal *portal, enum portal_call_kind kind,
                                    enum portal_endpoint endpoint, void *request,
                                    void (*done)(struct portal_call *call))
{
    struct portal_call *call = call_alloc(portal);

    call->portal = portal;
    call->settings = portal_settings_ref(portal->settings);
    call->kind = kind;
    call->endpoint = endpoint;
    call->response_bytes = call->settings->limits.response_bytes;
    call->request = request;
    call->done = done;
    call->wait.ready = session_ready;
    loop_task_init(&call->task, task_run);
    http_req_init(&call->http);
    list_init(&call->link);
    list_push(&portal->open, &call->link);
    return call;
}

static void call_destroy(struct portal_call *call)
{
    buf_free(&call->rest);
    buf_free(&call->path);
    buf_free(&call->body);
    buf_free(&call->url);
    wipe(&call->bearer);
    free(call);
}

static void spare_buffer(struct buf *b)
{
    if (b->capacity > PORTAL_SPARE_BYTES) {
        buf_free(b);
    }
    buf_clear(b);
}

/* The buffers stay with a spare call; everything else begins anew. */
static void call_reset(struct portal_call *call)
{
    struct buf rest = call->rest;
    struct buf path = call->path;
    struct buf body = call->body;
    struct buf url = call->url;
    struct buf bearer = call->bearer;

    memset(call, 0, sizeof(*call));
    call->rest = rest;
    call->path = path;
    call->body = body;
    call->url = url;
    call->bearer = bearer;
    spare_buffer(&call->rest);
    spare_buffer(&call->path);
    spare_buffer(&call->body);
    spare_buffer(&call->url);
    wipe(&call->bearer);
    list_init(&call->link);
}

void portal_call_release(struct portal_call *call)
{
    struct portal *portal = call->portal;

    loop_task_cancel(&call->task);
    list_remove(&call->link);
    portal_reply_free(&call->reply);
    http_req_free(&call->http);
    arena_free(&call->arena);
    portal_settings_unref(call->settings);
    if (portal->n_spare < PORTAL_SPARE_CALLS) {
        call_reset(call);
        list_push(&portal->spare, &call->link);
        portal->n_spare++;
    } else {
        call_destroy(call);
    }
    if (portal->freed) {
        portal_close(portal);
    }
}

void portal_call_cancel_all(struct portal *portal)
{
    for (struct list *link = portal->open.next; link != &portal->open; link = link->next) {
        struct portal_call *call = CONTAINER_OF(link, struct portal_call, link);

        call->canceled = true;
        if (call->in_http) {
            http_cancel(portal->env.http, &call->http);
        }
    }
    portal_session_cancel(&portal->session);
}

void portal_close(struct portal *portal)
{
    struct list *link;

    portal->freed = true;
    if (!list_empty(&portal->open)) {
        return; /* the last call that is released comes here again */
    }
    for (link = list_shift(&portal->spare); link != NULL; link = list_shift(&portal->spare)) {
        call_destroy(CONTAINER_OF(link, struct portal_call, link));
    }
    loop_timer_stop(&portal->sweep);
    portal_shelf_clear(&portal->shelf);
    arena_free(&portal->questions.arena);
    portal_session_free(&portal->session);
    portal_settings_unref(portal->settings);
    free(portal->name);
    free(portal);
}

static const struct {
    enum outcome_class class;
    int err;
} read_errors[] = {
    {OUTCOME_DONE, ERR_OK},          {OUTCOME_CANCELED, ERR_CANCELED}, {OUTCOME_AUTH, ERR_DENIED},
    {OUTCOME_LOGIN, ERR_DENIED},     {OUTCOME_MISSING, ERR_NOTFOUND},  {OUTCOME_CONFIG, ERR_CONFIG},
    {OUTCOME_TRANSIENT, ERR_REMOTE},
};

int portal_call_read_error(const struct portal_call *call, const char *service, struct errmsg *why)
{
    int err = ERR_REMOTE;

    for (size_t i = 0; i < sizeof(read_errors) / sizeof(read_errors[0]); i++) {
        if (read_errors[i].class == call->outcome.class) {
            err = read_errors[i].err;
        }
    }
    if (err != 0) {
        return err_set(why, err, "%s: %s", service,
                       call->outcome.words[0] != '\0' ? call->outcome.words : err_text(err));
    }
    *why = call->fault;
    return call->err;
}
