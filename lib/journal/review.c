#include "journal/review.h"

#include <stdio.h>
#include <string.h>

#include "journal/audit.h"
#include "journal/worker.h"

#define CHUNK_IDS 500   /* subjects looked at by one statement */
#define CHUNKS_MAX 20   /* of them in one request: others wait for the worker */
#define SMALL_IDS 20000 /* so many are simply sorted for a sample */
#define TRIES_EACH 40   /* ids drawn by chance for one of a sample, at most */
#define READ_BYTES_MAX (4u << 20)
#define FINDINGS_LIMIT 1000

static int no_memory(struct journal_op *op)
{
    return journal_op_fail(op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

static int bump(struct db *db, int64_t id, const char *name, int64_t n)
{
    static const struct sql add = {"INSERT INTO review_count (review, name, n) VALUES (?1, ?2, ?3) "
                                   "ON CONFLICT (review, name) DO UPDATE SET n = n + excluded.n"};

    return db_run(db, &add, "iti", id, name, n);
}

/* ---- begin ---- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z;

    *state += UINT64_C(0x9E3779B97F4A7C15);
    z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

#define OF_FLOWS "(?2 >> (s.flow - 1)) & 1"

/* Few dossiers: all in an order made by chance, the first of it. */
static int draw_of_few(struct db *db, const struct review_begin *b, int64_t mask)
{
    static const struct sql draw = {
        "INSERT OR IGNORE INTO review_dossier (review, flow, code) "
        "SELECT ?1, s.flow, s.code FROM subject s WHERE " OF_FLOWS
        " ORDER BY (s.id * 2654435761 + ?3) % 4294967291, s.id LIMIT ?4"};

    return db_run(db, &draw, "iiii", b->id, mask, (int64_t)(b->random >> 32), (int64_t)b->sample);
}

/* Many: ids by chance. Ids are never given up, so that every dossier is as likely as another. */
static int draw_of_many(struct db *db, const struct review_begin *b, int64_t mask, int64_t upto)
{
    static const struct sql draw = {"INSERT OR IGNORE INTO review_dossier (review, flow, code) "
                                    "SELECT ?1, s.flow, s.code FROM subject s WHERE " OF_FLOWS
                                    " AND s.id = ?3"};
    uint64_t state = b->random;
    uint64_t tries = (uint64_t)b->sample * TRIES_EACH;
    uint32_t n = 0;
    int err = 0;

    for (; tries > 0 && n < b->sample && err == 0; tries--) {
        int64_t id = 1 + (int64_t)(next_random(&state) % (uint64_t)upto);

        err = db_run(db, &draw, "iii", b->id, mask, id);
        n += err == 0 ? (uint32_t)sqlite3_changes(db->sqlite) : 0;
    }
    return err;
}

static int name_one(struct db *db, const struct review_begin *b, int64_t mask)
{
    static const struct sql known = {"INSERT OR IGNORE INTO review_dossier (review, flow, code) "
                                     "SELECT ?1, s.flow, s.code FROM subject s WHERE " OF_FLOWS
                                     " AND (s.code = ?3 OR s.local_no = ?3) LIMIT 32"};
    static const struct sql unknown = {
        "INSERT INTO review_dossier (review, flow, code) VALUES (?1, ?2, ?3)"};
    int err = db_run(db, &known, "iit", b->id, mask, b->code);

    if (err == 0 && sqlite3_changes(db->sqlite) == 0) {
        err = db_run(db, &unknown, "iit", b->id, b->flows[0], b->code);
    }
    return err;
}

static int fill(struct db *db, const struct review_begin *b, int64_t mask, int64_t upto)
{
    if (b->what == REVIEW_DOSSIER) {
        return name_one(db, b, mask);
    }
    if (b->what != REVIEW_SAMPLE || upto == 0) {
        return 0; /* looked for page by page */
    }
    return upto <= SMALL_IDS ? draw_of_few(db, b, mask) : draw_of_many(db, b, mask, upto);
}

static int64_t mask_of(const struct review_begin *b)
{
    int64_t mask = 0;

    for (size_t i = 0; i < b->n_flows; i++) {
        if (b->flows[i] >= 1 && b->flows[i] < 63) {
            mask |= INT64_C(1) << (b->flows[i] - 1);
        }
    }
    return mask;
}

static int run_begin(struct db *db, struct journal_op *op)
{
    static const struct sql running = {"SELECT id FROM review WHERE ended_ms IS NULL LIMIT 1"};
    static const struct sql newest = {"SELECT ifnull(max(id), 0) FROM subject"};
    static const struct sql insert = {
        "INSERT INTO review (what, scope, from_s, to_s, flows, fix, who, begun_ms, upto, place, "
        "sweep) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"};
    struct review_begin *b = CONTAINER_OF(op, struct review_begin, op);
    bool listed = b->what == REVIEW_SAMPLE || b->what == REVIEW_DOSSIER;
    int64_t mask = mask_of(b);
    int64_t other = 0;
    int64_t upto = 0;
    int found = db_integer(db, &running, &other, "");
    int err;

    if (found == 1) {
        return journal_op_fail(op, ERR_BUSY, "reconciliation %lld runs; one at a time",
                               (long long)other);
    }
    if (mask == 0) {
        return journal_op_fail(op, ERR_INVAL,
                               "no flow of dossiers ends at a system that can be asked");
    }
    err = found < 0 ? found : db_integer(db, &newest, &upto, "");
    if (err < 0) {
        return err;
    }
    err = db_run(db, &insert, "itiiiitiiii", (int64_t)b->what, b->scope, b->from_s, b->to_s, mask,
                 (int64_t)b->fix, b->who, (int64_t)b->now_ms, upto, listed ? upto : (int64_t)0,
                 (int64_t)b->sweep);
    b->id = sqlite3_last_insert_rowid(db->sqlite);
    err = err == 0 ? fill(db, b, mask, upto) : err;
    return err < 0 ? err
                   : audit_add(db, b->now_ms, b->who, "reconcile", b->scope,
                               b->fix ? "with --fix" : "");
}

void review_begin(struct journal *j, struct review_begin *b)
{
    b->id = 0;
    journal_start(j, &b->op, run_begin, NULL, true);
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
    row->canceled = sqlite3_column_int(stmt, 5) != 0;
    row->begun_ms = (uint64_t)sqlite3_column_int64(stmt, 6);
    row->ended_ms = (uint64_t)sqlite3_column_int64(stmt, 7);
    row->upto = (uint64_t)sqlite3_column_int64(stmt, 8);
    row->place = (uint64_t)sqlite3_column_int64(stmt, 9);
    row->sweep = sqlite3_column_int(stmt, 10);
    db_reset(stmt);
    return 1;
}

static int run_running(struct db *db, struct journal_op *op)
{
    static const struct sql select = {"SELECT " ROW_COLUMNS
                                      "FROM review WHERE ended_ms IS NULL ORDER BY id LIMIT 1"};
    struct review_running *r = CONTAINER_OF(op, struct review_running, op);
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "");

    err = stmt != NULL ? read_review(db, stmt, &r->row) : err;
    return err < 0 ? err : 0;
}

void review_running(struct journal *j, struct review_running *r)
{
    memset(&r->row, 0, sizeof(r->row));
    journal_start(j, &r->op, run_running, NULL, false);
}

/* ---- the next page ---- */

struct place {
    int64_t what, from_s, to_s, flows, upto, at;
    int64_t sweep;
};

/* 1, or 0 when it has ended. */
static int read_place(struct db *db, int64_t id, struct place *p)
{
    static const struct sql select = {"SELECT what, from_s, to_s, flows, upto, place, sweep "
                                      "FROM review WHERE id = ?1 AND ended_ms IS NULL"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "i", id);

    err = stmt != NULL ? db_row(db, stmt) : err;
    if (err == 1) {
        p->what = sqlite3_column_int64(stmt, 0);
        p->from_s = sqlite3_column_int64(stmt, 1);
        p->to_s = sqlite3_column_int64(stmt, 2);
        p->flows = sqlite3_column_int64(stmt, 3);
        p->upto = sqlite3_column_int64(stmt, 4);
        p->at = sqlite3_column_int64(stmt, 5);
        p->sweep = sqlite3_column_int64(stmt, 6);
        db_reset(stmt);
    }
    return err;
}

/* What of the subjects behind the place is meant. */
static int take_chunk(struct db *db, int64_t id, const struct place *p, int64_t end)
{
    static const struct sql open = {"INSERT OR IGNORE INTO review_dossier (review, flow, code) "
                                    "SELECT ?1, s.flow, s.code FROM subject s WHERE " OF_FLOWS
                                    " AND s.id > ?3 AND s.id <= ?4 "
                                    "AND s.status NOT IN (3, 8, 10)"};
    static const struct sql month = {
        "INSERT OR IGNORE INTO review_dossier (review, flow, code) "
        "SELECT ?1, s.flow, s.code FROM subject s WHERE " OF_FLOWS
        " AND s.id > ?3 AND s.id <= ?4 AND EXISTS (SELECT 1 FROM item i "
        "WHERE i.subject = s.id AND ((i.at >= ?5 AND i.at < ?6) OR "
        "(i.created_ms >= ?5 * 1000 AND i.created_ms < ?6 * 1000)))"};

    return p->what == REVIEW_OPEN
               ? db_run(db, &open, "iiii", id, p->flows, p->at, end)
               : db_run(db, &month, "iiiiii", id, p->flows, p->at, end, p->from_s, p->to_s);
}

/* What came into the journal since the begin and is older: its source had it, we had not. */
static int take_late(struct db *db, int64_t id, const struct place *p, int64_t end,
                     uint64_t before_ms)
{
    static const struct sql late = {
        "INSERT OR IGNORE INTO review_dossier (review, flow, code, late) "
        "SELECT ?1, s.flow, s.code, 1 FROM subject s WHERE " OF_FLOWS
        " AND s.id > ?3 AND s.id <= ?4 AND EXISTS (SELECT 1 FROM item i "
        "WHERE i.subject = s.id AND i.at > 0 AND i.at * 1000 < ?5)"};

    return db_run(db, &late, "iiiii", id, p->flows, p->at, end, (int64_t)before_ms);
}

static int read_todo(struct db *db, struct review_page *p)
{
    static const struct sql select = {"SELECT flow, code, late FROM review_dossier "
                                      "INDEXED BY review_todo WHERE review = ?1 AND kind = -1 "
                                      "LIMIT ?2"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "ii", p->id, (int64_t)REVIEW_PAGE_MAX);

    p->n = 0;
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        struct review_todo *todo = &p->rows[p->n];
        const char *code = db_column(stmt, 1);

        if (code == NULL) {
            db_reset(stmt);
            return no_memory(&p->op);
        }
        todo->flow = sqlite3_column_int64(stmt, 0);
        (void)snprintf(todo->code, sizeof(todo->code), "%s", code);
        todo->late = sqlite3_column_int(stmt, 2) != 0;
        p->n++;
    }
    return err;
}

