/* status_try: one reading of a source for a person who writes a preset (`dvcsyncctl source try`).
 * Control socket only: what it shows is masked, but only as far as the preset tells what is
 * personal. */
#ifndef STATUS_TRY_H
#define STATUS_TRY_H

#include "daemon/status_routes.h"

void act_try(const struct route_call *call);

#endif
