/* pusher_impl: the pusher's inside, shared by pusher.c (claims, begins) and pusher_end.c (what
 * follows from an end). */
#ifndef SYNC_PUSHER_IMPL_H
#define SYNC_PUSHER_IMPL_H

#include "sync/pusher.h"

/* One dossier of a call. */
struct pusher_member {
    struct pusher_call *group;
    struct journal_call *call; /* owned */
    struct journal_finish finish;
};

struct pusher_call {
    struct list link;
    struct pusher *pusher;
    struct pusher_member *members; /* owned; more than one only in a batch */
    size_t n, finishing;
    struct record *records;    /* owned; of a batch, else NULL */
    struct adapter_sent *sent; /* owned; likewise */
    union {
        struct adapter_send send;
        struct adapter_lookup lookup;
    } request;
};

/* For n dossiers; without members yet. */
struct pusher_call *pusher_call_new(struct pusher *p, size_t n);
void pusher_call_add(struct pusher_call *c, struct journal_call *call);

void pusher_send_done(struct adapter_send *send);
void pusher_lookup_done(struct adapter_lookup *lookup);

/* dossiers: in the call. */
struct policy_call pusher_describe(const struct pusher *p, const struct journal_call *call,
                                   size_t dossiers, const struct outcome *outcome);
void pusher_fill_finish(struct pusher *p, struct pusher_member *m, const struct policy_decision *d,
                        const struct outcome *outcome);
/* Stores what was filled in, member by member; c is gone after the last commit. */
void pusher_finish(struct pusher_call *c);

void pusher_check_stopped(struct pusher *p);
void pusher_pump(struct pusher *p);

#endif
