#include "adapter/portal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "codec/record.h"
#include "domain/vntime.h"
#include "lib/fake_portal.h"

#define SUCCESS "{\"error_code\":0,\"message\":\"Đồng bộ hồ sơ thành công\"}"
#define BASE "https://adapter.example.vn/forward/mapi/integration/"
#define DOSSIERS 6

struct fixture {
    struct fake_portal peer;
    struct adapter *portal;
    struct arena arena;
    struct record records[DOSSIERS];
    struct adapter_sent sent[DOSSIERS];
    struct adapter_send send;
    struct adapter_lookup lookup;
    struct adapter_list list;
    struct adapter_relay relay;
    char reply[256];
    unsigned ended;
    size_t rows;
};

static int64_t at(const char *text)
{
    int64_t at_s = 0;

    assert_int_equal(vntime_parse_portal(text, &at_s), 0);
    return at_s;
}

/* Number 2 has a status that no map knows. */
static void make_dossiers(struct fixture *f)
{
    for (size_t i = 0; i < DOSSIERS; i++) {
        struct errmsg msg = {0};
        struct dossier d;
        char code[32];

        (void)snprintf(code, sizeof(code), "H56.31.25-251118-%04zu", i);
        dossier_init(&d);
        d.code = code;
        d.procedure_code = "1.001193";
        d.status = i == 2 ? "mystery" : "receiving";
        d.received_s = at("20251118093000");
        d.changed_s = d.received_s;
        assert_int_equal(record_from_dossier(&d, &f->arena, &f->records[i], &msg), 0);
    }
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct errmsg msg = {0};

    assert_non_null(f);
    fake_portal_open(&f->peer);
    f->peer.config.portal.transport = "bridge";
    f->peer.config.portal.batch = 50;
    assert_int_equal(portal_open(&f->peer.env, &f->portal, &msg), 0);
    arena_init(&f->arena, 64u << 20);
    make_dossiers(f);
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

static void with_token(struct fixture *f)
{
    struct config *c = &f->peer.config;
    struct errmsg msg = {0};

    c->portal.bridge_token_file = f->peer.password_path;
    assert_int_equal(f->portal->ops->reconfigure(f->portal, c, &msg), 0);
}

static void send_done(struct adapter_send *send)
{
    struct fixture *f = CONTAINER_OF(send, struct fixture, send);

    f->ended++;
}

static void start_send(struct fixture *f, size_t first, size_t n, bool updating)
{
    f->ended = 0;
    memset(f->sent, 0, sizeof(f->sent));
    memset(&f->send, 0, sizeof(f->send));
    f->send.kind = f->records[first].kind;
    f->send.code = f->records[first].code;
    f->send.updating = updating;
    f->send.records = &f->records[first];
    f->send.n_records = n;
    f->send.sent = f->sent;
    f->send.done = send_done;
    f->portal->ops->send(f->portal, &f->send);
    assert_int_equal(f->ended, 0); /* never from inside the call */
    fake_loop_settle(&f->peer.loop);
}

static struct outcome push(struct fixture *f, size_t first, size_t n, const char *reply)
{
    start_send(f, first, n, false);
    fake_portal_answer(&f->peer, 200, reply);
    assert_int_equal(f->ended, 1);
    return f->send.outcome;
}

static void a_push_is_a_bare_array_without_a_login(void **state)
{
    struct fixture *f = *state;
    const struct fake_portal_call *call;

    start_send(f, 0, 1, true);
    call = fake_portal_next(&f->peer);
    assert_string_equal(call->method, "POST");
    assert_string_equal(call->url, BASE "DongBoHoSoMC?MaDinhDanhDV=H56&isUpdating=True");
    assert_int_equal(strncmp(call->body, "[{\"MaHoSo\":\"H56.31.25-251118-0000\"", 34), 0);
    assert_string_equal(call->body + strlen(call->body) - 2, "}]");
    assert_null(strstr(call->body, "session"));
    assert_null(call->authorization);
    fake_portal_answer(&f->peer, 200, SUCCESS);
    assert_int_equal(f->send.outcome.class, OUTCOME_DONE);
    assert_int_equal(f->send.outcome.status, 2);
    assert_true(f->send.outcome.has_content);
    assert_int_equal(fake_portal_logins(&f->peer), 0);
}

static void a_batch_says_of_each_record_what_was_sent(void **state)
{
    struct fixture *f = *state;
    struct adapter_check check = {.record = &f->records[1]};
    struct errmsg msg = {0};
    struct json *root = NULL;
    const char *body;

    assert_int_equal(f->portal->batch, 50);
    start_send(f, 0, 4, false);
    body = fake_portal_next(&f->peer)->body;
    assert_int_equal(json_parse(body, strlen(body), &root, &msg), 0);
    assert_int_equal(json_size(root), 3); /* the unmapped one was left out */
    assert_null(strstr(body, "H56.31.25-251118-0002"));
    json_free(root);
    fake_portal_answer(&f->peer, 200, SUCCESS);
    assert_int_equal(f->send.outcome.class, OUTCOME_DONE);
    assert_false(f->send.outcome.has_content);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(f->sent[i].hold, i == 2 ? HOLD_UNMAPPED_STATUS : HOLD_NONE);
        assert_int_equal(f->sent[i].status, i == 2 ? 0 : 2);
        assert_int_equal(f->sent[i].has_content, i != 2);
    }
    assert_non_null(strstr(f->sent[2].reason, "mystery"));
    f->portal->ops->check(f->portal, &check);
    assert_memory_equal(f->sent[1].content, check.held_hash, RECORD_HASH_BYTES);
}

