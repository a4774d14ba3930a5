#include "sync/flow.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void flow_say(const struct flow_env *env, enum log_level level, const char *kind, const char *flow,
              const char *format, ...)
{
    const struct log_field fields[] = {{"DVC_FLOW", flow}};
    char text[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_line(env->log, level, kind, fields, 1, "%s: %s", flow, text);
    if (env->event != NULL) {
        char line[480];

        (void)snprintf(line, sizeof(line), "%s: %s", flow, text);
        env->event(env->event_ctx, level, kind, line);
    }
}

uint64_t party_wait_ms(struct party *party, enum endpoint_lane lane, const void *who,
                       uint64_t now_ms)
{
    uint64_t wait_ms = endpoint_wait_ms(&party->endpoint, lane, now_ms);

    if (wait_ms == UINT64_MAX && party->refused[0] != who) {
        party->refused[1] = party->refused[0];
        party->refused[0] = who;
    }
    return wait_ms;
}

bool party_wanted(const struct party *party, const void *who)
{
    bool wanted = false;

    for (size_t i = 0; i < 2; i++) {
        wanted = wanted || (party->refused[i] != NULL && party->refused[i] != who);
    }
    return wanted;
}

void party_round(struct party *party)
{
    memset(party->refused, 0, sizeof(party->refused));
}

void party_end(const struct flow_env *env, struct party *party, const struct outcome *outcome)
{
    struct endpoint *e = &party->endpoint;
    uint64_t now_ms = loop_now_ms(env->loop);

    if (endpoint_end(e, outcome, now_ms, loop_wall_ms(env->loop), loop_random(env->loop))) {
        if (e->breaker == BREAKER_OPEN) {
            flow_say(env, LOG_LEVEL_WARN, "breaker_open", e->name,
                     "%u failures in a row, no calls for %" PRIu64 " ms: %s", e->failures_in_row,
                     e->open_until_ms - now_ms, e->last_failure);
        } else {
            flow_say(env, LOG_LEVEL_NOTICE, "breaker_closed", e->name, "answers again");
        }
    }
    if (outcome->alert) {
        flow_say(env, LOG_LEVEL_ERROR, "endpoint_alert", e->name, "%s", outcome->words);
    }
    party->room(party->ctx);
}

void party_act(const struct flow_env *env, struct party *party, enum endpoint_action action,
               const struct outcome *outcome)
{
    struct endpoint *e = &party->endpoint;
    uint64_t now_ms = loop_now_ms(env->loop);
    char reason[200];

    if (action == ENDPOINT_PAUSE) {
        (void)snprintf(reason, sizeof(reason), "%.190s", outcome->words);
        party_pause(env, party, reason);
    } else if (action == ENDPOINT_COOL_DOWN && now_ms >= e->not_before_ms) {
        endpoint_cool_down(e, now_ms, loop_random(env->loop));
        flow_say(env, LOG_LEVEL_ERROR, "login_refused", e->name,
                 "login refused, no calls for %" PRIu64 " ms: %s", e->not_before_ms - now_ms,
                 outcome->words);
    }
}

void party_pause(const struct flow_env *env, struct party *party, const char *reason)
{
    if (party->endpoint.paused) {
        return;
    }
    endpoint_pause(&party->endpoint, reason, loop_wall_ms(env->loop));
    flow_say(env, LOG_LEVEL_ERROR, "endpoint_paused", party->endpoint.name,
             "paused: %s; `dvcsyncctl resume %s` when it is mended", reason, party->endpoint.name);
    party->paused(party->ctx, party);
}

void party_read(const struct flow_env *env, struct party *party, int err, const struct errmsg *why)
{
    struct outcome outcome = {.class = OUTCOME_DONE};

    if (err == ERR_CANCELED) {
        outcome.class = OUTCOME_CANCELED;
    } else if (err == ERR_REMOTE || err == ERR_TIMEOUT) {
        outcome.class = OUTCOME_TRANSIENT;
        outcome.transport = true;
        (void)snprintf(outcome.words, sizeof(outcome.words), "%.300s",
                       why->text[0] != '\0' ? why->text : err_text(err));
    }
    party_end(env, party, &outcome);
    if (err == ERR_DENIED) {
        endpoint_deny(&party->endpoint, why->text[0] != '\0' ? why->text : err_text(err),
                      loop_wall_ms(env->loop));
    }
}

int flow_judge(const struct party *sink, const struct record *record, bool by_content,
               struct flow_judged *out)
{
    struct adapter_check *check = &out->check;

    memset(out, 0, sizeof(*out));
    check->record = record;
    check->by_content = by_content;
    if (sink != NULL && sink->adapter->ops->check != NULL) {
        sink->adapter->ops->check(sink->adapter, check);
    }
    out->stored.record = *record;
    out->stored.status = check->status;
    out->stored.hold = check->hold;
    out->stored.flags = check->flags;
    out->stored.reason = check->reason;
    out->stored.solo = record->alone;
    if (sink != NULL && (sink->adapter->caps & ADAPTER_COUNTS) != 0) {
        out->stored.record.figures = NULL; /* counted in the flow that brings it to the portal */
    }
    if (check->has_held_hash && (by_content || record->kind != RECORD_STEP)) {
        memcpy(out->stored.record.hash, check->held_hash, sizeof(out->stored.record.hash));
    }
    return check->err;
}
