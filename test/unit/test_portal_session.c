#include "adapter/portal_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fake_portal.h"

#define WAITERS 16

struct waiter {
    struct portal_wait wait;
    unsigned told;
    bool has_session;
    struct outcome trouble;
};

struct fixture {
    struct fake_portal peer;
    struct portal_settings *settings;
    struct portal_session session;
    struct waiter waiters[WAITERS];
};

static void ready(struct portal_wait *wait, const struct outcome *trouble)
{
    struct waiter *w = CONTAINER_OF(wait, struct waiter, wait);

    w->told++;
    w->has_session = trouble == NULL;
    if (trouble != NULL) {
        w->trouble = *trouble;
    }
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct errmsg msg = {0};

    assert_non_null(f);
    fake_portal_open(&f->peer);
    assert_int_equal(portal_settings_new(&f->peer.config, &f->settings, &msg), 0);
    portal_session_init(&f->session, &f->peer.env, f->settings);
    for (size_t i = 0; i < WAITERS; i++) {
        f->waiters[i].wait.ready = ready;
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    portal_session_free(&f->session);
    portal_settings_unref(f->settings);
    fake_portal_close(&f->peer);
    free(f);
    return 0;
}

static struct waiter *wait_for(struct fixture *f, size_t i)
{
    portal_session_wait(&f->session, &f->waiters[i].wait);
    assert_int_equal(f->waiters[i].told, 0);
    return &f->waiters[i];
}

static void all_who_wait_share_one_login(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(portal_session_current(&f->session), 0);
    for (size_t i = 0; i < WAITERS; i++) {
        (void)wait_for(f, i);
    }
    assert_int_equal(f->peer.n_calls, 1);
    assert_string_equal(f->peer.calls[0].url, "https://adapter.example.vn/forward/mapi/login");
    assert_string_equal(f->peer.calls[0].dstcode, "VN:GOV:sample");
    assert_string_equal(f->peer.calls[0].body,
                        "{\"username\":\"sample\",\"password\":\"very secret\"}");
    fake_portal_login(&f->peer, "b7f1");
    for (size_t i = 0; i < WAITERS; i++) {
        assert_int_equal(f->waiters[i].told, 1);
        assert_true(f->waiters[i].has_session);
    }
    assert_int_equal(portal_session_current(&f->session), 1);
    assert_string_equal(f->session.token, "b7f1");
}

static void a_session_is_renewed_at_four_fifths_of_its_life(void **state)
{
    struct fixture *f = *state;

    (void)wait_for(f, 0);
    fake_portal_login(&f->peer, "one");
    fake_loop_advance(&f->peer.loop, 479999);
    assert_int_equal(portal_session_current(&f->session), 1);
    fake_loop_advance(&f->peer.loop, 1);
    assert_int_equal(portal_session_current(&f->session), 0);
    (void)wait_for(f, 1);
    fake_portal_login(&f->peer, "two");
    assert_int_equal(portal_session_current(&f->session), 2);
    fake_loop_jump_wall(&f->peer.loop, 3600000); /* the system clock has no say */
    assert_int_equal(portal_session_current(&f->session), 2);
}

static void a_refused_session_is_not_handed_out_again(void **state)
{
    struct fixture *f = *state;

    (void)wait_for(f, 0);
    fake_portal_login(&f->peer, "one");
    portal_session_refused(&f->session, 1);
    assert_int_equal(portal_session_current(&f->session), 0);
    (void)wait_for(f, 1);
    fake_portal_login(&f->peer, "two");
    portal_session_refused(&f->session, 1); /* an older call comes back late */
    assert_int_equal(portal_session_current(&f->session), 2);
}

static void trouble_reaches_all_who_wait(void **state)
{
    static const struct {
        long status;
        const char *body;
        enum outcome_class class;
    } rows[] = {
        {200, "{\"error_code\":-1,\"message\":\"Tài khoản hoặc mật khẩu không đúng\"}",
         OUTCOME_LOGIN},
        {401, "", OUTCOME_LOGIN},
        {403, "", OUTCOME_LOGIN},
        {500, "", OUTCOME_TRANSIENT},
        {429, "", OUTCOME_TRANSIENT},
        {302, "", OUTCOME_CONFIG},
        {200, "<html>", OUTCOME_TRANSIENT},
        {200, "{\"session\":\"x\"}", OUTCOME_TRANSIENT},
        {200, "{\"error_code\":0}", OUTCOME_TRANSIENT},
        {200, "{\"error_code\":0,\"session\":\"\"}", OUTCOME_TRANSIENT},
        {200, "{\"error_code\":0,\"session\":{}}", OUTCOME_TRANSIENT},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(f->waiters, 0, sizeof(f->waiters));
        f->waiters[0].wait.ready = ready;
        f->waiters[1].wait.ready = ready;
        (void)wait_for(f, 0);
        (void)wait_for(f, 1);
        fake_portal_answer(&f->peer, rows[i].status, rows[i].body);
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(f->waiters[k].told, 1);
            assert_false(f->waiters[k].has_session);
            assert_int_equal(f->waiters[k].trouble.class, rows[i].class);
            assert_true(f->waiters[k].trouble.transport);
            assert_true(f->waiters[k].trouble.words[0] != '\0');
        }
        assert_int_equal(portal_session_current(&f->session), 0);
    }
}

