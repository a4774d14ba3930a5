#include "domain/calendar.h"

#include <stdlib.h>

#include "domain/calendar_impl.h"

#define DAY_S CALENDAR_DAY_S
#define OFFSET_S CALENDAR_OFFSET_S

/* A moment, taken apart. */
struct moment {
    int64_t day;  /* local, since 1970-01-01 */
    int64_t at_s; /* since its midnight */
};

/* Times that no calendar can hold come out as a day that none covers. */
static struct moment moment_of(int64_t at_s)
{
    struct moment m = {.day = CALENDAR_DAY_MIN - 1};

    if (at_s >= CALENDAR_DAY_END * DAY_S - OFFSET_S) {
        m.day = CALENDAR_DAY_END;
    } else if (at_s >= CALENDAR_DAY_MIN * DAY_S - OFFSET_S) {
        m.day = (at_s + OFFSET_S) / DAY_S;
        m.at_s = (at_s + OFFSET_S) % DAY_S;
    }
    return m;
}

static int64_t time_of(int64_t day, int64_t at_s)
{
    return day * DAY_S + at_s - OFFSET_S;
}

/* NULL: not covered. */
static const struct calendar_hours *hours_of(const struct calendar *cal, int64_t day)
{
    uint8_t index;

    if (day < cal->first_day || day >= cal->end_day) {
        return NULL;
    }
    index = cal->days[day - cal->first_day];
    return index != CALENDAR_UNKNOWN ? &cal->hours[index] : NULL;
}

/* Working seconds of a day between two of its seconds. */
static int64_t overlap_s(const struct calendar_hours *h, int64_t from_s, int64_t to_s)
{
    int64_t sum = 0;

    for (size_t i = 0; i < h->n; i++) {
        int64_t from = h->from_s[i] > from_s ? h->from_s[i] : from_s;
        int64_t to = h->to_s[i] < to_s ? h->to_s[i] : to_s;

        sum += to > from ? to - from : 0;
    }
    return sum;
}

struct calendar *calendar_hold(struct calendar *cal)
{
    atomic_fetch_add(&cal->holders, 1);
    return cal;
}

void calendar_free(struct calendar *cal)
{
    if (cal == NULL || atomic_fetch_sub(&cal->holders, 1) > 1) {
        return;
    }
    free(cal->path);
    free(cal->hours);
    free(cal->days);
    free(cal);
}

const char *calendar_path(const struct calendar *cal)
{
    return cal->path != NULL ? cal->path : "";
}

bool calendar_is_plain(const struct calendar *cal)
{
    return cal->path == NULL;
}

bool calendar_covers(const struct calendar *cal, int64_t at_s)
{
    return hours_of(cal, moment_of(at_s).day) != NULL;
}

void calendar_span(const struct calendar *cal, int64_t *first_s, int64_t *end_s)
{
    *first_s = time_of(cal->first_day, 0);
    *end_s = time_of(cal->end_day, 0);
}

int calendar_is_working_day(const struct calendar *cal, int64_t at_s, bool *out)
{
    const struct calendar_hours *h = hours_of(cal, moment_of(at_s).day);

    if (h == NULL) {
        return CALENDAR_NOT_COVERED;
    }
    *out = h->n > 0;
    return 0;
}

int calendar_is_working_time(const struct calendar *cal, int64_t at_s, bool *out)
{
    struct moment m = moment_of(at_s);
    const struct calendar_hours *h = hours_of(cal, m.day);

    if (h == NULL) {
        return CALENDAR_NOT_COVERED;
    }
    *out = overlap_s(h, m.at_s, m.at_s + 1) > 0;
    return 0;
}

/* The n-th working day after a day, before it for a negative n. */
static int step_days(const struct calendar *cal, int64_t from, int n, int64_t *out)
{
    int64_t step = n < 0 ? -1 : 1;
    int64_t left = n < 0 ? -(int64_t)n : n;
    int64_t day = from;

    if (hours_of(cal, day) == NULL) {
        return CALENDAR_NOT_COVERED;
    }
    while (left > 0) {
        const struct calendar_hours *h;

        day += step;
        h = hours_of(cal, day);
        if (h == NULL) {
            return CALENDAR_NOT_COVERED;
        }
        left -= h->n > 0;
    }
    *out = day;
    return 0;
}

int calendar_add_days(const struct calendar *cal, int64_t at_s, int n, int64_t *out_s)
{
    struct moment m = moment_of(at_s);
    int64_t day;
    int rc = step_days(cal, m.day, n, &day);

    if (rc == 0) {
        *out_s = time_of(day, m.at_s);
    }
    return rc;
}

