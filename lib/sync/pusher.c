#include "sync/pusher.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

#define READY_MAX 256
#define AHEAD_MIN 4
/* Look again so often when nothing else would wake us; a missed wake-up must not stop a flow. */
#define LOOK_AGAIN_MS 60000

struct pusher_call {
    struct list link;
    struct pusher *pusher;
    struct journal_call *call; /* owned */
    union {
        struct adapter_send send;
        struct adapter_lookup lookup;
    } request;
    struct journal_finish finish;
};

static void pump(struct pusher *p);

static void pump_task(struct loop_task *task)
{
    pump(CONTAINER_OF(task, struct pusher, pump));
}

static void timer_fired(struct loop_timer *timer)
{
    struct pusher *p = CONTAINER_OF(timer, struct pusher, timer);

    p->more = true;
    pump(p);
}

void pusher_init(struct pusher *p, const struct flow_env *env, const char *name, int64_t flow,
                 struct party *sink, enum record_kind snapshot_kind)
{
    static const double seconds[] = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60};
    static const double lag[] = {1, 10, 60, 300, 900, 3600, 14400, 86400, 432000};
    struct metric_label labels[2] = {{"flow", name}, {"outcome", ""}};

    memset(p, 0, sizeof(*p));
    p->env = env;
    p->name = name;
    p->flow = flow;
    p->sink = sink;
    p->snapshot_kind = snapshot_kind;
    p->lane = snapshot_kind == RECORD_PROCEDURE ? LANE_CATALOG : LANE_DOSSIER;
    p->more = true;
    list_init(&p->ready);
    list_init(&p->calls);
    loop_timer_init(&p->timer, timer_fired);
    loop_task_init(&p->pump, pump_task);
    for (int c = OUTCOME_DONE; c <= OUTCOME_HELD; c++) {
        labels[1].value = outcome_name((enum outcome_class)c);
        p->outcomes[c] = metrics_get(env->metrics, METRIC_COUNTER, "dvcsync_calls_total",
                                     "Calls by flow and outcome.", labels, 2, NULL, 0);
    }
    p->call_seconds =
        metrics_get(env->metrics, METRIC_HISTOGRAM, "dvcsync_call_seconds", "Time of one call.",
                    labels, 1, seconds, sizeof(seconds) / sizeof(seconds[0]));
    p->lag_seconds = metrics_get(env->metrics, METRIC_HISTOGRAM, "dvcsync_delivery_lag_seconds",
                                 "From the storing of an item to its success.", labels, 1, lag,
                                 sizeof(lag) / sizeof(lag[0]));
}

void pusher_configure(struct pusher *p, const struct config *config, const struct config_flow *flow)
{
    p->policy.first_ms = config->retry_first_ms;
    p->policy.cap_ms = config->retry_cap_ms;
    p->policy.give_up_after_ms = config->give_up_after_ms;
    p->policy.give_up_attempts = config->give_up_attempts;
    p->policy.ask = flow->steps_in_doubt == STEPS_ASK;
    p->policy.atomic = (p->sink->adapter->caps & ADAPTER_ATOMIC) != 0;
    p->policy.forget_doubt = p->env->forget_doubt;
    p->due_cap_ms =
        config->retry_cap_ms > UINT64_C(86400000) ? config->retry_cap_ms : UINT64_C(86400000);
    p->live = flow->mode == FLOW_LIVE;
    pusher_kick(p);
}

void pusher_kick(struct pusher *p)
{
    p->more = true;
    loop_defer(p->env->loop, &p->pump);
}

void pusher_room(struct pusher *p)
{
    if (p->n_ready > 0 || p->more) {
        loop_defer(p->env->loop, &p->pump);
    }
}

bool pusher_idle(const struct pusher *p)
{
    return p->n_ready + p->n_calls + p->n_finishing == 0 && !p->claiming && !p->more &&
           p->claim.next_due_ms == 0;
}

/* ---- stop ---- */

