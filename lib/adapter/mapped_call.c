#include "adapter/mapped_call.h"

#include <string.h>

#include "base/crash_point.h"

#define FEED_TOTAL_MS 21600000

void mapped_caller_init(struct mapped_caller *c, const struct adapter_env *env,
                        struct mapped_settings *settings)
{
    memset(c, 0, sizeof(*c));
    c->loop = env->loop;
    c->http = env->http;
    c->settings = mapped_settings_ref(settings);
    list_init(&c->open);
    mapped_auth_init(&c->auth, env, settings);
}

void mapped_caller_change(struct mapped_caller *c, struct mapped_settings *settings)
{
    mapped_auth_reconfigure(&c->auth, settings);
    (void)mapped_settings_ref(settings);
    mapped_settings_unref(c->settings);
    c->settings = settings;
}

void mapped_caller_free(struct mapped_caller *c)
{
    mapped_auth_free(&c->auth);
    mapped_settings_unref(c->settings);
}

void mapped_caller_cancel(struct mapped_caller *c)
{
    for (struct list *link = c->open.next; link != &c->open; link = link->next) {
        mapped_call_cancel(CONTAINER_OF(link, struct mapped_call, link));
    }
    mapped_auth_cancel(&c->auth);
}

/* ---- the end ---- */

static void end(struct mapped_call *call)
{
    call->busy = false;
    list_remove(&call->link);
    if (call->canceled) {
        call->err = err_set(&call->why, ERR_CANCELED, "%s", err_text(ERR_CANCELED));
    }
    call->done(call); /* may free call */
}

static void task_run(struct loop_task *task)
{
    end(CONTAINER_OF(task, struct mapped_call, task));
}

static void end_later(struct mapped_call *call, int err)
{
    call->err = err;
    loop_defer(call->caller->loop, &call->task);
}

/* ---- the reply ---- */

static void get_token(struct mapped_call *call);

/* A refusal for the token: nothing happened, so the call may be made again. */
static bool repeat(struct mapped_call *call)
{
    struct mapped_auth *auth = &call->caller->auth;
    bool newest = call->generation == auth->generation;

    if (call->canceled || call->feeding || call->settings->preset->auth.kind == AUTH_NONE ||
        (newest && call->logged_in) || call->repeats >= MAPPED_REPEATS_MAX) {
        return false;
    }
    if (newest) {
        call->logged_in = true;
        mapped_auth_refused(auth, call->generation);
    }
    call->repeats++;
    mapping_close(call->doc);
    call->doc = NULL;
    call->err = 0;
    call->why.text[0] = '\0';
    get_token(call);
    return true;
}

static const struct buf *reply_of(const struct mapped_call *call)
{
    return call->http.sink != NULL ? &call->window : &call->http.response;
}

static void parse_run(struct adapter_parse *parse)
{
    struct mapped_call *call = CONTAINER_OF(parse, struct mapped_call, parse);
    const struct buf *reply = reply_of(call);

    call->err = mapping_open(call->settings->preset, call->what, buf_text(reply), reply->len,
                             &call->doc, &call->why);
    if (call->err != 0) {
        return;
    }
    call->verdict = mapping_judge(call->what, call->doc, call->words);
    if (call->verdict == MAPPING_OK && call->read != NULL) {
        call->err = call->read(call, &call->why);
    }
}

static void parse_done(struct adapter_parse *parse)
{
    struct mapped_call *call = CONTAINER_OF(parse, struct mapped_call, parse);

    buf_free(&call->window);
    http_req_free(&call->http);
    if (call->err == 0 && call->verdict == MAPPING_AUTH) {
        if (repeat(call)) {
            return;
        }
        call->err = err_set(&call->why, ERR_DENIED, "refused on a fresh login: %s", call->words);
    } else if (call->err == 0 && call->verdict == MAPPING_REFUSED) {
        call->err = err_set(&call->why, ERR_REMOTE, "refused: %s", call->words);
    }
    if (call->err != 0 && call->err != ERR_CANCELED && call->verdict == MAPPING_OK) {
        (void)err_wrap(&call->why, call->err, "%s:%u", call->settings->preset->path,
                       call->what->line);
    }
    end(call);
}

/* A reply that can't be read may still say in its own words why a call was refused. */
static void http_done(struct http_req *req)
{
    struct mapped_call *call = req->ctx;
    bool auth = false;

    call->in_http = false;
    CRASH_POINT(mapped_answered);
    call->err = mapped_request_judge(req, &auth, &call->why);
    if (req->result == HTTP_ANSWERED && req->retry_after_s > 0 &&
        (req->status == 429 || req->status == 503)) {
        call->caller->not_before_ms =
            loop_now_ms(call->caller->loop) + (uint64_t)req->retry_after_s * 1000;
    }
    if (auth && repeat(call)) {
        return;
    }
    if (call->err != 0 && call->err != ERR_CANCELED && req->result == HTTP_ANSWERED) {
        (void)err_wrap(&call->why, call->err, "%s:%u", call->settings->preset->path,
                       call->what->line);
    }
    if (call->err != 0 || call->feeding) {
        end(call); /* already on a later turn */
        return;
    }
    adapter_parse_start(call->caller->loop, &call->parse, reply_of(call)->len, parse_run,
                        parse_done);
}

