/* json: strict JSON in front of cJSON, and nothing of cJSON behind it.
 *
 * The only file that includes cJSON.h is json.c. A document is accepted when it is valid UTF-8, has
 * no NUL and no \u0000, is at most 32 deep, has no duplicate key in any object (keys compared
 * decoded), has only numbers in JSON's own grammar that a double holds (no integer beyond 2^53,
 * none that overflows or fades to zero, none over 63 characters), at most 65,536 values and one
 * more for every 16 bytes, and nothing but white space after it; one BOM in front is dropped. A
 * tree belongs to one thread at a time. */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct json; /* a node; the root owns the tree */

#define JSON_DEPTH_MAX 32

/* Parses n bytes (no terminator needed). ERR_FORMAT with the byte offset in msg, ERR_TOOBIG
 * (depth, values), ERR_NOMEM; *root is NULL then. Callers bound n: a tree takes many times the
 * memory of its text. */
MUST_CHECK int json_parse(const char *bytes, size_t n, struct json **root, struct errmsg *msg);
void json_free(struct json *root);          /* roots only; NULL is fine */
size_t json_bytes(const struct json *root); /* of memory that it takes */

/* All getters take NULL as "not there". Keys are case-sensitive. */
const struct json *json_get(const struct json *object, const char *key);
/* The exact spelling, else the first key equal without ASCII case (URL/Url, IDHoSo/IdHoSo). */
const struct json *json_get_any_case(const struct json *object, const char *key);
/* RFC 6901 pointer; "" is the node itself. */
const struct json *json_at(const struct json *node, const char *pointer);
/* The same, each key taken as json_get_any_case takes it. */
const struct json *json_at_any_case(const struct json *node, const char *pointer);
bool json_is_object(const struct json *node);
bool json_is_array(const struct json *node);
bool json_is_string(const struct json *node);
bool json_is_null(const struct json *node); /* null, or not there */
size_t json_size(const struct json *array_or_object);
/* Iteration in document order: first child, next sibling; NULL ends. */
const struct json *json_first(const struct json *parent);
const struct json *json_next(const struct json *node);
const char *json_key(const struct json *node); /* of an object's child; NULL else */

/* The text of a string; "" for null, a number as it would be printed when it is an integer within
 * 2^53
 * ("4"), "true"/"false"; NULL for arrays, objects, other numbers and absent nodes. buffer (>= 24
 * bytes) holds a number's text; strings are borrowed from the tree. */
const char *json_text(const struct json *node, char buffer[24]);
/* As json_text, "" instead of NULL, for texts only (numbers as they print). */
const char *json_text_or_empty(const struct json *node, char buffer[24]);
/* An integer within 2^53 from a number, or from a string that is one after trimming ([-]digits;
 * zeros in front are fine). ERR_FORMAT else, *out as it was. */
MUST_CHECK int json_integer(const struct json *node, int64_t *out);
bool json_true(const struct json *node); /* true, "true", "1", 1 without regard to case */

/* Writing: straight into a buf, commas by the writer. Misuse (unbalanced) shows as an assertion. */
struct json_writer {
    struct buf *out; /* borrowed */
    uint32_t depth;
    uint64_t has_item; /* bit per depth: a comma is due */
};
void json_write_begin(struct json_writer *w, struct buf *out);
void json_object_open(struct json_writer *w,
                      const char *key); /* key NULL inside arrays and at top */
void json_object_close(struct json_writer *w);
void json_array_open(struct json_writer *w, const char *key);
void json_array_close(struct json_writer *w);
void json_string(struct json_writer *w, const char *key, const char *value); /* NULL value: "" */
void json_integer_out(struct json_writer *w, const char *key, int64_t value);
void json_double_out(struct json_writer *w, const char *key,
                     double value); /* finite; at most 6 decimals */
void json_bool(struct json_writer *w, const char *key, bool value);
void json_null(struct json_writer *w, const char *key);
void json_raw(struct json_writer *w, const char *key, const char *json_text,
              size_t n); /* valid JSON */
/* A node of a parsed tree, compact, keys in document order. */
void json_node(struct json_writer *w, const char *key, const struct json *node);

/* Canonical digest of a tree: objects by key order of bytes, numbers by value. Independent of
 * formatting. ERR_INVAL for an absent node, ERR_NOMEM. */
MUST_CHECK int json_digest(const struct json *node, uint8_t out[32]);
/* The same as if the nodes in without, members of objects, were not there. */
MUST_CHECK int json_digest_without(const struct json *node, const struct json *const *without,
                                   size_t n, uint8_t out[32]);

#endif
