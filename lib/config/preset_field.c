/* Fields of records: where they stand and how they are converted. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config_impl.h"
#include "config/preset_impl.h"

/* One field under way. */
struct fielding {
    struct preset_load *load;
    const struct preset_place *place;
    const struct preset_statement *statement;
    const struct preset_field_key *key;
};

static void refuse(const struct fielding *f, const char *text, size_t n, const char *what)
{
    char shown[120];

    text_printable(text, n, shown, sizeof(shown));
    preset_fault(f->load, f->statement->line, "%s.%s: \"%s\" %s",
                 preset_section_name(f->place->section), f->key->word.name, shown, what);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
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

/* Bytes up to the next '|' that stands in no quotes and no brackets. */
static size_t piece_length(const char *text)
{
    char quote = '\0';
    int depth = 0;
    size_t n = 0;

    for (; text[n] != '\0'; n++) {
        char c = text[n];

        if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
        } else if (c == '\'') {
            quote = c;
        } else if (c == '[' || c == '(') {
            depth++;
        } else if (c == ']' || c == ')') {
            depth--;
        } else if (c == '|' && depth <= 0) {
            return n;
        }
    }
    return n;
}

/* ---- converters ---- */

const char *preset_pattern_fault(const char *pattern, size_t n)
{
    static const char *const names[] = {"iso", "epoch_s", "epoch_ms", NULL};
    bool year = false;

    for (size_t i = 0; names[i] != NULL; i++) {
        if (strlen(names[i]) == n && memcmp(names[i], pattern, n) == 0) {
            return NULL;
        }
    }
    for (size_t i = 0; i < n;) {
        size_t run = 1;
        char c = pattern[i];

        while (i + run < n && pattern[i + run] == c) {
            run++;
        }
        if (c == 'y' && run != 4 && run != 2) {
            return "is no date pattern: a year is yyyy or yy";
        }
        if ((strchr("MdHms", c) != NULL && run > 2) || (c == 'S' && run > 9) ||
            (c == 'Z' && run > 1)) {
            return "is no date pattern: a letter stands too often";
        }
        if (strchr("MdHmsSyZT", c) == NULL && is_letter(c)) {
            return "is no date pattern: letters are y M d H m s S Z and T";
        }
        year = year || c == 'y';
        i += run;
    }
    return year ? NULL : "is no date pattern: the year is missing";
}

/* "PATTERN, PATTERN" */
static const char *date_fault(const char *argument)
{
    const char *why = NULL;

    while (why == NULL) {
        size_t n = strcspn(argument, ",");
        const char *item = argument;
        size_t len = n;

        trim(&item, &len);
        why = preset_pattern_fault(item, len);
        if (argument[n] == '\0') {
            break;
        }
        argument += n + 1;
    }
    return why;
}

/* "A=B, C=D" */
static const char *lookup_fault(const char *argument)
{
    for (;;) {
        size_t n = strcspn(argument, ",");

        if (memchr(argument, '=', n) == NULL) {
            return "needs items A=B with commas between";
        }
        if (argument[n] == '\0') {
            return NULL;
        }
        argument += n + 1;
    }
}

/* "SEP N" */
static const char *split_fault(const char *argument)
{
    const char *number = strrchr(argument, ' ');
    char *end;
    long part;

    if (number == NULL || number == argument) {
        return "needs a separator and the number of a part";
    }
    part = strtol(number + 1, &end, 10);
    return number[1] == '\0' || *end != '\0' || part == 0 || part > 100 || part < -100
               ? "needs the number of a part, from 1, or -1 for the last"
               : NULL;
}

static const char *text_fault(const char *argument)
{
    return argument[0] == '\0' ? "needs a text" : NULL;
}

static const char *nothing_fault(const char *argument)
{
    return argument[0] != '\0' ? "takes no argument" : NULL;
}

