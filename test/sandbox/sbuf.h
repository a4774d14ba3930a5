/* sbuf: a growing text, and JSON written into it.
 *
 * Running out of memory is remembered (failed) and makes all later writes no-ops, so callers check
 * once, at the end. One thread at a time. */
#ifndef SBUF_H
#define SBUF_H

#include <stdbool.h>
#include <stddef.h>

#define SBUF_MAX_BYTES ((size_t)256 * 1024 * 1024)

/* Zero-initialise; data is owned by the caller and ended by sbuf_free or taken by sbuf_take. */
struct sbuf {
    char *data; /* NUL-terminated once anything was written */
    size_t len; /* bytes, the NUL not counted */
    size_t cap;
    bool failed;
};

void sbuf_free(struct sbuf *b);
/* Hands the text over (from malloc, to be freed by the caller) and empties b; NULL when it failed.
 */
char *sbuf_take(struct sbuf *b, size_t *len);

void sbuf_add(struct sbuf *b, const char *data, size_t len);
void sbuf_puts(struct sbuf *b, const char *text);
void sbuf_printf(struct sbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Text as a JSON string, quotes included. */
void sbuf_json(struct sbuf *b, const char *text, size_t len);

/* A member of an object with a text value: "name":"value". The comma before it is written unless
 * the last byte opens an object or an array. */
void sbuf_member(struct sbuf *b, const char *name, const char *value);
/* The same with a value of a given length. */
void sbuf_member_n(struct sbuf *b, const char *name, const char *value, size_t len);
/* The name of a member whose value the caller writes next: "name": */
void sbuf_key(struct sbuf *b, const char *name);
/* A comma unless the last byte opens an object or an array: before the next element. */
void sbuf_comma(struct sbuf *b);

#endif
