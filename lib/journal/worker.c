#include "journal/worker.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/crash_point.h"

/* A batch is cut at so many ops or bytes, so that one commit's time stays bounded. */
#define BATCH_OPS_MAX 4096
#define BATCH_BYTES_MAX (8u << 20)
/* A batch of so many ops that write is followed by one of patient ops alone only so long after its
 * start: the more share a commit, the fewer pages are written again and again. */
#define GATHER_OPS 16
#define GATHER_MS 20
#define RETRY_DELAY_MS 1000
#define RETRY_SHARE 50 /* a try that took long is made so many times its length later... */
#define RETRY_DELAY_MAX_MS 30000 /* ...but soon enough after the trouble has ended */
#define IDLE_MS 1000
#define LOG_PERIOD_MS 60000

/* ---- the worker's side ---- */

static void measure_space(struct journal *j)
{
    struct statvfs fs;
    struct stat file;
    char wal[4096];

    if (statvfs(j->path, &fs) == 0) {
        j->report.free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
        ballast_keep(&j->ballast, j->report.free_bytes, j->low_water_bytes);
    }
    if (stat(j->path, &file) == 0) {
        j->report.file_bytes = (uint64_t)file.st_size;
    }
    (void)snprintf(wal, sizeof(wal), "%s-wal", j->path);
    j->report.wal_bytes = stat(wal, &file) == 0 ? (uint64_t)file.st_size : 0;
}

static void undo_batch(struct journal *j)
{
    for (struct list *l = j->batch.next; l != &j->batch; l = l->next) {
        struct journal_op *op = CONTAINER_OF(l, struct journal_op, link);

        op->err = 0;
        op->why.text[0] = '\0';
        if (op->undo != NULL) {
            op->undo(op);
        }
    }
}

/* After damage or a failed sync: a fresh connection, checked, before the batch is tried again. The
 * old one is closed last: were the file without any for a moment, the next would find in the WAL
 * what was written but never synced, and take it for committed. */
static int reconnect(struct journal *j)
{
    struct db *fresh = j->db == &j->connections[0] ? &j->connections[1] : &j->connections[0];
    struct errmsg msg = {""};
    int err = db_open(fresh, j->path, &j->db_options, &msg);

    if (err < 0) {
        j->db->why = msg;
        return err;
    }
    err = witness_check(&j->witness, fresh, j->lock_fd);
    if (err < 0) {
        j->db->why = fresh->why;
        db_close(fresh);
        return err;
    }
    fresh->scrub = j->db->scrub;
    fresh->audit = j->db->audit;
    fresh->doubt_until_s = j->db->doubt_until_s;
    db_close(j->db);
    j->db = fresh;
    j->suspect = false;
    return 0;
}

static int run_batch(struct journal *j)
{
    bool writes = false;
    int err = j->suspect ? reconnect(j) : 0;

    if (err < 0) {
        return err;
    }
    for (struct list *l = j->batch.next; l != &j->batch; l = l->next) {
        writes = writes || CONTAINER_OF(l, struct journal_op, link)->writes;
    }
    if (writes) {
        CRASH_POINT(journal_begin_before);
        err = db_begin(j->db);
        CRASH_POINT(journal_begun);
    } else {
        err = db_begin_reading(j->db);
    }
    for (struct list *l = j->batch.next; l != &j->batch && err == 0; l = l->next) {
        struct journal_op *op = CONTAINER_OF(l, struct journal_op, link);

        err = op->run(j->db, op);
    }
    if (writes && err == 0) {
        CRASH_POINT(journal_ops_run);
        err = db_commit(j->db);
        CRASH_POINT(journal_committed);
        if (err == 0) {
            witness_note(&j->witness, j->db, j->lock_fd);
        }
    } else if (err == 0) {
        err = db_end_reading(j->db);
    }
    if (err < 0) {
        db_rollback(j->db);
        undo_batch(j);
        j->suspect = err == ERR_CORRUPT || err == ERR_IO;
        if (err == ERR_FULL) {
            (void)ballast_drop(&j->ballast); /* the next try has its room */
        }
    }
    return err;
}

static void work_run(struct loop_work *work)
{
    struct journal *j = CONTAINER_OF(work, struct journal, work);

    j->report.batch_err = j->condemned         ? err_set(&j->db->why, ERR_CORRUPT, "damaged")
                          : j->checkpoint_only ? 0
                                               : run_batch(j);
    j->report.checkpointed = false;
    if (j->report.batch_err == 0 && (j->checkpoint_only || db_checkpoint_due(j->db))) {
        CRASH_POINT(journal_checkpoint_before);
        j->report.checkpoint_err = db_checkpoint(j->db, false);
        CRASH_POINT(journal_checkpointed);
        j->report.checkpointed = true;
    }
    if (j->report.batch_err == 0 && j->db->scrub) {
        int scrubbed = db_scrub_wal(j->db);

        if (scrubbed < 0) {
            j->report.checkpoint_err = scrubbed;
            j->report.checkpointed = true;
        }
    }
    j->report.scrub_waits = j->db->scrub;
    measure_space(j);
}

