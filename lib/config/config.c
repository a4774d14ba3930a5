#include "config/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config_impl.h"
#include "config/preset.h"
#include "domain/calendar.h"
#include "domain/catalog_facts.h"
#include "domain/status.h"

/* Names and values of the file may hold what would harm a terminal. */
static void fault_add(struct config_load *load, struct config_origin at, const char *text)
{
    struct config_fault *fault;
    const char *file = at.file < load->impl->n_files ? load->impl->files[at.file] : "";
    struct errmsg msg;

    if (load->n_faults < CONFIG_FAULTS_SEEN) {
        fault = &load->faults[load->n_faults];
        fault->file = at.file;
        fault->line = at.line;
        fault->seq = load->n_faults;
        if (at.line > 0) {
            (void)err_set(&msg, 0, "%s:%u: %s", file, at.line, text);
        } else {
            (void)err_set(&msg, 0, "%s: %s", file, text);
        }
        text_printable(msg.text, strlen(msg.text), fault->text, sizeof(fault->text));
    }
    load->n_faults++;
}

void config_fault(struct config_load *load, struct config_origin at, const char *format, ...)
{
    char text[600];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fault_add(load, at, text);
}

void config_fault_value(struct config_load *load, struct config_instance *in,
                        const struct config_row *row, const char *format, ...)
{
    struct config_value *value = config_instance_value(in, row);
    const char *section = config_section_name(in->section);
    char what[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    value->bad = true;
    config_fault(load, value->given ? value->origin : in->origin, "%s%s%s%s%s: %s", section,
                 section[0] != '\0' ? "." : "", in->name, in->name[0] != '\0' ? "." : "",
                 row->info.name, what);
}

void config_unreadable(struct config_load *load, int err)
{
    load->passes = load->passes || err_passes(err);
    load->n_denied += err == ERR_DENIED;
}

/* A name of a source or flow is letters, digits, '-' and '_'. */
static bool name_fits(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

    return name[0] != '\0' && strlen(name) <= CONFIG_MAX_NAME &&
           name[strspn(name, allowed)] == '\0' && strcmp(name, "portal") != 0;
}

static struct config_instance *instance_add(struct config_load *load, enum config_section section,
                                            const char *name, void *base)
{
    struct config_impl *impl = load->impl;
    struct config_instance *in = arena_alloc(&impl->arena, sizeof(*in));
    const char *copy = arena_strdup(&impl->arena, name);

    if (in == NULL || copy == NULL) {
        load->nomem = true;
        return NULL;
    }
    in->section = section;
    in->name = copy;
    in->base = base;
    impl->instances[impl->n_instances++] = in;
    return in;
}

static struct config_instance *instance_titled(struct config_load *load,
                                               enum config_section section, const char *name,
                                               struct config_origin at)
{
    struct config *c = load->config;
    struct config_instance *in = NULL;
    size_t *n = section == SECTION_SOURCE ? &c->n_sources : &c->n_flows;
    size_t max = section == SECTION_SOURCE ? CONFIG_MAX_SOURCES : CONFIG_MAX_FLOWS;

    if (!name_fits(name)) {
        config_fault(load, at,
                     "%s: a name has 1 to %d letters, digits, - and _, and is not \"portal\"",
                     config_section_name(section), CONFIG_MAX_NAME);
    } else if (*n >= max) {
        config_fault(load, at, "%s.%s: too many; at most %zu are allowed",
                     config_section_name(section), name, max);
    } else if (section == SECTION_SOURCE) {
        in = instance_add(load, section, name, &c->sources[*n]);
        c->sources[*n].name = in != NULL ? in->name : "";
        (*n)++;
    } else {
        in = instance_add(load, section, name, &c->flows[*n]);
        c->flows[*n].name = in != NULL ? in->name : "";
        (*n)++;
    }
    return in;
}

struct config_instance *config_instance_get(struct config_load *load, enum config_section section,
                                            const char *name, struct config_origin at)
{
    struct config_impl *impl = load->impl;

    for (size_t i = 0; i < impl->n_instances; i++) {
        if (impl->instances[i]->section == section && strcmp(impl->instances[i]->name, name) == 0) {
            return impl->instances[i];
        }
    }
    return instance_titled(load, section, name, at);
}

struct config_value *config_instance_value(struct config_instance *in, const struct config_row *row)
{
    size_t n;

    return &in->values[row - config_rows_of(in->section, &n)];
}

struct config_value *config_instance_key(struct config_instance *in, const char *key,
                                         const struct config_row **row)
{
    *row = config_row_find(in->section, key);
    return config_instance_value(in, *row);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

#define MAX_COMPARED 40

/* How many letters must be changed, added or left out. */
static size_t distance(const char *a, const char *b)
{
    size_t row[MAX_COMPARED + 1];
    size_t n = strlen(b);

    if (n > MAX_COMPARED || strlen(a) > MAX_COMPARED) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            row[j] = smaller(change, smaller(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

const char *config_nearest(const char *word, const char *const *list)
{
    size_t limit = strlen(word) / 3 > 2 ? strlen(word) / 3 : 2;
    const char *near = NULL;
    size_t best = limit + 1;

    for (size_t i = 0; list[i] != NULL; i++) {
        size_t d = distance(word, list[i]);

        if (d < best && d < strlen(word)) {
            best = d;
            near = list[i];
        }
    }
    for (size_t i = 0; near == NULL && list[i] != NULL && strlen(word) >= 4; i++) {
        near = strstr(list[i], word) != NULL ? list[i] : NULL;
    }
    return near;
}

const char *config_nearest_key(const char *word, enum config_section section)
{
    const char *names[CONFIG_MAX_ROWS + 1];
    size_t n;
    const struct config_row *rows = config_rows_of(section, &n);

    for (size_t i = 0; i < n; i++) {
        names[i] = rows[i].info.name;
    }
    names[n] = NULL;
    return config_nearest(word, names);
}

static int by_place(const void *a, const void *b)
{
    const struct config_fault *x = a;
    const struct config_fault *y = b;

    if (x->file != y->file) {
        return x->file < y->file ? -1 : 1;
    }
    if (x->line != y->line) {
        return x->line < y->line ? -1 : 1;
    }
    return x->seq < y->seq ? -1 : 1;
}

static void faults_hand_over(struct config_load *load, struct config_faults *out)
{
    size_t kept = smaller(load->n_faults, CONFIG_FAULTS_SEEN);

    qsort(load->faults, kept, sizeof(*load->faults), by_place);
    out->n = load->n_faults;
    for (size_t i = 0; i < smaller(kept, CONFIG_MAX_FAULTS); i++) {
        memcpy(out->texts[i], load->faults[i].text, sizeof(out->texts[i]));
    }
}

/* What is there even when no file names it. */
static void instances_fixed(struct config_load *load)
{
    static const enum config_section sections[] = {
        SECTION_TOP,  SECTION_PORTAL,    SECTION_RETRY,     SECTION_JOURNAL,
        SECTION_MAPS, SECTION_RECONCILE, SECTION_DEADLINES, SECTION_INTEGRITY};
    struct config *c = load->config;

    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        bool portal = sections[i] == SECTION_PORTAL;

        (void)instance_add(load, sections[i], "", portal ? (void *)&c->portal : (void *)c);
    }
}

static void load_all(struct config_load *load, const char *main_path)
{
    struct config_impl *impl = load->impl;

    instances_fixed(load);
    if (load->nomem) {
        return;
    }
    load->config->portal.name = "portal";
    config_merge(load, main_path);
    for (size_t i = 0; i < impl->n_instances && !load->nomem; i++) {
        config_value_apply(load, impl->instances[i]);
        if (impl->instances[i]->section == SECTION_PORTAL) {
            load->config->has_portal = impl->instances[i]->given;
        }
    }
    if (!load->nomem) {
        config_check(load);
    }
}

int config_load(const char *main_path, struct config **out, struct config_faults *faults)
{
    struct config_load load = {0};
    int rc = ERR_NOMEM;

    *out = NULL;
    faults->n = 0;
    load.config = calloc(1, sizeof(*load.config));
    load.impl = calloc(1, sizeof(*load.impl));
    load.faults = calloc(CONFIG_FAULTS_SEEN, sizeof(*load.faults));
    if (load.config == NULL || load.impl == NULL || load.faults == NULL) {
        free(load.impl);
        load.impl = NULL;
        goto done;
    }
    load.config->impl = load.impl;
    arena_init(&load.impl->arena, CONFIG_ARENA_BYTES);
    load_all(&load, main_path);
    if (!load.nomem) {
        rc = load.n_faults == 0               ? 0
             : load.passes                    ? ERR_IO
             : load.n_faults == load.n_denied ? ERR_DENIED
                                              : ERR_CONFIG;
        faults_hand_over(&load, faults);
    }
    if (rc == 0) {
        *out = load.config;
        load.config = NULL;
    }
done:
    free(load.faults);
    config_free(load.config);
    return rc;
}

void config_free(struct config *c)
{
    struct config_impl *impl;

    if (c == NULL) {
        return;
    }
    map_free(c->status_map);
    map_free(c->procedure_map);
    map_free(c->agency_map);
    catalog_facts_free(c->catalog_facts);
    calendar_free(c->calendar);
    for (size_t i = 0; i < c->n_sources; i++) {
        map_free(c->sources[i].status_map);
        preset_free(c->sources[i].loaded_preset);
    }
    impl = c->impl;
    if (impl != NULL) {
        arena_free(&impl->arena);
        free(impl);
    }
    free(c);
}

const char *config_source_statuses(const struct config_source *s)
{
    return s->national_status ? "national" : s->status_map != NULL ? s->name : "";
}

/* 1..10 as a person or a program writes it; 0 for anything else. */
static int national_status(const char *text)
{
    char digits[8];
    char *end;
    long status;

    text_trim(text, digits, sizeof(digits));
    status = strtol(digits, &end, 10);
    return digits[0] != '\0' && *end == '\0' && status >= 1 && status <= STATUS_LAST ? (int)status
                                                                                     : 0;
}

int config_map_status(const struct config *c, const char *status_map, const char *status,
                      const char *substatus, const char *name, int64_t at_s, const struct map **map)
{
    const struct config_source *source;

    *map = NULL;
    if (strcmp(status_map, "national") == 0) {
        return national_status(status);
    }
    source = status_map[0] != '\0' ? config_source_find(c, status_map) : NULL;
    *map = source != NULL && source->status_map != NULL ? source->status_map : c->status_map;
    return *map != NULL ? map_status(*map, status, substatus, name, at_s) : 0;
}

const struct config_source *config_source_find(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_sources; i++) {
        if (strcmp(c->sources[i].name, name) == 0) {
            return &c->sources[i];
        }
    }
    return NULL;
}

const struct config_flow *config_flow_find(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_flows; i++) {
        if (strcmp(c->flows[i].name, name) == 0) {
            return &c->flows[i];
        }
    }
    return NULL;
}

static bool same_value(const struct config_row *row, const void *a, const void *b)
{
    struct buf x;
    struct buf y;
    bool same;

    buf_init(&x, CONFIG_MAX_FILE_BYTES);
    buf_init(&y, CONFIG_MAX_FILE_BYTES);
    config_value_write(row, a, &x);
    config_value_write(row, b, &y);
    same = buf_error(&x) == 0 && buf_error(&y) == 0 && strcmp(buf_text(&x), buf_text(&y)) == 0;
    buf_free(&x);
    buf_free(&y);
    return same;
}

/* Names the fixed keys of a section that differ. */
static void list_changed(enum config_section section, const char *prefix, const void *a,
                         const void *b, struct buf *out)
{
    size_t n;
    const struct config_row *rows = config_rows_of(section, &n);

    for (size_t i = 0; i < n; i++) {
        if ((rows[i].flags & ROW_FIXED) != 0 && !same_value(&rows[i], a, b)) {
            buf_printf(out, "%s%s%s%s", out->len > 0 ? ", " : "", prefix,
                       prefix[0] != '\0' ? "." : "", rows[i].info.name);
        }
    }
}

int config_reload_allowed(const struct config *a, const struct config *b, struct errmsg *msg)
{
    struct buf names;
    char prefix[CONFIG_MAX_NAME + 8];
    int rc = 0;

    buf_init(&names, 16384);
    list_changed(SECTION_TOP, "", a, b, &names);
    for (size_t i = 0; i < a->n_flows; i++) {
        const struct config_flow *now = config_flow_find(b, a->flows[i].name);

        if (now != NULL) {
            (void)snprintf(prefix, sizeof(prefix), "flow.%s", now->name);
            list_changed(SECTION_FLOW, prefix, &a->flows[i], now, &names);
        }
    }
    if (buf_error(&names) != 0) {
        rc = err_set(msg, ERR_NOMEM, "the configurations can't be compared");
    } else if (names.len > 0) {
        rc = err_set(msg, ERR_CONFIG, "a reload can't change %s; restart the service instead",
                     buf_text(&names));
    }
    buf_free(&names);
    return rc;
}
