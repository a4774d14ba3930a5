#include "http/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "base/list.h"
#include "http/client_easy.h"

/* TLS sessions. A resumed one skips the judging of the certificate, so none outlives the life of a
 * connection, nor a renewal. */
struct share {
    CURLSH *handle;
    uint64_t since_ms;
    unsigned users; /* the client and its calls */
};

/* Of one request. */
struct call {
    struct list link; /* in client.calls or .ended */
    struct client *client;
    struct share *share;
    struct http_easy easy;
    struct loop_task resume; /* the sink has room again */
    uint64_t started_ms;
    bool ended; /* out of multi; only the callback is owed */
};

struct client {
    struct http_client base;
    struct loop *loop; /* borrowed, as uv */
    uv_loop_t *uv;
    CURLM *multi; /* NULL only while no new one could be made */
    struct share *share;
    uint64_t renewed_ms; /* what is older is trusted no more */
    bool renewed;        /* ever */
    uv_timer_t timer;
    struct loop_task kick;    /* curl wants to run now */
    struct loop_task deliver; /* ended is not empty, or the client closes */
    struct list calls;        /* inside multi */
    struct list ended;        /* outside of it; their callbacks are owed */
    struct list kept;         /* socks of connections that have answered */
    uint32_t max_connections;
    unsigned handles; /* open uv handles */
    bool broken;      /* multi reported an error: it must be replaced */
    bool closing;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* A descriptor that curl wants to have watched. That of a connection which has answered is watched
 * on until curl closes it: to stop with each answer and begin again with the next call would be
 * seven system calls. */
struct sock {
    struct list link; /* in client.kept, or alone */
    uv_poll_t poll;
    struct client *client;
    curl_socket_t fd;
    int events; /* watched for */
    bool idle;  /* kept, and curl does not want it now */
};

static struct client *from_base(struct http_client *base)
{
    return CONTAINER_OF(base, struct client, base);
}

/* ---- TLS sessions ---- */

static struct share *share_new(const struct client *c)
{
    struct share *share = calloc(1, sizeof(*share));

