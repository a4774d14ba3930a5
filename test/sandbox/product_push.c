#include "sandbox/product_push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>
#include <curl/curl.h>

#include "sandbox/province_knobs.h"

#define THREADS_MAX 16
#define IDLE_NS 20000000L
#define PAUSE_NS 200000000L /* before a POST is repeated */
#define TRIES 5             /* of a refusal in band; transport trouble is repeated for ever */
#define STEPS_PER_CALL 10
#define URL_SIZE 512

/* A thread of it: every dossier belongs to one, so that its pushes keep their order. */
struct pusher {
    struct product_push *push;
    pthread_t thread;
    size_t number;
    CURL *curl;
    uint64_t chance;
};

struct product_push {
    struct product *product;
    struct province *p;
    struct pusher pushers[THREADS_MAX];
    size_t n;
    uint8_t *steps; /* [room] taken, by dossier; under the province's lock */
    size_t room;
    atomic_bool stop;
    atomic_uint_fast64_t posts;
    atomic_uint_fast64_t repeats;
    atomic_uint_fast64_t refusals; /* in band */
    atomic_uint_fast64_t troubles; /* no answer, or no HTTP 200 */
    atomic_uint_fast64_t given_up;
};

/* What is pushed of one dossier, made under the lock. */
struct parcel {
    size_t i;
    uint32_t version;
    bool updating; /* the guess */
    char number[LIFE_NUMBER_SIZE];
    struct sbuf dossier;
    struct sbuf steps[2];
    size_t n_steps; /* calls */
    uint8_t all_steps;
};

static void pause_ns(long ns)
{
    struct timespec t = {.tv_nsec = ns};

    nanosleep(&t, NULL);
}

static size_t take(char *data, size_t size, size_t n, void *arg)
{
    struct sbuf *b = arg;

    sbuf_add(b, data, size * n);
    return b->failed ? 0 : size * n;
}

static int interrupted(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct product_push *push = arg;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return atomic_load(&push->stop) ? 1 : 0;
}

enum answer { TAKEN, REFUSED, TROUBLE };

/* Success is error_code 0; the text is only logged by the software that this plays. */
static enum answer judge(const struct sbuf *body)
{
    cJSON *json = body->len > 0 ? cJSON_Parse(body->data) : NULL;
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(json, "error_code");
    const char *text = cJSON_GetStringValue(code);
    bool good = (cJSON_IsNumber(code) && code->valuedouble == 0) ||
                (text != NULL && (strcmp(text, "0") == 0 || strcmp(text, "00") == 0));
    enum answer answer = json == NULL ? TROUBLE : good ? TAKEN : REFUSED;

    cJSON_Delete(json);
    return answer;
}

static enum answer post(struct pusher *me, const char *url, const struct sbuf *body)
{
    struct product_push *push = me->push;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct sbuf reply = {0};
    long status = 0;
    enum answer answer = TROUBLE;
    CURLcode code;

