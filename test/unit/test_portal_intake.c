#include "adapter/portal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/record.h"
#include "domain/vntime.h"
#include "lib/fake_portal.h"

#define FIRST "G22.99-251118-020175"
#define SECOND "G22.99-251118-020176"
#define IDS 3

struct fixture {
    struct fake_portal peer;
    struct adapter *portal;
    struct arena arena;
    struct adapter_poll poll;
    char cursor[64];
    char ids[2][64]; /* of the last poll: the first and the last */
    uint8_t hash[RECORD_HASH_BYTES];
    size_t n_rows;
    struct adapter_detail detail;
    struct dossier dossier; /* of the last detail */
    struct adapter_ack ack;
    struct adapter_relay relay;
    char reply[256];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct errmsg msg = {0};

    assert_non_null(f);
    fake_portal_open(&f->peer);
    assert_int_equal(portal_open(&f->peer.env, &f->portal, &msg), 0);
    arena_init(&f->arena, 64u << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    f->portal->ops->free(f->portal);
    fake_portal_close(&f->peer);
    arena_free(&f->arena);
    free(f);
    return 0;
}

static void answer(struct fixture *f, const char *body)
{
    if (fake_portal_logins(&f->peer) == 0 ||
        strstr(fake_portal_next(&f->peer)->url, "/mapi/login") != NULL) {
        fake_portal_login(&f->peer, "one");
    }
    fake_portal_answer(&f->peer, 200, body);
}

/* ---- list ---- */

static void poll_done(struct adapter_poll *poll)
{
    struct fixture *f = CONTAINER_OF(poll, struct fixture, poll);

    poll->impl = poll;
    f->n_rows = poll->n_rows;
    if (poll->n_rows > 0) {
        (void)snprintf(f->ids[0], sizeof(f->ids[0]), "%s", poll->rows[0].id);
        (void)snprintf(f->ids[1], sizeof(f->ids[1]), "%s", poll->rows[poll->n_rows - 1].id);
        memcpy(f->hash, poll->rows[0].hash, sizeof(f->hash));
    }
    (void)snprintf(f->cursor, sizeof(f->cursor), "%s",
                   poll->next_cursor != NULL ? poll->next_cursor : "");
}

static void poll(struct fixture *f, const char *cursor, const char *body)
{
    f->poll = (struct adapter_poll){.cursor = cursor, .done = poll_done};
    f->portal->ops->poll(f->portal, &f->poll);
    assert_null(f->poll.impl);
    fake_loop_settle(&f->peer.loop);
    answer(f, body);
    assert_non_null(f->poll.impl);
}

static void the_list_is_what_waits_for_us(void **state)
{
    struct fixture *f = *state;
    uint8_t before[RECORD_HASH_BYTES];

    poll(f, "",
         "{\"error_code\":0,\"result\":[{\"MaHoSo\":\"" FIRST "\",\"TrangThaiHoSo\":\"1\"},"
         "{\"MaHoSo\":\"" SECOND "\"}]}");
    assert_non_null(strstr(f->peer.calls[1].body,
                           "\"madonvi\":\"H56\",\"service\":\"LayDanhSachHoSo\","
                           "\"tuNgay\":\"20241120000000\",\"denNgay\":\"20251121235959\","
                           "\"trangThai\":\"\"}"));
    assert_int_equal(f->poll.err, 0);
    assert_int_equal(f->n_rows, 2);
    assert_string_equal(f->ids[0], FIRST);
    assert_string_equal(f->ids[1], SECOND);
    assert_string_equal(f->cursor, "");
    assert_false(f->poll.more);
    assert_true(f->poll.full_done);
    memcpy(before, f->hash, sizeof(before));
    poll(f, "",
         "{\"error_code\":0,\"result\":[{\"TrangThaiHoSo\":\"1\",\"MaHoSo\":\"" FIRST "\"}]}");
    assert_memory_equal(before, f->hash, sizeof(before)); /* the same row */
    poll(f, "",
         "{\"error_code\":0,\"result\":[{\"TrangThaiHoSo\":\"5\",\"MaHoSo\":\"" FIRST "\"}]}");
    assert_memory_not_equal(before, f->hash, sizeof(before));
}

static char *long_list(size_t n)
{
    char *body = malloc(64 + n * 40);
    size_t used;

    assert_non_null(body);
    used = (size_t)sprintf(body, "{\"error_code\":0,\"result\":{\"data\":[");
    for (size_t i = 0; i < n; i++) {
        used += (size_t)sprintf(body + used, "%s{\"MaHoSo\":\"G22.99-251118-%06zu\"}",
                                i > 0 ? "," : "", i);
    }
    (void)sprintf(body + used, "]}}");
    return body;
}

static void a_long_list_comes_in_pages(void **state)
{
    struct fixture *f = *state;
    char *body = long_list(1500);

    poll(f, "", body);
    assert_int_equal(f->n_rows, 1000);
    assert_true(f->poll.more);
    assert_false(f->poll.full_done);
    assert_string_equal(f->cursor, "G22.99-251118-000999");
    poll(f, "G22.99-251118-000999", body);
    assert_int_equal(f->n_rows, 500);
    assert_string_equal(f->ids[0], "G22.99-251118-001000");
    assert_false(f->poll.more);
    assert_true(f->poll.full_done);
    assert_string_equal(f->cursor, "0"); /* the next one begins at the front */
    poll(f, "0", body);
    assert_string_equal(f->ids[0], "G22.99-251118-000000");
    poll(f, "G22.99-251118-009999", body); /* acknowledged meanwhile */
    assert_string_equal(f->ids[0], "G22.99-251118-000000");
    free(body);
}

static void rows_without_a_code_are_passed_over_and_said(void **state)
{
    struct fixture *f = *state;

    poll(f, "", "{\"error_code\":0,\"result\":[{\"MaHoSo\":\"\"},7,{\"MaHoSo\":\"" FIRST "\"}]}");
    assert_int_equal(f->poll.err, 0);
    assert_int_equal(f->n_rows, 1);
    assert_non_null(strstr(f->peer.logged, "2 rows of LayDanhSachHoSo"));
}

static void a_list_that_is_none_proves_nothing(void **state)
{
    static const struct {
        const char *body;
        int err;
    } rows[] = {
        {"{\"error_code\":0}", ERR_FORMAT},
        {"{\"error_code\":0,\"result\":\"x\"}", ERR_FORMAT},
        {"{\"error_code\":-1,\"message\":\"Lỗi hệ thống\"}", ERR_REMOTE},
        {"{\"error_code\":-1,\"message\":\"Dịch vụ không tồn tại\"}", ERR_REMOTE},
        {"{\"error_code\":0,\"result\":[", ERR_REMOTE},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        poll(f, "", rows[i].body);
        assert_int_equal(f->poll.err, rows[i].err);
        assert_int_equal(f->n_rows, 0);
        assert_false(f->poll.full_done);
    }
    poll(f, "", "{\"error_code\":0,\"result\":[]}");
    assert_int_equal(f->poll.err, 0);
    assert_true(f->poll.full_done);
}

/* ---- detail ---- */

static void detail_done(struct adapter_detail *detail)
{
    struct fixture *f = CONTAINER_OF(detail, struct fixture, detail);
    struct errmsg msg = {0};

    detail->impl = detail;
    if (detail->err == 0) {
        assert_int_equal(detail->n_records, 1);
        assert_int_equal(record_to_dossier(detail->records[0].body, detail->records[0].body_len,
                                           &f->arena, &f->dossier, &msg),
                         0);
    }
}

static void detail(struct fixture *f, const char *body)
{
    f->detail = (struct adapter_detail){.kind = RECORD_DOSSIER, .id = FIRST, .done = detail_done};
    f->portal->ops->detail(f->portal, &f->detail);
    assert_null(f->detail.impl);
    fake_loop_settle(&f->peer.loop);
    answer(f, body);
    assert_non_null(f->detail.impl);
}

static void a_dossier_comes_with_all_that_it_holds(void **state)
{
    struct fixture *f = *state;
    int64_t submitted_s = 0;

    assert_int_equal(vntime_parse_portal("20251118081512", &submitted_s), 0);
    detail(
        f,
        "{\"error_code\":0,\"result\":[{\"MaHoSo\":\"" FIRST "\",\"MaTTHC\":\"1.001193\","
        "\"TrangThaiHoSo\":\"1\",\"ChuHoSo\":\"Lò Thị Thử\",\"Fax\":\"\",\"KhoaRieng\":{\"a\":1},"
        "\"NgayNopHoSo\":\"20251118081512\",\"TaiLieuNop\":[{\"TenTepDinhKem\":\"a.pdf\","
        "\"Base64\":\"JVBERi0=\"}]}]}");
    assert_non_null(
        strstr(f->peer.calls[1].body, "\"service\":\"LayHoSo\",\"mahoso\":\"" FIRST "\"}"));
    assert_int_equal(f->detail.err, 0);
    assert_string_equal(f->dossier.code, FIRST);
    assert_string_equal(f->dossier.status, "1");
    assert_string_equal(f->dossier.status_map, "national");
    assert_string_equal(f->dossier.entry, "1");
    assert_string_equal(f->dossier.procedure_code, "1.001193");
    assert_true(f->dossier.changed_s == submitted_s);
    assert_string_equal(f->dossier.extra, "{\"KhoaRieng\":{\"a\":1}}");
    assert_int_equal(f->dossier.n_files, 1);
    assert_string_equal(f->dossier.files[0].extra, "{\"Base64\":\"JVBERi0=\"}");
}

static void a_dossier_that_is_not_shown_is_gone_or_owed(void **state)
{
    static const struct {
        const char *body;
        int err;
    } rows[] = {
        {"{\"error_code\":0,\"result\":[]}", ERR_NOTFOUND},
        {"{\"error_code\":-1,\"message\":\"Hồ sơ không tồn tại\"}", ERR_NOTFOUND},
        {"{\"error_code\":0,\"result\":{\"MaHoSo\":\"" SECOND "\"}}", ERR_FORMAT},
        {"{\"error_code\":0,\"result\":{\"MaHoSo\":\"" FIRST "\",\"NgayNopHoSo\":\"18/11\"}}",
         ERR_FORMAT},
        {"{\"error_code\":0,\"result\":[7]}", ERR_FORMAT},
        {"{\"error_code\":-1,\"message\":\"Lỗi hệ thống\"}", ERR_REMOTE},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        detail(f, rows[i].body);
        if (f->detail.err != rows[i].err) {
            fail_msg("%s gave %d: %s", rows[i].body, f->detail.err, f->detail.why.text);
        }
        assert_int_equal(f->detail.n_records, 0);
    }
}

/* ---- ack ---- */

static void ack_done(struct adapter_ack *ack)
{
    ack->impl = ack;
}

static void start_ack(struct fixture *f, size_t n)
{
    static const char *const ids[IDS] = {FIRST, SECOND, "G22.99-251118-020177"};

    f->ack = (struct adapter_ack){.ids = ids, .n_ids = n, .done = ack_done};
    f->portal->ops->ack(f->portal, &f->ack);
    assert_null(f->ack.impl);
    fake_loop_settle(&f->peer.loop);
}

static void each_dossier_is_acknowledged_by_itself(void **state)
{
    struct fixture *f = *state;

    start_ack(f, 3);
    answer(f, "{\"error_code\":0,\"message\":\"\"}");
    assert_int_equal(fake_portal_waiting(&f->peer), 1); /* one after the other */
    assert_non_null(strstr(fake_portal_next(&f->peer)->body,
                           "\"service\":\"XacNhanHoSo\",\"maHoSo\":\"" SECOND
                           "\",\"daNhan\":true}"));
    answer(f, "{\"message\":\"Cập nhật thành công\"}"); /* without a code: section 10.2 */
    answer(f, "{\"error_code\":-1,\"message\":\"Hồ sơ không tồn tại\"}"); /* nothing waits there */
    assert_non_null(f->ack.impl);
    assert_int_equal(f->ack.err, 0);
}

static void a_refused_one_does_not_keep_the_others_back(void **state)
{
    struct fixture *f = *state;

    start_ack(f, 2);
    answer(f, "{\"error_code\":-1,\"message\":\"Lỗi hệ thống\"}");
    answer(f, "{\"error_code\":0,\"message\":\"Thành công\"}");
    assert_non_null(f->ack.impl);
    assert_int_equal(f->ack.err, ERR_REMOTE);
    assert_non_null(strstr(f->ack.why.text, "XacNhanHoSo"));
}

static void a_portal_that_is_away_is_not_asked_again_and_again(void **state)
{
    struct fixture *f = *state;

    start_ack(f, 3);
    fake_portal_login(&f->peer, "one");
    fake_portal_answer(&f->peer, 502, "");
    assert_non_null(f->ack.impl);
    assert_int_equal(f->ack.err, ERR_REMOTE);
    assert_int_equal(fake_portal_waiting(&f->peer), 0);
}

static void nothing_to_acknowledge_ends_too(void **state)
{
    struct fixture *f = *state;

    start_ack(f, 0);
    assert_non_null(f->ack.impl);
    assert_int_equal(f->ack.err, 0);
}

static void a_cancelled_acknowledgement_ends(void **state)
{
    struct fixture *f = *state;

    start_ack(f, 3);
    fake_portal_login(&f->peer, "one");
    f->portal->ops->cancel(f->portal);
    fake_loop_settle(&f->peer.loop);
    assert_non_null(f->ack.impl);
    assert_true(f->ack.err != 0);
    assert_int_equal(fake_portal_waiting(&f->peer), 0);
}

/* ---- relay ---- */

static void relay_done(struct adapter_relay *relay)
{
    struct fixture *f = CONTAINER_OF(relay, struct fixture, relay);

    relay->impl = relay;
    f->reply[0] = '\0';
    if (relay->reply != NULL) {
        (void)snprintf(f->reply, sizeof(f->reply), "%.*s", (int)relay->reply_len, relay->reply);
    }
}

static void start_relay(struct fixture *f, const char *service, const char *request)
{
    f->relay = (struct adapter_relay){.service = service, .request = request, .done = relay_done};
    f->portal->ops->relay(f->portal, &f->relay);
    assert_null(f->relay.impl);
    fake_loop_settle(&f->peer.loop);
}

static void a_relay_hands_on_what_the_portal_says(void **state)
{
    static const char refusal[] = "{ \"error_code\":\"-1\" , \"message\":\"Không có\"}";
    struct fixture *f = *state;

    start_relay(f, "LayDanhMucGioiTinh", "");
    answer(f, refusal);
    assert_non_null(f->relay.impl);
    assert_int_equal(f->relay.err, 0);
    assert_string_equal(f->reply, refusal); /* byte for byte */
    assert_non_null(strstr(f->peer.calls[1].url, "/mapi/share"));
    assert_non_null(
        strstr(f->peer.calls[1].body, "\"madonvi\":\"H56\",\"service\":\"LayDanhMucGioiTinh\"}"));
    assert_int_equal(f->peer.calls[1].response_bytes, 8u << 20);
    start_relay(f, "LayThuTuc",
                "{\"session\":\"theirs\",\"service\":\"Other\",\"madonvi\":\"H22\","
                "\"maTTHC\":\"1.001193\",\"a\":[1]}");
    assert_non_null(strstr(fake_portal_next(&f->peer)->url, "/mapi/integration"));
    assert_string_equal(fake_portal_next(&f->peer)->body,
                        "{\"session\":\"one\",\"madonvi\":\"H22\",\"service\":\"LayThuTuc\","
                        "\"maTTHC\":\"1.001193\",\"a\":[1]}");
    answer(f, "{\"error_code\":0,\"result\":[]}");
    assert_int_equal(f->relay.err, 0);
}

static void a_relay_without_an_answer_says_so(void **state)
{
    static const struct {
        long status;
        const char *body;
    } rows[] = {{200, "{\"error_code\":0"}, {200, ""}, {500, "{\"error_code\":0}"}};
    struct fixture *f = *state;

    start_relay(f, "LayDVC", "{}");
    answer(f, "{\"error_code\":0,\"result\":[]}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start_relay(f, "LayDVC", "{}");
        fake_portal_answer(&f->peer, rows[i].status, rows[i].body);
        /* Not ERR_REMOTE: a client's odd question must not open the breaker for all. */
        assert_int_equal(f->relay.err, ERR_FORMAT);
        assert_null(f->relay.reply);
    }
    start_relay(f, "LayDVC", "{}");
    fake_portal_fail(&f->peer, HTTP_NOT_SENT, 7);
    assert_int_equal(f->relay.err, ERR_REMOTE);
}

static void a_relay_renews_its_session(void **state)
{
    static const char expired[] = "{\"error_code\":-1,\"message\":\"Phiên làm việc không hợp lệ\"}";
    struct fixture *f = *state;

    start_relay(f, "LayDVC", "{}");
    answer(f, expired);
    fake_portal_login(&f->peer, "two");
    fake_portal_answer(&f->peer, 200, "{\"error_code\":0,\"result\":[]}");
    assert_int_equal(f->relay.err, 0);
    start_relay(f, "LayDVC", "{}");
    fake_portal_answer(&f->peer, 200, expired);
    fake_portal_login(&f->peer, "three");
    fake_portal_answer(&f->peer, 200, expired);
    assert_int_equal(f->relay.err, ERR_DENIED);
}

static void only_reading_services_are_relayed(void **state)
{
    static const char *const wrong[] = {"DongBoHoSoMC", "CapNhatTienDoHoSoMC", "XacNhanHoSo", ""};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        start_relay(f, wrong[i], "{}");
        assert_non_null(f->relay.impl);
        assert_int_equal(f->relay.err, ERR_DENIED);
    }
    start_relay(f, "LayDVC", "[]");
    assert_int_equal(f->relay.err, ERR_FORMAT);
    assert_int_equal(f->peer.n_calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_list_is_what_waits_for_us),
        TEST(a_long_list_comes_in_pages),
        TEST(rows_without_a_code_are_passed_over_and_said),
        TEST(a_list_that_is_none_proves_nothing),
        TEST(a_dossier_comes_with_all_that_it_holds),
        TEST(a_dossier_that_is_not_shown_is_gone_or_owed),
        TEST(each_dossier_is_acknowledged_by_itself),
        TEST(a_refused_one_does_not_keep_the_others_back),
        TEST(a_portal_that_is_away_is_not_asked_again_and_again),
        TEST(nothing_to_acknowledge_ends_too),
        TEST(a_cancelled_acknowledgement_ends),
        TEST(a_relay_hands_on_what_the_portal_says),
        TEST(a_relay_without_an_answer_says_so),
        TEST(a_relay_renews_its_session),
        TEST(only_reading_services_are_relayed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
