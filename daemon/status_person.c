#include "daemon/status_person.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/national_other.h"
#include "base/text.h"
#include "codec/json.h"
#include "config/config.h"
#include "daemon/person_match.h"
#include "daemon/status_act.h"
#include "domain/status.h"
#include "domain/vntime.h"
#include "journal/person.h"
#include "sync/engine.h"

#define REQUEST_SIZE 41
#define DIGITS_MAX 8 /* in a row, in the number of a request: nobody's number is */

struct person_request {
    struct pending pending;
    enum person_verb verb;
    char request[REQUEST_SIZE];
    char reason[300];
    bool drop;
    struct person_match match;
    struct person_find find;
    struct person_read read;
    struct person_erase erase;
    struct journal_audit audit;
    int64_t subjects[PERSON_MAX];
    size_t at; /* of find.hits, being read */
    struct json_writer w;
    struct buf out;
};

/* ---- the order ---- */

/* The number of a request stands in the audit for ever. */
static int check_request(const char *text, struct errmsg *msg)
{
    size_t digits = 0;

    for (const char *p = text; *p != '\0'; p++) {
        digits = *p >= '0' && *p <= '9' ? digits + 1 : 0;
        if (*p <= ' ' || *p > '~' || digits > DIGITS_MAX) {
            return err_set(msg, ERR_INVAL,
                           "the number of a request has letters, digits and signs, and at most "
                           "%d digits in a row: it is kept, and must be nobody's number",
                           DIGITS_MAX);
        }
    }
    return 0;
}

static int take_text(const struct json *root, const char *key, char *out, size_t size,
                     struct errmsg *msg)
{
    char digits[24];
    const char *text = json_text_or_empty(json_get(root, key), digits);

    if (strlen(text) >= size) {
        return err_set(msg, ERR_FORMAT, "\"%s\" is longer than %zu bytes", key, size - 1);
    }
    (void)snprintf(out, size, "%s", text);
    return 0;
}

static int take_needles(struct person_request *q, const struct json *root, struct errmsg *msg)
{
    const struct json *list = json_get(root, "needles");
    int err = json_size(list) > 0 && json_is_array(list)
                  ? 0
                  : err_set(msg, ERR_INVAL, "who is meant? \"needles\" is a list of texts");

    for (const struct json *c = json_first(list); c != NULL && err == 0; c = json_next(c)) {
        char digits[24];

        err = person_match_add(&q->match, json_text_or_empty(c, digits), msg);
    }
    return err;
}

static int check_keys(const struct json *root, struct errmsg *msg)
{
    static const char *const known[] = {"by", "needles", "request", "reason", "drop"};

    for (const struct json *c = json_first(root); c != NULL; c = json_next(c)) {
        bool found = false;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            found = found || strcmp(known[i], json_key(c)) == 0;
        }
        if (!found) {
            return err_set(msg, ERR_FORMAT, "a key that this order does not have");
        }
    }
    return json_is_object(root) ? 0 : err_set(msg, ERR_FORMAT, "an order is a JSON object");
}

static int take_order(struct person_request *q, const struct json *root, struct errmsg *msg)
{
    enum person_by by = PERSON_BY_ID;
    char digits[24];
    int err = check_keys(root, msg);

    if (err == 0 && person_by_parse(json_text_or_empty(json_get(root, "by"), digits), &by) != 0) {
        err = err_set(msg, ERR_INVAL, "\"by\" is id, phone, name or code");
    }
    person_match_init(&q->match, by);
    if (err == 0 && by == PERSON_BY_NAME && q->verb != PERSON_FIND) {
        err = err_set(msg, ERR_INVAL,
                      "several people may have one name: find the dossiers by it, then name them "
                      "by their codes");
    }
    err = err == 0 ? take_needles(q, root, msg) : err;
    err = err == 0 ? take_text(root, "request", q->request, sizeof(q->request), msg) : err;
    err = err == 0 ? check_request(q->request, msg) : err;
    err = err == 0 ? take_text(root, "reason", q->reason, sizeof(q->reason), msg) : err;
    q->drop = json_true(json_get(root, "drop"));
    if (err == 0 && q->verb != PERSON_FIND && q->request[0] == '\0') {
        err = err_set(msg, ERR_INVAL, "\"request\" is needed: its number is kept in the audit");
    }
    if (err == 0 && q->drop && q->reason[0] == '\0') {
        err = err_set(msg, ERR_INVAL, "\"drop\" needs a \"reason\": it is kept in the audit");
    }
    return err;
}

