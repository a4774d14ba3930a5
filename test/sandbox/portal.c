#include "sandbox/portal.h"

#include "sandbox/portal_asked.h"
#include "sandbox/portal_core.h"
#include "sandbox/portal_poster.h"
#include "sandbox/portal_record.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KNOB_ARGS_MAX 128

/* ---- services ---- */

static void open_result(struct call *c)
{
    snprintf(c->message, sizeof c->message, "Thành công");
    sbuf_key(&c->result, "result");
}

static long version(const struct call *c)
{
    return knobs_get(c->p->knobs, PK_CATALOG_VERSION);
}

static void list_procedures(struct call *c)
{
    open_result(c);
    catalog_write_list(c->p->catalog, version(c), knobs_get(c->p->knobs, PK_CATALOG_SHRINK),
                       &c->result);
}

static void one_procedure(struct call *c)
{
    const char *code = portal_body_text(c, "maTTHC");
    const struct procedure *p;

    if (code == NULL || *code == '\0') {
        portal_refuse(c, REFUSED_FIELD, "Trường maTTHC không được để trống");
        return;
    }
    p = catalog_find(c->p->catalog, code, version(c));
    open_result(c);
    sbuf_puts(&c->result, "[");
    if (p != NULL && catalog_published(p, version(c))) {
        record_write(c->p->catalog, p, version(c), &c->result);
    }
    sbuf_puts(&c->result, "]");
}

static void list_services(struct call *c)
{
    open_result(c);
    catalog_write_services(c->p->catalog, version(c), &c->result);
}

static void one_decision(struct call *c)
{
    const char *id = portal_body_text(c, "idQDCB");

    open_result(c);
    record_write_decision(c->p->catalog, id != NULL ? id : "", &c->result);
}

static void list_agencies(struct call *c)
{
    open_result(c);
    catalog_write_agencies(c->p->catalog, &c->result);
}

static void list_sectors(struct call *c)
{
    open_result(c);
    catalog_write_sectors(c->p->catalog, &c->result);
}

static const struct {
    const char *name;
    void (*run)(struct call *c);
} services[SERVICE_COUNT] = {
    [SERVICE_LAY_DANH_SACH_TTHC] = {"LayDanhSachTTHC", list_procedures},
    [SERVICE_LAY_THU_TUC] = {"LayThuTuc", one_procedure},
    [SERVICE_LAY_DVC] = {"LayDVC", list_services},
    [SERVICE_LAY_QDCB] = {"LayQDCB", one_decision},
    [SERVICE_LAY_DANH_MUC_CO_QUAN] = {"LayDanhMucCoQuan", list_agencies},
    [SERVICE_LAY_DANH_MUC_LINH_VUC] = {"LayDanhMucLinhVuc", list_sectors},
    [SERVICE_TRA_CUU_HO_SO] = {"TraCuuHoSo", push_lookup},
    [SERVICE_DONG_BO_HO_SO_MC] = {"DongBoHoSoMC", push_dossiers},
    [SERVICE_CAP_NHAT_TIEN_DO] = {"CapNhatTienDoHoSoMC", push_steps},
    [SERVICE_DONG_BO_TRANG_THAI] = {"DongBoTrangThaiHoSo", push_answer},
    [SERVICE_LAY_DANH_SACH_HO_SO] = {"LayDanhSachHoSo", births_list},
    [SERVICE_LAY_HO_SO] = {"LayHoSo", births_detail},
    [SERVICE_XAC_NHAN_HO_SO] = {"XacNhanHoSo", births_acknowledge},
    [SERVICE_DONG_BO_DANH_GIA] = {"DongBoDanhGia", other_rating},
    [SERVICE_LAY_DANH_SACH_HOI_DAP] = {"LayDanhSachHoiDapGuiTuDVCQG", asked_list},
    [SERVICE_LAY_HOI_DAP_BO_CO_QUAN] = {"LayDanhSachHoiDapBoCoQuan", asked_list_published},
    [SERVICE_LAY_NOI_DUNG_TRA_LOI] = {"LayNoiDungTraLoiTheoCauHoi", asked_answers},
    [SERVICE_DONG_BO_HOI_DAP] = {"DongBoHoiDap", other_question},
    [SERVICE_DONG_BO_KET_QUA_HOI_DAP] = {"DongBoKetQuaHoiDapGuiTuDVCQG", other_reply},
};

