#include "http/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/net_allow.h"
#include "daemon/loop_uv.h"
#include "http/client.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

struct fixture {
    uv_loop_t uv;
    struct loop_uv *loop_uv;
    struct loop *loop;
    struct http_server *server;
    struct http_server_options options;
    char dir[64];
    char path[108];
    struct http_call *held; /* the last call of /later */
    struct loop_timer answer_later;
    unsigned calls;
    unsigned gone;
    struct http_call *waiting[8]; /* calls of /queue */
    unsigned n_waiting;
    bool done; /* the client of the project */
    bool closed;
    bool refuse;
    uid_t seen_uid;
    pid_t seen_pid;
    char seen[512];
    char answer[131072]; /* what the client read */
    char *big;
};

#define BIG_BYTES ((size_t)16 << 20)

static void on_closed(void *ctx)
{
    ((struct fixture *)ctx)->closed = true;
}

static void on_answer_later(struct loop_timer *timer)
{
    struct fixture *f = CONTAINER_OF(timer, struct fixture, answer_later);
    struct http_call *call = f->held;

    f->held = NULL;
    http_answer(call, 200, "text/plain", "late", 4);
}

static void handle(void *ctx, struct http_call *call)
{
    struct fixture *f = ctx;
    const char *q = http_call_query(call, "q");
    const char *header = http_call_header(call, "x-test");

    f->calls++;
    f->seen_uid = call->uid;
    f->seen_pid = call->pid;
    snprintf(f->seen, sizeof(f->seen), "%s %s q=%s x=%s body=%zu:%.20s", call->method, call->path,
             q != NULL ? q : "-", header != NULL ? header : "-", call->body_len, call->body);
    if (strcmp(call->path, "/queue") == 0) {
        f->waiting[f->n_waiting++] = call;
    } else if (strcmp(call->path, "/header") == 0) {
        http_call_add_header(call, "Retry-After", "7");
        http_answer(call, 200, "text/plain", call->peer, strlen(call->peer));
    } else if (strcmp(call->path, "/later") == 0) {
        f->held = call;
    } else if (strcmp(call->path, "/wait") == 0) {
        f->held = call;
        loop_timer_start(f->loop, &f->answer_later, 200);
    } else if (strcmp(call->path, "/problem") == 0) {
        http_answer_problem(call, 404, "No \"such\" record.");
    } else if (strcmp(call->path, "/big") == 0) {
        http_answer(call, 200, "text/plain", f->big, BIG_BYTES);
    } else if (strcmp(call->path, "/stop") == 0) {
        http_server_close(f->server, on_closed, f);
        f->server = NULL;
        http_answer(call, 200, "text/plain", "bye", 3);
    } else {
        http_answer(call, 200, "text/plain", "fine", 4);
    }
}

static bool admit(void *ctx, uid_t uid, gid_t gid, pid_t pid)
{
    struct fixture *f = ctx;

    assert_int_equal(uid, getuid());
    assert_int_equal(gid, getgid());
    assert_int_equal(pid, getpid());
    return !f->refuse;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->big = calloc(1, BIG_BYTES);
    assert_non_null(f->big);
    assert_int_equal(uv_loop_init(&f->uv), 0);
    assert_int_equal(loop_uv_open(&f->uv, &f->loop_uv), 0);
    f->loop = loop_uv_loop(f->loop_uv);
    loop_timer_init(&f->answer_later, on_answer_later);
    snprintf(f->dir, sizeof(f->dir), "/tmp/http_server.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
    f->options = (struct http_server_options){
        .unix_path = f->path,
        .unix_mode = 0660,
        .listen_fd = -1,
        .max_connections = 16,
        .max_connections_per_uid = 8,
        .deadline_ms = 3000,
        .max_body_bytes = 1000,
        .handle = handle,
        .ctx = f,
    };
    *state = f;
    return 0;
}

static void open_server(struct fixture *f)
{
    struct errmsg msg = {0};

    assert_int_equal(http_server_open(&f->uv, f->loop, NULL, &f->options, &f->server, &msg), 0);
}

static void wait_closed(struct fixture *f)
{
    while (!f->closed) {
        uv_run(&f->uv, UV_RUN_ONCE);
    }
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->server != NULL) {
        http_server_close(f->server, on_closed, f);
        assert_false(f->closed);
        wait_closed(f);
        assert_int_equal(access(f->path, F_OK), -1);
    }
    loop_timer_stop(&f->answer_later);
    loop_uv_close(f->loop_uv);
    uv_run(&f->uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->uv), 0);
    unlink(f->path);
    assert_int_equal(rmdir(f->dir), 0);
    free(f->big);
    free(f);
    return 0;
}

