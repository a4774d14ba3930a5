#include "base/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void a_file_is_read_until_it_ends_or_the_room_does(void **state)
{
    char bytes[8];
    size_t n;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    assert_int_equal(write(ends[1], "defghij", 7), 7);
    assert_int_equal(file_fill(ends[0], bytes, sizeof(bytes), &n), 0);
    assert_int_equal(n, 8);
    assert_memory_equal(bytes, "abcdefgh", 8);
    close(ends[1]);
    assert_int_equal(file_fill(ends[0], bytes, sizeof(bytes), &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(file_fill(ends[0], bytes, sizeof(bytes), &n), 0);
    assert_int_equal(n, 0);
    close(ends[0]);
}

static void a_failure_leaves_its_cause(void **state)
{
    char byte;
    size_t n = 7;

    (void)state;
    assert_int_equal(file_fill(-1, &byte, 1, &n), ERR_IO);
    assert_int_equal(errno, EBADF);
    assert_int_equal(n, 0);
    assert_int_equal(file_error(ENOENT), ERR_NOTFOUND);
    assert_int_equal(file_error(ELOOP), ERR_NOTFOUND);
    assert_int_equal(file_error(EACCES), ERR_DENIED);
    assert_int_equal(file_error(ENOMEM), ERR_NOMEM);
    assert_int_equal(file_error(EISDIR), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_until_it_ends_or_the_room_does),
        cmocka_unit_test(a_failure_leaves_its_cause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
