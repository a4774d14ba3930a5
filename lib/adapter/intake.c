#include "adapter/intake.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/intake_impl.h"

#define OFF_LOOP_BYTES ((size_t)64 << 10) /* longer bodies are read on a worker */
#define ARENA_FACTOR 16 /* a body of many small fields takes so many times its size */
#define ARENA_BASE ((size_t)4 << 20)
#define ANSWER_BYTES 4096
#define MALFORMED_LOG_MS 60000

static struct intake *self(struct adapter *a)
{
    return CONTAINER_OF(a, struct intake, base.adapter);
}

/* ---- requests ---- */

void intake_maybe_stopped(struct intake *in)
{
    listener_idle(&in->base, list_empty(&in->requests) && list_empty(&in->files));
}

void intake_request_end(struct intake_request *r)
{
    struct intake *in = r->in;

    assert(r->call == NULL);
    loop_timer_stop(&r->late);
    list_remove(&r->link);
    json_free(r->root);
    arena_free(&r->arena);
    free(r);
    intake_maybe_stopped(in);
}

static void answer(struct intake_request *r, unsigned http, long code, const char *message)
{
    struct http_call *call = r->call;
    struct json_writer w;
    struct buf text;

    r->call = NULL;
    if (code != 0) {
        listen_count_refused(r->in->base.listen);
    }
    buf_init(&text, ANSWER_BYTES);
    json_write_begin(&w, &text);
    json_object_open(&w, NULL);
    json_integer_out(&w, "error_code", code);
    json_string(&w, "message", message);
    json_object_close(&w);
    if (buf_error(&text) == 0) {
        listen_answer_json(call, http, text.data, text.len);
    } else {
        http_answer_problem(call, 500, "Out of memory.");
    }
    buf_free(&text);
}

void intake_answer(struct intake_request *r, long code, const char *message)
{
    answer(r, 200, code, message);
}

void intake_answer_busy(struct intake_request *r)
{
    http_call_add_header(r->call, "Retry-After", "30");
    answer(r, 503, -1, "Hệ thống đang bận, chưa nhận được, vui lòng gửi lại sau");
}

/* The wire's answer has no place for it: where the body is at fault is in the log alone. */
static void say_malformed(struct intake_request *r)
{
    struct intake *in = r->in;
    uint64_t suppressed = 0;

    if (log_limit_pass(&in->malformed_log, loop_now_ms(in->base.env.loop), MALFORMED_LOG_MS,
                       &suppressed)) {
        log_plain(in->base.env.log, LOG_LEVEL_WARN, "body_refused",
                  "source %s: a body is refused: %s (%" PRIu64 " more not shown)", in->base.name,
                  r->why.text, suppressed);
    }
}

static void decide(struct intake_request *r)
{
    if (r->in->base.stopping || r->err == ERR_NOMEM) {
        intake_answer_busy(r);
        intake_request_end(r);
    } else if (r->malformed) {
        struct http_call *call = r->call;

        /* What the wire does (section 8). */
        r->call = NULL;
        listen_count_refused(r->in->base.listen);
        say_malformed(r);
        http_answer(call, 500, "text/plain", "request body incorrect",
                    strlen("request body incorrect"));
        intake_request_end(r);
    } else if (r->err != 0) {
        intake_answer(r, -1, r->why.text);
        intake_request_end(r);
    } else if (r->search) {
        intake_search(r);
    } else {
        intake_push(r);
    }
}

static void run_read(struct loop_work *work)
{
    struct intake_request *r = CONTAINER_OF(work, struct intake_request, work);
    int err = json_parse(r->call->body, r->call->body_len, &r->root, &r->why);

    if (err == ERR_NOMEM) {
        r->err = err;
    } else if (err != 0 || !json_is_object(r->root)) {
        r->malformed = true;
        if (err == 0) {
            (void)err_set(&r->why, ERR_FORMAT, "byte 0: no object");
        }
    } else if (!r->search) {
        r->err =
            intake_read(r->form, r->root, r->now_s, &r->arena, &r->records, &r->n_records, &r->why);
    }
}

static void on_read(struct loop_work *work)
{
    decide(CONTAINER_OF(work, struct intake_request, work));
}

static struct intake_request *request_new(struct intake *in, struct http_call *call)
{
    struct intake_request *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }
    r->in = in;
    r->call = call;
    r->now_s = loop_wall_s(in->base.env.loop);
    r->work.run = run_read;
    r->work.done = on_read;
    intake_push_init(r);
    arena_init(&r->arena, ARENA_BASE + call->body_len * ARENA_FACTOR);
    list_push(&in->requests, &r->link);
    return r;
}

