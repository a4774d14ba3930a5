/* sqlite_open: finding, making, checking and migrating the journal's file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/file.h"
#include "journal/catalog_change.h"
#include "journal/check.h"
#include "journal/figure.h"
#include "journal/schema.h"
#include "journal/sqlite.h"

#define PATH_SIZE 4096
#define WHOLE_CHECK_BYTES (INT64_C(256) << 20) /* some seconds */

static const struct sql select_version = {"PRAGMA user_version"};

static int count_wal(void *ctx, sqlite3 *sqlite, const char *name, int pages)
{
    struct db *db = ctx;

    (void)sqlite;
    (void)name;
    db->wal_pages = pages;
    return SQLITE_OK;
}

/* Sets a pragma and reads it back: SQLite ignores what it can't do without a word. */
static int pragma(struct db *db, const char *set, const char *get, const char *want)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_exec(db->sqlite, set, NULL, NULL, NULL);
    int err = 0;

    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(db->sqlite, get, -1, &stmt, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(stmt);
    }
    if (code != SQLITE_ROW) {
        err = db_error(db, code, set);
    } else {
        const char *answer = db_column(stmt, 0);

        if (answer == NULL) {
            err = err_set(&db->why, ERR_NOMEM, "%s: %s", set, err_text(ERR_NOMEM));
        } else if (strcmp(answer, want) != 0) {
            err = err_set(&db->why, ERR_UNSUPPORTED, "%s: SQLite answers \"%s\" instead of \"%s\"",
                          set, answer, want);
        }
    }
    (void)sqlite3_finalize(stmt);
    return err;
}

static int configure(struct db *db, const struct db_options *options)
{
    char cache[64];
    char cache_want[32];
    int defensive = 0;
    const bool normal = options->synchronous_normal;
    int err = pragma(db, "PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal");

    (void)snprintf(cache_want, sizeof(cache_want), "-%llu",
                   (unsigned long long)(options->cache_bytes / 1024));
    (void)snprintf(cache, sizeof(cache), "PRAGMA cache_size = %s", cache_want);
    if (err == 0) {
        err = pragma(db, normal ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL",
                     "PRAGMA synchronous", normal ? "1" : "2");
    }
    if (err == 0) {
        err = pragma(db, "PRAGMA secure_delete = ON", "PRAGMA secure_delete", "1");
    }
    if (err == 0) {
        err = pragma(db, "PRAGMA wal_autocheckpoint = 0", "PRAGMA wal_autocheckpoint", "0");
    }
    if (err == 0) {
        err = pragma(db, "PRAGMA journal_size_limit = 67108864", "PRAGMA journal_size_limit",
                     "67108864");
    }
    if (err == 0) {
        err = pragma(db, "PRAGMA trusted_schema = OFF", "PRAGMA trusted_schema", "0");
    }
    if (err == 0) {
        err = pragma(db, "PRAGMA cell_size_check = ON", "PRAGMA cell_size_check", "1");
    }
    if (err == 0) {
        err = pragma(db, "PRAGMA foreign_keys = ON", "PRAGMA foreign_keys", "1");
    }
    if (err == 0) {
        err = pragma(db, cache, "PRAGMA cache_size", cache_want);
    }
    if (err == 0) {
        int code = sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, &defensive);

        if (code != SQLITE_OK || defensive != 1) {
            err = db_error(db, code, "defensive mode");
        }
    }
    return err;
}

static int read_pragma(struct db *db, const struct sql *sql, int64_t *value)
{
    int found = db_integer(db, sql, value, "");

    return found < 0 ? found : 0;
}

static int fold_at(struct db *db)
{
    static const struct sql page_size = {"PRAGMA page_size"};
    int64_t bytes = DB_PAGE_BYTES;
    int err = read_pragma(db, &page_size, &bytes);

    db->checkpoint_pages = DB_CHECKPOINT_BYTES / (int)bytes;
    db->checkpoint_at = db->checkpoint_pages;
    return err;
}

