/* feed: the paged source that the daemon and the ideal read.
 *
 *   feed --records FILE --listen ADDR:PORT --port-file FILE [--count N] [--latency-ms N]
 *
 * GET /feed?offset=N&size=N answers {"rows":[...],"total":N}: records as they stand in the file, so
 * that the source costs the same, and little, whoever reads it. GET /FIRST/N/feed?... is a part of
 * them, a province of its own. --records /dev/null is a source without rows. GET /stats tells
 * requests, bytes and its own CPU time. */
#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/records.h"
#include "sandbox/sbuf.h"
#include "sandbox/serve.h"

#define SIZE_MOST 1000
#define JSON_TYPE "application/json; charset=utf-8"

struct feed {
    struct records records;
    uint64_t latency_ms;
    atomic_uint_fast64_t requests;
    atomic_uint_fast64_t bytes;
};

static size_t number_of(struct serve_req *req, const char *name, size_t def)
{
    const char *text = serve_query(req, name);

    return text != NULL ? (size_t)strtoull(text, NULL, 10) : def;
}

static void respond(struct serve_req *req, struct sbuf *b)
{
    size_t len = 0;
    char *text = sbuf_take(b, &len);

    if (text == NULL) {
        serve_respond(req, 500, "text/plain", "", 0);
        return;
    }
    serve_respond_owned(req, 200, JSON_TYPE, text, len);
}

/* Of n records from first on. */
static void page(struct feed *f, struct serve_req *req, size_t first, size_t n)
{
    size_t from = number_of(req, "offset", 0);
    size_t size = number_of(req, "size", SIZE_MOST);
    struct sbuf b = {0};

    size = size > SIZE_MOST ? SIZE_MOST : size;
    first = first > f->records.n ? f->records.n : first;
    n = n > f->records.n - first ? f->records.n - first : n;
    sbuf_puts(&b, "{\"rows\":[");
    for (size_t i = from; i < n && i - from < size; i++) {
        if (i > from) {
            sbuf_add(&b, ",", 1);
        }
        sbuf_add(&b, f->records.lines[first + i].text, f->records.lines[first + i].len);
    }
    sbuf_printf(&b, "],\"total\":%zu}", n);
    atomic_fetch_add(&f->bytes, b.len);
    serve_delay(req, f->latency_ms);
    respond(req, &b);
}

static void stats(struct feed *f, struct serve_req *req)
{
    struct sbuf b = {0};
    struct rusage u;

    memset(&u, 0, sizeof(u));
    getrusage(RUSAGE_SELF, &u);
    sbuf_printf(&b, "{\"requests\":%llu,\"bytes\":%llu,\"cpu_ms\":%lld}",
                (unsigned long long)atomic_load(&f->requests),
                (unsigned long long)atomic_load(&f->bytes),
                (long long)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
                    (long long)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000);
    respond(req, &b);
}

static void handle(struct serve_req *req, void *arg)
{
    struct feed *f = arg;
    size_t first = 0;
    size_t n = f->records.n;
    int end = 0;

    if (strcmp(req->path, "/stats") == 0) {
        stats(f, req);
        return;
    }
    atomic_fetch_add(&f->requests, 1);
    if (strcmp(req->path, "/feed") == 0 ||
        (sscanf(req->path, "/%zu/%zu/feed%n", &first, &n, &end) == 2 && end > 0 &&
         req->path[end] == '\0')) {
        page(f, req, first, n);
    } else {
        serve_respond(req, 404, "text/plain", "not found\n", 10);
    }
}

struct options {
    const char *records;
    const char *listen;
    const char *port_file;
    size_t count;
    uint64_t latency_ms;
};

static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option rows[] = {
        {"records", required_argument, NULL, 'r'},    {"listen", required_argument, NULL, 'l'},
        {"port-file", required_argument, NULL, 'p'},  {"count", required_argument, NULL, 'n'},
        {"latency-ms", required_argument, NULL, 'd'}, {NULL, 0, NULL, 0}};
    int opt = getopt_long(argc, argv, "", rows, NULL);

    for (; opt != -1; opt = getopt_long(argc, argv, "", rows, NULL)) {
        switch (opt) {
        case 'r':
            o->records = optarg;
            break;
        case 'l':
            o->listen = optarg;
            break;
        case 'p':
            o->port_file = optarg;
            break;
        case 'n':
            o->count = (size_t)strtoull(optarg, NULL, 10);
            break;
        case 'd':
            o->latency_ms = strtoull(optarg, NULL, 10);
            break;
        default:
            return -1;
        }
    }
    return optind == argc && o->records != NULL && o->listen != NULL ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct feed f = {0};
    struct serve_config cfg = {.handler = handle, .arg = &f, .threads = 1};
    struct serve *server = NULL;

    if (read_options(argc, argv, &o) != 0) {
        fputs("usage: feed --records FILE --listen ADDR:PORT [--port-file FILE] [--count N] "
              "[--latency-ms N]\n",
              stderr);
        return 64;
    }
    f.latency_ms = o.latency_ms;
    if (strcmp(o.records, "/dev/null") != 0 && records_open(&f.records, o.records, o.count) != 0) {
        return 1;
    }
    cfg.listen = o.listen;
    cfg.port_file = o.port_file;
    serve_block_signals();
    if (serve_start(&server, &cfg) != 0) {
        records_close(&f.records);
        return 1;
    }
    serve_wait_signal(server);
    serve_free(server);
    records_close(&f.records);
    return 0;
}
