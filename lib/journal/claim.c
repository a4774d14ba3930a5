/* claim: which calls are due, their intents committed and their bodies read back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash_point.h"
#include "journal/subject.h"
#include "journal/worker.h"

#define CALL_BYTES_MAX (12u << 20)

void journal_call_free(struct journal_call *call)
{
    if (call != NULL) {
        arena_free(&call->arena);
        free(call);
    }
}

/* ---- which subjects ---- */

struct candidate {
    struct subject subject;
    bool urgent;
};

/* Each queue's own, and the best first. */
struct candidates {
    struct candidate *all; /* owned */
    struct candidate *best[3 * JOURNAL_CLAIM_MAX];
    size_t n;
    bool cut; /* there are more */
};

static int by_urgency_then_age(const void *left, const void *right)
{
    const struct candidate *a = *(struct candidate *const *)left;
    const struct candidate *b = *(struct candidate *const *)right;

    if (a->urgent != b->urgent) {
        return a->urgent ? -1 : 1;
    }
    return a->subject.since_ms < b->subject.since_ms ? -1
                                                     : a->subject.since_ms > b->subject.since_ms;
}

static int read_candidates(struct db *db, sqlite3_stmt *stmt, uint64_t now_ms,
                           struct candidates *list)
{
    int err;

    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        struct candidate *c = &list->all[list->n];
        struct subject *s = &c->subject;

        err = subject_read(db, stmt, s);
        if (err < 0) {
            db_reset(stmt);
            return err;
        }
        c->urgent = s->queue == QUEUE_URGENT ||
                    subject_urgent(s->status, s->promised_s, s->since_ms, now_ms);
        list->best[list->n++] = c;
    }
    return err;
}

/* Up to max of each queue, then the best of them: no queue can starve another. */
static int find_candidates(struct db *db, const struct journal_claim *c, struct candidates *list)
{
    /* Each queue as a number in the text: held against the condition of an index, a value that is
     * bound makes SQLite prepare the statement anew whenever it is another one. */
    static const struct sql urgent = {"SELECT " SUBJECT_COLUMNS " FROM subject "
                                      "WHERE flow = ?1 AND queue = 0 ORDER BY since_ms LIMIT ?2"};
    static const struct sql normal = {"SELECT " SUBJECT_COLUMNS " FROM subject "
                                      "WHERE flow = ?1 AND queue = 1 ORDER BY since_ms LIMIT ?2"};
    static const struct sql due = {
        "SELECT " SUBJECT_COLUMNS " FROM subject "
        "WHERE flow = ?1 AND queue = 2 AND due_ms <= ?2 ORDER BY due_ms LIMIT ?3"};
    int err = 0;
    sqlite3_stmt *stmt;

    for (int64_t queue = QUEUE_URGENT; queue <= QUEUE_DELAYED && err == 0; queue++) {
        size_t before = list->n;

        stmt = queue == QUEUE_DELAYED
                   ? db_bind(db, &due, &err, "iii", c->flow, (int64_t)c->now_ms, (int64_t)c->max)
                   : db_bind(db, queue == QUEUE_URGENT ? &urgent : &normal, &err, "ii", c->flow,
                             (int64_t)c->max);
        err = stmt != NULL ? read_candidates(db, stmt, c->now_ms, list) : err;
        list->cut = list->cut || list->n - before == c->max;
    }
    if (err == 0) {
        qsort(list->best, list->n, sizeof(struct candidate *), by_urgency_then_age);
    }
    return err;
}

/* ---- one call ---- */

