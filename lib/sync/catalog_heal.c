/* catalog_heal: records of the mirror that the sink has lost or changed since it took them, handed
 * over once more: ordinary items, sent by the flow's pusher like all others. */
#include <stdio.h>
#include <string.h>

#include "sync/catalog_impl.h"

static void ask_row(struct catalog_heal *h);

static void end(struct catalog_heal *h, int err, const char *why)
{
    h->err = err;
    if (err != 0) {
        (void)err_set(&h->why, err, "%s", why);
    }
    journal_append_free(&h->append);
    h->catalog->healing--;
    catalog_kick(h->catalog); /* a stop waits for it */
    h->done(h);
}

static void appended(struct journal_op *op)
{
    struct catalog_heal *h = CONTAINER_OF(op, struct catalog_heal, append.op);
    struct catalog *c = h->catalog;

    if (op->err == 0) {
        h->stored = h->append.stored;
        h->unchanged = h->append.unchanged;
        h->held = h->append.held;
        c->told_again = c->told_again || h->stored > 0;
        c->appended(c->ctx);
    }
    end(h, op->err, catalog_words(&op->why, op->err));
}

static void row_read(struct journal_op *op)
{
    struct catalog_heal *h = CONTAINER_OF(op, struct catalog_heal, page.op);
    int err = op->err;

    if (err == 0 && h->page.n == 0) {
        h->unknown++;
    } else if (err == 0) {
        err = catalog_hand_row(h->catalog, &h->page.rows[0], &h->append);
    }
    mirror_list_free(&h->page);
    if (err != 0) {
        end(h, err, catalog_words(&op->why, err));
        return;
    }
    h->at++;
    ask_row(h);
}

static void ask_row(struct catalog_heal *h)
{
    struct catalog *c = h->catalog;

    if (h->at == h->n) {
        h->append.now_ms = (uint64_t)loop_wall_ms(c->env->loop);
        h->append.again = true;
        h->append.op.done = appended;
        journal_append(c->env->journal, &h->append);
        return;
    }
    h->page.op.done = row_read;
    h->page.kind = RECORD_PROCEDURE;
    h->page.after[0] = '\0';
    h->page.only = h->codes[h->at];
    h->page.limit = 1;
    h->page.with_body = true;
    mirror_list(c->env->journal, &h->page);
}

static void refused(struct loop_task *task)
{
    struct catalog_heal *h = CONTAINER_OF(task, struct catalog_heal, task);

    end(h, ERR_STATE, "the flow is not live: nothing would be sent");
}

void catalog_heal(struct catalog *c, struct catalog_heal *h)
{
    h->catalog = c;
    h->at = 0;
    h->stored = 0;
    h->unchanged = 0;
    h->unknown = 0;
    h->held = 0;
    memset(&h->why, 0, sizeof(h->why));
    c->healing++;
    journal_append_init(&h->append, c->flow);
    if (c->sink == NULL || !c->live || c->stopping) {
        loop_task_init(&h->task, refused);
        loop_defer(c->env->loop, &h->task);
        return;
    }
    ask_row(h);
}
