/* fake_loop: the loop of the tests. Its clock stands still until the test moves it; nothing sleeps,
 * nothing runs on another thread, and the same seed gives the same run. */
#ifndef TEST_FAKE_LOOP_H
#define TEST_FAKE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

#define FAKE_LOOP_WATCHES 4

/* Zero the hooks (fake_loop_init does) and set them whenever the test likes. */
struct fake_loop {
    struct loop loop; /* what the code under test gets */
    uint64_t now_ms;  /* monotonic */
    int64_t wall_ms;
    uint64_t seed;
    bool hold_work;   /* queued work waits until this is false again: a slow worker */
    bool refuse_work; /* loop_work_start answers false: no memory */
    uint64_t wakes;   /* calls of wake_at */
    struct loop_work *work_first, *work_last;      /* queue through loop_work.impl */
    struct loop_watch *watches[FAKE_LOOP_WATCHES]; /* NULL: free */
    char watched[FAKE_LOOP_WATCHES][256];          /* their folders */
};

/* The clock begins at FAKE_LOOP_START_MS, the wall at FAKE_LOOP_WALL_MS. */
#define FAKE_LOOP_START_MS UINT64_C(1000000)
#define FAKE_LOOP_WALL_MS INT64_C(1763622000000) /* 2025-11-20 14:00:00 in Viet Nam, a Thursday */

void fake_loop_init(struct fake_loop *f);
/* Runs what is due now, once: the tasks and timers that stand, then the work that was queued before
 * this turn, run and done directly after one another. */
void fake_loop_turn(struct fake_loop *f);
/* Turns until nothing is due now. Aborts after a million turns: something re-arms itself with 0. */
void fake_loop_settle(struct fake_loop *f);
/* Moves both clocks on by ms, stopping at each timer's time on the way; ends settled. */
void fake_loop_advance(struct fake_loop *f, uint64_t ms);
/* Tells who watches this folder that something came or went. */
void fake_loop_changed(struct fake_loop *f, const char *path);
/* Somebody set the system clock: only the wall moves. */
void fake_loop_jump_wall(struct fake_loop *f, int64_t ms);
/* Nothing is due now: no task, no due timer, no work that may run. */
bool fake_loop_idle(struct fake_loop *f);

#endif
