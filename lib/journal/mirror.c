#include "journal/mirror.h"

#include <string.h>

#include "base/crash_point.h"
#include "base/digest.h"
#include "journal/catalog_change.h"
#include "journal/worker.h"

#define STAGE_BYTES_MAX (16u << 20)
#define LIST_BYTES_MAX (32u << 20)

struct mirror_stage_row {
    const char *code, *name;
    const uint8_t *hash; /* NULL: the mirror's record stays */
    const char *body;
    size_t body_len;
    bool active;
    struct mirror_stage_row *next;
};

static int no_memory(struct journal_op *op)
{
    return journal_op_fail(op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

/* ---- stage ---- */

void mirror_stage_init(struct mirror_stage *s, enum record_kind kind, bool clear)
{
    memset(s, 0, sizeof(*s));
    s->kind = kind;
    s->clear = clear;
    arena_init(&s->arena, STAGE_BYTES_MAX);
    s->rows_end = &s->rows;
}

int mirror_stage_add(struct mirror_stage *s, const char *code, const char *name,
                     const struct record *body, bool active)
{
    struct mirror_stage_row *row = arena_alloc(&s->arena, sizeof(*row));

    if (row == NULL) {
        return ERR_NOMEM;
    }
    row->code = arena_strdup(&s->arena, code);
    row->name = arena_strdup(&s->arena, name);
    row->active = active;
    if (body != NULL) {
        uint8_t *hash = arena_alloc(&s->arena, 32);

        if (hash == NULL) {
            return ERR_NOMEM;
        }
        row->hash = memcpy(hash, body->hash, 32);
        row->body = arena_strndup(&s->arena, body->body, body->body_len);
        row->body_len = body->body_len;
    }
    if (row->code == NULL || row->name == NULL || (body != NULL && row->body == NULL)) {
        return ERR_NOMEM;
    }
    *s->rows_end = row;
    s->rows_end = &row->next;
    s->bytes += row->body_len + sizeof(*row);
    return 0;
}

static int run_stage(struct db *db, struct journal_op *op)
{
    static const struct sql clear = {"DELETE FROM stage WHERE kind = ?1"};
    static const struct sql upsert = {
        "INSERT INTO stage (kind, code, name, active, hash, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
        "ON CONFLICT (kind, code) DO UPDATE SET name = iif(excluded.name = '', name, "
        "excluded.name), "
        "active = excluded.active, "
        "hash = ifnull(excluded.hash, hash), body = ifnull(excluded.body, body)"};
    struct mirror_stage *s = CONTAINER_OF(op, struct mirror_stage, op);
    int err = s->clear ? db_run(db, &clear, "i", (int64_t)s->kind) : 0;

    CRASH_POINT(stage_cleared);
    for (const struct mirror_stage_row *row = s->rows; row != NULL && err == 0; row = row->next) {
        err = db_run(db, &upsert, "ittibb", (int64_t)s->kind, row->code, row->name,
                     (int64_t)row->active, (const void *)row->hash,
                     row->hash != NULL ? (size_t)32 : (size_t)0, (const void *)row->body,
                     row->body_len);
        CRASH_POINT(stage_row);
    }
    CRASH_POINT(stage_written);
    return err;
}

void mirror_stage(struct journal *j, struct mirror_stage *s)
{
    journal_start_sized(j, &s->op, run_stage, NULL, s->bytes, false);
}

void mirror_stage_free(struct mirror_stage *s)
{
    arena_free(&s->arena);
}

/* ---- wanted ---- */

static int run_wanted(struct db *db, struct journal_op *op)
{
    static const struct sql select = {
        "SELECT t.code FROM stage t LEFT JOIN mirror m ON m.kind = t.kind AND m.code = t.code "
        "WHERE t.kind = ?1 AND t.code > ?2 AND t.body IS NULL "
        "AND (m.code IS NULL OR m.name <> t.name OR m.checked_ms < ?3) ORDER BY t.code LIMIT ?4"};
    struct mirror_wanted *w = CONTAINER_OF(op, struct mirror_wanted, op);
    int err = 0;
    sqlite3_stmt *stmt;

    w->n = 0;
    w->codes = arena_alloc(&w->arena, w->limit * sizeof(*w->codes));
    if (w->codes == NULL) {
        return no_memory(op);
    }
    stmt = db_bind(db, &select, &err, "itii", (int64_t)w->kind, w->after,
                   (int64_t)w->refresh_before_ms, (int64_t)w->limit);
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        w->codes[w->n] = db_text(&w->arena, stmt, 0);
        if (w->codes[w->n++] == NULL) {
            db_reset(stmt);
            return no_memory(op);
        }
    }
    return err;
}

static void undo_wanted(struct journal_op *op)
{
    mirror_wanted_free(CONTAINER_OF(op, struct mirror_wanted, op));
}

void mirror_wanted(struct journal *j, struct mirror_wanted *w)
{
    arena_init(&w->arena, LIST_BYTES_MAX);
    w->n = 0;
    journal_start(j, &w->op, run_wanted, undo_wanted, false);
}

void mirror_wanted_free(struct mirror_wanted *w)
{
    arena_free(&w->arena);
    w->n = 0;
}

/* ---- swap ---- */

/* In this order; ?1 the kind, ?2 the time. */
static const struct sql swap_steps[] = {
    /* what is about to change is kept as a version */
    {"INSERT OR IGNORE INTO mirror_version (kind, code, version, hash, body, at_ms) "
     "SELECT kind, code, version, hash, body, changed_ms FROM mirror m WHERE kind = ?1 AND ?2 > 0 "
     "AND EXISTS (SELECT 1 FROM stage t WHERE t.kind = m.kind AND t.code = m.code "
     "AND t.hash IS NOT NULL AND t.hash <> m.hash)"},
    /* what was withdrawn is listed again */
    {"UPDATE mirror SET missing = 0, active = 1, changed_ms = ?2 WHERE kind = ?1 AND missing >= 2 "
     "AND code IN (SELECT code FROM stage WHERE kind = ?1 AND active = 1)"},
    /* other content */
    {"UPDATE mirror SET version = version + 1, name = t.name, hash = t.hash, body = t.body, "
     "active = t.active, missing = 0, changed_ms = ?2, checked_ms = ?2 FROM stage t "
     "WHERE mirror.kind = ?1 AND t.kind = ?1 AND t.code = mirror.code AND t.hash IS NOT NULL "
     "AND t.hash <> mirror.hash"},
    /* read again and equal; the name is the list's and no part of the content */
    {"UPDATE mirror SET checked_ms = ?2, name = t.name FROM stage t WHERE mirror.kind = ?1 "
     "AND t.kind = ?1 AND t.code = mirror.code AND t.hash = mirror.hash "
     "AND mirror.checked_ms <> ?2"},
    /* switched off or on; a list alone may only switch off, since some know no flag */
    {"UPDATE mirror SET active = t.active, changed_ms = ?2 FROM stage t WHERE mirror.kind = ?1 "
     "AND t.kind = ?1 AND t.code = mirror.code AND t.active <> mirror.active "
     "AND (t.active = 0 OR t.hash IS NOT NULL)"},
    /* listed again before it was withdrawn */
    {"UPDATE mirror SET missing = 0 WHERE kind = ?1 AND missing > 0 AND ?2 > 0 "
     "AND code IN (SELECT code FROM stage WHERE kind = ?1)"},
    /* new */
    {"INSERT INTO mirror (kind, code, name, version, hash, body, active, first_ms, changed_ms, "
     "checked_ms) SELECT kind, code, name, 1, hash, body, active, ?2, ?2, ?2 FROM stage t "
     "WHERE kind = ?1 AND hash IS NOT NULL AND NOT EXISTS "
     "(SELECT 1 FROM mirror m WHERE m.kind = t.kind AND m.code = t.code)"},
    /* not listed: once it may be an accident, twice it is withdrawn */
    {"UPDATE mirror SET missing = missing + 1 WHERE kind = ?1 AND missing < 2 AND ?2 > 0 "
     "AND code NOT IN (SELECT code FROM stage WHERE kind = ?1)"},
    {"UPDATE mirror SET active = 0, changed_ms = ?2 "
     "WHERE kind = ?1 AND missing = 2 AND active = 1"},
};

#define SWAP_STEPS (sizeof(swap_steps) / sizeof(swap_steps[0]))

static int swap_rows(struct db *db, struct mirror_swap *s)
{
    uint32_t *const counts[SWAP_STEPS] = {
        NULL, &s->returned, &s->changed, NULL, &s->changed, NULL, &s->added, NULL, &s->withdrawn};
    int err = 0;

    for (size_t i = 0; i < SWAP_STEPS && err == 0; i++) {
        err = db_run(db, &swap_steps[i], "ii", (int64_t)s->kind, (int64_t)s->now_ms);
        CRASH_POINT(swap_step);
        if (err == 0 && counts[i] != NULL) {
            *counts[i] += (uint32_t)sqlite3_changes(db->sqlite);
        }
    }
    return err;
}

static int run_swap(struct db *db, struct journal_op *op)
{
    static const struct sql count_stage = {"SELECT count(*) FROM stage WHERE kind = ?1"};
    static const struct sql count_mirror = {
        "SELECT count(*) FROM mirror WHERE kind = ?1 AND missing < 2"};
    static const struct sql clear = {"DELETE FROM stage WHERE kind = ?1"};
    static const struct sql read = {
        "INSERT INTO fact (name, value) VALUES ('catalog-read-' || ?1, ?2) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"};
    struct mirror_swap *s = CONTAINER_OF(op, struct mirror_swap, op);
    int64_t listed = 0;
    int64_t before = 0;
    int err = db_integer(db, &count_stage, &listed, "i", (int64_t)s->kind);

    if (err == 1) {
        err = db_integer(db, &count_mirror, &before, "i", (int64_t)s->kind);
    }
    if (err < 0) {
        return err;
    }
    s->listed = (uint64_t)listed;
    s->before = (uint64_t)before;
    if (listed * 100 < before * (int64_t)s->shrink_percent) {
        return journal_op_fail(op, ERR_STATE,
                               "the list has %lld entries, the last complete one had %lld: under "
                               "%u %% nothing is changed",
                               (long long)listed, (long long)before, s->shrink_percent);
    }
    CRASH_POINT(swap_before);
    err = catalog_change_swap(db, s->kind, s->now_ms);
    err = err == 0 ? swap_rows(db, s) : err;
    if (err == 0) {
        err = db_run(db, &clear, "i", (int64_t)s->kind);
    }
    CRASH_POINT(swap_cleared);
    return err < 0 ? err : db_run(db, &read, "ii", (int64_t)s->kind, (int64_t)s->now_ms);
}

static void undo_swap(struct journal_op *op)
{
    struct mirror_swap *s = CONTAINER_OF(op, struct mirror_swap, op);

    s->added = 0;
    s->changed = 0;
    s->withdrawn = 0;
    s->returned = 0;
}

void mirror_swap(struct journal *j, struct mirror_swap *s)
{
    undo_swap(&s->op);
    journal_start(j, &s->op, run_swap, undo_swap, true);
}

/* ---- list ---- */

/* What is handed on must be what was read. A record of the catalogue has nothing that its hash
 * leaves out. */
static bool sound(const struct mirror_row *row)
{
    uint8_t actual[DIGEST_BYTES];

    return digest_sha256(row->body, row->body_len, actual) == 0 && digest_equal(actual, row->hash);
}

static int run_list(struct db *db, struct journal_op *op)
{
    static const struct sql select = {
        "SELECT code, name, hash, active, version, changed_ms, checked_ms, first_ms, "
        "iif(?5, body, NULL), local_hash FROM mirror WHERE kind = ?1 AND code > ?2 AND changed_ms "
        "> ?3 AND (?6 IS NULL OR code = ?6) "
        "ORDER BY code LIMIT ?4"};
    struct mirror_list *l = CONTAINER_OF(op, struct mirror_list, op);
    int err = 0;
    sqlite3_stmt *stmt;

    l->rows = arena_alloc(&l->arena, l->limit * sizeof(*l->rows));
    if (l->rows == NULL) {
        return no_memory(op);
    }
    stmt = db_bind(db, &select, &err, "itiiit", (int64_t)l->kind, l->after,
                   (int64_t)l->changed_after_ms - (l->changed_after_ms == 0), (int64_t)l->limit,
                   (int64_t)l->with_body, l->only);
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        struct mirror_row *row = &l->rows[l->n];

        row->code = db_text(&l->arena, stmt, 0);
        row->name = db_text(&l->arena, stmt, 1);
        db_digest(stmt, 2, row->hash);
        row->active = sqlite3_column_int(stmt, 3) != 0;
        row->version = (uint32_t)sqlite3_column_int64(stmt, 4);
        row->changed_ms = (uint64_t)sqlite3_column_int64(stmt, 5);
        row->checked_ms = (uint64_t)sqlite3_column_int64(stmt, 6);
        row->first_ms = (uint64_t)sqlite3_column_int64(stmt, 7);
        row->has_local_hash = sqlite3_column_type(stmt, 9) == SQLITE_BLOB;
        db_digest(stmt, 9, row->local_hash);
        row->body_len = (size_t)sqlite3_column_bytes(stmt, 8);
        row->body = arena_strndup(
            &l->arena, row->body_len > 0 ? (const char *)sqlite3_column_blob(stmt, 8) : "",
            row->body_len);
        if (row->code == NULL || row->name == NULL || row->body == NULL) {
            db_reset(stmt);
            return no_memory(op);
        }
        if (l->with_body && !sound(row)) {
            db_reset(stmt);
            return journal_op_fail(op, ERR_CORRUPT,
                                   "the journal's record of %s is damaged: `dvcsyncctl journal "
                                   "check` lists more",
                                   row->code);
        }
        l->n++;
    }
    return err;
}

