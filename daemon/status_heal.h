/* status_heal: the order that has records of the catalogue sent once more. */
#ifndef STATUS_HEAL_H
#define STATUS_HEAL_H

#include "daemon/status_routes.h"

/* POST /v1/flows/NAME:heal {"codes":[...],"reason":TEXT}: at most CATALOG_HEAL_MAX codes. */
void act_heal(const struct route_call *call);

#endif
