#include "adapter/mapped_auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "codec/xml.h"
#include "lib/fake_mapped.h"

#define HEAD "title = \"t\"\nformat = json\nnational_status = yes\nid = {\"/MaHoSo\"}\n"
#define REST                                                                                       \
    "cursor { style = full }\ncall list { url = \"{url}/list\"\n rows = \"/data\"\n"               \
    " ok = \"/code\"\n ok_values = {\"0\"}\n auth_values = {\"9\"}\n words = \"/msg\" }\n"         \
    "dossier { code = \"/MaHoSo\"\n status = \"/TrangThai\" }\n"
#define EMPTY "{\"code\":0,\"data\":[]}"
#define LOGIN "call login { url = \"{url}/login\"\n words = \"/msg\" }\n"

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fake_mapped));
    return *state == NULL;
}

static int teardown(void **state)
{
    fake_mapped_close(*state);
    free(*state);
    return 0;
}

static const char *body(struct fake_mapped *rig, size_t i)
{
    return fake_http_request(rig->http, i)->body;
}

static const char *header(struct fake_mapped *rig, size_t i, const char *name)
{
    const char *value = fake_http_header(rig->http, i, name);

    return value != NULL ? value : "";
}

/* ---- kinds without a login ---- */

static void none_sends_nothing(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, HEAD "auth { kind = none }\n" REST);
    fake_mapped_once(rig, "/list", 200, EMPTY);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_null(fake_http_header(rig->http, 0, "Authorization"));
    assert_null(fake_http_request(rig->http, 0)->user);
    fake_mapped_once(rig, "/list", 401, "");
    assert_int_equal(fake_mapped_poll(rig, false), ERR_DENIED);
}

static void basic_sends_name_and_password(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, HEAD "auth { kind = basic }\n" REST);
    fake_mapped_once(rig, "/list", 200, EMPTY);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_string_equal(fake_http_request(rig->http, 0)->user, "sync");
    assert_string_equal(fake_http_request(rig->http, 0)->password, FAKE_MAPPED_SECRET);
}

static void bearer_sends_the_operators_token(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, HEAD "auth { kind = bearer }\n" REST);
    fake_mapped_once(rig, "/list", 200, EMPTY);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_string_equal(header(rig, 0, "Authorization"), "Bearer " FAKE_MAPPED_SECRET);
    fake_mapped_always(rig, "/list", "{\"code\":9,\"msg\":\"het han\"}");
    assert_int_equal(fake_mapped_poll(rig, false),
                     ERR_DENIED); /* once more, read anew, then over */
    assert_int_equal(fake_http_count(rig->http), 3);
    assert_non_null(strstr(rig->why, "het han"));
}

static void a_missing_secret_is_named_and_nothing_is_sent(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, HEAD "auth { kind = bearer }\n" REST);
    unlink(rig->secret);
    assert_int_equal(fake_mapped_poll(rig, false), ERR_DENIED);
    assert_non_null(strstr(rig->why, rig->secret));
    assert_int_equal(fake_http_count(rig->http), 0);
}

static void soap_bodies_carry_name_and_password(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, HEAD "auth { kind = soap-body }\ncursor { style = full }\n"
                               "call list { url = \"{url}/list\"\n"
                               " body = \"<u>{username|xml}</u><p>{password|xml}</p>\" }\n"
                               "dossier { code = \"/MaHoSo\"\n status = \"/TrangThai\" }\n");
    fake_mapped_once(rig, "/list", 200, "[]");
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_string_equal(body(rig, 0), "<u>sync</u><p>" FAKE_MAPPED_SECRET "</p>");
    assert_string_equal(fake_http_request(rig->http, 0)->method, "POST");
    assert_non_null(strstr(header(rig, 0, "Content-Type"), "xml"));
}

/* ---- kinds with one ---- */

static void oauth2_client_in_the_form(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig,
                     HEAD "auth { kind = oauth2-cc\n expires = \"/expires_in\" }\n" LOGIN REST);
    fake_mapped_once(rig, "/login", 200, "{\"access_token\":\"T1\",\"expires_in\":300}");
    fake_mapped_always(rig, "/list", EMPTY);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_non_null(strstr(body(rig, 0), "grant_type=client_credentials"));
    assert_non_null(strstr(body(rig, 0), "client_id=sync"));
    assert_non_null(strstr(body(rig, 0), "client_secret=" FAKE_MAPPED_SECRET));
    assert_string_equal(header(rig, 0, "Content-Type"), "application/x-www-form-urlencoded");
    assert_string_equal(header(rig, 1, "Authorization"), "Bearer T1");
}

