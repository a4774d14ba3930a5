/* portal extra: the fields of `extra` (domain/dossier.h) in their places of a written object.
 *
 * A field that has a place in the portal's object stands there when the builder has nothing of its
 * own to write; all others stand behind the known ones, in the order of `extra`, as they are.
 * Internal to portal_fields.c; any thread. */
#ifndef ADAPTER_PORTAL_EXTRA_H
#define ADAPTER_PORTAL_EXTRA_H

#include <stddef.h>

#include "codec/json.h"

#define PORTAL_EXTRA_KNOWN 64 /* keys of one object that the builder knows */

struct portal_extra {
    struct json *root; /* NULL: there is none */
    const struct json *met[PORTAL_EXTRA_KNOWN];
    size_t n_met;
};

/* text: one JSON object, "" or NULL for none. ERR_FORMAT, ERR_NOMEM. */
MUST_CHECK int portal_extra_begin(struct portal_extra *extra, const char *text);
/* The value under a key that has a place, which is not written again at the end; NULL: none. */
const struct json *portal_extra_take(struct portal_extra *extra, const char *key);
/* Writes what no key took. */
void portal_extra_rest(const struct portal_extra *extra, struct json_writer *w);
void portal_extra_end(struct portal_extra *extra);

#endif
