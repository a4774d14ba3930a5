#include <inttypes.h>
#include <string.h>

#include "adapter/opencps_impl.h"
#include "domain/codes.h"
#include "domain/map.h"

/* ---- codes of the site ---- */

void opencps_codes_free(struct opencps_codes *codes)
{
    arena_free(&codes->arena);
    codes->list = NULL;
    codes->n = 0;
}

/* Where a national code stands or belongs. */
static size_t place(const struct opencps_codes *codes, const char *national)
{
    size_t low = 0;
    size_t high = codes->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(codes->list[middle].national, national) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool stands_at(const struct opencps_codes *codes, size_t at, const char *national)
{
    return at < codes->n && strcmp(codes->list[at].national, national) == 0;
}

const char *opencps_code_local(const struct opencps *o, const char *national)
{
    size_t at = place(&o->codes, national);

    return stands_at(&o->codes, at, national) ? o->codes.list[at].local : national;
}

/* The national code for one of the site; borrowed. national holds CODE_MAX bytes. */
static const char *code_national(const struct opencps *o, const char *local, char *national)
{
    const struct map *map = o->env.config->procedure_map;
    const char *mapped = map != NULL ? map_code(map, local, loop_wall_s(o->env.loop)) : NULL;

    if (mapped != NULL) {
        return mapped;
    }
    return code_procedure_national(local, national) == 0 ? national : local;
}

/* Adds a pair; *known: the national code stood there already. The bare code wins over one with a
 * suffix. */
static int codes_add(struct opencps_codes *codes, const char *national, const char *local,
                     bool *known)
{
    size_t at = place(codes, national);
    struct opencps_code code;

    *known = stands_at(codes, at, national);
    if (*known && strcmp(national, local) != 0) {
        return 0;
    }
    if (!*known && codes->n == OPENCPS_CODES_MAX) {
        return ERR_TOOBIG;
    }
    code.national = arena_strdup(&codes->arena, national);
    code.local = arena_strdup(&codes->arena, local);
    if (code.national == NULL || code.local == NULL) {
        return ERR_NOMEM;
    }
    if (!*known) {
        memmove(codes->list + at + 1, codes->list + at, (codes->n - at) * sizeof(*codes->list));
        codes->n++;
    }
    codes->list[at] = code;
    return 0;
}

static int codes_init(struct opencps_codes *codes)
{
    arena_init(&codes->arena, OPENCPS_ARENA_MAX);
    codes->n = 0;
    codes->list = arena_alloc(&codes->arena, OPENCPS_CODES_MAX * sizeof(*codes->list));
    return codes->list != NULL ? 0 : ERR_NOMEM;
}

/* ---- list ---- */

#define TRIES 3 /* calls for one record: one slip in 2,000 must not undo the whole list */

struct list_op {
    struct opencps_op op; /* first; its arena holds the page */
    struct adapter_list *list;
    uint32_t start, page_size;
    int64_t total; /* of the first page */
    struct opencps_services page;
    size_t row;                    /* the next one of the page */
    unsigned tries;                /* of the row that is read by itself */
    struct arena one;              /* what is read and made of one row */
    struct opencps_service single; /* read by itself, when its row had no texts */
    struct opencps_codes codes;
};

static void end(struct list_op *l, int err, const struct errmsg *why)
{
    struct adapter_list *list = l->list;

    list->err = err;
    memset(&list->why, 0, sizeof(list->why));
    if (err != 0) {
        list->why = *why;
        opencps_codes_free(&l->codes);
    } else {
        opencps_codes_free(&l->op.o->codes);
        l->op.o->codes = l->codes;
    }
    arena_free(&l->one);
    opencps_op_close(&l->op);
    list->done(list); /* may free the adapter */
    opencps_op_free(&l->op);
}

static void end_with(struct list_op *l, int err, const char *words)
{
    struct errmsg why = {""};

    err_set(&why, err, "%s", words);
    end(l, err, &why);
}

static void go_on(struct list_op *l);
static void ask_single(struct list_op *l, const char *local);

/* One row to the caller, as the site's own view of a procedure; without texts a row is a code and a
 * name. */
static int give_row(struct list_op *l, const struct opencps_service *service, const char *national,
                    struct errmsg *msg)
{
    const char *local = service->procedure.code;
    struct record record = {
        .kind = RECORD_PROCEDURE, .code = national, .local_no = "", .step_key = ""};
    int err = 0;

    if (service->whole) {
        struct procedure p = service->procedure;

        p.code = national;
        err = opencps_view(&l->op.o->env, &p, &l->one, &record, msg);
    }
    if (err != 0) {
        return err_wrap(msg, err, "procedure %s", local);
    }
    record.local_no = strcmp(local, national) != 0 ? local : "";
    l->list->shown = service->shown;
    l->list->n_rows++;
    l->list->row(l->list, &record, service->procedure.name, service->procedure.active);
    return 0;
}

static int single_read(struct opencps_call *call, const struct opencps_doc *doc, struct errmsg *msg)
{
    struct list_op *l = CONTAINER_OF(call, struct list_op, op.call);
    int err = opencps_read_service(doc, &l->one, &l->single, msg);

    if (err == 0 && strcmp(l->single.procedure.code, l->page.list[l->row].procedure.code) != 0) {
        err = err_set(msg, ERR_FORMAT, "the answer is about another procedure");
    }
    return err;
}

static void single_done(struct opencps_call *call)
{
    struct list_op *l = CONTAINER_OF(call, struct list_op, op.call);
    char buffer[CODE_MAX];
    struct errmsg why = call->why;
    int err = call->err;

    if (l->op.canceled) {
        end_with(l, ERR_CANCELED, err_text(ERR_CANCELED));
        return;
    }
    if ((err == ERR_REMOTE || err == ERR_FORMAT) && ++l->tries < TRIES) {
        ask_single(l, l->page.list[l->row].procedure.code);
        return;
    }
    if (err == 0) {
        const char *national = code_national(l->op.o, l->single.procedure.code, buffer);

        l->single.whole = true; /* a record leaves out what is empty */
        err = give_row(l, &l->single, national, &why);
    }
    if (err != 0) {
        end(l, err == ERR_NOTFOUND ? ERR_REMOTE : err, &why); /* it went while the list was read */
        return;
    }
    l->tries = 0;
    l->row++;
    go_on(l);
}

static void ask_single(struct list_op *l, const char *local)
{
    struct opencps_call *call = &l->op.call;

    opencps_call_clear(call);
    buf_puts(&call->path, "/serviceinfos/");
    buf_put_form(&call->path, local);
    call->read = single_read;
    call->done = single_done;
    opencps_call_start(&l->op.o->wire, call);
}

static int page_read(struct opencps_call *call, const struct opencps_doc *doc, struct errmsg *msg)
{
    struct list_op *l = CONTAINER_OF(call, struct list_op, op.call);

    return opencps_read_services(doc, l->page_size, &l->op.arena, &l->page, msg);
}

static void page_done(struct opencps_call *call)
{
    struct list_op *l = CONTAINER_OF(call, struct list_op, op.call);

    if (l->op.canceled) {
        end_with(l, ERR_CANCELED, err_text(ERR_CANCELED));
    } else if (call->err != 0) {
        struct errmsg why = call->why;

        end(l, call->err == ERR_NOTFOUND ? ERR_REMOTE : call->err, &why);
    } else if (l->start > 0 && l->page.total != l->total) {
        end_with(l, ERR_REMOTE, "the list of procedures changed while it was read");
    } else {
        l->total = l->page.total;
        l->start += l->page_size;
        l->row = 0;
        go_on(l);
    }
}

static void ask_page(struct list_op *l)
{
    struct opencps_call *call = &l->op.call;

    arena_free(&l->op.arena);
    arena_init(&l->op.arena, OPENCPS_ARENA_MAX);
    opencps_call_clear(call);
    buf_printf(&call->path, "/serviceinfos?start=%" PRIu32 "&end=%" PRIu32, l->start,
               l->start + l->page_size);
    call->read = page_read;
    call->done = page_done;
    opencps_call_start(&l->op.o->wire, call);
}

/* Gives rows until one must be read by itself first, then the next page, then the end. */
static void go_on(struct list_op *l)
{
    for (; l->row < l->page.n; l->row++) {
        const struct opencps_service *service = &l->page.list[l->row];
        const char *local = service->procedure.code;
        char buffer[CODE_MAX];
        const char *national = code_national(l->op.o, local, buffer);
        struct errmsg why = {""};
        bool known;
        int err = codes_add(&l->codes, national, local, &known);

        arena_free(&l->one);
        arena_init(&l->one, OPENCPS_ARENA_MAX);
        if (err == 0 && known) {
            continue;
        }
        if (err == 0 && !service->whole && code_is_procedure(national)) {
            ask_single(l, local);
            return;
        }
        err = err != 0 ? err_set(&why, err, "procedure %s: %s", local, err_text(err))
                       : give_row(l, service, national, &why);
        if (err != 0) {
            end(l, err, &why);
            return;
        }
    }
    if ((int64_t)l->start < l->total) {
        ask_page(l);
    } else {
        end(l, 0, NULL);
    }
}

static void task_run(struct loop_task *task)
{
    struct list_op *l = CONTAINER_OF(task, struct list_op, op.task);

    if (l->op.canceled) {
        end_with(l, ERR_CANCELED, err_text(ERR_CANCELED));
    } else if (l->list->kind != RECORD_PROCEDURE) {
        end_with(l, ERR_UNSUPPORTED, "OpenCPS lists procedures only");
    } else if (codes_init(&l->codes) != 0) {
        end_with(l, ERR_NOMEM, err_text(ERR_NOMEM));
    } else {
        ask_page(l);
    }
}

void opencps_list_verb(struct adapter *a, struct adapter_list *list)
{
    struct opencps *o = opencps_self(a);
    struct list_op *l = opencps_op_new(o, sizeof(*l), task_run);

    l->list = list;
    l->page_size = opencps_source(o)->page_size;
    if (l->page_size == 0 || l->page_size > OPENCPS_PAGE_MAX) {
        l->page_size = OPENCPS_PAGE_MAX;
    }
    list->n_rows = 0;
    list->err = 0;
    arena_init(&l->one, OPENCPS_ARENA_MAX);
    arena_init(&l->codes.arena, OPENCPS_ARENA_MAX);
    l->op.call.method = "GET";
    loop_defer(o->env.loop, &l->op.task);
}
