/* Reading services: from what is kept, from the portal, and when that is away from what was kept
 * however old, or from the catalogue's mirror. The same question asked at the same time is one
 * call. */
#include <stdlib.h>
#include <string.h>

#include "adapter/gateway_impl.h"
#include "base/digest.h"

#define KEPT_BYTES_MAX (GATEWAY_CACHE_BYTES / 2) /* of one answer */
#define JUDGED_BYTES                                                                               \
    ((size_t)64 << 10) /* a refusal is short: what is longer is not parsed for it */

struct gateway_kept {
    struct list link;
    uint8_t key[DIGEST_BYTES];
    char *text; /* owned */
    size_t n;
    uint64_t at_ms;
};

struct gateway_flight {
    struct list link;
    struct list askers; /* struct gateway_request.asker */
    struct gateway *g;
    uint8_t key[DIGEST_BYTES];
    char name[GATEWAY_NAME_SIZE];
    char *request; /* owned */
    bool personal;
    struct adapter_relay relay;
    struct gateway_mirror mirror;
};

/* ---- what is kept ---- */

static size_t weight(const struct gateway_kept *k)
{
    return sizeof(*k) + k->n;
}

static void forget(struct gateway *g, struct gateway_kept *k)
{
    g->cache_bytes -= weight(k);
    list_remove(&k->link);
    free(k->text);
    free(k);
}

void gateway_cache_free(struct gateway *g)
{
    while (!list_empty(&g->cache)) {
        forget(g, CONTAINER_OF(g->cache.next, struct gateway_kept, link));
    }
}

static struct gateway_kept *find_kept(struct gateway *g, const uint8_t key[DIGEST_BYTES])
{
    for (struct list *l = g->cache.next; l != &g->cache; l = l->next) {
        struct gateway_kept *k = CONTAINER_OF(l, struct gateway_kept, link);

        if (digest_equal(k->key, key)) {
            list_remove(&k->link);
            list_push(&g->cache, &k->link);
            return k;
        }
    }
    return NULL;
}

/* Not keeping one for want of memory only costs a call. */
static void keep(struct gateway *g, const uint8_t key[DIGEST_BYTES], const char *text, size_t n)
{
    struct gateway_kept *k = find_kept(g, key);

    if (k != NULL) {
        forget(g, k);
    }
    if (n > KEPT_BYTES_MAX) {
        return;
    }
    k = calloc(1, sizeof(*k));
    if (k == NULL) {
        return;
    }
    k->text = malloc(n + 1);
    if (k->text == NULL) {
        free(k);
        return;
    }
    memcpy(k->text, text, n);
    k->text[n] = '\0';
    k->n = n;
    k->at_ms = loop_now_ms(g->base.env.loop);
    memcpy(k->key, key, DIGEST_BYTES);
    list_push(&g->cache, &k->link);
    g->cache_bytes += weight(k);
    while (g->cache_bytes > GATEWAY_CACHE_BYTES) {
        forget(g, CONTAINER_OF(g->cache.next, struct gateway_kept, link));
    }
}

/* A refusal is passed on, but is nothing to repeat for minutes. */
static bool worth_keeping(const char *text, size_t n)
{
    struct errmsg unused = {0};
    struct json *root = NULL;
    int64_t code = -1;
    bool good;

    if (n > JUDGED_BYTES) {
        return true;
    }
    good = json_parse(text, n, &root, &unused) == 0 &&
           json_integer(json_get(root, "error_code"), &code) == 0 && code == 0;
    json_free(root);
    return good;
}

/* ---- calls under way ---- */

static void answer_all(struct gateway_flight *f, const char *text, size_t n)
{
    struct list *link;

    for (link = list_shift(&f->askers); link != NULL; link = list_shift(&f->askers)) {
        struct gateway_request *r = CONTAINER_OF(link, struct gateway_request, asker);

        if (text != NULL) {
            gateway_answer_text(r, text, n);
        } else if (f->g->base.stopping) {
            gateway_answer_busy(r);
        } else {
            gateway_answer(r, 200, -1, "Hiện chưa hỏi được Cổng DVCQG, vui lòng thử lại sau");
        }
        gateway_request_end(r);
    }
}

static size_t n_askers(const struct gateway_flight *f)
{
    size_t n = 0;

    for (const struct list *l = f->askers.next; l != &f->askers; l = l->next) {
        n++;
    }
    return n;
}

