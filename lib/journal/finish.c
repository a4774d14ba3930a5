/* finish: what becomes of the items of a call and of their subject; also what a crash left in
 * flight. */
#include <string.h>

#include "base/crash_point.h"
#include "journal/review.h"
#include "journal/subject.h"
#include "journal/worker.h"

#define UNSURE_OUTCOME 2 /* OUTCOME_UNSURE of adapter.h, as stored */

void journal_finish_init(struct journal_finish *f, const struct journal_call *call)
{
    memset(f, 0, sizeof(*f));
    f->attempt = call->attempt;
    f->subject = call->subject;
    f->verb = call->verb;
    f->n = call->n;
    for (size_t i = 0; i < call->n; i++) {
        f->items[i] = call->items[i].id;
    }
    f->present = -1;
    f->doubt = -1;
    f->status = -1;
}

static int store_attempt(struct db *db, const struct journal_finish *f)
{
    static const struct sql update = {
        "UPDATE attempt SET ended_ms = ?2, outcome = ?3, http = ?4, code = ?5, words = ?6, "
        "request = ?7, response = ?8, repeats = ?9, took_ms = ?10 WHERE id = ?1"};
    static const struct sql forget = {"DELETE FROM attempt WHERE id = ?1"};
    static const struct sql forget_items = {"DELETE FROM attempt_item WHERE attempt = ?1"};
    int err;

    if (f->withdrawn) {
        CRASH_POINT(finish_withdrawn);
        err = db_run(db, &forget_items, "i", f->attempt);
        return err < 0 ? err : db_run(db, &forget, "i", f->attempt);
    }
    return db_run(db, &update, "iiiittbbii", f->attempt, (int64_t)f->ended_ms, (int64_t)f->outcome,
                  (int64_t)f->http, f->code, f->words, (const void *)f->request, sizeof(f->request),
                  (const void *)f->response, sizeof(f->response), (int64_t)f->repeats,
                  (int64_t)f->took_ms);
}

/* 1: a newer snapshot stands for this one. What a person dropped stands for nothing: then this one
 * is the newest again. */
static int newer_stands(struct db *db, struct subject *s, const struct open_item *item)
{
    struct open_item newest;
    int64_t subject;
    int found = s->newest_item > item->id ? item_load(db, s->newest_item, &newest, &subject) : 0;
    int err;

    if (found != 1 || newest.state != ITEM_DROPPED) {
        return found;
    }
    err = item_delete_body(db, newest.id);
    s->newest_item = item->id;
    s->status = item->status;
    s->at_s = item->at_s;
    return err;
}

/* What was waiting behind an acknowledged snapshot: when equal it needs no call of its own, when no
 * way leads from here to there a person must look. */
static int settle_waiting(struct db *db, struct subject *s, struct open_item *waiting,
                          const struct open_item *item, uint64_t now_ms)
{
    struct item_change change;
    uint32_t flags = waiting->flags;

    if (memcmp(waiting->hash, item->hash, sizeof(waiting->hash)) == 0) {
        s->newest_item = item->id;
        return item_supersede(db, s, waiting, item->id, now_ms);
    }
    if (waiting->state != ITEM_PENDING || (flags & ITEM_FLAG_CONSENTED) != 0 ||
        subject_path(s, waiting->status, &flags)) {
        return 0;
    }
    change = item_change_to(waiting, ITEM_HELD);
    change.hold = HOLD_NO_PATH;
    change.reason = SUBJECT_NO_PATH;
    return item_move(db, s, waiting, &change, now_ms);
}

static int acknowledge(struct db *db, struct subject *s, const struct open_item *item,
                       uint64_t now_ms)
{
    struct subject_view view;
    int newer = newer_stands(db, s, item);
    int err;

    subject_view_clear(&view);
    err = newer == 1 ? subject_view(db, s, &view) : newer;
    subject_acknowledge(s, item);
    for (size_t i = 0; i < view.n_snapshots && err == 0; i++) {
        if (view.snapshots[i].id > item->id) {
            err = settle_waiting(db, s, &view.snapshots[i], item, now_ms);
        }
    }
    if (err == 0 && s->newest_item != item->id) {
        err = item_delete_body(db, item->id);
    }
    return err;
}

static struct item_change decided(const struct journal_finish *f, const struct open_item *item)
{
    struct item_change change = item_change_to(item, f->to);

    if (f->to == ITEM_PENDING || f->to == ITEM_UNSURE) {
        change.due_ms = f->due_ms;
    }
    if (f->to == ITEM_HELD) {
        change.hold = f->hold;
        change.reason = f->reason;
    }
    change.attempts += f->charge;
    change.same = f->same;
    if (f->solo != 0 && (item->solo == 0 || f->solo < item->solo)) {
        change.solo = f->solo;
    }
    change.flags |= f->flags;
    if (f->status >= 0) {
        change.status = f->status;
    }
    return change;
}

