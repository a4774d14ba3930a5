/* Looks at the secrets that a configuration names, before somebody starts a daemon with it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_impl.h"

/* Pairs of keys of which one is enough. */
static const struct {
    enum config_section section;
    const char *credential, *file;
    bool lines;
} secrets[] = {
    {SECTION_PORTAL, "password_credential", "password_file", false},
    {SECTION_PORTAL, "bridge_token_credential", "bridge_token_file", false},
    {SECTION_SOURCE, "password_credential", "password_file", false},
    {SECTION_SOURCE, "tls_key_credential", "tls_key_file", true},
    {SECTION_SOURCE, "accounts_credential", "accounts_file", true},
};

static const char *text_of(const struct config_instance *in, const struct config_row *row)
{
    return *(const char *const *)((const char *)in->base + row->offset);
}

/* As config_load's own: FILE:LINE: SECTION.KEY: what is wrong. */
static void add_fault(const struct config_impl *impl, struct config_faults *faults,
                      const struct config_instance *in, const struct config_value *value,
                      const struct config_row *row, const char *text)
{
    bool named = in->name[0] != '\0';

    if (faults->n < CONFIG_MAX_FAULTS) {
        (void)snprintf(faults->texts[faults->n], sizeof(faults->texts[0]), "%s:%u: %s%s%s.%s: %s",
                       impl->files[value->origin.file], value->origin.line, row->info.section,
                       named ? "." : "", in->name, row->info.name, text);
    }
    faults->n++;
}

/* Credentials are there only inside of the service, and even there not for the check that a reload
 * makes first: systemd names the folder to it, and does not let it in. */
static bool out_of_sight(const char *credential, const char *file)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");

    return credential[0] != '\0' && file[0] == '\0' &&
           (dir == NULL || dir[0] == '\0' || access(dir, R_OK | X_OK) != 0);
}

/* Whether all that is wrong with a file is that we may not read it. */
static bool denied(const char *path)
{
    return path[0] != '\0' && access(path, R_OK) != 0 && errno == EACCES;
}

/* Counts in *n_denied what may not be read. */
static void look_at(const struct config_impl *impl, struct config_instance *in, size_t which,
                    struct config_faults *faults, size_t *unseen, size_t *n_denied)
{
    const struct config_row *credential;
    const struct config_row *file;
    struct config_value *by_credential =
        config_instance_key(in, secrets[which].credential, &credential);
    struct config_value *by_file = config_instance_key(in, secrets[which].file, &file);
    const char *name = text_of(in, credential);
    const char *path = text_of(in, file);
    struct errmsg msg = {{0}};

    if (name[0] == '\0' && path[0] == '\0') {
        return;
    }
    if (out_of_sight(name, path)) {
        (*unseen)++;
    } else if (!config_secret_look(name, path, secrets[which].lines, &msg)) {
        bool of_file = path[0] != '\0';

        *n_denied += denied(path);
        add_fault(impl, faults, in, of_file ? by_file : by_credential, of_file ? file : credential,
                  msg.text);
    }
}

static void look_at_certificate(const struct config_impl *impl, struct config_instance *in,
                                struct config_faults *faults, size_t *n_denied)
{
    const struct config_row *row;
    struct config_value *value = config_instance_key(in, "tls_certificate_file", &row);
    const char *path = text_of(in, row);
    struct errmsg msg = {{0}};

    if (path[0] != '\0' && access(path, R_OK) != 0) {
        err_set(&msg, ERR_IO, "%s can't be read: %m", path);
        *n_denied += denied(path);
        add_fault(impl, faults, in, value, row, msg.text);
    }
}

int config_secrets_look(const struct config *c, struct config_faults *faults, size_t *unseen)
{
    const struct config_impl *impl = c->impl;

    size_t n_denied = 0;

    faults->n = 0;
    *unseen = 0;
    for (size_t i = 0; i < impl->n_instances; i++) {
        struct config_instance *in = impl->instances[i];

        if (in->section == SECTION_PORTAL && !in->given) {
            continue;
        }
        for (size_t k = 0; k < sizeof(secrets) / sizeof(secrets[0]); k++) {
            if (secrets[k].section == in->section) {
                look_at(impl, in, k, faults, unseen, &n_denied);
            }
        }
        if (in->section == SECTION_SOURCE) {
            look_at_certificate(impl, in, faults, &n_denied);
        }
    }
    return faults->n == 0 ? 0 : faults->n == n_denied ? ERR_DENIED : ERR_CONFIG;
}
