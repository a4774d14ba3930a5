#include "http/server.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/list.h"
#include "http/server_accept.h"

#define ANSWER_DEADLINE_FACTOR 4 /* a reader gets so many times the deadline to take its answer */
#define LAST_RUNS 8 /* of MHD, for the answers of the calls that a closing server ends */
#define PROBLEM_MAX_BYTES ((size_t)4096)

/* A connection from accept to its end. */
struct conn {
    struct list link;
    struct http_server *server;
    int fd; /* MHD's once it was added */
    uid_t uid;
    pid_t pid;
    bool started; /* MHD has taken it in */
    struct loop_timer deadline;
};

/* One request. It is freed when MHD is done with it and the handler has answered, whichever is
 * later. */
struct exchange {
    struct http_call call;
    struct list link; /* in server.waiting while suspended */
    struct conn *conn;
    struct MHD_Connection *mhd;    /* NULL: the connection is gone */
    struct MHD_Response *response; /* owned until queued */
    unsigned status;
    char *method; /* owned, as path */
    char *path;
    struct buf body;
    bool dispatched; /* the handler has seen it */
    bool in_handler;
    bool answered; /* by the handler */
};

struct http_server {
    uv_loop_t *uv; /* borrowed, as loop */
    struct loop *loop;
    struct http_server_options options; /* its texts are not used after open */
    struct http_acceptor acceptor;
    struct MHD_Daemon *mhd;
    uv_poll_t poll;          /* MHD's epoll descriptor */
    struct loop_timer timer; /* when MHD wants to run next */
    struct loop_task again;  /* at once */
    struct loop_task shut;
    struct list conns;
    struct list waiting; /* suspended exchanges */
    unsigned n_conns;
    unsigned handles; /* open uv handles */
    bool closing;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* ---- driving MHD ---- */

/* Its epoll is edge-triggered inside: after every run it must be asked when it wants to run again,
 * 0 included. */
static void drive(struct http_server *s)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;

    MHD_run(s->mhd);
    loop_timer_stop(&s->timer);
    if (MHD_get_timeout(s->mhd, &wait_ms) != MHD_YES) {
        return;
    }
    if (wait_ms == 0) {
        loop_defer(s->loop, &s->again);
    } else {
        loop_timer_start(s->loop, &s->timer, wait_ms);
    }
}

static void on_again(struct loop_task *task)
{
    drive(CONTAINER_OF(task, struct http_server, again));
}

static void on_timer(struct loop_timer *timer)
{
    drive(CONTAINER_OF(timer, struct http_server, timer));
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct http_server *s = poll->data;

    (void)events;
    if (status < 0) { /* libuv has stopped watching; the descriptor itself lives as long as MHD */
        uv_poll_start(poll, UV_READABLE, on_poll);
    }
    drive(s);
}

/* ---- connections ---- */

static void conn_free(struct conn *c)
{
    loop_timer_stop(&c->deadline);
    list_remove(&c->link);
    c->server->n_conns--;
    free(c);
}

/* MHD's own timer counts inactivity only, so that a byte now and then would keep a connection for
 * ever. It sees the shutdown as the peer's end. */
static void on_deadline(struct loop_timer *timer)
{
    struct conn *c = CONTAINER_OF(timer, struct conn, deadline);

    if (c->started) {
        shutdown(c->fd, SHUT_RDWR);
    } else {
        conn_free(c); /* MHD could not take it in and has closed it: the number may be another's */
    }
}

static struct conn *conn_by_fd(struct http_server *s, int fd)
{
    for (struct list *l = s->conns.prev; l != &s->conns; l = l->prev) {
        struct conn *c = CONTAINER_OF(l, struct conn, link);

        if (c->fd == fd) {
            return c;
        }
    }
    return NULL;
}

static unsigned conns_of_uid(const struct http_server *s, uid_t uid)
{
    unsigned n = 0;

    for (const struct list *l = s->conns.next; l != &s->conns; l = l->next) {
        n += CONTAINER_OF(l, const struct conn, link)->uid == uid;
    }
    return n;
}

