/* map_read: a map's file taken apart, with all its faults at once. */
#include <stdlib.h>
#include <string.h>

#include "domain/codes.h"
#include "domain/map_impl.h"
#include "domain/status.h"
#include "domain/table.h"

#define MAX_ROWS ((size_t)1000000)
#define MAX_ARENA_BYTES ((size_t)256 * 1024 * 1024)

enum column {
    COLUMN_STATUS,
    COLUMN_SUBSTATUS,
    COLUMN_NAME,
    COLUMN_LOCAL,
    COLUMN_NATIONAL,
    COLUMN_FROM,
    COLUMN_UNTIL,
    COLUMN_DIVIDED,
    COLUMNS
};

static const struct {
    struct table_column columns[COLUMNS];
    const char *national; /* what the national column holds, for messages */
} kinds[] = {
    [MAP_STATUS] = {{[COLUMN_STATUS] = {"status", true},
                     [COLUMN_SUBSTATUS] = {"substatus", false},
                     [COLUMN_NAME] = {"name", false},
                     [COLUMN_NATIONAL] = {"national", true},
                     [COLUMN_FROM] = {"valid_from", false},
                     [COLUMN_UNTIL] = {"valid_until", false}},
                    "a status from 1 to 10"},
    [MAP_PROCEDURE] = {{[COLUMN_LOCAL] = {"local", true},
                        [COLUMN_NATIONAL] = {"national", true},
                        [COLUMN_FROM] = {"valid_from", false},
                        [COLUMN_UNTIL] = {"valid_until", false}},
                       "a procedure code like 1.001193"},
    [MAP_AGENCY] = {{[COLUMN_LOCAL] = {"local", true},
                     [COLUMN_NATIONAL] = {"national", true},
                     [COLUMN_FROM] = {"valid_from", false},
                     [COLUMN_UNTIL] = {"valid_until", false},
                     [COLUMN_DIVIDED] = {"divided", false}},
                    "an agency code like H56.12"},
};

struct reading {
    struct map *map;
    struct table table;
};

static const char *field(const struct reading *r, enum column column)
{
    return table_field(&r->table, column);
}

static bool row_key(struct reading *r, char out[MAP_KEY_SIZE])
{
    const char *status = field(r, COLUMN_STATUS);
    const char *substatus = field(r, COLUMN_SUBSTATUS);
    const char *name = field(r, COLUMN_NAME);

    if (r->map->kind != MAP_STATUS) {
        return map_key_code(r->map->kind, field(r, COLUMN_LOCAL),
                            field(r, COLUMN_DIVIDED)[0] != '\0', out);
    }
    if (*status != '\0' && *substatus != '\0') {
        return map_key_status('p', status, substatus, out);
    }
    if (*substatus != '\0') {
        return map_key_status('u', substatus, "", out);
    }
    if (*status != '\0') {
        return map_key_status('s', status, "", out);
    }
    return *name != '\0' && map_key_status('n', name, "", out);
}

static bool read_national(struct reading *r, struct map_row *row)
{
    const char *national = field(r, COLUMN_NATIONAL);
    enum map_kind kind = r->map->kind;
    bool good;

    if (kind == MAP_STATUS) {
        row->status = 0;
        for (size_t i = 0; i < 3 && national[i] >= '0' && national[i] <= '9'; i++) {
            row->status = row->status * 10 + (national[i] - '0');
        }
        good = strlen(national) <= 2 && national[strspn(national, "0123456789")] == '\0' &&
               status_valid(row->status);
    } else {
        good = kind == MAP_PROCEDURE ? code_is_procedure(national) : code_is_agency(national);
    }
    if (!good) {
        table_fault(&r->table, row->line, "national \"%s\" is not valid; it must be %s",
                    table_show(national).text, kinds[kind].national);
    }
    return good;
}

static bool read_dates(struct reading *r, struct map_row *row)
{
    bool from;
    bool until;

    row->from_s = INT64_MIN;
    row->until_s = INT64_MAX;
    from = table_date(&r->table, COLUMN_FROM, &row->from_s);
    until = table_date(&r->table, COLUMN_UNTIL, &row->until_s);
    if (from && until && row->from_s >= row->until_s) {
        table_fault(&r->table, row->line, "valid_until is not after valid_from; correct the dates");
        return false;
    }
    return from && until;
}

static bool read_divided(struct reading *r, const struct map_row *row)
{
    const char *divided = field(r, COLUMN_DIVIDED);

    if (*divided == '\0' || strcmp(divided, "yes") == 0) {
        return true;
    }
    table_fault(&r->table, row->line, "divided \"%s\" is not valid; write yes or leave it empty",
                table_show(divided).text);
    return false;
}

