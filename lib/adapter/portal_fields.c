#include "adapter/portal_fields.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/text.h"
#include "domain/vntime.h"

/* ---- single fields ---- */

static void put(struct portal_fields *f, const char *key, const char *value)
{
    const struct json *other = portal_extra_take(f->extra, key);

    if (value[0] == '\0' && other != NULL) {
        json_node(&f->w, key, other);
    } else {
        json_string(&f->w, key, value);
    }
}

/* What is written when nobody says otherwise. */
static void put_default(struct portal_fields *f, const char *key, const char *value)
{
    const struct json *other = portal_extra_take(f->extra, key);

    if (other != NULL) {
        json_node(&f->w, key, other);
    } else {
        json_string(&f->w, key, value);
    }
}

static void put_n2(struct portal_fields *f, const char *key, const char *value)
{
    if (f->n2) {
        put(f, key, value);
    } else {
        (void)portal_extra_take(f->extra, key); /* an older portal does not know it */
    }
}

static void put_time(struct portal_fields *f, const char *key, int64_t at_s)
{
    char text[VNTIME_PORTAL_SIZE];

    vntime_format_portal(at_s, text);
    put(f, key, text);
}

static void put_n2_time(struct portal_fields *f, const char *key, int64_t at_s)
{
    if (f->n2) {
        put_time(f, key, at_s);
    } else {
        (void)portal_extra_take(f->extra, key);
    }
}

static void put_flag(struct portal_fields *f, const char *key, int flag)
{
    static const char *const digits[] = {"0", "1", "2"};

    put_n2(f, key, flag >= 0 && flag <= 2 ? digits[flag] : "");
}

/* A list that has no canonical place. */
static void put_list(struct portal_fields *f, const char *key)
{
    const struct json *other = portal_extra_take(f->extra, key);

    if (other != NULL) {
        json_node(&f->w, key, other);
        return;
    }
    json_array_open(&f->w, key);
    json_array_close(&f->w);
}

/* The part of a text that the portal takes; NULL without memory. */
static const char *cut_text(struct arena *arena, const char *text, size_t max_chars)
{
    return portal_too_long(text, max_chars)
               ? arena_strndup(arena, text, text_prefix(text, max_chars))
               : text;
}

static void put_cut(struct portal_fields *f, const char *key, const char *text, size_t max_chars)
{
    const char *cut = cut_text(f->arena, text, max_chars);

    if (cut == NULL) {
        f->err = ERR_NOMEM;
        return;
    }
    put(f, key, cut);
}

/* Addresses carry time stamps in their query part (pain 12): it is sent, but is no change. */
static void put_url(struct portal_fields *f, const char *key, const char *url)
{
    size_t query = strcspn(url, "?");

    if (url[query] != '\0') {
        f->volatile_parts = true;
        if (f->stable) {
            url = arena_strndup(f->arena, url, query);
        }
    }
    if (url == NULL) {
        f->err = ERR_NOMEM;
        return;
    }
    put(f, key, url);
}

/* ---- objects ---- */

/* Opens an object whose `extra` is text; the one around it comes back with close_object. */
static struct portal_extra *open_object(struct portal_fields *f, struct portal_extra *extra,
                                        const char *text)
{
    struct portal_extra *around = f->extra;
    int err = portal_extra_begin(extra, text);

    f->err = f->err != 0 ? f->err : err;
    f->extra = extra;
    json_object_open(&f->w, NULL);
    return around;
}

static void close_object(struct portal_fields *f, struct portal_extra *around)
{
    portal_extra_rest(f->extra, &f->w);
    portal_extra_end(f->extra);
    json_object_close(&f->w);
    f->extra = around;
}

static const char *mirror_name(const struct adapter_env *env, enum record_kind kind,
                               const char *code)
{
    const char *name = NULL;

    if (env->mirror_name != NULL && code[0] != '\0') {
        name = env->mirror_name(env->mirror_ctx, kind, code);
    }
    return name != NULL ? name : "";
}

/* A name that the source left empty comes from the catalogue that we hold; never from a call per
 * dossier (pain 7). */
static void put_sector(struct portal_fields *f, const struct dossier *d)
{
    put(f, "MaLinhVuc", d->sector_code);
    put(f, "TenLinhVuc",
        d->sector_name[0] != '\0' ? d->sector_name
                                  : mirror_name(f->env, RECORD_SECTOR, d->sector_code));
}

static const char *procedure_name(const struct portal_fields *f, const struct portal_mapped *m)
{
    const char *name = m->dossier.procedure_name;

    return name[0] != '\0' ? name : mirror_name(f->env, RECORD_PROCEDURE, m->procedure);
}

