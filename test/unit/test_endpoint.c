#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/endpoint.h"

#define HOUR_MS UINT64_C(3600000)
#define LONGEST UINT64_MAX /* a random number that gives the whole back-off */

static const struct outcome done = {.class = OUTCOME_DONE};
static const struct outcome refused = {.class = OUTCOME_PERMANENT};
static const struct outcome broken = {
    .class = OUTCOME_TRANSIENT, .transport = true, .words = "connect failed"};

static struct endpoint fresh(uint32_t max_in_flight)
{
    static const uint32_t unpaced[ENDPOINT_LANES] = {0, 0, 0};
    struct endpoint e;

    endpoint_init(&e, "portal");
    endpoint_configure(&e, max_in_flight, unpaced, 30000, HOUR_MS);
    return e;
}

static bool call(struct endpoint *e, const struct outcome *outcome, uint64_t now_ms,
                 uint64_t random)
{
    endpoint_begin(e, LANE_DOSSIER, now_ms);
    return endpoint_end(e, outcome, now_ms, (int64_t)now_ms, random);
}

static void the_fifth_failure_in_a_row_opens_the_breaker(void **state)
{
    struct endpoint e = fresh(8);

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_false(call(&e, &broken, 1000, 29999));
    }
    assert_false(call(&e, &refused, 1000, 0)); /* an answer, even a refusal */
    for (int i = 0; i < 4; i++) {
        assert_false(call(&e, &broken, 1000, 29999));
    }
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, 1000), 0);
    assert_true(call(&e, &broken, 1000, 29999));
    assert_int_equal(e.breaker, BREAKER_OPEN);
    assert_string_equal(e.last_failure, "connect failed");
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, 1000), 30000);
    assert_int_equal(endpoint_room(&e, 1000), 0);
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, 30999), 1);
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, 31000), 0);
}

static void half_open_lets_one_probe_through(void **state)
{
    struct endpoint e = fresh(8);

    (void)state;
    for (int i = 0; i < 5; i++) {
        (void)call(&e, &broken, 0, 29999);
    }
    assert_int_equal(endpoint_room(&e, 30000), 1);
    endpoint_begin(&e, LANE_DOSSIER, 30000);
    assert_int_equal(e.breaker, BREAKER_HALF_OPEN);
    assert_int_equal(endpoint_room(&e, 30000), 0);
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, 30000), UINT64_MAX);
    assert_true(endpoint_end(&e, &done, 30100, 30100, 0));
    assert_int_equal(e.breaker, BREAKER_CLOSED);
}

static void a_probe_that_fails_waits_longer_each_time(void **state)
{
    struct endpoint e = fresh(8);
    uint64_t now_ms = 0;
    uint64_t expect_ms = 60000;

    (void)state;
    for (int i = 0; i < 5; i++) {
        (void)call(&e, &broken, now_ms, 29999);
    }
    for (int i = 0; i < 10; i++) {
        now_ms = e.open_until_ms;
        (void)call(&e, &broken, now_ms, expect_ms - 1);
        assert_int_equal(e.breaker, BREAKER_OPEN);
        assert_int_equal(e.open_until_ms - now_ms, expect_ms);
        expect_ms = 2 * expect_ms < 300000 ? 2 * expect_ms : 300000; /* five minutes at most */
    }
    assert_true(call(&e, &done, e.open_until_ms, 0));
    assert_int_equal(e.opened, 0);
}

static void it_reopens_slowly(void **state)
{
    struct endpoint e = fresh(8);
    uint32_t calls = 0;

    (void)state;
    for (int i = 0; i < 5; i++) {
        (void)call(&e, &broken, 0, 29999);
    }
    (void)call(&e, &done, 30000, 0);
    assert_int_equal(endpoint_room(&e, 30000), 1);
    while (endpoint_room(&e, 30000) < 8) {
        uint32_t room = endpoint_room(&e, 30000);

        (void)call(&e, &done, 30000, 0);
        assert_true(endpoint_room(&e, 30000) <= room + 1);
        assert_true(++calls < 100);
    }
    assert_in_range(calls, 20, 40); /* one more place a window's worth of successes */
}

static void trouble_halves_the_window_and_success_adds_to_it(void **state)
{
    struct endpoint e = fresh(16);

    (void)state;
    assert_int_equal(endpoint_room(&e, 0), 16);
    (void)call(&e, &broken, 0, 0);
    assert_int_equal(endpoint_room(&e, 0), 8);
    (void)call(&e, &broken, 0, 0);
    assert_int_equal(endpoint_room(&e, 0), 4);
    for (int i = 0; i < 4; i++) {
        (void)call(&e, &done, 0, 0);
    }
    assert_in_range(endpoint_room(&e, 0), 4, 5);
    (void)call(&e, &done, 0, 0);
    assert_int_equal(endpoint_room(&e, 0), 5);
    for (int i = 0; i < 1000; i++) {
        (void)call(&e, &done, 0, 0);
    }
    assert_int_equal(endpoint_room(&e, 0), 16);
    for (int i = 0; i < 4; i++) {
        (void)call(&e, &broken, 0, 0);
    }
    assert_int_equal(endpoint_room(&e, 0), 1); /* never to nothing */
}