static void undo_list(struct journal_op *op)
{
    mirror_list_free(CONTAINER_OF(op, struct mirror_list, op));
}

void mirror_list(struct journal *j, struct mirror_list *l)
{
    arena_init(&l->arena, LIST_BYTES_MAX);
    l->n = 0;
    l->limit = l->limit == 0 || l->limit > 500 ? 500 : l->limit;
    journal_start(j, &l->op, run_list, undo_list, false);
}

void mirror_list_free(struct mirror_list *l)
{
    arena_free(&l->arena);
    l->n = 0;
}

/* ---- agreement ---- */

const char *mirror_difference_name(enum mirror_difference d)
{
    static const char *const names[] = {"local_only",     "portal_only", "differs",
                                        "withdrawn_open", "overdue",     "lacks"};

    return d < MIRROR_DIFFERENCES ? names[d] : "unknown";
}

static int read_difference(struct db *db, struct mirror_agreement *a, enum mirror_difference d)
{
    static const struct sql selects[] = {
        [MIRROR_LOCAL_ONLY] =
            {"SELECT l.code, l.name, '' FROM local_catalog l WHERE l.active = 1 AND "
             "?1 >= 0 AND NOT EXISTS (SELECT 1 FROM mirror m WHERE m.kind = 3 AND "
             "m.code = l.code) ORDER BY 1"},
        [MIRROR_PORTAL_ONLY] =
            {"SELECT m.code, m.name, '', m.first_ms FROM mirror m WHERE m.kind = 3 AND m.active "
             "= 1 AND ?1 >= 0 AND NOT EXISTS (SELECT 1 FROM local_catalog l WHERE "
             "l.code = m.code AND l.active = 1) ORDER BY 1"},
        [MIRROR_DIFFERS] = {"SELECT m.code, m.name, iif(m.name <> l.name, 'name', 'content') FROM "
                            "mirror m JOIN local_catalog l ON l.code = m.code WHERE m.kind = 3 AND "
                            "m.active = 1 AND l.active = 1 AND ?1 >= 0 AND l.hash <> "
                            "ifnull(m.local_hash, m.hash) ORDER BY 1"},
        [MIRROR_WITHDRAWN_OPEN] =
            {"SELECT m.code, m.name, '' FROM mirror m JOIN local_catalog l ON "
             "l.code = m.code WHERE m.kind = 3 AND m.active = 0 AND l.active = 1 "
             "AND ?1 >= 0 ORDER BY 1"},
        [MIRROR_OVERDUE] =
            {"SELECT m.code, m.name, '', m.first_ms FROM mirror m WHERE m.kind = 3 AND m.active = "
             "1 "
             "AND m.first_ms < ?1 AND NOT EXISTS (SELECT 1 FROM local_catalog l WHERE "
             "l.code = m.code AND l.active = 1) ORDER BY 1"},
        [MIRROR_LACKS] = {"SELECT m.code, m.name, m.lacks FROM mirror m WHERE m.kind = 3 AND "
                          "m.active = 1 AND ?1 >= 0 AND m.lacks <> '' ORDER BY 1"},
    };
    int err = 0;
    sqlite3_stmt *stmt;

    a->rows[d] = arena_alloc(&a->arena, (a->limit + 1) * sizeof(*a->rows[d]));
    if (a->rows[d] == NULL) {
        return no_memory(&a->op);
    }
    stmt = db_bind(db, &selects[d], &err, "i", (int64_t)a->overdue_before_ms);
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        a->counts[d]++;
        if (a->n_rows[d] < a->limit) {
            struct mirror_diff_row *row = &a->rows[d][a->n_rows[d]++];

            row->code = db_text(&a->arena, stmt, 0);
            row->name = db_text(&a->arena, stmt, 1);
            row->note = db_text(&a->arena, stmt, 2);
            row->first_ms = (uint64_t)sqlite3_column_int64(stmt, 3); /* 0 where there is none */
            if (row->code == NULL || row->name == NULL || row->note == NULL) {
                db_reset(stmt);
                return no_memory(&a->op);
            }
        }
    }
    return err;
}

