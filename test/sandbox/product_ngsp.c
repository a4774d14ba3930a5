/* The justice services behind a provincial gateway (provincial-systems.md 1.7): a key that the
 * operator gives, ids changed since a time, details in bulk as XML text inside JSON, and an
 * acknowledgement by a list of ids with semicolons. Civil status has four states; dossiers that are
 * not yet received, and lives that come to a refusal, withdrawal or stop, are not in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "sandbox/product.h"
#include "sandbox/product_status.h"
#include "sandbox/product_write.h"
#include "sandbox/province_knobs.h"

#define IDS_MOST 100 /* of one call */

static void say(struct product_call *c, int status, int code, const char *words)
{
    sbuf_printf(&c->out, "{\"errorCode\":%d", code);
    sbuf_member(&c->out, "errorMessage", words);
    sbuf_puts(&c->out, "}");
    product_send(c, status, PRODUCT_JSON);
}

static void refuse(struct product_call *c, enum product_refusal why)
{
    switch (why) {
    case PRODUCT_BAD_TOKEN:
        say(c, 401, 100, "AUTHEN_ERROR");
        break;
    case PRODUCT_NOT_FOUND:
        say(c, 404, 404, "NOT_FOUND");
        break;
    case PRODUCT_BAD_METHOD:
        say(c, 405, 405, "METHOD_NOT_ALLOWED");
        break;
    case PRODUCT_LIMITED:
        say(c, 429, 429, "TOO_MANY_REQUESTS");
        break;
    case PRODUCT_BAD_REQUEST:
        say(c, 400, 200, "RECORD_UNCOMPLETE");
        break;
    }
}

static bool allowed(struct product_call *c)
{
    const char *key = product_bearer(c);
    char own[KNOB_TEXT_MAX];

    knobs_get_text(c->p->knobs, PV_PASSWORD, own);
    return key != NULL && strcmp(key, own) == 0;
}

/* The life comes to a state that civil status does not know. */
static bool leaves(const struct life_dossier *d)
{
    const struct life_plan *plan = &LIFE_PLANS[d->plan];

    for (uint8_t at = 0; at < plan->n; at++) {
        int status = product_national(LIFE_ACTIONS[plan->actions[at]].to);

        if (status == 3 || status == 7 || status == 8) {
            return true;
        }
    }
    return false;
}

static bool lists(const struct product *product, const struct life *w, size_t i)
{
    (void)product;
    return w->hot[i].day[LIFE_RECEIVE] != 0 && !leaves(&w->dossiers[i]);
}

