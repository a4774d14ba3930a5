#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl_flows.h"
#include "daemon/ctl_report.h"
#include "domain/codes.h"

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct report_entry *)a)->key, ((const struct report_entry *)b)->key);
}

static int fail(struct report *r, int err)
{
    return err_set(&r->msg, err, "%s", err_text(err));
}

static struct report_entry *find(const struct report_index *index, const char *key)
{
    struct report_entry wanted = {.key = key};
    struct report_entry *const *found = tfind(&wanted, &index->tree, by_key);

    return found != NULL ? *found : NULL;
}

/* The entry of a key, made when it is new. NULL without memory or room. */
static struct report_entry *entry(struct report *r, struct report_index *index, const char *key,
                                  const char *code, const char *name)
{
    struct report_entry *e = find(index, key);

    if (e != NULL) {
        return e;
    }
    if (index->all == NULL) {
        index->all = calloc(REPORT_GROUPS_MAX, sizeof(struct report_entry *));
    }
    e = index->all != NULL && index->n < REPORT_GROUPS_MAX ? arena_alloc(&r->arena, sizeof(*e))
                                                           : NULL;
    if (e == NULL) {
        return NULL;
    }
    e->key = arena_strdup(&r->arena, key);
    e->code = arena_strdup(&r->arena, code);
    e->name = arena_strdup(&r->arena, name);
    e->sector = "";
    if (e->key == NULL || e->code == NULL || e->name == NULL ||
        tsearch(e, &index->tree, by_key) == NULL) {
        return NULL;
    }
    index->all[index->n++] = e;
    return e;
}

/* ---- the catalogue ---- */

static enum report_tier tier_of(const char *capdonvi)
{
    static const struct {
        const char *code;
        enum report_tier tier;
    } known[] = {
        {"1", TIER_PROVINCE}, {"3", TIER_COMMUNE}, {"2", TIER_DISTRICT}, {"0", TIER_MINISTRY}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(capdonvi, known[i].code) == 0) {
            return known[i].tier;
        }
    }
    return TIER_UNKNOWN;
}

static int on_agency(void *ctx, const struct month_row *row)
{
    struct report *r = ctx;
    char normal[CODE_MAX];
    struct report_entry *e;

    if (code_agency_normal(row->code, normal) != 0) {
        return 0; /* no dossier can name it either */
    }
    e = entry(r, &r->agencies, normal, row->code, row->name);
    if (e == NULL) {
        return fail(r, ERR_NOMEM);
    }
    e->tier = tier_of(row->extra);
    return 0;
}

static int on_sector(void *ctx, const struct month_row *row)
{
    struct report *r = ctx;

    return entry(r, &r->sectors, row->code, row->code, row->name) != NULL ? 0 : fail(r, ERR_NOMEM);
}

static int on_procedure(void *ctx, const struct month_row *row)
{
    struct report *r = ctx;
    struct report_entry *e = entry(r, &r->procedures, row->code, row->code, row->name);

    if (e == NULL) {
        return fail(r, ERR_NOMEM);
    }
    e->sector = arena_strdup(&r->arena, row->parent);
    e->level = level_of_number(row->level);
    return e->sector != NULL ? 0 : fail(r, ERR_NOMEM);
}

static int on_service(void *ctx, const struct month_row *row)
{
    struct report *r = ctx;
    enum service_level level = level_of_service(row->name);
    struct report_entry *procedure = find(&r->procedures, row->parent);

    r->services[level]++;
    if (procedure != NULL) {
        /* What the service's name says counts more than the number. */
        procedure->level = procedure->services > 0 ? level_higher(procedure->level, level) : level;
        procedure->services++;
    }
    return 0;
}

static int read_catalogue(struct report *r, const char *path)
{
    int err = month_rows_mirror(path, RECORD_AGENCY, on_agency, r, &r->msg);
    bool read = false;

    err = err == 0 ? month_rows_mirror(path, RECORD_SECTOR, on_sector, r, &r->msg) : err;
    err = err == 0 ? month_rows_mirror(path, RECORD_PROCEDURE, on_procedure, r, &r->msg) : err;
    err = err == 0 ? month_rows_mirror(path, RECORD_SERVICE, on_service, r, &r->msg) : err;
    for (size_t i = 0; i < REPORT_LEVELS; i++) {
        read = read || r->services[i] > 0;
    }
    for (size_t i = 0; i < r->procedures.n; i++) {
        struct report_entry *e = r->procedures.all[i];

        if (e->level == LEVEL_NOT_SHOWN && read) {
            e->level = LEVEL_INFORMATION; /* there are services, none of them is its */
        }
        r->published[e->level]++;
    }
    return err;
}

/* ---- dossiers ---- */

