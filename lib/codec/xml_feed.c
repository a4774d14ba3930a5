#include "codec/xml_feed.h"

#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "base/buf.h"
#include "codec/xml_gate.h"

#define STEPS_MAX 16
#define PATH_MAX_BYTES 512
#define SCOPE_MAX 64
#define SLICE 8192 /* bytes that libxml2 gets at a time */

struct step {
    const char *name; /* "*" any */
    const char *uri;  /* NULL any; "" none */
};

/* A namespace that is in force. */
struct scope {
    char *prefix, *uri; /* owned by libxml2's dictionary: never freed before the parser */
    unsigned depth;     /* of the element that declares it */
};

struct xml_feed {
    int (*take)(void *ctx, const char *record, size_t n, struct errmsg *msg);
    void *ctx;
    char path[PATH_MAX_BYTES]; /* cut into the names of steps */
    struct step steps[STEPS_MAX];
    char *uris[STEPS_MAX]; /* owned copies */
    size_t n_steps;
    bool anywhere; /* the path begins with "//" */

    struct xml_gate gate;
    xmlParserCtxtPtr parser;
    xmlSAXHandler sax;
    unsigned depth;                       /* open elements */
    uint32_t reached[XML_GATE_DEPTH + 2]; /* per depth: bit i, the first i steps lead here */
    struct scope scopes[SCOPE_MAX];
    size_t n_scopes;
    unsigned record_depth; /* of the record at work; 0 none */
    struct buf record;
    struct buf rest;
    bool tag_open; /* in the output at work: '>' is still to come */
    int err;
    struct errmsg why;
};

/* ---- the path ---- */

/* Steps over one step at *p; the name is terminated in place by the caller. */
static bool read_step(char **p, char **prefix, char **name)
{
    static const char local[] = "*[local-name()='";
    char *from = *p;
    char *colon;
    size_t n;

    *prefix = NULL;
    if (strncmp(from, local, sizeof(local) - 1) == 0) {
        *name = from + sizeof(local) - 1;
        n = strcspn(*name, "'");
        if (n == 0 || strncmp(*name + n, "']", 2) != 0) {
            return false;
        }
        (*name)[n] = '\0';
        *p = *name + n + 2;
        *prefix = *name + n; /* "": any namespace */
        return true;
    }
    n = strcspn(from, "/[]()@'\" |.");
    if (n == 0 || (from[n] != '/' && from[n] != '\0')) {
        return false;
    }
    *p = from + n;
    *name = from;
    colon = memchr(from, ':', n);
    if (colon != NULL) {
        *colon = '\0';
        *prefix = from;
        *name = colon + 1;
    }
    return **name != '\0' && **name != '/';
}

static int find_uri(struct xml_feed *f, const char *prefix, const struct xml_namespace *namespaces,
                    size_t n)
{
    struct step *step = &f->steps[f->n_steps];

    if (prefix == NULL || prefix[0] == '\0') {
        bool any = step->name[0] == '*' && (step->name[1] == '/' || step->name[1] == '\0');

        step->uri = prefix != NULL || any ? NULL : ""; /* the name still ends at its slash */
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(namespaces[i].prefix, prefix) == 0) {
            f->uris[f->n_steps] = strdup(namespaces[i].uri);
            step->uri = f->uris[f->n_steps];
            return step->uri != NULL ? 0 : ERR_NOMEM;
        }
    }
    return ERR_INVAL;
}

/* In the feed's own copy of the path. */
static int split_path(struct xml_feed *f, const struct xml_namespace *namespaces, size_t n)
{
    char *p = f->path;
    int err = *p == '/' ? 0 : ERR_INVAL;

    f->anywhere = p[0] == '/' && p[1] == '/';
    p += f->anywhere ? 1 : 0;
    while (err == 0 && *p == '/') {
        char *prefix;
        char *name;

        p++;
        if (f->n_steps == STEPS_MAX || !read_step(&p, &prefix, &name)) {
            return ERR_INVAL;
        }
        f->steps[f->n_steps].name = name;
        err = namespaces == NULL ? 0 : find_uri(f, prefix, namespaces, n);
        f->n_steps++;
        if (*p == '/' && (p[1] == '/' || p[1] == '\0')) {
            return ERR_INVAL;
        }
    }
    return err == 0 && *p != '\0' ? ERR_INVAL : err;
}

/* The names still end at the slashes: terminated once nothing is parsed any more. */
static void end_names(struct xml_feed *f)
{
    for (char *p = f->path; p < f->path + sizeof(f->path); p++) {
        if (*p == '/') {
            *p = '\0';
        }
    }
}