static void on_accepted(struct http_acceptor *a, const struct http_newcomer *who)
{
    struct http_server *s = CONTAINER_OF(a, struct http_server, acceptor);
    const struct http_server_options *o = &s->options;
    struct conn *c;

    if (o->admit != NULL && !o->admit(o->ctx, who->uid, who->gid, who->pid)) {
        close(who->fd);
        return;
    }
    c = conn_by_fd(s, who->fd);
    if (c != NULL) {
        conn_free(c); /* closed by MHD before it was started; the number is used again */
    }
    if (s->n_conns >= o->max_connections ||
        (who->uid != (uid_t)-1 && conns_of_uid(s, who->uid) >= o->max_connections_per_uid)) {
        http_acceptor_turn_away(who->fd);
        return;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        http_acceptor_turn_away(who->fd);
        return;
    }
    c->server = s;
    c->fd = who->fd;
    c->uid = who->uid;
    c->pid = who->pid;
    loop_timer_init(&c->deadline, on_deadline);
    loop_timer_start(s->loop, &c->deadline, o->deadline_ms);
    list_push(&s->conns, &c->link);
    s->n_conns++;
    if (MHD_add_connection(s->mhd, who->fd, who->address, who->address_len) != MHD_YES) {
        conn_free(c); /* MHD has closed it */
        return;
    }
    loop_defer(s->loop, &s->again);
}

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_ctx,
                          enum MHD_ConnectionNotificationCode what)
{
    struct conn *c = *socket_ctx;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

        c = conn_by_fd(ctx, info->connect_fd);
        *socket_ctx = c;
        if (c != NULL) { /* without one it gets no answer, see exchange_new */
            c->started = true;
        }
    } else if (c != NULL) {
        *socket_ctx = NULL;
        conn_free(c);
    }
}

/* ---- requests ---- */

static void exchange_free(struct exchange *x)
{
    if (x->response != NULL) {
        MHD_destroy_response(x->response);
    }
    buf_free(&x->body);
    free(x->method);
    free(x->path);
    free(x);
}

static struct exchange *exchange_new(struct http_server *s, struct MHD_Connection *mhd,
                                     const char *method, const char *path)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct exchange *x = info->socket_context != NULL ? calloc(1, sizeof(*x)) : NULL;

    if (x == NULL) {
        return NULL;
    }
    buf_init(&x->body, s->options.max_body_bytes);
    list_init(&x->link);
    x->conn = info->socket_context;
    x->mhd = mhd;
    x->method = strdup(method);
    x->path = strdup(path);
    x->call.server = s;
    x->call.method = x->method;
    x->call.path = x->path;
    x->call.uid = x->conn->uid;
    x->call.pid = x->conn->pid;
    x->call.impl = x;
    if (x->method == NULL || x->path == NULL) {
        exchange_free(x);
        return NULL;
    }
    return x;
}

/* NULL without memory: the connection is closed instead. */
static void set_response(struct exchange *x, unsigned status, const char *content_type,
                         const char *text, size_t n)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(n, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

    if (response != NULL) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    }
    x->status = status;
    x->response = response;
}

static void put_problem(struct buf *b, unsigned status, const char *detail)
{
    buf_puts(b, "{\"type\":\"about:blank\",\"title\":");
    buf_put_json(b, MHD_get_reason_phrase_for(status));
    buf_printf(b, ",\"status\":%u,\"detail\":", status);
    buf_put_json(b, detail);
    buf_puts(b, "}\n");
}

static void set_problem(struct exchange *x, unsigned status, const char *detail)
{
    struct buf text;

    buf_init(&text, PROBLEM_MAX_BYTES);
    put_problem(&text, status, detail);
    if (buf_error(&text) != 0) {
        buf_clear(&text);
        put_problem(&text, status, "");
    }
    set_response(x, status, "application/problem+json", buf_text(&text), text.len);
    buf_free(&text);
}

static enum MHD_Result reply(struct exchange *x)
{
    struct http_server *s = x->conn->server;
    enum MHD_Result result;

    if (x->response == NULL) {
        return MHD_NO;
    }
    loop_timer_start(s->loop, &x->conn->deadline,
                     (uint64_t)s->options.deadline_ms * ANSWER_DEADLINE_FACTOR);
    result = MHD_queue_response(x->mhd, x->status, x->response);
    MHD_destroy_response(x->response);
    x->response = NULL;
    return result;
}

