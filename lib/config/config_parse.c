/* The only file that knows libconfuse: one cfg_t per text, every value taken as words. Where a key
 * stands comes from our own scanner, because the library forgets it. */
#include "config/config_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <confuse.h>

#include "base/text.h"
#include "config/config_scan.h"

#define MAX_STOPS 20 /* errors of the library in one file */
#define MAX_WORD 128

/* The library's options, made from the table. */
struct options {
    cfg_opt_t top[CONFIG_MAX_ROWS + SECTION_COUNT + 1];
    cfg_opt_t section[SECTION_COUNT][CONFIG_MAX_ROWS + 1];
};

/* The first error of one parse. */
struct stop {
    unsigned line;
    enum config_section section;
    char text[200];
};

/* One file under way. */
struct parse {
    struct config_load *load;
    size_t file;
    char *text;
    size_t len;
};

/* libconfuse hands its error function nothing of ours; set only while cfg_parse_buf runs. */
static _Thread_local struct stop *current_stop;

static void note_stop(cfg_t *cfg, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void note_stop(cfg_t *cfg, const char *format, va_list args)
{
    struct stop *stop = current_stop;

    if (stop == NULL || stop->line != 0) {
        return;
    }
    stop->line = cfg->line > 0 ? (unsigned)cfg->line : 1;
    stop->section = config_section_find(cfg_name(cfg));
    if (stop->section == SECTION_COUNT) {
        stop->section = SECTION_TOP; /* the library calls it "root" */
    }
    (void)vsnprintf(stop->text, sizeof(stop->text), format, args);
}

static void options_of(enum config_section section, cfg_opt_t *out)
{
    size_t n;
    const struct config_row *row = config_rows_of(section, &n);
    cfg_opt_t end = CFG_END();

    for (size_t i = 0; i < n; i++) {
        cfg_opt_t text = CFG_STR(row[i].info.name, NULL, CFGF_NODEFAULT);
        cfg_opt_t list = CFG_STR_LIST(row[i].info.name, NULL, CFGF_NODEFAULT);

        *out++ = row[i].type == CONFIG_LIST ? list : text;
    }
    *out = end;
}

static void options_build(struct options *o)
{
    size_t n;
    cfg_opt_t end = CFG_END();

    (void)config_rows_of(SECTION_TOP, &n);
    options_of(SECTION_TOP, o->top);
    for (enum config_section s = SECTION_PORTAL; s < SECTION_COUNT; s++) {
        bool titled = s == SECTION_SOURCE || s == SECTION_FLOW;
        cfg_opt_t section = CFG_SEC(config_section_name(s), o->section[s],
                                    titled ? CFGF_MULTI | CFGF_TITLE : CFGF_NODEFAULT);

        options_of(s, o->section[s]);
        o->top[n++] = section;
    }
    o->top[n] = end;
}

static void fault_at(struct parse *p, unsigned line, const char *what)
{
    struct config_origin at = {.file = p->file, .line = line};

    config_fault(p->load, at, "%s", what);
}

static void guard_fault(void *ctx, unsigned line, const char *what)
{
    struct parse *p = ctx;

    p->load->lost = true;
    fault_at(p, line, what);
}

/* What stands between the quotes of a message of the library; "" when there are none. */
static void quoted_word(const char *message, char out[MAX_WORD])
{
    const char *open = strchr(message, '\'');
    const char *close = open != NULL ? strrchr(message, '\'') : NULL;
    size_t n;

    out[0] = '\0';
    if (close != NULL && close > open) {
        n = (size_t)(close - open) - 1;
        n = n < MAX_WORD - 1 ? n : MAX_WORD - 1;
        memcpy(out, open + 1, n);
        out[n] = '\0';
    }
}

/* What follows a word on its line: '=', '{' or something else. */
static enum scan_kind kind_behind(const struct parse *p, unsigned line, const char *word)
{
    struct scan s;
    struct scan_token token;
    char text[MAX_WORD];

    scan_init(&s, p->text, p->len);
    for (token = scan_next(&s); token.kind != SCAN_END; token = scan_next(&s)) {
        if (token.line == line && (token.kind == SCAN_WORD || token.kind == SCAN_STRING)) {
            scan_copy(&s, &token, text, sizeof(text));
            if (strcmp(text, word) == 0) {
                token = scan_next(&s);
                if (token.kind != SCAN_WORD && token.kind != SCAN_STRING) {
                    return token.kind;
                }
                /* A titled section, or a value of two words. */
                return scan_next(&s).kind == SCAN_OPEN ? SCAN_OPEN : SCAN_WORD;
            }
        }
    }
    return SCAN_END;
}

/* The section that knows a key, when it is only one. */
static const char *section_that_knows(const char *key)
{
    const char *found = NULL;

    for (enum config_section s = SECTION_TOP; s < SECTION_COUNT; s++) {
        if (config_row_find(s, key) != NULL) {
            if (found != NULL) {
                return NULL;
            }
            found = s == SECTION_TOP ? "outside every section" : config_section_name(s);
        }
    }
    return found;
}

static bool is_secret(const char *key)
{
    static const char *const words[] = {"password", "passwd",  "pass",    "secret",
                                        "token",    "session", "api_key", NULL};

    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcasecmp(words[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static void fault_unknown_key(struct parse *p, const struct stop *stop, unsigned line,
                              const char *key)
{
    struct config_origin at = {.file = p->file, .line = line};
    const char *section = config_section_name(stop->section);
    const char *dot = stop->section == SECTION_TOP ? "" : ".";
    const char *near = config_nearest_key(key, stop->section);
    const char *home = section_that_knows(key);

    if (is_secret(key)) {
        config_fault(p->load, at,
                     "%s%s%s: secrets never stand in the configuration; name a systemd credential "
                     "with password_credential, or a file with password_file",
                     section, dot, key);
    } else if (home != NULL) {
        config_fault(p->load, at, "%s%s%s: unknown key here; it belongs %s%s", section, dot, key,
                     config_section_find(home) < SECTION_COUNT ? "in section " : "", home);
    } else if (near != NULL) {
        config_fault(p->load, at, "%s%s%s: unknown key; did you mean %s?", section, dot, key, near);
    } else {
        config_fault(p->load, at, "%s%s%s: unknown key; dvcsyncd.conf(5) lists all", section, dot,
                     key);
    }
}

static void fault_unknown_section(struct parse *p, unsigned line, const char *name)
{
    static const char *const names[] = {"portal", "source",    "flow",      "retry", "journal",
                                        "maps",   "reconcile", "deadlines", NULL};
    struct config_origin at = {.file = p->file, .line = line};
    const char *near = config_nearest(name, names);

    if (near != NULL) {
        config_fault(p->load, at, "%s: unknown section; did you mean %s?", name, near);
    } else {
        config_fault(p->load, at,
                     "%s: unknown section; known are portal, source NAME, flow NAME, retry, "
                     "journal, maps, reconcile and deadlines",
                     name);
    }
}

/* The library's other messages and ours, put behind the word that they quote. */
static const struct {
    const char *begins;
    const char *word; /* only with this one; NULL any */
    const char *text;
} stops[] = {
    {"missing equal sign", NULL, ": an = and a value are missing behind it"},
    {"missing title", NULL, ": a name is missing; write NAME and then {"},
    {"missing opening brace", NULL, ": a { is missing right behind it; this section has no name"},
    {"unexpected token", "{", " is not expected here; only lists take several values"},
    {"unexpected token", "}", " is not expected here; a value is missing before it"},
    {"unexpected token", NULL, " is not expected here; a comma or = is missing before it"},
    {"premature end", NULL, "the file ends in the middle of a statement"},
};

static void fault_grammar(struct parse *p, const struct stop *stop, struct config_origin at,
                          const char *word)
{
    char shown[2 * sizeof(stop->text)];

    for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
        if (strncmp(stop->text, stops[i].begins, strlen(stops[i].begins)) == 0 &&
            (stops[i].word == NULL || strcmp(stops[i].word, word) == 0)) {
            config_fault(p->load, at, "%s%s", word, stops[i].text);
            return;
        }
    }
    text_printable(stop->text, strlen(stop->text), shown, sizeof(shown));
    config_fault(p->load, at, "%s", shown);
}

/* Says in our words where the library stopped. */
static void fault_stop(struct parse *p, const struct stop *stop, unsigned line, const char *word)
{
    struct config_origin at = {.file = p->file, .line = line};
    bool unknown = strncmp(stop->text, "no such option", 14) == 0;
    enum scan_kind behind = unknown ? kind_behind(p, line, word) : SCAN_END;
    char shown[2 * MAX_WORD];

    text_printable(word, strlen(word), shown, sizeof(shown));
    if (unknown && behind == SCAN_EQUALS) {
        fault_unknown_key(p, stop, line, shown);
    } else if (unknown && behind == SCAN_OPEN && stop->section == SECTION_TOP) {
        fault_unknown_section(p, line, shown);
    } else if (unknown && behind == SCAN_OPEN) {
        config_fault(p->load, at, "%s: sections can't stand inside of section %s", shown,
                     config_section_name(stop->section));
    } else if (unknown) {
        config_fault(p->load, at,
                     "unexpected \"%s\"; a key needs = and a text with spaces needs "
                     "double quotes",
                     shown);
    } else {
        fault_grammar(p, stop, at, shown);
    }
}

/* How far the library came: it says nothing of a key that is "". */
static unsigned last_line(cfg_t *cfg)
{
    int line = cfg->line > 0 ? cfg->line : 1;

    for (enum config_section s = SECTION_PORTAL; s < SECTION_COUNT; s++) {
        unsigned n = cfg_size(cfg, config_section_name(s));

        for (unsigned i = 0; i < n; i++) {
            const cfg_t *section = cfg_getnsec(cfg, config_section_name(s), i);

            /* NULL: counted, and then there was no memory for it. */
            line = section != NULL && section->line > line ? section->line : line;
        }
    }
    return (unsigned)line;
}

/* One try: the text as a cfg_t, or NULL and where it stopped. */
static cfg_t *try_parse(struct parse *p, struct options *o, struct stop *stop)
{
    cfg_t *cfg = cfg_init(o->top, CFGF_NONE);
    int rc;

    memset(stop, 0, sizeof(*stop));
    if (cfg == NULL) {
        p->load->nomem = true;
        return NULL;
    }
    (void)cfg_set_error_function(cfg, note_stop);
    current_stop = stop;
    errno = 0;
    rc = cfg_parse_buf(cfg, p->text);
    current_stop = NULL;
    if (rc == CFG_SUCCESS && stop->line == 0) {
        return cfg;
    }
    if (stop->line == 0) {
        p->load->nomem = errno == ENOMEM;
        stop->line = last_line(cfg);
        (void)snprintf(stop->text, sizeof(stop->text), "an empty text stands where a key should");
    }
    cfg_free(cfg);
    return NULL;
}

/* Parses, blanking what the library refuses, until it accepts the rest. */
static cfg_t *parse_rest(struct parse *p, struct options *o)
{
    for (unsigned i = 0; i < MAX_STOPS; i++) {
        char word[MAX_WORD];
        struct stop stop;
        bool whole;
        unsigned line;
        cfg_t *cfg = try_parse(p, o, &stop);
        struct parse before = *p;

        if (cfg != NULL || p->load->nomem) {
            return cfg;
        }
        quoted_word(stop.text, word);
        before.text = strndup(p->text, p->len);
        if (before.text == NULL) {
            p->load->nomem = true;
            return NULL;
        }
        line = scan_blank(p->text, p->len, stop.line, word[0] != '\0' ? word : NULL, &whole);
        fault_stop(&before, &stop, line > 0 ? line : stop.line, word);
        free(before.text);
        p->load->lost = p->load->lost || whole || line == 0;
        if (line == 0) {
            return NULL;
        }
    }
    p->load->lost = true;
    return NULL;
}

/* Takes a key's value over into its instance. */
static void take_value(struct parse *p, struct config_instance *in, const struct config_row *row,
                       cfg_t *cfg, unsigned line)
{
    struct config_value *value = config_instance_value(in, row);
    cfg_opt_t *option = cfg_getopt(cfg, row->info.name);
    size_t n = option != NULL ? cfg_opt_size(option) : 0;
    struct arena *arena = &p->load->impl->arena;
    const char **items = arena_alloc(arena, (n + 1) * sizeof(*items));
    struct config_origin at = {.file = p->file, .line = line};

    if (items == NULL) {
        p->load->nomem = true;
        return;
    }
    if (value->given && value->origin.file == p->file) {
        config_fault(p->load, at,
                     "%s%s%s%s%s: given twice in this file, first in line %u; keep one",
                     config_section_name(in->section), in->section == SECTION_TOP ? "" : ".",
                     in->name, in->name[0] != '\0' ? "." : "", row->info.name, value->origin.line);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *text = cfg_opt_getnstr(option, (unsigned)i);

        items[i] = arena_strdup(arena, text != NULL ? text : "");
        p->load->nomem = p->load->nomem || items[i] == NULL;
    }
    /* A single value without a word: the library reset a section that stands twice, a fault of its
     * own. */
    *value = (struct config_value){.given = true,
                                   .bad = n == 0 && row->type != CONFIG_LIST,
                                   .items = items,
                                   .n = n,
                                   .origin = at};
}

static cfg_t *section_titled(cfg_t *cfg, const char *section, const char *title)
{
    unsigned n = cfg_size(cfg, section);

    for (unsigned i = 0; i < n; i++) {
        cfg_t *found = cfg_getnsec(cfg, section, i);

        if (title[0] == '\0' ||
            (cfg_title(found) != NULL && strcmp(cfg_title(found), title) == 0)) {
            return found;
        }
    }
    return NULL;
}

/* Where the walk over an accepted text is. */
struct walk {
    struct scan scan;
    struct config_instance *in;
    cfg_t *cfg; /* of that instance; NULL: its keys are passed over */
};

/* Past a value: one word, or a list. */
static void skip_value(struct scan *s)
{
    struct scan_token token = scan_next(s);

    while (token.kind != SCAN_END && token.kind == SCAN_OPEN) {
        do {
            token = scan_next(s);
        } while (token.kind != SCAN_CLOSE && token.kind != SCAN_END);
    }
}

static void enter_section(struct parse *p, struct walk *w, cfg_t *top, const char *name,
                          const char *title, unsigned line)
{
    struct config_origin at = {.file = p->file, .line = line};
    enum config_section section = config_section_find(name);
    struct config_instance *in = NULL;

    if (section < SECTION_COUNT) {
        in = config_instance_get(p->load, section, title, at);
    }
    w->in = in;
    w->cfg = in != NULL ? section_titled(top, name, title) : NULL;
    if (in == NULL) {
        p->load->lost = true;
        return;
    }
    if (in->seen_in == p->file + 1) {
        config_fault(
            p->load, at,
            "%s%s%s: this section stands twice in this file, first in line %u; make it one", name,
            title[0] != '\0' ? "." : "", title, in->origin.line);
        w->cfg = NULL;
    }
    in->given = true;
    in->seen_in = p->file + 1;
    in->origin = at;
}

/* One statement whose first word is name. */
static void walk_statement(struct parse *p, struct walk *w, cfg_t *top, const char *name,
                           unsigned line)
{
    struct scan_token token = scan_next(&w->scan);
    char title[MAX_WORD] = "";

    if (token.kind == SCAN_EQUALS) {
        const struct config_row *row = w->in != NULL ? config_row_find(w->in->section, name) : NULL;

        if (row != NULL && w->cfg != NULL) {
            take_value(p, w->in, row, w->cfg, line);
        }
        skip_value(&w->scan);
        return;
    }
    if (token.kind != SCAN_OPEN) {
        scan_copy(&w->scan, &token, title, sizeof(title));
        (void)scan_next(&w->scan);
    }
    enter_section(p, w, top, name, title, line);
}

/* Finds out where each key of an accepted text stands. */
static void walk(struct parse *p, cfg_t *top)
{
    struct config_instance *first = p->load->impl->instances[0];
    struct walk w = {.in = first, .cfg = top};
    struct scan_token token;
    char name[MAX_WORD];

    scan_init(&w.scan, p->text, p->len);
    for (token = scan_next(&w.scan); token.kind != SCAN_END; token = scan_next(&w.scan)) {
        if (token.kind == SCAN_CLOSE) {
            w.in = first;
            w.cfg = top;
        } else if (token.kind == SCAN_WORD || token.kind == SCAN_STRING) {
            scan_copy(&w.scan, &token, name, sizeof(name));
            walk_statement(p, &w, top, name, token.line);
        }
    }
}

void config_parse(struct config_load *load, size_t file, char *text, size_t len)
{
    struct parse p = {.load = load, .file = file, .text = text, .len = len};
    struct options *options;
    cfg_t *cfg;

    if (!scan_guard(text, len, guard_fault, &p)) {
        load->lost = true;
        return;
    }
    options = calloc(1, sizeof(*options));
    if (options == NULL) {
        load->nomem = true;
        return;
    }
    options_build(options);
    cfg = parse_rest(&p, options);
    if (cfg != NULL) {
        walk(&p, cfg);
        cfg_free(cfg);
    }
    free(options);
}
