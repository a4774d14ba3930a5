/* mirror_local: the province's side of the catalogue: what its product shows, what it can hold of
 * the portal's records; and the decisions that procedures name, which no list holds. */
#include <string.h>

#include "base/crash_point.h"
#include "journal/catalog_change.h"
#include "journal/mirror.h"
#include "journal/worker.h"

#define PAGE_BYTES_MAX (16u << 20)
#define IDS_BYTES_MAX (4u << 20)

struct mirror_local_row {
    struct mirror_local_entry entry;
    uint8_t hash[RECORD_HASH_BYTES];
    struct mirror_local_row *next;
};

/* ---- what the product shows ---- */

void mirror_local_init(struct mirror_local *l)
{
    memset(l, 0, sizeof(*l));
    arena_init(&l->arena, PAGE_BYTES_MAX);
    l->rows_end = &l->rows;
}

int mirror_local_add(struct mirror_local *l, const struct mirror_local_entry *entry)
{
    struct mirror_local_row *row = arena_alloc(&l->arena, sizeof(*row));

    if (row == NULL) {
        return ERR_NOMEM;
    }
    row->entry = *entry;
    row->next = NULL;
    memcpy(row->hash, entry->hash, sizeof(row->hash));
    row->entry.hash = row->hash;
    row->entry.code = arena_strdup(&l->arena, entry->code);
    row->entry.name = arena_strdup(&l->arena, entry->name);
    row->entry.lacks = arena_strdup(&l->arena, entry->lacks != NULL ? entry->lacks : "");
    row->entry.body =
        entry->body_len > 0 ? arena_strndup(&l->arena, entry->body, entry->body_len) : NULL;
    if (row->entry.code == NULL || row->entry.name == NULL || row->entry.lacks == NULL ||
        (entry->body_len > 0 && row->entry.body == NULL)) {
        return ERR_NOMEM;
    }
    *l->rows_end = row;
    l->rows_end = &row->next;
    l->bytes += entry->body_len + sizeof(*row);
    return 0;
}

