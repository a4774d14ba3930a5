#include "journal/evidence.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "journal/audit.h"
#include "journal/restore.h"
#include "journal/worker.h"

#define SUBJECTS_MAX 16

struct reading {
    struct db db;
    const struct evidence_visitor *v;
    char code[JOURNAL_CODE_SIZE];
    char local_no[JOURNAL_CODE_SIZE];
    int64_t subjects[SUBJECTS_MAX];
    size_t n_subjects;
    int64_t began_ms; /* of the first item; 0 none */
    struct evidence_end end;
    char first_chain[DIGEST_HEX_SIZE];
    char program[32], restored[512];
};

/* ---- rows of a query ---- */

/* Hex, "" of "". */
static int digest_text(const char *text, char hex[DIGEST_HEX_SIZE])
{
    uint8_t sum[DIGEST_BYTES];
    int err = text[0] != '\0' ? digest_sha256(text, strlen(text), sum) : 0;

    hex[0] = '\0';
    if (err == 0 && text[0] != '\0') {
        digest_hex(sum, hex);
    }
    return err;
}

/* Hands each row of stmt on; NULL is a failure of db_bind that err tells. */
static int each(struct reading *r, sqlite3_stmt *stmt, int err,
                int (*row)(struct reading *r, sqlite3_stmt *stmt))
{
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(&r->db, stmt); err == 1; err = db_row(&r->db, stmt)) {
        int told = row(r, stmt);

        if (told != 0) {
            db_reset(stmt);
            return told;
        }
    }
    return err;
}

static int copy_text(struct reading *r, const struct sql *sql, const char *key, char *out,
                     size_t size)
{
    int err = 0;
    sqlite3_stmt *stmt = db_bind(&r->db, sql, &err, "t", key);

    out[0] = '\0';
    if (stmt == NULL) {
        return err;
    }
    err = db_row(&r->db, stmt);
    if (err == 1) {
        (void)snprintf(out, size, "%s", db_shown(stmt, 0));
        db_reset(stmt);
        err = 0;
    }
    return err;
}

/* ---- the dossier ---- */

static int on_subject(struct reading *r, sqlite3_stmt *stmt)
{
    const char *number = db_shown(stmt, 3);
    char local_no[DIGEST_HEX_SIZE];
    int err = digest_text(number, local_no);
    const struct evidence_subject s = {
        .id = sqlite3_column_int64(stmt, 0),
        .flow = db_shown(stmt, 1),
        .code = db_shown(stmt, 2),
        .local_no = local_no,
        .present = sqlite3_column_int(stmt, 4),
        .doubt = sqlite3_column_int(stmt, 5),
        .acked_item = sqlite3_column_int64(stmt, 6),
        .acked_digest = db_shown(stmt, 7),
        .acked_status = sqlite3_column_int(stmt, 8),
        .status = sqlite3_column_int(stmt, 9),
        .at_s = sqlite3_column_int64(stmt, 10),
        .promised_s = sqlite3_column_int64(stmt, 11),
        .newest_item = sqlite3_column_int64(stmt, 12),
        .settled_s = sqlite3_column_int64(stmt, 13),
        .seen_at_ms = (uint64_t)sqlite3_column_int64(stmt, 14),
        .seen_status = sqlite3_column_int(stmt, 15),
        .seen_there = sqlite3_column_int(stmt, 16) != 0,
    };

    if (r->n_subjects == SUBJECTS_MAX) {
        return err_set(&r->db.why, ERR_TOOBIG, "the dossier is in more than %d flows",
                       SUBJECTS_MAX);
    }
    r->subjects[r->n_subjects++] = s.id;
    if (number[0] != '\0') {
        (void)snprintf(r->local_no, sizeof(r->local_no), "%s", number);
    }
    return err == 0 ? r->v->subject(r->v->ctx, &s) : err;
}

static int on_part(struct reading *r, sqlite3_stmt *stmt)
{
    const struct evidence_part p = {
        .subject = sqlite3_column_int64(stmt, 0),
        .source = db_shown(stmt, 1),
        .rank = sqlite3_column_int(stmt, 2),
        .at_s = sqlite3_column_int64(stmt, 3),
        .digest = db_shown(stmt, 4),
    };

    return r->v->part(r->v->ctx, &p);
}

