#include "http/client_easy.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define RETRY_AFTER_MAX_S (24 * 60 * 60)
#define STATUS_MIN 100
#define STATUS_MAX 999
#define HEADER_MAX_BYTES ((size_t)64 * 1024)
/* Shorter than the keep-alive of usual servers: fewer connections die under a request. */
#define IDLE_CONNECTION_MAX_S 30L
#define CA_CACHE_S UINT64_C(300)

/* ---- what leaves, what comes ---- */

/* Called before each time that the request leaves. curl begins anew by itself when a kept
 * connection dies before the first byte of an answer (and after some answers), with whatever body
 * it was given: a writing call begins once. */
static int on_begin(void *ctx, char *to_ip, char *from_ip, int to_port, int from_port)
{
    struct http_easy *e = ctx;
    bool again = e->begun && e->writes;

    (void)to_ip;
    (void)from_ip;
    (void)to_port;
    (void)from_port;
    e->begun = true;
    e->stopped = again;
    return again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static size_t on_write(char *bytes, size_t size, size_t n, void *ctx)
{
    struct http_easy *e = ctx;
    long status = 0;

    if (e->req->sink != NULL) {
        curl_easy_getinfo(e->handle, CURLINFO_RESPONSE_CODE, &status);
    }
    if (status / 100 == 2) {
        enum http_took took = e->req->sink(e->req, bytes, size * n);

        e->paused = took == HTTP_FULL;
        return took == HTTP_TOOK ? size * n : took == HTTP_FULL ? CURL_WRITEFUNC_PAUSE : 0;
    }
    buf_put(&e->req->response, bytes, size * n);
    return buf_error(&e->req->response) == 0 ? size * n : 0;
}

void http_easy_resume(struct http_easy *e)
{
    if (e->paused) {
        e->paused = false;
        (void)curl_easy_pause(e->handle, CURLPAUSE_CONT); /* what fails ends the transfer */
    }
}

enum method { METHOD_GET, METHOD_POST, METHOD_PUT, METHOD_COUNT };

static const char *const method_names[METHOD_COUNT] = {"GET", "POST", "PUT"};

static enum method method_of(const char *name)
{
    unsigned i = 0;

    while (i < METHOD_COUNT && strcmp(method_names[i], name) != 0) {
        i++;
    }
    return (enum method)i;
}

static bool header_clean(const struct http_header *h)
{
    if (h->name[0] == '\0' || h->name[strcspn(h->name, ": \t")] != '\0') {
        return false;
    }
    for (const char *p = h->name; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || (unsigned char)*p == 0x7f) {
            return false;
        }
    }
    for (const char *p = h->value; *p != '\0'; p++) {
        if (((unsigned char)*p < 0x20 && *p != '\t') || (unsigned char)*p == 0x7f) {
            return false; /* a line break would begin another header */
        }
    }
    return true;
}

static bool add_header(struct http_easy *e, const char *line)
{
    struct curl_slist *longer = curl_slist_append(e->headers, line);

    if (longer == NULL) {
        return false;
    }
    e->headers = longer;
    return true;
}

static CURLcode refuse(struct http_easy *e, const char *words)
{
    snprintf(e->error, sizeof(e->error), "%s", words);
    return CURLE_BAD_FUNCTION_ARGUMENT;
}

