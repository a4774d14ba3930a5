/* calendar_read: a calendar's file taken apart, with all its faults at once. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/text.h"
#include "domain/calendar_rows.h"
#include "domain/vntime.h"

#define FILE_MAX ((size_t)1024 * 1024) /* bytes */
#define MAX_FAULTS 20
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

static const char *const column_names[COLUMNS] = {
    [COLUMN_KIND] = "kind",   [COLUMN_FIRST] = "first", [COLUMN_LAST] = "last",
    [COLUMN_DAYS] = "days",   [COLUMN_HOURS] = "hours", [COLUMN_INSTEAD_OF] = "instead_of",
    [COLUMN_BASIS] = "basis",
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

/* The file's text on its way. */
struct reader {
    struct calendar_reading *out;
    struct csv csv;
    struct csv_row fields;
    size_t at[COLUMNS]; /* index in fields plus one; 0 when the file has no such column */
    size_t n_columns;   /* of the header */
};

void calendar_fault(struct calendar_reading *r, unsigned line, const char *format, ...)
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
    n = snprintf(r->faults.text + used, room, "%s%s:%u: %s", used > 0 ? "\n" : "", r->path, line,
                 what);
    if (used > 0 && (n < 0 || (size_t)n >= room)) {
        r->faults.text[used] = '\0';
        r->more++;
        return;
    }
    r->shown++;
}

static const char *field(const struct reader *r, enum column column)
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

static void read_header(struct reader *r)
{
    r->n_columns = r->fields.n;
    for (size_t i = 0; i < r->fields.n; i++) {
        unsigned column = 0;

        while (column < COLUMNS && strcmp(column_names[column], r->fields.text[i]) != 0) {
            column++;
        }
        if (column == COLUMNS) {
            calendar_fault(r->out, r->fields.line, "unknown column \"%s\"; remove or rename it",
                           show(r->fields.text[i]).text);
        } else if (r->at[column] > 0) {
            calendar_fault(r->out, r->fields.line, "column \"%s\" stands twice; remove one",
                           column_names[column]);
        } else {
            r->at[column] = i + 1;
        }
    }
    for (unsigned column = 0; column < COLUMNS; column++) {
        if (r->at[column] == 0) {
            calendar_fault(r->out, r->fields.line,
                           "column \"%s\" is missing; add it to the header line",
                           column_names[column]);
        }
    }
}

static bool read_day(struct reader *r, enum column column, int64_t *out)
{
    int64_t at_s;

    if (vntime_parse(field(r, column), "yyyy-MM-dd", &at_s) == 0) {
        *out = (at_s + CALENDAR_OFFSET_S) / CALENDAR_DAY_S;
        if (at_s > 0 && *out >= CALENDAR_DAY_MIN && *out < CALENDAR_DAY_END) {
            return true;
        }
    }
    calendar_fault(r->out, r->fields.line,
                   "%s \"%s\" is no date from 2000 to 2199; write it as 2026-02-16",
                   column_names[column], show(field(r, column)).text);
    return false;
}

