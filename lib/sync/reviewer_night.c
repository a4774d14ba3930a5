/* reviewer_night: the reconciliation that nobody asks for: a sample, daily, that mends nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/vntime.h"
#include "sync/reviewer_impl.h"

#define DAY_S INT64_C(86400)
#define NIGHT_MAX_MS UINT64_C(3600000) /* the wall clock may be set: looked at once an hour */

struct reviewer_nightly {
    struct review_begin begin;
    struct reviewer *reviewer;
    int64_t flows[CONFIG_MAX_FLOWS];
};

/* Milliseconds until that minute of the day comes next. */
static uint64_t until_night_ms(const struct reviewer *r)
{
    int64_t wall_s = loop_wall_s(r->env->loop);
    int64_t at_s = vntime_day_start(wall_s) + r->at_minute * 60;

    at_s += at_s <= wall_s ? DAY_S : 0;
    return (uint64_t)(at_s - wall_s) * 1000;
}

static void night_fired(struct loop_timer *timer);

void reviewer_night_init(struct reviewer *r)
{
    r->at_minute = -1;
    loop_timer_init(&r->night, night_fired);
}

void reviewer_night_arm(struct reviewer *r)
{
    uint64_t ms;

    loop_timer_stop(&r->night);
    if (r->at_minute < 0 || r->stopping) {
        return;
    }
    ms = until_night_ms(r);
    loop_timer_start(r->env->loop, &r->night, ms < NIGHT_MAX_MS ? ms : NIGHT_MAX_MS);
}

static void night_begun(struct journal_op *op)
{
    struct reviewer_nightly *n = CONTAINER_OF(op, struct reviewer_nightly, begin.op);
    struct reviewer *r = n->reviewer;

    r->ops--;
    if (op->err == 0) {
        reviewer_begun(r, &n->begin);
    } else if (op->err != ERR_CANCELED) {
        flow_say(r->env, LOG_LEVEL_WARN, "reconcile_skipped", "reconcile",
                 "the nightly one was not begun: %s", op->why.text);
    }
    r->nightly = NULL;
    free(n);
    reviewer_kick(r);
}

/* Why it can't be begun now; NULL it can. */
static const char *obstacle(const struct reviewer *r)
{
    return r->job.id != 0       ? "another one runs"
           : r->nightly != NULL ? "the journal has not taken the last one yet"
           : !r->ready          ? "the journal does not answer"
           : r->n_flows == 0    ? "no flow ends at a system that can be asked"
                                : NULL;
}

static void begin_nightly(struct reviewer *r)
{
    const char *why = obstacle(r);
    struct reviewer_nightly *n = why == NULL ? calloc(1, sizeof(*n)) : NULL;

    if (n == NULL) {
        flow_say(r->env, LOG_LEVEL_WARN, "reconcile_skipped", "reconcile",
                 "the nightly one is left out today: %s", why != NULL ? why : "no memory");
        return;
    }
    n->reviewer = r;
    n->begin.what = REVIEW_SAMPLE;
    n->begin.sample = r->sample;
    (void)snprintf(n->begin.scope, sizeof(n->begin.scope), "sample %u", r->sample);
    (void)snprintf(n->begin.who, sizeof(n->begin.who), REVIEW_NIGHTLY);
    reviewer_fill(r, &n->begin, n->flows);
    n->begin.op.done = night_begun;
    r->nightly = n;
    r->ops++;
    review_begin(r->env->journal, &n->begin);
}

static void night_fired(struct loop_timer *timer)
{
    struct reviewer *r = CONTAINER_OF(timer, struct reviewer, night);
    uint64_t left_ms = until_night_ms(r);

    /* The timer was armed for that minute, or for an hour's look before it. */
    if (left_ms > UINT64_C(86400000) - 60000) {
        begin_nightly(r);
    }
    reviewer_night_arm(r);
}
