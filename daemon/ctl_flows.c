#include "daemon/ctl_flows.h"

size_t ctl_flows(const struct config *config, const char *out[CONFIG_MAX_FLOWS])
{
    static const enum flow_mode modes[] = {FLOW_LIVE, FLOW_OBSERVE, FLOW_OFF};
    size_t n = 0;

    for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
        for (size_t i = 0; i < config->n_flows; i++) {
            const struct config_flow *flow = &config->flows[i];

            if (flow->kind == FLOW_DOSSIERS && flow->mode == modes[m]) {
                out[n++] = flow->name;
            }
        }
    }
    return n;
}
