/* query: pages of the journal for people: queue, one item, the life of a code, sums. Copied out,
 * then reset. */
#include <string.h>

#include "journal/worker.h"

#define LIST_BYTES_MAX (4u << 20)
#define LIFE_ROWS_MAX 1000

#define ROW_COLUMNS_OF(item)                                                                       \
    "i.id, f.name, s.code, i.kind, i.state, i.hold, i.status, i.at, i.created_ms, i.changed_ms, "  \
    "i.due_ms, i.attempts, i.flags, ifnull(i.successor, 0), i.step_key, i.reason, "                \
    "lower(substr(hex(i.hash), 1, 12)) "                                                           \
    "FROM " item " JOIN subject s ON s.id = i.subject JOIN flow f ON f.id = s.flow "
#define ROW_COLUMNS ROW_COLUMNS_OF("item i")

/* false without memory. */
static bool read_row(struct arena *a, sqlite3_stmt *stmt, struct journal_item_row *row)
{
    row->id = sqlite3_column_int64(stmt, 0);
    row->flow = db_text(a, stmt, 1);
    row->code = db_text(a, stmt, 2);
    row->kind = (enum item_kind)sqlite3_column_int(stmt, 3);
    row->state = (enum item_state)sqlite3_column_int(stmt, 4);
    row->hold = (enum hold_why)sqlite3_column_int(stmt, 5);
    row->status = sqlite3_column_int(stmt, 6);
    row->at_s = sqlite3_column_int64(stmt, 7);
    row->created_ms = (uint64_t)sqlite3_column_int64(stmt, 8);
    row->changed_ms = (uint64_t)sqlite3_column_int64(stmt, 9);
    row->due_ms = (uint64_t)sqlite3_column_int64(stmt, 10);
    row->attempts = (uint32_t)sqlite3_column_int64(stmt, 11);
    row->flags = (uint32_t)sqlite3_column_int64(stmt, 12);
    row->successor = sqlite3_column_int64(stmt, 13);
    row->step_key = db_text(a, stmt, 14);
    row->reason = db_text(a, stmt, 15);
    row->digest = db_text(a, stmt, 16);
    return row->flow != NULL && row->code != NULL && row->step_key != NULL && row->reason != NULL &&
           row->digest != NULL;
}

