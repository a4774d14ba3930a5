/* check: whether the journal is sound: its pages, and the states of its items against their sums.
 *
 * A start checks before anything is sent. A big journal that nobody has touched since a clean stop
 * (seal.h) was checked in the run before: it is checked beside the work, on a connection of its own
 * that only reads. What is found then stops the work as damage at run time does. */
#ifndef JOURNAL_CHECK_H
#define JOURNAL_CHECK_H

#include <stdbool.h>

#include "base/loop.h"
#include "journal/sqlite.h"

/* ERR_CORRUPT with SQLite's words in db->why when damage was seen twice. whole: also indexes
 * against their tables. */
MUST_CHECK int check_pages(struct db *db, bool whole);
/* ERR_CORRUPT when states were changed by nobody. Loads the tally. */
MUST_CHECK int check_sums(struct db *db);

/* A check beside the work. All but the work itself is the loop's. */
struct check {
    struct loop *loop;
    const char *path;
    void (*ended)(struct check *c);
    struct db reader;
    struct loop_timer timer; /* begins it, or urges it to end */
    struct loop_work work;
    bool running, stopping;
    int err; /* 0 sound, ERR_CORRUPT damaged, else it was not made; made again unless sound or
                stopped */
    struct errmsg why;
};

/* path stays the caller's; ended comes after each try. */
void check_init(struct check *c, struct loop *loop, const char *path,
                void (*ended)(struct check *c));
/* Begins soon, once what starts has started. */
void check_begin(struct check *c);
/* Begins no more. True: one is running; it ends as soon as it can, then comes ended. */
bool check_stop(struct check *c);

#endif
