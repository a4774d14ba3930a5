#include "http/server.h"

#include <assert.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/list.h"
#include "base/net_allow.h"
#include "http/server_accept.h"
#include "http/server_call.h"
#include "http/server_conn.h"

#define ANSWER_DEADLINE_FACTOR 4 /* a reader gets so many times the deadline to take its answer */
#define LAST_RUNS 8 /* of MHD, for the answers of the calls that a closing server ends */
#define CHUNKED_BYTES ((size_t)1 << 20) /* of a refused chunked body, read beyond the others */
#define PARK_MS 10000                   /* a call waits for its turn at most */
#define WATCH_MS 250                    /* how often clients of waiting calls are looked at */
#define WATCH_AT_ONCE 64
#define STOPPING "The service is stopping."
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

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
    struct loop_timer watch; /* while calls wait and the owner wants to know who leaves */
    struct http_conns conns;
    struct list waiting; /* suspended exchanges that the handler has */
    struct list parked;  /* suspended exchanges that wait for their turn, oldest first */
    unsigned handles;    /* open uv handles */
    bool tls;
    bool closing;
    bool shut_begun;
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

static bool admitted(const struct http_server *s, const struct http_newcomer *who)
{
    const struct http_server_options *o = &s->options;

    return (o->admit == NULL || o->admit(o->ctx, who->uid, who->gid, who->pid)) &&
           (o->allow == NULL || who->uid != (uid_t)-1 || net_allowed(o->allow, who->address));
}

static bool has_room(struct http_server *s, const struct http_newcomer *who)
{
    const struct http_server_options *o = &s->options;
    char peer[NET_ADDRESS_SIZE];

    if (s->conns.n >= o->max_connections) {
        return false;
    }
    if (who->uid != (uid_t)-1) {
        return http_conns_of_uid(&s->conns, who->uid) < o->max_connections_per_uid;
    }
    net_address_text(who->address, peer);
    return o->max_connections_per_address == 0 ||
           http_conns_of_peer(&s->conns, peer) < o->max_connections_per_address;
}

static void turn_away(const struct http_server *s, int fd)
{
    if (s->tls) {
        close(fd); /* plain words would only puzzle it */
    } else {
        http_acceptor_turn_away(fd);
    }
}

static void on_accepted(struct http_acceptor *a, const struct http_newcomer *who)
{
    struct http_server *s = CONTAINER_OF(a, struct http_server, acceptor);
    struct http_conn *c;

    if (!admitted(s, who)) {
        close(who->fd);
        return;
    }
    c = http_conn_by_fd(&s->conns, who->fd);
    if (c != NULL) {
        http_conn_free(c); /* closed by MHD before it was started; the number is used again */
    }
    c = has_room(s, who) ? http_conn_new(&s->conns, who) : NULL;
    if (c == NULL) {
        turn_away(s, who->fd);
        return;
    }
    c->server = s;
    http_conn_deadline(c, s->options.deadline_ms);
    if (MHD_add_connection(s->mhd, who->fd, who->address, who->address_len) != MHD_YES) {
        http_conn_free(c); /* MHD has closed it */
        return;
    }
    loop_defer(s->loop, &s->again);
}

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_ctx,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_conn *c = *socket_ctx;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

        c = http_conn_by_fd(&((struct http_server *)ctx)->conns, info->connect_fd);
        *socket_ctx = c;
        if (c != NULL) { /* without one it gets no answer, see begin */
            c->started = true;
        }
    } else if (c != NULL) {
        *socket_ctx = NULL;
        http_conn_free(c);
    }
}

/* ---- requests ---- */

static void resume(struct http_exchange *x)
{
    struct http_server *s = x->conn->server;

    list_remove(&x->link);
    MHD_resume_connection(x->mhd);
    loop_defer(s->loop, &s->again);
}

static void suspend(struct http_exchange *x, struct list *where)
{
    list_push(where, &x->link);
    MHD_suspend_connection(x->mhd);
}

static enum MHD_Result reply(struct http_exchange *x)
{
    struct http_server *s = x->conn->server;
    enum MHD_Result result;

    if (x->response == NULL) {
        return MHD_NO;
    }
    http_conn_deadline(x->conn, (uint64_t)s->options.deadline_ms * ANSWER_DEADLINE_FACTOR);
    result = MHD_queue_response(x->mhd, x->status, x->response);
    MHD_destroy_response(x->response);
    x->response = NULL;
    return result;
}

static enum MHD_Result refuse_length(struct http_exchange *x)
{
    http_exchange_problem(x, MHD_HTTP_CONTENT_TOO_LARGE, "The body is larger than allowed.");
    return reply(x);
}

