/* silence: when each agency last sent something: a new dossier, a changed one, a step.
 *
 * Kept in the table agency_seen, page by page of items that were not counted yet, so that an append
 * pays nothing for it and no look walks over the journal twice. The agency is the raw one of the
 * dossier's newest snapshot (table figure). */
#ifndef JOURNAL_SILENCE_H
#define JOURNAL_SILENCE_H

#include "journal/journal.h"

#define SILENCE_AGENCIES_MAX 4096 /* those that sent last are kept */
#define SILENCE_FLOWS_MAX 64      /* ids of flows are below, see journal_flow_id */

struct silence_agency {
    const char *code;
    uint64_t seen_ms; /* wall, when its last item was stored */
};

/* Counts at most `limit` more items; `more`: there are others, ask again. */
struct silence_arrivals {
    struct journal_op op;
    const int64_t *flows; /* borrowed until done: whose dossiers */
    size_t n_flows;
    int64_t limit;
    /* out; free with silence_arrivals_free */
    struct arena arena;
    struct silence_agency *agencies; /* in order of code */
    size_t n;
    bool more;
};
void silence_arrivals(struct journal *j, struct silence_arrivals *a);
void silence_arrivals_free(struct silence_arrivals *a);

/* Which agencies there are, in order of code, from the journal's file, with what was not counted
 * yet: see survey.h. flows: names. Borrowed for the callback; non-zero ends the reading with that.
 */
MUST_CHECK int silence_list(const char *path, const char *const *flows, size_t n_flows,
                            int (*row)(void *ctx, const struct silence_agency *agency,
                                       const char *name),
                            void *ctx, struct errmsg *msg);

#endif
