#include "sandbox/serve_core.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTION_MEMORY_BYTES ((size_t)32 * 1024)
#define THREADS_DEFAULT 2u

/* ---- reading ---- */

static struct req *req_new(struct serve *s, struct MHD_Connection *conn, const char *url,
                           const char *method)
{
    struct req *r = (struct req *)calloc(1, sizeof *r);

    if (r == NULL) {
        return NULL;
    }
    r->s = s;
    r->conn = conn;
    r->pub.method = method;
    r->pub.path = url;
    return r;
}

static int body_append(struct req *r, const char *data, size_t len)
{
    if (r->pub.body_len + len > SERVE_BODY_MAX) {
        r->body_too_large = true;
        return 0;
    }
    if (r->pub.body_len + len + 1 > r->body_cap) {
        size_t cap = r->body_cap == 0 ? 4096 : r->body_cap * 2;
        char *grown;

        while (cap < r->pub.body_len + len + 1) {
            cap *= 2;
        }
        grown = (char *)realloc(r->body, cap);
        if (grown == NULL) {
            return -1;
        }
        r->body = grown;
        r->body_cap = cap;
    }
    memcpy(r->body + r->pub.body_len, data, len);
    r->pub.body_len += len;
    r->body[r->pub.body_len] = '\0';
    return 0;
}

/* The whole request is here: runs the handler and sends or parks. */
static enum MHD_Result handle(struct serve *s, struct req *r)
{
    bool now;

    pthread_mutex_lock(&s->lock);
    if (s->stopping) {
        pthread_mutex_unlock(&s->lock);
        return MHD_NO;
    }
    s->running++;
    pthread_mutex_unlock(&s->lock);
    r->pub.body = r->body != NULL ? r->body : "";
    if (r->body_too_large) {
        static const char text[] = "body too large\n";

        serve_respond(&r->pub, 413, "text/plain", text, sizeof text - 1);
    } else {
        s->handler(&r->pub, s->arg);
    }
    pthread_mutex_lock(&s->lock);
    s->running--;
    if (s->stopping) {
        pthread_cond_signal(&s->idle);
    }
    if (!r->answered && r->holds == 0) {
        r->answered = true;
        r->status = 500;
        r->delay_ms = 0;
    }
    now = r->answered && r->holds == 0 && r->delay_ms == 0;
    if (!now) {
        serve_park(r);
        serve_settle(r);
    }
    pthread_mutex_unlock(&s->lock);
    return now ? serve_send(r) : MHD_YES;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *conn, const char *url,
                                 const char *method, const char *version, const char *upload_data,
                                 size_t *upload_data_size, void **con_cls)
{
    struct serve *s = (struct serve *)cls;
    struct req *r = (struct req *)*con_cls;

    (void)version;
    if (r == NULL) {
        r = req_new(s, conn, url, method);
        *con_cls = r;
        return r != NULL ? MHD_YES : MHD_NO;
    }
    if (r->ready) {
        return serve_send(r);
    }
    if (*upload_data_size > 0) {
        if (body_append(r, upload_data, *upload_data_size) != 0) {
            return MHD_NO;
        }
        *upload_data_size = 0;
        return MHD_YES;
    }
    return handle(s, r);
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **con_cls,
                         enum MHD_RequestTerminationCode why)
{
    struct req *r = (struct req *)*con_cls;

    (void)cls;
    (void)conn;
    (void)why;
    if (r == NULL) {
        return;
    }
    serve_leave(r);
    free(r->reply);
    free(r->body);
    free(r);
    *con_cls = NULL;
}

/* ---- start and stop ---- */

static int parse_listen(const char *text, struct sockaddr_in *sa)
{
    const char *colon = text != NULL ? strrchr(text, ':') : NULL;
    char host[64];
    char *end = NULL;
    unsigned long port;

    if (colon == NULL || (size_t)(colon - text) >= sizeof host) {
        return -1;
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    errno = 0;
    port = strtoul(colon + 1, &end, 10);
    if (errno != 0 || end == colon + 1 || *end != '\0' || port > 65535) {
        return -1;
    }
    memset(sa, 0, sizeof *sa);
    sa->sin_family = AF_INET;
    sa->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &sa->sin_addr) == 1 ? 0 : -1;
}

static int write_port_file(const struct serve *s, const char *path)
{
    char tmp[4096];
    FILE *f;
    bool ok;

    if (path == NULL) {
        return 0;
    }
    if (snprintf(tmp, sizeof tmp, "%s.tmp", path) >= (int)sizeof tmp) {
        return -1;
    }
    f = fopen(tmp, "w");
    if (f == NULL) {
        return -1;
    }
    ok = fprintf(f, "%u\n", (unsigned)serve_port(s)) > 0;
    ok = fclose(f) == 0 && ok;
    return ok && rename(tmp, path) == 0 ? 0 : -1;
}

static void stop_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
}

void serve_block_signals(void)
{
    sigset_t set;

    stop_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int serve_start(struct serve **out, const struct serve_config *cfg)
{
    struct serve *s = (struct serve *)calloc(1, sizeof *s);
    unsigned threads = cfg->threads > 0 ? cfg->threads : THREADS_DEFAULT;
    struct sockaddr_in sa;

    if (s == NULL) {
        return -1;
    }
    if (parse_listen(cfg->listen, &sa) != 0) {
        fprintf(stderr, "--listen must be ADDRESS:PORT\n");
        goto err_after_alloc;
    }
    s->handler = cfg->handler;
    s->arg = cfg->arg;
    stop_signals(&s->signals);
    serve_block_signals();
    signal(SIGPIPE, SIG_IGN);
    if (serve_start_timer(s) != 0) {
        fprintf(stderr, "can't start the timer thread\n");
        goto err_after_alloc;
    }
    s->mhd = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, ntohs(sa.sin_port),
        NULL, NULL, on_access, s, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&sa,
        MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT, SERVE_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_END);
    if (s->mhd == NULL) {
        fprintf(stderr, "can't listen on %s\n", cfg->listen);
        goto err_after_timer;
    }
    if (write_port_file(s, cfg->port_file) != 0) {
        fprintf(stderr, "can't write %s\n", cfg->port_file);
        goto err_after_mhd;
    }
    *out = s;
    return 0;

err_after_mhd:
    MHD_stop_daemon(s->mhd);
err_after_timer:
    serve_stop_timer(s);
err_after_alloc:
    free(s);
    return -1;
}

uint16_t serve_port(const struct serve *s)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_BIND_PORT);

    return info != NULL ? info->port : 0;
}

void serve_wait_signal(struct serve *s)
{
    int sig;

    while (sigwait(&s->signals, &sig) != 0) {
    }
}

void serve_quiesce(struct serve *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    while (s->running > 0) {
        pthread_cond_wait(&s->idle, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
}

void serve_free(struct serve *s)
{
    if (s == NULL) {
        return;
    }
    serve_quiesce(s);
    pthread_mutex_lock(&s->lock);
    s->heap_len = 0;
    while (s->parked != NULL) {
        s->parked->drop = true;
        serve_wake(s->parked);
    }
    pthread_mutex_unlock(&s->lock);
    MHD_stop_daemon(s->mhd);
    serve_stop_timer(s);
    free(s);
}
