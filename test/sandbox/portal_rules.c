#include "sandbox/portal_rules.h"

#include "sandbox/portal_knobs.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

const char *const refusal_names[REFUSAL_COUNT] = {
    [REFUSED_NOT] = "none",
    [REFUSED_SESSION] = "session",
    [REFUSED_FORMAT] = "format",
    [REFUSED_FIELD] = "field",
    [REFUSED_UNMAPPED] = "unmapped",
    [REFUSED_DUPLICATE] = "duplicate",
    [REFUSED_UNKNOWN_DOSSIER] = "unknown_dossier",
    [REFUSED_TRANSITION] = "transition",
    [REFUSED_LOGIN] = "login",
    [REFUSED_FULL] = "full",
};

enum need { NEED_NOT, NEED_BASIC, NEED_G1, NEED_G2 };
enum kind { KIND_TEXT, KIND_DATE, KIND_PROOF_DATE }; /* a proof date lies in the past */

/* One field of a dossier, a step or a row of a list. */
struct field {
    const char *name;
    enum need need;
    enum kind kind;
    const char *values; /* "1|2|3", NULL = any */
    int max_knob;       /* characters; 0 = no limit (no length knob is row 0) */
};

static const struct field dossier_fields[] = {
    {"MaTTHC", NEED_BASIC, KIND_TEXT, NULL, 0},
    {"TenTTHC", NEED_BASIC, KIND_TEXT, NULL, 0},
    {"TenLinhVuc", NEED_G1, KIND_TEXT, NULL, 0},
    {"ChuHoSo", NEED_G1, KIND_TEXT, NULL, 0},
    {"LoaiDoiTuong", NEED_BASIC, KIND_TEXT, "1|2|3|4", 0},
    {"TrichYeuHoSo", NEED_BASIC, KIND_TEXT, NULL, PK_MAX_TRICHYEU},
    {"NgayNopHoSo", NEED_NOT, KIND_PROOF_DATE, NULL, 0},
    {"NgayTiepNhan", NEED_NOT, KIND_PROOF_DATE, NULL, 0},
    {"NgayHenTra", NEED_NOT, KIND_DATE, NULL, 0},
    {"NgayTra", NEED_NOT, KIND_PROOF_DATE, NULL, 0},
    {"NgayKetThucXuLy", NEED_NOT, KIND_PROOF_DATE, NULL, 0},
    {"NgayTuChoi", NEED_NOT, KIND_PROOF_DATE, NULL, 0},
    {"HinhThuc", NEED_BASIC, KIND_TEXT, "0|1", 0},
    {"DonViXuLy", NEED_BASIC, KIND_TEXT, NULL, 0},
    {"GhiChu", NEED_NOT, KIND_TEXT, NULL, PK_MAX_GHICHU},
    {"KenhThucHien", NEED_G2, KIND_TEXT, "1|2|3", 0},
    {"NoiNopHoSo", NEED_G2, KIND_TEXT, "1|2", 0},
    {"HoSoCoThanhPhanSoHoa", NEED_G2, KIND_TEXT, "0|1", 0},
    {"TaiKhoanDuocXacThucVoiVNeID", NEED_G2, KIND_TEXT, "0|1", 0},
    {"DuocThanhToanTrucTuyen", NEED_G2, KIND_TEXT, "0|1|2|3", 0},
};

static const struct field step_fields[] = {
    {"NguoiXuLy", NEED_BASIC, KIND_TEXT, NULL, PK_MAX_NGUOIXULY},
    {"ThoiDiemXuLy", NEED_BASIC, KIND_PROOF_DATE, NULL, 0},
    {"NoiDungXuLy", NEED_BASIC, KIND_TEXT, NULL, 0},
    {"NgayBatDau", NEED_NOT, KIND_DATE, NULL, 0},
    {"NgayKetThucTheoQuyDinh", NEED_NOT, KIND_DATE, NULL, 0},
};

static const struct field identity_fields[] = {
    {"LoaiDinhDanh", NEED_NOT, KIND_TEXT, "1|2", 0},
};

