#include "codec/xml_gate.h"

#include <string.h>
#include <strings.h>

#define START_TAG_MAX (64u << 10)
#define TEXT_MAX (1u << 20)
#define ATTRIBUTES_MAX 256
#define NAMESPACES_MAX 64

enum state { TEXT, OPEN, TAG, END_TAG, BANG, COMMENT, CDATA, INSTRUCTION };

void xml_gate_init(struct xml_gate *g)
{
    memset(g, 0, sizeof(*g));
}

static int fault(const struct xml_gate *g, struct errmsg *msg, int err, const char *what)
{
    return err_set(msg, err, "byte %llu: %s", (unsigned long long)g->at, what);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The declaration must not name an encoding other than UTF-8. */
static bool declares_utf8(const char *word)
{
    const char *p = strstr(word, "encoding");

    if (strncmp(word, "xml", 3) != 0 || !is_space(word[3]) || p == NULL) {
        return true;
    }
    p += strlen("encoding");
    p += strspn(p, " \t\r\n=");
    return (*p == '"' || *p == '\'') && strncasecmp(p + 1, "UTF-8", 5) == 0 && p[6] == *p;
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

/* The first byte behind '<'. */
static int begin_markup(struct xml_gate *g, struct errmsg *msg, char c)
{
    g->word_len = 0;
    g->word[0] = '\0';
    g->last[0] = '\0';
    g->last[1] = '\0';
    g->quote = '\0';
    switch (c) {
    case '/':
        g->state = END_TAG;
        return 0;
    case '?':
        g->state = INSTRUCTION;
        return 0;
    case '!':
        g->state = BANG;
        return 0;
    case '>':
    case '<':
        return fault(g, msg, ERR_FORMAT, "an empty tag");
    default:
        g->state = TAG;
        g->tag_bytes = 2;
        g->attributes = 0;
        g->tag_namespaces = 0;
        memset(g->window, 0, sizeof(g->window));
        g->last[1] = c;
        return 0;
    }
}

static int end_start_tag(struct xml_gate *g, struct errmsg *msg)
{
    if (g->depth == XML_GATE_DEPTH) {
        return fault(g, msg, ERR_TOOBIG, "nested deeper than 64 elements");
    }
    if (g->namespaces + g->tag_namespaces > NAMESPACES_MAX) {
        return fault(g, msg, ERR_TOOBIG, "more than 64 namespaces");
    }
    if (g->last[1] != '/') {
        g->namespaces_of[g->depth++] = g->tag_namespaces;
        g->namespaces += g->tag_namespaces;
    }
    g->state = TEXT;
    g->text_bytes = 0;
    return 0;
}

static int in_tag(struct xml_gate *g, struct errmsg *msg, char c)
{
    g->tag_bytes++;
    if (g->tag_bytes > START_TAG_MAX) {
        return fault(g, msg, ERR_TOOBIG, "a start tag is longer than 64 KiB");
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
    } else if (c == '=') {
        g->attributes++;
        if (g->attributes > ATTRIBUTES_MAX) {
            return fault(g, msg, ERR_TOOBIG, "more than 256 attributes");
        }
    }
    memmove(g->window, g->window + 1, sizeof(g->window) - 1);
    g->window[sizeof(g->window) - 1] = c;
    if (g->quote == '\0' && is_space(g->window[0]) && memcmp(g->window + 1, "xmlns", 5) == 0) {
        g->tag_namespaces++;
    }
    g->last[1] = c;
    return 0;
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

/* In a comment, character data or an instruction: each ends with a text of two or three bytes. */
static int in_long(struct xml_gate *g, struct errmsg *msg, char c)
{
    bool ends;
    int err = 0;

    if (g->state == COMMENT) {
        ends = c == '>' && g->last[1] == '-' && g->last[0] == '-';
    } else if (g->state == CDATA) {
        ends = c == '>' && g->last[1] == ']' && g->last[0] == ']';
        err = add_text(g, msg, 1);
    } else {
        ends = c == '>' && g->last[1] == '?';
        note(g, c);
        if (ends && !declares_utf8(g->word)) {
            return fault(g, msg, ERR_FORMAT, "an encoding other than UTF-8");
        }
    }
    g->last[0] = g->last[1];
    g->last[1] = c;
    g->state = ends ? TEXT : g->state;
    return err;
}

static int one_byte(struct xml_gate *g, struct errmsg *msg, char c)
{
    switch (g->state) {
    case OPEN:
        return begin_markup(g, msg, c);
    case TAG:
        return in_tag(g, msg, c);
    case END_TAG:
        return c == '>' ? end_end_tag(g, msg) : 0;
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
    return 0;
}

int xml_gate_push(struct xml_gate *g, const char *bytes, size_t n, struct errmsg *msg)
{
    size_t i = 0;
    int err = 0;

    if (n > 0 && memchr(bytes, '\0', n) != NULL) {
        return fault(g, msg, ERR_FORMAT, "a NUL byte");
    }
    while (i < n && err == 0) {
        size_t step = 1;

        if (!g->any) {
            err = check_first(g, msg, bytes[i]);
            g->state = g->any ? OPEN : TEXT;
        } else if (g->state != TEXT) {
            err = one_byte(g, msg, bytes[i]);
        } else if (bytes[i] == '<') {
            g->state = OPEN;
        } else {
            const char *next = memchr(bytes + i, '<', n - i);

            step = (next != NULL ? (size_t)(next - bytes) : n) - i;
            err = add_text(g, msg, step);
        }
        i += step;
        g->at += step;
    }
    return err;
}
