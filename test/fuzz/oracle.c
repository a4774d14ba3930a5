#include "fuzz/oracle.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const json_t *value(const struct oracle *node)
{
    return (const json_t *)(const void *)node;
}

static const struct oracle *node_of(const json_t *v)
{
    return (const struct oracle *)(const void *)v;
}

struct oracle *oracle_parse(const char *bytes, size_t n, char why[160])
{
    size_t skip = n >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    json_error_t error;
    json_t *root =
        json_loadb(bytes + skip, n - skip, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

    (void)snprintf(why, 160, "%s", root == NULL ? error.text : "");
    return (struct oracle *)(void *)root;
}

void oracle_free(struct oracle *root)
{
    json_decref((json_t *)(void *)root);
}

enum oracle_kind oracle_kind(const struct oracle *node)
{
    static const enum oracle_kind kinds[] = {
        [JSON_OBJECT] = ORACLE_OBJECT,   [JSON_ARRAY] = ORACLE_ARRAY, [JSON_STRING] = ORACLE_STRING,
        [JSON_INTEGER] = ORACLE_INTEGER, [JSON_REAL] = ORACLE_REAL,   [JSON_TRUE] = ORACLE_TRUE,
        [JSON_FALSE] = ORACLE_FALSE,     [JSON_NULL] = ORACLE_NULL,
    };

    return kinds[json_typeof(value(node))];
}

size_t oracle_size(const struct oracle *node)
{
    return json_is_object(value(node)) ? json_object_size(value(node))
                                       : json_array_size(value(node));
}

const char *oracle_text(const struct oracle *node)
{
    return json_string_value(value(node));
}

int64_t oracle_integer(const struct oracle *node)
{
    return json_integer_value(value(node));
}

double oracle_number(const struct oracle *node)
{
    return json_number_value(value(node));
}

const struct oracle *oracle_get(const struct oracle *object, const char *key)
{
    return node_of(json_object_get(value(object), key));
}

const struct oracle *oracle_next(const struct oracle *parent, struct oracle_walk *walk)
{
    json_t *v = (json_t *)(void *)(uintptr_t)(const void *)value(parent);

    if (json_is_array(v)) {
        return node_of(json_array_get(v, walk->index++));
    }
    if (!json_is_object(v)) {
        return NULL;
    }
    walk->member =
        walk->index++ == 0 ? json_object_iter(v) : json_object_iter_next(v, walk->member);
    walk->key = walk->member != NULL ? json_object_iter_key(walk->member) : NULL;
    return walk->member != NULL ? node_of(json_object_iter_value(walk->member)) : NULL;
}

bool oracle_same(const struct oracle *a, const struct oracle *b)
{
    const json_t *left = value(a);
    const json_t *right = value(b);
    struct oracle_walk walk = {0};
    const struct oracle *child;

    if (json_is_number(left)) {
        return json_is_number(right) && !(json_number_value(left) < json_number_value(right)) &&
               !(json_number_value(left) > json_number_value(right));
    }
    if (json_typeof(left) != json_typeof(right)) {
        return false;
    }
    if (!json_is_array(left) && !json_is_object(left)) {
        return json_equal(left, right) != 0;
    }
    if (oracle_size(a) != oracle_size(b)) {
        return false;
    }
    for (child = oracle_next(a, &walk); child != NULL; child = oracle_next(a, &walk)) {
        const struct oracle *other = walk.key != NULL
                                         ? oracle_get(b, walk.key)
                                         : node_of(json_array_get(right, walk.index - 1));

        if (other == NULL || !oracle_same(child, other)) {
            return false;
        }
    }
    return true;
}
