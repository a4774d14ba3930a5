#include "lib/fake_portal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATUS_MAP                                                                                 \
    "status,substatus,name,national,valid_from,valid_until\n"                                      \
    "receiving,,,2,,\nprocessing,,,4,,\n"

static struct fake_portal *of_client(struct http_client *client)
{
    return CONTAINER_OF(client, struct fake_portal, client);
}

static const char *header(const struct http_req *req, const char *name)
{
    for (size_t i = 0; i < req->n_headers; i++) {
        if (strcasecmp(req->headers[i].name, name) == 0) {
            return req->headers[i].value;
        }
    }
    return NULL;
}

static int fake_send(struct http_client *client, struct http_req *req)
{
    struct fake_portal *p = of_client(client);
    struct fake_portal_call *call;
    const char *dstcode = header(req, "dstcode");
    const char *authorization = header(req, "Authorization");

    if (p->refuse) {
        return ERR_NOMEM;
    }
    assert_true(p->n_calls < FAKE_PORTAL_CALLS);
    assert_string_equal(header(req, "Accept"), "application/json");
    assert_string_equal(header(req, "Content-Type"), "application/json");
    assert_string_equal(header(req, "Charset"), "utf-8");
    call = &p->calls[p->n_calls++];
    call->req = req;
    call->url = strdup(req->url);
    call->method = strdup(req->method);
    call->body = req->body != NULL ? strndup(req->body, req->body_len) : strdup("");
    call->authorization = authorization != NULL ? strdup(authorization) : NULL;
    call->dstcode = dstcode != NULL && dstcode[0] != '\0' ? strdup(dstcode) : NULL;
    call->response_bytes = req->limits.response_bytes;
    return 0;
}

static void finish(struct fake_portal_call *call, enum http_result result)
{
    struct http_req *req = call->req;

    call->req = NULL;
    req->result = result;
    req->done(req);
}

static void cancelling_run(struct loop_task *task)
{
    struct fake_portal *p = CONTAINER_OF(task, struct fake_portal, cancelling);

    for (size_t i = 0; i < p->n_calls; i++) {
        if (p->calls[i].req != NULL && p->calls[i].cancelled) {
            finish(&p->calls[i], p->cancel_result);
        }
    }
}

static void fake_cancel(struct http_client *client, struct http_req *req)
{
    struct fake_portal *p = of_client(client);

    for (size_t i = 0; i < p->n_calls; i++) {
        if (p->calls[i].req == req) {
            p->calls[i].cancelled = true;
            loop_defer(&p->loop.loop, &p->cancelling);
        }
    }
}

static const struct http_client_ops client_ops = {.send = fake_send, .cancel = fake_cancel};

static void log_write(void *ctx, enum log_level level, const char *event, const char *message,
                      const struct log_field *fields, size_t n)
{
    struct fake_portal *p = ctx;
    size_t used = strlen(p->logged);

    (void)level;
    (void)snprintf(p->logged + used, sizeof(p->logged) - used, "%s %s", event, message);
    for (size_t i = 0; i < n; i++) {
        used = strlen(p->logged);
        (void)snprintf(p->logged + used, sizeof(p->logged) - used, " %s=%s", fields[i].name,
                       fields[i].value);
    }
    used = strlen(p->logged);
    (void)snprintf(p->logged + used, sizeof(p->logged) - used, "\n");
}

static const char *mirror_name(void *ctx, enum record_kind kind, const char *code)
{
    struct fake_portal *p = ctx;

    return kind == RECORD_AGENCY && strcmp(code, "G15") == 0 ? p->publisher_name : NULL;
}

static uint64_t mirror_changes(void *ctx)
{
    return ((const struct fake_portal *)ctx)->names_changes;
}

void fake_portal_set_password(struct fake_portal *p, const char *password)
{
    FILE *file;

    (void)unlink(p->password_path);
    file = fopen(p->password_path, "w");
    assert_non_null(file);
    assert_true(fputs(password, file) >= 0);
    assert_int_equal(fchmod(fileno(file), 0400), 0);
    assert_int_equal(fclose(file), 0);
}

