/* spool_dir: the folders of a spool, so that nothing outside of them is ever touched.
 *
 *   in/    what the other side drops by renaming it into place
 *   done/  DATE/NAME: taken over, after the commit
 *   bad/   NAME and NAME.reason: what could not be read, and why
 *   out/   what is for the other side; a name that is there is whole
 *   tmp/   files being written
 *   catalog/  the local product's own catalogue (ServiceInfo, or a zip of them)
 *
 * Every access goes through an open folder and one name without a slash; symbolic links are never
 * followed, only regular files with one link are read. Names on disk come from the folder or from
 * us, never from content. Everything here blocks: on workers, and at open. A file is known again by
 * its place on disk, size and time (identity), so that a newer one of the same name is never taken
 * for it. */
#ifndef ADAPTER_SPOOL_DIR_H
#define ADAPTER_SPOOL_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "domain/record.h"

#define SPOOL_NAME_SIZE 204 /* of a file in in/, terminator included */

enum spool_folder {
    SPOOL_IN,
    SPOOL_DONE,
    SPOOL_BAD,
    SPOOL_OUT,
    SPOOL_TMP,
    SPOOL_CATALOG,
    SPOOL_FOLDERS
};

struct spool_dir {
    int root;
    int folders[SPOOL_FOLDERS];
};

/* Opens, makes what is missing (0750). ERR_CONFIG, ERR_DENIED, ERR_IO with the path in msg. */
MUST_CHECK int spool_dir_open(struct spool_dir *d, const char *path, struct errmsg *msg);
/* Puts back into in/ what a crash left half-way out of it. Once, by the process that owns the
 * spool, before it moves anything. */
MUST_CHECK int spool_dir_recover(const struct spool_dir *d, struct errmsg *msg);
void spool_dir_close(struct spool_dir *d); /* may be called twice */
const char *spool_folder_name(enum spool_folder folder);

/* What a renaming does not change. */
struct spool_identity {
    uint64_t inode;
    int64_t size;
    int64_t modified_ns;
};

struct spool_entry {
    char name[SPOOL_NAME_SIZE];
    struct spool_identity identity;
    int64_t changed_ns;              /* of the inode: also renaming, linking */
    bool linked;                     /* a regular file with further links: a writer may be at it */
    uint8_t hash[RECORD_HASH_BYTES]; /* over all of the above */
};

/* The first max names after `after` in byte order, those that may be taken: *.json, *.xml, *.zip
 * without a dot in front; others are counted in *ignored. *more: there are further ones. */
MUST_CHECK int spool_dir_list(const struct spool_dir *d, enum spool_folder folder,
                              const char *after, struct spool_entry *entries, size_t max, size_t *n,
                              bool *more, uint64_t *ignored, struct errmsg *msg);

/* A whole file; *bytes from malloc. ERR_NOTFOUND: gone. ERR_BUSY: it changed while it was read.
 * ERR_FORMAT: no regular file with one link. ERR_TOOBIG, ERR_DENIED, ERR_IO, ERR_NOMEM. */
MUST_CHECK int spool_dir_read(const struct spool_dir *d, enum spool_folder folder, const char *name,
                              size_t max_bytes, char **bytes, size_t *n,
                              struct spool_identity *identity, struct errmsg *msg);

/* Moves a file of in/ away, if it still is the one of that identity: to done/DAY, to bad/ with a
 * reason file beside it, or to catalog/ in the place of one of the same name. ERR_NOTFOUND: it is
 * gone, or another has come in its place (which stays). */
MUST_CHECK int spool_dir_done(const struct spool_dir *d, const char *name,
                              const struct spool_identity *identity, const char *day,
                              struct errmsg *msg);
MUST_CHECK int spool_dir_bad(const struct spool_dir *d, const char *name,
                             const struct spool_identity *identity, const char *reason,
                             struct errmsg *msg);
MUST_CHECK int spool_dir_catalog(const struct spool_dir *d, const char *name,
                                 const struct spool_identity *identity, struct errmsg *msg);
/* The identity of what stands in in/ now, whatever it is. ERR_NOTFOUND. */
MUST_CHECK int spool_dir_identity(const struct spool_dir *d, const char *name,
                                  struct spool_identity *out);

/* Writes out/NAME: whole and on disk when this returns 0; replaces one of the same name. */
MUST_CHECK int spool_dir_write(const struct spool_dir *d, const char *name, const char *bytes,
                               size_t n, struct errmsg *msg);

#endif
