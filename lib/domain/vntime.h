/* vntime: the date forms of the wires, all read and written in Asia/Ho_Chi_Minh (UTC+7, no daylight
 * saving).
 *
 * Inside the daemon a time is UTC seconds in int64_t; 0 means "none". Any thread; no state. */
#ifndef DOMAIN_VNTIME_H
#define DOMAIN_VNTIME_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define VNTIME_PORTAL_SIZE 15 /* yyyyMMddHHmmss and NUL */

/* Parses by a pattern of letters y M d H m s S Z (Z: "Z", "+07:00", "+0700"), "epoch_ms",
 * "epoch_s"; other characters stand for themselves. yyyy, yy (20yy), MM, dd, HH, mm, ss and SSS
 * take exactly so many digits; a single M, d, H, m or s takes one or two, a single S one to nine;
 * fractions are dropped. Month and day may be missing (1), the year not. Empty or NULL text gives 0
 * seconds and success. A date that does not exist (20260230), a year outside 1900..2200 or
 * left-over text is ERR_FORMAT. */
MUST_CHECK int vntime_parse(const char *text, const char *pattern, int64_t *out_s);
/* "yyyyMMddHHmmss" (national-portal.md 1.2). */
MUST_CHECK int vntime_parse_portal(const char *text, int64_t *out_s);
/* "" for 0. */
void vntime_format_portal(int64_t at_s, char out[VNTIME_PORTAL_SIZE]);
/* With a pattern as above, without Z; returns bytes written. 0 and "" when it does not fit, for 0
 * seconds and for years outside 1900..2200. */
size_t vntime_format(int64_t at_s, const char *pattern, char *out, size_t size);
/* RFC 3339 with +07:00, for status and logs. size >= 26. "" for 0. */
void vntime_format_rfc3339(int64_t at_s, char *out, size_t size);
/* Midnight (local) of the day that holds at_s, and the same n days on. */
int64_t vntime_day_start(int64_t at_s);
/* Working seconds (Monday to Friday, 8 hours a day 07:30-11:30, 13:30-17:30 local) between two
 * times; negative when to is before from. Used for "promised within 8 working hours". */
int64_t vntime_working_seconds(int64_t from_s, int64_t to_s);

#endif
