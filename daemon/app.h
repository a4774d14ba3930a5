/* app: the process: everything that runs, in the order in which it starts, and back.
 *
 * main calls app_run once, after the process is set up (signals, umask, libraries). */
#ifndef APP_H
#define APP_H

#include <stdbool.h>

enum app_exit {
    APP_OK = 0,     /* stopped cleanly */
    APP_FAILED = 1, /* did not start, or did not stop in time; starting again may help */
    APP_USAGE = 64,
    APP_BUSY = 75,   /* the journal or a socket is another process's */
    APP_DENIED = 77, /* a file or folder may not be read or written: a person must act */
    APP_CONFIG = 78  /* the configuration or a damaged journal: a person must act */
};

struct app_options {
    const char *config_path; /* borrowed for the run */
    bool losing_control;     /* tests only: doubt is forgotten */
    bool normal_control;     /* tests only: commits are not synced, so a power cut loses them */
};

/* What an enum err that kept the process from starting means to who started it. */
int app_exit_of(int err);
/* Runs until a signal ends it. Returns an enum app_exit; why it is not 0 was logged. */
int app_run(const struct app_options *options);

#endif
