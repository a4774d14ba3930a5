#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/worker.h"
#include "lib/fault_vfs.h"
#include "lib/journal_fixture.h"

static void open_with_faults(struct fixture *f, struct fault_vfs *v)
{
    fault_vfs_install(v);
    fixture_open(f);
}

static void end_with_faults(struct fixture *f, struct fault_vfs *v)
{
    fixture_end(f);
    fault_vfs_remove(v);
}

/* ---- group commit ---- */

struct noted {
    struct journal_fact fact;
    char *order;
};

static void note_order(struct journal_op *op)
{
    struct noted *n = CONTAINER_OF(op, struct noted, fact.op);

    (void)strcat(n->order, n->fact.name);
}

static void start_fact(struct fixture *f, struct noted *n, char *order, char name)
{
    memset(n, 0xA5, sizeof(*n));
    n->order = order;
    (void)snprintf(n->fact.name, sizeof(n->fact.name), "%c", name);
    (void)snprintf(n->fact.value, sizeof(n->fact.value), "x");
    n->fact.op.done = note_order;
    journal_fact_set(f->journal, &n->fact);
}

static void what_queues_up_becomes_the_next_batch_in_order(void **state)
{
    struct fixture f;
    struct noted n[6];
    struct journal_numbers before;
    struct journal_numbers after;
    char order[16] = "";

    (void)state;
    fixture_open(&f);
    journal_numbers(f.journal, &before);
    f.loop.hold_work = true;
    start_fact(&f, &n[0], order, 'a');
    start_fact(&f, &n[1], order, 'b');
    fake_loop_settle(&f.loop); /* these two are with the worker now */
    for (int i = 2; i < 6; i++) {
        start_fact(&f, &n[i], order, (char)('a' + i));
    }
    fake_loop_settle(&f.loop);
    assert_string_equal(order, "");
    journal_numbers(f.journal, &after);
    assert_int_equal(after.waiting_ops, 6);
    fake_loop_advance(&f.loop, 700);
    assert_int_equal(journal_worker_age_ms(f.journal), 700);
    f.loop.hold_work = false;
    fake_loop_settle(&f.loop);
    assert_string_equal(order, "abcdef");
    journal_numbers(f.journal, &after);
    assert_int_equal(after.batches - before.batches, 2);
    assert_int_equal(after.ops - before.ops, 6);
    assert_int_equal(after.waiting_ops, 0);
    assert_int_equal(journal_worker_age_ms(f.journal), 0);
    assert_true(journal_commit_ms(f.journal) > 0);
    fixture_end(&f);
}

static void start_facts(struct fixture *f, struct noted *n, char *order)
{
    for (int i = 0; i < 16; i++) {
        start_fact(f, &n[i], order, (char)('a' + i));
    }
    fake_loop_settle(&f->loop);
}

static void start_page(struct fixture *f, struct journal_append *a, const char *code)
{
    const struct fixture_record r = {.code = code, .content = "a", .status = 2};

    journal_append_init(a, f->flow);
    a->now_ms = fixture_wall_ms(f);
    a->patient = true;
    fixture_add(a, &r);
    fixture_expect(f, &a->op);
    journal_append(f->journal, a);
}

/* Once by itself behind few ops, once behind many, where it waits for company. */
static void what_nobody_waits_for_gathers_while_much_is_done(void **state)
{
    struct fixture f;
    struct journal_append pages[4];
    struct noted n[17];
    char order[40] = "";

    (void)state;
    fixture_open(&f);
    start_page(&f, &pages[0], "A");
    fake_loop_settle(&f.loop);
    assert_true(fixture_ended(&pages[0].op));
    start_facts(&f, n, order);
    start_page(&f, &pages[1], "B");
    fake_loop_advance(&f.loop, 19);
    assert_false(fixture_ended(&pages[1].op));
    start_page(&f, &pages[2], "C");
    fake_loop_advance(&f.loop, 1);
    assert_true(fixture_ended(&pages[1].op) && fixture_ended(&pages[2].op));
    start_facts(&f, n, order);
    start_page(&f, &pages[3], "D");
    fake_loop_settle(&f.loop);
    assert_false(fixture_ended(&pages[3].op));
    start_fact(&f, &n[16], order, 'z'); /* waited for */
    fake_loop_settle(&f.loop);
    assert_true(fixture_ended(&pages[3].op));
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(fixture_wait_ended(&pages[i].op), 0);
        journal_append_free(&pages[i]);
    }
    fixture_end(&f);
}

