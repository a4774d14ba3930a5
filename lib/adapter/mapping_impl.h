/* mapping_impl: what mapping.c, mapping_row.c, mapping_record.c and mapping_convert.c share. */
#ifndef ADAPTER_MAPPING_IMPL_H
#define ADAPTER_MAPPING_IMPL_H

#include "adapter/mapping.h"
#include "codec/json.h"
#include "codec/xml.h"

struct mapping_node {
    const struct mapping_doc *doc;
    const struct json *json;
    const struct xml_node *xml; /* NULL in an XML document: above the root element */
    const struct mapping_node *next;
};

/* The text at a path below a node, trimmed; "" for none, for arrays and for objects. Lives in the
 * arena or in the document. ERR_FORMAT, ERR_TOOBIG, ERR_NOMEM. */
MUST_CHECK int mapping_text_at(const struct mapping_node *node, const char *path,
                               struct arena *arena, const char **out, struct errmsg *msg);
/* What stands below a node at the names that a record's paths begin with, found in one pass. */
struct mapping_found {
    const struct mapping_node *node;
    bool looked; /* false: the node has no names */
    union {
        const struct json *json[PRESET_FIRST_NAMES];
        const struct xml_node *xml[PRESET_FIRST_NAMES];
    };
};
void mapping_find(const struct mapping_node *node, const struct nameset *names,
                  struct mapping_found *out);
/* As mapping_text_at with the source's path, which is no "^PATH" and no constant. */
MUST_CHECK int mapping_found_text(const struct mapping_found *found,
                                  const struct preset_source *source, struct arena *arena,
                                  const char **out, struct errmsg *msg);
/* Of JSON: the value there; NULL. */
const struct json *mapping_found_json(const struct mapping_found *found,
                                      const struct preset_source *source);
/* The rows at a path below a node; their nodes live in the arena. ERR_TOOBIG beyond max. */
MUST_CHECK int mapping_rows_at(const struct mapping_node *node, const char *path, size_t max,
                               struct arena *arena, const struct mapping_node **first, size_t *n,
                               struct errmsg *msg);

/* The elements at an XPath below a node, as xml_xpath_nodes gives them. */
MUST_CHECK int mapping_elements_at(const struct mapping_node *node, const char *path, size_t max,
                                   const struct xml_node ***out, size_t *n, struct errmsg *msg);
/* Of XML: the node itself, of a whole document its root. */
const struct xml_node *mapping_element(const struct mapping_node *node);

/* A text through one converter. A time comes out as yyyyMMddHHmmss. ERR_FORMAT says what the text
 * is not, never the text itself; ERR_NOMEM. */
MUST_CHECK int mapping_convert(const struct preset_convert *convert, const char *text,
                               struct arena *arena, const char **out, struct errmsg *msg);

#endif