/* Looks on from the place until something is found, a while at most. */
static int look_on(struct db *db, struct review_page *p, struct place *at)
{
    static const struct sql newest = {"SELECT ifnull(max(id), 0) FROM subject"};
    static const struct sql move = {"UPDATE review SET place = ?2 WHERE id = ?1"};
    int64_t last = 0;
    int taken = 0;
    int err = db_integer(db, &newest, &last, "");

    err = err < 0 ? err : 0;
    for (int i = 0; i < CHUNKS_MAX && taken < REVIEW_PAGE_MAX && err == 0; i++) {
        bool late = at->at >= at->upto;
        int64_t end = late ? last : at->upto;

        if (late && (at->sweep != 2 || at->at >= last)) {
            break;
        }
        end = at->at + CHUNK_IDS < end ? at->at + CHUNK_IDS : end;
        err = late ? take_late(db, p->id, at, end, p->late_before_ms)
                   : take_chunk(db, p->id, at, end);
        taken += err == 0 ? sqlite3_changes(db->sqlite) : 0;
        at->at = end;
    }
    p->more = err == 0 && (at->at < at->upto || (at->sweep == 2 && at->at < last));
    p->sweeps = at->sweep == 1;
    return err == 0 ? db_run(db, &move, "ii", p->id, at->at) : err;
}

