#include "lib/journal_fixture.h"

#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/digest.h"
#include "domain/status.h"

#define DAY_MS UINT64_C(86400000)

/* ---- the journal's life ---- */

static void count_change(void *ctx)
{
    struct fixture *f = ctx;

    f->changes++;
}

int fixture_try_open(struct fixture *f, struct errmsg *msg)
{
    int err = journal_open(&f->loop.loop, NULL, f->metrics, &f->options, &f->journal, msg);

    if (err < 0) {
        f->journal = NULL;
        return err;
    }
    journal_on_change(f->journal, count_change, f);
    return journal_flow_id(f->journal, FIXTURE_FLOW, &f->flow, msg);
}

static void must_open(struct fixture *f)
{
    struct errmsg msg = {""};
    int err = fixture_try_open(f, &msg);

    if (err != 0) {
        fail_msg("journal_open: %s (%s)", err_text(err), msg.text);
    }
}

void fixture_open(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    fake_loop_init(&f->loop);
    f->metrics = metrics_new();
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/dvcsync-journal-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof(f->path), "%s/journal.db", f->dir);
    f->options.path = f->path;
    f->options.window_bytes = 4u << 20;
    f->options.cache_bytes = 2u << 20;
    must_open(f);
}

static void note_closed(void *ctx)
{
    *(bool *)ctx = true;
}

void fixture_close_journal(struct fixture *f)
{
    bool closed = false;

    if (f->journal == NULL) {
        return;
    }
    journal_close(f->journal, note_closed, &closed);
    assert_false(closed);
    fake_loop_settle(&f->loop);
    assert_true(closed);
    f->journal = NULL;
    assert_true(loop_next_ms(&f->loop.loop) == UINT64_MAX); /* no timer or task is left behind */
}

void fixture_restart(struct fixture *f)
{
    fixture_close_journal(f);
    must_open(f);
}

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb");
    FILE *out;
    char block[65536];
    size_t n;

    if (in == NULL) {
        return; /* the WAL may not be there */
    }
    out = fopen(to, "wb");
    assert_non_null(out);
    for (n = fread(block, 1, sizeof(block), in); n > 0; n = fread(block, 1, sizeof(block), in)) {
        assert_int_equal(fwrite(block, 1, n, out), n);
    }
    assert_int_equal(fclose(out), 0);
    (void)fclose(in);
}

/* The database and its WAL; the index in shared memory is made anew. */
static void move_files(const char *from_dir, const char *to_dir)
{
    static const char *const names[] = {"journal.db", "journal.db-wal"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char from[128];
        char to[128];

        (void)snprintf(from, sizeof(from), "%s/%s", from_dir, names[i]);
        (void)snprintf(to, sizeof(to), "%s/%s", to_dir, names[i]);
        (void)unlink(to);
        copy_file(from, to);
    }
}

static void remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    if (dir == NULL) {
        return;
    }
    for (entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char name[400];

        (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        (void)unlink(name);
    }
    (void)closedir(dir);
    (void)rmdir(path);
}

void fixture_crash(struct fixture *f)
{
    char kept[] = "/tmp/dvcsync-journal-XXXXXX";

    assert_non_null(mkdtemp(kept));
    move_files(f->dir, kept);
    fixture_close_journal(f); /* frees the memory; what it writes is thrown away below */
    move_files(kept, f->dir);
    remove_dir(kept);
    must_open(f);
}

void fixture_end(struct fixture *f)
{
    if (f->journal != NULL) {
        fixture_check(f);
    }
    fixture_close_journal(f);
    metrics_free(f->metrics);
    remove_dir(f->dir);
}

uint64_t fixture_wall_ms(const struct fixture *f)
{
    return (uint64_t)f->loop.wall_ms;
}

/* ---- requests ---- */

static void note_done(struct journal_op *op)
{
    *(bool *)op->ctx = true;
}

void fixture_expect(struct fixture *f, struct journal_op *op)
{
    bool *ended = malloc(sizeof(*ended));

    (void)f;
    assert_non_null(ended);
    *ended = false;
    op->done = note_done;
    op->ctx = ended;
    op->err = -1;
}

bool fixture_ended(const struct journal_op *op)
{
    return *(const bool *)op->ctx;
}

int fixture_wait_ended(struct journal_op *op)
{
    assert_true(fixture_ended(op));
    free(op->ctx);
    op->ctx = NULL;
    return op->err;
}

int fixture_wait(struct fixture *f, struct journal_op *op)
{
    assert_false(fixture_ended(op)); /* never from inside the call */
    fake_loop_settle(&f->loop);
    if (!fixture_ended(op)) {
        fail_msg("the request did not end: %s", journal_condition_text(f->journal));
    }
    return fixture_wait_ended(op);
}

/* ---- records ---- */

