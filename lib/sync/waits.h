/* waits: clients that wait to hear what became of the records that they brought. One table per
 * flow, filled by its hosts, told by its pusher after each commit; so an answer costs no read.
 *
 * A waiter follows what takes its record's place: a newer snapshot of the dossier that was
 * delivered or held settles the older one. Where memory can't tell, the journal is asked. Loop
 * thread. */
#ifndef SYNC_WAITS_H
#define SYNC_WAITS_H

#include "sync/flow.h"

#define WAITS_MAX 4096 /* records waited for; who comes then does not wait */
#define WAITS_BUCKETS 256
#define WAITS_LOOKS 8

struct pusher_news;

/* One record. Belongs to the host until settled or waits_remove. */
struct wait {
    char code[JOURNAL_CODE_SIZE];
    bool step;
    struct adapter_fate *fate; /* as of the commit; kept up to date */
    void (*settled)(struct wait *wait);
    void *ctx;
    /* the table's own */
    struct list link;
    bool look; /* the journal must be asked */
    struct waits_look *running;
};

struct waits_look {
    struct journal_outcome op;
    struct waits *waits;
    struct wait *wait; /* NULL: free, or the waiter left meanwhile */
    bool busy;
};

struct waits {
    const struct flow_env *env; /* borrowed */
    struct list buckets[WAITS_BUCKETS];
    size_t n;
    size_t n_look; /* whose look is set */
    struct waits_look looks[WAITS_LOOKS];
    uint32_t looking;
    struct loop_timer timer;
    void (*ended)(void *ctx); /* the last question to the journal was answered */
    void *ctx;
};

void waits_init(struct waits *w, const struct flow_env *env);
/* False: the table is full. */
bool waits_add(struct waits *w, struct wait *wait);
void waits_remove(struct waits *w, struct wait *wait);
/* A call has ended and its end is committed; settled may be called from here. */
void waits_tell(struct waits *w, const struct pusher_news *news);
/* Items moved without a call: replaced by what the sink has, or by a person. */
void waits_look(struct waits *w);
bool waits_settled(const struct adapter_fate *fate); /* nothing more is to be waited for */
/* The journal's word as a client is told it: what was given up by a person is held for good, and a
 * step that the sink had already is delivered. */
void waits_take_fate(struct adapter_fate *to, const struct journal_fate *from);
void waits_stop(struct waits *w);

#endif
