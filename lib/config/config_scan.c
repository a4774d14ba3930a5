#include "config/config_scan.h"

#include <string.h>

#include "base/text.h"
#include "config/config_impl.h"

#define BOM "\xEF\xBB\xBF"
#define NBSP "\xC2\xA0"

void scan_init(struct scan *s, const char *text, size_t len)
{
    s->text = text;
    s->len = len;
    s->at = 0;
    s->line = 1;
}

/* What may stand in a value without quotes. */
static bool word_char(char c)
{
    return c > ' ' && c < 0x7F && strchr("\"'#={}(),*+\\", c) == NULL;
}

static void skip_blank(struct scan *s)
{
    while (s->at < s->len) {
        char c = s->text[s->at];

        if (c == '#') {
            while (s->at < s->len && s->text[s->at] != '\n') {
                s->at++;
            }
        } else if (c == '\n') {
            s->line++;
            s->at++;
        } else if (c == ' ' || c == '\t') {
            s->at++;
        } else {
            return;
        }
    }
}

static size_t line_end(const char *text, size_t len, size_t at)
{
    while (at < len && text[at] != '\n') {
        at++;
    }
    return at;
}

static void bad(struct scan *s, struct scan_token *token, const char *why)
{
    token->kind = SCAN_BAD;
    token->why = why;
    s->at = line_end(s->text, s->len, token->start);
}

static void scan_string(struct scan *s, struct scan_token *token)
{
    token->kind = SCAN_STRING;
    s->at++;
    while (s->at < s->len && s->text[s->at] != '\n') {
        char c = s->text[s->at++];

        if (c == '"') {
            return;
        }
        if (c == '$' && s->at < s->len && s->text[s->at] == '{') {
            bad(s, token, "\"${\" is not allowed; write the value itself");
            return;
        }
        if (c == '\\') {
            if (s->at >= s->len || (s->text[s->at] != '"' && s->text[s->at] != '\\')) {
                bad(s, token, "unknown escape in a string; only \\\" and \\\\ are known");
                return;
            }
            s->at++;
        }
    }
    bad(s, token, "a string is not closed; it must end on its line with \"");
}

static void scan_word(struct scan *s, struct scan_token *token)
{
    const char *at = s->text + s->at;

    token->kind = SCAN_WORD;
    if (strncmp(at, "//", 2) == 0 || strncmp(at, "/*", 2) == 0) {
        bad(s, token, "a comment begins with #");
        return;
    }
    while (s->at < s->len && word_char(s->text[s->at])) {
        s->at++;
    }
    token->end = s->at;
    if (s->text[s->at - 1] == '$' && s->at < s->len && s->text[s->at] == '{') {
        bad(s, token, "\"${\" is not allowed; write the value itself");
    } else if (memmem(at, token->end - token->start, "//", 2) != NULL) {
        bad(s, token, "a value with // must stand in double quotes");
    }
}

static void scan_odd(struct scan *s, struct scan_token *token)
{
    const char *at = s->text + s->at;

    if (strncmp(at, NBSP, 2) == 0) {
        bad(s, token, "a no-break space; use a plain space");
    } else if ((unsigned char)*at >= 0x80) {
        bad(s, token, "a character that is not ASCII outside of a string; use double quotes");
    } else if (*at == '\'') {
        bad(s, token, "a single quote; strings stand in double quotes");
    } else if (*at == '+') {
        bad(s, token, "+ is not known here; give the whole list with =");
    } else {
        bad(s, token, "a character that is not allowed outside of a string; use double quotes");
    }
}

struct scan_token scan_next(struct scan *s)
{
    static const char signs[] = "{}=,";
    static const enum scan_kind kinds[] = {SCAN_OPEN, SCAN_CLOSE, SCAN_EQUALS, SCAN_COMMA};
    struct scan_token token = {.kind = SCAN_END};
    const char *sign;