/* ---- the end ---- */

static void free_request(struct person_request *q)
{
    person_match_free(&q->match);
    buf_free(&q->out);
    free(q);
}

static void fail(struct person_request *q, int err, const char *why)
{
    struct http_call *http = pending_end(&q->pending);

    if (http != NULL) {
        route_fail(http, err, why);
    }
    free_request(q);
}

static void answer(struct person_request *q)
{
    const struct journal_audit *a = &q->audit;
    struct http_call *http;
    char line[sizeof(a->verb) + sizeof(a->object) + sizeof(a->reason) + 8];

    (void)snprintf(line, sizeof(line), "%s, %s: %s", a->verb, a->object, a->reason);
    act_say(q->pending.routes, q->pending.who, line);
    http = pending_end(&q->pending);
    if (http != NULL && q->out.error == ERR_TOOBIG) {
        route_fail(http, ERR_TOOBIG,
                   "too much for one answer: name fewer dossiers, by their codes");
    } else if (http != NULL) {
        route_answer(http, 200, buf_error(&q->out), &q->out);
    }
    free_request(q);
}

static void on_audited(struct journal_op *op)
{
    struct person_request *q = CONTAINER_OF(op, struct person_request, audit.op);
    struct routes *r = q->pending.routes;

    if (op->err == 0) {
        answer(q);
        return;
    }
    log_plain(r->env.log, LOG_LEVEL_ERROR, "audit_failed", "%s by %s is not in the audit: %s",
              q->audit.verb, q->audit.who, op->why.text);
    fail(q, op->err, "the audit can't be written, so nothing is told");
}

/* Nothing of a person leaves before the audit has its row on disk. While the journal takes no work
 * that would be never: then the deadline answers, and a late row tells of a question that got no
 * answer. */
static void finish(struct person_request *q, size_t n)
{
    static const char *const verbs[] = {[PERSON_FIND] = "subject-find",
                                        [PERSON_EXPORT] = "subject-export",
                                        [PERSON_ERASE] = "subject-erase"};
    struct routes *r = q->pending.routes;
    struct journal_audit *a = &q->audit;

    json_array_close(&q->w);
    json_object_close(&q->w);
    buf_putc(&q->out, '\n');
    (void)snprintf(a->who, sizeof(a->who), "%.63s", q->pending.who);
    (void)snprintf(a->verb, sizeof(a->verb), "%s", verbs[q->verb]);
    (void)snprintf(a->object, sizeof(a->object), "request %s",
                   q->request[0] != '\0' ? q->request : "without a number");
    (void)snprintf(a->reason, sizeof(a->reason), "%zu dossier%s", n, text_plural(n));
    if (q->verb == PERSON_ERASE) {
        answer(q); /* its row was a part of the erasure */
        return;
    }
    a->now_ms = (uint64_t)loop_wall_ms(r->env.loop);
    a->op.done = on_audited;
    loop_timer_start(r->env.loop, &q->pending.deadline, ROUTES_WAIT_MS);
    journal_audit(r->env.journal, a);
}

/* ---- one dossier ---- */

static void put_time(struct json_writer *w, const char *key, int64_t at_s)
{
    char text[32];

    vntime_format_rfc3339(at_s, text, sizeof(text));
    if (text[0] == '\0') {
        json_null(w, key);
    } else {
        json_string(w, key, text);
    }
}

static void put_fields(struct json_writer *w, const char *key, uint64_t bits)
{
    json_array_open(w, key);
    for (unsigned bit = 0; person_field(bit) != NULL; bit++) {
        if ((bits >> bit & 1) != 0) {
            json_string(w, NULL, person_field(bit));
        }
    }
    json_array_close(w);
}

