/* client_easy: one request as a curl easy handle: what leaves, how its end reads.
 *
 * Private to lib/http. Every option that keeps a call safe stands in client_easy.c. The easy handle
 * is fresh each time: reusing it was not measurably faster, and nothing of one request can get into
 * the next. */
#ifndef HTTP_CLIENT_EASY_H
#define HTTP_CLIENT_EASY_H

#include <curl/curl.h>

#include "http/client.h"

/* Embedded in the client's call; must not move while the handle lives. */
struct http_easy {
    struct http_req *req; /* borrowed */
    CURL *handle;         /* its CURLINFO_PRIVATE is this struct */
    struct curl_slist *headers;
    uint64_t trusted_s;
    bool writes;  /* not GET */
    bool begun;   /* something of the request may have left, on any connection that curl tried */
    bool stopped; /* curl was about to repeat a call that writes */
    bool paused;  /* the sink was full */
    char error[CURL_ERROR_SIZE];
};

/* How long a connection lives at most, used or not. */
#define HTTP_EASY_LIFE_MAX_S UINT64_C(600)

/* Prepares the handle and clears the answer of req. trusted_s: only connections and authorities
 * that are younger than so many seconds may be used again. CURLE_OUT_OF_MEMORY: nothing came of it.
 * Any other error: the request itself is at fault, http_easy_finish tells. http_easy_close follows
 * in each case. */
MUST_CHECK CURLcode http_easy_open(struct http_easy *e, struct http_req *req, CURLSH *share,
                                   uint64_t trusted_s);
void http_easy_close(struct http_easy *e); /* outside of its multi */

/* The sink has room again. May call it. */
void http_easy_resume(struct http_easy *e);

/* Fills the answer of req, before the handle leaves its multi. */
void http_easy_finish(struct http_easy *e, CURLcode code);

#endif
