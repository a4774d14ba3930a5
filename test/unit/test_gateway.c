#include "adapter/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "codec/record.h"
#include "lib/push_world.h"

struct fixture {
    struct push_world w;
    struct adapter *a;
    char session[40];
    char request[200000];
};

static void begin(struct fixture *f)
{
    struct errmsg msg = {0};

    assert_int_equal(gateway_open(&f->w.env, f->w.source, &f->a, &msg), 0);
    assert_int_equal(f->a->ops->listen(f->a, &f->w.host, &msg), 0);
    assert_int_equal(gateway_port(f->a), f->w.port);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    push_world_open(&f->w, "gateway");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    push_world_end(&f->w, f->a);
    free(f);
    return 0;
}

/* ---- asking ---- */

static void has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("no %s in %s", part, text);
    }
}

static void has_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) {
        fail_msg("%s in %s", part, text);
    }
}

static void log_in(struct fixture *f)
{
    const char *text = push_call(&f->w, "POST", "/mapi/login", "",
                                 "{\"username\":\"mot-cua\",\"password\":\"mat-khau\"}");
    const char *session = strstr(text, "\"session\":\"");

    has(text, "\"error_code\":0");
    assert_non_null(session);
    snprintf(f->session, sizeof(f->session), "%.32s", session + strlen("\"session\":\""));
    assert_int_equal(strlen(f->session), 32);
}

/* A call with the envelope; rest begins after "service":"...". */
static const char *call(struct fixture *f, const char *service, const char *rest)
{
    if (f->session[0] == '\0') {
        log_in(f);
    }
    snprintf(f->request, sizeof(f->request),
             "{\"session\":\"%s\",\"madonvi\":\"H56\",\"service\":\"%s\"%s}", f->session, service,
             rest);
    return push_post(&f->w, f->request);
}

#define DOSSIER                                                                                    \
    "{\"MaHoSo\":\"H56.31.25-251118-0007\",\"MaTTHC\":\"1.001193\",\"TrangThaiHoSo\":\"4\","       \
    "\"NgayTiepNhan\":\"20251118093000\",\"ChuHoSo\":\"Nguyễn Văn A\"}"
#define STEP(at)                                                                                   \
    "{\"MaHoSo\":\"H56.31.25-251118-0007\",\"NguoiXuLy\":\"Trần B\",\"ThoiDiemXuLy\":\"" at        \
    "\",\"NoiDungXuLy\":\"Tiếp nhận\",\"TrangThai\":2}"

/* ---- sessions ---- */

static void a_wrong_password_gets_no_session(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct adapter_note notes[ADAPTER_NOTES_MAX];
    const char *text;

    f->w.source->accounts_file =
        push_world_file(&f->w, "accounts", "mot-cua:mat-khau\n\nkhac:bi-mat\n", path);
    begin(f);
    text = push_call(&f->w, "POST", "/bat/ky/duong/nao", "",
                     "{\"username\":\"mot-cua\",\"password\":\"bi-mat\"}");
    assert_int_equal(f->w.status, 200);
    has(text, "\"error_code\":-1");
    has_not(text, "session");
    has_not(text, "bi-mat");
    assert_true(f->a->ops->notes(f->a, notes) <= ADAPTER_NOTES_MAX);
    log_in(f);
}

static void a_call_without_a_good_session_must_log_in_again(void **state)
{
    struct fixture *f = *state;
    const char *text;

    begin(f);
    text = push_post(&f->w, "{\"session\":\"0123456789abcdef0123456789abcdef\",\"madonvi\":\"H56\","
                            "\"service\":\"DongBoHoSoMC\",\"data\":[" DOSSIER "]}");
    assert_int_equal(f->w.status, 200);
    has(text, "\"error_code\":-1");
    has(text, "Phiên làm việc"); /* what clients log in again upon */
    has_not(text, "0123456789abcdef");
    assert_int_equal(f->w.n_offers, 0);
}

