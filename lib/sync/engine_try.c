/* engine_try: one reading of a source for a person, for `dvcsyncctl source try`.
 *
 *   open an adapter -> poll -> detail of each row, one after the other -> close it -> done */
#include <stdlib.h>
#include <string.h>

#include "sync/engine_impl.h"

#define BODY_BYTES_MAX (4u << 20)
#define CLOSING_LOOK_MS 250
#define EMPTY_PAGES_MS UINT64_C(60000) /* windows of days before the first dossier */

struct try_run {
    struct engine *engine;
    struct engine_try *try;
    struct party *sink;    /* of the first flow that reads the source; NULL none */
    enum record_kind kind; /* of what that flow delivers */
    struct adapter *adapter;
    struct adapter_poll poll;
    struct adapter_detail detail;
    char *ids[ENGINE_TRY_ROWS]; /* owned */
    size_t n_ids, at;
    char *cursor; /* behind an empty page; owned */
    uint64_t until_ms;
    bool again; /* the page was empty and there are more */
    struct loop_task next;
    struct loop_timer look; /* whether the engine closes: it does not know this adapter */
};

static void ended(struct try_run *r)
{
    struct engine *e = r->engine;
    struct engine_try *try = r->try;

    loop_timer_stop(&r->look);
    if (r->adapter != NULL) {
        r->adapter->ops->free(r->adapter);
    }
    for (size_t i = 0; i < r->n_ids; i++) {
        free(r->ids[i]);
    }
    free(r->cursor);
    free(r);
    e->probes--;
    engine_check_closed(e);
    try->done(try); /* may free the try */
}

static void poll_done(struct adapter_poll *poll);

static void poll_page(struct try_run *r)
{
    memset(&r->poll, 0, sizeof(r->poll));
    r->poll.kind = r->kind;
    r->poll.cursor = r->cursor != NULL ? r->cursor : "";
    r->poll.done = poll_done;
    r->adapter->ops->poll(r->adapter, &r->poll);
}

/* ---- one row ---- */

static bool check_all(const struct try_run *r, const struct adapter_detail *detail,
                      struct adapter_check *checks)
{
    struct adapter *sink = r->sink != NULL ? r->sink->adapter : NULL;

    if (sink == NULL || sink->ops->check == NULL || checks == NULL) {
        return false;
    }
    for (size_t i = 0; i < detail->n_records; i++) {
        checks[i].record = &detail->records[i];
        sink->ops->check(sink, &checks[i]);
    }
    return true;
}

/* What send would write of n records from first on. */
static void preview(const struct try_run *r, const struct adapter_detail *detail, size_t first,
                    size_t n, struct engine_try_row *row, size_t which, struct buf *out)
{
    struct adapter *sink = r->sink != NULL ? r->sink->adapter : NULL;
    struct adapter_sent sent[ADAPTER_STEPS_MAX];
    struct adapter_send send = {.kind = detail->records[first].kind,
                                .code = detail->records[first].code,
                                .records = &detail->records[first],
                                .n_records = n,
                                .sent = sent};

    if (n == 0 || sink == NULL || sink->ops->preview == NULL) {
        return;
    }
    memset(sent, 0, sizeof(sent));
    row->calls[which].made = true;
    row->calls[which].err = sink->ops->preview(sink, &send, out, &row->calls[which].why);
    row->calls[which].text = buf_text(out);
}

static void show_row(struct try_run *r, const struct adapter_detail *detail)
{
    struct engine_try_row row = {.id = r->ids[r->at],
                                 .raw = detail->raw,
                                 .raw_len = detail->raw_len,
                                 .err = detail->err,
                                 .why = detail->why};
    struct adapter_check *checks = NULL;
    struct buf bodies[2];
    size_t steps = 0;

    buf_init(&bodies[0], BODY_BYTES_MAX);
    buf_init(&bodies[1], BODY_BYTES_MAX);
    if (detail->err == 0 && detail->n_records > 0) {
        row.records = detail->records;
        row.n_records = detail->n_records;
        checks = calloc(detail->n_records, sizeof(*checks));
        row.checks = check_all(r, detail, checks) ? checks : NULL;
        while (1 + steps < detail->n_records && steps < ADAPTER_STEPS_MAX &&
               detail->records[1 + steps].kind == RECORD_STEP) {
            steps++;
        }
        preview(r, detail, 0, 1, &row, 0, &bodies[0]);
        if (steps > 0) {
            preview(r, detail, 1, steps, &row, 1, &bodies[1]);
        }
    }
    r->try->row(r->try, &row);
    free(checks);
    buf_free(&bodies[0]);
    buf_free(&bodies[1]);
}

