#include "adapter/opencps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fake_opencps.h"

#define STEPS                                                                                      \
    "{\"total\":1,\"data\":[{\"stepCode\":\"200\",\"dossierStatus\":\"receiving\","                \
    "\"dossierSubStatus\":\"\"}]}"
#define ACTIONS(code)                                                                              \
    "{\"total\":1,\"data\":[{\"dossierActionId\":9,\"actionName\":\"A\",\"actionUser\":\"B\","     \
    "\"actionNote\":\"\","                                                                         \
    "\"stepCode\":\"" code "\",\"createDate\":1763433000007,\"pending\":false,\"state\":1}]}"
#define DOSSIER                                                                                    \
    "{\"dossierId\":7,\"dossierNo\":\"H56.31.25-251118-0007\",\"originality\":3,"                  \
    "\"dossierStatus\":\"new\"}"
#define ROWS "{\"total\":1,\"data\":[{\"dossierId\":7,\"dossierStatus\":\"new\"}]}"

/* What the callbacks saw: their results are borrowed. */
static struct {
    int polled, detailed, listed;
    char id[64]; /* of the first row */
    char cursor[64];
    size_t records;
    char step[4096]; /* body of the second record */
} seen;

static void polled(struct adapter_poll *poll)
{
    seen.polled++;
    seen.id[0] = '\0';
    if (poll->n_rows > 0) {
        snprintf(seen.id, sizeof(seen.id), "%s", poll->rows[0].id);
    }
    if (poll->err == 0) {
        snprintf(seen.cursor, sizeof(seen.cursor), "%s", poll->next_cursor);
    }
}

static void detailed(struct adapter_detail *detail)
{
    seen.detailed++;
    seen.records = detail->n_records;
    seen.step[0] = '\0';
    if (detail->n_records > 1) {
        snprintf(seen.step, sizeof(seen.step), "%.*s", (int)detail->records[1].body_len,
                 detail->records[1].body);
    }
}

static void row(struct adapter_list *list, const struct record *record, const char *name,
                bool active)
{
    (void)list;
    (void)record;
    (void)name;
    (void)active;
}

static void listed(struct adapter_list *list)
{
    (void)list;
    seen.listed++;
}

static int setup(void **state)
{
    memset(&seen, 0, sizeof(seen));
    return fake_opencps_setup(state);
}

static int poll(struct fake_opencps *rig, struct adapter_poll *p)
{
    int before = seen.polled;

    p->cursor = seen.cursor;
    p->done = polled;
    rig->a->ops->poll(rig->a, p);
    assert_int_equal(seen.polled, before); /* never from inside */
    fake_loop_settle(&rig->loop);
    assert_int_equal(seen.polled, before + 1);
    return p->err;
}

static int detail(struct fake_opencps *rig, struct adapter_detail *d, const char *id)
{
    int before = seen.detailed;

    d->kind = RECORD_DOSSIER;
    d->id = id;
    d->done = detailed;
    rig->a->ops->detail(rig->a, d);
    assert_int_equal(seen.detailed, before);
    fake_loop_settle(&rig->loop);
    assert_int_equal(seen.detailed, before + 1);
    return d->err;
}

static void a_call_carries_site_login_and_form(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_poll p = {0};

    fake_opencps_answer(rig, "/stepconfigs", STEPS);
    fake_opencps_answer(rig, "/dossiers?", ROWS);
    assert_int_equal(poll(rig, &p), 0);
    assert_int_equal(fake_http_count(rig->http), 2);
    assert_string_equal(fake_http_request(rig->http, 0)->url, FAKE_OPENCPS_URL "/stepconfigs");
    assert_non_null(strstr(fake_http_request(rig->http, 1)->url,
                           FAKE_OPENCPS_URL "/dossiers?start=0&end=200&systemId=0&from"));
    assert_string_equal(fake_http_request(rig->http, 1)->user, "sync");
    assert_string_equal(fake_http_request(rig->http, 1)->password, "sandbox");
    assert_string_equal(fake_http_header(rig->http, 1, "groupId"), "20126");
    assert_string_equal(fake_http_header(rig->http, 1, "Accept"), "application/json");
    assert_string_equal(seen.id, "7");
    assert_true(p.more);
    assert_string_equal(seen.cursor, "backfill 5 2025-11-20");
}

