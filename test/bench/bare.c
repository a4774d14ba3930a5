#include "bench/bare.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/made.h"
#include "journal/schema.h"
#include "journal/sqlite.h"

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bare: %s: %s\n", what, why);
    exit(1);
}

enum statement {
    SQL_SUBJECT,
    SQL_ITEM,
    SQL_BODY,
    SQL_FIGURE,
    SQL_ROW,
    SQL_CURSOR,
    SQL_TALLY,
    SQL_SUBJECT_BUSY,
    SQL_ITEM_SENT,
    SQL_ATTEMPT,
    SQL_READ,
    SQL_ATTEMPT_END,
    SQL_ITEM_DONE,
    SQL_SUBJECT_DONE,
    SQL_COUNT
};

static const char *const SQL[SQL_COUNT] = {
    [SQL_SUBJECT] =
        "INSERT INTO subject (id, flow, code, status, at, promised, newest_item, queue, "
        "since_ms) VALUES (?1, 1, ?2, 4, ?3, ?4, ?1, 1, ?5)",
    [SQL_ITEM] = "INSERT INTO item (id, subject, kind, state, hash, status, at, created_ms, "
                 "changed_ms) VALUES (?1, ?1, 1, 0, ?2, 4, ?3, ?4, ?4)",
    [SQL_BODY] = "INSERT INTO body (item, sha256, body) VALUES (?1, ?2, ?3)",
    [SQL_FIGURE] =
        "INSERT INTO figure (subject, procedure, sector, agency, channel, entry, submitted, "
        "received, finished, returned, refused, first_promised, moved, supplements, results, "
        "digitised, identified, paid_online) VALUES (?1, '1.000893', 'G15-HT04', 'H56.31.25', 2, "
        "2, ?2, ?2, 0, 0, 0, ?3, 0, 0, 0, -1, -1, -1)",
    [SQL_ROW] = "INSERT INTO source_row (source, id, hash, code) VALUES ('feed', ?1, ?2, ?1)",
    [SQL_CURSOR] = "INSERT INTO cursor (source, value) VALUES ('feed', ?1) ON CONFLICT (source) DO "
                   "UPDATE SET value = ?1",
    [SQL_TALLY] = "INSERT INTO tally (flow, kind, state, n) VALUES (1, 1, ?1, ?2) ON CONFLICT DO "
                  "UPDATE SET n = n + ?2",
    [SQL_SUBJECT_BUSY] = "UPDATE subject SET queue = NULL, busy = 1 WHERE id = ?1",
    [SQL_ITEM_SENT] = "UPDATE item SET state = 1, changed_ms = ?2 WHERE id = ?1",
    [SQL_ATTEMPT] = "INSERT INTO attempt (id, subject, verb, first_item, last_item, items, "
                    "begun_ms) VALUES (?1, ?1, 1, ?1, ?1, 1, ?2)",
    [SQL_READ] = "SELECT body FROM body WHERE item = ?1",
    [SQL_ATTEMPT_END] = "UPDATE attempt SET ended_ms = ?2, outcome = 0, http = 200, code = '0', "
                        "words = 'Đồng bộ hồ sơ thành công', request = ?3, response = ?3, "
                        "took_ms = 1 WHERE id = ?1",
    [SQL_ITEM_DONE] = "UPDATE item SET state = 4, attempts = 1, changed_ms = ?2 WHERE id = ?1",
    [SQL_SUBJECT_DONE] = "UPDATE subject SET busy = 0, present = 1, acked_item = ?1, acked_hash = "
                         "?3, acked_status = 4, since_ms = 0, settled = ?2 WHERE id = ?1",
};

struct bare {
    sqlite3 *db;
    sqlite3_stmt *stmt[SQL_COUNT];
    double seconds;
    size_t read; /* bytes of bodies */
};

static void must(struct bare *b, bool fine, const char *what)
{
    if (!fine) {
        die(what, sqlite3_errmsg(b->db));
    }
}

static void exec(struct bare *b, const char *sql)
{
    must(b, sqlite3_exec(b->db, sql, NULL, NULL, NULL) == SQLITE_OK, sql);
}

