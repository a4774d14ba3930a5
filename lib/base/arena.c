#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 960 /* malloc has such small ones at hand, and many arenas need no more */
#define BLOCK_BYTES 4096
#define ALIGNMENT alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t size; /* bytes in data */
    size_t used;
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t max_bytes)
{
    a->blocks = NULL;
    a->used_bytes = 0;
    a->max_bytes = max_bytes;
    a->full = false;
}

void arena_free(struct arena *a)
{
    struct arena_block *block = a->blocks;

    while (block != NULL) {
        struct arena_block *next = block->next;

        free(block);
        block = next;
    }
    arena_init(a, a->max_bytes);
}

static struct arena_block *block_add(struct arena *a, size_t bytes)
{
    size_t least = a->blocks != NULL ? BLOCK_BYTES : FIRST_BYTES;
    size_t size = bytes > least ? bytes : least;
    struct arena_block *block = calloc(1, sizeof(*block) + size);

    if (block == NULL) {
        return NULL;
    }
    block->size = size;
    if (bytes > BLOCK_BYTES && a->blocks != NULL) {
        /* Full from the start: the half-used block in front stays the one to fill. */
        block->next = a->blocks->next;
        a->blocks->next = block;
    } else {
        block->next = a->blocks;
        a->blocks = block;
    }
    return block;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    struct arena_block *block = a->blocks;
    size_t rounded;
    void *at;

    if (bytes > SIZE_MAX / 2) {
        a->full = true;
        return NULL;
    }
    rounded = bytes == 0 ? ALIGNMENT : (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded > a->max_bytes - a->used_bytes) {
        a->full = true;
        return NULL;
    }
    if (block == NULL || rounded > block->size - block->used) {
        block = block_add(a, rounded);
        if (block == NULL) {
            return NULL;
        }
    }
    at = block->data + block->used;
    block->used += rounded;
    a->used_bytes += rounded;
    return at;
}

char *arena_strdup(struct arena *a, const char *text)
{
    return text != NULL ? arena_strndup(a, text, strlen(text)) : NULL;
}

char *arena_strndup(struct arena *a, const char *text, size_t n)
{
    char *copy;

    if (text == NULL || n == SIZE_MAX) {
        return NULL;
    }
    copy = arena_alloc(a, n + 1);
    if (copy != NULL && n > 0) {
        memcpy(copy, text, n); /* the rest is zero */
    }
    return copy;
}
