/* serve_core: what the files of serve share; private to them. */
#ifndef SERVE_CORE_H
#define SERVE_CORE_H

#include "sandbox/serve.h"

#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>

#define SERVE_CONNECTIONS_MAX 1024u
#define SERVE_HEADERS_MAX 4

struct header {
    char name[64];
    char value[512];
};

/* A request between its first byte and the end of its answer. "Parked" means that its connection is
 * suspended: it waits for a hold, for its answer or for its delay. All state below is under the
 * server's lock once the request can be seen by other threads. */
struct req {
    struct serve_req pub; /* first: serve_req * and req * are the same address */
    struct serve *s;
    struct MHD_Connection *conn;
    struct req *prev, *next; /* the list of parked requests */
    char *body;
    size_t body_cap;
    bool body_too_large;
    bool parked;
    bool ready; /* back from parking: the answer leaves now */
    bool answered;
    bool drop;
    bool cut;
    bool left;      /* the leave callback has been called */
    bool scheduled; /* in the heap of delays */
    unsigned holds;
    uint64_t delay_ms;
    uint64_t due_ms; /* monotonic */
    int status;
    char *reply; /* owned until it is given to libmicrohttpd */
    size_t reply_len;
    char content_type[64];
    struct header headers[SERVE_HEADERS_MAX];
    size_t header_count;
    void (*leave)(struct serve_req *req, void *arg);
    void *leave_arg;
};

struct serve {
    struct MHD_Daemon *mhd;
    serve_handler handler;
    void *arg;
    sigset_t signals;
    pthread_t timer;
    pthread_mutex_t lock;
    pthread_cond_t tick; /* the timer: an earlier delay, or the end */
    pthread_cond_t idle; /* serve_quiesce: a handler has returned */
    struct req *parked;
    struct req *heap[SERVE_CONNECTIONS_MAX]; /* delayed answers, earliest first */
    size_t heap_len;
    unsigned running; /* handlers */
    bool stopping;
    bool timer_end;
};

/* ---- serve_park.c: waiting answers ---- */

/* Starts and ends the thread of the delays, with the server's lock and conditions. */
int serve_start_timer(struct serve *s);
void serve_stop_timer(struct serve *s);
/* The lock is held in these three. Park suspends the connection; settle wakes a parked request that
 * waits for nothing but its delay, or starts the delay; wake lets the answer leave. */
void serve_park(struct req *r);
void serve_settle(struct req *r);
void serve_wake(struct req *r);

/* ---- serve_answer.c: giving and sending ---- */

/* Calls the leave callback, once. */
void serve_leave(struct req *r);
/* Hands the answer to libmicrohttpd; MHD_NO closes the connection. */
enum MHD_Result serve_send(struct req *r);

#endif
