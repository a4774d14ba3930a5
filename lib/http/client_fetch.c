#include "http/client_fetch.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "http/client_easy.h"

/* 0.0.0.0/8, 127/8, 169.254/16, 224/3; IPv4 comes as ::ffff:a.b.c.d too. */
static bool is_near_v4(uint32_t a)
{
    return a >> 24 == 0 || a >> 24 == 127 || a >> 16 == 0xa9fe || a >= 0xe0000000u;
}

static bool is_near_v6(const struct in6_addr *a)
{
    uint32_t inner = 0;

    for (size_t i = 12; i < 16; i++) {
        inner = inner << 8 | a->s6_addr[i];
    }
    return IN6_IS_ADDR_UNSPECIFIED(a) || IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_LINKLOCAL(a) ||
           IN6_IS_ADDR_MULTICAST(a) ||
           ((IN6_IS_ADDR_V4MAPPED(a) || IN6_IS_ADDR_V4COMPAT(a)) && is_near_v4(inner));
}

bool http_may_reach(const struct net_allow *allow, const struct sockaddr *address)
{
    if (allow != NULL) {
        return net_allowed(allow, address);
    }
    if (address->sa_family == AF_INET) {
        return !is_near_v4(
            ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    }
    return address->sa_family == AF_INET6 &&
           !is_near_v6(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

/* curl asks for a socket when the name is resolved: what is checked is what is connected to. */
static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_reach *reach = ctx;

    (void)purpose;
    if (!http_may_reach(reach->allow, &address->addr)) {
        reach->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
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
    http_easy_close(&e);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    req->took_ms =
        (uint64_t)((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
}
