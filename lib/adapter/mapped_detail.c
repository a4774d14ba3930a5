/* mapped_detail: records of rows, acknowledgements and the product's list of procedures. */
#include <stdlib.h>
#include <string.h>

#include "adapter/mapped_impl.h"
#include "adapter/mapped_raw.h"
#include "codec/record.h"

#define RECORDS_MAX (16u << 20) /* bytes of one dossier with its steps */
#define RAW_MAX (1u << 20)      /* bytes of a record as a person sees it */
#define CATALOG_MAX (1u << 20)  /* bytes of one procedure */
#define CATALOG_PAGES_MAX 10000

/* One verb at work; small, and without it no callback could be made: it must not fail. */
static void *op_new(size_t size)
{
    void *op = calloc(1, size);

    if (op == NULL) {
        abort();
    }
    return op;
}

/* ---- detail ---- */

struct detail_op {
    struct mapped *m;
    struct adapter_detail *detail;
    struct mapped_settings *settings; /* one reference: whose preset reads the record */
    struct mapped_page *page;         /* one reference, of a kept row; NULL */
    size_t row;
    struct mapped_call call, steps; /* those that are made have settings */
    struct arena arena;
    struct buf raw;
    struct loop_task task;
    int err;
    struct errmsg why;
};

static void detail_end(struct detail_op *op, int err, const struct errmsg *why)
{
    struct mapped *m = op->m;
    struct adapter_detail *detail = op->detail;

    detail->err = err;
    if (why != NULL) {
        detail->why = *why;
    }
    m->skipped += err == ERR_UNSUPPORTED ? 1 : 0;
    m->n_open++; /* the callback may free the instance */
    detail->done(detail);
    if (op->call.settings != NULL) {
        mapped_call_free(&op->call);
    }
    if (op->steps.settings != NULL) {
        mapped_call_free(&op->steps);
    }
    mapped_page_unref(op->page);
    mapped_settings_unref(op->settings);
    arena_free(&op->arena);
    buf_free(&op->raw);
    free(op);
    m->n_open--;
    mapped_ended(m);
}

static int map_record(struct detail_op *op, const struct mapping_doc *doc,
                      const struct mapping_node *node, struct errmsg *msg)
{
    struct record *records = NULL;
    size_t n = 0;
    int err = mapping_dossier(op->settings->preset, &op->settings->source, doc, node, op->steps.doc,
                              &op->arena, &records, &n, msg);

    op->detail->records = records;
    op->detail->n_records = n;
    return err;
}

/* Everything is there: the record is read and handed over. */
static void detail_map(struct detail_op *op)
{
    struct mapping_doc *doc = op->call.doc;
    const struct mapping_node *node = NULL;
    struct errmsg why = {""};
    int err = 0;

    if (op->page != NULL) {
        doc = op->page->doc;
        node = op->page->rows[op->row].node;
    } else {
        node = mapping_first(doc, op->call.what->rows);
        if (node == NULL) {
            err = err_set(&why, ERR_NOTFOUND, "the reply has no record");
        }
    }
    if (err == 0 && op->detail->want_raw) {
        mapped_raw(node, &op->raw);
        op->detail->raw = buf_text(&op->raw);
        op->detail->raw_len = op->raw.len;
    }
    if (err == 0) {
        err = map_record(op, doc, node, &why);
    }
    if (err == ERR_FORMAT || err == ERR_TOOBIG) {
        (void)err_wrap(&why, err, "%s", op->settings->preset->path);
    }
    detail_end(op, err, err == 0 ? NULL : &why);
}

static void steps_done(struct mapped_call *call)
{
    struct detail_op *op = call->owner;

    if (call->err != 0) {
        struct errmsg why = call->why;

        (void)err_wrap(&why, call->err, "steps");
        detail_end(op, call->err == ERR_NOTFOUND ? ERR_REMOTE : call->err, &why);
        return;
    }
    detail_map(op);
}

static const struct preset_call *the_steps(const struct preset *preset)
{
    return &preset->steps;
}

static const struct preset_call *the_detail(const struct preset *preset)
{
    return &preset->detail;
}

static void start_call(struct detail_op *op, struct mapped_call *call,
                       const struct preset_call *(*which)(const struct preset *preset),
                       void (*done)(struct mapped_call *call))
{
    mapped_call_init(call, &op->m->caller, which, op);
    call->values.id = op->detail->id;
    call->values.ids = &op->detail->id; /* for products that answer several at once */
    call->values.n_ids = 1;
    call->values.code = op->detail->id;
    call->done = done;
    mapped_call_start(call);
}

