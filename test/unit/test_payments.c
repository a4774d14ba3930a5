#include "adapter/payments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "codec/record.h"
#include "lib/push_world.h"

#define CODE "H56.31.25-251118-0007"
#define PAID(result, amount, dossier)                                                              \
    "{\"LoaiBanTin\":\"x\",\"MaLoi\":\"" result "\",\"SoTien\":\"" amount                          \
    "\",\"MaGiaoDich\":\"GD1\",\"MaHoSo\":\"" dossier "\"}"

struct fixture {
    struct push_world w;
    struct adapter *a; /* NULL: not open */
    struct arena arena;
    struct figures figures;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    push_world_open(&f->w, "payments");
    f->w.source->path_duty = "/dptracuuthanhtoanhs";
    f->w.source->path_paid = "/dpnhankqthanhtoanhs";
    arena_init(&f->arena, 1u << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_free(&f->arena);
    push_world_end(&f->w, f->a);
    free(f);
    return 0;
}

static void begin(struct fixture *f)
{
    struct errmsg msg = {0};

    assert_int_equal(payments_open(&f->w.env, f->w.source, &f->a, &msg), 0);
    assert_int_equal(f->a->ops->listen(f->a, &f->w.host, &msg), 0);
}

/* The journal knows the transaction: a payment of 8000 with this result. */
static struct record known(struct fixture *f, const char *result)
{
    struct errmsg msg = {0};
    struct record record;
    struct payment p;

    payment_init(&p);
    p.code = "payment:GD1";
    p.transaction = "GD1";
    p.dossier = CODE;
    p.amount = "8000";
    p.result = result;
    assert_int_equal(record_from_other(RECORD_PAYMENT, &p, &f->arena, &record, &msg), 0);
    f->w.answer = (struct adapter_ask){.known = true, .acknowledged = true};
    f->w.answer_code = "payment:GD1";
    return record;
}

static void keep_body(struct fixture *f, const struct record *record)
{
    f->w.answer.body = record->body;
    f->w.answer.body_len = record->body_len;
}

static void keep_marks(struct fixture *f, const struct record *record)
{
    f->w.answer.marks = record->figures->marks;
    f->w.answer.n_marks = record->figures->n_marks;
}

/* MaLoi of the answer: "00", "99"; whether it was handed on to be stored. */
static void told(struct fixture *f, const char *body, const char *code, bool stored)
{
    unsigned n = f->w.n_offers;
    const char *answer = push_call(&f->w, "POST", "/dpnhankqthanhtoanhs", "", body);
    char expected[32];

    (void)snprintf(expected, sizeof(expected), "\"MaLoi\":\"%s\"", code);
    if (strstr(answer, expected) == NULL) {
        fail_msg("no %s in %s", expected, answer);
    }
    assert_int_equal(f->w.n_offers - n, stored);
}

static uint64_t noted(struct fixture *f, const char *name)
{
    struct adapter_note notes[ADAPTER_NOTES_MAX];
    size_t n = f->a->ops->notes(f->a, notes);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(notes[i].name, name) == 0) {
            return notes[i].value;
        }
    }
    fail_msg("no %s among the notes", name);
    return 0;
}

static uint64_t conflicts(struct fixture *f)
{
    return noted(f, "conflicts");
}

static void what_nobody_told_before_is_stored(void **state)
{
    struct fixture *f = *state;

    begin(f);
    told(f, PAID("00", "8000", CODE), "00", true);
    assert_string_equal(f->w.records[0].code, "payment:GD1");
}

