#include "codec/xml_front.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "codec/xml.h"

#define DEPTH_MAX 64
#define START_TAG_MAX (64u << 10) /* bytes */
#define TEXT_MAX (1u << 20)       /* bytes between two tags, as they stand in the document */
/* libxml2 compares each attribute of a tag with all others, and looks namespaces up one by one: 64
 * KiB of either, in every tag of a large document, would cost minutes. */
#define ATTRIBUTES_MAX 256
#define NAMESPACES_MAX 64       /* declared on an element and its ancestors */
#define ELEMENTS_MAX (1u << 20) /* an element of 4 bytes costs 120 in the tree */

struct scan {
    const char *bytes;
    const char *end;
    const char *p;
    struct errmsg *msg;
    size_t text_bytes; /* since the last tag */
    size_t elements;
    unsigned depth;
    unsigned namespaces;               /* declared on all open elements */
    unsigned namespaces_of[DEPTH_MAX]; /* declared on each of them */
};

static int fault(const struct scan *s, int err, const char *what)
{
    size_t line = 1;
    const char *p = s->bytes;

    for (;;) {
        p = memchr(p, '\n', (size_t)(s->p - p));
        if (p == NULL) {
            return err_set(s->msg, err, "line %zu: %s", line, what);
        }
        line++;
        p++;
    }
}

static bool looking_at(const struct scan *s, const char *text)
{
    size_t n = strlen(text);

    return (size_t)(s->end - s->p) >= n && memcmp(s->p, text, n) == 0;
}

/* Steps over something that begins with open and ends with close; *inside is what stands between.
 */
static int skip_to(struct scan *s, const char *open, const char *close, size_t *inside)
{
    const char *from = s->p + strlen(open);
    const char *at = memmem(from, (size_t)(s->end - from), close, strlen(close));

    if (at == NULL) {
        return fault(s, ERR_FORMAT, "the document ends too early");
    }
    *inside = (size_t)(at - from);
    s->p = at + strlen(close);
    return 0;
}

