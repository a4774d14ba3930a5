/* Secrets: read when needed, kept by the caller, never a part of struct config. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "config/config_impl.h"

#define REMEDY "see PASSWORDS in dvcsyncd.conf(5)"

/* How a secret is read: one line, or several (a key, accounts). */
struct reading {
    char *out;
    size_t size;
    bool lines;
    bool look; /* only looked at, perhaps by root for the service's user */
};

static int read_text(int fd, const char *what, const char *name, const struct reading *r,
                     struct errmsg *msg)
{
    char *out = r->out;
    size_t size = r->size;
    size_t n = 0;
    size_t len;

    if (file_fill(fd, out, size, &n) != 0) {
        return err_set(msg, ERR_IO, "%s %s can't be read: %s", what, name, strerror(errno));
    }
    len = n > 0 && out[n - 1] == '\n' ? n - 1 : n;
    if (len == 0) {
        return err_set(msg, ERR_INVAL, "%s %s is empty; write the %s into it", what, name,
                       r->lines ? "secret" : "password");
    }
    if (len >= size || n == size) {
        return err_set(msg, ERR_TOOBIG, "%s %s is too long; at most %zu bytes are allowed", what,
                       name, size - 2);
    }
    if (memchr(out, '\0', len) != NULL || (!r->lines && memchr(out, '\n', len) != NULL)) {
        return err_set(msg, ERR_FORMAT, "%s %s holds more than one line of text", what, name);
    }
    if (!r->lines && out[len - 1] == '\r') {
        return err_set(msg, ERR_FORMAT,
                       "%s %s ends with a carriage return; write it without Windows line ends",
                       what, name);
    }
    out[len] = '\0';
    return 0;
}

/* A file that others can read is no secret. systemd's own files are exempt: it guards their folder,
 * and an access list shows in their mode as group bits. */
static int check_file(int fd, const char *file, bool look, struct errmsg *msg)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return err_set(msg, ERR_IO, "password file %s: %s", file, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(msg, ERR_DENIED, "password file %s is not a regular file", file);
    }
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return err_set(msg, ERR_DENIED, "password file %s is open to others; chmod 0400 it", file);
    }
    if (st.st_uid != 0 && st.st_uid != geteuid() && !(look && geteuid() == 0)) {
        return err_set(msg, ERR_DENIED, "password file %s must belong to root or to this user",
                       file);
    }
    return 0;
}

static int open_failed(const char *what, const char *name, struct errmsg *msg)
{
    if (errno == ELOOP) {
        return err_set(msg, ERR_DENIED, "%s %s is a symbolic link; name the file itself", what,
                       name);
    }
    if (errno == ENOENT) {
        return err_set(msg, ERR_NOTFOUND, "%s %s is not there; " REMEDY, what, name);
    }
    return err_set(msg, errno == EACCES ? ERR_DENIED : ERR_IO, "%s %s can't be opened: %s", what,
                   name, strerror(errno));
}

static int read_credential(const char *credential, const struct reading *r, struct errmsg *msg)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    int dir_fd;
    int fd;
    int rc;

    if (credential[0] == '\0' || dir == NULL || dir[0] == '\0') {
        return err_set(msg, ERR_NOTFOUND, "no systemd credential; " REMEDY);
    }
    if (strchr(credential, '/') != NULL) {
        return err_set(msg, ERR_INVAL, "credential %s: a name can't hold /", credential);
    }
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) {
        return open_failed("folder of credentials", dir, msg);
    }
    fd = openat(dir_fd, credential, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    rc = fd >= 0 ? 0 : open_failed("credential", credential, msg);
    (void)close(dir_fd);
    if (rc == 0) {
        rc = read_text(fd, "credential", credential, r, msg);
        (void)close(fd);
    }
    return rc;
}

static int read_file(const char *file, const struct reading *r, struct errmsg *msg)
{
    int fd = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int rc;

    if (fd < 0) {
        return open_failed("password file", file, msg);
    }
    rc = check_file(fd, file, r->look, msg);
    if (rc == 0) {
        rc = read_text(fd, "password file", file, r, msg);
    }
    (void)close(fd);
    return rc;
}

static int read_secret(const char *credential, const char *file, const struct reading *r,
                       struct errmsg *msg)
{
    int rc;

    if (r->size < 3) {
        return err_set(msg, ERR_INVAL, "no room for a password");
    }
    rc = read_credential(credential, r, msg);
    if (rc == ERR_NOTFOUND && file[0] != '\0') {
        rc = read_file(file, r, msg);
    } else if (rc == ERR_NOTFOUND && credential[0] != '\0') {
        rc =
            err_set(msg, ERR_NOTFOUND,
                    "credential %s is not there; give it with LoadCredential=, or name a file with "
                    "%s",
                    credential, r->lines ? "the key that ends in _file" : "password_file");
    }
    if (rc != 0) {
        explicit_bzero(r->out, r->size);
    }
    return rc;
}

int config_secret(const char *credential, const char *file, char *out, size_t size,
                  struct errmsg *msg)
{
    const struct reading r = {out, size, false, false};

    return read_secret(credential, file, &r, msg);
}

int config_secret_lines(const char *credential, const char *file, char *out, size_t size,
                        struct errmsg *msg)
{
    const struct reading r = {out, size, true, false};

    return read_secret(credential, file, &r, msg);
}

bool config_secret_look(const char *credential, const char *file, bool lines, struct errmsg *msg)
{
    char text[CONFIG_SECRET_LOOK_BYTES];
    const struct reading r = {text, sizeof(text), lines, true};
    int rc = read_secret(credential, file, &r, msg);

    explicit_bzero(text, sizeof(text));
    return rc == 0;
}
