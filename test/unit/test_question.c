#include "domain/question.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/portal.h"
#include "adapter/portal_other.h"
#include "codec/record.h"
#include "daemon/person_match.h"
#include "lib/fake_portal.h"

/* A portal adapter, and what its callbacks said. */
struct fixture {
    struct fake_portal peer;
    struct adapter *portal;
    struct adapter_poll poll;
    struct adapter_detail detail;
    struct adapter_lookup lookup;
    unsigned ended;
    char ids[8][64];
    uint8_t hashes[8][RECORD_HASH_BYTES];
    size_t n_rows;
    char cursor[64]; /* of the next poll */
    char body[2048];
};

static void on_poll(struct adapter_poll *poll)
{
    struct fixture *f = CONTAINER_OF(poll, struct fixture, poll);

    f->ended++;
    f->n_rows = poll->n_rows;
    for (size_t i = 0; i < poll->n_rows && i < 8; i++) {
        (void)snprintf(f->ids[i], sizeof(f->ids[i]), "%s", poll->rows[i].id);
        memcpy(f->hashes[i], poll->rows[i].hash, RECORD_HASH_BYTES);
    }
    if (poll->next_cursor[0] != '\0') {
        (void)snprintf(f->cursor, sizeof(f->cursor), "%s", poll->next_cursor);
    }
}

static void on_detail(struct adapter_detail *detail)
{
    struct fixture *f = CONTAINER_OF(detail, struct fixture, detail);

    f->ended++;
    f->body[0] = '\0';
    if (detail->n_records == 1) {
        (void)snprintf(f->body, sizeof(f->body), "%.*s", (int)detail->records[0].body_len,
                       detail->records[0].body);
    }
}

