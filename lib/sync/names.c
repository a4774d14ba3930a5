#include "sync/names.h"

#include <stdlib.h>
#include <string.h>

#include "domain/level.h"

#define TABLE_BYTES_MAX (8u << 20)
#define TABLE_ROWS_MAX 100000

static struct name_table *table_of(struct names *n, enum record_kind kind)
{
    return kind == RECORD_AGENCY      ? &n->agencies
           : kind == RECORD_SECTOR    ? &n->sectors
           : kind == RECORD_PROCEDURE ? &n->procedures
                                      : &n->services;
}

void names_init(struct names *n)
{
    memset(n, 0, sizeof(*n));
    arena_init(&n->agencies.arena, TABLE_BYTES_MAX);
    arena_init(&n->sectors.arena, TABLE_BYTES_MAX);
    arena_init(&n->services.arena, TABLE_BYTES_MAX);
    arena_init(&n->procedures.arena, TABLE_BYTES_MAX);
    arena_init(&n->fresh.arena, TABLE_BYTES_MAX);
}

static void table_free(struct name_table *t)
{
    free(t->rows);
    t->rows = NULL;
    t->n = 0;
    t->capacity = 0;
    arena_free(&t->arena);
}

void names_free(struct names *n)
{
    table_free(&n->agencies);
    table_free(&n->sectors);
    table_free(&n->services);
    table_free(&n->procedures);
    table_free(&n->fresh);
}

void names_begin(struct names *n)
{
    table_free(&n->fresh);
}

void names_commit(struct names *n, enum record_kind kind)
{
    struct name_table *t = table_of(n, kind);
    struct name_table old = *t;

    *t = n->fresh;
    n->fresh = old;
    n->changes++;
    table_free(&n->fresh);
}

int names_add(struct names *n, const char *code, const char *name)
{
    struct name_table *t = &n->fresh;
    struct name_row *row;

    if (t->n == t->capacity) {
        size_t capacity = t->capacity == 0 ? 256 : 2 * t->capacity;
        struct name_row *rows =
            capacity <= TABLE_ROWS_MAX ? realloc(t->rows, capacity * sizeof(*rows)) : NULL;

        if (rows == NULL) {
            return ERR_NOMEM;
        }
        t->rows = rows;
        t->capacity = capacity;
    }
    row = &t->rows[t->n];
    row->code = arena_strdup(&t->arena, code);
    row->name = arena_strdup(&t->arena, name);
    if (row->code == NULL || row->name == NULL) {
        return ERR_NOMEM;
    }
    t->n++;
    return 0;
}

/* The first row whose code is not below the given one. */
static size_t lower_bound(const struct name_table *t, const char *code)
{
    size_t low = 0;
    size_t high = t->n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (strcmp(t->rows[middle].code, code) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const char *names_find(const struct names *n, enum record_kind kind, const char *code)
{
    const struct name_table *t = table_of((struct names *)n, kind); /* only read */
    size_t i = lower_bound(t, code);

    return i < t->n && strcmp(t->rows[i].code, code) == 0 ? t->rows[i].name : NULL;
}

bool names_has(const struct names *n, enum record_kind kind, const char *text)
{
    const struct name_table *t = table_of((struct names *)n, kind); /* only read */

    if (names_find(n, kind, text) != NULL) {
        return true;
    }
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->rows[i].name, text) == 0) {
            return true;
        }
    }
    return false;
}

int names_level(const struct names *n, const char *procedure_code)
{
    const struct name_table *t = &n->services;
    enum service_level level = LEVEL_INFORMATION;
    size_t i;

    if (t->n == 0) {
        return 0;
    }
    i = lower_bound(t, procedure_code);
    while (i < t->n && strncmp(t->rows[i].code, procedure_code, strlen(procedure_code)) == 0) {
        if (t->rows[i].code[strlen(procedure_code)] == '.') {
            level = level_higher(level, level_of_service(t->rows[i].name));
        }
        i++;
    }
    return level_number(level);
}
