#include "journal/silence.h"

#include "journal/worker.h"

#define LIST_BYTES_MAX (2u << 20)

/* A bit for each flow, by its id. */
static int64_t mask_of(const int64_t *flows, size_t n)
{
    uint64_t mask = 0;

    for (size_t i = 0; i < n; i++) {
        mask |= flows[i] > 0 && flows[i] <= SILENCE_FLOWS_MAX ? UINT64_C(1) << (flows[i] - 1) : 0;
    }
    return (int64_t)mask;
}

/* Agency '' keeps how far the count is. */
static int count_page(struct db *db, int64_t after, int64_t upto, int64_t mask)
{
    static const struct sql add = {
        "INSERT INTO agency_seen (agency, item, seen_ms) SELECT agency, max(item), max(ms) FROM "
        "(SELECT g.agency AS agency, i.id AS item, i.created_ms AS ms FROM item i "
        "JOIN subject s ON s.id = i.subject JOIN figure g ON g.subject = s.id "
        "WHERE i.id > ?1 AND i.id <= ?2 AND (?3 >> (s.flow - 1)) & 1 AND g.agency <> '') "
        "WHERE true GROUP BY agency ON CONFLICT (agency) DO UPDATE SET item = excluded.item, "
        "seen_ms = max(seen_ms, excluded.seen_ms)"};
    static const struct sql far = {
        "INSERT INTO agency_seen (agency, item, seen_ms) VALUES ('', ?1, 0) "
        "ON CONFLICT (agency) DO UPDATE SET item = excluded.item"};
    static const struct sql trim = {
        "DELETE FROM agency_seen WHERE agency IN (SELECT agency FROM agency_seen WHERE "
        "agency <> '' ORDER BY seen_ms DESC, agency LIMIT -1 OFFSET ?1)"};
    int err = db_run(db, &add, "iii", after, upto, mask);

    err = err == 0 ? db_run(db, &far, "i", upto) : err;
    return err == 0 ? db_run(db, &trim, "i", (int64_t)SILENCE_AGENCIES_MAX) : err;
}

static int read_agencies(struct db *db, struct silence_arrivals *a)
{
    static const struct sql select = {
        "SELECT agency, seen_ms FROM agency_seen WHERE agency <> '' ORDER BY agency LIMIT ?1"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "i", (int64_t)SILENCE_AGENCIES_MAX);

    a->agencies = arena_alloc(&a->arena, SILENCE_AGENCIES_MAX * sizeof(*a->agencies));
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        const char *code = a->agencies != NULL ? db_text(&a->arena, stmt, 0) : NULL;

        if (code == NULL) {
            db_reset(stmt);
            return journal_op_fail(&a->op, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
        }
        a->agencies[a->n].code = code;
        a->agencies[a->n].seen_ms = (uint64_t)sqlite3_column_int64(stmt, 1);
        a->n++;
    }
    return err;
}

static int run_arrivals(struct db *db, struct journal_op *op)
{
    static const struct sql counted = {"SELECT ifnull(max(item), 0) FROM agency_seen"};
    static const struct sql newest = {"SELECT ifnull(max(id), 0) FROM item"};
    struct silence_arrivals *a = CONTAINER_OF(op, struct silence_arrivals, op);
    int64_t after = 0;
    int64_t last = 0;
    int64_t upto;
    int err = db_integer(db, &counted, &after, "");

    err = err < 0 ? err : db_integer(db, &newest, &last, "");
    if (err < 0) {
        return err;
    }
    upto = last - after > a->limit ? after + a->limit : last;
    a->more = upto < last;
    err = upto > after ? count_page(db, after, upto, mask_of(a->flows, a->n_flows)) : 0;
    return err == 0 && !a->more ? read_agencies(db, a) : err;
}

static void undo_arrivals(struct journal_op *op)
{
    struct silence_arrivals *a = CONTAINER_OF(op, struct silence_arrivals, op);

    arena_free(&a->arena);
    arena_init(&a->arena, LIST_BYTES_MAX);
    a->n = 0;
}

void silence_arrivals(struct journal *j, struct silence_arrivals *a)
{
    arena_init(&a->arena, LIST_BYTES_MAX);
    a->n = 0;
    a->more = false;
    journal_start(j, &a->op, run_arrivals, undo_arrivals, true);
}

void silence_arrivals_free(struct silence_arrivals *a)
{
    arena_free(&a->arena);
    a->n = 0;
}

/* ---- from the file ---- */

static int flows_mask(struct db *db, const char *const *flows, size_t n, int64_t *mask)
{
    static const struct sql select = {"SELECT id FROM flow WHERE name = ?1"};
    int64_t ids[SILENCE_FLOWS_MAX];
    size_t found = 0;

    for (size_t i = 0; i < n && found < SILENCE_FLOWS_MAX; i++) {
        int err = db_integer(db, &select, &ids[found], "t", flows[i]);

        if (err < 0) {
            return err;
        }
        found += err == 1;
    }
    *mask = mask_of(ids, found);
    return 0;
}

int silence_list(const char *path, const char *const *flows, size_t n_flows,
                 int (*row)(void *ctx, const struct silence_agency *agency, const char *name),
                 void *ctx, struct errmsg *msg)
{
    static const struct sql select = {
        "SELECT a.agency, max(a.ms), ifnull(m.name, '') FROM (SELECT agency, seen_ms AS ms FROM "
        "agency_seen UNION ALL SELECT g.agency, i.created_ms FROM item i "
        "JOIN subject s ON s.id = i.subject JOIN figure g ON g.subject = s.id WHERE i.id > "
        "(SELECT ifnull(max(item), 0) FROM agency_seen) AND (?1 >> (s.flow - 1)) & 1) a "
        "LEFT JOIN mirror m ON m.kind = 6 AND m.code = a.agency "
        "WHERE a.agency <> '' GROUP BY a.agency ORDER BY a.agency LIMIT ?2"};
    struct db db;
    sqlite3_stmt *stmt = NULL;
    int64_t mask = 0;
    int told = 0;
    int err = db_open_report(&db, path, msg);

    if (err < 0) {
        return err;
    }
    err = flows_mask(&db, flows, n_flows, &mask);
    stmt = err == 0 ? db_bind(&db, &select, &err, "ii", mask, (int64_t)SILENCE_AGENCIES_MAX) : NULL;
    for (err = stmt != NULL ? db_row(&db, stmt) : err; err == 1; err = db_row(&db, stmt)) {
        const char *name = db_column(stmt, 2);
        const struct silence_agency agency = {db_column(stmt, 0),
                                              (uint64_t)sqlite3_column_int64(stmt, 1)};

        if (agency.code == NULL || name == NULL) {
            err = db_error(&db, SQLITE_NOMEM, "a row");
        } else {
            told = row(ctx, &agency, name);
        }
        if (err < 0 || told != 0) {
            db_reset(stmt);
            break;
        }
    }
    return db_close_report(&db, path, told != 0 ? told : err, told == 0, msg);
}
