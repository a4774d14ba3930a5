/* person: search and reading; erasing stands in person_erase.c. */
#include "journal/person.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "journal/subject.h"
#include "journal/worker.h"

#define READ_BYTES_MAX (64u << 20)
#define WORDS_FACTOR 10

/* ---- find ---- */

static int add_hit(struct person_find *f, int64_t subject, uint64_t fields, bool in_words)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->hits[i].subject == subject) {
            f->hits[i].fields |= fields;
            f->hits[i].in_words = f->hits[i].in_words || in_words;
            return 0;
        }
    }
    if (f->n == PERSON_MAX) {
        f->overflow = true;
        return 0;
    }
    f->hits[f->n].subject = subject;
    f->hits[f->n].fields = fields;
    f->hits[f->n++].in_words = in_words;
    return 0;
}

static int by_codes(struct db *db, struct person_find *f)
{
    static const struct sql select = {
        "SELECT id FROM subject WHERE code = ?1 UNION SELECT id FROM subject WHERE local_no = ?1"};

    for (size_t i = 0; i < f->matcher->n_codes; i++) {
        int err = 0;
        sqlite3_stmt *stmt = db_bind(db, &select, &err, "t", f->matcher->codes[i]);

        if (stmt == NULL) {
            return err;
        }
        for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
            err = add_hit(f, sqlite3_column_int64(stmt, 0), 0, false);
        }
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* One of the places to look in: rows by id, with the subject and what to judge. */
struct place {
    struct sql sql; /* ?1 after, ?2 limit; id, subject, bytes */
    bool is_body;
};

static const struct place places[] = {
    {{"SELECT b.item, i.subject, b.body FROM body b JOIN item i ON i.id = b.item "
      "WHERE b.item > ?1 ORDER BY b.item LIMIT ?2"},
     true},
    {{"SELECT rowid, subject, body FROM part WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"}, true},
    {{"SELECT id, subject, reason FROM item WHERE id > ?1 ORDER BY id LIMIT ?2"}, false},
    {{"SELECT id, subject, words FROM attempt WHERE id > ?1 ORDER BY id LIMIT ?2"}, false},
};

#define N_PLACES ((int)(sizeof(places) / sizeof(places[0])))

static void judge_row(struct person_find *f, const struct place *place, sqlite3_stmt *stmt)
{
    const struct person_matcher *m = f->matcher;
    int64_t subject = sqlite3_column_int64(stmt, 1);

    if (place->is_body) {
        const char *body = sqlite3_column_blob(stmt, 2);
        uint64_t fields =
            body != NULL ? m->body(m->ctx, body, (size_t)sqlite3_column_bytes(stmt, 2)) : 0;

        if (fields != 0) {
            (void)add_hit(f, subject, fields, false);
        }
    } else {
        const char *text = (const char *)sqlite3_column_text(stmt, 2);

        if (text != NULL && text[0] != '\0' && m->words(m->ctx, text)) {
            (void)add_hit(f, subject, 0, true);
        }
    }
}

static int look_in(struct db *db, struct person_find *f, const struct place *place)
{
    int64_t limit = (int64_t)(place->is_body ? f->chunk : f->chunk * WORDS_FACTOR);
    int64_t rows = 0;
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &place->sql, &err, "ii", f->after, limit);

    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        f->after = sqlite3_column_int64(stmt, 0);
        judge_row(f, place, stmt);
        rows++;
    }
    if (err == 0 && rows < limit) {
        f->phase++;
        f->after = 0;
    }
    return err;
}

static int run_find(struct db *db, struct journal_op *op)
{
    struct person_find *f = CONTAINER_OF(op, struct person_find, op);
    int err;

    if (f->matcher->n_codes > 0) {
        err = by_codes(db, f);
        f->more = false;
        return err;
    }
    err = look_in(db, f, &places[f->phase]);
    f->more = err == 0 && f->phase < N_PLACES && !f->overflow;
    return err;
}

/* After a rollback the chunk runs again: from where it began. Fields that were added to an earlier
 * hit are found again. */
static void undo_find(struct journal_op *op)
{
    struct person_find *f = CONTAINER_OF(op, struct person_find, op);

    f->phase = f->began_phase;
    f->after = f->began_after;
    f->n = f->began_n;
    f->overflow = f->began_overflow;
}

void person_find(struct journal *j, struct person_find *f)
{
    f->chunk = f->chunk == 0 ? 200 : f->chunk > 10000 ? 10000 : f->chunk;
    f->began_phase = f->phase;
    f->began_after = f->after;
    f->began_n = f->n;
    f->began_overflow = f->overflow;
    f->more = false;
    journal_start(j, &f->op, run_find, undo_find, false);
}