/* Which days: first and last, the latter missing meaning one, or for hours no end. */
static bool read_span(struct reader *r, struct calendar_row *row)
{
    if (!read_day(r, COLUMN_FIRST, &row->first)) {
        return false;
    }
    row->last = row->kind == CALENDAR_HOURS ? INT64_MAX : row->first;
    if (*field(r, COLUMN_LAST) != '\0' && !read_day(r, COLUMN_LAST, &row->last)) {
        return false;
    }
    if (row->last < row->first) {
        calendar_fault(r->out, row->line, "last is before first; correct the dates");
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
static bool read_weekdays(struct reader *r, struct calendar_row *row)
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
            calendar_fault(r->out, row->line,
                           "days \"%s\" is not valid; write mon-fri or mon wed sat",
                           show(field(r, COLUMN_DAYS)).text);
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

static bool read_hours(struct reader *r, struct calendar_row *row)
{
    struct calendar *cal = r->out->cal;
    struct calendar_hours hours;
    size_t i = 0;

    if (*field(r, COLUMN_HOURS) == '\0') {
        return true;
    }
    if (!hours_parse(field(r, COLUMN_HOURS), &hours)) {
        calendar_fault(
            r->out, row->line,
            "hours \"%s\" is not valid; write 07:30-11:30 13:30-17:30, at most %d parts in order",
            show(field(r, COLUMN_HOURS)).text, CALENDAR_MAX_RANGES);
        return false;
    }
    while (i < cal->n_hours && !hours_equal(&cal->hours[i], &hours)) {
        i++;
    }
    if (i == CALENDAR_MAX_HOURS) {
        calendar_fault(r->out, row->line, "more than %d different hours; remove some",
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

static bool read_kind(struct reader *r, struct calendar_row *row)
{
    const char *name = field(r, COLUMN_KIND);
    bool good = true;

    row->kind = CALENDAR_COVERED;
    while (row->kind < CALENDAR_KINDS && strcmp(kinds[row->kind].name, name) != 0) {
        row->kind++;
    }
    if (row->kind == CALENDAR_KINDS) {
        calendar_fault(r->out, row->line,
                       "unknown kind \"%s\"; covered, hours, holiday and moved are known",
                       show(name).text);
        return false;
    }
    for (unsigned column = 0; column < COLUMNS; column++) {
        enum need need = kinds[row->kind].columns[column];
        bool empty = *field(r, column) == '\0';

        if (need == NEED_REQUIRED && empty) {
            calendar_fault(r->out, row->line, "%s is empty; a row of kind %s needs it",
                           column_names[column], name);
            good = false;
        } else if (need == NEED_NONE && !empty) {
            calendar_fault(r->out, row->line, "%s means nothing in a row of kind %s; empty it",
                           column_names[column], name);
            good = false;
        }
    }
    return good;
}

static void read_row(struct reader *r)
{
    struct calendar_row row = {.line = r->fields.line};
    bool good;

    if (r->fields.n != r->n_columns) {
        calendar_fault(r->out, row.line, "%zu values for %zu columns; add or remove commas",
                       r->fields.n, r->n_columns);
        return;
    }
    if (!read_kind(r, &row)) {
        return;
    }
    good = read_span(r, &row);
    good = read_weekdays(r, &row) && good;
    good = read_hours(r, &row) && good;
    row.has_instead = *field(r, COLUMN_INSTEAD_OF) != '\0';
    if (row.has_instead) {
        good = read_day(r, COLUMN_INSTEAD_OF, &row.instead_of) && good;
    } else if (row.kind == CALENDAR_MOVED && row.hours == 0 && good) {
        calendar_fault(r->out, row.line, "neither instead_of nor hours is given; fill one of them");
        good = false;
    }
    if (good) {
        r->out->rows[r->out->n_rows] = row;
        r->out->n_rows++;
    }
}

static void read_rows(struct reader *r)
{
    bool header = false;

    for (;;) {
        const char *why = NULL;
        int err = csv_next(&r->csv, &r->fields, &why);

        if (err == ERR_NOTFOUND) {
            break;
        }
        if (err != 0) {
            calendar_fault(r->out, r->fields.line, "%s; correct the line", why);
        } else if (header) {
            read_row(r);
        } else {
            read_header(r);
        }
        if (!header && r->out->shown > 0) {
            return; /* without its columns no row means anything */
        }
        header = true;
    }
    if (!header) {
        calendar_fault(r->out, r->csv.line,
                       "the file has no header line; begin it with the names of the columns");
    }
}

void calendar_read(struct calendar_reading *r, const char *text, size_t len)
{
    struct reader reader = {.out = r};

    csv_init(&reader.csv, text, len);
    read_rows(&reader);
    r->end_line = reader.csv.line;
}

static int parse_into(struct calendar *cal, const char *path, const char *text, size_t len,
                      struct errmsg *msg)
{
    struct calendar_reading r = {.cal = cal, .path = path};
    size_t lines = 1;
    int rc = 0;

    for (size_t i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    r.rows = calloc(lines, sizeof(r.rows[0]));
    cal->hours = calloc(CALENDAR_MAX_HOURS, sizeof(cal->hours[0]));
    if (r.rows == NULL || cal->hours == NULL) {
        rc = ERR_NOMEM;
    } else {
        cal->n_hours = 1; /* none */
        calendar_read(&r, text, len);
    }
    if (rc == 0 && r.shown == 0) {
        rc = calendar_take(&r);
    }
    free(r.rows);
    if (rc != 0) {
        return err_set(msg, rc, "%s: %s", path, err_text(rc));
    }
    if (r.more > 0) {
        return err_set(msg, ERR_CONFIG, "%s\nand %u more", r.faults.text, r.more);
    }
    return r.shown > 0 ? err_set(msg, ERR_CONFIG, "%s", r.faults.text) : 0;
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
    struct stat st;
    char *text;
    size_t len;
    int rc;
    int fd;

    *out = NULL;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe must not hang us */
    if (fd < 0) {
        return err_set(msg, file_error(errno), "%s: %s", path, strerror(errno));
    }
    text = malloc(FILE_MAX + 1);
    if (text == NULL) {
        rc = err_set(msg, ERR_NOMEM, "%s: out of memory", path);
    } else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        rc = err_set(msg, ERR_INVAL, "%s: not a regular file", path);
    } else if (file_fill(fd, text, FILE_MAX + 1, &len) != 0) {
        rc = err_set(msg, ERR_IO, "%s: %s", path, strerror(errno));
    } else {
        rc = calendar_parse(path, text, len, out, msg);
    }
    free(text);
    (void)close(fd); /* only read from */
    return rc;
}
