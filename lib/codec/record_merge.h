/* record_merge: what several sources say of one dossier, made one record. Pure; any thread.
 *
 * The rules ("Records and identity" in the design). Parts stand in order of their time, the latest
 * first, equal times in order of rank, the highest first:
 * - Every text, time and flag is the first in that order that is not empty (unknown). So a lower
 *   rank never empties what a higher one filled, and a source empties only what it itself filled.
 * - status, substatus, status_name and status_map travel together, from the first part that names
 *   any of the first three.
 * - A code and its name travel together (procedure, sector, agency): the name is that of the part
 *   that gave the code; where that part has none, of the first with the same code or none.
 * - changed_s is the latest.
 * - extra: the JSON objects merged by top-level key, of each key the first value that is neither
 *   null nor ""; keys in order of bytes. What only one part has stays byte for byte.
 * - files and results are the union, in order of rank (equal ranks: latest first). Two entries of
 *   different parts are one file when their ids are equal, or their addresses without the query
 *   part, or name and component; the higher rank's entry stays and its empty members are filled.
 *   Two entries of one part are always two files.
 * One part comes out as it went in, byte for byte. */
#ifndef CODEC_RECORD_MERGE_H
#define CODEC_RECORD_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "domain/record.h"

#define RECORD_PARTS_MAX 16

/* What one source last said: the body of a RECORD_DOSSIER, as record_from_dossier wrote it. */
struct record_part {
    const char *body; /* borrowed */
    size_t len;       /* bytes */
    int rank;
    int64_t at_s; /* the source's time of it */
};

/* Fills *out as record_from_dossier does; body and strings live in the arena. ERR_INVAL for no
 * part, more than RECORD_PARTS_MAX, or parts of different dossiers; ERR_FORMAT for a body that is
 * no dossier or an extra that is no JSON object; ERR_TOOBIG when the union has more files or bytes
 * than one record may have; ERR_NOMEM (also: the arena's ceiling). */
MUST_CHECK int record_merge(const struct record_part *parts, size_t n, struct arena *a,
                            struct record *out, struct errmsg *msg);

#endif
