#include "lib/fault_vfs.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct fault_file {
    sqlite3_file file;
    struct fault_vfs *owner;
    sqlite3_file *real; /* stands behind this struct */
};

static struct fault_file *fault(sqlite3_file *file)
{
    return (struct fault_file *)file;
}

static sqlite3_file *real(sqlite3_file *file)
{
    return fault(file)->real;
}

static int file_close(sqlite3_file *file)
{
    return real(file)->pMethods != NULL ? real(file)->pMethods->xClose(real(file)) : SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 at)
{
    return real(file)->pMethods->xRead(real(file), bytes, n, at);
}

static int file_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
    struct fault_vfs *v = fault(file)->owner;

    if (v->write_code != SQLITE_OK) {
        return v->write_code;
    }
    v->writes++;
    return real(file)->pMethods->xWrite(real(file), bytes, n, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    fault(file)->owner->writes++;
    return real(file)->pMethods->xTruncate(real(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
    struct fault_vfs *v = fault(file)->owner;

    if (v->failing_syncs != 0) {
        v->failing_syncs -= v->failing_syncs > 0;
        return v->sync_code;
    }
    v->syncs++;
    return real(file)->pMethods->xSync(real(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real(file)->pMethods->xFileSize(real(file), size);
}

static int file_lock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xLock(real(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xUnlock(real(file), level);
}

static int file_check_lock(sqlite3_file *file, int *reserved)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), reserved);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int file_sector(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int file_device(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    fault(file)->owner->locks++;
    return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove)
{
    return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_device,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* The struct in front, rounded so that the real file behind it is aligned. */
#define FRONT_BYTES ((sizeof(struct fault_file) + 15) / 16 * 16)

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct fault_vfs *v = (struct fault_vfs *)vfs->pAppData;
    struct fault_file *f = fault(file);
    int code;

    memset(f, 0, sizeof(*f));
    f->owner = v;
    f->real = (sqlite3_file *)((char *)file + FRONT_BYTES);
    f->real->pMethods = NULL;
    code = v->real->xOpen(v->real, name, f->real, flags, out);
    f->file.pMethods = code == SQLITE_OK ? &methods : NULL;
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    struct fault_vfs *v = (struct fault_vfs *)vfs->pAppData;

    v->writes++;
    return v->real->xDelete(v->real, name, sync_dir);
}

void fault_vfs_install(struct fault_vfs *v)
{
    memset(v, 0, sizeof(*v));
    v->sync_code = SQLITE_IOERR_FSYNC;
    v->real = sqlite3_vfs_find(NULL);
    v->vfs = *v->real; /* what has no file to it goes straight through */
    v->vfs.szOsFile += (int)FRONT_BYTES;
    v->vfs.zName = "fault";
    v->vfs.pAppData = v;
    v->vfs.xOpen = vfs_open;
    v->vfs.xDelete = vfs_delete;
    if (sqlite3_vfs_register(&v->vfs, 1) != SQLITE_OK) {
        abort();
    }
}

void fault_vfs_remove(struct fault_vfs *v)
{
    if (sqlite3_vfs_unregister(&v->vfs) != SQLITE_OK ||
        sqlite3_vfs_register(v->real, 1) != SQLITE_OK) {
        abort();
    }
}
