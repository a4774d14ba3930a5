/* Looking at in/, page by page: a file counts once it has settled. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/spool_impl.h"

/* ---- two looks ---- */

void spool_look_free(struct spool_look *look)
{
    free(look->before);
    free(look->now);
    *look = (struct spool_look){0};
}

int spool_look_again(struct spool_look *look, const struct spool_dir *d, const char *after,
                     size_t max, struct errmsg *msg)
{
    struct spool_entry *entries = malloc(max * sizeof(*entries));
    int err;

    if (entries == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    free(look->before);
    look->before = look->now;
    look->n_before = look->n_now;
    look->now = entries;
    err = spool_dir_list(d, SPOOL_IN, after, entries, max, &look->n_now, &look->more,
                         &look->ignored, msg);
    if (err != 0) {
        look->n_now = 0;
    }
    return err;
}

static bool same_before(const struct spool_look *look, const struct spool_entry *entry)
{
    for (size_t i = 0; i < look->n_before; i++) {
        const struct spool_entry *b = &look->before[i];

        if (strcmp(b->name, entry->name) == 0) {
            return memcmp(b->hash, entry->hash, sizeof(b->hash)) == 0;
        }
    }
    return false;
}

bool spool_look_settled(const struct spool_look *look, const struct spool_entry *entry,
                        int64_t wall_s)
{
    if (entry->changed_ns / 1000000000 + SPOOL_OLD_S < wall_s) {
        return true;
    }
    return !entry->linked && same_before(look, entry);
}

/* ---- poll ---- */

struct poll_op {
    struct spool_op op; /* first */
    struct adapter_poll *poll;
    struct spool_look look;
    char after[SPOOL_NAME_SIZE];
    size_t max;
    bool second; /* look */
    struct loop_timer timer;
};

static void end(struct poll_op *p, const struct adapter_row *rows, size_t n)
{
    struct adapter_poll *poll = p->poll;
    struct spool *s = p->op.s;

    poll->err = p->op.err;
    poll->why = p->op.why;
    poll->rows = rows;
    poll->n_rows = n;
    poll->next_cursor = "";
    poll->more = p->op.err == 0 && p->look.more;
    poll->full_done = p->op.err == 0 && !p->look.more;
    s->polling = false;
    spool_op_close(&p->op);
    poll->done(poll); /* may free the adapter */
    spool_look_free(&p->look);
    spool_op_free(&p->op);
}

static void end_with_rows(struct poll_op *p)
{
    struct spool *s = p->op.s;
    int64_t wall_s = loop_wall_s(s->env.loop);
    struct adapter_row *rows = arena_alloc(&p->op.arena, (p->look.n_now + 1) * sizeof(*rows));
    size_t n = 0;

    if (rows == NULL) {
        p->op.err = err_set(&p->op.why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
        end(p, NULL, 0);
        return;
    }
    for (size_t i = 0; i < p->look.n_now; i++) {
        const struct spool_entry *e = &p->look.now[i];

        if (spool_look_settled(&p->look, e, wall_s)) {
            rows[n].id = e->name;
            memcpy(rows[n].hash, e->hash, sizeof(rows[n].hash));
            spool_know(s, e->name, &e->identity, false);
            n++;
        }
    }
    s->after[0] = '\0';
    if (p->look.more) {
        memcpy(s->after, p->look.now[p->look.n_now - 1].name, sizeof(s->after));
    }
    s->files_ignored = p->look.ignored;
    end(p, rows, n);
}

static bool all_settled(const struct poll_op *p)
{
    int64_t wall_s = loop_wall_s(p->op.s->env.loop);

    for (size_t i = 0; i < p->look.n_now; i++) {
        if (!spool_look_settled(&p->look, &p->look.now[i], wall_s)) {
            return false;
        }
    }
    return true;
}

static void looked(struct spool_op *op)
{
    struct poll_op *p = CONTAINER_OF(op, struct poll_op, op);

    if (op->err != 0) {
        end(p, NULL, 0);
    } else if (p->second || all_settled(p)) {
        end_with_rows(p);
    } else {
        p->second = true;
        loop_timer_start(op->s->env.loop, &p->timer, SPOOL_SETTLE_MS);
    }
}

static void timer_fired(struct loop_timer *timer)
{
    spool_op_start(&CONTAINER_OF(timer, struct poll_op, timer)->op);
}

static void look_run(struct spool_op *op)
{
    struct poll_op *p = CONTAINER_OF(op, struct poll_op, op);

    op->err = spool_look_again(&p->look, &op->s->dir, p->after, p->max, &op->why);
}

void spool_poll_verb(struct adapter *a, struct adapter_poll *poll)
{
    struct spool *s = spool_self(a);
    struct poll_op *p = spool_op_new(s, sizeof(*p), look_run, looked);

    assert(!s->polling);
    s->polling = true;
    p->poll = poll;
    p->max = s->settings->source.page_size;
    if (p->max == 0 || p->max > SPOOL_PAGE_MAX) {
        p->max = SPOOL_PAGE_MAX;
    }
    if (poll->full) {
        s->after[0] = '\0';
    }
    memcpy(p->after, s->after, sizeof(p->after));
    loop_timer_init(&p->timer, timer_fired);
    spool_op_start(&p->op);
}
