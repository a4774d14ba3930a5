#include "sync/merge.h"

#include <string.h>

#include "base/crash_point.h"
#include "codec/record_merge.h"

/* Merged bodies and the job's own tables: an append takes no more than 16 MB either. */
#define JOB_BYTES_MAX (24u << 20)

/* A dossier that a job has or waits for. */
struct merge_dossier {
    struct list link; /* of its bucket */
    struct merge_job *job;
    const char *code; /* borrowed from the job's records */
    bool waits;       /* for an earlier job that has it */
    bool has_early;
    struct record early; /* stored before the flow had several sources; of job->arena */
    struct journal_known known;
};

void merge_init(struct merge *m, const struct flow_env *env, int64_t flow, const struct party *sink,
                const char *first_source, int first_rank)
{
    memset(m, 0, sizeof(*m));
    m->env = env;
    m->flow = flow;
    m->sink = sink;
    m->first_source = first_source;
    m->first_rank = first_rank;
    for (size_t i = 0; i < MERGE_BUCKETS; i++) {
        list_init(&m->buckets[i]);
    }
}

static struct list *bucket_of(struct merge *m, const char *code)
{
    uint32_t h = 2166136261u;

    for (const char *c = code; *c != '\0'; c++) {
        h = (h ^ (uint8_t)*c) * 16777619u;
    }
    return &m->buckets[h % MERGE_BUCKETS];
}

static struct merge_dossier *dossier_at(struct list *link)
{
    return CONTAINER_OF(link, struct merge_dossier, link);
}

/* ---- what the others said ---- */

static void fail(struct merge_job *job, int err, const struct errmsg *why)
{
    if (job->err == 0) {
        job->err = err;
        job->why = *why;
    }
}

static size_t other_parts(const struct merge_dossier *d, struct record_part *parts)
{
    const struct journal_known *k = &d->known;
    size_t n = 0;

    for (size_t i = 0; i < k->n_parts && n + 1 < RECORD_PARTS_MAX; i++) {
        const struct journal_part *p = &k->parts[i];

        if (strcmp(p->source, d->job->source) != 0) {
            parts[n++] = (struct record_part){
                .body = p->body, .len = p->body_len, .rank = p->rank, .at_s = p->at_s};
        }
    }
    if (d->has_early) {
        parts[n++] = (struct record_part){.body = d->early.body,
                                          .len = d->early.body_len,
                                          .rank = d->job->merge->first_rank,
                                          .at_s = d->early.at_s};
    }
    return n;
}

/* The flow had one source when this was stored: it counts as that source's word. */
static int find_early(struct merge_dossier *d, struct errmsg *why)
{
    struct merge_job *job = d->job;
    const struct journal_known *k = &d->known;
    struct record_part part = {.body = k->body, .len = k->body_len};
    int err;

    if (k->n_parts > 0 || k->body == NULL || strcmp(job->source, job->merge->first_source) == 0) {
        return 0;
    }
    err = record_merge(&part, 1, &job->arena, &d->early, why);
    d->has_early = err == 0;
    job->n_early += d->has_early;
    return err;
}

static int merge_records(struct merge_dossier *d, struct errmsg *why)
{
    struct merge_job *job = d->job;
    struct record_part parts[RECORD_PARTS_MAX];
    int err = find_early(d, why);
    size_t others = err == 0 ? other_parts(d, parts + 1) : 0;

    for (size_t i = 0; i < job->n_records && others > 0 && err == 0; i++) {
        const struct record *r = &job->records[i];

        if (r->kind == RECORD_STEP || strcmp(r->code, d->code) != 0) {
            continue;
        }
        parts[0] = (struct record_part){
            .body = r->body, .len = r->body_len, .rank = job->rank, .at_s = r->at_s};
        err = record_merge(parts, others + 1, &job->arena, &job->merged[i], why);
    }
    return err;
}

static void known_done(struct journal_op *op)
{
    struct merge_dossier *d = CONTAINER_OF(op, struct merge_dossier, known.op);
    struct merge_job *job = d->job;
    struct errmsg why = op->why;
    int err = op->err;

    /* A code may also be somebody else's local number: another dossier, whose parts are not ours.
     */
    if (err == 0 && d->known.known && strcmp(d->known.portal_no, d->code) == 0) {
        err = merge_records(d, &why);
    }
    journal_known_free(&d->known);
    if (err != 0) {
        fail(job, err, &why);
    }
    job->reading--;
    CRASH_POINT(merge_parts_read);
    if (job->reading == 0) {
        job->ready(job); /* the owner may end and free it */
    }
}

static void read_known(struct merge_job *job)
{
    struct merge *m = job->merge;

    job->reading = job->n_dossiers;
    for (size_t i = 0; i < job->n_dossiers; i++) {
        struct merge_dossier *d = &job->dossiers[i];

        d->known.op.done = known_done;
        d->known.flow = m->flow;
        (void)strncpy(d->known.code, d->code, sizeof(d->known.code) - 1);
        d->known.want_parts = true;
        d->known.want_body = strcmp(job->source, m->first_source) != 0;
        journal_known(m->env->journal, &d->known);
    }
}

