#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/digest.h"
#include "lib/journal_fixture.h"

/* clang-format off */
/* What a journal of schema version 1 looked like, as schema.sql made it then. Never changed: files
 * like it exist. */
static const char version_1[] =
    "PRAGMA application_id = 1685480307;\n"
    "CREATE TABLE flow (\n"
    "    id   INTEGER PRIMARY KEY,\n"
    "    name TEXT NOT NULL UNIQUE\n"
    ");\n"
    "CREATE TABLE subject (\n"
    "    id           INTEGER PRIMARY KEY,\n"
    "    flow         INTEGER NOT NULL REFERENCES flow,\n"
    "    code         TEXT NOT NULL,\n"
    "    local_no     TEXT,\n"
    "    present      INTEGER NOT NULL DEFAULT 0,\n"
    "    flips        INTEGER NOT NULL DEFAULT 0,\n"
    "    doubt        INTEGER NOT NULL DEFAULT 0,\n"
    "    acked_item   INTEGER,\n"
    "    acked_hash   BLOB,\n"
    "    acked_status INTEGER NOT NULL DEFAULT 0,\n"
    "    status       INTEGER NOT NULL DEFAULT 0,\n"
    "    at           INTEGER NOT NULL DEFAULT 0,\n"
    "    promised     INTEGER NOT NULL DEFAULT 0,\n"
    "    newest_item  INTEGER,\n"
    "    resnapped    INTEGER NOT NULL DEFAULT 0,\n"
    "    queue        INTEGER,\n"
    "    since_ms     INTEGER NOT NULL DEFAULT 0,\n"
    "    due_ms       INTEGER NOT NULL DEFAULT 0,\n"
    "    busy         INTEGER NOT NULL DEFAULT 0,\n"
    "    settled      INTEGER NOT NULL DEFAULT 0,\n"
    "    UNIQUE (flow, code)\n"
    ");\n"
    "CREATE INDEX subject_ready ON subject (flow, queue, since_ms) WHERE queue IS NOT NULL;\n"
    "CREATE INDEX subject_due ON subject (flow, due_ms) WHERE queue = 2;\n"
    "CREATE INDEX subject_busy ON subject (id) WHERE busy = 1;\n"
    "CREATE INDEX subject_code ON subject (code);\n"
    "CREATE INDEX subject_local ON subject (local_no) WHERE local_no IS NOT NULL;\n"
    "CREATE INDEX subject_settled ON subject (settled) WHERE settled > 0;\n"
    "CREATE TABLE item (\n"
    "    id         INTEGER PRIMARY KEY,\n"
    "    subject    INTEGER NOT NULL REFERENCES subject,\n"
    "    kind       INTEGER NOT NULL,\n"
    "    state      INTEGER NOT NULL,\n"
    "    step_key   TEXT,\n"
    "    hash       BLOB NOT NULL,\n"
    "    status     INTEGER NOT NULL DEFAULT 0,\n"
    "    at         INTEGER NOT NULL DEFAULT 0,\n"
    "    created_ms INTEGER NOT NULL,\n"
    "    changed_ms INTEGER NOT NULL,\n"
    "    due_ms     INTEGER NOT NULL DEFAULT 0,\n"
    "    attempts   INTEGER NOT NULL DEFAULT 0,\n"
    "    same       INTEGER NOT NULL DEFAULT 0,\n"
    "    solo       INTEGER NOT NULL DEFAULT 0,\n"
    "    hold       INTEGER NOT NULL DEFAULT 0,\n"
    "    flags      INTEGER NOT NULL DEFAULT 0,\n"
    "    successor  INTEGER,\n"
    "    reason     TEXT\n"
    ");\n"
    "CREATE INDEX item_open ON item (subject, id) WHERE state < 4;\n"
    "CREATE INDEX item_subject ON item (subject, id);\n"
    "CREATE UNIQUE INDEX item_step ON item (subject, step_key) WHERE kind = 2;\n"
    "CREATE INDEX item_held ON item (hold, id) WHERE state = 3;\n"
    "CREATE INDEX item_waiting ON item (id) WHERE state < 4;\n"
    "CREATE TABLE body (\n"
    "    item   INTEGER PRIMARY KEY,\n"
    "    sha256 BLOB NOT NULL,\n"
    "    body   BLOB NOT NULL\n"
    ");\n"
    "CREATE TABLE tally (\n"
    "    flow  INTEGER NOT NULL,\n"
    "    kind  INTEGER NOT NULL,\n"
    "    state INTEGER NOT NULL,\n"
    "    n     INTEGER NOT NULL,\n"
    "    PRIMARY KEY (flow, kind, state)\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE attempt (\n"
    "    id         INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "    subject    INTEGER NOT NULL,\n"
    "    verb       INTEGER NOT NULL,\n"
    "    first_item INTEGER NOT NULL,\n"
    "    last_item  INTEGER NOT NULL,\n"
    "    items      INTEGER NOT NULL,\n"
    "    updating   INTEGER NOT NULL DEFAULT 0,\n"
    "    begun_ms   INTEGER NOT NULL,\n"
    "    ended_ms   INTEGER,\n"
    "    outcome    INTEGER,\n"
    "    http       INTEGER,\n"
    "    code       TEXT,\n"
    "    words      TEXT,\n"
    "    request    BLOB,\n"
    "    response   BLOB,\n"
    "    repeats    INTEGER NOT NULL DEFAULT 0,\n"
    "    took_ms    INTEGER\n"
    ");\n"
    "CREATE INDEX attempt_subject ON attempt (subject, id);\n"
    "CREATE INDEX attempt_open ON attempt (id) WHERE ended_ms IS NULL;\n"
    "CREATE TABLE attempt_item (\n"
    "    attempt INTEGER NOT NULL,\n"
    "    item    INTEGER NOT NULL,\n"
    "    PRIMARY KEY (attempt, item)\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE source_row (\n"
    "    source   TEXT NOT NULL,\n"
    "    id       TEXT NOT NULL,\n"
    "    hash     BLOB NOT NULL,\n"
    "    owed     INTEGER NOT NULL DEFAULT 0,\n"
    "    tries    INTEGER NOT NULL DEFAULT 0,\n"
    "    why      TEXT,\n"
    "    PRIMARY KEY (source, id)\n"
    ") WITHOUT ROWID;\n"
    "CREATE INDEX source_row_owed ON source_row (source, tries, id) WHERE owed = 1;\n"
    "CREATE TABLE cursor (\n"
    "    source TEXT PRIMARY KEY,\n"
    "    value  TEXT NOT NULL\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE fact (\n"
    "    name  TEXT PRIMARY KEY,\n"
    "    value TEXT NOT NULL\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE seen (\n"
    "    code     TEXT PRIMARY KEY,\n"
    "    status   INTEGER NOT NULL,\n"
    "    there    INTEGER NOT NULL,\n"
    "    at_ms    INTEGER NOT NULL\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE mirror (\n"
    "    kind      INTEGER NOT NULL,\n"
    "    code      TEXT NOT NULL,\n"
    "    name      TEXT NOT NULL,\n"
    "    version   INTEGER NOT NULL,\n"
    "    hash      BLOB NOT NULL,\n"
    "    body      BLOB NOT NULL,\n"
    "    active    INTEGER NOT NULL,\n"
    "    missing   INTEGER NOT NULL DEFAULT 0,\n"
    "    first_ms  INTEGER NOT NULL,\n"
    "    changed_ms INTEGER NOT NULL,\n"
    "    checked_ms INTEGER NOT NULL,\n"
    "    local_hash BLOB,\n"
    "    lacks      TEXT NOT NULL DEFAULT '',\n"
    "    PRIMARY KEY (kind, code)\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE mirror_version (\n"
    "    kind    INTEGER NOT NULL,\n"
    "    code    TEXT NOT NULL,\n"
    "    version INTEGER NOT NULL,\n"
    "    hash    BLOB NOT NULL,\n"
    "    body    BLOB NOT NULL,\n"
    "    at_ms   INTEGER NOT NULL,\n"
    "    PRIMARY KEY (kind, code, version)\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE stage (\n"
    "    kind INTEGER NOT NULL,\n"
    "    code TEXT NOT NULL,\n"
    "    name TEXT NOT NULL,\n"
    "    active INTEGER NOT NULL,\n"
    "    hash BLOB,\n"
    "    body BLOB,\n"
    "    PRIMARY KEY (kind, code)\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE local_catalog (\n"
    "    code   TEXT PRIMARY KEY,\n"
    "    name   TEXT NOT NULL,\n"
    "    hash   BLOB NOT NULL,\n"
    "    active INTEGER NOT NULL,\n"
    "    lacks  TEXT NOT NULL\n"
    ") WITHOUT ROWID;\n"
    "CREATE TABLE audit (\n"
    "    id     INTEGER PRIMARY KEY AUTOINCREMENT,\n"
    "    at_ms  INTEGER NOT NULL,\n"
    "    who    TEXT NOT NULL,\n"
    "    verb   TEXT NOT NULL,\n"
    "    object TEXT NOT NULL,\n"
    "    reason TEXT,\n"
    "    chain  BLOB NOT NULL\n"
    ");\n"
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;\n"
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;\n";
/* clang-format on */

