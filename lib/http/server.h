/* http server: HTTP/1.1 on Unix or TCP sockets, libmicrohttpd driven by uv, with an accept of our
 * own.
 *
 * Own accept4, peer credentials (SO_PEERCRED), a cap per uid, a deadline of 3 s from accept (or
 * from the last answer of a kept connection) to a complete request, four times that to take the
 * answer, bounded bodies, EMFILE pauses accepting. Everything on the loop thread. A handler may
 * answer at once or later (the connection is suspended meanwhile). */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"

struct uv_loop_s;
struct http_server;

struct http_call {
    /* what came; borrowed until http_answer */
    struct http_server *server;
    const char *method;
    const char *path; /* decoded, without query */
    const char *body; /* terminated, "" when none */
    size_t body_len;
    uid_t uid; /* Unix sockets: the peer's; (uid_t)-1 for TCP */
    pid_t pid;
    void *impl;
};

/* A query parameter, decoded; NULL when absent. Valid until http_answer. */
const char *http_call_query(const struct http_call *call, const char *name);
const char *http_call_header(const struct http_call *call, const char *name);

/* Answers exactly once, in the handler or later on the loop. The text is copied. call is gone after
 * it. Still owed (and harmless) when the client has left or the server was closed meanwhile; query
 * and header are NULL then. */
void http_answer(struct http_call *call, unsigned status, const char *content_type,
                 const char *text, size_t n);
/* {"type":"about:blank","title":...,"status":...,"detail":...} (RFC 7807). */
void http_answer_problem(struct http_call *call, unsigned status, const char *detail);

struct http_server_options {
    const char *unix_path;            /* listens here (umask decides the mode, see unix_mode), or */
    unsigned unix_mode;               /* 0660 */
    const char *group;                /* group of the socket file, NULL: the process's */
    int listen_fd;                    /* a socket handed over by systemd (>= 0), or -1 */
    const char *tcp_address;          /* "127.0.0.1:0" for tests and listeners, NULL */
    uint32_t max_connections;         /* 256 */
    uint32_t max_connections_per_uid; /* 64 */
    uint32_t deadline_ms;             /* 3000 */
    size_t max_body_bytes;            /* 64 KiB */
    void (*handle)(void *ctx, struct http_call *call);
    /* Called right after accept; false closes the connection (403 is not worth an answer). NULL:
     * all may. */
    bool (*admit)(void *ctx, uid_t uid, gid_t gid, pid_t pid);
    void *ctx;
};

/* A stale socket file is removed only after a connect to it was refused; one that answers is
 * ERR_BUSY. */
MUST_CHECK int http_server_open(struct uv_loop_s *uv, struct loop *loop, struct log *log,
                                const struct http_server_options *options, struct http_server **out,
                                struct errmsg *msg);
uint16_t http_server_port(const struct http_server *server); /* TCP: the bound port */
/* Stops accepting, ends all connections, then calls closed. Calls not answered yet get 503. */
void http_server_close(struct http_server *server, void (*closed)(void *ctx), void *ctx);

#endif
