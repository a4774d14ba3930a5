#include "journal/month_rows.h"

#include <stdlib.h>
#include <string.h>

#include "journal/flow_order.h"
#include "journal/restore.h"
#include "journal/sqlite.h"

#define PAGE_ROWS 20000
#define ITEMS_MAX 4096 /* of one dossier; the oldest count */

struct page {
    struct db db;
    const struct month_reader *reader;
    struct flow_order order;
    const char *names[DB_MAX_FLOWS + 1]; /* the reader's */
    uint64_t restored_ms;                /* the latest restore, 0 none */
    struct month_item items[ITEMS_MAX];
    int64_t last;
    size_t n;
};

static int find_flows(struct page *p)
{
    static const struct sql select = {"SELECT id FROM flow WHERE name = ?1"};

    for (size_t i = 0; i < p->reader->n_flows; i++) {
        int64_t id = 0;
        int err = db_integer(&p->db, &select, &id, "t", p->reader->flows[i]);

        if (err < 0) {
            return err;
        }
        if (id > 0 && id <= DB_MAX_FLOWS) {
            p->names[id] = p->reader->flows[i];
        }
    }
    return flow_order_find(&p->db, p->reader->flows, p->reader->n_flows, false, &p->order);
}

static int find_restore(struct page *p)
{
    struct journal_restored restored;
    int err = restore_noted(&p->db, &restored);

    p->restored_ms = restored.at_ms;
    return err;
}

/* Nearly in order as they come: by insertion. */
static void put_item(struct page *p, size_t n, const struct month_item *item)
{
    for (; n > 0 && p->items[n - 1].at_s > item->at_s; n--) {
        p->items[n] = p->items[n - 1];
    }
    p->items[n] = *item;
}

