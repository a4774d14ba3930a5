#include "adapter/national_payment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/vntime.h"

#define FEES_MAX 100

/* clang-format off */
#define KEY(key, field) {key, offsetof(struct payment, field)}
static const struct national_key KEYS[] = {
    KEY("LoaiBanTin", message), KEY("MaLoi", result), KEY("MaDoiTac", partner),
    KEY("MaThamChieu", reference), KEY("SoTien", amount), KEY("MaTienTe", currency),
    KEY("MaGiaoDich", transaction), KEY("MaNganHang", bank), KEY("ThoiGianGD", paid_at),
    KEY("ThongTinGiaoDich", information), KEY("MaXacThuc", checksum), KEY("MaHoSo", dossier),
};
#undef KEY
/* clang-format on */
#define N_KEYS (sizeof(KEYS) / sizeof(KEYS[0]))

/* ---- the result ---- */

static int code_of(const void *what, char out[CODE_MAX], struct errmsg *msg)
{
    return payment_code(what, out, msg);
}

int national_payment_read(const struct json *object, struct arena *a, struct payment *out,
                          struct errmsg *msg)
{
    char code[CODE_MAX];
    int err = national_keys_read(KEYS, N_KEYS, false, object, a, out, msg);

    err = err == 0 ? payment_code(out, code, msg) : err;
    if (err != 0) {
        return err;
    }
    out->code = arena_strdup(a, code);
    return out->code != NULL ? 0 : err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

const struct national_other national_payment = {.kind = RECORD_PAYMENT,
                                                .word = "payment",
                                                .keys = KEYS,
                                                .n_keys = N_KEYS,
                                                .files = true,
                                                .code = code_of};

/* ---- what is to be paid ---- */

static const char *text_of(const struct json *object, const char *key, char number[24])
{
    return json_text_or_empty(json_get_any_case(object, key), number);
}

/* VND without separators; 0 for what is no amount or costs nothing. */
static long long price_of(const struct json *fee)
{
    char number[24];
    const char *text = text_of(fee, "Gia", number);
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 15 && text[digits] == '\0' ? strtoll(text, NULL, 10) : 0;
}

static void put_amount(struct json_writer *w, const char *key, long long amount)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%lld", amount);
    json_string(w, key, text);
}

static void put_fees(const struct json *fees, struct json_writer *w)
{
    char number[24];

    json_array_open(w, "PhiLePhi");
    for (const struct json *fee = json_first(fees); fee != NULL; fee = json_next(fee)) {
        if (price_of(fee) > 0) {
            json_object_open(w, NULL);
            json_string(w, "LoaiPhiLePhi", text_of(fee, "LoaiPhiLePhi", number));
            json_string(w, "MaPhiLePhi", text_of(fee, "MaPhiLePhi", number));
            json_string(w, "TenPhiLePhi", text_of(fee, "TenPhiLePhi", number));
            put_amount(w, "SoTien", price_of(fee));
            json_object_close(w);
        }
    }
    json_array_close(w);
}

static void put_items(const struct json *fees, struct json_writer *w)
{
    char number[24];

    json_array_open(w, "DSKhoanNop");
    for (const struct json *fee = json_first(fees); fee != NULL; fee = json_next(fee)) {
        if (price_of(fee) > 0) {
            json_object_open(w, NULL);
            json_string(w, "NoiDung", text_of(fee, "TenPhiLePhi", number));
            put_amount(w, "SoTien", price_of(fee));
            json_object_close(w);
        }
    }
    json_array_close(w);
}

static void put_duty(const struct dossier *d, const struct json *fees, const char *procedure,
                     const struct national_payee *payee, int64_t now_s, struct json_writer *w)
{
    char at[VNTIME_PORTAL_SIZE];
    char text[160];

    json_object_open(w, "message");
    vntime_format_portal(now_s, at);
    (void)snprintf(text, sizeof(text), "%.64s%s", d->code, at);
    json_string(w, "MaTraCuuTT", text);
    json_string(w, "MaDichVu", "2"); /* a dossier's fee */
    json_string(w, "MaDVC", "");
    json_string(w, "TenDVC", "");
    json_string(w, "MaTTHC", procedure);
    json_string(w, "TenTTHC", d->procedure_name);
    json_string(w, "MaDonVi", d->agency_code);
    json_string(w, "TenDonVi", d->agency_name);
    json_string(w, "MaHoSo", d->code);
    put_fees(fees, w);
    json_string(w, "TKThuHuong", payee->account);
    json_string(w, "MaNHThuHuong", payee->bank);
    json_string(w, "TenTKThuHuong", payee->name);
    json_string(w, "MaLoaiHinhThuPhat", "");
    vntime_format_portal(d->received_s, at);
    at[at[0] != '\0' ? 8 : 0] = '\0';
    json_string(w, "NgayQD", at);
    (void)snprintf(text, sizeof(text), "Nộp phí, lệ phí hồ sơ %.64s", d->code);
    json_string(w, "NoiDungThanhToan", text);
    json_string(w, "HoTenNguoiNop", d->applicant_name);
    json_string(w, "SoCMNDNguoiNop", d->applicant_id);
    json_string(w, "DiaChiNguoiNop", "");
    json_string(w, "HuyenNguoiNop", "");
    json_string(w, "TinhNguoiNop", "");
    put_items(fees, w);
    json_object_close(w);
}

/* 1 and 2 of DuocThanhToanTrucTuyen: paid online, here or there. */
static bool is_paid(const struct json *extra, const struct dossier *d)
{
    char number[24];
    const char *paid = text_of(extra, "DuocThanhToanTrucTuyen", number);

    return d->paid_online == 1 || d->paid_online == 2 || strcmp(paid, "1") == 0 ||
           strcmp(paid, "2") == 0;
}

bool national_payment_duty(const struct dossier *d, int status, const char *procedure,
                           const struct national_payee *payee, int64_t now_s, struct json_writer *w)
{
    bool ended = status == 3 || status == 7 || status == 8 || status == 10;
    struct errmsg unused = {{0}};
    struct json *extra = NULL;
    const struct json *fees;
    long long sum = 0;

    if (ended || d->extra[0] == '\0' ||
        json_parse(d->extra, strlen(d->extra), &extra, &unused) != 0) {
        return false;
    }
    fees = json_get_any_case(extra, "DanhSachLePhi");
    if (json_is_array(fees) && json_size(fees) <= FEES_MAX && !is_paid(extra, d)) {
        for (const struct json *fee = json_first(fees); fee != NULL; fee = json_next(fee)) {
            sum += price_of(fee);
        }
    }
    if (sum > 0) {
        put_duty(d, fees, procedure, payee, now_s, w);
    }
    json_free(extra);
    return sum > 0;
}
