/* arena: memory for the strings of one record, freed together.
 *
 * Allocations are never freed singly. The ceiling bounds what a peer can make us keep. One thread
 * at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* owned, newest first */
    size_t used_bytes;
    size_t max_bytes;
    bool full; /* something was refused by the ceiling, not for want of memory */
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_free(struct arena *a); /* may be called twice */
/* Zeroed and aligned for any type; NULL beyond the ceiling or without memory. */
void *arena_alloc(struct arena *a, size_t bytes);
/* Terminated copies. NULL text gives NULL without failing; NULL is else returned as for
 * arena_alloc. */
char *arena_strdup(struct arena *a, const char *text);
char *arena_strndup(struct arena *a, const char *text, size_t n);

#endif
