#include "adapter/spool_split.h"

#include <string.h>

static void skip_space(struct spool_split *s)
{
    while (s->at < s->n && memchr(" \t\r\n", s->bytes[s->at], 4) != NULL) {
        s->at++;
    }
}

static char peek(const struct spool_split *s)
{
    return s->at < s->n ? s->bytes[s->at] : '\0';
}

char spool_split_begin(struct spool_split *s, const char *bytes, size_t n)
{
    char c;

    *s = (struct spool_split){.bytes = bytes, .n = n, .first = true};
    if (n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        s->at = 3;
    }
    skip_space(s);
    c = peek(s);
    s->at += c == '[';
    return c;
}

static int malformed(const struct spool_split *s, struct errmsg *msg, const char *what)
{
    return err_set(msg, ERR_FORMAT, "byte %zu: %s", s->at, what);
}

/* Behind the closing quote. */
static bool skip_string(struct spool_split *s)
{
    for (s->at++; s->at < s->n; s->at++) {
        if (s->bytes[s->at] == '\\') {
            s->at++;
        } else if (s->bytes[s->at] == '"') {
            s->at++;
            return true;
        }
    }
    return false;
}

/* Up to the comma or bracket that ends the element. */
static bool skip_element(struct spool_split *s)
{
    size_t depth = 0;

    while (s->at < s->n) {
        char c = s->bytes[s->at];

        if (c == '"') {
            if (!skip_string(s)) {
                return false;
            }
            continue;
        }
        if (depth == 0 && (c == ',' || c == ']')) {
            return true;
        }
        if (c == '[' || c == '{') {
            depth++;
        } else if (c == ']' || c == '}') {
            if (depth == 0) {
                return false;
            }
            depth--;
        }
        s->at++;
    }
    return false;
}

/* The array's end was read. */
static int end(struct spool_split *s, struct errmsg *msg)
{
    s->at++;
    skip_space(s);
    return s->at == s->n ? ERR_NOTFOUND : malformed(s, msg, "something stands behind the list");
}

int spool_split_next(struct spool_split *s, const char **element, size_t *len, struct errmsg *msg)
{
    size_t begin;

    skip_space(s);
    if (s->first && peek(s) == ']') {
        return end(s, msg);
    }
    if (!s->first) {
        if (peek(s) == ']') {
            return end(s, msg);
        }
        if (peek(s) != ',') {
            return malformed(s, msg, "the list ends in the middle");
        }
        s->at++;
        skip_space(s);
    }
    s->first = false;
    begin = s->at;
    if (!skip_element(s)) {
        return malformed(s, msg, "the list ends in the middle");
    }
    *element = s->bytes + begin;
    *len = s->at - begin;
    return 0;
}
