#include "journal/integrity.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "domain/record.h"
#include "journal/flow_order.h"
#include "journal/sqlite.h"

#define PAGE_ROWS 500
#define MARK_ROWS 2000
#define MARKS_MAX ((size_t)16 << 20)
#define GROUP_BYTES ((size_t)256 << 20) /* dossiers with one mark */

/* Of a dossier in time: ?2 <= t < ?3, ?3 0 for all. */
#define IN_TIME                                                                                    \
    "(?3 = 0 OR (s.at >= ?2 AND s.at < ?3) OR (f.received >= ?2 AND f.received < ?3) OR "          \
    "(f.finished >= ?2 AND f.finished < ?3) OR (f.returned >= ?2 AND f.returned < ?3))"

struct reading {
    struct db db;
    struct flow_order order;
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
        .flow = db_shown(stmt, 1),
        .code = db_shown(stmt, 2),
        .status = sqlite3_column_int(stmt, 3),
        .at_s = sqlite3_column_int64(stmt, 4),
        .procedure = db_shown(stmt, 5),
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
        "WHERE f.subject > ?1 AND " IN_TIME
        " AND " FLOW_ORDER_FIRST("?5") " ORDER BY f.subject LIMIT ?4"};
    int64_t n = 0;
    int err = 0;
    sqlite3_stmt *stmt = db_bind(&r->db, &page, &err, "iiiit", *after, from_s, until_s,
                                 (int64_t)PAGE_ROWS, r->order.ids);

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

int integrity_dossiers(const char *path, const char *const *flows, size_t n_flows, int64_t from_s,
                       int64_t until_s,
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
    err = flow_order_find(&r.db, flows, n_flows, true, &r.order);
    while (more && err == 0) {
        err = read_page(&r, from_s, until_s, &after, &more);
    }
    return db_close_report(&r.db, path, err, !r.told, msg);
}

/* ---- one result in two dossiers ---- */

/* Marks stand by dossier, and an index by mark would cost every append: they are read in pages of
 * the table's own order and sorted here. */
struct mark {
    uint8_t sum[FIGURES_MARK_BYTES];
    int64_t subject;
};

/* A dossier of one mark. */
struct owner {
    const char *code, *flow; /* of the arena */
    bool in_time;
};

struct sharing {
    struct db db;
    int64_t from_s, until_s;
    struct mark *marks;
    size_t n, room;
    struct arena arena; /* of one mark's dossiers */
    int (*shared)(void *ctx, const char *flow, const char *code, const char *other);
    void *ctx;
    bool told; /* the callback ended it */
};

/* ---- all marks ---- */

