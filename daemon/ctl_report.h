/* ctl_report: what the parts of `report` share: the catalogue as far as figures need it, and the
 * counts. One verb's run owns all of it; texts live in its arena. */
#ifndef CTL_REPORT_H
#define CTL_REPORT_H

#include "base/arena.h"
#include "base/sheet.h"
#include "config/config.h"
#include "domain/level.h"
#include "domain/month.h"
#include "journal/month_rows.h"

#define REPORT_GROUPS_MAX ((size_t)100000)

enum report_by { REPORT_BY_LEVEL, REPORT_BY_AGENCY, REPORT_BY_PROCEDURE, REPORT_BY_SECTOR };

/* CAPDONVI of the agency (national-portal.md 4.5). */
enum report_tier {
    TIER_PROVINCE,
    TIER_COMMUNE,
    TIER_DISTRICT,
    TIER_MINISTRY,
    TIER_UNKNOWN, /* the catalogue does not have the agency */
    TIERS
};

#define REPORT_LEVELS (LEVEL_FULL + 1)
#define REPORT_CLASSES (TIERS > REPORT_LEVELS ? (unsigned)TIERS : (unsigned)REPORT_LEVELS)

/* A procedure or an agency of the catalogue, a sector, or a group of dossiers. */
struct report_entry {
    const char *key; /* what it is found by */
    const char *code, *name;
    const char *sector;               /* procedures */
    enum service_level level;         /* procedures: the highest of its services */
    size_t services;                  /* procedures */
    int64_t year_online, year_direct; /* procedures: received this year */
    unsigned class;                   /* groups: those whose sum another table tells */
    struct report_entry *procedure;   /* groups by procedure; NULL: not in the catalogue */
    bool online_hidden;               /* procedures: year_online, since the month hides it */
    enum report_tier tier;            /* agencies */
    struct month_counts counts;       /* groups and procedures */
};

/* Entries by key, in the order in which they came. */
struct report_index {
    void *tree;
    struct report_entry **all;
    size_t n;
};

struct report {
    const struct config *config;
    struct month month;
    int64_t now_s;
    enum report_by by;
    const char *flows[CONFIG_MAX_FLOWS]; /* that count, see ctl_flows.h */
    size_t n_flows;
    struct month_begin begin;
    struct arena arena;
    struct report_index agencies, sectors, procedures, groups;
    struct month_counts all, tiers[TIERS], levels[REPORT_LEVELS];
    size_t published[REPORT_LEVELS]; /* procedures */
    size_t services[REPORT_LEVELS];
    int64_t year_online, year_direct; /* of all */
    struct errmsg msg;
};

/* Reads the mirror and every dossier of the journal at path. */
MUST_CHECK int report_gather(struct report *r, const char *path);
void report_free(struct report *r);

/* All tables of it. */
void report_tables(const struct report *r, struct sheet *s);

#endif
