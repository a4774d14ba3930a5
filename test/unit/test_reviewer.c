/* Reconciliations in a whole engine, on virtual time: what source, journal and portal do not say
 * alike is found, named and mended, and a stop in between costs nothing twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/fake_world.h"

#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS UINT64_C(3600000)
#define DOSSIERS 20
#define KICKED_MAX_S 60 /* of real time, for what takes one second */

struct reviewed {
    struct review_read read;
    bool done;
};

static const char *code_of(int i)
{
    static char codes[4][64];
    static int at;
    char *code = codes[at++ % 4];

    (void)snprintf(code, sizeof(codes[0]), "000.00.12.H56-251120-%04d", i);
    return code;
}

static struct fake_entry *at_portal(struct fake_world *w, int i)
{
    struct fake_entry *e = fake_ledger_find(&w->portal->ledger, code_of(i));

    assert_non_null(e);
    return e;
}

/* The portal forgets it, with all its steps. */
static void lose(struct fake_world *w, int i)
{
    struct fake_entry *e = at_portal(w, i);

    e->there = false;
    e->n_contents = 0;
    e->steps = 0;
    e->step_at_s = 0;
    e->snapshot_at_s = 0;
}

/* The portal shows another status and holds another content. */
static void alter(struct fake_world *w, int i, int status)
{
    struct fake_entry *e = at_portal(w, i);

    e->status = status;
    memset(e->held, 0, sizeof(e->held));
    e->snapshot_at_s = 0;
}