static int read_items(struct page *p, int64_t subject, struct month_dossier *d)
{
    static const struct sql select = {"SELECT kind, state, status, at, changed_ms, created_ms "
                                      "FROM item "
                                      "WHERE subject = ?1 ORDER BY id LIMIT ?2"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(&p->db, &select, &err, "ii", subject, (int64_t)ITEMS_MAX);

    if (stmt == NULL) {
        return err;
    }
    d->n_items = 0;
    for (err = db_row(&p->db, stmt); err == 1; err = db_row(&p->db, stmt)) {
        struct month_item item = {
            .kind = (enum item_kind)sqlite3_column_int(stmt, 0),
            .state = (enum item_state)sqlite3_column_int(stmt, 1),
            .status = sqlite3_column_int(stmt, 2),
            .at_s = sqlite3_column_int64(stmt, 3),
            .changed_ms = sqlite3_column_int64(stmt, 4),
            .stored_ms = sqlite3_column_int64(stmt, 5),
        };

        item.again = p->restored_ms != 0 && item.changed_ms >= (int64_t)p->restored_ms &&
                     restore_doubts(&p->db, item.at_s);
        put_item(p, d->n_items++, &item);
    }
    d->items = p->items;
    return err;
}

/* A callback's own error is positive here, so that it is told from SQLite's. */
static int take_dossier(struct page *p, sqlite3_stmt *stmt, int *told)
{
    int64_t flow = sqlite3_column_int64(stmt, 1);
    struct month_dossier d = {
        .status = sqlite3_column_int(stmt, 2),
        .promised_s = sqlite3_column_int64(stmt, 3),
        .figures = {.procedure = db_shown(stmt, 4),
                    .sector = db_shown(stmt, 5),
                    .agency = db_shown(stmt, 6),
                    .channel = sqlite3_column_int(stmt, 7),
                    .submitted_s = sqlite3_column_int64(stmt, 8),
                    .received_s = sqlite3_column_int64(stmt, 9),
                    .finished_s = sqlite3_column_int64(stmt, 10),
                    .returned_s = sqlite3_column_int64(stmt, 11),
                    .refused_s = sqlite3_column_int64(stmt, 12)},
        .first_promised_s = sqlite3_column_int64(stmt, 13),
        .moved = sqlite3_column_int(stmt, 14),
    };
    int err = 0;

    p->last = sqlite3_column_int64(stmt, 0);
    p->n++;
    d.flow = p->names[flow]; /* one of the order's */
    if (month_needs_items(&p->reader->month, &d)) {
        err = read_items(p, p->last, &d);
    }
    *told = err == 0 ? p->reader->dossier(p->reader->ctx, &d) : 0;
    return err;
}

/* What is over before the month, and not of the year, is left out here already. */
static int read_page(struct page *p, int *told)
{
    static const struct sql select = {
        "SELECT f.subject, s.flow, s.status, s.promised, f.procedure, f.sector, f.agency, "
        "f.channel, f.submitted, f.received, f.finished, f.returned, f.refused, "
        "f.first_promised, f.moved FROM figure f JOIN subject s ON s.id = f.subject "
        "WHERE f.subject > ?1 AND (f.received >= ?2 OR (s.status < 8 AND s.status <> 3) OR "
        "max(f.finished, f.returned, f.refused) >= ?3 OR "
        "max(f.finished, f.returned, f.refused) = 0) AND " FLOW_ORDER_FIRST(
            "?5") " ORDER BY f.subject LIMIT ?4"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(&p->db, &select, &err, "iiiit", p->last, p->reader->month.year_s,
                                 p->reader->month.from_s, (int64_t)PAGE_ROWS, p->order.ids);

    if (stmt == NULL) {
        return err;
    }
    p->n = 0;
    for (err = db_row(&p->db, stmt); err == 1; err = db_row(&p->db, stmt)) {
        err = take_dossier(p, stmt, told);
        if (err < 0 || *told != 0) {
            db_reset(stmt);
            return err;
        }
    }
    return err;
}

int month_rows_read(const struct month_reader *r, struct errmsg *msg)
{
    struct page *p = calloc(1, sizeof(*p));
    int told = 0;
    int err;

    if (p == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    p->reader = r;
    err = db_open_report(&p->db, r->path, msg);
    if (err < 0) {
        free(p);
        return err;
    }
    err = find_flows(p);
    err = err == 0 ? find_restore(p) : err;
    for (p->n = PAGE_ROWS; p->n == PAGE_ROWS && err == 0 && told == 0;) {
        err = read_page(p, &told);
    }
    if (err < 0) {
        err = err_set(msg, err, "journal %s: %s", r->path, p->db.why.text);
    }
    db_close(&p->db);
    free(p);
    return told != 0 ? told : err;
}

int month_rows_begin(const char *path, const char *const *flows, size_t n_flows,
                     struct month_begin *out, struct errmsg *msg)
{
    static const struct sql first = {"SELECT created_ms / 1000 FROM item ORDER BY id LIMIT 1"};
    static const struct sql select = {
        "SELECT min(iif(f.received > 0, f.received, NULL)), count(*) - count(f.subject) "
        "FROM subject s LEFT JOIN figure f ON f.subject = s.id "
        "WHERE " FLOW_ORDER_PLACE("s.flow", "?1") " > 0"};
    struct flow_order order;
    struct db db;
    sqlite3_stmt *stmt;
    int err = db_open_report(&db, path, msg);

    memset(out, 0, sizeof(*out));
    if (err < 0) {
        return err;
    }
    err = db_integer(&db, &first, &out->began_s, "");
    err = err < 0 ? err : flow_order_find(&db, flows, n_flows, false, &order);
    stmt = err == 0 ? db_bind(&db, &select, &err, "t", order.ids) : NULL;
    if (stmt != NULL) {
        err = db_row(&db, stmt);
        out->received_s = err == 1 ? sqlite3_column_int64(stmt, 0) : 0;
        out->bare = err == 1 ? sqlite3_column_int64(stmt, 1) : 0;
        db_reset(stmt);
    }
    return db_close_report(&db, path, err < 0 ? err : 0, true, msg);
}

int month_rows_mirror(const char *path, enum record_kind kind,
                      int (*row)(void *ctx, const struct month_row *row), void *ctx,
                      struct errmsg *msg)
{
    static const struct sql select = {
        "SELECT code, name, json_extract(text, iif(kind = 3, '$.sector_code', '$.parent')), "
        "json_extract(text, '$.extra'), json_extract(text, '$.level') FROM (SELECT kind, code, "
        "name, iif(json_valid(CAST(body AS TEXT)), CAST(body AS TEXT), '{}') AS text FROM mirror "
        "WHERE kind = ?1 AND active = 1) ORDER BY code"};
    struct db db;
    sqlite3_stmt *stmt;
    int told = 0;
    int err = db_open_report(&db, path, msg);

    if (err < 0) {
        return err;
    }
    stmt = db_bind(&db, &select, &err, "i", (int64_t)kind);
    if (stmt != NULL) {
        for (err = db_row(&db, stmt); err == 1 && told == 0; err = db_row(&db, stmt)) {
            const struct month_row found = {.code = db_shown(stmt, 0),
                                            .name = db_shown(stmt, 1),
                                            .parent = db_shown(stmt, 2),
                                            .extra = db_shown(stmt, 3),
                                            .level = sqlite3_column_int(stmt, 4)};

            told = row(ctx, &found);
        }
        db_reset(stmt);
    }
    if (err < 0) {
        err = err_set(msg, err, "journal %s: %s", path, db.why.text);
    }
    db_close(&db);
    return told != 0 ? told : err < 0 ? err : 0;
}
