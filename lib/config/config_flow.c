/* Flows: their kinds, which systems they may connect, and what two of them may not share. */
#include <string.h>

#include "config/config_impl.h"

/* Where a flow of a kind may begin and end. */
struct route {
    bool from_portal, from_source;
    bool to_portal, to_source, to_nothing;
    const char *from_words;
    const char *to_words;
    /* The profile that a source must have at either end; NULL: any. */
    const char *from_profile, *to_profile;
};

static const struct route routes[] = {
    [FLOW_DOSSIERS] = {false, true, true, false, false, "a source", "the portal", NULL, NULL},
    [FLOW_CATALOG] = {true, false, false, true, true, "the portal", "a source, or nothing", NULL,
                      NULL},
    [FLOW_SEEN] = {true, false, false, false, true, "the portal", "nothing (\"\")", NULL, NULL},
    [FLOW_STATUS] = {true, true, true, true, true, "the portal or a source",
                     "the portal, a source, or nothing", NULL, NULL},
    [FLOW_INTAKE] = {true, true, false, true, false, "the portal or a source", "a source", NULL,
                     NULL},
    [FLOW_RATINGS] = {false, true, true, false, false, "a source of profile spool", "the portal",
                      "spool", NULL},
    [FLOW_QUESTIONS] = {true, true, true, true, false, "the portal or a source of profile spool",
                        "a source of profile spool or the portal", "spool", "spool"},
    [FLOW_PAYMENTS] = {false, true, false, true, false, "a source of profile payments",
                       "a source of profile spool", "payments", "spool"},
    [FLOW_USAGE] = {false, true, false, true, false, "a source of profile opencps, mapped or spool",
                    "a source of profile emc", NULL, "emc"},
};

/* The kind by key or name; false after a fault. */
static bool flow_kind_known(struct config_load *load, struct config_instance *in)
{
    const struct config_row *row;
    const struct config_value *value = config_instance_key(in, "kind", &row);
    struct config_flow *flow = in->base;

    if (value->bad) {
        return false;
    }
    if (value->given && value->n > 0 && value->items[0][0] != '\0') {
        return true;
    }
    for (size_t i = 0; row->choices[i] != NULL; i++) {
        if (strcmp(row->choices[i], flow->name) == 0) {
            flow->kind = (enum flow_kind)i;
            return true;
        }
    }
    if (!load->lost) {
        config_fault_value(
            load, in, row,
            "missing, and \"%s\" is no kind; allowed: dossiers, catalog, seen, status, intake, "
            "ratings, questions, payments, usage",
            flow->name);
    }
    return false;
}

/* Whether an endpoint of that name is there; notes a fault when not. */
static bool endpoint_known(struct config_load *load, struct config_instance *in,
                           const struct config_row *row, const char *name)
{
    const struct config *c = load->config;
    const char *names[CONFIG_MAX_SOURCES + 2];
    const char *near;
    size_t n = 0;

    if (config_source_find(c, name) != NULL || (c->has_portal && strcmp(name, "portal") == 0)) {
        return true;
    }
    if (load->lost) {
        return false;
    }
    for (size_t i = 0; i < c->n_sources; i++) {
        names[n++] = c->sources[i].name;
    }
    if (c->has_portal) {
        names[n++] = "portal";
    }
    names[n] = NULL;
    near = config_nearest(name, names);
    if (strcmp(name, "portal") == 0) {
        config_fault_value(load, in, row, "there is no section portal; add it");
    } else {
        config_fault_value(load, in, row, "there is no source \"%s\"; %s%s%s", name,
                           near != NULL ? "did you mean " : "add section source ",
                           near != NULL ? near : name, near != NULL ? "?" : "");
    }
    return false;
}

