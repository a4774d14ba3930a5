#include "daemon/ctl_evidence_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "adapter/adapter.h"
#include "base/text.h"
#include "codec/json.h"
#include "domain/vntime.h"
#include "journal/evidence.h"

#define VERSION 1
#define TIME_SIZE 40
#define WORDS_SIZE 201 /* of the portal, shown */

/* ---- writing ---- */

/* The file being written. */
struct writing {
    const struct evidence_order *order;
    struct buf *out;
};

/* The line being written. */
struct line {
    struct json_writer w;
    struct buf *out;
};

static void begin(struct line *l, const struct writing *file, const char *what)
{
    l->out = file->out;
    json_write_begin(&l->w, l->out);
    json_object_open(&l->w, NULL);
    json_string(&l->w, "is", what);
}

static int end(struct line *l)
{
    json_object_close(&l->w);
    buf_putc(l->out, '\n');
    return buf_error(l->out);
}

static void put_time(struct line *l, const char *key, int64_t at_s)
{
    char text[TIME_SIZE] = "";

    if (at_s > 0) {
        vntime_format_rfc3339(at_s, text, sizeof(text));
        json_string(&l->w, key, text);
    } else {
        json_null(&l->w, key);
    }
}

/* For people and for sums: "begun", and "begun_ms" since 1970. */
static void put_time_ms(struct line *l, const char *key, uint64_t at_ms)
{
    char exact[48];

    put_time(l, key, (int64_t)(at_ms / 1000));
    (void)snprintf(exact, sizeof(exact), "%.40s_ms", key);
    json_integer_out(&l->w, exact, (int64_t)at_ms);
}

static void put_digest(struct line *l, const char *key, const char *hex)
{
    if (hex[0] != '\0') {
        json_string(&l->w, key, hex);
    } else {
        json_null(&l->w, key);
    }
}

static int put_begin(void *ctx, const char *code)
{
    const struct writing *file = ctx;
    struct line l;

    begin(&l, file, "evidence");
    json_integer_out(&l.w, "version", VERSION);
    json_string(&l.w, "dossier", code);
    put_time(&l, "made", file->order->now_s);
    json_string(&l.w, "program", "dvcsyncctl " DVCSYNC_VERSION);
    return end(&l);
}

static int put_subject(void *ctx, const struct evidence_subject *s)
{
    struct line l;

    begin(&l, ctx, "dossier");
    json_integer_out(&l.w, "subject", s->id);
    json_string(&l.w, "flow", s->flow);
    json_string(&l.w, "code", s->code);
    put_digest(&l, "local_no", s->local_no);
    json_integer_out(&l.w, "status", s->status);
    put_time(&l, "at", s->at_s);
    put_time(&l, "promised", s->promised_s);
    json_bool(&l.w, "there", s->present != 0);
    json_bool(&l.w, "in_doubt", s->doubt != 0);
    json_integer_out(&l.w, "acknowledged_item", s->acked_item);
    json_integer_out(&l.w, "acknowledged_status", s->acked_status);
    put_digest(&l, "acknowledged_digest", s->acked_digest);
    json_integer_out(&l.w, "newest_item", s->newest_item);
    put_time(&l, "settled", s->settled_s);
    put_time_ms(&l, "asked", s->seen_at_ms);
    json_bool(&l.w, "shown", s->seen_there);
    json_integer_out(&l.w, "shown_status", s->seen_status);
    return end(&l);
}

static int put_part(void *ctx, const struct evidence_part *p)
{
    struct line l;

    begin(&l, ctx, "part");
    json_integer_out(&l.w, "subject", p->subject);
    json_string(&l.w, "source", p->source);
    json_integer_out(&l.w, "rank", p->rank);
    put_time(&l, "at", p->at_s);
    put_digest(&l, "digest", p->digest);
    return end(&l);
}

