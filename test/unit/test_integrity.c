#include "daemon/ctl_integrity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/portal_procedure.h"
#include "codec/json.h"
#include "codec/record.h"
#include "lib/journal_fixture.h"

/* Fees by channel; one paper stands there twice, for its two templates. */
#define PROCEDURE                                                                                  \
    "{\"MATTHC\":\"1.001193\",\"TENTTHC\":\"Khai sinh\",\"TRANGTHAI\":\"1\","                      \
    "\"CACHTHUCTHUCHIEN\":["                                                                       \
    "{\"KENH\":\"1\",\"THOIGIAN\":[{\"THOIGIANGIAIQUYET\":\"1\",\"PHILEPHI\":["                    \
    "{\"MAPHILEPHI\":\"LP01'\",\"SOTIEN\":\"10.000\",\"DONVI\":\"Đồng\"},"                      \
    "{\"MAPHILEPHI\":\"LP02\",\"SOTIEN\":\"Không\",\"DONVI\":\"Đồng\"},"                       \
    "{\"MAPHILEPHI\":\"LP03\",\"SOTIEN\":\"2000\",\"DONVI\":\"Đồng/trang\"}]}]},"               \
    "{\"KENH\":2,\"THOIGIAN\":[{\"PHILEPHI\":[{\"MAPHILEPHI\":\"LP01\",\"SOTIEN\":\"5000\","       \
    "\"DONVI\":\"\"}]},{\"PHILEPHI\":[{\"MAPHILEPHI\":\"LP01\",\"SOTIEN\":\"7000\"}]}]}],"         \
    "\"THANHPHANHOSO\":[{\"TRUONGHOP\":\"\",\"GIAYTO\":[{\"MAGIAYTO\":\"KQ01\",\"TENGIAYTO\":"     \
    "\"a\"},{\"MAGIAYTO\":\"KQ01\",\"TENGIAYTO\":\"b\"},{\"MAGIAYTO\":\"\"}]},"                    \
    "{\"TRUONGHOP\":\"x\",\"GIAYTO\":[{\"MAGIAYTO\":\"KQ02\"}]}]}"

struct world {
    struct integrity list;
    struct config config; /* no maps; certified copies are KQ-COPY */
    struct arena arena;
};

static void begin(struct world *w)
{
    struct procedure p;
    struct record record;
    struct json *row = NULL;
    struct errmsg msg = {""};

    memset(w, 0, sizeof(*w));
    w->list.only = -1;
    w->list.config = &w->config;
    w->config.certified.items[0] = "KQ-COPY";
    w->config.certified.n = 1;
    w->list.links_max = 10;
    arena_init(&w->list.arena, 1 << 20);
    arena_init(&w->arena, 1 << 20);
    assert_int_equal(json_parse(PROCEDURE, strlen(PROCEDURE), &row, &msg), 0);
    assert_int_equal(portal_procedure_read(row, &w->arena, &p), 0);
    json_free(row);
    assert_string_equal(p.components, "[\"KQ01\",\"KQ02\"]");
    assert_int_equal(record_from_procedure(&p, &w->arena, &record, &msg), 0);
    assert_int_equal(integrity_add_procedure(&w->list, record.code, record.body, record.body_len),
                     0);
}

static void end(struct world *w)
{
    integrity_forget_procedures(&w->list);
    free(w->list.findings);
    arena_free(&w->list.arena);
    arena_free(&w->arena);
}

