#include "adapter/portal_compare.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/text.h"
#include "domain/codes.h"
#include "domain/vntime.h"

#define LIST_MAX 256 /* entries that are paired; a longer list is compared whole */
#define NAME_SIZE 160
#define KEY_MAX 64
#define CODE_SHOWN_MAX 32 /* bytes */
#define SUM_MAX 8         /* digits: numbers of persons have 9 or more */

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

/* ---- what is shown ---- */

/* Other products write people into any field: a value is shown where it has the form of its kind,
 * or stands in the mirror. */

static bool is_time(const char *text)
{
    int64_t at_s = 0;

    return text[0] != '\0' && vntime_parse_portal(text, &at_s) == 0;
}

static bool is_digits(const char *text, size_t max)
{
    size_t n = strspn(text, "0123456789");

    return n > 0 && n <= max && text[n] == '\0';
}

static bool is_status(const char *text)
{
    return is_digits(text, 2) && text[0] != '0' && (text[1] == '\0' || strcmp(text, "10") == 0);
}

static bool is_flag(const char *text)
{
    return is_digits(text, 2) || strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0;
}

static bool is_sum(const char *text)
{
    return is_digits(text, SUM_MAX);
}

/* Of sectors, papers, results and fees: G15-HT04, 000.00.00.H56-KQ012345. */
static bool is_code(const char *text)
{
    const char *digits = "0123456789";
    const char *letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-");

    if (n > CODE_SHOWN_MAX || text[n] != '\0' || text[strcspn(text, letters)] == '\0' ||
        text[strcspn(text, digits)] == '\0') {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (strspn(at, digits) > SUM_MAX) {
            return false; /* a person's number */
        }
    }
    return true;
}

static bool is_procedure(const char *text)
{
    char national[CODE_MAX];

    return code_procedure_national(text, national) == 0;
}

static bool is_none(const char *text)
{
    (void)text;
    return false;
}

/* All else is never shown. */
static const struct {
    const char *field;
    bool (*form)(const char *text);
    enum record_kind mirrored; /* where not of that form; RECORD_NONE no */
} shown[] = {
    {"MaHoSo", code_is_dossier, RECORD_NONE},
    {"MaTTHC", is_procedure, RECORD_PROCEDURE},
    {"TenTTHC", is_none, RECORD_PROCEDURE},
    {"MaLinhVuc", is_code, RECORD_SECTOR},
    {"TenLinhVuc", is_none, RECORD_SECTOR},
    {"DonViXuLy", is_none, RECORD_AGENCY},
    {"PhongBanXuLy", is_none, RECORD_AGENCY},
    {"KenhThucHien", is_flag, RECORD_NONE},
    {"LoaiDoiTuong", is_flag, RECORD_NONE},
    {"NgayNopHoSo", is_time, RECORD_NONE},
    {"NgayTiepNhan", is_time, RECORD_NONE},
    {"NgayHenTra", is_time, RECORD_NONE},
    {"TrangThaiHoSo", is_status, RECORD_NONE},
    {"NgayTra", is_time, RECORD_NONE},
    {"HinhThuc", is_flag, RECORD_NONE},
    {"NgayKetThucXuLy", is_time, RECORD_NONE},
    {"NgayTuChoi", is_time, RECORD_NONE},
    {"NoiNopHoSo", is_flag, RECORD_NONE},
    {"HoSoCoThanhPhanSoHoa", is_flag, RECORD_NONE},
    {"MaCSDL", is_flag, RECORD_NONE},
    {"LoaiDinhDanh", is_flag, RECORD_NONE},
    {"TaiKhoanDuocXacThucVoiVNeID", is_flag, RECORD_NONE},
    {"IsDeleted", is_flag, RECORD_NONE},
    {"MaThanhPhanHoSo", is_code, RECORD_NONE},
    {"DuocThanhToanTrucTuyen", is_flag, RECORD_NONE},
    {"DuocSoHoa", is_flag, RECORD_NONE},
    {"DuocTaiSuDung", is_flag, RECORD_NONE},
    {"DuocLayTuKhoDMQG", is_flag, RECORD_NONE},
    {"MaKetQuaThayThe", is_code, RECORD_NONE},
    {"MaPhiLePhi", is_code, RECORD_NONE},
    {"HinhThucThu", is_flag, RECORD_NONE},
    {"Gia", is_sum, RECORD_NONE},
    {"LoaiPhiLePhi", is_flag, RECORD_NONE},
    {"SoLuong", is_sum, RECORD_NONE},
    {"LoaiGiayTo", is_flag, RECORD_NONE},
    {"ThoiDiemXuLy", is_time, RECORD_NONE},
    {"TrangThai", is_status, RECORD_NONE},
    {"NgayBatDau", is_time, RECORD_NONE},
    {"NgayBoSung", is_time, RECORD_NONE},
    {"NgayHenTraTruoc", is_time, RECORD_NONE},
    {"NgayKetThucTheoQuyDinh", is_time, RECORD_NONE},
    {"NgayHenTraMoi", is_time, RECORD_NONE},
    {"TrangThaiBoSung", is_flag, RECORD_NONE},
    {"NgayTiepNhanBoSung", is_time, RECORD_NONE},
    {"MaKetQua", is_code, RECORD_NONE},
    {"MaGiayToKetQua", is_code, RECORD_NONE},
};

