#include "journal/check.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/seal.h"
#include "lib/journal_fixture.h"

#define LIE "UPDATE tally SET n = n + 1 WHERE state = 0"
#define TRUTH "UPDATE tally SET n = n - 1 WHERE state = 0"

static int open_lock(const struct fixture *f)
{
    char name[128];
    int fd;

    (void)snprintf(name, sizeof(name), "%s.lock", f->path);
    fd = open(name, O_RDWR);
    assert_true(fd >= 0);
    return fd;
}

static void seal_again(const struct fixture *f)
{
    int fd = open_lock(f);

    seal_set(fd, f->path);
    (void)close(fd);
}

static bool is_sealed(const struct fixture *f)
{
    char first = '\0';
    int fd = open_lock(f);
    ssize_t n = pread(fd, &first, 1, SEAL_AT);

    (void)close(fd);
    return n == 1 && first != '\0';
}

/* Another time of writing, however soon after the seal. */
static void touch(const struct fixture *f)
{
    const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

    assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
}

/* A journal that counts as big, with a dossier that waits; stopped. */
static void stopped(struct fixture *f)
{
    fixture_open(f);
    f->options.whole_check_bytes = 1;
    (void)fixture_snapshot(f, "A", "a", 2);
    fixture_close_journal(f);
    assert_true(is_sealed(f));
}

/* What only a check finds. */
static void damaged(struct fixture *f, const char *sql)
{
    stopped(f);
    fixture_tamper(f, "%s; PRAGMA wal_checkpoint(TRUNCATE)", sql);
    seal_again(f);
    assert_true(is_sealed(f));
}

static void must_open(struct fixture *f)
{
    struct errmsg msg = {""};
    int err = fixture_try_open(f, &msg);

    if (err != 0) {
        fail_msg("%s", msg.text);
    }
}

static void a_sealed_journal_works_at_once_and_is_checked_beside_it(void **state)
{
    struct fixture f;

    (void)state;
    stopped(&f);
    must_open(&f);
    assert_false(is_sealed(&f)); /* whoever writes to it now */
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
    fixture_close_journal(&f); /* before the check */
    assert_false(is_sealed(&f));
    must_open(&f); /* checked first */
    fixture_restart(&f);
    assert_int_equal(journal_condition(f.journal), JOURNAL_OK);
    fake_loop_advance(&f.loop, 1000);
    assert_int_equal(journal_condition(f.journal), JOURNAL_OK);
    fixture_close_journal(&f);
    assert_true(is_sealed(&f));
    fixture_end(&f);
}

static void refuse_to_open(struct fixture *f)
{
    struct errmsg msg = {""};

    assert_int_equal(fixture_try_open(f, &msg), ERR_CORRUPT);
    assert_int_equal(fixture_try_open(f, &msg), ERR_CORRUPT); /* and again */
}

/* Nothing is claimed any more, what was begun is given back at the stop, the next start says it. */
static void stops_the_work(struct fixture *f, const char *words)
{
    struct journal_claim c;
    struct stat before;
    struct stat after;

    must_open(f);
    assert_int_equal(journal_condition(f->journal), JOURNAL_OK);
    fake_loop_advance(&f->loop, 1000);
    assert_int_equal(journal_condition(f->journal), JOURNAL_FAULT);
    assert_non_null(strstr(journal_condition_text(f->journal), words));
    assert_non_null(strstr(journal_condition_text(f->journal), "recovery.md"));
    assert_int_equal(f->changes, 1);
    fixture_claim_init(f, &c);
    fixture_expect(f, &c.op);
    journal_claim(f->journal, &c);
    fake_loop_advance(&f->loop, 120000);
    assert_false(fixture_ended(&c.op));
    assert_int_equal(journal_condition(f->journal), JOURNAL_FAULT);
    assert_int_equal(stat(f->path, &before), 0);
    fixture_close_journal(f);
    assert_int_equal(fixture_wait_ended(&c.op), ERR_CANCELED);
    assert_int_equal(stat(f->path, &after), 0);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec); /* left as it is */
    refuse_to_open(f);
}

/* A read that failed for a while looks like damage; a later try tells. */
static void what_is_sound_at_a_later_try_goes_on(void **state)
{
    struct fixture f;

    (void)state;
    damaged(&f, LIE);
    must_open(&f);
    fake_loop_advance(&f.loop, 1000);
    assert_int_equal(journal_condition(f.journal), JOURNAL_FAULT);
    fixture_tamper(&f, TRUTH);
    fake_loop_advance(&f.loop, 60000);
    assert_int_equal(journal_condition(f.journal), JOURNAL_OK);
    assert_int_equal(f.changes, 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
    fixture_close_journal(&f);
    assert_true(is_sealed(&f));
    fixture_end(&f);
}

static void sums_that_lie_stop_the_work(void **state)
{
    struct fixture f;

    (void)state;
    damaged(&f, LIE);
    stops_the_work(&f, "sums");
    fixture_end(&f);
}

static void a_lost_item_stops_the_work(void **state)
{
    struct fixture f;

    (void)state;
    damaged(&f, "INSERT INTO tally VALUES (1, 2, 3, 1)"); /* one that is held, and nowhere */
    stops_the_work(&f, "sums");
    fixture_end(&f);
}

static void an_item_of_no_dossier_stops_the_work(void **state)
{
    struct fixture f;

    (void)state;
    damaged(&f, "UPDATE item SET subject = 77");
    stops_the_work(&f, "nothing");
    fixture_end(&f);
}

/* A page of a table that nobody reads at a start. */
static void damage_page(struct fixture *f)
{
    int64_t page =
        fixture_number(f, "SELECT rootpage FROM sqlite_schema WHERE name = 'local_catalog'");
    int fd = open(f->path, O_RDWR);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "damage", 6, (page - 1) * DB_PAGE_BYTES), 6);
    (void)close(fd);
    seal_again(f);
}

