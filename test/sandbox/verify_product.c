#include "sandbox/verify_product.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sandbox/verify_ledger.h"

#define MUST_MAX 24

struct verify_product {
    const char *name;
    const char *must[MUST_MAX]; /* fields of the snapshot that the wire carries; NULL ends them */
    bool files;
    bool completed;    /* one date for the end of processing and for the return */
    bool justice;      /* states folded to four */
    bool digitised;    /* says that papers are digitised, the account unknown and nothing paid */
    const char *title; /* ChucDanh of every step */
    bool begun;        /* steps say when they began: at their own time */
    bool due;          /* steps say until when they should end */
    bool unit;         /* steps say where */
};

#define WHO "ChuHoSo", "SoGiayToChuHoSo"
#define CONTACT "Email", "SoDienThoai"
#define WHAT "MaHoSo", "MaTTHC", "TrangThaiHoSo"

static const struct verify_product PRODUCTS[] = {
    {.name = "igate-connector",
     .must = {WHAT, WHO, CONTACT, "NgayTiepNhan", "NgayHenTra"},
     .begun = true,
     .due = true,
     .unit = true},
    {.name = "igate-search",
     .must = {WHAT, WHO, CONTACT, "TenTTHC", "MaLinhVuc", "NgayNopHoSo", "NgayTiepNhan",
              "NgayHenTra", "NgayKetThucXuLy", "DonViXuLy", "KenhThucHien"},
     .completed = true,
     .begun = true,
     .due = true,
     .unit = true},
    {.name = "vpcp-shape",
     .must = {WHAT, WHO, CONTACT, "TenTTHC", "MaLinhVuc", "TenLinhVuc", "KenhThucHien",
              "LoaiDoiTuong", "TrichYeuHoSo", "NgayNopHoSo", "NgayTiepNhan", "NgayHenTra",
              "NgayTra", "HinhThuc", "NgayKetThucXuLy", "NgayTuChoi", "DonViXuLy", "NoiNopHoSo",
              "GhiChu"},
     .files = true,
     .digitised = true,
     .title = "Công chức một cửa",
     .begun = true,
     .due = true,
     .unit = true},
    {.name = "lgsp-hcm",
     .must = {WHAT, WHO, CONTACT, "TenTTHC", "MaLinhVuc", "TenLinhVuc", "KenhThucHien",
              "LoaiDoiTuong", "TrichYeuHoSo", "NgayNopHoSo", "NgayTiepNhan", "NgayHenTra",
              "NgayTra", "HinhThuc", "NgayKetThucXuLy", "NgayTuChoi", "DonViXuLy"},
     .unit = true},
    {.name = "ngsp-justice",
     .must = {WHAT, WHO, "SoDienThoai", "TenTTHC", "NgayNopHoSo", "NgayTiepNhan", "NgayHenTra",
              "NgayTra", "NgayKetThucXuLy", "DonViXuLy"},
     .completed = true,
     .justice = true,
     .unit = true},
    {.name = "oep-soap",
     .must = {WHAT, WHO, "NgayNopHoSo", "NgayTiepNhan", "NgayHenTra", "DonViXuLy"},
     .begun = true,
     .unit = true},
    {.name = "bridge-array",
     .must = {WHAT, "ChuHoSo", "TenTTHC", "MaLinhVuc", "TenLinhVuc", "LoaiDoiTuong", "TrichYeuHoSo",
              "NgayTiepNhan", "NgayHenTra", "NgayTra", "NgayKetThucXuLy", "HinhThuc", "DonViXuLy"},
     .due = true,
     .unit = true},
};

/* What civil status's four states mean nationally, by the national status they were folded from. */
static const int JUSTICE[] = {0, 2, 2, 0, 4, 5, 5, 0, 0, 10, 10};

const struct verify_product *verify_product_find(const char *name)
{
    for (size_t i = 0; i < sizeof(PRODUCTS) / sizeof(PRODUCTS[0]); i++) {
        if (strcmp(PRODUCTS[i].name, name) == 0) {
            return &PRODUCTS[i];
        }
    }
    return NULL;
}

const char *verify_product_name(const struct verify_product *p)
{
    return p->name;
}

