/* The local product's catalogue: every ServiceInfo in catalog/, single or inside of a zip, as the
 * rows that agreement is judged by. A worker reads some procedures, the loop hands them on, and so
 * forth: a catalogue is never in memory as a whole. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapter/opencps_impl.h"
#include "adapter/spool_impl.h"
#include "adapter/spool_zip.h"
#include "domain/codes.h"
#include "domain/map.h"

#define BATCH 50               /* procedures between two turns of the loop */
#define CATALOG_FILES_MAX 5000 /* in the folder */
#define FILE_MAX (32u << 20)   /* bytes of one of them */

struct list_op {
    struct spool_op op; /* first; its arena holds the batch */
    struct adapter_list *list;
    struct spool_entry *entries; /* owned */
    size_t n_entries, next;
    bool listed;
    char *bytes; /* owned: the zip at work; NULL none */
    struct spool_zip zip;
    struct opencps_service batch[BATCH];
    size_t n_batch;
};

static int read_one(struct list_op *l, const char *bytes, size_t n, const char *what)
{
    int err = spool_read_service(bytes, n, &l->op.arena, &l->batch[l->n_batch], &l->op.why);

    if (err != 0) {
        return err_wrap(&l->op.why, err, "catalog/%.150s", what);
    }
    l->n_batch++;
    return 0;
}

static int open_file(struct list_op *l)
{
    const char *name = l->entries[l->next].name;
    const char *end = strrchr(name, '.');
    struct spool_identity identity;
    size_t n;
    int err;

    l->next++;
    if (strcasecmp(end, ".json") == 0) {
        return 0; /* not the form of a catalogue */
    }
    err = spool_dir_read(&l->op.s->dir, SPOOL_CATALOG, name, FILE_MAX, &l->bytes, &n, &identity,
                         &l->op.why);
    if (err != 0) {
        return err == ERR_NOTFOUND ? ERR_BUSY : err;
    }
    if (strcasecmp(end, ".zip") == 0) {
        l->zip = (struct spool_zip){.bytes = l->bytes, .n = n};
        return spool_zip_begin(&l->zip, &l->op.why);
    }
    err = read_one(l, l->bytes, n, name);
    free(l->bytes);
    l->bytes = NULL;
    return err;
}

/* One entry of the zip at work. */
static int read_entry(struct list_op *l)
{
    struct spool_zip_entry entry;
    char *text;
    int err = spool_zip_next(&l->zip, &entry, &l->op.why);

    if (err == ERR_NOTFOUND) {
        free(l->bytes);
        l->bytes = NULL;
        return 0;
    }
    if (err != 0 || !spool_is_service(entry.name)) {
        return err;
    }
    err = spool_zip_unpack(&l->zip, &entry, &text, &l->op.why);
    if (err == 0) {
        err = read_one(l, text, entry.size, entry.name);
        free(text);
    }
    return err;
}

static int list_files(struct list_op *l)
{
    uint64_t ignored;
    bool more;
    int err;

    l->listed = true;
    l->entries = malloc(CATALOG_FILES_MAX * sizeof(*l->entries));
    if (l->entries == NULL) {
        return err_set(&l->op.why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    err = spool_dir_list(&l->op.s->dir, SPOOL_CATALOG, "", l->entries, CATALOG_FILES_MAX,
                         &l->n_entries, &more, &ignored, &l->op.why);
    if (err == 0 && more) {
        err =
            err_set(&l->op.why, ERR_TOOBIG, "catalog/ holds more than %d files", CATALOG_FILES_MAX);
    }
    return err;
}

static void batch_run(struct spool_op *op)
{
    struct list_op *l = CONTAINER_OF(op, struct list_op, op);

    arena_free(&op->arena);
    arena_init(&op->arena, SPOOL_ARENA_MAX);
    l->n_batch = 0;
    if (!l->listed) {
        op->err = list_files(l);
    }
    while (op->err == 0 && l->n_batch < BATCH && (l->bytes != NULL || l->next < l->n_entries)) {
        op->err = l->bytes != NULL ? read_entry(l) : open_file(l);
    }
}

/* ---- on the loop ---- */

static const char *national_code(const struct spool *s, const char *local, char buffer[CODE_MAX])
{
    const struct map *map = s->env.config->procedure_map;
    const char *mapped = map != NULL ? map_code(map, local, loop_wall_s(s->env.loop)) : NULL;

    if (mapped != NULL) {
        return mapped;
    }
    return code_procedure_national(local, buffer) == 0 ? buffer : local;
}

static int give(struct list_op *l, const struct opencps_service *service)
{
    const struct procedure *found = &service->procedure;
    const struct spool *s = l->op.s;
    struct procedure p = *found;
    struct record record;
    char buffer[CODE_MAX];
    int err;

    p.code = national_code(s, found->code, buffer);
    err = opencps_view(&s->env, &p, &l->op.arena, &record, &l->op.why);
    if (err != 0) {
        return err_wrap(&l->op.why, err, "procedure %.60s", found->code);
    }
    record.local_no = strcmp(found->code, p.code) != 0 ? found->code : "";
    l->list->shown = service->shown;
    l->list->n_rows++;
    l->list->row(l->list, &record, p.name, p.active);
    return 0;
}

static void batch_done(struct spool_op *op)
{
    struct list_op *l = CONTAINER_OF(op, struct list_op, op);
    struct adapter_list *list = l->list;

    for (size_t i = 0; i < l->n_batch && op->err == 0; i++) {
        op->err = give(l, &l->batch[i]);
    }
    if (op->err == 0 && (l->bytes != NULL || l->next < l->n_entries)) {
        spool_op_start(op);
        return;
    }
    list->err = op->err;
    list->why = op->why;
    spool_op_close(op);
    list->done(list); /* may free the adapter */
    free(l->entries);
    free(l->bytes);
    spool_op_free(op);
}

static void refuse_run(struct spool_op *op)
{
    op->err = err_set(&op->why, ERR_UNSUPPORTED, "a spool lists procedures only");
}

void spool_list_verb(struct adapter *a, struct adapter_list *list)
{
    struct spool *s = spool_self(a);
    struct list_op *l = spool_op_new(
        s, sizeof(*l), list->kind == RECORD_PROCEDURE ? batch_run : refuse_run, batch_done);

    l->list = list;
    list->n_rows = 0;
    list->err = 0;
    spool_op_start(&l->op);
}
