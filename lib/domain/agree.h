/* agree: one procedure as the portal publishes it against the same as the province holds it: which
 * kinds of difference there are, and in which fields.
 *
 * A kind is judged only where both sides show what it is about; what a side does not show is
 * neither equal nor different. Pure; any thread. Called by `dvcsyncctl catalog` and by tests. */
#ifndef DOMAIN_AGREE_H
#define DOMAIN_AGREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "domain/catalog_facts.h"
#include "domain/level.h"
#include "domain/procedure.h"

/* The first four are about a procedure as a whole and exclude each other and all that follow. */
enum agree_kind {
    AGREE_LOCAL_ONLY,     /* open here, unknown to the portal, not the province's own */
    AGREE_PORTAL_ONLY,    /* published there, not open here, within its time */
    AGREE_OVERDUE,        /* the same, beyond it */
    AGREE_WITHDRAWN_OPEN, /* withdrawn there, open here */
    AGREE_RENAMED,
    AGREE_SECTOR,
    AGREE_AGENCY,
    AGREE_CONTENT,
    AGREE_LEVEL,
    AGREE_DECISION,
    AGREE_DECENTRALISED,
    AGREE_INDEPENDENT,
    AGREE_PROCESS, /* open on both sides, no internal process here */
    AGREE_EFORM,   /* open on both sides and online, no form here */
    AGREE_KINDS
};

/* What a difference of content or of another kind is in. */
enum agree_field {
    AGREE_NAME,
    AGREE_SECTOR_CODE,
    AGREE_SECTOR_NAME,
    AGREE_PUBLISHER,
    AGREE_STEPS,
    AGREE_CHANNELS,
    AGREE_DURATION,
    AGREE_FEE,
    AGREE_COMPONENTS,
    AGREE_CONDITION,
    AGREE_SUBJECTS,
    AGREE_RESULTS,
    AGREE_LEGAL,
    AGREE_DECISION_NO,
    AGREE_DECISION_DATE,
    AGREE_UNREAD, /* the digests differ; the record of this side was not kept yet */
    AGREE_FIELDS
};

const char *agree_kind_name(enum agree_kind kind);  /* "portal_only" */
const char *agree_kind_title(enum agree_kind kind); /* for people */
/* What decides whether it is such a difference, in a sentence. */
const char *agree_kind_definition(enum agree_kind kind);
/* Whether the portal's record is simply sent again; else a person decides. */
bool agree_kind_heals(enum agree_kind kind);
/* ERR_NOTFOUND. */
MUST_CHECK int agree_kind_find(const char *name, enum agree_kind *out);
const char *agree_field_name(enum agree_field field); /* canonical, "fee_text" */
/* The kind that a difference in the field is. */
enum agree_kind agree_field_kind(enum agree_field field);
/* A text field's value; "" for the others. */
const char *agree_field_text(const struct procedure *p, enum agree_field field);

/* All borrowed. */
struct agree_side {
    bool there, open;
    const struct procedure
        *record; /* NULL: not kept. The portal's is as the province can hold it */
    enum service_level level;
    const char *decision_no;         /* "" not known */
    int64_t decision_s;              /* 0 not known */
    const struct catalog_fact *fact; /* NULL none */
    int processes, eforms;           /* -1 not shown */
};

struct agree_pair {
    struct agree_side portal, local;
    bool equal_digest; /* used where a record is NULL */
    bool overdue;      /* published longer than the province has time */
};

#define AGREE_BIT(n) (UINT32_C(1) << (n))

struct agree_found {
    uint32_t kinds;  /* bits of enum agree_kind: differences */
    uint32_t judged; /* bits: what both sides show enough of */
    uint32_t fields; /* bits of enum agree_field */
    bool both_open;
    bool own; /* open here only, and said to be the province's own */
};

void agree_compare(const struct agree_pair *pair, struct agree_found *out);
/* No difference of what both sides say: process and form are about this side alone. */
bool agree_is_equal(const struct agree_found *found);
/* What heal would send is wanted as a whole: no difference in it is for a person. */
bool agree_is_healable(const struct agree_found *found);

#endif
