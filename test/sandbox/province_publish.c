#include "sandbox/province_publish.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>
#include <curl/curl.h>

#include "sandbox/province_intake.h"
#include "sandbox/province_knobs.h"

#define BATCH 10        /* rows of one run of the job */
#define FAILURES_MAX 10 /* of a row, then it is dead */
#define TIMEOUT_MS 10000L
#define URL_SIZE 512
#define FORM_SIZE 2048
#define ROWS_MAX ((size_t)LIFE_DOSSIERS_MAX + INTAKE_MAX)

struct row {
    uint32_t version; /* published */
    uint8_t failures;
};

struct publish {
    struct province *p;
    pthread_t thread;
    CURL *curl;
    atomic_bool stop;
    /* under the province's lock; the world's dossiers, then those of the intake */
    struct row *rows[2];
    size_t room[2];
    uint64_t sent, acked, failed;
};

/* One row on its way. */
struct parcel {
    size_t kind, i; /* kind 0: of the world, 1: of the intake */
    uint32_t version;
    char form[FORM_SIZE];
};

static size_t count(const struct province *p, size_t kind)
{
    return kind == 0 ? p->life.n : p->intake.n;
}

static uint32_t version_of(const struct province *p, size_t kind, size_t i)
{
    return kind == 0 ? life_version(&p->life, i) : intake_version(&p->intake, i);
}

/* Never published at all: interlinked children and what is not public. */
static bool left_out(const struct province *p, size_t kind, size_t i)
{
    uint8_t planted = kind == 0 ? p->life.dossiers[i].planted : LIFE_NORMAL;

    return planted == LIFE_CHILD || planted == LIFE_NOT_PUBLIC;
}

static bool make_room(struct publish *q, size_t kind, size_t n)
{
    struct row *rows;

    if (n <= q->room[kind]) {
        return true;
    }
    n += n / 4 + 100;
    rows = n <= ROWS_MAX ? realloc(q->rows[kind], n * sizeof(*rows)) : NULL;
    if (rows == NULL) {
        return false;
    }
    memset(rows + q->room[kind], 0, (n - q->room[kind]) * sizeof(*rows));
    q->rows[kind] = rows;
    q->room[kind] = n;
    return true;
}

static bool waits(const struct publish *q, size_t kind, size_t i)
{
    const struct row *row = &q->rows[kind][i];

    return row->version != version_of(q->p, kind, i) && row->failures < FAILURES_MAX &&
           !left_out(q->p, kind, i);
}

static void pack(const struct publish *q, size_t kind, size_t i, struct parcel *out)
{
    const struct province *p = q->p;
    unsigned long long id = (unsigned long long)i + (kind == 0 ? LIFE_FIRST_ID : INTAKE_FIRST_ID);
    char uid[37];

    if (kind == 0) {
        life_uid(&p->life, i, uid);
    } else {
        snprintf(uid, sizeof(uid), "%s", intake_uid(&p->intake, i));
    }
    out->kind = kind;
    out->i = i;
    out->version = version_of(p, kind, i);
    /* The receiver goes by the ids; the other seventy fields are played by a few. */
    snprintf(out->form, sizeof(out->form),
             "groupId=%ld&dossierId=%llu&referenceUid=%s&applicantName=H%%E1%%BB%%93+s%%C6%%A1&"
             "dossierStatus=processing&lastActionDate=%lld",
             knobs_get(p->knobs, PV_GROUP_ID), id, uid, (long long)time(NULL) * 1000);
}

static size_t take_batch(struct publish *q, struct parcel parcels[BATCH])
{
    size_t n = 0;

    pthread_mutex_lock(&q->p->lock);
    for (size_t kind = 0; kind < 2; kind++) {
        if (!make_room(q, kind, count(q->p, kind))) {
            continue;
        }
        for (size_t i = 0; i < count(q->p, kind) && n < BATCH; i++) {
            if (waits(q, kind, i)) {
                pack(q, kind, i, &parcels[n++]);
            }
        }
    }
    pthread_mutex_unlock(&q->p->lock);
    return n;
}

/* ---- sending ---- */

static size_t take(char *data, size_t size, size_t n, void *arg)
{
    struct sbuf *b = arg;

    sbuf_add(b, data, size * n);
    return b->failed ? 0 : size * n;
}

static bool acknowledged(const struct sbuf *body)
{
    cJSON *json = body->len > 0 ? cJSON_Parse(body->data) : NULL;
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(json, "dossierId");
    bool good = id != NULL && !cJSON_IsNull(id);

    cJSON_Delete(json);
    return good;
}

