#include "daemon/loop_uv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

struct fixture {
    uv_loop_t uv;
    struct loop_uv *loop_uv;
    struct loop *loop;
    struct loop_timer timer;
    struct loop_task task;
    struct loop_work work;
    uv_timer_t io; /* stands for other handles of the loop */
    unsigned fired;
    unsigned ran;
    unsigned io_fired;
    unsigned lags;
    double worst_lag_s;
    uint64_t fired_ms;
    bool work_ran;
    bool work_done;
};

static void on_timer(struct loop_timer *timer)
{
    struct fixture *f = CONTAINER_OF(timer, struct fixture, timer);

    f->fired++;
    f->fired_ms = loop_now_ms(f->loop);
}

static void on_timer_again(struct loop_timer *timer)
{
    struct fixture *f = CONTAINER_OF(timer, struct fixture, timer);

    f->fired++;
    if (f->io_fired == 0) {
        loop_timer_start(f->loop, timer, 0);
    }
}

static void on_task(struct loop_task *task)
{
    CONTAINER_OF(task, struct fixture, task)->ran++;
}

static void on_task_again(struct loop_task *task)
{
    struct fixture *f = CONTAINER_OF(task, struct fixture, task);

    f->ran++;
    if (f->io_fired == 0) {
        loop_defer(f->loop, task);
    }
}

static void on_io(uv_timer_t *io)
{
    ((struct fixture *)io->data)->io_fired++;
    uv_close((uv_handle_t *)io, NULL);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_int_equal(uv_loop_init(&f->uv), 0);
    assert_int_equal(loop_uv_open(&f->uv, &f->loop_uv), 0);
    f->loop = loop_uv_loop(f->loop_uv);
    loop_timer_init(&f->timer, on_timer);
    loop_task_init(&f->task, on_task);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    loop_uv_close(f->loop_uv);
    uv_run(&f->uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->uv), 0);
    free(f);
    return 0;
}

static void start_io(struct fixture *f, uint64_t delay_ms)
{
    uv_timer_init(&f->uv, &f->io);
    f->io.data = f;
    uv_timer_start(&f->io, on_io, delay_ms, 0);
}

static void an_idle_loop_ends_by_itself(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(uv_run(&f->uv, UV_RUN_DEFAULT), 0);
}

static void a_timer_fires_once_and_not_early(void **state)
{
    struct fixture *f = *state;
    uint64_t start_ms;

    usleep(20000); /* libuv's cached time is old now */
    start_ms = loop_now_ms(f->loop);
    loop_timer_start(f->loop, &f->timer, 30);
    uv_run(&f->uv, UV_RUN_DEFAULT);
    assert_int_equal(f->fired, 1);
    assert_true(f->fired_ms >= start_ms + 30);
    assert_true(f->fired_ms < start_ms + 1000);
}

static void a_stopped_timer_does_not_fire(void **state)
{
    struct fixture *f = *state;

    loop_timer_start(f->loop, &f->timer, 20);
    loop_timer_stop(&f->timer);
    uv_run(&f->uv, UV_RUN_DEFAULT);
    assert_int_equal(f->fired, 0);
}

static void an_earlier_timer_wakes_earlier(void **state)
{
    struct fixture *f = *state;
    struct loop_timer late;
    uint64_t start_ms = loop_now_ms(f->loop);

    loop_timer_init(&late, on_timer);
    loop_timer_start(f->loop, &late, 60000);
    loop_timer_start(f->loop, &f->timer, 10);
    while (f->fired == 0) {
        uv_run(&f->uv, UV_RUN_ONCE);
    }
    assert_true(f->fired_ms < start_ms + 5000);
    loop_timer_stop(&late);
}

static void a_deferred_call_never_runs_inside_the_caller(void **state)
{
    struct fixture *f = *state;

    loop_defer(f->loop, &f->task);
    loop_defer(f->loop, &f->task);
    assert_int_equal(f->ran, 0);
    uv_run(&f->uv, UV_RUN_NOWAIT);
    assert_int_equal(f->ran, 1);
    uv_run(&f->uv, UV_RUN_DEFAULT);
    assert_int_equal(f->ran, 1);
}

static void a_cancelled_call_leaves_the_loop_quiet(void **state)
{
    struct fixture *f = *state;

    loop_defer(f->loop, &f->task);
    loop_task_cancel(&f->task);
    assert_int_equal(uv_run(&f->uv, UV_RUN_DEFAULT), 0); /* would never end while spinning */
    assert_int_equal(f->ran, 0);
}

static void calls_and_timers_that_repeat_do_not_starve_others(void **state)
{
    struct fixture *f = *state;

    start_io(f, 20);
    loop_timer_init(&f->timer, on_timer_again);
    loop_task_init(&f->task, on_task_again);
    loop_timer_start(f->loop, &f->timer, 0);
    loop_defer(f->loop, &f->task);
    uv_run(&f->uv, UV_RUN_DEFAULT);
    assert_int_equal(f->io_fired, 1);
    assert_true(f->fired > 1);
    assert_true(f->ran > 1);
}

