/* sqlite: the journal's database connection, its statements and the transaction around a batch.
 *
 * Used on the worker only (and at start, before the loop turns). Statement texts stand beside the
 * code that uses them as const structs; each is prepared once and reset on every path (style.md
 * pitfall 16). Errors are negative enum err: ERR_FULL, ERR_CORRUPT, ERR_IO, ERR_NOMEM, with
 * SQLite's words in db->why. */
#ifndef JOURNAL_SQLITE_H
#define JOURNAL_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "domain/item.h"
#include "journal/journal.h"

#define DB_SCHEMA_VERSION 3
#define DB_APPLICATION 0x64766373 /* "dvcs" in the file's header, see schema.sql */
#define DB_MAX_STATEMENTS 256
#define DB_MAX_FLOWS 64
#define DB_PAGE_BYTES 8192 /* of a new file; files of before have 4096 */
#define DB_CHECKPOINT_BYTES (16 << 20)
#define DB_BUSY_TIMEOUT_MS 5000
#define DB_SCRUB_WAIT_MS 200

/* A statement's text; its address is its identity. */
struct sql {
    const char *text;
};

struct tally {
    int64_t n[DB_MAX_FLOWS + 1][3][ITEM_STATES]; /* by flow id, item kind, state */
};

struct db {
    sqlite3 *sqlite;
    bool losing_control;
    bool unchecked;    /* opened sealed: check.h is to be done beside the work */
    int wal_pages;     /* not folded back yet, as far as this connection knows */
    int checkpoint_at; /* pages */
    int checkpoint_pages;
    struct {
        const struct sql *sql;
        sqlite3_stmt *stmt;
    } statements[DB_MAX_STATEMENTS];
    size_t n_statements;
    struct tally tally;   /* as of the last commit */
    struct tally pending; /* with the moves of the running batch */
    bool tally_moved;
    int64_t last_item; /* the id that an item was stored under last, by this connection; 0 none */
    int64_t doubt_until_s; /* after a restore: what sources tell of before may have been sent */
    struct journal_audit_head audit; /* of the audit's last row, once committed */
    bool scrub;                      /* the WAL holds what was erased: it must be emptied soon */
    struct errmsg why;               /* of the last failure */
};

struct db_options {
    uint64_t cache_bytes;
    bool synchronous_normal;
    bool losing_control;
    bool must_exist;           /* after a fault: nothing is ever made anew */
    bool sealed;               /* nobody has touched the file since a clean stop, see seal.h */
    int64_t whole_check_bytes; /* as in struct journal_options */
};

/* For the whole process, before its first connection (later it changes nothing): SQLite counts no
 * memory, which costs two locks an allocation, and it allocates for every cursor of every step. */
void db_count_no_memory(void);
/* ERR_SCHEMA: a newer version; ERR_CORRUPT: damaged, empty, or no journal. Both leave the file as
 * it is. */
MUST_CHECK int db_open(struct db *db, const char *path, const struct db_options *options,
                       struct errmsg *msg);
/* A read-only connection beside whoever writes; the file is left as it is, whatever its version. */
MUST_CHECK int db_open_reader(struct db *db, const char *path, struct errmsg *msg);
/* The same for reports that need this version's tables: ERR_SCHEMA for an older or a newer file. */
MUST_CHECK int db_open_report(struct db *db, const char *path, struct errmsg *msg);
/* Closes and gives err back; words: a failure of the database, whose words go into msg. */
int db_close_report(struct db *db, const char *path, int err, bool words, struct errmsg *msg);
/* Writes nothing: see db_checkpoint for a clean stop. */
void db_close(struct db *db);
/* Brings the schema from its version to n; steps[i] leads from version i to i + 1. No file has
 * version 0. */
MUST_CHECK int db_migrate(struct db *db, const char *const *steps, int64_t n);
MUST_CHECK int db_begin(struct db *db);
MUST_CHECK int db_commit(struct db *db); /* also writes the tally's changes */
/* Around what only reads: one view for all of it, and its locks once, not for every statement. */
MUST_CHECK int db_begin_reading(struct db *db);
MUST_CHECK int db_end_reading(struct db *db);
void db_rollback(struct db *db); /* of either; nothing without one */
/* Runs plain text without results. */
MUST_CHECK int db_exec(struct db *db, const char *text);
/* PASSIVE, or TRUNCATE: for the end. */
MUST_CHECK int db_checkpoint(struct db *db, bool truncate);
/* After an erasure (scrub): folds the WAL and leaves none of it. 1 done, 0 a reader keeps it, else
 * failed; what waits for it stays. */
MUST_CHECK int db_scrub_wal(struct db *db);
/* The WAL has grown so much that a batch should pay for folding it. */
bool db_checkpoint_due(const struct db *db);
/* Turns an SQLite code into ours and keeps its words. */
int db_error(struct db *db, int code, const char *what);

/* The prepared statement, bound by types: i int64_t, t text (NULL: null), b const void* and size_t,
 * z int64_t (0: null), n nothing. NULL after a failure (db->why, *err). Reset it with db_reset when
 * done reading rows.
 */
sqlite3_stmt *db_bind(struct db *db, const struct sql *sql, int *err, const char *types, ...);
/* Binds and runs to the end; no rows wanted. */
MUST_CHECK int db_run(struct db *db, const struct sql *sql, const char *types, ...);
/* 1: a row is there; 0: the end (reset); negative: failed (reset). */
MUST_CHECK int db_row(struct db *db, sqlite3_stmt *stmt);
void db_reset(sqlite3_stmt *stmt);
/* Binds, runs, and reads the first row's first column as an integer: 1 found, 0 none, negative
 * failed. */
MUST_CHECK int db_integer(struct db *db, const struct sql *sql, int64_t *out, const char *types,
                          ...);

/* A text column until the next step, "" for NULL; NULL without memory. */
const char *db_column(sqlite3_stmt *stmt, int column);
/* The same for a row that is only shown: "" without memory too, which the next db_row reports. */
const char *db_shown(sqlite3_stmt *stmt, int column);
/* The same copied into the arena. */
const char *db_text(struct arena *a, sqlite3_stmt *stmt, int column);
/* A digest column; zeros when it is NULL or has another length. */
void db_digest(sqlite3_stmt *stmt, int column, uint8_t out[32]);

/* The number of a flow's items; NULL: there is no such flow, kind or state. */
int64_t *tally_at(struct tally *t, int64_t flow, int64_t kind, int64_t state);
/* Into tally and pending, from the table. */
MUST_CHECK int db_tally_load(struct db *db);
void db_tally_move(struct db *db, int64_t flow, enum item_kind kind, int from,
                   int to); /* -1: none */

#endif