static void polls_go_on_until_live_and_then_idle(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_poll p = {0};
    int polls = 0;

    rig->loop.wall_ms = INT64_C(1763700000000);
    fake_opencps_answer(rig, "/stepconfigs", STEPS);
    fake_opencps_answer(rig, "/dossiers?", ROWS);
    do {
        assert_int_equal(poll(rig, &p), 0);
        assert_true(++polls < 100);
    } while (p.more);
    assert_string_equal(seen.cursor, "live");
    for (size_t i = 1; i < fake_http_count(rig->http); i++) {
        const char *url = fake_http_request(rig->http, i)->url;

        assert_non_null(strstr(url, "start="));
        assert_non_null(strstr(url, "&end="));
        assert_null(strstr(url, "end=0"));
    }
    fake_loop_advance(&rig->loop, 30000);
    polls = 0;
    do {
        assert_int_equal(poll(rig, &p), 0);
        assert_string_equal(p.next_cursor != NULL ? seen.cursor : "", "live");
        polls++;
    } while (p.more);
    assert_int_equal(polls, 8);
}

static void a_refused_login_is_denied_and_reads_the_password_again(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_poll p = {0};

    fake_opencps_once(rig, NULL, "/stepconfigs", 401, "");
    fake_opencps_answer(rig, "/stepconfigs", STEPS);
    fake_opencps_answer(rig, "/dossiers?", ROWS);
    assert_int_equal(poll(rig, &p), ERR_DENIED);
    assert_non_null(strstr(p.why.text, "/stepconfigs: HTTP 401"));
    fake_opencps_secret(rig, "changed\n");
    assert_int_equal(poll(rig, &p), 0);
    assert_string_equal(fake_http_request(rig->http, 1)->password, "changed");
}

static void a_missing_password_is_an_error_that_says_so(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_poll p = {0};

    unlink(rig->secret);
    assert_int_equal(poll(rig, &p), ERR_CONFIG);
    assert_true(p.why.text[0] != '\0');
    assert_int_equal(fake_http_count(rig->http), 0);
}

static void broken_pages_are_errors_and_asked_again(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_poll p = {0};

    fake_opencps_answer(rig, "/stepconfigs", STEPS);
    fake_opencps_once(rig, NULL, "/dossiers?", 200, "{\"total\":1,\"data\":[{\"dossi");
    fake_opencps_once(rig, NULL, "/dossiers?", 500, "<html>");
    fake_http_once(rig->http, (struct fake_http_match){.url = "/dossiers?"},
                   (struct fake_http_answer){.result = HTTP_UNKNOWN});
    fake_opencps_answer(rig, "/dossiers?", ROWS);
    assert_int_equal(poll(rig, &p), ERR_FORMAT);
    assert_non_null(strstr(p.why.text, "GET /dossiers"));
    assert_int_equal(poll(rig, &p), ERR_REMOTE);
    assert_int_equal(poll(rig, &p), ERR_REMOTE);
    assert_int_equal(poll(rig, &p), 0);
    assert_string_equal(fake_http_request(rig->http, 1)->url, fake_http_request(rig->http, 4)->url);
}

static void a_page_over_64_kib_is_read_on_a_worker(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_poll p = {.cursor = "", .done = polled};
    char *body = malloc(100000);
    int n;

    assert_non_null(body);
    n = snprintf(body, 100000,
                 "{\"total\":1,\"data\":[{\"dossierId\":7,\"metaData\":\"%080000d\"}]}", 0);
    assert_in_range(n, 70000, 99999);
    fake_opencps_answer(rig, "/stepconfigs", STEPS);
    fake_opencps_answer(rig, "/dossiers?", body);
    free(body);
    rig->loop.hold_work = true;
    rig->a->ops->poll(rig->a, &p);
    fake_loop_settle(&rig->loop);
    assert_int_equal(seen.polled, 0);
    rig->loop.hold_work = false;
    fake_loop_settle(&rig->loop);
    assert_int_equal(seen.polled, 1);
    assert_string_equal(seen.id, "7");
}

static void a_detail_is_the_snapshot_and_its_steps(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_detail d = {0};

    fake_opencps_answer(rig, "/stepconfigs", STEPS);
    fake_opencps_answer(rig, "/dossiers/7/actions", ACTIONS("200"));
    fake_opencps_answer(rig, "/dossiers/7", DOSSIER);
    assert_int_equal(detail(rig, &d, "7"), 0);
    assert_int_equal(seen.records, 2);
    assert_non_null(strstr(seen.step, "\"receiving\""));
    assert_int_equal(fake_http_count(rig->http), 3); /* no files: no file_url */
    assert_int_equal(detail(rig, &d, "7"), 0);
    assert_int_equal(fake_http_count(rig->http), 5); /* stepconfigs are kept */
}

