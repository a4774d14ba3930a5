#include "daemon/status_heal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/json.h"
#include "daemon/status_act.h"
#include "domain/codes.h"
#include "sync/catalog.h"

struct heal_request {
    struct pending pending;
    char flow[ROUTES_NAME];
    char reason[300];
    struct catalog_heal heal;
};

static int take_codes(const struct json *list, struct catalog_heal *heal, struct errmsg *msg)
{
    if (!json_is_array(list) || json_size(list) == 0 || json_size(list) > CATALOG_HEAL_MAX) {
        return err_set(msg, ERR_FORMAT, "\"codes\" is a list of 1 to %d codes of procedures",
                       CATALOG_HEAL_MAX);
    }
    for (const struct json *node = json_first(list); node != NULL; node = json_next(node)) {
        char number[24];
        const char *code = json_is_string(node) ? json_text(node, number) : "";

        if (!code_is_procedure(code)) {
            return err_set(msg, ERR_FORMAT, "\"codes\" names procedures by codes like 1.001193");
        }
        (void)snprintf(heal->codes[heal->n++], sizeof(heal->codes[0]), "%s", code);
    }
    return 0;
}

static int read_request(const char *body, size_t n, struct heal_request *q, struct errmsg *msg)
{
    struct json *root;
    int err = json_parse(body, n, &root, msg);

    if (err != 0) {
        return err;
    }
    if (!json_is_object(root)) {
        err = err_set(msg, ERR_FORMAT, "an order is a JSON object");
    }
    for (const struct json *node = json_first(root); node != NULL && err == 0;
         node = json_next(node)) {
        char number[24];

        if (strcmp(json_key(node), "codes") == 0) {
            err = take_codes(node, &q->heal, msg);
        } else if (strcmp(json_key(node), "reason") == 0 && json_is_string(node)) {
            const char *text = json_text(node, number);

            text_printable(text, strlen(text), q->reason, sizeof(q->reason));
        } else {
            err = err_set(msg, ERR_FORMAT, "the keys are \"codes\" and \"reason\"");
        }
    }
    if (err == 0 && q->heal.n == 0) {
        err = err_set(msg, ERR_FORMAT, "\"codes\" is missing");
    }
    json_free(root);
    return err;
}

static void answer(struct http_call *http, const struct catalog_heal *heal)
{
    struct json_writer w;
    struct buf out;

    buf_init(&out, ROUTES_ANSWER_BYTES);
    json_write_begin(&w, &out);
    json_object_open(&w, NULL);
    json_integer_out(&w, "schema", 1);
    json_integer_out(&w, "stored", heal->stored);
    json_integer_out(&w, "unchanged", heal->unchanged);
    json_integer_out(&w, "unknown", heal->unknown);
    json_integer_out(&w, "held", heal->held);
    json_object_close(&w);
    route_answer(http, 200, buf_error(&out), &out);
}

static void on_healed(struct catalog_heal *heal)
{
    struct heal_request *q = CONTAINER_OF(heal, struct heal_request, heal);
    struct routes *r = q->pending.routes;
    struct http_call *http = pending_end(&q->pending);

    if (heal->err == 0) {
        char object[160];
        char line[200];

        (void)snprintf(object, sizeof(object), "%.60s: %zu procedures, %s to %s", q->flow, heal->n,
                       heal->codes[0], heal->codes[heal->n - 1]);
        (void)snprintf(line, sizeof(line), "catalog heal: %" PRIu32 " of %zu procedures go again",
                       heal->stored, heal->n);
        act_note(r, q->pending.who, "catalog-heal", object, q->reason, line);
        if (r->env.engine != NULL) {
            engine_kick(r->env.engine);
        }
    }
    if (http != NULL && heal->err != 0) {
        route_fail(http, heal->err, heal->why.text);
    } else if (http != NULL) {
        answer(http, heal);
    }
    free(q);
}

void act_heal(const struct route_call *call)
{
    struct heal_request *q = pending_new(call, sizeof(*q), true);
    struct errmsg msg = {""};
    int err;

    if (q == NULL) {
        return;
    }
    err = read_request(call->http->body, call->http->body_len, q, &msg);
    (void)snprintf(q->flow, sizeof(q->flow), "%s", call->name);
    q->heal.done = on_healed;
    if (err == 0) {
        err = engine_catalog_heal(call->routes->env.engine, call->name, &q->heal);
        (void)snprintf(msg.text, sizeof(msg.text), "flow %s", call->name);
    }
    if (err != 0) {
        route_fail(pending_end(&q->pending), err, msg.text);
        free(q);
    }
}
