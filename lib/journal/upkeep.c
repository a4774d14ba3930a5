#include "journal/upkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/digest.h"
#include "base/file.h"
#include "journal/audit.h"
#include "journal/review.h"
#include "journal/worker.h"

/* Subjects that have been settled for long enough, each once: its mark turns negative until it is
 * settled anew, so that an idle chunk never walks over what earlier ones have done. */
static int next_settled(struct db *db, int64_t before_s, int64_t *id)
{
    static const struct sql select = {
        "SELECT id FROM subject INDEXED BY subject_settled WHERE settled > 0 AND settled < ?1 "
        "ORDER BY settled LIMIT 1"};

    return db_integer(db, &select, id, "i", before_s);
}

/* What its sources said of a dossier goes with the last of its bodies. */
static int remove_parts(struct db *db, int64_t subject)
{
    static const struct sql parts = {
        "DELETE FROM part WHERE subject = ?1 AND NOT EXISTS "
        "(SELECT 1 FROM subject s JOIN body b ON b.item = s.newest_item WHERE s.id = ?1)"};

    return db_run(db, &parts, "i", subject);
}

/* A body goes when its dossier is final, its item was dropped, or it is about no dossier and no
 * procedure (such a code has a kind and a colon in front); else the newest snapshot's stays,
 * since a refused step may need it again. */
static int remove_bodies(struct db *db, struct upkeep_retention *r)
{
    static const struct sql bodies = {
        "DELETE FROM body WHERE item IN (SELECT i.id FROM item i JOIN subject s "
        "ON s.id = i.subject JOIN body b ON b.item = i.id WHERE i.subject = ?1 AND "
        "(s.status IN (3, 8, 10) OR instr(s.code, ':') > 0 OR i.state = 7 OR i.id <> "
        "ifnull(s.newest_item, 0)) LIMIT ?2)"};
    static const struct sql mark = {"UPDATE subject SET settled = -settled WHERE id = ?1"};
    int64_t before_s = ((int64_t)r->now_ms - (int64_t)r->keep_payload_ms) / 1000;
    int64_t left = (int64_t)r->limit;

    for (size_t subjects = 0; subjects < r->limit; subjects++) {
        int64_t id = 0;
        int found = next_settled(db, before_s, &id);
        int err = found == 1 ? db_run(db, &bodies, "ii", id, left) : found;

        if (found != 1 || err < 0) {
            return err;
        }
        r->bodies += (uint32_t)sqlite3_changes(db->sqlite);
        left = (int64_t)r->limit - r->bodies;
        if (left == 0) {
            break; /* this subject may have more */
        }
        CRASH_POINT(retention_bodies);
        err = remove_parts(db, id);
        CRASH_POINT(retention_parts);
        err = err == 0 ? db_run(db, &mark, "i", id) : err;
        if (err < 0) {
            return err;
        }
    }
    r->more = true;
    return 0;
}

static int remove_attempts(struct db *db, struct upkeep_retention *r)
{
    /* Ids rise with time: only the oldest are looked at. */
    static const struct sql attempts = {
        "DELETE FROM attempt WHERE id IN (SELECT id FROM (SELECT id, begun_ms, ended_ms FROM "
        "attempt "
        "ORDER BY id LIMIT ?2) WHERE begun_ms < ?1 AND ended_ms IS NOT NULL)"};
    static const struct sql orphans = {
        "DELETE FROM attempt_item WHERE attempt < "
        "(SELECT ifnull(min(id), 9223372036854775807) FROM attempt)"};
    int err = db_run(db, &attempts, "ii", (int64_t)r->now_ms - (int64_t)r->keep_history_ms,
                     (int64_t)r->limit);

    r->attempts = err == 0 ? (uint32_t)sqlite3_changes(db->sqlite) : 0;
    r->more = r->more || r->attempts == r->limit;
    CRASH_POINT(retention_orphans);
    return err < 0 || r->attempts == 0 ? err : db_run(db, &orphans, "");
}

static int run_retention(struct db *db, struct journal_op *op)
{
    struct upkeep_retention *r = CONTAINER_OF(op, struct upkeep_retention, op);
    int err;

    CRASH_POINT(retention_before);
    r->bodies = 0;
    r->more = false;
    err = remove_bodies(db, r);
    CRASH_POINT(retention_attempts);
    err = err < 0 ? err : remove_attempts(db, r);
    return err < 0 || r->now_ms < r->keep_history_ms
               ? err
               : review_expire(db, r->now_ms - r->keep_history_ms, r->limit, &r->more);
}

void upkeep_retention(struct journal *j, struct upkeep_retention *r)
{
    journal_start(j, &r->op, run_retention, NULL, true);
}

/* ---- backup ---- */

