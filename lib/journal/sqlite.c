#include "journal/sqlite.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/crash_point.h"

/* SQLite tells the number of a failed statement, but not that of a COMMIT, in which the write-ahead
 * log is written; that file keeps it. */
static int system_number(sqlite3 *sqlite)
{
    sqlite3_file *log = NULL;
    int number = 0;

    if (sqlite3_file_control(sqlite, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
        log != NULL && log->pMethods != NULL) {
        (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &number);
    }
    return number != 0 ? number : sqlite3_system_errno(sqlite);
}

/* SQLite itself knows only ENOSPC as a full disk. A failed sync is another matter, whatever its
 * number. */
static bool out_of_room(const struct db *db, int code)
{
    int number = db->sqlite != NULL ? system_number(db->sqlite) : 0;

    return (code & 0xff) == SQLITE_FULL ||
           ((code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE) &&
            (number == EDQUOT || number == EFBIG || number == ENOSPC));
}

int db_error(struct db *db, int code, const char *what)
{
    int primary = code & 0xff;
    int err = ERR_IO;

    if (out_of_room(db, code)) {
        err = ERR_FULL;
    } else if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) {
        err = ERR_CORRUPT;
    } else if (primary == SQLITE_NOMEM) {
        err = ERR_NOMEM;
    } else if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
        err = ERR_BUSY;
    }
    return err_set(&db->why, err, "%s: %s (SQLite %d)", what,
                   db->sqlite != NULL ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(code), code);
}

void db_count_no_memory(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* refused once SQLite is at work */
}

int db_exec(struct db *db, const char *text)
{
    int code = sqlite3_exec(db->sqlite, text, NULL, NULL, NULL);

    return code == SQLITE_OK ? 0 : db_error(db, code, "journal");
}

static sqlite3_stmt *prepared(struct db *db, const struct sql *sql, int *err)
{
    sqlite3_stmt *stmt = NULL;
    int code;

    for (size_t i = 0; i < db->n_statements; i++) {
        if (db->statements[i].sql == sql) {
            /* Most used first: the linear search then ends after a few steps. */
            stmt = db->statements[i].stmt;
            if (i > 0) {
                db->statements[i] = db->statements[i - 1];
                db->statements[i - 1].sql = sql;
                db->statements[i - 1].stmt = stmt;
            }
            return stmt;
        }
    }
    if (db->n_statements == DB_MAX_STATEMENTS) {
        *err = err_set(&db->why, ERR_TOOBIG, "more than %d statements", DB_MAX_STATEMENTS);
        return NULL;
    }
    code = sqlite3_prepare_v3(db->sqlite, sql->text, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (code != SQLITE_OK) {
        *err = db_error(db, code, sql->text);
        return NULL;
    }
    db->statements[db->n_statements].sql = sql;
    db->statements[db->n_statements++].stmt = stmt;
    return stmt;
}

static int bind_all(sqlite3_stmt *stmt, const char *types, va_list args)
{
    int code = SQLITE_OK;

    for (int i = 1; types[i - 1] != '\0' && code == SQLITE_OK; i++) {
        const void *bytes;
        int64_t value;
        size_t n;

        switch (types[i - 1]) {
        case 'i':
            code = sqlite3_bind_int64(stmt, i, va_arg(args, int64_t));
            break;
        case 'z':
            value = va_arg(args, int64_t);
            code = value != 0 ? sqlite3_bind_int64(stmt, i, value) : sqlite3_bind_null(stmt, i);
            break;
        case 't':
            code = sqlite3_bind_text(stmt, i, va_arg(args, const char *), -1, SQLITE_STATIC);
            break;
        case 'b':
            bytes = va_arg(args, const void *);
            n = va_arg(args, size_t);
            code = sqlite3_bind_blob64(stmt, i, bytes, n, SQLITE_STATIC);
            break;
        default:
            code = sqlite3_bind_null(stmt, i);
            break;
        }
    }
    assert(code != SQLITE_OK || (int)strlen(types) == sqlite3_bind_parameter_count(stmt));
    return code;
}

static sqlite3_stmt *bind_list(struct db *db, const struct sql *sql, int *err, const char *types,
                               va_list args)
{
    sqlite3_stmt *stmt = prepared(db, sql, err);
    int code;

    if (stmt == NULL) {
        return NULL;
    }
    code = bind_all(stmt, types, args);
    if (code != SQLITE_OK) {
        *err = db_error(db, code, sql->text);
        db_reset(stmt);
        return NULL;
    }
    return stmt;
}

sqlite3_stmt *db_bind(struct db *db, const struct sql *sql, int *err, const char *types, ...)
{
    sqlite3_stmt *stmt;
    va_list args;

    va_start(args, types);
    stmt = bind_list(db, sql, err, types, args);
    va_end(args);
    return stmt;
}

int db_run(struct db *db, const struct sql *sql, const char *types, ...)
{
    sqlite3_stmt *stmt;
    va_list args;
    int err = 0;

    va_start(args, types);
    stmt = bind_list(db, sql, &err, types, args);
    va_end(args);
    if (stmt == NULL) {
        return err;
    }
    err = db_row(db, stmt);
    if (err > 0) {
        db_reset(stmt);
        err = 0;
    }
    return err;
}

int db_row(struct db *db, sqlite3_stmt *stmt)
{
    int code = sqlite3_step(stmt);

    if (code == SQLITE_ROW) {
        return 1;
    }
    if (code != SQLITE_DONE) {
        int err = db_error(db, code, "journal");

        db_reset(stmt);
        return err;
    }
    db_reset(stmt);
    return 0;
}

void db_reset(sqlite3_stmt *stmt)
{
    /* Repeats the step's error, which was reported there. What was bound stays and may dangle: each
     * use of a statement binds all of its values anew. */
    (void)sqlite3_reset(stmt);
}

int db_integer(struct db *db, const struct sql *sql, int64_t *out, const char *types, ...)
{
    sqlite3_stmt *stmt;
    va_list args;
    int err = 0;

    va_start(args, types);
    stmt = bind_list(db, sql, &err, types, args);
    va_end(args);
    if (stmt == NULL) {
        return err;
    }
    err = db_row(db, stmt);
    if (err == 1) {
        *out = sqlite3_column_int64(stmt, 0);
        db_reset(stmt);
    }
    return err;
}

const char *db_column(sqlite3_stmt *stmt, int column)
{
    /* Asked first: a text that found no memory is NULL from then on. */
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL) {
        return "";
    }
    return (const char *)sqlite3_column_text(stmt, column);
}