static void a_full_window_and_a_close_end_the_gathering(void **state)
{
    struct fixture f;
    struct journal_append pages[2];
    struct noted n[16];
    char order[40] = "";

    (void)state;
    fixture_open(&f);
    start_facts(&f, n, order);
    start_page(&f, &pages[0], "A");
    fake_loop_settle(&f.loop);
    assert_false(fixture_ended(&pages[0].op));
    fixture_close_journal(&f);
    assert_int_equal(fixture_wait_ended(&pages[0].op), 0);
    f.options.window_bytes = 10;
    fixture_restart(&f);
    start_facts(&f, n, order);
    start_page(&f, &pages[1], "B");
    fake_loop_settle(&f.loop);
    assert_int_equal(fixture_wait_ended(&pages[1].op), 0);
    for (size_t i = 0; i < 2; i++) {
        journal_append_free(&pages[i]);
    }
    fixture_end(&f);
}

static void later_requests_of_a_batch_see_the_earlier_ones(void **state)
{
    struct fixture f;
    struct journal_append a;
    struct journal_claim c;

    (void)state;
    fixture_open(&f);
    fixture_start_snapshot(&f, &a, "A", "a");
    fixture_claim_init(&f, &c);
    fixture_expect(&f, &c.op);
    journal_claim(f.journal, &c);
    assert_int_equal(fixture_wait(&f, &c.op), 0);
    fixture_end_snapshot(&a, 0);
    assert_int_equal(c.n, 1);
    assert_int_equal(fixture_end_call(&f,
                                      CONTAINER_OF(list_shift(&c.calls), struct journal_call, link),
                                      ITEM_DONE),
                     ITEM_DONE);
    fixture_end(&f);
}

static void the_window_closes_while_too_much_is_uncommitted(void **state)
{
    struct fixture f;
    struct journal_append a[3];
    struct journal_numbers n;

    (void)state;
    fixture_open(&f);
    fixture_close_journal(&f);
    f.options.window_bytes = 400;
    fixture_restart(&f);
    assert_false(journal_window_full(f.journal));
    f.loop.hold_work = true;
    for (int i = 0; i < 3; i++) {
        fixture_start_snapshot(&f, &a[i], "A", "a");
    }
    assert_true(journal_window_full(f.journal));
    f.loop.hold_work = false;
    assert_int_equal(f.changes, 0);
    fake_loop_settle(&f.loop);
    assert_false(journal_window_full(f.journal));
    assert_int_equal(f.changes, 1); /* told that it is open again */
    journal_numbers(f.journal, &n);
    assert_int_equal(n.uncommitted_bytes, 0);
    for (int i = 0; i < 3; i++) {
        fixture_end_snapshot(&a[i], 0);
    }
    fixture_end(&f);
}

/* ---- faults ---- */

