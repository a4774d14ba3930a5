/* journal: opening, closing and what is asked without waiting. The requests stand in append.c,
 * claim.c, finish.c, act.c, adopt.c, rows.c, query.c, mirror.c and upkeep.c; worker.c runs them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/digest.h"
#include "journal/audit.h"
#include "journal/place.h"
#include "journal/seal.h"
#include "journal/worker.h"

/* What starting again may help against, and what a person must mend. */
static int lock_error(const char *name, struct errmsg *msg)
{
    static const struct {
        int number, err;
        const char *advice;
    } known[] = {
        {ENOSPC, ERR_FULL, ""},
        {EDQUOT, ERR_FULL, ""},
        {ENOENT, ERR_NOTFOUND, ": make the folder (state_dir) and give it to the service's user"},
        {ENOTDIR, ERR_NOTFOUND, ": state_dir must be a folder"},
        {EROFS, ERR_DENIED,
         ": the disk of state_dir must be writable; after damage the kernel "
         "makes it read-only, see its messages"},
        {EACCES, ERR_DENIED, ": state_dir must belong to the service's user"},
        {EPERM, ERR_DENIED, ": state_dir must belong to the service's user"},
        {ELOOP, ERR_DENIED, ": it must be no link"},
    };
    int number = errno;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].number == number) {
            return err_set(msg, known[i].err, "%s: %s%s", name, strerror(number), known[i].advice);
        }
    }
    return err_set(msg, ERR_IO, "%s: %s", name, strerror(number));
}

static int take_lock(struct journal *j, struct errmsg *msg)
{
    char name[4096];
    char pid[WITNESS_AT + 1] = "";
    ssize_t n;

    (void)snprintf(name, sizeof(name), "%s.lock", j->path);
    j->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (j->lock_fd < 0) {
        return lock_error(name, msg);
    }
    if (flock(j->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        n = pread(j->lock_fd, pid, sizeof(pid) - 1, 0);
        pid[n > 0 ? n : 0] = '\0';
        pid[strcspn(pid, " \n")] = '\0';
        return err_set(msg, ERR_BUSY, "journal %s is in use by process %s; one daemon per journal",
                       j->path, pid[0] != '\0' ? pid : "(unknown)");
    }
    witness_read(j->lock_fd, &j->witness);
    /* In place and as long as ever: what stands behind it must outlive a crash here. */
    (void)snprintf(pid, sizeof(pid), "%-31ld", (long)getpid());
    pid[WITNESS_AT - 1] = '\n';
    errno = EIO; /* of a write that is cut short */
    if (pwrite(j->lock_fd, pid, WITNESS_AT, 0) != WITNESS_AT) {
        return lock_error(name, msg);
    }
    return 0;
}

/* An erasure was stored, and nobody knows whether the WAL was emptied behind it. */
static int look_for_scrub(struct db *db)
{
    static const struct sql forget = {"DELETE FROM fact WHERE name = '" JOURNAL_SCRUB_FACT "'"};
    int err = db_run(db, &forget, "");

    db->scrub = err == 0 && sqlite3_changes(db->sqlite) > 0;
    return err;
}

/* So that evidence says whose work it tells of. */
static int note_program(struct db *db)
{
    static const struct sql note = {
        "INSERT INTO fact (name, value) VALUES ('" JOURNAL_PROGRAM_FACT "', ?1) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value"};

    return db_run(db, &note, "t", DVCSYNC_VERSION);
}

static int recover(struct db *db, uint64_t now_ms, struct journal_restored *restored)
{
    int err = db_begin(db);

    if (err == 0) {
        err = items_recover(db, now_ms);
    }
    err = err == 0 ? restore_open(db, now_ms, restored) : err;
    err = err == 0 ? look_for_scrub(db) : err;
    err = err == 0 ? note_program(db) : err;
    err = err == 0 ? audit_load(db) : err;
    if (err == 0) {
        err = db_commit(db);
    }
    if (err < 0) {
        db_rollback(db);
    }
    return err;
}

/* Lines for the log outside this machine: where the audit ends, and that this journal is a copy. */
static void tell_start(struct journal *j)
{
    char head[DIGEST_HEX_SIZE];

    if (place_warning_of(j->path) != NULL) {
        log_plain(j->log, LOG_LEVEL_WARN, "journal_place", "journal %s lies on %s", j->path,
                  place_warning_of(j->path));
    }
    digest_hex(j->audit.chain, head);
    log_plain(j->log, LOG_LEVEL_NOTICE, "audit_head", "the audit ends with row %lld, chain %s",
              (long long)j->audit.row, head);
    if (j->restored.fresh) {
        log_plain(
            j->log, LOG_LEVEL_WARN, "journal_restored",
            "this journal began as a copy (%s); in doubt: %llu steps, %llu dossiers; what its "
            "sources tell of before is in doubt too",
            j->restored.salvaged ? "salvaged" : "backup",
            (unsigned long long)j->restored.steps_doubt,
            (unsigned long long)j->restored.dossiers_doubt);
    }
}

static void journal_metrics(struct journal *j, struct metrics *metrics)
{
    static const double commit_bounds[] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
                                           0.05,   0.1,   0.5,   1,     5};
    static const double ops_bounds[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 4096};

    j->commit_seconds = metrics_get(metrics, METRIC_HISTOGRAM, "dvcsync_journal_batch_seconds",
                                    "Time of one group commit.", NULL, 0, commit_bounds,
                                    sizeof(commit_bounds) / sizeof(commit_bounds[0]));
    j->batch_ops = metrics_get(metrics, METRIC_HISTOGRAM, "dvcsync_journal_batch_operations",
                               "Operations in one group commit.", NULL, 0, ops_bounds,
                               sizeof(ops_bounds) / sizeof(ops_bounds[0]));
}

