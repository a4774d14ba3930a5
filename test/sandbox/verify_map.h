/* verify_map: doc/opencps.md once more, the oracle's own reading of it.
 *
 * From the province's record of a dossier (a line of its dump) to the records that the portal must
 * hold. Nothing here is shared with the daemon. */
#ifndef VERIFY_MAP_H
#define VERIFY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#define MAP_KEY_SIZE 512
#define MAP_STEPS_MAX 64 /* actions of a dossier; the sandbox's lives have at most 12 */

struct verify_product; /* verify_product.h */

/* A step that the portal must hold. */
struct mapped_step {
    cJSON *record;          /* owned */
    char key[MAP_KEY_SIZE]; /* ThoiDiemXuLy|TrangThai|NguoiXuLy */
    uint64_t key_hash;      /* ledger_key of it */
    char id[24];            /* dossierActionId; of a product: its time, UTC seconds */
};

/* What the portal must hold of a dossier. */
struct mapped {
    const char *code; /* borrowed from the line */
    cJSON *record;    /* owned; without the files */
    cJSON *submitted; /* TaiLieuNop, owned; links are checked apart */
    cJSON *results;   /* DanhSachGiayToKetQua, owned */
    char id[24];      /* dossierId: a file's link holds it or the uid */
    const char *uid;  /* referenceUid, borrowed from the line */
    struct mapped_step steps[MAP_STEPS_MAX];
    size_t n_steps;
    const struct verify_product *product; /* whose wire it came over; NULL: OpenCPS */
};

/* Maps a parsed line of the dump. 0, or -1 when status or procedure have no national value or
 * memory is out; map_free in both cases. */
int map_dossier(const cJSON *line, struct mapped *out);
void map_free(struct mapped *m);

/* The first field in which actual differs from what must be there, NULL when none does. Of the
 * sector the value of catalogue may stand in for an empty one (NULL: unknown, any). *no_files is
 * set when the only thing missing are all the files. The name is borrowed from a table or a record.
 */
const char *map_difference(const struct mapped *m, const cJSON *actual, const cJSON *procedure,
                           bool *no_files);
/* The same for a step of m. */
const char *map_step_difference(const struct mapped *m, const struct mapped_step *step,
                                const cJSON *actual);

/* A text member, "" when there is none. Borrowed. */
const char *map_text(const cJSON *object, const char *name);

#endif