static int put_item(void *ctx, const struct evidence_item *i)
{
    struct line l;

    begin(&l, ctx, "item");
    json_integer_out(&l.w, "item", i->id);
    json_integer_out(&l.w, "subject", i->subject);
    json_string(&l.w, "kind", i->kind == ITEM_STEP ? "step" : "snapshot");
    json_string(&l.w, "state", item_state_name(i->state));
    json_string(&l.w, "held", i->state == ITEM_HELD ? hold_why_name(i->hold) : "");
    json_integer_out(&l.w, "status", i->status);
    put_time(&l, "at", i->at_s);
    put_time_ms(&l, "stored", i->created_ms);
    put_time_ms(&l, "changed", i->changed_ms);
    json_integer_out(&l.w, "attempts", i->attempts);
    json_integer_out(&l.w, "successor", i->successor);
    put_digest(&l, "digest", i->digest);
    put_digest(&l, "record", i->body);
    put_digest(&l, "step", i->step);
    json_string(&l.w, "source", i->source);
    return end(&l);
}

static int put_attempt(void *ctx, const struct journal_attempt_row *a, const int64_t *items,
                       size_t n)
{
    const struct writing *file = ctx;
    char words[sizeof(((struct outcome *)NULL)->words)];
    char code[sizeof(((struct outcome *)NULL)->code)];
    char shown[WORDS_SIZE];
    struct line l;

    (void)snprintf(code, sizeof(code), "%s", a->code);
    text_mask_personal(code); /* error_code too is what the portal liked to write */
    (void)snprintf(words, sizeof(words), "%s", a->words);
    text_mask_personal(words); /* it was before it was stored; a second time does no harm */
    text_printable(words, strlen(words), shown, sizeof(shown));
    begin(&l, file, "attempt");
    json_integer_out(&l.w, "attempt", a->id);
    json_string(&l.w, "verb", a->verb == JOURNAL_LOOKUP ? "look-up" : "send");
    json_array_open(&l.w, "items");
    for (size_t i = 0; i < n; i++) {
        json_integer_out(&l.w, NULL, items[i]);
    }
    json_array_close(&l.w);
    json_bool(&l.w, "updating", a->updating);
    put_time_ms(&l, "begun", a->begun_ms);
    put_time_ms(&l, "ended", a->ended_ms);
    json_string(&l.w, "outcome",
                a->ended_ms == 0 ? "" : outcome_name((enum outcome_class)a->outcome));
    json_integer_out(&l.w, "http", a->http);
    json_string(&l.w, "code", code);
    if (file->order->without_words) {
        json_null(&l.w, "words");
    } else {
        json_string(&l.w, "words", shown);
    }
    put_digest(&l, "request", a->request);
    put_digest(&l, "response", a->response);
    json_integer_out(&l.w, "repeats", a->repeats);
    json_integer_out(&l.w, "took_ms", a->took_ms);
    return end(&l);
}

static int put_row(void *ctx, const struct evidence_row *r)
{
    struct line l;

    begin(&l, ctx, "row");
    json_string(&l.w, "source", r->source);
    put_digest(&l, "id", r->id);
    put_digest(&l, "digest", r->digest);
    json_bool(&l.w, "owed", r->owed);
    return end(&l);
}

static int put_audit(void *ctx, const struct evidence_audit *a)
{
    const struct writing *file = ctx;
    struct line l;

    if (a->line[0] != '\0') {
        buf_printf(file->out, "%s\n%s%s", a->line, a->object, a->object[0] != '\0' ? "\n" : "");
        return buf_error(file->out);
    }
    begin(&l, file, "old audit");
    json_integer_out(&l.w, "row", a->row);
    json_string(&l.w, "chain", a->chain);
    return end(&l);
}