    skip_blank(s);
    token.start = s->at;
    token.line = s->line;
    if (s->at < s->len) {
        sign = strchr(signs, s->text[s->at]);
        if (sign != NULL && *sign != '\0') {
            token.kind = kinds[sign - signs];
            s->at++;
        } else if (s->text[s->at] == '"') {
            scan_string(s, &token);
        } else if (word_char(s->text[s->at])) {
            scan_word(s, &token);
        } else {
            scan_odd(s, &token);
        }
    }
    token.end = s->at;
    return token;
}

void scan_copy(const struct scan *s, const struct scan_token *token, char *out, size_t size)
{
    size_t n = 0;
    bool quoted = token->kind == SCAN_STRING;
    size_t end = quoted ? token->end - 1 : token->end;

    for (size_t i = quoted ? token->start + 1 : token->start; i < end && n + 1 < size; i++) {
        if (quoted && s->text[i] == '\\') {
            i++;
        }
        out[n++] = s->text[i];
    }
    out[n] = '\0';
}

static void blank(char *text, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (text[i] != '\n') {
            text[i] = ' ';
        }
    }
}

/* What is wrong with the bytes of a line; NULL when nothing. */
static const char *line_fault(const char *line, size_t n)
{
    if (n > CONFIG_MAX_LINE_BYTES) {
        return "the line is too long; at most 4096 bytes are allowed";
    }
    for (size_t i = 0; i < n; i++) {
        if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7F) {
            return line[i] == '\0' ? "a NUL byte; this must be a text file"
                                   : "a control character; this must be a text file";
        }
    }
    return text_is_utf8(line, n) ? NULL : "not UTF-8; save the file in this encoding";
}

/* Whether a line may go without upsetting sections. Braces in strings count too, which errs to
 * "no". */
static bool balanced(const char *text, size_t start, size_t end)
{
    size_t open = 0;
    size_t closed = 0;

    for (size_t i = start; i < end; i++) {
        open += text[i] == '{';
        closed += text[i] == '}';
    }
    return open == closed;
}

/* Lines as bytes. CR before LF is how some editors end a line and becomes a space. */
static bool guard_bytes(char *text, size_t len, scan_fault_fn *fault, void *ctx)
{
    unsigned line = 1;
    bool whole = true;

    if (len >= 3 && memcmp(text, BOM, 3) == 0) {
        fault(ctx, 1, "a byte order mark; save the file as UTF-8 without it");
        blank(text, 0, 3);
    }
    for (size_t start = 0; start < len; line++) {
        size_t end = line_end(text, len, start);
        const char *why;

        if (end > start && text[end - 1] == '\r') {
            text[end - 1] = ' ';
        }
        why = line_fault(text + start, end - start);
        if (why != NULL) {
            whole = whole && balanced(text, start, end);
            fault(ctx, line, why);
            blank(text, start, end);
        }
        start = end + 1;
    }
    return whole;
}

#define MAX_DEPTH 8

/* Braces of the whole text: where each open one stands. */
struct braces {
    unsigned depth;
    unsigned lines[MAX_DEPTH];
    bool broken;
};

static void count_brace(struct braces *b, const struct scan_token *token, scan_fault_fn *fault,
                        void *ctx)
{
    if (token->kind == SCAN_OPEN) {
        if (b->depth < MAX_DEPTH) {
            b->lines[b->depth] = token->line;
        }
        b->depth++;
    } else if (token->kind == SCAN_CLOSE) {
        if (b->depth == 0) {
            b->broken = true;
            fault(ctx, token->line, "} closes nothing; there is one too many");
        } else {
            b->depth--;
        }
    }
}

static void report_open(struct braces *b, scan_fault_fn *fault, void *ctx)
{
    while (b->depth > 0) {
        b->depth--;
        b->broken = true;
        if (b->depth < MAX_DEPTH) {
            fault(ctx, b->lines[b->depth], "{ is never closed; a } is missing");
        }
    }
}