/* ---- pushing ---- */

static void the_portals_own_answer_is_handed_on(void **state)
{
    struct fixture *f = *state;
    const char *text;

    begin(f);
    text = call(f, "DongBoHoSoMC", ",\"isUpdating\":\"False\",\"data\":[" DOSSIER "]");
    assert_string_equal(text, "{\"error_code\":0,\"message\":\"Đồng bộ hồ sơ thành công\"}");
    assert_int_equal(f->w.n_records, 1);
    assert_int_equal(f->w.wait_ms, 150);
    assert_string_equal(f->w.records[0].code, "H56.31.25-251118-0007");
    has(f->w.records[0].body, "\"status\":\"4\"");
    has(f->w.records[0].body, "\"status_map\":\"national\"");
    has(f->w.records[0].body, "\"applicant_name\":\"Nguyễn Văn A\"");
    assert_int_equal(f->w.records[0].at_s, 1763433000); /* 2025-11-18 09:30 at home */
    snprintf(f->w.fate.words, sizeof(f->w.fate.words), "Mã TTHC không hợp lệ");
    f->w.fate.state = ITEM_HELD;
    text = call(f, "DongBoHoSoMC", ",\"isUpdating\":true,\"data\":" DOSSIER);
    assert_string_equal(text, "{\"error_code\":-1,\"message\":\"Mã TTHC không hợp lệ\"}");
}

static void what_only_waits_is_never_called_done(void **state)
{
    struct fixture *f = *state;
    const char *text;

    f->w.settle = PUSH_IN_TIME;
    f->w.fate = (struct adapter_fate){.state = ITEM_PENDING};
    begin(f);
    text = call(f, "DongBoHoSoMC", ",\"data\":[" DOSSIER "]");
    has(text, "\"error_code\":0");
    has(text, "xếp hàng");
    has(text, "4711");
    has_not(text, "hành công");
    has_not(text, "tồn tại");
    f->w.fate = (struct adapter_fate){.state = ITEM_HELD, .reason = "no row in status.csv"};
    text = call(f, "DongBoHoSoMC", ",\"data\":[" DOSSIER "]");
    has(text, "\"error_code\":-1");
    has(text, "no row in status.csv");
}

static void a_full_house_says_come_again(void **state)
{
    struct fixture *f = *state;
    const char *text;

    f->w.offer_err = ERR_BUSY;
    begin(f);
    text = call(f, "DongBoHoSoMC", ",\"data\":[" DOSSIER "]");
    assert_int_equal(f->w.status, 503);
    has(text, "\"error_code\":-1");
    f->w.offer_err = ERR_TOOBIG;
    has(call(f, "DongBoHoSoMC", ",\"data\":[" DOSSIER "]"), "refused by the test");
    assert_int_equal(f->w.status, 200);
}

static void steps_of_several_dossiers_come_in_one_call(void **state)
{
    struct fixture *f = *state;

    begin(f);
    has(call(f, "CapNhatTienDoHoSoMC",
             ",\"data\":[" STEP("20251118093000") "," STEP("20251118103000") "]"),
        "\"error_code\":0");
    assert_int_equal(f->w.n_records, 2);
    assert_int_equal(f->w.records[0].kind, RECORD_STEP);
    assert_string_not_equal(f->w.records[0].key, "");
    assert_string_not_equal(f->w.records[0].key, f->w.records[1].key);
    assert_false(f->w.records[0].alone);
    has(f->w.records[1].body, "\"status\":\"2\"");
}

