#include "codec/json_feed.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "codec/json.h"
#include "codec/json_front.h"

#define STEPS_MAX 16
#define KEY_MAX 256 /* a longer key is none of a path's */

/* Where in the document a byte stands. */
enum place {
    PLACE_REST,   /* outside of the rows */
    PLACE_ROWS,   /* between two rows */
    PLACE_RECORD, /* inside a row */
    PLACE_AFTER   /* behind the document: only white space */
};

/* An open object or array of the rest. */
struct frame {
    bool object;
    bool on_path;   /* the first so many steps of the path lead here */
    uint64_t index; /* of the element at work */
};

struct json_feed {
    int (*take)(void *ctx, const char *record, size_t n, struct errmsg *msg);
    void *ctx;
    char *steps[STEPS_MAX]; /* owned, decoded */
    size_t n_steps;

    uint64_t at;    /* bytes seen */
    unsigned marks; /* of them a byte order mark; half of one fails at the end */
    enum place place;
    bool in_string, escaped;
    struct frame frames[JSON_DEPTH_MAX];
    size_t depth;   /* of the rest */
    bool key_due;   /* in an object, before the colon */
    struct buf key; /* last text of the rest, as it stands between its quotes */
    bool row_due;   /* a comma was read */
    bool any_row;
    bool found;          /* the array was met */
    size_t record_depth; /* brackets open in the record */
    uint64_t record_at;
    struct buf record;
    struct buf rest;
    int err;
    struct errmsg why;
};

static int fault(struct json_feed *f, int err, const char *what)
{
    return err_set(&f->why, err, "byte %llu: %s", (unsigned long long)f->at, what);
}

/* ---- the path ---- */

static int add_step(struct json_feed *f, const char *text, size_t n)
{
    char *step = malloc(n + 1);
    size_t len = 0;

    if (step == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '~' && i + 1 < n && (text[i + 1] == '0' || text[i + 1] == '1')) {
            i++;
            step[len++] = text[i] == '0' ? '~' : '/';
        } else {
            step[len++] = text[i];
        }
    }
    step[len] = '\0';
    f->steps[f->n_steps++] = step;
    return 0;
}

static int split_path(struct json_feed *f, const char *rows, struct errmsg *msg)
{
    int err = 0;

    while (*rows == '/' && err == 0) {
        size_t n = strcspn(rows + 1, "/");

        if (f->n_steps == STEPS_MAX) {
            return err_set(msg, ERR_INVAL, "the path of the rows has too many steps");
        }
        err = add_step(f, rows + 1, n);
        rows += 1 + n;
    }
    if (err == 0 && *rows != '\0') {
        err = err_set(msg, ERR_INVAL, "the path of the rows is not a JSON pointer");
    }
    return err;
}

/* The key between its quotes is this step. */
static bool key_is(const struct json_feed *f, const char *step)
{
    const char *key = buf_text(&f->key);
    char number[24];
    struct errmsg ignored;
    struct json *decoded;
    char quoted[KEY_MAX + 3];
    bool same;

    if (f->key.len > KEY_MAX) {
        return false;
    }
    if (memchr(key, '\\', f->key.len) == NULL) {
        return strcasecmp(key, step) == 0;
    }
    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", key);
    if (json_parse(quoted, strlen(quoted), &decoded, &ignored) != 0) {
        return false;
    }
    same = strcasecmp(json_text_or_empty(decoded, number), step) == 0;
    json_free(decoded);
    return same;
}

/* The value that begins now lies on the path. */
static bool leads_here(const struct json_feed *f)
{
    const struct frame *parent = f->depth > 0 ? &f->frames[f->depth - 1] : NULL;
    char index[24];

    if (parent == NULL) {
        return true;
    }
    if (!parent->on_path || f->depth > f->n_steps) {
        return false;
    }
    if (parent->object) {
        return key_is(f, f->steps[f->depth - 1]);
    }
    (void)snprintf(index, sizeof(index), "%llu", (unsigned long long)parent->index);
    return strcmp(index, f->steps[f->depth - 1]) == 0;
}

/* ---- the rest ---- */

static int put_rest(struct json_feed *f, char c)
{
    buf_putc(&f->rest, c);
    if (buf_error(&f->rest) == 0) {
        return 0;
    }
    return buf_error(&f->rest) == ERR_NOMEM
               ? fault(f, ERR_NOMEM, err_text(ERR_NOMEM))
               : fault(f, ERR_TOOBIG, "more than 256 KiB outside of the rows");
}

