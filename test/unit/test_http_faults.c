/* The HTTP client and peers that break the rules of size and patience, as measured in the table of
 * libcurl's answers; and trust that is judged anew. */
#include "http/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "lib/http_caller.h"
#include "lib/http_peer.h"

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))
#define RSS_MAX_KB (16 * 1024)

/* Freed memory stays in a sanitizer's hands: its growth says nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_MEMORY false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTS_MEMORY false
#else
#define COUNTS_MEMORY true
#endif
#else
#define COUNTS_MEMORY true
#endif

static const struct http_limits limits = {
    .connect_ms = 2000, .total_ms = 20000, .stall_ms = 20000, .response_bytes = 65536};

static int setup(void **state)
{
    *state = http_caller_new(&limits);
    return 0;
}

static int teardown(void **state)
{
    http_caller_free(*state);
    return 0;
}

/* ---- peers ---- */

/* Answers with the text in ctx and ends the connection. */
static void serve_text_once(struct http_peer_conn *conn)
{
    if (http_peer_read(conn)) {
        http_peer_puts(conn, conn->ctx);
    }
}

static void serve_text(struct http_peer_conn *conn)
{
    while (http_peer_read(conn) && http_peer_puts(conn, conn->ctx)) {
    }
}

/* A byte every 50 ms, until the client leaves. */
static void drip(struct http_peer_conn *conn)
{
    while (http_peer_send(conn, "x", 1)) {
        usleep(50000);
    }
}

static void serve_head_slowly(struct http_peer_conn *conn)
{
    if (http_peer_read(conn)) {
        http_peer_puts(conn, "HTTP/1.1 200 OK\r\nX-Slow: ");
        drip(conn);
    }
}

static void serve_body_slowly(struct http_peer_conn *conn)
{
    if (http_peer_read(conn)) {
        http_peer_puts(conn, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
        drip(conn);
    }
}

/* Takes the head and no byte of the body until the client leaves. */
static void serve_without_reading(struct http_peer_conn *conn)
{
    if (http_peer_read_head(conn)) {
        usleep(3000000);
    }
}

static void pour(struct http_peer_conn *conn, const char *piece, size_t n, int times)
{
    for (int i = 0; i < times && http_peer_send(conn, piece, n); i++) {
    }
}

static void serve_many_headers(struct http_peer_conn *conn)
{
    char line[1024];

    memset(line, 'a', sizeof(line));
    memcpy(line, "X: ", 3);
    memcpy(line + sizeof(line) - 2, "\r\n", 2);
    if (http_peer_read(conn)) {
        http_peer_puts(conn, "HTTP/1.1 200 OK\r\n");
        pour(conn, line, sizeof(line), 2000);
        http_peer_puts(conn, "\r\n");
    }
}

static void serve_one_header(struct http_peer_conn *conn)
{
    static char piece[1000];

    memset(piece, 'a', sizeof(piece));
    if (http_peer_read(conn)) {
        http_peer_puts(conn, "HTTP/1.1 200 OK\r\nX: ");
        pour(conn, piece, sizeof(piece), 300);
        http_peer_puts(conn, "\r\n\r\n");
    }
}

static void serve_many_continues(struct http_peer_conn *conn)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

    if (http_peer_read(conn)) {
        pour(conn, text, sizeof(text) - 1, 2000);
        http_peer_puts(conn, HELLO);
    }
}

static void serve_a_gigabyte(struct http_peer_conn *conn)
{
    static char piece[65536];

    if (http_peer_read(conn)) {
        http_peer_puts(conn, conn->ctx);
        pour(conn, piece, sizeof(piece), 16384);
    }
}

/* ---- the table ---- */

static void what_curl_calls_well_and_badly(void **state)
{
    static const struct {
        const char *name, *text;
        void (*serve)(struct http_peer_conn *conn);
        enum http_result result;
        int curl_code;
        const char *body; /* of an answer; NULL: not compared */
    } rows[] = {
        {"a body without a length is as long as it lasts",
         "HTTP/1.1 200 OK\r\n\r\n{\"error_code\":0", serve_text_once, HTTP_ANSWERED, 0,
         "{\"error_code\":0"},
        {"nothing is unpacked",
         "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b\x08zz",
         serve_text_once, HTTP_ANSWERED, 0, "\x1f\x8b\x08zz"},
        {"unknown encoding",
         "HTTP/1.1 200 OK\r\nContent-Encoding: x\r\nContent-Length: 2\r\n\r\n{}", serve_text_once,
         HTTP_ANSWERED, 0, "{}"},
        {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}",
         serve_text_once, HTTP_UNKNOWN, 18, NULL},
        {"HTTP 0.9", "hello", serve_text_once, HTTP_UNKNOWN, 1, NULL},
        {"2000 headers", NULL, serve_many_headers, HTTP_UNKNOWN, 56, NULL},
        {"a header of 300 kB", NULL, serve_one_header, HTTP_UNKNOWN, 27, NULL},
        {"2000 times continue", NULL, serve_many_continues, HTTP_ANSWERED, 0, "hello"},
        {"a gigabyte with its length", "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n",
         serve_a_gigabyte, HTTP_UNKNOWN, 23, NULL},
        {"a gigabyte without", "HTTP/1.1 200 OK\r\n\r\n", serve_a_gigabyte, HTTP_UNKNOWN, 23, NULL},
    };
    struct http_caller *f = *state;
    struct rusage before;
    struct rusage after;

    getrusage(RUSAGE_SELF, &before);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct http_peer *peer = http_peer_open(rows[i].serve, (void *)rows[i].text, false);
        struct http_req req = http_caller_request(f, "POST", http_peer_url(peer, "/"));

        req.body = "x";
        req.body_len = 1;
        http_caller_call(f, &req);
        if (req.result != rows[i].result || req.curl_code != rows[i].curl_code) {
            fail_msg("%s: result %d, curl %d", rows[i].name, (int)req.result, req.curl_code);
        }
        if (rows[i].body != NULL) {
            assert_string_equal(buf_text(&req.response), rows[i].body);
        }
        assert_true(req.response.len <= limits.response_bytes);
        assert_int_equal(http_peer_requests(peer), 1);
        http_req_free(&req);
        http_peer_close(peer);
    }
    getrusage(RUSAGE_SELF, &after);
    if (COUNTS_MEMORY && getenv("SLOW_TOOL") == NULL) {
        assert_true(after.ru_maxrss - before.ru_maxrss < RSS_MAX_KB);
    }
}

