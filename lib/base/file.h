/* file: what reading a small file comes down to, for those who open it in ways of their own.
 * Blocks; any thread. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>

#include "base/err.h"

/* What an errno of open or read means: ERR_NOTFOUND, ERR_DENIED, ERR_NOMEM, else ERR_IO. */
int file_error(int number);
/* Reads until size bytes are there or the file ends; a signal does not end it. ERR_IO: see errno;
 * *n is what came before. */
MUST_CHECK int file_fill(int fd, void *bytes, size_t size, size_t *n);

#endif
