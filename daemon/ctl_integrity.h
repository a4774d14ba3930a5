/* ctl_integrity: what the parts of `dvcsyncctl integrity` share: the kinds, what was found, how
 * much was looked at. The list is for a person; nothing is corrected. */
#ifndef CTL_INTEGRITY_H
#define CTL_INTEGRITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "config/config.h"
#include "domain/dossier.h"
#include "journal/integrity.h"

enum integrity_kind {
    INTEGRITY_NO_RESULT,
    INTEGRITY_SHARED_RESULT,
    INTEGRITY_PROMISE_MOVED,
    INTEGRITY_SUPPLEMENTS,
    INTEGRITY_STRANGE_PAPER,
    INTEGRITY_FEE_DIFFERS,
    INTEGRITY_DEAD_LINK,
    INTEGRITY_UNSIGNED,
    INTEGRITY_ADDED_BEHIND,
    INTEGRITY_KINDS
};

#define INTEGRITY_FINDINGS_MAX ((size_t)200000)
#define INTEGRITY_WHAT_SIZE 320

struct integrity_finding {
    enum integrity_kind kind;
    const char *flow, *code, *what; /* of the arena */
};

struct integrity_count {
    uint64_t found;
    uint64_t examined;
    uint64_t incomparable; /* looked at, but nothing can be said */
    uint64_t unexamined;   /* not looked at: content gone, procedure not known, link not chosen */
    uint64_t exempt;       /* certified copies; what belongs to a signature */
};

/* A result's address, with what decides about its signature. */
struct integrity_link {
    const char *flow, *code, *url; /* of the arena */
    bool certified;
};

struct integrity {
    const struct config *config; /* borrowed */
    int only;                    /* enum integrity_kind, or -1 */
    struct arena arena;
    void *procedures; /* by code (tsearch); see ctl_integrity_judge.c */
    struct integrity_finding *findings;
    size_t n_findings, findings_room;
    uint64_t dropped; /* findings beyond the maximum */
    struct integrity_count counts[INTEGRITY_KINDS];
    uint64_t dossiers, bodiless;
    struct integrity_link *links; /* a random sample */
    size_t n_links, links_max;
    uint64_t links_seen;
    struct errmsg msg;
};

/* Notes a finding; 0 or ERR_NOMEM, told in msg. */
MUST_CHECK int integrity_found(struct integrity *list, enum integrity_kind kind, const char *flow,
                               const char *code, const char *what);
bool integrity_wants(const struct integrity *list, enum integrity_kind kind);

/* ---- dossiers (ctl_integrity_judge.c) ---- */

/* Callbacks of journal/integrity.h; ctx is the list. */
int integrity_add_procedure(void *ctx, const char *code, const char *body, size_t n);
int integrity_judge(void *ctx, const struct integrity_dossier *d);
void integrity_forget_procedures(struct integrity *list);

/* ---- links (ctl_integrity_links.c) ---- */

/* Takes the address into the sample, or not. ERR_NOMEM. */
MUST_CHECK int integrity_offer_link(struct integrity *list, const struct integrity_dossier *d,
                                    const char *url, bool certified);
/* Opens the sample's links one after the other, at most `rate` a second. */
MUST_CHECK int integrity_open_links(struct integrity *list, uint32_t rate);

#endif
