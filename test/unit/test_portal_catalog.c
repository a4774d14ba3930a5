#include "adapter/portal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/record.h"
#include "lib/fake_portal.h"

#define ROWS_KEPT 8

/* A list and what it delivered. */
struct listing {
    struct adapter_list list;
    struct adapter *cancel_at_first; /* NULL: never */
    char codes[ROWS_KEPT][32];
    char names[ROWS_KEPT][64];
    struct catalog_row row; /* the first, decoded into the fixture's arena */
    struct arena *arena;
    size_t rows;
    unsigned ended;
};

struct details {
    struct adapter_detail detail;
    struct procedure procedure; /* in the fixture's arena */
    struct arena *arena;
    unsigned ended;
    struct catalog_row row; /* of a decision */
};

struct fixture {
    struct fake_portal peer;
    struct adapter *portal;
    struct arena arena;
    struct listing listing;
    struct details details;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct errmsg msg = {0};

    assert_non_null(f);
    fake_portal_open(&f->peer);
    assert_int_equal(portal_open(&f->peer.env, &f->portal, &msg), 0);
    arena_init(&f->arena, 8u << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    f->portal->ops->free(f->portal);
    fake_portal_close(&f->peer);
    arena_free(&f->arena);
    free(f);
    return 0;
}

static void keep_body(struct listing *l, const struct record *record)
{
    struct errmsg msg = {0};

    if (record->body == NULL) {
        assert_int_equal(record->kind, RECORD_PROCEDURE);
        return;
    }
    if (l->rows == 0) {
        assert_int_equal(record_to_row(record->body, record->body_len, l->arena, &l->row, &msg), 0);
    }
}

static void row_came(struct adapter_list *list, const struct record *record, const char *name,
                     bool active)
{
    struct listing *l = CONTAINER_OF(list, struct listing, list);

    assert_int_equal(l->ended, 0);
    assert_int_equal(record->kind, list->kind);
    assert_true(active);
    keep_body(l, record);
    if (l->rows < ROWS_KEPT) {
        (void)snprintf(l->codes[l->rows], sizeof(l->codes[0]), "%s", record->code);
        (void)snprintf(l->names[l->rows], sizeof(l->names[0]), "%s", name);
    }
    l->rows++;
    if (l->cancel_at_first != NULL && l->rows == 1) {
        l->cancel_at_first->ops->cancel(l->cancel_at_first);
    }
}

static void list_done(struct adapter_list *list)
{
    CONTAINER_OF(list, struct listing, list)->ended++;
}

static struct listing *begin_list(struct fixture *f, enum record_kind kind)
{
    struct listing *l = &f->listing;

    memset(l, 0, sizeof(*l));
    l->arena = &f->arena;
    l->list.kind = kind;
    l->list.row = row_came;
    l->list.done = list_done;
    f->portal->ops->list(f->portal, &l->list);
    assert_int_equal(l->ended, 0);
    return l;
}

static void log_in(struct fixture *f)
{
    if (strstr(fake_portal_next(&f->peer)->url, "/mapi/login") != NULL) {
        fake_portal_login(&f->peer, "one");
    }
}

static struct listing *list_with(struct fixture *f, enum record_kind kind, const char *body)
{
    struct listing *l = begin_list(f, kind);

