#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"

#define WRITER_DEPTH_MAX 64 /* bits of has_item */

void json_write_begin(struct json_writer *w, struct buf *out)
{
    w->out = out;
    w->depth = 0;
    w->has_item = 0;
}

/* What stands in front of any value: the comma that is due, and the key. */
static void begin_item(struct json_writer *w, const char *key)
{
    uint64_t bit;
    bool comma;

    assert(w->depth < WRITER_DEPTH_MAX);
    bit = UINT64_C(1) << w->depth;
    comma = (w->has_item & bit) != 0;
    assert(!comma || w->depth > 0); /* one value at the top */
    w->has_item |= bit;
    if (key != NULL) {
        buf_put_json_name(w->out, key, comma);
    } else if (comma) {
        buf_putc(w->out, ',');
    }
}

static void open_item(struct json_writer *w, const char *key, char bracket)
{
    begin_item(w, key);
    buf_putc(w->out, bracket);
    assert(w->depth + 1 < WRITER_DEPTH_MAX);
    w->depth++;
    w->has_item &= ~(UINT64_C(1) << w->depth);
}

static void close_item(struct json_writer *w, char bracket)
{
    assert(w->depth > 0);
    w->depth--;
    buf_putc(w->out, bracket);
}

void json_object_open(struct json_writer *w, const char *key)
{
    open_item(w, key, '{');
}

void json_object_close(struct json_writer *w)
{
    close_item(w, '}');
}

void json_array_open(struct json_writer *w, const char *key)
{
    open_item(w, key, '[');
}

void json_array_close(struct json_writer *w)
{
    close_item(w, ']');
}

void json_string(struct json_writer *w, const char *key, const char *value)
{
    begin_item(w, key);
    buf_put_json(w->out, value != NULL ? value : "");
}

void json_integer_out(struct json_writer *w, const char *key, int64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    begin_item(w, key);
    buf_put(w->out, digits + at, sizeof(digits) - at);
}

void json_double_out(struct json_writer *w, const char *key, double value)
{
    char text[400]; /* the longest double has 309 digits before the point */
    size_t n;

    assert(isfinite(value));
    n = (size_t)snprintf(text, sizeof(text), "%.6f", value);
    while (text[n - 1] == '0') {
        n--;
    }
    n -= text[n - 1] == '.';
    begin_item(w, key);
    if (n == 2 && memcmp(text, "-0", 2) == 0) {
        buf_put(w->out, "0", 1);
    } else {
        buf_put(w->out, text, n);
    }
}

void json_bool(struct json_writer *w, const char *key, bool value)
{
    begin_item(w, key);
    buf_puts(w->out, value ? "true" : "false");
}

void json_null(struct json_writer *w, const char *key)
{
    begin_item(w, key);
    buf_puts(w->out, "null");
}

void json_raw(struct json_writer *w, const char *key, const char *json_text, size_t n)
{
    begin_item(w, key);
    buf_put(w->out, json_text, n);
}
