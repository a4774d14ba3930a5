#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fake_adapter_impl.h"

static struct fake_adapter *self(struct adapter *a)
{
    return CONTAINER_OF(a, struct fake_adapter, base);
}

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
    for (size_t i = 0; c->verb == VERB_SEND && i < fake_send_dossiers(c->to.send); i++) {
        fake_ledger_entry(&p->ledger, fake_send_code(c->to.send, i))->in_flight--;
    }
}

static void doubt(struct fake_call *c)
{
    const struct adapter_send *send = c->to.send;
    struct fake_ledger *ledger = &c->adapter->peer->ledger;

    for (size_t i = 0; i < send->n_records; i++) {
        fake_ledger_doubt(fake_ledger_entry(ledger, send->records[i].code), &send->records[i],
                          send->withdrawn);
    }
}

/* Of a refused call of several dossiers nobody knows which were stored. */
static bool in_doubt(const struct adapter_send *send)
{
    return send->outcome.class == OUTCOME_UNSURE ||
           (fake_send_dossiers(send) > 1 && send->outcome.class == OUTCOME_PERMANENT);
}

static void answer_send(struct fake_call *c)
{
    struct adapter_send *send = c->to.send;
    struct fake_peer *p = c->adapter->peer;

    if (c->canceled) {
        c->outcome.class = c->arrived ? OUTCOME_UNSURE : OUTCOME_CANCELED;
        (void)snprintf(c->outcome.words, sizeof(c->outcome.words), "ended by us");
    } else {
        fake_sink_outcome(&c->outcome, c->answer, p);
    }
    send->outcome = c->outcome;
    if (p != NULL && in_doubt(send)) {
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
    case VERB_RELAY:
        call.to.relay->err = ERR_CANCELED;
        call.to.relay->done(call.to.relay);
        break;
    case VERB_SEND:
    case VERB_LOOKUP:
        break;
    }
}

static void answer_relay(struct fake_peer *p, struct adapter_relay *relay)
{
    char reply[128];
    int n = snprintf(reply, sizeof(reply), "{\"service\":\"%s\"}", relay->service);

    p->relays++;
    if (p->down || p->relay_fails) {
        relay->err = err_set(&relay->why, ERR_REMOTE, "connect failed");
    } else {
        relay->reply = reply;
        relay->reply_len = (size_t)n;
    }
    relay->done(relay);
}

static void answer_read(struct fake_call *c)
{
    struct fake_call call = *c;
    struct fake_adapter *a = c->adapter;

    leave(c);
    free(c);
    if (call.verb == VERB_POLL) {
        fake_read_poll(a, call.to.poll);
    } else if (call.verb == VERB_DETAIL) {
        fake_read_detail(a->peer, call.to.detail);
    } else if (call.verb == VERB_LIST) {
        fake_read_list(a->peer, call.to.list);
    } else if (call.verb == VERB_RELAY) {
        answer_relay(a->peer, call.to.relay);
    } else {
        fake_read_ack(a->peer, call.to.ack);
    }
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
        fake_sink_arrive(c);
        if (c->answer != FAKE_HANG && c->answer != FAKE_HANG_AFTER) {
            loop_timer_start(a->loop, &c->timer, a->peer->latency_ms / 2);
        }
        return;
    }
    if (c->canceled && c->verb != VERB_LOOKUP) {
        answer_canceled(c);
    } else if (c->verb == VERB_LOOKUP) {
        if (!c->canceled) {
            fake_sink_look(c);
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
    if (p == NULL) {
        return;
    }
    p->sends++;
    for (size_t i = 0; i < fake_send_dossiers(send); i++) {
        struct fake_entry *e = fake_ledger_entry(&p->ledger, fake_send_code(send, i));

        e->in_flight++;
        e->most_in_flight = e->in_flight > e->most_in_flight ? e->in_flight : e->most_in_flight;
        p->most_per_code =
            e->most_in_flight > p->most_per_code ? e->most_in_flight : p->most_per_code;
    }
    if (fake_send_dossiers(send) > p->most_together) {
        p->most_together = fake_send_dossiers(send);
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

static void fake_relay(struct adapter *a, struct adapter_relay *relay)
{
    call_new(a, VERB_RELAY)->to.relay = relay;
}

static int fake_listen(struct adapter *a, struct adapter_host *host, struct errmsg *msg)
{
    struct fake_peer *p = self(a)->peer;

    if (p->listen_fails) {
        return err_set(msg, ERR_BUSY, "the address is in use");
    }
    p->listened++;
    p->host = host;
    return 0;
}

static void unlistened(struct loop_task *task)
{
    struct fake_adapter *a = CONTAINER_OF(task, struct fake_adapter, unlistened);

    a->stopped(a->stopped_ctx);
}

static void fake_unlisten(struct adapter *base, void (*stopped)(void *ctx), void *ctx)
{
    struct fake_adapter *a = self(base);

    a->stopped = stopped;
    a->stopped_ctx = ctx;
    if (a->peer != NULL) {
        a->peer->unlistened++;
        a->peer->host = NULL;
    }
    loop_defer(a->loop, &a->unlistened);
}

static size_t fake_notes(struct adapter *a, struct adapter_note notes[ADAPTER_NOTES_MAX])
{
    struct fake_peer *p = self(a)->peer;

    notes[0] = (struct adapter_note){.name = "relays", .value = p != NULL ? p->relays : 0};
    return 1;
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
                                  .poll = p->no_poll_verb ? NULL : fake_poll,
                                  .detail = p->no_poll_verb ? NULL : fake_detail,
                                  .ack = fake_ack,
                                  .check = fake_sink_check,
                                  .send = fake_send,
                                  .lookup = p->no_lookup_verb ? NULL : fake_lookup,
                                  .list = p->no_list_verb ? NULL : fake_list,
                                  .relay = fake_relay,
                                  .listen = p->listens ? fake_listen : NULL,
                                  .unlisten = fake_unlisten,
                                  .notes = fake_notes,
                                  .cancel = cancel,
                                  .reconfigure = reconfigure,
                                  .free = adapter_free};
    a->base.ops = &a->ops;
    a->base.name = strdup(p->name);
    a->base.caps = p->caps;
    a->base.batch = p->batch;
    a->base.rank = p->rank;
    loop_task_init(&a->unlistened, unlistened);
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
        }
        for (size_t i = 0; c->verb == VERB_SEND && i < fake_send_dossiers(c->to.send); i++) {
            fake_ledger_entry(&p->ledger, fake_send_code(c->to.send, i))->in_flight--;
        }
    }
    a->peer = NULL;
    p->adapter = NULL;
    p->host = NULL;
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
