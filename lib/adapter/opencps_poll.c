#include <assert.h>
#include <string.h>

#include "adapter/opencps_impl.h"

static struct opencps *owner(struct opencps_poll *p)
{
    return CONTAINER_OF(p, struct opencps, poll);
}

/* Gives the poll back. The state is free for the next poll before the callback, which may start it.
 */
static void end(struct opencps_poll *p, int err, const struct errmsg *why,
                const struct opencps_progress *progress)
{
    struct adapter_poll *poll = p->poll;
    struct arena arena = p->arena;
    char cursor[64] = "";

    poll->err = err;
    poll->rows = NULL;
    poll->n_rows = 0;
    poll->more = false;
    poll->full_done = false;
    memset(&poll->why, 0, sizeof(poll->why));
    if (err != 0) {
        poll->why = *why;
    } else {
        strncpy(cursor, progress->cursor, sizeof(cursor) - 1);
        poll->more = progress->more;
        poll->full_done = progress->full_done;
        if (!p->query.count_only) {
            poll->rows = p->page.rows;
            poll->n_rows = p->page.n;
        }
    }
    poll->next_cursor = cursor;
    memset(&p->page, 0, sizeof(p->page));
    arena_init(&p->arena, OPENCPS_ARENA_MAX);
    p->poll = NULL;
    poll->done(poll); /* may free the adapter */
    arena_free(&arena);
}

static int page_read(struct opencps_call *call, const struct opencps_doc *doc, struct errmsg *msg)
{
    struct opencps_poll *p = CONTAINER_OF(call, struct opencps_poll, call);

    return opencps_read_page(doc, p->query.end - p->query.start, &p->arena, &p->page, msg);
}

static void page_done(struct opencps_call *call)
{
    struct opencps_poll *p = CONTAINER_OF(call, struct opencps_poll, call);
    struct opencps *o = owner(p);
    uint64_t now_ms = loop_now_ms(o->env.loop);
    struct opencps_progress progress;
    struct errmsg why = call->why;
    int err = p->canceled ? ERR_CANCELED : call->err;

    if (err != 0) {
        bool answered = call->req.result == HTTP_ANSWERED;

        opencps_plan_failed(o->plan, answered && err != ERR_DENIED && err != ERR_CANCELED, now_ms);
        if (why.text[0] == '\0') {
            err_set(&why, err, "%s", err_text(err));
        }
        end(p, err == ERR_NOTFOUND ? ERR_REMOTE : err, &why, NULL);
        return;
    }
    err = opencps_plan_answer(o->plan, p->page.total, p->page.n, now_ms, &progress, &why);
    end(p, err, &why, &progress);
}

static void ask(struct opencps_poll *p)
{
    struct opencps *o = owner(p);
    uint64_t now_ms = loop_now_ms(o->env.loop);
    struct errmsg why = {""};
    int err = opencps_plan_begin(o->plan, p->poll->cursor != NULL ? p->poll->cursor : "",
                                 p->poll->full, now_ms, loop_wall_s(o->env.loop));

    if (err != 0) {
        err_set(&why, err, "plan of the polls: %s", err_text(err));
        end(p, err, &why, NULL);
        return;
    }
    if (!opencps_plan_next(o->plan, now_ms, &p->query)) {
        struct opencps_progress progress;

        opencps_plan_idle(o->plan, now_ms, &progress);
        end(p, 0, NULL, &progress);
        return;
    }
    opencps_call_clear(&p->call);
    opencps_query_path(&p->query, &p->call.path);
    opencps_call_start(&o->wire, &p->call);
}

static void canceled(struct opencps_poll *p)
{
    struct errmsg why = {""};

    err_set(&why, ERR_CANCELED, "%s", err_text(ERR_CANCELED));
    end(p, ERR_CANCELED, &why, NULL);
}

static void dict_ready(struct opencps_wait *wait, int err, const struct errmsg *why)
{
    struct opencps_poll *p = CONTAINER_OF(wait, struct opencps_poll, wait);

    if (p->canceled) {
        canceled(p);
    } else if (err != 0 && !owner(p)->dict.loaded) {
        end(p, err, why, NULL);
    } else {
        ask(p); /* an old dictionary does for polling */
    }
}

static void task_run(struct loop_task *task)
{
    struct opencps_poll *p = CONTAINER_OF(task, struct opencps_poll, task);
    struct opencps *o = owner(p);

    if (p->canceled) {
        canceled(p);
    } else if (opencps_dict_usable(o)) {
        ask(p);
    } else {
        opencps_dict_wait(o, &p->wait);
    }
}

void opencps_poll_init(struct opencps *o)
{
    struct opencps_poll *p = &o->poll;

    opencps_call_init(&p->call);
    p->call.method = "GET";
    p->call.read = page_read;
    p->call.done = page_done;
    list_init(&p->wait.link);
    p->wait.ready = dict_ready;
    loop_task_init(&p->task, task_run);
    arena_init(&p->arena, OPENCPS_ARENA_MAX);
}

void opencps_poll_verb(struct adapter *a, struct adapter_poll *poll)
{
    struct opencps *o = opencps_self(a);

    assert(o->poll.poll == NULL);
    o->poll.poll = poll;
    o->poll.canceled = false;
    memset(&o->poll.query, 0, sizeof(o->poll.query));
    loop_defer(o->env.loop, &o->poll.task);
}
