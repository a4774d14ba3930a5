/* EMC: the form, the statuses, what its answers mean, and what becomes of a doubt. */
#include "adapter/emc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/emc_form.h"
#include "codec/record.h"
#include "domain/usage.h"
#include "domain/vntime.h"
#include "lib/fake_http.h"
#include "lib/fake_loop.h"

#define DOSSIER "H56.31.25-251118-0001"

struct fixture {
    struct fake_loop loop;
    struct fake_http *http;
    struct config config;
    struct adapter_env env;
    struct adapter *emc;
    struct arena arena;
    struct dossier dossier;
    struct record record;
    struct errmsg msg;
    struct adapter_send send;
    struct adapter_lookup lookup;
    unsigned ended;
    int level; /* of the catalogue */
};

static const char *name_of(void *ctx, enum record_kind kind, const char *code)
{
    (void)ctx;
    return kind == RECORD_PROCEDURE && strcmp(code, "1.001193") == 0 ? "Tên của danh mục" : NULL;
}

static int level_of(void *ctx, const char *code)
{
    (void)code;
    return *(int *)ctx;
}

static void make_record(struct fixture *f)
{
    assert_int_equal(record_from_dossier(&f->dossier, &f->arena, &f->record, &f->msg), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct config_source *s = &f->config.sources[0];

    assert_non_null(f);
    fake_loop_init(&f->loop);
    f->http = fake_http_new(&f->loop.loop);
    f->config.n_sources = 1;
    s->name = "emc";
    s->profile = "emc";
    s->url = "https://emc.example.vn/api/event";
    s->site_id = "101";
    s->connect_timeout_ms = 5000;
    s->request_timeout_ms = 10000;
    s->stall_timeout_ms = 5000;
    f->config.n_flows = 1;
    f->config.flows[0] =
        (struct config_flow){.name = "usage", .kind = FLOW_USAGE, .from = "onestop", .to = "emc"};
    f->level = 4;
    f->env = (struct adapter_env){.loop = &f->loop.loop,
                                  .http = fake_http_client(f->http),
                                  .config = &f->config,
                                  .mirror_name = name_of,
                                  .mirror_level = level_of,
                                  .mirror_ctx = &f->level};
    arena_init(&f->arena, 1u << 20);
    dossier_init(&f->dossier);
    f->dossier.code = DOSSIER;
    f->dossier.procedure_code = "1.001193";
    f->dossier.procedure_name = "Đăng ký khai sinh & nhận con = 1+1";
    f->dossier.status_map = "national";
    f->dossier.status = "2";
    f->dossier.channel = "2";
    f->dossier.entry = "1";
    f->dossier.applicant_id = "000199000457";
    make_record(f);
    assert_int_equal(emc_open(&f->env, s, &f->emc, &f->msg), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    f->emc->ops->free(f->emc);
    assert_int_equal(fake_http_unexpected(f->http), 0);
    fake_http_free(f->http);
    arena_free(&f->arena);
    free(f);
    return 0;
}

static void send_done(struct adapter_send *send)
{
    CONTAINER_OF(send, struct fixture, send)->ended++;
}

static void lookup_done(struct adapter_lookup *lookup)
{
    CONTAINER_OF(lookup, struct fixture, lookup)->ended++;
}

static const struct outcome *told(struct fixture *f)
{
    unsigned before = f->ended;

    f->send = (struct adapter_send){.kind = RECORD_DOSSIER,
                                    .code = DOSSIER,
                                    .records = &f->record,
                                    .n_records = 1,
                                    .done = send_done};
    f->emc->ops->send(f->emc, &f->send);
    assert_int_equal(f->ended, before); /* never from inside the call */
    fake_loop_settle(&f->loop);
    assert_int_equal(f->ended, before + 1);
    return &f->send.outcome;
}

static enum lookup_answer doubt(struct fixture *f, bool consented)
{
    unsigned before = f->ended;

    f->lookup =
        (struct adapter_lookup){.code = DOSSIER, .consented = consented, .done = lookup_done};
    f->emc->ops->lookup(f->emc, &f->lookup);
    assert_int_equal(f->ended, before);
    fake_loop_settle(&f->loop);
    assert_int_equal(f->ended, before + 1);
    return f->lookup.answer;
}

static void answer(struct fixture *f, struct fake_http_answer a)
{
    fake_http_once(f->http, (struct fake_http_match){.method = "POST"}, a);
}

static struct adapter_check check(struct fixture *f)
{
    struct adapter_check c = {.record = &f->record};

    f->emc->ops->check(f->emc, &c);
    assert_int_equal(c.err, 0);
    return c;
}

/* ---- the form ---- */

static void the_form_is_that_of_section_12(void **state)
{
    struct fixture *f = *state;

    answer(f, (struct fake_http_answer){.status = 204});
    assert_int_equal(told(f)->class, OUTCOME_DONE);
    assert_string_equal(
        fake_http_request(f->http, 0)->body,
        "codeProfile=" DOSSIER "&siteId=101&codeTTHC=1.001193&nameTTHC="
        "%C4%90%C4%83ng+k%C3%BD+khai+sinh+%26+nh%E1%BA%ADn+con+%3D+1%2B1"
        "&status=1&formsReception=1&formsPayments=0&level=4&isFromDVCQG=1&isDVCBC=0&data=&user=");
    assert_string_equal(fake_http_header(f->http, 0, "Content-Type"),
                        "application/x-www-form-urlencoded");
    assert_string_equal(fake_http_request(f->http, 0)->url, "https://emc.example.vn/api/event");
    assert_null(fake_http_request(f->http, 0)->user);
}

static void preview(struct fixture *f, struct buf *out)
{
    struct adapter_send send = {.kind = RECORD_DOSSIER, .records = &f->record, .n_records = 1};

    buf_init(out, EMC_FORM_MAX);
    assert_int_equal(f->emc->ops->preview(f->emc, &send, out, &f->msg), 0);
}

static bool says(struct fixture *f, const char *part)
{
    struct buf out;
    bool found;

    make_record(f);
    preview(f, &out);
    found = strstr(buf_text(&out), part) != NULL;
    buf_free(&out);
    return found;
}

static void what_the_journal_knows_is_told(void **state)
{
    struct fixture *f = *state;

    f->dossier.channel = "1";
    f->dossier.entry = "2";
    f->dossier.extra = "{\"DanhSachLePhi\":[{\"Gia\":\"0\"}]}";
    assert_true(says(f, "&formsReception=2&formsPayments=0&level=4&isFromDVCQG=0&isDVCBC=0&"));
    f->dossier.extra = "{\"DanhSachLePhi\":[{\"Gia\":\"0\"},{\"Gia\":8000}]}";
    f->dossier.result_by = "1";
    f->level = 3;
    assert_true(says(f, "&formsReception=2&formsPayments=2&level=3&isFromDVCQG=0&isDVCBC=1&"));
    f->dossier.paid_online = 2;
    f->dossier.channel = "";
    f->dossier.entry = "1";
    f->level = 2;
    assert_true(says(f, "&formsReception=1&formsPayments=1&level=0&isFromDVCQG=1&isDVCBC=1&"));
    f->dossier.procedure_name = "";
    assert_true(says(f, "&nameTTHC=T%C3%AAn+c%E1%BB%A7a+danh+m%E1%BB%A5c&"));
}

static void nobody_is_named_unless_it_is_asked_for(void **state)
{
    struct fixture *f = *state;

    assert_false(says(f, "000199000457"));
    f->config.sources[0].send_user = true;
    assert_int_equal(f->emc->ops->reconfigure(f->emc, &f->config, &f->msg), 0);
    assert_true(says(f, "&user=000199000457"));
}

static void ten_national_statuses_are_four_of_emc(void **state)
{
    static const int expected[] = {0, 0, 1, 0, 2, 0, 0, 0, 0, 2, 3, 0};

    (void)state;
    for (int i = -1; i < (int)(sizeof(expected) / sizeof(expected[0])); i++) {
        assert_int_equal(usage_status(i), i < 0 ? 0 : expected[i]);
    }
}

/* ---- the check ---- */

static void only_another_status_is_another_event(void **state)
{
    struct fixture *f = *state;
    struct adapter_check first = check(f);
    struct adapter_check second;

    assert_true(first.has_held_hash);
    f->dossier.note = "khác";
    f->dossier.promised_s = 1763000000;
    make_record(f);
    second = check(f);
    assert_memory_equal(first.held_hash, second.held_hash, RECORD_HASH_BYTES);
    f->dossier.status = "9";
    make_record(f);
    second = check(f);
    assert_memory_not_equal(first.held_hash, second.held_hash, RECORD_HASH_BYTES);
    first = second;
    f->dossier.status = "4"; /* both are processing there */
    make_record(f);
    second = check(f);
    assert_memory_equal(first.held_hash, second.held_hash, RECORD_HASH_BYTES);
}

static void a_missing_row_of_a_map_holds_it(void **state)
{
    struct fixture *f = *state;

    f->dossier.status = "lạ";
    make_record(f);
    assert_int_equal(check(f).hold, HOLD_UNMAPPED_STATUS);
    assert_int_equal(told(f)->class, OUTCOME_HELD);
    f->dossier.status = "2";
    f->dossier.procedure_code = "TTHC-12";
    make_record(f);
    assert_int_equal(check(f).hold, HOLD_UNMAPPED_PROCEDURE);
    assert_int_equal(told(f)->hold, HOLD_UNMAPPED_PROCEDURE);
    assert_int_equal(fake_http_count(f->http), 0);
}

/* ---- answers ---- */

static const struct {
    const char *name;
    struct fake_http_answer answer;
    enum outcome_class class;
    bool transport;
} answers[] = {
    {"204", {.status = 204}, OUTCOME_DONE, false},
    {"200", {.status = 200, .body = "<html>OK</html>"}, OUTCOME_UNSURE, true},
    {"202", {.status = 202}, OUTCOME_UNSURE, true},
    {"302", {.status = 302}, OUTCOME_CONFIG, true},
    {"400", {.status = 400}, OUTCOME_PERMANENT, false},
    {"401", {.status = 401}, OUTCOME_LOGIN, true},
    {"403", {.status = 403}, OUTCOME_LOGIN, true},
    {"404", {.status = 404}, OUTCOME_CONFIG, true},
    {"408", {.status = 408}, OUTCOME_UNSURE, true},
    {"422", {.status = 422}, OUTCOME_PERMANENT, false},
    {"429", {.status = 429, .retry_after_s = 7}, OUTCOME_TRANSIENT, true},
    {"500", {.status = 500}, OUTCOME_UNSURE, true},
    {"503", {.status = 503}, OUTCOME_UNSURE, true},
    {"503 with Retry-After", {.status = 503, .retry_after_s = 7}, OUTCOME_TRANSIENT, true},
    {"not sent", {.result = HTTP_NOT_SENT}, OUTCOME_TRANSIENT, true},
    {"a wrong certificate", {.result = HTTP_TRUST}, OUTCOME_CONFIG, true},
    {"an answer that is lost", {.result = HTTP_UNKNOWN}, OUTCOME_UNSURE, true},
    {"an address that is none", {.result = HTTP_MISUSE}, OUTCOME_CONFIG, true},
};

static void only_204_is_success(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        const struct outcome *o;

        answer(f, answers[i].answer);
        o = told(f);
        if (o->class != answers[i].class || o->transport != answers[i].transport ||
            o->http != (int)answers[i].answer.status ||
            o->retry_after_s != answers[i].answer.retry_after_s ||
            (o->class != OUTCOME_DONE && o->words[0] == '\0')) {
            fail_msg("%s: %s, transport %d, words %s", answers[i].name, outcome_name(o->class),
                     o->transport, o->words);
        }
    }
}

static void a_cancelled_call_ends_once(void **state)
{
    struct fixture *f = *state;

    answer(f, (struct fake_http_answer){.hold = true});
    f->send = (struct adapter_send){
        .kind = RECORD_DOSSIER, .records = &f->record, .n_records = 1, .done = send_done};
    f->emc->ops->send(f->emc, &f->send);
    fake_loop_settle(&f->loop);
    assert_int_equal(f->ended, 0);
    f->emc->ops->cancel(f->emc);
    fake_loop_settle(&f->loop);
    assert_int_equal(f->ended, 1);
    assert_true(f->send.outcome.class == OUTCOME_UNSURE ||
                f->send.outcome.class == OUTCOME_CANCELED);
}

static void the_account_goes_along_and_a_missing_one_is_no_fault_of_the_dossier(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/dvcsync-emc-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "mat-khau\n", 9), 9);
    assert_int_equal(fchmod(fd, 0400), 0);
    assert_int_equal(close(fd), 0);
    f->config.sources[0].username = "tinh";
    f->config.sources[0].password_file = path;
    assert_int_equal(f->emc->ops->reconfigure(f->emc, &f->config, &f->msg), 0);
    answer(f, (struct fake_http_answer){.status = 204});
    assert_int_equal(told(f)->class, OUTCOME_DONE);
    assert_string_equal(fake_http_request(f->http, 0)->user, "tinh");
    assert_string_equal(fake_http_request(f->http, 0)->password, "mat-khau");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(told(f)->class, OUTCOME_LOGIN);
    assert_null(strstr(f->send.outcome.words, "mat-khau"));
    assert_int_equal(fake_http_count(f->http), 1);
}

