/* notify: what the service manager is told: ready, reloading, stopping, a status line, and that we
 * live.
 *
 * Does nothing outside systemd ($NOTIFY_SOCKET unset). Loop thread only. */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/loop.h"

struct notify_env {
    struct loop *loop;
    struct log *log;
    /* One line for `systemctl status`, every 10 s. */
    void (*describe)(void *ctx, char *out, size_t size);
    /* True when work goes on, not only the loop: the watchdog is fed then. */
    bool (*healthy)(void *ctx);
    void *ctx;
};

struct notify {
    struct notify_env env;
    struct loop_timer status;
    struct loop_timer watchdog;
    uint64_t watchdog_ms; /* half of what the manager grants; 0: no watchdog */
    bool starving;        /* the last feed was left out */
};

/* Starts the timers. To be called once everything is up; READY is told here. */
void notify_open(struct notify *n, const struct notify_env *env);
void notify_close(struct notify *n);

/* The start takes longer: the manager waits so much more. Before notify_open too. */
void notify_extend(uint64_t ms, const char *status);
void notify_reloading(void);
void notify_ready(void); /* after a reload, taken or refused */
void notify_stopping(void);

#endif
