#include "journal/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/sqlite.h"

#define SALT_BYTES 16

/* How a row goes into its digest; the length of its salt tells. */
enum form {
    FORM_FIELDS, /* no salt: as version 2 made them */
    FORM_OPEN,   /* one: its object stands in the line */
    FORM_SEALED  /* two: who and why by the first, the object by the second */
};

/* A row as its digest sees it. */
struct entry {
    int64_t id;
    const char *at, *who, *verb, *object;
    const char *reason; /* NULL none */
    enum form form;
    uint8_t salts[2][SALT_BYTES];
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

/* ["WHAT","SALT" */
static void put_salted(const char *what, const uint8_t salt[SALT_BYTES], struct buf *text)
{
    buf_printf(text, "[\"%s\",\"", what);
    for (size_t i = 0; i < SALT_BYTES; i++) {
        buf_printf(text, "%02x", salt[i]);
    }
    buf_putc(text, '"');
}

static void put_object(const struct entry *e, struct buf *text)
{
    put_salted("object", e->salts[1], text);
    buf_putc(text, ',');
    buf_put_json(text, e->object);
    buf_putc(text, ']');
}

static void put_actor(const struct entry *e, struct buf *text)
{
    put_salted("sealed", e->salts[0], text);
    buf_putc(text, ',');
    buf_put_json(text, e->who);
    buf_putc(text, ',');
    if (e->reason != NULL) {
        buf_put_json(text, e->reason);
    } else {
        buf_puts(text, "null");
    }
    buf_putc(text, ']');
}

static int seal(const struct entry *e, void (*put)(const struct entry *e, struct buf *text),
                char hex[DIGEST_HEX_SIZE])
{
    uint8_t sum[DIGEST_BYTES] = {0};
    struct buf text;
    int err;

    buf_init(&text, AUDIT_LINE_BYTES);
    put(e, &text);
    err = digest_of(&text, sum);
    buf_free(&text);
    digest_hex(sum, hex);
    return err;
}

static int chain_line(const struct entry *e, uint8_t chain[DIGEST_BYTES], struct buf *line)
{
    char object[DIGEST_HEX_SIZE];
    char actor[DIGEST_HEX_SIZE];
    char before[DIGEST_HEX_SIZE];
    bool sealed = e->form == FORM_SEALED;
    int err = seal(e, put_object, object);

    err = err == 0 ? seal(e, put_actor, actor) : err;
    if (err < 0) {
        return err;
    }
    digest_hex(chain, before);
    buf_printf(line, "[\"audit\",%" PRId64 ",%s,%s", e->id, e->at, sealed ? "2," : "");
    buf_put_json(line, e->verb);
    buf_putc(line, ',');
    buf_put_json(line, sealed ? object : e->object);
    buf_printf(line, ",\"%s\",\"%s\"]", actor, before);
    return digest_of(line, chain);
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

static int read_entry(sqlite3_stmt *stmt, struct entry *e)
{
    const void *salts = sqlite3_column_blob(stmt, 7);
    size_t n = (size_t)sqlite3_column_bytes(stmt, 7);
    int err = 0;

    *e = (struct entry){
        .id = sqlite3_column_int64(stmt, 0),
        .at = field(stmt, 1, &err),
        .who = field(stmt, 2, &err),
        .verb = field(stmt, 3, &err),
        .object = field(stmt, 4, &err),
        .reason = field(stmt, 5, &err),
        .form = n == sizeof(e->salts) ? FORM_SEALED
                : n == SALT_BYTES     ? FORM_OPEN
                                      : FORM_FIELDS,
    };
    if (e->form != FORM_FIELDS) {
        memcpy(e->salts, salts, n);
    }
    return err;
}

int audit_chain(sqlite3_stmt *stmt, uint8_t chain[DIGEST_BYTES], struct buf *line)
{
    struct entry e;
    struct buf own;
    int err = read_entry(stmt, &e);

    if (line != NULL) {
        buf_clear(line);
    }
    if (err < 0 || e.form == FORM_FIELDS) {
        return err < 0 ? err : chain_fields(&e, chain);
    }
    buf_init(&own, AUDIT_LINE_BYTES);
    err = chain_line(&e, chain, line != NULL && e.form == FORM_SEALED ? line : &own);
    buf_free(&own);
    return err;
}

int audit_object(sqlite3_stmt *stmt, struct buf *line)
{
    struct entry e;
    int err = read_entry(stmt, &e);

    buf_clear(line);
    if (err == 0 && e.form == FORM_SEALED) {
        put_object(&e, line);
        err = buf_error(line);
    }
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
    struct entry e = {.at = at,
                      .who = who,
                      .verb = verb,
                      .object = object,
                      .reason = reason,
                      .form = FORM_SEALED};
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
    sqlite3_randomness(sizeof(e.salts), e.salts);
    (void)snprintf(at, sizeof(at), "%" PRIu64, now_ms);
    memcpy(chain, db->audit.chain, sizeof(chain));
    buf_init(&line, AUDIT_LINE_BYTES);
    err = chain_line(&e, chain, &line);
    buf_free(&line);
    if (err == 0) {
        err = db_run(db, &insert, "iittttbb", e.id, (int64_t)now_ms, who, verb, object, reason,
                     (const void *)chain, sizeof(chain), (const void *)e.salts, sizeof(e.salts));
    }
    if (err == 0) {
        db->audit.row = e.id;
        memcpy(db->audit.chain, chain, sizeof(chain));
    }
    return err;
}