static void a_batch_of_held_records_is_not_sent(void **state)
{
    struct fixture *f = *state;

    f->records[0] = f->records[2];
    f->records[1] = f->records[2];
    start_send(f, 0, 3, false);
    assert_int_equal(f->ended, 1);
    assert_int_equal(fake_portal_waiting(&f->peer), 0);
    assert_int_equal(f->send.outcome.class, OUTCOME_HELD);
    assert_int_equal(f->send.outcome.hold, HOLD_UNMAPPED_STATUS);
    assert_int_equal(f->sent[1].hold, HOLD_UNMAPPED_STATUS);
}

/* A note of n characters of three bytes each. */
static void make_large(struct fixture *f, size_t i, size_t n_files)
{
    struct dossier_file *files = arena_alloc(&f->arena, n_files * sizeof(*files));
    char *name = arena_alloc(&f->arena, 3901);
    struct errmsg msg = {0};
    struct dossier d;

    assert_non_null(files);
    assert_non_null(name);
    memset(name, 'x', 3900);
    for (size_t k = 0; k < n_files; k++) {
        files[k] = (struct dossier_file){"1", name, "", "", "", ""};
    }
    dossier_init(&d);
    d.code = "H56.31.25-251118-0001";
    d.procedure_code = "1.001193";
    d.status = "receiving";
    d.received_s = at("20251118093000");
    d.files = files;
    d.n_files = n_files;
    assert_int_equal(record_from_dossier(&d, &f->arena, &f->records[i], &msg), 0);
}

static void one_that_is_too_large_does_not_keep_the_others(void **state)
{
    struct fixture *f = *state;

    make_large(f, 1, 262); /* under a record's limit, over a call's with its keys */
    assert_int_equal(push(f, 0, 2, SUCCESS).class, OUTCOME_DONE);
    assert_int_equal(f->sent[0].hold, HOLD_NONE);
    assert_int_equal(f->sent[1].hold, HOLD_INVALID);
    assert_non_null(strstr(f->sent[1].reason, "larger"));
}

