#include "adapter/opencps_call.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "adapter/opencps_write.h"
#include "base/crash_point.h"

static void pump(struct opencps_wire *w);

static void timer_fired(struct loop_timer *timer)
{
    pump(CONTAINER_OF(timer, struct opencps_wire, timer));
}

void opencps_wire_init(struct opencps_wire *w, struct loop *loop, struct http_client *http,
                       struct opencps_settings *settings)
{
    *w = (struct opencps_wire){.loop = loop, .http = http, .settings = settings};
    list_init(&w->queue);
    list_init(&w->sent);
    loop_timer_init(&w->timer, timer_fired);
}

void opencps_wire_change(struct opencps_wire *w, struct opencps_settings *settings)
{
    opencps_settings_unref(w->settings);
    w->settings = settings;
}

void opencps_wire_free(struct opencps_wire *w)
{
    assert(list_empty(&w->queue) && list_empty(&w->sent));
    loop_timer_stop(&w->timer);
    opencps_settings_unref(w->settings);
    w->settings = NULL;
}

/* ---- the end of a call ---- */

static void finish(struct opencps_call *call)
{
    list_remove(&call->link);
    opencps_settings_unref(call->settings);
    call->settings = NULL;
    call->wire = NULL;
    call->done(call); /* may free call */
}

static void task_run(struct loop_task *task)
{
    finish(CONTAINER_OF(task, struct opencps_call, task));
}

/* For ends that are known while the caller is still inside of a call of ours. */
static void finish_later(struct opencps_call *call, int err, enum http_result result)
{
    call->err = err;
    call->req.result = result;
    loop_defer(call->wire->loop, &call->task);
}

/* Method and path without the query, for messages. */
static void describe(struct opencps_call *call, const char *what)
{
    const char *path = buf_text(&call->path);

    err_set(&call->why, call->err, "%s %.*s: %s", call->method, (int)strcspn(path, "?"), path,
            what);
}

static enum opencps_format format_of(const struct opencps_call *call)
{
    return call->json ? OPENCPS_JSON : call->settings->format;
}

/* Of the body; NULL without one. */
static const char *body_type(const struct opencps_call *call)
{
    if (call->form.len == 0) {
        return NULL;
    }
    return call->json ? "application/json; charset=UTF-8"
                      : "application/x-www-form-urlencoded; charset=UTF-8";
}

static void parse_run(struct adapter_parse *parse)
{
    struct opencps_call *call = CONTAINER_OF(parse, struct opencps_call, parse);
    const struct buf *body = &call->req.response;
    struct opencps_doc doc = {0};

    call->err = opencps_doc_parse(&doc, format_of(call), buf_text(body), body->len, &call->why);
    if (call->err == 0) {
        call->err = call->read(call, &doc, &call->why);
    }
    opencps_doc_free(&doc);
    if (call->err != 0) {
        const char *path = buf_text(&call->path);

        err_wrap(&call->why, call->err, "%s %.*s", call->method, (int)strcspn(path, "?"), path);
    }
}

static void parse_done(struct adapter_parse *parse)
{
    finish(CONTAINER_OF(parse, struct opencps_call, parse));
}

static const int RESULT_ERR[] = {
    [HTTP_ANSWERED] = 0,         [HTTP_NOT_SENT] = ERR_REMOTE, [HTTP_TRUST] = ERR_REMOTE,
    [HTTP_UNKNOWN] = ERR_REMOTE, [HTTP_MISUSE] = ERR_CONFIG,   [HTTP_CANCELED] = ERR_CANCELED,
};

static int status_err(long status)
{
    if (status >= 200 && status <= 299) {
        return 0;
    }
    if (status == 401 || status == 403) {
        return ERR_DENIED;
    }
    return status == 404 ? ERR_NOTFOUND : ERR_REMOTE;
}

static void forget_password(struct opencps_settings *s)
{
    explicit_bzero(s->password, sizeof(s->password));
    s->has_password = false;
}

static void http_done(struct http_req *req)
{
    struct opencps_call *call = req->ctx;

    call->flying = false;
    CRASH_POINT(opencps_answered);
    explicit_bzero(call->password, sizeof(call->password));
    call->err = RESULT_ERR[req->result];
    if (call->err != 0) {
        describe(call, req->why[0] != '\0' ? req->why : err_text(call->err));
        finish(call);
        return;
    }
    call->err = status_err(req->status);
    if (call->err != 0) {
        char words[32];

        snprintf(words, sizeof(words), "HTTP %ld", req->status);
        describe(call, words);
        if (req->status == 401) {
            forget_password(call->settings); /* it may have been changed in its file meanwhile */
        }
        finish(call);
        return;
    }
    if (call->read == NULL) {
        finish(call);
        return;
    }
    adapter_parse_start(call->wire->loop, &call->parse, req->response.len, parse_run, parse_done);
}

/* ---- the start of a call ---- */

static int get_password(struct opencps_call *call)
{
    struct opencps_settings *s = call->settings;
    const struct config_source *source = &s->source;
    int err = 0;

    if (!s->has_password) {
        err = config_secret(source->password_credential, source->password_file, s->password,
                            sizeof(s->password), &call->why);
        s->has_password = err == 0;
    }
    memcpy(call->password, s->password, sizeof(call->password));
    return err;
}

