#include "sandbox/province.h"

#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sandbox/product.h"
#include "sandbox/province_knobs.h"
#include "sandbox/province_publish.h"
#include "sandbox/province_routes.h"

#define TICK_NS 50000000L /* how often the life goes on while it runs */
#define PATH_SIZE 4096

struct options {
    const char *listen;
    const char *port_file;
    const char *catalog;
    const char *agencies; /* NULL: agencies.csv beside the catalogue */
    const char *products; /* faces beside OpenCPS, with commas between */
    struct life_options life;
    uint64_t changes;
    double rate; /* changes a second; 0: all at once */
};

/* The thread that lets the life go on. */
struct pulse {
    struct province *p;
    double rate;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
};

static int usage(void)
{
    fputs("dvcsync-sandbox province --listen ADDR:PORT --catalog FILE [--port-file F] [--agencies "
          "F]\n"
          "    [--dossiers N] [--seed N] [--days N] [--until SECONDS] [--changes N] "
          "[--rate PER_SECOND]\n"
          "    [--knob N=V]...\n"
          "    [--product NAME,...|all]\n",
          stderr);
    return 2;
}

static int take(int opt, const char *value, struct options *o, struct knobs *knobs)
{
    char why[256];

    switch (opt) {
    case 'l':
        o->listen = value;
        return 0;
    case 'f':
        o->port_file = value;
        return 0;
    case 'c':
        o->catalog = value;
        return 0;
    case 'a':
        o->agencies = value;
        return 0;
    case 'p':
        o->products = value;
        return 0;
    case 'n':
        o->life.dossiers = strtoull(value, NULL, 10);
        return 0;
    case 's':
        o->life.seed = strtoull(value, NULL, 10);
        return 0;
    case 'd':
        o->life.days = (unsigned)strtoul(value, NULL, 10);
        return 0;
    case 'u':
        o->life.now_s = strtoll(value, NULL, 10);
        return 0;
    case 'm':
        o->changes = strtoull(value, NULL, 10);
        return 0;
    case 'r':
        o->rate = strtod(value, NULL);
        return 0;
    case 'k':
        if (knobs_set_pair(knobs, value, why, sizeof(why)) != 0) {
            fprintf(stderr, "province: --knob %s: %s\n", value, why);
            return -1;
        }
        return 0;
    default:
        return -1;
    }
}

