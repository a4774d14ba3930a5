#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fake_loop.h"

struct probe {
    struct loop_timer timer;
    struct loop_task task;
    struct loop_work work;
    struct fake_loop *f;
    struct probe *other;
    uint64_t at_ms;
    unsigned fired, ran, worked, done;
    uint64_t rearm_ms; /* UINT64_MAX: not again */
    bool stop_other, redefer, free_self;
};

static void fired(struct loop_timer *timer)
{
    struct probe *p = CONTAINER_OF(timer, struct probe, timer);

    assert_false(loop_timer_armed(timer));
    p->fired++;
    p->at_ms = p->f->now_ms;
    if (p->stop_other) {
        loop_timer_stop(&p->other->timer);
        loop_task_cancel(&p->other->task);
    }
    if (p->rearm_ms != UINT64_MAX) {
        loop_timer_start(&p->f->loop, timer, p->rearm_ms);
    }
    if (p->free_self) {
        free(p);
    }
}

static void ran(struct loop_task *task)
{
    struct probe *p = CONTAINER_OF(task, struct probe, task);

    p->ran++;
    if (p->stop_other) {
        loop_timer_stop(&p->other->timer);
        loop_task_cancel(&p->other->task);
    }
    if (p->redefer) {
        loop_defer(&p->f->loop, task);
    }
    if (p->free_self) {
        free(p);
    }
}

static void worked(struct loop_work *work)
{
    CONTAINER_OF(work, struct probe, work)->worked++;
}

static void work_done(struct loop_work *work)
{
    struct probe *p = CONTAINER_OF(work, struct probe, work);

    assert_int_equal(p->worked, p->done + 1);
    p->done++;
    if (p->redefer && p->done < 3) {
        assert_true(loop_work_start(&p->f->loop, work));
    }
}

static void probe_init(struct probe *p, struct fake_loop *f)
{
    memset(p, 0, sizeof(*p));
    p->f = f;
    p->rearm_ms = UINT64_MAX;
    p->work.run = worked;
    p->work.done = work_done;
    loop_timer_init(&p->timer, fired);
    loop_task_init(&p->task, ran);
}

static void a_timer_fires_once_at_its_time(void **state)
{
    struct fake_loop f;
    struct probe p;

    (void)state;
    fake_loop_init(&f);
    probe_init(&p, &f);
    assert_int_equal(loop_next_ms(&f.loop), UINT64_MAX);
    loop_timer_start(&f.loop, &p.timer, 50);
    assert_true(loop_timer_armed(&p.timer));
    assert_int_equal(loop_next_ms(&f.loop), 50);
    fake_loop_advance(&f, 49);
    assert_int_equal(p.fired, 0);
    fake_loop_advance(&f, 1000);
    assert_int_equal(p.fired, 1);
    assert_int_equal(p.at_ms, FAKE_LOOP_START_MS + 50);
    assert_int_equal(loop_now_ms(&f.loop), FAKE_LOOP_START_MS + 1049);
    assert_false(loop_timer_armed(&p.timer));
}

static void timers_fire_in_order_of_time_whatever_the_order_of_arming(void **state)
{
    struct probe probes[200];
    struct fake_loop f;

    (void)state;
    fake_loop_init(&f);
    for (size_t i = 0; i < 200; i++) {
        probe_init(&probes[i], &f);
    }
    for (size_t round = 0; round < 5; round++) {
        for (size_t i = 0; i < 200; i++) { /* armed anew over the earlier arming */
            loop_timer_start(&f.loop, &probes[i].timer, loop_random_below(&f.loop, 97));
        }
    }
    fake_loop_advance(&f, 100);
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(probes[i].fired, 1);
        assert_int_equal(probes[i].at_ms, probes[i].timer.due_ms);
    }
}

static char order[16]; /* letters of note_a and note_b as they fire */

static void note_a(struct loop_timer *timer)
{
    (void)timer;
    strcat(order, "a");
}

static void note_b(struct loop_timer *timer)
{
    (void)timer;
    strcat(order, "b");
}

static void equal_times_fire_in_order_of_arming(void **state)
{
    struct loop_timer a;
    struct loop_timer b;
    struct loop_timer late;
    struct fake_loop f;

    (void)state;
    fake_loop_init(&f);
    order[0] = '\0';
    loop_timer_init(&a, note_a);
    loop_timer_init(&b, note_b);
    loop_timer_init(&late, note_a);
    loop_timer_start(&f.loop, &late, 20);
    loop_timer_start(&f.loop, &b, 10);
    loop_timer_start(&f.loop, &a, 10);
    fake_loop_advance(&f, 30);
    assert_string_equal(order, "baa");
}

