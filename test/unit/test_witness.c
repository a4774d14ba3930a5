#include "journal/witness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fault_vfs.h"
#include "lib/journal_fixture.h"

static void remove_beside(const struct fixture *f, const char *suffix)
{
    char name[128];

    (void)snprintf(name, sizeof(name), "%s%s", f->path, suffix);
    (void)unlink(name);
}

static void leave_beside(const struct fixture *f, const char *suffix)
{
    char name[128];
    FILE *file;

    (void)snprintf(name, sizeof(name), "%s%s", f->path, suffix);
    file = fopen(name, "w");
    assert_non_null(file);
    assert_true(fputs("frames", file) >= 0 && fclose(file) == 0);
}

/* A journal that was killed, all of it in the WAL. */
static void killed(struct fixture *f)
{
    fixture_open(f);
    (void)fixture_snapshot(f, "A", "a", 2);
    (void)fixture_end_call(f, fixture_claim_one(f), ITEM_DONE);
    fixture_crash(f);
    (void)fixture_snapshot(f, "B", "b", 2);
    (void)fixture_end_call(f, fixture_claim_one(f), ITEM_DONE);
}

static void a_journal_that_was_closed_or_killed_is_as_its_witness_says(void **state)
{
    struct fixture f;

    (void)state;
    killed(&f);
    fixture_crash(&f);
    assert_string_equal(fixture_states(&f, "B"), "D");
    fixture_restart(&f);
    fixture_restart(&f);
    assert_string_equal(fixture_states(&f, "B"), "D");
    fixture_end(&f);
}

/* What stood in the WAL alone is gone: sent once more it would be doubled. */
static void an_older_state_is_refused_until_the_lock_file_goes(void **state)
{
    struct fixture f;
    struct errmsg msg = {""};

    (void)state;
    killed(&f);
    fixture_close_journal(&f);
    fixture_tamper(&f, "DELETE FROM body; DELETE FROM attempt; DELETE FROM item; "
                       "DELETE FROM tally; UPDATE sqlite_sequence SET seq = 0");
    assert_int_equal(fixture_try_open(&f, &msg), ERR_CORRUPT);
    assert_non_null(strstr(msg.text, "-wal"));
    assert_int_equal(fixture_try_open(&f, &msg), ERR_CORRUPT); /* and again */
    remove_beside(&f, ".lock");
    fixture_restart(&f); /* on purpose */
    fixture_end(&f);
}

static void a_copy_is_let_in_and_witnessed_from_then_on(void **state)
{
    struct fixture f;
    struct errmsg msg = {""};

    (void)state;
    killed(&f);
    fixture_close_journal(&f);
    fixture_tamper(&f, "DELETE FROM attempt; UPDATE sqlite_sequence SET seq = 1; "
                       "INSERT INTO fact VALUES ('journal.copied', 'backup 1')");
    fixture_restart(&f);
    fixture_crash(&f); /* its mark is gone: it is no older than itself */
    (void)fixture_snapshot(&f, "C", "c", 2);
    fixture_close_journal(&f);
    fixture_tamper(&f, "UPDATE sqlite_sequence SET seq = 0; DELETE FROM body WHERE item = 3; "
                       "DELETE FROM item WHERE id = 3; DELETE FROM tally WHERE state = 0");
    assert_int_equal(fixture_try_open(&f, &msg), ERR_CORRUPT);
    remove_beside(&f, "-wal");
    remove_beside(&f, ".lock");
    remove_beside(&f, "");
    fixture_restart(&f); /* made anew: nothing to hold it against */
    fixture_end(&f);
}

/* A new, empty journal in its place would send everything again. */
static void a_journal_that_is_gone_is_not_begun_anew_beside_its_lock_or_log(void **state)
{
    struct fixture f;
    struct errmsg msg = {""};

    (void)state;
    killed(&f);
    fixture_close_journal(&f);
    remove_beside(&f, "");
    assert_int_equal(fixture_try_open(&f, &msg), ERR_CORRUPT);
    assert_non_null(strstr(msg.text, ".lock"));
    assert_int_equal(access(f.path, F_OK), -1);
    remove_beside(&f, ".lock");
    leave_beside(&f, "-wal");
    assert_int_equal(fixture_try_open(&f, &msg), ERR_CORRUPT);
    assert_non_null(strstr(msg.text, "gone"));
    assert_int_equal(access(f.path, F_OK), -1);
    remove_beside(&f, "-wal");
    remove_beside(&f, ".lock");
    fixture_restart(&f); /* on purpose */
    fixture_end(&f);
}

/* The connection is made anew after a failed sync: that too is an opening. */
static void what_was_committed_is_looked_for_when_the_file_is_opened_again(void **state)
{
    struct fixture f;
    struct fault_vfs v;
    struct journal_append a;

    (void)state;
    fault_vfs_install(&v);
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
    v.failing_syncs = 1;
    fixture_start_snapshot(&f, &a, "B", "b");
    fake_loop_settle(&f.loop);
    assert_int_equal(journal_condition(f.journal), JOURNAL_FAULT);
    fixture_tamper(&f, "UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'attempt'");
    fake_loop_advance(&f.loop, 10000);
    assert_int_equal(journal_condition(f.journal), JOURNAL_FAULT);
    assert_non_null(strstr(journal_condition_text(f.journal), "lacks"));
    fixture_tamper(&f, "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'attempt'");
    fake_loop_advance(&f.loop, 40000);
    assert_int_equal(journal_condition(f.journal), JOURNAL_OK);
    fixture_end_snapshot(&a, 0);
    fixture_end(&f);
    fault_vfs_remove(&v);
}

static void the_lock_files_line_is_read_or_nothing_is(void **state)
{
    static const char *const bad[] = {"",
                                      "x",
                                      "12 34\n",
                                      "-0000000000000000001 00000000000000000005\n",
                                      "00000000000000000012-00000000000000000034\n",
                                      "00000000000000000012 00000000000000000034",
                                      "0000000000000000001200000000000000000034\n"};
    char name[] = "/tmp/dvcsync-witness-XXXXXX";
    int fd = mkstemp(name);
    struct witness w;

    (void)state;
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, bad[i], strlen(bad[i]), 32), (ssize_t)strlen(bad[i]));
        witness_read(fd, &w);
        assert_int_equal(w.attempt, 0);
        assert_int_equal(w.item, 0);
    }
    w = (struct witness){7, 8};
    assert_int_equal(pwrite(fd, "00000000000000000000 00000000000000000000\n", 42, 32), 42);
    witness_read(fd, &w);
    assert_int_equal(w.attempt + w.item, 0);
    assert_int_equal(pwrite(fd, "00000000000000000012 00000000000000000034\n", 42, 32), 42);
    witness_read(fd, &w);
    assert_int_equal(w.attempt, 12);
    assert_int_equal(w.item, 34);
    (void)close(fd);
    (void)unlink(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_that_was_closed_or_killed_is_as_its_witness_says),
        cmocka_unit_test(an_older_state_is_refused_until_the_lock_file_goes),
        cmocka_unit_test(a_copy_is_let_in_and_witnessed_from_then_on),
        cmocka_unit_test(a_journal_that_is_gone_is_not_begun_anew_beside_its_lock_or_log),
        cmocka_unit_test(what_was_committed_is_looked_for_when_the_file_is_opened_again),
        cmocka_unit_test(the_lock_files_line_is_read_or_nothing_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
