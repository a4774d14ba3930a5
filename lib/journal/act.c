/* act: what operators do to items, written into the audit in the same transaction. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash_point.h"
#include "journal/audit.h"
#include "journal/subject.h"
#include "journal/worker.h"

#define ACT_MAX 10000

static const char *const verb_names[] = {[JOURNAL_RETRY] = "retry",
                                         [JOURNAL_RELEASE] = "release",
                                         [JOURNAL_HOLD] = "hold",
                                         [JOURNAL_DROP] = "drop",
                                         [JOURNAL_DELIVERED] = "resolve-delivered",
                                         [JOURNAL_RESEND] = "resolve-resend"};

static int move_to(struct db *db, struct subject *s, struct open_item *item, enum item_state to,
                   enum hold_why hold, const struct journal_act *a)
{
    struct item_change change = item_change_to(item, to);

    change.hold = to == ITEM_HELD ? hold : HOLD_NONE;
    change.reason = a->reason[0] != '\0' ? a->reason : NULL;
    return item_move(db, s, item, &change, a->now_ms);
}

/* The peer may have it: a snapshot by what its subject says, a step by what became of its calls. */
static int in_doubt(struct db *db, const struct subject *s, const struct open_item *item)
{
    static const struct sql unsure = {
        "SELECT 1 FROM attempt t WHERE t.subject = ?1 AND t.verb = 1 AND t.outcome = 2 AND "
        "(t.first_item = ?2 OR t.last_item = ?2 OR EXISTS (SELECT 1 FROM attempt_item x "
        "WHERE x.attempt = t.id AND x.item = ?2)) LIMIT 1"};
    int64_t one = 0;

    if (item->kind == ITEM_SNAPSHOT) {
        return s->doubt;
    }
    return item->hold == HOLD_IN_DOUBT ? 1 : db_integer(db, &unsure, &one, "ii", s->id, item->id);
}

static int release(struct db *db, struct subject *s, struct open_item *item,
                   const struct journal_act *a)
{
    int doubt = in_doubt(db, s, item);
    struct item_change change = item_change_to(item, doubt == 1 ? ITEM_UNSURE : ITEM_PENDING);

    if (doubt < 0) {
        return doubt;
    }
    change.attempts = 0; /* consent starts the patience anew */
    change.same = 0;
    if (!hold_is_missing_map(item->hold)) {
        change.flags |= ITEM_FLAG_CONSENTED;
    }
    if (item->kind == ITEM_SNAPSHOT) {
        s->flips = 0;
    } else {
        s->resnapped = 0;
    }
    return item_move(db, s, item, &change, a->now_ms);
}

/* A person knows that the peer holds it. */
static int delivered(struct db *db, struct subject *s, struct open_item *item,
                     const struct journal_act *a)
{
    if (item->kind == ITEM_SNAPSHOT) {
        subject_acknowledge(s, item);
    }
    return move_to(db, s, item, ITEM_ADOPTED, HOLD_NONE, a);
}

/* Something of the dossier that must not be overtaken: a newer snapshot, a later step that went. */
static int newer_exists(struct db *db, const struct subject *s, const struct open_item *item)
{
    static const struct sql later = {
        "SELECT 1 FROM item WHERE subject = ?1 AND kind = 2 AND state IN (1, 2, 4) "
        "AND (at > ?2 OR (at = ?2 AND id > ?3)) LIMIT 1"};
    int64_t one = 0;

    if (item->kind == ITEM_SNAPSHOT) {
        return s->newest_item != item->id;
    }
    return db_integer(db, &later, &one, "iii", s->id, item->at_s, item->id);
}

/* PENDING again, unless something newer of its dossier stands for it or its body is gone. */
static int resend(struct db *db, struct subject *s, struct open_item *item,
                  const struct journal_act *a)
{
    static const struct sql body = {"SELECT 1 FROM body WHERE item = ?1"};
    struct item_change change = item_change_to(item, ITEM_PENDING);
    int64_t one = 0;
    int kept = db_integer(db, &body, &one, "i", item->id);
    int newer = kept == 1 && item->state != ITEM_HELD ? newer_exists(db, s, item) : 0;

    if (kept != 1 || newer != 0) {
        return kept < 0 ? kept : (newer < 0 ? newer : ERR_STATE);
    }
    change.attempts = 0;
    change.same = 0;
    change.flags |= ITEM_FLAG_CONSENTED;
    return item_move(db, s, item, &change, a->now_ms);
}

/* PENDING and UNSURE reach the ends of a person's hand through HELD. */
static int through_held(struct db *db, struct subject *s, struct open_item *item,
                        enum item_state to, const struct journal_act *a)
{
    int err = item->state == ITEM_HELD ? 0 : move_to(db, s, item, ITEM_HELD, HOLD_PERSON, a);

    return err < 0 ? err : move_to(db, s, item, to, HOLD_NONE, a);
}

int act_drop(struct db *db, struct subject *s, int64_t id, const char *who, const char *reason,
             uint64_t now_ms)
{
    struct journal_act act = {.verb = JOURNAL_DROP, .now_ms = now_ms};
    struct open_item item;
    char object[128];
    int64_t subject;
    int err = item_load(db, id, &item, &subject);

    if (err != 1) {
        return err;
    }
    (void)snprintf(act.reason, sizeof(act.reason), "%s", reason);
    (void)snprintf(object, sizeof(object), "item %lld %s", (long long)id, s->code);
    err = through_held(db, s, &item, ITEM_DROPPED, &act);
    return err < 0 ? err : audit_add(db, now_ms, who, verb_names[JOURNAL_DROP], object, reason);
}