/* Further sources of the same dossiers. */
static void check_also(struct config_load *load, struct config_instance *in)
{
    const struct config_flow *flow = in->base;
    const struct route *route = &routes[flow->kind];
    const struct config_row *row;

    if (config_instance_key(in, "also_from", &row)->bad) {
        return;
    }
    if (flow->also_from.n > 0 && flow->kind != FLOW_DOSSIERS && flow->kind != FLOW_INTAKE) {
        config_fault_value(load, in, row, "only flows of kind dossiers and intake have several");
        return;
    }
    for (size_t i = 0; i < flow->also_from.n; i++) {
        const char *name = flow->also_from.items[i];
        bool portal = strcmp(name, "portal") == 0;
        bool again = strcmp(name, flow->from) == 0 || strcmp(name, flow->to) == 0;

        for (size_t k = 0; k < i; k++) {
            again = again || strcmp(name, flow->also_from.items[k]) == 0;
        }
        if (again) {
            config_fault_value(load, in, row, "%s is named twice in this flow", name);
        } else if (endpoint_known(load, in, row, name) &&
                   !(portal ? route->from_portal : route->from_source)) {
            config_fault_value(load, in, row, "these dossiers can't come from %s; allowed: %s",
                               name, route->from_words);
        }
    }
}

static void check_route(struct config_load *load, struct config_instance *in)
{
    const struct config_flow *flow = in->base;
    const struct route *route = &routes[flow->kind];
    const struct config_row *row = config_row_find(SECTION_FLOW, "kind");
    const char *kind = row->choices[flow->kind];
    bool portal = strcmp(flow->from, "portal") == 0;

    if (!config_instance_key(in, "from", &row)->bad && flow->from[0] != '\0' &&
        endpoint_known(load, in, row, flow->from) &&
        !(portal ? route->from_portal : route->from_source)) {
        config_fault_value(load, in, row, "a flow of kind %s can't come from %s; allowed: %s", kind,
                           flow->from, route->from_words);
    }
    portal = strcmp(flow->to, "portal") == 0;
    if (config_instance_key(in, "to", &row)->bad) {
        return;
    }
    if (flow->to[0] == '\0') {
        if (!route->to_nothing && !load->lost) {
            config_fault_value(load, in, row, "missing; allowed: %s", route->to_words);
        }
    } else if (endpoint_known(load, in, row, flow->to)) {
        if (!(portal ? route->to_portal : route->to_source)) {
            config_fault_value(load, in, row, "a flow of kind %s can't go to %s; allowed: %s", kind,
                               flow->to, route->to_words);
        } else if (strcmp(flow->from, flow->to) == 0) {
            config_fault_value(load, in, row, "the same as from; a flow connects two systems");
        }
    }
}

/* What kinds of systems a flow connects; after check_route, which knows that they are there. */
static void check_profiles(struct config_load *load, struct config_instance *in)
{
    const struct config_flow *flow = in->base;
    const struct route *route = &routes[flow->kind];
    const struct config_source *from = config_source_find(load->config, flow->from);
    const struct config_source *to = config_source_find(load->config, flow->to);
    const struct config_row *row;

    if (from != NULL && route->from_profile != NULL &&
        strcmp(from->profile, route->from_profile) != 0 &&
        !config_instance_key(in, "from", &row)->bad) {
        config_fault_value(load, in, row, "%s is of profile %s; allowed: %s", flow->from,
                           from->profile, route->from_words);
    } else if (from != NULL && route->from_profile != NULL && from->preset[0] != '\0') {
        config_fault_value(load, in, row, "%s has a preset, which is for files of dossiers",
                           flow->from);
    }
    if (to != NULL && route->to_profile != NULL && strcmp(to->profile, route->to_profile) != 0 &&
        !config_instance_key(in, "to", &row)->bad) {
        config_fault_value(load, in, row, "%s is of profile %s; allowed: %s", flow->to, to->profile,
                           route->to_words);
    }
}

