#include "fuzz/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/json.h"

#define ROWS_MAX 1000 /* of one poll (adapter.h) */

static void no_log(void *ctx, enum log_level level, const char *event, const char *message,
                   const struct log_field *fields, size_t n)
{
    (void)ctx;
    (void)level;
    (void)fields;
    (void)n;
    FUZZ_CHECK(text_is_utf8(message, strlen(message)) && event[0] != '\0', "%s", message);
}

static bool respond(void *ctx, const struct fake_http_request *request,
                    struct fake_http_answer *answer)
{
    struct fuzz_world *w = ctx;

    w->calls++;
    if (w->login != NULL && strstr(request->url, "login") != NULL) {
        answer->status = 200;
        answer->body = w->login;
        return true;
    }
    if (w->at >= w->n_answers) {
        return false;
    }
    answer->status = w->at == 0 ? w->status : 200;
    answer->body = w->answers[w->at++];
    return true;
}

void fuzz_world_open(struct fuzz_world *w, const struct config *config, struct fuzz_in *in)
{
    static const long statuses[] = {200, 200, 200, 200, 200, 200, 201, 204,
                                    301, 400, 401, 404, 429, 500, 503, 100};

    memset(w, 0, sizeof(*w));
    fake_loop_init(&w->loop);
    w->config = config;
    w->status = statuses[fuzz_byte(in) % (sizeof(statuses) / sizeof(statuses[0]))];
    while (in->n > 0 && w->n_answers < WORLD_ANSWERS) {
        w->answers[w->n_answers++] = fuzz_word(in);
    }
    w->http = fake_http_new(&w->loop.loop);
    fake_http_respond(w->http, respond, w);
    w->log.level = LOG_LEVEL_DEBUG;
    w->log.write = no_log;
    w->env.loop = &w->loop.loop;
    w->env.http = fake_http_client(w->http);
    w->env.log = &w->log;
    w->env.config = config;
}

void fuzz_world_adapter(struct fuzz_world *w, const char *endpoint)
{
    struct errmsg why = {0};

    FUZZ_CHECK(adapter_open(&w->env, endpoint, &w->adapter, &why) == 0, "%s", why.text);
}

void fuzz_world_close(struct fuzz_world *w)
{
    w->adapter->ops->cancel(w->adapter);
    fake_loop_advance(&w->loop, WORLD_PATIENCE_MS);
    w->adapter->ops->free(w->adapter);
    fake_loop_settle(&w->loop);
    FUZZ_CHECK(fake_http_in_flight(w->http) == 0, "%zu calls", fake_http_in_flight(w->http));
    fake_http_free(w->http);
    for (size_t i = 0; i < w->n_answers; i++) {
        free(w->answers[i]);
    }
}

static void begin(struct fuzz_world *w)
{
    w->ended = 0;
    w->err = 0;
}

static void end(struct fuzz_world *w)
{
    FUZZ_CHECK(w->ended == 0, "ended from inside the call");
    fake_loop_settle(&w->loop);
    for (uint64_t ms = 0; w->ended == 0 && ms < WORLD_PATIENCE_MS; ms += 60000) {
        fake_loop_advance(&w->loop, 60000);
    }
    FUZZ_CHECK(w->ended == 1, "ended %d times", w->ended);
    FUZZ_CHECK(w->calls < 1000, "%u calls", w->calls);
}

static void ended(struct fuzz_world *w, int err, const struct errmsg *why)
{
    w->ended++;
    w->err = err;
    if (getenv("FUZZ_SAY") != NULL) { /* for who looks at one input */
        fprintf(stderr, "ended: %s\n", err == 0 ? "well" : why->text);
    }
    if (err != 0) {
        FUZZ_CHECK(why->text[0] != '\0', "%s", err_text(err));
        FUZZ_CHECK(text_is_utf8(why->text, strlen(why->text)), "%s", why->text);
    }
}

static void outcome(const struct outcome *out)
{
    FUZZ_CHECK(out->class > OUTCOME_NONE && out->class <= OUTCOME_HELD, "%d", (int)out->class);
    FUZZ_CHECK(text_is_utf8(out->words, strlen(out->words)), "%s", out->words);
    FUZZ_CHECK(strlen(out->code) < sizeof(out->code), "%s", out->code);
}

/* ---- the verbs ---- */

struct one_poll {
    struct adapter_poll poll;
    struct fuzz_world *w;
};

static void on_poll(struct adapter_poll *poll)
{
    struct fuzz_world *w = CONTAINER_OF(poll, struct one_poll, poll)->w;

    ended(w, poll->err, &poll->why);
    w->n_rows = poll->err == 0 ? poll->n_rows : 0;
    w->more = poll->err == 0 && poll->more;
    FUZZ_CHECK(w->n_rows <= ROWS_MAX, "%zu rows", w->n_rows);
    for (size_t i = 0; i < w->n_rows; i++) {
        FUZZ_CHECK(poll->rows[i].id[0] != '\0', "a row without id");
    }
    if (w->n_rows > 0) {
        (void)snprintf(w->id, sizeof(w->id), "%s", poll->rows[0].id);
    }
    if (poll->err == 0) {
        FUZZ_CHECK(strlen(poll->next_cursor) < sizeof(w->cursor), "%s", poll->next_cursor);
        (void)snprintf(w->cursor, sizeof(w->cursor), "%s", poll->next_cursor);
    }
}