static int store_local(struct db *db, const struct mirror_local_entry *e, uint64_t now_ms)
{
    static const struct sql upsert = {
        "INSERT OR REPLACE INTO local_catalog (code, name, hash, active, lacks, body, level, "
        "processes, eforms, read_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
    const struct catalog_change_row row = {e->code, e->active, e->hash, e->body, e->body_len};
    int err = catalog_change_local(db, &row, now_ms);

    return err < 0 ? err
                   : db_run(db, &upsert, "ttbitbiiii", e->code, e->name, (const void *)e->hash,
                            (size_t)RECORD_HASH_BYTES, (int64_t)e->active, e->lacks,
                            (const void *)e->body, e->body_len, (int64_t)e->level,
                            (int64_t)e->processes, (int64_t)e->eforms, (int64_t)now_ms);
}

/* What the list did not name is not there any more. */
static int end_local(struct db *db, uint64_t now_ms)
{
    static const struct sql sweep = {"DELETE FROM local_catalog WHERE read_ms <> ?1"};
    static const struct sql read = {"INSERT INTO fact (name, value) VALUES ('catalog-local-read', "
                                    "?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value"};
    int err = catalog_change_removed(db, now_ms);

    CRASH_POINT(local_cleared);
    err = err == 0 ? db_run(db, &sweep, "i", (int64_t)now_ms) : err;
    err = err == 0 ? catalog_change_trim(db) : err;
    return err == 0 ? db_run(db, &read, "i", (int64_t)now_ms) : err;
}

static int run_local(struct db *db, struct journal_op *op)
{
    const struct mirror_local *l = CONTAINER_OF(op, struct mirror_local, op);
    int err = 0;

    for (const struct mirror_local_row *row = l->rows; row != NULL && err == 0; row = row->next) {
        err = store_local(db, &row->entry, l->now_ms);
        CRASH_POINT(local_row);
    }
    if (err == 0 && l->last) {
        err = end_local(db, l->now_ms);
    }
    CRASH_POINT(local_written);
    return err;
}

void mirror_local(struct journal *j, struct mirror_local *l)
{
    journal_start_sized(j, &l->op, run_local, NULL, l->bytes, false);
}

void mirror_local_free(struct mirror_local *l)
{
    arena_free(&l->arena);
}

/* ---- what the sink can hold of a record ---- */

static int run_reduced(struct db *db, struct journal_op *op)
{
    static const struct sql update = {"UPDATE mirror SET local_hash = ?3, lacks = ?4 "
                                      "WHERE kind = ?1 AND code = ?2"};
    struct mirror_reduced *r = CONTAINER_OF(op, struct mirror_reduced, op);

    CRASH_POINT(reduced_before);
    return db_run(db, &update, "itbt", (int64_t)r->kind, r->code, (const void *)r->hash,
                  sizeof(r->hash), r->lacks);
}

void mirror_reduced(struct journal *j, struct mirror_reduced *r)
{
    journal_start(j, &r->op, run_reduced, NULL, true);
}

/* ---- decisions ---- */

static int run_undecided(struct db *db, struct journal_op *op)
{
    static const struct sql select = {
        "SELECT DISTINCT iif(json_valid(CAST(p.body AS TEXT)), "
        "json_extract(CAST(p.body AS TEXT), '$.decision_id'), NULL) AS id FROM mirror p "
        "WHERE p.kind = 3 AND p.active = 1 AND id <> '' AND NOT EXISTS "
        "(SELECT 1 FROM mirror d WHERE d.kind = 11 AND d.code = id) ORDER BY 1 LIMIT ?1"};
    struct mirror_undecided *u = CONTAINER_OF(op, struct mirror_undecided, op);
    int err = 0;
    sqlite3_stmt *stmt;

    u->ids = arena_alloc(&u->arena, u->limit * sizeof(*u->ids));
    if (u->ids == NULL) {
        return journal_op_fail(op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    stmt = db_bind(db, &select, &err, "i", (int64_t)u->limit);
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        u->ids[u->n] = db_text(&u->arena, stmt, 0);
        if (u->ids[u->n++] == NULL) {
            db_reset(stmt);
            return journal_op_fail(op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
        }
    }
    return err;
}

static void undo_undecided(struct journal_op *op)
{
    mirror_undecided_free(CONTAINER_OF(op, struct mirror_undecided, op));
}

void mirror_undecided(struct journal *j, struct mirror_undecided *u)
{
    arena_init(&u->arena, IDS_BYTES_MAX);
    u->n = 0;
    journal_start(j, &u->op, run_undecided, undo_undecided, false);
}

void mirror_undecided_free(struct mirror_undecided *u)
{
    arena_free(&u->arena);
    u->n = 0;
}

int mirror_put_init(struct mirror_put *p, const struct record *record, const char *name)
{
    memset(p, 0, sizeof(*p));
    arena_init(&p->arena, JOURNAL_BODY_MAX + 4096);
    p->record = *record;
    p->record.code = arena_strdup(&p->arena, record->code);
    p->record.body = arena_strndup(&p->arena, record->body, record->body_len);
    p->name = arena_strdup(&p->arena, name);
    return p->record.code != NULL && p->record.body != NULL && p->name != NULL ? 0 : ERR_NOMEM;
}

static int run_put(struct db *db, struct journal_op *op)
{
    static const struct sql upsert = {
        "INSERT INTO mirror (kind, code, name, version, hash, body, active, first_ms, changed_ms, "
        "checked_ms) VALUES (?1, ?2, ?3, 1, ?4, ?5, 1, ?6, ?6, ?6) ON CONFLICT (kind, code) DO "
        "UPDATE SET name = excluded.name, hash = excluded.hash, body = excluded.body, "
        "checked_ms = excluded.checked_ms"};
    const struct mirror_put *p = CONTAINER_OF(op, struct mirror_put, op);
    const struct record *r = &p->record;

    return db_run(db, &upsert, "ittbbi", (int64_t)r->kind, r->code, p->name, (const void *)r->hash,
                  sizeof(r->hash), (const void *)r->body, r->body_len, (int64_t)p->now_ms);
}

void mirror_put(struct journal *j, struct mirror_put *p)
{
    journal_start_sized(j, &p->op, run_put, NULL, p->record.body_len, false);
}

void mirror_put_free(struct mirror_put *p)
{
    arena_free(&p->arena);
}
