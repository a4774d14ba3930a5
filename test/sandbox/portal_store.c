#include "sandbox/portal_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 16384u
#define PRIME_A UINT64_C(0x100000001b3)
#define PRIME_B UINT64_C(0x9e3779b97f4a7c15)

/* ---- digests ---- */

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static struct digest digest_bytes(const char *text, uint64_t kind)
{
    struct digest d = {UINT64_C(0xcbf29ce484222325) ^ kind, PRIME_B + kind};

    for (const char *p = text; *p != '\0'; p++) {
        d.a = (d.a ^ (unsigned char)*p) * PRIME_A;
        d.b = (d.b + (unsigned char)*p) * PRIME_B;
        d.b ^= d.b >> 29;
    }
    d.a = mix(d.a);
    d.b = mix(d.b);
    return d;
}

uint64_t digest_text(const char *text)
{
    return digest_bytes(text, 0).a;
}

static bool is_empty(const cJSON *v)
{
    if (cJSON_IsString(v)) {
        return v->valuestring[0] == '\0';
    }
    return cJSON_IsNull(v) || ((cJSON_IsArray(v) || cJSON_IsObject(v)) && v->child == NULL);
}

/* The parser bounds the depth (1000 levels). */
struct digest digest_json(const cJSON *value)
{
    struct digest d = {1, 2};
    char number[32];
    const cJSON *item;

    if (cJSON_IsString(value)) {
        return digest_bytes(value->valuestring, 3);
    }
    if (cJSON_IsNumber(value)) {
        snprintf(number, sizeof number, "%.17g", value->valuedouble);
        return digest_bytes(number, 4);
    }
    if (cJSON_IsBool(value)) {
        return digest_bytes(cJSON_IsTrue(value) ? "true" : "false", 5);
    }
    cJSON_ArrayForEach(item, value)
    {
        struct digest of_item = digest_json(item);

        if (cJSON_IsArray(value)) {
            d.a = mix(d.a * PRIME_B + of_item.a);
            d.b = mix(d.b * PRIME_A + of_item.b);
        } else if (!is_empty(item)) {
            struct digest name = digest_bytes(item->string, 6);

            d.a += mix(name.a ^ mix(of_item.a + 1));
            d.b += mix(name.b ^ mix(of_item.b + 2));
        }
    }
    return d;
}

/* ---- the table ---- */

int store_init(struct store *s)
{
    memset(s, 0, sizeof *s);
    s->bucket_count = FIRST_BUCKETS;
    s->buckets = (struct dossier **)calloc(s->bucket_count, sizeof(struct dossier *));
    return s->buckets != NULL ? 0 : -1;
}

void store_free(struct store *s)
{
    for (size_t i = 0; i < s->bucket_count; i++) {
        struct dossier *d = s->buckets[i];

        while (d != NULL) {
            struct dossier *next = d->next;

            free(d->steps);
            free(d);
            d = next;
        }
    }
    free((void *)s->buckets);
    memset(s, 0, sizeof *s);
}

static struct dossier **bucket_of(const struct store *s, const char *code)
{
    return &s->buckets[digest_text(code) & (s->bucket_count - 1)];
}

struct dossier *store_find(const struct store *s, const char *code)
{
    struct dossier *d = *bucket_of(s, code);

    while (d != NULL && strcmp(d->code, code) != 0) {
        d = d->next;
    }
    return d;
}

/* Longer chains instead when there is no memory for more buckets. */
static void grow(struct store *s)
{
    struct store bigger = *s;

    bigger.bucket_count = s->bucket_count * 2;
    bigger.buckets = (struct dossier **)calloc(bigger.bucket_count, sizeof(struct dossier *));
    if (bigger.buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < s->bucket_count; i++) {
        struct dossier *d = s->buckets[i];

        while (d != NULL) {
            struct dossier *next = d->next;
            struct dossier **bucket = bucket_of(&bigger, d->code);

            d->next = *bucket;
            *bucket = d;
            d = next;
        }
    }
    free((void *)s->buckets);
    *s = bigger;
}

