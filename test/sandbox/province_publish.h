/* province_publish: OpenCPS's publish queue (provincial-systems.md 1.1, queue 2), played by a
 * thread: what has changed since it was published is POSTed as a form to {publish_url}
 * /dossiers/publish, ten rows at a time, coalesced (the receiver sees the latest state). Taken is
 * an answer with a dossierId that is not null; after ten failures a row is dead until republish. */
#ifndef PROVINCE_PUBLISH_H
#define PROVINCE_PUBLISH_H

#include "sandbox/province_routes.h"
#include "sandbox/sbuf.h"

struct publish;

/* Starts the thread; it waits while the knob publish_url is empty. What is there already counts as
 * published. 0 or -1. */
int publish_start(struct publish **out, struct province *p);
void publish_stop(struct publish *q); /* NULL is fine; frees */

/* Dead rows are waiting again; returns how many. The caller holds the province's lock. */
size_t publish_again(struct publish *q);
/* Writes ,"publish":{...}. The caller holds the province's lock. */
void publish_stats(struct publish *q, struct sbuf *out);

#endif
