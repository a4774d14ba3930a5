/* review_one: one dossier of a reconciliation: what the journal says of it, its verdict, and what
 * mends it. */
#include <stdio.h>
#include <string.h>

#include "base/crash_point.h"
#include "base/digest.h"
#include "domain/status.h"
#include "journal/audit.h"
#include "journal/review.h"
#include "journal/subject.h"
#include "journal/worker.h"

#define LOOK_BYTES_MAX (20u << 20)
#define STORE_BYTES_MAX (16u << 20)

struct review_record {
    struct record record; /* of the op's arena */
    struct review_record *next;
};

static int no_memory(struct journal_op *op)
{
    return journal_op_fail(op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

/* ---- what the journal says ---- */

static int read_items(struct db *db, struct review_state *s)
{
    static const struct sql select = {
        "SELECT ifnull(max(id), 0), ifnull(max(changed_ms), 0), "
        "ifnull(sum(state IN (0, 1, 2)), 0), ifnull(sum(state = 3), 0), "
        "ifnull(sum(kind = 2 AND state IN (4, 5, 6)), 0) FROM item WHERE subject = ?1"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "i", s->subject);

    err = stmt != NULL ? db_row(db, stmt) : err;
    if (err != 1) {
        return err;
    }
    s->newest_any = sqlite3_column_int64(stmt, 0);
    s->changed_ms = (uint64_t)sqlite3_column_int64(stmt, 1);
    s->waiting = sqlite3_column_int64(stmt, 2) > 0;
    s->held = sqlite3_column_int64(stmt, 3) > 0;
    if (!s->has_snapshot && sqlite3_column_int64(stmt, 4) > 0) {
        s->delivered = true; /* steps alone, of a dossier that another system brought */
    }
    db_reset(stmt);
    return 0;
}

static int read_newest(struct db *db, struct review_state *s)
{
    static const struct sql select = {"SELECT sha256 FROM body WHERE item = ?1"};
    struct open_item item;
    int64_t subject;
    int err = item_load(db, s->newest_item, &item, &subject);
    sqlite3_stmt *stmt;

    if (err != 1) {
        return err;
    }
    s->has_hash = true;
    memcpy(s->hash, item.hash, sizeof(s->hash));
    if (item.state == ITEM_DROPPED) {
        s->delivered = false; /* given up by a person */
    }
    stmt = db_bind(db, &select, &err, "i", s->newest_item);
    err = stmt != NULL ? db_row(db, stmt) : err;
    if (err == 1) {
        s->has_body = true;
        db_digest(stmt, 0, s->body_sha256);
        db_reset(stmt);
    }
    return err < 0 ? err : 0;
}

static int read_state(struct db *db, int64_t flow, const char *code, struct review_state *s)
{
    struct subject subject;
    int found = subject_find(db, flow, code, &subject);
    int err;

    memset(s, 0, sizeof(*s));
    if (found != 1) {
        return found;
    }
    s->known = true;
    s->subject = subject.id;
    s->newest_item = subject.newest_item;
    s->has_snapshot = subject.newest_item != 0;
    s->acked_status = subject.acked_status;
    s->status = subject.status;
    s->at_s = subject.at_s;
    s->delivered = subject.present != 0 && (subject.acked_item != 0 || subject.acked_status != 0);
    err = s->has_snapshot ? read_newest(db, s) : 0;
    return err == 0 ? read_items(db, s) : err;
}

bool review_same(const struct review_state *a, const struct review_state *b)
{
    return a->known == b->known && a->newest_any == b->newest_any &&
           a->newest_item == b->newest_item && a->changed_ms == b->changed_ms &&
           a->delivered == b->delivered && a->acked_status == b->acked_status &&
           a->held == b->held && a->waiting == b->waiting &&
           memcmp(a->hash, b->hash, sizeof(a->hash)) == 0;
}

static int read_history(struct db *db, struct review_look *l)
{
    static const struct sql shown = {"SELECT 1 FROM item WHERE subject = ?1 AND status = ?2 "
                                     "AND state IN (4, 5, 6) LIMIT 1"};
    static const struct sql step = {
        "SELECT 1 FROM item WHERE subject = ?1 AND step_key = ?2 AND kind = 2"};
    int64_t one = 0;
    int found = l->shown_status != 0
                    ? db_integer(db, &shown, &one, "ii", l->state.subject, (int64_t)l->shown_status)
                    : 0;

    l->state.shown_before = found == 1;
    for (size_t i = 0; i < l->n_keys && found >= 0; i++) {
        found = db_integer(db, &step, &one, "it", l->state.subject, l->keys[i]);
        l->state.unknown_steps += found == 0;
    }
    return found < 0 ? found : 0;
}

/* false without memory. */
static bool read_row(struct review_look *l, sqlite3_stmt *stmt)
{
    struct review_source_row *row = &l->rows[l->n_rows];
    size_t len = (size_t)sqlite3_column_bytes(stmt, 3);
    const char *part = len > 0 ? sqlite3_column_blob(stmt, 3) : NULL;

    row->source = db_text(&l->arena, stmt, 0);
    row->id = db_text(&l->arena, stmt, 1);
    row->owed = sqlite3_column_int(stmt, 2) != 0;
    row->part = part != NULL ? arena_strndup(&l->arena, part, len) : NULL;
    row->part_len = len;
    row->part_at_s = sqlite3_column_int64(stmt, 4);
    l->n_rows++;
    return row->source != NULL && row->id != NULL && (part == NULL || row->part != NULL);
}

static int read_rows(struct db *db, struct review_look *l)
{
    static const struct sql select = {
        "SELECT r.source, r.id, r.owed, p.body, ifnull(p.at, 0) FROM source_row r "
        "INDEXED BY source_row_code LEFT JOIN part p ON p.subject = ?2 AND p.source = r.source "
        "WHERE r.code = ?1 ORDER BY r.source, r.id LIMIT ?3"};
    int err = 0;
    sqlite3_stmt *stmt =
        db_bind(db, &select, &err, "tii", l->code, l->state.subject, (int64_t)REVIEW_ROWS_MAX);

    l->n_rows = 0;
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        if (!read_row(l, stmt)) {
            db_reset(stmt);
            return no_memory(&l->op);
        }
    }
    return err;
}

static int run_look(struct db *db, struct journal_op *op)
{
    struct review_look *l = CONTAINER_OF(op, struct review_look, op);
    int err = read_state(db, l->flow, l->code, &l->state);

    if (err < 0) {
        return err;
    }
    err = l->state.known ? read_history(db, l) : 0;
    return err == 0 ? read_rows(db, l) : err;
}

static void undo_look(struct journal_op *op)
{
    review_look_free(CONTAINER_OF(op, struct review_look, op));
}

void review_look(struct journal *j, struct review_look *l)
{
    arena_init(&l->arena, LOOK_BYTES_MAX);
    l->n_rows = 0;
    journal_start(j, &l->op, run_look, undo_look, false);
}

void review_look_free(struct review_look *l)
{
    arena_free(&l->arena);
    l->n_rows = 0;
}

/* ---- the records of the source, for bodies that are no longer kept ---- */

void review_store_init(struct review_store *s)
{
    memset(s, 0, sizeof(*s));
    arena_init(&s->arena, STORE_BYTES_MAX);
    s->records_end = &s->records;
}

void review_store_free(struct review_store *s)
{
    arena_free(&s->arena);
}

int review_store_add(struct review_store *s, const struct record *record)
{
    struct review_record *copy = arena_alloc(&s->arena, sizeof(*copy));

    if (copy == NULL || record->body_len > JOURNAL_BODY_MAX) {
        return copy == NULL ? ERR_NOMEM : ERR_TOOBIG;
    }
    copy->record = *record; /* of which nothing but key, hash and body is used */
    copy->record.figures = NULL;
    copy->record.dossier = NULL;
    copy->record.step = NULL;
    copy->record.step_key =
        arena_strdup(&s->arena, record->step_key != NULL ? record->step_key : "");
    copy->record.body = arena_strndup(&s->arena, record->body, record->body_len);
    if (copy->record.step_key == NULL || copy->record.body == NULL) {
        return s->arena.full ? ERR_TOOBIG : ERR_NOMEM;
    }
    *s->records_end = copy;
    s->records_end = &copy->next;
    return 0;
}

/* key NULL: the snapshot. */
static const struct record *find_record(const struct review_store *s, const char *key)
{
    for (const struct review_record *r = s->records; r != NULL; r = r->next) {
        bool step = record_item_kind(r->record.kind) == ITEM_STEP;

        if (step == (key != NULL) && (key == NULL || strcmp(r->record.step_key, key) == 0)) {
            return &r->record;
        }
    }
    return NULL;
}

/* What is kept, else what the source tells now. 1 found, 0 nobody has it any more, negative failed.
 * key NULL: a snapshot's. */
static int find_body(struct db *db, struct review_store *s, int64_t item, const char *key,
                     struct arena *a, struct item_new *out)
{
    int found = item_body(db, item, a, &out->body, &out->body_len);
    const struct record *record;

    if (found == 1 || (found < 0 && found != ERR_CORRUPT)) {
        return found;
    }
    record = find_record(s, key);
    if (record == NULL) {
        return 0;
    }
    out->body = record->body;
    out->body_len = record->body_len;
    out->hash = record->hash;
    return 1;
}

/* ---- what mends it ---- */

/* A copy of the newest snapshot, to be sent as what the portal showed asks for. 1 done, 0 not
 * possible (note says why), negative failed. */
static int put_snapshot(struct db *db, struct review_store *s, struct subject *subject, char *note,
                        size_t size)
{
    bool first = s->remedy == REMEDY_FIRST;
    struct item_new copy = {.kind = ITEM_SNAPSHOT, .state = ITEM_PENDING};
    struct open_item newest;
    struct arena arena;
    int64_t owner;
    int err = item_load(db, subject->newest_item, &newest, &owner);

    if (err != 1) {
        (void)snprintf(note, size, "the journal has no snapshot of it");
        return err;
    }
    subject->acked_status = first ? 0 : s->portal_status;
    copy.hash = newest.hash;
    copy.status = newest.status;
    copy.flags = newest.flags | (first ? ITEM_FLAG_AGAIN : 0);
    copy.at_s = newest.at_s;
    if (!subject_path(subject, copy.status, &copy.flags)) {
        (void)snprintf(note, size, "%s", SUBJECT_NO_PATH);
        return 0;
    }
    arena_init(&arena, 2 * JOURNAL_BODY_MAX);
    err = find_body(db, s, newest.id, NULL, &arena, &copy);
    if (err == 1) {
        err = item_insert(db, subject, &copy, s->now_ms, &subject->newest_item);
        CRASH_POINT(review_put_snapshot);
        err = err == 1 ? item_delete_body(db, newest.id) : err;
        err = err == 0 ? 1 : err;
    } else if (err == 0) {
        (void)snprintf(note, size,
                       "its content is no longer kept, and the source does not tell it");
    }
    arena_free(&arena);
    return err;
}

/* The step once more, under a key of its own: what was acknowledged stays as it is. It is in doubt
 * like every step that the portal may have: steps_in_doubt decides. */
static int put_step(struct db *db, struct review_store *s, const struct subject *subject,
                    const struct open_item *old, const char *key)
{
    struct item_new copy = {.kind = ITEM_STEP, .state = ITEM_UNSURE};
    struct arena arena;
    char fresh_key[512];
    int64_t id = 0;
    int err;

    (void)snprintf(fresh_key, sizeof(fresh_key), "%.480s again %lld", key, (long long)s->id);
    copy.hash = old->hash;
    copy.status = old->status;
    copy.flags = old->flags | ITEM_FLAG_AGAIN;
    copy.at_s = old->at_s;
    copy.solo = old->solo;
    copy.step_key = fresh_key;
    arena_init(&arena, 2 * JOURNAL_BODY_MAX);
    err = find_body(db, s, old->id, key, &arena, &copy);
    if (err == 0) {
        s->steps_missing++;
    } else if (err == 1) {
        err = item_insert(db, subject, &copy, s->now_ms, &id);
        CRASH_POINT(review_put_step);
        s->steps += err == 1;
    }
    arena_free(&arena);
    return err < 0 ? err : 0;
}

static int put_steps(struct db *db, struct review_store *s, const struct subject *subject)
{
    static const struct sql next = {
        "SELECT id FROM item WHERE subject = ?1 AND kind = 2 AND state IN (4, 5, 6) "
        "AND (flags & 16) = 0 AND (at, id) > (?2, ?3) AND id <= ?4 ORDER BY at, id LIMIT 1"};
    static const struct sql key_of = {"SELECT step_key FROM item WHERE id = ?1"};
    struct open_item old = {.id = 0, .at_s = INT64_MIN};
    int64_t id = 0;
    int64_t owner;
    int err = 0;

    for (size_t n = 0; n < REVIEW_STEPS_MAX && err == 0; n++) {
        const char *text;
        char key[512];
        sqlite3_stmt *stmt;
        int found =
            db_integer(db, &next, &id, "iiii", subject->id, old.at_s, old.id, s->state.newest_any);

        found = found == 1 ? item_load(db, id, &old, &owner) : found;
        if (found != 1) {
            return found;
        }
        stmt = db_bind(db, &key_of, &err, "i", id);
        found = stmt != NULL ? db_row(db, stmt) : err;
        if (found != 1) {
            return found;
        }
        text = db_column(stmt, 0);
        (void)snprintf(key, sizeof(key), "%s", text != NULL ? text : "");
        db_reset(stmt);
        err = text != NULL ? put_step(db, s, subject, &old, key)
                           : err_set(&db->why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    return err;
}

static int resend(struct db *db, struct review_store *s, char *note, size_t size)
{
    bool first = s->remedy == REMEDY_FIRST;
    struct subject subject;
    int err = subject_load(db, s->state.subject, &subject);

    if (err == 1) {
        err = put_snapshot(db, s, &subject, note, size);
    }
    if (err != 1) {
        return err;
    }
    subject.present = !first;
    subject.has_acked = false; /* what it acknowledged counts no more until the next success */
    subject.flips = 0;
    subject.resnapped = 0;
    err = first ? put_steps(db, s, &subject) : 0;
    err = err == 0 ? subject_reschedule(db, &subject, s->now_ms) : err;
    CRASH_POINT(review_put);
    s->mended = err == 0;
    (void)snprintf(note, size,
                   first ? "put in again as a first one, with %u steps"
                         : "put in again as an update",
                   s->steps);
    if (s->steps_missing > 0) {
        size_t used = strlen(note);

        (void)snprintf(note + used, size - used,
                       "; of %u steps the content is no longer kept: a person must see to them",
                       s->steps_missing);
    }
    return err;
}

int review_recall(struct db *db, const struct subject *s, uint64_t now_ms)
{
    static const struct sql next = {
        "SELECT id FROM item INDEXED BY item_open WHERE subject = ?1 AND state < 4 AND state <> 1 "
        "AND kind = 2 AND (flags & 16) <> 0 ORDER BY id LIMIT 1"};
    int64_t id = 0;
    int found;

    for (found = db_integer(db, &next, &id, "i", s->id); found == 1;
         found = db_integer(db, &next, &id, "i", s->id)) {
        struct open_item item;
        int64_t subject;
        int err = item_load(db, id, &item, &subject);

        err = err == 1 ? item_supersede(db, s, &item, 0, now_ms) : err;
        if (err < 0) {
            return err;
        }
    }
    return found;
}

/* Its rows are owed again: the poller reads them at once, and what is new flows as ever. */
static int read_again(struct db *db, struct review_store *s, char *note, size_t size)
{
    static const struct sql owe = {"UPDATE source_row SET owed = 1, why = 'reconciliation' "
                                   "WHERE code = ?1"};
    static const struct sql ask = {"INSERT OR IGNORE INTO source_row (source, id, hash, owed, why) "
                                   "VALUES (?1, ?2, zeroblob(32), 1, 'reconciliation')"};
    int err = db_run(db, &owe, "t", s->code);
    size_t used = strlen(note);

    if (err == 0 && sqlite3_changes(db->sqlite) == 0 && s->source_name[0] != '\0') {
        err = db_run(db, &ask, "tt", s->source_name, s->code);
    }
    CRASH_POINT(review_read);
    if (err == 0 && sqlite3_changes(db->sqlite) > 0) {
        s->owed = true;
        s->mended = true;
        (void)snprintf(note + used, size - used, "%sread again from the source",
                       used > 0 ? "; " : "");
    }
    return err;
}

static int mend(struct db *db, struct review_store *s, char *note, size_t size)
{
    int err = 0;

    if (s->late && s->kind == DIFFERENCE_NOT_IN_JOURNAL) {
        s->mended = true;
        (void)snprintf(note, size, "the reading of the sources for this reconciliation brought it");
        return 0;
    }
    if (s->remedy == REMEDY_FIRST || s->remedy == REMEDY_UPDATE) {
        err = resend(db, s, note, size);
    }
    if (err == 0 && (s->read || s->remedy == REMEDY_READ)) {
        err = read_again(db, s, note, size);
    }
    return err;
}

/* ---- the verdict ---- */

static int bump(struct db *db, const struct review_store *s, const char *name)
{
    static const struct sql add = {"INSERT INTO review_count (review, name, n) VALUES (?1, ?2, 1) "
                                   "ON CONFLICT (review, name) DO UPDATE SET n = n + 1"};

    return db_run(db, &add, "it", s->id, name);
}

static int write_row(struct db *db, const struct review_store *s, int64_t kind, const char *note)
{
    static const struct sql store = {
        "UPDATE review_dossier SET kind = ?4, source = ?5, source_status = ?6, journal = ?7, "
        "journal_status = ?8, portal = ?9, portal_status = ?10, mended = ?11, note = ?12, "
        "at_ms = ?13 WHERE review = ?1 AND flow = ?2 AND code = ?3"};

    return db_run(db, &store, "iitiiiiiiiiti", s->id, s->flow, s->code, kind, (int64_t)s->source,
                  (int64_t)s->source_status, (int64_t)s->journal, (int64_t)s->journal_status,
                  (int64_t)s->portal, (int64_t)s->portal_status, (int64_t)s->mended, note,
                  (int64_t)s->now_ms);
}

/* Who agrees is only counted, and so is what is beyond the limit. */
static int keep(struct db *db, const struct review_store *s, const char *note)
{
    static const struct sql forget = {
        "DELETE FROM review_dossier WHERE review = ?1 AND flow = ?2 AND code = ?3"};
    static const struct sql kept = {
        "SELECT n FROM review_count WHERE review = ?1 AND name = 'kept'"};
    int64_t n = 0;
    int err = db_integer(db, &kept, &n, "i", s->id);

    if (err < 0) {
        return err;
    }
    if (s->kind == DIFFERENCE_NONE || n >= REVIEW_FINDINGS_MAX) {
        err = db_run(db, &forget, "iit", s->id, s->flow, s->code);
        return err == 0 && s->kind != DIFFERENCE_NONE ? bump(db, s, "not_kept") : err;
    }
    err = write_row(db, s, (int64_t)s->kind, note);
    return err == 0 ? bump(db, s, "kept") : err;
}

static int count(struct db *db, const struct review_store *s)
{
    int err = bump(db, s, s->absent ? "absent_once" : difference_row(s->kind)->name);

    for (size_t i = 0; i < sizeof(s->counts) / sizeof(s->counts[0]) && err == 0; i++) {
        err = s->counts[i][0] != '\0' ? bump(db, s, s->counts[i]) : 0;
    }
    return err == 0 && s->mended ? bump(db, s, "mended") : err;
}

/* 1 it waits for its verdict, 0 not (any more). */
static int wanted(struct db *db, struct review_store *s)
{
    static const struct sql select = {"SELECT 1 FROM review_dossier WHERE review = ?1 "
                                      "AND flow = ?2 AND code = ?3 AND kind = -1"};
    int64_t one = 0;

    return db_integer(db, &select, &one, "iit", s->id, s->flow, s->code);
}

static int settle(struct db *db, struct review_store *s)
{
    const char *advice = difference_row(s->kind)->advice;
    char object[JOURNAL_CODE_SIZE + 16];
    char note[300] = "";
    int err = mend(db, s, note, sizeof(note));

    if (err == 0 && note[0] == '\0') {
        (void)snprintf(note, sizeof(note), "%s",
                       s->note[0] != '\0' ? s->note
                       : advice != NULL   ? advice
                                          : "");
    }
    err = err == 0 ? keep(db, s, note) : err;
    CRASH_POINT(review_kept);
    if (err == 0 && s->mended) {
        (void)snprintf(object, sizeof(object), "dossier %s", s->code);
        err = audit_add(db, s->now_ms, s->who, "reconcile-fix", object, note);
    }
    return err;
}

static int run_store(struct db *db, struct journal_op *op)
{
    struct review_store *s = CONTAINER_OF(op, struct review_store, op);
    struct review_state now;
    int err = wanted(db, s);

    if (err == 1 && !s->gave_up) {
        err = read_state(db, s->flow, s->code, &now);
        s->moved = err == 0 && !review_same(&now, &s->state);
        err = err < 0 ? err : 1;
    }
    if (err != 1 || s->moved) {
        return err < 0 ? err : 0;
    }
    CRASH_POINT(review_store_before);
    err = s->absent ? write_row(db, s, REVIEW_ABSENT, "") : settle(db, s);
    err = err == 0 ? count(db, s) : err;
    CRASH_POINT(review_stored);
    return err;
}

static void undo_store(struct journal_op *op)
{
    struct review_store *s = CONTAINER_OF(op, struct review_store, op);

    s->moved = false;
    s->mended = false;
    s->owed = false;
    s->steps = 0;
    s->steps_missing = 0;
}

void review_store(struct journal *j, struct review_store *s)
{
    undo_store(&s->op);
    journal_start_sized(j, &s->op, run_store, undo_store, s->arena.used_bytes, false);
}
