#include "lib/fake_adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

#define PAGE_MAX 1000
#define BODY_MAX (1u << 20)

enum fake_verb { VERB_POLL, VERB_DETAIL, VERB_ACK, VERB_SEND, VERB_LOOKUP, VERB_LIST };

struct fake_adapter {
    struct adapter base;
    struct adapter_ops ops;
    struct fake_peer *peer; /* NULL once it was cut off */
    struct loop *loop;
    struct list open;
    size_t every_at; /* where a listing of everything stands */
    bool full;
};

struct fake_call {
    struct list link;
    struct loop_timer timer;
    struct fake_adapter *adapter;
    enum fake_verb verb;
    union {
        struct adapter_poll *poll;
        struct adapter_detail *detail;
        struct adapter_ack *ack;
        struct adapter_send *send;
        struct adapter_lookup *lookup;
        struct adapter_list *list;
    } to;
    enum fake_answer answer;
    size_t logged;        /* index in the peer's log */
    struct outcome outcome;
    enum lookup_answer look;
    int look_status;
    bool arrived, accepted, canceled;
};

static struct fake_adapter *self(struct adapter *a)
{
    return CONTAINER_OF(a, struct fake_adapter, base);
}

static void step_timer(struct loop_timer *timer);

/* ---- what a send does ---- */

static int status_in(const struct record *record)
{
    const char *at = strstr(record->body, " status=");

    return at != NULL ? atoi(at + 8) : 0;
}

static void check(struct adapter *a, struct adapter_check *c)
{
    struct fake_peer *p = self(a)->peer;
    int status = status_in(c->record) & 15;

    c->status = status;
    c->hold = HOLD_NONE;
    if (p == NULL) {
        return;
    }
    if (p->unmapped[status]) {
        c->status = 0;
        c->hold = HOLD_UNMAPPED_STATUS;
        (void)snprintf(c->reason, sizeof(c->reason), "status %d has no mapping; edit status.csv", status);
    } else if (p->unwanted[status]) {
        c->hold = HOLD_INVALID;
        (void)snprintf(c->reason, sizeof(c->reason), "status %d is not wanted here", status);
    }
}

static uint32_t chance(struct fake_peer *p)
{
    uint64_t z;

    p->seed += UINT64_C(0x9E3779B97F4A7C15);
    z = p->seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) % 100);
}

static bool rule_fits(const struct fake_rule *r, const struct adapter_send *send)
{
    bool fits = r->times > 0 && (r->code[0] == '\0' || strcmp(r->code, send->code) == 0) &&
                (send->kind == RECORD_STEP ? r->steps : r->snapshots);

    for (size_t i = 0; fits && r->text[0] != '\0' && i < send->n_records; i++) {
        if (strstr(send->records[i].body, r->text) != NULL) {
            return true;
        }
    }
    return fits && r->text[0] == '\0';
}

static enum fake_answer scripted(struct fake_peer *p, const struct adapter_send *send)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        struct fake_rule *r = &p->rules[i];

        if (rule_fits(r, send)) {
            r->times -= r->times != UINT32_MAX;
            return r->answer;
        }
    }
    if (p->seed != 0) {
        uint32_t dice = chance(p);

        if (dice < p->chaos_after) {
            return FAKE_UNSURE_AFTER;
        }
        if (dice < p->chaos_after + p->chaos_before) {
            return FAKE_UNSURE_BEFORE;
        }
        if (dice < p->chaos_after + p->chaos_before + p->chaos_transient) {
            return FAKE_TRANSIENT;
        }
    }
    return FAKE_DONE;
}

/* What the portal's own rules say of a call that is otherwise fine. */
static enum fake_answer by_the_rules(const struct fake_peer *p, const struct fake_entry *e,
                                     const struct adapter_send *send)
{
    if (p->upserts || send->kind == RECORD_PROCEDURE) {
        return FAKE_DONE;
    }
    if (send->kind == RECORD_STEP || send->updating) {
        return e->there ? FAKE_DONE : FAKE_MISSING;
    }
    return e->there ? FAKE_EXISTS : FAKE_DONE;
}

