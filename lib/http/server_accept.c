#include "http/server_accept.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 128
#define ACCEPTS_PER_TURN 64
#define PAUSE_MS 500
#define TROUBLE_PERIOD_MS 60000

/* ---- Unix ---- */

static int unix_address(const char *path, struct sockaddr_un *out, struct errmsg *msg)
{
    size_t n = strlen(path);

    memset(out, 0, sizeof(*out));
    out->sun_family = AF_UNIX;
    if (n == 0 || n >= sizeof(out->sun_path)) {
        return err_set(msg, ERR_TOOBIG, "%s: a socket path has 1 to %zu bytes", path,
                       sizeof(out->sun_path) - 1);
    }
    memcpy(out->sun_path, path, n);
    return 0;
}

/* Only a socket that refuses a connection is stale; whatever else stands there stays. */
static int remove_stale(const struct sockaddr_un *address, struct errmsg *msg)
{
    const char *path = address->sun_path;
    struct stat st;
    int fd;
    int rc;
    int cause;

    if (lstat(path, &st) != 0) {
        return errno == ENOENT ? 0 : err_set(msg, ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (!S_ISSOCK(st.st_mode)) {
        return err_set(msg, ERR_EXISTS, "%s: stands there and is not a socket", path);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_set(msg, ERR_IO, "socket: %s", strerror(errno));
    }
    rc = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    cause = errno;
    close(fd);
    if (rc == 0 || cause == EAGAIN || cause == EINPROGRESS) {
        return err_set(msg, ERR_BUSY, "%s: another process listens there", path);
    }
    if (cause != ECONNREFUSED) {
        return err_set(msg, cause == EACCES ? ERR_DENIED : ERR_IO, "%s: %s", path, strerror(cause));
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        return err_set(msg, ERR_IO, "%s: %s", path, strerror(errno));
    }
    return 0;
}

static int set_group(const char *path, const char *name, struct errmsg *msg)
{
    const struct group *group;

    errno = 0;
    group = getgrnam(name);
    if (group == NULL && (errno == ENOMEM || errno == EMFILE || errno == ENFILE || errno == EIO)) {
        return err_set(msg, ERR_IO, "group %s: %s", name, strerror(errno));
    }
    if (group == NULL) {
        return err_set(msg, ERR_NOTFOUND, "group %s: no such group", name);
    }
    if (lchown(path, (uid_t)-1, group->gr_gid) != 0) {
        return err_set(msg, ERR_DENIED, "%s: group %s: %s", path, name, strerror(errno));
    }
    return 0;
}

/* The mode comes from the umask, so that there is no moment in which more people may connect. */
static int bind_unix(struct http_acceptor *a, unsigned mode, struct errmsg *msg)
{
    mode_t before = umask((mode_t)(~mode & 0777));
    int rc = bind(a->fd, (const struct sockaddr *)&a->path, sizeof(a->path));
    int cause = errno;
    struct stat st;

    umask(before);
    if (rc != 0) {
        a->path.sun_path[0] = '\0';
        return err_set(msg, cause == EACCES ? ERR_DENIED : ERR_IO, "bind: %s", strerror(cause));
    }
    if (lstat(a->path.sun_path, &st) == 0) {
        a->path_dev = st.st_dev;
        a->path_ino = st.st_ino;
    }
    return 0;
}

static int listen_unix(struct http_acceptor *a, const struct http_server_options *options,
                       struct errmsg *msg)
{
    int err = unix_address(options->unix_path, &a->path, msg);

    if (err == 0) {
        err = remove_stale(&a->path, msg);
    }
    if (err != 0) {
        a->path.sun_path[0] = '\0'; /* not ours to remove */
        return err;
    }
    a->is_unix = true;
    a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (a->fd < 0) {
        a->path.sun_path[0] = '\0';
        return err_set(msg, ERR_IO, "socket: %s", strerror(errno));
    }
    err = bind_unix(a, options->unix_mode, msg);
    if (err == 0 && options->group != NULL) {
        err = set_group(a->path.sun_path, options->group, msg);
    }
    return err;
}

static void remove_file(struct http_acceptor *a)
{
    struct stat st;

    if (a->path.sun_path[0] != '\0' && lstat(a->path.sun_path, &st) == 0 &&
        st.st_dev == a->path_dev && st.st_ino == a->path_ino) {
        unlink(a->path.sun_path);
    }
    a->path.sun_path[0] = '\0';
}

/* ---- TCP and sockets of others ---- */

static int split_address(const char *text, char *host, size_t size, const char **port)
{
    const char *colon = strrchr(text, ':');
    size_t n;

    if (colon == NULL) {
        return ERR_FORMAT;
    }
    n = (size_t)(colon - text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (n == 0 || n >= size) {
        return ERR_FORMAT;
    }
    memcpy(host, text, n);
    host[n] = '\0';
    *port = colon + 1;
    return 0;
}

static int listen_tcp(struct http_acceptor *a, const char *text, struct errmsg *msg)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[64];
    const char *port;
    int on = 1;
    int rc;

    rc = split_address(text, host, sizeof(host), &port) == 0
             ? getaddrinfo(host, port, &hints, &found)
             : EAI_NONAME;
    if (rc == EAI_MEMORY || rc == EAI_SYSTEM) {
        return err_set(msg, rc == EAI_MEMORY ? ERR_NOMEM : ERR_IO, "%s: %s", text,
                       gai_strerror(rc));
    }
    if (rc != 0) {
        return err_set(msg, ERR_FORMAT, "%s: not ADDRESS:PORT in numbers", text);
    }
    a->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    rc = a->fd < 0 ? -1 : setsockopt(a->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (rc == 0) {
        rc = bind(a->fd, found->ai_addr, found->ai_addrlen);
    }
    freeaddrinfo(found);
    if (rc != 0) {
        return err_set(msg, errno == EADDRINUSE ? ERR_BUSY : ERR_IO, "%s: %s", text,
                       strerror(errno));
    }
    return 0;
}

static int take_over(struct http_acceptor *a, int fd, struct errmsg *msg)
{
    int listening = 0;
    int domain = 0;
    socklen_t len = sizeof(listening);
    int flags;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 || listening == 0 ||
        getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0) {
        return err_set(msg, ERR_INVAL, "descriptor %d is not a listening socket", fd);
    }
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return err_set(msg, ERR_IO, "descriptor %d: %s", fd, strerror(errno));
    }
    a->fd = fd;
    a->is_unix = domain == AF_UNIX;
    return 0;
}

int http_acceptor_listen(struct http_acceptor *a, const struct http_server_options *options,
                         struct errmsg *msg)
{
    int err;

    memset(a, 0, sizeof(*a));
    a->fd = -1;
    if (options->listen_fd >= 0) {
        return take_over(a, options->listen_fd, msg);
    }
    if (options->unix_path != NULL) {
        err = listen_unix(a, options, msg);
    } else if (options->tcp_address != NULL) {
        err = listen_tcp(a, options->tcp_address, msg);
    } else {
        err = err_set(msg, ERR_INVAL, "nothing to listen on");
    }
    if (err == 0 && listen(a->fd, BACKLOG) != 0) {
        err = err_set(msg, ERR_IO, "listen: %s", strerror(errno));
    }
    if (err != 0) {
        http_acceptor_discard(a);
    }
    return err;
}

void http_acceptor_discard(struct http_acceptor *a)
{
    remove_file(a);
    if (a->fd >= 0) {
        close(a->fd);
        a->fd = -1;
    }
}

/* ---- accepting ---- */

static void on_readable(uv_poll_t *poll, int status, int events);

static void start_poll(struct http_acceptor *a)
{
    uv_poll_start(&a->poll, UV_READABLE, on_readable); /* can't fail: not closing */
}

static void on_resume(struct loop_timer *timer)
{
    start_poll(CONTAINER_OF(timer, struct http_acceptor, resume));
}

/* Out of descriptors (or worse): the socket stays readable, so watching it would only burn the
 * processor. */
static void pause_accepting(struct http_acceptor *a, int cause)
{
    uint64_t left_out;

    uv_poll_stop(&a->poll);
    loop_timer_start(a->loop, &a->resume, PAUSE_MS);
    if (log_limit_pass(&a->trouble, loop_now_ms(a->loop), TROUBLE_PERIOD_MS, &left_out)) {
        log_plain(a->log, LOG_LEVEL_WARN, "accept_paused",
                  "connections are not accepted for a moment: %s (%llu times before)",
                  strerror(cause), (unsigned long long)left_out);
    }
}

static void greet(struct http_acceptor *a, int fd, const struct sockaddr_storage *address,
                  socklen_t address_len)
{
    struct http_newcomer who = {.fd = fd,
                                .uid = (uid_t)-1,
                                .gid = (gid_t)-1,
                                .address = (const struct sockaddr *)address,
                                .address_len = address_len};

    if (a->is_unix) {
        struct ucred peer;
        socklen_t len = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
            close(fd); /* nobody is let in unknown */
            return;
        }
        who.uid = peer.uid;
        who.gid = peer.gid;
        who.pid = peer.pid;
    }
    a->accepted(a, &who);
}

