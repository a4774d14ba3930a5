#include "codec/json_front.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "codec/json.h"
#include "codec/json_keys.h"

#define NUMBER_MAX 63 /* cJSON reads no more characters of a number */
#define INTEGER_LIMIT (UINT64_C(1) << 53)
#define INTEGER_DIGITS 16 /* of INTEGER_LIMIT */
/* A value of two bytes costs 80 in cJSON's tree. What systems send has 20 bytes a value and more.
 */
#define VALUES_ALWAYS 65536
#define BYTES_A_VALUE 16 /* at least, of those beyond */

struct front {
    const unsigned char *bytes; /* borrowed */
    const unsigned char *end;
    const unsigned char *p; /* next byte to look at */
    struct errmsg *msg;
    struct json_keys keys;
    size_t values, values_max;
};

static int fault_at(const struct front *f, int err, size_t at, const char *what)
{
    return err_set(f->msg, err, "byte %zu: %s", at, what);
}

static int fault(const struct front *f, const char *what)
{
    const char *words = f->p < f->end ? what : "the document ends too early";

    return fault_at(f, ERR_FORMAT, (size_t)(f->p - f->bytes), words);
}

/* The next byte, -1 at the end. */
static int peek(const struct front *f)
{
    return f->p < f->end ? *f->p : -1;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static void skip_space(struct front *f)
{
    while (f->p < f->end && (*f->p == ' ' || *f->p == '\n' || *f->p == '\r' || *f->p == '\t')) {
        f->p++;
    }
}

static int hex_digit(unsigned char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four hex digits of a \u escape, -1 when they are not there. */
static long hex4(const unsigned char *p, const unsigned char *end)
{
    long unit = 0;

    if (end - p < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);

        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

/* The escape at f->p, which stands on the backslash. */
static int check_escape(struct front *f)
{
    const unsigned char *p = f->p;
    long unit;

    if (f->end - p < 2) {
        f->p = f->end;
        return fault(f, "");
    }
    if (p[1] != 'u') {
        if (p[1] == '\0' || strchr("\"\\/bfnrt", p[1]) == NULL) {
            return fault(f, "unknown escape");
        }
        f->p += 2;
        return 0;
    }
    unit = hex4(p + 2, f->end);
    if (unit < 0) {
        return fault(f, "\\u needs four hex digits");
    }
    if (unit == 0) {
        return fault(f, "\\u0000 is not allowed");
    }
    f->p += 6;
    if (unit < 0xD800 || unit > 0xDFFF) {
        return 0;
    }
    unit = unit <= 0xDBFF && f->end - f->p >= 6 && f->p[0] == '\\' && f->p[1] == 'u'
               ? hex4(f->p + 2, f->end)
               : -1;
    if (unit < 0xDC00 || unit > 0xDFFF) {
        f->p = p;
        return fault(f, "half a surrogate pair");
    }
    f->p += 6;
    return 0;
}

/* A string; f->p stands on its quote and ends behind the other one. */
static int check_string(struct front *f, bool *escaped)
{
    int rc;

    *escaped = false;
    f->p++;
    while (f->p < f->end) {
        size_t n;

        if (f->end - f->p >= 8) {
            n = utf8_plain_in(utf8_word(f->p));
            f->p += n;
            if (n == 8) {
                continue;
            }
        }
        if (*f->p == '"') {
            f->p++;
            return 0;
        }
        if (*f->p == '\\') {
            *escaped = true;
            rc = check_escape(f);
            if (rc < 0) {
                return rc;
            }
            continue;
        }
        if (*f->p < 0x20) {
            return fault(f, *f->p == 0 ? "NUL byte" : "control character in a string");
        }
        n = *f->p < 0x80 ? 1 : utf8_sequence(f->p, (size_t)(f->end - f->p));
        if (n == 0) {
            return fault(f, "not UTF-8");
        }
        f->p += n;
    }
    return fault(f, "");
}

/* What grammar can't see of a number with fraction or exponent: is the double that it stands for
 * finite, not a rounding to zero, and not a rounding to 2^53. */
static int check_real(struct front *f, const unsigned char *start, bool any_digit)
{
    char text[NUMBER_MAX + 1];
    size_t n = (size_t)(f->p - start);
    double value;

    memcpy(text, start, n);
    text[n] = '\0';
    value = strtod(text, NULL);
    if (!isfinite(value) || (any_digit && fpclassify(value) == FP_ZERO) ||
        (value >= (double)INTEGER_LIMIT && value <= (double)INTEGER_LIMIT) ||
        (value <= -(double)INTEGER_LIMIT && value >= -(double)INTEGER_LIMIT)) {
        return fault_at(f, ERR_FORMAT, (size_t)(start - f->bytes), "number out of range");
    }
    return 0;
}

/* Digits from f->p on, at least one; *value is kept while it fits, *nonzero tells of any digit but
 * 0. */
static int check_digits(struct front *f, uint64_t *value, bool *nonzero)
{
    const unsigned char *start = f->p;

    while (f->p < f->end && is_digit(*f->p)) {
        *nonzero = *nonzero || *f->p != '0';
        if (f->p - start < INTEGER_DIGITS) {
            *value = *value * 10 + (uint64_t)(*f->p - '0');
        }
        f->p++;
    }
    return f->p > start ? 0 : fault(f, "a digit is missing");
}

static int check_number(struct front *f)
{
    const unsigned char *start = f->p;
    const unsigned char *digits;
    uint64_t value = 0;
    uint64_t unused = 0;
    bool nonzero = false;
    bool ignored = false;
    bool real = false;
    int rc;

    f->p += *f->p == '-';
    digits = f->p;
    rc = check_digits(f, &value, &nonzero);
    if (rc == 0 && *digits == '0' && f->p - digits > 1) {
        f->p = digits;
        return fault(f, "number with a leading zero");
    }
    if (rc == 0 && f->p - digits > INTEGER_DIGITS) {
        value = UINT64_MAX;
    }
    if (rc == 0 && peek(f) == '.') {
        real = true;
        f->p++;
        rc = check_digits(f, &unused, &nonzero);
    }
    if (rc == 0 && (peek(f) | 0x20) == 'e') {
        real = true;
        f->p++;
        f->p += peek(f) == '+' || peek(f) == '-';
        rc = check_digits(f, &unused, &ignored);
    }
    if (rc < 0) {
        return rc;
    }
    if (f->p - start > NUMBER_MAX) {
        return fault_at(f, ERR_FORMAT, (size_t)(start - f->bytes), "number too long");
    }
    if (!real && value > INTEGER_LIMIT) {
        return fault_at(f, ERR_FORMAT, (size_t)(start - f->bytes), "integer beyond 2^53");
    }
    return real ? check_real(f, start, nonzero) : 0;
}

static int check_word(struct front *f, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(f->end - f->p) < n) {
        /* A cut word and a wrong one are told apart for the reader of the message only. */
        n = (size_t)(f->end - f->p);
        if (memcmp(f->p, word, n) == 0) {
            f->p = f->end;
        }
        return fault(f, "unknown word");
    }
    if (memcmp(f->p, word, n) != 0) {
        return fault(f, "unknown word");
    }
    f->p += n;
    return 0;
}

static int check_key(struct front *f)
{
    const unsigned char *start = f->p;
    bool escaped;
    int rc;

    if (peek(f) != '"') {
        return fault(f, "a key is missing");
    }
    rc = check_string(f, &escaped);
    if (rc < 0) {
        return rc;
    }
    rc = json_keys_push(&f->keys, (const char *)start + 1, (size_t)(f->p - start) - 2, escaped,
                        (size_t)(start - f->bytes));
    return rc < 0 ? err_set(f->msg, rc, "%s", err_text(rc)) : 0;
}

/* The end of the object whose first key has this index. */
static int close_object(struct front *f, size_t first)
{
    size_t at = 0;
    int rc;

    f->p++;
    rc = json_keys_close(&f->keys, first, &at);
    return rc < 0 ? fault_at(f, ERR_FORMAT, at, "repeated key") : 0;
}

static int check_value(struct front *f, unsigned depth);

static int check_object(struct front *f, unsigned depth)
{
    size_t first = f->keys.n;
    int rc;

    f->p++;
    skip_space(f);
    if (peek(f) == '}') {
        f->p++;
        return 0;
    }
    for (;;) {
        rc = check_key(f);
        if (rc < 0) {
            return rc;
        }
        skip_space(f);
        if (peek(f) != ':') {
            return fault(f, "':' expected");
        }
        f->p++;
        rc = check_value(f, depth);
        if (rc < 0) {
            return rc;
        }
        if (peek(f) != ',') {
            break;
        }
        f->p++;
        skip_space(f);
    }
    if (peek(f) != '}') {
        return fault(f, "',' or '}' expected");
    }
    return close_object(f, first);
}

static int check_array(struct front *f, unsigned depth)
{
    int rc;

    f->p++;
    skip_space(f);
    if (peek(f) == ']') {
        f->p++;
        return 0;
    }
    for (;;) {
        rc = check_value(f, depth);
        if (rc < 0) {
            return rc;
        }
        if (peek(f) != ',') {
            break;
        }
        f->p++;
    }
    if (peek(f) != ']') {
        return fault(f, "',' or ']' expected");
    }
    f->p++;
    return 0;
}

/* A value inside depth open objects and arrays, with the white space round it. Recursion is at most
 * JSON_DEPTH_MAX deep. */
static int check_value(struct front *f, unsigned depth)
{
    bool escaped;
    int rc;

    skip_space(f);
    f->values++;
    if (f->values > f->values_max) {
        return fault_at(f, ERR_TOOBIG, (size_t)(f->p - f->bytes), "too many values");
    }
    switch (peek(f)) {
    case '{':
    case '[':
        if (depth == JSON_DEPTH_MAX) {
            return fault_at(f, ERR_TOOBIG, (size_t)(f->p - f->bytes), "nested too deep");
        }
        rc = *f->p == '{' ? check_object(f, depth + 1) : check_array(f, depth + 1);
        break;
    case '"':
        rc = check_string(f, &escaped);
        break;
    case 't':
        rc = check_word(f, "true");
        break;
    case 'f':
        rc = check_word(f, "false");
        break;
    case 'n':
        rc = check_word(f, "null");
        break;
    default:
        rc = peek(f) == '-' || is_digit(peek(f)) ? check_number(f) : fault(f, "a value is missing");
    }
    skip_space(f);
    return rc;
}

int json_front_check(const char *bytes, size_t n, size_t *skip, struct errmsg *msg)
{
    struct front f;
    int rc;

    *skip = n >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    f.bytes = (const unsigned char *)bytes;
    f.end = f.bytes + n;
    f.p = f.bytes + *skip;
    f.msg = msg;
    f.values = 0;
    f.values_max = VALUES_ALWAYS + n / BYTES_A_VALUE;
    json_keys_init(&f.keys);
    rc = check_value(&f, 0);
    if (rc == 0 && f.p < f.end) {
        rc = fault(&f, "bytes after the end of the document");
    }
    json_keys_free(&f.keys);
    return rc;
}
