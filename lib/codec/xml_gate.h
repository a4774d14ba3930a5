/* xml_gate: the limits of xml.h checked on a document that arrives in pieces, for codec/xml_feed.c
 * only. One pass over the bytes, no memory but the struct. Any thread. */
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
    int state;                /* the file's own */
    char quote;               /* inside an attribute's value */
    char last[2];             /* the bytes before, to see the end of a comment */
    char word[XML_GATE_WORD]; /* what stands behind "<!" or "<?" */
    size_t word_len;
    char window[6]; /* last bytes of a start tag, to see " xmlns" */
    size_t tag_bytes;
    unsigned attributes, tag_namespaces;
    uint64_t text_bytes; /* since the last tag */
    unsigned depth;
    unsigned namespaces; /* declared on all open elements, and on each: */
    unsigned namespaces_of[XML_GATE_DEPTH];
    bool any; /* markup was seen */
};

void xml_gate_init(struct xml_gate *g);
/* Checks the next bytes. ERR_FORMAT, ERR_TOOBIG with the byte offset. */
MUST_CHECK int xml_gate_push(struct xml_gate *g, const char *bytes, size_t n, struct errmsg *msg);

#endif