    if (share == NULL) {
        return NULL;
    }
    share->handle = curl_share_init();
    share->since_ms = loop_now_ms(c->loop);
    share->users = 1;
    if (share->handle == NULL || curl_share_setopt(share->handle, CURLSHOPT_SHARE,
                                                   CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK) {
        curl_share_cleanup(share->handle);
        free(share);
        return NULL;
    }
    return share;
}

static void share_release(struct share *share)
{
    if (share != NULL && --share->users == 0) {
        curl_share_cleanup(share->handle);
        free(share);
    }
}

/* The sessions of now, or NULL without memory. */
static struct share *share_current(struct client *c)
{
    if (c->share != NULL &&
        loop_now_ms(c->loop) - c->share->since_ms >= HTTP_EASY_LIFE_MAX_S * 1000) {
        share_release(c->share);
        c->share = NULL;
    }
    if (c->share == NULL) {
        c->share = share_new(c);
    }
    return c->share;
}

/* ---- handles ---- */

static void handle_gone(struct client *c)
{
    c->handles--;
    if (c->closing && c->handles == 0) {
        void (*closed)(void *ctx) = c->closed;
        void *ctx = c->closed_ctx;

        free(c);
        curl_global_cleanup();
        if (closed != NULL) {
            closed(ctx);
        }
    }
}

static void on_sock_closed(uv_handle_t *handle)
{
    struct sock *s = handle->data;
    struct client *c = s->client;

    free(s);
    handle_gone(c);
}

static void on_timer_closed(uv_handle_t *handle)
{
    handle_gone(handle->data);
}

/* ---- the end of a call ---- */

/* Out of the multi, its answer filled in. */
static void call_leave(struct call *call, CURLcode code)
{
    struct client *c = call->client;

    loop_task_cancel(&call->resume);
    http_easy_finish(&call->easy, code);
    call->easy.req->took_ms = loop_now_ms(c->loop) - call->started_ms;
    curl_multi_remove_handle(c->multi, call->easy.handle);
}

static void call_done(struct call *call)
{
    struct http_req *req = call->easy.req;

    list_remove(&call->link);
    http_easy_close(&call->easy);
    share_release(call->share);
    free(call);
    req->impl = NULL;
    req->done(req); /* req may be gone or in flight again */
}

/* The callback comes from on_deliver. */
static void call_end_later(struct call *call)
{
    struct client *c = call->client;

    call->ended = true;
    list_remove(&call->link);
    list_push(&c->ended, &call->link);
    loop_defer(c->loop, &c->deliver);
}

/* ---- driving curl ---- */

static int multi_open(struct client *c);

/* An error of the multi makes all of it suspect: every call ends, as far as it got, and a new one
 * is made. */
static void multi_replace(struct client *c)
{
    c->broken = false;
    while (!list_empty(&c->calls)) {
        struct call *call = CONTAINER_OF(c->calls.next, struct call, link);

        call_leave(call, CURLE_ABORTED_BY_CALLBACK);
        call_end_later(call);
    }
    uv_timer_stop(&c->timer);
    loop_task_cancel(&c->kick);
    curl_multi_cleanup(c->multi);
    c->multi = NULL;
    (void)multi_open(c); /* without memory send tries again */
}

static void act(struct client *c, curl_socket_t fd, int events)
{
    CURLMsg *message;
    int running;
    int left;

    if (c->multi == NULL) {
        return;
    }
    if (curl_multi_socket_action(c->multi, fd, events, &running) != CURLM_OK) {
        c->broken = true;
    }
    /* Whatever running says: the last transfer of all ends here too. */
    for (message = curl_multi_info_read(c->multi, &left); message != NULL;
         message = curl_multi_info_read(c->multi, &left)) {
        CURLcode code = message->data.result; /* message dies with the removal */
        struct http_easy *easy = NULL;
        struct call *call;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &easy);
        call = CONTAINER_OF(easy, struct call, easy);
        call_leave(call, code);
        call_done(call);
    }
    if (c->broken) {
        multi_replace(c);
    }
}

static void on_kick(struct loop_task *task)
{
    act(CONTAINER_OF(task, struct client, kick), CURL_SOCKET_TIMEOUT, 0);
}

static void on_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct sock *s = poll->data;
    int flags = 0;

    if (s->idle) {
        /* The peer has closed it, or says what nobody asked for: curl looks before it takes it. */
        uv_poll_stop(poll);
        s->events = 0;
        return;
    }
    if (status < 0) {
        /* libuv has stopped watching, so curl must end it. Before that it may read: a peer that
         * refuses early sends its answer and resets the connection at once. s is freed on a later
         * turn at the earliest. */
        s->events = 0;
        act(s->client, s->fd, CURL_CSELECT_ERR | CURL_CSELECT_IN);
        if (!uv_is_closing((uv_handle_t *)poll)) {
            act(s->client, s->fd, CURL_CSELECT_ERR);
        }
        return;
    }
    flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    act(s->client, s->fd, flags);
}

/* Called by curl inside its own calls, so it only notes the time. "Now" is a deferred call, because
 * a uv timer of 0 that re-arms itself starves I/O. */
static int on_curl_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    struct client *c = ctx;

    (void)multi;
    if (uv_is_closing((uv_handle_t *)&c->timer)) {
        return 0;
    }
    if (timeout_ms == 0) {
        loop_defer(c->loop, &c->kick);
        return 0;
    }
    loop_task_cancel(&c->kick);
    if (timeout_ms < 0) {
        uv_timer_stop(&c->timer);
        return 0;
    }
    uv_update_time(c->uv);
    uv_timer_start(&c->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static struct sock *sock_open(struct client *c, curl_socket_t fd)
{
    struct sock *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return NULL;
    }
    if (uv_poll_init_socket(c->uv, &s->poll, fd) != 0) {
        free(s);
        return NULL;
    }
    s->client = c;
    s->fd = fd;
    list_init(&s->link);
    s->poll.data = s;
    c->handles++;
    return s;
}

static void sock_close(struct sock *s)
{
    list_remove(&s->link);
    uv_poll_stop(&s->poll);
    uv_close((uv_handle_t *)&s->poll, on_sock_closed);
}

