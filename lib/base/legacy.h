/* legacy: text in the fonts that Vietnam wrote in before Unicode (TCVN3, VNI), read as Latin-1.
 *
 * Such text is valid UTF-8 and nonsense to read ("NguyÔn V¨n An", "Traàn Vaên Beù"). Pure; any
 * thread. */
#ifndef BASE_LEGACY_H
#define BASE_LEGACY_H

#include <stdbool.h>

/* The text is such text beyond reasonable doubt: it has no letter that only Unicode has for
 * Vietnamese, and signs inside of words (TCVN3), or twice vowels with an accent of their own behind
 * them (VNI), as no language writes. What is in doubt is false. text is UTF-8 in NFC. */
bool legacy_text(const char *text);

#endif
