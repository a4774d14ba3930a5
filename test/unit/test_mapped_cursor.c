#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/mapped_cursor.h"

#define DAY INT64_C(86400)
#define NOW INT64_C(1763622000) /* 2025-11-20 14:00:00 in Viet Nam */
#define MIDNIGHT (NOW - 14 * 3600)

/* A cursor and the clock around it. */
struct rig {
    struct mapped_cursor c;
    struct mapped_ask ask;
    struct mapped_turn turn;
    struct errmsg msg;
    uint64_t now_ms;
    int64_t wall_s;
};

static struct rig start(struct mapped_cursor_settings s)
{
    struct rig r = {.now_ms = 1000000, .wall_s = NOW};

    s.size = s.size > 0 ? s.size : 10;
    s.poll_every_ms = 30000;
    s.sweep_every_ms = 300000;
    s.slow_sweep_every_ms = 3600000;
    s.full_sweep_at_s = -1;
    mapped_cursor_init(&r.c, &s);
    return r;
}

static void later(struct rig *r, int64_t s)
{
    r->now_ms += (uint64_t)s * 1000;
    r->wall_s += s;
}

static void ask(struct rig *r)
{
    mapped_cursor_ask(&r->c, r->now_ms, r->wall_s, &r->ask);
}

static void took(struct rig *r, struct mapped_facts facts)
{
    assert_int_equal(mapped_cursor_took(&r->c, &facts, &r->turn, &r->msg), 0);
    assert_true(strlen(r->c.text) < MAPPED_CURSOR_SIZE);
}

/* Another process with the text that was committed last. */
static void restart(struct rig *r)
{
    struct mapped_cursor_settings s = r->c.settings;
    char text[MAPPED_CURSOR_SIZE];

    snprintf(text, sizeof(text), "%s", r->c.text);
    mapped_cursor_init(&r->c, &s);
    mapped_cursor_load(&r->c, text);
}

static void since_reads_from_the_start_then_with_overlap(void **state)
{
    struct rig r = start((struct mapped_cursor_settings){.style = CURSOR_SINCE,
                                                         .overlap_s = 600,
                                                         .start_from_s = NOW - 10 * DAY,
                                                         .pages = true,
                                                         .bounded = true,
                                                         .has_changed = true,
                                                         .has_total = true});
    char idle[MAPPED_CURSOR_SIZE];

    (void)state;
    ask(&r);
    assert_int_equal(r.ask.since_s, NOW - 10 * DAY);
    assert_int_equal(r.ask.until_s, NOW + 1);
    assert_int_equal(r.ask.page, 0);
    assert_true(r.ask.first);
    took(&r, (struct mapped_facts){
                 .n_rows = 10, .newest_s = NOW - 7000, .has_total = true, .total = 13});
    assert_true(r.turn.more);
    assert_false(r.turn.full_done);
    restart(&r); /* a crash between pages: the second is asked for again */
    later(&r, 100);
    ask(&r);
    assert_int_equal(r.ask.page, 1);
    assert_int_equal(r.ask.offset, 10);
    assert_int_equal(r.ask.end, 20);
    assert_int_equal(r.ask.until_s, NOW + 1);
    took(&r, (struct mapped_facts){
                 .n_rows = 3, .newest_s = NOW - 5000, .has_total = true, .total = 13});
    assert_false(r.turn.more);
    assert_true(r.turn.full_done);
    snprintf(idle, sizeof(idle), "%s", r.c.text);
    later(&r, 30);
    ask(&r);
    assert_int_equal(r.ask.since_s, NOW - 5600);
    took(&r,
         (struct mapped_facts){.n_rows = 2, .newest_s = NOW - 5000, .has_total = true, .total = 2});
    assert_string_equal(r.c.text, idle); /* nothing new: nothing to store */
    assert_false(r.turn.more);
    later(&r, 30);
    ask(&r);
    took(&r, (struct mapped_facts){
                 .n_rows = 1, .newest_s = r.wall_s + 5000, .has_total = true, .total = 1});
    later(&r, 30);
    ask(&r);
    assert_int_equal(r.ask.since_s, r.wall_s - 30 - 600); /* a clock ahead of ours skips nothing */
}

