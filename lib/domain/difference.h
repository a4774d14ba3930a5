/* difference: what it means when source, journal and portal do not say the same of one dossier.
 *
 * Each side is three-valued: it has the dossier, it has it not, or nobody knows. Pure; any thread.
 */
#ifndef DOMAIN_DIFFERENCE_H
#define DOMAIN_DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The numbers stand in the journal. */
enum difference {
    DIFFERENCE_NONE, /* all agree */
    DIFFERENCE_LOST,
    DIFFERENCE_PORTAL_OLDER,
    DIFFERENCE_PORTAL_NEWER,
    DIFFERENCE_PORTAL_OTHER,
    DIFFERENCE_NOT_IN_JOURNAL,
    DIFFERENCE_NOT_AT_SOURCE,
    DIFFERENCE_SOURCE_AHEAD,
    DIFFERENCE_NEVER_DELIVERED,
    DIFFERENCE_WAITING,
    DIFFERENCE_HELD,
    DIFFERENCE_NOT_SHOWN,
    DIFFERENCE_NOT_ANSWERED,
    DIFFERENCE_SOURCE_SILENT,
    DIFFERENCE_NOWHERE,
    DIFFERENCE_IN_GRACE,
    DIFFERENCE_TOLERATED,
    DIFFERENCES
};

enum difference_class {
    DIFFERENCE_AGREES,
    DIFFERENCE_DIFFERS,
    DIFFERENCE_UNKNOWN,  /* not shown or not answered: neither agreed nor different */
    DIFFERENCE_TOLERABLE /* would differ, but for a configured tolerance */
};

struct difference_row {
    const char *name;  /* "portal_older" */
    const char *title; /* for people */
    const char *meaning;
    const char *advice; /* what a person does about it; NULL none is needed */
    enum difference_class class;
};
/* NULL past the end. */
const struct difference_row *difference_row(enum difference d);

enum side { SIDE_UNKNOWN, SIDE_THERE, SIDE_ABSENT };
const char *side_name(enum side side); /* "there", "absent", "not known" */

/* What the three say of a dossier. */
struct difference_facts {
    enum side journal; /* THERE: there is something of it */
    bool delivered;    /* the portal acknowledged the newest snapshot */
    int acked_status;  /* of that snapshot; 0 not known */
    bool held;         /* something waits for a person */
    bool waiting;      /* something waits, is on its way or in doubt */
    bool found_late; /* the source had it before, and only this reconciliation's reading found it */
    uint64_t changed_ms; /* wall: when the journal last changed something of it */
    enum side portal;
    int shown_status;  /* 0 none shown */
    bool shown_before; /* the journal knows that the portal had this status earlier */
    enum side source;
    bool source_asked;   /* the source itself was asked and should have answered */
    bool source_ahead;   /* it tells what the journal has not */
    int64_t source_at_s; /* its time of that; 0 not told */
};

/* "OURS/SHOWN" */
struct difference_pair {
    int ours;  /* 1..10; 0 any ("*") */
    int shown; /* 1..10; 0 none is shown */
};
#define DIFFERENCE_PAIR_TEXT 16
/* ERR_FORMAT. */
MUST_CHECK int difference_pair_parse(const char *text, struct difference_pair *out);
void difference_pair_text(const struct difference_pair *pair, char out[DIFFERENCE_PAIR_TEXT]);

struct difference_rules {
    uint64_t now_ms;   /* wall: of the look-up */
    uint64_t grace_ms; /* what changed later than so long before counts as in grace */
    const struct difference_pair *pairs;
    size_t n_pairs;
};

struct difference_verdict {
    enum difference kind;
    /* IN_GRACE and TOLERATED: what it would be without. */
    enum difference but_for;
    size_t pair; /* TOLERATED: which */
};
struct difference_verdict difference_judge(const struct difference_facts *facts,
                                           const struct difference_rules *rules);

/* What `--fix` does about it. */
enum remedy {
    REMEDY_NONE,   /* nothing to do */
    REMEDY_READ,   /* the source is read again; what is new flows as ever */
    REMEDY_FIRST,  /* the newest snapshot as a first one, then the steps in order */
    REMEDY_UPDATE, /* the newest snapshot as an update */
    REMEDY_PERSON  /* a person must decide */
};
enum remedy difference_remedy(enum difference kind, const struct difference_facts *facts);

#endif
