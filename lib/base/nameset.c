#include "base/nameset.h"

#include <string.h>

/* FNV-1a of the text with its letters made small; some other signs fall together, which only costs
 * a comparison. */
static uint32_t hash_of(const char *text)
{
    uint32_t hash = UINT32_C(2166136261);

    for (; *text != '\0'; text++) {
        hash = (hash ^ ((uint8_t)*text | 0x20)) * UINT32_C(16777619);
    }
    return hash ^ hash >> 16; /* so that every bit counts for the bucket */
}

static const struct nameset_name *from(const struct nameset_name *name, uint32_t hash)
{
    while (name != NULL && name->hash != hash) {
        name = name->next;
    }
    return name;
}

const struct nameset_name *nameset_first(const struct nameset *set, const char *text)
{
    uint32_t hash = hash_of(text);

    return from(set->buckets[hash % NAMESET_BUCKETS], hash);
}

const struct nameset_name *nameset_next(const struct nameset_name *name)
{
    return from(name->next, name->hash);
}

const struct nameset_name *nameset_add(struct nameset *set, const char *text, struct arena *arena)
{
    const struct nameset_name *there = nameset_first(set, text);
    struct nameset_name **bucket;
    struct nameset_name *name;

    while (there != NULL && strcmp(there->text, text) != 0) {
        there = nameset_next(there);
    }
    if (there != NULL) {
        return there;
    }
    name = arena_alloc(arena, sizeof(*name));
    if (name == NULL) {
        return NULL;
    }
    name->text = text;
    name->hash = hash_of(text);
    name->at = set->n++;
    bucket = &set->buckets[name->hash % NAMESET_BUCKETS];
    name->next = *bucket;
    *bucket = name;
    return name;
}
