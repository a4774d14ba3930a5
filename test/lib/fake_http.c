#include "lib/fake_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct rule {
    struct rule *next;
    char *method;
    char *url;
    char *body;
    struct fake_http_answer answer; /* its body is owned */
    bool once;
    bool used;
};

struct pending {
    struct list link;
    struct fake_http *fake;
    struct http_req *req;
    struct fake_http_answer answer; /* its body is owned */
    struct loop_timer timer;
    uint64_t sent_ms;
    size_t shown; /* bytes that a sink has taken */
    bool full;    /* the sink waits for http_resume */
    bool begun;   /* a turn has passed, so that a cancel finds it sent */
    bool canceled;
};

struct fake_http {
    struct http_client client;
    struct loop *loop;
    struct rule *rules;
    struct list pending;
    struct fake_http_request *requests;
    size_t n_requests;
    size_t n_unexpected;
    bool refuse;
    bool (*respond)(void *ctx, const struct fake_http_request *request,
                    struct fake_http_answer *answer);
    void *respond_ctx;
    char header[4096]; /* of fake_http_header */
};

static void *must(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

static char *copy(const char *text)
{
    return text != NULL ? must(strdup(text)) : NULL;
}

static char *copy_bytes(const char *bytes, size_t n)
{
    char *out = must(calloc(1, n + 1));

    if (n > 0) {
        memcpy(out, bytes, n);
    }
    return out;
}

static struct fake_http_answer copy_answer(struct fake_http_answer answer)
{
    if (answer.body != NULL) {
        answer.body_len = answer.body_len > 0 ? answer.body_len : strlen(answer.body);
        answer.body = copy_bytes(answer.body, answer.body_len);
    }
    return answer;
}

static void free_answer(struct fake_http_answer *answer)
{
    free((char *)(uintptr_t)answer->body);
    answer->body = NULL;
}

/* ---- rules ---- */

static void add_rule(struct fake_http *f, struct fake_http_match match,
                     struct fake_http_answer answer, bool once)
{
    struct rule *rule = must(calloc(1, sizeof(*rule)));
    struct rule **end = &f->rules;

    rule->method = copy(match.method);
    rule->url = copy(match.url);
    rule->body = copy(match.body);
    rule->answer = copy_answer(answer);
    rule->once = once;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = rule;
}

void fake_http_once(struct fake_http *f, struct fake_http_match match,
                    struct fake_http_answer answer)
{
    add_rule(f, match, answer, true);
}

void fake_http_always(struct fake_http *f, struct fake_http_match match,
                      struct fake_http_answer answer)
{
    add_rule(f, match, answer, false);
}

static bool fits(const struct rule *rule, const struct fake_http_request *request)
{
    return (rule->method == NULL || strcmp(rule->method, request->method) == 0) &&
           (rule->url == NULL || strstr(request->url, rule->url) != NULL) &&
           (rule->body == NULL || strstr(request->body, rule->body) != NULL);
}

static struct rule *find_rule(struct fake_http *f, const struct fake_http_request *request,
                              bool once)
{
    for (struct rule *rule = f->rules; rule != NULL; rule = rule->next) {
        if (rule->once == once && !rule->used && fits(rule, request)) {
            return rule;
        }
    }
    return NULL;
}

static struct fake_http_answer choose(struct fake_http *f, const struct fake_http_request *request)
{
    struct fake_http_answer answer = {0};
    struct rule *rule;

    if (f->respond != NULL && f->respond(f->respond_ctx, request, &answer)) {
        return copy_answer(answer);
    }
    rule = find_rule(f, request, true);
    if (rule == NULL) {
        rule = find_rule(f, request, false);
    }
    if (rule == NULL) {
        f->n_unexpected++;
        return (struct fake_http_answer){.result = HTTP_NOT_SENT, .curl_code = 7};
    }
    rule->used = rule->once;
    return copy_answer(rule->answer);
}

/* ---- requests ---- */

static char *copy_headers(const struct http_req *req)
{
    char *out = NULL;
    size_t n = 0;
    FILE *file = must(open_memstream(&out, &n));

    for (size_t i = 0; i < req->n_headers; i++) {
        const struct http_header *h = &req->headers[i];

        if (h->value != NULL && h->value[0] != '\0') {
            fprintf(file, "%s: %s\n", h->name, h->value);
        }
    }
    if (fclose(file) != 0) {
        abort();
    }
    return out;
}

static const struct fake_http_request *record(struct fake_http *f, const struct http_req *req)
{
    struct fake_http_request *r;

    f->requests = must(realloc(f->requests, (f->n_requests + 1) * sizeof(*f->requests)));
    r = &f->requests[f->n_requests];
    f->n_requests++;
    r->method = copy(req->method);
    r->url = copy(req->url);
    r->body = copy_bytes(req->body, req->body_len);
    r->body_len = req->body_len;
    r->user = copy(req->user);
    r->password = copy(req->password);
    r->headers = copy_headers(req);
    return r;
}

/* ---- answers ---- */

static int usual_code(enum http_result result)
{
    static const int codes[] = {
        [HTTP_ANSWERED] = 0, [HTTP_NOT_SENT] = 7, [HTTP_TRUST] = 60,
        [HTTP_UNKNOWN] = 52, [HTTP_MISUSE] = 3,   [HTTP_CANCELED] = 42,
    };

    return codes[result];
}

static void fill(struct http_req *req, const struct fake_http_answer *answer)
{
    buf_clear(&req->response);
    req->response.max_bytes = req->limits.response_bytes;
    req->result = answer->result;
    req->curl_code = 0;
    req->status = 0;
    req->retry_after_s = 0;
    req->why[0] = '\0';
    if (answer->body != NULL) {
        buf_put(&req->response, answer->body, answer->body_len);
    }
    if (answer->result == HTTP_ANSWERED && buf_error(&req->response) != 0) {
        req->result = HTTP_UNKNOWN; /* as the real one ends a response above its limit */
        req->curl_code = 23;
        snprintf(req->why, sizeof(req->why), "response larger than allowed");
    } else if (answer->result == HTTP_ANSWERED) {
        req->status = answer->status != 0 ? answer->status : 200;
        req->retry_after_s = answer->retry_after_s;
    } else {
        req->curl_code = answer->curl_code != 0 ? answer->curl_code : usual_code(answer->result);
        snprintf(req->why, sizeof(req->why), "fake: curl %d", req->curl_code);
    }
}

/* Shows the body to the sink, in pieces like a network's. False: not yet all. */
static bool show(struct pending *p)
{
    enum { PIECE = 16384 };
    struct http_req *req = p->req;
    long status = p->answer.status != 0 ? p->answer.status : 200;

    if (req->sink == NULL || p->answer.result != HTTP_ANSWERED || status / 100 != 2) {
        return true;
    }
    while (p->shown < p->answer.body_len) {
        size_t left = p->answer.body_len - p->shown;
        size_t n = left < PIECE ? left : PIECE;
        enum http_took took = req->sink(req, p->answer.body + p->shown, n);

        if (took == HTTP_FULL) {
            p->full = true;
            return false;
        }
        if (took == HTTP_STOP) {
            p->answer.result = HTTP_UNKNOWN;
            p->answer.curl_code = 23;
            break;
        }
        p->shown += n;
    }
    free_answer(&p->answer); /* nothing for response */
    return true;
}

static void on_timer(struct loop_timer *timer)
{
    struct pending *p = CONTAINER_OF(timer, struct pending, timer);
    struct http_req *req = p->req;

    if (!p->begun && !p->canceled && (p->answer.hold || p->answer.delay_ms > 0)) {
        p->begun = true;
        if (!p->answer.hold) {
            loop_timer_start(p->fake->loop, &p->timer, p->answer.delay_ms);
        }
        return;
    }
    if (!p->canceled && !show(p)) {
        return;
    }
    list_remove(&p->link);
    fill(req, &p->answer);
    req->took_ms = loop_now_ms(p->fake->loop) - p->sent_ms;
    req->impl = NULL;
    free_answer(&p->answer);
    free(p);
    req->done(req); /* req may be gone now */
}

static int fake_send(struct http_client *client, struct http_req *req)
{
    struct fake_http *f = CONTAINER_OF(client, struct fake_http, client);
    struct pending *p;

    if (f->refuse) {
        return ERR_NOMEM;
    }
    p = must(calloc(1, sizeof(*p)));
    p->fake = f;
    p->req = req;
    p->answer = choose(f, record(f, req));
    p->sent_ms = loop_now_ms(f->loop);
    loop_timer_init(&p->timer, on_timer);
    loop_timer_start(f->loop, &p->timer, 0);
    list_push(&f->pending, &p->link);
    req->impl = p;
    return 0;
}

static void fake_cancel(struct http_client *client, struct http_req *req)
{
    struct fake_http *f = CONTAINER_OF(client, struct fake_http, client);
    struct pending *p = req->impl;

    if (p == NULL || p->canceled) {
        return;
    }
    p->canceled = true;
    p->full = false;
    free_answer(&p->answer);
    p->answer = (struct fake_http_answer){.result = p->begun ? HTTP_UNKNOWN : HTTP_CANCELED,
                                          .curl_code = 42};
    loop_timer_start(f->loop, &p->timer, 0);
}

void fake_http_release(struct fake_http *f)
{
    for (struct list *l = f->pending.next; l != &f->pending; l = l->next) {
        struct pending *p = CONTAINER_OF(l, struct pending, link);

        if (p->answer.hold) {
            p->answer.hold = false;
            p->answer.delay_ms = 0;
            loop_timer_start(f->loop, &p->timer, 0);
        }
    }
}

/* ---- the fake ---- */

static void fake_resume(struct http_client *client, struct http_req *req)
{
    struct pending *p = req->impl;

    (void)client;
    if (p != NULL && p->full) {
        p->full = false;
        loop_timer_start(p->fake->loop, &p->timer, 0);
    }
}

static const struct http_client_ops ops = {
    .send = fake_send,
    .cancel = fake_cancel,
    .resume = fake_resume,
};

struct fake_http *fake_http_new(struct loop *loop)
{
    struct fake_http *f = must(calloc(1, sizeof(*f)));

    f->client.ops = &ops;
    f->loop = loop;
    list_init(&f->pending);
    return f;
}

void fake_http_reset(struct fake_http *f)
{
    while (f->rules != NULL) {
        struct rule *rule = f->rules;

        f->rules = rule->next;
        free(rule->method);
        free(rule->url);
        free(rule->body);
        free_answer(&rule->answer);
        free(rule);
    }
    for (size_t i = 0; i < f->n_requests; i++) {
        free(f->requests[i].method);
        free(f->requests[i].url);
        free(f->requests[i].body);
        free(f->requests[i].user);
        free(f->requests[i].password);
        free(f->requests[i].headers);
    }
    free(f->requests);
    f->requests = NULL;
    f->n_requests = 0;
    f->n_unexpected = 0;
}

void fake_http_free(struct fake_http *f)
{
    if (!list_empty(&f->pending)) {
        abort();
    }
    fake_http_reset(f);
    free(f);
}

struct http_client *fake_http_client(struct fake_http *f)
{
    return &f->client;
}

void fake_http_respond(struct fake_http *f,
                       bool (*respond)(void *ctx, const struct fake_http_request *request,
                                       struct fake_http_answer *answer),
                       void *ctx)
{
    f->respond = respond;
    f->respond_ctx = ctx;
}

void fake_http_refuse(struct fake_http *f, bool on)
{
    f->refuse = on;
}

size_t fake_http_count(const struct fake_http *f)
{
    return f->n_requests;
}

const struct fake_http_request *fake_http_request(const struct fake_http *f, size_t i)
{
    if (i >= f->n_requests) {
        abort();
    }
    return &f->requests[i];
}

const char *fake_http_header(struct fake_http *f, size_t i, const char *name)
{
    const char *line = fake_http_request(f, i)->headers;
    size_t n = strlen(name);

    while (*line != '\0') {
        size_t len = strcspn(line, "\n");

        if (len > n + 2 && strncasecmp(line, name, n) == 0 && line[n] == ':') {
            snprintf(f->header, sizeof(f->header), "%.*s", (int)(len - n - 2), line + n + 2);
            return f->header;
        }
        line += len + 1;
    }
    return NULL;
}

size_t fake_http_in_flight(const struct fake_http *f)
{
    size_t n = 0;

    for (const struct list *l = f->pending.next; l != &f->pending; l = l->next) {
        n++;
    }
    return n;
}

size_t fake_http_unexpected(const struct fake_http *f)
{
    return f->n_unexpected;
}

size_t fake_http_unused(const struct fake_http *f)
{
    size_t n = 0;

    for (const struct rule *rule = f->rules; rule != NULL; rule = rule->next) {
        n += rule->once && !rule->used;
    }
    return n;
}
