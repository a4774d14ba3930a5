/* xml_front: everything about an XML document that libxml2's own limits leave open, checked before
 * the library sees a byte of it (the list is in xml.h). Used by codec/xml.c only. Any thread. */
#ifndef CODEC_XML_FRONT_H
#define CODEC_XML_FRONT_H

#include <stddef.h>

#include "base/err.h"

/* ERR_FORMAT or ERR_TOOBIG with the line. */
MUST_CHECK int xml_front_check(const char *bytes, size_t n, struct errmsg *msg);

#endif
