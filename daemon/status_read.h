/* status_read: the handlers that only look. Each answers its call once. */
#ifndef STATUS_READ_H
#define STATUS_READ_H

#include "daemon/status_routes.h"

void read_status(const struct route_call *call);
void read_live(const struct route_call *call);
void read_ready(const struct route_call *call);
void read_metrics(const struct route_call *call);
void read_config(const struct route_call *call);
void read_events(const struct route_call *call);
void read_endpoint(const struct route_call *call);
void read_queue(const struct route_call *call);
void read_record(const struct route_call *call);
void read_dossier(const struct route_call *call);
void read_catalog(const struct route_call *call);

/* A decimal number without sign; absent or "" gives fallback. ERR_FORMAT. */
MUST_CHECK int read_number(const char *text, int64_t fallback, int64_t *out);

#endif