static bool may_try_again(int cause)
{
    return cause == EINTR || cause == ECONNABORTED || cause == EPROTO || cause == EPERM;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct http_acceptor *a = poll->data;

    (void)events;
    if (status < 0) {
        pause_accepting(a, -status);
        return;
    }
    for (int i = 0; i < ACCEPTS_PER_TURN && a->fd >= 0; i++) {
        struct sockaddr_storage address;
        socklen_t len = sizeof(address);
        int fd = accept4(a->fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            greet(a, fd, &address, len);
        } else if (errno == EAGAIN) {
            return;
        } else if (!may_try_again(errno)) {
            pause_accepting(a, errno);
            return;
        }
    }
}

/* What has come is read first: closing a socket with unread bytes would cut the answer off. */
void http_acceptor_turn_away(int fd)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                                 "Retry-After: 1\r\nConnection: close\r\n\r\n";
    char sink[4096];

    if (send(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
        shutdown(fd, SHUT_WR);
        if (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) < 0) {
            sink[0] = '\0'; /* nothing had come yet */
        }
    }
    close(fd);
}

int http_acceptor_start(struct http_acceptor *a, uv_loop_t *uv, struct loop *loop, struct log *log,
                        void (*accepted)(struct http_acceptor *a, const struct http_newcomer *who),
                        struct errmsg *msg)
{
    int rc = uv_poll_init(uv, &a->poll, a->fd);

    if (rc != 0) {
        return err_set(msg, ERR_IO, "listening socket: %s", uv_strerror(rc));
    }
    a->poll.data = a;
    a->loop = loop;
    a->log = log;
    a->accepted = accepted;
    loop_timer_init(&a->resume, on_resume);
    start_poll(a);
    return 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct http_acceptor *a = handle->data;

    a->stopped(a);
}

void http_acceptor_stop(struct http_acceptor *a, void (*stopped)(struct http_acceptor *a))
{
    a->stopped = stopped;
    loop_timer_stop(&a->resume);
    uv_poll_stop(&a->poll);
    http_acceptor_discard(a);
    uv_close((uv_handle_t *)&a->poll, on_poll_closed);
}

uint16_t http_acceptor_port(const struct http_acceptor *a)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    if (a->fd < 0 || getsockname(a->fd, (struct sockaddr *)&address, &len) != 0) {
        return 0;
    }
    if (address.ss_family == AF_INET) {
        return ntohs(((struct sockaddr_in *)&address)->sin_port);
    }
    if (address.ss_family == AF_INET6) {
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    }
    return 0;
}
