#include "journal/review.h"

#include <stdio.h>
#include <string.h>

#include "base/crash_point.h"
#include "domain/codes.h"
#include "journal/audit.h"
#include "journal/worker.h"

#define CHUNK_IDS 500    /* subjects looked at by one statement */
#define CHUNKS_MAX 20    /* of them in one request: others wait for the worker */
#define SMALL_IDS 20000  /* so many are simply sorted for a sample */
#define TRIES_EACH 40    /* ids drawn by chance for one of a sample, at most */
#define LOOKED_AT_MAX 20 /* stretches of the journal from which the number of all is told */

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

static int take_id(struct db *db, const struct review_begin *b, int64_t mask, int64_t id)
{
    static const struct sql draw = {"INSERT OR IGNORE INTO review_dossier (review, flow, code) "
                                    "SELECT ?1, s.flow, s.code FROM subject s WHERE " OF_FLOWS
                                    " AND s.id = ?3"};

    return db_run(db, &draw, "iii", b->id, mask, id);
}

/* Their number, or what failed. ids has room for SMALL_IDS. */
static int64_t collect_ids(struct db *db, int64_t mask, int64_t *ids)
{
    static const struct sql select = {"SELECT s.id FROM subject s WHERE " OF_FLOWS " LIMIT ?3"};
    int64_t n = 0;
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "iii", (int64_t)0, mask, (int64_t)SMALL_IDS);

    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        ids[n++] = sqlite3_column_int64(stmt, 0);
    }
    return err < 0 ? err : n;
}

/* Few dossiers: all are shuffled, as far as they are wanted. */
static int draw_of_few(struct db *db, const struct review_begin *b, int64_t mask)
{
    struct arena arena;
    uint64_t state = b->random;
    int64_t *ids;
    int64_t n;
    int err = 0;

    arena_init(&arena, SMALL_IDS * sizeof(*ids) + 4096);
    ids = arena_alloc(&arena, SMALL_IDS * sizeof(*ids));
    n = ids != NULL ? collect_ids(db, mask, ids) : err_set(&db->why, ERR_NOMEM, "a sample");
    err = n < 0 ? (int)n : 0;
    for (int64_t i = 0; i < n && i < (int64_t)b->sample && err == 0; i++) {
        int64_t k = i + (int64_t)(next_random(&state) % (uint64_t)(n - i));
        int64_t drawn = ids[k];

        ids[k] = ids[i];
        err = take_id(db, b, mask, drawn);
    }
    arena_free(&arena);
    return err;
}

/* Many: ids by chance. Ids are never given up, so that every dossier is as likely as another. */
static int draw_of_many(struct db *db, const struct review_begin *b, int64_t mask, int64_t upto)
{
    uint64_t state = b->random;
    uint64_t tries = (uint64_t)b->sample * TRIES_EACH;
    uint32_t n = 0;
    int err = 0;

    for (; tries > 0 && n < b->sample && err == 0; tries--) {
        int64_t id = 1 + (int64_t)(next_random(&state) % (uint64_t)upto);

        err = take_id(db, b, mask, id);
        n += err == 0 ? (uint32_t)sqlite3_changes(db->sqlite) : 0;
    }
    return err;
}

static int name_one(struct db *db, const struct review_begin *b, int64_t mask)
{
    static const struct sql known = {"INSERT OR IGNORE INTO review_dossier (review, flow, code) "
                                     "SELECT ?1, s.flow, s.code FROM subject s WHERE " OF_FLOWS
                                     " AND s.code = ?3 LIMIT 32"};
    static const struct sql unknown = {
        "INSERT INTO review_dossier (review, flow, code) VALUES (?1, ?2, ?3)"};
    int err = db_run(db, &known, "iit", b->id, mask, b->code);

    if (err == 0 && sqlite3_changes(db->sqlite) == 0) {
        err = db_run(db, &unknown, "iit", b->id, b->flows[0], b->code);
    }
    return err;
}