static void on_lookup(struct adapter_lookup *lookup)
{
    CONTAINER_OF(lookup, struct fixture, lookup)->ended++;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct errmsg msg = {{0}};

    assert_non_null(f);
    fake_portal_open(&f->peer);
    assert_int_equal(portal_open(&f->peer.env, &f->portal, &msg), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    f->portal->ops->free(f->portal);
    fake_portal_close(&f->peer);
    free(f);
    return 0;
}

#define ROW(id, state, text)                                                                       \
    "{\"HOIDAPID\":\"" id "\",\"MALINHVUC\":\"G15-HT04\",\"MADONVI\":\"H56\",\"NOIDUNG\":\"" text  \
    "\",\"TRALOIID\":\"\",\"HOVATEN\":\"Vừ A Thử\",\"SODIENTHOAI\":\"0000123456\","            \
    "\"TRANGTHAI\":\"" state "\",\"KHAC\":\"x\"}"
#define QUESTION(id, text, answer)                                                                 \
    "{\"HOIDAPID\":\"" id "\",\"MADONVI\":\"H56\",\"NOIDUNG\":\"" text                             \
    "\",\"TRALOIID\":\"1\",\"NOIDUNGTRALOI\":\"" answer                                            \
    "\",\"HOVATEN\":\"Vừ A Thử\",\"TRANGTHAI\":\"1\"}"
#define ANSWERS "\"service\":\"LayNoiDungTraLoiTheoCauHoi\",\"cauhoiid\":\"5521\""
#define ANSWERED(id, answer) QUESTION(id, "Cần gì?", answer)
#define LIST(rows) "{\"error_code\":0,\"result\":[" rows "]}"

static void ask_list(struct fixture *f)
{
    f->poll = (struct adapter_poll){.kind = RECORD_QUESTION, .cursor = f->cursor, .done = on_poll};
    f->portal->ops->poll(f->portal, &f->poll);
    fake_loop_settle(&f->peer.loop);
}

static void ask_one(struct fixture *f, const char *id)
{
    f->detail = (struct adapter_detail){.kind = RECORD_QUESTION, .id = id, .done = on_detail};
    f->portal->ops->detail(f->portal, &f->detail);
    fake_loop_settle(&f->peer.loop);
}

static void the_list_is_read_with_one_call_and_gives_the_details(void **state)
{
    struct fixture *f = *state;

    ask_list(f);
    fake_portal_login(&f->peer, "one");
    assert_non_null(strstr(fake_portal_next(&f->peer)->body, "\"LayDanhSachHoiDapGuiTuDVCQG\""));
    fake_portal_answer(
        &f->peer, 200,
        LIST(QUESTION("5521", "Cần giấy gì?", "x") "," ROW("5522", "0", "Bỏ qua") "," ROW(
            "", "1", "Không có số") "," ROW("5523", "2", "Ở đâu?")));
    assert_int_equal(f->poll.err, 0);
    assert_int_equal(f->n_rows, 2);
    assert_string_equal(f->ids[0], "question:5521");
    assert_string_equal(f->ids[1], "question:5523");
    assert_non_null(strstr(f->peer.logged, "1 rows of LayDanhSachHoiDapGuiTuDVCQG"));
    assert_null(strstr(f->peer.logged, "Vừ A Thử"));
    ask_one(f, "question:5521");
    assert_int_equal(f->detail.err, 0);
    assert_non_null(strstr(f->body, "\"text\":\"Cần giấy gì?\""));
    assert_non_null(strstr(f->body, "\"asker_name\":\"Vừ A Thử\""));
    assert_int_equal(fake_portal_waiting(&f->peer), 0); /* no second call */
}

static void what_the_list_does_not_answer_is_asked_for_by_its_number(void **state)
{
    struct fixture *f = *state;
    uint8_t today[RECORD_HASH_BYTES];

    ask_list(f);
    fake_portal_login(&f->peer, "one");
    fake_portal_answer(&f->peer, 200, LIST(ROW("5521", "1", "Cần gì?")));
    assert_true(f->poll.more);
    memcpy(today, f->hashes[0], sizeof(today));
    ask_one(f, "question:5521");
    assert_non_null(strstr(fake_portal_next(&f->peer)->body, ANSWERS));
    fake_portal_answer(&f->peer, 200,
                       LIST("{\"TRALOIID\":\"77\",\"NOIDUNGTRALOI\":\"Nộp tờ khai\"},"
                            "{\"TRALOIID\":78,\"NOIDUNGTRALOI\":\"Mang theo giấy tờ\"}"));
    assert_int_equal(f->detail.err, 0);
    assert_non_null(strstr(f->body, "\"answer_id\":\"77, 78\""));
    assert_non_null(strstr(f->body, "\"answer\":\"Nộp tờ khai\\n\\nMang theo giấy tờ\""));
    assert_non_null(strstr(f->body, "\"text\":\"Cần gì?\""));
    ask_one(f, "question:5521"); /* none yet: it comes as the list showed it */
    fake_portal_answer(&f->peer, 200, LIST(""));
    assert_int_equal(f->detail.err, 0);
    assert_null(strstr(f->body, "\"answer\""));
    ask_one(f, "question:5521"); /* as are those that the portal does not tell of */
    fake_portal_answer(&f->peer, 200, "{\"error_code\":-1,\"message\":\"Lỗi\"}");
    assert_int_equal(f->detail.err, 0);
    assert_non_null(strstr(f->peer.logged, "LayNoiDungTraLoiTheoCauHoi is refused: Lỗi"));
    ask_one(f, "question:5521"); /* but what is not known is owed */
    fake_portal_answer(&f->peer, 500, "");
    assert_int_equal(f->detail.err, ERR_REMOTE);
    f->cursor[0] = '\0'; /* an answer may come though its row stays: tomorrow it is news */
    ask_list(f);
    fake_portal_answer(&f->peer, 200, LIST(ROW("5521", "1", "Cần gì?")));
    assert_memory_equal(f->hashes[0], today, sizeof(today));
    fake_loop_advance(&f->peer.loop, UINT64_C(86400000));
    f->cursor[0] = '\0';
    ask_list(f);
    fake_portal_login(&f->peer, "two");
    fake_portal_answer(&f->peer, 200, LIST(ROW("5521", "1", "Cần gì?")));
    assert_memory_not_equal(f->hashes[0], today, sizeof(today));
}

static void public_questions_come_behind_those_that_were_asked(void **state)
{
    struct fixture *f = *state;

    ask_list(f);
    fake_portal_login(&f->peer, "one");
    fake_portal_answer(&f->peer, 200, LIST(ANSWERED("5521", "x")));
    assert_true(f->poll.more && !f->poll.full_done);
    ask_list(f);
    assert_non_null(strstr(fake_portal_next(&f->peer)->body, "\"LayDanhSachHoiDapBoCoQuan\""));
    fake_portal_answer(&f->peer, 200, LIST(ANSWERED("5521", "y") "," ROW("9", "0", "Bỏ qua")));
    assert_int_equal(f->poll.err, 0);
    assert_true(!f->poll.more && f->poll.full_done);
    assert_int_equal(f->n_rows, 1);
    assert_string_equal(f->ids[0], "public:5521"); /* the same number, and not the same record */
    ask_one(f, "public:5521");
    assert_non_null(strstr(f->body, "{\"code\":\"public:5521\",\"id\":\"5521\""));
    assert_non_null(strstr(f->body, "\"answer\":\"y\""));
    ask_list(f); /* and again from the front */
    assert_non_null(strstr(fake_portal_next(&f->peer)->body, "\"LayDanhSachHoiDapGuiTuDVCQG\""));
    fake_portal_answer(&f->peer, 200, LIST(""));
    ask_one(f, "public:5521"); /* owed from before */
    assert_non_null(strstr(fake_portal_next(&f->peer)->body, "\"LayDanhSachHoiDapBoCoQuan\""));
    fake_portal_answer(&f->peer, 200, LIST(ANSWERED("5521", "z")));
    assert_non_null(strstr(f->body, "\"answer\":\"z\""));
}

static void a_portal_without_public_questions_keeps_the_others_coming(void **state)
{
    struct fixture *f = *state;

    ask_list(f);
    fake_portal_login(&f->peer, "one");
    fake_portal_answer(&f->peer, 200, LIST(ANSWERED("5521", "x")));
    ask_list(f);
    fake_portal_answer(&f->peer, 500, ""); /* it does not answer: asked again from there */
    assert_int_equal(f->poll.err, ERR_REMOTE);
    ask_list(f);
    assert_non_null(strstr(fake_portal_next(&f->peer)->body, "\"LayDanhSachHoiDapBoCoQuan\""));
    fake_portal_answer(&f->peer, 200, "{\"error_code\":-1,\"message\":\"Không có quyền\"}");
    assert_int_equal(f->poll.err, 0);
    assert_true(f->n_rows == 0 && !f->poll.more && f->poll.full_done);
    assert_non_null(strstr(f->peer.logged, "LayDanhSachHoiDapBoCoQuan is refused: Không có quyền"));
    ask_list(f);
    assert_non_null(strstr(fake_portal_next(&f->peer)->body, "\"LayDanhSachHoiDapGuiTuDVCQG\""));
    fake_portal_answer(&f->peer, 200, "{\"error_code\":-1,\"message\":\"Không có quyền\"}");
    assert_int_equal(f->poll.err, ERR_REMOTE); /* this one must be had */
}

static void what_is_owed_from_before_is_asked_for_again(void **state)
{
    struct fixture *f = *state;

    ask_one(f, "question:5521");
    fake_portal_login(&f->peer, "one");
    fake_portal_answer(&f->peer, 200, LIST(ROW("5520", "1", "a") "," ROW("5521", "1", "b")));
    assert_non_null(strstr(fake_portal_next(&f->peer)->body, ANSWERS));
    fake_portal_answer(&f->peer, 200, LIST(""));
    assert_int_equal(f->detail.err, 0);
    assert_non_null(strstr(f->body, "\"code\":\"question:5521\""));
    ask_one(f, "question:5599");
    fake_portal_answer(&f->peer, 200, LIST(ROW("5521", "1", "b")));
    assert_int_equal(f->detail.err, ERR_NOTFOUND);
}

static void a_reply_that_is_no_list_concludes_nothing(void **state)
{
    struct fixture *f = *state;

    ask_list(f);
    fake_portal_login(&f->peer, "one");
    fake_portal_answer(&f->peer, 200, "{\"error_code\":0,\"message\":\"Thành công\"}");
    assert_int_equal(f->poll.err, ERR_FORMAT);
    ask_list(f);
    fake_portal_answer(&f->peer, 500, "");
    assert_int_equal(f->poll.err, ERR_REMOTE);
    assert_int_equal(f->n_rows, 0);
}

static void no_look_up_is_made_for_other_codes(void **state)
{
    struct fixture *f = *state;

    f->lookup = (struct adapter_lookup){.code = "reply:5521", .done = on_lookup};
    f->portal->ops->lookup(f->portal, &f->lookup);
    assert_int_equal(f->ended, 0); /* never from inside the call */
    fake_loop_settle(&f->peer.loop);
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->lookup.answer, LOOKUP_REFUSED);
    assert_int_equal(f->lookup.outcome.class, OUTCOME_HELD);
    assert_int_equal(f->peer.n_calls, 0);
}