static int sock_watch(struct sock *s, int events)
{
    int err = s->events != events ? uv_poll_start(&s->poll, events, on_poll) : 0;

    s->events = err == 0 ? events : s->events;
    return err;
}

static struct sock *kept_sock(struct client *c, curl_socket_t fd)
{
    for (struct list *l = c->kept.next; l != &c->kept; l = l->next) {
        struct sock *s = CONTAINER_OF(l, struct sock, link);

        if (s->fd == fd) {
            return s;
        }
    }
    return NULL;
}

/* Of connections only that were made; what curl gives up before, and its resolver's, it closes
 * without a word. libuv must forget the number first, for another file may get it. */
static int on_close_socket(void *ctx, curl_socket_t fd)
{
    struct sock *s = kept_sock(ctx, fd);

    if (s != NULL) {
        sock_close(s);
    }
    return close(fd);
}

/* Whether it belongs to a connection that has answered: then on_close_socket tells of its end. */
static bool has_answered(CURL *easy)
{
    long status = 0;

    return curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status > 0;
}

/* Also inside curl's own calls. REMOVE may come for a socket that was never announced, and the same
 * number may come back at once. */
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct client *c = ctx;
    struct sock *s = socket_ctx;
    int events = 0;

    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(c->multi, fd, NULL);
        if (s != NULL && has_answered(easy) && sock_watch(s, UV_READABLE) == 0) {
            s->idle = true;
            list_remove(&s->link);
            list_push(&c->kept, &s->link);
        } else if (s != NULL) {
            sock_close(s);
        }
        return 0;
    }
    if (s == NULL) {
        s = kept_sock(c, fd);
        s = s != NULL ? s : sock_open(c, fd);
        if (s == NULL) {
            return -1; /* the multi gives up all its transfers; act replaces it */
        }
        s->idle = false;
        curl_multi_assign(c->multi, fd, s);
    }
    events |= what != CURL_POLL_OUT ? UV_READABLE : 0;
    events |= what != CURL_POLL_IN ? UV_WRITABLE : 0;
    return sock_watch(s, events) == 0 ? 0 : -1;
}

static int multi_open(struct client *c)
{
    CURLM *multi = curl_multi_init();

    if (multi == NULL) {
        return ERR_NOMEM;
    }
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)c->max_connections);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    c->multi = multi;
    return 0;
}

/* ---- one request ---- */

static void on_resume(struct loop_task *task)
{
    http_easy_resume(&CONTAINER_OF(task, struct call, resume)->easy);
}

static struct call *call_new(struct client *c)
{
    struct call *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        return NULL;
    }
    call->client = c;
    call->share = c->share;
    call->share->users++;
    call->started_ms = loop_now_ms(c->loop);
    list_init(&call->link);
    loop_task_init(&call->resume, on_resume);
    return call;
}

static uint64_t trusted_s(const struct client *c)
{
    return c->renewed ? (loop_now_ms(c->loop) - c->renewed_ms) / 1000 : UINT64_MAX;
}

