/* http_caller: the HTTP client under test, on a loop of its own, plaintext allowed.
 *
 * For tests on one thread; the other end is an http_peer. What fails fails the test. */
#ifndef HTTP_CALLER_H
#define HTTP_CALLER_H

#include <stdbool.h>
#include <uv.h>

#include "daemon/loop_uv.h"
#include "http/client.h"

struct http_caller {
    uv_loop_t uv;
    struct loop_uv *loop_uv;
    struct loop *loop;
    struct http_client *client; /* NULL when it was closed */
    struct http_tls tls;
    struct http_limits limits; /* of each request */
    unsigned done;             /* requests that have ended */
    bool closed;
    bool inside_call; /* of http_send, http_cancel: no callback may come */
};

struct http_caller *http_caller_new(const struct http_limits *limits);
void http_caller_free(struct http_caller *c);

/* A request that counts its end. */
struct http_req http_caller_request(struct http_caller *c, const char *method, const char *url);
void http_caller_start(struct http_caller *c, struct http_req *req);
/* Until n requests have ended since the beginning. */
void http_caller_wait(struct http_caller *c, unsigned n);
/* Starts it and waits for its end. */
void http_caller_call(struct http_caller *c, struct http_req *req);
/* Closes the client and waits until it says so. */
void http_caller_close(struct http_caller *c);

#endif
