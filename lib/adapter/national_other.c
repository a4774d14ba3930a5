#include "adapter/national_other.h"

#include <string.h>
#include <strings.h>

#include "adapter/portal_mapped.h"
#include "base/buf.h"
#include "codec/record.h"

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

static const char **text_at(void *what, const struct national_key *key)
{
    return (const char **)(void *)((char *)what + key->offset);
}

int national_keys_read(const struct national_key *keys, size_t n, bool strict,
                       const struct json *object, struct arena *a, void *to, struct errmsg *msg)
{
    for (size_t i = 0; i < n; i++) {
        *text_at(to, &keys[i]) = "";
    }
    if (!json_is_object(object)) {
        return err_set(msg, ERR_FORMAT, "no JSON object");
    }
    for (const struct json *node = json_first(object); node != NULL; node = json_next(node)) {
        const struct national_key *key = find(keys, n, json_key(node));
        int err = 0;

        if (key != NULL) {
            err = read_text(node, a, text_at(to, key), msg);
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

/* ---- any kind ---- */

union what {
    const char *code; /* the first text of each */
    struct rating rating;
    struct question question;
    struct payment payment;
};

int national_other_read(const struct national_other *other, const struct json *object,
                        struct arena *a, struct record *out, struct errmsg *msg)
{
    char code[CODE_MAX];
    union what what;
    int err = national_keys_read(other->keys, other->n_keys, true, object, a, &what, msg);

    err = err == 0 ? other->code(&what, code, msg) : err;
    what.code = code;
    return err == 0 ? record_from_other(other->kind, &what, a, out, msg) : err;
}

static int decode(const struct national_other *other, const struct record *record, struct arena *a,
                  union what *out, struct errmsg *msg)
{
    return record_to_other(other->kind, record->body, record->body_len, a, out, msg);
}

int national_other_check(const struct national_other *other, const struct adapter_env *env,
                         const struct record *record, struct arena *a, struct adapter_check *check)
{
    struct errmsg msg = {{0}};
    union what what;
    int err = decode(other, record, a, &what, &msg);

    if (err == 0) {
        other->check(env, &what, check);
    } else if (err != ERR_NOMEM) {
        portal_hold_invalid(check, msg.text);
        err = 0;
    }
    return err;
}

int national_other_put(const struct national_other *other, const struct adapter_env *env,
                       const struct record *record, struct arena *a, struct json_writer *w,
                       const char **service, struct errmsg *msg)
{
    union what what;
    int err = decode(other, record, a, &what, msg);

    if (err == 0) {
        *service = other->put(env, &what, w);
    }
    return err;
}

int national_other_file(const struct national_other *other, const struct record *record,
                        struct arena *a, struct json_writer *w, struct errmsg *msg)
{
    union what what;
    int err = decode(other, record, a, &what, msg);

    if (err == 0) {
        national_keys_put(other->keys, other->n_keys, &what, w);
    }
    return err;
}
