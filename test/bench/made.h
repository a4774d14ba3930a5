/* made: dossiers as a source would have told them, with the canonical record of each. For what
 * fills a journal without a source; nobody in them exists. */
#ifndef BENCH_MADE_H
#define BENCH_MADE_H

#include "base/arena.h"
#include "domain/record.h"

struct made {
    char code[40];
    struct record record; /* its texts in the arena */
};

/* Now, where the day must not matter: instructions are counted (counts.sh). */
#define MADE_NOW_S INT64_C(1790787600)

/* The i-th, handed in about a month before now_s. Ends the program when it can't be made. */
void made_fill(long i, int64_t now_s, struct arena *arena, struct made *m);

#endif