static const struct field file_fields[] = {
    {"TenTepDinhKem", NEED_NOT, KIND_TEXT, NULL, PK_MAX_TENTEPDINHKEM},
    {"IsDeleted", NEED_NOT, KIND_TEXT, "True|False", 0},
    {"DuocSoHoa", NEED_NOT, KIND_TEXT, "0|1", 0},
    {"DuocTaiSuDung", NEED_NOT, KIND_TEXT, "0|1|2", 0},
    {"DuocLayTuKhoDMQG", NEED_NOT, KIND_TEXT, "0|1", 0},
};

static const struct field supplement_fields[] = {
    {"NgayBoSung", NEED_NOT, KIND_PROOF_DATE, NULL, 0},
    {"NgayTiepNhanBoSung", NEED_NOT, KIND_PROOF_DATE, NULL, 0},
    {"NgayHenTraTruoc", NEED_NOT, KIND_DATE, NULL, 0},
    {"NgayHenTraMoi", NEED_NOT, KIND_DATE, NULL, 0},
};

static const struct field result_fields[] = {
    {"TenGiayTo", NEED_NOT, KIND_TEXT, NULL, PK_MAX_TENGIAYTO},
};

/* The lists of a dossier; a list with no fields to check must still be a list. */
static const struct {
    const char *name;
    const struct field *fields;
    size_t count;
} dossier_lists[] = {
    {"DinhDanhCHS", identity_fields, COUNT_OF(identity_fields)},
    {"TaiLieuNop", file_fields, COUNT_OF(file_fields)},
    {"DanhSachHoSoBoSung", supplement_fields, COUNT_OF(supplement_fields)},
    {"DanhSachGiayToKetQua", result_fields, COUNT_OF(result_fields)},
    {"DanhSachLePhi", NULL, 0},
    {"DanhSachTepDinhKemKhac", NULL, 0},
    {"DSKetNoiCSDL", NULL, 0},
};

/* ---- texts ---- */

bool rules_is_utf8(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;

    for (size_t i = 0; i < len;) {
        unsigned char c = p[i];
        size_t more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        unsigned long point = more == 0 ? c : c & (0x3fu >> more);

        if (c == 0 || (c >= 0x80 && c < 0xc2) || c > 0xf4 || i + more >= len) {
            return false;
        }
        for (size_t k = 1; k <= more; k++) {
            if ((p[i + k] & 0xc0u) != 0x80) {
                return false;
            }
            point = point << 6 | (p[i + k] & 0x3fu);
        }
        if ((more == 2 && point < 0x800) || (more == 3 && (point < 0x10000 || point > 0x10ffff)) ||
            (point >= 0xd800 && point <= 0xdfff)) {
            return false;
        }
        i += more + 1;
    }
    return true;
}

static long count_characters(const char *text)
{
    long n = 0;

    for (const char *p = text; *p != '\0'; p++) {
        n += ((unsigned char)*p & 0xc0u) != 0x80 ? 1 : 0;
    }
    return n;
}

static bool one_of(const char *text, const char *values)
{
    size_t len = strlen(text);

    for (const char *p = values;; p += strcspn(p, "|") + 1) {
        size_t n = strcspn(p, "|");

        if (n == len && strncmp(p, text, n) == 0) {
            return true;
        }
        if (p[n] == '\0') {
            return false;
        }
    }
}

static unsigned digits(const char *p, unsigned n)
{
    unsigned value = 0;

    for (unsigned i = 0; i < n; i++) {
        value = value * 10 + (unsigned)(p[i] - '0');
    }
    return value;
}

static bool real_day(unsigned year, unsigned month, unsigned day)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    if (month < 1 || month > 12 || day < 1) {
        return false;
    }
    return day <= days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

uint64_t rules_moment(const char *text)
{
    if (strlen(text) != 14 || strspn(text, "0123456789") != 14 || digits(text, 4) < 1900 ||
        !real_day(digits(text, 4), digits(text + 4, 2), digits(text + 6, 2)) ||
        digits(text + 8, 2) > 23 || digits(text + 10, 2) > 59 || digits(text + 12, 2) > 59) {
        return 0;
    }
    return strtoull(text, NULL, 10);
}