/* Behind the daemon's back. */
static void tamper(struct fake_world *w, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open_v2(w->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* All delivered long ago. */
static void deliver(struct fake_world *w)
{
    for (int i = 0; i < DOSSIERS; i++) {
        fake_source_put(w->onestop, code_of(i), 2, "a");
    }
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    for (int i = 0; i < DOSSIERS; i++) {
        char key[32];

        for (int k = 0; k < 3; k++) {
            (void)snprintf(key, sizeof(key), "%d-%d", i, k);
            fake_source_step(w->onestop, code_of(i), key, 4);
        }
        fake_source_put(w->onestop, code_of(i), 4, "b");
    }
    fake_world_run(w, 2 * MINUTE_MS);
    assert_int_equal(fake_world_open_items(w, "dossiers"), 0);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    fake_world_run(w, HOUR_MS);
}

static int setup(void **state)
{
    struct fake_world *w;

    if (fake_world_setup(state) != 0) {
        return -1;
    }
    w = *state;
    w->config.reconcile_at = "";
    w->config.reconcile_sample = 200;
    w->config.reconcile_grace_ms = 15 * MINUTE_MS;
    return 0;
}

/* How the last snapshot of it was sent. */
static bool sent_as_update(const struct fake_world *w, int i)
{
    const struct fake_logged *last = NULL;

    for (size_t k = 0; k < w->portal->n_log; k++) {
        const struct fake_logged *l = &w->portal->log[k];

        if (l->verb == 's' && l->kind == RECORD_DOSSIER && strcmp(l->code, code_of(i)) == 0) {
            last = l;
        }
    }
    assert_non_null(last);
    return last->updating;
}

/* ---- running one ---- */

static void begun(struct engine_reconcile *q)
{
    *(bool *)q->ctx = true;
}

/* Its err. */
static int begin_with(struct fake_world *w, enum review_what what, const char *code, bool fix,
                      bool yes)
{
    struct engine_reconcile *q = calloc(1, sizeof(*q));
    bool done = false;
    int err;

    assert_non_null(q);
    q->begin.what = what;
    q->begin.sample = 1000;
    q->begin.fix = fix;
    q->begin.yes = yes;
    q->begin.sweep = what == REVIEW_OPEN || what == REVIEW_MONTH;
    q->begin.to_s = loop_wall_s(&w->loop.loop) + 86400;
    q->begin.from_s = q->begin.to_s - 30 * 86400;
    (void)snprintf(q->begin.code, sizeof(q->begin.code), "%s", code);
    (void)snprintf(q->begin.scope, sizeof(q->begin.scope), "a test");
    (void)snprintf(q->begin.who, sizeof(q->begin.who), "tester");
    q->done = begun;
    q->ctx = &done;
    engine_reconcile(w->engine, q);
    for (int i = 0; i < 100000 && !done; i++) {
        fake_loop_turn(&w->loop);
    }
    assert_true(done);
    err = q->err;
    free(q);
    return err;
}

static int begin(struct fake_world *w, enum review_what what, const char *code, bool fix)
{
    return begin_with(w, what, code, fix, false);
}

static void run_to_its_end(struct fake_world *w)
{
    for (int i = 0; i < 24 * 3600 && fake_world_status(w)->reconcile.running; i++) {
        fake_world_run(w, 1000);
    }
    assert_false(fake_world_status(w)->reconcile.running);
}

/* A worker with a thread of its own, and a loop that never rests: kicks come after an op was
 * started, and again when the worker is through with it and has not said so yet. */
static void run_kicked(struct fake_world *w)
{
    struct loop_work *item;

    w->loop.hold_work = true;
    engine_kick(w->engine);
    fake_loop_advance(&w->loop, 10);
    item = w->loop.work_first;
    w->loop.work_first = NULL;
    w->loop.work_last = NULL;
    while (item != NULL) {
        struct loop_work *next = item->impl;

        item->run(item);
        engine_kick(w->engine);
        fake_loop_advance(&w->loop, 10);
        item->done(item);
        item = next;
    }
    w->loop.hold_work = false;
}

/* An op that is started twice makes a ring of the journal's list, which only the alarm ends. */
static void run_kicked_to_its_end(struct fake_world *w)
{
    (void)alarm(KICKED_MAX_S);
    for (int i = 0; i < 3000 && fake_world_status(w)->reconcile.running; i++) {
        run_kicked(w);
    }
    (void)alarm(0);
    assert_false(fake_world_status(w)->reconcile.running);
}

static void read_done(struct journal_op *op)
{
    *(bool *)op->ctx = true;
}

static void read_result(struct fake_world *w, struct review_read *r)
{
    bool done = false;

    memset(r, 0, sizeof(*r));
    r->limit = 1000;
    r->op.done = read_done;
    r->op.ctx = &done;
    review_read(w->journal, r);
    for (int i = 0; i < 100000 && !done; i++) {
        fake_loop_turn(&w->loop);
    }
    assert_true(done);
    assert_int_equal(r->op.err, 0);
}

static uint64_t counted(const struct review_read *r, const char *name)
{
    for (size_t i = 0; i < r->n_counts; i++) {
        if (strcmp(r->counts[i].name, name) == 0) {
            return r->counts[i].n;
        }
    }
    return 0;
}

static const struct review_finding *finding(const struct review_read *r, int i)
{
    for (size_t k = 0; k < r->n_findings; k++) {
        if (strcmp(r->findings[k].code, code_of(i)) == 0) {
            return &r->findings[k];
        }
    }
    return NULL;
}

static void reconcile(struct fake_world *w, enum review_what what, bool fix, struct review_read *r)
{
    assert_int_equal(begin(w, what, "", fix), 0);
    run_to_its_end(w);
    read_result(w, r);
}

static void assert_all_agree(struct fake_world *w)
{
    struct review_read r;

    fake_world_run(w, HOUR_MS);
    assert_int_equal(fake_world_open_items(w, "dossiers"), 0);
    reconcile(w, REVIEW_SAMPLE, false, &r);
    assert_int_equal(counted(&r, "agreed"), DOSSIERS);
    assert_int_equal(r.n_findings, 0);
    review_read_free(&r);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(w->portal->ledger.duplicated, 0);
}

/* ---- tests ---- */

static void what_agrees_is_counted_and_nothing_else(void **state)
{
    struct fake_world *w = *state;
    static const enum review_what scopes[] = {REVIEW_SAMPLE, REVIEW_OPEN, REVIEW_MONTH};

    deliver(w);
    for (size_t i = 0; i < 3; i++) {
        uint64_t looks = w->portal->looks;
        uint64_t sends = w->portal->sends;
        struct review_read r;

        reconcile(w, scopes[i], true, &r);
        assert_int_equal(counted(&r, "agreed"), DOSSIERS);
        assert_int_equal(counted(&r, "source_asked"), DOSSIERS);
        assert_int_equal(r.n_findings, 0);
        assert_int_equal(r.todo, 0);
        assert_false(r.row.ended_ms == 0);
        assert_int_equal(w->portal->looks - looks, DOSSIERS);
        assert_int_equal(w->portal->sends, sends);
        review_read_free(&r);
    }
}

static void what_the_portal_lost_is_found_and_brought_back_with_its_steps(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;
    uint64_t sends;

    deliver(w);
    lose(w, 3);
    lose(w, 7);
    sends = w->portal->sends;
    reconcile(w, REVIEW_SAMPLE, false, &r);
    assert_int_equal(counted(&r, "lost"), 2);
    assert_int_equal(counted(&r, "agreed"), DOSSIERS - 2);
    assert_int_equal(r.n_findings, 2);
    assert_int_equal(finding(&r, 3)->kind, DIFFERENCE_LOST);
    assert_int_equal(finding(&r, 3)->portal, SIDE_ABSENT);
    assert_int_equal(finding(&r, 3)->journal_status, 4);
    assert_int_equal(finding(&r, 7)->kind, DIFFERENCE_LOST);
    review_read_free(&r);
    assert_int_equal(w->portal->sends, sends); /* reported first, mended when asked */
    reconcile(w, REVIEW_SAMPLE, true, &r);
    assert_int_equal(counted(&r, "lost"), 2);
    assert_int_equal(counted(&r, "mended"), 2);
    assert_true(finding(&r, 3)->mended);
    review_read_free(&r);
    fake_world_run(w, MINUTE_MS);
    assert_false(sent_as_update(w, 3));
    assert_int_equal(at_portal(w, 3)->steps, 3);
    assert_int_equal(at_portal(w, 7)->steps, 3);
    assert_int_equal(w->portal->ledger.disorder, 0);
    assert_all_agree(w);
    /* Lost once more: each step is put in once, not once for each time. */
    lose(w, 3);
    reconcile(w, REVIEW_SAMPLE, true, &r);
    assert_int_equal(counted(&r, "mended"), 1);
    review_read_free(&r);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(at_portal(w, 3)->steps, 3);
    assert_all_agree(w);
}

/* The index of the portal did not find it, and a moment later does. */
static void one_look_that_finds_nothing_puts_nothing_in(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;
    uint64_t sends;
    uint64_t looks;

    deliver(w);
    at_portal(w, 3)->there = false;
    sends = w->portal->sends;
    looks = w->portal->looks;
    assert_int_equal(begin(w, REVIEW_OPEN, "", true), 0);
    fake_world_run(w, 4 * MINUTE_MS);
    assert_true(fake_world_status(w)->reconcile.running);
    assert_true(fake_world_status(w)->reconcile.trouble[0] != '\0');
    assert_int_equal(w->portal->looks - looks, DOSSIERS);
    at_portal(w, 3)->there = true;
    run_to_its_end(w);
    assert_int_equal(w->portal->looks - looks, DOSSIERS + 1);
    read_result(w, &r);
    assert_int_equal(counted(&r, "agreed"), DOSSIERS);
    assert_int_equal(counted(&r, "absent_once"), 1);
    assert_int_equal(counted(&r, "lost"), 0);
    assert_int_equal(counted(&r, "mended"), 0);
    assert_int_equal(counted(&r, "portal_asked"), DOSSIERS);
    assert_int_equal(r.n_findings, 0);
    review_read_free(&r);
    assert_int_equal(w->portal->sends, sends);
    assert_int_equal(fake_world_status(w)->reconcile.compared, DOSSIERS);
}

/* However often the daemon starts anew, and however it is told the time. */
static void a_second_look_outlives_crashes_and_is_not_hastened(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;
    uint64_t looks;

    deliver(w);
    lose(w, 3);
    looks = w->portal->looks;
    assert_int_equal(begin(w, REVIEW_SAMPLE, "", true), 0);
    fake_world_run(w, MINUTE_MS);
    fake_loop_jump_wall(&w->loop, -(int64_t)(30 * MINUTE_MS));
    for (int i = 0; i < 3; i++) {
        fake_world_crash(w, 3);
        fake_world_start(w);
        fake_world_run(w, MINUTE_MS);
        assert_int_equal(fake_world_status(w)->reconcile.mended, 0);
    }
    assert_int_equal(w->portal->looks - looks, DOSSIERS);
    fake_world_run(w, 6 * MINUTE_MS);
    read_result(w, &r);
    assert_true(r.row.ended_ms != 0);
    assert_int_equal(counted(&r, "lost"), 1);
    assert_int_equal(counted(&r, "mended"), 1);
    review_read_free(&r);
    assert_int_equal(w->portal->looks - looks, DOSSIERS + 1);
    assert_int_equal(at_portal(w, 3)->steps, 3);
}

static void what_was_absent_once_is_told_when_a_person_ends_it(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;
    uint64_t sends;

    deliver(w);
    lose(w, 3);
    sends = w->portal->sends;
    for (int i = 0; i < 2; i++) {
        uint64_t looks = w->portal->looks;

        w->portal->latency_ms = 5000;
        assert_int_equal(begin(w, REVIEW_SAMPLE, "", true), 0);
        fake_world_run(w, 2 * MINUTE_MS);
        for (int k = 0; i == 1 && k < 600 && w->portal->looks - looks == DOSSIERS; k++) {
            fake_world_run(w, 1000); /* until its second look is under way */
        }
        assert_int_equal(engine_reconcile_cancel(w->engine, "tester"), 0);
        run_to_its_end(w);
        read_result(w, &r);
        assert_true(r.row.canceled);
        assert_false(r.row.braked);
        assert_int_equal(counted(&r, "lost"), 1);
        assert_int_equal(counted(&r, "agreed"), DOSSIERS - 1);
        assert_int_equal(counted(&r, "not_compared"), 0);
        assert_int_equal(finding(&r, 3)->kind, DIFFERENCE_LOST);
        assert_false(finding(&r, 3)->mended);
        assert_int_equal(finding(&r, 3)->portal, SIDE_ABSENT);
        assert_true(i == 1 || strstr(finding(&r, 3)->note, "nothing was put in") != NULL);
        review_read_free(&r);
        assert_int_equal(fake_world_status(w)->reconcile.differences, 1);
        assert_int_equal(w->portal->sends, sends);
        assert_int_equal(fake_world_open_items(w, "dossiers"), 0);
    }
}

/* More dossiers than the others have, all delivered; then the portal loses so many. */
static void deliver_many_and_lose(struct fake_world *w, int many, int lost)
{
    for (int i = 0; i < many; i++) {
        fake_source_put(w->onestop, code_of(i), 4, "a");
    }
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(fake_world_open_items(w, "dossiers"), 0);
    for (int i = 0; i < lost; i++) {
        lose(w, i);
    }
}

static void too_many_lost_stop_it_until_a_person_says_yes(void **state)
{
    struct fake_world *w = *state;
    const int many = 120;
    const int lost = 60;
    struct review_read r;
    uint64_t sends;

    deliver_many_and_lose(w, many, lost);
    sends = w->portal->sends;
    reconcile(w, REVIEW_OPEN, true, &r);
    assert_true(r.row.braked);
    assert_false(r.row.canceled);
    assert_int_equal(counted(&r, "lost"), lost);
    assert_int_equal(counted(&r, "mended"), 0);
    assert_int_equal(r.n_findings, lost);
    assert_non_null(strstr(finding(&r, 5)->note, "nothing was put in"));
    review_read_free(&r);
    assert_non_null(strstr(w->last_event, "was stopped"));
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->sends, sends);
    assert_int_equal(fake_world_open_items(w, "dossiers"), 0);
    /* A person looked; the word outlives a crash. */
    assert_int_equal(begin_with(w, REVIEW_OPEN, "", true, true), 0);
    fake_world_run(w, MINUTE_MS);
    fake_world_crash(w, 3);
    fake_world_start(w);
    fake_world_run(w, 1000);
    run_to_its_end(w);
    read_result(w, &r);
    assert_false(r.row.braked);
    assert_int_equal(counted(&r, "lost"), lost);
    assert_int_equal(counted(&r, "mended"), lost);
    review_read_free(&r);
    fake_world_run(w, HOUR_MS);
    reconcile(w, REVIEW_OPEN, false, &r);
    assert_int_equal(counted(&r, "agreed"), many);
    review_read_free(&r);
}

static void so_few_or_so_small_a_share_do_not_stop_it(void **state)
{
    static const struct {
        int many, lost;
        bool braked;
    } worlds[] = {{1000, 50, false}, /* not above 5 % */
                  {98, 49, false},   /* fewer than 50, and not above a half */
                  {9, 9, false},     /* fewer than 10 */
                  {19, 10, true},
                  {49, 49, true}};

    for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++) {
        struct fake_world *w = *state;
        struct review_read r;

        if (i > 0) {
            assert_int_equal(fake_world_teardown(state), 0);
            assert_int_equal(setup(state), 0);
            w = *state;
        }
        deliver_many_and_lose(w, worlds[i].many, worlds[i].lost);
        reconcile(w, REVIEW_OPEN, true, &r);
        assert_int_equal(r.row.braked, worlds[i].braked);
        assert_int_equal(counted(&r, "mended"), worlds[i].braked ? 0 : worlds[i].lost);
        assert_int_equal(counted(&r, "lost"), worlds[i].lost);
        review_read_free(&r);
    }
}

