#include "sync/poller_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash_point.h"
#include "sync/policy.h"

/* Pages of a queue in a row that hold nothing new, until it is asked in its time only. */
#define STALE_PAGES_MAX 3
#define PAGE_BYTES_MAX (1u << 20)
#define OWED_MAX 200
#define FAILURE_CAP_MS 300000
/* While a sink that answers has so much to take, the next page waits for it a little: what is read
 * is sent while it is still at hand, written and in the caches. Never long, for behind the pages
 * stand urgent dossiers and newer states. */
#define AHEAD_ITEMS 1000
#define PACE_MS 1000
#define TAKES_MS 200 /* a sink that took nothing for so long is not waited for */

static void pump(struct poller *p);

static void timer_fired(struct loop_timer *timer)
{
    pump(CONTAINER_OF(timer, struct poller, timer));
}

static void pump_task(struct loop_task *task)
{
    pump(CONTAINER_OF(task, struct poller, pump));
}

void poller_init(struct poller *p, const struct flow_env *env, const char *name, int64_t flow,
                 enum record_kind kind, struct party *source, struct party *sink)
{
    memset(p, 0, sizeof(*p));
    p->env = env;
    p->name = name;
    p->source_name = source->adapter->name;
    p->flow = flow;
    p->kind = kind;
    p->source = source;
    p->sink = sink;
    loop_timer_init(&p->timer, timer_fired);
    loop_task_init(&p->pump, pump_task);
    arena_init(&p->arena, PAGE_BYTES_MAX);
}

void poller_merge(struct poller *p, struct merge *merge)
{
    p->merge = merge;
}

static void acks_ended(void *ctx)
{
    poller_kick(ctx);
}

void poller_acknowledge(struct poller *p, bool intake)
{
    p->acks = true;
    ack_init(&p->ack, p->env, p->name, p->source, intake ? p->flow : 0);
    p->ack.ended = acks_ended;
    p->ack.ctx = p;
}

void poller_configure(struct poller *p, const struct config *config, const struct config_flow *flow)
{
    const struct config_source *source = config_source_find(config, p->source_name);

    p->every_ms = source != NULL              ? source->poll_every_ms
                  : flow->kind == FLOW_INTAKE ? config->portal.intake_every_ms
                                              : flow->every_ms;
    p->details_max = source != NULL ? source->max_in_flight : config->portal.max_in_flight;
    if (p->details_max > POLLER_DETAILS_MAX) {
        p->details_max = POLLER_DETAILS_MAX;
    }
    p->off = flow->mode == FLOW_OFF;
    p->live = flow->mode == FLOW_LIVE;
    poller_kick(p);
}

bool poller_idle(const struct poller *p)
{
    return p->off || (p->step == POLLER_IDLE && p->n_appending == 0 && !p->want_full &&
                      !p->want_owed && p->failures == 0 && (!p->acks || ack_idle(&p->ack)));
}

bool poller_busy(const struct poller *p)
{
    return !p->off && (p->want_page || p->step != POLLER_IDLE);
}

void poller_now(struct poller *p, bool full)
{
    p->want_page = true;
    p->want_full = p->want_full || full;
    p->poll_due_ms = 0;
    if (p->step == POLLER_IDLE) {
        loop_timer_stop(&p->timer);
    }
    poller_kick(p);
}

void poller_owed(struct poller *p)
{
    p->want_owed = true;
    if (p->step == POLLER_IDLE) {
        loop_timer_stop(&p->timer);
    }
    poller_kick(p);
}

void poller_kick(struct poller *p)
{
    loop_defer(p->env->loop, &p->pump);
}

void poller_room(struct poller *p)
{
    if (p->acks) {
        ack_kick(&p->ack);
    }
    poller_kick(p);
}

void poller_trouble(struct poller *p, const char *what, const char *why)
{
    uint64_t suppressed = 0;

    (void)snprintf(p->trouble, sizeof(p->trouble), "%s: %.200s", what, why);
    if (log_limit_pass(&p->trouble_log, loop_now_ms(p->env->loop), POLLER_LOG_MS, &suppressed)) {
        flow_say(p->env, LOG_LEVEL_WARN, "poll_failed", p->name, "%s (%" PRIu64 " more not shown)",
                 p->trouble, suppressed);
    }
}

/* ---- pages ---- */

static bool keep_rows(struct poller *p, size_t n)
{
    arena_free(&p->arena);
    p->n_rows = 0;
    p->next_row = 0;
    p->ids = arena_alloc(&p->arena, (n + 1) * sizeof(*p->ids));
    p->hashes = arena_alloc(&p->arena, (n + 1) * sizeof(*p->hashes));
    p->changed = arena_alloc(&p->arena, (n + 1) * sizeof(*p->changed));
    p->safe = arena_alloc(&p->arena, (n + 1) * sizeof(*p->safe));
    p->page_failed = false;
    return p->ids != NULL && p->hashes != NULL && p->changed != NULL && p->safe != NULL;
}

