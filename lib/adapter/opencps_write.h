/* opencps_write: national procedures as OpenCPS holds them, forms of /serviceinfos and what their
 * answers mean. Pure; any thread. The mapping is doc/opencps.md, last table. */
#ifndef ADAPTER_OPENCPS_WRITE_H
#define ADAPTER_OPENCPS_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "adapter/adapter.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "domain/procedure.h"
#include "http/client.h"

#define OPENCPS_TEXT_MAX 65535      /* characters of a text field (portlet-model-hints) */
#define OPENCPS_FORM_MAX (8u << 20) /* bytes: RECORD_BODY_MAX, percent-encoded, with names */

/* The text fields of a serviceinfo, in byte order of their names. */
struct opencps_service_field {
    const char *name;
    size_t offset; /* of a const char * in struct procedure */
};
#define OPENCPS_SERVICE_FIELDS 15
extern const struct opencps_service_field OPENCPS_SERVICE[OPENCPS_SERVICE_FIELDS];

/* The part of a procedure that OpenCPS can hold; the rest is "" and 0. Equal reduced records mean
 * agreement. Strings are in's or, where one had to be cut, the arena's. ERR_NOMEM. */
MUST_CHECK int opencps_reduce(const struct procedure *in, struct arena *a, struct procedure *out);
/* What it can't hold, for a person: "OpenCPS cannot hold: 3 sectors (the first is kept), 12
 * implementing agencies";
 * "" when nothing is lost. */
void opencps_lacks(const struct procedure *p, char *out, size_t size);

/* The form, appended: every field, so that what became empty is emptied there too. code is the
 * site's own code of the procedure; publisher_name "" when not known. A level that is not known is
 * left out. */
MUST_CHECK int opencps_form(const struct procedure *p, const char *code, const char *publisher_name,
                            struct buf *out);

/* What became of a write, by design.md's reply table; parsed: the body of a 2xx answer was read
 * whole. */
void opencps_outcome(const struct http_req *req, bool parsed, struct outcome *out);

#endif
