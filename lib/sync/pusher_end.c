/* pusher_end: what follows from the end of a call: the policy's decision for each dossier of it,
 * the attempt that is stored, the line that is logged, and who is told. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash_point.h"
#include "base/digest.h"
#include "sync/pusher_impl.h"

/* ---- finish ---- */

struct pusher_call *pusher_call_new(struct pusher *p, size_t n)
{
    struct pusher_call *c = calloc(1, sizeof(*c));

    if (c != NULL) {
        c->members = calloc(n, sizeof(*c->members));
        c->records = n > 1 ? calloc(n, sizeof(*c->records)) : NULL;
        c->sent = n > 1 ? calloc(n, sizeof(*c->sent)) : NULL;
    }
    if (c == NULL || c->members == NULL || (n > 1 && (c->records == NULL || c->sent == NULL))) {
        abort(); /* a small fixed allocation; the intent is UNSURE at the next start, nothing is
                    lost */
    }
    c->pusher = p;
    list_init(&c->link);
    return c;
}

void pusher_call_add(struct pusher_call *c, struct journal_call *call)
{
    c->members[c->n] = (struct pusher_member){.group = c, .call = call};
    c->n++;
}

static void call_free(struct pusher_call *c)
{
    free(c->members);
    free(c->records);
    free(c->sent);
    free(c);
}

/* What is committed now may be told. */
static void tell(struct pusher *p, const struct pusher_member *m)
{
    const struct journal_finish *f = &m->finish;
    const struct pusher_news news = {.code = m->call->code,
                                     .step = m->call->kind == RECORD_STEP,
                                     .items = f->items,
                                     .n = f->n,
                                     .became = f->became,
                                     .hold = f->hold,
                                     .reason = f->reason,
                                     .answer = f->code,
                                     .words = f->words,
                                     .settled = f->settled};

    if (f->op.err == 0 && !f->withdrawn && p->ended != NULL) {
        p->ended(p->ctx, &news);
    }
}

static void finish_done(struct journal_op *op)
{
    struct pusher_member *m = CONTAINER_OF(op, struct pusher_member, finish.op);
    struct pusher_call *c = m->group;
    struct pusher *p = c->pusher;

    CRASH_POINT(finish_committed);
    p->n_finishing--;
    p->more = p->more || m->finish.ready || m->finish.withdrawn;
    /* PENDING or UNSURE later: the claim that follows learns when. */
    p->more = p->more || m->finish.to == ITEM_PENDING || m->finish.to == ITEM_UNSURE;
    tell(p, m);
    journal_call_free(m->call);
    c->finishing--;
    if (c->finishing == 0) {
        call_free(c);
    }
    pusher_check_stopped(p);
    pusher_pump(p);
}

void pusher_finish(struct pusher_call *c)
{
    struct pusher *p = c->pusher;
    size_t n = c->n;

    p->n_finishing += (uint32_t)n;
    c->finishing = n;
    for (size_t i = 0; i < n; i++) {
        c->members[i].finish.op.done = finish_done;
        journal_finish(p->env->journal, &c->members[i].finish);
    }
}

static bool answer_repeats(const struct journal_call *call, const struct outcome *outcome)
{
    char answer[sizeof(call->last_answer)];

    (void)snprintf(answer, sizeof(answer), "%s %s", outcome->code, outcome->words);
    return call->items[0].same > 0 && strcmp(answer, call->last_answer) == 0;
}

