/* portal fields: mapped records as objects of the portal (national-portal.md 5.2 and 5.3).
 *
 * Every key of the configured generation is written, "" or [] when unknown; what the builder leaves
 * empty, or writes as a default, is taken from `extra` where that has the key. Loop thread; pure
 * but for the catalogue mirror that the environment lends. */
#ifndef ADAPTER_PORTAL_FIELDS_H
#define ADAPTER_PORTAL_FIELDS_H

#include "adapter/portal_extra.h"
#include "adapter/portal_mapped.h"

struct portal_fields {
    const struct adapter_env *env;
    struct json_writer w;
    struct arena *arena;
    bool n2; /* fields that came with G2 are sent */
    const char *result_code_key;
    bool stable;         /* written for its digest: volatile parts are left out */
    bool volatile_parts; /* there were some */
    int err;             /* the first failure: ERR_NOMEM, ERR_FORMAT (an extra is no object) */
    struct portal_extra *extra; /* of the object being written */
};

/* w is begun by the caller. */
void portal_fields_begin(struct portal_fields *f, const struct adapter_env *env,
                         struct arena *arena, const struct config_portal *portal);
void portal_fields_dossier(struct portal_fields *f, const struct portal_mapped *m);
void portal_fields_step(struct portal_fields *f, const struct portal_mapped *m);

/* What the portal knows a step by (section 2: MaHoSo, ThoiDiemXuLy, TrangThai, NguoiXuLy as sent);
 * of an answer its whole data. ERR_NOMEM. */
MUST_CHECK int portal_fields_step_identity(const struct portal_mapped *m, struct arena *arena,
                                           uint8_t out[RECORD_HASH_BYTES]);

#endif
