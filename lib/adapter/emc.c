#include "adapter/emc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/emc_form.h"
#include "adapter/portal_reply.h"
#include "base/crash_point.h"
#include "base/digest.h"
#include "base/list.h"

#define STRINGS_MAX ((size_t)256 << 10) /* of one source's configuration */
#define PASSWORD_BYTES 256
#define ANSWER_BYTES ((size_t)64 << 10) /* nobody reads it */

/* What a configuration says; calls in flight keep the one they began with. */
struct emc_settings {
    unsigned refs;
    struct arena strings;
    struct config_source source;
    struct http_tls tls;
    struct http_limits limits;
    bool ask; /* steps_in_doubt of the flow that ends here */
};

struct emc {
    struct adapter adapter;
    struct adapter_env env;
    char *name; /* owned */
    struct emc_settings *settings;
    struct list calls;               /* struct emc_call */
    uint64_t told, doubts, repeated; /* events; calls in doubt; events told again after one */
};

struct emc_call {
    struct list link;
    struct emc *emc;
    struct emc_settings *settings; /* one reference */
    struct adapter_send *send;     /* one of the two */
    struct adapter_lookup *lookup;
    struct buf form;
    char password[PASSWORD_BYTES];
    struct http_req http;
    bool in_http, canceled;
    struct loop_task task; /* a call that ends without HTTP */
};

static struct emc *self(struct adapter *a)
{
    return CONTAINER_OF(a, struct emc, adapter);
}

/* ---- settings ---- */

static void settings_unref(struct emc_settings *s)
{
    s->refs--;
    if (s->refs == 0) {
        arena_free(&s->strings);
        free(s);
    }
}

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static uint32_t to_ms(uint64_t ms)
{
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static void derive(struct emc_settings *s, const struct config *config)
{
    const struct config_source *c = &s->source;

    s->tls.ca_file = or_null(c->ca_file);
    s->tls.crl_file = or_null(c->crl_file);
    s->tls.pinned_key = or_null(c->pinned_key);
    s->tls.allow_plaintext = c->allow_plaintext;
    s->limits.connect_ms = to_ms(c->connect_timeout_ms);
    s->limits.total_ms = to_ms(c->request_timeout_ms);
    s->limits.stall_ms = to_ms(c->stall_timeout_ms);
    s->limits.response_bytes = ANSWER_BYTES;
    for (size_t i = 0; i < config->n_flows; i++) {
        if (strcmp(config->flows[i].to, c->name) == 0) {
            s->ask = s->ask || config->flows[i].steps_in_doubt == STEPS_ASK;
        }
    }
}

static int settings_new(const struct config *config, const struct config_source *source,
                        struct emc_settings **out, struct errmsg *msg)
{
    struct emc_settings *s = calloc(1, sizeof(*s));
    int err = s != NULL ? 0 : ERR_NOMEM;

    *out = NULL;
    if (err == 0) {
        s->refs = 1;
        arena_init(&s->strings, STRINGS_MAX);
        err = config_source_copy(source, &s->strings, &s->source);
    }
    if (err == 0 && (s->source.url[0] == '\0' || s->source.site_id[0] == '\0')) {
        settings_unref(s);
        return err_set(msg, ERR_CONFIG, "source %s: url or site_id is missing", source->name);
    }
    if (err != 0) {
        if (s != NULL) {
            settings_unref(s);
        }
        return err_set(msg, err, "source %s: %s", source->name, err_text(err));
    }
    derive(s, config);
    *out = s;
    return 0;
}

/* ---- calls ---- */

static struct emc_call *call_new(struct emc *e, void (*run)(struct loop_task *task))
{
    struct emc_call *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        abort(); /* a small fixed block, without which no callback could ever be made */
    }
    call->emc = e;
    call->settings = e->settings;
    call->settings->refs++;
    buf_init(&call->form, EMC_FORM_MAX);
    http_req_init(&call->http);
    loop_task_init(&call->task, run);
    list_init(&call->link);
    list_push(&e->calls, &call->link);
    return call;
}

static void call_free(struct emc_call *call)
{
    list_remove(&call->link);
    loop_task_cancel(&call->task);
    http_req_free(&call->http);
    explicit_bzero(call->password, sizeof(call->password));
    buf_free(&call->form);
    settings_unref(call->settings);
    free(call);
}

static void count(struct emc *e, const struct outcome *outcome)
{
    e->told += outcome->class == OUTCOME_DONE;
    e->doubts += outcome->class == OUTCOME_UNSURE;
}