static void another_status_at_the_portal_is_named_by_its_direction(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;

    deliver(w);
    alter(w, 0, 2); /* was delivered before 4 */
    alter(w, 1, 1);
    alter(w, 2, 9);
    alter(w, 4, 10);
    alter(w, 5, 3);
    reconcile(w, REVIEW_SAMPLE, true, &r);
    assert_int_equal(r.n_findings, 5);
    assert_int_equal(finding(&r, 0)->kind, DIFFERENCE_PORTAL_OLDER);
    assert_int_equal(finding(&r, 0)->portal_status, 2);
    assert_int_equal(finding(&r, 1)->kind, DIFFERENCE_PORTAL_OLDER);
    assert_int_equal(finding(&r, 2)->kind, DIFFERENCE_PORTAL_NEWER);
    assert_int_equal(finding(&r, 4)->kind, DIFFERENCE_PORTAL_NEWER);
    assert_int_equal(finding(&r, 5)->kind, DIFFERENCE_PORTAL_NEWER);
    assert_true(finding(&r, 0)->mended);
    assert_true(finding(&r, 2)->mended);  /* 9 -> 4 is a correction */
    assert_false(finding(&r, 4)->mended); /* nothing leads away from a returned result */
    assert_false(finding(&r, 5)->mended);
    assert_int_equal(counted(&r, "mended"), 3);
    review_read_free(&r);
    fake_world_run(w, MINUTE_MS);
    assert_true(sent_as_update(w, 0));
    assert_int_equal(at_portal(w, 0)->status, 4);
    assert_int_equal(at_portal(w, 4)->status, 10);
    alter(w, 4, 4);
    alter(w, 5, 4);
    fake_world_run(w, HOUR_MS);
    reconcile(w, REVIEW_SAMPLE, false, &r);
    assert_int_equal(r.n_findings, 0);
    review_read_free(&r);
}

static void what_the_source_has_and_the_poll_missed_is_read(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;

    deliver(w);
    w->onestop->polls_fail = 1000000;
    w->onestop->poll_err = ERR_REMOTE;
    fake_source_put(w->onestop, code_of(2), 9, "c");
    fake_source_step(w->onestop, code_of(5), "new", 4);
    fake_world_run(w, HOUR_MS);
    reconcile(w, REVIEW_SAMPLE, false, &r);
    assert_int_equal(counted(&r, "source_ahead"), 2);
    assert_int_equal(finding(&r, 2)->source_status, 9);
    assert_int_equal(finding(&r, 5)->kind, DIFFERENCE_SOURCE_AHEAD);
    review_read_free(&r);
    reconcile(w, REVIEW_SAMPLE, true, &r);
    assert_int_equal(counted(&r, "mended"), 2);
    review_read_free(&r);
    fake_world_run(w, 5 * MINUTE_MS);
    assert_int_equal(at_portal(w, 2)->status, 9);
    assert_int_equal(at_portal(w, 5)->steps, 4);
    assert_all_agree(w);
}

