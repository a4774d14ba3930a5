/* What the journal keeps of reconciliations: scopes, verdicts, remedies, and their end. */
#include "journal/review.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/upkeep.h"
#include "lib/journal_fixture.h"

#define A "000.00.12.H56-251120-0001"
#define B "000.00.12.H56-251120-0002"
#define DAY_MS UINT64_C(86400000)

static struct review_begin begin_of(struct fixture *f, enum review_what what)
{
    struct review_begin b = {.what = what,
                             .sample = 10,
                             .flows = &f->flow,
                             .n_flows = 1,
                             .now_ms = fixture_wall_ms(f),
                             .random = UINT64_C(20261122) << 20};

    (void)snprintf(b.scope, sizeof(b.scope), "a test");
    (void)snprintf(b.who, sizeof(b.who), "tester");
    return b;
}

static int64_t begin(struct fixture *f, struct review_begin *b)
{
    assert_int_equal(FIXTURE_RUN(f, review_begin, b), 0);
    return b->id;
}

static size_t page(struct fixture *f, int64_t id, struct review_page *p)
{
    memset(p, 0, sizeof(*p));
    p->id = id;
    p->late_before_ms = fixture_wall_ms(f);
    assert_int_equal(FIXTURE_RUN(f, review_page, p), 0);
    return p->n;
}

static void end(struct fixture *f, int64_t id)
{
    struct review_end e = {.id = id, .now_ms = fixture_wall_ms(f)};

    assert_int_equal(FIXTURE_RUN(f, review_end, &e), 0);
    assert_int_equal(FIXTURE_RUN(f, review_end, &e), ERR_STATE);
}

static struct review_look look(struct fixture *f, const char *code, int shown)
{
    struct review_look l = {.flow = f->flow, .shown_status = shown};

    (void)snprintf(l.code, sizeof(l.code), "%s", code);
    assert_int_equal(FIXTURE_RUN(f, review_look, &l), 0);
    return l;
}

static void store_init(struct fixture *f, struct review_store *s, int64_t id, const char *code,
                       enum difference kind, enum remedy remedy)
{
    struct review_look l = look(f, code, 0);

    review_store_init(s);
    s->id = id;
    s->flow = f->flow;
    s->kind = kind;
    s->remedy = remedy;
    s->state = l.state;
    s->now_ms = fixture_wall_ms(f);
    (void)snprintf(s->code, sizeof(s->code), "%s", code);
    (void)snprintf(s->who, sizeof(s->who), "tester");
    review_look_free(&l);
}

