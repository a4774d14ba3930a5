#include "http/client.h"

#include <curl/curl.h>
#include <string.h>

struct curl_class {
    int code;
    enum http_result unsent; /* nothing of the request had left */
};

/* Codes that are not here mean HTTP_UNKNOWN: a wrong guess in that direction costs a look-up, in
 * the other a second effect. A local file that can't be read (CA, CRL, key: 58, 59, 77, 82) is
 * trouble of the endpoint that may pass, not a reason to hold the item. */
static const struct curl_class classes[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, HTTP_MISUSE},
    {CURLE_FAILED_INIT, HTTP_NOT_SENT},
    {CURLE_URL_MALFORMAT, HTTP_MISUSE},
    {CURLE_NOT_BUILT_IN, HTTP_MISUSE},
    {CURLE_COULDNT_RESOLVE_PROXY, HTTP_NOT_SENT},
    {CURLE_COULDNT_RESOLVE_HOST, HTTP_NOT_SENT},
    {CURLE_COULDNT_CONNECT, HTTP_NOT_SENT},
    {CURLE_OUT_OF_MEMORY, HTTP_NOT_SENT},
    {CURLE_OPERATION_TIMEDOUT, HTTP_NOT_SENT},
    {CURLE_SSL_CONNECT_ERROR, HTTP_NOT_SENT},
    {CURLE_ABORTED_BY_CALLBACK, HTTP_NOT_SENT}, /* a socket that could not be watched */
    {CURLE_BAD_FUNCTION_ARGUMENT, HTTP_MISUSE},
    {CURLE_INTERFACE_FAILED, HTTP_NOT_SENT},
    {CURLE_UNKNOWN_OPTION, HTTP_MISUSE},
    {CURLE_SEND_ERROR, HTTP_NOT_SENT},
    {CURLE_RECV_ERROR, HTTP_NOT_SENT},
    {CURLE_SSL_CERTPROBLEM, HTTP_NOT_SENT},
    {CURLE_SSL_CIPHER, HTTP_NOT_SENT},
    {CURLE_PEER_FAILED_VERIFICATION, HTTP_TRUST},
    {CURLE_SSL_CACERT_BADFILE, HTTP_NOT_SENT},
    {CURLE_SSL_CRL_BADFILE, HTTP_NOT_SENT},
    {CURLE_SSL_ISSUER_ERROR, HTTP_TRUST},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, HTTP_TRUST},
    {CURLE_SSL_INVALIDCERTSTATUS, HTTP_TRUST},
};

/* After something was sent even a refused connection proves nothing: curl opens a second one when a
 * kept one dies (on_begin of client_easy stops it only there), and that one's failure is what it
 * reports. */
enum http_result http_classify_curl(int curl_code, bool sent)
{
    if (curl_code == CURLE_OK) {
        return HTTP_ANSWERED;
    }
    if (sent) {
        return HTTP_UNKNOWN;
    }
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (classes[i].code == curl_code) {
            return classes[i].unsent;
        }
    }
    return HTTP_UNKNOWN;
}

void http_req_init(struct http_req *req)
{
    memset(req, 0, sizeof(*req));
}

void http_req_free(struct http_req *req)
{
    buf_free(&req->response);
}

int http_send(struct http_client *client, struct http_req *req)
{
    return client->ops->send(client, req);
}

void http_cancel(struct http_client *client, struct http_req *req)
{
    client->ops->cancel(client, req);
}

void http_resume(struct http_client *client, struct http_req *req)
{
    client->ops->resume(client, req);
}