static void an_answer_goes_alone(void **state)
{
    struct fixture *f = *state;

    begin(f);
    has(call(f, "DongBoTrangThaiHoSo",
             ",\"type\":\"2\",\"data\":{\"MaHoSo\":\"G22.99-251118-020175\",\"NgayXuLy\":"
             "\"20251118101500\",\"TrangThai\":\"2\",\"NoiDung\":\"Đã nhận\",\"MaHoSoDonVi\":"
             "\"H56.05-251118-0012\",\"TaiLieuXuLy\":[]}"),
        "\"error_code\":0");
    assert_int_equal(f->w.n_records, 1);
    assert_true(f->w.records[0].alone);
    assert_int_equal(f->w.records[0].at_s, 1763435700);
    has(f->w.records[0].body, "\\\"MaHoSoDonVi\\\":\\\"H56.05-251118-0012\\\"");
    has(call(f, "DongBoTrangThaiHoSo", ",\"type\":\"1\",\"data\":{}"), "type");
    has(call(f, "DongBoTrangThaiHoSo",
             ",\"type\":2,\"data\":{\"MaHoSo\":\"G22.99-251118-020175\",\"TrangThai\":2}"),
        "NgayXuLy");
    assert_int_equal(f->w.n_records, 1);
}

static void a_fault_refuses_the_whole_call_and_names_the_place(void **state)
{
    static const char *const rows[][2] = {
        {"[]", "data"},
        {"\"x\"", "data"},
        {"[" DOSSIER ",{\"MaHoSo\":\"x\",\"MaTTHC\":\"1.001193\",\"TrangThaiHoSo\":1}]",
         "data[1]: MaHoSo"},
        {"[" DOSSIER ",7]", "data[1]"},
        {"[{\"MaHoSo\":\"H56-251118-0007\",\"TrangThaiHoSo\":1}]", "data[0]: MaTTHC"},
        {"[{\"MaHoSo\":\"H56-251118-0007\",\"MaTTHC\":\"1.001193\"}]", "data[0]: TrangThaiHoSo"},
        {"[{\"MaHoSo\":\"H56-251118-0007\",\"MaTTHC\":\"1.001193\",\"TrangThaiHoSo\":\"11\"}]",
         "data[0]: TrangThaiHoSo"},
        {"[{\"MaHoSo\":\"H56-251118-0007\",\"MaTTHC\":\"1.001193\",\"TrangThaiHoSo\":\"4\","
         "\"NgayTiepNhan\":\"20260230000000\"}]",
         "data[0]: NgayTiepNhan"},
        {"[{\"MaHoSo\":\"H56-251118-0007\",\"mahoso\":\"H56-251118-0008\",\"MaTTHC\":\"1.001193\","
         "\"TrangThaiHoSo\":4}]",
         "data[0]: MaHoSo"},
        {"[{\"MaHoSo\":\"H56-251118-0007\",\"MaTTHC\":[1],\"TrangThaiHoSo\":4}]",
         "data[0]: MaTTHC"},
        {"[{\"MaHoSo\":\"H56-251118-0007\",\"MaTTHC\":\"1.001193\",\"TrangThaiHoSo\":4,"
         "\"TaiLieuNop\":[{\"TepDinhKemId\":1},5]}]",
         "data[0]: TaiLieuNop[1]"},
    };
    struct fixture *f = *state;
    char rest[1024];

    begin(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *text;

        snprintf(rest, sizeof(rest), ",\"data\":%s", rows[i][0]);
        text = call(f, "DongBoHoSoMC", rest);
        has(text, "\"error_code\":-1");
        has(text, rows[i][1]);
        assert_int_equal(f->w.status, 200);
    }
    has(push_post(&f->w, "{\"session\":"), "JSON");
    has(push_post(&f->w, "[\"\\u0000\"]"), "JSON");
    has(push_post(&f->w, "7"), "\"error_code\":-1");
    has(push_post(&f->w, "{\"a\":1}"), "service");
    assert_int_equal(f->w.n_offers, 0);
}

static void other_pushing_services_are_refused_by_name(void **state)
{
    struct fixture *f = *state;
    const char *text;

    begin(f);
    text = call(f, "DongBoDanhGia", ",\"data\":[]");
    has(text, "\"error_code\":-1");
    has(text, "DongBoHoSoMC");
}

