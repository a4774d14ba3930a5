/* reviewer_one: one dossier of a reconciliation.
 *
 *   journal -> its sources, each -> portal -> journal again -> verdict
 *                                                  '-> it moved meanwhile: from the beginning,
 *                                                      after a while */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash_point.h"
#include "sync/policy.h"
#include "sync/reviewer_impl.h"

#define TRIES_MAX 3 /* answers that told nothing */
#define AGAIN_MAX 5 /* comparisons of what moves, until it is given up */
#define FAILS_MAX 3 /* refusals of the journal, likewise */
#define AGAIN_FIRST_MS 5000
#define AGAIN_CAP_MS 60000
#define KEYS_BYTES_MAX (1u << 20)

static void look(struct reviewer_slot *s, enum reviewer_step step);

static void go_on(struct reviewer_slot *s, enum reviewer_step step)
{
    s->step = step;
    reviewer_kick(s->reviewer);
}

void reviewer_one_free(struct reviewer_slot *s)
{
    review_look_free(&s->look);
    review_store_free(&s->store);
    arena_free(&s->keys);
    s->step = REVIEWER_FREE;
    reviewer_kick(s->reviewer);
}

bool reviewer_one_busy(const struct reviewer_slot *s)
{
    return s->step != REVIEWER_FREE && s->step != REVIEWER_SOURCE && s->step != REVIEWER_PORTAL &&
           s->step != REVIEWER_RESTS;
}

/* An answer that told nothing: later again, or never. */
static bool try_again(struct reviewer_slot *s, const struct party *party)
{
    struct reviewer *r = s->reviewer;
    bool down = party->endpoint.breaker != BREAKER_CLOSED || party->endpoint.paused;

    s->tries += !down; /* what is down for everybody is waited for */
    if (s->tries >= TRIES_MAX) {
        return false;
    }
    s->due_ms =
        loop_now_ms(r->env->loop) +
        policy_backoff_ms(AGAIN_FIRST_MS, AGAIN_CAP_MS, s->tries + 1, loop_random(r->env->loop));
    return true;
}

/* It is compared from the beginning, after a while that grows. */
static void rest(struct reviewer_slot *s, uint32_t times)
{
    s->due_ms =
        loop_now_ms(s->reviewer->env->loop) + policy_span_ms(AGAIN_FIRST_MS, AGAIN_CAP_MS, times);
    go_on(s, REVIEWER_RESTS);
}

/* ---- the sources ---- */

/* Whether a source can be asked about one dossier at any time: a queue shows it only once. */
static bool askable(const struct adapter *a)
{
    return a->ops->detail != NULL && (a->caps & ADAPTER_ACK) == 0;
}

static bool find_source(struct reviewer_slot *s, const char *name)
{
    for (size_t i = 0; i < s->flow->n_sources; i++) {
        const struct party *party = s->flow->sources[i].party;

        if (strcmp(party->endpoint.name, name) == 0 && askable(party->adapter)) {
            s->source = i;
            return true;
        }
    }
    return false;
}

/* The next row that can be asked for, or the portal's turn. */
static void next_source(struct reviewer_slot *s)
{
    size_t rows = s->look.state.known ? s->look.n_rows : 0;
    bool found = false;

    s->tries = 0;
    s->due_ms = 0;
    while (s->next_row < rows && !found) {
        found = find_source(s, s->look.rows[s->next_row++].source);
    }
    while (!s->look.state.known && s->next_row < s->flow->n_sources && !found) {
        s->source = s->next_row++;
        found = askable(s->flow->sources[s->source].party->adapter) && !s->told;
    }
    go_on(s, found ? REVIEWER_SOURCE : REVIEWER_PORTAL);
}

static void detail_done(struct adapter_detail *detail)
{
    struct reviewer_slot *s = CONTAINER_OF(detail, struct reviewer_slot, detail);
    struct reviewer *r = s->reviewer;
    struct party *party = s->flow->sources[s->source].party;
    int err = detail->err;

    CRASH_POINT(review_told);
    r->calls--;
    party_read(r->env, party, err, &detail->why);
    if (r->stopping || err == ERR_CANCELED) {
        reviewer_one_free(s);
        return;
    }
    err = err == 0 ? reviewer_take_records(s, detail) : err;
    if (err == 0) {
        s->facts.source = SIDE_THERE;
        s->facts.source_asked = true;
        s->told = true;
        (void)snprintf(s->store.source_name, sizeof(s->store.source_name), "%s",
                       party->endpoint.name);
    } else if (err == ERR_NOTFOUND) {
        s->facts.source = s->told ? s->facts.source : SIDE_ABSENT;
        s->facts.source_asked = true;
    } else if (err != ERR_STATE && err != ERR_UNSUPPORTED && err != ERR_INVAL) {
        if (try_again(s, party)) {
            go_on(s, REVIEWER_SOURCE);
            return;
        }
        s->facts.source_asked = true;
    }
    next_source(s);
}

