#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/policy.h"

#define HOUR_MS UINT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

static const struct policy usual = {.first_ms = 30000,
                                    .cap_ms = HOUR_MS,
                                    .give_up_after_ms = 5 * DAY_MS,
                                    .give_up_attempts = 10};
static const struct policy asks = {.first_ms = 30000,
                                   .cap_ms = HOUR_MS,
                                   .give_up_after_ms = 5 * DAY_MS,
                                   .give_up_attempts = 10,
                                   .ask = true};
static const struct policy atomic_sink = {.first_ms = 30000,
                                          .cap_ms = HOUR_MS,
                                          .give_up_after_ms = 5 * DAY_MS,
                                          .give_up_attempts = 10,
                                          .atomic = true};
static const struct policy losing = {.first_ms = 30000,
                                     .cap_ms = HOUR_MS,
                                     .give_up_after_ms = 5 * DAY_MS,
                                     .give_up_attempts = 10,
                                     .forget_doubt = true};

/* What a row of the table promises; -2 in present and doubt is "must be left", as -1 is. */
struct row {
    const char *name;
    const struct policy *policy;
    struct policy_call call;
    struct outcome outcome;
    enum item_state to;
    bool waits; /* a delay is set */
    enum hold_why hold;
    bool charge, solo, flip, resnap;
    uint32_t same;
    int present, doubt;
    enum endpoint_action action;
};

#define SNAPSHOT .call = {.n = 1}
#define UPDATE .call = {.n = 1, .updating = true}
#define STEP .call = {.n = 1, .step = true, .has_snapshot = true}
#define STEPS .call = {.n = 10, .step = true, .has_snapshot = true}
#define LEFT .present = -1, .doubt = -1