void fixture_add(struct journal_append *a, const struct fixture_record *r)
{
    struct journal_record jr = {
        .status = r->status,
        .hold = r->hold,
        .solo = r->solo,
        .source = r->source,
        .rank = r->rank,
        .part = r->part,
        .part_len = r->part != NULL ? strlen(r->part) : 0,
        .part_at_s = FIXTURE_FIRST_S + r->part_at_s,
    };
    char body[256];
    const char *hashed = r->digest != NULL ? r->digest : body;

    (void)snprintf(body, sizeof(body), "{\"code\":\"%s\",\"content\":\"%s\",\"step\":\"%s\"}",
                   r->code, r->content != NULL ? r->content : "", r->step != NULL ? r->step : "");
    jr.record.kind = r->step != NULL ? RECORD_STEP : RECORD_DOSSIER;
    jr.record.code = r->code;
    jr.record.local_no = r->local_no != NULL ? r->local_no : "";
    jr.record.step_key = r->step != NULL ? r->step : "";
    jr.record.at_s = FIXTURE_FIRST_S + r->at_s;
    jr.record.promised_s = r->promised_s;
    jr.record.body = body;
    jr.record.body_len = strlen(body);
    jr.reason = r->hold != HOLD_NONE ? "held by the test" : NULL;
    assert_int_equal(digest_sha256(hashed, strlen(hashed), jr.record.hash), 0);
    assert_int_equal(journal_append_add(a, &jr), 0);
}

struct fixture_appended fixture_append(struct fixture *f, const struct fixture_record *records,
                                       size_t n)
{
    struct journal_append a;
    struct fixture_appended appended;

    journal_append_init(&a, f->flow);
    a.now_ms = fixture_wall_ms(f);
    for (size_t i = 0; i < n; i++) {
        fixture_add(&a, &records[i]);
    }
    assert_int_equal(FIXTURE_RUN(f, journal_append, &a), 0);
    appended.stored = a.stored;
    appended.unchanged = a.unchanged;
    appended.replaced = a.replaced;
    appended.held = a.held;
    journal_append_free(&a);
    return appended;
}

struct fixture_appended fixture_snapshot(struct fixture *f, const char *code, const char *content,
                                         int status)
{
    struct fixture_record r = {.code = code, .content = content, .status = status};

    return fixture_append(f, &r, 1);
}

struct fixture_appended fixture_step(struct fixture *f, const char *code, const char *key,
                                     int64_t at_s, int status)
{
    struct fixture_record r = {.code = code, .step = key, .status = status, .at_s = at_s};

    return fixture_append(f, &r, 1);
}

void fixture_start_snapshot(struct fixture *f, struct journal_append *a, const char *code,
                            const char *content)
{
    const struct fixture_record r = {.code = code, .content = content, .status = 2};

    journal_append_init(a, f->flow);
    a->now_ms = fixture_wall_ms(f);
    fixture_add(a, &r);
    fixture_expect(f, &a->op);
    journal_append(f->journal, a);
}

void fixture_end_snapshot(struct journal_append *a, int err)
{
    assert_int_equal(fixture_wait_ended(&a->op), err);
    journal_append_free(a);
}

/* ---- calls ---- */

void fixture_claim_init(struct fixture *f, struct journal_claim *c)
{
    memset(c, 0xA5, sizeof(*c)); /* what a caller leaves unset must not matter */
    c->flow = f->flow;
    c->snapshot_kind = RECORD_DOSSIER;
    c->lookup = true;
    c->idempotent = false;
    c->ask = false;
    c->now_ms = fixture_wall_ms(f);
    c->back_ms = 0;
    c->due_cap_ms = DAY_MS;
    c->max = 256;
    c->max_ask = 256;
}

size_t fixture_claim(struct fixture *f, struct journal_claim *c, struct journal_call **calls,
                     size_t max)
{
    size_t n = 0;
    struct list *node;

    assert_int_equal(FIXTURE_RUN(f, journal_claim, c), 0);
    assert_true(c->n <= max);
    for (node = list_shift(&c->calls); node != NULL; node = list_shift(&c->calls)) {
        assert_true(n < c->n);
        calls[n++] = CONTAINER_OF(node, struct journal_call, link);
    }
    assert_int_equal(n, c->n);
    return n;
}

struct journal_call *fixture_claim_one(struct fixture *f)
{
    struct journal_claim c;
    struct journal_call *calls[256];

    fixture_claim_init(f, &c);
    assert_int_equal(fixture_claim(f, &c, calls, 256), 1);
    return calls[0];
}

void fixture_claim_none(struct fixture *f)
{
    struct journal_claim c;
    struct journal_call *calls[1];

    fixture_claim_init(f, &c);
    assert_int_equal(fixture_claim(f, &c, calls, 1), 0);
}

