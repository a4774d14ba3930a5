/* spool_xml: dossiers as XML with the portal's names, made into the JSON that is read everywhere
 * else. A list (TaiLieuNop, TienDo, ...) is an element around its rows, or its element repeated.
 * Pure; any thread. */
#ifndef ADAPTER_SPOOL_XML_H
#define ADAPTER_SPOOL_XML_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/xml.h"

/* Appends the element as a JSON object. ERR_FORMAT names an element that has no place there. */
MUST_CHECK int spool_xml_object(const struct xml_node *node, struct buf *out, struct errmsg *msg);

#endif
