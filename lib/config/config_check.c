/* Keys looked at together: what is missing, what contradicts, and the maps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/net_reach.h"
#include "config/config_impl.h"
#include "config/preset.h"
#include "domain/calendar.h"
#include "domain/catalog_facts.h"
#include "domain/difference.h"

static void check_required(struct config_load *load, struct config_instance *in)
{
    size_t n;
    const struct config_row *rows = config_rows_of(in->section, &n);

    for (size_t i = 0; i < n; i++) {
        struct config_value *value = &in->values[i];
        const char *text;

        if ((rows[i].flags & ROW_REQUIRED) == 0 || value->bad) {
            continue;
        }
        text = *(const char *const *)((const char *)in->base + rows[i].offset);
        if (text[0] != '\0') {
            continue;
        }
        if (value->given) {
            config_fault_value(load, in, &rows[i], "empty but required (%s)", rows[i].info.help);
        } else if (!load->lost) {
            config_fault_value(load, in, &rows[i], "missing but required (%s)", rows[i].info.help);
        }
    }
}

/* https, unless the section says that plain text is all right. */
static void check_urls(struct config_load *load, struct config_instance *in)
{
    size_t n;
    const struct config_row *rows = config_rows_of(in->section, &n);
    const struct config_row *plain = config_row_find(in->section, "allow_plaintext");

    if (plain == NULL || *(const bool *)((const char *)in->base + plain->offset)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *text;

        if (rows[i].form != FORM_URL || in->values[i].bad) {
            continue;
        }
        text = *(const char *const *)((const char *)in->base + rows[i].offset);
        if (strncmp(text, "http://", 7) == 0) {
            config_fault_value(load, in, &rows[i],
                               "http is not encrypted; use https, or set allow_plaintext = yes");
        }
    }
}

static void check_timeouts(struct config_load *load, struct config_instance *in,
                           uint64_t connect_ms, uint64_t request_ms)
{
    const struct config_row *row;

    if (connect_ms > request_ms) {
        (void)config_instance_key(in, "connect_timeout", &row);
        config_fault_value(load, in, row, "longer than request_timeout; it is a part of it");
    }
}

static void check_password(struct config_load *load, struct config_instance *in,
                           const char *username, const char *credential, const char *file)
{
    const struct config_row *row;
    const struct config_value *value = config_instance_key(in, "password_credential", &row);

    if (username[0] != '\0' && credential[0] == '\0' && file[0] == '\0' && !value->bad &&
        !load->lost) {
        config_fault_value(load, in, row,
                           "a username needs a password; name a systemd credential here, or a file "
                           "with password_file");
    }
}

/* What a source of a profile can not do without. */
#define NEEDS_MAX 4
static const struct {
    const char *profile;
    const char *keys[NEEDS_MAX];
} needs[] = {
    {"opencps", {"url"}},
    {"mapped", {"url", "preset"}},
    {"spool", {"dir"}},
    {"gateway", {"listen"}},
    {"intake", {"listen"}},
    {"payments", {"listen", "payee_account", "payee_bank", "payee_name"}},
    {"emc", {"url", "site_id"}},
};

static void check_needed(struct config_load *load, struct config_instance *in, const char *key,
                         bool needed, const char *by)
{
    const struct config_row *row;
    const struct config_value *value = config_instance_key(in, key, &row);
    const char *text = *(const char *const *)((const char *)in->base + row->offset);

    if (needed && text[0] == '\0' && !value->bad && (value->given || !load->lost)) {
        config_fault_value(load, in, row, "%s but required by %s (%s)",
                           value->given ? "empty" : "missing", by, row->info.help);
    }
}

static void check_profile(struct config_load *load, struct config_instance *in)
{
    const struct config_source *s = in->base;
    char by[64];

    (void)snprintf(by, sizeof(by), "profile %.40s", s->profile);

    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        if (strcmp(s->profile, needs[i].profile) == 0) {
            for (size_t k = 0; k < NEEDS_MAX && needs[i].keys[k] != NULL; k++) {
                check_needed(load, in, needs[i].keys[k], true, by);
            }
        }
    }
}

