/* portal settings: what one version of the configuration says about the portal, copied and counted.
 *
 * A reload may free the old configuration while calls are in flight that must finish with its
 * values; each call holds the settings it began with. Loop thread. */
#ifndef ADAPTER_PORTAL_SETTINGS_H
#define ADAPTER_PORTAL_SETTINGS_H

#include "base/arena.h"
#include "config/config.h"
#include "http/client.h"

enum portal_endpoint { PORTAL_AUTH, PORTAL_SHARE, PORTAL_INTEGRATION, PORTAL_ENDPOINTS };

#define PORTAL_HEADERS 4

struct portal_settings {
    unsigned refs;
    struct arena arena;                 /* every string below */
    struct config_portal config;        /* deep copy; its text lists are folded (text_fold) */
    const char *urls[PORTAL_ENDPOINTS]; /* adapter_url + endpoint, nothing between (section 1) */
    struct http_header headers[PORTAL_HEADERS];
    struct http_tls tls;
    struct http_limits limits; /* of pushes and look-ups */
    size_t list_bytes;         /* of catalogue replies */
};

/* With one reference. ERR_CONFIG when there is no portal section, ERR_NOMEM. */
MUST_CHECK int portal_settings_new(const struct config *config, struct portal_settings **out,
                                   struct errmsg *msg);
struct portal_settings *portal_settings_ref(struct portal_settings *settings);
void portal_settings_unref(struct portal_settings *settings); /* NULL is fine */
/* A session of one is good for the other: same address, account and agency. */
bool portal_settings_same_account(const struct portal_settings *a, const struct portal_settings *b);

#endif
