/* client_fetch: one GET that waits for its answer, for dvcsyncctl; never on the loop.
 *
 * As careful as the client (client_easy.h): verified TLS, no redirect followed, no proxy of the
 * environment, three deadlines, a bounded body. And it connects only where it may. */
#ifndef HTTP_CLIENT_FETCH_H
#define HTTP_CLIENT_FETCH_H

#include "base/net_reach.h"
#include "http/client.h"

/* Where a link may lead. */
struct http_reach {
    const struct net_reach *allow;
    bool refused; /* out: an address was not allowed */
    /* Out, of an answer that began and did not come to its end; 0 and false: none. */
    long began; /* its HTTP status */
    bool late;  /* a deadline ended it */
};

/* Before the first and after the last. ERR_NOMEM. */
MUST_CHECK int http_fetch_open(void);
void http_fetch_close(void);
/* Fills the answer of req as the client would; done is not called. */
void http_fetch(struct http_req *req, struct http_reach *reach);

#endif