static void a_long_call_is_read_off_the_loop(void **state)
{
    struct fixture *f = *state;
    static char body[190000];
    size_t n = 0;

    begin(f);
    n += (size_t)snprintf(body, sizeof(body), ",\"data\":[");
    for (unsigned i = 0; i < 50; i++) {
        n += (size_t)snprintf(
            body + n, sizeof(body) - n,
            "%s{\"MaHoSo\":\"H56-251118-%04u\",\"MaTTHC\":\"1.001193\",\"TrangThaiHoSo\":\"4\","
            "\"TrichYeuHoSo\":\"%01500d\"}",
            i > 0 ? "," : "", i, 0);
    }
    snprintf(body + n, sizeof(body) - n, "]");
    has(call(f, "DongBoHoSoMC", body), "\"error_code\":0");
    assert_int_equal(f->w.n_records, 50);
}

/* Its body is nobody's: nothing was pushed, so nothing may be said of it. */
static void a_get_pushes_nothing_however_long_its_body(void **state)
{
    struct fixture *f = *state;
    static char body[100001];

    begin(f);
    memset(body, 'x', sizeof(body) - 1);
    (void)push_call(&f->w, "GET", "/bridge/DongBoHoSoMC", "", body);
    assert_int_equal(f->w.status, 404);
    assert_int_equal(f->w.n_offers, 0);
}

static void the_same_post_again_has_a_waiter_of_its_own_and_who_left_hurries(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    int n;

    f->w.settle = PUSH_IN_TIME;
    f->w.source->answer_timeout_ms = 60000;
    begin(f);
    log_in(f);
    n = snprintf(f->request, sizeof(f->request),
                 "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n"
                 "{\"session\":\"%s\",\"service\":\"DongBoHoSoMC\",\"data\":[" DOSSIER "]}",
                 strlen("{\"session\":\"\",\"service\":\"DongBoHoSoMC\",\"data\":[" DOSSIER "]}") +
                     strlen(f->session),
                 f->session);
    for (int i = 0; i < 2; i++) {
        fds[i] = push_dial(&f->w);
        push_put(fds[i], f->request, (size_t)n);
        push_turns(&f->w, 20);
    }
    assert_int_equal(f->w.n_offers, 2);
    assert_int_equal(f->w.n_hurried, 0);
    close(fds[0]);
    for (int i = 0; i < 1000 && f->w.n_hurried == 0; i++) {
        push_turns(&f->w, 1);
    }
    assert_int_equal(f->w.n_hurried, 1);
    push_world_unlisten(&f->w, f->a); /* the other is answered at the end */
    f->a->ops->free(f->a);
    f->a = NULL;
    assert_int_equal(f->w.n_hurried, 2);
    assert_true(push_get(&f->w, fds[1]));
    assert_int_equal(f->w.status, 200);
    close(fds[1]);
}

/* ---- looking up ---- */

static void a_look_up_never_shows_what_was_not_delivered(void **state)
{
    static const struct {
        struct adapter_ask answer;
        const char *expected;
    } rows[] = {
        {{.known = true, .acknowledged = true, .acked_status = 4, .status = 9},
         "\"result\":[{\"MaHoSo\":\"H56-251118-0007\",\"TrangThaiHoSo\":\"4\"}]"},
        {{.known = true, .status = 4}, "\"result\":[]"},
        {{.there = LOOKUP_THERE, .there_status = 2}, "\"TrangThaiHoSo\":\"2\""},
        {{.there = LOOKUP_THERE}, "\"result\":[{\"MaHoSo\":\"H56-251118-0007\"}]"},
        {{.there = LOOKUP_ABSENT}, "{\"error_code\":0,\"result\":[]}"},
        {{.there = LOOKUP_UNKNOWN}, "\"error_code\":-1"},
        {{.there = LOOKUP_REFUSED}, "\"error_code\":-1"},
    };
    struct fixture *f = *state;

    begin(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        f->w.answer = rows[i].answer;
        has(call(f, "TraCuuHoSo", ",\"mahoso\":\"H56-251118-0007\""), rows[i].expected);
        assert_string_equal(f->w.asked, "H56-251118-0007");
    }
    has(call(f, "TraCuuHoSo", ""), "mahoso");
}

