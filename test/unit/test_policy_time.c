/* Policy: back-off, giving up, and what follows from a look-up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/policy.h"

#define HOUR_MS UINT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

static const struct policy usual = {
    .first_ms = 30000, .cap_ms = HOUR_MS, .give_up_after_ms = 5 * DAY_MS, .give_up_attempts = 10};
static void back_off_doubles_up_to_its_cap(void **state)
{
    static const uint64_t spans_s[] = {30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600};

    (void)state;
    for (uint32_t n = 1; n <= 10; n++) {
        uint64_t span_ms = spans_s[n - 1] * 1000;

        assert_int_equal(policy_backoff_ms(30000, HOUR_MS, n, 0), 1);
        assert_int_equal(policy_backoff_ms(30000, HOUR_MS, n, span_ms - 1), span_ms);
        assert_int_equal(policy_backoff_ms(30000, HOUR_MS, n, span_ms), 1);
    }
    assert_in_range(policy_backoff_ms(30000, HOUR_MS, UINT32_MAX, UINT64_MAX), 1, HOUR_MS);
    assert_in_range(policy_backoff_ms(30000, HOUR_MS, 0, UINT64_MAX), 1, 30000);
    assert_int_equal(policy_backoff_ms(0, 0, 5, 7), 1);
    assert_in_range(policy_backoff_ms(7200000, HOUR_MS, 1, UINT64_MAX), 1, HOUR_MS);
}

static void jitter_spreads_over_the_whole_span(void **state)
{
    uint64_t seed = 1;
    uint64_t sum_ms = 0;
    uint64_t least_ms = UINT64_MAX;
    uint64_t most_ms = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t ms;

        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        ms = policy_backoff_ms(30000, HOUR_MS, 3, seed >> 16);
        sum_ms += ms;
        least_ms = ms < least_ms ? ms : least_ms;
        most_ms = ms > most_ms ? ms : most_ms;
    }
    assert_in_range(sum_ms / 10000, 57000, 63000);
    assert_true(least_ms < 1200);
    assert_true(most_ms > 118800 && most_ms <= 120000);
}

static enum item_state after_unsure(uint32_t attempts, int64_t age_ms, enum hold_why *hold)
{
    struct policy_call call = {.n = 1, .attempts = attempts, .age_ms = age_ms};
    struct outcome outcome = {.class = OUTCOME_UNSURE};
    struct policy_decision d = policy_sent(&usual, &call, &outcome, 0);

    *hold = d.hold;
    return d.to;
}

static void giving_up_needs_age_and_attempts(void **state)
{
    const int64_t old_ms = INT64_C(5) * (int64_t)DAY_MS + 1;
    enum hold_why hold;

    (void)state;
    assert_int_equal(after_unsure(9, old_ms - 1, &hold), ITEM_UNSURE);
    assert_int_equal(after_unsure(100, old_ms - 1, &hold), ITEM_UNSURE);
    assert_int_equal(after_unsure(8, old_ms, &hold), ITEM_UNSURE);
    assert_int_equal(after_unsure(0, 1000 * old_ms, &hold), ITEM_UNSURE);
    assert_int_equal(after_unsure(9, old_ms, &hold), ITEM_HELD);
    assert_int_equal(hold, HOLD_EXPIRED);
}

static void an_outage_of_weeks_expires_nothing(void **state)
{
    struct policy_call call = {.n = 1, .attempts = 9, .age_ms = INT64_C(60) * (int64_t)DAY_MS};
    struct outcome outcome = {.class = OUTCOME_TRANSIENT, .transport = true};

    (void)state;
    assert_int_equal(policy_sent(&usual, &call, &outcome, 0).to, ITEM_PENDING);
    outcome.class = OUTCOME_LOGIN;
    outcome.transport = false;
    assert_int_equal(policy_sent(&usual, &call, &outcome, 0).to, ITEM_PENDING);
    outcome.class = OUTCOME_DONE;
    assert_int_equal(policy_sent(&usual, &call, &outcome, 0).to, ITEM_DONE);
}

static void a_doubt_outlives_giving_up(void **state)
{
    struct policy_call call = {.n = 1, .attempts = 9, .age_ms = INT64_C(6) * (int64_t)DAY_MS};
    struct outcome outcome = {.class = OUTCOME_UNSURE};
    struct policy_decision d = policy_sent(&usual, &call, &outcome, 0);

    (void)state;
    assert_int_equal(d.hold, HOLD_EXPIRED);
    assert_int_equal(d.doubt, 1);
}

static const struct look {
    const char *name;
    enum lookup_answer answer;
    struct outcome outcome;
    struct policy_call call;
    enum item_state to;
    enum hold_why hold;
    int present, doubt;
    bool charge, waits;
    enum endpoint_action action;
} looks[] = {
    {"there: as an update",
     LOOKUP_THERE,
     {.class = OUTCOME_DONE},
     {.n = 1},
     ITEM_PENDING,
     .present = 1,
     .doubt = 0},
    {"not there: as new",
     LOOKUP_ABSENT,
     {.class = OUTCOME_DONE},
     {.n = 1},
     ITEM_PENDING,
     .present = 0,
     .doubt = 0},
    {"refused for good: as without look-ups",
     LOOKUP_REFUSED,
     {.class = OUTCOME_PERMANENT},
     {.n = 1},
     ITEM_PENDING,
     .present = 1,
     .doubt = 0},
    {"nobody can know: a person decides, at no charge",
     LOOKUP_ASK,
     {.class = OUTCOME_HELD},
     {.n = 1},
     ITEM_HELD,
     HOLD_IN_DOUBT,
     .present = -1,
     .doubt = -1},
    {"no answer: stays in doubt",
     LOOKUP_UNKNOWN,
     {.class = OUTCOME_UNSURE},
     {.n = 1},
     ITEM_UNSURE,
     .present = -1,
     .doubt = -1,
     .charge = true,
     .waits = true},
    {"endpoint trouble: at no charge",
     LOOKUP_UNKNOWN,
     {.class = OUTCOME_TRANSIENT, .transport = true},
     {.n = 1},
     ITEM_UNSURE,
     .present = -1,
     .doubt = -1,
     .waits = true},
    {"login refused",
     LOOKUP_UNKNOWN,
     {.class = OUTCOME_LOGIN},
     {.n = 1},
     ITEM_UNSURE,
     .present = -1,
     .doubt = -1,
     .waits = true,
     .action = ENDPOINT_COOL_DOWN},
    {"redirected",
     LOOKUP_UNKNOWN,
     {.class = OUTCOME_CONFIG},
     {.n = 1},
     ITEM_UNSURE,
     .present = -1,
     .doubt = -1,
     .waits = true,
     .action = ENDPOINT_PAUSE},
    {"ended by us: at no charge, at once",
     LOOKUP_UNKNOWN,
     {.class = OUTCOME_CANCELED},
     {.n = 1},
     ITEM_UNSURE,
     .present = -1,
     .doubt = -1},
    {"looked up in vain for days",
     LOOKUP_UNKNOWN,
     {.class = OUTCOME_UNSURE},
     {.n = 1, .attempts = 9, .age_ms = 6 * (int64_t)DAY_MS},
     ITEM_HELD,
     HOLD_EXPIRED,
     .present = -1,
     .doubt = -1,
     .charge = true},
};

static void a_look_up_decides_only_is_updating(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
        const struct look *l = &looks[i];
        struct policy_decision d =
            policy_looked_up(&usual, &l->call, l->answer, &l->outcome, 12345);

        if (d.to != l->to || d.hold != l->hold || d.present != l->present || d.doubt != l->doubt ||
            d.charge != l->charge || (d.delay_ms > 0) != l->waits || d.action != l->action) {
            fail_msg("%s: to=%s hold=%s present=%d doubt=%d charge=%d delay=%llu action=%d",
                     l->name, item_state_name(d.to), hold_why_name(d.hold), d.present, d.doubt,
                     d.charge, (unsigned long long)d.delay_ms, (int)d.action);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(back_off_doubles_up_to_its_cap),
        cmocka_unit_test(jitter_spreads_over_the_whole_span),
        cmocka_unit_test(giving_up_needs_age_and_attempts),
        cmocka_unit_test(an_outage_of_weeks_expires_nothing),
        cmocka_unit_test(a_doubt_outlives_giving_up),
        cmocka_unit_test(a_look_up_decides_only_is_updating),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
