/* journal: the journal by itself, and what SQLite allows with the same tables.
 *
 *   journal speed journal|bare FILE COUNT    appends and finishes COUNT dossiers, in groups of 500
 *   journal waiting FILE COUNT               makes a journal in which COUNT dossiers wait
 *   journal delivered FILE COUNT             one with COUNT that were delivered, their bodies gone
 *
 * speed: a group is appended with the rows of its page and the cursor, claimed, and finished, each
 * in as few transactions as the daemon's own limits allow. bare writes the same rows by the
 * straightest statements, with the digests ready. Only the journal's calls are timed. One line of
 * JSON; batches and checkpoints are the journal's. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/bare.h"
#include "bench/made.h"
#include "journal/journal.h"
#include "lib/fake_loop.h"

#define GROUP 500
#define CLAIM 250
#define FLOW "dossiers"
#define SOURCE "feed"

static void die(const char *what, const char *why)
{
    fprintf(stderr, "journal: %s: %s\n", what, why);
    exit(1);
}

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct world {
    struct fake_loop loop;
    struct metrics *metrics;
    struct journal *journal;
    int64_t flow;
    double seconds; /* in the journal's calls */
};

static void ended(struct journal_op *op)
{
    *(bool *)op->ctx = true;
}

#define RUN(w, start, request)                                                                     \
    do {                                                                                           \
        bool done_ = false;                                                                        \
                                                                                                   \
        (request)->op.done = ended;                                                                \
        (request)->op.ctx = &done_;                                                                \
        start((w)->journal, (request));                                                            \
        fake_loop_settle(&(w)->loop);                                                              \
        if (!done_ || (request)->op.err != 0) {                                                    \
            die(#start, (request)->op.why.text);                                                   \
        }                                                                                          \
    } while (0)

static void open_world(struct world *w, const char *path, bool synced, int64_t wall_s)
{
    struct journal_options options = {.path = path,
                                      .window_bytes = 4u << 20,
                                      .cache_bytes = 8u << 20,
                                      .synchronous_normal = !synced};
    struct errmsg msg = {""};

    memset(w, 0, sizeof(*w));
    fake_loop_init(&w->loop);
    w->loop.wall_ms = wall_s * 1000;
    w->metrics = metrics_new();
    if (journal_open(&w->loop.loop, NULL, w->metrics, &options, &w->journal, &msg) != 0 ||
        journal_flow_id(w->journal, FLOW, &w->flow, &msg) != 0) {
        die(path, msg.text);
    }
}

static void note_closed(void *ctx)
{
    *(bool *)ctx = true;
}

static void close_world(struct world *w)
{
    bool closed = false;

    journal_close(w->journal, note_closed, &closed);
    fake_loop_settle(&w->loop);
    if (!closed) {
        die("closing", "it does not close");
    }
    metrics_free(w->metrics);
}

/* What counts.sh counts runs in count_append and count_deliver. */
static __attribute__((noinline)) void count_append(struct world *w, const struct made *made,
                                                   long from, long until)
{
    struct journal_append a;
    char cursor[24];
    int err = 0;

    journal_append_init(&a, w->flow);
    a.now_ms = (uint64_t)loop_wall_ms(&w->loop.loop);
    for (long i = from; err == 0 && i < until; i++) {
        const struct made *m = &made[i - from];
        struct journal_record r = {.record = m->record, .status = 4};
        struct journal_row row = {.id = m->code, .code = m->code};

        memcpy(row.hash, m->record.hash, sizeof(row.hash));
        err = journal_append_add(&a, &r);
        err = err == 0 ? journal_append_row(&a, SOURCE, &row) : err;
    }
    (void)snprintf(cursor, sizeof(cursor), "%ld", until);
    err = err == 0 ? journal_append_cursor(&a, SOURCE, cursor) : err;
    if (err != 0) {
        die("journal_append_add", err_text(err));
    }
    RUN(w, journal_append, &a);
    journal_append_free(&a);
}

static void append(struct world *w, long from, long until, struct arena *arena)
{
    struct made *made = calloc(GROUP, sizeof(*made));
    double begun;

    if (made == NULL) {
        die("append", "out of memory");
    }
    for (long i = from; i < until; i++) {
        made_fill(i, loop_wall_ms(&w->loop.loop) / 1000, arena, &made[i - from]);
    }
    begun = now_s();
    count_append(w, made, from, until);
    w->seconds += now_s() - begun;
    free(made);
}

static void finish_all(struct world *w, struct journal_claim *claim)
{
    static struct journal_finish finishes[CLAIM];
    static bool done[CLAIM];
    struct journal_call *calls[CLAIM];
    size_t n = claim->n;

    for (size_t i = 0; i < n; i++) {
        struct journal_finish *f = &finishes[i];

        calls[i] = CONTAINER_OF(list_shift(&claim->calls), struct journal_call, link);
        journal_finish_init(f, calls[i]);
        f->op.done = ended;
        f->op.ctx = &done[i];
        done[i] = false;
        f->ended_ms = (uint64_t)loop_wall_ms(&w->loop.loop);
        f->http = 200;
        (void)snprintf(f->code, sizeof(f->code), "0");
        (void)snprintf(f->words, sizeof(f->words), "Đồng bộ hồ sơ thành công");
        memset(f->request, 1, sizeof(f->request));
        memset(f->response, 1, sizeof(f->response));
        f->to = ITEM_DONE;
        f->present = 1;
        f->doubt = 0;
        f->charge = true;
        f->status = 4;
        f->took_ms = 1;
        journal_finish(w->journal, f);
    }
    fake_loop_settle(&w->loop);
    for (size_t i = 0; i < n; i++) {
        if (!done[i] || finishes[i].op.err != 0) {
            die("journal_finish", finishes[i].op.why.text);
        }
        journal_call_free(calls[i]);
    }
}

static __attribute__((noinline)) void count_deliver(struct world *w)
{
    struct journal_claim claim;

    do {
        memset(&claim, 0, sizeof(claim));
        claim.flow = w->flow;
        claim.snapshot_kind = RECORD_DOSSIER;
        claim.lookup = true;
        claim.now_ms = (uint64_t)loop_wall_ms(&w->loop.loop);
        claim.due_cap_ms = UINT64_C(86400000);
        claim.max = CLAIM;
        list_init(&claim.calls);
        RUN(w, journal_claim, &claim);
        finish_all(w, &claim);
    } while (claim.n > 0);
}

static void run_journal(struct world *w, long count, bool finish)
{
    for (long i = 0; i < count; i += GROUP) {
        struct arena arena;

        arena_init(&arena, 16u << 20);
        append(w, i, i + GROUP < count ? i + GROUP : count, &arena);
        if (finish) {
            double begun = now_s();

            count_deliver(w);
            w->seconds += now_s() - begun;
        }
        arena_free(&arena);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    bool speed = strcmp(what, "speed") == 0 && argc == 5;
    long count = argc > 3 ? atol(argv[argc - 1]) : 0;
    struct journal_numbers numbers = {.batches = 0};
    double seconds = 0;
    struct world w;

    if (count <= 0 || (!speed && argc != 4)) {
        fputs("usage: journal speed journal|bare FILE COUNT | waiting FILE COUNT | "
              "delivered FILE COUNT\n",
              stderr);
        return 64;
    }
    if (speed && strcmp(argv[2], "bare") == 0) {
        seconds = bare_run(argv[3], count, GROUP, CLAIM);
    } else if (strcmp(what, "delivered") == 0) {
        open_world(&w, argv[2], false, time(NULL));
        close_world(&w);
        bare_fill_delivered(argv[2], count);
    } else {
        open_world(&w, argv[speed ? 3 : 2], speed, speed ? MADE_NOW_S : time(NULL));
        run_journal(&w, count, speed);
        journal_numbers(w.journal, &numbers);
        close_world(&w);
        seconds = w.seconds;
    }
    printf("{\"dossiers\":%ld,\"seconds\":%.4f,\"batches\":%llu,\"checkpoints\":%llu}\n", count,
           seconds, (unsigned long long)numbers.batches, (unsigned long long)numbers.checkpoints);
    return 0;
}
