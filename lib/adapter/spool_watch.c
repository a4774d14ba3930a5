/* The watched folder: a change in in/ is announced as a row that is owed, so that it is read at
 * once instead of with the next poll. Polling goes on beside it: a watch may miss something. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/spool_impl.h"

struct look_op {
    struct spool_op op; /* first */
    size_t max;
};

struct announcement {
    struct adapter_offer offer;
    struct spool *s;
    const char **ids;
    char names[][SPOOL_NAME_SIZE];
};

static void check_stopped(struct spool *s)
{
    struct spool_watch *w = &s->watch;

    if (w->stopped != NULL && w->offers == 0 && !w->looking) {
        loop_defer(s->env.loop, &w->stop_task);
    }
}

static void stop_run(struct loop_task *task)
{
    struct spool_watch *w = CONTAINER_OF(task, struct spool_watch, stop_task);
    void (*stopped)(void *ctx) = w->stopped;

    w->stopped = NULL;
    w->host = NULL;
    stopped(w->stopped_ctx); /* may free the adapter */
}

/* ---- announcing ---- */

static uint64_t short_hash(const struct spool_entry *e)
{
    uint64_t h;

    memcpy(&h, e->hash, sizeof(h));
    return h;
}

/* Whether it is new; remembers it. */
static bool offer_new(struct spool_watch *w, const struct spool_entry *e)
{
    uint64_t h = short_hash(e);
    size_t n = w->n_offered < SPOOL_OFFERED_MAX ? w->n_offered : SPOOL_OFFERED_MAX;

    for (size_t i = 0; i < n; i++) {
        if (w->offered[i] == h) {
            return false;
        }
    }
    w->offered[w->n_offered++ % SPOOL_OFFERED_MAX] = h;
    return true;
}

static void offered(struct adapter_offer *offer)
{
    struct announcement *n = CONTAINER_OF(offer, struct announcement, offer);
    struct spool *s = n->s;

    if (offer->err != 0) {
        s->watch.n_offered = 0; /* not taken now: the next look or poll brings them again */
    }
    s->watch.offers--;
    free(n->ids);
    free(n);
    check_stopped(s);
}

static void announce(struct spool *s)
{
    struct spool_watch *w = &s->watch;
    int64_t wall_s = loop_wall_s(s->env.loop);
    size_t max = w->look.n_now;
    struct announcement *n = calloc(1, sizeof(*n) + max * SPOOL_NAME_SIZE);
    const char **ids = calloc(max + 1, sizeof(*ids));

    for (size_t i = 0; i < max && n != NULL && ids != NULL; i++) {
        const struct spool_entry *e = &w->look.now[i];

        if (spool_look_settled(&w->look, e, wall_s) && offer_new(w, e)) {
            size_t at = n->offer.n_owed++;

            memcpy(n->names[at], e->name, SPOOL_NAME_SIZE);
            ids[at] = n->names[at];
        }
    }
    if (n == NULL || ids == NULL || n->offer.n_owed == 0) {
        free(n); /* without memory: the next poll brings them */
        free(ids);
        return;
    }
    n->s = s;
    n->ids = ids;
    n->offer.owed = ids;
    n->offer.done = offered;
    w->offers++;
    w->host->ops->offer(w->host, &n->offer);
}

/* ---- looking ---- */

static void look_run(struct spool_op *op)
{
    struct look_op *l = CONTAINER_OF(op, struct look_op, op);

    op->err = spool_look_again(&op->s->watch.look, &op->s->dir, "", l->max, &op->why);
}

static bool any_unsettled(const struct spool *s)
{
    const struct spool_look *look = &s->watch.look;
    int64_t wall_s = loop_wall_s(s->env.loop);

    for (size_t i = 0; i < look->n_now; i++) {
        if (!look->now[i].linked && !spool_look_settled(look, &look->now[i], wall_s)) {
            return true;
        }
    }
    return false;
}

static void looked(struct spool_op *op)
{
    struct spool *s = op->s;
    struct spool_watch *w = &s->watch;

    w->looking = false;
    if (op->err == 0 && w->watch.impl != NULL) {
        announce(s);
        if (any_unsettled(s)) {
            loop_timer_start(s->env.loop, &w->timer, SPOOL_SETTLE_MS);
        }
    }
    spool_op_close(op);
    spool_op_free(op);
    check_stopped(s);
}

static void timer_fired(struct loop_timer *timer)
{
    struct spool_watch *w = CONTAINER_OF(timer, struct spool_watch, timer);
    struct spool *s = CONTAINER_OF(w, struct spool, watch);
    struct look_op *l;

    if (w->looking) {
        loop_timer_start(s->env.loop, timer, SPOOL_WATCH_DELAY_MS);
        return;
    }
    l = spool_op_new(s, sizeof(*l), look_run, looked);
    l->max = SPOOL_PAGE_MAX;
    w->looking = true;
    spool_op_start(&l->op);
}

static void changed(struct loop_watch *watch)
{
    struct spool_watch *w = CONTAINER_OF(watch, struct spool_watch, watch);
    struct spool *s = CONTAINER_OF(w, struct spool, watch);

    if (!loop_timer_armed(&w->timer)) {
        loop_timer_start(s->env.loop, &w->timer, SPOOL_WATCH_DELAY_MS);
    }
}

/* ---- listening ---- */

int spool_listen_verb(struct adapter *a, struct adapter_host *host, struct errmsg *msg)
{
    struct spool *s = spool_self(a);
    struct spool_watch *w = &s->watch;
    char path[4096];
    int err = spool_dir_recover(&s->dir, msg);

    if (err != 0) {
        return err;
    }
    if (snprintf(path, sizeof(path), "%s/%s", s->path, spool_folder_name(SPOOL_IN)) >=
        (int)sizeof(path)) {
        return err_set(msg, ERR_CONFIG, "source %s: dir is too long", s->name);
    }
    w->host = host;
    err = loop_watch_start(s->env.loop, &w->watch, path);
    if (err != 0) {
        log_plain(s->env.log, LOG_LEVEL_WARN, "spool_not_watched",
                  "source %s: %s can't be watched (%s); it is looked at with every poll", s->name,
                  path, err_text(err));
    }
    return 0;
}

void spool_watch_cancel(struct spool *s)
{
    loop_watch_stop(s->env.loop, &s->watch.watch);
    loop_timer_stop(&s->watch.timer);
    spool_look_free(&s->watch.look);
}

void spool_unlisten_verb(struct adapter *a, void (*stopped)(void *ctx), void *ctx)
{
    struct spool *s = spool_self(a);

    loop_watch_stop(s->env.loop, &s->watch.watch);
    loop_timer_stop(&s->watch.timer);
    s->watch.stopped = stopped;
    s->watch.stopped_ctx = ctx;
    check_stopped(s);
}

void spool_watch_init(struct spool *s)
{
    s->watch.watch.changed = changed;
    loop_timer_init(&s->watch.timer, timer_fired);
    loop_task_init(&s->watch.stop_task, stop_run);
}
