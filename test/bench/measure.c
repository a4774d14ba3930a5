/* measure: runs one program until the portal's ledger has so many lines, and tells what it cost.
 *
 *   measure --ledger FILE --lines N [--timeout SECONDS] [--then COMMAND] [--stop] -- PROGRAM
 * ARGUMENT...
 *
 * --lines 0 waits for READY=1 (sd_notify) instead, for which ready_s is always told, -1 for never.
 * With --then a shell runs the command at that moment; with --stop the program is ended by SIGTERM
 * afterwards, else it is to end by itself. The time counts
 * from the first accepted call to the last, as the ledger has them, so that a start costs nobody
 * anything. CPU time and memory are the program's whole life. One line of JSON; exit code 1 when
 * the lines did not come or the program failed. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_MS 10
#define STOP_WAIT_S 60
#define HEAD_SIZE 256 /* of a line: at_ms stands in it */

struct ledger {
    int fd;
    size_t lines;
    char head[HEAD_SIZE]; /* of the line at work */
    size_t head_len;
    int64_t first_ms, last_ms;
};

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void end_line(struct ledger *l)
{
    static const char name[] = "\"at_ms\":";
    const char *at;

    l->head[l->head_len] = '\0';
    at = strstr(l->head, name);
    if (at != NULL) {
        l->last_ms = strtoll(at + sizeof(name) - 1, NULL, 10);
        l->first_ms = l->lines == 0 ? l->last_ms : l->first_ms;
    }
    l->lines++;
    l->head_len = 0;
}

/* What was written since the last look. */
static void look(struct ledger *l, const char *path)
{
    static char data[1 << 18];
    ssize_t n;

    if (l->fd < 0) {
        l->fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    while (l->fd >= 0 && (n = read(l->fd, data, sizeof(data))) > 0) {
        const char *at = data;
        const char *end = data + n;

        while (at < end) {
            const char *nl = memchr(at, '\n', (size_t)(end - at));
            size_t len = (size_t)((nl != NULL ? nl : end) - at);
            size_t room = HEAD_SIZE - 1 - l->head_len;

            memcpy(l->head + l->head_len, at, len < room ? len : room);
            l->head_len += len < room ? len : room;
            at += len;
            if (nl != NULL) {
                end_line(l);
                at++;
            }
        }
    }
}

static pid_t start(char **argv)
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execv(argv[0], argv);
        fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    return pid;
}

struct outcome {
    bool ended;
    int status;
    struct rusage usage;
    int notify_fd;
    double begun_s;
    double ready_s; /* since the start; -1 not yet */
};

/* A socket of the kind that sd_notify writes to, named in the environment. */
static int listen_ready(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    /* abstract: nothing is left behind */
    (void)snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "dvcsync-bench-%d", (int)getpid());
    if (fd < 0 || bind(fd, (struct sockaddr *)&at,
                       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                   strlen(at.sun_path + 1))) != 0) {
        return -1;
    }
    at.sun_path[0] = '@';
    return setenv("NOTIFY_SOCKET", at.sun_path, 1) == 0 ? fd : -1;
}

/* Waits a little; less when the program says that it is ready. */
static void rest(struct outcome *o)
{
    struct pollfd p = {.fd = o->notify_fd, .events = POLLIN};
    char text[512];
    ssize_t n;

    if (poll(&p, 1, LOOK_EVERY_MS) <= 0) {
        return;
    }
    n = recv(o->notify_fd, text, sizeof(text) - 1, 0);
    if (n > 0) {
        text[n] = '\0';
        if (strstr(text, "READY=1") != NULL && o->ready_s < 0) {
            o->ready_s = now_s() - o->begun_s;
        }
    }
}

static void wait_until(pid_t pid, struct outcome *o, double until)
{
    while (!o->ended && now_s() < until) {
        o->ended = wait4(pid, &o->status, WNOHANG, &o->usage) == pid;
        if (!o->ended) {
            rest(o);
        }
    }
}

static void end(pid_t pid, struct outcome *o, bool stop)
{
    if (stop && !o->ended) {
        (void)kill(pid, SIGTERM);
    }
    wait_until(pid, o, now_s() + STOP_WAIT_S);
    if (!o->ended) {
        fputs("measure: the program does not end\n", stderr);
        (void)kill(pid, SIGKILL);
        o->ended = wait4(pid, &o->status, 0, &o->usage) == pid;
        o->status = 1;
    }
}

static bool there(const struct ledger *ledger, size_t lines, const struct outcome *o)
{
    return lines > 0 ? ledger->lines >= lines : o->ready_s >= 0;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    static const struct option rows[] = {
        {"ledger", required_argument, NULL, 'l'},  {"lines", required_argument, NULL, 'n'},
        {"timeout", required_argument, NULL, 't'}, {"then", required_argument, NULL, 'c'},
        {"stop", no_argument, NULL, 's'},          {NULL, 0, NULL, 0}};
    struct ledger ledger = {.fd = -1};
    struct outcome o = {.ready_s = -1, .begun_s = now_s()};
    const char *then = NULL;
    const char *path = NULL;
    size_t lines = 0;
    double timeout_s = 600;
    bool stop = false;
    int opt = getopt_long(argc, argv, "+", rows, NULL);
    pid_t pid;

    for (; opt != -1 && opt != '?'; opt = getopt_long(argc, argv, "+", rows, NULL)) {
        path = opt == 'l' ? optarg : path;
        lines = opt == 'n' ? (size_t)strtoull(optarg, NULL, 10) : lines;
        timeout_s = opt == 't' ? strtod(optarg, NULL) : timeout_s;
        then = opt == 'c' ? optarg : then;
        stop = stop || opt == 's';
    }
    if (opt == '?' || path == NULL || optind == argc) {
        fputs("usage: measure --ledger FILE --lines N [--timeout SECONDS] [--then COMMAND] "
              "[--stop] -- PROGRAM...\n",
              stderr);
        return 64;
    }
    o.notify_fd = listen_ready();
    pid = o.notify_fd >= 0 ? start(argv + optind) : -1;
    if (pid < 0) {
        return 1;
    }
    for (look(&ledger, path);
         !there(&ledger, lines, &o) && !o.ended && now_s() < o.begun_s + timeout_s;
         look(&ledger, path)) {
        wait_until(pid, &o, now_s() + LOOK_EVERY_MS / 1e3);
    }
    if (then != NULL && !o.ended && system(then) != 0) {
        fprintf(stderr, "measure: it failed: %s\n", then);
    }
    end(pid, &o, stop);
    look(&ledger, path);
    printf("{\"lines\":%zu,\"seconds\":%.3f,\"wall_s\":%.3f,\"ready_s\":%.3f,\"cpu_s\":%.3f,\"user_"
           "s\":%.3f,"
           "\"max_rss_kb\":%ld,\"exit\":%d}\n",
           ledger.lines, (double)(ledger.last_ms - ledger.first_ms) / 1e3, now_s() - o.begun_s,
           o.ready_s, seconds(o.usage.ru_utime) + seconds(o.usage.ru_stime),
           seconds(o.usage.ru_utime), o.usage.ru_maxrss,
           WIFEXITED(o.status) ? WEXITSTATUS(o.status) : 128);
    return there(&ledger, lines, &o) && WIFEXITED(o.status) && WEXITSTATUS(o.status) == 0 ? 0 : 1;
}
