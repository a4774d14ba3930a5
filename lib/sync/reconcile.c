#include "sync/reconcile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/crash_point.h"
#include "base/text.h"

#define PAGE_ROWS 200
/* A round of `seen` begins at least so much later than the one before, even when nothing was open.
 */
#define ROUND_MIN_MS 60000
/* Back-off after look-ups without an answer. */
#define AGAIN_FIRST_MS 5000
#define AGAIN_CAP_MS 300000

static void pump(struct walk *w);

static void timer_fired(struct loop_timer *timer)
{
    struct walk *w = CONTAINER_OF(timer, struct walk, timer);

    if (!w->walking && !w->adopts && w->live) {
        walk_start(w, w->flow);
    }
    pump(w);
}

static void pump_task(struct loop_task *task)
{
    pump(CONTAINER_OF(task, struct walk, pump));
}

void walk_init(struct walk *w, const struct flow_env *env, const char *name, struct party *party,
               bool adopts)
{
    memset(w, 0, sizeof(*w));
    w->env = env;
    w->name = name;
    w->party = party;
    w->adopts = adopts;
    w->live = true;
    loop_timer_init(&w->timer, timer_fired);
    loop_task_init(&w->pump, pump_task);
    for (size_t i = 0; i < WALK_LOOKUPS_MAX; i++) {
        w->lookups[i].walk = w;
    }
}

void walk_start(struct walk *w, int64_t flow)
{
    w->flow = flow;
    w->after = 0;
    w->at_end = false;
    w->walking = flow != 0;
    w->n_again = 0;
    w->unknown_in_row = 0;
    if (w->adopts) {
        w->until_ms = (uint64_t)loop_wall_ms(w->env->loop);
        w->asked = 0;
        w->adopted = 0;
        w->pending = 0;
        w->unknown = 0;
    }
    walk_kick(w);
}

void walk_kick(struct walk *w)
{
    loop_defer(w->env->loop, &w->pump);
}

/* ---- storing ---- */

static void free_lookup(struct walk_lookup *l)
{
    l->busy = false;
    l->walk->running--;
    walk_kick(l->walk);
}

static void adopt_stored(struct journal_op *op)
{
    struct walk_lookup *l = CONTAINER_OF(op, struct walk_lookup, store.adopt.op);

    CRASH_POINT(adopt_committed);
    l->walk->adopted += l->store.adopt.adopted;
    l->walk->pending += l->store.adopt.pending;
    free_lookup(l);
}

static void seen_stored(struct journal_op *op)
{
    struct walk_lookup *l = CONTAINER_OF(op, struct walk_lookup, store.seen.op);

    CRASH_POINT(seen_committed);
    l->walk->differs += l->store.seen.differs;
    free_lookup(l);
}

static void store(struct walk_lookup *l, bool there, int status)
{
    struct walk *w = l->walk;
    uint64_t now_ms = (uint64_t)loop_wall_ms(w->env->loop);

    memset(&l->store, 0, sizeof(l->store));
    if (w->adopts) {
        l->store.adopt.op.done = adopt_stored;
        l->store.adopt.subject = l->subject;
        l->store.adopt.there = there;
        l->store.adopt.shown_status = status;
        l->store.adopt.until_ms = w->until_ms;
        l->store.adopt.now_ms = now_ms;
        journal_adopt(w->env->journal, &l->store.adopt);
        return;
    }
    l->store.seen.op.done = seen_stored;
    (void)snprintf(l->store.seen.code, sizeof(l->store.seen.code), "%s", l->code);
    l->store.seen.there = there;
    l->store.seen.status = status;
    l->store.seen.now_ms = now_ms;
    journal_seen(w->env->journal, &l->store.seen);
}

static void lookup_done(struct adapter_lookup *lookup)
{
    struct walk_lookup *l = CONTAINER_OF(lookup, struct walk_lookup, lookup);
    struct walk *w = l->walk;

    CRASH_POINT(walk_looked_up);
    party_act(w->env, w->party, policy_endpoint(&lookup->outcome, w->party->endpoint.auth_in_row),
              &lookup->outcome);
    party_end(w->env, w->party, &lookup->outcome);
    if (lookup->answer == LOOKUP_THERE || lookup->answer == LOOKUP_ABSENT) {
        w->unknown_in_row = 0;
        w->asked++;
        store(l, lookup->answer == LOOKUP_THERE, lookup->status);
        return;
    }
    /* Not known is not "not there": the walk comes back to it, later each time. */
    w->unknown++;
    if (w->adopts && lookup->answer == LOOKUP_UNKNOWN && !w->stopping) {
        w->again[w->n_again].subject = l->subject;
        memcpy(w->again[w->n_again++].code, l->code, sizeof(l->code));
        w->unknown_in_row++;
        w->again_at_ms = loop_now_ms(w->env->loop) + policy_backoff_ms(AGAIN_FIRST_MS, AGAIN_CAP_MS,
                                                                       w->unknown_in_row,
                                                                       loop_random(w->env->loop));
    }
    free_lookup(l);
}

/* ---- walking ---- */

