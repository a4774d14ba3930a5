#include "domain/term.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "domain/vntime.h"

static struct calendar *calendar(void)
{
    static const char text[] = "kind,first,last,days,hours,instead_of,basis\n"
                               "covered,2026-01-01,2026-12-31,,,,test\n"
                               "hours,2026-01-01,,mon-fri,07:30-11:30 13:30-17:30,,\n"
                               "holiday,2026-02-16,2026-02-20,,,,test\n"
                               "moved,2026-08-22,,,,2026-08-31,test\n";
    struct calendar *cal = NULL;
    struct errmsg msg = {""};

    if (calendar_parse("c.csv", text, sizeof(text) - 1, &cal, &msg) != 0) {
        fail_msg("%s", msg.text);
    }
    return cal;
}

static int64_t vn(const char *text)
{
    int64_t at_s = 0;

    assert_int_equal(vntime_parse(text, "yyyy-MM-dd HH:mm", &at_s), 0);
    return at_s;
}

static struct term read_term(const struct calendar *cal, const char *begun, const char *now)
{
    struct term t;

    term_read(cal, vn(begun), 5, vn(now), &t);
    return t;
}

static void five_working_days_over_tet(void **state)
{
    struct calendar *cal = calendar();
    static const struct {
        const char *now;
        int left;
        bool over;
    } days[] = {
        {"2026-02-12 09:00", 6, false}, /* the day of the begin is there too */
        {"2026-02-13 00:00", 5, false}, {"2026-02-13 23:59", 5, false},
        {"2026-02-14 08:00", 4, false}, {"2026-02-18 08:00", 4, false},
        {"2026-02-23 08:00", 4, false}, {"2026-02-26 08:00", 1, false},
        {"2026-02-26 23:59", 1, false}, {"2026-02-27 00:00", -1, true},
        {"2026-02-27 17:00", -1, true}, {"2026-02-28 10:00", -1, true},
        {"2026-03-02 10:00", -2, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        struct term t = read_term(cal, "2026-02-12 08:00", days[i].now);

        assert_true(t.known);
        assert_int_equal(t.begun_s, vn("2026-02-12 08:00"));
        assert_int_equal(t.due_s, vn("2026-02-27 00:00"));
        if (t.days_left != days[i].left || t.over != days[i].over) {
            fail_msg("%s: %d left, over %d", days[i].now, (int)t.days_left, t.over);
        }
    }
    calendar_free(cal);
}

static void a_term_that_is_not_covered_is_not_known(void **state)
{
    struct calendar *cal = calendar();
    struct term t = read_term(cal, "2026-12-28 08:00", "2026-12-29 08:00");

    (void)state;
    assert_false(t.known);
    assert_false(t.over);
    assert_int_equal(t.due_s, 0);
    t = read_term(cal, "2026-02-12 08:00", "2027-01-01 00:00");
    assert_false(t.known);
    calendar_free(cal);
}

/* The bound for queries and the clock of one term say the same, hour by hour over moved days. */
static void the_bound_agrees_with_each_clock(void **state)
{
    struct calendar *cal = calendar();

    (void)state;
    for (int64_t now_s = vn("2026-02-10 00:00"); now_s < vn("2026-09-05 00:00");
         now_s += 7 * 3600) {
        int64_t bound_s = 0;

        assert_int_equal(term_over_before(cal, 5, now_s, &bound_s), 0);
        for (int64_t begun_s = bound_s - 86400; begun_s <= bound_s + 86400; begun_s += 3600) {
            struct term t;

            term_read(cal, begun_s, 5, now_s, &t);
            assert_true(t.known);
            assert_int_equal(t.over, begun_s < bound_s);
        }
    }
    calendar_free(cal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_working_days_over_tet),
        cmocka_unit_test(a_term_that_is_not_covered_is_not_known),
        cmocka_unit_test(the_bound_agrees_with_each_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