static int read_row(void *ctx)
{
    struct reading *r = ctx;
    struct map *map = r->map;
    struct map_row row = {.line = r->table.fields.line};
    char key[MAP_KEY_SIZE];
    bool good = row_key(r, key);

    if (!good) {
        table_fault(&r->table, row.line,
                    "the row has no local code or status; fill it or remove the row");
    }
    good = read_national(r, &row) && good;
    good = read_dates(r, &row) && good;
    good = read_divided(r, &row) && good;
    if (!good) {
        return 0;
    }
    row.key = arena_strdup(&map->arena, key);
    if (map->kind != MAP_STATUS) {
        row.code = arena_strdup(&map->arena, field(r, COLUMN_NATIONAL));
    }
    if (row.key == NULL || (map->kind != MAP_STATUS && row.code == NULL)) {
        return ERR_NOMEM;
    }
    map->rows[map->n_rows] = row;
    map->n_rows++;
    return 0;
}

static int compare_rows(const void *left, const void *right)
{
    const struct map_row *a = left;
    const struct map_row *b = right;
    int order = strcmp(a->key, b->key);

    if (order == 0) {
        order = (a->from_s > b->from_s) - (a->from_s < b->from_s);
    }
    if (order == 0 && a->key[0] == MAP_DIVIDED[0]) {
        order = strcmp(a->code, b->code);
    }
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

/* Two rows that can not both hold: the same key at the same time; of a divided unit only when they
 * name the same part. */
static void check_pair(struct reading *r, const struct map_row *first, const struct map_row *second)
{
    if (second->from_s < first->until_s &&
        (first->key[0] != MAP_DIVIDED[0] || strcmp(first->code, second->code) == 0)) {
        table_fault(
            &r->table, second->line > first->line ? second->line : first->line,
            "valid at the same time as line %u for the same key; end one before the other begins",
            second->line > first->line ? first->line : second->line);
    }
}

static void sort_and_compare(struct reading *r)
{
    struct map *map = r->map;
    const struct map_row *longest = map->rows; /* of this key, the one valid longest so far */

    if (map->n_rows == 0) {
        return;
    }
    qsort(map->rows, map->n_rows, sizeof(map->rows[0]), compare_rows);
    for (size_t i = 1; i < map->n_rows; i++) {
        const struct map_row *row = &map->rows[i];

        if (strcmp(row->key, longest->key) != 0) {
            longest = row;
            continue;
        }
        check_pair(r, row->key[0] == MAP_DIVIDED[0] ? &map->rows[i - 1] : longest, row);
        if (row->until_s > longest->until_s) {
            longest = row;
        }
    }
}

static int parse_into(struct map *map, const char *text, size_t len, struct errmsg *msg)
{
    struct reading r = {.map = map};
    size_t lines = table_lines(text, len);
    int err;

    if (lines > MAX_ROWS) {
        return err_set(msg, ERR_TOOBIG, "%s: more than %zu lines", map->path, MAX_ROWS);
    }
    map->rows = calloc(lines, sizeof(map->rows[0]));
    if (map->rows == NULL) {
        return err_set(msg, ERR_NOMEM, "%s: out of memory", map->path);
    }
    table_init(&r.table, map->path, kinds[map->kind].columns, COLUMNS);
    err = table_read(&r.table, text, len, read_row, &r);
    if (err != 0) {
        return err_set(msg, err, "%s: %s", map->path, err_text(err));
    }
    sort_and_compare(&r);
    return table_end(&r.table, msg);
}

int map_parse(enum map_kind kind, const char *path, const char *text, size_t len, struct map **out,
              struct errmsg *msg)
{
    struct map *map;
    int err;

    *out = NULL;
    if (len > MAP_FILE_MAX) {
        return err_set(msg, ERR_TOOBIG, "%s: larger than %zu bytes", path, MAP_FILE_MAX);
    }
    map = calloc(1, sizeof(*map));
    if (map == NULL) {
        return err_set(msg, ERR_NOMEM, "%s: out of memory", path);
    }
    map->kind = kind;
    arena_init(&map->arena, MAX_ARENA_BYTES);
    map->path = arena_strdup(&map->arena, path);
    if (map->path == NULL) {
        err = err_set(msg, ERR_NOMEM, "%s: out of memory", path);
    } else {
        err = parse_into(map, text, len, msg);
    }
    if (err != 0) {
        map_free(map);
        return err;
    }
    *out = map;
    return 0;
}
