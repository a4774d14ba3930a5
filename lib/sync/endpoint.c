#include "sync/endpoint.h"

#include <stdio.h>
#include <string.h>

#include "sync/policy.h"

#define BREAKER_FAILURES 5
#define RETRY_AFTER_MAX_S 86400
/* A probe costs next to nothing, and what waits behind the breaker grows late: no hour between
 * probes. */
#define PROBE_CAP_MS UINT64_C(300000)
/* Calls may run ahead of their pace by this much, so that a coarse timer does not slow them. */
#define PACE_SLACK_US UINT64_C(50000)

const char *breaker_name(enum breaker_state state)
{
    static const char *const names[] = {"closed", "open", "half_open"};

    return state <= BREAKER_HALF_OPEN ? names[state] : "unknown";
}

void endpoint_init(struct endpoint *e, const char *name)
{
    memset(e, 0, sizeof(*e));
    (void)snprintf(e->name, sizeof(e->name), "%s", name);
    e->max_in_flight = 1;
    e->window = 1;
}

void endpoint_configure(struct endpoint *e, uint32_t max_in_flight,
                        const uint32_t per_minute[ENDPOINT_LANES], uint64_t first_ms,
                        uint64_t cap_ms)
{
    if (max_in_flight != e->max_in_flight) {
        e->window = max_in_flight;
    }
    e->max_in_flight = max_in_flight;
    for (int lane = 0; lane < ENDPOINT_LANES; lane++) {
        e->interval_us[lane] = per_minute[lane] > 0 ? UINT64_C(60000000) / per_minute[lane] : 0;
    }
    e->first_ms = first_ms;
    e->cap_ms = cap_ms;
}

uint32_t endpoint_room(const struct endpoint *e, uint64_t now_ms)
{
    uint32_t window = e->window < 1 ? 1 : (uint32_t)e->window;

    if (e->paused || now_ms < e->not_before_ms) {
        return 0;
    }
    if (e->breaker != BREAKER_CLOSED) {
        /* Half-open: one probe at a time. */
        return now_ms >= e->open_until_ms && !e->probing && e->in_flight == 0 ? 1 : 0;
    }
    return e->in_flight < window ? window - e->in_flight : 0;
}

uint64_t endpoint_wait_ms(const struct endpoint *e, enum endpoint_lane lane, uint64_t now_ms)
{
    uint64_t now_us = now_ms * 1000;
    uint64_t until_ms = e->not_before_ms;

    if (e->paused) {
        return UINT64_MAX;
    }
    if (e->breaker != BREAKER_CLOSED && e->open_until_ms > until_ms) {
        until_ms = e->open_until_ms;
    }
    if (now_ms < until_ms) {
        return until_ms - now_ms;
    }
    if (endpoint_room(e, now_ms) == 0) {
        return UINT64_MAX;
    }
    if (e->interval_us[lane] > 0 && e->free_at_us[lane] > now_us + PACE_SLACK_US) {
        return 1 + (e->free_at_us[lane] - now_us - PACE_SLACK_US) / 1000;
    }
    return 0;
}

void endpoint_begin(struct endpoint *e, enum endpoint_lane lane, uint64_t now_ms)
{
    uint64_t now_us = now_ms * 1000;

    e->in_flight++;
    e->calls++;
    if (e->free_at_us[lane] < now_us) {
        e->free_at_us[lane] = now_us;
    }
    e->free_at_us[lane] += e->interval_us[lane];
    if (e->breaker != BREAKER_CLOSED) {
        e->breaker = BREAKER_HALF_OPEN;
        e->probing = true;
    }
}

static void open_breaker(struct endpoint *e, uint64_t now_ms, uint64_t random)
{
    e->opened++;
    e->breaker = BREAKER_OPEN;
    e->open_until_ms =
        now_ms + policy_backoff_ms(e->first_ms, e->cap_ms < PROBE_CAP_MS ? e->cap_ms : PROBE_CAP_MS,
                                   e->opened, random);
}

static void note_failure(struct endpoint *e, const char *words, int64_t wall_ms)
{
    e->failures++;
    e->last_failure_ms = (uint64_t)wall_ms;
    (void)snprintf(e->last_failure, sizeof(e->last_failure), "%.180s", words);
}