static void a_callback_may_stop_what_is_due_in_the_same_turn(void **state)
{
    struct fake_loop f;
    struct probe first;
    struct probe second;

    (void)state;
    fake_loop_init(&f);
    probe_init(&first, &f);
    probe_init(&second, &f);
    first.stop_other = true;
    first.other = &second;
    loop_timer_start(&f.loop, &first.timer, 5);
    loop_timer_start(&f.loop, &second.timer, 5);
    fake_loop_advance(&f, 10);
    assert_int_equal(first.fired, 1);
    assert_int_equal(second.fired, 0);
    loop_defer(&f.loop, &first.task);
    loop_defer(&f.loop, &second.task);
    loop_timer_start(&f.loop, &second.timer, 0);
    fake_loop_settle(&f);
    assert_int_equal(first.ran, 1);
    assert_int_equal(second.ran, 0);
    assert_int_equal(second.fired, 0);
}

static void a_callback_may_free_what_holds_it(void **state)
{
    struct fake_loop f;
    struct probe *p;

    (void)state;
    fake_loop_init(&f);
    p = malloc(sizeof(*p));
    assert_non_null(p);
    probe_init(p, &f);
    p->free_self = true;
    loop_timer_start(&f.loop, &p->timer, 1);
    fake_loop_advance(&f, 1);
    p = malloc(sizeof(*p));
    assert_non_null(p);
    probe_init(p, &f);
    p->free_self = true;
    loop_defer(&f.loop, &p->task);
    fake_loop_settle(&f);
    assert_int_equal(loop_next_ms(&f.loop), UINT64_MAX);
}

static void what_rearms_itself_at_once_gets_one_go_a_turn(void **state)
{
    struct fake_loop f;
    struct probe p;

    (void)state;
    fake_loop_init(&f);
    probe_init(&p, &f);
    p.rearm_ms = 0;
    p.redefer = true;
    loop_timer_start(&f.loop, &p.timer, 0);
    loop_defer(&f.loop, &p.task);
    for (unsigned turn = 1; turn <= 10; turn++) {
        loop_run_due(&f.loop);
        assert_int_equal(p.fired, turn);
        assert_int_equal(p.ran, turn);
    }
    assert_int_equal(loop_next_ms(&f.loop), 0);
}

static void a_task_deferred_twice_runs_once_and_never_at_once(void **state)
{
    struct fake_loop f;
    struct probe p;

    (void)state;
    fake_loop_init(&f);
    probe_init(&p, &f);
    loop_defer(&f.loop, &p.task);
    loop_defer(&f.loop, &p.task);
    assert_int_equal(p.ran, 0);
    assert_int_equal(loop_next_ms(&f.loop), 0);
    fake_loop_settle(&f);
    assert_int_equal(p.ran, 1);
    loop_defer(&f.loop, &p.task);
    loop_task_cancel(&p.task);
    loop_task_cancel(&p.task);
    fake_loop_settle(&f);
    assert_int_equal(p.ran, 1);
}

static void the_implementation_hears_of_an_earlier_time_only(void **state)
{
    struct fake_loop f;
    struct probe a;
    struct probe b;

    (void)state;
    fake_loop_init(&f);
    probe_init(&a, &f);
    probe_init(&b, &f);
    loop_timer_start(&f.loop, &a.timer, 100);
    assert_int_equal(f.wakes, 1);
    loop_timer_start(&f.loop, &b.timer, 200);
    assert_int_equal(f.wakes, 1);
    loop_timer_start(&f.loop, &b.timer, 50);
    assert_int_equal(f.wakes, 2);
    loop_timer_start(&f.loop, &b.timer, 300); /* the earliest went away */
    assert_int_equal(f.wakes, 3);
    loop_defer(&f.loop, &a.task);
    loop_defer(&f.loop, &b.task);
    assert_int_equal(f.wakes, 4);
    fake_loop_advance(&f, 300);
}

static void a_delay_beyond_all_time_is_never(void **state)
{
    struct fake_loop f;
    struct probe p;

    (void)state;
    fake_loop_init(&f);
    probe_init(&p, &f);
    loop_timer_start(&f.loop, &p.timer, UINT64_MAX);
    assert_int_equal(p.timer.due_ms, UINT64_MAX);
    fake_loop_advance(&f, UINT64_C(1000) * 60 * 60 * 24 * 365 * 100);
    assert_int_equal(p.fired, 0);
    loop_timer_stop(&p.timer);
}

static void random_numbers_stay_below_and_reach_all(void **state)
{
    unsigned seen[7] = {0};
    struct fake_loop f;

    (void)state;
    fake_loop_init(&f);
    assert_int_equal(loop_random_below(&f.loop, 0), 0);
    assert_int_equal(loop_random_below(&f.loop, 1), 0);
    for (unsigned i = 0; i < 7000; i++) {
        seen[loop_random_below(&f.loop, 7)]++;
    }
    for (unsigned i = 0; i < 7; i++) {
        assert_in_range(seen[i], 850, 1150);
    }
    for (unsigned i = 0; i < 100; i++) { /* half of all draws must be thrown away here */
        uint64_t below = (UINT64_C(1) << 63) + 1;

        assert_true(loop_random_below(&f.loop, below) < below);
    }
}