static void a_dossier_gone_at_the_source_is_told_to_a_person(void **state)
{
    struct fake_world *w = *state;
    uint64_t sends;
    struct review_read r;

    deliver(w);
    fake_source_remove(w->onestop, code_of(6));
    sends = w->portal->sends;
    reconcile(w, REVIEW_SAMPLE, true, &r);
    assert_int_equal(r.n_findings, 1);
    assert_int_equal(finding(&r, 6)->kind, DIFFERENCE_NOT_AT_SOURCE);
    assert_int_equal(finding(&r, 6)->source, SIDE_ABSENT);
    assert_false(finding(&r, 6)->mended);
    assert_true(finding(&r, 6)->note[0] != '\0');
    review_read_free(&r);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(w->portal->sends, sends);
}

static void what_waits_or_is_held_is_known_already(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;
    uint64_t sends;

    deliver(w);
    w->portal->unwanted[5] = true;
    fake_source_put(w->onestop, code_of(1), 5, "c"); /* held by the check */
    fake_world_run(w, HOUR_MS);
    fake_peer_answer(w->portal, code_of(2), FAKE_TRANSIENT, 1000000);
    fake_source_put(w->onestop, code_of(2), 9, "c"); /* does not get through */
    fake_world_run(w, MINUTE_MS);
    fake_source_put(w->onestop, code_of(3), 9, "c");
    fake_peer_answer(w->portal, code_of(3), FAKE_BACKOFF, 4);
    fake_world_run(w, MINUTE_MS);
    sends = w->portal->ledger.effects;
    reconcile(w, REVIEW_SAMPLE, true, &r);
    assert_int_equal(finding(&r, 1)->kind, DIFFERENCE_HELD);
    assert_int_equal(finding(&r, 1)->portal, SIDE_THERE);
    assert_int_equal(finding(&r, 2)->kind, DIFFERENCE_IN_GRACE);
    assert_int_equal(counted(&r, "held"), 1);
    assert_int_equal(counted(&r, "in_grace"), r.n_findings - 1);
    assert_int_equal(counted(&r, "grace:waiting"), r.n_findings - 1);
    assert_int_equal(counted(&r, "mended"), 0);
    review_read_free(&r);
    assert_int_equal(w->portal->ledger.effects, sends);
    fake_world_run(w, HOUR_MS);
    w->config.reconcile_grace_ms = 0;
    reconcile(w, REVIEW_SAMPLE, false, &r);
    assert_int_equal(finding(&r, 1)->kind, DIFFERENCE_HELD);
    review_read_free(&r);
}

static void what_the_portal_does_not_tell_is_neither_agreed_nor_different(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;

    deliver(w);
    at_portal(w, 8)->status = 0;
    reconcile(w, REVIEW_SAMPLE, true, &r);
    assert_int_equal(r.n_findings, 1);
    assert_int_equal(finding(&r, 8)->kind, DIFFERENCE_NOT_SHOWN);
    assert_int_equal(finding(&r, 8)->portal, SIDE_THERE);
    review_read_free(&r);
    at_portal(w, 8)->status = 4;
    w->portal->look = FAKE_LOOK_UNKNOWN;
    w->portal->look_times = UINT32_MAX;
    assert_int_equal(begin(w, REVIEW_DOSSIER, code_of(9), true), 0);
    run_to_its_end(w);
    read_result(w, &r);
    assert_int_equal(finding(&r, 9)->kind, DIFFERENCE_NOT_ANSWERED);
    assert_int_equal(finding(&r, 9)->portal, SIDE_UNKNOWN);
    review_read_free(&r);
    /* The source does not answer: journal and portal agree, and that is said. */
    w->portal->look_times = 0;
    fake_source_fail(w->onestop, code_of(9), ERR_REMOTE, UINT32_MAX);
    assert_int_equal(begin(w, REVIEW_DOSSIER, code_of(9), true), 0);
    run_to_its_end(w);
    read_result(w, &r);
    assert_int_equal(finding(&r, 9)->kind, DIFFERENCE_SOURCE_SILENT);
    review_read_free(&r);
}

static void a_configured_pair_is_tolerated_and_each_use_counted(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;

    w->config.reconcile_tolerate.items[0] = "4/9";
    w->config.reconcile_tolerate.items[1] = "*/0";
    w->config.reconcile_tolerate.n = 2;
    deliver(w);
    alter(w, 0, 9);
    alter(w, 1, 9);
    alter(w, 2, 0);
    alter(w, 3, 2);
    reconcile(w, REVIEW_SAMPLE, false, &r);
    assert_int_equal(counted(&r, "tolerated"), 3);
    assert_int_equal(counted(&r, "pair:4/9"), 2);
    assert_int_equal(counted(&r, "pair:*/0"), 1);
    assert_int_equal(counted(&r, "portal_older"), 1);
    review_read_free(&r);
}

static void a_crash_in_the_middle_asks_nothing_twice_but_what_was_on_its_way(void **state)
{
    struct fake_world *w = *state;
    uint64_t looks;
    struct review_read r;

    w->config.reconcile_rate = 60;
    deliver(w);
    lose(w, 3);
    alter(w, 11, 2);
    looks = w->portal->looks;
    assert_int_equal(begin(w, REVIEW_OPEN, "", true), 0);
    fake_world_run(w, 8 * 1000);
    assert_true(fake_world_status(w)->reconcile.compared >= 4);
    fake_world_crash(w, 3);
    fake_world_start(w);
    fake_world_run(w, 1000);
    assert_true(fake_world_status(w)->reconcile.running);
    fake_world_stop(w);
    fake_world_start(w);
    fake_world_run(w, 1000);
    run_to_its_end(w);
    read_result(w, &r);
    assert_int_equal(counted(&r, "agreed"), DOSSIERS - 2);
    assert_int_equal(r.n_findings, 2);
    assert_int_equal(finding(&r, 3)->kind, DIFFERENCE_LOST);
    assert_int_equal(finding(&r, 11)->kind, DIFFERENCE_PORTAL_OLDER);
    review_read_free(&r);
    /* At most one look-up was under way at each end: they take 100 ms, one a second. */
    assert_in_range(w->portal->looks - looks, DOSSIERS, DOSSIERS + 2);
    fake_world_run(w, MINUTE_MS);
    w->config.reconcile_rate = 0;
    assert_all_agree(w);
}

