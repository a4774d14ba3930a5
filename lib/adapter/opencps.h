/* opencps: the adapter of OpenCPS v2's REST, as source of dossiers and as source and sink of
 * procedures (provincial-systems.md 1.1; the mapping is doc/opencps.md).
 *
 * Verbs: poll, detail (dossiers, procedures), check, send, list (procedures). Its writing is
 * idempotent. Loop thread. */
#ifndef ADAPTER_OPENCPS_H
#define ADAPTER_OPENCPS_H

#include "adapter/adapter.h"

/* Makes the adapter of a source of profile "opencps"; everything is copied from the configuration
 * but the maps, which are borrowed until reconfigure. No call is made yet. ERR_CONFIG, ERR_NOMEM.
 */
MUST_CHECK int opencps_open(const struct adapter_env *env, const struct config_source *source,
                            struct adapter **out, struct errmsg *msg);

#endif
