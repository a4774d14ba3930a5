/* life: the province's dossiers and what happens to them.
 *
 * A world is a function of its seed and the time it was made: N dossiers received over the last
 * days, each somewhere in one of the lives of life_table.h. Kept are codes and times only (about
 * 100 bytes a dossier); every text is made from the seed when it is asked for. Not thread-safe: the
 * province holds its lock around every call. */
#ifndef LIFE_H
#define LIFE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/life_catalog.h"
#include "sandbox/life_table.h"

#define LIFE_FIRST_ID 100001      /* dossierId of the first dossier */
#define LIFE_DOSSIERS_MAX 4000000 /* in a world, new ones counted */
#define LIFE_NUMBER_SIZE 48       /* bytes of a dossier number, the NUL counted */
#define LIFE_LOCAL_S (7 * 3600)   /* Asia/Ho_Chi_Minh is UTC+7 all year */

/* Why a dossier stands outside of what the portal must hold; the oracle knows these kinds. */
enum life_planted {
    LIFE_NORMAL,
    LIFE_UNMAPPED_STATUS,
    LIFE_UNMAPPED_PROCEDURE,
    LIFE_CHILD,       /* originDossierId set */
    LIFE_NOT_PUBLIC,  /* originality 0 */
    LIFE_TEST_AGENCY, /* handled by H56.99 */
    LIFE_NO_NUMBER,
    LIFE_PLANTED_COUNT
};

/* The days (local, since 1970; 0 none) that lists filter on, in the order of enum life_date. */
enum life_date { LIFE_SUBMIT, LIFE_RECEIVE, LIFE_RELEASE, LIFE_FINISH, LIFE_DATE_COUNT };

/* What a list request looks at: small, so that one scan over all dossiers stays in the cache. */
struct life_hot {
    uint16_t day[LIFE_DATE_COUNT];
    uint16_t agency; /* index in the catalogue; LIFE_AGENCY_TEST */
    uint8_t step;    /* enum life_step_id */
    uint8_t system;  /* systemId: 0, or 5 from the national side */
    uint32_t number; /* hash of the dossier number; 0 none */
};

#define LIFE_AGENCY_TEST UINT16_MAX /* agency index of H56.99 */

struct life_dossier {
    uint32_t at_s[LIFE_ACTIONS_MAX]; /* when each action was done (UTC); [done] too while pending */
    uint32_t changed_s;              /* the last change of any kind */
    uint32_t touched;                /* which change of the world that was; 0 before the start */
    uint16_t procedure;              /* index in the catalogue */
    uint16_t serial;                 /* of its agency and day */
    uint8_t plan;
    uint8_t first;    /* plan position of its first action: 1 when handed in in person */
    uint8_t done;     /* plan position after the last action done */
    bool pending;     /* the next action stands in the list but is not done yet */
    uint8_t extended; /* how often the promised date was moved */
    uint8_t tampered; /* how often it was changed in secret */
    uint8_t planted;  /* enum life_planted */
    uint8_t flaws;    /* bits of enum life_flaw */
    uint32_t with;    /* whose result it has, with FLAW_SHARED_RESULT */
};

/* What follows from a dossier's actions; times in UTC seconds, 0 unknown. */
struct life_state {
    enum life_step_id step;
    uint8_t last; /* plan position of the last action that counts */
    int64_t submit_s;
    int64_t receive_s;
    int64_t due_s;
    int64_t release_s;
    int64_t finish_s;
};

struct life_options {
    uint64_t seed;
    size_t dossiers; /* that the portal must hold; planted ones come on top */
    unsigned days;
    unsigned planted;          /* of each kind */
    unsigned national_percent; /* with systemId 5 */
    int64_t now_s;
};

struct life {
    struct life_options options;
    const struct life_catalog *catalog; /* borrowed */
    struct life_hot *hot;               /* [n] */
    struct life_dossier *dossiers;      /* [n] */
    size_t n;
    size_t room;
    uint16_t *serials; /* next serial by agency and day */
    uint16_t first_day;
    size_t serial_days;
    uint64_t changes; /* made since the start */
    uint64_t created; /* of these: new dossiers */
};

/* Fills a world. 0, or -1 when memory is out or too many dossiers are asked for. */
int life_init(struct life *w, const struct life_catalog *catalog,
              const struct life_options *options);
void life_free(struct life *w);

/* One change: a dossier moves on, a promised date is moved, or a new dossier comes. Returns the
 * index of what changed, or SIZE_MAX when there was no room. */
size_t life_change(struct life *w, int64_t now_s);

/* Changes up to n finished dossiers in secret: no list shows it. Returns how many. */
size_t life_tamper(struct life *w, size_t n);

void life_state_of(const struct life *w, size_t i, struct life_state *out);

/* The seed of all texts of dossier i. */
uint64_t life_key(const struct life *w, size_t i);
/* Its number, "" when it has none yet. */
void life_number(const struct life *w, size_t i, char out[LIFE_NUMBER_SIZE]);
/* The hash that life_hot keeps of a number; never 0. */
uint32_t life_number_hash(const char *number);
/* Its referenceUid, and the index that a referenceUid or a numeric id names: SIZE_MAX for none. */
void life_uid(const struct life *w, size_t i, char out[37]);
size_t life_find(const struct life *w, const char *id);

const struct life_agency *life_agency_of(const struct life *w, size_t i);

/* Grows with every change of dossier i that its records show; never 0. */
uint32_t life_version(const struct life *w, size_t i);

/* Days since 1970 in local time, and their calendar date. */
uint16_t life_day(int64_t at_s);
void life_civil(uint16_t day, unsigned *year, unsigned *month, unsigned *day_of_month);

#endif