static void a_full_disk_delays_and_loses_nothing(void **state)
{
    struct fixture f;
    struct fault_vfs v;
    struct journal_append a;
    struct journal_append b;

    (void)state;
    open_with_faults(&f, &v);
    (void)fixture_snapshot(&f, "A", "a", 2);
    v.write_code = SQLITE_FULL;
    fixture_start_snapshot(&f, &a, "A", "b");
    fake_loop_settle(&f.loop);
    fixture_start_snapshot(&f, &b, "B", "a");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(journal_condition(f.journal), JOURNAL_FULL);
        assert_string_not_equal(journal_condition_text(f.journal), "");
        assert_true(journal_window_full(f.journal));
        assert_false(fixture_ended(&a.op) ||
                     fixture_ended(&b.op)); /* no request ever fails of it */
        fake_loop_advance(&f.loop, 1000);
    }
    assert_int_equal(f.changes, 1);
    v.write_code = SQLITE_OK;
    fake_loop_advance(&f.loop, 1000);
    assert_int_equal(journal_condition(f.journal), JOURNAL_OK);
    assert_string_equal(journal_condition_text(f.journal), "");
    assert_int_equal(f.changes, 2);
    assert_int_equal(a.stored, 1); /* counted once, however often it was tried */
    assert_int_equal(a.replaced, 1);
    fixture_end_snapshot(&a, 0);
    fixture_end_snapshot(&b, 0);
    assert_string_equal(fixture_states(&f, "A"), "SP");
    assert_string_equal(fixture_states(&f, "B"), "P");
    end_with_faults(&f, &v);
}

/* A stop does not wait for room: what was not stored is given back, and nothing of it is there. */
static void who_gives_up_gets_back_what_the_disk_refuses(void **state)
{
    struct fixture f;
    struct fault_vfs v;
    struct journal_append a;
    struct journal_append late;

    (void)state;
    open_with_faults(&f, &v);
    v.write_code = SQLITE_FULL;
    fixture_start_snapshot(&f, &a, "A", "a");
    fake_loop_advance(&f.loop, 5000);
    assert_int_equal(journal_condition(f.journal), JOURNAL_FULL);
    journal_give_up(f.journal);
    assert_false(fixture_ended(&a.op)); /* never from inside the call */
    fake_loop_settle(&f.loop);
    fixture_end_snapshot(&a, ERR_CANCELED);
    fixture_start_snapshot(&f, &late, "B", "b"); /* refused at once, not after a delay */
    fake_loop_settle(&f.loop);
    fixture_end_snapshot(&late, ERR_CANCELED);
    v.write_code = SQLITE_OK;
    (void)fixture_snapshot(&f, "C", "c", 2);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM item"), 1);
    end_with_faults(&f, &v);
}

/* A poller has several pages on their way, each with its cursor. */
static void nothing_is_stored_behind_what_was_given_up(void **state)
{
    struct fixture f;
    struct fault_vfs v;
    struct journal_append page;
    struct journal_append next;

    (void)state;
    open_with_faults(&f, &v);
    v.sync_code = SQLITE_IOERR_FSYNC;
    v.failing_syncs = 1;
    f.loop.hold_work = true;
    fixture_start_snapshot(&f, &page, "A", "a");
    fake_loop_turn(&f.loop);
    fixture_start_snapshot(&f, &next, "B", "b");
    fake_loop_turn(&f.loop);
    journal_give_up(f.journal);
    f.loop.hold_work = false;
    fake_loop_settle(&f.loop);
    fixture_end_snapshot(&page, ERR_CANCELED);
    fixture_end_snapshot(&next, ERR_CANCELED);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM item"), 0);
    end_with_faults(&f, &v);
}

/* A commit that failed must not be found again and taken for done: its calls would belong to
 * nobody. */
static void a_claim_that_was_rolled_back_gives_each_call_once(void **state)
{
    (void)state;
    for (int synced = 0; synced < 2; synced++) {
        struct fixture f;
        struct fault_vfs v;
        struct journal_claim c;
        struct journal_call *call;

        open_with_faults(&f, &v);
        (void)fixture_snapshot(&f, "A", "a", 2);
        v.write_code = synced ? SQLITE_FULL : SQLITE_OK;
        v.failing_syncs = synced ? 0 : 3;
        fixture_claim_init(&f, &c);
        fixture_expect(&f, &c.op);
        journal_claim(f.journal, &c);
        fake_loop_advance(&f.loop, 1500);
        assert_false(fixture_ended(&c.op));
        assert_string_equal(fixture_states(&f, "A"), "P");
        v.write_code = SQLITE_OK;
        fake_loop_advance(&f.loop, 3000);
        assert_int_equal(fixture_wait_ended(&c.op), 0);
        assert_int_equal(c.n, 1);
        call = CONTAINER_OF(list_shift(&c.calls), struct journal_call, link);
        assert_true(list_empty(&c.calls));
        (void)fixture_end_call(&f, call, ITEM_DONE);
        assert_int_equal(fixture_number(&f, "SELECT count(*) FROM attempt"), 1);
        end_with_faults(&f, &v);
    }
}