/* No journal beside it: a copy that is not whole is thrown away. */
static int mark_copy(struct db *copy, uint64_t now_ms)
{
    int err = db_exec(copy, "PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE");

    err = err == 0 ? restore_mark(copy, now_ms, false) : err;
    return err == 0 ? db_exec(copy, "COMMIT") : err;
}

/* On connections of its own: VACUUM can't run inside the batch's transaction. Sees the last commit.
 */
static int copy_journal(struct db *db, const char *path, uint64_t now_ms, struct db *copy)
{
    static const struct sql vacuum = {"VACUUM INTO ?1"};
    struct db reader = {.sqlite = NULL};
    int code = sqlite3_open_v2(sqlite3_db_filename(db->sqlite, "main"), &reader.sqlite,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    int err =
        code == SQLITE_OK ? db_run(&reader, &vacuum, "t", path) : db_error(&reader, code, "open");

    if (err < 0) {
        copy->why = reader.why;
    }
    db_close(&reader);
    CRASH_POINT(backup_copied);
    if (err < 0) {
        return err_wrap(&copy->why, err, "copying");
    }
    code = sqlite3_open_v2(path, &copy->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    err = code == SQLITE_OK ? mark_copy(copy, now_ms) : db_error(copy, code, "open");
    db_close(copy);
    return err < 0 ? err_wrap(&copy->why, err, "marking the copy") : 0;
}

/* part is ours, and empty. The descriptor stays open: closing one would end SQLite's locks. */
static int fill_part(struct db *db, const struct upkeep_backup *b, const char *part, int fd,
                     struct errmsg *why)
{
    struct db copy = {.sqlite = NULL};
    int err = copy_journal(db, part, b->now_ms, &copy);

    *why = copy.why;
    CRASH_POINT(backup_written);
    if (err == 0 && fsync(fd) != 0) {
        err = err_set(why, file_write_error(errno), "sync of %s: %s", part, strerror(errno));
    }
    return err == 0 ? file_put_in_place(part, b->path, why) : err;
}

/* Made here, so that nobody else can read it, and what is there already is never touched. */
static int make_part(const char *path, const char *part, struct errmsg *why)
{
    int fd;

    if (access(path, F_OK) == 0) {
        return err_set(why, ERR_EXISTS, "%s", strerror(EEXIST));
    }
    fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST) {
        return err_set(why, ERR_EXISTS,
                       "%s is in the way: a backup that was cut short left it unfinished, or it "
                       "is somebody else's; remove it, or give another name",
                       part);
    }
    return fd < 0 ? err_set(why, file_write_error(errno), "making %s: %s", part, strerror(errno))
                  : fd;
}

static int run_backup(struct db *db, struct journal_op *op)
{
    struct upkeep_backup *b = CONTAINER_OF(op, struct upkeep_backup, op);
    struct errmsg why = {""};
    char part[sizeof(b->path) + 8];
    int fd;
    int err;

    (void)snprintf(part, sizeof(part), "%s.part", b->path);
    fd = make_part(b->path, part, &why);
    CRASH_POINT(backup_made);
    err = fd < 0 ? fd : fill_part(db, b, part, fd, &why);
    if (fd >= 0) {
        if (err < 0) {
            (void)unlink(part); /* gone already when its new name could not be synced */
        }
        (void)close(fd);
    }
    /* A bad target is the caller's, not the journal's: the batch goes on. */
    return err < 0 ? journal_op_fail(op, err, "%s: %s", b->path, why.text) : 0;
}

void upkeep_backup(struct journal *j, struct upkeep_backup *b)
{
    journal_start(j, &b->op, run_backup, NULL, false);
}

/* ---- from outside ---- */

static int check_integrity(struct db *db, void (*found)(void *ctx, const char *text), void *ctx,
                           uint64_t *faults)
{
    static const struct sql check = {"PRAGMA integrity_check(100)"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &check, &err, "");

    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        const char *text = db_column(stmt, 0);

        if (text == NULL) {
            db_reset(stmt);
            return ERR_NOMEM;
        }
        if (strcmp(text, "ok") != 0) {
            (*faults)++;
            found(ctx, text);
        }
    }
    return err;
}

/* select gives an id, a digest and what it is of. */
static int check_digests(struct db *db, const struct sql *select, const char *what,
                         void (*found)(void *ctx, const char *text), void *ctx, uint64_t *faults)
{
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, select, &err, "");

    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        uint8_t stored[32];
        uint8_t actual[32];
        char text[96];

        db_digest(stmt, 1, stored);
        if (digest_sha256(sqlite3_column_blob(stmt, 2), (size_t)sqlite3_column_bytes(stmt, 2),
                          actual) == 0 &&
            digest_equal(stored, actual)) {
            continue;
        }
        (void)snprintf(text, sizeof(text), "%s %lld does not match its digest", what,
                       (long long)sqlite3_column_int64(stmt, 0));
        (*faults)++;
        found(ctx, text);
    }
    return err;
}

