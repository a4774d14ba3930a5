/* portal intake: dossiers that began at the portal, fetched by us (national-portal.md 10.2, 10.4
 * a).
 *
 * The services' names are configuration, because none of them is public; so is what they hold: the
 * list shows what was not acknowledged yet, a dossier has the form of section 5.2 with its files
 * inside, and whatever we don't know is kept in `extra`. Loop thread. */
#ifndef ADAPTER_PORTAL_INTAKE_H
#define ADAPTER_PORTAL_INTAKE_H

#include "adapter/adapter.h"

/* Rows of the list, at most 1,000 a poll. The cursor is "" but for the pages of a longer list. */
void portal_intake_poll(struct adapter *a, struct adapter_poll *poll);
/* One dossier. ERR_UNSUPPORTED through a bridge. */
void portal_intake_detail(struct adapter *a, struct adapter_detail *detail);
/* One call per id, one after the other. An id that the portal no longer knows counts as done. */
void portal_intake_ack(struct adapter *a, struct adapter_ack *ack);

#endif
