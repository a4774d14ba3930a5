#include "lib/push_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/loop_uv.h"

/* ---- the engine ---- */

static struct push_world *of_host(struct adapter_host *host)
{
    return CONTAINER_OF(host, struct push_world, host);
}

static void schedule(struct push_world *w, enum push_what what, void *request, uint64_t in_ms)
{
    for (size_t i = 0; i < PUSH_OFFERS_MAX; i++) {
        if (w->pending[i].what == PUSH_NONE) {
            w->pending[i].what = what;
            w->pending[i].request = request;
            w->pending[i].due_ms = in_ms == UINT64_MAX ? in_ms : loop_now_ms(w->loop) + in_ms;
            loop_defer(w->loop, &w->turn);
            return;
        }
    }
    fail_msg("too many requests at a time");
}

static void finish_offer(struct push_world *w, struct adapter_offer *offer)
{
    offer->err = w->offer_err;
    if (offer->err != 0) {
        (void)err_set(&offer->why, offer->err, "refused by the test");
    }
    for (size_t i = 0; i < offer->n_records && offer->err == 0 && offer->fates != NULL; i++) {
        offer->fates[i] = (struct adapter_fate){.item = (int64_t)i + 4711, .state = ITEM_PENDING};
    }
    if (offer->err == 0 && offer->wait_ms > 0) {
        schedule(w, PUSH_SETTLE, offer, w->settle == PUSH_AT_ONCE ? 0 : offer->wait_ms);
    }
    offer->done(offer);
}

static void settle(struct push_world *w, struct adapter_offer *offer)
{
    for (size_t i = 0; i < offer->n_records; i++) {
        offer->fates[i] = w->fate;
        offer->fates[i].item = (int64_t)i + 4711;
    }
    offer->settled(offer);
}

static void finish_ask(struct push_world *w, struct adapter_ask *ask)
{
    struct adapter_ask out = {0};

    if (w->answer_code == NULL || strcmp(w->answer_code, ask->code) == 0) {
        out = w->answer;
    }
    out.code = ask->code;
    out.done = ask->done;
    out.impl = ask->impl;
    out.err = w->ask_err;
    *ask = out;
    ask->done(ask);
}

static void finish_relay(struct push_world *w, struct adapter_relay *relay)
{
    relay->err = w->relay_err;
    relay->reply = w->relay_reply;
    relay->reply_len = w->relay_reply != NULL ? strlen(w->relay_reply) : 0;
    relay->done(relay);
}

static void finish_rows(struct push_world *w, struct adapter_rows *rows)
{
    rows->err = 0;
    rows->n_rows = 0;
    for (size_t i = 0; i < w->n_rows; i++) {
        if (w->rows[i].kind == rows->kind &&
            (rows->code == NULL || strcmp(rows->code, w->rows[i].code) == 0)) {
            rows->row(rows, &w->rows[i], w->row_names[i]);
            rows->n_rows++;
        }
    }
    rows->done(rows);
}

static void run_one(struct push_world *w, struct push_pending *p)
{
    void *request = p->request;
    enum push_what what = p->what;

    p->what = PUSH_NONE;
    if (what == PUSH_OFFER) {
        finish_offer(w, request);
    } else if (what == PUSH_SETTLE) {
        settle(w, request);
    } else if (what == PUSH_ASK) {
        finish_ask(w, request);
    } else if (what == PUSH_RELAY) {
        finish_relay(w, request);
    } else {
        finish_rows(w, request);
    }
}

static void run_due(struct push_world *w)
{
    bool open[PUSH_OFFERS_MAX];

    for (size_t i = 0; i < PUSH_OFFERS_MAX; i++) {
        open[i] = w->pending[i].what != PUSH_NONE;
    }
    for (size_t i = 0; i < PUSH_OFFERS_MAX; i++) {
        if (open[i] && w->pending[i].due_ms <= loop_now_ms(w->loop)) {
            run_one(w, &w->pending[i]);
        }
    }
    loop_timer_stop(&w->tick);
    for (size_t i = 0; i < PUSH_OFFERS_MAX; i++) {
        if (w->pending[i].what != PUSH_NONE && w->pending[i].due_ms != UINT64_MAX) {
            loop_timer_start(w->loop, &w->tick, 5);
        }
    }
}

static void on_tick(struct loop_timer *timer)
{
    run_due(CONTAINER_OF(timer, struct push_world, tick));
}

static void on_turn(struct loop_task *task)
{
    run_due(CONTAINER_OF(task, struct push_world, turn));
}