/* ---- the loop's side ---- */

static void set_condition(struct journal *j, enum journal_condition condition, const char *text)
{
    uint64_t suppressed = 0;

    if (condition != JOURNAL_OK &&
        (log_limit_pass(&j->condition_log, loop_now_ms(j->loop), LOG_PERIOD_MS, &suppressed) ||
         j->condition != condition)) {
        log_plain(j->log, LOG_LEVEL_ERROR, "journal_trouble",
                  "journal: %s; intake and sending wait, nothing is lost (%" PRIu64
                  " like it not shown)",
                  text, suppressed);
    }
    if (condition == JOURNAL_OK && j->condition != JOURNAL_OK) {
        log_plain(j->log, LOG_LEVEL_NOTICE, "journal_recovered", "journal: works again");
    }
    j->condition = condition;
    (void)snprintf(j->condition_text, sizeof(j->condition_text), "%s", text);
}

/* After a success: what is left to complain about is the disk's free space. */
static void judge_space(struct journal *j)
{
    char text[128];

    j->numbers.file_bytes = j->report.file_bytes;
    j->numbers.wal_bytes = j->report.wal_bytes;
    j->numbers.free_bytes = j->report.free_bytes;
    if (j->damaged) {
        set_condition(j, JOURNAL_FAULT, j->check.why.text);
    } else if (j->report.batch_err < 0) {
        set_condition(j, j->report.batch_err == ERR_FULL ? JOURNAL_FULL : JOURNAL_FAULT,
                      j->db->why.text);
    } else if (j->low_water_bytes > 0 && j->numbers.free_bytes < j->low_water_bytes) {
        (void)snprintf(text, sizeof(text),
                       "disk nearly full: %" PRIu64 " MB free, %" PRIu64 " MB wanted",
                       j->numbers.free_bytes >> 20, j->low_water_bytes >> 20);
        set_condition(j, JOURNAL_FULL, text);
    } else {
        set_condition(j, JOURNAL_OK, "");
    }
}

static void tell_change(struct journal *j)
{
    bool full = journal_window_full(j);

    if (full != j->window_was_full || j->condition != j->told_condition) {
        j->window_was_full = full;
        j->told_condition = j->condition;
        if (j->changed != NULL) {
            j->changed(j->changed_ctx);
        }
    }
}

/* Where a batch is at work or waits, its end judges. */
static void end_fault(struct journal *j)
{
    if (!j->working && list_empty(&j->queue)) {
        set_condition(j, JOURNAL_OK, "");
        tell_change(j);
    }
}

void worker_checked(struct check *c)
{
    struct journal *j = CONTAINER_OF(c, struct journal, check);

    if (c->err == 0) {
        j->sound = true;
        if (j->damaged) { /* what an earlier try could not read is there */
            j->damaged = false;
            end_fault(j);
        }
        log_plain(j->log, LOG_LEVEL_NOTICE, "journal_checked",
                  "journal: checked beside the work, it is sound");
    } else if (c->err == ERR_CORRUPT) {
        j->damaged = true;
        set_condition(j, JOURNAL_FAULT, c->why.text);
        tell_change(j);
    } else if (!c->stopping) {
        log_plain(j->log, LOG_LEVEL_WARN, "journal_unchecked",
                  "journal: the check beside the work waits: %s", c->why.text);
    }
    if (j->ending) {
        loop_defer(j->loop, &j->closed_task);
    }
}

static void end_op(struct journal *j, struct journal_op *op)
{
    j->numbers.uncommitted_bytes -= op->bytes;
    j->numbers.waiting_ops--;
    op->done(op); /* may free op */
    CRASH_POINT(journal_callback_done);
}

void worker_end(struct journal *j)
{
    j->ending = true;
    loop_timer_stop(&j->gather);
    loop_timer_stop(&j->retry);
    loop_timer_stop(&j->idle);
    loop_defer(j->loop, &j->closed_task);
}

void worker_cancel_all(struct journal *j)
{
    struct list *node;

    list_splice(&j->batch, &j->queue);
    list_splice(&j->queue, &j->batch);
    for (node = list_shift(&j->queue); node != NULL; node = list_shift(&j->queue)) {
        struct journal_op *op = CONTAINER_OF(node, struct journal_op, link);

        op->err = err_set(&op->why, ERR_CANCELED, "the journal is closing");
        end_op(j, op);
    }
}

