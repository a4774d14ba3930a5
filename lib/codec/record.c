#include "codec/record.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/record_fields.h"

#define VOLATILE_MAX (2 * (size_t)DOSSIER_MAX_FILES + 2) /* an address per file, and two fields */
#define STEP_KEY_BYTES 16 /* of the digest that stands in for a missing key */

/* A stretch of the body that the content hash leaves out. */
struct range {
    size_t from;
    size_t to;
};

struct encoder {
    struct json_writer w;
    struct buf body;
    struct arena *arena; /* borrowed */
    struct errmsg *msg;
    struct range left_out[VOLATILE_MAX];
    size_t n_left_out;
};

/* Makes the text of a field NFC. *out is the caller's text or lives in the arena. */
static int clean_text(struct encoder *e, const char *field, const char *text, const char **out)
{
    size_t n = strlen(text);
    unsigned char high = 0;
    int rc;

    for (size_t i = 0; i < n; i++) {
        high |= (unsigned char)text[i];
    }
    *out = text;
    rc = high < 0x80 ? 0 : text_nfc(e->arena, text, n, out, NULL); /* most texts are codes */
    return rc == 0 ? 0
                   : record_field_error(e->msg, rc, field,
                                        rc == ERR_FORMAT ? "not UTF-8" : err_text(rc));
}

/* Notes where the query part of the address just written stands: "?..." up to a fragment or the
 * quote. */
static void leave_out_query(struct encoder *e, size_t from)
{
    const char *end = e->body.data + e->body.len - 1;
    const char *query = memchr(e->body.data + from, '?', e->body.len - from);
    const char *fragment;

    if (query == NULL) {
        return;
    }
    fragment = memchr(query, '#', (size_t)(end - query));
    e->left_out[e->n_left_out].from = (size_t)(query - e->body.data);
    e->left_out[e->n_left_out].to = (size_t)((fragment != NULL ? fragment : end) - e->body.data);
    e->n_left_out++;
}

/* The field that was just written. */
static void leave_out(struct encoder *e, size_t from)
{
    e->left_out[e->n_left_out].from = from;
    e->left_out[e->n_left_out].to = e->body.len;
    e->n_left_out++;
}

/* keep, may be NULL, gets a copy of what is written. */
static int put_text(struct encoder *e, const struct record_field *f, const char *text,
                    const char **keep)
{
    size_t from = e->body.len;
    int rc;

    if (keep != NULL) {
        *keep = "";
    }
    if (text == NULL || *text == '\0') {
        return 0;
    }
    rc = clean_text(e, f->name, text, &text);
    if (rc < 0) {
        return rc;
    }
    if (keep != NULL) {
        *keep = arena_strdup(e->arena, text);
        if (*keep == NULL) {
            return record_no_memory(e->msg);
        }
    }
    json_string(&e->w, f->name, text);
    if (f->type == FIELD_ADDRESS && e->body.error == 0) {
        leave_out_query(e, from);
    } else if (f->type == FIELD_NOTE) {
        leave_out(e, from);
    }
    return 0;
}

static int put_time(struct encoder *e, const struct record_field *f, int64_t at_s)
{
    size_t from = e->body.len;

    if (at_s == 0) {
        return 0;
    }
    if (at_s > RECORD_INTEGER_LIMIT || at_s < -RECORD_INTEGER_LIMIT) {
        return record_field_error(e->msg, ERR_FORMAT, f->name, "no such time");
    }
    json_integer_out(&e->w, f->name, at_s);
    if (f->type == FIELD_SNAPSHOT) {
        leave_out(e, from);
    }
    return 0;
}

static void put_count(struct encoder *e, const struct record_field *f, int value, int empty)
{
    if (value != empty) {
        json_integer_out(&e->w, f->name, value);
    }
}

static int put_fields(struct encoder *e, const struct record_fields *fields, const void *from,
                      void *keep);

static int put_files(struct encoder *e, const struct record_field *f,
                     const struct dossier_file *files, size_t n, const struct dossier_file **keep)
{
    struct dossier_file *kept = NULL;

    if (n == 0) {
        return 0;
    }
    if (n > DOSSIER_MAX_FILES) {
        return record_field_error(e->msg, ERR_TOOBIG, f->name, "too many files");
    }
    if (keep != NULL) {
        kept = arena_alloc(e->arena, n * sizeof(*kept));
        if (kept == NULL) {
            return record_no_memory(e->msg);
        }
        *keep = kept;
    }
    json_array_open(&e->w, f->name);
    for (size_t i = 0; i < n; i++) {
        int rc;

        json_object_open(&e->w, NULL);
        if (kept != NULL) {
            kept[i] = files[i];
        }
        rc = put_fields(e, &record_file_fields, &files[i], kept != NULL ? &kept[i] : NULL);
        if (rc < 0) {
            return err_wrap(e->msg, rc, "%s[%zu]", f->name, i);
        }
        json_object_close(&e->w);
    }
    json_array_close(&e->w);
    return 0;
}