struct dossier *store_add(struct store *s, const char *code)
{
    struct dossier **bucket;
    struct dossier *d;

    if (s->count >= STORE_DOSSIERS_MAX || strlen(code) > STORE_CODE_MAX) {
        return NULL;
    }
    if (s->count >= s->bucket_count) {
        grow(s);
    }
    d = (struct dossier *)calloc(1, sizeof *d);
    if (d == NULL) {
        return NULL;
    }
    snprintf(d->code, sizeof d->code, "%s", code);
    bucket = bucket_of(s, code);
    d->next = *bucket;
    *bucket = d;
    s->count++;
    return d;
}

bool store_remove(struct store *s, const char *code)
{
    struct dossier **at = bucket_of(s, code);
    struct dossier *gone;

    while (*at != NULL && strcmp((*at)->code, code) != 0) {
        at = &(*at)->next;
    }
    gone = *at;
    if (gone == NULL) {
        return false;
    }
    *at = gone->next;
    s->count--;
    s->steps -= gone->step_count;
    free(gone->steps);
    free(gone);
    return true;
}

void dossier_alter(struct dossier *d, unsigned state)
{
    memset(&d->digest, 0, sizeof d->digest);
    d->snapshot_time = 0;
    d->shown = (uint8_t)state;
    d->shown_time = 0;
    d->shown_by_step = false;
}

/* ---- one dossier ---- */

struct store_change dossier_put_snapshot(struct dossier *d, struct digest digest, unsigned state,
                                         uint64_t time)
{
    struct store_change c = {0};

    c.older = d->has_snapshot && time < d->snapshot_time;
    c.effect = !d->has_snapshot || d->digest.a != digest.a || d->digest.b != digest.b;
    if (!c.effect) {
        return c;
    }
    d->has_snapshot = true;
    d->digest = digest;
    if (!c.older) {
        d->snapshot_time = time;
        d->shown = (uint8_t)state;
        d->shown_by_step = false;
        d->shown_time = time > d->newest_step ? time : d->newest_step;
    }
    return c;
}

struct store_change dossier_put_answer(struct dossier *d, struct digest digest, unsigned state)
{
    struct store_change c = {0};

    c.effect = !d->has_answer || d->answer.a != digest.a || d->answer.b != digest.b;
    if (c.effect) {
        d->has_answer = true;
        d->answer = digest;
        d->shown = (uint8_t)state;
    }
    return c;
}

bool dossier_has_step(const struct dossier *d, uint64_t key)
{
    for (uint32_t i = 0; i < d->step_count; i++) {
        if (d->steps[i] == key) {
            return true;
        }
    }
    return false;
}

static int add_key(struct dossier *d, uint64_t key)
{
    if (d->step_count == STORE_STEPS_MAX) {
        return -1;
    }
    if (d->step_count == d->step_cap) {
        uint32_t cap = d->step_cap == 0 ? 4 : d->step_cap * 2;
        uint64_t *grown = (uint64_t *)realloc(d->steps, cap * sizeof *grown);

        if (grown == NULL) {
            return -1;
        }
        d->steps = grown;
        d->step_cap = cap;
    }
    d->steps[d->step_count] = key;
    d->step_count++;
    return 0;
}

struct store_change dossier_put_step(struct store *s, struct dossier *d, uint64_t key,
                                     unsigned state, uint64_t time)
{
    struct store_change c = {0};

    if (dossier_has_step(d, key)) {
        return c;
    }
    if (add_key(d, key) != 0) {
        c.failed = true;
        return c;
    }
    s->steps++;
    c.effect = true;
    c.older = time < d->newest_step;
    if (time > d->newest_step) {
        d->newest_step = time;
    }
    /* Of a snapshot and a step of the same moment the snapshot knows more; of two steps the later
     * one is the news. */
    if (time > d->shown_time || (time == d->shown_time && d->shown_by_step)) {
        d->shown = (uint8_t)state;
        d->shown_by_step = true;
        d->shown_time = time;
    }
    return c;
}