static void failed(struct endpoint *e, const struct outcome *outcome, uint64_t now_ms,
                   int64_t wall_ms, uint64_t random)
{
    uint32_t wait_s =
        outcome->retry_after_s < RETRY_AFTER_MAX_S ? outcome->retry_after_s : RETRY_AFTER_MAX_S;

    note_failure(e, outcome->words, wall_ms);
    e->failures_in_row++;
    e->window = e->window / 2 < 1 ? 1 : e->window / 2;
    if (wait_s > 0 && e->not_before_ms < now_ms + wait_s * UINT64_C(1000)) {
        e->not_before_ms = now_ms + wait_s * UINT64_C(1000);
    }
    if (e->breaker == BREAKER_HALF_OPEN ||
        (e->breaker == BREAKER_CLOSED && e->failures_in_row >= BREAKER_FAILURES)) {
        open_breaker(e, now_ms, random);
    }
}

static void worked(struct endpoint *e, int64_t wall_ms)
{
    e->failures_in_row = 0;
    e->last_success_ms = (uint64_t)wall_ms;
    e->cooled = 0;
    e->denied = false;
    if (e->breaker != BREAKER_CLOSED) {
        e->breaker = BREAKER_CLOSED;
        e->opened = 0;
        e->window = 1; /* slow reopening */
    } else if (e->window < e->max_in_flight) {
        e->window += 1 / e->window;
        e->window = e->window > e->max_in_flight ? e->max_in_flight : e->window;
    }
}

bool endpoint_end(struct endpoint *e, const struct outcome *outcome, uint64_t now_ms,
                  int64_t wall_ms, uint64_t random)
{
    enum breaker_state before = e->breaker;

    e->in_flight--;
    e->probing = false;
    if (outcome->class == OUTCOME_AUTH) {
        e->auth_in_row++;
    } else if (outcome->class == OUTCOME_DONE) {
        e->auth_in_row = 0;
    }
    if (outcome->class == OUTCOME_CANCELED || outcome->class == OUTCOME_HELD ||
        outcome->class == OUTCOME_LOGIN) {
        if (e->breaker == BREAKER_HALF_OPEN) {
            e->breaker = BREAKER_OPEN; /* the probe told nothing */
        }
        if (outcome->class == OUTCOME_LOGIN) {
            note_failure(e, outcome->words, wall_ms); /* the cool-down holds it, longer each time */
        }
    } else if (outcome->transport) {
        failed(e, outcome, now_ms, wall_ms, random);
    } else {
        worked(e, wall_ms); /* an answer, even a refusal, shows that the endpoint works */
    }
    return e->breaker != before && !(before == BREAKER_HALF_OPEN && e->breaker == BREAKER_OPEN);
}

void endpoint_deny(struct endpoint *e, const char *words, int64_t wall_ms)
{
    note_failure(e, words, wall_ms);
    e->denied = true;
}

void endpoint_pause(struct endpoint *e, const char *reason, int64_t wall_ms)
{
    e->paused = true;
    e->paused_since_ms = (uint64_t)wall_ms;
    (void)snprintf(e->pause_reason, sizeof(e->pause_reason), "%s", reason);
}

void endpoint_resume(struct endpoint *e)
{
    e->paused = false;
    e->pause_reason[0] = '\0';
    e->auth_in_row = 0;
    e->not_before_ms = 0;
    e->failures_in_row = 0;
    e->cooled = 0;
    e->denied = false;
    if (e->breaker == BREAKER_OPEN) {
        e->open_until_ms = 0; /* the next call is the probe */
    }
}

void endpoint_cool_down(struct endpoint *e, uint64_t now_ms, uint64_t random)
{
    uint64_t span_ms;

    if (now_ms < e->not_before_ms) {
        return; /* the calls that waited for the same login */
    }
    e->cooled++;
    /* At least half of the span, so that a locked account is not hammered. */
    span_ms = policy_span_ms(e->first_ms, e->cap_ms, e->cooled);
    e->not_before_ms = now_ms + span_ms / 2 + 1 + random % (span_ms / 2 + 1);
}
