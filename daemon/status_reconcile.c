#include "daemon/status_reconcile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "daemon/status_act.h"
#include "daemon/status_order.h"
#include "daemon/status_read.h"
#include "domain/vntime.h"

#define FINDINGS_MAX 1000

/* ---- the order ---- */

struct reconcile_request {
    struct pending pending;
    struct engine_reconcile reconcile;
};

static const char *take_sample(const struct order *o, struct review_begin *b)
{
    int64_t n = 0;

    if (read_number(o->sample, 0, &n) != 0 || n < 1 || n > REVIEW_SAMPLE_MAX) {
        return "\"sample\" is a number of dossiers, 1 to 100000.";
    }
    b->what = REVIEW_SAMPLE;
    b->sample = (uint32_t)n;
    (void)snprintf(b->scope, sizeof(b->scope), "sample %" PRId64, n);
    return NULL;
}

static const char *take_open(const struct order *o, struct review_begin *b)
{
    (void)o;
    b->what = REVIEW_OPEN;
    b->sweep = true;
    (void)snprintf(b->scope, sizeof(b->scope), "open");
    return NULL;
}

static const char *take_month(const struct order *o, struct review_begin *b)
{
    char next[8];

    if (strlen(o->month) != 7 || vntime_parse(o->month, "yyyy-MM", &b->from_s) != 0) {
        return "\"month\" is a month like 2026-10.";
    }
    /* 45 days behind its first is in the next month, and that one's first is its end. */
    (void)vntime_format(b->from_s + INT64_C(45) * 86400, "yyyy-MM", next, sizeof(next));
    if (vntime_parse(next, "yyyy-MM", &b->to_s) != 0) {
        return "\"month\" is a month like 2026-10.";
    }
    b->what = REVIEW_MONTH;
    b->sweep = true;
    (void)snprintf(b->scope, sizeof(b->scope), "month %s", o->month);
    return NULL;
}

/* Whether it is a number that is known, the journal says. */
static const char *take_dossier(const struct order *o, struct review_begin *b)
{
    if (o->code[0] == '\0') {
        return "\"code\" is the number of a dossier.";
    }
    b->what = REVIEW_DOSSIER;
    (void)snprintf(b->code, sizeof(b->code), "%s", o->code);
    (void)snprintf(b->scope, sizeof(b->scope), "dossier %s", o->code);
    return NULL;
}

/* NULL, or what is wrong. */
static const char *take_order(const struct order *o, struct review_begin *b)
{
    static const struct {
        const char *name;
        const char *(*take)(const struct order *o, struct review_begin *b);
    } whats[] = {{"sample", take_sample},
                 {"open", take_open},
                 {"month", take_month},
                 {"dossier", take_dossier}};

    b->fix = o->fix;
    b->yes = o->yes;
    for (size_t i = 0; i < sizeof(whats) / sizeof(whats[0]); i++) {
        if (strcmp(whats[i].name, o->what) == 0) {
            return whats[i].take(o, b);
        }
    }
    return "\"what\" is sample, open, month or dossier.";
}

/* How many dossiers a minute the portal is asked for at most; 0 not bounded. */
static int64_t per_minute(const struct routes *r)
{
    const struct config *config = r->env.config(r->env.ctx);
    uint32_t ours = config->reconcile_rate;
    uint32_t all = config->portal.seen_rate;

    return ours == 0 || (all != 0 && all < ours) ? all : ours;
}

