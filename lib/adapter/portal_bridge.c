#include "adapter/portal_bridge.h"

#include <string.h>

bool portal_is_bridge(const struct config_portal *portal)
{
    return portal->transport != NULL && strcmp(portal->transport, "bridge") == 0;
}

static void put_parameter(struct buf *out, bool *first, const char *key, const char *value)
{
    buf_putc(out, *first ? '?' : '&');
    buf_put_form(out, key);
    buf_putc(out, '=');
    buf_put_form(out, value);
    *first = false;
}

void portal_bridge_push_path(const struct config_portal *portal, const char *service,
                             const bool *updating, struct buf *out)
{
    bool first = true;

    buf_puts(out, service);
    put_parameter(out, &first, "MaDinhDanhDV", portal->agency_code);
    if (updating != NULL) {
        put_parameter(out, &first, "isUpdating", *updating ? "True" : "False");
    }
}

void portal_bridge_read_path(const char *service, const char *key, const char *value,
                             struct buf *out)
{
    bool first = true;

    buf_put_form(out, service);
    if (key != NULL) {
        put_parameter(out, &first, key, value);
    }
}

int portal_bridge_relay_path(const char *service, const struct json *parameters, struct buf *out)
{
    bool first = true;

    buf_put_form(out, service);
    for (const struct json *node = json_first(parameters); node != NULL; node = json_next(node)) {
        char number[24];
        const char *value = json_text(node, number);

        if (strcmp(json_key(node), "session") == 0 || strcmp(json_key(node), "service") == 0) {
            continue; /* of the direct envelope */
        }
        if (value == NULL) {
            return ERR_UNSUPPORTED;
        }
        put_parameter(out, &first, json_key(node), value);
    }
    return 0;
}