static const char *text_in(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void changed(struct product_call *c)
{
    cJSON *body = cJSON_Parse(c->req->body);
    const char *since = text_in(body, "ngayCapNhat");
    int64_t since_s = since != NULL ? product_time_read(since, TIME_COMPACT) : -1;
    bool fine = since_s >= 0 && text_in(body, "module") != NULL;
    char number[LIFE_NUMBER_SIZE];

    cJSON_Delete(body);
    if (!fine) {
        refuse(c, PRODUCT_BAD_REQUEST);
        return;
    }
    sbuf_puts(&c->out, "{\"errorCode\":0,\"errorMessage\":\"SUCCESS\",\"data\":[");
    pthread_mutex_lock(&c->p->lock);
    for (size_t i = 0; i < c->p->life.n; i++) {
        int64_t changed_s = c->p->life.dossiers[i].changed_s;

        if (changed_s < since_s || !product_waits(c->product, i)) {
            continue;
        }
        life_number(&c->p->life, i, number);
        for (int twice =
                 product_happens(c->product, product_knob(c->product, PV_DUPLICATE_ROWS_PERCENT));
             twice >= 0; twice--) {
            sbuf_comma(&c->out);
            sbuf_puts(&c->out, "{");
            sbuf_member(&c->out, "maHoSo", number);
            write_time(&c->out, "ngayCapNhat", changed_s, TIME_COMPACT, false);
            sbuf_puts(&c->out, "}");
        }
    }
    pthread_mutex_unlock(&c->p->lock);
    sbuf_puts(&c->out, "]}");
    product_send(c, 200, PRODUCT_JSON);
}

static void put_steps(struct sbuf *out, const struct product_view *v)
{
    sbuf_puts(out, "<tienTrinh>");
    for (size_t k = 0; k < v->n_steps; k++) {
        const struct product_step *s = &v->steps[k];

        sbuf_puts(out, "<buoc>");
        write_element_number(out, "id", s->id);
        write_element(out, "nguoiXuLy", s->actor);
        write_element(out, "phongBan", v->agency->name);
        write_element_time(out, "thoiDiem", s->at_s, TIME_SLASHES);
        write_element(out, "noiDung", s->text);
        write_element_number(out, "trangThai", product_justice(s->to));
        sbuf_puts(out, "</buoc>");
    }
    sbuf_puts(out, "</tienTrinh>");
}

static void put_dossier(struct sbuf *out, const struct product_view *v)
{
    int64_t completed_s = v->state.finish_s != 0 ? v->state.finish_s : v->state.release_s;

    sbuf_puts(out, "<hoso>");
    write_element(out, "maHoSo", v->number);
    write_element(out, "maThuTuc", v->texts.service);
    write_element(out, "tenThuTuc", v->procedure->name);
    write_element(out, "maDonVi", v->agency->code);
    write_element(out, "tenDonVi", v->agency->name);
    sbuf_puts(out, "<nguoiYeuCau>");
    write_element(out, "hoTen", v->who.name);
    write_element(out, "soGiayTo", v->who.id_no);
    write_element(out, "dienThoai", v->who.phone);
    sbuf_puts(out, "</nguoiYeuCau>");
    write_element_time(out, "ngayNop", v->state.submit_s, TIME_SLASHES);
    write_element_time(out, "ngayTiepNhan", v->state.receive_s, TIME_SLASHES);
    write_element_time(out, "ngayHenTra", v->state.due_s, TIME_SLASHES);
    write_element_time(out, "ngayHoanThanh", completed_s, TIME_SLASHES);
    write_element_number(out, "trangThai", product_justice(v->state.step));
    write_element_time(out, "ngayCapNhat", v->changed_s, TIME_SLASHES);
    put_steps(out, v);
    sbuf_puts(out, "</hoso>");
}

/* The XML of all ids that are known; how many. */
static size_t put_all(struct product_call *c, const cJSON *ids, struct sbuf *xml)
{
    const cJSON *id;
    struct product_view v;
    size_t found = 0;

    sbuf_puts(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><hotich>");
    pthread_mutex_lock(&c->p->lock);
    cJSON_ArrayForEach(id, ids)
    {
        size_t i = cJSON_IsString(id) ? product_find(c->product, id->valuestring) : SIZE_MAX;

        if (i != SIZE_MAX) {
            product_view(&c->p->life, i, &v);
            put_dossier(xml, &v);
            product_shown(c->product, i);
            found++;
        }
    }
    pthread_mutex_unlock(&c->p->lock);
    sbuf_puts(xml, "</hotich>");
    return found;
}

static void bulk(struct product_call *c)
{
    cJSON *body = cJSON_Parse(c->req->body);
    const cJSON *ids = cJSON_GetObjectItemCaseSensitive(body, "dsMaHoSo");
    struct sbuf xml = {0};

    if (!cJSON_IsArray(ids) || cJSON_GetArraySize(ids) > IDS_MOST ||
        text_in(body, "module") == NULL || text_in(body, "maTinh") == NULL) {
        refuse(c, PRODUCT_BAD_REQUEST);
    } else if (put_all(c, ids, &xml) == 0) {
        say(c, 200, 201, "RECORD_NOT_FOUND");
    } else {
        sbuf_puts(&c->out, "{\"errorCode\":0,\"errorMessage\":\"SUCCESS\"");
        sbuf_member_n(&c->out, "data", xml.data != NULL ? xml.data : "", xml.len);
        sbuf_puts(&c->out, "}");
        product_send(c, 200, PRODUCT_JSON);
    }
    sbuf_free(&xml);
    cJSON_Delete(body);
}

static void mark(struct product_call *c)
{
    cJSON *body = cJSON_Parse(c->req->body);
    const char *ids = text_in(body, "declarationId");

    if (ids == NULL || text_in(body, "infoType") == NULL) {
        refuse(c, PRODUCT_BAD_REQUEST);
        cJSON_Delete(body);
        return;
    }
    pthread_mutex_lock(&c->p->lock);
    while (*ids != '\0') {
        size_t len = strcspn(ids, ";");
        char number[LIFE_NUMBER_SIZE];
        size_t i;

        snprintf(number, sizeof(number), "%.*s", (int)len, ids);
        i = product_find(c->product, number);
        if (i != SIZE_MAX) {
            product_ack(c->product, i);
        }
        ids += len + (ids[len] == ';');
    }
    pthread_mutex_unlock(&c->p->lock);
    cJSON_Delete(body);
    say(c, 200, 0, "SUCCESS");
}

static const struct product_route ROUTES[] = {
    {"list", "POST", "apiHoTichTuPhap/dsHoSoDangKy", changed, false},
    {"detail", "POST", "apiHoTichTuPhap/traDanhSachHoSo", bulk, false},
    {"ack", "POST", "apiLyLichTuPhap/danhDauHsThanhCong", mark, false},
};

const struct product_face PRODUCT_NGSP = {
    .name = "ngsp-justice",
    .prefix = "/ngsp-justice/",
    .style = PRODUCT_SHOWN, /* what was read does not come again for a lost acknowledgement */
    .routes = ROUTES,
    .n_routes = sizeof(ROUTES) / sizeof(ROUTES[0]),
    .allowed = allowed,
    .refuse = refuse,
    .lists = lists,
    .shows_test_agency = true,
};
