/* ctl_flows: the flows that hold dossiers, in the order in which they count for one. */
#ifndef CTL_FLOWS_H
#define CTL_FLOWS_H

#include <stddef.h>

#include "config/config.h"

/* Names of the flows of kind dossiers into out (borrowed from config): those that are live, then
 * those that observe, then those that are off, each in the configuration's order. How many. */
size_t ctl_flows(const struct config *config, const char *out[CONFIG_MAX_FLOWS]);

#endif