static bool carries(const struct verify_product *p, const char *field)
{
    for (size_t i = 0; i < MUST_MAX && p->must[i] != NULL; i++) {
        if (strcmp(p->must[i], field) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_empty(const cJSON *item)
{
    return item == NULL || cJSON_IsNull(item) ||
           (cJSON_IsString(item) && item->valuestring[0] == '\0') ||
           (cJSON_IsArray(item) && item->child == NULL);
}

static int put(cJSON *record, const char *name, const char *value)
{
    cJSON *text = cJSON_CreateString(value);
    int made = text != NULL;

    if (made && cJSON_HasObjectItem(record, name)) {
        made = cJSON_ReplaceItemInObjectCaseSensitive(record, name, text);
    } else if (made) {
        made = cJSON_AddItemToObject(record, name, text);
    }
    return made ? 0 : -1;
}

static int fold(cJSON *record, const char *name)
{
    int status = atoi(map_text(record, name));
    char text[12];

    if (status < 0 || status > 10 || JUSTICE[status] == 0) {
        return -1;
    }
    snprintf(text, sizeof(text), "%d", JUSTICE[status]);
    return put(record, name, text);
}

/* The wire knows one date of completion: the return if there was one, else the release. */
static int complete(cJSON *record)
{
    char both[2][32];
    int status = atoi(map_text(record, "TrangThaiHoSo"));
    const char *date;

    snprintf(both[0], sizeof(both[0]), "%s", map_text(record, "NgayTra"));
    snprintf(both[1], sizeof(both[1]), "%s", map_text(record, "NgayKetThucXuLy"));
    date = both[0][0] != '\0' ? both[0] : both[1];
    return put(record, "NgayKetThucXuLy", status >= 9 ? date : "") != 0 ||
                   put(record, "NgayTra", status == 10 ? date : "") != 0
               ? -1
               : 0;
}

/* yyyyMMddHHmmss local time, as UTC seconds. */
static long long seconds_of(const char *at)
{
    struct tm tm = {0};

    if (sscanf(at, "%4d%2d%2d%2d%2d%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec) != 6) {
        return -1;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return (long long)timegm(&tm) - 7 * 3600;
}

static int apply_step(const struct verify_product *p, struct mapped_step *s)
{
    const char *at = map_text(s->record, "ThoiDiemXuLy");

    snprintf(s->id, sizeof(s->id), "%lld", seconds_of(at));
    if ((p->justice && fold(s->record, "TrangThai") != 0) ||
        (p->begun && put(s->record, "NgayBatDau", at) != 0) ||
        (p->title != NULL && put(s->record, "ChucDanh", p->title) != 0)) {
        return -1;
    }
    snprintf(s->key, sizeof(s->key), "%s|%s|%s", map_text(s->record, "ThoiDiemXuLy"),
             map_text(s->record, "TrangThai"), map_text(s->record, "NguoiXuLy"));
    s->key_hash = ledger_key(s->key, strlen(s->key));
    return 0;
}

/* vpcp-shape says more of a file than OpenCPS does. */
static int apply_files(const struct verify_product *p, struct mapped *m)
{
    cJSON *file;

    if (!p->files) {
        cJSON_Delete(m->submitted);
        cJSON_Delete(m->results);
        m->submitted = cJSON_CreateArray();
        m->results = cJSON_CreateArray();
        return m->submitted != NULL && m->results != NULL ? 0 : -1;
    }
    cJSON_ArrayForEach(file, m->submitted)
    {
        if (put(file, "DuocSoHoa", "1") != 0 || put(file, "DuocTaiSuDung", "0") != 0 ||
            put(file, "DuocLayTuKhoDMQG", "0") != 0) {
            return -1;
        }
    }
    return 0;
}

int verify_product_apply(const struct verify_product *p, struct mapped *m)
{
    m->product = p;
    if (apply_files(p, m) != 0 || (p->justice && fold(m->record, "TrangThaiHoSo") != 0)) {
        return -1;
    }
    if (p->completed && complete(m->record) != 0) {
        return -1;
    }
    if (p->digitised && (put(m->record, "HoSoCoThanhPhanSoHoa", "1") != 0 ||
                         put(m->record, "TaiKhoanDuocXacThucVoiVNeID", "0") != 0 ||
                         put(m->record, "DuocThanhToanTrucTuyen", "0") != 0)) {
        return -1;
    }
    for (size_t i = 0; i < m->n_steps; i++) {
        if (apply_step(p, &m->steps[i]) != 0) {
            return -1;
        }
    }
    return 0;
}

bool verify_product_may(const struct mapped *m, const char *field, const cJSON *actual)
{
    const struct verify_product *p = m->product;

    if (p == NULL) {
        return false;
    }
    if (carries(p, field)) {
        return false;
    }
    return is_empty(actual) || (strcmp(field, "TrichYeuHoSo") == 0 && cJSON_IsString(actual) &&
                                strcmp(actual->valuestring, map_text(m->record, "TenTTHC")) == 0);
}

bool verify_product_step_may(const struct mapped *m, const char *field, const cJSON *actual)
{
    const struct verify_product *p = m->product;

    if (p == NULL || !is_empty(actual)) {
        return false;
    }
    return (strcmp(field, "NgayKetThucTheoQuyDinh") == 0 && !p->due) ||
           (strcmp(field, "PhongBanXuLy") == 0 && !p->unit);
}
