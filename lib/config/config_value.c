/* Texts of the files to fields and back. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/config_impl.h"
#include "domain/vntime.h"

#define DATE_PATTERN "yyyy-MM-dd"
#define MAX_ITEM_BYTES 300 /* of one item of a list */

/* What a reader of one value needs besides the row. */
struct reading {
    struct config_load *load;
    struct config_instance *in;
    const struct config_row *row;
    struct config_value *value;
};

struct unit {
    const char *name;
    uint64_t factor;
};

/* Largest first: the first that divides a number writes it. */
static const struct unit duration_units[] = {{"d", UINT64_C(86400000)}, {"h", UINT64_C(3600000)},
                                             {"m", UINT64_C(60000)},    {"s", UINT64_C(1000)},
                                             {"ms", UINT64_C(1)},       {NULL, 0}};
static const struct unit size_units[] = {{"GB", UINT64_C(1) << 30},
                                         {"MB", UINT64_C(1) << 20},
                                         {"KB", UINT64_C(1) << 10},
                                         {"", UINT64_C(1)},
                                         {NULL, 0}};

static void *field_of(const struct config_row *row, void *base)
{
    return (char *)base + row->offset;
}

static const void *const_field_of(const struct config_row *row, const void *base)
{
    return (const char *)base + row->offset;
}

/* A fault of the form "VALUE is not ...; allowed: ..." */
static void refuse(const struct reading *r, const char *text, const char *what)
{
    struct buf allowed;
    char shown[80];

    text_printable(text, strlen(text), shown, sizeof(shown));
    buf_init(&allowed, 400);
    config_value_allowed(r->row, &allowed);
    config_fault_value(r->load, r->in, r->row, "\"%s\" %s; allowed: %s", shown, what,
                       buf_text(&allowed));
    buf_free(&allowed);
}

/* Digits and a unit to a number. False when it is none; *huge when it is past 64 bits. */
static bool read_number(const char *text, const struct unit *units, uint64_t *out, bool *huge)
{
    const char *at = text;
    uint64_t n = 0;

    *huge = false;
    if (*at < '0' || *at > '9') {
        return false;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');

        *huge = *huge || n > (UINT64_MAX - digit) / 10;
        n = *huge ? n : n * 10 + digit;
    }
    while (*at == ' ') {
        at++;
    }
    if (units == NULL) {
        *out = n;
        return *at == '\0';
    }
    for (; units->name != NULL; units++) {
        if (strcmp(units->name, at) == 0 || (n == 0 && *at == '\0')) {
            *huge = *huge || n > UINT64_MAX / units->factor;
            *out = *huge ? 0 : n * units->factor;
            return true;
        }
    }
    return false;
}

static bool read_bounded(const struct reading *r, const char *text, const struct unit *units,
                         const char *not_one, uint64_t *out)
{
    bool huge;

    if (!read_number(text, units, out, &huge)) {
        refuse(r, text, not_one);
    } else if (huge || *out > r->row->max) {
        refuse(r, text, "is too large");
    } else if (*out < r->row->min) {
        refuse(r, text, "is too small");
    } else {
        return true;
    }
    return false;
}

static void read_duration(const struct reading *r, const char *text, void *field)
{
    uint64_t ms;

    if (read_bounded(r, text, duration_units, "is no duration (a number with ms, s, m, h or d)",
                     &ms)) {
        *(uint64_t *)field = ms;
    }
}

static void read_size(const struct reading *r, const char *text, void *field)
{
    uint64_t bytes;

    if (read_bounded(r, text, size_units, "is no size (bytes, or a number with KB, MB or GB)",
                     &bytes)) {
        *(uint64_t *)field = bytes;
    }
}

static void read_integer(const struct reading *r, const char *text, void *field)
{
    uint64_t n;

    if (read_bounded(r, text, NULL, "is no whole number", &n)) {
        *(uint32_t *)field = (uint32_t)n;
    }
}

static void read_bool(const struct reading *r, const char *text, void *field)
{
    static const char *const words[] = {"no", "yes", "off", "on", "false", "true", NULL};

    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *(bool *)field = i % 2 == 1;
            return;
        }
    }
    refuse(r, text, "is neither yes nor no");
}