/* ---- reading services ---- */

#define REPLY "{\"error_code\":0,\"result\":[{\"MATTHC\":\"1.001193\"}]}"

static uint64_t note(struct fixture *f, const char *name)
{
    struct adapter_note notes[ADAPTER_NOTES_MAX];
    size_t n = f->a->ops->notes(f->a, notes);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(notes[i].name, name) == 0) {
            return notes[i].value;
        }
    }
    fail_msg("no note %s", name);
    return 0;
}

/* A disk that does not answer: the client is told in time, nothing stays behind. */
static void who_can_not_be_stored_in_time_is_told_to_come_again(void **state)
{
    struct fixture *f = *state;

    f->w.source->answer_timeout_ms = 30;
    f->w.commit_ms = 120;
    begin(f);
    has(call(f, "DongBoHoSoMC", ",\"data\":[" DOSSIER "]"), "gửi lại sau");
    assert_int_equal(f->w.status, 503);
    assert_int_equal(f->w.n_hurried, 0);
    push_turns(&f->w, 200); /* stored after all: nobody waits for the portal */
    assert_int_equal(f->w.n_hurried, 1);
    f->w.offer_err = ERR_CANCELED;
    has(call(f, "DongBoHoSoMC", ",\"data\":[" DOSSIER "]"), "gửi lại sau");
    push_turns(&f->w, 200);
    assert_int_equal(note(f, "waiting"), 0);
}

static void a_reading_service_is_relayed_and_kept(void **state)
{
    struct fixture *f = *state;

    f->w.relay_reply = REPLY;
    begin(f);
    assert_string_equal(call(f, "LayThuTuc", ",\"maTTHC\":\"1.001193\""), REPLY);
    assert_string_equal(f->w.service, "LayThuTuc");
    assert_string_equal(f->w.request, "{\"maTTHC\":\"1.001193\"}");
    assert_string_equal(call(f, "LayThuTuc", ",\"maTTHC\":\"1.001193\""), REPLY);
    assert_int_equal(f->w.n_relays, 1);
    (void)call(f, "LayThuTuc", ",\"maTTHC\":\"2.000815\"");
    assert_int_equal(f->w.n_relays, 2);
    f->w.relay_reply = "{\"error_code\":-1,\"message\":\"Lỗi\"}";
    has(call(f, "LayDVC", ""), "Lỗi");
    has(call(f, "LayDVC", ""), "Lỗi");
    assert_int_equal(f->w.n_relays, 4); /* a refusal is not kept */
    assert_int_equal(note(f, "stale_answers"), 0);
}

static void what_is_about_a_person_is_never_kept(void **state)
{
    struct fixture *f = *state;

    f->w.relay_reply = "{\"error_code\":0,\"result\":[{\"TECHNICALID\":\"x\"}]}";
    begin(f);
    (void)call(f, "TraCuuTechID", ",\"mstorcmnd\":\"000099000123\"");
    (void)call(f, "TraCuuTechID", ",\"mstorcmnd\":\"000099000123\"");
    assert_int_equal(f->w.n_relays, 2);
    assert_int_equal(note(f, "cache_bytes"), 0);
    (void)call(f, "LayDanhSachHoiDapGuiTuDVCQG", ""); /* citizens' questions */
    (void)call(f, "LayDanhSachHoiDapGuiTuDVCQG", "");
    assert_int_equal(f->w.n_relays, 4);
    assert_int_equal(note(f, "cache_bytes"), 0);
    f->w.relay_err = ERR_REMOTE;
    has(call(f, "TraCuuTechID", ",\"mstorcmnd\":\"000099000123\""), "\"error_code\":-1");
}

