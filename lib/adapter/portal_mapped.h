/* portal mapped: a canonical record with its codes mapped, and whether the portal can take it.
 *
 * Statuses go through the map that the record names (config_map_status), procedures through the
 * configuration's. Internal to the portal's wire; loop thread. */
#ifndef ADAPTER_PORTAL_MAPPED_H
#define ADAPTER_PORTAL_MAPPED_H

#include "adapter/adapter.h"
#include "base/arena.h"
#include "domain/codes.h"
#include "domain/dossier.h"

/* Limits of the portal in characters (national-portal.md section 14 pain 8). */
#define PORTAL_ACTOR_CHARS 50
#define PORTAL_SUBJECT_CHARS 1000
#define PORTAL_NOTE_CHARS 2000
#define PORTAL_FILE_NAME_CHARS 4000
#define PORTAL_RESULT_NAME_CHARS 2000

#define PORTAL_RECORD_BYTES (8u << 20) /* arena of one decoded record */

struct portal_mapped {
    struct dossier dossier; /* of RECORD_DOSSIER */
    struct step step;       /* of RECORD_STEP */
    int status;             /* national */
    const char *procedure;  /* national */
    char procedure_text[CODE_MAX];
};

/* Decodes, maps and checks a record; fills status, hold, flags and reason of check.
 * consented: only a missing map, or what can't be sent at all, holds it. 0 or ERR_NOMEM. Strings
 * live in the arena. */
MUST_CHECK int portal_map_record(const struct adapter_env *env, const struct record *record,
                                 bool consented, struct arena *arena, struct portal_mapped *m,
                                 struct adapter_check *check);

/* Holds it as invalid; text is for a person. */
void portal_hold_invalid(struct adapter_check *check, const char *text);

/* More characters than the portal takes. */
bool portal_too_long(const char *text, size_t max_chars);

#endif
