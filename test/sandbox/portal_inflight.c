/* How many writing calls of one dossier are under way at a time: a connector that keeps order has
 * never more than one. A call counts from its arrival until its answer leaves, but not when its
 * caller has hung up. */
#include "sandbox/portal_core.h"

#include <stdlib.h>

/* The entries of one request. */
struct entries {
    struct portal *p;
    struct inflight *first;
};

static void unlink_entry(struct portal *p, struct inflight *e)
{
    struct inflight **at = &p->inflight[e->code_hash % INFLIGHT_BUCKETS];

    while (*at != e) {
        at = &(*at)->next;
    }
    *at = e->next;
}

static void on_leave(struct serve_req *req, void *arg)
{
    struct entries *own = (struct entries *)arg;
    struct portal *p = own->p;

    (void)req;
    pthread_mutex_lock(&p->lock);
    while (own->first != NULL) {
        struct inflight *e = own->first;

        own->first = e->sibling;
        unlink_entry(p, e);
        free(e);
    }
    pthread_mutex_unlock(&p->lock);
    free(own);
}

static void enter_one(struct entries *own, struct serve_req *req, const char *code)
{
    struct portal *p = own->p;
    uint64_t hash = digest_text(code);
    struct inflight **bucket = &p->inflight[hash % INFLIGHT_BUCKETS];
    uint64_t waiting = 1;
    struct inflight *e;

    for (e = *bucket; e != NULL; e = e->next) {
        if (e->code_hash != hash) {
            continue;
        }
        if (e->req == req) {
            return;
        }
        waiting += serve_peer_gone(e->req) ? 0u : 1u;
    }
    if (waiting > p->stats.max_concurrent) {
        p->stats.max_concurrent = waiting;
    }
    e = (struct inflight *)malloc(sizeof *e);
    if (e != NULL) {
        e->req = req;
        e->code_hash = hash;
        e->next = *bucket;
        *bucket = e;
        e->sibling = own->first;
        own->first = e;
    }
}

void inflight_enter(struct portal *p, struct serve_req *req, const cJSON *data)
{
    struct entries *own = (struct entries *)malloc(sizeof *own);
    const cJSON *item;

    if (own == NULL) {
        return;
    }
    own->p = p;
    own->first = NULL;
    serve_on_leave(req, on_leave, own);
    pthread_mutex_lock(&p->lock);
    cJSON_ArrayForEach(item, data)
    {
        const cJSON *code = cJSON_GetObjectItemCaseSensitive(item, "MaHoSo");

        if (cJSON_IsString(code)) {
            enter_one(own, req, code->valuestring);
        }
    }
    pthread_mutex_unlock(&p->lock);
}
