/* gateway fields: reads an object of the portal's wire into a canonical struct by a table: the
 * inverse of portal_fields.c. For gateway_read.c and intake_read.c.
 *
 * Keys are matched without case, texts may be strings, numbers or booleans. What has no place goes
 * as it is, keys in order of bytes, into the struct's `extra`; empty values ("", [], {}, null)
 * count as absent. Errors name the field, never its value. No state; any thread. */
#ifndef ADAPTER_GATEWAY_FIELDS_H
#define ADAPTER_GATEWAY_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"
#include "domain/dossier.h"

enum gateway_field_type {
    GATEWAY_TEXT,     /* const char * */
    GATEWAY_CODE,     /* the same, without white space around it */
    GATEWAY_TIME,     /* int64_t, yyyyMMddHHmmss (national-portal.md 1.2) */
    GATEWAY_FLAG,     /* int: "0", "1", "2"; anything else is kept in extra */
    GATEWAY_FILES,    /* struct dossier_file list of the dossier: TaiLieuNop */
    GATEWAY_RESULTS,  /* DanhSachGiayToKetQua */
    GATEWAY_IF_TRUE,  /* kept in extra when true: "False" is what is written anyway */
    GATEWAY_TO_EXTRA, /* kept in extra, under this very spelling */
    GATEWAY_IGNORED
};

struct gateway_field {
    const char *key;
    enum gateway_field_type type;
    size_t offset;
};

struct gateway_table {
    const struct gateway_field *fields;
    size_t n;
    size_t extra; /* offset of const char *extra */
};

/* Strings live in the arena. ERR_FORMAT, ERR_TOOBIG, ERR_NOMEM. */
MUST_CHECK int gateway_fields_read(const struct gateway_table *table, const struct json *object,
                                   struct arena *arena, void *to, struct errmsg *msg);

/* The fields of a dossier of DongBoHoSoMC (5.2). */
extern const struct gateway_table gateway_dossier_table;
/* The fields of a step of CapNhatTienDoHoSoMC (5.3). */
extern const struct gateway_table gateway_step_table;

#endif
