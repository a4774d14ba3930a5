/* portal procedure: a row of LayThuTuc as a canonical procedure.
 *
 * Fields: national-portal.md 4.2; how lists become texts: doc/opencps.md. Pure; any thread. */
#ifndef ADAPTER_PORTAL_PROCEDURE_H
#define ADAPTER_PORTAL_PROCEDURE_H

#include "base/arena.h"
#include "codec/json.h"
#include "domain/procedure.h"

/* Strings live in the arena. publisher_name and level stay unknown: they are not in the
 * row. ERR_NOMEM (also beyond the arena's ceiling), ERR_FORMAT when the row has no code. */
MUST_CHECK int portal_procedure_read(const struct json *row, struct arena *a,
                                     struct procedure *out);

#endif
