#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/upkeep.h"
#include "lib/fault_vfs.h"
#include "lib/journal_fixture.h"

#define DAY_MS UINT64_C(86400000)

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

/* ---- close ---- */

static void note_closed(void *ctx)
{
    *(bool *)ctx = true;
}

static void close_commits_what_was_started_before(void **state)
{
    struct fixture f;
    struct journal_append a;
    struct journal_append b;
    bool closed = false;

    (void)state;
    fixture_open(&f);
    f.loop.hold_work = true;
    fixture_start_snapshot(&f, &a, "A", "a");
    fake_loop_settle(&f.loop);
    fixture_start_snapshot(&f, &b, "B", "a"); /* waits behind the batch that runs */
    journal_close(f.journal, note_closed, &closed);
    fake_loop_settle(&f.loop);
    assert_false(closed);
    f.loop.hold_work = false;
    fake_loop_settle(&f.loop);
    assert_true(closed);
    fixture_end_snapshot(&a, 0);
    fixture_end_snapshot(&b, 0);
    assert_true(loop_next_ms(&f.loop.loop) == UINT64_MAX);
    f.journal = NULL;
    fixture_restart(&f);
    assert_string_equal(fixture_states(&f, "A"), "P");
    assert_string_equal(fixture_states(&f, "B"), "P");
    fixture_end(&f);
}

static void close_cancels_what_the_disk_refuses(void **state)
{
    struct fixture f;
    struct fault_vfs v;
    struct journal_append a;
    struct journal_append b;

    (void)state;
    open_with_faults(&f, &v);
    v.write_code = SQLITE_FULL;
    fixture_start_snapshot(&f, &a, "A", "a");
    fake_loop_settle(&f.loop);
    fixture_start_snapshot(&f, &b, "B", "a");
    fixture_close_journal(&f); /* at once: while it waits for its next try */
    fixture_end_snapshot(&a, ERR_CANCELED);
    fixture_end_snapshot(&b, ERR_CANCELED);
    v.write_code = SQLITE_OK;
    fixture_restart(&f);
    v.write_code = SQLITE_FULL;
    fixture_start_snapshot(&f, &a, "A", "a");
    f.loop.hold_work = true;
    fake_loop_settle(&f.loop);
    f.loop.hold_work = false;
    fixture_close_journal(&f); /* while the worker is about to fail */
    fixture_end_snapshot(&a, ERR_CANCELED);
    v.write_code = SQLITE_OK;
    fixture_restart(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM item"), 0);
    end_with_faults(&f, &v);
}

struct last_words {
    struct journal_fact first, second;
    struct fixture *f;
    int second_err;
    bool second_ended;
};

static void second_done(struct journal_op *op)
{
    struct last_words *w = CONTAINER_OF(op, struct last_words, second.op);

    w->second_ended = true;
    w->second_err = op->err;
}

static void first_done(struct journal_op *op)
{
    struct last_words *w = CONTAINER_OF(op, struct last_words, first.op);

    w->second.op.done = second_done;
    journal_fact_set(w->f->journal, &w->second);
}

static void what_is_started_while_closing_ends_too(void **state)
{
    (void)state;
    for (int faulty = 0; faulty < 2; faulty++) {
        struct fixture f;
        struct fault_vfs v;
        struct last_words w = {
            .f = &f, .first = {.name = "a", .value = "1"}, .second = {.name = "b", .value = "2"}};

        open_with_faults(&f, &v);
        v.write_code = faulty ? SQLITE_FULL : SQLITE_OK;
        w.first.op.done = first_done;
        journal_fact_set(f.journal, &w.first);
        fixture_close_journal(&f);
        assert_true(w.second_ended);
        assert_int_equal(w.second_err, faulty ? ERR_CANCELED : 0);
        v.write_code = SQLITE_OK;
        fixture_restart(&f);
        end_with_faults(&f, &v);
    }
}

static void a_clean_stop_leaves_one_file(void **state)
{
    struct fixture f;
    char wal[128];

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)snprintf(wal, sizeof(wal), "%s-wal", f.path);
    assert_int_equal(access(wal, F_OK), 0);
    fixture_close_journal(&f);
    assert_int_not_equal(access(wal, F_OK), 0);
    fixture_restart(&f);
    fixture_end(&f);
}

/* ---- idle ---- */

/* What the daemon does when nothing happens. */
static void idle_round(struct fixture *f)
{
    static struct journal_compare compare;
    static const char *const ids[] = {"17"};
    static const uint8_t hashes[1][RECORD_HASH_BYTES];
    struct upkeep_retention retention;
    struct journal_summary summary;
    struct journal_owed owed;

    compare.source = "onestop";
    compare.ids = ids;
    compare.hashes = hashes;
    compare.n = 1;
    assert_int_equal(FIXTURE_RUN(f, journal_compare, &compare), 0);
    memset(&retention, 0xA5, sizeof(retention));
    retention.now_ms = fixture_wall_ms(f);
    retention.keep_payload_ms = 7 * DAY_MS;
    retention.keep_history_ms = 400 * DAY_MS;
    retention.limit = 100;
    assert_int_equal(FIXTURE_RUN(f, upkeep_retention, &retention), 0);
    assert_int_equal(retention.bodies + retention.attempts, 0);
    assert_int_equal(FIXTURE_RUN(f, journal_summary, &summary), 0);
    owed.source = "onestop";
    owed.limit = 10;
    assert_int_equal(FIXTURE_RUN(f, journal_owed, &owed), 0);
    journal_owed_free(&owed);
    (void)fixture_snapshot(f, "A", "a", 2); /* read again, unchanged */
    fixture_claim_none(f);
}