static void store(struct fixture *f, struct review_store *s)
{
    assert_int_equal(FIXTURE_RUN(f, review_store, s), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    fixture_open(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_end(*state);
    free(*state);
    return 0;
}

/* Many dossiers behind the journal's back: only the scopes are of interest. */
static void plant(const struct fixture *f, int n)
{
    fixture_tamper(f,
                   "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < %d) "
                   "INSERT INTO subject (flow, code, status, at) SELECT %lld, 'd' || i, 4, 1000 "
                   "FROM k",
                   n, (long long)f->flow);
}

static int64_t todo(const struct fixture *f)
{
    return fixture_number(f, "SELECT count(*) FROM review_dossier WHERE kind = -1");
}

static void forget_subjects(const struct fixture *f)
{
    fixture_tamper(f, "DELETE FROM review_dossier");
    fixture_tamper(f, "DELETE FROM subject");
}

/* ---- scopes ---- */

static void a_sample_has_as_many_as_asked_for_and_no_favourites(void **state)
{
    static const int sizes[] = {500, 30000}; /* drawn in two ways */
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        struct review_begin b = begin_of(f, REVIEW_SAMPLE);
        int64_t upper;

        plant(f, sizes[i]);
        b.sample = 400;
        end(f, begin(f, &b));
        assert_int_equal(fixture_number(f,
                                        "SELECT n FROM review_count WHERE review = %lld "
                                        "AND name = 'not_compared'",
                                        (long long)b.id),
                         400);
        b.id = 0;
        b.random += 77;
        begin(f, &b);
        assert_int_equal(todo(f), 400);
        upper = fixture_number(f, "SELECT count(*) FROM review_dossier d JOIN subject s "
                                  "ON s.code = d.code WHERE s.id > (SELECT (max(id) + min(id)) / 2 "
                                  "FROM subject)");
        assert_in_range(upper, 150, 250); /* five standard deviations of a fair draw */
        end(f, b.id);
        forget_subjects(f);
    }
}

static void a_sample_of_all_takes_all(void **state)
{
    struct fixture *f = *state;
    struct review_begin b = begin_of(f, REVIEW_SAMPLE);
    struct review_page p;

    plant(f, 150);
    b.sample = 1000;
    begin(f, &b);
    assert_int_equal(todo(f), 150);
    assert_int_equal(page(f, b.id, &p), 150);
    forget_subjects(f);
}

/* Any two dossiers meet in a sample, and none meet more often than others: of 4,950 pairs few are
 * drawn twice in 300 samples of two. */
static void a_sample_is_drawn_by_chance(void **state)
{
    struct fixture *f = *state;
    struct review_begin b;

    plant(f, 100);
    fixture_tamper(f, "CREATE TABLE drawn (pair TEXT PRIMARY KEY)");
    for (uint64_t i = 0; i < 300; i++) {
        b = begin_of(f, REVIEW_SAMPLE);
        b.sample = 2;
        b.random = (i + 1) * UINT64_C(0x2545F4914F6CDD1D);
        begin(f, &b);
        assert_int_equal(b.expected, 2);
        fixture_tamper(f, "INSERT OR IGNORE INTO drawn SELECT group_concat(code, '+') FROM "
                          "(SELECT code FROM review_dossier WHERE kind = -1 ORDER BY code)");
        end(f, b.id);
    }
    assert_true(fixture_number(f, "SELECT count(*) FROM drawn") > 270); /* 291 are to be expected */
    fixture_tamper(f, "DROP TABLE drawn");
    forget_subjects(f);
}

static void how_many_there_will_be_is_told_at_the_begin(void **state)
{
    struct fixture *f = *state;
    struct review_begin b = begin_of(f, REVIEW_OPEN);

    plant(f, 30000);
    fixture_tamper(f, "UPDATE subject SET status = 10 WHERE id %% 3 = 0");
    end(f, begin(f, &b));
    assert_in_range(b.expected, 19000, 21000); /* from a part of them */
    b = begin_of(f, REVIEW_MONTH);
    b.to_s = 1;
    end(f, begin(f, &b));
    assert_int_equal(b.expected, 0);
    b = begin_of(f, REVIEW_DOSSIER);
    (void)snprintf(b.code, sizeof(b.code), "d7");
    end(f, begin(f, &b));
    assert_int_equal(b.expected, 1);
    forget_subjects(f);
}

static void open_ones_and_months_are_found_page_by_page(void **state)
{
    struct fixture *f = *state;
    struct review_begin b = begin_of(f, REVIEW_OPEN);
    struct review_page p;
    size_t n = 0;

    plant(f, 2500);
    fixture_tamper(f, "UPDATE subject SET status = 10 WHERE id %% 2 = 0");
    begin(f, &b);
    assert_int_equal(todo(f), 0); /* nothing is looked for before it is needed */
    for (int i = 0; i < 100; i++) {
        page(f, b.id, &p);
        n += p.n;
        if (p.n == 0 && !p.more) {
            break;
        }
        fixture_tamper(f,
                       "DELETE FROM review_dossier WHERE kind = -1 AND code IN "
                       "(SELECT code FROM review_dossier WHERE kind = -1 LIMIT %d)",
                       REVIEW_PAGE_MAX);
        n -= p.n > REVIEW_PAGE_MAX ? p.n : 0;
    }
    assert_int_equal(todo(f), 0);
    assert_true(n >= 1250); /* all odd ones; what was not yet forgotten was shown again */
    assert_int_equal(fixture_number(f, "SELECT place FROM review"), 2500);
    end(f, b.id);
    forget_subjects(f);
}

static void a_month_takes_what_happened_in_it(void **state)
{
    struct fixture *f = *state;
    struct review_begin b = begin_of(f, REVIEW_MONTH);
    struct review_page p;

    fixture_snapshot(f, A, "a", 4); /* at FIXTURE_FIRST_S, stored now */
    fixture_step(f, B, "s", 40 * 86400, 4);
    b.from_s = FIXTURE_FIRST_S + 30 * 86400;
    b.to_s = FIXTURE_FIRST_S + 60 * 86400;
    fixture_tamper(f, "UPDATE item SET created_ms = 1");
    begin(f, &b);
    assert_int_equal(page(f, b.id, &p), 1);
    assert_string_equal(p.rows[0].code, B);
    end(f, b.id);
    b = begin_of(f, REVIEW_MONTH);
    b.from_s = FIXTURE_FIRST_S;
    b.to_s = FIXTURE_FIRST_S + 1;
    begin(f, &b);
    assert_int_equal(page(f, b.id, &p), 1);
    assert_string_equal(p.rows[0].code, A);
    end(f, b.id);
}

static void what_came_late_is_marked_and_what_is_new_is_not(void **state)
{
    struct fixture *f = *state;
    struct review_begin b = begin_of(f, REVIEW_OPEN);
    struct review_swept swept = {.unread = 2};
    struct review_page p;

    fixture_snapshot(f, A, "a", 4);
    b.sweep = true;
    begin(f, &b);
    assert_int_equal(page(f, b.id, &p), 1);
    fixture_tamper(f, "DELETE FROM review_dossier");
    fixture_snapshot(f, B, "b", 4);
    assert_int_equal(page(f, b.id, &p), 0);
    assert_true(p.sweeps);
    assert_false(p.more);
    swept.id = b.id;
    assert_int_equal(FIXTURE_RUN(f, review_swept, &swept), 0);
    fixture_tamper(f, "UPDATE item SET at = %lld WHERE subject = 2",
                   (long long)(fixture_wall_ms(f) / 1000 + 10));
    memset(&p, 0, sizeof(p));
    assert_int_equal(page(f, b.id, &p), 0); /* newer than the begin */
    assert_false(p.more);
    assert_int_equal(fixture_number(f, "SELECT n FROM review_count WHERE name = 'sources_unread'"),
                     2);
    end(f, b.id);
    b = begin_of(f, REVIEW_OPEN);
    b.sweep = true;
    begin(f, &b);
    fixture_tamper(f, "UPDATE review SET upto = 1, sweep = 2 WHERE id = %lld", (long long)b.id);
    fixture_tamper(f, "UPDATE item SET at = 1000 WHERE subject = 2");
    assert_int_equal(page(f, b.id, &p), 2);
    assert_int_equal(fixture_number(f,
                                    "SELECT count(*) FROM review_dossier WHERE late = 1 "
                                    "AND code = '%s'",
                                    B),
                     1);
    end(f, b.id);
}

static void one_runs_at_a_time_and_outlives_a_crash(void **state)
{
    struct fixture *f = *state;
    struct review_begin b = begin_of(f, REVIEW_DOSSIER);
    struct review_running r = {.row = {.id = 0}};
    struct review_page p;

    (void)snprintf(b.code, sizeof(b.code), "%s", A);
    begin(f, &b);
    fixture_crash(f);
    assert_int_equal(FIXTURE_RUN(f, review_running, &r), 0);
    assert_int_equal(r.row.id, b.id);
    assert_int_equal(r.row.ended_ms, 0);
    assert_string_equal(r.row.scope, "a test");
    assert_int_equal(page(f, b.id, &p), 1); /* known nowhere, and asked for all the same */
    assert_string_equal(p.rows[0].code, A);
    b = begin_of(f, REVIEW_OPEN);
    assert_int_equal(FIXTURE_RUN(f, review_begin, &b), ERR_BUSY);
    end(f, r.row.id);
    b.n_flows = 0;
    assert_int_equal(FIXTURE_RUN(f, review_begin, &b), ERR_INVAL);
    fixture_tamper(f,
                   "INSERT INTO review_count VALUES (1, 'agreed', 3), (1, 'lost', 2), "
                   "(1, 'not_answered', 1), (1, 'in_grace', 1), (1, 'mended', 2), (2, 'lost', 9)");
    assert_int_equal(FIXTURE_RUN(f, review_running, &r), 0);
    assert_int_equal(r.row.id, 1);
    assert_true(r.row.ended_ms != 0);
    assert_int_equal(r.numbers.compared, 7);
    assert_int_equal(r.numbers.differences, 3);
    assert_int_equal(r.numbers.mended, 2);
}

static void a_dossier_is_named_by_a_number_that_is_known_or_a_code(void **state)
{
    static const char *const refused[] = {"Ông Trần Văn C sinh 1970", "Tran-Van-C", "7/2026"};
    struct fixture *f = *state;
    struct review_begin b;

    fixture_snapshot(f, A, "a", 2);
    fixture_snapshot(f, B, "b", 2);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        b = begin_of(f, REVIEW_DOSSIER);
        (void)snprintf(b.code, sizeof(b.code), "%s", refused[i]);
        assert_int_equal(FIXTURE_RUN(f, review_begin, &b), ERR_INVAL);
    }
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM audit"), 0);
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM review"), 0);
    /* The province's number of one: what is kept is the portal's. */
    fixture_tamper(f, "UPDATE subject SET local_no = '7/2026' WHERE code = '%s'", B);
    b = begin_of(f, REVIEW_DOSSIER);
    (void)snprintf(b.code, sizeof(b.code), "7/2026");
    end(f, begin(f, &b));
    assert_string_equal(b.scope, "dossier " B);
    assert_string_equal(fixture_text(f, "SELECT object FROM audit"), "dossier " B);
    assert_string_equal(fixture_text(f, "SELECT scope FROM review"), "dossier " B);
    /* Of two: neither is chosen. */
    fixture_tamper(f, "UPDATE subject SET local_no = '7/2026'");
    b = begin_of(f, REVIEW_DOSSIER);
    (void)snprintf(b.code, sizeof(b.code), "7/2026");
    assert_int_equal(FIXTURE_RUN(f, review_begin, &b), ERR_INVAL);
    assert_string_equal(b.op.why.text, "7/2026 is the number of " A " and of " B ": name one");
}

