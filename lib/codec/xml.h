/* xml: bounded, entity-free XML reading on libxml2.
 *
 * Only codec/xml*.c include libxml/. Refused at once: any DOCTYPE,
 * encodings other than UTF-8, an XML declaration over 320 bytes, more than 64 levels, a start tag
 * over 64 KiB or 256 attributes (libxml2 2.9.14 is quadratic in them), more than 64 namespaces in
 * one scope, a text, comment or instruction over 1 MiB, more elements than 65,536 and one more for
 * every 16 bytes, at most 1,048,576. Completeness is proven by the root's end tag. Nothing is
 * written to stderr. xml_init once in main before threads; then any thread, a document belongs to
 * one at a time. */
#ifndef CODEC_XML_H
#define CODEC_XML_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/nameset.h"

void xml_init(void);
void xml_cleanup(void);

/* Words for an error of libxml2; its own quote the document. For codec/xml*.c only. */
struct _xmlError;
void xml_words(const struct _xmlError *error, char *out, size_t size);

struct xml;      /* a document */
struct xml_node; /* an element, owned by its document */

#define XML_DOCUMENT_MAX (32u << 20)

/* Parses n bytes into a tree. ERR_FORMAT with the line, ERR_TOOBIG, ERR_NOMEM, and *doc NULL. */
MUST_CHECK int xml_parse(const char *bytes, size_t n, struct xml **doc, struct errmsg *msg);
void xml_free(struct xml *doc);          /* NULL is fine */
size_t xml_bytes(const struct xml *doc); /* of memory that it takes */

const struct xml_node *xml_root(const struct xml *doc);
const char *xml_name(const struct xml_node *node); /* local name */
/* The first child element with that local name; name NULL: the first. */
const struct xml_node *xml_child(const struct xml_node *parent, const char *name);
/* The next sibling element with that local name; name NULL: any. */
const struct xml_node *xml_next(const struct xml_node *node, const char *name);
/* Text of an element without child elements (CDATA and text as one), "" when it is empty, has child
 * elements or is NULL. Borrowed from the document. */
const char *xml_text(const struct xml_node *node);
/* Of each name the first child element in no namespace that is called so, NULL for none: found has
 * room for names->n. */
void xml_find_children(const struct xml_node *parent, const struct nameset *names,
                       const struct xml_node **found);
/* The string value of an element as XPath takes it, "" for NULL. At most 1 MiB, in the arena or the
 * document. ERR_TOOBIG, ERR_NOMEM. */
MUST_CHECK int xml_value(const struct xml_node *element, struct arena *arena, const char **out,
                         struct errmsg *msg);

/* XPath 1.0: no variables, no functions beyond the language's own, and each
 * evaluation ends with ERR_TOOBIG after XML_XPATH_STEPS nodes looked at. Expressions are compiled
 * once and known again by their address: they must outlive the evaluator and stay as they are. */
#define XML_XPATH_STEPS 10000000

struct xml_namespace {
    const char *prefix;
    const char *uri;
};

struct xml_xpath; /* an evaluator, of one thread at a time */

/* doc: what is looked at where no node is given; with NULL a node is always given, of any document.
 * namespaces are copied. ERR_NOMEM. Frees nothing of the document, which must stay. */
MUST_CHECK int xml_xpath_open(const struct xml *doc, const struct xml_namespace *namespaces,
                              size_t n, struct xml_xpath **out);
void xml_xpath_close(struct xml_xpath *xpath); /* NULL is fine */
/* The string value of an expression seen from a node (NULL: from above the root element), of a node
 * set that of its first node; "" when nothing is there. At most 1 MiB, in the arena or the
 * document. ERR_FORMAT names what is wrong with the expression, ERR_TOOBIG, ERR_NOMEM. */
MUST_CHECK int xml_xpath_text(struct xml_xpath *xpath, const struct xml_node *from,
                              const char *expression, struct arena *arena, const char **out,
                              struct errmsg *msg);
/* The elements of a node set, in the order of the path, as an array that the caller frees; NULL
 * when there are none. More than max: ERR_TOOBIG. Errors as above. */
MUST_CHECK int xml_xpath_nodes(struct xml_xpath *xpath, const struct xml_node *from,
                               const char *expression, size_t max, const struct xml_node ***out,
                               size_t *n, struct errmsg *msg);
/* preset_xpath_check() of config/preset_impl.h is in xml_path.c too: libxml2 is confined to
 * codec/xml*.c. */

/* Digest of an element and what is below it, but for the elements in without: names with their
 * namespaces, attributes in any order, texts without the white space between elements. ERR_INVAL
 * for no node, ERR_NOMEM. */
MUST_CHECK int xml_digest(const struct xml_node *node, const struct xml_node *const *without,
                          size_t n, uint8_t out[32]);

#endif
