#include "adapter/portal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/parse.h"
#include "adapter/portal_call.h"
#include "base/digest.h"
#include "codec/record.h"
#include "domain/vntime.h"
#include "lib/fake_portal.h"

#define SUCCESS "{\"error_code\":\"0\",\"message\":\"Đồng bộ hồ sơ thành công\"}"
#define EXPIRED "{\"error_code\":-1,\"message\":\"Phiên làm việc không hợp lệ\"}"
#define PUSHES 20

/* One send and what came of it. */
struct push {
    struct adapter_send send;
    unsigned ended;
    struct adapter *free_in_callback;
};

struct fixture {
    struct fake_portal peer;
    struct adapter *portal;
    struct arena arena;
    struct dossier dossier;
    struct record record;
    struct record step;
    struct push pushes[PUSHES];
};

static void push_done(struct adapter_send *send)
{
    struct push *push = CONTAINER_OF(send, struct push, send);

    push->ended++;
    if (push->free_in_callback != NULL) {
        push->free_in_callback->ops->free(push->free_in_callback);
    }
}

static void make_records(struct fixture *f)
{
    struct errmsg msg = {0};
    struct step step;
    int64_t at_s = 0;

    assert_int_equal(vntime_parse_portal("20251118093000", &at_s), 0);
    dossier_init(&f->dossier);
    f->dossier.code = FAKE_PORTAL_DOSSIER;
    f->dossier.procedure_code = "1.001193";
    f->dossier.status = "receiving";
    f->dossier.received_s = at_s;
    f->dossier.changed_s = at_s;
    assert_int_equal(record_from_dossier(&f->dossier, &f->arena, &f->record, &msg), 0);
    step_init(&step);
    step.code = FAKE_PORTAL_DOSSIER;
    step.key = "9001";
    step.actor = "Trần Thị Thử";
    step.text = "Tiếp nhận";
    step.status = "receiving";
    step.at_s = at_s;
    assert_int_equal(record_from_step(&step, &f->arena, &f->step, &msg), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct errmsg msg = {0};

    assert_non_null(f);
    fake_portal_open(&f->peer);
    assert_int_equal(portal_open(&f->peer.env, &f->portal, &msg), 0);
    arena_init(&f->arena, 1u << 20);
    make_records(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->portal != NULL) {
        f->portal->ops->free(f->portal);
    }
    fake_portal_close(&f->peer);
    arena_free(&f->arena);
    free(f);
    return 0;
}

static struct push *push(struct fixture *f, size_t i)
{
    struct push *p = &f->pushes[i];

    memset(p, 0, sizeof(*p));
    p->send.kind = RECORD_DOSSIER;
    p->send.code = FAKE_PORTAL_DOSSIER;
    p->send.records = &f->record;
    p->send.n_records = 1;
    p->send.done = push_done;
    f->portal->ops->send(f->portal, &p->send);
    assert_int_equal(p->ended, 0); /* never from inside the call */
    return p;
}

static void log_in(struct fixture *f, const char *session)
{
    struct push *p = push(f, PUSHES - 1);

    fake_portal_login(&f->peer, session);
    fake_portal_answer(&f->peer, 200, SUCCESS);
    assert_int_equal(p->send.outcome.class, OUTCOME_DONE);
}

static void a_push_logs_in_and_carries_the_session_first(void **state)
{
    struct fixture *f = *state;
    struct push *p = push(f, 0);
    const struct fake_portal_call *call;
    const char *front =
        "{\"session\":\"b7\\\"f1\",\"madonvi\":\"H56\",\"service\":\"DongBoHoSoMC\","
        "\"isUpdating\":\"False\",\"data\":[{\"MaHoSo\":";

    fake_portal_login(&f->peer, "b7\\\"f1");
    call = fake_portal_next(&f->peer);
    assert_string_equal(call->url, "https://adapter.example.vn/forward/mapi/integration");
    assert_string_equal(call->dstcode, "VN:GOV:sample");
    assert_int_equal(strncmp(call->body, front, strlen(front)), 0);
    fake_portal_answer(&f->peer, 200, SUCCESS);
    assert_int_equal(p->ended, 1);
    assert_int_equal(p->send.outcome.class, OUTCOME_DONE);
    assert_int_equal(p->send.outcome.http, 200);
    assert_int_equal(p->send.outcome.repeats, 0);
    assert_int_equal(p->send.outcome.took_ms, 7);
    assert_string_equal(p->send.outcome.code, "0");
}

static void an_empty_dstcode_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg = {0};

    f->peer.config.portal.dstcode = "";
    assert_int_equal(f->portal->ops->reconfigure(f->portal, &f->peer.config, &msg), 0);
    log_in(f, "one");
    assert_null(f->peer.calls[0].dstcode);
    assert_null(f->peer.calls[1].dstcode);
}

