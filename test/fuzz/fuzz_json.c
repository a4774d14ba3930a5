/* The strict front check with cJSON behind it, against jansson, which is strict by itself.
 *
 * Both accept the same documents and read the same values, except that we also refuse, by name:
 * what is nested deeper than 32; integers beyond 2^53, which a double does not hold; reals that
 * fade to zero or round to 2^53; numbers of more than 63 characters; more values than memory is
 * planned for; and NUL bytes between values, of which jansson loses some. And we pass over one byte
 * order mark. Anything else ends the run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "fuzz/fuzz.h"
#include "fuzz/oracle.h"

#define OUT_MAX ((size_t)8 << 20)
#define LIMIT INT64_C(9007199254740992)
#define PATH_SIZE 1024
#define PATHS 64

/* ---- why we may refuse what jansson takes ---- */

static bool any(const struct oracle *node, bool (*is)(const struct oracle *node, size_t depth),
                size_t depth)
{
    struct oracle_walk walk = {0};
    const struct oracle *child;

    if (is(node, depth)) {
        return true;
    }
    for (child = oracle_next(node, &walk); child != NULL; child = oracle_next(node, &walk)) {
        if (any(child, is, depth + 1)) {
            return true;
        }
    }
    return false;
}

static bool too_deep(const struct oracle *node, size_t depth)
{
    return depth >= JSON_DEPTH_MAX &&
           (oracle_kind(node) == ORACLE_OBJECT || oracle_kind(node) == ORACLE_ARRAY);
}

static bool big_integer(const struct oracle *node, size_t depth)
{
    (void)depth;
    return oracle_kind(node) == ORACLE_INTEGER &&
           (oracle_integer(node) > LIMIT || oracle_integer(node) < -LIMIT);
}

static bool odd_real(const struct oracle *node, size_t depth)
{
    (void)depth;
    return oracle_kind(node) == ORACLE_REAL && (fpclassify(oracle_number(node)) == FP_ZERO ||
                                                fabs(oracle_number(node)) >= (double)LIMIT);
}

static bool any_number(const struct oracle *node, size_t depth)
{
    (void)depth;
    return oracle_kind(node) == ORACLE_INTEGER || oracle_kind(node) == ORACLE_REAL;
}

static const struct {
    const char *words;
    bool (*is)(const struct oracle *node, size_t depth);
} differences[] = {
    {"nested too deep", too_deep},
    {"integer beyond 2^53", big_integer},
    {"number out of range", odd_real},
    {"number too long", any_number},
};

/* We refuse it at a NUL byte. */
static bool at_nul(const char *why, const char *bytes, size_t n)
{
    unsigned long long at = 0;

    return sscanf(why, "byte %llu:", &at) == 1 && at < n && bytes[at] == '\0';
}

static bool listed(const char *why, const struct oracle *root)
{
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        if (strstr(why, differences[i].words) != NULL) {
            return any(root, differences[i].is, 0);
        }
    }
    return strstr(why, "too many values") != NULL;
}

/* ---- the same values ---- */

static void compare(const struct json *ours, const struct oracle *theirs);

/* Members and elements in the order of the document. */
static void compare_children(const struct json *ours, const struct oracle *theirs)
{
    struct oracle_walk walk = {0};

    FUZZ_CHECK(json_size(ours) == oracle_size(theirs), "%zu", json_size(ours));
    for (const struct json *child = json_first(ours); child != NULL; child = json_next(child)) {
        const struct oracle *other = oracle_next(theirs, &walk);

        if (walk.key != NULL) {
            FUZZ_CHECK(strcmp(json_key(child), walk.key) == 0, "%s", walk.key);
            FUZZ_CHECK(json_get(ours, walk.key) == child, "%s", walk.key);
        }
        compare(child, other);
    }
}

static void compare_integer(const struct json *ours, int64_t theirs)
{
    char number[24];
    char text[24];
    int64_t integer = -1;

    FUZZ_CHECK(json_integer(ours, &integer) == 0 && integer == theirs, "%lld", (long long)integer);
    (void)snprintf(text, sizeof(text), "%lld", (long long)integer);
    FUZZ_CHECK(strcmp(json_text_or_empty(ours, number), text) == 0, "%s", number);
}

