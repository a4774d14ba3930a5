/* ctl_compare: what `dvcsyncctl compare` counts: what another connector sent (ctl_compare_file.h)
 * beside what would be sent from the journal, built as the real calls are. One thread. */
#ifndef CTL_COMPARE_H
#define CTL_COMPARE_H

#include <stddef.h>
#include <stdint.h>

#include "adapter/adapter.h"
#include "adapter/portal_compare.h"
#include "daemon/ctl_compare_file.h"
#include "journal/dossiers.h"
#include "sync/names.h"

#define COMPARE_FIELDS_MAX 256

enum compare_of { COMPARE_DOSSIER, COMPARE_STEP, COMPARE_OF };

enum compare_fate {
    COMPARE_BOTH,
    COMPARE_ONLY_OLD,
    COMPARE_ONLY_HERE,
    COMPARE_HELD,     /* the old one sent it, here it waits for a person */
    COMPARE_GIVEN_UP, /* the old one sent it, here a person gave it up */
    COMPARE_GONE,     /* the old one sent it, here its content is not kept any more */
    COMPARE_FATES
};

struct compare_record {
    enum compare_of of;
    enum compare_fate fate;
    const char *code, *at, *status, *why; /* at and status of steps, as they stand in the call */
};

struct compare_field {
    enum compare_of of;
    const char *name;
    uint64_t n[PORTAL_AGREEMENTS];
};

struct compare_example {
    size_t field;
    enum portal_agreement agreement;
    const char *code, *at; /* at: of a step */
    const char *other, *here;
};

struct compare {
    /* in */
    const struct config *config;
    int64_t since_s;      /* what is older is not missed on either side; 0 everything is */
    size_t limit;         /* examples of a field and an agreement, records of a fate */
    bool pushed;          /* the old one's are what it pushed at a gateway, from the same journal */
    struct sent_file old; /* open, unless pushed */
    /* out */
    uint64_t fates[COMPARE_OF][COMPARE_FATES];
    uint64_t equal[COMPARE_OF];    /* of COMPARE_BOTH: every field agrees */
    uint64_t unproven[COMPARE_OF]; /* of COMPARE_BOTH: pushed, and no digests of what came */
    struct compare_field fields[COMPARE_FIELDS_MAX];
    size_t n_fields;
    struct compare_example *examples; /* owned */
    size_t n_examples, examples_room;
    struct compare_record *records; /* owned */
    size_t n_records, records_room;
    struct errmsg msg;
    /* inside */
    struct adapter_env env;
    struct names names;
    struct arena arena; /* texts of examples and records */
};

/* A flow of dossiers to the portal that begins at a gateway and nowhere else. */
bool compare_is_pushed(const struct config *config, const struct config_flow *flow);
/* The call that would be made of a record alone. ERR_INVAL: held, verdict says why; errors of
 * portal_wire_build with c->msg. */
MUST_CHECK int compare_build(struct compare *c, enum record_kind kind, const char *code,
                             const struct dossiers_item *item, struct buf *body,
                             struct adapter_check *verdict);

/* ---- counting (ctl_compare_rows.c) ---- */

/* Says in c->msg what err happened to; err. */
int compare_fail(struct compare *c, int err, const char *what);
/* Counts a record; the first ones are kept for showing. ERR_NOMEM. */
MUST_CHECK int compare_keep(struct compare *c, enum compare_of of, enum compare_fate fate,
                            const char *code, const char *at, const char *status, const char *why);
/* Two objects of the wire, and COMPARE_BOTH. arrived: digests of what came at the gateway, which
 * other is judged by then; NULL: other is what the old one sent. ERR_NOMEM, ERR_TOOBIG. */
MUST_CHECK int compare_rows(struct compare *c, enum compare_of of, const char *code, const char *at,
                            const struct json *other, const struct json *arrived,
                            const struct json *here);

/* ---- the run ---- */

/* Opens old: what stands in flows that are pushed, built as it would go on to the portal, with the
 * digests of what came where they were kept; counts as unreadable what can't be built. Errors of
 * dossiers_read, ERR_TOOBIG. */
MUST_CHECK int compare_open_pushed(struct compare *c, const char *journal);
/* config, limit, since_s and old, or pushed, are set. Errors of dossiers_read and sent_file_read.
 */
MUST_CHECK int compare_run(struct compare *c, const char *journal);
void compare_free(struct compare *c); /* old too */

#endif
