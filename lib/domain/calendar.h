/* calendar: working days and working hours in Asia/Ho_Chi_Minh, from a file.
 *
 * The file is CSV in UTF-8 with the columns kind, first, last, days, hours, instead_of and basis
 * (dvcsyncd.conf(5), section calendar): the weekly hours with their dates of validity, the days
 * off, the days that are worked for another one, and the time for which all of that is known (kind
 * covered). Nothing is assumed of any other day: what touches one answers CALENDAR_NOT_COVERED,
 * which is an answer and no failure. A day is worked when it has hours.
 *
 * Times are UTC seconds. Immutable but for its count of holders; any thread. No call blocks but
 * calendar_load. */
#ifndef DOMAIN_CALENDAR_H
#define DOMAIN_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CALENDAR_NOT_COVERED ERR_NOTFOUND

struct calendar;

/* Reads text (not terminated); path stands in messages. All faults of the file at once in msg
 * ("FILE:LINE: what; remedy", newline between, as many as fit, then "and N more"). ERR_CONFIG then;
 * ERR_TOOBIG beyond 1 MB; ERR_NOMEM. The caller holds *out. */
MUST_CHECK int calendar_parse(const char *path, const char *text, size_t len, struct calendar **out,
                              struct errmsg *msg);
/* The same from a regular file. Also ERR_NOTFOUND, ERR_DENIED, ERR_IO, ERR_INVAL (not a regular
 * file). Blocks: call it at start or from loop_work. */
MUST_CHECK int calendar_load(const char *path, struct calendar **out, struct errmsg *msg);
/* Monday to Friday, 07:30-11:30 and 13:30-17:30, no holiday, from 2000 to 2199: what counts where
 * no file is configured. Whoever prints a figure of it says so (calendar_is_plain). ERR_NOMEM. */
MUST_CHECK int calendar_plain(struct calendar **out);
/* One holder more; returns cal. Each holder frees. */
struct calendar *calendar_hold(struct calendar *cal);
void calendar_free(struct calendar *cal); /* NULL is fine */

const char *calendar_path(const struct calendar *cal); /* "" for the plain one */
bool calendar_is_plain(const struct calendar *cal);
/* Whether the local day that holds this time is covered. */
bool calendar_covers(const struct calendar *cal, int64_t at_s);
/* Midnight that begins the first day that is covered, and the one that ends the last; gaps between
 * are possible. */
void calendar_span(const struct calendar *cal, int64_t *first_s, int64_t *end_s);

/* All below: 0; CALENDAR_NOT_COVERED when the answer rests on a day that is not covered, *out being
 * untouched then. */

/* Whether the local day that holds at_s is worked. */
MUST_CHECK int calendar_is_working_day(const struct calendar *cal, int64_t at_s, bool *out);
/* Whether at_s lies within working hours. */
MUST_CHECK int calendar_is_working_time(const struct calendar *cal, int64_t at_s, bool *out);
/* The same time of day on the n-th working day after (n > 0) or before (n < 0) the day of at_s;
 * at_s itself for 0. */
MUST_CHECK int calendar_add_days(const struct calendar *cal, int64_t at_s, int n, int64_t *out_s);
/* When a term of n working days (n > 0) that began at at_s is over: the midnight that ends the n-th
 * working day after the day of at_s. The day of at_s does not count. */
MUST_CHECK int calendar_term_end(const struct calendar *cal, int64_t at_s, int n, int64_t *out_s);
/* Working days after the day of from_s up to the day of to_s, that one included: how many days of a
 * term have begun. Negative, by the same count, when to_s is on an earlier day. */
MUST_CHECK int calendar_days_between(const struct calendar *cal, int64_t from_s, int64_t to_s,
                                     int64_t *out);
/* Working seconds between two times; negative when to_s is before from_s. */
MUST_CHECK int calendar_seconds_between(const struct calendar *cal, int64_t from_s, int64_t to_s,
                                        int64_t *out_s);
/* The earliest time with so many working seconds between at_s and it; for a negative number the
 * latest one before at_s; at_s itself for 0. */
MUST_CHECK int calendar_add_seconds(const struct calendar *cal, int64_t at_s, int64_t seconds,
                                    int64_t *out_s);

#endif
