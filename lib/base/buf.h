/* buf: a growing byte buffer with a ceiling.
 *
 * The only growing buffer of the project. Its maximum is stated where it is created; a write beyond
 * it fails softly and leaves the buffer as it was. Errors stick, and what is written after one is
 * dropped: a series of writes may be checked once at its end through buf_error(). Any thread, one
 * at a time. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct buf {
    char *data;      /* owned; always followed by a NUL that len does not count; NULL while empty */
    size_t len;      /* bytes */
    size_t capacity; /* bytes */
    size_t max_bytes; /* ceiling of len */
    int error;        /* the first failure (ERR_NOMEM, ERR_TOOBIG), 0 while none */
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_free(struct buf *b);  /* may be called twice; the buffer is as after buf_init */
void buf_clear(struct buf *b); /* len 0 and no error, memory stays */
void buf_put(struct buf *b, const void *bytes, size_t n);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void buf_put_json(struct buf *b, const char *text);
/* The same with the colon behind a member's name, and the comma in front of it where one is due. */
void buf_put_json_name(struct buf *b, const char *name, bool comma);
/* "&<>\"'" escaped, for XML and HTML text and attributes. Control characters that XML forbids
 * become U+FFFD. */
void buf_put_xml(struct buf *b, const char *text);
/* application/x-www-form-urlencoded, UTF-8 bytes. */
void buf_put_form(struct buf *b, const char *text);
/* Terminated text, "" when empty. Valid until the next write. */
const char *buf_text(const struct buf *b);
MUST_CHECK int buf_error(const struct buf *b);

#endif