static void detail_done(struct mapped_call *call)
{
    struct detail_op *op = call->owner;

    if (call->err != 0) {
        struct errmsg why = call->why;

        detail_end(op, call->err, &why);
    } else if (op->settings->preset->steps.given) {
        start_call(op, &op->steps, the_steps, steps_done);
    } else {
        detail_map(op);
    }
}

static void detail_task(struct loop_task *task)
{
    struct detail_op *op = CONTAINER_OF(task, struct detail_op, task);
    struct errmsg why = op->why;

    if (op->err != 0) {
        detail_end(op, op->err, &why);
    } else {
        detail_map(op);
    }
}

/* Among the rows that were handed out last, which are asked for in their order. */
static bool find_row(struct mapped *m, const char *id, size_t *row)
{
    size_t n = m->page != NULL ? m->at - m->from : 0;

    for (size_t i = 0; i < n; i++) {
        size_t at = (m->asked + i) % n;

        if (strcmp(m->page->rows[m->from + at].id, id) == 0) {
            m->asked = at + 1;
            *row = m->from + at;
            return true;
        }
    }
    return false;
}

static void detail_later(struct detail_op *op, int err, const char *words)
{
    op->err = err;
    if (err != 0) {
        (void)err_set(&op->why, err, "%s", words);
    }
    loop_defer(op->m->env.loop, &op->task);
}

void mapped_detail_verb(struct adapter *a, struct adapter_detail *detail)
{
    struct mapped *m = mapped_self(a);
    struct detail_op *op = op_new(sizeof(*op));

    op->m = m;
    op->detail = detail;
    op->settings = mapped_settings_ref(m->caller.settings);
    arena_init(&op->arena, RECORDS_MAX);
    buf_init(&op->raw, RAW_MAX);
    loop_task_init(&op->task, detail_task);
    m->n_open++;
    if (detail->kind != RECORD_DOSSIER) {
        detail_later(op, ERR_UNSUPPORTED, "only dossiers can be asked for");
        return;
    }
    if (op->settings->preset->detail.given) {
        start_call(op, &op->call, the_detail, detail_done);
        return;
    }
    if (!find_row(m, detail->id, &op->row)) {
        (void)mapped_set_add(&m->wanted, mapped_digest_id(detail->id, NULL));
        detail_later(op, ERR_STATE,
                     "the record stands in the list alone: it comes with the next "
                     "list that shows it");
        return;
    }
    op->page = mapped_page_ref(m->page);
    mapped_settings_unref(op->settings);
    op->settings = mapped_settings_ref(op->page->settings);
    if (op->settings->preset->steps.given) {
        start_call(op, &op->steps, the_steps, steps_done);
    } else {
        detail_later(op, 0, "");
    }
}

/* ---- ack ---- */

struct ack_op {
    struct mapped *m;
    struct adapter_ack *ack;
    struct mapped_call call;
    size_t at, n; /* ids at..at+n are being told */
    struct loop_task task;
};

static const struct preset_call *the_ack(const struct preset *preset)
{
    return &preset->ack;
}

static void ack_end(struct ack_op *op, int err, const struct errmsg *why)
{
    struct mapped *m = op->m;
    struct adapter_ack *ack = op->ack;

    ack->err = err == ERR_NOTFOUND ? ERR_REMOTE : err;
    if (why != NULL) {
        ack->why = *why;
    }
    m->n_open++; /* the callback may free the instance */
    ack->done(ack);
    free(op);
    m->n_open--;
    mapped_ended(m);
}

static void ack_next(struct ack_op *op);

static void ack_done(struct mapped_call *call)
{
    struct ack_op *op = call->owner;
    struct errmsg why = call->why;
    int err = call->err;

    mapped_call_free(call);
    op->at += op->n;
    op->m->has_before = op->m->has_before && err != 0; /* the queue has moved on */
    if (err != 0) {
        ack_end(op, err, &why);
    } else {
        ack_next(op);
    }
}

static void ack_task(struct loop_task *task)
{
    ack_end(CONTAINER_OF(task, struct ack_op, task), 0, NULL);
}

static void ack_next(struct ack_op *op)
{
    const struct preset *preset = op->m->caller.settings->preset;
    size_t left = op->ack->n_ids - op->at;

    if (left == 0 || !preset->ack.given) {
        loop_defer(op->m->env.loop, &op->task);
        return;
    }
    op->n = preset->ack_batch > 0 && preset->ack_batch < left ? preset->ack_batch : left;
    mapped_call_init(&op->call, &op->m->caller, the_ack, op);
    op->call.values.ids = op->ack->ids + op->at;
    op->call.values.n_ids = op->n;
    op->call.values.id = op->ack->ids[op->at];
    op->call.done = ack_done;
    mapped_call_start(&op->call);
}

