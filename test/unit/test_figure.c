/* The row of figures that each dossier has, and the marks of its results. */
#include "journal/figure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "codec/record.h"
#include "journal/person.h"
#include "journal/salvage.h"
#include "journal/upkeep.h"
#include "lib/journal_fixture.h"

#define RECEIVED_S INT64_C(1763600000)
#define DAY_S INT64_C(86400)

static const struct dossier_file two_results[] = {
    {.id = "1", .name = "a", .url = "https://dvc/tep/1?t=1763600001", .component = "", .extra = ""},
    {.id = "2", .name = "b", .url = "https://dvc/tep/2", .component = "", .extra = ""},
};

/* Takes the arena: the request has its own copies. */
static void append_record(struct fixture *f, const struct journal_record *r, struct arena *arena)
{
    struct journal_append a;

    journal_append_init(&a, f->flow);
    a.now_ms = fixture_wall_ms(f);
    assert_int_equal(journal_append_add(&a, r), 0);
    arena_free(arena);
    assert_int_equal(FIXTURE_RUN(f, journal_append, &a), 0);
    journal_append_free(&a);
}

static void append(struct fixture *f, const struct dossier *d, int status)
{
    struct journal_record r = {.status = status};
    struct errmsg msg = {""};
    struct arena arena;

    arena_init(&arena, 1u << 20);
    assert_int_equal(record_from_dossier(d, &arena, &r.record, &msg), 0);
    append_record(f, &r, &arena);
}

/* what: the kind's struct. */
static void append_other(struct fixture *f, enum record_kind kind, const void *what)
{
    struct journal_record r = {.status = 0};
    struct errmsg msg = {""};
    struct arena arena;

    arena_init(&arena, 1u << 20);
    assert_int_equal(record_from_other(kind, what, &arena, &r.record, &msg), 0);
    append_record(f, &r, &arena);
}

static struct dossier dossier_of(const char *code)
{
    struct dossier d;

    dossier_init(&d);
    d.code = code;
    d.procedure_code = "1.001193";
    d.sector_code = "G15-HT04";
    d.agency_code = "H22.14.09";
    d.status = "processing";
    d.channel = "2";
    d.entry = "1";
    d.submitted_s = RECEIVED_S - 3600;
    d.received_s = RECEIVED_S;
    d.promised_s = RECEIVED_S + 3 * DAY_S;
    d.changed_s = RECEIVED_S;
    d.digitised = TRI_YES;
    d.paid_online = 2;
    return d;
}

/* All columns of a code's row but its number. */
static const char *row(struct fixture *f, const char *code)
{
    return fixture_text(
        f,
        "SELECT concat FROM (SELECT printf('%%s|%%s|%%s|%%d|%%d|%%d|%%d|%%d|%%d|%%d|%%d|%%d|%%d|"
        "%%d|%%d|%%d|%%d', procedure, sector, agency, channel, entry, submitted, received, "
        "finished, returned, refused, first_promised, moved, supplements, results, digitised, "
        "identified, paid_online) AS concat FROM figure JOIN subject ON id = subject "
        "WHERE code = '%s')",
        code);
}

static void a_snapshot_leaves_its_figures(void **state)
{
    struct dossier d = dossier_of("A");
    struct fixture f;

    (void)state;
    fixture_open(&f);
    d.extra = "{\"DanhSachHoSoBoSung\":[{\"HoSoBoSungId\":\"1\"},{\"HoSoBoSungId\":\"2\"}]}";
    append(&f, &d, 4);
    assert_string_equal(row(&f, "A"), "1.001193|G15-HT04|H22.14.09|2|1|1763596400|1763600000|0|0|0|"
                                      "1763859200|0|2|0|1|-1|2");
    d.status = "done";
    d.finished_s = RECEIVED_S + DAY_S;
    d.returned_s = RECEIVED_S + DAY_S + 60;
    d.agency_code = "H22.14.10";
    d.results = two_results;
    d.n_results = 2;
    append(&f, &d, 10);
    assert_string_equal(row(&f, "A"), "1.001193|G15-HT04|H22.14.10|2|1|1763596400|1763600000|"
                                      "1763686400|1763686460|0|1763859200|0|2|2|1|-1|2");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM result_mark WHERE length(mark) = 16"),
                     2);
    d.n_results = 1; /* one was there by mistake */
    append(&f, &d, 10);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM result_mark"), 1);
    fixture_end(&f);
}