/* How many findings of the kind the dossier makes; every other kind must make none. */
static uint64_t judge(struct world *w, enum integrity_kind kind, struct integrity_dossier row,
                      const struct dossier *d)
{
    struct record record;
    struct errmsg msg = {""};
    uint64_t before = w->list.counts[kind].found;

    if (d != NULL) {
        assert_int_equal(record_from_dossier(d, &w->arena, &record, &msg), 0);
        row.body = record.body;
        row.body_len = record.body_len;
    }
    row.flow = "dossiers";
    row.code = "H56.31.25-261118-0001";
    row.procedure = "1.001193.000.00.00.H56";
    assert_int_equal(integrity_judge(&w->list, &row), 0);
    for (int i = 0; i < INTEGRITY_KINDS; i++) {
        if (i != (int)kind && w->list.counts[i].found != 0) {
            fail_msg("kind %d: %s", i, w->list.findings[w->list.n_findings - 1].what);
        }
    }
    return w->list.counts[kind].found - before;
}

static struct dossier a_dossier(const char *channel, const char *extra)
{
    struct dossier d;

    dossier_init(&d);
    d.code = "H56.31.25-261118-0001";
    d.procedure_code = "1.001193.000.00.00.H56";
    d.status = "4";
    d.channel = channel;
    d.extra = extra;
    return d;
}

static void who_is_finished_needs_a_result(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    for (int status = 0; status <= 10; status++) {
        struct integrity_dossier row = {.status = status};

        assert_int_equal(judge(&w, INTEGRITY_NO_RESULT, row, NULL), status >= 9);
        row.results = 1;
        assert_int_equal(judge(&w, INTEGRITY_NO_RESULT, row, NULL), 0);
    }
    assert_int_equal(w.list.counts[INTEGRITY_NO_RESULT].examined, 4);
    assert_int_equal(w.list.bodiless, 22);
    end(&w);
}

static void a_promise_that_was_kept_moving_is_found(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    assert_int_equal(
        judge(&w, INTEGRITY_PROMISE_MOVED, (struct integrity_dossier){.moved = 0}, NULL), 0);
    assert_int_equal(
        judge(&w, INTEGRITY_PROMISE_MOVED, (struct integrity_dossier){.moved = 2}, NULL), 1);
    end(&w);
}

static void one_supplement_round_is_none_too_many(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    assert_int_equal(judge(&w, INTEGRITY_SUPPLEMENTS,
                           (struct integrity_dossier){.supplements = 1, .rounds = 1}, NULL),
                     0);
    assert_int_equal(
        judge(&w, INTEGRITY_SUPPLEMENTS, (struct integrity_dossier){.supplements = 2}, NULL), 1);
    assert_int_equal(
        judge(&w, INTEGRITY_SUPPLEMENTS, (struct integrity_dossier){.rounds = 2}, NULL), 1);
    end(&w);
}

static void a_paper_that_the_procedure_does_not_name_is_found(void **state)
{
    static const struct dossier_file named[] = {{"1", "a", "KQ01", "", "", ""},
                                                {"2", "b", " KQ02 ", "", "", ""},
                                                {"3", "c", "", "", "", ""}};
    static const struct dossier_file strange[] = {{"1", "a", "KQ01", "", "", ""},
                                                  {"2", "b", "KQ03", "", "", ""},
                                                  {"3", "c", "KQ04", "", "", ""}};
    struct integrity_dossier row = {.status = 4};
    struct dossier d = a_dossier("1", "");
    struct world w;

    (void)state;
    begin(&w);
    d.files = named;
    d.n_files = 3;
    assert_int_equal(judge(&w, INTEGRITY_STRANGE_PAPER, row, &d), 0);
    assert_int_equal(w.list.counts[INTEGRITY_STRANGE_PAPER].incomparable, 1);
    d.files = strange;
    assert_int_equal(judge(&w, INTEGRITY_STRANGE_PAPER, row, &d), 1);
    assert_string_equal(w.list.findings[0].what, "submitted paper KQ03; submitted paper KQ04");
    d = a_dossier("1", "{\"DanhSachHoSoBoSung\":[{\"DanhSachGiayToBoSung\":["
                       "{\"MaThanhPhanHoSo\":\"KQ02\"}]}]}");
    assert_int_equal(judge(&w, INTEGRITY_STRANGE_PAPER, row, &d), 0);
    d = a_dossier("1", "{\"DanhSachHoSoBoSung\":[{\"DanhSachGiayToBoSung\":["
                       "{\"MaThanhPhanHoSo\":\"KQ09\"}]}]}");
    assert_int_equal(judge(&w, INTEGRITY_STRANGE_PAPER, row, &d), 1);
    assert_int_equal(w.list.counts[INTEGRITY_STRANGE_PAPER].examined, 4);
    end(&w);
}

