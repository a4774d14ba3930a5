#include "journal/integrity.h"

#include "base/arena.h"
#include "domain/record.h"
#include "journal/sqlite.h"

#define PAGE_ROWS 500

/* Of a dossier in time: ?2 <= t < ?3, ?3 0 for all. */
#define IN_TIME                                                                                    \
    "(?3 = 0 OR (s.at >= ?2 AND s.at < ?3) OR (f.received >= ?2 AND f.received < ?3) OR "          \
    "(f.finished >= ?2 AND f.finished < ?3) OR (f.returned >= ?2 AND f.returned < ?3))"

static const char *text_of(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return text != NULL ? text : "";
}

struct reading {
    struct db db;
    int (*dossier)(void *ctx, const struct integrity_dossier *d);
    void *ctx;
    bool told; /* the callback ended it */
};

/* Times that the steps came to status 5, in the source's order. */
static int count_rounds(struct db *db, int64_t subject, int *out)
{
    static const struct sql select = {"SELECT status FROM item WHERE subject = ?1 AND kind = 2 "
                                      "ORDER BY at, id"};
    int before = 0;
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "i", subject);

    *out = 0;
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        int status = sqlite3_column_int(stmt, 0);

        *out += status == 5 && before != 5;
        before = status != 0 ? status : before;
    }
    return err;
}

static int take_dossier(struct reading *r, sqlite3_stmt *stmt)
{
    struct integrity_dossier d = {
        .subject = sqlite3_column_int64(stmt, 0),
        .flow = text_of(stmt, 1),
        .code = text_of(stmt, 2),
        .status = sqlite3_column_int(stmt, 3),
        .at_s = sqlite3_column_int64(stmt, 4),
        .procedure = text_of(stmt, 5),
        .channel = sqlite3_column_int(stmt, 6),
        .results = sqlite3_column_int(stmt, 7),
        .moved = sqlite3_column_int(stmt, 8),
        .supplements = sqlite3_column_int(stmt, 9),
        .body = sqlite3_column_blob(stmt, 10),
        .body_len = (size_t)sqlite3_column_bytes(stmt, 10),
    };
    int err = count_rounds(&r->db, d.subject, &d.rounds);

    if (err == 0) {
        err = r->dossier(r->ctx, &d);
        r->told = err != 0;
    }
    return err;
}

/* The rows behind *after; *more: there may be others. */
static int read_page(struct reading *r, int64_t from_s, int64_t until_s, int64_t *after, bool *more)
{
    static const struct sql page = {
        "SELECT s.id, l.name, s.code, s.status, s.at, f.procedure, f.channel, f.results, f.moved, "
        "f.supplements, b.body FROM figure f JOIN subject s ON s.id = f.subject "
        "JOIN flow l ON l.id = s.flow LEFT JOIN body b ON b.item = s.newest_item "
        "WHERE f.subject > ?1 AND " IN_TIME " ORDER BY f.subject LIMIT ?4"};
    int64_t n = 0;
    int err = 0;
    sqlite3_stmt *stmt =
        db_bind(&r->db, &page, &err, "iiii", *after, from_s, until_s, (int64_t)PAGE_ROWS);

    for (err = stmt != NULL ? db_row(&r->db, stmt) : err; err == 1; err = db_row(&r->db, stmt)) {
        *after = sqlite3_column_int64(stmt, 0);
        n++;
        err = take_dossier(r, stmt);
        if (err != 0) {
            db_reset(stmt);
            return err;
        }
    }
    *more = n == PAGE_ROWS;
    return err;
}

int integrity_dossiers(const char *path, int64_t from_s, int64_t until_s,
                       int (*dossier)(void *ctx, const struct integrity_dossier *d), void *ctx,
                       struct errmsg *msg)
{
    struct reading r = {.dossier = dossier, .ctx = ctx};
    int64_t after = 0;
    bool more = true;
    int err = db_open_report(&r.db, path, msg);

    if (err < 0) {
        return err;
    }
    while (more && err == 0) {
        err = read_page(&r, from_s, until_s, &after, &more);
    }
    return db_close_report(&r.db, path, err, !r.told, msg);
}

int integrity_shared(const char *path, int64_t from_s, int64_t until_s,
                     int (*shared)(void *ctx, const char *mark, const char *flow, const char *code,
                                   const char *other),
                     void *ctx, struct errmsg *msg)
{
    /* One dossier in two flows is one dossier. */
    static const struct sql select = {
        "WITH twice AS (SELECT m.mark AS mark, min(s.code) AS first, max(s.code) AS last "
        "FROM result_mark m JOIN subject s ON s.id = m.subject GROUP BY m.mark "
        "HAVING min(s.code) <> max(s.code)) "
        "SELECT lower(hex(t.mark)), min(l.name), s.code, iif(s.code = t.first, t.last, t.first) "
        "FROM twice t JOIN result_mark m ON m.mark = t.mark JOIN subject s ON s.id = m.subject "
        "JOIN flow l ON l.id = s.flow JOIN figure f ON f.subject = s.id "
        "WHERE ?1 = 0 AND " IN_TIME " GROUP BY t.mark, s.code ORDER BY 1, 3"};
    struct db db;
    bool told = false;
    sqlite3_stmt *stmt;
    int err = db_open_report(&db, path, msg);

    if (err < 0) {
        return err;
    }
    stmt = db_bind(&db, &select, &err, "iii", INT64_C(0), from_s, until_s);
    for (err = stmt != NULL ? db_row(&db, stmt) : err; err == 1; err = db_row(&db, stmt)) {
        err = shared(ctx, text_of(stmt, 0), text_of(stmt, 1), text_of(stmt, 2), text_of(stmt, 3));
        if (err != 0) {
            told = true;
            db_reset(stmt);
            break;
        }
    }
    return db_close_report(&db, path, err, !told, msg);
}

int integrity_procedures(const char *path,
                         int (*procedure)(void *ctx, const char *code, const char *body, size_t n),
                         void *ctx, struct errmsg *msg)
{
    static const struct sql select = {
        "SELECT code, body FROM mirror WHERE kind = ?1 ORDER BY code"};
    struct db db;
    bool told = false;
    sqlite3_stmt *stmt;
    int err = db_open_report(&db, path, msg);

    if (err < 0) {
        return err;
    }
    stmt = db_bind(&db, &select, &err, "i", (int64_t)RECORD_PROCEDURE);
    for (err = stmt != NULL ? db_row(&db, stmt) : err; err == 1; err = db_row(&db, stmt)) {
        const char *body = sqlite3_column_blob(stmt, 1);

        err = procedure(ctx, text_of(stmt, 0), body != NULL ? body : "",
                        (size_t)sqlite3_column_bytes(stmt, 1));
        if (err != 0) {
            told = true;
            db_reset(stmt);
            break;
        }
    }
    return db_close_report(&db, path, err, !told, msg);
}