    curl_easy_setopt(me->curl, CURLOPT_URL, url);
    curl_easy_setopt(me->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(me->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(me->curl, CURLOPT_TIMEOUT_MS, product_knob(push->product, PV_PUSH_TIMEOUT_MS));
    curl_easy_setopt(me->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(me->curl, CURLOPT_POSTFIELDS, body->data);
    curl_easy_setopt(me->curl, CURLOPT_POSTFIELDSIZE, (long)body->len);
    curl_easy_setopt(me->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(me->curl, CURLOPT_WRITEDATA, &reply);
    curl_easy_setopt(me->curl, CURLOPT_XFERINFOFUNCTION, interrupted);
    curl_easy_setopt(me->curl, CURLOPT_XFERINFODATA, push);
    curl_easy_setopt(me->curl, CURLOPT_NOPROGRESS, 0L);
    atomic_fetch_add(&push->posts, 1);
    code = curl_easy_perform(me->curl);
    curl_easy_getinfo(me->curl, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK && status == 200 && !reply.failed) {
        answer = judge(&reply);
    }
    atomic_fetch_add(answer == TROUBLE ? &push->troubles : &push->refusals, answer != TAKEN);
    sbuf_free(&reply);
    curl_slist_free_all(headers);
    return answer;
}

/* One POST until it is taken. False when it was refused for good or the sandbox ends. */
static bool deliver(struct pusher *me, const char *service, bool *updating, const struct sbuf *body)
{
    char base[KNOB_TEXT_MAX], url[URL_SIZE];
    int refused = 0;

    while (!atomic_load(&me->push->stop)) {
        enum answer answer;

        knobs_get_text(me->push->p->knobs, PV_PUSH_URL, base);
        snprintf(url, sizeof(url), "%s/%s?MaDinhDanhDV=000.00.00.H56%s", base, service,
                 updating == NULL ? ""
                 : *updating      ? "&isUpdating=True"
                                  : "&isUpdating=False");
        answer = base[0] != '\0' ? post(me, url, body) : TROUBLE;
        if (answer == TAKEN) {
            return true;
        }
        refused += answer == REFUSED;
        if (refused >= TRIES) {
            return false;
        }
        if (answer == REFUSED && updating != NULL) {
            *updating = !*updating; /* the guess was wrong, perhaps */
        }
        atomic_fetch_add(&me->push->repeats, 1);
        pause_ns(PAUSE_NS);
    }
    return false;
}

static bool make_room(struct product_push *push)
{
    size_t room = push->p->life.room;
    uint8_t *more;

    if (room <= push->room) {
        return true;
    }
    more = realloc(push->steps, room);
    if (more == NULL) {
        return false;
    }
    memset(more + push->room, 0, room - push->room);
    push->steps = more;
    push->room = room;
    return true;
}

/* The bodies of dossier i. Mostly only the new steps; a quarter sends its whole history again. */
static void pack(struct pusher *me, size_t i, struct parcel *parcel)
{
    struct product_push *push = me->push;
    struct product_view v;
    size_t from;
    bool wrong =
        product_happens(push->product, product_knob(push->product, PV_PUSH_WRONG_GUESS_PERCENT));

    product_view(&push->p->life, i, &v);
    from = i % 4 == 0 ? 0 : push->steps[i];
    *parcel = (struct parcel){.i = i,
                              .version = life_version(&push->p->life, i),
                              .updating = (push->steps[i] > 0) != wrong,
                              .all_steps = (uint8_t)v.n_steps};
    memcpy(parcel->number, v.number, sizeof(parcel->number));
    bridge_dossier(&parcel->dossier, &v);
    for (; from < v.n_steps; from += STEPS_PER_CALL) {
        size_t until = from + STEPS_PER_CALL < v.n_steps ? from + STEPS_PER_CALL : v.n_steps;

        bridge_steps(&parcel->steps[parcel->n_steps++], &v, from, until);
    }
}

/* The next dossier of this thread that waits. False when there is none. */
static bool next(struct pusher *me, size_t *at, struct parcel *parcel)
{
    struct product_push *push = me->push;
    bool found = false;

    pthread_mutex_lock(&push->p->lock);
    if (make_room(push)) {
        for (; *at < push->p->life.n && !found; *at += push->n) {
            found = product_waits(push->product, *at);
            if (found) {
                pack(me, *at, parcel);
            }
        }
    }
    pthread_mutex_unlock(&push->p->lock);
    return found;
}

static void send_parcel(struct pusher *me, struct parcel *parcel)
{
    struct product_push *push = me->push;
    bool taken = deliver(me, "DongBoHoSoMC", &parcel->updating, &parcel->dossier);

    for (size_t k = 0; k < parcel->n_steps && taken; k++) {
        taken = deliver(me, "CapNhatTienDoHoSoMC", NULL, &parcel->steps[k]);
    }
    if (!atomic_load(&push->stop)) {
        atomic_fetch_add(&push->given_up, !taken);
        pthread_mutex_lock(&push->p->lock);
        product_taken(push->product, parcel->i, parcel->version);
        push->steps[parcel->i] = taken ? parcel->all_steps : push->steps[parcel->i];
        pthread_mutex_unlock(&push->p->lock);
    }
    sbuf_free(&parcel->dossier);
    for (size_t k = 0; k < parcel->n_steps; k++) {
        sbuf_free(&parcel->steps[k]);
    }
}

static void *work(void *arg)
{
    struct pusher *me = arg;
    struct parcel parcel;
    char url[KNOB_TEXT_MAX];
    size_t at = me->number;

    while (!atomic_load(&me->push->stop)) {
        knobs_get_text(me->push->p->knobs, PV_PUSH_URL, url);
        if (url[0] != '\0' && next(me, &at, &parcel)) {
            send_parcel(me, &parcel);
        } else {
            at = me->number;
            pause_ns(IDLE_NS);
        }
    }
    return NULL;
}

int product_push_start(struct product_push **out, struct product *product, struct province *p)
{
    struct product_push *push = calloc(1, sizeof(*push));
    size_t n = (size_t)knobs_get(p->knobs, PV_PUSH_THREADS);

    *out = push;
    if (push == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fputs("province: out of memory\n", stderr);
        free(push);
        *out = NULL;
        return -1;
    }
    push->product = product;
    push->p = p;
    push->n = n;
    for (size_t k = 0; k < n; k++) {
        struct pusher *me = &push->pushers[k];

        me->push = push;
        me->number = k;
        me->curl = curl_easy_init();
        if (me->curl == NULL || pthread_create(&me->thread, NULL, work, me) != 0) {
            fputs("province: no thread\n", stderr);
            curl_easy_cleanup(me->curl);
            me->curl = NULL;
            product_push_stop(push);
            *out = NULL;
            return -1;
        }
    }
    return 0;
}

void product_push_stop(struct product_push *push)
{
    if (push == NULL) {
        return;
    }
    atomic_store(&push->stop, true);
    for (size_t k = 0; k < push->n; k++) {
        if (push->pushers[k].curl != NULL) {
            pthread_join(push->pushers[k].thread, NULL);
            curl_easy_cleanup(push->pushers[k].curl);
        }
    }
    curl_global_cleanup();
    free(push->steps);
    free(push);
}

void product_push_stats(struct product_push *push, struct sbuf *out)
{
    if (push == NULL) {
        return;
    }
    sbuf_printf(out, ",\"posts\":%llu,\"repeats\":%llu,\"refusals\":%llu,",
                (unsigned long long)atomic_load(&push->posts),
                (unsigned long long)atomic_load(&push->repeats),
                (unsigned long long)atomic_load(&push->refusals));
    sbuf_printf(out, "\"troubles\":%llu,\"given_up\":%llu",
                (unsigned long long)atomic_load(&push->troubles),
                (unsigned long long)atomic_load(&push->given_up));
}
