/* VNPT iGate's "connector v1" (provincial-systems.md 1.3): JSON login, a queue without pages that
 * is emptied by acknowledging, steps by a call of their own, three forms of dates. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "sandbox/product.h"
#include "sandbox/product_write.h"
#include "sandbox/province_knobs.h"

#define ROWS_MAX 500 /* of one list */

static void refuse(struct product_call *c, enum product_refusal why)
{
    static const struct {
        int status;
        const char *words;
    } WORDS[] = {
        [PRODUCT_BAD_TOKEN] = {401, "Token không hợp lệ hoặc đã hết hạn"},
        [PRODUCT_NOT_FOUND] = {404, "Không tìm thấy"},
        [PRODUCT_BAD_METHOD] = {405, "Phương thức không được hỗ trợ"},
        [PRODUCT_LIMITED] = {429, "Quá nhiều yêu cầu"},
        [PRODUCT_BAD_REQUEST] = {400, "Thiếu trường bắt buộc"},
    };

    sbuf_puts(&c->out, "{\"error_code\":-1");
    sbuf_member(&c->out, "message", WORDS[why].words);
    sbuf_puts(&c->out, "}");
    product_send(c, WORDS[why].status, PRODUCT_JSON);
}

static bool allowed(struct product_call *c)
{
    return product_token_good(c->product, product_bearer(c));
}

static const char *text_in(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(object, name));
}

static void login(struct product_call *c)
{
    cJSON *body = cJSON_Parse(c->req->body);
    char token[PRODUCT_TOKEN_SIZE];

    if (!product_account(c, text_in(body, "client_id"), text_in(body, "client_secret"))) {
        refuse(c, PRODUCT_BAD_TOKEN);
    } else {
        product_token(c->product, token);
        sbuf_puts(&c->out, "{");
        sbuf_member(&c->out, "access_token", token);
        write_number(&c->out, "expires_in", product_token_life_s(c->product));
        sbuf_puts(&c->out, ",\"token_type\":\"Bearer\",\"scope\":\"connector\"}");
        product_send(c, 200, PRODUCT_JSON);
    }
    cJSON_Delete(body);
}

static void put_row(struct product_call *c, const struct product_view *v)
{
    struct sbuf *out = &c->out;

    sbuf_comma(out);
    sbuf_puts(out, "{");
    sbuf_member(out, "MaHoSo", v->number);
    sbuf_member(out, "TenChuHoSo", v->who.name);
    sbuf_member(out, "SoGiayTo", v->who.id_no);
    sbuf_member(out, "Email", v->who.email);
    write_or_null(out, "DienThoai", v->who.phone);
    write_time(out, "NgayTiepNhan", v->state.receive_s, TIME_DASHES, true);
    write_time(out, "NgayHenTra", v->state.due_s, TIME_DASHES, true);
    write_number(out, "TrangThaiHoSo", v->status);
    sbuf_member(out, "MaTTHC", v->texts.service);
    sbuf_key(out, "EformId");
    sbuf_puts(out, "null}");
}

static void list(struct product_call *c)
{
    struct product_view v;
    size_t rows = 0;

    sbuf_puts(&c->out, "[");
    pthread_mutex_lock(&c->p->lock);
    for (size_t i = 0; i < c->p->life.n && rows < ROWS_MAX; i++) {
        if (!product_waits(c->product, i)) {
            continue;
        }
        product_view(&c->p->life, i, &v);
        put_row(c, &v);
        if (product_happens(c->product, product_knob(c->product, PV_DUPLICATE_ROWS_PERCENT))) {
            put_row(c, &v);
        }
        product_shown(c->product, i);
        rows++;
    }
    pthread_mutex_unlock(&c->p->lock);
    sbuf_puts(&c->out, "]");
    product_send(c, 200, PRODUCT_JSON);
}

static void put_steps(struct product_call *c, const struct product_view *v)
{
    struct sbuf *out = &c->out;

    for (size_t k = 0; k < v->n_steps; k++) {
        const struct product_step *s = &v->steps[k];
        enum product_time form = k % 2 == 0 ? TIME_ISO_LOCAL : TIME_ISO_Z;

        sbuf_comma(out);
        sbuf_puts(out, "{");
        sbuf_member(out, k % 2 == 0 ? "IDHoSo" : "IdHoSo", v->uid);
        sbuf_member(out, "MaHoSo", v->number);
        sbuf_member(out, "NguoiXuLy", s->actor);
        write_time(out, "ThoiDiemXuLy", s->at_s, form, true);
        sbuf_member(out, "PhongBanXuLy", v->agency->name);
        sbuf_member(out, "NoiDungXuLy", s->text);
        write_number(out, "TrangThai", s->status);
        write_time(out, "NgayBatDau", s->at_s, form, true);
        write_time(out, "NgayKetThucTheoQuyDinh", s->due_s, TIME_ISO_LOCAL, true);
        sbuf_puts(out, "}");
    }
}

static void steps(struct product_call *c)
{
    cJSON *body = cJSON_Parse(c->req->body);
    const char *number = text_in(body, "MaHoSo");
    struct product_view v;
    size_t i;

    if (number == NULL) {
        refuse(c, PRODUCT_BAD_REQUEST);
        cJSON_Delete(body);
        return;
    }
    pthread_mutex_lock(&c->p->lock);
    i = product_find(c->product, number);
    if (i != SIZE_MAX) {
        sbuf_puts(&c->out, "[");
        product_view(&c->p->life, i, &v);
        put_steps(c, &v);
        sbuf_puts(&c->out, "]");
    }
    pthread_mutex_unlock(&c->p->lock);
    if (i == SIZE_MAX) {
        refuse(c, PRODUCT_NOT_FOUND);
    } else {
        product_send(c, 200, PRODUCT_JSON);
    }
    cJSON_Delete(body);
}

static void acknowledge(struct product_call *c)
{
    cJSON *body = cJSON_Parse(c->req->body);
    const cJSON *row;

    if (!cJSON_IsArray(body)) {
        refuse(c, PRODUCT_BAD_REQUEST);
        cJSON_Delete(body);
        return;
    }
    pthread_mutex_lock(&c->p->lock);
    cJSON_ArrayForEach(row, body)
    {
        const char *number = text_in(row, "MaHoSo");
        const cJSON *taken = cJSON_GetObjectItem(row, "TrangThaiNhanHoSo");
        size_t i = number != NULL ? product_find(c->product, number) : SIZE_MAX;

        if (i != SIZE_MAX && cJSON_IsNumber(taken) && taken->valuedouble == 1) {
            product_ack(c->product, i);
        }
    }
    pthread_mutex_unlock(&c->p->lock);
    cJSON_Delete(body);
    sbuf_puts(&c->out, "{\"error_code\":0,\"message\":\"Thành công\"}");
    product_send(c, 200, PRODUCT_JSON);
}

static const struct product_route ROUTES[] = {
    {"login", "POST", "connector/connector/v1/login", login, true},
    {"list", "POST", "connector/connector/v1/laydanhsachhoso", list, false},
    {"steps", "POST", "connector/connector/v1/hoso/tientrinh", steps, false},
    {"ack", "POST", "connector/connector/v1/hoso/xacnhantrangthainhan", acknowledge, false},
};

const struct product_face PRODUCT_IGATE_CONNECTOR = {
    .name = "igate-connector",
    .prefix = "/igate-connector/",
    .style = PRODUCT_ACKED,
    .routes = ROUTES,
    .n_routes = sizeof(ROUTES) / sizeof(ROUTES[0]),
    .allowed = allowed,
    .refuse = refuse,
};
