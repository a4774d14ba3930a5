/* utf8: how far bytes are plain text or well-formed UTF-8; the inner loops of reading and writing
 * text. Pure, any thread. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define UTF8_EVERY_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* How many of the 8 bytes at p, from the first, are plain: ASCII, no control, neither quote nor
 * backslash. The classic bit tricks: a byte of the result is marked when the byte of the word is
 * special; marks above the first may be false, and only the first is used. */
static inline size_t utf8_plain_bytes(const void *p)
{
    uint64_t word;
    uint64_t quote;
    uint64_t slash;
    uint64_t marks;

    memcpy(&word, p, sizeof(word));
    word = le64toh(word);
    quote = word ^ UTF8_EVERY_BYTE(0x22);
    slash = word ^ UTF8_EVERY_BYTE(0x5C);
    marks = ((quote - UTF8_EVERY_BYTE(1)) & ~quote) | ((slash - UTF8_EVERY_BYTE(1)) & ~slash) |
            ((word - UTF8_EVERY_BYTE(0x20)) & ~word) | word;
    marks &= UTF8_EVERY_BYTE(0x80);
    return marks == 0 ? 8 : (size_t)__builtin_ctzll(marks) / 8;
}

/* Length of the well-formed UTF-8 sequence of two bytes or more at text, of which left bytes are
 * there (at least one); 0 when there is none. */
static inline size_t utf8_sequence(const void *text, size_t left)
{
    const unsigned char *p = text;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    size_t n;

    if (p[0] >= 0xC2 && p[0] <= 0xDF) {
        n = 2;
    } else if ((p[0] & 0xF0) == 0xE0) {
        n = 3;
        low = p[0] == 0xE0 ? 0xA0 : low;   /* overlong */
        high = p[0] == 0xED ? 0x9F : high; /* surrogates */
    } else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
        n = 4;
        low = p[0] == 0xF0 ? 0x90 : low;   /* overlong */
        high = p[0] == 0xF4 ? 0x8F : high; /* beyond U+10FFFF */
    } else {
        return 0;
    }
    if (left < n || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return n;
}

#endif