static int parse(int argc, char **argv, struct options *o, struct knobs *knobs)
{
    static const struct option LONG[] = {
        {"listen", required_argument, NULL, 'l'},
        {"port-file", required_argument, NULL, 'f'},
        {"catalog", required_argument, NULL, 'c'},
        {"agencies", required_argument, NULL, 'a'},
        {"dossiers", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'},
        {"days", required_argument, NULL, 'd'},
        {"changes", required_argument, NULL, 'm'},
        {"rate", required_argument, NULL, 'r'},
        {"knob", required_argument, NULL, 'k'},
        {"product", required_argument, NULL, 'p'},
        {"until", required_argument, NULL, 'u'},
        {NULL, 0, NULL, 0},
    };
    bool fine = true;
    int opt;

    optind = 1;
    for (opt = getopt_long(argc, argv, "", LONG, NULL); opt != -1 && fine;
         opt = getopt_long(argc, argv, "", LONG, NULL)) {
        fine = take(opt, optarg, o, knobs) == 0;
    }
    return fine && optind == argc && o->listen != NULL && o->catalog != NULL && o->life.days > 0 &&
                   o->life.days <= 3650
               ? 0
               : -1;
}

/* The catalogue, the services and the world. */
static int make_world(struct province *p, struct life_catalog *catalog, struct options *o)
{
    char agencies[PATH_SIZE];
    const char *slash = strrchr(o->catalog, '/');
    int folder = slash != NULL ? (int)(slash - o->catalog) + 1 : 0;

    snprintf(agencies, sizeof(agencies), "%.*sagencies.csv", folder, o->catalog);
    if (life_catalog_load(catalog, o->catalog, o->agencies != NULL ? o->agencies : agencies) != 0) {
        return -1;
    }
    if (o->life.now_s == 0) {
        o->life.now_s = time(NULL);
    }
    o->life.planted = (unsigned)knobs_get(p->knobs, PV_PLANTED);
    o->life.national_percent = (unsigned)knobs_get(p->knobs, PV_NATIONAL_PERCENT);
    if (services_init(&p->services, catalog, o->life.seed, o->life.now_s) != 0) {
        fputs("province: out of memory\n", stderr);
        life_catalog_free(catalog);
        return -1;
    }
    if (life_init(&p->life, catalog, &o->life) != 0) {
        fprintf(stderr, "province: no room for %zu dossiers (at most %d)\n", o->life.dossiers,
                LIFE_DOSSIERS_MAX);
        services_free(&p->services);
        life_catalog_free(catalog);
        return -1;
    }
    return 0;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *beat(void *arg)
{
    struct pulse *pulse = arg;
    struct province *p = pulse->p;
    double begun = seconds();
    uint64_t made = 0;

    pthread_mutex_lock(&pulse->lock);
    while (!pulse->stop && made < p->changes_wanted) {
        double due = pulse->rate > 0 ? (seconds() - begun) * pulse->rate : 1e18;
        struct timespec until;

        pthread_mutex_unlock(&pulse->lock);
        pthread_mutex_lock(&p->lock);
        while (made < p->changes_wanted && (double)made + 1 <= due) {
            life_change(&p->life, time(NULL));
            made++;
        }
        pthread_mutex_unlock(&p->lock);
        atomic_store(&p->planned, made);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TICK_NS;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_mutex_lock(&pulse->lock);
        if (!pulse->stop) {
            pthread_cond_timedwait(&pulse->wake, &pulse->lock, &until);
        }
    }
    pthread_mutex_unlock(&pulse->lock);
    return NULL;
}

static int run(struct province *p, const struct options *o)
{
    struct serve_config config = {.listen = o->listen,
                                  .port_file = o->port_file,
                                  .threads = 2,
                                  .handler = province_handle,
                                  .arg = p};
    struct pulse pulse = {.p = p,
                          .rate = o->rate,
                          .lock = PTHREAD_MUTEX_INITIALIZER,
                          .wake = PTHREAD_COND_INITIALIZER};
    struct serve *serve;
    int error;

    if (serve_start(&serve, &config) != 0) {
        return -1;
    }
    error = pthread_create(&pulse.thread, NULL, beat, &pulse);
    if (error != 0) {
        fprintf(stderr, "province: no thread: %s\n", strerror(error));
        serve_free(serve);
        return -1;
    }
    if (products_start(p->products) == 0) {
        serve_wait_signal(serve);
    }
    products_stop(p->products);
    serve_quiesce(serve); /* its pages look at the queue */
    publish_stop(p->publish);
    pthread_mutex_lock(&pulse.lock);
    pulse.stop = true;
    pthread_cond_signal(&pulse.wake);
    pthread_mutex_unlock(&pulse.lock);
    pthread_join(pulse.thread, NULL);
    serve_free(serve);
    return 0;
}

int province_main(int argc, char **argv)
{
    struct options o = {
        .life = {.seed = 1, .dossiers = 1000, .days = 30}, .rate = 1, .products = ""};
    struct province p = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct life_catalog catalog;
    int status = 1;

    p.knobs = knobs_new(PROVINCE_KNOBS, PROVINCE_KNOB_COUNT);
    if (p.knobs == NULL) {
        fputs("province: out of memory\n", stderr);
        return 1;
    }
    if (parse(argc, argv, &o, p.knobs) != 0) {
        status = usage();
    } else if (make_world(&p, &catalog, &o) == 0) {
        p.changes_wanted = o.changes;
        status = products_open(&p.products, &p, o.products) == 0 &&
                         publish_start(&p.publish, &p) == 0 && run(&p, &o) == 0
                     ? 0
                     : 1;
        products_free(p.products);
        intake_free(&p.intake);
        life_free(&p.life);
        services_free(&p.services);
        life_catalog_free(&catalog);
    }
    knobs_free(p.knobs);
    return status;
}
