/* The converters of a preset. */
#include <stdlib.h>
#include <string.h>

#include "adapter/mapping_impl.h"
#include "base/text.h"
#include "domain/codes.h"
#include "domain/vntime.h"

/* What a converter needs. */
struct converting {
    const char *argument;
    struct arena *arena;
    struct errmsg *msg;
};

static int keep(const struct converting *c, const char *text, size_t n, const char **out)
{
    *out = n > 0 ? arena_strndup(c->arena, text, n) : "";
    return *out != NULL ? 0 : err_set(c->msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void trim(const char **text, size_t *n)
{
    while (*n > 0 && is_space(**text)) {
        (*text)++;
        (*n)--;
    }
    while (*n > 0 && is_space((*text)[*n - 1])) {
        (*n)--;
    }
}

static int convert_trim(const struct converting *c, const char *text, const char **out)
{
    size_t n = strlen(text);

    trim(&text, &n);
    return keep(c, text, n, out);
}

/* ASCII only: what needs it are codes. */
static int in_case(const struct converting *c, const char *text, char from, char to,
                   const char **out)
{
    char *copy = arena_strdup(c->arena, text);

    *out = copy;
    if (copy == NULL) {
        return err_set(c->msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    for (; *copy != '\0'; copy++) {
        if (*copy >= from && *copy <= from + ('z' - 'a')) {
            *copy = (char)(*copy - from + to);
        }
    }
    return 0;
}

static int convert_upper(const struct converting *c, const char *text, const char **out)
{
    return in_case(c, text, 'a', 'A', out);
}

static int convert_lower(const struct converting *c, const char *text, const char **out)
{
    return in_case(c, text, 'A', 'a', out);
}

/* The next item of a list with commas; false behind the last. */
static bool next_item(const char **list, const char **item, size_t *n)
{
    if (*list == NULL) {
        return false;
    }
    *item = *list;
    *n = strcspn(*list, ",");
    *list = (*list)[*n] == ',' ? *list + *n + 1 : NULL;
    trim(item, n);
    return true;
}

static int convert_date(const struct converting *c, const char *text, const char **out)
{
    const char *list = c->argument;
    const char *item;
    char written[VNTIME_PORTAL_SIZE];
    char pattern[64];
    int64_t at_s;
    size_t n;

    while (next_item(&list, &item, &n)) {
        if (n >= sizeof(pattern)) {
            continue;
        }
        memcpy(pattern, item, n);
        pattern[n] = '\0';
        if (preset_date(pattern, text, &at_s) == 0) {
            vntime_format_portal(at_s, written);
            return keep(c, written, strlen(written), out);
        }
    }
    return err_set(c->msg, ERR_FORMAT, "no date of that form, or one that does not exist");
}

static int convert_lookup(const struct converting *c, const char *text, const char **out)
{
    const char *list = c->argument;
    const char *item;
    const char *other = NULL;
    size_t other_len = 0;
    size_t len = strlen(text);
    size_t n;

    while (next_item(&list, &item, &n)) {
        const char *equals = memchr(item, '=', n);
        size_t left = equals != NULL ? (size_t)(equals - item) : n;
        const char *right = item + left + 1;
        size_t right_len = n > left ? n - left - 1 : 0;

        if (left == len && memcmp(item, text, len) == 0) {
            return keep(c, right, right_len, out);
        }
        if (left == 1 && item[0] == '*') {
            other = right;
            other_len = right_len;
        }
    }
    if (other_len == 1 && *other == '*') {
        *out = text;
        return 0;
    }
    return keep(c, other, other_len, out);
}

/* A code of the province's own is kept: the map of procedures may know it. */
static int convert_national_procedure(const struct converting *c, const char *text,
                                      const char **out)
{
    char code[CODE_MAX];

    if (code_procedure_national(text, code) != 0) {
        *out = text;
        return 0;
    }
    return keep(c, code, strlen(code), out);
}

static int convert_agency(const struct converting *c, const char *text, const char **out)
{
    (void)c;
    *out = code_is_agency(text) ? text : "";
    return 0;
}

static int convert_digits(const struct converting *c, const char *text, const char **out)
{
    char *copy = arena_strdup(c->arena, text);
    char *to = copy;

    *out = copy;
    if (copy == NULL) {
        return err_set(c->msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    for (const char *from = text; *from != '\0'; from++) {
        if (*from >= '0' && *from <= '9') {
            *to++ = *from;
        }
    }
    *to = '\0';
    return 0;
}

/* "SEP N" */
static int convert_split(const struct converting *c, const char *text, const char **out)
{
    const char *number = strrchr(c->argument, ' ');
    size_t sep_len = number != NULL ? (size_t)(number - c->argument) : 0;
    long wanted = number != NULL ? strtol(number + 1, NULL, 10) : 0;
    const char *over = text + strlen(text);
    long parts = 1;

    *out = "";
    if (sep_len == 0) {
        return 0;
    }
    for (const char *p = text; (p = memmem(p, (size_t)(over - p), c->argument, sep_len)) != NULL;
         p += sep_len) {
        parts++;
    }
    wanted = wanted < 0 ? parts + wanted + 1 : wanted;
    for (long part = 1; part <= parts; part++) {
        const char *end = memmem(text, (size_t)(over - text), c->argument, sep_len);
        size_t n = (size_t)((end != NULL ? end : over) - text);

        if (part == wanted) {
            trim(&text, &n);
            return keep(c, text, n, out);
        }
        text += n + (end != NULL ? sep_len : 0);
    }
    return 0;
}

static int convert_prefix(const struct converting *c, const char *text, const char **out)
{
    size_t first = strlen(c->argument);
    size_t second = strlen(text);
    char *both = arena_alloc(c->arena, first + second + 1);

    *out = both;
    if (both == NULL) {
        return err_set(c->msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    memcpy(both, c->argument, first);
    memcpy(both + first, text, second);
    return 0;
}

static int convert_yes_no(const struct converting *c, const char *text, const char **out)
{
    static const char *const yes[] = {"1", "true", "yes", "y", "x", "có", "co", NULL};
    static const char *const no[] = {"0", "false", "no", "n", "không", "khong", NULL};
    char folded[64];

    (void)c;
    *out = "";
    if (text_fold(text, folded, sizeof(folded)) != 0) {
        return 0; /* no word of ours is as long */
    }
    for (size_t i = 0; yes[i] != NULL; i++) {
        *out = strcmp(folded, yes[i]) == 0 ? "1" : *out;
    }
    for (size_t i = 0; no[i] != NULL; i++) {
        *out = strcmp(folded, no[i]) == 0 ? "0" : *out;
    }
    return 0;
}

static int convert_default(const struct converting *c, const char *text, const char **out)
{
    *out = text[0] != '\0' ? text : c->argument;
    return 0;
}

static int (*const converters[CONVERT_COUNT])(const struct converting *c, const char *text,
                                              const char **out) = {
    [CONVERT_TRIM] = convert_trim,     [CONVERT_UPPER] = convert_upper,
    [CONVERT_LOWER] = convert_lower,   [CONVERT_DATE] = convert_date,
    [CONVERT_LOOKUP] = convert_lookup, [CONVERT_NATIONAL_PROCEDURE] = convert_national_procedure,
    [CONVERT_AGENCY] = convert_agency, [CONVERT_DIGITS] = convert_digits,
    [CONVERT_SPLIT] = convert_split,   [CONVERT_PREFIX] = convert_prefix,
    [CONVERT_YES_NO] = convert_yes_no, [CONVERT_DEFAULT] = convert_default,
};

int mapping_convert(const struct preset_convert *convert, const char *text, struct arena *arena,
                    const char **out, struct errmsg *msg)
{
    struct converting c = {convert->argument, arena, msg};

    if (text[0] == '\0' && convert->how != CONVERT_DEFAULT) {
        *out = text;
        return 0;
    }
    return converters[convert->how](&c, text, out);
}