/* ^(ddd.dd.dd.Ldd | Ldd(.d{1,3})*) ; leaves *p behind it. */
static bool take_agency(const char **p)
{
    const char *s = *p;

    if (isdigit((unsigned char)s[0])) {
        static const char form[] = "000.00.00.";

        for (size_t i = 0; i < sizeof form - 1; i++) {
            if (form[i] == '0' ? !isdigit((unsigned char)s[i]) : s[i] != '.') {
                return false;
            }
        }
        s += sizeof form - 1;
        *p = s + 3;
        return s[0] >= 'A' && s[0] <= 'Z' && isdigit((unsigned char)s[1]) &&
               isdigit((unsigned char)s[2]);
    }
    if (s[0] < 'A' || s[0] > 'Z' || !isdigit((unsigned char)s[1]) ||
        !isdigit((unsigned char)s[2])) {
        return false;
    }
    s += 3;
    while (*s == '.') {
        size_t n = strspn(s + 1, "0123456789");

        if (n < 1 || n > 3) {
            return false;
        }
        s += n + 1;
    }
    *p = s;
    return true;
}

bool rules_is_dossier_code(const char *text)
{
    const char *p = text;
    size_t n;
    bool date;

    if (strlen(text) > 50 || !take_agency(&p) || *p != '-') {
        return false;
    }
    p++;
    n = strspn(p, "0123456789");
    if (n == 6) {
        date = real_day(2000 + digits(p, 2), digits(p + 2, 2), digits(p + 4, 2));
    } else {
        date = n == 8 && real_day(digits(p, 4), digits(p + 4, 2), digits(p + 6, 2));
    }
    if (!date || p[n] != '-') {
        return false;
    }
    p += n + 1;
    n = strspn(p, "0123456789");
    return n >= 4 && n <= 7 && p[n] == '\0';
}

/* ---- checks ---- */

static void refuse(struct rule_result *out, enum refusal why, const char *what, const char *name)
{
    out->refusal = why;
    snprintf(out->message, sizeof out->message, "Trường %s %s", name, what);
}

static void refuse_plain(struct rule_result *out, enum refusal why, const char *message)
{
    out->refusal = why;
    snprintf(out->message, sizeof out->message, "%s", message);
}

/* The text of a scalar; numbers are taken as their text. NULL for what is neither. */
static const char *scalar(const cJSON *item, char number[32])
{
    if (item == NULL || cJSON_IsNull(item)) {
        return "";
    }
    if (cJSON_IsString(item)) {
        return item->valuestring;
    }
    if (cJSON_IsNumber(item)) {
        snprintf(number, 32, "%.0f", item->valuedouble);
        return number;
    }
    return NULL;
}

static const char *text_of(const cJSON *object, const char *name, char number[32])
{
    return scalar(cJSON_GetObjectItemCaseSensitive(object, name), number);
}

static bool needed(enum need need, long level)
{
    return need != NEED_NOT && level != REQUIRED_NONE && (long)need - (long)NEED_BASIC <= level;
}

static void check_field(const cJSON *object, const struct field *f, const struct knobs *k,
                        struct rule_result *out)
{
    char number[32];
    const char *text = text_of(object, f->name, number);

    if (text == NULL) {
        refuse(out, REFUSED_FIELD, "không đúng kiểu dữ liệu", f->name);
    } else if (*text == '\0') {
        if (needed(f->need, knobs_get(k, PK_REQUIRED_FIELDS))) {
            refuse(out, REFUSED_FIELD, "không được để trống", f->name);
        }
    } else if (f->kind != KIND_TEXT && rules_moment(text) == 0) {
        refuse(out, REFUSED_FIELD, "không đúng định dạng ngày", f->name);
    } else if (f->values != NULL && !one_of(text, f->values) &&
               knobs_get(k, PK_STRICT_VALUES) != 0) {
        refuse(out, REFUSED_FIELD, "không hợp lệ", f->name);
    } else if (f->max_knob != 0 && count_characters(text) > knobs_get(k, (size_t)f->max_knob)) {
        char why[64];

        snprintf(why, sizeof why, "vượt quá %ld ký tự", knobs_get(k, (size_t)f->max_knob));
        refuse(out, REFUSED_FIELD, why, f->name);
    }
}

static void check_fields(const cJSON *object, const struct field *fields, size_t count,
                         const struct knobs *k, struct rule_result *out)
{
    for (size_t i = 0; i < count && out->refusal == REFUSED_NOT; i++) {
        check_field(object, &fields[i], k, out);
    }
}