/* All of it and the version that it makes, or nothing. */
static int apply(struct db *db, const char *schema, int64_t version)
{
    char set_version[64];
    int err = db_begin(db);

    (void)snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %lld",
                   (long long)version);
    CRASH_POINT(schema_begun);
    err = err == 0 ? db_exec(db, schema) : err;
    CRASH_POINT(schema_applied);
    err = err == 0 ? db_exec(db, set_version) : err;
    CRASH_POINT(schema_versioned);
    err = err == 0 ? db_exec(db, "COMMIT") : err;
    CRASH_POINT(schema_committed);
    if (err < 0) {
        db_rollback(db);
    }
    return err;
}

int db_migrate(struct db *db, const char *const *steps, int64_t n)
{
    int64_t version = 0;
    int err = read_pragma(db, &select_version, &version);

    for (; version < n && err == 0; version++) {
        err = apply(db, steps[version], version + 1);
    }
    return err;
}

/* Before anything that writes: what is no journal, and a newer journal, stay byte for byte as they
 * are. */
static int identify(struct db *db)
{
    static const struct sql select_application = {"PRAGMA application_id"};
    int64_t application = 0;
    int64_t version = 0;
    int err = read_pragma(db, &select_application, &application);

    err = err == 0 ? read_pragma(db, &select_version, &version) : err;
    if (err == 0 && (application != DB_APPLICATION || version < 1)) {
        err = err_set(&db->why, ERR_CORRUPT, "not a journal of this program");
    } else if (err == 0 && version > DB_SCHEMA_VERSION) {
        err = err_set(&db->why, ERR_SCHEMA,
                      "schema version %lld is newer than this program's %d; install the newer "
                      "program, the file was left as it is",
                      (long long)version, DB_SCHEMA_VERSION);
    }
    return err;
}

/* The whole check also holds indexes against their tables (what an index lacks is never claimed, or
 * taken for new): at a start, where the file is small enough for it. A big one that is sealed, and
 * that no migration will change first, is checked later. */
static int check(struct db *db, const char *path, const struct db_options *options)
{
    int64_t most = options->whole_check_bytes > 0 ? options->whole_check_bytes : WHOLE_CHECK_BYTES;
    struct stat file;
    bool small = stat(path, &file) == 0 && file.st_size <= most;
    int64_t version = 0;
    int err = read_pragma(db, &select_version, &version);

    db->unchecked = options->sealed && !small && version == DB_SCHEMA_VERSION;
    return err < 0 || db->unchecked ? err : check_pages(db, small && !options->must_exist);
}

/* ---- open ---- */

/* schema.sql says what the columns are. What a step made once stays as it is here: files of its
 * version exist. */
