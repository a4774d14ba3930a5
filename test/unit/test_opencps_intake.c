#include "adapter/opencps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/record.h"
#include "lib/fake_opencps.h"

#define CODE "G22.99-251118-020176"
#define NATIONAL "systemId=5&dossierNo=" CODE
#define LOCAL "systemId=0&dossierNo=" CODE
#define CREATE "/nps/createdossierfromdvcqg"
#define NONE "{\"total\":0}"

static struct arena arena;
static struct record record;
static struct adapter_send send;
static int sent;

static void on_sent(struct adapter_send *s)
{
    (void)s;
    sent++;
}

static int setup(void **state)
{
    static const char map_text[] =
        "status,substatus,name,national,valid_from,valid_until\nwaiting,,,5,,\nprocessing,,,4,,\n";
    struct errmsg msg = {""};
    struct fake_opencps *rig;
    struct dossier d;

    assert_int_equal(fake_opencps_setup(state), 0);
    rig = *state;
    assert_int_equal(map_parse(MAP_STATUS, "status.csv", map_text, sizeof(map_text) - 1,
                               &rig->config.status_map, &msg),
                     0);
    arena_init(&arena, 4 << 20);
    dossier_init(&d);
    d.code = CODE;
    d.procedure_code = "1.001193";
    d.status = "1";
    d.status_map = "national";
    d.entry = "1";
    d.channel = "2";
    d.applicant_name = "Nguyễn Văn A";
    d.submitted_s = 1763430912;
    d.changed_s = 1763430912;
    assert_int_equal(record_from_dossier(&d, &arena, &record, &msg), 0);
    sent = 0;
    send = (struct adapter_send){
        .kind = RECORD_DOSSIER, .code = CODE, .records = &record, .n_records = 1, .done = on_sent};
    return 0;
}

static int teardown(void **state)
{
    struct fake_opencps *rig = *state;

    map_free(rig->config.status_map);
    arena_free(&arena);
    return fake_opencps_teardown(state);
}

static void run(struct fake_opencps *rig)
{
    rig->a->ops->send(rig->a, &send);
    assert_int_equal(sent, 0); /* never from inside */
    fake_loop_settle(&rig->loop);
    assert_int_equal(sent, 1);
    sent = 0;
}

static void rows(struct fake_opencps *rig, const char *query, const char *text)
{
    fake_opencps_answer(rig, query, text);
}

static void what_is_not_there_is_created_with_the_portals_shape(void **state)
{
    struct fake_opencps *rig = *state;
    const struct fake_http_request *call;

    rows(rig, NATIONAL, NONE);
    rows(rig, LOCAL, NONE);
    rows(rig, CREATE, "{\"dossierId\":9,\"dossierNo\":\"" CODE "\"}");
    run(rig);
    assert_int_equal(send.outcome.class, OUTCOME_DONE);
    assert_int_equal(send.outcome.status, 1);
    assert_true(send.outcome.has_content);
    assert_string_equal(send.outcome.local_no, "");
    assert_int_equal(fake_http_count(rig->http), 3);
    call = fake_http_request(rig->http, 2);
    assert_string_equal(call->method, "POST");
    assert_string_equal(fake_http_header(rig->http, 2, "Content-Type"),
                        "application/json; charset=UTF-8");
    assert_non_null(strstr(call->body, "\"isUpdating\":\"False\""));
    assert_non_null(strstr(call->body, "\"data\":[{\"MaHoSo\":\"" CODE "\""));
    assert_non_null(strstr(call->body, "\"TrangThaiHoSo\":\"1\""));
    assert_non_null(strstr(call->body, "\"NoiNopHoSo\":\"1\""));
    assert_null(strstr(call->body, "session"));
}

static void a_number_of_the_sites_own_is_reported(void **state)
{
    struct fake_opencps *rig = *state;

    rows(rig, NATIONAL, NONE);
    rows(rig, LOCAL, NONE);
    rows(rig, CREATE, "{\"dossierId\":9,\"dossierNo\":\"H56.31-251118-0009\"}");
    run(rig);
    assert_int_equal(send.outcome.class, OUTCOME_DONE);
    assert_string_equal(send.outcome.local_no, "H56.31-251118-0009");
}

static void a_dossier_that_waits_for_papers_is_updated(void **state)
{
    struct fake_opencps *rig = *state;

    rows(rig, NATIONAL,
         "{\"total\":1,\"data\":[{\"dossierId\":9,\"dossierNo\":\"H56.31-251118-0009\","
         "\"originDossierNo\":\"" CODE "\",\"dossierStatus\":\"waiting\"}]}");
    rows(rig, CREATE, "{\"error_code\":0,\"message\":\"ok\"}");
    run(rig);
    assert_int_equal(send.outcome.class, OUTCOME_DONE);
    assert_string_equal(send.outcome.local_no, "H56.31-251118-0009");
    assert_int_equal(fake_http_count(rig->http), 2);
    assert_non_null(strstr(fake_http_request(rig->http, 1)->body, "\"isUpdating\":\"True\""));
}

static void a_dossier_in_any_other_state_is_left_alone(void **state)
{
    static const char *const states[] = {"processing", "done", "something new"};
    struct fake_opencps *rig = *state;
    char text[256];

    for (size_t i = 0; i < 3; i++) {
        snprintf(text, sizeof(text),
                 "{\"total\":1,\"data\":[{\"dossierId\":9,\"dossierNo\":\"" CODE
                 "\",\"dossierStatus\":\"%s\"}]}",
                 states[i]);
        fake_http_reset(rig->http);
        rows(rig, NATIONAL, NONE);
        rows(rig, LOCAL, text);
        run(rig);
        assert_int_equal(send.outcome.class, OUTCOME_DONE);
        assert_non_null(strstr(send.outcome.words, "nothing was changed"));
        assert_false(send.outcome.has_content);
        assert_int_equal(fake_http_count(rig->http), 2); /* two looks, no write */
    }
}