static void check_stopped(struct pusher *p)
{
    if (p->stopping && p->stopped != NULL && p->n_ready + p->n_calls + p->n_finishing == 0 &&
        !p->claiming) {
        void (*stopped)(void *ctx) = p->stopped;

        p->stopped = NULL;
        stopped(p->stopped_ctx);
    }
}

/* ---- finish ---- */

static void finish_done(struct journal_op *op)
{
    struct pusher_call *c = CONTAINER_OF(op, struct pusher_call, finish.op);
    struct pusher *p = c->pusher;

    p->n_finishing--;
    p->more = p->more || c->finish.ready || c->finish.withdrawn;
    /* PENDING or UNSURE later: the claim that follows learns when. */
    p->more = p->more || c->finish.to == ITEM_PENDING || c->finish.to == ITEM_UNSURE;
    journal_call_free(c->call);
    free(c);
    check_stopped(p);
    pump(p);
}

static void finish(struct pusher_call *c)
{
    c->pusher->n_finishing++;
    c->finish.op.done = finish_done;
    journal_finish(c->pusher->env->journal, &c->finish);
}

static bool answer_repeats(const struct journal_call *call, const struct outcome *outcome)
{
    char answer[sizeof(call->last_answer)];

    (void)snprintf(answer, sizeof(answer), "%s %s", outcome->code, outcome->words);
    return call->items[0].same > 0 && strcmp(answer, call->last_answer) == 0;
}

static struct policy_call describe(const struct pusher *p, const struct journal_call *call,
                                   const struct outcome *outcome)
{
    struct policy_call d = {
        .step = call->kind == RECORD_STEP,
        .n = call->n,
        .updating = call->updating,
        .was_unsure = call->items[0].was_unsure,
        .resnapped = call->resnapped,
        .has_snapshot = call->has_snapshot,
        .flips = call->flips,
        .attempts = call->items[0].attempts,
        .same = call->items[0].same,
        .answer_repeats = answer_repeats(call, outcome),
        .age_ms = loop_wall_ms(p->env->loop) - call->items[0].created_ms,
        .auth_in_row = p->sink->endpoint.auth_in_row,
    };

    return d;
}

static void fill_finish(struct pusher_call *c, const struct policy_decision *d,
                        const struct outcome *outcome)
{
    struct journal_finish *f = &c->finish;
    uint64_t now_ms = (uint64_t)loop_wall_ms(c->pusher->env->loop);

    journal_finish_init(f, c->call);
    f->ended_ms = now_ms;
    f->outcome = (int)outcome->class;
    f->http = outcome->http;
    memcpy(f->code, outcome->code, sizeof(f->code));
    memcpy(f->words, outcome->words, sizeof(f->words));
    memcpy(f->request, outcome->request, sizeof(f->request));
    memcpy(f->response, outcome->response, sizeof(f->response));
    f->repeats = outcome->repeats;
    f->took_ms = outcome->took_ms;
    f->to = d->to;
    f->due_ms = d->delay_ms > 0 ? now_ms + d->delay_ms : 0;
    f->hold = d->hold;
    (void)snprintf(f->reason, sizeof(f->reason), "%.299s",
                   outcome->words[0] != '\0' ? outcome->words : outcome_name(outcome->class));
    f->charge = d->charge;
    f->same = d->same;
    f->solo = d->solo;
    f->present = d->present;
    f->doubt = d->doubt;
    f->flip = d->flip;
    f->resnap = d->resnap;
    f->withdrawn = outcome->class == OUTCOME_CANCELED;
    f->status = outcome->status > 0 ? outcome->status : -1;
    f->has_content = outcome->has_content;
    memcpy(f->content, outcome->content, sizeof(f->content));
}

