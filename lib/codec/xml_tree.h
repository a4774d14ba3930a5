/* xml_tree: a document as nodes of libxml2, laid in one arena while its parser reads.
 *
 * The library's own trees take three allocations an element and are freed one by one; its XPath
 * reads these the same. Texts are whole (CDATA and text as one), there are no comments and no
 * instructions. For codec/xml.c and codec/xml_feed.c, whose callbacks feed it. Any thread. */
#ifndef CODEC_XML_TREE_H
#define CODEC_XML_TREE_H

#include "base/arena.h"
#include "base/buf.h"
#include "codec/xml.h"

struct _xmlDict;
struct _xmlDoc;
struct _xmlNode;

struct xml {
    struct arena arena;    /* of everything but the names */
    struct _xmlDict *dict; /* of these; one reference */
    struct _xmlDoc *doc;
};

/* A document under way. */
struct xml_tree {
    struct xml *xml;     /* owned; NULL between two documents */
    struct _xmlNode *at; /* the open element, or the document */
    struct buf text;     /* of at, behind its last child */
    int err;             /* sticky: ERR_TOOBIG, ERR_NOMEM */
};

void xml_tree_init(struct xml_tree *t);
void xml_tree_free(struct xml_tree *t); /* with the document under way */
/* Begins a document whose names stand in dict. max_bytes bounds its arena. */
void xml_tree_begin(struct xml_tree *t, struct _xmlDict *dict, size_t max_bytes);
/* What libxml2's startElementNs, characters and endElementNs get. */
void xml_tree_start(struct xml_tree *t, const unsigned char *name, const unsigned char *prefix,
                    const unsigned char *uri, int n_namespaces, const unsigned char **namespaces,
                    int n_attributes, const unsigned char **attributes);
void xml_tree_text(struct xml_tree *t, const unsigned char *text, size_t n);
void xml_tree_end(struct xml_tree *t);
/* The document, for xml_free; NULL after an error. */
struct xml *xml_tree_take(struct xml_tree *t);

/* A value of an attribute as the parser hands it over: entities are never replaced (XML_PARSE_NOENT
 * reads files), so '&' stands there as "&#38;". The length of the run up to the next of these. */
#define XML_AMPERSAND "&#38;"
size_t xml_value_run(const unsigned char *from, const unsigned char *end);

#endif
