#include "bench/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "journal/schema.h"
#include "journal/sqlite.h"

#define STATES 5 /* of items: 0 waits, 1 in flight, 4 done */

enum statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_SUBJECT,
    SQL_ITEM,
    SQL_BODY,
    SQL_FIGURE,
    SQL_MARK,
    SQL_ROW,
    SQL_CURSOR,
    SQL_TALLY,
    SQL_SUBJECT_BUSY,
    SQL_ITEM_SENT,
    SQL_ATTEMPT,
    SQL_ATTEMPT_END,
    SQL_ITEM_DONE,
    SQL_SUBJECT_DONE,
    SQL_COUNT
};

static const char *const SQL[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_SUBJECT] = "INSERT INTO subject (flow, code, status, at, promised, newest_item, queue, "
                    "since_ms) VALUES (1, ?1, ?2, ?3, ?4, ?5, 1, ?6)",
    [SQL_ITEM] = "INSERT INTO item (id, subject, kind, state, hash, status, at, created_ms, "
                 "changed_ms) VALUES (?1, ?2, 1, 0, ?3, ?4, ?5, ?6, ?6)",
    [SQL_BODY] = "INSERT INTO body (item, sha256, body) VALUES (?1, ?2, ?3)",
    [SQL_FIGURE] =
        "INSERT INTO figure (subject, procedure, sector, agency, channel, entry, submitted, "
        "received, finished, returned, refused, first_promised, moved, supplements, results, "
        "digitised, identified, paid_online) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "
        "?12, 0, ?13, ?14, ?15, ?16, ?17)",
    [SQL_MARK] = "INSERT OR IGNORE INTO result_mark (subject, mark) VALUES (?1, ?2)",
    [SQL_ROW] = "INSERT INTO source_row (source, id, hash, code) VALUES ('bench', ?1, ?2, ?1)",
    [SQL_CURSOR] = "INSERT INTO cursor (source, value) VALUES ('bench', ?1) ON CONFLICT (source) "
                   "DO UPDATE SET value = ?1",
    [SQL_TALLY] = "INSERT INTO tally (flow, kind, state, n) VALUES (1, 1, ?1, ?2) ON CONFLICT DO "
                  "UPDATE SET n = ?2",
    [SQL_SUBJECT_BUSY] = "UPDATE subject SET queue = NULL, busy = 1 WHERE id = ?1",
    [SQL_ITEM_SENT] = "UPDATE item SET state = 1, changed_ms = ?2 WHERE id = ?1",
    [SQL_ATTEMPT] = "INSERT INTO attempt (subject, verb, first_item, last_item, items, begun_ms) "
                    "VALUES (?1, 1, ?2, ?2, 1, ?3)",
    [SQL_ATTEMPT_END] = "UPDATE attempt SET ended_ms = ?2, outcome = 1, http = 200, code = '0', "
                        "words = ?4, request = ?5, response = ?6, took_ms = ?3 WHERE id = ?1",
    [SQL_ITEM_DONE] = "UPDATE item SET state = 4, attempts = 1, changed_ms = ?2 WHERE id = ?1",
    [SQL_SUBJECT_DONE] = "UPDATE subject SET busy = 0, present = 1, acked_item = ?2, acked_hash = "
                         "?3, acked_status = ?4, since_ms = 0, settled = ?5 WHERE id = ?1",
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *stmt[SQL_COUNT];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct store_job *in, **in_end;
    struct store_job *back, **back_end;
    uint64_t commits;
    int64_t items; /* ids given */
    int64_t tally[STATES];
    bool tallied[STATES]; /* another number since the last commit */
    int fd;
    bool closing;
};

static void die(struct store *s, const char *what)
{
    fprintf(stderr, "ideal: %s: %s\n", what, sqlite3_errmsg(s->db));
    _exit(3);
}

static int64_t wall_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void run(struct store *s, enum statement which)
{
    sqlite3_stmt *st = s->stmt[which];

    if (sqlite3_step(st) != SQLITE_DONE) {
        die(s, SQL[which]);
    }
    sqlite3_reset(st);
}

static sqlite3_stmt *bind_ids(struct store *s, enum statement which, int64_t first, int64_t second)
{
    sqlite3_bind_int64(s->stmt[which], 1, first);
    sqlite3_bind_int64(s->stmt[which], 2, second);
    return s->stmt[which];
}

static void move(struct store *s, int from, int to)
{
    if (from >= 0) {
        s->tally[from]--;
        s->tallied[from] = true;
    }
    s->tally[to]++;
    s->tallied[to] = true;
}

static void write_tally(struct store *s)
{
    for (int state = 0; state < STATES; state++) {
        if (s->tallied[state]) {
            bind_ids(s, SQL_TALLY, state, s->tally[state]);
            run(s, SQL_TALLY);
            s->tallied[state] = false;
        }
    }
}