static void send_end(struct emc_call *call)
{
    struct adapter_send *send = call->send;

    count(call->emc, &send->outcome);
    call_free(call);
    send->done(send); /* may free the adapter */
}

static void send_run(struct loop_task *task)
{
    struct emc_call *call = CONTAINER_OF(task, struct emc_call, task);

    if (call->canceled) {
        call->send->outcome.class = OUTCOME_CANCELED;
        call->send->outcome.transport = false;
    }
    send_end(call);
}

static void send_later(struct emc_call *call, enum outcome_class class, const char *words)
{
    call->send->outcome.class = class;
    portal_reply_words(words, call->send->outcome.words);
    loop_defer(call->emc->env.loop, &call->task);
}

static void http_done(struct http_req *req)
{
    struct emc_call *call = req->ctx;

    call->in_http = false;
    CRASH_POINT(portal_answered);
    emc_judge(req, &call->send->outcome);
    send_end(call);
}

/* The body of the call and what it says of the record. 0 or why there is none. */
static int build(struct emc_call *call, struct adapter_send *send, struct adapter_check *verdict)
{
    memset(verdict, 0, sizeof(*verdict));
    verdict->record = send->records;
    if (send->n_records != 1) {
        verdict->hold = HOLD_INVALID;
        return ERR_INVAL;
    }
    emc_form(&call->emc->env, &call->settings->source, send->records, &call->form, verdict);
    if (verdict->err != 0) {
        return verdict->err;
    }
    return verdict->hold != HOLD_NONE ? ERR_INVAL : buf_error(&call->form);
}

static void post(struct emc_call *call)
{
    static const struct http_header headers[] = {
        {"Content-Type", "application/x-www-form-urlencoded"}};
    const struct config_source *source = &call->settings->source;
    struct http_req *req = &call->http;
    int err;

    req->method = "POST";
    req->url = source->url;
    req->headers = headers;
    req->n_headers = 1;
    req->body = call->form.data;
    req->body_len = call->form.len;
    req->user = or_null(source->username);
    req->password = source->username[0] != '\0' ? call->password : NULL;
    req->limits = call->settings->limits;
    req->tls = &call->settings->tls;
    req->done = http_done;
    req->ctx = call;
    call->in_http = true;
    CRASH_POINT(portal_send_before);
    err = http_send(call->emc->env.http, req);
    CRASH_POINT(portal_handed);
    if (err != 0) {
        call->in_http = false;
        send_later(call, OUTCOME_TRANSIENT, err_text(err));
    }
}

static void emc_send(struct adapter *a, struct adapter_send *send)
{
    struct emc_call *call = call_new(self(a), send_run);
    const struct config_source *source = &call->settings->source;
    struct adapter_check verdict;
    struct errmsg why = {{0}};
    int err = build(call, send, &verdict);

    memset(&send->outcome, 0, sizeof(send->outcome));
    call->send = send;
    if (err == ERR_NOMEM) {
        send_later(call, OUTCOME_TRANSIENT, err_text(err));
        return;
    }
    if (err != 0) {
        send->outcome.hold = verdict.hold != HOLD_NONE ? verdict.hold : HOLD_INVALID;
        send_later(call, OUTCOME_HELD, verdict.reason[0] != '\0' ? verdict.reason : err_text(err));
        return;
    }
    send->outcome.has_content = verdict.has_held_hash;
    memcpy(send->outcome.content, verdict.held_hash, sizeof(send->outcome.content));
    (void)digest_sha256(call->form.data, call->form.len, send->outcome.request);
    if (source->username[0] != '\0' &&
        config_secret(source->password_credential, source->password_file, call->password,
                      sizeof(call->password), &why) != 0) {
        send->outcome.transport = true;
        send_later(call, OUTCOME_LOGIN, why.text);
        return;
    }
    post(call);
}

static int emc_preview(struct adapter *a, const struct adapter_send *send, struct buf *out,
                       struct errmsg *msg)
{
    struct emc *e = self(a);
    struct adapter_check verdict = {.record = send->records};

    if (send->n_records != 1) {
        return err_set(msg, ERR_INVAL, "EMC is told of one dossier in a call");
    }
    emc_form(&e->env, &e->settings->source, send->records, out, &verdict);
    if (verdict.err != 0) {
        return err_set(msg, verdict.err, "%s", err_text(verdict.err));
    }
    if (verdict.hold != HOLD_NONE) {
        return err_set(msg, ERR_INVAL, "%s", verdict.reason);
    }
    return buf_error(out);
}