static const char *keep(const struct reading *r, const char *text)
{
    const char *copy = arena_strdup(&r->load->impl->arena, text);

    if (copy == NULL) {
        r->load->nomem = true;
        return "";
    }
    return copy;
}

static bool url_fits(const char *text)
{
    size_t scheme = strncmp(text, "https://", 8) == 0 ? 8 : 0;
    const char *host;
    size_t n;

    if (strncmp(text, "http://", 7) == 0) {
        scheme = 7;
    }
    host = text + scheme;
    n = strcspn(host, "/?#");
    return scheme > 0 && n > 0 && host[0] != ':' && memchr(host, '@', n) == NULL &&
           strpbrk(text, " \t#\\\"<>") == NULL;
}

static bool absolute_fits(const char *text)
{
    return text[0] == '/';
}

static bool endpoint_fits(const char *text)
{
    return text[0] == '/' && strpbrk(text, " \t#\\\"<>") == NULL;
}

static bool credential_fits(const char *text)
{
    return strchr(text, '/') == NULL && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static bool pin_fits(const char *text)
{
    return text[0] == '/' || strncmp(text, "sha256//", 8) == 0;
}

/* By form: what fits (NULL: anything), and the words for it. */
static const struct {
    bool (*fits)(const char *text);
    const char *allowed;
} forms[FORM_COUNT] = {
    [FORM_ANY] = {NULL, "text"},
    [FORM_ABSOLUTE] = {absolute_fits, "absolute path"},
    [FORM_PATH] = {NULL, "path"},
    [FORM_URL] = {url_fits, "http or https URL without user and password"},
    [FORM_ENDPOINT] = {endpoint_fits, "path that begins with /"},
    [FORM_CREDENTIAL] = {credential_fits, "name without /"},
    [FORM_PIN] = {pin_fits, "sha256//BASE64 or absolute path"},
};

static void read_string(const struct reading *r, const char *text, void *field)
{
    char path[2 * CONFIG_MAX_LINE_BYTES];
    struct buf allowed;

    if (strlen(text) > r->row->max ||
        (text[0] != '\0' && forms[r->row->form].fits != NULL && !forms[r->row->form].fits(text))) {
        buf_init(&allowed, 200);
        config_value_allowed(r->row, &allowed);
        /* The value may hold a password: it is not shown. */
        config_fault_value(r->load, r->in, r->row, "%s; allowed: %s",
                           strlen(text) > r->row->max ? "the text is too long"
                                                      : "the value has not the right form",
                           buf_text(&allowed));
        buf_free(&allowed);
        return;
    }
    if (r->row->form == FORM_PATH && text[0] != '\0' && text[0] != '/') {
        (void)snprintf(path, sizeof(path), "%s/%s", r->load->impl->dir, text);
        text = path;
    }
    *(const char **)field = keep(r, text);
}

static void read_choice(const struct reading *r, const char *text, void *field)
{
    for (size_t i = 0; r->row->choices[i] != NULL; i++) {
        if (strcmp(r->row->choices[i], text) == 0) {
            *(const char **)field = r->row->choices[i];
            return;
        }
    }
    refuse(r, text, "is unknown");
}

static void read_choice_enum(const struct reading *r, const char *text, void *field)
{
    for (int i = 0; r->row->choices[i] != NULL; i++) {
        if (strcmp(r->row->choices[i], text) == 0) {
            memcpy(field, &i, sizeof(i)); /* enums of this project have int's size: see below */
            return;
        }
    }
    if (text[0] != '\0' || r->row->info.default_text[0] != '\0') {
        refuse(r, text, "is unknown");
    }
}

_Static_assert(sizeof(enum flow_kind) == sizeof(int) && sizeof(enum log_level) == sizeof(int) &&
                   sizeof(enum flow_mode) == sizeof(int) &&
                   sizeof(enum steps_in_doubt) == sizeof(int),
               "choices are written as int");

static void read_time(const struct reading *r, const char *text, void *field)
{
    bool form = strlen(text) == 5 && strspn(text, "0123456789") == 2 && text[2] == ':' &&
                strspn(text + 3, "0123456789") == 2;

    if (text[0] != '\0' && (!form || strncmp(text, "23", 2) > 0 || text[3] > '5')) {
        refuse(r, text, "is no time of day");
        return;
    }
    *(const char **)field = keep(r, text);
}

static void read_date(const struct reading *r, const char *text, void *field)
{
    int64_t at_s = 0;

    if (text[0] != '\0' && (vntime_parse(text, DATE_PATTERN, &at_s) != 0 || at_s <= 0)) {
        refuse(r, text, "is no date after 1970");
        return;
    }
    *(int64_t *)field = at_s;
}

/* A default list: "a, b". */
static void read_default_list(const struct reading *r, const char *text, struct config_list *list)
{
    while (*text != '\0' && list->n < CONFIG_MAX_LIST) {
        const char *comma = strstr(text, ", ");
        size_t n = comma != NULL ? (size_t)(comma - text) : strlen(text);
        const char *item = arena_strndup(&r->load->impl->arena, text, n);

        if (item == NULL) {
            r->load->nomem = true;
            return;
        }
        list->items[list->n++] = item;
        text += comma != NULL ? n + 2 : n;
    }
}

static void read_list(const struct reading *r, struct config_list *list)
{
    if (r->value->n > CONFIG_MAX_LIST) {
        config_fault_value(r->load, r->in, r->row, "%zu items are too many; at most %d are allowed",
                           r->value->n, CONFIG_MAX_LIST);
        return;
    }
    for (size_t i = 0; i < r->value->n; i++) {
        const char *item = r->value->items[i];

        if (item[0] == '\0' || strlen(item) > MAX_ITEM_BYTES) {
            config_fault_value(r->load, r->in, r->row, "item %zu is %s; items have 1 to %d bytes",
                               i + 1, item[0] == '\0' ? "empty" : "too long", MAX_ITEM_BYTES);
            return;
        }
        list->items[list->n++] = item;
    }
}

static void (*const readers[CONFIG_TYPES])(const struct reading *r, const char *text,
                                           void *field) = {
    [CONFIG_STRING] = read_string,
    [CONFIG_DURATION] = read_duration,
    [CONFIG_SIZE] = read_size,
    [CONFIG_INTEGER] = read_integer,
    [CONFIG_BOOL] = read_bool,
    [CONFIG_CHOICE] = read_choice,
    [CONFIG_CHOICE_ENUM] = read_choice_enum,
    [CONFIG_TIME] = read_time,
    [CONFIG_DATE] = read_date,
};

static void apply(const struct reading *r)
{
    void *field = field_of(r->row, r->in->base);
    const char *fallback = r->row->info.default_text;

    if (r->row->type == CONFIG_LIST) {
        struct config_list *list = field;

        list->n = 0;
        if (r->value->given) {
            read_list(r, list);
        } else {
            read_default_list(r, fallback, list);
        }
        return;
    }
    readers[r->row->type](r, fallback, field); /* stays when the value is refused */
    if (r->value->given) {
        readers[r->row->type](r, r->value->n > 0 ? r->value->items[0] : "", field);
    }
}

void config_value_apply(struct config_load *load, struct config_instance *in)
{
    size_t n;
    const struct config_row *rows = config_rows_of(in->section, &n);

    for (size_t i = 0; i < n; i++) {
        struct reading r = {load, in, &rows[i], &in->values[i]};

        apply(&r);
    }
}

static void put_number(uint64_t n, const struct unit *units, struct buf *out)
{
    while (n % units->factor != 0 || (n == 0 && units->factor != 1)) {
        units++;
    }
    buf_printf(out, "%" PRIu64 "%s", n / units->factor, units->name);
}

void config_value_allowed(const struct config_row *row, struct buf *out)
{
    const struct unit *units = row->type == CONFIG_DURATION ? duration_units : size_units;

    switch (row->type) {
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        put_number(row->min, units, out);
        buf_puts(out, " to ");
        put_number(row->max, units, out);
        break;
    case CONFIG_INTEGER:
        buf_printf(out, "%" PRIu64 " to %" PRIu64, row->min, row->max);
        break;
    case CONFIG_BOOL:
        buf_puts(out, "yes or no");
        break;
    case CONFIG_LIST:
        buf_printf(out, "at most %" PRIu64 " texts", row->max);
        break;
    case CONFIG_CHOICE:
    case CONFIG_CHOICE_ENUM:
        for (size_t i = 0; row->choices[i] != NULL; i++) {
            buf_printf(out, "%s%s", i > 0 ? ", " : "", row->choices[i]);
        }
        break;
    case CONFIG_TIME:
        buf_puts(out, "HH:MM from 00:00 to 23:59");
        break;
    case CONFIG_DATE:
        buf_puts(out, DATE_PATTERN);
        break;
    case CONFIG_STRING:
    case CONFIG_TYPES:
        buf_printf(out, "%s of at most %" PRIu64 " bytes", forms[row->form].allowed, row->max);
        break;
    }
}

/* In double quotes, as the scanner reads it. */
static void put_quoted(const char *text, struct buf *out)
{
    buf_putc(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            buf_putc(out, '\\');
        }
        buf_putc(out, *text);
    }
    buf_putc(out, '"');
}

