#include "loop_uv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <uv.h>

#define HANDLES 3

struct loop_uv {
    struct loop loop;
    uv_loop_t *uv;    /* borrowed */
    uv_timer_t timer; /* for the next timer of loop */
    uv_check_t check; /* runs deferred calls after each poll */
    uv_idle_t idle;   /* active while something is due: the poll must not wait */
    uint64_t seed[4]; /* state of the generator */
    unsigned handles; /* open */
    unsigned works;   /* started, done not called yet */
    bool running;     /* inside loop_run_due: one look at the next time after it is enough */
    bool closing;
    void (*observe)(void *ctx, double seconds);
    void *observe_ctx;
};

struct work {
    uv_work_t request;
    struct loop_uv *owner;
    struct loop_work *work;
};

struct watch {
    uv_fs_event_t handle;
    struct loop_uv *owner;
    struct loop_watch *watch; /* NULL: stopped, the handle closes */
};

static struct loop_uv *from_loop(struct loop *loop)
{
    return CONTAINER_OF(loop, struct loop_uv, loop);
}

static void free_if_done(struct loop_uv *l)
{
    if (l->handles == 0 && l->works == 0) {
        free(l);
    }
}

static void on_timer(uv_timer_t *timer);

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* its being active is what counts */
}

/* Starting and stopping these handles can't fail: their callbacks are set and they are not closing.
 */
static void arm(struct loop_uv *l)
{
    uint64_t next_ms;

    if (l->closing || l->running) {
        return;
    }
    next_ms = loop_next_ms(&l->loop);
    if (next_ms == 0) {
        uv_idle_start(&l->idle, on_idle);
        return;
    }
    uv_idle_stop(&l->idle);
    if (next_ms == UINT64_MAX) {
        uv_timer_stop(&l->timer);
    } else {
        uv_timer_start(&l->timer, on_timer, next_ms, 0);
    }
}

static void observe_lag(struct loop_uv *l)
{
    const struct loop_timer *first;
    uint64_t now_ms;

    if (l->observe == NULL || list_empty(&l->loop.timers)) {
        return;
    }
    first = CONTAINER_OF(l->loop.timers.next, struct loop_timer, link);
    now_ms = loop_now_ms(&l->loop);
    if (now_ms >= first->due_ms) {
        l->observe(l->observe_ctx, (double)(now_ms - first->due_ms) / 1000.0);
    }
}

static void run_due(struct loop_uv *l)
{
    observe_lag(l);
    l->running = true;
    loop_run_due(&l->loop);
    l->running = false;
    arm(l);
}

static void on_timer(uv_timer_t *timer)
{
    run_due(timer->data);
}

static void on_check(uv_check_t *check)
{
    struct loop_uv *l = check->data;

    if (loop_next_ms(&l->loop) == 0) {
        run_due(l);
    } else if (uv_is_active((uv_handle_t *)&l->idle)) {
        arm(l); /* what was due has been stopped meanwhile */
    }
}

/* The cached time of libuv is renewed first: after a long callback it would make timers fire early.
 */
static uint64_t now_ms_uv(struct loop *loop)
{
    struct loop_uv *l = from_loop(loop);

    uv_update_time(l->uv);
    return uv_now(l->uv);
}