static void step(struct bare *b, enum statement which)
{
    int code = sqlite3_step(b->stmt[which]);

    must(b, code == SQLITE_DONE || (which == SQL_READ && code == SQLITE_ROW), SQL[which]);
    if (code == SQLITE_ROW) {
        b->read += (size_t)sqlite3_column_bytes(b->stmt[which], 0);
    }
    sqlite3_reset(b->stmt[which]);
}

static sqlite3_stmt *bind(struct bare *b, enum statement which, int64_t first, int64_t second)
{
    sqlite3_bind_int64(b->stmt[which], 1, first);
    sqlite3_bind_int64(b->stmt[which], 2, second);
    return b->stmt[which];
}

static void open_bare(struct bare *b, const char *path, const char *synchronous)
{
    char settings[256];

    memset(b, 0, sizeof(*b));
    (void)snprintf(settings, sizeof(settings),
                   "PRAGMA page_size = %d; PRAGMA journal_mode = WAL; PRAGMA synchronous = %s;"
                   "PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = %d;"
                   "PRAGMA journal_size_limit = 67108864;",
                   DB_PAGE_BYTES, synchronous, DB_CHECKPOINT_BYTES / DB_PAGE_BYTES);
    must(b, sqlite3_open(path, &b->db) == SQLITE_OK, path);
    exec(b, settings);
}

static void bare_tally(struct bare *b, int64_t from, int64_t to, int64_t n)
{
    if (from >= 0) {
        bind(b, SQL_TALLY, from, -n);
        step(b, SQL_TALLY);
    }
    bind(b, SQL_TALLY, to, n);
    step(b, SQL_TALLY);
}

static void bare_append(struct bare *b, const struct made *made, long from, long until)
{
    char cursor[24];

    exec(b, "BEGIN IMMEDIATE");
    for (long i = from; i < until; i++) {
        const struct made *m = &made[i - from];
        int64_t id = i + 1;
        sqlite3_stmt *s = b->stmt[SQL_SUBJECT];

        sqlite3_bind_int64(s, 1, id);
        sqlite3_bind_text(s, 2, m->code, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, m->record.at_s);
        sqlite3_bind_int64(s, 4, m->record.promised_s);
        sqlite3_bind_int64(s, 5, MADE_NOW_S * 1000);
        step(b, SQL_SUBJECT);
        s = b->stmt[SQL_ITEM];
        sqlite3_bind_int64(s, 1, id);
        sqlite3_bind_blob(s, 2, m->record.hash, 32, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, m->record.at_s);
        sqlite3_bind_int64(s, 4, MADE_NOW_S * 1000);
        step(b, SQL_ITEM);
        s = b->stmt[SQL_BODY];
        sqlite3_bind_int64(s, 1, id);
        sqlite3_bind_blob(s, 2, m->record.hash, 32, SQLITE_STATIC);
        sqlite3_bind_blob(s, 3, m->record.body, (int)m->record.body_len, SQLITE_STATIC);
        step(b, SQL_BODY);
        s = bind(b, SQL_FIGURE, id, m->record.at_s);
        sqlite3_bind_int64(s, 3, m->record.promised_s);
        step(b, SQL_FIGURE);
        s = b->stmt[SQL_ROW];
        sqlite3_bind_text(s, 1, m->code, -1, SQLITE_STATIC);
        sqlite3_bind_blob(s, 2, m->record.hash, 32, SQLITE_STATIC);
        step(b, SQL_ROW);
    }
    (void)snprintf(cursor, sizeof(cursor), "%ld", until);
    sqlite3_bind_text(b->stmt[SQL_CURSOR], 1, cursor, -1, SQLITE_STATIC);
    step(b, SQL_CURSOR);
    bare_tally(b, -1, 0, until - from);
    exec(b, "COMMIT");
}

static void bare_claim(struct bare *b, long from, long until)
{
    exec(b, "BEGIN IMMEDIATE");
    for (int64_t id = from + 1; id <= until; id++) {
        sqlite3_bind_int64(b->stmt[SQL_SUBJECT_BUSY], 1, id);
        step(b, SQL_SUBJECT_BUSY);
        bind(b, SQL_ITEM_SENT, id, MADE_NOW_S * 1000);
        step(b, SQL_ITEM_SENT);
        bind(b, SQL_ATTEMPT, id, MADE_NOW_S * 1000);
        step(b, SQL_ATTEMPT);
        sqlite3_bind_int64(b->stmt[SQL_READ], 1, id);
        step(b, SQL_READ);
    }
    bare_tally(b, 0, 1, until - from);
    exec(b, "COMMIT");
}