bool xml_feed_can(const char *rows)
{
    struct xml_feed f = {.n_steps = 0};

    if (strlen(rows) >= sizeof(f.path)) {
        return false;
    }
    memcpy(f.path, rows, strlen(rows) + 1);
    return split_path(&f, NULL, 0) == 0;
}

static bool step_fits(const struct step *step, const char *name, const char *uri)
{
    return (strcmp(step->name, "*") == 0 || strcmp(step->name, name) == 0) &&
           (step->uri == NULL || strcmp(step->uri, uri) == 0);
}

/* The element that opens at f->depth is a record. */
static bool is_record(struct xml_feed *f, const char *name, const char *uri)
{
    uint32_t before = f->depth > 1 ? f->reached[f->depth - 1] : 1;
    uint32_t now = 0;

    before |= f->anywhere ? 1 : 0;
    for (size_t i = 0; i < f->n_steps; i++) {
        if ((before & (UINT32_C(1) << i)) != 0 && step_fits(&f->steps[i], name, uri)) {
            now |= UINT32_C(1) << (i + 1);
        }
    }
    f->reached[f->depth] = now;
    return (now & (UINT32_C(1) << f->n_steps)) != 0;
}

/* ---- what comes out ---- */

static struct buf *target(struct xml_feed *f)
{
    return f->record_depth > 0 ? &f->record : &f->rest;
}

static void stop(struct xml_feed *f)
{
    if (f->parser != NULL) {
        xmlStopParser(f->parser);
    }
}

static void fail(struct xml_feed *f, int err, const char *words)
{
    if (f->err == 0) {
        f->err = err_set(&f->why, err, "line %d: %s", xmlSAX2GetLineNumber(f->parser), words);
    }
    stop(f);
}

static void check_output(struct xml_feed *f)
{
    int err = buf_error(target(f));

    if (err == ERR_TOOBIG) {
        fail(f, err,
             f->record_depth > 0 ? "a record is longer than 1 MiB"
                                 : "more than 256 KiB outside of the records");
    } else if (err != 0) {
        fail(f, err, err_text(err));
    }
}

/* In an attribute a reader makes a blank of every white space that is not written as a reference.
 */
static void put_escaped(struct buf *out, const char *text, size_t n, bool attribute)
{
    size_t from = 0;

    for (size_t i = 0; i < n; i++) {
        const char *as = NULL;

        switch (text[i]) {
        case '&':
            as = "&amp;";
            break;
        case '<':
            as = "&lt;";
            break;
        case '>':
            as = "&gt;";
            break;
        case '"':
            as = "&quot;";
            break;
        case '\r':
            as = "&#13;";
            break;
        case '\n':
            as = attribute ? "&#10;" : NULL;
            break;
        case '\t':
            as = attribute ? "&#9;" : NULL;
            break;
        default:
            break;
        }
        if (as != NULL) {
            buf_put(out, text + from, i - from);
            buf_puts(out, as);
            from = i + 1;
        }
    }
    buf_put(out, text + from, n - from);
}

static void put_name(struct buf *out, const xmlChar *prefix, const xmlChar *name)
{
    if (prefix != NULL) {
        buf_puts(out, (const char *)prefix);
        buf_putc(out, ':');
    }
    buf_puts(out, (const char *)name);
}

/* Entities are never replaced (XML_PARSE_NOENT reads files), so "&" comes as "&#38;" here. */
static void put_value(struct buf *out, const char *text, size_t len)
{
    static const char ampersand[] = "&#38;";
    const size_t size = sizeof(ampersand) - 1;
    size_t begin = 0;

    for (size_t i = 0; i + size <= len;) {
        if (memcmp(text + i, ampersand, size) != 0) {
            i++;
            continue;
        }
        put_escaped(out, text + begin, i - begin, true);
        put_escaped(out, "&", 1, true);
        i += size;
        begin = i;
    }
    put_escaped(out, text + begin, len - begin, true);
}

static void put_namespace(struct buf *out, const char *prefix, const char *uri)
{
    buf_puts(out, prefix[0] != '\0' ? " xmlns:" : " xmlns");
    buf_puts(out, prefix);
    buf_puts(out, "=\"");
    put_value(out, uri, strlen(uri));
    buf_putc(out, '"');
}

/* Everything in force where a record begins; the innermost of a prefix counts. */
static void put_scopes(struct xml_feed *f, struct buf *out)
{
    for (size_t i = 0; i < f->n_scopes; i++) {
        bool hidden = false;

        for (size_t k = i + 1; k < f->n_scopes; k++) {
            hidden = hidden || strcmp(f->scopes[k].prefix, f->scopes[i].prefix) == 0;
        }
        if (!hidden && (f->scopes[i].uri[0] != '\0' || f->scopes[i].prefix[0] != '\0')) {
            put_namespace(out, f->scopes[i].prefix, f->scopes[i].uri);
        }
    }
}

