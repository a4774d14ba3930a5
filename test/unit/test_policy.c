/* Policy: the table of replies, row by row. */
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
    {"a success is done",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_DONE},
     ITEM_DONE,
     .charge = true,
     LEFT},
    {"ten steps are done together",
     &usual,
     STEPS,
     {.class = OUTCOME_DONE},
     ITEM_DONE,
     .charge = true,
     LEFT},
    {"a lost answer puts the dossier in doubt",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_UNSURE},
     ITEM_UNSURE,
     .waits = true,
     .charge = true,
     .present = -1,
     .doubt = 1},
    {"a lost answer about a step is sent again",
     &usual,
     STEP,
     {.class = OUTCOME_UNSURE},
     ITEM_UNSURE,
     .waits = true,
     .charge = true,
     LEFT},
    {"under ask a lost answer about a step waits for a person",
     &asks,
     STEP,
     {.class = OUTCOME_UNSURE},
     ITEM_HELD,
     .waits = true,
     .hold = HOLD_IN_DOUBT,
     .charge = true,
     LEFT},
    {"ask speaks of steps only",
     &asks,
     SNAPSHOT,
     {.class = OUTCOME_UNSURE},
     ITEM_UNSURE,
     .waits = true,
     .charge = true,
     .present = -1,
     .doubt = 1},
    {"the losing control forgets the doubt",
     &losing,
     SNAPSHOT,
     {.class = OUTCOME_UNSURE},
     ITEM_PENDING,
     .waits = true,
     .charge = true,
     LEFT},
    {"endpoint trouble costs the item nothing",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_TRANSIENT, .transport = true},
     ITEM_PENDING,
     LEFT},
    {"endpoint trouble leaves a doubtful step in doubt",
     &usual,
     .call = {.n = 1, .step = true, .was_unsure = true},
     {.class = OUTCOME_TRANSIENT, .transport = true},
     ITEM_UNSURE,
     LEFT},
    {"trouble of the record itself backs off",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_TRANSIENT},
     ITEM_PENDING,
     .waits = true,
     .charge = true,
     LEFT},
    {"refused for good",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_PERMANENT},
     ITEM_HELD,
     .hold = HOLD_REFUSED,
     .charge = true,
     LEFT},
    {"one step refused for good",
     &usual,
     STEP,
     {.class = OUTCOME_PERMANENT},
     ITEM_HELD,
     .hold = HOLD_REFUSED,
     .charge = true,
     LEFT},
    {"of several refused steps nobody knows which are stored",
     &usual,
     STEPS,
     {.class = OUTCOME_PERMANENT},
     ITEM_UNSURE,
     .charge = true,
     .solo = true,
     LEFT},
    {"an atomic sink stored none of them",
     &atomic_sink,
     STEPS,
     {.class = OUTCOME_PERMANENT},
     ITEM_PENDING,
     .solo = true,
     LEFT},
    {"several refused steps under ask",
     &asks,
     STEPS,
     {.class = OUTCOME_PERMANENT},
     ITEM_HELD,
     .hold = HOLD_IN_DOUBT,
     .charge = true,
     .solo = true,
     LEFT},
    {"an unexplained refusal backs off",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_BACKOFF},
     ITEM_PENDING,
     .waits = true,
     .charge = true,
     .same = 1,
     LEFT},
    {"an equal one is counted",
     &usual,
     .call = {.n = 1, .same = 3, .answer_repeats = true},
     {.class = OUTCOME_BACKOFF},
     ITEM_PENDING,
     .waits = true,
     .charge = true,
     .same = 4,
     LEFT},
    {"another one begins anew",
     &usual,
     .call = {.n = 1, .same = 3},
     {.class = OUTCOME_BACKOFF},
     ITEM_PENDING,
     .waits = true,
     .charge = true,
     .same = 1,
     LEFT},
    {"the fifth equal one needs a person",
     &usual,
     .call = {.n = 1, .same = 4, .answer_repeats = true},
     {.class = OUTCOME_BACKOFF},
     ITEM_HELD,
     .hold = HOLD_REPEATED,
     .charge = true,
     LEFT},
    {"several steps refused without explanation go one by one",
     &usual,
     STEPS,
     {.class = OUTCOME_BACKOFF},
     ITEM_UNSURE,
     .charge = true,
     .solo = true,
     LEFT},
    {"exists: once as an update",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_EXISTS},
     ITEM_PENDING,
     .flip = true,
     .present = 1,
     .doubt = 0},
    {"exists again: a person",
     &usual,
     .call = {.n = 1, .flips = 1},
     {.class = OUTCOME_EXISTS},
     ITEM_HELD,
     .hold = HOLD_FLIPPED,
     .charge = true,
     LEFT},
    {"exists in answer to an update makes no sense",
     &usual,
     UPDATE,
     {.class = OUTCOME_EXISTS},
     ITEM_HELD,
     .hold = HOLD_FLIPPED,
     .charge = true,
     LEFT},
    {"not there: once as new",
     &usual,
     UPDATE,
     {.class = OUTCOME_MISSING},
     ITEM_PENDING,
     .flip = true,
     .present = 0,
     .doubt = 0},
    {"not there again: a person",
     &usual,
     .call = {.n = 1, .updating = true, .flips = 1},
     {.class = OUTCOME_MISSING},
     ITEM_HELD,
     .hold = HOLD_FLIPPED,
     .charge = true,
     LEFT},
    {"not there in answer to a new one makes no sense",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_MISSING},
     ITEM_HELD,
     .hold = HOLD_FLIPPED,
     .charge = true,
     LEFT},
    {"a step that the peer has already needs no more",
     &usual,
     STEP,
     {.class = OUTCOME_EXISTS},
     ITEM_SUPERSEDED,
     LEFT},
    {"one of several steps is there already",
     &usual,
     STEPS,
     {.class = OUTCOME_EXISTS},
     ITEM_UNSURE,
     .charge = true,
     .solo = true,
     LEFT},
    {"a step without its dossier puts the snapshot first",
     &usual,
     STEPS,
     {.class = OUTCOME_MISSING},
     ITEM_PENDING,
     .resnap = true,
     .present = 0,
     .doubt = -1},
    {"once only",
     &usual,
     .call = {.n = 1, .step = true, .has_snapshot = true, .resnapped = true},
     {.class = OUTCOME_MISSING},
     ITEM_HELD,
     .hold = HOLD_REFUSED,
     .charge = true,
     LEFT},
    {"and only where there is a snapshot",
     &usual,
     .call = {.n = 1, .step = true},
     {.class = OUTCOME_MISSING},
     ITEM_HELD,
     .hold = HOLD_REFUSED,
     .charge = true,
     LEFT},
    {"the session was refused though new",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_AUTH},
     ITEM_HELD,
     .hold = HOLD_AUTH,
     .charge = true,
     LEFT},
    {"the third dossier in a row so pauses the endpoint",
     &usual,
     .call = {.n = 1, .auth_in_row = 2},
     {.class = OUTCOME_AUTH},
     ITEM_HELD,
     .hold = HOLD_AUTH,
     .charge = true,
     LEFT,
     .action = ENDPOINT_PAUSE},
    {"a redirect pauses the endpoint",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_CONFIG},
     ITEM_PENDING,
     LEFT,
     .action = ENDPOINT_PAUSE},
    {"a refused login cools the endpoint down",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_LOGIN},
     ITEM_PENDING,
     LEFT,
     .action = ENDPOINT_COOL_DOWN},
    {"a doubtful step stays so when the login is refused",
     &usual,
     .call = {.n = 1, .step = true, .was_unsure = true},
     {.class = OUTCOME_LOGIN},
     ITEM_UNSURE,
     LEFT,
     .action = ENDPOINT_COOL_DOWN},
    {"what has no mapping is held for that",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_HELD, .hold = HOLD_UNMAPPED_PROCEDURE},
     ITEM_HELD,
     .hold = HOLD_UNMAPPED_PROCEDURE,
     LEFT},
    {"what was not sent is held for a reason at least",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_HELD},
     ITEM_HELD,
     .hold = HOLD_INVALID,
     LEFT},
    {"ended by us before anything left",
     &usual,
     SNAPSHOT,
     {.class = OUTCOME_CANCELED},
     ITEM_PENDING,
     LEFT},
    {"ended by us, in doubt before",
     &usual,
     .call = {.n = 1, .step = true, .was_unsure = true},
     {.class = OUTCOME_CANCELED},
     ITEM_UNSURE,
     LEFT},
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
                 r->name, item_state_name(d->to), hold_why_name(d->hold), d->charge, d->solo,
                 d->flip, d->resnap, d->same, d->present, d->doubt, (int)d->action,
                 (unsigned long long)d->delay_ms);
    }
}

static void every_row_of_the_reply_table_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct policy_decision d =
            policy_sent(rows[i].policy, &rows[i].call, &rows[i].outcome, 12345);

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_reply_table_holds),
        cmocka_unit_test(every_decision_is_a_legal_move),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
