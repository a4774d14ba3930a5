#include "adapter/spool_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"

#define FOLDER_MODE 0750
#define FILE_MODE 0640
#define NUMBERS_MAX 10000 /* files of one name on one day */

static const char *const FOLDERS[SPOOL_FOLDERS] = {
    [SPOOL_IN] = "in",   [SPOOL_DONE] = "done", [SPOOL_BAD] = "bad",
    [SPOOL_OUT] = "out", [SPOOL_TMP] = "tmp",   [SPOOL_CATALOG] = "catalog",
};

const char *spool_folder_name(enum spool_folder folder)
{
    return FOLDERS[folder];
}

static int errno_err(int error)
{
    switch (error) {
    case ENOENT:
        return ERR_NOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
        return ERR_FULL;
    case ENOMEM:
        return ERR_NOMEM;
    case ELOOP:   /* a symbolic link */
    case ENXIO:   /* a socket */
    case EXDEV:   /* leaves the folder */
    case ENOTDIR: /* a name with a slash */
        return ERR_FORMAT;
    default:
        return ERR_IO;
    }
}

static int fail(struct errmsg *msg, const char *folder, const char *name, const char *what)
{
    int error = errno;
    char text[64];

    return err_set(msg, errno_err(error), "%s/%s: %s: %s", folder, name, what,
                   strerror_r(error, text, sizeof(text)));
}

/* One name below an open folder: no slash, no link, no way out. */
static int open_below(int folder, const char *name, int flags, mode_t mode)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
                           .mode = mode,
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    long fd;

    if (strchr(name, '/') != NULL || strcmp(name, "..") == 0) {
        errno = ENOTDIR;
        return -1;
    }
    fd = syscall(SYS_openat2, folder, name, &how, sizeof(how));
    if (fd < 0 && errno == ENOSYS) {
        /* Before Linux 5.6: for a single name O_NOFOLLOW says the same. */
        fd = openat(folder, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
    }
    return (int)fd;
}

/* ---- opening ---- */

/* FOLDER_MODE whatever the umask: the other side comes in through the group. */
static int make_folder(int at, const char *name)
{
    int made = mkdirat(at, name, FOLDER_MODE);

    return made == 0 ? fchmodat(at, name, FOLDER_MODE, 0) : errno == EEXIST ? 0 : -1;
}

static int open_folder(struct spool_dir *d, enum spool_folder folder, const char *path,
                       dev_t device, struct errmsg *msg)
{
    struct stat st;
    int fd;

    if (make_folder(d->root, FOLDERS[folder]) != 0) {
        return fail(msg, path, FOLDERS[folder], "make it");
    }
    fd = open_below(d->root, FOLDERS[folder], O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) {
        return fail(msg, path, FOLDERS[folder], "open the folder");
    }
    d->folders[folder] = fd;
    if (fstat(fd, &st) != 0) {
        return fail(msg, path, FOLDERS[folder], "look at it");
    }
    if (st.st_dev != device) {
        return err_set(msg, ERR_CONFIG,
                       "%s/%s is on another file system: files are renamed between the folders",
                       path, FOLDERS[folder]);
    }
    return 0;
}

int spool_dir_open(struct spool_dir *d, const char *path, struct errmsg *msg)
{
    struct stat st;
    int err = 0;

    d->root = -1;
    for (int i = 0; i < SPOOL_FOLDERS; i++) {
        d->folders[i] = -1;
    }
    if (make_folder(AT_FDCWD, path) != 0) {
        return fail(msg, path, "", "make the folder");
    }
    d->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->root < 0 || fstat(d->root, &st) != 0) {
        err = fail(msg, path, "", "open the folder");
    }
    for (int i = 0; i < SPOOL_FOLDERS && err == 0; i++) {
        err = open_folder(d, (enum spool_folder)i, path, st.st_dev, msg);
    }
    if (err != 0) {
        spool_dir_close(d);
    }
    return err;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

void spool_dir_close(struct spool_dir *d)
{
    for (int i = 0; i < SPOOL_FOLDERS; i++) {
        close_fd(&d->folders[i]);
    }
    close_fd(&d->root);
}

/* ---- looking ---- */

static bool same_identity(const struct spool_identity *a, struct spool_identity b)
{
    return a->inode == b.inode && a->size == b.size && a->modified_ns == b.modified_ns;
}

static int64_t nanoseconds(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static struct spool_identity identity_of(const struct stat *st)
{
    return (struct spool_identity){.inode = (uint64_t)st->st_ino,
                                   .size = (int64_t)st->st_size,
                                   .modified_ns = nanoseconds(&st->st_mtim)};
}

static bool plain_file(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_nlink == 1;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name);
    size_t m = strlen(end);

    return n > m && strcasecmp(name + n - m, end) == 0;
}