static void on_begun(struct engine_reconcile *reconcile)
{
    struct reconcile_request *q = CONTAINER_OF(reconcile, struct reconcile_request, reconcile);
    struct routes *r = q->pending.routes;
    struct http_call *http = pending_end(&q->pending);
    char text[200];

    if (reconcile->err == 0) {
        (void)snprintf(text, sizeof(text), "reconcile %s%s", reconcile->begin.scope,
                       reconcile->begin.fix ? ", and mend" : "");
        act_note(r, q->pending.who, NULL, "", "", text); /* the audit has it already */
    }
    if (http != NULL && reconcile->err != 0) {
        route_fail(http, reconcile->err, reconcile->why.text);
    } else if (http != NULL) {
        struct json_writer w;
        struct buf out;

        buf_init(&out, ROUTES_ANSWER_BYTES);
        json_write_begin(&w, &out);
        json_object_open(&w, NULL);
        json_integer_out(&w, "schema", STATUS_SCHEMA);
        json_integer_out(&w, "id", reconcile->begin.id);
        json_integer_out(&w, "expected", (int64_t)reconcile->begin.expected);
        json_integer_out(&w, "per_minute", per_minute(r));
        json_object_close(&w);
        route_answer(http, 200, buf_error(&out), &out);
    }
    free(q);
}

static bool read_order(const struct route_call *call, struct order *out)
{
    struct errmsg msg = {""};
    int err = order_parse(call->http->body, call->http->body_len, out, &msg);

    if (err != 0) {
        route_fail(call->http, err, msg.text);
    }
    return err == 0;
}

void act_reconcile(const struct route_call *call)
{
    struct review_begin b = {.what = REVIEW_SAMPLE};
    struct reconcile_request *q;
    struct order order;
    const char *wrong;

    if (!read_order(call, &order)) {
        return;
    }
    wrong = take_order(&order, &b);
    if (wrong != NULL) {
        http_answer_problem(call->http, 400, wrong);
        return;
    }
    q = pending_new(call, sizeof(*q), true);
    if (q == NULL) {
        return;
    }
    q->reconcile.begin = b;
    (void)snprintf(q->reconcile.begin.who, sizeof(q->reconcile.begin.who), "%.63s", call->who);
    q->reconcile.done = on_begun;
    engine_reconcile(call->routes->env.engine, &q->reconcile);
}

void act_reconcile_cancel(const struct route_call *call)
{
    static const char text[] = "{\"schema\":1,\"done\":true}\n";
    struct order order;
    int err;

    if (!read_order(call, &order)) {
        return;
    }
    err = engine_reconcile_cancel(call->routes->env.engine, call->who);
    if (err != 0) {
        route_fail(call->http, err, "no reconciliation runs");
        return;
    }
    act_note(call->routes, call->who, NULL, "", "", "cancel the reconciliation");
    http_answer(call->http, 200, "application/json", text, sizeof(text) - 1);
}

/* ---- the result ---- */

struct read_request {
    struct pending pending;
    struct review_read read;
};

static void put_time(struct json_writer *w, const char *key, uint64_t at_ms)
{
    char text[32];

    vntime_format_rfc3339((int64_t)(at_ms / 1000), text, sizeof(text));
    if (at_ms == 0) {
        json_null(w, key);
    } else {
        json_string(w, key, text);
    }
}

static void put_finding(struct json_writer *w, const struct review_finding *f)
{
    const struct difference_row *row = difference_row(f->kind);

    json_object_open(w, NULL);
    json_string(w, "flow", f->flow);
    json_string(w, "code", f->code);
    json_string(w, "kind", row != NULL ? row->name : "unknown");
    json_string(w, "source", side_name(f->source));
    json_integer_out(w, "source_status", f->source_status);
    json_string(w, "journal", side_name(f->journal));
    json_integer_out(w, "journal_status", f->journal_status);
    json_string(w, "portal", side_name(f->portal));
    json_integer_out(w, "portal_status", f->portal_status);
    json_bool(w, "mended", f->mended);
    json_string(w, "note", f->note);
    put_time(w, "at", f->at_ms);
    json_object_close(w);
}