static int on_item(struct reading *r, sqlite3_stmt *stmt)
{
    char step[DIGEST_HEX_SIZE];
    int64_t created_ms = sqlite3_column_int64(stmt, 7);
    int err = digest_text(db_shown(stmt, 12), step);
    struct evidence_item i;

    if (r->began_ms == 0 || created_ms < r->began_ms) {
        r->began_ms = created_ms;
    }
    i = (struct evidence_item){
        .id = sqlite3_column_int64(stmt, 0),
        .subject = sqlite3_column_int64(stmt, 1),
        .kind = (enum item_kind)sqlite3_column_int(stmt, 2),
        .state = (enum item_state)sqlite3_column_int(stmt, 3),
        .hold = (enum hold_why)sqlite3_column_int(stmt, 4),
        .status = sqlite3_column_int(stmt, 5),
        .at_s = sqlite3_column_int64(stmt, 6),
        .created_ms = (uint64_t)created_ms,
        .changed_ms = (uint64_t)sqlite3_column_int64(stmt, 8),
        .attempts = (uint32_t)sqlite3_column_int64(stmt, 9),
        .successor = sqlite3_column_int64(stmt, 10),
        .digest = db_shown(stmt, 11),
        .step = step,
        .source = db_shown(stmt, 13),
        .body = db_shown(stmt, 14),
    };

    return err == 0 ? r->v->item(r->v->ctx, &i) : err;
}

/* What a call carried: its list, else the one item. */
static int items_of(struct reading *r, const struct journal_attempt_row *a,
                    int64_t items[JOURNAL_CALL_ITEMS], size_t *n)
{
    static const struct sql select = {
        "SELECT item FROM attempt_item WHERE attempt = ?1 ORDER BY item"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(&r->db, &select, &err, "i", a->id);

    *n = 0;
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(&r->db, stmt); err == 1; err = db_row(&r->db, stmt)) {
        if (*n < JOURNAL_CALL_ITEMS) {
            items[(*n)++] = sqlite3_column_int64(stmt, 0);
        }
    }
    if (*n == 0) {
        items[(*n)++] = a->first_item;
    }
    return err;
}

static int on_attempt(struct reading *r, sqlite3_stmt *stmt)
{
    int64_t items[JOURNAL_CALL_ITEMS];
    size_t n;
    const struct journal_attempt_row a = {
        .id = sqlite3_column_int64(stmt, 0),
        .verb = (enum journal_verb)sqlite3_column_int(stmt, 1),
        .first_item = sqlite3_column_int64(stmt, 2),
        .last_item = sqlite3_column_int64(stmt, 3),
        .items = (uint32_t)sqlite3_column_int64(stmt, 4),
        .updating = sqlite3_column_int(stmt, 5) != 0,
        .begun_ms = (uint64_t)sqlite3_column_int64(stmt, 6),
        .ended_ms = (uint64_t)sqlite3_column_int64(stmt, 7),
        .outcome = sqlite3_column_int(stmt, 8),
        .http = sqlite3_column_int(stmt, 9),
        .code = db_shown(stmt, 10),
        .words = db_shown(stmt, 11),
        .repeats = (uint32_t)sqlite3_column_int64(stmt, 12),
        .took_ms = (uint32_t)sqlite3_column_int64(stmt, 13),
        .request = db_shown(stmt, 14),
        .response = db_shown(stmt, 15),
    };
    int err = items_of(r, &a, items, &n);

    return err == 0 ? r->v->attempt(r->v->ctx, &a, items, n) : err;
}

