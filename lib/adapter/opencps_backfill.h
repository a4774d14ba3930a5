/* opencps_backfill: the first reading of a site, by days of submission, oldest first.
 *
 * Its place is a cursor, so that a restart goes on where it was. Years and months that are empty as
 * a whole cost one call. Used by opencps_plan.c alone; pure. */
#ifndef ADAPTER_OPENCPS_BACKFILL_H
#define ADAPTER_OPENCPS_BACKFILL_H

#include <stdbool.h>
#include <stdint.h>

#include "adapter/opencps_query.h"

#define OPENCPS_CURSOR_SIZE 64
#define OPENCPS_TRIES 3 /* readings of a list that moves, in a row */

enum backfill_level { BACKFILL_YEAR, BACKFILL_MONTH, BACKFILL_DAY };

/* Plain value. */
struct opencps_backfill {
    unsigned system;
    int64_t day_s;  /* first day of what is asked */
    int64_t last_s; /* its last day */
    enum backfill_level level;
    uint32_t start;
    int64_t first_total; /* of a day's first page; -1 none yet */
    unsigned tries;
    uint64_t not_before_ms;
    bool empty; /* the answer was "nothing": believed once the site as a whole has shown rows */
};

/* At the first day: start_from_s, or for 0 a day older than any OpenCPS. False when that lies after
 * today. */
bool opencps_backfill_begin(struct opencps_backfill *b, int64_t start_from_s, int64_t today_s);
/* From a cursor; false when it is none. *had_rows: rows were seen before it was written. */
bool opencps_backfill_resume(struct opencps_backfill *b, const char *cursor, int64_t today_s,
                             bool *had_rows);
void opencps_backfill_cursor(const struct opencps_backfill *b, bool had_rows,
                             char out[OPENCPS_CURSOR_SIZE]);
void opencps_backfill_query(const struct opencps_backfill *b, uint32_t page_size,
                            struct opencps_query *out);

/* After an answer that was not empty, and after an empty one once it is believed. False: the first
 * reading is over. */
bool opencps_backfill_answer(struct opencps_backfill *b, int64_t total, uint32_t page_size,
                             int64_t start_from_s, int64_t today_s, uint64_t retry_at_ms);

#endif
