/* The portal as a province's bridge shows it: a path for each service, bare arrays, no session;
 * section 11. Any path whose last part is a service of the bridge is one. */
#include "sandbox/portal_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BRIDGE_ITEMS_MAX 100 /* dossiers of one call */

static const struct {
    const char *path;
    enum portal_service service;
    const char *method;
    const char *parameter; /* of a GET; NULL none */
} bridge_services[] = {
    {"DongBoHoSoMC", SERVICE_DONG_BO_HO_SO_MC, "POST", NULL},
    {"CapNhatTienDoHoSoMC", SERVICE_CAP_NHAT_TIEN_DO, "POST", NULL},
    {"DongBoTrangThaiHoSoKM", SERVICE_DONG_BO_TRANG_THAI, "POST", NULL},
    {"LayDanhSachTTHC", SERVICE_LAY_DANH_SACH_TTHC, "GET", NULL},
    {"LayThuTuc", SERVICE_LAY_THU_TUC, "GET", "maTTHC"},
    {"LayDVC", SERVICE_LAY_DVC, "GET", NULL},
    {"LayQDCB", SERVICE_LAY_QDCB, "GET", "idQDCB"},
    {"LayDanhMucCoQuan", SERVICE_LAY_DANH_MUC_CO_QUAN, "GET", NULL},
    {"LayDanhMucLinhVuc", SERVICE_LAY_DANH_MUC_LINH_VUC, "GET", NULL},
    {"TraCuuHoSo", SERVICE_TRA_CUU_HO_SO, "GET", "mahoso"},
};

static int find(const struct portal *p, const char *path)
{
    const char *slash = strrchr(path, '/');

    for (size_t i = 0; slash != NULL && i < sizeof bridge_services / sizeof bridge_services[0];
         i++) {
        if (strcmp(bridge_services[i].path, slash + 1) == 0) {
            bool hidden = bridge_services[i].service == SERVICE_TRA_CUU_HO_SO &&
                          knobs_get(p->knobs, PK_BRIDGE_LOOKUP) == 0;

            return hidden ? -1 : (int)i;
        }
    }
    return -1;
}

static bool token_fits(struct portal *p, struct serve_req *req)
{
    static const char scheme[] = "Bearer ";
    const char *given = serve_header(req, "Authorization");
    char wanted[KNOB_TEXT_MAX];

    knobs_get_text(p->knobs, PK_BRIDGE_TOKEN, wanted);
    return wanted[0] == '\0' || (given != NULL && strncmp(given, scheme, sizeof scheme - 1) == 0 &&
                                 strcmp(given + sizeof scheme - 1, wanted) == 0);
}

static void add_query(struct call *c, const char *name)
{
    const char *value = name != NULL ? serve_query(c->req, name) : NULL;

    if (value != NULL) {
        cJSON_AddStringToObject(c->body, name, value);
    }
}

/* The envelope that the services expect, around what was posted. */
static void wrap(struct call *c, enum portal_service service)
{
    const char *agency = serve_query(c->req, "MaDinhDanhDV");
    cJSON *data = NULL;

    if (rules_is_utf8(c->req->body, c->req->body_len)) {
        data = cJSON_ParseWithLength(c->req->body, c->req->body_len);
    }
    if (agency == NULL || *agency == '\0') {
        portal_refuse(c, REFUSED_FIELD, "Trường MaDinhDanhDV không được để trống");
    } else if (service != SERVICE_DONG_BO_TRANG_THAI && !cJSON_IsArray(data)) {
        portal_refuse(c, REFUSED_FORMAT, "Dữ liệu không đúng định dạng JSON");
    } else if (service == SERVICE_DONG_BO_HO_SO_MC && cJSON_GetArraySize(data) > BRIDGE_ITEMS_MAX) {
        portal_refuse(c, REFUSED_FORMAT, "Số lượng bản ghi vượt quá giới hạn");
    } else {
        cJSON_AddItemToObject(c->body, "data", data);
        add_query(c, "isUpdating");
        portal_run_service(c, service);
        return;
    }
    cJSON_Delete(data);
}

bool bridge_handle(struct portal *p, struct serve_req *req)
{
    struct call c = {.p = p, .req = req, .bridge = true};
    int i = find(p, req->path);

    if (i < 0) {
        return false;
    }
    if (strcmp(req->method, bridge_services[i].method) != 0) {
        serve_respond(req, 405, "text/plain", "", 0);
        return true;
    }
    if (portal_fault_before(p, req)) {
        return true;
    }
    c.body = cJSON_CreateObject();
    if (!token_fits(p, req)) {
        portal_refuse(&c, REFUSED_SESSION, "Unauthorized");
        c.status = 401;
    } else if (strcmp(req->method, "POST") == 0) {
        wrap(&c, bridge_services[i].service);
    } else {
        add_query(&c, bridge_services[i].parameter);
        portal_run_service(&c, bridge_services[i].service);
    }
    portal_finish(&c);
    cJSON_Delete(c.body);
    sbuf_free(&c.result);
    return true;
}
