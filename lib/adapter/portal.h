/* portal: the adapter of the National Public Service Portal (national-portal.md).
 *
 * Verbs: check, send (dossiers and steps), lookup (TraCuuHoSo), detail (a procedure), list (the
 * catalogue). There is nothing to poll or to acknowledge. */
#ifndef ADAPTER_PORTAL_H
#define ADAPTER_PORTAL_H

#include "adapter/adapter.h"

/* Opens the endpoint of section `portal`. Logs in at the first call, not here. ERR_CONFIG,
 * ERR_NOMEM. */
MUST_CHECK int portal_open(const struct adapter_env *env, struct adapter **out, struct errmsg *msg);

#endif