/* What counts calls takes only what is made for it, and tells nothing. */
static void check_usage(struct config_load *load, struct config_instance *in)
{
    static const char *const readable[] = {"opencps", "mapped", "spool"};
    const struct config_flow *flow = in->base;
    const struct config_source *from = config_source_find(load->config, flow->from);
    const struct config_source *to = config_source_find(load->config, flow->to);
    const struct config_row *row;
    bool fits = false;

    if (to != NULL && strcmp(to->profile, "emc") == 0 && flow->kind != FLOW_USAGE &&
        !config_instance_key(in, "to", &row)->bad) {
        config_fault_value(load, in, row, "%s is of profile emc, which takes flows of kind usage",
                           flow->to);
    }
    for (size_t i = 0; from != NULL && i < sizeof(readable) / sizeof(readable[0]); i++) {
        fits = fits || strcmp(from->profile, readable[i]) == 0;
    }
    if (from != NULL && flow->kind == FLOW_USAGE && !fits &&
        !config_instance_key(in, "from", &row)->bad) {
        config_fault_value(load, in, row, "%s is of profile %s; allowed: %s", flow->from,
                           from->profile, routes[FLOW_USAGE].from_words);
    }
}

/* A folder of another service's records holds nothing else; and what one flow has read of a system,
 * another one does not see again. */
static void check_alone(struct config_load *load, struct config_instance *in)
{
    const struct config *c = load->config;
    const struct config_flow *flow = in->base;
    const struct config_row *row;

    if (flow->kind < FLOW_RATINGS || config_source_find(c, flow->from) == NULL ||
        config_instance_key(in, "from", &row)->bad) {
        return;
    }
    for (size_t i = 0; i < c->n_flows; i++) {
        const struct config_flow *other = &c->flows[i];
        bool same = strcmp(other->from, flow->from) == 0;

        for (size_t k = 0; k < other->also_from.n; k++) {
            same = same || strcmp(other->also_from.items[k], flow->from) == 0;
        }
        if (same && other != flow && other->kind != flow->kind) {
            config_fault_value(load, in, row,
                               "flow %s begins at %s too; each kind needs a source of its own",
                               other->name, flow->from);
            return;
        }
    }
}

/* The portal's other services have the portal at one end, and a bridge does not pass them on. */
static void check_direct(struct config_load *load, struct config_instance *in)
{
    const struct config_flow *flow = in->base;
    const struct config *c = load->config;
    bool portal = strcmp(flow->from, "portal") == 0 || strcmp(flow->to, "portal") == 0;
    const struct config_row *row = config_row_find(SECTION_FLOW, "kind");
    const char *kind = row->choices[flow->kind];

    (void)config_instance_key(in, "kind", &row);
    if (flow->kind == FLOW_QUESTIONS && !portal && !load->lost) {
        config_fault_value(load, in, row,
                           "a flow of kind questions goes from the portal to a source, or back");
    } else if ((flow->kind == FLOW_RATINGS || flow->kind == FLOW_QUESTIONS) && portal &&
               c->has_portal && strcmp(c->portal.transport, "bridge") == 0) {
        config_fault_value(load, in, row,
                           "a bridge passes nothing of kind %s on; the portal's "
                           "transport must be direct",
                           kind);
    }
}

/* Two flows of one kind from one place would send everything twice. */
static void check_unique(struct config_load *load, struct config_instance *in)
{
    const struct config_impl *impl = load->impl;
    const struct config_flow *flow = in->base;
    const struct config_row *row;

    (void)config_instance_key(in, "from", &row);
    for (size_t i = 0; i < impl->n_instances && impl->instances[i] != in; i++) {
        const struct config_instance *other = impl->instances[i];
        const struct config_flow *first = other->base;

        if (other->section == SECTION_FLOW && first->kind == flow->kind && flow->from[0] != '\0' &&
            strcmp(first->from, flow->from) == 0) {
            config_fault_value(load, in, row, "flow %s (%s:%u) of the same kind begins at %s too",
                               first->name, impl->files[other->origin.file], other->origin.line,
                               flow->from);
            return;
        }
    }
}

void config_check_flow(struct config_load *load, struct config_instance *in)
{
    if (flow_kind_known(load, in)) {
        check_route(load, in);
        check_also(load, in);
        check_profiles(load, in);
        check_usage(load, in);
        check_alone(load, in);
        check_direct(load, in);
        check_unique(load, in);
    }
}
