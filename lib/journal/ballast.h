/* ballast: room kept on the journal's disk and given up when the disk is full, so that what stands
 * half-way can be committed and what frees space (retention, drop) can be written: in WAL mode even
 * a DELETE needs room.
 *
 * Used by the journal only: at start, and on its worker. Nothing of it is an error: without ballast
 * the journal waits for room all the same. */
#ifndef JOURNAL_BALLAST_H
#define JOURNAL_BALLAST_H

#include <stdbool.h>
#include <stdint.h>

#define BALLAST_BYTES_MAX (UINT64_C(8) << 20)

struct ballast {
    char path[4096];
    uint64_t bytes; /* to keep; 0: none */
    bool kept;
    bool dropped;   /* given up once: the room must be proven before it is made again */
    unsigned skips; /* calls of ballast_keep that do nothing yet */
};

/* An eighth of the low-water mark, at most BALLAST_BYTES_MAX; nothing is written yet. */
void ballast_init(struct ballast *b, const char *journal_path, uint64_t low_water_bytes);
/* Makes it when it is not there and the disk has more than the mark free. Called after each batch.
 * Once it was given up, what the file system calls free is no proof (a quota gives less): then only
 * when the mark can be allocated beside it, and not at each call. */
void ballast_keep(struct ballast *b, uint64_t free_bytes, uint64_t low_water_bytes);
/* Gives it up. False: there was none. */
bool ballast_drop(struct ballast *b);

#endif
