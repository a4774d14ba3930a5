/* status_try: one reading of a source for a person who writes a preset (`dvcsyncctl source try`).
 * Control socket only: what it shows is masked, but only as far as the preset tells what is
 * personal. */
#ifndef STATUS_TRY_H
#define STATUS_TRY_H

#include "daemon/status_routes.h"

void act_try(const struct route_call *call);

/* What the mask hides: the values of these in a canonical record, wherever they stand in a text,
 * e-mail addresses, and numbers of 9 to 12 digits (identity papers, telephones; not times of 14).
 */
#define STATUS_TRY_WORDS 64
struct try_mask {
    char *words[STATUS_TRY_WORDS]; /* owned, as they stand in JSON texts */
    size_t n;
};
/* Adds the personal values of a canonical body (JSON). */
void try_mask_learn(struct try_mask *m, const char *body, size_t n);
/* Writes the text with all of it as "***". */
void try_mask_put(const struct try_mask *m, const char *text, size_t n, struct buf *out);
void try_mask_free(struct try_mask *m);

#endif