static int no_memory(struct journal_op *op)
{
    return journal_op_fail(op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

/* Reads at most max rows; *more tells whether there was another. stmt is bound. */
static int read_rows(struct db *db, struct journal_op *op, sqlite3_stmt *stmt, struct arena *a,
                     struct journal_item_row *rows, size_t max, size_t *n, bool *more)
{
    int err;

    *n = 0;
    *more = false;
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        if (*n == max) {
            *more = true;
            db_reset(stmt);
            return 0;
        }
        if (!read_row(a, stmt, &rows[*n])) {
            db_reset(stmt);
            return no_memory(op);
        }
        (*n)++;
    }
    return err;
}

/* ---- list ---- */

static int run_list(struct db *db, struct journal_op *op)
{
    /* With a code the subject leads, of what is open its own index, else the item's key. */
    static const struct sql by_id = {"SELECT " ROW_COLUMNS
                                     "WHERE i.id > ?1 AND (?2 = 0 OR s.flow = ?2) "
                                     "AND (?3 = -1 OR i.state = ?3 OR (?3 = -2 AND i.state < 4)) "
                                     "AND (?4 = 0 OR i.hold = ?4) ORDER BY i.id LIMIT ?5"};
    static const struct sql by_code = {"SELECT " ROW_COLUMNS
                                       "WHERE i.id > ?1 AND (?2 = 0 OR s.flow = ?2) "
                                       "AND (?3 = -1 OR i.state = ?3 OR (?3 = -2 AND i.state < 4)) "
                                       "AND (?4 = 0 OR i.hold = ?4) AND s.code = ?6 "
                                       "ORDER BY i.id LIMIT ?5"};
    static const struct sql open = {"SELECT " ROW_COLUMNS_OF(
        "item i INDEXED BY item_waiting") "WHERE i.id > ?1 AND (?2 = 0 OR s.flow = ?2) AND i.state "
                                          "< 4 "
                                          "AND (?3 = -2 OR i.state = ?3) AND (?4 = 0 OR i.hold = "
                                          "?4) ORDER BY i.id LIMIT ?5"};
    struct journal_list *l = CONTAINER_OF(op, struct journal_list, op);
    int64_t limit = (int64_t)l->limit + 1;
    int err = 0;
    sqlite3_stmt *stmt;

    l->rows = arena_alloc(&l->arena, l->limit * sizeof(*l->rows));
    if (l->rows == NULL) {
        return no_memory(op);
    }
    if (l->code[0] != '\0') {
        stmt = db_bind(db, &by_code, &err, "iiiiit", l->after, l->flow, (int64_t)l->state,
                       (int64_t)l->hold, limit, l->code);
    } else {
        bool is_open = l->state == -2 || (l->state >= 0 && item_open((enum item_state)l->state));

        stmt = db_bind(db, is_open ? &open : &by_id, &err, "iiiii", l->after, l->flow,
                       (int64_t)l->state, (int64_t)l->hold, limit);
    }
    return stmt != NULL ? read_rows(db, op, stmt, &l->arena, l->rows, l->limit, &l->n, &l->more)
                        : err;
}

static void undo_list(struct journal_op *op)
{
    journal_list_free(CONTAINER_OF(op, struct journal_list, op));
}

void journal_list(struct journal *j, struct journal_list *l)
{
    arena_init(&l->arena, LIST_BYTES_MAX);
    l->n = 0;
    l->more = false;
    l->limit = l->limit == 0 ? 100 : (l->limit > 1000 ? 1000 : l->limit);
    journal_start(j, &l->op, run_list, undo_list, false);
}

void journal_list_free(struct journal_list *l)
{
    arena_free(&l->arena);
    l->n = 0;
}

/* ---- life ---- */

#define ATTEMPT_COLUMNS                                                                            \
    "SELECT t.id, t.verb, t.first_item, t.last_item, t.items, t.updating, t.begun_ms, "            \
    "ifnull(t.ended_ms, 0), ifnull(t.outcome, 0), ifnull(t.http, 0), t.code, t.words, t.repeats, " \
    "ifnull(t.took_ms, 0), lower(hex(t.request)), lower(hex(t.response)) FROM attempt t "

static bool read_attempt(struct arena *a, sqlite3_stmt *stmt, struct journal_attempt_row *row)
{
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
    row->code = db_text(a, stmt, 10);
    row->words = db_text(a, stmt, 11);
    row->repeats = (uint32_t)sqlite3_column_int64(stmt, 12);
    row->took_ms = (uint32_t)sqlite3_column_int64(stmt, 13);
    row->request = db_text(a, stmt, 14);
    row->response = db_text(a, stmt, 15);
    return row->code != NULL && row->words != NULL && row->request != NULL && row->response != NULL;
}

static int read_attempts(struct db *db, struct journal_life *l, sqlite3_stmt *stmt)
{
    int err;

    l->attempts = arena_alloc(&l->arena, LIFE_ROWS_MAX * sizeof(*l->attempts));
    if (l->attempts == NULL) {
        db_reset(stmt);
        return no_memory(&l->op);
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        if (l->n_attempts == LIFE_ROWS_MAX) {
            l->truncated = true;
            db_reset(stmt);
            return 0;
        }
        if (!read_attempt(&l->arena, stmt, &l->attempts[l->n_attempts])) {
            db_reset(stmt);
            return no_memory(&l->op);
        }
        l->n_attempts++;
    }
    return err;
}

#define SUBJECT_COLUMNS                                                                            \
    "SELECT f.name, s.code, s.present, s.doubt, s.acked_status, s.status, s.promised, "            \
    "s.since_ms, ifnull(n.at_ms, 0), ifnull(n.status, 0), ifnull(n.there, 0) "                     \
    "FROM subject s JOIN flow f ON f.id = s.flow LEFT JOIN seen n ON n.code = s.code "

/* The item's subject, or the first that has the code. */
static int read_subject_of(struct db *db, struct journal_life *l, const char *code)
{
    static const struct sql by_item = {SUBJECT_COLUMNS
                                       "WHERE s.id = (SELECT subject FROM item WHERE id = ?1)"};
    static const struct sql by_code = {SUBJECT_COLUMNS "WHERE s.code = ?1 OR s.local_no = ?1 "
                                                       "ORDER BY s.code <> ?1, s.flow LIMIT 1"};
    int err = 0;
    sqlite3_stmt *stmt = l->id != 0 ? db_bind(db, &by_item, &err, "i", l->id)
                                    : db_bind(db, &by_code, &err, "t", code);

    if (stmt == NULL) {
        return err;
    }
    err = db_row(db, stmt);
    if (err != 1) {
        return err == 0 ? journal_op_fail(&l->op, ERR_NOTFOUND, "the journal knows no %s", code)
                        : err;
    }
    l->flow = db_text(&l->arena, stmt, 0);
    l->subject_code = db_text(&l->arena, stmt, 1);
    l->present = sqlite3_column_int(stmt, 2);
    l->doubt = sqlite3_column_int(stmt, 3);
    l->acked_status = sqlite3_column_int(stmt, 4);
    l->status = sqlite3_column_int(stmt, 5);
    l->promised_s = sqlite3_column_int64(stmt, 6);
    l->since_ms = (uint64_t)sqlite3_column_int64(stmt, 7);
    l->seen_at_ms = (uint64_t)sqlite3_column_int64(stmt, 8);
    l->seen_status = sqlite3_column_int(stmt, 9);
    l->seen_there = sqlite3_column_int(stmt, 10) != 0;
    db_reset(stmt);
    return l->flow != NULL && l->subject_code != NULL ? 0 : no_memory(&l->op);
}

static int read_audits(struct db *db, struct journal_life *l)
{
    static const struct sql select = {
        "SELECT at_ms, who, verb, object, reason FROM audit "
        "WHERE substr(object, -length(?1) - 1) = ' ' || ?1 ORDER BY id LIMIT 1000"};
    int err = 0;
    sqlite3_stmt *stmt;

    l->audits = arena_alloc(&l->arena, LIFE_ROWS_MAX * sizeof(*l->audits));
    if (l->audits == NULL) {
        return no_memory(&l->op);
    }
    stmt = db_bind(db, &select, &err, "t", l->subject_code);
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        struct journal_audit_row *row = &l->audits[l->n_audits];

        row->at_ms = (uint64_t)sqlite3_column_int64(stmt, 0);
        row->who = db_text(&l->arena, stmt, 1);
        row->verb = db_text(&l->arena, stmt, 2);
        row->object = db_text(&l->arena, stmt, 3);
        row->reason = db_text(&l->arena, stmt, 4);
        if (row->who == NULL || row->verb == NULL || row->object == NULL || row->reason == NULL) {
            db_reset(stmt);
            return no_memory(&l->op);
        }
        l->n_audits++;
    }
    return err;
}

