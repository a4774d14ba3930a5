#include "sync/poller.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/policy.h"

#define PAGE_BYTES_MAX (1u << 20)
/* An append is started when it holds so much: memory stays bounded whatever a page brings. */
#define APPEND_BYTES (512u << 10)
#define OWED_MAX 200
#define FAILURE_CAP_MS 300000
#define TROUBLE_LOG_MS 60000

static void pump(struct poller *p);
static void end_page(struct poller *p);

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

void poller_configure(struct poller *p, const struct config *config, const struct config_flow *flow)
{
    const struct config_source *source = config_source_find(config, flow->from);

    p->every_ms = source != NULL ? source->poll_every_ms : flow->every_ms;
    p->details_max = source != NULL ? source->max_in_flight : config->portal.max_in_flight;
    if (p->details_max > POLLER_DETAILS_MAX) {
        p->details_max = POLLER_DETAILS_MAX;
    }
    p->off = flow->mode == FLOW_OFF;
    poller_kick(p);
}

bool poller_idle(const struct poller *p)
{
    return p->off ||
           (p->step == POLLER_IDLE && p->appending == 0 && !p->want_full && p->failures == 0);
}

void poller_now(struct poller *p, bool full)
{
    p->want_full = p->want_full || full;
    if (p->step == POLLER_IDLE) {
        loop_timer_stop(&p->timer);
    }
    poller_kick(p);
}

void poller_kick(struct poller *p)
{
    loop_defer(p->env->loop, &p->pump);
}

static void trouble(struct poller *p, const char *what, const char *why)
{
    uint64_t suppressed = 0;

    (void)snprintf(p->trouble, sizeof(p->trouble), "%s: %.200s", what, why);
    if (log_limit_pass(&p->trouble_log, loop_now_ms(p->env->loop), TROUBLE_LOG_MS, &suppressed)) {
        flow_say(p->env, LOG_LEVEL_WARN, "poll_failed", p->name, "%s (%" PRIu64 " more not shown)",
                 p->trouble, suppressed);
    }
}

/* What a read teaches about its endpoint. */
static void source_ended(struct poller *p, int err, const struct errmsg *why)
{
    struct outcome outcome = {.class = OUTCOME_DONE};

    if (err == ERR_CANCELED) {
        outcome.class = OUTCOME_CANCELED;
    } else if (err == ERR_REMOTE || err == ERR_TIMEOUT) {
        outcome.class = OUTCOME_TRANSIENT;
        outcome.transport = true;
        (void)snprintf(outcome.words, sizeof(outcome.words), "%.300s", why->text);
    }
    party_end(p->env, p->source, &outcome);
}

/* ---- append ---- */

static void append_done(struct journal_op *op)
{
    struct journal_append *a = CONTAINER_OF(op, struct journal_append, op);
    struct poller *p = op->ctx;

    p->appending--;
    if (op->err != 0) {
        /* Only at the end: the journal is closing. What was not stored is asked again next time. */
        trouble(p, "not stored", op->why.text);
        p->cursor_known = false;
    } else if (a->stored > 0) {
        p->appended(p->ctx);
    }
    journal_append_free(a);
    free(a);
    poller_kick(p);
}

static void append_start(struct poller *p)
{
    struct journal_append *a = p->append;

    p->append = NULL;
    p->appending++;
    a->now_ms = (uint64_t)loop_wall_ms(p->env->loop);
    a->op.done = append_done;
    a->op.ctx = p;
    journal_append(p->env->journal, a);
}

static struct journal_append *append_open(struct poller *p)
{
    if (p->append == NULL) {
        p->append = malloc(sizeof(*p->append));
        if (p->append == NULL) {
            abort(); /* a small fixed allocation; the cursor has not moved, nothing is lost */
        }
        journal_append_init(p->append, p->flow);
    }
    return p->append;
}

static void add_row(struct poller *p, size_t row, bool owed, const char *why)
{
    struct journal_row r = {.id = p->ids[row], .owed = owed, .why = why};

    memcpy(r.hash, p->hashes[row], sizeof(r.hash));
    if (journal_append_row(append_open(p), p->source_name, &r) < 0) {
        abort(); /* the arena is far larger than a page's rows */
    }
}

