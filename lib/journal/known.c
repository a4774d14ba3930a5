/* known: what a flow knows of a code, for those who answer for the sink (gateway) or merge sources.
 */
#include <string.h>

#include "base/digest.h"
#include "journal/subject.h"
#include "journal/worker.h"

#define MARKS_MAX 16 /* a payment has two; of a dossier with more nobody asks them */
#define PARTS_MAX 16 /* sources of a flow, those that were renamed included */
#define KNOWN_BYTES_MAX ((PARTS_MAX + 2) * JOURNAL_BODY_MAX)

static int no_memory(struct journal_op *op)
{
    return journal_op_fail(op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

/* ---- one dossier ---- */

/* The portal's number is the identity; the province's may be anybody's, the newest has it. */
static int find_subject(struct db *db, struct journal_known *k, struct subject *s)
{
    static const struct sql by_local_no = {
        "SELECT id FROM subject INDEXED BY subject_local WHERE local_no = ?1 AND flow = ?2 "
        "ORDER BY id DESC LIMIT 1"};
    int64_t id = 0;
    int found = subject_find(db, k->flow, k->code, s);

    if (found == 0) {
        found = db_integer(db, &by_local_no, &id, "ti", k->code, k->flow);
        found = found == 1 ? subject_load(db, id, s) : found;
    }
    return found;
}

static int read_numbers(struct db *db, struct journal_known *k, const struct subject *s)
{
    static const struct sql select = {
        "SELECT local_no, EXISTS (SELECT 1 FROM item INDEXED BY item_open WHERE subject = ?1 "
        "AND state < 4) FROM subject WHERE id = ?1"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "i", s->id);

    err = stmt != NULL ? db_row(db, stmt) : err;
    if (err != 1) {
        return err;
    }
    k->known = true;
    k->snapshot = s->newest_item != 0;
    k->acknowledged = s->present != 0 && (s->has_acked || s->acked_status != 0);
    k->acked_status = s->acked_status;
    k->status = s->status;
    k->local_no = db_text(&k->arena, stmt, 0);
    k->open = sqlite3_column_int(stmt, 1) != 0;
    k->portal_no = arena_strdup(&k->arena, s->code);
    db_reset(stmt);
    return k->local_no != NULL && k->portal_no != NULL ? 0 : no_memory(&k->op);
}

/* A damaged body is as good as none here; claiming it tells a person. */
static int read_body(struct db *db, struct journal_known *k, const struct subject *s)
{
    int found =
        s->newest_item != 0 ? item_body(db, s->newest_item, &k->arena, &k->body, &k->body_len) : 0;

    if (found == ERR_NOMEM) {
        return no_memory(&k->op);
    }
    if (found == 0 || found == ERR_CORRUPT) {
        k->body = NULL;
        k->body_len = 0;
        found = 0;
    }
    return found < 0 ? found : 0;
}

/* false without memory. A damaged part is left out: its source says it again. */
static bool read_part(struct journal_known *k, sqlite3_stmt *stmt)
{
    struct journal_part *part = &k->parts[k->n_parts];
    size_t len = (size_t)sqlite3_column_bytes(stmt, 4);
    const char *body = len > 0 ? sqlite3_column_blob(stmt, 4) : "";
    uint8_t stored[32];
    uint8_t actual[32];

    db_digest(stmt, 3, stored);
    if (body == NULL || digest_sha256(body, len, actual) < 0) {
        return false;
    }
    if (!digest_equal(stored, actual)) {
        return true;
    }
    part->source = db_text(&k->arena, stmt, 0);
    part->rank = sqlite3_column_int(stmt, 1);
    part->at_s = sqlite3_column_int64(stmt, 2);
    part->body = arena_strndup(&k->arena, body, len);
    part->body_len = len;
    k->n_parts++;
    return part->source != NULL && part->body != NULL;
}

static int read_parts(struct db *db, struct journal_known *k, const struct subject *s)
{
    static const struct sql select = {"SELECT source, rank, at, sha256, body FROM part "
                                      "WHERE subject = ?1 ORDER BY rank DESC, at DESC LIMIT ?2"};
    int err = 0;
    sqlite3_stmt *stmt;

    k->parts = arena_alloc(&k->arena, PARTS_MAX * sizeof(*k->parts));
    if (k->parts == NULL) {
        return no_memory(&k->op);
    }
    stmt = db_bind(db, &select, &err, "ii", s->id, (int64_t)PARTS_MAX);
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        if (!read_part(k, stmt)) {
            db_reset(stmt);
            return no_memory(&k->op);
        }
    }
    return err;
}

static int read_marks(struct db *db, struct journal_known *k, const struct subject *s)
{
    static const struct sql select = {"SELECT mark FROM result_mark WHERE subject = ?1 LIMIT ?2"};
    int err = 0;
    sqlite3_stmt *stmt;

    k->marks = arena_alloc(&k->arena, MARKS_MAX * sizeof(*k->marks));
    if (k->marks == NULL) {
        return no_memory(&k->op);
    }
    stmt = db_bind(db, &select, &err, "ii", s->id, (int64_t)MARKS_MAX);
    for (err = stmt != NULL ? db_row(db, stmt) : err; err == 1; err = db_row(db, stmt)) {
        if (sqlite3_column_bytes(stmt, 0) == FIGURES_MARK_BYTES) {
            memcpy(k->marks[k->n_marks], sqlite3_column_blob(stmt, 0), FIGURES_MARK_BYTES);
            k->n_marks++;
        }
    }
    return err;
}

static int run_known(struct db *db, struct journal_op *op)
{
    struct journal_known *k = CONTAINER_OF(op, struct journal_known, op);
    struct subject s;
    int found = find_subject(db, k, &s);
    int err = found == 1 ? read_numbers(db, k, &s) : found;

    if (err == 0 && k->known && op->err == 0 && k->want_body) {
        err = read_body(db, k, &s);
    }
    if (err == 0 && k->known && op->err == 0 && k->want_parts) {
        err = read_parts(db, k, &s);
    }
    if (err == 0 && k->known && op->err == 0 && k->want_marks) {
        err = read_marks(db, k, &s);
    }
    return err;
}

static void clear_known(struct journal_known *k)
{
    k->known = false;
    k->snapshot = false;
    k->acknowledged = false;
    k->open = false;
    k->acked_status = 0;
    k->status = 0;
    k->portal_no = "";
    k->local_no = "";
    k->body = NULL;
    k->body_len = 0;
    k->parts = NULL;
    k->n_parts = 0;
    k->marks = NULL;
    k->n_marks = 0;
}

static void undo_known(struct journal_op *op)
{
    journal_known_free(CONTAINER_OF(op, struct journal_known, op));
}

void journal_known(struct journal *j, struct journal_known *k)
{
    arena_init(&k->arena, KNOWN_BYTES_MAX);
    clear_known(k);
    journal_start(j, &k->op, run_known, undo_known, false);
}

void journal_known_free(struct journal_known *k)
{
    arena_free(&k->arena);
    clear_known(k);
}

/* ---- what the sink has for good ---- */

static int run_delivered(struct db *db, struct journal_op *op)
{
    static const struct sql select = {
        "SELECT 1 FROM subject s WHERE s.flow = ?1 AND s.code = ?2 AND s.present <> 0 "
        "AND s.acked_hash IS NOT NULL AND NOT EXISTS (SELECT 1 FROM item i INDEXED BY item_open "
        "WHERE i.subject = s.id AND i.state < 4)"};
    struct journal_delivered *d = CONTAINER_OF(op, struct journal_delivered, op);

    if (d->n > JOURNAL_ROWS_MAX) {
        return journal_op_fail(op, ERR_TOOBIG, "more than %d codes", JOURNAL_ROWS_MAX);
    }
    for (size_t i = 0; i < d->n; i++) {
        int64_t one = 0;
        int found = db_integer(db, &select, &one, "it", d->flow, d->codes[i]);

        if (found < 0) {
            return found;
        }
        d->delivered[i] = found == 1;
    }
    return 0;
}

void journal_delivered(struct journal *j, struct journal_delivered *d)
{
    memset(d->delivered, 0, sizeof(d->delivered));
    journal_start(j, &d->op, run_delivered, NULL, false);
}
