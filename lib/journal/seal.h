/* seal: what a clean stop of a sound journal leaves in the lock file, so that the next start knows
 * the file again: nobody has written to it since.
 *
 * It names the file itself, its length and its times. It is broken, and that synced, before
 * anything is written to the journal: no power cut brings an older seal back. It says nothing of a
 * disk that forgets by itself, as a run says nothing of it either. Used by the journal only. */
#ifndef JOURNAL_SEAL_H
#define JOURNAL_SEAL_H

#include "base/err.h"

#define SEAL_AT 80 /* of the lock file; before it stands the witness */

/* Breaks the seal. 1: the file is as it was sealed and has no write-ahead log; 0: it is not, or
 * there was no seal; ERR_IO: it could not be broken. */
MUST_CHECK int seal_break(int fd, const char *path, struct errmsg *msg);
/* After the journal was closed; not when a write-ahead log is left. What fails leaves no seal. */
void seal_set(int fd, const char *path);

#endif
