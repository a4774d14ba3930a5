/* portal_poster: the portal calls the province; POST /_sandbox/push.
 *
 * One thread makes the calls, one after the other, so that no server thread waits for an answer. */
#ifndef PORTAL_POSTER_H
#define PORTAL_POSTER_H

struct portal;
struct poster;
struct serve_req;

/* 0 or -1. *out owned by the caller, ended by poster_stop. */
int poster_start(struct poster **out, struct portal *p);
/* Between serve_quiesce and serve_free: what waits is answered as it stands. NULL is fine. */
void poster_stop(struct poster *poster);

/* Takes the order and answers it when its calls are done. */
void poster_serve(struct portal *p, struct serve_req *req);

#endif