/* Status (where the metrics are from), log and result. */
static void assert_told_alike(struct fake_world *w)
{
    const struct engine_reconcile_status *s = &fake_world_status(w)->reconcile;
    struct review_read r;

    read_result(w, &r);
    assert_int_equal(s->id, r.row.id);
    assert_int_equal(s->ended_ms, r.row.ended_ms);
    assert_int_equal(s->compared, DOSSIERS);
    assert_int_equal(s->compared, counted(&r, "agreed") + counted(&r, "lost"));
    assert_int_equal(s->differences, counted(&r, "lost"));
    assert_int_equal(s->mended, counted(&r, "mended"));
    review_read_free(&r);
}

static void a_start_in_the_middle_or_behind_it_changes_no_number(void **state)
{
    struct fake_world *w = *state;
    char told[96];
    const int lost = 5;

    w->config.reconcile_rate = 60;
    deliver(w);
    for (int fix = 0; fix < 2; fix++) {
        for (int i = 0; i < lost; i++) {
            lose(w, i);
        }
        assert_int_equal(begin(w, REVIEW_SAMPLE, "", fix == 1), 0);
        fake_world_run(w, 18 * 1000);
        for (int i = 0; i < 2; i++) { /* the second time while it waits for the second looks */
            fake_world_crash(w, 3);
            fake_world_start(w);
            fake_world_run(w, MINUTE_MS / 2);
        }
        assert_int_equal(fake_world_status(w)->reconcile.running, fix == 1);
        run_to_its_end(w);
        assert_told_alike(w);
        assert_int_equal(fake_world_status(w)->reconcile.differences, lost);
        (void)snprintf(told, sizeof(told), "%d dossiers compared, %d differ or are not known, %d",
                       DOSSIERS, lost, fix == 1 ? lost : 0);
        assert_non_null(strstr(w->last_event, told));
        fake_world_crash(w, 3);
        fake_world_start(w);
        fake_world_run(w, MINUTE_MS);
        assert_false(fake_world_status(w)->reconcile.running);
        assert_told_alike(w);
    }
}

static void the_rate_is_kept(void **state)
{
    struct fake_world *w = *state;
    uint64_t looks;

    w->config.reconcile_rate = 6;
    deliver(w);
    looks = w->portal->looks;
    assert_int_equal(begin(w, REVIEW_SAMPLE, "", false), 0);
    fake_world_run(w, MINUTE_MS);
    assert_in_range(w->portal->looks - looks, 5, 7);
    fake_world_run(w, MINUTE_MS);
    assert_in_range(w->portal->looks - looks, 11, 13);
    run_to_its_end(w);
    assert_int_equal(w->portal->looks - looks, DOSSIERS);
}

static void one_at_a_time_and_a_cancel_keeps_what_was_found(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;

    w->config.reconcile_rate = 60;
    deliver(w);
    lose(w, 0);
    assert_int_equal(engine_reconcile_cancel(w->engine, "tester"), ERR_STATE);
    assert_int_equal(begin(w, REVIEW_OPEN, "", false), 0);
    assert_int_equal(begin(w, REVIEW_OPEN, "", false), ERR_BUSY);
    fake_world_run(w, 10 * 1000);
    assert_int_equal(engine_reconcile_cancel(w->engine, "tester"), 0);
    fake_world_run(w, 10 * 1000);
    assert_false(fake_world_status(w)->reconcile.running);
    read_result(w, &r);
    assert_true(r.row.canceled);
    assert_int_equal(r.todo, 0);
    assert_in_range(counted(&r, "agreed") + counted(&r, "lost"), 5, 15);
    assert_int_equal(counted(&r, "agreed") + counted(&r, "lost") + counted(&r, "not_compared"),
                     DOSSIERS);
    review_read_free(&r);
    assert_int_equal(begin(w, REVIEW_SAMPLE, "", false), 0);
    run_to_its_end(w);
}

static void what_moves_while_it_is_compared_is_compared_again(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;

    w->config.reconcile_grace_ms = 0;
    deliver(w);
    w->portal->latency_ms = 4000;
    assert_int_equal(begin(w, REVIEW_SAMPLE, "", true), 0);
    fake_world_run(w, 1000);
    /* The look-ups are on their way and will tell the old status; the delivery overtakes them. */
    for (int i = 0; i < DOSSIERS; i++) {
        fake_source_put(w->onestop, code_of(i), 9, "c");
    }
    run_to_its_end(w);
    read_result(w, &r);
    assert_int_equal(counted(&r, "portal_older") + counted(&r, "portal_newer") +
                         counted(&r, "portal_other") + counted(&r, "lost"),
                     0);
    assert_int_equal(counted(&r, "mended"), 0);
    review_read_free(&r);
    w->portal->latency_ms = 100;
    fake_world_run(w, HOUR_MS);
    assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
    assert_int_equal(w->portal->ledger.duplicated, 0);
}

/* Each look takes long enough that something of it has changed behind it. */
static void what_moves_at_each_comparison_is_given_up_and_said(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;
    uint64_t looks;
    int seconds = 0;

    w->config.sources[0].poll_every_ms = 1000;
    deliver(w);
    w->portal->latency_ms = 4000;
    looks = w->portal->looks;
    assert_int_equal(begin(w, REVIEW_DOSSIER, code_of(7), true), 0);
    for (; fake_world_status(w)->reconcile.running && seconds < 3600; seconds++) {
        if (w->portal->looks != looks) {
            char text[16];

            looks = w->portal->looks;
            (void)snprintf(text, sizeof(text), "c%d", seconds);
            fake_source_put(w->onestop, code_of(7), 4, text);
        }
        fake_world_run(w, 1000);
    }
    assert_in_range(seconds, 60, 300);
    read_result(w, &r);
    assert_int_equal(finding(&r, 7)->kind, DIFFERENCE_NOT_ANSWERED);
    assert_non_null(strstr(finding(&r, 7)->note, "changed each time"));
    assert_int_equal(counted(&r, "given_up"), 1);
    review_read_free(&r);
}

/* What is kept of one dossier is more than an op of the journal may hold. */
static void what_the_journal_refuses_is_tried_later_and_then_given_up(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;
    uint64_t events;

    deliver(w);
    tamper(w, "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 16) "
              "INSERT INTO source_row (source, id, hash, code) SELECT 'x' || i, 'x', zeroblob(32), "
              "(SELECT code FROM subject WHERE code LIKE '%-0004') FROM k");
    tamper(w, "INSERT INTO part (subject, source, rank, at, sha256, body) "
              "SELECT (SELECT id FROM subject WHERE code LIKE '%-0004'), source, 1, 1, "
              "zeroblob(32), zeroblob(2000000) FROM source_row WHERE source LIKE 'x%'");
    assert_int_equal(begin(w, REVIEW_SAMPLE, "", true), 0);
    events = w->events;
    fake_world_run(w, 4000);
    assert_in_range(w->events - events, 1, 3); /* its begin, the first refusal */
    assert_true(fake_world_status(w)->reconcile.running);
    run_to_its_end(w);
    assert_in_range(w->events - events, 4, 6);
    read_result(w, &r);
    assert_int_equal(counted(&r, "agreed"), DOSSIERS - 1);
    assert_int_equal(counted(&r, "given_up"), 1);
    assert_int_equal(r.n_findings, 1);
    assert_int_equal(finding(&r, 4)->kind, DIFFERENCE_NOT_ANSWERED);
    assert_non_null(strstr(finding(&r, 4)->note, "could not be asked"));
    review_read_free(&r);
}