static void ask_source(struct reviewer *r, struct reviewer_slot *s)
{
    struct party *party = s->flow->sources[s->source].party;
    const struct review_source_row *row = reviewer_row(s);

    memset(&s->detail, 0, sizeof(s->detail));
    s->detail.kind = RECORD_DOSSIER;
    s->detail.id = row != NULL ? row->id : s->todo.code;
    s->detail.done = detail_done;
    s->step = REVIEWER_TELLS;
    r->calls++;
    endpoint_begin(&party->endpoint, LANE_DOSSIER, loop_now_ms(r->env->loop));
    party->adapter->ops->detail(party->adapter, &s->detail);
}

/* ---- the portal ---- */

static void lookup_done(struct adapter_lookup *lookup)
{
    struct reviewer_slot *s = CONTAINER_OF(lookup, struct reviewer_slot, lookup);
    struct reviewer *r = s->reviewer;
    struct party *sink = s->flow->sink;

    CRASH_POINT(review_looked);
    r->calls--;
    party_act(r->env, sink, policy_endpoint(&lookup->outcome, sink->endpoint.auth_in_row),
              &lookup->outcome);
    party_end(r->env, sink, &lookup->outcome);
    if (r->stopping || lookup->outcome.class == OUTCOME_CANCELED) {
        reviewer_one_free(s);
        return;
    }
    if (lookup->answer == LOOKUP_UNKNOWN && try_again(s, sink)) {
        go_on(s, REVIEWER_PORTAL);
        return;
    }
    s->facts.portal = lookup->answer == LOOKUP_THERE    ? SIDE_THERE
                      : lookup->answer == LOOKUP_ABSENT ? SIDE_ABSENT
                                                        : SIDE_UNKNOWN;
    s->facts.shown_status = lookup->answer == LOOKUP_THERE ? lookup->status : 0;
    look(s, REVIEWER_AFTER);
}

static void ask_portal(struct reviewer *r, struct reviewer_slot *s)
{
    struct party *sink = s->flow->sink;
    uint64_t now_ms = loop_now_ms(r->env->loop);

    memset(&s->lookup, 0, sizeof(s->lookup));
    s->lookup.code = s->todo.code;
    s->lookup.done = lookup_done;
    s->step = REVIEWER_LOOKS;
    s->portal_asked = true;
    r->calls++;
    r->status.lookups++;
    if (r->free_at_us < now_ms * 1000) {
        r->free_at_us = now_ms * 1000;
    }
    r->free_at_us += r->interval_us;
    endpoint_begin(&sink->endpoint, LANE_LOOK, now_ms);
    sink->adapter->ops->lookup(sink->adapter, &s->lookup);
}

/* The pace of this reconciliation, that of the lane, and the back-off of this dossier. */
static uint64_t wait_ms(const struct reviewer *r, const struct reviewer_slot *s,
                        struct party *party, enum endpoint_lane lane)
{
    uint64_t now_ms = loop_now_ms(r->env->loop);
    uint64_t ms = party_wait_ms(party, lane, r, now_ms);

    if (ms != UINT64_MAX && now_ms < s->due_ms && s->due_ms - now_ms > ms) {
        ms = s->due_ms - now_ms;
    }
    if (ms != UINT64_MAX && lane == LANE_LOOK && r->free_at_us > now_ms * 1000) {
        uint64_t pace_ms = (r->free_at_us - now_ms * 1000 + 999) / 1000;

        ms = pace_ms > ms ? pace_ms : ms;
    }
    return ms;
}

static void begin(struct reviewer_slot *s);

static uint64_t go_on_rested(struct reviewer_slot *s)
{
    uint64_t now_ms = loop_now_ms(s->reviewer->env->loop);

    if (now_ms < s->due_ms) {
        return s->due_ms - now_ms;
    }
    begin(s);
    return 0;
}

uint64_t reviewer_one_go_on(struct reviewer *r, struct reviewer_slot *s)
{
    bool source = s->step == REVIEWER_SOURCE;
    uint64_t ms;

    if (s->step == REVIEWER_RESTS) {
        return go_on_rested(s);
    }
    if (!source && s->step != REVIEWER_PORTAL) {
        return 0;
    }
    ms = source ? wait_ms(r, s, s->flow->sources[s->source].party, LANE_DOSSIER)
                : wait_ms(r, s, s->flow->sink, LANE_LOOK);
    if (ms == 0 && source) {
        ask_source(r, s);
    } else if (ms == 0) {
        ask_portal(r, s);
    }
    return ms;
}

