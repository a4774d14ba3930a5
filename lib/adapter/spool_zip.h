/* spool_zip: the entries of a zip file in memory, bounded: stored and deflated ones only, no
 * encryption, no zip64, at most so many entries and bytes whatever the headers promise. Names of
 * entries serve for choosing and for messages, never for paths on disk. Pure; any thread. */
#ifndef ADAPTER_SPOOL_ZIP_H
#define ADAPTER_SPOOL_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SPOOL_ZIP_ENTRIES_MAX 20000
#define SPOOL_ZIP_ENTRY_MAX (4u << 20)   /* bytes of one entry, unpacked */
#define SPOOL_ZIP_TOTAL_MAX (256u << 20) /* bytes of all that are unpacked */

/* Zero but for bytes and n, which are borrowed. */
struct spool_zip {
    const char *bytes;
    size_t n;
    /* own */
    size_t at;      /* the next central header */
    size_t left;    /* entries */
    uint64_t total; /* unpacked so far */
};

struct spool_zip_entry {
    char name[256]; /* cut; for choosing and messages */
    uint32_t size;  /* unpacked */
    /* own */
    uint32_t packed, crc, offset;
    uint16_t method, flags;
};

/* Finds the directory. ERR_FORMAT, ERR_TOOBIG. */
MUST_CHECK int spool_zip_begin(struct spool_zip *zip, struct errmsg *msg);
/* The next entry in order; ERR_NOTFOUND behind the last one. ERR_FORMAT. */
MUST_CHECK int spool_zip_next(struct spool_zip *zip, struct spool_zip_entry *entry,
                              struct errmsg *msg);
/* Unpacks an entry; *out from malloc, terminated, entry->size bytes. ERR_FORMAT (broken, wrong
 * checksum, a method that is not read), ERR_TOOBIG, ERR_NOMEM. */
MUST_CHECK int spool_zip_unpack(struct spool_zip *zip, const struct spool_zip_entry *entry,
                                char **out, struct errmsg *msg);

#endif
