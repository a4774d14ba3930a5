/* preload: what a program does to its disk and its loop, told from outside, and a slow disk.
 *
 * Counts syncs; with BENCH_SYNC_MS each takes so much longer. Times the turns of the loop, from
 * where epoll gives the first thread something until it asks again. At the program's end one line
 * of JSON goes to the file BENCH_OUT. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define BIN_US 100
#define BINS 20000 /* two seconds */
#define EXPORT __attribute__((visibility("default")))

/* A preload has nobody to hand a struct to it. */
static atomic_uint_fast64_t syncs;
static uint64_t turns[BINS]; /* by their time; the first thread's */
static uint64_t n_turns;
static int64_t longest_us;
static int64_t woken_us; /* 0: not yet */

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void slow_down(void)
{
    const char *ms = getenv("BENCH_SYNC_MS");
    struct timespec wait = {.tv_sec = 0, .tv_nsec = ms != NULL ? atol(ms) * 1000000L : 0};

    atomic_fetch_add(&syncs, 1);
    if (wait.tv_nsec > 0) {
        nanosleep(&wait, NULL);
    }
}

EXPORT int fdatasync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

    slow_down();
    return next(fd);
}

EXPORT int fsync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");

    slow_down();
    return next(fd);
}

static void turn_ends(void)
{
    int64_t took_us = woken_us > 0 ? now_us() - woken_us : -1;

    if (took_us >= 0) {
        turns[took_us / BIN_US < BINS ? took_us / BIN_US : BINS - 1]++;
        n_turns++;
        longest_us = took_us > longest_us ? took_us : longest_us;
    }
    woken_us = 0;
}

EXPORT int epoll_pwait(int fd, struct epoll_event *events, int n, int timeout, const sigset_t *mask)
{
    int (*next)(int, struct epoll_event *, int, int, const sigset_t *) =
        (int (*)(int, struct epoll_event *, int, int, const sigset_t *))dlsym(RTLD_NEXT,
                                                                              "epoll_pwait");
    bool first = gettid() == getpid();
    int found;

    if (first) {
        turn_ends();
    }
    found = next(fd, events, n, timeout, mask);
    if (first) {
        woken_us = now_us();
    }
    return found;
}

EXPORT int epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
    return epoll_pwait(fd, events, n, timeout, NULL);
}

static double percentile_ms(double p)
{
    uint64_t want = (uint64_t)(p * (double)n_turns);
    uint64_t seen = 0;

    for (int i = 0; i < BINS; i++) {
        seen += turns[i];
        if (seen > want) {
            return (double)(i + 1) * BIN_US / 1000.0;
        }
    }
    return (double)BINS * BIN_US / 1000.0;
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("BENCH_OUT");
    FILE *f = path != NULL ? fopen(path, "w") : NULL;

    if (f != NULL) {
        fprintf(f,
                "{\"syncs\":%llu,\"turns\":%llu,\"turn_p50_ms\":%.1f,\"turn_p99_ms\":%.1f,"
                "\"turn_p999_ms\":%.1f,\"turn_longest_ms\":%.1f}\n",
                (unsigned long long)atomic_load(&syncs), (unsigned long long)n_turns,
                percentile_ms(0.5), percentile_ms(0.99), percentile_ms(0.999),
                (double)longest_us / 1000.0);
        (void)fclose(f);
    }
}
