/* gateway: the daemon in the portal's place (profile "gateway").
 *
 * Software that already talks to the portal is pointed here by changing one address. It speaks the
 * portal adapter's own protocol as the server (national-portal.md sections 1 to 5) and the
 * bare-array form of bridges (section 11): validates, has the engine commit, waits up to
 * answer_timeout for the portal and hands on the portal's own answer. Loop thread. */
#ifndef ADAPTER_GATEWAY_H
#define ADAPTER_GATEWAY_H

#include "adapter/adapter.h"

/* ERR_CONFIG when the source's keys can't be used, ERR_NOMEM. */
MUST_CHECK int gateway_open(const struct adapter_env *env, const struct config_source *source,
                            struct adapter **out, struct errmsg *msg);

/* The bound port while it listens, for tests. */
uint16_t gateway_port(const struct adapter *a);

#endif
