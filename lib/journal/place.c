#include "journal/place.h"

#include <linux/magic.h>
#include <stddef.h>
#include <sys/vfs.h>

#ifndef SMB2_SUPER_MAGIC
#define SMB2_SUPER_MAGIC 0xFE534D42
#endif
#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xFF534D42
#endif
#define CEPH_MAGIC 0x00c36400

#define OVER_A_NETWORK                                                                             \
    "a network's file system: locks and syncs may not hold there; use a local disk"
#define IN_MEMORY "memory: all of it is gone when the machine restarts; use a disk"

const char *place_warning(uint64_t type)
{
    static const struct {
        uint64_t type;
        const char *words;
    } known[] = {
        {NFS_SUPER_MAGIC, OVER_A_NETWORK},
        {SMB_SUPER_MAGIC, OVER_A_NETWORK},
        {SMB2_SUPER_MAGIC, OVER_A_NETWORK},
        {CIFS_SUPER_MAGIC, OVER_A_NETWORK},
        {AFS_SUPER_MAGIC, OVER_A_NETWORK},
        {CODA_SUPER_MAGIC, OVER_A_NETWORK},
        {CEPH_MAGIC, OVER_A_NETWORK},
        {V9FS_MAGIC, OVER_A_NETWORK},
        {OVERLAYFS_SUPER_MAGIC,
         "an overlay, as in a container's own layer: it goes with the container; use a volume"},
        {FUSE_SUPER_MAGIC, "a file system in user space: whether its locks and syncs hold is up to "
                           "it; use a local disk"},
        {TMPFS_MAGIC, IN_MEMORY},
        {RAMFS_MAGIC, IN_MEMORY},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].type == type) {
            return known[i].words;
        }
    }
    return NULL;
}

const char *place_warning_of(const char *path)
{
    struct statfs fs;

    /* f_type is signed on some machines: the magic numbers have 32 bits. */
    return statfs(path, &fs) == 0 ? place_warning((uint32_t)fs.f_type) : NULL;
}