static void count(struct pusher *p, const struct pusher_call *c, const struct outcome *outcome)
{
    const struct journal_call *call = c->call;
    int64_t now_ms = loop_wall_ms(p->env->loop);

    metric_add(p->outcomes[outcome->class], 1);
    metric_observe(p->call_seconds, outcome->took_ms / 1000.0);
    p->unsure += outcome->class == OUTCOME_UNSURE;
    p->refused += outcome->class == OUTCOME_PERMANENT || outcome->class == OUTCOME_BACKOFF;
    if (call->verb == JOURNAL_LOOKUP) {
        p->lookups++;
        return;
    }
    p->sent++;
    if (outcome->class == OUTCOME_DONE) {
        p->delivered += call->n;
        p->last_delivery_ms = (uint64_t)now_ms;
        for (size_t i = 0; i < call->n; i++) {
            metric_observe(p->lag_seconds, (double)(now_ms - call->items[i].created_ms) / 1000.0);
        }
    }
}

/* Whose line it is: the code only where the operator wants it in logs. */
static void name_dossier(const struct pusher *p, const char *code, char out[64])
{
    uint8_t digest[DIGEST_BYTES];
    char hex[DIGEST_HEX_SIZE];

    if (p->env->log_codes || digest_sha256(code, strlen(code), digest) < 0) {
        (void)snprintf(out, 64, "%s", p->env->log_codes ? code : "");
        return;
    }
    digest_hex(digest, hex);
    (void)snprintf(out, 64, "%.12s", hex);
}

/* One line a call, as a mail queue has one a delivery. */
static void say_call(struct pusher *p, const struct pusher_call *c, const struct outcome *outcome)
{
    const struct journal_finish *f = &c->finish;
    char record[24], http[12], took[16], dossier[64];
    const struct log_field fields[] = {{"DVC_FLOW", p->name},
                                       {"DVC_RECORD", record},
                                       {"DVC_DOSSIER", dossier},
                                       {"DVC_STATE", item_state_name(f->to)},
                                       {"DVC_OUTCOME", outcome_name(outcome->class)},
                                       {"DVC_HTTP", http},
                                       {"DVC_DURATION_MS", took}};

    if (p->env->log == NULL || p->env->log->level < LOG_LEVEL_INFO) {
        return;
    }
    (void)snprintf(record, sizeof(record), "%" PRId64, f->items[0]);
    (void)snprintf(http, sizeof(http), "%d", outcome->http);
    (void)snprintf(took, sizeof(took), "%u", outcome->took_ms);
    name_dossier(p, c->call->code, dossier);
    log_line(p->env->log, LOG_LEVEL_INFO, "call", fields, sizeof(fields) / sizeof(fields[0]),
             "%s: %s of %zu, item %s, dossier %s: %s, now %s", p->name,
             f->verb == JOURNAL_LOOKUP ? "look-up" : "call", f->n, record, dossier,
             outcome_name(outcome->class), item_state_name(f->to));
}

static void say_outcome(struct pusher *p, const struct pusher_call *c,
                        const struct outcome *outcome)
{
    const struct journal_finish *f = &c->finish;
    uint64_t suppressed = 0;

    if (f->to == ITEM_HELD &&
        log_limit_pass(&p->held_log, loop_now_ms(p->env->loop), 10000, &suppressed)) {
        flow_say(p->env, LOG_LEVEL_WARN, "item_held", p->name,
                 "item %" PRId64 " held (%s): %s (%" PRIu64 " more not shown)", f->items[0],
                 hold_why_name(f->hold), f->reason, suppressed);
    }
    say_call(p, c, outcome);
}

static void ended(struct pusher_call *c, const struct policy_decision *d,
                  const struct outcome *outcome)
{
    struct pusher *p = c->pusher;

    list_remove(&c->link);
    p->n_calls--;
    p->ended_since_claim++;
    fill_finish(c, d, outcome);
    count(p, c, outcome);
    say_outcome(p, c, outcome);
    finish(c);
    party_act(p->env, p->sink, d->action, outcome);
    party_end(p->env, p->sink, outcome);
    pump(p);
}

static void send_done(struct adapter_send *send)
{
    struct pusher_call *c = CONTAINER_OF(send, struct pusher_call, request.send);
    struct pusher *p = c->pusher;
    struct outcome outcome = send->outcome;
    struct policy_call call;
    struct policy_decision d;

    if (p->policy.forget_doubt && outcome.class == OUTCOME_UNSURE) {
        outcome.class = OUTCOME_TRANSIENT; /* nor may an attempt in doubt excuse the repeat */
    }
    call = describe(p, c->call, &outcome);
    d = policy_sent(&p->policy, &call, &outcome, loop_random(p->env->loop));

    ended(c, &d, &outcome);
}