static const char *(*const argument_faults[CONVERT_COUNT])(const char *argument) = {
    [CONVERT_TRIM] = nothing_fault,   [CONVERT_UPPER] = nothing_fault,
    [CONVERT_LOWER] = nothing_fault,  [CONVERT_DATE] = date_fault,
    [CONVERT_LOOKUP] = lookup_fault,  [CONVERT_NATIONAL_PROCEDURE] = nothing_fault,
    [CONVERT_AGENCY] = nothing_fault, [CONVERT_DIGITS] = nothing_fault,
    [CONVERT_SPLIT] = split_fault,    [CONVERT_PREFIX] = text_fault,
    [CONVERT_YES_NO] = nothing_fault, [CONVERT_DEFAULT] = text_fault,
};

static void refuse_converter(struct fielding *f, const char *text, size_t n)
{
    const char *names[CONVERT_COUNT + 1];
    const char *near;
    char word[64];
    char shown[64];
    size_t len = n < sizeof(word) - 1 ? n : sizeof(word) - 1;

    for (size_t i = 0; i <= CONVERT_COUNT; i++) {
        names[i] = i < CONVERT_COUNT ? preset_converter(i)->name : NULL;
    }
    memcpy(word, text, len);
    word[len] = '\0';
    near = config_nearest(word, names);
    text_printable(word, len, shown, sizeof(shown));
    preset_fault(f->load, f->statement->line, "%s.%s: unknown converter \"%s\"%s%s%s",
                 preset_section_name(f->place->section), f->key->word.name, shown,
                 near != NULL ? "; did you mean " : "; dvcsync-preset(5) lists all",
                 near != NULL ? near : "", near != NULL ? "?" : "");
}

/* "name argument" */
static void add_converter(struct fielding *f, struct preset_source *source, const char *text,
                          size_t n)
{
    size_t name_len = 0;
    const char *argument;
    size_t argument_len;
    const char *why;
    enum preset_how how;

    trim(&text, &n);
    while (name_len < n && !is_space(text[name_len])) {
        name_len++;
    }
    how = preset_converter_find(preset_keep(f->load, text, name_len));
    argument = text + name_len;
    argument_len = n - name_len;
    trim(&argument, &argument_len);
    if (how == CONVERT_COUNT) {
        refuse_converter(f, text, name_len);
        return;
    }
    if (source->n_converts == PRESET_CONVERTS) {
        refuse(f, text, n, "is one converter too many; 4 are allowed");
        return;
    }
    argument = preset_keep(f->load, argument, argument_len);
    why = argument_faults[how](argument);
    if (why != NULL) {
        refuse(f, text, n, why);
        return;
    }
    source->converts[source->n_converts].how = how;
    source->converts[source->n_converts].argument = argument;
    source->n_converts++;
}

/* ---- one alternative ---- */

/* "= TEXT" or "= {param}" */
static void take_constant(struct fielding *f, struct preset_source *source, const char *text,
                          size_t n)
{
    const char *value;

    text++;
    n--;
    trim(&text, &n);
    source->constant = preset_keep(f->load, text, n);
    if (n > 2 && text[0] == '{' && text[n - 1] == '}') {
        value = preset_param(f->load->preset, preset_keep(f->load, text + 1, n - 2));
        if (value == NULL) {
            refuse(f, text, n, "is unknown; a name of the source belongs in its params");
        }
        source->constant = value != NULL ? value : "";
    }
}

/* The first token of a JSON pointer, with '/' and '~' as they are, into name, which is as long as
 * path; what stands behind it. */
static const char *take_token(const char *path, char *name)
{
    for (path++; *path != '\0' && *path != '/'; path++) {
        if (*path == '~' && (path[1] == '0' || path[1] == '1')) {
            path++;
            *name++ = *path == '0' ? '~' : '/';
        } else {
            *name++ = *path;
        }
    }
    *name = '\0';
    return path;
}

/* Letters that can't be taken for XPath. */
static bool is_element_name(const char *path)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t first = strspn(path, letters);

    return first > 0 && path[first + strspn(path + first, "abcdefghijklmnopqrstuvwxyz"
                                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                                                          "0123456789-")] == '\0';
}

