#include "journal/dossiers.h"

#include "base/arena.h"
#include "journal/sqlite.h"

#define PAGE_ROWS 100
#define STEPS_BYTES ((size_t)64 << 20) /* with their bodies */

struct reading {
    struct db db;
    int (*row)(void *ctx, const struct dossiers_row *r);
    void *ctx;
    bool told; /* the callback ended it */
};

/* Columns from first on: state, status, at, flags, body. */
static struct dossiers_item item_of(sqlite3_stmt *stmt, int first)
{
    return (struct dossiers_item){
        .state = (enum item_state)sqlite3_column_int(stmt, first),
        .status = sqlite3_column_int(stmt, first + 1),
        .at_s = sqlite3_column_int64(stmt, first + 2),
        .consented = (sqlite3_column_int(stmt, first + 3) & ITEM_FLAG_CONSENTED) != 0,
        .body = sqlite3_column_blob(stmt, first + 4),
        .body_len = (size_t)sqlite3_column_bytes(stmt, first + 4),
    };
}

static int keep_step(struct arena *a, sqlite3_stmt *stmt, struct dossiers_item *step)
{
    char *copy;

    *step = item_of(stmt, 0);
    if (step->body == NULL) {
        return 0;
    }
    copy = arena_strndup(a, step->body, step->body_len);
    step->body = copy;
    return copy != NULL ? 0 : a->full ? ERR_TOOBIG : ERR_NOMEM;
}

static int read_steps(struct db *db, int64_t subject, struct arena *a, struct dossiers_row *r)
{
    static const struct sql select = {
        "SELECT i.state, i.status, i.at, i.flags, b.body FROM item i LEFT JOIN body b "
        "ON b.item = i.id WHERE i.subject = ?1 AND i.kind = 2 ORDER BY i.at, i.id LIMIT ?2"};
    struct dossiers_item *steps = arena_alloc(a, DOSSIERS_STEPS_MAX * sizeof(*steps));
    int err = 0;
    sqlite3_stmt *stmt;

    if (steps == NULL) {
        return ERR_NOMEM;
    }
    r->steps = steps;
    stmt = db_bind(db, &select, &err, "ii", subject, (int64_t)DOSSIERS_STEPS_MAX + 1);
    for (err = stmt != NULL ? db_row(db, stmt) : err; err == 1; err = db_row(db, stmt)) {
        err =
            r->n_steps == DOSSIERS_STEPS_MAX ? ERR_TOOBIG : keep_step(a, stmt, &steps[r->n_steps]);
        if (err != 0) {
            db_reset(stmt);
            return err_set(&db->why, err, "the steps of a dossier: %s", err_text(err));
        }
        r->n_steps++;
    }
    return err;
}

static int take_row(struct reading *r, sqlite3_stmt *stmt)
{
    struct dossiers_row row = {
        .flow = db_column(stmt, 1), .code = db_column(stmt, 2), .snapshot = item_of(stmt, 3)};
    struct arena arena;
    int err;

    arena_init(&arena, STEPS_BYTES);
    err = row.flow != NULL && row.code != NULL
              ? read_steps(&r->db, sqlite3_column_int64(stmt, 0), &arena, &row)
              : ERR_NOMEM;
    if (err == 0) {
        err = r->row(r->ctx, &row);
        r->told = err != 0;
    }
    arena_free(&arena);
    return err;
}

/* The rows behind *after; *more: there may be others. */
static int read_page(struct reading *r, int64_t *after, bool *more)
{
    static const struct sql page = {
        "SELECT s.id, l.name, s.code, i.state, i.status, i.at, i.flags, b.body FROM subject s "
        "JOIN flow l ON l.id = s.flow JOIN item i ON i.id = s.newest_item "
        "LEFT JOIN body b ON b.item = i.id WHERE s.id > ?1 ORDER BY s.id LIMIT ?2"};
    int64_t n = 0;
    int err = 0;
    sqlite3_stmt *stmt = db_bind(&r->db, &page, &err, "ii", *after, (int64_t)PAGE_ROWS);

    for (err = stmt != NULL ? db_row(&r->db, stmt) : err; err == 1; err = db_row(&r->db, stmt)) {
        *after = sqlite3_column_int64(stmt, 0);
        n++;
        err = take_row(r, stmt);
        if (err != 0) {
            db_reset(stmt);
            return err;
        }
    }
    *more = n == PAGE_ROWS;
    return err;
}

int dossiers_read(const char *path, int (*row)(void *ctx, const struct dossiers_row *r), void *ctx,
                  struct errmsg *msg)
{
    struct reading r = {.row = row, .ctx = ctx};
    int64_t after = 0;
    bool more = true;
    int err = db_open_report(&r.db, path, msg);

    if (err < 0) {
        return err;
    }
    while (more && err == 0) {
        err = read_page(&r, &after, &more);
    }
    return db_close_report(&r.db, path, err, !r.told, msg);
}