static int check_bodies(struct db *db, void (*found)(void *ctx, const char *text), void *ctx,
                        uint64_t *faults)
{
    static const struct sql bodies = {"SELECT item, sha256, body FROM body ORDER BY item"};
    static const struct sql parts = {"SELECT subject, sha256, body FROM part ORDER BY subject"};
    static const struct sql mirror = {"SELECT kind, hash, body FROM mirror ORDER BY kind, code"};
    static const struct sql has_parts = {"SELECT 1 FROM sqlite_schema WHERE name = 'part'"};
    int64_t one = 0;
    int err = check_digests(db, &bodies, "body of item", found, ctx, faults);
    int with;

    err = err == 0
              ? check_digests(db, &mirror, "a record of the catalogue, kind", found, ctx, faults)
              : err;
    with = err == 0 ? db_integer(db, &has_parts, &one, "") : err;

    /* A file that no daemon has opened since the program was renewed has none yet. */
    return with == 1 ? check_digests(db, &parts, "a part of subject", found, ctx, faults) : with;
}

/* What was copied, and not marked as a copy yet, would pass for the journal itself. */
static bool is_unfinished(const char *path)
{
    size_t n = strlen(path);

    return n >= 5 && strcmp(path + n - 5, ".part") == 0;
}

int upkeep_check(const char *path, void (*found)(void *ctx, const char *text), void *ctx,
                 struct errmsg *msg)
{
    uint64_t faults = 0;
    struct db db;
    int err = db_open_reader(&db, path, msg);

    if (err < 0) {
        return err;
    }
    if (is_unfinished(path)) {
        faults++;
        found(ctx, "its name says that it is unfinished: never put it in place, remove it");
    }
    err = check_integrity(&db, found, ctx, &faults);
    err = err == 0 ? check_bodies(&db, found, ctx, &faults) : err;
    if (err < 0) {
        err = err_set(msg, err, "journal %s: %s", path, db.why.text);
    } else if (faults > 0) {
        err = err_set(msg, ERR_CORRUPT, "journal %s: faults found: %" PRIu64, path, faults);
    }
    db_close(&db);
    return err;
}

/* SQLite counts the rows that ever were: fewer at the end means that some were cut off. */
static int check_audit_end(struct db *db, int64_t last)
{
    static const struct sql select = {"SELECT seq FROM sqlite_sequence WHERE name = 'audit'"};
    int64_t ever = 0;
    int found = db_integer(db, &select, &ever, "");

    return found == 1 && ever != last
               ? err_set(&db->why, ERR_CORRUPT,
                         "the audit ends with row %lld, and there was a row %lld", (long long)last,
                         (long long)ever)
           : found < 0 ? found
                       : 0;
}

int upkeep_audit_verify(const char *path, uint64_t *rows, struct journal_audit_head *head,
                        struct errmsg *msg)
{
    static const struct sql select = {"SELECT " AUDIT_COLUMNS "FROM audit ORDER BY id"};
    static const struct sql unsalted = {"SELECT id, CAST(at_ms AS TEXT), who, verb, object, "
                                        "reason, chain, NULL FROM audit ORDER BY id"};
    uint8_t chain[32] = {0};
    int64_t last = 0;
    struct db db;
    sqlite3_stmt *stmt;
    int salted;
    int err = db_open_reader(&db, path, msg);

    *rows = 0;
    if (err < 0) {
        return err;
    }
    /* One view of it: a daemon that writes a row meanwhile is no thief. */
    err = db_exec(&db, "BEGIN");
    salted = err == 0 ? audit_has_salt(&db) : err;
    err = salted < 0 ? salted : 0;
    stmt = err == 0 ? db_bind(&db, salted == 1 ? &select : &unsalted, &err, "") : NULL;
    for (err = stmt != NULL ? db_row(&db, stmt) : err; err == 1; err = db_row(&db, stmt)) {
        uint8_t stored[32];

        err = audit_chain(stmt, chain, NULL);
        db_digest(stmt, 6, stored);
        if (err == 0 &&
            (!digest_equal(chain, stored) || sqlite3_column_int64(stmt, 0) != last + 1)) {
            err = err_set(&db.why, ERR_CORRUPT, "audit row %lld breaks the chain",
                          (long long)sqlite3_column_int64(stmt, 0));
        }
        if (err < 0) {
            db_reset(stmt);
            break;
        }
        last = sqlite3_column_int64(stmt, 0);
        (*rows)++;
    }
    err = err == 0 ? check_audit_end(&db, last) : err;
    if (head != NULL) {
        head->row = last;
        memcpy(head->chain, chain, sizeof(chain));
    }
    if (err < 0) {
        err = err_set(msg, err, "journal %s: %s", path, db.why.text);
    }
    db_close(&db);
    return err;
}