static void what_is_not_known_is_told_apart_from_no(void **state)
{
    struct dossier d;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    dossier_init(&d);
    d.code = "A";
    d.channel = "phone";
    d.entry = "12";
    d.extra = "{\"DanhSachHoSoBoSung\":"; /* no JSON: the sink's check says so */
    append(&f, &d, 4);
    assert_string_equal(row(&f, "A"), "|||0|0|0|0|0|0|0|0|0|0|0|-1|-1|-1");
    fixture_end(&f);
}

static void a_procedure_has_no_figures(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "1.001193", "a", 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM figure"), 0);
    fixture_end(&f);
}

/* What becomes of the promised date: told first, put off in time, put off too late. */
static void a_promise_put_off_when_it_had_passed_is_counted(void **state)
{
    static const struct {
        int before;        /* national status until then */
        int64_t changed_s; /* after the promised date */
        int64_t put_off_s;
        int moved;
    } rows[] = {
        {4, -1, DAY_S, 0},    /* in time */
        {4, 0, DAY_S, 0},     /* in the last second */
        {4, 1, DAY_S, 1},     /* too late */
        {4, 1, -DAY_S, 0},    /* earlier than promised hurts nobody */
        {4, 1, 0, 0},         /* another change */
        {5, DAY_S, DAY_S, 0}, /* the citizen had it */
        {6, DAY_S, DAY_S, 0}, /* the citizen had to pay */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct dossier d = dossier_of("A");
        struct fixture f;
        int64_t first_s = d.promised_s;

        fixture_open(&f);
        append(&f, &d, rows[i].before);
        d.changed_s = d.promised_s + rows[i].changed_s;
        d.promised_s += rows[i].put_off_s;
        d.note = "changed";
        append(&f, &d, 4);
        assert_int_equal(fixture_number(&f, "SELECT moved FROM figure"), rows[i].moved);
        assert_int_equal(fixture_number(&f, "SELECT first_promised FROM figure"), first_s);
        assert_int_equal(fixture_number(&f, "SELECT promised FROM subject"), d.promised_s);
        d.changed_s = d.promised_s + 5;
        d.promised_s += DAY_S;
        append(&f, &d, 4);
        assert_int_equal(fixture_number(&f, "SELECT moved FROM figure"), rows[i].moved + 1);
        append(&f, &d, 4); /* nothing new */
        assert_int_equal(fixture_number(&f, "SELECT moved FROM figure"), rows[i].moved + 1);
        fixture_end(&f);
    }
}

static void the_first_promise_may_come_later(void **state)
{
    struct dossier d = dossier_of("A");
    struct fixture f;

    (void)state;
    fixture_open(&f);
    d.promised_s = 0;
    append(&f, &d, 1);
    assert_int_equal(fixture_number(&f, "SELECT first_promised FROM figure"), 0);
    d.promised_s = RECEIVED_S + 7;
    d.changed_s = RECEIVED_S + DAY_S;
    append(&f, &d, 2);
    assert_int_equal(fixture_number(&f, "SELECT first_promised FROM figure"), RECEIVED_S + 7);
    assert_int_equal(fixture_number(&f, "SELECT moved FROM figure"), 0);
    fixture_end(&f);
}

