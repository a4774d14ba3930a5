/* calendar_read: a calendar's file taken apart, with all its faults at once. */
#include <stdlib.h>
#include <string.h>

#include "domain/calendar_rows.h"
#include "domain/vntime.h"

#define FILE_MAX ((size_t)1024 * 1024) /* bytes */
#define WEEKDAYS 7

enum column {
    COLUMN_KIND,
    COLUMN_FIRST,
    COLUMN_LAST,
    COLUMN_DAYS,
    COLUMN_HOURS,
    COLUMN_INSTEAD_OF,
    COLUMN_BASIS,
    COLUMNS
};

static const struct table_column columns[COLUMNS] = {
    [COLUMN_KIND] = {"kind", true},   [COLUMN_FIRST] = {"first", true},
    [COLUMN_LAST] = {"last", true},   [COLUMN_DAYS] = {"days", true},
    [COLUMN_HOURS] = {"hours", true}, [COLUMN_INSTEAD_OF] = {"instead_of", true},
    [COLUMN_BASIS] = {"basis", true},
};

static const char *const weekdays[WEEKDAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

enum need { NEED_NONE, NEED_OPTIONAL, NEED_REQUIRED };

static const struct {
    const char *name;
    enum need columns[COLUMNS];
} kinds[CALENDAR_KINDS] = {
    [CALENDAR_COVERED] = {"covered",
                          {NEED_REQUIRED, NEED_REQUIRED,
                           NEED_OPTIONAL, [COLUMN_BASIS] = NEED_REQUIRED}},
    [CALENDAR_HOURS] = {"hours",
                        {NEED_REQUIRED, NEED_REQUIRED, NEED_OPTIONAL, NEED_REQUIRED, NEED_REQUIRED,
                         NEED_NONE, NEED_OPTIONAL}},
    [CALENDAR_HOLIDAY] = {"holiday",
                          {NEED_REQUIRED, NEED_REQUIRED,
                           NEED_OPTIONAL, [COLUMN_BASIS] = NEED_REQUIRED}},
    [CALENDAR_MOVED] = {"moved",
                        {NEED_REQUIRED, NEED_REQUIRED, NEED_NONE, NEED_NONE, NEED_OPTIONAL,
                         NEED_OPTIONAL, NEED_REQUIRED}},
};

static const char *field(const struct calendar_reading *r, enum column column)
{
    return table_field(&r->table, column);
}

static bool read_day(struct calendar_reading *r, enum column column, int64_t *out)
{
    int64_t at_s;

    if (vntime_parse(field(r, column), "yyyy-MM-dd", &at_s) == 0) {
        *out = (at_s + CALENDAR_OFFSET_S) / CALENDAR_DAY_S;
        if (at_s > 0 && *out >= CALENDAR_DAY_MIN && *out < CALENDAR_DAY_END) {
            return true;
        }
    }
    table_fault(&r->table, r->table.fields.line,
                "%s \"%s\" is no date from 2000 to 2199; write it as 2026-02-16",
                columns[column].name, table_show(field(r, column)).text);
    return false;
}

/* Which days: first and last, the latter missing meaning one, or for hours no end. */
static bool read_span(struct calendar_reading *r, struct calendar_row *row)
{
    if (!read_day(r, COLUMN_FIRST, &row->first)) {
        return false;
    }
    row->last = row->kind == CALENDAR_HOURS ? INT64_MAX : row->first;
    if (*field(r, COLUMN_LAST) != '\0' && !read_day(r, COLUMN_LAST, &row->last)) {
        return false;
    }
    if (row->last < row->first) {
        table_fault(&r->table, row->line, "last is before first; correct the dates");
        return false;
    }
    return true;
}

/* The weekday that a text begins with; WEEKDAYS when there is none. */
static unsigned weekday_at(const char *text)
{
    unsigned i = 0;

    while (i < WEEKDAYS && strncmp(text, weekdays[i], 3) != 0) {
        i++;
    }
    return i;
}

/* "mon-fri", "mon wed sat", "sat-sun". */
static bool read_weekdays(struct calendar_reading *r, struct calendar_row *row)
{
    const char *at = field(r, COLUMN_DAYS);

    while (*at != '\0') {
        unsigned first = weekday_at(at);
        unsigned last = first;
        bool range = first < WEEKDAYS && at[3] == '-';

        if (range) {
            last = weekday_at(at + 4);
        }
        at += range ? 7 : 3;
        if (first == WEEKDAYS || last == WEEKDAYS || last < first || (*at != ' ' && *at != '\0')) {
            table_fault(&r->table, row->line,
                        "days \"%s\" is not valid; write mon-fri or mon wed sat",
                        table_show(field(r, COLUMN_DAYS)).text);
            return false;
        }
        for (unsigned i = first; i <= last; i++) {
            row->days |= 1U << i;
        }
        at += strspn(at, " ");
    }
    return true;
}

/* "HH:MM" at the beginning of a text, up to 24:00; -1 when it is not one. */
static int32_t clock_at(const char *at)
{
    int hour;
    int minute;

    for (int i = 0; i < 5; i++) {
        if (i == 2 ? at[i] != ':' : at[i] < '0' || at[i] > '9') {
            return -1;
        }
    }
    hour = (at[0] - '0') * 10 + at[1] - '0';
    minute = (at[3] - '0') * 10 + at[4] - '0';
    return minute > 59 || hour * 60 + minute > 24 * 60 ? -1 : (hour * 60 + minute) * 60;
}

/* "07:30-11:30 13:30-17:30". */
static bool hours_parse(const char *at, struct calendar_hours *out)
{
    out->n = 0;
    while (*at != '\0') {
        int32_t from_s = clock_at(at);
        int32_t to_s = from_s >= 0 && at[5] == '-' ? clock_at(at + 6) : -1;

        if (from_s < 0 || to_s <= from_s || out->n == CALENDAR_MAX_RANGES ||
            (out->n > 0 && from_s < out->to_s[out->n - 1]) || (at[11] != ' ' && at[11] != '\0')) {
            return false;
        }
        out->from_s[out->n] = from_s;
        out->to_s[out->n] = to_s;
        out->n++;
        at += 11 + strspn(at + 11, " ");
    }
    return out->n > 0;
}

static bool hours_equal(const struct calendar_hours *a, const struct calendar_hours *b)
{
    bool equal = a->n == b->n;

    for (size_t i = 0; equal && i < a->n; i++) {
        equal = a->from_s[i] == b->from_s[i] && a->to_s[i] == b->to_s[i];
    }
    return equal;
}

static bool read_hours(struct calendar_reading *r, struct calendar_row *row)
{
    struct calendar *cal = r->cal;
    struct calendar_hours hours;
    size_t i = 0;

    if (*field(r, COLUMN_HOURS) == '\0') {
        return true;
    }
    if (!hours_parse(field(r, COLUMN_HOURS), &hours)) {
        table_fault(
            &r->table, row->line,
            "hours \"%s\" is not valid; write 07:30-11:30 13:30-17:30, at most %d parts in order",
            table_show(field(r, COLUMN_HOURS)).text, CALENDAR_MAX_RANGES);
        return false;
    }
    while (i < cal->n_hours && !hours_equal(&cal->hours[i], &hours)) {
        i++;
    }
    if (i == CALENDAR_MAX_HOURS) {
        table_fault(&r->table, row->line, "more than %d different hours; remove some",
                    CALENDAR_MAX_HOURS - 1);
        return false;
    }
    if (i == cal->n_hours) {
        cal->hours[i] = hours;
        cal->n_hours++;
    }
    row->hours = (uint8_t)i;
    return true;
}

static bool read_kind(struct calendar_reading *r, struct calendar_row *row)
{
    const char *name = field(r, COLUMN_KIND);
    bool good = true;

    row->kind = CALENDAR_COVERED;
    while (row->kind < CALENDAR_KINDS && strcmp(kinds[row->kind].name, name) != 0) {
        row->kind++;
    }
    if (row->kind == CALENDAR_KINDS) {
        table_fault(&r->table, row->line,
                    "unknown kind \"%s\"; covered, hours, holiday and moved are known",
                    table_show(name).text);
        return false;
    }
    for (unsigned column = 0; column < COLUMNS; column++) {
        enum need need = kinds[row->kind].columns[column];
        bool empty = *field(r, column) == '\0';

        if (need == NEED_REQUIRED && empty) {
            table_fault(&r->table, row->line, "%s is empty; a row of kind %s needs it",
                        columns[column].name, name);
            good = false;
        } else if (need == NEED_NONE && !empty) {
            table_fault(&r->table, row->line, "%s means nothing in a row of kind %s; empty it",
                        columns[column].name, name);
            good = false;
        }
    }
    return good;
}

static int read_row(void *ctx)
{
    struct calendar_reading *r = ctx;
    struct calendar_row row = {.line = r->table.fields.line};
    bool good;

    if (!read_kind(r, &row)) {
        return 0;
    }
    good = read_span(r, &row);
    good = read_weekdays(r, &row) && good;
    good = read_hours(r, &row) && good;
    row.has_instead = *field(r, COLUMN_INSTEAD_OF) != '\0';
    if (row.has_instead) {
        good = read_day(r, COLUMN_INSTEAD_OF, &row.instead_of) && good;
    } else if (row.kind == CALENDAR_MOVED && row.hours == 0 && good) {
        table_fault(&r->table, row.line, "neither instead_of nor hours is given; fill one of them");
        good = false;
    }
    if (good) {
        r->rows[r->n_rows] = row;
        r->n_rows++;
    }
    return 0;
}

static int parse_into(struct calendar *cal, const char *path, const char *text, size_t len,
                      struct errmsg *msg)
{
    struct calendar_reading r = {.cal = cal};
    int err = 0;

    r.rows = calloc(table_lines(text, len), sizeof(r.rows[0]));
    cal->hours = calloc(CALENDAR_MAX_HOURS, sizeof(cal->hours[0]));
    table_init(&r.table, path, columns, COLUMNS);
    if (r.rows == NULL || cal->hours == NULL) {
        err = ERR_NOMEM;
    } else {
        cal->n_hours = 1; /* none */
        err = table_read(&r.table, text, len, read_row, &r);
    }
    if (err == 0 && r.table.shown == 0) {
        err = calendar_take(&r);
    }
    free(r.rows);
    return err != 0 ? err_set(msg, err, "%s: %s", path, err_text(err)) : table_end(&r.table, msg);
}

/* path NULL: the plain one. */
static int parse(const char *path, const char *text, size_t len, struct calendar **out,
                 struct errmsg *msg)
{
    const char *shown = path != NULL ? path : "calendar";
    struct calendar *cal = calloc(1, sizeof(*cal));
    int rc;

    *out = NULL;
    if (cal == NULL) {
        return err_set(msg, ERR_NOMEM, "%s: out of memory", shown);
    }
    atomic_init(&cal->holders, 1);
    cal->path = path != NULL ? strdup(path) : NULL;
    if (path != NULL && cal->path == NULL) {
        rc = err_set(msg, ERR_NOMEM, "%s: out of memory", shown);
    } else {
        rc = parse_into(cal, shown, text, len, msg);
    }
    if (rc != 0) {
        calendar_free(cal);
        return rc;
    }
    *out = cal;
    return 0;
}

int calendar_parse(const char *path, const char *text, size_t len, struct calendar **out,
                   struct errmsg *msg)
{
    *out = NULL;
    if (len > FILE_MAX) {
        return err_set(msg, ERR_TOOBIG, "%s: larger than %zu bytes", path, FILE_MAX);
    }
    return parse(path, text, len, out, msg);
}

int calendar_plain(struct calendar **out)
{
    static const char text[] = "kind,first,last,days,hours,instead_of,basis\n"
                               "covered,2000-01-01,2199-12-31,,,,none\n"
                               "hours,2000-01-01,,mon-fri,07:30-11:30 13:30-17:30,,\n";

    return parse(NULL, text, sizeof(text) - 1, out, NULL);
}

int calendar_load(const char *path, struct calendar **out, struct errmsg *msg)
{
    struct buf text;
    int err = table_load(path, FILE_MAX, &text, msg);

    *out = NULL;
    if (err == 0) {
        err = calendar_parse(path, buf_text(&text), text.len, out, msg);
    }
    buf_free(&text);
    return err;
}
