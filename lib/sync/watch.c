#include "sync/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "domain/term.h"
#include "domain/vntime.h"

#define ARRIVALS_LIMIT 20000 /* items that one op counts, some 25 ms of the journal's worker */
#define NAMES_SHOWN 5
#define UNSURE_AGAIN_S 3600 /* where the calendar does not say when an answer changes */

static int64_t now_s(const struct watch *w)
{
    return loop_wall_s(w->env->loop);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return b < a ? b : a;
}

/* True when a line is due: the condition is another than what was told, and the last line is long
 * enough ago. */
static bool alarm_turns(struct watch *w, struct watch_alarm *alarm, bool on)
{
    uint64_t now_ms = loop_now_ms(w->env->loop);

    if (on == alarm->told || now_ms < alarm->next_ms) {
        return false;
    }
    alarm->told = on;
    alarm->next_ms = now_ms + WATCH_PERIOD_MS;
    return true;
}

/* ---- dossiers at risk ---- */

static void tell_risk(struct watch *w)
{
    const struct engine_deadlines *s = &w->status;
    char first[32];

    if (!s->risk_known || !alarm_turns(w, &w->risk_alarm, s->at_risk > 0)) {
        return;
    }
    vntime_format_rfc3339(s->risk_first_s, first, sizeof(first));
    if (s->at_risk > 0) {
        flow_say(w->env, LOG_LEVEL_WARN, "at_risk", "deadlines",
                 "%" PRIu64 " dossiers are promised within %" PRIu32
                 " working hours and not delivered, the first for %s; dvcsyncctl risk",
                 s->at_risk, w->risk_hours, first);
    } else {
        flow_say(w->env, LOG_LEVEL_NOTICE, "at_risk_over", "deadlines",
                 "no dossier is at risk any more");
    }
}

/* When the first that is promised later will be near. */
static int64_t enters_s(const struct watch *w, int64_t promised_s)
{
    int64_t at_s;

    if (calendar_add_seconds(w->cal, promised_s, -(int64_t)w->risk_hours * 3600, &at_s) != 0) {
        return now_s(w) + UNSURE_AGAIN_S;
    }
    return at_s;
}

static void risk_counted(struct journal_op *op)
{
    struct watch *w = CONTAINER_OF(op, struct watch, risk_op.op);
    const struct journal_risk *r = &w->risk_op;

    w->risk_asking = false;
    w->ops--;
    if (op->err == 0) {
        w->status.risk_known = true;
        w->status.at_risk = r->ahead;
        w->status.passed = r->passed;
        w->status.risk_first_s = r->first_s;
        w->risk_again_s = INT64_MAX;
        if (r->first_s != 0) {
            w->risk_again_s = sooner(w->risk_again_s, r->first_s);
        }
        if (r->next_promised_s != 0) {
            w->risk_again_s = sooner(w->risk_again_s, enters_s(w, r->next_promised_s));
        }
        if (r->young > 0) {
            w->risk_again_s = now_s(w);
        }
        tell_risk(w);
    } else {
        w->risk_again_s = 0; /* asked again at the next look */
    }
    w->ended(w->ctx); /* may be the end of us */
}

/* What tells that items came or moved; *open: how many wait. */
static uint64_t mark_of(const struct watch *w, bool live_only, uint64_t *open)
{
    uint64_t mark = 1469598103934665603u; /* any odd number does */

    *open = 0;
    for (size_t i = 0; i < w->n_flows; i++) {
        for (int kind = ITEM_SNAPSHOT; kind <= ITEM_STEP; kind++) {
            for (int state = 0; state < ITEM_STATES && (!live_only || w->live[i]); state++) {
                uint64_t n = journal_tally(w->env->journal, w->flows[i], (enum item_kind)kind,
                                           (enum item_state)state);

                mark = (mark ^ n) * 1099511628211u;
                *open += item_open((enum item_state)state) ? n : 0;
            }
        }
    }
    return mark;
}

