#include "adapter/adapter.h"

#include <string.h>

#include "adapter/emc.h"
#include "adapter/gateway.h"
#include "adapter/intake.h"
#include "adapter/mapped.h"
#include "adapter/opencps.h"
#include "adapter/payments.h"
#include "adapter/portal.h"
#include "adapter/spool.h"

/* Profiles of provincial systems. The portal is an endpoint of its own and stands first in the list
 * of names. */
static const struct {
    const char *profile;
    int (*open)(const struct adapter_env *env, const struct config_source *source,
                struct adapter **out, struct errmsg *msg);
} profiles[] = {
    {"opencps", opencps_open}, {"spool", spool_open},   {"gateway", gateway_open},
    {"intake", intake_open},   {"mapped", mapped_open}, {"payments", payments_open},
    {"emc", emc_open},
};

int adapter_open(const struct adapter_env *env, const char *endpoint, struct adapter **out,
                 struct errmsg *msg)
{
    const struct config *config = env->config;
    const struct config_source *source;

    *out = NULL;
    if (config->has_portal && strcmp(endpoint, config->portal.name) == 0) {
        return portal_open(env, out, msg);
    }
    source = config_source_find(config, endpoint);
    if (source == NULL) {
        return err_set(msg, ERR_CONFIG, "no endpoint \"%s\": give a section `source %s`", endpoint,
                       endpoint);
    }
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        if (strcmp(source->profile, profiles[i].profile) == 0) {
            return profiles[i].open(env, source, out, msg);
        }
    }
    return err_set(msg, ERR_CONFIG, "source %s: unknown profile \"%s\"", source->name,
                   source->profile);
}
