/* loop: time, randomness, deferred calls, work off the loop and watched folders, behind one small
 * table.
 *
 * Everything in lib/ takes a struct loop and asks it for the time; nothing else reads a clock or a
 * random source. daemon/loop_uv.c fills the table with libuv, test/lib/fake_loop.c with a clock
 * that the test moves. The list of timers and deferred calls is kept here, so that both behave
 * alike and a timer can be embedded in any struct: stopping it is enough, there is nothing to
 * close.
 *
 * All functions run on the loop thread; callbacks too, never from inside the call that armed them.
 * Only loop_work.run runs elsewhere. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct loop;

/* Called once at or after its time. The callback may start or stop any timer and may free the
 * struct that holds this one. */
struct loop_timer {
    void (*fired)(struct loop_timer *timer);
    struct list link;
    uint64_t due_ms; /* monotonic */
};

/* Called once on the loop's next turn. */
struct loop_task {
    void (*run)(struct loop_task *task);
    struct list link;
};

/* run on a worker thread, then done on the loop. The struct stays with the loop until done. */
struct loop_work {
    void (*run)(struct loop_work *work);
    void (*done)(struct loop_work *work);
    void *impl; /* the loop's own */
};

/* A folder in which something may come or go. changed is called on the loop after it did, perhaps
 * once for several changes and perhaps for none at all: it tells that a look is worth while,
 * nothing more, and may fail to tell on file systems of other machines. */
struct loop_watch {
    void (*changed)(struct loop_watch *watch);
    void *impl; /* the loop's own; NULL: not watching */
};

struct loop_ops {
    uint64_t (*now_ms)(struct loop *loop); /* monotonic milliseconds */
    int64_t (*wall_ms)(struct loop *loop); /* Unix time in milliseconds; may jump */
    uint64_t (*random)(struct loop *loop); /* 64 random bits */
    void (*wake_at)(struct loop *loop); /* the earliest timer or task changed, see loop_next_ms */
    /* Queues work. Returns false without memory: then done is never called. */
    bool (*work)(struct loop *loop, struct loop_work *work);
    /* See loop_watch_start and loop_watch_stop. Both NULL: this loop watches nothing. */
    int (*watch)(struct loop *loop, struct loop_watch *watch, const char *path);
    void (*unwatch)(struct loop *loop, struct loop_watch *watch);
};

struct loop {
    const struct loop_ops *ops;
    struct list timers; /* ordered by due_ms, equal times in order of arming */
    struct list tasks;
};

/* For the implementations. */
void loop_init(struct loop *loop, const struct loop_ops *ops);
/* Milliseconds until the next timer or task: 0 now, UINT64_MAX never. */
uint64_t loop_next_ms(struct loop *loop);
/* Runs the tasks and then the timers that are due when it is called; what these add waits for the
 * next call (a timer that re-arms itself with 0 must not starve I/O). */
void loop_run_due(struct loop *loop);

/* For everyone. */
uint64_t loop_now_ms(struct loop *loop);
int64_t loop_wall_ms(struct loop *loop);
int64_t loop_wall_s(struct loop *loop);
uint64_t loop_random(struct loop *loop);
/* A number in [0, below), without modulo bias; 0 when below is 0. */
uint64_t loop_random_below(struct loop *loop, uint64_t below);

void loop_timer_init(struct loop_timer *timer, void (*fired)(struct loop_timer *timer));
/* Arms or re-arms. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_stop(struct loop_timer *timer); /* harmless when not armed */
bool loop_timer_armed(const struct loop_timer *timer);

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task));
void loop_defer(struct loop *loop, struct loop_task *task); /* once, however often it is called */
void loop_task_cancel(struct loop_task *task);

bool loop_work_start(struct loop *loop, struct loop_work *work);

/* Begins to watch the folder; watch must not be watching. ERR_NOTFOUND, ERR_DENIED, ERR_NOMEM,
 * ERR_UNSUPPORTED (no watching here, or too many watches): sweeping must do then. */
int loop_watch_start(struct loop *loop, struct loop_watch *watch, const char *path);
/* changed does not come any more; the struct is free at once. Harmless when not watching. */
void loop_watch_stop(struct loop *loop, struct loop_watch *watch);

#endif