static CURLcode add_request_header(struct http_easy *e, const struct http_header *h,
                                   struct buf *line)
{
    if (!header_clean(h)) {
        return refuse(e, "malformed header");
    }
    buf_clear(line);
    buf_puts(line, h->name);
    buf_puts(line, ": ");
    buf_puts(line, h->value);
    if (buf_error(line) == ERR_TOOBIG) {
        return refuse(e, "header too long");
    }
    return buf_error(line) == 0 && add_header(e, buf_text(line)) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/* curl's own Expect and Content-Type are taken out ("Name:" does that). */
static CURLcode build_headers(struct http_easy *e)
{
    CURLcode code = add_header(e, "Expect:") ? CURLE_OK : CURLE_OUT_OF_MEMORY;
    struct buf line;
    bool typed = false;

    buf_init(&line, HEADER_MAX_BYTES);
    for (size_t i = 0; i < e->req->n_headers && code == CURLE_OK; i++) {
        const struct http_header *h = &e->req->headers[i];

        if (h->value != NULL && h->value[0] != '\0') {
            typed = typed || curl_strequal(h->name, "Content-Type");
            code = add_request_header(e, h, &line);
        }
    }
    buf_free(&line);
    if (code == CURLE_OK && !typed && !add_header(e, "Content-Type:")) {
        code = CURLE_OUT_OF_MEMORY;
    }
    return code;
}

#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (code == CURLE_OK) {                                                                    \
            code = curl_easy_setopt(easy, option, value);                                          \
        }                                                                                          \
    } while (0)

/* curl compares whole seconds, so one is taken off; below 2 nothing older is used at all. */
static long lifetime_s(const struct http_easy *e)
{
    uint64_t s = e->trusted_s > 2 ? e->trusted_s - 1 : 1;

    return (long)(s < HTTP_EASY_LIFE_MAX_S ? s : HTTP_EASY_LIFE_MAX_S);
}

static CURLcode set_transfer(struct http_easy *e)
{
    const struct http_limits *limits = &e->req->limits;
    CURL *easy = e->handle;
    CURLcode code = CURLE_OK;

    SET(CURLOPT_PRIVATE, e);
    SET(CURLOPT_ERRORBUFFER, e->error);
    SET(CURLOPT_URL, e->req->url);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a hanging resolver thread does not hold the loop at the end */
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_MAX_S);
    SET(CURLOPT_MAXLIFETIME_CONN, lifetime_s(e));
    if (e->trusted_s < 2) {
        SET(CURLOPT_FRESH_CONNECT, 1L);
    }
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)limits->connect_ms);
    SET(CURLOPT_TIMEOUT_MS, (long)limits->total_ms);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)(limits->stall_ms / 1000 + (limits->stall_ms % 1000 != 0)));
    SET(CURLOPT_WRITEFUNCTION, on_write);
    SET(CURLOPT_WRITEDATA, e);
    SET(CURLOPT_HTTPHEADER, e->headers);
    if (e->req->user != NULL) {
        SET(CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, e->req->user);
        SET(CURLOPT_PASSWORD, e->req->password != NULL ? e->req->password : "");
    }
    return code;
}

static CURLcode set_tls(struct http_easy *e)
{
    const struct http_tls *tls = e->req->tls;
    CURL *easy = e->handle;
    CURLcode code = CURLE_OK;

    SET(CURLOPT_PROTOCOLS_STR, tls != NULL && tls->allow_plaintext ? "https,http" : "https");
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    /* The system's bundle is large and read on the loop: the multi keeps it, but only as long as no
     * directory is searched too. The directory holds the same authorities. */
    SET(CURLOPT_CA_CACHE_TIMEOUT, (long)(e->trusted_s < CA_CACHE_S ? e->trusted_s : CA_CACHE_S));
    if ((tls != NULL && tls->ca_file != NULL) ||
        curl_version_info(CURLVERSION_NOW)->cainfo != NULL) {
        SET(CURLOPT_CAPATH, NULL); /* and a private authority stands in place of the system's */
    }
    if (tls == NULL) {
        return code;
    }
    if (tls->ca_file != NULL) {
        SET(CURLOPT_CAINFO, tls->ca_file);
    }
    if (tls->crl_file != NULL) {
        SET(CURLOPT_CRLFILE, tls->crl_file);
    }
    if (tls->pinned_key != NULL) {
        SET(CURLOPT_PINNEDPUBLICKEY, tls->pinned_key);
    }
    return code;
}

/* In one piece with the head, as far as curl can (64 KiB): one packet, and one waking of the peer.
 */