/* And what version 2 added. */
static const char version_2[] =
    "ALTER TABLE item ADD COLUMN source TEXT;"
    "CREATE TABLE part (subject INTEGER NOT NULL REFERENCES subject, source TEXT NOT NULL, "
    "rank INTEGER NOT NULL, at INTEGER NOT NULL, sha256 BLOB NOT NULL, body BLOB NOT NULL, "
    "PRIMARY KEY (subject, source));"
    "PRAGMA user_version = 2;";

static void run_sql(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
}

static void give_body(sqlite3 *db, int64_t item, const char *body)
{
    sqlite3_stmt *stmt = NULL;
    uint8_t sha256[DIGEST_BYTES];

    assert_int_equal(digest_sha256(body, strlen(body), sha256), 0);
    assert_int_equal(
        sqlite3_prepare_v2(db, "INSERT INTO body VALUES (?1, ?2, ?3)", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_int64(stmt, 1, item), SQLITE_OK);
    assert_int_equal(sqlite3_bind_blob(stmt, 2, sha256, DIGEST_BYTES, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_bind_blob(stmt, 3, body, (int)strlen(body), SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

/* One dossier, acknowledged, with two steps in doubt of which the first goes alone. */
static void make_version_1(const struct fixture *f)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    run_sql(db, "PRAGMA journal_mode = WAL");
    run_sql(db, version_1);
    run_sql(db, "PRAGMA user_version = 1");
    run_sql(db, "INSERT INTO flow VALUES (1, '" FIXTURE_FLOW "')");
    run_sql(db, "INSERT INTO subject (id, flow, code, present, acked_item, acked_hash, "
                "acked_status, status, newest_item, queue, since_ms) "
                "VALUES (7, 1, 'A', 1, 1, zeroblob(32), 2, 2, 1, 1, 5)");
    run_sql(db, "INSERT INTO item (id, subject, kind, state, step_key, hash, status, at, "
                "created_ms, changed_ms, solo, reason) VALUES "
                "(1, 7, 1, 4, NULL, zeroblob(32), 2, 1, 1, 1, 0, NULL), "
                "(2, 7, 2, 2, 's1', zeroblob(32), 2, 1, 5, 5, 1, NULL), "
                "(3, 7, 2, 2, 's2', zeroblob(32), 2, 2, 5, 5, 0, NULL), "
                "(4, 7, 2, 7, 's3', zeroblob(32), 2, 2, 5, 5, 0, 'not ours')");
    run_sql(db, "INSERT INTO tally VALUES (1, 1, 4, 1), (1, 2, 2, 2), (1, 2, 7, 1)");
    run_sql(
        db,
        "INSERT INTO mirror VALUES (3, 'P', 'now', 3, x'03', '{\"code\":\"P\",\"name\":\"c\"}', "
        "1, 0, 10, 30, 30, NULL, ''), (3, 'Q', 'one', 1, x'01', 'x', 1, 0, 10, 10, 10, NULL, '')");
    run_sql(db, "INSERT INTO mirror_version VALUES "
                "(3, 'P', 1, x'01', '{\"code\":\"P\",\"name\":\"a\"}', 10), "
                "(3, 'P', 2, x'02', '{\"code\":\"P\",\"name\":\"b\",\"kind\":\"1\"}', 20)");
    run_sql(db, "INSERT INTO local_catalog VALUES ('P', 'now', x'03', 1, '')");
    give_body(db, 1, "{\"code\":\"A\"}");
    give_body(db, 2, "{\"code\":\"A\"}");
    give_body(db, 3, "{\"code\":\"A\"}");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void open_version_1(struct fixture *f)
{
    fixture_open(f);
    fixture_close_journal(f);
    assert_int_equal(unlink(f->path), 0);
    make_version_1(f);
    fixture_restart(f);
}

static void a_file_of_version_1_goes_on_with_its_data(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    open_version_1(&f);
    assert_int_equal(fixture_number(&f, "PRAGMA user_version"), 3);
    fixture_check(&f);
    assert_string_equal(fixture_states(&f, "A"), "Duux");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM item WHERE source IS NOT NULL"), 0);
    assert_string_equal(fixture_text(&f, "SELECT reason FROM item WHERE id = 4"), "not ours");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM part"), 0);
    /* the catalogue's history is told from the versions that were kept */
    assert_string_equal(fixture_text(&f,
                                     "SELECT group_concat(at_ms || side || kind || code || what "
                                     "|| fields, '; ') FROM catalog_change"),
                        "2013P1kind, name; 3013P1kind, name");
    assert_int_equal(fixture_number(&f, "SELECT level + processes + eforms FROM local_catalog"),
                     -3);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM figure"), 0); /* nothing to count */
    call = fixture_claim_one(&f);
    assert_int_equal(call->n, 1); /* alone, as before */
    assert_int_equal(call->items[0].id, 2);
    assert_int_equal(call->items[0].solo, 1);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    assert_int_equal(fixture_deliver_all(&f), 1);
    fixture_restart(&f); /* a second start has nothing to do */
    assert_string_equal(fixture_states(&f, "A"), "Dddx");
    fixture_end(&f);
}

/* One dossier delivered, of which all is kept; one whose body went; a procedure; a damaged body. */
static void make_version_2(const struct fixture *f)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    run_sql(db, "PRAGMA journal_mode = WAL");
    run_sql(db, version_1);
    run_sql(db, version_2);
    run_sql(db, "INSERT INTO flow VALUES (1, '" FIXTURE_FLOW "')");
    run_sql(db, "INSERT INTO subject (id, flow, code, present, acked_item, acked_hash, status, "
                "promised, newest_item, settled) VALUES "
                "(7, 1, 'A', 1, 1, zeroblob(32), 10, 1763859200, 1, 5), "
                "(8, 1, 'B', 1, 2, zeroblob(32), 10, 0, 2, -5), "
                "(9, 1, '1.001193', 1, 3, zeroblob(32), 0, 0, 3, 5), "
                "(10, 1, 'C', 1, 4, zeroblob(32), 10, 0, 4, 5)");
    run_sql(db, "INSERT INTO item (id, subject, kind, state, hash, created_ms, changed_ms) VALUES "
                "(1, 7, 1, 4, zeroblob(32), 1, 1), (2, 8, 1, 4, zeroblob(32), 1, 1), "
                "(3, 9, 1, 4, zeroblob(32), 1, 1), (4, 10, 1, 4, zeroblob(32), 1, 1)");
    run_sql(db, "INSERT INTO tally VALUES (1, 1, 4, 4)");
    give_body(db, 1,
              "{\"code\":\"A\",\"procedure_code\":\"1.001193\",\"sector_code\":\"G15-HT04\","
              "\"agency_code\":\"H22.14.09\",\"status\":\"done\",\"channel\":\"2\",\"entry\":\"2\","
              "\"submitted_s\":1763596400,\"received_s\":1763600000,\"promised_s\":1763859200,"
              "\"finished_s\":1763686400,\"digitised\":1,\"results\":[{\"id\":\"1\","
              "\"url\":\"https://dvc/tep/1?t=5\"},{\"id\":\"2\"}]}");
    give_body(db, 3, "{\"code\":\"1.001193\",\"name\":\"x\",\"status\":\"1\",\"active\":1}");
    give_body(db, 4, "{\"code\":\"C\",\"procedure_c");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_file_of_version_2_gets_figures_of_what_it_keeps(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    fixture_close_journal(&f);
    assert_int_equal(unlink(f.path), 0);
    make_version_2(&f);
    fixture_restart(&f);
    assert_int_equal(fixture_number(&f, "PRAGMA user_version"), 3);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM figure"), 1);
    assert_string_equal(
        fixture_text(&f, "SELECT subject || '|' || procedure || '|' || sector || '|' || agency || "
                         "printf('|%%d|%%d|%%d|%%d|%%d|%%d|%%d|%%d|%%d|%%d|%%d|%%d|%%d|%%d', "
                         "channel, entry, submitted, received, finished, returned, refused, "
                         "first_promised, moved, supplements, results, digitised, identified, "
                         "paid_online) FROM figure"),
        "7|1.001193|G15-HT04|H22.14.09|2|2|1763596400|1763600000|1763686400|0|0|1763859200|0|0|2|"
        "1|-1|-1");
    assert_string_equal(fixture_text(&f, "SELECT subject || '|' || length(mark) FROM result_mark"),
                        "7|16");
    fixture_end(&f);
}

/* Everything of these names with what matters of it, one text. */
static char *shape(struct fixture *f, const char *names)
{
    const char *text = fixture_text(
        f,
        "SELECT group_concat(line, char(10)) FROM (SELECT m.type || ' ' || m.name || ' ' || "
        "ifnull((SELECT group_concat(c.name || ' ' || c.type || c.\"notnull\" || "
        "ifnull(c.dflt_value, '') || c.pk, ',') FROM pragma_table_xinfo(m.name) c), '') || ' ' "
        "|| ifnull((SELECT group_concat(x.name || x.\"unique\" || x.origin || x.partial, ',') "
        "FROM pragma_index_list(m.name) x), '') || ' ' || ifnull((SELECT "
        "group_concat(k.\"table\" || k.\"from\", ',') FROM pragma_foreign_key_list(m.name) "
        "k), '') AS line FROM sqlite_schema m WHERE m.name %s ORDER BY m.type, m.name)",
        names);

    assert_true(strlen(text) > 100 && strlen(text) < 4000); /* and not cut */
    return strdup(text);
}

static void a_fresh_file_and_a_migrated_one_are_alike(void **state)
{
    static const char *const names[] = {"< 'c'", ">= 'c' AND m.name < 'm'",
                                        ">= 'm' AND m.name < 'sqlite'", ">= 'sqlite'"};
    char *fresh[4];
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < 4; i++) {
        fresh[i] = shape(&f, names[i]);
    }
    fixture_end(&f);
    assert_non_null(strstr(fresh[1], "source TEXT"));
    assert_non_null(strstr(fresh[2], "table part"));
    open_version_1(&f);
    for (size_t i = 0; i < 4; i++) {
        char *migrated = shape(&f, names[i]);

        assert_string_equal(fresh[i], migrated);
        free(fresh[i]);
        free(migrated);
    }
    fixture_end(&f);
}

static void a_file_without_a_version_is_none_of_ours(void **state)
{
    struct fixture f;
    struct errmsg msg = {""};

    (void)state;
    fixture_open(&f);
    fixture_close_journal(&f);
    fixture_tamper(&f, "PRAGMA user_version = 0");
    assert_int_equal(fixture_try_open(&f, &msg), ERR_CORRUPT);
    fixture_tamper(&f, "PRAGMA user_version = 3");
    fixture_restart(&f);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_version_1_goes_on_with_its_data),
        cmocka_unit_test(a_file_of_version_2_gets_figures_of_what_it_keeps),
        cmocka_unit_test(a_fresh_file_and_a_migrated_one_are_alike),
        cmocka_unit_test(a_file_without_a_version_is_none_of_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
