/* xml: bounded, entity-free XML reading on libxml2.
 *
 * The only file that includes libxml/ is xml.c. Refused at once: any DOCTYPE, encodings other than
 * UTF-8, more than 64 levels, a start tag over 64 KiB or 256 attributes (libxml2 2.9.14 is
 * quadratic in them), more than 64 namespaces in one scope, a text over 1 MiB, more than 1,048,576
 * elements. Completeness is proven by the root's end tag. Nothing is written to stderr. xml_init
 * once in main before threads; then any thread, a document belongs to one at a time. */
#ifndef CODEC_XML_H
#define CODEC_XML_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

void xml_init(void);
void xml_cleanup(void);

struct xml;      /* a document */
struct xml_node; /* an element, owned by its document */

#define XML_DOCUMENT_MAX (32u << 20)

/* Parses n bytes into a tree. ERR_FORMAT with the line, ERR_TOOBIG, ERR_NOMEM, and *doc NULL. */
MUST_CHECK int xml_parse(const char *bytes, size_t n, struct xml **doc, struct errmsg *msg);
void xml_free(struct xml *doc);

const struct xml_node *xml_root(const struct xml *doc);
const char *xml_name(const struct xml_node *node); /* local name */
/* The first child element with that local name; name NULL: the first. */
const struct xml_node *xml_child(const struct xml_node *parent, const char *name);
/* The next sibling element with that local name; name NULL: any. */
const struct xml_node *xml_next(const struct xml_node *node, const char *name);
/* Text of an element without child elements (CDATA and text as one), "" when it is empty, has child
 * elements or is NULL. Borrowed from the document. */
const char *xml_text(const struct xml_node *node);
const char *xml_child_text(const struct xml_node *parent, const char *name);

#endif
