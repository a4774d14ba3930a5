/* xml_feed: a large XML document taken apart while it arrives.
 *
 * For list calls whose reply is too large to be held: the elements at one path are handed out one
 * by one as trees of their own (with the namespaces in force), and what stands around them is
 * kept as a small document without them. libxml2's push parser reads it; before it sees a byte the
 * limits of xml.h have been checked (no DOCTYPE, UTF-8 only, 64 levels, 64 KiB and 256 attributes
 * of a start tag, 64 namespaces in one scope, 1 MiB of text). Memory is bounded by one record (1
 * MiB of text, 16 MiB of tree) and that rest. Any thread, one at a time; xml_init comes first. */
#ifndef CODEC_XML_FEED_H
#define CODEC_XML_FEED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "codec/json_feed.h" /* the bounds of a feed */
#include "codec/xml.h"

struct xml_feed;

/* Whether rows is a path that can be followed without the whole document: "/a/p:b/c", "//p:c",
 * "//b/c", with names, "*" or "*[local-name()='c']" as steps. */
bool xml_feed_can(const char *rows);
/* take gets each record and frees it; what it returns other than 0 ends the feed with that error.
 * ERR_INVAL: not such a path, or a prefix that namespaces do not know; ERR_NOMEM. */
MUST_CHECK int xml_feed_open(const char *rows, const struct xml_namespace *namespaces,
                             size_t n_namespaces,
                             int (*take)(void *ctx, struct xml *record, struct errmsg *msg),
                             void *ctx, struct xml_feed **out, struct errmsg *msg);
/* The next bytes. ERR_FORMAT and ERR_TOOBIG with the place, ERR_NOMEM, or take's error; it is
 * returned again by every later call. */
MUST_CHECK int xml_feed_push(struct xml_feed *f, const char *bytes, size_t n, struct errmsg *msg);
/* Proves that the document is complete; *rest is it without its records, borrowed. */
MUST_CHECK int xml_feed_end(struct xml_feed *f, const char **rest, size_t *n, struct errmsg *msg);
void xml_feed_close(struct xml_feed *f); /* NULL is fine */

#endif
