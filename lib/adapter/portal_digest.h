/* portal digest: an object of the portal's wire in which each value is a digest of itself: its
 * shape and what it may be compared by, and nothing that anybody could read. For comparing what was
 * pushed at a gateway as it came (portal_compare.h), without keeping it. Pure, any thread.
 *
 * What portal_compare takes for the same has the same digest: a number and its text, an address
 * with another query. What is empty is left out. */
#ifndef ADAPTER_PORTAL_DIGEST_H
#define ADAPTER_PORTAL_DIGEST_H

#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"

/* JSON text in the arena. ERR_NOMEM, ERR_TOOBIG (over 1 MiB). */
MUST_CHECK int portal_digest(const struct json *object, struct arena *arena, const char **out);

#endif
