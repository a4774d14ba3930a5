/* portal other: the calls of the portal's other services: national_other.h's records on the wire
 * and the lists that are read from it. Internal to the portal adapter; loop thread. */
#ifndef ADAPTER_PORTAL_OTHER_H
#define ADAPTER_PORTAL_OTHER_H

#include "adapter/national_other.h"
#include "adapter/portal_wire.h"

/* adapter.h's check for such a record. */
void portal_other_check(const struct adapter_env *env, const struct national_other *other,
                        struct adapter_check *check);

/* Writes the call of a send with one record. ERR_INVAL: it can't be sent, verdict says why;
 * ERR_NOMEM. */
MUST_CHECK int portal_other_build(const struct adapter_env *env, const struct config_portal *portal,
                                  const struct national_other *other,
                                  const struct adapter_send *send, struct portal_request out,
                                  struct adapter_check *verdict);

#endif
