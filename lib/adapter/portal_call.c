#include "adapter/portal_call.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/portal_wire.h"
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

static void parse_done(struct adapter_parse *parse)
{
    struct portal_call *call = CONTAINER_OF(parse, struct portal_call, parse);

    portal_reply_judge(&call->settings->config, call->kind, &call->http, &call->reply,
                       &call->outcome);
    if (call->outcome.class == OUTCOME_AUTH && repeat(call)) {
        return;
    }
    call->done(call); /* may release call */
}

static void http_done(struct http_req *req)
{
    struct portal_call *call = req->ctx;

    call->in_http = false;
    adapter_parse_start(call->portal->env.loop, &call->parse, req->response.len, parse_run,
                        parse_done);
}

/* The session in front (section 1.4), then what was built once and digested. */
static int compose(struct portal_call *call)
{
    struct buf *body = &call->body;

    buf_clear(body);
    buf_puts(body, "{\"session\":");
    buf_put_json(body, call->portal->session.token);
    buf_putc(body, ',');
    buf_put(body, call->rest.data + 1, call->rest.len - 1);
    return buf_error(body);
}

static void send_now(struct portal_call *call)
{
    struct portal_settings *settings = call->settings;
    struct http_req *req = &call->http;
    int err = compose(call);

    call->generation = call->portal->session.generation;
    http_req_free(req);
    http_req_init(req);
    req->method = "POST";
    req->url = settings->urls[call->endpoint];
    req->headers = settings->headers;
    req->n_headers = PORTAL_HEADERS;
    req->body = call->body.data;
    req->body_len = call->body.len;
    req->limits = settings->limits;
    req->limits.response_bytes = call->response_bytes;
    req->tls = &settings->tls;
    req->done = http_done;
    req->ctx = call;
    if (err == 0) {
        call->in_http = true;
        err = http_send(call->portal->env.http, req);
    }
    if (err != 0) {
        call->in_http = false;
        portal_call_end(call, OUTCOME_TRANSIENT, err_text(err));
    }
}

void portal_call_start(struct portal_call *call)
{
    if (buf_error(&call->rest) != 0 ||
        digest_sha256(call->rest.data, call->rest.len, call->outcome.request) != 0) {
        portal_call_end(call, OUTCOME_TRANSIENT, err_text(ERR_NOMEM));
        return;
    }
    get_session(call);
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
    buf_init(&call->body, PORTAL_BODY_MAX + 8 * PORTAL_SESSION_MAX);
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
    buf_free(&call->body);
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
    struct buf body = call->body;

    memset(call, 0, sizeof(*call));
    call->rest = rest;
    call->body = body;
    spare_buffer(&call->rest);
    spare_buffer(&call->body);
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
    portal_session_free(&portal->session);
    portal_settings_unref(portal->settings);
    free(portal->name);
    free(portal);
}
