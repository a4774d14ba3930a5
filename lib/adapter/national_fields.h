/* national fields: reads an object of the portal's wire into a canonical struct by a table: the
 * inverse of portal_fields.c. For whoever gets the national vocabulary: gateway_read.c (and through
 * it spool_read.c), intake_read.c, portal_intake.c.
 *
 * Keys are matched without case, texts may be strings, numbers or booleans. What has no place goes
 * as it is, keys in order of bytes, into the struct's `extra`; empty values ("", [], {}, null)
 * count as absent. Errors name the field, never its value. No state; any thread. */
#ifndef ADAPTER_NATIONAL_FIELDS_H
#define ADAPTER_NATIONAL_FIELDS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"
#include "domain/dossier.h"

enum national_field_type {
    NATIONAL_TEXT,    /* const char * */
    NATIONAL_CODE,    /* the same, without white space around it */
    NATIONAL_TIME,    /* int64_t, yyyyMMddHHmmss (national-portal.md 1.2) */
    NATIONAL_FLAG,    /* int: "0", "1", "2"; anything else is kept in extra */
    NATIONAL_FILES,   /* struct dossier_file list of the dossier: TaiLieuNop */
    NATIONAL_RESULTS, /* DanhSachGiayToKetQua */
    NATIONAL_IF_TRUE, /* kept in extra when true: "False" is what is written anyway */
    NATIONAL_TO_EXTRA /* kept in extra, under this very spelling */
};

struct national_field {
    const char *key;
    enum national_field_type type;
    size_t offset;
};

struct national_table {
    const struct national_field *fields;
    size_t n;
    size_t extra; /* offset of const char *extra */
};

/* Strings live in the arena. ERR_FORMAT, ERR_TOOBIG, ERR_NOMEM. */
MUST_CHECK int national_fields_read(const struct national_table *table, const struct json *object,
                                    struct arena *arena, void *to, struct errmsg *msg);

/* The fields of a dossier of DongBoHoSoMC (5.2). */
extern const struct national_table national_dossier_table;
/* The fields of a step of CapNhatTienDoHoSoMC (5.3). */
extern const struct national_table national_step_table;

#endif