#define FEE(code, price) "{\"DanhSachLePhi\":[{\"Gia\":\"" price "\",\"MaPhiLePhi\":\"" code "\"}]}"

static void a_fee_is_compared_by_channel_and_code(void **state)
{
    static const struct {
        const char *channel, *extra;
        unsigned found, incomparable;
    } cases[] = {
        {"1", FEE("LP01", "10000"), 0, 0},
        {"1", FEE("LP01", "10.000"), 0, 0},
        {"1", FEE("LP01", "5000"), 1, 0}, /* the other channel's */
        {"2", FEE("LP01", "5000"), 0, 0},
        {"2", FEE("LP01", "7000"), 0, 0}, /* a faster way of the same channel */
        {"2", FEE("LP01", "10000"), 1, 0},
        {"1", FEE("LP02", "8000"), 0, 1}, /* "Không" is no number */
        {"1", FEE("LP03", "2000"), 0, 0},
        {"1", FEE("LP03", "6000"), 0, 1}, /* for each page */
        {"2", FEE("LP02", "8000"), 1, 0}, /* not named for that channel */
        {"2", FEE("LP02", "0"), 0, 0},    /* nothing was taken */
        {"3", FEE("LP01", "5000"), 0, 1}, /* a channel that the procedure does not know */
        {"", FEE("LP01", "5000"), 0, 1},
        {"1", FEE("", "5000"), 0, 1},
        {"1", FEE("LP01", "mien"), 0, 1},
        {"1", "{\"DanhSachLePhi\":[]}", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dossier d = a_dossier(cases[i].channel, cases[i].extra);
        struct world w;

        begin(&w);
        if (judge(&w, INTEGRITY_FEE_DIFFERS, (struct integrity_dossier){.status = 4}, &d) !=
                cases[i].found ||
            w.list.counts[INTEGRITY_FEE_DIFFERS].incomparable != cases[i].incomparable) {
            fail_msg("case %zu", i);
        }
        end(&w);
    }
}

static void a_procedure_that_is_not_known_is_counted_and_not_guessed(void **state)
{
    static const struct dossier_file strange[] = {{"2", "b", "KQ03", "", "", ""}};
    struct dossier d = a_dossier("1", FEE("LP01", "1"));
    struct world w;
    struct record record;
    struct errmsg msg = {""};
    struct integrity_dossier row = {.flow = "dossiers", .code = "X", .procedure = "2.000999"};

    (void)state;
    begin(&w);
    d.files = strange;
    d.n_files = 1;
    assert_int_equal(record_from_dossier(&d, &w.arena, &record, &msg), 0);
    row.body = record.body;
    row.body_len = record.body_len;
    assert_int_equal(integrity_judge(&w.list, &row), 0);
    assert_int_equal(w.list.n_findings, 0);
    assert_int_equal(w.list.counts[INTEGRITY_STRANGE_PAPER].unexamined, 1);
    assert_int_equal(w.list.counts[INTEGRITY_FEE_DIFFERS].unexamined, 1);
    end(&w);
}

static void links_of_results_are_offered_and_certified_copies_known(void **state)
{
    static const struct dossier_file results[] = {
        {"1", "a", "", "https://tep.example.vn/1", "KQ.1", ""},
        {"2", "b", "", "https://tep.example.vn/2", "KQ-COPY", ""},
        {"3", "c", "", "", "KQ.1", ""},
    };
    struct dossier d = a_dossier("1", "");
    struct world w;

    (void)state;
    begin(&w);
    d.results = results;
    d.n_results = 3;
    assert_int_equal(
        judge(&w, INTEGRITY_NO_RESULT, (struct integrity_dossier){.status = 10, .results = 3}, &d),
        0);
    assert_int_equal(w.list.n_links, 2);
    assert_false(w.list.links[0].certified);
    assert_true(w.list.links[1].certified);
    w.list.links_max = 2; /* full: a third takes the place of one, or of none */
    for (int i = 0; i < 20; i++) {
        (void)judge(&w, INTEGRITY_NO_RESULT, (struct integrity_dossier){.status = 10, .results = 3},
                    &d);
    }
    assert_int_equal(w.list.n_links, 2);
    assert_int_equal(w.list.links_seen, 42);
    end(&w);
}

static void only_one_kind_is_listed_when_asked_for(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    w.list.only = INTEGRITY_SUPPLEMENTS;
    assert_int_equal(integrity_found(&w.list, INTEGRITY_NO_RESULT, "f", "A", "x"), 0);
    assert_int_equal(w.list.n_findings, 0);
    assert_int_equal(integrity_found(&w.list, INTEGRITY_SUPPLEMENTS, "f", "A", "x"), 0);
    assert_int_equal(w.list.n_findings, 1);
    end(&w);
}

/* ---- the journal's part ---- */

struct told {
    unsigned n;
    int rounds[8];
    bool body[8];
    char shared[8][32];
    unsigned n_shared;
};

static int on_dossier(void *ctx, const struct integrity_dossier *d)
{
    struct told *t = ctx;

    assert_true(t->n < 8);
    t->rounds[t->n] = d->rounds;
    t->body[t->n++] = d->body != NULL;
    return 0;
}

static int on_shared(void *ctx, const char *flow, const char *code, const char *other)
{
    struct told *t = ctx;

    assert_string_equal(flow, FIXTURE_FLOW);
    assert_true(t->n_shared < 8);
    (void)snprintf(t->shared[t->n_shared++], 32, "%.12s %.12s", code, other);
    return 0;
}

static void counted(const struct fixture *f, const char *code, int64_t received)
{
    fixture_tamper(f,
                   "INSERT OR REPLACE INTO figure SELECT id, '1.1', '', '', 1, 2, 0, %lld, 0, 0, "
                   "0, 0, 0, 0, 1, -1, -1, -1 FROM subject WHERE code = '%s'",
                   (long long)received, code);
}

static void the_journal_tells_rounds_bodies_and_marks(void **state)
{
    struct errmsg msg = {""};
    struct told t = {0};
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 5);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    (void)fixture_step(&f, "A", "s2", 2, 5);
    (void)fixture_step(&f, "A", "s3", 3, 5); /* of the same round */
    (void)fixture_step(&f, "A", "s4", 4, 4);
    (void)fixture_step(&f, "A", "s5", 5, 5);
    (void)fixture_snapshot(&f, "B", "b", 5);
    (void)fixture_step(&f, "B", "s1", 1, 5);
    (void)fixture_snapshot(&f, "C", "c", 4);
    (void)fixture_snapshot(&f, "payment:D", "d", 4); /* has marks, and is no dossier */
    counted(&f, "A", 1000);
    counted(&f, "B", 2000);
    counted(&f, "C", 3000);
    fixture_tamper(
        &f, "INSERT INTO result_mark SELECT id, CAST(printf('%%016d', 1) AS BLOB) FROM "
            "subject WHERE code IN ('A', 'C', 'payment:D'); INSERT INTO result_mark SELECT id, "
            "CAST(printf('%%016d', 2) AS BLOB) FROM subject WHERE code = 'B'");
    /* More than a page of others, each of one dossier; and marks that are none. */
    fixture_tamper(&f, "WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < "
                       "5000) INSERT INTO result_mark SELECT s.id, CAST(printf('%%016d', i) AS "
                       "BLOB) FROM n JOIN subject s ON s.code = 'A'; "
                       "INSERT INTO result_mark SELECT id, x'AA' FROM subject");
    assert_int_equal(integrity_dossiers(f.path, NULL, 0, 0, 0, on_dossier, &t, &msg), 0);
    assert_int_equal(t.n, 3);
    assert_int_equal(t.rounds[0], 2);
    assert_int_equal(t.rounds[1], 1);
    assert_int_equal(t.rounds[2], 0);
    assert_true(t.body[0]);
    t.n = 0;
    fixture_tamper(&f, "UPDATE subject SET at = 0");
    assert_int_equal(integrity_dossiers(f.path, NULL, 0, 1500, 2500, on_dossier, &t, &msg), 0);
    assert_int_equal(t.n, 1);
    assert_int_equal(integrity_shared(f.path, 0, 0, on_shared, &t, &msg), 0);
    assert_int_equal(t.n_shared, 2);
    assert_string_equal(t.shared[0], "A C");
    assert_string_equal(t.shared[1], "C A");
    t.n_shared = 0;
    assert_int_equal(integrity_shared(f.path, 2500, 3500, on_shared, &t, &msg), 0);
    assert_int_equal(t.n_shared, 1);
    assert_string_equal(t.shared[0], "C A");
    assert_int_not_equal(integrity_dossiers("/nowhere/x.db", NULL, 0, 0, 0, on_dossier, &t, &msg),
                         0);
    fixture_end(&f);
}

