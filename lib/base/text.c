#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/utf8.h"

#define FOLD_POINTS 1023 /* code points of a short text, decomposed */

/* One code point of text; bytes taken, 0 when it is broken, NUL or beyond the end. */
static size_t next_char(const char *text, size_t n, utf8proc_int32_t *code_point)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t taken;

    if (n == 0 || *p == 0) {
        return 0;
    }
    if (*p < 0x80) {
        *code_point = *p;
        return 1;
    }
    taken = utf8_sequence(text, n);
    *code_point = *p & (0xFF >> (taken + 1));
    for (size_t i = 1; i < taken; i++) {
        *code_point = *code_point << 6 | (p[i] & 0x3F);
    }
    return taken;
}

bool text_is_utf8(const char *bytes, size_t n)
{
    while (n > 0) {
        utf8proc_int32_t code_point;
        size_t taken = next_char(bytes, n, &code_point);

        if (taken == 0) {
            return false;
        }
        bytes += taken;
        n -= taken;
    }
    return true;
}

/* Blocks in which every character is NFC whatever stands beside it, which covers Latin with
 * precomposed Vietnamese letters and common punctuation. Saves most texts the full normalisation.
 */
static bool always_nfc(utf8proc_int32_t c)
{
    return c < 0x300 || (c >= 0x1E00 && c <= 0x1EFF) || (c >= 0x2010 && c <= 0x2027);
}

/* Valid UTF-8, and whether it is surely NFC. */
static bool scan(const char *text, size_t n, bool *surely_nfc)
{
    *surely_nfc = true;
    while (n > 0) {
        utf8proc_int32_t code_point;
        size_t taken = next_char(text, n, &code_point);

        if (taken == 0) {
            return false;
        }
        *surely_nfc = *surely_nfc && always_nfc(code_point);
        text += taken;
        n -= taken;
    }
    return true;
}

int text_nfc(struct arena *a, const char *text, size_t n, const char **out, bool *changed)
{
    utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t len;
    bool surely_nfc;
    int err = 0;

    if (changed != NULL) {
        *changed = false;
    }
    if (!scan(text, n, &surely_nfc)) {
        return ERR_FORMAT;
    }
    *out = text;
    if (surely_nfc) {
        return 0;
    }
    len = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n, &composed,
                       UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (len < 0) {
        return len == UTF8PROC_ERROR_NOMEM ? ERR_NOMEM : ERR_FORMAT;
    }
    if ((size_t)len != n || memcmp(composed, text, n) != 0) {
        *out = arena_strndup(a, (const char *)composed, (size_t)len);
        err = *out != NULL ? 0 : ERR_NOMEM;
        if (changed != NULL) {
            *changed = err == 0;
        }
    }
    free(composed);
    return err;
}