static enum MHD_Result begin(struct http_server *s, struct MHD_Connection *mhd, const char *method,
                             const char *path, void **request_ctx)
{
    struct exchange *x = exchange_new(s, mhd, method, path);
    const char *length;

    if (x == NULL) {
        return MHD_NO;
    }
    *request_ctx = x;
    length = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length != NULL && strtoull(length, NULL, 10) > s->options.max_body_bytes) {
        set_problem(x, MHD_HTTP_CONTENT_TOO_LARGE, "The body is larger than allowed.");
        return reply(x); /* without reading it */
    }
    return MHD_YES;
}

static enum MHD_Result dispatch(struct http_server *s, struct exchange *x)
{
    loop_timer_stop(&x->conn->deadline); /* from here on it is the handler's time */
    if (buf_error(&x->body) != 0) {
        set_problem(x, MHD_HTTP_CONTENT_TOO_LARGE, "The body is larger than allowed.");
        return reply(x);
    }
    x->dispatched = true;
    x->call.body = buf_text(&x->body);
    x->call.body_len = x->body.len;
    x->in_handler = true;
    s->options.handle(s->options.ctx, &x->call);
    x->in_handler = false;
    if (x->answered) {
        return reply(x);
    }
    list_push(&s->waiting, &x->link);
    MHD_suspend_connection(x->mhd);
    return MHD_YES;
}

/* MHD calls it with the head, then with each piece of the body, then for the answer; after a resume
 * once more. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **request_ctx)
{
    struct http_server *s = ctx;
    struct exchange *x = *request_ctx;

    (void)version;
    if (x == NULL) {
        return begin(s, mhd, method, path, request_ctx);
    }
    if (*data_size > 0) {
        buf_put(&x->body, data, *data_size); /* past the limit the rest is read and forgotten */
        *data_size = 0;
        return MHD_YES;
    }
    return x->dispatched ? reply(x) : dispatch(s, x);
}

static void on_completed(void *ctx, struct MHD_Connection *mhd, void **request_ctx,
                         enum MHD_RequestTerminationCode why)
{
    struct http_server *s = ctx;
    struct exchange *x = *request_ctx;

    (void)mhd;
    (void)why;
    if (x == NULL) {
        return;
    }
    *request_ctx = NULL;
    loop_timer_start(s->loop, &x->conn->deadline, s->options.deadline_ms);
    list_remove(&x->link);
    if (!x->dispatched || x->answered) {
        exchange_free(x);
        return;
    }
    x->mhd = NULL; /* the handler still has the call: http_answer frees it */
    x->conn = NULL;
    x->call.server = NULL;
}

static struct exchange *from_call(const struct http_call *call)
{
    return call->impl;
}

const char *http_call_query(const struct http_call *call, const char *name)
{
    struct MHD_Connection *mhd = from_call(call)->mhd;

    return mhd != NULL ? MHD_lookup_connection_value(mhd, MHD_GET_ARGUMENT_KIND, name) : NULL;
}

const char *http_call_header(const struct http_call *call, const char *name)
{
    struct MHD_Connection *mhd = from_call(call)->mhd;

    return mhd != NULL ? MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name) : NULL;
}

/* The response is there (or there was no memory for it): lets it go out. */
static void resume(struct exchange *x)
{
    struct http_server *s = x->conn->server;

    list_remove(&x->link);
    MHD_resume_connection(x->mhd);
    loop_defer(s->loop, &s->again);
}

/* True when the answer still has a way out. */
static bool take_answer(struct exchange *x)
{
    assert(!x->answered);
    x->answered = true;
    if (x->mhd == NULL) {
        exchange_free(x);
        return false;
    }
    return x->in_handler ||
           !list_empty(&x->link); /* else the closing server has answered already */
}

void http_answer(struct http_call *call, unsigned status, const char *content_type,
                 const char *text, size_t n)
{
    struct exchange *x = from_call(call);

    if (!take_answer(x)) {
        return;
    }
    set_response(x, status, content_type, text, n);
    if (!x->in_handler) {
        resume(x);
    }
}

void http_answer_problem(struct http_call *call, unsigned status, const char *detail)
{
    struct exchange *x = from_call(call);

    if (!take_answer(x)) {
        return;
    }
    set_problem(x, status, detail);
    if (!x->in_handler) {
        resume(x);
    }
}