/* The one code in that row of two, for a number as it was typed. */
static int take_row(struct review_begin *b, const char *first, const char *last)
{
    if (first == NULL || last == NULL) {
        return ERR_NOMEM;
    }
    if (strcmp(first, last) != 0) {
        return journal_op_fail(&b->op, ERR_INVAL, "%s is the number of %s and of %s: name one",
                               b->code, first, last);
    }
    if (first[0] == '\0' && !code_is_dossier(b->code)) {
        return journal_op_fail(&b->op, ERR_INVAL,
                               "no dossier that can be compared has the number %s", b->code);
    }
    if (first[0] != '\0' && strcmp(first, b->code) != 0) {
        (void)snprintf(b->code, sizeof(b->code), "%s", first);
        (void)snprintf(b->scope, sizeof(b->scope), "dossier %s", first);
    }
    return 0;
}

/* What was typed becomes the dossier's code, or is refused (op.err): the scope stands in the audit
 * for ever. */
static int take_code(struct db *db, struct review_begin *b, int64_t mask)
{
    static const struct sql known = {
        "SELECT min(s.code), max(s.code) FROM subject s WHERE " OF_FLOWS
        " AND (s.code = ?3 OR (s.local_no = ?3 AND "
        "NOT EXISTS (SELECT 1 FROM subject t WHERE t.code = ?3)))"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &known, &err, "iit", b->id, mask, b->code);

    err = stmt != NULL ? db_row(db, stmt) : err;
    if (err == 1) {
        err = take_row(b, db_column(stmt, 0), db_column(stmt, 1));
        db_reset(stmt);
    }
    return err;
}

static int fill(struct db *db, const struct review_begin *b, int64_t mask, int64_t upto)
{
    if (b->what == REVIEW_DOSSIER) {
        return name_one(db, b, mask);
    }
    return upto <= SMALL_IDS ? draw_of_few(db, b, mask) : draw_of_many(db, b, mask, upto);
}

#define STILL_OPEN "s.status NOT IN (3, 8, 10)"
#define OF_MONTH                                                                                   \
    "EXISTS (SELECT 1 FROM item i WHERE i.subject = s.id AND ((i.at >= ?5 AND i.at < ?6) OR "      \
    "(i.created_ms >= ?5 * 1000 AND i.created_ms < ?6 * 1000)))"

/* About how many will be found page by page, from stretches of the journal. */
static int expect(struct db *db, struct review_begin *b, int64_t mask, int64_t upto)
{
    static const struct sql open = {"SELECT count(*) FROM subject s WHERE " OF_FLOWS
                                    " AND s.id > ?3 AND s.id <= ?4 AND " STILL_OPEN};
    static const struct sql month = {"SELECT count(*) FROM subject s WHERE " OF_FLOWS
                                     " AND s.id > ?3 AND s.id <= ?4 AND " OF_MONTH};
    int64_t stretches = (upto + CHUNK_IDS - 1) / CHUNK_IDS;
    int64_t looked_at = stretches < LOOKED_AT_MAX ? stretches : LOOKED_AT_MAX;
    int64_t all = 0;

    for (int64_t i = 0; i < looked_at; i++) {
        int64_t from = i * stretches / looked_at * CHUNK_IDS;
        int64_t n = 0;
        int found = b->what == REVIEW_OPEN
                        ? db_integer(db, &open, &n, "iiii", b->id, mask, from, from + CHUNK_IDS)
                        : db_integer(db, &month, &n, "iiiiii", b->id, mask, from, from + CHUNK_IDS,
                                     b->from_s, b->to_s);

        if (found < 0) {
            return found;
        }
        all += n;
    }
    b->expected = looked_at > 0 ? (uint64_t)(all * stretches / looked_at) : 0;
    return 0;
}

/* What is meant, or will be. */
static int fill_scope(struct db *db, struct review_begin *b, int64_t mask, int64_t upto)
{
    static const struct sql drawn = {"SELECT count(*) FROM review_dossier INDEXED BY review_todo "
                                     "WHERE review = ?1 AND kind = -1"};
    bool listed = b->what == REVIEW_SAMPLE || b->what == REVIEW_DOSSIER;
    int64_t n = 0;
    int err = listed ? fill(db, b, mask, upto) : expect(db, b, mask, upto);

    if (err == 0 && listed) {
        err = db_integer(db, &drawn, &n, "i", b->id);
        err = err < 0 ? err : 0;
        b->expected = (uint64_t)n;
    }
    return err == 0 ? bump(db, b->id, "expected", (int64_t)b->expected) : err;
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
    CRASH_POINT(review_before);
    err = found < 0 ? found : db_integer(db, &newest, &upto, "");
    err = err >= 0 && b->what == REVIEW_DOSSIER ? take_code(db, b, mask) : err;
    if (err < 0 || op->err != 0) {
        return err < 0 ? err : 0;
    }
    err = db_run(db, &insert, "itiiiitiiii", (int64_t)b->what, b->scope, b->from_s, b->to_s, mask,
                 (int64_t)b->fix + (b->fix && b->yes), b->who, (int64_t)b->now_ms, upto,
                 listed ? upto : (int64_t)0, (int64_t)b->sweep);
    b->id = sqlite3_last_insert_rowid(db->sqlite);
    err = err == 0 ? fill_scope(db, b, mask, upto) : err;
    CRASH_POINT(review_filled);
    return err < 0 ? err
                   : audit_add(db, b->now_ms, b->who, "reconcile", b->scope,
                               b->fix && b->yes ? "with --fix --yes"
                               : b->fix         ? "with --fix"
                                                : "");
}

