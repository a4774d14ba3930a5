#include "bench/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

#define VIETNAM_S (7 * 3600)

static const char *text_of(const cJSON *row, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, name));

    return text != NULL ? text : "";
}

static int number_of(const cJSON *row, const char *name)
{
    return (int)strtol(text_of(row, name), NULL, 10);
}

static int digits(const char *text, int n)
{
    int value = 0;

    for (int i = 0; i < n; i++) {
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* yyyyMMddHHmmss of Vietnam; the days are those of the civil calendar since 1970. */
static int64_t time_of(const cJSON *row, const char *name)
{
    const char *text = text_of(row, name);
    int year, month, day, of_year;

    if (strlen(text) != 14) {
        return 0;
    }
    month = digits(text + 4, 2);
    year = digits(text, 4) - (month <= 2);
    day = digits(text + 6, 2);
    of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (int64_t)(year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719468) * 86400 +
           digits(text + 8, 2) * 3600 + digits(text + 10, 2) * 60 + digits(text + 12, 2) -
           VIETNAM_S;
}

static int read_results(const cJSON *row, struct facts *out)
{
    const cJSON *results = cJSON_GetObjectItemCaseSensitive(row, "DanhSachGiayToKetQua");
    const cJSON *result;
    uint8_t digest[DIGEST_BYTES];

    cJSON_ArrayForEach(result, results)
    {
        const char *url = text_of(result, "DuongDanTepTinKetQua");

        out->results++;
        if (url[0] == '\0') {
            continue;
        }
        if (out->n_marks == FACTS_MARKS_MAX || digest_sha256(url, strlen(url), digest) != 0) {
            return -1;
        }
        memcpy(out->marks[out->n_marks], digest, FACTS_MARK_BYTES);
        out->n_marks++;
    }
    return 0;
}

int facts_read(const cJSON *row, struct facts *out)
{
    memset(out, 0, sizeof(*out));
    (void)snprintf(out->procedure, sizeof(out->procedure), "%s", text_of(row, "MaTTHC"));
    (void)snprintf(out->sector, sizeof(out->sector), "%s", text_of(row, "MaLinhVuc"));
    (void)snprintf(out->agency, sizeof(out->agency), "%s", text_of(row, "MaDonVi"));
    out->status = number_of(row, "TrangThaiHoSo");
    out->channel = number_of(row, "KenhThucHien");
    out->entry = number_of(row, "NoiNopHoSo");
    out->paid_online = number_of(row, "DuocThanhToanTrucTuyen");
    out->digitised = number_of(row, "HoSoCoThanhPhanSoHoa");
    out->identified = number_of(row, "TaiKhoanDuocXacThucVoiVNeID");
    out->supplements =
        cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(row, "DanhSachHoSoBoSung"));
    out->submitted_s = time_of(row, "NgayNopHoSo");
    out->received_s = time_of(row, "NgayTiepNhan");
    out->promised_s = time_of(row, "NgayHenTra");
    out->finished_s = time_of(row, "NgayKetThucXuLy");
    out->returned_s = time_of(row, "NgayTra");
    out->refused_s = time_of(row, "NgayTuChoi");
    out->changed_s = time_of(row, "NgayCapNhat");
    return read_results(row, out);
}
