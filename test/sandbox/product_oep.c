/* The SOAP 1.1 exchange service of an older platform (provincial-systems.md 1.8): account in every
 * body, a queue that is pulled and then acknowledged, faults in band. The prefixes of the replies
 * differ from one to the next; only namespaces count. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/product.h"
#include "sandbox/product_write.h"
#include "sandbox/province_knobs.h"

#define XML_TYPE "text/xml; charset=utf-8"
#define SOAP_NS "http://schemas.xmlsoap.org/soap/envelope/"
#define OWN_NS "http://hoso.provider.exch.sharedservice.dtt.vn/"
#define ROWS_MAX 500
#define TEXT_MAX 256

static void refuse(struct product_call *c, enum product_refusal why)
{
    sbuf_puts(&c->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><S:Envelope xmlns:S=\"" SOAP_NS
                       "\"><S:Body><S:Fault><faultcode>S:Client</faultcode>");
    write_element(&c->out, "faultstring",
                  why == PRODUCT_BAD_METHOD ? "Only POST" : "Cannot find dispatch method");
    sbuf_puts(&c->out, "</S:Fault></S:Body></S:Envelope>");
    product_send(c,
                 why == PRODUCT_NOT_FOUND    ? 404
                 : why == PRODUCT_BAD_METHOD ? 405
                                             : 500,
                 XML_TYPE);
}

/* The prefixes of one reply. */
static const struct {
    const char *soap; /* with its colon; "" the default namespace */
    const char *declare;
    const char *own;
} STYLES[] = {
    {"S:", "xmlns:S", "ns2"},
    {"soap:", "xmlns:soap", "ns1"},
    {"", "xmlns", "ex"},
};

static size_t style_of(struct product_call *c)
{
    static const char SALT[] = "oep";

    return (size_t)(people_mix((uint64_t)SALT[0], c->req->body_len) %
                    (sizeof(STYLES) / sizeof(STYLES[0])));
}

static void begin(struct product_call *c, const char *verb)
{
    size_t k = style_of(c);

    sbuf_printf(&c->out,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><%sEnvelope %s=\"" SOAP_NS
                "\"><%sBody><%s:%sResponse xmlns:%s=\"" OWN_NS "\"><return%s>",
                STYLES[k].soap, STYLES[k].declare, STYLES[k].soap, STYLES[k].own, verb,
                STYLES[k].own, STYLES[k].soap[0] == '\0' ? " xmlns=\"\"" : "");
}

static void end(struct product_call *c, const char *verb)
{
    size_t k = style_of(c);

    sbuf_printf(&c->out, "</return></%s:%sResponse></%sBody></%sEnvelope>", STYLES[k].own, verb,
                STYLES[k].soap, STYLES[k].soap);
    product_send(c, 200, XML_TYPE);
}

static void outcome(struct product_call *c, int code, const char *words)
{
    write_element_number(&c->out, "errCode", code);
    write_element(&c->out, "errMessage", words);
}

static bool account_good(struct product_call *c)
{
    const char *at = c->req->body;
    const char *from = c->req->body;
    char user[TEXT_MAX], password[TEXT_MAX];

    return read_element(&at, "userName", user, sizeof(user)) &&
           read_element(&from, "password", password, sizeof(password)) &&
           product_account(c, user, password);
}

/* Whether the caller's agency may have this dossier: the province all of them. */
static bool receives(const char *agency, const struct product_view *v)
{
    char own[32];

    return strcmp(agency, "H56") == 0 || strcmp(agency, "000.00.00.H56") == 0 ||
           strcmp(agency, v->agency->code) == 0 ||
           strcmp(agency, product_old_order(v->agency->code, own)) == 0;
}

static void put_status(struct sbuf *out, const struct product_view *v, size_t k)
{
    const struct product_step *s = &v->steps[k];
    int next = k + 1 < v->n_steps ? v->steps[k + 1].status : s->status;

    sbuf_puts(out, "<documentStatus>");
    write_element_number(out, "onlineId", s->id);
    write_element(out, "maSoHoSo", v->number);
    write_element_time(out, "ngayHenTra", v->state.due_s, TIME_SLASHES);
    write_element(out, "maNguoiXuLyHienTai", "cb01");
    write_element(out, "tenNguoiXuLyHienTai", s->actor);
    write_element(out, "tenPhongBanXuLyHienTai", v->agency->name);
    write_element_time(out, "ngayGioLuanChuyen", s->at_s, TIME_SLASHES);
    write_element_number(out, "soGioYeuCauXuLy", 8);
    write_element(out, "noiDungYeuCauXuLy", s->text);
    write_element_number(out, "soGioThucHien", 1);
    write_element_number(out, "trangThaiHienTai", s->status);
    write_element_number(out, "trangThaiKeTiep", next);
    sbuf_puts(out, "</documentStatus>");
}

