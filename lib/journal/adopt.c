/* adopt: dossiers that another connector delivered before us, and what the portal shows of open
 * ones. */

#include "base/crash_point.h"
#include "journal/subject.h"
#include "journal/worker.h"

#define SUBJECTS_BYTES_MAX (1u << 20)
#define SUBJECTS_MAX 500

static int run_subjects(struct db *db, struct journal_op *op)
{
    static const struct sql select = {
        "SELECT s.id, s.code, s.status, s.acked_item IS NOT NULL FROM subject s NOT INDEXED "
        "LEFT JOIN seen n ON n.code = s.code "
        "WHERE s.flow = ?1 AND s.id > ?2 "
        "AND (?3 = 0 OR EXISTS (SELECT 1 FROM item i WHERE i.subject = s.id AND i.created_ms < ?3 "
        "                       AND i.state < 4)) "
        "AND (?4 = 0 OR ifnull(n.at_ms, 0) < ?4) "
        "AND (?5 = 0 OR s.status NOT IN (3, 8, 10)) ORDER BY s.id LIMIT ?6"};
    struct journal_subjects *s = CONTAINER_OF(op, struct journal_subjects, op);
    int err = 0;
    sqlite3_stmt *stmt;

    s->n = 0;
    s->rows = arena_alloc(&s->arena, sizeof(*s->rows) * s->limit);
    if (s->rows == NULL) {
        return journal_op_fail(op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    stmt = db_bind(db, &select, &err, "iiiiii", s->flow, s->after, (int64_t)s->until_ms,
                   (int64_t)s->seen_before_ms, (int64_t)s->open_only, (int64_t)s->limit);
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        struct journal_subject *row = &s->rows[s->n];

        row->id = sqlite3_column_int64(stmt, 0);
        row->code = db_text(&s->arena, stmt, 1);
        row->status = sqlite3_column_int(stmt, 2);
        row->adopted = sqlite3_column_int(stmt, 3) != 0;
        if (row->code == NULL) {
            db_reset(stmt);
            return journal_op_fail(op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
        }
        s->n++;
    }
    return err;
}

static void undo_subjects(struct journal_op *op)
{
    journal_subjects_free(CONTAINER_OF(op, struct journal_subjects, op));
}

void journal_subjects(struct journal *j, struct journal_subjects *s)
{
    if (s->limit > SUBJECTS_MAX) {
        s->limit = SUBJECTS_MAX;
    }
    arena_init(&s->arena, SUBJECTS_BYTES_MAX);
    s->n = 0;
    journal_start(j, &s->op, run_subjects, undo_subjects, false);
}

void journal_subjects_free(struct journal_subjects *s)
{
    arena_free(&s->arena);
    s->n = 0;
}

/* ---- adopt ---- */

static int adopt_item(struct db *db, const struct subject *s, struct open_item *item,
                      uint64_t now_ms)
{
    struct item_change change = item_change_to(item, ITEM_PENDING);
    int err = 0;

    if (item->state == ITEM_UNSURE) {
        err = item_move(db, s, item, &change, now_ms);
    }
    change.to = ITEM_ADOPTED;
    change.reason = "there before this daemon";
    return err < 0 ? err : item_move(db, s, item, &change, now_ms);
}

static int adopt_steps(struct db *db, const struct subject *s, struct journal_adopt *a)
{
    static const struct sql next = {
        "SELECT id FROM item WHERE subject = ?1 AND kind = 2 AND state IN (0, 2, 3) "
        "AND created_ms < ?2 AND id > ?3 ORDER BY id LIMIT 1"};
    int64_t id = 0;
    int found;

    for (found = db_integer(db, &next, &id, "iii", s->id, (int64_t)a->until_ms, id); found == 1;
         found = db_integer(db, &next, &id, "iii", s->id, (int64_t)a->until_ms, id)) {
        struct open_item item;
        int64_t subject;
        int err = item_load(db, id, &item, &subject);

        err = err == 1 ? adopt_item(db, s, &item, a->now_ms) : err;
        if (err < 0) {
            return err;
        }
        a->adopted++;
    }
    return found;
}

/* The portal shows what we would send: adopted. It shows something else, or the snapshot came
 * later: it waits, as an update. */
static int adopt_snapshot(struct db *db, struct subject *s, struct journal_adopt *a)
{
    struct subject_view view;
    struct open_item *snapshot;
    int err = subject_view(db, s, &view);

    if (err < 0 || view.n_snapshots == 0) {
        return err;
    }
    snapshot = &view.snapshots[0];
    if (snapshot->state != ITEM_PENDING && snapshot->state != ITEM_UNSURE) {
        return 0; /* held for a reason that a person must see */
    }
    if (snapshot->created_ms >= (int64_t)a->until_ms ||
        (a->shown_status != 0 && a->shown_status != snapshot->status)) {
        a->pending++;
        return 0;
    }
    subject_acknowledge(s, snapshot);
    a->adopted++;
    return adopt_item(db, s, snapshot, a->now_ms);
}

static int run_adopt(struct db *db, struct journal_op *op)
{
    struct journal_adopt *a = CONTAINER_OF(op, struct journal_adopt, op);
    struct subject s;
    int found = subject_load(db, a->subject, &s);
    int err = found < 0 ? found : 0;

    if (found != 1) {
        return found < 0
                   ? found
                   : journal_op_fail(op, ERR_NOTFOUND, "no subject %lld", (long long)a->subject);
    }
    if (!a->there) {
        a->pending++;
        return 0;
    }
    CRASH_POINT(adopt_before);
    s.present = 1;
    s.doubt = 0;
    s.acked_status = a->shown_status;
    err = adopt_steps(db, &s, a);
    CRASH_POINT(adopt_steps);
    if (err == 0) {
        err = adopt_snapshot(db, &s, a);
    }
    CRASH_POINT(adopt_written);
    return err < 0 ? err : subject_reschedule(db, &s, a->now_ms);
}

static void undo_adopt(struct journal_op *op)
{
    struct journal_adopt *a = CONTAINER_OF(op, struct journal_adopt, op);

    a->adopted = 0;
    a->pending = 0;
}

void journal_adopt(struct journal *j, struct journal_adopt *a)
{
    a->adopted = 0;
    a->pending = 0;
    journal_start(j, &a->op, run_adopt, undo_adopt, true);
}

/* ---- seen ---- */

static int run_seen(struct db *db, struct journal_op *op)
{
    static const struct sql upsert = {
        "INSERT INTO seen (code, status, there, at_ms) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (code) DO UPDATE SET status = excluded.status, there = excluded.there, "
        "at_ms = excluded.at_ms"};
    static const struct sql acked = {"SELECT acked_status FROM subject WHERE code = ?1 AND "
                                     "acked_item IS NOT NULL ORDER BY flow LIMIT 1"};
    struct journal_seen *s = CONTAINER_OF(op, struct journal_seen, op);
    int64_t status = 0;
    int found = db_integer(db, &acked, &status, "t", s->code);

    if (found < 0) {
        return found;
    }
    CRASH_POINT(seen_before);
    s->differs = found == 1 && (!s->there || (s->status != 0 && s->status != (int)status));
    return db_run(db, &upsert, "tiii", s->code, (int64_t)s->status, (int64_t)s->there,
                  (int64_t)s->now_ms);
}

void journal_seen(struct journal *j, struct journal_seen *s)
{
    journal_start(j, &s->op, run_seen, NULL, true);
}