struct policy_call pusher_describe(const struct pusher *p, const struct journal_call *call,
                                   size_t dossiers, const struct outcome *outcome)
{
    struct policy_call d = {
        .step = call->kind == RECORD_STEP,
        .n = call->n,
        .dossiers = dossiers,
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

static void fill_attempt(struct journal_finish *f, const struct policy_decision *d,
                         const struct outcome *outcome)
{
    f->outcome = (int)d->stored;
    f->http = outcome->http;
    memcpy(f->code, outcome->code, sizeof(f->code));
    memcpy(f->words, outcome->words, sizeof(f->words));
    memcpy(f->request, outcome->request, sizeof(f->request));
    memcpy(f->response, outcome->response, sizeof(f->response));
    f->repeats = outcome->repeats;
    f->took_ms = outcome->took_ms;
    f->withdrawn = outcome->class == OUTCOME_CANCELED;
    f->status = outcome->status > 0 ? outcome->status : -1;
    f->has_content = outcome->has_content;
    memcpy(f->content, outcome->content, sizeof(f->content));
    (void)snprintf(f->local_no, sizeof(f->local_no), "%s", outcome->local_no);
}

void pusher_fill_finish(struct pusher *p, struct pusher_member *m, const struct policy_decision *d,
                        const struct outcome *outcome)
{
    struct journal_finish *f = &m->finish;
    uint64_t now_ms = (uint64_t)loop_wall_ms(p->env->loop);

    journal_finish_init(f, m->call);
    fill_attempt(f, d, outcome);
    f->ended_ms = now_ms;
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
}

/* Clocks of other systems may be ahead of ours: that is no lag. */
static double lag_s(int64_t from_ms, int64_t to_ms)
{
    return to_ms > from_ms ? (double)(to_ms - from_ms) / 1000.0 : 0;
}

/* source_s 0: its source tells no time. */
static void count_lag(struct pusher *p, const struct journal_call_item *item, int64_t source_s,
                      int64_t now_ms)
{
    metric_observe(p->lag_seconds, lag_s(item->created_ms, now_ms));
    if (source_s != 0) {
        metric_observe(p->intake_lag_seconds, lag_s(source_s * 1000, item->created_ms));
        metric_observe(p->whole_lag_seconds, lag_s(source_s * 1000, now_ms));
    }
}

static void count(struct pusher *p, const struct pusher_call *c, const struct outcome *outcome)
{
    int64_t now_ms = loop_wall_ms(p->env->loop);

    metric_add(p->outcomes[outcome->class], 1);
    metric_observe(p->call_seconds, outcome->took_ms / 1000.0);
    p->unsure += outcome->class == OUTCOME_UNSURE;
    p->refused += outcome->class == OUTCOME_PERMANENT || outcome->class == OUTCOME_BACKOFF;
    if (c->members[0].call->verb == JOURNAL_LOOKUP) {
        p->lookups++;
        return;
    }
    p->sent++;
    for (size_t k = 0; k < c->n; k++) {
        const struct journal_call *call = c->members[k].call;

        if (c->members[k].finish.to != ITEM_DONE) {
            continue;
        }
        p->delivered += call->n;
        p->last_delivery_ms = (uint64_t)now_ms;
        for (size_t i = 0; i < call->n; i++) {
            count_lag(p, &call->items[i], call->records[i].at_s, now_ms);
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

/* One line a dossier of a call, as a mail queue has one a delivery. */
static void say_call(struct pusher *p, const struct pusher_call *c, const struct pusher_member *m,
                     const struct outcome *outcome)
{
    const struct journal_finish *f = &m->finish;
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
    name_dossier(p, m->call->code, dossier);
    log_line(p->env->log, LOG_LEVEL_INFO, "call", fields, sizeof(fields) / sizeof(fields[0]),
             "%s: %s of %zu, item %s, dossier %s: %s, now %s", p->name,
             f->verb == JOURNAL_LOOKUP ? "look-up" : "call", c->n > 1 ? c->n : f->n, record,
             dossier, outcome_name(outcome->class), item_state_name(f->to));
}

static void say_outcome(struct pusher *p, const struct pusher_call *c,
                        const struct pusher_member *m, const struct outcome *outcome)
{
    const struct journal_finish *f = &m->finish;
    uint64_t suppressed = 0;

    if (f->to == ITEM_HELD &&
        log_limit_pass(&p->held_log, loop_now_ms(p->env->loop), 10000, &suppressed)) {
        flow_say(p->env, LOG_LEVEL_WARN, "item_held", p->name,
                 "item %" PRId64 " held (%s): %s (%" PRIu64 " more not shown)", f->items[0],
                 hold_why_name(f->hold), f->reason, suppressed);
    }
    say_call(p, c, m, outcome);
}

/* The outcome as it is for one dossier of a call. */
static void outcome_of(const struct pusher_call *c, size_t i, const struct outcome *shared,
                       struct outcome *out)
{
    const struct adapter_sent *sent = c->sent != NULL ? &c->sent[i] : NULL;

    *out = *shared;
    if (sent == NULL) {
        return;
    }
    out->status = sent->status;
    out->has_content = sent->has_content;
    memcpy(out->content, sent->content, sizeof(out->content));
    out->local_no[0] = '\0';
    if (sent->hold != HOLD_NONE) {
        out->class = OUTCOME_HELD;
        out->hold = sent->hold;
        (void)snprintf(out->words, sizeof(out->words), "%.299s", sent->reason);
    }
}

/* How many dossiers really were in the call. */
static size_t dossiers_in(const struct pusher_call *c)
{
    size_t n = c->n;

    for (size_t i = 0; c->sent != NULL && i < c->n; i++) {
        n -= c->sent[i].hold != HOLD_NONE;
    }
    return n;
}

static void ended(struct pusher_call *c, enum endpoint_action action, const struct outcome *outcome)
{
    struct pusher *p = c->pusher;

    list_remove(&c->link);
    p->n_calls--;
    if (p->claiming) {
        p->ended_since_claim += (uint32_t)c->n;
    }
    p->more = p->more || p->waits_for_slot;
    count(p, c, outcome);
    for (size_t i = 0; i < c->n; i++) {
        struct outcome own;

        outcome_of(c, i, outcome, &own);
        say_outcome(p, c, &c->members[i], &own);
    }
    CRASH_POINT(finish_before);
    pusher_finish(c);
    party_act(p->env, p->sink, action, outcome);
    if (party_wanted(p->sink, p)) {
        p->yields = true;
        loop_task_cancel(&p->pump); /* it comes after theirs */
    }
    party_end(p->env, p->sink, outcome);
    pusher_pump(p);
}

void pusher_send_done(struct adapter_send *send)
{
    struct pusher_call *c = CONTAINER_OF(send, struct pusher_call, request.send);
    struct pusher *p = c->pusher;
    struct outcome outcome = send->outcome;
    size_t dossiers = dossiers_in(c);

    CRASH_POINT(send_answered);
    if (p->policy.forget_doubt && outcome.class == OUTCOME_UNSURE) {
        outcome.class = OUTCOME_TRANSIENT; /* nor may an attempt in doubt excuse the repeat */
    }
    for (size_t i = 0; i < c->n; i++) {
        struct policy_call call;
        struct policy_decision d;
        struct outcome own;

        outcome_of(c, i, &outcome, &own);
        call = pusher_describe(p, c->members[i].call, dossiers, &own);
        d = policy_sent(&p->policy, &call, &own, loop_random(p->env->loop));
        pusher_fill_finish(p, &c->members[i], &d, &own);
    }
    ended(c, policy_endpoint(&outcome, p->sink->endpoint.auth_in_row), &outcome);
}

void pusher_lookup_done(struct adapter_lookup *lookup)
{
    struct pusher_call *c = CONTAINER_OF(lookup, struct pusher_call, request.lookup);
    struct pusher *p = c->pusher;
    struct outcome outcome = lookup->outcome;
    struct policy_call call = pusher_describe(p, c->members[0].call, 1, &outcome);
    struct policy_decision d =
        policy_looked_up(&p->policy, &call, lookup->answer, &outcome, loop_random(p->env->loop));

    CRASH_POINT(lookup_answered);
    pusher_fill_finish(p, &c->members[0], &d, &outcome);
    ended(c, d.action, &outcome);
}