static void a_network_without_answer_is_transient(void **state)
{
    struct fixture *f = *state;
    struct waiter *w = wait_for(f, 0);

    fake_portal_fail(&f->peer, HTTP_UNKNOWN, 52); /* a login leaves nothing in doubt */
    assert_int_equal(w->trouble.class, OUTCOME_TRANSIENT);
    w = wait_for(f, 1);
    fake_portal_fail(&f->peer, HTTP_TRUST, 60);
    assert_int_equal(w->trouble.class, OUTCOME_CONFIG);
}

static void a_session_beyond_the_limit_is_none(void **state)
{
    struct fixture *f = *state;
    struct waiter *w = wait_for(f, 0);
    struct buf body;

    buf_init(&body, 1u << 20);
    buf_puts(&body, "{\"error_code\":\"00\",\"session\":\"");
    for (size_t i = 0; i <= PORTAL_SESSION_MAX; i++) {
        buf_putc(&body, 'x');
    }
    buf_puts(&body, "\"}");
    fake_portal_answer(&f->peer, 200, buf_text(&body));
    buf_free(&body);
    assert_int_equal(w->trouble.class, OUTCOME_TRANSIENT);
}

static void a_wrapped_login_is_read(void **state)
{
    struct fixture *f = *state;
    struct waiter *w = wait_for(f, 0);

    fake_portal_answer(&f->peer, 200,
                       "{\"message\":\"{\\\"error_code\\\":0,\\\"session\\\":\\\"in\\\"}\"}");
    assert_true(w->has_session);
    assert_string_equal(f->session.token, "in");
}

static void the_password_is_read_for_each_login(void **state)
{
    struct fixture *f = *state;
    struct waiter *w;

    assert_int_equal(unlink(f->peer.password_path), 0);
    w = wait_for(f, 0);
    assert_int_equal(f->peer.n_calls, 0);
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(w->told, 1);
    assert_int_equal(w->trouble.class, OUTCOME_LOGIN);
    assert_true(w->trouble.alert);

    fake_portal_set_password(&f->peer, "changed \"one\"\n");
    w = wait_for(f, 1);
    assert_string_equal(f->peer.calls[0].body,
                        "{\"username\":\"sample\",\"password\":\"changed \\\"one\\\"\"}");
    fake_portal_login(&f->peer, "one");
    assert_true(w->has_session);
}

