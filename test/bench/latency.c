/* latency: from a change at the source to the portal's acknowledgement.
 *
 *   latency bare    --records FILE --portal URL --ledger FILE --journal FILE [--count N]
 *   latency gateway --records FILE --portal URL --ledger FILE --leg-us N [--count N]
 *   latency publish --records FILE --portal URL --ledger FILE --leg-us N [--count N]
 *
 * gateway: portal is the daemon's gateway. Each dossier is pushed when the one before was answered
 * and a pause is over; its time runs from the first byte of the push until the portal accepted, as
 * its ledger says, and the leg of the answer home. publish: portal is where the daemon takes
 * OpenCPS's notices, records are lines of the sandbox province's dump; a notice tells the id alone,
 * and the daemon reads the dossier before it sends it. bare: two commits of the daemon's tables
 * (the item, the intent) and one POST at the portal itself; it tells the leg. One line of JSON, in
 * microseconds. */
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/calls.h"
#include "bench/records.h"
#include "bench/store.h"
#include "bench/words.h"

#define URL_SIZE 512
#define PAUSE_NS 5000000
#define PUBLISH_PAUSE_NS 40000000 /* the steps of the one before go meanwhile */
#define LEDGER_WAIT_S 20
#define LEDGER_LINE_MAX 16384

struct sample {
    char code[48];
    int64_t begun_us, accepted_us, answered_us;
};

struct options {
    const char *records, *portal, *ledger, *journal;
    size_t count;
    int64_t leg_us;
    bool daemon;  /* not bare: the ledger tells when the portal had it */
    bool publish; /* only notices */
};

struct latency {
    struct options o;
    struct calls *calls;
    struct store *store; /* NULL: the daemon has its own */
    char url[URL_SIZE];
    char session[128];
    bool ended, accepted;
    struct sample *samples;
    size_t n;
};

static int64_t wall_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void done(struct call *call)
{
    struct latency *l = call->ctx;

    l->accepted = calls_accepted(call);
    if (!l->accepted) {
        fprintf(stderr, "latency: answered %ld: %.300s\n", call->status,
                call->reply != NULL ? call->reply : "");
    }
    l->ended = true;
}

static void told(struct call *call)
{
    struct latency *l = call->ctx;

    l->accepted = call->status == 200;
    if (!l->accepted) {
        fprintf(stderr, "latency: answered %ld: %.300s\n", call->status,
                call->reply != NULL ? call->reply : "");
    }
    l->ended = true;
}

static bool going(void *ctx)
{
    return !((struct latency *)ctx)->ended;
}

static int send_one(struct latency *l, const char *text, const struct facts *facts,
                    struct sample *s)
{
    struct store_job job = {
        .what = STORE_APPEND, .code = s->code, .body = text, .len = strlen(text), .facts = *facts};
    struct call call = {.url = l->url, .done = done, .ctx = l};
    char *body;

    body = words_call(l->session, WORDS_PUSH, WORDS_NEW, text, strlen(text), &call.len);
    call.body = body;
    l->ended = body == NULL;
    l->accepted = false;
    s->begun_us = wall_us();
    if (l->store != NULL) {
        store_now(l->store, &job);
        job.what = STORE_INTENT;
        store_now(l->store, &job);
    }
    if (body != NULL && calls_start(l->calls, &call) == 0) {
        (void)calls_run(l->calls, going, l);
    }
    s->answered_us = wall_us();
    free(body);
    return l->accepted ? 0 : -1;
}

static int one(struct latency *l, const struct record_line *line, struct sample *s)
{
    const struct timespec pause = {.tv_sec = 0, .tv_nsec = PAUSE_NS};
    cJSON *row = cJSON_ParseWithLength(line->text, line->len);
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "MaHoSo"));
    struct facts facts;
    char *text;
    int err = facts_read(row, &facts);

    (void)snprintf(s->code, sizeof(s->code), "%s", code != NULL ? code : "");
    cJSON_Delete(words_dossier(row));
    text = cJSON_PrintUnformatted(row);
    cJSON_Delete(row);
    nanosleep(&pause, NULL);
    err = err == 0 && text != NULL ? send_one(l, text, &facts, s) : -1;
    free(text);
    return err;
}

/* A notice as OpenCPS's publish queue sends it. */
static int notify(struct latency *l, const struct record_line *line, struct sample *s)
{
    const struct timespec pause = {.tv_sec = 0, .tv_nsec = PUBLISH_PAUSE_NS};
    cJSON *row = cJSON_ParseWithLength(line->text, line->len);
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "code"));
    const cJSON *dossier = cJSON_GetObjectItemCaseSensitive(row, "dossier");
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(dossier, "dossierId");
    struct call call = {.url = l->url, .done = told, .ctx = l};
    char form[64];

    call.body = form;
    call.len = (size_t)snprintf(form, sizeof(form), "dossierId=%.0f", cJSON_GetNumberValue(id));
    (void)snprintf(s->code, sizeof(s->code), "%s", code != NULL ? code : "");
    cJSON_Delete(row);
    nanosleep(&pause, NULL);
    l->ended = l->accepted = false;
    s->begun_us = wall_us();
    if (calls_start(l->calls, &call) == 0) {
        (void)calls_run(l->calls, going, l);
    }
    s->answered_us = wall_us();
    return l->accepted ? 0 : -1;
}

