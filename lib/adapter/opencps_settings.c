#include "adapter/opencps_call.h"

#include <stdlib.h>
#include <string.h>

#define STRINGS_MAX (256u << 10) /* bytes of one source's configuration */

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/* "01:30" */
static int parse_clock(const char *text, int32_t *out)
{
    if (strlen(text) != 5 || text[2] != ':' || strspn(text, "0123456789") != 2 ||
        strspn(text + 3, "0123456789") != 2) {
        return ERR_FORMAT;
    }
    *out =
        ((text[0] - '0') * 10 + text[1] - '0') * 3600 + ((text[3] - '0') * 10 + text[4] - '0') * 60;
    return *out < 86400 ? 0 : ERR_FORMAT;
}

static uint32_t to_ms(uint64_t ms)
{
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static int derive(struct opencps_settings *s, const struct config *config, struct errmsg *msg)
{
    const struct config_source *source = &s->source;

    if (source->url[0] == '\0') {
        return err_set(msg, ERR_CONFIG, "source %s: url is missing", source->name);
    }
    if (source->full_sweep_at[0] != '\0' &&
        parse_clock(source->full_sweep_at, &s->full_sweep_at_s) != 0) {
        return err_set(msg, ERR_CONFIG, "source %s: full_sweep_at \"%s\" is not a time like 01:30",
                       source->name, source->full_sweep_at);
    }
    s->format = strcmp(source->format, "xml") == 0 ? OPENCPS_XML : OPENCPS_JSON;
    s->limits.connect_ms = to_ms(source->connect_timeout_ms);
    s->limits.total_ms = to_ms(source->request_timeout_ms);
    s->limits.stall_ms = to_ms(source->stall_timeout_ms);
    s->limits.response_bytes = (size_t)source->reply_limit_bytes;
    s->tls.ca_file = or_null(source->ca_file);
    s->tls.crl_file = or_null(source->crl_file);
    s->tls.pinned_key = or_null(source->pinned_key);
    s->tls.allow_plaintext = source->allow_plaintext;
    for (size_t i = 0; i < config->n_flows; i++) {
        if ((config->flows[i].kind == FLOW_DOSSIERS || config->flows[i].kind == FLOW_USAGE) &&
            strcmp(config->flows[i].from, source->name) == 0) {
            s->start_from_s = config->flows[i].start_from_s;
        }
    }
    return 0;
}

int opencps_settings_new(const struct config *config, const struct config_source *source,
                         struct opencps_settings **out, struct errmsg *msg)
{
    struct opencps_settings *s = calloc(1, sizeof(*s));
    int err;

    *out = NULL;
    if (s == NULL) {
        return err_set(msg, ERR_NOMEM, "source %s: %s", source->name, err_text(ERR_NOMEM));
    }
    s->refs = 1;
    arena_init(&s->strings, STRINGS_MAX);
    err = config_source_copy(source, &s->strings, &s->source);
    if (err != 0) {
        err_set(msg, err, "source %s: %s", source->name, err_text(err));
    } else {
        err = derive(s, config, msg);
    }
    if (err != 0) {
        opencps_settings_unref(s);
        return err;
    }
    *out = s;
    return 0;
}

struct opencps_settings *opencps_settings_ref(struct opencps_settings *s)
{
    s->refs++;
    return s;
}

void opencps_settings_unref(struct opencps_settings *s)
{
    if (s == NULL || --s->refs > 0) {
        return;
    }
    arena_free(&s->strings);
    explicit_bzero(s, sizeof(*s));
    free(s);
}
