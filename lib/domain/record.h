/* record: what travels through the engine and the journal: an identity, a digest and an opaque
 * body.
 *
 * Engine and journal know this and nothing of wires. Bodies are canonical records as JSON text,
 * made and read by codec/record.c. */
#ifndef DOMAIN_RECORD_H
#define DOMAIN_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/figures.h"
#include "domain/item.h"

enum record_kind {
    RECORD_NONE,
    RECORD_DOSSIER = 1,   /* snapshot of a dossier */
    RECORD_STEP = 2,      /* one step of a dossier */
    RECORD_PROCEDURE = 3, /* snapshot of a procedure */
    RECORD_SERVICE = 4,
    RECORD_SECTOR = 5,
    RECORD_AGENCY = 6,
    RECORD_STATUS = 7,   /* a status that the portal shows, on its way to the province */
    RECORD_RATING = 8,   /* a month's satisfaction with a procedure at an agency */
    RECORD_QUESTION = 9, /* a question, of the portal or of the province, with its answer */
    RECORD_PAYMENT = 10, /* the result of a payment for a dossier */
    RECORD_DECISION = 11 /* a decision that published procedures (LayQDCB) */
};

/* Steps are delivered one by one in order; of everything else the newest takes the older one's
 * place. */
static inline enum item_kind record_item_kind(enum record_kind kind)
{
    return kind == RECORD_STEP ? ITEM_STEP : ITEM_SNAPSHOT;
}

#define RECORD_HASH_BYTES 32

struct dossier;
struct step;

/* All pointers borrowed. */
struct record {
    enum record_kind kind;
    const char *code;                /* whose: dossier (portal_no) or procedure code; what is about
                                        neither has an identity of its own, "rating:..." */
    const char *local_no;            /* "" when the same */
    const char *step_key;            /* steps: the source's identity, else "" */
    int64_t at_s;                    /* the source's time of the event or snapshot */
    int64_t promised_s;              /* 0 none */
    uint8_t hash[RECORD_HASH_BYTES]; /* over the canonical record without volatile parts */
    const char *body;
    size_t body_len;
    const struct figures *figures; /* what outlives the body; NULL nothing */
    const struct dossier *dossier; /* what the body says, where it is still at hand; NULL: it is to
                                      be read from the body */
    const struct step *step;       /* likewise, of RECORD_STEP */
    bool alone; /* steps: never in one call with others (an answer, see dossier.h) */
};

#endif