static bool keep_row(struct poller *p, const char *id, const uint8_t hash[RECORD_HASH_BYTES])
{
    p->ids[p->n_rows] = arena_strdup(&p->arena, id);
    memcpy(p->hashes[p->n_rows], hash, RECORD_HASH_BYTES);
    return p->ids[p->n_rows++] != NULL;
}

/* Until the next page is due, or rows are owed. */
static void sleep_until_due(struct poller *p)
{
    uint64_t now_ms = loop_now_ms(p->env->loop);

    p->step = POLLER_IDLE;
    if (p->want_owed) {
        loop_timer_stop(&p->timer);
        poller_kick(p);
    } else {
        loop_timer_start(p->env->loop, &p->timer,
                         p->poll_due_ms > now_ms ? p->poll_due_ms - now_ms : 1);
    }
}

static void rest(struct poller *p)
{
    uint64_t wait_ms = p->every_ms;

    if (p->failures > 0) {
        wait_ms = policy_backoff_ms(p->every_ms,
                                    FAILURE_CAP_MS > p->every_ms ? FAILURE_CAP_MS : p->every_ms,
                                    p->failures, loop_random(p->env->loop));
    }
    p->poll_due_ms = p->want_page ? 0 : loop_now_ms(p->env->loop) + wait_ms;
    sleep_until_due(p);
}

/* What was owed is read; the page itself has its own time. */
static void after_owed(struct poller *p)
{
    if (p->want_full || loop_now_ms(p->env->loop) >= p->poll_due_ms) {
        p->step = POLLER_PAGE;
        poller_kick(p);
    } else {
        sleep_until_due(p);
    }
}

/* A queue that is not acknowledged shows its head for ever, and so does one that forgets what it
 * was told: neither is asked for more of it before its time. */
static bool goes_on(const struct poller *p, bool moved)
{
    if (p->want_full) {
        return true;
    }
    return p->more && (!p->acks || (p->live && (moved || (p->stale_pages < STALE_PAGES_MAX &&
                                                          p->ack.rows > p->acked_before))));
}

static void next_page(struct poller *p)
{
    if (p->owed_page) {
        after_owed(p);
        return;
    }
    if (p->full_done) {
        p->full_sweeps++;
        p->last_full_ms = (uint64_t)loop_wall_ms(p->env->loop);
    }
    p->step = POLLER_PAGE;
    if (goes_on(p, p->moved)) {
        p->paced_ms = loop_now_ms(p->env->loop) + PACE_MS;
        poller_kick(p);
    } else {
        rest(p);
    }
}

/* With the page's records; when a huge one has filled them, right behind. */
static void add_cursor(struct poller *p)
{
    if (journal_append_cursor(&poller_append_open(p)->append, p->source_name, p->next_cursor) ==
        0) {
        return;
    }
    poller_append_start(p);
    if (journal_append_cursor(&poller_append_open(p)->append, p->source_name, p->next_cursor) < 0) {
        abort(); /* an empty append takes any cursor; it has not moved, nothing is lost */
    }
}

/* All rows of the page are stored or owed; the cursor goes with the last of them. */
static void end_page(struct poller *p)
{
    p->moved = !p->owed_page && p->next_cursor[0] != '\0' && strcmp(p->next_cursor, p->cursor) != 0;
    if (p->stopping) {
        if (p->append != NULL) {
            poller_append_start(p);
        }
        p->step = POLLER_IDLE;
        return;
    }
    if (p->moved) {
        add_cursor(p);
        (void)snprintf(p->cursor, sizeof(p->cursor), "%s", p->next_cursor);
    }
    if (p->append != NULL) {
        poller_append_start(p);
    }
    if (p->acks && p->live) {
        p->step = POLLER_ACK;
        p->ack_queued = false;
        poller_kick(p);
        return;
    }
    arena_free(&p->arena);
    next_page(p);
}

/* After COMMIT only. */
static void acknowledge_page(struct poller *p)
{
    if (p->n_appending > 0) {
        return;
    }
    if (!p->ack_queued) {
        p->ack_queued = true;
        p->acked_before = p->ack.rows;
        if (p->new_round && !p->owed_page && p->cursor[0] == '\0') {
            ack_forget_waiting(&p->ack); /* without a cursor the page shows them again */
            p->new_round = false;
        }
        for (size_t i = 0; i < p->n_rows && !p->page_failed; i++) {
            if (p->safe[i]) {
                ack_add(&p->ack, p->ids[i]);
            }
        }
        arena_free(&p->arena);
    }
    if (ack_idle(&p->ack)) {
        next_page(p);
    }
}

