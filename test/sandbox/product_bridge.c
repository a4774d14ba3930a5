/* A one-stop software that pushes bare arrays in the national vocabulary (provincial-systems.md
 * 1.5): nothing is asked of it, so it has no routes. */
#include <stdio.h>

#include "sandbox/product_push.h"
#include "sandbox/product_write.h"

static void refuse(struct product_call *c, enum product_refusal why)
{
    (void)why;
    sbuf_puts(&c->out, "{\"message\":\"it pushes, it does not answer\"}");
    product_send(c, 404, PRODUCT_JSON);
}

const struct product_face PRODUCT_BRIDGE = {
    .name = "bridge-array",
    .prefix = "/bridge-array/",
    .style = PRODUCT_PUSHED,
    .refuse = refuse,
};

void bridge_dossier(struct sbuf *out, const struct product_view *v)
{
    static const char *const KINDS[] = {
        [PEOPLE_CITIZEN] = "1", [PEOPLE_BUSINESS] = "2", [PEOPLE_ORGANIZATION] = "4"};
    char status[12];

    snprintf(status, sizeof(status), "%d", v->status);
    sbuf_puts(out, "[{");
    sbuf_member(out, "MaHoSo", v->number);
    sbuf_member(out, "MaTTHC", v->texts.service);
    sbuf_member(out, "TenTTHC", v->procedure->name);
    sbuf_member(out, "MaLinhVuc", v->procedure->sector_code);
    sbuf_member(out, "TenLinhVuc", v->procedure->sector_name);
    sbuf_member(out, "SoBienNhan", "");
    sbuf_member(out, "ChuHoSo", v->who.name);
    sbuf_member(out, "LoaiDoiTuong", KINDS[v->who.kind]);
    sbuf_member(out, "MaDoiTuong", "");
    sbuf_member(out, "TrichYeuHoSo", v->texts.name[0] != '\0' ? v->texts.name : v->procedure->name);
    write_time(out, "NgayTiepNhan", v->state.receive_s, TIME_COMPACT, false);
    write_time(out, "NgayHenTra", v->state.due_s, TIME_COMPACT, false);
    sbuf_member(out, "TrangThaiHoSo", status);
    write_time(out, "NgayTra", v->state.finish_s, TIME_COMPACT, false);
    write_time(out, "NgayKetThucXuLy", v->state.release_s, TIME_COMPACT, false);
    sbuf_member(out, "HinhThuc", v->by_post ? "1" : "0");
    sbuf_member(out, "DonViXuLy", v->agency->name);
    sbuf_puts(out, ",\"TaiLieuNop\":[],\"DanhSachGiayToKetQua\":[]}]");
}

void bridge_steps(struct sbuf *out, const struct product_view *v, size_t from, size_t until)
{
    sbuf_puts(out, "[");
    for (size_t k = from; k < until; k++) {
        const struct product_step *s = &v->steps[k];
        char status[12];

        snprintf(status, sizeof(status), "%d", s->status);
        sbuf_comma(out);
        sbuf_puts(out, "{");
        sbuf_member(out, "MaHoSo", v->number);
        sbuf_member(out, "NguoiXuLy", s->actor);
        write_time(out, "ThoiDiemXuLy", s->at_s, TIME_COMPACT, false);
        sbuf_member(out, "PhongBanXuLy", v->agency->name);
        sbuf_member(out, "NoiDungXuLy", s->text);
        sbuf_member(out, "TrangThai", status);
        write_time(out, "NgayKetThucTheoQuyDinh", s->due_s, TIME_COMPACT, false);
        sbuf_puts(out, "}");
    }
    sbuf_puts(out, "]");
}