/* ---- patience ---- */

static void an_answer_that_drips_ends_with_the_total_time(void **state)
{
    static void (*const serve[])(struct http_peer_conn *) = {serve_head_slowly, serve_body_slowly};
    struct http_caller *f = *state;

    for (size_t i = 0; i < LENGTH_OF(serve); i++) {
        struct http_peer *peer = http_peer_open(serve[i], NULL, false);
        struct http_req req = http_caller_request(f, "POST", http_peer_url(peer, "/"));

        req.limits.total_ms = 600;
        req.body = "x";
        req.body_len = 1;
        http_caller_call(f, &req);
        assert_int_equal(req.result, HTTP_UNKNOWN);
        assert_int_equal(req.curl_code, 28);
        assert_in_range(req.took_ms, 550, 15000);
        http_req_free(&req);
        http_peer_close(peer);
    }
}

/* More than the sockets of both sides hold, so that it is the sending that stands still. */
static void a_peer_that_never_reads_ends_with_the_stall(void **state)
{
    struct http_caller *f = *state;
    struct http_peer *peer = http_peer_open(serve_without_reading, NULL, false);
    struct http_req req = http_caller_request(f, "POST", http_peer_url(peer, "/"));
    size_t n = (size_t)32 << 20;
    char *body = calloc(1, n);

    assert_non_null(body);
    req.limits.stall_ms = 1000;
    req.body = body;
    req.body_len = n;
    http_caller_call(f, &req);
    assert_int_equal(req.result, HTTP_UNKNOWN);
    assert_true(req.curl_code == 28 || req.curl_code == 55 || req.curl_code == 56);
    assert_true(req.took_ms >= 900);
    free(body);
    http_req_free(&req);
    http_peer_close(peer);
}

/* ---- trust ---- */

static void after_a_renewal_nothing_old_is_used(void **state)
{
    struct http_caller *f = *state;
    struct http_peer *peer = http_peer_open(serve_text, HELLO, true);
    struct http_req req = http_caller_request(f, "GET", http_peer_url(peer, "/"));

    f->tls.allow_plaintext = false;
    f->tls.ca_file = http_peer_ca_file(peer);
    for (int i = 0; i < 3; i++) {
        http_caller_call(f, &req);
        assert_int_equal(req.result, HTTP_ANSWERED);
    }
    assert_int_equal(http_peer_connections(peer), 1);
    http_client_uv_renew(f->client);
    http_caller_call(f, &req);
    assert_int_equal(req.result, HTTP_ANSWERED);
    assert_int_equal(http_peer_connections(peer), 2);
    /* the authority behind the same path is another now: a resumed session would not look */
    assert_int_equal(truncate(f->tls.ca_file, 0), 0);
    http_client_uv_renew(f->client);
    http_caller_call(f, &req);
    assert_true(req.result == HTTP_NOT_SENT || req.result == HTTP_TRUST);
    assert_int_equal(http_peer_requests(peer), 4);
    http_req_free(&req);
    http_peer_close(peer);
}

/* Some seconds later connections are kept as before. */
static void a_renewal_is_over_soon(void **state)
{
    struct http_caller *f = *state;
    struct http_peer *peer = http_peer_open(serve_text, HELLO, false);
    struct http_req req = http_caller_request(f, "GET", http_peer_url(peer, "/"));
    unsigned connections;

    http_client_uv_renew(f->client);
    usleep(3100000);
    uv_update_time(&f->uv);
    http_caller_call(f, &req);
    connections = http_peer_connections(peer);
    for (int i = 0; i < 5; i++) {
        http_caller_call(f, &req);
        assert_int_equal(req.result, HTTP_ANSWERED);
    }
    assert_int_equal(http_peer_connections(peer), connections);
    http_req_free(&req);
    http_peer_close(peer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_curl_calls_well_and_badly),
        TEST(an_answer_that_drips_ends_with_the_total_time),
        TEST(a_peer_that_never_reads_ends_with_the_stall),
        TEST(after_a_renewal_nothing_old_is_used),
        TEST(a_renewal_is_over_soon),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