static void oauth2_client_as_basic(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, HEAD "auth { kind = oauth2-cc\n basic_client = yes }\n" LOGIN REST);
    fake_mapped_once(rig, "/login", 200, "{\"access_token\":\"T1\"}");
    fake_mapped_once(rig, "/list", 200, EMPTY);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_string_equal(fake_http_request(rig->http, 0)->user, "sync");
    assert_string_equal(fake_http_request(rig->http, 0)->password, FAKE_MAPPED_SECRET);
    assert_string_equal(body(rig, 0), "grant_type=client_credentials");
    assert_null(fake_http_request(rig->http, 1)->user);
}

static void oauth2_password(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, HEAD "auth { kind = oauth2-password }\n" LOGIN REST);
    fake_mapped_once(rig, "/login", 200, "{\"access_token\":\"T1\"}");
    fake_mapped_once(rig, "/list", 200, EMPTY);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_non_null(strstr(body(rig, 0), "grant_type=password"));
    assert_non_null(strstr(body(rig, 0), "username=sync"));
    assert_non_null(strstr(body(rig, 0), "password=" FAKE_MAPPED_SECRET));
}

#define JSON_LOGIN                                                                                 \
    HEAD "auth { kind = json-login\n token = \"/d/token\"\n expires = \"/d/s\"\n"                  \
         " header = \"X-Key\"\n value = \"K {token}\" }\n"                                         \
         "call login { url = \"{url}/login\"\n"                                                    \
         " body = \"{\\\"u\\\":{username|json},\\\"p\\\":{password|json}}\"\n"                     \
         " ok = \"/c\"\n ok_values = {\"1\"}\n words = \"/msg\" }\n" REST
#define TOKEN(t) "{\"c\":1,\"d\":{\"token\":\"" t "\",\"s\":100}}"

static void json_login_and_renewal_at_four_fifths(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, JSON_LOGIN);
    fake_mapped_once(rig, "/login", 200, TOKEN("T1"));
    fake_mapped_once(rig, "/login", 200, TOKEN("T2"));
    fake_mapped_always(rig, "/list", EMPTY);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_string_equal(body(rig, 0), "{\"u\":\"sync\",\"p\":\"" FAKE_MAPPED_SECRET "\"}");
    assert_string_equal(header(rig, 1, "X-Key"), "K T1");
    fake_loop_advance(&rig->loop, 79000);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_string_equal(header(rig, 2, "X-Key"), "K T1");
    fake_loop_advance(&rig->loop, 1000);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_string_equal(header(rig, 4, "X-Key"), "K T2");
}

static void a_refused_token_costs_one_login_and_one_repeat(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, JSON_LOGIN);
    fake_mapped_always(rig, "/login", TOKEN("T1"));
    fake_mapped_once(rig, "/list", 401, "");
    fake_mapped_once(rig, "/list", 200, EMPTY);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_int_equal(fake_http_count(rig->http), 4);
    fake_mapped_once(rig, "/list", 200, "{\"code\":9}");
    fake_mapped_once(rig, "/list", 200, EMPTY);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_int_equal(fake_http_count(rig->http), 7);
    fake_mapped_always(rig, "/list", "{\"code\":9,\"msg\":\"khong\"}");
    assert_int_equal(fake_mapped_poll(rig, false), ERR_DENIED);
    assert_int_equal(fake_http_count(rig->http), 10);
}

static void logins_are_single_flight(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, JSON_LOGIN "call detail { url = \"{url}/one/{id}\" }\n");
    fake_http_always(rig->http, (struct fake_http_match){.url = "/login"},
                     (struct fake_http_answer){.body = TOKEN("T1"), .delay_ms = 100});
    fake_mapped_always(rig, "/list", EMPTY);
    fake_mapped_always(rig, "/one",
                       "{\"MaHoSo\":\"000.00.00.H00-261110-0001\",\"TrangThai\":\"4\"}");
    fake_mapped_begin_poll(rig);
    fake_mapped_begin_detail(rig, "a");
    fake_loop_advance(&rig->loop, 1000);
    assert_int_equal(rig->polled, 1);
    assert_int_equal(rig->detailed, 1);
    assert_int_equal(fake_http_count(rig->http), 3);
}

