#include "adapter/opencps_backfill.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "domain/vntime.h"

#define DAY_S INT64_C(86400)
#define FIRST_DAY "2010-01-01" /* older than any OpenCPS v2 */

/* The first word of a cursor. */
static const char SEEN[] = "backfill";
static const char UNSEEN[] = "backfill-empty";

/* The last day of the year or month that begins with day_s; 0 when day_s begins none. */
static int64_t last_day(int64_t day_s, enum backfill_level level)
{
    char text[16];
    int year = 0;
    int month = 0;
    int day = 0;
    int64_t next_s;

    if (vntime_format(day_s, "yyyy-MM-dd", text, sizeof(text)) == 0 ||
        sscanf(text, "%d-%d-%d", &year, &month, &day) != 3 || day != 1 ||
        (level == BACKFILL_YEAR && month != 1)) {
        return 0;
    }
    if (level == BACKFILL_YEAR || month == 12) {
        year++;
        month = 1;
    } else {
        month++;
    }
    snprintf(text, sizeof(text), "%04d-%02d-01", year % 10000, month % 100);
    return vntime_parse(text, "yyyy-MM-dd", &next_s) == 0 ? next_s - DAY_S : 0;
}

/* Stands at a day, and asks first for the whole year or month that begins with it and has passed.
 */
static void enter(struct opencps_backfill *b, int64_t day_s, enum backfill_level level,
                  int64_t today_s)
{
    b->day_s = day_s;
    b->start = 0;
    b->first_total = -1;
    b->tries = 0;
    b->empty = false;
    for (b->level = level; b->level != BACKFILL_DAY; b->level++) {
        b->last_s = last_day(day_s, b->level);
        if (b->last_s != 0 && b->last_s < today_s) {
            return;
        }
    }
    b->last_s = day_s;
}

static int64_t first_day(int64_t start_from_s, int64_t today_s)
{
    int64_t first_s = start_from_s;

    if (first_s == 0 && vntime_parse(FIRST_DAY, "yyyy-MM-dd", &first_s) != 0) {
        return today_s;
    }
    return vntime_day_start(first_s);
}

bool opencps_backfill_begin(struct opencps_backfill *b, int64_t start_from_s, int64_t today_s)
{
    int64_t first_s = first_day(start_from_s, today_s);

    *b = (struct opencps_backfill){0};
    enter(b, first_s, BACKFILL_YEAR, today_s);
    return first_s <= today_s;
}

/* WORD SYSTEM DAY [START TOTAL] */
bool opencps_backfill_resume(struct opencps_backfill *b, const char *cursor, int64_t today_s,
                             bool *had_rows)
{
    char word[16] = "";
    char day[11] = "";
    unsigned id = 0;
    uint32_t start = 0;
    int64_t total = -1;
    int64_t day_s = 0;
    int n = sscanf(cursor, "%15s %u %10s %" SCNu32 " %" SCNd64, word, &id, day, &start, &total);

    if ((n != 3 && n != 5) || (strcmp(word, SEEN) != 0 && strcmp(word, UNSEEN) != 0) ||
        vntime_parse(day, "yyyy-MM-dd", &day_s) != 0 || day_s == 0 || start > INT32_MAX) {
        return false;
    }
    for (unsigned system = 0; system < OPENCPS_SYSTEMS; system++) {
        if (OPENCPS_SYSTEM_IDS[system] == id) {
            *b = (struct opencps_backfill){.system = system};
            enter(b, day_s, n == 5 ? BACKFILL_DAY : BACKFILL_YEAR, today_s);
            b->start = start;
            b->first_total = total;
            *had_rows = strcmp(word, SEEN) == 0;
            return true;
        }
    }
    return false;
}

void opencps_backfill_cursor(const struct opencps_backfill *b, bool had_rows,
                             char out[OPENCPS_CURSOR_SIZE])
{
    char day[16];
    int n;

    if (vntime_format(b->day_s, "yyyy-MM-dd", day, sizeof(day)) == 0) {
        strcpy(day, FIRST_DAY);
    }
    n = snprintf(out, OPENCPS_CURSOR_SIZE, "%s %u %s", had_rows ? SEEN : UNSEEN,
                 OPENCPS_SYSTEM_IDS[b->system], day);
    if (b->start > 0 && n > 0 && n < OPENCPS_CURSOR_SIZE) {
        snprintf(out + n, OPENCPS_CURSOR_SIZE - (size_t)n, " %" PRIu32 " %" PRId64, b->start,
                 b->first_total);
    }
}

void opencps_backfill_query(const struct opencps_backfill *b, uint32_t page_size,
                            struct opencps_query *out)
{
    memset(out, 0, sizeof(*out));
    out->dated = true;
    out->date = OPENCPS_SUBMIT;
    out->from_s = b->day_s;
    out->to_s = b->last_s;
    out->system = b->system;
    out->start = b->start;
    out->count_only = b->level != BACKFILL_DAY;
    out->end = out->count_only ? 1 : b->start + page_size;
}

/* Past the last day the other system follows. */
static bool advance(struct opencps_backfill *b, int64_t start_from_s, int64_t today_s)
{
    int64_t day_s = b->last_s + DAY_S;

    if (day_s > today_s) {
        day_s = first_day(start_from_s, today_s);
        if (++b->system == OPENCPS_SYSTEMS || day_s > today_s) {
            return false;
        }
    }
    enter(b, day_s, BACKFILL_YEAR, today_s);
    return true;
}

bool opencps_backfill_answer(struct opencps_backfill *b, int64_t total, uint32_t page_size,
                             int64_t start_from_s, int64_t today_s, uint64_t retry_at_ms)
{
    bool settled = b->day_s < today_s - DAY_S; /* later days are read again when live */

    if (b->level != BACKFILL_DAY) {
        if (total == 0) {
            return advance(b, start_from_s, today_s);
        }
        enter(b, b->day_s, b->level + 1, today_s);
        return true;
    }
    if (b->first_total < 0) {
        b->first_total = total;
    }
    if ((int64_t)b->start + page_size < total) {
        b->start += page_size;
        return true;
    }
    if (total == b->first_total || !settled) {
        return advance(b, start_from_s, today_s);
    }
    b->start = 0;
    b->first_total = -1;
    b->empty = false;
    if (++b->tries >= OPENCPS_TRIES) {
        b->tries = 0;
        b->not_before_ms = retry_at_ms;
    }
    return true;
}
