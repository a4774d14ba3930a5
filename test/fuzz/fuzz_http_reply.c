/* What a server writes to us, byte for byte: status lines, headers, Retry-After, lengths, chunks.
 *
 * The peer is the other end of a pair of sockets: no network. Retry-After is never more than a day;
 * a reply that is cut is never longer than what came; the body stays within its limit.
 *
 * Input: the reply. */
#include <curl/curl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "fuzz/fuzz.h"
#include "http/client_easy.h"

#define REPLY_MAX 16384 /* fits the socket's buffer */
#define BODY_MAX ((size_t)4096)
#define DAY_S 86400

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    FUZZ_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "curl");
    return 0;
}

static curl_socket_t give_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    (void)address;
    return *(const int *)ctx;
}

/* In place of the system's: the pair is connected already. (curl 7.88 forgets the answer of
 * CURLOPT_SOCKOPTFUNCTION that says so.) */
int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    (void)fd;
    (void)address;
    (void)len;
    return 0;
}

static void transfer(struct http_easy *e, int fd)
{
    CURLcode code = curl_easy_setopt(e->handle, CURLOPT_OPENSOCKETFUNCTION, give_socket);

    code = code != CURLE_OK ? code : curl_easy_setopt(e->handle, CURLOPT_OPENSOCKETDATA, &fd);
    FUZZ_CHECK(code == CURLE_OK, "%s", curl_easy_strerror(code));
    http_easy_finish(e, curl_easy_perform(e->handle));
}

static void check(const struct http_req *req, size_t n)
{
    FUZZ_CHECK(req->retry_after_s <= DAY_S, "%u s", req->retry_after_s);
    FUZZ_CHECK(req->response.len <= BODY_MAX, "%zu bytes", req->response.len);
    FUZZ_CHECK(req->response.len <= n, "%zu of %zu bytes", req->response.len, n);
    FUZZ_CHECK(req->result != HTTP_NOT_SENT && req->result != HTTP_MISUSE, "%d: %d %s",
               (int)req->result, req->curl_code, req->why); /* it may have left */
    if (req->result == HTTP_ANSWERED) {
        FUZZ_CHECK(req->status >= 100 && req->status <= 999, "%ld", req->status);
        FUZZ_CHECK(n > 5, "answered by %zu bytes", n); /* to curl any "HTTP/" is 200 */
    } else {
        FUZZ_CHECK(req->status == 0 && req->why[0] != '\0', "%ld %s", req->status, req->why);
    }
    FUZZ_CHECK(text_is_utf8(req->why, strlen(req->why)), "%s", req->why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_tls plain = {.allow_plaintext = true};
    struct http_req req = {.method = "POST",
                           .url = "http://127.0.0.1:9/mapi/g",
                           .body = "{}",
                           .body_len = 2,
                           .limits = {2000, 2000, 1000, BODY_MAX},
                           .tls = &plain};
    struct http_easy e = {0};
    int pair[2];
    CURLcode code;

    size = size < REPLY_MAX ? size : REPLY_MAX;
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    FUZZ_CHECK(write(pair[1], data, size) == (ssize_t)size, "write");
    FUZZ_CHECK(shutdown(pair[1], SHUT_WR) == 0, "shutdown");
    buf_init(&req.response, BODY_MAX);
    code = http_easy_open(&e, &req, NULL, 30);
    FUZZ_CHECK(code == CURLE_OK, "%s", curl_easy_strerror(code));
    transfer(&e, pair[0]);
    check(&req, size);
    http_easy_close(&e);
    (void)close(pair[1]);
    buf_free(&req.response);
    return 0;
}
