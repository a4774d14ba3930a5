/* host_ask: what a host reads for its source: a dossier from the journal or the sink's look-up, the
 * sink's reading services, the catalogue's mirror. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/host_impl.h"

/* How long a question waits for a place at the sink: its client waits too. */
#define PLACE_MS 3000
#define ROWS_PAGE 200

enum call_kind { CALL_ASK, CALL_RELAY, CALL_ROWS };

struct host_call {
    struct list link;
    struct host *host;
    enum call_kind kind;
    bool waits; /* for a place at the sink */
    uint64_t until_ms;
    union {
        struct adapter_ask *ask;
        struct adapter_relay *relay;
        struct adapter_rows *rows;
    } to;
    struct journal_known known, told;
    struct adapter_lookup lookup;
    struct adapter_relay sent; /* ours to the sink */
    struct mirror_list page;
    struct loop_task task; /* ends it without having asked anybody */
};

static void call_end(struct host_call *c);

static void task_run(struct loop_task *task)
{
    call_end(CONTAINER_OF(task, struct host_call, task));
}

static struct host_call *call_new(struct adapter_host *base, enum call_kind kind)
{
    struct host *h = CONTAINER_OF(base, struct host, base);
    struct host_call *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        abort(); /* a small fixed allocation; a question changes nothing */
    }
    c->host = h;
    c->kind = kind;
    loop_task_init(&c->task, task_run);
    list_push(&h->calls, &c->link);
    h->n_calls++;
    return c;
}

/* Hands the answer over; what it shows is borrowed for that long. */
static void call_end(struct host_call *c)
{
    struct host *h = c->host;

    list_remove(&c->link);
    h->n_calls--;
    switch (c->kind) {
    case CALL_ASK:
        c->to.ask->done(c->to.ask);
        break;
    case CALL_RELAY:
        c->to.relay->done(c->to.relay);
        break;
    case CALL_ROWS:
        c->to.rows->done(c->to.rows);
        break;
    }
    journal_known_free(&c->known);
    journal_known_free(&c->told);
    mirror_list_free(&c->page);
    loop_task_cancel(&c->task);
    free(c);
    host_check_stopped(h);
}

static bool overloaded(const struct host *h)
{
    return h->stopping || h->n_calls > HOST_CALLS_MAX;
}

/* ---- a place at the sink ---- */

static void lookup_done(struct adapter_lookup *lookup)
{
    struct host_call *c = CONTAINER_OF(lookup, struct host_call, lookup);
    struct host *h = c->host;

    party_act(h->env, h->sink, policy_endpoint(&lookup->outcome, h->sink->endpoint.auth_in_row),
              &lookup->outcome);
    party_end(h->env, h->sink, &lookup->outcome);
    c->to.ask->there = lookup->answer;
    c->to.ask->there_status = lookup->status;
    call_end(c);
}

static void relay_done(struct adapter_relay *relay)
{
    struct host_call *c = CONTAINER_OF(relay, struct host_call, sent);
    struct adapter_relay *to = c->to.relay;

    /* What a client may not ask for says nothing of our own account. */
    party_read(c->host->env, c->host->sink, relay->err == ERR_DENIED ? 0 : relay->err, &relay->why);
    to->err = relay->err;
    to->why = relay->why;
    to->reply = relay->reply;
    to->reply_len = relay->reply_len;
    call_end(c);
}

static enum endpoint_lane lane_of(const struct host_call *c)
{
    return c->kind == CALL_ASK ? LANE_LOOK : LANE_CATALOG;
}

static void begin(struct host_call *c, uint64_t now_ms)
{
    struct host *h = c->host;
    struct adapter *sink = h->sink->adapter;

    c->waits = false;
    endpoint_begin(&h->sink->endpoint, lane_of(c), now_ms);
    if (c->kind == CALL_ASK) {
        c->lookup.code = c->to.ask->code;
        c->lookup.done = lookup_done;
        sink->ops->lookup(sink, &c->lookup);
    } else {
        c->sent.service = c->to.relay->service;
        c->sent.request = c->to.relay->request;
        c->sent.done = relay_done;
        sink->ops->relay(sink, &c->sent);
    }
}

