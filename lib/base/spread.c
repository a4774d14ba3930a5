#include "base/spread.h"

#define STEPS (SPREAD_EXACT / 2) /* of an octave */

/* Bucket of the smallest number of each octave: 128 of 7 bits and more, 256, 512... */
static size_t bucket_of(uint64_t number)
{
    size_t octave = 0;
    uint64_t low = SPREAD_EXACT;

    if (number < SPREAD_EXACT) {
        return (size_t)number;
    }
    while (octave < SPREAD_OCTAVES && number >= 2 * low) {
        low *= 2;
        octave++;
    }
    if (octave == SPREAD_OCTAVES) {
        return SPREAD_BUCKETS - 1;
    }
    return SPREAD_EXACT + octave * STEPS + (size_t)((number - low) / (low / STEPS));
}

/* The greatest number of a bucket. */
static uint64_t top_of(size_t bucket)
{
    uint64_t low;

    if (bucket < SPREAD_EXACT) {
        return bucket;
    }
    if (bucket == SPREAD_BUCKETS - 1) {
        return UINT64_MAX;
    }
    low = (uint64_t)SPREAD_EXACT << ((bucket - SPREAD_EXACT) / STEPS);
    return low + (low / STEPS) * ((bucket - SPREAD_EXACT) % STEPS + 1) - 1;
}

void spread_add(struct spread *s, uint64_t number)
{
    s->n++;
    s->max = number > s->max ? number : s->max;
    s->counts[bucket_of(number)]++;
}

uint64_t spread_percentile(const struct spread *s, unsigned percent)
{
    uint64_t wanted = s->n / 100 * percent + (s->n % 100 * percent + 99) / 100;
    uint64_t seen = 0;

    for (size_t i = 0; i < SPREAD_BUCKETS && s->n > 0; i++) {
        seen += s->counts[i];
        if (seen >= wanted) {
            return top_of(i) < s->max ? top_of(i) : s->max;
        }
    }
    return s->max;
}