static enum http_took sink(struct http_req *req, const char *bytes, size_t n)
{
    struct mapped_call *call = req->ctx;

    if (call->feeding) {
        return call->feed_more(call, bytes, n);
    }
    buf_put(&call->window, bytes, n);
    if (buf_error(&call->window) != 0) {
        return HTTP_STOP;
    }
    if (call->window.len > MAPPED_FEED_BYTES) {
        call->feeding = true;
        if (!call->feed_begin(call, call->window.data, call->window.len)) {
            return HTTP_STOP;
        }
        buf_free(&call->window);
    }
    return HTTP_TOOK;
}

/* ---- the request ---- */

static void send_now(struct mapped_call *call)
{
    struct mapped_auth *auth = &call->caller->auth;
    struct preset *preset = call->settings->preset;
    struct http_req *req = &call->http;
    int err;

    call->generation = auth->generation;
    mapped_request_free(&call->request);
    mapped_request_init(&call->request);
    http_req_free(req);
    http_req_init(req);
    buf_clear(&call->window);
    call->values.url = call->settings->source.url;
    call->values.params = &preset->params;
    call->values.today_s = loop_wall_s(call->caller->loop);
    mapped_auth_values(auth, &call->values);
    err = mapped_request_fill(&call->request, preset, call->what, &call->values, false, &call->why);
    if (err == 0) {
        err = mapped_auth_sign(auth, &call->values, &call->request, req, &call->why);
    }
    if (err != 0) {
        end_later(call, err == ERR_NOMEM ? ERR_NOMEM : ERR_CONFIG);
        return;
    }
    mapped_request_apply(&call->request, call->settings, call->what, req);
    req->sink = call->feed_begin != NULL ? sink : NULL;
    if (req->sink != NULL) {
        req->limits.total_ms = FEED_TOTAL_MS; /* it waits for us: its stall counts */
    }
    req->done = http_done;
    req->ctx = call;
    call->in_http = true;
    call->caller->calls++;
    CRASH_POINT(mapped_send_before);
    err = http_send(call->caller->http, req);
    CRASH_POINT(mapped_handed);
    if (err != 0) {
        call->in_http = false;
        (void)err_set(&call->why, ERR_REMOTE, "%s", err_text(err));
        end_later(call, ERR_REMOTE);
    }
}

static void ready(struct mapped_wait *wait, int err, const struct errmsg *why)
{
    struct mapped_call *call = CONTAINER_OF(wait, struct mapped_call, wait);

    if (err == 0 && !call->canceled && call->caller->auth.usable) {
        send_now(call); /* fresh, however short a life it has */
        return;
    }
    if (err == 0 && !call->canceled) {
        get_token(call); /* forgotten meanwhile by a reload */
        return;
    }
    call->why = *why;
    call->err = err;
    end(call);
}

static void get_token(struct mapped_call *call)
{
    if (mapped_auth_current(&call->caller->auth) != 0) {
        send_now(call);
    } else {
        mapped_auth_wait(&call->caller->auth, &call->wait);
    }
}

static void timer_fired(struct loop_timer *timer)
{
    get_token(CONTAINER_OF(timer, struct mapped_call, timer));
}

void mapped_call_init(struct mapped_call *call, struct mapped_caller *caller,
                      const struct preset_call *(*which)(const struct preset *preset), void *owner)
{
    memset(call, 0, sizeof(*call));
    call->caller = caller;
    call->settings = mapped_settings_ref(caller->settings);
    call->what = which(call->settings->preset);
    call->owner = owner;
    call->wait.ready = ready;
    list_init(&call->link);
    loop_task_init(&call->task, task_run);
    loop_timer_init(&call->timer, timer_fired);
    mapped_request_init(&call->request);
    http_req_init(&call->http);
    buf_init(&call->window, (size_t)2 * MAPPED_FEED_BYTES);
}

void mapped_call_start(struct mapped_call *call)
{
    struct mapped_caller *caller = call->caller;
    uint64_t now_ms = loop_now_ms(caller->loop);

    call->busy = true;
    list_push(&caller->open, &call->link);
    if (now_ms < caller->not_before_ms) {
        (void)err_set(&call->why, ERR_REMOTE, "the source asked to wait, %llu s are left",
                      (unsigned long long)((caller->not_before_ms - now_ms + 999) / 1000));
        end_later(call, ERR_REMOTE);
    } else if (call->delay_ms > 0) {
        loop_timer_start(caller->loop, &call->timer, call->delay_ms);
    } else {
        get_token(call);
    }
}

void mapped_call_cancel(struct mapped_call *call)
{
    if (!call->busy) {
        return;
    }
    call->canceled = true;
    if (loop_timer_armed(&call->timer)) {
        loop_timer_stop(&call->timer);
        end_later(call, ERR_CANCELED);
    } else if (call->in_http) {
        http_cancel(call->caller->http, &call->http);
    }
}

void mapped_call_free(struct mapped_call *call)
{
    loop_timer_stop(&call->timer);
    loop_task_cancel(&call->task);
    mapping_close(call->doc);
    call->doc = NULL;
    mapped_request_free(&call->request);
    http_req_free(&call->http);
    buf_free(&call->window);
    mapped_settings_unref(call->settings);
    call->settings = NULL;
}
