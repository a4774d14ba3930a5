#include "sandbox/product_write.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void write_number(struct sbuf *out, const char *name, int64_t value)
{
    sbuf_key(out, name);
    sbuf_printf(out, "%lld", (long long)value);
}

void write_or_null(struct sbuf *out, const char *name, const char *text)
{
    if (text[0] != '\0') {
        sbuf_member(out, name, text);
        return;
    }
    sbuf_key(out, name);
    sbuf_puts(out, "null");
}

void write_time(struct sbuf *out, const char *name, int64_t at_s, enum product_time form, bool null)
{
    char text[PRODUCT_TIME_SIZE];

    product_time(at_s, form, text);
    if (null) {
        write_or_null(out, name, text);
    } else {
        sbuf_member(out, name, text);
    }
}

static void escape(struct sbuf *out, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "<>&\r");

        sbuf_add(out, text, n);
        text += n;
        if (*text != '\0') {
            sbuf_puts(out, *text == '<'   ? "&lt;"
                           : *text == '>' ? "&gt;"
                           : *text == '&' ? "&amp;"
                                          : "&#13;");
            text++;
        }
    }
}

void write_element(struct sbuf *out, const char *name, const char *text)
{
    sbuf_printf(out, "<%s>", name);
    escape(out, text);
    sbuf_printf(out, "</%s>", name);
}

void write_element_number(struct sbuf *out, const char *name, int64_t value)
{
    sbuf_printf(out, "<%s>%lld</%s>", name, (long long)value, name);
}

void write_element_time(struct sbuf *out, const char *name, int64_t at_s, enum product_time form)
{
    char text[PRODUCT_TIME_SIZE];

    write_element(out, name, product_time(at_s, form, text));
}

static int hex(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10
                                        : -1;
}

bool read_form(const char *body, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    size_t n = 0;

    while (*body != '\0' && !(strncmp(body, name, len) == 0 && body[len] == '=')) {
        body += strcspn(body, "&");
        body += *body == '&';
    }
    if (*body == '\0') {
        return false;
    }
    for (body += len + 1; *body != '\0' && *body != '&' && n + 1 < size; n++) {
        if (*body == '%' && hex(body[1]) >= 0 && hex(body[2]) >= 0) {
            out[n] = (char)(hex(body[1]) * 16 + hex(body[2]));
            body += 3;
        } else {
            out[n] = *body == '+' ? ' ' : *body;
            body++;
        }
    }
    out[n] = '\0';
    return *body == '\0' || *body == '&';
}

static bool tag_is(const char *tag, const char *name)
{
    const char *colon;
    size_t n = strcspn(tag, " \t\r\n/>");

    colon = memchr(tag, ':', n);
    if (colon != NULL) {
        n -= (size_t)(colon + 1 - tag);
        tag = colon + 1;
    }
    return n == strlen(name) && strncmp(tag, name, n) == 0;
}

static void resolve(const char *text, size_t len, char *out, size_t size)
{
    static const struct {
        const char *entity;
        char c;
    } ENTITIES[] = {
        {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    size_t n = 0;

    for (size_t i = 0; i < len && n + 1 < size; n++) {
        size_t step = 1;

        out[n] = text[i];
        for (size_t k = 0; k < sizeof(ENTITIES) / sizeof(ENTITIES[0]); k++) {
            if (strncmp(text + i, ENTITIES[k].entity, strlen(ENTITIES[k].entity)) == 0) {
                out[n] = ENTITIES[k].c;
                step = strlen(ENTITIES[k].entity);
            }
        }
        i += step;
    }
    out[n] = '\0';
}

bool read_element(const char **from, const char *name, char *out, size_t size)
{
    for (const char *at = strchr(*from, '<'); at != NULL; at = strchr(at + 1, '<')) {
        const char *end;

        if (!tag_is(at + 1, name)) {
            continue;
        }
        at += strcspn(at, ">");
        end = *at == '>' ? strchr(at, '<') : NULL;
        if (end == NULL) {
            return false;
        }
        if (at[-1] == '/') {
            out[0] = '\0';
            *from = at;
            return true;
        }
        resolve(at + 1, (size_t)(end - at - 1), out, size);
        *from = end;
        return true;
    }
    return false;
}