static bool accepts(enum fake_answer answer)
{
    return answer == FAKE_DONE || answer == FAKE_UNSURE_AFTER || answer == FAKE_HANG_AFTER;
}

static void arrive_send(struct fake_call *c)
{
    struct fake_peer *p = c->adapter->peer;
    const struct adapter_send *send = c->to.send;
    struct fake_entry *e = fake_ledger_entry(&p->ledger, send->code);
    enum fake_answer answer = p->down ? FAKE_TRANSIENT : scripted(p, send);
    size_t n = send->n_records;
    struct adapter_check held = {.record = &send->records[0]};

    check(&c->adapter->base, &held);
    if (held.hold != HOLD_NONE && (!send->consented || hold_is_missing_map(held.hold))) {
        answer = FAKE_HELD;
        c->outcome.hold = held.hold;
        (void)snprintf(c->outcome.words, sizeof(c->outcome.words), "%s", held.reason);
    }
    if (accepts(answer)) {
        enum fake_answer rule = by_the_rules(p, e, send);

        answer = rule == FAKE_DONE || answer != FAKE_DONE ? answer : rule;
        c->accepted = rule == FAKE_DONE;
    }
    if (answer == FAKE_PART && n > 1) {
        c->accepted = true;
        n = 1;
    }
    for (size_t i = 0; i < n && c->accepted; i++) {
        fake_ledger_accept(&p->ledger, e, &send->records[i], send->withdrawn,
                           status_in(&send->records[i]), (uint64_t)loop_wall_ms(p->loop));
    }
    if (send->kind != RECORD_STEP) {
        c->outcome.status = held.status;
    }
    c->answer = answer;
}

static const struct {
    enum outcome_class class;
    bool transport;
    int http;
    const char *code, *words;
} answers[FAKE_ANSWERS] = {
    [FAKE_DONE] = {OUTCOME_DONE, false, 200, "0", "success"},
    [FAKE_UNSURE_AFTER] = {OUTCOME_UNSURE, true, 0, "", "no answer in time"},
    [FAKE_UNSURE_BEFORE] = {OUTCOME_UNSURE, true, 0, "", "no answer in time"},
    [FAKE_TRANSIENT] = {OUTCOME_TRANSIENT, true, 0, "", "connect failed"},
    [FAKE_BUSY] = {OUTCOME_TRANSIENT, true, 503, "", "busy"},
    [FAKE_PERMANENT] = {OUTCOME_PERMANENT, false, 200, "-1", "a field is not valid"},
    [FAKE_PART] = {OUTCOME_PERMANENT, false, 200, "-1", "a field is not valid"},
    [FAKE_BACKOFF] = {OUTCOME_BACKOFF, false, 200, "-9", "unexplained"},
    [FAKE_EXISTS] = {OUTCOME_EXISTS, false, 200, "-3", "exists already"},
    [FAKE_MISSING] = {OUTCOME_MISSING, false, 200, "-3", "is not there"},
    [FAKE_AUTH] = {OUTCOME_AUTH, false, 200, "-2", "the session is not valid"},
    [FAKE_LOGIN] = {OUTCOME_LOGIN, false, 401, "", "login refused"},
    [FAKE_CONFIG] = {OUTCOME_CONFIG, false, 302, "", "redirected"},
    [FAKE_HELD] = {OUTCOME_HELD, false, 0, "", "no mapping"},
    [FAKE_HANG] = {OUTCOME_UNSURE, true, 0, "", "no answer in time"},
    [FAKE_HANG_AFTER] = {OUTCOME_UNSURE, true, 0, "", "no answer in time"},
};

static void set_outcome(struct outcome *o, enum fake_answer answer, const struct fake_peer *p)
{
    o->class = answers[answer].class;
    o->transport = answers[answer].transport;
    o->http = answers[answer].http;
    o->took_ms = (uint32_t)p->latency_ms;
    o->retry_after_s = answer == FAKE_BUSY ? p->retry_after_s : 0;
    if (answer == FAKE_HELD && o->hold == HOLD_NONE) {
        o->hold = HOLD_UNMAPPED_PROCEDURE;
    }
    (void)snprintf(o->code, sizeof(o->code), "%s", answers[answer].code);
    if (o->words[0] == '\0') {
        (void)snprintf(o->words, sizeof(o->words), "%s", answers[answer].words);
    }
}

