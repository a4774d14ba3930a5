/* What it means when source, journal and portal do not say the same. */
#include "domain/difference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS UINT64_C(1770000000000)
#define MINUTE_MS UINT64_C(60000)
#define OLD_MS (NOW_MS - 600 * MINUTE_MS)

static struct difference_facts agreeing(void)
{
    struct difference_facts f = {.journal = SIDE_THERE,
                                 .delivered = true,
                                 .acked_status = 4,
                                 .changed_ms = OLD_MS,
                                 .portal = SIDE_THERE,
                                 .shown_status = 4,
                                 .source = SIDE_THERE,
                                 .source_asked = true,
                                 .source_at_s = (int64_t)(OLD_MS / 1000)};

    return f;
}

static struct difference_verdict judge_with(const struct difference_facts *f,
                                            const struct difference_pair *pairs, size_t n)
{
    const struct difference_rules rules = {
        .now_ms = NOW_MS, .grace_ms = 15 * MINUTE_MS, .pairs = pairs, .n_pairs = n};

    return difference_judge(f, &rules);
}

static enum difference judge(const struct difference_facts *f)
{
    return judge_with(f, NULL, 0).kind;
}

static void what_all_say_agrees(void **state)
{
    struct difference_facts f = agreeing();

    (void)state;
    assert_int_equal(judge(&f), DIFFERENCE_NONE);
    f.source_asked = false; /* as it last told */
    assert_int_equal(judge(&f), DIFFERENCE_NONE);
    assert_int_equal(difference_remedy(DIFFERENCE_NONE, &f), REMEDY_NONE);
}

static void each_side_has_its_difference(void **state)
{
    struct difference_facts f = agreeing();

    (void)state;
    f.portal = SIDE_ABSENT;
    assert_int_equal(judge(&f), DIFFERENCE_LOST);
    f.delivered = false;
    assert_int_equal(judge(&f), DIFFERENCE_NEVER_DELIVERED);
    f = agreeing();
    f.portal = SIDE_UNKNOWN;
    assert_int_equal(judge(&f), DIFFERENCE_NOT_ANSWERED);
    f = agreeing();
    f.shown_status = 0;
    assert_int_equal(judge(&f), DIFFERENCE_NOT_SHOWN);
    f = agreeing();
    f.source = SIDE_ABSENT;
    assert_int_equal(judge(&f), DIFFERENCE_NOT_AT_SOURCE);
    f = agreeing();
    f.source = SIDE_UNKNOWN;
    assert_int_equal(judge(&f), DIFFERENCE_SOURCE_SILENT);
    f = agreeing();
    f.source_ahead = true;
    assert_int_equal(judge(&f), DIFFERENCE_SOURCE_AHEAD);
    f.portal = SIDE_ABSENT; /* what the portal lacks goes first */
    assert_int_equal(judge(&f), DIFFERENCE_LOST);
    f = agreeing();
    f.journal = SIDE_ABSENT;
    assert_int_equal(judge(&f), DIFFERENCE_NOT_IN_JOURNAL);
    f.portal = SIDE_UNKNOWN;
    f.source = SIDE_UNKNOWN;
    assert_int_equal(judge(&f), DIFFERENCE_NOT_ANSWERED);
    f.portal = SIDE_ABSENT;
    assert_int_equal(judge(&f), DIFFERENCE_NOWHERE);
    f.source = SIDE_THERE;
    assert_int_equal(judge(&f), DIFFERENCE_NOT_IN_JOURNAL);
    assert_int_equal(difference_remedy(DIFFERENCE_NOT_IN_JOURNAL, &f), REMEDY_READ);
    f = agreeing();
    f.found_late = true;
    assert_int_equal(judge(&f), DIFFERENCE_NOT_IN_JOURNAL);
}

static void what_is_known_already_hides_what_follows_from_it(void **state)
{
    struct difference_facts f = agreeing();

    (void)state;
    f.portal = SIDE_ABSENT;
    f.waiting = true;
    assert_int_equal(judge(&f), DIFFERENCE_WAITING);
    f.held = true;
    assert_int_equal(judge(&f), DIFFERENCE_HELD);
    assert_int_equal(difference_remedy(DIFFERENCE_HELD, &f), REMEDY_PERSON);
    assert_int_equal(difference_remedy(DIFFERENCE_WAITING, &f), REMEDY_NONE);
}

