#include "adapter/national_payment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/record.h"
#include "domain/status.h"

/* ---- results ---- */

static int read_one(struct arena *a, const char *text, struct payment *out, struct errmsg *msg)
{
    struct json *root = NULL;
    int err;

    assert_int_equal(json_parse(text, strlen(text), &root, msg), 0);
    err = national_payment_read(root, a, out, msg);
    json_free(root);
    return err;
}

#define PAID(transaction, result, amount, dossier)                                                 \
    "{\"LoaiBanTin\":\"x\",\"MaLoi\":\"" result "\",\"SoTien\":\"" amount                          \
    "\",\"MaGiaoDich\":\"" transaction "\",\"MaHoSo\":\"" dossier "\",\"Khac\":1}"
#define CODE "H56.31.25-251118-0007"

static void a_transaction_is_the_identity(void **state)
{
    struct errmsg msg = {{0}};
    struct record record;
    struct payment p;
    struct arena a;

    (void)state;
    arena_init(&a, 1u << 20);
    assert_int_equal(read_one(&a, PAID("GD1", "00", "8000", CODE), &p, &msg), 0);
    assert_int_equal(record_from_other(RECORD_PAYMENT, &p, &a, &record, &msg), 0);
    assert_int_equal(record.kind, RECORD_PAYMENT);
    assert_string_equal(record.code, "payment:GD1");
    arena_free(&a);
}

static void what_names_no_transaction_dossier_outcome_or_amount_is_none(void **state)
{
    static const struct {
        const char *text, *key;
    } bad[] = {{PAID("", "00", "8000", CODE), "MaGiaoDich"},
               {PAID("GD1", "", "8000", CODE), "MaLoi"},
               {PAID("GD1", "00", "8.000", CODE), "SoTien"},
               {PAID("GD1", "00", "", CODE), "SoTien"},
               {PAID("GD1", "00", "8000", ""), "MaHoSo"}};
    struct payment p;
    struct arena a;

    (void)state;
    arena_init(&a, 1u << 20);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct errmsg msg = {{0}};

        assert_int_equal(read_one(&a, bad[i].text, &p, &msg), ERR_FORMAT);
        assert_non_null(strstr(msg.text, bad[i].key));
    }
    arena_free(&a);
}

static void a_success_may_follow_a_failure_and_nothing_else_may_change(void **state)
{
    static const struct {
        const char *before, *now, *amount, *dossier;
        enum payment_verdict verdict;
    } cases[] = {
        {"00", "00", "8000", CODE, PAYMENT_AGAIN},
        {"24", "24", "8000", CODE, PAYMENT_AGAIN},
        {"24", "00", "8000", CODE, PAYMENT_FOLLOWS},
        {"24", "99", "8000", CODE, PAYMENT_FOLLOWS},
        {"00", "24", "8000", CODE, PAYMENT_CONFLICT},
        {"00", "00", "8001", CODE, PAYMENT_CONFLICT},
        {"24", "24", "8001", CODE, PAYMENT_CONFLICT},
        {"00", "00", "8000", "H56.31.25-251118-0008", PAYMENT_CONFLICT},
    };
    uint8_t marks[PAYMENT_MARKS][FIGURES_MARK_BYTES];
    enum payment_verdict verdict;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct payment before;
        struct payment now;

        payment_init(&before);
        payment_init(&now);
        before.result = cases[i].before;
        before.amount = "8000";
        before.dossier = CODE;
        now.result = cases[i].now;
        now.amount = cases[i].amount;
        now.dossier = cases[i].dossier;
        before.transaction = now.transaction = "GD1";
        assert_int_equal(payment_marks(&before, marks), 0);
        assert_int_equal(payment_judge((const uint8_t(*)[FIGURES_MARK_BYTES])marks, PAYMENT_MARKS,
                                       &now, &verdict),
                         0);
        assert_int_equal(verdict, cases[i].verdict);
        assert_int_equal(payment_judge(NULL, 0, &now, &verdict), 0);
        assert_int_equal(verdict, PAYMENT_CONFLICT); /* nothing to tell by */
    }
}