void fuzz_world_poll(struct fuzz_world *w, bool full)
{
    char cursor[sizeof(w->cursor)];
    struct one_poll one = {.poll = {.cursor = cursor, .full = full, .done = on_poll}, .w = w};

    memcpy(cursor, w->cursor, sizeof(cursor));
    begin(w);
    w->adapter->ops->poll(w->adapter, &one.poll);
    end(w);
}

struct one_detail {
    struct adapter_detail detail;
    struct fuzz_world *w;
};

static void on_detail(struct adapter_detail *detail)
{
    struct fuzz_world *w = CONTAINER_OF(detail, struct one_detail, detail)->w;

    ended(w, detail->err, &detail->why);
    w->n_records = detail->err == 0 ? detail->n_records : 0;
    FUZZ_CHECK(detail->err != 0 || detail->n_records > 0, "no record");
    for (size_t i = 0; i < w->n_records; i++) {
        fuzz_record(&detail->records[i]);
        FUZZ_CHECK(strcmp(detail->records[i].code, detail->records[0].code) == 0, "of another");
        FUZZ_CHECK((i == 0) == (detail->records[i].kind == detail->kind), "record %zu", i);
    }
}

void fuzz_world_detail(struct fuzz_world *w, enum record_kind kind, const char *id)
{
    struct one_detail one = {.detail = {.kind = kind, .id = id, .done = on_detail}, .w = w};

    one.detail.want_raw = kind == RECORD_DOSSIER;
    begin(w);
    w->adapter->ops->detail(w->adapter, &one.detail);
    end(w);
}

struct one_list {
    struct adapter_list list;
    struct fuzz_world *w;
};

static void on_row(struct adapter_list *list, const struct record *record, const char *name,
                   bool active)
{
    (void)active;
    FUZZ_CHECK(record->kind == list->kind && record->code[0] != '\0', "%d", (int)record->kind);
    FUZZ_CHECK(text_is_utf8(name, strlen(name)), "%s", name);
    if (record->body != NULL) {
        fuzz_record(record);
    }
}

static void on_list(struct adapter_list *list)
{
    ended(CONTAINER_OF(list, struct one_list, list)->w, list->err, &list->why);
}

void fuzz_world_list(struct fuzz_world *w, enum record_kind kind)
{
    struct one_list one = {.list = {.kind = kind, .row = on_row, .done = on_list}, .w = w};

    begin(w);
    w->adapter->ops->list(w->adapter, &one.list);
    end(w);
}

struct one_ack {
    struct adapter_ack ack;
    struct fuzz_world *w;
};

static void on_ack(struct adapter_ack *ack)
{
    ended(CONTAINER_OF(ack, struct one_ack, ack)->w, ack->err, &ack->why);
}

void fuzz_world_ack(struct fuzz_world *w, const char *id)
{
    const char *ids[] = {id};
    struct one_ack one = {.ack = {.ids = ids, .n_ids = 1, .done = on_ack}, .w = w};

    begin(w);
    w->adapter->ops->ack(w->adapter, &one.ack);
    end(w);
}

struct one_lookup {
    struct adapter_lookup lookup;
    struct fuzz_world *w;
};

static void on_lookup(struct adapter_lookup *lookup)
{
    CONTAINER_OF(lookup, struct one_lookup, lookup)->w->ended++;
}

void fuzz_world_lookup(struct fuzz_world *w, const char *code, struct adapter_lookup *out)
{
    struct one_lookup one = {.lookup = {.code = code, .done = on_lookup}, .w = w};

    begin(w);
    w->adapter->ops->lookup(w->adapter, &one.lookup);
    end(w);
    *out = one.lookup;
    outcome(&out->outcome);
}

struct one_send {
    struct adapter_send send;
    struct fuzz_world *w;
};

static void on_send(struct adapter_send *send)
{
    CONTAINER_OF(send, struct one_send, send)->w->ended++;
}

void fuzz_world_send(struct fuzz_world *w, const struct record *record, struct outcome *out)
{
    struct adapter_sent sent = {0};
    struct one_send one = {.send = {.kind = record->kind,
                                    .code = record->code,
                                    .records = record,
                                    .n_records = 1,
                                    .sent = &sent,
                                    .done = on_send},
                           .w = w};

    begin(w);
    w->adapter->ops->send(w->adapter, &one.send);
    end(w);
    *out = one.send.outcome;
    outcome(out);
}

struct one_relay {
    struct adapter_relay relay;
    struct fuzz_world *w;
};

static void on_relay(struct adapter_relay *relay)
{
    struct json *root = NULL;
    struct errmsg why = {0};

    ended(CONTAINER_OF(relay, struct one_relay, relay)->w, relay->err, &relay->why);
    if (relay->err == 0) {
        FUZZ_CHECK(json_parse(relay->reply, relay->reply_len, &root, &why) == 0, "%s", why.text);
    }
    json_free(root);
}

void fuzz_world_relay(struct fuzz_world *w, const char *service)
{
    struct one_relay one = {.relay = {.service = service, .request = "{}", .done = on_relay},
                            .w = w};

    begin(w);
    w->adapter->ops->relay(w->adapter, &one.relay);
    end(w);
}