static void the_same_question_at_the_same_time_is_one_call(void **state)
{
    struct fixture *f = *state;
    int fds[3];
    int n;

    f->w.relay_reply = REPLY;
    f->w.relay_waits = true;
    begin(f);
    n = snprintf(f->request, sizeof(f->request),
                 "GET /KetNoi/LayThuTuc?maTTHC=1.001193 HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        fds[i] = push_dial(&f->w);
        push_put(fds[i], f->request, (size_t)n);
    }
    push_turns(&f->w, 30);
    assert_int_equal(f->w.n_relays, 1);
    push_world_relay(&f->w);
    for (int i = 0; i < 3; i++) {
        assert_true(push_get(&f->w, fds[i]));
        assert_string_equal(f->w.answer_text, REPLY);
        close(fds[i]);
    }
}

static void an_end_answers_who_waits_for_a_reading_service(void **state)
{
    struct fixture *f = *state;
    static const char get[] = "GET /LayDVC HTTP/1.1\r\nHost: x\r\n\r\n";
    bool stopped = false;
    int fd;

    f->w.relay_err = ERR_CANCELED;
    f->w.relay_waits = true;
    begin(f);
    fd = push_dial(&f->w);
    push_put(fd, get, strlen(get));
    push_turns(&f->w, 20);
    f->w.stopped = stopped;
    push_world_relay(&f->w); /* the engine ends it while the gateway stops */
    push_world_unlisten(&f->w, f->a);
    f->a->ops->free(f->a);
    f->a = NULL;
    assert_true(push_get(&f->w, fd));
    close(fd);
}

static void without_the_portal_the_cache_and_then_the_mirror_answer(void **state)
{
    static const char *const names[] = {"Đăng ký khai sinh", "Khai sinh trực tuyến", "Hộ tịch",
                                        "UBND"};
    struct fixture *f = *state;
    struct record rows[4];
    struct arena arena;
    struct errmsg msg = {0};
    struct procedure p;
    const struct catalog_row catalog[] = {
        {"1.001193.01", names[1], "1.001193", "Bộ Tư pháp"},
        {"G15-HT04", names[2], "G15", ""},
        {"H56", names[3], "", "1"},
    };

    arena_init(&arena, 1 << 20);
    procedure_init(&p);
    p.code = "1.001193";
    p.name = names[0];
    p.status = "1";
    p.publisher = "G15";
    p.sector_code = "G15-HT04";
    assert_int_equal(record_from_procedure(&p, &arena, &rows[0], &msg), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(record_from_row(i == 0   ? RECORD_SERVICE
                                         : i == 1 ? RECORD_SECTOR
                                                  : RECORD_AGENCY,
                                         &catalog[i], &arena, &rows[i + 1], &msg),
                         0);
    }
    f->w.rows = rows;
    f->w.row_names = names;
    f->w.n_rows = 4;
    f->w.source->cache_for_ms = 0; /* nothing is fresh */
    f->w.relay_reply = REPLY;
    begin(f);
    (void)call(f, "LayDanhMucGioiTinh", "");
    f->w.relay_err = ERR_REMOTE;
    assert_string_equal(call(f, "LayDanhMucGioiTinh", ""), REPLY);
    assert_int_equal(note(f, "stale_answers"), 1);
    assert_string_equal(call(f, "LayDanhSachTTHC", ""),
                        "{\"error_code\":0,\"result\":[{\"MATTHC\":\"1.001193\",\"TENTTHC\":"
                        "\"Đăng ký khai sinh\"}]}");
    has(call(f, "LayThuTuc", ",\"maTTHC\":\"1.001193\""),
        "\"TRANGTHAI\":\"1\",\"MACOQUANCONGBO\":\"G15\"");
    has(f->w.answer_text, "\"LINHVUCTHUCHIEN\":[{\"MALINHVUC\":\"G15-HT04\"");
    has(call(f, "LayDVC", ""),
        "{\"error_code\":0,\"result\":{\"data\":[{\"MADVC\":\"1.001193.01\"");
    has(call(f, "LayDanhMucCoQuan", ""), "\"CAPDONVI\":\"1\"");
    has(call(f, "LayDanhMucLinhVuc", ""), "\"MANGANH\":\"G15\"");
    assert_int_equal(note(f, "stale_answers"), 6);
    has(call(f, "LayThuTuc", ",\"maTTHC\":\"9.999999\""), "\"error_code\":-1");
    has(call(f, "LayDanhMucTonGiao", ""), "\"error_code\":-1");
    assert_int_equal(note(f, "stale_answers"), 6);
    arena_free(&arena);
}