static void observe(void *ctx, double seconds)
{
    struct fixture *f = ctx;

    f->lags++;
    f->worst_lag_s = seconds > f->worst_lag_s ? seconds : f->worst_lag_s;
}

static void on_io_blocking(uv_timer_t *io)
{
    usleep(80000);
    on_io(io);
}

static void a_blocked_loop_shows_as_lag(void **state)
{
    struct fixture *f = *state;

    loop_uv_watch_lag(f->loop_uv, observe, f);
    loop_timer_start(f->loop, &f->timer, 30);
    uv_timer_init(&f->uv, &f->io);
    f->io.data = f;
    uv_timer_start(&f->io, on_io_blocking, 10, 0);
    uv_run(&f->uv, UV_RUN_DEFAULT);
    assert_int_equal(f->fired, 1);
    assert_int_equal(f->lags, 1);
    assert_true(f->worst_lag_s >= 0.05);
    loop_uv_watch_lag(f->loop_uv, NULL, NULL);
}

static void work_run(struct loop_work *work)
{
    usleep(20000);
    CONTAINER_OF(work, struct fixture, work)->work_ran = true;
}

static void work_done(struct loop_work *work)
{
    struct fixture *f = CONTAINER_OF(work, struct fixture, work);

    assert_true(f->work_ran);
    f->work_done = true;
}

static void work_runs_elsewhere_and_ends_on_the_loop(void **state)
{
    struct fixture *f = *state;

    f->work = (struct loop_work){.run = work_run, .done = work_done};
    assert_true(loop_work_start(f->loop, &f->work));
    assert_false(f->work_done);
    uv_run(&f->uv, UV_RUN_DEFAULT);
    assert_true(f->work_done);
}

static void closing_waits_for_work(void **state)
{
    struct fixture *f = *state;

    f->work = (struct loop_work){.run = work_run, .done = work_done};
    assert_true(loop_work_start(f->loop, &f->work));
    teardown(state);
    (void)f; /* freed: work_done has been called in it, or the sanitizer would tell */
    *state = NULL;
}

static void wall_time_is_unix_time(void **state)
{
    struct fixture *f = *state;
    int64_t wall_s = loop_wall_s(f->loop);

    assert_true(llabs(wall_s - (int64_t)time(NULL)) <= 1);
    assert_true(loop_wall_ms(f->loop) / 1000 - wall_s <= 1);
}

static void two_loops_draw_different_numbers(void **state)
{
    struct fixture *f = *state;
    struct loop_uv *other;
    unsigned equal = 0;
    uint64_t ones = 0;

    assert_int_equal(loop_uv_open(&f->uv, &other), 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t a = loop_random(f->loop);

        equal += a == loop_random(loop_uv_loop(other));
        ones += (uint64_t)__builtin_popcountll(a);
    }
    assert_int_equal(equal, 0);
    assert_in_range(ones, 31000, 33000);
    loop_uv_close(other);
}

struct watcher {
    struct loop_watch watch;
    unsigned changes;
};

static void on_change(struct loop_watch *watch)
{
    CONTAINER_OF(watch, struct watcher, watch)->changes++;
}

static void a_watched_folder_tells_of_changes_until_it_is_stopped(void **state)
{
    struct fixture *f = *state;
    struct watcher w = {.watch.changed = on_change};
    char folder[] = "/tmp/test_loop_uv.XXXXXX";
    char path[64];

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/a", folder);
    assert_int_equal(loop_watch_start(f->loop, &w.watch, "/tmp/no/such/folder"), ERR_NOTFOUND);
    assert_null(w.watch.impl);
    assert_int_equal(loop_watch_start(f->loop, &w.watch, folder), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    for (int i = 0; i < 200 && w.changes == 0; i++) {
        uv_run(&f->uv, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_true(w.changes > 0);
    loop_watch_stop(f->loop, &w.watch);
    loop_watch_stop(f->loop, &w.watch); /* harmless */
    w.changes = 0;
    assert_int_equal(rmdir(path), 0);
    for (int i = 0; i < 5; i++) {
        uv_run(&f->uv, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(w.changes, 0);
    assert_int_equal(rmdir(folder), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_idle_loop_ends_by_itself),
        TEST(a_timer_fires_once_and_not_early),
        TEST(a_stopped_timer_does_not_fire),
        TEST(an_earlier_timer_wakes_earlier),
        TEST(a_deferred_call_never_runs_inside_the_caller),
        TEST(a_cancelled_call_leaves_the_loop_quiet),
        TEST(calls_and_timers_that_repeat_do_not_starve_others),
        TEST(a_blocked_loop_shows_as_lag),
        TEST(work_runs_elsewhere_and_ends_on_the_loop),
        cmocka_unit_test_setup(closing_waits_for_work, setup),
        TEST(a_watched_folder_tells_of_changes_until_it_is_stopped),
        TEST(wall_time_is_unix_time),
        TEST(two_loops_draw_different_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