void fixture_decide(struct fixture *f, struct journal_finish *finish,
                    const struct journal_call *call, enum item_state to)
{
    static const int outcomes[] = {
        [ITEM_PENDING] = 3, [ITEM_UNSURE] = 2, [ITEM_HELD] = 4, [ITEM_DONE] = 1};

    journal_finish_init(finish, call);
    finish->ended_ms = fixture_wall_ms(f);
    finish->outcome = outcomes[to];
    finish->http = 200;
    (void)snprintf(finish->code, sizeof(finish->code), "%d", to == ITEM_DONE ? 0 : -1);
    (void)snprintf(finish->words, sizeof(finish->words), "words of the portal");
    finish->to = to;
    if (to == ITEM_PENDING || to == ITEM_UNSURE) {
        finish->due_ms = finish->ended_ms + 30000;
    }
    if (to == ITEM_HELD) {
        finish->hold = HOLD_REFUSED;
        (void)snprintf(finish->reason, sizeof(finish->reason), "refused");
    }
    finish->charge = to != ITEM_DONE;
    if (to == ITEM_UNSURE && call->verb == JOURNAL_SEND && call->kind != RECORD_STEP) {
        finish->doubt = 1;
    }
}

enum item_state fixture_finish(struct fixture *f, struct journal_finish *finish,
                               struct journal_call *call)
{
    assert_int_equal(FIXTURE_RUN(f, journal_finish, finish), 0);
    journal_call_free(call);
    return finish->became;
}

enum item_state fixture_end_call(struct fixture *f, struct journal_call *call, enum item_state to)
{
    struct journal_finish finish;

    fixture_decide(f, &finish, call, to);
    return fixture_finish(f, &finish, call);
}

size_t fixture_deliver_all(struct fixture *f)
{
    struct journal_call *calls[256];
    size_t total = 0;
    size_t n;

    do {
        struct journal_claim c;

        fixture_claim_init(f, &c);
        n = fixture_claim(f, &c, calls, 256);
        for (size_t i = 0; i < n; i++) {
            enum item_state to = calls[i]->verb == JOURNAL_LOOKUP ? ITEM_PENDING : ITEM_DONE;
            struct journal_finish finish;

            fixture_decide(f, &finish, calls[i], to);
            finish.due_ms = 0;
            if (calls[i]->verb == JOURNAL_LOOKUP) {
                finish.doubt = 0;
            }
            (void)fixture_finish(f, &finish, calls[i]);
        }
        total += n;
    } while (n > 0);
    return total;
}

/* ---- looking beside the journal ---- */

static sqlite3 *open_beside(const struct fixture *f)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    /* This connection must leave no trace: closing it last would fold the WAL. */
    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(db, 5000), SQLITE_OK);
    return db;
}

/* The first column of the first row into out; false without a row. */
static bool ask(const struct fixture *f, const char *sql, char *out, size_t size)
{
    sqlite3 *db = open_beside(f);
    sqlite3_stmt *stmt = NULL;
    bool found;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    found = sqlite3_step(stmt) == SQLITE_ROW;
    if (found) {
        const unsigned char *text = sqlite3_column_text(stmt, 0);

        (void)snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
    }
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return found;
}

int64_t fixture_number(const struct fixture *f, const char *format, ...)
{
    char sql[1024];
    char text[64] = "";
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    if (!ask(f, sql, text, sizeof(text))) {
        fail_msg("no row: %s", sql);
    }
    return strtoll(text, NULL, 10);
}