static void another_dossier_in_the_answer_is_not_it(void **state)
{
    struct fake_opencps *rig = *state;

    rows(rig, NATIONAL,
         "{\"total\":1,\"data\":[{\"dossierId\":9,\"dossierNo\":\"" CODE
         "7\",\"dossierStatus\":\"processing\"}]}");
    rows(rig, LOCAL, NONE);
    rows(rig, CREATE, "{\"dossierId\":10,\"dossierNo\":\"" CODE "\"}");
    run(rig);
    assert_int_equal(send.outcome.class, OUTCOME_DONE);
    assert_int_equal(fake_http_count(rig->http), 3);
}

static void a_look_that_fails_changes_nothing(void **state)
{
    static const struct {
        long status;
        const char *body;
        enum outcome_class class;
    } cases[] = {
        {500, "<html>", OUTCOME_TRANSIENT},
        {200, "{\"total\":1,\"da", OUTCOME_TRANSIENT},
        {404, "", OUTCOME_TRANSIENT},
        {401, "", OUTCOME_AUTH},
    };
    struct fake_opencps *rig = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_http_reset(rig->http);
        fake_opencps_once(rig, "GET", NATIONAL, cases[i].status, cases[i].body);
        run(rig);
        assert_int_equal(send.outcome.class, cases[i].class);
        assert_int_equal(fake_http_count(rig->http), 1);
    }
}

static void answers_of_the_writing_call_are_told_apart(void **state)
{
    static const struct {
        long status;
        const char *body;
        enum outcome_class class;
    } cases[] = {
        {200, "{\"error_code\":1,\"message\":\"x\"}", OUTCOME_DONE},
        {200, "{\"error_code\":-1,\"message\":\"Hồ sơ đã tồn tại\"}", OUTCOME_DONE},
        {409, "{\"code\":409}", OUTCOME_DONE},
        {200, "{\"error_code\":-1,\"message\":\"lỗi 012345678901\"}", OUTCOME_BACKOFF},
        {404, "", OUTCOME_PERMANENT},
        {400, "", OUTCOME_PERMANENT},
        {500, "", OUTCOME_UNSURE},
        {200, "{\"dossierId\":9,", OUTCOME_UNSURE},
        {200, "{\"something\":9}", OUTCOME_UNSURE},
    };
    struct fake_opencps *rig = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_http_reset(rig->http);
        rows(rig, NATIONAL, NONE);
        rows(rig, LOCAL, NONE);
        fake_opencps_once(rig, "POST", CREATE, cases[i].status, cases[i].body);
        run(rig);
        if (send.outcome.class != cases[i].class) {
            fail_msg("case %zu: %s", i, outcome_name(send.outcome.class));
        }
        assert_null(strstr(send.outcome.words, "012345678901"));
    }
}

static void an_unmapped_procedure_is_held(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_check check = {.record = &record};
    struct errmsg msg = {""};
    struct dossier d;

    assert_int_equal(record_to_dossier(record.body, record.body_len, &arena, &d, &msg), 0);
    d.procedure_code = "TTHC-NOIBO-07";
    assert_int_equal(record_from_dossier(&d, &arena, &record, &msg), 0);
    rig->a->ops->check(rig->a, &check);
    assert_int_equal(check.hold, HOLD_UNMAPPED_PROCEDURE);
    rows(rig, NATIONAL, NONE);
    rows(rig, LOCAL, NONE);
    run(rig);
    assert_int_equal(send.outcome.class, OUTCOME_HELD);
    assert_int_equal(send.outcome.hold, HOLD_UNMAPPED_PROCEDURE);
    assert_int_equal(fake_http_count(rig->http), 2);
}

static void a_dossier_passes_the_check_with_its_status(void **state)
{
    struct fake_opencps *rig = *state;
    struct adapter_check check = {.record = &record};

    rig->a->ops->check(rig->a, &check);
    assert_int_equal(check.hold, HOLD_NONE);
    assert_int_equal(check.status, 1);
    record.kind = RECORD_STATUS;
    rig->a->ops->check(rig->a, &check);
    assert_int_equal(check.hold, HOLD_INVALID);
    assert_non_null(strstr(check.reason, "procedures and dossiers"));
}

static void a_cancelled_look_ends_the_call(void **state)
{
    struct fake_opencps *rig = *state;

    fake_http_always(rig->http, (struct fake_http_match){.url = NATIONAL},
                     (struct fake_http_answer){.body = NONE, .hold = true});
    rig->a->ops->send(rig->a, &send);
    fake_loop_settle(&rig->loop);
    rig->a->ops->cancel(rig->a);
    fake_loop_settle(&rig->loop);
    assert_int_equal(sent, 1);
    assert_int_equal(send.outcome.class, OUTCOME_CANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_there_is_created_with_the_portals_shape),
        TEST(a_number_of_the_sites_own_is_reported),
        TEST(a_dossier_that_waits_for_papers_is_updated),
        TEST(a_dossier_in_any_other_state_is_left_alone),
        TEST(another_dossier_in_the_answer_is_not_it),
        TEST(a_look_that_fails_changes_nothing),
        TEST(answers_of_the_writing_call_are_told_apart),
        TEST(an_unmapped_procedure_is_held),
        TEST(a_dossier_passes_the_check_with_its_status),
        TEST(a_cancelled_look_ends_the_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
