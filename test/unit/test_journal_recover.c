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

#include "journal/sqlite.h"
#include "lib/journal_fixture.h"

/* ---- what was in flight ---- */

/* A snapshot and two steps in flight, one dossier each; the third waits for a look-up. */
static void three_calls_in_flight(struct fixture *f)
{
    struct journal_claim c;
    struct journal_call *calls[3];

    (void)fixture_snapshot(f, "L", "a", 2);
    (void)fixture_end_call(f, fixture_claim_one(f), ITEM_UNSURE);
    fake_loop_advance(&f->loop, 30000);
    (void)fixture_snapshot(f, "A", "a", 2);
    (void)fixture_step(f, "B", "s1", 1, 2);
    (void)fixture_step(f, "B", "s2", 2, 2);
    fixture_claim_init(f, &c);
    assert_int_equal(fixture_claim(f, &c, calls, 3), 3);
    for (int i = 0; i < 3; i++) {
        journal_call_free(calls[i]);
    }
    assert_string_equal(fixture_states(f, "A"), "I");
    assert_string_equal(fixture_states(f, "B"), "ii");
    assert_string_equal(fixture_states(f, "L"), "U");
}

static void what_was_in_flight_is_in_doubt(void **state)
{
    struct fixture f;
    struct journal_call *calls[3];
    struct journal_claim c;

    (void)state;
    fixture_open(&f);
    three_calls_in_flight(&f);
    fixture_crash(&f);
    fixture_check(&f);
    assert_string_equal(fixture_states(&f, "A"), "U");
    assert_string_equal(fixture_states(&f, "B"), "uu");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM attempt WHERE ended_ms IS NULL"), 0);
    /* A call of ours counts as doubt; a look-up has no effect and counts as nothing. */
    assert_int_equal(
        fixture_number(&f, "SELECT count(*) FROM attempt WHERE verb = 1 AND outcome = 2"), 3);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM attempt WHERE verb = 2 AND "
                                        "outcome IS NULL"),
                     1);
    fixture_claim_init(&f, &c);
    assert_int_equal(fixture_claim(&f, &c, calls, 3), 3);
    for (int i = 0; i < 3; i++) {
        bool steps = calls[i]->kind == RECORD_STEP;

        assert_int_equal(calls[i]->verb, steps ? JOURNAL_SEND : JOURNAL_LOOKUP);
        (void)fixture_end_call(&f, calls[i], steps ? ITEM_DONE : ITEM_UNSURE);
    }
    fixture_end(&f);
}

static void a_newer_snapshot_takes_over_what_was_in_flight(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    journal_call_free(fixture_claim_one(&f));
    (void)fixture_snapshot(&f, "A", "b", 4);
    fixture_crash(&f);
    assert_string_equal(fixture_states(&f, "A"), "SP");
    assert_int_equal(fixture_number(&f, "SELECT doubt FROM subject"), 1);
    assert_int_equal(fixture_deliver_all(&f), 2); /* look-up, then the newer one */
    fixture_end(&f);
}

static void the_losing_control_forgets_the_doubt(void **state)
{
    struct fixture f;
    struct journal_call *calls[3];
    struct journal_claim c;

    (void)state;
    fixture_open(&f);
    three_calls_in_flight(&f);
    f.options.losing_control = true;
    fixture_crash(&f);
    assert_string_equal(fixture_states(&f, "A"), "P");
    assert_string_equal(fixture_states(&f, "B"), "pp");
    fixture_claim_init(&f, &c);
    assert_int_equal(fixture_claim(&f, &c, calls, 3), 3);
    for (int i = 0; i < 3; i++) {
        if (strcmp(calls[i]->code, "A") == 0) {
            assert_int_equal(calls[i]->verb, JOURNAL_SEND);
            assert_false(calls[i]->updating);
        }
        journal_call_free(calls[i]);
    }
    fixture_end(&f);
}

