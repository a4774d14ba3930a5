/* utf8: how far bytes are plain text or well-formed UTF-8; the inner loops of reading and writing
 * text. Pure, any thread. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define UTF8_EVERY_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* How many of the 8 bytes of a word, in the order of memory, are plain from the first on: ASCII, no
 * control, neither quote nor backslash. The classic bit tricks: a byte of the result is marked when
 * the byte of the word is special. A subtraction also marks the byte above one that borrowed, which
 * is special itself, and bytes from 0x80 on, which the word marks anyway: the first mark is always
 * true, and only it is used. */
static inline size_t utf8_plain_in(uint64_t word)
{
    uint64_t quote = word ^ UTF8_EVERY_BYTE(0x22);
    uint64_t slash = word ^ UTF8_EVERY_BYTE(0x5C);
    uint64_t marks = (quote - UTF8_EVERY_BYTE(1)) | (slash - UTF8_EVERY_BYTE(1)) |
                     (word - UTF8_EVERY_BYTE(0x20)) | word;

    marks &= UTF8_EVERY_BYTE(0x80);
    return marks == 0 ? 8 : (size_t)__builtin_ctzll(marks) / 8;
}

/* The 8 bytes at p, the first the lowest. */
static inline uint64_t utf8_word(const void *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return le64toh(word);
}

static inline bool utf8_continues(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Length of the well-formed UTF-8 sequence of two bytes or more at text, of which left bytes are
 * there (at least one); 0 when there is none. */
static inline size_t utf8_sequence(const void *text, size_t left)
{
    const unsigned char *p = text;

    if (p[0] < 0xC2 || p[0] > 0xF4 || left < 2 || !utf8_continues(p[1])) {
        return 0;
    }
    if (p[0] < 0xE0) {
        return 2;
    }
    if (left < 3 || !utf8_continues(p[2])) {
        return 0;
    }
    if (p[0] < 0xF0) { /* neither overlong nor half a surrogate pair */
        return (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ? 0 : 3;
    }
    if (left < 4 || !utf8_continues(p[3])) {
        return 0;
    }
    /* neither overlong nor beyond U+10FFFF */
    return (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F) ? 0 : 4;
}

#endif