static void lookup_done(struct adapter_lookup *lookup)
{
    struct pusher_call *c = CONTAINER_OF(lookup, struct pusher_call, request.lookup);
    struct pusher *p = c->pusher;
    struct outcome outcome = lookup->outcome;
    struct policy_call call = describe(p, c->call, &outcome);
    struct policy_decision d =
        policy_looked_up(&p->policy, &call, lookup->answer, &outcome, loop_random(p->env->loop));

    ended(c, &d, &outcome);
}

/* ---- begin ---- */

static void begin(struct pusher *p, struct journal_call *call)
{
    struct adapter *sink = p->sink->adapter;
    struct pusher_call *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        abort(); /* a small fixed allocation; the intent is UNSURE at the next start, nothing is
                    lost */
    }
    c->pusher = p;
    c->call = call;
    list_push(&p->calls, &c->link);
    p->n_calls++;
    endpoint_begin(&p->sink->endpoint, p->lane, loop_now_ms(p->env->loop));
    if (call->verb == JOURNAL_LOOKUP) {
        c->request.lookup.code = call->code;
        c->request.lookup.done = lookup_done;
        sink->ops->lookup(sink, &c->request.lookup);
        return;
    }
    c->request.send.kind = call->kind;
    c->request.send.code = call->code;
    c->request.send.updating = call->updating;
    c->request.send.consented = (call->items[0].flags & ITEM_FLAG_CONSENTED) != 0;
    c->request.send.withdrawn = (call->items[0].flags & ITEM_FLAG_WITHDRAWN) != 0;
    c->request.send.records = call->records;
    c->request.send.n_records = call->n;
    c->request.send.done = send_done;
    sink->ops->send(sink, &c->request.send);
}

/* Intents that were never begun go back, as if they had not been claimed. */
static void withdraw_ready(struct pusher *p)
{
    struct list *node;

    for (node = list_shift(&p->ready); node != NULL; node = list_shift(&p->ready)) {
        struct pusher_call *c = calloc(1, sizeof(*c));
        struct outcome outcome = {.class = OUTCOME_CANCELED};
        struct policy_call call;
        struct policy_decision d;

        if (c == NULL) {
            abort(); /* as in begin */
        }
        p->n_ready--;
        c->pusher = p;
        c->call = CONTAINER_OF(node, struct journal_call, link);
        call = describe(p, c->call, &outcome);
        d = c->call->verb == JOURNAL_LOOKUP
                ? policy_looked_up(&p->policy, &call, LOOKUP_UNKNOWN, &outcome, 0)
                : policy_sent(&p->policy, &call, &outcome, 0);
        fill_finish(c, &d, &outcome);
        finish(c);
    }
}

/* ---- claim ---- */

static void claim_done(struct journal_op *op)
{
    struct pusher *p = CONTAINER_OF(op, struct pusher, claim.op);

    p->claiming = false;
    p->n_ready += (uint32_t)p->claim.n;
    list_splice(&p->ready, &p->claim.calls);
    p->more = p->more || p->claim.full;
    if (p->claim.held > 0) {
        flow_say(p->env, LOG_LEVEL_WARN, "item_held", p->name,
                 "%u items held while claiming; see `dvcsyncctl queue --state held`",
                 p->claim.held);
    }
    if (p->stopping) {
        withdraw_ready(p);
        check_stopped(p);
        return;
    }
    if (!loop_timer_armed(&p->timer)) {
        uint64_t wall_ms = (uint64_t)loop_wall_ms(p->env->loop);
        uint64_t wait_ms = LOOK_AGAIN_MS;

        if (p->claim.next_due_ms > 0) {
            wait_ms = p->claim.next_due_ms > wall_ms ? p->claim.next_due_ms - wall_ms : 1;
        }
        loop_timer_start(p->env->loop, &p->timer,
                         wait_ms < LOOK_AGAIN_MS ? wait_ms : LOOK_AGAIN_MS);
    }
    pump(p);
}