static int64_t wall_ms_uv(struct loop *loop)
{
    struct timespec ts;

    (void)loop;
    clock_gettime(CLOCK_REALTIME, &ts); /* can't fail for this clock */
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static uint64_t rotate_left(uint64_t x, unsigned k)
{
    return (x << k) | (x >> (64 - k));
}

/* xoshiro256**: for jitter and names, never for secrets; unlike the kernel's source it can't fail
 * later. */
static uint64_t random_uv(struct loop *loop)
{
    uint64_t *s = from_loop(loop)->seed;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

static void wake_at_uv(struct loop *loop)
{
    arm(from_loop(loop));
}

static void work_run(uv_work_t *request)
{
    struct work *w = request->data;

    w->work->run(w->work);
}

static void work_done(uv_work_t *request, int status)
{
    struct work *w = request->data;
    struct loop_uv *l = w->owner;
    struct loop_work *work = w->work;

    (void)status; /* nothing here is ever cancelled */
    free(w);
    work->impl = NULL;
    work->done(work); /* work may be gone now */
    l->works--;
    free_if_done(l);
}

static bool work_uv(struct loop *loop, struct loop_work *work)
{
    struct loop_uv *l = from_loop(loop);
    struct work *w = calloc(1, sizeof(*w));

    if (w == NULL) {
        return false;
    }
    w->owner = l;
    w->work = work;
    w->request.data = w;
    if (uv_queue_work(l->uv, &w->request, work_run, work_done) != 0) {
        free(w);
        return false;
    }
    work->impl = w;
    l->works++;
    return true;
}

static void on_watch(uv_fs_event_t *handle, const char *name, int events, int status)
{
    struct watch *w = handle->data;

    (void)name;
    (void)events;
    (void)status; /* an error too is a reason to look */
    if (w->watch != NULL) {
        w->watch->changed(w->watch); /* may stop it */
    }
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *w = handle->data;
    struct loop_uv *l = w->owner;

    free(w);
    l->handles--;
    free_if_done(l);
}

static int watch_err(int uv_err)
{
    switch (uv_err) {
    case UV_ENOENT:
    case UV_ENOTDIR:
        return ERR_NOTFOUND;
    case UV_EACCES:
    case UV_EPERM:
        return ERR_DENIED;
    case UV_ENOMEM:
        return ERR_NOMEM;
    default:
        return ERR_UNSUPPORTED;
    }
}

static void unwatch_uv(struct loop *loop, struct loop_watch *watch)
{
    struct watch *w = watch->impl;

    (void)loop;
    w->watch = NULL;
    uv_close((uv_handle_t *)&w->handle, on_watch_closed);
}

static int watch_uv(struct loop *loop, struct loop_watch *watch, const char *path)
{
    struct loop_uv *l = from_loop(loop);
    struct watch *w = calloc(1, sizeof(*w));
    int err;

    if (w == NULL) {
        return ERR_NOMEM;
    }
    err = uv_fs_event_init(l->uv, &w->handle);
    if (err != 0) {
        free(w);
        return watch_err(err);
    }
    w->owner = l;
    w->watch = watch;
    w->handle.data = w;
    l->handles++;
    watch->impl = w;
    uv_unref((uv_handle_t *)&w->handle); /* alone it must not keep uv_run going */
    err = uv_fs_event_start(&w->handle, on_watch, path, 0);
    if (err != 0) {
        unwatch_uv(loop, watch);
        watch->impl = NULL;
        return watch_err(err);
    }
    return 0;
}

static const struct loop_ops ops = {
    .now_ms = now_ms_uv,
    .wall_ms = wall_ms_uv,
    .random = random_uv,
    .wake_at = wake_at_uv,
    .work = work_uv,
    .watch = watch_uv,
    .unwatch = unwatch_uv,
};

static int seed(struct loop_uv *l)
{
    ssize_t n;

    do {
        n = getrandom(l->seed, sizeof(l->seed), 0);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(l->seed) ? 0 : ERR_IO;
}

int loop_uv_open(struct uv_loop_s *uv, struct loop_uv **out)
{
    struct loop_uv *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        return ERR_NOMEM;
    }
    if (seed(l) != 0) {
        free(l);
        return ERR_IO;
    }
    l->uv = uv;
    loop_init(&l->loop, &ops);
    /* These four never fail in libuv 1.x. */
    uv_timer_init(uv, &l->timer);
    uv_check_init(uv, &l->check);
    uv_idle_init(uv, &l->idle);
    uv_check_start(&l->check, on_check);
    uv_unref((uv_handle_t *)&l->check); /* alone it must not keep uv_run going */
    l->timer.data = l;
    l->check.data = l;
    l->idle.data = l;
    l->handles = HANDLES;
    *out = l;
    return 0;
}

struct loop *loop_uv_loop(struct loop_uv *l)
{
    return &l->loop;
}

void loop_uv_watch_lag(struct loop_uv *l, void (*observe)(void *ctx, double seconds), void *ctx)
{
    l->observe = observe;
    l->observe_ctx = ctx;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct loop_uv *l = handle->data;

    l->handles--;
    free_if_done(l);
}

void loop_uv_close(struct loop_uv *l)
{
    if (l == NULL) {
        return;
    }
    l->closing = true;
    uv_close((uv_handle_t *)&l->timer, on_handle_closed);
    uv_close((uv_handle_t *)&l->check, on_handle_closed);
    uv_close((uv_handle_t *)&l->idle, on_handle_closed);
}
