#include "adapter/portal_compare.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/text.h"

#define LIST_MAX 256 /* entries that are paired; a longer list is compared whole */
#define NAME_SIZE 160
#define SHOWN_SIZE 200 /* bytes of a value that is shown */

/* Lists of objects, and what their entries are known by. */
static const struct {
    const char *list, *key;
} keys[] = {
    {"TaiLieuNop", "TepDinhKemId"},
    {"DanhSachLePhi", "MaPhiLePhi"},
    {"DanhSachTepDinhKemKhac", "TenGiayTo"},
    {"DanhSachHoSoBoSung", "HoSoBoSungId"},
    {"DanhSachGiayToKetQua", "GiayToId"},
    {"DinhDanhCHS", "LoaiDinhDanh"},
    {"DSKetNoiCSDL", "MaCSDL"},
};

/* Names of offices, where they are known as such. */
static const char *const office_fields[] = {"DonViXuLy", "PhongBanXuLy"};

/* Codes, times and sums: all else may name a person. */
static const char *const shown[] = {
    "MaHoSo",
    "MaTTHC",
    "TenTTHC",
    "MaLinhVuc",
    "TenLinhVuc",
    "KenhThucHien",
    "LoaiDoiTuong",
    "NgayNopHoSo",
    "NgayTiepNhan",
    "NgayHenTra",
    "TrangThaiHoSo",
    "NgayTra",
    "HinhThuc",
    "NgayKetThucXuLy",
    "NgayTuChoi",
    "NoiNopHoSo",
    "HoSoCoThanhPhanSoHoa",
    "MaCSDL",
    "LoaiDinhDanh",
    "TaiKhoanDuocXacThucVoiVNeID",
    "IsDeleted",
    "MaThanhPhanHoSo",
    "DuocThanhToanTrucTuyen",
    "DuocSoHoa",
    "DuocTaiSuDung",
    "DuocLayTuKhoDMQG",
    "MaKetQuaThayThe",
    "TenPhiLePhi",
    "MaPhiLePhi",
    "HinhThucThu",
    "Gia",
    "LoaiPhiLePhi",
    "SoLuong",
    "LoaiGiayTo",
    "ThoiDiemXuLy",
    "TrangThai",
    "NgayBatDau",
    "NgayBoSung",
    "NgayHenTraTruoc",
    "NgayKetThucTheoQuyDinh",
    "NgayHenTraMoi",
    "TrangThaiBoSung",
    "NgayTiepNhanBoSung",
    "MaKetQua",
    "MaGiayToKetQua",
};

struct comparing {
    struct portal_comparison *out;
    const struct portal_offices *offices;
    struct arena *arena;
};

static bool listed(const char *const *list, size_t n, const char *field)
{
    const char *point = strchr(field, '.');
    const char *last = point != NULL ? point + 1 : field;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i], last) == 0) {
            return true;
        }
    }
    return false;
}

bool portal_compare_shown(const char *field)
{
    return listed(shown, sizeof(shown) / sizeof(shown[0]), field);
}

static bool may_show(const struct comparing *c, const char *field, const char *value)
{
    return portal_compare_shown(field) ||
           (listed(office_fields, sizeof(office_fields) / sizeof(office_fields[0]), field) &&
            c->offices->known(c->offices->ctx, value));
}

/* ---- single values ---- */

static bool is_container(const struct json *node)
{
    return json_is_array(node) || json_is_object(node);
}

bool portal_compare_empty(const struct json *node)
{
    char number[24];

    return json_is_null(node) ||
           (json_is_string(node) && json_text_or_empty(node, number)[0] == '\0') ||
           (is_container(node) && json_first(node) == NULL);
}

size_t portal_compare_length(const char *text)
{
    bool address = strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;

    return address ? strcspn(text, "?") : strlen(text);
}

/* 1 equal, 0 not, or an error. */
static int equal(const struct json *a, const struct json *b)
{
    uint8_t left[DIGEST_BYTES];
    uint8_t right[DIGEST_BYTES];
    char numbers[2][24];
    const char *x = json_text(a, numbers[0]);
    const char *y = json_text(b, numbers[1]);
    size_t n = x != NULL ? portal_compare_length(x) : 0;

    if (x != NULL && y != NULL) {
        return n == portal_compare_length(y) && memcmp(x, y, n) == 0;
    }
    if (x != NULL || y != NULL) {
        return 0;
    }
    if (json_digest(a, left) != 0 || json_digest(b, right) != 0) {
        return ERR_NOMEM;
    }
    return digest_equal(left, right);
}

static bool is_time(const char *text)
{
    return strspn(text, "0123456789") == 14 && text[14] == '\0';
}

/* A value for a person. NULL without memory. */
static const char *describe(const struct comparing *c, const char *name, const struct json *node)
{
    struct arena *a = c->arena;
    char number[24];
    char text[SHOWN_SIZE];
    const char *value = json_text(node, number);

    if (portal_compare_empty(node)) {
        return arena_strdup(a, "");
    }
    if (is_container(node)) {
        (void)snprintf(text, sizeof(text), "(entries: %zu)", json_size(node));
    } else if (value == NULL) {
        (void)snprintf(text, sizeof(text), "(a number)");
    } else if (may_show(c, name, value)) {
        text_printable(value, strlen(value), text, sizeof(text));
        if (!is_time(text)) {
            text_mask_personal(text);
        }
    } else {
        (void)snprintf(text, sizeof(text), "(%zu characters)", text_length(value));
    }
    return arena_strdup(a, text);
}

/* ---- fields ---- */