/* The line of a bad token goes; false when sections are lost with it. */
static bool drop_line(char *text, const struct scan_token *token)
{
    size_t start = token->start;
    bool whole;

    while (start > 0 && text[start - 1] != '\n') {
        start--;
    }
    whole = balanced(text, start, token->end);
    blank(text, start, token->end);
    return whole;
}

bool scan_guard(char *text, size_t len, scan_fault_fn *fault, void *ctx)
{
    struct braces braces = {0};
    struct scan s;
    struct scan_token token;
    size_t done = 0;
    unsigned line = 0;
    unsigned depth = 0; /* where line begins */
    bool whole = guard_bytes(text, len, fault, ctx);

    scan_init(&s, text, len);
    do {
        token = scan_next(&s);
        blank(text, done, token.start); /* comments */
        done = token.end;
        if (token.line != line) {
            line = token.line;
            depth = braces.depth;
        }
        if (whole) {
            count_brace(&braces, &token, fault, ctx);
        }
        if (token.kind == SCAN_BAD) {
            fault(ctx, token.line, token.why);
            whole = drop_line(text, &token) && whole;
            braces.depth = depth;
        }
    } while (token.kind != SCAN_END);
    if (whole) {
        report_open(&braces, fault, ctx);
    }
    return whole && !braces.broken;
}

/* Where a line begins; the last line's when there are fewer. */
static size_t line_start(const char *text, size_t len, unsigned line)
{
    size_t start = 0;

    for (unsigned i = 1; i < line; i++) {
        size_t end = line_end(text, len, start);

        if (end >= len) {
            break;
        }
        start = end + 1;
    }
    return start;
}

/* From a line's beginning to that of the line before. */
static size_t line_before(const char *text, size_t start)
{
    start--;
    while (start > 0 && text[start - 1] != '\n') {
        start--;
    }
    return start;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool line_has_word(const char *text, size_t len, size_t start, const char *word)
{
    size_t n = strlen(word);
    size_t end = line_end(text, len, start);

    for (size_t at = start; n > 0 && at + n <= end; at++) {
        if (memcmp(text + at, word, n) == 0 && (at == start || !name_char(text[at - 1])) &&
            (at + n == end || !name_char(text[at + n]))) {
            return true;
        }
    }
    return false;
}

/* Blanks one line as scan_blank says; false when nothing but closing braces (or nothing) stood on
 * it. */
static bool blank_line(char *text, size_t len, size_t start, bool *whole)
{
    size_t end = line_end(text, len, start);
    struct scan s;
    struct scan_token token;
    unsigned depth = 0;
    unsigned equals = 0;
    bool opened = false;
    bool any = false;

    scan_init(&s, text, len);
    s.at = start;
    /* A { that begins a later line belongs to the word before it. */
    for (token = scan_next(&s); token.kind != SCAN_END && (token.start < end || depth > 0 ||
                                                           (any && token.kind == SCAN_OPEN));
         token = scan_next(&s)) {
        if (token.kind == SCAN_CLOSE && depth == 0) {
            continue;
        }
        opened = opened || token.kind == SCAN_OPEN;
        equals += token.kind == SCAN_EQUALS;
        depth += token.kind == SCAN_OPEN;
        depth -= token.kind == SCAN_CLOSE;
        blank(text, token.start, token.end);
        any = true;
    }
    *whole = any && (opened || equals != 1);
    return any;
}

unsigned scan_blank(char *text, size_t len, unsigned line, const char *word, bool *whole)
{
    size_t start = line_start(text, len, line);
    size_t at = start;
    unsigned up = line;

    if (word != NULL) {
        /* A parser names a line too late when it needed the next word to see the fault. */
        while (at > 0 && !line_has_word(text, len, at, word)) {
            at = line_before(text, at);
            up--;
        }
        if (line_has_word(text, len, at, word)) {
            start = at;
            line = up;
        }
    }
    while (!blank_line(text, len, start, whole)) {
        if (start == 0) {
            return 0;
        }
        start = line_before(text, start);
        line--;
    }
    return line;
}
