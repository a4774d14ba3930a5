#include "bench/calls.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64
#define URL_SIZE 512

struct slot {
    CURL *easy;
    struct call *call;
    size_t room;
    struct slot *next; /* of the free ones */
};

struct calls {
    CURLM *multi;
    struct curl_slist *headers;
    int epoll_fd;
    int watched;
    void (*ready)(void *ctx);
    void *ready_ctx;
    int64_t timer_at_ms; /* -1 none */
    struct slot *slots;  /* [n] */
    struct slot *idle;
    size_t n;
    size_t under_way;
};

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct calls *c = arg;
    struct epoll_event e = {.events = 0, .data.fd = fd};

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    e.events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0);
    if (epoll_ctl(c->epoll_fd, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) != 0) {
        return -1;
    }
    curl_multi_assign(c->multi, fd, c);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct calls *c = arg;

    (void)multi;
    c->timer_at_ms = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
    return 0;
}

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
    struct slot *s = arg;
    struct call *call = s->call;
    size_t len = size * n;

    if (call->reply_len + len + 1 > s->room) {
        size_t room = (call->reply_len + len + 1) * 2;
        char *more = realloc(call->reply, room);

        if (more == NULL) {
            return 0;
        }
        call->reply = more;
        s->room = room;
    }
    memcpy(call->reply + call->reply_len, data, len);
    call->reply_len += len;
    call->reply[call->reply_len] = '\0';
    return len;
}

static int slot_init(struct calls *c, struct slot *s)
{
    s->easy = curl_easy_init();
    if (s->easy == NULL) {
        return -1;
    }
    curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
    curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(s->easy, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, c->headers);
    s->next = c->idle;
    c->idle = s;
    return 0;
}

int calls_new(struct calls **out, size_t most_at_a_time)
{
    struct calls *c = calloc(1, sizeof(*c));
    bool fine = c != NULL && curl_global_init(CURL_GLOBAL_DEFAULT) == 0;

    if (!fine) {
        free(c);
        return -1;
    }
    c->timer_at_ms = -1;
    c->watched = -1;
    c->n = most_at_a_time;
    c->multi = curl_multi_init();
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    c->slots = calloc(c->n, sizeof(*c->slots));
    c->headers = curl_slist_append(NULL, "Content-Type: application/json");
    c->headers = curl_slist_append(c->headers, "dstcode: VN:GOV:000.00.00.G22:vpcpdvcqg");
    c->headers = curl_slist_append(c->headers, "Expect:");
    for (size_t i = 0; i < c->n && fine; i++) {
        fine = c->slots != NULL && slot_init(c, &c->slots[i]) == 0;
    }
    if (!fine || c->multi == NULL || c->epoll_fd < 0) {
        calls_free(c);
        return -1;
    }
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    *out = c;
    return 0;
}

void calls_free(struct calls *c)
{
    for (size_t i = 0; c->slots != NULL && i < c->n; i++) {
        if (c->slots[i].call != NULL) {
            curl_multi_remove_handle(c->multi, c->slots[i].easy);
            free(c->slots[i].call->reply);
        }
        curl_easy_cleanup(c->slots[i].easy);
    }
    curl_multi_cleanup(c->multi);
    curl_slist_free_all(c->headers);
    if (c->epoll_fd >= 0) {
        close(c->epoll_fd);
    }
    free(c->slots);
    free(c);
    curl_global_cleanup();
}

int calls_start(struct calls *c, struct call *call)
{
    struct slot *s = c->idle;

    if (s == NULL) {
        return -1;
    }
    call->status = 0;
    call->reply = NULL;
    call->reply_len = 0;
    s->call = call;
    s->room = 0;
    curl_easy_setopt(s->easy, CURLOPT_URL, call->url);
    if (call->body != NULL) {
        curl_easy_setopt(s->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, call->body);
        curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)call->len);
    } else {
        curl_easy_setopt(s->easy, CURLOPT_HTTPGET, 1L);
    }
    if (curl_multi_add_handle(c->multi, s->easy) != CURLM_OK) {
        s->call = NULL;
        return -1;
    }
    c->idle = s->next;
    c->under_way++;
    return 0;
}

