#include "journal/salvage_mend.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/file.h"
#include "journal/audit.h"
#include "journal/figure.h"
#include "journal/restore.h"
#include "journal/subject.h"
#include "journal/worker.h"

#define AUDIT_BYTES_MAX ((size_t)1 << 30)

/* Counts by running; the number of changed rows goes to *n. */
static int run_counted(struct db *db, const struct sql *sql, uint64_t *n)
{
    int err = db_run(db, sql, "");

    if (err == 0) {
        *n += (uint64_t)sqlite3_changes(db->sqlite);
    }
    return err;
}

/* One number without a name and one name without a number belong together; what else has no name
 * keeps its number, which must not be given to another. */
static int mend_flows(struct db *db, const struct salvage_flows *flows)
{
    static const struct sql nameless = {
        "SELECT DISTINCT flow FROM subject WHERE flow NOT IN (SELECT id FROM flow) LIMIT 1"};
    static const struct sql several = {
        "SELECT count(DISTINCT flow) FROM subject WHERE flow NOT IN (SELECT id FROM flow)"};
    static const struct sql known = {"SELECT 1 FROM flow WHERE name = ?1"};
    static const struct sql name_it = {"INSERT INTO flow (id, name) VALUES (?1, ?2)"};
    const char *missing = NULL;
    size_t n_missing = 0;
    int64_t id = 0;
    int64_t n = 0;
    int err = db_integer(db, &several, &n, "");

    for (size_t i = 0; i < flows->n && err >= 0; i++) {
        int64_t one = 0;

        err = db_integer(db, &known, &one, "t", flows->names[i]);
        if (err == 0) {
            missing = flows->names[i];
            n_missing++;
        }
    }
    if (err < 0 || n != 1 || n_missing != 1) {
        return err < 0 ? err : 0;
    }
    err = db_integer(db, &nameless, &id, "");
    return err < 0 ? err : db_run(db, &name_it, "it", id, missing);
}

/* What refers to what is not there. */
static int mend_references(struct db *db, struct salvage_report *report)
{
    /* A flow's number must not be given to another. */
    static const struct sql flows = {
        "INSERT OR IGNORE INTO flow (id, name) SELECT DISTINCT flow, 'lost-flow-' || flow FROM "
        "subject WHERE flow NOT IN (SELECT id FROM flow)"};
    static const struct sql orphans = {
        "DELETE FROM item WHERE subject NOT IN (SELECT id FROM subject)"};
    static const struct sql rest[] = {
        {"DELETE FROM body WHERE item NOT IN (SELECT id FROM item)"},
        {"DELETE FROM part WHERE subject NOT IN (SELECT id FROM subject)"},
        {"DELETE FROM attempt WHERE subject NOT IN (SELECT id FROM subject)"},
        {"DELETE FROM figure WHERE subject NOT IN (SELECT id FROM subject)"},
        {"DELETE FROM result_mark WHERE subject NOT IN (SELECT id FROM subject)"},
        /* The newest snapshot is gone: what the peer holds is not known any more. */
        {"INSERT OR IGNORE INTO suspect SELECT id FROM subject WHERE "
         "(newest_item IS NOT NULL AND newest_item NOT IN (SELECT id FROM item)) OR "
         "(acked_item IS NOT NULL AND acked_item NOT IN (SELECT id FROM item))"},
        {"DELETE FROM suspect WHERE subject NOT IN (SELECT id FROM subject)"},
    };
    int err = db_run(db, &flows, "");

    err = err == 0 ? run_counted(db, &orphans, &report->orphans) : err;
    for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]) && err == 0; i++) {
        err = db_run(db, &rest[i], "");
    }
    return err;
}

/* Whose last state may be lost: looked up, and sent again as it comes from its source. */
static int mend_suspects(struct db *db, struct salvage_report *report)
{
    static const struct sql all = {"INSERT OR IGNORE INTO suspect SELECT id FROM subject"};
    static const struct sql forget = {
        "UPDATE subject SET doubt = 1, acked_item = NULL, acked_hash = NULL, newest_item = "
        "(SELECT max(i.id) FROM item i WHERE i.subject = subject.id AND i.kind = 1 AND i.state < 4)"
        " WHERE id IN (SELECT subject FROM suspect)"};
    int err = report->log_cut || report->unreadable > 0 ? db_run(db, &all, "") : 0;

    return err == 0 ? run_counted(db, &forget, &report->distrusted) : err;
}

static int mend_items(struct db *db, struct salvage_report *report)
{
    /* One open snapshot a dossier, the newest. */
    static const struct sql older = {
        "UPDATE item SET state = 6, successor = (SELECT max(n.id) FROM item n WHERE n.subject = "
        "item.subject AND n.kind = 1 AND n.state < 4) WHERE kind = 1 AND state < 4 AND EXISTS "
        "(SELECT 1 FROM item n WHERE n.subject = item.subject AND n.kind = 1 AND n.state < 4 "
        "AND n.id > item.id)"};
    static const struct sql doubt = {
        "UPDATE subject SET doubt = 1 WHERE id IN (SELECT subject FROM item WHERE kind = 1 AND "
        "state IN (1, 2))"};
    /* Reading it again from its source repairs it. */
    static const struct sql bodiless = {
        "UPDATE item SET state = 3, hold = ?1, reason = 'its content was lost with the damaged "
        "journal; reading the record from its source again repairs it' WHERE state IN (0, 1, 2) "
        "AND NOT EXISTS (SELECT 1 FROM body b WHERE b.item = item.id)"};
    int err = db_run(db, &doubt, "");

    err = err == 0 ? db_run(db, &older, "") : err;
    err = err == 0 ? db_run(db, &bodiless, "i", (int64_t)HOLD_DAMAGED) : err;
    if (err == 0) {
        report->bodiless = (uint64_t)sqlite3_changes(db->sqlite);
    }
    return err;
}

