#include "adapter/national_other.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"

#define LIST_BYTES ((size_t)256 << 10) /* a list that is kept as it stands */

static const struct national_other *const all[] = {&national_rating, &national_question,
                                                   &national_payment};

const struct national_other *national_other_find(enum record_kind kind)
{
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i]->kind == kind) {
            return all[i];
        }
    }
    return NULL;
}

bool national_other_code(const char *code)
{
    return strchr(code, ':') != NULL;
}

static const struct national_key *find(const struct national_key *keys, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (strcasecmp(keys[i].key, key) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

/* What stands there as text: null and empty lists are nothing, a list that holds something is its
 * JSON. */
static int read_text(const struct json *node, struct arena *a, const char **out, struct errmsg *msg)
{
    struct json_writer w;
    char number[24];
    struct buf text;
    int err;

    if (!json_is_object(node) && !json_is_array(node)) {
        *out = arena_strdup(a, json_text_or_empty(node, number));
        return *out != NULL ? 0 : err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    if (json_size(node) == 0) {
        return 0;
    }
    buf_init(&text, LIST_BYTES);
    json_write_begin(&w, &text);
    json_node(&w, NULL, node);
    err = buf_error(&text);
    *out = err == 0 ? arena_strdup(a, buf_text(&text)) : NULL;
    buf_free(&text);
    err = err == 0 && *out == NULL ? ERR_NOMEM : err;
    return err != 0 ? err_set(msg, err, "%s: %s", json_key(node), err_text(err)) : 0;
}

int national_keys_read(const struct national_key *keys, size_t n, bool strict,
                       const struct json *object, struct arena *a, void *to, struct errmsg *msg)
{
    if (!json_is_object(object)) {
        return err_set(msg, ERR_FORMAT, "no JSON object");
    }
    for (const struct json *node = json_first(object); node != NULL; node = json_next(node)) {
        const struct national_key *key = find(keys, n, json_key(node));
        int err = 0;

        if (key != NULL) {
            err = read_text(node, a, (const char **)(void *)((char *)to + key->offset), msg);
        } else if (strict) {
            err = err_set(msg, ERR_FORMAT, "%.60s: not known here", json_key(node));
        }
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

void national_keys_put(const struct national_key *keys, size_t n, const void *from,
                       struct json_writer *w)
{
    json_object_open(w, NULL);
    for (size_t i = 0; i < n; i++) {
        json_string(w, keys[i].key,
                    *(const char *const *)(const void *)((const char *)from + keys[i].offset));
    }
    json_object_close(w);
}
