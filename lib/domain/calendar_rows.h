/* calendar_rows: a calendar's file on its way: calendar_read.c makes rows of the text,
 * calendar_take.c days of the rows. Any thread; a reading belongs to one. */
#ifndef DOMAIN_CALENDAR_ROWS_H
#define DOMAIN_CALENDAR_ROWS_H

#include "domain/calendar_impl.h"
#include "domain/table.h"

enum calendar_kind {
    CALENDAR_COVERED,
    CALENDAR_HOURS,
    CALENDAR_HOLIDAY,
    CALENDAR_MOVED,
    CALENDAR_KINDS
};

/* A row that was understood. */
struct calendar_row {
    enum calendar_kind kind;
    unsigned line;
    int64_t first; /* local day */
    int64_t last;  /* inclusive */
    int64_t instead_of;
    bool has_instead;
    unsigned days; /* bit 0 Monday */
    uint8_t hours; /* index in calendar.hours; 0 none */
};

struct calendar_reading {
    struct calendar *cal; /* borrowed; its hours are filled with the rows */
    struct table table;
    struct calendar_row *rows; /* owned by who reads; room for one a line */
    size_t n_rows;
};

/* The calendar's days, from all rows; faults noted. ERR_NOMEM. */
MUST_CHECK int calendar_take(struct calendar_reading *r);

#endif