/* ---- verdicts ---- */

static int64_t open_sample(struct fixture *f)
{
    struct review_begin b = begin_of(f, REVIEW_SAMPLE);

    return begin(f, &b);
}

static void delivered(struct fixture *f, const char *code)
{
    fixture_snapshot(f, code, "a", 2);
    fixture_deliver_all(f);
    fixture_step(f, code, "s1", 10, 2);
    fixture_step(f, code, "s2", 20, 4);
    fixture_snapshot(f, code, "b", 4);
    fixture_deliver_all(f);
}

static void a_lost_dossier_goes_again_as_a_first_one_with_each_step_once(void **state)
{
    struct fixture *f = *state;
    struct review_store s;
    int64_t id;

    delivered(f, A);
    for (int round = 0; round < 3; round++) {
        id = open_sample(f);
        store_init(f, &s, id, A, DIFFERENCE_LOST, REMEDY_FIRST);
        store(f, &s);
        assert_true(s.mended);
        assert_false(s.moved);
        assert_int_equal(s.steps, 2);
        review_store_free(&s);
        fixture_check(f);
        assert_int_equal(fixture_number(f, "SELECT present FROM subject"), 0);
        assert_int_equal(
            fixture_number(f, "SELECT count(*) FROM item WHERE state = 0 AND kind = 1"), 1);
        assert_int_equal(
            fixture_number(f, "SELECT count(*) FROM item WHERE state = 2 AND kind = 2"), 2);
        fixture_deliver_all(f);
        assert_int_equal(fixture_number(f, "SELECT count(*) FROM item WHERE state < 4"), 0);
        assert_int_equal(
            fixture_number(f, "SELECT count(*) FROM audit WHERE verb = 'reconcile-fix'"),
            round + 1);
        end(f, id);
    }
    assert_string_equal(fixture_states(f, A), "DddDDddDddDdd");
}

