#include "daemon/status.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define CONNECTIONS_MAX 256
#define CONNECTIONS_PER_UID 64
#define DEADLINE_MS 3000
#define BODY_BYTES ((size_t)64 * 1024)
#define PASSWD_BYTES 4096

enum { STATUS_SOCKET, CONTROL_SOCKET };

/* ---- requests ---- */

static void handle_status(void *ctx, struct http_call *call)
{
    struct status *s = ctx;

    routes_dispatch(&s->routes, call, false, "");
}

/* An order waits until its peer has a name: looking it up may ask a directory service, so it is
 * done off the loop. */
struct order_work {
    struct list link; /* in status.orders until its turn */
    struct loop_work work;
    struct status *status;
    struct http_call *call;
    char name[48]; /* "" when the uid has none */
};

static void find_name(struct loop_work *work)
{
    struct order_work *o = CONTAINER_OF(work, struct order_work, work);
    struct passwd *found = NULL;
    struct passwd entry;
    char text[PASSWD_BYTES];

    if (getpwuid_r(o->call->uid, &entry, text, sizeof(text), &found) == 0 && found != NULL) {
        (void)snprintf(o->name, sizeof(o->name), "%s", found->pw_name);
    }
}

static void carry_out(struct order_work *o)
{
    char who[ROUTES_WHO];

    if (o->name[0] != '\0') {
        (void)snprintf(who, sizeof(who), "uid %u (%s)", (unsigned)o->call->uid, o->name);
    } else {
        (void)snprintf(who, sizeof(who), "uid %u", (unsigned)o->call->uid);
    }
    routes_dispatch(&o->status->routes, o->call, true, who);
    free(o);
}

static void next_order(struct status *s)
{
    while (!s->naming && !list_empty(&s->orders)) {
        struct order_work *o = CONTAINER_OF(list_shift(&s->orders), struct order_work, link);

        s->naming = loop_work_start(s->routes.env.loop, &o->work);
        if (!s->naming) {
            carry_out(o); /* the number says enough */
        }
    }
}

static void on_name(struct loop_work *work)
{
    struct order_work *o = CONTAINER_OF(work, struct order_work, work);
    struct status *s = o->status;

    s->naming = false;
    carry_out(o);
    next_order(s);
}

static void handle_control(void *ctx, struct http_call *call)
{
    struct status *s = ctx;
    struct order_work *o;

    if (strcmp(call->method, "POST") != 0) {
        routes_dispatch(&s->routes, call, true, "");
        return;
    }
    o = calloc(1, sizeof(*o));
    if (o == NULL) {
        http_answer_problem(call, 503, "Out of memory.");
        return;
    }
    o->work.run = find_name;
    o->work.done = on_name;
    o->status = s;
    o->call = call;
    list_push(&s->orders, &o->link);
    next_order(s);
}

/* ---- sockets ---- */

/* A descriptor that systemd handed over under that name, or -1. */
static int handed_over(char **names, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (names != NULL && names[i] != NULL && strcmp(names[i], name) == 0) {
            return SD_LISTEN_FDS_START + i;
        }
    }
    return -1;
}

static int open_server(struct status *s, unsigned which, int fd, struct errmsg *msg)
{
    const struct status_env *env = &s->routes.env;
    const struct config *config = env->config(env->ctx);
    bool control = which == CONTROL_SOCKET;
    const char *group = control ? config->admin_group : config->socket_group;
    const struct http_server_options options = {
        .unix_path = control ? config->control_socket : config->status_socket,
        .unix_mode = 0660,
        .group = group[0] != '\0' ? group : NULL,
        .listen_fd = fd,
        .max_connections = CONNECTIONS_MAX,
        .max_connections_per_uid = CONNECTIONS_PER_UID,
        .deadline_ms = DEADLINE_MS,
        .max_body_bytes = BODY_BYTES,
        .handle = control ? handle_control : handle_status,
        .ctx = s,
    };
    int err = http_server_open(env->uv, env->loop, env->log, &options, &s->servers[which], msg);

    if (err != 0) {
        return err_wrap(msg, err, control ? "control socket" : "status socket");
    }
    s->open++;
    return 0;
}

static void on_server_closed(void *ctx)
{
    struct status *s = ctx;

    s->open--;
    if (s->open == 0 && s->closed != NULL) {
        s->closed(s->closed_ctx);
    }
}

int status_open(struct status *s, const struct status_env *env, struct errmsg *msg)
{
    char **names = NULL;
    int n = sd_listen_fds_with_names(1, &names);
    int err;

    routes_init(&s->routes, env);
    s->open = 0;
    s->closed = NULL;
    s->naming = false;
    list_init(&s->orders);
    err = open_server(s, STATUS_SOCKET, handed_over(names, n, "status"), msg);
    if (err == 0) {
        err = open_server(s, CONTROL_SOCKET, handed_over(names, n, "control"), msg);
        if (err != 0) {
            http_server_close(s->servers[STATUS_SOCKET], on_server_closed, s);
        }
    }
    for (int i = 0; names != NULL && i < n; i++) {
        free(names[i]);
    }
    free(names);
    return err;
}

void status_close(struct status *s, void (*closed)(void *ctx), void *ctx)
{
    routes_detach(&s->routes);
    s->closed = closed;
    s->closed_ctx = ctx;
    http_server_close(s->servers[STATUS_SOCKET], on_server_closed, s);
    http_server_close(s->servers[CONTROL_SOCKET], on_server_closed, s);
}
