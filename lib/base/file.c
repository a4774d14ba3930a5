#include "base/file.h"

#include <errno.h>
#include <unistd.h>

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