static void a_damaged_page_stops_the_work(void **state)
{
    struct fixture f;

    (void)state;
    stopped(&f);
    damage_page(&f);
    stops_the_work(&f, "damaged");
    fixture_end(&f);
}

static void what_somebody_has_touched_is_checked_first(void **state)
{
    struct fixture f;

    (void)state;
    damaged(&f, LIE);
    touch(&f);
    refuse_to_open(&f);
    fixture_end(&f);
}

static void what_has_a_log_is_checked_first(void **state)
{
    struct fixture f;
    char name[128];
    FILE *file;

    (void)state;
    damaged(&f, LIE);
    (void)snprintf(name, sizeof(name), "%s-wal", f.path);
    file = fopen(name, "w");
    assert_non_null(file);
    assert_true(fputs("frames", file) >= 0 && fclose(file) == 0);
    refuse_to_open(&f);
    assert_false(is_sealed(&f));
    seal_again(&f);
    assert_false(is_sealed(&f));
    fixture_end(&f);
}

static void a_small_one_is_checked_first(void **state)
{
    struct fixture f;

    (void)state;
    damaged(&f, LIE);
    f.options.whole_check_bytes = 0;
    refuse_to_open(&f);
    fixture_end(&f);
}

static void one_that_a_migration_changes_is_checked_first(void **state)
{
    struct fixture f;

    (void)state;
    damaged(&f, "PRAGMA user_version = 2");
    damage_page(&f);
    refuse_to_open(&f);
    fixture_end(&f);
}

/* The one that was killed has lost its seal before it wrote anything. */
static void a_killed_one_is_checked_first(void **state)
{
    struct fixture f;

    (void)state;
    stopped(&f);
    must_open(&f);
    fixture_crash(&f);
    fixture_tamper(&f, LIE);
    fake_loop_advance(&f.loop, 120000);
    assert_int_equal(journal_condition(f.journal), JOURNAL_OK); /* no check runs beside it */
    fixture_close_journal(&f);
    assert_true(is_sealed(&f));
    fixture_end(&f);
}

static void note_closed(void *ctx)
{
    *(bool *)ctx = true;
}

static void a_stop_waits_for_the_check_and_leaves_no_seal(void **state)
{
    struct fixture f;
    bool closed = false;

    (void)state;
    stopped(&f);
    must_open(&f);
    f.loop.hold_work = true;
    fake_loop_advance(&f.loop, 1000);
    journal_close(f.journal, note_closed, &closed);
    f.journal = NULL;
    fake_loop_advance(&f.loop, 10000);
    assert_false(closed);
    f.loop.hold_work = false;
    fake_loop_settle(&f.loop);
    assert_true(closed);
    assert_true(loop_next_ms(&f.loop.loop) == UINT64_MAX);
    assert_false(is_sealed(&f));
    fixture_end(&f);
}

static void a_check_that_can_not_begin_is_made_later(void **state)
{
    struct fixture f;

    (void)state;
    damaged(&f, LIE);
    must_open(&f);
    f.loop.refuse_work = true;
    fake_loop_advance(&f.loop, 30000);
    assert_int_equal(journal_condition(f.journal), JOURNAL_OK);
    f.loop.refuse_work = false;
    fake_loop_advance(&f.loop, 60000);
    assert_int_equal(journal_condition(f.journal), JOURNAL_FAULT);
    fixture_close_journal(&f);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_journal_works_at_once_and_is_checked_beside_it),
        cmocka_unit_test(sums_that_lie_stop_the_work),
        cmocka_unit_test(a_lost_item_stops_the_work),
        cmocka_unit_test(an_item_of_no_dossier_stops_the_work),
        cmocka_unit_test(a_damaged_page_stops_the_work),
        cmocka_unit_test(what_is_sound_at_a_later_try_goes_on),
        cmocka_unit_test(what_somebody_has_touched_is_checked_first),
        cmocka_unit_test(what_has_a_log_is_checked_first),
        cmocka_unit_test(a_small_one_is_checked_first),
        cmocka_unit_test(one_that_a_migration_changes_is_checked_first),
        cmocka_unit_test(a_killed_one_is_checked_first),
        cmocka_unit_test(a_stop_waits_for_the_check_and_leaves_no_seal),
        cmocka_unit_test(a_check_that_can_not_begin_is_made_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
