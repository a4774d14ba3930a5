/* server_call: one request of http/server.c and its answer.
 *
 * Private to lib/http. Loop thread. */
#ifndef HTTP_SERVER_CALL_H
#define HTTP_SERVER_CALL_H

#include <microhttpd.h>
#include <stdbool.h>

#include "base/list.h"
#include "http/server.h"
#include "http/server_conn.h"

/* It is freed when MHD is done with it and the handler has answered, whichever is later. */
struct http_exchange {
    struct http_call call;
    struct list link; /* in the server's waiting or parked while suspended */
    struct http_conn *conn;
    struct MHD_Connection *mhd;    /* NULL: the connection is gone */
    struct MHD_Response *response; /* owned until queued */
    unsigned status;
    char *method; /* owned, as path */
    char *path;
    char peer[NET_ADDRESS_SIZE]; /* outlives the connection */
    struct buf body;
    size_t got; /* bytes of the body that came, those forgotten included */
    const char *headers[HTTP_CALL_HEADERS][2]; /* of the answer */
    unsigned n_headers;
    bool too_long;   /* the body is read and forgotten */
    bool dispatched; /* the handler has seen it */
    bool in_handler;
    bool answered; /* by the handler */
    bool left;     /* the client has closed its side */
    bool told;     /* and the handler knows it */
    /* Lets a suspended one go on; the server's. */
    void (*resume)(struct http_exchange *x);
};

/* NULL without memory. */
struct http_exchange *http_exchange_new(struct http_conn *conn, struct MHD_Connection *mhd,
                                        const char *method, const char *path,
                                        size_t max_body_bytes);
void http_exchange_free(struct http_exchange *x);
/* Makes the answer; without memory there is none and the connection is closed instead. */
void http_exchange_problem(struct http_exchange *x, unsigned status, const char *detail);

#endif
