/* disk: a disk with whims for a process that it is preloaded into (LD_PRELOAD). What is written,
 * synced, made or cut below the folder DISK_UNDER goes by what the file DISK_WHIM says at that
 * moment: nothing (all is well), EROFS, EIO, ENOSPC or EDQUOT (it fails so), or "stall" (it waits
 * until the file says something else). Reading goes on, as from a page cache. With DISK_KILL_AT=n
 * the process is killed at the n-th of these calls, before it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define WHIM_SIZE 32

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* Below the folder, by descriptor. */
static bool ours(int fd)
{
    const char *under = getenv("DISK_UNDER");
    char link[64];
    char path[4096];
    ssize_t n;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = under != NULL ? readlink(link, path, sizeof(path) - 1) : -1;
    path[n > 0 ? n : 0] = '\0';
    return n > 0 && strncmp(path, under, strlen(under)) == 0;
}

static bool read_whim(char whim[WHIM_SIZE])
{
    int (*real_open)(const char *, int, ...) = (int (*)(const char *, int, ...))real("open");
    const char *path = getenv("DISK_WHIM");
    int fd = path != NULL ? real_open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd >= 0 ? read(fd, whim, WHIM_SIZE - 1) : 0;

    if (fd >= 0) {
        (void)close(fd);
    }
    whim[n > 0 ? n : 0] = '\0';
    whim[strcspn(whim, "\n")] = '\0';
    return whim[0] != '\0';
}

/* True: the call fails now, errno is set. */
static bool refused(void)
{
    static const struct {
        const char *name;
        int number;
    } known[] = {{"EROFS", EROFS}, {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}};
    static atomic_long calls;
    const struct timespec pause = {0, 10000000};
    const char *kill_at = getenv("DISK_KILL_AT");
    char whim[WHIM_SIZE];

    if (kill_at != NULL && atomic_fetch_add(&calls, 1) + 1 == atol(kill_at)) {
        (void)kill(getpid(), SIGKILL);
    }
    while (read_whim(whim) && strcmp(whim, "stall") == 0) {
        (void)nanosleep(&pause, NULL);
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(whim, known[i].name) == 0) {
            errno = known[i].number;
            return true;
        }
    }
    return false;
}

#define ON_FD(type, name, parameters, arguments)                                                   \
    EXPORT type name parameters;                                                                   \
    EXPORT type name parameters                                                                    \
    {                                                                                              \
        type(*call) parameters = (type(*) parameters)real(#name);                                  \
                                                                                                   \
        return ours(fd) && refused() ? (type)-1 : call arguments;                                  \
    }

ON_FD(ssize_t, write, (int fd, const void *bytes, size_t n), (fd, bytes, n))
ON_FD(ssize_t, pwrite, (int fd, const void *bytes, size_t n, off_t at), (fd, bytes, n, at))
ON_FD(ssize_t, pwrite64, (int fd, const void *bytes, size_t n, off64_t at), (fd, bytes, n, at))
ON_FD(int, fsync, (int fd), (fd))
ON_FD(int, fdatasync, (int fd), (fd))
ON_FD(int, ftruncate, (int fd, off_t n), (fd, n))
ON_FD(int, ftruncate64, (int fd, off64_t n), (fd, n))

/* What opens to write, or makes a file, is refused as the kernel refuses it. */
static bool refused_to_open(const char *path, int flags)
{
    const char *under = getenv("DISK_UNDER");

    return (flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0 && under != NULL &&
           strncmp(path, under, strlen(under)) == 0 && refused();
}

#define ON_OPEN(name)                                                                              \
    EXPORT int name(const char *path, int flags, ...);                                             \
    EXPORT int name(const char *path, int flags, ...)                                              \
    {                                                                                              \
        int (*call)(const char *, int, ...) = (int (*)(const char *, int, ...))real(#name);        \
        mode_t mode = 0;                                                                           \
        va_list args;                                                                              \
                                                                                                   \
        va_start(args, flags);                                                                     \
        mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;                                  \
        va_end(args);                                                                              \
        return refused_to_open(path, flags) ? -1 : call(path, flags, mode);                        \
    }

ON_OPEN(open)
ON_OPEN(open64)
