#include "http/client_fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "lib/http_peer.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"

static int setup(void **state)
{
    (void)state;
    return http_fetch_open();
}

static int teardown(void **state)
{
    (void)state;
    http_fetch_close();
    return 0;
}

static void serve_text(struct http_peer_conn *conn)
{
    if (http_peer_read(conn)) {
        http_peer_puts(conn, conn->ctx);
    }
}

/* And nothing more, until the other end goes. */
static void serve_text_and_wait(struct http_peer_conn *conn)
{
    while (http_peer_read(conn) && http_peer_puts(conn, conn->ctx)) {
    }
}

static struct net_reach allow_peer(const char *url)
{
    struct net_reach allow = {.n = 1};
    struct errmsg msg = {""};
    char target[64];
    size_t n = strcspn(url + strlen("http://"), "/");

    assert_in_range(n, 1, sizeof(target) - 1);
    memcpy(target, url + strlen("http://"), n);
    target[n] = '\0';
    assert_int_equal(net_target_parse(target, &allow.targets[0], &msg), 0);
    return allow;
}

static void how_an_answer_that_began_ended_is_told(void **state)
{
    static const struct {
        void (*serve)(struct http_peer_conn *conn);
        const char *text;
        enum http_result result;
        long began;
        bool late;
    } cases[] = {
        {serve_text, OK_HEAD "0123456789", HTTP_ANSWERED, 0, false},
        {serve_text, OK_HEAD "0123", HTTP_UNKNOWN, 200, false},
        {serve_text_and_wait, OK_HEAD "0123", HTTP_UNKNOWN, 200, true},
        {serve_text, "HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\n", HTTP_UNKNOWN, 404,
         false},
        {serve_text,
         "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
         "0123456789012345678901234567890123456789",
         HTTP_UNKNOWN, 200, false},
        {serve_text, "HTTP/1.1 100 Continue\r\n\r\n", HTTP_UNKNOWN, 0, false},
        {serve_text_and_wait, "", HTTP_UNKNOWN, 0, false},
    };
    const struct http_tls tls = {.allow_plaintext = true};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        struct http_peer *peer;
        struct net_reach allow;
        struct http_reach reach = {.allow = &allow, .refused = true, .began = 1, .late = true};
        struct http_req req;

        (void)strcpy(text, cases[i].text);
        peer = http_peer_open(cases[i].serve, text, false);
        http_req_init(&req);
        req.method = "GET";
        req.url = http_peer_url(peer, "/");
        req.limits = (struct http_limits){5000, 500, 5000, 32};
        req.tls = &tls;
        allow = allow_peer(req.url);
        http_fetch(&req, &reach);
        assert_int_equal(req.result, cases[i].result);
        assert_int_equal(reach.began, cases[i].began);
        assert_int_equal(reach.late, cases[i].late);
        assert_false(reach.refused);
        assert_int_equal(buf_error(&req.response), i == 4 ? ERR_TOOBIG : 0);
        http_req_free(&req);
        http_peer_close(peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_an_answer_that_began_ended_is_told),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
