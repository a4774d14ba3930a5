/* ideal: the straight line that dvcsyncd is measured against: a paged source, a synced journal with
 * intents, one call a dossier at the portal. No other feature: no retry, no recovery, no look-up,
 * no figures, no order, no log.
 *
 *   ideal --feed URL --portal URL --journal FILE [--in-flight N] [--page N] [--batch N]
 *
 * --batch more than 1: through the sandbox's bridge. Ends when all that the feed shows is delivered
 * and committed; prints one line of JSON. */
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/digest.h"
#include "bench/calls.h"
#include "bench/store.h"
#include "bench/words.h"

#define URL_SIZE 512
#define BATCH_MAX 100
#define AHEAD 256 /* intents that may be committed before their calls begin, as in the daemon */
#define WINDOW_BYTES (4u << 20)

struct dossier {
    struct store_job job;
    char code[48];
    char *body;
    struct dossier *next; /* in a queue */
};

struct queue {
    struct dossier *first, **end;
    size_t n;
};

struct push {
    struct call call;
    struct dossier *members[BATCH_MAX];
    size_t n;
    char *body;
    struct store_answer answer;
    int64_t begun_ms;
    struct push *next; /* of the free ones */
    struct ideal *own;
};

struct options {
    const char *feed;
    const char *portal;
    const char *journal;
    size_t in_flight;
    size_t page;
    size_t batch;
};

struct ideal {
    struct options o;
    struct calls *calls;
    struct store *store;
    char session[128];
    char push_url[URL_SIZE], feed_url[URL_SIZE];
    struct call page_call;
    bool reading; /* a page is under way */
    size_t total; /* as the feed says; SIZE_MAX not yet known */
    size_t read, delivered, finished;
    size_t bytes;         /* of bodies in memory */
    struct queue stored;  /* committed, no intent yet */
    struct queue claimed; /* intent committed */
    size_t claiming;
    struct push *pushes; /* [in_flight] */
    struct push *idle;
    size_t under_way;
    uint64_t requests;
    bool failed;
};

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void queue_init(struct queue *q)
{
    *q = (struct queue){.first = NULL, .end = &q->first};
}

static void queue_put(struct queue *q, struct dossier *d)
{
    d->next = NULL;
    *q->end = d;
    q->end = &d->next;
    q->n++;
}

static struct dossier *queue_take(struct queue *q)
{
    struct dossier *d = q->first;

    q->first = d->next;
    if (q->first == NULL) {
        q->end = &q->first;
    }
    q->n--;
    return d;
}

static void fail(struct ideal *i, const char *what, const char *detail)
{
    fprintf(stderr, "ideal: %s: %.300s\n", what, detail != NULL ? detail : "");
    i->failed = true;
}

/* ---- the source ---- */

static void take_row(struct ideal *i, cJSON *row)
{
    struct dossier *d = calloc(1, sizeof(*d));
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "MaHoSo"));

    if (d == NULL || code == NULL || facts_read(row, &d->job.facts) != 0) {
        fail(i, "a row that can't be stored", code);
        free(d);
        return;
    }
    (void)snprintf(d->code, sizeof(d->code), "%s", code);
    cJSON_Delete(words_dossier(row));
    d->body = cJSON_PrintUnformatted(row);
    d->job.what = STORE_APPEND;
    d->job.code = d->code;
    d->job.body = d->body;
    d->job.len = d->body != NULL ? strlen(d->body) : 0;
    d->job.ctx = d;
    i->bytes += d->job.len;
    i->read++;
    store_put(i->store, &d->job);
}

static void put_cursor(struct ideal *i)
{
    struct store_job *cursor = calloc(1, sizeof(*cursor));

    if (cursor == NULL) {
        fail(i, "out of memory", "");
        return;
    }
    cursor->what = STORE_CURSOR;
    cursor->offset = i->read;
    store_put(i->store, cursor);
}

static void page_done(struct call *call)
{
    struct ideal *i = call->ctx;
    cJSON *page = call->status == 200 ? cJSON_ParseWithLength(call->reply, call->reply_len) : NULL;
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(page, "total");
    cJSON *row;

    i->reading = false;
    if (!cJSON_IsNumber(total)) {
        fail(i, "the feed answered", call->reply);
        cJSON_Delete(page);
        return;
    }
    i->total = (size_t)total->valuedouble;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(page, "rows"))
    {
        take_row(i, row);
    }
    cJSON_Delete(page);
    put_cursor(i);
}