static void an_update_goes_alone_and_leaves_the_steps(void **state)
{
    struct fixture *f = *state;
    struct journal_call *call;
    struct review_store s;
    int64_t id;

    delivered(f, A);
    id = open_sample(f);
    store_init(f, &s, id, A, DIFFERENCE_PORTAL_OLDER, REMEDY_UPDATE);
    s.portal = SIDE_THERE;
    s.portal_status = 2;
    store(f, &s);
    assert_true(s.mended);
    assert_int_equal(s.steps, 0);
    review_store_free(&s);
    call = fixture_claim_one(f);
    assert_true(call->updating);
    assert_int_equal(call->verb, JOURNAL_SEND);
    assert_int_equal(fixture_end_call(f, call, ITEM_DONE), ITEM_DONE);
    fixture_claim_none(f);
    end(f, id);
}

static void no_way_from_what_the_portal_shows_is_a_persons_affair(void **state)
{
    struct fixture *f = *state;
    struct review_store s;
    int64_t id;

    delivered(f, A);
    id = open_sample(f);
    store_init(f, &s, id, A, DIFFERENCE_PORTAL_OLDER, REMEDY_UPDATE);
    s.portal_status = 10;
    store(f, &s);
    assert_false(s.mended);
    review_store_free(&s);
    fixture_claim_none(f);
    assert_int_equal(fixture_number(f, "SELECT acked_status FROM subject"), 4);
    assert_int_equal(fixture_number(f, "SELECT length(note) > 10 FROM review_dossier"), 1);
    end(f, id);
}