/* The migration and salvage read bodies by SQL; the codec made the rows: both say the same. */
static void rows_made_of_bodies_are_the_same(void **state)
{
    char rows[6][240];
    char marks[300];
    struct errmsg msg = {""};
    struct db_options options = {.cache_bytes = 1u << 20, .must_exist = true};
    const struct question asked = {
        .code = "question:1", .id = "1", .procedure_code = "1.001193", .status = "1"};
    struct fixture f;
    struct db db;

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 6; i++) {
        char code[2] = {(char)('A' + i), '\0'};
        struct dossier d = dossier_of(code);

        if (i == 1) {
            d.extra = "{\"DanhSachHoSoBoSung\":[{\"HoSoBoSungId\":\"1\"}],\"Fax\":\"\"}";
            d.refused_s = RECEIVED_S + 5;
            d.channel = "1";
            d.entry = "";
        } else if (i == 2) {
            d.results = two_results;
            d.n_results = 2;
            d.finished_s = RECEIVED_S + 9;
            d.returned_s = RECEIVED_S + 10;
            d.identified = TRI_NO;
        } else if (i == 3) {
            d.subject = "\"results\": DanhSachHoSoBoSung"; /* words that only look like it */
            d.procedure_code = "thủ tục \"x\"";
            d.channel = "";
            d.promised_s = 0;
        } else if (i == 4) {
            d.extra = "{\"DanhSachHoSoBoSung\":\"none\"}";
            d.received_s = 0;
            d.submitted_s = 0;
        } else if (i == 5) {
            static const struct dossier_file bare[] = {{.id = "9", .name = "c", .url = ""}};

            d.results = bare;
            d.n_results = 1;
            d.digitised = TRI_UNKNOWN;
        }
        append(&f, &d, 4);
        (void)snprintf(rows[i], sizeof(rows[i]), "%s", row(&f, code));
    }
    (void)fixture_snapshot(&f, "1.001193", "a", 0); /* no dossier, whose body is no JSON either */
    append_other(&f, RECORD_QUESTION, &asked);      /* and one with fields that a dossier has */
    (void)snprintf(marks, sizeof(marks), "%s",
                   fixture_text(&f, "SELECT group_concat(subject || hex(mark)) FROM result_mark"));
    assert_int_equal(strlen(marks), 2 * (1 + 32) + 1);
    fixture_close_journal(&f);
    assert_int_equal(db_open(&db, f.path, &options, &msg), 0);
    assert_int_equal(db_exec(&db, "DELETE FROM figure; DELETE FROM result_mark"), 0);
    assert_int_equal(db_exec(&db, FIGURE_FROM_BODIES), 0);
    assert_int_equal(db_exec(&db, FIGURE_FROM_BODIES), 0); /* what is there stays */
    db_close(&db);
    for (int i = 0; i < 6; i++) {
        char code[2] = {(char)('A' + i), '\0'};

        assert_string_equal(row(&f, code), rows[i]);
    }
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM figure"), 6);
    assert_string_equal(
        fixture_text(&f, "SELECT group_concat(subject || hex(mark)) FROM result_mark"), marks);
    fixture_restart(&f);
    fixture_end(&f);
}

static void salvage_saves_figures_or_makes_them_anew(void **state)
{
    static const struct salvage_flows flows = {{FIXTURE_FLOW}, 1};

    (void)state;
    for (int lost = 0; lost < 2; lost++) {
        struct dossier d = dossier_of("A");
        struct salvage_report report;
        struct errmsg msg = {""};
        char fresh[120];
        char wal[120];
        char before[240];
        char marks[120];
        struct fixture f;

        fixture_open(&f);
        d.results = two_results;
        d.n_results = 2;
        append(&f, &d, 10);
        (void)snprintf(before, sizeof(before), "%s", row(&f, "A"));
        (void)snprintf(
            marks, sizeof(marks), "%s",
            fixture_text(&f, "SELECT group_concat(subject || hex(mark)) FROM result_mark"));
        fixture_close_journal(&f);
        if (lost) {
            fixture_tamper(&f, "DELETE FROM figure; DELETE FROM result_mark");
        }
        (void)snprintf(fresh, sizeof(fresh), "%s/fresh.db", f.dir);
        if (salvage_journal(f.path, fresh, &flows, fixture_wall_ms(&f), &report, &msg) != 0) {
            fail_msg("%s", msg.text);
        }
        assert_int_equal(report.saved[SALVAGE_FIGURE], !lost);
        assert_int_equal(report.saved[SALVAGE_MARK], lost ? 0 : 2);
        assert_int_equal(report.bad_pages, 0);
        (void)snprintf(wal, sizeof(wal), "%s-wal", f.path);
        (void)unlink(wal); /* the damaged one's, where the tampering left it */
        assert_int_equal(rename(fresh, f.path), 0);
        fixture_restart(&f);
        assert_string_equal(row(&f, "A"), before);
        assert_string_equal(
            fixture_text(&f, "SELECT group_concat(subject || hex(mark)) FROM result_mark"), marks);
        fixture_end(&f);
    }
}