/* Nobody at the sink can be asked now. */
static void give_up(struct host_call *c, const char *why)
{
    c->waits = false;
    if (c->kind == CALL_ASK) {
        c->to.ask->there = LOOKUP_UNKNOWN;
    } else if (c->kind == CALL_RELAY) {
        c->to.relay->err = err_set(&c->to.relay->why, ERR_REMOTE, "%s", why);
    }
    loop_defer(c->host->env->loop, &c->task);
}

/* True when nothing will be possible for a while, whoever asks. */
static bool closed(const struct endpoint *e, uint64_t now_ms)
{
    return e->paused || e->breaker != BREAKER_CLOSED || now_ms < e->not_before_ms;
}

void host_pump_calls(struct host *h)
{
    const struct endpoint *e = &h->sink->endpoint;
    uint64_t now_ms = loop_now_ms(h->env->loop);
    uint64_t next_ms = UINT64_MAX;

    for (struct list *l = h->calls.next; l != &h->calls;) {
        struct host_call *c = CONTAINER_OF(l, struct host_call, link);
        uint64_t wait_ms = c->waits ? party_wait_ms(h->sink, lane_of(c), h, now_ms) : 0;

        l = l->next;
        if (!c->waits) {
            continue;
        }
        if (h->stopping || closed(e, now_ms) || now_ms >= c->until_ms) {
            give_up(c, "the other side does not answer now");
        } else if (wait_ms == 0) {
            begin(c, now_ms);
        } else {
            uint64_t left_ms = c->until_ms - now_ms;

            wait_ms = wait_ms < left_ms ? wait_ms : left_ms;
            next_ms = wait_ms < next_ms ? wait_ms : next_ms;
        }
    }
    if (next_ms != UINT64_MAX) {
        loop_timer_start(h->env->loop, &h->timer, next_ms);
    }
}

static void want_place(struct host_call *c)
{
    c->waits = true;
    c->until_ms = loop_now_ms(c->host->env->loop) + PLACE_MS;
    loop_defer(c->host->env->loop, &c->host->pump);
}

/* ---- ask ---- */

/* Steps alone (a gateway placed before a running system) say nothing of the dossier itself. */
static bool has_snapshot(const struct journal_known *k)
{
    return k->acknowledged || k->status != 0 || k->body != NULL;
}

static void read_known(struct host_call *c, struct journal_known *k, int64_t flow,
                       void (*done)(struct journal_op *op))
{
    (void)snprintf(k->code, sizeof(k->code), "%s", c->to.ask->code);
    k->op.done = done;
    k->flow = flow;
    k->want_body = true;
    k->want_marks = c->to.ask->want_marks;
    journal_known(c->host->env->journal, k);
}

static void ask_sink(struct host_call *c)
{
    if (!c->to.ask->known && c->host->sink->adapter->ops->lookup != NULL) {
        want_place(c);
    } else {
        call_end(c);
    }
}

/* Where the sink says that it stands. */
static void told_done(struct journal_op *op)
{
    struct host_call *c = CONTAINER_OF(op, struct host_call, told.op);
    const struct journal_known *k = &c->told;
    struct adapter_ask *ask = c->to.ask;

    ask->err = op->err != 0 ? ERR_CANCELED : 0;
    if (ask->err == 0 && (!k->known || !has_snapshot(k))) {
        ask_sink(c);
        return;
    }
    if (ask->err == 0 && ask->known) {
        ask->status = k->status != 0 ? k->status : ask->status;
    } else if (ask->err == 0) {
        ask->there = LOOKUP_THERE;
        ask->there_status = k->status;
        ask->body = k->body;
        ask->body_len = k->body_len;
    }
    call_end(c);
}

