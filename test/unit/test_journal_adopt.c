#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/journal_fixture.h"

static void adopt(struct fixture *f, struct journal_adopt *a, const char *code, bool there,
                  int shown_status)
{
    memset(a, 0xA5, sizeof(*a));
    a->subject = fixture_number(f, "SELECT id FROM subject WHERE code = '%s'", code);
    a->there = there;
    a->shown_status = shown_status;
    a->until_ms = fixture_wall_ms(f) + 1;
    a->now_ms = fixture_wall_ms(f);
    assert_int_equal(FIXTURE_RUN(f, journal_adopt, a), 0);
}

/* What was journaled while the flow observed. */
static void journal_a_dossier(struct fixture *f, const char *code)
{
    const struct fixture_record records[] = {
        {.code = code, .content = "a", .status = 4},
        {.code = code, .step = "s1", .status = 2, .at_s = 1},
        {.code = code, .step = "s2", .at_s = 2, .hold = HOLD_UNMAPPED_STATUS},
    };

    assert_int_equal(fixture_append(f, records, 3).stored, 3);
}

static void what_the_portal_shows_as_we_would_send_it_is_adopted(void **state)
{
    struct fixture f;
    struct journal_adopt a;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    journal_a_dossier(&f, "A");
    adopt(&f, &a, "A", true, 4);
    assert_int_equal(a.adopted, 3);
    assert_int_equal(a.pending, 0);
    assert_string_equal(fixture_states(&f, "A"), "Aaa");
    fixture_check(&f);
    fixture_claim_none(&f);
    (void)fixture_step(&f, "A", "s3", 3, 9); /* later changes flow */
    (void)fixture_snapshot(&f, "A", "b", 9);
    call = fixture_claim_one(&f);
    assert_true(call->updating);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    assert_int_equal(fixture_deliver_all(&f), 1);
    assert_string_equal(fixture_states(&f, "A"), "AaadD");
    fixture_end(&f);
}