static void look_at_risk(struct watch *w)
{
    struct journal_risk *r = &w->risk_op;
    uint64_t open;
    uint64_t mark = mark_of(w, true, &open);
    int64_t horizon_s;

    if (w->risk_asking) {
        return;
    }
    w->status.risk_known =
        calendar_add_seconds(w->cal, now_s(w), (int64_t)w->risk_hours * 3600, &horizon_s) == 0;
    if (!w->status.risk_known) {
        return;
    }
    if (open == 0) {
        w->status.at_risk = 0;
        w->status.passed = 0;
        w->status.risk_first_s = 0;
        w->risk_mark = mark;
        w->risk_again_s = INT64_MAX;
        return;
    }
    if (mark == w->risk_mark && now_s(w) < w->risk_again_s) {
        return;
    }
    r->n_flows = 0;
    for (size_t i = 0; i < w->n_flows && r->n_flows < RISK_FLOWS_MAX; i++) {
        if (w->live[i]) {
            r->flows[r->n_flows] = w->flows[i];
            r->n_flows++;
        }
    }
    r->horizon_s = horizon_s;
    r->now_ms = (uint64_t)loop_wall_ms(w->env->loop);
    r->op.done = risk_counted;
    w->risk_mark = mark;
    w->risk_asking = true;
    w->ops++;
    journal_risk(w->env->journal, r);
}

/* ---- silent agencies ---- */

static void tell_silence(struct watch *w)
{
    const struct engine_deadlines *s = &w->status;

    if (!s->silence_known || !alarm_turns(w, &w->silence_alarm, s->silent > 0)) {
        return;
    }
    if (s->silent > 0) {
        flow_say(w->env, LOG_LEVEL_WARN, "silent", "deadlines",
                 "%" PRIu64 " agencies have sent nothing for %" PRIu32
                 " working days: %s; dvcsyncctl silent",
                 s->silent, w->silent_days, w->silent_names);
    } else {
        flow_say(w->env, LOG_LEVEL_NOTICE, "silent_over", "deadlines",
                 "no agency is silent any more");
    }
}

static void add_name(struct watch *w, const char *code)
{
    size_t used = strlen(w->silent_names);

    if (w->status.silent > NAMES_SHOWN) {
        return;
    }
    (void)snprintf(w->silent_names + used, sizeof(w->silent_names) - used, "%s%s",
                   used > 0 ? ", " : "", w->status.silent == NAMES_SHOWN ? "..." : code);
}

/* One agency: is it silent, and when does that change? */
static void judge_agency(struct watch *w, const struct silence_agency *agency)
{
    int64_t seen_s = (int64_t)(agency->seen_ms / 1000);
    int64_t closed_s = seen_s + (int64_t)(w->silent_until_ms / 1000);
    struct term term;

    if (now_s(w) > closed_s) {
        w->status.closed++;
        return;
    }
    term_read(w->cal, seen_s, (int)w->silent_days, now_s(w), &term);
    if (!term.known) {
        w->status.silence_unknown++;
    } else if (!term.over) {
        w->silence_again_s = sooner(w->silence_again_s, term.due_s);
    } else {
        w->silence_again_s = sooner(w->silence_again_s, closed_s + 1);
        add_name(w, agency->code);
        w->status.silent++;
    }
}

static void judge_silence(struct watch *w)
{
    w->status.silent = 0;
    w->status.closed = 0;
    w->status.silence_unknown = 0;
    w->status.agencies = w->arrivals.n;
    w->silent_names[0] = '\0';
    w->silence_again_s = INT64_MAX;
    for (size_t i = 0; i < w->arrivals.n; i++) {
        judge_agency(w, &w->arrivals.agencies[i]);
    }
    /* What is not covered now may be after a reload, which asks anew. */
    w->status.silence_known = w->arrivals.n == 0 || w->status.silence_unknown < w->arrivals.n;
    tell_silence(w);
}

static void arrivals_counted(struct journal_op *op)
{
    struct watch *w = CONTAINER_OF(op, struct watch, arrivals_op.op);

    w->arrivals_asking = false;
    w->ops--;
    if (op->err != 0) {
        silence_arrivals_free(&w->arrivals_op);
        w->arrivals_mark = 0; /* asked again at the next look */
    } else if (w->silent_days > 0 && w->arrivals_op.more) {
        silence_arrivals_free(&w->arrivals_op); /* the next page at the next tick */
    } else {
        silence_arrivals_free(&w->arrivals);
        w->arrivals = w->arrivals_op;
        judge_silence(w);
    }
    w->ended(w->ctx); /* may be the end of us */
}

