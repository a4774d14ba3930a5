#include "journal/lag.h"

#include "journal/sqlite.h"

#define PAGE_SUBJECTS 5000 /* ids of one read transaction */

static int read_page(struct db *db, int64_t after, uint64_t since_ms,
                     int (*item)(void *ctx, const struct lag_item *item), void *ctx, int *told)
{
    static const struct sql select = {
        "SELECT s.id, f.name, ifnull(g.agency, ''), i.kind, i.at, i.created_ms, i.changed_ms "
        "FROM subject s CROSS JOIN item i INDEXED BY item_subject ON i.subject = s.id "
        "JOIN flow f ON f.id = s.flow LEFT JOIN figure g ON g.subject = s.id "
        "WHERE s.id > ?1 AND s.id <= ?2 AND i.state = ?3 AND i.created_ms >= ?4 "
        "ORDER BY s.id, i.id"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "iiii", after, after + PAGE_SUBJECTS,
                                 (int64_t)ITEM_DONE, (int64_t)since_ms);

    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        const struct lag_item it = {
            .subject = sqlite3_column_int64(stmt, 0),
            .flow = db_column(stmt, 1),
            .agency = db_column(stmt, 2),
            .kind = (enum item_kind)sqlite3_column_int(stmt, 3),
            .source_s = sqlite3_column_int64(stmt, 4),
            .stored_ms = (uint64_t)sqlite3_column_int64(stmt, 5),
            .delivered_ms = (uint64_t)sqlite3_column_int64(stmt, 6),
        };

        if (it.flow == NULL || it.agency == NULL) {
            err = db_error(db, SQLITE_NOMEM, "a row");
        } else {
            *told = item(ctx, &it);
        }
        if (err < 0 || *told != 0) {
            db_reset(stmt);
            break;
        }
    }
    return err < 0 ? err : 0;
}

int lag_items(const char *path, uint64_t since_ms,
              int (*item)(void *ctx, const struct lag_item *item), void *ctx, struct errmsg *msg)
{
    static const struct sql newest = {"SELECT ifnull(max(id), 0) FROM subject"};
    struct db db;
    int64_t last = 0;
    int told = 0;
    int err = db_open_report(&db, path, msg);

    if (err < 0) {
        return err;
    }
    err = db_integer(&db, &newest, &last, "");
    for (int64_t after = 0; err >= 0 && told == 0 && after < last; after += PAGE_SUBJECTS) {
        err = read_page(&db, after, since_ms, item, ctx, &told);
    }
    return db_close_report(&db, path, told != 0 ? told : (err < 0 ? err : 0), told == 0, msg);
}