/* ---- open and close ---- */

static void handle_gone(struct http_server *s)
{
    void (*closed)(void *ctx) = s->closed;
    void *ctx = s->closed_ctx;

    s->handles--;
    if (s->handles > 0) {
        return;
    }
    free(s);
    if (closed != NULL) {
        closed(ctx);
    }
}

static void on_acceptor_stopped(struct http_acceptor *a)
{
    handle_gone(CONTAINER_OF(a, struct http_server, acceptor));
}

static void on_poll_closed(uv_handle_t *handle)
{
    handle_gone(handle->data);
}

/* Never inside MHD_run: MHD can't be stopped from its own callbacks. */
static void on_shut(struct loop_task *task)
{
    struct http_server *s = CONTAINER_OF(task, struct http_server, shut);

    while (!list_empty(&s->waiting)) {
        struct exchange *x = CONTAINER_OF(s->waiting.next, struct exchange, link);

        set_problem(x, MHD_HTTP_SERVICE_UNAVAILABLE, "The service is stopping.");
        resume(x);
    }
    for (int i = 0; i < LAST_RUNS; i++) {
        MHD_run(s->mhd);
    }
    uv_poll_stop(&s->poll);
    MHD_stop_daemon(s->mhd);
    while (!list_empty(&s->conns)) { /* those that MHD never started */
        conn_free(CONTAINER_OF(s->conns.next, struct conn, link));
    }
    loop_task_cancel(&s->again);
    loop_timer_stop(&s->timer);
    uv_close((uv_handle_t *)&s->poll, on_poll_closed);
}

static int start_mhd(struct http_server *s, struct errmsg *msg)
{
    const union MHD_DaemonInfo *info;
    int rc;

    s->mhd =
        MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0,
                         NULL, NULL, on_request, s, MHD_OPTION_CONNECTION_LIMIT,
                         s->options.max_connections + 1, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                         s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_END);
    if (s->mhd == NULL) {
        return err_set(msg, ERR_IO, "libmicrohttpd did not start");
    }
    info = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    rc = info != NULL ? uv_poll_init(s->uv, &s->poll, info->epoll_fd) : UV_ENOTSUP;
    if (rc != 0) {
        MHD_stop_daemon(s->mhd);
        return err_set(msg, ERR_IO, "libmicrohttpd's epoll: %s", uv_strerror(rc));
    }
    s->poll.data = s;
    s->handles = 1;
    return 0;
}

int http_server_open(struct uv_loop_s *uv, struct loop *loop, struct log *log,
                     const struct http_server_options *options, struct http_server **out,
                     struct errmsg *msg)
{
    struct http_server *s = calloc(1, sizeof(*s));
    int err;

    if (s == NULL) {
        return err_set(msg, ERR_NOMEM, "http server: out of memory");
    }
    s->uv = uv;
    s->loop = loop;
    s->options = *options;
    list_init(&s->conns);
    list_init(&s->waiting);
    loop_timer_init(&s->timer, on_timer);
    loop_task_init(&s->again, on_again);
    loop_task_init(&s->shut, on_shut);
    err = http_acceptor_listen(&s->acceptor, options, msg);
    if (err != 0) {
        free(s);
        return err;
    }
    err = start_mhd(s, msg);
    if (err != 0) {
        http_acceptor_discard(&s->acceptor);
        free(s);
        return err;
    }
    err = http_acceptor_start(&s->acceptor, uv, loop, log, on_accepted, msg);
    if (err != 0) {
        http_acceptor_discard(&s->acceptor);
        on_shut(&s->shut); /* s is freed when its handle has closed */
        return err;
    }
    s->handles++;
    uv_poll_start(&s->poll, UV_READABLE, on_poll); /* can't fail: not closing */
    *out = s;
    return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
    return http_acceptor_port(&server->acceptor);
}

void http_server_close(struct http_server *server, void (*closed)(void *ctx), void *ctx)
{
    assert(!server->closing);
    server->closing = true;
    server->closed = closed;
    server->closed_ctx = ctx;
    http_acceptor_stop(&server->acceptor, on_acceptor_stopped);
    loop_defer(server->loop, &server->shut);
}