const char *portal_service_name(enum portal_service s)
{
    return services[s].name;
}

int portal_find_service(const char *name)
{
    for (int i = 0; name != NULL && i < SERVICE_COUNT; i++) {
        if (strcmp(services[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static void count_service(struct portal *p, int service)
{
    pthread_mutex_lock(&p->lock);
    p->stats.unknown_service += service < 0 ? 1u : 0u;
    if (service >= 0) {
        p->stats.calls[service]++;
    }
    pthread_mutex_unlock(&p->lock);
}

void portal_run_service(struct call *c, enum portal_service s)
{
    count_service(c->p, (int)s);
    services[s].run(c);
}

static void serve_service(struct call *c)
{
    const char *agency = portal_body_text(c, "madonvi");
    int service = portal_find_service(portal_body_text(c, "service"));

    count_service(c->p, service);
    if (!session_check(c)) {
        return;
    }
    if (agency == NULL || *agency == '\0') {
        portal_refuse(c, REFUSED_FIELD, "Trường madonvi không được để trống");
    } else if (service < 0) {
        portal_refuse(c, REFUSED_FORMAT, "Dịch vụ không được hỗ trợ");
    } else {
        services[service].run(c);
    }
}

/* ---- requests ---- */

static bool ends_with(const char *path, const char *end)
{
    size_t len = strlen(path);
    size_t n = strlen(end);

    return len >= n && strcmp(path + len - n, end) == 0;
}

static void serve_protocol(struct portal *p, struct serve_req *req, void (*run)(struct call *c))
{
    struct call c = {.p = p, .req = req};

    if (strcmp(req->method, "POST") != 0) {
        serve_respond(req, 405, "text/plain", "", 0);
        return;
    }
    if (portal_fault_before(p, req)) {
        return;
    }
    if (rules_is_utf8(req->body, req->body_len)) {
        c.body = cJSON_ParseWithLength(req->body, req->body_len);
    }
    if (cJSON_IsObject(c.body)) {
        run(&c);
    } else {
        portal_refuse(&c, REFUSED_FORMAT, "Dữ liệu không đúng định dạng JSON");
    }
    portal_finish(&c);
    cJSON_Delete(c.body);
    sbuf_free(&c.result);
}

static void handle(struct serve_req *req, void *arg)
{
    static const char own[] = "/_sandbox/";
    struct portal *p = (struct portal *)arg;

    if (strncmp(req->path, own, sizeof own - 1) == 0) {
        admin_handle(p, req);
    } else if (ends_with(req->path, "/mapi/login")) {
        serve_protocol(p, req, session_login);
    } else if (ends_with(req->path, "/mapi/g")) {
        serve_protocol(p, req, serve_service);
    } else if (!bridge_handle(p, req)) {
        serve_respond(req, 404, "text/plain", "not found\n", 10);
    }
}

/* ---- start ---- */

struct options {
    const char *listen;
    const char *port_file;
    const char *ledger;
    const char *catalog;
    const char *agencies;
    const char *details;
    uint64_t seed;
    const char *knobs[KNOB_ARGS_MAX];
    size_t knob_count;
};

static int usage(void)
{
    fprintf(stderr,
            "usage: dvcsync-sandbox portal --listen ADDRESS:PORT --ledger FILE --catalog FILE\n"
            "           [--port-file FILE] [--agencies FILE] [--details FILE] [--seed N]\n"
            "           [--knob name=value]...\nknobs:\n");
    for (size_t i = 0; i < PK_COUNT; i++) {
        fprintf(stderr, "  %-30s %s\n", portal_knob_rows[i].name, portal_knob_rows[i].help);
    }
    return 2;
}

static int read_seed(const char *text, uint64_t *out)
{
    char *end = NULL;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' ? 0 : -1;
}

static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option rows[] = {
        {"listen", required_argument, NULL, 'l'},
        {"port-file", required_argument, NULL, 'p'},
        {"ledger", required_argument, NULL, 'L'},
        {"catalog", required_argument, NULL, 'c'},
        {"agencies", required_argument, NULL, 'a'},
        {"details", required_argument, NULL, 'd'},
        {"seed", required_argument, NULL, 's'},
        {"knob", required_argument, NULL, 'k'},
        {NULL, 0, NULL, 0},
    };
    const char **texts[128] = {
        ['l'] = &o->listen,  ['p'] = &o->port_file, ['L'] = &o->ledger,
        ['c'] = &o->catalog, ['a'] = &o->agencies,  ['d'] = &o->details,
    };
    int opt = getopt_long(argc, argv, "", rows, NULL);

    for (; opt != -1; opt = getopt_long(argc, argv, "", rows, NULL)) {
        if (opt == 's') {
            if (read_seed(optarg, &o->seed) != 0) {
                return -1;
            }
        } else if (opt == 'k') {
            if (o->knob_count == KNOB_ARGS_MAX) {
                return -1;
            }
            o->knobs[o->knob_count] = optarg;
            o->knob_count++;
        } else if (opt > 0 && opt < 128 && texts[opt] != NULL) {
            *texts[opt] = optarg;
        } else {
            return -1;
        }
    }
    return optind == argc && o->listen != NULL && o->ledger != NULL && o->catalog != NULL ? 0 : -1;
}

static int set_knobs(struct portal *p, const struct options *o)
{
    char why[256];

    for (size_t i = 0; i < o->knob_count; i++) {
        if (knobs_set_pair(p->knobs, o->knobs[i], why, sizeof why) != 0) {
            fprintf(stderr, "--knob %s: %s\n", o->knobs[i], why);
            return -1;
        }
    }
    return 0;
}

/* Without --agencies the list is expected beside the catalogue. */
static int load_catalog(struct portal *p, const struct options *o)
{
    const char *slash = strrchr(o->catalog, '/');
    char beside[4096];

    if (o->agencies != NULL) {
        return catalog_load(&p->catalog, o->catalog, o->agencies, o->details);
    }
    snprintf(beside, sizeof beside, "%.*sagencies.csv",
             slash != NULL ? (int)(slash - o->catalog) + 1 : 0, o->catalog);
    return catalog_load(&p->catalog, o->catalog, beside, o->details);
}

static void portal_free(struct portal *p)
{
    catalog_free(p->catalog);
    knobs_free(p->knobs);
    store_free(&p->store);
    store_free(&p->others);
    asked_free(p);
    births_free(&p->births);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static struct portal *portal_new(const struct options *o)
{
    struct portal *p = (struct portal *)calloc(1, sizeof *p);

    if (p == NULL) {
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    p->seed = o->seed;
    p->started_ms = portal_now_ms();
    p->knobs = knobs_new(portal_knob_rows, PK_COUNT);
    if (p->knobs == NULL || store_init(&p->store) != 0 || store_init(&p->others) != 0 ||
        set_knobs(p, o) != 0 || load_catalog(p, o) != 0) {
        portal_free(p);
        return NULL;
    }
    return p;
}

static int portal_run(struct portal *p, const struct options *o)
{
    struct serve *server = NULL;
    struct serve_config cfg = {
        .listen = o->listen, .port_file = o->port_file, .handler = handle, .arg = p};

    serve_block_signals(); /* before the ledger's thread is made */
    if (ledger_open(&p->ledger, o->ledger, admin_replay, p) != 0) {
        return 1;
    }
    ledger_group(p->ledger, (unsigned)knobs_get(p->knobs, PK_LEDGER_GROUP_MS));
    if (poster_start(&p->poster, p) != 0) {
        ledger_close(p->ledger);
        return 1;
    }
    if (serve_start(&server, &cfg) != 0) {
        poster_stop(p->poster);
        ledger_close(p->ledger);
        return 1;
    }
    serve_wait_signal(server);
    serve_quiesce(server);
    poster_stop(p->poster);
    ledger_close(p->ledger);
    serve_free(server);
    return 0;
}

int portal_main(int argc, char **argv)
{
    struct options o = {.seed = 1};
    struct portal *p;
    int rc;

    if (read_options(argc, argv, &o) != 0) {
        return usage();
    }
    p = portal_new(&o);
    if (p == NULL) {
        return 1;
    }
    rc = portal_run(p, &o);
    portal_free(p);
    return rc;
}