int calendar_term_end(const struct calendar *cal, int64_t at_s, int n, int64_t *out_s)
{
    int64_t day;
    int rc = step_days(cal, moment_of(at_s).day, n, &day);

    if (rc == 0) {
        *out_s = time_of(day + 1, 0);
    }
    return rc;
}

int calendar_days_between(const struct calendar *cal, int64_t from_s, int64_t to_s, int64_t *out)
{
    int64_t from = moment_of(from_s).day;
    int64_t to = moment_of(to_s).day;
    int64_t low = from < to ? from : to;
    int64_t high = from < to ? to : from;
    int64_t n = 0;

    for (int64_t day = low; day <= high; day++) {
        const struct calendar_hours *h = hours_of(cal, day);

        if (h == NULL) {
            return CALENDAR_NOT_COVERED;
        }
        n += day > low && h->n > 0;
    }
    *out = from <= to ? n : -n;
    return 0;
}

static int seconds_up(const struct calendar *cal, struct moment from, struct moment to,
                      int64_t *out_s)
{
    int64_t sum = 0;

    for (int64_t day = from.day; day <= to.day; day++) {
        const struct calendar_hours *h = hours_of(cal, day);

        if (h == NULL) {
            return CALENDAR_NOT_COVERED;
        }
        sum += overlap_s(h, day == from.day ? from.at_s : 0, day == to.day ? to.at_s : DAY_S);
    }
    *out_s = sum;
    return 0;
}

int calendar_seconds_between(const struct calendar *cal, int64_t from_s, int64_t to_s,
                             int64_t *out_s)
{
    struct moment from = moment_of(from_s);
    struct moment to = moment_of(to_s);
    int64_t sum_s;
    int rc = from_s <= to_s ? seconds_up(cal, from, to, &sum_s) : seconds_up(cal, to, from, &sum_s);

    if (rc == 0) {
        *out_s = from_s <= to_s ? sum_s : -sum_s;
    }
    return rc;
}

/* The second of a day until which left_s working seconds, of those it has after from_s, have gone
 * by.
 */
static int64_t second_after(const struct calendar_hours *h, int64_t from_s, int64_t left_s)
{
    int64_t at_s = from_s;

    for (size_t i = 0; i < h->n && left_s > 0; i++) {
        int64_t begin = h->from_s[i] > from_s ? h->from_s[i] : from_s;
        int64_t part = h->to_s[i] > begin ? h->to_s[i] - begin : 0;

        if (part > 0) {
            at_s = begin + (part < left_s ? part : left_s);
            left_s -= part < left_s ? part : left_s;
        }
    }
    return at_s;
}

/* The latest one from which left_s working seconds go by until to_s. */
static int64_t second_before(const struct calendar_hours *h, int64_t to_s, int64_t left_s)
{
    int64_t at_s = to_s;

    for (size_t i = h->n; i > 0 && left_s > 0; i--) {
        int64_t end = h->to_s[i - 1] < to_s ? h->to_s[i - 1] : to_s;
        int64_t part = end > h->from_s[i - 1] ? end - h->from_s[i - 1] : 0;

        if (part > 0) {
            at_s = end - (part < left_s ? part : left_s);
            left_s -= part < left_s ? part : left_s;
        }
    }
    return at_s;
}

int calendar_add_seconds(const struct calendar *cal, int64_t at_s, int64_t seconds, int64_t *out_s)
{
    bool back = seconds < 0;
    /* more than the calendar holds leads to its edge anyway */
    int64_t left_s = seconds == INT64_MIN ? INT64_MAX : back ? -seconds : seconds;
    struct moment m = moment_of(at_s);
    int64_t from_s = back ? 0 : m.at_s;
    int64_t to_s = back ? m.at_s : DAY_S;

    for (;;) {
        const struct calendar_hours *h = hours_of(cal, m.day);
        int64_t have_s;

        if (h == NULL) {
            return CALENDAR_NOT_COVERED;
        }
        have_s = overlap_s(h, from_s, to_s);
        if (have_s >= left_s) {
            *out_s = left_s == 0 ? at_s
                     : back      ? time_of(m.day, second_before(h, to_s, left_s))
                                 : time_of(m.day, second_after(h, from_s, left_s));
            return 0;
        }
        left_s -= have_s;
        m.day += back ? -1 : 1;
        from_s = 0;
        to_s = DAY_S;
    }
}