static void starting_twice_is_starting_once(void **state)
{
    struct fixture f;
    char before[512];

    (void)state;
    fixture_open(&f);
    three_calls_in_flight(&f);
    fixture_crash(&f);
    (void)snprintf(
        before, sizeof(before), "%s",
        fixture_text(&f, "SELECT group_concat(id || ':' || state || ':' || changed_ms || ':' "
                         "|| due_ms || ':' || attempts) FROM item"));
    fake_loop_advance(&f.loop, 1000);
    fixture_crash(&f);
    fixture_restart(&f);
    assert_string_equal(
        before, fixture_text(&f, "SELECT group_concat(id || ':' || state || ':' || changed_ms "
                                 "|| ':' || due_ms || ':' || attempts) FROM item"));
    fixture_end(&f);
}

/* ---- crashes at any time ---- */

static void random_work(struct fixture *f, int round)
{
    static const enum item_state ends[] = {ITEM_DONE, ITEM_DONE, ITEM_DONE, ITEM_PENDING,
                                           ITEM_UNSURE};
    static const int statuses[] = {2, 4, 4, 9, 10};
    struct journal_claim c;
    struct journal_call *calls[256];
    size_t n;
    char code[16];
    char text[24];

    for (int i = 0; i < 6; i++) {
        int r = (int)loop_random_below(&f->loop.loop, 1000);

        (void)snprintf(code, sizeof(code), "C%d", r % 4);
        (void)snprintf(text, sizeof(text), "%d", r % 7 == 0 ? round * 10 + i : r % 3);
        if (r % 2 == 0) {
            (void)fixture_snapshot(f, code, text, statuses[r % 5]);
        } else {
            (void)fixture_step(f, code, text, r, statuses[r % 5]);
        }
    }
    fixture_claim_init(f, &c);
    c.max = 3;
    n = fixture_claim(f, &c, calls, 256);
    for (size_t i = 0; i < n; i++) {
        unsigned r = (unsigned)loop_random_below(&f->loop.loop, 8);

        if (r < 5) {
            struct journal_finish finish;

            fixture_decide(f, &finish, calls[i],
                           calls[i]->verb == JOURNAL_LOOKUP && ends[r] == ITEM_DONE ? ITEM_PENDING
                                                                                    : ends[r]);
            if (calls[i]->verb == JOURNAL_LOOKUP && finish.to == ITEM_PENDING) {
                finish.doubt = 0;
            }
            (void)fixture_finish(f, &finish, calls[i]);
        } else {
            journal_call_free(calls[i]); /* its answer never comes */
        }
    }
    fake_loop_advance(&f->loop, loop_random_below(&f->loop.loop, 60000));
}

