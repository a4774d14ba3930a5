#include "journal/catalog_book.h"

#include <stdio.h>
#include <string.h>

#include "journal/sqlite.h"

#define PAGE_ROWS 200

static const char *body_of(sqlite3_stmt *stmt, int column, size_t *len)
{
    const char *body = sqlite3_column_blob(stmt, column);

    *len = (size_t)sqlite3_column_bytes(stmt, column);
    return *len > 0 ? body : NULL;
}

int catalog_book_times(const char *path, struct book_times *out, struct errmsg *msg)
{
    static const struct sql select = {"SELECT CAST(value AS INTEGER) FROM fact WHERE name = ?1"};
    const struct {
        const char *name;
        uint64_t *into;
    } facts[] = {{"catalog-read-3", &out->portal_ms},
                 {"catalog-read-4", &out->services_ms},
                 {"catalog-local-read", &out->local_ms}};
    struct db db;
    int err = db_open_report(&db, path, msg);

    memset(out, 0, sizeof(*out));
    if (err < 0) {
        return err;
    }
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]) && err >= 0; i++) {
        int64_t at = 0;

        err = db_integer(&db, &select, &at, "t", facts[i].name);
        *facts[i].into = (uint64_t)at;
    }
    return db_close_report(&db, path, err < 0 ? err : 0, true, msg);
}

/* ---- procedures ---- */

static void read_row(sqlite3_stmt *stmt, struct book_row *row)
{
    memset(row, 0, sizeof(*row));
    row->code = db_shown(stmt, 0);
    row->portal.there = sqlite3_column_type(stmt, 1) != SQLITE_NULL;
    row->portal.open = sqlite3_column_int(stmt, 1) != 0;
    row->portal.name = db_shown(stmt, 2);
    row->portal.body = body_of(stmt, 3, &row->portal.body_len);
    row->portal.first_ms = (uint64_t)sqlite3_column_int64(stmt, 4);
    row->portal.changed_ms = (uint64_t)sqlite3_column_int64(stmt, 5);
    row->local.there = sqlite3_column_type(stmt, 6) != SQLITE_NULL;
    row->local.open = sqlite3_column_int(stmt, 6) != 0;
    row->local.name = db_shown(stmt, 7);
    row->local.body = body_of(stmt, 8, &row->local.body_len);
    row->local.level = row->local.there ? sqlite3_column_int(stmt, 9) : -1;
    row->local.processes = row->local.there ? sqlite3_column_int(stmt, 10) : -1;
    row->local.eforms = row->local.there ? sqlite3_column_int(stmt, 11) : -1;
    row->equal_digest = sqlite3_column_int(stmt, 12) != 0;
    row->on_its_way = sqlite3_column_type(stmt, 13) != SQLITE_NULL;
    row->held = sqlite3_column_int(stmt, 13) == ITEM_HELD;
}

int catalog_book_rows(const char *path, int (*row)(void *ctx, const struct book_row *row),
                      void *ctx, struct errmsg *msg)
{
    static const struct sql page = {
        "SELECT c.code, m.active, m.name, m.body, m.first_ms, m.changed_ms, l.active, l.name, "
        "l.body, l.level, l.processes, l.eforms, ifnull(m.local_hash, m.hash) = l.hash, "
        "(SELECT max(i.state) FROM subject s JOIN item i ON i.subject = s.id AND i.state < 4 "
        "WHERE s.code = c.code) FROM (SELECT code FROM mirror WHERE kind = 3 AND code > ?1 UNION "
        "SELECT code FROM local_catalog WHERE code > ?1 ORDER BY code LIMIT ?2) c "
        "LEFT JOIN mirror m ON m.kind = 3 AND m.code = c.code "
        "LEFT JOIN local_catalog l ON l.code = c.code ORDER BY c.code"};
    char after[256] = "";
    size_t n = PAGE_ROWS;
    struct db db;
    int told = 0;
    int err = db_open_report(&db, path, msg);

    if (err < 0) {
        return err;
    }
    while (err >= 0 && told == 0 && n == PAGE_ROWS) {
        sqlite3_stmt *stmt = db_bind(&db, &page, &err, "ti", after, (int64_t)PAGE_ROWS);

        n = 0;
        for (err = stmt != NULL ? db_row(&db, stmt) : err; err == 1; err = db_row(&db, stmt)) {
            struct book_row found;

            n++;
            read_row(stmt, &found);
            told = row(ctx, &found);
            (void)snprintf(after, sizeof(after), "%s", found.code);
            if (told != 0) {
                db_reset(stmt);
                break;
            }
        }
    }
    return db_close_report(&db, path, told != 0 ? told : err, told == 0, msg);
}