static void rows_that_leave_between_two_pages_step_it_back(void **state)
{
    struct rig r = start((struct mapped_cursor_settings){
        .style = CURSOR_SINCE, .pages = true, .has_changed = true, .has_total = true});

    (void)state;
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 10, .has_total = true, .total = 25});
    ask(&r);
    assert_int_equal(r.ask.page, 1);
    took(&r, (struct mapped_facts){.n_rows = 10, .has_total = true, .total = 24});
    ask(&r);
    assert_int_equal(r.ask.page, 0);
    took(&r, (struct mapped_facts){.n_rows = 10, .has_total = true, .total = 24});
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 10, .has_total = true, .total = 24});
    ask(&r);
    assert_int_equal(r.ask.page, 2);
    took(&r, (struct mapped_facts){.n_rows = 4, .has_total = true, .total = 24});
    assert_true(r.turn.full_done);
}

static void without_a_count_an_empty_or_shorter_page_ends_it(void **state)
{
    struct rig r = start((struct mapped_cursor_settings){.style = CURSOR_SINCE, .pages = true});

    (void)state;
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 5}); /* perhaps the product's own limit */
    assert_true(r.turn.more);
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 5});
    assert_true(r.turn.more);
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 4});
    assert_false(r.turn.more);
    later(&r, 30);
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 5});
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 5, .same = true}); /* it does not page at all */
    assert_false(r.turn.more);
}

static void the_products_own_cursor_is_carried_on(void **state)
{
    struct rig r = start((struct mapped_cursor_settings){
        .style = CURSOR_SINCE, .pages = true, .has_changed = true, .has_next = true});
    char text[200];
    struct mapped_facts facts = {.n_rows = 10, .next = text};

    (void)state;
    ask(&r);
    assert_string_equal(r.ask.cursor, "");
    took(&r, (struct mapped_facts){.n_rows = 10, .next = "a;b,c%d e="});
    restart(&r);
    ask(&r);
    assert_string_equal(r.ask.cursor, "a;b,c%d e=");
    memset(text, 'x', sizeof(text));
    text[199] = '\0';
    assert_int_equal(mapped_cursor_took(&r.c, &facts, &r.turn, &r.msg), ERR_TOOBIG);
    took(&r, (struct mapped_facts){.n_rows = 0, .next = ""});
    assert_true(r.turn.full_done);
}

static void windows_go_from_the_start_to_now_and_are_swept(void **state)
{
    struct rig r = start((struct mapped_cursor_settings){.style = CURSOR_WINDOW,
                                                         .window_s = DAY,
                                                         .overlap_s = 5 * DAY,
                                                         .back_s = 2 * DAY,
                                                         .pages = true,
                                                         .has_total = true});
    const struct mapped_facts empty = {.has_total = true};
    int windows = 0;

    (void)state;
    ask(&r);
    assert_int_equal(r.ask.since_s, MIDNIGHT - 2 * DAY);
    assert_int_equal(r.ask.until_s, MIDNIGHT - DAY);
    took(&r, (struct mapped_facts){.n_rows = 10, .has_total = true, .total = 11});
    ask(&r);
    assert_int_equal(r.ask.page, 1);
    took(&r, (struct mapped_facts){.n_rows = 1, .has_total = true, .total = 11});
    restart(&r);
    ask(&r);
    assert_int_equal(r.ask.since_s, MIDNIGHT - DAY);
    assert_int_equal(r.ask.page, 0);
    took(&r, empty);
    ask(&r);
    assert_int_equal(r.ask.until_s, MIDNIGHT + DAY);
    took(&r, empty);
    assert_true(r.turn.full_done);
    assert_false(r.turn.more);
    later(&r, 30);
    ask(&r);
    assert_int_equal(r.ask.since_s, MIDNIGHT - 5 * DAY); /* the whole overlap */
    do {
        took(&r, empty);
        windows++;
        if (r.turn.more) {
            ask(&r);
        }
    } while (r.turn.more);
    assert_int_equal(windows, 6);
    later(&r, 30);
    ask(&r);
    assert_int_equal(r.ask.since_s, MIDNIGHT - DAY); /* the newest only */
    took(&r, empty);
    ask(&r);
    took(&r, empty);
    assert_false(r.turn.more);
    later(&r, 3600);
    ask(&r); /* a sweep is due; the head goes first */
    assert_true(r.c.sweep.on);
    assert_true(r.c.head.on);
}