static const struct row rows[] = {
    {"a success is done", &usual, SNAPSHOT, {.class = OUTCOME_DONE}, ITEM_DONE, .charge = true, LEFT},
    {"ten steps are done together", &usual, STEPS, {.class = OUTCOME_DONE}, ITEM_DONE, .charge = true,
     LEFT},
    {"a lost answer puts the dossier in doubt", &usual, SNAPSHOT, {.class = OUTCOME_UNSURE},
     ITEM_UNSURE, .waits = true, .charge = true, .present = -1, .doubt = 1},
    {"a lost answer about a step is sent again", &usual, STEP, {.class = OUTCOME_UNSURE}, ITEM_UNSURE,
     .waits = true, .charge = true, LEFT},
    {"under ask a lost answer about a step waits for a person", &asks, STEP,
     {.class = OUTCOME_UNSURE}, ITEM_HELD, .waits = true, .hold = HOLD_IN_DOUBT, .charge = true, LEFT},
    {"ask speaks of steps only", &asks, SNAPSHOT, {.class = OUTCOME_UNSURE}, ITEM_UNSURE,
     .waits = true, .charge = true, .present = -1, .doubt = 1},
    {"the losing control forgets the doubt", &losing, SNAPSHOT, {.class = OUTCOME_UNSURE},
     ITEM_PENDING, .waits = true, .charge = true, LEFT},
    {"endpoint trouble costs the item nothing", &usual, SNAPSHOT,
     {.class = OUTCOME_TRANSIENT, .transport = true}, ITEM_PENDING, LEFT},
    {"endpoint trouble leaves a doubtful step in doubt", &usual,
     .call = {.n = 1, .step = true, .was_unsure = true},
     {.class = OUTCOME_TRANSIENT, .transport = true}, ITEM_UNSURE, LEFT},
    {"trouble of the record itself backs off", &usual, SNAPSHOT, {.class = OUTCOME_TRANSIENT},
     ITEM_PENDING, .waits = true, .charge = true, LEFT},
    {"refused for good", &usual, SNAPSHOT, {.class = OUTCOME_PERMANENT}, ITEM_HELD,
     .hold = HOLD_REFUSED, .charge = true, LEFT},
    {"one step refused for good", &usual, STEP, {.class = OUTCOME_PERMANENT}, ITEM_HELD,
     .hold = HOLD_REFUSED, .charge = true, LEFT},
    {"of several refused steps nobody knows which are stored", &usual, STEPS,
     {.class = OUTCOME_PERMANENT}, ITEM_UNSURE, .charge = true, .solo = true, LEFT},
    {"an atomic sink stored none of them", &atomic_sink, STEPS, {.class = OUTCOME_PERMANENT},
     ITEM_PENDING, .solo = true, LEFT},
    {"several refused steps under ask", &asks, STEPS, {.class = OUTCOME_PERMANENT}, ITEM_HELD,
     .hold = HOLD_IN_DOUBT, .charge = true, .solo = true, LEFT},
    {"an unexplained refusal backs off", &usual, SNAPSHOT, {.class = OUTCOME_BACKOFF}, ITEM_PENDING,
     .waits = true, .charge = true, .same = 1, LEFT},
    {"an equal one is counted", &usual, .call = {.n = 1, .same = 3, .answer_repeats = true},
     {.class = OUTCOME_BACKOFF}, ITEM_PENDING, .waits = true, .charge = true, .same = 4, LEFT},
    {"another one begins anew", &usual, .call = {.n = 1, .same = 3}, {.class = OUTCOME_BACKOFF},
     ITEM_PENDING, .waits = true, .charge = true, .same = 1, LEFT},
    {"the fifth equal one needs a person", &usual, .call = {.n = 1, .same = 4, .answer_repeats = true},
     {.class = OUTCOME_BACKOFF}, ITEM_HELD, .hold = HOLD_REPEATED, .charge = true, LEFT},
    {"several steps refused without explanation go one by one", &usual, STEPS,
     {.class = OUTCOME_BACKOFF}, ITEM_UNSURE, .charge = true, .solo = true, LEFT},
    {"exists: once as an update", &usual, SNAPSHOT, {.class = OUTCOME_EXISTS}, ITEM_PENDING,
     .flip = true, .present = 1, .doubt = 0},
    {"exists again: a person", &usual, .call = {.n = 1, .flips = 1}, {.class = OUTCOME_EXISTS},
     ITEM_HELD, .hold = HOLD_FLIPPED, .charge = true, LEFT},
    {"exists in answer to an update makes no sense", &usual, UPDATE, {.class = OUTCOME_EXISTS},
     ITEM_HELD, .hold = HOLD_FLIPPED, .charge = true, LEFT},
    {"not there: once as new", &usual, UPDATE, {.class = OUTCOME_MISSING}, ITEM_PENDING, .flip = true,
     .present = 0, .doubt = 0},
    {"not there again: a person", &usual, .call = {.n = 1, .updating = true, .flips = 1},
     {.class = OUTCOME_MISSING}, ITEM_HELD, .hold = HOLD_FLIPPED, .charge = true, LEFT},
    {"not there in answer to a new one makes no sense", &usual, SNAPSHOT, {.class = OUTCOME_MISSING},
     ITEM_HELD, .hold = HOLD_FLIPPED, .charge = true, LEFT},
    {"a step that the peer has already needs no more", &usual, STEP, {.class = OUTCOME_EXISTS},
     ITEM_SUPERSEDED, LEFT},
    {"one of several steps is there already", &usual, STEPS, {.class = OUTCOME_EXISTS}, ITEM_UNSURE,
     .charge = true, .solo = true, LEFT},
    {"a step without its dossier puts the snapshot first", &usual, STEPS, {.class = OUTCOME_MISSING},
     ITEM_PENDING, .resnap = true, .present = 0, .doubt = -1},
    {"once only", &usual, .call = {.n = 1, .step = true, .has_snapshot = true, .resnapped = true},
     {.class = OUTCOME_MISSING}, ITEM_HELD, .hold = HOLD_REFUSED, .charge = true, LEFT},
    {"and only where there is a snapshot", &usual, .call = {.n = 1, .step = true},
     {.class = OUTCOME_MISSING}, ITEM_HELD, .hold = HOLD_REFUSED, .charge = true, LEFT},
    {"the session was refused though new", &usual, SNAPSHOT, {.class = OUTCOME_AUTH}, ITEM_HELD,
     .hold = HOLD_AUTH, .charge = true, LEFT},
    {"the third dossier in a row so pauses the endpoint", &usual, .call = {.n = 1, .auth_in_row = 2},
     {.class = OUTCOME_AUTH}, ITEM_HELD, .hold = HOLD_AUTH, .charge = true, LEFT,
     .action = ENDPOINT_PAUSE},
    {"a redirect pauses the endpoint", &usual, SNAPSHOT, {.class = OUTCOME_CONFIG}, ITEM_PENDING, LEFT,
     .action = ENDPOINT_PAUSE},
    {"a refused login cools the endpoint down", &usual, SNAPSHOT, {.class = OUTCOME_LOGIN},
     ITEM_PENDING, LEFT, .action = ENDPOINT_COOL_DOWN},
    {"a doubtful step stays so when the login is refused", &usual,
     .call = {.n = 1, .step = true, .was_unsure = true}, {.class = OUTCOME_LOGIN}, ITEM_UNSURE, LEFT,
     .action = ENDPOINT_COOL_DOWN},
    {"what has no mapping is held for that", &usual, SNAPSHOT,
     {.class = OUTCOME_HELD, .hold = HOLD_UNMAPPED_PROCEDURE}, ITEM_HELD,
     .hold = HOLD_UNMAPPED_PROCEDURE, LEFT},
    {"what was not sent is held for a reason at least", &usual, SNAPSHOT, {.class = OUTCOME_HELD},
     ITEM_HELD, .hold = HOLD_INVALID, LEFT},
    {"ended by us before anything left", &usual, SNAPSHOT, {.class = OUTCOME_CANCELED}, ITEM_PENDING,
     LEFT},
    {"ended by us, in doubt before", &usual, .call = {.n = 1, .step = true, .was_unsure = true},
     {.class = OUTCOME_CANCELED}, ITEM_UNSURE, LEFT},
};

