#include "http/server_conn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void http_conns_init(struct http_conns *conns, struct loop *loop,
                     void (*waited)(struct http_exchange *x))
{
    list_init(&conns->all);
    conns->n = 0;
    conns->loop = loop;
    conns->waited = waited;
}

void http_conn_free(struct http_conn *c)
{
    loop_timer_stop(&c->deadline);
    list_remove(&c->link);
    c->conns->n--;
    free(c);
}

/* MHD's own timer counts inactivity only, so that a byte now and then would keep a connection for
 * ever. It sees the shutdown as the peer's end. */
static void on_deadline(struct loop_timer *timer)
{
    struct http_conn *c = CONTAINER_OF(timer, struct http_conn, deadline);

    if (c->parked != NULL) {
        c->conns->waited(c->parked);
    } else if (c->started) {
        shutdown(c->fd, SHUT_RDWR);
    } else {
        http_conn_free(
            c); /* MHD could not take it in and has closed it: the number may be another's */
    }
}

struct http_conn *http_conn_new(struct http_conns *conns, const struct http_newcomer *who)
{
    struct http_conn *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return NULL;
    }
    c->conns = conns;
    c->fd = who->fd;
    c->uid = who->uid;
    c->pid = who->pid;
    if (who->uid == (uid_t)-1) {
        net_address_text(who->address, c->peer);
    }
    loop_timer_init(&c->deadline, on_deadline);
    list_push(&conns->all, &c->link);
    conns->n++;
    return c;
}

struct http_conn *http_conn_by_fd(struct http_conns *conns, int fd)
{
    for (struct list *l = conns->all.prev; l != &conns->all; l = l->prev) {
        struct http_conn *c = CONTAINER_OF(l, struct http_conn, link);

        if (c->fd == fd) {
            return c;
        }
    }
    return NULL;
}

unsigned http_conns_of_uid(const struct http_conns *conns, uid_t uid)
{
    unsigned n = 0;

    for (const struct list *l = conns->all.next; l != &conns->all; l = l->next) {
        n += CONTAINER_OF(l, const struct http_conn, link)->uid == uid;
    }
    return n;
}

unsigned http_conns_of_peer(const struct http_conns *conns, const char *peer)
{
    unsigned n = 0;

    for (const struct list *l = conns->all.next; l != &conns->all; l = l->next) {
        n += strcmp(CONTAINER_OF(l, const struct http_conn, link)->peer, peer) == 0;
    }
    return n;
}

unsigned http_conns_running(const struct http_conns *conns, const char *peer)
{
    unsigned n = 0;

    for (const struct list *l = conns->all.next; l != &conns->all; l = l->next) {
        const struct http_conn *c = CONTAINER_OF(l, const struct http_conn, link);

        n += c->running && strcmp(c->peer, peer) == 0;
    }
    return n;
}

void http_conn_deadline(struct http_conn *c, uint64_t ms)
{
    loop_timer_start(c->conns->loop, &c->deadline, ms);
}
