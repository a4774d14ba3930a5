/* term: the clock of a term of working days: when it began, when it is over, what is left. Pure;
 * any thread. */
#ifndef DOMAIN_TERM_H
#define DOMAIN_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/calendar.h"

struct term {
    int64_t begun_s;
    bool known;    /* false: days of it are not covered; what follows is 0 then */
    int64_t due_s; /* the midnight that ends its last day */
    int64_t
        days_left; /* working days from today on, today included; negative: over since so many */
    bool over;
};

/* A term of n working days that began at begun_s, seen at now_s. The day of its begin does not
 * count. */
void term_read(const struct calendar *cal, int64_t begun_s, int n, int64_t now_s, struct term *out);
/* Every term of n working days that began before *out_s is over at now_s, and no other: for
 * queries. CALENDAR_NOT_COVERED. */
MUST_CHECK int term_over_before(const struct calendar *cal, int n, int64_t now_s, int64_t *out_s);

#endif
