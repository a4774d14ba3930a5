#include "codec/pdf.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define HEADER_BYTES ((size_t)1024) /* readers look so far for "%PDF-" */
#define NUMBER_MAX ((uint64_t)1 << 40)

static const char blanks[] = " \t\r\n\f";

struct scan {
    const char *bytes;
    size_t n;
};

static const char *find(const struct scan *s, size_t from, const char *what)
{
    return from < s->n ? memmem(s->bytes + from, s->n - from, what, strlen(what)) : NULL;
}

static size_t skip_blanks(const struct scan *s, size_t at)
{
    while (at < s->n && s->bytes[at] != '\0' && strchr(blanks, s->bytes[at]) != NULL) {
        at++;
    }
    return at;
}

/* The next number behind blanks; false when there is none. */
static bool read_number(const struct scan *s, size_t *at, uint64_t *out)
{
    size_t first = *at = skip_blanks(s, *at);

    *out = 0;
    while (*at < s->n && s->bytes[*at] >= '0' && s->bytes[*at] <= '9' && *out < NUMBER_MAX) {
        *out = *out * 10 + (uint64_t)(s->bytes[*at] - '0');
        (*at)++;
    }
    return *at > first;
}

/* Between the two ranges stands the signature, in hex, and it is not the empty place of one. */
static bool holds_signature(const struct scan *s, size_t from, size_t to)
{
    bool any = false;

    if (to <= from + 2 || to > s->n || s->bytes[from] != '<' || s->bytes[to - 1] != '>') {
        return false;
    }
    for (size_t i = from + 1; i < to - 1; i++) {
        if (strchr("0123456789abcdefABCDEF", s->bytes[i]) == NULL &&
            strchr(blanks, s->bytes[i]) == NULL) {
            return false;
        }
        any = any || (s->bytes[i] != '0' && strchr(blanks, s->bytes[i]) == NULL);
    }
    return any;
}

/* The byte range behind "/ByteRange" at `at`: [0 B C D]. */
static enum pdf_signature look_at(const struct scan *s, size_t at)
{
    uint64_t range[4] = {0};
    uint64_t end;

    at = skip_blanks(s, at);
    if (at >= s->n || s->bytes[at] != '[') {
        return PDF_NONE;
    }
    at++;
    for (size_t i = 0; i < 4; i++) {
        if (!read_number(s, &at, &range[i])) {
            return PDF_NONE;
        }
    }
    end = range[2] + range[3];
    if (range[0] != 0 || range[1] == 0 || range[2] <= range[1] || end > s->n ||
        !holds_signature(s, (size_t)range[1], (size_t)range[2])) {
        return PDF_NONE;
    }
    /* Blanks at the end are nothing that was added. */
    return skip_blanks(s, (size_t)end) == s->n ? PDF_WHOLE : PDF_PARTIAL;
}

enum pdf_signature pdf_signature_look(const char *bytes, size_t n)
{
    static const char key[] = "/ByteRange";
    const struct scan s = {bytes, n};
    const struct scan front = {bytes, n < HEADER_BYTES ? n : HEADER_BYTES};
    enum pdf_signature best = PDF_NONE;

    if (find(&front, 0, "%PDF-") == NULL) {
        return PDF_NO_PDF;
    }
    if (find(&s, 0, "/Sig") == NULL) {
        return PDF_NONE;
    }
    for (const char *at = find(&s, 0, key); at != NULL && best != PDF_WHOLE;
         at = find(&s, (size_t)(at - bytes) + 1, key)) {
        enum pdf_signature seen = look_at(&s, (size_t)(at - bytes) + strlen(key));

        best = seen > best ? seen : best;
    }
    return best;
}
