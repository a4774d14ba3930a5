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
    return CONTAINER_OF(a, struct intake, adapter);
}

/* ---- requests ---- */

void intake_maybe_stopped(struct intake *in)
{
    if (in->stopping && in->listen != NULL && list_empty(&in->requests) && list_empty(&in->files)) {
        struct listen *l = in->listen;

        in->listen = NULL;
        listen_close(l, in->stopped, in->stopped_ctx);
    }
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
        listen_count_refused(r->in->listen);
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

    if (log_limit_pass(&in->malformed_log, loop_now_ms(in->env.loop), MALFORMED_LOG_MS,
                       &suppressed)) {
        log_plain(in->env.log, LOG_LEVEL_WARN, "body_refused",
                  "source %s: a body is refused: %s (%" PRIu64 " more not shown)", in->name,
                  r->why.text, suppressed);
    }
}

static void decide(struct intake_request *r)
{
    if (r->in->stopping || r->err == ERR_NOMEM) {
        intake_answer_busy(r);
        intake_request_end(r);
    } else if (r->malformed) {
        struct http_call *call = r->call;

        /* What the wire does (section 8). */
        r->call = NULL;
        listen_count_refused(r->in->listen);
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
    r->now_s = loop_wall_s(in->env.loop);
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
    } else if (!loop_work_start(in->env.loop, &r->work)) {
        intake_answer_busy(r);
        intake_request_end(r);
    }
}

/* The id behind path_file and a slash; NULL when the path is another. */
static const char *file_id(const struct intake *in, const char *path)
{
    const char *base = in->source->path_file;
    size_t n = strlen(base);

    return base[0] != '\0' && strncmp(path, base, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static void route(struct intake *in, struct http_call *call)
{
    const struct config_source *s = in->source;
    const struct {
        const char *path;
        bool search;
        enum intake_form form;
    } routes[] = {{s->path_notice, false, INTAKE_NOTICE},
                  {s->path_change, false, INTAKE_CHANGE},
                  {s->path_receive, false, INTAKE_RECEIVE},
                  {s->path_search, true, INTAKE_RECEIVE}};
    const char *id = strcmp(call->method, "GET") == 0 ? file_id(in, call->path) : NULL;

    if (id != NULL) {
        intake_file(in, call, id);
        return;
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (routes[i].path[0] != '\0' && strcmp(call->path, routes[i].path) == 0) {
            if (strcmp(call->method, "POST") == 0) {
                take(in, call, routes[i].search, routes[i].form);
            } else {
                http_call_add_header(call, "Allow", "POST");
                http_answer_problem(call, 405, "POST it.");
            }
            return;
        }
    }
    http_answer_problem(call, 404, "Nothing is taken at this path.");
}

static void on_call(void *ctx, struct http_call *call)
{
    struct intake *in = ctx;

    if (in->stopping || in->listen == NULL) {
        http_answer_problem(call, 503, "The service is stopping.");
    } else if (!listen_authorised(in->listen, call)) {
        listen_answer_denied(call);
    } else {
        route(in, call);
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
    struct intake *in = self(a);
    const struct listen_hooks hooks = {on_call, on_gone, in};

    assert(in->listen == NULL);
    in->host = host;
    in->stopping = false;
    return listen_open(&in->env, in->source, &hooks, &in->listen, msg);
}

static void on_not_listening(struct loop_task *task)
{
    struct intake *in = CONTAINER_OF(task, struct intake, not_listening);

    in->stopped(in->stopped_ctx);
}

static void intake_unlisten(struct adapter *a, void (*stopped)(void *ctx), void *ctx)
{
    struct intake *in = self(a);

    in->stopping = true;
    in->stopped = stopped;
    in->stopped_ctx = ctx;
    for (struct list *l = in->requests.next; l != &in->requests; l = l->next) {
        intake_push_gone(CONTAINER_OF(l, struct intake_request, link));
    }
    intake_files_cancel(in);
    if (in->listen == NULL) { /* it never began */
        loop_defer(in->env.loop, &in->not_listening);
    }
    intake_maybe_stopped(in);
}

static size_t intake_notes(struct adapter *a, struct adapter_note notes[ADAPTER_NOTES_MAX])
{
    struct intake *in = self(a);

    notes[0] = (struct adapter_note){"taken", in->n_taken};
    notes[1] = (struct adapter_note){"duplicates", in->n_duplicates};
    notes[2] = (struct adapter_note){"to_repeat", in->n_repeat};
    return in->listen != NULL ? listen_notes(in->listen, notes, 3) : 3;
}

static void intake_cancel(struct adapter *a)
{
    intake_files_cancel(self(a));
}

static int intake_reconfigure(struct adapter *a, const struct config *config, struct errmsg *msg)
{
    struct intake *in = self(a);
    const struct config_source *source = config_source_find(config, in->name);
    int err;

    if (source == NULL) {
        return err_set(msg, ERR_CONFIG, "source %s: not in the new configuration", in->name);
    }
    err = in->listen != NULL && !in->stopping ? listen_reconfigure(in->listen, source, msg)
                                              : listen_check(source, msg);
    if (err == 0) {
        in->env.config = config;
        in->source = source;
    }
    return err;
}

static void intake_free(struct adapter *a)
{
    struct intake *in = self(a);

    assert(in->listen == NULL && list_empty(&in->requests) && list_empty(&in->files));
    free(in->name);
    free(in);
}

static const struct adapter_ops OPS = {
    .profile = "intake",
    .listen = intake_listen,
    .unlisten = intake_unlisten,
    .notes = intake_notes,
    .cancel = intake_cancel,
    .reconfigure = intake_reconfigure,
    .free = intake_free,
};

int intake_open(const struct adapter_env *env, const struct config_source *source,
                struct adapter **out, struct errmsg *msg)
{
    struct intake *in;
    int err = listen_check(source, msg);

    *out = NULL;
    if (err != 0) {
        return err;
    }
    in = calloc(1, sizeof(*in));
    if (in != NULL) {
        in->name = strdup(source->name);
    }
    if (in == NULL || in->name == NULL) {
        free(in);
        return err_set(msg, ERR_NOMEM, "source %s: %s", source->name, err_text(ERR_NOMEM));
    }
    in->env = *env;
    in->source = source;
    list_init(&in->requests);
    list_init(&in->files);
    loop_task_init(&in->not_listening, on_not_listening);
    in->adapter = (struct adapter){.ops = &OPS,
                                   .name = in->name,
                                   .caps = ADAPTER_ANSWERS,
                                   .rank = source->rank != 0 ? (int)source->rank : 1};
    *out = &in->adapter;
    return 0;
}
