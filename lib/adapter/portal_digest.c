#include "adapter/portal_digest.h"

#include <string.h>

#include "adapter/portal_compare.h"
#include "base/digest.h"

#define TEXT_BYTES ((size_t)1 << 20)
#define SHORT_BYTES 8 /* of a digest: two values of one field are not taken for equal by chance */

static int put_leaf(struct json_writer *w, const char *key, const struct json *node)
{
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX_SIZE];
    char number[24];
    const char *text = json_text(node, number);
    int err = text != NULL ? digest_sha256(text, portal_compare_length(text), sum)
                           : json_digest(node, sum);

    if (err != 0) {
        return ERR_NOMEM;
    }
    digest_hex(sum, hex);
    hex[2 * SHORT_BYTES] = '\0';
    json_string(w, key, hex);
    return 0;
}

/* As deep as a tree may be (JSON_DEPTH_MAX). */
static int put(struct json_writer *w, const char *key, const struct json *node)
{
    bool object = json_is_object(node);
    int err = 0;

    if (!object && !json_is_array(node)) {
        return put_leaf(w, key, node);
    }
    if (object) {
        json_object_open(w, key);
    } else {
        json_array_open(w, key);
    }
    for (const struct json *n = json_first(node); n != NULL && err == 0; n = json_next(n)) {
        err = object && portal_compare_empty(n) ? 0 : put(w, json_key(n), n);
    }
    if (object) {
        json_object_close(w);
    } else {
        json_array_close(w);
    }
    return err;
}

int portal_digest(const struct json *object, struct arena *arena, const char **out)
{
    struct json_writer w;
    struct buf text;
    int err;

    buf_init(&text, TEXT_BYTES);
    json_write_begin(&w, &text);
    err = put(&w, NULL, object);
    err = err == 0 ? buf_error(&text) : err;
    if (err == 0) {
        *out = arena_strndup(arena, text.data, text.len);
        err = *out != NULL ? 0 : ERR_NOMEM;
    }
    buf_free(&text);
    return err;
}
