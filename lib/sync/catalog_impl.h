/* catalog_impl: the catalogue's inside, shared by catalog.c (reads the portal into the mirror) and
 * catalog_hand.c (hands it to the sink and compares). */
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

#endif
