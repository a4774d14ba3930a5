#include "signals.h"

#include <signal.h>

static const int numbers[SIGNALS_N] = {SIGTERM, SIGINT, SIGHUP};

static void on_signal(uv_signal_t *handle, int number)
{
    struct signals *s = handle->data;

    if (number == SIGHUP) {
        s->reload(s->ctx);
    } else {
        s->stop(s->ctx);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct signals *s = handle->data;

    s->open--;
    if (s->open == 0 && s->closed != NULL) {
        s->closed(s->ctx); /* s may be gone now */
    }
}

static void close_handles(struct signals *s)
{
    for (unsigned i = 0, n = s->open; i < n; i++) {
        uv_close((uv_handle_t *)&s->handles[i], on_handle_closed);
    }
}

int signals_open(struct signals *s, uv_loop_t *uv, struct errmsg *msg)
{
    int rc = 0;

    s->open = 0;
    s->closed = NULL;
    for (unsigned i = 0; i < SIGNALS_N && rc == 0; i++) {
        rc = uv_signal_init(uv, &s->handles[i]);
        if (rc == 0) {
            s->open++;
            s->handles[i].data = s;
            rc = uv_signal_start(&s->handles[i], on_signal, numbers[i]);
        }
    }
    if (rc != 0) {
        close_handles(s); /* s must live until the loop has turned once more */
        return err_set(msg, ERR_IO, "signals: %s", uv_strerror(rc));
    }
    return 0;
}

void signals_close(struct signals *s, void (*closed)(void *ctx))
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    s->closed = closed;
    close_handles(s);
    /* libuv gives back the default, and a reload that comes late would kill what ends in order. */
    (void)sigaction(SIGHUP, &ignore, NULL);
}
