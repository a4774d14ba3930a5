#include "journal/seal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_SIZE 104 /* number, length, and two times with their nanoseconds */

/* The line that stands for the file as it is; false: there is none for it. */
static bool describe(const char *path, char line[LINE_SIZE + 1])
{
    char wal[4096];
    struct stat file;

    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    if ((stat(wal, &file) == 0 && file.st_size > 0) || stat(path, &file) != 0) {
        return false;
    }
    if (file.st_mtim.tv_nsec == 0 && file.st_ctim.tv_nsec == 0) {
        return false; /* whole seconds: a change within this one would not show */
    }
    (void)snprintf(line, LINE_SIZE + 1,
                   "%020" PRIu64 " %020" PRIu64 " %020" PRIu64 ".%09ld %020" PRIu64 ".%09ld\n",
                   (uint64_t)file.st_ino, (uint64_t)file.st_size, (uint64_t)file.st_mtim.tv_sec,
                   file.st_mtim.tv_nsec, (uint64_t)file.st_ctim.tv_sec, file.st_ctim.tv_nsec);
    return true;
}

int seal_break(int fd, const char *path, struct errmsg *msg)
{
    static const char broken[LINE_SIZE];
    char sealed[LINE_SIZE + 1] = "";
    char now[LINE_SIZE + 1];

    if (pread(fd, sealed, LINE_SIZE, SEAL_AT) < 1 || sealed[0] == '\0') {
        return 0;
    }
    errno = EIO; /* of a write that is cut short */
    if (pwrite(fd, broken, LINE_SIZE, SEAL_AT) != LINE_SIZE || fdatasync(fd) != 0) {
        return err_set(msg, ERR_IO, "%s.lock: %s", path, strerror(errno));
    }
    return describe(path, now) && strcmp(sealed, now) == 0;
}

void seal_set(int fd, const char *path)
{
    char line[LINE_SIZE + 1];

    if (describe(path, line)) {
        ssize_t written = pwrite(fd, line, strlen(line), SEAL_AT);

        (void)written; /* the next start checks first then */
    }
}
