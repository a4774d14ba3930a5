#include "adapter/listener.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void on_not_listening(struct loop_task *task)
{
    struct listener *l = CONTAINER_OF(task, struct listener, not_listening);

    l->stopped(l->stopped_ctx);
}

int listener_new(const struct adapter_env *env, const struct config_source *source,
                 const struct adapter_ops *ops, size_t size, int rank, struct listener **out,
                 struct errmsg *msg)
{
    struct listener *l;
    int err = listen_check(source, msg);

    *out = NULL;
    if (err != 0) {
        return err;
    }
    l = calloc(1, size);
    if (l != NULL) {
        l->name = strdup(source->name);
    }
    if (l == NULL || l->name == NULL) {
        free(l);
        return err_set(msg, ERR_NOMEM, "source %s: %s", source->name, err_text(ERR_NOMEM));
    }
    l->env = *env;
    l->source = source;
    loop_task_init(&l->not_listening, on_not_listening);
    l->adapter = (struct adapter){
        .ops = ops, .name = l->name, .rank = source->rank != 0 ? (int)source->rank : rank};
    *out = l;
    return 0;
}

void listener_free(struct listener *l)
{
    assert(l->listen == NULL);
    free(l->name);
    free(l);
}

int listener_open(struct listener *l, struct adapter_host *host, const struct listen_hooks *hooks,
                  struct errmsg *msg)
{
    assert(l->listen == NULL);
    l->host = host;
    l->stopping = false;
    return listen_open(&l->env, l->source, hooks, &l->listen, msg);
}

void listener_stop(struct listener *l, void (*stopped)(void *ctx), void *ctx)
{
    l->stopping = true;
    l->stopped = stopped;
    l->stopped_ctx = ctx;
    if (l->listen == NULL) { /* it never began */
        loop_defer(l->env.loop, &l->not_listening);
    }
}

void listener_idle(struct listener *l, bool idle)
{
    if (l->stopping && l->listen != NULL && idle) {
        struct listen *listen = l->listen;

        l->listen = NULL;
        listen_close(listen, l->stopped, l->stopped_ctx);
    }
}

int listener_reconfigure(struct adapter *a, const struct config *config, struct errmsg *msg)
{
    struct listener *l = CONTAINER_OF(a, struct listener, adapter);
    const struct config_source *source = config_source_find(config, l->name);
    int err;

    if (source == NULL) {
        return err_set(msg, ERR_CONFIG, "source %s: not in the new configuration", l->name);
    }
    err = l->listen != NULL && !l->stopping ? listen_reconfigure(l->listen, source, msg)
                                            : listen_check(source, msg);
    if (err == 0) {
        l->env.config = config;
        l->source = source;
    }
    return err;
}

bool listener_lets_in(struct listener *l, struct http_call *call)
{
    if (l->stopping || l->listen == NULL) {
        http_answer_problem(call, 503, "The service is stopping.");
        return false;
    }
    if (!listen_authorised(l->listen, call)) {
        listen_answer_denied(call);
        return false;
    }
    return true;
}

size_t listener_route(struct http_call *call, const char *const *paths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (paths[i][0] == '\0' || strcmp(call->path, paths[i]) != 0) {
            continue;
        }
        if (strcmp(call->method, "POST") == 0) {
            return i;
        }
        http_call_add_header(call, "Allow", "POST");
        http_answer_problem(call, 405, "POST it.");
        return n;
    }
    http_answer_problem(call, 404, "Nothing is taken at this path.");
    return n;
}

void listener_answer_malformed(struct listener *l, struct http_call *call)
{
    static const char words[] = "request body incorrect";

    listen_count_refused(l->listen);
    http_answer(call, 500, "text/plain", words, sizeof(words) - 1);
}