static int run_life(struct db *db, struct journal_op *op)
{
    static const struct sql one = {"SELECT " ROW_COLUMNS "WHERE i.id = ?1"};
    static const struct sql all = {"SELECT " ROW_COLUMNS
                                   "WHERE s.code = ?1 ORDER BY i.id LIMIT 1001"};
    static const struct sql attempts_of_item = {
        ATTEMPT_COLUMNS "WHERE t.subject = (SELECT subject FROM item WHERE id = ?1) "
                        "AND (t.first_item = ?1 OR t.last_item = ?1 OR EXISTS "
                        "(SELECT 1 FROM attempt_item x WHERE x.attempt = t.id AND x.item = ?1)) "
                        "ORDER BY t.id"};
    static const struct sql attempts_of_code = {
        ATTEMPT_COLUMNS
        "WHERE t.subject IN (SELECT id FROM subject WHERE code = ?1) ORDER BY t.id"};
    struct journal_life *l = CONTAINER_OF(op, struct journal_life, op);
    bool more = false;
    int err = 0;
    sqlite3_stmt *stmt;

    l->items = arena_alloc(&l->arena, LIFE_ROWS_MAX * sizeof(*l->items));
    if (l->items == NULL) {
        return no_memory(op);
    }
    if (l->id == 0) {
        err = read_subject_of(db, l, l->code);
        if (err < 0 || op->err != 0) {
            return err;
        }
    }
    stmt = l->id != 0 ? db_bind(db, &one, &err, "i", l->id)
                      : db_bind(db, &all, &err, "t", l->subject_code);
    if (stmt == NULL) {
        return err;
    }
    err = read_rows(db, op, stmt, &l->arena, l->items, LIFE_ROWS_MAX, &l->n_items, &more);
    l->truncated = more;
    if (err < 0 || op->err != 0) {
        return err;
    }
    if (l->id != 0) {
        if (l->n_items == 0) {
            return journal_op_fail(op, ERR_NOTFOUND, "no item %lld", (long long)l->id);
        }
        err = read_subject_of(db, l, l->items[0].code);
        if (err < 0 || op->err != 0) {
            return err;
        }
    }
    stmt = l->id != 0 ? db_bind(db, &attempts_of_item, &err, "i", l->id)
                      : db_bind(db, &attempts_of_code, &err, "t", l->subject_code);
    err = stmt != NULL ? read_attempts(db, l, stmt) : err;
    return err < 0 || op->err != 0 ? err : read_audits(db, l);
}

