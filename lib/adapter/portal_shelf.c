#include "adapter/portal_shelf.h"

#include <stdlib.h>
#include <string.h>

void portal_shelf_init(struct portal_shelf *s)
{
    memset(s, 0, sizeof(*s));
    list_init(&s->by_age);
    for (size_t i = 0; i < PORTAL_SHELF_CHAINS; i++) {
        list_init(&s->chains[i]);
    }
}

static void take_out(struct portal_shelf *s, struct portal_text *t)
{
    list_remove(&t->by_age);
    list_remove(&t->in_chain);
    s->bytes -= sizeof(*t) + t->len;
}

static struct portal_text *oldest(const struct portal_shelf *s)
{
    return CONTAINER_OF(s->by_age.next, struct portal_text, by_age);
}

static void drop_oldest(struct portal_shelf *s)
{
    struct portal_text *t = oldest(s);

    take_out(s, t);
    free(t);
}

void portal_shelf_clear(struct portal_shelf *s)
{
    while (!list_empty(&s->by_age)) {
        drop_oldest(s);
    }
}

void portal_shelf_follow(struct portal_shelf *s, uint64_t generation)
{
    if (s->generation != generation) {
        portal_shelf_clear(s);
        s->generation = generation;
    }
}

void portal_shelf_drop_old(struct portal_shelf *s, uint64_t now_ms)
{
    while (!list_empty(&s->by_age) && now_ms - oldest(s)->put_ms > PORTAL_SHELF_LIFE_MS) {
        drop_oldest(s);
    }
}

static struct list *chain_of(struct portal_shelf *s, const uint8_t hash[RECORD_HASH_BYTES])
{
    return &s->chains[(hash[0] | hash[1] << 8) & (PORTAL_SHELF_CHAINS - 1)];
}

static struct portal_text *find(struct portal_shelf *s, const uint8_t hash[RECORD_HASH_BYTES])
{
    const struct list *chain = chain_of(s, hash);

    for (struct list *l = chain->next; l != chain; l = l->next) {
        struct portal_text *t = CONTAINER_OF(l, struct portal_text, in_chain);

        if (memcmp(t->hash, hash, RECORD_HASH_BYTES) == 0) {
            return t;
        }
    }
    return NULL;
}

void portal_shelf_put(struct portal_shelf *s, uint64_t now_ms,
                      const uint8_t hash[RECORD_HASH_BYTES], int status, const char *text,
                      size_t len)
{
    struct portal_text *t;

    portal_shelf_drop_old(s, now_ms);
    if (s->bytes + sizeof(*t) + len > PORTAL_SHELF_BYTES || find(s, hash) != NULL) {
        return;
    }
    t = malloc(sizeof(*t) + len);
    if (t == NULL) {
        return;
    }
    t->put_ms = now_ms;
    memcpy(t->hash, hash, RECORD_HASH_BYTES);
    t->status = status;
    t->len = len;
    memcpy(t->text, text, len);
    list_push(&s->by_age, &t->by_age);
    list_push(chain_of(s, hash), &t->in_chain);
    s->bytes += sizeof(*t) + len;
}

struct portal_text *portal_shelf_take(struct portal_shelf *s, uint64_t now_ms,
                                      const uint8_t hash[RECORD_HASH_BYTES])
{
    struct portal_text *t;

    portal_shelf_drop_old(s, now_ms);
    t = find(s, hash);
    if (t != NULL) {
        take_out(s, t);
    }
    return t;
}