static void wall_seconds_round_down_before_1970_too(void **state)
{
    struct fake_loop f;

    (void)state;
    fake_loop_init(&f);
    f.wall_ms = 1999;
    assert_int_equal(loop_wall_s(&f.loop), 1);
    f.wall_ms = -1;
    assert_int_equal(loop_wall_s(&f.loop), -1);
    f.wall_ms = -1000;
    assert_int_equal(loop_wall_s(&f.loop), -1);
}

static void a_jump_of_the_wall_leaves_timers_alone(void **state)
{
    struct fake_loop f;
    struct probe p;

    (void)state;
    fake_loop_init(&f);
    probe_init(&p, &f);
    loop_timer_start(&f.loop, &p.timer, 10);
    fake_loop_jump_wall(&f, INT64_C(86400000));
    fake_loop_settle(&f);
    assert_int_equal(p.fired, 0);
    fake_loop_advance(&f, 10);
    assert_int_equal(p.fired, 1);
    assert_int_equal(loop_wall_ms(&f.loop), FAKE_LOOP_WALL_MS + 86400010);
}

static void work_runs_on_the_next_turn_then_is_done(void **state)
{
    struct fake_loop f;
    struct probe a;
    struct probe b;

    (void)state;
    fake_loop_init(&f);
    probe_init(&a, &f);
    probe_init(&b, &f);
    assert_true(loop_work_start(&f.loop, &a.work));
    assert_true(loop_work_start(&f.loop, &b.work));
    assert_int_equal(a.worked, 0);
    fake_loop_turn(&f);
    assert_int_equal(a.done, 1);
    assert_int_equal(b.done, 1);
    a.redefer = true;
    assert_true(loop_work_start(&f.loop, &a.work));
    fake_loop_turn(&f);
    assert_int_equal(a.done, 2);
    fake_loop_settle(&f);
    assert_int_equal(a.done, 3);
}

static void work_can_be_held_and_refused(void **state)
{
    struct fake_loop f;
    struct probe p;

    (void)state;
    fake_loop_init(&f);
    probe_init(&p, &f);
    f.refuse_work = true;
    assert_false(loop_work_start(&f.loop, &p.work));
    f.refuse_work = false;
    f.hold_work = true;
    assert_true(loop_work_start(&f.loop, &p.work));
    fake_loop_advance(&f, 1000);
    assert_int_equal(p.worked, 0);
    f.hold_work = false;
    fake_loop_settle(&f);
    assert_int_equal(p.done, 1);
}

static void lists_join_and_part(void **state)
{
    struct list a;
    struct list b;
    struct list nodes[4];

    (void)state;
    list_init(&a);
    list_init(&b);
    list_splice(&a, &b);
    assert_true(list_empty(&a));
    for (size_t i = 0; i < 4; i++) {
        list_init(&nodes[i]);
        list_push(i < 2 ? &a : &b, &nodes[i]);
    }
    list_splice(&a, &b);
    assert_true(list_empty(&b));
    list_remove(&nodes[1]);
    list_remove(&nodes[1]);
    assert_ptr_equal(list_shift(&a), &nodes[0]);
    assert_ptr_equal(list_shift(&a), &nodes[2]);
    assert_ptr_equal(list_shift(&a), &nodes[3]);
    assert_null(list_shift(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_fires_once_at_its_time),
        cmocka_unit_test(timers_fire_in_order_of_time_whatever_the_order_of_arming),
        cmocka_unit_test(equal_times_fire_in_order_of_arming),
        cmocka_unit_test(a_callback_may_stop_what_is_due_in_the_same_turn),
        cmocka_unit_test(a_callback_may_free_what_holds_it),
        cmocka_unit_test(what_rearms_itself_at_once_gets_one_go_a_turn),
        cmocka_unit_test(a_task_deferred_twice_runs_once_and_never_at_once),
        cmocka_unit_test(the_implementation_hears_of_an_earlier_time_only),
        cmocka_unit_test(a_delay_beyond_all_time_is_never),
        cmocka_unit_test(random_numbers_stay_below_and_reach_all),
        cmocka_unit_test(wall_seconds_round_down_before_1970_too),
        cmocka_unit_test(a_jump_of_the_wall_leaves_timers_alone),
        cmocka_unit_test(work_runs_on_the_next_turn_then_is_done),
        cmocka_unit_test(work_can_be_held_and_refused),
        cmocka_unit_test(lists_join_and_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
