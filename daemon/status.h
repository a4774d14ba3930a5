/* status: the two Unix sockets on which people and programs ask and order.
 *
 * status.sock answers questions; control.sock answers the same and takes orders. Who may connect is
 * decided by the sockets' groups; the peer's uid goes with every order into the audit. Sockets that
 * systemd hands over under the names "status" and "control" are used instead of own ones. A slow or
 * hostile client is bounded by the server (http/server.h: deadlines, connections a uid, body size)
 * and by the routes (requests that wait). Loop thread. */
#ifndef STATUS_H
#define STATUS_H

#include "daemon/status_routes.h"

struct status {
    struct routes routes;
    struct http_server *servers[2];
    unsigned open;      /* servers */
    struct list orders; /* wait for their peer's name */
    bool naming; /* one look-up at a time: a slow directory service must not take all workers */
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* The sockets of the configuration begin to listen. On failure what was opened closes by itself on
 * the next turns: s must live on. */
MUST_CHECK int status_open(struct status *s, const struct status_env *env, struct errmsg *msg);
/* Stops listening. Orders that the journal still works on end later, without an answer: s must
 * outlive the journal. */
void status_close(struct status *s, void (*closed)(void *ctx), void *ctx);

#endif
