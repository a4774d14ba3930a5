#include "daemon/ctl_http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HEAD_BYTES ((size_t)16 * 1024)

static uint64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- the answer ---- */

/* The value of a header field inside head, or NULL; *len without white space around it. */
static const char *find_field(const char *head, size_t n, const char *name, size_t *len)
{
    size_t name_len = strlen(name);
    const char *line = head;

    while (line < head + n) {
        const char *end = memmem(line, (size_t)(head + n - line), "\r\n", 2);
        const char *value = line + name_len + 1;

        end = end != NULL ? end : head + n;
        if ((size_t)(end - line) > name_len && line[name_len] == ':' &&
            strncasecmp(line, name, name_len) == 0) {
            while (value < end && (*value == ' ' || *value == '\t')) {
                value++;
            }
            *len = (size_t)(end - value);
            while (*len > 0 && (value[*len - 1] == ' ' || value[*len - 1] == '\t')) {
                (*len)--;
            }
            return value;
        }
        line = end + 2;
    }
    return NULL;
}

/* SIZE_MAX when no length is given. */
static int read_length(const char *head, size_t n, size_t *out)
{
    size_t len;
    const char *value = find_field(head, n, "Transfer-Encoding", &len);
    size_t length = 0;

    *out = SIZE_MAX;
    if (value != NULL) {
        return ERR_FORMAT; /* the server knows the length of all that it sends */
    }
    value = find_field(head, n, "Content-Length", &len);
    if (value == NULL) {
        return 0;
    }
    if (len == 0) {
        return ERR_FORMAT;
    }
    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9') {
            return ERR_FORMAT;
        }
        length = length * 10 + (size_t)(value[i] - '0');
        if (length > CTL_HTTP_ANSWER_BYTES) {
            return ERR_TOOBIG;
        }
    }
    *out = length;
    return 0;
}

/* "HTTP/1.1 200 OK" */
static int read_status(const char *head, size_t n)
{
    int status = 0;

    if (n < 12 || memcmp(head, "HTTP/1.", 7) != 0 || head[8] != ' ') {
        return ERR_FORMAT;
    }
    for (size_t i = 9; i < 12; i++) {
        if (head[i] < '0' || head[i] > '9') {
            return ERR_FORMAT;
        }
        status = status * 10 + (head[i] - '0');
    }
    return status >= 200 ? status : ERR_FORMAT; /* nothing of ours is interim */
}

int ctl_http_parse(const char *bytes, size_t n, bool closed, int *status, size_t *body_at,
                   size_t *body_len)
{
    const char *end = n > 0 ? memmem(bytes, n, "\r\n\r\n", 4) : NULL;
    size_t length;
    size_t head;
    int err;

    if (end == NULL) {
        return n > HEAD_BYTES ? ERR_TOOBIG : closed ? ERR_REMOTE : 0;
    }
    head = (size_t)(end - bytes);
    *status = read_status(bytes, head);
    err = *status < 0 ? *status : read_length(bytes, head, &length);
    if (err != 0) {
        return err;
    }
    *body_at = head + 4;
    if (length == SIZE_MAX) {
        *body_len = n - *body_at;
        return closed ? 1 : 0;
    }
    if (n - *body_at < length) {
        return closed ? ERR_REMOTE : 0;
    }
    *body_len = length;
    return 1;
}

/* ---- the wire ---- */

static int wait_for(int fd, short events, uint64_t deadline_ms, struct errmsg *msg)
{
    struct pollfd p = {.fd = fd, .events = events};

    for (;;) {
        uint64_t now = now_ms();
        int n = now < deadline_ms ? poll(&p, 1, (int)(deadline_ms - now)) : 0;

        if (n > 0) {
            return 0;
        }
        if (n == 0) {
            return err_set(msg, ERR_TIMEOUT, "no answer in time");
        }
        if (errno != EINTR) {
            return err_set(msg, ERR_IO, "poll: %s", strerror(errno));
        }
    }
}

static int connect_error(int cause, struct errmsg *msg)
{
    switch (cause) {
    case ENOENT:
    case ENOTDIR:
        return err_set(msg, ERR_NOTFOUND, "there is no such socket");
    case ECONNREFUSED:
        return err_set(msg, ERR_NOTFOUND, "nobody listens there");
    case EACCES:
    case EPERM:
        return err_set(msg, ERR_DENIED, "permission denied");
    case EAGAIN: /* the backlog is full */
        return err_set(msg, ERR_TIMEOUT, "too many wait to be let in");
    default:
        return err_set(msg, ERR_IO, "%s", strerror(cause));
    }
}

