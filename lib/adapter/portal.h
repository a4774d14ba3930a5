/* portal: the adapter of the National Public Service Portal (national-portal.md), direct or through
 * a province's bridge (section 11).
 *
 * Verbs: check, send (dossiers, steps and answers; a bridge takes batches), lookup (TraCuuHoSo),
 * detail (a procedure; a dossier that began at the portal), list (the catalogue), relay (any
 * reading service), and poll and ack for what began at the portal (section 10.4 a, not through a
 * bridge). */
#ifndef ADAPTER_PORTAL_H
#define ADAPTER_PORTAL_H

#include "adapter/adapter.h"

/* Opens the endpoint of section `portal`. Logs in at the first call, not here. ERR_CONFIG,
 * ERR_NOMEM. */
MUST_CHECK int portal_open(const struct adapter_env *env, struct adapter **out, struct errmsg *msg);

#endif
