/* What a client posts at the gateway, in the portal's envelope or as a province's bridge takes it
 * (a path and a bare array): every record that is taken can be stored, and what would be sent of it
 * is one JSON document of the size that the portal takes.
 *
 * Input: the path, whether a map decides the status; then the body. */
#include <stdlib.h>
#include <string.h>

#include "adapter/gateway_impl.h"
#include "adapter/portal_wire.h"
#include "fuzz/world.h"

#define ARENA_MAX (64u << 20)
#define NOW_S INT64_C(1763622000)

static const char *const paths[] = {
    "/mapi/g",       "/DongBoHoSoMC",          "/api/CapNhatTienDoHoSoMC",
    "/TraCuuHoSo",   "/DongBoTrangThaiHoSoKM", "/mapi/login",
    "/LayThuTuc",    "/LayDanhMucCoQuan",      "/LayCauHoi",
    "/dongbohosomc", "/x/DongBoTrangThaiHoSo", "/",
};

static struct fuzz_world world; /* with a portal's adapter; nothing is ever sent */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct fuzz_in nothing = {NULL, 0};

    (void)argc;
    (void)argv;
    fuzz_world_open(&world,
                    fuzz_config("portal {\n adapter_url = \"https://p.example.vn/x\"\n agency_code "
                                "= \"H00\"\n username = \"sample\"\n password_file = \"@\"\n}\n"
                                "source a {\n profile = gateway\n listen = \"127.0.0.1:1\"\n}\n"
                                "flow dossiers {\n from = a\n to = portal\n}\n"),
                    &nothing);
    fuzz_world_adapter(&world, "portal");
    return 0;
}

static void preview(const struct record *record)
{
    struct adapter_check check = {.record = record};
    struct adapter_send send = {
        .kind = record->kind, .code = record->code, .records = record, .n_records = 1};
    struct json *root = NULL;
    struct errmsg why = {0};
    struct buf out;
    int err;

    world.adapter->ops->check(world.adapter, &check);
    buf_init(&out, PORTAL_BODY_MAX * 2);
    err = world.adapter->ops->preview(world.adapter, &send, &out, &why);
    FUZZ_CHECK(err == 0 || err == ERR_INVAL || err == ERR_TOOBIG, "%d %s", err, why.text);
    FUZZ_CHECK(err != ERR_INVAL || check.hold != HOLD_NONE, "taken, and can't be sent: %s",
               why.text);
    if (err == 0) {
        FUZZ_CHECK(out.len <= PORTAL_BODY_MAX, "%zu bytes", out.len);
        FUZZ_CHECK(json_parse(out.data, out.len, &root, &why) == 0, "%s: %s", why.text,
                   buf_text(&out));
        json_free(root);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    struct http_call call = {.method = "POST", .peer = "127.0.0.1"};
    struct gateway_request *r = calloc(1, sizeof(*r));
    char *body;

    FUZZ_CHECK(r != NULL, "no memory");
    call.path = paths[fuzz_byte(&in) % (sizeof(paths) / sizeof(paths[0]))];
    r->status_map = (fuzz_byte(&in) & 1) == 0 ? "national" : "a";
    body = fuzz_text(&in);
    call.body = body;
    call.body_len = in.n;
    r->call = &call;
    r->now_s = NOW_S;
    arena_init(&r->arena, ARENA_MAX);
    gateway_request_read(r);
    FUZZ_CHECK(r->err == 0 || (r->why.text[0] != '\0' && r->n_records == 0), "%d", r->err);
    FUZZ_CHECK(!r->login || r->service == GATEWAY_NONE, "a login that is a service");
    for (size_t i = 0; r->err == 0 && i < r->n_records; i++) {
        FUZZ_CHECK(r->records[i].kind == RECORD_DOSSIER || r->records[i].kind == RECORD_STEP, "%d",
                   (int)r->records[i].kind);
        fuzz_record(&r->records[i]);
        preview(&r->records[i]);
    }
    json_free(r->root);
    arena_free(&r->arena);
    free(r);
    free(body);
    return 0;
}