static void steps_and_answers_have_paths_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg = {0};
    struct step s;

    step_init(&s);
    s.code = FAKE_PORTAL_DOSSIER;
    s.key = "1";
    s.actor = "Trần Thị Thử";
    s.text = "Tiếp nhận";
    s.status = "receiving";
    s.at_s = at("20251118093000");
    assert_int_equal(record_from_step(&s, &f->arena, &f->records[0], &msg), 0);
    start_send(f, 0, 1, false);
    assert_string_equal(fake_portal_next(&f->peer)->url,
                        BASE "CapNhatTienDoHoSoMC?MaDinhDanhDV=H56");
    assert_int_equal(strncmp(fake_portal_next(&f->peer)->body, "[{\"MaHoSo\"", 10), 0);
    fake_portal_answer(&f->peer, 200, SUCCESS);
    s.answer = "{\"MaHoSo\":\"" FAKE_PORTAL_DOSSIER "\",\"MaHoSoDonVi\":\"1\",\"TrangThai\":\"5\","
               "\"NgayXuLy\":\"20251118101500\"}";
    assert_int_equal(record_from_step(&s, &f->arena, &f->records[0], &msg), 0);
    start_send(f, 0, 1, false);
    assert_string_equal(fake_portal_next(&f->peer)->url,
                        BASE "DongBoTrangThaiHoSoKM?MaDinhDanhDV=H56");
    assert_string_equal(fake_portal_next(&f->peer)->body, s.answer);
    fake_portal_answer(&f->peer, 200, SUCCESS);
    assert_int_equal(f->send.outcome.class, OUTCOME_DONE);
}

static void replies_of_bridges_are_judged_by_text_when_they_have_no_code(void **state)
{
    static const struct {
        const char *reply;
        enum outcome_class class;
    } rows[] = {
        {"{\"message\":\"{\\\"error_code\\\":\\\"0\\\",\\\"message\\\":\\\"Thành công\\\"}\"}",
         OUTCOME_DONE},
        {"{\"message\":\"Đồng bộ hồ sơ thành công\"}", OUTCOME_DONE},
        {"{\"message\":\"Hồ sơ đã tồn tại\"}", OUTCOME_EXISTS},
        {"{\"message\":\"Đã nhận\"}", OUTCOME_UNSURE},
        {"{\"message\":\"Đồng bộ không thành công\"}", OUTCOME_UNSURE},
        {"{}", OUTCOME_UNSURE},
        {"[]", OUTCOME_UNSURE},
        {"{\"message\":\"{\\\"error_code\\\":\\\"-1\\\"", OUTCOME_UNSURE},
        {"{\"error_code\":-1,\"message\":\"Mã TTHC không hợp lệ\"}", OUTCOME_PERMANENT},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct outcome o = push(f, 0, 1, rows[i].reply);

        if (o.class != rows[i].class) {
            fail_msg("%s gave %s", rows[i].reply, outcome_name(o.class));
        }
    }
}

static void a_token_is_sent_and_read_again_when_it_is_refused(void **state)
{
    struct fixture *f = *state;

    with_token(f);
    fake_portal_set_password(&f->peer, "token-one\n");
    start_send(f, 0, 1, false);
    assert_string_equal(fake_portal_next(&f->peer)->authorization, "Bearer token-one");
    fake_portal_set_password(&f->peer, "token-two");
    fake_portal_answer(&f->peer, 401, "");
    assert_int_equal(f->ended, 0);
    assert_string_equal(fake_portal_next(&f->peer)->authorization, "Bearer token-two");
    fake_portal_answer(&f->peer, 401, "");
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->send.outcome.class, OUTCOME_AUTH);
    assert_null(strstr(f->peer.logged, "token-one"));
    assert_null(strstr(f->peer.logged, "token-two"));
}

static void a_token_that_can_not_be_read_pauses_the_endpoint(void **state)
{
    static const char *const wrong[] = {"", "two words", "line\nend"};
    struct fixture *f = *state;

    with_token(f);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        fake_portal_set_password(&f->peer, wrong[i]);
        start_send(f, 0, 1, false);
        assert_int_equal(f->ended, 1);
        assert_int_equal(f->send.outcome.class, OUTCOME_LOGIN);
        assert_true(f->send.outcome.transport);
        assert_true(wrong[i][0] == '\0' || strstr(f->send.outcome.words, wrong[i]) == NULL);
    }
}

