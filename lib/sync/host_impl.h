/* host_impl: the host's inside, shared by host.c (offers) and host_ask.c (questions). Loop
 * thread. */
#ifndef SYNC_HOST_IMPL_H
#define SYNC_HOST_IMPL_H

#include "sync/host.h"

/* The verbs of adapter_host in host_ask.c; done comes once, later. */
void host_ask(struct adapter_host *base, struct adapter_ask *ask);
void host_relay(struct adapter_host *base, struct adapter_relay *relay);
void host_rows(struct adapter_host *base, struct adapter_rows *rows);
/* Begins what waits for a place at the sink, or gives it up. */
void host_pump_calls(struct host *h);

/* Tells host_stop's caller when nothing is open any more; h may be gone then. */
void host_check_stopped(struct host *h);

#endif