static void read_page(struct ideal *i)
{
    (void)snprintf(i->feed_url, sizeof(i->feed_url), "%s/feed?offset=%zu&size=%zu", i->o.feed,
                   i->read, i->o.page);
    i->page_call = (struct call){.url = i->feed_url, .done = page_done, .ctx = i};
    i->reading = calls_start(i->calls, &i->page_call) == 0;
}

/* ---- the portal ---- */

static void push_done(struct call *call)
{
    struct push *p = call->ctx;
    struct ideal *i = p->own;

    p->answer.took_ms = (unsigned)(now_ms() - p->begun_ms);
    free(p->body);
    i->under_way--;
    i->delivered += p->n;
    if (!calls_answer(call, p->answer.words, sizeof(p->answer.words)) ||
        digest_sha256(call->reply, call->reply_len, p->answer.response) != 0) {
        fail(i, "the portal answered", call->reply);
    }
    for (size_t k = 0; k < p->n; k++) {
        struct dossier *d = p->members[k];

        d->job.what = STORE_FINISH;
        d->job.answer = p->answer;
        store_put(i->store, &d->job);
    }
    p->next = i->idle;
    i->idle = p;
}

/* All bodies with commas between. */
static char *join(const struct push *p, size_t *len)
{
    char *text;

    *len = p->n - 1;
    for (size_t k = 0; k < p->n; k++) {
        *len += p->members[k]->job.len;
    }
    text = malloc(*len + 1);
    for (size_t k = 0, at = 0; text != NULL && k < p->n; k++) {
        if (k > 0) {
            text[at++] = ',';
        }
        memcpy(text + at, p->members[k]->body, p->members[k]->job.len);
        at += p->members[k]->job.len;
    }
    return text;
}

static char *write_call(const struct ideal *i, const struct push *p, size_t *len)
{
    size_t all = 0;
    char *elements;
    char *text;

    if (i->o.batch == 1) {
        return words_call(i->session, WORDS_PUSH, WORDS_NEW, p->members[0]->body,
                          p->members[0]->job.len, len);
    }
    elements = join(p, &all);
    text = elements != NULL ? malloc(all + 3) : NULL;
    if (text != NULL) {
        *len = (size_t)snprintf(text, all + 3, "[%.*s]", (int)all, elements);
    }
    free(elements);
    return text;
}

static void push(struct ideal *i)
{
    struct push *p = i->idle;

    i->idle = p->next;
    p->own = i;
    for (p->n = 0; p->n < i->o.batch && i->claimed.n > 0; p->n++) {
        p->members[p->n] = queue_take(&i->claimed);
    }
    p->call = (struct call){.url = i->push_url, .done = push_done, .ctx = p};
    p->body = write_call(i, p, &p->call.len);
    p->call.body = p->body;
    p->begun_ms = now_ms();
    i->under_way++;
    i->requests++;
    if (p->body == NULL || digest_sha256(p->body, p->call.len, p->answer.request) != 0 ||
        calls_start(i->calls, &p->call) != 0) {
        fail(i, "a call does not begin", "");
    }
}

/* ---- what came back from the store ---- */

static void back(struct ideal *i, struct store_job *job)
{
    struct dossier *d = job->ctx;

    switch (job->what) {
    case STORE_APPEND:
        queue_put(&i->stored, d);
        break;
    case STORE_INTENT:
        i->claiming--;
        queue_put(&i->claimed, d);
        break;
    case STORE_FINISH:
        i->finished++;
        i->bytes -= d->job.len;
        free(d->body);
        free(d);
        break;
    case STORE_CURSOR:
        free(job);
        break;
    }
}

/* Intents for what may go soon; a full batch waits for its members. */
static void claim(struct ideal *i)
{
    size_t most = i->o.in_flight * i->o.batch + AHEAD;

    while (i->stored.n > 0 && i->claiming + i->claimed.n < most) {
        struct dossier *d = queue_take(&i->stored);

        d->job.what = STORE_INTENT;
        i->claiming++;
        store_put(i->store, &d->job);
    }
}