static void append_figure(struct store *s, const struct store_job *job)
{
    const struct facts *f = &job->facts;
    const int64_t numbers[] = {f->channel,     f->entry,      f->submitted_s, f->received_s,
                               f->finished_s,  f->returned_s, f->refused_s,   f->promised_s,
                               f->supplements, f->results,    f->digitised,   f->identified,
                               f->paid_online};
    sqlite3_stmt *st = s->stmt[SQL_FIGURE];

    sqlite3_bind_int64(st, 1, job->subject);
    sqlite3_bind_text(st, 2, f->procedure, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, f->sector, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 4, f->agency, -1, SQLITE_STATIC);
    for (int i = 0; i < (int)(sizeof(numbers) / sizeof(numbers[0])); i++) {
        sqlite3_bind_int64(st, 5 + i, numbers[i]);
    }
    run(s, SQL_FIGURE);
    for (size_t i = 0; i < f->n_marks; i++) {
        st = s->stmt[SQL_MARK];
        sqlite3_bind_int64(st, 1, job->subject);
        sqlite3_bind_blob(st, 2, f->marks[i], FACTS_MARK_BYTES, SQLITE_STATIC);
        run(s, SQL_MARK);
    }
}

/* One digest of the body stands for the row, for the content and for the stored body; the daemon
 * needs three. */
static void append(struct store *s, struct store_job *job, int64_t now)
{
    sqlite3_stmt *st = s->stmt[SQL_SUBJECT];

    if (digest_sha256(job->body, job->len, job->hash) != 0) {
        die(s, "SHA-256");
    }
    s->items++;
    job->item = s->items;
    sqlite3_bind_text(st, 1, job->code, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, job->facts.status);
    sqlite3_bind_int64(st, 3, job->facts.changed_s);
    sqlite3_bind_int64(st, 4, job->facts.promised_s);
    sqlite3_bind_int64(st, 5, job->item);
    sqlite3_bind_int64(st, 6, now);
    run(s, SQL_SUBJECT);
    job->subject = sqlite3_last_insert_rowid(s->db);
    append_figure(s, job);
    st = bind_ids(s, SQL_ITEM, job->item, job->subject);
    sqlite3_bind_blob(st, 3, job->hash, sizeof(job->hash), SQLITE_STATIC);
    sqlite3_bind_int64(st, 4, job->facts.status);
    sqlite3_bind_int64(st, 5, job->facts.changed_s);
    sqlite3_bind_int64(st, 6, now);
    run(s, SQL_ITEM);
    st = s->stmt[SQL_BODY];
    sqlite3_bind_int64(st, 1, job->item);
    sqlite3_bind_blob(st, 2, job->hash, sizeof(job->hash), SQLITE_STATIC);
    sqlite3_bind_blob(st, 3, job->body, (int)job->len, SQLITE_STATIC);
    run(s, SQL_BODY);
    st = s->stmt[SQL_ROW];
    sqlite3_bind_text(st, 1, job->code, -1, SQLITE_STATIC);
    sqlite3_bind_blob(st, 2, job->hash, sizeof(job->hash), SQLITE_STATIC);
    run(s, SQL_ROW);
    move(s, -1, 0);
}

static void intent(struct store *s, struct store_job *job, int64_t now)
{
    sqlite3_bind_int64(s->stmt[SQL_SUBJECT_BUSY], 1, job->subject);
    run(s, SQL_SUBJECT_BUSY);
    bind_ids(s, SQL_ITEM_SENT, job->item, now);
    run(s, SQL_ITEM_SENT);
    sqlite3_bind_int64(bind_ids(s, SQL_ATTEMPT, job->subject, job->item), 3, now);
    run(s, SQL_ATTEMPT);
    job->attempt = sqlite3_last_insert_rowid(s->db);
    move(s, 0, 1);
}

static void finish(struct store *s, struct store_job *job, int64_t now)
{
    const struct store_answer *a = &job->answer;
    sqlite3_stmt *st = bind_ids(s, SQL_ATTEMPT_END, job->attempt, now);

    sqlite3_bind_int64(st, 3, a->took_ms);
    sqlite3_bind_text(st, 4, a->words, -1, SQLITE_STATIC);
    sqlite3_bind_blob(st, 5, a->request, sizeof(a->request), SQLITE_STATIC);
    sqlite3_bind_blob(st, 6, a->response, sizeof(a->response), SQLITE_STATIC);
    run(s, SQL_ATTEMPT_END);
    bind_ids(s, SQL_ITEM_DONE, job->item, now);
    run(s, SQL_ITEM_DONE);
    st = bind_ids(s, SQL_SUBJECT_DONE, job->subject, job->item);
    sqlite3_bind_blob(st, 3, job->hash, sizeof(job->hash), SQLITE_STATIC);
    sqlite3_bind_int64(st, 4, job->facts.status);
    sqlite3_bind_int64(st, 5, now / 1000);
    run(s, SQL_SUBJECT_DONE);
    move(s, 1, 4);
}