static void fill_config(struct fake_portal *p)
{
    static const struct config_portal portal = {
        .name = "portal",
        .adapter_url = "https://adapter.example.vn/forward",
        .auth_endpoint = "/mapi/login",
        .share_endpoint = "/mapi/share",
        .integration_endpoint = "/mapi/integration",
        .agency_code = "H56",
        .dstcode = "VN:GOV:sample",
        .username = "sample",
        .password_credential = "portal-password",
        .fields = "G3",
        .result_code_key = "MaGiayToKetQua",
        .connect_timeout_ms = 5000,
        .request_timeout_ms = 45000,
        .stall_timeout_ms = 30000,
        .session_life_ms = 600000,
        .reply_limit_bytes = 1u << 20,
        .list_limit_bytes = 8u << 20,
        .permanent_text = {{"không hợp lệ", "không đúng", "bắt buộc", "vượt quá"}, 4},
        .auth_error_text = {{"phiên làm việc", "session", "token", "chưa đăng nhập"}, 4},
        .exists_text = {{"Đã tồn tại"}, 1}, /* as an operator may write it */
        .missing_text = {{"không tồn tại", "chưa được đồng bộ"}, 2},
        .ca_file = "",
        .crl_file = "",
        .pinned_key = "",
        .transport = "direct",
        .batch = 1,
        .bridge_token_credential = "",
        .bridge_token_file = "",
        .intake_list_service = "LayDanhSachHoSo",
        .intake_detail_service = "LayHoSo",
        .intake_ack_service = "XacNhanHoSo",
    };
    struct errmsg msg = {0};

    p->config.has_portal = true;
    p->config.portal = portal;
    p->config.portal.password_file = p->password_path;
    assert_int_equal(map_parse(MAP_STATUS, "status.csv", STATUS_MAP, strlen(STATUS_MAP),
                               &p->config.status_map, &msg),
                     0);
}

void fake_portal_open(struct fake_portal *p)
{
    int fd;

    memset(p, 0, sizeof(*p));
    fake_loop_init(&p->loop);
    loop_task_init(&p->cancelling, cancelling_run);
    p->cancel_result = HTTP_UNKNOWN;
    (void)snprintf(p->password_path, sizeof(p->password_path), "/tmp/fake_portal_XXXXXX");
    fd = mkstemp(p->password_path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    fake_portal_set_password(p, "very secret");
    fill_config(p);
    p->client.ops = &client_ops;
    p->log.level = LOG_LEVEL_DEBUG;
    p->log.ctx = p;
    p->log.write = log_write;
    p->env.loop = &p->loop.loop;
    p->env.http = &p->client;
    p->env.log = &p->log;
    p->env.config = &p->config;
    p->env.mirror_name = mirror_name;
    p->env.mirror_changes = mirror_changes;
    p->env.mirror_ctx = p;
}

void fake_portal_close(struct fake_portal *p)
{
    assert_true(fake_loop_idle(&p->loop));
    assert_int_equal(fake_portal_waiting(p), 0);
    for (size_t i = 0; i < p->n_calls; i++) {
        free(p->calls[i].url);
        free(p->calls[i].body);
        free(p->calls[i].dstcode);
        free(p->calls[i].method);
        free(p->calls[i].authorization);
    }
    map_free(p->config.status_map);
    (void)unlink(p->password_path);
}

size_t fake_portal_waiting(const struct fake_portal *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_calls; i++) {
        n += p->calls[i].req != NULL;
    }
    return n;
}

struct fake_portal_call *fake_portal_next(struct fake_portal *p)
{
    for (size_t i = 0; i < p->n_calls; i++) {
        if (p->calls[i].req != NULL) {
            return &p->calls[i];
        }
    }
    fail_msg("no call waits");
    return NULL;
}

void fake_portal_answer_bytes(struct fake_portal *p, long status, const char *body, size_t n)
{
    struct fake_portal_call *call = fake_portal_next(p);

    buf_init(&call->req->response, call->response_bytes);
    buf_put(&call->req->response, body, n);
    call->req->status = status;
    call->req->took_ms = 7;
    finish(call, HTTP_ANSWERED);
    fake_loop_settle(&p->loop);
}

void fake_portal_answer(struct fake_portal *p, long status, const char *body)
{
    fake_portal_answer_bytes(p, status, body, strlen(body));
}

void fake_portal_fail(struct fake_portal *p, enum http_result result, int curl_code)
{
    struct fake_portal_call *call = fake_portal_next(p);

    call->req->curl_code = curl_code;
    (void)snprintf(call->req->why, sizeof(call->req->why), "curl %d", curl_code);
    finish(call, result);
    fake_loop_settle(&p->loop);
}

void fake_portal_login(struct fake_portal *p, const char *session)
{
    char body[256];

    assert_non_null(strstr(fake_portal_next(p)->url, "/mapi/login"));
    (void)snprintf(body, sizeof(body), "{\"error_code\":0,\"session\":\"%s\"}", session);
    fake_portal_answer(p, 200, body);
}

size_t fake_portal_logins(const struct fake_portal *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_calls; i++) {
        n += strstr(p->calls[i].url, "/mapi/login") != NULL;
    }
    return n;
}