/* keep, may be NULL: a copy of *from, whose texts and files become copies of what is written. */
static int put_fields(struct encoder *e, const struct record_fields *fields, const void *from,
                      void *keep)
{
    for (size_t i = 0; i < fields->n; i++) {
        const struct record_field *f = &fields->all[i];
        const void *value = (const char *)from + f->offset;
        void *kept = keep != NULL ? (char *)keep + f->offset : NULL;
        int rc = 0;

        switch (f->type) {
        case FIELD_TEXT:
        case FIELD_ADDRESS:
        case FIELD_NOTE:
            rc = put_text(e, f, *(const char *const *)value, kept);
            break;
        case FIELD_TIME:
        case FIELD_SNAPSHOT:
            rc = put_time(e, f, *(const int64_t *)value);
            break;
        case FIELD_COUNT:
        case FIELD_FLAG:
            put_count(e, f, *(const int *)value, f->type == FIELD_FLAG ? TRI_UNKNOWN : 0);
            break;
        case FIELD_BOOL:
            put_count(e, f, *(const bool *)value, 0);
            break;
        case FIELD_FILES:
            rc = put_files(e, f, *(const struct dossier_file *const *)value,
                           *(const size_t *)(const void *)((const char *)from + f->n_offset), kept);
            break;
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static int hash_body(const struct encoder *e, uint8_t out[RECORD_HASH_BYTES])
{
    struct buf kept;
    size_t at = 0;
    int rc;

    if (e->n_left_out == 0) {
        return digest_sha256(e->body.data, e->body.len, out);
    }
    buf_init(&kept, RECORD_BODY_MAX);
    for (size_t i = 0; i < e->n_left_out; i++) {
        buf_put(&kept, e->body.data + at, e->left_out[i].from - at);
        at = e->left_out[i].to;
    }
    buf_put(&kept, e->body.data + at, e->body.len - at);
    rc = buf_error(&kept);
    if (rc == 0) {
        rc = digest_sha256(kept.data, kept.len, out);
    }
    buf_free(&kept);
    return rc;
}

/* A copy of a cleaned text in the arena; "" for none. */
static int keep_text(struct encoder *e, const char *field, const char *text, const char **out)
{
    const char *clean;
    int rc;

    if (text == NULL || *text == '\0') {
        *out = "";
        return 0;
    }
    rc = clean_text(e, field, text, &clean);
    if (rc < 0) {
        return rc;
    }
    *out = arena_strdup(e->arena, clean);
    return *out != NULL ? 0 : record_no_memory(e->msg);
}

/* Body, code and hash: what all kinds of records have. The code is the first field of each. keep as
 * in put_fields. */
static int encode(struct encoder *e, const struct record_fields *fields, const void *from,
                  void *keep, struct record *out)
{
    const char *code = *(const char *const *)from;
    char *body;
    int rc;

    if (code == NULL || *code == '\0') {
        return record_field_error(e->msg, ERR_FORMAT, fields->all[0].name, "is missing");
    }
    json_write_begin(&e->w, &e->body);
    json_object_open(&e->w, NULL);
    rc = put_fields(e, fields, from, keep);
    if (rc < 0) {
        return rc;
    }
    json_object_close(&e->w);
    rc = buf_error(&e->body);
    if (rc < 0) {
        return err_set(e->msg, rc, "record: %s", err_text(rc));
    }
    body = arena_strndup(e->arena, e->body.data, e->body.len);
    if (body == NULL) {
        return record_no_memory(e->msg);
    }
    out->body = body;
    out->body_len = e->body.len;
    rc = hash_body(e, out->hash);
    if (rc < 0) {
        return record_no_memory(e->msg); /* OpenSSL knows no other failure here */
    }
    return keep_text(e, fields->all[0].name, code, &out->code);
}

static void begin(struct encoder *e, struct arena *a, struct errmsg *msg, enum record_kind kind,
                  struct record *out)
{
    memset(out, 0, sizeof(*out));
    out->kind = kind;
    out->code = "";
    out->local_no = "";
    out->step_key = "";
    buf_init(&e->body, RECORD_BODY_MAX);
    e->arena = a;
    e->msg = msg;
    e->n_left_out = 0;
}

/* "1", "2" or "3" of the wire; 0 for anything else. */
static int small_code(const char *text)
{
    return text != NULL && text[0] >= '1' && text[0] <= '9' && text[1] == '\0' ? text[0] - '0' : 0;
}

/* What is no list holds no rounds; that it is no JSON is for the sink's check to say. */
static int count_supplements(const char *extra)
{
    static const char name[] = "DanhSachHoSoBoSung";
    struct json *root = NULL;
    size_t n = 0;

    if (extra == NULL || strstr(extra, name) == NULL ||
        json_parse(extra, strlen(extra), &root, NULL) < 0) {
        return 0;
    }
    if (json_is_array(json_get(root, name))) {
        n = json_size(json_get(root, name));
    }
    json_free(root);
    return (int)n;
}

static int mark_results(const struct dossier *d, struct arena *a, struct figures *f)
{
    uint8_t(*marks)[FIGURES_MARK_BYTES] = arena_alloc(a, (d->n_results + 1) * sizeof(*marks));

    if (marks == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < d->n_results; i++) {
        const char *url = d->results[i].url;

        if (url != NULL && *url != '\0') {
            int rc = figures_mark(url, marks[f->n_marks++]);

            if (rc < 0) {
                return rc;
            }
        }
    }
    f->marks = (const uint8_t(*)[FIGURES_MARK_BYTES])marks;
    return 0;
}

/* The record's texts were cleaned before: nothing new can be wrong with them. */
static int put_figures(struct encoder *e, const struct dossier *d, struct record *out)
{
    struct figures *f = arena_alloc(e->arena, sizeof(*f));
    int rc;

    if (f == NULL) {
        return record_no_memory(e->msg);
    }
    *f = (struct figures){
        .channel = small_code(d->channel),
        .entry = small_code(d->entry),
        .submitted_s = d->submitted_s,
        .received_s = d->received_s,
        .finished_s = d->finished_s,
        .returned_s = d->returned_s,
        .refused_s = d->refused_s,
        .supplements = count_supplements(d->extra),
        .results = (int)d->n_results,
        .digitised = d->digitised,
        .identified = d->identified,
        .paid_online = d->paid_online,
    };
    rc = keep_text(e, "procedure_code", d->procedure_code, &f->procedure);
    rc = rc == 0 ? keep_text(e, "sector_code", d->sector_code, &f->sector) : rc;
    rc = rc == 0 ? keep_text(e, "agency_code", d->agency_code, &f->agency) : rc;
    if (rc == 0 && mark_results(d, e->arena, f) < 0) {
        rc = record_no_memory(e->msg);
    }
    out->figures = f;
    return rc;
}

static int from_dossier(const struct dossier *d, struct dossier *keep, struct arena *a,
                        struct record *out, struct errmsg *msg)
{
    struct encoder e;
    int rc;

    begin(&e, a, msg, RECORD_DOSSIER, out);
    rc = encode(&e, &record_dossier_fields, d, keep, out);
    if (rc == 0) {
        rc = keep_text(&e, "local_no", d->local_no, &out->local_no);
    }
    if (rc == 0 && strcmp(out->local_no, out->code) == 0) {
        out->local_no = "";
    }
    rc = rc == 0 ? put_figures(&e, d, out) : rc;
    out->at_s = d->changed_s;
    out->promised_s = d->promised_s;
    out->dossier = keep;
    buf_free(&e.body);
    return rc;
}

int record_from_dossier(const struct dossier *d, struct arena *a, struct record *out,
                        struct errmsg *msg)
{
    return from_dossier(d, NULL, a, out, msg);
}

int record_with_dossier(const struct dossier *d, struct arena *a, struct record *out,
                        struct errmsg *msg)
{
    struct dossier *keep = arena_alloc(a, sizeof(*keep));

    if (keep == NULL) {
        return record_no_memory(msg);
    }
    *keep = *d;
    return from_dossier(d, keep, a, out, msg);
}

/* The digest of these texts and of the time before them (NULL: none), as an identity. */
static int digest_key(struct encoder *e, const char *at, const char *const (*texts)[2], size_t n,
                      const char **out)
{
    static const uint8_t failed[DIGEST_BYTES]; /* what OpenSSL's failure leaves */
    uint8_t hash[DIGEST_BYTES];
    char hex[DIGEST_HEX_SIZE];
    struct digest d;
    int rc = digest_begin(&d);

    if (rc < 0) {
        return record_no_memory(e->msg); /* OpenSSL knows no other failure here */
    }
    if (at != NULL) {
        digest_add_field(&d, at);
    }
    for (size_t i = 0; i < n && rc == 0; i++) {
        const char *text = texts[i][1] != NULL ? texts[i][1] : "";

        rc = clean_text(e, texts[i][0], text, &text);
        digest_add_field(&d, rc == 0 ? text : "");
    }
    digest_end(&d, hash);
    if (rc < 0) {
        return rc;
    }
    if (digest_equal(hash, failed)) {
        return record_no_memory(e->msg);
    }
    digest_hex(hash, hex);
    *out = arena_strndup(e->arena, hex, 2 * (size_t)STEP_KEY_BYTES);
    return *out != NULL ? 0 : record_no_memory(e->msg);
}

/* The identity of a step that the source gave none: the same event has the same key whenever it is
 * read. An answer is its own identity. */
static int derive_step_key(struct encoder *e, const struct step *s, const char **out)
{
    const char *const event[][2] = {{"status", s->status}, {"actor", s->actor}, {"text", s->text}};
    const char *const answer[][2] = {{"answer", s->answer}};
    char at[24];

    if (s->answer != NULL && *s->answer != '\0') {
        return digest_key(e, NULL, answer, 1, out);
    }
    (void)snprintf(at, sizeof(at), "%lld", (long long)s->at_s);
    return digest_key(e, at, event, sizeof(event) / sizeof(event[0]), out);
}

static int from_step(const struct step *s, struct step *keep, struct arena *a, struct record *out,
                     struct errmsg *msg)
{
    struct encoder e;
    int rc;

    begin(&e, a, msg, RECORD_STEP, out);
    rc = encode(&e, &record_step_fields, s, keep, out);
    if (rc == 0) {
        rc = keep_text(&e, "key", s->key, &out->step_key);
    }
    if (rc == 0 && *out->step_key == '\0') {
        rc = derive_step_key(&e, s, &out->step_key);
    }
    out->at_s = s->at_s;
    out->alone = s->answer != NULL && *s->answer != '\0';
    out->step = keep;
    buf_free(&e.body);
    return rc;
}

int record_from_step(const struct step *s, struct arena *a, struct record *out, struct errmsg *msg)
{
    return from_step(s, NULL, a, out, msg);
}

int record_with_step(const struct step *s, struct arena *a, struct record *out, struct errmsg *msg)
{
    struct step *keep = arena_alloc(a, sizeof(*keep));

    if (keep == NULL) {
        return record_no_memory(msg);
    }
    *keep = *s;
    return from_step(s, keep, a, out, msg);
}

/* Body, code and hash, and nothing beside them. */
static int from_plain(enum record_kind kind, const struct record_fields *fields, const void *from,
                      struct arena *a, struct record *out, struct errmsg *msg)
{
    struct encoder e;
    int rc;

    begin(&e, a, msg, kind, out);
    rc = encode(&e, fields, from, NULL, out);
    buf_free(&e.body);
    return rc;
}

int record_from_procedure(const struct procedure *p, struct arena *a, struct record *out,
                          struct errmsg *msg)
{
    return from_plain(RECORD_PROCEDURE, &record_procedure_fields, p, a, out, msg);
}

/* What another telling of it is held against when the body is gone. */
static int mark_payment(const struct payment *p, struct arena *a, struct record *out,
                        struct errmsg *msg)
{
    struct figures *f = arena_alloc(a, sizeof(*f));
    uint8_t(*marks)[FIGURES_MARK_BYTES] = arena_alloc(a, PAYMENT_MARKS * sizeof(*marks));

    if (f == NULL || marks == NULL || payment_marks(p, marks) != 0) {
        return record_no_memory(msg);
    }
    *f = (struct figures){.procedure = "",
                          .sector = "",
                          .agency = "",
                          .marks = (const uint8_t(*)[FIGURES_MARK_BYTES])marks,
                          .n_marks = PAYMENT_MARKS,
                          .marks_only = true};
    out->figures = f;
    return 0;
}

static int no_such_kind(enum record_kind kind, const char *what, struct errmsg *msg)
{
    return err_set(msg, ERR_INVAL, "kind %d is no %s", (int)kind, what);
}

int record_from_other(enum record_kind kind, const void *from, struct arena *a, struct record *out,
                      struct errmsg *msg)
{
    const struct record_fields *fields = record_other_fields(kind);
    int rc = fields != NULL ? from_plain(kind, fields, from, a, out, msg)
                            : no_such_kind(kind, "record of another service", msg);

    return rc == 0 && kind == RECORD_PAYMENT ? mark_payment(from, a, out, msg) : rc;
}

int record_from_row(enum record_kind kind, const struct catalog_row *row, struct arena *a,
                    struct record *out, struct errmsg *msg)
{
    if (kind != RECORD_SERVICE && kind != RECORD_SECTOR && kind != RECORD_AGENCY &&
        kind != RECORD_DECISION) {
        return no_such_kind(kind, "row of a catalogue", msg);
    }
    return from_plain(kind, &record_row_fields, row, a, out, msg);
}
