#include "adapter/spool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/spool_impl.h"

/* ---- work on the folders ---- */

void *spool_op_new(struct spool *s, size_t size, void (*run)(struct spool_op *op),
                   void (*done)(struct spool_op *op))
{
    struct spool_op *op = calloc(1, size);

    if (op == NULL) {
        abort();
    }
    op->s = s;
    op->settings = spool_settings_ref(s->settings);
    op->run = run;
    op->done = done;
    arena_init(&op->arena, SPOOL_ARENA_MAX);
    list_init(&op->queue);
    list_push(&s->ops, &op->link);
    return op;
}

void spool_op_close(struct spool_op *op)
{
    list_remove(&op->link);
}

void spool_op_free(struct spool_op *op)
{
    spool_settings_unref(op->settings);
    arena_free(&op->arena);
    free(op);
}

void spool_op_start(struct spool_op *op)
{
    list_push(&op->s->queue, &op->queue);
    loop_defer(op->s->env.loop, &op->s->pump);
}

static void work_run(struct loop_work *work)
{
    struct spool_op *op = CONTAINER_OF(work, struct spool_op, work);

    op->run(op);
}

static void work_done(struct loop_work *work)
{
    struct spool_op *op = CONTAINER_OF(work, struct spool_op, work);
    struct spool *s = op->s;

    s->working = false;
    if (op->err == ERR_DENIED) {
        op->err = ERR_IO; /* a folder's mode is no refused login */
    }
    if (!list_empty(&s->queue)) {
        loop_defer(s->env.loop, &s->pump); /* before done: it may free the adapter */
    }
    op->done(op);
}

static void pump_run(struct loop_task *task)
{
    struct spool *s = CONTAINER_OF(task, struct spool, pump);
    struct spool_op *op;

    if (s->working || list_empty(&s->queue)) {
        return;
    }
    op = CONTAINER_OF(list_shift(&s->queue), struct spool_op, queue);
    op->err = 0;
    op->why.text[0] = '\0';
    s->working = true;
    op->work.run = work_run;
    op->work.done = work_done;
    if (op->canceled) {
        op->err = err_set(&op->why, ERR_CANCELED, "%s", err_text(ERR_CANCELED));
        work_done(&op->work);
    } else if (!loop_work_start(s->env.loop, &op->work)) {
        work_run(&op->work); /* a late loop is better than a lost file */
        work_done(&op->work);
    }
}

/* ---- files between reading and acknowledgement ---- */

static struct spool_known *find(struct spool *s, const char *name)
{
    for (size_t i = 0; i < s->n_known; i++) {
        if (strcmp(s->known[i].name, name) == 0) {
            return &s->known[i];
        }
    }
    return NULL;
}

const struct spool_known *spool_known_find(const struct spool *s, const char *name)
{
    for (size_t i = 0; i < s->n_known; i++) {
        if (strcmp(s->known[i].name, name) == 0) {
            return &s->known[i];
        }
    }
    return NULL;
}

void spool_know(struct spool *s, const char *name, const struct spool_identity *identity, bool read)
{
    struct spool_known *k = find(s, name);

    if (k != NULL && k->read && !read) {
        return; /* an ack of what was read may still come */
    }
    if (k == NULL && s->n_known < SPOOL_KNOWN_MAX) {
        k = &s->known[s->n_known++];
    } else if (k == NULL) {
        k = &s->known[s->next_known]; /* the oldest: its file stays in in/ and is listed again */
        s->next_known = (s->next_known + 1) % SPOOL_KNOWN_MAX;
    }
    (void)strncpy(k->name, name, sizeof(k->name) - 1);
    k->identity = *identity;
    k->read = read;
}

void spool_forget(struct spool *s, const char *name)
{
    struct spool_known *k = find(s, name);

    if (k != NULL) {
        *k = s->known[--s->n_known];
        s->next_known = 0;
    }
}

/* ---- the instance ---- */

static void spool_cancel(struct adapter *a)
{
    struct spool *s = spool_self(a);

    for (struct list *node = s->ops.next; node != &s->ops; node = node->next) {
        CONTAINER_OF(node, struct spool_op, link)->canceled = true;
    }
}

