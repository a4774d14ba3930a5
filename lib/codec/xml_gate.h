/* xml_gate: everything about an XML document that libxml2's own limits leave open (the list is in
 * xml.h), checked before the library sees a byte of it. For codec/xml.c, which has the whole
 * document, and codec/xml_feed.c, which gets it in pieces. One pass over the bytes, no memory but
 * the struct. Any thread. */
#ifndef CODEC_XML_GATE_H
#define CODEC_XML_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define XML_GATE_DEPTH 64
#define XML_GATE_WORD 320 /* bytes of the XML declaration that are looked at */

struct xml_gate {
    uint64_t at;              /* bytes seen */
    size_t line;              /* where the piece at work begins */
    size_t from_line;         /* where the markup or the text at work begins, when from is NULL */
    const char *from;         /* the same, inside of the piece */
    const char *piece;        /* borrowed, during xml_gate_push */
    int state;                /* the file's own */
    char quote;               /* inside an attribute's value */
    char last[2];             /* the bytes before, to see the end of a comment */
    char word[XML_GATE_WORD]; /* what stands behind "<!" or "<?" */
    size_t word_len;
    size_t tag_bytes;
    unsigned xmlns_seen; /* how much of " xmlns" the last bytes of a start tag are */
    unsigned attributes, tag_namespaces;
    uint64_t text_bytes; /* since the last tag */
    size_t aside_bytes;  /* of the comment or instruction at work */
    uint64_t elements, elements_max;
    unsigned depth;
    unsigned namespaces; /* declared on all open elements, and on each: */
    unsigned namespaces_of[XML_GATE_DEPTH];
    bool any; /* markup was seen */
};

/* elements_max: for who keeps all of them in memory; 0 is any number. */
void xml_gate_init(struct xml_gate *g, uint64_t elements_max);
/* Checks the next bytes. ERR_FORMAT or ERR_TOOBIG with the line. */
MUST_CHECK int xml_gate_push(struct xml_gate *g, const char *bytes, size_t n, struct errmsg *msg);
/* Nothing comes any more: ERR_FORMAT inside of markup. That every element is closed is libxml2's to
 * see. */
MUST_CHECK int xml_gate_end(const struct xml_gate *g, struct errmsg *msg);
/* All of it at once, for who keeps the tree: the above, XML_DOCUMENT_MAX, UTF-8 and as many
 * elements as xml.h allows. */
MUST_CHECK int xml_gate_document(const char *bytes, size_t n, struct errmsg *msg);

#endif