/* A path seen from the record joins those that are found in one pass. */
static void note_name(struct fielding *f, struct preset_source *source)
{
    struct preset_record *record = f->place->base;
    bool pointer = source->path[0] == '/';
    char *name;

    if (!pointer && !is_element_name(source->path)) {
        return;
    }
    name = arena_strdup(f->load->arena, source->path);
    if (name != NULL) {
        source->rest = pointer ? take_token(source->path, name) : "";
        source->name = nameset_add(&record->names, name, f->load->arena);
    }
    f->load->nomem = f->load->nomem || source->name == NULL;
}

static void take_path(struct fielding *f, struct preset_source *source, const char *text, size_t n)
{
    if (n > 0 && text[0] == '^') {
        source->of_record = true;
        text++;
        n--;
    }
    source->path = preset_keep(f->load, text, n);
    preset_note_path(f->load, f->place, f->statement->line, f->key->word.name, source->path,
                     source->of_record);
    if (!source->of_record) {
        note_name(f, source);
    }
}

/* "KEY PATH": a portal field that is handed on as it stands. */
static void take_extra(struct fielding *f, struct preset_source *source, const char *text, size_t n)
{
    size_t key_len = 0;

    while (key_len < n && !is_space(text[key_len])) {
        key_len++;
    }
    if (key_len == 0 || key_len == n) {
        refuse(f, text, n, "is not \"KEY PATH\"");
        source->constant = "";
        return;
    }
    source->constant = preset_keep(f->load, text, key_len);
    text += key_len;
    n -= key_len;
    trim(&text, &n);
    take_path(f, source, text, n);
}

static bool is_extra(const struct preset_field_key *key)
{
    return strcmp(key->name, "extra") == 0;
}

static void take_source(struct fielding *f, struct preset_source *source, const char *text)
{
    size_t n = piece_length(text);
    const char *piece = text;
    size_t len = n;

    trim(&piece, &len);
    if (is_extra(f->key)) {
        take_extra(f, source, piece, len);
        if (text[n] != '\0') {
            refuse(f, text, strlen(text), "extra takes no converters");
        }
        return;
    }
    if (len > 0 && piece[0] == '=') {
        take_constant(f, source, piece, len);
    } else {
        take_path(f, source, piece, len);
    }
    while (text[n] != '\0') {
        text += n + 1;
        n = piece_length(text);
        add_converter(f, source, text, n);
    }
}

/* The last one to its place among the others. */
static void put_in_order(struct preset_field *field)
{
    struct preset_source last = field->alternatives[field->n - 1];
    size_t at = field->n - 1;

    while (at > 0 && strcmp(field->alternatives[at - 1].constant, last.constant) > 0) {
        field->alternatives[at] = field->alternatives[at - 1];
        at--;
    }
    field->alternatives[at] = last;
}

void preset_field(struct preset_load *load, const struct preset_place *place,
                  const struct preset_statement *statement)
{
    struct preset_record *record = place->base;
    struct fielding f = {load, place, statement, preset_field_find(place->section, statement->key)};
    struct preset_field *field;

    if (load->first_pass) {
        return;
    }
    for (size_t i = 0; i < record->n_fields; i++) {
        if (strcmp(record->fields[i].name, f.key->name) == 0) {
            preset_fault(load, statement->line, "%s.%s: given twice, first in line %u; keep one",
                         preset_section_name(place->section), statement->key,
                         record->fields[i].line);
            return;
        }
    }
    if (record->n_fields == PRESET_FIELDS || statement->n > PRESET_ALTERNATIVES ||
        statement->n == 0) {
        preset_fault(load, statement->line, "%s.%s: %s", preset_section_name(place->section),
                     statement->key,
                     statement->n == 0 ? "a value is missing" : "more than 8 alternatives");
        return;
    }
    field = &record->fields[record->n_fields++];
    field->key = f.key->word.name;
    field->name = f.key->name;
    field->member = f.key->member;
    field->offset = f.key->offset;
    field->line = statement->line;
    field->is_extra = is_extra(f.key);
    for (size_t i = 0; i < statement->n; i++) {
        take_source(&f, &field->alternatives[field->n++], statement->values[i]);
        if (field->is_extra) {
            put_in_order(field);
        }
    }
}
