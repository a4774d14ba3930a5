/* portal compare: an object of the portal's wire (a dossier of DongBoHoSoMC, a step of
 * CapNhatTienDoHoSoMC) as another connector sent it, beside the one that is built here, field by
 * field. For `dvcsyncctl compare`; pure, any thread.
 *
 * What is empty ("", null, [], {}) counts as absent, a number as its text, an address without its
 * query (it carries time stamps and permissions). Keys are matched without case. The entries of a
 * list are paired by their key (TepDinhKemId of TaiLieuNop), what is left by position; the fields
 * of paired entries are compared as LIST.FIELD. A list deeper than that is compared whole. */
#ifndef ADAPTER_PORTAL_COMPARE_H
#define ADAPTER_PORTAL_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"
#include "domain/record.h"

#define PORTAL_COMPARED_MAX 192 /* fields of an object; what has more can't be compared */

enum portal_agreement {
    PORTAL_AGREE,
    PORTAL_ONLY_OTHER, /* empty here */
    PORTAL_ONLY_HERE,
    PORTAL_DIFFER, /* also where several entries of a list do not agree in several ways */
    PORTAL_AGREEMENTS
};

struct portal_compared {
    /* As we write it, else as the other one did; of a key that is no name of a field only how long
     * it is. */
    const char *name;
    enum portal_agreement agreement;
    /* The first two values that do not agree, NULL for what is not there; both NULL while they
     * agree. They live as long as what was compared. */
    const struct json *other, *here;
};

struct portal_comparison {
    struct portal_compared fields[PORTAL_COMPARED_MAX]; /* that either has, in order */
    size_t n;
};

/* Whether text is a name or a code in the mirror: RECORD_AGENCY, _SECTOR, _PROCEDURE. */
struct portal_known {
    bool (*has)(void *ctx, enum record_kind kind, const char *text);
    void *ctx;
};

/* Names live in the arena. ERR_NOMEM, ERR_TOOBIG (more fields than that). */
MUST_CHECK int portal_compare(const struct json *other, const struct json *here,
                              struct arena *arena, struct portal_comparison *out);

/* Whether it counts as absent. */
bool portal_compare_empty(const struct json *node);
/* Bytes of a text that count. */
size_t portal_compare_length(const char *text);
/* A value of a field (LIST.FIELD or FIELD) for a person: as it is where the field names no person
 * and the value has the form of its kind (a code, a time, a status, a sum) or stands in the mirror,
 * else only how long it is: other products write people into any field. */
void portal_compare_show(const struct portal_known *known, const char *field, const char *text,
                         char *out, size_t size);
/* The same for any value (NULL none) of a field of a comparison; of a list how long it is. */
void portal_compare_describe(const struct portal_known *known, const char *field,
                             const struct json *node, char *out, size_t size);

#endif
