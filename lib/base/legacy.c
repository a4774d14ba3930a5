#include "base/legacy.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VNI_PAIRS 2 /* one may be a foreign name */

#define BROKEN 0xFFFD

/* The next character; BROKEN for a byte that begins none. */
static uint32_t next(const char **text)
{
    const unsigned char *t = (const unsigned char *)*text;
    unsigned n = t[0] >= 0xF0 ? 3 : t[0] >= 0xE0 ? 2 : t[0] >= 0xC2 ? 1 : 0;
    uint32_t c = n > 0 ? t[0] & (0x3Fu >> n) : t[0] < 0x80 ? t[0] : BROKEN;

    for (unsigned i = 1; i <= n; i++) {
        if ((t[i] & 0xC0) != 0x80) {
            n = 0;
            c = BROKEN;
            break;
        }
        c = c << 6 | (t[i] & 0x3Fu);
    }
    *text += n + 1;
    return c;
}

static bool ascii_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The section sign is TCVN3's capital d-bar. */
static bool in_word(uint32_t c)
{
    return ascii_letter(c) || c == 0xA7;
}

/* Letters that Vietnamese has and Latin-1 has not, and combining marks. */
static bool only_unicode(uint32_t c)
{
    return (c >= 0x1EA0 && c <= 0x1EF9) || (c >= 0x300 && c <= 0x36F) || c == 0x102 || c == 0x103 ||
           c == 0x110 || c == 0x111 || c == 0x128 || c == 0x129 || c == 0x168 || c == 0x169 ||
           c == 0x1A0 || c == 0x1A1 || c == 0x1AF || c == 0x1B0;
}

/* Signs that TCVN3 has letters for: a-breve, a-circumflex, d-bar, a with acute, grave, hook, dot,
 * o-horn, e-circumflex, a-breve with hook, tilde, acute. */
static bool tcvn3_sign(uint32_t c)
{
    static const uint32_t signs[] = {0xA8, 0xA9, 0xAE, 0xB8, 0xB5, 0xB6,
                                     0xB9, 0xAC, 0xAA, 0xBC, 0xBD, 0xBE};

    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (signs[i] == c) {
            return true;
        }
    }
    return false;
}

/* VNI writes a letter and then its accent as a letter. */
static bool vni_pair(uint32_t letter, uint32_t accent)
{
    static const struct {
        char letter;
        const char *accents; /* code points of Latin-1, small */
    } pairs[] = {
        {'a', "\xF9\xF8\xFB\xF5\xE2\xE1\xE0\xE3\xE5\xE4"},
        {'e', "\xF9\xF8\xFB\xE2\xE1\xE0\xE3\xE5\xE4"},
        {'o', "\xE2\xE5\xE4"},
        {'u', "\xF9\xF8\xFB\xF5"},
        {'y', "\xF9\xF8\xFB\xF5"},
    };
    uint32_t small = letter >= 'A' && letter <= 'Z' ? letter + 32 : letter;
    uint32_t mark = accent >= 0xC0 && accent <= 0xDE ? accent + 32 : accent;

    if (mark < 0xE0 || mark > 0xFE) {
        return false;
    }
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if ((uint32_t)pairs[i].letter == small && strchr(pairs[i].accents, (int)mark) != NULL) {
            return true;
        }
    }
    return false;
}

bool legacy_text(const char *text)
{
    uint32_t before = 0;
    uint32_t last = 0;
    unsigned tcvn3 = 0;
    unsigned vni = 0;

    while (*text != '\0') {
        uint32_t c = next(&text);

        if (only_unicode(c)) {
            return false;
        }
        tcvn3 += tcvn3_sign(last) && in_word(before) && ascii_letter(c) ? 1 : 0;
        vni += vni_pair(last, c) ? 1 : 0;
        before = last;
        last = c;
    }
    return tcvn3 > 0 || vni >= VNI_PAIRS;
}