static int run_agreement(struct db *db, struct journal_op *op)
{
    static const struct sql counts[] = {
        {"SELECT count(*) FROM mirror WHERE kind = 3 AND active = 1"},
        {"SELECT count(*) FROM local_catalog WHERE active = 1"},
        {"SELECT count(*) FROM mirror m JOIN local_catalog l ON l.code = m.code WHERE m.kind = 3 "
         "AND "
         "m.active = 1 AND l.active = 1 AND l.hash = ifnull(m.local_hash, m.hash)"},
        {"SELECT count(*) FROM mirror WHERE kind = 4 AND active = 1"},
        {"SELECT count(*) FROM mirror WHERE kind = 5 AND active = 1"},
        {"SELECT count(*) FROM mirror WHERE kind = 6 AND active = 1"},
        {"SELECT value FROM fact WHERE name = 'catalog-read-3'"},
    };
    struct mirror_agreement *a = CONTAINER_OF(op, struct mirror_agreement, op);
    uint64_t *const into[] = {&a->portal,  &a->local,    &a->equal,  &a->services,
                              &a->sectors, &a->agencies, &a->read_ms};
    int err = 0;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        int64_t n = 0;

        err = db_integer(db, &counts[i], &n, "");
        if (err < 0) {
            return err;
        }
        *into[i] = (uint64_t)n;
    }
    err = 0;
    for (int d = 0; d < MIRROR_DIFFERENCES && err == 0 && op->err == 0; d++) {
        err = read_difference(db, a, (enum mirror_difference)d);
    }
    return err;
}

static void undo_agreement(struct journal_op *op)
{
    mirror_agreement_free(CONTAINER_OF(op, struct mirror_agreement, op));
}

void mirror_agreement(struct journal *j, struct mirror_agreement *a)
{
    arena_init(&a->arena, LIST_BYTES_MAX);
    a->limit = a->limit > 500 ? 500 : a->limit;
    memset(a->counts, 0, sizeof(a->counts));
    memset(a->n_rows, 0, sizeof(a->n_rows));
    journal_start(j, &a->op, run_agreement, undo_agreement, false);
}

void mirror_agreement_free(struct mirror_agreement *a)
{
    arena_free(&a->arena);
    memset(a->counts, 0, sizeof(a->counts));
    memset(a->n_rows, 0, sizeof(a->n_rows));
}