/* With its content, with what outlives the content, and with both. */
static void what_was_told_before_is_held_against_it(void **state)
{
    struct fixture *f = *state;

    begin(f);
    for (unsigned kept = 1; kept <= 3; kept++) {
        struct record record = known(f, "00");
        uint64_t before = conflicts(f);

        for (int failed = 0; failed <= 1; failed++) {
            record = known(f, failed ? "24" : "00");
            if ((kept & 1) != 0) {
                keep_body(f, &record);
            }
            if ((kept & 2) != 0) {
                keep_marks(f, &record);
            }
            told(f, PAID("00", "9999", CODE), "99", false);
            told(f, PAID("00", "8000", "H56.31.25-251118-0008"), "99", false);
            told(f, failed ? PAID("24", "8000", CODE) : PAID("00", "8000", CODE), "00", false);
            if (failed) {
                told(f, PAID("00", "8000", CODE), "00", true); /* a success after a failure */
            } else {
                told(f, PAID("24", "8000", CODE), "99", false);
            }
        }
        assert_int_equal(conflicts(f), before + 5);
    }
}

static void what_was_told_before_and_left_nothing_is_refused(void **state)
{
    struct fixture *f = *state;

    begin(f);
    (void)known(f, "00");
    told(f, PAID("00", "8000", CODE), "99", false);
    f->w.answer.body = "{\"code\":\"payment:GD1\",\"odd\":1}"; /* that we did not write */
    f->w.answer.body_len = strlen(f->w.answer.body);
    told(f, PAID("00", "8000", CODE), "99", false);
    assert_int_equal(conflicts(f), 2);
}

/* A success has its dossier as its other number, by which the journal then knows it. */
static void of_a_paid_dossier_nothing_is_to_be_paid(void **state)
{
    static const char asked[] = "{\"MaHoSo\":\"" CODE "\"}";
    struct fixture *f = *state;

    begin(f);
    told(f, PAID("24", "8000", CODE), "00", true);
    told(f, PAID("00", "8000", CODE), "00", true);
    assert_string_equal(f->w.records[0].local_no, "");
    assert_string_equal(f->w.records[1].local_no, CODE);
    assert_non_null(strstr(push_call(&f->w, "POST", "/dptracuuthanhtoanhs", "", asked),
                           "{\"error_code\":-1,\"message\":[]}"));
    f->w.answer = (struct adapter_ask){.known = true};
    f->w.answer_code = CODE;
    assert_non_null(strstr(push_call(&f->w, "POST", "/dptracuuthanhtoanhs", "", asked),
                           "{\"error_code\":0,\"message\":[\"Hồ sơ đã được thanh toán\"]}"));
}

static void a_second_success_of_a_dossier_is_taken_and_told(void **state)
{
    struct fixture *f = *state;

    begin(f);
    told(f, PAID("00", "8000", CODE), "00", true);
    assert_int_equal(noted(f, "payment_twice"), 0);
    f->w.answer = (struct adapter_ask){.known = true};
    f->w.answer_code = CODE;
    told(f, PAID("24", "8000", CODE), "00", true);
    assert_int_equal(noted(f, "payment_twice"), 0);
    told(f, PAID("00", "8000", CODE), "00", true);
    assert_int_equal(noted(f, "payment_twice"), 1);
}

static void other_machines_need_an_account(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg = {0};
    char file[128];

    f->w.source->listen = "0.0.0.0:0";
    f->w.source->allow_plaintext = true;
    assert_int_equal(payments_open(&f->w.env, f->w.source, &f->a, &msg), ERR_CONFIG);
    assert_non_null(strstr(msg.text, "source cua: accounts: payments are taken from other "
                                     "machines only with accounts"));
    f->w.source->accounts_file = push_world_file(&f->w, "accounts", "cong:mat-khau\n", file);
    assert_int_equal(payments_open(&f->w.env, f->w.source, &f->a, &msg), 0);
    f->w.source->accounts_file = "";
    assert_int_equal(f->a->ops->reconfigure(f->a, &f->w.config, &msg), ERR_CONFIG);
    f->w.source->listen = "127.0.0.1:0";
    assert_int_equal(f->a->ops->reconfigure(f->a, &f->w.config, &msg), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_nobody_told_before_is_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_told_before_is_held_against_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_told_before_and_left_nothing_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(of_a_paid_dossier_nothing_is_to_be_paid, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_success_of_a_dossier_is_taken_and_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(other_machines_need_an_account, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
