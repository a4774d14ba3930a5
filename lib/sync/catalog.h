/* catalog: one flow of kind catalog: the portal's catalogue read whole, staged, swapped into the
 * mirror, sent to the province, and compared with what the province then shows. */
#ifndef SYNC_CATALOG_H
#define SYNC_CATALOG_H

#include "journal/mirror.h"
#include "sync/flow.h"
#include "sync/names.h"

#define CATALOG_DETAILS_MAX 8

enum catalog_step {
    CATALOG_REST,      /* waits for its hour */
    CATALOG_LIST,      /* next: list a dictionary and stage it */
    CATALOG_WANTED,    /* next: which procedures need their details */
    CATALOG_DETAILS,   /* asks for them */
    CATALOG_SWAP,      /* next: the stage becomes the mirror */
    CATALOG_NAMES,     /* next: names in memory are renewed */
    CATALOG_DECISIONS, /* next: decisions that procedures name, one after the other */
    CATALOG_HAND,      /* next: mirror rows become items for the sink */
    CATALOG_LOCAL,     /* next: what the province shows */
    CATALOG_WAIT       /* an answer is on its way */
};

struct catalog;

struct catalog_detail {
    struct adapter_detail detail;
    struct catalog *catalog;
    char code[64];
    bool busy;
};

struct catalog {
    const struct flow_env *env; /* borrowed */
    const char *name;
    int64_t flow;
    struct party *source;
    struct party *sink; /* NULL: the mirror only */
    struct names *names;
    uint64_t every_ms, refresh_ms;
    uint64_t first_ms, cap_ms; /* back-off after a reading that failed */
    int at_minute;             /* of the day, local; -1 none */
    uint32_t shrink_percent;
    bool off, live;

    enum catalog_step step;
    size_t kind; /* index into the order of dictionaries */
    bool now;    /* asked to read now */
    bool stopping;
    bool loaded_names; /* the mirror's names were read at start */
    bool first_known;  /* whether the mirror was ever filled is known */
    uint32_t failures;
    struct loop_timer timer;
    struct loop_task pump;

    struct adapter_list list;
    struct mirror_stage stage;
    struct mirror_wanted wanted;
    char wanted_after[64];
    size_t next_wanted, running;
    bool wanted_full;
    struct catalog_detail details[CATALOG_DETAILS_MAX];
    struct mirror_swap swap;
    struct mirror_list page;
    char page_after[64];
    struct journal_append append;
    struct mirror_local *local; /* the page being filled, owned; NULL none */
    uint64_t local_ms;          /* of this list */
    uint32_t local_pages;       /* on their way into the journal */
    bool local_failed;
    bool local_ended; /* the list is complete */
    struct errmsg local_why;
    struct mirror_undecided undecided;
    size_t next_undecided;
    uint32_t decisions_failed;
    struct mirror_put put;
    uint32_t healing; /* orders under way */
    bool told_again;  /* an operator had records sent once more: compare after their delivery */
    struct mirror_reduced reduced;
    size_t reduce_row;
    struct journal_fact fact;
    uint32_t details_failed;
    uint32_t handed; /* records that became items in this reading */
    bool local_due;  /* the province's list could not be read yet */

    void (*appended)(void *ctx);
    void (*named)(void *ctx); /* the mirror's names were read at start */
    void *ctx;
    void (*stopped)(void *ctx);
    void *stopped_ctx;

    uint64_t read_ms; /* wall: last complete reading; 0 not since start */
    uint64_t n_details;
    char trouble[240];
};

void catalog_init(struct catalog *c, const struct flow_env *env, const char *name, int64_t flow,
                  struct party *source, struct party *sink, struct names *names);
void catalog_configure(struct catalog *c, const struct config *config,
                       const struct config_flow *flow);
void catalog_now(struct catalog *c);
void catalog_kick(struct catalog *c);
/* The sink has taken what was handed to it: compare again. */
void catalog_delivered(struct catalog *c);
/* The mirror's records of these procedures become items once more, whatever the sink acknowledged.
 * One transaction. Withdrawn ones say so. done comes once, later, on the loop. */
#define CATALOG_HEAL_MAX 200
struct catalog_heal {
    /* in */
    char codes[CATALOG_HEAL_MAX][64];
    size_t n;
    void (*done)(struct catalog_heal *heal);
    /* out */
    int err; /* ERR_STATE: the flow observes, is off or has no sink; nothing was stored */
    struct errmsg why;
    uint32_t stored, unchanged; /* items made; already on their way */
    uint32_t unknown;           /* codes that the mirror has not */
    uint32_t held;              /* of stored: a person must look */
    /* the catalogue's own */
    struct catalog *catalog;
    struct loop_task task;
    struct mirror_list page;
    struct journal_append append;
    size_t at;
};
void catalog_heal(struct catalog *c, struct catalog_heal *heal);
void catalog_stop(struct catalog *c, void (*stopped)(void *ctx), void *ctx);
bool catalog_idle(const struct catalog *c);
/* Whether the mirror's names are in memory; a flow that is off reads none. */
bool catalog_names_known(const struct catalog *c);

#endif
