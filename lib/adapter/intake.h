/* intake: the province's REST as the portal calls it (profile "intake").
 *
 * Dossiers that began at the portal are pushed at the province (national-portal.md sections 8
 * and 10.4): notices, their amendments, dossiers in general, look-ups, and files that the portal
 * fetches. Idempotent by code; answered "done" only after the province has the dossier. Paths are
 * configuration. Loop thread. */
#ifndef ADAPTER_INTAKE_H
#define ADAPTER_INTAKE_H

#include "adapter/adapter.h"

/* ERR_CONFIG when the source's keys can't be used, ERR_NOMEM. */
MUST_CHECK int intake_open(const struct adapter_env *env, const struct config_source *source,
                           struct adapter **out, struct errmsg *msg);

#endif
