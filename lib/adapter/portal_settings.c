#include "adapter/portal_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define SETTINGS_MAX_BYTES (1u << 20)
#define TEXT_MAX_BYTES 512 /* of one text that replies are searched for */

/* What replies are searched for. */
static const size_t lists[] = {
    offsetof(struct config_portal, permanent_text),
    offsetof(struct config_portal, auth_error_text),
    offsetof(struct config_portal, exists_text),
    offsetof(struct config_portal, missing_text),
};

/* What a session belongs to. */
static const size_t account[] = {
    offsetof(struct config_portal, adapter_url),
    offsetof(struct config_portal, auth_endpoint),
    offsetof(struct config_portal, agency_code),
    offsetof(struct config_portal, dstcode),
    offsetof(struct config_portal, username),
    offsetof(struct config_portal, password_credential),
    offsetof(struct config_portal, password_file),
    offsetof(struct config_portal, transport),
    offsetof(struct config_portal, bridge_token_credential),
    offsetof(struct config_portal, bridge_token_file),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *text_of(const struct config_portal *c, size_t offset)
{
    return *(const char *const *)(const void *)((const char *)c + offset);
}

/* Replies are searched for the folded text. One that does not fold stays as it is and matches only
 * itself. */
static int fold(struct arena *a, const char **text)
{
    char folded[TEXT_MAX_BYTES];

    if (text_fold(*text, folded, sizeof(folded)) == 0) {
        *text = arena_strdup(a, folded);
    }
    return *text != NULL ? 0 : ERR_NOMEM;
}

static int fold_lists(struct portal_settings *s)
{
    int err = 0;

    for (size_t i = 0; i < COUNT(lists); i++) {
        struct config_list *list = (struct config_list *)(void *)((char *)&s->config + lists[i]);

        for (size_t k = 0; k < list->n && err == 0; k++) {
            err = fold(&s->arena, &list->items[k]);
        }
    }
    return err;
}

static const char *join(struct arena *a, const char *front, const char *back)
{
    size_t size = strlen(front) + strlen(back) + 1;
    char *out = arena_alloc(a, size);

    if (out != NULL) {
        (void)snprintf(out, size, "%s%s", front, back);
    }
    return out;
}

static bool derive_urls(struct portal_settings *s)
{
    const struct config_portal *c = &s->config;

    s->urls[PORTAL_AUTH] = join(&s->arena, c->adapter_url, c->auth_endpoint);
    s->urls[PORTAL_SHARE] = join(&s->arena, c->adapter_url, c->share_endpoint);
    s->urls[PORTAL_INTEGRATION] = join(&s->arena, c->adapter_url, c->integration_endpoint);
    return s->urls[PORTAL_AUTH] != NULL && s->urls[PORTAL_SHARE] != NULL &&
           s->urls[PORTAL_INTEGRATION] != NULL;
}

static uint32_t milliseconds(uint64_t ms)
{
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static const char *text_or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static void derive_rest(struct portal_settings *s)
{
    const struct config_portal *c = &s->config;

    s->headers[0] = (struct http_header){"Accept", "application/json"};
    s->headers[1] = (struct http_header){"Content-Type", "application/json"};
    s->headers[2] = (struct http_header){"Charset", "utf-8"};
    s->headers[3] = (struct http_header){"dstcode", c->dstcode};
    s->tls.ca_file = text_or_null(c->ca_file);
    s->tls.crl_file = text_or_null(c->crl_file);
    s->tls.pinned_key = text_or_null(c->pinned_key);
    s->tls.allow_plaintext = c->allow_plaintext;
    s->limits.connect_ms = milliseconds(c->connect_timeout_ms);
    s->limits.total_ms = milliseconds(c->request_timeout_ms);
    s->limits.stall_ms = milliseconds(c->stall_timeout_ms);
    s->limits.response_bytes = (size_t)c->reply_limit_bytes;
    s->list_bytes = (size_t)c->list_limit_bytes;
}

int portal_settings_new(const struct config *config, struct portal_settings **out,
                        struct errmsg *msg)
{
    struct portal_settings *s;

    *out = NULL;
    if (!config->has_portal || config->portal.adapter_url == NULL ||
        config->portal.adapter_url[0] == '\0') {
        return err_set(msg, ERR_CONFIG, "portal: there is no section `portal` with adapter_url");
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return err_set(msg, ERR_NOMEM, "portal: out of memory");
    }
    s->refs = 1;
    arena_init(&s->arena, SETTINGS_MAX_BYTES);
    if (config_portal_copy(&config->portal, &s->arena, &s->config) != 0 || fold_lists(s) != 0 ||
        !derive_urls(s)) {
        portal_settings_unref(s);
        return err_set(msg, ERR_NOMEM, "portal: out of memory");
    }
    derive_rest(s);
    *out = s;
    return 0;
}

struct portal_settings *portal_settings_ref(struct portal_settings *settings)
{
    settings->refs++;
    return settings;
}

void portal_settings_unref(struct portal_settings *settings)
{
    if (settings == NULL) {
        return;
    }
    settings->refs--;
    if (settings->refs == 0) {
        arena_free(&settings->arena);
        free(settings);
    }
}

bool portal_settings_same_account(const struct portal_settings *a, const struct portal_settings *b)
{
    for (size_t i = 0; i < COUNT(account); i++) {
        if (strcmp(text_of(&a->config, account[i]), text_of(&b->config, account[i])) != 0) {
            return false;
        }
    }
    return true;
}