static void check_listen(struct config_load *load, struct config_instance *in)
{
    const struct config_source *s = in->base;
    const struct config_row *row;

    if (s->listen[0] == '\0' || config_instance_key(in, "listen", &row)->bad) {
        return;
    }
    if (!net_is_endpoint(s->listen)) {
        config_fault_value(load, in, row,
                           "not ADDRESS:PORT in numbers; write 127.0.0.1:8080 or [::1]:8080");
    } else if (s->tls_certificate_file[0] == '\0' && !s->allow_plaintext &&
               !net_is_loopback_endpoint(s->listen) && !load->lost) {
        config_fault_value(load, in, row,
                           "not a loopback address, and there is no tls_certificate_file; give a "
                           "certificate and its key, listen on 127.0.0.1, or set "
                           "allow_plaintext = yes");
    }
    if (s->tls_certificate_file[0] != '\0' && s->tls_key_credential[0] == '\0' &&
        s->tls_key_file[0] == '\0' && !config_instance_key(in, "tls_key_credential", &row)->bad &&
        !load->lost) {
        config_fault_value(load, in, row,
                           "a certificate needs its key; name a systemd credential here, or a file "
                           "with tls_key_file");
    }
}

/* Whoever may call may tell that a dossier is paid, and is told who applied. */
static void check_payments(struct config_load *load, struct config_instance *in)
{
    const struct config_source *s = in->base;
    const struct config_row *row;
    bool bad = config_instance_key(in, "accounts_credential", &row)->bad;

    if (strcmp(s->profile, "payments") == 0 && s->accounts_credential[0] == '\0' &&
        s->accounts_file[0] == '\0' && net_is_endpoint(s->listen) &&
        !net_is_loopback_endpoint(s->listen) && !bad && !load->lost) {
        config_fault_value(load, in, row,
                           "payments are taken from other machines only with accounts; name a "
                           "systemd credential here, or a file with accounts_file, or listen on "
                           "127.0.0.1");
    }
}

static int parse_range(const char *text, struct errmsg *msg)
{
    struct net_range range;

    return net_range_parse(text, &range, msg);
}

static int parse_target(const char *text, struct errmsg *msg)
{
    struct net_target target;

    return net_target_parse(text, &target, msg);
}

static void check_allow(struct config_load *load, struct config_instance *in, const char *key,
                        const struct config_list *allow,
                        int (*parse)(const char *text, struct errmsg *msg))
{
    const struct config_row *row;
    struct errmsg msg = {{0}};

    if (config_instance_key(in, key, &row)->bad) {
        return;
    }
    if (allow->n > NET_ALLOW_MAX) {
        config_fault_value(load, in, row, "too many; at most %d are allowed", NET_ALLOW_MAX);
        return;
    }
    for (size_t i = 0; i < allow->n; i++) {
        if (parse(allow->items[i], &msg) != 0) {
            config_fault_value(load, in, row, "%s", msg.text);
        }
    }
}

static void check_endpoint(struct config_load *load, struct config_instance *in)
{
    if (in->section == SECTION_PORTAL) {
        const struct config_portal *p = in->base;

        check_timeouts(load, in, p->connect_timeout_ms, p->request_timeout_ms);
        check_needed(load, in, "username", strcmp(p->transport, "direct") == 0, "transport direct");
        check_password(load, in, p->username, p->password_credential, p->password_file);
    } else if (in->section == SECTION_SOURCE) {
        const struct config_source *s = in->base;

        check_timeouts(load, in, s->connect_timeout_ms, s->request_timeout_ms);
        check_password(load, in, s->username, s->password_credential, s->password_file);
        check_profile(load, in);
        check_listen(load, in);
        check_payments(load, in);
        check_allow(load, in, "allow", &s->allow, parse_range);
    } else if (in->section == SECTION_INTEGRITY) {
        check_allow(load, in, "links_allow", &load->config->links_allow, parse_target);
    }
}

static void check_pairs(struct config_load *load, struct config_instance *in)
{
    const struct config_list *pairs = &load->config->reconcile_tolerate;
    const struct config_row *row;
    const struct config_value *value = config_instance_key(in, "tolerate", &row);
    struct difference_pair unused;

    for (size_t i = 0; i < pairs->n && !value->bad; i++) {
        if (difference_pair_parse(pairs->items[i], &unused) != 0) {
            config_fault_value(load, in, row,
                               "not a pair of statuses like \"9/10\", or \"*/0\" for none shown");
            return;
        }
    }
}

static void check_top(struct config_load *load, struct config_instance *in)
{
    const struct config *c = load->config;
    const struct config_row *row;
    const struct config_value *value;

    if (in->section == SECTION_TOP) {
        value = config_instance_key(in, "control_socket", &row);
        if (strcmp(c->control_socket, c->status_socket) == 0 && !value->bad) {
            config_fault_value(load, in, row, "the same as status_socket; each needs its own");
        }
    } else if (in->section == SECTION_RETRY) {
        value = config_instance_key(in, "cap", &row);
        if (c->retry_cap_ms < c->retry_first_ms && !value->bad) {
            config_fault_value(load, in, row, "smaller than first; it must be as long or longer");
        }
    } else if (in->section == SECTION_RECONCILE) {
        check_pairs(load, in);
    }
}

