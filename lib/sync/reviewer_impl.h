/* reviewer_impl: the reviewer's inside, shared by reviewer.c (the reconciliation as a whole),
 * reviewer_one.c (one dossier), reviewer_record.c and reviewer_night.c. */
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

/* The journal refused an op: says so; nothing more is asked of it for a while, longer each time
 * until something succeeds. */
void reviewer_refused(struct reviewer *r, const struct journal_op *op, const char *what);

/* ---- reviewer_record.c ---- */

/* The row of the journal that its source is asked by; NULL: the journal does not know it. */
const struct review_source_row *reviewer_row(const struct reviewer_slot *s);
/* Judges what the source told: facts, source_status, the keys of the steps, and with fix the
 * records themselves. 0, or why they can't be judged. */
MUST_CHECK int reviewer_take_records(struct reviewer_slot *s, const struct adapter_detail *detail);

/* ---- reviewer_night.c ---- */

/* The timer of the nightly ones; armed anew after each change of at_minute. */
void reviewer_night_init(struct reviewer *r);
void reviewer_night_arm(struct reviewer *r);

#endif