static void a_login_that_can_not_start_is_told_later(void **state)
{
    struct fixture *f = *state;
    struct waiter *w;

    f->peer.refuse = true;
    w = wait_for(f, 0);
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(w->told, 1);
    assert_int_equal(w->trouble.class, OUTCOME_TRANSIENT);
    f->peer.refuse = false;
    w = wait_for(f, 1);
    fake_portal_login(&f->peer, "one");
    assert_true(w->has_session);
}

static void a_cancelled_login_is_told_as_such(void **state)
{
    struct fixture *f = *state;
    struct waiter *w = wait_for(f, 0);

    f->peer.cancel_result = HTTP_CANCELED;
    portal_session_cancel(&f->session);
    assert_int_equal(w->told, 0);
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(w->told, 1);
    assert_int_equal(w->trouble.class, OUTCOME_CANCELED);
    portal_session_cancel(&f->session); /* harmless */
}

static void another_account_gets_its_own_login(void **state)
{
    struct fixture *f = *state;
    struct waiter *w = wait_for(f, 0);
    struct portal_settings *other;
    struct errmsg msg = {0};

    f->peer.config.portal.username = "other";
    assert_int_equal(portal_settings_new(&f->peer.config, &other, &msg), 0);
    portal_session_reconfigure(&f->session, other);
    portal_settings_unref(other);
    fake_portal_login(&f->peer, "of the old account");
    assert_int_equal(w->told, 0);
    assert_int_equal(fake_portal_logins(&f->peer), 2);
    assert_non_null(strstr(fake_portal_next(&f->peer)->body, "\"other\""));
    fake_portal_login(&f->peer, "new");
    assert_int_equal(w->told, 1);
    assert_string_equal(f->session.token, "new");
}

static void a_reload_that_keeps_the_account_keeps_the_session(void **state)
{
    struct fixture *f = *state;
    struct portal_settings *other;
    struct errmsg msg = {0};

    (void)wait_for(f, 0);
    fake_portal_login(&f->peer, "one");
    f->peer.config.portal.max_in_flight = 3;
    assert_int_equal(portal_settings_new(&f->peer.config, &other, &msg), 0);
    portal_session_reconfigure(&f->session, other);
    portal_settings_unref(other);
    assert_int_equal(portal_session_current(&f->session), 1);
    f->peer.config.portal.agency_code = "H57";
    assert_int_equal(portal_settings_new(&f->peer.config, &other, &msg), 0);
    portal_session_reconfigure(&f->session, other);
    portal_settings_unref(other);
    assert_int_equal(portal_session_current(&f->session), 0);
}

static void no_secret_reaches_the_log(void **state)
{
    struct fixture *f = *state;

    (void)wait_for(f, 0);
    fake_portal_login(&f->peer, "5e551011");
    portal_session_refused(&f->session, 1);
    (void)wait_for(f, 1);
    fake_portal_answer(&f->peer, 200, "{\"error_code\":-1,\"message\":\"Sai\"}");
    assert_non_null(strstr(f->peer.logged, "login portal: logged in"));
    assert_non_null(strstr(f->peer.logged, "login_failed"));
    assert_null(strstr(f->peer.logged, "5e551011"));
    assert_null(strstr(f->peer.logged, "secret"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_who_wait_share_one_login),
        TEST(a_session_is_renewed_at_four_fifths_of_its_life),
        TEST(a_refused_session_is_not_handed_out_again),
        TEST(trouble_reaches_all_who_wait),
        TEST(a_network_without_answer_is_transient),
        TEST(a_session_beyond_the_limit_is_none),
        TEST(a_wrapped_login_is_read),
        TEST(the_password_is_read_for_each_login),
        TEST(a_login_that_can_not_start_is_told_later),
        TEST(a_cancelled_login_is_told_as_such),
        TEST(another_account_gets_its_own_login),
        TEST(a_reload_that_keeps_the_account_keeps_the_session),
        TEST(no_secret_reaches_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
