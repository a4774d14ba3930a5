/* The façade of Tân Dân's system in the national vocabulary (provincial-systems.md 1.4): no login
 * on the LAN, an interval of changes, and the reply as JSON text inside a JSON string. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "sandbox/product.h"
#include "sandbox/product_write.h"
#include "sandbox/province_knobs.h"

#define SIZE_MOST 500
#define FILE_BASE "https://motcua.example.invalid/tep/"

/* Wraps the inner document, whatever it says. */
static void send_inner(struct product_call *c, struct sbuf *inner)
{
    size_t len = 0;
    char *text = sbuf_take(inner, &len);

    if (text == NULL) {
        serve_respond(c->req, 500, "text/plain", "", 0);
        return;
    }
    sbuf_puts(&c->out, "{");
    sbuf_member_n(&c->out, "message", text, len);
    sbuf_puts(&c->out, "}");
    free(text);
    product_send(c, 200, PRODUCT_JSON);
}

static void refuse(struct product_call *c, enum product_refusal why)
{
    struct sbuf inner = {0};

    if (why == PRODUCT_BAD_REQUEST) {
        sbuf_puts(&inner, "{\"error_code\":\"-1\",\"message\":\"Tham số không hợp lệ\"}");
        send_inner(c, &inner);
        return;
    }
    sbuf_puts(&c->out, "{\"message\":\"Không tìm thấy\"}");
    product_send(c,
                 why == PRODUCT_BAD_METHOD ? 405
                 : why == PRODUCT_LIMITED  ? 429
                                           : 404,
                 PRODUCT_JSON);
}

static void put_applicant(struct sbuf *out, const struct product_view *v)
{
    static const char *const KINDS[] = {
        [PEOPLE_CITIZEN] = "1", [PEOPLE_BUSINESS] = "2", [PEOPLE_ORGANIZATION] = "4"};

    sbuf_member(out, "ChuHoSo", v->who.name);
    sbuf_member(out, "LoaiDoiTuong", KINDS[v->who.kind]);
    sbuf_member(out, "MaDoiTuong", "");
    sbuf_member(out, "SoGiayToChuHoSo", v->who.id_no);
    sbuf_member(out, "Email", v->who.email);
    sbuf_member(out, "SoDienThoai", v->who.phone);
}

static void put_dates(struct sbuf *out, const struct product_view *v)
{
    char status[12];

    snprintf(status, sizeof(status), "%d", v->status);
    write_time(out, "NgayNopHoSo", v->state.submit_s, TIME_COMPACT, false);
    write_time(out, "NgayTiepNhan", v->state.receive_s, TIME_COMPACT, false);
    write_time(out, "NgayHenTra", v->state.due_s, TIME_COMPACT, false);
    sbuf_member(out, "TrangThaiHoSo", status);
    write_time(out, "NgayTra", v->state.finish_s, TIME_COMPACT, false);
    sbuf_member(out, "HinhThuc", v->by_post ? "1" : "0");
    write_time(out, "NgayKetThucXuLy", v->state.release_s, TIME_COMPACT, false);
    write_time(out, "NgayTuChoi", v->refused_s, TIME_COMPACT, false);
}