static void check_lists(const cJSON *item, const struct knobs *k, struct rule_result *out)
{
    for (size_t i = 0; i < COUNT_OF(dossier_lists) && out->refusal == REFUSED_NOT; i++) {
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(item, dossier_lists[i].name);
        const cJSON *row;

        if (list == NULL || cJSON_IsNull(list)) {
            continue;
        }
        if (!cJSON_IsArray(list)) {
            refuse(out, REFUSED_FIELD, "không đúng kiểu dữ liệu", dossier_lists[i].name);
            return;
        }
        cJSON_ArrayForEach(row, list)
        {
            if (!cJSON_IsObject(row)) {
                refuse(out, REFUSED_FIELD, "không đúng kiểu dữ liệu", dossier_lists[i].name);
                return;
            }
            check_fields(row, dossier_lists[i].fields, dossier_lists[i].count, k, out);
        }
    }
}

static void check_code(const cJSON *item, struct rule_result *out)
{
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(item, "MaHoSo");

    out->code = cJSON_IsString(code) ? code->valuestring : NULL;
    if (out->code == NULL || *out->code == '\0') {
        refuse(out, REFUSED_FIELD, "không được để trống", "MaHoSo");
    } else if (!rules_is_dossier_code(out->code)) {
        refuse_plain(out, REFUSED_FIELD, "Mã hồ sơ không hợp lệ");
    }
}

static unsigned read_state(const cJSON *item, const char *name)
{
    char number[32];
    const char *text = text_of(item, name, number);

    return text != NULL && one_of(text, "1|2|3|4|5|6|7|8|9|10") ? (unsigned)atoi(text) : 0;
}

static uint64_t newest_proof(const cJSON *object, const struct field *fields, size_t count,
                             uint64_t newest)
{
    for (size_t i = 0; i < count; i++) {
        char number[32];
        const char *text = text_of(object, fields[i].name, number);
        uint64_t m = text != NULL && fields[i].kind == KIND_PROOF_DATE ? rules_moment(text) : 0;

        newest = m > newest ? m : newest;
    }
    return newest;
}

void rules_read_dossier(const cJSON *item, struct rule_result *out)
{
    const cJSON *row;

    out->state = read_state(item, "TrangThaiHoSo");
    out->time = newest_proof(item, dossier_fields, COUNT_OF(dossier_fields), 0);
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(item, "DanhSachHoSoBoSung"))
    {
        out->time = newest_proof(row, supplement_fields, COUNT_OF(supplement_fields), out->time);
    }
}

void rules_read_step(const cJSON *item, struct rule_result *out)
{
    out->state = read_state(item, "TrangThai");
    out->time = newest_proof(item, step_fields, COUNT_OF(step_fields), 0);
}

static void check_received(const cJSON *item, const struct knobs *k, struct rule_result *out)
{
    char number[32];
    const char *received = text_of(item, "NgayTiepNhan", number);

    /* Section 6.3: 3, 5 and 7 may come straight from 1, before any reception. */
    bool before_reception = out->state < 2 || out->state == 3 || out->state == 5 || out->state == 7;

    if (knobs_get(k, PK_REQUIRE_RECEIVED_DATE) != 0 && !before_reception && received != NULL &&
        *received == '\0') {
        refuse(out, REFUSED_FIELD, "không được để trống", "NgayTiepNhan");
    }
}

static void check_identity(const cJSON *item, const struct knobs *k, struct rule_result *out)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(item, "DinhDanhCHS");
    char number[32];
    const char *kind = text_of(item, "LoaiDoiTuong", number);

    if (knobs_get(k, PK_REQUIRED_FIELDS) == REQUIRED_G2 && kind != NULL && strcmp(kind, "1") == 0 &&
        cJSON_GetArraySize(list) == 0) {
        refuse(out, REFUSED_FIELD, "không được để trống", "DinhDanhCHS");
    }
}

static void check_procedure(const cJSON *item, const struct knobs *k, const struct catalog *c,
                            struct rule_result *out)
{
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(item, "MaTTHC");

    if (knobs_get(k, PK_REJECT_UNMAPPED) != 0 &&
        (!cJSON_IsString(code) ||
         catalog_find(c, code->valuestring, knobs_get(k, PK_CATALOG_VERSION)) == NULL)) {
        refuse_plain(out, REFUSED_UNMAPPED, "Mã TTHC không hợp lệ");
    }
}

