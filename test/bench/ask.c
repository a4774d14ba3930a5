/* ask: GET requests at a Unix socket on kept connections, as fast as answers come or at a pace.
 *
 *   ask --socket PATH --seconds N [--connections N] [--rate PER_SECOND] [--path PATH]
 *
 * One line of JSON. Exit code 1 when an answer was not 200. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define REPLY_MAX (256 * 1024)

struct connection {
    int fd;
    bool waiting;
    size_t len;
    char reply[REPLY_MAX];
};

struct ask {
    const char *socket_path;
    const char *path;
    double seconds;
    double rate; /* 0: as fast as answers come */
    int n;
    int epoll_fd;
    char request[512];
    size_t request_len;
    uint64_t asked, answered, bad;
    struct connection *connections; /* [n] */
};

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int join(struct ask *a, struct connection *c)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", a->socket_path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return c->fd >= 0 && connect(c->fd, (struct sockaddr *)&at, sizeof(at)) == 0
               ? epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, c->fd, &e)
               : -1;
}

static void send_one(struct ask *a, struct connection *c)
{
    ssize_t n = send(c->fd, a->request, a->request_len, MSG_NOSIGNAL);

    c->waiting = true;
    a->asked++;
    a->bad += n >= 0 && n != (ssize_t)a->request_len; /* else its end is read next */
}

/* Whether the whole answer is there. */
static bool whole(const struct connection *c)
{
    static const char name[] = "Content-Length:";
    const char *end = strstr(c->reply, "\r\n\r\n");
    const char *len = strcasestr(c->reply, name);

    return end != NULL && len != NULL && len < end &&
           c->len >= (size_t)(end + 4 - c->reply) + strtoull(len + sizeof(name) - 1, NULL, 10);
}

/* The server ends a connection that asks nothing for its deadline, as one of several may at a slow
 * pace; a question that crosses with that end is not answered, and asked again. */
static int take(struct ask *a, struct connection *c)
{
    ssize_t n = read(c->fd, c->reply + c->len, REPLY_MAX - 1 - c->len);

    if (c->len == 0 && (n == 0 || (n < 0 && errno == ECONNRESET))) {
        close(c->fd);
        c->waiting = false;
        return join(a, c);
    }
    if (n <= 0) {
        return -1;
    }
    c->len += (size_t)n;
    c->reply[c->len] = '\0';
    if (whole(c)) {
        c->waiting = false;
        c->len = 0;
        a->answered++;
        a->bad += strncmp(c->reply, "HTTP/1.1 200", 12) != 0;
    }
    return 0;
}

static int run(struct ask *a)
{
    double begun = now_s();
    double now = begun;

    for (; now < begun + a->seconds; now = now_s()) {
        struct epoll_event events[CONNECTIONS_MAX];
        int n;

        for (int i = 0; i < a->n; i++) {
            bool due = a->rate <= 0 || (double)a->asked < (now - begun) * a->rate;

            if (!a->connections[i].waiting && due) {
                send_one(a, &a->connections[i]);
            }
        }
        n = epoll_wait(a->epoll_fd, events, CONNECTIONS_MAX, 1);
        for (int i = 0; i < n; i++) {
            if (take(a, events[i].data.ptr) != 0) {
                fputs("ask: the connection ended\n", stderr);
                return -1;
            }
        }
    }
    printf("{\"answered\":%llu,\"bad\":%llu,\"per_second\":%.1f}\n",
           (unsigned long long)a->answered, (unsigned long long)a->bad,
           (double)a->answered / (now - begun));
    return a->bad == 0 && a->answered > 0 ? 0 : -1;
}

static int read_options(int argc, char **argv, struct ask *a)
{
    static const struct option rows[] = {
        {"socket", required_argument, NULL, 's'},      {"seconds", required_argument, NULL, 't'},
        {"connections", required_argument, NULL, 'n'}, {"rate", required_argument, NULL, 'r'},
        {"path", required_argument, NULL, 'p'},        {NULL, 0, NULL, 0}};
    int opt = getopt_long(argc, argv, "", rows, NULL);

    for (; opt != -1; opt = getopt_long(argc, argv, "", rows, NULL)) {
        switch (opt) {
        case 's':
            a->socket_path = optarg;
            break;
        case 't':
            a->seconds = strtod(optarg, NULL);
            break;
        case 'n':
            a->n = atoi(optarg);
            break;
        case 'r':
            a->rate = strtod(optarg, NULL);
            break;
        case 'p':
            a->path = optarg;
            break;
        default:
            return -1;
        }
    }
    return optind == argc && a->socket_path != NULL && a->seconds > 0 && a->n > 0 &&
                   a->n <= CONNECTIONS_MAX
               ? 0
               : -1;
}

int main(int argc, char **argv)
{
    struct ask a = {.path = "/v1/status", .n = 4};
    int err = 0;

    if (read_options(argc, argv, &a) != 0) {
        fputs("usage: ask --socket PATH --seconds N [--connections N] [--rate PER_SECOND] "
              "[--path PATH]\n",
              stderr);
        return 64;
    }
    a.request_len = (size_t)snprintf(a.request, sizeof(a.request),
                                     "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", a.path);
    a.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    a.connections = calloc((size_t)a.n, sizeof(*a.connections));
    for (int i = 0; a.connections != NULL && err == 0 && i < a.n; i++) {
        err = join(&a, &a.connections[i]);
    }
    if (a.connections == NULL || err != 0) {
        perror(a.socket_path);
        return 1;
    }
    err = run(&a);
    for (int i = 0; i < a.n; i++) {
        close(a.connections[i].fd);
    }
    free(a.connections);
    close(a.epoll_fd);
    return err == 0 ? 0 : 1;
}
