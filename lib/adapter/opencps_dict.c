#include <assert.h>
#include <string.h>

#include "adapter/opencps_impl.h"
#include "domain/map.h"
#include "domain/status.h"

#define DAY_MS (24 * UINT64_C(3600000))
#define AGAIN_MS UINT64_C(60000) /* at most once a minute */

static void dict_done(struct opencps_call *call);
static int dict_read(struct opencps_call *call, const struct opencps_doc *doc, struct errmsg *msg);

void opencps_dict_init(struct opencps_dict *dict)
{
    memset(dict, 0, sizeof(*dict));
    list_init(&dict->waits);
    arena_init(&dict->arena, OPENCPS_ARENA_MAX);
    arena_init(&dict->fresh_arena, OPENCPS_ARENA_MAX);
    opencps_call_init(&dict->call);
    dict->call.method = "GET";
    dict->call.read = dict_read;
    dict->call.done = dict_done;
}

void opencps_dict_free(struct opencps_dict *dict)
{
    assert(list_empty(&dict->waits));
    opencps_call_free(&dict->call);
    arena_free(&dict->arena);
    arena_free(&dict->fresh_arena);
}

static bool may_ask(const struct opencps *o)
{
    return loop_now_ms(o->env.loop) - o->dict.asked_ms >= AGAIN_MS;
}

bool opencps_dict_usable(const struct opencps *o)
{
    return o->dict.loaded && (loop_now_ms(o->env.loop) - o->dict.loaded_ms < DAY_MS || !may_ask(o));
}

bool opencps_dict_stale_for(const struct opencps *o, const struct opencps_actions *actions)
{
    if (!may_ask(o)) {
        return false;
    }
    for (size_t i = 0; i < actions->n; i++) {
        if (opencps_steps_find(&o->dict.steps, actions->list[i].step_code) == NULL) {
            return true;
        }
    }
    return false;
}

static int dict_read(struct opencps_call *call, const struct opencps_doc *doc, struct errmsg *msg)
{
    struct opencps_dict *dict = CONTAINER_OF(call, struct opencps_dict, call);

    return opencps_read_steps(doc, &dict->fresh_arena, &dict->fresh, msg);
}

static void take_fresh(struct opencps *o)
{
    struct opencps_dict *dict = &o->dict;

    arena_free(&dict->arena);
    dict->arena = dict->fresh_arena;
    dict->steps = dict->fresh;
    dict->loaded = true;
    dict->loaded_ms = loop_now_ms(o->env.loop);
    arena_init(&dict->fresh_arena, OPENCPS_ARENA_MAX);
}

static void dict_done(struct opencps_call *call)
{
    struct opencps_dict *dict = CONTAINER_OF(call, struct opencps_dict, call);
    struct opencps *o = CONTAINER_OF(dict, struct opencps, dict);
    struct errmsg why = call->why;
    int err = call->err;
    struct list waits;

    if (err == 0) {
        take_fresh(o);
        err = opencps_dict_tell_plan(o, o->env.config, opencps_source(o), &why);
    } else if (err == ERR_NOTFOUND) {
        err = ERR_REMOTE; /* for those who wait, the dossier is not what is missing */
    }
    arena_free(&dict->fresh_arena);
    list_init(&waits);
    list_splice(&waits, &dict->waits);
    while (!list_empty(&waits)) {
        struct opencps_wait *wait = CONTAINER_OF(list_shift(&waits), struct opencps_wait, link);

        wait->ready(wait, err, &why); /* the last one may free the adapter */
    }
}

void opencps_dict_wait(struct opencps *o, struct opencps_wait *wait)
{
    struct opencps_dict *dict = &o->dict;

    list_push(&dict->waits, &wait->link);
    if (opencps_call_open(&dict->call)) {
        return;
    }
    dict->asked_ms = loop_now_ms(o->env.loop);
    opencps_call_clear(&dict->call);
    buf_puts(&dict->call.path, "/stepconfigs");
    opencps_call_start(&o->wire, &dict->call);
}

/* Whether every step with this status is a final one, by the status map. */
static bool status_ends(const struct opencps *o, const struct config *config, const char *status)
{
    const struct map *map = config->status_map;
    int64_t now_s = loop_wall_s(o->env.loop);

    for (size_t i = 0; i < o->dict.steps.n; i++) {
        const struct opencps_step *step = &o->dict.steps.list[i];

        if (strcmp(step->status, status) == 0 &&
            (map == NULL ||
             !status_final(map_status(map, step->status, step->substatus, "", now_s)))) {
            return false;
        }
    }
    return true;
}

static bool among(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

int opencps_dict_tell_plan(struct opencps *o, const struct config *config,
                           const struct config_source *source, struct errmsg *msg)
{
    const char *others[OPENCPS_STATUSES_MAX];
    size_t n = 0;
    int err;

    for (size_t i = 0; i < o->dict.steps.n; i++) {
        const char *status = o->dict.steps.list[i].status;

        if (status[0] == '\0' ||
            among(source->small_states.items, source->small_states.n, status) ||
            among(source->big_states.items, source->big_states.n, status) ||
            among(others, n, status) || status_ends(o, config, status)) {
            continue;
        }
        if (n == OPENCPS_STATUSES_MAX) {
            return err_set(msg, ERR_TOOBIG, "stepconfigs: more than %d states to sweep",
                           OPENCPS_STATUSES_MAX);
        }
        others[n++] = status;
    }
    err = opencps_plan_set_states(o->plan, OPENCPS_OTHER, others, n);
    if (err == 0) {
        err = opencps_plan_set_states(o->plan, OPENCPS_SMALL, source->small_states.items,
                                      source->small_states.n);
    }
    if (err == 0) {
        err = opencps_plan_set_states(o->plan, OPENCPS_BIG, source->big_states.items,
                                      source->big_states.n);
    }
    return err != 0 ? err_set(msg, err, "states to sweep: %s", err_text(err)) : 0;
}