size_t text_length(const char *text)
{
    size_t length = 0;

    for (; *text != '\0'; text++) {
        length += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return length;
}

size_t text_prefix(const char *text, size_t max_chars)
{
    size_t left = strlen(text);
    size_t at = 0;
    size_t boundary = 0;
    size_t chars = 0;
    utf8proc_int32_t previous = 0;
    utf8proc_int32_t state = 0;

    while (left > 0) {
        utf8proc_int32_t code_point;
        size_t taken = next_char(text + at, left, &code_point);

        if (taken == 0) {
            taken = 1;
            code_point = 0xFFFD;
        }
        if (at > 0 && utf8proc_grapheme_break_stateful(previous, code_point, &state)) {
            boundary = at;
        }
        if (chars == max_chars) {
            return boundary;
        }
        chars++;
        at += taken;
        left -= taken;
        previous = code_point;
    }
    return at;
}

/* A folded text. Short ones need no memory, which might not be there: a text that was not compared
 * would be judged as if it were another. */
struct folded {
    utf8proc_int32_t points[FOLD_POINTS + 1]; /* and then its bytes, in place */
    utf8proc_uint8_t *heap;                   /* of a long one */
    const char *text;                         /* terminated */
};

/* Bytes of the text; negative is utf8proc's error. fold_free in any case. */
static utf8proc_ssize_t fold(const char *text, struct folded *f)
{
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD;
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    utf8proc_ssize_t len = (utf8proc_ssize_t)strlen(text);
    utf8proc_ssize_t n = utf8proc_decompose(bytes, len, f->points, FOLD_POINTS, options);

    f->heap = NULL;
    f->text = "";
    if (n >= 0 && n <= FOLD_POINTS) {
        n = utf8proc_reencode(f->points, n, options);
        f->text = (const char *)f->points;
    } else if (n >= 0) {
        n = utf8proc_map(bytes, len, &f->heap, options);
        f->text = (const char *)f->heap;
    }
    return n;
}

static void fold_free(struct folded *f)
{
    free(f->heap);
}

int text_fold(const char *text, char *out, size_t size)
{
    struct folded folded;
    utf8proc_ssize_t len = fold(text, &folded);
    int err = 0;

    if (size > 0) {
        out[0] = '\0';
    }
    if (len < 0) {
        err = len == UTF8PROC_ERROR_NOMEM ? ERR_NOMEM : ERR_FORMAT;
    } else if ((size_t)len < size) {
        memcpy(out, folded.text, (size_t)len + 1);
    } else {
        err = ERR_TOOBIG;
    }
    fold_free(&folded);
    return err;
}

bool text_contains(const char *text, const char *needle)
{
    struct folded folded_text;
    struct folded folded_needle;
    utf8proc_ssize_t text_len = fold(text, &folded_text);
    utf8proc_ssize_t needle_len = fold(needle, &folded_needle);
    bool found =
        text_len >= 0 && needle_len >= 0 && strstr(folded_text.text, folded_needle.text) != NULL;

    fold_free(&folded_text);
    fold_free(&folded_needle);
    return found;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

void text_trim(const char *text, char *out, size_t size)
{
    size_t len;

    if (size == 0) {
        return;
    }
    while (is_space(*text)) {
        text++;
    }
    len = strlen(text);
    while (len > 0 && is_space(text[len - 1])) {
        len--;
    }
    if (len > size - 1) {
        len = size - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) {
            len--; /* never half a character */
        }
    }
    memmove(out, text, len);
    out[len] = '\0';
}

/* Controls, and the marks that turn the reading direction or break lines in a terminal. */
static bool unprintable(utf8proc_int32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xFEFF || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

const char *text_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

void text_printable(const char *text, size_t n, char *out, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    size_t used = 0;

    if (size == 0) {
        return;
    }
    while (n > 0) {
        utf8proc_int32_t code_point;
        size_t taken = next_char(text, n, &code_point);
        bool escape = taken == 0 || unprintable(code_point);

        taken = taken > 0 ? taken : 1;
        if ((escape ? 4 * taken : taken) > size - 1 - used) {
            break;
        }
        for (size_t i = 0; i < taken; i++) {
            unsigned char byte = (unsigned char)text[i];

            if (escape) {
                out[used++] = '\\';
                out[used++] = 'x';
                out[used++] = digits[byte >> 4];
                out[used++] = digits[byte & 15];
            } else {
                out[used++] = text[i];
            }
        }
        text += taken;
        n -= taken;
    }
    out[used] = '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool domain_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-';
}

static bool word_char(char c)
{
    return domain_char(c) || c == '_' || c == '+' || c == '%' || (unsigned char)c >= 0x80;
}

/* Bytes of "@example.vn" at text, 0 when there is none. A full stop that ends the sentence stays.
 */
static size_t domain_length(const char *text)
{
    size_t n = 1;

    if (*text != '@') {
        return 0;
    }
    while (domain_char(text[n])) {
        n++;
    }
    while (n > 1 && (text[n - 1] == '.' || text[n - 1] == '-')) {
        n--;
    }
    return n > 1 ? n : 0;
}

/* Nine digits: the old identity card; twelve: the new one; ten: phones. No part of a code is longer
 * than eight. */
#define PERSONAL_DIGITS 9

/* Copies n bytes to out, long digit runs masked; returns the bytes written, never more than n. */
static size_t mask_digits(const char *text, size_t n, char *out)
{
    size_t used = 0;
    size_t at = 0;

    while (at < n) {
        size_t run = 0;

        while (at + run < n && is_digit(text[at + run])) {
            run++;
        }
        if (run >= PERSONAL_DIGITS) {
            memcpy(out + used, "***", 3);
            used += 3;
        } else {
            run = run > 0 ? run : 1;
            memmove(out + used, text + at, run);
            used += run;
        }
        at += run;
    }
    return used;
}

void text_mask_personal(char *text)
{
    size_t used = 0;
    size_t at = 0;

    while (text[at] != '\0') {
        size_t word = 0;
        size_t domain;

        while (word_char(text[at + word])) {
            word++;
        }
        domain = word > 0 ? domain_length(text + at + word) : 0;
        if (domain > 0) {
            memcpy(text + used, "***", 3);
            used += 3;
            at += word + domain;
        } else if (word > 0) {
            used += mask_digits(text + at, word, text + used);
            at += word;
        } else {
            text[used++] = text[at++];
        }
    }
    text[used] = '\0';
}
