/* host_impl: the host's inside, shared by host.c (offers) and host_ask.c (questions). */
#ifndef SYNC_HOST_IMPL_H
#define SYNC_HOST_IMPL_H

#include "sync/host.h"

void host_ask(struct adapter_host *base, struct adapter_ask *ask);
void host_relay(struct adapter_host *base, struct adapter_relay *relay);
void host_rows(struct adapter_host *base, struct adapter_rows *rows);
/* Begins what waits for a place at the sink, or gives it up. */
void host_pump_calls(struct host *h);

void host_check_stopped(struct host *h);

#endif