static int rank_of(const struct config_source *source)
{
    return source->rank != 0 ? (int)source->rank : 1;
}

static int spool_reconfigure(struct adapter *a, const struct config *config, struct errmsg *msg)
{
    struct spool *s = spool_self(a);
    const struct config_source *source = config_source_find(config, s->name);
    struct spool_settings *settings;
    int err;

    if (source == NULL) {
        return err_set(msg, ERR_CONFIG, "source %s: not in the new configuration", s->name);
    }
    err = spool_settings_new(source, &settings, msg);
    if (err != 0) {
        return err;
    }
    if (strcmp(settings->source.dir, s->path) != 0 || settings->xml != s->settings->xml) {
        spool_settings_unref(settings);
        return err_set(msg, ERR_CONFIG, "source %s: dir and format change by a restart only",
                       s->name);
    }
    spool_settings_unref(s->settings);
    s->settings = settings;
    s->adapter.rank = rank_of(source);
    s->env.config = config;
    return 0;
}

static size_t spool_notes(struct adapter *a, struct adapter_note notes[ADAPTER_NOTES_MAX])
{
    const struct spool *s = spool_self(a);

    notes[0] = (struct adapter_note){"files_done", s->files_done};
    notes[1] = (struct adapter_note){"files_bad", s->files_bad};
    notes[2] = (struct adapter_note){"files_ignored", s->files_ignored};
    notes[3] = (struct adapter_note){"watching", s->watch.watch.impl != NULL};
    return 4;
}

static void spool_free(struct adapter *a)
{
    struct spool *s = spool_self(a);

    assert(list_empty(&s->ops) && !s->working);
    spool_watch_cancel(s);
    loop_task_cancel(&s->pump);
    spool_dir_close(&s->dir);
    spool_settings_unref(s->settings);
    free(s->path);
    free(s->name);
    free(s);
}

#define VERBS                                                                                      \
    .profile = "spool", .poll = spool_poll_verb, .detail = spool_detail_verb,                      \
    .ack = spool_ack_verb, .check = spool_check_verb, .send = spool_send_verb,                     \
    .listen = spool_listen_verb, .unlisten = spool_unlisten_verb, .notes = spool_notes,            \
    .cancel = spool_cancel, .reconfigure = spool_reconfigure, .free = spool_free

/* Catalogues are compared in the form that OpenCPS exports. */
static const struct adapter_ops JSON_OPS = {VERBS};
static const struct adapter_ops XML_OPS = {VERBS, .list = spool_list_verb};

static int no_memory(const struct config_source *source, struct errmsg *msg)
{
    return err_set(msg, ERR_NOMEM, "source %s: %s", source->name, err_text(ERR_NOMEM));
}

static int begin(struct spool *s, const struct config_source *source, struct errmsg *msg)
{
    int err = spool_settings_new(source, &s->settings, msg);

    if (err != 0) {
        return err;
    }
    s->name = strdup(source->name);
    s->path = strdup(source->dir);
    if (s->name == NULL || s->path == NULL) {
        return no_memory(source, msg);
    }
    err = spool_dir_open(&s->dir, s->path, msg);
    return err != 0 ? err_wrap(msg, err, "source %s", source->name) : 0;
}

int spool_open(const struct adapter_env *env, const struct config_source *source,
               struct adapter **out, struct errmsg *msg)
{
    struct spool *s = calloc(1, sizeof(*s));
    int err;

    *out = NULL;
    if (s == NULL) {
        return no_memory(source, msg);
    }
    s->env = *env;
    list_init(&s->ops);
    list_init(&s->queue);
    loop_task_init(&s->pump, pump_run);
    s->dir.root = -1;
    for (int i = 0; i < SPOOL_FOLDERS; i++) {
        s->dir.folders[i] = -1;
    }
    spool_watch_init(s);
    err = begin(s, source, msg);
    if (err != 0) {
        spool_free(&s->adapter);
        return err;
    }
    s->adapter = (struct adapter){.ops = s->settings->xml ? &XML_OPS : &JSON_OPS,
                                  .name = s->name,
                                  .caps = ADAPTER_IDEMPOTENT | ADAPTER_ACK,
                                  .rank = rank_of(source)};
    *out = &s->adapter;
    return 0;
}
