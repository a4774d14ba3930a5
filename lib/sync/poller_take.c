/* poller_take: what a poller stores: details asked for, merged where the flow has several sources,
 * judged by the sink, appended with their rows. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash_point.h"
#include "sync/poller_impl.h"

/* An append is started when it holds so much: memory stays bounded whatever a page brings. */
#define APPEND_BYTES (512u << 10)
/* What one detail may bring, copied while it waits for its turn. */
#define TAKE_BYTES (16u << 20)

/* A dossier between its detail and its commit, in a flow with several sources. */
struct poller_take {
    struct poller *poller;
    size_t row; /* index into the page; until the append starts */
    struct merge_job job;
    struct arena arena; /* of the records */
};

/* ---- append ---- */

static void take_free(struct poller_take *t)
{
    merge_end(&t->job);
    arena_free(&t->arena);
    free(t);
}

static void append_done(struct journal_op *op)
{
    struct poller_append *a = CONTAINER_OF(op, struct poller_append, append.op);
    struct poller *p = a->poller;

    CRASH_POINT(page_committed);
    p->n_appending--;
    p->all_new = p->all_new && a->append.unchanged == 0;
    if (op->err != 0) {
        /* Only at the end: the journal is closing. What was not stored is asked again next time. */
        poller_trouble(p, "not stored", op->why.text);
        p->cursor_known = false;
        p->page_failed = true;
    } else if (a->append.stored + a->append.replaced > 0) {
        p->appended(p->ctx, a->append.replaced > 0, a->followed);
    }
    if (a->take != NULL) {
        take_free(a->take);
    }
    journal_append_free(&a->append);
    free(a);
    poller_kick(p);
}

static void start(struct poller_append *a)
{
    struct poller *p = a->poller;

    p->n_appending++;
    a->append.now_ms = (uint64_t)loop_wall_ms(p->env->loop);
    a->append.born_flow = p->born_flow;
    a->append.op.done = append_done;
    a->append.patient = true;
    CRASH_POINT(page_append_before);
    journal_append(p->env->journal, &a->append);
    a->followed = p->appending(p->ctx);
}

void poller_append_start(struct poller *p)
{
    struct poller_append *a = p->append;

    p->append = NULL;
    start(a);
}

static struct poller_append *append_new(struct poller *p)
{
    struct poller_append *a = calloc(1, sizeof(*a));

    if (a == NULL) {
        abort(); /* a small fixed allocation; the cursor has not moved, nothing is lost */
    }
    a->poller = p;
    journal_append_init(&a->append, p->flow);
    return a;
}

struct poller_append *poller_append_open(struct poller *p)
{
    if (p->append == NULL) {
        p->append = append_new(p);
    }
    return p->append;
}

/* Whose row it is: all records of a detail are about one dossier. NULL when it brought none. */
static const char *code_of(const struct record *records, size_t n)
{
    return n > 0 ? records[0].code : NULL;
}

/* False: the append has no room left. */
static bool append_row(struct poller_append *a, size_t row, bool owed, const char *why,
                       const char *code)
{
    struct poller *p = a->poller;
    struct journal_row r = {.id = p->ids[row], .owed = owed, .why = why, .code = code};

    memcpy(r.hash, p->hashes[row], sizeof(r.hash));
    if (journal_append_row(&a->append, p->source_name, &r) < 0) {
        return false;
    }
    p->safe[row] = !owed;
    return true;
}

/* To the append of the page; when a huge record has filled it, to the next one. */
static void add_row(struct poller *p, size_t row, bool owed, const char *why, const char *code)
{
    if (append_row(poller_append_open(p), row, owed, why, code)) {
        return;
    }
    poller_append_start(p);
    if (!append_row(poller_append_open(p), row, owed, why, code)) {
        abort(); /* an empty append takes any row; the cursor has not moved, nothing is lost */
    }
}

static void add_owed(struct poller *p, size_t row, const char *why)
{
    uint64_t suppressed = 0;

    p->detail_failures++;
    add_row(p, row, true, why, NULL);
    if (log_limit_pass(&p->detail_log, loop_now_ms(p->env->loop), POLLER_LOG_MS, &suppressed)) {
        flow_say(p->env, LOG_LEVEL_WARN, "detail_failed", p->name,
                 "row %s is owed: %s (%" PRIu64 " more not shown)", p->ids[row], why, suppressed);
    }
}

/* ---- merged dossiers ---- */

static void take_ready(struct merge_job *job)
{
    struct poller_take *t = CONTAINER_OF(job, struct poller_take, job);
    struct poller *p = t->poller;
    struct poller_append *a = append_new(p);
    int err = job->err != 0 ? job->err : merge_add(job, &a->append);

    if (err == 0 && !append_row(a, t->row, false, NULL, code_of(job->records, job->n_records))) {
        err = ERR_TOOBIG;
    }
    p->taking--;
    if (err == 0) {
        a->take = t;
        start(a);
    } else {
        journal_append_free(&a->append);
        free(a);
        if (err == ERR_CANCELED) {
            p->stopping = true; /* the journal closes: the cursor stays */
        } else {
            add_owed(p, t->row, job->why.text[0] != '\0' ? job->why.text : err_text(err));
        }
        take_free(t);
    }
    poller_kick(p);
}

