#include "daemon/status_try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "daemon/status_order.h"

#define ROWS_USUAL 3
#define WORD_MIN 3      /* a shorter value would hide half of every text */
#define ADDRESS_MAX 254 /* bytes of an e-mail address */
#define TEXT_MAX_BYTES (1u << 20)
#define MASK_WORDS 64

/* ---- the mask ---- */

/* What the mask hides: the values of these in a canonical record, wherever they stand in a text (of
 * a row that could not be mapped: every text of several words), e-mail addresses, and numbers of 9
 * to 12 digits (identity papers, telephones; not times of 14).
 */
struct mask {
    char *words[MASK_WORDS]; /* owned, as they stand in JSON texts */
    size_t n;
    bool unknown; /* nothing was mapped: whatever reads like words is hidden */
};

/* Fields of the canonical records that may name a person. */
static const char *const personal[] = {
    "applicant_name", "applicant_id", "account_id", "email", "phone", "subject", "note", "actor",
};

static void learn_word(struct mask *m, const char *value)
{
    struct buf quoted;

    if (strlen(value) < WORD_MIN || m->n == MASK_WORDS) {
        return;
    }
    buf_init(&quoted, TEXT_MAX_BYTES);
    buf_put_json(&quoted, value);
    if (buf_error(&quoted) == 0) {
        char *word = strndup(quoted.data + 1, quoted.len - 2);

        if (word != NULL) {
            m->words[m->n++] = word;
        }
    }
    buf_free(&quoted);
}

/* Adds the personal values of a canonical body (JSON). */
static void mask_learn(struct mask *m, const char *body, size_t n)
{
    struct json *root = NULL;
    struct errmsg ignored = {""};
    char digits[24];

    if (json_parse(body, n, &root, &ignored) != 0) {
        return; /* our own bodies always are */
    }
    for (size_t i = 0; i < sizeof(personal) / sizeof(personal[0]); i++) {
        learn_word(m, json_text_or_empty(json_get(root, personal[i]), digits));
    }
    json_free(root);
}

static void mask_free(struct mask *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->words[i]);
    }
    m->n = 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool in_address(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("._%+-@", c) != NULL);
}

/* A time of a canonical record, in seconds: "received_s":1762736400 */
static bool is_time(const char *text, const char *p)
{
    static const char before[] = "_s\":";

    return (size_t)(p - text) >= sizeof(before) - 1 &&
           memcmp(p - (sizeof(before) - 1), before, sizeof(before) - 1) == 0;
}

static bool in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* Bytes of a text of several words that begins at p (escapes of JSON count as letters); 0 when it
 * is a single word, *word bytes long. */
static size_t several_words(const char *p, size_t left, size_t *word)
{
    size_t n = 0;
    size_t words_end = 0;

    *word = 0;
    while (n < left &&
           (in_word(p[n]) || is_digit(p[n]) || (p[n] != '\0' && strchr(" \\.,'-", p[n]) != NULL))) {
        if (p[n] == ' ' && *word == 0) {
            *word = n;
        }
        if (*word > 0 && in_word(p[n])) {
            words_end = n + 1;
        }
        n++;
    }
    *word = *word == 0 ? n : *word;
    return words_end;
}

/* Bytes at p, in text, that are hidden; 0: none. *skip: bytes that are shown for sure. */
static size_t hidden(const struct mask *m, const char *text, const char *p, const char *end,
                     size_t *skip)
{
    size_t left = (size_t)(end - p);
    size_t n = 0;

    *skip = 1;
    for (size_t i = 0; i < m->n; i++) {
        size_t len = strlen(m->words[i]);

        if (len <= left && memcmp(p, m->words[i], len) == 0) {
            return len;
        }
    }
    if (m->unknown && in_word(*p)) {
        n = several_words(p, left, skip);
        if (n > 0) {
            return n;
        }
    }
    while (n < left && is_digit(p[n])) {
        n++;
    }
    if (n >= 9 && n <= 12 && !is_time(text, p)) {
        return n;
    }
    *skip = n > 0 ? n : *skip;
    n = 0;
    while (n < left && n < ADDRESS_MAX && in_address(p[n])) {
        n++;
    }
    if (n > 3 && memchr(p, '@', n) != NULL && p[0] != '@' && p[n - 1] != '@') {
        return n;
    }
    return 0;
}

/* Writes the text with all of it as "***". */
static void mask_put(const struct mask *m, const char *text, size_t n, struct buf *out)
{
    const char *end = text + n;
    const char *p = text;

    while (p < end) {
        size_t skip;
        size_t hide = hidden(m, text, p, end, &skip);

        if (hide > 0) {
            buf_puts(out, "***");
            p += hide;
        } else {
            buf_put(out, p, skip);
            p += skip;
        }
    }
}

/* ---- the answer ---- */

struct try_request {
    struct pending pending;
    struct engine_try try;
    struct buf out;
    struct json_writer w;
};

static void put_masked(struct json_writer *w, const char *key, const struct mask *m,
                       const char *text, size_t n)
{
    struct buf masked;

    buf_init(&masked, TEXT_MAX_BYTES * 4);
    mask_put(m, text, n, &masked);
    json_string(w, key, buf_error(&masked) == 0 ? buf_text(&masked) : "(too long to be shown)");
    buf_free(&masked);
}

