#include "codec/xml_gate.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "codec/xml.h"

#define START_TAG_MAX (64u << 10) /* bytes */
#define TEXT_MAX (1u << 20)       /* bytes between two tags, as they stand in the document */
/* libxml2 compares each attribute of a tag with all others, and looks namespaces up one by one: 64
 * KiB of either, in every tag of a large document, would cost minutes. */
#define ATTRIBUTES_MAX 256
#define NAMESPACES_MAX 64 /* declared on an element and its ancestors */

/* An element of 4 bytes costs 140 in the tree; what systems send has 30 bytes an element. */
#define ELEMENTS_ALWAYS (1u << 16)
#define ELEMENTS_MAX (1u << 20)
#define BYTES_AN_ELEMENT 16 /* at least, of those beyond ELEMENTS_ALWAYS */

#define SPACE " \t\r\n"

enum state { TEXT, OPEN, TAG, END_TAG, BANG, COMMENT, CDATA, INSTRUCTION };

void xml_gate_init(struct xml_gate *g, uint64_t elements_max)
{
    memset(g, 0, sizeof(*g));
    g->line = 1;
    g->from_line = 1;
    g->elements_max = elements_max;
}

static size_t count_lines(const char *bytes, size_t n)
{
    size_t lines = 0;

    for (const char *p = bytes; n > 0; lines++) {
        const char *next = memchr(p, '\n', n);

        if (next == NULL) {
            break;
        }
        n -= (size_t)(next + 1 - p);
        p = next + 1;
    }
    return lines;
}

/* Lines are counted where one is asked for, and of a piece at once. */
static size_t line_of_from(const struct xml_gate *g)
{
    return g->from != NULL ? g->line + count_lines(g->piece, (size_t)(g->from - g->piece))
                           : g->from_line;
}

