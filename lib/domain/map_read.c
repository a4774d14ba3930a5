/* map_read: a map's file taken apart, with all its faults at once. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "domain/codes.h"
#include "domain/map_impl.h"
#include "domain/status.h"
#include "domain/vntime.h"

#define MAX_ROWS ((size_t)1000000)
#define MAX_ARENA_BYTES ((size_t)256 * 1024 * 1024)
#define MAX_FAULTS 20

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

enum need { NEED_UNKNOWN, NEED_OPTIONAL, NEED_REQUIRED };

static const char *const column_names[COLUMNS] = {
    [COLUMN_STATUS] = "status",     [COLUMN_SUBSTATUS] = "substatus", [COLUMN_NAME] = "name",
    [COLUMN_LOCAL] = "local",       [COLUMN_NATIONAL] = "national",   [COLUMN_FROM] = "valid_from",
    [COLUMN_UNTIL] = "valid_until", [COLUMN_DIVIDED] = "divided",
};

static const struct {
    enum need columns[COLUMNS];
    const char *national; /* what the national column holds, for messages */
} kinds[] = {
    [MAP_STATUS] = {{[COLUMN_STATUS] = NEED_REQUIRED,
                     [COLUMN_SUBSTATUS] = NEED_OPTIONAL,
                     [COLUMN_NAME] = NEED_OPTIONAL,
                     [COLUMN_NATIONAL] = NEED_REQUIRED,
                     [COLUMN_FROM] = NEED_OPTIONAL,
                     [COLUMN_UNTIL] = NEED_OPTIONAL},
                    "a status from 1 to 10"},
    [MAP_PROCEDURE] = {{[COLUMN_LOCAL] = NEED_REQUIRED,
                        [COLUMN_NATIONAL] = NEED_REQUIRED,
                        [COLUMN_FROM] = NEED_OPTIONAL,
                        [COLUMN_UNTIL] = NEED_OPTIONAL},
                       "a procedure code like 1.001193"},
    [MAP_AGENCY] = {{[COLUMN_LOCAL] = NEED_REQUIRED,
                     [COLUMN_NATIONAL] = NEED_REQUIRED,
                     [COLUMN_FROM] = NEED_OPTIONAL,
                     [COLUMN_UNTIL] = NEED_OPTIONAL,
                     [COLUMN_DIVIDED] = NEED_OPTIONAL},
                    "an agency code like H56.12"},
};

struct reading {
    struct map *map;
    struct csv csv;
    struct csv_row fields;
    size_t at[COLUMNS];   /* index in fields plus one; 0 when the file has no such column */
    size_t n_columns;     /* of the header */
    struct errmsg faults; /* as many lines as fit */
    unsigned shown, more; /* faults in the text; faults left out */
    int err;              /* the first failure that is no fault of the file */
};

__attribute__((format(printf, 3, 4))) static void fault(struct reading *r, unsigned line,
                                                        const char *format, ...)
{
    char what[256];
    size_t used = strlen(r->faults.text);
    size_t room = sizeof(r->faults.text) - sizeof("\nand 4294967295 more") - used;
    va_list args;
    int n;

    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (r->shown == MAX_FAULTS || r->more > 0) {
        r->more++;
        return;
    }
    n = snprintf(r->faults.text + used, room, "%s%s:%u: %s", used > 0 ? "\n" : "", r->map->path,
                 line, what);
    if (used > 0 && (n < 0 || (size_t)n >= room)) {
        r->faults.text[used] = '\0';
        r->more++;
        return;
    }
    r->shown++;
}

static const char *field(const struct reading *r, enum column column)
{
    return r->at[column] > 0 ? r->fields.text[r->at[column] - 1] : "";
}

/* A value of the file as messages show it. */
struct shown {
    char text[48];
};

static struct shown show(const char *value)
{
    struct shown s;

    text_printable(value, strlen(value), s.text, sizeof(s.text));
    return s;
}

static void read_header(struct reading *r)
{
    const enum need *needs = kinds[r->map->kind].columns;

    r->n_columns = r->fields.n;
    for (size_t i = 0; i < r->fields.n; i++) {
        const char *name = r->fields.text[i];
        unsigned column = 0;

        while (column < COLUMNS &&
               (needs[column] == NEED_UNKNOWN || strcmp(column_names[column], name) != 0)) {
            column++;
        }
        if (column == COLUMNS) {
            fault(r, r->fields.line, "unknown column \"%s\"; remove or rename it", show(name).text);
        } else if (r->at[column] > 0) {
            fault(r, r->fields.line, "column \"%s\" stands twice; remove one", name);
        } else {
            r->at[column] = i + 1;
        }
    }
    for (unsigned column = 0; column < COLUMNS; column++) {
        if (needs[column] == NEED_REQUIRED && r->at[column] == 0) {
            fault(r, r->fields.line, "column \"%s\" is missing; add it to the header line",
                  column_names[column]);
        }
    }
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
        fault(r, row->line, "national \"%s\" is not valid; it must be %s", show(national).text,
              kinds[kind].national);
    }
    return good;
}