static int read_subject(struct reading *r, int64_t subject)
{
    static const struct sql parts = {"SELECT subject, source, rank, at, lower(hex(sha256)) "
                                     "FROM part WHERE subject = ?1 ORDER BY source"};
    static const struct sql items = {
        "SELECT i.id, i.subject, i.kind, i.state, i.hold, i.status, i.at, i.created_ms, "
        "i.changed_ms, i.attempts, ifnull(i.successor, 0), lower(hex(i.hash)), i.step_key, "
        "i.source, lower(hex(b.sha256)) FROM item i LEFT JOIN body b ON b.item = i.id "
        "WHERE i.subject = ?1 ORDER BY i.id"};
    static const struct sql attempts = {
        "SELECT id, verb, first_item, last_item, items, updating, begun_ms, ifnull(ended_ms, 0), "
        "ifnull(outcome, 0), ifnull(http, 0), code, words, repeats, ifnull(took_ms, 0), "
        "lower(hex(request)), lower(hex(response)) FROM attempt WHERE subject = ?1 ORDER BY id"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(&r->db, &parts, &err, "i", subject);

    err = each(r, stmt, err, on_part);
    stmt = err == 0 ? db_bind(&r->db, &items, &err, "i", subject) : NULL;
    err = each(r, stmt, err, on_item);
    stmt = err == 0 ? db_bind(&r->db, &attempts, &err, "i", subject) : NULL;
    return each(r, stmt, err, on_attempt);
}

static int read_dossier(struct reading *r)
{
    static const struct sql subjects = {
        "SELECT s.id, f.name, s.code, s.local_no, s.present, s.doubt, ifnull(s.acked_item, 0), "
        "lower(hex(s.acked_hash)), s.acked_status, s.status, s.at, s.promised, "
        "ifnull(s.newest_item, 0), s.settled, ifnull(n.at_ms, 0), ifnull(n.status, 0), "
        "ifnull(n.there, 0) FROM subject s JOIN flow f ON f.id = s.flow "
        "LEFT JOIN seen n ON n.code = s.code WHERE s.code = ?1 ORDER BY s.flow"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(&r->db, &subjects, &err, "t", r->code);

    err = each(r, stmt, err, on_subject);
    for (size_t i = 0; i < r->n_subjects && err == 0; i++) {
        err = read_subject(r, r->subjects[i]);
    }
    return err;
}

static int on_row(struct reading *r, sqlite3_stmt *stmt)
{
    char id[DIGEST_HEX_SIZE];
    int err = digest_text(db_shown(stmt, 1), id);
    const struct evidence_row row = {.source = db_shown(stmt, 0),
                                     .id = id,
                                     .digest = db_shown(stmt, 2),
                                     .owed = sqlite3_column_int(stmt, 3) != 0};

    return err == 0 ? r->v->row(r->v->ctx, &row) : err;
}

/* Rows that were read before version 3 are found only where their id is the dossier's number. */
static int read_rows(struct reading *r)
{
    static const struct sql select = {
        "SELECT source, id, lower(hex(hash)), owed FROM source_row WHERE code = ?1 "
        "OR (code IS NULL AND (id = ?1 OR (id = ?2 AND ?2 <> ''))) ORDER BY source, id"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(&r->db, &select, &err, "tt", r->code, r->local_no);

    return each(r, stmt, err, on_row);
}

/* ---- the audit ---- */

/* What orders about one dossier have as their object; ?1 is its code. */
#define ABOUT                                                                                      \
    "(object = 'dossier ' || ?1 OR (object GLOB 'item [0-9]*' AND "                                \
    "substr(object, -length(?1) - 1) = ' ' || ?1))"

struct walk {
    uint8_t chain[DIGEST_BYTES];
    struct buf line, object;
};

static int audit_row(struct reading *r, sqlite3_stmt *stmt, struct walk *w)
{
    uint8_t stored[DIGEST_BYTES];
    char hex[DIGEST_HEX_SIZE];
    struct evidence_audit row = {.row = sqlite3_column_int64(stmt, 0), .chain = hex};
    int err = audit_chain(stmt, w->chain, &w->line);

    db_digest(stmt, 6, stored);
    if (err == 0 && !digest_equal(stored, w->chain)) {
        err =
            err_set(&r->db.why, ERR_CORRUPT, "audit row %lld breaks the chain", (long long)row.row);
    }
    digest_hex(stored, hex);
    buf_clear(&w->object);
    if (err == 0 && sqlite3_column_int(stmt, 8) != 0) {
        err = audit_object(stmt, &w->object);
    }
    row.line = buf_text(&w->line);
    row.object = buf_text(&w->object);
    if (err == 0) {
        r->end.head.row = row.row;
        memcpy(r->end.head.chain, stored, sizeof(stored));
        err = r->v->audit(r->v->ctx, &row);
    }
    return err;
}

static int walk_audit(struct reading *r, struct walk *w)
{
    static const struct sql before = {"SELECT lower(hex(chain)), chain FROM audit WHERE id = ?1"};
    static const struct sql rows = {"SELECT " AUDIT_COLUMNS ", " ABOUT
                                    " FROM audit WHERE id >= ?2 ORDER BY id"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(&r->db, &before, &err, "i", r->end.first_row - 1);

    memset(w->chain, 0, sizeof(w->chain));
    err = stmt != NULL ? db_row(&r->db, stmt) : err;
    if (err == 1) {
        db_digest(stmt, 1, w->chain);
        db_reset(stmt);
        err = 0;
    }
    digest_hex(w->chain, r->first_chain);
    stmt = err == 0 ? db_bind(&r->db, &rows, &err, "ti", r->code, r->end.first_row) : NULL;
    for (err = stmt != NULL ? db_row(&r->db, stmt) : err; err == 1; err = db_row(&r->db, stmt)) {
        err = audit_row(r, stmt, w);
        if (err != 0) {
            db_reset(stmt);
            return err;
        }
    }
    return err;
}

/* From the row before the dossier came, up to the end. */
static int read_audit(struct reading *r)
{
    static const struct sql first = {"SELECT ifnull(max(id), 0) FROM audit WHERE at_ms < ?1"};
    static const struct sql last = {"SELECT ifnull(max(id), 0) FROM audit"};
    static const struct sql about = {"SELECT count(*) FROM audit WHERE id < ?2 AND " ABOUT};
    struct walk w;
    int64_t end = 0;
    int err = db_integer(&r->db, &last, &end, "");

    err = err < 0 ? err : db_integer(&r->db, &first, &r->end.first_row, "i", r->began_ms);
    if (err < 0) {
        return err;
    }
    r->end.first_row = r->end.first_row > 0 ? r->end.first_row : 1;
    if (end - r->end.first_row >= EVIDENCE_AUDIT_ROWS) {
        r->end.first_row = end - EVIDENCE_AUDIT_ROWS + 1;
    }
    err = db_integer(&r->db, &about, &r->end.rows_about, "ti", r->code, INT64_MAX);
    err = err < 0
              ? err
              : db_integer(&r->db, &about, &r->end.rows_left_out, "ti", r->code, r->end.first_row);
    if (err < 0) {
        return err;
    }
    buf_init(&w.line, AUDIT_LINE_BYTES);
    buf_init(&w.object, AUDIT_LINE_BYTES);
    err = walk_audit(r, &w);
    buf_free(&w.line);
    buf_free(&w.object);
    return err;
}

/* ---- the rest ---- */

/* What the lock file says of a running daemon's journal, or of one that ran. */
static void read_witness(struct reading *r, const char *path)
{
    char name[4200];
    int fd;

    (void)snprintf(name, sizeof(name), "%s.lock", path);
    fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) {
        witness_read(fd, &r->end.witness);
        r->end.has_witness = r->end.witness.attempt > 0 || r->end.witness.item > 0;
        (void)close(fd);
    }
}

static int read_end(struct reading *r)
{
    static const struct sql attempts = {"SELECT ifnull(max(seq), 0) FROM sqlite_sequence "
                                        "WHERE name = 'attempt'"};
    static const struct sql items = {"SELECT ifnull(max(id), 0) FROM item"};
    static const struct sql fact = {"SELECT value FROM fact WHERE name = ?1"};
    int err = db_integer(&r->db, &attempts, &r->end.attempts_ever, "");

    err = err < 0 ? err : db_integer(&r->db, &items, &r->end.items_ever, "");
    err = err < 0 ? err : copy_text(r, &fact, JOURNAL_PROGRAM_FACT, r->program, sizeof(r->program));
    err = err < 0 ? err : copy_text(r, &fact, RESTORE_FACT, r->restored, sizeof(r->restored));
    r->end.schema = DB_SCHEMA_VERSION; /* no other was opened */
    r->end.program = r->program;
    r->end.restored = r->restored;
    r->end.first_chain = r->first_chain;
    r->end.first_row = r->end.head.row > 0 ? r->end.first_row : 0;
    return err < 0 ? err : r->v->end(r->v->ctx, &r->end);
}

static int find_dossier(struct reading *r, const char *code)
{
    static const struct sql first = {
        "SELECT code FROM subject WHERE code = ?1 OR local_no = ?1 ORDER BY code <> ?1, code"};
    static const struct sql last = {"SELECT max(code) FROM subject WHERE local_no = ?1"};
    char other[JOURNAL_CODE_SIZE] = "";
    int err = copy_text(r, &first, code, r->code, sizeof(r->code));

    if (err == 0 && r->code[0] == '\0') {
        return err_set(&r->db.why, ERR_NOTFOUND, "it knows no %s", code);
    }
    if (err == 0 && strcmp(r->code, code) != 0) {
        err = copy_text(r, &last, code, other, sizeof(other));
    }
    if (err == 0 && other[0] != '\0' && strcmp(r->code, other) != 0) {
        return err_set(&r->db.why, ERR_INVAL, "%s is the number of %s and of %s: name one of them",
                       code, r->code, other);
    }
    return err == 0 ? r->v->begin(r->v->ctx, r->code) : err;
}

int evidence_read(const char *path, const char *code, const struct evidence_visitor *visitor,
                  struct errmsg *msg)
{
    struct reading r = {.v = visitor};
    int err = db_open_report(&r.db, path, msg);

    if (err < 0) {
        return err;
    }
    read_witness(&r, path); /* before the journal is looked at: it lags, and is never ahead */
    err = db_exec(&r.db, "BEGIN");
    err = err == 0 ? find_dossier(&r, code) : err;
    err = err == 0 ? read_dossier(&r) : err;
    err = err == 0 ? read_rows(&r) : err;
    err = err == 0 ? read_audit(&r) : err;
    err = err == 0 ? read_end(&r) : err;
    if (err < 0 && r.db.why.text[0] == '\0') {
        (void)err_set(&r.db.why, err, "%s", err_text(err));
    }
    return db_close_report(&r.db, path, err, true, msg);
}
