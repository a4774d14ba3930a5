/* leak: the soak's control. Preloaded, it loses SOAK_LEAK bytes at every request that the daemon
 * begins; make soak must see it. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy)
{
    CURLMcode (*real)(CURLM *, CURL *) = NULL;
    const char *bytes = getenv("SOAK_LEAK");
    size_t n = bytes != NULL ? (size_t)strtoul(bytes, NULL, 10) : 0;
    char *volatile lost = n > 0 ? malloc(n) : NULL; /* volatile: not left out by the compiler */

    if (lost != NULL) {
        memset(lost, 1, n);
    }
    *(void **)&real = dlsym(RTLD_NEXT, "curl_multi_add_handle");
    return real(multi, easy);
}