static int fill(struct opencps_call *call)
{
    const struct opencps_settings *s = call->settings;
    const char *url = s->source.url;
    size_t n = strlen(url);
    struct http_req *req = &call->req;

    while (n > 0 && url[n - 1] == '/') {
        n--;
    }
    buf_clear(&call->url);
    buf_put(&call->url, url, n);
    buf_puts(&call->url, buf_text(&call->path));
    call->headers[0] = (struct http_header){
        "Accept", format_of(call) == OPENCPS_XML ? "application/xml" : "application/json"};
    call->headers[1] = (struct http_header){"groupId", s->source.group_id};
    call->headers[2] = (struct http_header){"Content-Type", body_type(call)};
    req->method = call->method;
    req->url = buf_text(&call->url);
    req->headers = call->headers;
    req->n_headers = sizeof(call->headers) / sizeof(call->headers[0]);
    req->body = call->form.len > 0 ? call->form.data : NULL;
    req->body_len = call->form.len;
    req->limits = s->limits;
    req->tls = &s->tls;
    req->done = http_done;
    req->ctx = call;
    if (s->source.username[0] != '\0') {
        req->user = s->source.username;
        req->password = call->password;
    }
    return buf_error(&call->path) != 0   ? buf_error(&call->path)
           : buf_error(&call->form) != 0 ? buf_error(&call->form)
                                         : buf_error(&call->url);
}

static void send_call(struct opencps_wire *w, struct opencps_call *call)
{
    int err = fill(call);

    list_push(&w->sent, &call->link);
    if (err != 0) {
        call->err = err;
        describe(call, err_text(err));
        finish_later(call, err, err_passes(err) ? HTTP_NOT_SENT : HTTP_MISUSE);
        return;
    }
    if (call->req.user != NULL) {
        err = get_password(call);
        if (err != 0) {
            bool passes = err_passes(err); /* config_secret said why */

            finish_later(call, passes ? ERR_REMOTE : ERR_CONFIG,
                         passes ? HTTP_NOT_SENT : HTTP_MISUSE);
            return;
        }
    }
    CRASH_POINT(opencps_send_before);
    err = http_send(w->http, &call->req);
    CRASH_POINT(opencps_handed);
    if (err != 0) {
        explicit_bzero(call->password, sizeof(call->password));
        call->err = err;
        describe(call, err_text(err));
        finish_later(call, err, HTTP_NOT_SENT);
        return;
    }
    call->flying = true;
}

/* Milliseconds until the next call's turn; 0 takes it. */
static uint64_t take_turn(struct opencps_wire *w)
{
    uint64_t now_us = loop_now_ms(w->loop) * 1000;
    uint32_t rate = w->settings->source.rate;

    if (rate == 0) {
        return 0;
    }
    if (w->next_us > now_us) {
        return (w->next_us - now_us + 999) / 1000;
    }
    /* What was late makes up for at most one millisecond, the grain of the clock. */
    w->next_us = (w->next_us + 1000 > now_us ? w->next_us : now_us) + 1000000 / rate;
    return 0;
}

static void pump(struct opencps_wire *w)
{
    while (!list_empty(&w->queue)) {
        uint64_t wait_ms = take_turn(w);

        if (wait_ms > 0) {
            loop_timer_start(w->loop, &w->timer, wait_ms);
            return;
        }
        send_call(w, CONTAINER_OF(list_shift(&w->queue), struct opencps_call, link));
    }
}

void opencps_call_init(struct opencps_call *call)
{
    memset(call, 0, sizeof(*call));
    list_init(&call->link);
    loop_task_init(&call->task, task_run);
    buf_init(&call->path, OPENCPS_URL_MAX / 2);
    buf_init(&call->url, OPENCPS_URL_MAX);
    buf_init(&call->form, OPENCPS_FORM_MAX);
    http_req_init(&call->req);
}

void opencps_call_free(struct opencps_call *call)
{
    assert(!opencps_call_open(call));
    buf_free(&call->path);
    buf_free(&call->url);
    buf_free(&call->form);
    http_req_free(&call->req);
}

void opencps_call_clear(struct opencps_call *call)
{
    buf_clear(&call->path);
    buf_clear(&call->form);
}

bool opencps_call_open(const struct opencps_call *call)
{
    return call->wire != NULL;
}

void opencps_call_start(struct opencps_wire *w, struct opencps_call *call)
{
    assert(!opencps_call_open(call));
    http_req_free(&call->req);
    http_req_init(&call->req);
    call->err = 0;
    call->why.text[0] = '\0';
    call->wire = w;
    call->settings = opencps_settings_ref(w->settings);
    list_push(&w->queue, &call->link);
    if (!loop_timer_armed(&w->timer)) {
        pump(w);
    }
}

void opencps_wire_cancel(struct opencps_wire *w)
{
    loop_timer_stop(&w->timer);
    while (!list_empty(&w->queue)) {
        struct opencps_call *call = CONTAINER_OF(list_shift(&w->queue), struct opencps_call, link);

        list_push(&w->sent, &call->link);
        err_set(&call->why, ERR_CANCELED, "%s", err_text(ERR_CANCELED));
        finish_later(call, ERR_CANCELED, HTTP_CANCELED);
    }
    for (struct list *node = w->sent.next; node != &w->sent; node = node->next) {
        struct opencps_call *call = CONTAINER_OF(node, struct opencps_call, link);

        if (call->flying) {
            http_cancel(w->http, &call->req);
        }
    }
}
