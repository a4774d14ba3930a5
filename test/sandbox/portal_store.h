/* portal_store: what the portal remembers of each dossier, kept small: a digest of the newest
 * snapshot, the keys of the steps as hashes and the state shown. The full content is in the ledger.
 *
 * Not locked: the portal's mutex guards it. */
#ifndef PORTAL_STORE_H
#define PORTAL_STORE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_CODE_MAX 50           /* bytes of a MaHoSo */
#define STORE_DOSSIERS_MAX 4000000u /* more are refused */
#define STORE_STEPS_MAX 10000u      /* a dossier */

/* Of a JSON value, whatever the order of its members; empty members ("" [] {} null) count as
 * absent, because the protocol writes "no value" in all these ways. */
struct digest {
    uint64_t a;
    uint64_t b;
};

struct dossier {
    char code[STORE_CODE_MAX + 1];
    uint8_t shown;      /* TrangThaiHoSo, 1..10; 0 none, by order only */
    bool mute;          /* a look-up of it is refused */
    bool shown_by_step; /* or by a snapshot */
    bool has_snapshot;
    bool has_answer;
    struct digest digest;   /* of the newest snapshot */
    struct digest answer;   /* of the newest DongBoTrangThaiHoSo */
    uint64_t shown_time;    /* yyyyMMddHHmmss as a number */
    uint64_t snapshot_time; /* the newest date that the newest snapshot proves */
    uint64_t newest_step;
    uint64_t *steps; /* hashes of the step keys */
    uint32_t step_count;
    uint32_t step_cap;
    struct dossier *next; /* same bucket */
};

struct store {
    struct dossier **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;        /* dossiers */
    size_t steps;        /* of all of them */
};

/* 0 or -1 when memory is out. */
int store_init(struct store *s);
void store_free(struct store *s);

/* NULL when there is none; code need not be checked before. */
struct dossier *store_find(const struct store *s, const char *code);
/* A new, empty dossier; NULL when the store is full or memory is out. */
struct dossier *store_add(struct store *s, const char *code);

/* Forgets a dossier with its steps; false when there is none. */
bool store_remove(struct store *s, const char *code);
/* Another state is shown and another content is held, as if an older copy had been put back. */
void dossier_alter(struct dossier *d, unsigned state);

/* What a snapshot or a step did. */
struct store_change {
    bool effect; /* stored content changed or a step key was added */
    bool older;  /* dated before what was stored: the state shown did not move */
    bool failed; /* memory is out or the dossier is full: nothing was stored */
};

/* Stores a snapshot. An older one replaces the content all the same, as the real portal would. */
struct store_change dossier_put_snapshot(struct dossier *d, struct digest digest, unsigned state,
                                         uint64_t time);
/* Stores a step by the hash of its key; a known key changes nothing. */
struct store_change dossier_put_step(struct store *s, struct dossier *d, uint64_t key,
                                     unsigned state, uint64_t time);
/* Stores an answer on a dossier that began at the portal; the state it sets is shown at once. */
struct store_change dossier_put_answer(struct dossier *d, struct digest digest, unsigned state);
bool dossier_has_step(const struct dossier *d, uint64_t key);

struct digest digest_json(const cJSON *value);
uint64_t digest_text(const char *text);

#endif