static bool may_show(const struct portal_known *known, const char *field, const char *text)
{
    const char *point = strchr(field, '.');
    const char *last = point != NULL ? point + 1 : field;

    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        if (strcmp(shown[i].field, last) == 0) {
            return shown[i].form(text) || (shown[i].mirrored != RECORD_NONE &&
                                           known->has(known->ctx, shown[i].mirrored, text));
        }
    }
    return false;
}

static void put_length(const char *text, char *out, size_t size)
{
    (void)snprintf(out, size, "(%zu characters)", text_length(text));
}

void portal_compare_show(const struct portal_known *known, const char *field, const char *text,
                         char *out, size_t size)
{
    if (text[0] == '\0' || may_show(known, field, text)) {
        text_printable(text, strlen(text), out, size);
    } else {
        put_length(text, out, size);
    }
}

/* A key that can be the name of a field. */
static bool is_name(const char *key)
{
    size_t n = strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_");

    return n > 0 && n <= KEY_MAX && key[n] == '\0';
}

/* ---- comparing ---- */

struct comparing {
    struct portal_comparison *out;
    struct arena *arena;
};

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

void portal_compare_describe(const struct portal_known *known, const char *field,
                             const struct json *node, char *out, size_t size)
{
    char number[24];
    const char *value = json_text(node, number);

    if (portal_compare_empty(node)) {
        (void)snprintf(out, size, "%s", "");
    } else if (is_container(node)) {
        (void)snprintf(out, size, "(entries: %zu)", json_size(node));
    } else if (value == NULL) {
        (void)snprintf(out, size, "(a number)");
    } else {
        portal_compare_show(known, field, value, out, size);
    }
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
    if (agreement != PORTAL_AGREE && field->agreement == PORTAL_AGREE) {
        field->other = other;
        field->here = here;
    }
    field->agreement = worse(field->agreement, agreement);
    return 0;
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
    char shape[KEY_MAX];
    char name[NAME_SIZE];

    put_length(key, shape, sizeof(shape));
    (void)snprintf(name, sizeof(name), "%s%s%s", list != NULL ? list : "", list != NULL ? "." : "",
                   is_name(key) ? key : shape);
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

int portal_compare(const struct json *other, const struct json *here, struct arena *arena,
                   struct portal_comparison *out)
{
    struct comparing c = {.out = out, .arena = arena};

    out->n = 0;
    return compare_object(&c, NULL, other, here);
}
