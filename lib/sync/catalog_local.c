/* catalog_local: the sink's own list of procedures, page by page into the journal, for the
 * agreement. */
#include <stdlib.h>
#include <string.h>

#include "base/crash_point.h"
#include "sync/catalog_impl.h"

#define PAGE_BYTES (1u << 20)

static void local_settle(struct catalog *c);

static void page_stored(struct journal_op *op)
{
    struct mirror_local *page = CONTAINER_OF(op, struct mirror_local, op);
    struct catalog *c = op->ctx;
    bool last = page->last;

    CRASH_POINT(catalog_local_stored);
    if (op->err != 0 && !c->local_failed) {
        c->local_failed = true;
        c->local_why = op->why;
    }
    c->local_pages--;
    mirror_local_free(page);
    free(page);
    if (last && !c->local_failed) {
        c->local_due = false;
        catalog_end_reading(c);
    } else if (c->local_ended) {
        local_settle(c);
    }
}

static bool open_page(struct catalog *c)
{
    if (c->local == NULL) {
        c->local = malloc(sizeof(*c->local));
        if (c->local != NULL) {
            mirror_local_init(c->local);
            c->local->op.ctx = c;
            c->local->op.done = page_stored;
            c->local->now_ms = c->local_ms;
        }
    }
    return c->local != NULL;
}

static void send_page(struct catalog *c, bool last)
{
    struct mirror_local *page = c->local;

    c->local = NULL;
    c->local_pages++;
    page->last = last;
    mirror_local(c->env->journal, page);
}

static void drop_page(struct catalog *c)
{
    if (c->local != NULL) {
        mirror_local_free(c->local);
        free(c->local);
        c->local = NULL;
    }
}

/* The list has ended. What it did not name goes only after all of its pages are stored. */
static void local_settle(struct catalog *c)
{
    if (c->local_pages > 0) {
        return;
    }
    c->local_ended = false;
    if (!c->local_failed && !open_page(c)) {
        c->local_failed = true;
        (void)err_set(&c->local_why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    if (c->local_failed) {
        drop_page(c);
        catalog_fail(c, "the province's list", catalog_words(&c->local_why, ERR_CANCELED));
        return;
    }
    send_page(c, true);
}

static void local_row(struct adapter_list *list, const struct record *record, const char *name,
                      bool active)
{
    struct catalog *c = CONTAINER_OF(list, struct catalog, list);
    const struct mirror_local_entry entry = {
        .code = record->code,
        .name = name,
        .hash = record->hash,
        .body = record->body,
        .body_len = record->body_len,
        .active = active,
        .level = list->shown.level,
        .processes = list->shown.processes,
        .eforms = list->shown.eforms,
    };

    if (c->local_failed) {
        return;
    }
    if (!open_page(c) || mirror_local_add(c->local, &entry) < 0) {
        c->local_failed = true;
        (void)err_set(&c->local_why, ERR_NOMEM, "a page of it does not fit into memory");
    } else if (c->local->bytes > PAGE_BYTES) {
        send_page(c, false);
    }
}

static void local_done(struct adapter_list *list)
{
    struct catalog *c = CONTAINER_OF(list, struct catalog, list);

    CRASH_POINT(catalog_local_read);
    party_read(c->env, c->sink, list->err, &list->why);
    if (!c->local_failed && (list->err != 0 || c->stopping)) {
        c->local_failed = true;
        c->local_why = list->why;
        if (c->local_why.text[0] == '\0') {
            (void)err_set(&c->local_why, list->err, "%s", err_text(list->err));
        }
    }
    c->local_ended = true;
    local_settle(c);
}

void catalog_read_local(struct catalog *c)
{
    uint64_t now_ms = (uint64_t)loop_wall_ms(c->env->loop);

    if (c->sink == NULL || c->sink->adapter->ops->list == NULL) {
        catalog_end_reading(c);
        return;
    }
    if (catalog_must_wait(c, c->sink)) {
        return;
    }
    c->step = CATALOG_WAIT;
    c->local_due = true; /* until it is stored: a failure comes back to this alone */
    c->local_failed = false;
    c->local_ended = false;
    c->local_ms = now_ms > c->local_ms ? now_ms : c->local_ms + 1; /* no other list's */
    memset(&c->list, 0, sizeof(c->list));
    c->list.kind = RECORD_PROCEDURE;
    c->list.shown = ADAPTER_SHOWN_NOTHING;
    c->list.row = local_row;
    c->list.done = local_done;
    endpoint_begin(&c->sink->endpoint, LANE_CATALOG, loop_now_ms(c->env->loop));
    c->sink->adapter->ops->list(c->sink->adapter, &c->list);
}

void catalog_delivered(struct catalog *c)
{
    if (c->step == CATALOG_REST && (c->read_ms > 0 || c->told_again) && !c->stopping) {
        c->told_again = false;
        loop_timer_stop(&c->timer);
        c->step = CATALOG_LOCAL;
        catalog_kick(c);
    }
}
