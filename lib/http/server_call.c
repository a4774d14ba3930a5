#include "http/server_call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEM_MAX_BYTES ((size_t)4096)

void http_exchange_free(struct http_exchange *x)
{
    if (x->response != NULL) {
        MHD_destroy_response(x->response);
    }
    buf_free(&x->body);
    free(x->method);
    free(x->path);
    free(x);
}

struct http_exchange *http_exchange_new(struct http_conn *conn, struct MHD_Connection *mhd,
                                        const char *method, const char *path, size_t max_body_bytes)
{
    struct http_exchange *x = calloc(1, sizeof(*x));

    if (x == NULL) {
        return NULL;
    }
    buf_init(&x->body, max_body_bytes);
    list_init(&x->link);
    x->conn = conn;
    x->mhd = mhd;
    x->method = strdup(method);
    x->path = strdup(path);
    x->call.method = x->method;
    x->call.path = x->path;
    x->call.uid = conn->uid;
    x->call.pid = conn->pid;
    memcpy(x->peer, conn->peer, sizeof(x->peer));
    x->call.peer = x->peer;
    x->call.impl = x;
    if (x->method == NULL || x->path == NULL) {
        http_exchange_free(x);
        return NULL;
    }
    return x;
}

static void set_response(struct http_exchange *x, unsigned status, const char *content_type,
                         const char *text, size_t n)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(n, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

    if (response != NULL) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        for (unsigned i = 0; i < x->n_headers; i++) {
            MHD_add_response_header(response, x->headers[i][0], x->headers[i][1]);
        }
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

void http_exchange_problem(struct http_exchange *x, unsigned status, const char *detail)
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

/* ---- what handlers call ---- */

static struct http_exchange *from_call(const struct http_call *call)
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

void http_call_add_header(struct http_call *call, const char *name, const char *value)
{
    struct http_exchange *x = from_call(call);

    if (x->n_headers < HTTP_CALL_HEADERS) {
        x->headers[x->n_headers][0] = name;
        x->headers[x->n_headers][1] = value;
        x->n_headers++;
    }
}

/* True when the answer still has a way out. */
static bool take_answer(struct http_exchange *x)
{
    assert(!x->answered);
    x->answered = true;
    if (x->mhd == NULL) {
        http_exchange_free(x);
        return false;
    }
    return x->in_handler ||
           !list_empty(&x->link); /* else the closing server has answered already */
}

void http_answer(struct http_call *call, unsigned status, const char *content_type,
                 const char *text, size_t n)
{
    struct http_exchange *x = from_call(call);

    if (!take_answer(x)) {
        return;
    }
    set_response(x, status, content_type, text, n);
    if (!x->in_handler) {
        x->resume(x);
    }
}

void http_answer_problem(struct http_call *call, unsigned status, const char *detail)
{
    struct http_exchange *x = from_call(call);

    if (!take_answer(x)) {
        return;
    }
    http_exchange_problem(x, status, detail);
    if (!x->in_handler) {
        x->resume(x);
    }
}