/* The sample that a line of the ledger is the first about, near the last one found; NULL: none. */
static struct sample *sample_of(struct latency *l, const char *line, size_t *hint)
{
    for (size_t i = 0; i < l->n; i++) {
        struct sample *s = &l->samples[(*hint + i) % l->n];

        if (s->accepted_us == 0 && strstr(line, s->code) != NULL) {
            *hint = (size_t)(s - l->samples);
            return s;
        }
    }
    return NULL;
}

/* When each was accepted. Notices that come close together may be overtaken. */
static int read_ledger(struct latency *l)
{
    FILE *f = fopen(l->o.ledger, "r");
    char *line = NULL;
    size_t room = 0;
    size_t hint = 0;
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++) {
        l->samples[i].accepted_us = 0;
    }
    while (f != NULL && n < l->n && getline(&line, &room, f) > 0) {
        const char *at = strstr(line, "\"at_us\":");
        struct sample *s = at != NULL ? sample_of(l, line, &hint) : NULL;

        if (s != NULL) {
            s->accepted_us = strtoll(at + sizeof("\"at_us\":") - 1, NULL, 10);
            n++;
        }
    }
    free(line);
    if (f != NULL) {
        (void)fclose(f);
    }
    return n == l->n ? 0 : -1;
}

/* After the last notice its dossier is still on its way. */
static int wait_ledger(struct latency *l)
{
    const struct timespec pause = {.tv_sec = 0, .tv_nsec = 100000000};
    int64_t until_us = wall_us() + LEDGER_WAIT_S * INT64_C(1000000);
    int err = read_ledger(l);

    while (err != 0 && l->o.publish && wall_us() < until_us) {
        nanosleep(&pause, NULL);
        err = read_ledger(l);
    }
    return err;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static int tell(struct latency *l)
{
    int64_t *whole = calloc(l->n, sizeof(*whole));
    int64_t *leg = calloc(l->n, sizeof(*leg));
    int err = whole != NULL && leg != NULL ? wait_ledger(l) : -1;

    for (size_t i = 0; err == 0 && i < l->n; i++) {
        const struct sample *s = &l->samples[i];

        leg[i] = s->answered_us - s->accepted_us;
        whole[i] =
            l->o.daemon ? s->accepted_us - s->begun_us + l->o.leg_us : s->answered_us - s->begun_us;
    }
    if (err == 0) {
        qsort(whole, l->n, sizeof(*whole), by_size);
        qsort(leg, l->n, sizeof(*leg), by_size);
        printf("{\"n\":%zu,\"p50_us\":%lld,\"p99_us\":%lld,\"leg_us\":%lld}\n", l->n,
               (long long)whole[l->n / 2], (long long)whole[l->n * 99 / 100],
               (long long)leg[l->n / 2]);
    } else {
        fputs("latency: the ledger does not have what was pushed\n", stderr);
    }
    free(whole);
    free(leg);
    return err;
}

static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option rows[] = {{"records", required_argument, NULL, 'r'},
                                         {"portal", required_argument, NULL, 'p'},
                                         {"ledger", required_argument, NULL, 'l'},
                                         {"journal", required_argument, NULL, 'j'},
                                         {"count", required_argument, NULL, 'c'},
                                         {"leg-us", required_argument, NULL, 'u'},
                                         {NULL, 0, NULL, 0}};
    const char **texts[128] = {
        ['r'] = &o->records, ['p'] = &o->portal, ['l'] = &o->ledger, ['j'] = &o->journal};
    int opt = getopt_long(argc, argv, "", rows, NULL);

    for (; opt != -1; opt = getopt_long(argc, argv, "", rows, NULL)) {
        if (opt == 'c') {
            o->count = (size_t)strtoull(optarg, NULL, 10);
        } else if (opt == 'u') {
            o->leg_us = strtoll(optarg, NULL, 10);
        } else if (opt > 0 && opt < 128 && texts[opt] != NULL) {
            *texts[opt] = optarg;
        } else {
            return -1;
        }
    }
    if (optind != argc - 1 || o->records == NULL || o->portal == NULL || o->ledger == NULL) {
        return -1;
    }
    o->publish = strcmp(argv[optind], "publish") == 0;
    o->daemon = o->publish || strcmp(argv[optind], "gateway") == 0;
    return o->daemon || o->journal != NULL ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct latency l = {.o = {.count = 500}};
    struct records records;
    int err = 0;

    if (read_options(argc, argv, &l.o) != 0) {
        fputs("usage: latency bare|gateway|publish --records FILE --portal URL --ledger FILE "
              "[--journal FILE] [--leg-us N] [--count N]\n",
              stderr);
        return 64;
    }
    if (records_open(&records, l.o.records, l.o.count) != 0 ||
        (!l.o.publish && calls_login(l.o.portal, l.session, sizeof(l.session)) != 0) ||
        calls_new(&l.calls, 1) != 0 || (!l.o.daemon && store_open(&l.store, l.o.journal) != 0)) {
        return 1;
    }
    (void)snprintf(l.url, sizeof(l.url), "%s%s", l.o.portal,
                   l.o.publish ? "/dossiers/publish" : "/forward/mapi/g");
    l.n = records.n;
    l.samples = calloc(l.n, sizeof(*l.samples));
    for (size_t i = 0; l.samples != NULL && err == 0 && i < l.n; i++) {
        err = l.o.publish ? notify(&l, &records.lines[i], &l.samples[i])
                          : one(&l, &records.lines[i], &l.samples[i]);
    }
    err = err == 0 && l.samples != NULL ? tell(&l) : -1;
    if (l.store != NULL) {
        store_close(l.store);
    }
    calls_free(l.calls);
    records_close(&records);
    free(l.samples);
    return err == 0 ? 0 : 1;
}
