/* powercut: a disk on which only what was synced survives; preloaded into the daemon.
 *
 * Files straight in POWERCUT_DIR are shadowed in POWERCUT_SHADOW, which holds what a power cut
 * would leave for certain:
 *   data.N   what file number N held when it was last synced
 *   names    "NUMBER NAME" lines: the folder's entries when the folder was last synced
 *   inodes   "NUMBER INODE" lines, appended: which file of the folder is which number
 * A sync copies the ranges written since the last one. The process may be killed at any moment: a
 * sync that has not returned may leave any part of what it was to write, which is what a disk does
 * too; names is replaced by a rename. What was written and not synced stands in the folder itself;
 * powercut.py takes a random part of it. The real sync is left out: the shadow is the disk.
 *
 * Not modelled: files mapped into memory (SQLite's -shm, which it makes anew), vectored and
 * in-kernel copies (the daemon uses none: a clean stop compares both sides), and that of a sector
 * written twice since the last sync the first writing survives.
 *
 * POWERCUT_AT=N ends the process with SIGKILL right before its N-th write, truncation or sync;
 * POWERCUT_OF=NAME counts those of one file only. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS_MAX 1024
#define FILES_MAX 256
#define PATH_SIZE 4096
#define COPY_BYTES 65536

struct range {
    off_t at, end;
};

struct shadowed {
    unsigned number;
    ino_t inode;
    bool counts; /* towards the cut */
    int fd;      /* of data.N; -1: never synced */
    struct range *ranges;
    size_t n, room; /* written since the last sync */
};

static struct {
    pthread_mutex_t lock;
    pthread_once_t once;
    bool on;
    char dir[PATH_SIZE], shadow[PATH_SIZE];
    dev_t dev;
    ino_t dir_inode;
    struct shadowed files[FILES_MAX];
    size_t n;
    unsigned last_number;
    int by_fd[FDS_MAX]; /* 0 none, -1 the folder, else index + 1 */
    int inodes;
    long left;          /* calls until the cut; 0: never */
    const char *counts; /* the name of the file whose calls count; NULL all */
    int (*open)(const char *, int, ...);
    int (*openat)(int, const char *, int, ...);
    int (*close)(int);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
    int (*ftruncate)(int, off_t);
    int (*fsync)(int);
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT};

/* A model that can't go on says nothing of the product. */
static void fail(const char *what)
{
    fprintf(stderr, "powercut: the model failed: %s: %s\n", what, strerror(errno));
    abort();
}

static void shadow_path(char out[PATH_SIZE], const char *name, unsigned number)
{
    int n = number > 0 ? snprintf(out, PATH_SIZE, "%s/%s.%u", disk.shadow, name, number)
                       : snprintf(out, PATH_SIZE, "%s/%s", disk.shadow, name);

    if (n < 0 || n >= PATH_SIZE) {
        fail("path");
    }
}

static int open_shadow(const char *name, unsigned number, int flags)
{
    char path[PATH_SIZE];
    int fd;

    shadow_path(path, name, number);
    fd = disk.open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0 && errno != ENOENT) {
        fail(path);
    }
    return fd;
}

static void write_all(int fd, const char *data, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t n = disk.pwrite(fd, data, size, at);

        if (n <= 0) {
            fail("shadow");
        }
        data += n;
        size -= (size_t)n;
        at += n;
    }
}

/* ---- which file is which ---- */

static struct shadowed *find(ino_t inode)
{
    for (size_t i = 0; i < disk.n; i++) {
        if (disk.files[i].inode == inode) {
            return &disk.files[i];
        }
    }
    return NULL;
}

static struct shadowed *enter(ino_t inode, unsigned number)
{
    struct shadowed *f = &disk.files[disk.n];

    if (disk.n == FILES_MAX) {
        fail("too many files");
    }
    disk.n++;
    *f = (struct shadowed){
        .number = number, .inode = inode, .fd = open_shadow("data", number, O_RDWR)};
    disk.last_number = number > disk.last_number ? number : disk.last_number;
    return f;
}

/* A file that was not there: a number of its own, even where the inode served another before. */
static struct shadowed *enter_new(ino_t inode)
{
    struct shadowed *old = find(inode);
    struct shadowed *f;
    char line[64];
    int n;

    if (old != NULL) {
        old->inode = 0;
    }
    f = enter(inode, disk.last_number + 1);
    n = snprintf(line, sizeof(line), "%u %" PRIu64 "\n", f->number, (uint64_t)inode);
    if (disk.write(disk.inodes, line, (size_t)n) != n) {
        fail("inodes");
    }
    return f;
}

static void read_inodes(void)
{
    char path[PATH_SIZE];
    unsigned number;
    uint64_t inode;
    FILE *in;

    shadow_path(path, "inodes", 0);
    in = fopen(path, "re");
    if (in == NULL) {
        return; /* an empty folder */
    }
    while (fscanf(in, "%u %" SCNu64, &number, &inode) == 2) {
        struct shadowed *old = find((ino_t)inode);

        if (old != NULL) {
            old->inode = 0;
        }
        (void)enter((ino_t)inode, number);
    }
    fclose(in);
}

