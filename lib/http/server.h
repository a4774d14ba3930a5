/* http server: HTTP/1.1 on Unix or TCP sockets, with TLS where a certificate is given,
 * libmicrohttpd driven by uv, with an accept of our own.
 *
 * Own accept4, peer credentials (SO_PEERCRED), caps per uid and per address, a deadline of 3 s from
 * accept to a complete request, four times that to take the answer, bounded bodies, EMFILE pauses
 * accepting. Everything on the loop thread. A handler may answer at once or later (the connection
 * is suspended meanwhile, and no deadline runs). */
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

struct net_allow;
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
    const char *peer; /* TCP: the peer's address in numbers, without port; "" for Unix sockets */
    void *impl;
};

/* A query parameter, decoded; NULL when absent. Valid until http_answer. */
const char *http_call_query(const struct http_call *call, const char *name);
const char *http_call_header(const struct http_call *call, const char *name);

/* Adds a header to the answer, which must come after it; both texts are constants. At most
 * HTTP_CALL_HEADERS; more are left out. */
#define HTTP_CALL_HEADERS 4
void http_call_add_header(struct http_call *call, const char *name, const char *value);

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
    size_t max_body_bytes;            /* 64 KiB; a longer one gets 413 */
    /* A refused body up to this length is read to its end first, or a client that is still writing
     * would never see the 413. 0: none is. */
    size_t drain_bytes;
    uint32_t idle_ms; /* a kept connection may be silent so long between requests; 0: deadline_ms */
    /* For the outside: */
    const char *tls_certificate;          /* PEM chain, used during open only; NULL: plain text */
    const char *tls_key;                  /* PEM */
    uint32_t max_connections_per_address; /* TCP; 0: no cap of its own */
    /* TCP: calls of one address that are with the handler at a time; further ones wait for their
     * turn, after 10 s they get 503 with Retry-After. 0: any. */
    uint32_t max_calls_per_address;
    const struct net_allow *allow; /* TCP: who may connect, asked right after accept; borrowed until
                                      closed, may change meanwhile; NULL: all */
    void (*handle)(void *ctx, struct http_call *call);
    /* The client has closed its side while its call waits for an answer, which is still owed. Once
     * a call, within about 250 ms, never from inside handle. NULL: not wanted. */
    void (*gone)(void *ctx, struct http_call *call);
    /* Called right after accept; false closes the connection (403 is not worth an answer). NULL:
     * all may. */
    bool (*admit)(void *ctx, uid_t uid, gid_t gid, pid_t pid);
    void *ctx;
};

/* A stale socket file is removed only after a connect to it was refused; one that answers is
 * ERR_BUSY. ERR_CONFIG: certificate and key can't be used. */
MUST_CHECK int http_server_open(struct uv_loop_s *uv, struct loop *loop, struct log *log,
                                const struct http_server_options *options, struct http_server **out,
                                struct errmsg *msg);
uint16_t http_server_port(const struct http_server *server); /* TCP: the bound port */
/* Stops accepting, ends all connections, then calls closed. Calls not answered yet get 503. */
void http_server_close(struct http_server *server, void (*closed)(void *ctx), void *ctx);

#endif