void review_begin(struct journal *j, struct review_begin *b)
{
    b->id = 0;
    journal_start(j, &b->op, run_begin, NULL, true);
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
                                    " AND s.id > ?3 AND s.id <= ?4 AND " STILL_OPEN};
    static const struct sql month = {"INSERT OR IGNORE INTO review_dossier (review, flow, code) "
                                     "SELECT ?1, s.flow, s.code FROM subject s WHERE " OF_FLOWS
                                     " AND s.id > ?3 AND s.id <= ?4 AND " OF_MONTH};

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

static bool is_busy(const struct review_page *p, const struct review_todo *todo)
{
    for (size_t i = 0; i < p->n_busy; i++) {
        if (p->busy[i].flow == todo->flow && strcmp(p->busy[i].code, todo->code) == 0) {
            return true;
        }
    }
    return false;
}

static int read_todo(struct db *db, struct review_page *p)
{
    static const struct sql select = {
        "SELECT flow, code, late, at_ms IS NOT NULL FROM review_dossier "
        "INDEXED BY review_todo WHERE review = ?1 AND kind = -1 "
        "LIMIT ?2"};
    int err = 0;
    sqlite3_stmt *stmt =
        db_bind(db, &select, &err, "ii", p->id, (int64_t)(REVIEW_PAGE_MAX + p->n_busy));

    p->n = 0;
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        struct review_todo spare;
        struct review_todo *todo = p->n < REVIEW_PAGE_MAX ? &p->rows[p->n] : &spare;
        const char *code = db_column(stmt, 1);

        if (code == NULL) {
            db_reset(stmt);
            return no_memory(&p->op);
        }
        todo->flow = sqlite3_column_int64(stmt, 0);
        (void)snprintf(todo->code, sizeof(todo->code), "%s", code);
        todo->late = sqlite3_column_int(stmt, 2) != 0;
        todo->again = sqlite3_column_int(stmt, 3) != 0;
        p->n += todo != &spare && !is_busy(p, todo);
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
        CRASH_POINT(review_found);
        at->at = end;
    }
    p->more = err == 0 && (at->at < at->upto || (at->sweep == 2 && at->at < last));
    p->sweeps = at->sweep == 1;
    return err == 0 ? db_run(db, &move, "ii", p->id, at->at) : err;
}

static int read_absent(struct db *db, struct review_page *p)
{
    static const struct sql select = {"SELECT count(*), ifnull(max(at_ms), 0) FROM review_dossier "
                                      "WHERE review = ?1 AND kind = -2"};
    static const struct sql asked = {
        "SELECT n FROM review_count WHERE review = ?1 AND name = 'portal_asked'"};
    int64_t n = 0;
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "i", p->id);

    err = stmt != NULL ? db_row(db, stmt) : err;
    if (err == 1) {
        p->absent = (uint64_t)sqlite3_column_int64(stmt, 0);
        p->absent_ms = (uint64_t)sqlite3_column_int64(stmt, 1);
        db_reset(stmt);
        err = db_integer(db, &asked, &n, "i", p->id);
        p->asked = (uint64_t)n;
    }
    return err < 0 ? err : 0;
}

static int run_page(struct db *db, struct journal_op *op)
{
    struct review_page *p = CONTAINER_OF(op, struct review_page, op);
    struct place at;
    int err;

    p->more = false;
    p->sweeps = false;
    p->absent = 0;
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
    CRASH_POINT(review_page_written);
    err = err == 0 ? read_todo(db, p) : err;
    p->more = p->more || p->n > 0;
    return err == 0 && !p->more && !p->sweeps ? read_absent(db, p) : err;
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

    CRASH_POINT(review_swept);
    return err == 0 && s->unread > 0 ? bump(db, s->id, "sources_unread", (int64_t)s->unread) : err;
}

