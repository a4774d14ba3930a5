#include "adapter/opencps_tasks.h"

#include <stdlib.h>
#include <string.h>

void opencps_tasks_free(struct opencps_tasks *t)
{
    free(t->list);
    *t = (struct opencps_tasks){0};
}

static bool same_list(const struct opencps_task *a, const struct opencps_task *b)
{
    return a->what == b->what && a->system == b->system && a->date == b->date &&
           a->day_s == b->day_s && strcmp(a->status, b->status) == 0;
}

static void merge(struct opencps_task *old, const struct opencps_task *task)
{
    if (task->class < old->class) {
        old->class = task->class;
    }
    if (task->full) {
        /* A complete sweep begins with the request: pages from before it don't count. */
        old->full = true;
        old->start = 0;
        old->last_total = -1;
    }
}

static int grow(struct opencps_tasks *t)
{
    size_t capacity = t->capacity == 0 ? 64 : t->capacity * 2;
    struct opencps_task *list;

    if (capacity > OPENCPS_TASKS_MAX) {
        return ERR_TOOBIG;
    }
    list = realloc(t->list, capacity * sizeof(*list));
    if (list == NULL) {
        return ERR_NOMEM;
    }
    t->list = list;
    t->capacity = capacity;
    return 0;
}

int opencps_tasks_add(struct opencps_tasks *t, const struct opencps_task *task)
{
    for (size_t i = 0; i < t->n; i++) {
        if (same_list(&t->list[i], task)) {
            merge(&t->list[i], task);
            return 0;
        }
    }
    if (t->n == t->capacity) {
        int err = grow(t);

        if (err != 0) {
            return err;
        }
    }
    t->list[t->n] = *task;
    t->list[t->n].seq = t->seq++;
    t->n++;
    return 0;
}

/* The same list of every system. */
static int add_all(struct opencps_tasks *t, struct opencps_task *task)
{
    int err = 0;

    task->last_total = -1;
    for (task->system = 0; task->system < OPENCPS_SYSTEMS && err == 0; task->system++) {
        err = opencps_tasks_add(t, task);
    }
    return err;
}

static int add_dated(struct opencps_tasks *t, enum opencps_class class, enum opencps_what what,
                     enum opencps_date date, int64_t day_s, bool full)
{
    struct opencps_task task = {
        .what = what, .class = class, .date = date, .day_s = day_s, .full = full, .strict = true};

    return add_all(t, &task);
}

int opencps_tasks_add_window(struct opencps_tasks *t, enum opencps_class class,
                             enum opencps_date date, int64_t day_s, bool full)
{
    return add_dated(t, class, WHAT_WINDOW, date, day_s, full);
}

int opencps_tasks_add_day(struct opencps_tasks *t, enum opencps_class class, enum opencps_what what,
                          int64_t day_s, bool full)
{
    int err = 0;

    for (int date = 0; date < OPENCPS_DATES && err == 0; date++) {
        err = add_dated(t, class, what, (enum opencps_date)date, day_s, full);
    }
    return err;
}

int opencps_tasks_add_status(struct opencps_tasks *t, enum opencps_class class, const char *status,
                             bool strict, bool full)
{
    struct opencps_task task = {
        .what = WHAT_STATUS, .class = class, .full = full, .strict = strict};
    size_t n = strlen(status);

    if (n >= sizeof(task.status)) {
        return ERR_TOOBIG;
    }
    memcpy(task.status, status, n + 1);
    return add_all(t, &task);
}

int opencps_tasks_add_check(struct opencps_tasks *t)
{
    struct opencps_task task = {.what = WHAT_CHECK, .class = CLASS_CHECK, .last_total = -1};

    return opencps_tasks_add(t, &task);
}

void opencps_tasks_remove(struct opencps_tasks *t, struct opencps_task *task)
{
    t->n--;
    if (task != &t->list[t->n]) {
        *task = t->list[t->n];
    }
}

struct opencps_task *opencps_tasks_pick(const struct opencps_tasks *t, bool slow, uint64_t now_ms)
{
    struct opencps_task *best = NULL;

    for (size_t i = 0; i < t->n; i++) {
        struct opencps_task *task = &t->list[i];

        if (task->not_before_ms > now_ms || (task->class == CLASS_SLOW && !slow)) {
            continue;
        }
        if (best == NULL || task->class < best->class ||
            (task->class == best->class && task->seq < best->seq)) {
            best = task;
        }
    }
    return best;
}

uint64_t opencps_tasks_slow_pages(const struct opencps_tasks *t, uint32_t page_size)
{
    uint64_t pages = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct opencps_task *task = &t->list[i];

        if (task->class == CLASS_SLOW) {
            int64_t rest = task->last_total - (int64_t)task->start;

            pages += rest > 0 ? ((uint64_t)rest + page_size - 1) / page_size : 1;
        }
    }
    return pages;
}

bool opencps_tasks_full_left(const struct opencps_tasks *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->list[i].full) {
            return true;
        }
    }
    return false;
}
