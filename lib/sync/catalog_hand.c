/* catalog_hand: what the sink of a catalogue gets: mirror rows handed over as items, and what it
 * can hold of each. */
#include <stdio.h>
#include <string.h>

#include "base/crash_point.h"
#include "base/digest.h"
#include "sync/catalog_impl.h"

/* ---- hand over to the sink ---- */

/* A withdrawn procedure is another state of the same record: its own digest, its own flag. */
static void mark_withdrawn(struct journal_record *r)
{
    struct digest d;

    r->flags |= ITEM_FLAG_WITHDRAWN;
    if (digest_begin(&d) == 0) {
        digest_add(&d, r->record.hash, sizeof(r->record.hash));
        digest_add_field(&d, "withdrawn");
        digest_end(&d, r->record.hash);
    }
}

static void reduce_next(struct catalog *c);

static void reduced_done(struct journal_op *op)
{
    struct catalog *c = CONTAINER_OF(op, struct catalog, reduced.op);

    if (op->err != 0) {
        mirror_list_free(&c->page);
        catalog_fail(c, "compare", op->why.text);
        return;
    }
    reduce_next(c);
}

/* What the sink can hold of each changed record, row by row: agreement compares that. */
static void reduce_next(struct catalog *c)
{
    while (c->reduce_row < c->page.n) {
        const struct mirror_row *row = &c->page.rows[c->reduce_row++];
        struct record record = {.kind = RECORD_PROCEDURE,
                                .code = row->code,
                                .local_no = "",
                                .step_key = "",
                                .body = row->body,
                                .body_len = row->body_len};
        struct adapter_check check = {.record = &record};

        c->sink->adapter->ops->check(c->sink->adapter, &check);
        if (check.err != 0) {
            mirror_list_free(&c->page);
            catalog_fail(c, "compare", err_text(check.err));
            return;
        }
        if (!check.has_held_hash ||
            (row->has_local_hash && memcmp(row->local_hash, check.held_hash, 32) == 0)) {
            continue;
        }
        c->reduced.op.done = reduced_done;
        c->reduced.kind = RECORD_PROCEDURE;
        (void)snprintf(c->reduced.code, sizeof(c->reduced.code), "%s", row->code);
        memcpy(c->reduced.hash, check.held_hash, sizeof(c->reduced.hash));
        (void)snprintf(c->reduced.lacks, sizeof(c->reduced.lacks), "%.250s", check.reason);
        mirror_reduced(c->env->journal, &c->reduced);
        return;
    }
    {
        bool last = c->page.n < CATALOG_PAGE_ROWS;

        mirror_list_free(&c->page);
        if (!last && !c->stopping) {
            catalog_ask_hand(c);
            return;
        }
    }
    c->read_ms = (uint64_t)loop_wall_ms(c->env->loop);
    c->appended(c->ctx);
    if (c->handed > 0 && c->live) {
        /* its list would change while it is read: catalog_delivered comes back to it */
        catalog_finished(c);
    } else {
        c->step = CATALOG_LOCAL;
        catalog_kick(c);
    }
}

static void handed(struct journal_op *op)
{
    struct catalog *c = CONTAINER_OF(op, struct catalog, append.op);

    CRASH_POINT(catalog_handed);
    c->handed += c->append.stored;
    journal_append_free(&c->append);
    if (op->err != 0) {
        mirror_list_free(&c->page);
        catalog_fail(c, "hand over", op->why.text);
        return;
    }
    c->reduce_row = 0;
    reduce_next(c);
}

int catalog_hand_row(struct catalog *c, const struct mirror_row *row, struct journal_append *append)
{
    struct journal_record r = {.record = {.kind = RECORD_PROCEDURE,
                                          .code = row->code,
                                          .local_no = "",
                                          .step_key = "",
                                          .at_s = (int64_t)(row->changed_ms / 1000),
                                          .body = row->body,
                                          .body_len = row->body_len}};
    struct adapter_check check = {.record = &r.record};

    c->sink->adapter->ops->check(c->sink->adapter, &check);
    /* What the sink can hold decides whether it must be told again. */
    memcpy(r.record.hash, check.has_held_hash ? check.held_hash : row->hash, sizeof(r.record.hash));
    if (!row->active) {
        mark_withdrawn(&r);
    }
    r.hold = check.hold;
    r.reason = check.reason;
    return check.err != 0 ? check.err : journal_append_add(append, &r);
}

static void hand_page(struct journal_op *op)
{
    struct catalog *c = CONTAINER_OF(op, struct catalog, page.op);
    int err = op->err;

    journal_append_init(&c->append, c->flow);
    for (size_t i = 0; i < c->page.n && err == 0; i++) {
        err = catalog_hand_row(c, &c->page.rows[i], &c->append);
        (void)snprintf(c->page_after, sizeof(c->page_after), "%s", c->page.rows[i].code);
    }
    if (err != 0) {
        journal_append_free(&c->append);
        mirror_list_free(&c->page);
        catalog_fail(c, "hand over", catalog_words(&op->why, err));
        return;
    }
    c->append.now_ms = (uint64_t)loop_wall_ms(c->env->loop);
    c->append.op.done = handed;
    journal_append(c->env->journal, &c->append);
}

void catalog_ask_hand(struct catalog *c)
{
    c->step = CATALOG_WAIT;
    c->page.op.done = hand_page;
    c->page.kind = RECORD_PROCEDURE;
    (void)snprintf(c->page.after, sizeof(c->page.after), "%s", c->page_after);
    c->page.limit = CATALOG_PAGE_ROWS;
    c->page.with_body = true;
    mirror_list(c->env->journal, &c->page);
}