static void the_request_digest_leaves_the_session_out(void **state)
{
    struct fixture *f = *state;
    uint8_t expected[RECORD_HASH_BYTES];
    struct push *p = push(f, 0);
    const char *body;
    char *rest;

    fake_portal_login(&f->peer, "one");
    body = fake_portal_next(&f->peer)->body;
    rest = strdup(strchr(body, ',')); /* without "{" and the session */
    assert_non_null(rest);
    rest[0] = '{';
    assert_int_equal(digest_sha256(rest, strlen(rest), expected), 0);
    free(rest);
    fake_portal_answer(&f->peer, 200, EXPIRED);
    fake_portal_login(&f->peer, "two");
    fake_portal_answer(&f->peer, 200, SUCCESS);
    assert_memory_equal(p->send.outcome.request, expected, sizeof(expected));
    assert_int_equal(digest_sha256(SUCCESS, strlen(SUCCESS), expected), 0);
    assert_memory_equal(p->send.outcome.response, expected, sizeof(expected));
}

static void steps_go_to_their_own_service(void **state)
{
    struct fixture *f = *state;
    struct push *p = &f->pushes[0];

    log_in(f, "one");
    p->send.kind = RECORD_STEP;
    p->send.records = &f->step;
    p->send.n_records = 1;
    p->send.done = push_done;
    f->portal->ops->send(f->portal, &p->send);
    assert_non_null(strstr(fake_portal_next(&f->peer)->body,
                           "\"service\":\"CapNhatTienDoHoSoMC\",\"data\":[{"));
    fake_portal_answer(&f->peer, 200, SUCCESS);
    assert_int_equal(p->send.outcome.class, OUTCOME_DONE);
}

static void an_expired_session_costs_one_login_and_one_repeat(void **state)
{
    struct fixture *f = *state;
    struct push *p;

    log_in(f, "one");
    p = push(f, 0);
    fake_portal_answer(&f->peer, 200, EXPIRED);
    assert_int_equal(p->ended, 0);
    fake_portal_login(&f->peer, "two");
    assert_non_null(strstr(fake_portal_next(&f->peer)->body, "{\"session\":\"two\""));
    fake_portal_answer(&f->peer, 200, SUCCESS);
    assert_int_equal(p->ended, 1);
    assert_int_equal(p->send.outcome.class, OUTCOME_DONE);
    assert_int_equal(p->send.outcome.repeats, 1);
    assert_int_equal(fake_portal_logins(&f->peer), 2);
}

/* N14: after k of n calls, each k. */
static void a_session_that_ends_among_many_calls_costs_one_login(void **state)
{
    struct fixture *f = *state;
    size_t logins;

    log_in(f, "first");
    for (size_t k = 0; k < 10; k++) {
        size_t before = f->peer.n_calls;

        logins = fake_portal_logins(&f->peer);
        for (size_t i = 0; i < 10; i++) {
            (void)push(f, i);
        }
        for (size_t i = 0; i < k; i++) {
            fake_portal_answer(&f->peer, 200, SUCCESS);
        }
        for (size_t i = k; i < 10; i++) {
            fake_portal_answer(&f->peer, i % 2 == 0 ? 401 : 200, EXPIRED);
        }
        fake_portal_login(&f->peer, "fresh");
        for (size_t i = k; i < 10; i++) {
            fake_portal_answer(&f->peer, 200, SUCCESS);
        }
        for (size_t i = 0; i < 10; i++) {
            assert_int_equal(f->pushes[i].ended, 1);
            assert_int_equal(f->pushes[i].send.outcome.class, OUTCOME_DONE);
            assert_int_equal(f->pushes[i].send.outcome.repeats, i < k ? 0 : 1);
        }
        assert_int_equal(fake_portal_logins(&f->peer), logins + 1);
        assert_int_equal(f->peer.n_calls - before, 10 + 1 + (10 - k));
    }
}