static void flight_end(struct gateway_flight *f)
{
    struct gateway *g = f->g;

    list_remove(&f->link);
    buf_free(&f->mirror.text);
    free(f->request);
    free(f);
    gateway_maybe_stopped(g);
}

static void on_mirror(struct gateway_mirror *m)
{
    struct gateway_flight *f = CONTAINER_OF(m, struct gateway_flight, mirror);

    if (m->err == 0) {
        f->g->n_stale += n_askers(f);
        answer_all(f, m->text.data, m->text.len);
    } else {
        answer_all(f, NULL, 0);
    }
    flight_end(f);
}

/* The portal does not answer. */
static void fall_back(struct gateway_flight *f)
{
    struct gateway *g = f->g;
    const struct gateway_kept *k = f->personal ? NULL : find_kept(g, f->key);

    if (k != NULL) {
        g->n_stale += n_askers(f);
        answer_all(f, k->text, k->n);
    } else if (!f->personal && !g->base.stopping &&
               gateway_mirror_ask(&f->mirror, g->base.host, f->name, f->request, on_mirror)) {
        return;
    } else {
        answer_all(f, NULL, 0);
    }
    flight_end(f);
}

static void on_relayed(struct adapter_relay *relay)
{
    struct gateway_flight *f = CONTAINER_OF(relay, struct gateway_flight, relay);

    if (relay->err != 0) {
        fall_back(f);
        return;
    }
    if (!f->personal && worth_keeping(relay->reply, relay->reply_len)) {
        keep(f->g, f->key, relay->reply, relay->reply_len);
    }
    answer_all(f, relay->reply, relay->reply_len);
    flight_end(f);
}

static struct gateway_flight *find_flight(struct gateway *g, const uint8_t key[DIGEST_BYTES])
{
    for (struct list *l = g->flights.next; l != &g->flights; l = l->next) {
        struct gateway_flight *f = CONTAINER_OF(l, struct gateway_flight, link);

        if (digest_equal(f->key, key)) {
            return f;
        }
    }
    return NULL;
}

static struct gateway_flight *take_off(struct gateway *g, const struct gateway_request *r,
                                       const uint8_t key[DIGEST_BYTES], const char *request)
{
    struct gateway_flight *f = calloc(1, sizeof(*f));

    if (f == NULL) {
        return NULL;
    }
    f->request = strdup(request);
    if (f->request == NULL) {
        free(f);
        return NULL;
    }
    f->g = g;
    f->personal = r->service == GATEWAY_PERSONAL;
    memcpy(f->key, key, DIGEST_BYTES);
    memcpy(f->name, r->name, sizeof(f->name));
    buf_init(&f->mirror.text, 0);
    list_init(&f->askers);
    list_push(&g->flights, &f->link);
    f->relay =
        (struct adapter_relay){.service = f->name, .request = f->request, .done = on_relayed};
    g->base.host->ops->relay(g->base.host, &f->relay);
    return f;
}

static bool make_key(const struct gateway_request *r, const char *request,
                     uint8_t key[DIGEST_BYTES])
{
    struct digest d;

    if (digest_begin(&d) != 0) {
        return false;
    }
    digest_add_field(&d, r->name);
    digest_add_field(&d, request);
    digest_end(&d, key);
    return true;
}

void gateway_relay(struct gateway_request *r, const char *request)
{
    struct gateway *g = r->g;
    uint8_t key[DIGEST_BYTES] = {0};
    bool keyed = make_key(r, request, key);
    const struct gateway_kept *k =
        keyed && r->service != GATEWAY_PERSONAL ? find_kept(g, key) : NULL;
    struct gateway_flight *f;

    if (k != NULL && loop_now_ms(g->base.env.loop) - k->at_ms < g->cache_for_ms) {
        gateway_answer_text(r, k->text, k->n);
        gateway_request_end(r);
        return;
    }
    f = keyed ? find_flight(g, key) : NULL;
    if (f == NULL && keyed) {
        f = take_off(g, r, key, request);
    }
    if (f == NULL) {
        gateway_answer_busy(r);
        gateway_request_end(r);
        return;
    }
    list_push(&f->askers, &r->asker);
}

void gateway_relay_stop(struct gateway *g)
{
    for (struct list *l = g->flights.next; l != &g->flights; l = l->next) {
        answer_all(CONTAINER_OF(l, struct gateway_flight, link), NULL, 0);
    }
}