static int run_page(struct db *db, struct journal_op *op)
{
    struct review_page *p = CONTAINER_OF(op, struct review_page, op);
    struct place at;
    int err;

    p->more = false;
    p->sweeps = false;
    err = read_todo(db, p);
    if (err < 0 || op->err != 0 || p->n > 0) {
        p->more = p->n > 0;
        return err;
    }
    err = read_place(db, p->id, &at);
    if (err != 1) {
        return err;
    }
    err = look_on(db, p, &at);
    err = err == 0 ? read_todo(db, p) : err;
    p->more = p->more || p->n > 0;
    return err;
}

void review_page(struct journal *j, struct review_page *p)
{
    p->n = 0;
    journal_start(j, &p->op, run_page, NULL, true);
}

static int run_swept(struct db *db, struct journal_op *op)
{
    static const struct sql update = {"UPDATE review SET sweep = 2 WHERE id = ?1 AND sweep = 1"};
    struct review_swept *s = CONTAINER_OF(op, struct review_swept, op);
    int err = db_run(db, &update, "i", s->id);

    return err == 0 && s->unread > 0 ? bump(db, s->id, "sources_unread", (int64_t)s->unread) : err;
}

void review_swept(struct journal *j, struct review_swept *s)
{
    journal_start(j, &s->op, run_swept, NULL, true);
}

