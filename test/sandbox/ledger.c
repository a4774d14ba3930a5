#include "sandbox/ledger.h"

#include "sandbox/sbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WAITS_MAX 4096u /* more than the connections a server takes */

struct wait {
    void (*done)(void *arg);
    void *arg;
};

/* What has been handed over and not yet been taken by the thread. */
struct batch {
    struct sbuf text;
    struct wait *waits; /* WAITS_MAX of them */
    size_t wait_count;
};

struct ledger {
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work; /* the thread: somebody waits, or the end */
    pthread_cond_t room; /* ledger_then: the waits have been taken */
    struct batch next;
    struct batch now; /* the thread's own */
    struct ledger_stats stats;
    unsigned group_ms; /* 0: a sync for every group of answers */
    int64_t synced_ms; /* monotonic; the thread's own, as is what follows */
    bool unsynced;
    bool closing;
};

static void die(const char *what)
{
    fprintf(stderr, "ledger: %s: %s\n", what, strerror(errno));
    _exit(3);
}

static void write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            die("write");
        }
        data += n;
        len -= (size_t)n;
    }
}

static void swap_batches(struct ledger *l)
{
    struct batch b = l->now;

    l->now = l->next;
    l->next = b;
    l->next.text.len = 0;
    l->next.wait_count = 0;
}

static int64_t monotonic_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Whether a sync was made. */
static bool flush(struct ledger *l, unsigned group_ms)
{
    bool due;

    if (l->now.text.failed) {
        errno = ENOMEM;
        die("append");
    }
    if (l->now.text.len > 0) {
        write_all(l->fd, l->now.text.data, l->now.text.len);
        l->unsynced = true;
    }
    due = l->unsynced && (group_ms == 0 || monotonic_ms() - l->synced_ms >= group_ms);
    if (due) {
        if (fdatasync(l->fd) != 0) {
            die("fdatasync");
        }
        l->unsynced = false;
        l->synced_ms = monotonic_ms();
    }
    for (size_t i = 0; i < l->now.wait_count; i++) {
        l->now.waits[i].done(l->now.waits[i].arg);
    }
    return due;
}

static uint64_t thread_cpu_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static void *ledger_run(void *arg)
{
    struct ledger *l = (struct ledger *)arg;

    pthread_mutex_lock(&l->lock);
    for (;;) {
        unsigned group_ms;
        bool synced;

        while (!l->closing && l->next.wait_count == 0) {
            pthread_cond_wait(&l->work, &l->lock);
        }
        if (l->next.text.len == 0 && l->next.wait_count == 0) {
            break;
        }
        swap_batches(l);
        group_ms = l->group_ms;
        pthread_cond_broadcast(&l->room);
        pthread_mutex_unlock(&l->lock);
        synced = flush(l, group_ms);
        pthread_mutex_lock(&l->lock);
        l->stats.syncs += synced ? 1u : 0u;
        l->stats.waits += l->now.wait_count;
        if (l->now.wait_count > l->stats.largest_group) {
            l->stats.largest_group = l->now.wait_count;
        }
        l->stats.cpu_us = thread_cpu_us();
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* Hands the lines of an older ledger over and leaves the file ending with the last whole one. */
static int read_old(int fd, void (*old)(const char *line, size_t len, void *arg), void *arg)
{
    FILE *f;
    char *line = NULL;
    size_t cap = 0;
    off_t whole = 0;
    int copy = dup(fd);
    ssize_t n;

    f = copy >= 0 ? fdopen(copy, "r") : NULL;
    if (f == NULL) {
        if (copy >= 0) {
            close(copy);
        }
        return -1;
    }
    for (n = getline(&line, &cap, f); n > 0 && line[n - 1] == '\n'; n = getline(&line, &cap, f)) {
        line[n - 1] = '\0';
        if (old != NULL) {
            old(line, (size_t)n - 1, arg);
        }
        whole += n;
    }
    free(line);
    fclose(f);
    return ftruncate(fd, whole) == 0 && lseek(fd, whole, SEEK_SET) == whole ? 0 : -1;
}

static int ledger_start(struct ledger *l)
{
    l->next.waits = (struct wait *)calloc(WAITS_MAX, sizeof *l->next.waits);
    l->now.waits = (struct wait *)calloc(WAITS_MAX, sizeof *l->now.waits);
    if (l->next.waits == NULL || l->now.waits == NULL) {
        return -1;
    }
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->room, NULL);
    return pthread_create(&l->thread, NULL, ledger_run, l) == 0 ? 0 : -1;
}

int ledger_open(struct ledger **out, const char *path,
                void (*old)(const char *line, size_t len, void *arg), void *arg)
{
    struct ledger *l = (struct ledger *)calloc(1, sizeof *l);

    if (l == NULL) {
        return -1;
    }
    l->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (l->fd < 0) {
        goto err_after_alloc;
    }
    if (read_old(l->fd, old, arg) != 0 || ledger_start(l) != 0) {
        goto err_after_open;
    }
    *out = l;
    return 0;

err_after_open:
    free(l->next.waits);
    free(l->now.waits);
    close(l->fd);
err_after_alloc:
    fprintf(stderr, "can't open the ledger %s: %s\n", path, strerror(errno));
    free(l);
    return -1;
}

void ledger_close(struct ledger *l)
{
    if (l == NULL) {
        return;
    }
    pthread_mutex_lock(&l->lock);
    l->closing = true;
    pthread_cond_signal(&l->work);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    if (l->unsynced && fdatasync(l->fd) != 0) {
        die("fdatasync");
    }
    pthread_cond_destroy(&l->work);
    pthread_cond_destroy(&l->room);
    pthread_mutex_destroy(&l->lock);
    sbuf_free(&l->next.text);
    sbuf_free(&l->now.text);
    free(l->next.waits);
    free(l->now.waits);
    close(l->fd);
    free(l);
}

void ledger_group(struct ledger *l, unsigned group_ms)
{
    pthread_mutex_lock(&l->lock);
    l->group_ms = group_ms;
    pthread_mutex_unlock(&l->lock);
}

void ledger_append(struct ledger *l, const char *line, size_t len)
{
    pthread_mutex_lock(&l->lock);
    sbuf_add(&l->next.text, line, len);
    sbuf_add(&l->next.text, "\n", 1);
    l->stats.lines++;
    l->stats.bytes += len + 1;
    pthread_mutex_unlock(&l->lock);
}

void ledger_then(struct ledger *l, void (*done)(void *arg), void *arg)
{
    pthread_mutex_lock(&l->lock);
    while (l->next.wait_count == WAITS_MAX) {
        pthread_cond_wait(&l->room, &l->lock);
    }
    l->next.waits[l->next.wait_count].done = done;
    l->next.waits[l->next.wait_count].arg = arg;
    l->next.wait_count++;
    pthread_cond_signal(&l->work);
    pthread_mutex_unlock(&l->lock);
}

void ledger_read_stats(struct ledger *l, struct ledger_stats *out)
{
    pthread_mutex_lock(&l->lock);
    *out = l->stats;
    pthread_mutex_unlock(&l->lock);
}
