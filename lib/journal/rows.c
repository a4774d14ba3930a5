/* rows: what sources showed (hashes, what is owed, cursors) and small facts. */
#include <stdio.h>
#include <string.h>

#include "base/crash_point.h"
#include "journal/worker.h"

#define OWED_BYTES_MAX (1u << 20)

static int run_compare(struct db *db, struct journal_op *op)
{
    static const struct sql select = {
        "SELECT hash, owed FROM source_row WHERE source = ?1 AND id = ?2"};
    struct journal_compare *c = CONTAINER_OF(op, struct journal_compare, op);

    if (c->n > JOURNAL_ROWS_MAX) {
        return journal_op_fail(op, ERR_TOOBIG, "more than %d rows", JOURNAL_ROWS_MAX);
    }
    for (size_t i = 0; i < c->n; i++) {
        int err = 0;
        sqlite3_stmt *stmt = db_bind(db, &select, &err, "tt", c->source, c->ids[i]);

        if (stmt == NULL) {
            return err;
        }
        err = db_row(db, stmt);
        if (err < 0) {
            return err;
        }
        c->changed[i] = true;
        c->owed[i] = false;
        if (err == 1) {
            uint8_t hash[32];

            db_digest(stmt, 0, hash);
            /* An owed row is asked again by itself, at its own pace. */
            c->changed[i] = memcmp(hash, c->hashes[i], sizeof(hash)) != 0;
            c->owed[i] = sqlite3_column_int(stmt, 1) != 0;
            db_reset(stmt);
        }
    }
    return 0;
}

void journal_compare(struct journal *j, struct journal_compare *c)
{
    journal_start(j, &c->op, run_compare, NULL, false);
}

static int run_owed(struct db *db, struct journal_op *op)
{
    static const struct sql select = {
        "SELECT id, hash FROM source_row WHERE source = ?1 AND owed = 1 "
        "ORDER BY tries, id LIMIT ?2"};
    struct journal_owed *o = CONTAINER_OF(op, struct journal_owed, op);
    int err = 0;
    sqlite3_stmt *stmt;

    o->n = 0;
    o->ids = arena_alloc(&o->arena, o->limit * sizeof(*o->ids));
    o->hashes = arena_alloc(&o->arena, o->limit * sizeof(*o->hashes));
    if (o->ids == NULL || o->hashes == NULL) {
        return journal_op_fail(op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    stmt = db_bind(db, &select, &err, "ti", o->source, (int64_t)o->limit);
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        o->ids[o->n] = db_text(&o->arena, stmt, 0);
        db_digest(stmt, 1, o->hashes[o->n]);
        if (o->ids[o->n] == NULL) {
            db_reset(stmt);
            return journal_op_fail(op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
        }
        o->n++;
    }
    return err;
}

static void undo_owed(struct journal_op *op)
{
    journal_owed_free(CONTAINER_OF(op, struct journal_owed, op));
}

void journal_owed(struct journal *j, struct journal_owed *o)
{
    arena_init(&o->arena, OWED_BYTES_MAX);
    o->n = 0;
    journal_start(j, &o->op, run_owed, undo_owed, false);
}

void journal_owed_free(struct journal_owed *o)
{
    arena_free(&o->arena);
    o->n = 0;
}

/* Reads one text into a bounded buffer; "" when there is none. */
static int read_text(struct db *db, struct journal_op *op, const struct sql *sql, const char *key,
                     char *out, size_t size)
{
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, sql, &err, "t", key);

    out[0] = '\0';
    if (stmt == NULL) {
        return err;
    }
    err = db_row(db, stmt);
    if (err == 1) {
        const char *text = db_column(stmt, 0);
        int n = snprintf(out, size, "%s", text != NULL ? text : "");

        err = text != NULL ? 0 : ERR_NOMEM; /* an empty one would be taken for none */
        db_reset(stmt);
        if ((size_t)n >= size) {
            out[0] = '\0';
            err = journal_op_fail(op, ERR_TOOBIG, "%s", key);
        }
    }
    return err;
}

static int run_cursor(struct db *db, struct journal_op *op)
{
    static const struct sql select = {"SELECT value FROM cursor WHERE source = ?1"};
    struct journal_cursor *c = CONTAINER_OF(op, struct journal_cursor, op);

    return read_text(db, op, &select, c->source, c->value, sizeof(c->value));
}

void journal_cursor(struct journal *j, struct journal_cursor *c)
{
    journal_start(j, &c->op, run_cursor, NULL, false);
}

static int run_fact_get(struct db *db, struct journal_op *op)
{
    static const struct sql select = {"SELECT value FROM fact WHERE name = ?1"};
    struct journal_fact *f = CONTAINER_OF(op, struct journal_fact, op);

    return read_text(db, op, &select, f->name, f->value, sizeof(f->value));
}

void journal_fact_get(struct journal *j, struct journal_fact *f)
{
    journal_start(j, &f->op, run_fact_get, NULL, false);
}

static int run_fact_set(struct db *db, struct journal_op *op)
{
    static const struct sql upsert = {"INSERT INTO fact (name, value) VALUES (?1, ?2) "
                                      "ON CONFLICT (name) DO UPDATE SET value = excluded.value"};
    static const struct sql remove = {"DELETE FROM fact WHERE name = ?1"};
    struct journal_fact *f = CONTAINER_OF(op, struct journal_fact, op);

    CRASH_POINT(fact_before);
    return f->value[0] != '\0' ? db_run(db, &upsert, "tt", f->name, f->value)
                               : db_run(db, &remove, "t", f->name);
}

void journal_fact_set(struct journal *j, struct journal_fact *f)
{
    journal_start(j, &f->op, run_fact_set, NULL, true);
}
