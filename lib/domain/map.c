#include "domain/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "domain/codes.h"
#include "domain/map_impl.h"
#include "domain/status.h"
#include "domain/table.h"

bool map_key_status(char letter, const char *first, const char *second, char out[MAP_KEY_SIZE])
{
    char a[MAP_FOLD_SIZE];
    char b[MAP_FOLD_SIZE];
    int n;

    if (text_fold(first, a, sizeof(a)) != 0 || text_fold(second, b, sizeof(b)) != 0) {
        return false;
    }
    n = snprintf(out, MAP_KEY_SIZE, "%c%s\x1f%s", letter, a, b);
    return n > 0 && n < MAP_KEY_SIZE;
}

bool map_key_code(enum map_kind kind, const char *local, bool divided, char out[MAP_KEY_SIZE])
{
    char normal[CODE_MAX];
    int n;

    if (kind == MAP_AGENCY && code_agency_normal(local, normal) == 0) {
        local = normal;
    }
    n = snprintf(out, MAP_KEY_SIZE, "%s%s", divided ? MAP_DIVIDED : "", local);
    return local[0] != '\0' && n > 0 && n < MAP_KEY_SIZE;
}

int map_load(enum map_kind kind, const char *path, struct map **out, struct errmsg *msg)
{
    struct buf text;
    int err = table_load(path, MAP_FILE_MAX, &text, msg);

    *out = NULL;
    if (err == 0) {
        err = map_parse(kind, path, buf_text(&text), text.len, out, msg);
    }
    buf_free(&text);
    return err;
}

void map_free(struct map *map)
{
    if (map == NULL) {
        return;
    }
    free(map->rows);
    arena_free(&map->arena);
    free(map);
}

const char *map_path(const struct map *map)
{
    return map->path;
}

size_t map_rows(const struct map *map)
{
    return map->n_rows;
}

/* The row of key that is valid at at_s; NULL when there is none. */
static const struct map_row *find(const struct map *map, const char *key, int64_t at_s)
{
    size_t low = 0;
    size_t high = map->n_rows;

    /* The first row behind (key, at_s); the one in front of it is the only one that can fit. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct map_row *row = &map->rows[middle];
        int order = strcmp(row->key, key);

        if (order < 0 || (order == 0 && row->from_s <= at_s)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0 || strcmp(map->rows[low - 1].key, key) != 0 ||
        at_s >= map->rows[low - 1].until_s) {
        return NULL;
    }
    return &map->rows[low - 1];
}

static int find_status(const struct map *map, char letter, const char *first, const char *second,
                       int64_t at_s)
{
    char key[MAP_KEY_SIZE];
    const struct map_row *row = NULL;

    if (first != NULL && *first != '\0' && map_key_status(letter, first, second, key)) {
        row = find(map, key, at_s);
    }
    return row != NULL ? row->status : STATUS_UNMAPPED;
}

int map_status(const struct map *map, const char *status, const char *substatus, const char *name,
               int64_t at_s)
{
    int found = STATUS_UNMAPPED;

    if (map->kind != MAP_STATUS) {
        return STATUS_UNMAPPED;
    }
    if (substatus != NULL && *substatus != '\0') {
        found = find_status(map, 'p', status, substatus, at_s);
    }
    if (found == STATUS_UNMAPPED) {
        found = find_status(map, 'u', substatus, "", at_s);
    }
    if (found == STATUS_UNMAPPED) {
        found = find_status(map, 's', status, "", at_s);
    }
    return found != STATUS_UNMAPPED ? found : find_status(map, 'n', name, "", at_s);
}

const char *map_code(const struct map *map, const char *local, int64_t at_s)
{
    char key[MAP_KEY_SIZE];
    const struct map_row *row;

    if (map->kind == MAP_STATUS || local == NULL || !map_key_code(map->kind, local, false, key)) {
        return NULL;
    }
    row = find(map, key, at_s);
    return row != NULL ? row->code : NULL;
}

size_t map_divided(const struct map *map, const char *local, int64_t at_s, const char *codes[],
                   size_t max)
{
    char key[MAP_KEY_SIZE];
    size_t low = 0;
    size_t high = map->n_rows;
    size_t n = 0;

    if (map->kind != MAP_AGENCY || local == NULL || map_code(map, local, at_s) != NULL ||
        !map_key_code(map->kind, local, true, key)) {
        return 0;
    }
    while (low < high) { /* the first row of the key */
        size_t middle = low + (high - low) / 2;

        if (strcmp(map->rows[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < map->n_rows && strcmp(map->rows[low].key, key) == 0; low++) {
        if (map->rows[low].from_s <= at_s && at_s < map->rows[low].until_s) {
            if (n < max) {
                codes[n] = map->rows[low].code;
            }
            n++;
        }
    }
    return n;
}
