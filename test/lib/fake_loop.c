#include "lib/fake_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define MAX_TURNS 1000000

static struct fake_loop *fake(struct loop *loop)
{
    return CONTAINER_OF(loop, struct fake_loop, loop);
}

static uint64_t now_ms(struct loop *loop)
{
    return fake(loop)->now_ms;
}

static int64_t wall_ms(struct loop *loop)
{
    return fake(loop)->wall_ms;
}

/* splitmix64: good enough bits from any seed, the same ones every run. */
static uint64_t random_bits(struct loop *loop)
{
    struct fake_loop *f = fake(loop);
    uint64_t z;

    f->seed += UINT64_C(0x9E3779B97F4A7C15);
    z = f->seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static void wake_at(struct loop *loop)
{
    fake(loop)->wakes++;
}

static bool work(struct loop *loop, struct loop_work *item)
{
    struct fake_loop *f = fake(loop);

    if (f->refuse_work) {
        return false;
    }
    item->impl = NULL;
    if (f->work_last != NULL) {
        f->work_last->impl = item;
    } else {
        f->work_first = item;
    }
    f->work_last = item;
    return true;
}

static int watch_folder(struct loop *loop, struct loop_watch *watch, const char *path)
{
    struct fake_loop *f = fake(loop);

    for (size_t i = 0; i < FAKE_LOOP_WATCHES; i++) {
        if (f->watches[i] == NULL) {
            f->watches[i] = watch;
            (void)snprintf(f->watched[i], sizeof(f->watched[i]), "%s", path);
            watch->impl = &f->watches[i];
            return 0;
        }
    }
    return ERR_UNSUPPORTED;
}

static void unwatch_folder(struct loop *loop, struct loop_watch *watch)
{
    struct loop_watch **place = watch->impl;

    (void)loop;
    *place = NULL;
}

static const struct loop_ops ops = {
    .now_ms = now_ms,
    .wall_ms = wall_ms,
    .random = random_bits,
    .wake_at = wake_at,
    .work = work,
    .watch = watch_folder,
    .unwatch = unwatch_folder,
};

void fake_loop_init(struct fake_loop *f)
{
    memset(f, 0, sizeof(*f));
    loop_init(&f->loop, &ops);
    f->now_ms = FAKE_LOOP_START_MS;
    f->wall_ms = FAKE_LOOP_WALL_MS;
    f->seed = 1;
}

void fake_loop_turn(struct fake_loop *f)
{
    struct loop_work *item = NULL;

    if (!f->hold_work) {
        item = f->work_first;
        f->work_first = NULL;
        f->work_last = NULL;
    }
    loop_run_due(&f->loop);
    while (item != NULL) {
        struct loop_work *next = item->impl;

        item->run(item);
        item->done(item); /* may have freed item */
        item = next;
    }
}

void fake_loop_changed(struct fake_loop *f, const char *path)
{
    for (size_t i = 0; i < FAKE_LOOP_WATCHES; i++) {
        if (f->watches[i] != NULL && strcmp(f->watched[i], path) == 0) {
            f->watches[i]->changed(f->watches[i]);
        }
    }
}

bool fake_loop_idle(struct fake_loop *f)
{
    return loop_next_ms(&f->loop) > 0 && (f->work_first == NULL || f->hold_work);
}

void fake_loop_settle(struct fake_loop *f)
{
    for (unsigned turns = 0; !fake_loop_idle(f); turns++) {
        if (turns == MAX_TURNS) {
            fputs("fake_loop: never settles, something re-arms itself at once\n", stderr);
            abort();
        }
        fake_loop_turn(f);
    }
}

static void move_clocks(struct fake_loop *f, uint64_t ms)
{
    f->now_ms += ms;
    f->wall_ms += (int64_t)ms;
}

void fake_loop_advance(struct fake_loop *f, uint64_t ms)
{
    uint64_t end_ms = f->now_ms + ms;

    fake_loop_settle(f);
    for (;;) {
        uint64_t next_ms = loop_next_ms(&f->loop);

        if (next_ms > end_ms - f->now_ms) {
            break;
        }
        move_clocks(f, next_ms);
        fake_loop_settle(f);
    }
    move_clocks(f, end_ms - f->now_ms);
}

void fake_loop_jump_wall(struct fake_loop *f, int64_t ms)
{
    f->wall_ms += ms;
}