static bool whole(const struct ideal *i)
{
    return i->claimed.n >= i->o.batch || (i->read == i->total && i->stored.n + i->claiming == 0);
}

static void turn(struct ideal *i)
{
    claim(i);
    while (i->idle != NULL && i->claimed.n > 0 && whole(i)) {
        push(i);
    }
    if (!i->reading && i->bytes < WINDOW_BYTES && i->read < i->total) {
        read_page(i);
    }
}

static void stored(void *ctx)
{
    struct ideal *i = ctx;
    struct store_job *job = store_take(i->store);

    while (job != NULL) {
        struct store_job *next = job->next;

        back(i, job);
        job = next;
    }
}

static bool going(void *ctx)
{
    struct ideal *i = ctx;

    if (i->failed) {
        return false;
    }
    turn(i);
    return i->finished < i->total;
}

/* ---- start ---- */

static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option rows[] = {{"feed", required_argument, NULL, 'f'},
                                         {"portal", required_argument, NULL, 'p'},
                                         {"journal", required_argument, NULL, 'j'},
                                         {"in-flight", required_argument, NULL, 'n'},
                                         {"page", required_argument, NULL, 's'},
                                         {"batch", required_argument, NULL, 'b'},
                                         {NULL, 0, NULL, 0}};
    const char **texts[128] = {['f'] = &o->feed, ['p'] = &o->portal, ['j'] = &o->journal};
    size_t *numbers[128] = {['n'] = &o->in_flight, ['s'] = &o->page, ['b'] = &o->batch};
    int opt = getopt_long(argc, argv, "", rows, NULL);

    for (; opt != -1; opt = getopt_long(argc, argv, "", rows, NULL)) {
        if (opt > 0 && opt < 128 && texts[opt] != NULL) {
            *texts[opt] = optarg;
        } else if (opt > 0 && opt < 128 && numbers[opt] != NULL) {
            *numbers[opt] = (size_t)strtoull(optarg, NULL, 10);
        } else {
            return -1;
        }
    }
    return optind == argc && o->feed != NULL && o->portal != NULL && o->journal != NULL &&
                   o->in_flight > 0 && o->page > 0 && o->batch > 0 && o->batch <= BATCH_MAX
               ? 0
               : -1;
}

static int begin(struct ideal *i)
{
    bool bridge = i->o.batch > 1;

    queue_init(&i->stored);
    queue_init(&i->claimed);
    i->total = SIZE_MAX;
    (void)snprintf(i->push_url, sizeof(i->push_url), "%s%s", i->o.portal,
                   bridge ? "/api/SynsTTHCC/DongBoHoSoMC?MaDinhDanhDV=H56&isUpdating=False"
                          : "/forward/mapi/g");
    i->pushes = calloc(i->o.in_flight, sizeof(*i->pushes));
    if (i->pushes == NULL ||
        (!bridge && calls_login(i->o.portal, i->session, sizeof(i->session)) != 0) ||
        calls_new(&i->calls, i->o.in_flight + 1) != 0) {
        return -1;
    }
    for (size_t k = 0; k < i->o.in_flight; k++) {
        i->pushes[k].next = i->idle;
        i->idle = &i->pushes[k];
    }
    if (store_open(&i->store, i->o.journal) != 0) {
        return -1;
    }
    return calls_watch(i->calls, store_fd(i->store), stored, i);
}

int main(int argc, char **argv)
{
    struct ideal i = {.o = {.in_flight = 16, .page = 500, .batch = 1}};

    if (read_options(argc, argv, &i.o) != 0) {
        fputs("usage: ideal --feed URL --portal URL --journal FILE [--in-flight N] [--page N] "
              "[--batch N]\n",
              stderr);
        return 64;
    }
    if (begin(&i) != 0 || calls_run(i.calls, going, &i) != 0 || i.failed) {
        return 1;
    }
    printf("{\"delivered\":%zu,\"requests\":%llu,\"commits\":%llu}\n", i.finished,
           (unsigned long long)i.requests, (unsigned long long)store_commits(i.store));
    store_close(i.store);
    calls_free(i.calls);
    free(i.pushes);
    return 0;
}