static void note_record(struct push_world *w, const struct record *r)
{
    size_t i = w->n_records;

    assert_true(i < PUSH_RECORDS_MAX);
    w->records[i].kind = r->kind;
    snprintf(w->records[i].code, sizeof(w->records[i].code), "%s", r->code);
    snprintf(w->records[i].key, sizeof(w->records[i].key), "%s", r->step_key);
    w->records[i].body = strndup(r->body, r->body_len);
    w->records[i].alone = r->alone;
    snprintf(w->records[i].local_no, sizeof(w->records[i].local_no), "%s", r->local_no);
    w->records[i].at_s = r->at_s;
    w->n_records++;
}

static void host_offer(struct adapter_host *host, struct adapter_offer *offer)
{
    struct push_world *w = of_host(host);

    w->n_offers++;
    w->wait_ms = offer->wait_ms;
    for (size_t i = 0; i < offer->n_records; i++) {
        note_record(w, &offer->records[i]);
    }
    schedule(w, PUSH_OFFER, offer, w->commit_ms);
}

static void host_hurry(struct adapter_host *host, struct adapter_offer *offer)
{
    struct push_world *w = of_host(host);

    w->n_hurried++;
    for (size_t i = 0; i < PUSH_OFFERS_MAX; i++) {
        if (w->pending[i].what == PUSH_SETTLE && w->pending[i].request == offer) {
            w->pending[i].due_ms = 0;
            loop_defer(w->loop, &w->turn);
        }
    }
}

static void host_ask(struct adapter_host *host, struct adapter_ask *ask)
{
    struct push_world *w = of_host(host);

    w->n_asks++;
    snprintf(w->asked, sizeof(w->asked), "%s", ask->code);
    schedule(w, PUSH_ASK, ask, w->ask_ms);
}

static void host_relay(struct adapter_host *host, struct adapter_relay *relay)
{
    struct push_world *w = of_host(host);

    w->n_relays++;
    snprintf(w->service, sizeof(w->service), "%s", relay->service);
    snprintf(w->request, sizeof(w->request), "%s", relay->request);
    schedule(w, PUSH_RELAY, relay, w->relay_waits ? UINT64_MAX : 0);
}

static void host_rows(struct adapter_host *host, struct adapter_rows *rows)
{
    struct push_world *w = of_host(host);

    w->n_rows_asked++;
    schedule(w, PUSH_ROWS, rows, 0);
}

static const struct adapter_host_ops host_ops = {host_offer, host_hurry, host_ask, host_relay,
                                                 host_rows};

void push_world_relay(struct push_world *w)
{
    w->relay_waits = false;
    for (size_t i = 0; i < PUSH_OFFERS_MAX; i++) {
        if (w->pending[i].what == PUSH_RELAY) {
            w->pending[i].due_ms = 0;
        }
    }
    loop_defer(w->loop, &w->turn);
}

void push_world_forget(struct push_world *w)
{
    for (size_t i = 0; i < w->n_records; i++) {
        free(w->records[i].body);
    }
    w->n_records = 0;
}

/* ---- the world ---- */

static int serve(void *ctx, const struct http_server_options *options, struct http_server **out,
                 struct errmsg *msg)
{
    struct push_world *w = ctx;
    int err = http_server_open(&w->uv, w->loop, NULL, options, out, msg);

    if (err == 0) {
        w->port = http_server_port(*out);
    }
    return err;
}

void push_world_open(struct push_world *w, const char *profile)
{
    memset(w, 0, sizeof(*w));
    assert_int_equal(uv_loop_init(&w->uv), 0);
    assert_int_equal(loop_uv_open(&w->uv, &w->loop_uv), 0);
    w->loop = loop_uv_loop(w->loop_uv);
    snprintf(w->dir, sizeof(w->dir), "/tmp/push_world.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->source = &w->config.sources[0];
    *w->source = (struct config_source){.name = "cua",
                                        .profile = profile,
                                        .url = "",
                                        .status_map_path = "",
                                        .listen = "127.0.0.1:0",
                                        .tls_certificate_file = "",
                                        .tls_key_credential = "",
                                        .tls_key_file = "",
                                        .accounts_credential = "",
                                        .accounts_file = "",
                                        .answer_timeout_ms = 150,
                                        .cache_for_ms = 60000,
                                        .body_limit_bytes = (uint64_t)1 << 20,
                                        .max_clients = 16,
                                        .max_per_client = 8,
                                        .path_notice = "/addtthcKhuyenMai",
                                        .path_change = "/nhanhsdvcqg",
                                        .path_receive = "/nhanhoso",
                                        .path_search = "/search/call",
                                        .path_file = "/downloadfile",
                                        .ca_file = "",
                                        .crl_file = "",
                                        .pinned_key = "",
                                        .connect_timeout_ms = 1000,
                                        .request_timeout_ms = 2000,
                                        .stall_timeout_ms = 1000,
                                        .reply_limit_bytes = (uint64_t)1 << 20};
    w->config.n_sources = 1;
    w->env =
        (struct adapter_env){.loop = w->loop, .config = &w->config, .serve = serve, .serve_ctx = w};
    w->host.ops = &host_ops;
    w->fate =
        (struct adapter_fate){.state = ITEM_DONE, .code = "0", .words = "Đồng bộ hồ sơ thành công"};
    loop_timer_init(&w->tick, on_tick);
    loop_task_init(&w->turn, on_turn);
}

void push_world_close(struct push_world *w)
{
    char command[128];

    push_world_forget(w);
    loop_timer_stop(&w->tick);
    loop_task_cancel(&w->turn);
    loop_uv_close(w->loop_uv);
    uv_run(&w->uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->uv), 0);
    snprintf(command, sizeof(command), "rm -r %s", w->dir);
    assert_int_equal(system(command), 0);
}

