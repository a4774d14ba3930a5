/* reviewer_impl: the reviewer's inside, shared by reviewer.c (the reconciliation as a whole) and
 * reviewer_one.c (one dossier). */
#ifndef SYNC_REVIEWER_IMPL_H
#define SYNC_REVIEWER_IMPL_H

#include "sync/reviewer.h"

/* Begins with one dossier in a free slot. */
void reviewer_one_begin(struct reviewer *r, struct reviewer_slot *s,
                        const struct review_todo *todo);
/* Makes the call that it waits for, when there is a place. Returns how long to wait else; 0: it
 * waits for no place, UINT64_MAX: for the end of another call. */
uint64_t reviewer_one_go_on(struct reviewer *r, struct reviewer_slot *s);
/* Gives it up; it stays to be compared. Not while a call or an op of it is under way. */
void reviewer_one_free(struct reviewer_slot *s);
/* Whether a call or an op of it is under way. */
bool reviewer_one_busy(const struct reviewer_slot *s);

#endif
