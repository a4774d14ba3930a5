/* Backup and recovery on a disk that fails, fills up, or loses its power in between: every call by
 * which they write is failed, or made the last one, in turn. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/salvage.h"
#include "journal/upkeep.h"
#include "lib/journal_fixture.h"

#define CALLS_MAX 4000

/* ---- the disk: these take the place of libc's, for SQLite too ---- */

static struct {
    unsigned fail_at; /* the n-th call from now on fails; 0: none */
    unsigned die_at;  /* or is the process's last one */
    int number;       /* the errno of a failure */
    unsigned calls;
    char log[CALLS_MAX + 1]; /* w written, s synced, r renamed, m made a folder */
    const char *full_while;  /* writing fails with number while this file is there */
    const char *locked;      /* this must be locked at each call */
    unsigned unlocked;
} disk;

static bool is_locked(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    bool locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;

    if (fd >= 0) {
        (void)close(fd);
    }
    return locked;
}

static bool fails(char letter)
{
    disk.log[disk.calls % CALLS_MAX] = letter;
    disk.calls++;
    if (disk.die_at != 0 && disk.calls == disk.die_at) {
        (void)kill(getpid(), SIGKILL);
    }
    disk.unlocked += disk.locked != NULL && !is_locked(disk.locked);
    if (disk.calls == disk.fail_at ||
        (letter == 'w' && disk.full_while != NULL && access(disk.full_while, F_OK) == 0)) {
        errno = disk.number;
        return true;
    }
    return false;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return fails('w') ? -1 : syscall(SYS_pwrite64, fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    return fails('w') ? -1 : syscall(SYS_pwrite64, fd, bytes, n, at);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    bool ours = fd > STDERR_FILENO;

    return ours && fails('w') ? -1 : syscall(SYS_write, fd, bytes, n);
}

/* Nothing is really synced: a process that is killed loses nothing of the page cache. */
int fsync(int fd)
{
    (void)fd;
    return fails('s') ? -1 : 0;
}

int fdatasync(int fd)
{
    return fsync(fd);
}

int rename(const char *from, const char *to)
{
    return fails('r') ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return fails('r') ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int mkdir(const char *path, mode_t mode)
{
    return fails('m') ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

static void disk_reset(void)
{
    memset(&disk, 0, sizeof(disk));
}

/* ---- a journal, and what lies beside it ---- */

static void fill(struct fixture *f)
{
    struct journal_audit audit = {.who = "uid 0 (root)", .verb = "reload", .object = "x"};

    for (int i = 0; i < 12; i++) {
        char code[16];

        (void)snprintf(code, sizeof(code), "H56.%d", i);
        (void)fixture_snapshot(f, code, "a", 2);
    }
    assert_int_equal(FIXTURE_RUN(f, journal_audit, &audit), 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* All names in the folder but the journal's own. */
static void list(const char *dir, char *out, size_t size)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, NULL, by_name);
    size_t at = 0;

    assert_true(n >= 0);
    out[0] = '\0';
    for (int i = 0; i < n; i++) {
        if (strncmp(names[i]->d_name, "journal.db", 10) != 0) {
            at += (size_t)snprintf(out + at, size - at, "%s ", names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
}

static void path_in(const struct fixture *f, const char *name, char out[128])
{
    (void)snprintf(out, 128, "%s/%s", f->dir, name);
}

static void leave(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs("mine", file) >= 0 && fclose(file) == 0);
}

static void assert_mine(const char *path)
{
    char text[8] = "";
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    (void)fclose(file);
    assert_string_equal(text, "mine");
}

static unsigned findings;

static void count_finding(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
    findings++;
}

/* Sound, and marked as a copy. */
static void assert_whole(const char *path)
{
    struct fixture reader = {.journal = NULL};
    struct errmsg msg = {""};

    if (upkeep_check(path, count_finding, NULL, &msg) != 0) {
        fail_msg("%s", msg.text);
    }
    (void)snprintf(reader.path, sizeof(reader.path), "%s", path);
    assert_int_equal(
        fixture_number(&reader, "SELECT count(*) FROM fact WHERE name = 'journal.copied'"), 1);
    assert_int_equal(fixture_number(&reader, "SELECT count(*) FROM item"), 12);
}

/* ---- backup ---- */

static int back_up(struct fixture *f, const char *path, char words[480])
{
    struct upkeep_backup b;
    int err;

    memset(&b, 0, sizeof(b));
    (void)snprintf(b.path, sizeof(b.path), "%s", path);
    err = FIXTURE_RUN(f, upkeep_backup, &b);
    (void)snprintf(words, 480, "%s", b.op.why.text);
    return err;
}

static void a_backup_s_name_comes_behind_its_sync_and_is_synced_itself(void **state)
{
    struct fixture f;
    char path[128];
    char words[480];
    size_t n;

    (void)state;
    fixture_open(&f);
    fill(&f);
    path_in(&f, "backup", path);
    disk_reset();
    assert_int_equal(back_up(&f, path, words), 0);
    n = strlen(disk.log);
    assert_true(n > 3);
    assert_string_equal(disk.log + n - 3, "srs");
    assert_whole(path);
    fixture_end(&f);
}

static void a_failing_disk_leaves_no_half_backup_and_says_where_it_failed(void **state)
{
    static const char *const steps[] = {"copying", "marking the copy", "sync of /tmp", "rename to",
                                        "sync of the folder"};
    bool seen[sizeof(steps) / sizeof(steps[0])] = {false};
    struct fixture f;
    char path[128];
    char before[512];
    char after[512];
    char words[480];
    unsigned n = 0;
    bool fired = true;

    (void)state;
    fixture_open(&f);
    fill(&f);
    path_in(&f, "backup", path);
    list(f.dir, before, sizeof(before));
    while (fired) {
        int err;

        disk_reset();
        disk.number = n % 2 == 0 ? EIO : EDQUOT;
        disk.fail_at = ++n;
        assert_true(n < CALLS_MAX);
        err = back_up(&f, path, words);
        fired = disk.calls >= n;
        disk_reset();
        if (err == 0) { /* not every failure matters to SQLite */
            assert_whole(path);
            assert_int_equal(unlink(path), 0);
        } else {
            assert_true(err == ERR_IO || err == ERR_FULL);
        }
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            seen[i] = seen[i] || (err != 0 && strstr(words, steps[i]) != NULL);
        }
        list(f.dir, after, sizeof(after));
        assert_string_equal(before, after);
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (!seen[i]) {
            fail_msg("no failure named '%s'", steps[i]);
        }
    }
    assert_int_equal(journal_condition(f.journal), JOURNAL_OK);
    assert_string_equal(fixture_states(&f, "H56.3"), "P");
    fixture_end(&f);
}

static void somebody_s_part_is_left_alone(void **state)
{
    struct fixture f;
    char path[128];
    char part[128];
    char words[480];

    (void)state;
    fixture_open(&f);
    fill(&f);
    path_in(&f, "backup", path);
    path_in(&f, "backup.part", part);
    leave(part);
    assert_int_equal(back_up(&f, path, words), ERR_EXISTS);
    assert_non_null(strstr(words, "backup.part is in the way"));
    assert_non_null(strstr(words, "remove it"));
    assert_mine(part);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(part), 0);
    assert_int_equal(back_up(&f, path, words), 0);
    assert_whole(path);
    fixture_end(&f);
}

/* ---- a power cut: nothing behind the n-th call ---- */

/* In a child of its own. 0: it came to its end. */
static int cut_at(unsigned n, void (*work)(const char *dir), const char *dir)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        disk_reset();
        disk.die_at = n;
        work(dir);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGKILL);
    return WIFEXITED(status) ? 0 : 1;
}

static char *shared_dir; /* of the child's journal */

static void back_up_once(const char *dir)
{
    unsigned die_at = disk.die_at;
    struct fixture f;
    char path[128];
    char words[480];

    (void)dir;
    disk_reset();
    fixture_open(&f);
    fill(&f);
    (void)snprintf(shared_dir, sizeof(f.dir), "%s", f.dir);
    path_in(&f, "backup", path);
    disk_reset();
    disk.die_at = die_at;
    if (back_up(&f, path, words) != 0) {
        _exit(1);
    }
    disk_reset();
    fixture_close_journal(&f);
    metrics_free(f.metrics);
}

static void remove_all(const char *dir)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, NULL, NULL);

    for (int i = 0; i < n; i++) {
        char path[400];

        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
        (void)unlink(path);
        free(names[i]);
    }
    free(names);
    (void)rmdir(dir);
}

