/* json_front: the strict check that every document passes before cJSON sees it; for
 * codec/json.c and json_feed.c only.
 *
 * cJSON is lax (numbers, bytes after the end, UTF-8, NUL, repeated keys), so what it may see is
 * decided here, in one pass over the bytes and without a tree. Any thread; no state. */
#ifndef CODEC_JSON_FRONT_H
#define CODEC_JSON_FRONT_H

#include <stddef.h>

#include "base/err.h"

/* 0 when the n bytes are one acceptable document (json.h says what that is); *skip is the length of
 * the byte order mark in front. ERR_FORMAT and ERR_TOOBIG with the byte offset in msg, ERR_NOMEM.
 * Time is O(n log n) at worst, memory at most a fixed multiple of n. */
MUST_CHECK int json_front_check(const char *bytes, size_t n, size_t *skip, struct errmsg *msg);

#endif