/* ---- other records ---- */

int catalog_book_records(const char *path, enum record_kind kind,
                         int (*row)(void *ctx, const struct book_record *row), void *ctx,
                         struct errmsg *msg)
{
    static const struct sql all = {
        "SELECT code, name, body FROM mirror WHERE kind = ?1 AND active = 1 ORDER BY "
        "iif(json_valid(CAST(body AS TEXT)), json_extract(CAST(body AS TEXT), '$.parent'), ''), "
        "code"};
    sqlite3_stmt *stmt;
    struct db db;
    int told = 0;
    int err = db_open_report(&db, path, msg);

    if (err < 0) {
        return err;
    }
    stmt = db_bind(&db, &all, &err, "i", (int64_t)kind);
    for (err = stmt != NULL ? db_row(&db, stmt) : err; err == 1; err = db_row(&db, stmt)) {
        struct book_record found = {.code = db_shown(stmt, 0), .name = db_shown(stmt, 1)};

        found.body = body_of(stmt, 2, &found.body_len);
        told = row(ctx, &found);
        if (told != 0) {
            db_reset(stmt);
            break;
        }
    }
    return db_close_report(&db, path, told != 0 ? told : err, told == 0, msg);
}

/* ---- history ---- */

int catalog_book_changes(const char *path, uint64_t since_ms, const char *code,
                         int (*row)(void *ctx, const struct book_change *row), void *ctx,
                         struct errmsg *msg)
{
    static const struct sql all = {
        "SELECT c.at_ms, c.side, c.kind, c.what, c.code, ifnull(m.name, ifnull(l.name, '')), "
        "c.fields FROM (SELECT at_ms, side, kind, what, code, fields, id FROM catalog_change "
        "UNION ALL SELECT first_ms, 1, kind, 2, code, '', 0 FROM mirror x WHERE kind IN (3, 4) "
        /* what the first reading of all found was not new then */
        "AND (?2 IS NOT NULL OR first_ms > (SELECT min(first_ms) FROM mirror y "
        "WHERE y.kind = x.kind))) c "
        "LEFT JOIN mirror m ON m.kind = c.kind AND m.code = c.code "
        "LEFT JOIN local_catalog l ON l.code = c.code AND c.kind = 3 WHERE c.at_ms >= ?1 "
        "AND (?2 IS NULL OR c.code = ?2 OR (c.kind = 4 AND c.code LIKE ?2 || '.%')) "
        "ORDER BY c.at_ms, c.side, c.kind, c.code, c.id"};
    sqlite3_stmt *stmt;
    struct db db;
    int told = 0;
    int err = db_open_report(&db, path, msg);

    if (err < 0) {
        return err;
    }
    stmt = db_bind(&db, &all, &err, "it", (int64_t)since_ms, code);
    for (err = stmt != NULL ? db_row(&db, stmt) : err; err == 1; err = db_row(&db, stmt)) {
        const struct book_change found = {
            .at_ms = (uint64_t)sqlite3_column_int64(stmt, 0),
            .side = (enum book_side)sqlite3_column_int(stmt, 1),
            .kind = (enum record_kind)sqlite3_column_int(stmt, 2),
            .what = (enum book_what)sqlite3_column_int(stmt, 3),
            .code = db_shown(stmt, 4),
            .name = db_shown(stmt, 5),
            .fields = db_shown(stmt, 6),
        };

        told = row(ctx, &found);
        if (told != 0) {
            db_reset(stmt);
            break;
        }
    }
    return db_close_report(&db, path, told != 0 ? told : err, told == 0, msg);
}
