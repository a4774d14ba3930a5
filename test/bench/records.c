#include "bench/records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Fills the table; NULL lines only counts. */
static size_t split(const struct records *r, struct record_line *lines, size_t max)
{
    const char *at = r->map;
    const char *end = r->map + r->bytes;
    size_t n = 0;

    while (at < end && (max == 0 || n < max)) {
        const char *nl = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((nl != NULL ? nl : end) - at);

        if (lines != NULL) {
            lines[n].text = at;
            lines[n].len = len;
        }
        n++;
        at += len + 1;
    }
    return n;
}

int records_open(struct records *r, const char *path, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    memset(r, 0, sizeof(*r));
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) {
        fprintf(stderr, "%s: %s\n", path, fd < 0 ? strerror(errno) : "empty");
        goto err;
    }
    r->bytes = (size_t)st.st_size;
    r->map = mmap(NULL, r->bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (r->map == MAP_FAILED) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        goto err;
    }
    close(fd);
    r->n = split(r, NULL, max);
    r->lines = calloc(r->n, sizeof(*r->lines));
    if (r->lines == NULL) {
        fputs("out of memory\n", stderr);
        munmap(r->map, r->bytes);
        r->map = NULL;
        return -1;
    }
    split(r, r->lines, max);
    return 0;

err:
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

void records_close(struct records *r)
{
    if (r->map != NULL) {
        munmap(r->map, r->bytes);
    }
    free(r->lines);
}
