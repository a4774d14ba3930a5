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

static int rating_read(const struct json *object, struct arena *a, struct record *out,
                       struct errmsg *msg)
{
    char code[CODE_MAX];
    struct rating r;
    int err;

    rating_init(&r);
    err = national_keys_read(KEYS, N_KEYS, true, object, a, &r, msg);
    err = err == 0 ? rating_code(&r, code, msg) : err;
    if (err != 0) {
        return err;
    }
    r.code = code;
    return record_from_rating(&r, a, out, msg);
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

static int rating_check(const struct adapter_env *env, const struct record *record, struct arena *a,
                        struct adapter_check *check)
{
    char procedure[CODE_MAX];
    const char *fault;
    struct errmsg msg = {{0}};
    struct rating r;
    int err = record_to_rating(record->body, record->body_len, a, &r, &msg);

    if (err != 0) {
        if (err != ERR_NOMEM) {
            portal_hold_invalid(check, msg.text);
            err = 0;
        }
        return err;
    }
    map_procedure(env, &r, procedure);
    fault = rating_fault(&r);
    if (procedure[0] == '\0') {
        portal_hold_invalid(check, "MaThuTuc is no national code, and the map of procedures has no "
                                   "row for it: add one and reload");
        check->hold = HOLD_UNMAPPED_PROCEDURE;
    } else if (fault != NULL) {
        portal_hold_invalid(check, fault);
    } else if (legacy_text(r.opinions) || legacy_text(r.content)) {
        portal_hold_invalid(check, "NoiDung or DanhSachNoiDungYKien is in an old font (TCVN3 or "
                                   "VNI), not in Unicode: mend it at the source");
    }
    return 0;
}

static int rating_put(const struct adapter_env *env, const struct record *record, struct arena *a,
                      struct json_writer *w, const char **service, struct errmsg *msg)
{
    const struct map *map = env->config->agency_map;
    char procedure[CODE_MAX];
    const char *agency;
    struct rating r;
    int err = record_to_rating(record->body, record->body_len, a, &r, msg);

    if (err != 0) {
        return err;
    }
    *service = "DongBoDanhGia";
    map_procedure(env, &r, procedure);
    r.procedure_code = procedure;
    agency = map != NULL ? map_code(map, r.agency_code, loop_wall_s(env->loop)) : NULL;
    r.agency_code = agency != NULL ? agency : r.agency_code;
    national_keys_put(KEYS, N_KEYS, &r, w);
    return 0;
}

const struct national_other national_rating = {.kind = RECORD_RATING,
                                               .word = "rating",
                                               .read = rating_read,
                                               .check = rating_check,
                                               .put = rating_put};
