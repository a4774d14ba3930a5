/* ctl_agree: both catalogues out of a journal's file, compared procedure by procedure: what
 * `catalog report` and `catalog heal` have in common. Needs no daemon. */
#ifndef CTL_AGREE_H
#define CTL_AGREE_H

#include "daemon/ctl.h"
#include "domain/agree.h"
#include "domain/term.h"
#include "journal/catalog_book.h"

/* What the other lists of the portal say of one procedure. */
struct agree_case;
struct agree_service;
struct agree_decision;

struct agree_survey {
    const struct config *config; /* borrowed */
    const char *path;            /* the journal's */
    int64_t now_s;
    struct book_times times;
    struct arena arena;
    struct agree_service *services;   /* by procedure */
    struct agree_decision *decisions; /* by id */
    size_t n_services, n_decisions;
    /* the caller's, while it runs */
    int (*visit)(void *ctx, const struct agree_case *one);
    void *ctx;
    struct errmsg msg;
};

/* One procedure, borrowed for the visit. */
struct agree_case {
    const struct book_row *row;
    const struct agree_pair *pair;
    const struct agree_found *found;
    struct term term;            /* to publish it; of what the portal publishes */
    const char *name;            /* the portal's, else the local one */
    const char *sector, *agency; /* codes, of the portal's record or else the local one */
};

/* The journal is the verb's argument or the configured one. CTL_OK, or an exit code after a
 * complaint: also when one of the catalogues was never read, since nothing could be said then. Free
 * it in any case.
 */
int agree_survey_open(struct ctl *c, struct buf *path, struct agree_survey *s);
/* Every procedure that either side knows, in order of code. A visit that returns other than 0 ends
 * it. 0, what a visit returned, or a negative error with s->msg. */
MUST_CHECK int agree_survey_run(struct agree_survey *s,
                                int (*visit)(void *ctx, const struct agree_case *one), void *ctx);
void agree_survey_free(struct agree_survey *s);

#define AGREE_VALUE_SIZE 240
/* What both sides say about a difference of a kind, cut; for texts from shortly before the first
 * character that differs. */
void agree_values(const struct agree_case *one, enum agree_kind kind, char portal[AGREE_VALUE_SIZE],
                  char local[AGREE_VALUE_SIZE]);
/* The names of the fields that differ within a kind, ", " between; "" for others. */
void agree_fields(const struct agree_case *one, enum agree_kind kind, char out[AGREE_VALUE_SIZE]);

#endif
