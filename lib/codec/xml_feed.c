#include "codec/xml_feed.h"

#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "base/buf.h"
#include "codec/xml_gate.h"
#include "codec/xml_tree.h"

#define STEPS_MAX 16
#define PATH_MAX_BYTES 512
#define SCOPE_MAX 64
#define SLICE 8192                  /* bytes that libxml2 gets at a time */
#define RECORD_TREE_MAX (16u << 20) /* bytes; 1 MiB with a text for every 20 bytes fits */

struct step {
    const char *name; /* "*" any */
    const char *uri;  /* NULL any; "" none */
};

/* A namespace that is in force around the records. */
struct scope {
    const xmlChar *prefix, *uri; /* owned by libxml2's dictionary; prefix NULL: the default */
    unsigned depth;              /* of the element that declares it */
};

struct xml_feed {
    int (*take)(void *ctx, struct xml *record, struct errmsg *msg);
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
    long record_at;        /* where it begins */
    struct xml_tree record;
    struct buf rest;
    bool tag_open; /* in the rest: '>' is still to come */
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

static void check_rest(struct xml_feed *f)
{
    int err = buf_error(&f->rest);

    if (err == ERR_TOOBIG) {
        fail(f, err, "more than 256 KiB outside of the records");
    } else if (err != 0) {
        fail(f, err, err_text(err));
    }
}

static void check_record(struct xml_feed *f)
{
    if (f->record.err == ERR_TOOBIG) {
        fail(f, ERR_TOOBIG, "a record has too many elements");
    } else if (f->record.err != 0) {
        fail(f, f->record.err, err_text(f->record.err));
    }
}

/* Asked at a record's end and, while one is under way, behind each slice: tags are too many. */
static void check_length(struct xml_feed *f)
{
    if (xmlByteConsumed(f->parser) - f->record_at > (long)FEED_RECORD_MAX) {
        fail(f, ERR_TOOBIG, "a record is longer than 1 MiB");
    }
}

/* In an attribute a reader makes a blank of every white space that is not written as a reference.
 */
static void put_escaped(struct buf *out, const char *text, size_t n, bool attribute)
{
    static const char *const as[128] = {
        ['&'] = "&amp;",  ['<'] = "&lt;",   ['>'] = "&gt;",  ['"'] = "&quot;",
        ['\r'] = "&#13;", ['\n'] = "&#10;", ['\t'] = "&#9;",
    };
    size_t from = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 128 && as[c] != NULL && (attribute || (c != '\n' && c != '\t'))) {
            buf_put(out, text + from, i - from);
            buf_puts(out, as[c]);
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

static void put_value(struct buf *out, const xmlChar *from, const xmlChar *end)
{
    while (from < end) {
        size_t n = xml_value_run(from, end);

        put_escaped(out, (const char *)from, n, true);
        from += n;
        if (from < end) {
            buf_puts(out, "&amp;");
            from += strlen(XML_AMPERSAND);
        }
    }
}

static void put_namespace(struct buf *out, const xmlChar *prefix, const xmlChar *uri)
{
    buf_puts(out, prefix != NULL ? " xmlns:" : " xmlns");
    buf_puts(out, prefix != NULL ? (const char *)prefix : "");
    buf_puts(out, "=\"");
    put_value(out, uri, uri + xmlStrlen(uri));
    buf_putc(out, '"');
}

static void end_start_tag(struct xml_feed *f)
{
    if (f->tag_open) {
        buf_putc(&f->rest, '>');
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
        s->prefix = namespaces[2 * i];
        s->uri = namespaces[2 * i + 1];
        s->depth = f->depth;
        f->n_scopes++;
    }
}

/* Everything in force where a record begins, as a start tag declares it; the innermost of a prefix
 * counts. */
static int scopes_in_force(const struct xml_feed *f, const xmlChar *out[2 * SCOPE_MAX])
{
    int n = 0;

    for (size_t i = 0; i < f->n_scopes; i++) {
        const struct scope *s = &f->scopes[i];
        bool hidden = s->prefix == NULL && s->uri[0] == '\0';

        for (size_t k = i + 1; k < f->n_scopes; k++) {
            hidden = hidden || f->scopes[k].prefix == s->prefix;
        }
        if (!hidden) {
            out[2 * n] = s->prefix;
            out[2 * n + 1] = s->uri;
            n++;
        }
    }
    return n;
}

static void put_attributes(struct buf *out, int n, const xmlChar **attributes)
{
    for (int i = 0; i < n; i++) {
        const xmlChar **a = attributes + 5 * i; /* name, prefix, uri, value, end of value */

        buf_putc(out, ' ');
        put_name(out, a[1], a[0]);
        buf_puts(out, "=\"");
        put_value(out, a[3], a[4]);
        buf_putc(out, '"');
    }
}

/* An element around the records. */
static void put_start(struct xml_feed *f, const xmlChar *name, const xmlChar *prefix,
                      int n_namespaces, const xmlChar **namespaces, int n_attributes,
                      const xmlChar **attributes)
{
    end_start_tag(f);
    buf_putc(&f->rest, '<');
    put_name(&f->rest, prefix, name);
    for (int i = 0; i < n_namespaces; i++) {
        put_namespace(&f->rest, namespaces[2 * i], namespaces[2 * i + 1]);
    }
    put_attributes(&f->rest, n_attributes, attributes);
    f->tag_open = true;
    check_rest(f);
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int n_namespaces, const xmlChar **namespaces, int n_attributes,
                     int n_defaulted, const xmlChar **attributes)
{
    struct xml_feed *f = ctx;
    const xmlChar *in_force[2 * SCOPE_MAX];

    (void)n_defaulted;
    if (f->err != 0) {
        return;
    }
    f->depth++;
    if (f->depth > XML_GATE_DEPTH) {
        fail(f, ERR_TOOBIG, "nested deeper than 64 elements");
        return;
    }
    if (f->record_depth == 0) {
        push_scopes(f, n_namespaces, namespaces);
        if (f->err != 0) {
            return;
        }
        if (!is_record(f, (const char *)name, uri != NULL ? (const char *)uri : "")) {
            put_start(f, name, prefix, n_namespaces, namespaces, n_attributes, attributes);
            return;
        }
        end_start_tag(f);
        f->record_depth = f->depth;
        f->record_at = xmlByteConsumed(f->parser);
        xml_tree_begin(&f->record, f->parser->dict, RECORD_TREE_MAX);
        n_namespaces = scopes_in_force(f, in_force);
        namespaces = in_force;
    }
    xml_tree_start(&f->record, name, prefix, uri, n_namespaces, namespaces, n_attributes,
                   attributes);
    check_record(f);
}

static void hand_out(struct xml_feed *f)
{
    struct errmsg inner = {""};
    int err;

    check_length(f);
    if (f->err != 0) {
        return;
    }
    err = f->take(f->ctx, xml_tree_take(&f->record), &inner);
    f->record_depth = 0;
    if (err != 0) {
        fail(f, err, inner.text[0] != '\0' ? inner.text : err_text(err));
    }
}

static void put_end(struct xml_feed *f, const xmlChar *name, const xmlChar *prefix)
{
    if (f->tag_open) {
        buf_puts(&f->rest, "/>");
        f->tag_open = false;
    } else {
        buf_puts(&f->rest, "</");
        put_name(&f->rest, prefix, name);
        buf_putc(&f->rest, '>');
    }
    check_rest(f);
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct xml_feed *f = ctx;

    (void)uri;
    if (f->err != 0) {
        return;
    }
    if (f->record_depth > 0) {
        xml_tree_end(&f->record);
        check_record(f);
    } else {
        put_end(f, name, prefix);
    }
    if (f->err == 0 && f->record_depth == f->depth) {
        hand_out(f);
    }
    while (f->n_scopes > 0 && f->scopes[f->n_scopes - 1].depth == f->depth) {
        f->n_scopes--;
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

    if (f->err != 0) {
        return;
    }
    if (f->record_depth > 0) {
        xml_tree_text(&f->record, text, (size_t)n);
    } else if (!blank((const char *)text, (size_t)n)) {
        /* White space between the records would fill the rest. */
        end_start_tag(f);
        put_escaped(&f->rest, (const char *)text, (size_t)n, false);
        check_rest(f);
    }
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
                  int (*take)(void *ctx, struct xml *record, struct errmsg *msg), void *ctx,
                  struct xml_feed **out, struct errmsg *msg)
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
    xml_tree_init(&f->record);
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
        if (f->err == 0 && f->record_depth > 0) {
            check_length(f);
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
    for (size_t i = 0; i < STEPS_MAX; i++) {
        free(f->uris[i]);
    }
    xml_tree_free(&f->record);
    if (f->parser != NULL) {
        xmlFreeDoc(f->parser->myDoc);
        xmlFreeParserCtxt(f->parser);
    }
    buf_free(&f->rest);
    free(f);
}