/* ---- look-ups ---- */

static void arrive_lookup(struct fake_call *c)
{
    struct fake_peer *p = c->adapter->peer;
    const struct fake_entry *e = fake_ledger_find(&p->ledger, c->to.lookup->code);
    enum fake_look look = FAKE_LOOK_TRUE;

    if (p->look_times > 0) {
        look = p->look;
        p->look_times -= p->look_times != UINT32_MAX;
    }
    look = p->down ? FAKE_LOOK_DOWN : look;
    set_outcome(&c->outcome, look == FAKE_LOOK_DOWN ? FAKE_TRANSIENT : FAKE_DONE, p);
    switch (look) {
    case FAKE_LOOK_TRUE:
        c->look = e != NULL && e->there ? LOOKUP_THERE : LOOKUP_ABSENT;
        c->look_status = e != NULL && e->there ? e->status : 0;
        break;
    case FAKE_LOOK_REFUSED:
        c->look = LOOKUP_REFUSED;
        break;
    case FAKE_LOOK_UNKNOWN:
    case FAKE_LOOK_DOWN:
        c->look = LOOKUP_UNKNOWN;
        break;
    }
}

/* ---- rows and details ---- */

static void row_hash(const struct fake_dossier *d, uint8_t out[RECORD_HASH_BYTES])
{
    struct digest digest;
    char text[256];
    int n = snprintf(text, sizeof(text), "%d %s %zu %lld", d->status, d->text, d->n_steps,
                     (long long)d->promised_s);

    if (digest_begin(&digest) < 0) {
        abort();
    }
    digest_add(&digest, text, (size_t)n);
    digest_end(&digest, out);
}

static int by_seq(const void *left, const void *right)
{
    const struct fake_dossier *const *a = left;
    const struct fake_dossier *const *b = right;

    return (*a)->seq < (*b)->seq ? -1 : (*a)->seq > (*b)->seq;
}

static void answer_poll(struct fake_call *c)
{
    struct fake_adapter *a = c->adapter;
    struct fake_peer *p = a->peer;
    struct adapter_poll *poll = c->to.poll;
    const struct fake_dossier **list = calloc(p->n_dossiers + 1, sizeof(*list));
    struct adapter_row *rows = calloc(PAGE_MAX, sizeof(*rows));
    uint64_t after = strtoull(poll->cursor, NULL, 10);
    size_t page = p->page_size < PAGE_MAX ? p->page_size : PAGE_MAX;
    char next[32] = "";
    size_t n = 0;

    if (list == NULL || rows == NULL) {
        abort();
    }
    a->full = a->full || poll->full;
    a->every_at = poll->full ? 0 : a->every_at;
    if (a->full || p->every_row) {
        for (size_t i = a->every_at; i < p->n_dossiers && n < page; i++) {
            list[n++] = &p->dossiers[i];
        }
        a->every_at += n;
        poll->more = a->every_at < p->n_dossiers;
        if (!poll->more) {
            poll->full_done = a->full;
            a->full = false;
            a->every_at = 0;
        }
    } else {
        for (size_t i = 0; i < p->n_dossiers; i++) {
            if (p->dossiers[i].seq > after) {
                list[n++] = &p->dossiers[i];
            }
        }
        qsort(list, n, sizeof(*list), by_seq);
        poll->more = n > page;
        n = n > page ? page : n;
        (void)snprintf(next, sizeof(next), "%llu",
                       (unsigned long long)(n > 0 ? list[n - 1]->seq : after));
    }
    for (size_t i = 0; i < n; i++) {
        rows[i].id = list[i]->code;
        row_hash(list[i], rows[i].hash);
    }
    poll->rows = rows;
    poll->n_rows = n;
    poll->next_cursor = next;
    poll->done(poll);
    free(list);
    free(rows);
}

