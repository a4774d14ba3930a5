#include "lib/fake_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "lib/fake_loop.h"

struct fixture {
    struct fake_loop loop;
    struct fake_http *http;
    struct http_req req;
    unsigned done;
};

static void on_done(struct http_req *req)
{
    ((struct fixture *)req->ctx)->done++;
}

static int setup(void **state)
{
    static struct fixture f;

    memset(&f, 0, sizeof(f));
    fake_loop_init(&f.loop);
    f.http = fake_http_new(&f.loop.loop);
    http_req_init(&f.req);
    f.req.method = "POST";
    f.req.url = "https://portal.example/mapi/g";
    f.req.limits.response_bytes = 100;
    f.req.done = on_done;
    f.req.ctx = &f;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    http_req_free(&f->req);
    fake_http_free(f->http);
    return 0;
}

static void start(struct fixture *f, const char *body)
{
    f->req.body = body;
    f->req.body_len = strlen(body);
    assert_int_equal(http_send(fake_http_client(f->http), &f->req), 0);
}

static void call(struct fixture *f, const char *body)
{
    unsigned before = f->done;

    start(f, body);
    assert_int_equal(f->done, before); /* never inside the call */
    fake_loop_settle(&f->loop);
    assert_int_equal(f->done, before + 1);
}

static void rules_are_taken_in_order_and_once(void **state)
{
    struct fixture *f = *state;
    struct fake_http_match sync = {.method = "POST", .url = "/mapi/g", .body = "DongBo"};

    fake_http_always(f->http, (struct fake_http_match){0},
                     (struct fake_http_answer){.body = "any"});
    fake_http_once(f->http, sync, (struct fake_http_answer){.body = "first"});
    fake_http_once(f->http, sync,
                   (struct fake_http_answer){.status = 503, .retry_after_s = 7, .body = "second"});
    assert_int_equal(fake_http_unused(f->http), 2);
    call(f, "{}");
    assert_string_equal(buf_text(&f->req.response), "any");
    call(f, "DongBoHoSoMC");
    assert_string_equal(buf_text(&f->req.response), "first");
    assert_int_equal(f->req.status, 200);
    call(f, "DongBoHoSoMC");
    assert_string_equal(buf_text(&f->req.response), "second");
    assert_int_equal(f->req.status, 503);
    assert_int_equal(f->req.retry_after_s, 7);
    call(f, "DongBoHoSoMC");
    assert_string_equal(buf_text(&f->req.response), "any");
    assert_int_equal(fake_http_unused(f->http), 0);
    assert_int_equal(fake_http_unexpected(f->http), 0);
}

static void every_result_can_be_given(void **state)
{
    struct fixture *f = *state;

    for (int i = HTTP_ANSWERED; i <= HTTP_CANCELED; i++) {
        enum http_result result = (enum http_result)i;

        fake_http_once(f->http, (struct fake_http_match){0},
                       (struct fake_http_answer){.result = result});
        call(f, "x");
        assert_int_equal(f->req.result, result);
        assert_int_equal(f->req.status, result == HTTP_ANSWERED ? 200 : 0);
    }
    call(f, "x");
    assert_int_equal(f->req.result, HTTP_NOT_SENT);
    assert_int_equal(fake_http_unexpected(f->http), 1);
}

static void requests_are_kept(void **state)
{
    static const struct http_header headers[] = {{"X-Session", "s1"}, {"X-Empty", ""}};
    struct fixture *f = *state;

    f->req.headers = headers;
    f->req.n_headers = 2;
    f->req.user = "u";
    f->req.password = "p";
    call(f, "body");
    assert_int_equal(fake_http_count(f->http), 1);
    assert_string_equal(fake_http_request(f->http, 0)->body, "body");
    assert_string_equal(fake_http_request(f->http, 0)->url, f->req.url);
    assert_string_equal(fake_http_request(f->http, 0)->user, "u");
    assert_string_equal(fake_http_header(f->http, 0, "x-session"), "s1");
    assert_null(fake_http_header(f->http, 0, "X-Empty"));
    fake_http_reset(f->http);
    assert_int_equal(fake_http_count(f->http), 0);
}

static void an_answer_may_be_late_or_held(void **state)
{
    struct fixture *f = *state;

    fake_http_once(f->http, (struct fake_http_match){0},
                   (struct fake_http_answer){.delay_ms = 500});
    start(f, "x");
    fake_loop_advance(&f->loop, 499);
    assert_int_equal(f->done, 0);
    fake_loop_advance(&f->loop, 1);
    assert_int_equal(f->done, 1);
    assert_int_equal(f->req.took_ms, 500);
    fake_http_once(f->http, (struct fake_http_match){0}, (struct fake_http_answer){.hold = true});
    start(f, "x");
    fake_loop_advance(&f->loop, 100000);
    assert_int_equal(fake_http_in_flight(f->http), 1);
    fake_http_release(f->http);
    fake_loop_settle(&f->loop);
    assert_int_equal(f->done, 2);
}

static void a_cancelled_call_ends_as_far_as_it_got(void **state)
{
    struct fixture *f = *state;

    fake_http_always(f->http, (struct fake_http_match){0}, (struct fake_http_answer){.hold = true});
    start(f, "x");
    http_cancel(fake_http_client(f->http), &f->req);
    fake_loop_settle(&f->loop);
    assert_int_equal(f->req.result, HTTP_CANCELED);
    start(f, "x");
    fake_loop_settle(&f->loop);
    http_cancel(fake_http_client(f->http), &f->req);
    http_cancel(fake_http_client(f->http), &f->req);
    assert_int_equal(f->done, 1);
    fake_loop_settle(&f->loop);
    assert_int_equal(f->done, 2);
    assert_int_equal(f->req.result, HTTP_UNKNOWN);
    http_cancel(fake_http_client(f->http), &f->req);
}

static bool echo(void *ctx, const struct fake_http_request *request,
                 struct fake_http_answer *answer)
{
    (void)ctx;
    answer->body = request->body;
    answer->body_len = request->body_len;
    return true;
}

static void a_function_may_answer_and_limits_hold(void **state)
{
    struct fixture *f = *state;

    fake_http_respond(f->http, echo, NULL);
    call(f, "hello");
    assert_string_equal(buf_text(&f->req.response), "hello");
    f->req.limits.response_bytes = 4;
    call(f, "hello");
    assert_int_equal(f->req.result, HTTP_UNKNOWN);
    assert_int_equal(f->req.curl_code, 23);
    fake_http_refuse(f->http, true);
    assert_int_equal(http_send(fake_http_client(f->http), &f->req), ERR_NOMEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rules_are_taken_in_order_and_once),
        TEST(every_result_can_be_given),
        TEST(requests_are_kept),
        TEST(an_answer_may_be_late_or_held),
        TEST(a_cancelled_call_ends_as_far_as_it_got),
        TEST(a_function_may_answer_and_limits_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
