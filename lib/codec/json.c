#include "codec/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>
#include <pthread.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/list.h"
#include "codec/json_front.h"

#define INTEGER_LIMIT 9007199254740992.0 /* 2^53: a double holds every integer up to here */
#define INTEGER_DIGITS 16

/* struct json is never defined: a node is a cJSON node under another name. */
static const cJSON *tree(const struct json *node)
{
    return (const cJSON *)node;
}

static const struct json *node_of(const cJSON *item)
{
    return (const struct json *)item;
}

/* cJSON keeps flags beside the type. */
static int type_of(const struct json *node)
{
    return node != NULL ? tree(node)->type & 0xFF : cJSON_Invalid;
}

/* ---- memory of trees ---- */

/* A tree lies in an arena of its own, at whose beginning the arena's head stands: a tree has
 * hundreds of small parts, which are read together and freed together. */
struct tree_head {
    struct arena arena;
    max_align_t root[];
};

/* cJSON's allocators take no context. */
static _Thread_local struct arena *parsing;
static pthread_once_t hooked = PTHREAD_ONCE_INIT;

static void *tree_alloc(size_t n)
{
    return parsing != NULL ? arena_alloc(parsing, n) : malloc(n);
}

/* While a tree is made, cJSON frees only what it has just taken of that tree. */
static void tree_free(void *at)
{
    if (parsing == NULL) {
        free(at);
    }
}

static void hook(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = tree_alloc, .free_fn = tree_free});
}

static cJSON *tree_parse(const char *bytes, size_t n)
{
    struct arena arena;
    struct tree_head *head;
    cJSON *root = NULL;

    arena_init(&arena, SIZE_MAX);
    if (pthread_once(&hooked, hook) != 0) {
        return NULL;
    }
    head = arena_alloc(&arena, sizeof(*head));
    if (head != NULL) {
        parsing = &arena;
        root = cJSON_ParseWithLength(bytes, n);
        parsing = NULL;
    }
    if (root == NULL) {
        arena_free(&arena);
        return NULL;
    }
    assert((void *)root == (void *)head->root); /* the first part that cJSON takes */
    head->arena = arena;
    return root;
}

