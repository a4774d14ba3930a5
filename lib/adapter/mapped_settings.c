#include "adapter/mapped_settings.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/mapped_template.h"

#define STRINGS_MAX (256u << 10) /* bytes of one source's configuration */

#define AT(field) offsetof(struct config_source, field)

/* What a token belongs to. */
static const size_t account[] = {
    AT(url), AT(username), AT(password_credential), AT(password_file), AT(preset),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *text_of(const struct config_source *source, size_t offset)
{
    return *(const char *const *)(const void *)((const char *)source + offset);
}

static uint32_t milliseconds(uint64_t ms)
{
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static const char *text_or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

/* "01:30", checked when the configuration was loaded; -1 none. */
static int32_t clock_s(const char *text)
{
    if (strlen(text) != 5 || text[2] != ':') {
        return -1;
    }
    return ((text[0] - '0') * 10 + text[1] - '0') * 3600 +
           ((text[3] - '0') * 10 + text[4] - '0') * 60;
}

static bool call_uses(const struct preset_call *call, const char *name)
{
    bool uses = mapped_template_uses(&call->url, name) || mapped_template_uses(&call->body, name);

    for (size_t i = 0; i < call->n_headers; i++) {
        uses = uses || mapped_template_uses(&call->headers[i].value, name);
    }
    return uses;
}

static void derive_cursor(struct mapped_settings *s, const struct config *config)
{
    const struct preset *p = s->preset;
    struct mapped_cursor_settings *c = &s->cursor;

    c->style = p->cursor.style;
    c->overlap_s = (int64_t)(p->cursor.overlap_ms / 1000);
    c->window_s = (int64_t)(p->cursor.window_ms / 1000);
    c->back_s = (int64_t)(p->cursor.back_ms / 1000);
    c->size = p->cursor.size > 0 ? p->cursor.size : s->source.page_size;
    c->known = p->cursor.known;
    c->first_page_is_1 = p->cursor.first_page_is_1;
    c->pages = call_uses(&p->list, "page") || call_uses(&p->list, "offset") ||
               call_uses(&p->list, "end") || call_uses(&p->list, "cursor");
    c->bounded = call_uses(&p->list, "until");
    c->has_changed = p->changed_path != NULL && p->changed_path[0] != '\0';
    c->has_total = p->list.total != NULL && p->list.total[0] != '\0';
    c->has_last = p->list.last != NULL && p->list.last[0] != '\0';
    c->has_next = p->list.next != NULL && p->list.next[0] != '\0';
    c->poll_every_ms = s->source.poll_every_ms;
    c->sweep_every_ms = s->source.sweep_every_ms;
    c->slow_sweep_every_ms = s->source.slow_sweep_every_ms;
    c->full_sweep_at_s = clock_s(s->source.full_sweep_at);
    for (size_t i = 0; i < config->n_flows; i++) {
        const struct config_flow *flow = &config->flows[i];
        bool ours = (flow->kind == FLOW_DOSSIERS || flow->kind == FLOW_USAGE) &&
                    strcmp(flow->from, s->source.name) == 0;

        for (size_t k = 0; k < flow->also_from.n; k++) {
            ours = ours || (flow->kind == FLOW_DOSSIERS &&
                            strcmp(flow->also_from.items[k], s->source.name) == 0);
        }
        if (ours) {
            c->start_from_s = flow->start_from_s;
        }
    }
}

static void derive_rest(struct mapped_settings *s)
{
    const struct config_source *c = &s->source;

    s->tls.ca_file = text_or_null(c->ca_file);
    s->tls.crl_file = text_or_null(c->crl_file);
    s->tls.pinned_key = text_or_null(c->pinned_key);
    s->tls.allow_plaintext = c->allow_plaintext;
    s->limits.connect_ms = milliseconds(c->connect_timeout_ms);
    s->limits.total_ms = milliseconds(c->request_timeout_ms);
    s->limits.stall_ms = milliseconds(c->stall_timeout_ms);
    s->limits.response_bytes = (size_t)c->reply_limit_bytes;
}

int mapped_settings_new(const struct config *config, const struct config_source *source,
                        struct mapped_settings **out, struct errmsg *msg)
{
    struct mapped_settings *s;

    *out = NULL;
    if (source->loaded_preset == NULL) {
        return err_set(msg, ERR_CONFIG, "source %s: preset is missing", source->name);
    }
    if (source->url == NULL || source->url[0] == '\0') {
        return err_set(msg, ERR_CONFIG, "source %s: url is missing", source->name);
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return err_set(msg, ERR_NOMEM, "source %s: %s", source->name, err_text(ERR_NOMEM));
    }
    s->refs = 1;
    arena_init(&s->arena, STRINGS_MAX);
    s->preset = preset_hold(source->loaded_preset);
    if (config_source_copy(source, &s->arena, &s->source) != 0) {
        mapped_settings_unref(s);
        return err_set(msg, ERR_NOMEM, "source %s: %s", source->name, err_text(ERR_NOMEM));
    }
    s->source.loaded_preset = NULL;
    derive_cursor(s, config);
    derive_rest(s);
    *out = s;
    return 0;
}

struct mapped_settings *mapped_settings_ref(struct mapped_settings *s)
{
    s->refs++;
    return s;
}

void mapped_settings_unref(struct mapped_settings *s)
{
    if (s == NULL || --s->refs > 0) {
        return;
    }
    preset_free(s->preset);
    arena_free(&s->arena);
    free(s);
}

bool mapped_settings_same_account(const struct mapped_settings *a, const struct mapped_settings *b)
{
    bool same = a->preset->auth.kind == b->preset->auth.kind &&
                strcmp(a->preset->auth.login.url.text, b->preset->auth.login.url.text) == 0 &&
                strcmp(a->preset->auth.login.body.text, b->preset->auth.login.body.text) == 0 &&
                a->preset->params.n == b->preset->params.n;

    for (size_t i = 0; i < COUNT(account) && same; i++) {
        same = strcmp(text_of(&a->source, account[i]), text_of(&b->source, account[i])) == 0;
    }
    for (size_t i = 0; same && i < a->preset->params.n; i++) {
        same = strcmp(a->preset->params.items[i], b->preset->params.items[i]) == 0;
    }
    return same;
}
