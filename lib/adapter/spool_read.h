/* spool_read: the content of one dropped file as records.
 *
 * What a file may hold: JSON, one object or an array of dossiers (or steps) in the portal's
 * vocabulary, each with its steps in TienDo or DanhSachTienDo; XML with the same names, one dossier
 * as the root or one a child of it; anything else through the source's preset. A ServiceInfo or a
 * zip with services/NAME.xml is a piece of the local product's catalogue. For a flow of another
 * service (national_other.h): a JSON object or list of its records, XML with one a child of the
 * root, or CSV with the wire's names as its header. A file is taken whole or not at all. Pure; any
 * thread: files are read on workers. */
#ifndef ADAPTER_SPOOL_READ_H
#define ADAPTER_SPOOL_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapter/national_other.h"
#include "adapter/opencps_read.h"
#include "base/arena.h"
#include "base/err.h"
#include "config/config.h"
#include "config/preset.h"
#include "domain/procedure.h"
#include "domain/record.h"

#define SPOOL_RECORDS_MAX 20000     /* of one file */
#define SPOOL_BODIES_MAX (8u << 20) /* bytes of their bodies: one transaction takes them */
#define SPOOL_ARENA_MAX (48u << 20) /* what is kept of one file */
#define SPOOL_OBJECT_MAX (4u << 20) /* bytes of one JSON object: dossiers come in an array */
#define SPOOL_STATUSES_NATIONAL "national"

/* How a source's files are read. Borrowed; immutable while it is used. */
struct spool_how {
    const struct config_source *source;
    const struct preset *preset;        /* NULL: the portal's vocabulary */
    const char *statuses;               /* what records say in status_map */
    const struct national_other *other; /* which records stand in it; NULL: dossiers */
    int64_t file_s; /* time of the file: for dossiers that show none of their own */
};

struct spool_records {
    struct record *list; /* owned; each snapshot stands before its steps */
    size_t n;
    size_t capacity;
    size_t bytes;   /* of bodies */
    size_t skipped; /* of test agencies and accounts, or by the preset */
    bool catalog;   /* the file is a piece of the catalogue: no records */
};
void spool_records_free(struct spool_records *r);

/* name tells the form by its ending. Bodies live in the arena. ERR_FORMAT with the place,
 * ERR_TOOBIG with the bound, ERR_NOMEM. */
MUST_CHECK int spool_read(const struct spool_how *how, const char *name, const char *bytes,
                          size_t n, struct arena *a, struct spool_records *out, struct errmsg *msg);

/* A ServiceInfo (provincial-systems.md section 3) as a procedure; its code as it stands. Strings
 * live in the arena. */
MUST_CHECK int spool_read_service(const char *bytes, size_t n, struct arena *a,
                                  struct opencps_service *out, struct errmsg *msg);
/* Whether an entry of a zip is a procedure: services/NAME.xml, whatever stands before. */
bool spool_is_service(const char *entry_name);

#endif