static const char *agency_name(const struct portal_fields *f, const struct dossier *d)
{
    const struct map *map = f->env->config->agency_map;
    const char *code = NULL;

    if (d->agency_name[0] != '\0') {
        return d->agency_name;
    }
    if (map != NULL) {
        code = map_code(map, d->agency_code, d->changed_s);
    }
    return mirror_name(f->env, RECORD_AGENCY, code != NULL ? code : d->agency_code);
}

/* A citizen's number by its length: 12 digits "1", 9 digits "2", anything else is not sent as an
 * identity. A source that names the identities itself knows more. */
static void put_identity(struct portal_fields *f, const struct dossier *d)
{
    const struct json *other = portal_extra_take(f->extra, "DinhDanhCHS");
    size_t digits = strspn(d->applicant_id, "0123456789");
    bool whole = d->applicant_id[digits] == '\0';

    if (!f->n2) {
        return;
    }
    if (other != NULL) {
        json_node(&f->w, "DinhDanhCHS", other);
        return;
    }
    json_array_open(&f->w, "DinhDanhCHS");
    if (strcmp(d->applicant_type, "1") == 0 && whole && (digits == 12 || digits == 9)) {
        json_object_open(&f->w, NULL);
        json_string(&f->w, "LoaiDinhDanh", digits == 12 ? "1" : "2");
        json_string(&f->w, "SoDinhDanh", d->applicant_id);
        json_object_close(&f->w);
    }
    json_array_close(&f->w);
}

/* G1 knew citizens and enterprises only; OpenCPS then sent every organisation as the latter. */
static const char *applicant_type(const struct portal_fields *f, const struct dossier *d)
{
    bool newer = strcmp(d->applicant_type, "3") == 0 || strcmp(d->applicant_type, "4") == 0;

    return newer && !f->n2 ? "2" : d->applicant_type;
}

static void put_applicant(struct portal_fields *f, const struct dossier *d)
{
    put(f, "ChuHoSo", d->applicant_name);
    put(f, "LoaiDoiTuong", applicant_type(f, d));
    put(f, "MaDoiTuong", d->account_id);
    put_n2(f, "SoGiayToChuHoSo", d->applicant_id);
    put_identity(f, d);
    put(f, "ThongTinKhac", "");
    put(f, "Email", d->email);
    put(f, "Fax", "");
    put(f, "SoDienThoai", d->phone);
}

static void put_progress(struct portal_fields *f, const struct portal_mapped *m)
{
    const struct dossier *d = &m->dossier;
    char status[12];

    (void)snprintf(status, sizeof(status), "%d", m->status);
    put_n2_time(f, "NgayNopHoSo", d->submitted_s);
    put_time(f, "NgayTiepNhan", d->received_s);
    put_time(f, "NgayHenTra", m->status == 1 || m->status == 3 ? 0 : d->promised_s);
    put(f, "TrangThaiHoSo", status);
    put_time(f, "NgayTra", m->status == 10 ? d->returned_s : 0);
    put(f, "ThongTinTra", "");
    put(f, "HinhThuc", d->result_by);
    put_time(f, "NgayKetThucXuLy", m->status == 9 || m->status == 10 ? d->finished_s : 0);
    put_n2_time(f, "NgayTuChoi", m->status == 3 || m->status == 8 ? d->refused_s : 0);
    put(f, "DonViXuLy", agency_name(f, d));
    put_n2(f, "NoiNopHoSo", d->entry);
    put_flag(f, "HoSoCoThanhPhanSoHoa", d->digitised);
    put_flag(f, "TaiKhoanDuocXacThucVoiVNeID", d->identified);
    put_flag(f, "DuocThanhToanTrucTuyen", d->paid_online);
    if (f->n2) {
        put_list(f, "DSKetNoiCSDL");
    } else {
        (void)portal_extra_take(f->extra, "DSKetNoiCSDL");
    }
}

static void put_files(struct portal_fields *f, const struct dossier *d)
{
    (void)portal_extra_take(f->extra, "TaiLieuNop");
    json_array_open(&f->w, "TaiLieuNop");
    for (size_t i = 0; i < d->n_files; i++) {
        const struct dossier_file *file = &d->files[i];
        struct portal_extra extra;
        struct portal_extra *around = open_object(f, &extra, file->extra);

        put(f, "TepDinhKemId", file->id);
        put_cut(f, "TenTepDinhKem", file->name, PORTAL_FILE_NAME_CHARS);
        put_default(f, "IsDeleted", "False");
        put(f, "MaThanhPhanHoSo", file->component);
        put_url(f, "DuongDanTaiTepTin", file->url);
        put_n2(f, "DuocSoHoa", "");
        put_n2(f, "DuocTaiSuDung", "");
        put_n2(f, "DuocLayTuKhoDMQG", "");
        put_n2(f, "MaKetQuaThayThe", "");
        close_object(f, around);
    }
    json_array_close(&f->w);
}