static bool post(struct publish *q, const char *base, const struct parcel *parcel)
{
    char user[KNOB_TEXT_MAX], password[KNOB_TEXT_MAX], url[URL_SIZE], group[64];
    struct curl_slist *headers = NULL;
    struct sbuf reply = {0};
    long status = 0;
    bool good;

    knobs_get_text(q->p->knobs, PV_PUBLISH_USER, user);
    knobs_get_text(q->p->knobs, PV_PUBLISH_PASSWORD, password);
    snprintf(url, sizeof(url), "%s/dossiers/publish", base);
    snprintf(group, sizeof(group), "groupId: %ld", knobs_get(q->p->knobs, PV_GROUP_ID));
    headers = curl_slist_append(headers, group);
    headers = curl_slist_append(headers, "Accept: application/json");
    curl_easy_reset(q->curl);
    curl_easy_setopt(q->curl, CURLOPT_URL, url);
    curl_easy_setopt(q->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(q->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(q->curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(q->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(q->curl, CURLOPT_POSTFIELDS, parcel->form);
    curl_easy_setopt(q->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(q->curl, CURLOPT_WRITEDATA, &reply);
    if (user[0] != '\0') {
        curl_easy_setopt(q->curl, CURLOPT_USERNAME, user);
        curl_easy_setopt(q->curl, CURLOPT_PASSWORD, password);
    }
    good = curl_easy_perform(q->curl) == CURLE_OK;
    curl_easy_getinfo(q->curl, CURLINFO_RESPONSE_CODE, &status);
    good = good && status >= 200 && status <= 299 && acknowledged(&reply);
    sbuf_free(&reply);
    curl_slist_free_all(headers);
    return good;
}

static void settle(struct publish *q, const struct parcel *parcel, bool good)
{
    struct row *row;

    pthread_mutex_lock(&q->p->lock);
    row = &q->rows[parcel->kind][parcel->i];
    q->sent++;
    if (good) {
        q->acked++;
        row->version = parcel->version;
        row->failures = 0;
    } else {
        q->failed++;
        row->failures++;
    }
    pthread_mutex_unlock(&q->p->lock);
}

static void run_job(struct publish *q)
{
    struct parcel parcels[BATCH];
    char base[KNOB_TEXT_MAX];
    size_t n;

    knobs_get_text(q->p->knobs, PV_PUBLISH_URL, base);
    if (base[0] == '\0') {
        return;
    }
    n = take_batch(q, parcels);
    for (size_t i = 0; i < n && !atomic_load(&q->stop); i++) {
        settle(q, &parcels[i], post(q, base, &parcels[i]));
    }
}

static void *work(void *arg)
{
    struct publish *q = arg;

    while (!atomic_load(&q->stop)) {
        long left_ms = knobs_get(q->p->knobs, PV_PUBLISH_EVERY_MS);

        run_job(q);
        for (; left_ms > 0 && !atomic_load(&q->stop); left_ms -= 20) {
            struct timespec t = {.tv_nsec = (left_ms < 20 ? left_ms : 20) * 1000000L};

            nanosleep(&t, NULL);
        }
    }
    return NULL;
}

/* ---- the thread ---- */

int publish_start(struct publish **out, struct province *p)
{
    struct publish *q = calloc(1, sizeof(*q));

    *out = NULL;
    if (q != NULL) {
        q->p = p;
        q->curl = curl_easy_init();
    }
    if (q == NULL || q->curl == NULL || !make_room(q, 0, p->life.n)) {
        fputs("province: out of memory\n", stderr);
        if (q != NULL) {
            curl_easy_cleanup(q->curl);
        }
        free(q);
        return -1;
    }
    for (size_t i = 0; i < p->life.n; i++) {
        q->rows[0][i].version = life_version(&p->life, i);
    }
    if (pthread_create(&q->thread, NULL, work, q) != 0) {
        fputs("province: no thread for publishing\n", stderr);
        curl_easy_cleanup(q->curl);
        free(q->rows[0]);
        free(q);
        return -1;
    }
    *out = q;
    return 0;
}

void publish_stop(struct publish *q)
{
    if (q == NULL) {
        return;
    }
    atomic_store(&q->stop, true);
    pthread_join(q->thread, NULL);
    curl_easy_cleanup(q->curl);
    free(q->rows[0]);
    free(q->rows[1]);
    free(q);
}

size_t publish_again(struct publish *q)
{
    size_t n = 0;

    for (size_t kind = 0; q != NULL && kind < 2; kind++) {
        for (size_t i = 0; i < q->room[kind]; i++) {
            n += q->rows[kind][i].failures >= FAILURES_MAX;
            q->rows[kind][i].failures = 0;
        }
    }
    return n;
}

void publish_stats(struct publish *q, struct sbuf *out)
{
    size_t waiting = 0;
    size_t dead = 0;

    for (size_t kind = 0; q != NULL && kind < 2; kind++) {
        for (size_t i = 0; i < q->room[kind] && i < count(q->p, kind); i++) {
            waiting += waits(q, kind, i);
            dead += q->rows[kind][i].failures >= FAILURES_MAX;
        }
    }
    sbuf_printf(out,
                ",\"publish\":{\"sent\":%llu,\"acked\":%llu,\"failed\":%llu,\"waiting\":%zu,"
                "\"dead\":%zu}",
                q != NULL ? (unsigned long long)q->sent : 0ULL,
                q != NULL ? (unsigned long long)q->acked : 0ULL,
                q != NULL ? (unsigned long long)q->failed : 0ULL, waiting, dead);
}