/* The national code, as it is sent; the raw one where nothing leads to it. */
static const char *procedure_code(const struct report *r, const char *raw, int64_t at_s,
                                  char text[CODE_MAX])
{
    const struct map *map = r->config->procedure_map;
    const char *code = map != NULL ? map_code(map, raw, at_s) : NULL;

    if (code == NULL) {
        code = code_procedure_national(raw, text) == 0 ? text : raw;
    }
    return code;
}

/* In normal form, or the raw code. Of a unit that was divided nobody knows which part it is. */
static const char *agency_code(const struct report *r, const char *raw, int64_t at_s,
                               char text[CODE_MAX])
{
    const struct map *map = r->config->agency_map;
    const char *code = map != NULL ? map_code(map, raw, at_s) : NULL;

    if (code == NULL && map != NULL && map_divided(map, raw, at_s, NULL, 0) > 0) {
        return raw;
    }
    code = code != NULL ? code : raw;
    return code_agency_normal(code, text) == 0 ? text : code;
}

static struct report_entry *group_of(struct report *r, const struct report_entry *agency,
                                     const char *agency_key, struct report_entry *procedure,
                                     const char *procedure_key, const char *sector)
{
    const struct report_entry *known = NULL;
    const char *key = "";
    unsigned class = 0;
    struct report_entry *group;

    switch (r->by) {
    case REPORT_BY_AGENCY:
        known = agency;
        key = agency_key;
        class = agency != NULL ? agency->tier : TIER_UNKNOWN;
        break;
    case REPORT_BY_PROCEDURE:
        known = procedure;
        key = procedure_key;
        class = procedure != NULL ? procedure->level : LEVEL_NOT_SHOWN;
        break;
    default: /* by sector */
        key = sector[0] == '\0' && procedure != NULL ? procedure->sector : sector;
        known = find(&r->sectors, key);
        break;
    }
    group = entry(r, &r->groups, key, known != NULL ? known->code : key,
                  known != NULL ? known->name : "");
    if (group != NULL) {
        group->class = class;
        group->procedure = r->by == REPORT_BY_PROCEDURE ? procedure : NULL;
    }
    return group;
}

static int on_dossier(void *ctx, const struct month_dossier *d)
{
    struct report *r = ctx;
    const struct figures *f = &d->figures;
    int64_t at_s = f->received_s != 0 ? f->received_s : f->submitted_s;
    char procedure_text[CODE_MAX];
    char agency_text[CODE_MAX];
    const char *procedure_key = procedure_code(r, f->procedure, at_s, procedure_text);
    const char *agency_key = agency_code(r, f->agency, at_s, agency_text);
    struct report_entry *procedure = find(&r->procedures, procedure_key);
    const struct report_entry *agency = find(&r->agencies, agency_key);
    struct month_dossier known = *d;
    struct month_counts counts = {{0}};

    known.unsent = config_flow_find(r->config, d->flow)->mode != FLOW_LIVE;
    if (month_in_year(&r->month, f)) {
        *(f->channel == 2 ? &r->year_online : &r->year_direct) += 1;
        if (procedure != NULL) {
            *(f->channel == 2 ? &procedure->year_online : &procedure->year_direct) += 1;
        }
    }
    month_count(&r->month, r->now_s, &known, &counts);
    month_add(&r->all, &counts);
    month_add(&r->tiers[agency != NULL ? agency->tier : TIER_UNKNOWN], &counts);
    month_add(&r->levels[procedure != NULL ? procedure->level : LEVEL_NOT_SHOWN], &counts);
    if (procedure != NULL) {
        month_add(&procedure->counts, &counts);
    }
    if (r->by != REPORT_BY_LEVEL) {
        struct report_entry *group =
            group_of(r, agency, agency_key, procedure, procedure_key, f->sector);

        if (group == NULL) {
            return fail(r, r->groups.n == REPORT_GROUPS_MAX ? ERR_TOOBIG : ERR_NOMEM);
        }
        month_add(&group->counts, &counts);
    }
    return 0;
}

int report_gather(struct report *r, const char *path)
{
    const struct month_reader reader = {.path = path,
                                        .month = r->month,
                                        .flows = r->flows,
                                        .n_flows = ctl_flows(r->config, r->flows),
                                        .dossier = on_dossier,
                                        .ctx = r};
    int err = read_catalogue(r, path);

    r->n_flows = reader.n_flows;
    err = err == 0 ? month_rows_begin(path, r->flows, r->n_flows, &r->begin, &r->msg) : err;
    return err == 0 ? month_rows_read(&reader, &r->msg) : err;
}

static void nothing(void *node)
{
    (void)node; /* it lives in the arena */
}

void report_free(struct report *r)
{
    struct report_index *all[] = {&r->agencies, &r->sectors, &r->procedures, &r->groups};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        tdestroy(all[i]->tree, nothing);
        free(all[i]->all);
    }
    arena_free(&r->arena);
}
