#include "adapter/mapped_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define URL_MAX 8192
#define BODY_MAX (1u << 20)
#define VALUE_MAX 16384
#define SECRET_ROOM 8192

void mapped_request_init(struct mapped_request *r)
{
    memset(r, 0, sizeof(*r));
    buf_init(&r->url, URL_MAX);
    buf_init(&r->body, BODY_MAX);
    for (size_t i = 0; i < MAPPED_HEADERS; i++) {
        buf_init(&r->values[i], VALUE_MAX);
    }
}

static void wipe(struct buf *b)
{
    if (b->data != NULL) {
        explicit_bzero(b->data, b->capacity);
    }
    buf_free(b);
}

void mapped_request_free(struct mapped_request *r)
{
    wipe(&r->url);
    wipe(&r->body);
    for (size_t i = 0; i < MAPPED_HEADERS; i++) {
        wipe(&r->values[i]);
    }
    r->n_headers = 0;
}

static void take_room(struct buf *b)
{
    static const char room[SECRET_ROOM];

    buf_put(b, room, b->max_bytes < sizeof(room) ? b->max_bytes : sizeof(room));
    buf_clear(b);
}

/* "GET" and "POST" when the preset leaves it open. */
static const char *method_of(const struct preset_call *call)
{
    if (call->method != NULL && call->method[0] != '\0') {
        return call->method;
    }
    return call->body.n > 0 ? "POST" : "GET";
}

static int add(struct mapped_request *r, const char *name, const struct preset_template *t,
               const char *text, const struct mapped_values *v, struct errmsg *msg)
{
    struct buf *value = &r->values[r->n_headers];
    int err = 0;

    if (name == NULL || name[0] == '\0') {
        return 0;
    }
    if (r->n_headers == MAPPED_HEADERS) {
        return err_set(msg, ERR_TOOBIG, "too many headers");
    }
    take_room(value);
    if (t != NULL) {
        err = mapped_template_fill(t, v, value, msg);
    } else {
        buf_puts(value, text);
        err = buf_error(value);
    }
    if (err == 0) {
        r->headers[r->n_headers].name = name;
        r->n_headers++;
    }
    return err;
}

int mapped_request_header(struct mapped_request *r, const char *name,
                          const struct preset_template *t, const char *text,
                          const struct mapped_values *v, struct errmsg *msg)
{
    return add(r, name, t, text, v, msg);
}

int mapped_request_base64(struct mapped_request *r, struct errmsg *msg)
{
    static struct preset_piece piece = {.name = "id", .how = "base64"};
    static const struct preset_template whole = {"{id|base64}", &piece, 1};
    struct buf *value = &r->values[r->n_headers - 1];
    struct mapped_values v = {.id = buf_text(value)};
    struct buf encoded;
    int err;

    buf_init(&encoded, VALUE_MAX);
    take_room(&encoded);
    err = mapped_template_fill(&whole, &v, &encoded, msg);
    wipe(value);
    *value = encoded;
    return err;
}

/* What the first character of a body says, where the preset says nothing. */
static const char *type_of(const struct preset_call *call, const struct buf *body)
{
    if (call->content_type != NULL && call->content_type[0] != '\0') {
        return call->content_type;
    }
    switch (buf_text(body)[0]) {
    case '{':
    case '[':
        return "application/json; charset=utf-8";
    case '<':
        return "text/xml; charset=utf-8";
    default:
        return "application/x-www-form-urlencoded";
    }
}

int mapped_request_fill(struct mapped_request *r, const struct preset *preset,
                        const struct preset_call *call, const struct mapped_values *v, bool secret,
                        struct errmsg *msg)
{
    struct mapped_values address = *v;
    int err;

    address.in_address = true;
    if (secret) {
        take_room(&r->url);
        take_room(&r->body);
    }
    err = mapped_template_fill(&call->url, &address, &r->url, msg);
    if (err == 0) {
        err = mapped_template_fill(&call->body, v, &r->body, msg);
    }
    for (size_t i = 0; i < call->n_headers && err == 0; i++) {
        err = add(r, call->headers[i].name, &call->headers[i].value, NULL, v, msg);
    }
    if (err == 0) {
        err = add(r, "Accept", NULL,
                  call->format == PRESET_XML ? "text/xml, application/xml" : "application/json", v,
                  msg);
    }
    if (err == 0 && r->body.len > 0) {
        err = add(r, "Content-Type", NULL, type_of(call, &r->body), v, msg);
    }
    return err == 0 ? 0 : err_wrap(msg, err, "%s:%u", preset->path, call->line);
}

void mapped_request_apply(const struct mapped_request *r, const struct mapped_settings *settings,
                          const struct preset_call *call, struct http_req *http)
{
    struct http_header *headers = ((struct mapped_request *)(uintptr_t)r)->headers;

    for (size_t i = 0; i < r->n_headers; i++) {
        headers[i].value = buf_text(&r->values[i]); /* the buffers move no more */
    }
    http->method = method_of(call);
    http->url = buf_text(&r->url);
    http->headers = r->headers;
    http->n_headers = r->n_headers;
    http->body = r->body.len > 0 ? r->body.data : NULL;
    http->body_len = r->body.len;
    http->limits = settings->limits;
    http->tls = &settings->tls;
}

static int say(struct errmsg *why, int err, const char *words)
{
    char masked[300];

    text_printable(words, strlen(words), masked, sizeof(masked));
    text_mask_personal(masked);
    return err_set(why, err, "%s", masked);
}

int mapped_request_judge(const struct http_req *http, bool *auth, struct errmsg *why)
{
    long status = http->status;

    *auth = false;
    switch (http->result) {
    case HTTP_ANSWERED:
        break;
    case HTTP_CANCELED:
        return err_set(why, ERR_CANCELED, "%s", err_text(ERR_CANCELED));
    case HTTP_TRUST:
    case HTTP_MISUSE:
        return say(why, ERR_CONFIG, http->why);
    default:
        return say(why, ERR_REMOTE, http->why);
    }
    if (status / 100 == 2) {
        return 0;
    }
    *auth = status == 401;
    if (status == 429 || status == 503) {
        return err_set(why, ERR_REMOTE, "HTTP status %ld, asks to wait %" PRIu32 " s", status,
                       http->retry_after_s);
    }
    if (status == 404) {
        return err_set(why, ERR_NOTFOUND, "HTTP status 404, nothing is at that address");
    }
    if (status / 100 == 3) {
        return err_set(why, ERR_CONFIG, "HTTP status %ld: redirects are not followed, correct url",
                       status);
    }
    if (status == 401 || status == 403) {
        return err_set(why, ERR_DENIED, "HTTP status %ld, the account is not let in", status);
    }
    return err_set(why, ERR_REMOTE, "HTTP status %ld", status);
}