static void when_the_portal_shows_another_state_the_snapshot_goes_as_an_update(void **state)
{
    struct fixture f;
    struct journal_adopt a;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    journal_a_dossier(&f, "A");
    adopt(&f, &a, "A", true, 2);
    assert_int_equal(a.adopted, 2); /* its old steps */
    assert_int_equal(a.pending, 1);
    assert_string_equal(fixture_states(&f, "A"), "Paa");
    call = fixture_claim_one(&f);
    assert_true(call->updating);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void what_the_portal_does_not_have_stays_to_be_sent(void **state)
{
    struct fixture f;
    struct journal_adopt a;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    journal_a_dossier(&f, "A");
    adopt(&f, &a, "A", false, 0);
    assert_int_equal(a.adopted, 0);
    assert_int_equal(a.pending, 1);
    assert_string_equal(fixture_states(&f, "A"), "Pph");
    call = fixture_claim_one(&f);
    assert_false(call->updating);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void what_was_stored_later_is_not_adopted(void **state)
{
    struct fixture f;
    struct journal_adopt a;

    (void)state;
    fixture_open(&f);
    journal_a_dossier(&f, "A");
    fake_loop_advance(&f.loop, 1000);
    (void)fixture_step(&f, "A", "s3", 3, 4);
    memset(&a, 0, sizeof(a));
    a.subject = fixture_number(&f, "SELECT id FROM subject");
    a.there = true;
    a.shown_status = 4;
    a.until_ms = fixture_wall_ms(&f);
    a.now_ms = fixture_wall_ms(&f);
    assert_int_equal(FIXTURE_RUN(&f, journal_adopt, &a), 0);
    assert_string_equal(fixture_states(&f, "A"), "Aaap");
    a.subject = 4711;
    assert_int_equal(FIXTURE_RUN(&f, journal_adopt, &a), ERR_NOTFOUND);
    fixture_end(&f);
}

static void steps_in_doubt_are_adopted_too(void **state)
{
    struct fixture f;
    struct journal_adopt a;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_step(&f, "A", "s1", 1, 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_UNSURE);
    adopt(&f, &a, "A", true, 0); /* there, shows no state */
    assert_string_equal(fixture_states(&f, "A"), "Aa");
    fixture_check(&f);
    adopt(&f, &a, "A", true, 0); /* a second run finds nothing to do */
    assert_int_equal(a.adopted + a.pending, 0);
    fixture_end(&f);
}

/* ---- subjects ---- */

static void subjects_come_in_pages(void **state)
{
    struct fixture f;
    struct journal_subjects s;
    struct journal_adopt a;
    char code[16];
    int64_t after = 0;
    int seen = 0;

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 7; i++) {
        (void)snprintf(code, sizeof(code), "A%d", i);
        (void)fixture_snapshot(&f, code, "a", i == 6 ? 10 : 4);
    }
    adopt(&f, &a, "A0", true, 4);
    do {
        memset(&s, 0xA5, sizeof(s));
        s.flow = f.flow;
        s.after = after;
        s.until_ms = 0;
        s.seen_before_ms = 0;
        s.open_only = false;
        s.limit = 3;
        assert_int_equal(FIXTURE_RUN(&f, journal_subjects, &s), 0);
        for (size_t i = 0; i < s.n; i++) {
            (void)snprintf(code, sizeof(code), "A%d", seen);
            assert_string_equal(s.rows[i].code, code);
            assert_int_equal(s.rows[i].status, seen == 6 ? 10 : 4);
            assert_int_equal(s.rows[i].adopted, seen == 0);
            after = s.rows[i].id;
            seen++;
        }
        journal_subjects_free(&s);
    } while (after > 0 && seen < 7);
    assert_int_equal(seen, 7);

    memset(&s, 0, sizeof(s));
    s.flow = f.flow;
    s.until_ms = fixture_wall_ms(&f) + 1; /* what is open and was stored before */
    s.open_only = true;                   /* and is not final */
    s.limit = 500;
    assert_int_equal(FIXTURE_RUN(&f, journal_subjects, &s), 0);
    assert_int_equal(s.n, 5);
    journal_subjects_free(&s);
    s.until_ms = fixture_wall_ms(&f); /* nothing is that old */
    assert_int_equal(FIXTURE_RUN(&f, journal_subjects, &s), 0);
    assert_int_equal(s.n, 0);
    journal_subjects_free(&s);
    fixture_end(&f);
}

/* ---- seen ---- */

static bool seen(struct fixture *f, const char *code, bool there, int status)
{
    struct journal_seen s;

    memset(&s, 0xA5, sizeof(s));
    (void)snprintf(s.code, sizeof(s.code), "%s", code);
    s.there = there;
    s.status = status;
    s.now_ms = fixture_wall_ms(f);
    assert_int_equal(FIXTURE_RUN(f, journal_seen, &s), 0);
    return s.differs;
}

static void seen_tells_where_the_portal_differs_from_what_it_acknowledged(void **state)
{
    struct fixture f;
    struct journal_subjects s;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 4);
    assert_false(seen(&f, "A", false, 0)); /* nothing was acknowledged yet */
    (void)fixture_deliver_all(&f);
    assert_false(seen(&f, "A", true, 4));
    assert_false(seen(&f, "A", true, 0)); /* shows none */
    assert_true(seen(&f, "A", true, 5));
    assert_true(seen(&f, "A", false, 0));
    assert_false(seen(&f, "B", true, 4)); /* not ours */
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM seen"), 2);

    memset(&s, 0, sizeof(s));
    s.flow = f.flow;
    s.limit = 10;
    s.seen_before_ms = fixture_wall_ms(&f); /* looked at just now: not again */
    assert_int_equal(FIXTURE_RUN(&f, journal_subjects, &s), 0);
    assert_int_equal(s.n, 0);
    journal_subjects_free(&s);
    s.seen_before_ms = fixture_wall_ms(&f) + 1;
    assert_int_equal(FIXTURE_RUN(&f, journal_subjects, &s), 0);
    assert_int_equal(s.n, 1);
    journal_subjects_free(&s);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_portal_shows_as_we_would_send_it_is_adopted),
        cmocka_unit_test(when_the_portal_shows_another_state_the_snapshot_goes_as_an_update),
        cmocka_unit_test(what_the_portal_does_not_have_stays_to_be_sent),
        cmocka_unit_test(what_was_stored_later_is_not_adopted),
        cmocka_unit_test(steps_in_doubt_are_adopted_too),
        cmocka_unit_test(subjects_come_in_pages),
        cmocka_unit_test(seen_tells_where_the_portal_differs_from_what_it_acknowledged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