static int field_of(struct comparing *c, const char *name, struct portal_compared **out)
{
    struct portal_comparison *all = c->out;

    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->fields[i].name, name) == 0) {
            *out = &all->fields[i];
            return 0;
        }
    }
    if (all->n == PORTAL_COMPARED_MAX) {
        return ERR_TOOBIG;
    }
    *out = &all->fields[all->n];
    **out = (struct portal_compared){.name = arena_strdup(c->arena, name)};
    all->n += (*out)->name != NULL;
    return (*out)->name != NULL ? 0 : ERR_NOMEM;
}

static enum portal_agreement worse(enum portal_agreement a, enum portal_agreement b)
{
    return a == b || b == PORTAL_AGREE ? a : a == PORTAL_AGREE ? b : PORTAL_DIFFER;
}

static int note(struct comparing *c, const char *name, enum portal_agreement agreement,
                const struct json *other, const struct json *here)
{
    struct portal_compared *field = NULL;
    int err = field_of(c, name, &field);

    if (err != 0) {
        return err;
    }
    field->agreement = worse(field->agreement, agreement);
    if (agreement != PORTAL_AGREE && field->other == NULL) {
        field->other = describe(c, name, other);
        field->here = describe(c, name, here);
        err = field->other != NULL && field->here != NULL ? 0 : ERR_NOMEM;
    }
    return err;
}

static int compare_value(struct comparing *c, const char *name, const struct json *other,
                         const struct json *here)
{
    int same;

    if (portal_compare_empty(other) && portal_compare_empty(here)) {
        return 0;
    }
    if (portal_compare_empty(other) || portal_compare_empty(here)) {
        return note(c, name, portal_compare_empty(here) ? PORTAL_ONLY_OTHER : PORTAL_ONLY_HERE,
                    other, here);
    }
    same = equal(other, here);
    return same < 0 ? same : note(c, name, same == 1 ? PORTAL_AGREE : PORTAL_DIFFER, other, here);
}

static int compare_object(struct comparing *c, const char *list, const struct json *other,
                          const struct json *here);

/* ---- lists ---- */

static const char *key_of(const char *list)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].list, list) == 0) {
            return keys[i].key;
        }
    }
    return NULL;
}

static bool is_list(const struct json *node)
{
    if (!json_is_array(node) || json_size(node) == 0 || json_size(node) > LIST_MAX) {
        return false;
    }
    for (const struct json *row = json_first(node); row != NULL; row = json_next(row)) {
        if (!json_is_object(row)) {
            return false;
        }
    }
    return true;
}

/* The first entry that is not taken, of that key when key is not NULL. */
static const struct json *take(const struct json *list, const char *key, const char *value,
                               bool *taken)
{
    char number[24];
    size_t i = 0;

    for (const struct json *row = json_first(list); row != NULL; row = json_next(row)) {
        if (!taken[i] &&
            (key == NULL ||
             strcmp(json_text_or_empty(json_get_any_case(row, key), number), value) == 0)) {
            taken[i] = true;
            return row;
        }
        i++;
    }
    return NULL;
}

static int compare_list(struct comparing *c, const char *name, const struct json *other,
                        const struct json *here)
{
    bool taken[LIST_MAX] = {false};
    bool paired[LIST_MAX] = {false};
    const char *key = key_of(name);
    int err = note(c, name, json_size(other) == json_size(here) ? PORTAL_AGREE : PORTAL_DIFFER,
                   other, here);

    /* By key, then the rest by position. */
    for (int round = key != NULL ? 0 : 1; round < 2; round++) {
        size_t i = 0;

        for (const struct json *row = json_first(here); row != NULL; row = json_next(row), i++) {
            char number[24];
            const char *value =
                round == 0 ? json_text_or_empty(json_get_any_case(row, key), number) : "";
            const struct json *match = NULL;

            if (!paired[i] && (round == 1 || value[0] != '\0')) {
                match = take(other, round == 0 ? key : NULL, value, taken);
            }
            if (match != NULL) {
                paired[i] = true;
                err = err == 0 ? compare_object(c, name, match, row) : err;
            }
        }
    }
    return err;
}

/* ---- objects ---- */

static int compare_member(struct comparing *c, const char *list, const char *key,
                          const struct json *other, const struct json *here)
{
    char raw[NAME_SIZE];
    char name[NAME_SIZE];

    (void)snprintf(raw, sizeof(raw), "%.70s%s%.70s", list != NULL ? list : "",
                   list != NULL ? "." : "", key);
    text_printable(raw, strlen(raw), name, sizeof(name));
    return list == NULL && is_list(other) && is_list(here) ? compare_list(c, name, other, here)
                                                           : compare_value(c, name, other, here);
}

static int compare_object(struct comparing *c, const char *list, const struct json *other,
                          const struct json *here)
{
    int err = 0;

    for (const struct json *node = json_first(here); node != NULL && err == 0;
         node = json_next(node)) {
        err =
            compare_member(c, list, json_key(node), json_get_any_case(other, json_key(node)), node);
    }
    for (const struct json *node = json_first(other); node != NULL && err == 0;
         node = json_next(node)) {
        if (json_get_any_case(here, json_key(node)) == NULL) {
            err = compare_member(c, list, json_key(node), node, NULL);
        }
    }
    return err;
}

int portal_compare(const struct json *other, const struct json *here,
                   const struct portal_offices *offices, struct arena *arena,
                   struct portal_comparison *out)
{
    struct comparing c = {.out = out, .offices = offices, .arena = arena};

    out->n = 0;
    return compare_object(&c, NULL, other, here);
}