static const char *const migrations[DB_SCHEMA_VERSION] = {
    [1] = "ALTER TABLE item ADD COLUMN source TEXT;"
          "CREATE TABLE part (subject INTEGER NOT NULL REFERENCES subject, source TEXT NOT NULL, "
          "rank INTEGER NOT NULL, at INTEGER NOT NULL, sha256 BLOB NOT NULL, body BLOB NOT NULL, "
          "PRIMARY KEY (subject, source))",
    [2] =
        "ALTER TABLE source_row ADD COLUMN code TEXT;"
        "CREATE INDEX subject_promised ON subject (promised, flow, since_ms) "
        "WHERE settled = 0 AND promised > 0;"
        "CREATE TABLE agency_seen (agency TEXT PRIMARY KEY, item INTEGER NOT NULL, "
        "seen_ms INTEGER NOT NULL) WITHOUT ROWID;"
        "ALTER TABLE audit ADD COLUMN salt BLOB;"
        "CREATE INDEX source_row_code ON source_row (code) WHERE code IS NOT NULL;"
        "CREATE TABLE review (id INTEGER PRIMARY KEY AUTOINCREMENT, what INTEGER NOT NULL, "
        "scope TEXT NOT NULL, from_s INTEGER NOT NULL, to_s INTEGER NOT NULL, "
        "flows INTEGER NOT NULL, fix INTEGER NOT NULL, who TEXT NOT NULL, "
        "begun_ms INTEGER NOT NULL, ended_ms INTEGER, canceled INTEGER NOT NULL DEFAULT 0, "
        "upto INTEGER NOT NULL, place INTEGER NOT NULL, sweep INTEGER NOT NULL);"
        "CREATE TABLE review_count (review INTEGER NOT NULL, name TEXT NOT NULL, "
        "n INTEGER NOT NULL, PRIMARY KEY (review, name)) WITHOUT ROWID;"
        "CREATE TABLE review_dossier (review INTEGER NOT NULL, flow INTEGER NOT NULL, "
        "code TEXT NOT NULL, late INTEGER NOT NULL DEFAULT 0, kind INTEGER NOT NULL DEFAULT -1, "
        "source INTEGER, source_status INTEGER, journal INTEGER, journal_status INTEGER, "
        "portal INTEGER, portal_status INTEGER, mended INTEGER, note TEXT, at_ms INTEGER, "
        "PRIMARY KEY (review, flow, code)) WITHOUT ROWID;"
        "CREATE INDEX review_todo ON review_dossier (review) WHERE kind = -1;"
        "ALTER TABLE local_catalog ADD COLUMN body BLOB;"
        "ALTER TABLE local_catalog ADD COLUMN level INTEGER NOT NULL DEFAULT -1;"
        "ALTER TABLE local_catalog ADD COLUMN processes INTEGER NOT NULL DEFAULT -1;"
        "ALTER TABLE local_catalog ADD COLUMN eforms INTEGER NOT NULL DEFAULT -1;"
        "ALTER TABLE local_catalog ADD COLUMN read_ms INTEGER NOT NULL DEFAULT 0;"
        "CREATE TABLE catalog_change (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, "
        "side INTEGER NOT NULL, kind INTEGER NOT NULL, code TEXT NOT NULL, "
        "what INTEGER NOT NULL, fields TEXT NOT NULL);"
        "CREATE INDEX catalog_change_code ON catalog_change (code, id);"
        "INSERT INTO catalog_change (at_ms, side, kind, code, what, fields) "
        "SELECT ifnull(n.at_ms, m.changed_ms), 1, v.kind, v.code, 1, " CATALOG_FIELDS(
            "v.body",
            "ifnull(n.body, m.body)") " FROM mirror_version v LEFT JOIN mirror_version n ON n.kind "
                                      "= v.kind "
                                      "AND n.code = v.code AND n.version = v.version + 1 LEFT JOIN "
                                      "mirror m "
                                      "ON m.kind = v.kind AND m.code = v.code WHERE v.kind IN (3, "
                                      "4) AND "
                                      "(n.body IS NOT NULL OR m.body IS NOT NULL) ORDER BY 1;"
                                      "CREATE TABLE figure (subject INTEGER PRIMARY KEY REFERENCES "
                                      "subject, "
                                      "procedure TEXT NOT NULL, sector TEXT NOT NULL, agency TEXT "
                                      "NOT NULL, "
                                      "channel INTEGER NOT NULL, entry INTEGER NOT NULL, submitted "
                                      "INTEGER NOT NULL, "
                                      "received INTEGER NOT NULL, finished INTEGER NOT NULL, "
                                      "returned INTEGER NOT NULL, "
                                      "refused INTEGER NOT NULL, first_promised INTEGER NOT NULL, "
                                      "moved INTEGER NOT NULL, "
                                      "supplements INTEGER NOT NULL, results INTEGER NOT NULL, "
                                      "digitised INTEGER NOT NULL, "
                                      "identified INTEGER NOT NULL, paid_online INTEGER NOT NULL);"
                                      "CREATE TABLE result_mark (subject INTEGER NOT NULL, mark "
                                      "BLOB NOT NULL, "
                                      "PRIMARY KEY (subject, mark)) WITHOUT "
                                      "ROWID;" FIGURE_FROM_BODIES,
};

