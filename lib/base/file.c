#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096

int file_error(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP: /* leads nowhere */
        return ERR_NOTFOUND;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case ENOMEM:
        return ERR_NOMEM;
    default:
        return ERR_IO;
    }
}

int file_fill(int fd, void *bytes, size_t size, size_t *n)
{
    *n = 0;
    while (*n < size) {
        ssize_t got = read(fd, (char *)bytes + *n, size - *n);

        if (got == 0) {
            return 0;
        }
        if (got > 0) {
            *n += (size_t)got;
        } else if (errno != EINTR) {
            return ERR_IO;
        }
    }
    return 0;
}

int file_write_error(int number)
{
    return number == ENOSPC || number == EDQUOT ? ERR_FULL : ERR_IO;
}

int file_write(int fd, const void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t put = write(fd, (const char *)bytes + done, n - done);

        if (put < 0 && errno != EINTR) {
            return file_write_error(errno);
        }
        done += put > 0 ? (size_t)put : 0;
    }
    return 0;
}

int file_sync_folder(const char *path, struct errmsg *msg)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_SIZE] = ".";
    int err = 0;
    int fd;

    if (slash != NULL) {
        (void)snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path),
                       path);
    }
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        err = err_set(msg, file_write_error(errno), "sync of the folder %s: %s", folder,
                      strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return err;
}

/* Nothing is overwritten, not even what has come to be there meanwhile. */
static int rename_to_free(const char *from, const char *to)
{
    int number = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 ? 0 : errno;

    if (number == EINVAL && access(to, F_OK) != 0) { /* a file system that can't say so */
        number = rename(from, to) == 0 ? 0 : errno;
    }
    return number;
}

int file_put_in_place(const char *from, const char *to, struct errmsg *msg)
{
    int number = rename_to_free(from, to);
    int err;

    if (number != 0) {
        return err_set(msg, number == EEXIST ? ERR_EXISTS : file_write_error(number),
                       "rename to %s: %s", to, strerror(number));
    }
    err = file_sync_folder(to, msg);
    if (err < 0) {
        (void)unlink(to); /* else a power cut decides whether it is there */
    }
    return err;
}
