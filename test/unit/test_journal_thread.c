/* The journal with a real worker thread: what the fake loop can't show. For the thread sanitizer,
 * too. */
#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "base/digest.h"
#include "daemon/loop_uv.h"

#define DOSSIERS 200
#define PAGE 10

struct rig {
    uv_loop_t uv;
    struct loop_uv *bridge;
    struct loop *loop;
    struct journal *journal;
    int64_t flow;
    char dir[64];
    char path[96];
    /* the source */
    struct journal_append append;
    int first; /* number of a dossier */
    int appended;
    /* the sink */
    struct journal_claim claim;
    bool claiming;
    unsigned finishing;
    unsigned delivered;
    /* a person looking */
    struct loop_timer begin, look;
    struct journal_list list;
    bool listing;
    unsigned looks;
    bool closed;
};

struct finishing {
    struct journal_finish finish;
    struct journal_call *call;
    struct rig *rig;
};

static void append_page(struct rig *r);
static void claim_some(struct rig *r);

static void closed(void *ctx)
{
    struct rig *r = ctx;

    r->closed = true;
    loop_timer_stop(&r->look);
    loop_uv_close(r->bridge);
}

static void maybe_end(struct rig *r)
{
    if (r->delivered == 2 * DOSSIERS && r->finishing == 0 && !r->claiming && !r->listing) {
        journal_close(r->journal, closed, r);
    } else if (!r->claiming && r->finishing == 0) {
        claim_some(r);
    }
}

static void finished(struct journal_op *op)
{
    struct finishing *f = CONTAINER_OF(op, struct finishing, finish.op);
    struct rig *r = f->rig;

    assert_int_equal(op->err, 0);
    assert_int_equal(f->finish.became, ITEM_DONE);
    r->delivered += (unsigned)f->call->n;
    r->finishing--;
    journal_call_free(f->call);
    free(f);
    maybe_end(r);
}

static void claimed(struct journal_op *op)
{
    struct rig *r = CONTAINER_OF(op, struct rig, claim.op);
    struct list *node;

    assert_int_equal(op->err, 0);
    r->claiming = false;
    for (node = list_shift(&r->claim.calls); node != NULL; node = list_shift(&r->claim.calls)) {
        struct finishing *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        f->rig = r;
        f->call = CONTAINER_OF(node, struct journal_call, link);
        journal_finish_init(&f->finish, f->call);
        f->finish.to = ITEM_DONE;
        f->finish.outcome = 1;
        f->finish.ended_ms = (uint64_t)loop_wall_ms(r->loop);
        f->finish.op.done = finished;
        r->finishing++;
        journal_finish(r->journal, &f->finish);
    }
    maybe_end(r);
}

static void claim_some(struct rig *r)
{
    r->claiming = true;
    memset(&r->claim, 0, sizeof(r->claim));
    r->claim.op.done = claimed;
    r->claim.flow = r->flow;
    r->claim.snapshot_kind = RECORD_DOSSIER;
    r->claim.now_ms = (uint64_t)loop_wall_ms(r->loop);
    r->claim.max = 16;
    journal_claim(r->journal, &r->claim);
}

static void appended(struct journal_op *op)
{
    struct rig *r = CONTAINER_OF(op, struct rig, append.op);

    assert_int_equal(op->err, 0);
    assert_int_equal(r->append.stored, 2 * PAGE);
    journal_append_free(&r->append);
    if (r->appended < DOSSIERS) {
        append_page(r);
    }
}

static void append_page(struct rig *r)
{
    journal_append_init(&r->append, r->flow);
    r->append.op.done = appended;
    r->append.now_ms = (uint64_t)loop_wall_ms(r->loop);
    for (int i = 0; i < PAGE; i++, r->appended++) {
        for (int step = 0; step < 2; step++) {
            struct journal_record record = {.status = 4};
            char code[32];

            (void)snprintf(code, sizeof(code), "H56-%d", r->first + r->appended);
            record.record.kind = step ? RECORD_STEP : RECORD_DOSSIER;
            record.record.code = code;
            record.record.step_key = step ? "s1" : "";
            record.record.body = code;
            record.record.body_len = strlen(code);
            assert_int_equal(digest_sha256(code, strlen(code), record.record.hash), 0);
            assert_int_equal(journal_append_add(&r->append, &record), 0);
        }
    }
    journal_append(r->journal, &r->append);
}

