/* nameset: names that are looked for together, as those of a record's fields.
 *
 * Made once, then only read, by any thread. One pass over what there is (an object's members, an
 * element's children) finds all of them, and compares nothing with names that it can't be. */
#ifndef BASE_NAMESET_H
#define BASE_NAMESET_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define NAMESET_BUCKETS 64

struct nameset_name {
    const char *text;
    uint32_t hash;             /* without regard to ASCII case */
    unsigned at;               /* its number, 0 to n - 1 of its set */
    struct nameset_name *next; /* in its bucket */
};

struct nameset { /* all zero: empty */
    struct nameset_name *buckets[NAMESET_BUCKETS];
    unsigned n;
};

/* The name of exactly this text, added if it is not there: the text is borrowed then and must stay
 * as long as the set. The name lives in the arena; NULL without memory. */
MUST_CHECK const struct nameset_name *nameset_add(struct nameset *set, const char *text,
                                                  struct arena *arena);
/* Those that may be this text when ASCII case is left aside: all that are, and hardly another. The
 * caller compares. NULL ends. */
const struct nameset_name *nameset_first(const struct nameset *set, const char *text);
const struct nameset_name *nameset_next(const struct nameset_name *name);

#endif