static void a_head_is_walked_between_the_pages_of_a_sweep(void **state)
{
    struct rig r = start((struct mapped_cursor_settings){.style = CURSOR_SINCE,
                                                         .overlap_s = 60,
                                                         .back_s = DAY,
                                                         .pages = true,
                                                         .has_changed = true,
                                                         .has_last = true});

    (void)state;
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 1, .newest_s = NOW, .is_last = true});
    mapped_cursor_full(&r.c);
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 0, .is_last = true}); /* the head was due first */
    assert_true(r.turn.more);
    ask(&r);
    assert_int_equal(r.ask.since_s, NOW - DAY);
    took(&r, (struct mapped_facts){.n_rows = 10});
    ask(&r);
    assert_int_equal(r.ask.page, 1);
    took(&r, (struct mapped_facts){.n_rows = 10});
    later(&r, 31);
    restart(&r);
    ask(&r);
    assert_int_equal(r.ask.since_s, NOW - 60);
    assert_int_equal(r.ask.page, 0);
    took(&r, (struct mapped_facts){.n_rows = 1, .newest_s = NOW + 20, .is_last = true});
    assert_true(r.turn.more);
    assert_false(r.turn.full_done);
    ask(&r);
    assert_int_equal(r.ask.page, 2);
    took(&r, (struct mapped_facts){.n_rows = 10, .newest_s = NOW - 5, .is_last = true});
    assert_true(r.turn.full_done);
    assert_false(r.turn.more);
    later(&r, 30);
    ask(&r);
    assert_int_equal(r.ask.since_s, NOW + 20 - 60);
}

static void newest_first_stops_where_it_was_or_after_known_rows(void **state)
{
    struct rig r = start((struct mapped_cursor_settings){.style = CURSOR_NEWEST,
                                                         .overlap_s = 60,
                                                         .known = 20,
                                                         .start_from_s = NOW - DAY,
                                                         .pages = true,
                                                         .has_changed = true,
                                                         .has_last = true});

    (void)state;
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 10, .newest_s = NOW - 100, .last_s = NOW - 3600});
    assert_true(r.turn.more);
    ask(&r);
    assert_int_equal(r.ask.page, 1);
    took(&r, (struct mapped_facts){.n_rows = 10, .newest_s = NOW - 3600, .last_s = NOW - 2 * DAY});
    assert_true(r.turn.full_done); /* older than start_from */
    later(&r, 30);
    ask(&r);
    assert_int_equal(r.ask.page, 0);
    took(&r, (struct mapped_facts){.n_rows = 10, .newest_s = NOW + 10, .last_s = NOW - 90});
    assert_true(r.turn.more); /* still within the overlap */
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 10, .newest_s = NOW - 90, .last_s = NOW - 200});
    assert_false(r.turn.more);
    assert_int_equal(r.c.mark_s, NOW + 10);
    /* A product that does not sort by change: known rows end it. */
    later(&r, 30);
    ask(&r);
    took(&r, (struct mapped_facts){
                 .n_rows = 10, .newest_s = NOW + 10, .last_s = NOW + 9, .known_tail = 8});
    ask(&r);
    took(&r, (struct mapped_facts){
                 .n_rows = 10, .newest_s = NOW + 10, .last_s = NOW + 9, .known_tail = 10});
    assert_true(r.turn.more);
    ask(&r);
    took(&r, (struct mapped_facts){
                 .n_rows = 10, .newest_s = NOW + 10, .last_s = NOW + 9, .known_tail = 10});
    assert_false(r.turn.more);
}

static void a_queue_is_asked_until_it_is_empty(void **state)
{
    struct rig r = start((struct mapped_cursor_settings){.style = CURSOR_ACK});

    (void)state;
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 500});
    assert_true(r.turn.more);
    assert_string_equal(r.c.text, "");
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 500, .same = true}); /* not acknowledged */
    assert_false(r.turn.more);
    assert_false(r.turn.full_done);
    later(&r, 30);
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 0});
    assert_false(r.turn.more);
    assert_true(r.turn.full_done);
}