/* Nothing waits: fold the WAL back soon, or look at the disk again when it was short. */
static void rest(struct journal *j)
{
    if (j->db->wal_pages > 0 || j->condition != JOURNAL_OK || j->scrub_waits) {
        loop_timer_start(j->loop, &j->idle, IDLE_MS);
    }
}

static void note_checkpoint(struct journal *j)
{
    uint64_t suppressed = 0;

    if (!j->report.checkpointed) {
        return;
    }
    j->numbers.checkpoints++;
    if (j->report.checkpoint_err < 0 &&
        log_limit_pass(&j->checkpoint_log, loop_now_ms(j->loop), LOG_PERIOD_MS, &suppressed)) {
        /* Nothing is lost: the WAL holds it. It only grows until a checkpoint succeeds. */
        log_plain(j->log, LOG_LEVEL_WARN, "journal_checkpoint",
                  "journal: %s (%" PRIu64 " like it not shown)", j->db->why.text, suppressed);
    }
}

static void note_batch(struct journal *j)
{
    double took_ms = (double)(loop_now_ms(j->loop) - j->waiting_since_ms);

    if (j->checkpoint_only) {
        return;
    }
    /* Opening a big journal again and again would be a busy loop. */
    j->retry_ms = RETRY_SHARE * (loop_now_ms(j->loop) - j->waiting_since_ms);
    if (j->retry_ms < RETRY_DELAY_MS) {
        j->retry_ms = RETRY_DELAY_MS;
    } else if (j->retry_ms > RETRY_DELAY_MAX_MS) {
        j->retry_ms = RETRY_DELAY_MAX_MS;
    }
    j->commit_ms = j->commit_ms * 0.9 + took_ms * 0.1;
    metric_observe(j->commit_seconds, took_ms / 1000.0);
    if (j->report.batch_err == 0) {
        j->numbers.batches++;
        j->tally = j->db->tally;
        j->audit = j->db->audit;
        list_splice(&j->results, &j->batch);
        CRASH_POINT(journal_callbacks_before);
    }
}

/* The process is stopping and the disk refuses: what the batch would have said is found out after
 * the next start. */
static void cancel_batch(struct journal *j)
{
    /* With all that stands behind it: the next page's cursor must not come without this page's
     * rows, should the disk have room again. */
    list_splice(&j->batch, &j->queue);
    for (struct list *l = j->batch.next; l != &j->batch; l = l->next) {
        struct journal_op *op = CONTAINER_OF(l, struct journal_op, link);

        op->err = err_set(&op->why, ERR_CANCELED, "the journal is closing");
    }
    list_splice(&j->results, &j->batch);
}

static void work_done(struct loop_work *work)
{
    struct journal *j = CONTAINER_OF(work, struct journal, work);
    struct list *node;

    j->working = false;
    j->scrub_waits = j->report.scrub_waits;
    note_checkpoint(j);
    note_batch(j);
    judge_space(j);
    if (j->report.batch_err < 0 && j->giving_up && !j->closing) {
        cancel_batch(j);
    } else if (j->report.batch_err < 0 && !j->closing) {
        loop_timer_start(j->loop, &j->retry, j->retry_ms);
    }
    for (node = list_shift(&j->results); node != NULL; node = list_shift(&j->results)) {
        end_op(j, CONTAINER_OF(node, struct journal_op, link));
    }
    tell_change(j);
    if (j->report.batch_err < 0 && (j->closing || !j->giving_up)) {
        if (j->closing) {
            worker_end(j);
        }
    } else if (!list_empty(&j->queue)) {
        loop_defer(j->loop, &j->start);
    } else if (j->closing) {
        worker_end(j);
    } else {
        rest(j);
    }
}

static void submit(struct journal *j)
{
    j->working = true;
    j->condemned = j->damaged;
    j->waiting_since_ms = loop_now_ms(j->loop);
    loop_timer_stop(&j->idle);
    loop_timer_stop(&j->gather);
    if (!loop_work_start(j->loop, &j->work)) {
        j->working = false;
        loop_timer_start(j->loop, &j->retry, RETRY_DELAY_MS);
    }
}

