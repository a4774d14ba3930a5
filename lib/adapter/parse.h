/* parse: reading of replies, on the loop when they are small and on a worker when they are not.
 *
 * For the adapters, from inside the callback of an HTTP call: what comes of a reply over
 * ADAPTER_PARSE_INLINE_BYTES must not stall the loop (style.md pitfall 35). The struct is embedded
 * in the caller's call. */
#ifndef ADAPTER_PARSE_H
#define ADAPTER_PARSE_H

#include <stddef.h>

#include "base/loop.h"

#define ADAPTER_PARSE_INLINE_BYTES 65536

struct adapter_parse {
    /* in: both set by adapter_parse_start */
    void (*run)(struct adapter_parse *parse);  /* pure; perhaps on a worker thread */
    void (*done)(struct adapter_parse *parse); /* on the loop, after run; may free the struct */
    /* own */
    struct loop_work work;
};

/* Runs run and then done, once each. Up to the bound, and when the worker can't take it, both run
 * before this returns: so call it last, and only from a callback of the loop. */
void adapter_parse_start(struct loop *loop, struct adapter_parse *parse, size_t n_bytes,
                         void (*run)(struct adapter_parse *parse),
                         void (*done)(struct adapter_parse *parse));

#endif