static int copy_record(struct arena *a, const struct record *from, struct record *to)
{
    *to = *from;
    to->dossier = NULL;
    to->step = NULL;
    to->code = arena_strdup(a, from->code);
    to->local_no = arena_strdup(a, from->local_no != NULL ? from->local_no : "");
    to->step_key = arena_strdup(a, from->step_key != NULL ? from->step_key : "");
    to->body = arena_strndup(a, from->body, from->body_len);
    to->figures = from->figures != NULL ? figures_copy(a, from->figures) : NULL;
    return to->code != NULL && to->local_no != NULL && to->step_key != NULL && to->body != NULL &&
                   (to->figures != NULL || from->figures == NULL)
               ? 0
               : ERR_TOOBIG;
}

/* What a detail brought is borrowed only for its callback. */
static int take(struct poller *p, size_t row, const struct adapter_detail *detail)
{
    struct poller_take *t = calloc(1, sizeof(*t));
    struct record *records;
    int err;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    arena_init(&t->arena, TAKE_BYTES);
    records = arena_alloc(&t->arena, (detail->n_records + 1) * sizeof(*records));
    err = records != NULL ? 0 : ERR_NOMEM;
    for (size_t i = 0; i < detail->n_records && err == 0; i++) {
        err = copy_record(&t->arena, &detail->records[i], &records[i]);
    }
    if (err < 0) {
        arena_free(&t->arena);
        free(t);
        return err;
    }
    t->poller = p;
    t->row = row;
    t->job.records = records;
    t->job.n_records = detail->n_records;
    t->job.source = p->source_name;
    t->job.rank = p->rank;
    t->job.ready = take_ready;
    p->taking++;
    merge_start(p->merge, &t->job);
    return 0;
}

/* The records of one row, judged by the sink. 0, or why they can't be stored. */
static int add_records(struct poller *p, size_t row, const struct adapter_detail *detail)
{
    bool counts = p->sink != NULL && (p->sink->adapter->caps & ADAPTER_COUNTS) != 0;
    size_t n = counts && detail->n_records > 1 ? 1 : detail->n_records;

    if (p->merge != NULL) {
        return take(p, row, detail);
    }
    for (size_t i = 0; i < n; i++) {
        struct flow_judged judged;
        int err = flow_judge(p->sink, &detail->records[i], false, &judged);

        if (err == 0) {
            err = journal_append_add(&poller_append_open(p)->append, &judged.stored);
        }
        if (err < 0) {
            return err;
        }
    }
    add_row(p, row, false, NULL, code_of(detail->records, detail->n_records));
    return 0;
}

/* ---- details ---- */

static void detail_done(struct adapter_detail *detail)
{
    struct poller_detail *d = CONTAINER_OF(detail, struct poller_detail, detail);
    struct poller *p = d->poller;
    int err = detail->err;
    size_t row = d->row;

    CRASH_POINT(detail_read);
    party_read(p->env, p->source, err, &detail->why);
    p->running--;
    p->busy_details &= ~(UINT64_C(1) << (d - p->details));
    if (err == 0) {
        p->n_details++;
        err = add_records(p, row, detail);
    } else if (err == ERR_NOTFOUND || err == ERR_UNSUPPORTED) {
        add_row(p, row, false, NULL, NULL);
        err = 0;
    }
    if (err == ERR_CANCELED) {
        p->stopping = true; /* cancelled: the page ends here, the cursor stays */
    } else if (err != 0) {
        add_owed(p, row, detail->why.text[0] != '\0' ? detail->why.text : err_text(err));
    }
    if (p->append != NULL && p->append->append.bytes >= APPEND_BYTES) {
        poller_append_start(p);
    }
    poller_kick(p);
}

static bool start_detail(struct poller *p)
{
    uint64_t now_ms = loop_now_ms(p->env->loop);
    uint64_t wait_ms = party_wait_ms(p->source, LANE_DOSSIER, p, now_ms);
    size_t slot = 0;
    struct poller_detail *d;

    if (wait_ms > 0) {
        if (wait_ms != UINT64_MAX) {
            loop_timer_start(p->env->loop, &p->timer, wait_ms);
        } else if (p->source->endpoint.in_flight == 0) {
            loop_timer_start(p->env->loop, &p->timer,
                             1000); /* paused: a person's resume wakes us too */
        }
        return false;
    }
    while ((p->busy_details & (UINT64_C(1) << slot)) != 0) {
        slot++;
    }
    d = &p->details[slot];
    p->busy_details |= UINT64_C(1) << slot;
    memset(d, 0, sizeof(*d));
    d->poller = p;
    d->row = p->next_row++;
    d->detail.kind = p->kind;
    d->detail.id = p->ids[d->row];
    d->detail.done = detail_done;
    p->running++;
    p->rows_changed++;
    endpoint_begin(&p->source->endpoint, LANE_DOSSIER, now_ms);
    p->source->adapter->ops->detail(p->source->adapter, &d->detail);
    return true;
}

bool poller_run_details(struct poller *p)
{
    while (p->running + p->taking < p->details_max && !p->stopping) {
        while (p->next_row < p->n_rows && !p->changed[p->next_row]) {
            p->next_row++;
        }
        if (p->next_row == p->n_rows || journal_window_full(p->env->journal) || !start_detail(p)) {
            break;
        }
    }
    return p->running + p->taking == 0 && (p->stopping || p->next_row == p->n_rows);
}