static void take(struct intake *in, struct http_call *call, bool search, enum intake_form form)
{
    struct intake_request *r = request_new(in, call);

    if (r == NULL) {
        http_call_add_header(call, "Retry-After", "30");
        http_answer_problem(call, 503, "Out of memory.");
        return;
    }
    r->search = search;
    r->form = form;
    if (call->body_len <= OFF_LOOP_BYTES) {
        run_read(&r->work);
        decide(r);
    } else if (!loop_work_start(in->base.env.loop, &r->work)) {
        intake_answer_busy(r);
        intake_request_end(r);
    }
}

/* The id behind path_file and a slash; NULL when the path is another. */
static const char *file_id(const struct intake *in, const char *path)
{
    const char *base = in->base.source->path_file;
    size_t n = strlen(base);

    return base[0] != '\0' && strncmp(path, base, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static void on_call(void *ctx, struct http_call *call)
{
    struct intake *in = ctx;
    const struct config_source *s = in->base.source;
    const char *const paths[] = {s->path_notice, s->path_change, s->path_receive, s->path_search};
    static const enum intake_form forms[] = {INTAKE_NOTICE, INTAKE_CHANGE, INTAKE_RECEIVE,
                                             INTAKE_RECEIVE};
    const size_t n = sizeof(paths) / sizeof(paths[0]);
    const char *id = strcmp(call->method, "GET") == 0 ? file_id(in, call->path) : NULL;
    size_t which;

    if (!listener_lets_in(&in->base, call)) {
        return;
    }
    if (id != NULL) {
        intake_file(in, call, id);
        return;
    }
    which = listener_route(call, paths, n);
    if (which < n) {
        take(in, call, paths[which] == s->path_search, forms[which]);
    }
}

static void on_gone(void *ctx, struct http_call *call)
{
    struct intake *in = ctx;

    for (struct list *l = in->requests.next; l != &in->requests; l = l->next) {
        struct intake_request *r = CONTAINER_OF(l, struct intake_request, link);

        if (r->call == call) {
            intake_push_gone(r);
            return;
        }
    }
}

/* ---- the adapter ---- */

static int intake_listen(struct adapter *a, struct adapter_host *host, struct errmsg *msg)
{
    const struct listen_hooks hooks = {on_call, on_gone, self(a)};

    return listener_open(&self(a)->base, host, &hooks, msg);
}

static void intake_unlisten(struct adapter *a, void (*stopped)(void *ctx), void *ctx)
{
    struct intake *in = self(a);

    listener_stop(&in->base, stopped, ctx);
    for (struct list *l = in->requests.next; l != &in->requests; l = l->next) {
        intake_push_gone(CONTAINER_OF(l, struct intake_request, link));
    }
    intake_files_cancel(in);
    intake_maybe_stopped(in);
}

static size_t intake_notes(struct adapter *a, struct adapter_note notes[ADAPTER_NOTES_MAX])
{
    struct intake *in = self(a);

    notes[0] = (struct adapter_note){"taken", in->n_taken};
    notes[1] = (struct adapter_note){"duplicates", in->n_duplicates};
    notes[2] = (struct adapter_note){"to_repeat", in->n_repeat};
    return in->base.listen != NULL ? listen_notes(in->base.listen, notes, 3) : 3;
}

static void intake_cancel(struct adapter *a)
{
    intake_files_cancel(self(a));
}

static void intake_free(struct adapter *a)
{
    struct intake *in = self(a);

    assert(list_empty(&in->requests) && list_empty(&in->files));
    listener_free(&in->base);
}

static const struct adapter_ops OPS = {
    .profile = "intake",
    .listen = intake_listen,
    .unlisten = intake_unlisten,
    .notes = intake_notes,
    .cancel = intake_cancel,
    .reconfigure = listener_reconfigure,
    .free = intake_free,
};

int intake_open(const struct adapter_env *env, const struct config_source *source,
                struct adapter **out, struct errmsg *msg)
{
    struct listener *base;
    struct intake *in;
    int err = listener_new(env, source, &OPS, sizeof(*in), 1, &base, msg);

    *out = NULL;
    if (err != 0) {
        return err;
    }
    in = CONTAINER_OF(base, struct intake, base);
    base->adapter.caps = ADAPTER_ANSWERS;
    list_init(&in->requests);
    list_init(&in->files);
    *out = &base->adapter;
    return 0;
}