const char *push_world_file(struct push_world *w, const char *name, const char *text, char out[128])
{
    FILE *file;

    snprintf(out, 128, "%s/%s", w->dir, name);
    unlink(out);
    file = fopen(out, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(out, 0400), 0);
    return out;
}

static void on_stopped(void *ctx)
{
    ((struct push_world *)ctx)->stopped = true;
}

void push_world_unlisten(struct push_world *w, struct adapter *a)
{
    w->stopped = false;
    a->ops->unlisten(a, on_stopped, w);
    assert_false(w->stopped);
    for (int i = 0; i < 5000 && !w->stopped; i++) {
        push_turns(w, 1);
    }
    assert_true(w->stopped);
}

void push_world_end(struct push_world *w, struct adapter *a)
{
    if (a != NULL) {
        push_world_unlisten(w, a);
        a->ops->free(a);
    }
    push_world_close(w);
}

/* ---- the client ---- */

void push_turns(struct push_world *w, unsigned ms)
{
    uint64_t until = uv_hrtime() / 1000000 + ms;

    do {
        uv_run(&w->uv, UV_RUN_NOWAIT);
        usleep(200);
    } while (uv_hrtime() / 1000000 < until);
}

int push_dial(const struct push_world *w)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(w->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

void push_put(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

        assert_true(sent > 0);
        text += sent;
        n -= (size_t)sent;
    }
}

bool push_get(struct push_world *w, int fd)
{
    uint64_t until = uv_hrtime() / 1000000 + 8000;
    size_t n = 0;

    memset(w->answer_text, 0, sizeof(w->answer_text));
    w->status = 0;
    while (uv_hrtime() / 1000000 < until) {
        char *end = strstr(w->answer_text, "\r\n\r\n");
        char *length = strcasestr(w->answer_text, "Content-Length:");
        ssize_t r;

        if (end != NULL && length != NULL &&
            n >= (size_t)(end + 4 - w->answer_text) + strtoul(length + 15, NULL, 10)) {
            w->status = (unsigned)strtoul(w->answer_text + strlen("HTTP/1.1 "), NULL, 10);
            memmove(w->answer_text, end + 4, strlen(end + 4) + 1);
            return true;
        }
        r = recv(fd, w->answer_text + n, sizeof(w->answer_text) - 1 - n, MSG_DONTWAIT);
        if (r == 0 || (r < 0 && errno != EAGAIN)) {
            return false;
        }
        n += r > 0 ? (size_t)r : 0;
        push_turns(w, 0);
    }
    fail_msg("no answer within 8 seconds");
    return false;
}

/* What the socket's buffer does not take waits for turns of the loop. */
static void put_turning(struct push_world *w, int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);

        assert_true(sent > 0 || errno == EAGAIN);
        if (sent > 0) {
            text += sent;
            n -= (size_t)sent;
        } else {
            push_turns(w, 0);
        }
    }
}

const char *push_call(struct push_world *w, const char *method, const char *path,
                      const char *headers, const char *body)
{
    char head[1024];
    int n =
        snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n",
                 method, path, headers, strlen(body));
    int fd = push_dial(w);

    push_put(fd, head, (size_t)n);
    put_turning(w, fd, body, strlen(body));
    assert_true(push_get(w, fd));
    close(fd);
    return w->answer_text;
}

const char *push_post(struct push_world *w, const char *body)
{
    return push_call(w, "POST", "/mapi/g", "Content-Type: application/json\r\ndstcode: VN\r\n",
                     body);
}
