/* text: UTF-8 checks, NFC, cutting on character boundaries, comparing Vietnamese words.
 *
 * Inside the daemon text is UTF-8 in NFC without NUL. Any thread; no state. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* Well-formed UTF-8 (no overlong forms, no surrogates) without NUL. */
bool text_is_utf8(const char *bytes, size_t n);

/* NFC copy in the arena; the text itself (no copy) when it is NFC already, so text[n] must be NUL.
 * *changed (may be NULL) tells. ERR_FORMAT when it is not UTF-8 or holds NUL, ERR_NOMEM beyond the
 * arena's ceiling. */
MUST_CHECK int text_nfc(struct arena *a, const char *text, size_t n, const char **out,
                        bool *changed);

/* Characters (code points) in valid UTF-8. */
size_t text_length(const char *text);

/* Bytes of the longest prefix of at most max_chars code points that does not end inside a grapheme
 * (a base letter keeps its combining marks). A broken byte counts as one. */
size_t text_prefix(const char *text, size_t max_chars);

/* The form in which texts are compared without case: case-folded NFC. ERR_FORMAT when it is not
 * UTF-8, ERR_TOOBIG when it does not fit, ERR_NOMEM; out is "" then. */
MUST_CHECK int text_fold(const char *text, char *out, size_t size);

/* "s", or "" after 1: "%zu row%s". */
const char *text_plural(uint64_t n);

/* needle occurs in text, both folded ("Đã Tồn Tại" holds "đã tồn tại"). False when either is not
 * UTF-8 or memory is short. The portal's replies are judged by it (national-portal.md section 2).
 */
bool text_contains(const char *text, const char *needle);

/* ASCII white space around it left out; writes at most size-1 bytes and a NUL, no broken character
 * at the cut. out may be text. */
void text_trim(const char *text, char *out, size_t size);

/* For logs and status: control characters, marks that turn the reading direction and broken UTF-8
 * escaped as \xHH, cut between characters at size-1 bytes, terminated. */
void text_printable(const char *text, size_t n, char *out, size_t size);

/* Masks what may name a person in a peer's words before they are stored or shown: runs of 9 or more
 * digits (identity and phone numbers) and e-mail addresses become "***"; codes of dossiers and
 * procedures stay. In place. */
void text_mask_personal(char *text);

#endif
