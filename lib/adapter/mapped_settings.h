/* mapped settings: what one version of the configuration says about a mapped source, copied and
 * counted, with a hold on its preset.
 *
 * A reload may free the old configuration while calls are in flight that must finish with its
 * values; each call holds the settings it began with. Counting on the loop thread; reading on any.
 */
#ifndef ADAPTER_MAPPED_SETTINGS_H
#define ADAPTER_MAPPED_SETTINGS_H

#include "adapter/mapped_cursor.h"
#include "base/arena.h"
#include "config/config.h"
#include "config/preset.h"
#include "http/client.h"

struct mapped_settings {
    unsigned refs;
    struct arena arena; /* every string below */
    /* Deep copy; of status_map only whether there is one counts. */
    struct config_source source;
    struct preset *preset; /* held */
    struct http_tls tls;
    struct http_limits limits;
    struct mapped_cursor_settings cursor;
};

/* With one reference. ERR_CONFIG when something is missing, ERR_NOMEM. */
MUST_CHECK int mapped_settings_new(const struct config *config, const struct config_source *source,
                                   struct mapped_settings **out, struct errmsg *msg);
struct mapped_settings *mapped_settings_ref(struct mapped_settings *s);
void mapped_settings_unref(struct mapped_settings *s); /* NULL is fine */
/* A token of one is good for the other: same address, account and preset. */
bool mapped_settings_same_account(const struct mapped_settings *a, const struct mapped_settings *b);

#endif