static void a_cut_backup_is_never_taken_for_a_whole_one(void **state)
{
    unsigned parts = 0;
    int cut = 1;

    (void)state;
    shared_dir = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared_dir != MAP_FAILED);
    for (unsigned n = 1; cut == 1; n++) {
        struct errmsg msg = {""};
        char path[128];
        char part[128];

        assert_true(n < CALLS_MAX);
        shared_dir[0] = '\0';
        cut = cut_at(n, back_up_once, "");
        assert_int_not_equal(shared_dir[0], '\0');
        (void)snprintf(path, sizeof(path), "%.64s/backup", shared_dir);
        (void)snprintf(part, sizeof(part), "%.64s/backup.part", shared_dir);
        if (access(path, F_OK) == 0) {
            assert_whole(path);
        }
        if (access(part, F_OK) == 0) {
            parts++;
            findings = 0;
            assert_int_not_equal(upkeep_check(part, count_finding, NULL, &msg), 0);
        }
        assert_true(cut == 1 || access(path, F_OK) == 0);
        remove_all(shared_dir);
    }
    assert_true(parts > 5);
    assert_int_equal(munmap(shared_dir, 4096), 0);
}

/* ---- recovery ---- */

static const struct salvage_flows flows = {{FIXTURE_FLOW}, 1};

