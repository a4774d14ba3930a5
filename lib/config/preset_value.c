/* Texts of a preset to fields. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/preset_impl.h"

/* What every reader is told. */
struct reading {
    struct preset_load *load;
    const struct preset_place *place;
    const struct preset_row *row;
    const struct preset_statement *statement;
    void *field;
};

static void refuse(const struct reading *r, const char *text, const char *what)
{
    const char *section = preset_section_name(r->place->section);
    char shown[120];

    text_printable(text, strlen(text), shown, sizeof(shown));
    preset_fault(r->load, r->statement->line, "%s%s%s: \"%s\" %s", section,
                 section[0] != '\0' ? "." : "", r->row->word.name, shown, what);
}

static const char *first(const struct reading *r)
{
    return r->statement->n > 0 ? r->statement->values[0] : "";
}

static void note(const struct reading *r, const char *path)
{
    if (!r->statement->is_default && path[0] != '\0') {
        preset_note_path(r->load, r->place, r->statement->line, r->row->word.name, path, false);
    }
}

void preset_note_path(struct preset_load *load, const struct preset_place *place, unsigned line,
                      const char *key, const char *path, bool of_record)
{
    if (load->n_paths == PRESET_PATHS_MAX) {
        preset_fault(load, line, "%s: more than %d paths in this file", key, PRESET_PATHS_MAX);
        return;
    }
    load->paths[load->n_paths++] = (struct preset_path_at){.path = path,
                                                           .line = line,
                                                           .key = key,
                                                           .section = place->section,
                                                           .call = place->call,
                                                           .of_record = of_record};
}

static void read_string(const struct reading *r)
{
    *(const char **)r->field = first(r);
}

static void read_path(const struct reading *r)
{
    *(const char **)r->field = first(r);
    note(r, first(r));
}

static void read_pattern(const struct reading *r)
{
    const char *text = first(r);
    const char *why = text[0] != '\0' ? preset_pattern_fault(text, strlen(text)) : NULL;

    if (why != NULL) {
        refuse(r, text, why);
    }
    *(const char **)r->field = text;
}

static void fill_list(const struct reading *r, struct config_list *list)
{
    list->n = 0;
    for (size_t i = 0; i < r->statement->n; i++) {
        list->items[list->n++] = r->statement->values[i];
    }
}

static void read_params(const struct reading *r)
{
    struct config_list *list = r->field;

    for (size_t i = 0; i < r->statement->n; i++) {
        const char *item = r->statement->values[i];
        size_t n = strcspn(item, "=");

        if (n == 0 || item[n] == '\0' || item[0] < 'a' || item[0] > 'z' ||
            strspn(item, "abcdefghijklmnopqrstuvwxyz0123456789_") != n) {
            refuse(r, item, "is not name=value with a name of small letters, digits and _");
        }
    }
    /* The second pass must not undo what the source's params have replaced. */
    if (r->load->first_pass) {
        fill_list(r, list);
    }
}

static void read_list(const struct reading *r)
{
    if (r->field == &r->load->preset->params) {
        read_params(r);
    } else {
        fill_list(r, r->field);
    }
}

static void read_paths(const struct reading *r)
{
    fill_list(r, r->field);
    for (size_t i = 0; i < r->statement->n; i++) {
        note(r, r->statement->values[i]);
    }
}

static void read_ids(const struct reading *r)
{
    struct preset *p = r->load->preset;

    if (r->statement->n > PRESET_ALTERNATIVES) {
        refuse(r, r->statement->values[PRESET_ALTERNATIVES], "is one too many; 8 are allowed");
        return;
    }
    p->n_id_paths = 0;
    for (size_t i = 0; i < r->statement->n; i++) {
        p->id_path[p->n_id_paths++] = r->statement->values[i];
        note(r, r->statement->values[i]);
    }
    if (r->statement->is_default) {
        p->n_id_paths = 0;
    }
}

