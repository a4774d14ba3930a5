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

#define PORTAL_COMPARED_MAX 192 /* fields of an object; what has more can't be compared */

enum portal_agreement {
    PORTAL_AGREE,
    PORTAL_ONLY_OTHER, /* empty here */
    PORTAL_ONLY_HERE,
    PORTAL_DIFFER, /* also where several entries of a list do not agree in several ways */
    PORTAL_AGREEMENTS
};

struct portal_compared {
    const char *name; /* as we write it, else as the other one did */
    enum portal_agreement agreement;
    /* The first two values that do not agree, for a person; NULL while they agree. Of what may name
     * a person only how long it is: fields of free words, and an office that is none of the
     * province's, since other products write the officer there. */
    const char *other, *here;
};

struct portal_comparison {
    struct portal_compared fields[PORTAL_COMPARED_MAX]; /* that either has, in order */
    size_t n;
};

/* Whether text is the name or the code of one of the province's agencies. */
struct portal_offices {
    bool (*known)(void *ctx, const char *text);
    void *ctx;
};

/* Texts live in the arena. ERR_NOMEM, ERR_TOOBIG (more fields than that). */
MUST_CHECK int portal_compare(const struct json *other, const struct json *here,
                              const struct portal_offices *offices, struct arena *arena,
                              struct portal_comparison *out);

/* Whether it counts as absent. */
bool portal_compare_empty(const struct json *node);
/* Bytes of a text that count. */
size_t portal_compare_length(const char *text);
/* Whether its values may be shown whatever they are: names no person. LIST.FIELD or FIELD. */
bool portal_compare_shown(const char *field);

#endif
