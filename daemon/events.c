#include "events.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct events {
    struct loop *loop;
    uint64_t last; /* id */
    struct event ring[EVENTS_MAX];
};

struct events *events_new(struct loop *loop)
{
    struct events *e = calloc(1, sizeof(*e));

    if (e != NULL) {
        e->loop = loop;
    }
    return e;
}

void events_free(struct events *e)
{
    free(e);
}

void events_add(void *events, enum log_level level, const char *kind, const char *text)
{
    struct events *e = events;
    struct event *slot = &e->ring[e->last % EVENTS_MAX];

    e->last++;
    slot->id = e->last;
    slot->at_ms = loop_wall_ms(e->loop);
    slot->level = level;
    text_printable(kind, strlen(kind), slot->kind, sizeof(slot->kind));
    text_printable(text, strlen(text), slot->text, sizeof(slot->text));
}

const struct event *events_after(const struct events *e, uint64_t id)
{
    uint64_t first = e->last > EVENTS_MAX ? e->last - EVENTS_MAX + 1 : 1;
    uint64_t next = id < first ? first : id + 1;

    return id < e->last && next <= e->last ? &e->ring[(next - 1) % EVENTS_MAX] : NULL;
}

uint64_t events_last(const struct events *e)
{
    return e->last;
}