static void an_erasure_leaves_numbers_and_no_mark(void **state)
{
    struct person_matcher matcher = {.codes = NULL};
    struct person_erase e = {.matcher = &matcher, .who = "uid 0 (root)", .request = "1", .n = 1};
    int64_t subject;
    struct dossier d = dossier_of("A");
    struct fixture f;

    (void)state;
    fixture_open(&f);
    d.results = two_results;
    d.n_results = 2;
    append(&f, &d, 10);
    (void)fixture_deliver_all(&f);
    subject = fixture_number(&f, "SELECT id FROM subject");
    e.subjects = &subject;
    e.now_ms = fixture_wall_ms(&f);
    assert_int_equal(FIXTURE_RUN(&f, person_erase, &e), 0);
    assert_int_equal(e.erased, 1);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM result_mark"), 0);
    assert_int_equal(fixture_number(&f, "SELECT results FROM figure"), 2);
    fixture_end(&f);
}

static void a_payments_marks_outlive_its_body(void **state)
{
    struct journal_known k = {.want_body = true, .want_marks = true};
    struct upkeep_retention r = {.keep_payload_ms = 1000, .keep_history_ms = 1000, .limit = 100};
    enum payment_verdict verdict;
    struct payment p;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    payment_init(&p);
    p.code = "payment:GD1";
    p.transaction = "GD1";
    p.dossier = "H56.31.25-251118-0007";
    p.result = "00";
    p.amount = "8000";
    append_other(&f, RECORD_PAYMENT, &p);
    (void)fixture_deliver_all(&f);
    fake_loop_advance(&f.loop, 5000);
    r.now_ms = fixture_wall_ms(&f);
    assert_int_equal(FIXTURE_RUN(&f, upkeep_retention, &r), 0);
    assert_int_equal(r.bodies, 1);
    k.flow = f.flow;
    (void)snprintf(k.code, sizeof(k.code), "payment:GD1");
    assert_int_equal(FIXTURE_RUN(&f, journal_known, &k), 0);
    assert_true(k.known && k.snapshot);
    assert_null(k.body);
    assert_int_equal(k.n_marks, PAYMENT_MARKS);
    assert_int_equal(
        payment_judge((const uint8_t(*)[FIGURES_MARK_BYTES])k.marks, k.n_marks, &p, &verdict), 0);
    assert_int_equal(verdict, PAYMENT_AGAIN);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM figure"), 0); /* it is no dossier */
    journal_known_free(&k);
    fixture_end(&f);
}

static bool same_mark(const char *a, const char *b)
{
    uint8_t x[FIGURES_MARK_BYTES];
    uint8_t y[FIGURES_MARK_BYTES];

    assert_int_equal(figures_mark(a, x), 0);
    assert_int_equal(figures_mark(b, y), 0);
    return memcmp(x, y, sizeof(x)) == 0;
}

static void a_mark_tells_files_apart_and_not_moments(void **state)
{
    (void)state;
    assert_true(same_mark("https://a/1", "https://a/1"));
    assert_false(same_mark("https://a/1", "https://a/2"));
    assert_true(same_mark("https://a/1?t=5", "https://a/1?t=6"));
    assert_true(same_mark("https://a/1?t=5", "https://a/1"));
    assert_true(same_mark("https://a/1?T=5#page=2", "https://a/1#page=3"));
    assert_false(same_mark("https://a/f?id=5", "https://a/f?id=6"));
    assert_true(same_mark("https://a/f?id=5&token=x", "https://a/f?token=y&id=5"));
    assert_false(same_mark("https://a/f?id=5&id=6", "https://a/f?id=56"));
    assert_false(same_mark("https://a/f?tid=5", "https://a/f?tid=6"));
    assert_true(same_mark("https://a/f?&&id=5", "https://a/f?id=5&"));
    assert_true(same_mark("", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_leaves_its_figures),
        cmocka_unit_test(what_is_not_known_is_told_apart_from_no),
        cmocka_unit_test(a_procedure_has_no_figures),
        cmocka_unit_test(a_promise_put_off_when_it_had_passed_is_counted),
        cmocka_unit_test(the_first_promise_may_come_later),
        cmocka_unit_test(rows_made_of_bodies_are_the_same),
        cmocka_unit_test(salvage_saves_figures_or_makes_them_anew),
        cmocka_unit_test(a_payments_marks_outlive_its_body),
        cmocka_unit_test(an_erasure_leaves_numbers_and_no_mark),
        cmocka_unit_test(a_mark_tells_files_apart_and_not_moments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