static void a_full_window_waits_for_an_end(void **state)
{
    struct endpoint e = fresh(2);

    (void)state;
    endpoint_begin(&e, LANE_DOSSIER, 0);
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, 0), 0);
    endpoint_begin(&e, LANE_DOSSIER, 0);
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, 0), UINT64_MAX);
    (void)endpoint_end(&e, &done, 5, 5, 0);
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, 5), 0);
}

static void retry_after_holds_the_endpoint_a_day_at_most(void **state)
{
    struct endpoint e = fresh(8);
    struct outcome busy = broken;

    (void)state;
    busy.retry_after_s = 120;
    (void)call(&e, &busy, 1000, 0);
    assert_int_equal(e.breaker, BREAKER_CLOSED);
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, 1000), 120000);
    busy.retry_after_s = 60; /* a shorter one does not shorten it */
    endpoint_begin(&e, LANE_DOSSIER, 1000);
    (void)endpoint_end(&e, &busy, 2000, 2000, 0);
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, 2000), 119000);
    busy.retry_after_s = UINT32_MAX;
    endpoint_begin(&e, LANE_DOSSIER, 2000);
    (void)endpoint_end(&e, &busy, 2000, 2000, 0);
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, 2000), 24 * HOUR_MS);
}

/* Calls made in an hour by somebody who asks and then waits as long as he was told, and up to 15 ms
 * longer. */
static uint32_t calls_in_an_hour(uint32_t per_minute, uint64_t lateness_ms)
{
    const uint32_t rates[ENDPOINT_LANES] = {[LANE_LOOK] = per_minute};
    struct endpoint e = fresh(8);
    uint64_t now_ms = 5000;
    uint32_t calls = 0;

    endpoint_configure(&e, 8, rates, 30000, HOUR_MS);
    while (now_ms < 5000 + HOUR_MS) {
        uint64_t wait_ms = endpoint_wait_ms(&e, LANE_LOOK, now_ms);

        if (wait_ms == 0) {
            endpoint_begin(&e, LANE_LOOK, now_ms);
            (void)endpoint_end(&e, &done, now_ms, 0, 0);
            calls++;
            continue;
        }
        now_ms += wait_ms + lateness_ms;
    }
    return calls;
}

static void the_pace_is_exact_over_an_hour(void **state)
{
    static const uint32_t rates[] = {1, 7, 60, 300, 1200, 6000};

    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        assert_in_range(calls_in_an_hour(rates[i], 0), rates[i] * 60, rates[i] * 60 + 6);
        assert_in_range(calls_in_an_hour(rates[i], 15), rates[i] * 60 - 1, rates[i] * 60 + 6);
    }
}

static void idle_time_is_not_saved_up(void **state)
{
    const uint32_t rates[ENDPOINT_LANES] = {[LANE_CATALOG] = 300};
    struct endpoint e = fresh(8);

    (void)state;
    endpoint_configure(&e, 8, rates, 30000, HOUR_MS);
    endpoint_begin(&e, LANE_CATALOG, 0);
    endpoint_begin(&e, LANE_CATALOG, HOUR_MS);
    assert_in_range(endpoint_wait_ms(&e, LANE_CATALOG, HOUR_MS), 100, 200);
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, HOUR_MS),
                     0); /* lanes do not wait for each other */
}

static void a_pause_stops_everything_until_a_person_resumes(void **state)
{
    struct endpoint e = fresh(8);
    struct outcome busy = broken;

    (void)state;
    busy.retry_after_s = 3600;
    (void)call(&e, &busy, 0, 0);
    endpoint_pause(&e, "the certificate is wrong", 77);
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, 100 * HOUR_MS), UINT64_MAX);
    assert_int_equal(endpoint_room(&e, 100 * HOUR_MS), 0);
    assert_string_equal(e.pause_reason, "the certificate is wrong");
    assert_int_equal(e.paused_since_ms, 77);
    endpoint_resume(&e);
    assert_int_equal(endpoint_wait_ms(&e, LANE_DOSSIER, 0), 0);
    assert_string_equal(e.pause_reason, "");
}

static void resuming_an_open_endpoint_probes_at_once(void **state)
{
    struct endpoint e = fresh(8);

    (void)state;
    for (int i = 0; i < 5; i++) {
        (void)call(&e, &broken, 0, LONGEST);
    }
    endpoint_pause(&e, "asked", 0);
    endpoint_resume(&e);
    assert_int_equal(e.breaker, BREAKER_OPEN);
    assert_int_equal(endpoint_room(&e, 1), 1);
}