static void put_list(const struct config_list *list, void (*put)(const char *text, struct buf *out),
                     struct buf *out)
{
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0) {
            buf_puts(out, ", ");
        }
        put(list->items[i], out);
    }
}

static void date_text(int64_t at_s, char out[16])
{
    if (at_s == 0 || vntime_format(at_s, DATE_PATTERN, out, 16) == 0) {
        out[0] = '\0';
    }
}

/* What both syntaxes write with the same words, strings apart. */
static void put_field(const struct config_row *row, const void *base,
                      void (*put)(const char *text, struct buf *out), struct buf *out)
{
    const void *field = const_field_of(row, base);
    char date[16];
    int choice;

    switch (row->type) {
    case CONFIG_DURATION:
        put_number(*(const uint64_t *)field, duration_units, out);
        break;
    case CONFIG_SIZE:
        put_number(*(const uint64_t *)field, size_units, out);
        break;
    case CONFIG_INTEGER:
        buf_printf(out, "%" PRIu32, *(const uint32_t *)field);
        break;
    case CONFIG_BOOL:
        buf_puts(out, *(const bool *)field ? "yes" : "no");
        break;
    case CONFIG_LIST:
        put_list(field, put, out);
        break;
    case CONFIG_CHOICE_ENUM:
        memcpy(&choice, field, sizeof(choice));
        put(row->choices[choice], out);
        break;
    case CONFIG_DATE:
        date_text(*(const int64_t *)field, date);
        put(date, out);
        break;
    case CONFIG_STRING:
    case CONFIG_CHOICE:
    case CONFIG_TIME:
    case CONFIG_TYPES:
        put(*(const char *const *)field, out);
        break;
    }
}

void config_value_write(const struct config_row *row, const void *base, struct buf *out)
{
    if (row->type == CONFIG_LIST) {
        buf_putc(out, '{');
    }
    put_field(row, base, put_quoted, out);
    if (row->type == CONFIG_LIST) {
        buf_putc(out, '}');
    }
}

static void put_json(const char *text, struct buf *out)
{
    buf_put_json(out, text);
}

void config_value_write_json(const struct config_row *row, const void *base, struct buf *out)
{
    static const char *const around[CONFIG_TYPES][2] = {
        [CONFIG_DURATION] = {"\"", "\""}, [CONFIG_SIZE] = {"\"", "\""}, [CONFIG_LIST] = {"[", "]"}};

    if (row->type == CONFIG_BOOL) {
        buf_puts(out, *(const bool *)const_field_of(row, base) ? "true" : "false");
        return;
    }
    buf_puts(out, around[row->type][0] != NULL ? around[row->type][0] : "");
    put_field(row, base, put_json, out);
    buf_puts(out, around[row->type][1] != NULL ? around[row->type][1] : "");
}