static void a_refused_login_denies_and_is_not_repeated_at_once(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, JSON_LOGIN);
    fake_mapped_once(rig, "/login", 200, "{\"c\":0,\"msg\":\"sai mat khau\"}");
    assert_int_equal(fake_mapped_poll(rig, false), ERR_DENIED);
    assert_string_equal(rig->why, "login refused: sai mat khau");
    assert_int_equal(fake_mapped_poll(rig, false), ERR_DENIED);
    assert_int_equal(fake_http_count(rig->http), 1);
    fake_loop_advance(&rig->loop, 30000);
    fake_mapped_once(rig, "/login", 401, "");
    assert_int_equal(fake_mapped_poll(rig, false), ERR_DENIED);
    fake_loop_advance(&rig->loop, 30000);
    fake_mapped_once(rig, "/login", 503, "");
    assert_int_equal(fake_mapped_poll(rig, false), ERR_REMOTE);
    fake_mapped_once(rig, "/login", 200, "{\"c\":1}");
    assert_int_equal(fake_mapped_poll(rig, false), ERR_REMOTE);
    assert_non_null(strstr(rig->why, "/d/token"));
    fake_mapped_once(rig, "/login", 200, TOKEN("T1"));
    fake_mapped_once(rig, "/list", 200, EMPTY);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_non_null(strstr(rig->logged, "login_failed"));
}

static void a_session_goes_into_bodies(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig,
                     HEAD "auth { kind = session-in-body\n token = \"/session\"\n life = 10m }\n"
                          "call login { url = \"{url}/login\"\n"
                          " body = \"{\\\"u\\\":{username|json},\\\"p\\\":{password|json}}\" }\n"
                          "cursor { style = full }\n"
                          "call list { url = \"{url}/list\"\n"
                          " body = \"{\\\"session\\\":{session|json}}\" }\n"
                          "dossier { code = \"/MaHoSo\"\n status = \"/TrangThai\" }\n");
    fake_mapped_once(rig, "/login", 200, "{\"session\":\"S\\\"1\"}");
    fake_mapped_once(rig, "/list", 200, "[]");
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_string_equal(body(rig, 1), "{\"session\":\"S\\\"1\"}");
    assert_null(fake_http_header(rig->http, 1, "Authorization"));
}

static void lgsp_sends_both_headers(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(
        rig, HEAD "params = {\"app=A\"}\n"
                  "auth { kind = lgsp\n"
                  " second = \"{\\\"AccessKey\\\":{username|json},"
                  "\\\"SecretKey\\\":{password|json},\\\"AppName\\\":{app|json}}\" }\n" LOGIN REST);
    fake_mapped_once(rig, "/login", 200, "{\"access_token\":\"T1\"}");
    fake_mapped_once(rig, "/list", 200, EMPTY);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_string_equal(body(rig, 0), "grant_type=client_credentials");
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(header(rig, i, "lgspaccesstoken"),
                            "eyJBY2Nlc3NLZXkiOiJzeW5jIiwiU2VjcmV0S2V5IjoidmVyeS1zZWNyZXQiLCJBcHBO"
                            "YW1lIjoiQSJ9");
    }
    assert_string_equal(header(rig, 1, "Authorization"), "Bearer T1");
}

static void another_account_forgets_the_token(void **state)
{
    struct fake_mapped *rig = *state;
    struct errmsg msg = {""};

    fake_mapped_open(rig, JSON_LOGIN);
    fake_mapped_once(rig, "/login", 200, TOKEN("T1"));
    fake_mapped_once(rig, "/login", 200, TOKEN("T2"));
    fake_mapped_always(rig, "/list", EMPTY);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_int_equal(rig->a->ops->reconfigure(rig->a, &rig->config, &msg), 0);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_int_equal(fake_http_count(rig->http), 3); /* the same account: the same token */
    rig->config.sources[0].username = "other";
    assert_int_equal(rig->a->ops->reconfigure(rig->a, &rig->config, &msg), 0);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_string_equal(header(rig, 4, "X-Key"), "K T2");
}

static void cancel_ends_a_login(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, JSON_LOGIN);
    fake_http_always(rig->http, (struct fake_http_match){0},
                     (struct fake_http_answer){.hold = true});
    fake_mapped_begin_poll(rig);
    fake_loop_turn(&rig->loop);
    rig->a->ops->cancel(rig->a);
    fake_loop_settle(&rig->loop);
    assert_int_equal(rig->polled, 1);
    assert_int_equal(rig->poll_req.err, ERR_CANCELED);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(none_sends_nothing),
        T(basic_sends_name_and_password),
        T(bearer_sends_the_operators_token),
        T(a_missing_secret_is_named_and_nothing_is_sent),
        T(soap_bodies_carry_name_and_password),
        T(oauth2_client_in_the_form),
        T(oauth2_client_as_basic),
        T(oauth2_password),
        T(json_login_and_renewal_at_four_fifths),
        T(a_refused_token_costs_one_login_and_one_repeat),
        T(logins_are_single_flight),
        T(a_refused_login_denies_and_is_not_repeated_at_once),
        T(a_session_goes_into_bodies),
        T(lgsp_sends_both_headers),
        T(another_account_forgets_the_token),
        T(cancel_ends_a_login),
    };
#undef T
    int failed;

    xml_init();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    xml_cleanup();
    return failed;
}
