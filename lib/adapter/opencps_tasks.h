/* opencps_tasks: the lists of dossiers that are due, each once, the most urgent first.
 *
 * Used by opencps_plan.c alone; pure. */
#ifndef ADAPTER_OPENCPS_TASKS_H
#define ADAPTER_OPENCPS_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapter/opencps_query.h"
#include "base/err.h"

#define OPENCPS_TASKS_MAX 1024 /* lists due at once */

/* In the order in which they are asked. */
enum opencps_class { CLASS_CHECK, CLASS_LOOK, CLASS_SWEEP, CLASS_FULL, CLASS_SLOW };

enum opencps_what {
    WHAT_CHECK,  /* one row of everything, for its total */
    WHAT_LOOK,   /* the first page of a window of today */
    WHAT_WINDOW, /* the dossiers of a day */
    WHAT_STATUS  /* the dossiers in a state */
};

/* One list that is due. */
struct opencps_task {
    enum opencps_what what;
    enum opencps_class class;
    enum opencps_date date; /* LOOK, WINDOW */
    int64_t day_s;
    char status[OPENCPS_STATUS_SIZE]; /* STATUS */
    unsigned system;
    bool full;      /* of a complete sweep */
    bool strict;    /* counts only when its total stands still; else rows that left are made good by
                       stepping back */
    uint32_t start; /* of the next page */
    int64_t first_total; /* of its first page */
    int64_t last_total;  /* of the page before; -1 none yet */
    unsigned tries;      /* readings that moved, in a row */
    unsigned fails;      /* bad answers in a row */
    uint64_t not_before_ms;
    uint64_t seq; /* order within the class */
};

struct opencps_tasks {
    struct opencps_task *list; /* owned */
    size_t n, capacity;
    uint64_t seq;
};

void opencps_tasks_free(struct opencps_tasks *t);
/* A list stands there once: due for two reasons it takes the more urgent one. ERR_NOMEM,
 * ERR_TOOBIG. Moves the others in memory. */
MUST_CHECK int opencps_tasks_add(struct opencps_tasks *t, const struct opencps_task *task);
/* A window of a day, or all four, for every system. */
MUST_CHECK int opencps_tasks_add_window(struct opencps_tasks *t, enum opencps_class class,
                                        enum opencps_date date, int64_t day_s, bool full);
MUST_CHECK int opencps_tasks_add_day(struct opencps_tasks *t, enum opencps_class class,
                                     enum opencps_what what, int64_t day_s, bool full);
MUST_CHECK int opencps_tasks_add_status(struct opencps_tasks *t, enum opencps_class class,
                                        const char *status, bool strict, bool full);
MUST_CHECK int opencps_tasks_add_check(struct opencps_tasks *t);
/* Moves the others in memory. */
void opencps_tasks_remove(struct opencps_tasks *t, struct opencps_task *task);
/* The most urgent one that may be asked now, without CLASS_SLOW unless slow; NULL for none.
 * Borrowed until add or remove. */
struct opencps_task *opencps_tasks_pick(const struct opencps_tasks *t, bool slow, uint64_t now_ms);
/* Pages that the tasks of CLASS_SLOW still need, by what is known of their totals. */
uint64_t opencps_tasks_slow_pages(const struct opencps_tasks *t, uint32_t page_size);
bool opencps_tasks_full_left(const struct opencps_tasks *t);

#endif
