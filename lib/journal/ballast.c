#include "journal/ballast.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SKIPS 60 /* about a minute: a batch that the disk refuses is tried once a second */

void ballast_init(struct ballast *b, const char *journal_path, uint64_t low_water_bytes)
{
    struct stat file;
    int n = snprintf(b->path, sizeof(b->path), "%s.ballast", journal_path);

    b->bytes = low_water_bytes / 8 < BALLAST_BYTES_MAX ? low_water_bytes / 8 : BALLAST_BYTES_MAX;
    if (n < 0 || (size_t)n >= sizeof(b->path)) {
        b->bytes = 0;
    }
    b->dropped = false;
    b->skips = 0;
    b->kept = b->bytes > 0 && stat(b->path, &file) == 0 && (uint64_t)file.st_size >= b->bytes;
}

/* What is allocated for the proof is given back at once. */
static bool has_room(int fd, uint64_t bytes)
{
    return posix_fallocate(fd, 0, (off_t)bytes) == 0 && ftruncate(fd, 0) == 0;
}

void ballast_keep(struct ballast *b, uint64_t free_bytes, uint64_t low_water_bytes)
{
    int fd;

    if (b->kept || b->bytes == 0 || free_bytes < low_water_bytes + 2 * b->bytes) {
        return;
    }
    if (b->skips > 0) {
        b->skips--;
        return;
    }
    fd = open(b->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return;
    }
    b->kept = (!b->dropped || has_room(fd, low_water_bytes + b->bytes)) &&
              posix_fallocate(fd, 0, (off_t)b->bytes) == 0;
    (void)close(fd);
    if (!b->kept) {
        (void)unlink(b->path); /* half of it is no room that anybody could count on */
        b->skips = SKIPS;
    }
}

bool ballast_drop(struct ballast *b)
{
    bool dropped = b->kept && unlink(b->path) == 0;

    b->kept = false;
    b->dropped = b->dropped || dropped;
    b->skips = dropped ? SKIPS : b->skips;
    return dropped;
}
