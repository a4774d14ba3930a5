/* map_impl: what map.c (asking a map) and map_read.c (reading its file) share. Any thread. */
#ifndef DOMAIN_MAP_IMPL_H
#define DOMAIN_MAP_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/csv.h"
#include "domain/map.h"

#define MAP_FILE_MAX ((size_t)16 * 1024 * 1024) /* bytes */
#define MAP_FOLD_SIZE (2 * CSV_FIELD_SIZE)      /* folding may lengthen a text */
#define MAP_KEY_SIZE (2 * MAP_FOLD_SIZE + 4)

/* Rows of a divided unit stand under keys of their own, so that a decision for one of them, a plain
 * row, comes first. */
#define MAP_DIVIDED "\x01"

struct map_row {
    const char *key;  /* see map_key_status and map_key_code */
    const char *code; /* MAP_STATUS: NULL */
    int status;
    unsigned line;
    int64_t from_s;  /* INT64_MIN: always */
    int64_t until_s; /* exclusive; INT64_MAX: always */
};

struct map {
    enum map_kind kind;
    struct arena arena; /* keys, codes, path */
    const char *path;
    struct map_row *rows; /* owned; sorted by key, then from_s */
    size_t n_rows;
};

/* The keys of a status map begin with what they match: p status and sub-status, u sub-status alone,
 * s status, n name. False when a text is not UTF-8 or too long for any row. */
bool map_key_status(char letter, const char *first, const char *second, char out[MAP_KEY_SIZE]);
/* The key of a code, those of an agency in their national form. False for "". */
bool map_key_code(enum map_kind kind, const char *local, bool divided, char out[MAP_KEY_SIZE]);

#endif