static int put_end(void *ctx, const struct evidence_end *e)
{
    char head[DIGEST_HEX_SIZE];
    struct line l;

    digest_hex(e->head.chain, head);
    begin(&l, ctx, "journal");
    json_integer_out(&l.w, "schema_version", e->schema);
    json_string(&l.w, "daemon", e->program);
    json_integer_out(&l.w, "attempts", e->attempts_ever);
    json_integer_out(&l.w, "items", e->items_ever);
    if (e->has_witness) {
        json_integer_out(&l.w, "witness_attempts", e->witness.attempt);
        json_integer_out(&l.w, "witness_items", e->witness.item);
    } else {
        json_null(&l.w, "witness_attempts");
        json_null(&l.w, "witness_items");
    }
    json_string(&l.w, "restored", e->restored);
    json_integer_out(&l.w, "audit_first", e->first_row);
    json_string(&l.w, "audit_before", e->first_row > 0 ? e->first_chain : "");
    json_integer_out(&l.w, "audit_last", e->head.row);
    json_string(&l.w, "audit_head", e->head.row > 0 ? head : "");
    json_integer_out(&l.w, "audit_about", e->rows_about);
    json_integer_out(&l.w, "audit_left_out", e->rows_left_out);
    return end(&l);
}

/* The three last lines. */
static int seal(const struct sign_key *key, struct buf *out)
{
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX_SIZE];
    char public_key[SIGN_PUBLIC_SIZE];
    char signature[SIGN_TEXT_SIZE];
    int err = buf_error(out);

    err = err == 0 ? digest_sha256(out->data, out->len, sum) : err;
    err = err == 0 ? sign_public(key, public_key) : err;
    if (err < 0) {
        return err;
    }
    digest_hex(sum, hex);
    buf_printf(out, "{\"sha256\":\"%s\"}\n{\"key\":\"%s\"}\n", hex, public_key);
    err = buf_error(out);
    err = err == 0 ? sign_bytes(key, out->data, out->len, signature) : err;
    if (err == 0) {
        buf_printf(out, "{\"signature\":\"%s\"}\n", signature);
        err = buf_error(out);
    }
    return err;
}

int evidence_file_write(const struct evidence_order *order, struct buf *out, struct errmsg *msg)
{
    struct writing file = {.order = order, .out = out};
    const struct evidence_visitor visitor = {
        .begin = put_begin,
        .subject = put_subject,
        .part = put_part,
        .item = put_item,
        .attempt = put_attempt,
        .row = put_row,
        .audit = put_audit,
        .end = put_end,
        .ctx = &file,
    };
    int err = evidence_read(order->journal, order->code, &visitor, msg);

    if (err == 0) {
        err = seal(order->key, out);
        if (err < 0) {
            err = err_set(msg, err, "the file can't be made: %s", err_text(err));
        }
    }
    return err;
}

/* ---- checking ---- */

struct check {
    struct evidence_summary *out;
    struct errmsg *msg;
    uint64_t line;
    char first[DIGEST_HEX_SIZE]; /* the chain before the first row; "" none yet */
    char chain[DIGEST_HEX_SIZE]; /* and after the last */
    char seal[DIGEST_HEX_SIZE];  /* of the last row's object; "" no row just before this line */
    int64_t first_row, last_row;
    bool ended;
};

static int broken(struct check *c, const char *what)
{
    return err_set(c->msg, ERR_CORRUPT, "line %" PRIu64 ": %s", c->line, what);
}

/* The value of the line {"KEY":"..."} that begins at `at` and is `n` bytes long, line feed
 * included; false when it is none. */
static bool sealed_value(const char *at, size_t n, const char *key, char *out, size_t size)
{
    char front[24];
    size_t front_len = (size_t)snprintf(front, sizeof(front), "{\"%s\":\"", key);
    size_t value = size - 1;

    if (n != front_len + value + 3 || memcmp(at, front, front_len) != 0 ||
        memcmp(at + front_len + value, "\"}\n", 3) != 0) {
        return false;
    }
    memcpy(out, at + front_len, value);
    out[value] = '\0';
    return strlen(out) == value;
}

/* Where the last line of the first n bytes begins. */
static size_t last_line(const char *bytes, size_t n)
{
    const char *feed = n > 1 ? memrchr(bytes, '\n', n - 1) : NULL;

    return feed != NULL ? (size_t)(feed - bytes) + 1 : 0;
}

