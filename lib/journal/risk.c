#include "journal/risk.h"

#include "journal/worker.h"

enum risk risk_judge(int64_t promised_s, uint64_t since_ms, int64_t horizon_s, uint64_t now_ms)
{
    if (promised_s > horizon_s || since_ms >= (uint64_t)promised_s * 1000) {
        return RISK_NONE;
    }
    if (since_ms + RISK_GRACE_MS > now_ms) {
        return RISK_YOUNG;
    }
    return (uint64_t)promised_s * 1000 > now_ms ? RISK_AHEAD : RISK_PASSED;
}

static bool asked_for(const struct journal_risk *r, int64_t flow)
{
    for (size_t i = 0; i < r->n_flows; i++) {
        if (r->flows[i] == flow) {
            return true;
        }
    }
    return false;
}

static void count(struct journal_risk *r, int64_t promised_s, uint64_t since_ms)
{
    switch (risk_judge(promised_s, since_ms, r->horizon_s, r->now_ms)) {
    case RISK_AHEAD:
        r->ahead++;
        r->first_s = r->first_s == 0 ? promised_s : r->first_s;
        break;
    case RISK_PASSED:
        r->passed++;
        break;
    case RISK_YOUNG:
        r->young++;
        break;
    case RISK_NONE:
        break;
    }
}

/* since_ms of a subject passes over what is held; here that counts like all that is open. It is
 * looked for only where there is some and it can change the answer. */
static int with_held(struct db *db, const struct journal_risk *r, int64_t subject,
                     int64_t promised_s, uint64_t *since_ms)
{
    static const struct sql oldest = {"SELECT ifnull(min(created_ms), 0) FROM item INDEXED BY "
                                      "item_open WHERE subject = ?1 AND state < 4"};
    enum risk risk = risk_judge(promised_s, *since_ms, r->horizon_s, r->now_ms);
    int64_t ms = 0;
    int err;

    if (risk == RISK_AHEAD || risk == RISK_PASSED) {
        return 0;
    }
    err = db_integer(db, &oldest, &ms, "i", subject);
    if (ms > 0 && (uint64_t)ms < *since_ms) {
        *since_ms = (uint64_t)ms;
    }
    return err < 0 ? err : 0;
}

static int count_row(struct db *db, struct journal_risk *r, sqlite3_stmt *stmt)
{
    int64_t promised_s = sqlite3_column_int64(stmt, 0);
    uint64_t since_ms = (uint64_t)sqlite3_column_int64(stmt, 2);
    int err;

    if (!asked_for(r, sqlite3_column_int64(stmt, 1))) {
        return 0;
    }
    err = sqlite3_column_int(stmt, 4) != 0
              ? with_held(db, r, sqlite3_column_int64(stmt, 3), promised_s, &since_ms)
              : 0;
    if (err == 0) {
        count(r, promised_s, since_ms);
    }
    return err;
}

static int run_risk(struct db *db, struct journal_op *op)
{
    static const struct sql near = {
        "SELECT promised, flow, since_ms, id, "
        "id IN (SELECT subject FROM item INDEXED BY item_held WHERE state = 3) "
        "FROM subject INDEXED BY subject_promised "
        "WHERE settled = 0 AND promised > 0 AND promised <= ?1 ORDER BY promised"};
    static const struct sql next = {
        "SELECT promised FROM subject INDEXED BY subject_promised "
        "WHERE settled = 0 AND promised > 0 AND promised > ?1 ORDER BY promised LIMIT 1"};
    struct journal_risk *r = CONTAINER_OF(op, struct journal_risk, op);
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &near, &err, "i", r->horizon_s);

    r->ahead = 0;
    r->passed = 0;
    r->young = 0;
    r->first_s = 0;
    r->next_promised_s = 0;
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        int failed = count_row(db, r, stmt);

        if (failed < 0) {
            db_reset(stmt);
            return failed;
        }
    }
    if (err == 0) {
        err = db_integer(db, &next, &r->next_promised_s, "i", r->horizon_s);
    }
    return err < 0 ? err : 0;
}

void journal_risk(struct journal *j, struct journal_risk *r)
{
    journal_start(j, &r->op, run_risk, NULL, false);
}

/* ---- from the file ---- */

int risk_list(const char *path, int64_t horizon_s, uint64_t now_ms,
              int (*row)(void *ctx, const struct risk_row *row), void *ctx, struct errmsg *msg)
{
    static const struct sql select = {
        "SELECT f.name, s.code, ifnull(g.agency, ''), s.status, s.acked_status, s.promised, "
        "min(s.since_ms, ifnull((SELECT min(i.created_ms) FROM item i WHERE i.subject = s.id AND "
        "i.state < 4), s.since_ms)), "
        "(SELECT count(*) FROM item i WHERE i.subject = s.id AND i.state < 4), "
        "ifnull((SELECT i.hold FROM item i WHERE i.subject = s.id AND i.state < 4 AND "
        "i.state = 3 ORDER BY i.id LIMIT 1), 0) "
        "FROM subject s INDEXED BY subject_promised JOIN flow f ON f.id = s.flow "
        "LEFT JOIN figure g ON g.subject = s.id "
        "WHERE s.settled = 0 AND s.promised > 0 AND s.promised <= ?1 ORDER BY s.promised"};
    struct db db;
    sqlite3_stmt *stmt;
    int told = 0;
    int err = db_open_report(&db, path, msg);

    if (err < 0) {
        return err;
    }
    stmt = db_bind(&db, &select, &err, "i", horizon_s);
    for (err = stmt != NULL ? db_row(&db, stmt) : err; err == 1; err = db_row(&db, stmt)) {
        const struct risk_row r = {
            .risk = risk_judge(sqlite3_column_int64(stmt, 5),
                               (uint64_t)sqlite3_column_int64(stmt, 6), horizon_s, now_ms),
            .flow = db_column(stmt, 0),
            .code = db_column(stmt, 1),
            .agency = db_column(stmt, 2),
            .status = sqlite3_column_int(stmt, 3),
            .acked_status = sqlite3_column_int(stmt, 4),
            .promised_s = sqlite3_column_int64(stmt, 5),
            .since_ms = (uint64_t)sqlite3_column_int64(stmt, 6),
            .open = (uint64_t)sqlite3_column_int64(stmt, 7),
            .hold = (enum hold_why)sqlite3_column_int(stmt, 8),
        };

        if (r.flow == NULL || r.code == NULL || r.agency == NULL) {
            err = db_error(&db, SQLITE_NOMEM, "a row");
        } else if (r.risk == RISK_AHEAD || r.risk == RISK_PASSED) {
            told = row(ctx, &r);
        }
        if (err < 0 || told != 0) {
            db_reset(stmt);
            break;
        }
    }
    return db_close_report(&db, path, told != 0 ? told : err, told == 0, msg);
}
