#include "domain/item.h"

#include <strings.h>

#include "base/err.h"

#define BIT(state) (1U << (state))

struct state_row {
    const char *name;
    unsigned next; /* BITs of the states it may go to */
};

static const struct state_row states[ITEM_STATES] = {
    /* ADOPTED: `adopt` takes over what the portal knows already and we never sent. */
    [ITEM_PENDING] = {"PENDING", BIT(ITEM_INFLIGHT) | BIT(ITEM_HELD) | BIT(ITEM_ADOPTED) |
                                     BIT(ITEM_SUPERSEDED)},
    [ITEM_INFLIGHT] = {"INFLIGHT", BIT(ITEM_DONE) | BIT(ITEM_PENDING) | BIT(ITEM_UNSURE) |
                                       BIT(ITEM_HELD) | BIT(ITEM_SUPERSEDED)},
    /* UNSURE again: a look-up did not know. It is never sent from here, only by way of PENDING. */
    [ITEM_UNSURE] = {"UNSURE",
                     BIT(ITEM_PENDING) | BIT(ITEM_UNSURE) | BIT(ITEM_HELD) | BIT(ITEM_SUPERSEDED)},
    [ITEM_HELD] = {"HELD", BIT(ITEM_PENDING) | BIT(ITEM_UNSURE) | BIT(ITEM_ADOPTED) |
                               BIT(ITEM_DROPPED) | BIT(ITEM_SUPERSEDED)},
    [ITEM_DONE] = {"DONE", 0},
    [ITEM_ADOPTED] = {"ADOPTED", BIT(ITEM_PENDING)},
    [ITEM_SUPERSEDED] = {"SUPERSEDED", 0},
    [ITEM_DROPPED] = {"DROPPED", BIT(ITEM_PENDING)},
};

static const char *const whys[HOLD_WHYS] = {
    [HOLD_NONE] = "none",
    [HOLD_UNMAPPED_STATUS] = "unmapped_status",
    [HOLD_UNMAPPED_PROCEDURE] = "unmapped_procedure",
    [HOLD_INVALID] = "invalid",
    [HOLD_REFUSED] = "refused",
    [HOLD_REPEATED] = "repeated",
    [HOLD_AUTH] = "auth",
    [HOLD_FLIPPED] = "flipped",
    [HOLD_NO_PATH] = "no_path",
    [HOLD_EXPIRED] = "expired",
    [HOLD_IN_DOUBT] = "in_doubt",
    [HOLD_PERSON] = "person",
    [HOLD_DAMAGED] = "damaged",
};

static bool known_state(enum item_state state)
{
    return (unsigned)state < ITEM_STATES;
}

bool item_open(enum item_state state)
{
    return state == ITEM_PENDING || state == ITEM_INFLIGHT || state == ITEM_UNSURE ||
           state == ITEM_HELD;
}

bool item_move_legal(enum item_state from, enum item_state to)
{
    return known_state(from) && known_state(to) && (states[from].next & BIT(to)) != 0;
}

const char *item_state_name(enum item_state state)
{
    return known_state(state) ? states[state].name : "unknown";
}

int item_state_parse(const char *name, enum item_state *out)
{
    for (unsigned i = 0; i < ITEM_STATES; i++) {
        if (strcasecmp(states[i].name, name) == 0) {
            *out = (enum item_state)i;
            return 0;
        }
    }
    return ERR_INVAL;
}

const char *hold_why_name(enum hold_why why)
{
    return (unsigned)why < HOLD_WHYS ? whys[why] : "unknown";
}

int hold_why_parse(const char *name, enum hold_why *out)
{
    for (unsigned i = 0; i < HOLD_WHYS; i++) {
        if (strcasecmp(whys[i], name) == 0) {
            *out = (enum hold_why)i;
            return 0;
        }
    }
    return ERR_INVAL;
}

bool hold_is_missing_map(enum hold_why why)
{
    return why == HOLD_UNMAPPED_STATUS || why == HOLD_UNMAPPED_PROCEDURE;
}