static void answer_dossier(struct fake_peer *p, struct adapter_detail *detail)
{
    struct fake_dossier *d = fake_source_find(p, detail->id);
    size_t n = d != NULL ? 1 + d->n_steps : 0;
    struct record *records = calloc(n + 1, sizeof(*records));
    char *bodies = malloc((n + 1) * 256 + p->pad_bytes + 1);
    char *at = bodies;

    if (records == NULL || bodies == NULL) {
        abort();
    }
    if (d == NULL || d->gone) {
        detail->err = err_set(&detail->why, ERR_NOTFOUND, "no dossier %s", detail->id);
    } else if (d->fail_times > 0) {
        d->fail_times -= d->fail_times != UINT32_MAX;
        detail->err = err_set(&detail->why, d->fail_err, "detail of %s failed", detail->id);
    } else {
        for (size_t i = 0; i < n; i++) {
            size_t size = 256 + (i == 0 ? p->pad_bytes : 0);

            fake_source_record(p, d, i, detail->kind, at, size, &records[i]);
            at += size;
        }
        detail->records = records;
        detail->n_records = n;
        p->details++;
    }
    detail->done(detail);
    free(records);
    free(bodies);
}

static void procedure_record(const struct fake_catalog_row *row, char *body, size_t size,
                             struct record *out)
{
    memset(out, 0, sizeof(*out));
    (void)snprintf(body, size, "procedure %s %s %s", row->code, row->name, row->text);
    out->kind = row->kind;
    out->code = row->code;
    out->local_no = "";
    out->step_key = "";
    out->body = body;
    out->body_len = strlen(body);
    if (digest_sha256(body, out->body_len, out->hash) < 0) {
        abort();
    }
}

static void answer_procedure(struct fake_peer *p, struct adapter_detail *detail)
{
    struct fake_catalog_row *row = NULL;
    struct record record;
    char body[256];

    for (size_t i = 0; i < p->n_catalog; i++) {
        if (p->catalog[i].kind == detail->kind && strcmp(p->catalog[i].code, detail->id) == 0) {
            row = &p->catalog[i];
        }
    }
    p->catalog_details++;
    if (row == NULL) {
        detail->err = err_set(&detail->why, ERR_NOTFOUND, "no procedure %s", detail->id);
    } else if (row->fail_times > 0) {
        row->fail_times--;
        detail->err = err_set(&detail->why, ERR_REMOTE, "detail of %s failed", detail->id);
    } else {
        procedure_record(row, body, sizeof(body), &record);
        detail->records = &record;
        detail->n_records = 1;
    }
    detail->done(detail);
}

/* A system without a catalogue of its own lists the procedures that it was sent. */
static void list_ledger(struct fake_peer *p, struct adapter_list *list)
{
    for (size_t i = 0; i < p->ledger.n; i++) {
        const struct fake_entry *e = p->ledger.entries[i];
        struct record r = {.kind = list->kind, .code = e->code, .local_no = "", .step_key = "", .body = ""};

        if (e->there) {
            memcpy(r.hash, e->sent_hash, sizeof(r.hash));
            list->n_rows++;
            list->row(list, &r, e->code, !e->withdrawn);
        }
    }
}

static void answer_list(struct fake_peer *p, struct adapter_list *list)
{
    p->lists++;
    if (p->down || p->lists_fail > 0) {
        p->lists_fail -= p->lists_fail > 0;
        list->err = err_set(&list->why, ERR_REMOTE, "the list broke off");
    } else if (p->n_catalog == 0) {
        list_ledger(p, list);
    }
    for (size_t i = 0; i < p->n_catalog; i++) {
        const struct fake_catalog_row *row = &p->catalog[i];
        struct record record;
        char body[256];

        if (row->kind != list->kind || !row->active || (p->list_cut > 0 && list->n_rows == p->list_cut)) {
            continue;
        }
        if (list->err != 0 && list->n_rows == 1) {
            break; /* a broken list has delivered some rows */
        }
        procedure_record(row, body, sizeof(body), &record);
        if (list->kind == RECORD_PROCEDURE) {
            record.body = "";
            record.body_len = 0;
        }
        list->n_rows++;
        list->row(list, &record, row->name, true);
    }
    list->done(list);
}