/* One login for all: the calls that waited for it are told together, and count once. */
static void refused_logins_wait_longer_each_time_in_a_row(void **state)
{
    static const struct outcome login = {.class = OUTCOME_LOGIN};
    struct endpoint e = fresh(8);
    uint64_t now_ms = 0;
    uint64_t span_ms = 30000;

    (void)state;
    for (int round = 0; round < 9; round++) {
        for (int i = 0; i < 3; i++) {
            endpoint_begin(&e, LANE_DOSSIER, now_ms);
        }
        for (int i = 0; i < 3; i++) {
            endpoint_cool_down(&e, now_ms, 0);
            (void)endpoint_end(&e, &login, now_ms, 0, 0);
        }
        assert_in_range(endpoint_wait_ms(&e, LANE_DOSSIER, now_ms), span_ms / 2 - 1, span_ms);
        now_ms = e.not_before_ms;
        span_ms = 2 * span_ms < HOUR_MS ? 2 * span_ms : HOUR_MS;
    }
    (void)call(&e, &done, now_ms, 0);
    endpoint_cool_down(&e, now_ms, 0);
    assert_in_range(endpoint_wait_ms(&e, LANE_DOSSIER, now_ms), 1, 30000);
}

static void a_refused_login_is_no_success(void **state)
{
    static const struct outcome login = {.class = OUTCOME_LOGIN, .words = "login refused"};
    struct endpoint e = fresh(8);

    (void)state;
    endpoint_begin(&e, LANE_DOSSIER, 5);
    (void)endpoint_end(&e, &login, 5, 5, 0);
    assert_int_equal(e.last_success_ms, 0);
    assert_int_equal(e.last_failure_ms, 5);
    assert_string_equal(e.last_failure, "login refused");
}

static void a_cancelled_probe_proves_nothing(void **state)
{
    static const struct outcome canceled = {.class = OUTCOME_CANCELED};
    struct endpoint e = fresh(8);

    (void)state;
    for (int i = 0; i < 5; i++) {
        (void)call(&e, &broken, 0, 29999);
    }
    (void)call(&e, &canceled, 30000, 0);
    assert_int_equal(e.breaker, BREAKER_OPEN);
    assert_int_equal(endpoint_room(&e, 30000), 1);
    assert_int_equal(e.last_success_ms, 0);
}

static void an_account_that_may_not_read_is_remembered_until_it_may(void **state)
{
    struct endpoint e = fresh(8);

    (void)state;
    (void)call(&e, &done, 0, 0);
    endpoint_deny(&e, "HTTP status 401", 9);
    assert_true(e.denied);
    assert_string_equal(e.last_failure, "HTTP status 401");
    assert_int_equal(e.failures, 1);
    (void)call(&e, &broken, 0, 0);
    assert_true(e.denied);
    (void)call(&e, &done, 0, 0);
    assert_false(e.denied);
    endpoint_deny(&e, "HTTP status 401", 9);
    endpoint_resume(&e);
    assert_false(e.denied);
}

static void sessions_refused_in_a_row_are_counted(void **state)
{
    static const struct outcome auth = {.class = OUTCOME_AUTH};
    struct endpoint e = fresh(8);

    (void)state;
    (void)call(&e, &auth, 0, 0);
    (void)call(&e, &auth, 0, 0);
    assert_int_equal(e.auth_in_row, 2);
    (void)call(&e, &done, 0, 0);
    assert_int_equal(e.auth_in_row, 0);
}

static void a_reload_keeps_what_was_learned(void **state)
{
    static const uint32_t unpaced[ENDPOINT_LANES] = {0, 0, 0};
    struct endpoint e = fresh(8);

    (void)state;
    (void)call(&e, &broken, 0, 0);
    endpoint_configure(&e, 8, unpaced, 30000, HOUR_MS);
    assert_int_equal(endpoint_room(&e, 0), 4);
    endpoint_configure(&e, 3, unpaced, 30000, HOUR_MS);
    assert_int_equal(endpoint_room(&e, 0), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fifth_failure_in_a_row_opens_the_breaker),
        cmocka_unit_test(half_open_lets_one_probe_through),
        cmocka_unit_test(a_probe_that_fails_waits_longer_each_time),
        cmocka_unit_test(it_reopens_slowly),
        cmocka_unit_test(trouble_halves_the_window_and_success_adds_to_it),
        cmocka_unit_test(a_full_window_waits_for_an_end),
        cmocka_unit_test(retry_after_holds_the_endpoint_a_day_at_most),
        cmocka_unit_test(the_pace_is_exact_over_an_hour),
        cmocka_unit_test(idle_time_is_not_saved_up),
        cmocka_unit_test(a_pause_stops_everything_until_a_person_resumes),
        cmocka_unit_test(resuming_an_open_endpoint_probes_at_once),
        cmocka_unit_test(refused_logins_wait_longer_each_time_in_a_row),
        cmocka_unit_test(a_refused_login_is_no_success),
        cmocka_unit_test(a_cancelled_probe_proves_nothing),
        cmocka_unit_test(an_account_that_may_not_read_is_remembered_until_it_may),
        cmocka_unit_test(sessions_refused_in_a_row_are_counted),
        cmocka_unit_test(a_reload_keeps_what_was_learned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
