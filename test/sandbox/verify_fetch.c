#include "sandbox/verify_fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "sandbox/sbuf.h"

#define URL_SIZE 1024
#define TIMEOUT_S 120L

static size_t take(char *data, size_t size, size_t n, void *arg)
{
    struct sbuf *b = arg;

    sbuf_add(b, data, size * n);
    return b->failed ? 0 : size * n;
}

static int get(const char *url, struct sbuf *body)
{
    CURL *curl = curl_easy_init();
    long status = 0;
    CURLcode code;

    if (curl == NULL) {
        fputs("verify: out of memory\n", stderr);
        return -1;
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK || status != 200) {
        fprintf(stderr, "verify: %s: %s, HTTP %ld\n", url, curl_easy_strerror(code), status);
        return -1;
    }
    return 0;
}

int fetch_lines(const char *url, const char *path,
                int (*on_line)(char *line, size_t len, void *arg), void *arg, size_t *lines)
{
    const char *host = strstr(url, "://");
    char whole[URL_SIZE];
    struct sbuf body = {0};
    int result;
    char *at;

    host = host != NULL ? host + 3 : url;
    snprintf(whole, sizeof(whole), "http://%.*s%s", (int)strcspn(host, "/"), host, path);
    *lines = 0;
    result = get(whole, &body);
    at = body.data;
    while (result == 0 && at != NULL && *at != '\0') {
        size_t len = strcspn(at, "\n");
        char *next = at + len + (at[len] == '\n');

        at[len] = '\0';
        if (len > 0) {
            ++*lines;
            result = on_line(at, len, arg);
        }
        at = next;
    }
    sbuf_free(&body);
    return result;
}