static void fill_batch(struct journal *j)
{
    size_t ops = 0;
    size_t writes = 0;
    size_t bytes = 0;

    while (!list_empty(&j->queue) && ops < BATCH_OPS_MAX && bytes < BATCH_BYTES_MAX) {
        struct list *node = list_shift(&j->queue);

        list_push(&j->batch, node);
        ops++;
        writes += CONTAINER_OF(node, struct journal_op, link)->writes;
        bytes += CONTAINER_OF(node, struct journal_op, link)->bytes;
    }
    j->hurried = !list_empty(&j->queue);
    j->gather_until_ms = writes >= GATHER_OPS ? loop_now_ms(j->loop) + GATHER_MS : 0;
    j->numbers.ops += ops;
    if (ops > 0) {
        metric_observe(j->batch_ops, (double)ops);
    }
}

static bool gathers(struct journal *j)
{
    uint64_t now_ms = loop_now_ms(j->loop);

    if (j->hurried || list_empty(&j->queue) || now_ms >= j->gather_until_ms || j->closing ||
        journal_window_full(j)) { /* pushes are refused then */
        return false;
    }
    if (!loop_timer_armed(&j->gather)) {
        loop_timer_start(j->loop, &j->gather, j->gather_until_ms - now_ms);
    }
    return true;
}

static void start_batch(struct loop_task *task)
{
    struct journal *j = CONTAINER_OF(task, struct journal, start);

    if (j->working || j->ending || loop_timer_armed(&j->retry)) {
        return;
    }
    if (list_empty(&j->batch)) { /* else: one that failed comes back first, and grows no further */
        if (gathers(j)) {
            return;
        }
        fill_batch(j);
    }
    if (!list_empty(&j->batch)) {
        j->checkpoint_only = false;
        submit(j);
    }
}

static void gather_fired(struct loop_timer *timer)
{
    struct journal *j = CONTAINER_OF(timer, struct journal, gather);

    loop_defer(j->loop, &j->start);
}

static void retry_fired(struct loop_timer *timer)
{
    struct journal *j = CONTAINER_OF(timer, struct journal, retry);

    loop_defer(j->loop, &j->start);
}

static void idle_fired(struct loop_timer *timer)
{
    struct journal *j = CONTAINER_OF(timer, struct journal, idle);

    if (!j->working && list_empty(&j->queue) && list_empty(&j->batch) && !j->closing) {
        j->checkpoint_only = true;
        submit(j);
    }
}

static void start_op(struct journal *j, struct journal_op *op,
                     int (*run)(struct db *db, struct journal_op *op),
                     void (*undo)(struct journal_op *op))
{
    op->run = run;
    op->undo = undo;
    op->err = 0;
    op->why.text[0] = '\0';
    list_push(&j->queue, &op->link);
    j->hurried = j->hurried || !op->patient;
    j->numbers.waiting_ops++;
    j->numbers.uncommitted_bytes += op->bytes;
    if (journal_window_full(j)) {
        j->window_was_full = true;
    }
    loop_defer(j->loop, &j->start);
}

void journal_start(struct journal *j, struct journal_op *op,
                   int (*run)(struct db *db, struct journal_op *op),
                   void (*undo)(struct journal_op *op), bool writes)
{
    op->writes = writes;
    op->patient = false;
    op->bytes = 0;
    start_op(j, op, run, undo);
}

void journal_start_sized(struct journal *j, struct journal_op *op,
                         int (*run)(struct db *db, struct journal_op *op),
                         void (*undo)(struct journal_op *op), size_t bytes, bool patient)
{
    op->writes = true;
    op->patient = patient;
    op->bytes = bytes;
    start_op(j, op, run, undo);
}

int journal_op_fail(struct journal_op *op, int err, const char *format, ...)
{
    va_list args;

    op->err = err;
    va_start(args, format);
    (void)vsnprintf(op->why.text, sizeof(op->why.text), format, args);
    va_end(args);
    return 0;
}

void worker_init(struct journal *j)
{
    list_init(&j->queue);
    list_init(&j->batch);
    list_init(&j->results);
    j->work.run = work_run;
    j->work.done = work_done;
    loop_task_init(&j->start, start_batch);
    loop_timer_init(&j->gather, gather_fired);
    loop_timer_init(&j->retry, retry_fired);
    loop_timer_init(&j->idle, idle_fired);
}

void worker_look_around(struct journal *j)
{
    measure_space(j);
    judge_space(j);
    j->window_was_full = journal_window_full(j);
    j->told_condition = j->condition;
    j->scrub_waits = j->db->scrub;
    if (j->numbers.wal_bytes > 0 && j->db->wal_pages == 0) {
        j->db->wal_pages = 1; /* of an earlier life: to be folded, whatever is asked first */
    }
    if (j->numbers.wal_bytes > 0 || j->condition != JOURNAL_OK || j->scrub_waits) {
        loop_timer_start(j->loop, &j->idle, IDLE_MS);
    }
}
