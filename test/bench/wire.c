/* wire: what curl and the portal reach alone: calls that stand ready in memory, so many in flight.
 *
 *   wire --records FILE --portal URL [--count N] [--in-flight N]
 *
 * Prints one line of JSON with the CPU time of the sending alone. */
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/calls.h"
#include "bench/records.h"
#include "bench/words.h"

#define URL_SIZE 512

struct body {
    char *text;
    size_t len;
};

struct wire {
    struct calls *calls;
    char url[URL_SIZE];
    char session[128];
    struct body *bodies; /* [n] */
    size_t n, sent, ended, refused;
    struct call *idle; /* a list by ctx */
};

static void done(struct call *call)
{
    struct wire *w = call->ctx;

    w->ended++;
    w->refused += calls_accepted(call) ? 0u : 1u;
    if (w->sent < w->n) {
        call->body = w->bodies[w->sent].text;
        call->len = w->bodies[w->sent].len;
        w->sent++;
        w->refused += calls_start(w->calls, call) == 0 ? 0u : 1u;
    }
}

static bool going(void *ctx)
{
    struct wire *w = ctx;

    return w->ended < w->n;
}

static int prepare(struct wire *w, const struct records *r)
{
    w->n = r->n;
    w->bodies = calloc(w->n, sizeof(*w->bodies));
    for (size_t i = 0; w->bodies != NULL && i < w->n; i++) {
        cJSON *row = cJSON_ParseWithLength(r->lines[i].text, r->lines[i].len);
        char *text;

        cJSON_Delete(words_dossier(row));
        text = cJSON_PrintUnformatted(row);
        cJSON_Delete(row);
        if (text == NULL) {
            return -1;
        }
        w->bodies[i].text =
            words_call(w->session, WORDS_PUSH, WORDS_NEW, text, strlen(text), &w->bodies[i].len);
        free(text);
    }
    return w->bodies != NULL ? 0 : -1;
}

static double cpu_s(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int run(struct wire *w, size_t in_flight)
{
    struct call *all = calloc(in_flight, sizeof(*all));
    double before = cpu_s();
    int err = all != NULL ? 0 : -1;

    for (size_t i = 0; err == 0 && i < in_flight && w->sent < w->n; i++) {
        all[i] = (struct call){.url = w->url,
                               .body = w->bodies[w->sent].text,
                               .len = w->bodies[w->sent].len,
                               .done = done,
                               .ctx = w};
        w->sent++;
        err = calls_start(w->calls, &all[i]);
    }
    err = err == 0 ? calls_run(w->calls, going, w) : err;
    printf("{\"delivered\":%zu,\"refused\":%zu,\"send_cpu_s\":%.3f}\n", w->ended - w->refused,
           w->refused, cpu_s() - before);
    free(all);
    return err == 0 && w->refused == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    static const struct option rows[] = {{"records", required_argument, NULL, 'r'},
                                         {"portal", required_argument, NULL, 'p'},
                                         {"count", required_argument, NULL, 'c'},
                                         {"in-flight", required_argument, NULL, 'n'},
                                         {NULL, 0, NULL, 0}};
    const char *path = NULL;
    const char *portal = NULL;
    size_t count = 0;
    size_t in_flight = 16;
    struct records records;
    struct wire w = {0};
    int opt = getopt_long(argc, argv, "", rows, NULL);
    int err;

    for (; opt != -1 && opt != '?'; opt = getopt_long(argc, argv, "", rows, NULL)) {
        path = opt == 'r' ? optarg : path;
        portal = opt == 'p' ? optarg : portal;
        count = opt == 'c' ? (size_t)strtoull(optarg, NULL, 10) : count;
        in_flight = opt == 'n' ? (size_t)strtoull(optarg, NULL, 10) : in_flight;
    }
    if (opt == '?' || path == NULL || portal == NULL || in_flight == 0) {
        fputs("usage: wire --records FILE --portal URL [--count N] [--in-flight N]\n", stderr);
        return 64;
    }
    if (records_open(&records, path, count) != 0 ||
        calls_login(portal, w.session, sizeof(w.session)) != 0) {
        return 1;
    }
    (void)snprintf(w.url, sizeof(w.url), "%s/forward/mapi/g", portal);
    if (prepare(&w, &records) != 0 || calls_new(&w.calls, in_flight) != 0) {
        return 1;
    }
    err = run(&w, in_flight);
    calls_free(w.calls);
    for (size_t i = 0; i < w.n; i++) {
        free(w.bodies[i].text);
    }
    free(w.bodies);
    records_close(&records);
    return err == 0 ? 0 : 1;
}