static void end_start_tag(struct xml_feed *f)
{
    if (f->tag_open) {
        buf_putc(target(f), '>');
        f->tag_open = false;
    }
}

/* ---- libxml2's callbacks ---- */

static void push_scopes(struct xml_feed *f, int n, const xmlChar **namespaces)
{
    for (int i = 0; i < n; i++) {
        struct scope *s = &f->scopes[f->n_scopes];

        if (f->n_scopes == SCOPE_MAX) {
            fail(f, ERR_TOOBIG, "more than 64 namespaces");
            return;
        }
        s->prefix = strdup(namespaces[2 * i] != NULL ? (const char *)namespaces[2 * i] : "");
        s->uri = strdup(namespaces[2 * i + 1] != NULL ? (const char *)namespaces[2 * i + 1] : "");
        s->depth = f->depth;
        f->n_scopes++;
        if (s->prefix == NULL || s->uri == NULL) {
            fail(f, ERR_NOMEM, err_text(ERR_NOMEM));
            return;
        }
    }
}

static void pop_scope(struct xml_feed *f)
{
    f->n_scopes--;
    free(f->scopes[f->n_scopes].prefix);
    free(f->scopes[f->n_scopes].uri);
}

static void put_attributes(struct buf *out, int n, const xmlChar **attributes)
{
    for (int i = 0; i < n; i++) {
        const xmlChar **a = attributes + 5 * i; /* name, prefix, uri, value, end of value */

        buf_putc(out, ' ');
        put_name(out, a[1], a[0]);
        buf_puts(out, "=\"");
        put_value(out, (const char *)a[3], (size_t)(a[4] - a[3]));
        buf_putc(out, '"');
    }
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int n_namespaces, const xmlChar **namespaces, int n_attributes,
                     int n_defaulted, const xmlChar **attributes)
{
    struct xml_feed *f = ctx;
    bool begins;

    (void)n_defaulted;
    if (f->err != 0) {
        return;
    }
    f->depth++;
    if (f->depth > XML_GATE_DEPTH) {
        fail(f, ERR_TOOBIG, "nested deeper than 64 elements");
        return;
    }
    push_scopes(f, n_namespaces, namespaces);
    if (f->err != 0) {
        return;
    }
    begins = f->record_depth == 0 &&
             is_record(f, (const char *)name, uri != NULL ? (const char *)uri : "");
    end_start_tag(f);
    if (begins) {
        f->record_depth = f->depth;
        buf_clear(&f->record);
    }
    buf_putc(target(f), '<');
    put_name(target(f), prefix, name);
    if (begins) {
        put_scopes(f, &f->record);
    } else {
        for (int i = 0; i < n_namespaces; i++) {
            const struct scope *s = &f->scopes[f->n_scopes - (size_t)n_namespaces + (size_t)i];

            put_namespace(target(f), s->prefix, s->uri);
        }
    }
    put_attributes(target(f), n_attributes, attributes);
    f->tag_open = true;
    check_output(f);
}

static void hand_out(struct xml_feed *f)
{
    struct errmsg inner = {""};
    int err = f->take(f->ctx, f->record.data, f->record.len, &inner);

    f->record_depth = 0;
    if (err != 0) {
        fail(f, err, inner.text[0] != '\0' ? inner.text : err_text(err));
    }
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct xml_feed *f = ctx;
    struct buf *out = target(f);

    (void)uri;
    if (f->err != 0) {
        return;
    }
    if (f->tag_open) {
        buf_puts(out, "/>");
        f->tag_open = false;
    } else {
        buf_puts(out, "</");
        put_name(out, prefix, name);
        buf_putc(out, '>');
    }
    check_output(f);
    if (f->err == 0 && f->record_depth == f->depth) {
        hand_out(f);
    }
    while (f->n_scopes > 0 && f->scopes[f->n_scopes - 1].depth == f->depth) {
        pop_scope(f);
    }
    f->depth--;
}

