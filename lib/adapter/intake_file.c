/* Files of the province, handed through to the portal: the province's own address stays inside. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapter/intake_impl.h"

#define ID_LENGTH 36
#define URL_BYTES ((size_t)2048)
#define PASSWORD_SIZE 512

struct intake_file {
    struct list link;
    struct intake *in;
    struct http_call *call;
    struct http_req req;
    struct http_tls tls;
    struct buf url;
    char user[256];
    char password[PASSWORD_SIZE];
};

/* 8-4-4-4-12 hexadecimal digits, and nothing else: no path can be smuggled in. */
static bool is_uuid(const char *id)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    static const char digits[] = "0123456789abcdefABCDEF";

    if (strlen(id) != ID_LENGTH) {
        return false;
    }
    for (size_t i = 0; i < ID_LENGTH; i++) {
        if (form[i] == '-' ? id[i] != '-' : strchr(digits, id[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static void file_free(struct intake_file *f)
{
    http_req_free(&f->req);
    buf_free(&f->url);
    explicit_bzero(f->password, sizeof(f->password));
    list_remove(&f->link);
    f->in->n_files--;
    free(f);
}

static void on_fetched(struct http_req *req)
{
    struct intake_file *f = req->ctx;
    struct intake *in = f->in;

    if (req->result == HTTP_ANSWERED && req->status == 200) {
        http_answer(f->call, 200, "application/octet-stream", buf_text(&req->response),
                    req->response.len);
    } else if (req->result == HTTP_ANSWERED && req->status == 404) {
        http_answer_problem(f->call, 404, "No such file.");
    } else {
        http_answer_problem(f->call, 502, "The file can't be had now.");
    }
    file_free(f);
    intake_maybe_stopped(in);
}

static int prepare(struct intake_file *f, const char *id, struct errmsg *msg)
{
    const struct config_source *s = f->in->base.source;
    size_t n = strlen(s->url);
    int err = 0;

    buf_puts(&f->url, s->url);
    if (n > 0 && s->url[n - 1] != '/') {
        buf_putc(&f->url, '/');
    }
    buf_puts(&f->url, id);
    if (s->username != NULL && s->username[0] != '\0' && strlen(s->username) < sizeof(f->user)) {
        memcpy(f->user, s->username, strlen(s->username) + 1);
        err = config_secret(s->password_credential, s->password_file, f->password,
                            sizeof(f->password), msg);
        f->req.user = f->user;
        f->req.password = f->password;
    }
    /* Empty paths mean the system's own trust. */
    f->tls = (struct http_tls){.ca_file = s->ca_file[0] != '\0' ? s->ca_file : NULL,
                               .crl_file = s->crl_file[0] != '\0' ? s->crl_file : NULL,
                               .pinned_key = s->pinned_key[0] != '\0' ? s->pinned_key : NULL,
                               .allow_plaintext = s->allow_plaintext};
    f->req.method = "GET";
    f->req.url = buf_text(&f->url);
    f->req.limits =
        (struct http_limits){(uint32_t)s->connect_timeout_ms, (uint32_t)s->request_timeout_ms,
                             (uint32_t)s->stall_timeout_ms, INTAKE_FILE_BYTES};
    f->req.tls = &f->tls;
    f->req.done = on_fetched;
    f->req.ctx = f;
    return err != 0 ? err : buf_error(&f->url);
}

void intake_file(struct intake *in, struct http_call *call, const char *id)
{
    struct errmsg msg = {0};
    struct intake_file *f;

    if (in->base.source->url[0] == '\0' || !is_uuid(id)) {
        http_answer_problem(call, 404, "No such file.");
        return;
    }
    f = in->n_files < INTAKE_FILES_AT_ONCE ? calloc(1, sizeof(*f)) : NULL;
    if (f == NULL) {
        http_call_add_header(call, "Retry-After", "5");
        http_answer_problem(call, 503, "Too many files at a time.");
        return;
    }
    f->in = in;
    f->call = call;
    in->n_files++;
    list_push(&in->files, &f->link);
    buf_init(&f->url, URL_BYTES);
    http_req_init(&f->req);
    if (prepare(f, id, &msg) != 0 || http_send(in->base.env.http, &f->req) != 0) {
        http_answer_problem(call, 502, "The file can't be had now.");
        file_free(f);
    }
}

void intake_files_cancel(struct intake *in)
{
    for (struct list *l = in->files.next; l != &in->files; l = l->next) {
        http_cancel(in->base.env.http, &CONTAINER_OF(l, struct intake_file, link)->req);
    }
}
