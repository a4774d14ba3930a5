#include "adapter/portal_session.h"

#include <stdio.h>
#include <string.h>

#include "adapter/portal_bridge.h"
#include "base/crash_point.h"
#include "codec/json.h"

#define PASSWORD_MAX 512
#define BODY_MAX 16384 /* user name and password, escaped */
#define RENEW_PERCENT 80

static void tell_all(struct portal_session *s, const struct outcome *trouble)
{
    struct outcome copy;
    struct list now;
    struct list *link;

    list_init(&now);
    list_splice(&now, &s->waiting);
    if (trouble != NULL) {
        copy = *trouble;
    }
    for (link = list_shift(&now); link != NULL; link = list_shift(&now)) {
        struct portal_wait *wait = CONTAINER_OF(link, struct portal_wait, link);

        wait->ready(wait, trouble == NULL ? NULL : &copy); /* may free wait, the last one also s */
    }
}

static void wipe(struct buf *b)
{
    if (b->data != NULL) {
        explicit_bzero(b->data, b->capacity);
    }
    buf_free(b);
}

static void end_login(struct portal_session *s)
{
    wipe(&s->body);
    wipe(&s->req.response);
    http_req_free(&s->req);
    portal_settings_unref(s->used);
    s->used = NULL;
    s->logging_in = false;
}

static void told_run(struct loop_task *task)
{
    struct portal_session *s = CONTAINER_OF(task, struct portal_session, told);
    struct outcome trouble = s->trouble;

    end_login(s);
    tell_all(s, trouble.class == OUTCOME_DONE ? NULL : &trouble);
}

static void fail_later(struct portal_session *s, enum outcome_class class, const char *words)
{
    memset(&s->trouble, 0, sizeof(s->trouble));
    s->trouble.class = class;
    s->trouble.transport = true;
    s->trouble.alert = class == OUTCOME_LOGIN;
    portal_reply_words(words, s->trouble.words);
    loop_defer(s->loop, &s->told);
}

void portal_session_init(struct portal_session *s, const struct adapter_env *env,
                         struct portal_settings *settings)
{
    memset(s, 0, sizeof(*s));
    s->loop = env->loop;
    s->http = env->http;
    s->log = env->log;
    s->settings = portal_settings_ref(settings);
    list_init(&s->waiting);
    loop_task_init(&s->told, told_run);
    http_req_init(&s->req);
    buf_init(&s->body, BODY_MAX);
}

void portal_session_free(struct portal_session *s)
{
    loop_task_cancel(&s->told);
    end_login(s);
    portal_settings_unref(s->settings);
    explicit_bzero(s->token, sizeof(s->token));
}

uint64_t portal_session_current(struct portal_session *s)
{
    if (s->usable && loop_now_ms(s->loop) >= s->renew_at_ms) {
        s->usable = false;
    }
    return s->usable ? s->generation : 0;
}

/* The password is read for each login, so that a changed credential needs no reload. It stands in
 * memory only until the login has ended: room is taken first, so that no growing buffer leaves a
 * copy behind. */
static int build_body(struct portal_session *s, struct errmsg *msg)
{
    const struct config_portal *c = &s->used->config;
    static const char room[BODY_MAX];
    char password[PASSWORD_MAX];
    struct json_writer w;
    int err;

    buf_init(&s->body, BODY_MAX);
    buf_put(&s->body, room, sizeof(room));
    if (buf_error(&s->body) != 0) {
        return err_set(msg, buf_error(&s->body), "out of memory for a login");
    }
    buf_clear(&s->body);
    err = config_secret(c->password_credential, c->password_file, password, sizeof(password), msg);
    if (err == 0) {
        json_write_begin(&w, &s->body);
        json_object_open(&w, NULL);
        json_string(&w, "username", c->username);
        json_string(&w, "password", password);
        json_object_close(&w);
        err = buf_error(&s->body);
    }
    explicit_bzero(password, sizeof(password));
    return err;
}

static void new_session(struct portal_session *s)
{
    s->generation++;
    s->usable = true;
    s->renew_at_ms = loop_now_ms(s->loop) + s->used->config.session_life_ms * RENEW_PERCENT / 100;
}

static bool take_session(struct portal_session *s, const struct portal_reply *reply,
                         struct outcome *trouble)
{
    char number[24];
    const char *token = json_text_or_empty(json_get(reply->object, "session"), number);

    if (token[0] == '\0' || strlen(token) > PORTAL_SESSION_MAX) {
        trouble->class = OUTCOME_TRANSIENT;
        trouble->transport = true;
        portal_reply_words("the login reply has no usable session", trouble->words);
        return false;
    }
    (void)snprintf(s->token, sizeof(s->token), "%s", token);
    new_session(s);
    return true;
}