static void bare_finish(struct bare *b, const struct made *made, long from, long until)
{
    exec(b, "BEGIN IMMEDIATE");
    for (long i = from; i < until; i++) {
        const uint8_t *hash = made->record.hash;

        sqlite3_bind_blob(bind(b, SQL_ATTEMPT_END, i + 1, MADE_NOW_S * 1000), 3, hash, 32,
                          SQLITE_STATIC);
        step(b, SQL_ATTEMPT_END);
        bind(b, SQL_ITEM_DONE, i + 1, MADE_NOW_S * 1000);
        step(b, SQL_ITEM_DONE);
        sqlite3_bind_blob(bind(b, SQL_SUBJECT_DONE, i + 1, MADE_NOW_S), 3, hash, 32, SQLITE_STATIC);
        step(b, SQL_SUBJECT_DONE);
    }
    bare_tally(b, 1, 4, until - from);
    exec(b, "COMMIT");
}

double bare_run(const char *path, long count, long group, long claim)
{
    struct made *made = calloc((size_t)group, sizeof(*made));
    struct bare b;

    open_bare(&b, path, "FULL");
    exec(&b, journal_schema_sql);
    exec(&b, "INSERT INTO flow (id, name) VALUES (1, 'dossiers');"
             "INSERT INTO fact (name, value) VALUES ('journal.program', 'bare')");
    for (int i = 0; i < SQL_COUNT; i++) {
        must(&b,
             sqlite3_prepare_v3(b.db, SQL[i], -1, SQLITE_PREPARE_PERSISTENT, &b.stmt[i], NULL) ==
                 SQLITE_OK,
             SQL[i]);
    }
    for (long i = 0; made != NULL && i < count; i += group) {
        long until = i + group < count ? i + group : count;
        struct arena arena;
        double begun;

        arena_init(&arena, 16u << 20);
        for (long k = i; k < until; k++) {
            made_fill(k, MADE_NOW_S, &arena, &made[k - i]);
        }
        begun = now_s();
        bare_append(&b, made, i, until);
        for (long k = i; k < until; k += claim) {
            long end = k + claim < until ? k + claim : until;

            bare_claim(&b, k, end);
            bare_finish(&b, made, k, end);
        }
        b.seconds += now_s() - begun;
        arena_free(&arena);
    }
    for (int i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(b.stmt[i]);
    }
    sqlite3_close(b.db);
    free(made);
    return b.seconds;
}

void bare_fill_delivered(const char *path, long count)
{
    static const char *const rows[] = {
        "INSERT INTO subject (id, flow, code, present, acked_item, acked_hash, acked_status, "
        "status, at, newest_item, since_ms, settled) SELECT n, 1, printf('H56.31.25-250101-%07d', "
        "n), 1, n, randomblob(32), 10, 10, 1735700000 + n, n, 0, -1 FROM k",
        "INSERT INTO item (id, subject, kind, state, hash, status, at, created_ms, changed_ms, "
        "attempts) SELECT n, n, 1, 4, randomblob(32), 10, 1735700000 + n, 1735700000000, "
        "1735700000000, 1 FROM k",
        "INSERT INTO figure SELECT n, '1.000893', 'G15-HT04', 'H56.31.25', 2, 0, 1735700000, "
        "1735700000, 1735700000, 1735700000, 0, 1735800000, 0, 0, 0, -1, -1, -1 FROM k",
        "INSERT INTO source_row (source, id, hash, code) SELECT 'feed', "
        "printf('H56.31.25-250101-%07d', n), randomblob(32), printf('H56.31.25-250101-%07d', n) "
        "FROM k",
    };
    struct bare b;
    char sql[1024];

    open_bare(&b, path, "OFF");
    exec(&b, "PRAGMA cache_size = -524288; BEGIN");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)snprintf(sql, sizeof(sql),
                       "WITH RECURSIVE k (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM k WHERE n "
                       "< %ld) %s",
                       count, rows[i]);
        exec(&b, sql);
    }
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO tally (flow, kind, state, n) VALUES (1, 1, 4, %ld)", count);
    exec(&b, sql);
    exec(&b, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3_close(b.db);
}
