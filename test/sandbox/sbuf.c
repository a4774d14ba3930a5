#include "sandbox/sbuf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sbuf_free(struct sbuf *b)
{
    free(b->data);
    memset(b, 0, sizeof *b);
}

char *sbuf_take(struct sbuf *b, size_t *len)
{
    char *data = b->data;

    if (b->failed || data == NULL) {
        sbuf_free(b);
        return NULL;
    }
    *len = b->len;
    memset(b, 0, sizeof *b);
    return data;
}

static bool reserve(struct sbuf *b, size_t more)
{
    size_t cap = b->cap == 0 ? 512 : b->cap;
    char *grown;

    if (b->failed || more >= SBUF_MAX_BYTES - b->len) {
        b->failed = true;
        return false;
    }
    if (b->len + more + 1 <= b->cap) {
        return true;
    }
    while (cap < b->len + more + 1) {
        cap *= 2;
    }
    grown = (char *)realloc(b->data, cap);
    if (grown == NULL) {
        b->failed = true;
        return false;
    }
    b->data = grown;
    b->cap = cap;
    return true;
}

void sbuf_add(struct sbuf *b, const char *data, size_t len)
{
    if (!reserve(b, len)) {
        return;
    }
    memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void sbuf_puts(struct sbuf *b, const char *text)
{
    sbuf_add(b, text, strlen(text));
}

void sbuf_printf(struct sbuf *b, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && reserve(b, (size_t)n)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

static void json_escape(struct sbuf *b, unsigned char c)
{
    switch (c) {
    case '"':
        sbuf_add(b, "\\\"", 2);
        break;
    case '\\':
        sbuf_add(b, "\\\\", 2);
        break;
    case '\n':
        sbuf_add(b, "\\n", 2);
        break;
    case '\r':
        sbuf_add(b, "\\r", 2);
        break;
    case '\t':
        sbuf_add(b, "\\t", 2);
        break;
    default:
        sbuf_printf(b, "\\u%04x", (unsigned)c);
        break;
    }
}

void sbuf_json(struct sbuf *b, const char *text, size_t len)
{
    size_t from = 0;

    sbuf_add(b, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        sbuf_add(b, text + from, i - from);
        json_escape(b, c);
        from = i + 1;
    }
    sbuf_add(b, text + from, len - from);
    sbuf_add(b, "\"", 1);
}

void sbuf_comma(struct sbuf *b)
{
    if (b->len > 0 && b->data[b->len - 1] != '{' && b->data[b->len - 1] != '[') {
        sbuf_add(b, ",", 1);
    }
}

void sbuf_key(struct sbuf *b, const char *name)
{
    sbuf_comma(b);
    sbuf_json(b, name, strlen(name));
    sbuf_add(b, ":", 1);
}

void sbuf_member_n(struct sbuf *b, const char *name, const char *value, size_t len)
{
    sbuf_key(b, name);
    sbuf_json(b, value, len);
}

void sbuf_member(struct sbuf *b, const char *name, const char *value)
{
    sbuf_member_n(b, name, value, strlen(value));
}