static CURLcode set_body(struct http_easy *e, enum method method)
{
    CURL *easy = e->handle;
    CURLcode code = CURLE_OK;

    SET(CURLOPT_PREREQFUNCTION, on_begin);
    SET(CURLOPT_PREREQDATA, e);
    if (method == METHOD_GET) {
        SET(CURLOPT_HTTPGET, 1L);
        return code;
    }
    e->writes = true;
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)e->req->body_len);
    SET(CURLOPT_POSTFIELDS, e->req->body_len > 0 ? e->req->body : "");
    if (method == METHOD_PUT) {
        SET(CURLOPT_CUSTOMREQUEST, "PUT");
    }
    return code;
}

#undef SET

static CURLcode prepare(struct http_easy *e)
{
    enum method method = method_of(e->req->method);
    CURLcode code;

    if (method == METHOD_COUNT || (method == METHOD_GET && e->req->body_len > 0)) {
        return refuse(e, "method not supported, or a body with GET");
    }
    code = build_headers(e);
    if (code == CURLE_OK) {
        code = set_transfer(e);
    }
    if (code == CURLE_OK) {
        code = set_tls(e);
    }
    if (code == CURLE_OK) {
        code = set_body(e, method);
    }
    return code;
}

/* ---- the call ---- */

static void clear_answer(struct http_req *req)
{
    req->result = HTTP_UNKNOWN;
    req->curl_code = 0;
    req->status = 0;
    req->retry_after_s = 0;
    req->took_ms = 0;
    req->why[0] = '\0';
    buf_clear(&req->response);
    req->response.max_bytes = req->limits.response_bytes;
}

CURLcode http_easy_open(struct http_easy *e, struct http_req *req, CURLSH *share,
                        uint64_t trusted_s)
{
    CURLcode code;

    e->req = req;
    e->headers = NULL;
    e->writes = false;
    e->begun = false;
    e->stopped = false;
    e->paused = false;
    e->trusted_s = trusted_s;
    e->error[0] = '\0';
    clear_answer(req);
    e->handle = curl_easy_init();
    if (e->handle == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }
    code = curl_easy_setopt(e->handle, CURLOPT_SHARE, share);
    return code == CURLE_OK ? prepare(e) : code;
}

void http_easy_close(struct http_easy *e)
{
    curl_easy_cleanup(e->handle);
    curl_slist_free_all(e->headers);
}

static void set_why(struct http_req *req, const char *words)
{
    text_printable(words, strlen(words), req->why, sizeof(req->why));
}

/* 0 comes from curl for none, negative and oversized values alike. */
static uint32_t retry_after(const struct http_easy *e)
{
    curl_off_t seconds = 0;

    curl_easy_getinfo(e->handle, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds <= 0) {
        return 0;
    }
    return seconds > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (uint32_t)seconds;
}

/* curl takes "HTTP/2 5" and "HTTP/2 4444" for status lines: such an answer is none. */
static void read_answer(struct http_easy *e)
{
    struct http_req *req = e->req;

    curl_easy_getinfo(e->handle, CURLINFO_RESPONSE_CODE, &req->status);
    if (req->status >= STATUS_MIN && req->status <= STATUS_MAX) {
        req->retry_after_s = retry_after(e);
        return;
    }
    req->result = HTTP_UNKNOWN;
    req->curl_code = CURLE_WEIRD_SERVER_REPLY;
    req->status = 0;
    set_why(req, "the answer has no HTTP status");
}

void http_easy_finish(struct http_easy *e, CURLcode code)
{
    struct http_req *req = e->req;

    req->result = http_classify_curl((int)code, e->begun);
    req->curl_code = (int)code;
    if (req->result == HTTP_ANSWERED) {
        read_answer(e);
    } else if (buf_error(&req->response) == ERR_TOOBIG) {
        set_why(req, "response larger than allowed");
    } else if (e->stopped) {
        set_why(req, "the connection ended without an answer");
    } else {
        set_why(req, e->error[0] != '\0' ? e->error : curl_easy_strerror(code));
    }
}