static int open_bracket(struct json_feed *f, char c)
{
    bool on_path = leads_here(f);
    int err = put_rest(f, c);

    if (err != 0) {
        return err;
    }
    if (f->depth == JSON_DEPTH_MAX) {
        return fault(f, ERR_TOOBIG, "nested deeper than 32");
    }
    if (on_path && c == '[' && f->depth == f->n_steps) {
        if (f->found) {
            return fault(f, ERR_FORMAT, "the rows stand there twice");
        }
        f->found = true;
        f->place = PLACE_ROWS;
        f->row_due = false;
        f->any_row = false;
        return 0;
    }
    f->frames[f->depth++] = (struct frame){.object = c == '{', .on_path = on_path};
    f->key_due = c == '{';
    return 0;
}

/* Counts brackets; the grammar of the rest is judged at its end. */
static int close_bracket(struct json_feed *f, char c)
{
    int err = put_rest(f, c);

    if (err != 0) {
        return err;
    }
    if (f->depth == 0 || f->frames[f->depth - 1].object != (c == '}')) {
        return fault(f, ERR_FORMAT, "a bracket that was never opened");
    }
    f->depth--;
    f->key_due = false;
    if (f->depth == 0) {
        f->place = PLACE_AFTER;
    }
    return 0;
}

static int in_rest_string(struct json_feed *f, char c)
{
    if (!f->escaped && c == '"') {
        f->in_string = false;
    } else {
        f->escaped = !f->escaped && c == '\\';
        if (f->key_due && f->key.len <= KEY_MAX) {
            buf_putc(&f->key, c);
        }
    }
    return put_rest(f, c);
}

static int in_rest(struct json_feed *f, char c)
{
    struct frame *parent = f->depth > 0 ? &f->frames[f->depth - 1] : NULL;

    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        /* Kept where it parts two tokens ("1 2" must stay wrong). */
        return f->rest.len > 0 && f->rest.data[f->rest.len - 1] != ' ' ? put_rest(f, ' ') : 0;
    case '"':
        f->in_string = true;
        f->escaped = false;
        if (f->key_due) {
            buf_clear(&f->key);
        }
        return put_rest(f, c);
    case '{':
    case '[':
        return open_bracket(f, c);
    case '}':
    case ']':
        return close_bracket(f, c);
    case ',':
        if (parent != NULL) {
            parent->index++;
            f->key_due = parent->object;
        }
        return put_rest(f, c);
    case ':':
        f->key_due = false;
        return put_rest(f, c);
    default:
        return put_rest(f, c);
    }
}

/* ---- the rows ---- */

static int between_rows(struct json_feed *f, char c)
{
    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return 0;
    case ',':
        if (!f->any_row || f->row_due) {
            return fault(f, ERR_FORMAT, "a row is missing");
        }
        f->row_due = true;
        return 0;
    case ']':
        if (f->row_due) {
            return fault(f, ERR_FORMAT, "a row is missing");
        }
        f->place = f->depth == 0 ? PLACE_AFTER : PLACE_REST;
        return put_rest(f, c);
    case '{':
        if (f->any_row && !f->row_due) {
            return fault(f, ERR_FORMAT, "',' expected");
        }
        f->place = PLACE_RECORD;
        f->record_depth = 1;
        f->record_at = f->at;
        buf_clear(&f->record);
        buf_putc(&f->record, c);
        return 0;
    default:
        return fault(f, ERR_FORMAT, "a row that is not an object");
    }
}

static int end_record(struct json_feed *f)
{
    struct errmsg inner = {""};
    size_t skip;
    int err;

    f->place = PLACE_ROWS;
    f->any_row = true;
    f->row_due = false;
    err = json_front_check(f->record.data, f->record.len, &skip, &inner);
    if (err == 0) {
        err = f->take(f->ctx, f->record.data, f->record.len, &inner);
    }
    if (err != 0) {
        err_set(&f->why, err, "record at byte %llu: %s", (unsigned long long)f->record_at,
                inner.text[0] != '\0' ? inner.text : err_text(err));
    }
    return err;
}

