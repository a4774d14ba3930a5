/* portal_catalog: what the portal publishes: procedures, services, agencies, sectors.
 *
 * Loaded once at start, constant after but for what is planted; any thread. Versions (knob
 * catalog_version): 2 differs from 1 by removed, withdrawn, renamed, changed and added procedures,
 * always the same ones. Source of the shapes: protocol/national-portal.md section 4. */
#ifndef PORTAL_CATALOG_H
#define PORTAL_CATALOG_H

#include "sandbox/csv.h"
#include "sandbox/sbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What version 2 does to a procedure of version 1. */
enum procedure_fate { FATE_STAYS, FATE_REMOVED, FATE_WITHDRAWN, FATE_RENAMED, FATE_CHANGED };

/* Differences that /_sandbox/plant makes of one procedure, as bits. */
enum procedure_plant {
    PLANT_WITHDRAWN = 1, /* TRANGTHAI 2 */
    PLANT_RENAMED = 2,
    PLANT_SECTOR = 4,
    PLANT_AGENCY = 8,
    PLANT_CONTENT = 16, /* YEUCAU */
    PLANT_LEVEL = 32,   /* the services' names say the other level */
    PLANT_DECISION = 64,
    PLANT_UNLISTED = 128
};

/* One procedure. All text is borrowed from the catalogue. */
struct procedure {
    const char *code;
    const char *name;
    const char *sector_code; /* "" when the source names none */
    const char *sector_name;
    const char *level; /* words of central, province, commune, other between bars */
    const char *agency;
    const char *details; /* one JSON object, NULL without --details */
    size_t details_len;
    uint64_t hash; /* of the code: where all variety comes from */
    enum procedure_fate fate;
    bool added; /* only in version 2 */
    _Atomic unsigned plants;
    struct procedure *next; /* same bucket */
};

struct agency {
    const char *code;
    const char *name;
    const char *level; /* "province", "department", "commune" */
};

#define CATALOG_BUCKETS 8192u
#define CATALOG_ROWS_MAX 100000u

/* Fields are for portal_catalog.c and portal_record.c. */
struct catalog {
    struct csv procedure_table;
    struct csv agency_table;
    char *details_text;
    struct procedure *rows; /* version 1 first, then those that version 2 adds */
    size_t count;
    struct procedure *buckets[CATALOG_BUCKETS];
    struct agency *agencies;
    size_t agency_count;
    char *added_text; /* codes and names of the added ones */
};

/* procedures: CSV of code,name,sector_code,sector_name,level,agency; agencies: CSV of
 * code,name,level; details: JSON lines with "code", or NULL. 0, or -1 with the reason on standard
 * error. */
int catalog_load(struct catalog **out, const char *procedures, const char *agencies,
                 const char *details);
void catalog_free(struct catalog *c);

/* A procedure that was ever published up to this version (removed ones too: their dossiers live
 * on); NULL when there is none. */
const struct procedure *catalog_find(const struct catalog *c, const char *code, long version);
/* Plants a difference of a kind by its name (withdrawn_open, renamed, sector, agency, content,
 * level, decision, local_only); clear takes it back. 1 planted, 0 the portal's side of the kind is
 * nothing, -1 no such procedure. */
int catalog_plant(struct catalog *c, const char *kind, const char *code, bool clear);
unsigned catalog_plants(const struct procedure *p);
/* IDQUYETDINHCONGBO */
long catalog_decision(const struct procedure *p);
/* Whether the version still publishes it. */
bool catalog_published(const struct procedure *p, long version);

/* The results of the services, as JSON; shrink_percent of the list are written. */
void catalog_write_list(const struct catalog *c, long version, long shrink_percent, struct sbuf *b);
void catalog_write_services(const struct catalog *c, long version, struct sbuf *b);
void catalog_write_agencies(const struct catalog *c, struct sbuf *b);
void catalog_write_sectors(const struct catalog *c, struct sbuf *b);
/* "name":"..." as the version has it. */
void catalog_write_name(const struct procedure *p, long version, const char *member,
                        struct sbuf *b);

/* FNV-1a with a final mix: the hash of procedure.hash. */
uint64_t catalog_hash(const char *text);

#endif