/* ---- the form of bridges ---- */

static void a_bare_array_needs_no_session(void **state)
{
    struct fixture *f = *state;

    begin(f);
    has(push_call(&f->w, "POST",
                  "/test/api/SynsTTHCC/DongBoHoSoMC?MaDinhDanhDV=000.00.01.H56&isUpdating=True", "",
                  "[" DOSSIER "]"),
        "\"error_code\":0");
    has(push_call(&f->w, "POST", "/api/CapNhatTienDoHoSoMC?MaDinhDanhDV=H56", "",
                  "[" STEP("20251118093000") "]"),
        "\"error_code\":0");
    assert_int_equal(f->w.n_records, 2);
    has(push_call(&f->w, "POST", "/api/KhongCo", "", "[" DOSSIER "]"), "\"error_code\":-1");
    (void)push_call(&f->w, "GET", "/api/DongBoHoSoMC", "", "");
    assert_int_equal(f->w.status, 404);
    (void)push_call(&f->w, "DELETE", "/api/DongBoHoSoMC", "", "");
    assert_int_equal(f->w.status, 405);
}

static void a_bridge_with_accounts_asks_for_one(void **state)
{
    static const char *const good[] = {"Authorization: Basic bW90LWN1YTptYXQta2hhdQ==\r\n",
                                       "Authorization: Bearer mat-khau\r\n"};
    static const char *const bad[] = {"",
                                      "Authorization: Basic bW90LWN1YTptYXQ=\r\n",
                                      "Authorization: Basic ???\r\n",
                                      "Authorization: Basic bW90LWN1YQ==\r\n",
                                      "Authorization: Bearer mot-cua\r\n",
                                      "Authorization: Digest x\r\n"};
    struct fixture *f = *state;
    char path[128];

    f->w.source->accounts_file = push_world_file(&f->w, "accounts", "mot-cua:mat-khau\n", path);
    begin(f);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        has(push_call(&f->w, "POST", "/DongBoHoSoMC", good[i], "[" DOSSIER "]"),
            "\"error_code\":0");
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)push_call(&f->w, "POST", "/DongBoHoSoMC", bad[i], "[" DOSSIER "]");
        assert_int_equal(f->w.status, 401);
    }
    assert_int_equal(note(f, "logins_refused"), 6);
    assert_int_equal(f->w.n_offers, 2);
}

/* ---- configuration ---- */

static void unusable_keys_are_configuration_errors(void **state)
{
    struct fixture *f = *state;
    struct config_source good = *f->w.source;
    struct config_source *s = f->w.source;
    struct errmsg msg = {0};
    struct adapter *a;
    char path[128];

#define REFUSED(part)                                                                              \
    do {                                                                                           \
        assert_int_equal(gateway_open(&f->w.env, s, &a, &msg), ERR_CONFIG);                        \
        has(msg.text, part);                                                                       \
        *s = good;                                                                                 \
    } while (0)
    s->listen = "cua.tinh.vn:80";
    REFUSED("listen");
    s->listen = "10.0.0.1:8080";
    REFUSED("tls_certificate_file");
    s->allow.items[0] = "10.0.0.1/8";
    s->allow.n = 1;
    REFUSED("allow");
    s->accounts_file = push_world_file(&f->w, "accounts", "no colon\n", path);
    REFUSED("user:password");
    s->accounts_file = "/nonexistent/accounts";
    REFUSED("accounts");
    s->tls_certificate_file = "/nonexistent/cert";
    REFUSED("/nonexistent/cert");
    s->tls_certificate_file = push_world_file(&f->w, "cert", "no PEM", path);
    REFUSED("tls_key");
    s->listen = "10.0.0.1:8080";
    s->allow_plaintext = true;
    assert_int_equal(gateway_open(&f->w.env, s, &a, &msg), 0);
    a->ops->free(a);
    *s = good;
}

