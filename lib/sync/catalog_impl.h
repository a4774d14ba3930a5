/* catalog_impl: the catalogue's inside, shared by catalog.c (reads the portal into the mirror),
 * catalog_decisions.c (and the decisions), catalog_hand.c (hands it to the sink), catalog_local.c
 * (reads what the province shows) and catalog_heal.c. */
#ifndef SYNC_CATALOG_IMPL_H
#define SYNC_CATALOG_IMPL_H

#include "sync/catalog.h"

#define CATALOG_PAGE_ROWS 200

void catalog_fail(struct catalog *c, const char *what, const char *why);
const char *catalog_words(const struct errmsg *why, int err);
/* False: the party may be called; else a timer is armed and the step is tried again. */
bool catalog_must_wait(struct catalog *c, struct party *party);
/* All is read, handed over and compared. */
void catalog_end_reading(struct catalog *c);
void catalog_finished(struct catalog *c);
/* Hands the next page of the mirror to the sink. */
void catalog_ask_hand(struct catalog *c);
void catalog_read_local(struct catalog *c);
/* Hands a row of the mirror over as the sink's check judges it. 0 or a negative error. */
MUST_CHECK int catalog_hand_row(struct catalog *c, const struct mirror_row *row,
                                struct journal_append *append);
/* catalog_decisions.c: asks for what procedures name and the mirror has not; goes on with HAND. */
void catalog_run_decisions(struct catalog *c);
void catalog_begin_decisions(struct catalog *c);

#endif