static void random_crashes_leave_a_journal_that_fits_together(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (int round = 0; round < 60; round++) {
        random_work(&f, round);
        fixture_check(&f);
        if (loop_random_below(&f.loop.loop, 3) == 0) {
            fixture_crash(&f);
            fixture_check(&f);
        } else if (loop_random_below(&f.loop.loop, 8) == 0) {
            fixture_restart(&f);
        }
    }
    fixture_crash(&f);
    fake_loop_advance(&f.loop, 3600000);
    (void)fixture_deliver_all(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM item WHERE state IN (0, 1, 2)"), 0);
    fixture_end(&f);
}

static void copy_cut(const char *from, const char *to, long bytes)
{
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    long left = bytes;
    int c;

    assert_non_null(in);
    assert_non_null(out);
    for (c = fgetc(in); c != EOF && left != 0; c = fgetc(in), left--) {
        (void)fputc(c, out);
    }
    (void)fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* What a power cut leaves of the WAL: any beginning of it. */
static void a_torn_wal_ends_at_some_commit(void **state)
{
    struct fixture f;
    char wal[128];
    char kept_db[128];
    char kept_wal[128];
    char lock[128];
    struct stat file;
    int64_t most = -1;

    (void)state;
    fixture_open(&f);
    for (int round = 0; round < 8; round++) {
        random_work(&f, round);
    }
    (void)snprintf(wal, sizeof(wal), "%s-wal", f.path);
    (void)snprintf(kept_db, sizeof(kept_db), "%s/kept", f.dir);
    (void)snprintf(kept_wal, sizeof(kept_wal), "%s/kept-wal", f.dir);
    (void)snprintf(lock, sizeof(lock), "%s.lock", f.path);
    (void)fixture_snapshot(&f, "Z", "after the last checkpoint", 2);
    assert_int_equal(stat(wal, &file), 0);
    copy_cut(f.path, kept_db, -1);
    copy_cut(wal, kept_wal, -1);
    for (long cut = 0; cut <= file.st_size; cut += 1 + file.st_size / 40) {
        int64_t items;

        fixture_close_journal(&f);
        copy_cut(kept_db, f.path, -1);
        copy_cut(kept_wal, wal, cut);
        assert_int_equal(unlink(lock), 0); /* its witness is never synced, and never ahead */
        fixture_restart(&f);               /* quick_check is part of it */
        fixture_check(&f);
        items = fixture_number(&f, "SELECT count(*) FROM item");
        assert_true(items >= most); /* more of the WAL, never less of the truth */
        most = items;
    }
    fixture_end(&f);
}

/* ---- files that are no journal of ours ---- */

static void read_all(const char *path, char **bytes, size_t *n)
{
    FILE *file = fopen(path, "rb");
    long end;

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    end = ftell(file);
    assert_int_equal(fseek(file, 0, SEEK_SET), 0);
    *n = (size_t)end;
    *bytes = malloc(*n + 1);
    assert_non_null(*bytes);
    assert_int_equal(fread(*bytes, 1, *n, file), *n);
    (void)fclose(file);
}

/* Opening fails with err, and afterwards both files hold the same bytes as before. */
static void refused_untouched(struct fixture *f, int err, const char *words)
{
    struct errmsg msg = {""};
    char wal[128];
    bool has_wal;
    char *before[2] = {NULL, NULL};
    char *after[2] = {NULL, NULL};
    size_t n_before[2] = {0, 0};
    size_t n_after[2] = {0, 0};

    (void)snprintf(wal, sizeof(wal), "%s-wal", f->path);
    has_wal = access(wal, F_OK) == 0;
    read_all(f->path, &before[0], &n_before[0]);
    if (has_wal) {
        read_all(wal, &before[1], &n_before[1]);
    }
    assert_int_equal(fixture_try_open(f, &msg), err);
    if (strstr(msg.text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", msg.text, words);
    }
    assert_non_null(strstr(msg.text, f->path));
    read_all(f->path, &after[0], &n_after[0]);
    if (has_wal) {
        read_all(wal, &after[1], &n_after[1]);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(n_before[i], n_after[i]);
        if (n_before[i] > 0) {
            assert_memory_equal(before[i], after[i], n_before[i]);
        }
        free(before[i]);
        free(after[i]);
    }
}

static void a_newer_journal_is_left_as_it_is(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    fixture_close_journal(&f);
    fixture_tamper(&f, "PRAGMA user_version = %d", DB_SCHEMA_VERSION + 1); /* stands in the WAL */
    refused_untouched(&f, ERR_SCHEMA, "newer");
    fixture_tamper(&f, "PRAGMA wal_checkpoint(TRUNCATE)");
    refused_untouched(&f, ERR_SCHEMA, "newer");
    fixture_tamper(&f, "PRAGMA user_version = %d", DB_SCHEMA_VERSION);
    fixture_restart(&f);
    assert_string_equal(fixture_states(&f, "A"), "P");
    fixture_end(&f);
}

static void write_file(const struct fixture *f, const char *bytes, size_t n)
{
    FILE *file = fopen(f->path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void what_is_no_journal_is_left_as_it_is(void **state)
{
    static const char *const foreign[] = {"PRAGMA user_version = 0; CREATE TABLE letters (a)",
                                          "PRAGMA user_version = 1; CREATE TABLE letters (a)"};
    struct fixture f;
    char garbage[8192];

    (void)state;
    fixture_open(&f);
    fixture_close_journal(&f);
    memset(garbage, 'x', sizeof(garbage));
    write_file(&f, garbage, sizeof(garbage));
    refused_untouched(&f, ERR_CORRUPT, "not a database");
    write_file(&f, "", 0); /* cut to nothing: no journal ever is */
    refused_untouched(&f, ERR_CORRUPT, "empty");
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        char other[128];

        /* Written by nobody's journal code, under another name. */
        (void)unlink(f.path);
        (void)snprintf(other, sizeof(other), "%s", foreign[i]);
        write_file(&f, "", 0);
        fixture_tamper(&f, "%s", other);
        refused_untouched(&f, ERR_CORRUPT, "not a journal");
    }
    (void)unlink(f.path);
    fixture_restart(&f); /* where nothing is, one is made */
    fixture_end(&f);
}

static void a_wal_without_its_journal_is_no_fresh_start(void **state)
{
    struct fixture f;
    struct errmsg msg = {""};
    char wal[128];

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    fixture_close_journal(&f);
    (void)snprintf(wal, sizeof(wal), "%s-wal", f.path);
    copy_cut(f.path, wal, 100);
    assert_int_equal(unlink(f.path), 0);
    assert_int_equal(fixture_try_open(&f, &msg), ERR_CORRUPT);
    assert_int_not_equal(access(f.path, F_OK), 0);
    fixture_end(&f);
}

static void damage_is_found_and_never_replaced(void **state)
{
    struct fixture f;
    char *bytes;
    size_t n;

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 40; i++) {
        char code[16];

        (void)snprintf(code, sizeof(code), "A%d", i);
        (void)fixture_snapshot(&f, code, "a", 2);
    }
    fixture_close_journal(&f);
    read_all(f.path, &bytes, &n);
    write_file(&f, bytes, n / 2); /* cut in half */
    refused_untouched(&f, ERR_CORRUPT, "");
    memset(bytes + DB_PAGE_BYTES, 0x5A, n - DB_PAGE_BYTES); /* every page but the first */
    write_file(&f, bytes, n);
    refused_untouched(&f, ERR_CORRUPT, "");
    free(bytes);
    fixture_end(&f);
}

/* Sound as a database, and not what was committed: an index without its row, a state that nobody
 * moved. */
static void what_does_not_add_up_is_found_at_the_start(void **state)
{
    static const char *const tampers[] = {
        "UPDATE item SET state = 4 WHERE id = 2",
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'state < 4', "
        "'state < 9') WHERE name = 'item_waiting'"};
    struct fixture f;
    struct errmsg msg;

    (void)state;
    for (size_t i = 0; i < sizeof(tampers) / sizeof(tampers[0]); i++) {
        fixture_open(&f);
        (void)fixture_snapshot(&f, "A", "a", 2);
        (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
        (void)fixture_snapshot(&f, "B", "b", 2);
        fixture_close_journal(&f);
        fixture_tamper(&f, "%s", tampers[i]);
        msg.text[0] = '\0';
        assert_int_equal(fixture_try_open(&f, &msg), ERR_CORRUPT);
        fixture_end(&f);
    }
}

static void a_second_process_is_told_who_holds_it(void **state)
{
    struct fixture f;
    struct fixture second;
    struct errmsg msg = {""};
    char pid[32];

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    second = f;
    fake_loop_init(&second.loop);
    assert_int_equal(fixture_try_open(&second, &msg), ERR_BUSY);
    (void)snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    assert_non_null(strstr(msg.text, pid));
    assert_string_equal(fixture_states(&f, "A"), "P");
    fixture_restart(&f); /* and let go at the end */
    fixture_end(&f);
}

static void only_its_owner_can_read_it(void **state)
{
    struct fixture f;
    struct stat file;
    char wal[128];

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    assert_int_equal(stat(f.path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    (void)snprintf(wal, sizeof(wal), "%s-wal", f.path);
    assert_int_equal(stat(wal, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    fixture_end(&f);
}

static void an_older_file_is_folded_back_at_as_many_bytes(void **state)
{
    const struct db_options options = {.cache_bytes = 1u << 20};
    struct errmsg msg = {""};
    struct fixture f;
    struct db db;

    (void)state;
    fixture_open(&f);
    fixture_close_journal(&f);
    assert_int_equal(db_open(&db, f.path, &options, &msg), 0);
    assert_int_equal(db.checkpoint_at, (16 << 20) / 8192);
    db_close(&db);
    fixture_tamper(&f, "PRAGMA journal_mode = DELETE; PRAGMA page_size = 4096; VACUUM");
    assert_int_equal(db_open(&db, f.path, &options, &msg), 0);
    assert_int_equal(db.checkpoint_at, (16 << 20) / 4096);
    assert_int_equal(db_checkpoint(&db, true), 0);
    assert_int_equal(db.checkpoint_at, (16 << 20) / 4096);
    db_close(&db);
    fixture_restart(&f);
    fixture_end(&f);
}

/* ---- migration ---- */

static void an_older_schema_is_brought_up_step_by_step(void **state)
{
    static const char *const steps[] = {
        "never run: the file has version 3",
        "never run: the file has version 3",
        "never run: the file has version 3",
        "ALTER TABLE subject ADD COLUMN rank INTEGER NOT NULL DEFAULT 0",
        "CREATE TABLE receipt (id INTEGER PRIMARY KEY); nonsense",
    };
    const struct db_options options = {.cache_bytes = 1u << 20};
    struct fixture f;
    struct errmsg msg = {""};
    struct db db;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    fixture_close_journal(&f);
    assert_int_equal(db_open(&db, f.path, &options, &msg), 0);
    assert_int_equal(db_migrate(&db, steps, 4), 0);
    assert_int_equal(fixture_number(&f, "PRAGMA user_version"), 4);
    assert_int_equal(fixture_number(&f, "SELECT rank FROM subject"), 0);
    assert_int_equal(db_migrate(&db, steps, 4), 0);      /* nothing to do */
    assert_int_equal(db_migrate(&db, steps, 5), ERR_IO); /* all of a step or nothing */
    assert_int_equal(fixture_number(&f, "PRAGMA user_version"), 4);
    assert_int_equal(
        fixture_number(&f, "SELECT count(*) FROM sqlite_schema WHERE name = 'receipt'"), 0);
    db_close(&db);
    fixture_end(&f);
}

static void a_first_start_cut_short_begins_anew(void **state)
{
    struct fixture f;
    char fresh[128];

    (void)state;
    fixture_open(&f);
    fixture_close_journal(&f);
    assert_int_equal(unlink(f.path), 0);
    (void)snprintf(fresh, sizeof(fresh), "%s.new", f.path);
    copy_cut("/proc/self/exe", fresh, 5000); /* half of something */
    fixture_restart(&f);
    assert_int_not_equal(access(fresh, F_OK), 0);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_file_is_folded_back_at_as_many_bytes),
        cmocka_unit_test(what_was_in_flight_is_in_doubt),
        cmocka_unit_test(a_newer_snapshot_takes_over_what_was_in_flight),
        cmocka_unit_test(the_losing_control_forgets_the_doubt),
        cmocka_unit_test(starting_twice_is_starting_once),
        cmocka_unit_test(random_crashes_leave_a_journal_that_fits_together),
        cmocka_unit_test(a_torn_wal_ends_at_some_commit),
        cmocka_unit_test(a_newer_journal_is_left_as_it_is),
        cmocka_unit_test(what_is_no_journal_is_left_as_it_is),
        cmocka_unit_test(a_wal_without_its_journal_is_no_fresh_start),
        cmocka_unit_test(damage_is_found_and_never_replaced),
        cmocka_unit_test(what_does_not_add_up_is_found_at_the_start),
        cmocka_unit_test(a_second_process_is_told_who_holds_it),
        cmocka_unit_test(only_its_owner_can_read_it),
        cmocka_unit_test(an_older_schema_is_brought_up_step_by_step),
        cmocka_unit_test(a_first_start_cut_short_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
