/* opencps_doc: an answer of OpenCPS, JSON or XML, read through one eye.
 *
 * OpenCPS serves the same endpoints in both forms (provincial-systems.md 1.1): lists are {"total",
 * "data": [...]} or <data><total/><data/>...</data>, records an object or an element with child
 * elements. The mapping code reads fields by name and so exists once. A document belongs to one
 * thread at a time. */
#ifndef ADAPTER_OPENCPS_DOC_H
#define ADAPTER_OPENCPS_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct json;
struct xml;
struct xml_node;

enum opencps_format { OPENCPS_JSON, OPENCPS_XML };

/* Zero it first. */
struct opencps_doc {
    struct json *json; /* owned; one of the two */
    struct xml *xml;   /* owned */
};

/* An object or element; both NULL is "no row". Borrowed from the document. */
struct opencps_row {
    const struct json *json;
    const struct xml_node *xml;
};

/* Parses n bytes. ERR_FORMAT, ERR_TOOBIG, ERR_NOMEM. */
MUST_CHECK int opencps_doc_parse(struct opencps_doc *doc, enum opencps_format format,
                                 const char *bytes, size_t n, struct errmsg *msg);
void opencps_doc_free(struct opencps_doc *doc); /* may be called twice */

struct opencps_row opencps_doc_root(const struct opencps_doc *doc);
bool opencps_row_there(struct opencps_row row);

/* The first row of a list, "no row" for an empty one; *total as the list says, or -1 when it gives
 * none. ERR_FORMAT when the document is no list. */
MUST_CHECK int opencps_doc_list(const struct opencps_doc *doc, struct opencps_row *first,
                                int64_t *total, struct errmsg *msg);
struct opencps_row opencps_row_next(struct opencps_row row);
/* Rows from this one on; ERR_FORMAT beyond max: the site ignored what was asked for. */
MUST_CHECK int opencps_count_rows(struct opencps_row row, size_t max, size_t *n,
                                  struct errmsg *msg);

/* Values of several fields in one walk: values[i] belongs to names[i], NULL when the row lacks it,
 * "" for null and empty. names are in byte order. Texts are borrowed from the document; numbers
 * live in the arena. ERR_FORMAT names a field that is an object or a list, ERR_NOMEM. */
MUST_CHECK int opencps_row_fields(struct opencps_row row, const char *const *names, size_t n,
                                  const char **values, struct arena *a, struct errmsg *msg);

#endif