static void put_results(struct portal_fields *f, const struct dossier *d)
{
    (void)portal_extra_take(f->extra, "DanhSachGiayToKetQua");
    json_array_open(&f->w, "DanhSachGiayToKetQua");
    for (size_t i = 0; i < d->n_results; i++) {
        const struct dossier_file *file = &d->results[i];
        struct portal_extra extra;
        struct portal_extra *around = open_object(f, &extra, file->extra);

        put_cut(f, "TenGiayTo", file->name, PORTAL_RESULT_NAME_CHARS);
        put(f, "MaThanhPhanHoSo", file->component);
        put(f, "GiayToId", file->id);
        put_url(f, "DuongDanTepTinKetQua", file->url);
        put_n2(f, f->result_code_key, file->result_code);
        close_object(f, around);
    }
    json_array_close(&f->w);
}

void portal_fields_dossier(struct portal_fields *f, const struct portal_mapped *m)
{
    const struct dossier *d = &m->dossier;
    const char *name = procedure_name(f, m);
    struct portal_extra extra;
    struct portal_extra *around = open_object(f, &extra, d->extra);

    put(f, "MaHoSo", d->code);
    put(f, "MaTTHC", m->procedure);
    put(f, "TenTTHC", name);
    put_sector(f, d);
    put_n2(f, "KenhThucHien", d->channel);
    put(f, "SoBienNhan", d->receipt_no);
    put_applicant(f, d);
    put_cut(f, "TrichYeuHoSo", d->subject[0] != '\0' ? d->subject : name, PORTAL_SUBJECT_CHARS);
    put_progress(f, m);
    put_cut(f, "GhiChu", d->note, PORTAL_NOTE_CHARS);
    put_files(f, d);
    put_list(f, "DanhSachLePhi");
    put_list(f, "DanhSachTepDinhKemKhac");
    put_list(f, "DanhSachHoSoBoSung");
    put_results(f, d);
    close_object(f, around);
}

void portal_fields_step(struct portal_fields *f, const struct portal_mapped *m)
{
    const struct step *s = &m->step;
    struct portal_extra extra;
    struct portal_extra *around = open_object(f, &extra, s->extra);
    char status[12];

    (void)snprintf(status, sizeof(status), "%d", m->status);
    put(f, "MaHoSo", s->code);
    put_cut(f, "NguoiXuLy", s->actor, PORTAL_ACTOR_CHARS);
    put(f, "ChucDanh", s->actor_title);
    put_time(f, "ThoiDiemXuLy", s->at_s);
    put(f, "PhongBanXuLy", s->unit);
    put(f, "NoiDungXuLy", s->text);
    put(f, "TrangThai", status);
    put_time(f, "NgayBatDau", s->begun_s);
    put_time(f, "NgayKetThucTheoQuyDinh", s->due_s);
    close_object(f, around);
}

int portal_fields_step_identity(const struct portal_mapped *m, struct arena *arena,
                                uint8_t out[RECORD_HASH_BYTES])
{
    static const uint8_t failed[RECORD_HASH_BYTES]; /* what OpenSSL's failure leaves */
    const struct step *s = &m->step;
    const char *actor = cut_text(arena, s->actor, PORTAL_ACTOR_CHARS);
    char at[VNTIME_PORTAL_SIZE];
    char status[12];
    struct digest d;

    if (actor == NULL || digest_begin(&d) != 0) {
        return ERR_NOMEM;
    }
    vntime_format_portal(s->at_s, at);
    (void)snprintf(status, sizeof(status), "%d", m->status);
    digest_add_field(&d, s->code);
    if (s->answer[0] != '\0') {
        digest_add_field(&d, s->answer);
    } else {
        digest_add_field(&d, at);
        digest_add_field(&d, status);
        digest_add_field(&d, actor);
    }
    digest_end(&d, out);
    return digest_equal(out, failed) ? ERR_NOMEM : 0;
}

void portal_fields_begin(struct portal_fields *f, const struct adapter_env *env,
                         struct arena *arena, const struct config_portal *portal)
{
    memset(f, 0, sizeof(*f));
    f->env = env;
    f->arena = arena;
    f->n2 = strcmp(portal->fields, "G1") != 0;
    f->result_code_key = portal->result_code_key;
}