/* As many bytes of the record as stand here; *used of them. */
static int in_record(struct json_feed *f, const char *bytes, size_t n, size_t *used)
{
    size_t i = 0;
    bool ended = false;

    while (i < n && !ended) {
        char c = bytes[i++];

        if (f->in_string) {
            if (!f->escaped && c == '"') {
                f->in_string = false;
            } else {
                f->escaped = !f->escaped && c == '\\';
            }
        } else if (c == '"') {
            f->in_string = true;
            f->escaped = false;
        } else if (c == '{' || c == '[') {
            f->record_depth++;
        } else if (c == '}' || c == ']') {
            f->record_depth--;
            ended = f->record_depth == 0;
        }
    }
    *used = i;
    buf_put(&f->record, bytes, i);
    if (buf_error(&f->record) != 0) {
        return buf_error(&f->record) == ERR_NOMEM
                   ? fault(f, ERR_NOMEM, err_text(ERR_NOMEM))
                   : fault(f, ERR_TOOBIG, "a record is longer than 1 MiB");
    }
    return ended ? end_record(f) : 0;
}

static int one_byte(struct json_feed *f, char c)
{
    if (f->in_string) {
        return in_rest_string(f, c);
    }
    if (f->place == PLACE_ROWS) {
        return between_rows(f, c);
    }
    if (f->place == PLACE_REST) {
        return in_rest(f, c);
    }
    return strchr(" \t\r\n", c) != NULL && c != '\0'
               ? 0
               : fault(f, ERR_FORMAT, "something follows the document");
}

/* ---- the feed ---- */

int json_feed_open(const char *rows,
                   int (*take)(void *ctx, const char *record, size_t n, struct errmsg *msg),
                   void *ctx, struct json_feed **out, struct errmsg *msg)
{
    struct json_feed *f = calloc(1, sizeof(*f));
    int err;

    *out = NULL;
    if (f == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    f->take = take;
    f->ctx = ctx;
    buf_init(&f->key, KEY_MAX + 1);
    buf_init(&f->record, FEED_RECORD_MAX);
    buf_init(&f->rest, FEED_REST_MAX);
    err = split_path(f, rows, msg);
    if (err != 0) {
        json_feed_close(f);
        return err;
    }
    *out = f;
    return 0;
}

int json_feed_push(struct json_feed *f, const char *bytes, size_t n, struct errmsg *msg)
{
    static const unsigned char mark[3] = {0xEF, 0xBB, 0xBF};
    size_t i = 0;

    while (i < n && f->err == 0) {
        size_t used = 1;

        if (f->at == f->marks && f->marks < 3 && (unsigned char)bytes[i] == mark[f->marks]) {
            f->marks++;
            f->at++;
            i++;
            continue;
        }
        f->err = f->place == PLACE_RECORD ? in_record(f, bytes + i, n - i, &used)
                                          : one_byte(f, bytes[i]);
        f->at += used;
        i += used;
        if (f->err == 0 && f->at > FEED_BYTES_MAX) {
            f->err = fault(f, ERR_TOOBIG, "the feed is longer than 1 GiB");
        }
    }
    return f->err == 0 ? 0 : err_set(msg, f->err, "%s", f->why.text);
}

int json_feed_end(struct json_feed *f, const char **rest, size_t *n, struct errmsg *msg)
{
    struct errmsg inner = {""};
    size_t skip;

    if (f->err == 0 && (f->place != PLACE_AFTER || f->in_string || f->marks % 3 != 0)) {
        f->err = fault(f, ERR_FORMAT, "the document ends too early");
    }
    if (f->err == 0) {
        f->err = json_front_check(f->rest.data, f->rest.len, &skip, &inner);
        if (f->err == 0 && skip > 0) { /* the one in front was passed over by json_feed_push */
            f->err = err_set(&inner, ERR_FORMAT, "a byte order mark that is not in front");
        }
        if (f->err != 0) {
            err_set(&f->why, f->err, "outside of the rows: %s", inner.text);
        }
    }
    *rest = buf_text(&f->rest);
    *n = f->rest.len;
    return f->err == 0 ? 0 : err_set(msg, f->err, "%s", f->why.text);
}

void json_feed_close(struct json_feed *f)
{
    if (f == NULL) {
        return;
    }
    for (size_t i = 0; i < f->n_steps; i++) {
        free(f->steps[i]);
    }
    buf_free(&f->key);
    buf_free(&f->record);
    buf_free(&f->rest);
    free(f);
}
