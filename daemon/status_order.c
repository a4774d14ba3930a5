#include "daemon/status_order.h"

#include <string.h>

#include "base/text.h"
#include "codec/json.h"

static const struct key {
    const char *name;
    size_t offset;
    size_t size; /* of a text with its NUL; 0: bool */
} keys[] = {
    {"reason", offsetof(struct order, reason), sizeof(((struct order *)NULL)->reason)},
    {"state", offsetof(struct order, state), sizeof(((struct order *)NULL)->state)},
    {"hold", offsetof(struct order, hold), sizeof(((struct order *)NULL)->hold)},
    {"flow", offsetof(struct order, flow), sizeof(((struct order *)NULL)->flow)},
    {"code", offsetof(struct order, code), sizeof(((struct order *)NULL)->code)},
    {"level", offsetof(struct order, level), sizeof(((struct order *)NULL)->level)},
    {"path", offsetof(struct order, path), sizeof(((struct order *)NULL)->path)},
    {"rows", offsetof(struct order, rows), sizeof(((struct order *)NULL)->rows)},
    {"what", offsetof(struct order, what), sizeof(((struct order *)NULL)->what)},
    {"sample", offsetof(struct order, sample), sizeof(((struct order *)NULL)->sample)},
    {"month", offsetof(struct order, month), sizeof(((struct order *)NULL)->month)},
    {"fix", offsetof(struct order, fix), 0},
    {"yes", offsetof(struct order, yes), 0},
    {"dry_run", offsetof(struct order, dry_run), 0},
    {"full", offsetof(struct order, full), 0},
};

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

static int take_text(const struct key *key, const struct json *node, char *out, struct errmsg *msg)
{
    char digits[24];
    const char *text;

    if (!json_is_string(node)) {
        return err_set(msg, ERR_FORMAT, "\"%s\" is a text", key->name);
    }
    text = json_text(node, digits);
    if (strlen(text) >= key->size) {
        return err_set(msg, ERR_FORMAT, "\"%s\" is longer than %zu bytes", key->name,
                       key->size - 1);
    }
    text_printable(text, strlen(text), out, key->size);
    return 0;
}

static int take(const struct json *node, struct order *out, struct errmsg *msg)
{
    const struct key *key = find_key(json_key(node));
    char shown[64];

    if (key == NULL) {
        text_printable(json_key(node), strlen(json_key(node)), shown, sizeof(shown));
        return err_set(msg, ERR_FORMAT, "there is no key \"%s\" in an order", shown);
    }
    if (key->size > 0) {
        return take_text(key, node, (char *)out + key->offset, msg);
    }
    if (json_is_string(node) || json_is_object(node) || json_is_array(node)) {
        return err_set(msg, ERR_FORMAT, "\"%s\" is true or false", key->name);
    }
    *(bool *)((char *)out + key->offset) = json_true(node);
    return 0;
}

int order_parse(const char *body, size_t n, struct order *out, struct errmsg *msg)
{
    struct json *root;
    int err;

    memset(out, 0, sizeof(*out));
    if (strspn(body, " \t\r\n") == n) {
        return 0;
    }
    err = json_parse(body, n, &root, msg);
    if (err != 0) {
        return err;
    }
    if (!json_is_object(root)) {
        err = err_set(msg, ERR_FORMAT, "an order is a JSON object");
    }
    for (const struct json *c = json_first(root); c != NULL && err == 0; c = json_next(c)) {
        err = take(c, out, msg);
    }
    json_free(root);
    return err;
}
