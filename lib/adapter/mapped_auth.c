#include "adapter/mapped_auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/mapping.h"

#define RENEW_PERCENT 80
#define REPLY_MAX 65536
#define REFUSED_PAUSE_MS 30000
#define LIFE_MIN_MS 1000

/* How a kind works. */
static const struct {
    bool calls;       /* the token comes from `call login` */
    bool sends;       /* as a header, or as Basic */
    bool body;        /* {password} stands in bodies */
    const char *form; /* of a login whose body the preset leaves open */
} ways[] = {
    [AUTH_NONE] = {false, false, false, ""},
    [AUTH_BASIC] = {false, true, false, ""},
    [AUTH_BEARER] = {false, true, false, ""},
    [AUTH_OAUTH2_CLIENT] = {true, true, false, "client_credentials"},
    [AUTH_OAUTH2_PASSWORD] = {true, true, false, "password"},
    [AUTH_JSON_LOGIN] = {true, true, false, ""},
    [AUTH_SESSION_IN_BODY] = {true, false, false, ""},
    [AUTH_LGSP] = {true, true, false, "client_credentials"},
    [AUTH_SOAP_BODY] = {false, false, true, ""},
};

static enum preset_auth_kind kind_of(const struct mapped_settings *s)
{
    return s->preset->auth.kind;
}

static void tell_all(struct mapped_auth *a, int err, const struct errmsg *why)
{
    struct errmsg copy = *why;
    struct list now;
    struct list *link;

    list_init(&now);
    list_splice(&now, &a->waiting);
    for (link = list_shift(&now); link != NULL; link = list_shift(&now)) {
        struct mapped_wait *wait = CONTAINER_OF(link, struct mapped_wait, link);

        wait->ready(wait, err, &copy); /* may free wait, the last one also a */
    }
}

static void end_login(struct mapped_auth *a)
{
    mapped_request_free(&a->request);
    explicit_bzero(a->secret, sizeof(a->secret));
    if (a->req.response.data != NULL) {
        explicit_bzero(a->req.response.data, a->req.response.capacity);
    }
    http_req_free(&a->req);
    mapped_settings_unref(a->used);
    a->used = NULL;
    a->logging_in = false;
}

/* Anything but a refusal, or an address that can't be right, may be tried again at once. */
static void note_refusal(struct mapped_auth *a, int err, const struct errmsg *why)
{
    if ((err == ERR_DENIED || err == ERR_CONFIG) && loop_now_ms(a->loop) >= a->refused_until_ms) {
        a->refusals++;
        a->refused_until_ms = loop_now_ms(a->loop) + REFUSED_PAUSE_MS;
        a->refused_err = err;
        a->refusal = *why;
    }
}

static void log_login(struct mapped_auth *a, int err, const struct errmsg *why)
{
    const struct log_field fields[] = {{"DVC_ENDPOINT", a->used->source.name}};

    if (err == 0) {
        log_line(a->log, LOG_LEVEL_INFO, "login", fields, 1, "source %s: logged in",
                 a->used->source.name);
    } else if (err != ERR_CANCELED) {
        log_line(a->log, LOG_LEVEL_WARN, "login_failed", fields, 1, "source %s: login failed: %s",
                 a->used->source.name, why->text);
    }
}

static void begin_login(struct mapped_auth *a);

static void finish(struct mapped_auth *a, int err, const struct errmsg *why)
{
    bool again = a->again && err != ERR_CANCELED;

    if (ways[kind_of(a->used)].calls || err != 0) {
        log_login(a, err, why);
    }
    note_refusal(a, again ? 0 : err, why);
    end_login(a);
    if (again) {
        begin_login(a);
        return;
    }
    tell_all(a, err, why);
}

static void told_run(struct loop_task *task)
{
    struct mapped_auth *a = CONTAINER_OF(task, struct mapped_auth, told);
    struct errmsg why = a->why;

    finish(a, a->err, &why);
}

static void tell_later(struct mapped_auth *a, int err)
{
    a->err = err;
    loop_defer(a->loop, &a->told);
}

void mapped_auth_init(struct mapped_auth *a, const struct adapter_env *env,
                      struct mapped_settings *settings)
{
    memset(a, 0, sizeof(*a));
    a->loop = env->loop;
    a->http = env->http;
    a->log = env->log;
    a->settings = mapped_settings_ref(settings);
    list_init(&a->waiting);
    loop_task_init(&a->told, told_run);
    mapped_request_init(&a->request);
    http_req_init(&a->req);
}

void mapped_auth_free(struct mapped_auth *a)
{
    loop_task_cancel(&a->told);
    end_login(a);
    mapped_settings_unref(a->settings);
    explicit_bzero(a->token, sizeof(a->token));
    explicit_bzero(a->second, sizeof(a->second));
}