/* ---- end ---- */

static int run_end(struct db *db, struct journal_op *op)
{
    static const struct sql end = {"UPDATE review SET ended_ms = ?2, canceled = ?3 "
                                   "WHERE id = ?1 AND ended_ms IS NULL"};
    static const struct sql forget = {"DELETE FROM review_dossier WHERE review = ?1 AND kind = -1"};
    struct review_end *e = CONTAINER_OF(op, struct review_end, op);
    char object[48];
    int gone = 0;
    int err = db_run(db, &end, "iii", e->id, (int64_t)e->now_ms, (int64_t)e->canceled);

    if (err == 0 && sqlite3_changes(db->sqlite) == 0) {
        return journal_op_fail(op, ERR_STATE, "it has ended");
    }
    err = err == 0 ? db_run(db, &forget, "i", e->id) : err;
    gone = err == 0 ? sqlite3_changes(db->sqlite) : 0;
    if (err == 0 && gone > 0) {
        err = bump(db, e->id, "not_compared", gone);
    }
    (void)snprintf(object, sizeof(object), "reconciliation %lld", (long long)e->id);
    return err == 0 && e->canceled
               ? audit_add(db, e->now_ms, e->who, "reconcile-cancel", object, "")
               : err;
}

void review_end(struct journal *j, struct review_end *e)
{
    journal_start(j, &e->op, run_end, NULL, true);
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

/* ---- upkeep ---- */

int review_expire(struct db *db, uint64_t before_ms, size_t limit, bool *more)
{
    static const struct sql oldest = {
        "SELECT id FROM review WHERE ended_ms < ?1 ORDER BY id LIMIT 1"};
    static const struct sql dossiers = {
        "DELETE FROM review_dossier WHERE (review, flow, code) IN "
        "(SELECT review, flow, code FROM review_dossier WHERE review = ?1 LIMIT ?2)"};
    static const struct sql counts = {"DELETE FROM review_count WHERE review = ?1"};
    static const struct sql row = {"DELETE FROM review WHERE id = ?1"};
    int64_t id = 0;
    int found = db_integer(db, &oldest, &id, "i", (int64_t)before_ms);
    int err = found == 1 ? db_run(db, &dossiers, "ii", id, (int64_t)limit) : found;

    if (found != 1 || err < 0) {
        return err;
    }
    *more = true;
    if ((size_t)sqlite3_changes(db->sqlite) == limit) {
        return 0; /* the rest of it the next time */
    }
    err = db_run(db, &counts, "i", id);
    return err == 0 ? db_run(db, &row, "i", id) : err;
}
