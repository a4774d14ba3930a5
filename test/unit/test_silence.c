/* When each agency last sent something, as the journal counts it. */
#include "journal/silence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/journal_fixture.h"

#define HOUR_MS UINT64_C(3600000)

/* A dossier of an agency. Its figure row is written beside the journal: the fixture's records have
 * no fields. */
static void put(struct fixture *f, const char *code, const char *agency, const char *content)
{
    const struct fixture_record record = {.code = code, .content = content, .status = 4};

    assert_int_equal(fixture_append(f, &record, 1).stored, 1);
    fixture_tamper(f,
                   "INSERT OR REPLACE INTO figure SELECT id, '', '', '%s', 2, 2, 0, 0, 0, 0, 0, "
                   "0, 0, 0, 0, -1, -1, -1 FROM subject WHERE code = '%s'",
                   agency, code);
}

/* "AGENCY hours-ago, ..." of what the journal answers, page by page. */
static const char *counted(struct fixture *f, int64_t limit, unsigned *asked)
{
    static char text[2000];
    struct silence_arrivals a;

    text[0] = '\0';
    *asked = 0;
    do {
        memset(&a, 0xA5, sizeof(a));
        a.flows = &f->flow;
        a.n_flows = 1;
        a.limit = limit;
        assert_int_equal(FIXTURE_RUN(f, silence_arrivals, &a), 0);
        for (size_t i = 0; i < a.n; i++) {
            size_t used = strlen(text);

            (void)snprintf(text + used, sizeof(text) - used, "%s %d,", a.agencies[i].code,
                           (int)((fixture_wall_ms(f) - a.agencies[i].seen_ms) / HOUR_MS));
        }
        (*asked)++;
        silence_arrivals_free(&a);
    } while (a.more);
    return text;
}

static void the_newest_of_each_agency_counts(void **state)
{
    struct fixture f;
    unsigned asked;

    (void)state;
    fixture_open(&f);
    assert_string_equal(counted(&f, 100, &asked), "");
    put(&f, "A1", "H56.1", "a");
    put(&f, "B1", "H56.2", "a");
    fake_loop_advance(&f.loop, 5 * HOUR_MS);
    put(&f, "A2", "H56.1", "a");
    put(&f, "X", "", "a");
    assert_string_equal(counted(&f, 100, &asked), "H56.1 0,H56.2 5,");
    fake_loop_advance(&f.loop, 2 * HOUR_MS);
    assert_string_equal(counted(&f, 100, &asked), "H56.1 2,H56.2 7,");
    put(&f, "B1", "H56.2", "changed");
    assert_string_equal(counted(&f, 100, &asked), "H56.1 2,H56.2 0,");
    fake_loop_advance(&f.loop, 2 * HOUR_MS);
    (void)fixture_step(&f, "A1", "s1", 1, 4);
    assert_string_equal(counted(&f, 100, &asked), "H56.1 0,H56.2 2,");
    fixture_end(&f);
}

static void pages_end_in_the_same_count(void **state)
{
    struct fixture f;
    unsigned asked;

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 25; i++) {
        char code[16];
        char agency[16];

        (void)snprintf(code, sizeof(code), "D%02d", i);
        (void)snprintf(agency, sizeof(agency), "H56.%d", i % 3);
        put(&f, code, agency, "a");
        fake_loop_advance(&f.loop, HOUR_MS);
    }
    assert_string_equal(counted(&f, 4, &asked), "H56.0 1,H56.1 3,H56.2 2,");
    assert_int_equal(asked, 7);
    /* what was counted is not looked at again */
    assert_string_equal(counted(&f, 4, &asked), "H56.0 1,H56.1 3,H56.2 2,");
    assert_int_equal(asked, 1);
    fixture_restart(&f);
    assert_string_equal(counted(&f, 4, &asked), "H56.0 1,H56.1 3,H56.2 2,");
    assert_int_equal(asked, 1);
    /* a table that was lost is made anew */
    fixture_tamper(&f, "DELETE FROM agency_seen");
    assert_string_equal(counted(&f, 100, &asked), "H56.0 1,H56.1 3,H56.2 2,");
    fixture_end(&f);
}

static void other_flows_send_nothing(void **state)
{
    struct fixture f;
    struct silence_arrivals a = {.limit = 100};

    (void)state;
    fixture_open(&f);
    put(&f, "A1", "H56.1", "a");
    assert_int_equal(FIXTURE_RUN(&f, silence_arrivals, &a), 0);
    assert_int_equal(a.n, 0);
    silence_arrivals_free(&a);
    fixture_end(&f);
}

static void agencies_are_bounded(void **state)
{
    struct fixture f;
    struct silence_arrivals a = {.limit = 100};

    (void)state;
    fixture_open(&f);
    put(&f, "A1", "NEW", "a");
    fixture_tamper(&f,
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
                   "INSERT INTO agency_seen SELECT 'OLD' || i, 0, i FROM n",
                   SILENCE_AGENCIES_MAX + 10);
    a.flows = &f.flow;
    a.n_flows = 1;
    assert_int_equal(FIXTURE_RUN(&f, silence_arrivals, &a), 0);
    assert_int_equal(a.n, SILENCE_AGENCIES_MAX);
    assert_string_equal(a.agencies[0].code, "NEW");
    silence_arrivals_free(&a);
    assert_int_equal(fixture_number(&f, "SELECT min(seen_ms) FROM agency_seen WHERE agency <> ''"),
                     12);
    fixture_end(&f);
}

struct listed {
    char text[400];
    uint64_t now_ms;
};

static int on_agency(void *ctx, const struct silence_agency *agency, const char *name)
{
    struct listed *l = ctx;
    size_t used = strlen(l->text);

    (void)snprintf(l->text + used, sizeof(l->text) - used, "%s %s %d;", agency->code, name,
                   (int)((l->now_ms - agency->seen_ms) / HOUR_MS));
    return 0;
}

static void the_list_counts_what_the_daemon_has_not(void **state)
{
    static const char *const flows[] = {"no-such-flow", FIXTURE_FLOW};
    struct fixture f;
    struct listed l = {.text = ""};
    struct errmsg msg = {""};
    unsigned asked;

    (void)state;
    fixture_open(&f);
    put(&f, "A1", "H56.1", "a");
    put(&f, "B1", "H56.2", "a");
    (void)counted(&f, 100, &asked);
    fake_loop_advance(&f.loop, 3 * HOUR_MS);
    put(&f, "B2", "H56.2", "a");
    put(&f, "C1", "H56.3", "a");
    fixture_tamper(&f,
                   "INSERT INTO mirror (kind, code, name, hash, body, active, version, first_ms, "
                   "changed_ms, checked_ms) "
                   "VALUES (6, 'H56.2', 'Sở Tư pháp', x'00', x'', 1, 1, 0, 0, 0)");
    l.now_ms = fixture_wall_ms(&f);
    assert_int_equal(silence_list(f.path, flows, 2, on_agency, &l, &msg), 0);
    assert_string_equal(l.text, "H56.1  3;H56.2 Sở Tư pháp 0;H56.3  0;");
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_of_each_agency_counts),
        cmocka_unit_test(pages_end_in_the_same_count),
        cmocka_unit_test(other_flows_send_nothing),
        cmocka_unit_test(agencies_are_bounded),
        cmocka_unit_test(the_list_counts_what_the_daemon_has_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
