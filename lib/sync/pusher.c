#include "sync/pusher.h"

#include <string.h>

#include "base/crash_point.h"
#include "base/text.h"
#include "sync/pusher_impl.h"

#define CLOCK_SLACK_MS 5000 /* steps of the wall clock that no delay notices */
#define AHEAD_MIN 4
#define AHEAD_MAX 512
#define PEAK_MS 1000
/* Look again so often when nothing else would wake us; a missed wake-up must not stop a flow. */
#define LOOK_AGAIN_MS 60000

static void pump_task(struct loop_task *task)
{
    struct pusher *p = CONTAINER_OF(task, struct pusher, pump);

    p->yields = false;
    pusher_pump(p);
}

static void timer_fired(struct loop_timer *timer)
{
    struct pusher *p = CONTAINER_OF(timer, struct pusher, timer);

    p->more = true;
    pusher_pump(p);
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
    p->intake_lag_seconds =
        metrics_get(env->metrics, METRIC_HISTOGRAM, "dvcsync_intake_lag_seconds",
                    "From the source's time of an item to its storing; of items that succeeded.",
                    labels, 1, lag, sizeof(lag) / sizeof(lag[0]));
    p->whole_lag_seconds = metrics_get(env->metrics, METRIC_HISTOGRAM, "dvcsync_whole_lag_seconds",
                                       "From the source's time of an item to its success.", labels,
                                       1, lag, sizeof(lag) / sizeof(lag[0]));
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
    if (!p->yields) { /* else pusher_room comes */
        loop_defer(p->env->loop, &p->pump);
    }
}

bool pusher_follow(struct pusher *p)
{
    bool before = p->claiming; /* that claim may stand in front of it */

    p->more = true;
    pusher_pump(p);
    return p->claiming && !before;
}

void pusher_room(struct pusher *p)
{
    if (p->n_ready > 0 || p->more || p->yields) {
        loop_defer(p->env->loop, &p->pump);
    }
}

bool pusher_idle(const struct pusher *p)
{
    return p->n_ready + p->n_calls + p->n_finishing == 0 && !p->claiming && !p->more &&
           p->claim.next_due_ms == 0;
}

/* ---- stop ---- */

void pusher_check_stopped(struct pusher *p)
{
    if (p->stopping && p->stopped != NULL && p->n_ready + p->n_calls + p->n_finishing == 0 &&
        !p->claiming) {
        void (*stopped)(void *ctx) = p->stopped;

        p->stopped = NULL;
        stopped(p->stopped_ctx);
    }
}

/* ---- begin ---- */

static struct journal_call *ready_at(struct list *link)
{
    return CONTAINER_OF(link, struct journal_call, link);
}

static bool may_share(const struct journal_call *call)
{
    return call->verb == JOURNAL_SEND && call->kind == RECORD_DOSSIER && call->items[0].solo != 1;
}

/* Of all that goes with a call: equal for everyone in it. */
static bool same_call(const struct journal_call *a, const struct journal_call *b)
{
    const uint32_t flags = ITEM_FLAG_CONSENTED | ITEM_FLAG_WITHDRAWN;

    return a->updating == b->updating && ((a->items[0].flags ^ b->items[0].flags) & flags) == 0;
}

static size_t limit_of(const struct journal_call *call, size_t limit)
{
    return call->items[0].solo > 0 && call->items[0].solo < limit ? call->items[0].solo : limit;
}

/* What is ready and can go in one call with the first; how many places it needs. */
static size_t gather(const struct pusher *p, struct journal_call *first, struct list *out)
{
    size_t limit = limit_of(first, p->sink->adapter->batch);
    struct list *l = p->ready.next;
    size_t n = 1;

    list_init(out);
    list_push(out, &first->link);
    while (may_share(first) && l != &p->ready && n < limit) {
        struct journal_call *call = ready_at(l);

        l = l->next;
        if (may_share(call) && same_call(first, call) && n < limit_of(call, limit)) {
            limit = limit_of(call, limit);
            list_remove(&call->link);
            list_push(out, &call->link);
            n++;
        }
    }
    return n;
}

static void begin(struct pusher *p)
{
    struct adapter *sink = p->sink->adapter;
    struct journal_call *first = ready_at(list_shift(&p->ready));
    struct list members;
    size_t n = gather(p, first, &members);
    struct pusher_call *c = pusher_call_new(p, n);
    struct adapter_send *send = &c->request.send;

    p->n_ready -= (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        pusher_call_add(c, ready_at(list_shift(&members)));
        if (n > 1) {
            c->records[i] = c->members[i].call->records[0];
        }
    }
    list_push(&p->calls, &c->link);
    p->n_calls++;
    endpoint_begin(&p->sink->endpoint, p->lane, loop_now_ms(p->env->loop));
    if (first->verb == JOURNAL_LOOKUP) {
        c->request.lookup.code = first->code;
        c->request.lookup.consented = (first->items[0].flags & ITEM_FLAG_CONSENTED) != 0;
        c->request.lookup.done = pusher_lookup_done;
        CRASH_POINT(lookup_before);
        sink->ops->lookup(sink, &c->request.lookup);
        CRASH_POINT(lookup_begun);
        return;
    }
    send->kind = first->kind;
    send->code = first->code;
    send->updating = first->updating;
    send->consented = (first->items[0].flags & ITEM_FLAG_CONSENTED) != 0;
    send->withdrawn = (first->items[0].flags & ITEM_FLAG_WITHDRAWN) != 0;
    send->records = n > 1 ? c->records : first->records;
    send->n_records = n > 1 ? n : first->n;
    send->sent = c->sent;
    send->done = pusher_send_done;
    CRASH_POINT(send_before);
    sink->ops->send(sink, send);
    CRASH_POINT(send_begun);
}