static void page_done(struct journal_op *op)
{
    struct walk *w = CONTAINER_OF(op, struct walk, page.op);

    w->reading = false;
    w->next = 0;
    w->has_page = true;
    w->at_end = op->err != 0 || w->page.n < PAGE_ROWS;
    walk_kick(w);
}

static void read_page(struct walk *w)
{
    uint64_t now_ms = (uint64_t)loop_wall_ms(w->env->loop);

    w->reading = true;
    memset(&w->page, 0, sizeof(w->page));
    w->page.op.done = page_done;
    w->page.flow = w->flow;
    w->page.after = w->after;
    w->page.limit = PAGE_ROWS;
    if (w->adopts) {
        w->page.until_ms = w->until_ms;
    } else {
        w->page.open_only = true;
        w->page.seen_before_ms = now_ms > w->every_ms ? now_ms - w->every_ms : 1;
    }
    journal_subjects(w->env->journal, &w->page);
}

static void start_lookup(struct walk *w, int64_t subject, const char *code)
{
    struct walk_lookup *l = w->lookups;

    while (l->busy) {
        l++;
    }
    l->busy = true;
    w->running++;
    l->subject = subject;
    (void)snprintf(l->code, sizeof(l->code), "%s", code);
    memset(&l->lookup, 0, sizeof(l->lookup));
    l->lookup.code = l->code;
    l->lookup.done = lookup_done;
    endpoint_begin(&w->party->endpoint, LANE_LOOK, loop_now_ms(w->env->loop));
    w->party->adapter->ops->lookup(w->party->adapter, &l->lookup);
}

/* What had no answer and is due again, else the next of the page. False: nothing to ask now. */
static bool start_next(struct walk *w)
{
    uint64_t now_ms = loop_now_ms(w->env->loop);

    if (w->n_again > 0 && now_ms >= w->again_at_ms) {
        int64_t subject = w->again[0].subject;
        char code[sizeof(w->again[0].code)];

        memcpy(code, w->again[0].code, sizeof(code));
        w->n_again--;
        memmove(&w->again[0], &w->again[1], w->n_again * sizeof(w->again[0]));
        start_lookup(w, subject, code);
        return true;
    }
    if (w->has_page && w->next < w->page.n && w->n_again + w->running < WALK_AGAIN_MAX) {
        const struct journal_subject *s = &w->page.rows[w->next++];

        w->after = s->id;
        start_lookup(w, s->id, s->code);
        return true;
    }
    if (w->n_again > 0) {
        loop_timer_start(w->env->loop, &w->timer, w->again_at_ms - now_ms);
    }
    return false;
}

static void end_walk(struct walk *w)
{
    w->walking = false;
    if (w->adopts && w->stopping) {
        flow_say(w->env, LOG_LEVEL_WARN, "adopt_unfinished", w->name,
                 "%" PRIu64 " dossier%s looked up, then stopped; run adopt again before going live",
                 w->asked, text_plural(w->asked));
    } else if (w->adopts) {
        flow_say(w->env, LOG_LEVEL_NOTICE, "adopted", w->name,
                 "%" PRIu64 " dossier%s looked up: %" PRIu64 " item%s adopted, %" PRIu64
                 " snapshot%s to be sent",
                 w->asked, text_plural(w->asked), w->adopted, text_plural(w->adopted), w->pending,
                 text_plural(w->pending));
    } else if (!w->stopping) {
        loop_timer_start(w->env->loop, &w->timer,
                         w->every_ms / 4 > ROUND_MIN_MS ? w->every_ms / 4 : ROUND_MIN_MS);
    }
    w->ended(w->ctx);
}

static void ask(struct walk *w)
{
    bool may = true;

    while (w->walking && w->live && !w->stopping && w->running < WALK_LOOKUPS_MAX && may) {
        uint64_t wait_ms = party_wait_ms(w->party, LANE_LOOK, w, loop_now_ms(w->env->loop));

        if (wait_ms > 0) {
            loop_timer_start(w->env->loop, &w->timer, wait_ms < 1000 ? wait_ms : 1000);
        }
        may = wait_ms == 0 && start_next(w);
    }
}

static void pump(struct walk *w)
{
    ask(w);
    if (w->has_page && !w->reading && (w->next >= w->page.n || w->stopping) && w->running == 0) {
        journal_subjects_free(&w->page);
        w->has_page = false;
    }
    if (w->walking && (w->live || w->stopping) && !w->has_page && !w->reading && w->running == 0) {
        if (w->stopping || (w->at_end && w->n_again == 0)) {
            end_walk(w);
        } else if (!w->at_end) {
            read_page(w);
        }
    }
    if (w->stopped != NULL && w->running == 0 && !w->reading && !w->has_page) {
        void (*stopped)(void *ctx) = w->stopped;

        w->stopped = NULL;
        stopped(w->stopped_ctx);
    }
}

void walk_stop(struct walk *w, void (*stopped)(void *ctx), void *ctx)
{
    w->stopping = true;
    w->stopped = stopped;
    w->stopped_ctx = ctx;
    loop_timer_stop(&w->timer);
    walk_kick(w);
}
