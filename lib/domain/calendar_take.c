/* calendar_take: the days of a calendar, from the rows of its file. */
#include <stdlib.h>
#include <string.h>

#include "domain/calendar_rows.h"
#include "domain/vntime.h"

#define MAX_WEEKS 200 /* rows of kind hours */

/* A day as messages show it. */
struct shown_day {
    char text[16];
};

static struct shown_day show_day(int64_t day)
{
    struct shown_day s;

    (void)vntime_format(day * CALENDAR_DAY_S - CALENDAR_OFFSET_S, "yyyy-MM-dd", s.text,
                        sizeof(s.text));
    return s;
}

/* Room for the days between the first and the last that are covered, all of them unknown. */
static int make_days(struct calendar_reading *r)
{
    struct calendar *cal = r->cal;
    size_t n;

    for (size_t i = 0; i < r->n_rows; i++) {
        const struct calendar_row *row = &r->rows[i];

        if (row->kind == CALENDAR_COVERED) {
            cal->first_day =
                cal->end_day == 0 || row->first < cal->first_day ? row->first : cal->first_day;
            cal->end_day = row->last >= cal->end_day ? row->last + 1 : cal->end_day;
        }
    }
    if (cal->end_day == 0) {
        table_fault(&r->table, r->table.csv.line,
                    "no row of kind covered; add one for the time that is known as a whole");
        return 0;
    }
    n = (size_t)(cal->end_day - cal->first_day);
    cal->days = malloc(n);
    if (cal->days == NULL) {
        return ERR_NOMEM;
    }
    memset(cal->days, CALENDAR_UNKNOWN, n);
    return 0;
}

static bool covered(const struct calendar *cal, int64_t day)
{
    return day >= cal->first_day && day < cal->end_day &&
           cal->days[day - cal->first_day] != CALENDAR_UNKNOWN;
}

/* The weekly hours of a day. False after a fault. */
static bool take_week_day(struct calendar_reading *r, const struct calendar_row *span, int64_t day)
{
    const struct calendar_row *valid = NULL;  /* holds on that day, for whichever weekday */
    const struct calendar_row *worked = NULL; /* ...for this one */

    for (size_t i = 0; i < r->n_rows; i++) {
        const struct calendar_row *row = &r->rows[i];

        if (row->kind != CALENDAR_HOURS || day < row->first || day > row->last) {
            continue;
        }
        valid = row;
        if ((row->days & 1U << calendar_weekday(day)) == 0) {
            continue;
        }
        if (worked != NULL) {
            table_fault(&r->table, row->line,
                        "holds on %s like line %u; end one before the other begins",
                        show_day(day).text, worked->line);
            return false;
        }
        worked = row;
    }
    if (valid == NULL) {
        table_fault(&r->table, span->line, "no hours hold on %s; add a row of kind hours",
                    show_day(day).text);
        return false;
    }
    r->cal->days[day - r->cal->first_day] = worked != NULL ? worked->hours : 0;
    return true;
}

/* A span's first fault is enough: the days behind it have the same. */
static void take_covered(struct calendar_reading *r)
{
    for (size_t i = 0; i < r->n_rows; i++) {
        const struct calendar_row *row = &r->rows[i];
        bool good = row->kind == CALENDAR_COVERED;

        for (int64_t day = row->first; good && day <= row->last; day++) {
            if (covered(r->cal, day)) {
                table_fault(&r->table, row->line,
                            "%s is covered by another row too; end one before the other begins",
                            show_day(day).text);
                good = false;
            } else {
                good = take_week_day(r, row, day);
            }
        }
    }
}

/* A day may be named once. taken: one flag a day. */
static bool claim(struct calendar_reading *r, const struct calendar_row *row, int64_t day,
                  bool *taken)
{
    if (!covered(r->cal, day)) {
        table_fault(&r->table, row->line,
                    "%s is not covered; add a row of kind covered or remove this",
                    show_day(day).text);
        return false;
    }
    if (taken[day - r->cal->first_day]) {
        table_fault(&r->table, row->line, "%s stands in another row too; remove one",
                    show_day(day).text);
        return false;
    }
    taken[day - r->cal->first_day] = true;
    return true;
}

static void take_moved(struct calendar_reading *r, const struct calendar_row *row, bool *taken)
{
    uint8_t *days = r->cal->days;
    int64_t base = r->cal->first_day;
    uint8_t hours = row->hours;

    if (!claim(r, row, row->first, taken) ||
        (row->has_instead && !claim(r, row, row->instead_of, taken))) {
        return;
    }
    if (days[row->first - base] != 0) {
        table_fault(&r->table, row->line,
                    "%s is worked anyway; first is the day that is worked instead",
                    show_day(row->first).text);
        return;
    }
    if (row->has_instead && days[row->instead_of - base] == 0) {
        table_fault(&r->table, row->line,
                    "%s is not worked anyway; instead_of is the day that becomes free",
                    show_day(row->instead_of).text);
        return;
    }
    if (row->has_instead) {
        hours = hours != 0 ? hours : days[row->instead_of - base];
        days[row->instead_of - base] = 0;
    }
    days[row->first - base] = hours;
}

static void take_holiday(struct calendar_reading *r, const struct calendar_row *row, bool *taken)
{
    for (int64_t day = row->first; day <= row->last && claim(r, row, day, taken); day++) {
        r->cal->days[day - r->cal->first_day] = 0;
    }
}

static int take_days(struct calendar_reading *r)
{
    bool *taken = calloc((size_t)(r->cal->end_day - r->cal->first_day), sizeof(bool));

    if (taken == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < r->n_rows; i++) {
        const struct calendar_row *row = &r->rows[i];

        if (row->kind == CALENDAR_HOLIDAY) {
            take_holiday(r, row, taken);
        } else if (row->kind == CALENDAR_MOVED) {
            take_moved(r, row, taken);
        }
    }
    free(taken);
    return 0;
}

/* Each day is held against each of them. */
static void check_hours(struct calendar_reading *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_rows; i++) {
        n += r->rows[i].kind == CALENDAR_HOURS;
        if (n > MAX_WEEKS) {
            table_fault(&r->table, r->rows[i].line, "more than %d rows of kind hours; remove some",
                        MAX_WEEKS);
            return;
        }
    }
}

int calendar_take(struct calendar_reading *r)
{
    int rc = make_days(r);

    check_hours(r);
    if (rc == 0 && r->table.shown == 0) {
        take_covered(r);
    }
    if (rc == 0 && r->table.shown == 0) {
        rc = take_days(r);
    }
    return rc;
}
