#include "adapter/mapped_template.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/vntime.h"

#define DATE_MAX 64
#define OBJECT_WORDS_MAX 256

/* ---- what a place stands for ---- */

enum kind { KIND_TEXT, KIND_TIME, KIND_NUMBER, KIND_IDS };

#define PLACE(name, kind, field)                                                                   \
    {                                                                                              \
        name, kind, offsetof(struct mapped_values, field)                                          \
    }

static const struct place {
    const char *name;
    enum kind kind;
    size_t offset;
} places[] = {
    PLACE("url", KIND_TEXT, url),
    PLACE("username", KIND_TEXT, username),
    PLACE("password", KIND_TEXT, password),
    PLACE("token", KIND_TEXT, token),
    PLACE("session", KIND_TEXT, token),
    PLACE("cursor", KIND_TEXT, cursor),
    PLACE("id", KIND_TEXT, id),
    PLACE("code", KIND_TEXT, code),
    PLACE("today", KIND_TIME, today_s),
    PLACE("since", KIND_TIME, since_s),
    PLACE("until", KIND_TIME, until_s),
    PLACE("page", KIND_NUMBER, page),
    PLACE("offset", KIND_NUMBER, offset),
    PLACE("size", KIND_NUMBER, size),
    PLACE("end", KIND_NUMBER, end),
    PLACE("ids", KIND_IDS, ids),
};

static const struct place *find(const char *name)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (strcmp(places[i].name, name) == 0) {
            return &places[i];
        }
    }
    return NULL;
}

static const char *param(const struct config_list *params, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; params != NULL && i < params->n; i++) {
        if (strncmp(params->items[i], name, n) == 0 && params->items[i][n] == '=') {
            return params->items[i] + n + 1;
        }
    }
    return NULL;
}

/* ---- how it is written ---- */

/* The value stands in memory once more, wiped afterwards by its owner (out). */
static void put_base64(struct buf *out, const char *text)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)text;
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i += 3) {
        unsigned word = (unsigned)p[i] << 16;

        word |= i + 1 < n ? (unsigned)p[i + 1] << 8 : 0;
        word |= i + 2 < n ? (unsigned)p[i + 2] : 0;
        buf_putc(out, letters[word >> 18]);
        buf_putc(out, letters[word >> 12 & 63]);
        buf_putc(out, i + 1 < n ? letters[word >> 6 & 63] : '=');
        buf_putc(out, i + 2 < n ? letters[word & 63] : '=');
    }
}

static void put_raw(struct buf *out, const char *text)
{
    buf_puts(out, text);
}

static const struct {
    const char *how;
    void (*put)(struct buf *out, const char *text);
} ways[] = {
    {"", put_raw},        {"json", buf_put_json}, {"url", buf_put_form},
    {"xml", buf_put_xml}, {"base64", put_base64},
};

/* False: no such way. */
static bool put_text(struct buf *out, const char *how, const char *text)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(ways[i].how, how) == 0) {
            ways[i].put(out, text);
            return true;
        }
    }
    return false;
}

static void put_time(struct buf *out, const char *how, int64_t at_s, bool in_address)
{
    char text[DATE_MAX] = "";

    if (at_s == 0) {
        return;
    }
    if (how[0] == '\0' || strcmp(how, "iso") == 0) {
        vntime_format_rfc3339(at_s, text, sizeof(text));
    } else if (strcmp(how, "epoch_s") == 0) {
        (void)snprintf(text, sizeof(text), "%" PRId64, at_s);
    } else if (strcmp(how, "epoch_ms") == 0) {
        (void)snprintf(text, sizeof(text), "%" PRId64 "000", at_s);
    } else {
        (void)vntime_format(at_s, how, text, sizeof(text));
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (in_address && (*p == '+' || *p == ' ')) {
            buf_puts(out, *p == '+' ? "%2B" : "%20"); /* "+07:00" would arrive as " 07:00" */
        } else {
            buf_putc(out, *p);
        }
    }
}

/* "KEY NAME=1 NAME=2": [{"KEY":"id","NAME":1,"NAME":2},...] */
static void put_objects(struct buf *out, const char *words, const struct mapped_values *v)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < v->n_ids; i++) {
        char copy[OBJECT_WORDS_MAX];
        char *rest = copy;
        const char *word;

        (void)snprintf(copy, sizeof(copy), "%s", words);
        word = strsep(&rest, " ");
        buf_puts(out, i > 0 ? ",{" : "{");
        buf_put_json(out, word);
        buf_putc(out, ':');
        buf_put_json(out, v->ids[i]);
        for (word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
            char *value = strchr(word, '=');

            if (value != NULL) {
                *value = '\0';
                buf_putc(out, ',');
                buf_put_json(out, word);
                buf_putc(out, ':');
                buf_puts(out, value + 1);
            }
        }
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static bool put_ids(struct buf *out, const char *how, const struct mapped_values *v)
{
    if (strncmp(how, "objects ", 8) == 0) {
        put_objects(out, how + 8, v);
        return true;
    }
    if (strcmp(how, "json") == 0) {
        buf_putc(out, '[');
    }
    for (size_t i = 0; i < v->n_ids; i++) {
        if (strcmp(how, "json") == 0) {
            buf_puts(out, i > 0 ? "," : "");
            buf_put_json(out, v->ids[i]);
        } else if (strncmp(how, "join ", 5) == 0) {
            buf_puts(out, i > 0 ? how + 5 : "");
            buf_puts(out, v->ids[i]);
        } else if (strncmp(how, "xml ", 4) == 0) {
            buf_printf(out, "<%s>", how + 4);
            buf_put_xml(out, v->ids[i]);
            buf_printf(out, "</%s>", how + 4);
        } else {
            return false;
        }
    }
    if (strcmp(how, "json") == 0) {
        buf_putc(out, ']');
    }
    return true;
}

static bool put_place(struct buf *out, const struct place *place, const char *how,
                      const struct mapped_values *v)
{
    const char *field = (const char *)v + place->offset;
    const char *text;

    switch (place->kind) {
    case KIND_TEXT:
        text = *(const char *const *)(const void *)field;
        return put_text(out, how, text != NULL ? text : "");
    case KIND_TIME:
        put_time(out, how, *(const int64_t *)(const void *)field, v->in_address);
        return true;
    case KIND_NUMBER:
        buf_printf(out, "%" PRIu64, *(const uint64_t *)(const void *)field);
        return true;
    default:
        return put_ids(out, how, v);
    }
}

int mapped_template_fill(const struct preset_template *t, const struct mapped_values *v,
                         struct buf *out, struct errmsg *msg)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct preset_piece *piece = &t->pieces[i];
        const struct place *place;
        bool filled;

        if (piece->literal != NULL) {
            buf_puts(out, piece->literal);
            continue;
        }
        place = find(piece->name);
        if (place != NULL) {
            filled = put_place(out, place, piece->how, v);
        } else {
            const char *value = param(v->params, piece->name);

            filled = value != NULL && put_text(out, piece->how, value);
        }
        if (!filled) {
            return err_set(msg, ERR_INVAL, "{%s|%s} can't be filled: give params = { \"%s=...\" }",
                           piece->name, piece->how, piece->name);
        }
    }
    if (buf_error(out) != 0) {
        return err_set(msg, buf_error(out), "a request is %s", err_text(buf_error(out)));
    }
    return 0;
}

bool mapped_template_uses(const struct preset_template *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->pieces[i].literal == NULL && strcmp(t->pieces[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}