static void an_idle_journal_writes_nothing(void **state)
{
    struct fixture f;
    struct fault_vfs v;
    struct journal_numbers before;
    struct journal_numbers after;
    uint64_t writes;
    uint64_t syncs;

    (void)state;
    open_with_faults(&f, &v);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_deliver_all(&f);
    fake_loop_advance(&f.loop, 2000); /* the WAL is folded back when nothing happens */
    journal_numbers(f.journal, &before);
    assert_true(before.checkpoints > 0);
    assert_true(loop_next_ms(&f.loop.loop) == UINT64_MAX); /* and then nobody wakes up */
    writes = v.writes;
    syncs = v.syncs;
    for (int i = 0; i < 10; i++) {
        idle_round(&f);
        fake_loop_advance(&f.loop, 60000);
    }
    assert_int_equal(v.writes, writes);
    assert_int_equal(v.syncs, syncs);
    journal_numbers(f.journal, &after);
    assert_int_equal(after.checkpoints, before.checkpoints);
    assert_int_equal(after.file_bytes, before.file_bytes);
    end_with_faults(&f, &v);
}

static void grow_wal(struct fixture *f, int first, int n)
{
    static char content[200];
    char code[16];

    memset(content, 'x', sizeof(content) - 1);
    for (int i = first; i < first + n; i += 50) {
        struct journal_append a;

        journal_append_init(&a, f->flow);
        a.now_ms = fixture_wall_ms(f);
        for (int k = i; k < i + 50; k++) {
            const struct fixture_record r = {.code = code, .content = content, .status = 4};

            (void)snprintf(code, sizeof(code), "C%d", k);
            fixture_add(&a, &r);
        }
        assert_int_equal(FIXTURE_RUN(f, journal_append, &a), 0);
        journal_append_free(&a);
    }
}

static void a_busy_journal_folds_its_wal_now_and_then(void **state)
{
    struct fixture f;
    struct journal_numbers n;

    (void)state;
    fixture_open(&f);
    grow_wal(&f, 0, 12000); /* never idle */
    journal_numbers(f.journal, &n);
    assert_true(n.checkpoints >= 1);
    assert_true(n.checkpoints < n.batches / 10);
    assert_true(n.wal_bytes < UINT64_C(32) << 20);
    fixture_end(&f);
}

static void a_reader_delays_the_folding_but_not_the_work(void **state)
{
    struct fixture f;
    sqlite3 *reader = NULL;
    struct journal_numbers n;
    struct stat file;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    assert_int_equal(sqlite3_open(f.path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM item", NULL, NULL, NULL),
                     SQLITE_OK);
    grow_wal(&f, 0, 200);
    fake_loop_advance(&f.loop, 3000);
    journal_numbers(f.journal, &n);
    assert_true(loop_next_ms(&f.loop.loop) <= 1000); /* it tries again */
    assert_int_equal(journal_condition(f.journal), JOURNAL_OK);
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    fake_loop_advance(&f.loop, 3000);
    assert_true(loop_next_ms(&f.loop.loop) == UINT64_MAX);
    assert_int_equal(stat(f.path, &file), 0);
    assert_true((uint64_t)file.st_size > n.file_bytes);
    fixture_end(&f);
}

static void what_an_earlier_process_left_in_the_wal_is_folded(void **state)
{
    struct fixture f;
    struct journal_numbers n;

    (void)state;
    fixture_open(&f);
    grow_wal(&f, 0, 200);
    fixture_crash(&f);
    fake_loop_advance(&f.loop, 1000);
    journal_numbers(f.journal, &n);
    assert_int_equal(n.checkpoints, 1);
    assert_int_equal(journal_tally(f.journal, f.flow, ITEM_SNAPSHOT, ITEM_PENDING), 200);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_commits_what_was_started_before),
        cmocka_unit_test(close_cancels_what_the_disk_refuses),
        cmocka_unit_test(what_is_started_while_closing_ends_too),
        cmocka_unit_test(a_clean_stop_leaves_one_file),
        cmocka_unit_test(an_idle_journal_writes_nothing),
        cmocka_unit_test(a_busy_journal_folds_its_wal_now_and_then),
        cmocka_unit_test(a_reader_delays_the_folding_but_not_the_work),
        cmocka_unit_test(what_an_earlier_process_left_in_the_wal_is_folded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
