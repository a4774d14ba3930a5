/* A provincial service bus with `lgspaccesstoken` (provincial-systems.md 1.6): the account travels
 * as JSON in base64 in a header, beside the token of a client-credentials login; rows by days of
 * submission; 429 with Retry-After now and then. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>

#include "sandbox/product.h"
#include "sandbox/product_write.h"
#include "sandbox/province_knobs.h"

#define SIZE_MOST 500
#define HEADER_MAX 2048

static void refuse(struct product_call *c, enum product_refusal why)
{
    static const struct {
        int status;
        const char *words;
    } WORDS[] = {
        [PRODUCT_BAD_TOKEN] = {401, "Invalid Credentials"},
        [PRODUCT_NOT_FOUND] = {404, "No matching resource found"},
        [PRODUCT_BAD_METHOD] = {405, "Method not allowed"},
        [PRODUCT_LIMITED] = {429, "Message throttled out"},
        [PRODUCT_BAD_REQUEST] = {400, "Tham số không hợp lệ"},
    };

    sbuf_printf(&c->out, "{\"error_code\":%d", WORDS[why].status);
    sbuf_member(&c->out, "message", WORDS[why].words);
    sbuf_puts(&c->out, "}");
    product_send(c, WORDS[why].status, PRODUCT_JSON);
}

static const char *text_in(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

    return text != NULL ? text : "";
}

/* The account of the header lgspaccesstoken. */
static bool account_good(struct product_call *c)
{
    const char *header = serve_header(c->req, "lgspaccesstoken");
    size_t len = header != NULL ? strlen(header) : 0;
    unsigned char plain[HEADER_MAX];
    cJSON *json;
    bool good;
    int n;

    if (len == 0 || len >= sizeof(plain)) {
        return false;
    }
    n = EVP_DecodeBlock(plain, (const unsigned char *)header, (int)len);
    json = n > 0 ? cJSON_ParseWithLength((const char *)plain, (size_t)n) : NULL;
    good = product_account(c, text_in(json, "AccessKey"), text_in(json, "SecretKey")) &&
           text_in(json, "AppName")[0] != '\0' && text_in(json, "PartnerCode")[0] != '\0' &&
           cJSON_HasObjectItem(json, "PartnerCodeCus");
    cJSON_Delete(json);
    return good;
}

static bool allowed(struct product_call *c)
{
    return account_good(c) && product_token_good(c->product, product_bearer(c));
}

static void token(struct product_call *c)
{
    char grant[64];
    char text[PRODUCT_TOKEN_SIZE];

    if (!account_good(c)) {
        refuse(c, PRODUCT_BAD_TOKEN);
        return;
    }
    if (!read_form(c->req->body, "grant_type", grant, sizeof(grant)) ||
        strcmp(grant, "client_credentials") != 0) {
        refuse(c, PRODUCT_BAD_REQUEST);
        return;
    }
    product_token(c->product, text);
    sbuf_puts(&c->out, "{");
    sbuf_member(&c->out, "access_token", text);
    sbuf_member(&c->out, "token_type", "Bearer");
    write_number(&c->out, "expires_in", product_token_life_s(c->product));
    sbuf_member(&c->out, "scope", "default");
    sbuf_puts(&c->out, "}");
    product_send(c, 200, PRODUCT_JSON);
}

static void put_steps(struct sbuf *out, const struct product_view *v)
{
    sbuf_key(out, "tienTrinh");
    sbuf_puts(out, "[");
    for (size_t k = 0; k < v->n_steps; k++) {
        const struct product_step *s = &v->steps[k];

        sbuf_comma(out);
        sbuf_puts(out, "{");
        write_number(out, "id", s->id);
        sbuf_member(out, "nguoiXuLy", s->actor);
        sbuf_member(out, "phongBan", v->agency->name);
        write_time(out, "thoiDiem", s->at_s, TIME_ISO_LOCAL, true);
        sbuf_member(out, "noiDung", s->text);
        write_number(out, "trangThai", s->status);
        sbuf_puts(out, "}");
    }
    sbuf_puts(out, "]");
}