static enum MHD_Result begin(struct http_server *s, struct MHD_Connection *mhd, const char *method,
                             const char *path, void **request_ctx)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_conn *c = info->socket_context;
    struct http_exchange *x =
        c != NULL ? http_exchange_new(c, mhd, method, path, s->options.max_body_bytes) : NULL;
    const char *text;
    unsigned long long length;

    if (x == NULL) {
        return MHD_NO;
    }
    x->call.server = s;
    x->resume = resume;
    *request_ctx = x;
    if (c->silent) {
        c->silent = false;
        http_conn_deadline(c, s->options.deadline_ms);
    }
    text = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    length = text != NULL ? strtoull(text, NULL, 10) : 0;
    if (length <= s->options.max_body_bytes) {
        return MHD_YES;
    }
    x->too_long = true;
    if (length > s->options.drain_bytes ||
        MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT) != NULL) {
        return refuse_length(x); /* without reading it */
    }
    return MHD_YES;
}

/* The address has as many calls with the handler as it may have: this one waits. */
static bool must_park(const struct http_server *s, const struct http_exchange *x)
{
    const struct http_conn *c = x->conn;

    return s->options.max_calls_per_address > 0 && c->uid == (uid_t)-1 && !c->running &&
           http_conns_running(&s->conns, c->peer) >= s->options.max_calls_per_address;
}

static enum MHD_Result park(struct http_server *s, struct http_exchange *x)
{
    x->conn->parked = x;
    http_conn_deadline(x->conn, PARK_MS);
    suspend(x, &s->parked);
    return MHD_YES;
}

/* A place became free: the oldest call of that address takes it. */
static void unpark(struct http_server *s, const char *peer)
{
    for (struct list *l = s->parked.next; l != &s->parked; l = l->next) {
        struct http_exchange *x = CONTAINER_OF(l, struct http_exchange, link);

        if (strcmp(x->conn->peer, peer) == 0) {
            x->conn->parked = NULL;
            x->conn->running = true;
            http_conn_deadline(x->conn, s->options.deadline_ms);
            resume(x);
            return;
        }
    }
}

static void on_waited(struct http_exchange *x)
{
    x->conn->parked = NULL;
    x->dispatched = true; /* never by a handler, which is why it counts as answered */
    x->answered = true;
    http_call_add_header(&x->call, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    http_exchange_problem(x, MHD_HTTP_SERVICE_UNAVAILABLE,
                          "Too many calls of this address at a time.");
    resume(x);
}

static enum MHD_Result dispatch(struct http_server *s, struct http_exchange *x)
{
    if (s->shut_begun) { /* nothing may be suspended any more */
        http_exchange_problem(x, MHD_HTTP_SERVICE_UNAVAILABLE, STOPPING);
        return reply(x);
    }
    if (x->too_long || buf_error(&x->body) != 0) {
        return refuse_length(x);
    }
    if (must_park(s, x)) {
        return park(s, x);
    }
    loop_timer_stop(&x->conn->deadline); /* from here on it is the handler's time */
    x->conn->running = true;
    x->dispatched = true;
    x->call.body = buf_text(&x->body);
    x->call.body_len = x->body.len;
    x->in_handler = true;
    s->options.handle(s->options.ctx, &x->call);
    x->in_handler = false;
    if (x->answered) {
        return reply(x);
    }
    suspend(x, &s->waiting);
    if (s->options.gone != NULL && !loop_timer_armed(&s->watch)) {
        loop_timer_start(s->loop, &s->watch, WATCH_MS);
    }
    return MHD_YES;
}

/* MHD calls it with the head, then with each piece of the body, then for the answer; after a resume
 * once more. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **request_ctx)
{
    struct http_server *s = ctx;
    struct http_exchange *x = *request_ctx;

    (void)version;
    if (x == NULL) {
        return begin(s, mhd, method, path, request_ctx);
    }
    if (*data_size > 0) {
        x->got += *data_size;
        if (x->got > s->options.max_body_bytes + s->options.drain_bytes + CHUNKED_BYTES) {
            return MHD_NO; /* its length was not announced, and it may have no end */
        }
        if (!x->too_long) {
            buf_put(&x->body, data, *data_size); /* past the limit the rest is forgotten */
        }
        *data_size = 0;
        return MHD_YES;
    }
    return x->dispatched ? reply(x) : dispatch(s, x);
}

static void on_completed(void *ctx, struct MHD_Connection *mhd, void **request_ctx,
                         enum MHD_RequestTerminationCode why)
{
    struct http_server *s = ctx;
    struct http_exchange *x = *request_ctx;
    struct http_conn *c;

