/* json_keys: finds a key that stands twice in one object, for codec/json_front.c only.
 *
 * A stack of the keys of all open objects; an object's keys are compared when it closes. Keys are
 * compared decoded: "a" and "\u0061" are the same. No choice of keys makes it slower than O(n log
 * n). One thread at a time. */
#ifndef CODEC_JSON_KEYS_H
#define CODEC_JSON_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define JSON_KEYS_INLINE 64 /* keys of all open objects together that cost no heap allocation */

struct json_key {
    uint64_t hash;
    const char *text; /* decoded: borrowed from the document, or owned */
    size_t len;       /* bytes */
    size_t at;        /* offset in the document */
    char *owned;      /* NULL unless the key had to be decoded */
};

struct json_keys {
    struct json_key *all; /* the innermost object's last; owned unless it is few */
    size_t n;
    size_t capacity; /* at most twice the keys of the document, which the caller bounds */
    struct json_key few[JSON_KEYS_INLINE];
};

void json_keys_init(struct json_keys *k);
void json_keys_free(struct json_keys *k);
/* Notes the key of n bytes between its quotes, valid JSON, borrowed until its object closes.
 * ERR_NOMEM. */
MUST_CHECK int json_keys_push(struct json_keys *k, const char *text, size_t n, bool escaped,
                              size_t at);
/* The object whose first key has this index ends: its keys are dropped. ERR_EXISTS when one stood
 * twice, with the offset of a second one in *at. */
MUST_CHECK int json_keys_close(struct json_keys *k, size_t first, size_t *at);

#endif