static void detail_done(struct adapter_detail *detail)
{
    struct try_run *r = CONTAINER_OF(detail, struct try_run, detail);

    show_row(r, detail);
    r->at++;
    loop_defer(r->engine->env.loop, &r->next); /* not from inside: the last row ends the adapter */
}

static void next_run(struct loop_task *task)
{
    struct try_run *r = CONTAINER_OF(task, struct try_run, next);

    if (r->again && !r->engine->closing) {
        r->again = false;
        poll_page(r);
        return;
    }
    if (r->at == r->n_ids || r->engine->closing || r->adapter->ops->detail == NULL) {
        ended(r);
        return;
    }
    memset(&r->detail, 0, sizeof(r->detail));
    r->detail.kind = r->kind;
    r->detail.id = r->ids[r->at];
    r->detail.want_raw = true;
    r->detail.done = detail_done;
    r->adapter->ops->detail(r->adapter, &r->detail);
}

/* ---- the page ---- */

/* An empty page shows nothing: the one behind it is read, for a while. */
static bool try_again(struct try_run *r, const struct adapter_poll *poll)
{
    char *cursor;

    if (poll->err != 0 || poll->n_rows > 0 || !poll->more ||
        loop_now_ms(r->engine->env.loop) >= r->until_ms) {
        return false;
    }
    if (poll->next_cursor != NULL && poll->next_cursor[0] != '\0') {
        cursor = strdup(poll->next_cursor);
        if (cursor == NULL) {
            return false;
        }
        free(r->cursor);
        r->cursor = cursor;
    }
    return true;
}

static void poll_done(struct adapter_poll *poll)
{
    struct try_run *r = CONTAINER_OF(poll, struct try_run, poll);
    struct engine_try *try = r->try;

    try->err = poll->err;
    try->why = poll->why;
    try->n_listed = poll->err == 0 ? poll->n_rows : 0;
    try->more = poll->err == 0 && poll->more;
    r->again = try_again(r, poll);
    while (poll->err == 0 && r->n_ids < poll->n_rows && r->n_ids < try->rows) {
        char *id = strdup(poll->rows[r->n_ids].id);

        if (id == NULL) {
            break;
        }
        r->ids[r->n_ids++] = id;
    }
    loop_defer(r->engine->env.loop, &r->next);
}

static void refused(struct loop_task *task)
{
    ended(CONTAINER_OF(task, struct try_run, next));
}

static void look_fired(struct loop_timer *timer)
{
    struct try_run *r = CONTAINER_OF(timer, struct try_run, look);

    if (r->engine->closing) {
        r->adapter->ops->cancel(r->adapter);
    } else {
        loop_timer_start(r->engine->env.loop, &r->look, CLOSING_LOOK_MS);
    }
}

static void find_sink(struct try_run *r)
{
    for (size_t i = 0; i < r->engine->n_flows && r->sink == NULL; i++) {
        const struct flow *flow = r->engine->flows[i];

        for (size_t k = 0; k < flow->n_sources; k++) {
            if (strcmp(flow->sources[k].party->adapter->name, r->try->source) == 0) {
                r->sink = engine_party(r->engine, flow->to);
                r->kind = engine_flow_record(flow->kind);
            }
        }
    }
}

void engine_try(struct engine *e, struct engine_try *try)
{
    struct try_run *r = calloc(1, sizeof(*r));
    int err = 0;

    if (r == NULL) {
        abort(); /* a small fixed allocation */
    }
    r->engine = e;
    r->try = try;
    r->kind = RECORD_DOSSIER;
    e->probes++;
    try->err = 0;
    try->n_listed = 0;
    try->more = false;
    loop_task_init(&r->next, refused);
    loop_timer_init(&r->look, look_fired);
    if (config_source_find(e->config, try->source) == NULL) {
        err = err_set(&try->why, ERR_NOTFOUND, "there is no source %s", try->source);
    }
    if (err == 0) {
        err = e->env.open_adapter(&e->adapter_env, try->source, &r->adapter, &try->why);
    }
    if (err == 0 && r->adapter->ops->poll == NULL) {
        err = err_set(&try->why, ERR_UNSUPPORTED,
                      "%s only pushes at us: nothing can be asked of it", try->source);
    }
    if (err != 0) {
        try->err = err;
        loop_defer(e->env.loop, &r->next);
        return;
    }
    find_sink(r);
    loop_task_init(&r->next, next_run);
    loop_timer_start(e->env.loop, &r->look, CLOSING_LOOK_MS);
    r->until_ms = loop_now_ms(e->env.loop) + EMPTY_PAGES_MS;
    poll_page(r);
}