static void compare(const struct json *ours, const struct oracle *theirs)
{
    char number[24];

    switch (oracle_kind(theirs)) {
    case ORACLE_OBJECT:
        FUZZ_CHECK(json_is_object(ours), "object");
        compare_children(ours, theirs);
        return;
    case ORACLE_ARRAY:
        FUZZ_CHECK(json_is_array(ours), "array");
        compare_children(ours, theirs);
        return;
    case ORACLE_STRING:
        FUZZ_CHECK(json_is_string(ours) &&
                       strcmp(json_text(ours, number), oracle_text(theirs)) == 0,
                   "%s", oracle_text(theirs));
        return;
    case ORACLE_INTEGER:
        compare_integer(ours, oracle_integer(theirs));
        return;
    case ORACLE_REAL: /* compared through the writer */
        FUZZ_CHECK(!json_is_string(ours) && !json_is_null(ours), "real");
        return;
    case ORACLE_TRUE:
    case ORACLE_FALSE:
        FUZZ_CHECK(json_true(ours) == (oracle_kind(theirs) == ORACLE_TRUE) && !json_is_null(ours) &&
                       !json_is_string(ours),
                   "bool");
        return;
    case ORACLE_NULL:
        FUZZ_CHECK(json_is_null(ours), "null");
        return;
    }
}

/* What is written reads back as the same document, has the same digest and is written the same. */
static void write_back(const struct json *root, const struct oracle *theirs)
{
    struct json_writer w;
    struct buf first;
    struct buf second;
    struct json *again = NULL;
    struct errmsg why = {0};
    uint8_t digests[2][32];
    struct oracle *read;
    char error[160];

    buf_init(&first, OUT_MAX);
    buf_init(&second, OUT_MAX);
    json_write_begin(&w, &first);
    json_node(&w, NULL, root);
    FUZZ_CHECK(buf_error(&first) == 0, "%zu bytes", first.len);
    read = oracle_parse(first.data, first.len, error);
    FUZZ_CHECK(read != NULL && oracle_same(theirs, read), "%s: %s", error, first.data);
    FUZZ_CHECK(json_parse(first.data, first.len, &again, &why) == 0, "%s: %s", why.text,
               first.data);
    FUZZ_CHECK(json_digest(root, digests[0]) == 0 && json_digest(again, digests[1]) == 0, "digest");
    FUZZ_CHECK(memcmp(digests[0], digests[1], sizeof(digests[0])) == 0, "%s", first.data);
    json_write_begin(&w, &second);
    json_node(&w, NULL, again);
    FUZZ_CHECK(first.len == second.len && memcmp(first.data, second.data, first.len) == 0, "%s\n%s",
               first.data, second.data);
    oracle_free(read);
    json_free(again);
    buf_free(&first);
    buf_free(&second);
}

/* The pointer of a node leads to it. */
static void follow(const struct json *root, const struct json *node, char *path, size_t len,
                   unsigned *left)
{
    size_t index = 0;

    for (const struct json *child = json_first(node); child != NULL && *left > 0;
         child = json_next(child), index++) {
        const char *key = json_is_object(node) ? json_key(child) : NULL;
        size_t n = len;
        char number[24];

        (void)snprintf(number, sizeof(number), "%zu", index);
        path[n++] = '/';
        for (const char *p = key != NULL ? key : number; *p != '\0' && n + 3 < PATH_SIZE; p++) {
            if (*p == '~' || *p == '/') {
                path[n++] = '~';
                path[n++] = *p == '~' ? '0' : '1';
            } else {
                path[n++] = *p;
            }
        }
        path[n] = '\0';
        if (n + 4 < PATH_SIZE) {
            (*left)--;
            FUZZ_CHECK(json_at(root, path) == child, "%s", path);
            FUZZ_CHECK(json_at_any_case(root, path) == child, "%s", path);
            follow(root, child, path, n, left);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct errmsg why = {0};
    struct json *root = NULL;
    struct oracle *theirs;
    char error[160];
    int err = json_parse(bytes, size, &root, &why);

    FUZZ_CHECK((err == 0) == (root != NULL) && (err == 0 || why.text[0] != '\0'), "%d", err);
    theirs = oracle_parse(bytes, size, error);
    if (theirs == NULL) {
        FUZZ_CHECK(err != 0, "accepted, and jansson says: %s", error);
        return 0;
    }
    if (err != 0) {
        FUZZ_CHECK(at_nul(why.text, bytes, size) || listed(why.text, theirs),
                   "jansson accepts it: %s", why.text);
    } else {
        char path[PATH_SIZE] = "";
        unsigned left = PATHS;

        compare(root, theirs);
        write_back(root, theirs);
        follow(root, root, path, 0, &left);
    }
    oracle_free(theirs);
    json_free(root);
    return 0;
}