static void count_arrivals(struct watch *w)
{
    memcpy(w->arrivals_flows, w->flows, sizeof(w->arrivals_flows));
    w->arrivals_op.flows = w->arrivals_flows;
    w->arrivals_op.n_flows = w->n_flows;
    w->arrivals_op.limit = ARRIVALS_LIMIT;
    w->arrivals_op.op.done = arrivals_counted;
    w->arrivals_asking = true;
    w->ops++;
    silence_arrivals(w->env->journal, &w->arrivals_op);
}

static void look_at_silence(struct watch *w)
{
    uint64_t open;
    uint64_t mark = mark_of(w, false, &open);

    if (w->arrivals_asking) {
        return;
    }
    if (mark != w->arrivals_mark) {
        w->arrivals_mark = mark;
        count_arrivals(w);
    } else if (now_s(w) >= w->silence_again_s) {
        judge_silence(w);
    }
}

/* ---- the calendar ---- */

static void look_at_calendar(struct watch *w)
{
    struct engine_deadlines *s = &w->status;
    char end[32];

    s->covered = calendar_covers(w->cal, now_s(w));
    if (!alarm_turns(w, &w->calendar_alarm,
                     s->calendar_end_s != 0 && s->calendar_end_s - now_s(w) < WATCH_CALENDAR_S)) {
        return;
    }
    vntime_format_rfc3339(s->calendar_end_s, end, sizeof(end));
    if (w->calendar_alarm.told) {
        flow_say(w->env, LOG_LEVEL_WARN, "calendar_ends", "deadlines",
                 "%.120s covers no day from %s on: what needs one is not told; add what follows",
                 calendar_path(w->cal), end);
    } else {
        flow_say(w->env, LOG_LEVEL_NOTICE, "calendar_goes_on", "deadlines",
                 "%.120s covers the days until %s", calendar_path(w->cal), end);
    }
}

/* ---- for the engine ---- */

void watch_init(struct watch *w, const struct flow_env *env, void (*ended)(void *ctx), void *ctx)
{
    memset(w, 0, sizeof(*w));
    w->env = env;
    w->ended = ended;
    w->ctx = ctx;
    arena_init(&w->arrivals.arena, 1);
}

void watch_configure(struct watch *w, const struct config *config)
{
    int64_t first_s;

    calendar_free(w->cal);
    w->cal = config->calendar != NULL ? calendar_hold(config->calendar) : NULL;
    w->risk_hours = config->risk_hours;
    w->silent_days = config->silent_days;
    w->silent_until_ms = config->silent_until_ms;
    w->status =
        (struct engine_deadlines){.risk_hours = w->risk_hours, .silent_days = w->silent_days};
    w->risk_again_s = 0;
    w->arrivals_mark = 0;
    w->look_ms = 0;
    if (w->cal != NULL && !calendar_is_plain(w->cal)) {
        calendar_span(w->cal, &first_s, &w->status.calendar_end_s);
        (void)snprintf(w->status.calendar, sizeof(w->status.calendar), "%s", calendar_path(w->cal));
    }
}

void watch_forget_flows(struct watch *w)
{
    w->n_flows = 0;
}

void watch_flow(struct watch *w, int64_t id, bool live)
{
    if (w->n_flows < CONFIG_MAX_FLOWS) {
        w->flows[w->n_flows] = id;
        w->live[w->n_flows] = live;
        w->n_flows++;
    }
}

void watch_tick(struct watch *w)
{
    uint64_t now_ms = loop_now_ms(w->env->loop);

    if (w->cal == NULL || w->stopped) {
        return;
    }
    /* One page a tick: millions that were never counted must not keep calls waiting. */
    if (w->silent_days > 0 && w->arrivals_op.more && !w->arrivals_asking) {
        count_arrivals(w);
    }
    if (now_ms >= w->look_ms && journal_condition(w->env->journal) == JOURNAL_OK) {
        w->look_ms = now_ms + WATCH_LOOK_MS;
        look_at_calendar(w);
        if (w->risk_hours > 0) {
            look_at_risk(w);
        }
        if (w->silent_days > 0) {
            look_at_silence(w);
        }
    }
    if (!w->risk_asking) {
        tell_risk(w);
    }
    if (!w->arrivals_asking) {
        tell_silence(w);
    }
}

void watch_stop(struct watch *w)
{
    w->stopped = true;
}

void watch_free(struct watch *w)
{
    silence_arrivals_free(&w->arrivals);
    calendar_free(w->cal);
}