/* Maps may have changed since it was stored: what was sent is what the peer holds. */
static int store_content(struct db *db, const struct journal_finish *f, struct open_item *item)
{
    static const struct sql update = {"UPDATE item SET hash = ?2 WHERE id = ?1"};

    if (memcmp(item->hash, f->content, sizeof(item->hash)) == 0) {
        return 0;
    }
    memcpy(item->hash, f->content, sizeof(item->hash));
    return db_run(db, &update, "ib", item->id, (const void *)item->hash, sizeof(item->hash));
}

static int finish_sent(struct db *db, struct journal_finish *f, struct subject *s,
                       struct open_item *item)
{
    struct item_change change = decided(f, item);
    int err;

    if (item->state != ITEM_INFLIGHT) {
        return 0; /* a person moved it meanwhile; the attempt row tells the story */
    }
    f->became = change.to;
    if (item->kind == ITEM_SNAPSHOT && change.to != ITEM_DONE) {
        int newer = newer_stands(db, s, item);

        if (newer != 0) {
            f->became = ITEM_SUPERSEDED;
            return newer < 0 ? newer : item_supersede(db, s, item, s->newest_item, f->ended_ms);
        }
    }
    if (change.to == ITEM_SUPERSEDED) {
        return item_supersede(db, s, item, 0, f->ended_ms); /* the peer holds the same step */
    }
    err = item_move(db, s, item, &change, f->ended_ms);
    CRASH_POINT(finish_item_moved);
    if (err == 0 && change.to == ITEM_DONE && item->kind == ITEM_SNAPSHOT && f->has_content) {
        err = store_content(db, f, item);
    }
    if (err == 0 && change.to == ITEM_DONE && item->kind == ITEM_SNAPSHOT) {
        err = acknowledge(db, s, item, f->ended_ms);
        CRASH_POINT(finish_acknowledged);
    } else if (err == 0 && change.to == ITEM_DONE) {
        s->resnapped = 0; /* the snapshot that was put before it has served */
    }
    return err;
}

/* A look-up speaks about the subject: whatever snapshot waits now gets its answer. */
static int finish_lookup(struct db *db, struct journal_finish *f, struct subject *s)
{
    struct subject_view view;
    struct item_change change;
    int err = subject_view(db, s, &view);

    if (err < 0 || view.n_snapshots == 0 || view.snapshots[0].state == ITEM_HELD) {
        return err;
    }
    change = decided(f, &view.snapshots[0]);
    change.same = view.snapshots[0].same;
    if (view.snapshots[0].state == ITEM_PENDING && change.to == ITEM_UNSURE) {
        change.to = ITEM_PENDING; /* the doubt is the subject's; the item itself was never sent */
    }
    return item_move(db, s, &view.snapshots[0], &change, f->ended_ms);
}

/* A copy of the newest snapshot before the steps that the peer refused for want of the dossier;
 * once, and where there is none (or a person holds it) the next refusal holds the step. */
static int put_snapshot_again(struct db *db, struct journal_finish *f, struct subject *s)
{
    struct open_item newest;
    struct item_new copy = {.kind = ITEM_SNAPSHOT, .state = ITEM_PENDING};
    struct arena arena;
    int64_t subject;
    int err = item_load(db, s->newest_item, &newest, &subject);

    s->resnapped = 1;
    if (err != 1 || item_open(newest.state) || newest.state == ITEM_DROPPED) {
        return err < 0 ? err : 0;
    }
    arena_init(&arena, 2 * JOURNAL_BODY_MAX);
    err = item_body(db, newest.id, &arena, &copy.body, &copy.body_len);
    if (err == 1) {
        copy.hash = newest.hash;
        copy.status = newest.status;
        copy.flags = newest.flags;
        copy.at_s = newest.at_s;
        err = item_insert(db, s, &copy, f->ended_ms, &s->newest_item);
        err = err == 1 ? item_delete_body(db, newest.id) : err;
    }
    arena_free(&arena);
    return err == ERR_CORRUPT ? 0 : err;
}

