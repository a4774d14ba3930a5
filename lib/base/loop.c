#include "base/loop.h"

#include <stddef.h>

#include "base/err.h"

void loop_init(struct loop *loop, const struct loop_ops *ops)
{
    loop->ops = ops;
    list_init(&loop->timers);
    list_init(&loop->tasks);
}

static struct loop_timer *timer_of(struct list *link)
{
    return CONTAINER_OF(link, struct loop_timer, link);
}

uint64_t loop_next_ms(struct loop *loop)
{
    uint64_t now_ms;
    uint64_t due_ms;

    if (!list_empty(&loop->tasks)) {
        return 0;
    }
    if (list_empty(&loop->timers)) {
        return UINT64_MAX;
    }
    now_ms = loop_now_ms(loop);
    due_ms = timer_of(loop->timers.next)->due_ms;
    return due_ms > now_ms ? due_ms - now_ms : 0;
}

void loop_run_due(struct loop *loop)
{
    uint64_t now_ms = loop_now_ms(loop);
    struct list tasks;
    struct list timers;
    struct list *link;

    /* Taken out first: what a callback adds goes to the loop's own lists and waits; what it stops
     * leaves these ones. */
    list_init(&tasks);
    list_init(&timers);
    list_splice(&tasks, &loop->tasks);
    while (!list_empty(&loop->timers) && timer_of(loop->timers.next)->due_ms <= now_ms) {
        list_push(&timers, list_shift(&loop->timers));
    }
    while (!list_empty(&tasks)) {
        struct loop_task *task;

        link = list_shift(&tasks);
        task = CONTAINER_OF(link, struct loop_task, link);
        task->run(task); /* may have freed task */
    }
    while (!list_empty(&timers)) {
        struct loop_timer *timer;

        link = list_shift(&timers);
        timer = timer_of(link);
        timer->fired(timer); /* may have freed timer */
    }
}

uint64_t loop_now_ms(struct loop *loop)
{
    return loop->ops->now_ms(loop);
}

int64_t loop_wall_ms(struct loop *loop)
{
    return loop->ops->wall_ms(loop);
}

int64_t loop_wall_s(struct loop *loop)
{
    int64_t wall_ms = loop_wall_ms(loop);

    return wall_ms / 1000 - (wall_ms % 1000 < 0);
}

uint64_t loop_random(struct loop *loop)
{
    return loop->ops->random(loop);
}

uint64_t loop_random_below(struct loop *loop, uint64_t below)
{
    uint64_t floor;
    uint64_t value;

    if (below == 0) {
        return 0;
    }
    /* 2^64 modulo below: numbers under it would make the small results likelier. */
    floor = (UINT64_MAX - below + 1) % below;
    do {
        value = loop_random(loop);
    } while (value < floor);
    return value % below;
}

void loop_timer_init(struct loop_timer *timer, void (*fired)(struct loop_timer *timer))
{
    timer->fired = fired;
    list_init(&timer->link);
    timer->due_ms = 0;
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms)
{
    uint64_t now_ms = loop_now_ms(loop);
    bool was_first = loop->timers.next == &timer->link;
    struct list *after;

    list_remove(&timer->link);
    timer->due_ms = delay_ms > UINT64_MAX - now_ms ? UINT64_MAX : now_ms + delay_ms;
    after = loop->timers.prev; /* from the end: new timers are mostly the latest */
    while (after != &loop->timers && timer_of(after)->due_ms > timer->due_ms) {
        after = after->prev;
    }
    list_insert_before(after->next, &timer->link);
    if (was_first || loop->timers.next == &timer->link) {
        loop->ops->wake_at(loop);
    }
}

void loop_timer_stop(struct loop_timer *timer)
{
    list_remove(&timer->link);
}

bool loop_timer_armed(const struct loop_timer *timer)
{
    return !list_empty(&timer->link);
}

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task))
{
    task->run = run;
    list_init(&task->link);
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    bool was_empty = list_empty(&loop->tasks);

    if (!list_empty(&task->link)) {
        return;
    }
    list_push(&loop->tasks, &task->link);
    if (was_empty) {
        loop->ops->wake_at(loop);
    }
}

void loop_task_cancel(struct loop_task *task)
{
    list_remove(&task->link);
}

bool loop_work_start(struct loop *loop, struct loop_work *work)
{
    return loop->ops->work(loop, work);
}

int loop_watch_start(struct loop *loop, struct loop_watch *watch, const char *path)
{
    watch->impl = NULL;
    return loop->ops->watch != NULL ? loop->ops->watch(loop, watch, path) : ERR_UNSUPPORTED;
}

void loop_watch_stop(struct loop *loop, struct loop_watch *watch)
{
    if (watch->impl != NULL) {
        loop->ops->unwatch(loop, watch);
        watch->impl = NULL;
    }
}