void rules_check_dossier(const cJSON *item, const struct knobs *k, const struct catalog *c,
                         struct rule_result *out)
{
    memset(out, 0, sizeof *out);
    if (!cJSON_IsObject(item)) {
        refuse_plain(out, REFUSED_FORMAT, "Dữ liệu hồ sơ không đúng định dạng");
        return;
    }
    check_code(item, out);
    check_fields(item, dossier_fields, COUNT_OF(dossier_fields), k, out);
    if (out->refusal == REFUSED_NOT) {
        rules_read_dossier(item, out);
        if (out->state == 0) {
            refuse_plain(out, REFUSED_FIELD, "Trạng thái hồ sơ không hợp lệ");
        }
    }
    if (out->refusal == REFUSED_NOT) {
        check_received(item, k, out);
    }
    if (out->refusal == REFUSED_NOT) {
        check_identity(item, k, out);
    }
    check_lists(item, k, out);
    if (out->refusal == REFUSED_NOT) {
        check_procedure(item, k, c, out);
    }
}

void rules_check_step(const cJSON *item, const struct knobs *k, struct rule_result *out)
{
    memset(out, 0, sizeof *out);
    if (!cJSON_IsObject(item)) {
        refuse_plain(out, REFUSED_FORMAT, "Dữ liệu tiến độ không đúng định dạng");
        return;
    }
    check_code(item, out);
    check_fields(item, step_fields, COUNT_OF(step_fields), k, out);
    if (out->refusal == REFUSED_NOT) {
        rules_read_step(item, out);
        if (out->state == 0) {
            refuse_plain(out, REFUSED_FIELD, "Trạng thái xử lý không hợp lệ");
        }
    }
}

void rules_check_answer(const cJSON *data, struct rule_result *out)
{
    static const struct field fields[] = {
        {"MaHoSoDonVi", NEED_BASIC, KIND_TEXT, NULL, 0},
        {"NgayXuLy", NEED_BASIC, KIND_PROOF_DATE, NULL, 0},
    };
    char number[32];
    const char *state;

    memset(out, 0, sizeof *out);
    if (!cJSON_IsObject(data)) {
        refuse_plain(out, REFUSED_FORMAT, "Dữ liệu data không đúng định dạng");
        return;
    }
    check_code(data, out);
    for (size_t i = 0; i < COUNT_OF(fields) && out->refusal == REFUSED_NOT; i++) {
        const char *text = text_of(data, fields[i].name, number);

        if (text == NULL || *text == '\0') {
            refuse(out, REFUSED_FIELD, "không được để trống", fields[i].name);
        } else if (fields[i].kind != KIND_TEXT && rules_moment(text) == 0) {
            refuse(out, REFUSED_FIELD, "không đúng định dạng ngày", fields[i].name);
        }
    }
    state = text_of(data, "TrangThai", number);
    if (out->refusal == REFUSED_NOT && (state == NULL || !one_of(state, "2|5|11"))) {
        refuse(out, REFUSED_FIELD, "không hợp lệ", "TrangThai");
    }
    if (out->refusal == REFUSED_NOT) {
        out->state = strcmp(state, "11") == 0 ? 3 : (unsigned)atoi(state);
    }
}

bool rules_transition_allowed(unsigned from, unsigned to)
{
    /* Section 6.3; the bits are the states that may follow. */
    static const unsigned short next[11] = {
        [0] = 1u << 1 | 1u << 2 | 1u << 4 | 1u << 9 | 1u << 10,
        [1] = 1u << 2 | 1u << 3 | 1u << 5 | 1u << 7,
        [2] = 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 9 | 1u << 10,
        [3] = 0,
        [4] = 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 9,
        [5] = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 7 | 1u << 8,
        [6] = 1u << 2 | 1u << 4 | 1u << 7 | 1u << 8 | 1u << 9,
        [7] = 1u << 4 | 1u << 8,
        [8] = 0,
        [9] = 1u << 4 | 1u << 5 | 1u << 10,
        [10] = 0,
    };

    return from == to || (from <= 10 && to <= 10 && (next[from] >> to & 1u) != 0);
}
