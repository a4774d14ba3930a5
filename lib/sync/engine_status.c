#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "sync/engine_impl.h"

#define OLD_MS UINT64_C(14400000)

const char *engine_verdict_name(enum engine_verdict v)
{
    static const char *const names[] = {"ok", "degraded", "failing"};

    return v <= ENGINE_FAILING ? names[v] : "unknown";
}

static void reason(struct engine_status *s, enum engine_verdict v, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void reason(struct engine_status *s, enum engine_verdict v, const char *format, ...)
{
    va_list args;

    s->verdict = v > s->verdict ? v : s->verdict;
    if (s->n_reasons == sizeof(s->reasons) / sizeof(s->reasons[0])) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(s->reasons[s->n_reasons++], sizeof(s->reasons[0]), format, args);
    va_end(args);
}

static void endpoint_status(const struct engine *e, const struct party *party,
                            struct engine_endpoint_status *out)
{
    const struct endpoint *p = &party->endpoint;
    uint64_t now_ms = loop_now_ms(e->env.loop);
    uint64_t wall_ms = (uint64_t)loop_wall_ms(e->env.loop);

    (void)snprintf(out->name, sizeof(out->name), "%s", p->name);
    out->paused = p->paused;
    (void)snprintf(out->pause_reason, sizeof(out->pause_reason), "%s", p->pause_reason);
    out->paused_since_ms = p->paused ? p->paused_since_ms : 0;
    out->breaker = p->breaker;
    if (p->breaker != BREAKER_CLOSED && p->open_until_ms > now_ms) {
        out->open_until_ms = wall_ms + p->open_until_ms - now_ms;
    }
    out->in_flight = p->in_flight;
    out->window = p->window < 1 ? 1 : (uint32_t)p->window;
    out->max_in_flight = p->max_in_flight;
    out->calls = p->calls;
    out->failures = p->failures;
    out->logins_refused = p->cooled > 0 ? p->cooled : p->denied;
    out->last_success_ms = p->last_success_ms;
    out->last_failure_ms = p->last_failure_ms;
    (void)snprintf(out->last_failure, sizeof(out->last_failure), "%s", p->last_failure);
    if (party->adapter->ops->notes != NULL) {
        out->n_notes = party->adapter->ops->notes(party->adapter, out->notes);
    }
}

static void fill_counts(const struct engine *e, const struct flow *f,
                        struct engine_flow_status *out)
{
    for (int state = 0; state < ITEM_STATES; state++) {
        for (int kind = ITEM_SNAPSHOT; kind <= ITEM_STEP; kind++) {
            out->counts[kind][state] =
                journal_tally(e->env.journal, f->id, (enum item_kind)kind, (enum item_state)state);
        }
    }
    for (size_t i = 0; i < e->summary.n; i++) {
        if (e->summary.flows[i].flow == f->id) {
            memcpy(out->held, e->summary.flows[i].held, sizeof(out->held));
            out->oldest_ms = e->summary.flows[i].oldest_ms;
            out->behind = e->summary.flows[i].behind;
            out->behind_ms = e->summary.flows[i].behind_ms;
        }
    }
}

static uint64_t waiting(const struct engine_flow_status *s)
{
    uint64_t n = 0;

    for (int kind = ITEM_SNAPSHOT; kind <= ITEM_STEP; kind++) {
        n += s->counts[kind][ITEM_PENDING] + s->counts[kind][ITEM_INFLIGHT] +
             s->counts[kind][ITEM_UNSURE];
    }
    return n;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void poller_status(const struct poller *p, struct engine_flow_status *out)
{
    out->last_poll_ms = later(out->last_poll_ms, p->last_poll_ms);
    out->last_full_sweep_ms = later(out->last_full_sweep_ms, p->last_full_ms);
    out->full_sweeps += p->full_sweeps;
    out->sweeping = out->sweeping || p->step != POLLER_IDLE;
    out->rows_seen += p->rows_seen;
    out->rows_changed += p->rows_changed;
    out->details += p->n_details;
    out->detail_failures += p->detail_failures;
    out->idle = out->idle && poller_idle(p);
    if (out->trouble[0] == '\0' && p->trouble[0] != '\0') {
        (void)snprintf(out->trouble, sizeof(out->trouble), "%s", p->trouble);
    }
}

static void source_status(const struct flow_source *s, struct engine_source_status *out)
{
    (void)snprintf(out->flow, sizeof(out->flow), "%s", s->flow->name);
    (void)snprintf(out->name, sizeof(out->name), "%s", s->party->endpoint.name);
    out->polls = s->has_poller;
    out->listens = s->has_host;
    out->rank = s->host.rank;
    if (s->has_poller) {
        const struct poller *p = &s->poller;

        out->polling = poller_busy(p);
        out->last_poll_ms = p->last_poll_ms;
        out->rows_seen = p->rows_seen;
        out->rows_changed = p->rows_changed;
        out->details = p->n_details;
        out->detail_failures = p->detail_failures;
        out->acks = p->ack.rows;
        out->ack_failures = p->ack.failures;
        (void)snprintf(out->trouble, sizeof(out->trouble), "%s", p->trouble);
    }
    out->taken = s->host.taken;
    out->refused = s->host.refused;
    out->waiting = s->host.waiting;
}

static uint64_t age_of(uint64_t since_ms, uint64_t wall_ms)
{
    return since_ms > 0 && wall_ms > since_ms ? wall_ms - since_ms : 0;
}

static void flow_status(const struct engine *e, const struct flow *f,
                        struct engine_flow_status *out)
{
    uint64_t wall_ms = (uint64_t)loop_wall_ms(e->env.loop);

    (void)snprintf(out->name, sizeof(out->name), "%s", f->name);
    (void)snprintf(out->from, sizeof(out->from), "%s", f->from);
    (void)snprintf(out->to, sizeof(out->to), "%s", f->to);
    out->kind = f->kind;
    out->mode = f->mode;
    out->flow_id = f->id;
    fill_counts(e, f, out);
    out->idle = true; /* steps behind a held item wait for a person, not for us */
    if (waiting(out) == 0) {
        out->oldest_ms = 0; /* the summary is older than that */
        out->behind_ms = 0;
        out->behind = 0;
    }
    out->lag_ms = age_of(out->oldest_ms, wall_ms);
    out->behind_lag_ms = age_of(out->behind_ms, wall_ms);
    for (size_t i = 0; i < f->n_sources; i++) {
        if (f->sources[i].has_poller) {
            poller_status(&f->sources[i].poller, out);
            out->owed = e->summary.owed_rows;
        }
        out->idle = out->idle && f->sources[i].host.n_offers == f->sources[i].host.waiting;
    }
    out->idle = out->idle && out->owed == 0;
    if (f->has_pusher) {
        out->delivered = f->pusher.delivered;
        out->calls = f->pusher.sent;
        out->lookups = f->pusher.lookups;
        out->unsure = f->pusher.unsure;
        out->refused = f->pusher.refused;
        out->last_delivery_ms = f->pusher.last_delivery_ms;
        out->idle = out->idle && (!f->pusher.live || pusher_idle(&f->pusher));
    }
    if (f->has_catalog) {
        out->catalog_read_ms = f->catalog.read_ms;
        (void)snprintf(out->trouble, sizeof(out->trouble), "%s", f->catalog.trouble);
        out->idle = out->idle && catalog_idle(&f->catalog) &&
                    (!f->has_pusher || f->pusher.delivered == f->delivered_seen);
    }
    if (f->has_walk && f->kind != FLOW_SEEN) {
        out->adopting = f->walk.walking;
        out->adopt_done = f->walk.asked;
        out->adopt_total = f->adopt_total;
        out->idle = out->idle && !f->walk.walking;
    }
}

/* Items of flows that the configuration no longer names. */
static uint64_t orphans(const struct engine *e)
{
    uint64_t n = 0;

    for (size_t i = 0; i < e->summary.n; i++) {
        int64_t id = e->summary.flows[i].flow;
        bool known = false;

        for (size_t k = 0; k < e->n_flows; k++) {
            known = known || (e->flows[k]->id == id &&
                              config_flow_find(e->config, e->flows[k]->name) != NULL);
        }
        for (int state = 0; state < ITEM_STATES && !known; state++) {
            if (item_open((enum item_state)state)) {
                n += journal_tally(e->env.journal, id, ITEM_SNAPSHOT, (enum item_state)state) +
                     journal_tally(e->env.journal, id, ITEM_STEP, (enum item_state)state);
            }
        }
    }
    return n;
}

static void judge_flow(struct engine_status *out, const struct engine_flow_status *f)
{
    uint64_t held = f->counts[ITEM_SNAPSHOT][ITEM_HELD] + f->counts[ITEM_STEP][ITEM_HELD];

    if (held > 0) {
        char behind[48] = "";

        if (f->behind > 0) {
            (void)snprintf(behind, sizeof(behind), ", %" PRIu64 " waiting behind", f->behind);
        }
        reason(out, ENGINE_DEGRADED,
               "flow %s: %" PRIu64 " item%s held%s; `dvcsyncctl queue --state held`", f->name, held,
               text_plural(held), behind);
    }
    if (f->lag_ms > OLD_MS && f->mode == FLOW_LIVE) {
        reason(out, ENGINE_FAILING, "flow %s: the oldest item waits since %" PRIu64 " minutes",
               f->name, f->lag_ms / 60000);
    }
    if (f->trouble[0] != '\0') {
        reason(out, ENGINE_DEGRADED, "flow %s: %.160s", f->name, f->trouble);
    }
}

static void judge_endpoint(struct engine_status *out, const struct engine_endpoint_status *p)
{
    if (p->paused) {
        reason(out, ENGINE_FAILING, "endpoint %s is paused: %.150s", p->name, p->pause_reason);
    } else if (p->breaker != BREAKER_CLOSED) {
        reason(out, ENGINE_DEGRADED, "endpoint %s does not answer: %.150s", p->name,
               p->last_failure);
    } else if (p->logins_refused > 0) {
        reason(out, ENGINE_DEGRADED, "endpoint %s refuses the login: %.150s", p->name,
               p->last_failure);
    }
}

static void reconcile_status(const struct engine *e, struct engine_reconcile_status *out)
{
    struct reviewer_status s;

    reviewer_status(&e->reviewer, &s);
    out->running = s.running;
    out->id = s.id;
    memcpy(out->scope, s.scope, sizeof(out->scope));
    out->fix = s.fix;
    out->sweeping = s.sweeping;
    out->begun_ms = s.begun_ms;
    out->ended_ms = s.ended_ms;
    out->compared = s.numbers.compared;
    out->differences = s.numbers.differences;
    out->mended = s.numbers.mended;
    out->lookups = s.lookups;
    memcpy(out->trouble, s.trouble, sizeof(out->trouble));
    out->nightly = e->reviewer.at_minute >= 0;
    out->nightly_ms = s.nightly_ms;
}

static void judge_deadlines(struct engine_status *out, const struct engine_deadlines *d)
{
    if (d->risk_known && d->at_risk > 0) {
        reason(out, ENGINE_DEGRADED,
               "%" PRIu64 " dossiers are promised within %" PRIu32
               " working hours and not delivered; `dvcsyncctl risk`",
               d->at_risk, d->risk_hours);
    }
}

void engine_status(struct engine *e, struct engine_status *out)
{
    memset(out, 0, sizeof(*out));
    out->idle = true;
    out->ready = journal_condition(e->env.journal) == JOURNAL_OK && e->running;
    if (journal_condition(e->env.journal) != JOURNAL_OK) {
        reason(out, ENGINE_FAILING, "journal: %.200s", journal_condition_text(e->env.journal));
    }
    for (size_t i = 0; i < e->n_parties; i++) {
        endpoint_status(e, &e->parties[i], &out->endpoints[out->n_endpoints]);
        judge_endpoint(out, &out->endpoints[out->n_endpoints++]);
    }
    for (size_t i = 0; i < e->n_flows; i++) {
        flow_status(e, e->flows[i], &out->flows[out->n_flows]);
        out->idle = out->idle && out->flows[out->n_flows].idle;
        judge_flow(out, &out->flows[out->n_flows++]);
        for (size_t k = 0; k < e->flows[i]->n_sources && out->n_sources < ENGINE_SOURCES_MAX; k++) {
            source_status(&e->flows[i]->sources[k], &out->sources[out->n_sources++]);
        }
    }
    reconcile_status(e, &out->reconcile);
    out->deadlines = e->watch.status;
    judge_deadlines(out, &out->deadlines);
    out->orphaned = orphans(e);
    if (out->orphaned > 0) {
        reason(out, ENGINE_DEGRADED, "%" PRIu64 " item%s of flows that are no longer configured",
               out->orphaned, text_plural(out->orphaned));
    }
}