/* A row: its line gives the next digest, and must name the one before. The seal of its object is
 * the third from the end. */
static int check_row(struct check *c, const struct json *first, const uint8_t sum[DIGEST_BYTES])
{
    char number[24];
    const struct json *last[3] = {first, first, first};
    const char *before;
    int64_t id = 0;

    for (const struct json *x = first; x != NULL; x = json_next(x)) {
        last[0] = last[1];
        last[1] = last[2];
        last[2] = x;
    }
    before = json_text_or_empty(last[2], number);
    if (json_integer(json_next(first), &id) < 0 || strlen(before) != DIGEST_HEX_SIZE - 1) {
        return broken(c, "no row of the audit");
    }
    if (c->first[0] == '\0') {
        (void)snprintf(c->first, sizeof(c->first), "%s", before);
        c->first_row = id;
    } else if (strcmp(before, c->chain) != 0 || id != c->last_row + 1) {
        return broken(c, "the audit's chain is broken");
    }
    digest_hex(sum, c->chain);
    (void)snprintf(c->seal, sizeof(c->seal), "%.64s", json_text_or_empty(last[0], number));
    c->last_row = id;
    c->out->audit_rows++;
    return 0;
}

/* An array: a row of the audit, or what opens the seal of the row before it. */
static int check_array(struct check *c, const struct json *array, const char *text, size_t n)
{
    char number[24];
    char hex[DIGEST_HEX_SIZE];
    uint8_t sum[DIGEST_BYTES];
    const struct json *first = json_first(array);
    int err = digest_sha256(text, n, sum);

    if (err != 0) {
        return err;
    }
    if (strcmp(json_text_or_empty(first, number), "object") != 0) {
        return check_row(c, first, sum);
    }
    digest_hex(sum, hex);
    if (strcmp(hex, c->seal) != 0) {
        return broken(c, "it does not open the seal of the audit's row before it");
    }
    c->seal[0] = '\0';
    return 0;
}

/* A row of an older form: its digest is told, and can not be made anew without what it hides. */
static int check_old_audit(struct check *c, const struct json *root)
{
    char number[24];
    const char *chain = json_text_or_empty(json_get(root, "chain"), number);
    int64_t id = 0;

    if (json_integer(json_get(root, "row"), &id) < 0 || strlen(chain) != DIGEST_HEX_SIZE - 1 ||
        (c->chain[0] != '\0' && id != c->last_row + 1)) {
        return broken(c, "the audit's chain is broken");
    }
    if (c->chain[0] == '\0') {
        c->first_row = id;
    }
    (void)snprintf(c->first, sizeof(c->first), "?");
    (void)snprintf(c->chain, sizeof(c->chain), "%s", chain);
    c->last_row = id;
    c->out->audit_old++;
    return 0;
}

static int check_journal(struct check *c, const struct json *root)
{
    char number[24];
    char other[24];
    const char *head = json_text_or_empty(json_get(root, "audit_head"), number);
    const char *before = json_text_or_empty(json_get(root, "audit_before"), other);

    c->ended = true;
    if (json_integer(json_get(root, "audit_last"), &c->out->head_row) < 0) {
        return broken(c, "no end of the audit");
    }
    if (strcmp(c->chain, head) != 0 || c->last_row != c->out->head_row ||
        (c->first[0] != '\0' && c->first[0] != '?' && strcmp(c->first, before) != 0)) {
        return broken(c, "the audit's chain does not end where it should");
    }
    memcpy(c->out->head, c->chain, sizeof(c->chain));
    return 0;
}

static void take_text(const struct json *root, const char *key, char *out, size_t size)
{
    char number[24];
    const char *text = json_text_or_empty(json_get(root, key), number);

    text_printable(text, strlen(text), out, size);
}

