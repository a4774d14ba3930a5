#include "sandbox/serve_core.h"

#include <time.h>

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

/* ---- delays: a binary heap by due time ---- */

static void heap_push(struct serve *s, struct req *r)
{
    size_t i = s->heap_len;

    s->heap_len++;
    while (i > 0 && s->heap[(i - 1) / 2]->due_ms > r->due_ms) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = r;
    r->scheduled = true;
}

static struct req *heap_pop(struct serve *s)
{
    struct req *top = s->heap[0];
    struct req *last;
    size_t i = 0;

    s->heap_len--;
    last = s->heap[s->heap_len];
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= s->heap_len) {
            break;
        }
        if (child + 1 < s->heap_len && s->heap[child + 1]->due_ms < s->heap[child]->due_ms) {
            child++;
        }
        if (s->heap[child]->due_ms >= last->due_ms) {
            break;
        }
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    top->scheduled = false;
    return top;
}

/* ---- parking; the lock is held ---- */

void serve_park(struct req *r)
{
    struct serve *s = r->s;

    r->parked = true;
    r->prev = NULL;
    r->next = s->parked;
    if (s->parked != NULL) {
        s->parked->prev = r;
    }
    s->parked = r;
    MHD_suspend_connection(r->conn);
}

void serve_wake(struct req *r)
{
    struct serve *s = r->s;

    r->parked = false;
    r->ready = true;
    if (r->prev != NULL) {
        r->prev->next = r->next;
    } else {
        s->parked = r->next;
    }
    if (r->next != NULL) {
        r->next->prev = r->prev;
    }
    MHD_resume_connection(r->conn);
}

/* A parked request that waits for nothing but its delay is woken or goes to the heap. */
void serve_settle(struct req *r)
{
    struct serve *s = r->s;

    if (!r->parked || !r->answered || r->holds > 0 || r->scheduled) {
        return;
    }
    if (r->delay_ms == 0 || s->stopping || s->heap_len == SERVE_CONNECTIONS_MAX) {
        serve_wake(r);
        return;
    }
    r->due_ms = now_ms() + r->delay_ms;
    heap_push(s, r);
    if (s->heap[0] == r) {
        pthread_cond_signal(&s->tick);
    }
}

static void *timer_run(void *arg)
{
    struct serve *s = (struct serve *)arg;

    pthread_mutex_lock(&s->lock);
    while (!s->timer_end) {
        struct timespec until;

        if (s->heap_len == 0) {
            pthread_cond_wait(&s->tick, &s->lock);
            continue;
        }
        if (s->heap[0]->due_ms <= now_ms()) {
            serve_wake(heap_pop(s));
            continue;
        }
        until.tv_sec = (time_t)(s->heap[0]->due_ms / 1000u);
        until.tv_nsec = (long)(s->heap[0]->due_ms % 1000u) * 1000000L;
        pthread_cond_timedwait(&s->tick, &s->lock, &until);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- the thread ---- */

int serve_start_timer(struct serve *s)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->tick, &attr);
    pthread_condattr_destroy(&attr);
    pthread_cond_init(&s->idle, NULL);
    return pthread_create(&s->timer, NULL, timer_run, s) == 0 ? 0 : -1;
}

void serve_stop_timer(struct serve *s)
{
    pthread_mutex_lock(&s->lock);
    s->timer_end = true;
    pthread_cond_signal(&s->tick);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->timer, NULL);
    pthread_cond_destroy(&s->idle);
    pthread_cond_destroy(&s->tick);
    pthread_mutex_destroy(&s->lock);
}