static void several_details_wait_for_one_dictionary(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_detail d[3] = {{0}};

    fake_http_once(rig->http, (struct fake_http_match){.url = "/stepconfigs"},
                   (struct fake_http_answer){.body = STEPS, .hold = true});
    fake_opencps_answer(rig, "/actions", ACTIONS("200"));
    fake_opencps_answer(rig, "/dossiers/7", DOSSIER);
    for (size_t i = 0; i < 3; i++) {
        d[i] = (struct adapter_detail){.kind = RECORD_DOSSIER, .id = "7", .done = detailed};
        rig->a->ops->detail(rig->a, &d[i]);
    }
    fake_loop_settle(&rig->loop);
    assert_int_equal(seen.detailed, 0);
    fake_http_release(rig->http);
    fake_loop_settle(&rig->loop);
    assert_int_equal(seen.detailed, 3);
    assert_int_equal(d[2].err, 0);
}

static void an_unknown_step_code_asks_again_once_a_minute(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_detail d = {0};

    fake_opencps_answer(rig, "/stepconfigs", STEPS);
    fake_opencps_answer(rig, "/actions", ACTIONS("777"));
    fake_opencps_answer(rig, "/dossiers/7", DOSSIER);
    assert_int_equal(detail(rig, &d, "7"), 0);
    assert_non_null(strstr(seen.step, "\"777\""));
    assert_int_equal(fake_http_count(rig->http), 3);
    assert_int_equal(detail(rig, &d, "7"), 0);
    assert_int_equal(fake_http_count(rig->http), 5);
    fake_loop_advance(&rig->loop, 61000);
    assert_int_equal(detail(rig, &d, "7"), 0);
    assert_int_equal(fake_http_count(rig->http), 8);
}

static void details_that_fail_say_what_is_owed(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_detail d = {0};

    fake_opencps_answer(rig, "/stepconfigs", STEPS);
    fake_opencps_once(rig, NULL, "/dossiers/7", 404, "");
    assert_int_equal(detail(rig, &d, "7"), ERR_NOTFOUND);
    fake_opencps_once(rig, NULL, "/dossiers/7", 200, DOSSIER);
    fake_opencps_once(rig, NULL, "/dossiers/7/actions", 404, "");
    assert_int_equal(detail(rig, &d, "7"), ERR_REMOTE);
    assert_non_null(strstr(d.why.text, "/dossiers/7/actions: HTTP 404"));
    fake_opencps_once(rig, NULL, "/dossiers/7", 200, "{\"dossierId\":7,\"originality\":3}");
    assert_int_equal(detail(rig, &d, "7"), ERR_UNSUPPORTED);
    assert_non_null(strstr(d.why.text, "no number"));
    fake_opencps_once(rig, NULL, "/dossiers/8", 200, DOSSIER);
    assert_int_equal(detail(rig, &d, "8"), ERR_FORMAT);
    assert_int_equal(detail(rig, &d, "../x"), ERR_INVAL);
}

static void files_are_asked_when_there_is_an_address_for_them(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_detail d = {0};

    rig->config.sources[0].file_url = "https://tep.example.vn/{dossierId}/{referenceUid}";
    fake_opencps_reload(rig);
    fake_opencps_answer(rig, "/stepconfigs", STEPS);
    fake_opencps_answer(rig, "/actions", ACTIONS("200"));
    fake_opencps_answer(rig, "/files", "{\"total\":0,\"data\":[]}");
    fake_opencps_answer(rig, "/dossiers/7", DOSSIER);
    assert_int_equal(detail(rig, &d, "7"), 0);
    assert_non_null(strstr(fake_http_request(rig->http, 2)->url, "/dossiers/7/files"));
    assert_int_equal(seen.records, 2);
}

static void the_rate_spaces_the_calls(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_detail d[3] = {{0}};

    rig->config.sources[0].rate = 2;
    fake_opencps_reload(rig);
    fake_opencps_answer(rig, "/dossiers/", "{\"dossierId\":7,\"originality\":3}");
    for (size_t i = 0; i < 3; i++) {
        d[i] = (struct adapter_detail){.kind = RECORD_DOSSIER, .id = "7", .done = detailed};
        rig->a->ops->detail(rig->a, &d[i]);
    }
    fake_loop_settle(&rig->loop);
    assert_int_equal(fake_http_count(rig->http), 1);
    fake_loop_advance(&rig->loop, 499);
    assert_int_equal(fake_http_count(rig->http), 1);
    fake_loop_advance(&rig->loop, 1);
    assert_int_equal(fake_http_count(rig->http), 2);
    fake_loop_advance(&rig->loop, 500);
    assert_int_equal(seen.detailed, 3);
}

