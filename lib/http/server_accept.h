/* server_accept: the listening half of http/server.c: makes or takes over the socket, accepts,
 * knows the peer.
 *
 * Private to lib/http. Loop thread. Embedded in the server; its two callbacks may close the
 * acceptor. */
#ifndef HTTP_SERVER_ACCEPT_H
#define HTTP_SERVER_ACCEPT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <uv.h>

#include "http/server.h"

struct http_newcomer {
    int fd;    /* not blocking; owned by whom it is given to */
    uid_t uid; /* (uid_t)-1 with TCP, as gid; then pid is 0 */
    gid_t gid;
    pid_t pid;
    const struct sockaddr *address; /* borrowed */
    socklen_t address_len;
};

struct http_acceptor {
    void (*accepted)(struct http_acceptor *a, const struct http_newcomer *who);
    void (*stopped)(struct http_acceptor *a);
    struct loop *loop; /* borrowed, as log */
    struct log *log;
    uv_poll_t poll;
    struct loop_timer resume; /* after a pause without descriptors */
    struct log_limit trouble;
    int fd;
    bool is_unix;
    struct sockaddr_un path; /* of the file to remove at the end; sun_path "" when it is not ours */
    dev_t path_dev;
    ino_t path_ino;
};

/* Listens as the options say. After a failure there is nothing to undo. */
MUST_CHECK int http_acceptor_listen(struct http_acceptor *a,
                                    const struct http_server_options *options, struct errmsg *msg);
/* Undoes listen when start was not called or failed. */
void http_acceptor_discard(struct http_acceptor *a);

/* Begins to call accepted. */
MUST_CHECK int
http_acceptor_start(struct http_acceptor *a, uv_loop_t *uv, struct loop *loop, struct log *log,
                    void (*accepted)(struct http_acceptor *a, const struct http_newcomer *who),
                    struct errmsg *msg);
/* Closes the socket and removes its file; stopped is called on a later turn. */
void http_acceptor_stop(struct http_acceptor *a, void (*stopped)(struct http_acceptor *a));

/* Answers 503 as far as that is possible without waiting, and closes. */
void http_acceptor_turn_away(int fd);

uint16_t http_acceptor_port(const struct http_acceptor *a); /* 0 unless TCP */

#endif
