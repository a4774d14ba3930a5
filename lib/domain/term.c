#include "domain/term.h"

#include "domain/vntime.h"

void term_read(const struct calendar *cal, int64_t begun_s, int n, int64_t now_s, struct term *out)
{
    int64_t due_s;
    int64_t left;
    int rc = calendar_term_end(cal, begun_s, n, &due_s);

    *out = (struct term){.begun_s = begun_s};
    if (rc == 0) {
        /* from yesterday's end to the end of the last day; when that is over, from its end to now
         */
        rc = now_s < due_s
                 ? calendar_days_between(cal, vntime_day_start(now_s) - 1, due_s - 1, &left)
                 : calendar_days_between(cal, now_s, due_s - 1, &left);
    }
    if (rc == 0) {
        out->known = true;
        out->due_s = due_s;
        out->days_left = left;
        out->over = now_s >= due_s;
    }
}

int term_over_before(const struct calendar *cal, int n, int64_t now_s, int64_t *out_s)
{
    int64_t day_s;
    int rc = calendar_add_days(cal, now_s, -n, &day_s);

    if (rc == 0) {
        *out_s = vntime_day_start(day_s);
    }
    return rc;
}
