/* file: what reading a small file, and making one that lasts, comes down to, for those who open it
 * in ways of their own.
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

/* What an errno of writing, syncing or renaming means: ERR_FULL (a quota is a full disk), else
 * ERR_IO. */
int file_write_error(int number);
/* All of it, with what write gives in between. ERR_FULL, ERR_IO: see errno. */
MUST_CHECK int file_write(int fd, const void *bytes, size_t n);
/* Moves a file to a name that nobody has, and syncs the folder, so that the name outlasts a power
 * cut. What fails is undone: the file stands under its old name, or, when the folder can't be
 * synced, is gone. ERR_EXISTS, ERR_FULL, ERR_IO; msg names the step. */
MUST_CHECK int file_put_in_place(const char *from, const char *to, struct errmsg *msg);
/* Of the folder that holds path. */
MUST_CHECK int file_sync_folder(const char *path, struct errmsg *msg);

#endif