/* A folder with a damaged journal, whose audit is broken. */
static void make_damaged(struct fixture *f)
{
    fixture_open(f);
    fill(f);
    fixture_close_journal(f);
    fixture_tamper(f, "DROP TRIGGER audit_no_update; UPDATE audit SET reason = 'another'");
    disk_reset();
}

/* No journal to check any more. */
static void end_damaged(struct fixture *f)
{
    disk_reset();
    fixture_end(f);
}

static int recover(const char *dir, const char *fresh, struct errmsg *msg)
{
    struct salvage_report report;
    char damaged[128];

    (void)snprintf(damaged, sizeof(damaged), "%s/journal.db", dir);
    return salvage_journal(damaged, fresh, &flows, UINT64_C(1763700000000), &report, msg);
}

static void a_failed_recovery_leaves_nothing_and_takes_nothing(void **state)
{
    struct fixture f;
    char fresh[128];
    char name[128];
    char before[512];
    char after[512];
    unsigned failed = 0;
    bool fired = true;

    (void)state;
    make_damaged(&f);
    path_in(&f, "fresh.db", fresh);
    path_in(&f, "fresh.db-wal", name); /* somebody's, by chance */
    leave(name);
    list(f.dir, before, sizeof(before));
    for (unsigned n = 1; fired; n++) {
        struct errmsg msg = {""};
        int err;

        disk_reset();
        disk.fail_at = n;
        disk.number = n % 2 == 0 ? EIO : ENOSPC;
        assert_true(n < CALLS_MAX);
        err = recover(f.dir, fresh, &msg);
        fired = disk.calls >= n;
        disk_reset();
        failed += err != 0;
        if (err == 0) {
            char beside[160];

            (void)snprintf(beside, sizeof(beside), "%s.audit.jsonl", fresh);
            assert_int_equal(access(beside, F_OK), 0);
            assert_mine(name);
            assert_int_equal(unlink(beside), 0);
            assert_int_equal(unlink(fresh), 0);
        } else {
            assert_string_not_equal(msg.text, "");
        }
        list(f.dir, after, sizeof(after));
        assert_string_equal(before, after);
        assert_mine(name);
    }
    assert_true(failed > 10);
    end_damaged(&f);
}

static void what_is_in_the_way_of_a_recovery_is_left_alone(void **state)
{
    static const char *const names[] = {"fresh.db", "fresh.db.part", "fresh.db.audit.jsonl"};
    struct fixture f;
    char fresh[128];

    (void)state;
    make_damaged(&f);
    path_in(&f, "fresh.db", fresh);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct errmsg msg = {""};
        char name[128];

        path_in(&f, names[i], name);
        leave(name);
        assert_int_equal(recover(f.dir, fresh, &msg), ERR_EXISTS);
        assert_non_null(strstr(msg.text, name));
        assert_mine(name);
        assert_int_equal(unlink(name), 0);
    }
    end_damaged(&f);
}

static void a_recovery_holds_the_daemon_s_lock_while_it_works(void **state)
{
    struct fixture f;
    struct errmsg msg = {""};
    char fresh[128];
    char lock[128];

    (void)state;
    make_damaged(&f);
    path_in(&f, "fresh.db", fresh);
    path_in(&f, "journal.db.lock", lock);
    for (int given = 1; given >= 0; given--) { /* the daemon's file, and none */
        struct stat damaged;
        struct stat file;
        char beside[160];

        assert_int_equal(given == 1 ? 0 : unlink(lock), 0);
        disk_reset();
        disk.locked = lock;
        assert_int_equal(recover(f.dir, fresh, &msg), 0);
        disk.locked = NULL;
        assert_true(disk.calls > 10);
        assert_int_equal(disk.unlocked, 0);
        assert_int_equal(stat(lock, &file), 0); /* a daemon's user can open it */
        assert_int_equal(stat(f.path, &damaged), 0);
        assert_int_equal(file.st_uid, damaged.st_uid);
        assert_false(is_locked(lock));
        assert_int_equal(unlink(fresh), 0);
        (void)snprintf(beside, sizeof(beside), "%s.audit.jsonl", fresh);
        assert_int_equal(unlink(beside), 0);
    }
    end_damaged(&f);
}

