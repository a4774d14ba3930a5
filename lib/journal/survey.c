#include "journal/survey.h"

#include "journal/sqlite.h"

/* Runs a query on a connection of its own and hands each row to `row`. */
static int visit(const char *path, const struct sql *sql, int64_t argument,
                 int (*row)(void *ctx, sqlite3_stmt *stmt), void *ctx, struct errmsg *msg)
{
    sqlite3_stmt *stmt;
    struct db db;
    int err = db_open_reader(&db, path, msg);

    if (err < 0) {
        return err;
    }
    stmt = db_bind(&db, sql, &err, "i", argument);
    if (stmt != NULL) {
        for (err = db_row(&db, stmt); err == 1; err = db_row(&db, stmt)) {
            int told = row(ctx, stmt);

            if (told != 0) {
                db_reset(stmt);
                db_close(&db);
                return told; /* the caller's own; it has its words */
            }
        }
    }
    if (err < 0) {
        err = err_set(msg, err, "journal %s: %s", path, db.why.text);
    }
    db_close(&db);
    return err;
}

struct item_visit {
    int (*item)(void *ctx, const struct survey_item *item);
    void *ctx;
};

static int item_row(void *ctx, sqlite3_stmt *stmt)
{
    const struct item_visit *v = ctx;
    const struct survey_item item = {
        .flow = db_shown(stmt, 0),
        .code = db_shown(stmt, 1),
        .kind = (enum item_kind)sqlite3_column_int(stmt, 2),
        .state = (enum item_state)sqlite3_column_int(stmt, 3),
        .hold = (enum hold_why)sqlite3_column_int(stmt, 4),
        .body = sqlite3_column_blob(stmt, 5),
        .body_len = (size_t)sqlite3_column_bytes(stmt, 5),
    };

    return v->item(v->ctx, &item);
}

int survey_items(const char *path, int (*item)(void *ctx, const struct survey_item *item),
                 void *ctx, struct errmsg *msg)
{
    static const struct sql all = {
        "SELECT flow.name, subject.code, item.kind, item.state, item.hold, body.body FROM body "
        "JOIN item ON item.id = body.item JOIN subject ON subject.id = item.subject "
        "JOIN flow ON flow.id = subject.flow WHERE body.item > ?1 ORDER BY body.item"};
    struct item_visit v = {item, ctx};

    return visit(path, &all, 0, item_row, &v, msg);
}

struct mirror_visit {
    int (*row)(void *ctx, const char *code, const char *name);
    void *ctx;
};

static int mirror_row(void *ctx, sqlite3_stmt *stmt)
{
    const struct mirror_visit *v = ctx;

    return v->row(v->ctx, db_shown(stmt, 0), db_shown(stmt, 1));
}

int survey_mirror(const char *path, enum record_kind kind,
                  int (*row)(void *ctx, const char *code, const char *name), void *ctx,
                  struct errmsg *msg)
{
    static const struct sql active = {
        "SELECT code, name FROM mirror WHERE kind = ?1 AND active = 1 ORDER BY code"};
    struct mirror_visit v = {row, ctx};

    return visit(path, &active, (int64_t)kind, mirror_row, &v, msg);
}
