#include "journal/catalog_change.h"

#include "journal/catalog_book.h"

#define INSERT "INSERT INTO catalog_change (at_ms, side, kind, code, what, fields) "

/* The conditions are those of mirror.c's steps of a swap; ?1 the kind, ?2 the time, ?3 what. */
static const struct {
    struct sql sql;
    enum book_what what;
} swap_changes[] = {
    {{INSERT "SELECT ?2, 1, m.kind, m.code, ?3, " CATALOG_FIELDS(
         "m.body", "t.body") " FROM stage t JOIN mirror m ON m.kind = t.kind AND m.code = t.code "
                             "WHERE t.kind = ?1 "
                             "AND t.hash IS NOT NULL AND t.hash <> m.hash"},
     BOOK_CHANGED},
    {{INSERT "SELECT ?2, 1, m.kind, m.code, ?3, 'name (of the list)' FROM stage t JOIN mirror m ON "
             "m.kind = t.kind AND m.code = t.code WHERE t.kind = ?1 AND t.hash = m.hash "
             "AND t.name <> m.name"},
     BOOK_CHANGED},
    {{INSERT "SELECT ?2, 1, m.kind, m.code, ?3, '' FROM mirror m LEFT JOIN stage t "
             "ON t.kind = m.kind AND t.code = m.code WHERE m.kind = ?1 AND m.active = 1 "
             "AND iif(t.code IS NULL, m.missing = 1, t.active = 0)"},
     BOOK_CLOSED},
    {{INSERT "SELECT ?2, 1, m.kind, m.code, ?3, '' FROM mirror m JOIN stage t "
             "ON t.kind = m.kind AND t.code = m.code WHERE m.kind = ?1 AND m.active = 0 "
             "AND t.active = 1 AND (t.hash IS NOT NULL OR m.missing >= 2)"},
     BOOK_OPENED},
};

/* Sectors and agencies have no history of their own: procedures name them. */
int catalog_change_swap(struct db *db, enum record_kind kind, uint64_t now_ms)
{
    int err = 0;

    if (kind != RECORD_PROCEDURE && kind != RECORD_SERVICE) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(swap_changes) / sizeof(swap_changes[0]) && err == 0; i++) {
        err = db_run(db, &swap_changes[i].sql, "iii", (int64_t)kind, (int64_t)now_ms,
                     (int64_t)swap_changes[i].what);
    }
    return err == 0 ? catalog_change_trim(db) : err;
}

int catalog_change_local(struct db *db, const struct catalog_change_row *row, uint64_t now_ms)
{
    static const struct sql changed = {INSERT "SELECT ?1, 2, 3, l.code, ?5, " CATALOG_FIELDS(
        "l.body",
        "?4") " FROM local_catalog l WHERE l.code = ?2 AND l.hash <> ?3 AND l.body IS NOT NULL"};
    static const struct sql switched = {
        INSERT "SELECT ?1, 2, 3, l.code, iif(?3, 4, 3), '' FROM local_catalog l "
               "WHERE l.code = ?2 AND l.active <> ?3"};
    static const struct sql added = {
        INSERT "SELECT ?1, 2, 3, ?2, ?3, '' WHERE EXISTS (SELECT 1 FROM local_catalog "
               "WHERE read_ms < ?1) AND NOT EXISTS (SELECT 1 FROM local_catalog WHERE code = ?2)"};
    int err = db_run(db, &changed, "itbbi", (int64_t)now_ms, row->code, row->hash, (size_t)32,
                     (const void *)row->body, row->body_len, (int64_t)BOOK_CHANGED);

    if (err == 0) {
        err = db_run(db, &switched, "iti", (int64_t)now_ms, row->code, (int64_t)row->active);
    }
    if (err == 0) {
        err = db_run(db, &added, "iti", (int64_t)now_ms, row->code, (int64_t)BOOK_ADDED);
    }
    return err;
}

int catalog_change_removed(struct db *db, uint64_t now_ms)
{
    static const struct sql removed = {
        INSERT "SELECT ?1, 2, 3, code, ?2, '' FROM local_catalog WHERE read_ms <> ?1"};

    return db_run(db, &removed, "ii", (int64_t)now_ms, (int64_t)BOOK_REMOVED);
}

int catalog_change_trim(struct db *db)
{
    static const struct sql trim = {
        "DELETE FROM catalog_change WHERE id <= (SELECT max(id) FROM catalog_change) - ?1"};

    return db_run(db, &trim, "i", (int64_t)CATALOG_CHANGES_MAX);
}