uint64_t mapped_auth_current(struct mapped_auth *a)
{
    if (kind_of(a->settings) == AUTH_NONE) {
        return UINT64_MAX;
    }
    if (a->usable && loop_now_ms(a->loop) >= a->renew_at_ms) {
        a->usable = false;
    }
    return a->usable ? a->generation : 0;
}

static void take(struct mapped_auth *a, const char *token, uint64_t life_ms)
{
    (void)snprintf(a->token, sizeof(a->token), "%s", token);
    a->generation++;
    a->logins += ways[kind_of(a->used)].calls ? 1 : 0;
    a->usable = true;
    life_ms = life_ms > LIFE_MIN_MS ? life_ms : LIFE_MIN_MS;
    a->renew_at_ms = loop_now_ms(a->loop) + life_ms / 100 * RENEW_PERCENT;
}

/* The reply of a login that says success. */
static int take_reply(struct mapped_auth *a, const struct mapping_doc *doc, struct errmsg *msg)
{
    const struct preset_auth *auth = &a->used->preset->auth;
    const struct mapping_node *root = mapping_root(doc);
    uint64_t life_ms = auth->life_ms;
    struct arena arena;
    const char *token;
    int err = 0;

    arena_init(&arena, REPLY_MAX);
    token = mapping_text(doc, root, auth->token_path, &arena);
    if (token[0] == '\0' || strlen(token) > MAPPED_TOKEN_MAX) {
        err = err_set(msg, ERR_REMOTE, "the login's reply has no usable token at %s",
                      auth->token_path);
    }
    if (err == 0 && auth->expires_path != NULL && auth->expires_path[0] != '\0') {
        const char *expires = mapping_text(doc, root, auth->expires_path, &arena);
        char *end = NULL;
        unsigned long long seconds = strtoull(expires, &end, 10);

        if (expires[0] != '\0' && expires[0] != '-' && end != expires && seconds < UINT32_MAX) {
            life_ms = (uint64_t)seconds * 1000;
        }
    }
    if (err == 0 && !a->again) {
        take(a, token, life_ms);
    }
    arena_free(&arena);
    return err;
}

static int read_reply(struct mapped_auth *a, struct errmsg *why)
{
    const struct preset_call *call = &a->used->preset->auth.login;
    struct mapping_doc *doc = NULL;
    char words[304] = "";
    int err =
        mapping_open(a->used->preset, call, a->req.response.data, a->req.response.len, &doc, why);

    if (err != 0) {
        return err_wrap(why, ERR_REMOTE, "the login's reply");
    }
    if (mapping_judge(call, doc, words) != MAPPING_OK) {
        err = err_set(why, ERR_DENIED, "login refused: %s", words);
    } else {
        err = take_reply(a, doc, why);
    }
    mapping_close(doc);
    return err;
}

static void login_done(struct http_req *req)
{
    struct mapped_auth *a = req->ctx;
    struct errmsg why = {""};
    bool auth;
    int err = mapped_request_judge(req, &auth, &why);

    if (req->result == HTTP_ANSWERED &&
        (req->status == 400 || req->status == 401 || req->status == 403)) {
        err = err_set(&why, ERR_DENIED, "login refused: HTTP status %ld", req->status);
    } else if (err == ERR_NOTFOUND) {
        err = err_set(&why, ERR_REMOTE, "the login is not there: HTTP status 404");
    } else if (err == 0) {
        err = read_reply(a, &why);
    }
    finish(a, err, &why);
}

/* id and secret of the client, or name and password, where the preset leaves the body open. */
static int fill_form(struct mapped_auth *a, const char *grant)
{
    struct buf *body = &a->request.body;
    const struct preset_auth *auth = &a->used->preset->auth;

    if (body->len > 0 || grant[0] == '\0') {
        return 0;
    }
    buf_printf(body, "grant_type=%s", grant);
    if (auth->kind == AUTH_OAUTH2_PASSWORD ||
        (auth->kind == AUTH_OAUTH2_CLIENT && !auth->basic_client)) {
        buf_puts(body, auth->kind == AUTH_OAUTH2_PASSWORD ? "&username=" : "&client_id=");
        buf_put_form(body, a->used->source.username);
        buf_puts(body, auth->kind == AUTH_OAUTH2_PASSWORD ? "&password=" : "&client_secret=");
        buf_put_form(body, a->secret);
    }
    return buf_error(body);
}

/* LGSP: a header of every call with the keys, JSON in base64 (provincial-systems.md 1.6). */
static int add_second(struct mapped_auth *a, const struct mapped_values *v, struct errmsg *msg)
{
    const struct preset_auth *auth = &a->used->preset->auth;
    struct mapped_request *r = &a->request;
    int err;

    if (auth->kind != AUTH_LGSP || auth->second.n == 0) {
        return 0;
    }
    err = mapped_request_header(r, auth->second_header, &auth->second, NULL, v, msg);
    if (err == 0) {
        err = mapped_request_base64(r, msg);
    }
    if (err == 0) {
        const struct buf *value = &r->values[r->n_headers - 1];

        if (value->len > MAPPED_TOKEN_MAX) {
            return err_set(msg, ERR_TOOBIG, "the header %s is too long", auth->second_header);
        }
        memcpy(a->second, buf_text(value), value->len + 1);
    }
    return err;
}