/* ---- answers and questions of the province ---- */

static void read_one(struct arena *a, const char *text, struct record *out)
{
    struct errmsg msg = {{0}};
    struct json *root = NULL;

    assert_int_equal(json_parse(text, strlen(text), &root, &msg), 0);
    assert_int_equal(national_other_read(&national_question, root, a, out, &msg), 0);
    json_free(root);
}

static int build(struct fixture *f, const char *text, struct buf *out,
                 struct adapter_check *verdict)
{
    struct adapter_send send = {.kind = RECORD_QUESTION, .n_records = 1};
    struct record record;
    struct arena a;
    int err;

    arena_init(&a, 1u << 20);
    read_one(&a, text, &record);
    send.records = &record;
    send.code = record.code;
    buf_clear(out);
    err = portal_other_build(&f->peer.env, &f->peer.config.portal,
                             national_other_find(RECORD_QUESTION), &send,
                             (struct portal_request){.body = out}, verdict);
    arena_free(&a);
    return err;
}

static void an_answer_and_a_question_go_by_their_own_services(void **state)
{
    struct fixture *f = *state;
    struct adapter_check verdict;
    struct buf out;

    buf_init(&out, 0);
    assert_int_equal(build(f,
                           "{\"HOIDAPID\":5521,\"NOIDUNG\":\"Cần gì?\",\"HOVATEN\":\"Vừ A Thử\","
                           "\"MADONVI\":\"H56\",\"NGUOITRALOI\":\"Trần B\","
                           "\"CHUCVUNGUOITRALOI\":\"Chuyên viên\",\"NGAYTRALOI\":\"18/11/2025\","
                           "\"NOIDUNGTRALOI\":\"Nộp tờ khai\"}",
                           &out, &verdict),
                     0);
    assert_non_null(strstr(buf_text(&out),
                           "\"service\":\"DongBoKetQuaHoiDapGuiTuDVCQG\",\"data\":[{\"HOIDAPID\":"
                           "\"5521\",\"MADONVI\":\"H56\",\"NGUOITRALOI\":\"Trần B\","
                           "\"CHUCVUNGUOITRALOI\":\"Chuyên viên\",\"NGAYTRALOI\":\"18/11/2025\","
                           "\"NOIDUNGTRALOI\":\"Nộp tờ khai\"}]}"));
    assert_int_equal(build(f,
                           "{\"HOIDAPID\":\"L-12\",\"MaLinhVuc\":\"G15-HT04\",\"NOIDUNG\":\"...\","
                           "\"MADONVI\":\"H56\",\"TENDONVI\":\"UBND\"}",
                           &out, &verdict),
                     0);
    assert_non_null(strstr(buf_text(&out),
                           "\"service\":\"DongBoHoiDap\",\"data\":[{\"HOIDAPID\":\"L-12\","
                           "\"MaLinhVuc\":\"G15-HT04\",\"NOIDUNG\":\"...\",\"MADONVI\":\"H56\","
                           "\"TENDONVI\":\"UBND\"}]}"));
    buf_free(&out);
}

