#include "adapter/national_fields.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/text.h"
#include "codec/record.h"
#include "domain/vntime.h"

#define NO_PLACE 0
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* clang-format off */
static const struct national_field dossier_fields[] = {
#define F(key, type, name) {key, type, offsetof(struct dossier, name)},
    F("MaHoSo", NATIONAL_CODE, code)
    F("MaTTHC", NATIONAL_CODE, procedure_code)
    F("TenTTHC", NATIONAL_TEXT, procedure_name)
    F("MaLinhVuc", NATIONAL_TEXT, sector_code)
    F("TenLinhVuc", NATIONAL_TEXT, sector_name)
    F("KenhThucHien", NATIONAL_TEXT, channel)
    F("SoBienNhan", NATIONAL_TEXT, receipt_no)
    F("ChuHoSo", NATIONAL_TEXT, applicant_name)
    F("LoaiDoiTuong", NATIONAL_TEXT, applicant_type)
    F("MaDoiTuong", NATIONAL_TEXT, account_id)
    F("SoGiayToChuHoSo", NATIONAL_TEXT, applicant_id)
    F("Email", NATIONAL_TEXT, email)
    F("SoDienThoai", NATIONAL_TEXT, phone)
    F("TrichYeuHoSo", NATIONAL_TEXT, subject)
    F("NgayNopHoSo", NATIONAL_TIME, submitted_s)
    F("NgayTiepNhan", NATIONAL_TIME, received_s)
    F("NgayHenTra", NATIONAL_TIME, promised_s)
    F("TrangThaiHoSo", NATIONAL_CODE, status)
    F("NgayTra", NATIONAL_TIME, returned_s)
    F("HinhThuc", NATIONAL_TEXT, result_by)
    F("NgayKetThucXuLy", NATIONAL_TIME, finished_s)
    F("NgayTuChoi", NATIONAL_TIME, refused_s)
    F("DonViXuLy", NATIONAL_TEXT, agency_name)
    F("NoiNopHoSo", NATIONAL_TEXT, entry)
    F("HoSoCoThanhPhanSoHoa", NATIONAL_FLAG, digitised)
    F("TaiKhoanDuocXacThucVoiVNeID", NATIONAL_FLAG, identified)
    F("DuocThanhToanTrucTuyen", NATIONAL_FLAG, paid_online)
    F("GhiChu", NATIONAL_TEXT, note)
    {"TaiLieuNop", NATIONAL_FILES, NO_PLACE},
    {"DanhSachGiayToKetQua", NATIONAL_RESULTS, NO_PLACE},
    {"DinhDanhCHS", NATIONAL_TO_EXTRA, NO_PLACE},
    {"ThongTinKhac", NATIONAL_TO_EXTRA, NO_PLACE},
    {"Fax", NATIONAL_TO_EXTRA, NO_PLACE},
    {"ThongTinTra", NATIONAL_TO_EXTRA, NO_PLACE},
    {"DSKetNoiCSDL", NATIONAL_TO_EXTRA, NO_PLACE},
    {"DanhSachLePhi", NATIONAL_TO_EXTRA, NO_PLACE},
    {"DanhSachTepDinhKemKhac", NATIONAL_TO_EXTRA, NO_PLACE},
    {"DanhSachHoSoBoSung", NATIONAL_TO_EXTRA, NO_PLACE},
#undef F
};

static const struct national_field file_fields[] = {
#define F(key, name) {key, NATIONAL_TEXT, offsetof(struct dossier_file, name)},
    F("TepDinhKemId", id)
    F("TenTepDinhKem", name)
    F("MaThanhPhanHoSo", component)
    F("DuongDanTaiTepTin", url)
    {"IsDeleted", NATIONAL_IF_TRUE, NO_PLACE},
    {"DuocSoHoa", NATIONAL_TO_EXTRA, NO_PLACE},
    {"DuocTaiSuDung", NATIONAL_TO_EXTRA, NO_PLACE},
    {"DuocLayTuKhoDMQG", NATIONAL_TO_EXTRA, NO_PLACE},
    {"MaKetQuaThayThe", NATIONAL_TO_EXTRA, NO_PLACE},
};