/* Writers' own names (.x, x.tmp, x.part) are theirs until they rename them. */
static bool name_counts(const char *name)
{
    size_t n = strlen(name);

    if (name[0] == '.' || n >= SPOOL_NAME_SIZE || !text_is_utf8(name, n)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f) {
            return false;
        }
    }
    return ends_with(name, ".json") || ends_with(name, ".xml") || ends_with(name, ".zip") ||
           ends_with(name, ".csv");
}

static int hash_entry(struct spool_entry *e)
{
    const int64_t numbers[] = {(int64_t)e->identity.inode, e->identity.size,
                               e->identity.modified_ns, e->changed_ns};
    struct digest digest;
    int err = digest_begin(&digest);

    if (err == 0) {
        digest_add_field(&digest, e->name);
        digest_add(&digest, numbers, sizeof(numbers));
        digest_end(&digest, e->hash);
    }
    return err;
}

/* Places a name among the smallest so far. */
static void place(struct spool_entry *entries, size_t max, size_t *n, bool *more,
                  const struct spool_entry *entry)
{
    size_t at = *n;

    while (at > 0 && strcmp(entries[at - 1].name, entry->name) > 0) {
        at--;
    }
    if (*n == max) {
        *more = true;
        if (at == max) {
            return;
        }
        --*n;
    }
    memmove(entries + at + 1, entries + at, (*n - at) * sizeof(*entries));
    entries[at] = *entry;
    ++*n;
}

static int look_at(int folder, const char *name, struct spool_entry *out)
{
    struct stat st;

    memset(out, 0, sizeof(*out));
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno_err(errno);
    }
    memcpy(out->name, name, strlen(name) + 1);
    out->identity = identity_of(&st);
    out->changed_ns = nanoseconds(&st.st_ctim);
    out->linked = S_ISREG(st.st_mode) && st.st_nlink != 1;
    return hash_entry(out);
}