/* One in each of the first pages is asked for again and again; the pages behind go on. */
static void who_does_not_answer_holds_up_nobody_else(void **state)
{
    struct fake_world *w = *state;
    const int many = 800;
    struct review_read r;
    int seconds = 0;

    deliver_many_and_lose(w, many, 0);
    for (int i = 0; i < many; i += 200) {
        fake_source_fail(w->onestop, code_of(i), ERR_FORMAT, UINT32_MAX);
    }
    assert_int_equal(begin(w, REVIEW_SAMPLE, "", false), 0);
    for (; fake_world_status(w)->reconcile.compared < (uint64_t)many - 4 && seconds < 300;
         seconds++) {
        fake_world_run(w, 1000);
    }
    assert_in_range(seconds, 1, 35); /* 25 s are the look-ups alone */
    run_to_its_end(w);
    read_result(w, &r);
    assert_int_equal(counted(&r, "agreed"), many - 4);
    assert_int_equal(counted(&r, "source_silent"), 4);
    review_read_free(&r);
    assert_int_equal(fake_world_status(w)->reconcile.compared, many);
}

static void a_cancel_while_the_sources_are_read_ends_that_too(void **state)
{
    struct fake_world *w = *state;

    deliver(w);
    w->onestop->polls_fail = 1000000;
    w->onestop->poll_err = ERR_REMOTE;
    assert_int_equal(begin(w, REVIEW_OPEN, "", false), 0);
    fake_world_run(w, 10 * MINUTE_MS);
    assert_true(fake_world_status(w)->reconcile.sweeping);
    assert_int_equal(engine_reconcile_cancel(w->engine, "tester"), 0);
    fake_world_run(w, MINUTE_MS);
    assert_false(fake_world_status(w)->reconcile.running);
    assert_false(fake_world_status(w)->reconcile.sweeping);
}

static void a_dossier_that_the_journal_does_not_know_is_read_from_its_source(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;
    const int unseen = 77;

    deliver(w);
    fake_source_put(w->onestop, code_of(unseen), 4, "hidden");
    fake_source_find(w->onestop, code_of(unseen))->seq = 0; /* no poll shows it */
    fake_world_run(w, HOUR_MS);
    assert_null(fake_ledger_find(&w->portal->ledger, code_of(unseen)));
    assert_int_equal(begin(w, REVIEW_DOSSIER, code_of(unseen), false), 0);
    run_to_its_end(w);
    read_result(w, &r);
    assert_int_equal(finding(&r, unseen)->kind, DIFFERENCE_NOT_IN_JOURNAL);
    assert_int_equal(finding(&r, unseen)->journal, SIDE_ABSENT);
    assert_int_equal(finding(&r, unseen)->source, SIDE_THERE);
    review_read_free(&r);
    assert_int_equal(begin(w, REVIEW_DOSSIER, code_of(unseen), true), 0);
    run_to_its_end(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(at_portal(w, unseen)->status, 4);
}

static void the_reading_of_the_sources_finds_what_the_journal_lacks(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;
    const int unseen = 77;

    deliver(w);
    fake_source_put(w->onestop, code_of(unseen), 4, "hidden");
    fake_source_find(w->onestop, code_of(unseen))->seq = 0;
    fake_world_run(w, HOUR_MS);
    reconcile(w, REVIEW_OPEN, false, &r);
    assert_int_equal(r.n_findings, 1);
    assert_int_equal(finding(&r, unseen)->kind, DIFFERENCE_NOT_IN_JOURNAL);
    assert_true(finding(&r, unseen)->mended);
    assert_int_equal(counted(&r, "agreed"), DOSSIERS);
    review_read_free(&r);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(at_portal(w, unseen)->status, 4);
}

static void a_kick_while_the_journal_works_begins_nothing_twice(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;
    const int unseen = 77;

    deliver(w);
    fake_source_put(w->onestop, code_of(unseen), 4, "hidden");
    fake_source_find(w->onestop, code_of(unseen))->seq = 0;
    fake_world_run(w, HOUR_MS);
    assert_int_equal(begin(w, REVIEW_OPEN, "", false), 0);
    run_kicked_to_its_end(w);
    assert_int_equal(fake_world_status(w)->reconcile.compared, DOSSIERS + 1);
    assert_int_equal(fake_world_status(w)->reconcile.lookups, DOSSIERS + 1);
    read_result(w, &r);
    assert_int_equal(r.n_findings, 1);
    assert_int_equal(finding(&r, unseen)->kind, DIFFERENCE_NOT_IN_JOURNAL);
    assert_int_equal(counted(&r, "agreed"), DOSSIERS);
    review_read_free(&r);
    fake_world_stop(w); /* what was counted as begun has ended */
}

/* The first pages come from one stretch of the journal; the last of them is shorter than the one
 * behind it, so that a row of that one stands where the loop looks for its next. */
static void a_kick_while_a_page_is_read_takes_nothing_of_it(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;
    const int many = 720;

    for (int i = 0; i < many; i++) {
        fake_source_put(w->onestop, code_of(i), 4, "a");
    }
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(fake_world_open_items(w, "dossiers"), 0);
    assert_int_equal(begin(w, REVIEW_OPEN, "", false), 0);
    run_kicked_to_its_end(w);
    read_result(w, &r);
    assert_int_equal(counted(&r, "agreed"), many);
    review_read_free(&r);
    assert_int_equal(fake_world_status(w)->reconcile.compared, many);
    assert_int_equal(fake_world_status(w)->reconcile.lookups, many);
}

static void a_stop_or_a_cancel_while_the_journal_works_ends_once(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;

    deliver(w);
    for (int at = 0; at < 40; at++) {
        bool cancel = at % 2 == 0;

        assert_int_equal(begin(w, REVIEW_OPEN, "", false), 0);
        for (int i = 0; i < at; i++) {
            run_kicked(w);
        }
        if (cancel) {
            int err = engine_reconcile_cancel(w->engine, "tester");

            assert_true(err == 0 || err == ERR_STATE); /* its end may be on its way */
        } else {
            fake_world_stop(w);
            fake_world_start(w);
            fake_world_run(w, 1000);
        }
        run_kicked_to_its_end(w);
        read_result(w, &r);
        assert_int_equal(r.todo, 0);
        assert_int_equal(r.n_findings, 0);
        assert_in_range(counted(&r, "agreed"), cancel ? 0 : DOSSIERS, DOSSIERS);
        review_read_free(&r);
    }
}

static void long_after_it_was_settled_the_source_gives_back_what_is_no_longer_kept(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;

    w->config.keep_payload_ms = 24 * HOUR_MS;
    for (int i = 0; i < DOSSIERS; i++) {
        fake_source_put(w->onestop, code_of(i), 10, "done");
        fake_source_step(w->onestop, code_of(i), code_of(i), 10);
    }
    fake_world_start(w);
    fake_world_run(w, 72 * HOUR_MS);
    lose(w, 2);
    reconcile(w, REVIEW_SAMPLE, true, &r);
    assert_int_equal(counted(&r, "lost"), 1);
    assert_int_equal(counted(&r, "agreed"), DOSSIERS - 1);
    assert_true(finding(&r, 2)->mended);
    assert_null(strstr(finding(&r, 2)->note, "no longer kept"));
    review_read_free(&r);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(at_portal(w, 2)->steps, 1);
    /* Without the source nothing is left of it, and that is said. */
    lose(w, 3);
    fake_source_fail(w->onestop, code_of(3), ERR_REMOTE, UINT32_MAX);
    reconcile(w, REVIEW_SAMPLE, true, &r);
    assert_int_equal(finding(&r, 3)->kind, DIFFERENCE_LOST);
    assert_false(finding(&r, 3)->mended);
    assert_non_null(strstr(finding(&r, 3)->note, "no longer kept"));
    review_read_free(&r);
    fake_source_fail(w->onestop, code_of(3), 0, 0);
    reconcile(w, REVIEW_SAMPLE, true, &r);
    assert_true(finding(&r, 3)->mended);
    review_read_free(&r);
    assert_all_agree(w);
}

static void a_look_up_that_was_wrong_sends_no_step_twice(void **state)
{
    struct fake_world *w = *state;
    struct fake_entry *e;

    deliver(w);
    e = at_portal(w, 4);
    e->there = false; /* the portal's index does not find it; its steps are there all the same */
    assert_int_equal(begin(w, REVIEW_DOSSIER, code_of(4), true), 0);
    for (int i = 0; i < 60000 && fake_world_status(w)->reconcile.mended == 0; i++) {
        fake_world_run(w, 10);
    }
    assert_int_equal(fake_world_status(w)->reconcile.mended, 1);
    e->there = true;
    fake_world_run(w, HOUR_MS);
    assert_int_equal(w->portal->ledger.twins, 0);
    assert_int_equal(e->steps, 3);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_SUPERSEDED), 3);
    assert_int_equal(fake_world_open_items(w, "dossiers"), 0);
}

