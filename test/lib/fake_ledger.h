/* fake_ledger: what a fake sink has accepted, and the oracle over it.
 *
 * An accepted call that changes what is stored, or adds a step, is an effect; one that changes
 * nothing is a repeat. A repeat is excused only by an answer that got lost since: for a step about
 * the same step, for a snapshot about any of its dossier (A, a lost B, A again must be sent, for B
 * may have come). Contents are told apart by the digest of their bytes as they came over, so that
 * the journal's own digests prove nothing here. */
#ifndef TEST_FAKE_LEDGER_H
#define TEST_FAKE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapter/adapter.h"

/* One content that was ever sent: a snapshot or a step. */
struct fake_content {
    uint8_t digest[RECORD_HASH_BYTES];
    bool step;
    bool doubt;           /* an answer about it got lost since it was last accepted */
    uint32_t accepted;    /* times */
    uint64_t accepted_ms; /* wall: the last time */
};

/* A repeat, for those who want to ask the journal for its excuse. */
struct fake_repeat {
    char code[64];
    uint8_t digest[RECORD_HASH_BYTES];
    bool step;
    uint64_t before_ms, at_ms; /* wall: accepted before, and again */
};

struct fake_entry {
    char code[64];
    bool there; /* holds a snapshot */
    bool withdrawn;
    uint8_t held[RECORD_HASH_BYTES];      /* digest of the snapshot's bytes */
    uint8_t sent_hash[RECORD_HASH_BYTES]; /* its content hash as sent */
    int status;                           /* as shown: the snapshot's, then that of each step */
    int64_t snapshot_at_s, step_at_s;     /* newest accepted */
    uint32_t steps;                       /* stored, twins included */
    struct fake_content *contents;        /* owned */
    size_t n_contents, capacity;
    bool snapshot_doubt; /* an answer about some snapshot of it got lost since the last was accepted
                          */
    uint32_t in_flight, most_in_flight;
};

struct fake_ledger {
    struct fake_entry **entries; /* owned; each apart, so that pointers stay */
    size_t n, capacity;
    bool step_twins; /* a step sent twice is stored twice (the portal without step_dedupe) */
    uint64_t effects, repeats;
    uint64_t duplicated;      /* repeats without excuse: no answer was lost */
    uint64_t twins;           /* steps stored twice */
    uint64_t disorder;        /* an older one after a newer one */
    struct fake_repeat *list; /* owned; every repeat */
    size_t n_list, list_capacity;
    uint64_t damaged; /* bytes that do not match the content hash they came with */
};

void fake_ledger_init(struct fake_ledger *l);
void fake_ledger_free(struct fake_ledger *l);
/* Made when new. */
struct fake_entry *fake_ledger_entry(struct fake_ledger *l, const char *code);
/* NULL when it was never heard of. */
struct fake_entry *fake_ledger_find(const struct fake_ledger *l, const char *code);
void fake_ledger_accept(struct fake_ledger *l, struct fake_entry *e, const struct record *record,
                        bool withdrawn, int status, uint64_t wall_ms);
/* The answer about this record will not be heard. */
void fake_ledger_doubt(struct fake_entry *e, const struct record *record, bool withdrawn);
/* Whether exactly these bytes were accepted (steps) or are held now (snapshots). */
bool fake_ledger_has(const struct fake_ledger *l, const struct record *record);

#endif