/* The records of one row, judged by the sink. 0, or why they can't be stored. */
static int add_records(struct poller *p, const struct adapter_detail *detail)
{
    for (size_t i = 0; i < detail->n_records; i++) {
        struct adapter_check check = {.record = &detail->records[i]};
        struct journal_record record = {.record = detail->records[i]};
        int err;

        if (p->sink != NULL && p->sink->adapter->ops->check != NULL) {
            p->sink->adapter->ops->check(p->sink->adapter, &check);
        }
        record.status = check.status;
        record.hold = check.hold;
        record.flags = check.flags;
        if (check.has_held_hash) {
            memcpy(record.record.hash, check.held_hash, sizeof(record.record.hash));
        }
        record.reason = check.reason;
        err = journal_append_add(append_open(p), &record);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* ---- details ---- */

static void detail_done(struct adapter_detail *detail)
{
    struct poller_detail *d = CONTAINER_OF(detail, struct poller_detail, detail);
    struct poller *p = d->poller;
    uint64_t suppressed = 0;
    int err = detail->err;
    size_t row = d->row;

    source_ended(p, err, &detail->why);
    p->running--;
    p->busy_details &= ~(UINT64_C(1) << (d - p->details));
    if (err == 0) {
        p->n_details++;
        err = add_records(p, detail);
    }
    if (err == 0 || err == ERR_NOTFOUND || err == ERR_UNSUPPORTED) {
        add_row(p, row, false, NULL);
    } else if (err != ERR_CANCELED) {
        p->detail_failures++;
        add_row(p, row, true, detail->why.text);
        if (log_limit_pass(&p->detail_log, loop_now_ms(p->env->loop), TROUBLE_LOG_MS,
                           &suppressed)) {
            flow_say(p->env, LOG_LEVEL_WARN, "detail_failed", p->name,
                     "row %s is owed: %s (%" PRIu64 " more not shown)", p->ids[row],
                     detail->why.text[0] != '\0' ? detail->why.text : err_text(err), suppressed);
        }
    } else {
        p->stopping = true; /* cancelled: the page ends here, the cursor stays */
    }
    if (p->append != NULL && p->append->bytes >= APPEND_BYTES) {
        append_start(p);
    }
    poller_kick(p);
}

static bool start_detail(struct poller *p)
{
    uint64_t now_ms = loop_now_ms(p->env->loop);
    uint64_t wait_ms = endpoint_wait_ms(&p->source->endpoint, LANE_DOSSIER, now_ms);
    size_t slot = 0;
    struct poller_detail *d;

    if (wait_ms > 0) {
        if (wait_ms != UINT64_MAX) {
            loop_timer_start(p->env->loop, &p->timer, wait_ms);
        } else if (p->source->endpoint.in_flight == 0) {
            loop_timer_start(p->env->loop, &p->timer,
                             1000); /* paused: a person's resume wakes us too */
        }
        return false;
    }
    while ((p->busy_details & (UINT64_C(1) << slot)) != 0) {
        slot++;
    }
    d = &p->details[slot];
    p->busy_details |= UINT64_C(1) << slot;
    memset(d, 0, sizeof(*d));
    d->poller = p;
    d->row = p->next_row++;
    d->detail.kind = p->kind;
    d->detail.id = p->ids[d->row];
    d->detail.done = detail_done;
    p->running++;
    p->rows_changed++;
    endpoint_begin(&p->source->endpoint, LANE_DOSSIER, now_ms);
    p->source->adapter->ops->detail(p->source->adapter, &d->detail);
    return true;
}

static void run_details(struct poller *p)
{
    while (p->running < p->details_max && !p->stopping) {
        while (p->next_row < p->n_rows && !p->changed[p->next_row]) {
            p->next_row++;
        }
        if (p->next_row == p->n_rows || journal_window_full(p->env->journal) || !start_detail(p)) {
            break;
        }
    }
    if (p->running == 0 && (p->stopping || p->next_row == p->n_rows)) {
        end_page(p);
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
    return p->ids != NULL && p->hashes != NULL && p->changed != NULL;
}

static bool keep_row(struct poller *p, const char *id, const uint8_t hash[RECORD_HASH_BYTES])
{
    p->ids[p->n_rows] = arena_strdup(&p->arena, id);
    memcpy(p->hashes[p->n_rows], hash, RECORD_HASH_BYTES);
    return p->ids[p->n_rows++] != NULL;
}

static void rest(struct poller *p)
{
    uint64_t wait_ms = p->every_ms;

    if (p->failures > 0) {
        wait_ms = policy_backoff_ms(p->every_ms,
                                    FAILURE_CAP_MS > p->every_ms ? FAILURE_CAP_MS : p->every_ms,
                                    p->failures, loop_random(p->env->loop));
    }
    p->step = POLLER_IDLE;
    loop_timer_start(p->env->loop, &p->timer, wait_ms);
}

/* All rows of the page are stored or owed; the cursor goes with the last of them. */
static void end_page(struct poller *p)
{
    bool moved =
        !p->owed_page && p->next_cursor[0] != '\0' && strcmp(p->next_cursor, p->cursor) != 0;

    if (p->stopping) {
        if (p->append != NULL) {
            append_start(p);
        }
        p->step = POLLER_IDLE;
        return;
    }
    if (moved) {
        if (journal_append_cursor(append_open(p), p->source_name, p->next_cursor) < 0) {
            abort(); /* as in add_row */
        }
        (void)snprintf(p->cursor, sizeof(p->cursor), "%s", p->next_cursor);
    }
    if (p->append != NULL) {
        append_start(p);
    }
    arena_free(&p->arena);
    if (p->owed_page) {
        p->step = POLLER_PAGE;
    } else {
        if (p->full_done) {
            p->full_sweeps++;
            p->last_full_ms = (uint64_t)loop_wall_ms(p->env->loop);
        }
        p->step = POLLER_PAGE;
        if (!p->more && !p->want_full) {
            rest(p);
            return;
        }
    }
    poller_kick(p);
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

    if (op->err != 0) {
        give_up_round(p);
        return;
    }
    memcpy(p->changed, p->compare.changed, p->n_rows * sizeof(*p->changed));
    p->step = POLLER_DETAILS;
    poller_kick(p);
}

static void poll_done(struct adapter_poll *poll)
{
    struct poller *p = CONTAINER_OF(poll, struct poller, poll);

    source_ended(p, poll->err, &poll->why);
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
        trouble(p, "poll", poll->why.text[0] != '\0' ? poll->why.text : err_text(poll->err));
        rest(p);
        return;
    }
    p->rows_seen += poll->n_rows;
    p->more = poll->more;
    p->full_done = poll->full_done;
    (void)snprintf(p->next_cursor, sizeof(p->next_cursor), "%s",
                   poll->next_cursor != NULL ? poll->next_cursor : "");
    p->owed_page = false;
    p->step = POLLER_COMPARE;
    p->compare.op.done = compare_done;
    p->compare.source = p->source_name;
    p->compare.ids = p->ids;
    p->compare.hashes = (const uint8_t(*)[RECORD_HASH_BYTES])p->hashes;
    p->compare.n = p->n_rows;
    journal_compare(p->env->journal, &p->compare);
}

static void ask_page(struct poller *p)
{
    uint64_t now_ms = loop_now_ms(p->env->loop);
    uint64_t wait_ms = endpoint_wait_ms(&p->source->endpoint, LANE_DOSSIER, now_ms);

    if (wait_ms > 0) {
        loop_timer_start(p->env->loop, &p->timer, wait_ms < 1000 ? wait_ms : 1000);
        return;
    }
    memset(&p->poll, 0, sizeof(p->poll));
    p->poll.cursor = p->cursor;
    p->poll.full = p->want_full;
    p->want_full = false;
    p->poll.done = poll_done;
    p->step = POLLER_COMPARE; /* until poll_done says otherwise, pump has nothing to do */
    endpoint_begin(&p->source->endpoint, LANE_DOSSIER, now_ms);
    p->source->adapter->ops->poll(p->source->adapter, &p->poll);
}

static void owed_done(struct journal_op *op)
{
    struct poller *p = CONTAINER_OF(op, struct poller, owed.op);

    p->step = POLLER_PAGE;
    if (op->err == 0 && p->owed.n > 0 && keep_rows(p, p->owed.n)) {
        for (size_t i = 0; i < p->owed.n; i++) {
            if (keep_row(p, p->owed.ids[i], p->owed.hashes[i])) {
                p->changed[i] = true;
            }
        }
        p->owed_page = true;
        p->step = POLLER_DETAILS;
    }
    journal_owed_free(&p->owed);
    poller_kick(p);
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
    p->owed.op.done = owed_done;
    p->owed.source = p->source_name;
    p->owed.limit = OWED_MAX;
    journal_owed(p->env->journal, &p->owed);
}

static void check_stopped(struct poller *p)
{
    if (p->stopped != NULL && p->running == 0 && p->step == POLLER_IDLE && p->appending == 0) {
        void (*stopped)(void *ctx) = p->stopped;

        arena_free(&p->arena); /* of a page that was cut short */
        p->stopped = NULL;
        stopped(p->stopped_ctx);
    }
}

static void pump(struct poller *p)
{
    if (p->step == POLLER_DETAILS) {
        run_details(p);
    } else if (p->stopping) {
        if (p->step == POLLER_PAGE) {
            p->step = POLLER_IDLE;
        }
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
    poller_kick(p);
}