static void a_status_is_older_newer_or_neither(void **state)
{
    static const struct {
        int ours, shown;
        bool before;
        enum difference kind;
        enum remedy remedy;
    } rows[] = {
        {10, 9, false, DIFFERENCE_PORTAL_OLDER, REMEDY_UPDATE},
        {4, 2, true, DIFFERENCE_PORTAL_OLDER, REMEDY_UPDATE},
        {4, 2, false, DIFFERENCE_PORTAL_OLDER, REMEDY_UPDATE}, /* though 4, 5, 2 is a way too */
        {4, 1, false, DIFFERENCE_PORTAL_OLDER, REMEDY_UPDATE},
        {4, 5, false, DIFFERENCE_PORTAL_NEWER, REMEDY_UPDATE},
        {5, 4, false, DIFFERENCE_PORTAL_OLDER, REMEDY_UPDATE},
        {4, 5, true, DIFFERENCE_PORTAL_OLDER, REMEDY_UPDATE}, /* was there before a supplement */
        {9, 10, false, DIFFERENCE_PORTAL_NEWER, REMEDY_PERSON},
        {2, 9, false, DIFFERENCE_PORTAL_NEWER, REMEDY_UPDATE},
        {10, 3, false, DIFFERENCE_PORTAL_OTHER, REMEDY_PERSON},
        {3, 10, false, DIFFERENCE_PORTAL_OTHER, REMEDY_PERSON},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct difference_facts f = agreeing();

        f.acked_status = rows[i].ours;
        f.shown_status = rows[i].shown;
        f.shown_before = rows[i].before;
        assert_int_equal(judge(&f), rows[i].kind);
        assert_int_equal(difference_remedy(judge(&f), &f), rows[i].remedy);
        f.source_asked = false; /* a restored journal must not set the portal back */
        assert_int_equal(judge(&f), rows[i].kind);
        assert_int_equal(difference_remedy(judge(&f), &f),
                         rows[i].kind == DIFFERENCE_PORTAL_OLDER ? REMEDY_UPDATE : REMEDY_PERSON);
    }
}

static void who_may_be_right_is_not_written_over(void **state)
{
    struct difference_facts f = agreeing();

    (void)state;
    f.shown_status = 9;
    assert_int_equal(difference_remedy(judge(&f), &f), REMEDY_UPDATE);
    f.source =
        SIDE_UNKNOWN; /* the source could say that the portal is right, and does not answer */
    assert_int_equal(difference_remedy(judge(&f), &f), REMEDY_PERSON);
}

static void what_is_young_is_in_grace_and_named(void **state)
{
    struct difference_facts f = agreeing();
    struct difference_verdict v;

    (void)state;
    f.portal = SIDE_ABSENT;
    f.changed_ms = NOW_MS - 14 * MINUTE_MS;
    v = judge_with(&f, NULL, 0);
    assert_int_equal(v.kind, DIFFERENCE_IN_GRACE);
    assert_int_equal(v.but_for, DIFFERENCE_LOST);
    f.changed_ms = NOW_MS - 15 * MINUTE_MS;
    assert_int_equal(judge(&f), DIFFERENCE_LOST);
    f = agreeing();
    f.source_ahead = true;
    f.source_at_s = (int64_t)(NOW_MS / 1000) - 60;
    assert_int_equal(judge(&f), DIFFERENCE_IN_GRACE);
    f.source_at_s = 0; /* nobody knows when: no excuse */
    assert_int_equal(judge(&f), DIFFERENCE_SOURCE_AHEAD);
    f = agreeing();
    f.held = true;
    f.changed_ms = NOW_MS; /* a person was told: that is no matter of time */
    assert_int_equal(judge(&f), DIFFERENCE_HELD);
}

static void pairs_are_read_and_used(void **state)
{
    static const char *const bad[] = {"",     "4",    "/",   "4/",  "/4",   "0/4",   "11/4",
                                      "4/11", "4/9/", "a/9", "4/*", "**/1", "100/1", " 4/9"};
    struct difference_facts f = agreeing();
    struct difference_pair pairs[2];
    struct difference_verdict v;
    char text[DIFFERENCE_PAIR_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(difference_pair_parse(bad[i], &pairs[0]), ERR_FORMAT);
    }
    assert_int_equal(difference_pair_parse("4/9", &pairs[0]), 0);
    assert_int_equal(difference_pair_parse("*/0", &pairs[1]), 0);
    f.shown_status = 9;
    v = judge_with(&f, pairs, 2);
    assert_int_equal(v.kind, DIFFERENCE_TOLERATED);
    difference_pair_text(&pairs[v.pair], text);
    assert_string_equal(text, "4/9");
    f.shown_status = 0;
    v = judge_with(&f, pairs, 2);
    assert_int_equal(v.kind, DIFFERENCE_TOLERATED);
    difference_pair_text(&pairs[v.pair], text);
    assert_string_equal(text, "*/0");
    f.shown_status = 10;
    assert_int_equal(judge_with(&f, pairs, 2).kind, DIFFERENCE_PORTAL_NEWER);
    f = agreeing();
    f.portal = SIDE_ABSENT; /* a pair of statuses excuses no loss */
    assert_int_equal(judge_with(&f, pairs, 2).kind, DIFFERENCE_LOST);
}

static void every_kind_has_a_row_and_a_name_of_its_own(void **state)
{
    (void)state;
    assert_null(difference_row(DIFFERENCES));
    for (int i = 0; i < DIFFERENCES; i++) {
        const struct difference_row *row = difference_row((enum difference)i);

        assert_non_null(row->name);
        assert_true(strlen(row->title) > 0 && strlen(row->meaning) > 10);
        if (row->class == DIFFERENCE_DIFFERS) {
            assert_non_null(row->advice);
        }
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(row->name, difference_row((enum difference)k)->name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_all_say_agrees),
        cmocka_unit_test(each_side_has_its_difference),
        cmocka_unit_test(what_is_known_already_hides_what_follows_from_it),
        cmocka_unit_test(a_status_is_older_newer_or_neither),
        cmocka_unit_test(who_may_be_right_is_not_written_over),
        cmocka_unit_test(what_is_young_is_in_grace_and_named),
        cmocka_unit_test(pairs_are_read_and_used),
        cmocka_unit_test(every_kind_has_a_row_and_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