static void an_older_session_just_repeats(void **state)
{
    struct fixture *f = *state;
    struct push *late;
    struct push *early;

    log_in(f, "one");
    early = push(f, 0);
    late = push(f, 1);
    fake_portal_answer(&f->peer, 401, "");
    /* The login is answered while the second call is still out with the old session. */
    assert_non_null(strstr(fake_portal_next(&f->peer)->url, "integration"));
    {
        struct fake_portal_call *held = fake_portal_next(&f->peer);
        struct http_req *req = held->req;

        held->req = NULL;
        fake_portal_login(&f->peer, "two");
        fake_portal_answer(&f->peer, 200, SUCCESS);
        assert_int_equal(early->send.outcome.class, OUTCOME_DONE);
        held->req = req;
    }
    fake_portal_answer(&f->peer, 401, "");
    assert_int_equal(fake_portal_logins(&f->peer), 2);
    assert_non_null(strstr(fake_portal_next(&f->peer)->body, "{\"session\":\"two\""));
    fake_portal_answer(&f->peer, 200, SUCCESS);
    assert_int_equal(late->send.outcome.class, OUTCOME_DONE);
    assert_int_equal(late->send.outcome.repeats, 1);
}

static void a_refusal_of_the_newest_session_is_final(void **state)
{
    struct fixture *f = *state;
    struct push *p = push(f, 0);

    fake_portal_login(&f->peer, "one");
    fake_portal_answer(&f->peer, 403, "");
    fake_portal_login(&f->peer, "two");
    fake_portal_answer(&f->peer, 200, EXPIRED);
    assert_int_equal(p->ended, 1);
    assert_int_equal(p->send.outcome.class, OUTCOME_AUTH);
    assert_int_equal(p->send.outcome.repeats, 1);
    assert_int_equal(fake_portal_logins(&f->peer), 2);
    assert_non_null(strstr(p->send.outcome.words, "Phiên"));
}

static void a_refused_login_is_told_to_every_call(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < 5; i++) {
        (void)push(f, i);
    }
    fake_portal_answer(&f->peer, 200, "{\"error_code\":-1,\"message\":\"Sai mật khẩu\"}");
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(f->pushes[i].ended, 1);
        assert_int_equal(f->pushes[i].send.outcome.class, OUTCOME_LOGIN);
        assert_true(f->pushes[i].send.outcome.transport);
    }
    assert_int_equal(f->peer.n_calls, 1);
}

static void a_login_without_network_leaves_nothing_in_doubt(void **state)
{
    struct fixture *f = *state;
    struct push *p = push(f, 0);

    fake_portal_fail(&f->peer, HTTP_UNKNOWN, 52);
    assert_int_equal(p->send.outcome.class, OUTCOME_TRANSIENT);
    assert_true(p->send.outcome.transport);
}

static void what_is_in_doubt_is_never_repeated_inside(void **state)
{
    static const char *const bodies[] = {"", "<html>phiên làm việc</html>", "{\"error_code\":"};
    struct fixture *f = *state;

    log_in(f, "one");
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct push *p = push(f, 0);
        size_t calls = f->peer.n_calls;

        fake_portal_answer(&f->peer, 200, bodies[i]);
        assert_int_equal(p->ended, 1);
        assert_int_equal(p->send.outcome.class, OUTCOME_UNSURE);
        assert_int_equal(f->peer.n_calls, calls);
    }
}