/* No file, but a witness of one: a new, empty journal would send everything again. */
static int refuse_anew(const struct journal *j, struct errmsg *msg)
{
    if (j->witness.attempt == 0 && j->witness.item == 0) {
        return 0;
    }
    return err_set(msg, ERR_CORRUPT,
                   "journal %s is gone, its .lock file tells of it: put it or a backup back; to "
                   "begin anew on purpose, remove the .lock file too",
                   j->path);
}

/* The file, held against its witness before anything is written to it, and recovered. */
static int open_file(struct journal *j, struct errmsg *msg)
{
    bool existed = access(j->path, F_OK) == 0;
    int sealed = seal_break(j->lock_fd, j->path, msg);
    int err = sealed < 0 ? sealed : existed ? 0 : refuse_anew(j, msg);

    j->db_options.sealed = sealed == 1;
    err = err == 0 ? db_open(j->db, j->path, &j->db_options, msg) : err;
    if (err < 0) {
        return err;
    }
    if (existed) {
        err = witness_check(&j->witness, j->db, j->lock_fd);
    }
    j->db_options.must_exist = true; /* from now on */
    j->db_options.sealed = false;
    CRASH_POINT(recover_before);
    err = err == 0 ? recover(j->db, (uint64_t)loop_wall_ms(j->loop), &j->restored) : err;
    if (err < 0) {
        err = err_set(msg, err, "journal %s: %s", j->path, j->db->why.text);
        db_close(j->db);
        return err;
    }
    CRASH_POINT(recover_committed);
    return 0;
}

int journal_open(struct loop *loop, struct log *log, struct metrics *metrics,
                 const struct journal_options *options, struct journal **out, struct errmsg *msg)
{
    struct journal *j = calloc(1, sizeof(*j));
    int err;

    if (j == NULL) {
        return err_set(msg, ERR_NOMEM, "journal");
    }
    db_count_no_memory();
    j->loop = loop;
    j->log = log;
    j->lock_fd = -1;
    j->db = &j->connections[0];
    j->window_bytes = options->window_bytes;
    j->low_water_bytes = options->low_water_bytes;
    j->db_options.cache_bytes = options->cache_bytes;
    j->db_options.synchronous_normal = options->synchronous_normal;
    j->db_options.losing_control = options->losing_control;
    j->db_options.whole_check_bytes = options->whole_check_bytes;
    worker_init(j);
    journal_metrics(j, metrics);
    j->path = strdup(options->path);
    if (j->path == NULL) {
        err = err_set(msg, ERR_NOMEM, "journal");
        goto err_after_alloc;
    }
    err = take_lock(j, msg);
    if (err < 0) {
        goto err_after_alloc;
    }
    CRASH_POINT(journal_locked);
    err = open_file(j, msg);
    if (err < 0) {
        goto err_after_alloc;
    }
    j->sound = !j->db->unchecked;
    check_init(&j->check, loop, j->path, worker_checked);
    if (j->db->unchecked) {
        check_begin(&j->check);
    }
    j->tally = j->db->tally;
    j->audit = j->db->audit;
    tell_start(j);
    ballast_init(&j->ballast, j->path, j->low_water_bytes);
    worker_look_around(j);
    *out = j;
    return 0;

err_after_alloc:
    if (j->lock_fd >= 0) {
        (void)close(j->lock_fd);
    }
    free(j->path);
    free(j);
    return err;
}