/* ---- the verdict ---- */

static void begin(struct reviewer_slot *s)
{
    review_store_free(&s->store);
    review_store_init(&s->store);
    arena_free(&s->keys);
    arena_init(&s->keys, KEYS_BYTES_MAX);
    memset(&s->facts, 0, sizeof(s->facts));
    s->n_keys = 0;
    s->key_list = NULL;
    s->source_status = 0;
    s->next_row = 0;
    s->tries = 0;
    s->due_ms = 0;
    s->portal_asked = false;
    s->told = false;
    look(s, REVIEWER_BEFORE);
}

static void store_done(struct journal_op *op);

/* What it is can't be said; that is its verdict, so that the reconciliation ends. */
static void give_up(struct reviewer_slot *s, const char *why)
{
    struct reviewer *r = s->reviewer;
    struct review_store *store = &s->store;

    review_store_free(store);
    review_store_init(store);
    store->op.done = store_done;
    store->id = r->job.id;
    store->flow = s->todo.flow;
    memcpy(store->code, s->todo.code, sizeof(store->code));
    store->kind = DIFFERENCE_NOT_ANSWERED;
    store->gave_up = true;
    store->now_ms = (uint64_t)loop_wall_ms(r->env->loop);
    (void)snprintf(store->counts[0], sizeof(store->counts[0]), "given_up");
    (void)snprintf(store->note, sizeof(store->note), "%s; reconcile it again", why);
    s->step = REVIEWER_STORES;
    r->ops++;
    review_store(r->env->journal, store);
}

static void compare_again(struct reviewer_slot *s)
{
    if (s->reviewer->stopping) {
        reviewer_one_free(s);
    } else if (++s->again < AGAIN_MAX) {
        rest(s, s->again);
    } else {
        give_up(s, "it changed each time that it was compared");
    }
}

/* The journal refused what this dossier needs. */
static void refused(struct reviewer_slot *s, const struct journal_op *op)
{
    struct reviewer *r = s->reviewer;
    char why[120];

    if (r->stopping) {
        reviewer_one_free(s);
        return;
    }
    if (s->store.gave_up) {
        reviewer_refused(r, op, "that a dossier is given up is not kept");
        reviewer_one_free(s); /* its turn comes again with the next page */
        return;
    }
    flow_say(r->env, LOG_LEVEL_WARN, "reconcile_failed", "reconcile", "%s: the journal: %s",
             s->todo.code, op->why.text);
    if (++s->fails < FAILS_MAX) {
        rest(s, s->fails);
        return;
    }
    (void)snprintf(why, sizeof(why), "the journal could not be asked about it: %s",
                   err_text(op->err));
    give_up(s, why);
}

static void store_done(struct journal_op *op)
{
    struct reviewer_slot *s = CONTAINER_OF(op, struct reviewer_slot, store.op);
    struct reviewer *r = s->reviewer;
    enum difference_class class = difference_row(s->store.kind)->class;
    bool differs = class == DIFFERENCE_DIFFERS || class == DIFFERENCE_UNKNOWN;

    CRASH_POINT(review_committed);
    r->ops--;
    if (op->err != 0) {
        refused(s, op);
        return;
    }
    if (s->store.moved) {
        compare_again(s);
        return;
    }
    r->fails = 0;
    r->status.numbers.compared += !s->todo.again;
    r->status.numbers.differences += differs && !s->store.absent;
    r->status.numbers.mended += s->store.mended;
    for (size_t i = 0; s->store.owed && s->flow != NULL && i < s->flow->n_sources; i++) {
        if (s->flow->sources[i].poller != NULL) {
            poller_owed(s->flow->sources[i].poller);
        }
    }
    if (s->store.mended) {
        r->mended(r->ctx, s->todo.flow);
    }
    reviewer_one_free(s);
}

/* What stands in the journal besides the kind: how it was known, and each use of a tolerance. */
static void fill_counts(const struct reviewer *r, struct reviewer_slot *s,
                        const struct difference_verdict *v)
{
    struct review_store *store = &s->store;
    const char *how = s->facts.source_asked
                          ? s->facts.source == SIDE_UNKNOWN ? "source_unanswered" : "source_asked"
                          : "source_last_told";
    char pair[DIFFERENCE_PAIR_TEXT];

    if (!s->todo.again) { /* counted already */
        (void)snprintf(store->counts[0], sizeof(store->counts[0]), "%s", how);
        (void)snprintf(store->counts[1], sizeof(store->counts[1]), "%s",
                       s->portal_asked ? "portal_asked" : "portal_not_asked");
    }
    if (v->kind == DIFFERENCE_IN_GRACE) {
        (void)snprintf(store->counts[2], sizeof(store->counts[2]), "grace:%s",
                       difference_row(v->but_for)->name);
    } else if (v->kind == DIFFERENCE_TOLERATED) {
        difference_pair_text(&r->pairs[v->pair], pair);
        (void)snprintf(store->counts[2], sizeof(store->counts[2]), "pair:%s", pair);
    }
}

