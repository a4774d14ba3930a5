/* emc: the usage measurement system as a sink (national-portal.md section 12). One call, a form,
 * for each change of a dossier's status as EMC numbers it; its success is HTTP 204 and nothing
 * else.
 *
 * EMC counts calls. It has no look-up and no number by which a repeat would be known, so an event
 * whose answer was lost may be counted twice when it is told again: steps_in_doubt of the flow
 * decides whether it is, and the notes count both. Loop thread. */
#ifndef ADAPTER_EMC_H
#define ADAPTER_EMC_H

#include "adapter/adapter.h"

/* The adapter of a source of profile emc. ERR_CONFIG, ERR_NOMEM. */
MUST_CHECK int emc_open(const struct adapter_env *env, const struct config_source *source,
                        struct adapter **out, struct errmsg *msg);

#endif