static void a_record_that_can_not_be_mapped_is_not_sent(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg = {0};
    struct push *p;

    f->dossier.status = "mystery";
    assert_int_equal(record_from_dossier(&f->dossier, &f->arena, &f->record, &msg), 0);
    p = push(f, 0);
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(p->ended, 1);
    assert_int_equal(p->send.outcome.class, OUTCOME_HELD);
    assert_int_equal(p->send.outcome.hold, HOLD_UNMAPPED_STATUS);
    assert_non_null(strstr(p->send.outcome.words, "status.csv"));
    assert_int_equal(f->peer.n_calls, 0);
}

static void a_call_that_can_not_start_is_transient(void **state)
{
    struct fixture *f = *state;
    struct push *p;

    log_in(f, "one");
    f->peer.refuse = true;
    p = push(f, 0);
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(p->ended, 1);
    assert_int_equal(p->send.outcome.class, OUTCOME_TRANSIENT);
    f->peer.refuse = false;
}

static void a_large_reply_is_read_off_the_loop(void **state)
{
    struct fixture *f = *state;
    struct push *p;
    struct buf body;

    log_in(f, "one");
    buf_init(&body, 1u << 20);
    buf_puts(&body, "{\"error_code\":0,\"message\":\"Thành công\",\"result\":\"");
    for (size_t i = 0; i < ADAPTER_PARSE_INLINE_BYTES; i++) {
        buf_putc(&body, 'x');
    }
    buf_puts(&body, "\"}");
    p = push(f, 0);
    f->peer.loop.hold_work = true;
    fake_portal_answer(&f->peer, 200, buf_text(&body));
    assert_int_equal(p->ended, 0);
    f->peer.loop.hold_work = false;
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(p->send.outcome.class, OUTCOME_DONE);
    p = push(f, 0);
    f->peer.loop.refuse_work = true;
    fake_portal_answer(&f->peer, 200, buf_text(&body));
    assert_int_equal(p->send.outcome.class, OUTCOME_DONE);
    buf_free(&body);
}

static void cancel_ends_every_call_on_a_later_turn(void **state)
{
    struct fixture *f = *state;

    log_in(f, "one");
    (void)push(f, 0);
    fake_loop_advance(&f->peer.loop, 480000);
    (void)push(f, 1); /* waits for a login */
    f->portal->ops->cancel(f->portal);
    assert_int_equal(f->pushes[0].ended, 0);
    assert_int_equal(f->pushes[1].ended, 0);
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(f->pushes[0].ended, 1);
    assert_int_equal(f->pushes[0].send.outcome.class, OUTCOME_UNSURE);
    assert_int_equal(f->pushes[1].ended, 1);
    assert_int_equal(f->pushes[1].send.outcome.class, OUTCOME_CANCELED);
    (void)push(f, 2); /* a new call is not cancelled with the old ones */
    fake_portal_login(&f->peer, "two");
    fake_portal_answer(&f->peer, 200, SUCCESS);
    assert_int_equal(f->pushes[2].send.outcome.class, OUTCOME_DONE);
}

static void a_refused_session_after_cancel_is_not_repeated(void **state)
{
    struct fixture *f = *state;

    log_in(f, "one");
    (void)push(f, 0);
    f->peer.cancel_result = HTTP_ANSWERED;
    fake_portal_next(&f->peer)->req->status = 401;
    f->portal->ops->cancel(f->portal);
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(f->pushes[0].ended, 1);
    assert_int_equal(f->pushes[0].send.outcome.class, OUTCOME_CANCELED);
    assert_int_equal(fake_portal_waiting(&f->peer), 0);
}

static void the_adapter_may_be_freed_in_its_last_callback(void **state)
{
    struct fixture *f = *state;
    struct push *p = push(f, 0);

    p->free_in_callback = f->portal;
    f->portal->ops->cancel(f->portal);
    f->portal = NULL;
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(p->ended, 1);
}