static void put_row(struct sbuf *out, const struct product_view *v)
{
    static const char *const KINDS[] = {
        [PEOPLE_CITIZEN] = "1", [PEOPLE_BUSINESS] = "2", [PEOPLE_ORGANIZATION] = "4"};

    sbuf_comma(out);
    sbuf_puts(out, "{");
    sbuf_member(out, "maHoSo", v->number);
    sbuf_member(out, "maTTHC", v->texts.service);
    sbuf_member(out, "tenTTHC", v->procedure->name);
    sbuf_member(out, "maLinhVuc", v->procedure->sector_code);
    sbuf_member(out, "tenLinhVuc", v->procedure->sector_name);
    sbuf_member(out, "maDonVi", v->agency->code);
    sbuf_member(out, "tenDonVi", v->agency->name);
    sbuf_member(out, "chuHoSo", v->who.name);
    sbuf_member(out, "loaiDoiTuong", KINDS[v->who.kind]);
    sbuf_member(out, "soGiayTo", v->who.id_no);
    sbuf_member(out, "email", v->who.email);
    sbuf_member(out, "soDienThoai", v->who.phone);
    sbuf_member(out, "trichYeu", v->texts.name[0] != '\0' ? v->texts.name : v->procedure->name);
    sbuf_member(out, "kenhThucHien", v->online ? "2" : "1");
    sbuf_member(out, "hinhThucTra", v->by_post ? "1" : "0");
    write_time(out, "ngayNop", v->state.submit_s, TIME_ISO_LOCAL, true);
    write_time(out, "ngayTiepNhan", v->state.receive_s, TIME_ISO_LOCAL, true);
    write_time(out, "ngayHenTra", v->state.due_s, TIME_ISO_LOCAL, true);
    write_time(out, "ngayKetThuc", v->state.release_s, TIME_ISO_LOCAL, true);
    write_time(out, "ngayTra", v->state.finish_s, TIME_ISO_LOCAL, true);
    write_time(out, "ngayTuChoi", v->refused_s, TIME_ISO_LOCAL, true);
    write_number(out, "trangThai", v->status);
    write_time(out, "ngayCapNhat", v->changed_s, TIME_ISO_LOCAL, true);
    put_steps(out, v);
    sbuf_puts(out, "}");
}

/* A row in the order of its number. */
struct ordered {
    char number[LIFE_NUMBER_SIZE];
    uint32_t i;
};

static int by_number(const void *a, const void *b)
{
    return strcmp(((const struct ordered *)a)->number, ((const struct ordered *)b)->number);
}

struct window {
    int64_t days[2]; /* since 1970, both inclusive */
    size_t page;     /* from 1 */
    size_t size;
};

static bool read_window(struct product_call *c, struct window *at)
{
    static const char *const NAMES[] = {"tuNgay", "denNgay"};
    const char *page = serve_query(c->req, "trang");
    const char *size = serve_query(c->req, "soLuong");

    for (size_t k = 0; k < 2; k++) {
        const char *text = serve_query(c->req, NAMES[k]);
        int64_t at_s = text != NULL ? product_time_read(text, TIME_SLASH_DAY) : -1;

        if (at_s < 0) {
            return false;
        }
        at->days[k] = life_day(at_s);
    }
    at->page = page != NULL ? (size_t)strtoull(page, NULL, 10) : 0;
    at->size = size != NULL ? (size_t)strtoull(size, NULL, 10) : 0;
    at->size = at->size > SIZE_MOST ? SIZE_MOST : at->size;
    return at->page > 0 && at->size > 0;
}

/* Those submitted in the window, in order; NULL when memory is out. */
static struct ordered *rows_of(struct product_call *c, const struct window *at, size_t *n)
{
    const struct life *w = &c->p->life;
    struct ordered *rows = malloc((w->n + 1) * sizeof(*rows));

    *n = 0;
    for (size_t i = 0; rows != NULL && i < w->n; i++) {
        int64_t day = w->hot[i].day[LIFE_SUBMIT];

        if (day >= at->days[0] && day <= at->days[1] && product_lists(c->product, i)) {
            rows[*n].i = (uint32_t)i;
            life_number(w, i, rows[(*n)++].number);
        }
    }
    if (rows != NULL) {
        qsort(rows, *n, sizeof(*rows), by_number);
    }
    return rows;
}

static void list(struct product_call *c)
{
    struct product_view v;
    struct window at;
    struct ordered *rows;
    size_t n;

    if (!read_window(c, &at)) {
        refuse(c, PRODUCT_BAD_REQUEST);
        return;
    }
    pthread_mutex_lock(&c->p->lock);
    rows = rows_of(c, &at, &n);
    sbuf_printf(&c->out, "{\"error_code\":0,\"message\":\"Thành công\",\"total\":%zu,\"data\":[",
                n);
    for (size_t k = 0; rows != NULL && k < n; k++) {
        if (k / at.size + 1 != at.page) {
            continue;
        }
        product_view(&c->p->life, rows[k].i, &v);
        put_row(&c->out, &v);
        if (product_happens(c->product, product_knob(c->product, PV_DUPLICATE_ROWS_PERCENT))) {
            put_row(&c->out, &v);
        }
        product_shown(c->product, rows[k].i);
    }
    pthread_mutex_unlock(&c->p->lock);
    sbuf_puts(&c->out, "]}");
    product_send(c, rows != NULL ? 200 : 500, PRODUCT_JSON);
    free(rows);
}

static const struct product_route ROUTES[] = {
    {"token", "POST", "token", token, true},
    {"list", "GET", "hoso", list, false},
};

const struct product_face PRODUCT_LGSP = {
    .name = "lgsp-hcm",
    .prefix = "/lgsp-hcm/",
    .style = PRODUCT_SHOWN,
    .routes = ROUTES,
    .n_routes = sizeof(ROUTES) / sizeof(ROUTES[0]),
    .allowed = allowed,
    .refuse = refuse,
    .shows_test_agency = true,
    .limits = true,
};
