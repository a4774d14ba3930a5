#include "journal/ballast.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define MB (UINT64_C(1) << 20)

/* What this user may have; the file system knows nothing of it. */
static uint64_t quota = UINT64_MAX;
static unsigned asked;

/* Takes the place of libc's. */
int posix_fallocate(int fd, off_t at, off_t n)
{
    asked++;
    return (uint64_t)n > quota ? EDQUOT : syscall(SYS_fallocate, fd, 0, at, n) == 0 ? 0 : errno;
}

static int64_t size_of(const struct ballast *b)
{
    struct stat file;

    return stat(b->path, &file) == 0 ? (int64_t)file.st_blocks * 512 : -1;
}

static void it_is_kept_while_there_is_room_and_given_up_once(void **state)
{
    char dir[] = "/tmp/dvcsync-ballast-XXXXXX";
    char path[64];
    struct ballast b;
    struct ballast again;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/journal.db", dir);
    ballast_init(&b, path, 8 * MB);
    assert_int_equal(b.bytes, MB);
    assert_false(ballast_drop(&b));
    ballast_keep(&b, 10 * MB - 1, 8 * MB); /* not beyond the mark and twice its size */
    assert_int_equal(size_of(&b), -1);
    ballast_keep(&b, 10 * MB, 8 * MB);
    assert_true(size_of(&b) >= (int64_t)MB); /* blocks of the disk, not only a length */
    ballast_init(&again, path, 8 * MB);      /* a restart finds it */
    assert_true(again.kept);
    assert_true(ballast_drop(&again));
    assert_int_equal(size_of(&again), -1);
    assert_false(ballast_drop(&again));
    assert_int_equal(rmdir(dir), 0);
}

/* The file system has room for ever, the quota has not: what was given up is not taken back under
 * the journal's hands, and no half of it is left. */
static void under_a_quota_it_comes_back_only_with_room_beside_it(void **state)
{
    char dir[] = "/tmp/dvcsync-ballast-XXXXXX";
    char path[64];
    struct ballast b;
    unsigned n;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/journal.db", dir);
    ballast_init(&b, path, 8 * MB);
    quota = MB / 2;
    for (asked = 0, n = 0; n < 120; n++) { /* too little from the beginning */
        ballast_keep(&b, 1024 * MB, 8 * MB);
        assert_int_equal(size_of(&b), -1);
    }
    assert_in_range(asked, 1, 3);
    quota = MB;
    for (n = 0; n < 120; n++) {
        ballast_keep(&b, 1024 * MB, 8 * MB);
    }
    assert_true(b.kept);
    assert_true(ballast_drop(&b));
    for (n = 0; n < 300; n++) { /* its own room is not enough: it would be full again at once */
        ballast_keep(&b, 1024 * MB, 8 * MB);
        assert_int_equal(size_of(&b), -1);
    }
    quota = 9 * MB;
    for (n = 0; n < 120 && !b.kept; n++) {
        ballast_keep(&b, 1024 * MB, 8 * MB);
    }
    assert_true(b.kept);
    assert_in_range(size_of(&b), (int64_t)MB, (int64_t)(2 * MB)); /* what proved the room is gone */
    quota = UINT64_MAX;
    assert_true(ballast_drop(&b));
    assert_int_equal(rmdir(dir), 0);
}

static void it_has_bounds(void **state)
{
    struct ballast b;

    (void)state;
    ballast_init(&b, "/no/such/folder/journal.db", 1024 * MB);
    assert_int_equal(b.bytes, BALLAST_BYTES_MAX);
    ballast_keep(&b, 4096 * MB, 1024 * MB); /* can't be made: no error */
    assert_false(b.kept);
    ballast_init(&b, "/no/such/folder/journal.db", 0);
    ballast_keep(&b, 4096 * MB, 0);
    assert_int_equal(b.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_kept_while_there_is_room_and_given_up_once),
        cmocka_unit_test(under_a_quota_it_comes_back_only_with_room_beside_it),
        cmocka_unit_test(it_has_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