static int client_send(struct http_client *base, struct http_req *req)
{
    struct client *c = from_base(base);
    struct call *call;
    CURLcode code;

    if (c->closing) {
        return ERR_STATE;
    }
    if ((c->multi == NULL && multi_open(c) != 0) || share_current(c) == NULL) {
        return ERR_NOMEM;
    }
    call = call_new(c);
    if (call == NULL) {
        return ERR_NOMEM;
    }
    code = http_easy_open(&call->easy, req, call->share->handle, trusted_s(c));
    if (code == CURLE_OK) {
        curl_easy_setopt(call->easy.handle, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
        curl_easy_setopt(call->easy.handle, CURLOPT_CLOSESOCKETDATA, c);
    }
    if (code == CURLE_OUT_OF_MEMORY ||
        (code == CURLE_OK && curl_multi_add_handle(c->multi, call->easy.handle) != CURLM_OK)) {
        http_easy_close(&call->easy);
        share_release(call->share);
        free(call);
        return ERR_NOMEM;
    }
    req->impl = call;
    if (code == CURLE_OK) {
        list_push(&c->calls, &call->link);
        return 0;
    }
    http_easy_finish(&call->easy, code);
    call_end_later(call);
    return 0;
}

static void call_cancel(struct call *call)
{
    struct http_req *req = call->easy.req;

    call_leave(call, CURLE_ABORTED_BY_CALLBACK);
    req->result = call->easy.begun ? HTTP_UNKNOWN : HTTP_CANCELED;
    snprintf(req->why, sizeof(req->why), "cancelled");
    call_end_later(call);
}

static void client_cancel(struct http_client *base, struct http_req *req)
{
    struct call *call = req->impl;

    (void)base;
    if (call != NULL && !call->ended) {
        call_cancel(call);
    }
}

static void client_resume(struct http_client *base, struct http_req *req)
{
    struct call *call = req->impl;

    if (call != NULL && !call->ended) {
        loop_defer(from_base(base)->loop, &call->resume);
    }
}

static const struct http_client_ops ops = {
    .send = client_send,
    .cancel = client_cancel,
    .resume = client_resume,
};

/* ---- open and close ---- */

/* No easy handle is left. The multi first (it may still call on_curl_socket), the timer last. */
static void tear_down(struct client *c)
{
    if (c->multi != NULL) {
        curl_multi_cleanup(c->multi);
    }
    share_release(c->share);
    loop_task_cancel(&c->kick);
    loop_task_cancel(&c->deliver);
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

static void on_deliver(struct loop_task *task)
{
    struct client *c = CONTAINER_OF(task, struct client, deliver);
    struct list ended;

    list_init(&ended);
    list_splice(&ended, &c->ended);
    while (!list_empty(&ended)) {
        call_done(CONTAINER_OF(ended.next, struct call, link));
    }
    if (c->closing && list_empty(&c->ended)) {
        tear_down(c);
    }
}

static int check_curl(struct errmsg *msg)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

    if ((info->features & CURL_VERSION_ASYNCHDNS) == 0 ||
        (info->features & CURL_VERSION_SSL) == 0) {
        return err_set(msg, ERR_UNSUPPORTED,
                       "libcurl %s lacks TLS or a resolver that does not block", info->version);
    }
    return 0;
}

int http_client_uv_open(struct uv_loop_s *uv, struct loop *loop, uint32_t max_connections,
                        struct http_client **out, struct errmsg *msg)
{
    struct client *c;
    int err;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return err_set(msg, ERR_NOMEM, "libcurl did not start");
    }
    err = check_curl(msg);
    if (err != 0) {
        goto err_after_global;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        err = err_set(msg, ERR_NOMEM, "http client: out of memory");
        goto err_after_global;
    }
    c->base.ops = &ops;
    c->loop = loop;
    c->uv = uv;
    c->max_connections = max_connections > 0 ? max_connections : 1;
    list_init(&c->calls);
    list_init(&c->ended);
    list_init(&c->kept);
    loop_task_init(&c->kick, on_kick);
    loop_task_init(&c->deliver, on_deliver);
    err = share_current(c) != NULL ? multi_open(c) : ERR_NOMEM;
    if (err != 0) {
        err_set(msg, err, "http client: out of memory");
        goto err_after_client;
    }
    uv_timer_init(uv, &c->timer);
    c->timer.data = c;
    c->handles = 1;
    *out = &c->base;
    return 0;

err_after_client:
    share_release(c->share);
    free(c);
err_after_global:
    curl_global_cleanup();
    return err;
}

void http_client_uv_renew(struct http_client *client)
{
    struct client *c = from_base(client);

    c->renewed = true;
    c->renewed_ms = loop_now_ms(c->loop);
    share_release(c->share);
    c->share = NULL;
}

void http_client_uv_close(struct http_client *client, void (*closed)(void *ctx), void *ctx)
{
    struct client *c = from_base(client);

    c->closing = true;
    c->closed = closed;
    c->closed_ctx = ctx;
    while (!list_empty(&c->calls)) {
        call_cancel(CONTAINER_OF(c->calls.next, struct call, link));
    }
    loop_defer(c->loop, &c->deliver);
}