static void a_reload_leaves_calls_in_flight_alone(void **state)
{
    struct fixture *f = *state;
    struct config other = f->peer.config;
    struct errmsg msg = {0};
    struct push *before;
    struct push *after;

    log_in(f, "one");
    assert_int_equal(f->portal->caps, ADAPTER_LOOKUP | ADAPTER_ACK | ADAPTER_APART);
    before = push(f, 0);
    other.portal.integration_endpoint = "/mapi/new";
    other.portal.strict_success_text = true;
    other.portal.upserts = true;
    other.portal.atomic_steps = true;
    assert_int_equal(f->portal->ops->reconfigure(f->portal, &other, &msg), 0);
    assert_int_equal(f->portal->caps, ADAPTER_LOOKUP | ADAPTER_IDEMPOTENT | ADAPTER_ATOMIC |
                                          ADAPTER_ACK | ADAPTER_APART);
    after = push(f, 1);
    fake_portal_answer(&f->peer, 200, "{\"error_code\":0,\"message\":\"Đã nhận\"}");
    assert_int_equal(before->send.outcome.class, OUTCOME_DONE);
    assert_non_null(strstr(fake_portal_next(&f->peer)->url, "/mapi/new"));
    fake_portal_answer(&f->peer, 200, "{\"error_code\":0,\"message\":\"Đã nhận\"}");
    assert_int_equal(after->send.outcome.class, OUTCOME_UNSURE);
    other.has_portal = false;
    assert_int_equal(f->portal->ops->reconfigure(f->portal, &other, &msg), ERR_CONFIG);
    (void)push(f, 2);
    fake_portal_answer(&f->peer, 200, SUCCESS);
    assert_int_equal(f->portal->ops->reconfigure(f->portal, &f->peer.config, &msg), 0);
}

/* Judges the record as the engine does, so that it may lie written until its call. */
static void judge(struct fixture *f)
{
    struct adapter_check check = {.record = &f->record};

    f->portal->ops->check(f->portal, &check);
    assert_true(check.has_held_hash);
    memcpy(f->record.hash, check.held_hash, sizeof(f->record.hash));
}

static bool next_carries(struct fixture *f, const char *text)
{
    bool there = strstr(fake_portal_next(&f->peer)->body, text) != NULL;

    fake_portal_answer(&f->peer, 200, SUCCESS);
    return there;
}

static void a_reload_reaches_what_was_written_before_it(void **state)
{
    struct fixture *f = *state;
    struct config other = f->peer.config;
    struct errmsg msg = {0};

    log_in(f, "one");
    judge(f);
    (void)push(f, 0);
    assert_true(next_carries(f, "NoiNopHoSo"));
    judge(f);
    other.portal.fields = "G1";
    assert_int_equal(f->portal->ops->reconfigure(f->portal, &other, &msg), 0);
    (void)push(f, 1);
    assert_false(next_carries(f, "NoiNopHoSo"));
    assert_int_equal(f->portal->ops->reconfigure(f->portal, &f->peer.config, &msg), 0);
}

static void new_names_reach_what_was_written_before_them(void **state)
{
    struct fixture *f = *state;

    f->dossier.agency_code = "G15";
    assert_int_equal(
        record_from_dossier(&f->dossier, &f->arena, &f->record, &(struct errmsg){.text = ""}), 0);
    log_in(f, "one");
    f->peer.publisher_name = "Bộ cũ";
    judge(f);
    f->peer.publisher_name = "Bộ mới";
    f->peer.names_changes++;
    (void)push(f, 0);
    assert_true(next_carries(f, "Bộ mới"));
}

static void there_is_no_portal_without_its_section(void **state)
{
    struct fixture *f = *state;
    struct config none = {0};
    struct adapter_env env = f->peer.env;
    struct adapter *out = f->portal;
    struct errmsg msg = {0};

    env.config = &none;
    assert_int_equal(portal_open(&env, &out, &msg), ERR_CONFIG);
    assert_null(out);
    assert_string_equal(f->portal->name, "portal");
    assert_string_equal(f->portal->ops->profile, "portal");
    assert_null(f->portal->ops->listen);
}

/* ---- lookup ---- */