static void load(void **symbol, const char *name)
{
    *symbol = dlsym(RTLD_NEXT, name);
    if (*symbol == NULL) {
        fail(name);
    }
}

static void begin(void)
{
    const char *dir = getenv("POWERCUT_DIR");
    const char *shadow = getenv("POWERCUT_SHADOW");
    const char *at = getenv("POWERCUT_AT");
    struct stat st;

    load((void **)&disk.open, "open64");
    load((void **)&disk.openat, "openat64");
    load((void **)&disk.close, "close");
    load((void **)&disk.write, "write");
    load((void **)&disk.pwrite, "pwrite64");
    load((void **)&disk.ftruncate, "ftruncate64");
    load((void **)&disk.fsync, "fsync");
    if (dir == NULL || shadow == NULL) {
        return;
    }
    (void)snprintf(disk.dir, sizeof(disk.dir), "%s", dir);
    (void)snprintf(disk.shadow, sizeof(disk.shadow), "%s", shadow);
    if (stat(dir, &st) != 0) {
        fail(dir);
    }
    disk.dev = st.st_dev;
    disk.dir_inode = st.st_ino;
    disk.left = at != NULL ? strtol(at, NULL, 10) : 0;
    disk.counts = getenv("POWERCUT_OF");
    read_inodes();
    disk.inodes = open_shadow("inodes", 0, O_WRONLY | O_CREAT | O_APPEND);
    disk.on = true;
}

static void lock(void)
{
    pthread_once(&disk.once, begin);
    pthread_mutex_lock(&disk.lock);
}

static void unlock(void)
{
    pthread_mutex_unlock(&disk.lock);
}

/* The file behind a descriptor, NULL when it is none of ours. */
static struct shadowed *of_fd(int fd)
{
    return disk.on && fd >= 0 && fd < FDS_MAX && disk.by_fd[fd] > 0
               ? &disk.files[disk.by_fd[fd] - 1]
               : NULL;
}

static void count_down(bool counts)
{
    if (counts && disk.left > 0 && --disk.left == 0) {
        raise(SIGKILL);
    }
}

/* ---- writing and syncing ---- */

static void add_range(struct shadowed *f, off_t at, off_t end)
{
    struct range *last = f->n > 0 ? &f->ranges[f->n - 1] : NULL;

    if (last != NULL && at >= last->at && at <= last->end) {
        last->end = end > last->end ? end : last->end;
        return;
    }
    if (f->n == f->room) {
        f->room = f->room > 0 ? 2 * f->room : 64;
        f->ranges = realloc(f->ranges, f->room * sizeof(*f->ranges));
        if (f->ranges == NULL) {
            fail("memory");
        }
    }
    f->ranges[f->n++] = (struct range){at, end};
}

static void copy_range(int from, int to, struct range range)
{
    static char data[COPY_BYTES]; /* under the lock */

    while (range.at < range.end) {
        off_t left = range.end - range.at;
        ssize_t n = pread(from, data, left < COPY_BYTES ? (size_t)left : COPY_BYTES, range.at);

        if (n < 0) {
            fail("reading back");
        }
        if (n == 0) {
            return; /* cut off since */
        }
        write_all(to, data, (size_t)n, range.at);
        range.at += n;
    }
}

static void sync_file(struct shadowed *f, int fd)
{
    struct stat now, then;

    if (f->fd < 0) {
        f->fd = open_shadow("data", f->number, O_RDWR | O_CREAT);
    }
    for (size_t i = 0; i < f->n; i++) {
        copy_range(fd, f->fd, f->ranges[i]);
    }
    f->n = 0;
    if (fstat(fd, &now) != 0 || fstat(f->fd, &then) != 0 ||
        (now.st_size != then.st_size && disk.ftruncate(f->fd, now.st_size) != 0)) {
        fail("size");
    }
}