/* ---- doubt ---- */

static uint64_t note(struct fixture *f, const char *name)
{
    struct adapter_note notes[ADAPTER_NOTES_MAX];
    size_t n = f->emc->ops->notes(f->emc, notes);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(notes[i].name, name) == 0) {
            return notes[i].value;
        }
    }
    fail_msg("no note %s", name);
    return 0;
}

static void a_doubt_ends_by_telling_again_and_is_counted(void **state)
{
    struct fixture *f = *state;

    answer(f, (struct fake_http_answer){.result = HTTP_UNKNOWN});
    assert_int_equal(told(f)->class, OUTCOME_UNSURE);
    assert_int_equal(doubt(f, false), LOOKUP_REFUSED);
    assert_int_equal(fake_http_count(f->http), 1); /* nobody was asked */
    assert_false(f->lookup.outcome.transport);
    answer(f, (struct fake_http_answer){.status = 204});
    assert_int_equal(told(f)->class, OUTCOME_DONE);
    assert_int_equal(note(f, "told"), 1);
    assert_int_equal(note(f, "in_doubt"), 1);
    assert_int_equal(note(f, "told_again"), 1);
}

static void with_ask_a_person_decides(void **state)
{
    struct fixture *f = *state;

    f->config.flows[0].steps_in_doubt = STEPS_ASK;
    assert_int_equal(f->emc->ops->reconfigure(f->emc, &f->config, &f->msg), 0);
    assert_int_equal(doubt(f, false), LOOKUP_ASK);
    assert_int_equal(note(f, "told_again"), 0);
    assert_int_equal(doubt(f, true), LOOKUP_REFUSED);
    assert_int_equal(note(f, "told_again"), 1);
}

static void without_an_address_or_a_number_there_is_no_emc(void **state)
{
    struct fixture *f = *state;
    struct config_source s = f->config.sources[0];
    struct adapter *out;

    s.site_id = "";
    assert_int_equal(emc_open(&f->env, &s, &out, &f->msg), ERR_CONFIG);
    assert_null(out);
    s.site_id = "101";
    s.url = "";
    assert_int_equal(emc_open(&f->env, &s, &out, &f->msg), ERR_CONFIG);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_form_is_that_of_section_12),
        TEST(what_the_journal_knows_is_told),
        TEST(nobody_is_named_unless_it_is_asked_for),
        cmocka_unit_test(ten_national_statuses_are_four_of_emc),
        TEST(only_another_status_is_another_event),
        TEST(a_missing_row_of_a_map_holds_it),
        TEST(only_204_is_success),
        TEST(a_cancelled_call_ends_once),
        TEST(the_account_goes_along_and_a_missing_one_is_no_fault_of_the_dossier),
        TEST(a_doubt_ends_by_telling_again_and_is_counted),
        TEST(with_ask_a_person_decides),
        TEST(without_an_address_or_a_number_there_is_no_emc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
