/* portal shelf: objects of dossiers and steps between their check and their call.
 *
 * The check writes the very text that a call carries a moment later. It lies here until then, under
 * the hash that the journal keeps of its item: of a dossier the digest of these bytes, of a step
 * that of its record, so that a text taken from here is the one that was judged. What is not here
 * is written anew from the record.
 *
 * Calls come in the order of the checks, so a full shelf takes nothing more: what came first is
 * needed first. What lies too long (its record changed nothing, or was held) makes room.
 * Not kept: a dossier with volatile parts, whose hash leaves some of its bytes out. Loop thread. */
#ifndef ADAPTER_PORTAL_SHELF_H
#define ADAPTER_PORTAL_SHELF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "domain/record.h"

#define PORTAL_SHELF_BYTES (4u << 20)
#define PORTAL_SHELF_LIFE_MS 30000
#define PORTAL_SHELF_CHAINS 1024 /* a power of two */

/* One object, as in `data` of a call. */
struct portal_text {
    struct list by_age;
    struct list in_chain;
    uint64_t put_ms; /* monotonic */
    uint8_t hash[RECORD_HASH_BYTES];
    int status; /* national, as written */
    size_t len;
    char text[]; /* len bytes */
};

struct portal_shelf {
    struct list by_age; /* struct portal_text, owned, the oldest first */
    struct list chains[PORTAL_SHELF_CHAINS];
    size_t bytes;
    uint64_t generation; /* of the catalogue that the texts were written with */
};

void portal_shelf_init(struct portal_shelf *s);
/* Empties it: maps or settings changed. */
void portal_shelf_clear(struct portal_shelf *s);
/* The same where generation is another one than before. */
void portal_shelf_follow(struct portal_shelf *s, uint64_t generation);
/* What lies longer than its time: to be called now and then, so that nobody's data stay. */
void portal_shelf_drop_old(struct portal_shelf *s, uint64_t now_ms);
/* Copies the text; silently not without room or memory, or when it lies here already. */
void portal_shelf_put(struct portal_shelf *s, uint64_t now_ms,
                      const uint8_t hash[RECORD_HASH_BYTES], int status, const char *text,
                      size_t len);
/* Takes it out; the caller frees it with free(). NULL: not here, or too old. */
struct portal_text *portal_shelf_take(struct portal_shelf *s, uint64_t now_ms,
                                      const uint8_t hash[RECORD_HASH_BYTES]);

#endif
