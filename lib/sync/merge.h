/* merge: dossiers that several sources know, made one record each before they are stored.
 *
 * One per flow with more than one source; such a flow stores nothing past it. A job brings what one
 * source says of some dossiers. While a job has a dossier, from the read of what the others said
 * until its records are committed, jobs that came later with the same code wait; so two sources
 * never build on the same old state. Jobs are as many as their owners allow: details of a poller,
 * offers of a host. Loop thread. */
#ifndef SYNC_MERGE_H
#define SYNC_MERGE_H

#include "base/arena.h"
#include "sync/flow.h"

#define MERGE_BUCKETS 256

struct merge {
    const struct flow_env *env; /* borrowed, as is sink */
    int64_t flow;
    const struct party *sink; /* its check judges the merged records */
    /* What was stored before the flow had several sources was said by the first of them. */
    const char *first_source; /* borrowed */
    int first_rank;
    struct list buckets[MERGE_BUCKETS]; /* struct merge_dossier, by code, in order of arrival */
};

/* What one source says of some dossiers. */
struct merge_job {
    /* in: borrowed until merge_end */
    const struct record *records; /* n_records */
    size_t n_records;
    const char *source;
    int rank;
    void (*ready)(struct merge_job *job); /* once, later */
    /* out */
    int err; /* 0: merge_add is next. ERR_TOOBIG, ERR_FORMAT, ERR_INVAL, ERR_NOMEM, ERR_CANCELED */
    struct errmsg why;
    size_t n_early; /* records that merge_add puts before those of the job */
    /* n_records, of merge_add: a snapshot whose status is another source's, of a later time; what
     * the sink gets is not what was said here. */
    bool *overruled;
    /* merge's own */
    struct merge *merge;
    struct arena arena;
    struct record *merged; /* n_records */
    struct merge_dossier *dossiers;
    size_t n_dossiers, waiting, reading;
    struct loop_task task;
};

/* The sink judges what is merged; first_source is whose word a record is that was stored before the
 * flow had several sources. Names are borrowed for good. */
void merge_init(struct merge *m, const struct flow_env *env, int64_t flow, const struct party *sink,
                const char *first_source, int first_rank);
/* Waits for earlier jobs with the same dossiers, then merges. ready comes once, later. */
void merge_start(struct merge *m, struct merge_job *job);
/* The job's records, merged and judged, into an append: n_early, then n_records in their order.
 * Errors are journal_append_add's. */
MUST_CHECK int merge_add(struct merge_job *job, struct journal_append *append);
/* After the append's commit, or instead of it: the dossiers are free for who waits. Once after
 * ready. */
void merge_end(struct merge_job *job);

#endif