static void after_a_failed_sync_the_file_is_opened_again(void **state)
{
    struct fixture f;
    struct fault_vfs v;
    struct journal_append a;

    (void)state;
    open_with_faults(&f, &v);
    (void)fixture_snapshot(&f, "A", "a", 2);
    v.failing_syncs = 3;
    fixture_start_snapshot(&f, &a, "A", "b");
    fake_loop_settle(&f.loop);
    assert_int_equal(journal_condition(f.journal), JOURNAL_FAULT);
    assert_non_null(strstr(journal_condition_text(f.journal), "1034")); /* SQLITE_IOERR_FSYNC */
    assert_false(fixture_ended(&a.op));
    fake_loop_advance(&f.loop, 10000);
    assert_int_equal(journal_condition(f.journal), JOURNAL_OK);
    assert_int_equal(v.failing_syncs, 0); /* nothing counts as stored that was not synced */
    assert_int_equal(a.stored, 1);
    fixture_end_snapshot(&a, 0);
    assert_string_equal(fixture_states(&f, "A"), "SP");
    assert_int_equal(fixture_deliver_all(&f), 1); /* sums and statements are whole again */
    end_with_faults(&f, &v);
}

static void what_was_in_flight_stays_so_when_the_file_is_opened_again(void **state)
{
    struct fixture f;
    struct fault_vfs v;
    struct journal_call *call;
    struct journal_finish finish;

    (void)state;
    open_with_faults(&f, &v);
    (void)fixture_snapshot(&f, "A", "a", 2);
    call = fixture_claim_one(&f);
    v.failing_syncs = 1;
    fixture_decide(&f, &finish, call, ITEM_DONE);
    fixture_expect(&f, &finish.op);
    journal_finish(f.journal, &finish);
    fake_loop_advance(&f.loop, 5000);
    assert_int_equal(fixture_wait_ended(&finish.op), 0);
    assert_int_equal(finish.became, ITEM_DONE);
    journal_call_free(call);
    assert_string_equal(fixture_states(&f, "A"), "D");
    end_with_faults(&f, &v);
}

static void a_journal_that_is_gone_is_not_made_anew(void **state)
{
    struct fixture f;
    struct fault_vfs v;
    struct journal_append a;

    (void)state;
    open_with_faults(&f, &v);
    v.failing_syncs = 1;
    fixture_start_snapshot(&f, &a, "A", "a");
    fake_loop_settle(&f.loop);
    assert_int_equal(unlink(f.path), 0);
    fake_loop_advance(&f.loop, 5000);
    assert_int_equal(journal_condition(f.journal), JOURNAL_FAULT);
    assert_non_null(strstr(journal_condition_text(f.journal), "gone"));
    assert_int_not_equal(access(f.path, F_OK), 0);
    fixture_close_journal(&f);
    fixture_end_snapshot(&a, ERR_CANCELED);
    end_with_faults(&f, &v);
}

static void a_nearly_full_disk_is_a_condition_too(void **state)
{
    struct fixture f;
    struct journal_numbers n;
    struct errmsg msg = {""};

    (void)state;
    fixture_open(&f);
    fixture_close_journal(&f);
    f.options.low_water_bytes = UINT64_C(1) << 60;
    assert_int_equal(fixture_try_open(&f, &msg), 0);
    assert_int_equal(journal_condition(f.journal), JOURNAL_FULL);
    assert_true(journal_window_full(f.journal));
    assert_int_equal(fixture_snapshot(&f, "A", "a", 2).stored, 1); /* what was taken in is stored */
    assert_int_equal(journal_condition(f.journal), JOURNAL_FULL);
    journal_numbers(f.journal, &n);
    assert_true(n.free_bytes > 0);
    assert_true(loop_next_ms(&f.loop.loop) <= 1000); /* it looks again by itself */
    fixture_end(&f);
}

