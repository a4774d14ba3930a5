#include "journal/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/sqlite.h"

#define SALT_BYTES 16

/* A row as its digest sees it. */
struct entry {
    int64_t id;
    const char *at, *who, *verb, *object;
    const char *reason; /* NULL none */
    uint8_t salt[SALT_BYTES];
};

int audit_load(struct db *db)
{
    static const struct sql last = {"SELECT id, chain FROM audit ORDER BY id DESC LIMIT 1"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &last, &err, "");

    memset(&db->audit, 0, sizeof(db->audit));
    if (stmt == NULL) {
        return err;
    }
    err = db_row(db, stmt);
    if (err == 1) {
        db->audit.row = sqlite3_column_int64(stmt, 0);
        db_digest(stmt, 1, db->audit.chain);
        db_reset(stmt);
    }
    return err < 0 ? err : 0;
}

int audit_has_salt(struct db *db)
{
    static const struct sql select = {
        "SELECT 1 FROM pragma_table_info('audit') WHERE name = 'salt'"};
    int64_t one = 0;

    return db_integer(db, &select, &one, "");
}

/* ---- digests ---- */

static int digest_of(struct buf *text, uint8_t out[DIGEST_BYTES])
{
    int err = buf_error(text);

    return err == 0 ? digest_sha256(text->data, text->len, out) : ERR_NOMEM;
}

static int seal(const struct entry *e, char hex[DIGEST_HEX_SIZE])
{
    uint8_t sum[DIGEST_BYTES];
    struct buf text;
    int err;

    buf_init(&text, AUDIT_LINE_BYTES);
    buf_puts(&text, "[\"sealed\",\"");
    for (size_t i = 0; i < SALT_BYTES; i++) {
        buf_printf(&text, "%02x", e->salt[i]);
    }
    buf_puts(&text, "\",");
    buf_put_json(&text, e->who);
    buf_putc(&text, ',');
    if (e->reason != NULL) {
        buf_put_json(&text, e->reason);
    } else {
        buf_puts(&text, "null");
    }
    buf_putc(&text, ']');
    err = digest_of(&text, sum);
    buf_free(&text);
    digest_hex(sum, hex);
    return err;
}

static int chain_line(const struct entry *e, uint8_t chain[DIGEST_BYTES], struct buf *line)
{
    char sealed[DIGEST_HEX_SIZE];
    char before[DIGEST_HEX_SIZE];
    int err = seal(e, sealed);

    digest_hex(chain, before);
    buf_printf(line, "[\"audit\",%" PRId64 ",%s,", e->id, e->at);
    buf_put_json(line, e->verb);
    buf_putc(line, ',');
    buf_put_json(line, e->object);
    buf_printf(line, ",\"%s\",\"%s\"]", sealed, before);
    return err == 0 ? digest_of(line, chain) : err;
}

/* As version 2 made them. */
static int chain_fields(const struct entry *e, uint8_t chain[DIGEST_BYTES])
{
    struct digest d;
    int err = digest_begin(&d);

    if (err < 0) {
        return err;
    }
    digest_add(&d, chain, DIGEST_BYTES);
    digest_add_field(&d, e->at);
    digest_add_field(&d, e->who);
    digest_add_field(&d, e->verb);
    digest_add_field(&d, e->object);
    digest_add_field(&d, e->reason);
    digest_end(&d, chain);
    return 0;
}

/* A text that SQLite has no memory for must not look like one that is not there. */
static const char *field(sqlite3_stmt *stmt, int column, int *err)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    if (text == NULL && sqlite3_column_type(stmt, column) != SQLITE_NULL) {
        *err = ERR_NOMEM;
    }
    return text;
}

int audit_chain(sqlite3_stmt *stmt, uint8_t chain[DIGEST_BYTES], struct buf *line)
{
    const void *salt = sqlite3_column_blob(stmt, 7);
    bool salted = sqlite3_column_bytes(stmt, 7) == SALT_BYTES;
    int err = 0;
    struct entry e = {
        .id = sqlite3_column_int64(stmt, 0),
        .at = field(stmt, 1, &err),
        .who = field(stmt, 2, &err),
        .verb = field(stmt, 3, &err),
        .object = field(stmt, 4, &err),
        .reason = field(stmt, 5, &err),
    };
    struct buf own;

    if (line != NULL) {
        buf_clear(line);
    }
    if (err < 0 || !salted) {
        return err < 0 ? err : chain_fields(&e, chain);
    }
    memcpy(e.salt, salt, SALT_BYTES);
    buf_init(&own, AUDIT_LINE_BYTES);
    err = chain_line(&e, chain, line != NULL ? line : &own);
    buf_free(&own);
    return err;
}

/* ---- one more ---- */

int audit_add(struct db *db, uint64_t now_ms, const char *who, const char *verb, const char *object,
              const char *reason)
{
    static const struct sql ever = {"SELECT seq FROM sqlite_sequence WHERE name = 'audit'"};
    static const struct sql insert = {
        "INSERT INTO audit (id, at_ms, who, verb, object, reason, chain, salt) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};
    uint8_t chain[DIGEST_BYTES];
    int64_t last = 0;
    char at[32];
    struct entry e = {.at = at, .who = who, .verb = verb, .object = object, .reason = reason};
    struct buf line;
    int err = audit_load(db); /* not from memory: the row before may have been rolled back */

    if (err == 0) {
        err = db_integer(db, &ever, &last, "");
        err = err < 0 ? err : 0;
    }
    if (err < 0) {
        return err;
    }
    e.id = last + 1; /* its number is part of the digest */
    sqlite3_randomness(SALT_BYTES, e.salt);
    (void)snprintf(at, sizeof(at), "%" PRIu64, now_ms);
    memcpy(chain, db->audit.chain, sizeof(chain));
    buf_init(&line, AUDIT_LINE_BYTES);
    err = chain_line(&e, chain, &line);
    buf_free(&line);
    if (err == 0) {
        err = db_run(db, &insert, "iittttbb", e.id, (int64_t)now_ms, who, verb, object, reason,
                     (const void *)chain, sizeof(chain), (const void *)e.salt, sizeof(e.salt));
    }
    if (err == 0) {
        db->audit.row = e.id;
        memcpy(db->audit.chain, chain, sizeof(chain));
    }
    return err;
}