const char *db_shown(sqlite3_stmt *stmt, int column)
{
    const char *text = db_column(stmt, column);

    return text != NULL ? text : "";
}

const char *db_text(struct arena *a, sqlite3_stmt *stmt, int column)
{
    return arena_strdup(a, db_column(stmt, column));
}

void db_digest(sqlite3_stmt *stmt, int column, uint8_t out[32])
{
    const void *bytes = sqlite3_column_blob(stmt, column);

    memset(out, 0, 32);
    if (bytes != NULL && sqlite3_column_bytes(stmt, column) == 32) {
        memcpy(out, bytes, 32);
    }
}

void db_tally_move(struct db *db, int64_t flow, enum item_kind kind, int from, int to)
{
    int64_t row = flow > 0 && flow <= DB_MAX_FLOWS ? flow : 0;

    if (from >= 0) {
        db->pending.n[row][kind][from]--;
    }
    if (to >= 0) {
        db->pending.n[row][kind][to]++;
    }
    db->tally_moved = true;
}

int64_t *tally_at(struct tally *t, int64_t flow, int64_t kind, int64_t state)
{
    return flow >= 0 && flow <= DB_MAX_FLOWS && kind >= 0 && kind < 3 && state >= 0 &&
                   state < ITEM_STATES
               ? &t->n[flow][kind][state]
               : NULL;
}

int db_tally_load(struct db *db)
{
    static const struct sql select = {"SELECT flow, kind, state, n FROM tally"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "");

    if (stmt == NULL) {
        return err;
    }
    memset(&db->tally, 0, sizeof(db->tally));
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        int64_t *n = tally_at(&db->tally, sqlite3_column_int64(stmt, 0),
                              sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2));

        if (n != NULL) {
            *n = sqlite3_column_int64(stmt, 3);
        }
    }
    db->pending = db->tally;
    return err;
}

static int tally_store(struct db *db)
{
    static const struct sql upsert = {
        "INSERT INTO tally (flow, kind, state, n) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (flow, kind, state) DO UPDATE SET n = excluded.n"};

    for (int64_t flow = 0; flow <= DB_MAX_FLOWS; flow++) {
        for (int kind = 0; kind < 3; kind++) {
            for (int state = 0; state < ITEM_STATES; state++) {
                int64_t n = db->pending.n[flow][kind][state];
                int err;

                if (n == db->tally.n[flow][kind][state]) {
                    continue;
                }
                err = db_run(db, &upsert, "iiii", flow, (int64_t)kind, (int64_t)state, n);
                if (err < 0) {
                    return err;
                }
            }
        }
    }
    return 0;
}

