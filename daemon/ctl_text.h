/* ctl_text: how dvcsyncctl writes times, ages, sizes and shares, and reads the daemon's JSON.
 * Pure. */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "codec/json.h"

#define CTL_AGE_SIZE 24
#define CTL_TIME_SIZE 20

/* "42s", "12m", "2h10m", "3d4h". */
void ctl_age(uint64_t age_s, char out[CTL_AGE_SIZE]);
/* "90" and "90s", "5m", "4h", "2d" as seconds. ERR_FORMAT. */
MUST_CHECK int ctl_age_parse(const char *text, uint64_t *out_s);
/* "2026-11-20 08:00:01" in Asia/Ho_Chi_Minh; "never" for 0. */
void ctl_time(int64_t at_s, char out[CTL_TIME_SIZE]);
/* A whole number of decimal digits in min..max. ERR_FORMAT. */
MUST_CHECK int ctl_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* "12 MB", 1024 of the smaller. */
void ctl_put_size(struct buf *out, uint64_t bytes);
/* "99.8 % (1996 of 2000)"; "- (0 of 0)". Never rounded up to 100. */
void ctl_put_share(struct buf *out, uint64_t part, uint64_t whole);
/* Text of the daemon or a peer, safe for a terminal. */
void ctl_put_text(struct buf *out, const char *text);
/* The same in lines as it has them, each with its end. */
void ctl_put_lines(struct buf *out, const char *text);
/* "1 item", "3 items". */
void ctl_put_count(struct buf *out, uint64_t n, const char *noun);
/* The text, then spaces up to width characters; at least one. */
void ctl_put_column(struct buf *out, const char *text, size_t width);

enum ctl_colour { CTL_PLAIN, CTL_GREEN, CTL_YELLOW, CTL_RED, CTL_BOLD };
void ctl_put_coloured(struct buf *out, bool colour, enum ctl_colour which, const char *text);

/* Members of an answer: "", 0 or false when they are not there or of another type. Borrowed. */
const char *ctl_str(const struct json *object, const char *key);
int64_t ctl_int(const struct json *object, const char *key);
uint64_t ctl_uint(const struct json *object, const char *key);
bool ctl_true(const struct json *object, const char *key);
/* RFC 3339 as UTC seconds; 0 for none. */
int64_t ctl_at(const struct json *object, const char *key);

#endif