static void read_patterns(const struct reading *r)
{
    for (size_t i = 0; i < r->statement->n; i++) {
        const char *text = r->statement->values[i];
        const char *why = preset_pattern_fault(text, strlen(text));

        if (why != NULL) {
            refuse(r, text, why);
        }
    }
    fill_list(r, r->field);
}

static void read_bool(const struct reading *r)
{
    if (strcmp(first(r), "yes") == 0 || strcmp(first(r), "no") == 0) {
        *(bool *)r->field = first(r)[0] == 'y';
    } else {
        refuse(r, first(r), "is neither yes nor no");
    }
}

/* Digits and, for a duration, a unit. */
static bool read_number(const char *text, bool duration, uint64_t *out)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    size_t n = strspn(text, "0123456789");
    uint64_t value = 0;

    if (n == 0 || n > 9) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = value;
    if (text[n] == '\0') {
        return !duration || value == 0;
    }
    for (size_t i = 0; duration && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(units[i].unit, text + n) == 0) {
            *out = value * units[i].ms;
            return true;
        }
    }
    return false;
}

static void read_integer(const struct reading *r)
{
    uint64_t value;

    if (!read_number(first(r), false, &value) || value < r->row->min || value > r->row->max) {
        char what[80];

        (void)snprintf(what, sizeof(what), "is no whole number from %llu to %llu",
                       (unsigned long long)r->row->min, (unsigned long long)r->row->max);
        refuse(r, first(r), what);
        return;
    }
    *(uint32_t *)r->field = (uint32_t)value;
}

static void read_duration(const struct reading *r)
{
    uint64_t value;

    if (!read_number(first(r), true, &value)) {
        refuse(r, first(r), "is no duration (a number with ms, s, m, h or d)");
    } else if (value < r->row->min || value > r->row->max) {
        refuse(r, first(r), value < r->row->min ? "is too small" : "is too large");
    } else {
        *(uint64_t *)r->field = value;
    }
}

static void read_choice(const struct reading *r)
{
    char what[200] = "is unknown; known are";

    for (int i = 0; r->row->choices[i] != NULL; i++) {
        size_t used = strlen(what);

        if (strcmp(r->row->choices[i], first(r)) == 0) {
            memcpy(r->field, &i, sizeof(i));
            return;
        }
        (void)snprintf(what + used, sizeof(what) - used, " %s", r->row->choices[i]);
    }
    if (!r->statement->is_default) {
        refuse(r, first(r), what);
    }
}

_Static_assert(sizeof(enum preset_format) == sizeof(int) &&
                   sizeof(enum preset_auth_kind) == sizeof(int) &&
                   sizeof(enum preset_cursor_style) == sizeof(int),
               "choices are written as int");

static void read_template(const struct reading *r)
{
    size_t n = 0;
    char *text;

    for (size_t i = 0; i < r->statement->n; i++) {
        n += strlen(r->statement->values[i]);
    }
    text = arena_alloc(r->load->arena, n + 1);
    if (text == NULL) {
        r->load->nomem = true;
        return;
    }
    n = 0;
    for (size_t i = 0; i < r->statement->n; i++) {
        size_t more = strlen(r->statement->values[i]);

        memcpy(text + n, r->statement->values[i], more);
        n += more;
    }
    preset_template(r->load, r->place->where, r->statement->line, r->row->word.name, text,
                    r->field);
}

/* "Name: template" */
static void read_headers(const struct reading *r)
{
    struct preset_call *call = r->place->base;

    call->n_headers = 0;
    for (size_t i = 0; i < r->statement->n && !r->statement->is_default; i++) {
        const char *item = r->statement->values[i];
        size_t n = strcspn(item, ": \t");
        size_t skip = n + (item[n] == ':');

        if (call->n_headers == PRESET_HEADERS || n == 0 || item[n] != ':') {
            refuse(r, item,
                   n > 0 && item[n] == ':' ? "is one too many; 8 are allowed"
                                           : "is not \"Name: value\"");
            return;
        }
        skip += strspn(item + skip, " ");
        call->headers[call->n_headers].name = preset_keep(r->load, item, n);
        preset_template(r->load, r->place->where, r->statement->line, r->row->word.name,
                        item + skip, &call->headers[call->n_headers].value);
        call->n_headers++;
    }
}