void review_swept(struct journal *j, struct review_swept *s)
{
    journal_start(j, &s->op, run_swept, NULL, true);
}

static int run_second(struct db *db, struct journal_op *op)
{
    /* at_ms stays: that is how a second look is known. */
    static const struct sql update = {
        "UPDATE review_dossier SET kind = -1 WHERE review = ?1 AND kind = -2"};
    int err = db_run(db, &update, "i", CONTAINER_OF(op, struct review_second, op)->id);

    CRASH_POINT(review_second);
    return err;
}

void review_second(struct journal *j, struct review_second *s)
{
    journal_start(j, &s->op, run_second, NULL, true);
}

/* ---- end ---- */

/* What was absent once is told, and nothing was put in. */
static int tell_absent(struct db *db, const struct review_end *e)
{
    static const struct sql kept = {
        "SELECT n FROM review_count WHERE review = ?1 AND name = 'kept'"};
    static const struct sql tell = {
        "UPDATE review_dossier SET kind = ?2, mended = 0, note = ?3 WHERE (review, flow, code) IN "
        "(SELECT review, flow, code FROM review_dossier WHERE " REVIEW_ABSENT_ONCE " LIMIT ?4)"};
    static const struct sql forget = {"DELETE FROM review_dossier WHERE " REVIEW_ABSENT_ONCE};
    static const char note[] = "absent at one look; nothing was put in";
    int64_t n = 0;
    int64_t told = 0;
    int64_t rest = 0;
    int err = db_integer(db, &kept, &n, "i", e->id);

    n = n < REVIEW_FINDINGS_MAX ? REVIEW_FINDINGS_MAX - n : 0;
    err = err < 0 ? err : db_run(db, &tell, "iiti", e->id, (int64_t)DIFFERENCE_LOST, note, n);
    told = err == 0 ? sqlite3_changes(db->sqlite) : 0;
    err = err == 0 ? db_run(db, &forget, "i", e->id) : err;
    rest = err == 0 ? sqlite3_changes(db->sqlite) : 0;
    if (err == 0 && told + rest > 0) {
        err = bump(db, e->id, difference_row(DIFFERENCE_LOST)->name, told + rest);
        err = err == 0 ? bump(db, e->id, "kept", told) : err;
        err = err == 0 && rest > 0 ? bump(db, e->id, "not_kept", rest) : err;
    }
    return err;
}

static int run_end(struct db *db, struct journal_op *op)
{
    static const struct sql end = {"UPDATE review SET ended_ms = ?2, canceled = ?3 "
                                   "WHERE id = ?1 AND ended_ms IS NULL"};
    static const struct sql forget = {"DELETE FROM review_dossier WHERE review = ?1 AND kind = -1"};
    struct review_end *e = CONTAINER_OF(op, struct review_end, op);
    char object[48];
    int gone = 0;
    int err;

    CRASH_POINT(review_end_before);
    err =
        db_run(db, &end, "iii", e->id, (int64_t)e->now_ms, (int64_t)(e->braked ? 2 : e->canceled));

    if (err == 0 && sqlite3_changes(db->sqlite) == 0) {
        return journal_op_fail(op, ERR_STATE, "it has ended");
    }
    err = err == 0 ? tell_absent(db, e) : err;
    CRASH_POINT(review_absent_told);
    err = err == 0 ? db_run(db, &forget, "i", e->id) : err;
    gone = err == 0 ? sqlite3_changes(db->sqlite) : 0;
    if (err == 0 && gone > 0) {
        err = bump(db, e->id, "not_compared", gone);
    }
    err = err == 0 ? review_read_numbers(db, e->id, &e->numbers) : err;
    CRASH_POINT(review_ended);
    (void)snprintf(object, sizeof(object), "reconciliation %lld", (long long)e->id);
    return err == 0 && e->canceled
               ? audit_add(db, e->now_ms, e->who, "reconcile-cancel", object, "")
               : err;
}

void review_end(struct journal *j, struct review_end *e)
{
    journal_start(j, &e->op, run_end, NULL, true);
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