static void recover_once(const char *dir)
{
    struct errmsg msg = {""};
    char fresh[128];

    (void)snprintf(fresh, sizeof(fresh), "%s/fresh.db", dir);
    if (recover(dir, fresh, &msg) != 0) {
        _exit(1);
    }
}

static void a_cut_recovery_is_never_taken_for_a_whole_one(void **state)
{
    struct fixture f;
    char fresh[128];
    char part[128];
    char beside[160];
    unsigned parts = 0;
    int cut = 1;

    (void)state;
    make_damaged(&f);
    path_in(&f, "fresh.db", fresh);
    path_in(&f, "fresh.db.part", part);
    (void)snprintf(beside, sizeof(beside), "%s.audit.jsonl", fresh);
    for (unsigned n = 1; cut == 1; n++) {
        struct errmsg msg = {""};

        assert_true(n < CALLS_MAX);
        cut = cut_at(n, recover_once, f.dir);
        if (access(fresh, F_OK) == 0) {
            assert_whole(fresh);
            assert_int_equal(access(beside, F_OK), 0);
            assert_int_equal(unlink(fresh), 0);
        }
        (void)unlink(beside);
        if (access(part, F_OK) == 0) {
            parts++;
            assert_int_equal(recover(f.dir, fresh, &msg), ERR_EXISTS);
            assert_non_null(strstr(msg.text, "is in the way"));
            remove_all(part);
        }
    }
    assert_true(parts > 10);
    end_damaged(&f);
}

/* ---- ballast ---- */

/* The disk refuses while the ballast is there, and has no more than that. */
static void what_waits_is_stored_in_the_ballast_s_room(int number)
{
    struct fixture f;
    struct journal_append a;
    char ballast[128];

    disk_reset();
    fixture_open(&f);
    fixture_close_journal(&f);
    f.options.low_water_bytes = 1u << 20;
    fixture_restart(&f);
    (void)snprintf(ballast, sizeof(ballast), "%s.ballast", f.path);
    assert_int_equal(access(ballast, F_OK), 0);
    disk.number = number;
    disk.full_while = ballast;
    fixture_start_snapshot(&f, &a, "A", "a");
    fake_loop_settle(&f.loop);
    assert_int_equal(journal_condition(f.journal), JOURNAL_FULL);
    fake_loop_advance(&f.loop, 1000);
    assert_int_equal(journal_condition(f.journal), JOURNAL_OK);
    fixture_end_snapshot(&a, 0);
    assert_int_not_equal(access(ballast, F_OK), 0); /* not taken back at once */
    disk_reset();
    for (int i = 0; i < 100; i++) { /* but when there has been room for a while */
        (void)fixture_snapshot(&f, "A", i % 2 == 0 ? "b" : "c", 2);
    }
    assert_int_equal(access(ballast, F_OK), 0);
    fixture_end(&f);
}

static void a_full_disk_gets_the_ballast_s_room(void **state)
{
    (void)state;
    what_waits_is_stored_in_the_ballast_s_room(ENOSPC);
}

static void a_full_quota_gets_the_ballast_s_room(void **state)
{
    (void)state;
    what_waits_is_stored_in_the_ballast_s_room(EDQUOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_s_name_comes_behind_its_sync_and_is_synced_itself),
        cmocka_unit_test(a_failing_disk_leaves_no_half_backup_and_says_where_it_failed),
        cmocka_unit_test(somebody_s_part_is_left_alone),
        cmocka_unit_test(a_cut_backup_is_never_taken_for_a_whole_one),
        cmocka_unit_test(a_failed_recovery_leaves_nothing_and_takes_nothing),
        cmocka_unit_test(what_is_in_the_way_of_a_recovery_is_left_alone),
        cmocka_unit_test(a_recovery_holds_the_daemon_s_lock_while_it_works),
        cmocka_unit_test(a_cut_recovery_is_never_taken_for_a_whole_one),
        cmocka_unit_test(a_full_disk_gets_the_ballast_s_room),
        cmocka_unit_test(a_full_quota_gets_the_ballast_s_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
