/* review_read: which reconciliation there is, and what it found. */
#include <stdio.h>
#include <string.h>

#include "journal/review.h"
#include "journal/worker.h"

#define READ_BYTES_MAX (4u << 20)
#define FINDINGS_LIMIT 1000

static int no_memory(struct journal_op *op)
{
    return journal_op_fail(op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

/* ---- which one ---- */

#define ROW_COLUMNS                                                                                \
    "id, what, scope, who, fix, canceled, begun_ms, ifnull(ended_ms, 0), upto, place, sweep "

/* 1 found, 0 none, negative failed. */
static int read_review(struct db *db, sqlite3_stmt *stmt, struct review_row *row)
{
    int found = db_row(db, stmt);
    const char *scope;
    const char *who;

    memset(row, 0, sizeof(*row));
    if (found != 1) {
        return found;
    }
    scope = db_column(stmt, 2);
    who = db_column(stmt, 3);
    if (scope == NULL || who == NULL) {
        db_reset(stmt);
        return err_set(&db->why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    row->id = sqlite3_column_int64(stmt, 0);
    row->what = (enum review_what)sqlite3_column_int(stmt, 1);
    (void)snprintf(row->scope, sizeof(row->scope), "%s", scope);
    (void)snprintf(row->who, sizeof(row->who), "%s", who);
    row->fix = sqlite3_column_int(stmt, 4) != 0;
    row->yes = sqlite3_column_int(stmt, 4) == 2;
    row->canceled = sqlite3_column_int(stmt, 5) == 1;
    row->braked = sqlite3_column_int(stmt, 5) == 2;
    row->begun_ms = (uint64_t)sqlite3_column_int64(stmt, 6);
    row->ended_ms = (uint64_t)sqlite3_column_int64(stmt, 7);
    row->upto = (uint64_t)sqlite3_column_int64(stmt, 8);
    row->place = (uint64_t)sqlite3_column_int64(stmt, 9);
    row->sweep = sqlite3_column_int(stmt, 10);
    db_reset(stmt);
    return 1;
}

static void add_number(struct review_numbers *out, const char *name, uint64_t n)
{
    out->mended += strcmp(name, "mended") == 0 ? n : 0;
    for (int d = 0; d < DIFFERENCES; d++) {
        const struct difference_row *row = difference_row((enum difference)d);

        if (strcmp(name, row->name) == 0) {
            out->compared += n;
            out->differences +=
                row->class == DIFFERENCE_DIFFERS || row->class == DIFFERENCE_UNKNOWN ? n : 0;
        }
    }
}

static int read_absent(struct db *db, int64_t id, uint64_t *out)
{
    static const struct sql select = {
        "SELECT count(*) FROM review_dossier WHERE " REVIEW_ABSENT_ONCE};
    int64_t n = 0;
    int err = db_integer(db, &select, &n, "i", id);

    *out = (uint64_t)n;
    return err < 0 ? err : 0;
}

int review_read_numbers(struct db *db, int64_t id, struct review_numbers *out)
{
    static const struct sql counts = {"SELECT name, n FROM review_count WHERE review = ?1"};
    uint64_t waiting = 0;
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &counts, &err, "i", id);

    memset(out, 0, sizeof(*out));
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        const char *name = db_column(stmt, 0);

        if (name == NULL) {
            db_reset(stmt);
            return err_set(&db->why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
        }
        add_number(out, name, (uint64_t)sqlite3_column_int64(stmt, 1));
    }
    err = err == 0 ? read_absent(db, id, &waiting) : err;
    out->compared += waiting;
    return err;
}

static int run_running(struct db *db, struct journal_op *op)
{
    static const struct sql select = {"SELECT " ROW_COLUMNS
                                      "FROM review ORDER BY ended_ms IS NOT NULL, id DESC LIMIT 1"};
    static const struct sql nightly = {"SELECT ifnull(max(ended_ms), 0) FROM review "
                                       "WHERE who = ?1 AND canceled = 0"};
    struct review_running *r = CONTAINER_OF(op, struct review_running, op);
    int64_t ended_ms = 0;
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "");

    memset(&r->numbers, 0, sizeof(r->numbers));
    err = stmt != NULL ? read_review(db, stmt, &r->row) : err;
    err = err == 1 ? review_read_numbers(db, r->row.id, &r->numbers) : err;
    err = err < 0 ? err : db_integer(db, &nightly, &ended_ms, "t", REVIEW_NIGHTLY);
    r->nightly_ms = (uint64_t)ended_ms;
    return err < 0 ? err : 0;
}

void review_running(struct journal *j, struct review_running *r)
{
    memset(&r->row, 0, sizeof(r->row));
    journal_start(j, &r->op, run_running, NULL, false);
}

/* ---- for the faces ---- */

static int read_counts(struct db *db, struct review_read *r)
{
    static const struct sql select = {
        "SELECT name, n FROM review_count WHERE review = ?1 ORDER BY name LIMIT ?2"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "ii", r->row.id, (int64_t)REVIEW_COUNTS_MAX);

    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        struct review_number *c = &r->counts[r->n_counts];

        c->name = db_text(&r->arena, stmt, 0);
        c->n = (uint64_t)sqlite3_column_int64(stmt, 1);
        if (c->name == NULL) {
            db_reset(stmt);
            return no_memory(&r->op);
        }
        r->n_counts++;
    }
    return err;
}

static enum side side_of(sqlite3_stmt *stmt, int column)
{
    int side = sqlite3_column_int(stmt, column);

    return side >= SIDE_UNKNOWN && side <= SIDE_ABSENT ? (enum side)side : SIDE_UNKNOWN;
}

/* false without memory. */
static bool read_finding(struct review_read *r, sqlite3_stmt *stmt)
{
    struct review_finding *f = &r->findings[r->n_findings];

    f->flow = db_text(&r->arena, stmt, 0);
    f->code = db_text(&r->arena, stmt, 1);
    f->kind = (enum difference)sqlite3_column_int(stmt, 2);
    f->source = side_of(stmt, 3);
    f->source_status = sqlite3_column_int(stmt, 4);
    f->journal = side_of(stmt, 5);
    f->journal_status = sqlite3_column_int(stmt, 6);
    f->portal = side_of(stmt, 7);
    f->portal_status = sqlite3_column_int(stmt, 8);
    f->mended = sqlite3_column_int(stmt, 9) != 0;
    f->note = db_text(&r->arena, stmt, 10);
    f->at_ms = (uint64_t)sqlite3_column_int64(stmt, 11);
    if (f->flow == NULL || f->code == NULL || f->note == NULL) {
        return false;
    }
    r->n_findings++;
    r->next_flow = sqlite3_column_int64(stmt, 12);
    (void)snprintf(r->next_code, sizeof(r->next_code), "%s", f->code);
    return true;
}

static int read_findings(struct db *db, struct review_read *r)
{
    static const struct sql select = {
        "SELECT f.name, d.code, d.kind, d.source, d.source_status, d.journal, d.journal_status, "
        "d.portal, d.portal_status, d.mended, d.note, d.at_ms, d.flow FROM review_dossier d "
        "JOIN flow f ON f.id = d.flow WHERE d.review = ?1 AND (d.flow, d.code) > (?2, ?3) "
        "AND d.kind >= 0 ORDER BY d.flow, d.code LIMIT ?4"};
    size_t limit = r->limit < FINDINGS_LIMIT ? r->limit : FINDINGS_LIMIT;
    int err = 0;
    sqlite3_stmt *stmt;

    r->findings = arena_alloc(&r->arena, (limit + 1) * sizeof(*r->findings));
    if (r->findings == NULL) {
        return no_memory(&r->op);
    }
    stmt =
        db_bind(db, &select, &err, "iiti", r->row.id, r->after_flow, r->after_code, (int64_t)limit);
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        if (!read_finding(r, stmt)) {
            db_reset(stmt);
            return no_memory(&r->op);
        }
    }
    if (r->n_findings < limit) {
        r->next_flow = 0;
    }
    return err;
}