/* "PATH as json" */
static void read_unwraps(const struct reading *r)
{
    struct preset_call *call = r->place->base;

    call->n_unwraps = 0;
    for (size_t i = 0; i < r->statement->n && !r->statement->is_default; i++) {
        const char *item = r->statement->values[i];
        size_t n = strlen(item);
        bool json = n > 8 && strcmp(item + n - 8, " as json") == 0;
        bool xml = n > 7 && strcmp(item + n - 7, " as xml") == 0;
        struct preset_unwrap *unwrap = &call->unwrap[call->n_unwraps];

        if (call->n_unwraps == PRESET_UNWRAPS || (!json && !xml)) {
            refuse(r, item,
                   json || xml ? "is one too many; 4 are allowed"
                               : "is not \"PATH as json\" or \"PATH as xml\"");
            return;
        }
        unwrap->path = preset_keep(r->load, item, n - (json ? 8 : 7));
        unwrap->format = json ? PRESET_JSON : PRESET_XML;
        note(r, unwrap->path);
        call->n_unwraps++;
    }
}

static void (*const readers[PRESET_TYPES])(const struct reading *r) = {
    [PRESET_STRING] = read_string,
    [PRESET_PATH] = read_path,
    [PRESET_PATHS] = read_paths,
    [PRESET_IDS] = read_ids,
    [PRESET_PATTERN] = read_pattern,
    [PRESET_LIST] = read_list,
    [PRESET_BOOL] = read_bool,
    [PRESET_INTEGER] = read_integer,
    [PRESET_DURATION] = read_duration,
    [PRESET_CHOICE] = read_choice,
    [PRESET_TEMPLATE] = read_template,
    [PRESET_HEADERS_LIST] = read_headers,
    [PRESET_UNWRAPS_LIST] = read_unwraps,
    [PRESET_PATTERNS] = read_patterns,
};

static bool takes_lists(enum preset_type type)
{
    return type == PRESET_PATHS || type == PRESET_IDS || type == PRESET_LIST ||
           type == PRESET_TEMPLATE || type == PRESET_HEADERS_LIST || type == PRESET_UNWRAPS_LIST ||
           type == PRESET_PATTERNS;
}

void preset_value(struct preset_load *load, const struct preset_place *place,
                  const struct preset_row *row, const struct preset_statement *statement)
{
    struct reading r = {load, place, row, statement, (char *)place->base + row->offset};
    bool early = r.field == &load->preset->params || r.field == &load->preset->format;

    if (load->first_pass && !early) {
        return;
    }
    if (statement->n != 1 && !takes_lists(row->type)) {
        refuse(&r, first(&r), "must be one value");
        return;
    }
    readers[row->type](&r);
}

/* A default list has ", " between its items. */
void preset_defaults(struct preset_load *load, const struct preset_place *place)
{
    size_t n;
    const struct preset_row *row = preset_rows_of(place->section, &n);

    for (size_t i = 0; i < n; i++) {
        struct preset_statement statement = {.key = row[i].word.name, .is_default = true};
        const char *text = row[i].default_text;
        struct reading r = {load, place, &row[i], &statement, (char *)place->base + row[i].offset};

        if (r.field == &load->preset->params || r.field == &load->preset->format) {
            continue;
        }
        while (*text != '\0' && statement.n < CONFIG_MAX_LIST) {
            const char *comma = takes_lists(row[i].type) ? strstr(text, ", ") : NULL;
            size_t len = comma != NULL ? (size_t)(comma - text) : strlen(text);

            statement.values[statement.n++] = preset_keep(load, text, len);
            text += comma != NULL ? len + 2 : len;
        }
        readers[row[i].type](&r);
    }
}
