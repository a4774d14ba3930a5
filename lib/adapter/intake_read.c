#include "adapter/intake_read.h"

#include <string.h>

#include "adapter/gateway_read.h"
#include "adapter/national_fields.h"
#include "codec/record.h"
#include "domain/codes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* clang-format off */
#define F(key, type, name) {key, type, offsetof(struct dossier, name)},
/* Section 8. Inline files (TepDonDangKy, TaiLieuNop) have no address and go into extra. */
static const struct national_field notice_fields[] = {
    F("MaHoSo", NATIONAL_CODE, code)
    F("MaTTHC", NATIONAL_CODE, procedure_code)
    F("MaSoThue", NATIONAL_CODE, applicant_id)
    F("TenThuongNhan", NATIONAL_TEXT, applicant_name)
    F("DienThoai", NATIONAL_TEXT, phone)
    F("Email", NATIONAL_TEXT, email)
    F("NgayNopHoSo", NATIONAL_TIME, submitted_s)
    F("TenChuongTrinhKhuyenMai", NATIONAL_TEXT, subject)
};
static const struct national_field change_fields[] = {
    F("MaHoSoQG", NATIONAL_CODE, code)
    F("MaTTHC", NATIONAL_CODE, procedure_code)
    F("LyDoDieuChinh", NATIONAL_TEXT, note)
};
#undef F
/* clang-format on */

static const struct national_table notice_table = {notice_fields, COUNT(notice_fields),
                                                   offsetof(struct dossier, extra)};
static const struct national_table change_table = {change_fields, COUNT(change_fields),
                                                   offsetof(struct dossier, extra)};

/* What is special about each form. */
static const struct form {
    const struct national_table *table;
    const char *code_key;
    bool needs_procedure;
    const char *needs_applicant; /* key of the applicant's number that must be there; NULL none */
    const char *applicant_type;  /* "" as it says */
} forms[] = {
    [INTAKE_NOTICE] = {&notice_table, "MaHoSo", true, "MaSoThue", "2"},
    [INTAKE_CHANGE] = {&change_table, "MaHoSoQG", false, NULL, ""},
    [INTAKE_RECEIVE] = {&national_dossier_table, "MaHoSo", true, NULL, ""},
};

static int fault(struct errmsg *msg, const char *key, const char *words)
{
    return err_set(msg, ERR_FORMAT, "%s: %s", key, words);
}

static int check(const struct form *form, const struct dossier *d, struct errmsg *msg)
{
    if (d->code[0] == '\0') {
        return fault(msg, form->code_key, "bắt buộc");
    }
    if (!code_is_dossier(d->code)) {
        return fault(msg, form->code_key, "không hợp lệ");
    }
    if (form->needs_procedure && d->procedure_code[0] == '\0') {
        return fault(msg, "MaTTHC", "bắt buộc");
    }
    if (form->needs_applicant != NULL && d->applicant_id[0] == '\0') {
        return fault(msg, form->needs_applicant, "bắt buộc");
    }
    return 0;
}

static int read_one(const struct form *form, const struct json *node, int64_t now_s,
                    struct arena *arena, struct record *out, struct errmsg *msg)
{
    struct dossier d;
    int err;

    dossier_init(&d);
    if (!json_is_object(node)) {
        return err_set(msg, ERR_FORMAT, "không hợp lệ (cần một đối tượng)");
    }
    err = national_fields_read(form->table, node, arena, &d, msg);
    if (err == 0) {
        err = check(form, &d, msg);
    }
    if (err != 0) {
        return err;
    }
    d.status = "1";
    d.status_map = "national";
    d.entry = "1";
    d.channel = "2";
    if (form->applicant_type[0] != '\0') {
        d.applicant_type = form->applicant_type;
    }
    d.changed_s = gateway_changed_s(&d, now_s);
    return record_from_dossier(&d, arena, out, msg);
}

static int read_dossier(const struct form *form, const struct json *node, int64_t now_s,
                        struct arena *arena, struct record *out, struct errmsg *msg)
{
    int err = read_one(form, node, now_s, arena, out, msg);

    return err == ERR_TOOBIG ? err_set(msg, err, "hồ sơ cùng tệp kèm theo vượt quá giới hạn 1 MiB")
                             : err;
}

/* A single object where a list is expected, as some senders write. */
static int read_list(const struct form *form, const struct json *data, int64_t now_s,
                     struct arena *arena, struct record **out, size_t *n, struct errmsg *msg)
{
    size_t n_items = json_is_array(data) ? json_size(data) : 1;
    const struct json *node = json_is_array(data) ? json_first(data) : data;
    struct record *records;

    if (json_is_null(data) || n_items == 0) {
        return fault(msg, "data", "bắt buộc");
    }
    if (n_items > INTAKE_DOSSIERS_MAX) {
        return err_set(msg, ERR_TOOBIG, "data: vượt quá %d hồ sơ", INTAKE_DOSSIERS_MAX);
    }
    records = arena_alloc(arena, n_items * sizeof(*records));
    if (records == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    for (size_t i = 0; i < n_items; i++) {
        int err = read_dossier(form, node, now_s, arena, &records[i], msg);

        if (err != 0) {
            return err_wrap(msg, err, "data[%zu]", i);
        }
        node = json_next(node);
    }
    *out = records;
    *n = n_items;
    return 0;
}

int intake_read(enum intake_form form, const struct json *root, int64_t now_s, struct arena *arena,
                struct record **out, size_t *n, struct errmsg *msg)
{
    const char *service;
    char number[24];

    *n = 0;
    if (form == INTAKE_NOTICE) {
        struct record *record = arena_alloc(arena, sizeof(*record));

        if (record == NULL) {
            return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
        }
        *out = record;
        *n = 1;
        return read_dossier(&forms[form], root, now_s, arena, record, msg);
    }
    service = json_text_or_empty(json_get_any_case(root, "service"), number);
    if (form == INTAKE_CHANGE && strncmp(service, "NhanChungTu", strlen("NhanChungTu")) == 0) {
        return err_set(msg, ERR_UNSUPPORTED, "service: chứng từ thuế không được nhận ở đây");
    }
    return read_list(&forms[form], json_get_any_case(root, "data"), now_s, arena, out, n, msg);
}