static void run_job(struct store *s, struct store_job *job, int64_t now)
{
    char offset[24];

    switch (job->what) {
    case STORE_APPEND:
        append(s, job, now);
        break;
    case STORE_CURSOR:
        (void)snprintf(offset, sizeof(offset), "%zu", job->offset);
        sqlite3_bind_text(s->stmt[SQL_CURSOR], 1, offset, -1, SQLITE_TRANSIENT);
        run(s, SQL_CURSOR);
        break;
    case STORE_INTENT:
        intent(s, job, now);
        break;
    case STORE_FINISH:
        finish(s, job, now);
        break;
    }
}

static void *work(void *arg)
{
    struct store *s = arg;
    const uint64_t one = 1;

    pthread_mutex_lock(&s->lock);
    for (;;) {
        struct store_job *first;
        struct store_job **end;
        int64_t now;

        while (s->in == NULL && !s->closing) {
            pthread_cond_wait(&s->work, &s->lock);
        }
        if (s->in == NULL) {
            break;
        }
        first = s->in;
        end = s->in_end;
        s->in = NULL;
        s->in_end = &s->in;
        pthread_mutex_unlock(&s->lock);
        now = wall_ms();
        run(s, SQL_BEGIN);
        for (struct store_job *job = first; job != NULL; job = job->next) {
            run_job(s, job, now);
        }
        write_tally(s);
        run(s, SQL_COMMIT);
        pthread_mutex_lock(&s->lock);
        s->commits++;
        *s->back_end = first;
        s->back_end = end;
        if (write(s->fd, &one, sizeof(one)) != (ssize_t)sizeof(one)) {
            die(s, "eventfd");
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static int prepare(struct store *s, const char *path)
{
    char settings[256];
    static const char start[] =
        "INSERT INTO flow (id, name) VALUES (1, 'bench');"
        "INSERT INTO fact (name, value) VALUES ('journal.program', 'ideal')";

    (void)snprintf(settings, sizeof(settings),
                   "PRAGMA page_size = %d; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                   "PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = %d;"
                   "PRAGMA journal_size_limit = 67108864;",
                   DB_PAGE_BYTES, DB_CHECKPOINT_BYTES / DB_PAGE_BYTES);
    if (sqlite3_open_v2(path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK ||
        sqlite3_exec(s->db, settings, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(s->db, journal_schema_sql, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(s->db, start, NULL, NULL, NULL) != SQLITE_OK) {
        return -1;
    }
    for (int i = 0; i < SQL_COUNT; i++) {
        if (sqlite3_prepare_v3(s->db, SQL[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmt[i], NULL) !=
            SQLITE_OK) {
            return -1;
        }
    }
    return 0;
}

int store_open(struct store **out, const char *path)
{
    struct store *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return -1;
    }
    s->in_end = &s->in;
    s->back_end = &s->back;
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    if (s->fd < 0 || prepare(s, path) != 0 || pthread_create(&s->thread, NULL, work, s) != 0) {
        fprintf(stderr, "%s: %s\n", path, s->db != NULL ? sqlite3_errmsg(s->db) : "no database");
        return -1; /* the program ends */
    }
    *out = s;
    return 0;
}

int store_fd(const struct store *s)
{
    return s->fd;
}

void store_put(struct store *s, struct store_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&s->lock);
    *s->in_end = job;
    s->in_end = &job->next;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
}

struct store_job *store_take(struct store *s)
{
    struct store_job *jobs;
    uint64_t n;

    (void)!read(s->fd, &n, sizeof(n));
    pthread_mutex_lock(&s->lock);
    jobs = s->back;
    s->back = NULL;
    s->back_end = &s->back;
    pthread_mutex_unlock(&s->lock);
    return jobs;
}

void store_now(struct store *s, struct store_job *job)
{
    run(s, SQL_BEGIN);
    run_job(s, job, wall_ms());
    write_tally(s);
    run(s, SQL_COMMIT);
}

uint64_t store_commits(struct store *s)
{
    uint64_t n;

    pthread_mutex_lock(&s->lock);
    n = s->commits;
    pthread_mutex_unlock(&s->lock);
    return n;
}

void store_close(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    for (int i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(s->stmt[i]);
    }
    sqlite3_close(s->db);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
    close(s->fd);
    free(s);
}