static int check_object(struct check *c, const struct json *root)
{
    char number[24];
    const char *is = json_text_or_empty(json_get(root, "is"), number);
    int64_t version = 0;

    if ((c->line == 1) != (strcmp(is, "evidence") == 0)) {
        return err_set(c->msg, ERR_FORMAT, "no file of evidence");
    }
    if (c->line == 1) {
        if (json_integer(json_get(root, "version"), &version) < 0 || version != VERSION) {
            return err_set(c->msg, ERR_FORMAT,
                           "a file of another version; a newer program made it");
        }
        /* Who signs with a key of his own may write there what he likes. */
        take_text(root, "dossier", c->out->dossier, sizeof(c->out->dossier));
        take_text(root, "made", c->out->made, sizeof(c->out->made));
    }
    c->seal[0] = '\0';
    c->out->attempts += strcmp(is, "attempt") == 0;
    c->out->items += strcmp(is, "item") == 0;
    c->out->rows += strcmp(is, "row") == 0;
    return strcmp(is, "old audit") == 0 ? check_old_audit(c, root)
           : strcmp(is, "journal") == 0 ? check_journal(c, root)
                                        : 0;
}

/* The lines before the three last. */
static int check_lines(struct check *c, const char *bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        const char *feed = memchr(bytes + at, '\n', n - at);
        size_t len = feed != NULL ? (size_t)(feed - bytes) - at : n - at;
        struct json *root = NULL;
        int err;

        c->line++;
        err = json_parse(bytes + at, len, &root, c->msg);
        if (err == 0) {
            err =
                json_is_array(root) ? check_array(c, root, bytes + at, len) : check_object(c, root);
        } else if (err == ERR_FORMAT) {
            err = broken(c, "no JSON");
        }
        json_free(root);
        if (err != 0) {
            return err;
        }
        at += len + 1;
    }
    c->line++;
    return c->ended ? 0 : broken(c, "the line of the journal is missing");
}

int evidence_file_verify(const char *bytes, size_t n, const char *public_key,
                         struct evidence_summary *out, struct errmsg *msg)
{
    struct check c = {.out = out, .msg = msg};
    char signature[SIGN_TEXT_SIZE];
    char key[SIGN_PUBLIC_SIZE];
    char told[DIGEST_HEX_SIZE];
    char actual[DIGEST_HEX_SIZE];
    uint8_t sum[DIGEST_BYTES];
    size_t at_signature = last_line(bytes, n);
    size_t at_key = last_line(bytes, at_signature);
    size_t at_sum = last_line(bytes, at_key);
    int err;

    memset(out, 0, sizeof(*out));
    if (!sealed_value(bytes + at_signature, n - at_signature, "signature", signature,
                      sizeof(signature)) ||
        !sealed_value(bytes + at_key, at_signature - at_key, "key", key, sizeof(key)) ||
        !sealed_value(bytes + at_sum, at_key - at_sum, "sha256", told, sizeof(told))) {
        return err_set(msg, ERR_FORMAT,
                       "no file of evidence: its last three lines are not a "
                       "digest, a key and a signature");
    }
    err = sign_fingerprint(key, out->fingerprint);
    err = err == 0 ? sign_check(key, bytes, at_signature, signature) : err;
    if (err == ERR_CORRUPT || err == ERR_FORMAT) {
        return err_set(msg, ERR_CORRUPT, "the signature does not fit: the file was changed");
    }
    err = err == 0 ? digest_sha256(bytes, at_sum, sum) : err;
    if (err != 0) {
        return err_set(msg, err, "%s", err_text(err));
    }
    digest_hex(sum, actual);
    if (strcmp(actual, told) != 0) {
        return err_set(msg, ERR_CORRUPT, "the digest of its lines is another one");
    }
    if (public_key != NULL && strcmp(public_key, key) != 0) {
        return err_set(msg, ERR_DENIED, "it is signed by another key, fingerprint %s",
                       out->fingerprint);
    }
    return check_lines(&c, bytes, at_sum);
}
