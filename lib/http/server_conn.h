/* server_conn: the connections of http/server.c from accept to their end: who they are, how many
 * one user or address has, and the deadline of each.
 *
 * Private to lib/http. Loop thread. */
#ifndef HTTP_SERVER_CONN_H
#define HTTP_SERVER_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/loop.h"
#include "base/net_allow.h"
#include "http/server_accept.h"

struct http_exchange;
struct http_server;

struct http_conns {
    struct list all;
    unsigned n;
    struct loop *loop; /* borrowed */
    /* The deadline of a connection whose call waits for its turn (see server.h). */
    void (*waited)(struct http_exchange *x);
};

struct http_conn {
    struct list link;
    struct http_conns *conns;
    struct http_server *server; /* the owner */
    int fd;                     /* MHD's once it was added */
    uid_t uid;
    pid_t pid;
    char peer[NET_ADDRESS_SIZE];  /* "" for Unix sockets */
    bool started;                 /* MHD has taken it in */
    bool silent;                  /* kept, and nothing of the next request has come */
    bool running;                 /* its call is with the handler */
    struct http_exchange *parked; /* its call waits for its turn */
    struct loop_timer deadline;
};

void http_conns_init(struct http_conns *conns, struct loop *loop,
                     void (*waited)(struct http_exchange *x));
/* NULL without memory. */
struct http_conn *http_conn_new(struct http_conns *conns, const struct http_newcomer *who);
void http_conn_free(struct http_conn *c);
/* NULL when there is none. */
struct http_conn *http_conn_by_fd(struct http_conns *conns, int fd);
unsigned http_conns_of_uid(const struct http_conns *conns, uid_t uid);
unsigned http_conns_of_peer(const struct http_conns *conns, const char *peer);
/* How many calls of an address are with the handler. */
unsigned http_conns_running(const struct http_conns *conns, const char *peer);
/* Ends the connection after so long; replaces the deadline before. */
void http_conn_deadline(struct http_conn *c, uint64_t ms);

#endif
