#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define FIRST_CAPACITY 64

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
static const char hex_upper[] = "0123456789ABCDEF";

void buf_init(struct buf *b, size_t max_bytes)
{
    memset(b, 0, sizeof(*b));
    b->max_bytes = max_bytes;
}

void buf_free(struct buf *b)
{
    free(b->data);
    buf_init(b, b->max_bytes);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->error = 0;
    if (b->data != NULL) {
        b->data[0] = '\0';
    }
}

/* As reserve, where the bytes that are there may not do. */
static bool grow(struct buf *b, size_t n)
{
    size_t need;
    size_t capacity;
    char *data;

    if (b->error != 0) {
        return false;
    }
    if (n > b->max_bytes - b->len || b->len + n == SIZE_MAX) {
        b->error = ERR_TOOBIG;
        return false;
    }
    need = b->len + n + 1;
    if (need <= b->capacity) {
        return true;
    }
    capacity = b->capacity > 0 ? b->capacity : FIRST_CAPACITY;
    while (capacity < need) {
        capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    }
    if (capacity - 1 > b->max_bytes) {
        capacity = b->max_bytes + 1; /* at least need, see above */
    }
    data = realloc(b->data, capacity);
    if (data == NULL) {
        b->error = ERR_NOMEM;
        return false;
    }
    b->data = data;
    b->capacity = capacity;
    return true;
}

/* Room for n more bytes and the NUL; false sets the error. */
static inline bool reserve(struct buf *b, size_t n)
{
    bool there = b->error == 0 && n < b->capacity - b->len && n <= b->max_bytes - b->len;

    return there || grow(b, n);
}

void buf_put(struct buf *b, const void *bytes, size_t n)
{
    if (n == 0 || !reserve(b, n)) {
        return;
    }
    memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *text)
{
    buf_put(b, text, strlen(text));
}

void buf_putc(struct buf *b, char c)
{
    if (reserve(b, 1)) {
        b->data[b->len++] = c;
        b->data[b->len] = '\0';
    }
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        b->error = b->error != 0 ? b->error : ERR_INVAL;
        return;
    }
    if (n == 0 || !reserve(b, (size_t)n)) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(b->data + b->len, (size_t)n + 1, format, args);
    va_end(args);
    b->len += (size_t)n;
}

/* A write made of many small ones: on failure nothing of it stays. */
static void undo_if_failed(struct buf *b, size_t len_before)
{
    if (b->error != 0 && b->len > len_before) {
        b->len = len_before;
        b->data[b->len] = '\0';
    }
}

/* ASCII that JSON takes as it is. */
static const bool plain[256] = {[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... 0x7F] = true};

/* How many bytes of a text, from the first, JSON takes as they are. */
static size_t json_plain(const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t at = 0;
    size_t n;

    do {
        n = 8;
        while (n == 8 && left - at >= 8) {
            n = utf8_plain_in(utf8_word(p + at));
            at += n;
        }
        while (plain[p[at]]) { /* the NUL is not */
            at++;
        }
        n = p[at] < 0x80 ? 0 : utf8_sequence(p + at, left - at);
        at += n;
    } while (n > 0);
    return at;
}

/* A byte that JSON does not take as it is. */
static void put_json_special(struct buf *b, char c)
{
    static const char letters[] = "\"\\\b\f\n\r\t";
    static const char escapes[] = "\"\\bfnrt";
    const char *at = strchr(letters, c);

    if (at != NULL) {
        buf_putc(b, '\\');
        buf_putc(b, escapes[at - letters]);
    } else if ((unsigned char)c < 0x20) {
        buf_printf(b, "\\u%04x", (unsigned)(unsigned char)c);
    } else {
        buf_puts(b, replacement); /* not UTF-8 */
    }
}

/* The rest of a string, from a byte on that JSON does not take as it is. */
static void put_json_rest(struct buf *b, const char *text, size_t left)
{
    while (left > 0) {
        size_t n;

        put_json_special(b, *text);
        n = 1 + json_plain(text + 1, left - 1);
        buf_put(b, text + 1, n - 1);
        text += n;
        left -= n;
    }
}

/* Nearly every text needs no escape and goes out in one piece. */
static void put_json(struct buf *b, bool comma, const char *text, bool colon)
{
    size_t start = b->len;
    size_t left = strlen(text);
    size_t n = json_plain(text, left);
    char *to;

    if (!reserve(b, comma + left + 2 + colon)) {
        return; /* it takes no less than that */
    }
    to = b->data + b->len;
    if (comma) {
        *to++ = ',';
    }
    *to++ = '"';
    memcpy(to, text, n);
    to += n;
    if (n < left) {
        b->len = (size_t)(to - b->data);
        put_json_rest(b, text + n, left - n);
        if (!reserve(b, 1 + colon)) {
            undo_if_failed(b, start);
            return;
        }
        to = b->data + b->len;
    }
    *to++ = '"';
    if (colon) {
        *to++ = ':';
    }
    *to = '\0';
    b->len = (size_t)(to - b->data);
}

void buf_put_json(struct buf *b, const char *text)
{
    put_json(b, false, text, false);
}

void buf_put_json_name(struct buf *b, const char *name, bool comma)
{
    put_json(b, comma, name, true);
}

/* NULL: the byte stands for itself. */
static const char *xml_entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\r':
        return "&#13;"; /* readers turn a bare one into a line feed */
    case '\t':
    case '\n':
        return NULL;
    default:
        return (unsigned char)c < 0x20 ? replacement : NULL;
    }
}

void buf_put_xml(struct buf *b, const char *text)
{
    size_t start = b->len;

    for (; *text != '\0' && b->error == 0; text++) {
        const char *entity = xml_entity(*text);

        if (entity != NULL) {
            buf_puts(b, entity);
        } else {
            buf_putc(b, *text);
        }
    }
    undo_if_failed(b, start);
}

static bool form_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '*';
}

void buf_put_form(struct buf *b, const char *text)
{
    size_t start = b->len;

    for (; *text != '\0' && b->error == 0; text++) {
        unsigned char byte = (unsigned char)*text;

        if (form_plain(*text)) {
            buf_putc(b, *text);
        } else if (*text == ' ') {
            buf_putc(b, '+');
        } else {
            buf_putc(b, '%');
            buf_putc(b, hex_upper[byte >> 4]);
            buf_putc(b, hex_upper[byte & 15]);
        }
    }
    undo_if_failed(b, start);
}

const char *buf_text(const struct buf *b)
{
    return b->data != NULL ? b->data : "";
}

int buf_error(const struct buf *b)
{
    return b->error;
}
