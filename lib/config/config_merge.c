/* Reads the files in their order; a later one wins key by key. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "config/config_impl.h"

#define ADDITIONS "conf.d"

/* The file's index, or CONFIG_MAX_FILES. */
static size_t add_file(struct config_load *load, const char *path)
{
    struct config_impl *impl = load->impl;
    const char *copy;

    if (impl->n_files >= CONFIG_MAX_FILES) {
        return CONFIG_MAX_FILES;
    }
    copy = arena_strdup(&impl->arena, path);
    if (copy == NULL) {
        load->nomem = true;
        return CONFIG_MAX_FILES;
    }
    impl->files[impl->n_files] = copy;
    return impl->n_files++;
}

/* Reads fd into fresh memory, one byte more than allowed to see that it is too much. */
static char *read_open(struct config_load *load, struct config_origin at, int fd, size_t *len)
{
    struct stat st;
    char *text;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        config_fault(load, at, "not a regular file");
        return NULL;
    }
    text = malloc(CONFIG_MAX_FILE_BYTES + 2);
    if (text == NULL) {
        load->nomem = true;
        return NULL;
    }
    if (file_fill(fd, text, CONFIG_MAX_FILE_BYTES + 1, len) != 0) {
        load->passes = true;
        config_fault(load, at, "can't be read: %s", strerror(errno));
    } else if (*len > CONFIG_MAX_FILE_BYTES) {
        config_fault(load, at, "the file is too large; at most 1MB is allowed");
    } else {
        text[*len] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

static void merge_file(struct config_load *load, const char *path)
{
    struct config_origin at = {.file = add_file(load, path)};
    size_t len = 0;
    char *text = NULL;
    int fd;

    if (at.file == CONFIG_MAX_FILES) {
        load->lost = true;
        at.file = 0;
        config_fault(load, at, "%s: too many files; at most %d may stand in " ADDITIONS, path,
                     CONFIG_MAX_FILES - 1);
        return;
    }
    /* Not to hang on a named pipe. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        config_unreadable(load, file_error(errno));
        config_fault(load, at, "can't be opened: %s", strerror(errno));
    } else {
        text = read_open(load, at, fd, &len);
        (void)close(fd);
    }
    if (text == NULL) {
        load->lost = true;
        return;
    }
    config_parse(load, at.file, text, len);
    free(text);
}

static int is_addition(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void merge_additions(struct config_load *load, const char *dir)
{
    struct dirent **entries = NULL;
    struct config_origin at = {0};
    char path[2 * CONFIG_MAX_LINE_BYTES];
    int n = scandir(dir, &entries, is_addition, by_bytes);

    if (n < 0) {
        if (errno != ENOENT) {
            load->lost = true;
            config_unreadable(load, file_error(errno));
            config_fault(load, at, "%s can't be read: %s", dir, strerror(errno));
        }
        return;
    }
    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        merge_file(load, path);
        free(entries[i]);
    }
    free(entries);
}

/* The folder as later relative paths see it: the process may change its own. */
static const char *absolute_dir(struct config_load *load, const char *dir)
{
    char *real = realpath(dir, NULL);
    const char *kept = arena_strdup(&load->impl->arena, real != NULL ? real : dir);

    free(real);
    load->nomem = load->nomem || kept == NULL;
    return kept;
}

void config_merge(struct config_load *load, const char *main_path)
{
    const char *slash = strrchr(main_path, '/');
    size_t n = slash != NULL ? (size_t)(slash - main_path) : 0;
    char dir[CONFIG_MAX_LINE_BYTES];
    char additions[sizeof(dir) + sizeof("/" ADDITIONS)];

    if (n >= sizeof(dir) - 1) {
        n = 0; /* no such path can be opened, which is said below */
    }
    n += slash != NULL; /* keeps the slash */
    memcpy(dir, main_path, n);
    dir[n] = '\0';
    load->impl->dir = absolute_dir(load, n > 0 ? dir : ".");
    if (load->nomem) {
        return;
    }
    merge_file(load, main_path);
    (void)snprintf(additions, sizeof(additions), "%s" ADDITIONS, dir);
    merge_additions(load, additions);
}