static int on_code(void *ctx, const struct integrity_dossier *d)
{
    char *codes = ctx;

    (void)snprintf(codes + strlen(codes), 64 - strlen(codes), "%s:%s ", d->flow, d->code);
    return 0;
}

/* As in a parallel run: A in both flows, B in the one, C in the other. */
static void a_dossier_in_two_flows_is_examined_once(void **state)
{
    static const char *const flows[] = {"second", FIXTURE_FLOW};
    struct errmsg msg = {""};
    char codes[64] = "";
    int64_t second;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    assert_int_equal(journal_flow_id(f.journal, "second", &second, &msg), 0);
    (void)fixture_snapshot(&f, "A", "a", 5);
    (void)fixture_snapshot(&f, "B", "b", 5);
    f.flow = second;
    (void)fixture_snapshot(&f, "A", "a", 5);
    (void)fixture_snapshot(&f, "C", "c", 5);
    fixture_tamper(&f, "INSERT INTO figure SELECT id, '1.1', '', '', 1, 2, 0, 1, 0, 0, 0, 0, 0, 0, "
                       "1, -1, -1, -1 FROM subject");
    assert_int_equal(integrity_dossiers(f.path, flows, 2, 0, 0, on_code, codes, &msg), 0);
    assert_string_equal(codes, FIXTURE_FLOW ":B second:A second:C ");
    codes[0] = '\0';
    assert_int_equal(integrity_dossiers(f.path, NULL, 0, 0, 0, on_code, codes, &msg), 0);
    assert_string_equal(codes, FIXTURE_FLOW ":A " FIXTURE_FLOW ":B second:C ");
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_finished_needs_a_result),
        cmocka_unit_test(a_promise_that_was_kept_moving_is_found),
        cmocka_unit_test(one_supplement_round_is_none_too_many),
        cmocka_unit_test(a_paper_that_the_procedure_does_not_name_is_found),
        cmocka_unit_test(a_fee_is_compared_by_channel_and_code),
        cmocka_unit_test(a_procedure_that_is_not_known_is_counted_and_not_guessed),
        cmocka_unit_test(links_of_results_are_offered_and_certified_copies_known),
        cmocka_unit_test(only_one_kind_is_listed_when_asked_for),
        cmocka_unit_test(the_journal_tells_rounds_bodies_and_marks),
        cmocka_unit_test(a_dossier_in_two_flows_is_examined_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