size_t calls_under_way(const struct calls *c)
{
    return c->under_way;
}

int calls_watch(struct calls *c, int fd, void (*ready)(void *ctx), void *ctx)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

    c->watched = fd;
    c->ready = ready;
    c->ready_ctx = ctx;
    return epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

static void take_ended(struct calls *c)
{
    int left = 0;
    CURLMsg *m = curl_multi_info_read(c->multi, &left);

    for (; m != NULL; m = curl_multi_info_read(c->multi, &left)) {
        CURL *easy = m->easy_handle;
        bool fine = m->data.result == CURLE_OK;
        struct slot *s = NULL;
        struct call *call;
        char *reply;

        if (m->msg != CURLMSG_DONE) {
            continue;
        }
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&s);
        call = s->call;
        if (fine) {
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &call->status);
        }
        curl_multi_remove_handle(c->multi, easy);
        s->call = NULL;
        s->next = c->idle;
        c->idle = s;
        c->under_way--;
        reply = call->reply;
        call->done(call);
        free(reply);
    }
}

int calls_run(struct calls *c, bool (*going)(void *ctx), void *ctx)
{
    struct epoll_event events[EVENTS];
    int running = 0;

    while (going(ctx)) {
        int64_t wait_ms = c->timer_at_ms < 0 ? 1000 : c->timer_at_ms - now_ms();
        int n = epoll_wait(c->epoll_fd, events, EVENTS, wait_ms < 0 ? 0 : (int)wait_ms);

        if (n < 0 && errno != EINTR) {
            return -1;
        }
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            uint32_t e = events[i].events;

            if (fd == c->watched) {
                c->ready(c->ready_ctx);
                continue;
            }
            curl_multi_socket_action(c->multi, fd,
                                     ((e & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                                         ((e & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                                         ((e & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0),
                                     &running);
        }
        if (c->timer_at_ms >= 0 && now_ms() >= c->timer_at_ms) {
            c->timer_at_ms = -1;
            curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        take_ended(c);
    }
    return 0;
}

/* ---- the portal's words ---- */

struct login {
    struct call call;
    bool ended;
    char *out;
    size_t size;
};

static void login_done(struct call *call)
{
    struct login *login = call->ctx;
    cJSON *reply = call->reply != NULL ? cJSON_ParseWithLength(call->reply, call->reply_len) : NULL;
    const char *session = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reply, "session"));

    if (call->status == 200 && session != NULL) {
        (void)snprintf(login->out, login->size, "%s", session);
    }
    cJSON_Delete(reply);
    login->ended = true;
}

static bool login_goes(void *ctx)
{
    return !((struct login *)ctx)->ended;
}

int calls_login(const char *portal, char *out, size_t size)
{
    static const char body[] = "{\"username\":\"demo\",\"password\":\"demo-portal-password\"}";
    struct login login = {.out = out, .size = size};
    struct calls *c = NULL;
    char url[URL_SIZE];

    *out = '\0';
    (void)snprintf(url, sizeof(url), "%s/forward/mapi/login", portal);
    login.call = (struct call){
        .url = url, .body = body, .len = sizeof(body) - 1, .done = login_done, .ctx = &login};
    if (calls_new(&c, 1) == 0) {
        if (calls_start(c, &login.call) == 0) {
            (void)calls_run(c, login_goes, &login);
        }
        calls_free(c);
    }
    if (*out == '\0') {
        fputs("the portal refused the login\n", stderr);
        return -1;
    }
    return 0;
}

bool calls_accepted(const struct call *call)
{
    char words[1];

    return calls_answer(call, words, sizeof(words));
}

bool calls_answer(const struct call *call, char *words, size_t size)
{
    cJSON *reply = call->reply != NULL ? cJSON_ParseWithLength(call->reply, call->reply_len) : NULL;
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(reply, "error_code");
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reply, "message"));
    bool fine =
        call->status == 200 && ((cJSON_IsNumber(code) && code->valuedouble == 0) ||
                                (cJSON_IsString(code) && strcmp(code->valuestring, "0") == 0));

    (void)snprintf(words, size, "%s", text != NULL ? text : "");
    cJSON_Delete(reply);
    return fine;
}