/* The journal is closing: nothing more is taken in. */
static void give_up_round(struct poller *p)
{
    p->stopping = true;
    p->step = POLLER_IDLE;
    poller_kick(p);
}

static void compare_done(struct journal_op *op)
{
    struct poller *p = CONTAINER_OF(op, struct poller, compare.op);
    /* A row of a queue is news though it looks as before: what changed may not stand in it (a
     * step), and only what was read after it was shown may be acknowledged. */
    bool all = p->acks && p->live && p->ack.flow == 0;

    CRASH_POINT(page_compared);
    if (op->err != 0) {
        give_up_round(p);
        return;
    }
    p->stale_pages++;
    p->all_new = p->n_rows > 0;
    for (size_t i = 0; i < p->n_rows; i++) {
        p->stale_pages = p->compare.changed[i] ? 0 : p->stale_pages;
        p->all_new = p->all_new && p->compare.changed[i];
        p->changed[i] = all || p->compare.changed[i];
        p->safe[i] = !p->changed[i] && !p->compare.owed[i];
    }
    p->step = POLLER_DETAILS;
    poller_kick(p);
}

/* In a first reading, and so far all was new: the page need not wait until the journal has said so
 * of it too, behind the commit at work. Never else: a known record that is taken again may read
 * otherwise than it was sent, by another map or without what a source that is gone had said. */
static void take_all(struct poller *p)
{
    for (size_t i = 0; i < p->n_rows; i++) {
        p->changed[i] = true;
        p->safe[i] = false;
    }
    p->step = POLLER_DETAILS;
    poller_kick(p);
}

static void poll_done(struct adapter_poll *poll)
{
    struct poller *p = CONTAINER_OF(poll, struct poller, poll);

    CRASH_POINT(page_read);
    party_read(p->env, p->source, poll->err, &poll->why);
    p->last_poll_ms = (uint64_t)loop_wall_ms(p->env->loop);
    if (poll->err == 0 && keep_rows(p, poll->n_rows)) {
        p->failures = 0;
        p->trouble[0] = '\0';
        for (size_t i = 0; i < poll->n_rows; i++) {
            if (!keep_row(p, poll->rows[i].id, poll->rows[i].hash)) {
                poll->err = err_set(&poll->why, ERR_TOOBIG, "a page's ids are larger than allowed");
                break;
            }
        }
    }
    if (p->stopping) {
        give_up_round(p);
        return;
    }
    if (poll->err != 0) {
        p->failures++;
        p->polls_failed++;
        poller_trouble(p, "poll", poll->why.text[0] != '\0' ? poll->why.text : err_text(poll->err));
        rest(p);
        return;
    }
    p->rows_seen += poll->n_rows;
    p->more = poll->more;
    p->full_done = poll->full_done;
    (void)snprintf(p->next_cursor, sizeof(p->next_cursor), "%s",
                   poll->next_cursor != NULL ? poll->next_cursor : "");
    p->owed_page = false;
    if (poll->first_reading && p->all_new && !p->acks && p->merge == NULL) {
        take_all(p);
        return;
    }
    p->step = POLLER_COMPARE;
    p->compare.op.done = compare_done;
    p->compare.source = p->source_name;
    p->compare.ids = p->ids;
    p->compare.hashes = (const uint8_t(*)[RECORD_HASH_BYTES])p->hashes;
    p->compare.n = p->n_rows;
    journal_compare(p->env->journal, &p->compare);
}

static bool sink_is_behind(const struct poller *p)
{
    const struct journal *j = p->env->journal;

    return p->live && p->sink != NULL && p->sink->endpoint.breaker == BREAKER_CLOSED &&
           !p->sink->endpoint.paused &&
           journal_tally(j, p->flow, ITEM_SNAPSHOT, ITEM_PENDING) +
                   journal_tally(j, p->flow, ITEM_STEP, ITEM_PENDING) >
               AHEAD_ITEMS;
}

/* How long the page still waits for the sink, at most TAKES_MS at a time; 0 no more. What is behind
 * a held item, or goes later, is pending too: nothing is taken of it. */
static uint64_t pace_ms(struct poller *p, uint64_t now_ms)
{
    uint64_t since_ms = p->paced_ms - PACE_MS > p->taken_ms ? p->paced_ms - PACE_MS : p->taken_ms;
    uint64_t until_ms = p->paced_ms < since_ms + TAKES_MS ? p->paced_ms : since_ms + TAKES_MS;

    p->paced = p->paced_ms != 0 && now_ms < until_ms && sink_is_behind(p);
    return p->paced ? until_ms - now_ms : 0;
}