static void finish_close(struct loop_task *task)
{
    struct journal *j = CONTAINER_OF(task, struct journal, closed_task);
    void (*closed)(void *ctx) = j->closed;
    void *ctx = j->closed_ctx;

    if (!list_empty(&j->queue) || !list_empty(&j->batch)) {
        worker_cancel_all(j);
        loop_defer(j->loop, &j->closed_task);
        return;
    }
    loop_task_cancel(&j->start);
    if (check_stop(&j->check)) {
        return; /* its end comes back here */
    }
    CRASH_POINT(close_before);
    /* Nothing else runs: the last checkpoint empties the WAL for backups and the next start. */
    if (!j->suspect && !j->damaged && db_checkpoint(j->db, true) < 0) {
        log_plain(j->log, LOG_LEVEL_WARN, "journal_checkpoint", "journal: %s", j->db->why.text);
        j->sound = false;
    }
    CRASH_POINT(close_folded);
    db_close(j->db);
    if (j->sound && !j->suspect) {
        seal_set(j->lock_fd, j->path);
    }
    CRASH_POINT(close_closed);
    (void)close(j->lock_fd);
    free(j->path);
    free(j);
    closed(ctx);
}

void journal_give_up(struct journal *j)
{
    j->giving_up = true;
    if (loop_timer_armed(&j->retry)) {
        loop_timer_stop(&j->retry);
        loop_defer(j->loop, &j->start);
    }
}

void journal_close(struct journal *j, void (*closed)(void *ctx), void *ctx)
{
    j->closing = true;
    j->closed = closed;
    j->closed_ctx = ctx;
    j->changed = NULL;
    (void)check_stop(&j->check);
    loop_task_init(&j->closed_task, finish_close);
    loop_timer_stop(&j->idle);
    if (!j->working && (loop_timer_armed(&j->retry) || list_empty(&j->queue))) {
        worker_end(j); /* a batch that waits for its next try has failed before */
    } else {
        loop_defer(j->loop, &j->start); /* what gathers waits no more */
    }
}

struct journal_audit_head journal_audit_head(const struct journal *j)
{
    return j->audit;
}

enum journal_condition journal_condition(const struct journal *j)
{
    return j->condition;
}

const char *journal_condition_text(const struct journal *j)
{
    return j->condition_text;
}

void journal_on_change(struct journal *j, void (*changed)(void *ctx), void *ctx)
{
    j->changed = changed;
    j->changed_ctx = ctx;
}

uint64_t journal_worker_age_ms(const struct journal *j)
{
    return j->working ? loop_now_ms(j->loop) - j->waiting_since_ms : 0;
}

double journal_commit_ms(const struct journal *j)
{
    return j->commit_ms;
}

void journal_numbers(const struct journal *j, struct journal_numbers *out)
{
    *out = j->numbers;
}

uint64_t journal_tally(const struct journal *j, int64_t flow, enum item_kind kind,
                       enum item_state state)
{
    int64_t n = flow > 0 && flow <= DB_MAX_FLOWS ? j->tally.n[flow][kind][state] : 0;

    return n > 0 ? (uint64_t)n : 0;
}

int journal_flow_id(struct journal *j, const char *name, int64_t *out, struct errmsg *msg)
{
    static const struct sql insert = {"INSERT OR IGNORE INTO flow (name) VALUES (?1)"};
    static const struct sql select = {"SELECT id FROM flow WHERE name = ?1"};
    int err;

    if (j->working || j->suspect) {
        return err_set(msg, ERR_BUSY, "the journal is at work");
    }
    err = db_integer(j->db, &select, out, "t", name);
    if (err == 0) {
        CRASH_POINT(flow_before);
        err = db_run(j->db, &insert, "t", name);
        CRASH_POINT(flow_named);
        if (err == 0) {
            err = db_integer(j->db, &select, out, "t", name);
        }
    }
    if (err < 0) {
        return err_set(msg, err, "journal: %s", j->db->why.text);
    }
    if (*out > DB_MAX_FLOWS) {
        return err_set(msg, ERR_TOOBIG, "more than %d flows were ever named", DB_MAX_FLOWS);
    }
    return 0;
}

bool journal_window_full(const struct journal *j)
{
    return j->condition != JOURNAL_OK || j->numbers.uncommitted_bytes >= j->window_bytes;
}