/* ---- calls ---- */

static void end_log(struct fake_call *c, enum outcome_class class)
{
    if (c->adapter->peer != NULL && (c->verb == VERB_SEND || c->verb == VERB_LOOKUP)) {
        c->adapter->peer->log[c->logged].outcome = class;
    }
}

static void leave(struct fake_call *c)
{
    struct fake_peer *p = c->adapter->peer;

    list_remove(&c->link);
    loop_timer_stop(&c->timer);
    if (p == NULL) {
        return;
    }
    p->in_flight--;
    if (c->verb == VERB_SEND) {
        fake_ledger_entry(&p->ledger, c->to.send->code)->in_flight--;
    }
}

static void doubt(struct fake_call *c)
{
    const struct adapter_send *send = c->to.send;
    struct fake_entry *e = fake_ledger_entry(&c->adapter->peer->ledger, send->code);

    for (size_t i = 0; i < send->n_records; i++) {
        fake_ledger_doubt(e, &send->records[i], send->withdrawn);
    }
}

static void answer_send(struct fake_call *c)
{
    struct adapter_send *send = c->to.send;
    struct fake_peer *p = c->adapter->peer;

    if (c->canceled) {
        c->outcome.class = c->arrived ? OUTCOME_UNSURE : OUTCOME_CANCELED;
        (void)snprintf(c->outcome.words, sizeof(c->outcome.words), "ended by us");
    } else {
        set_outcome(&c->outcome, c->answer, p);
    }
    send->outcome = c->outcome;
    if (p != NULL && send->outcome.class == OUTCOME_UNSURE) {
        doubt(c);
    }
    end_log(c, send->outcome.class);
    leave(c);
    free(c);
    send->done(send);
}

static void answer_lookup(struct fake_call *c)
{
    struct adapter_lookup *lookup = c->to.lookup;

    if (c->canceled) {
        c->look = LOOKUP_UNKNOWN;
        c->outcome.class = OUTCOME_CANCELED;
    }
    lookup->answer = c->look;
    lookup->status = c->look_status;
    lookup->outcome = c->outcome;
    end_log(c, c->outcome.class);
    leave(c);
    free(c);
    lookup->done(lookup);
}

/* What was cancelled, and what never reached anybody. */
static void answer_canceled(struct fake_call *c)
{
    struct fake_call call = *c;

    leave(c);
    free(c);
    switch (call.verb) {
    case VERB_POLL:
        call.to.poll->err = ERR_CANCELED;
        call.to.poll->done(call.to.poll);
        break;
    case VERB_DETAIL:
        call.to.detail->err = ERR_CANCELED;
        call.to.detail->done(call.to.detail);
        break;
    case VERB_ACK:
        call.to.ack->err = ERR_CANCELED;
        call.to.ack->done(call.to.ack);
        break;
    case VERB_LIST:
        call.to.list->err = ERR_CANCELED;
        call.to.list->done(call.to.list);
        break;
    case VERB_SEND:
    case VERB_LOOKUP:
        break;
    }
}

static void answer_read(struct fake_call *c)
{
    struct fake_call call = *c;
    struct fake_peer *p = c->adapter->peer;
    struct adapter_poll *poll = call.to.poll;

    leave(c);
    if (call.verb == VERB_POLL && (p->down || p->polls_fail > 0)) {
        p->polls_fail -= p->polls_fail > 0 && !p->down;
        poll->err = err_set(&poll->why, p->down ? ERR_REMOTE : p->poll_err, "the poll failed");
        poll->done(poll);
    } else if (call.verb == VERB_POLL) {
        answer_poll(&call);
    } else if (call.verb == VERB_DETAIL && p->down) {
        call.to.detail->err = err_set(&call.to.detail->why, ERR_REMOTE, "connect failed");
        call.to.detail->done(call.to.detail);
    } else if (call.verb == VERB_DETAIL && call.to.detail->kind == RECORD_PROCEDURE) {
        answer_procedure(p, call.to.detail);
    } else if (call.verb == VERB_DETAIL) {
        answer_dossier(p, call.to.detail);
    } else if (call.verb == VERB_LIST) {
        answer_list(p, call.to.list);
    } else {
        p->acked_calls++;
        call.to.ack->done(call.to.ack);
    }
    free(c);
}