static int open_socket(const char *path, int *out, struct errmsg *msg)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int err = 0;
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        return err_set(msg, ERR_INVAL, "the path of a socket has at most %zu bytes",
                       sizeof(address.sun_path) - 1);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_set(msg, ERR_IO, "socket: %s", strerror(errno));
    }
    /* A Unix socket connects at once or not at all. */
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        err = connect_error(errno, msg);
        (void)close(fd);
        return err;
    }
    *out = fd;
    return 0;
}

static int send_all(int fd, const struct buf *request, uint64_t deadline_ms, struct errmsg *msg)
{
    size_t sent = 0;

    while (sent < request->len) {
        ssize_t n = send(fd, request->data + sent, request->len - sent, MSG_NOSIGNAL);

        if (n >= 0) {
            sent += (size_t)n;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return 0; /* refused early: an answer may stand there still */
        } else if (errno == EAGAIN) {
            int err = wait_for(fd, POLLOUT, deadline_ms, msg);

            if (err != 0) {
                return err;
            }
        } else if (errno != EINTR) {
            return err_set(msg, ERR_IO, "send: %s", strerror(errno));
        }
    }
    return 0;
}

/* Reads what is there into bytes. 1: closed, 0: more may come. */
static int receive(int fd, struct buf *bytes, uint64_t deadline_ms, struct errmsg *msg)
{
    char chunk[65536];
    int err = wait_for(fd, POLLIN, deadline_ms, msg);
    ssize_t n;

    if (err != 0) {
        return err;
    }
    n = recv(fd, chunk, sizeof(chunk), 0);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0
               : errno == ECONNRESET             ? 1
                                     : err_set(msg, ERR_IO, "receive: %s", strerror(errno));
    }
    buf_put(bytes, chunk, (size_t)n);
    err = buf_error(bytes);
    return err != 0 ? err_set(msg, err, "the answer: %s", err_text(err)) : n == 0;
}

static int read_answer(int fd, uint64_t deadline_ms, struct ctl_reply *out, struct errmsg *msg)
{
    struct buf bytes;
    size_t body_at = 0;
    size_t body_len = 0;
    int done = 0;

    buf_init(&bytes, CTL_HTTP_ANSWER_BYTES + HEAD_BYTES);
    while (done == 0) {
        int closed = receive(fd, &bytes, deadline_ms, msg);

        if (closed < 0) {
            done = closed;
            break;
        }
        done =
            ctl_http_parse(bytes.data, bytes.len, closed == 1, &out->status, &body_at, &body_len);
        if (done < 0) {
            (void)err_set(msg, done, "the answer: %s",
                          done == ERR_REMOTE ? "closed before its end" : err_text(done));
        }
    }
    if (done == 1) {
        buf_put(&out->body, bytes.data + body_at, body_len);
        done = buf_error(&out->body);
        if (done != 0) {
            (void)err_set(msg, done, "the answer: %s", err_text(done));
        }
    }
    buf_free(&bytes);
    return done;
}

int ctl_http(const char *socket_path, const char *method, const char *target, const char *body,
             uint64_t timeout_ms, struct ctl_reply *out, struct errmsg *msg)
{
    uint64_t deadline_ms = now_ms() + timeout_ms;
    struct buf request;
    int fd = -1;
    int err;

    out->status = 0;
    buf_init(&out->body, CTL_HTTP_ANSWER_BYTES);
    err = open_socket(socket_path, &fd, msg);
    if (err != 0) {
        return err;
    }
    buf_init(&request, (size_t)1 << 20);
    buf_printf(&request, "%s %s HTTP/1.1\r\nHost: dvcsync\r\nConnection: close\r\n", method,
               target);
    if (body != NULL) {
        buf_printf(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                   strlen(body), body);
    } else {
        buf_puts(&request, "\r\n");
    }
    err = buf_error(&request);
    if (err != 0) {
        (void)err_set(msg, err, "the request: %s", err_text(err));
    } else {
        err = send_all(fd, &request, deadline_ms, msg);
    }
    if (err == 0) {
        err = read_answer(fd, deadline_ms, out, msg);
    }
    buf_free(&request);
    (void)close(fd);
    return err;
}

void ctl_reply_free(struct ctl_reply *reply)
{
    buf_free(&reply->body);
}
