/* intake read: what the portal pushes, as canonical snapshots.
 *
 * A dossier that begins at the portal is in state 1, submitted there (entry "1"), online (channel
 * "2"), and keeps the portal's code. Fields without a place, inline files included, stand in
 * `extra`. Faults name the field, never its value. Pure; any thread. */
#ifndef ADAPTER_INTAKE_READ_H
#define ADAPTER_INTAKE_READ_H

#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"
#include "domain/record.h"

enum intake_form {
    INTAKE_NOTICE, /* addtthcKhuyenMai: one promotion notice */
    INTAKE_CHANGE, /* nhanhsdvcqg: {service?, isUpdating, data}: an amended notice */
    INTAKE_RECEIVE /* {service, isUpdating, data: [dossiers as in 5.2]} (10.4) */
};

#define INTAKE_DOSSIERS_MAX 100 /* of one call */

/* root: the body. ERR_FORMAT, ERR_TOOBIG, ERR_UNSUPPORTED (a service that is no dossier),
 * ERR_NOMEM. */
MUST_CHECK int intake_read(enum intake_form form, const struct json *root, int64_t now_s,
                           struct arena *arena, struct record **out, size_t *n, struct errmsg *msg);

#endif
