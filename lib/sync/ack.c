#include "sync/ack.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash_point.h"
#include "base/text.h"

#define CHUNK_MAX 1000
#define FAILURE_LOG_MS 60000

struct ack_row {
    struct list link;
    char id[];
};

static void pump(struct ack *a);

static void timer_fired(struct loop_timer *timer)
{
    pump(CONTAINER_OF(timer, struct ack, timer));
}

static void pump_task(struct loop_task *task)
{
    pump(CONTAINER_OF(task, struct ack, pump));
}

static struct ack_row *row_at(struct list *link)
{
    return CONTAINER_OF(link, struct ack_row, link);
}

void ack_init(struct ack *a, const struct flow_env *env, const char *name, struct party *source,
              int64_t intake_flow)
{
    memset(a, 0, sizeof(*a));
    a->env = env;
    a->name = name;
    a->source = source;
    a->flow = intake_flow;
    list_init(&a->queue);
    list_init(&a->waiting);
    list_init(&a->told);
    loop_timer_init(&a->timer, timer_fired);
    loop_task_init(&a->pump, pump_task);
}

void ack_kick(struct ack *a)
{
    if (a->step == ACK_READY || (a->step == ACK_REST && a->n_queue > 0)) {
        loop_defer(a->env->loop, &a->pump);
    }
}

void ack_add(struct ack *a, const char *id)
{
    size_t size = strlen(id) + 1;
    struct ack_row *row =
        a->n_queue < ACK_ROWS_MAX && !a->stopping ? malloc(sizeof(*row) + size) : NULL;

    if (row == NULL) {
        return; /* the source shows it again */
    }
    memcpy(row->id, id, size);
    list_push(&a->queue, &row->link);
    a->n_queue++;
    ack_kick(a);
}

static void free_rows(struct list *rows)
{
    struct list *link;

    for (link = list_shift(rows); link != NULL; link = list_shift(rows)) {
        free(row_at(link));
    }
}

void ack_forget_waiting(struct ack *a)
{
    free_rows(&a->waiting);
    a->n_waiting = 0;
}

void ack_delivered(struct ack *a, const char *code)
{
    for (struct list *l = a->waiting.next; l != &a->waiting; l = l->next) {
        if (strcmp(row_at(l)->id, code) == 0) {
            list_remove(l);
            a->n_waiting--;
            list_push(&a->queue, l);
            a->n_queue++;
            ack_kick(a);
            return;
        }
    }
}

bool ack_idle(const struct ack *a)
{
    return a->step == ACK_REST && a->n_queue == 0;
}

/* ---- one chunk ---- */

static void end_chunk(struct ack *a)
{
    free_rows(&a->told);
    free(a->chunk);
    a->chunk = NULL;
    a->n_chunk = 0;
    a->step = ACK_REST;
    loop_defer(a->env->loop, &a->pump);
}

static void told(struct adapter_ack *request)
{
    struct ack *a = CONTAINER_OF(request, struct ack, request);
    uint64_t suppressed = 0;

    CRASH_POINT(ack_answered);
    party_read(a->env, a->source, request->err, &request->why);
    if (request->err == 0) {
        a->rows += a->n_chunk;
    } else if (request->err != ERR_CANCELED) {
        a->failures++;
        if (log_limit_pass(&a->failure_log, loop_now_ms(a->env->loop), FAILURE_LOG_MS,
                           &suppressed)) {
            flow_say(a->env, LOG_LEVEL_WARN, "ack_failed", a->name,
                     "%zu row%s of %s could not be acknowledged, to come again: %s (%" PRIu64
                     " more not shown)",
                     a->n_chunk, text_plural(a->n_chunk), a->source->endpoint.name,
                     request->why.text[0] != '\0' ? request->why.text : err_text(request->err),
                     suppressed);
        }
    }
    end_chunk(a);
}

static void tell(struct ack *a)
{
    uint64_t now_ms = loop_now_ms(a->env->loop);
    uint64_t wait_ms = party_wait_ms(a->source, LANE_DOSSIER, a, now_ms);

    if (wait_ms > 0) {
        loop_timer_start(a->env->loop, &a->timer, wait_ms < 1000 ? wait_ms : 1000);
        return;
    }
    a->step = ACK_TELLING;
    a->request = (struct adapter_ack){.ids = a->chunk, .n_ids = a->n_chunk, .done = told};
    endpoint_begin(&a->source->endpoint, LANE_DOSSIER, now_ms);
    CRASH_POINT(ack_before);
    a->source->adapter->ops->ack(a->source->adapter, &a->request);
    CRASH_POINT(ack_begun);
}

/* Those that the sink has not yet wait for it. */
static void sort_out(struct ack *a, const bool *delivered)
{
    struct list all;
    struct list *link;
    size_t n = 0;

    list_init(&all);
    list_splice(&all, &a->told);
    for (size_t i = 0; i < a->n_chunk; i++) {
        link = list_shift(&all);
        if (delivered[i]) {
            a->chunk[n++] = row_at(link)->id;
            list_push(&a->told, link);
        } else if (a->n_waiting < ACK_ROWS_MAX) {
            list_push(&a->waiting, link);
            a->n_waiting++;
        } else {
            free(row_at(link));
        }
    }
    a->n_chunk = n;
}

static void checked(struct journal_op *op)
{
    struct ack *a = CONTAINER_OF(op, struct ack, delivered.op);

    if (op->err == 0) {
        sort_out(a, a->delivered.delivered);
    }
    if (op->err != 0 || a->n_chunk == 0 || a->stopping) {
        end_chunk(a);
        return;
    }
    a->step = ACK_READY;
    tell(a);
}

static void next_chunk(struct ack *a)
{
    size_t n = a->n_queue < CHUNK_MAX ? a->n_queue : CHUNK_MAX;

    a->chunk = calloc(n, sizeof(*a->chunk));
    if (a->chunk == NULL) {
        free_rows(&a->queue);
        a->n_queue = 0;
        loop_defer(a->env->loop, &a->pump);
        return;
    }
    for (a->n_chunk = 0; a->n_chunk < n; a->n_chunk++) {
        struct list *link = list_shift(&a->queue);

        a->chunk[a->n_chunk] = row_at(link)->id;
        list_push(&a->told, link);
    }
    a->n_queue -= n;
    if (a->flow == 0) {
        a->step = ACK_READY;
        tell(a);
        return;
    }
    a->step = ACK_CHECKING;
    a->delivered.op.done = checked;
    a->delivered.flow = a->flow;
    a->delivered.codes = a->chunk;
    a->delivered.n = a->n_chunk;
    journal_delivered(a->env->journal, &a->delivered);
}

static void pump(struct ack *a)
{
    if (a->step == ACK_READY && a->stopping) {
        end_chunk(a);
    } else if (a->step == ACK_READY) {
        tell(a);
    } else if (a->step == ACK_REST && a->n_queue > 0) {
        next_chunk(a);
    } else if (a->step == ACK_REST) {
        a->ended(a->ctx);
    }
}

void ack_stop(struct ack *a)
{
    a->stopping = true;
    loop_timer_stop(&a->timer);
    ack_forget_waiting(a);
    free_rows(&a->queue);
    a->n_queue = 0;
    loop_defer(a->env->loop, &a->pump);
}

void ack_free(struct ack *a)
{
    loop_timer_stop(&a->timer);
    loop_task_cancel(&a->pump);
    free_rows(&a->queue);
    free_rows(&a->waiting);
    free_rows(&a->told);
    free(a->chunk);
    a->chunk = NULL;
}