/* The files of OpenCPS's page in the national vocabulary. */
static void put_files(struct product_call *c, struct sbuf *out, const struct product_view *v,
                      bool results)
{
    struct sbuf rows = {0};
    struct page page = {.out = &rows};
    cJSON *files;
    const cJSON *file;

    sbuf_puts(&rows, "[");
    province_files(&page, &c->p->life, v->i);
    sbuf_puts(&rows, "]");
    files = rows.failed ? NULL : cJSON_Parse(rows.data);
    sbuf_free(&rows);
    sbuf_key(out, results ? "DanhSachGiayToKetQua" : "TaiLieuNop");
    sbuf_puts(out, "[");
    cJSON_ArrayForEach(file, files)
    {
        double id = cJSON_GetNumberValue(cJSON_GetObjectItem(file, "dossierFileId"));
        char text[32], url[128];

        if ((cJSON_GetNumberValue(cJSON_GetObjectItem(file, "dossierPartType")) == 2) != results) {
            continue;
        }
        snprintf(text, sizeof(text), "%.0f", id);
        snprintf(url, sizeof(url), FILE_BASE "%lld/%.0f", (long long)v->id, id);
        sbuf_comma(out);
        sbuf_puts(out, "{");
        sbuf_member(out, results ? "GiayToId" : "TepDinhKemId", text);
        sbuf_member(out, results ? "TenGiayTo" : "TenTepDinhKem",
                    cJSON_GetStringValue(cJSON_GetObjectItem(file, "displayName")));
        sbuf_member(out, "MaThanhPhanHoSo",
                    cJSON_GetStringValue(cJSON_GetObjectItem(file, "dossierPartNo")));
        sbuf_member(out, results ? "DuongDanTepTinKetQua" : "DuongDanTaiTepTin", url);
        if (results) {
            sbuf_member(out, "MaGiayToKetQua",
                        cJSON_GetStringValue(cJSON_GetObjectItem(file, "deliverableCode")));
        } else {
            sbuf_puts(out, ",\"IsDeleted\":\"False\",\"DuocSoHoa\":\"1\",\"DuocTaiSuDung\":\"0\","
                           "\"DuocLayTuKhoDMQG\":\"0\",\"MaKetQuaThayThe\":\"\"");
        }
        sbuf_puts(out, "}");
    }
    sbuf_puts(out, "]");
    cJSON_Delete(files);
}

static void put_steps(struct sbuf *out, const struct product_view *v)
{
    sbuf_key(out, "TienDo");
    sbuf_puts(out, "[");
    for (size_t k = 0; k < v->n_steps; k++) {
        const struct product_step *s = &v->steps[k];
        char status[12];

        snprintf(status, sizeof(status), "%d", s->status);
        sbuf_comma(out);
        sbuf_puts(out, "{");
        sbuf_member(out, "MaHoSo", v->number);
        sbuf_member(out, "NguoiXuLy", s->actor);
        sbuf_member(out, "ChucDanh", "Công chức một cửa");
        write_time(out, "ThoiDiemXuLy", s->at_s, TIME_COMPACT, false);
        sbuf_member(out, "PhongBanXuLy", v->agency->name);
        sbuf_member(out, "NoiDungXuLy", s->text);
        sbuf_member(out, "TrangThai", status);
        write_time(out, "NgayBatDau", s->at_s, TIME_COMPACT, false);
        write_time(out, "NgayKetThucTheoQuyDinh", s->due_s, TIME_COMPACT, false);
        sbuf_puts(out, "}");
    }
    sbuf_puts(out, "]");
}

static void put_row(struct product_call *c, struct sbuf *out, const struct product_view *v,
                    bool steps)
{
    sbuf_comma(out);
    sbuf_puts(out, "{");
    sbuf_member(out, "MaHoSo", v->number);
    sbuf_member(out, "MaTTHC", v->texts.service);
    sbuf_member(out, "TenTTHC", v->procedure->name);
    sbuf_member(out, "MaLinhVuc", v->procedure->sector_code);
    sbuf_member(out, "TenLinhVuc", v->procedure->sector_name);
    sbuf_member(out, "KenhThucHien", v->online ? "2" : "1");
    put_applicant(out, v);
    sbuf_member(out, "TrichYeuHoSo", v->texts.name[0] != '\0' ? v->texts.name : v->procedure->name);
    sbuf_member(out, "SoBienNhan", "");
    put_dates(out, v);
    sbuf_member(out, "DonViXuLy", v->agency->name);
    sbuf_member(out, "MaDonVi", v->agency->code);
    sbuf_member(out, "NoiNopHoSo", v->national ? "1" : "2");
    sbuf_member(out, "HoSoCoThanhPhanSoHoa", "1");
    sbuf_member(out, "TaiKhoanDuocXacThucVoiVNeID", "0");
    sbuf_member(out, "DuocThanhToanTrucTuyen", "0");
    sbuf_member(out, "GhiChu", v->texts.note);
    write_time(out, "NgayCapNhat", v->changed_s, TIME_COMPACT, false);
    put_files(c, out, v, false);
    sbuf_puts(out, ",\"DanhSachLePhi\":[]");
    put_files(c, out, v, true);
    if (steps) {
        put_steps(out, v);
    }
    sbuf_puts(out, "}");
}

