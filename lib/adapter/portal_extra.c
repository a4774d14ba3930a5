#include "adapter/portal_extra.h"

#include <assert.h>
#include <string.h>

int portal_extra_begin(struct portal_extra *extra, const char *text)
{
    struct errmsg msg = {0};
    int err;

    extra->root = NULL;
    extra->n_met = 0;
    if (text == NULL || text[0] == '\0') {
        return 0;
    }
    err = json_parse(text, strlen(text), &extra->root, &msg);
    if (err == 0 && !json_is_object(extra->root)) {
        err = ERR_FORMAT;
    }
    if (err != 0) {
        portal_extra_end(extra);
    }
    return err == ERR_NOMEM || err == 0 ? err : ERR_FORMAT;
}

const struct json *portal_extra_take(struct portal_extra *extra, const char *key)
{
    const struct json *node = extra->root != NULL ? json_get(extra->root, key) : NULL;

    if (node != NULL) {
        assert(extra->n_met < PORTAL_EXTRA_KNOWN);
        extra->met[extra->n_met] = node;
        extra->n_met++;
    }
    return node;
}

static bool taken(const struct portal_extra *extra, const struct json *node)
{
    for (size_t i = 0; i < extra->n_met; i++) {
        if (extra->met[i] == node) {
            return true;
        }
    }
    return false;
}

void portal_extra_rest(const struct portal_extra *extra, struct json_writer *w)
{
    for (const struct json *node = json_first(extra->root); node != NULL; node = json_next(node)) {
        if (!taken(extra, node)) {
            json_node(w, json_key(node), node);
        }
    }
}

void portal_extra_end(struct portal_extra *extra)
{
    json_free(extra->root);
    extra->root = NULL;
    extra->n_met = 0;
}