static void sync_folder(void)
{
    char path[PATH_SIZE], fresh[PATH_SIZE];
    DIR *folder = opendir(disk.dir);
    struct stat st;
    FILE *out;

    shadow_path(path, "names", 0);
    shadow_path(fresh, "names.new", 0);
    out = fopen(fresh, "we");
    if (folder == NULL || out == NULL) {
        fail(fresh);
    }
    for (const struct dirent *e = readdir(folder); e != NULL; e = readdir(folder)) {
        const struct shadowed *f = fstatat(dirfd(folder), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
                                       ? find(st.st_ino)
                                       : NULL;

        if (f != NULL) {
            fprintf(out, "%u %s\n", f->number, e->d_name);
        }
    }
    closedir(folder);
    if (fclose(out) != 0 || rename(fresh, path) != 0) {
        fail(path);
    }
}

/* 1: done here; 0: none of ours. */
static int synced(int fd)
{
    struct shadowed *f;
    int ours = 1;

    lock();
    f = of_fd(fd);
    if (f != NULL) {
        count_down(f->counts);
        sync_file(f, fd);
    } else if (disk.on && fd >= 0 && fd < FDS_MAX && disk.by_fd[fd] < 0) {
        count_down(disk.counts == NULL);
        sync_folder();
    } else {
        ours = 0;
    }
    unlock();
    return ours;
}

static ssize_t written(int fd, const void *data, size_t size, off_t at, bool positioned)
{
    struct shadowed *f;
    ssize_t n;

    lock();
    f = of_fd(fd);
    if (f != NULL) {
        count_down(f->counts);
        at = positioned ? at : lseek(fd, 0, SEEK_CUR);
    } else {
        unlock(); /* a socket may block */
    }
    n = positioned ? disk.pwrite(fd, data, size, at) : disk.write(fd, data, size);
    if (f != NULL) {
        if (n > 0) {
            add_range(f, at, at + n);
        }
        unlock();
    }
    return n;
}

static int truncated(int fd, off_t size)
{
    struct stat st;
    struct shadowed *f;
    int rc;

    lock();
    f = of_fd(fd);
    if (f != NULL) {
        count_down(f->counts);
        if (fstat(fd, &st) == 0 && st.st_size > size) {
            add_range(f, size, st.st_size);
        }
    }
    rc = disk.ftruncate(fd, size);
    unlock();
    return rc;
}

/* ---- opening ---- */

static bool in_folder(const char *path)
{
    size_t n = strlen(disk.dir);

    return disk.on && strncmp(path, disk.dir, n) == 0 && path[n] == '/' &&
           strchr(path + n + 1, '/') == NULL;
}

static void opened(int fd, const char *path, int flags, bool was_there, off_t was_size)
{
    struct stat st;
    struct shadowed *f;
    const char *dash = strrchr(path, '-');

    if (fd < 0 || fd >= FDS_MAX || !disk.on) {
        return;
    }
    disk.by_fd[fd] = 0;
    if (fstat(fd, &st) != 0 || st.st_dev != disk.dev) {
        return;
    }
    if (st.st_ino == disk.dir_inode) {
        disk.by_fd[fd] = -1;
        return;
    }
    if (!in_folder(path) || !S_ISREG(st.st_mode) || (dash != NULL && strcmp(dash, "-shm") == 0)) {
        return;
    }
    f = was_there ? find(st.st_ino) : NULL;
    f = f != NULL ? f : enter_new(st.st_ino);
    if ((flags & O_TRUNC) != 0 && was_size > 0) {
        add_range(f, 0, was_size);
    }
    f->counts = disk.counts == NULL || strcmp(strrchr(path, '/') + 1, disk.counts) == 0;
    disk.by_fd[fd] = (int)(f - disk.files) + 1;
}

static int open_any(int at, const char *path, int flags, mode_t mode)
{
    struct stat st;
    bool was_there;
    int fd;
    int saved;

    lock();
    if (in_folder(path) && (flags & O_ACCMODE) == O_WRONLY) {
        flags = (flags & ~O_ACCMODE) | O_RDWR; /* what it writes is read back when it is synced */
    }
    was_there = fstatat(at, path, &st, 0) == 0;
    fd = disk.openat(at, path, flags, mode);
    saved = errno;
    opened(fd, path, flags, was_there, was_there ? st.st_size : 0);
    errno = saved;
    unlock();
    return fd;
}

/* ---- what the daemon and its libraries call instead of the C library's ---- */

#define MODE_OF(flags, mode)                                                                       \
    do {                                                                                           \
        if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) {                          \
            va_list args;                                                                          \
                                                                                                   \
            va_start(args, flags);                                                                 \
            (mode) = va_arg(args, mode_t);                                                         \
            va_end(args);                                                                          \
        }                                                                                          \
    } while (0)

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_OF(flags, mode);
    return open_any(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_OF(flags, mode);
    return open_any(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_OF(flags, mode);
    return open_any(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_OF(flags, mode);
    return open_any(at, path, flags, mode);
}

int close(int fd)
{
    lock();
    if (fd >= 0 && fd < FDS_MAX) {
        disk.by_fd[fd] = 0;
    }
    unlock();
    return disk.close(fd);
}

ssize_t write(int fd, const void *data, size_t size)
{
    return written(fd, data, size, 0, false);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return written(fd, data, size, at, true);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
    return written(fd, data, size, at, true);
}

int ftruncate(int fd, off_t size)
{
    return truncated(fd, size);
}

int ftruncate64(int fd, off_t size)
{
    return truncated(fd, size);
}

int fsync(int fd)
{
    return synced(fd) ? 0 : disk.fsync(fd);
}

int fdatasync(int fd)
{
    return synced(fd) ? 0 : disk.fsync(fd);
}