const char *fixture_text(struct fixture *f, const char *format, ...)
{
    static char text[4096];
    char sql[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    text[0] = '\0';
    (void)ask(f, sql, text, sizeof(text));
    return text;
}

void fixture_tamper(const struct fixture *f, const char *format, ...)
{
    char sql[1024];
    va_list args;
    sqlite3 *db = open_beside(f);

    va_start(args, format);
    (void)vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

const char *fixture_states(struct fixture *f, const char *code)
{
    return fixture_text(
        f,
        "SELECT group_concat(iif(kind = 1, substr('PIUHDASX', state + 1, 1), "
        "substr('piuhdasx', state + 1, 1)), '') FROM (SELECT i.kind, i.state FROM "
        "item i JOIN subject s ON s.id = i.subject WHERE s.code = '%s' ORDER BY i.id)",
        code);
}

int64_t fixture_item(const struct fixture *f, const char *code, int n)
{
    return fixture_number(f,
                          "SELECT i.id FROM item i JOIN subject s ON s.id = i.subject "
                          "WHERE s.code = '%s' ORDER BY i.id LIMIT 1 OFFSET %d",
                          code, n);
}

/* Each counts rows that must not be there. */
static const char *const invariants[] = {
    /* sums */
    "SELECT count(*) FROM tally t WHERE n <> (SELECT count(*) FROM item i JOIN subject s ON "
    "s.id = i.subject WHERE s.flow = t.flow AND i.kind = t.kind AND i.state = t.state)",
    "SELECT count(*) FROM (SELECT s.flow, i.kind, i.state FROM item i JOIN subject s ON "
    "s.id = i.subject GROUP BY 1, 2, 3) g WHERE NOT EXISTS (SELECT 1 FROM tally t WHERE "
    "t.flow = g.flow AND t.kind = g.kind AND t.state = g.state)",
    /* one call at a time: busy as long as an attempt has no end, and only then */
    "SELECT count(*) FROM subject s WHERE busy <> (SELECT count(*) FROM attempt a WHERE "
    "a.subject = s.id AND a.ended_ms IS NULL)",
    "SELECT count(*) FROM item i JOIN subject s ON s.id = i.subject WHERE i.state = 1 AND "
    "s.busy = 0",
    "SELECT count(*) FROM item i WHERE i.state = 1 AND NOT EXISTS (SELECT 1 FROM attempt a WHERE "
    "a.subject = i.subject AND a.verb = 1 AND a.ended_ms IS NULL AND (a.first_item = i.id OR "
    "EXISTS (SELECT 1 FROM attempt_item x WHERE x.attempt = a.id AND x.item = i.id)))",
    /* scheduling */
    "SELECT count(*) FROM subject WHERE busy = 1 AND queue IS NOT NULL",
    "SELECT count(*) FROM subject WHERE (queue = 2) <> (due_ms > 0)",
    "SELECT count(*) FROM subject s WHERE queue IS NOT NULL AND NOT EXISTS (SELECT 1 FROM item i "
    "WHERE i.subject = s.id AND i.state IN (0, 2))",
    "SELECT count(*) FROM subject s WHERE (s.settled = 0) <> EXISTS (SELECT 1 FROM item i WHERE "
    "i.subject = s.id AND i.state IN (0, 1, 2, 3))",
    "SELECT count(*) FROM subject WHERE (settled = 0) <> (since_ms > 0)",
    /* a snapshot that waits and is the newest open thing always has a queue */
    "SELECT count(*) FROM subject s JOIN item i ON i.id = s.newest_item WHERE s.busy = 0 AND "
    "i.state IN (0, 2) AND s.queue IS NULL",
    /* snapshots: the newest stands for all; nothing but it and one call in flight is open */
    "SELECT count(*) FROM item i JOIN subject s ON s.id = i.subject WHERE i.kind = 1 AND "
    "i.state IN (0, 2, 3) AND i.id <> s.newest_item",
    "SELECT count(*) FROM item WHERE (state = 3) <> (hold <> 0)",
    /* bodies: of what is open, of the newest; not of what was superseded */
    "SELECT count(*) FROM item i WHERE i.state IN (0, 1, 2, 3) AND NOT EXISTS (SELECT 1 FROM body "
    "b "
    "WHERE b.item = i.id)",
    "SELECT count(*) FROM body b LEFT JOIN item i ON i.id = b.item WHERE i.id IS NULL OR "
    "i.state = 6",
    "SELECT count(*) FROM body b JOIN item i ON i.id = b.item JOIN subject s ON s.id = i.subject "
    "WHERE i.kind = 1 AND i.state IN (4, 5, 7) AND i.id <> s.newest_item",
    /* a superseded snapshot has its successor, and nothing else has one */
    "SELECT count(*) FROM item WHERE (state = 6 AND kind = 1) <> (successor IS NOT NULL)",
    /* what sources said goes with the bodies */
    "SELECT count(*) FROM part p LEFT JOIN subject s ON s.id = p.subject WHERE s.id IS NULL OR "
    "(s.settled < 0 AND NOT EXISTS (SELECT 1 FROM body b WHERE b.item = s.newest_item))",
};

void fixture_check(struct fixture *f)
{
    for (size_t i = 0; i < sizeof(invariants) / sizeof(invariants[0]); i++) {
        int64_t rows = fixture_number(f, "%s", invariants[i]);

        if (rows != 0) {
            fail_msg("%lld rows: %s", (long long)rows, invariants[i]);
        }
    }
    for (int kind = ITEM_SNAPSHOT; kind <= ITEM_STEP; kind++) {
        for (int state = 0; state < ITEM_STATES; state++) {
            assert_int_equal(
                journal_tally(f->journal, f->flow, (enum item_kind)kind, (enum item_state)state),
                fixture_number(f,
                               "SELECT count(*) FROM item i JOIN subject s ON s.id = i.subject "
                               "WHERE s.flow = %lld AND i.kind = %d AND i.state = %d",
                               (long long)f->flow, kind, state));
        }
    }
}
