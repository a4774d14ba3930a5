/* record_fields: how the fields of the canonical structs stand in a body, for codec/record.c and
 * codec/record_read.c only. Const tables; any thread. */
#ifndef CODEC_RECORD_FIELDS_H
#define CODEC_RECORD_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "domain/record.h"

#define RECORD_INTEGER_LIMIT (INT64_C(1) << 53) /* json.h reads no larger number */

/* What is empty is left out. */
enum field_type {
    FIELD_TEXT,     /* const char *; empty: "" */
    FIELD_ADDRESS,  /* the same, and the query part is volatile */
    FIELD_NOTE,     /* the same, and all of it is volatile */
    FIELD_TIME,     /* int64_t; empty: 0 */
    FIELD_SNAPSHOT, /* the same, and volatile */
    FIELD_COUNT,    /* int; empty: 0 */
    FIELD_FLAG,     /* int; empty: TRI_UNKNOWN */
    FIELD_BOOL,     /* bool; empty: false */
    FIELD_FILES     /* array of struct dossier_file and its length; empty: 0 of them */
};

struct record_field {
    const char *name;
    enum field_type type;
    size_t offset;
    size_t n_offset; /* FIELD_FILES: where the length is */
};

/* The order of a table is the order in every body. The first field of a record is its code. */
struct record_fields {
    const struct record_field *all;
    size_t n;
};

extern const struct record_fields record_file_fields; /* struct dossier_file */
extern const struct record_fields record_dossier_fields;
extern const struct record_fields record_step_fields;
extern const struct record_fields record_procedure_fields;
extern const struct record_fields record_row_fields; /* struct catalog_row */

/* Of RECORD_RATING, RECORD_QUESTION and RECORD_PAYMENT, which have texts only; NULL for others. */
const struct record_fields *record_other_fields(enum record_kind kind);

/* Both write the cause and return the error. */
int record_no_memory(struct errmsg *msg);
int record_field_error(struct errmsg *msg, int err, const char *field, const char *what);

#endif