static void lookup_done(struct adapter_lookup *lookup)
{
    lookup->impl = lookup; /* it has ended */
}

static struct adapter_lookup look_up(struct fixture *f, long status, const char *body)
{
    struct adapter_lookup lookup = {.code = FAKE_PORTAL_DOSSIER, .done = lookup_done};

    f->portal->ops->lookup(f->portal, &lookup);
    assert_null(lookup.impl);
    fake_portal_answer(&f->peer, status, body);
    assert_non_null(lookup.impl);
    return lookup;
}

static void a_success_that_was_judged_before_is_told_the_same(void **state)
{
    struct fixture *f = *state;
    const struct outcome *first;
    struct outcome second;

    log_in(f, "one");
    first = &push(f, 0)->send.outcome;
    fake_portal_answer(&f->peer, 200, SUCCESS);
    assert_int_equal(first->class, OUTCOME_DONE);
    (void)push(f, 1);
    fake_portal_answer(&f->peer, 200, SUCCESS);
    second = f->pushes[1].send.outcome;
    assert_memory_equal(&second, first, sizeof(second));
    (void)push(f, 2);
    fake_portal_answer(&f->peer, 500, SUCCESS); /* the same bytes, and no success */
    assert_int_equal(f->pushes[2].send.outcome.class, OUTCOME_UNSURE);
    (void)push(f, 3);
    fake_portal_answer(&f->peer, 200, "{\"error_code\":\"0\",\"message\":\"thất bại\"}");
    assert_int_equal(f->pushes[3].send.outcome.class, OUTCOME_UNSURE);
}

static void a_success_is_judged_anew_after_a_reload(void **state)
{
    static const char taken[] = "{\"error_code\":0,\"message\":\"Đã nhận\"}";
    struct fixture *f = *state;
    struct config other = f->peer.config;
    struct errmsg msg = {0};

    log_in(f, "one");
    (void)push(f, 0);
    (void)push(f, 1);
    fake_portal_answer(&f->peer, 200, taken);
    assert_int_equal(f->pushes[0].send.outcome.class, OUTCOME_DONE);
    other.portal.strict_success_text = true;
    assert_int_equal(f->portal->ops->reconfigure(f->portal, &other, &msg), 0);
    fake_portal_answer(&f->peer, 200, taken); /* of a call under the old settings */
    assert_int_equal(f->pushes[1].send.outcome.class, OUTCOME_DONE);
    (void)push(f, 2);
    fake_portal_answer(&f->peer, 200, taken);
    assert_int_equal(f->pushes[2].send.outcome.class, OUTCOME_UNSURE);
    assert_int_equal(f->portal->ops->reconfigure(f->portal, &f->peer.config, &msg), 0);
}