/* A map's message may have several lines: each becomes a fault. */
static void pass_on(struct config_load *load, struct config_instance *in,
                    const struct config_row *row, const char *path, struct errmsg *msg, int rc)
{
    char *rest = msg->text;
    char *line;

    if (strstr(msg->text, path) == NULL) {
        (void)err_wrap(msg, rc, "%s", path);
    }
    for (line = strtok_r(rest, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        config_fault_value(load, in, row, "%s", line);
    }
}

/* What became of a file that the configuration names. */
static void note_loaded(struct config_load *load, struct config_instance *in, const char *key,
                        const char *path, struct errmsg *msg, int rc)
{
    const struct config_row *row;

    if (rc == ERR_NOMEM) {
        load->nomem = true;
    } else if (rc != 0) {
        config_unreadable(load, rc);
        (void)config_instance_key(in, key, &row);
        pass_on(load, in, row, path, msg, rc);
    }
}

static void load_map(struct config_load *load, struct config_instance *in, const char *key,
                     enum map_kind kind, const char *path, struct map **map)
{
    struct errmsg msg = {{0}};
    int rc = path[0] != '\0' ? map_load(kind, path, map, &msg) : 0;

    note_loaded(load, in, key, path, &msg, rc);
}

static void load_facts(struct config_load *load, struct config_instance *in)
{
    struct config *c = load->config;
    const char *path = c->catalog_facts_path;
    struct errmsg msg = {{0}};
    int rc = path[0] != '\0' ? catalog_facts_load(path, &c->catalog_facts, &msg) : 0;

    note_loaded(load, in, "catalog", path, &msg, rc);
}

static void load_calendar(struct config_load *load, struct config_instance *in)
{
    struct config *c = load->config;
    const char *path = c->calendar_path;
    struct errmsg msg = {{0}};
    int rc =
        path[0] != '\0' ? calendar_load(path, &c->calendar, &msg) : calendar_plain(&c->calendar);

    note_loaded(load, in, "calendar", path, &msg, rc);
}

static void load_maps(struct config_load *load, struct config_instance *in)
{
    struct config *c = load->config;
    const struct {
        const char *key;
        enum map_kind kind;
        const char *path;
        struct map **map;
    } maps[] = {
        {"status", MAP_STATUS, c->status_map_path, &c->status_map},
        {"procedure", MAP_PROCEDURE, c->procedure_map_path, &c->procedure_map},
        {"agency", MAP_AGENCY, c->agency_map_path, &c->agency_map},
    };

    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        load_map(load, in, maps[i].key, maps[i].kind, maps[i].path, maps[i].map);
    }
    load_facts(load, in);
}

/* The faults of the preset's file, each with its own place, stand beside those of the
 * configuration. */
static void load_preset(struct config_load *load, struct config_instance *in,
                        struct config_source *s)
{
    struct config_faults *faults;
    const struct config_row *row;
    int rc;

    if (s->preset[0] == '\0') {
        return;
    }
    faults = calloc(1, sizeof(*faults));
    rc = faults != NULL ? preset_load(s->preset, &s->params, &s->loaded_preset, faults) : ERR_NOMEM;
    if (rc == ERR_NOMEM) {
        load->nomem = true;
    } else if (rc != 0) {
        config_unreadable(load, rc);
        (void)config_instance_key(in, "preset", &row);
        for (size_t i = 0; i < faults->n && i < CONFIG_MAX_FAULTS; i++) {
            config_fault_value(load, in, row, "%s", faults->texts[i]);
        }
    }
    free(faults);
}

static void load_source_files(struct config_load *load, struct config_instance *in)
{
    struct config_source *s = in->base;

    load_map(load, in, "status_map", MAP_STATUS, s->status_map_path, &s->status_map);
    load_preset(load, in, s);
}

void config_check(struct config_load *load)
{
    struct config_impl *impl = load->impl;
    struct config_origin nowhere = {0};

    for (size_t i = 0; i < impl->n_instances; i++) {
        struct config_instance *in = impl->instances[i];

        if (in->section == SECTION_PORTAL && !in->given) {
            continue;
        }
        check_required(load, in);
        check_urls(load, in);
        check_endpoint(load, in);
        check_top(load, in);
        if (in->section == SECTION_FLOW) {
            config_check_flow(load, in);
        } else if (in->section == SECTION_SOURCE) {
            load_source_files(load, in);
        } else if (in->section == SECTION_MAPS) {
            load_maps(load, in);
        } else if (in->section == SECTION_DEADLINES) {
            load_calendar(load, in);
        }
    }
    if (load->config->n_flows == 0 && !load->lost) {
        config_fault(load, nowhere, "no flow is configured; add at least one section flow");
    }
}
