#include <string.h>
#include <strings.h>

#include "adapter/gateway_impl.h"
#include "adapter/gateway_read.h"

static const struct {
    const char *name;
    enum gateway_service service;
} services[] = {
    {"DongBoHoSoMC", GATEWAY_DOSSIERS},
    {"CapNhatTienDoHoSoMC", GATEWAY_STEPS},
    {"DongBoTrangThaiHoSo", GATEWAY_ANSWER},
    {"DongBoTrangThaiHoSoKM", GATEWAY_ANSWER}, /* the same, as a bridge calls it (section 11) */
    {"TraCuuHoSo", GATEWAY_LOOKUP},
    {"TraCuuTechID", GATEWAY_PERSONAL},
};

/* Catalogue and dictionaries (section 4). What else is read changes at any time, or is about
 * people: questions, dossiers. */
static bool is_catalogue(const char *name)
{
    static const char *const names[] = {"LayDanhSachTTHC", "LayThuTuc", "LayDVC", "LayQDCB"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return strncmp(name, "LayDanhMuc", strlen("LayDanhMuc")) == 0;
}

static enum gateway_service service_by_name(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t n = strlen(name);

    if (n == 0) {
        return GATEWAY_NONE;
    }
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        if (strcasecmp(services[i].name, name) == 0) {
            return services[i].service;
        }
    }
    /* Every reading service is named Lay... ("get"): section 3. */
    if (n >= GATEWAY_NAME_SIZE || strspn(name, letters) != n || strncmp(name, "Lay", 3) != 0) {
        return GATEWAY_OTHER;
    }
    return is_catalogue(name) ? GATEWAY_READ : GATEWAY_PERSONAL;
}

static void name_service(struct gateway_request *r, const char *name)
{
    r->service = service_by_name(name);
    r->name[0] = '\0';
    if (strlen(name) < sizeof(r->name)) {
        memcpy(r->name, name, strlen(name) + 1);
    }
}

static const char *last_segment(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* What the body is (by itself, and where it does not say so by the path). Returns the data of a
 * push. */
static const struct json *recognise(struct gateway_request *r)
{
    char number[24];
    const struct json *root = r->root;
    const struct json *data = json_get_any_case(root, "data");
    const char *name = json_text(json_get_any_case(root, "service"), number);

    if (json_is_object(root) && name != NULL && name[0] != '\0') {
        name_service(r, name);
        r->envelope = true;
        return data;
    }
    name_service(r, last_segment(r->call->path));
    if (json_is_array(root)) {
        return root;
    }
    if (r->service == GATEWAY_OTHER || r->service == GATEWAY_NONE ||
        json_get_any_case(root, "password") != NULL) {
        r->service = GATEWAY_NONE;
        r->login = json_get_any_case(root, "username") != NULL &&
                   json_get_any_case(root, "password") != NULL;
        return NULL;
    }
    return data != NULL ? data : root;
}

static int read_records(struct gateway_request *r, const struct json *data)
{
    const struct gateway_reading how = {r->status_map, r->now_s, r->compared};
    char number[24];
    const char *type;

    switch (r->service) {
    case GATEWAY_DOSSIERS:
        return gateway_read_dossiers(&how, data, &r->arena, &r->records, &r->n_records, &r->why);
    case GATEWAY_STEPS:
        return gateway_read_steps(&how, data, &r->arena, &r->records, &r->n_records, &r->why);
    case GATEWAY_ANSWER:
        type = json_text(json_get_any_case(r->root, "type"), number);
        if (r->envelope && (type == NULL || strcmp(type, "2") != 0)) {
            return err_set(&r->why, ERR_FORMAT, "type: không hợp lệ (chỉ nhận \"2\")");
        }
        return gateway_read_answer(&how, data, &r->arena, &r->records, &r->n_records, &r->why);
    default:
        return 0;
    }
}

void gateway_request_read(struct gateway_request *r)
{
    const struct http_call *call = r->call;
    struct errmsg detail = {0};
    const struct json *data;

    if (strcmp(call->method, "GET") == 0) {
        name_service(r, last_segment(call->path));
        return;
    }
    r->err = json_parse(call->body, call->body_len, &r->root, &detail);
    if (r->err == 0 && !json_is_object(r->root) && !json_is_array(r->root)) {
        r->err = err_set(&detail, ERR_FORMAT, "cần một đối tượng hoặc danh sách");
    }
    if (r->err != 0) {
        (void)err_set(&r->why, r->err, "Nội dung gửi lên không phải JSON hợp lệ: %s", detail.text);
        return;
    }
    data = recognise(r);
    r->err = read_records(r, data);
}