static void store(struct reviewer_slot *s)
{
    struct reviewer *r = s->reviewer;
    struct review_store *store = &s->store;
    const struct difference_rules rules = {.now_ms = (uint64_t)loop_wall_ms(r->env->loop),
                                           .grace_ms = r->grace_ms,
                                           .pairs = r->pairs,
                                           .n_pairs = r->n_pairs};
    struct difference_verdict v = difference_judge(&s->facts, &rules);

    store->op.done = store_done;
    store->id = r->job.id;
    store->flow = s->todo.flow;
    memcpy(store->code, s->todo.code, sizeof(store->code));
    store->kind = v.kind;
    store->state = s->look.state;
    store->source = s->facts.source;
    store->journal = s->facts.journal;
    store->portal = s->facts.portal;
    store->source_status = s->source_status;
    store->journal_status = s->facts.acked_status;
    store->portal_status = s->facts.shown_status;
    store->remedy = r->job.fix && !r->cancel ? difference_remedy(v.kind, &s->facts) : REMEDY_NONE;
    store->absent = store->remedy == REMEDY_FIRST && !s->todo.again;
    store->late = s->todo.late;
    store->read = store->remedy == REMEDY_FIRST && s->facts.source_ahead;
    store->now_ms = rules.now_ms;
    (void)snprintf(store->who, sizeof(store->who), "%s", r->job.who);
    fill_counts(r, s, &v);
    s->step = REVIEWER_STORES;
    r->ops++;
    review_store(r->env->journal, store);
}

/* ---- what the journal says ---- */

static void fill_facts(struct reviewer_slot *s)
{
    const struct review_state *j = &s->look.state;
    struct difference_facts *f = &s->facts;

    f->journal = j->known ? SIDE_THERE : SIDE_ABSENT;
    f->delivered = j->delivered;
    f->acked_status = j->acked_status;
    f->held = j->held;
    f->waiting = j->waiting;
    f->found_late = s->todo.late;
    f->changed_ms = j->changed_ms;
    f->shown_before = j->shown_before;
    f->source_ahead = f->source_ahead || (s->told && j->unknown_steps > 0);
    if (!f->source_asked && j->known) {
        f->source = SIDE_THERE; /* as it last told */
        s->source_status = j->status;
    }
}

static void after_done(struct reviewer_slot *s)
{
    if (!review_same(&s->before, &s->look.state)) {
        compare_again(s);
        return;
    }
    fill_facts(s);
    store(s);
}

static void before_done(struct reviewer_slot *s)
{
    s->before = s->look.state;
    if (s->look.state.waiting || s->flow == NULL) {
        fill_facts(s); /* what is on its way is not asked for: the answer would be old */
        store(s);
        return;
    }
    next_source(s);
}

static void look_done(struct journal_op *op)
{
    struct reviewer_slot *s = CONTAINER_OF(op, struct reviewer_slot, look.op);

    s->reviewer->ops--;
    if (s->reviewer->stopping) {
        reviewer_one_free(s);
    } else if (op->err != 0) {
        refused(s, op);
    } else if (s->step == REVIEWER_BEFORE) {
        before_done(s);
    } else {
        after_done(s);
    }
}

static void look(struct reviewer_slot *s, enum reviewer_step step)
{
    struct reviewer *r = s->reviewer;
    bool after = step == REVIEWER_AFTER;

    review_look_free(&s->look);
    memset(&s->look, 0, sizeof(s->look));
    s->look.op.done = look_done;
    s->look.flow = s->todo.flow;
    memcpy(s->look.code, s->todo.code, sizeof(s->look.code));
    s->look.shown_status = s->facts.shown_status;
    s->look.keys = after ? s->key_list : NULL;
    s->look.n_keys = after ? s->n_keys : 0;
    s->step = step;
    r->ops++;
    review_look(r->env->journal, &s->look);
}

void reviewer_one_begin(struct reviewer *r, struct reviewer_slot *s, const struct review_todo *todo)
{
    s->todo = *todo;
    s->flow = NULL; /* stays so when the configuration no longer has it */
    s->again = 0;
    s->fails = 0;
    for (size_t i = 0; i < r->n_flows; i++) {
        if (r->flows[i].id == todo->flow) {
            s->flow = &r->flows[i];
        }
    }
    begin(s);
}