static void an_answer_without_its_day_or_its_giver_is_held(void **state)
{
    static const char *const bad[] = {
        "{\"HOIDAPID\":\"1\",\"MADONVI\":\"H56\",\"NGUOITRALOI\":\"\",\"NGAYTRALOI\":\"18/11/"
        "2025\","
        "\"NOIDUNGTRALOI\":\"x\"}",
        "{\"HOIDAPID\":\"1\",\"MADONVI\":\"H56\",\"NGUOITRALOI\":\"B\",\"NGAYTRALOI\":\"2025-11-"
        "18\","
        "\"NOIDUNGTRALOI\":\"x\"}",
        ("{\"HOIDAPID\":\"1\",\"MADONVI\":\"\",\"NGUOITRALOI\":\"B\",\"NGAYTRALOI\":\"18/11/2025\","
         "\"NOIDUNGTRALOI\":\"x\"}"),
        "{\"HOIDAPID\":\"1\",\"MADONVI\":\"H56\"}",
    };
    struct fixture *f = *state;
    struct adapter_check verdict;
    struct buf out;

    buf_init(&out, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(build(f, bad[i], &out, &verdict), ERR_INVAL);
        assert_int_equal(verdict.hold, HOLD_INVALID);
    }
    buf_free(&out);
}

static void who_asked_is_found_by_name_and_by_number(void **state)
{
    static const struct {
        enum person_by by;
        const char *needle;
        bool found;
    } cases[] = {{PERSON_BY_NAME, "Vừ A Thử", true},
                 {PERSON_BY_PHONE, "0000 123 456", true},
                 {PERSON_BY_NAME, "Lò Thị Khác", false}};
    struct errmsg msg = {{0}};
    struct record record;
    struct arena a;

    (void)state;
    arena_init(&a, 1u << 20);
    read_one(&a,
             "{\"HOIDAPID\":\"1\",\"NOIDUNG\":\"Cần gì?\",\"MADONVI\":\"H56\","
             "\"HOVATEN\":\"Vừ A Thử\",\"SODIENTHOAI\":\"0000123456\"}",
             &record);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct person_match m;

        person_match_init(&m, cases[i].by);
        assert_int_equal(person_match_add(&m, cases[i].needle, &msg), 0);
        assert_int_equal(m.matcher.body(m.matcher.ctx, record.body, record.body_len) != 0,
                         cases[i].found);
        person_match_free(&m);
    }
    arena_free(&a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_list_is_read_with_one_call_and_gives_the_details),
        TEST(what_the_list_does_not_answer_is_asked_for_by_its_number),
        TEST(public_questions_come_behind_those_that_were_asked),
        TEST(a_portal_without_public_questions_keeps_the_others_coming),
        TEST(what_is_owed_from_before_is_asked_for_again),
        TEST(a_reply_that_is_no_list_concludes_nothing),
        TEST(no_look_up_is_made_for_other_codes),
        TEST(an_answer_and_a_question_go_by_their_own_services),
        TEST(an_answer_without_its_day_or_its_giver_is_held),
        TEST(who_asked_is_found_by_name_and_by_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