static void lookup_done(struct adapter_lookup *lookup)
{
    lookup->impl = lookup;
}

static void a_lookup_is_asked_only_where_the_bridge_passes_it_on(void **state)
{
    struct fixture *f = *state;
    struct config other = f->peer.config;
    struct errmsg msg = {0};

    assert_int_equal(f->portal->caps & (ADAPTER_LOOKUP | ADAPTER_ACK), 0);
    other.portal.bridge_lookup = true;
    assert_int_equal(f->portal->ops->reconfigure(f->portal, &other, &msg), 0);
    assert_int_equal(f->portal->caps & ADAPTER_LOOKUP, ADAPTER_LOOKUP);
    f->lookup = (struct adapter_lookup){.code = FAKE_PORTAL_DOSSIER, .done = lookup_done};
    f->portal->ops->lookup(f->portal, &f->lookup);
    fake_loop_settle(&f->peer.loop);
    assert_string_equal(fake_portal_next(&f->peer)->method, "GET");
    assert_string_equal(fake_portal_next(&f->peer)->url,
                        BASE "TraCuuHoSo?mahoso=" FAKE_PORTAL_DOSSIER);
    fake_portal_answer(&f->peer, 200, "{\"result\":[{\"TrangThaiHoSo\":\"4\"}]}");
    assert_non_null(f->lookup.impl);
    assert_int_equal(f->lookup.answer, LOOKUP_THERE);
    assert_int_equal(f->lookup.status, 4);
    assert_int_equal(f->portal->ops->reconfigure(f->portal, &f->peer.config, &msg), 0);
}

static void list_row(struct adapter_list *list, const struct record *record, const char *name,
                     bool active)
{
    struct fixture *f = CONTAINER_OF(list, struct fixture, list);

    (void)record;
    (void)name;
    f->rows += active;
}

static void list_done(struct adapter_list *list)
{
    list->impl = list;
}

static void lists_are_got_from_the_share_endpoint(void **state)
{
    struct fixture *f = *state;

    f->list = (struct adapter_list){.kind = RECORD_PROCEDURE, .row = list_row, .done = list_done};
    f->portal->ops->list(f->portal, &f->list);
    fake_loop_settle(&f->peer.loop);
    assert_string_equal(fake_portal_next(&f->peer)->method, "GET");
    assert_string_equal(fake_portal_next(&f->peer)->url,
                        "https://adapter.example.vn/forward/mapi/share/LayDanhSachTTHC");
    fake_portal_answer(&f->peer, 200,
                       "{\"message\":\"{\\\"result\\\":[{\\\"MATTHC\\\":\\\"1.001193\\\","
                       "\\\"TENTTHC\\\":\\\"Khai sinh\\\"}]}\"}");
    assert_non_null(f->list.impl);
    assert_int_equal(f->list.err, 0);
    assert_int_equal(f->rows, 1);
}

static void relay_done(struct adapter_relay *relay)
{
    struct fixture *f = CONTAINER_OF(relay, struct fixture, relay);

    relay->impl = relay;
    if (relay->reply != NULL) {
        (void)snprintf(f->reply, sizeof(f->reply), "%.*s", (int)relay->reply_len, relay->reply);
    }
}

static void relay(struct fixture *f, const char *service, const char *request)
{
    f->reply[0] = '\0';
    f->relay = (struct adapter_relay){.service = service, .request = request, .done = relay_done};
    f->portal->ops->relay(f->portal, &f->relay);
    assert_null(f->relay.impl);
    fake_loop_settle(&f->peer.loop);
}