/* When what is kept goes by itself. What has a kind and a colon in front (a question, a payment)
 * has no status: it goes after its delivery. */
static void put_removal(struct person_request *q, size_t bodies)
{
    const struct status_env *env = &q->pending.routes->env;
    int64_t keep_s = (int64_t)(env->config(env->ctx)->keep_payload_ms / 1000);
    const struct person_read *r = &q->read;
    bool other = national_other_code(r->code);
    bool final = other || status_final(r->status);

    put_time(&q->w, "removal", bodies > 0 && final && r->settled_s > 0 ? r->settled_s + keep_s : 0);
    json_string(&q->w, "removal_text",
                bodies == 0                  ? "nothing but codes, states and times is kept"
                : r->settled_s == 0 && other ? "kept until it is delivered"
                : r->settled_s == 0 ? "kept until all of it is delivered and the dossier is final"
                : final             ? "by retention"
                                    : "kept until the dossier is final");
}

static void put_dossier_head(struct person_request *q, const struct person_hit *hit)
{
    const struct person_read *r = &q->read;
    uint64_t kept = 0;
    size_t states[ITEM_STATES] = {0};
    size_t bodies = r->n_parts;
    struct json_writer *w = &q->w;

    for (size_t i = 0; i < r->n_items; i++) {
        const struct person_item *item = &r->items[i];

        states[item->state % ITEM_STATES]++;
        bodies += item->body != NULL;
        kept |= item->body != NULL ? person_fields_kept(item->body, item->body_len) : 0;
    }
    for (size_t i = 0; i < r->n_parts; i++) {
        kept |= person_fields_kept(r->parts[i].body, r->parts[i].body_len);
    }
    json_string(w, "code", r->code);
    json_string(w, "local_no", r->local_no);
    json_string(w, "flow", r->flow);
    json_integer_out(w, "status", r->status);
    json_string(w, "status_text", r->status > 0 ? status_name(r->status) : "");
    json_object_open(w, "items");
    for (unsigned s = 0; s < ITEM_STATES; s++) {
        if (states[s] > 0) {
            json_integer_out(w, item_state_name((enum item_state)s), (int64_t)states[s]);
        }
    }
    json_object_close(w);
    json_integer_out(w, "bodies", (int64_t)bodies);
    put_fields(w, "found_in", hit->fields);
    json_bool(w, "found_in_words", hit->in_words);
    put_fields(w, "fields", kept);
    put_removal(q, bodies);
}

/* ---- export: all of it ---- */

static void put_record(struct json_writer *w, const char *body, size_t n, bool damaged)
{
    struct json *root = NULL;
    struct errmsg msg;

    if (body == NULL || damaged || json_parse(body, n, &root, &msg) != 0) {
        json_null(w, "record");
    } else {
        json_node(w, "record", root);
    }
    json_free(root);
}

static void put_item(struct json_writer *w, const struct person_item *item)
{
    json_object_open(w, NULL);
    json_integer_out(w, "id", item->id);
    json_string(w, "kind", item->kind == ITEM_STEP ? "step" : "snapshot");
    json_string(w, "state", item_state_name(item->state));
    json_string(w, "hold", item->hold != HOLD_NONE ? hold_why_name(item->hold) : "");
    json_string(w, "reason", item->reason);
    json_integer_out(w, "status", item->status);
    put_time(w, "at", item->at_s);
    put_time(w, "stored", (int64_t)(item->created_ms / 1000));
    put_time(w, "changed", (int64_t)(item->changed_ms / 1000));
    if (item->damaged) {
        json_bool(w, "damaged", true);
    }
    put_record(w, item->body, item->body_len, item->damaged);
    json_object_close(w);
}

