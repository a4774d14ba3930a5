#include "journal/salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "journal/salvage_mend.h"
#include "journal/salvage_pages.h"
#include "journal/sqlite.h"

#define CHUNK_ROWS 20000
#define CACHE_BYTES (16u << 20)

/* How the rows of a table look, a letter a column: n its id (stands as NULL), i number, t text, h
 * digest, b bytes; capitals may be NULL. fewer: columns that rows of an older version lack. */
static const struct shape {
    const char *name;
    const char *columns;
    size_t fewer;
    const char *insert; /* all columns in order; a table's id at the place of n */
} shapes[SALVAGE_TABLES] = {
    [SALVAGE_FLOW] = {"flow", "nt", 0, "INSERT OR IGNORE INTO flow VALUES (?1, ?2)"},
    [SALVAGE_SUBJECT] = {"subject", "nitTiiiIHiiiiIiIiiii", 0,
                         "INSERT OR IGNORE INTO subject VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
                         "?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"},
    [SALVAGE_ITEM] = {"item", "niiiThiiiiiiiiiiITT", 1,
                      "INSERT OR IGNORE INTO item VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                      "?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"},
    [SALVAGE_BODY] = {"body", "nhb", 0, "INSERT OR IGNORE INTO body VALUES (?1, ?2, ?3)"},
    [SALVAGE_PART] = {"part", "itiihb", 0,
                      "INSERT OR IGNORE INTO part VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
    [SALVAGE_ATTEMPT] = {"attempt", "niiiiiiiIIITTHHiI", 0,
                         "INSERT OR IGNORE INTO attempt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
                         "?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"},
    [SALVAGE_AUDIT] = {"audit", "nitttThB", 1,
                       "INSERT OR IGNORE INTO old_audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
    [SALVAGE_FACT] = {"fact", "tt", 0, "INSERT OR IGNORE INTO fact VALUES (?1, ?2)"},
    [SALVAGE_FIGURE] = {"figure", "ntttiiiiiiiiiiiiii", 0,
                        "INSERT OR IGNORE INTO figure VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
                        "?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"},
    [SALVAGE_MARK] = {"result_mark", "ib", 0, "INSERT OR IGNORE INTO result_mark VALUES (?1, ?2)"},
};

const char *salvage_table_name(enum salvage_table table)
{
    return shapes[table].name;
}

struct saving {
    struct salvage_pages pages;
    struct salvage_report *report;
    const struct salvage_flows *flows;
    struct db *db; /* NULL in the first pass, which only finds out which pages are bad */
    sqlite3_stmt *inserts[SALVAGE_TABLES];
    sqlite3_stmt *suspect;
    uint64_t rows; /* since the last commit */
    int err;
};

/* ---- is it a row of ours ---- */

static bool fits(const struct salvage_value *v, char letter)
{
    switch (letter) {
    case 'n':
        return v->type == SALVAGE_NULL;
    case 'i':
        return v->type == SALVAGE_INTEGER;
    case 't':
        return v->type == SALVAGE_TEXT && text_is_utf8(v->bytes, v->n);
    case 'h':
        return v->type == SALVAGE_BLOB && v->n == DIGEST_BYTES;
    case 'b':
        return v->type == SALVAGE_BLOB;
    default:
        return v->type == SALVAGE_NULL || fits(v, (char)(letter | 0x20));
    }
}

static bool has_shape(const struct salvage_row *r, const struct shape *shape)
{
    size_t n = strlen(shape->columns);

    if (r->n > n || r->n + shape->fewer < n) {
        return false;
    }
    for (size_t i = 0; i < r->n; i++) {
        if (!fits(&r->values[i], shape->columns[i])) {
            return false;
        }
    }
    return true;
}

static bool within(int64_t value, int64_t least, int64_t most)
{
    return value >= least && value <= most;
}

static bool digest_fits(const struct salvage_value *sum, const struct salvage_value *body)
{
    uint8_t actual[DIGEST_BYTES];

    return digest_sha256(body->bytes, body->n, actual) == 0 &&
           memcmp(actual, sum->bytes, sizeof(actual)) == 0;
}

/* What the columns say must be possible. */
static bool makes_sense(const struct salvage_row *r, enum salvage_table table)
{
    const struct salvage_value *v = r->values;

    switch (table) {
    case SALVAGE_FLOW:
        return within(r->rowid, 1, DB_MAX_FLOWS) && within((int64_t)v[1].n, 1, 63);
    case SALVAGE_SUBJECT:
        return within(v[1].integer, 1, DB_MAX_FLOWS) && within((int64_t)v[2].n, 1, 63) &&
               within(v[4].integer, 0, 1) && within(v[6].integer, 0, 1) &&
               within(v[9].integer, 0, 10) && within(v[10].integer, 0, 10);
    case SALVAGE_ITEM:
        return v[1].integer > 0 && within(v[2].integer, ITEM_SNAPSHOT, ITEM_STEP) &&
               within(v[3].integer, 0, ITEM_STATES - 1) && within(v[6].integer, 0, 10) &&
               v[8].integer > 0 && within(v[14].integer, 0, HOLD_WHYS - 1) &&
               (v[4].type == SALVAGE_TEXT) == (v[2].integer == ITEM_STEP);
    case SALVAGE_BODY:
        return digest_fits(&v[1], &v[2]);
    case SALVAGE_PART:
        return v[0].integer > 0 && digest_fits(&v[4], &v[5]);
    case SALVAGE_ATTEMPT:
        return v[1].integer > 0 && within(v[2].integer, 1, 2) && v[3].integer > 0;
    case SALVAGE_FACT: /* pauses alone outlive: the rest is found out anew */
        return v[0].n > 6 && memcmp(v[0].bytes, "pause:", 6) == 0;
    case SALVAGE_FIGURE:
        return within(v[4].integer, 0, 9) && within(v[5].integer, 0, 9) &&
               within(v[12].integer, 0, INT32_MAX) && within(v[14].integer, 0, INT32_MAX);
    case SALVAGE_MARK:
        return v[0].integer > 0 && v[1].n == FIGURES_MARK_BYTES;
    default:
        return true;
    }
}

/* SALVAGE_TABLES: none of ours. */
static enum salvage_table table_of(const struct salvage_row *r)
{
    for (unsigned t = 0; t < SALVAGE_TABLES; t++) {
        if (r->keyed == (t == SALVAGE_FACT || t == SALVAGE_MARK) && has_shape(r, &shapes[t])) {
            return (enum salvage_table)t;
        }
    }
    return SALVAGE_TABLES;
}

/* ---- saving it ---- */

static int bind_value(sqlite3_stmt *stmt, int at, const struct salvage_value *v)
{
    switch (v->type) {
    case SALVAGE_INTEGER:
        return sqlite3_bind_int64(stmt, at, v->integer);
    case SALVAGE_TEXT:
        return sqlite3_bind_text(stmt, at, v->bytes, (int)v->n, SQLITE_STATIC);
    case SALVAGE_BLOB:
        return sqlite3_bind_blob64(stmt, at, v->bytes, v->n, SQLITE_STATIC);
    default:
        return sqlite3_bind_null(stmt, at);
    }
}

static int run_insert(struct saving *s, sqlite3_stmt *stmt)
{
    int code = sqlite3_step(stmt);

    (void)sqlite3_reset(stmt); /* repeats the step's error */
    (void)sqlite3_clear_bindings(stmt);
    return code == SQLITE_DONE ? 0 : db_error(s->db, code, "save a row");
}

/* So that neither the log nor one transaction grows with the journal. */
static int commit_chunk(struct saving *s)
{
    int err;

    if (++s->rows < CHUNK_ROWS) {
        return 0;
    }
    s->rows = 0;
    err = db_commit(s->db);
    err = err == 0 ? db_checkpoint(s->db, false) : err;
    return err == 0 ? db_begin(s->db) : err;
}

static int insert_row(struct saving *s, const struct salvage_row *r, enum salvage_table table)
{
    const char *columns = shapes[table].columns;
    sqlite3_stmt *stmt = s->inserts[table];
    int err;

    for (size_t i = 0; i < r->n; i++) {
        int code = columns[i] == 'n' ? sqlite3_bind_int64(stmt, (int)i + 1, r->rowid)
                                     : bind_value(stmt, (int)i + 1, &r->values[i]);

        if (code != SQLITE_OK) {
            return db_error(s->db, code, "save a row");
        }
    }
    err = run_insert(s, stmt);
    if (err == 0) {
        s->report->saved[table] += (uint64_t)sqlite3_changes(s->db->sqlite);
    }
    return err;
}

/* Who shares a page with damage may be damaged in a way that nothing shows. */
static int note_suspect(struct saving *s, const struct salvage_row *r, enum salvage_table table)
{
    if (!s->pages.bad[r->page] || (table != SALVAGE_SUBJECT && table != SALVAGE_ITEM)) {
        return 0;
    }
    if (sqlite3_bind_int64(s->suspect, 1,
                           table == SALVAGE_SUBJECT ? r->rowid : r->values[1].integer) !=
        SQLITE_OK) {
        return ERR_NOMEM;
    }
    return run_insert(s, s->suspect);
}

/* The index of the flows' names tells them when their table is lost. */
static int take_flow_entry(struct saving *s, const struct salvage_row *r)
{
    const struct salvage_value *v = r->values;

    for (size_t i = 0; i < s->flows->n && s->db != NULL; i++) {
        if (v[0].n == strlen(s->flows->names[i]) &&
            memcmp(v[0].bytes, s->flows->names[i], v[0].n) == 0) {
            struct salvage_row row = {.rowid = v[1].integer, .n = 2, .values = {{0}, v[0]}};

            return insert_row(s, &row, SALVAGE_FLOW);
        }
    }
    return 0;
}

static bool is_flow_entry(const struct salvage_row *r)
{
    return r->keyed && r->n == 2 && r->values[0].type == SALVAGE_TEXT &&
           r->values[1].type == SALVAGE_INTEGER && within(r->values[1].integer, 1, DB_MAX_FLOWS);
}

static int take_row(void *ctx, const struct salvage_row *r)
{
    struct saving *s = ctx;
    enum salvage_table table = table_of(r);
    int err;

    if (is_flow_entry(r)) {
        return take_flow_entry(s, r);
    }
    if (table == SALVAGE_TABLES || (r->keyed && !makes_sense(r, table))) {
        return 0;
    }
    if (!makes_sense(r, table)) {
        salvage_pages_doubt(&s->pages, r->page);
        s->report->spoiled[table] += s->db != NULL;
        return 0;
    }
    if (s->db == NULL) {
        return 0;
    }
    err = insert_row(s, r, table);
    err = err == 0 ? note_suspect(s, r, table) : err;
    return err == 0 ? commit_chunk(s) : err;
}

static int prepare(struct saving *s)
{
    static const char temporary[] =
        "PRAGMA temp_store = MEMORY;"
        "PRAGMA foreign_keys = OFF;" /* pages come in no order; put right at the end */
        "CREATE TEMP TABLE old_audit (id INTEGER PRIMARY KEY, at_ms, who, verb, object, reason, "
        "chain, salt);"
        "CREATE TEMP TABLE suspect (subject INTEGER PRIMARY KEY)";
    int err = db_exec(s->db, temporary);

    for (unsigned t = 0; t < SALVAGE_TABLES && err == 0; t++) {
        int code = sqlite3_prepare_v2(s->db->sqlite, shapes[t].insert, -1, &s->inserts[t], NULL);

        err = code == SQLITE_OK ? 0 : db_error(s->db, code, shapes[t].name);
    }
    if (err == 0) {
        int code = sqlite3_prepare_v2(s->db->sqlite, "INSERT OR IGNORE INTO suspect VALUES (?1)",
                                      -1, &s->suspect, NULL);

        err = code == SQLITE_OK ? 0 : db_error(s->db, code, "suspect");
    }
    return err;
}

static void finish_statements(struct saving *s)
{
    for (unsigned t = 0; t < SALVAGE_TABLES; t++) {
        (void)sqlite3_finalize(s->inserts[t]);
    }
    (void)sqlite3_finalize(s->suspect);
}

/* Into an open, empty journal. */
static int fill(struct saving *s, const char *audit_path, uint64_t now_ms)
{
    int err = prepare(s);

    err = err == 0 ? db_begin(s->db) : err;
    err = err == 0 ? salvage_pages_each(&s->pages, take_row, s) : err;
    finish_statements(s);
    err = err == 0 ? salvage_mend(s->db, audit_path, s->flows, now_ms, s->report) : err;
    err = err == 0 ? db_commit(s->db) : err;
    return err == 0 ? db_checkpoint(s->db, true) : err;
}

/* ---- files ---- */

/* Where it works: what stands in it is its own, and nobody else takes it for a journal. */
struct workplace {
    char folder[4096];
    char part[4096 + 16];
    char audit[4096 + 16];
    char fresh_audit[4096 + 16];
};

/* *fd -1: the disk is read-only, so no daemon starts there either. */
static int make_lock(const char *name, const struct stat *damaged, int *fd, struct errmsg *msg)
{
    int number;

    *fd = open(name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    /* The daemon's user must be able to open it afterwards. */
    if (*fd >= 0 && fchown(*fd, damaged->st_uid, damaged->st_gid) == 0) {
        return 0;
    }
    number = errno;
    if (*fd >= 0) {
        (void)unlink(name);
        (void)close(*fd);
        *fd = -1;
    }
    return number == EROFS
               ? 0
               : err_set(msg, file_error(number), "%s: %s: run it as root or as the file's owner",
                         name, strerror(number));
}

/* The daemon's own lock, held until the end, so that none starts on the file meanwhile. */
static int take_lock(const char *damaged, int *fd, struct errmsg *msg)
{
    char name[4096 + 8];
    struct stat file;
    int err = 0;

    if (stat(damaged, &file) != 0) {
        return err_set(msg, file_error(errno), "%s: %s", damaged, strerror(errno));
    }
    (void)snprintf(name, sizeof(name), "%s.lock", damaged);
    *fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0) {
        err = errno == ENOENT ? make_lock(name, &file, fd, msg)
                              : err_set(msg, file_error(errno), "%s: %s", name, strerror(errno));
    }
    return err == 0 && *fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) != 0
               ? err_set(msg, ERR_BUSY, "%s: a daemon or another recovery uses it; stop that first",
                         damaged)
               : err;
}

/* A whole header that says so; a damaged one says nothing. */
static int check_version(const char *damaged, struct errmsg *msg)
{
    unsigned char head[100] = {0};
    int fd = open(damaged, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? pread(fd, head, sizeof(head), 0) : -1;
    uint32_t version =
        (uint32_t)head[60] << 24 | (uint32_t)head[61] << 16 | (uint32_t)head[62] << 8 | head[63];
    uint32_t application =
        (uint32_t)head[68] << 24 | (uint32_t)head[69] << 16 | (uint32_t)head[70] << 8 | head[71];

    if (fd >= 0) {
        (void)close(fd);
    }
    return n == (ssize_t)sizeof(head) && memcmp(head, "SQLite format 3", 16) == 0 &&
                   application == DB_APPLICATION && version > DB_SCHEMA_VERSION && version < 1000
               ? err_set(msg, ERR_SCHEMA, "%s was made by a newer version (%u): install that",
                         damaged, version)
               : 0;
}

static int make_workplace(struct workplace *p, const char *fresh, struct errmsg *msg)
{
    if (strlen(fresh) + 32 > sizeof(p->folder)) {
        return err_set(msg, ERR_TOOBIG, "the path is too long");
    }
    (void)snprintf(p->folder, sizeof(p->folder), "%s.part", fresh);
    (void)snprintf(p->part, sizeof(p->part), "%s/unfinished", p->folder);
    (void)snprintf(p->audit, sizeof(p->audit), "%s/audit.jsonl", p->folder);
    (void)snprintf(p->fresh_audit, sizeof(p->fresh_audit), "%s.audit.jsonl", fresh);
    if (access(fresh, F_OK) == 0 || access(p->fresh_audit, F_OK) == 0) {
        return err_set(msg, ERR_EXISTS, "%s is there already",
                       access(fresh, F_OK) == 0 ? fresh : p->fresh_audit);
    }
    if (mkdir(p->folder, 0700) == 0) {
        return 0;
    }
    if (errno == EEXIST) {
        return err_set(msg, ERR_EXISTS,
                       "%s is in the way: a recovery that was cut short left it unfinished, or it "
                       "is somebody else's; remove it, or give another name",
                       p->folder);
    }
    return err_set(msg,
                   errno == ENOENT || errno == EACCES ? file_error(errno) : file_write_error(errno),
                   "making %s: %s", p->folder, strerror(errno));
}

static void remove_workplace(const struct workplace *p)
{
    static const char *const tails[] = {"",     "-wal",     "-shm",     "-journal",
                                        ".new", ".new-wal", ".new-shm", ".new-journal"};
    char name[sizeof(p->part) + 16];

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", p->part, tails[i]);
        (void)unlink(name); /* usually not there */
    }
    (void)unlink(p->audit);
    (void)rmdir(p->folder);
}

/* The evidence first: the journal is there only when all of it is. */
static int put_in_place(const struct workplace *p, const char *fresh, struct errmsg *msg)
{
    bool beside = access(p->audit, F_OK) == 0;
    int err = beside ? file_put_in_place(p->audit, p->fresh_audit, msg) : 0;

    if (err < 0) {
        return err;
    }
    err = file_put_in_place(p->part, fresh, msg);
    if (err < 0 && beside) {
        (void)unlink(p->fresh_audit);
    }
    return err;
}

static int save_into(struct saving *s, const struct workplace *p, const char *fresh,
                     uint64_t now_ms, struct errmsg *msg)
{
    static const struct db_options options = {.cache_bytes = CACHE_BYTES};
    struct db db;
    int err = db_open(&db, p->part, &options, msg);

    if (err < 0) {
        return err;
    }
    s->db = &db;
    err = fill(s, p->audit, now_ms);
    if (err < 0) {
        err = err_set(msg, err, "%s: %s", p->part, db.why.text);
    }
    db_close(&db);
    return err == 0 ? put_in_place(p, fresh, msg) : err;
}

/* First which pages are bad, then the rows. */
static int save(struct saving *s, const char *damaged, const char *fresh, uint64_t now_ms,
                struct errmsg *msg)
{
    struct workplace place;
    int err = check_version(damaged, msg);

    err = err == 0 ? salvage_pages_open(&s->pages, damaged, msg) : err;
    if (err < 0) {
        return err;
    }
    err = make_workplace(&place, fresh, msg);
    if (err == 0) {
        err = salvage_pages_each(&s->pages, take_row, s);
        s->report->bad_pages = s->pages.bad_pages;
        s->report->unreadable = s->pages.unreadable;
        s->report->log_cut = s->pages.wal_cut;
        err =
            err == 0 ? save_into(s, &place, fresh, now_ms, msg) : err_set(msg, err, "%s", damaged);
        remove_workplace(&place);
    }
    salvage_pages_close(&s->pages);
    return err;
}

int salvage_journal(const char *damaged, const char *fresh, const struct salvage_flows *flows,
                    uint64_t now_ms, struct salvage_report *report, struct errmsg *msg)
{
    struct saving *s = calloc(1, sizeof(*s));
    int lock = -1;
    int err;

    memset(report, 0, sizeof(*report));
    if (s == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", damaged);
    }
    s->report = report;
    s->flows = flows;
    err = take_lock(damaged, &lock, msg);
    err = err == 0 ? save(s, damaged, fresh, now_ms, msg) : err;
    if (lock >= 0) {
        (void)close(lock);
    }
    free(s);
    return err;
}
