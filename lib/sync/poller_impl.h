/* poller_impl: the poller's inside, shared by poller.c (rounds and pages) and poller_take.c
 * (details and what is stored of them). */
#ifndef SYNC_POLLER_IMPL_H
#define SYNC_POLLER_IMPL_H

#include "sync/poller.h"

#define POLLER_LOG_MS 60000

void poller_trouble(struct poller *p, const char *what, const char *why);
/* Asks for details while there are rows, places and room; true when the page has no more. */
bool poller_run_details(struct poller *p);
/* The append that is being filled, made when there is none. */
struct poller_append *poller_append_open(struct poller *p);
void poller_append_start(struct poller *p);

#endif
