#include "journal/witness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/restore.h"
#include "journal/sqlite.h"

#define DIGITS 20
#define LINE_SIZE (2 * DIGITS + 2) /* two numbers, a space, a line's end */

void witness_read(int fd, struct witness *w)
{
    static const char digits[] = "0123456789";
    char line[LINE_SIZE + 1];
    ssize_t n = pread(fd, line, LINE_SIZE, WITNESS_AT);

    line[n > 0 ? n : 0] = '\0';
    *w = (struct witness){0, 0};
    if (n == LINE_SIZE && strspn(line, digits) == DIGITS && line[DIGITS] == ' ' &&
        strspn(line + DIGITS + 1, digits) == DIGITS && line[LINE_SIZE - 1] == '\n') {
        w->attempt = strtoll(line, NULL, 10);
        w->item = strtoll(line + DIGITS + 1, NULL, 10);
    }
}

static void put(const struct witness *w, int fd)
{
    char line[LINE_SIZE + 1];
    int n = snprintf(line, sizeof(line), "%020" PRId64 " %020" PRId64 "\n", w->attempt, w->item);
    ssize_t written = pwrite(fd, line, (size_t)n, WITNESS_AT);

    (void)written; /* it lags then */
}

static void forget(struct witness *w, int fd)
{
    *w = (struct witness){0, 0};
    put(w, fd);
}

/* Ids rise for ever: of attempts by their sequence, items are never deleted. */
static int look(struct db *db, struct witness *w)
{
    static const struct sql attempt = {"SELECT seq FROM sqlite_sequence WHERE name = 'attempt'"};
    static const struct sql item = {"SELECT ifnull(max(id), 0) FROM item"};
    int err;

    *w = (struct witness){0, 0};
    err = db_integer(db, &attempt, &w->attempt, "");
    err = err < 0 ? err : db_integer(db, &item, &w->item, "");
    return err < 0 ? err : 0;
}

int witness_check(struct witness *w, struct db *db, int fd)
{
    struct witness now;
    int err = look(db, &now);
    int copy = err == 0 ? restore_marked(db) : err;

    if (copy == 1) {
        /* Before its mark goes: a crash in between must not find the copy lacking. */
        forget(w, fd);
    } else if (copy == 0 && (now.attempt < w->attempt || now.item < w->item)) {
        err =
            err_set(&db->why, ERR_CORRUPT,
                    "it lacks what was committed (attempt %" PRId64 " of %" PRId64 ", item %" PRId64
                    " of %" PRId64 "): its -wal file is gone, cut or another's; "
                    "if an older copy was put here on purpose, remove the .lock file",
                    now.attempt, w->attempt, now.item, w->item);
    }
    return copy < 0 ? copy : err;
}

void witness_note(struct witness *w, struct db *db, int fd)
{
    struct witness now;

    if (look(db, &now) == 0 && (now.attempt != w->attempt || now.item != w->item)) {
        *w = now;
        put(w, fd);
    }
}
