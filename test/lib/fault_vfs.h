/* fault_vfs: SQLite's file system with faults that a test turns on and off: a full disk, a failing
 * fsync. Counts what is written. Only one at a time; the test's thread and, while it stands still,
 * the worker. */
#ifndef TEST_FAULT_VFS_H
#define TEST_FAULT_VFS_H

#include <sqlite3.h>
#include <stdint.h>

struct fault_vfs {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    int write_code;    /* what writing gives: SQLITE_OK, SQLITE_FULL, SQLITE_IOERR_WRITE */
    int sync_code;     /* what syncing gives: SQLITE_OK, SQLITE_IOERR_FSYNC */
    int failing_syncs; /* how many syncs fail, then it works again; -1: all */
    uint64_t writes, syncs, locks; /* locks: taken and given back in the file beside the log */
};

/* Becomes the default for connections opened from now on; all must be closed before removal. */
void fault_vfs_install(struct fault_vfs *v);
void fault_vfs_remove(struct fault_vfs *v);

#endif
