/* portal wire: canonical records as the portal's JSON, and the check whether they can be.
 *
 * Bodies hold raw codes; the maps are applied here, when a call is built, so that a corrected map
 * reaches what waits. Fields: national-portal.md 5.2 and 5.3, rules: doc/opencps.md, limits:
 * section 14 pain 8. Loop thread; pure but for the catalogue mirror that the environment lends. */
#ifndef ADAPTER_PORTAL_WIRE_H
#define ADAPTER_PORTAL_WIRE_H

#include "adapter/adapter.h"

#define PORTAL_BODY_MAX (1u << 20) /* bytes of a call that the portal takes (section 16) */

/* adapter.h's check. Uses the maps of env->config. */
void portal_wire_check(const struct adapter_env *env, struct adapter_check *check);

/* Writes the call of a send as one JSON object, without its session, into out (empty, at most
 * PORTAL_BODY_MAX). ERR_INVAL: not to be sent, verdict says why (hold, reason). ERR_NOMEM. */
MUST_CHECK int portal_wire_build(const struct adapter_env *env, const struct config_portal *portal,
                                 const struct adapter_send *send, struct buf *out,
                                 struct adapter_check *verdict);

/* The same for a reading service, with one parameter when key is not NULL. */
MUST_CHECK int portal_wire_read(const struct config_portal *portal, const char *service,
                                const char *key, const char *value, struct buf *out);

#endif
