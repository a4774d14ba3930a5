/* mapped raw: a record of a foreign product as text, for a person who writes a preset. Pure. */
#ifndef ADAPTER_MAPPED_RAW_H
#define ADAPTER_MAPPED_RAW_H

#include "adapter/mapping.h"
#include "base/buf.h"

/* JSON as it is; XML without attributes and prefixes. Cut short when out is full. */
void mapped_raw(const struct mapping_node *node, struct buf *out);

#endif