/* ---- doubt ---- */

static void lookup_run(struct loop_task *task)
{
    struct emc_call *call = CONTAINER_OF(task, struct emc_call, task);
    struct adapter_lookup *lookup = call->lookup;
    bool ask = call->settings->ask && !lookup->consented;

    memset(&lookup->outcome, 0, sizeof(lookup->outcome));
    lookup->status = 0;
    lookup->outcome.class = OUTCOME_HELD;
    if (call->canceled) {
        lookup->outcome.class = OUTCOME_CANCELED;
        lookup->answer = LOOKUP_UNKNOWN;
    } else if (ask) {
        lookup->answer = LOOKUP_ASK;
        portal_reply_words("EMC may have counted it and can't be asked; resolve it as delivered, "
                           "or release it to tell it again",
                           lookup->outcome.words);
    } else {
        lookup->answer = LOOKUP_REFUSED;
        call->emc->repeated++;
        portal_reply_words("not asked: EMC has no look-up, so it is told again and may be counted "
                           "twice",
                           lookup->outcome.words);
    }
    call_free(call);
    lookup->done(lookup); /* may free the adapter */
}

/* Nobody can be asked: what becomes of a doubt is decided here, without a call. */
static void emc_lookup(struct adapter *a, struct adapter_lookup *lookup)
{
    struct emc_call *call = call_new(self(a), lookup_run);

    call->lookup = lookup;
    loop_defer(call->emc->env.loop, &call->task);
}

/* ---- the instance ---- */

static void emc_check(struct adapter *a, struct adapter_check *check)
{
    struct emc *e = self(a);

    emc_form(&e->env, &e->settings->source, check->record, NULL, check);
}

static size_t emc_notes(struct adapter *a, struct adapter_note notes[ADAPTER_NOTES_MAX])
{
    const struct emc *e = self(a);

    notes[0] = (struct adapter_note){"told", e->told};
    notes[1] = (struct adapter_note){"in_doubt", e->doubts};
    notes[2] = (struct adapter_note){"told_again", e->repeated};
    return 3;
}

static void emc_cancel(struct adapter *a)
{
    struct emc *e = self(a);

    for (struct list *l = e->calls.next; l != &e->calls; l = l->next) {
        struct emc_call *call = CONTAINER_OF(l, struct emc_call, link);

        call->canceled = true;
        if (call->in_http) {
            http_cancel(e->env.http, &call->http);
        }
    }
}

static int emc_reconfigure(struct adapter *a, const struct config *config, struct errmsg *msg)
{
    struct emc *e = self(a);
    const struct config_source *source = config_source_find(config, e->name);
    struct emc_settings *settings;
    int err = source != NULL
                  ? settings_new(config, source, &settings, msg)
                  : err_set(msg, ERR_CONFIG, "source %s: not in the new configuration", e->name);

    if (err == 0) {
        settings_unref(e->settings);
        e->settings = settings;
        e->env.config = config;
    }
    return err;
}

static void emc_free(struct adapter *a)
{
    struct emc *e = self(a);

    assert(list_empty(&e->calls));
    settings_unref(e->settings);
    free(e->name);
    free(e);
}

static const struct adapter_ops OPS = {
    .profile = "emc",
    .check = emc_check,
    .send = emc_send,
    .preview = emc_preview,
    .lookup = emc_lookup,
    .notes = emc_notes,
    .cancel = emc_cancel,
    .reconfigure = emc_reconfigure,
    .free = emc_free,
};

int emc_open(const struct adapter_env *env, const struct config_source *source,
             struct adapter **out, struct errmsg *msg)
{
    struct emc *e = calloc(1, sizeof(*e));
    int err = e != NULL ? settings_new(env->config, source, &e->settings, msg)
                        : err_set(msg, ERR_NOMEM, "source %s: out of memory", source->name);

    *out = NULL;
    if (err != 0) {
        free(e);
        return err;
    }
    e->name = strdup(source->name);
    if (e->name == NULL) {
        settings_unref(e->settings);
        free(e);
        return err_set(msg, ERR_NOMEM, "source %s: out of memory", source->name);
    }
    e->env = *env;
    list_init(&e->calls);
    e->adapter = (struct adapter){
        .ops = &OPS, .name = e->name, .caps = ADAPTER_LOOKUP | ADAPTER_COUNTS, .rank = 1};
    *out = &e->adapter;
    return 0;
}