static int insert_attempt(struct db *db, struct journal_call *call, uint64_t now_ms)
{
    static const struct sql insert = {
        "INSERT INTO attempt (subject, verb, first_item, last_item, items, updating, begun_ms) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
    static const struct sql insert_item = {
        "INSERT INTO attempt_item (attempt, item) VALUES (?1, ?2)"};
    int err = db_run(db, &insert, "iiiiiii", call->subject, (int64_t)call->verb, call->items[0].id,
                     call->items[call->n - 1].id, (int64_t)call->n, (int64_t)call->updating,
                     (int64_t)now_ms);

    call->attempt = sqlite3_last_insert_rowid(db->sqlite);
    for (size_t i = 0; i < call->n && call->n > 1 && err == 0; i++) {
        err = db_run(db, &insert_item, "ii", call->attempt, call->items[i].id);
    }
    return err;
}

static int read_last_answer(struct db *db, struct journal_call *call)
{
    static const struct sql select = {
        "SELECT ifnull(code, '') || ' ' || ifnull(words, '') FROM attempt "
        "WHERE subject = ?1 AND verb = 1 AND ended_ms IS NOT NULL ORDER BY id DESC LIMIT 1"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "i", call->subject);

    if (stmt == NULL) {
        return err;
    }
    err = db_row(db, stmt);
    if (err == 1) {
        (void)snprintf(call->last_answer, sizeof(call->last_answer), "%s",
                       (const char *)sqlite3_column_text(stmt, 0));
        db_reset(stmt);
        err = 0;
    }
    return err;
}

static int hold_item(struct db *db, const struct subject *s, struct open_item *item,
                     enum hold_why why, const char *reason, uint64_t now_ms)
{
    struct item_change change = item_change_to(item, ITEM_HELD);

    change.hold = why;
    change.reason = reason;
    return item_move(db, s, item, &change, now_ms);
}

/* UNSURE goes through PENDING; a call that leaves is INFLIGHT, a look-up leaves the item as it is.
 */
static int begin_items(struct db *db, const struct subject *s, const struct journal_claim *c,
                       struct subject_next *next, const struct journal_call *call)
{
    int err = 0;

    for (size_t i = 0; i < next->n && call->verb == JOURNAL_SEND && err == 0; i++) {
        struct item_change change = item_change_to(&next->items[i], ITEM_PENDING);

        if (next->items[i].state == ITEM_UNSURE) {
            if (c->ask && call->kind == RECORD_STEP) {
                change.flags &= ~(uint32_t)ITEM_FLAG_CONSENTED; /* one consent, one call */
            }
            err = item_move(db, s, &next->items[i], &change, c->now_ms);
        }
        change.to = ITEM_INFLIGHT;
        err = err == 0 ? item_move(db, s, &next->items[i], &change, c->now_ms) : err;
        CRASH_POINT(claim_item_moved);
    }
    return err;
}

/* Reads the bodies. 1: all there; 0: one was damaged and is held now; negative: failed. */
static int read_bodies(struct db *db, const struct subject *s, const struct journal_claim *c,
                       struct subject_next *next, struct journal_call *call)
{
    for (size_t i = 0; i < next->n; i++) {
        struct open_item *item = &next->items[i];
        struct record *record = &call->records[i];
        int found = item_body(db, item->id, &call->arena, &record->body, &record->body_len);

        if (found == 0 || found == ERR_CORRUPT) {
            int err = hold_item(db, s, item, HOLD_DAMAGED,
                                "the stored body is damaged; reading the record from its source "
                                "again repairs it",
                                c->now_ms);

            return err < 0 ? err : 0;
        }
        if (found < 0) {
            return found;
        }
        call->items[i].id = item->id;
        call->items[i].attempts = item->attempts;
        call->items[i].same = item->same;
        call->items[i].flags = item->flags;
        call->items[i].created_ms = item->created_ms;
        call->items[i].solo = item->solo;
        call->items[i].was_unsure = item->state == ITEM_UNSURE;
        memcpy(record->hash, item->hash, sizeof(record->hash));
        record->kind = item->kind == ITEM_STEP ? RECORD_STEP : c->snapshot_kind;
        record->code = call->code;
        record->local_no = "";
        record->step_key = "";
        record->at_s = item->at_s;
        record->promised_s = s->promised_s;
    }
    return 1;
}

static void fill_call(const struct subject *s, const struct journal_claim *c,
                      const struct subject_next *next, struct journal_call *call)
{
    bool snapshot = next->items[0].kind == ITEM_SNAPSHOT;
    bool doubt = snapshot && (s->doubt || next->items[0].state == ITEM_UNSURE);

    call->subject = s->id;
    call->flow = s->flow;
    call->kind = snapshot ? c->snapshot_kind : RECORD_STEP;
    call->flips = (uint32_t)s->flips;
    call->resnapped = s->resnapped != 0;
    call->status = next->items[next->n - 1].status;
    call->promised_s = s->promised_s;
    call->verb = doubt && c->lookup && !c->idempotent ? JOURNAL_LOOKUP : JOURNAL_SEND;
    /* Doubt that no look-up can end: the same or newer full snapshot again, as an update. */
    call->updating = s->present != 0 || (doubt && !c->idempotent);
    call->n = next->n;
    memcpy(call->code, s->code, sizeof(call->code));
}

/* Whether the newest snapshot could go again before a step that was refused for want of it. */
static int find_snapshot(struct db *db, const struct subject *s, struct journal_call *call)
{
    static const struct sql select = {"SELECT 1 FROM body b JOIN item i ON i.id = b.item "
                                      "WHERE b.item = ?1 AND i.state <> 7"};
    int64_t one = 0;
    int found = s->newest_item != 0 ? db_integer(db, &select, &one, "i", s->newest_item) : 0;

    call->has_snapshot = found == 1;
    return found < 0 ? found : 0;
}

static bool needs_consent(const struct open_item *item)
{
    return item->state == ITEM_UNSURE && (item->flags & ITEM_FLAG_CONSENTED) == 0;
}

enum { CALL_NONE, CALL_READY, CALL_LOOK_AGAIN };

/* steps_in_doubt = ask: a step in doubt waits for a person, and a call begins only into a free
 * slot. */
static int ask_first(struct db *db, struct journal_claim *c, const struct subject *s,
                     struct subject_next *next)
{
    size_t n = 1;

    if (needs_consent(&next->items[0])) {
        int err = hold_item(db, s, &next->items[0], HOLD_IN_DOUBT,
                            "the portal may have this step and can't be asked; resolve it as "
                            "delivered, or release it to send it again",
                            c->now_ms);

        c->held++;
        return err < 0 ? err : CALL_LOOK_AGAIN;
    }
    while (n < next->n && !needs_consent(&next->items[n])) {
        n++;
    }
    next->n = n;
    if (c->step_calls >= c->max_ask) {
        c->waits = true;
        return CALL_NONE;
    }
    return CALL_READY;
}

/* A snapshot that waits goes before all steps: then these need not be read. */
static int look_at_open(struct db *db, const struct subject *s, struct subject_view *view)
{
    struct open_item newest;
    int64_t subject;
    bool acked = s->newest_item == 0 || s->newest_item == s->acked_item;
    int found = acked ? 0 : item_load(db, s->newest_item, &newest, &subject);

    if (found == 1 && (newest.state == ITEM_PENDING || newest.state == ITEM_UNSURE)) {
        subject_view_clear(view);
        subject_view_add(view, &newest);
        return 0;
    }
    return found < 0 ? found : subject_view(db, s, view);
}

/* What is next of a subject, with bodies; what turns out to be impossible is held on the way. */
static int prepare_call(struct db *db, struct journal_claim *c, const struct subject *s,
                        struct subject_view *view, struct subject_next *next,
                        struct journal_call *call)
{
    int made = CALL_LOOK_AGAIN;

    while (made == CALL_LOOK_AGAIN) {
        int err = look_at_open(db, s, view);

        *next = subject_next_call(s, view);
        if (err < 0 || next->n == 0) {
            return err < 0 ? err : CALL_NONE;
        }
        made = c->ask && next->items[0].kind == ITEM_STEP ? ask_first(db, c, s, next) : CALL_READY;
        if (made != CALL_READY) {
            continue;
        }
        fill_call(s, c, next, call);
        made = read_bodies(db, s, c, next, call);
        if (made == 0) {
            c->held++;
            arena_free(&call->arena);
            made = CALL_LOOK_AGAIN;
        }
    }
    return made;
}

/* 1 a call was made, 0 nothing to call, negative failed. */
static int claim_subject(struct db *db, struct journal_claim *c, struct subject *s)
{
    struct journal_call *call = calloc(1, sizeof(*call));
    struct subject_view view;
    struct subject_next next;
    int err;
    int made;

    if (call == NULL) {
        return ERR_NOMEM;
    }
    arena_init(&call->arena, CALL_BYTES_MAX);
    made = prepare_call(db, c, s, &view, &next, call);
    err = made < 0 ? made : 0;
    if (made == CALL_READY) {
        err = begin_items(db, s, c, &next, call);
        err = err == 0 ? insert_attempt(db, call, c->now_ms) : err;
        CRASH_POINT(claim_attempt);
        err = err == 0 && call->items[0].same > 0 ? read_last_answer(db, call) : err;
        err = err == 0 && call->kind == RECORD_STEP ? find_snapshot(db, s, call) : err;
    }
    if (err == 0) {
        err = made == CALL_READY ? subject_occupy(db, s) : subject_reschedule(db, s, c->now_ms);
    }
    if (err < 0 || made != CALL_READY) {
        journal_call_free(call);
        return err;
    }
    CRASH_POINT(claim_occupied);
    c->step_calls += call->kind == RECORD_STEP;
    list_push(&c->calls, &call->link);
    c->n++;
    return 1;
}

static int run_claim(struct db *db, struct journal_op *op)
{
    static const struct sql clamp = {"UPDATE subject SET due_ms = ?2 "
                                     "WHERE flow = ?1 AND queue = 2 AND due_ms > ?2"};
    static const struct sql back = {"UPDATE subject SET due_ms = max(0, due_ms - ?2) "
                                    "WHERE flow = ?1 AND queue = 2"};
    static const struct sql next_due = {"SELECT min(due_ms) FROM subject "
                                        "WHERE flow = ?1 AND queue = 2"};
    struct journal_claim *c = CONTAINER_OF(op, struct journal_claim, op);
    struct candidates list = {.n = 0};
    int64_t due_ms = 0;
    int err = 0;

    if (c->max > JOURNAL_CLAIM_MAX) {
        c->max = JOURNAL_CLAIM_MAX;
    }
    list.all = malloc((3 * c->max + 1) * sizeof(*list.all));
    if (list.all == NULL) {
        return err_set(&db->why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    CRASH_POINT(claim_before);
    if (c->back_ms > 0) {
        err = db_run(db, &back, "ii", c->flow, (int64_t)c->back_ms);
    }
    if (err == 0 && c->due_cap_ms > 0) {
        err = db_run(db, &clamp, "ii", c->flow, (int64_t)(c->now_ms + c->due_cap_ms));
    }
    err = err == 0 ? find_candidates(db, c, &list) : err;
    for (size_t i = 0; err == 0 && i < list.n && c->n < c->max; i++) {
        int made = claim_subject(db, c, &list.best[i]->subject);

        err = made < 0 ? made : 0;
    }
    free(list.all);
    /* What was held made room for others; what waits for a free slot under `ask` did not: asking
     * again at once would find it again. */
    c->full = err == 0 && (c->n == c->max || (list.cut && c->held > 0));
    if (err == 0) {
        err = db_integer(db, &next_due, &due_ms, "i", c->flow);
        err = err < 0 ? err : 0;
    }
    c->next_due_ms = (uint64_t)due_ms;
    CRASH_POINT(claim_written);
    return err;
}

static void undo_claim(struct journal_op *op)
{
    struct journal_claim *c = CONTAINER_OF(op, struct journal_claim, op);
    struct list *node;

    for (node = list_shift(&c->calls); node != NULL; node = list_shift(&c->calls)) {
        journal_call_free(CONTAINER_OF(node, struct journal_call, link));
    }
    c->n = 0;
    c->step_calls = 0;
    c->waits = false;
    c->held = 0;
    c->full = false;
}

void journal_claim(struct journal *j, struct journal_claim *c)
{
    list_init(&c->calls);
    undo_claim(&c->op);
    journal_start(j, &c->op, run_claim, undo_claim, true);
}