/* ---- turns ---- */

/* One entry per code of a job, in its order. */
static void take_place(struct merge_job *job, const char *code)
{
    struct list *bucket = bucket_of(job->merge, code);
    struct merge_dossier *d;
    bool waits = false;

    for (struct list *l = bucket->next; l != bucket; l = l->next) {
        if (strcmp(dossier_at(l)->code, code) == 0) {
            if (dossier_at(l)->job == job) {
                return;
            }
            waits = true;
        }
    }
    d = &job->dossiers[job->n_dossiers++];
    d->job = job;
    d->code = code;
    d->waits = waits;
    job->waiting += waits;
    list_push(bucket, &d->link);
}

static void task_run(struct loop_task *task)
{
    struct merge_job *job = CONTAINER_OF(task, struct merge_job, task);

    job->ready(job);
}

void merge_start(struct merge *m, struct merge_job *job)
{
    size_t n = job->n_records;

    job->merge = m;
    job->err = 0;
    job->n_early = 0;
    job->n_dossiers = 0;
    job->waiting = 0;
    loop_task_init(&job->task, task_run);
    arena_init(&job->arena, JOB_BYTES_MAX);
    job->merged = arena_alloc(&job->arena, (n + 1) * sizeof(*job->merged));
    job->overruled = arena_alloc(&job->arena, (n + 1) * sizeof(*job->overruled));
    job->dossiers = arena_alloc(&job->arena, (n + 1) * sizeof(*job->dossiers));
    if (job->merged == NULL || job->overruled == NULL || job->dossiers == NULL) {
        job->err = err_set(&job->why, ERR_NOMEM, "%zu records at once", n);
    }
    for (size_t i = 0; i < n && job->err == 0; i++) {
        job->merged[i] = job->records[i];
        if (strlen(job->records[i].code) >= JOURNAL_CODE_SIZE) {
            job->err = err_set(&job->why, ERR_INVAL, "the code of a dossier is too long");
        } else {
            take_place(job, job->records[i].code);
        }
    }
    if (job->err != 0 || job->n_dossiers == 0) {
        loop_defer(m->env->loop, &job->task);
    } else if (job->waiting == 0) {
        read_known(job);
    }
}

/* The next job in line for a dossier that has become free. */
static void pass_on(struct merge *m, const char *code)
{
    struct list *bucket = bucket_of(m, code);

    for (struct list *l = bucket->next; l != bucket; l = l->next) {
        struct merge_dossier *d = dossier_at(l);

        if (strcmp(d->code, code) != 0) {
            continue;
        }
        if (d->waits) {
            d->waits = false;
            d->job->waiting--;
            if (d->job->waiting == 0 && d->job->err == 0) {
                read_known(d->job);
            }
        }
        return;
    }
}

void merge_end(struct merge_job *job)
{
    for (size_t i = 0; i < job->n_dossiers; i++) {
        struct merge_dossier *d = &job->dossiers[i];

        list_remove(&d->link);
        if (!d->waits) {
            pass_on(job->merge, d->code);
        }
    }
    loop_task_cancel(&job->task);
    arena_free(&job->arena);
}

/* ---- store ---- */

static int add_one(struct merge_job *job, const struct record *record, const char *source, int rank,
                   const struct record *part, struct journal_append *append, int *status)
{
    struct flow_judged judged;
    int err = flow_judge(job->merge->sink, record, true, &judged);

    if (err != 0) {
        return err;
    }
    judged.stored.source = source;
    judged.stored.rank = rank;
    if (record->kind != RECORD_STEP) {
        judged.stored.part = part->body;
        judged.stored.part_len = part->body_len;
        judged.stored.part_at_s = part->at_s;
    }
    *status = judged.stored.status;
    return journal_append_add(append, &judged.stored);
}

static int overruled(const struct merge_job *job, const struct record *said,
                     const struct record *merged, int status, bool *out)
{
    struct flow_judged own;
    int err;

    *out = false;

    if (said->kind == RECORD_STEP || (said->body_len == merged->body_len &&
                                      memcmp(said->body, merged->body, said->body_len) == 0)) {
        return 0;
    }
    err = flow_judge(job->merge->sink, said, true, &own);
    *out = err == 0 && own.stored.status != status;
    return err;
}

int merge_add(struct merge_job *job, struct journal_append *append)
{
    const struct merge *m = job->merge;
    int status;
    int err = 0;

    append->steps_by_content = true;
    for (size_t i = 0; i < job->n_dossiers && err == 0; i++) {
        const struct record *early = &job->dossiers[i].early;

        if (job->dossiers[i].has_early) {
            err = add_one(job, early, m->first_source, m->first_rank, early, append, &status);
        }
    }
    for (size_t i = 0; i < job->n_records && err == 0; i++) {
        err = add_one(job, &job->merged[i], job->source, job->rank, &job->records[i], append,
                      &status);
        if (err == 0) {
            err = overruled(job, &job->records[i], &job->merged[i], status, &job->overruled[i]);
        }
    }
    return err;
}