static const struct national_field result_fields[] = {
    F("TenGiayTo", name)
    F("MaThanhPhanHoSo", component)
    F("GiayToId", id)
    F("DuongDanTepTinKetQua", url)
    F("MaGiayToKetQua", result_code)
    F("MaKetQua", result_code) /* the other name that is seen (section 16) */
#undef F
};

static const struct national_field step_fields[] = {
#define F(key, type, name) {key, type, offsetof(struct step, name)},
    F("MaHoSo", NATIONAL_CODE, code)
    F("NguoiXuLy", NATIONAL_TEXT, actor)
    F("ChucDanh", NATIONAL_TEXT, actor_title)
    F("ThoiDiemXuLy", NATIONAL_TIME, at_s)
    F("PhongBanXuLy", NATIONAL_TEXT, unit)
    F("NoiDungXuLy", NATIONAL_TEXT, text)
    F("TrangThai", NATIONAL_CODE, status)
    F("NgayBatDau", NATIONAL_TIME, begun_s)
    F("NgayKetThucTheoQuyDinh", NATIONAL_TIME, due_s)
#undef F
};
/* clang-format on */

const struct national_table national_dossier_table = {dossier_fields, COUNT(dossier_fields),
                                                      offsetof(struct dossier, extra)};
const struct national_table national_step_table = {step_fields, COUNT(step_fields),
                                                   offsetof(struct step, extra)};
static const struct national_table file_table = {file_fields, COUNT(file_fields),
                                                 offsetof(struct dossier_file, extra)};
static const struct national_table result_table = {result_fields, COUNT(result_fields),
                                                   offsetof(struct dossier_file, extra)};

/* One object on its way in. */
struct reading {
    struct arena *arena;
    struct errmsg *msg;
    struct kept {
        const char *key;
        const struct json *value;
    } * kept; /* what goes into extra */
    size_t n_kept;
};

static int fault(const struct reading *r, const char *key, const char *words)
{
    return err_set(r->msg, ERR_FORMAT, "%s: %s", key, words);
}

static int no_memory(struct errmsg *msg)
{
    return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

static bool is_empty(const struct json *node)
{
    char number[24];
    const char *text = json_text(node, number);

    return text != NULL ? text[0] == '\0'
                        : (json_is_array(node) || json_is_object(node)) && json_size(node) == 0;
}

static void keep(struct reading *r, const char *key, const struct json *value)
{
    r->kept[r->n_kept].key = key;
    r->kept[r->n_kept].value = value;
    r->n_kept++;
}

static int read_text(struct reading *r, const struct national_field *f, const struct json *node,
                     const char **out)
{
    char number[24];
    const char *text = json_text(node, number);
    char *copy;

    if (text == NULL) {
        return fault(r, f->key, "không hợp lệ (cần một chuỗi)");
    }
    copy = arena_strdup(r->arena, text);
    if (copy == NULL) {
        return no_memory(r->msg);
    }
    if (f->type == NATIONAL_CODE) {
        text_trim(copy, copy, strlen(copy) + 1);
    }
    *out = copy;
    return 0;
}

static int read_time(struct reading *r, const struct national_field *f, const struct json *node,
                     int64_t *out)
{
    char number[24];
    char text[32];
    const char *raw = json_text(node, number);

    if (raw != NULL) {
        text_trim(raw, text, sizeof(text));
    }
    if (raw == NULL || strlen(raw) >= sizeof(text) || vntime_parse_portal(text, out) != 0) {
        return fault(r, f->key, "ngày giờ không hợp lệ (yyyyMMddHHmmss)");
    }
    return 0;
}

static void read_flag(struct reading *r, const struct national_field *f, const struct json *node,
                      int *out)
{
    int64_t value;

    if (json_integer(node, &value) == 0 && value >= 0 && value <= 2) {
        *out = (int)value;
    } else {
        keep(r, f->key, node);
    }
}

static int read_files(struct reading *r, const struct national_field *f, const struct json *array,
                      const struct national_table *table, const struct dossier_file **out,
                      size_t *n_out)
{
    size_t n = json_size(array);
    struct dossier_file *files;
    size_t i = 0;

    if (!json_is_array(array) || n > DOSSIER_MAX_FILES) {
        return fault(r, f->key, "không hợp lệ (cần danh sách, tối đa 500 mục)");
    }
    files = arena_alloc(r->arena, n * sizeof(*files));
    if (files == NULL) {
        return no_memory(r->msg);
    }
    for (const struct json *node = json_first(array); node != NULL; node = json_next(node)) {
        int err;

        files[i] = (struct dossier_file){"", "", "", "", "", ""};
        err = json_is_object(node)
                  ? national_fields_read(table, node, r->arena, &files[i], r->msg)
                  : err_set(r->msg, ERR_FORMAT, "không hợp lệ (cần một đối tượng)");
        if (err != 0) {
            return err_wrap(r->msg, err, "%s[%zu]", f->key, i);
        }
        i++;
    }
    *out = files;
    *n_out = n;
    return 0;
}

static int read_value(struct reading *r, const struct national_field *f, const struct json *node,
                      void *to)
{
    void *place = (char *)to + f->offset;
    struct dossier *d = to;

    switch (f->type) {
    case NATIONAL_TEXT:
    case NATIONAL_CODE:
        return read_text(r, f, node, place);
    case NATIONAL_TIME:
        return read_time(r, f, node, place);
    case NATIONAL_FLAG:
        read_flag(r, f, node, place);
        return 0;
    case NATIONAL_FILES:
        return read_files(r, f, node, &file_table, &d->files, &d->n_files);
    case NATIONAL_RESULTS:
        return read_files(r, f, node, &result_table, &d->results, &d->n_results);
    case NATIONAL_IF_TRUE:
        if (json_true(node)) {
            keep(r, f->key, node);
        }
        return 0;
    case NATIONAL_TO_EXTRA:
        keep(r, f->key, node);
        return 0;
    }
    return 0;
}

static const struct national_field *find_field(const struct national_table *table, const char *key)
{
    for (size_t i = 0; i < table->n; i++) {
        if (strcasecmp(table->fields[i].key, key) == 0) {
            return &table->fields[i];
        }
    }
    return NULL;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct kept *)a)->key, ((const struct kept *)b)->key);
}