void mapped_ack_verb(struct adapter *a, struct adapter_ack *ack)
{
    struct mapped *m = mapped_self(a);
    struct ack_op *op = op_new(sizeof(*op));

    op->m = m;
    op->ack = ack;
    loop_task_init(&op->task, ack_task);
    m->n_open++;
    ack_next(op);
}

/* ---- list ---- */

struct list_op {
    struct mapped *m;
    struct adapter_list *list;
    struct mapped_call call;
    uint64_t page;
    size_t first_rows; /* of the first page */
    struct loop_task task;
    int err;
    struct errmsg why;
};

static const struct preset_call *the_catalog(const struct preset *preset)
{
    return &preset->catalog;
}

static void list_end(struct list_op *op, int err, const struct errmsg *why)
{
    struct mapped *m = op->m;
    struct adapter_list *list = op->list;

    list->err = err == ERR_NOTFOUND ? ERR_REMOTE : err;
    if (why != NULL) {
        list->why = *why;
    }
    m->n_open++; /* the callback may free the instance */
    list->done(list);
    free(op);
    m->n_open--;
    mapped_ended(m);
}

static void list_task(struct loop_task *task)
{
    struct list_op *op = CONTAINER_OF(task, struct list_op, task);
    struct errmsg why = op->why;

    list_end(op, op->err, &why);
}

static int deliver(struct list_op *op, const struct mapping_node *node, struct errmsg *msg)
{
    const struct preset *preset = op->call.settings->preset;
    struct record record = {.kind = RECORD_PROCEDURE};
    struct procedure procedure;
    struct arena arena;
    int err;

    arena_init(&arena, CATALOG_MAX);
    err = mapping_procedure(preset, op->call.doc, node, &arena, &record, msg);
    if (err == 0) {
        err = record_to_procedure(record.body, record.body_len, &arena, &procedure, msg);
    }
    if (err == 0) {
        op->list->n_rows++;
        op->list->row(op->list, &record, procedure.name, procedure.active);
    }
    arena_free(&arena);
    return err;
}

static bool pages(const struct preset_call *call)
{
    static const char *const names[] = {"page", "offset", "end"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (mapped_template_uses(&call->url, names[i]) ||
            mapped_template_uses(&call->body, names[i])) {
            return true;
        }
    }
    return false;
}

static void list_next(struct list_op *op);

static void list_done(struct mapped_call *call)
{
    struct list_op *op = call->owner;
    struct errmsg why = call->why;
    struct mapped_page *told = NULL;
    size_t n = 0;
    int err = call->err;
    bool more;

    if (err == 0) {
        told = mapped_page_new(call->settings, call->what);
        err = told != NULL ? 0 : err_set(&why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    for (const struct mapping_node *node = err == 0 ? mapping_first(call->doc, call->what->rows)
                                                    : NULL;
         node != NULL && err == 0; node = mapping_next(node)) {
        n++;
        err = deliver(op, node, &why);
    }
    if (err == 0) {
        mapped_page_read_facts(told, call->doc);
    }
    op->first_rows = op->page == 0 ? n : op->first_rows;
    more = err == 0 && n > 0 && pages(call->what) && !told->is_last &&
           (!told->has_total || op->list->n_rows < told->total) &&
           (op->page == 0 || n >= op->first_rows) && op->page < CATALOG_PAGES_MAX;
    mapped_page_unref(told);
    mapped_call_free(call);
    if (more) {
        op->page++;
        list_next(op);
        return;
    }
    list_end(op, err, &why);
}

static void list_next(struct list_op *op)
{
    const struct mapped_settings *s = op->m->caller.settings;
    struct mapped_values *v = &op->call.values;

    mapped_call_init(&op->call, &op->m->caller, the_catalog, op);
    v->size = s->cursor.size;
    v->page = op->page + (s->cursor.first_page_is_1 ? 1 : 0);
    v->offset = op->page * v->size;
    v->end = v->offset + v->size;
    op->call.delay_ms = op->page > 0 ? s->preset->cursor.page_delay_ms : 0;
    op->call.done = list_done;
    mapped_call_start(&op->call);
}

void mapped_list_verb(struct adapter *a, struct adapter_list *list)
{
    struct mapped *m = mapped_self(a);
    struct list_op *op = op_new(sizeof(*op));

    op->m = m;
    op->list = list;
    list->n_rows = 0;
    loop_task_init(&op->task, list_task);
    m->n_open++;
    if (list->kind != RECORD_PROCEDURE || !m->caller.settings->preset->catalog.given) {
        op->err = err_set(&op->why, ERR_UNSUPPORTED,
                          "the preset has no `call catalog`: nothing can be listed");
        loop_defer(m->env.loop, &op->task);
        return;
    }
    list_next(op);
}
