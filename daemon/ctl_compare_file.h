/* ctl_compare_file: what another connector sent: a file of JSON lines, one request a line, found
 * by dossier. The file is read once from end to end and then again where a dossier is asked for:
 * it must stay as it is meanwhile. One thread. */
#ifndef CTL_COMPARE_FILE_H
#define CTL_COMPARE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"

/* Where one dossier or step stands. */
struct sent_place {
    int64_t offset; /* of its line */
    uint32_t index; /* in its data */
    struct sent_place *next;
};

struct sent_dossier {
    const char *code;
    struct sent_place *snapshot; /* the last one; NULL: only steps */
    struct sent_place *steps;    /* newest first */
    bool found;                  /* the caller's */
};

/* All but the counts is private. */
struct sent_file {
    FILE *file;
    struct arena arena; /* dossiers, places, codes */
    void *tree;         /* struct sent_dossier by code */
    struct buf line;    /* the one that was read last, */
    struct json *root;  /* its tree (owned), */
    int64_t offset;     /* and where it stands; -1 none */

    uint64_t lines;     /* that are not empty */
    uint64_t snapshots; /* dossiers in requests; a dossier counts each time */
    uint64_t steps;
    uint64_t others;           /* requests of other services */
    uint64_t unreadable;       /* lines or entries that are no such request */
    uint64_t first_unreadable; /* line, from 1; 0 none */
    uint64_t dossiers;         /* different codes */
};

/* Reads it all. ERR_NOTFOUND, ERR_DENIED, ERR_IO, ERR_TOOBIG (more than can be kept in memory),
 * ERR_NOMEM. Close it in any case. */
MUST_CHECK int sent_file_open(struct sent_file *f, const char *path, struct errmsg *msg);
/* The same of an open file, which belongs to f from now on; name is for msg. */
MUST_CHECK int sent_file_take(struct sent_file *f, FILE *file, const char *name,
                              struct errmsg *msg);
/* NULL: nothing was sent about it. */
struct sent_dossier *sent_file_find(struct sent_file *f, const char *code);
/* The object at a place, until the next call. ERR_IO when the file has changed, ERR_NOMEM. */
MUST_CHECK int sent_file_read(struct sent_file *f, const struct sent_place *place,
                              const struct json **out);
/* Beside the object that was read last: digests of what came at a gateway (portal_digest.h); NULL
 * none. */
const struct json *sent_file_arrived(const struct sent_file *f);
/* In order of code. What visit returns but 0 ends it and is the result. */
MUST_CHECK int sent_file_each(struct sent_file *f,
                              int (*visit)(void *ctx, const struct sent_dossier *d), void *ctx);
void sent_file_close(struct sent_file *f);

#endif