static void a_reload_changes_accounts_and_the_place(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg = {0};
    char path[128];
    uint16_t before;

    begin(f);
    log_in(f);
    f->w.source->accounts_file = push_world_file(&f->w, "accounts", "khac:bi-mat\n", path);
    assert_int_equal(f->a->ops->reconfigure(f->a, &f->w.config, &msg), 0);
    has(call(f, "TraCuuHoSo", ",\"mahoso\":\"x\""), "đăng nhập lại");
    f->w.source->allow.items[0] = "10.9.9.9/40";
    f->w.source->allow.n = 1;
    assert_int_equal(f->a->ops->reconfigure(f->a, &f->w.config, &msg), ERR_CONFIG);
    f->w.source->allow.n = 0;
    before = f->w.port;
    f->w.source->body_limit_bytes = 2000;
    assert_int_equal(f->a->ops->reconfigure(f->a, &f->w.config, &msg), 0);
    for (int i = 0; i < 1000 && f->w.port == before; i++) {
        push_turns(&f->w, 1);
    }
    (void)push_call(&f->w, "POST", "/x/DongBoHoSoMC", "Authorization: Bearer bi-mat\r\n",
                    "[" DOSSIER "]");
    assert_int_equal(f->w.status, 200);
}

static void an_address_that_is_not_allowed_gets_nothing(void **state)
{
    struct fixture *f = *state;
    char sink[16];
    int fd;

    f->w.source->allow.items[0] = "10.1.0.0/16";
    f->w.source->allow.n = 1;
    begin(f);
    fd = push_dial(&f->w);
    for (int i = 0; i < 1000 && recv(fd, sink, sizeof(sink), MSG_DONTWAIT) < 0 && errno == EAGAIN;
         i++) {
        push_turns(&f->w, 1);
    }
    assert_int_equal(recv(fd, sink, sizeof(sink), MSG_DONTWAIT), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_wrong_password_gets_no_session),
        T(a_call_without_a_good_session_must_log_in_again),
        T(the_portals_own_answer_is_handed_on),
        T(what_only_waits_is_never_called_done),
        T(a_full_house_says_come_again),
        T(who_can_not_be_stored_in_time_is_told_to_come_again),
        T(steps_of_several_dossiers_come_in_one_call),
        T(an_answer_goes_alone),
        T(a_fault_refuses_the_whole_call_and_names_the_place),
        T(other_pushing_services_are_refused_by_name),
        T(a_long_call_is_read_off_the_loop),
        T(a_get_pushes_nothing_however_long_its_body),
        T(the_same_post_again_has_a_waiter_of_its_own_and_who_left_hurries),
        T(a_look_up_never_shows_what_was_not_delivered),
        T(a_reading_service_is_relayed_and_kept),
        T(what_is_about_a_person_is_never_kept),
        T(the_same_question_at_the_same_time_is_one_call),
        T(an_end_answers_who_waits_for_a_reading_service),
        T(without_the_portal_the_cache_and_then_the_mirror_answer),
        T(a_bare_array_needs_no_session),
        T(a_bridge_with_accounts_asks_for_one),
        T(unusable_keys_are_configuration_errors),
        T(a_reload_changes_accounts_and_the_place),
        T(an_address_that_is_not_allowed_gets_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