static void a_currency_is_part_of_a_payment_and_white_space_is_not(void **state)
{
    static const struct {
        const char *transaction, *before, *now;
        enum payment_verdict verdict;
    } cases[] = {
        {"GD1", "VND", "USD", PAYMENT_CONFLICT}, {"GD1", "USD", "", PAYMENT_CONFLICT},
        {"GD1", "USD", "USD", PAYMENT_AGAIN},    {"GD1", "", "VND", PAYMENT_AGAIN},
        {" GD1\t", "VND", "VND", PAYMENT_AGAIN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t marks[PAYMENT_MARKS][FIGURES_MARK_BYTES];
        enum payment_verdict verdict;
        struct payment p;
        struct errmsg msg = {{0}};
        char code[CODE_MAX];

        payment_init(&p);
        p.transaction = "GD1";
        p.result = "00";
        p.amount = "8000";
        p.dossier = CODE;
        p.currency = cases[i].before;
        assert_int_equal(payment_marks(&p, marks), 0);
        p.transaction = cases[i].transaction;
        p.currency = cases[i].now;
        assert_int_equal(payment_code(&p, code, &msg), 0);
        assert_string_equal(code, "payment:GD1");
        assert_int_equal(
            payment_judge((const uint8_t(*)[FIGURES_MARK_BYTES])marks, PAYMENT_MARKS, &p, &verdict),
            0);
        assert_int_equal(verdict, cases[i].verdict);
        p.transaction = " ";
        assert_int_equal(payment_code(&p, code, &msg), ERR_FORMAT);
    }
}

/* ---- duties ---- */

#define FEE(price) "{\"TenPhiLePhi\":\"Lệ phí\",\"MaPhiLePhi\":\"LP1\",\"Gia\":\"" price "\"}"

/* The duty as text; "" when there is none. */
static void duty_of(const char *extra, int status, int paid_online, struct buf *out)
{
    static const struct national_payee payee = {"123", "VTB", "UBND"};
    struct json_writer w;
    struct dossier d;
    bool duty;

    dossier_init(&d);
    d.code = CODE;
    d.applicant_name = "Vừ A Thử";
    d.received_s = 1763433000; /* 2025-11-18 09:30 here */
    d.extra = extra;
    if (paid_online >= 0) {
        d.paid_online = paid_online;
    }
    buf_clear(out);
    json_write_begin(&w, out);
    json_object_open(&w, NULL);
    duty = national_payment_duty(&d, status, "1.001193", &payee, 1763435700, &w);
    json_object_close(&w);
    if (!duty) {
        assert_string_equal(buf_text(out), "{}");
        buf_clear(out);
    }
}

static void fees_that_cost_something_are_the_duty(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1u << 16);
    duty_of("{\"DanhSachLePhi\":[" FEE("8000") "," FEE("0") "," FEE("Không") "]}", 6, -1, &out);
    assert_non_null(strstr(buf_text(&out), "\"MaTraCuuTT\":\"" CODE "20251118101500\""));
    assert_non_null(strstr(buf_text(&out), "\"PhiLePhi\":[{\"LoaiPhiLePhi\":\"\",\"MaPhiLePhi\":"
                                           "\"LP1\",\"TenPhiLePhi\":\"Lệ phí\",\"SoTien\":"
                                           "\"8000\"}]"));
    assert_non_null(strstr(buf_text(&out), "\"NgayQD\":\"20251118\""));
    assert_non_null(strstr(buf_text(&out), "\"TKThuHuong\":\"123\""));
    assert_non_null(
        strstr(buf_text(&out), "\"DSKhoanNop\":[{\"NoiDung\":\"Lệ phí\",\"SoTien\":\"8000\"}]"));
    buf_free(&out);
}

static void nothing_is_to_be_paid_twice_for_nothing_or_at_the_end(void **state)
{
    static const char fees[] = "{\"DanhSachLePhi\":[" FEE("8000") "]}";
    static const char paid[] =
        "{\"DanhSachLePhi\":[" FEE("8000") "],\"DuocThanhToanTrucTuyen\":\"2\"}";
    static const struct {
        const char *extra;
        int status, paid_online;
    } cases[] = {{"", 6, -1},
                 {"{}", 6, -1},
                 {"{\"DanhSachLePhi\":[]}", 6, -1},
                 {"{\"DanhSachLePhi\":\"8000\"}", 6, -1},
                 {"{\"DanhSachLePhi\":[" FEE("0") "]}", 6, -1},
                 {paid, 6, -1},
                 {fees, 6, 1},
                 {fees, 6, 2},
                 {fees, 3, -1},
                 {fees, 7, -1},
                 {fees, 8, -1},
                 {fees, 10, -1}};
    struct buf out;

    (void)state;
    buf_init(&out, 1u << 16);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        duty_of(cases[i].extra, cases[i].status, cases[i].paid_online, &out);
        assert_int_equal(out.len, 0);
    }
    duty_of(fees, 6, 0, &out); /* 0: not paid online */
    assert_true(out.len > 0);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_is_the_identity),
        cmocka_unit_test(what_names_no_transaction_dossier_outcome_or_amount_is_none),
        cmocka_unit_test(a_success_may_follow_a_failure_and_nothing_else_may_change),
        cmocka_unit_test(a_currency_is_part_of_a_payment_and_white_space_is_not),
        cmocka_unit_test(fees_that_cost_something_are_the_duty),
        cmocka_unit_test(nothing_is_to_be_paid_twice_for_nothing_or_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