static void listed(struct journal_op *op)
{
    struct rig *r = CONTAINER_OF(op, struct rig, list.op);

    assert_int_equal(op->err, 0);
    journal_list_free(&r->list);
    r->listing = false;
    maybe_end(r);
}

/* What a status page asks of memory and of a page of the journal, while the worker works. */
static void look(struct loop_timer *timer)
{
    struct rig *r = CONTAINER_OF(timer, struct rig, look);
    struct journal_numbers n;

    journal_numbers(r->journal, &n);
    assert_true(journal_tally(r->journal, r->flow, ITEM_STEP, ITEM_DONE) <=
                (uint64_t)(r->first + DOSSIERS));
    assert_int_equal(journal_condition(r->journal), JOURNAL_OK);
    assert_string_equal(journal_condition_text(r->journal), "");
    (void)journal_window_full(r->journal);
    (void)journal_worker_age_ms(r->journal);
    (void)journal_commit_ms(r->journal);
    r->looks++;
    if (!r->listing && r->delivered < 2 * DOSSIERS) {
        r->listing = true;
        memset(&r->list, 0, sizeof(r->list));
        r->list.op.done = listed;
        r->list.state = -2;
        r->list.limit = 20;
        journal_list(r->journal, &r->list);
        loop_timer_start(r->loop, &r->look, 1);
    }
}

static void begin(struct loop_timer *timer)
{
    struct rig *r = CONTAINER_OF(timer, struct rig, begin);

    append_page(r);
    claim_some(r);
    loop_timer_start(r->loop, &r->look, 1);
}

/* A life of the journal; its work begins after so many ms. */
static void live(struct rig *r, const struct journal_options *options, uint64_t after_ms)
{
    struct errmsg msg = {""};

    assert_int_equal(uv_loop_init(&r->uv), 0);
    assert_int_equal(loop_uv_open(&r->uv, &r->bridge), 0);
    r->loop = loop_uv_loop(r->bridge);
    assert_int_equal(journal_open(r->loop, NULL, NULL, options, &r->journal, &msg), 0);
    assert_int_equal(journal_flow_id(r->journal, "dossiers", &r->flow, &msg), 0);
    loop_timer_init(&r->look, look);
    loop_timer_init(&r->begin, begin);
    loop_timer_start(r->loop, &r->begin, after_ms);
    assert_int_equal(uv_run(&r->uv, UV_RUN_DEFAULT), 0);
    assert_true(r->closed);
    assert_int_equal(r->delivered, 2 * DOSSIERS);
    assert_true(r->looks > 0);
    assert_int_equal(uv_loop_close(&r->uv), 0);
}

static struct rig *make_rig(struct journal_options *options)
{
    struct rig *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    (void)snprintf(r->dir, sizeof(r->dir), "/tmp/dvcsync-journal-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(r->path, sizeof(r->path), "%s/journal.db", r->dir);
    *options = (struct journal_options){
        .path = r->path, .window_bytes = 4u << 20, .cache_bytes = 1u << 20};
    return r;
}

static void remove_rig(struct rig *r)
{
    char name[128];

    (void)unlink(r->path);
    (void)snprintf(name, sizeof(name), "%s.lock", r->path);
    (void)unlink(name);
    assert_int_equal(rmdir(r->dir), 0);
    free(r);
}

static void a_source_a_sink_and_a_watcher_work_at_once(void **state)
{
    struct journal_options options;
    struct rig *r = make_rig(&options);

    (void)state;
    live(r, &options, 0);
    remove_rig(r);
}

/* What was sealed is checked beside the work, from a second after the start. */
static void a_check_beside_them_all(void **state)
{
    struct journal_options options;
    struct rig *r = make_rig(&options);
    struct rig *again = calloc(1, sizeof(*again));

    (void)state;
    assert_non_null(again);
    live(r, &options, 0);
    options.whole_check_bytes = 1;
    again->first = DOSSIERS;
    live(again, &options, 1000);
    free(again);
    remove_rig(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_a_sink_and_a_watcher_work_at_once),
        cmocka_unit_test(a_check_beside_them_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