/* As many intents ahead of free slots as one commit's time needs: what ended while the last claim
 * ran. */
static uint32_t wanted(const struct pusher *p, uint32_t room)
{
    uint64_t interval_us = p->sink->endpoint.interval_us[p->lane];
    uint32_t ahead = 2 * p->ended_since_claim;

    if (p->sink->endpoint.breaker != BREAKER_CLOSED) {
        return p->n_ready > 0 ? 0 : room;
    }
    ahead = ahead < AHEAD_MIN ? AHEAD_MIN : ahead;
    ahead += room;
    if (interval_us > 0 && ahead > 1 + 1000000 / interval_us) {
        ahead = 1 + (uint32_t)(1000000 / interval_us); /* a second's worth: the pace is the limit */
    }
    ahead = ahead > READY_MAX ? READY_MAX : ahead;
    return ahead > p->n_ready ? ahead - p->n_ready : 0;
}

static void claim(struct pusher *p, uint32_t room)
{
    uint32_t want = wanted(p, room);
    unsigned caps = p->sink->adapter->caps;

    if (p->claiming || !p->more || want == 0 || (want < AHEAD_MIN && p->n_ready >= AHEAD_MIN)) {
        return;
    }
    p->claiming = true;
    p->more = false;
    p->ended_since_claim = 0;
    loop_timer_stop(&p->timer);
    p->claim.op.done = claim_done;
    p->claim.flow = p->flow;
    p->claim.snapshot_kind = p->snapshot_kind;
    p->claim.lookup = (caps & ADAPTER_LOOKUP) != 0;
    p->claim.idempotent = (caps & ADAPTER_IDEMPOTENT) != 0;
    p->claim.ask = p->policy.ask;
    p->claim.now_ms = (uint64_t)loop_wall_ms(p->env->loop);
    p->claim.due_cap_ms = p->due_cap_ms;
    p->claim.max = want;
    p->claim.max_ask = room > p->n_ready ? room - p->n_ready : 0;
    journal_claim(p->env->journal, &p->claim);
}

static void pump(struct pusher *p)
{
    struct endpoint *e = &p->sink->endpoint;
    uint64_t now_ms = loop_now_ms(p->env->loop);
    uint64_t wait_ms = 0;

    if (p->stopping || !p->live || journal_condition(p->env->journal) != JOURNAL_OK) {
        if (!p->stopping && p->n_ready > 0 && !p->live) {
            withdraw_ready(p);
        }
        return;
    }
    while (!list_empty(&p->ready)) {
        wait_ms = endpoint_wait_ms(e, p->lane, now_ms);
        if (wait_ms > 0) {
            break;
        }
        p->n_ready--;
        begin(p, CONTAINER_OF(list_shift(&p->ready), struct journal_call, link));
    }
    if (e->paused || now_ms < e->not_before_ms ||
        (e->breaker != BREAKER_CLOSED && endpoint_room(e, now_ms) == 0)) {
        /* The endpoint takes nothing for a while: no intent may lie about as if it were on its way.
         */
        withdraw_ready(p);
        wait_ms = endpoint_wait_ms(e, p->lane, now_ms);
        if (wait_ms != UINT64_MAX) {
            loop_timer_start(p->env->loop, &p->timer, wait_ms > 0 ? wait_ms : 1);
        }
        return;
    }
    if (wait_ms > 0 && wait_ms != UINT64_MAX) {
        loop_timer_start(p->env->loop, &p->timer, wait_ms);
    }
    claim(p, endpoint_room(e, now_ms));
}

void pusher_stop(struct pusher *p, void (*stopped)(void *ctx), void *ctx)
{
    p->stopping = true;
    p->stopped = stopped;
    p->stopped_ctx = ctx;
    loop_timer_stop(&p->timer);
    loop_task_cancel(&p->pump);
    withdraw_ready(p);
    check_stopped(p);
}