static int add_text(struct scan *s, size_t n)
{
    s->text_bytes += n;
    return s->text_bytes > TEXT_MAX ? fault(s, ERR_TOOBIG, "a text is longer than 1 MiB") : 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct start_tag {
    const char *close; /* its '>' */
    unsigned attributes;
    unsigned namespaces;
    bool empty; /* "/>" */
};

/* Finds the end of the start tag at s->p. '>' may stand inside quotes, '<' nowhere. */
static int measure_tag(struct scan *s, struct start_tag *tag)
{
    const char *limit = s->end - s->p > START_TAG_MAX ? s->p + START_TAG_MAX : s->end;
    char quote = '\0';

    memset(tag, 0, sizeof(*tag));
    for (const char *p = s->p + 1; p < limit; p++) {
        if (*p == '<') {
            return fault(s, ERR_FORMAT, "'<' inside a tag");
        }
        if (quote != '\0') {
            quote = *p == quote ? '\0' : quote;
        } else if (*p == '"' || *p == '\'') {
            quote = *p;
        } else if (*p == '=') {
            tag->attributes++;
        } else if (is_space(*p) && limit - p > 5 && memcmp(p + 1, "xmlns", 5) == 0) {
            tag->namespaces++;
        } else if (*p == '>') {
            tag->close = p;
            tag->empty = p[-1] == '/';
            return 0;
        }
    }
    return limit == s->end ? fault(s, ERR_FORMAT, "the document ends too early")
                           : fault(s, ERR_TOOBIG, "a start tag is longer than 64 KiB");
}

static int scan_start_tag(struct scan *s)
{
    struct start_tag tag;
    int rc = measure_tag(s, &tag);

    if (rc < 0) {
        return rc;
    }
    if (s->depth == DEPTH_MAX) {
        return fault(s, ERR_TOOBIG, "nested deeper than 64 elements");
    }
    if (tag.attributes > ATTRIBUTES_MAX) {
        return fault(s, ERR_TOOBIG, "more than 256 attributes");
    }
    if (s->namespaces + tag.namespaces > NAMESPACES_MAX) {
        return fault(s, ERR_TOOBIG, "more than 64 namespaces");
    }
    s->elements++;
    if (s->elements > ELEMENTS_MAX) {
        return fault(s, ERR_TOOBIG, "too many elements");
    }
    if (!tag.empty) {
        s->namespaces_of[s->depth] = tag.namespaces;
        s->namespaces += tag.namespaces;
        s->depth++;
    }
    s->text_bytes = 0;
    s->p = tag.close + 1;
    return 0;
}

static int scan_end_tag(struct scan *s)
{
    size_t inside;

    if (s->depth == 0) {
        return fault(s, ERR_FORMAT, "an end tag without its start");
    }
    s->depth--;
    s->namespaces -= s->namespaces_of[s->depth];
    s->text_bytes = 0;
    return skip_to(s, "</", ">", &inside);
}

static int scan_markup(struct scan *s)
{
    size_t inside = 0;
    int rc;

    if (looking_at(s, "</")) {
        return scan_end_tag(s);
    }
    if (looking_at(s, "<?")) {
        return skip_to(s, "<?", "?>", &inside);
    }
    if (looking_at(s, "<!--")) {
        return skip_to(s, "<!--", "-->", &inside);
    }
    if (looking_at(s, "<![CDATA[")) {
        rc = skip_to(s, "<![CDATA[", "]]>", &inside);
        return rc < 0 ? rc : add_text(s, inside);
    }
    if (looking_at(s, "<!")) {
        return fault(s, ERR_FORMAT, "a DOCTYPE is not accepted");
    }
    return scan_start_tag(s);
}

static int scan_document(struct scan *s)
{
    int rc = 0;

    while (s->p < s->end && rc == 0) {
        const char *next = memchr(s->p, '<', (size_t)(s->end - s->p));

        if (next == NULL) {
            next = s->end;
        }
        rc = add_text(s, (size_t)(next - s->p));
        s->p = next;
        if (rc == 0 && s->p < s->end) {
            rc = scan_markup(s);
        }
    }
    return rc;
}

/* The XML declaration, if there is one, must not name an encoding other than UTF-8. */
static int scan_declaration(struct scan *s)
{
    const char *p = s->p + strlen("<?xml");
    const char *end;

    if (!looking_at(s, "<?xml") || p >= s->end || !is_space(*p)) {
        return 0;
    }
    end = memmem(p, (size_t)(s->end - p), "?>", 2);
    while (end != NULL && p < end) {
        const char *name;
        const char *value;
        size_t name_len;
        char quote;

        while (p < end && is_space(*p)) {
            p++;
        }
        name = p;
        while (p < end && !is_space(*p) && *p != '=') {
            p++;
        }
        name_len = (size_t)(p - name);
        while (p < end && (is_space(*p) || *p == '=')) {
            p++;
        }
        if (p == end || (*p != '"' && *p != '\'')) {
            break; /* libxml2 judges the rest */
        }
        quote = *p++;
        value = p;
        while (p < end && *p != quote) {
            p++;
        }
        if (name_len == 8 && memcmp(name, "encoding", 8) == 0 &&
            (p - value != 5 || strncasecmp(value, "UTF-8", 5) != 0)) {
            return fault(s, ERR_FORMAT, "an encoding other than UTF-8");
        }
        p += p < end;
    }
    return 0;
}

int xml_front_check(const char *bytes, size_t n, struct errmsg *msg)
{
    struct scan scan = {.bytes = bytes, .end = bytes + n, .p = bytes, .msg = msg};
    int rc;

    if (n == 0) {
        return err_set(msg, ERR_FORMAT, "line 1: the document is empty");
    }
    if (n > XML_DOCUMENT_MAX) {
        return err_set(msg, ERR_TOOBIG, "the document is longer than %u bytes", XML_DOCUMENT_MAX);
    }
    scan.p += n >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    rc = scan_declaration(&scan);
    if (rc == 0 && !text_is_utf8(bytes, n)) {
        rc = err_set(msg, ERR_FORMAT, "not UTF-8, or with a NUL byte");
    }
    return rc == 0 ? scan_document(&scan) : rc;
}