/* 0 moved, ERR_STATE not possible now, others failed. */
static int act_on(struct db *db, struct subject *s, struct open_item *item,
                  const struct journal_act *a)
{
    bool waiting = item->state == ITEM_PENDING || item->state == ITEM_UNSURE;
    struct item_change now = item_change_to(item, item->state);

    switch (a->verb) {
    case JOURNAL_RETRY:
        return waiting ? item_move(db, s, item, &now, a->now_ms) : ERR_STATE;
    case JOURNAL_RELEASE:
        return item->state == ITEM_HELD ? release(db, s, item, a) : ERR_STATE;
    case JOURNAL_HOLD:
        return waiting ? move_to(db, s, item, ITEM_HELD, HOLD_PERSON, a) : ERR_STATE;
    case JOURNAL_DROP:
        return waiting || item->state == ITEM_HELD ? through_held(db, s, item, ITEM_DROPPED, a)
                                                   : ERR_STATE;
    case JOURNAL_DELIVERED:
        return item->state == ITEM_HELD ? delivered(db, s, item, a) : ERR_STATE;
    case JOURNAL_RESEND:
        return item->state == ITEM_HELD || item->state == ITEM_ADOPTED ||
                       item->state == ITEM_DROPPED
                   ? resend(db, s, item, a)
                   : ERR_STATE;
    }
    return ERR_STATE;
}

static int act_one(struct db *db, struct journal_act *a, int64_t id)
{
    struct open_item item;
    struct subject s;
    int64_t subject;
    int err = item_load(db, id, &item, &subject);

    if (err == 1) {
        err = subject_load(db, subject, &s);
    }
    if (err != 1) {
        return err;
    }
    a->matched++;
    if (a->dry_run) {
        return 0;
    }
    err = act_on(db, &s, &item, a);
    if (err == ERR_STATE) {
        return a->id != 0
                   ? journal_op_fail(&a->op, ERR_STATE,
                                     "item %lld is %s: %s is not possible in this state, or its "
                                     "body is gone, or something newer of %s stands for it",
                                     (long long)id, item_state_name(item.state),
                                     verb_names[a->verb], s.code)
                   : 0;
    }
    if (err == 0) {
        char object[128];

        a->moved++;
        CRASH_POINT(act_moved);
        (void)snprintf(object, sizeof(object), "item %lld %s", (long long)id, s.code);
        err = audit_add(db, a->now_ms, a->who, verb_names[a->verb], object, a->reason);
        CRASH_POINT(act_audited);
    }
    return err < 0 ? err : subject_reschedule(db, &s, a->now_ms);
}

static int select_items(struct db *db, const struct journal_act *a, int64_t *ids, size_t *n)
{
    static const struct sql any = {
        "SELECT i.id FROM item i JOIN subject s ON s.id = i.subject WHERE i.state = ?1 "
        "AND (?2 = 0 OR s.flow = ?2) AND (?3 = 0 OR i.hold = ?3) AND (?4 = '' OR s.code = ?4) "
        "ORDER BY i.id LIMIT ?5"};
    static const struct sql open = {
        "SELECT i.id FROM item i INDEXED BY item_waiting JOIN subject s ON s.id = i.subject "
        "WHERE i.state < 4 AND i.state = ?1 "
        "AND (?2 = 0 OR s.flow = ?2) AND (?3 = 0 OR i.hold = ?3) AND (?4 = '' OR s.code = ?4) "
        "ORDER BY i.id LIMIT ?5"};
    int err = 0;
    sqlite3_stmt *stmt =
        db_bind(db, item_open(a->state) ? &open : &any, &err, "iiiti", (int64_t)a->state, a->flow,
                (int64_t)a->hold, a->code, (int64_t)ACT_MAX);

    *n = 0;
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        ids[(*n)++] = sqlite3_column_int64(stmt, 0);
    }
    return err;
}

static int run_act(struct db *db, struct journal_op *op)
{
    struct journal_act *a = CONTAINER_OF(op, struct journal_act, op);
    int64_t *ids;
    size_t n = 1;
    int err = 0;

    if ((a->verb == JOURNAL_DROP || a->verb == JOURNAL_DELIVERED) && a->reason[0] == '\0') {
        return journal_op_fail(op, ERR_INVAL, "%s needs a reason: it is kept in the audit",
                               verb_names[a->verb]);
    }
    ids = calloc(ACT_MAX, sizeof(*ids));
    if (ids == NULL) {
        return journal_op_fail(op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    CRASH_POINT(act_before);
    ids[0] = a->id;
    if (a->id == 0) {
        err = select_items(db, a, ids, &n);
    }
    for (size_t i = 0; i < n && err == 0; i++) {
        err = act_one(db, a, ids[i]);
    }
    free(ids);
    if (err == 0 && a->id != 0 && a->matched == 0) {
        return journal_op_fail(op, ERR_NOTFOUND, "no item %lld", (long long)a->id);
    }
    return err;
}

static void undo_act(struct journal_op *op)
{
    struct journal_act *a = CONTAINER_OF(op, struct journal_act, op);

    a->matched = 0;
    a->moved = 0;
}

void journal_act(struct journal *j, struct journal_act *a)
{
    a->matched = 0;
    a->moved = 0;
    journal_start(j, &a->op, run_act, undo_act, true);
}

static int run_audit(struct db *db, struct journal_op *op)
{
    struct journal_audit *a = CONTAINER_OF(op, struct journal_audit, op);

    CRASH_POINT(audit_before);
    return audit_add(db, a->now_ms, a->who, a->verb, a->object, a->reason);
}

void journal_audit(struct journal *j, struct journal_audit *a)
{
    journal_start(j, &a->op, run_audit, NULL, true);
}
