/* reconcile: looks codes up at a party, at its pace, and stores what it shows: flow `seen` for open
 * dossiers, and `adopt` for dossiers that were there before us. One struct a walk; a walk goes
 * through the journal's subjects in order of id. */
#ifndef SYNC_RECONCILE_H
#define SYNC_RECONCILE_H

#include "sync/flow.h"

#define WALK_LOOKUPS_MAX 8
#define WALK_AGAIN_MAX 64

struct walk;

struct walk_lookup {
    struct adapter_lookup lookup;
    struct walk *walk;
    char code[64];
    int64_t subject;
    union {
        struct journal_adopt adopt;
        struct journal_seen seen;
    } store;
    bool busy;
};

struct walk {
    const struct flow_env *env; /* borrowed */
    const char *name;           /* the flow's */
    struct party *party;        /* who is asked */
    bool adopts;                /* else: seen */
    uint64_t every_ms;          /* seen: an answer older than this is asked again */
    bool live;

    int64_t flow; /* whose subjects; 0: nothing to walk */
    int64_t after;
    uint64_t until_ms; /* adopt: when it was asked for */
    bool walking, reading, at_end, stopping;
    struct journal_subjects page;
    bool has_page;
    size_t next;
    uint32_t running;
    struct walk_lookup lookups[WALK_LOOKUPS_MAX];
    /* adopt: looked up without an answer; asked again, first in first out, before the walk ends */
    struct {
        int64_t subject;
        char code[64];
    } again[WALK_AGAIN_MAX];
    uint32_t n_again, unknown_in_row;
    uint64_t again_at_ms;
    struct loop_timer timer;
    struct loop_task pump;

    void (*ended)(void *ctx); /* the walk is over: the pusher may find work */
    void *ctx;
    void (*stopped)(void *ctx);
    void *stopped_ctx;

    uint64_t asked, unknown, differs, adopted, pending;
};

void walk_init(struct walk *w, const struct flow_env *env, const char *name, struct party *party,
               bool adopts);
/* Starts (adopt), or keeps going round (seen; called again after each round by its own timer). */
void walk_start(struct walk *w, int64_t flow);
void walk_kick(struct walk *w);
void walk_stop(struct walk *w, void (*stopped)(void *ctx), void *ctx);

#endif