static int send_login(struct mapped_auth *a, struct errmsg *msg)
{
    const struct preset *preset = a->used->preset;
    const struct preset_call *call = &preset->auth.login;
    struct mapped_values v = {.url = a->used->source.url,
                              .username = a->used->source.username,
                              .password = a->secret,
                              .today_s = loop_wall_s(a->loop),
                              .params = &preset->params};
    struct http_req *req = &a->req;
    int err;

    mapped_request_init(&a->request);
    err = mapped_request_fill(&a->request, preset, call, &v, true, msg);
    if (err == 0) {
        bool typed = a->request.body.len > 0;

        err = fill_form(a, ways[kind_of(a->used)].form);
        if (err == 0 && !typed && a->request.body.len > 0) {
            err = mapped_request_header(&a->request, "Content-Type", NULL,
                                        "application/x-www-form-urlencoded", &v, msg);
        }
    }
    if (err == 0) {
        err = add_second(a, &v, msg);
    }
    if (err != 0) {
        return err;
    }
    http_req_init(req);
    mapped_request_apply(&a->request, a->used, call, req);
    if (a->request.body.len > 0) {
        req->method = "POST";
    }
    req->limits.response_bytes = REPLY_MAX;
    if (preset->auth.basic_client) {
        req->user = a->used->source.username;
        req->password = a->secret;
    }
    req->done = login_done;
    req->ctx = a;
    return http_send(a->http, req);
}

/* The secret is read for each login, so that a changed credential needs no reload. */
static void begin_login(struct mapped_auth *a)
{
    const struct config_source *source;
    int err;

    a->logging_in = true;
    a->again = false;
    a->used = mapped_settings_ref(a->settings);
    a->why.text[0] = '\0';
    source = &a->used->source;
    if (loop_now_ms(a->loop) < a->refused_until_ms) {
        a->why = a->refusal;
        tell_later(a, a->refused_err);
        return;
    }
    err = config_secret(source->password_credential, source->password_file, a->secret,
                        sizeof(a->secret), &a->why);
    if (err != 0) {
        tell_later(a, err_passes(err) ? ERR_REMOTE : ERR_DENIED);
        return;
    }
    if (!ways[kind_of(a->used)].calls) {
        take(a, a->secret, a->used->preset->auth.life_ms);
        tell_later(a, 0);
        return;
    }
    err = send_login(a, &a->why);
    if (err != 0) {
        tell_later(a, err == ERR_INVAL || err == ERR_TOOBIG ? ERR_CONFIG : ERR_REMOTE);
    }
}

void mapped_auth_wait(struct mapped_auth *a, struct mapped_wait *wait)
{
    list_init(&wait->link);
    list_push(&a->waiting, &wait->link);
    if (!a->logging_in) {
        begin_login(a);
    }
}

void mapped_auth_refused(struct mapped_auth *a, uint64_t generation)
{
    if (generation == a->generation) {
        a->usable = false;
    }
}

void mapped_auth_values(const struct mapped_auth *a, struct mapped_values *v)
{
    enum preset_auth_kind kind = kind_of(a->settings);

    v->username = a->settings->source.username;
    v->token = ways[kind].calls || kind == AUTH_BEARER ? a->token : "";
    v->password = ways[kind].body ? a->token : "";
}

int mapped_auth_sign(const struct mapped_auth *a, const struct mapped_values *v,
                     struct mapped_request *r, struct http_req *http, struct errmsg *msg)
{
    const struct preset_auth *auth = &a->settings->preset->auth;
    int err = 0;

    if (!ways[auth->kind].sends) {
        return 0;
    }
    if (auth->kind == AUTH_BASIC) {
        http->user = a->settings->source.username;
        http->password = a->token;
        return 0;
    }
    err = mapped_request_header(r, auth->header, &auth->value, NULL, v, msg);
    if (err == 0 && auth->kind == AUTH_LGSP && a->second[0] != '\0') {
        err = mapped_request_header(r, auth->second_header, NULL, a->second, v, msg);
    }
    return err;
}

void mapped_auth_reconfigure(struct mapped_auth *a, struct mapped_settings *settings)
{
    if (!mapped_settings_same_account(a->settings, settings)) {
        a->usable = false;
        a->refused_until_ms = 0;
        a->again = a->logging_in;
    }
    (void)mapped_settings_ref(settings);
    mapped_settings_unref(a->settings);
    a->settings = settings;
}

void mapped_auth_cancel(struct mapped_auth *a)
{
    if (a->logging_in) {
        http_cancel(a->http, &a->req);
    }
}