static void known_done(struct journal_op *op)
{
    struct host_call *c = CONTAINER_OF(op, struct host_call, known.op);
    const struct journal_known *k = &c->known;
    struct adapter_ask *ask = c->to.ask;

    ask->err = op->err != 0 ? ERR_CANCELED : 0;
    if (ask->err == 0 && k->known && (has_snapshot(k) || (ask->want_marks && k->snapshot))) {
        ask->known = true;
        ask->acknowledged = k->acknowledged;
        ask->acked_status = k->acked_status;
        ask->status = k->status;
        ask->open = k->open;
        ask->body = k->body;
        ask->body_len = k->body_len;
        ask->marks = (const uint8_t(*)[FIGURES_MARK_BYTES])k->marks;
        ask->n_marks = k->n_marks;
    }
    if (ask->err != 0) {
        call_end(c);
    } else if (c->host->told_flow != 0) {
        read_known(c, &c->told, c->host->told_flow, told_done);
    } else {
        ask_sink(c);
    }
}

void host_ask(struct adapter_host *base, struct adapter_ask *ask)
{
    struct host_call *c = call_new(base, CALL_ASK);
    size_t len = strlen(ask->code);

    c->to.ask = ask;
    ask->err = 0;
    ask->known = false;
    ask->acknowledged = false;
    ask->acked_status = 0;
    ask->status = 0;
    ask->open = false;
    ask->body = NULL;
    ask->body_len = 0;
    ask->there = LOOKUP_UNKNOWN;
    ask->there_status = 0;
    ask->marks = NULL;
    ask->n_marks = 0;
    if (overloaded(c->host)) {
        ask->err = ERR_CANCELED;
        loop_defer(c->host->env->loop, &c->task);
        return;
    }
    if (len >= sizeof(c->known.code)) {
        loop_defer(c->host->env->loop, &c->task); /* nobody can have such a code */
        return;
    }
    read_known(c, &c->known, c->host->flow, known_done);
}

/* ---- relay ---- */

void host_relay(struct adapter_host *base, struct adapter_relay *relay)
{
    struct host_call *c = call_new(base, CALL_RELAY);
    struct host *h = c->host;

    c->to.relay = relay;
    relay->err = 0;
    relay->reply = NULL;
    relay->reply_len = 0;
    if (h->sink->adapter->ops->relay == NULL) {
        give_up(c, "the other side passes nothing on");
    } else if (overloaded(h)) {
        give_up(c, "too many questions at a time");
    } else {
        want_place(c);
    }
}

/* ---- rows ---- */

static void next_page(struct host_call *c);

static void page_done(struct journal_op *op)
{
    struct host_call *c = CONTAINER_OF(op, struct host_call, page.op);
    struct adapter_rows *rows = c->to.rows;
    bool last = c->page.n < c->page.limit || rows->code != NULL;

    for (size_t i = 0; i < c->page.n && op->err == 0; i++) {
        const struct mirror_row *row = &c->page.rows[i];
        struct record record = {.kind = rows->kind,
                                .code = row->code,
                                .local_no = "",
                                .step_key = "",
                                .at_s = (int64_t)(row->changed_ms / 1000),
                                .body = row->body,
                                .body_len = row->body_len};

        memcpy(record.hash, row->hash, sizeof(record.hash));
        if (row->active) {
            rows->n_rows++;
            rows->row(rows, &record, row->name);
        }
        (void)strncpy(c->page.after, row->code, sizeof(c->page.after) - 1);
    }
    rows->err = op->err;
    mirror_list_free(&c->page);
    if (op->err == 0 && !last && !c->host->stopping) {
        next_page(c);
    } else {
        rows->err = op->err == 0 && !last ? ERR_CANCELED : rows->err;
        call_end(c);
    }
}

static void next_page(struct host_call *c)
{
    c->page.op.done = page_done;
    c->page.kind = c->to.rows->kind;
    c->page.limit = ROWS_PAGE;
    c->page.with_body = true;
    c->page.only = c->to.rows->code;
    mirror_list(c->host->env->journal, &c->page);
}

void host_rows(struct adapter_host *base, struct adapter_rows *rows)
{
    struct host_call *c = call_new(base, CALL_ROWS);

    c->to.rows = rows;
    rows->err = 0;
    rows->n_rows = 0;
    if (overloaded(c->host)) {
        rows->err = ERR_CANCELED;
        loop_defer(c->host->env->loop, &c->task);
    } else {
        next_page(c);
    }
}