static void put_row(struct sbuf *out, const struct product_view *v)
{
    char code[32];

    sbuf_puts(out, "<ossDocument>");
    write_element(out, "maSoHoSo", v->number);
    write_element(out, "maLoaiHoSo", v->texts.service);
    write_element(out, "maDonViTiepNhan", product_old_order(v->agency->code, code));
    write_element_time(out, "ngayNopHoSo", v->state.submit_s, TIME_SLASHES);
    write_element_time(out, "ngayHenTra", v->state.due_s, TIME_SLASHES);
    write_element(out, "hoTenNguoiNop", v->who.name);
    write_element(out, "soCmnd", v->who.id_no);
    write_element(out, "ngaySinh", "01/01/1990");
    write_element(out, "maTinhThuongTru", "38");
    write_element(out, "moTaDiaChiThuongTru", "Thôn Không Có Thật");
    write_element_number(out, "gioiTinh", 2);
    write_element(out, "maNguoiTiepNhan", "cb01");
    write_element(out, "tenNguoiTiepNhan", v->n_steps > 0 ? v->steps[0].actor : "");
    for (size_t k = 0; k < v->n_steps; k++) {
        put_status(out, v, k);
    }
    sbuf_puts(out, "</ossDocument>");
}

static void put_rows(struct product_call *c, const char *agency)
{
    struct product_view v;
    size_t rows = 0;

    pthread_mutex_lock(&c->p->lock);
    for (size_t i = 0; i < c->p->life.n && rows < ROWS_MAX; i++) {
        if (!product_waits(c->product, i)) {
            continue;
        }
        product_view(&c->p->life, i, &v);
        if (!receives(agency, &v)) {
            continue;
        }
        put_row(&c->out, &v);
        if (product_happens(c->product, product_knob(c->product, PV_DUPLICATE_ROWS_PERCENT))) {
            put_row(&c->out, &v);
        }
        product_shown(c->product, i);
        rows++;
    }
    pthread_mutex_unlock(&c->p->lock);
}

static void pull(struct product_call *c)
{
    const char *at = c->req->body;
    char agency[TEXT_MAX];

    begin(c, "pullDocument");
    if (!account_good(c)) {
        outcome(c, 3, "Sai tên đăng nhập hoặc mật khẩu");
    } else if (!read_element(&at, "maDonViTiepNhan", agency, sizeof(agency)) ||
               strstr(agency, "H56") == NULL) {
        outcome(c, 4, "Không có đơn vị tiếp nhận");
    } else {
        outcome(c, 0, "");
        put_rows(c, agency);
    }
    end(c, "pullDocument");
}

static void signal_sent(struct product_call *c)
{
    const char *at = c->req->body;
    char number[TEXT_MAX];

    begin(c, "updateSendSignal");
    if (!account_good(c)) {
        outcome(c, 3, "Sai tên đăng nhập hoặc mật khẩu");
        end(c, "updateSendSignal");
        return;
    }
    pthread_mutex_lock(&c->p->lock);
    while (read_element(&at, "idList", number, sizeof(number))) {
        size_t i = product_find(c->product, number);

        if (i != SIZE_MAX) {
            product_ack(c->product, i);
        }
    }
    pthread_mutex_unlock(&c->p->lock);
    outcome(c, 0, "");
    end(c, "updateSendSignal");
}

/* One address; the first element of the body says which operation. */
static void dispatch(struct product_call *c)
{
    const char *type = serve_header(c->req, "Content-Type");
    const char *at = c->req->body;
    const char *from = c->req->body;
    char text[TEXT_MAX];

    if (type == NULL || strncmp(type, "text/xml", 8) != 0 ||
        serve_header(c->req, "SOAPAction") == NULL || strstr(c->req->body, OWN_NS) == NULL) {
        refuse(c, PRODUCT_BAD_REQUEST);
    } else if (read_element(&at, "pullDocument", text, sizeof(text))) {
        pull(c);
    } else if (read_element(&from, "updateSendSignal", text, sizeof(text))) {
        signal_sent(c);
    } else {
        refuse(c, PRODUCT_BAD_REQUEST);
    }
}

static const struct product_route ROUTES[] = {
    {"soap", "POST", "ExchDocumentService", dispatch, false},
};

const struct product_face PRODUCT_OEP = {
    .name = "oep-soap",
    .prefix = "/oep-soap/",
    .style = PRODUCT_ACKED,
    .routes = ROUTES,
    .n_routes = sizeof(ROUTES) / sizeof(ROUTES[0]),
    .refuse = refuse,
    .shows_test_agency = true,
};