/* First half: it reaches the peer. Second half: the answer comes back. */
static void step_timer(struct loop_timer *timer)
{
    struct fake_call *c = CONTAINER_OF(timer, struct fake_call, timer);
    struct fake_adapter *a = c->adapter;

    if (c->verb == VERB_SEND) {
        if (c->arrived || c->canceled) {
            answer_send(c);
            return;
        }
        c->arrived = true;
        arrive_send(c);
        if (c->answer != FAKE_HANG && c->answer != FAKE_HANG_AFTER) {
            loop_timer_start(a->loop, &c->timer, a->peer->latency_ms / 2);
        }
        return;
    }
    if (c->canceled && c->verb != VERB_LOOKUP) {
        answer_canceled(c);
    } else if (c->verb == VERB_LOOKUP) {
        if (!c->canceled) {
            arrive_lookup(c);
        }
        answer_lookup(c);
    } else {
        answer_read(c);
    }
}

static struct fake_call *call_new(struct adapter *base, enum fake_verb verb)
{
    struct fake_adapter *a = self(base);
    struct fake_call *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        abort();
    }
    c->adapter = a;
    c->verb = verb;
    loop_timer_init(&c->timer, step_timer);
    list_push(&a->open, &c->link);
    if (a->peer != NULL) {
        struct fake_peer *p = a->peer;
        bool sends = verb == VERB_SEND || verb == VERB_LOOKUP;

        p->in_flight++;
        p->most_in_flight = p->in_flight > p->most_in_flight ? p->in_flight : p->most_in_flight;
        loop_timer_start(a->loop, &c->timer, sends ? (p->latency_ms + 1) / 2 : p->poll_latency_ms);
    }
    return c;
}

static void log_call(struct fake_call *c, const struct fake_logged *entry)
{
    struct fake_peer *p = c->adapter->peer;

    if (p == NULL) {
        return;
    }
    if (p->n_log == p->log_capacity) {
        p->log_capacity = p->log_capacity == 0 ? 256 : 2 * p->log_capacity;
        p->log = realloc(p->log, p->log_capacity * sizeof(*p->log));
        if (p->log == NULL) {
            abort();
        }
    }
    c->logged = p->n_log;
    p->log[p->n_log] = *entry;
    p->log[p->n_log++].at_ms = (uint64_t)loop_wall_ms(p->loop);
}

static void fake_poll(struct adapter *a, struct adapter_poll *poll)
{
    struct fake_call *c = call_new(a, VERB_POLL);

    c->to.poll = poll;
    if (c->adapter->peer != NULL) {
        c->adapter->peer->polls++;
        c->adapter->peer->full_polls += poll->full;
    }
}

static void fake_detail(struct adapter *a, struct adapter_detail *detail)
{
    call_new(a, VERB_DETAIL)->to.detail = detail;
}

static void fake_ack(struct adapter *a, struct adapter_ack *ack)
{
    call_new(a, VERB_ACK)->to.ack = ack;
}

static void fake_send(struct adapter *a, struct adapter_send *send)
{
    struct fake_call *c = call_new(a, VERB_SEND);
    struct fake_peer *p = c->adapter->peer;
    struct fake_logged entry = {.verb = 's',
                                .kind = send->kind,
                                .updating = send->updating,
                                .withdrawn = send->withdrawn,
                                .consented = send->consented,
                                .n = send->n_records};

    c->to.send = send;
    (void)snprintf(entry.code, sizeof(entry.code), "%s", send->code);
    log_call(c, &entry);
    if (p != NULL) {
        struct fake_entry *e = fake_ledger_entry(&p->ledger, send->code);

        p->sends++;
        e->in_flight++;
        e->most_in_flight = e->in_flight > e->most_in_flight ? e->in_flight : e->most_in_flight;
        p->most_per_code = e->most_in_flight > p->most_per_code ? e->most_in_flight : p->most_per_code;
    }
}

