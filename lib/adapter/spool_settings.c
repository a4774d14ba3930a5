#include <stdlib.h>
#include <string.h>

#include "adapter/spool_impl.h"

#define STRINGS_MAX (256u << 10) /* bytes of one source's configuration */

/* Its own copy of the preset: that of the configuration goes with the configuration. */
static int load_preset(struct spool_settings *s, struct errmsg *msg)
{
    struct config_faults *faults;
    int err;

    s->source.loaded_preset = NULL;
    if (s->source.preset[0] == '\0') {
        return 0;
    }
    faults = calloc(1, sizeof(*faults));
    if (faults == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    err = preset_load(s->source.preset, &s->source.params, &s->preset, faults);
    if (err != 0) {
        err_set(msg, err, "source %s: %s", s->source.name,
                faults->n > 0 ? faults->texts[0] : err_text(err));
    }
    free(faults);
    s->source.loaded_preset = s->preset;
    return err;
}

static const char *statuses_of(const struct spool_settings *s)
{
    const char *configured = config_source_statuses(&s->source);

    return configured[0] != '\0' || s->preset != NULL ? configured : SPOOL_STATUSES_NATIONAL;
}

int spool_settings_new(const struct config_source *source, struct spool_settings **out,
                       struct errmsg *msg)
{
    struct spool_settings *s = calloc(1, sizeof(*s));
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
    } else if (s->source.dir[0] == '\0') {
        err = err_set(msg, ERR_CONFIG, "source %s: dir is missing", source->name);
    } else {
        err = load_preset(s, msg);
    }
    if (err != 0) {
        spool_settings_unref(s);
        return err;
    }
    s->statuses = statuses_of(s);
    s->xml = strcmp(s->source.format, "xml") == 0;
    *out = s;
    return 0;
}

struct spool_settings *spool_settings_ref(struct spool_settings *s)
{
    s->refs++;
    return s;
}

void spool_settings_unref(struct spool_settings *s)
{
    if (s == NULL || --s->refs > 0) {
        return;
    }
    preset_free(s->preset);
    arena_free(&s->strings);
    free(s);
}