static void undo_life(struct journal_op *op)
{
    journal_life_free(CONTAINER_OF(op, struct journal_life, op));
}

void journal_life(struct journal *j, struct journal_life *l)
{
    arena_init(&l->arena, LIST_BYTES_MAX);
    l->n_items = 0;
    l->n_attempts = 0;
    l->n_audits = 0;
    journal_start(j, &l->op, run_life, undo_life, false);
}

void journal_life_free(struct journal_life *l)
{
    arena_free(&l->arena);
    l->n_items = 0;
    l->n_attempts = 0;
    l->n_audits = 0;
}

/* ---- summary ---- */

static int sum_held(struct db *db, struct journal_summary *s)
{
    static const struct sql select = {
        "SELECT s.flow, i.hold, count(*) FROM item i JOIN subject s ON s.id = i.subject "
        "WHERE i.state = 3 GROUP BY s.flow, i.hold"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "");

    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        int64_t flow = sqlite3_column_int64(stmt, 0);
        int hold = sqlite3_column_int(stmt, 1);

        for (size_t i = 0; i < s->n; i++) {
            if (s->flows[i].flow == flow && hold >= 0 && hold < HOLD_WHYS) {
                s->flows[i].held[hold] = (uint64_t)sqlite3_column_int64(stmt, 2);
            }
        }
    }
    return err;
}

/* What is open and not held of subjects that nothing can be claimed of: from the held items on, so
 * that a journal without any pays nothing. */
static int sum_behind(struct db *db, struct journal_summary *s)
{
    static const struct sql select = {
        "SELECT s.flow, count(*), min(i.created_ms) FROM (SELECT DISTINCT subject FROM item "
        "INDEXED "
        "BY item_held WHERE state = 3) h CROSS JOIN subject s ON s.id = h.subject "
        "CROSS JOIN item i INDEXED BY item_open ON i.subject = s.id "
        "WHERE s.queue IS NULL AND s.busy = 0 AND i.state < 4 AND i.state <> 3 GROUP BY s.flow"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "");

    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        for (size_t i = 0; i < s->n; i++) {
            if (s->flows[i].flow == sqlite3_column_int64(stmt, 0)) {
                s->flows[i].behind = (uint64_t)sqlite3_column_int64(stmt, 1);
                s->flows[i].behind_ms = (uint64_t)sqlite3_column_int64(stmt, 2);
            }
        }
    }
    return err;
}

static int run_summary(struct db *db, struct journal_op *op)
{
    static const struct sql flows = {"SELECT id FROM flow ORDER BY id LIMIT 32"};
    static const struct sql oldest = {
        "SELECT min(since_ms) FROM subject WHERE flow = ?1 AND queue = ?2"};
    static const struct sql owed = {"SELECT count(*) FROM source_row WHERE owed = 1"};
    struct journal_summary *s = CONTAINER_OF(op, struct journal_summary, op);
    int64_t n = 0;
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &flows, &err, "");

    s->n = 0;
    memset(s->flows, 0, sizeof(s->flows));
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        s->flows[s->n++].flow = sqlite3_column_int64(stmt, 0);
    }
    for (size_t i = 0; i < s->n && err == 0; i++) {
        for (int64_t queue = 0; queue <= 2 && err == 0; queue++) {
            int64_t since = 0;
            int found = db_integer(db, &oldest, &since, "ii", s->flows[i].flow, queue);

            err = found < 0 ? found : 0;
            if (since > 0 &&
                (s->flows[i].oldest_ms == 0 || (uint64_t)since < s->flows[i].oldest_ms)) {
                s->flows[i].oldest_ms = (uint64_t)since;
            }
        }
    }
    err = err == 0 ? sum_held(db, s) : err;
    err = err == 0 ? sum_behind(db, s) : err;
    if (err == 0) {
        int found = db_integer(db, &owed, &n, "");

        err = found < 0 ? found : 0;
    }
    s->owed_rows = (uint64_t)n;
    return err;
}

void journal_summary(struct journal *j, struct journal_summary *s)
{
    journal_start(j, &s->op, run_summary, NULL, false);
}