static void an_offset_goes_on_where_it_ended(void **state)
{
    struct rig r = start((struct mapped_cursor_settings){.style = CURSOR_OFFSET, .pages = true});

    (void)state;
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 10});
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 4});
    assert_true(r.turn.full_done);
    assert_int_equal(r.c.offset, 14);
    restart(&r);
    later(&r, 30);
    ask(&r);
    assert_int_equal(r.ask.offset, 10); /* whole pages only */
    took(&r, (struct mapped_facts){.n_rows = 6});
    ask(&r);
    assert_int_equal(r.ask.offset, 20);
    took(&r, (struct mapped_facts){.n_rows = 0});
    assert_int_equal(r.c.offset, 16);
    mapped_cursor_full(&r.c);
    later(&r, 1);
    ask(&r);
    assert_int_equal(r.ask.offset, 0);
}

static void everything_is_read_each_time_and_nothing_kept(void **state)
{
    struct rig r = start((struct mapped_cursor_settings){
        .style = CURSOR_FULL, .pages = true, .has_total = true, .first_page_is_1 = true});

    (void)state;
    ask(&r);
    assert_int_equal(r.ask.page, 1);
    took(&r, (struct mapped_facts){.n_rows = 10, .has_total = true, .total = 12});
    assert_string_equal(r.c.text, "");
    ask(&r);
    assert_int_equal(r.ask.page, 2);
    took(&r, (struct mapped_facts){.n_rows = 2, .has_total = true, .total = 12});
    assert_true(r.turn.full_done);
    assert_false(r.turn.more);
    ask(&r);
    assert_int_equal(r.ask.page, 1);
}

static void a_night_brings_a_sweep(void **state)
{
    struct rig r = start((struct mapped_cursor_settings){.style = CURSOR_SINCE,
                                                         .pages = true,
                                                         .has_changed = true,
                                                         .has_last = true,
                                                         .back_s = DAY});

    (void)state;
    r.c.settings.full_sweep_at_s = 5400;
    ask(&r);
    took(&r, (struct mapped_facts){.n_rows = 1, .newest_s = NOW, .is_last = true});
    later(&r, 11 * 3600); /* 01:00 */
    ask(&r);
    assert_false(r.c.sweep.on);
    took(&r, (struct mapped_facts){.is_last = true});
    later(&r, 3600);
    ask(&r);
    took(&r, (struct mapped_facts){.is_last = true});
    ask(&r);
    assert_int_equal(r.ask.since_s, r.wall_s - DAY);
    took(&r, (struct mapped_facts){.is_last = true});
    assert_true(r.turn.full_done);
    later(&r, 3600);
    ask(&r);
    assert_false(r.c.sweep.on);
}

static void a_text_that_is_not_ours_begins_anew(void **state)
{
    static const char *const texts[] = {
        "w;m12",
        "s;m",
        "s;m-4",
        "s;mx",
        "s;h1,2",
        "s;q1",
        "123",
        "s;m9223372036854775807",
        "s;w8000000000",
        "s;h1,2,9223372036854775807,0,0,1,1,",
        "s;o9223372036854775807",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct rig r = start((struct mapped_cursor_settings){.style = CURSOR_SINCE, .back_s = DAY});

        mapped_cursor_load(&r.c, texts[i]);
        ask(&r);
        assert_int_equal(r.ask.since_s, NOW - DAY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(since_reads_from_the_start_then_with_overlap),
        cmocka_unit_test(rows_that_leave_between_two_pages_step_it_back),
        cmocka_unit_test(without_a_count_an_empty_or_shorter_page_ends_it),
        cmocka_unit_test(the_products_own_cursor_is_carried_on),
        cmocka_unit_test(windows_go_from_the_start_to_now_and_are_swept),
        cmocka_unit_test(a_head_is_walked_between_the_pages_of_a_sweep),
        cmocka_unit_test(newest_first_stops_where_it_was_or_after_known_rows),
        cmocka_unit_test(a_queue_is_asked_until_it_is_empty),
        cmocka_unit_test(an_offset_goes_on_where_it_ended),
        cmocka_unit_test(everything_is_read_each_time_and_nothing_kept),
        cmocka_unit_test(a_night_brings_a_sweep),
        cmocka_unit_test(a_text_that_is_not_ours_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
