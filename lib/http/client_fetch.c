#include "http/client_fetch.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "http/client_easy.h"

#define STATUS_MIN 200 /* of a last answer */
#define STATUS_MAX 999

/* curl asks for a socket when the name is resolved: what is checked is what is connected to. */
static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_reach *reach = ctx;

    (void)purpose;
    if (!net_may_reach(reach->allow, &address->addr)) {
        reach->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void tell_begun(const struct http_easy *e, CURLcode code, struct http_reach *reach)
{
    long status = 0;

    if (e->req->result != HTTP_ANSWERED) {
        (void)curl_easy_getinfo(e->handle, CURLINFO_RESPONSE_CODE, &status);
    }
    if (status >= STATUS_MIN && status <= STATUS_MAX) {
        reach->began = status;
        reach->late = code == CURLE_OPERATION_TIMEDOUT;
    }
}

int http_fetch_open(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : ERR_NOMEM;
}

void http_fetch_close(void)
{
    curl_global_cleanup();
}

void http_fetch(struct http_req *req, struct http_reach *reach)
{
    struct http_easy e;
    struct timespec from;
    struct timespec to;
    CURLcode code;

    memset(&e, 0, sizeof(e));
    reach->refused = false;
    reach->began = 0;
    reach->late = false;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    code = http_easy_open(&e, req, NULL, 0);
    if (code == CURLE_OK) {
        code = curl_easy_setopt(e.handle, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    }
    if (code == CURLE_OK) {
        code = curl_easy_setopt(e.handle, CURLOPT_OPENSOCKETDATA, reach);
    }
    if (code == CURLE_OK) {
        code = curl_easy_perform(e.handle);
    }
    http_easy_finish(&e, code);
    tell_begun(&e, code, reach);
    http_easy_close(&e);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    req->took_ms =
        (uint64_t)((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
}