struct interval {
    int64_t from_s;
    int64_t until_s;
    size_t page; /* from 1 */
    size_t size;
};

static bool read_interval(struct product_call *c, struct interval *at)
{
    const char *from = serve_query(c->req, "tuNgay");
    const char *until = serve_query(c->req, "denNgay");
    const char *page = serve_query(c->req, "trang");
    const char *size = serve_query(c->req, "soLuong");

    if (from == NULL || until == NULL || page == NULL || size == NULL) {
        return false;
    }
    at->from_s = product_time_read(from, TIME_COMPACT);
    at->until_s = product_time_read(until, TIME_COMPACT);
    at->page = (size_t)strtoull(page, NULL, 10);
    at->size = (size_t)strtoull(size, NULL, 10);
    at->size = at->size > SIZE_MOST ? SIZE_MOST : at->size;
    return at->from_s >= 0 && at->until_s >= 0 && at->page > 0 && at->size > 0;
}

/* The rows of the page out of all in the interval, by time of change, oldest first. */
static size_t put_rows(struct product_call *c, struct sbuf *out, const struct interval *at,
                       const uint32_t *rows, size_t n)
{
    size_t total = 0;
    struct product_view v;

    for (size_t k = n; k-- > 0;) {
        int64_t changed_s = c->p->life.dossiers[rows[k]].changed_s;

        if (changed_s < at->from_s || changed_s >= at->until_s) {
            continue;
        }
        if (total / at->size + 1 == at->page) {
            product_view(&c->p->life, rows[k], &v);
            put_row(c, out, &v, true);
            if (product_happens(c->product, product_knob(c->product, PV_DUPLICATE_ROWS_PERCENT))) {
                put_row(c, out, &v, true);
            }
            product_shown(c->product, rows[k]);
        }
        total++;
    }
    return total;
}

static void list(struct product_call *c)
{
    struct sbuf inner = {0};
    struct interval at;
    uint32_t *rows;
    size_t n, total;

    if (!read_interval(c, &at)) {
        refuse(c, PRODUCT_BAD_REQUEST);
        return;
    }
    pthread_mutex_lock(&c->p->lock);
    rows = product_by_change(c->product, &n);
    sbuf_puts(&inner, "{\"error_code\":\"0\",\"message\":\"Thành công\",\"result\":[");
    total = rows != NULL ? put_rows(c, &inner, &at, rows, n) : 0;
    sbuf_printf(&inner, "],\"total\":%zu}", total);
    pthread_mutex_unlock(&c->p->lock);
    free(rows);
    send_inner(c, &inner);
}

/* make bench: full records in the order of the world, one a line; steps=1 with theirs. */
static void feed(struct product_call *c)
{
    const char *from = serve_query(c->req, "from");
    const char *until = serve_query(c->req, "until");
    size_t first = from != NULL ? (size_t)strtoull(from, NULL, 10) : 0;
    size_t end = until != NULL ? (size_t)strtoull(until, NULL, 10) : 0;
    bool steps = serve_query(c->req, "steps") != NULL;
    struct product_view v;

    pthread_mutex_lock(&c->p->lock);
    for (size_t i = first; i < end && i < c->p->life.n; i++) {
        struct sbuf row = {0};

        if (product_lists(c->product, i)) {
            product_view(&c->p->life, i, &v);
            put_row(c, &row, &v, steps);
            sbuf_add(&c->out, row.data, row.len);
            sbuf_puts(&c->out, "\n");
        }
        sbuf_free(&row);
    }
    pthread_mutex_unlock(&c->p->lock);
    product_send(c, 200, "application/x-ndjson");
}

static const struct product_route ROUTES[] = {
    {"list", "GET", "KetNoiMotCuaQuocGia/DanhSachHoSo", list, false},
    {"feed", "GET", "feed", feed, false},
};

const struct product_face PRODUCT_VPCP = {
    .name = "vpcp-shape",
    .prefix = "/vpcp-shape/",
    .style = PRODUCT_SHOWN,
    .routes = ROUTES,
    .n_routes = sizeof(ROUTES) / sizeof(ROUTES[0]),
    .refuse = refuse,
    .shows_test_agency = true,
};