    log_in(f);
    fake_portal_answer(&f->peer, 200, body);
    assert_int_equal(l->ended, 1);
    return l;
}

static void detail_done(struct adapter_detail *detail)
{
    struct details *d = CONTAINER_OF(detail, struct details, detail);
    struct errmsg msg = {0};

    d->ended++;
    if (detail->err == 0) {
        assert_int_equal(detail->n_records, 1);
        assert_int_equal(detail->records[0].kind, detail->kind);
        assert_string_equal(detail->records[0].code, detail->id);
        assert_int_equal(detail->kind == RECORD_DECISION
                             ? record_to_row(detail->records[0].body, detail->records[0].body_len,
                                             d->arena, &d->row, &msg)
                             : record_to_procedure(detail->records[0].body,
                                                   detail->records[0].body_len, d->arena,
                                                   &d->procedure, &msg),
                         0);
    } else {
        assert_int_equal(detail->n_records, 0);
    }
}

static struct details *detail_of(struct fixture *f, enum record_kind kind, const char *id,
                                 long status, const char *body)
{
    struct details *d = &f->details;

    memset(d, 0, sizeof(*d));
    d->arena = &f->arena;
    d->detail.kind = kind;
    d->detail.id = id;
    d->detail.done = detail_done;
    f->portal->ops->detail(f->portal, &d->detail);
    assert_int_equal(d->ended, 0);
    log_in(f);
    fake_portal_answer(&f->peer, status, body);
    assert_int_equal(d->ended, 1);
    return d;
}

static struct details *detail_with(struct fixture *f, const char *id, long status, const char *body)
{
    return detail_of(f, RECORD_PROCEDURE, id, status, body);
}

static const char *last_body(const struct fixture *f)
{
    return f->peer.calls[f->peer.n_calls - 1].body;
}

static const char *last_url(const struct fixture *f)
{
    return f->peer.calls[f->peer.n_calls - 1].url;
}

/* ---- list ---- */

static void the_list_of_procedures_is_codes_and_names(void **state)
{
    struct fixture *f = *state;
    struct listing *l =
        list_with(f, RECORD_PROCEDURE,
                  "{\"error_code\":0,\"message\":\"Thành công\",\"result\":["
                  "{\"MATTHC\":\"1.001193\",\"TENTTHC\":\"Thủ tục đăng ký khai sinh\"},"
                  "{\"MATTHC\":\" 2.000815\\r\\n\",\"TENTTHC\":\"Chu\u031b\u0301ng thực\"}]}");

    assert_int_equal(l->list.err, 0);
    assert_int_equal(l->rows, 2);
    assert_int_equal(l->list.n_rows, 2);
    assert_string_equal(l->codes[0], "1.001193");
    assert_string_equal(l->names[0], "Thủ tục đăng ký khai sinh");
    assert_string_equal(l->codes[1], "2.000815");
    assert_string_equal(l->names[1], "Chứng thực");
    assert_string_equal(
        last_body(f), "{\"session\":\"one\",\"madonvi\":\"H56\",\"service\":\"LayDanhSachTTHC\"}");
    assert_non_null(strstr(last_url(f), "/mapi/share"));
    assert_int_equal(f->peer.calls[f->peer.n_calls - 1].response_bytes, 8u << 20);
}

static void services_sectors_and_agencies_are_whole_rows(void **state)
{
    struct fixture *f = *state;
    struct listing *l = list_with(
        f, RECORD_SERVICE,
        "{\"error_code\":0,\"result\":{\"data\":[{\"MADVC\":\"1.001193.01\",\"TENDVC\":\"Khai "
        "sinh\","
        "\"MATTHC\":\"1.001193\",\"TENCOQUANBANHANH\":\"Bộ Tư pháp\",\"APDUNGDVC\":[]}]}}");

    assert_int_equal(l->list.err, 0);
    assert_int_equal(l->rows, 1);
    assert_string_equal(l->row.code, "1.001193.01");
    assert_string_equal(l->row.name, "Khai sinh");
    assert_string_equal(l->row.parent, "1.001193");
    assert_string_equal(l->row.extra, "Bộ Tư pháp");
    assert_non_null(strstr(last_url(f), "/mapi/integration"));

    l = list_with(f, RECORD_SECTOR,
                  "{\"error_code\":0,\"result\":[{\"MALINHVUC\":\"G15-HT04\",\"TENLINHVUC\":"
                  "\"Hộ tịch\",\"MANGANH\":\"G15\"}]}");
    assert_int_equal(l->list.err, 0);
    assert_string_equal(l->row.code, "G15-HT04");
    assert_string_equal(l->row.parent, "G15");
    assert_non_null(strstr(last_body(f), "LayDanhMucLinhVuc"));

    l = list_with(f, RECORD_AGENCY,
                  "{\"error_code\":0,\"result\":[{\"MADONVI\":\"H22\",\"TENDONVI\":\"UBND tỉnh X\","
                  "\"CAPDONVI\":1}]}");
    assert_int_equal(l->list.err, 0);
    assert_string_equal(l->row.code, "H22");
    assert_string_equal(l->row.parent, "");
    assert_string_equal(l->row.extra, "1");
    assert_string_equal(l->names[0], "UBND tỉnh X");
    assert_non_null(strstr(last_body(f), "LayDanhMucCoQuan"));
}

static void an_empty_list_is_a_complete_one(void **state)
{
    struct fixture *f = *state;
    struct listing *l = list_with(f, RECORD_SECTOR, "{\"error_code\":0,\"result\":[]}");

    assert_int_equal(l->list.err, 0);
    assert_int_equal(l->list.n_rows, 0);
}

static void nothing_is_concluded_from_a_list_that_is_not_whole(void **state)
{
    static const struct {
        const char *body;
        int err;
    } rows[] = {
        {"{\"error_code\":0}", ERR_FORMAT},
        {"{\"error_code\":0,\"result\":null}", ERR_FORMAT},
        {"{\"error_code\":0,\"result\":{\"data\":{}}}", ERR_FORMAT},
        {"{\"error_code\":0,\"result\":[7]}", ERR_FORMAT},
        {"{\"error_code\":0,\"result\":[{\"MALINHVUC\":\"G1-A\"},{\"TENLINHVUC\":\"x\"}]}",
         ERR_FORMAT},
        {"{\"error_code\":0,\"result\":[{\"MALINHVUC\":\" \"}]}", ERR_FORMAT},
        {"{\"error_code\":0,\"result\":[{\"MALINHVUC\":\"G1-A\"}", ERR_REMOTE},
        {"{\"result\":[]}", ERR_REMOTE},
        {"{\"error_code\":-1,\"message\":\"Lỗi\",\"result\":[{\"MALINHVUC\":\"G1-A\"}]}",
         ERR_REMOTE},
        {"", ERR_REMOTE},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct listing *l = list_with(f, RECORD_SECTOR, rows[i].body);

        if (l->list.err != rows[i].err || l->rows != 0 || l->list.why.text[0] == '\0') {
            fail_msg("%s gave %s (%s), %zu rows", rows[i].body, err_text(l->list.err),
                     l->list.why.text, l->rows);
        }
    }
}

static void make_long_list(struct buf *body, size_t n)
{
    buf_init(body, 4u << 20);
    buf_puts(body, "{\"error_code\":0,\"result\":[");
    for (size_t i = 0; i < n; i++) {
        buf_printf(body, "%s{\"MATTHC\":\"1.%06zu\",\"TENTTHC\":\"Thủ tục số %zu\"}",
                   i == 0 ? "" : ",", i, i);
    }
    buf_puts(body, "]}");
}

static void a_long_list_comes_in_slices(void **state)
{
    struct fixture *f = *state;
    struct listing *l;
    struct buf body;

    make_long_list(&body, 2200);
    l = begin_list(f, RECORD_PROCEDURE);
    log_in(f);
    f->peer.loop.hold_work = true;
    fake_portal_answer(&f->peer, 200, buf_text(&body));
    assert_int_equal(l->rows, 0); /* read on a worker */
    f->peer.loop.hold_work = false;
    fake_loop_turn(&f->peer.loop);
    fake_loop_turn(&f->peer.loop);
    assert_in_range(l->rows, 1, 300);
    assert_int_equal(l->ended, 0);
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(l->ended, 1);
    assert_int_equal(l->list.err, 0);
    assert_int_equal(l->rows, 2200);
    assert_int_equal(l->list.n_rows, 2200);
    buf_free(&body);
}

static void a_list_stops_when_it_is_cancelled(void **state)
{
    struct fixture *f = *state;
    struct listing *l = begin_list(f, RECORD_PROCEDURE);
    struct buf body;

    make_long_list(&body, 400);
    log_in(f);
    l->cancel_at_first = f->portal;
    fake_portal_answer(&f->peer, 200, buf_text(&body));
    buf_free(&body);
    assert_int_equal(l->ended, 1);
    assert_int_equal(l->list.err, ERR_CANCELED);
    assert_int_equal(l->rows, 1);
}

static void a_cancelled_call_ends_the_list_as_such(void **state)
{
    struct fixture *f = *state;
    struct listing *l = begin_list(f, RECORD_AGENCY);

    f->peer.cancel_result = HTTP_CANCELED;
    f->portal->ops->cancel(f->portal);
    assert_int_equal(l->ended, 0);
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(l->ended, 1);
    assert_int_equal(l->list.err, ERR_CANCELED);
}

static void a_refused_login_denies_the_list(void **state)
{
    struct fixture *f = *state;
    struct listing *l = begin_list(f, RECORD_AGENCY);

    fake_portal_answer(&f->peer, 200, "{\"error_code\":-1,\"message\":\"Sai\"}");
    assert_int_equal(l->list.err, ERR_DENIED);
}

static void other_kinds_have_no_list_and_no_detail(void **state)
{
    struct fixture *f = *state;
    struct listing *l = begin_list(f, RECORD_DOSSIER);
    struct details *d = &f->details;

    fake_loop_settle(&f->peer.loop);
    assert_int_equal(l->ended, 1);
    assert_int_equal(l->list.err, ERR_UNSUPPORTED);
    d->detail.kind = RECORD_STEP;
    d->detail.id = "1";
    d->detail.done = detail_done;
    f->portal->ops->detail(f->portal, &d->detail);
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(d->ended, 1);
    assert_int_equal(d->detail.err, ERR_UNSUPPORTED);
    assert_int_equal(f->peer.n_calls, 0);
}

/* ---- detail ---- */

static const char whole_procedure[] =
    "{\"error_code\":0,\"result\":[{\"ID\":\"18012\",\"MATTHC\":\"1.001193\","
    "\"TENTTHC\":\"Thủ tục đăng ký khai sinh\",\"LOAITTHC\":\"1\",\"TRANGTHAI\":1,"
    "\"MACOQUANCONGBO\":\"G15\",\"IDQUYETDINHCONGBO\":9123,"
    "\"TRINHTUTHUCHIEN\":[{\"TRUONGHOP\":\"\",\"TRINHTU\":[{\"TENTRINHTU\":\"Nộp hồ sơ\"},"
    "{\"TENTRINHTU\":\"Ghi sổ\"}]},{\"TRUONGHOP\":\"Lưu động\",\"TRINHTU\":[{\"TENTRINHTU\":"
    "\"Đến nhà\"},{\"TENTRINHTU\":\"\"}]}],"
    "\"CACHTHUCTHUCHIEN\":[{\"KENH\":\"1\",\"THOIGIAN\":[{\"THOIGIANGIAIQUYET\":\"1\","
    "\"DONVITINH\":"
    "\"Ngày làm việc\",\"MOTA\":\"\",\"PHILEPHI\":[{\"SOTIEN\":\"Không\",\"DONVI\":\"\"},"
    "{\"SOTIEN\":\"8.000\",\"DONVI\":\"Đồng\"},{\"SOTIEN\":\"\",\"DONVI\":\"Đồng\"}]}]},"
    "{\"KENH\":2,\"THOIGIAN\":[{\"THOIGIANGIAIQUYET\":\"\",\"DONVITINH\":\"Ngày\",\"PHILEPHI\":[]},"
    "{\"THOIGIANGIAIQUYET\":3,\"DONVITINH\":\"Ngày\",\"PHILEPHI\":[]}]},"
    "{\"KENH\":\"3\",\"THOIGIAN\":[]}],"
    "\"LINHVUCTHUCHIEN\":[{\"MALINHVUC\":\"G15-HT04\",\"TENLINHVUC\":\"Hộ tịch\"},"
    "{\"MALINHVUC\":\"G15-HT05\",\"TENLINHVUC\":\"Khác\"}],"
    "\"THANHPHANHOSO\":[{\"TRUONGHOP\":\"Giấy tờ phải nộp\",\"GIAYTO\":["
    "{\"MAGIAYTO\":\"KQ0123\",\"TENGIAYTO\":\"Giấy chứng sinh\",\"TENMAUDON\":\"\",\"URL\":\"\"},"
    "{\"MAGIAYTO\":\"KQ0124\",\"TENGIAYTO\":\"Tờ "
    "khai\",\"TENMAUDON\":\"\",\"Url\":\"https://x\"}]}],"
    "\"DOITUONGTHUCHIEN\":[{\"TENDOITUONG\":\"Công dân Việt Nam\"},{\"TENDOITUONG\":\"Người nước "
    "ngoài\"}],\"MOTADOITUONGTHUCHIEN\":\"\","
    "\"COQUANTHUCHIEN\":[{\"MADONVI\":\"H22.14.09\",\"TENDONVI\":\"UBND xã Y\"}],"
    "\"KETQUATHUCHIEN\":[{\"MAKETQUA\":\"KQ.G15.000031\",\"TENKETQUA\":\"Giấy khai sinh\"},"
    "{\"MAKETQUA\":\"KQ.G15.000032\",\"TENKETQUA\":\"Bản sao\"}],"
    "\"CANCUPHAPLY\":[{\"SOVANBAN\":\"60/2014/QH13\",\"TENVANBAN\":\"Luật Hộ tịch\"},"
    "{\"SOVANBAN\":\"\",\"TENVANBAN\":\"Nghị định\"}],\"YEUCAU\":\"Không có\"}]}";

static void a_procedure_is_joined_as_the_manual_says(void **state)
{
    struct fixture *f = *state;
    const struct procedure *p;
    struct details *d;

    f->peer.publisher_name = "Bộ Tư pháp";
    d = detail_with(f, "1.001193", 200, whole_procedure);
    p = &d->procedure;
    assert_int_equal(d->detail.err, 0);
    assert_non_null(strstr(last_body(f), "\"service\":\"LayThuTuc\",\"maTTHC\":\"1.001193\"}"));
    assert_string_equal(p->code, "1.001193");
    assert_string_equal(p->name, "Thủ tục đăng ký khai sinh");
    assert_string_equal(p->kind, "1");
    assert_string_equal(p->status, "1");
    assert_string_equal(p->publisher, "G15");
    assert_string_equal(p->publisher_name, "Bộ Tư pháp");
    assert_string_equal(p->decision_id, "9123");
    assert_string_equal(p->sector_code, "G15-HT04");
    assert_string_equal(p->sector_name, "Hộ tịch");
    assert_string_equal(p->steps_text, "Nộp hồ sơ<br>Ghi sổ<br>Lưu động<br>Đến nhà");
    assert_string_equal(p->channels_text, "Trực tiếp<br>Trực tuyến<br>Dịch vụ bưu chính");
    assert_string_equal(p->duration_text, "1 Ngày làm việc<br>3 Ngày");
    assert_string_equal(p->fee_text, "Không<br>8.000 Đồng");
    assert_string_equal(p->components_text, "Giấy tờ phải nộp<br>Giấy chứng sinh<br>Tờ khai");
    assert_string_equal(p->condition_text, "Không có");
    assert_string_equal(p->subjects_text, "Công dân Việt Nam; Người nước ngoài");
    assert_string_equal(p->results_text, "Giấy khai sinh; Bản sao");
    assert_string_equal(p->legal_text, "60/2014/QH13 Luật Hộ tịch<br>Nghị định");
    assert_true(p->active);
    assert_int_equal(p->level, 0);
    assert_int_equal(p->sectors, 2);
    assert_int_equal(p->agencies, 1);
    assert_int_equal(p->forms, 1);
}

static void the_described_subjects_come_first(void **state)
{
    struct fixture *f = *state;
    struct details *d = detail_with(
        f, "1.001193", 200,
        "{\"error_code\":\"00\",\"result\":[{\"MATTHC\":\"1.001193\",\"TRANGTHAI\":\"0\","
        "\"MACOQUANCONGBO\":\"G16\",\"DOITUONGTHUCHIEN\":[{\"TENDOITUONG\":\"Công dân\"}],"
        "\"MOTADOITUONGTHUCHIEN\":\"Mọi người\"}]}");

    assert_int_equal(d->detail.err, 0);
    assert_string_equal(d->procedure.subjects_text, "Mọi người");
    assert_string_equal(d->procedure.publisher_name, "");
    assert_string_equal(d->procedure.channels_text, "");
    assert_false(d->procedure.active);
}

static void a_detail_that_can_not_be_had_says_why(void **state)
{
    static const struct {
        long status;
        const char *body;
        int err;
    } rows[] = {
        {200, "{\"error_code\":0,\"result\":[]}", ERR_NOTFOUND},
        {200, "{\"error_code\":-1,\"message\":\"Thủ tục không tồn tại\"}", ERR_NOTFOUND},
        {200, "{\"error_code\":0,\"result\":[{\"MATTHC\":\"1.000105\"}]}", ERR_FORMAT},
        {200, "{\"error_code\":0,\"result\":[{\"TENTTHC\":\"x\"}]}", ERR_FORMAT},
        {200, "{\"error_code\":0,\"result\":[[]]}", ERR_FORMAT},
        {200, "{\"error_code\":0,\"result\":\"\"}", ERR_FORMAT},
        {200, "{\"error_code\":0}", ERR_FORMAT},
        {200, "{\"error_code\":0,\"result\":[{\"MATTHC\":", ERR_REMOTE},
        {200, "{\"error_code\":-1,\"message\":\"Lỗi\"}", ERR_REMOTE},
        {404, "", ERR_REMOTE},
        {302, "", ERR_CONFIG},
        {500, "", ERR_REMOTE},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct details *d = detail_with(f, "1.001193", rows[i].status, rows[i].body);

        if (d->detail.err != rows[i].err || d->detail.why.text[0] == '\0') {
            fail_msg("%s gave %s (%s)", rows[i].body, err_text(d->detail.err), d->detail.why.text);
        }
    }
}

/* ---- decision ---- */

static void a_decision_is_asked_for_by_its_id(void **state)
{
    struct fixture *f = *state;
    struct details *d = detail_of(f, RECORD_DECISION, "9123", 200,
                                  "{\"error_code\":0,\"result\":[{\"ID\":\"9123\",\"SOQUYETDINH\":"
                                  "\" 528/QĐ-UBND \",\"NGAYBANHANH\":\"20250612000000\","
                                  "\"TRICHYEU\":\"Công bố danh mục TTHC\"}]}");

    assert_int_equal(d->detail.err, 0);
    assert_non_null(strstr(last_body(f), "\"service\":\"LayQDCB\",\"idQDCB\":\"9123\""));
    assert_string_equal(d->row.code, "9123");
    assert_string_equal(d->row.parent, "528/QĐ-UBND");
    assert_string_equal(d->row.extra, "20250612000000");
    assert_string_equal(d->row.name, "Công bố danh mục TTHC");
}

static void a_decision_that_can_not_be_had_says_why(void **state)
{
    static const struct {
        const char *body;
        int err;
    } rows[] = {
        {"{\"error_code\":0,\"result\":[]}", ERR_NOTFOUND},
        {"{\"error_code\":0,\"result\":[{\"ID\":\"9123\"}]}", ERR_FORMAT},
        {"{\"error_code\":0,\"result\":\"x\"}", ERR_FORMAT},
        {"{\"error_code\":0}", ERR_FORMAT},
        {"{\"error_code\":-1,\"message\":\"Lỗi\"}", ERR_REMOTE},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct details *d = detail_of(f, RECORD_DECISION, "9123", 200, rows[i].body);

        if (d->detail.err != rows[i].err || d->detail.why.text[0] == '\0') {
            fail_msg("%s gave %s (%s)", rows[i].body, err_text(d->detail.err), d->detail.why.text);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_list_of_procedures_is_codes_and_names),
        TEST(services_sectors_and_agencies_are_whole_rows),
        TEST(an_empty_list_is_a_complete_one),
        TEST(nothing_is_concluded_from_a_list_that_is_not_whole),
        TEST(a_long_list_comes_in_slices),
        TEST(a_list_stops_when_it_is_cancelled),
        TEST(a_cancelled_call_ends_the_list_as_such),
        TEST(a_refused_login_denies_the_list),
        TEST(other_kinds_have_no_list_and_no_detail),
        TEST(a_procedure_is_joined_as_the_manual_says),
        TEST(the_described_subjects_come_first),
        TEST(a_detail_that_can_not_be_had_says_why),
        TEST(a_decision_is_asked_for_by_its_id),
        TEST(a_decision_that_can_not_be_had_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