void poller_taken(struct poller *p)
{
    p->taken_ms = loop_now_ms(p->env->loop);
    if (p->paced) {
        poller_kick(p);
    }
}

static void ask_page(struct poller *p)
{
    uint64_t now_ms = loop_now_ms(p->env->loop);
    uint64_t wait_ms = party_wait_ms(p->source, LANE_DOSSIER, p, now_ms);

    if (wait_ms == 0) {
        wait_ms = pace_ms(p, now_ms);
    }
    if (wait_ms > 0) {
        loop_timer_start(p->env->loop, &p->timer, wait_ms < 1000 ? wait_ms : 1000);
        return;
    }
    memset(&p->poll, 0, sizeof(p->poll));
    p->poll.kind = p->kind;
    p->poll.cursor = p->cursor;
    p->poll.full = p->want_full;
    p->want_full = false;
    p->want_page = false;
    p->paced_ms = 0;
    p->poll.done = poll_done;
    p->step = POLLER_COMPARE; /* until poll_done says otherwise, pump has nothing to do */
    endpoint_begin(&p->source->endpoint, LANE_DOSSIER, now_ms);
    CRASH_POINT(page_before);
    p->source->adapter->ops->poll(p->source->adapter, &p->poll);
}

static void owed_done(struct journal_op *op)
{
    struct poller *p = CONTAINER_OF(op, struct poller, owed.op);

    if (op->err == 0 && p->owed.n > 0 && keep_rows(p, p->owed.n)) {
        for (size_t i = 0; i < p->owed.n; i++) {
            if (keep_row(p, p->owed.ids[i], p->owed.hashes[i])) {
                p->changed[i] = true;
            }
        }
        CRASH_POINT(owed_read);
        p->owed_page = true;
        p->step = POLLER_DETAILS;
        poller_kick(p);
    } else {
        after_owed(p);
    }
    journal_owed_free(&p->owed);
}

static void cursor_done(struct journal_op *op)
{
    struct poller *p = CONTAINER_OF(op, struct poller, cursor_op.op);

    if (op->err != 0) {
        give_up_round(p);
        return;
    }
    memcpy(p->cursor, p->cursor_op.value, sizeof(p->cursor));
    p->cursor_known = true;
    p->step = POLLER_IDLE;
    poller_kick(p);
}

static void begin_round(struct poller *p)
{
    if (!p->cursor_known) {
        p->step = POLLER_CURSOR;
        p->cursor_op.op.done = cursor_done;
        p->cursor_op.source = p->source_name;
        journal_cursor(p->env->journal, &p->cursor_op);
        return;
    }
    p->step = POLLER_OWED;
    p->want_owed = false;
    p->new_round = true;
    p->all_new = false;
    p->owed.op.done = owed_done;
    p->owed.source = p->source_name;
    p->owed.limit = OWED_MAX;
    journal_owed(p->env->journal, &p->owed);
}

static void check_stopped(struct poller *p)
{
    if (p->stopped != NULL && p->running + p->taking == 0 && p->step == POLLER_IDLE &&
        p->n_appending == 0 && (!p->acks || ack_idle(&p->ack))) {
        void (*stopped)(void *ctx) = p->stopped;

        arena_free(&p->arena); /* of a page that was cut short */
        p->stopped = NULL;
        stopped(p->stopped_ctx);
    }
}

static void pump(struct poller *p)
{
    if (p->acks) {
        ack_kick(&p->ack);
    }
    if (p->step == POLLER_DETAILS) {
        if (poller_run_details(p)) {
            end_page(p);
        }
    } else if (p->stopping) {
        if (p->step == POLLER_PAGE || p->step == POLLER_ACK) {
            p->step = POLLER_IDLE;
        }
    } else if (p->step == POLLER_ACK) {
        acknowledge_page(p);
    } else if (p->step == POLLER_PAGE && !p->off) {
        if (!journal_window_full(p->env->journal)) {
            ask_page(p);
        }
    } else if (p->step == POLLER_IDLE && !p->off && !loop_timer_armed(&p->timer) &&
               !journal_window_full(p->env->journal)) {
        begin_round(p);
    }
    check_stopped(p);
}

void poller_stop(struct poller *p, void (*stopped)(void *ctx), void *ctx)
{
    p->stopping = true;
    p->stopped = stopped;
    p->stopped_ctx = ctx;
    loop_timer_stop(&p->timer);
    if (p->acks) {
        ack_stop(&p->ack);
    }
    poller_kick(p);
}

void poller_free(struct poller *p)
{
    loop_task_cancel(&p->pump);
    loop_timer_stop(&p->timer);
    if (p->acks) {
        ack_free(&p->ack);
    }
}
