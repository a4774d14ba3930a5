/* Texts with places to fill. */
#include <string.h>

#include "base/text.h"
#include "config/config_impl.h"
#include "config/preset_impl.h"

#define NAME_MAX_BYTES 64
#define HOW_MAX_BYTES 128

/* One template under way. */
struct filling {
    struct preset_load *load;
    unsigned where;
    unsigned line;
    const char *key;
    struct preset_template *out;
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void add_literal(struct filling *f, const char *text, size_t n)
{
    if (n > 0) {
        f->out->pieces[f->out->n].literal = preset_keep(f->load, text, n);
        f->out->n++;
    }
}

/* The nearest word that may stand here. */
static const char *nearest(const struct filling *f, const char *name)
{
    const char *names[32 + CONFIG_MAX_LIST];
    size_t n = 0;

    for (size_t i = 0; preset_placeholder(i) != NULL && n < 31; i++) {
        enum preset_filling what;

        if ((preset_placeholder_where(preset_placeholder(i)->name, &what) & f->where) != 0) {
            names[n++] = preset_placeholder(i)->name;
        }
    }
    names[n] = NULL;
    return config_nearest(name, names);
}

static void refuse_name(struct filling *f, const char *name, unsigned where)
{
    const char *near = nearest(f, name);
    char shown[NAME_MAX_BYTES];

    text_printable(name, strlen(name), shown, sizeof(shown));
    if (where != 0) {
        preset_fault(f->load, f->line,
                     "%s: {%s} is not known yet here; the manual says where it is", f->key, shown);
    } else {
        preset_fault(f->load, f->line,
                     "%s: {%s} is unknown%s%s%s; a name of the source belongs in its params, "
                     "\"%s=VALUE\"",
                     f->key, shown, near != NULL ? "; did you mean {" : "",
                     near != NULL ? near : "", near != NULL ? "}?" : "", shown);
    }
}

/* "KEY [NAME=NUMBER]..." */
static bool objects_fit(const char *text)
{
    size_t n = strcspn(text, " ");

    if (n == 0) {
        return false;
    }
    for (text += n; *text == ' '; text += n) {
        text += strspn(text, " ");
        n = strcspn(text, "= ");
        if (n == 0 || text[n] != '=' || strspn(text + n + 1, "0123456789") == 0) {
            return false;
        }
        n += 1 + strspn(text + n + 1, "0123456789");
    }
    return *text == '\0';
}

static bool element_fits(const char *name)
{
    return is_letter(name[0]) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:") ==
               strlen(name);
}

static bool how_fits(enum preset_filling what, const char *how)
{
    static const char *const plain[] = {"", "json", "url", "xml", "base64", NULL};

    switch (what) {
    case FILL_TIME:
        /* A zone can be read, not written. */
        return how[0] == '\0' ||
               (preset_pattern_fault(how, strlen(how)) == NULL && strchr(how, 'Z') == NULL);
    case FILL_IDS:
        return strcmp(how, "json") == 0 || (strncmp(how, "join ", 5) == 0 && how[5] != '\0') ||
               (strncmp(how, "xml ", 4) == 0 && element_fits(how + 4)) ||
               (strncmp(how, "objects ", 8) == 0 && objects_fit(how + 8));
    case FILL_TEXT:
        break;
    }
    for (size_t i = 0; plain[i] != NULL; i++) {
        if (strcmp(plain[i], how) == 0) {
            return true;
        }
    }
    return false;
}

static const char *how_allowed(enum preset_filling what)
{
    static const char *const allowed[] = {
        [FILL_TEXT] = "json, url, xml or base64",
        [FILL_TIME] = "a date pattern",
        [FILL_IDS] = "json, join SEP, xml ELEMENT or objects KEY [NAME=NUMBER]"};

    return allowed[what];
}

/* What stands between the braces. */
static void add_place(struct filling *f, const char *text, size_t n)
{
    const char *bar = memchr(text, '|', n);
    size_t name_len = bar != NULL ? (size_t)(bar - text) : n;
    const char *name = preset_keep(f->load, text, name_len);
    const char *how = bar != NULL ? preset_keep(f->load, bar + 1, n - name_len - 1) : "";
    enum preset_filling what = FILL_TEXT;
    unsigned where = preset_placeholder_where(name, &what);
    bool param = where == 0 && preset_param(f->load->preset, name) != NULL;

    if (!param && (where & f->where) == 0) {
        refuse_name(f, name, where);
        return;
    }
    if (!how_fits(what, how)) {
        char shown[HOW_MAX_BYTES];

        text_printable(how, strlen(how), shown, sizeof(shown));
        preset_fault(f->load, f->line, "%s: {%s|%s}: unknown form; allowed: %s", f->key, name,
                     shown, how_allowed(what));
        return;
    }
    f->out->pieces[f->out->n].name = name;
    f->out->pieces[f->out->n].how = how;
    f->out->n++;
}

/* How many pieces there are at most. */
static size_t count_places(const char *text)
{
    size_t n = 1;

    for (; *text != '\0'; text++) {
        n += *text == '{' ? 2 : 0;
    }
    return n;
}

static void take_apart(struct filling *f, const char *text)
{
    const char *begin = text;

    while (*text != '\0') {
        const char *end;

        if (text[0] == '{' && text[1] == '{') {
            add_literal(f, begin, (size_t)(text + 1 - begin));
            text += 2;
            begin = text;
        } else if (text[0] == '{' && is_letter(text[1])) {
            end = strchr(text, '}');
            add_literal(f, begin, (size_t)(text - begin));
            if (end == NULL) {
                preset_fault(f->load, f->line, "%s: a { is not closed", f->key);
                return;
            }
            add_place(f, text + 1, (size_t)(end - text - 1));
            text = end + 1;
            begin = text;
        } else {
            text++;
        }
    }
    add_literal(f, begin, (size_t)(text - begin));
}

void preset_template(struct preset_load *load, unsigned where, unsigned line, const char *key,
                     const char *text, struct preset_template *out)
{
    struct filling f = {load, where, line, key, out};

    memset(out, 0, sizeof(*out));
    out->text = text;
    if (text[0] == '\0') {
        return;
    }
    out->pieces = arena_alloc(load->arena, count_places(text) * sizeof(*out->pieces));
    if (out->pieces == NULL) {
        load->nomem = true;
        return;
    }
    take_apart(&f, text);
}
