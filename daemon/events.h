/* events: the last 1,000 things that happened, for people who follow along over the status socket.
 *
 * A ring in memory: nothing of it outlives the process, the log keeps everything. Ids go up by one
 * and never come back, so a reader sees by a gap that it was too slow. Loop thread only. */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdint.h>

#include "base/log.h"
#include "base/loop.h"

#define EVENTS_MAX 1000

struct event {
    uint64_t id;   /* from 1 */
    int64_t at_ms; /* wall */
    enum log_level level;
    char kind[32];
    char text[240];
};

struct events;

/* NULL without memory. loop is borrowed. */
struct events *events_new(struct loop *loop);
void events_free(struct events *e); /* NULL is fine */
/* Copies, printable, cut on a character boundary. Fits engine_env.event with ctx = the events. */
void events_add(void *events, enum log_level level, const char *kind, const char *text);
/* The oldest event after that id; NULL when there is none. Valid until the next add. */
const struct event *events_after(const struct events *e, uint64_t id);
/* The id of the newest; 0 before the first. */
uint64_t events_last(const struct events *e);

#endif
