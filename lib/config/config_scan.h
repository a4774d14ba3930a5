/* config_scan: the words of a configuration text, before libconfuse sees it.
 *
 * libconfuse accepts an unclosed section, expands ${...}, eats characters that it does not know and
 * takes strings over several lines. The guard refuses all that, and blanks comments, so that the
 * library meets only texts on which it and this scanner agree. */
#ifndef CONFIG_CONFIG_SCAN_H
#define CONFIG_CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

enum scan_kind {
    SCAN_END,
    SCAN_WORD,
    SCAN_STRING, /* start and end hold the quotes */
    SCAN_OPEN,
    SCAN_CLOSE,
    SCAN_EQUALS,
    SCAN_COMMA,
    SCAN_BAD /* why says what; it reaches to the end of its line */
};

struct scan {
    const char *text; /* borrowed */
    size_t len;
    size_t at;
    unsigned line;
};

struct scan_token {
    enum scan_kind kind;
    size_t start, end;
    unsigned line;
    const char *why; /* SCAN_BAD */
};

void scan_init(struct scan *s, const char *text, size_t len);
struct scan_token scan_next(struct scan *s);
/* The token's text without quotes and escapes, cut at size-1 bytes. */
void scan_copy(const struct scan *s, const struct scan_token *token, char *out, size_t size);

typedef void scan_fault_fn(void *ctx, unsigned line, const char *what);

/* Looks at the whole text, reports each faulty line once and blanks it, blanks comments. Returns
 * false when sections can't be told apart any more (braces): the text is of no further use. */
bool scan_guard(char *text, size_t len, scan_fault_fn *fault, void *ctx);

/* Makes spaces of the line on which a parser stopped, without upsetting the balance of braces: a
 * section or list opened there goes with all it holds, a brace that closes stays, and when only
 * such a brace stands there the line before goes instead. word (may be NULL) is looked for upwards.
 * Returns the line that was blanked, 0 when nothing was left to blank; *whole tells that more than
 * one "key = value" went. */
unsigned scan_blank(char *text, size_t len, unsigned line, const char *word, bool *whole);

#endif