static void a_relay_has_its_parameters_in_the_address(void **state)
{
    struct fixture *f = *state;

    relay(f, "LayThuTuc", "{\"maTTHC\":\"1.0 &\",\"n\":4,\"session\":\"x\"}");
    assert_string_equal(fake_portal_next(&f->peer)->url, BASE "LayThuTuc?maTTHC=1.0+%26&n=4");
    fake_portal_answer(&f->peer, 200, "{\"message\":\"{\\\"result\\\":[]}\"}");
    assert_int_equal(f->relay.err, 0);
    assert_string_equal(f->reply, "{\"result\":[]}");
    relay(f, "LayThuTuc", "{\"a\":[1]}");
    assert_non_null(f->relay.impl);
    assert_int_equal(f->relay.err, ERR_UNSUPPORTED);
}

static void poll_done(struct adapter_poll *poll)
{
    poll->impl = poll;
}

static void nothing_is_polled_through_a_bridge(void **state)
{
    struct fixture *f = *state;
    struct adapter_poll poll = {.cursor = "", .done = poll_done};

    f->portal->ops->poll(f->portal, &poll);
    assert_null(poll.impl);
    fake_loop_settle(&f->peer.loop);
    assert_non_null(poll.impl);
    assert_int_equal(poll.err, ERR_UNSUPPORTED);
    assert_int_equal(fake_portal_waiting(&f->peer), 0);
}

static void a_reload_to_direct_logs_in_and_sends_one_by_one(void **state)
{
    struct fixture *f = *state;
    struct config other = f->peer.config;
    struct errmsg msg = {0};

    assert_int_equal(push(f, 0, 1, SUCCESS).class, OUTCOME_DONE);
    other.portal.transport = "direct";
    assert_int_equal(f->portal->ops->reconfigure(f->portal, &other, &msg), 0);
    assert_int_equal(f->portal->batch, 0);
    assert_int_equal(f->portal->caps, ADAPTER_LOOKUP | ADAPTER_ACK | ADAPTER_APART);
    start_send(f, 0, 2, false); /* claimed before the reload */
    fake_portal_login(&f->peer, "one");
    assert_non_null(
        strstr(fake_portal_next(&f->peer)->body, "\"isUpdating\":\"False\",\"data\":["));
    fake_portal_answer(&f->peer, 200, SUCCESS);
    assert_int_equal(f->send.outcome.class, OUTCOME_DONE);
    assert_int_equal(f->portal->ops->reconfigure(f->portal, &f->peer.config, &msg), 0);
    start_send(f, 0, 1, false);
    assert_int_equal(strncmp(fake_portal_next(&f->peer)->body, "[{", 2), 0);
    fake_portal_answer(&f->peer, 200, SUCCESS);
}

static void a_cancelled_push_still_ends(void **state)
{
    struct fixture *f = *state;

    f->ended = 0;
    f->send = (struct adapter_send){.kind = RECORD_DOSSIER,
                                    .code = f->records[0].code,
                                    .records = f->records,
                                    .n_records = 1,
                                    .done = send_done};
    f->portal->ops->send(f->portal, &f->send);
    f->portal->ops->cancel(f->portal);
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->send.outcome.class, OUTCOME_CANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_push_is_a_bare_array_without_a_login),
        TEST(a_batch_says_of_each_record_what_was_sent),
        TEST(a_batch_of_held_records_is_not_sent),
        TEST(one_that_is_too_large_does_not_keep_the_others),
        TEST(steps_and_answers_have_paths_of_their_own),
        TEST(replies_of_bridges_are_judged_by_text_when_they_have_no_code),
        TEST(a_token_is_sent_and_read_again_when_it_is_refused),
        TEST(a_token_that_can_not_be_read_pauses_the_endpoint),
        TEST(a_lookup_is_asked_only_where_the_bridge_passes_it_on),
        TEST(lists_are_got_from_the_share_endpoint),
        TEST(a_relay_has_its_parameters_in_the_address),
        TEST(nothing_is_polled_through_a_bridge),
        TEST(a_reload_to_direct_logs_in_and_sends_one_by_one),
        TEST(a_cancelled_push_still_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