static int fault(const struct xml_gate *g, struct errmsg *msg, int err, const char *what)
{
    return err_set(msg, err, "line %zu: %s", line_of_from(g), what);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Steps over one 'name = "value"' at *p; false where there is none, or an encoding is named that is
 * not UTF-8: *utf8 tells which. */
static bool pass_attribute(const char **p, bool *utf8)
{
    const char *name = *p + strspn(*p, SPACE);
    size_t name_len = strcspn(name, SPACE "=");
    const char *value = name + name_len;
    size_t n;
    char quote[2] = "";

    value += strspn(value, SPACE "=");
    if (*value != '"' && *value != '\'') {
        return false; /* libxml2 judges the rest */
    }
    quote[0] = *value++;
    n = strcspn(value, quote);
    *utf8 = name_len != 8 || memcmp(name, "encoding", 8) != 0 ||
            (n == 5 && strncasecmp(value, "UTF-8", 5) == 0);
    *p = value + n + (value[n] != '\0');
    return *utf8;
}

/* The XML declaration must not name an encoding other than UTF-8. Of one that is longer than what
 * is looked at nobody knows. */
static bool declares_utf8(const struct xml_gate *g)
{
    const char *p = g->word + 3;
    bool utf8 = true;

    if (strncmp(g->word, "xml", 3) != 0 || !is_space(g->word[3])) {
        return true;
    }
    while (pass_attribute(&p, &utf8)) {
    }
    return utf8 && g->word_len + 1 < sizeof(g->word);
}

static void note(struct xml_gate *g, char c)
{
    if (g->word_len + 1 < sizeof(g->word)) {
        g->word[g->word_len++] = c;
        g->word[g->word_len] = '\0';
    }
}

static int add_text(struct xml_gate *g, struct errmsg *msg, uint64_t n)
{
    g->text_bytes += n;
    return g->text_bytes > TEXT_MAX ? fault(g, msg, ERR_TOOBIG, "a text is longer than 1 MiB") : 0;
}

static int end_start_tag(struct xml_gate *g, struct errmsg *msg)
{
    if (g->depth == XML_GATE_DEPTH) {
        return fault(g, msg, ERR_TOOBIG, "nested deeper than 64 elements");
    }
    if (g->namespaces + g->tag_namespaces > NAMESPACES_MAX) {
        return fault(g, msg, ERR_TOOBIG, "more than 64 namespaces");
    }
    g->elements++;
    if (g->elements_max > 0 && g->elements > g->elements_max) {
        return fault(g, msg, ERR_TOOBIG, "too many elements");
    }
    if (g->last[1] != '/') {
        g->namespaces_of[g->depth++] = g->tag_namespaces;
        g->namespaces += g->tag_namespaces;
    }
    g->state = TEXT;
    g->text_bytes = 0;
    return 0;
}

/* One '=' an attribute, one " xmlns" a namespace; neither counts inside of quotes. */
static int count_attribute(struct xml_gate *g, struct errmsg *msg, char c)
{
    static const char xmlns[] = " xmlns";

    g->attributes += c == '=';
    if (g->attributes > ATTRIBUTES_MAX) {
        return fault(g, msg, ERR_TOOBIG, "more than 256 attributes");
    }
    if (is_space(c)) {
        g->xmlns_seen = 1;
    } else {
        g->xmlns_seen = g->xmlns_seen > 0 && c == xmlns[g->xmlns_seen] ? g->xmlns_seen + 1 : 0;
    }
    if (g->xmlns_seen == sizeof(xmlns) - 1) {
        g->tag_namespaces++;
        g->xmlns_seen = 0;
    }
    return 0;
}

static int tag_too_long(const struct xml_gate *g, struct errmsg *msg)
{
    return fault(g, msg, ERR_TOOBIG, "a start tag is longer than 64 KiB");
}

static int in_tag(struct xml_gate *g, struct errmsg *msg, char c)
{
    int err = 0;

    g->tag_bytes++;
    if (g->tag_bytes > START_TAG_MAX) {
        return tag_too_long(g, msg);
    }
    if (c == '<') {
        return fault(g, msg, ERR_FORMAT, "'<' inside a tag");
    }
    if (g->quote != '\0') {
        g->quote = c == g->quote ? '\0' : g->quote;
    } else if (c == '"' || c == '\'') {
        g->quote = c;
    } else if (c == '>') {
        return end_start_tag(g, msg);
    } else {
        err = count_attribute(g, msg, c);
    }
    g->last[1] = c;
    return err;
}

/* The first byte behind '<'. */
static int begin_markup(struct xml_gate *g, struct errmsg *msg, char c)
{
    g->word_len = 0;
    g->word[0] = '\0';
    g->last[0] = '\0';
    g->last[1] = '\0';
    g->quote = '\0';
    g->aside_bytes = 0;
    switch (c) {
    case '?':
        g->state = INSTRUCTION;
        return 0;
    case '!':
        g->state = BANG;
        return 0;
    default:
        g->state = TAG;
        g->tag_bytes = 1;
        g->attributes = 0;
        g->tag_namespaces = 0;
        g->xmlns_seen = 0;
        return in_tag(g, msg, c);
    }
}

static int end_end_tag(struct xml_gate *g, struct errmsg *msg)
{
    if (g->depth == 0) {
        return fault(g, msg, ERR_FORMAT, "an end tag without its start");
    }
    g->depth--;
    g->namespaces -= g->namespaces_of[g->depth];
    g->state = TEXT;
    g->text_bytes = 0;
    return 0;
}

/* Behind "<!": a comment, character data, or what is refused. */
static int in_bang(struct xml_gate *g, struct errmsg *msg, char c)
{
    static const char comment[] = "--";
    static const char cdata[] = "[CDATA[";

    note(g, c);
    if (strcmp(g->word, comment) == 0) {
        g->state = COMMENT;
    } else if (strcmp(g->word, cdata) == 0) {
        g->state = CDATA;
    } else if (strncmp(g->word, comment, g->word_len) != 0 &&
               strncmp(g->word, cdata, g->word_len) != 0) {
        return fault(g, msg, ERR_FORMAT, "a DOCTYPE is not accepted");
    }
    return 0;
}

/* libxml2's push parser keeps a comment or instruction whole. */
static int add_aside(struct xml_gate *g, struct errmsg *msg)
{
    g->aside_bytes++;
    return g->aside_bytes > TEXT_MAX
               ? fault(g, msg, ERR_TOOBIG, "a comment or instruction is longer than 1 MiB")
               : 0;
}

/* Character data are text but for the "]]>" behind them. */
static int in_cdata(struct xml_gate *g, struct errmsg *msg, bool ends)
{
    if (ends) {
        g->text_bytes -= 2;
        return add_text(g, msg, 0);
    }
    g->text_bytes++;
    return g->text_bytes > TEXT_MAX + 2 ? add_text(g, msg, 0) : 0;
}

/* In a comment, character data or an instruction: each ends with a text of two or three bytes. */
static int in_long(struct xml_gate *g, struct errmsg *msg, char c)
{
    bool ends;
    int err = 0;

    if (g->state == COMMENT) {
        ends = c == '>' && g->last[1] == '-' && g->last[0] == '-';
        err = add_aside(g, msg);
    } else if (g->state == CDATA) {
        ends = c == '>' && g->last[1] == ']' && g->last[0] == ']';
        err = in_cdata(g, msg, ends);
    } else {
        ends = c == '>' && g->last[1] == '?';
        err = add_aside(g, msg);
        note(g, c);
        if (ends && !declares_utf8(g)) {
            return fault(g, msg, ERR_FORMAT, "an encoding other than UTF-8");
        }
    }
    g->last[0] = g->last[1];
    g->last[1] = c;
    if (ends) {
        g->state = TEXT;
    }
    return err;
}

static int one_byte(struct xml_gate *g, struct errmsg *msg, char c)
{
    switch (g->state) {
    case OPEN:
        return begin_markup(g, msg, c);
    case TAG:
        return in_tag(g, msg, c);
    case BANG:
        return in_bang(g, msg, c);
    default:
        return in_long(g, msg, c);
    }
}

/* What does not begin with markup in UTF-8 is some other encoding, or no XML. */
static int check_first(struct xml_gate *g, struct errmsg *msg, char c)
{
    static const unsigned char mark[3] = {0xEF, 0xBB, 0xBF};

    if (g->at < sizeof(mark) && (unsigned char)c == mark[g->at]) {
        return 0;
    }
    if (c != '<' && !is_space(c)) {
        return fault(g, msg, ERR_FORMAT, "not XML in UTF-8");
    }
    g->any = c == '<';
    g->state = g->any ? OPEN : TEXT;
    return 0;
}

/* Text up to the next '<', which is markup, and that one. */
static int pass_text(struct xml_gate *g, const char *bytes, size_t n, size_t *step,
                     struct errmsg *msg)
{
    const char *next = memchr(bytes, '<', n);
    size_t text = next != NULL ? (size_t)(next - bytes) : n;
    int err = add_text(g, msg, text);

    *step = text;
    if (next != NULL && err == 0) {
        g->state = OPEN;
        g->from = next + 1;
        *step = text + 1;
    }
    return err;
}

/* Bytes up to one that means something inside of a tag. */
static size_t plain_bytes(const char *bytes, size_t n)
{
    static const bool ends[256] = {
        [' '] = true, ['\t'] = true, ['\r'] = true, ['\n'] = true, ['<'] = true,
        ['>'] = true, ['"'] = true,  ['\''] = true, ['='] = true};
    size_t i = 0;

    while (i < n && !ends[(unsigned char)bytes[i]]) {
        i++;
    }
    return i;
}

/* Behind '<', all of "name>", as nearly every start tag is; *step 0 when it is another one. */
static int pass_bare_tag(struct xml_gate *g, const char *bytes, size_t n, size_t *step,
                         struct errmsg *msg)
{
    size_t i = plain_bytes(bytes, n);
    int err;

    if (i == 0 || i >= n || i + 2 > START_TAG_MAX || bytes[i] != '>' || bytes[0] == '!' ||
        bytes[0] == '?' || bytes[i - 1] == '/') {
        *step = 0;
        return 0;
    }
    *step = i + 1;
    g->tag_namespaces = 0;
    g->last[1] = bytes[i - 1];
    err = end_start_tag(g, msg);
    g->from = bytes + *step;
    return err;
}

/* A name inside of a start tag: what in_tag and count_attribute would only count. *step 0 when
 * there is none. */
static int pass_name(struct xml_gate *g, const char *bytes, size_t n, size_t *step,
                     struct errmsg *msg)
{
    size_t i = plain_bytes(bytes, n);

    *step = i;
    if (i == 0) {
        return 0;
    }
    g->last[1] = bytes[i - 1];
    g->tag_bytes += i;
    return g->tag_bytes > START_TAG_MAX ? tag_too_long(g, msg) : 0;
}

static int pass_end_tag(struct xml_gate *g, const char *bytes, size_t n, size_t *step,
                        struct errmsg *msg)
{
    const char *end = memchr(bytes, '>', n);
    int err;

    *step = end != NULL ? (size_t)(end - bytes) + 1 : n;
    if (end == NULL) {
        return 0;
    }
    err = end_end_tag(g, msg);
    g->from = end + 1;
    return err;
}

/* As many bytes as can be judged at once. */
static int pass(struct xml_gate *g, const char *bytes, size_t n, size_t *step, struct errmsg *msg)
{
    int err = 0;

    if (g->any && g->state == TEXT) {
        return pass_text(g, bytes, n, step, msg);
    }
    if (g->state == OPEN && bytes[0] == '/') {
        g->state = END_TAG;
    } else if (g->state == OPEN) {
        err = pass_bare_tag(g, bytes, n, step, msg);
        if (*step > 0) {
            return err;
        }
    }
    if (g->state == TAG && g->quote == '\0' && g->xmlns_seen == 0) {
        err = pass_name(g, bytes, n, step, msg);
        if (*step > 0) {
            return err;
        }
    }
    if (g->state == END_TAG) {
        return pass_end_tag(g, bytes, n, step, msg);
    }
    *step = 1;
    err = g->any ? one_byte(g, msg, bytes[0]) : check_first(g, msg, bytes[0]);
    if (g->state == TEXT || g->state == OPEN) {
        g->from = bytes + 1;
    }
    return err;
}

int xml_gate_push(struct xml_gate *g, const char *bytes, size_t n, struct errmsg *msg)
{
    size_t i = 0;
    int err = 0;

    if (n > 0 && memchr(bytes, '\0', n) != NULL) {
        return fault(g, msg, ERR_FORMAT, "a NUL byte");
    }
    g->piece = bytes;
    while (i < n && err == 0) {
        size_t step = 0;

        err = pass(g, bytes + i, n - i, &step, msg);
        i += step;
        g->at += step;
    }
    g->from_line = line_of_from(g);
    g->from = NULL;
    g->line += count_lines(bytes, n);
    return err;
}

int xml_gate_end(const struct xml_gate *g, struct errmsg *msg)
{
    return g->any && g->state == TEXT ? 0
                                      : fault(g, msg, ERR_FORMAT, "the document ends too early");
}

/* ---- a whole document ---- */

/* A line's end is no part of another character: each line is judged alone. */
static int check_utf8(const char *bytes, size_t n, struct errmsg *msg)
{
    size_t line = 1;

    if (text_is_utf8(bytes, n)) {
        return 0;
    }
    for (const char *next; (next = memchr(bytes, '\n', n)) != NULL; bytes = next + 1) {
        if (!text_is_utf8(bytes, (size_t)(next - bytes))) {
            break;
        }
        n -= (size_t)(next + 1 - bytes);
        line++;
    }
    return err_set(msg, ERR_FORMAT, "line %zu: not UTF-8", line);
}

int xml_gate_document(const char *bytes, size_t n, struct errmsg *msg)
{
    size_t elements = ELEMENTS_ALWAYS + n / BYTES_AN_ELEMENT;
    struct xml_gate gate;
    int rc;

    if (n == 0) {
        return err_set(msg, ERR_FORMAT, "line 1: the document is empty");
    }
    if (n > XML_DOCUMENT_MAX) {
        return err_set(msg, ERR_TOOBIG, "the document is longer than %u bytes", XML_DOCUMENT_MAX);
    }
    xml_gate_init(&gate, elements < ELEMENTS_MAX ? elements : ELEMENTS_MAX);
    rc = xml_gate_push(&gate, bytes, n, msg);
    if (rc == 0) {
        rc = xml_gate_end(&gate, msg);
    }
    return rc == 0 ? check_utf8(bytes, n, msg) : rc;
}