int db_begin(struct db *db)
{
    return db_exec(db, "BEGIN IMMEDIATE");
}

int db_begin_reading(struct db *db)
{
    return db_exec(db, "BEGIN");
}

int db_end_reading(struct db *db)
{
    return db_exec(db, "COMMIT");
}

int db_commit(struct db *db)
{
    int err = db->tally_moved ? tally_store(db) : 0;

    CRASH_POINT(journal_commit_before);
    if (err == 0) {
        err = db_exec(db, "COMMIT");
    }
    if (err == 0) {
        db->tally = db->pending;
        db->tally_moved = false;
    }
    return err;
}

void db_rollback(struct db *db)
{
    struct errmsg cause = db->why;

    if (sqlite3_get_autocommit(db->sqlite) == 0) {
        int err = db_exec(db, "ROLLBACK");

        (void)err; /* a failed COMMIT may have rolled back by itself; the cause is what counts */
    }
    db->why = cause;
    db->pending = db->tally;
    db->tally_moved = false;
}

int db_checkpoint(struct db *db, bool truncate)
{
    int frames = 0;
    int moved = 0;
    int code = sqlite3_wal_checkpoint_v2(
        db->sqlite, NULL, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
        &frames, &moved);

    if (code != SQLITE_OK && code != SQLITE_BUSY) {
        return db_error(db, code, "checkpoint");
    }
    if (truncate && code == SQLITE_OK) {
        /* Nothing is left to fold: closing may remove the files beside the journal. */
        (void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    }
    /* A reader keeps its frames from being folded: as much again must come before the next try. */
    db->wal_pages = frames > moved ? frames : 0;
    db->checkpoint_at = db->checkpoint_pages + (frames > moved ? frames : 0);
    return 0;
}

int db_scrub_wal(struct db *db)
{
    int frames = 0;
    int moved = 0;
    int code;

    /* Whoever reads keeps the batches waiting only so long. */
    (void)sqlite3_busy_timeout(db->sqlite, DB_SCRUB_WAIT_MS);
    code = sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, &frames, &moved);
    (void)sqlite3_busy_timeout(db->sqlite, DB_BUSY_TIMEOUT_MS);
    if (code == SQLITE_BUSY) {
        return 0;
    }
    if (code != SQLITE_OK) {
        return db_error(db, code, "checkpoint");
    }
    db->wal_pages = 0;
    db->checkpoint_at = db->checkpoint_pages;
    db->scrub = false;
    return 1;
}

bool db_checkpoint_due(const struct db *db)
{
    return db->wal_pages > db->checkpoint_at;
}

int db_open_reader(struct db *db, const char *path, struct errmsg *msg)
{
    int code;

    memset(db, 0, sizeof(*db));
    code = sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        (void)sqlite3_busy_timeout(db->sqlite, 5000);
        return 0;
    }
    code = db_error(db, code, "open");
    db_close(db);
    return err_set(msg, code, "journal %s: %s", path, db->why.text);
}

int db_open_report(struct db *db, const char *path, struct errmsg *msg)
{
    static const struct sql select = {"PRAGMA user_version"};
    int64_t version = 0;
    int err = db_open_reader(db, path, msg);

    if (err < 0) {
        return err;
    }
    err = db_integer(db, &select, &version, "");
    if (err < 0) {
        return db_close_report(db, path, err, true, msg);
    }
    if (version == DB_SCHEMA_VERSION) {
        return 0;
    }
    err =
        err_set(msg, ERR_SCHEMA,
                version < DB_SCHEMA_VERSION
                    ? "journal %s is of schema version %lld: a start of the daemon brings it to %d"
                    : "journal %s is of schema version %lld: this program knows up to %d",
                path, (long long)version, DB_SCHEMA_VERSION);
    db_close(db);
    return err;
}

int db_close_report(struct db *db, const char *path, int err, bool words, struct errmsg *msg)
{
    if (err < 0 && words) {
        err = err_set(msg, err, "journal %s: %s", path, db->why.text);
    }
    db_close(db);
    return err;
}

void db_close(struct db *db)
{
    for (size_t i = 0; i < db->n_statements; i++) {
        (void)sqlite3_finalize(db->statements[i].stmt);
    }
    db->n_statements = 0;
    if (db->sqlite != NULL) {
        (void)sqlite3_close(db->sqlite);
        db->sqlite = NULL;
    }
}