static void crashes_at_any_moment_of_mending_lose_and_repeat_nothing(void **state)
{
    struct fake_world *w = *state;
    uint64_t seed = 20261122;
    struct review_read r;

    print_message("seed %llu\n", (unsigned long long)seed);
    w->config.reconcile_rate = 300;
    deliver(w);
    for (int round = 0; round < 12; round++) {
        uint64_t looks = w->portal->looks;

        for (int i = 0; i < 6; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            lose(w, (int)((seed >> 33) % DOSSIERS));
        }
        assert_int_equal(begin(w, REVIEW_OPEN, "", true), 0);
        for (int crash = 0; crash < 3; crash++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            fake_world_run(w, (seed >> 33) % 3000);
            fake_world_crash(w, (unsigned)(seed >> 50) % 8);
            fake_world_start(w);
        }
        fake_world_run(w, 1000);
        run_to_its_end(w);
        read_result(w, &r);
        assert_true(counted(&r, "lost") >= 1);
        review_read_free(&r);
        assert_in_range(w->portal->looks - looks, DOSSIERS - 8, 2 * DOSSIERS + 3 * 8);
        fake_world_run(w, HOUR_MS);
        assert_int_equal(fake_world_lost(w, w->onestop, w->portal, "dossiers"), 0);
        assert_int_equal(fake_world_duplicated(w, w->portal), 0);
        assert_int_equal(w->portal->ledger.disorder, 0);
    }
}

static void where_doubt_is_asked_about_a_person_lets_the_steps_go(void **state)
{
    struct fake_world *w = *state;
    enum hold_why hold = HOLD_NONE;
    struct review_read r;
    uint32_t moved = 0;

    w->config.flows[0].steps_in_doubt = STEPS_ASK;
    deliver(w);
    lose(w, 4);
    reconcile(w, REVIEW_SAMPLE, true, &r);
    assert_int_equal(counted(&r, "mended"), 1);
    review_read_free(&r);
    fake_world_run(w, MINUTE_MS);
    assert_true(at_portal(w, 4)->there);
    assert_int_equal(at_portal(w, 4)->steps, 0);
    assert_int_equal(fake_world_count(w, "dossiers", ITEM_STEP, ITEM_HELD), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fake_world_act(w, JOURNAL_RELEASE, code_of(4), ITEM_HELD, &moved), 0);
        fake_world_run(w, MINUTE_MS);
    }
    assert_int_equal(at_portal(w, 4)->steps, 3);
    assert_int_equal(fake_world_state(w, code_of(4), &hold), ITEM_DONE);
    assert_all_agree(w);
}

static void a_portal_that_is_away_is_waited_for(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;

    deliver(w);
    w->portal->down = true;
    assert_int_equal(begin(w, REVIEW_SAMPLE, "", true), 0);
    fake_world_run(w, HOUR_MS);
    assert_true(fake_world_status(w)->reconcile.running);
    assert_true(fake_world_status(w)->reconcile.trouble[0] != '\0');
    w->portal->down = false;
    run_to_its_end(w);
    read_result(w, &r);
    assert_int_equal(counted(&r, "lost"), 0);
    assert_int_equal(counted(&r, "mended"), 0);
    assert_in_range(counted(&r, "agreed"), DOSSIERS - 4, DOSSIERS);
    assert_int_equal(counted(&r, "agreed") + counted(&r, "not_answered"), DOSSIERS);
    review_read_free(&r);
    w->portal->down = true;
    assert_int_equal(begin(w, REVIEW_SAMPLE, "", true), 0);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(engine_reconcile_cancel(w->engine, "tester"), 0);
    fake_world_run(w, MINUTE_MS);
    assert_false(fake_world_status(w)->reconcile.running);
}