/* When each is due, from what is open now. */
static int reschedule_all(struct db *db, uint64_t now_ms)
{
    static const struct sql next = {
        "SELECT id FROM subject WHERE id > ?1 AND (queue IS NOT NULL OR busy = 1 OR settled = 0) "
        "ORDER BY id LIMIT 1"};
    int64_t id = 0;
    int found;

    for (found = db_integer(db, &next, &id, "i", id); found == 1;
         found = db_integer(db, &next, &id, "i", id)) {
        struct subject s;
        int err = subject_load(db, id, &s);

        if (err == 1) {
            s.busy = 0;
            err = subject_reschedule(db, &s, now_ms);
        }
        if (err < 0) {
            return err;
        }
    }
    return found;
}

/* ---- the audit ---- */

/* Whether the old rows are a whole chain from the first; how many, and the last one's digest. */
static int walk_chain(struct db *db, bool *whole, int64_t *rows, uint8_t chain[DIGEST_BYTES])
{
    static const struct sql select = {"SELECT " AUDIT_COLUMNS "FROM old_audit ORDER BY id"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "");

    *whole = true;
    *rows = 0;
    memset(chain, 0, DIGEST_BYTES);
    for (err = stmt != NULL ? db_row(db, stmt) : err; err == 1; err = db_row(db, stmt)) {
        uint8_t stored[DIGEST_BYTES];
        int failed = audit_chain(stmt, chain, NULL);

        db_digest(stmt, 6, stored);
        (*rows)++;
        *whole = *whole && failed == 0 && sqlite3_column_int64(stmt, 0) == *rows &&
                 digest_equal(chain, stored);
        memcpy(chain, stored, DIGEST_BYTES);
    }
    return err;
}

static void put_row(struct buf *out, sqlite3_stmt *stmt)
{
    static const char *const names[] = {"id", "at_ms", "who", "verb", "object", "reason"};
    char hex[DIGEST_HEX_SIZE];
    const char *salt = (const char *)sqlite3_column_text(stmt, 7);
    uint8_t stored[DIGEST_BYTES];

    for (int i = 0; i < 6; i++) {
        const char *text = (const char *)sqlite3_column_text(stmt, i);

        buf_printf(out, "%s\"%s\":", i == 0 ? "{" : ",", names[i]);
        buf_put_json(out, text != NULL ? text : "");
    }
    db_digest(stmt, 6, stored);
    digest_hex(stored, hex);
    buf_printf(out, ",\"chain\":\"%s\",\"salt\":", hex);
    buf_put_json(out, salt != NULL ? salt : "");
    buf_puts(out, "}\n");
}

/* Evidence, as it was found: a broken chain is not mended. */
static int write_beside(struct db *db, const char *path)
{
    static const struct sql select = {
        "SELECT id, CAST(at_ms AS TEXT), who, verb, object, reason, chain, lower(hex(salt)) "
        "FROM old_audit ORDER BY id"};
    struct buf text;
    int err = 0;
    int fd = -1;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "");

    buf_init(&text, AUDIT_BYTES_MAX);
    for (err = stmt != NULL ? db_row(db, stmt) : err; err == 1; err = db_row(db, stmt)) {
        put_row(&text, stmt);
    }
    err = err == 0 ? buf_error(&text) : err;
    if (err == 0) {
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 || file_write(fd, buf_text(&text), text.len) != 0 || fsync(fd) != 0) {
            err = err_set(&db->why, file_write_error(errno), "%s: %s", path, strerror(errno));
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    buf_free(&text);
    return err;
}

static int mend_audit(struct db *db, const char *audit_path, uint64_t now_ms,
                      struct salvage_report *report)
{
    static const struct sql keep = {
        "INSERT INTO audit (id, at_ms, who, verb, object, reason, chain, salt) SELECT id, at_ms, "
        "who, verb, object, reason, chain, salt FROM old_audit ORDER BY id"};
    uint8_t chain[DIGEST_BYTES];
    char hex[DIGEST_HEX_SIZE];
    char text[240];
    int64_t rows = 0;
    int err = walk_chain(db, &report->audit_unbroken, &rows, chain);

    if (err == 0 && rows > 0) {
        err = report->audit_unbroken ? db_run(db, &keep, "") : write_beside(db, audit_path);
    }
    digest_hex(chain, hex);
    (void)snprintf(text, sizeof(text),
                   "%" PRId64 " rows of the audit were read, %s; the last one's chain is %s", rows,
                   report->audit_unbroken
                       ? "the chain goes on"
                       : "the chain was broken and begins anew, they stand beside",
                   hex);
    return err < 0
               ? err
               : audit_add(db, now_ms, "dvcsyncctl", "recover", "journal from a damaged one", text);
}

int salvage_mend(struct db *db, const char *audit_path, const struct salvage_flows *flows,
                 uint64_t now_ms, struct salvage_report *report)
{
    static const char figures[] = FIGURE_FROM_BODIES;
    int err = mend_flows(db, flows);

    err = err == 0 ? mend_references(db, report) : err;
    err = err == 0 ? db_exec(db, figures) : err;
    err = err == 0 ? mend_suspects(db, report) : err;
    err = err == 0 ? mend_items(db, report) : err;
    err = err == 0 ? restore_mark(db, now_ms, true) : err;
    err = err == 0 ? db_tally_load(db) : err;
    err = err == 0 ? reschedule_all(db, now_ms) : err;
    return err == 0 ? mend_audit(db, audit_path, now_ms, report) : err;
}