static void put_attempt(struct json_writer *w, const struct journal_attempt_row *a)
{
    json_object_open(w, NULL);
    json_string(w, "verb", a->verb == JOURNAL_LOOKUP ? "look-up" : "send");
    json_integer_out(w, "first_item", a->first_item);
    json_integer_out(w, "last_item", a->last_item);
    put_time(w, "begun", (int64_t)(a->begun_ms / 1000));
    put_time(w, "ended", (int64_t)(a->ended_ms / 1000));
    json_string(w, "outcome", a->ended_ms != 0 ? outcome_name((enum outcome_class)a->outcome) : "");
    json_integer_out(w, "http", a->http);
    json_string(w, "code", a->code);
    json_string(w, "words", a->words);
    json_object_close(w);
}

static void put_all(struct person_request *q)
{
    const struct person_read *r = &q->read;
    struct json_writer *w = &q->w;

    json_array_open(w, "history");
    for (size_t i = 0; i < r->n_items; i++) {
        put_item(w, &r->items[i]);
    }
    json_array_close(w);
    json_array_open(w, "parts");
    for (size_t i = 0; i < r->n_parts; i++) {
        json_object_open(w, NULL);
        json_string(w, "source", r->parts[i].source);
        put_time(w, "at", r->parts[i].at_s);
        put_record(w, r->parts[i].body, r->parts[i].body_len, false);
        json_object_close(w);
    }
    json_array_close(w);
    json_array_open(w, "calls");
    for (size_t i = 0; i < r->n_attempts; i++) {
        put_attempt(w, &r->attempts[i]);
    }
    json_array_close(w);
    if (r->seen_at_ms != 0) {
        json_object_open(w, "seen_at_portal");
        put_time(w, "at", (int64_t)(r->seen_at_ms / 1000));
        json_bool(w, "there", r->seen_there);
        json_integer_out(w, "status", r->seen_status);
        json_object_close(w);
    }
}

/* ---- find, read, erase: one after the other ---- */

static void read_next(struct person_request *q);

static void put_fate(struct person_request *q, enum person_fate fate)
{
    static const char *const texts[] = {
        [PERSON_ERASED] = "",
        [PERSON_OPEN] = "something must still be delivered: --drop gives it up first",
        [PERSON_ON_WAY] = "a call is on its way: ask again when it has ended",
        [PERSON_SHARED] =
            "not final yet, and several sources fill it together: without what one of "
            "them said, the others' next word would empty it at the portal; ask "
            "again when it is final, or erase all of it with --drop",
        [PERSON_GONE] = "the journal does not know it any more"};

    json_bool(&q->w, "erased", fate == PERSON_ERASED);
    json_string(&q->w, "why_not", texts[fate]);
}

static void on_read(struct journal_op *op)
{
    struct person_request *q = CONTAINER_OF(op, struct person_request, read.op);
    int err = op->err;

    if (err == 0) {
        json_object_open(&q->w, NULL);
        put_dossier_head(q, &q->find.hits[q->at]);
        if (q->verb == PERSON_EXPORT) {
            put_all(q);
        }
        if (q->verb == PERSON_ERASE) {
            put_fate(q, q->erase.fates[q->at]);
        }
        json_object_close(&q->w);
    }
    person_read_free(&q->read);
    if (err != 0 && err != ERR_NOTFOUND) {
        fail(q, err, op->why.text);
        return;
    }
    q->at++;
    read_next(q);
}

static void read_next(struct person_request *q)
{
    if (q->at == q->find.n) {
        finish(q, q->verb == PERSON_ERASE ? q->erase.erased : q->find.n);
        return;
    }
    memset(&q->read, 0, sizeof(q->read));
    q->read.subject = q->find.hits[q->at].subject;
    q->read.op.done = on_read;
    person_read(q->pending.routes->env.journal, &q->read);
}