/* ---- a client on this thread, between turns of the loop ---- */

static void turn(struct fixture *f)
{
    uv_run(&f->uv, UV_RUN_NOWAIT);
    usleep(200);
}

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static int dial(const struct fixture *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    memcpy(address.sun_path, f->path, strlen(f->path) + 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* One whole answer (by Content-Length) in f->answer; false when the connection ended before. */
static bool get(struct fixture *f, int fd)
{
    size_t n = 0;
    uint64_t until_ms = now_ms() + 5000;

    memset(f->answer, 0, sizeof(f->answer));
    while (now_ms() < until_ms) {
        const char *end = strstr(f->answer, "\r\n\r\n");
        const char *length = strcasestr(f->answer, "Content-Length:");
        ssize_t r;

        if (end != NULL && length != NULL &&
            n >= (size_t)(end + 4 - f->answer) + strtoul(length + 15, NULL, 10)) {
            return true;
        }
        r = recv(fd, f->answer + n, sizeof(f->answer) - 1 - n, MSG_DONTWAIT);
        if (r == 0 || (r < 0 && errno != EAGAIN)) {
            return false;
        }
        n += r > 0 ? (size_t)r : 0;
        turn(f);
    }
    fail_msg("no answer within 5 seconds");
    return false;
}

static bool ended(struct fixture *f, int fd, uint64_t within_ms)
{
    uint64_t until_ms = now_ms() + within_ms;
    char sink[4096];

    while (now_ms() < until_ms) {
        ssize_t r = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);

        if (r == 0 || (r < 0 && errno != EAGAIN)) {
            return true;
        }
        turn(f);
    }
    return false;
}

static unsigned status_of(const struct fixture *f)
{
    return (unsigned)strtoul(f->answer + strlen("HTTP/1.1 "), NULL, 10);
}

static unsigned ask(struct fixture *f, int fd, const char *request)
{
    put(fd, request);
    assert_true(get(f, fd));
    return status_of(f);
}

static unsigned ask_once(struct fixture *f, const char *request)
{
    int fd = dial(f);
    unsigned status = ask(f, fd, request);

    close(fd);
    return status;
}

#define GET_OK "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n"

/* ---- requests ---- */

static void a_request_reaches_the_handler_decoded(void **state)
{
    struct fixture *f = *state;

    f->options.admit = admit;
    open_server(f);
    assert_int_equal(
        ask_once(f, "GET /a%20b/c?q=%C4%91%26&r=1 HTTP/1.1\r\nHost: x\r\nX-Test: t\r\n\r\n"), 200);
    assert_string_equal(f->seen, "GET /a b/c q=\xC4\x91& x=t body=0:");
    assert_int_equal(f->seen_uid, getuid());
    assert_int_equal(f->seen_pid, getpid());
    assert_non_null(strstr(f->answer, "Content-Type: text/plain\r\n"));
    assert_string_equal(strstr(f->answer, "\r\n\r\n") + 4, "fine");
}

static void a_body_arrives_whole(void **state)
{
    struct fixture *f = *state;
    int fd;

    open_server(f);
    fd = dial(f);
    put(fd, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
    for (int i = 0; i < 20; i++) {
        turn(f);
    }
    assert_int_equal(f->calls, 0);
    assert_int_equal(ask(f, fd, "llo"), 200);
    assert_string_equal(f->seen, "POST /p q=- x=- body=5:hello");
    assert_int_equal(ask(f, fd, GET_OK), 200); /* the connection is kept */
    assert_string_equal(f->seen, "GET /ok q=- x=- body=0:");
    close(fd);
}

static void bodies_beyond_the_limit_are_refused(void **state)
{
    struct fixture *f = *state;
    char text[4096];
    int n;

    open_server(f);
    assert_int_equal(ask_once(f, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"),
                     413);
    n = snprintf(text, sizeof(text),
                 "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n");
    memset(text + n, 'x', 2000);
    strcpy(text + n + 2000, "\r\n0\r\n\r\n");
    assert_int_equal(ask_once(f, text), 413);
    assert_int_equal(f->calls, 0);
    assert_non_null(strstr(f->answer, "application/problem+json"));
}

static void a_problem_is_json(void **state)
{
    struct fixture *f = *state;

    open_server(f);
    assert_int_equal(ask_once(f, "GET /problem HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
    assert_string_equal(strstr(f->answer, "\r\n\r\n") + 4,
                        "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                        "\"detail\":\"No \\\"such\\\" record.\"}\n");
}

static void count_turn(uv_prepare_t *prepare)
{
    (*(unsigned *)prepare->data)++;
}

static void an_answer_may_come_later_and_waiting_does_not_spin(void **state)
{
    struct fixture *f = *state;
    uv_prepare_t prepare;
    unsigned turns = 0;
    int fd;

    open_server(f);
    uv_prepare_init(&f->uv, &prepare);
    prepare.data = &turns;
    uv_prepare_start(&prepare, count_turn);
    fd = dial(f);
    put(fd, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    while (f->held == NULL) {
        uv_run(&f->uv, UV_RUN_ONCE);
    }
    while (f->held != NULL) {
        uv_run(&f->uv, UV_RUN_ONCE);
    }
    assert_in_range(turns, 2, 60);
    assert_true(get(f, fd));
    assert_int_equal(status_of(f), 200);
    assert_string_equal(strstr(f->answer, "\r\n\r\n") + 4, "late");
    assert_int_equal(ask(f, fd, GET_OK), 200);
    close(fd);
    uv_close((uv_handle_t *)&prepare, NULL);
    turn(f);
}

static void garbage_harms_nobody(void **state)
{
    static const char *const rows[] = {
        "\r\n\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "\x01\x02\x03\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "GET /%zz%00 HTTP/1.1\r\nHost: x\r\n\r\n"};
    struct fixture *f = *state;

    f->options.deadline_ms = 200;
    open_server(f);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        int fd = dial(f);

        put(fd, rows[i]);
        assert_true(ended(f, fd, 3000));
        close(fd);
    }
    assert_int_equal(ask_once(f, GET_OK), 200);
}

/* ---- who may, and for how long ---- */

static void a_dripping_client_is_cut_at_the_deadline(void **state)
{
    static const char drip[] =
        "GET /ok HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct fixture *f = *state;
    uint64_t start_ms = now_ms();
    bool cut = false;
    int fd;

    f->options.deadline_ms = 300;
    open_server(f);
    fd = dial(f);
    for (size_t i = 0; i < sizeof(drip) - 1 && !cut; i++) {
        cut = send(fd, drip + i, 1, MSG_NOSIGNAL) != 1 || ended(f, fd, 50);
    }
    assert_true(cut);
    assert_in_range(now_ms() - start_ms, 250, 5000);
    assert_int_equal(f->calls, 0);
    close(fd);
}

static void an_idle_kept_connection_ends(void **state)
{
    struct fixture *f = *state;
    uint64_t start_ms;
    int fd;

    f->options.deadline_ms = 600;
    open_server(f);
    fd = dial(f);
    assert_false(ended(f, fd, 150));
    assert_int_equal(ask(f, fd, GET_OK), 200);
    start_ms = now_ms();
    assert_true(ended(f, fd, 5000));
    assert_in_range(now_ms() - start_ms, 500, 5000);
    close(fd);
}

static void a_waiting_handler_is_not_cut(void **state)
{
    struct fixture *f = *state;

    f->options.deadline_ms = 50;
    open_server(f);
    assert_int_equal(ask_once(f, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
}

static void a_reader_that_does_not_read_is_cut(void **state)
{
    struct fixture *f = *state;
    uint64_t start_ms;
    int slow;

    f->options.deadline_ms = 250;
    f->options.max_connections = 1;
    open_server(f);
    slow = dial(f);
    put(slow, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    while (f->calls == 0) {
        turn(f);
    }
    start_ms = now_ms();
    assert_int_equal(ask_once(f, GET_OK), 503);
    while (ask_once(f, GET_OK) == 503) {
        assert_true(now_ms() - start_ms < 8000);
    }
    assert_true(now_ms() - start_ms >= 900);
    close(slow);
}

static void one_user_cannot_take_all_connections(void **state)
{
    struct fixture *f = *state;
    int fds[8];
    uint64_t start_ms = now_ms();

    f->options.deadline_ms = 1000;
    open_server(f);
    for (size_t i = 0; i < LENGTH_OF(fds); i++) {
        fds[i] = dial(f);
    }
    assert_int_equal(ask_once(f, GET_OK), 503);
    assert_true(now_ms() - start_ms < 900);
    for (size_t i = 0; i < LENGTH_OF(fds); i++) {
        assert_true(ended(f, fds[i], 5000));
        close(fds[i]);
    }
    assert_int_equal(ask_once(f, GET_OK), 200);
}

static void who_is_not_admitted_gets_nothing(void **state)
{
    struct fixture *f = *state;
    int fd;

    f->options.admit = admit;
    f->refuse = true;
    open_server(f);
    fd = dial(f);
    assert_true(ended(f, fd, 1000));
    close(fd);
}

static void running_out_of_descriptors_only_pauses(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;
    struct rlimit none;
    int first;
    int fd;

    open_server(f);
    first = dial(f);
    fd = dial(f);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    put(fd, GET_OK);
    for (int i = 0; i < 50; i++) {
        turn(f);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(f->calls, 0);
    assert_true(get(f, fd));
    assert_int_equal(status_of(f), 200);
    close(first);
    close(fd);
}

/* ---- sockets ---- */

static int try_open(struct fixture *f)
{
    struct http_server *server;
    struct errmsg msg = {0};
    int err = http_server_open(&f->uv, f->loop, NULL, &f->options, &server, &msg);

    assert_true(err != 0);
    assert_string_not_equal(msg.text, "");
    return err;
}

static void the_socket_has_its_mode_from_the_start(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    f->options.unix_mode = 0600;
    open_server(f);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_stale_socket_is_replaced_a_live_one_is_not(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, f->path, strlen(f->path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(try_open(f), ERR_BUSY);
    assert_int_equal(try_open(f), ERR_BUSY); /* its queue is full by now: still alive */
    close(fd);
    open_server(f);
    assert_int_equal(try_open(f), ERR_BUSY);
    assert_int_equal(ask_once(f, GET_OK), 200);
}

static void what_is_not_a_socket_stays(void **state)
{
    struct fixture *f = *state;
    FILE *file = fopen(f->path, "w");

    assert_non_null(file);
    fclose(file);
    assert_int_equal(try_open(f), ERR_EXISTS);
    assert_int_equal(access(f->path, F_OK), 0);
}

static void impossible_places_are_errors(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", ":80", "localhost:80", "127.0.0.1:x",
                                            "[::1"};
    struct fixture *f = *state;
    char path[200];

    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[108] = '\0';
    f->options.unix_path = path;
    assert_int_equal(try_open(f), ERR_TOOBIG);
    f->options.unix_path = "/nonexistent/dir/sock";
    assert_int_equal(try_open(f), ERR_IO);
    f->options.unix_path = f->path;
    f->options.group = "no-such-group";
    assert_int_equal(try_open(f), ERR_NOTFOUND);
    assert_int_equal(access(f->path, F_OK), -1);
    f->options.unix_path = NULL;
    assert_int_equal(try_open(f), ERR_INVAL);
    for (size_t i = 0; i < LENGTH_OF(addresses); i++) {
        f->options.tcp_address = addresses[i];
        assert_int_equal(try_open(f), ERR_FORMAT);
    }
    f->options.listen_fd = 0;
    assert_int_equal(try_open(f), ERR_INVAL);
}

static void a_socket_of_systemd_is_taken_over(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    memcpy(address.sun_path, f->path, strlen(f->path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    f->options.listen_fd = fd;
    open_server(f);
    assert_int_equal(ask_once(f, GET_OK), 200);
    assert_int_equal(f->seen_uid, getuid());
    http_server_close(f->server, on_closed, f);
    f->server = NULL;
    wait_closed(f);
    assert_int_equal(access(f->path, F_OK), 0); /* not ours to remove */
}

static void tcp_works_and_has_no_user(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in address = {.sin_family = AF_INET};
    char taken[64];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    f->options.unix_path = NULL;
    f->options.tcp_address = "127.0.0.1:0";
    open_server(f);
    address.sin_port = htons(http_server_port(f->server));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(ask(f, fd, GET_OK), 200);
    assert_int_equal(f->seen_uid, (uid_t)-1);
    close(fd);
    snprintf(taken, sizeof(taken), "127.0.0.1:%u", (unsigned)http_server_port(f->server));
    f->options.tcp_address = taken;
    assert_int_equal(try_open(f), ERR_BUSY);
}

/* ---- ends ---- */

static void hold_one(struct fixture *f, int fd)
{
    put(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    while (f->held == NULL) {
        turn(f);
    }
}

static void closing_answers_what_waits_and_a_late_answer_is_harmless(void **state)
{
    struct fixture *f = *state;
    int idle;
    int fd;

    open_server(f);
    idle = dial(f);
    fd = dial(f);
    hold_one(f, fd);
    http_server_close(f->server, on_closed, f);
    f->server = NULL;
    wait_closed(f);
    assert_true(get(f, fd));
    assert_int_equal(status_of(f), 503);
    assert_true(ended(f, idle, 1000));
    assert_null(http_call_query(f->held, "q"));
    assert_null(http_call_header(f->held, "Host"));
    http_answer(f->held, 200, "text/plain", "x", 1);
    close(fd);
    close(idle);
}

static void a_client_that_left_does_not_matter(void **state)
{
    struct fixture *f = *state;
    int fd;

    open_server(f);
    for (int i = 0; i < 3; i++) {
        fd = dial(f);
        hold_one(f, fd);
        close(fd);
        for (int k = 0; k < 20; k++) {
            turn(f);
        }
        http_answer_problem(f->held, 500, "x");
        f->held = NULL;
    }
    assert_int_equal(ask_once(f, GET_OK), 200);
}

static void a_handler_may_close_the_server(void **state)
{
    struct fixture *f = *state;
    int fd;

    open_server(f);
    fd = dial(f);
    assert_int_equal(ask(f, fd, "POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
                     200);
    wait_closed(f);
    assert_true(ended(f, fd, 1000));
    close(fd);
}

/* ---- for the outside ---- */

static int dial_tcp(const struct fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    address.sin_port = htons(http_server_port(f->server));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void open_tcp(struct fixture *f)
{
    f->options.unix_path = NULL;
    f->options.tcp_address = "127.0.0.1:0";
    open_server(f);
}

static void a_handler_sees_the_address_and_adds_headers(void **state)
{
    struct fixture *f = *state;
    int fd;

    open_tcp(f);
    fd = dial_tcp(f);
    assert_int_equal(ask(f, fd, "GET /header HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
    assert_string_equal(strstr(f->answer, "\r\n\r\n") + 4, "127.0.0.1");
    assert_non_null(strstr(f->answer, "Retry-After: 7\r\n"));
    close(fd);
}

static void chunked_bodies_and_expect_work(void **state)
{
    struct fixture *f = *state;
    int fd;

    open_tcp(f);
    fd = dial_tcp(f);
    assert_int_equal(ask(f, fd,
                         "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
                     200);
    assert_string_equal(f->seen, "POST /p q=- x=- body=5:abcde");
    put(fd, "POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    memset(f->answer, 0, sizeof(f->answer));
    for (int i = 0; i < 500 && strstr(f->answer, "100 Continue") == NULL; i++) {
        turn(f);
        (void)recv(fd, f->answer, sizeof(f->answer) - 1, MSG_DONTWAIT);
    }
    assert_non_null(strstr(f->answer, "100 Continue"));
    assert_int_equal(ask(f, fd, "hello"), 200);
    assert_string_equal(f->seen, "POST /p q=- x=- body=5:hello");
    put(fd, "POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            "Content-Length: 5000\r\n\r\n");
    assert_true(get(f, fd)); /* refused before it is sent */
    assert_int_equal(status_of(f), 413);
    close(fd);
}

static void a_writer_of_a_long_body_still_sees_the_refusal(void **state)
{
    struct fixture *f = *state;
    char *body = calloc(1, 100001);
    int fd;

    memset(body, 'x', 100000);
    f->options.drain_bytes = 200000;
    open_tcp(f);
    fd = dial_tcp(f);
    put(fd, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    for (size_t at = 0; at < 100000; at += 10000) {
        assert_int_equal(send(fd, body + at, 10000, MSG_NOSIGNAL), 10000);
        turn(f);
    }
    assert_true(get(f, fd));
    assert_int_equal(status_of(f), 413);
    assert_int_equal(f->calls, 0);
    close(fd);
    free(body);
}

static void only_allowed_addresses_get_in(void **state)
{
    struct fixture *f = *state;
    struct net_allow allow = {.n = 1};
    struct errmsg msg = {0};
    int fd;

    assert_int_equal(net_range_parse("10.0.0.0/8", &allow.ranges[0], &msg), 0);
    f->options.allow = &allow;
    open_tcp(f);
    fd = dial_tcp(f);
    assert_true(ended(f, fd, 1000));
    close(fd);
    assert_int_equal(net_range_parse("127.0.0.0/8", &allow.ranges[0], &msg), 0);
    fd = dial_tcp(f);
    assert_int_equal(ask(f, fd, GET_OK), 200);
    close(fd);
}

static void one_address_cannot_take_all_connections(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    int fd;

    f->options.max_connections_per_address = 2;
    open_tcp(f);
    fds[0] = dial_tcp(f);
    fds[1] = dial_tcp(f);
    for (int i = 0; i < 20; i++) {
        turn(f);
    }
    fd = dial_tcp(f);
    assert_int_equal(ask(f, fd, GET_OK), 503);
    assert_non_null(strstr(f->answer, "Retry-After:"));
    close(fd);
    close(fds[0]);
    close(fds[1]);
}

static void calls_of_one_address_wait_for_their_turn(void **state)
{
    static const char queue[] = "GET /queue HTTP/1.1\r\nHost: x\r\n\r\n";
    struct fixture *f = *state;
    int fds[4];

    f->options.max_calls_per_address = 2;
    open_tcp(f);
    for (size_t i = 0; i < LENGTH_OF(fds); i++) {
        fds[i] = dial_tcp(f);
        put(fds[i], queue);
        for (int k = 0; k < 10; k++) {
            turn(f);
        }
    }
    assert_int_equal(f->n_waiting, 2);
    for (unsigned i = 0; i < LENGTH_OF(fds); i++) {
        assert_true(f->n_waiting > i);
        http_answer(f->waiting[i], 200, "text/plain", "x", 1);
        assert_true(get(f, fds[i])); /* in the order of their coming */
        assert_int_equal(status_of(f), 200);
        assert_true(f->n_waiting <= i + 3);
    }
    assert_int_equal(f->n_waiting, 4);
    put(fds[0], queue);
    put(fds[1], queue);
    put(fds[2], queue);
    for (int k = 0; k < 20; k++) {
        turn(f);
    }
    assert_int_equal(f->n_waiting, 6);
    http_server_close(f->server, on_closed, f); /* the third waits for its turn */
    f->server = NULL;
    wait_closed(f);
    for (size_t i = 0; i < LENGTH_OF(fds); i++) {
        if (i < 3) {
            assert_true(get(f, fds[i]));
            assert_int_equal(status_of(f), 503);
        }
        close(fds[i]);
    }
    http_answer(f->waiting[4], 200, "text/plain", "x", 1);
    http_answer(f->waiting[5], 200, "text/plain", "x", 1);
}

static void on_client_gone(void *ctx, struct http_call *call)
{
    struct fixture *f = ctx;

    assert_ptr_equal(call, f->held);
    f->gone++;
}

static void a_client_that_leaves_is_told_of(void **state)
{
    struct fixture *f = *state;
    int fd;

    f->options.gone = on_client_gone;
    open_tcp(f);
    fd = dial_tcp(f);
    put(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    while (f->held == NULL) {
        turn(f);
    }
    close(fd);
    for (int i = 0; i < 5000 && f->gone == 0; i++) {
        turn(f);
    }
    assert_int_equal(f->gone, 1);
    http_answer(f->held, 200, "text/plain", "x", 1);
    fd = dial_tcp(f);
    assert_int_equal(ask(f, fd, GET_OK), 200);
    close(fd);
}

static void a_kept_connection_may_be_silent_longer_than_a_request(void **state)
{
    struct fixture *f = *state;
    int fd;

    f->options.deadline_ms = 200;
    f->options.idle_ms = 5000;
    open_tcp(f);
    fd = dial_tcp(f);
    assert_int_equal(ask(f, fd, GET_OK), 200);
    assert_false(ended(f, fd, 500));
    assert_int_equal(ask(f, fd, GET_OK), 200);
    put(fd, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
    assert_true(ended(f, fd, 2000)); /* a request that has begun has the short deadline */
    close(fd);
}

/* ---- TLS ---- */

static char *read_pem(const char *name)
{
    char path[200];
    char *text = calloc(1, 8192);
    FILE *file;

    snprintf(path, sizeof(path), "test/data/tls/%s", name);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, 8191, file) > 0);
    fclose(file);
    return text;
}

static void on_req_done(struct http_req *req)
{
    ((struct fixture *)req->ctx)->done = true;
}

/* One call over TLS with the project's own client. */
static void ask_tls(struct fixture *f, struct http_client *client, struct http_req *req,
                    const char *path, const char *body)
{
    static const struct http_tls tls = {.ca_file = "test/data/tls/test.crt"};
    char url[100];
    uint64_t until_ms = now_ms() + 5000;

    snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", (unsigned)http_server_port(f->server),
             path);
    http_req_init(req);
    req->method = body != NULL ? "POST" : "GET";
    req->url = url;
    req->body = body;
    req->body_len = body != NULL ? strlen(body) : 0;
    req->limits = (struct http_limits){2000, 5000, 3000, 1 << 20};
    req->tls = &tls;
    req->done = on_req_done;
    req->ctx = f;
    f->done = false;
    assert_int_equal(http_send(client, req), 0);
    while (!f->done && now_ms() < until_ms) {
        turn(f);
    }
    assert_true(f->done);
    assert_int_equal(req->result, HTTP_ANSWERED);
}

static void on_client_closed(void *ctx)
{
    ((struct fixture *)ctx)->done = true;
}

static void tls_carries_calls_and_late_answers(void **state)
{
    struct fixture *f = *state;
    char *certificate = read_pem("test.crt");
    char *key = read_pem("test.key");
    char *body = calloc(1, 60001);
    struct http_client *client;
    struct http_req req;
    struct errmsg msg = {0};
    char seen[64];

    memset(body, 'b', 60000);
    f->options.tls_certificate = certificate;
    f->options.tls_key = key;
    f->options.max_body_bytes = 1 << 20;
    open_tcp(f);
    free(certificate);
    free(key);
    assert_int_equal(http_client_uv_open(&f->uv, f->loop, 4, &client, &msg), 0);
    for (int i = 0; i < 3; i++) { /* over one kept connection */
        ask_tls(f, client, &req, "/p", body);
        assert_int_equal(req.status, 200);
        snprintf(seen, sizeof(seen), "POST /p q=- x=- body=60000:%.20s", body);
        assert_string_equal(f->seen, seen);
        http_req_free(&req);
        ask_tls(f, client, &req, "/wait", NULL);
        assert_string_equal(buf_text(&req.response), "late");
        http_req_free(&req);
    }
    f->done = false;
    http_client_uv_close(client, on_client_closed, f);
    while (!f->done) {
        turn(f);
    }
    free(body);
}

static void a_plain_client_of_a_tls_server_gets_nothing(void **state)
{
    struct fixture *f = *state;
    char *certificate = read_pem("test.crt");
    char *key = read_pem("test.key");
    int fd;

    f->options.tls_certificate = certificate;
    f->options.tls_key = key;
    open_tcp(f);
    fd = dial_tcp(f);
    put(fd, GET_OK);
    assert_true(ended(f, fd, 5000));
    assert_int_equal(f->calls, 0);
    close(fd);
    f->options.tls_key = "no key";
    assert_int_equal(try_open(f), ERR_CONFIG);
    free(certificate);
    free(key);
}

/* ---- addresses and nets ---- */

static void nets_are_parsed_and_matched(void **state)
{
    static const char *const bad[] = {"",          "x",           "10.0.0.0/33", "10.0.0.1/8",
                                      "10.0.0.0/", "10.0.0.0/8x", "fd00::/129",  "10.0.0.0/-1"};
    struct net_allow allow = {.n = 3};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct errmsg msg = {0};
    char text[NET_ADDRESS_SIZE];

    (void)state;
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        assert_int_equal(net_range_parse(bad[i], &allow.ranges[0], &msg), ERR_FORMAT);
    }
    assert_int_equal(net_range_parse("10.1.0.0/17", &allow.ranges[0], &msg), 0);
    assert_int_equal(net_range_parse("192.168.1.7", &allow.ranges[1], &msg), 0);
    assert_int_equal(net_range_parse("fd00:1::/32", &allow.ranges[2], &msg), 0);
    inet_pton(AF_INET, "10.1.127.255", &v4.sin_addr);
    assert_true(net_allowed(&allow, (struct sockaddr *)&v4));
    inet_pton(AF_INET, "10.1.128.0", &v4.sin_addr);
    assert_false(net_allowed(&allow, (struct sockaddr *)&v4));
    inet_pton(AF_INET6, "::ffff:192.168.1.7", &v6.sin6_addr);
    assert_true(net_allowed(&allow, (struct sockaddr *)&v6));
    net_address_text((struct sockaddr *)&v6, text);
    assert_string_equal(text, "192.168.1.7");
    inet_pton(AF_INET6, "fd00:1:2::9", &v6.sin6_addr);
    assert_true(net_allowed(&allow, (struct sockaddr *)&v6));
    assert_false(net_allowed(&allow, (struct sockaddr *)&un));
    assert_true(net_is_loopback_endpoint("127.0.0.9:80"));
    assert_true(net_is_loopback_endpoint("[::1]:80"));
    assert_false(net_is_loopback_endpoint("0.0.0.0:80"));
    assert_true(net_is_endpoint("0.0.0.0:80"));
    assert_false(net_is_endpoint("0.0.0.0"));
    assert_false(net_is_endpoint("0.0.0.0:70000"));
    assert_false(net_is_endpoint("localhost:80"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_reaches_the_handler_decoded),
        TEST(a_body_arrives_whole),
        TEST(bodies_beyond_the_limit_are_refused),
        TEST(a_problem_is_json),
        TEST(an_answer_may_come_later_and_waiting_does_not_spin),
        TEST(garbage_harms_nobody),
        TEST(a_dripping_client_is_cut_at_the_deadline),
        TEST(an_idle_kept_connection_ends),
        TEST(a_waiting_handler_is_not_cut),
        TEST(a_reader_that_does_not_read_is_cut),
        TEST(one_user_cannot_take_all_connections),
        TEST(who_is_not_admitted_gets_nothing),
        TEST(running_out_of_descriptors_only_pauses),
        TEST(the_socket_has_its_mode_from_the_start),
        TEST(a_stale_socket_is_replaced_a_live_one_is_not),
        TEST(what_is_not_a_socket_stays),
        TEST(impossible_places_are_errors),
        TEST(a_socket_of_systemd_is_taken_over),
        TEST(tcp_works_and_has_no_user),
        TEST(closing_answers_what_waits_and_a_late_answer_is_harmless),
        TEST(a_client_that_left_does_not_matter),
        TEST(a_handler_may_close_the_server),
        TEST(a_handler_sees_the_address_and_adds_headers),
        TEST(chunked_bodies_and_expect_work),
        TEST(a_writer_of_a_long_body_still_sees_the_refusal),
        TEST(only_allowed_addresses_get_in),
        TEST(one_address_cannot_take_all_connections),
        TEST(calls_of_one_address_wait_for_their_turn),
        TEST(a_client_that_leaves_is_told_of),
        TEST(a_kept_connection_may_be_silent_longer_than_a_request),
        TEST(tls_carries_calls_and_late_answers),
        TEST(a_plain_client_of_a_tls_server_gets_nothing),
        TEST(nets_are_parsed_and_matched),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
