#include <ctype.h>
#include <string.h>

#include "adapter/opencps_impl.h"

/* What is asked of a dossier, one after the other: an excluded one ends after the first call. */
enum part { PART_DOSSIER, PART_ACTIONS, PART_FILES, PART_STEPS };

static const char *const PART_PATH[] = {
    [PART_DOSSIER] = "", [PART_ACTIONS] = "/actions", [PART_FILES] = "/files"};

struct dossier_op {
    struct opencps_op op; /* first */
    struct adapter_detail *detail;
    enum part part;
    struct opencps_wait wait;
    struct opencps_dossier dossier;
    struct opencps_actions actions;
};

static void end(struct dossier_op *d, int err, const struct errmsg *why)
{
    struct adapter_detail *detail = d->detail;

    detail->err = err;
    memset(&detail->why, 0, sizeof(detail->why));
    if (err != 0) {
        detail->why = *why;
        detail->records = NULL;
        detail->n_records = 0;
    }
    opencps_op_close(&d->op);
    detail->done(detail); /* may free the adapter */
    opencps_op_free(&d->op);
}

static void end_with(struct dossier_op *d, int err, const char *words)
{
    struct errmsg why = {""};

    err_set(&why, err, "%s", words);
    end(d, err, &why);
}

static void build(struct dossier_op *d)
{
    struct opencps *o = d->op.o;
    struct errmsg why = {""};
    struct record *records = NULL;
    const struct config_source *source = config_source_find(o->env.config, o->name);
    const char *statuses = source != NULL ? config_source_statuses(source) : "";
    int err = opencps_records(&d->dossier, &d->actions, &o->dict.steps, o->env.config, statuses,
                              &d->op.arena, &records, &d->detail->n_records, &why);

    d->detail->records = records;
    end(d, err, &why);
}

static void dict_ready(struct opencps_wait *wait, int err, const struct errmsg *why)
{
    struct dossier_op *d = CONTAINER_OF(wait, struct dossier_op, wait);

    if (d->op.canceled) {
        end_with(d, ERR_CANCELED, err_text(ERR_CANCELED));
    } else if (err != 0) {
        end(d, err, why);
    } else {
        build(d);
    }
}

static void ask(struct dossier_op *d)
{
    struct opencps_call *call = &d->op.call;

    opencps_call_clear(call);
    buf_printf(&call->path, "/dossiers/%s%s", d->detail->id, PART_PATH[d->part]);
    opencps_call_start(&d->op.o->wire, call);
}

static int part_read(struct opencps_call *call, const struct opencps_doc *doc, struct errmsg *msg)
{
    struct dossier_op *d = CONTAINER_OF(call, struct dossier_op, op.call);
    struct arena *a = &d->op.arena;

    switch (d->part) {
    case PART_DOSSIER:
        return opencps_read_dossier(doc, a, &d->dossier, msg);
    case PART_ACTIONS:
        return opencps_read_actions(doc, a, &d->actions, msg);
    case PART_FILES:
    case PART_STEPS:
        break;
    }
    return opencps_read_files(doc, call->settings->source.file_url, d->dossier.id, a,
                              &d->dossier.record, msg);
}

static bool is_number(const char *text)
{
    return text[strspn(text, "0123456789")] == '\0';
}

/* The next part, or the records when all are there. */
static void go_on(struct dossier_op *d)
{
    struct opencps *o = d->op.o;
    const char *excluded = opencps_excluded(&d->dossier, &d->actions, opencps_source(o));

    if (excluded != NULL) {
        end_with(d, ERR_UNSUPPORTED, excluded);
        return;
    }
    d->part++;
    if (d->part == PART_FILES && opencps_source(o)->file_url[0] == '\0') {
        d->part++;
    }
    if (d->part != PART_STEPS) {
        ask(d);
    } else if (opencps_dict_usable(o) && !opencps_dict_stale_for(o, &d->actions)) {
        build(d);
    } else {
        opencps_dict_wait(o, &d->wait);
    }
}

static void part_done(struct opencps_call *call)
{
    struct dossier_op *d = CONTAINER_OF(call, struct dossier_op, op.call);
    struct errmsg why = call->why;
    int err = call->err;

    if (d->op.canceled) {
        end_with(d, ERR_CANCELED, err_text(ERR_CANCELED));
    } else if (err == ERR_NOTFOUND && d->part != PART_DOSSIER) {
        end(d, ERR_REMOTE,
            &why); /* gone meanwhile, or not readable: the dossier itself tells next time */
    } else if (err != 0) {
        end(d, err, &why);
    } else if (d->part == PART_DOSSIER && is_number(d->detail->id) &&
               strcmp(d->detail->id, d->dossier.id) != 0) {
        end_with(d, ERR_FORMAT, "the answer is about another dossier");
    } else {
        go_on(d);
    }
}

/* Ids stand in the path: numbers and UUIDs. */
static bool is_id(const char *id)
{
    size_t n = 0;

    while (isalnum((unsigned char)id[n]) || id[n] == '-') {
        n++;
    }
    return n > 0 && n <= 64 && id[n] == '\0';
}

static void task_run(struct loop_task *task)
{
    struct dossier_op *d = CONTAINER_OF(task, struct dossier_op, op.task);

    if (d->op.canceled) {
        end_with(d, ERR_CANCELED, err_text(ERR_CANCELED));
    } else if (d->detail->kind != RECORD_DOSSIER) {
        end_with(d, ERR_UNSUPPORTED, "OpenCPS has no records of this kind");
    } else if (!is_id(d->detail->id)) {
        end_with(d, ERR_INVAL, "not an id of OpenCPS");
    } else {
        ask(d);
    }
}

void opencps_detail_verb(struct adapter *a, struct adapter_detail *detail)
{
    struct opencps *o = opencps_self(a);
    struct dossier_op *d;

    if (detail->kind == RECORD_PROCEDURE) {
        opencps_detail_procedure(o, detail);
        return;
    }
    d = opencps_op_new(o, sizeof(*d), task_run);
    d->detail = detail;
    d->op.call.method = "GET";
    d->op.call.read = part_read;
    d->op.call.done = part_done;
    list_init(&d->wait.link);
    d->wait.ready = dict_ready;
    loop_defer(o->env.loop, &d->op.task);
}