static int connect_file(struct db *db, const char *path, const struct db_options *options)
{
    int code =
        sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    db->losing_control = options->losing_control;
    if (code == SQLITE_OK) {
        /* Closing must not write: what is refused stays as it is, and after a failed write nobody
         * knows what would be folded. A clean stop folds the WAL itself. */
        code = sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    if (code != SQLITE_OK) {
        return db_error(db, code, "open");
    }
    (void)sqlite3_extended_result_codes(db->sqlite, 1);
    (void)sqlite3_busy_timeout(db->sqlite, DB_BUSY_TIMEOUT_MS);
    return figure_register(db); /* a migration calls it */
}

/* Before anything is written. Twice SQLite's own: half as many frames are written to the log, and
 * less is lost at their ends. */
static int set_page_size(struct db *db)
{
    _Static_assert(DB_PAGE_BYTES == 8192, "the same stands here as text");
    return pragma(db, "PRAGMA page_size = 8192", "PRAGMA page_size", "8192");
}

/* Makes an empty journal under another name first: a crash half-way leaves no file that looks like
 * a journal that lost its content. Readable by its owner only. */
static int create_file(struct db *db, const char *path, const struct db_options *options)
{
    static const char *const leftovers[] = {"", "-wal", "-shm", "-journal"};
    char fresh[PATH_SIZE];
    char name[PATH_SIZE + 16];
    int fd;
    int err;

    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    for (size_t i = 0; i < sizeof(leftovers) / sizeof(leftovers[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", fresh, leftovers[i]);
        (void)unlink(name); /* usually not there */
    }
    fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set(&db->why, file_write_error(errno), "%s: %s", fresh, strerror(errno));
    }
    (void)close(fd);
    CRASH_POINT(create_made);
    err = connect_file(db, fresh, options);
    err = err == 0 ? set_page_size(db) : err;
    err = err == 0 ? configure(db, options) : err;
    err = err == 0 ? apply(db, journal_schema_sql, DB_SCHEMA_VERSION) : err;
    err = err == 0 ? db_checkpoint(db, true) : err;
    db_close(db);
    CRASH_POINT(create_folded);
    if (err == 0 && rename(fresh, path) != 0) {
        err = err_set(&db->why, ERR_IO, "%s: %s", path, strerror(errno));
    }
    CRASH_POINT(create_renamed);
    for (size_t i = 0; i < sizeof(leftovers) / sizeof(leftovers[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", fresh, leftovers[i]);
        (void)unlink(name);
    }
    return err == 0 ? file_sync_folder(path, &db->why) : err;
}

/* Never a new journal over a bad one: only where nothing is one is made. */
static int find_or_create(struct db *db, const char *path, const struct db_options *options)
{
    char wal[PATH_SIZE + 16];
    struct stat file;

    if (strlen(path) + 32 > PATH_SIZE) {
        return err_set(&db->why, ERR_TOOBIG, "the path is too long");
    }
    if (stat(path, &file) == 0) {
        return file.st_size > 0
                   ? 0
                   : err_set(&db->why, ERR_CORRUPT, "the file is empty, which a journal never is");
    }
    if (errno != ENOENT) {
        return err_set(&db->why, ERR_IO, "%s", strerror(errno));
    }
    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    if (options->must_exist || (stat(wal, &file) == 0 && file.st_size > 0)) {
        return err_set(&db->why, ERR_CORRUPT, "the file is gone");
    }
    CRASH_POINT(create_before);
    return create_file(db, path, options);
}

int db_open(struct db *db, const char *path, const struct db_options *options, struct errmsg *msg)
{
    int err;

    memset(db, 0, sizeof(*db));
    err = find_or_create(db, path, options);
    err = err == 0 ? connect_file(db, path, options) : err;
    err = err == 0 ? identify(db) : err;
    err = err == 0 ? configure(db, options) : err;
    err = err == 0 ? fold_at(db) : err;
    err = err == 0 ? check(db, path, options) : err;
    CRASH_POINT(open_checked);
    err = err == 0 ? db_migrate(db, migrations, DB_SCHEMA_VERSION) : err;
    err = err == 0 ? db_tally_load(db) : err;
    err = err == 0 && !options->must_exist && !db->unchecked ? check_sums(db) : err;
    if (err < 0) {
        err = err_set(msg, err, "journal %s: %s", path, db->why.text);
        db_close(db);
        return err;
    }
    (void)sqlite3_wal_hook(db->sqlite, count_wal, db);
    return 0;
}