static void begin_answer(struct person_request *q)
{
    struct routes *r = q->pending.routes;

    json_write_begin(&q->w, &q->out);
    json_object_open(&q->w, NULL);
    json_integer_out(&q->w, "schema", STATUS_SCHEMA);
    json_string(&q->w, "request", q->request);
    put_time(&q->w, "made", loop_wall_ms(r->env.loop) / 1000);
    json_integer_out(&q->w, "n", (int64_t)q->find.n);
    json_bool(&q->w, "more", q->find.overflow);
    if (q->verb == PERSON_ERASE) {
        json_integer_out(&q->w, "erased", q->erase.erased);
        json_integer_out(&q->w, "kept", q->erase.kept);
        json_integer_out(&q->w, "bodies", q->erase.bodies);
        json_integer_out(&q->w, "dropped", q->erase.dropped);
        json_bool(&q->w, "rewritten", q->erase.rewritten);
        json_bool(&q->w, "log_emptied", !journal_scrub_waits(r->env.journal));
    }
    json_array_open(&q->w, "dossiers");
    read_next(q);
}

static void on_erase(struct journal_op *op)
{
    struct person_request *q = CONTAINER_OF(op, struct person_request, erase.op);
    struct routes *r = q->pending.routes;

    r->backup_since_ms = 0;
    if (op->err != 0) {
        fail(q, op->err, op->why.text);
        return;
    }
    if (r->env.engine != NULL) {
        engine_kick(r->env.engine);
    }
    begin_answer(q);
}

static void start_erase(struct person_request *q)
{
    struct routes *r = q->pending.routes;
    struct person_erase *e = &q->erase;

    if (r->backup_since_ms != 0) {
        fail(q, ERR_BUSY, "a backup or an erasure is under way");
        return;
    }
    for (size_t i = 0; i < q->find.n; i++) {
        q->subjects[i] = q->find.hits[i].subject;
    }
    e->matcher = &q->match.matcher;
    e->subjects = q->subjects;
    e->n = q->find.n;
    e->drop = q->drop;
    e->now_ms = (uint64_t)loop_wall_ms(r->env.loop);
    (void)snprintf(e->reason, sizeof(e->reason), "%s", q->reason);
    (void)snprintf(e->request, sizeof(e->request), "%s", q->request);
    (void)snprintf(e->who, sizeof(e->who), "%.63s", q->pending.who);
    e->op.done = on_erase;
    r->backup_since_ms = loop_now_ms(r->env.loop); /* the tables of bodies are written anew */
    person_erase(r->env.journal, e);
}

static void on_found(struct journal_op *op)
{
    struct person_request *q = CONTAINER_OF(op, struct person_request, find.op);
    struct routes *r = q->pending.routes;

    if (op->err != 0) {
        fail(q, op->err, op->why.text);
    } else if (q->find.more && r->env.engine != NULL) {
        person_find(r->env.journal, &q->find);
    } else if (q->find.more) {
        fail(q, ERR_CANCELED, "the service is stopping");
    } else if (q->find.overflow && q->verb != PERSON_FIND) {
        fail(q, ERR_TOOBIG, "that many dossiers are not one person's: name them by their codes");
    } else if (q->verb == PERSON_ERASE) {
        start_erase(q);
    } else {
        begin_answer(q);
    }
}

void act_person(const struct route_call *call)
{
    struct person_request *q;
    struct json *root = NULL;
    struct errmsg msg = {""};
    int err = json_parse(call->http->body, call->http->body_len, &root, &msg);

    if (err != 0) {
        /* Never the parser's words: they may cite the body. */
        http_answer_problem(call->http, 400, "The order is not JSON.");
        return;
    }
    if (journal_condition(call->routes->env.journal) != JOURNAL_OK) {
        json_free(root);
        http_answer_problem(call->http, 503,
                            "The journal takes no work now, so the audit can't be written, and "
                            "nothing is told.");
        return;
    }
    q = pending_new(call, sizeof(*q), call->arg == PERSON_ERASE);
    if (q == NULL) {
        json_free(root);
        return;
    }
    loop_timer_stop(&q->pending.deadline); /* a big journal takes a while to search */
    q->verb = (enum person_verb)call->arg;
    buf_init(&q->out, ROUTES_ANSWER_BYTES);
    err = take_order(q, root, &msg);
    json_free(root);
    if (err != 0) {
        fail(q, err, msg.text);
        return;
    }
    q->find.matcher = &q->match.matcher;
    q->find.op.done = on_found;
    person_find(call->routes->env.journal, &q->find);
}
