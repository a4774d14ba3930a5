/* Statements: "key = value", "key = {value, value}", "section { }", "call NAME { }". */
#include <string.h>

#include "base/text.h"
#include "config/config_impl.h"
#include "config/preset_impl.h"

#define WORD_MAX 64
#define MAX_KEYS 64

static struct scan_token next(struct preset_load *load)
{
    load->token = scan_next(&load->scan);
    return load->token;
}

static bool is_text(const struct scan_token *token)
{
    return token->kind == SCAN_WORD || token->kind == SCAN_STRING;
}

/* A token's text for a message. */
static void show(const struct preset_load *load, const struct scan_token *token, char out[WORD_MAX])
{
    char word[WORD_MAX];

    scan_copy(&load->scan, token, word, sizeof(word));
    text_printable(word, strlen(word), out, WORD_MAX);
}

static const char *keep_token(struct preset_load *load, const struct scan_token *token)
{
    char *copy = arena_alloc(load->arena, token->end - token->start + 1);

    if (copy == NULL) {
        load->nomem = true;
        return "";
    }
    scan_copy(&load->scan, token, copy, token->end - token->start + 1);
    return copy;
}

/* Past what can't be understood: to the end of the line, and of a block that begins there. The
 * token after it is the current one. */
static void skip_statement(struct preset_load *load, unsigned line)
{
    unsigned depth = 0;

    load->lost = true;
    while (load->token.kind != SCAN_END && (load->token.line == line || depth > 0)) {
        if (load->token.kind == SCAN_CLOSE && depth == 0) {
            return;
        }
        depth += load->token.kind == SCAN_OPEN;
        depth -= load->token.kind == SCAN_CLOSE;
        (void)next(load);
    }
}

/* Past a block whose brace is the current token. */
static void skip_block(struct preset_load *load)
{
    unsigned depth = 0;

    load->lost = true;
    do {
        depth += load->token.kind == SCAN_OPEN;
        depth -= load->token.kind == SCAN_CLOSE;
        (void)next(load);
    } while (load->token.kind != SCAN_END && depth > 0);
}

static bool take_value(struct preset_load *load, struct preset_statement *statement)
{
    if (!is_text(&load->token) || statement->n == CONFIG_MAX_LIST) {
        preset_fault(load, load->token.line, "%s: %s", statement->key,
                     statement->n == CONFIG_MAX_LIST ? "more than 64 items"
                                                     : "a value is missing here");
        return false;
    }
    statement->values[statement->n++] = keep_token(load, &load->token);
    (void)next(load);
    return true;
}

/* {value, value}; a comma may stand behind the last. */
static bool take_list(struct preset_load *load, struct preset_statement *statement)
{
    statement->is_list = true;
    (void)next(load);
    while (load->token.kind != SCAN_CLOSE) {
        if (!take_value(load, statement)) {
            return false;
        }
        if (load->token.kind == SCAN_COMMA) {
            (void)next(load);
        } else if (load->token.kind != SCAN_CLOSE) {
            preset_fault(load, load->token.line, "%s: a comma or } is missing here",
                         statement->key);
            return false;
        }
    }
    (void)next(load);
    return true;
}

/* ---- where a statement belongs ---- */