static void what_moved_since_it_was_compared_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct review_store s;
    int64_t id;

    delivered(f, A);
    id = open_sample(f);
    store_init(f, &s, id, A, DIFFERENCE_LOST, REMEDY_FIRST);
    fixture_snapshot(f, A, "c", 9);
    store(f, &s);
    assert_true(s.moved);
    assert_false(s.mended);
    assert_int_equal(todo(f), 1);
    review_store_free(&s);
    assert_int_equal(fixture_deliver_all(f), 1); /* the new one, as an update */
    end(f, id);
}

static void contents_that_are_gone_come_from_the_source_or_are_told(void **state)
{
    struct fixture *f = *state;
    struct review_store s;
    struct record fresh = {.kind = RECORD_STEP, .code = A, .step_key = "s1", .body = "step again"};
    int64_t id;

    delivered(f, A);
    fixture_tamper(f, "DELETE FROM body WHERE item IN (SELECT id FROM item WHERE kind = 2)");
    id = open_sample(f);
    store_init(f, &s, id, A, DIFFERENCE_LOST, REMEDY_FIRST);
    fresh.body_len = strlen(fresh.body);
    assert_int_equal(review_store_add(&s, &fresh), 0);
    store(f, &s);
    assert_true(s.mended);
    assert_int_equal(s.steps, 1);
    assert_int_equal(s.steps_missing, 1);
    review_store_free(&s);
    assert_int_equal(fixture_number(f, "SELECT note LIKE '%%1 steps the content%%' FROM "
                                       "review_dossier"),
                     1);
    fixture_deliver_all(f);
    end(f, id);
    /* And of the snapshot itself: nothing is put in, and it is said. */
    fixture_tamper(f, "DELETE FROM body");
    id = open_sample(f);
    store_init(f, &s, id, A, DIFFERENCE_LOST, REMEDY_FIRST);
    store(f, &s);
    assert_false(s.mended);
    review_store_free(&s);
    assert_int_equal(fixture_number(f, "SELECT present FROM subject"), 1);
    fixture_claim_none(f);
    end(f, id);
}