static void cancel_brings_every_callback(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_poll p = {.cursor = "", .done = polled};
    struct adapter_detail d[2] = {{0}};
    struct adapter_list l = {.kind = RECORD_PROCEDURE, .row = row, .done = listed};

    rig->config.sources[0].rate = 2;
    fake_opencps_reload(rig);
    fake_http_always(rig->http, (struct fake_http_match){0},
                     (struct fake_http_answer){.hold = true});
    rig->a->ops->poll(rig->a, &p);
    for (size_t i = 0; i < 2; i++) {
        d[i] = (struct adapter_detail){.kind = RECORD_DOSSIER, .id = "7", .done = detailed};
        rig->a->ops->detail(rig->a, &d[i]);
    }
    fake_loop_settle(&rig->loop);
    rig->a->ops->list(rig->a, &l); /* canceled before its first turn */
    rig->a->ops->cancel(rig->a);
    assert_int_equal(seen.polled + seen.detailed + seen.listed, 0);
    fake_loop_settle(&rig->loop);
    assert_int_equal(seen.polled, 1);
    assert_int_equal(seen.detailed, 2);
    assert_int_equal(seen.listed, 1);
    assert_int_equal(p.err, ERR_CANCELED);
    assert_int_equal(d[0].err, ERR_CANCELED);
    assert_int_equal(d[1].err, ERR_CANCELED);
    assert_int_equal(l.err, ERR_CANCELED);
    fake_http_reset(rig->http);
    fake_opencps_answer(rig, "/stepconfigs", STEPS);
    fake_opencps_answer(rig, "/dossiers?", ROWS);
    fake_loop_advance(&rig->loop, 1000);
    seen.cursor[0] = '\0';
    p.cursor = seen.cursor;
    rig->a->ops->poll(rig->a, &p);
    fake_loop_advance(&rig->loop, 1000);
    assert_int_equal(p.err, 0); /* and it goes on afterwards */
}

static void a_reload_without_the_source_is_refused(void **state)
{
    struct fake_opencps *rig = *state;
    struct config *empty = calloc(1, sizeof(*empty));
    struct errmsg msg = {""};

    assert_non_null(empty);
    assert_int_equal(rig->a->ops->reconfigure(rig->a, empty, &msg), ERR_CONFIG);
    free(empty);
}

static void a_reload_that_cannot_be_taken_leaves_the_old_values(void **state)
{
    struct fake_opencps *rig = *state;
    struct config *fresh = malloc(sizeof(*fresh));
    struct adapter_poll p = {.cursor = "", .done = polled};
    struct errmsg msg = {""};
    char too_long[400];

    assert_non_null(fresh);
    memset(too_long, 's', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    *fresh = rig->config;
    fresh->sources[0].small_states = (struct config_list){.items = {too_long}, .n = 1};
    fresh->sources[0].group_id = "999";
    assert_int_equal(rig->a->ops->reconfigure(rig->a, fresh, &msg), ERR_TOOBIG);
    memset(fresh, 0xa5, sizeof(*fresh)); /* whoever still reads it falls */
    free(fresh);
    fake_opencps_answer(rig, "/stepconfigs", STEPS);
    fake_opencps_answer(rig, "/dossiers?", ROWS);
    rig->a->ops->poll(rig->a, &p);
    fake_loop_advance(&rig->loop, 1000);
    assert_int_equal(p.err, 0);
    assert_string_equal(fake_http_header(rig->http, 0, "groupId"), "20126");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_opencps_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_carries_site_login_and_form),
        TEST(polls_go_on_until_live_and_then_idle),
        TEST(a_refused_login_is_denied_and_reads_the_password_again),
        TEST(a_missing_password_is_an_error_that_says_so),
        TEST(broken_pages_are_errors_and_asked_again),
        TEST(a_page_over_64_kib_is_read_on_a_worker),
        TEST(a_detail_is_the_snapshot_and_its_steps),
        TEST(several_details_wait_for_one_dictionary),
        TEST(an_unknown_step_code_asks_again_once_a_minute),
        TEST(details_that_fail_say_what_is_owed),
        TEST(files_are_asked_when_there_is_an_address_for_them),
        TEST(the_rate_spaces_the_calls),
        TEST(cancel_brings_every_callback),
        TEST(a_reload_without_the_source_is_refused),
        TEST(a_reload_that_cannot_be_taken_leaves_the_old_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
