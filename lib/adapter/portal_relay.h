/* portal relay: reading services for somebody else's client, in the portal's own words.
 *
 * For the gateway, through the engine; sessions are handled as for every call. Loop thread. */
#ifndef ADAPTER_PORTAL_RELAY_H
#define ADAPTER_PORTAL_RELAY_H

#include "adapter/adapter.h"

/* adapter.h's relay. The reply is what the portal sent, refusals too, once it is complete JSON; of
 * a bridge's reply in a reply the inner one. ERR_DENIED also for services that are no reading ones.
 */
void portal_relay(struct adapter *a, struct adapter_relay *relay);

#endif