static bool secret_key(const char *key)
{
    static const char *const words[] = {"password", "secret", "client_secret", "api_key", NULL};

    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static void unknown_key(struct preset_load *load, const struct preset_place *place,
                        const struct preset_statement *statement)
{
    const char *keys[MAX_KEYS];
    const char *section = preset_section_name(place->section);
    const char *dot = section[0] != '\0' ? "." : "";
    const char *near;
    char shown[WORD_MAX];

    (void)preset_keys_of(place->section, keys, MAX_KEYS);
    text_printable(statement->key, strlen(statement->key), shown, sizeof(shown));
    near = config_nearest(statement->key, keys);
    if (secret_key(statement->key)) {
        preset_fault(load, statement->line,
                     "%s%s%s: secrets never stand in a preset; {password} is the one of the source",
                     section, dot, shown);
    } else if (near != NULL) {
        preset_fault(load, statement->line, "%s%s%s: unknown key; did you mean %s?", section, dot,
                     shown, near);
    } else {
        preset_fault(load, statement->line, "%s%s%s: unknown key; dvcsync-preset(5) lists all",
                     section, dot, shown);
    }
}

static void add_namespace(struct preset_load *load, const struct preset_statement *statement)
{
    struct preset *p = load->preset;

    if (p->n_namespaces == PRESET_NAMESPACES || statement->n != 1 ||
        statement->values[0][0] == '\0') {
        preset_fault(load, statement->line, "namespaces.%s: %s", statement->key,
                     p->n_namespaces == PRESET_NAMESPACES ? "more than 8 namespaces"
                                                          : "one address is needed");
        return;
    }
    p->namespaces[p->n_namespaces].prefix = statement->key;
    p->namespaces[p->n_namespaces].uri = statement->values[0];
    p->n_namespaces++;
}

static void take_statement(struct preset_load *load, struct preset_place *place,
                           const struct preset_statement *statement)
{
    size_t n;
    const struct preset_row *row = preset_rows_of(place->section, &n);
    size_t i = 0;

    if (place->base == NULL) {
        return;
    }
    if (place->section == PRESET_NAMES) {
        add_namespace(load, statement);
        return;
    }
    while (i < n && strcmp(row[i].word.name, statement->key) != 0) {
        i++;
    }
    if (i < n && (place->given & (UINT64_C(1) << i)) != 0) {
        preset_fault(load, statement->line, "%s: given twice in this section; keep one",
                     statement->key);
    } else if (i < n) {
        place->given |= UINT64_C(1) << i;
        preset_value(load, place, &row[i], statement);
    } else if (preset_field_find(place->section, statement->key) != NULL) {
        preset_field(load, place, statement);
    } else {
        unknown_key(load, place, statement);
    }
}

/* The calls by their titles. */
static struct preset_call *call_of(struct preset *p, const char *title, unsigned *where)
{
    const struct {
        const char *title;
        struct preset_call *call;
        unsigned where;
    } calls[] = {
        {"login", &p->auth.login, WHERE_LOGIN},
        {"list", &p->list, WHERE_LIST},
        {"detail", &p->detail, WHERE_ONE},
        {"steps", &p->steps, WHERE_ONE},
        {"ack", &p->ack, WHERE_ACK},
        {"catalog", &p->catalog, WHERE_CATALOG},
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strcmp(calls[i].title, title) == 0) {
            *where = calls[i].where;
            return calls[i].call;
        }
    }
    return NULL;
}

static void open_call(struct preset_load *load, struct preset_place *place)
{
    static const char *const titles[] = {"login", "list",    "detail", "steps",
                                         "ack",   "catalog", NULL};
    struct preset_call *call = call_of(load->preset, place->title, &place->where);
    const char *near;
    char shown[WORD_MAX];

    if (call == NULL) {
        near = config_nearest(place->title, titles);
        text_printable(place->title, strlen(place->title), shown, sizeof(shown));
        preset_fault(load, place->line, "call %s: unknown call; %s%s%s", shown,
                     near != NULL ? "did you mean " : "known are login, list, detail, steps, ack",
                     near != NULL ? near : " and catalog", near != NULL ? "?" : "");
        load->lost = true;
        return;
    }
    if (call->given && !load->first_pass) {
        preset_fault(load, place->line, "call %s: given twice, first in line %u; keep one",
                     place->title, call->line);
        return;
    }
    call->given = !load->first_pass;
    call->line = place->line;
    place->base = call;
    place->call = call;
}

static void open_record(struct preset_load *load, struct preset_place *place,
                        struct preset_record *record)
{
    if (record->given && !load->first_pass) {
        preset_fault(load, place->line, "%s: given twice; keep one",
                     preset_section_name(place->section));
        return;
    }
    record->given = !load->first_pass;
    place->base = record;
}