static void assert_row(const struct row *r, const struct policy_decision *d)
{
    bool equal = d->to == r->to && d->hold == r->hold && d->charge == r->charge &&
                 d->solo == r->solo && d->flip == r->flip && d->resnap == r->resnap &&
                 d->same == r->same && d->present == r->present && d->doubt == r->doubt &&
                 d->action == r->action && (d->delay_ms > 0) == r->waits;

    if (!equal) {
        fail_msg("%s: to=%s hold=%s charge=%d solo=%d flip=%d resnap=%d same=%u present=%d "
                 "doubt=%d action=%d delay=%llu",
                 r->name, item_state_name(d->to), hold_why_name(d->hold), d->charge, d->solo, d->flip,
                 d->resnap, d->same, d->present, d->doubt, (int)d->action,
                 (unsigned long long)d->delay_ms);
    }
}

static void every_row_of_the_reply_table_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct policy_decision d = policy_sent(rows[i].policy, &rows[i].call, &rows[i].outcome, 12345);

        assert_row(&rows[i], &d);
    }
}

/* What the journal may do to an item in flight. */
static void every_decision_is_a_legal_move(void **state)
{
    static const struct policy *const policies[] = {&usual, &asks, &atomic_sink, &losing};

    (void)state;
    for (unsigned bits = 0; bits < 512; bits++) {
        struct policy_call call = {.step = bits & 1,
                                   .n = bits & 1 && bits & 2 ? 10 : 1,
                                   .updating = bits & 4,
                                   .was_unsure = bits & 8,
                                   .resnapped = bits & 16,
                                   .has_snapshot = bits & 32,
                                   .flips = bits & 64 ? 1 : 0,
                                   .same = bits & 128 ? 4 : 0,
                                   .answer_repeats = bits & 128,
                                   .attempts = 20,
                                   .age_ms = bits & 256 ? INT64_C(6) * (int64_t)DAY_MS : 0};

        for (size_t p = 0; p < 4; p++) {
            for (int c = OUTCOME_DONE; c <= OUTCOME_HELD; c++) {
                struct outcome outcome = {.class = (enum outcome_class)c};
                struct policy_decision d = policy_sent(policies[p], &call, &outcome, bits);

                assert_true(item_move_legal(ITEM_INFLIGHT, d.to));
                assert_true((d.to == ITEM_HELD) == (d.hold != HOLD_NONE));
                assert_true(d.to == ITEM_DONE ? c == OUTCOME_DONE : c != OUTCOME_DONE);
            }
        }
    }
}

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
    {"there: as an update", LOOKUP_THERE, {.class = OUTCOME_DONE}, {.n = 1}, ITEM_PENDING, .present = 1,
     .doubt = 0},
    {"not there: as new", LOOKUP_ABSENT, {.class = OUTCOME_DONE}, {.n = 1}, ITEM_PENDING, .present = 0,
     .doubt = 0},
    {"refused for good: as without look-ups", LOOKUP_REFUSED, {.class = OUTCOME_PERMANENT}, {.n = 1},
     ITEM_PENDING, .present = 1, .doubt = 0},
    {"no answer: stays in doubt", LOOKUP_UNKNOWN, {.class = OUTCOME_UNSURE}, {.n = 1}, ITEM_UNSURE,
     .present = -1, .doubt = -1, .charge = true, .waits = true},
    {"endpoint trouble: at no charge", LOOKUP_UNKNOWN, {.class = OUTCOME_TRANSIENT, .transport = true},
     {.n = 1}, ITEM_UNSURE, .present = -1, .doubt = -1, .waits = true},
    {"login refused", LOOKUP_UNKNOWN, {.class = OUTCOME_LOGIN}, {.n = 1}, ITEM_UNSURE, .present = -1,
     .doubt = -1, .waits = true, .action = ENDPOINT_COOL_DOWN},
    {"redirected", LOOKUP_UNKNOWN, {.class = OUTCOME_CONFIG}, {.n = 1}, ITEM_UNSURE, .present = -1,
     .doubt = -1, .waits = true, .action = ENDPOINT_PAUSE},
    {"ended by us: at no charge, at once", LOOKUP_UNKNOWN, {.class = OUTCOME_CANCELED}, {.n = 1},
     ITEM_UNSURE, .present = -1, .doubt = -1},
    {"looked up in vain for days", LOOKUP_UNKNOWN, {.class = OUTCOME_UNSURE},
     {.n = 1, .attempts = 9, .age_ms = 6 * (int64_t)DAY_MS}, ITEM_HELD, HOLD_EXPIRED, .present = -1,
     .doubt = -1, .charge = true},
};

static void a_look_up_decides_only_is_updating(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
        const struct look *l = &looks[i];
        struct policy_decision d = policy_looked_up(&usual, &l->call, l->answer, &l->outcome, 12345);

        if (d.to != l->to || d.hold != l->hold || d.present != l->present || d.doubt != l->doubt ||
            d.charge != l->charge || (d.delay_ms > 0) != l->waits || d.action != l->action) {
            fail_msg("%s: to=%s hold=%s present=%d doubt=%d charge=%d delay=%llu action=%d", l->name,
                     item_state_name(d.to), hold_why_name(d.hold), d.present, d.doubt, d.charge,
                     (unsigned long long)d.delay_ms, (int)d.action);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_reply_table_holds),
        cmocka_unit_test(every_decision_is_a_legal_move),
        cmocka_unit_test(back_off_doubles_up_to_its_cap),
        cmocka_unit_test(jitter_spreads_over_the_whole_span),
        cmocka_unit_test(giving_up_needs_age_and_attempts),
        cmocka_unit_test(an_outage_of_weeks_expires_nothing),
        cmocka_unit_test(a_doubt_outlives_giving_up),
        cmocka_unit_test(a_look_up_decides_only_is_updating),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