static bool read_date(struct reading *r, enum column column, int64_t empty_s, int64_t *out_s)
{
    const char *text = field(r, column);

    if (*text == '\0') {
        *out_s = empty_s;
        return true;
    }
    if (vntime_parse(text, "yyyy-MM-dd", out_s) == 0) {
        return true;
    }
    fault(r, r->fields.line, "%s \"%s\" is no date; write it as 2025-07-01 or leave it empty",
          column_names[column], show(text).text);
    return false;
}

static bool read_dates(struct reading *r, struct map_row *row)
{
    bool from = read_date(r, COLUMN_FROM, INT64_MIN, &row->from_s);
    bool until = read_date(r, COLUMN_UNTIL, INT64_MAX, &row->until_s);

    if (from && until && row->from_s >= row->until_s) {
        fault(r, row->line, "valid_until is not after valid_from; correct the dates");
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
    fault(r, row->line, "divided \"%s\" is not valid; write yes or leave it empty",
          show(divided).text);
    return false;
}

static void read_row(struct reading *r)
{
    struct map *map = r->map;
    struct map_row row = {.line = r->fields.line};
    char key[MAP_KEY_SIZE];
    bool good;

    if (r->fields.n != r->n_columns) {
        fault(r, row.line, "%zu values for %zu columns; add or remove commas", r->fields.n,
              r->n_columns);
        return;
    }
    good = row_key(r, key);
    if (!good) {
        fault(r, row.line, "the row has no local code or status; fill it or remove the row");
    }
    good = read_national(r, &row) && good;
    good = read_dates(r, &row) && good;
    good = read_divided(r, &row) && good;
    if (!good) {
        return;
    }
    row.key = arena_strdup(&map->arena, key);
    if (map->kind != MAP_STATUS) {
        row.code = arena_strdup(&map->arena, field(r, COLUMN_NATIONAL));
    }
    if (row.key == NULL || (map->kind != MAP_STATUS && row.code == NULL)) {
        r->err = ERR_NOMEM;
        return;
    }
    map->rows[map->n_rows] = row;
    map->n_rows++;
}

static void read_rows(struct reading *r)
{
    bool header = false;

    while (r->err == 0) {
        const char *why = NULL;
        int err = csv_next(&r->csv, &r->fields, &why);

        if (err == ERR_NOTFOUND) {
            break;
        }
        if (err != 0) {
            fault(r, r->fields.line, "%s; correct the line", why);
        } else if (header) {
            read_row(r);
        } else {
            read_header(r);
        }
        if (!header && r->shown > 0) {
            return; /* without its columns no row means anything */
        }
        header = true;
    }
    if (!header && r->err == 0) {
        fault(r, r->csv.line,
              "the file has no header line; begin it with the names of the columns");
    }
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
        fault(r, second->line > first->line ? second->line : first->line,
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

/* Room for a row a line; a quoted value may hold several lines but no line holds two rows. */
static size_t count_lines(const char *text, size_t len)
{
    size_t lines = 1;

    for (size_t i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

static int parse_into(struct map *map, const char *text, size_t len, struct errmsg *msg)
{
    struct reading r = {.map = map};
    size_t lines = count_lines(text, len);

    if (lines > MAX_ROWS) {
        return err_set(msg, ERR_TOOBIG, "%s: more than %zu lines", map->path, MAX_ROWS);
    }
    map->rows = calloc(lines, sizeof(map->rows[0]));
    if (map->rows == NULL) {
        return err_set(msg, ERR_NOMEM, "%s: out of memory", map->path);
    }
    csv_init(&r.csv, text, len);
    read_rows(&r);
    if (r.err != 0) {
        return err_set(msg, r.err, "%s: %s", map->path, err_text(r.err));
    }
    sort_and_compare(&r);
    if (r.more > 0) {
        return err_set(msg, ERR_CONFIG, "%s\nand %u more", r.faults.text, r.more);
    }
    return r.shown > 0 ? err_set(msg, ERR_CONFIG, "%s", r.faults.text) : 0;
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
