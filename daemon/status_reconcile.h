/* status_reconcile: reconciliations over the sockets: begin, cancel, read. The body of a begin is
 * an order (status_order.h). */
#ifndef STATUS_RECONCILE_H
#define STATUS_RECONCILE_H

#include "daemon/status_routes.h"

/* POST /v1/reconcile: what = sample | open | month | dossier; with sample, month or code; fix; yes:
 * however many are lost. */
void act_reconcile(const struct route_call *call);
/* POST /v1/reconcile:cancel */
void act_reconcile_cancel(const struct route_call *call);
/* GET /v1/reconcile: the latest, or ?id=N; findings behind ?after=FLOW/CODE, at most ?limit=N. */
void read_reconcile(const struct route_call *call);

#endif
