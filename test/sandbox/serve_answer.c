#include "sandbox/serve_core.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- sending ---- */

void serve_leave(struct req *r)
{
    if (!r->left) {
        r->left = true;
        if (r->leave != NULL) {
            r->leave(&r->pub, r->leave_arg);
        }
    }
}

struct cut_source {
    char *body; /* owned */
    size_t give;
};

static ssize_t cut_read(void *cls, uint64_t pos, char *buf, size_t max)
{
    const struct cut_source *c = (const struct cut_source *)cls;
    size_t left = pos < c->give ? c->give - (size_t)pos : 0;

    if (left == 0) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (left > max) {
        left = max;
    }
    memcpy(buf, c->body + pos, left);
    return (ssize_t)left;
}

static void cut_free(void *cls)
{
    struct cut_source *c = (struct cut_source *)cls;

    free(c->body);
    free(c);
}

static struct MHD_Response *cut_response(char *body, size_t len)
{
    struct cut_source *c = (struct cut_source *)malloc(sizeof *c);
    struct MHD_Response *resp;

    if (c == NULL) {
        free(body);
        return NULL;
    }
    c->body = body;
    c->give = len / 2;
    resp = MHD_create_response_from_callback(len, 4096, cut_read, c, cut_free);
    if (resp == NULL) {
        cut_free(c);
    }
    return resp;
}

enum MHD_Result serve_send(struct req *r)
{
    struct MHD_Response *resp;
    enum MHD_Result result;
    char *body = r->reply;

    serve_leave(r);
    if (r->drop) {
        return MHD_NO;
    }
    r->reply = NULL;
    if (r->cut && r->reply_len > 1) {
        resp = cut_response(body, r->reply_len);
    } else {
        resp = MHD_create_response_from_buffer(r->reply_len, body, MHD_RESPMEM_MUST_FREE);
        if (resp == NULL) {
            free(body);
        }
    }
    if (resp == NULL) {
        return MHD_NO;
    }
    if (r->content_type[0] != '\0') {
        (void)MHD_add_response_header(resp, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type);
    }
    for (size_t i = 0; i < r->header_count; i++) {
        (void)MHD_add_response_header(resp, r->headers[i].name, r->headers[i].value);
    }
    result = MHD_queue_response(r->conn, (unsigned)r->status, resp);
    MHD_destroy_response(resp);
    return result;
}

/* ---- what a handler may call ---- */

const char *serve_query(struct serve_req *req, const char *name)
{
    return MHD_lookup_connection_value(((struct req *)req)->conn, MHD_GET_ARGUMENT_KIND, name);
}

const char *serve_header(struct serve_req *req, const char *name)
{
    return MHD_lookup_connection_value(((struct req *)req)->conn, MHD_HEADER_KIND, name);
}

void serve_add_header(struct serve_req *req, const char *name, const char *value)
{
    struct req *r = (struct req *)req;
    struct header *h;

    if (r->header_count == SERVE_HEADERS_MAX) {
        return;
    }
    h = &r->headers[r->header_count];
    r->header_count++;
    snprintf(h->name, sizeof h->name, "%s", name);
    snprintf(h->value, sizeof h->value, "%s", value);
}

void serve_delay(struct serve_req *req, uint64_t delay_ms)
{
    ((struct req *)req)->delay_ms = delay_ms;
}

void serve_cut(struct serve_req *req)
{
    ((struct req *)req)->cut = true;
}

void serve_hold(struct serve_req *req)
{
    struct req *r = (struct req *)req;

    pthread_mutex_lock(&r->s->lock);
    r->holds++;
    pthread_mutex_unlock(&r->s->lock);
}

void serve_release(struct serve_req *req)
{
    struct req *r = (struct req *)req;
    struct serve *s = r->s;

    pthread_mutex_lock(&s->lock);
    r->holds--;
    serve_settle(r);
    pthread_mutex_unlock(&s->lock);
}

void serve_on_leave(struct serve_req *req, void (*leave_cb)(struct serve_req *req, void *arg),
                    void *arg)
{
    struct req *r = (struct req *)req;

    r->leave = leave_cb;
    r->leave_arg = arg;
}

bool serve_peer_gone(struct serve_req *req)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(((struct req *)req)->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    char c;
    ssize_t n;

    if (info == NULL) {
        return true;
    }
    n = recv(info->connect_fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static void answer(struct req *r, int status, const char *content_type, char *body, size_t len)
{
    struct serve *s = r->s;

    pthread_mutex_lock(&s->lock);
    if (r->answered) {
        free(body);
    } else {
        r->answered = true;
        r->status = status;
        r->reply = body;
        r->reply_len = len;
        snprintf(r->content_type, sizeof r->content_type, "%s",
                 content_type != NULL ? content_type : "");
        serve_settle(r);
    }
    pthread_mutex_unlock(&s->lock);
}

void serve_respond(struct serve_req *req, int status, const char *content_type, const char *body,
                   size_t len)
{
    char *copy = (char *)malloc(len > 0 ? len : 1);

    if (copy == NULL) {
        serve_drop(req);
        return;
    }
    if (len > 0) {
        memcpy(copy, body, len);
    }
    answer((struct req *)req, status, content_type, copy, len);
}

void serve_respond_owned(struct serve_req *req, int status, const char *content_type, char *body,
                         size_t len)
{
    answer((struct req *)req, status, content_type, body, len);
}

void serve_redirect(struct serve_req *req, const char *location)
{
    serve_add_header(req, "Location", location);
    answer((struct req *)req, 307, NULL, NULL, 0);
}

void serve_drop(struct serve_req *req)
{
    struct req *r = (struct req *)req;

    pthread_mutex_lock(&r->s->lock);
    if (!r->answered) {
        r->answered = true;
        r->drop = true;
        serve_settle(r);
    }
    pthread_mutex_unlock(&r->s->lock);
}