static void log_login(struct portal_session *s, const struct outcome *trouble)
{
    const struct log_field fields[] = {
        {"DVC_ENDPOINT", s->used->config.name},
        {"DVC_OUTCOME", outcome_name(trouble->class)},
    };

    if (trouble->class == OUTCOME_DONE) {
        log_line(s->log, LOG_LEVEL_INFO, "login", fields, 2, "portal: logged in");
    } else if (trouble->class != OUTCOME_CANCELED) {
        log_line(s->log, LOG_LEVEL_WARN, "login_failed", fields, 2, "portal: login failed: %s",
                 trouble->words);
    }
}

static void begin_login(struct portal_session *s);

static void login_done(struct http_req *req)
{
    struct portal_session *s = req->ctx;
    struct outcome trouble = {0};
    struct portal_reply reply;
    bool good;

    CRASH_POINT(portal_login_answered);
    portal_reply_read(&reply, req->response.data, req->response.len);
    portal_reply_judge(&s->used->config, PORTAL_LOGIN, req, &reply, &trouble);
    memset(trouble.response, 0, sizeof(trouble.response)); /* no digest of a session */
    good = trouble.class == OUTCOME_DONE && !s->again && take_session(s, &reply, &trouble);
    portal_reply_free(&reply);
    log_login(s, &trouble);
    end_login(s);
    if (s->again && trouble.class != OUTCOME_CANCELED) {
        begin_login(s);
        return;
    }
    tell_all(s, good ? NULL : &trouble);
}

static void refuse_login(struct portal_session *s, int err, const struct errmsg *msg)
{
    const char *words = msg->text[0] != '\0' ? msg->text : err_text(err);

    log_plain(s->log, LOG_LEVEL_ERROR, "login_failed", "portal: login: %s", words);
    fail_later(s, err_passes(err) ? OUTCOME_TRANSIENT : OUTCOME_LOGIN, words);
}

/* A token becomes a header: a line end in it would make another one. */
static bool fit_for_header(const char *token)
{
    while (*token > ' ' && *token < 0x7f) {
        token++;
    }
    return *token == '\0';
}

/* A bridge's token is read anew when a login would be due, so that a changed one needs no reload.
 */
static void take_token(struct portal_session *s)
{
    const struct config_portal *c = &s->used->config;
    struct errmsg msg = {0};
    int err = 0;

    s->token[0] = '\0';
    if (c->bridge_token_credential[0] != '\0' || c->bridge_token_file[0] != '\0') {
        err = config_secret(c->bridge_token_credential, c->bridge_token_file, s->token,
                            sizeof(s->token), &msg);
    }
    if (err == 0 && !fit_for_header(s->token)) {
        err = err_set(&msg, ERR_CONFIG, "the bridge's token holds a space or a line end");
    }
    if (err != 0) {
        refuse_login(s, err, &msg);
        return;
    }
    new_session(s);
    memset(&s->trouble, 0, sizeof(s->trouble));
    s->trouble.class = OUTCOME_DONE;
    loop_defer(s->loop, &s->told);
}

static void begin_login(struct portal_session *s)
{
    struct errmsg msg = {0};
    struct http_req *req = &s->req;
    int err;

    s->logging_in = true;
    s->again = false;
    s->used = portal_settings_ref(s->settings);
    if (portal_is_bridge(&s->used->config)) {
        take_token(s);
        return;
    }
    err = build_body(s, &msg);
    if (err != 0) {
        refuse_login(s, err, &msg);
        return;
    }
    http_req_init(req);
    req->method = "POST";
    req->url = s->used->urls[PORTAL_AUTH];
    req->headers = s->used->headers;
    req->n_headers = PORTAL_HEADERS;
    req->body = s->body.data;
    req->body_len = s->body.len;
    req->limits = s->used->limits;
    req->tls = &s->used->tls;
    req->done = login_done;
    req->ctx = s;
    CRASH_POINT(portal_login_before);
    err = http_send(s->http, req);
    CRASH_POINT(portal_login_handed);
    if (err != 0) {
        fail_later(s, OUTCOME_TRANSIENT, err_text(err));
    }
}

void portal_session_wait(struct portal_session *s, struct portal_wait *wait)
{
    list_init(&wait->link);
    list_push(&s->waiting, &wait->link);
    if (!s->logging_in) {
        begin_login(s);
    }
}

void portal_session_refused(struct portal_session *s, uint64_t generation)
{
    if (generation == s->generation) {
        s->usable = false;
    }
}

void portal_session_reconfigure(struct portal_session *s, struct portal_settings *settings)
{
    if (!portal_settings_same_account(s->settings, settings)) {
        s->usable = false;
        s->again = s->logging_in;
    }
    (void)portal_settings_ref(settings);
    portal_settings_unref(s->settings);
    s->settings = settings;
}

void portal_session_cancel(struct portal_session *s)
{
    if (s->logging_in) {
        http_cancel(s->http, &s->req);
    }
}
