/* verify_ledger: the portal's ledger, indexed by dossier.
 *
 * The file is mapped, not read: kept are 56 bytes a line. Used by the oracle only; one thread. */
#ifndef VERIFY_LEDGER_H
#define VERIFY_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_NONE UINT32_MAX
#define LEDGER_LINES_MAX 50000000u /* more are refused */

/* One line of the ledger. */
struct ledger_line {
    const char *record; /* JSON, record_len bytes, in the map */
    uint32_t record_len;
    uint32_t next; /* the dossier's next line in the ledger's order, LEDGER_NONE at the end */
    int64_t at_ms;
    uint64_t key;      /* hash of a step's key; 0 for snapshots */
    char key_time[15]; /* the time at the head of a step's key */
    bool step;
    bool effect;
    bool stored_twice;
};

struct ledger_dossier {
    const char *code; /* in the map, not terminated */
    uint32_t code_len;
    uint32_t head;
    uint32_t tail;
    uint32_t forgotten; /* snapshots that the portal accepted and lost again */
    bool seen;          /* the province has such a dossier */
};

struct verify_ledger {
    char *map;
    size_t size;
    struct ledger_line *lines;
    size_t n;
    size_t room;
    struct ledger_dossier *dossiers; /* hash table, code NULL = free */
    size_t buckets;                  /* a power of two */
    size_t n_dossiers;
    uint64_t calls;
    uint64_t snapshots;
    uint64_t steps;
    uint64_t repeats;
    uint64_t stored_twice;
};

/* 0, or -1 with the reason on standard error. A last line without its end is left out: it was never
 * answered. */
int ledger_load(struct verify_ledger *l, const char *path);
void ledger_unload(struct verify_ledger *l);

/* NULL when the ledger has no line of this dossier. */
struct ledger_dossier *ledger_find(const struct verify_ledger *l, const char *code, size_t len);

/* The hash that lines carry of a step's key. */
uint64_t ledger_key(const char *key, size_t len);

#endif
