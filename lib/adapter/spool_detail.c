/* One file as records, and what becomes of the file after it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/spool_impl.h"
#include "base/crash_point.h"
#include "domain/vntime.h"

/* ---- detail ---- */

struct detail_op {
    struct spool_op op; /* first */
    struct adapter_detail *detail;
    bool may_move; /* off for a mere look from the command line */
    struct spool_identity identity;
    struct spool_records records;
    bool moved_bad;
};

static bool is_name(const char *id)
{
    return id[0] != '\0' && id[0] != '.' && strlen(id) < SPOOL_NAME_SIZE && strchr(id, '/') == NULL;
}

/* The file itself is at fault, not the moment. */
static bool is_fault(int err)
{
    return err == ERR_FORMAT || err == ERR_TOOBIG;
}

static void move_bad(struct detail_op *d)
{
    struct spool_op *op = &d->op;
    struct errmsg why = {""};
    char reason[1024];
    int err;

    snprintf(reason, sizeof(reason),
             "file: %s\nwhat is wrong: %s\nremedy: mend the file, or what writes it, and rename it "
             "into in/ again\n",
             d->detail->id, op->why.text);
    CRASH_POINT(spool_bad_before);
    err = spool_dir_bad(&op->s->dir, d->detail->id, &d->identity, reason, &why);
    CRASH_POINT(spool_bad_moved);
    d->moved_bad = err == 0;
    if (err != 0 && err != ERR_NOTFOUND) {
        op->err = err; /* owed until it can be moved */
        op->why = why;
    } else {
        op->err = ERR_UNSUPPORTED;
    }
}

static void move_catalog(struct detail_op *d)
{
    struct spool_op *op = &d->op;

    op->err =
        d->may_move ? spool_dir_catalog(&op->s->dir, d->detail->id, &d->identity, &op->why) : 0;
    if (op->err == 0) {
        op->err = err_set(&op->why, ERR_UNSUPPORTED,
                          "a piece of the catalogue: it belongs into catalog/");
    }
}

static void detail_run(struct spool_op *op)
{
    struct detail_op *d = CONTAINER_OF(op, struct detail_op, op);
    const struct spool_settings *s = op->settings;
    struct spool_how how = {.source = &s->source,
                            .preset = s->preset,
                            .statuses = s->statuses,
                            .other = national_other_find(d->detail->kind)};
    char *bytes = NULL;
    size_t n;

    op->err =
        spool_dir_read(&op->s->dir, SPOOL_IN, d->detail->id, (size_t)s->source.reply_limit_bytes,
                       &bytes, &n, &d->identity, &op->why);
    if (op->err == 0) {
        how.file_s = d->identity.modified_ns / 1000000000;
        op->err = spool_read(&how, d->detail->id, bytes, n, &op->arena, &d->records, &op->why);
    } else if (op->err == ERR_FORMAT &&
               spool_dir_identity(&op->s->dir, d->detail->id, &d->identity) != 0) {
        op->err = ERR_NOTFOUND;
    }
    free(bytes);
    if (is_fault(op->err)) {
        op->err = ERR_UNSUPPORTED;
        if (d->may_move) {
            move_bad(d);
        }
    } else if (op->err == 0 && d->records.catalog) {
        move_catalog(d);
    }
}

static void detail_done(struct spool_op *op)
{
    struct detail_op *d = CONTAINER_OF(op, struct detail_op, op);
    struct adapter_detail *detail = d->detail;

    op->s->files_bad += d->moved_bad;
    if (op->err == 0) {
        spool_know(op->s, detail->id, &d->identity, true);
    }
    if (op->err == 0 && d->records.n == 0) {
        op->err = err_set(&op->why, ERR_UNSUPPORTED,
                          "it holds nothing but dossiers that are not to be sent");
    }
    detail->err = op->err;
    detail->why = op->why;
    detail->records = op->err == 0 ? d->records.list : NULL;
    detail->n_records = op->err == 0 ? d->records.n : 0;
    spool_op_close(op);
    detail->done(detail); /* may free the adapter */
    spool_records_free(&d->records);
    spool_op_free(op);
}

static void refuse_run(struct spool_op *op)
{
    op->err = err_set(&op->why, ERR_UNSUPPORTED, "a spool has no such records");
}

void spool_detail_verb(struct adapter *a, struct adapter_detail *detail)
{
    struct spool *s = spool_self(a);
    bool fine = (detail->kind == RECORD_DOSSIER || national_other_find(detail->kind) != NULL) &&
                is_name(detail->id);
    struct detail_op *d = spool_op_new(s, sizeof(*d), fine ? detail_run : refuse_run, detail_done);

    d->detail = detail;
    d->may_move = s->env.serve != NULL; /* adapter.h: NULL on the command line */
    spool_op_start(&d->op);
}

/* ---- ack ---- */

struct ack_op {
    struct spool_op op; /* first */
    struct adapter_ack *ack;
    struct spool_known *files; /* in the arena */
    size_t n;
    size_t moved;
    char day[16];
};

static void ack_run(struct spool_op *op)
{
    struct ack_op *k = CONTAINER_OF(op, struct ack_op, op);

    for (size_t i = 0; i < k->n; i++) {
        struct errmsg why = {""};
        int err;

        CRASH_POINT(spool_done_before);
        err = spool_dir_done(&op->s->dir, k->files[i].name, &k->files[i].identity, k->day, &why);
        CRASH_POINT(spool_done_moved);
        k->moved += err == 0;
        if (err != 0 && err != ERR_NOTFOUND && op->err == 0) {
            op->err = err; /* it stays in in/, and is acknowledged again with the next poll */
            op->why = why;
        }
    }
}

static void ack_done(struct spool_op *op)
{
    struct ack_op *k = CONTAINER_OF(op, struct ack_op, op);
    struct adapter_ack *ack = k->ack;

    for (size_t i = 0; i < k->n && op->err != ERR_CANCELED; i++) {
        spool_forget(op->s, k->files[i].name);
    }
    op->s->files_done += k->moved;
    ack->err = op->err;
    ack->why = op->why;
    spool_op_close(op);
    ack->done(ack); /* may free the adapter */
    spool_op_free(op);
}

void spool_ack_verb(struct adapter *a, struct adapter_ack *ack)
{
    struct spool *s = spool_self(a);
    struct ack_op *k = spool_op_new(s, sizeof(*k), ack_run, ack_done);

    k->ack = ack;
    k->files = arena_alloc(&k->op.arena, (ack->n_ids + 1) * sizeof(*k->files));
    (void)vntime_format(loop_wall_s(s->env.loop), "yyyy-MM-dd", k->day, sizeof(k->day));
    for (size_t i = 0; i < ack->n_ids && k->files != NULL; i++) {
        const struct spool_known *known = spool_known_find(s, ack->ids[i]);

        if (known != NULL) {
            k->files[k->n++] = *known;
        }
    }
    spool_op_start(&k->op);
}
