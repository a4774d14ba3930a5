/* worker: the journal's queue and the one worker that runs it in batches. Private to journal/.
 *
 * What stands in struct journal belongs to the loop, except db, suspect, batch and the fields of
 * `report` while working is true: these are the worker's then. */
#ifndef JOURNAL_WORKER_H
#define JOURNAL_WORKER_H

#include "journal/ballast.h"
#include "journal/check.h"
#include "journal/journal.h"
#include "journal/restore.h"
#include "journal/sqlite.h"
#include "journal/witness.h"

struct journal {
    struct loop *loop;
    struct log *log;
    struct db *db; /* one of the two below */
    struct db connections[2];
    struct db_options db_options;
    uint64_t window_bytes;
    uint64_t low_water_bytes;
    struct ballast ballast; /* the worker's, as is the next */
    struct witness witness;
    int lock_fd;
    char *path;

    struct list queue;   /* struct journal_op, waiting */
    struct list batch;   /* what the worker has, or what must be tried again */
    struct list results; /* committed, callbacks due */
    struct loop_work work;
    bool hurried; /* what stands in queue is not to wait */
    struct loop_task start;
    struct loop_timer gather; /* what is patient has waited long enough */
    uint64_t gather_until_ms;
    struct loop_timer retry; /* after a failed batch */
    struct loop_timer idle;  /* checkpoint when nothing happens */
    bool working;
    bool suspect;         /* the connection saw damage or a failed write: another must take over */
    bool checkpoint_only; /* no batch this time; set before working */
    struct check check;   /* beside the work */
    bool sound;           /* checked in this run: a clean stop may seal it */
    bool damaged;         /* the check has found it: no batch is run any more */
    bool condemned;       /* damaged, for the worker; set before working */
    struct journal_restored restored;
    struct journal_audit_head audit;
    bool scrub_waits; /* what was erased may still stand in the WAL */
    bool giving_up;   /* journal_give_up was called */
    bool closing;     /* journal_close was called */
    bool ending;      /* nothing runs any more: what still comes is cancelled */
    void (*closed)(void *ctx);
    void *closed_ctx;
    struct loop_task closed_task;

    struct {
        int batch_err;
        int checkpoint_err;
        bool checkpointed;
        bool scrub_waits;
        uint64_t file_bytes, wal_bytes, free_bytes;
    } report;

    enum journal_condition condition;
    enum journal_condition told_condition;
    char condition_text[256];
    struct log_limit condition_log;
    struct log_limit checkpoint_log;
    void (*changed)(void *ctx);
    void *changed_ctx;
    bool window_was_full;
    uint64_t waiting_since_ms;
    double commit_ms;
    uint64_t retry_ms; /* until a failed batch is tried again */
    struct tally tally;
    struct journal_numbers numbers;
    struct metric *commit_seconds;
    struct metric *batch_ops;
};

/* Queues an op. undo takes back what run has put out, when its batch was rolled back; NULL: run
 * writes all of its answer anew. */
void journal_start(struct journal *j, struct journal_op *op,
                   int (*run)(struct db *db, struct journal_op *op),
                   void (*undo)(struct journal_op *op), bool writes);
/* The same for one that carries so many bytes: they count against the window until COMMIT. patient:
 * it may gather. */
void journal_start_sized(struct journal *j, struct journal_op *op,
                         int (*run)(struct db *db, struct journal_op *op),
                         void (*undo)(struct journal_op *op), size_t bytes, bool patient);

/* Sets op->err and its words without failing the batch. Returns 0, as run must for an error of the
 * op's own. */
int journal_op_fail(struct journal_op *op, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For open and close. */
void worker_init(struct journal *j);
/* Looks at the disk and at what the WAL holds before the first batch. */
void worker_look_around(struct journal *j);
/* The check beside the work has come to an end. */
void worker_checked(struct check *c);
/* After journal_close: no batch begins any more, closed_task is next. */
void worker_end(struct journal *j);
/* What has not been committed is given back as cancelled; callbacks may start more. */
void worker_cancel_all(struct journal *j);

/* Stands from an erasure until the next start. */
#define JOURNAL_SCRUB_FACT "journal.scrub"
/* The version of the daemon that opened the journal last. */
#define JOURNAL_PROGRAM_FACT "journal.program"

struct subject;
/* Gives one waiting or held item up, with its row in the audit. The caller reschedules. */
MUST_CHECK int act_drop(struct db *db, struct subject *s, int64_t id, const char *who,
                        const char *reason, uint64_t now_ms);

/* INFLIGHT found at start becomes UNSURE, attempts without an end get one, nobody is busy. */
MUST_CHECK int items_recover(struct db *db, uint64_t now_ms);

#endif
