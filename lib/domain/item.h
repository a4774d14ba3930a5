/* item: the life of one thing to deliver, as a table.
 *
 *            +-----------------> SUPERSEDED <---- every open state
 *            |
 *   PENDING -+-> INFLIGHT -+-> DONE
 *      ^  ^                +-> PENDING      nothing happened at the peer
 *      |  |                +-> UNSURE       the peer may have it
 *      |  |                +-> HELD         a person must look
 *      |  +--- UNSURE <----+---- HELD ----> ADOPTED, DROPPED
 *      +--------------------------+
 *
 * A step that was never sent may go from PENDING to ADOPTED (`adopt`: the portal has it already),
 * and UNSURE may stay UNSURE (a look-up did not know).
 *
 * The journal moves items inside its transactions and the engine decides which move; both use this
 * table, which is why it stands in domain/ and not in sync/ where the design page put it. Pure; any
 * thread. */
#ifndef DOMAIN_ITEM_H
#define DOMAIN_ITEM_H

#include <stdbool.h>

enum item_state {
    ITEM_PENDING,
    ITEM_INFLIGHT,
    ITEM_UNSURE,
    ITEM_HELD,
    ITEM_DONE,
    ITEM_ADOPTED,
    ITEM_SUPERSEDED,
    ITEM_DROPPED,
    ITEM_STATES
};

enum item_kind { ITEM_SNAPSHOT = 1, ITEM_STEP = 2 };

/* Why an item is HELD. Machine holds give way to a newer snapshot, a person's does not. */
enum hold_why {
    HOLD_NONE,
    HOLD_UNMAPPED_STATUS,
    HOLD_UNMAPPED_PROCEDURE,
    HOLD_INVALID,  /* our own check of the record failed */
    HOLD_REFUSED,  /* the peer refused it for good */
    HOLD_REPEATED, /* five equal unexplained refusals */
    HOLD_AUTH,     /* refused on the newest session */
    HOLD_FLIPPED,  /* "exists" and "not there" in turn */
    HOLD_NO_PATH,  /* no way from the acknowledged status to this one */
    HOLD_EXPIRED,  /* older than give_up_after */
    HOLD_IN_DOUBT, /* a step or an event that the sink may have, steps_in_doubt = ask */
    HOLD_PERSON,   /* an operator asked to wait */
    HOLD_DAMAGED,  /* the stored body does not match its digest */
    HOLD_WHYS
};

enum item_flag {
    ITEM_FLAG_TRUNCATED = 1, /* a field was cut to the portal's limit */
    ITEM_FLAG_JUMPED = 2,    /* the status skipped states that we did not see */
    ITEM_FLAG_CONSENTED = 4, /* released by a person: the check that held it is not made again */
    ITEM_FLAG_WITHDRAWN = 8, /* a catalogue record that left the catalogue */
    ITEM_FLAG_AGAIN = 16     /* a copy that a reconciliation put in: the portal had lost it */
};

bool item_open(enum item_state state); /* PENDING, INFLIGHT, UNSURE, HELD */
/* The one table of legal moves. */
bool item_move_legal(enum item_state from, enum item_state to);
const char *item_state_name(enum item_state state); /* "PENDING" */
/* 0 or ERR_INVAL; any case. */
int item_state_parse(const char *name, enum item_state *out);
const char *hold_why_name(enum hold_why why); /* "unmapped_status" */
int hold_why_parse(const char *name, enum hold_why *out);
bool hold_is_missing_map(enum hold_why why);

#endif
