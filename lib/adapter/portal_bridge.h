/* portal bridge: the portal behind a province's bridge (national-portal.md section 11).
 *
 * No login and no session: services are paths under the same endpoints, pushes carry a bare array,
 * readings are GET. Only some bridges are public, and of each only some services: what they share
 * is here, what differs is configuration. Pure; any thread. */
#ifndef ADAPTER_PORTAL_BRIDGE_H
#define ADAPTER_PORTAL_BRIDGE_H

#include "adapter/adapter.h"
#include "base/buf.h"
#include "codec/json.h"

/* transport = bridge. */
bool portal_is_bridge(const struct config_portal *portal);
/* "DongBoHoSoMC?MaDinhDanhDV=...&isUpdating=True", without the endpoint and a slash. */
void portal_bridge_push_path(const struct config_portal *portal, const char *service,
                             const bool *updating, struct buf *out);
/* "LayThuTuc?maTTHC=..."; key NULL: no parameter. */
void portal_bridge_read_path(const char *service, const char *key, const char *value,
                             struct buf *out);
/* The same from an object of plain values. ERR_UNSUPPORTED for others. */
MUST_CHECK int portal_bridge_relay_path(const char *service, const struct json *parameters,
                                        struct buf *out);

#endif