static int run_finish(struct db *db, struct journal_op *op)
{
    struct journal_finish *f = CONTAINER_OF(op, struct journal_finish, op);
    struct subject s;
    int found = subject_load(db, f->subject, &s);
    int err = found < 0 ? found : store_attempt(db, f);

    CRASH_POINT(finish_attempt);
    f->became = f->to;
    if (found == 0 && err == 0) {
        return journal_op_fail(op, ERR_NOTFOUND, "no subject %lld", (long long)f->subject);
    }
    if (err < 0) {
        return err;
    }
    s.busy = 0;
    if (f->present >= 0) {
        s.present = f->present;
    }
    if (f->doubt == 1 && !db->losing_control) {
        subject_doubt(&s);
    } else if (f->doubt >= 0) {
        s.doubt = 0;
    }
    s.flips += f->flip;
    if (f->local_no[0] != '\0') {
        err = subject_set_local_no(db, &s, f->local_no);
    }
    if (err == 0 && f->verb == JOURNAL_LOOKUP) {
        err = finish_lookup(db, f, &s);
        CRASH_POINT(finish_looked_up);
    }
    for (size_t i = 0; i < f->n && f->verb == JOURNAL_SEND && err == 0; i++) {
        struct open_item item;
        int64_t subject;

        err = item_load(db, f->items[i], &item, &subject);
        err = err == 1 ? finish_sent(db, f, &s, &item) : err;
    }
    if (f->verb == JOURNAL_SEND && f->became == ITEM_DONE) {
        s.since_ms = 0; /* what is left has waited since its own arrival */
    }
    if (err == 0 && f->flip && f->present == 1) {
        err = review_recall(db, &s, f->ended_ms);
    }
    if (err == 0 && f->resnap) {
        err = put_snapshot_again(db, f, &s);
    }
    if (err == 0) {
        err = subject_reschedule(db, &s, f->ended_ms);
    }
    CRASH_POINT(finish_written);
    f->settled = s.settled_s != 0;
    f->ready = s.queue == QUEUE_URGENT || s.queue == QUEUE_NORMAL;
    return err;
}

void journal_finish(struct journal *j, struct journal_finish *f)
{
    journal_start_sized(j, &f->op, run_finish, NULL, 0, true);
}

/* ---- after a crash ---- */

static int recover_item(struct db *db, int64_t id, uint64_t now_ms)
{
    struct open_item item;
    struct subject s;
    int64_t subject;
    struct item_change change;
    int err = item_load(db, id, &item, &subject);

    if (err == 1) {
        err = subject_load(db, subject, &s);
    }
    if (err != 1) {
        return err;
    }
    change = item_change_to(&item, db->losing_control ? ITEM_PENDING : ITEM_UNSURE);
    s.busy = 0;
    err = item.kind == ITEM_SNAPSHOT ? newer_stands(db, &s, &item) : 0;
    if (err == 1) {
        err = item_supersede(db, &s, &item, s.newest_item, now_ms);
    } else if (err == 0) {
        err = item_move(db, &s, &item, &change, now_ms);
    }
    if (item.kind == ITEM_SNAPSHOT && !db->losing_control) {
        subject_doubt(&s);
    }
    return err < 0 ? err : subject_reschedule(db, &s, now_ms);
}

/* How many calls were under way, by the sums: nobody looks through a million that wait for none. */
static int64_t in_flight(const struct db *db)
{
    int64_t n = 0;

    for (int64_t flow = 0; flow <= DB_MAX_FLOWS; flow++) {
        n += db->tally.n[flow][ITEM_SNAPSHOT][ITEM_INFLIGHT];
        n += db->tally.n[flow][ITEM_STEP][ITEM_INFLIGHT];
    }
    return n;
}

int items_recover(struct db *db, uint64_t now_ms)
{
    static const struct sql next = {
        "SELECT id FROM item INDEXED BY item_waiting WHERE state < 4 AND state = 1 "
        "AND id > ?1 ORDER BY id LIMIT 1"};
    static const struct sql busy = {"SELECT id FROM subject WHERE busy = 1 LIMIT 1"};
    static const struct sql attempts = {
        "UPDATE attempt SET ended_ms = ?1, outcome = ?2, "
        "words = 'the daemon stopped while this call was in flight' "
        "WHERE ended_ms IS NULL AND verb = 1"};
    static const struct sql lookups = {"UPDATE attempt SET ended_ms = ?1, "
                                       "words = 'the daemon stopped during this look-up' "
                                       "WHERE ended_ms IS NULL AND verb = 2"};
    int64_t id = 0;
    int found = in_flight(db) > 0 ? db_integer(db, &next, &id, "i", id) : 0;
    int err = 0;

    for (; found == 1 && err == 0; found = db_integer(db, &next, &id, "i", id)) {
        err = recover_item(db, id, now_ms);
        CRASH_POINT(recover_item);
    }
    err = found < 0 ? found : err;
    for (found = err == 0 ? db_integer(db, &busy, &id, "") : 0; found == 1 && err == 0;
         found = db_integer(db, &busy, &id, "")) {
        struct subject s;

        err = subject_load(db, id, &s);
        if (err == 1) {
            s.busy = 0;
            err = subject_reschedule(db, &s, now_ms);
        }
    }
    err = found < 0 ? found : err;
    CRASH_POINT(recover_attempts);
    if (err == 0) {
        err = db_run(db, &attempts, "ii", (int64_t)now_ms,
                     (int64_t)(db->losing_control ? 3 : UNSURE_OUTCOME));
    }
    return err < 0 ? err : db_run(db, &lookups, "i", (int64_t)now_ms);
}
