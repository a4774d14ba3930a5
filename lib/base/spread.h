/* spread: how numbers are spread: percentiles of many durations in little memory.
 *
 * Up to 127 numbers are kept exactly, above that in steps of 1/64 of their size, rounded up: a
 * percentile is never told too small, and at most 1.6 % too large; the greatest is exact. Any
 * thread, one at a time. */
#ifndef BASE_SPREAD_H
#define BASE_SPREAD_H

#include <stddef.h>
#include <stdint.h>

#define SPREAD_EXACT 128
#define SPREAD_OCTAVES 25 /* up to 2^32; what is greater counts as that, but for max */
#define SPREAD_BUCKETS (SPREAD_EXACT + SPREAD_OCTAVES * (SPREAD_EXACT / 2) + 1)

/* Zero-initialised. */
struct spread {
    uint64_t n;
    uint64_t max;
    uint64_t counts[SPREAD_BUCKETS];
};

void spread_add(struct spread *s, uint64_t number);
/* The number that so many per cent (1..100) are not greater than; 0 when there is none. */
uint64_t spread_percentile(const struct spread *s, unsigned percent);

#endif
