/* ledger: the append-only file of accepted calls.
 *
 * Lines are handed over from any thread and written by one thread of its own; one fdatasync serves
 * all calls that wait. An answer leaves only after its lines are on disk: ledger_then says when.
 * A ledger that can't be written ends the process: answers without a record would be worse. */
#ifndef LEDGER_H
#define LEDGER_H

#include <stddef.h>
#include <stdint.h>

struct ledger;

struct ledger_stats {
    uint64_t lines; /* handed over since start */
    uint64_t bytes;
    uint64_t syncs;         /* fdatasync calls */
    uint64_t waits;         /* ledger_then calls served */
    uint64_t largest_group; /* most waits served by one sync */
    uint64_t cpu_us;        /* processor time of the ledger's thread */
};

/* Opens or makes the file, cuts off a last line that has no end (it was never answered) and hands
 * each older line to old(line, len, arg) first; old may be NULL. 0, or -1 with the reason on
 * standard error. *out owned by the caller. */
int ledger_open(struct ledger **out, const char *path,
                void (*old)(const char *line, size_t len, void *arg), void *arg);

/* Writes what was handed over, syncs, serves the waits and closes. */
void ledger_close(struct ledger *l);

/* From now on answers leave when their lines are written, and the file is synced this often at most
 * (0: before every answer, as at the start). For make bench, whose disk is the daemon's too. */
void ledger_group(struct ledger *l, unsigned group_ms);

/* Hands one line over, without its end; copied. It is written when somebody waits for it. */
void ledger_append(struct ledger *l, const char *line, size_t len);

/* done(arg) runs on the ledger's thread once everything handed over before is on disk. */
void ledger_then(struct ledger *l, void (*done)(void *arg), void *arg);

void ledger_read_stats(struct ledger *l, struct ledger_stats *out);

#endif