static void without_memory_for_the_worker_it_tries_again(void **state)
{
    struct fixture f;
    struct journal_append a;

    (void)state;
    fixture_open(&f);
    f.loop.refuse_work = true;
    fixture_start_snapshot(&f, &a, "A", "a");
    fake_loop_advance(&f.loop, 2500);
    assert_false(fixture_ended(&a.op));
    f.loop.refuse_work = false;
    fake_loop_advance(&f.loop, 1000);
    fixture_end_snapshot(&a, 0);
    fixture_end(&f);
}

/* ---- what SQLite does beside the work ---- */

#define ROWS 50

/* Each of its statements would take its locks by itself. */
static void what_reads_takes_its_locks_once(void **state)
{
    static struct journal_compare compare;
    static const char *ids[ROWS];
    static const uint8_t hashes[ROWS][RECORD_HASH_BYTES];
    struct fixture f;
    struct fault_vfs v;

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        ids[i] = "17";
    }
    open_with_faults(&f, &v);
    (void)fixture_snapshot(&f, "A", "a", 2);
    compare.source = "onestop";
    compare.ids = ids;
    compare.hashes = hashes;
    compare.n = ROWS;
    v.locks = 0;
    assert_int_equal(FIXTURE_RUN(&f, journal_compare, &compare), 0);
    assert_true(compare.changed[ROWS - 1]);
    assert_true(v.locks <= 2);
    end_with_faults(&f, &v);
}

/* A value that decides whether an index fits would have the statement prepared at every use. */
static void no_statement_is_prepared_again(void **state)
{
    struct fixture f;
    sqlite3_stmt *stmt = NULL;
    size_t used = 0;

    (void)state;
    fixture_open(&f);
    while ((stmt = sqlite3_next_stmt(f.journal->db->sqlite, stmt)) != NULL) {
        (void)sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_REPREPARE, 1); /* of making the tables */
    }
    for (int i = 0; i < 3; i++) {
        char code[8];

        (void)snprintf(code, sizeof(code), "H%d", i);
        (void)fixture_snapshot(&f, code, "a", 2);
        (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
    }
    while ((stmt = sqlite3_next_stmt(f.journal->db->sqlite, stmt)) != NULL) {
        used += sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_RUN, 0) > 1;
        if (sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_REPREPARE, 0) > 0) {
            fail_msg("prepared again: %s", sqlite3_sql(stmt));
        }
    }
    assert_true(used > 10);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_queues_up_becomes_the_next_batch_in_order),
        cmocka_unit_test(what_nobody_waits_for_gathers_while_much_is_done),
        cmocka_unit_test(a_full_window_and_a_close_end_the_gathering),
        cmocka_unit_test(later_requests_of_a_batch_see_the_earlier_ones),
        cmocka_unit_test(the_window_closes_while_too_much_is_uncommitted),
        cmocka_unit_test(a_full_disk_delays_and_loses_nothing),
        cmocka_unit_test(who_gives_up_gets_back_what_the_disk_refuses),
        cmocka_unit_test(nothing_is_stored_behind_what_was_given_up),
        cmocka_unit_test(a_claim_that_was_rolled_back_gives_each_call_once),
        cmocka_unit_test(after_a_failed_sync_the_file_is_opened_again),
        cmocka_unit_test(what_was_in_flight_stays_so_when_the_file_is_opened_again),
        cmocka_unit_test(a_journal_that_is_gone_is_not_made_anew),
        cmocka_unit_test(a_nearly_full_disk_is_a_condition_too),
        cmocka_unit_test(without_memory_for_the_worker_it_tries_again),
        cmocka_unit_test(what_reads_takes_its_locks_once),
        cmocka_unit_test(no_statement_is_prepared_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
