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

/* The i-th. Ends the program when it can't be made. */
void made_fill(long i, struct arena *arena, struct made *m);

#endif
