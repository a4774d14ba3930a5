/* json_feed: a large JSON document taken apart while it arrives.
 *
 * For list calls whose reply is too large to be held: the elements of one array are handed out one
 * by one as texts of their own, each strictly checked (json.h), and what stands around them is kept
 * as a small document with an empty array in their place. Memory is bounded by one record and that
 * rest, whatever the length. Any thread, one at a time. */
#ifndef CODEC_JSON_FEED_H
#define CODEC_JSON_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FEED_RECORD_MAX (1u << 20)         /* bytes of one record */
#define FEED_REST_MAX (256u << 10)         /* bytes of everything else */
#define FEED_BYTES_MAX (UINT64_C(1) << 30) /* of a whole feed */

struct json_feed;

/* rows: JSON pointer of the array; a member name matches its exact spelling or without regard to
 * ASCII case. take gets each element (an object), borrowed for the call; what it returns other than
 * 0 ends the feed with that error. ERR_INVAL: no pointer; ERR_NOMEM. */
MUST_CHECK int json_feed_open(const char *rows,
                              int (*take)(void *ctx, const char *record, size_t n,
                                          struct errmsg *msg),
                              void *ctx, struct json_feed **out, struct errmsg *msg);
/* The next bytes. ERR_FORMAT and ERR_TOOBIG with the byte offset, ERR_NOMEM, or take's error; it is
 * returned again by every later call. */
MUST_CHECK int json_feed_push(struct json_feed *f, const char *bytes, size_t n, struct errmsg *msg);
/* Proves that the document is complete; *rest is it without its records, borrowed. */
MUST_CHECK int json_feed_end(struct json_feed *f, const char **rest, size_t *n, struct errmsg *msg);
void json_feed_close(struct json_feed *f); /* NULL is fine */

#endif
