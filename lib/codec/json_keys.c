#include "codec/json_keys.h"

#include <stdlib.h>
#include <string.h>

#define SORTED_FROM 129 /* keys; smaller objects are compared without sorting */

void json_keys_init(struct json_keys *k)
{
    k->all = k->few;
    k->n = 0;
    k->capacity = JSON_KEYS_INLINE;
}

static void drop(struct json_keys *k, size_t first)
{
    for (size_t i = first; i < k->n; i++) {
        free(k->all[i].owned);
    }
    k->n = first;
}

void json_keys_free(struct json_keys *k)
{
    drop(k, 0);
    if (k->all != k->few) {
        free(k->all);
    }
    json_keys_init(k);
}

static int grow(struct json_keys *k)
{
    size_t capacity = k->capacity * 2;
    struct json_key *old = k->all == k->few ? NULL : k->all;
    struct json_key *all = realloc(old, capacity * sizeof(*all));

    if (all == NULL) {
        return ERR_NOMEM;
    }
    if (old == NULL) {
        memcpy(all, k->few, sizeof(k->few));
    }
    k->all = all;
    k->capacity = capacity;
    return 0;
}

static uint64_t hash_bytes(const char *text, size_t n)
{
    uint64_t hash = n * UINT64_C(0x9E3779B97F4A7C15);

    while (n > 0) {
        size_t part = n < sizeof(uint64_t) ? n : sizeof(uint64_t);
        uint64_t word = 0;

        memcpy(&word, text, part);
        hash = (hash ^ word) * UINT64_C(0xD6E8FEB86659FD93);
        hash ^= hash >> 32;
        text += part;
        n -= part;
    }
    return hash * UINT64_C(0x9E3779B97F4A7C15);
}

static char *put_utf8(char *out, unsigned long c)
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    if (n == 1) {
        *out = (char)c;
        return out + 1;
    }
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    out[0] = (char)((0xF00UL >> n) | c);
    return out + n;
}

/* Four hex digits, which the front check has seen. */
static unsigned long unit_of(const char *p)
{
    char digits[5] = {p[0], p[1], p[2], p[3], '\0'};

    return strtoul(digits, NULL, 16);
}

/* Decodes the inside of a valid JSON string; the result is never longer. Returns its end. */
static char *unescape(char *out, const char *p, const char *end)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";

    while (p < end) {
        unsigned long c;
        const char *letter;

        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        if (p[1] != 'u') {
            letter = strchr(letters, p[1]);
            *out++ = letter != NULL ? meanings[letter - letters] : p[1];
            p += 2;
            continue;
        }
        c = unit_of(p + 2);
        p += 6;
        if (c >= 0xD800 && c <= 0xDBFF) {
            c = 0x10000 + ((c - 0xD800) << 10) + (unit_of(p + 2) - 0xDC00);
            p += 6;
        }
        out = put_utf8(out, c);
    }
    return out;
}

int json_keys_push(struct json_keys *k, const char *text, size_t n, bool escaped, size_t at)
{
    struct json_key *key;

    if (k->n == k->capacity) {
        int rc = grow(k);

        if (rc < 0) {
            return rc;
        }
    }
    key = &k->all[k->n];
    key->text = text;
    key->len = n;
    key->at = at;
    key->owned = NULL;
    if (escaped) {
        key->owned = malloc(n);
        if (key->owned == NULL) {
            return ERR_NOMEM;
        }
        key->len = (size_t)(unescape(key->owned, text, text + n) - key->owned);
        key->text = key->owned;
    }
    key->hash = hash_bytes(key->text, key->len);
    k->n++;
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct json_key *a = left;
    const struct json_key *b = right;

    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }
    return memcmp(a->text, b->text, a->len);
}

static int found(const struct json_key *a, const struct json_key *b, size_t *at)
{
    *at = a->at > b->at ? a->at : b->at;
    return ERR_EXISTS;
}

/* Few keys: a set of 256 bits says of most at once that they are new. */
static int check_few(const struct json_key *keys, size_t n, size_t *at)
{
    uint64_t seen[4] = {0};

    for (size_t i = 0; i < n; i++) {
        unsigned slot = (unsigned)(keys[i].hash >> 62);
        uint64_t bit = UINT64_C(1) << ((keys[i].hash >> 56) & 63);

        for (size_t j = 0; (seen[slot] & bit) != 0 && j < i; j++) {
            if (compare(&keys[j], &keys[i]) == 0) {
                return found(&keys[j], &keys[i], at);
            }
        }
        seen[slot] |= bit;
    }
    return 0;
}

/* Many keys: sorted, because no choice of keys makes that quadratic, as it could a hash table. */
static int check_many(struct json_key *keys, size_t n, size_t *at)
{
    qsort(keys, n, sizeof(*keys), compare);
    for (size_t i = 1; i < n; i++) {
        if (compare(&keys[i - 1], &keys[i]) == 0) {
            return found(&keys[i - 1], &keys[i], at);
        }
    }
    return 0;
}

int json_keys_close(struct json_keys *k, size_t first, size_t *at)
{
    size_t n = k->n - first;
    int rc = n < SORTED_FROM ? check_few(k->all + first, n, at) : check_many(k->all + first, n, at);

    drop(k, first);
    return rc;
}
