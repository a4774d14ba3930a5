/* serve: the sandbox's HTTP/1.1 frame.
 *
 * Used by the portal and by the province. A pool of threads reads requests and calls the handler;
 * the handler answers with exactly one of serve_respond, serve_respond_owned, serve_redirect or
 * serve_drop, and may set headers, a delay, a cut or a hold before. Handlers run on several threads
 * at once: keep the state of the protocol under one mutex. Nothing here blocks another
 * connection: a delayed or held answer only parks its own. */
#ifndef SERVE_H
#define SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVE_BODY_MAX ((size_t)8 * 1024 * 1024) /* bytes; a larger body is answered 413 */

struct serve;

/* One request. The public fields are borrowed and valid until the answer has left. */
struct serve_req {
    const char *method; /* "GET", "POST", ... */
    const char *path;   /* without the query */
    const char *body;   /* NUL-terminated; "" when there is none */
    size_t body_len;    /* bytes, the NUL not counted */
};

/* Called on a server thread, also for unknown paths: answer 404 yourself. A handler that returns
 * without an answer and without a hold is answered 500. */
typedef void (*serve_handler)(struct serve_req *req, void *arg);

struct serve_config {
    const char *listen;    /* "127.0.0.1:8080"; port 0 takes a free one */
    const char *port_file; /* the port is written here, by rename, once listening; NULL = nowhere */
    unsigned threads;      /* 0 = 2 */
    serve_handler handler;
    void *arg; /* borrowed, for the handler */
};

/* Blocks SIGTERM and SIGINT in the calling thread and those it makes later. serve_start does it
 * too; call it before when other threads are made first. */
void serve_block_signals(void);

/* Starts listening. 0, or -1 with the reason written to standard error. *out owned by the caller.
 */
int serve_start(struct serve **out, const struct serve_config *cfg);

/* The port listened on. */
uint16_t serve_port(const struct serve *s);

/* Returns when SIGTERM or SIGINT came. */
void serve_wait_signal(struct serve *s);

/* From now on new requests are dropped; returns when no handler is running any more. Holds may
 * still be released after it: close what releases them between serve_quiesce and serve_free. */
void serve_quiesce(struct serve *s);

/* Ends the server: waiting answers are dropped. Quiesces first when that has not been done. */
void serve_free(struct serve *s);

/* A query argument or a header of the request (the header's name in any case), NULL when absent.
 * Borrowed. */
const char *serve_query(struct serve_req *req, const char *name);
const char *serve_header(struct serve_req *req, const char *name);

/* Adds a header to the answer; call before responding. At most 4; both strings are copied. */
void serve_add_header(struct serve_req *req, const char *name, const char *value);

/* The answer leaves this many milliseconds after it is given. */
void serve_delay(struct serve_req *req, uint64_t delay_ms);

/* Announces the whole body but closes the connection in the middle of it. */
void serve_cut(struct serve_req *req);

/* Keeps the answer back until serve_release, which any thread may call, once. The delay starts
 * then. After serve_release the request may be gone: touch nothing of it. */
void serve_hold(struct serve_req *req);
void serve_release(struct serve_req *req);

/* leave(req, arg) is called once, just before the answer leaves (the peer can't have seen it yet)
 * or when the request dies without one. On a server thread. */
void serve_on_leave(struct serve_req *req, void (*leave)(struct serve_req *req, void *arg),
                    void *arg);

/* Whether the peer has closed its side: it waits for this answer no longer. */
bool serve_peer_gone(struct serve_req *req);

/* The answer. serve_respond copies the body; serve_respond_owned takes one from malloc. */
void serve_respond(struct serve_req *req, int status, const char *content_type, const char *body,
                   size_t len);
void serve_respond_owned(struct serve_req *req, int status, const char *content_type, char *body,
                         size_t len);
/* Status 307 and the Location, no body. */
void serve_redirect(struct serve_req *req, const char *location);
/* Closes the connection without a byte. */
void serve_drop(struct serve_req *req);

#endif