static int write_extra(struct reading *r, const char **out)
{
    struct json_writer w;
    struct buf text;
    int err;

    if (r->n_kept == 0) {
        return 0;
    }
    qsort(r->kept, r->n_kept, sizeof(*r->kept), by_key);
    buf_init(&text, RECORD_BODY_MAX);
    json_write_begin(&w, &text);
    json_object_open(&w, NULL);
    for (size_t i = 0; i < r->n_kept; i++) {
        if (i > 0 && by_key(&r->kept[i - 1], &r->kept[i]) == 0) {
            buf_free(&text);
            return fault(r, r->kept[i].key, "có hai lần");
        }
        json_node(&w, r->kept[i].key, r->kept[i].value);
    }
    json_object_close(&w);
    err = buf_error(&text);
    if (err == 0) {
        *out = arena_strndup(r->arena, text.data, text.len);
        err = *out != NULL ? 0 : ERR_NOMEM;
    }
    buf_free(&text);
    return err != 0 ? err_set(r->msg, err, "%s", err_text(err)) : 0;
}

int national_fields_read(const struct national_table *table, const struct json *object,
                         struct arena *arena, void *to, struct errmsg *msg)
{
    struct reading r = {arena, msg, NULL, 0};
    uint64_t seen = 0; /* a bit per field */

    r.kept = arena_alloc(arena, (json_size(object) + 1) * sizeof(*r.kept));
    if (r.kept == NULL) {
        return no_memory(msg);
    }
    for (const struct json *node = json_first(object); node != NULL; node = json_next(node)) {
        const struct national_field *f = find_field(table, json_key(node));
        int err = 0;

        if (is_empty(node)) {
            continue;
        }
        if (f == NULL) {
            keep(&r, json_key(node), node);
        } else if ((seen >> (f - table->fields) & 1) != 0) {
            return fault(&r, f->key, "có hai lần");
        } else {
            seen |= UINT64_C(1) << (f - table->fields);
            err = read_value(&r, f, node, to);
        }
        if (err != 0) {
            return err;
        }
    }
    return write_extra(&r, (const char **)(void *)((char *)to + table->extra));
}
