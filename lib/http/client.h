/* http client: one request at a time per struct, on curl multi and the loop.
 *
 * A call that writes begins once: libcurl, which repeats a request by itself when a kept connection
 * dies (style.md pitfall 1), is stopped before it does. No redirects, no cookies, no environment
 * proxy, https only unless plaintext is allowed, three deadlines on every call. The callback comes
 * exactly once, on the loop, never from inside http_send, also after http_cancel.
 *
 * http_client is a table so that adapters are tested without a network (test/lib/fake_http.c). */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"

/* How far a call got: the transport half of design.md's reply table. */
enum http_result {
    HTTP_ANSWERED, /* a whole response with a status line was read (its body may still be cut: prove
                      it by parsing) */
    HTTP_NOT_SENT, /* resolve, connect, TLS handshake failed, or curl 28/55/56, and nothing had left
                      before */
    HTTP_TRUST,    /* curl 60, 83, 90, 91, nothing had left: the peer is not who it should be */
    HTTP_UNKNOWN,  /* any failure after the request began to leave: the peer may have it */
    HTTP_MISUSE,   /* URL or options refused locally (curl 1, 3): nothing was sent */
    HTTP_CANCELED
};

struct http_header {
    const char *name;
    const char *value; /* NULL or "": not sent */
};

struct http_limits { /* milliseconds and bytes; all above 0 */
    uint32_t connect_ms;
    uint32_t total_ms;
    uint32_t stall_ms; /* no byte either way for so long (rounded up to seconds) ends the call */
    size_t response_bytes; /* decoded body */
};

struct http_tls { /* borrowed; NULL members: system defaults */
    const char *ca_file;
    const char *crl_file;
    const char *pinned_key;
    bool allow_plaintext; /* http:// is permitted */
};

struct http_req;

/* What a sink says of the bytes that it was shown. */
enum http_took {
    HTTP_TOOK,
    HTTP_FULL, /* not taken: shown again, with more perhaps, after http_resume */
    HTTP_STOP  /* no further: the call ends as HTTP_UNKNOWN */
};

struct http_req {
    /* in: filled by the caller, borrowed until the callback */
    const char *method; /* "GET", "POST", "PUT" */
    const char *url;
    const struct http_header *headers;
    size_t n_headers;
    const char *body; /* NULL for none */
    size_t body_len;
    const char *user; /* Basic, with password; NULL for none */
    const char *password;
    struct http_limits limits;
    const struct http_tls *tls; /* NULL: defaults, https only */
    void (*done)(struct http_req *req);
    void *ctx; /* the caller's */
    /* Optional: shown the body of a 2xx answer as it comes, on the loop; response stays empty then,
     * response_bytes does not count and the stall is not measured while it is full. It must not
     * call the client. Bodies of other answers go into response. */
    enum http_took (*sink)(struct http_req *req, const char *bytes, size_t n);
    /* out: valid in the callback and until the request is reused or http_req_free */
    enum http_result result;
    int curl_code;          /* CURLcode, for words and logs; 0 with HTTP_ANSWERED */
    long status;            /* HTTP status; 0 without an answer */
    uint32_t retry_after_s; /* 0: not given or not usable; capped at 24 h */
    struct buf response;    /* owned by the request */
    uint64_t took_ms;
    char why[160]; /* curl's words, printable, without address secrets */
    void *impl;    /* the client's */
};

struct http_client;
struct http_client_ops {
    int (*send)(struct http_client *client, struct http_req *req);
    void (*cancel)(struct http_client *client, struct http_req *req);
    void (*resume)(struct http_client *client, struct http_req *req);
};
struct http_client {
    const struct http_client_ops *ops;
};

/* Zeroes *req. */
void http_req_init(struct http_req *req);
/* Frees the response; not while in flight. */
void http_req_free(struct http_req *req);
/* Starts. On failure (ERR_NOMEM, or ERR_STATE when the client is closing) the callback is never
 * called. */
MUST_CHECK int http_send(struct http_client *client, struct http_req *req);
/* Ends a call in flight: its callback comes on a later turn with HTTP_CANCELED (nothing sent yet)
 * or HTTP_UNKNOWN. Harmless when nothing is in flight. */
void http_cancel(struct http_client *client, struct http_req *req);
/* The sink has room again: it is called on a later turn. Harmless when nothing is in flight. */
void http_resume(struct http_client *client, struct http_req *req);

struct uv_loop_s;
/* The real one. The process ignores SIGPIPE. max_connections bounds kept connections; close frees
 * it after every call was cancelled and closed is called. */
MUST_CHECK int http_client_uv_open(struct uv_loop_s *uv, struct loop *loop,
                                   uint32_t max_connections, struct http_client **out,
                                   struct errmsg *msg);
/* What was found out about peers until now counts no more: later calls use no connection, TLS
 * session or list of authorities from before. For a reload: the files behind them may have changed.
 * Without it they are judged anew within 20 minutes. */
void http_client_uv_renew(struct http_client *client);
void http_client_uv_close(struct http_client *client, void (*closed)(void *ctx), void *ctx);

/* The table of curl codes, exported for its test. sent: the request had begun to leave, on any
 * connection of the call; then every failure is HTTP_UNKNOWN, a refused
 * connection too. */
enum http_result http_classify_curl(int curl_code, bool sent);

#endif
