#include "notify.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define STATUS_EVERY_MS UINT64_C(10000)
#define STATUS_BYTES 256

/* What these calls answer says only whether a manager listens; there is nobody else to tell. */

static void tell_status(struct notify *n)
{
    char text[STATUS_BYTES];

    n->env.describe(n->env.ctx, text, sizeof(text));
    (void)sd_notifyf(0, "STATUS=%s", text);
}

static void on_status(struct loop_timer *timer)
{
    struct notify *n = CONTAINER_OF(timer, struct notify, status);

    tell_status(n);
    loop_timer_start(n->env.loop, &n->status, STATUS_EVERY_MS);
}

static void on_watchdog(struct loop_timer *timer)
{
    struct notify *n = CONTAINER_OF(timer, struct notify, watchdog);
    bool healthy = n->env.healthy(n->env.ctx);

    if (healthy) {
        (void)sd_notify(0, "WATCHDOG=1");
    } else if (!n->starving) {
        log_plain(n->env.log, LOG_LEVEL_ERROR, "watchdog",
                  "the journal's worker does not answer: the watchdog is not fed");
    }
    n->starving = !healthy;
    loop_timer_start(n->env.loop, &n->watchdog, n->watchdog_ms);
}

void notify_open(struct notify *n, const struct notify_env *env)
{
    uint64_t usec = 0;

    n->env = *env;
    n->starving = false;
    n->watchdog_ms = sd_watchdog_enabled(0, &usec) > 0 ? usec / 2000 : 0;
    loop_timer_init(&n->status, on_status);
    loop_timer_init(&n->watchdog, on_watchdog);
    notify_ready();
    tell_status(n);
    loop_timer_start(env->loop, &n->status, STATUS_EVERY_MS);
    if (n->watchdog_ms > 0) {
        loop_timer_start(env->loop, &n->watchdog, n->watchdog_ms);
    }
}

void notify_close(struct notify *n)
{
    loop_timer_stop(&n->status);
    loop_timer_stop(&n->watchdog);
}

void notify_extend(uint64_t ms, const char *status)
{
    (void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64 "\nSTATUS=%s", ms * 1000, status);
}

/* The manager compares the stamp with its own clock, so it must be the kernel's and not the loop's,
 * which is rounded down. */
void notify_reloading(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts); /* can't fail for this clock */
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                     (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
}

void notify_ready(void)
{
    (void)sd_notify(0, "READY=1");
}

void notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1\nSTATUS=stopping: waiting for calls under way");
}