static void findings_are_bounded_counted_and_read_in_pages(void **state)
{
    struct fixture *f = *state;
    struct review_read r = {.limit = 2};
    struct review_store s;
    char code[64];
    size_t seen = 0;
    int64_t id;

    for (int i = 0; i < 5; i++) {
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        delivered(f, code);
    }
    id = open_sample(f);
    for (int i = 0; i < 5; i++) {
        if (i == 4) {
            fixture_tamper(f, "UPDATE review_count SET n = %d WHERE name = 'kept'",
                           REVIEW_FINDINGS_MAX);
        }
        (void)snprintf(code, sizeof(code), "000.00.12.H56-251120-%04d", i);
        store_init(f, &s, id, code, DIFFERENCE_LOST, REMEDY_NONE);
        store(f, &s);
        review_store_free(&s);
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(FIXTURE_RUN(f, review_read, &r), 0);
        seen += r.n_findings;
        assert_true(r.n_findings <= 2);
        r.after_flow = r.next_flow;
        memcpy(r.after_code, r.next_code, sizeof(r.after_code));
        if (r.next_flow == 0) {
            break;
        }
        review_read_free(&r);
    }
    assert_int_equal(seen, 4);
    assert_int_equal(r.todo, 0);
    review_read_free(&r);
    assert_int_equal(fixture_number(f, "SELECT n FROM review_count WHERE name = 'lost'"), 5);
    assert_int_equal(fixture_number(f, "SELECT n FROM review_count WHERE name = 'not_kept'"), 1);
    end(f, id);
}

static void what_is_older_than_keep_history_goes_and_what_runs_stays(void **state)
{
    struct fixture *f = *state;
    struct upkeep_retention r = {
        .keep_payload_ms = 100 * DAY_MS, .keep_history_ms = 30 * DAY_MS, .limit = 3};
    int64_t first;

    plant(f, 8);
    first = open_sample(f);
    fixture_tamper(f, "UPDATE review_dossier SET kind = 1");
    end(f, first);
    (void)open_sample(f);
    r.now_ms = fixture_wall_ms(f) + 29 * DAY_MS;
    assert_int_equal(FIXTURE_RUN(f, upkeep_retention, &r), 0);
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM review"), 2);
    r.now_ms += 2 * DAY_MS;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(FIXTURE_RUN(f, upkeep_retention, &r), 0);
    }
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM review"), 1);
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM review_dossier WHERE review = %lld",
                                    (long long)first),
                     0);
    assert_int_equal(todo(f), 8);
    forget_subjects(f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sample_has_as_many_as_asked_for_and_no_favourites),
        TEST(a_sample_of_all_takes_all),
        TEST(a_sample_is_drawn_by_chance),
        TEST(how_many_there_will_be_is_told_at_the_begin),
        TEST(open_ones_and_months_are_found_page_by_page),
        TEST(a_month_takes_what_happened_in_it),
        TEST(what_came_late_is_marked_and_what_is_new_is_not),
        TEST(one_runs_at_a_time_and_outlives_a_crash),
        TEST(a_dossier_is_named_by_a_number_that_is_known_or_a_code),
        TEST(a_lost_dossier_goes_again_as_a_first_one_with_each_step_once),
        TEST(an_update_goes_alone_and_leaves_the_steps),
        TEST(no_way_from_what_the_portal_shows_is_a_persons_affair),
        TEST(what_moved_since_it_was_compared_is_left_alone),
        TEST(contents_that_are_gone_come_from_the_source_or_are_told),
        TEST(findings_are_bounded_counted_and_read_in_pages),
        TEST(what_is_older_than_keep_history_goes_and_what_runs_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
