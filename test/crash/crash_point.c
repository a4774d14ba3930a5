/* The crash points of the test build.
 *
 *   DVCSYNC_CRASH=name:n        the process dies, as by kill -9, at the n-th hit of name
 *   DVCSYNC_CRASH_HITS=FILE     each hit adds a line with its name: one write, so that a kill
 *                               right behind it loses none
 *
 * A value that makes no sense ends the process with 64: no test may pass for want of a crash. */
#include "base/crash_point.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME(name) #name "\n",
static const char *const lines[CRASH_POINTS_N] = {CRASH_POINTS(NAME)};
#undef NAME

/* Read once from the environment; only the counter changes afterwards. */
static struct {
    enum crash_point point; /* CRASH_POINTS_N: none */
    unsigned long at;
    int hits_fd; /* -1: not wanted */
    atomic_ulong hits;
} plan;
static pthread_once_t planned = PTHREAD_ONCE_INIT;

static void give_up(const char *what, const char *value)
{
    fprintf(stderr, "%s makes no sense: %s\n", what, value);
    _exit(64);
}

static void read_plan(void)
{
    const char *crash = getenv("DVCSYNC_CRASH");
    const char *hits = getenv("DVCSYNC_CRASH_HITS");
    size_t n = crash != NULL ? strcspn(crash, ":") : 0;
    char *end = NULL;

    plan.hits_fd = -1;
    plan.point = CRASH_POINTS_N;
    for (int i = 0; i < CRASH_POINTS_N && crash != NULL; i++) {
        if (strlen(lines[i]) == n + 1 && strncmp(lines[i], crash, n) == 0) {
            plan.point = (enum crash_point)i;
        }
    }
    if (crash != NULL) {
        plan.at = crash[n] == ':' ? strtoul(crash + n + 1, &end, 10) : 0;
        if (plan.point == CRASH_POINTS_N || plan.at == 0 || *end != '\0') {
            give_up("DVCSYNC_CRASH", crash);
        }
    }
    if (hits != NULL) {
        plan.hits_fd = open(hits, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (plan.hits_fd < 0) {
            give_up("DVCSYNC_CRASH_HITS", hits);
        }
    }
}

void crash_point(enum crash_point point)
{
    size_t n = strlen(lines[point]);

    pthread_once(&planned, read_plan);
    if (plan.hits_fd >= 0 && write(plan.hits_fd, lines[point], n) != (ssize_t)n) {
        give_up("DVCSYNC_CRASH_HITS", "it can't be written");
    }
    if (point == plan.point && atomic_fetch_add(&plan.hits, 1) + 1 == plan.at) {
        (void)kill(getpid(), SIGKILL);
        for (;;) {
            pause();
        }
    }
}
