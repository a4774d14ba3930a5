#include "lib/http_caller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define CONNECTIONS 8

static void on_done(struct http_req *req)
{
    struct http_caller *c = req->ctx;

    assert_false(c->inside_call);
    c->done++;
}

static void on_closed(void *ctx)
{
    ((struct http_caller *)ctx)->closed = true;
}

struct http_caller *http_caller_new(const struct http_limits *limits)
{
    struct http_caller *c = calloc(1, sizeof(*c));
    struct errmsg msg = {""};

    assert_non_null(c);
    assert_int_equal(uv_loop_init(&c->uv), 0);
    assert_int_equal(loop_uv_open(&c->uv, &c->loop_uv), 0);
    c->loop = loop_uv_loop(c->loop_uv);
    assert_int_equal(http_client_uv_open(&c->uv, c->loop, CONNECTIONS, &c->client, &msg), 0);
    c->tls.allow_plaintext = true;
    c->limits = *limits;
    return c;
}

void http_caller_close(struct http_caller *c)
{
    http_client_uv_close(c->client, on_closed, c);
    c->client = NULL;
    assert_false(c->closed);
    while (!c->closed) {
        uv_run(&c->uv, UV_RUN_ONCE);
    }
}

void http_caller_free(struct http_caller *c)
{
    if (c->client != NULL) {
        http_caller_close(c);
    }
    loop_uv_close(c->loop_uv);
    uv_run(&c->uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&c->uv), 0);
    free(c);
}

struct http_req http_caller_request(struct http_caller *c, const char *method, const char *url)
{
    struct http_req req;

    http_req_init(&req);
    req.method = method;
    req.url = url;
    req.limits = c->limits;
    req.tls = &c->tls;
    req.done = on_done;
    req.ctx = c;
    return req;
}

void http_caller_start(struct http_caller *c, struct http_req *req)
{
    c->inside_call = true;
    assert_int_equal(http_send(c->client, req), 0);
    c->inside_call = false;
}

void http_caller_wait(struct http_caller *c, unsigned n)
{
    while (c->done < n) {
        uv_run(&c->uv, UV_RUN_ONCE);
    }
}

void http_caller_call(struct http_caller *c, struct http_req *req)
{
    unsigned before = c->done;

    http_caller_start(c, req);
    http_caller_wait(c, before + 1);
}