static bool blank(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strchr(" \t\r\n", text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static void on_text(void *ctx, const xmlChar *text, int n)
{
    struct xml_feed *f = ctx;

    /* White space between the records would fill the rest. */
    if (f->err != 0 || (f->record_depth == 0 && blank((const char *)text, (size_t)n))) {
        return;
    }
    end_start_tag(f);
    put_escaped(target(f), (const char *)text, (size_t)n, false);
    check_output(f);
}

static void on_doctype(void *ctx, const xmlChar *name, const xmlChar *public_id,
                       const xmlChar *system_id)
{
    (void)name;
    (void)public_id;
    (void)system_id;
    fail(ctx, ERR_FORMAT, "a DOCTYPE is not accepted");
}

static void on_error(void *ctx, xmlErrorPtr error)
{
    struct xml_feed *f = ctx;
    char words[160];

    if (error->level < XML_ERR_ERROR || f->err != 0) {
        return;
    }
    xml_words(error, words, sizeof(words));
    f->err = error->code == XML_ERR_NO_MEMORY
                 ? err_set(&f->why, ERR_NOMEM, "%s", err_text(ERR_NOMEM))
                 : err_set(&f->why, ERR_FORMAT, "line %d: %s", error->line, words);
}

/* ---- the feed ---- */

static int open_parser(struct xml_feed *f)
{
    f->sax.initialized = XML_SAX2_MAGIC;
    f->sax.startElementNs = on_start;
    f->sax.endElementNs = on_end;
    f->sax.characters = on_text;
    f->sax.ignorableWhitespace = on_text;
    f->sax.internalSubset = on_doctype;
    f->sax.serror = on_error;
    f->parser = xmlCreatePushParserCtxt(&f->sax, f, NULL, 0, NULL);
    if (f->parser == NULL) {
        return ERR_NOMEM;
    }
    (void)xmlCtxtUseOptions(f->parser, XML_PARSE_NONET);
    return 0;
}

int xml_feed_open(const char *rows, const struct xml_namespace *namespaces, size_t n_namespaces,
                  int (*take)(void *ctx, const char *record, size_t n, struct errmsg *msg),
                  void *ctx, struct xml_feed **out, struct errmsg *msg)
{
    static const struct xml_namespace none = {"", ""};
    struct xml_feed *f = calloc(1, sizeof(*f));
    int err;

    *out = NULL;
    if (f == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    f->take = take;
    f->ctx = ctx;
    buf_init(&f->record, FEED_RECORD_MAX);
    buf_init(&f->rest, FEED_REST_MAX);
    xml_gate_init(&f->gate, 0);
    err = strlen(rows) < sizeof(f->path) ? 0 : ERR_INVAL;
    if (err == 0) {
        memcpy(f->path, rows, strlen(rows) + 1);
        err = split_path(f, n_namespaces > 0 ? namespaces : &none, n_namespaces);
        end_names(f);
    }
    if (err == 0) {
        err = open_parser(f);
    }
    if (err != 0) {
        xml_feed_close(f);
        return err_set(msg, err, "%s",
                       err == ERR_INVAL ? "the path of the records can't be followed in a feed"
                                        : err_text(err));
    }
    *out = f;
    return 0;
}

static int answer(const struct xml_feed *f, struct errmsg *msg)
{
    return f->err == 0 ? 0 : err_set(msg, f->err, "%s", f->why.text);
}

int xml_feed_push(struct xml_feed *f, const char *bytes, size_t n, struct errmsg *msg)
{
    for (size_t at = 0; at < n && f->err == 0;) {
        size_t slice = n - at < SLICE ? n - at : SLICE;

        f->err = xml_gate_push(&f->gate, bytes + at, slice, &f->why);
        if (f->err == 0 && f->gate.at > FEED_BYTES_MAX) {
            f->err = err_set(&f->why, ERR_TOOBIG, "the feed is longer than 1 GiB");
        }
        if (f->err == 0 && xmlParseChunk(f->parser, bytes + at, (int)slice, 0) != XML_ERR_OK &&
            f->err == 0) {
            f->err = err_set(&f->why, ERR_FORMAT, "not well-formed");
        }
        at += slice;
    }
    return answer(f, msg);
}

int xml_feed_end(struct xml_feed *f, const char **rest, size_t *n, struct errmsg *msg)
{
    if (f->err == 0 &&
        (xmlParseChunk(f->parser, "", 0, 1) != XML_ERR_OK || !f->parser->wellFormed ||
         !f->parser->nsWellFormed || f->depth > 0) &&
        f->err == 0) {
        f->err = err_set(&f->why, ERR_FORMAT, "the document ends too early");
    }
    *rest = buf_text(&f->rest);
    *n = f->rest.len;
    return answer(f, msg);
}

void xml_feed_close(struct xml_feed *f)
{
    if (f == NULL) {
        return;
    }
    while (f->n_scopes > 0) {
        pop_scope(f);
    }
    for (size_t i = 0; i < STEPS_MAX; i++) {
        free(f->uris[i]);
    }
    if (f->parser != NULL) {
        xmlFreeDoc(f->parser->myDoc);
        xmlFreeParserCtxt(f->parser);
    }
    buf_free(&f->record);
    buf_free(&f->rest);
    free(f);
}
