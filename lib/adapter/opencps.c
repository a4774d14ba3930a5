#include "adapter/opencps.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/opencps_impl.h"

/* ---- open verbs ---- */

void *opencps_op_new(struct opencps *o, size_t size, void (*run)(struct loop_task *task))
{
    struct opencps_op *op = calloc(1, size);

    if (op == NULL) {
        abort();
    }
    op->o = o;
    opencps_call_init(&op->call);
    arena_init(&op->arena, OPENCPS_ARENA_MAX);
    loop_task_init(&op->task, run);
    list_push(&o->ops, &op->link);
    return op;
}

void opencps_op_close(struct opencps_op *op)
{
    list_remove(&op->link);
}

void opencps_op_free(struct opencps_op *op)
{
    opencps_call_free(&op->call);
    arena_free(&op->arena);
    free(op);
}

/* ---- the instance ---- */

static void opencps_cancel(struct adapter *a)
{
    struct opencps *o = opencps_self(a);

    o->poll.canceled = true;
    for (struct list *node = o->ops.next; node != &o->ops; node = node->next) {
        CONTAINER_OF(node, struct opencps_op, link)->canceled = true;
    }
    opencps_wire_cancel(&o->wire);
}

static void plan_settings(const struct opencps_settings *s, struct opencps_plan_settings *out)
{
    *out = (struct opencps_plan_settings){
        .page_size = s->source.page_size,
        .poll_every_ms = s->source.poll_every_ms,
        .sweep_every_ms = s->source.sweep_every_ms,
        .slow_sweep_every_ms = s->source.slow_sweep_every_ms,
        .full_sweep_at_s = s->full_sweep_at_s,
        .start_from_s = s->start_from_s,
    };
}

static int rank_of(const struct config_source *source)
{
    return source->rank != 0 ? (int)source->rank : 1;
}

static int opencps_reconfigure(struct adapter *a, const struct config *config, struct errmsg *msg)
{
    struct opencps *o = opencps_self(a);
    const struct config_source *source = config_source_find(config, o->name);
    struct opencps_plan_settings plan;
    struct opencps_settings *settings;
    int err;

    if (source == NULL) {
        return err_set(msg, ERR_CONFIG, "source %s: not in the new configuration", o->name);
    }
    err = opencps_settings_new(config, source, &settings, msg);
    if (err != 0) {
        return err;
    }
    err = opencps_dict_tell_plan(o, config, source, msg);
    err = err == 0 ? opencps_publish_change(o, source, msg) : err;
    if (err != 0) {
        struct errmsg unused = {""};

        opencps_settings_unref(settings);
        if (opencps_dict_tell_plan(o, o->env.config, opencps_source(o), &unused) != 0) {
            abort(); /* it ran with these values a moment ago */
        }
        return err;
    }
    o->adapter.rank = rank_of(source);
    plan_settings(settings, &plan);
    opencps_wire_change(&o->wire, settings);
    opencps_plan_change(o->plan, &plan);
    o->env.config = config;
    return 0;
}

static void opencps_free(struct adapter *a)
{
    struct opencps *o = opencps_self(a);

    assert(list_empty(&o->ops) && o->poll.poll == NULL && o->publish.listen == NULL);
    opencps_call_free(&o->poll.call);
    arena_free(&o->poll.arena);
    opencps_dict_free(&o->dict);
    opencps_codes_free(&o->codes);
    opencps_plan_free(o->plan);
    opencps_wire_free(&o->wire);
    free(o->name);
    free(o);
}

static const struct adapter_ops OPS = {
    .profile = "opencps",
    .poll = opencps_poll_verb,
    .detail = opencps_detail_verb,
    .check = opencps_check_verb,
    .send = opencps_send_verb,
    .list = opencps_list_verb,
    .listen = opencps_listen_verb,
    .unlisten = opencps_unlisten_verb,
    .notes = opencps_notes_verb,
    .cancel = opencps_cancel,
    .reconfigure = opencps_reconfigure,
    .free = opencps_free,
};

int opencps_open(const struct adapter_env *env, const struct config_source *source,
                 struct adapter **out, struct errmsg *msg)
{
    struct opencps *o = calloc(1, sizeof(*o));
    struct opencps_plan_settings plan;
    struct opencps_settings *settings;
    int err;

    *out = NULL;
    if (o == NULL) {
        return err_set(msg, ERR_NOMEM, "source %s: %s", source->name, err_text(ERR_NOMEM));
    }
    o->env = *env;
    list_init(&o->ops);
    err = opencps_publish_check(source, msg);
    if (err == 0) {
        err = opencps_settings_new(env->config, source, &settings, msg);
    }
    if (err != 0) {
        free(o);
        return err;
    }
    opencps_wire_init(&o->wire, env->loop, env->http, settings);
    opencps_dict_init(&o->dict);
    opencps_poll_init(o);
    opencps_publish_init(o);
    arena_init(&o->codes.arena, OPENCPS_ARENA_MAX);
    plan_settings(settings, &plan);
    o->name = strdup(source->name);
    o->plan = opencps_plan_new(&plan);
    err = o->name == NULL || o->plan == NULL
              ? err_set(msg, ERR_NOMEM, "source %s: %s", source->name, err_text(ERR_NOMEM))
              : opencps_dict_tell_plan(o, env->config, source, msg);
    o->adapter = (struct adapter){
        .ops = &OPS, .name = o->name, .caps = ADAPTER_IDEMPOTENT, .rank = rank_of(source)};
    if (err != 0) {
        opencps_free(&o->adapter);
        return err;
    }
    *out = &o->adapter;
    return 0;
}