static void open_section(struct preset_load *load, struct preset_place *place)
{
    struct preset *p = load->preset;

    switch (place->section) {
    case PRESET_NAMES:
        place->base = p;
        break;
    case PRESET_AUTH:
        place->base = &p->auth;
        place->where = WHERE_VALUE;
        break;
    case PRESET_CURSOR:
        place->base = &p->cursor;
        break;
    case PRESET_CALL:
        open_call(load, place);
        break;
    case PRESET_SKIP:
        place->base = &p->skip;
        break;
    case PRESET_DOSSIER:
        open_record(load, place, &p->dossier);
        break;
    case PRESET_STEP:
        open_record(load, place, &p->step);
        break;
    case PRESET_FILE:
        open_record(load, place, &p->file);
        break;
    case PRESET_RESULT:
        open_record(load, place, &p->result);
        break;
    case PRESET_PROCEDURE:
        open_record(load, place, &p->procedure);
        break;
    case PRESET_TOP:
    case PRESET_SECTIONS:
        break;
    }
}

static void unknown_section(struct preset_load *load, const struct preset_statement *statement)
{
    const char *names[PRESET_SECTIONS];
    const char *near;
    char shown[WORD_MAX];

    for (enum preset_section s = PRESET_NAMES; s < PRESET_SECTIONS; s++) {
        names[s - 1] = preset_section_name(s);
    }
    names[PRESET_SECTIONS - 1] = NULL;
    near = config_nearest(statement->key, names);
    text_printable(statement->key, strlen(statement->key), shown, sizeof(shown));
    preset_fault(load, statement->line, "%s: unknown section; %s%s%s", shown,
                 near != NULL ? "did you mean " : "dvcsync-preset(5) lists all",
                 near != NULL ? near : "", near != NULL ? "?" : "");
    load->lost = true;
}

/* ---- the walk ---- */

static void walk(struct preset_load *load, struct preset_place *place);

/* The token is the title or the brace behind a section's name. */
static void enter(struct preset_load *load, const struct preset_place *outer,
                  const struct preset_statement *statement)
{
    struct preset_place place = {
        .section = preset_section_find(statement->key), .title = "", .line = statement->line};
    bool titled = is_text(&load->token);

    if (titled) {
        place.title = keep_token(load, &load->token);
        (void)next(load);
    }
    if (outer->section != PRESET_TOP) {
        preset_fault(load, statement->line, "%s: sections can't stand inside of a section",
                     statement->key);
        skip_block(load);
        return;
    }
    (void)next(load); /* the brace */
    if (place.section == PRESET_SECTIONS) {
        unknown_section(load, statement);
    } else if (titled != (place.section == PRESET_CALL)) {
        preset_fault(load, statement->line, "%s: %s", statement->key,
                     titled ? "this section has no name" : "a name is missing; write call list {");
        load->lost = true;
    } else {
        open_section(load, &place);
    }
    walk(load, &place);
    if (load->token.kind == SCAN_CLOSE) {
        (void)next(load);
    }
}

static void one_statement(struct preset_load *load, struct preset_place *place)
{
    struct preset_statement statement = {.line = load->token.line};
    char shown[WORD_MAX];
    struct scan ahead;
    bool section;

    show(load, &load->token, shown);
    if (!is_text(&load->token)) {
        preset_fault(load, statement.line, "a key or the name of a section is missing here");
        (void)next(load);
        skip_statement(load, statement.line);
        return;
    }
    statement.key = keep_token(load, &load->token);
    (void)next(load);
    ahead = load->scan;
    section = load->token.kind == SCAN_OPEN ||
              (is_text(&load->token) && scan_next(&ahead).kind == SCAN_OPEN);
    if (section) {
        enter(load, place, &statement);
        return;
    }
    if (load->token.kind != SCAN_EQUALS) {
        preset_fault(load, statement.line, "%s: an = is missing behind it", shown);
        skip_statement(load, statement.line);
        return;
    }
    (void)next(load);
    if (load->token.kind == SCAN_OPEN ? take_list(load, &statement)
                                      : take_value(load, &statement)) {
        take_statement(load, place, &statement);
    } else {
        skip_statement(load, load->token.line);
    }
}

static void walk(struct preset_load *load, struct preset_place *place)
{
    while (load->token.kind != SCAN_END && load->token.kind != SCAN_CLOSE && !load->nomem) {
        one_statement(load, place);
    }
}

void preset_parse(struct preset_load *load)
{
    struct preset_place top = {.section = PRESET_TOP, .base = load->preset, .title = ""};

    if (!load->first_pass) {
        load->preset->n_namespaces = 0;
    }
    (void)next(load);
    walk(load, &top);
}
