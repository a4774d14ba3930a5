/* calendar_impl: what calendar.c (asking a calendar) and calendar_read.c (reading its file) share.
 * Any thread. */
#ifndef DOMAIN_CALENDAR_IMPL_H
#define DOMAIN_CALENDAR_IMPL_H

#include <stdatomic.h>

#include "domain/calendar.h"

#define CALENDAR_DAY_S INT64_C(86400)
#define CALENDAR_OFFSET_S (INT64_C(7) * 3600) /* UTC+7; the country has kept it since 1975 */
/* 2000-01-01 and 2200-01-01 as local days since 1970-01-01. */
#define CALENDAR_DAY_MIN INT64_C(10957)
#define CALENDAR_DAY_END INT64_C(84006)
#define CALENDAR_MAX_RANGES 4
#define CALENDAR_UNKNOWN 255 /* a day that is not covered; else an index in calendar.hours */
#define CALENDAR_MAX_HOURS CALENDAR_UNKNOWN

/* The hours of a day, seconds since midnight, ascending, without overlap. */
struct calendar_hours {
    size_t n;
    int32_t from_s[CALENDAR_MAX_RANGES];
    int32_t to_s[CALENDAR_MAX_RANGES]; /* exclusive */
};

struct calendar {
    atomic_uint holders;
    char *path;                   /* owned; NULL for the plain one */
    struct calendar_hours *hours; /* owned; [0] has none */
    size_t n_hours;
    uint8_t *days;     /* owned; of each day from first_day on */
    int64_t first_day; /* local days since 1970-01-01 */
    int64_t end_day;
};

/* 0 for Monday. */
static inline unsigned calendar_weekday(int64_t day)
{
    return (unsigned)((day + 3) % 7); /* 1970-01-01 was a Thursday; no day before it is asked for */
}

#endif