static int no_memory(struct sharing *s)
{
    return err_set(&s->db.why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

static int keep_mark(struct sharing *s, sqlite3_stmt *stmt)
{
    if (s->n == s->room) {
        size_t room = s->room == 0 ? 4096 : 2 * s->room;
        struct mark *more = room <= MARKS_MAX ? realloc(s->marks, room * sizeof(*more)) : NULL;

        if (room > MARKS_MAX) {
            return err_set(&s->db.why, ERR_TOOBIG, "more results than can be compared");
        }
        if (more == NULL) {
            return no_memory(s);
        }
        s->marks = more;
        s->room = room;
    }
    memcpy(s->marks[s->n].sum, sqlite3_column_blob(stmt, 1), FIGURES_MARK_BYTES);
    s->marks[s->n++].subject = sqlite3_column_int64(stmt, 0);
    return 0;
}

/* The marks behind the last one that is kept, of dossiers: who has no figure is none. */
static int read_marks(struct sharing *s, bool *more)
{
    static const struct sql page = {
        "SELECT subject, mark FROM result_mark WHERE (subject, mark) > (?1, ?2) "
        "AND length(mark) = ?3 AND EXISTS (SELECT 1 FROM figure f WHERE f.subject = "
        "result_mark.subject) ORDER BY subject, mark LIMIT ?4"};
    const struct mark last = s->n > 0 ? s->marks[s->n - 1] : (struct mark){.subject = 0};
    size_t before = s->n;
    int err = 0;
    sqlite3_stmt *stmt = db_bind(&s->db, &page, &err, "ibii", last.subject, last.sum,
                                 sizeof(last.sum), (int64_t)sizeof(last.sum), (int64_t)MARK_ROWS);

    for (err = stmt != NULL ? db_row(&s->db, stmt) : err; err == 1; err = db_row(&s->db, stmt)) {
        err = keep_mark(s, stmt);
        if (err != 0) {
            db_reset(stmt);
            return err;
        }
    }
    *more = s->n == before + MARK_ROWS;
    return err;
}

static int by_mark(const void *a, const void *b)
{
    return memcmp(((const struct mark *)a)->sum, ((const struct mark *)b)->sum, FIGURES_MARK_BYTES);
}

/* ---- one mark ---- */

static int by_code(const void *a, const void *b)
{
    const struct owner *x = a;
    const struct owner *y = b;
    int order = strcmp(x->code, y->code);

    return order != 0 ? order : strcmp(x->flow, y->flow);
}

/* Whose it is; one who has gone meanwhile is left out. */
static int find_owner(struct sharing *s, int64_t subject, struct owner *owners, size_t *n)
{
    static const struct sql select = {"SELECT s.code, l.name, " IN_TIME
                                      " FROM subject s JOIN flow l ON l.id = s.flow "
                                      "JOIN figure f ON f.subject = s.id "
                                      "WHERE s.id = ?1"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(&s->db, &select, &err, "iii", subject, s->from_s, s->until_s);

    for (err = stmt != NULL ? db_row(&s->db, stmt) : err; err == 1; err = db_row(&s->db, stmt)) {
        struct owner *o = &owners[*n];

        *o = (struct owner){db_text(&s->arena, stmt, 0), db_text(&s->arena, stmt, 1),
                            sqlite3_column_int(stmt, 2) != 0};
        if (o->code == NULL || o->flow == NULL) {
            db_reset(stmt);
            return no_memory(s);
        }
        (*n)++;
    }
    return err;
}

/* Each code once: one dossier in two flows is one dossier. */
static int tell(struct sharing *s, const struct owner *owners, size_t n)
{
    const char *first = owners[0].code;
    const char *last = owners[n - 1].code;
    const char *told = "";
    int err = 0;

    for (size_t i = 0; i < n && err == 0 && strcmp(first, last) != 0; i++) {
        const char *code = owners[i].code;

        if (owners[i].in_time && strcmp(code, told) != 0) {
            told = code;
            err = s->shared(s->ctx, owners[i].flow, code, strcmp(code, first) == 0 ? last : first);
            s->told = err != 0;
        }
    }
    return err;
}

static int judge_mark(struct sharing *s, const struct mark *marks, size_t n)
{
    struct owner *owners;
    size_t n_owners = 0;
    int err = 0;

    arena_free(&s->arena);
    arena_init(&s->arena, GROUP_BYTES);
    owners = arena_alloc(&s->arena, n * sizeof(*owners));
    if (owners == NULL) {
        return no_memory(s);
    }
    for (size_t i = 0; i < n && err == 0; i++) {
        err = find_owner(s, marks[i].subject, owners, &n_owners);
    }
    if (err != 0 || n_owners == 0) {
        return err;
    }
    qsort(owners, n_owners, sizeof(*owners), by_code);
    return tell(s, owners, n_owners);
}

static int judge_marks(struct sharing *s)
{
    int err = 0;

    for (size_t i = 0, n = 1; i < s->n && err == 0; i += n) {
        n = 1;
        while (i + n < s->n && by_mark(&s->marks[i], &s->marks[i + n]) == 0) {
            n++;
        }
        err = n > 1 ? judge_mark(s, &s->marks[i], n) : 0;
    }
    return err;
}

int integrity_shared(const char *path, int64_t from_s, int64_t until_s,
                     int (*shared)(void *ctx, const char *flow, const char *code,
                                   const char *other),
                     void *ctx, struct errmsg *msg)
{
    struct sharing s = {.from_s = from_s, .until_s = until_s, .shared = shared, .ctx = ctx};
    bool more = true;
    int err = db_open_report(&s.db, path, msg);

    if (err < 0) {
        return err;
    }
    arena_init(&s.arena, GROUP_BYTES);
    while (more && err == 0) {
        err = read_marks(&s, &more);
    }
    if (err == 0 && s.n > 1) {
        qsort(s.marks, s.n, sizeof(*s.marks), by_mark);
        err = judge_marks(&s);
    }
    free(s.marks);
    arena_free(&s.arena);
    return db_close_report(&s.db, path, err, !s.told, msg);
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

        err = procedure(ctx, db_shown(stmt, 0), body != NULL ? body : "",
                        (size_t)sqlite3_column_bytes(stmt, 1));
        if (err != 0) {
            told = true;
            db_reset(stmt);
            break;
        }
    }
    return db_close_report(&db, path, err, !told, msg);
}
