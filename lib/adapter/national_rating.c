/* DongBoDanhGia (national-portal.md 5.5). */
#include <stdio.h>
#include <string.h>

#include "adapter/national_other.h"
#include "adapter/portal_mapped.h"
#include "base/legacy.h"
#include "codec/record.h"
#include "domain/codes.h"

#define KEY(key, field)                                                                            \
    {                                                                                              \
        key, offsetof(struct rating, field)                                                        \
    }
static const struct national_key KEYS[] = {
    KEY("NgayTongHop", month),
    KEY("TongSoNguoiDanhGia", raters),
    KEY("PhanTramDanhGiaRatHaiLong", very_satisfied),
    KEY("PhanTramDanhGiaHaiLong", satisfied),
    KEY("PhanTramDanhGiaChuaHaiLong", not_satisfied),
    KEY("DanhSachNoiDungYKien", opinions),
    KEY("MaThuTuc", procedure_code),
    KEY("NoiDung", content),
    KEY("PhanTramDanhGiaDichVuRatHaiLong", service_very_satisfied),
    KEY("PhanTramDanhGiaDichVuHaiLong", service_satisfied),
    KEY("PhanTramDanhGiaDichVuChuaHaiLong", service_not_satisfied),
    KEY("Madonvi", agency_code),
    KEY("TenDonVi", agency_name),
};
#undef KEY
#define N_KEYS (sizeof(KEYS) / sizeof(KEYS[0]))

static int code_of(const void *what, char out[CODE_MAX], struct errmsg *msg)
{
    return rating_code(what, out, msg);
}

/* The national code of its procedure, "" when there is none. */
static void map_procedure(const struct adapter_env *env, const struct rating *r, char out[CODE_MAX])
{
    const struct map *map = env->config->procedure_map;
    const char *mapped =
        map != NULL ? map_code(map, r->procedure_code, loop_wall_s(env->loop)) : NULL;

    out[0] = '\0';
    if (mapped != NULL) {
        (void)snprintf(out, CODE_MAX, "%s", mapped);
    } else if (code_procedure_national(r->procedure_code, out) != 0) {
        out[0] = '\0';
    }
}

static void check_it(const struct adapter_env *env, const void *what, struct adapter_check *check)
{
    const struct rating *r = what;
    const char *fault = rating_fault(r);
    char procedure[CODE_MAX];

    map_procedure(env, r, procedure);
    if (procedure[0] == '\0') {
        portal_hold_invalid(check, "MaThuTuc is no national code, and the map of procedures has no "
                                   "row for it: add one and reload");
        check->hold = HOLD_UNMAPPED_PROCEDURE;
    } else if (fault != NULL) {
        portal_hold_invalid(check, fault);
    } else if (legacy_text(r->opinions) || legacy_text(r->content)) {
        portal_hold_invalid(check, "NoiDung or DanhSachNoiDungYKien is in an old font (TCVN3 or "
                                   "VNI), not in Unicode: mend it at the source");
    }
}

static const char *put(const struct adapter_env *env, const void *what, struct json_writer *w)
{
    const struct map *map = env->config->agency_map;
    struct rating r = *(const struct rating *)what;
    char procedure[CODE_MAX];
    const char *agency = map != NULL ? map_code(map, r.agency_code, loop_wall_s(env->loop)) : NULL;

    map_procedure(env, &r, procedure);
    r.procedure_code = procedure;
    r.agency_code = agency != NULL ? agency : r.agency_code;
    national_keys_put(KEYS, N_KEYS, &r, w);
    return "DongBoDanhGia";
}

const struct national_other national_rating = {.kind = RECORD_RATING,
                                               .word = "rating",
                                               .keys = KEYS,
                                               .n_keys = N_KEYS,
                                               .code = code_of,
                                               .check = check_it,
                                               .put = put};