/* Intents that were never begun go back, as if they had not been claimed. */
static void withdraw_ready(struct pusher *p)
{
    struct list *node;

    for (node = list_shift(&p->ready); node != NULL; node = list_shift(&p->ready)) {
        struct pusher_call *c = pusher_call_new(p, 1);
        struct outcome outcome = {.class = OUTCOME_CANCELED};
        struct policy_call call;
        struct policy_decision d;

        p->n_ready--;
        pusher_call_add(c, ready_at(node));
        call = pusher_describe(p, c->members[0].call, 1, &outcome);
        d = c->members[0].call->verb == JOURNAL_LOOKUP
                ? policy_looked_up(&p->policy, &call, LOOKUP_UNKNOWN, &outcome, 0)
                : policy_sent(&p->policy, &call, &outcome, 0);
        pusher_fill_finish(p, &c->members[0], &d, &outcome);
        CRASH_POINT(withdraw_before);
        pusher_finish(c);
    }
}

/* ---- claim ---- */

static void claim_done(struct journal_op *op)
{
    struct pusher *p = CONTAINER_OF(op, struct pusher, claim.op);

    p->claiming = false;
    CRASH_POINT(claim_committed);
    p->n_ready += (uint32_t)p->claim.n;
    list_splice(&p->ready, &p->claim.calls);
    p->waits_for_slot = p->claim.waits;
    p->more = p->more || p->claim.full || (p->waits_for_slot && p->ended_since_claim > 0);
    if (p->claim.held > 0) {
        flow_say(p->env, LOG_LEVEL_WARN, "item_held", p->name,
                 "%u item%s held while claiming; see `dvcsyncctl queue --state held`",
                 p->claim.held, text_plural(p->claim.held));
    }
    if (p->stopping) {
        withdraw_ready(p);
        pusher_check_stopped(p);
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
    pusher_pump(p);
}

/* The most that ended while a claim was under way, of this second and the one before. The longest
 * commit counts, one that stores a page: between two of those are many short ones. */
static uint32_t note_peak(struct pusher *p)
{
    uint64_t now_ms = loop_now_ms(p->env->loop);

    if (now_ms - p->peak_since_ms >= PEAK_MS) {
        p->peak_before = now_ms - p->peak_since_ms < 2 * PEAK_MS ? p->peak : 0;
        p->peak = 0;
        p->peak_since_ms = now_ms;
    }
    p->peak = p->ended_since_claim > p->peak ? p->ended_since_claim : p->peak;
    return p->peak > p->peak_before ? p->peak : p->peak_before;
}

/* How many intents there should be: those for free slots, and ahead of them as many as one commit's
 * time needs. A claim is made when half of them are left, which must do for its commit; and twice,
 * as what ended may have been as few as were left. */
static uint32_t wanted(struct pusher *p, uint32_t room)
{
    uint64_t interval_us = p->sink->endpoint.interval_us[p->lane];
    uint32_t batch = p->sink->adapter->batch > 1 ? p->sink->adapter->batch : 1;
    uint32_t ahead = 4 * note_peak(p);

    if (p->sink->endpoint.breaker != BREAKER_CLOSED) {
        return p->n_ready > 0 ? 0 : room;
    }
    ahead = ahead < AHEAD_MIN ? AHEAD_MIN : ahead > AHEAD_MAX ? AHEAD_MAX : ahead;
    ahead += room * batch;
    if (interval_us > 0 && ahead > (1 + 1000000 / interval_us) * batch) {
        /* a second's worth: the pace is the limit */
        ahead = (1 + (uint32_t)(1000000 / interval_us)) * batch;
    }
    return ahead;
}

/* How far the wall clock was set back since the last claim. Due times stand in wall time, so that
 * they outlive a restart: a delay of seconds must not become one of a day. (Set forward, they are
 * due at once.) */
static uint64_t clock_back(struct pusher *p)
{
    int64_t before_ms = p->clock_ms;

    p->clock_ms = loop_wall_ms(p->env->loop) - (int64_t)loop_now_ms(p->env->loop);
    return before_ms > p->clock_ms + CLOCK_SLACK_MS ? (uint64_t)(before_ms - p->clock_ms) : 0;
}

static void claim(struct pusher *p, uint32_t room)
{
    uint32_t want = wanted(p, room);
    unsigned caps = p->sink->adapter->caps;

    /* Half of them at once: few large commits instead of many small ones. */
    if (p->claiming || !p->more || want == 0 || want / 2 < p->n_ready) {
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
    p->claim.back_ms = clock_back(p);
    p->claim.due_cap_ms = p->due_cap_ms;
    p->claim.max = want - p->n_ready < JOURNAL_CLAIM_MAX ? want - p->n_ready : JOURNAL_CLAIM_MAX;
    p->claim.max_ask = room > p->n_ready ? room - p->n_ready : 0;
    journal_claim(p->env->journal, &p->claim);
}

void pusher_pump(struct pusher *p)
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
    while (!p->yields && !list_empty(&p->ready)) {
        wait_ms = party_wait_ms(p->sink, p->lane, p, now_ms);
        if (wait_ms > 0) {
            break;
        }
        begin(p);
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
    if (!p->yields) { /* the places are not ours yet */
        claim(p, endpoint_room(e, now_ms));
    }
}

void pusher_stop(struct pusher *p, void (*stopped)(void *ctx), void *ctx)
{
    p->stopping = true;
    p->stopped = stopped;
    p->stopped_ctx = ctx;
    loop_timer_stop(&p->timer);
    loop_task_cancel(&p->pump);
    withdraw_ready(p);
    pusher_check_stopped(p);
}