static void two_sources_are_compared_each_with_what_it_said(void **state)
{
    struct fake_world *w = *state;
    struct fake_peer *second = fake_world_peer(w, "second");
    struct review_read r;

    w->config.sources[w->config.n_sources++] =
        (struct config_source){.name = "second", .poll_every_ms = 30000, .max_in_flight = 4};
    w->config.flows[0].also_from.items[0] = "second";
    w->config.flows[0].also_from.n = 1;
    w->onestop->canonical = true;
    second->canonical = true;
    w->portal->canonical = true;
    for (int i = 0; i < DOSSIERS; i++) {
        fake_source_put(w->onestop, code_of(i), 4, "a");
        fake_source_put(second, code_of(i), 4, "a");
    }
    fake_world_start(w);
    fake_world_run(w, HOUR_MS);
    reconcile(w, REVIEW_SAMPLE, true, &r);
    assert_int_equal(counted(&r, "agreed"), DOSSIERS);
    review_read_free(&r);
    second->polls_fail = 1000000;
    second->poll_err = ERR_REMOTE;
    fake_source_put(second, code_of(4), 9, "b");
    lose(w, 5);
    fake_world_run(w, HOUR_MS);
    reconcile(w, REVIEW_SAMPLE, true, &r);
    assert_int_equal(r.n_findings, 2);
    assert_int_equal(finding(&r, 4)->kind, DIFFERENCE_SOURCE_AHEAD);
    assert_int_equal(finding(&r, 5)->kind, DIFFERENCE_LOST);
    assert_int_equal(counted(&r, "mended"), 2);
    review_read_free(&r);
    fake_world_run(w, HOUR_MS);
    assert_int_equal(at_portal(w, 4)->status, 9);
    reconcile(w, REVIEW_SAMPLE, false, &r);
    assert_int_equal(counted(&r, "agreed"), DOSSIERS);
    review_read_free(&r);
}

static void nightly_at_its_time_a_sample_is_compared_and_nothing_mended(void **state)
{
    struct fake_world *w = *state;
    struct review_read r;
    uint64_t sends;

    w->config.reconcile_at = "02:30";
    w->config.reconcile_sample = 5;
    deliver(w);
    for (int i = 0; i < DOSSIERS; i++) {
        lose(w, i);
    }
    sends = w->portal->sends;
    fake_world_run(w, 24 * HOUR_MS);
    read_result(w, &r);
    assert_int_equal(r.row.id, 1);
    assert_int_equal(counted(&r, "lost"), 5);
    assert_int_equal(w->portal->sends, sends);
    review_read_free(&r);
    fake_world_run(w, 24 * HOUR_MS);
    read_result(w, &r);
    assert_int_equal(r.row.id, 2);
    review_read_free(&r);
}

static void a_nightly_one_that_is_left_out_is_said_and_the_last_one_is_known(void **state)
{
    struct fake_world *w = *state;
    uint64_t night_ms;
    bool said = false;

    w->config.reconcile_at = "02:30";
    w->config.reconcile_sample = 5;
    w->config.reconcile_rate = 1;
    deliver(w);
    assert_int_equal(fake_world_status(w)->reconcile.nightly_ms, 0);
    fake_world_run(w, 24 * HOUR_MS);
    night_ms = fake_world_status(w)->reconcile.nightly_ms;
    assert_in_range(night_ms, (uint64_t)loop_wall_ms(&w->loop.loop) - 24 * HOUR_MS,
                    (uint64_t)loop_wall_ms(&w->loop.loop));
    /* A long one is under way when the next is due. */
    w->portal->down = true;
    assert_int_equal(begin(w, REVIEW_SAMPLE, "", false), 0);
    for (int i = 0; i < 24 * 60; i++) {
        fake_world_run(w, MINUTE_MS);
        said = said || (strncmp(w->last_event, "reconcile_skipped", 17) == 0 &&
                        strstr(w->last_event, "another one runs") != NULL);
    }
    assert_true(said);
    assert_int_equal(engine_reconcile_cancel(w->engine, "tester"), 0);
    run_to_its_end(w);
    fake_world_crash(w, 3);
    fake_world_start(w);
    fake_world_run(w, MINUTE_MS);
    assert_int_equal(fake_world_status(w)->reconcile.nightly_ms, night_ms);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, fake_world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_agrees_is_counted_and_nothing_else),
        TEST(what_the_portal_lost_is_found_and_brought_back_with_its_steps),
        TEST(one_look_that_finds_nothing_puts_nothing_in),
        TEST(a_second_look_outlives_crashes_and_is_not_hastened),
        TEST(what_was_absent_once_is_told_when_a_person_ends_it),
        TEST(too_many_lost_stop_it_until_a_person_says_yes),
        TEST(so_few_or_so_small_a_share_do_not_stop_it),
        TEST(another_status_at_the_portal_is_named_by_its_direction),
        TEST(what_the_source_has_and_the_poll_missed_is_read),
        TEST(a_dossier_gone_at_the_source_is_told_to_a_person),
        TEST(what_waits_or_is_held_is_known_already),
        TEST(what_the_portal_does_not_tell_is_neither_agreed_nor_different),
        TEST(a_configured_pair_is_tolerated_and_each_use_counted),
        TEST(a_crash_in_the_middle_asks_nothing_twice_but_what_was_on_its_way),
        TEST(a_start_in_the_middle_or_behind_it_changes_no_number),
        TEST(the_rate_is_kept),
        TEST(one_at_a_time_and_a_cancel_keeps_what_was_found),
        TEST(what_moves_while_it_is_compared_is_compared_again),
        TEST(what_moves_at_each_comparison_is_given_up_and_said),
        TEST(what_the_journal_refuses_is_tried_later_and_then_given_up),
        TEST(who_does_not_answer_holds_up_nobody_else),
        TEST(a_cancel_while_the_sources_are_read_ends_that_too),
        TEST(a_dossier_that_the_journal_does_not_know_is_read_from_its_source),
        TEST(the_reading_of_the_sources_finds_what_the_journal_lacks),
        TEST(a_kick_while_the_journal_works_begins_nothing_twice),
        TEST(a_kick_while_a_page_is_read_takes_nothing_of_it),
        TEST(a_stop_or_a_cancel_while_the_journal_works_ends_once),
        TEST(long_after_it_was_settled_the_source_gives_back_what_is_no_longer_kept),
        TEST(a_look_up_that_was_wrong_sends_no_step_twice),
        TEST(crashes_at_any_moment_of_mending_lose_and_repeat_nothing),
        TEST(where_doubt_is_asked_about_a_person_lets_the_steps_go),
        TEST(a_portal_that_is_away_is_waited_for),
        TEST(two_sources_are_compared_each_with_what_it_said),
        TEST(a_nightly_one_that_is_left_out_is_said_and_the_last_one_is_known),
        TEST(nightly_at_its_time_a_sample_is_compared_and_nothing_mended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