static int run_read(struct db *db, struct journal_op *op)
{
    static const struct sql one = {"SELECT " ROW_COLUMNS "FROM review WHERE id = ?1"};
    static const struct sql latest = {"SELECT " ROW_COLUMNS "FROM review ORDER BY id DESC LIMIT 1"};
    static const struct sql left = {"SELECT count(*) FROM review_dossier INDEXED BY review_todo "
                                    "WHERE review = ?1 AND kind = -1"};
    struct review_read *r = CONTAINER_OF(op, struct review_read, op);
    int64_t todo = 0;
    int err = 0;
    sqlite3_stmt *stmt =
        r->id != 0 ? db_bind(db, &one, &err, "i", r->id) : db_bind(db, &latest, &err, "");

    r->n_counts = 0;
    r->n_findings = 0;
    r->next_flow = 0;
    r->absent = 0;
    err = stmt != NULL ? read_review(db, stmt, &r->row) : err;
    if (err == 0) {
        return journal_op_fail(op, ERR_NOTFOUND,
                               "no reconciliation was made yet, or it is no longer kept");
    }
    err = err == 1 ? read_counts(db, r) : err;
    if (err == 0 && op->err == 0) {
        err = db_integer(db, &left, &todo, "i", r->row.id);
        r->todo = (uint64_t)todo;
    }
    if (err >= 0 && op->err == 0 && r->row.fix && r->row.ended_ms == 0) {
        err = read_absent(db, r->row.id, &r->absent);
    }
    return err >= 0 && op->err == 0 && r->limit > 0 ? read_findings(db, r) : (err < 0 ? err : 0);
}

static void undo_read(struct journal_op *op)
{
    review_read_free(CONTAINER_OF(op, struct review_read, op));
}

void review_read(struct journal *j, struct review_read *r)
{
    arena_init(&r->arena, READ_BYTES_MAX);
    r->n_counts = 0;
    r->n_findings = 0;
    journal_start(j, &r->op, run_read, undo_read, false);
}

void review_read_free(struct review_read *r)
{
    arena_free(&r->arena);
    r->n_counts = 0;
    r->n_findings = 0;
}