static void put_record(struct json_writer *w, const struct mask *m,
                       const struct engine_try_row *row, size_t i)
{
    const struct record *record = &row->records[i];

    json_object_open(w, NULL);
    json_string(w, "kind", record->kind == RECORD_STEP ? "step" : "dossier");
    put_masked(w, "body", m, record->body, record->body_len);
    if (row->checks != NULL) {
        const struct adapter_check *check = &row->checks[i];

        json_integer_out(w, "status", check->status);
        json_string(w, "verdict", check->hold == HOLD_NONE ? "" : hold_why_name(check->hold));
        put_masked(w, "reason", m, check->reason, strlen(check->reason));
    }
    json_object_close(w);
}

static void put_calls(struct json_writer *w, const struct mask *m, const struct engine_try_row *row)
{
    static const char *const names[] = {"dossier", "steps"};

    json_array_open(w, "calls");
    for (size_t i = 0; i < 2; i++) {
        if (row->calls[i].made) {
            json_object_open(w, NULL);
            json_string(w, "of", names[i]);
            if (row->calls[i].err == 0) {
                put_masked(w, "body", m, row->calls[i].text, strlen(row->calls[i].text));
            } else {
                put_masked(w, "refused", m, row->calls[i].why.text, strlen(row->calls[i].why.text));
            }
            json_object_close(w);
        }
    }
    json_array_close(w);
}

static void on_row(struct engine_try *try, const struct engine_try_row *row)
{
    struct try_request *q = CONTAINER_OF(try, struct try_request, try);
    struct json_writer *w = &q->w;
    struct mask mask = {.n = 0, .unknown = row->n_records == 0};

    for (size_t i = 0; i < row->n_records; i++) {
        mask_learn(&mask, row->records[i].body, row->records[i].body_len);
    }
    json_object_open(w, NULL);
    put_masked(w, "id", &mask, row->id, strlen(row->id));
    if (row->raw != NULL) {
        put_masked(w, "raw", &mask, row->raw, row->raw_len);
    }
    if (row->err != 0) {
        const char *why = row->why.text[0] != '\0' ? row->why.text : err_text(row->err);

        json_bool(w, "skipped", row->err == ERR_UNSUPPORTED);
        put_masked(w, "error", &mask, why, strlen(why));
    }
    json_array_open(w, "records");
    for (size_t i = 0; i < row->n_records; i++) {
        put_record(w, &mask, row, i);
    }
    json_array_close(w);
    put_calls(w, &mask, row);
    json_object_close(w);
    mask_free(&mask);
}

static void on_done(struct engine_try *try)
{
    struct try_request *q = CONTAINER_OF(try, struct try_request, try);
    struct http_call *http = pending_end(&q->pending);
    struct json_writer *w = &q->w;

    json_array_close(w);
    json_bool(w, "ok", try->err == 0);
    json_string(w, "error",
                try->err == 0              ? ""
                : try->why.text[0] != '\0' ? try->why.text
                                           : err_text(try->err));
    json_integer_out(w, "listed", (int64_t)try->n_listed);
    json_bool(w, "more", try->more);
    json_object_close(w);
    if (http != NULL) {
        route_answer(http, 200, buf_error(&q->out), &q->out);
    } else {
        buf_free(&q->out);
    }
    free(q);
}

static bool read_rows(const char *text, unsigned *rows)
{
    char *end = NULL;
    unsigned long n = text[0] != '\0' ? strtoul(text, &end, 10) : ROWS_USUAL;

    *rows = (unsigned)n;
    return (end == NULL || *end == '\0') && n >= 1 && n <= ENGINE_TRY_ROWS;
}

void act_try(const struct route_call *call)
{
    struct try_request *q = calloc(1, sizeof(*q));
    struct errmsg msg = {""};
    struct order order;
    int err;

    if (q == NULL) {
        route_fail(call->http, ERR_NOMEM, "");
        return;
    }
    err = order_parse(call->http->body, call->http->body_len, &order, &msg);
    if (err == 0 && !read_rows(order.rows, &q->try.rows)) {
        err = err_set(&msg, ERR_FORMAT, "\"rows\" is a number of 1 to %d", ENGINE_TRY_ROWS);
    }
    if (err != 0) {
        route_fail(call->http, err, msg.text);
        free(q);
        return;
    }
    if (!pending_begin(&q->pending, call, false)) {
        free(q);
        return;
    }
    loop_timer_stop(&q->pending.deadline); /* the network's deadlines end it, as in act_test */
    (void)snprintf(q->try.source, sizeof(q->try.source), "%s", call->name);
    q->try.row = on_row;
    q->try.done = on_done;
    buf_init(&q->out, ROUTES_ANSWER_BYTES);
    json_write_begin(&q->w, &q->out);
    json_object_open(&q->w, NULL);
    json_integer_out(&q->w, "schema", STATUS_SCHEMA);
    json_string(&q->w, "source", call->name);
    json_array_open(&q->w, "rows");
    engine_try(call->routes->env.engine, &q->try);
}
