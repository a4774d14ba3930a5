#include "lib/preset_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

int preset_text_load(const char *text, size_t n, const struct config_list *params,
                     struct preset **out, struct config_faults *faults)
{
    char path[] = "/tmp/test_preset.XXXXXX";
    int fd = mkstemp(path);
    int err;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), (ssize_t)n);
    assert_int_equal(close(fd), 0);
    memset(faults, 0, sizeof(*faults));
    err = preset_load(path, params, out, faults);
    assert_int_equal(unlink(path), 0);
    assert_true((err == 0) == (*out != NULL));
    return err;
}