int spool_dir_list(const struct spool_dir *d, enum spool_folder folder, const char *after,
                   struct spool_entry *entries, size_t max, size_t *n, bool *more,
                   uint64_t *ignored, struct errmsg *msg)
{
    int fd = openat(d->folders[folder], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *item;
    int err = 0;

    *n = 0;
    *more = false;
    *ignored = 0;
    if (dir == NULL) {
        err = fail(msg, FOLDERS[folder], "", "read the folder");
        close_fd(&fd);
        return err;
    }
    for (errno = 0, item = readdir(dir); item != NULL && err == 0; errno = 0, item = readdir(dir)) {
        struct spool_entry entry;

        if (!name_counts(item->d_name)) {
            *ignored += item->d_name[0] != '.';
        } else if (strcmp(item->d_name, after) > 0) {
            err = look_at(d->folders[folder], item->d_name, &entry);
            if (err == 0) {
                place(entries, max, n, more, &entry);
            } else if (err == ERR_NOTFOUND) {
                err = 0; /* went while we looked */
            } else {
                err_set(msg, err, "%s/%s: %s", FOLDERS[folder], item->d_name, err_text(err));
            }
        }
    }
    if (err == 0 && errno != 0) {
        err = fail(msg, FOLDERS[folder], "", "read the folder");
    }
    closedir(dir);
    return err;
}

int spool_dir_identity(const struct spool_dir *d, const char *name, struct spool_identity *out)
{
    struct stat st;

    if (fstatat(d->folders[SPOOL_IN], name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno_err(errno);
    }
    *out = identity_of(&st);
    return 0;
}

/* ---- reading ---- */

static int read_open(int fd, const char *where, const char *name, size_t max_bytes, char **bytes,
                     size_t *n, struct spool_identity *identity, struct errmsg *msg)
{
    struct stat before;
    struct stat after;

    if (fstat(fd, &before) != 0) {
        return fail(msg, where, name, "look at it");
    }
    *identity = identity_of(&before);
    if (!plain_file(&before)) {
        return err_set(msg, ERR_FORMAT, "%s/%s is no regular file with a single link", where, name);
    }
    if ((uint64_t)before.st_size > max_bytes) {
        return err_set(msg, ERR_TOOBIG, "%s/%s has %lld bytes, reply_limit allows %zu", where, name,
                       (long long)before.st_size, max_bytes);
    }
    *bytes = malloc((size_t)before.st_size + 1);
    if (*bytes == NULL) {
        return err_set(msg, ERR_NOMEM, "%s/%s: %s", where, name, err_text(ERR_NOMEM));
    }
    if (file_fill(fd, *bytes, (size_t)before.st_size + 1, n) != 0) {
        return fail(msg, where, name, "read it");
    }
    if (fstat(fd, &after) != 0 || *n != (size_t)before.st_size ||
        !same_identity(identity, identity_of(&after))) {
        return err_set(msg, ERR_BUSY, "%s/%s changed while it was read", where, name);
    }
    (*bytes)[*n] = '\0';
    return 0;
}

int spool_dir_read(const struct spool_dir *d, enum spool_folder folder, const char *name,
                   size_t max_bytes, char **bytes, size_t *n, struct spool_identity *identity,
                   struct errmsg *msg)
{
    int fd = open_below(d->folders[folder], name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    int err;

    *bytes = NULL;
    *n = 0;
    if (fd < 0) {
        err = fail(msg, FOLDERS[folder], name, "open it");
        if (err == ERR_FORMAT) {
            err_set(msg, err, "%s/%s is no regular file", FOLDERS[folder], name);
        }
        return err;
    }
    err = read_open(fd, FOLDERS[folder], name, max_bytes, bytes, n, identity, msg);
    close(fd);
    if (err != 0) {
        free(*bytes);
        *bytes = NULL;
    }
    return err;
}

/* ---- moving ---- */

static int rename_new(int from, const char *name, int to, const char *new_name)
{
    return renameat2(from, name, to, new_name, RENAME_NOREPLACE) == 0 ? 0 : -1;
}

/* NAME, NAME.1, NAME.2, ... for the first that is free. */
static int rename_free(int from, const char *name, int to, const char *wanted, char *got,
                       size_t size)
{
    for (unsigned i = 0; i < NUMBERS_MAX; i++) {
        if (i == 0) {
            (void)snprintf(got, size, "%s", wanted);
        } else {
            (void)snprintf(got, size, "%s.%u", wanted, i);
        }
        if (rename_new(from, name, to, got) == 0) {
            return 0;
        }
        if (errno != EEXIST) {
            return -1;
        }
    }
    return -1;
}

#define TAKEN ".taken" /* in tmp/: on its way out of in/ */

/* From tmp/ into in/ again; beside a newer file of the same name under a name of its own. */
static int put_back(const struct spool_dir *d, const char *aside, const char *name,
                    struct errmsg *msg)
{
    int tmp = d->folders[SPOOL_TMP];
    char other[64];
    struct stat st;

    if (rename_new(tmp, aside, d->folders[SPOOL_IN], name) == 0) {
        return 0;
    }
    if (errno != EEXIST || fstatat(tmp, aside, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(msg, FOLDERS[SPOOL_TMP], aside, "put it back into in/");
    }
    (void)snprintf(other, sizeof(other), "%llu%.8s", (unsigned long long)st.st_ino,
                   strrchr(name, '.') != NULL ? strrchr(name, '.') : "");
    return rename_new(tmp, aside, d->folders[SPOOL_IN], other) == 0
               ? 0
               : fail(msg, FOLDERS[SPOOL_TMP], aside, "put it back into in/");
}

/* Takes in/NAME aside into tmp/, where nobody else renames, and makes sure that it is the file that
 * was read. Another one goes back, beside a still newer one under a name of its own. */
static int take_aside(const struct spool_dir *d, const char *name,
                      const struct spool_identity *identity, char aside[SPOOL_NAME_SIZE + 16],
                      struct errmsg *msg)
{
    int tmp = d->folders[SPOOL_TMP];
    struct stat st;

    (void)snprintf(aside, SPOOL_NAME_SIZE + 16, "%s" TAKEN, name);
    if (renameat(d->folders[SPOOL_IN], name, tmp, aside) != 0) {
        return fail(msg, FOLDERS[SPOOL_IN], name, "move it");
    }
    if (fstatat(tmp, aside, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(msg, FOLDERS[SPOOL_TMP], aside, "look at it");
    }
    if (same_identity(identity, identity_of(&st))) {
        CRASH_POINT(spool_taken_aside);
        return 0;
    }
    if (put_back(d, aside, name, msg) != 0) {
        return ERR_IO;
    }
    return err_set(msg, ERR_NOTFOUND, "in/%s is another file than the one that was read", name);
}

int spool_dir_recover(const struct spool_dir *d, struct errmsg *msg)
{
    int tmp = d->folders[SPOOL_TMP];
    int fd = openat(tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *item;
    int err = 0;

    if (dir == NULL) {
        err = fail(msg, FOLDERS[SPOOL_TMP], "", "read the folder");
        close_fd(&fd);
        return err;
    }
    for (item = readdir(dir); item != NULL && err == 0; item = readdir(dir)) {
        size_t n = strlen(item->d_name);
        char name[SPOOL_NAME_SIZE];

        if (ends_with(item->d_name, TAKEN) && n - strlen(TAKEN) < sizeof(name)) {
            (void)snprintf(name, sizeof(name), "%.*s", (int)(n - strlen(TAKEN)), item->d_name);
            err = put_back(d, item->d_name, name, msg);
        }
    }
    closedir(dir);
    return err;
}

int spool_dir_done(const struct spool_dir *d, const char *name,
                   const struct spool_identity *identity, const char *day, struct errmsg *msg)
{
    char aside[SPOOL_NAME_SIZE + 16];
    char got[SPOOL_NAME_SIZE + 16];
    int folder;
    int err = 0;

    if (make_folder(d->folders[SPOOL_DONE], day) != 0) {
        return fail(msg, FOLDERS[SPOOL_DONE], day, "make it");
    }
    folder = open_below(d->folders[SPOOL_DONE], day, O_RDONLY | O_DIRECTORY, 0);
    if (folder < 0) {
        return fail(msg, FOLDERS[SPOOL_DONE], day, "open the folder");
    }
    err = take_aside(d, name, identity, aside, msg);
    if (err == 0 &&
        rename_free(d->folders[SPOOL_TMP], aside, folder, name, got, sizeof(got)) != 0) {
        err = fail(msg, FOLDERS[SPOOL_DONE], name, "move it there");
    }
    close(folder);
    return err;
}

int spool_dir_catalog(const struct spool_dir *d, const char *name,
                      const struct spool_identity *identity, struct errmsg *msg)
{
    char aside[SPOOL_NAME_SIZE + 16];
    int err = take_aside(d, name, identity, aside, msg);

    if (err == 0 && renameat(d->folders[SPOOL_TMP], aside, d->folders[SPOOL_CATALOG], name) != 0) {
        err = fail(msg, FOLDERS[SPOOL_CATALOG], name, "move it there");
    }
    return err;
}

/* ---- writing ---- */

/* tmp/NAME.part on disk, then renamed. */
static int write_file(const struct spool_dir *d, enum spool_folder folder, const char *name,
                      const char *bytes, size_t n, struct errmsg *msg)
{
    char part[SPOOL_NAME_SIZE + 32];
    int tmp = d->folders[SPOOL_TMP];
    bool bad;
    int fd;

    (void)snprintf(part, sizeof(part), "%s.part", name);
    (void)unlinkat(tmp, part, 0); /* of a run that was cut short */
    fd = open_below(tmp, part, O_WRONLY | O_CREAT | O_EXCL, FILE_MODE);
    if (fd < 0) {
        return fail(msg, FOLDERS[SPOOL_TMP], part, "make it");
    }
    bad = fchmod(fd, FILE_MODE) != 0 || file_write(fd, bytes, n) != 0 || fsync(fd) != 0;
    if (close(fd) != 0 || bad) {
        return fail(msg, FOLDERS[SPOOL_TMP], part, "write it");
    }
    CRASH_POINT(spool_part_written);
    if (renameat(tmp, part, d->folders[folder], name) != 0 || fsync(d->folders[folder]) != 0) {
        return fail(msg, FOLDERS[folder], name, "move it there");
    }
    return 0;
}

int spool_dir_write(const struct spool_dir *d, const char *name, const char *bytes, size_t n,
                    struct errmsg *msg)
{
    return write_file(d, SPOOL_OUT, name, bytes, n, msg);
}

int spool_dir_bad(const struct spool_dir *d, const char *name,
                  const struct spool_identity *identity, const char *reason, struct errmsg *msg)
{
    char aside[SPOOL_NAME_SIZE + 16];
    char got[SPOOL_NAME_SIZE + 16];
    char reason_name[SPOOL_NAME_SIZE + 32];
    int err = take_aside(d, name, identity, aside, msg);

    if (err != 0) {
        return err;
    }
    if (rename_free(d->folders[SPOOL_TMP], aside, d->folders[SPOOL_BAD], name, got, sizeof(got)) !=
        0) {
        return fail(msg, FOLDERS[SPOOL_BAD], name, "move it there");
    }
    (void)snprintf(reason_name, sizeof(reason_name), "%s.reason", got);
    return write_file(d, SPOOL_BAD, reason_name, reason, strlen(reason), msg);
}