int json_parse(const char *bytes, size_t n, struct json **root, struct errmsg *msg)
{
    size_t skip;
    int rc;

    *root = NULL;
    if (n == 0) {
        return err_set(msg, ERR_FORMAT, "byte 0: the document is empty");
    }
    rc = json_front_check(bytes, n, &skip, msg);
    if (rc < 0) {
        return rc;
    }
    *root = (struct json *)tree_parse(bytes + skip, n - skip);
    if (*root == NULL) {
        /* The front check takes less than cJSON does, so only memory can be missing. */
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    return 0;
}

void json_free(struct json *root)
{
    if (root != NULL) {
        struct tree_head *head = CONTAINER_OF(root, struct tree_head, root);
        struct arena arena = head->arena; /* which lies in itself */

        arena_free(&arena);
    }
}

size_t json_bytes(const struct json *root)
{
    return CONTAINER_OF(root, const struct tree_head, root)->arena.used_bytes;
}

const struct json *json_get(const struct json *object, const char *key)
{
    const cJSON *child;

    if (!json_is_object(object)) {
        return NULL;
    }
    child = tree(object)->child;
    while (child != NULL && strcmp(child->string, key) != 0) {
        child = child->next;
    }
    return node_of(child);
}

const struct json *json_get_any_case(const struct json *object, const char *key)
{
    const struct json *exact = json_get(object, key);
    const cJSON *child;

    if (exact != NULL || !json_is_object(object)) {
        return exact;
    }
    child = tree(object)->child;
    while (child != NULL && strcasecmp(child->string, key) != 0) {
        child = child->next;
    }
    return node_of(child);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* A pointer's token, "~1" for "/" and "~0" for "~", is this key. */
static bool token_is(const char *token, size_t n, const char *key, bool any_case)
{
    if (n > 0 && !any_case && *token != '~' && *token != *key) {
        return false; /* nearly every key of an object */
    }
    for (size_t i = 0; i < n; i++) {
        char c = token[i];

        if (c == '~' && i + 1 < n && (token[i + 1] == '0' || token[i + 1] == '1')) {
            c = token[i + 1] == '0' ? '~' : '/';
            i++;
        }
        if (*key != c && !(any_case && lower(*key) == lower(c))) {
            return false;
        }
        key++;
    }
    return *key == '\0';
}

/* A token as an array index without sign or leading zero; SIZE_MAX when it is none. */
static size_t token_index(const char *token, size_t n)
{
    size_t index = 0;

    if (n == 0 || n > 9 || (n > 1 && token[0] == '0')) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i < n; i++) {
        if (token[i] < '0' || token[i] > '9') {
            return SIZE_MAX;
        }
        index = index * 10 + (size_t)(token[i] - '0');
    }
    return index;
}

static const struct json *member(const struct json *object, const char *token, size_t n,
                                 bool any_case)
{
    const cJSON *child = tree(object)->child;

    while (child != NULL && !token_is(token, n, child->string, any_case)) {
        child = child->next;
    }
    return node_of(child);
}

static const struct json *step_down(const struct json *node, const char *token, size_t n,
                                    bool any_case)
{
    if (json_is_object(node)) {
        const struct json *exact = member(node, token, n, false);

        return exact == NULL && any_case ? member(node, token, n, true) : exact;
    }
    if (json_is_array(node)) {
        const cJSON *child = tree(node)->child;
        size_t index = token_index(token, n);

        while (child != NULL && index > 0) {
            child = child->next;
            index--;
        }
        return node_of(child);
    }
    return NULL;
}

static const struct json *walk_down(const struct json *node, const char *pointer, bool any_case)
{
    while (node != NULL && *pointer != '\0') {
        size_t n;

        if (*pointer != '/') {
            return NULL;
        }
        pointer++;
        n = strcspn(pointer, "/");
        node = step_down(node, pointer, n, any_case);
        pointer += n;
    }
    return node;
}

const struct json *json_at(const struct json *node, const char *pointer)
{
    return walk_down(node, pointer, false);
}

const struct json *json_at_any_case(const struct json *node, const char *pointer)
{
    return walk_down(node, pointer, true);
}

bool json_is_object(const struct json *node)
{
    return type_of(node) == cJSON_Object;
}

bool json_is_array(const struct json *node)
{
    return type_of(node) == cJSON_Array;
}

bool json_is_string(const struct json *node)
{
    return type_of(node) == cJSON_String;
}

bool json_is_null(const struct json *node)
{
    return node == NULL || type_of(node) == cJSON_NULL;
}

size_t json_size(const struct json *array_or_object)
{
    size_t n = 0;

    for (const struct json *child = json_first(array_or_object); child != NULL;
         child = json_next(child)) {
        n++;
    }
    return n;
}

const struct json *json_first(const struct json *parent)
{
    return parent != NULL ? node_of(tree(parent)->child) : NULL;
}

const struct json *json_next(const struct json *node)
{
    return node != NULL ? node_of(tree(node)->next) : NULL;
}

const char *json_key(const struct json *node)
{
    return node != NULL ? tree(node)->string : NULL;
}

/* False for what a double does not hold exactly and for fractions. */
static bool number_integer(const struct json *node, int64_t *out)
{
    double value = tree(node)->valuedouble;

    if (!(value >= -INTEGER_LIMIT && value <= INTEGER_LIMIT)) {
        return false;
    }
    *out = (int64_t)value;
    return !((double)*out < value || (double)*out > value);
}

const char *json_text(const struct json *node, char buffer[24])
{
    int64_t value;

    switch (type_of(node)) {
    case cJSON_String:
        return tree(node)->valuestring;
    case cJSON_NULL:
        return "";
    case cJSON_True:
        return "true";
    case cJSON_False:
        return "false";
    case cJSON_Number:
        if (!number_integer(node, &value)) {
            return NULL;
        }
        (void)snprintf(buffer, 24, "%" PRId64, value);
        return buffer;
    default:
        return NULL;
    }
}

const char *json_text_or_empty(const struct json *node, char buffer[24])
{
    const char *text = json_text(node, buffer);

    return text != NULL ? text : "";
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* [-]digits with white space round it, within 2^53. */
static int text_integer(const char *text, int64_t *out)
{
    int64_t value = 0;
    bool negative;
    size_t n = 0;

    while (is_space(*text)) {
        text++;
    }
    negative = *text == '-';
    text += negative;
    if (*text < '0' || *text > '9') {
        return ERR_FORMAT;
    }
    while (*text == '0') {
        text++;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        n++;
        if (n > INTEGER_DIGITS) {
            return ERR_FORMAT;
        }
        value = value * 10 + (*text - '0');
    }
    while (is_space(*text)) {
        text++;
    }
    if (*text != '\0' || value > (int64_t)INTEGER_LIMIT) {
        return ERR_FORMAT;
    }
    *out = negative ? -value : value;
    return 0;
}

int json_integer(const struct json *node, int64_t *out)
{
    int64_t value;

    switch (type_of(node)) {
    case cJSON_String:
        return text_integer(tree(node)->valuestring, out);
    case cJSON_Number:
        if (!number_integer(node, &value)) {
            return ERR_FORMAT;
        }
        *out = value;
        return 0;
    default:
        return ERR_FORMAT;
    }
}

bool json_true(const struct json *node)
{
    char buffer[24];
    const char *text = json_text_or_empty(node, buffer);

    return strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
}

static void write_number(struct json_writer *w, const char *key, const struct json *node)
{
    double real = tree(node)->valuedouble;
    char text[40];
    int64_t value;
    int n;

    if (number_integer(node, &value)) {
        json_integer_out(w, key, value);
        return;
    }
    /* Seventeen digits read back the same; without an exponent a large one would read as an integer
     * that a double can't hold. */
    n = snprintf(text, sizeof(text), fabs(real) >= INTEGER_LIMIT ? "%.16e" : "%.17g", real);
    json_raw(w, key, text, (size_t)n);
}

void json_node(struct json_writer *w, const char *key, const struct json *node)
{
    bool object = json_is_object(node);

    switch (type_of(node)) {
    case cJSON_String:
        json_string(w, key, tree(node)->valuestring);
        return;
    case cJSON_Number:
        write_number(w, key, node);
        return;
    case cJSON_True:
    case cJSON_False:
        json_bool(w, key, type_of(node) == cJSON_True);
        return;
    case cJSON_Object:
        json_object_open(w, key);
        break;
    case cJSON_Array:
        json_array_open(w, key);
        break;
    default:
        json_null(w, key);
        return;
    }
    for (const struct json *child = json_first(node); child != NULL; child = json_next(child)) {
        json_node(w, object ? json_key(child) : NULL, child);
    }
    if (object) {
        json_object_close(w);
    } else {
        json_array_close(w);
    }
}

static int key_order(const void *left, const void *right)
{
    const cJSON *const *a = left;
    const cJSON *const *b = right;

    return strcmp((*a)->string, (*b)->string);
}

/* One digest under way. */
struct fingerprint {
    struct digest digest;
    const struct json *const *without;
    size_t n;
};

static int add_node(struct fingerprint *f, const struct json *node);

static bool left_out(const struct fingerprint *f, const cJSON *node)
{
    for (size_t i = 0; i < f->n; i++) {
        if (tree(f->without[i]) == node) {
            return true;
        }
    }
    return false;
}

static int add_object(struct fingerprint *f, const struct json *object)
{
    size_t n = json_size(object);
    const cJSON **members = calloc(n > 0 ? n : 1, sizeof(const cJSON *));
    int rc = 0;

    if (members == NULL) {
        return ERR_NOMEM;
    }
    n = 0;
    for (const cJSON *child = tree(object)->child; child != NULL; child = child->next) {
        if (!left_out(f, child)) {
            members[n++] = child;
        }
    }
    qsort(members, n, sizeof(const cJSON *), key_order);
    for (size_t i = 0; i < n && rc == 0; i++) {
        digest_add_field(&f->digest, members[i]->string);
        rc = add_node(f, node_of(members[i]));
    }
    free(members);
    return rc;
}

static void add_number(struct digest *d, const struct json *node)
{
    double value = tree(node)->valuedouble + 0.0; /* -0 becomes 0 */
    char text[40];

    (void)snprintf(text, sizeof(text), "%.17g", value);
    digest_add_field(d, text);
}

/* Every node begins with a letter for its kind, and every container ends with one: no two different
 * trees give the same bytes. */
static int add_node(struct fingerprint *f, const struct json *node)
{
    struct digest *d = &f->digest;
    int rc = 0;

    switch (type_of(node)) {
    case cJSON_Object:
        digest_add(d, "{", 1);
        rc = add_object(f, node);
        digest_add(d, "}", 1);
        break;
    case cJSON_Array:
        digest_add(d, "[", 1);
        for (const struct json *child = json_first(node); child != NULL && rc == 0;
             child = json_next(child)) {
            rc = add_node(f, child);
        }
        digest_add(d, "]", 1);
        break;
    case cJSON_String:
        digest_add(d, "s", 1);
        digest_add_field(d, tree(node)->valuestring);
        break;
    case cJSON_Number:
        digest_add(d, "n", 1);
        add_number(d, node);
        break;
    case cJSON_True:
        digest_add(d, "t", 1);
        break;
    case cJSON_False:
        digest_add(d, "f", 1);
        break;
    default:
        digest_add(d, "0", 1);
        break;
    }
    return rc;
}

int json_digest_without(const struct json *node, const struct json *const *without, size_t n,
                        uint8_t out[32])
{
    static const uint8_t failed[DIGEST_BYTES]; /* what OpenSSL's failure leaves */
    struct fingerprint f = {.without = without, .n = n};
    int rc;

    if (node == NULL) {
        return ERR_INVAL;
    }
    rc = digest_begin(&f.digest);
    if (rc < 0) {
        return rc;
    }
    rc = add_node(&f, node);
    digest_end(&f.digest, out);
    return rc == 0 && digest_equal(out, failed) ? ERR_NOMEM : rc;
}

int json_digest(const struct json *node, uint8_t out[32])
{
    return json_digest_without(node, NULL, 0, out);
}