    (void)mhd;
    (void)why;
    if (x == NULL) {
        return;
    }
    *request_ctx = NULL;
    c = x->conn;
    http_conn_deadline(c, s->options.idle_ms != 0 ? s->options.idle_ms : s->options.deadline_ms);
    c->silent = true;
    c->parked = NULL;
    list_remove(&x->link);
    if (c->running) {
        c->running = false;
        unpark(s, c->peer);
    }
    if (!x->dispatched || x->answered) {
        http_exchange_free(x);
        return;
    }
    x->mhd = NULL; /* the handler still has the call: http_answer frees it */
    x->conn = NULL;
    x->call.server = NULL;
}

/* ---- clients that leave while their call waits ---- */

/* A suspended connection is not watched by MHD. Marks those whose clients have closed. */
static void mark_left(struct http_exchange *const *some, const struct pollfd *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        some[i]->left = some[i]->left || (fds[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
    }
}

static void look_at_waiting(struct http_server *s)
{
    struct http_exchange *some[WATCH_AT_ONCE];
    struct pollfd fds[WATCH_AT_ONCE];
    unsigned n = 0;

    for (struct list *l = s->waiting.next; l != &s->waiting; l = l->next) {
        some[n] = CONTAINER_OF(l, struct http_exchange, link);
        fds[n] = (struct pollfd){.fd = some[n]->conn->fd, .events = POLLRDHUP};
        n++;
        if (n == WATCH_AT_ONCE || l->next == &s->waiting) {
            if (poll(fds, n, 0) > 0) {
                mark_left(some, fds, n);
            }
            n = 0;
        }
    }
}

static struct http_exchange *next_to_tell(const struct http_server *s)
{
    for (struct list *l = s->waiting.next; l != &s->waiting; l = l->next) {
        struct http_exchange *x = CONTAINER_OF(l, struct http_exchange, link);

        if (x->left && !x->told) {
            return x;
        }
    }
    return NULL;
}

static void on_watch(struct loop_timer *timer)
{
    struct http_server *s = CONTAINER_OF(timer, struct http_server, watch);
    struct http_exchange *x;

    look_at_waiting(s);
    for (x = next_to_tell(s); x != NULL; x = next_to_tell(s)) {
        x->told = true;
        s->options.gone(s->options.ctx, &x->call);
    }
    if (!list_empty(&s->waiting) && !s->closing) {
        loop_timer_start(s->loop, &s->watch, WATCH_MS);
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

    s->shut_begun = true;
    while (!list_empty(&s->parked)) {
        on_waited(CONTAINER_OF(s->parked.next, struct http_exchange, link));
    }
    while (!list_empty(&s->waiting)) {
        struct http_exchange *x = CONTAINER_OF(s->waiting.next, struct http_exchange, link);

        http_exchange_problem(x, MHD_HTTP_SERVICE_UNAVAILABLE, STOPPING);
        resume(x);
    }
    for (int i = 0; i < LAST_RUNS; i++) {
        MHD_run(s->mhd);
    }
    uv_poll_stop(&s->poll);
    MHD_stop_daemon(s->mhd);
    while (!list_empty(&s->conns.all)) { /* those that MHD never started */
        http_conn_free(CONTAINER_OF(s->conns.all.next, struct http_conn, link));
    }
    loop_task_cancel(&s->again);
    loop_timer_stop(&s->timer);
    loop_timer_stop(&s->watch);
    uv_close((uv_handle_t *)&s->poll, on_poll_closed);
}

/* A text with %00 stays as it was sent: decoded, it would end in the middle and name something
 * else.
 */
static size_t unescape(void *ctx, struct MHD_Connection *connection, char *text)
{
    (void)ctx;
    (void)connection;
    return strstr(text, "%00") != NULL ? strlen(text) : MHD_http_unescape(text);
}

static struct MHD_Daemon *start_daemon(struct http_server *s)
{
    unsigned flags = MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)s->options.tls_certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)s->options.tls_key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};

    return MHD_start_daemon(
        s->tls ? flags | MHD_USE_TLS : flags, 0, NULL, NULL, on_request, s,
        MHD_OPTION_CONNECTION_LIMIT, s->options.max_connections + 1, MHD_OPTION_UNESCAPE_CALLBACK,
        unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, s, MHD_OPTION_ARRAY, s->tls ? tls : plain, MHD_OPTION_END);
}

static int start_mhd(struct http_server *s, struct errmsg *msg)
{
    const union MHD_DaemonInfo *info;
    int rc;

    s->mhd = start_daemon(s);
    if (s->mhd == NULL && s->tls) {
        return err_set(msg, ERR_CONFIG,
                       "certificate and key can't be used: both must be PEM and belong together");
    }
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
    s->tls = options->tls_certificate != NULL;
    http_conns_init(&s->conns, loop, on_waited);
    list_init(&s->waiting);
    list_init(&s->parked);
    loop_timer_init(&s->timer, on_timer);
    loop_timer_init(&s->watch, on_watch);
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