static void put_review(struct json_writer *w, const struct review_read *r)
{
    const struct review_row *row = &r->row;

    json_integer_out(w, "id", row->id);
    json_string(w, "scope", row->scope);
    json_bool(w, "fix", row->fix);
    json_bool(w, "running", row->ended_ms == 0);
    json_bool(w, "canceled", row->canceled);
    json_bool(w, "stopped", row->braked);
    put_time(w, "begun", row->begun_ms);
    put_time(w, "ended", row->ended_ms);
    json_integer_out(w, "place", (int64_t)row->place);
    json_integer_out(w, "upto", (int64_t)row->upto);
    json_integer_out(w, "todo", (int64_t)r->todo);
    json_integer_out(w, "absent", (int64_t)r->absent);
    json_object_open(w, "counts");
    for (size_t i = 0; i < r->n_counts; i++) {
        json_integer_out(w, r->counts[i].name, (int64_t)r->counts[i].n);
    }
    json_object_close(w);
    json_array_open(w, "findings");
    for (size_t i = 0; i < r->n_findings; i++) {
        put_finding(w, &r->findings[i]);
    }
    json_array_close(w);
    if (r->next_flow != 0) {
        char next[JOURNAL_CODE_SIZE + 24];

        (void)snprintf(next, sizeof(next), "%" PRId64 "/%s", r->next_flow, r->next_code);
        json_string(w, "next", next);
    } else {
        json_null(w, "next");
    }
}

static void on_read(struct journal_op *op)
{
    struct read_request *q = CONTAINER_OF(op, struct read_request, read.op);
    struct routes *r = q->pending.routes;
    struct http_call *http = pending_end(&q->pending);

    if (http != NULL && op->err != 0) {
        route_fail(http, op->err, op->why.text);
    } else if (http != NULL) {
        struct json_writer w;
        struct buf out;

        buf_init(&out, ROUTES_ANSWER_BYTES);
        json_write_begin(&w, &out);
        json_object_open(&w, NULL);
        json_integer_out(&w, "schema", STATUS_SCHEMA);
        put_review(&w, &q->read);
        if (r->env.engine != NULL) {
            engine_status(r->env.engine, &r->snapshot);
            json_string(&w, "trouble", r->snapshot.reconcile.trouble);
        }
        json_integer_out(&w, "grace_s",
                         (int64_t)(r->env.config(r->env.ctx)->reconcile_grace_ms / 1000));
        json_object_close(&w);
        route_answer(http, 200, buf_error(&out), &out);
    }
    review_read_free(&q->read);
    free(q);
}

/* "FLOW/CODE" of a page before. */
static bool read_after(const char *text, struct review_read *r)
{
    const char *slash = text != NULL ? strchr(text, '/') : NULL;
    char number[24];

    if (text == NULL || text[0] == '\0') {
        return true;
    }
    if (slash == NULL || (size_t)(slash - text) >= sizeof(number) ||
        strlen(slash + 1) >= sizeof(r->after_code)) {
        return false;
    }
    (void)snprintf(number, sizeof(number), "%.*s", (int)(slash - text), text);
    (void)snprintf(r->after_code, sizeof(r->after_code), "%s", slash + 1);
    return read_number(number, 0, &r->after_flow) == 0;
}

void read_reconcile(const struct route_call *call)
{
    struct review_read wanted = {.id = 0};
    struct read_request *q;
    int64_t limit;

    if (read_number(http_call_query(call->http, "id"), 0, &wanted.id) != 0 ||
        read_number(http_call_query(call->http, "limit"), FINDINGS_MAX, &limit) != 0 ||
        !read_after(http_call_query(call->http, "after"), &wanted)) {
        http_answer_problem(call->http, 400,
                            "id and limit are whole numbers, after is what next was.");
        return;
    }
    q = pending_new(call, sizeof(*q), false);
    if (q == NULL) {
        return;
    }
    q->read = wanted;
    q->read.limit = (size_t)(limit > FINDINGS_MAX ? FINDINGS_MAX : limit);
    q->read.op.done = on_read;
    review_read(call->routes->env.journal, &q->read);
}