/* ---- read ---- */

static int no_memory(struct person_read *r)
{
    return journal_op_fail(&r->op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

static int read_subject(struct db *db, struct person_read *r)
{
    static const struct sql select = {
        "SELECT f.name, s.code, s.local_no, s.status, s.acked_status, abs(s.settled), "
        "ifnull(n.at_ms, 0), ifnull(n.status, 0), ifnull(n.there, 0) FROM subject s "
        "JOIN flow f ON f.id = s.flow LEFT JOIN seen n ON n.code = s.code WHERE s.id = ?1"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "i", r->subject);

    if (stmt == NULL) {
        return err;
    }
    err = db_row(db, stmt);
    if (err != 1) {
        return err < 0 ? err : journal_op_fail(&r->op, ERR_NOTFOUND, "the dossier is not there");
    }
    r->flow = db_text(&r->arena, stmt, 0);
    r->code = db_text(&r->arena, stmt, 1);
    r->local_no = db_text(&r->arena, stmt, 2);
    r->status = sqlite3_column_int(stmt, 3);
    r->acked_status = sqlite3_column_int(stmt, 4);
    r->settled_s = sqlite3_column_int64(stmt, 5);
    r->seen_at_ms = (uint64_t)sqlite3_column_int64(stmt, 6);
    r->seen_status = sqlite3_column_int(stmt, 7);
    r->seen_there = sqlite3_column_int(stmt, 8) != 0;
    db_reset(stmt);
    return r->flow != NULL && r->code != NULL && r->local_no != NULL ? 0 : no_memory(r);
}

/* Room for what a count says; a NULL with count 0 is fine. */
static int make_room(struct db *db, struct person_read *r, const struct sql *count, size_t size,
                     void **out, size_t *n)
{
    int64_t rows = 0;
    int err = db_integer(db, count, &rows, "i", r->subject);

    *n = 0;
    *out = arena_alloc(&r->arena, size * (size_t)(rows + 1));
    return err < 0 ? err : *out == NULL ? no_memory(r) : 0;
}

/* Copies a body; false without memory. */
static bool take_body(struct person_read *r, sqlite3_stmt *stmt, int column, const char **body,
                      size_t *len)
{
    const char *bytes = sqlite3_column_blob(stmt, column);

    *len = (size_t)sqlite3_column_bytes(stmt, column);
    *body = sqlite3_column_type(stmt, column) == SQLITE_NULL
                ? NULL
                : arena_strndup(&r->arena, *len > 0 ? bytes : "", *len);
    return *body != NULL || sqlite3_column_type(stmt, column) == SQLITE_NULL;
}

static int read_items(struct db *db, struct person_read *r)
{
    static const struct sql count = {"SELECT count(*) FROM item WHERE subject = ?1"};
    static const struct sql select = {
        "SELECT i.id, i.kind, i.state, i.hold, i.status, i.at, i.created_ms, i.changed_ms, "
        "i.reason, b.body, b.sha256 FROM item i LEFT JOIN body b ON b.item = i.id "
        "WHERE i.subject = ?1 ORDER BY i.id"};
    void *room = NULL;
    int err = make_room(db, r, &count, sizeof(*r->items), &room, &r->n_items);
    sqlite3_stmt *stmt;

    if (err < 0 || r->op.err < 0) {
        return err;
    }
    r->items = room;
    stmt = db_bind(db, &select, &err, "i", r->subject);
    for (err = stmt != NULL ? db_row(db, stmt) : err; err == 1; err = db_row(db, stmt)) {
        struct person_item *item = &r->items[r->n_items];
        uint8_t stored[DIGEST_BYTES];
        uint8_t actual[DIGEST_BYTES];

        item->id = sqlite3_column_int64(stmt, 0);
        item->kind = (enum item_kind)sqlite3_column_int(stmt, 1);
        item->state = (enum item_state)sqlite3_column_int(stmt, 2);
        item->hold = (enum hold_why)sqlite3_column_int(stmt, 3);
        item->status = sqlite3_column_int(stmt, 4);
        item->at_s = sqlite3_column_int64(stmt, 5);
        item->created_ms = (uint64_t)sqlite3_column_int64(stmt, 6);
        item->changed_ms = (uint64_t)sqlite3_column_int64(stmt, 7);
        item->reason = db_text(&r->arena, stmt, 8);
        db_digest(stmt, 10, stored);
        if (item->reason == NULL || !take_body(r, stmt, 9, &item->body, &item->body_len)) {
            db_reset(stmt);
            return no_memory(r);
        }
        item->damaged =
            item->body != NULL && (digest_sha256(item->body, item->body_len, actual) < 0 ||
                                   !digest_equal(stored, actual));
        r->n_items++;
    }
    return err;
}

static int read_parts(struct db *db, struct person_read *r)
{
    static const struct sql count = {"SELECT count(*) FROM part WHERE subject = ?1"};
    static const struct sql select = {
        "SELECT source, at, body FROM part WHERE subject = ?1 ORDER BY rank DESC, source"};
    void *room = NULL;
    int err = make_room(db, r, &count, sizeof(*r->parts), &room, &r->n_parts);
    sqlite3_stmt *stmt;

    if (err < 0 || r->op.err < 0) {
        return err;
    }
    r->parts = room;
    stmt = db_bind(db, &select, &err, "i", r->subject);
    for (err = stmt != NULL ? db_row(db, stmt) : err; err == 1; err = db_row(db, stmt)) {
        struct person_part *part = &r->parts[r->n_parts];

        part->source = db_text(&r->arena, stmt, 0);
        part->at_s = sqlite3_column_int64(stmt, 1);
        if (part->source == NULL || !take_body(r, stmt, 2, &part->body, &part->body_len)) {
            db_reset(stmt);
            return no_memory(r);
        }
        r->n_parts++;
    }
    return err;
}

static int read_attempts(struct db *db, struct person_read *r)
{
    static const struct sql count = {"SELECT count(*) FROM attempt WHERE subject = ?1"};
    static const struct sql select = {
        "SELECT id, verb, first_item, last_item, items, updating, begun_ms, ifnull(ended_ms, 0), "
        "ifnull(outcome, 0), ifnull(http, 0), code, words, repeats, ifnull(took_ms, 0) "
        "FROM attempt WHERE subject = ?1 ORDER BY id"};
    void *room = NULL;
    int err = make_room(db, r, &count, sizeof(*r->attempts), &room, &r->n_attempts);
    sqlite3_stmt *stmt;

    if (err < 0 || r->op.err < 0) {
        return err;
    }
    r->attempts = room;
    stmt = db_bind(db, &select, &err, "i", r->subject);
    for (err = stmt != NULL ? db_row(db, stmt) : err; err == 1; err = db_row(db, stmt)) {
        struct journal_attempt_row *row = &r->attempts[r->n_attempts];

        row->id = sqlite3_column_int64(stmt, 0);
        row->verb = (enum journal_verb)sqlite3_column_int(stmt, 1);
        row->first_item = sqlite3_column_int64(stmt, 2);
        row->last_item = sqlite3_column_int64(stmt, 3);
        row->items = (uint32_t)sqlite3_column_int64(stmt, 4);
        row->updating = sqlite3_column_int(stmt, 5) != 0;
        row->begun_ms = (uint64_t)sqlite3_column_int64(stmt, 6);
        row->ended_ms = (uint64_t)sqlite3_column_int64(stmt, 7);
        row->outcome = sqlite3_column_int(stmt, 8);
        row->http = sqlite3_column_int(stmt, 9);
        row->code = db_text(&r->arena, stmt, 10);
        row->words = db_text(&r->arena, stmt, 11);
        row->repeats = (uint32_t)sqlite3_column_int64(stmt, 12);
        row->took_ms = (uint32_t)sqlite3_column_int64(stmt, 13);
        row->request = "";
        row->response = "";
        if (row->code == NULL || row->words == NULL) {
            db_reset(stmt);
            return no_memory(r);
        }
        r->n_attempts++;
    }
    return err;
}

static int run_read(struct db *db, struct journal_op *op)
{
    struct person_read *r = CONTAINER_OF(op, struct person_read, op);
    int err = read_subject(db, r);

    err = err == 0 && op->err == 0 ? read_items(db, r) : err;
    err = err == 0 && op->err == 0 ? read_parts(db, r) : err;
    return err == 0 && op->err == 0 ? read_attempts(db, r) : err;
}

static void undo_read(struct journal_op *op)
{
    person_read_free(CONTAINER_OF(op, struct person_read, op));
}

void person_read(struct journal *j, struct person_read *r)
{
    arena_init(&r->arena, READ_BYTES_MAX);
    journal_start(j, &r->op, run_read, undo_read, false);
}

void person_read_free(struct person_read *r)
{
    arena_free(&r->arena);
    r->n_items = 0;
    r->n_parts = 0;
    r->n_attempts = 0;
}