static void fake_lookup(struct adapter *a, struct adapter_lookup *lookup)
{
    struct fake_call *c = call_new(a, VERB_LOOKUP);
    struct fake_logged entry = {.verb = 'l'};

    c->to.lookup = lookup;
    (void)snprintf(entry.code, sizeof(entry.code), "%s", lookup->code);
    log_call(c, &entry);
    if (c->adapter->peer != NULL) {
        c->adapter->peer->looks++;
    }
}

static void fake_list(struct adapter *a, struct adapter_list *list)
{
    call_new(a, VERB_LIST)->to.list = list;
}

static void cancel(struct adapter *base)
{
    struct fake_adapter *a = self(base);

    for (struct list *l = a->open.next; l != &a->open; l = l->next) {
        struct fake_call *c = CONTAINER_OF(l, struct fake_call, link);

        c->canceled = true;
        loop_timer_start(a->loop, &c->timer, 0);
    }
}

static int reconfigure(struct adapter *base, const struct config *config, struct errmsg *msg)
{
    struct fake_peer *p = self(base)->peer;

    if (p == NULL) {
        return 0;
    }
    if (p->refuses_config) {
        return err_set(msg, ERR_CONFIG, "%s does not take this configuration", p->name);
    }
    p->configured++;
    p->config = config;
    return 0;
}

static void adapter_free(struct adapter *base)
{
    struct fake_adapter *a = self(base);

    if (!list_empty(&a->open)) {
        fputs("fake_adapter: freed with calls open\n", stderr);
        abort();
    }
    if (a->peer != NULL) {
        a->peer->adapter = NULL;
    }
    free((char *)a->base.name);
    free(a);
}

struct adapter *fake_adapter_open(struct fake_peer *p, const struct config *config)
{
    struct fake_adapter *a = calloc(1, sizeof(*a));

    if (a == NULL || p->adapter != NULL) {
        abort();
    }
    a->ops = (struct adapter_ops){.profile = "fake",
                                  .poll = fake_poll,
                                  .detail = fake_detail,
                                  .ack = fake_ack,
                                  .check = check,
                                  .send = fake_send,
                                  .lookup = p->no_lookup_verb ? NULL : fake_lookup,
                                  .list = p->no_list_verb ? NULL : fake_list,
                                  .cancel = cancel,
                                  .reconfigure = reconfigure,
                                  .free = adapter_free};
    a->base.ops = &a->ops;
    a->base.name = strdup(p->name);
    a->base.caps = p->caps;
    a->peer = p;
    a->loop = p->loop;
    list_init(&a->open);
    p->adapter = a;
    p->config = config;
    return &a->base;
}

void fake_adapter_cut(struct fake_peer *p)
{
    struct fake_adapter *a = p->adapter;

    if (a == NULL) {
        return;
    }
    for (struct list *l = a->open.next; l != &a->open; l = l->next) {
        struct fake_call *c = CONTAINER_OF(l, struct fake_call, link);

        loop_timer_stop(&c->timer);
        p->in_flight--;
        if (c->verb == VERB_SEND) {
            doubt(c);
            fake_ledger_entry(&p->ledger, c->to.send->code)->in_flight--;
        }
    }
    a->peer = NULL;
    p->adapter = NULL;
}

void fake_peer_let_go(struct fake_peer *p)
{
    struct fake_adapter *a = p->adapter;

    for (struct list *l = a->open.next; l != &a->open; l = l->next) {
        struct fake_call *c = CONTAINER_OF(l, struct fake_call, link);

        if (c->verb == VERB_SEND && c->arrived && !loop_timer_armed(&c->timer)) {
            c->answer = c->accepted ? FAKE_DONE : FAKE_TRANSIENT;
            loop_timer_start(a->loop, &c->timer, 0);
        }
    }
}