static void a_lookup_has_three_answers(void **state)
{
    static const struct {
        long status;
        const char *body;
        enum lookup_answer answer;
        int shown;
    } rows[] = {
        {200,
         "{\"error_code\":0,\"result\":[{\"MaHoSo\":\"H56.31.25-251118-0007\","
         "\"TrangThaiHoSo\":\"4\"}]}",
         LOOKUP_THERE, 4},
        {200, "{\"error_code\":\"00\",\"result\":[{\"TrangThaiHoSo\":10}]}", LOOKUP_THERE, 10},
        {200, "{\"error_code\":0,\"result\":[{}]}", LOOKUP_THERE, 0},
        {200, "{\"error_code\":0,\"result\":[{\"TrangThaiHoSo\":\"11\"}]}", LOOKUP_THERE, 0},
        {200, "{\"message\":\"{\\\"result\\\":[{\\\"TrangThaiHoSo\\\":\\\"2\\\"}]}\"}",
         LOOKUP_THERE, 2},
        {200, "{\"error_code\":0,\"result\":[]}", LOOKUP_ABSENT, 0},
        {200, "{\"error_code\":0,\"result\":[{\"MaHoSo\":\"H56.31.25-251118-0008\"}]}",
         LOOKUP_UNKNOWN, 0},
        {200, "{\"error_code\":0}", LOOKUP_UNKNOWN, 0},
        {200, "{\"error_code\":0,\"result\":null}", LOOKUP_UNKNOWN, 0},
        {200, "{\"error_code\":0,\"result\":{}}", LOOKUP_UNKNOWN, 0},
        {200, "{\"error_code\":0,\"result\":[", LOOKUP_UNKNOWN, 0},
        {200, "{\"result\":[]}", LOOKUP_UNKNOWN, 0},
        {200, "{\"error_code\":-1,\"message\":\"Lỗi hệ thống\"}", LOOKUP_UNKNOWN, 0},
        {200, "", LOOKUP_UNKNOWN, 0},
        {500, "{\"error_code\":0,\"result\":[]}", LOOKUP_UNKNOWN, 0},
        {200, "{\"error_code\":-1,\"message\":\"Dịch vụ không hợp lệ\"}", LOOKUP_REFUSED, 0},
        {404, "", LOOKUP_REFUSED, 0},
    };
    struct fixture *f = *state;

    log_in(f, "one");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct adapter_lookup lookup = look_up(f, rows[i].status, rows[i].body);

        if (lookup.answer != rows[i].answer || lookup.status != rows[i].shown) {
            fail_msg("%s gave %d, status %d", rows[i].body, (int)lookup.answer, lookup.status);
        }
        assert_int_not_equal(lookup.outcome.class, OUTCOME_UNSURE);
    }
    assert_non_null(strstr(f->peer.calls[f->peer.n_calls - 1].body,
                           "\"service\":\"TraCuuHoSo\",\"mahoso\":\"H56.31.25-251118-0007\"}"));
}

/* A person's data do not stay because nothing else comes. */
static void what_no_call_takes_is_gone_after_its_time(void **state)
{
    struct fixture *f = *state;
    const struct portal *portal = CONTAINER_OF(f->portal, struct portal, adapter);
    struct adapter_check check = {.record = &f->record};
    struct adapter_check step = {.record = &f->step};

    f->portal->ops->check(f->portal, &check);
    fake_loop_advance(&f->peer.loop, PORTAL_SHELF_LIFE_MS / 2);
    f->portal->ops->check(f->portal, &step);
    assert_true(portal->shelf.bytes > 0);
    fake_loop_advance(&f->peer.loop, PORTAL_SHELF_LIFE_MS + 1);
    fake_loop_advance(&f->peer.loop, PORTAL_SHELF_LIFE_MS + 1);
    assert_int_equal(portal->shelf.bytes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_no_call_takes_is_gone_after_its_time),
        TEST(a_push_logs_in_and_carries_the_session_first),
        TEST(an_empty_dstcode_is_left_out),
        TEST(the_request_digest_leaves_the_session_out),
        TEST(steps_go_to_their_own_service),
        TEST(an_expired_session_costs_one_login_and_one_repeat),
        TEST(a_session_that_ends_among_many_calls_costs_one_login),
        TEST(an_older_session_just_repeats),
        TEST(a_refusal_of_the_newest_session_is_final),
        TEST(a_refused_login_is_told_to_every_call),
        TEST(a_login_without_network_leaves_nothing_in_doubt),
        TEST(what_is_in_doubt_is_never_repeated_inside),
        TEST(a_record_that_can_not_be_mapped_is_not_sent),
        TEST(a_call_that_can_not_start_is_transient),
        TEST(a_large_reply_is_read_off_the_loop),
        TEST(cancel_ends_every_call_on_a_later_turn),
        TEST(a_refused_session_after_cancel_is_not_repeated),
        TEST(the_adapter_may_be_freed_in_its_last_callback),
        TEST(a_reload_leaves_calls_in_flight_alone),
        TEST(a_reload_reaches_what_was_written_before_it),
        TEST(new_names_reach_what_was_written_before_them),
        TEST(there_is_no_portal_without_its_section),
        TEST(a_success_that_was_judged_before_is_told_the_same),
        TEST(a_success_is_judged_anew_after_a_reload),
        TEST(a_lookup_has_three_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
