#include "journal/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <linux/magic.h>

static void networks_overlays_and_memory_are_warned_of(void **state)
{
    (void)state;
    assert_non_null(strstr(place_warning(NFS_SUPER_MAGIC), "network"));
    assert_non_null(strstr(place_warning(0xFE534D42), "network")); /* SMB */
    assert_non_null(strstr(place_warning(0xFF534D42), "network"));
    assert_non_null(strstr(place_warning(OVERLAYFS_SUPER_MAGIC), "overlay"));
    assert_non_null(strstr(place_warning(TMPFS_MAGIC), "memory"));
    assert_non_null(strstr(place_warning(FUSE_SUPER_MAGIC), "user space"));
}

static void disks_are_not(void **state)
{
    static const uint64_t fine[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
                                    0x2fc12fc1 /* ZFS */, 0};

    (void)state;
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        assert_null(place_warning(fine[i]));
    }
}

static void a_path_is_looked_up(void **state)
{
    (void)state;
    assert_null(place_warning_of("/no/such/path"));
    assert_non_null(place_warning_of("/dev/shm"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_overlays_and_memory_are_warned_of),
        cmocka_unit_test(disks_are_not),
        cmocka_unit_test(a_path_is_looked_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
